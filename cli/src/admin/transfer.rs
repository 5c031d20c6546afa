//! `export` and `import`: an installation's databases as one file, to be moved to other databases, of the same engine or the other.
//!
//! The file is lines of JSON (see [`archive`]): what it is, then each table's name and columns, its rows, and how many they were; at
//! last a digest of it all. It holds what the databases hold: no credential that could be used, but everything that is secret
//! otherwise.

mod archive;
mod arrival;
mod books;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use kit::{
    ambient::Ambient,
    canary,
    config::Environment,
    db::transfer::{Outgoing, Row, TransferError},
    keys::RootKeys,
};
use rustix::{fs::Mode, process::umask};

use self::{
    archive::{Reader, Writer},
    books::Books,
};
use super::{installation, tell};
use crate::{
    command::Role,
    data_directory::{self, DataDirectory},
    failure::Failure,
    roles::Roles,
    standalone,
};

/// Names standard input or output.
const STANDARD: &str = "-";
/// How long is listened for a token service that runs: it says so every 5 s.
const LISTEN: Duration = Duration::from_secs(16);

/// A service whose databases are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Owner {
    /// The token service.
    Token,
    /// The portal service, with the built-in API.
    Portal,
}

/// What is moved out, and where to.
#[derive(Args, Debug)]
pub(super) struct Export {
    /// The services.
    #[arg(default_values = ["token", "portal"])]
    services: Vec<Owner>,
    /// The file to be made; `-`: standard output.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// While the services run: each database as it is at one instant, without what changes later.
    #[arg(long)]
    live: bool,
}

/// What is moved in.
#[derive(Args, Debug)]
pub(super) struct Import {
    /// The services.
    #[arg(default_values = ["token", "portal"])]
    services: Vec<Owner>,
    /// The file that `export` made; `-`: standard input.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
}

impl Export {
    /// Writes the file, or leaves none.
    pub(super) async fn run(
        self,
        data_dir: Option<&Path>,
        environment: Environment,
        ambient: &Ambient,
    ) -> Result<(), Failure> {
        let Self { services, to, live } = self;
        let data_dir = installation::directory(data_dir, &environment)?;
        let roles = roles(&services, data_dir.as_deref(), environment, ambient)?;
        // Before the databases, which would be made if they weren't there.
        for file in books::key_files(&roles) {
            read_keys(file)?;
        }
        if !live {
            refuse_running(&roles, data_dir.as_deref(), ambient).await?;
        }
        let books = Books::open(&roles).await?;
        if to == Path::new(STANDARD) {
            return write(&books, io::stdout().lock()).await;
        }
        let failed = |error| Failure::because(format!("{} can't be written", to.display()), error);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to).map_err(failed)?;
        let written = async {
            write(&books, BufWriter::new(&file)).await?;
            file.sync_all().map_err(failed)
        };
        written.await.inspect_err(|_| {
            // A part of it is of no use, and as secret as the whole.
            let _gone_or_in_vain = fs::remove_file(&to);
        })?;
        tell(&format!(
            "{} is written. Whoever reads it reads the databases. The key files aren't in it.",
            to.display()
        ));
        Ok(())
    }
}

impl Import {
    /// Fills migrated, empty databases, which it migrates itself where they aren't.
    pub(super) async fn run(
        self,
        data_dir: Option<&Path>,
        environment: Environment,
        ambient: &Ambient,
    ) -> Result<(), Failure> {
        let Self { services, from } = self;
        // SQLite makes its files with the mode that the umask leaves.
        umask(Mode::RWXG | Mode::RWXO);
        // Nobody else uses it until this ends.
        let _held = data_dir.map(DataDirectory::open).transpose()?;
        let roles = roles(&services, data_dir, environment, ambient)?;
        let mut keys = Vec::new();
        for file in books::key_files(&roles) {
            keys.push(read_keys(file).map_err(|error| Failure::because("bring the key files first", error))?);
        }
        let books = Books::migrate(&roles).await?;
        let rows = if from == Path::new(STANDARD) {
            arrival::read(&books, Reader::new(io::stdin().lock())).await?
        } else {
            let file = File::open(&from).map_err(|error| Failure::because(from.display().to_string(), error))?;
            arrival::read(&books, Reader::new(BufReader::new(file))).await?
        };
        tell(&format!("{rows} rows are imported."));
        for (book, keys) in books.with_keys().zip(&keys) {
            canary::compare(&book.database, keys).await.map_err(|error| {
                Failure::because(
                    "everything is imported, but no service will start on it before the right key file is there",
                    error,
                )
            })?;
        }
        Ok(())
    }
}

fn roles(
    services: &[Owner],
    data_dir: Option<&Path>,
    environment: Environment,
    ambient: &Ambient,
) -> Result<Roles, Failure> {
    let environment = match data_dir {
        Some(data_dir) => standalone::settings(environment, data_dir, ambient),
        None => environment,
    };
    let role = |owner: &Owner| match owner {
        Owner::Token => Role::Token,
        Owner::Portal => Role::Portal,
    };
    let roles: Vec<_> = services.iter().map(role).collect();
    Ok(Roles::read_for_migration(&roles, &environment)?)
}

fn read_keys(file: &Path) -> Result<RootKeys, Failure> {
    RootKeys::read(file).map_err(|error| Failure::because(format!("the key file {}", file.display()), error))
}

/// What is changed after the export is missing where it is imported: a token that was made is lost, one that was removed lives.
async fn refuse_running(roles: &Roles, data_dir: Option<&Path>, ambient: &Ambient) -> Result<(), Failure> {
    let mut running = data_dir.filter(|path| data_directory::is_open(path)).map(|path| path.display().to_string());
    if let (Some(config), None) = (&roles.token, &running) {
        let failed = |error| Failure::because("the token service's database", error);
        let desk = token::keys::Desk::open(config, ambient).await.map_err(failed)?;
        let readers = desk.wait_for_readers(LISTEN, |_| false).await;
        let readers = readers.map_err(|error| Failure::because("the token service's database", error))?;
        running = readers.into_iter().next().map(|reader| reader.name);
    }
    match running {
        None => Ok(()),
        Some(name) => Err(Failure::Plain(format!(
            "{name} is running: what it changes after the export would be lost, and what it removes would be back. Stop it first, \
             or give --live if a copy is wanted and no move"
        ))),
    }
}

async fn write(books: &Books, out: impl Write) -> Result<(), Failure> {
    let written = async {
        let mut writer = Writer::begin(out, &books.versions())?;
        for book in books.iter() {
            let outgoing = Outgoing::begin(&book.database).await?;
            for table in outgoing.tables() {
                writer.table(book.name, table, outgoing.columns(table))?;
                let rows = outgoing.read(table, |row: Row| writer.row(&row)).await?;
                writer.table_ends(rows)?;
            }
        }
        Ok(writer.end()?)
    };
    written.await.map_err(|error: TransferError| Failure::because("the export", error))
}
