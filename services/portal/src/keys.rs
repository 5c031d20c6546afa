//! The root keys while the service runs: their file is read again when it changes, and headers of upstreams and tokens of
//! notification services move to the key in use.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use kit::{
    boot::Tasks,
    canary::{self, WrongKeys},
    error::chain,
    keys::{BadKeyFile, RootKey, RootKeys},
};
use tokio::task::spawn_blocking;

use crate::{
    error::Error,
    service::{Parts, Service},
    upstream::seal::Seals,
    webhooks::seal,
};

/// How often the file is read.
const READ: Duration = Duration::from_secs(1);
/// How often it is looked for headers under another key than the one in use.
const MOVE: Duration = Duration::from_mins(1);

/// The keys of the file as it was last good, and what was last said about a bad one.
#[derive(Debug)]
pub(crate) struct Keyring {
    live: ArcSwap<RootKeys>,
    trouble: Mutex<Option<String>>,
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
        Self { live: ArcSwap::from_pointee(keys), trouble: Mutex::default() }
    }

    /// Whether `trouble` is another than before, so that each is told once.
    fn is_new(&self, trouble: Option<&String>) -> bool {
        let mut told = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = told.as_ref() != trouble;
        *told = trouble.cloned();
        is_new
    }
}

impl Service {
    /// Reads the key file again and again, and moves headers to the key in use, until the stop.
    pub(crate) fn follow_keys(&self, tasks: &Tasks) {
        let reader = self.clone();
        tasks.every(READ, move || {
            let Self(parts) = reader.clone();
            async move { parts.reload_keys().await }
        });
        let (Self(mover), stop) = (self.clone(), tasks.stopping());
        tasks.spawn(async move {
            loop {
                if let Err(error) = mover.reseal().await {
                    tracing::warn!(%error, "headers of upstreams can't be moved to the key in use");
                }
                if stop.run_until_cancelled(tokio::time::sleep(MOVE)).await.is_none() {
                    return;
                }
            }
        });
    }
}

impl Parts {
    /// Reads the key file and, where it holds other keys that belong to the database, uses these from now on. A bad or a
    /// strange file changes nothing but the log.
    pub(crate) async fn reload_keys(&self) {
        let trouble = self.try_reload_keys().await.err().map(|error| chain(&error));
        if self.keyring.is_new(trouble.as_ref())
            && let Some(error) = trouble
        {
            tracing::error!(error, "the key file can't be used; the keys that it held before stay in use");
        }
    }

    async fn try_reload_keys(&self) -> Result<(), NotReloaded> {
        let live = self.keyring.live.load_full();
        let file = live.file().to_owned();
        let keys = spawn_blocking(move || RootKeys::read(&file)).await??;
        if keys == *live {
            return Ok(());
        }
        canary::check(self.store.database(), &keys).await?;
        self.targets.replace_keys(&keys);
        let ids: Vec<_> = keys.iter().map(RootKey::id).collect();
        tracing::info!(keys = ids.join(", "), "the key file was read again");
        self.keyring.live.store(Arc::new(keys));
        // Headers that couldn't be opened may be now, and the other way round.
        self.catalog.changed();
        Ok(())
    }

    /// Encrypts headers anew that are kept under another key than the one in use. Those that can't be opened stay as they are.
    pub(crate) async fn reseal(&self) -> Result<(), Error> {
        let live = self.keyring.live.load_full();
        let Some(key_id) = live.iter().next().map(RootKey::id) else { return Ok(()) };
        let (seals, mut last) = (self.targets.seals(), None);
        loop {
            let found = self.store.list_sealed_elsewhere(key_id, last).await?;
            if found.is_empty() {
                return self.reseal_tokens(key_id, &seals).await;
            }
            for (upstream, sealed) in found {
                last = Some(upstream.id);
                let opened = seals.open(&sealed, upstream.id, &upstream.url);
                let anew =
                    opened.ok().and_then(|opened| seals.seal(&opened, upstream.id, &upstream.url, &self.ambient));
                if let Some(anew) = anew {
                    self.store.replace_sealed(&upstream, &sealed, anew).await?;
                } else {
                    tracing::debug!(upstream = %upstream.id.0, "an upstream's headers can't be opened");
                }
            }
        }
    }

    /// The same with tokens of notification services.
    async fn reseal_tokens(&self, key_id: &str, seals: &Seals) -> Result<(), Error> {
        let mut last = None;
        loop {
            let found = self.store.list_tokens_elsewhere(key_id, last).await?;
            if found.is_empty() {
                return Ok(());
            }
            for (service, sealed) in found {
                last = Some(service.id);
                let of = (service.id, &service.url);
                let opened = seal::open(seals, &sealed, of).ok();
                if let Some(anew) = opened.and_then(|token| seal::seal(seals, &token, of, &self.ambient)) {
                    self.store.replace_token(&service, &sealed, anew).await?;
                } else {
                    tracing::debug!(service = %service.id.0, "a notification service's token can't be opened");
                }
            }
        }
    }
}
