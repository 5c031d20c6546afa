//! TLS to PostgreSQL: `sslmode` and `sslrootcert` in the URL of a database.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command, time::Duration};

use suite::{Cluster, Part, Split, portals, wait};

/// Makes a certificate of a server at 127.0.0.1, of an authority of its own, and another authority.
fn certificates(directory: &Path) {
    let openssl = |line: &str| {
        let output = Command::new("openssl").args(line.split_whitespace()).current_dir(directory).output();
        let output = output.expect("openssl: `tests/run` installs it");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for authority in ["authority", "stranger"] {
        openssl(&format!("req -x509 {key} -keyout {authority}.key -out {authority}.pem -subj /CN={authority} -days 2"));
    }
    openssl(&format!("req -new {key} -keyout server.key -out server.csr -subj /CN=server"));
    fs::write(directory.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let by = "-CA authority.pem -CAkey authority.key -CAcreateserial";
    openssl(&format!("x509 -req -in server.csr {by} -days 2 -extfile names -out server.pem"));
    // The server isn't root, and wants its key to itself.
    if fs::metadata(directory).unwrap().uid() == 0 {
        assert!(Command::new("chown").args(["-R", "postgres"]).arg(directory).status().unwrap().success());
    }
}

#[test]
fn a_database_is_spoken_to_only_if_its_certificate_is_the_one_that_was_asked_for() {
    let Some(cluster) = Cluster::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    certificates(directory.path());
    let file = |name: &str| directory.path().join(name).display().to_string();
    for setting in [
        format!("ssl_cert_file = '{}'", file("server.pem")),
        format!("ssl_key_file = '{}'", file("server.key")),
        "ssl = on".to_owned(),
    ] {
        cluster.sql("postgres", &format!("ALTER SYSTEM SET {setting}"));
    }
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    wait::need("the server to speak TLS", Duration::from_secs(30), || {
        (cluster.sql("postgres", "SHOW ssl").trim() == "on").then_some(())
    });
    cluster.create("token");
    let port = cluster.address().port();
    let migrate = |host: &str, mode: &str, authority: &str| {
        let mut settings = Split::environment_of(directory.path(), Part::Token);
        let url = format!(
            "postgres://postgres@{host}:{port}/token?sslmode={mode}&sslrootcert={}",
            file(&format!("{authority}.pem"))
        );
        settings.push(("TOKEN_DATABASE__URL".to_owned(), url));
        let ended = portals(&["migrate", "token"], &settings);
        (ended.status.success(), ended.stderr)
    };
    let (succeeded, said) = migrate("127.0.0.1", "verify-full", "authority");
    assert!(succeeded, "{said}");
    assert!(migrate("localhost", "verify-ca", "authority").0, "of whatever name");
    for (host, mode, authority) in [
        ("127.0.0.1", "verify-full", "stranger"),
        ("127.0.0.1", "verify-ca", "stranger"),
        // The certificate isn't of that name.
        ("localhost", "verify-full", "authority"),
    ] {
        let (succeeded, said) = migrate(host, mode, authority);
        assert!(!succeeded, "{host} {mode} {authority}: {said}");
    }
}
