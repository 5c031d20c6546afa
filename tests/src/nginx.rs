//! nginx before a gateway, as `docs/operations.md` sets it up.

use std::{fs, net::SocketAddr, process::Command, time::Duration};

use tempfile::TempDir;

use crate::{Process, clients, raw, wait};

/// How long a start may take. The machine may be busy.
const START: Duration = Duration::from_secs(30);

/// A running nginx, in the foreground. Killed when dropped.
#[derive(Debug)]
pub struct Nginx {
    address: SocketAddr,
    process: Process,
    directory: TempDir,
}

impl Nginx {
    /// Starts one on a free port of 127.0.0.1 before `upstream`, as a single process, so that nothing is left of it when it is
    /// killed. What is documented is run as it stands, but for the addresses and TLS.
    pub fn before(upstream: SocketAddr) -> Self {
        Self::with(&[("127.0.0.1:8080", upstream.to_string())])
    }

    /// The same before two gateways, with the lines that are documented for that.
    pub fn before_both(upstreams: [SocketAddr; 2]) -> Self {
        let [first, second] = upstreams;
        let servers = format!("{first} max_fails=1 fail_timeout=1s;\n    server {second} max_fails=1 fail_timeout=1s;");
        Self::with(&[
            ("127.0.0.1:8080;", servers),
            ("proxy_next_upstream off;", "proxy_next_upstream error;".to_owned()),
        ])
    }

    fn with(changes: &[(&str, String)]) -> Self {
        let (directory, address) = (tempfile::tempdir().unwrap(), raw::free_address());
        let documented: String = clients::block("operations.md", "nginx")
            .lines()
            .filter(|line| !line.trim().starts_with("ssl_"))
            .map(|line| format!("{line}\n"))
            .collect();
        let listen = ("443 ssl", address.to_string());
        let site = changes.iter().chain([&listen]).fold(documented, |text, (from, to)| {
            assert!(text.contains(from), "no {from} in what is documented");
            text.replace(from, to)
        });
        let home = directory.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {home}/{what};\n"))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {home}/pid;\nevents {{ worker_connections 512; }}\n\
             http {{\naccess_log {home}/access.log;\nkeepalive_timeout 1s;\n{temporary}{site}}}\n"
        );
        let file = directory.path().join("nginx.conf");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-p"]).arg(directory.path()).arg("-c").arg(&file);
        let mut process = Process::start(&mut command);
        wait::need("nginx to answer", START, || {
            assert_eq!(process.ended(), None, "nginx ended:\n{}", process.stderr());
            raw::get(address, "/")
        });
        Self { address, process, directory }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests that it has seen, a line each.
    pub fn requests(&self) -> String {
        fs::read_to_string(self.directory.path().join("access.log")).unwrap()
    }

    /// What it has complained of.
    pub fn complaints(&self) -> String {
        self.process.stderr()
    }
}
