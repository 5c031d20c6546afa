//! The command line.

use std::{io, io::Write, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use kit::{
    ambient::Ambient,
    config::{Environment, environment},
    telemetry::{self, Format, Telemetry, traces},
};

use crate::{
    admin::{self, Admin},
    assembly,
    failure::Failure,
    healthcheck::Healthcheck,
    roles::Roles,
    standalone,
};

/// Stored GraphQL documents, each behind a URL and a credential that can do nothing but run it.
#[derive(Debug, Parser)]
#[command(name = "portals", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    standalone: Standalone,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process, with its data in one directory. What `portals` does when nothing is asked for.
    Standalone(Standalone),
    /// Run some parts, configured by the environment.
    Run {
        /// The parts.
        #[arg(required = true)]
        roles: Vec<Role>,
    },
    /// Bring the databases of some parts up to this version.
    Migrate {
        /// The parts.
        #[arg(default_values = ["token", "portal"])]
        roles: Vec<Role>,
        /// The databases were restored from a backup: end the tokens, codes and sessions that live for a day at most, which may have
        /// been ended after it was made.
        #[arg(long)]
        restored: bool,
    },
    /// Check the settings of some parts and print them, secrets not shown.
    CheckConfig {
        /// The parts.
        #[arg(default_values = ["token", "portal", "gateway"])]
        roles: Vec<Role>,
    },
    /// Ask a running process whether it can work; the exit code is the answer, 0 or 1.
    Healthcheck(Healthcheck),
    /// Make users, organizations and API access tokens in a running installation; rotate its keys.
    Admin(Admin),
}

/// A part of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// The token service: every credential.
    Token,
    /// The portal service: registry and execution.
    Portal,
    /// The gateway: the public API.
    Gateway,
}

/// How to run everything in one process.
#[derive(Args, Clone, Debug)]
pub(crate) struct Standalone {
    /// Where databases, keys and the first credentials are kept.
    #[arg(long, default_value = "portals-data")]
    pub(crate) data_dir: PathBuf,
    /// Where the public API is served; port 0 takes any free one. [default: 127.0.0.1:8080]
    #[arg(long)]
    pub(crate) listen: Option<String>,
    /// The address that callers know. [default: http://<listen>]
    #[arg(long)]
    pub(crate) public_url: Option<String>,
    /// The databases were restored from a backup: end the tokens, codes and sessions that live for a day at most, which may have been
    /// ended after it was made.
    #[arg(long)]
    pub(crate) restored: bool,
}

/// Does what was asked for.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let environment = environment();
    match arguments.command.unwrap_or(Command::Standalone(arguments.standalone)) {
        Command::Standalone(options) => {
            let mut telemetry = start_telemetry(&environment, Format::Text, "standalone")?;
            standalone::run(options, environment, &mut telemetry).await
        }
        Command::Run { roles } => {
            let (chosen, _shown) = Roles::read(&roles, &environment)?;
            let mut telemetry = start_telemetry(&environment, Format::Json, &names(&roles))?;
            assembly::run(chosen, &mut telemetry).await
        }
        Command::Migrate { roles, restored } => {
            let roles = Roles::read_for_migration(&roles, &environment)?;
            assembly::migrate(&roles).await?;
            if restored { assembly::restored(&roles, &Ambient::system()).await } else { Ok(()) }
        }
        Command::Healthcheck(healthcheck) => healthcheck.run(&environment).await,
        Command::Admin(admin) => admin::run(admin, environment).await,
        Command::CheckConfig { roles } => {
            let (_roles, shown) = Roles::read(&roles, &environment)?;
            traces::Settings::read(&environment, String::new())?;
            let lines: String = shown.into_iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            io::stdout().write_all(lines.as_bytes()).map_err(|error| Failure::because("can't print", error))
        }
    }
}

/// Roles by which a process is known: `gateway-portal`.
fn names(roles: &[Role]) -> String {
    let values = roles.iter().filter_map(ValueEnum::to_possible_value);
    let mut names: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
    names.sort();
    names.dedup();
    names.join("-")
}

/// `RUST_LOG` filters the log and `PORTALS_LOG` chooses its form, `text` or `json`; `OTEL_…` says where traces go. `name`: what
/// the process is.
fn start_telemetry(environment: &Environment, default: Format, name: &str) -> Result<Telemetry, Failure> {
    let filter = environment.get("RUST_LOG").map_or("info,sqlx=warn,sea_orm_migration=warn", String::as_str);
    let format = environment.get("PORTALS_LOG").map_or(Ok(default), |format| format.parse());
    let format = format.map_err(|why| Failure::Plain(format!("PORTALS_LOG {why}")))?;
    let traces = traces::Settings::read(environment, format!("portals-{name}"))?;
    telemetry::start(format, filter, traces).map_err(|error| Failure::because("telemetry can't start", error))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_password_is_an_argument() {
        let reset = ["portals", "admin", "reset-password", "--email", "a@b.c"];
        let parse = |more: &[&str]| Arguments::try_parse_from(reset.iter().chain(more)).is_ok();
        assert!(parse(&[]) && parse(&["--password-stdin"]) && parse(&["--password-file", "file"]));
        assert!(!parse(&["--password", "x"]) && !parse(&["--password-stdin", "x"]));
        assert!(!parse(&["--password-stdin", "--password-file", "file"]));
    }

    #[test]
    fn the_data_directory_can_be_named_before_and_behind_the_command_and_has_no_default() {
        let named = |words: &str| match Arguments::try_parse_from(words.split(' ')).unwrap().command.unwrap() {
            Command::Admin(admin) => admin.data_dir,
            other => panic!("{other:?}"),
        };
        for words in ["--data-dir d list-users", "list-users --data-dir d", "rotate-key token --data-dir d"] {
            assert_eq!(named(&format!("portals admin {words}")), Some("d".into()), "{words}");
        }
        assert_eq!(named("portals admin list-users"), None);
        let both = "portals admin rotate-key token --file f --data-dir d";
        assert!(Arguments::try_parse_from(both.split(' ')).is_err());
    }
}
