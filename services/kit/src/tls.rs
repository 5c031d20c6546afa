//! TLS between the parts of an installation: each shows a certificate of the installation's own authority, and lets nobody in
//! who doesn't (ADR 0026).
//!
//! The same certificate is shown to callers and to those who are called, so its extended key usage, where it has one, must
//! name both. The files are read again when they change: new connections use the new ones, and what can't be used changes
//! nothing but the log.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{VerifierBuilderError, WebPkiClientVerifier},
};

use crate::{boot::Tasks, error::chain};

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// What is spoken on these connections.
const HTTP2: &[u8] = b"h2";

/// Where the certificate of a part is, its key, and the authority of all parts. PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and those between it and the authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority's certificates.
    pub ca: PathBuf,
}

/// Why files can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// One can't be read, or holds something else.
    #[error("{0} can't be read")]
    File(PathBuf, #[source] pem::Error),
    /// There is no certificate in it.
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    /// They don't belong together, or aren't of a kind that can be used.
    #[error("certificate and key can't be used")]
    Unfit(#[from] rustls::Error),
    /// The authority is none.
    #[error("the authority's certificates can't be used")]
    Authority(#[from] VerifierBuilderError),
}

/// What a part shows and trusts, as the files have it now. Clones share it.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    files: Files,
    live: ArcSwap<Live>,
    seen: Mutex<Stamps>,
}

struct Live {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.files.fmt(f)
    }
}

impl Tls {
    /// Reads the files.
    pub fn open(files: Files) -> Result<Self, BadTls> {
        let (seen, live) = (Stamps::of(&files), ArcSwap::from_pointee(Live::read(&files)?));
        Ok(Self(Arc::new(Inner { files, live, seen: Mutex::new(seen) })))
    }

    /// Reads the files again when they change, until the stop.
    pub fn watch(&self, tasks: &Tasks) {
        let watched = self.clone();
        tasks.every(PERIOD, move || {
            let watched = watched.clone();
            async move {
                // Where it breaks off, the next turn looks again.
                let _ = tokio::task::spawn_blocking(move || watched.look()).await;
            }
        });
    }

    /// How connections are accepted now.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.live.load().server)
    }

    /// How connections are made now.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0.live.load().client)
    }

    fn look(&self) {
        let Inner { files, live, seen } = &*self.0;
        let now = Stamps::of(files);
        {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == now {
                return;
            }
            *seen = now;
        }
        match Live::read(files) {
            Ok(read) => {
                live.store(Arc::new(read));
                tracing::info!(certificate = %files.cert.display(), "the certificate was read again");
            }
            Err(error) => tracing::error!(
                error = chain(&error),
                "the files of a certificate can't be used; what they held before stays in use"
            ),
        }
    }
}

impl Live {
    fn read(files: &Files) -> Result<Self, BadTls> {
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::new(authority(&files.ca)?);
        Ok(Self {
            server: Arc::new(Self::server(files, &provider, &roots)?),
            client: Arc::new(client((&files.cert, &files.key), provider, roots)?),
        })
    }

    fn server(
        files: &Files,
        provider: &Arc<CryptoProvider>,
        roots: &Arc<RootCertStore>,
    ) -> Result<ServerConfig, BadTls> {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider)).build()?;
        let mut server = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&files.cert)?, key(&files.key)?)?;
        server.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(server)
    }
}

fn client(
    (cert, key): (&Path, &Path),
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
) -> Result<ClientConfig, BadTls> {
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(cert)?, self::key(key)?)?;
    client.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(client)
}

fn authority(path: &Path) -> Result<RootCertStore, BadTls> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(path)? {
        roots.add(authority)?;
    }
    Ok(roots)
}

/// Whether the authorities in a file of PEM can be used.
pub(crate) fn check_authority(path: &Path) -> Result<(), BadTls> {
    authority(path).map(drop)
}

/// Whether a certificate and its key can be shown to a server.
pub(crate) fn check_client(cert: &Path, key: &Path) -> Result<(), BadTls> {
    client((cert, key), Arc::new(ring::default_provider()), Arc::new(RootCertStore::empty())).map(drop)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(read) if read.is_empty() => Err(BadTls::Empty(path.to_owned())),
        Ok(read) => Ok(read),
        Err(error) => Err(BadTls::File(path.to_owned(), error)),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, BadTls> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| BadTls::File(path.to_owned(), error))
}

/// By which files are known to be others than before. Links are followed: Kubernetes changes only where they lead.
#[derive(Debug, PartialEq, Eq)]
struct Stamps([Option<(u64, u64, SystemTime)>; 3]);

impl Stamps {
    fn of(files: &Files) -> Self {
        let stamp = |path: &Path| -> io::Result<_> {
            let metadata = fs::metadata(path)?;
            Ok((metadata.ino(), metadata.len(), metadata.modified()?))
        };
        Self([&files.cert, &files.key, &files.ca].map(|path| stamp(path).ok()))
    }
}
