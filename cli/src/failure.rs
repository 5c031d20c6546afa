//! Why a command failed, as the person at the terminal reads it.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use kit::{config::Problems, error::chain};

/// The conventional exit code of a configuration that can't be used (`EX_CONFIG`, sysexits.h).
const CONFIGURATION: u8 = 78;

/// A failure of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Configuration(#[from] Problems),
    #[error("{0}")]
    Plain(String),
    #[error("{0}")]
    Caused(String, #[source] Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// A failure with its cause.
    pub(crate) fn because(what: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Caused(what.into(), cause.into())
    }

    /// A failure that another one says in full.
    pub(crate) fn of(failure: impl Error + 'static) -> Self {
        Self::Plain(chain(&failure))
    }

    /// Says it on standard error.
    pub(crate) fn report(&self) -> ExitCode {
        // There is nobody left to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "portals: {}", chain(self));
        match self {
            Self::Configuration(_) => ExitCode::from(CONFIGURATION),
            Self::Plain(_) | Self::Caused(..) => ExitCode::FAILURE,
        }
    }
}
