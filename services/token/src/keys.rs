//! The root keys while the service runs: their file is read again when it changes, and rows move to the key in use.

mod desk;
mod reader;
mod rekey;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use kit::{
    canary::{self, WrongKeys},
    error::chain,
    keys::{BadKeyFile, RootKey, RootKeys},
};
use tokio::task::spawn_blocking;

use crate::{Service, domain::csrf::Csrf};

pub use crate::domain::key_reader::KeyReader;
pub use desk::Desk;
pub(crate) use reader::Reader;
pub(crate) use rekey::{PERIOD as REKEY_PERIOD, Rekey};

/// How often the file is read.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);

/// The keys of the file as it was last good, and what was last said about a bad one.
#[derive(Debug)]
pub(crate) struct Keyring {
    live: ArcSwap<RootKeys>,
    trouble: Mutex<Option<String>>,
    /// Verifiers don't know yet that another key is in use.
    must_tell: AtomicBool,
}

/// Why a changed file isn't used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReloaded {
    #[error(transparent)]
    File(#[from] BadKeyFile),
    #[error(transparent)]
    Wrong(#[from] WrongKeys),
    #[error("a task broke off")]
    Task(#[from] tokio::task::JoinError),
}

impl Keyring {
    pub(crate) fn new(keys: RootKeys) -> Self {
        // Amid a rotation nobody knows whether the process before this one has told them.
        let must_tell = AtomicBool::new(keys.iter().count() > 1);
        Self { live: ArcSwap::from_pointee(keys), trouble: Mutex::default(), must_tell }
    }

    /// The keys as they are now, the one in use first. To be asked for at each use: they change.
    pub(crate) fn live(&self) -> arc_swap::Guard<std::sync::Arc<RootKeys>> {
        self.live.load()
    }

    /// Whether `trouble` is another than before, so that each is told once.
    fn is_new(&self, trouble: Option<String>) -> bool {
        let mut told = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *told != trouble;
        *told = trouble;
        is_new
    }
}

impl Service {
    /// What makes and checks the tokens of forms, under the keys as they are now.
    pub(crate) fn csrf(&self) -> Csrf {
        Csrf::new(&self.0.keyring.live())
    }

    /// Reads the key file and, where it holds other keys that belong to the database, uses these from now on. A bad or a
    /// strange file changes nothing but the log.
    pub(crate) async fn reload_keys(&self) {
        let trouble = self.try_reload_keys().await.err().map(|error| chain(&error));
        if self.0.keyring.is_new(trouble.clone())
            && let Some(error) = trouble
        {
            tracing::error!(error, "the key file can't be used; the keys that it held before stay in use");
        }
        self.tell_verifiers().await;
        if let Err(error) = self.say_keys().await {
            tracing::debug!(error = chain(&error), "it can't be said which keys this process has read");
        }
    }

    /// Makes verifiers ask anew once another key is in use or one is gone: while one keeps a verdict it doesn't ask, so that
    /// the token's row wouldn't move although it is used all the time, and what a lost key made would go on working.
    async fn tell_verifiers(&self) {
        if !self.0.keyring.must_tell.swap(false, Ordering::SeqCst) {
            return;
        }
        match self.0.store.interrupt_revocations().await {
            Ok(sequence) => self.announced(sequence, false).await,
            Err(error) => {
                tracing::warn!(error = chain(&error), "verifiers can't be told of another key; the next try is soon");
                self.0.keyring.must_tell.store(true, Ordering::SeqCst);
            }
        }
    }

    pub(crate) async fn try_reload_keys(&self) -> Result<(), NotReloaded> {
        let live = RootKeys::clone(&self.0.keyring.live());
        let file = live.file().to_owned();
        let keys = spawn_blocking(move || RootKeys::read(&file)).await??;
        if keys == live {
            return Ok(());
        }
        canary::check(self.0.store.database(), &keys).await?;
        self.warn_of_lost_rows(&live, &keys).await;
        self.0.tagger.replace(&keys);
        self.0.exchanges.gatekeeper().replace(&keys);
        let ids: Vec<_> = keys.iter().map(RootKey::id).collect();
        tracing::info!(keys = ids.join(", "), "the key file was read again");
        let is_turned = ids.first().copied() != live.iter().next().map(RootKey::id);
        let is_lost = live.iter().any(|key| !ids.contains(&key.id()));
        self.0.keyring.live.store(keys.clone().into());
        self.0.keyring.must_tell.fetch_or(is_turned || is_lost, Ordering::SeqCst);
        Ok(())
    }

    /// Who takes a key away by hand, past `portals admin rotate-key`, learns here what that ended. It isn't refused: a key
    /// that leaked must go at once.
    async fn warn_of_lost_rows(&self, before: &RootKeys, after: &RootKeys) {
        for lost in before.iter().filter(|key| !after.iter().any(|other| other.id() == key.id())) {
            match self.0.store.count_rows_under(lost.id()).await {
                Ok(rows) if rows.is_empty() => {}
                Ok(rows) => {
                    tracing::warn!(key = lost.id(), ?rows, "a key was retired that live rows need: they are lost");
                }
                Err(error) => {
                    tracing::warn!(key = lost.id(), error = chain(&error), "a retired key's rows can't be counted");
                }
            }
        }
    }
}
