//! The three parts as processes of their own, on the data that an installation left behind.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use crate::{Process, STOP, launch, raw, wait};

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
}

impl Split {
    /// Starts the parts on the databases and keys in `data_dir`, which a `standalone` made, and waits until all are ready.
    pub fn start(data_dir: &Path, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut split = Self { variables, ..Self::new(data_dir) };
        for part in [Part::Token, Part::Portal, Part::Gateway] {
            split.start_part(part);
        }
        split
    }

    /// The settings of a part on the databases and keys in `data_dir`.
    pub fn environment_of(data_dir: &Path, part: Part) -> Vec<(String, String)> {
        Self::new(data_dir).environment(part)
    }

    fn new(data_dir: &Path) -> Self {
        let key = data_dir.join("service.key");
        fs::write(&key, "for-this-test-only-0123456789abcdef").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let [ports, admins] = [(); 2].map(|()| [(); 3].map(|()| raw::free_address()));
        Self { data_dir: data_dir.to_owned(), ports, admins, processes: [None, None, None], variables: Vec::new() }
    }

    /// Starts a part that isn't running, and waits until it is ready.
    pub fn start_part(&mut self, part: Part) {
        let mut process = Process::start(launch::portals().args(["run", part.name()]).envs(self.environment(part)));
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
        let mut process = self.processes[part as usize].take().unwrap();
        process.signal("TERM");
        process.wait(STOP)
    }

    /// Cuts a part's power.
    pub fn kill(&mut self, part: Part) {
        self.processes[part as usize] = None;
    }

    /// Where the gateway is.
    pub fn gateway(&self) -> SocketAddr {
        self.ports[Part::Gateway as usize]
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
            ],
            Part::Portal => vec![
                ("PORTAL_DATABASE__URL", format!("sqlite:{}", file("portal.db"))),
                ("PORTAL_PIPELINES__DATABASE_URL", format!("sqlite:{}", file("pipelines.db"))),
                ("PORTAL_KEYS__FILE", file("portal.key")),
                ("PORTAL_SERVICE__KEY_FILE", file("service.key")),
                ("PORTAL_GRPC__LISTEN", portal.to_string()),
                ("PORTAL_ADMIN__LISTEN", admin),
                ("PORTAL_TOKEN__URL", format!("http://{token}")),
                ("PORTAL_PUBLIC__URL", format!("http://{gateway}")),
            ],
            Part::Gateway => vec![
                ("GATEWAY_HTTP__LISTEN", gateway.to_string()),
                ("GATEWAY_PUBLIC__URL", format!("http://{gateway}")),
                ("GATEWAY_SERVICE__KEY_FILE", file("service.key")),
                ("GATEWAY_ADMIN__LISTEN", admin),
                ("GATEWAY_TOKEN__URL", format!("http://{token}")),
                ("GATEWAY_PORTAL__URL", format!("http://{portal}")),
            ],
        };
        let prefix = format!("{}_", part.name().to_uppercase());
        let given = self.variables.iter().filter(|(name, _)| name.starts_with(&prefix)).cloned();
        own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(given).collect()
    }
}
