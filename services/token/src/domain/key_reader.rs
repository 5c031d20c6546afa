//! Which root keys each running process has read: a rotation waits for them.

use std::{collections::BTreeMap, time::Duration};

use uuid::Uuid;

/// How often a process says again that it runs.
pub(crate) const BEAT: Duration = Duration::from_secs(5);
/// After what silence it has ended, and nobody waits for it any more.
pub(crate) const SILENT: Duration = Duration::from_secs(15);

/// A process and the keys that it has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReader {
    pub(crate) uuid: Uuid,
    /// Of its machine and itself, for people.
    pub name: String,
    /// The one in use first.
    pub key_ids: Vec<String>,
    /// Grows as long as it runs. No time: the clocks of two machines don't agree.
    pub(crate) beats: i64,
}

impl KeyReader {
    /// Whether it finds what was made under the key of that id.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.key_ids.iter().any(|key| key == id)
    }

    /// Whether it makes what is new under the key of that id.
    #[must_use]
    pub fn uses(&self, id: &str) -> bool {
        self.key_ids.first().is_some_and(|key| key == id)
    }
}

/// What one who waits has heard of each process: the number of its beats, and since when.
#[derive(Debug, Default)]
pub(crate) struct Heard(BTreeMap<Uuid, (i64, Duration)>);

impl Heard {
    /// Those of `readers` that may be running at `now` (since boot): all but those that were silent too long while this was
    /// asked.
    pub(crate) fn running(&mut self, mut readers: Vec<KeyReader>, now: Duration) -> Vec<KeyReader> {
        readers.retain(|reader| {
            let heard = self.0.entry(reader.uuid).or_insert((reader.beats, now));
            if heard.0 != reader.beats {
                *heard = (reader.beats, now);
            }
            now.saturating_sub(heard.1) < SILENT
        });
        readers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(uuid: u128, beats: i64) -> KeyReader {
        KeyReader { uuid: Uuid::from_u128(uuid), name: String::new(), key_ids: vec!["k2".into(), "k1".into()], beats }
    }

    #[test]
    fn the_first_key_is_used_and_all_are_known() {
        let reader = reader(1, 0);
        assert!(reader.uses("k2") && !reader.uses("k1"));
        assert!(reader.knows("k2") && reader.knows("k1") && !reader.knows("k3"));
    }

    #[test]
    fn who_is_silent_too_long_has_ended_and_who_speaks_again_runs() {
        let (mut heard, begin) = (Heard::default(), Duration::from_secs(1_000));
        let mut running = |beats: [i64; 2], after: Duration| {
            let readers = (1..).zip(beats).map(|(uuid, beats)| reader(uuid, beats)).collect();
            heard.running(readers, begin + after).iter().map(|reader| reader.uuid.as_u128()).collect::<Vec<_>>()
        };
        let second = Duration::from_secs(1);
        assert_eq!(running([7, 7], Duration::ZERO), [1, 2]);
        assert_eq!(running([8, 7], SILENT.saturating_sub(second)), [1, 2]);
        assert_eq!(running([8, 7], SILENT), [1]);
        assert_eq!(running([8, 6], SILENT + second), [1, 2], "a number that is another, not one that is greater");
    }
}
