//! TLS to the collector. Its certificates and ours are read once, when the process starts.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use rustls::pki_types::pem;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::tls::{self, BadTls};

/// How a collector is spoken to whose endpoint is `https`. Its `Debug` shows no key.
#[derive(Clone)]
pub(super) struct Tls(pub(super) ClientTlsConfig);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// The files of PEM that the environment names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    /// Authorities that alone may vouch for the collector; `None`: those that browsers trust.
    pub(super) authority: Option<PathBuf>,
    /// The certificate that is shown to it, and its key.
    pub(super) shown: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Reads the files. What can't be used is found now, because later it would only be known by the spans that are missing.
    pub(super) fn open(files: &Files) -> Result<Self, BadTls> {
        let mut config = ClientTlsConfig::new();
        config = match &files.authority {
            None => config.with_enabled_roots(),
            Some(path) => {
                tls::check_authority(path)?;
                config.ca_certificate(Certificate::from_pem(read(path)?))
            }
        };
        if let Some((cert, key)) = &files.shown {
            tls::check_client(cert, key)?;
            config = config.identity(Identity::from_pem(read(cert)?, read(key)?));
        }
        Ok(Self(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BadTls> {
    fs::read(path).map_err(|error| BadTls::File(path.to_owned(), pem::Error::Io(error)))
}
