//! `portals admin`: what the operator of an installation does. It speaks gRPC to the running services, with the service key;
//! only [`rotate_key`] and [`transfer`] open databases.
//!
//! What a script captures goes to standard output and nothing else does: an id, a slug, a password, a token. Sentences go to
//! standard error.
//!
//! To add a command: a variant of [`Command`] and a file with its arguments and a `run`.

mod api_tokens;
pub(crate) mod installation;
mod operator;
mod organizations;
mod password;
mod rotate_key;
mod transfer;
mod users;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use kit::{ambient::Ambient, config::Environment};

use self::operator::Operator;
use crate::failure::Failure;

/// What is to be done, and where.
#[derive(Args, Debug)]
pub(crate) struct Admin {
    #[command(subcommand)]
    command: Command,
    /// The data directory of a standalone installation. [default: portals-data, if one is running there; otherwise the
    /// environment says where the services are, as it does for the gateway]
    // With an id of its own: clap takes the default of `standalone`'s argument for one of the same id.
    #[arg(id = "installation", long = "data-dir", value_name = "DATA_DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a user, and print the UUID.
    CreateUser(users::Create),
    /// Print every user, one a line: UUID, e-mail address and name, with tabs between them.
    ListUsers,
    /// Remove a user, with sessions, tokens and memberships.
    DeleteUser(users::Delete),
    /// Give a user another password and end their sessions. Makes a password and prints it, unless it is given one.
    ResetPassword(users::ResetPassword),
    /// Make an organization, and print its slug.
    CreateOrganization(organizations::Create),
    /// Make a user a member of an organization, or change a member's role.
    AddMember(organizations::AddMember),
    /// Let an organization be managed from anywhere again, where its administrators have locked themselves out.
    ClearAllowedAddresses(organizations::ClearAllowedAddresses),
    /// Make an API access token, and print it.
    CreateApiToken(api_tokens::Create),
    /// Put a new root key in the place of the one in use, or remove the old one. Nobody notices.
    RotateKey(rotate_key::RotateKey),
    /// Write what the databases hold to a file, to be moved to other databases, on SQLite or PostgreSQL.
    Export(transfer::Export),
    /// Fill empty databases with what an export holds.
    Import(transfer::Import),
}

/// Does it.
pub(crate) async fn run(admin: Admin, environment: Environment) -> Result<(), Failure> {
    let Admin { command, data_dir } = admin;
    let ambient = Ambient::system();
    let command = match command {
        Command::RotateKey(rotate) => return rotate.run(data_dir.as_deref(), environment, &ambient).await,
        Command::Export(export) => return export.run(data_dir.as_deref(), environment, &ambient).await,
        Command::Import(import) => return import.run(data_dir.as_deref(), environment, &ambient).await,
        other => other,
    };
    let mut operator = Operator::new(installation::find(data_dir.as_deref(), &environment)?, ambient)?;
    match command {
        Command::CreateUser(create) => create.run(&mut operator).await,
        Command::ListUsers => users::list(&mut operator).await,
        Command::DeleteUser(delete) => delete.run(&mut operator).await,
        Command::ResetPassword(reset) => reset.run(&mut operator).await,
        Command::CreateOrganization(create) => create.run(&mut operator).await,
        Command::AddMember(add) => add.run(&mut operator).await,
        Command::ClearAllowedAddresses(clear) => clear.run(&mut operator).await,
        Command::CreateApiToken(create) => create.run(&mut operator).await,
        // Done above: they need no running services.
        Command::RotateKey(_) | Command::Export(_) | Command::Import(_) => Ok(()),
    }
}

/// Prints what was asked for.
fn answer(line: &str) -> Result<(), Failure> {
    io::stdout().write_all(format!("{line}\n").as_bytes()).map_err(|error| Failure::because("can't print", error))
}

/// Tells the person at the terminal.
fn tell(sentence: &str) {
    // What was done is done, whether somebody reads it or not.
    let _ = writeln!(io::stderr(), "{sentence}");
}
