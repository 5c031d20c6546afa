//! No credential is written anywhere but where its owner looks for it: not into logs at any level, not into databases.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose};
use kit::credential::{Kind, Plain};
use reqwest::Method;
use serde_json::json;
use suite::{Answer, Installation, PORTALS, Portal, path};

/// Files that exist to show credentials to their owner.
const EXEMPT: [&str; 2] = ["bootstrap.json", "auth.header"];

/// How a secret could have been written: as it is, in hexadecimal digits, in base64 at each of the three alignments.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let hex: String = secret
        .bytes()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|d| char::from(b"0123456789abcdef"[usize::from(d)]))
        .collect();
    let base64 = (0..3).map(|shift| {
        let text = general_purpose::STANDARD_NO_PAD.encode(format!("{}{secret}", "x".repeat(shift)));
        // The first and the last group hold bits of what is before and after.
        text[4..text.len() - 4].to_owned()
    });
    [secret.to_owned(), hex.clone(), hex.to_uppercase()].into_iter().chain(base64).map(String::into_bytes).collect()
}

fn find(bytes: &[u8], secrets: &[(&str, &str)], place: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (what, secret) in secrets {
        for (number, spelling) in spellings(secret).into_iter().enumerate() {
            if bytes.windows(spelling.len()).any(|window| window == spelling) {
                found.push(format!("{what} (spelling {number}) is in {place}"));
            }
        }
    }
    found
}

fn search(directory: &Path, secrets: &[(&str, &str)]) -> (usize, Vec<String>) {
    let (mut files, mut found) = (0, Vec::new());
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let (more, leaks) = search(&path, secrets);
            (files, found) = (files + more, [found, leaks].concat());
        } else if !EXEMPT.iter().any(|name| path.ends_with(name)) {
            files += 1;
            found.extend(find(&fs::read(&path).unwrap(), secrets, &path.display().to_string()));
        }
    }
    (files, found)
}

#[test]
fn each_spelling_of_a_secret_is_found() {
    let secret = "bkpat_abcdefghijklmnopqrstuvwxyz";
    for (number, spelling) in spellings(secret).into_iter().enumerate() {
        let text = [b"before ".as_slice(), &spelling, b" after"].concat();
        assert_eq!(find(&text, &[("it", secret)], "there").len(), 1, "spelling {number}");
    }
    for shift in 0..3 {
        let text = general_purpose::STANDARD.encode(format!("{}{secret} and more", "p".repeat(shift)));
        assert_eq!(find(text.as_bytes(), &[("it", secret)], "there").len(), 1, "shift {shift}");
    }
    assert_eq!(find(b"nothing", &[("it", secret)], "there"), Vec::<String>::new());
}

/// Uses credentials in every way that there is, right and wrong.
async fn use_everything(house: &Installation, canaries: &[&str]) -> Portal {
    let query = "mutation A($id: ID!, $message: String) { buildCreate(input: {pipelineID: $id, commit: \"HEAD\", branch: \
                 \"main\", message: $message}) { build { url } } }";
    let portal = house.portal_of(query).await;
    let id = house.pipeline_id().await;
    house.call(&portal, json!({"id": id, "message": "harmless", canaries[0]: canaries[0]})).await.data();
    house.call(&portal, json!({"id": 1.5, "message": [canaries[0]]})).await.error(422);
    for canary in canaries {
        let request = || house.request(Method::POST, &path(&portal.slug)).json(&json!({}));
        Answer::of(request().bearer_auth(canary)).await.error(401);
        Answer::of(request().basic_auth("client", Some(canary))).await.error(401);
        let url = format!("{}?access_token={canary}", path(&portal.slug));
        Answer::of(house.request(Method::POST, &url)).await.error(400);
        Answer::of(house.request(Method::POST, &path(&portal.slug)).body("{}").bearer_auth(canary)).await.error(415);
        Answer::of(house.request(Method::GET, PORTALS).bearer_auth(canary)).await.error(401);
        Answer::of(house.request(Method::GET, "/nonsense").bearer_auth(canary)).await.error(404);
        Answer::of(house.request(Method::POST, "/graphql").bearer_auth(canary).json(&json!({"query": "{ x }"})))
            .await
            .error(401);
    }
    house.rest(Method::PUT, &format!("{PORTALS}/{}", portal.slug), Some(json!({"slug": "moved"}))).await.expect(200);
    house.rest(Method::DELETE, &format!("{PORTALS}/moved"), None).await.expect(204);
    house.call(&portal, json!({})).await.error(401);
    portal
}

#[tokio::test]
async fn no_credential_is_in_the_logs_at_trace_level_nor_in_the_data_directory() {
    let mut house = Installation::start_with(&[("RUST_LOG", "trace")]);
    let canary = Plain::token("bk", Kind::Portal, &[0x5a; 32]);
    let secret = Plain::secret("bk", [0x5a; 6], &[0x5a; 32]);
    let portal = use_everything(&house, &[canary.expose(), secret.expose()]).await;
    let (api_token, password) = (house.api_token().to_owned(), house.bootstrap().text("password").to_owned());
    let secrets = [
        ("the API access token", api_token.as_str()),
        ("the password", &password),
        ("the portal's token", &portal.token),
        ("an unknown token", canary.expose()),
        ("an unknown secret", secret.expose()),
    ];
    // While it runs, so that the write-ahead logs are there; and after its end.
    let (files, running) = search(house.data_dir(), &secrets);
    assert!(files >= 4, "only {files} files in the data directory");
    assert_eq!(running, Vec::<String>::new());
    assert!(house.stop().success());
    assert_eq!(search(house.data_dir(), &secrets).1, Vec::<String>::new());
    let log = house.process().stderr();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "it doesn't log at trace level");
    assert_eq!(find(log.as_bytes(), &secrets, "the log"), Vec::<String>::new());
    assert_eq!(find(house.process().stdout().as_bytes(), &secrets, "standard output"), Vec::<String>::new());
}
