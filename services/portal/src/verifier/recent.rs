//! The sequence of revocations as far as it is known here.

use std::collections::VecDeque;

use contracts::token::v1::{PortalTokenKind, Revocation};
use uuid::Uuid;

use super::verdict::Verdict;

/// How many events are remembered. A verdict that was read before the oldest of them isn't kept: at 500 ms a question that
/// takes 20 000 revocations a second, and costs one question more.
const MOST_REMEMBERED: usize = 10_000;

/// Something was revoked.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) sequence: u64,
    /// A token, portal, secret or user.
    pub(super) subject: Uuid,
    /// Empty: of any kind.
    kinds: Vec<PortalTokenKind>,
}

impl Event {
    /// Reads an event. A kind that isn't known here is none of a kept verdict's; if there are only such, all are meant,
    /// to be safe.
    pub(super) fn read(event: Revocation) -> Option<Self> {
        let Revocation { sequence, subject_uuid, kinds } = event;
        let kinds = kinds.into_iter().filter_map(|kind| PortalTokenKind::try_from(kind).ok()).collect();
        Some(Self { sequence, subject: subject_uuid.parse().ok()?, kinds })
    }

    /// Whether `verdict` ends with it.
    pub(super) fn ends(&self, verdict: &Verdict) -> bool {
        verdict.ids().any(|id| id == self.subject) && (self.kinds.is_empty() || self.kinds.contains(&verdict.kind))
    }
}

/// What is new in a message.
#[derive(Debug)]
pub(super) enum News {
    /// These follow what was applied before, without a gap.
    Next(Vec<Event>),
    /// Something was missed: nothing from before may be trusted.
    Lost,
}

/// What was applied lately.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// The last event that was applied. `None`: no message has come yet.
    applied: Option<u64>,
    /// What happened up to here isn't remembered.
    forgotten: u64,
    /// Everything after that, in order and without a gap.
    events: VecDeque<Event>,
}

impl Recent {
    /// The last event that was applied; 0 before the first message.
    pub(super) fn applied(&self) -> u64 {
        self.applied.unwrap_or_default()
    }

    /// Takes a message in. An answer to a renewal must bring everything up to its head; other messages may stop before.
    pub(super) fn take(&mut self, head: u64, events: Vec<Event>, answers: bool) -> News {
        let Some(mut applied) = self.applied else { return self.lose(head) };
        if head < applied {
            return self.lose(head);
        }
        let mut next = Vec::new();
        for event in events {
            match event.sequence.checked_sub(applied) {
                None | Some(0) => {}
                Some(1) => {
                    applied = event.sequence;
                    next.push(event);
                }
                Some(_) => return self.lose(head),
            }
        }
        if answers && applied != head {
            return self.lose(head);
        }
        self.applied = Some(applied);
        self.events.extend(next.iter().cloned());
        while self.events.len() > MOST_REMEMBERED {
            self.forgotten = self.events.pop_front().map_or(self.forgotten, |oldest| oldest.sequence);
        }
        News::Next(next)
    }

    /// Begins anew at `head`.
    pub(super) fn lose(&mut self, head: u64) -> News {
        *self = Self { applied: Some(head), forgotten: head, events: VecDeque::new() };
        News::Lost
    }

    /// Forgets everything until the next message. Says whether there was anything.
    pub(super) fn begin_anew(&mut self) -> bool {
        std::mem::take(self).applied.is_some()
    }

    /// Whether it is known that nothing ended `verdict` since it was read.
    pub(super) fn vouches(&self, verdict: &Verdict) -> bool {
        let later = self.events.iter().rev().take_while(|event| event.sequence > verdict.sequence);
        self.applied.is_some()
            && verdict.sequence >= self.forgotten
            && !later.into_iter().any(|event| event.ends(verdict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::verdict::tests::verdict;

    const TOKEN: Uuid = Uuid::from_u128(1);

    fn event(sequence: u64) -> Event {
        Event { sequence, subject: TOKEN, kinds: Vec::new() }
    }

    fn from(applied: u64) -> Recent {
        let mut recent = Recent::default();
        recent.lose(applied);
        recent
    }

    fn take(recent: &mut Recent, head: u64, sequences: &[u64], answers: bool) -> Option<Vec<u64>> {
        match recent.take(head, sequences.iter().copied().map(event).collect(), answers) {
            News::Next(events) => Some(events.into_iter().map(|event| event.sequence).collect()),
            News::Lost => None,
        }
    }

    #[test]
    fn events_in_order_are_applied_and_doubled_ones_skipped() {
        let mut recent = from(5);
        assert_eq!(take(&mut recent, 7, &[6, 7], true), Some(vec![6, 7]));
        assert_eq!(take(&mut recent, 8, &[6, 7, 7, 8, 8], true), Some(vec![8]));
        assert_eq!(take(&mut recent, 8, &[], true), Some(vec![]));
        assert_eq!(recent.applied(), 8);
    }

    #[test]
    fn whatever_may_hide_an_event_loses_everything() {
        for (name, head, sequences, answers) in [
            ("lost before", 7, &[7][..], true),
            ("lost before, pushed", 7, &[7], false),
            ("lost between", 8, &[6, 8], true),
            ("lost at the end", 7, &[6], true),
            ("none came", 6, &[], true),
            ("reordered", 7, &[7, 6], true),
            ("beyond the head", 6, &[6, 7], true),
            ("a head that went back", 4, &[], true),
            ("a head that went back, pushed", 4, &[], false),
        ] {
            let mut recent = from(5);
            assert_eq!(take(&mut recent, head, sequences, answers), None, "{name}");
            assert_eq!(recent.applied(), head, "{name}");
        }
        assert_eq!(take(&mut Recent::default(), 9, &[], true), None, "the first message");
    }

    #[test]
    fn pushed_events_may_stop_before_the_head() {
        let mut recent = from(5);
        assert_eq!(take(&mut recent, 9, &[6], false), Some(vec![6]));
        assert_eq!(take(&mut recent, 9, &[7, 8, 9], true), Some(vec![7, 8, 9]));
    }

    #[test]
    fn a_verdict_read_before_an_event_of_its_ids_is_not_vouched_for() {
        let mut recent = from(5);
        assert!(!recent.vouches(&verdict(TOKEN, 4)), "read before what is remembered");
        assert!(recent.vouches(&verdict(TOKEN, 5)));
        take(&mut recent, 6, &[6], true);
        assert!(!recent.vouches(&verdict(TOKEN, 5)));
        assert!(recent.vouches(&verdict(TOKEN, 6)) && recent.vouches(&verdict(TOKEN, 7)));
        assert!(recent.vouches(&verdict(Uuid::from_u128(2), 5)), "another token's");
        assert!(!Recent::default().vouches(&verdict(TOKEN, 5)), "nothing is known");
    }

    #[test]
    fn no_more_is_remembered_than_may_and_what_is_older_is_not_vouched_for() {
        let mut recent = from(0);
        let most = MOST_REMEMBERED as u64;
        take(&mut recent, most + 3, &(1..=most + 3).collect::<Vec<_>>(), true);
        assert_eq!((recent.events.len(), recent.forgotten), (MOST_REMEMBERED, 3));
        let other = |sequence| verdict(Uuid::from_u128(2), sequence);
        assert!(!recent.vouches(&other(2)) && recent.vouches(&other(3)));
    }
}
