//! What a process says of itself to those who rotate keys: that it runs, and which keys it has read.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kit::{ambient::Ambient, boot::process_name, error::chain, keys::RootKey};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::{
    Service,
    domain::key_reader::{BEAT, KeyReader},
};

/// This process among those of its database.
#[derive(Debug)]
pub(crate) struct Reader {
    uuid: Uuid,
    name: String,
    said: Mutex<Said>,
}

/// What it has said last.
#[derive(Debug, Default)]
struct Said {
    beats: i64,
    key_ids: Vec<String>,
    /// Since boot.
    at: Duration,
}

impl Reader {
    pub(crate) fn new(ambient: &Ambient) -> Self {
        Self { uuid: ambient.uuid(), name: process_name(), said: Mutex::default() }
    }

    /// What is to be said at `now`, if anything: at once that there are other keys, and else from time to time that it runs.
    fn to_say(&self, key_ids: Vec<String>, now: Duration) -> Option<KeyReader> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.key_ids == key_ids && now.saturating_sub(said.at) < BEAT {
            return None;
        }
        *said = Said { beats: said.beats + 1, key_ids: key_ids.clone(), at: now };
        Some(KeyReader { uuid: self.uuid, name: self.name.clone(), key_ids, beats: said.beats })
    }

    /// What was to be said wasn't heard: it is said again soon.
    fn unsaid(&self) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).key_ids.clear();
    }
}

impl Service {
    /// Says that this process begins. From here on who rotates keys waits for it.
    pub(crate) async fn say_hello(&self) -> Result<(), DbErr> {
        self.say_keys().await?;
        // A rotation that didn't know of this process yet may have gone on meanwhile. A bad file is told of at the next look.
        let _told_of_soon = self.try_reload_keys().await;
        self.say_keys().await
    }

    /// Says which keys are in effect in this process: what it did before under others may still be under way, but is refused
    /// once these are retired.
    pub(crate) async fn say_keys(&self) -> Result<(), DbErr> {
        let key_ids = self.0.keyring.live().iter().map(RootKey::id).map(str::to_owned).collect();
        let Some(reader) = self.0.reader.to_say(key_ids, self.0.ambient.since_boot()) else { return Ok(()) };
        let said = self.0.store.note_key_reader(&reader).await;
        if said.is_err() {
            self.0.reader.unsaid();
        }
        said
    }

    /// Says that this process ends, so that nobody waits for it.
    pub(crate) async fn say_goodbye(&self) {
        if let Err(error) = self.0.store.forget_key_reader(self.0.reader.uuid).await {
            tracing::debug!(error = chain(&error), "who rotates keys must find out that this process has ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_keys_are_said_at_once_and_the_same_from_time_to_time() {
        let reader = Reader::new(&Ambient::system());
        let say = |key: &str, second| {
            let said = reader.to_say(vec![key.to_owned()], Duration::from_secs(second));
            said.map(|said| (said.key_ids.concat(), said.beats))
        };
        assert_eq!(say("k1", 100), Some(("k1".to_owned(), 1)));
        assert_eq!(say("k1", 104), None);
        assert_eq!(say("k2", 104), Some(("k2".to_owned(), 2)));
        assert_eq!(say("k2", 108), None);
        assert_eq!(say("k2", 109), Some(("k2".to_owned(), 3)));
        reader.unsaid();
        assert_eq!(say("k2", 110), Some(("k2".to_owned(), 4)));
    }
}
