//! `portals admin` against a running installation.

use serde_json::{Value, json};
use suite::{Browser, Ended, Installation, Launch, admin::Admin, portals_in, unique};

/// Fails unless the command was refused with one sentence that holds all `words` (in lower case).
#[track_caller]
fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(1), "{ended:#?}");
    assert_eq!(ended.stdout, "", "a refused command prints no result");
    assert!(!ended.stderr.contains("panicked") && ended.stderr.trim().lines().count() <= 2, "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.to_lowercase().contains(word), "nothing about {word:?} in:\n{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_made_user_signs_in_and_works_with_a_made_token() {
    let house = Installation::shared();
    let admin = house.admin();
    let (user, organization) = (admin.user(&unique("worker")), unique("made"));
    admin.organization(&organization);
    admin.member(&user, &organization, "admin");
    Browser::signed_in(&house, &user.email, &user.password).await;
    let caller = house.with(&admin.api_token(&user));
    assert_eq!(caller.get("/v2/user").await.expect(200)["email"], user.email);
    let reached = caller.get("/v2/organizations").await.expect(200);
    assert_eq!(reached.as_array().map(Vec::len), Some(1), "{reached:#}");
    assert_eq!(reached[0]["slug"], organization);
    let portals = format!("/v2/organizations/{organization}/portals");
    let body = json!({"name": "Mine", "query": "{ viewer { id } }"});
    caller.rest(reqwest::Method::POST, &portals, Some(body)).await.expect(201);
    assert!(admin.ok(&["list-users"], "").contains(&user.email));
}

#[test]
fn what_a_script_captures_is_the_token_alone() {
    let house = Installation::shared();
    let admin = house.admin();
    let user = admin.user(&unique("scripted"));
    let ended = admin.run(&["create-api-token", "--email", &user.email, "--scope", "read_user"], "");
    assert!(ended.status.success(), "{}", ended.stderr);
    let token = ended.stdout.trim_end();
    assert!(token.starts_with("bkua_") && !token.contains(char::is_whitespace), "more than a token was printed");
    assert!(!ended.stderr.contains(token), "the token stands in what people read, too");
}

#[test]
fn a_password_is_made_where_none_is_given_and_never_shown_again() {
    let house = Installation::shared();
    let admin = house.admin();
    let user = admin.user(&unique("renewed"));
    let first = admin.ok(&["reset-password", "--email", &user.email], "");
    let second = admin.ok(&["reset-password", "--email", &user.email], "");
    assert!(first.len() >= 16 && first != second);
    let given = admin.run(&["reset-password", "--email", &user.email, "--password-stdin"], "a password of mine\n");
    assert!(given.status.success() && !format!("{given:?}").contains("a password of mine"), "{given:#?}");
    refused(&admin.run(&["reset-password", "--email", &user.email, "--password-stdin"], "short\n"), &["12"]);
}

#[test]
fn what_is_wrong_is_said_in_one_sentence() {
    let house = Installation::shared();
    let admin = house.admin();
    let user = admin.user(&unique("once"));
    let create = |email: &str| admin.run(&["create-user", "--email", email, "--name", "x"], "");
    refused(&create(&user.email), &["email"]);
    refused(&create("nonsense"), &["email"]);
    refused(&admin.run(&["delete-user", "--email", "nobody@example.com"], ""), &["user"]);
    let add = |organization: &str, email: &str| {
        admin.run(&["add-member", "--organization", organization, "--email", email, "--role", "admin"], "")
    };
    refused(&add("no-such-organization", &user.email), &["no-such-organization"]);
    refused(&add("my-organization", "nobody@example.com"), &["user"]);
    refused(&admin.run(&["create-organization", "--name", "x", "--slug", "my-organization"], ""), &["slug"]);
    // What clap refuses is a usage error.
    for words in [
        &["create-api-token", "--email", &user.email, "--scope", "everything"][..],
        &["create-api-token", "--email", &user.email],
        &["add-member", "--organization", "my-organization", "--email", &user.email, "--role", "owner"],
        &["create-user", "--email", "a@example.com", "--name", "x", "--password", "on the command line"],
    ] {
        assert_eq!(admin.run(words, "").status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn without_a_running_installation_it_says_where_it_looked() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let place = data_dir.display().to_string().to_lowercase();
    refused(&Admin::of(&data_dir).run(&["list-users"], ""), &[&place]);
    let mut house = Installation::start();
    house.admin().ok(&["list-users"], "");
    assert!(house.stop().success());
    assert!(!house.file("running.json").exists(), "a clean stop removes it");
    refused(&house.admin().run(&["list-users"], ""), &["running"]);
    house.start_again();
    house.admin().ok(&["list-users"], "");
    // After a crash the file is still there, and nobody answers.
    house.kill();
    let ended = house.admin().run(&["list-users"], "");
    assert_eq!(ended.status.code(), Some(1), "{ended:#?}");
}

#[test]
fn between_a_running_directory_and_an_environment_it_does_not_choose() {
    let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let house = Installation::launch(Launch::new(&here.path().join("portals-data")));
    let running: Value =
        serde_json::from_slice(&std::fs::read(house.data_dir().join("running.json")).unwrap()).unwrap();
    let of = |name: &str| running[name].as_str().unwrap();
    let urls = [("GATEWAY_TOKEN__URL", of("token_grpc")), ("GATEWAY_PORTAL__URL", of("portal_grpc"))];
    let named = [urls[0], urls[1], ("GATEWAY_SERVICE__KEY", of("service_key"))];
    let run = |directory: &tempfile::TempDir, words: &str, variables: &[(&str, &str)]| {
        let words: Vec<&str> = ["admin"].into_iter().chain(words.split(' ')).collect();
        portals_in(directory.path(), &words, variables)
    };
    for words in ["list-users", "rotate-key token"] {
        for variables in [&named[..], &urls[..1], &urls[1..]] {
            refused(&run(&here, words, variables), &["portals-data", &variables[0].0.to_lowercase(), "--data-dir"]);
        }
    }
    for ended in [
        run(&here, "list-users", &[]),
        // By itself it names nothing: `standalone` takes it, too.
        run(&here, "list-users", &named[2..]),
        run(&here, "list-users --data-dir portals-data", &named),
        run(&elsewhere, "list-users", &named),
    ] {
        assert!(ended.status.success() && ended.stdout.lines().count() == 1, "{ended:#?}");
    }
}

#[tokio::test]
async fn a_removed_user_is_gone_everywhere() {
    let house = Installation::shared();
    let admin = house.admin();
    let user = admin.user_as("admin", "goner");
    let caller = house.with(&admin.api_token(&user));
    caller.get("/v2/user").await.expect(200);
    admin.ok(&["delete-user", "--email", &user.email], "");
    caller.get("/v2/user").await.error_code(401, "authentication_required");
    assert!(!admin.ok(&["list-users"], "").contains(&user.email));
    let answer = Browser::new(&house).sign_in(&user.email, &user.password, "/console/").await;
    assert!((400..500).contains(&answer.status), "{answer:#?}");
}
