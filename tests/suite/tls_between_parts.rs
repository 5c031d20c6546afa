//! TLS between the parts: who has no certificate of the authority isn't let in, and certificates change while it runs.

use std::{io::Read, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::json;
use suite::{Authority, Fleet, Part, Split, wait};
use tempfile::TempDir;

/// How long a change of files may take to be seen. The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

fn settings(authority: &Authority, directory: &TempDir, part: &str) -> Vec<(String, String)> {
    let file = |name: &str| directory.path().join(name).display().to_string();
    let files =
        [("CERT", file("cert.pem")), ("KEY", file("key.pem")), ("CA", authority.certificate().display().to_string())];
    files.map(|(what, path)| (format!("{part}_TLS__{what}_FILE"), path)).to_vec()
}

/// Parts that speak TLS, with one certificate for all.
fn start(authority: &Authority, directory: &TempDir) -> Fleet {
    authority.issue(directory.path());
    Fleet::start(|split| {
        for part in ["TOKEN", "PORTAL", "GATEWAY"] {
            for (name, value) in settings(authority, directory, part) {
                split.set(&name, &value);
            }
        }
        let url = |split: &Split, part| format!("https://{}", split.address(part));
        let (token, portal) = (url(split, Part::Token), url(split, Part::Portal));
        split.set("PORTAL_TOKEN__URL", &token);
        split.set("GATEWAY_TOKEN__URL", &token);
        split.set("GATEWAY_PORTAL__URL", &portal);
    })
}

/// The certificate that is shown there to a client that shows none, and whether that client was let in.
fn shown(authority: &Authority, address: SocketAddr) -> (Vec<u8>, bool) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.certificate()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::from(address.ip());
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut tcp = std::net::TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = rustls::Stream::new(&mut connection, &mut tcp);
    // A server of HTTP/2 speaks first; one that wants to see a certificate says that instead.
    let let_in = stream.read_exact(&mut [0; 9]).is_ok();
    let certificate = connection.peer_certificates().and_then(|chain| chain.first().cloned());
    (certificate.map(|certificate| certificate.to_vec()).unwrap_or_default(), let_in)
}

#[tokio::test]
async fn parts_speak_tls_and_let_nobody_in_without_a_certificate() {
    let (authority, directory) = (Authority::new(), tempfile::tempdir().unwrap());
    let fleet = start(&authority, &directory);
    let portal = fleet.portal_of("{ viewer { id } }").await;
    fleet.call(&portal, json!({})).await.data();
    for part in [Part::Token, Part::Portal] {
        let address = fleet.split.address(part);
        let (certificate, let_in) = shown(&authority, address);
        assert!(!certificate.is_empty() && !let_in, "{part:?}");
        let plain = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap().connect().await;
        let mut health = plain.map(tonic_health::pb::health_client::HealthClient::new);
        let answered = match &mut health {
            Ok(client) => client.check(tonic_health::pb::HealthCheckRequest::default()).await.is_ok(),
            Err(_) => false,
        };
        assert!(!answered, "{part:?} speaks without TLS");
    }
}

#[tokio::test]
async fn a_part_that_another_authority_vouches_for_is_not_let_in() {
    let (authority, directory) = (Authority::new(), tempfile::tempdir().unwrap());
    let mut fleet = start(&authority, &directory);
    let portal = fleet.portal_of("{ viewer { id } }").await;
    fleet.split.stop(Part::Gateway);
    let (other, elsewhere) = (Authority::new(), tempfile::tempdir().unwrap());
    other.issue(elsewhere.path());
    // It trusts the services, and they don't trust it.
    for (name, value) in settings(&authority, &elsewhere, "GATEWAY") {
        fleet.split.set(&name, &value);
    }
    fleet.split.start_part(Part::Gateway);
    fleet.call(&portal, json!({})).await.error_code(503, "service_unavailable");
}

#[tokio::test]
async fn certificates_change_while_everything_runs() {
    let (authority, directory) = (Authority::new(), tempfile::tempdir().unwrap());
    let fleet = start(&authority, &directory);
    let portal = fleet.portal_of("{ viewer { id } }").await;
    let token = fleet.split.address(Part::Token);
    let (first, _) = shown(&authority, token);
    authority.issue(directory.path());
    wait::need("the new certificate to be shown", PATIENCE, || (shown(&authority, token).0 != first).then_some(()));
    let (second, _) = shown(&authority, token);
    // What can't be used changes nothing.
    std::fs::write(directory.path().join("cert.pem"), "nonsense").unwrap();
    wait::need("it to be said", PATIENCE, || {
        fleet.split.process(Part::Token).stderr().contains("what they held before stays in use").then_some(())
    });
    assert_eq!(shown(&authority, token).0, second);
    fleet.call(&portal, json!({})).await.data();
    // A gateway that is new shows what is new.
    authority.issue(directory.path());
    wait::need("the third certificate to be shown", PATIENCE, || {
        let (third, _) = shown(&authority, token);
        (third != first && third != second).then_some(())
    });
    let mut fleet = fleet;
    fleet.split.stop(Part::Gateway);
    fleet.split.start_part(Part::Gateway);
    fleet.call(&portal, json!({})).await.data();
}

#[tokio::test]
async fn the_operator_shows_a_certificate_too() {
    let (authority, directory) = (Authority::new(), tempfile::tempdir().unwrap());
    let fleet = start(&authority, &directory);
    let all = Split::environment_of(&fleet.data_dir(), Part::Gateway);
    let mut variables: Vec<_> = all.into_iter().filter(|(name, _)| name == "GATEWAY_SERVICE__KEY_FILE").collect();
    for (name, part) in [("GATEWAY_TOKEN__URL", Part::Token), ("GATEWAY_PORTAL__URL", Part::Portal)] {
        variables.push((name.to_owned(), format!("https://localhost:{}", fleet.split.address(part).port())));
    }
    let without = suite::portals(&["admin", "list-users"], &variables);
    assert_eq!(without.status.code(), Some(78), "{}", without.stderr);
    assert!(without.stderr.contains("https needs GATEWAY_TLS__CERT_FILE"), "{}", without.stderr);
    variables.extend(settings(&authority, &directory, "GATEWAY"));
    let listed = suite::portals(&["admin", "list-users"], &variables);
    assert!(listed.status.success() && listed.stdout.contains("admin@example.com"), "{}", listed.stderr);
}
