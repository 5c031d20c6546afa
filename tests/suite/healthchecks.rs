//! `portals healthcheck`: the exit code says whether a running process can work.

use suite::{Installation, portals};

fn variables(given: &[(&str, String)]) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn a_running_installation_is_healthy_and_a_stopped_one_is_not() {
    let mut house = Installation::start();
    let directory = house.data_dir().to_str().unwrap().to_owned();
    let check = |more: &[&str]| portals(&[&["healthcheck"], more].concat(), &[]);
    let in_directory = ["--data-dir", &directory];
    let gateway = format!("{}/", house.bootstrap().text("gateway"));
    for asked in [&in_directory[..], &["--data-dir", &directory, "--live"], &["--url", &gateway]] {
        let checked = check(asked);
        assert_eq!((checked.status.code(), checked.stdout.as_str()), (Some(0), ""), "{asked:?}: {}", checked.stderr);
    }
    let refused = check(&["--url", &format!("{gateway}no-such-page")]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("404 Not Found"), "{}", refused.stderr);
    assert!(house.stop().success());
    for asked in [&in_directory[..], &["--url", &gateway]] {
        assert_eq!(check(asked).status.code(), Some(1), "{asked:?}");
    }
}

#[test]
fn a_part_is_asked_where_its_environment_says() {
    let house = Installation::shared();
    let admin = house.bootstrap().address("admin").to_string();
    let nobody = "127.0.0.1:1".to_owned();
    let given = variables(&[("TOKEN_ADMIN__LISTEN", admin), ("GATEWAY_ADMIN__LISTEN", nobody)]);
    assert_eq!(portals(&["healthcheck", "token"], &given).status.code(), Some(0));
    for asked in [&["healthcheck", "gateway"][..], &["healthcheck"], &["healthcheck", "portal"]] {
        assert_eq!(portals(asked, &given).status.code(), Some(1), "{asked:?}");
    }
}
