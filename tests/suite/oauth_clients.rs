//! Ready-made OAuth 2.0 clients obtain a token with nothing but the URL, the client's id and its secret.

use serde_json::{Map, Value};
use suite::{Installation, Portal, clients, path};

struct Scene {
    portal: Portal,
    secret: String,
    url: String,
}

async fn scene(house: &Installation) -> Scene {
    let portal = house.portal_of("{ viewer { id } }").await;
    let secret = house.secret(&portal).await.value;
    let url = format!("{}{}/tokens", house.gateway(), path(&portal.slug));
    Scene { portal, secret, url }
}

/// Calls the portal with what each way to authenticate got.
async fn all_work(house: &Installation, portal: &Portal, mut got: Map<String, Value>, ways: usize) {
    assert_eq!(got.remove("refusal").unwrap(), "invalid_client", "a wrong secret");
    assert_eq!(got.len(), ways, "{:?}", got.keys());
    for (way, token) in got {
        // As RFC 6749 has it, clients may change the case.
        assert_eq!(token["token_type"].as_str().unwrap().to_lowercase(), "bearer", "{way}");
        let answer = house.call_with(portal, token["access_token"].as_str().unwrap()).await;
        assert_eq!(answer.status, 200, "{way}: {answer:#?}");
    }
}

#[tokio::test]
async fn authlib_and_requests_oauthlib_obtain_tokens() {
    let house = Installation::shared();
    let Scene { portal, secret, url } = scene(&house).await;
    let got = clients::python("oauth_authlib.py", &[&url, portal.uuid()], &secret);
    all_work(&house, &portal, got.as_object().unwrap().clone(), 3).await;
}

#[tokio::test]
async fn oauth4webapi_obtains_tokens() {
    let house = Installation::shared();
    let Scene { portal, secret, url } = scene(&house).await;
    let got = clients::node("oauth4webapi.mjs", &[&url, portal.uuid()], &secret);
    all_work(&house, &portal, got.as_object().unwrap().clone(), 2).await;
}
