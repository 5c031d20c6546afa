//! `/.well-known/jwks.json`.

use contracts::registry::v1::GetAssertionKeysRequest;
use kit::error::Code;

use super::{World, code, header, script::Refuse};

const KEYS: &str = "/.well-known/jwks.json";

#[tokio::test]
async fn the_keys_are_shown_to_everybody_and_may_be_kept_for_a_while() {
    let world = World::new().await;
    let response = world.request("GET", KEYS).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), Some("application/jwk-set+json"));
    assert_eq!(header(&response, "cache-control"), Some("public, max-age=300"));
    assert_eq!(header(&response, "x-content-type-options"), Some("nosniff"));
    assert_eq!(response.text().await.unwrap(), r#"{"keys":[]}"#, "as the service has it");
    assert_eq!(world.request("HEAD", KEYS).send().await.unwrap().status(), 200);
    assert_eq!(world.request("POST", KEYS).send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn a_credential_that_comes_along_goes_no_further() {
    let world = World::new().await;
    assert_eq!(world.send("GET", KEYS, "").await.status(), 200);
    let (caller, _) = world.script.last::<GetAssertionKeysRequest>();
    assert!(caller.is_service && caller.authorization.is_none());
}

#[tokio::test]
async fn an_error_is_kept_by_nobody() {
    let world = World::new().await;
    world.script.refuse(Refuse::new(Code::Unavailable, "database_unavailable"));
    let response = world.request("GET", KEYS).send().await.unwrap();
    assert_eq!(header(&response, "cache-control"), None);
    assert_eq!(code(response).await, (503, "database_unavailable".to_owned()));
}
