//! A running installation with a data directory of its own.

use std::{
    fs,
    net::SocketAddr,
    ops::Deref,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Caller, Launch, Process, metrics, raw, wait};

/// How long a start may take. The machine may be busy.
const START: Duration = Duration::from_mins(1);

/// How long a stop may take: the specification's five seconds.
pub const STOP: Duration = Duration::from_secs(5);

/// What a first start writes to `bootstrap.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap(Value);

impl Bootstrap {
    /// Reads `bootstrap.json` in `data_dir`, if it is there and whole.
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(data_dir.join("bootstrap.json")).ok()?).ok().map(Self)
    }

    /// A member as text.
    pub fn text(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap_or_else(|| panic!("no {member} in bootstrap.json: {:#}", self.0))
    }

    /// The members' names.
    pub fn members(&self) -> Vec<&str> {
        self.0.as_object().unwrap().keys().map(String::as_str).collect()
    }

    /// The socket address of a member that is a URL.
    pub fn address(&self, member: &str) -> SocketAddr {
        let url = self.text(member);
        let host = url.strip_prefix("http://").unwrap_or_else(|| panic!("{member} is no http URL: {url}"));
        host.trim_end_matches('/').parse().unwrap_or_else(|_| panic!("{member} has no address: {url}"))
    }
}

/// A running `portals standalone`. Killed when dropped.
#[derive(Debug)]
pub struct Installation {
    launch: Launch,
    process: Process,
    bootstrap: Bootstrap,
    caller: Caller,
    _directory: Option<TempDir>,
}

impl Installation {
    /// Starts one with an empty data directory, without limits.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with an empty data directory and these environment variables.
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let launch = Launch::new(&directory.path().join("data"));
        let launch = variables.iter().fold(launch, |launch, (name, value)| launch.set(name, value));
        Self { _directory: Some(directory), ..Self::launch(launch) }
    }

    /// Starts one with an empty data directory and the limits that it has when nobody sets any.
    pub fn start_with_defaults() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let launch = Launch::new(&directory.path().join("data")).with_default_limits();
        Self { _directory: Some(directory), ..Self::launch(launch) }
    }

    /// Starts it as told and waits until it is ready.
    pub fn launch(launch: Launch) -> Self {
        let written = modified(launch.data_dir());
        let mut process = launch.start();
        let bootstrap = ready(&launch, &mut process, written);
        let caller = calling(&bootstrap);
        Self { launch, process, bootstrap, caller, _directory: None }
    }

    /// The installation that tests share which neither stop it nor need settings. It lives as long as a test holds it.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Installation>> = Mutex::new(Weak::new());
        let mut slot = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = slot.upgrade() {
            return running;
        }
        let started = Arc::new(Self::start());
        *slot = Arc::downgrade(&started);
        started
    }

    /// What the first start wrote, with the present addresses.
    pub fn bootstrap(&self) -> &Bootstrap {
        &self.bootstrap
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        self.launch.data_dir()
    }

    /// A file in the data directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.data_dir().join(name)
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Who calls it with the first API access token, which has every scope.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The sum of a metric's series.
    pub fn metric(&self, name: &str) -> f64 {
        metrics::total(self.bootstrap.address("admin"), name)
    }

    /// Asks it to stop (SIGTERM) and waits, at most the five seconds of the specification.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.process.wait(STOP)
    }

    /// Waits for an end that was asked for, at most the five seconds of the specification.
    pub fn ended(&mut self) -> ExitStatus {
        self.process.wait(STOP)
    }

    /// Starts it again after its end, with the same data.
    pub fn start_again(&mut self) {
        assert!(self.process.ended().is_some(), "it is still running");
        let written = modified(self.launch.data_dir());
        self.process = self.launch.start();
        self.bootstrap = ready(&self.launch, &mut self.process, written);
        self.caller = calling(&self.bootstrap);
    }

    /// Stops it cleanly and starts it again.
    pub fn restart(&mut self) {
        assert!(self.stop().success(), "stderr:\n{}", self.process.stderr());
        self.start_again();
    }

    /// Cuts its power.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

impl Deref for Installation {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

fn calling(bootstrap: &Bootstrap) -> Caller {
    Caller::of(bootstrap.text("gateway"), bootstrap.text("api_access_token"))
}

fn modified(data_dir: &Path) -> Option<SystemTime> {
    fs::metadata(data_dir.join("bootstrap.json")).ok()?.modified().ok()
}

/// Waits until `bootstrap.json` is newer than `written`, the admin listener says ready and the gateway answers.
fn ready(launch: &Launch, process: &mut Process, written: Option<SystemTime>) -> Bootstrap {
    let data_dir = launch.data_dir();
    wait::need("the installation to be ready", START, || {
        if let Some(status) = process.ended() {
            panic!("portals ended with {status} instead of starting; stderr:\n{}", process.stderr());
        }
        let bootstrap = Bootstrap::read(data_dir).filter(|_| modified(data_dir) != written)?;
        let ready = raw::get(bootstrap.address("admin"), "/readyz")? == 200;
        (ready && raw::get(bootstrap.address("gateway"), "/").is_some()).then_some(bootstrap)
    })
}
