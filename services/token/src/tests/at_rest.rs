//! What lies in the database.

use std::fs;

use super::world::{PORTAL, everywhere};

#[tokio::test]
async fn no_credential_lies_in_the_files_in_plain_text() {
    everywhere(async |world| {
        let issued = world.issued(PORTAL).await.token;
        world.verify(&issued).await.unwrap();
        let Some(file) = world.config.database_url.strip_prefix("sqlite:") else { return };
        let mut seen = Vec::new();
        for file in [file, &format!("{file}-wal")] {
            seen.extend(fs::read(file).unwrap());
        }
        let holds = |text: &str| seen.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("ada@example.com") && holds("pbkdf2-sha256"), "the rows are in these files");
        for token in [issued.as_str(), world.api_token.expose()] {
            let (_, body) = token.split_once('_').unwrap();
            assert!(!holds(token) && !holds(&body[..20]) && !holds(&body[20..40]), "{token}");
        }
        assert!(!holds("correct horse"));
    })
    .await;
}

#[tokio::test]
async fn no_credential_lies_in_any_row() {
    everywhere(async |world| {
        let issued = world.issued(PORTAL).await.token;
        let text = if world.config.database_url.starts_with("sqlite:") { "hex(tag)" } else { "encode(tag, 'hex')" };
        for table in ["portal_tokens", "api_tokens"] {
            let rows = world.rows(&format!("SELECT {text} AS tag, last_four, description FROM {table}")).await;
            let tag: String = rows[0].try_get("", "tag").unwrap();
            assert_eq!(tag.len(), 64, "a tag and nothing else");
            let last_four: String = rows[0].try_get("", "last_four").unwrap();
            let token = if table == "portal_tokens" { issued.as_str() } else { world.api_token.expose() };
            assert!(token.ends_with(&last_four) && last_four.len() == 4);
        }
    })
    .await;
}
