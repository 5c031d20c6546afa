//! A GraphQL API that answers in every way, and keeps what it was told.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::post,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use kit::boot::Tasks;
use reqwest::header::HeaderMap;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The certificate that the portal service's own tests have.
const CERTIFICATE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../services/portal/src/upstream/outbound/tests/tls/server.pem");
/// Who signed it.
pub(super) const AUTHORITY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../services/portal/src/upstream/outbound/tests/tls/ca.pem");

/// What comes before the 32 bytes of an Ed25519 key (RFC 8410 §7). The server's are sevens, so that no key need be kept here;
/// the authority's was thrown away.
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// How it answers, by the path of its URL.
pub(super) const BAD: [&str; 6] = ["unauthorized", "forbidden", "broken", "moved", "nonsense", "page"];

/// The API.
#[derive(Debug)]
pub(super) struct Api {
    /// Its URL without the path.
    pub(super) origin: String,
    heard: Heard,
}

/// What it says wherever there is room for it, and what it was told.
#[derive(Clone, Debug)]
struct Heard {
    word: Arc<str>,
    requests: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Api {
    /// Over HTTP/1.1, or HTTP/2 over TLS.
    pub(super) async fn start(word: &str, is_encrypted: bool) -> Self {
        // The second is in the certificate.
        let (scheme, address) = if is_encrypted { ("https", "127.0.0.2:0") } else { ("http", "127.0.0.1:0") };
        let listener = TcpListener::bind(address).await.unwrap();
        let origin = format!("{scheme}://{}", listener.local_addr().unwrap());
        let heard = Heard { word: word.into(), requests: Arc::default() };
        let routes = Router::new().route("/{mood}", post(answer)).with_state(heard.clone());
        let (tasks, acceptor) = (Tasks::default(), is_encrypted.then(acceptor));
        tasks.clone().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(serve(stream, acceptor.clone(), routes.clone()));
            }
        });
        Self { origin, heard }
    }

    /// Whether it was told that, in a header or a body.
    pub(super) fn heard(&self, what: &str) -> bool {
        let requests = self.heard.requests.lock().unwrap();
        let holds = |headers: &HeaderMap| headers.values().any(|value| value.to_str().unwrap().contains(what));
        requests.iter().any(|(headers, body)| body.contains(what) || holds(headers))
    }

    /// The users' assertions that came.
    pub(super) fn assertions(&self) -> Vec<String> {
        let requests = self.heard.requests.lock().unwrap();
        let assertions = requests.iter().filter_map(|(headers, _)| headers.get("portal-user-assertion"));
        assertions.map(|value| value.to_str().unwrap().to_owned()).collect()
    }
}

fn acceptor() -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(&fs::read(CERTIFICATE).unwrap()).collect::<Result<_, _>>();
    let key = PrivateKeyDer::Pkcs8([PKCS8.as_slice(), &[7; 32]].concat().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = versions.with_no_client_auth().with_single_cert(chain.unwrap(), key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config).into()
}

async fn serve(stream: TcpStream, acceptor: Option<TlsAcceptor>, routes: Router) {
    let (protocol, service) = (auto::Builder::new(TokioExecutor::new()), TowerToHyperService::new(routes));
    // Connections end as their callers like.
    match acceptor {
        None => _ = protocol.serve_connection(TokioIo::new(stream), service).await,
        Some(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            _ = protocol.serve_connection(TokioIo::new(stream), service).await;
        }
    }
}

async fn answer(State(heard): State<Heard>, Path(mood): Path<String>, headers: HeaderMap, body: String) -> Response {
    heard.requests.lock().unwrap().push((headers, body));
    let word = &heard.word;
    let (status, name, body) = match mood.as_str() {
        "unauthorized" => (401, "www-authenticate", format!("{{\"errors\":[{{\"message\":\"{word}\"}}]}}")),
        "forbidden" => (403, "x-said", word.to_string()),
        "broken" => (500, "x-said", format!("<html>{word}</html>")),
        "moved" => (302, "location", word.to_string()),
        "nonsense" => (200, "x-said", format!("{{\"{word}\":\"{word}\"}}")),
        "page" => (200, "x-said", format!("<html>{word}</html>")),
        _ => (200, "x-said", format!("{{\"data\":{{\"hello\":\"{word}\"}},\"errors\":[{{\"message\":\"{word}\"}}]}}")),
    };
    let headers = [(name, word.to_string()), ("set-cookie", format!("a={word}; Path=/"))];
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], headers, body).into_response()
}
