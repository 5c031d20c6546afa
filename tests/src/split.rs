//! The three parts as processes of their own, on the data that an installation left behind.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
    time::Duration,
};

use crate::{Caller, Namespace, Process, STOP, launch, raw, wait};

/// How long a start may take. The machine may be busy.
const START: Duration = Duration::from_mins(1);

/// A part, with its own process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `portals run token`.
    Token,
    /// `portals run portal`.
    Portal,
    /// `portals run gateway`.
    Gateway,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Portal => "portal",
            Self::Gateway => "gateway",
        }
    }
}

/// `portals run token`, `portals run portal` and `portals run gateway`. Killed when dropped.
#[derive(Debug)]
pub struct Split {
    data_dir: PathBuf,
    ports: [SocketAddr; 3],
    admins: [SocketAddr; 3],
    processes: [Option<Process>; 3],
    variables: Vec<(String, String)>,
    program: Option<PathBuf>,
    unknown: Vec<String>,
    /// The network namespaces that parts are in.
    namespaces: [Option<Arc<Namespace>>; 3],
}

impl Split {
    /// Starts the parts on the databases and keys in `data_dir`, which a `standalone` made, and waits until all are ready.
    pub fn start(data_dir: &Path, variables: &[(&str, &str)]) -> Self {
        let mut split = Self::new(data_dir);
        for (name, value) in variables {
            split.set(name, value);
        }
        split.start_all();
        split
    }

    /// Starts all parts and waits until they are ready.
    pub fn start_all(&mut self) {
        for part in [Part::Token, Part::Portal, Part::Gateway] {
            self.start_part(part);
        }
    }

    /// Sets a variable for what starts from now on: one that begins with `TOKEN_`, `PORTAL_` or `GATEWAY_` for that part
    /// alone, any other for all.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Which build of `portals` starts from now on (`None`: the one under test), and how the names of those settings end that
    /// it doesn't know.
    pub fn program(&mut self, program: Option<&Path>, unknown: &[&str]) {
        self.program = program.map(Path::to_owned);
        self.unknown = unknown.iter().map(|&name| name.to_owned()).collect();
    }

    /// What was set last under this name.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Has a part serve at this address from its start on.
    pub fn serve_at(&mut self, part: Part, address: IpAddr) {
        self.ports[part as usize].set_ip(address);
        self.admins[part as usize].set_ip(address);
    }

    /// Has a part start in a network of its own.
    pub fn start_in(&mut self, part: Part, namespace: &Arc<Namespace>) {
        self.namespaces[part as usize] = Some(Arc::clone(namespace));
    }

    /// Gives each part that starts from now on a wall clock of its own, which [`Split::step`] sets. Needs `faketime`.
    pub fn fake_clocks(&mut self) {
        let library = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
            .map(|machine| PathBuf::from(format!("/usr/lib/{machine}/faketime/libfaketimeMT.so.1")));
        let library = library.iter().find(|file| file.is_file()).expect("faketime: `tests/run` installs it");
        self.set("LD_PRELOAD", &library.display().to_string());
        self.set("FAKETIME_NO_CACHE", "1");
        // Leases run on the clock that no operator sets.
        self.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        for part in [Part::Token, Part::Portal, Part::Gateway] {
            self.step(part, "+0");
        }
    }

    /// Puts the part's wall clock forward (`+1h`) or back (`-90d`), counted from the true time.
    pub fn step(&self, part: Part, offset: &str) {
        let file = self.clock(part);
        // Whole or not at all: the process reads it at any moment.
        let fresh = file.with_extension("fresh");
        fs::write(&fresh, format!("{offset}\n")).unwrap();
        fs::rename(fresh, file).unwrap();
    }

    fn clock(&self, part: Part) -> PathBuf {
        self.data_dir.join(format!("{}.clock", part.name()))
    }

    /// The settings of a part on the databases and keys in `data_dir`.
    pub fn environment_of(data_dir: &Path, part: Part) -> Vec<(String, String)> {
        Self::new(data_dir).environment(part)
    }

    /// The parts on the databases and keys in `data_dir`, none started yet.
    pub fn new(data_dir: &Path) -> Self {
        let key = data_dir.join("service.key");
        fs::write(&key, "for-this-test-only-0123456789abcdef").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let [ports, admins] = [(); 2].map(|()| [(); 3].map(|()| raw::free_address()));
        Self {
            data_dir: data_dir.to_owned(),
            ports,
            admins,
            processes: [None, None, None],
            variables: Vec::new(),
            program: None,
            unknown: Vec::new(),
            namespaces: [None, None, None],
        }
    }

    /// Starts a part that isn't running, and waits until it is ready.
    pub fn start_part(&mut self, part: Part) {
        let (program, namespace) = (self.program.as_deref(), self.namespaces[part as usize].as_deref());
        let mut command = launch::portals_within(program, namespace);
        let mut process = Process::start(command.args(["run", part.name()]).envs(self.environment(part)));
        let admin = self.admins[part as usize];
        wait::need("the part to be ready", START, || {
            let stderr = process.stderr();
            assert_eq!(process.ended(), None, "portals run {} ended:\n{stderr}", part.name());
            (raw::get(admin, "/readyz")? == 200).then_some(())
        });
        self.processes[part as usize] = Some(process);
    }

    /// The part's process.
    pub fn process(&self, part: Part) -> &Process {
        self.processes[part as usize].as_ref().unwrap()
    }

    /// Asks a part to stop (SIGTERM) and waits.
    pub fn stop(&mut self, part: Part) -> ExitStatus {
        self.stop_within(part, STOP)
    }

    /// The same, with as much patience.
    pub fn stop_within(&mut self, part: Part, patience: Duration) -> ExitStatus {
        let mut process = self.processes[part as usize].take().unwrap();
        process.signal("TERM");
        process.wait(patience)
    }

    /// Cuts a part's power.
    pub fn kill(&mut self, part: Part) {
        self.processes[part as usize] = None;
    }

    /// Where the gateway is.
    pub fn gateway(&self) -> SocketAddr {
        self.address(Part::Gateway)
    }

    /// Who calls its gateway with this API access token.
    pub fn caller(&self, api_token: &str) -> Caller {
        Caller::of(&format!("http://{}", self.gateway()), api_token)
    }

    /// Where the part serves.
    pub fn address(&self, part: Part) -> SocketAddr {
        self.ports[part as usize]
    }

    /// Where the part's `/metrics` are.
    pub fn admin_address(&self, part: Part) -> SocketAddr {
        self.admins[part as usize]
    }

    /// The status of the part's `/healthz` or `/readyz`.
    pub fn admin(&self, part: Part, path: &str) -> Option<u16> {
        raw::get(self.admins[part as usize], path)
    }

    fn environment(&self, part: Part) -> Vec<(String, String)> {
        let file = |name: &str| self.data_dir.join(name).display().to_string();
        let [token, portal, gateway] = self.ports;
        let admin = self.admins[part as usize].to_string();
        let own: Vec<(&str, String)> = match part {
            Part::Token => vec![
                ("TOKEN_DATABASE__URL", format!("sqlite:{}", file("token.db"))),
                ("TOKEN_KEYS__FILE", file("token.key")),
                ("TOKEN_SERVICE__KEY_FILE", file("service.key")),
                ("TOKEN_GRPC__LISTEN", token.to_string()),
                ("TOKEN_ADMIN__LISTEN", admin),
                ("TOKEN_STOP__GRACE_MS", "0".to_owned()),
            ],
            Part::Portal => vec![
                ("PORTAL_DATABASE__URL", format!("sqlite:{}", file("portal.db"))),
                ("PORTAL_PIPELINES__DATABASE_URL", format!("sqlite:{}", file("pipelines.db"))),
                ("PORTAL_KEYS__FILE", file("portal.key")),
                ("PORTAL_SERVICE__KEY_FILE", file("service.key")),
                ("PORTAL_GRPC__LISTEN", portal.to_string()),
                ("PORTAL_ADMIN__LISTEN", admin),
                ("PORTAL_STOP__GRACE_MS", "0".to_owned()),
                ("PORTAL_TOKEN__URL", format!("http://{token}")),
                ("PORTAL_PUBLIC__URL", format!("http://{gateway}")),
            ],
            Part::Gateway => vec![
                ("GATEWAY_HTTP__LISTEN", gateway.to_string()),
                ("GATEWAY_PUBLIC__URL", format!("http://{gateway}")),
                ("GATEWAY_SERVICE__KEY_FILE", file("service.key")),
                ("GATEWAY_ADMIN__LISTEN", admin),
                ("GATEWAY_STOP__GRACE_MS", "0".to_owned()),
                ("GATEWAY_TOKEN__URL", format!("http://{token}")),
                ("GATEWAY_PORTAL__URL", format!("http://{portal}")),
            ],
        };
        let clock = ("FAKETIME_TIMESTAMP_FILE".to_owned(), self.clock(part).display().to_string());
        let clock = self.clock(part).is_file().then_some(clock);
        let others = [Part::Token, Part::Portal, Part::Gateway].into_iter().filter(|other| *other != part);
        let prefixes: Vec<String> = others.map(|other| format!("{}_", other.name().to_uppercase())).collect();
        let of_others = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
        let given = self.variables.iter().filter(|(name, _)| !of_others(name)).cloned();
        let all = own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(given).chain(clock);
        all.filter(|(name, _)| !self.unknown.iter().any(|unknown| name.ends_with(unknown.as_str()))).collect()
    }
}
