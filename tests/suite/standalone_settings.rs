//! What `standalone` fills in itself can be set, too.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use suite::{Installation, Launch, raw};

/// Writes a file that only its owner can read. Gives its path as text.
fn secret(file: &Path, text: &str) -> String {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}

#[tokio::test]
async fn a_service_key_that_one_part_is_given_is_every_part_s() {
    let directory = tempfile::tempdir().unwrap();
    let key = "k".repeat(32);
    let file = secret(&directory.path().join("service.key"), &format!("{key}\n"));
    for (name, value) in [
        ("TOKEN_SERVICE__KEY_FILE", &file),
        ("PORTAL_SERVICE__KEY_FILE", &file),
        ("GATEWAY_SERVICE__KEY_FILE", &file),
        ("GATEWAY_SERVICE__KEY", &key),
    ] {
        let house = Installation::start_with(&[(name, value)]);
        house.get("/v2/user").await.expect(200);
        let portal = house.portal_of("{ viewer { id } }").await;
        house.call(&portal, serde_json::json!({})).await.expect(200);
    }
}

#[test]
fn a_key_file_elsewhere_is_the_only_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut launch = Launch::new(&directory.path().join("data"));
    for (name, file) in [("TOKEN_KEYS__FILE", "own-token.key"), ("PORTAL_KEYS__FILE", "own-portal.key")] {
        let key = format!("own {}\n", "5a".repeat(32));
        launch = launch.set(name, &secret(&directory.path().join(file), &key));
    }
    // Neither the first start nor one that finds its databases asks for another.
    for _ in 0..2 {
        assert!(Installation::launch(launch.clone()).stop().success());
        assert!(!launch.data_dir().join("token.key").exists() && !launch.data_dir().join("portal.key").exists());
    }
}

#[test]
fn every_admin_address_is_served() {
    let [token, portal] = [(); 2].map(|()| raw::free_address());
    let variables = [("TOKEN_ADMIN__LISTEN", token.to_string()), ("PORTAL_ADMIN__LISTEN", portal.to_string())];
    let house = Installation::start_with(&variables.each_ref().map(|(name, value)| (*name, value.as_str())));
    for address in [token, portal] {
        assert_eq!(raw::get(address, "/readyz"), Some(200));
    }
    assert!([token, portal].contains(&house.bootstrap().address("admin")));
}

#[test]
fn a_data_directory_may_have_any_name() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["what?", "100%", "%41", "a b#c"] {
        let launch = Launch::new(&directory.path().join(name));
        for _ in 0..2 {
            assert!(Installation::launch(launch.clone()).stop().success(), "{name}");
        }
        assert!(launch.data_dir().join("token.db").is_file(), "{name}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4);
}
