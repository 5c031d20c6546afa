use contracts::token::v1::{PortalTokenKind, Revocation};

use super::*;
use crate::verifier::verdict::tests::verdict;

// Ids that no token here has, whose numbers are bytes.
const PORTAL: u128 = 0xa00;
const SECRET: u128 = 0xb00;

fn slot(number: u8) -> Slot {
    [number; 32]
}

fn verdicts() -> Verdicts {
    let verdicts = Verdicts::new(1_000);
    verdicts.apply(5, Some(Vec::new()), true);
    verdicts
}

/// Keeps the verdict about token `number`, read at 5.
fn keep(verdicts: &Verdicts, number: u8) {
    let token = Uuid::from_u128(number.into());
    verdicts.keep(slot(number), Arc::new(verdict(token, 5)), verdicts.generation());
}

fn event(sequence: u64, subject: u128, kinds: &[PortalTokenKind]) -> Event {
    let kinds = kinds.iter().map(|kind| (*kind).into()).collect();
    Event::read(Revocation { sequence, subject_uuid: Uuid::from_u128(subject).to_string(), kinds }).unwrap()
}

fn kept(verdicts: &Verdicts) -> Vec<u8> {
    (0..=u8::MAX).filter(|number| verdicts.get(&slot(*number)).is_some()).collect()
}

#[test]
fn an_event_ends_what_depends_on_its_subject_and_nothing_else() {
    use PortalTokenKind::{Ephemeral, User};
    for (subject, kinds, left) in [
        (1, &[][..], &[2][..]),
        (PORTAL, &[], &[]),
        (SECRET, &[], &[]),
        (PORTAL, &[User], &[1, 2]),
        (PORTAL, &[User, Ephemeral], &[]),
        (77, &[], &[1, 2]),
    ] {
        let verdicts = verdicts();
        keep(&verdicts, 1);
        keep(&verdicts, 2);
        assert!(verdicts.apply(6, Some(vec![event(6, subject, kinds)]), false));
        assert_eq!(kept(&verdicts), left, "{subject:x} {kinds:?}");
    }
}

#[test]
fn a_gap_empties_everything_and_what_is_read_afterwards_is_kept() {
    let verdicts = verdicts();
    keep(&verdicts, 1);
    assert!(verdicts.apply(9, Some(vec![event(9, 77, &[])]), true));
    assert_eq!(kept(&verdicts), [0_u8; 0]);
    keep(&verdicts, 1);
    assert_eq!(kept(&verdicts), [0_u8; 0], "read at 5, which is before the gap");
    let read_later = Arc::new(verdict(Uuid::from_u128(1), 9));
    verdicts.keep(slot(1), read_later, verdicts.generation());
    assert_eq!(kept(&verdicts), [1]);
    verdicts.apply(9, None, true);
    assert_eq!(kept(&verdicts), [0_u8; 0], "events that can't be read");
}

#[test]
fn a_verdict_that_was_asked_for_before_a_flush_or_ended_meanwhile_is_not_kept() {
    let verdicts = verdicts();
    let generation = verdicts.generation();
    verdicts.apply(3, Some(Vec::new()), true);
    // Read in the time line that is gone, so its number says nothing.
    verdicts.keep(slot(1), Arc::new(verdict(Uuid::from_u128(1), 5)), generation);
    assert_eq!(kept(&verdicts), [0_u8; 0]);
    let read = Arc::new(verdict(Uuid::from_u128(1), 3));
    verdicts.apply(4, Some(vec![event(4, SECRET, &[])]), false);
    verdicts.keep(slot(1), read, verdicts.generation());
    assert_eq!(kept(&verdicts), [0_u8; 0]);
}

/// How many slots the index knows of the portal, and how many ids it knows.
fn indexed(verdicts: &Verdicts) -> (usize, usize) {
    let mut ledger = lock(&verdicts.ledger);
    verdicts.tidy(&mut ledger);
    (ledger.index.get(&Uuid::from_u128(PORTAL)).map_or(0, HashMap::len), ledger.index.len())
}

#[test]
fn the_index_holds_no_more_than_the_cache() {
    let verdicts = Verdicts::new(10);
    verdicts.apply(5, Some(Vec::new()), true);
    for round in 0..20 {
        (0..200).for_each(|number| keep(&verdicts, number));
        // The cache evicts in steps, and when it pleases; looking into it is a step, too.
        let agree = || {
            verdicts.kept.run_pending_tasks();
            let here = kept(&verdicts).len();
            here <= 10 && indexed(&verdicts) == (here, here + 2)
        };
        assert!((0..1_000).any(|_| agree()), "round {round}: {:?}", indexed(&verdicts));
    }
}

#[test]
fn keeping_one_takes_others_that_left_out_of_the_index() {
    let verdicts = Verdicts::new(10);
    verdicts.apply(5, Some(Vec::new()), true);
    for number in 0..200 {
        keep(&verdicts, number);
        verdicts.kept.run_pending_tasks();
    }
    assert!(lock(&verdicts.ledger).index.len() < 50);
}

#[test]
fn events_and_inserts_on_many_threads_leave_nothing_that_was_revoked() {
    let verdicts = verdicts();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let verdicts = &verdicts;
            scope.spawn(move || (0..5_000_u32).for_each(|_| keep(verdicts, thread)));
        }
        (0..4_u8).for_each(|token| {
            verdicts.apply(6 + u64::from(token), Some(vec![event(6 + u64::from(token), token.into(), &[])]), false);
        });
    });
    assert_eq!(kept(&verdicts), [0_u8; 0], "all were read at 5, and revoked at 6 to 9");
}
