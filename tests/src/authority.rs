//! An authority of a test's own, whose certificates the parts show each other.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// It, in a directory of its own. Uses `openssl`.
#[derive(Debug)]
pub struct Authority(TempDir);

impl Authority {
    /// A new one, which knows nobody.
    pub fn new() -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        authority.run(&["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"]);
        authority
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.0.path().join("ca.pem")
    }

    /// Writes a new certificate for `127.0.0.1` and `localhost` as `cert.pem` and its key as `key.pem` in `directory`, as a
    /// whole.
    pub fn issue(&self, directory: &Path) {
        let names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
        self.run(&[
            "-subj",
            "/CN=part",
            "-addext",
            names,
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-keyout",
            "part.key",
            "-out",
            "part.pem",
        ]);
        for (made, wanted) in [("part.key", "key.pem"), ("part.pem", "cert.pem")] {
            let fresh = directory.join(format!("{wanted}.fresh"));
            fs::copy(self.0.path().join(made), &fresh).unwrap();
            fs::rename(fresh, directory.join(wanted)).unwrap();
        }
    }

    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new("openssl");
        let kind =
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
        let output = command.current_dir(self.0.path()).args(kind).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("openssl can't be run: {error}: `tests/run` installs it"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
