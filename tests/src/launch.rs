//! How `portals` is started in tests.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::{Namespace, Process};

/// How long a start that must fail may take. The machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// Limits that would make tests that share an installation disturb each other; tests about limits set their own.
const NO_LIMITS: [&str; 8] = [
    "TOKEN_LIMITS__REST_PER_MINUTE",
    "TOKEN_LIMITS__REST_USER_PER_MINUTE",
    "TOKEN_LIMITS__EXCHANGES_PER_MINUTE",
    "TOKEN_LIMITS__FAILURES_PER_MINUTE",
    "TOKEN_LIMITS__CODES_PER_MINUTE",
    "PORTAL_LIMITS__REQUESTS_PER_MINUTE",
    "PORTAL_LIMITS__GRAPHQL_COMPLEXITY",
    "PORTAL_LIMITS__GRAPHQL_USER_COMPLEXITY",
];

/// `portals standalone` with its data directory, address and environment.
#[derive(Clone, Debug)]
pub struct Launch {
    data_dir: PathBuf,
    listen: String,
    variables: Vec<(String, String)>,
    ignored: Option<String>,
    program: Option<PathBuf>,
}

/// A process that has ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Launch {
    /// In `data_dir`, on a free port, without limits.
    pub fn new(data_dir: &Path) -> Self {
        let variables = NO_LIMITS.map(|name| (name.to_owned(), "0".to_owned())).to_vec();
        Self {
            data_dir: data_dir.to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            variables,
            ignored: None,
            program: None,
        }
    }

    /// On this address instead of a free port.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Deaf to the signal of that name (`XFSZ`, …), as whoever starts a process can have it.
    #[must_use]
    pub fn ignoring(mut self, signal: &str) -> Self {
        self.ignored = Some(signal.to_owned());
        self
    }

    /// Another build of `portals` than the one under test.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// With this environment variable, too.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the limits that count when nobody sets any.
    #[must_use]
    pub fn with_default_limits(mut self) -> Self {
        self.variables.retain(|(name, _)| !NO_LIMITS.contains(&name.as_str()));
        self
    }

    /// The environment variables that were set.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Starts it.
    pub fn start(&self) -> Process {
        Process::start(&mut self.command())
    }

    /// Starts it and waits for its end: for starts that must fail.
    pub fn run(&self) -> Ended {
        ended(self.start())
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        let program = self.program.clone().unwrap_or_else(binary);
        let mut command = match &self.ignored {
            Some(signal) => {
                let mut shell = clean("sh".as_ref());
                shell.args(["-c", "trap '' \"$0\"; exec \"$@\"", signal]).arg(program);
                shell
            }
            None => clean(&program),
        };
        command.arg("standalone").arg("--data-dir").arg(&self.data_dir).args(["--listen", &self.listen]);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Runs `portals` with these arguments and variables to its end.
pub fn run(arguments: &[&str], variables: &[(String, String)]) -> Ended {
    let variables = variables.iter().map(|(name, value)| (name, value));
    ended(Process::start(portals().args(arguments).envs(variables)))
}

/// As [`run`], in this directory.
pub fn run_in(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let variables = variables.iter().copied();
    ended(Process::start(portals().current_dir(directory).args(arguments).envs(variables)))
}

/// As [`run`], with `input` on standard input.
pub fn run_with_input(arguments: &[&str], variables: &[(String, String)], input: &str) -> Ended {
    let mut command = portals();
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that doesn't want it may have ended: its status counts, not the failed write.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ended { status: output.status, stdout, stderr }
}

fn ended(mut process: Process) -> Ended {
    let status = process.wait(PATIENCE);
    Ended { status, stdout: process.stdout(), stderr: process.stderr() }
}

/// The binary under test with an environment that holds nothing of the developer's.
fn portals() -> Command {
    clean(&binary())
}

/// `program`, or the binary under test, with such an environment, perhaps in a network of its own.
pub(crate) fn portals_within(program: Option<&Path>, namespace: Option<&Namespace>) -> Command {
    let program = program.map_or_else(binary, Path::to_owned);
    namespace.map_or_else(|| clean(&program), |namespace| cleaned(namespace.command(program.to_str().unwrap())))
}

fn clean(program: &Path) -> Command {
    cleaned(Command::new(program))
}

fn cleaned(mut command: Command) -> Command {
    command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default()).env("RUST_BACKTRACE", "1");
    command
}

/// `PORTALS_BIN`, or the binary that cargo builds beside this test.
fn binary() -> PathBuf {
    let built = env::current_exe().unwrap().parent().and_then(Path::parent).unwrap().join("portals");
    let path = env::var_os("PORTALS_BIN").map_or(built, PathBuf::from);
    assert!(path.is_file(), "{} isn't there: `cargo build --workspace` first, or set PORTALS_BIN", path.display());
    path
}
