//! What processes hold of a window, against a row in memory, in any order of events.

use std::time::Duration;

use proptest::prelude::*;

use crate::window::part::{Part, SHARE};

/// What the statement does (`db::windows`).
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) claimed: i64,
}

impl Row {
    pub(super) fn claim(&mut self, limit: u32, owed: u32, wanted: u32) -> (u64, u64) {
        let left = i64::from(limit) - i64::from(owed) - self.claimed;
        let part = i64::from(owed) + (left / i64::from(SHARE)).max(wanted.into()).min(left).max(0);
        self.claimed += part;
        (u64::try_from(part).unwrap(), u64::try_from(self.claimed).unwrap())
    }
}

struct Process {
    part: Part,
    waiting: u32,
    told: u32,
}

struct World {
    row: Row,
    processes: Vec<Process>,
    limit: u32,
    now: Duration,
    passed: u32,
}

impl World {
    fn new(processes: usize, limit: u32) -> Self {
        let none = || Process { part: Part::default(), waiting: 0, told: 0 };
        let processes = (0..processes).map(|_| none()).collect();
        Self { row: Row::default(), processes, limit, now: Duration::from_secs(100), passed: 0 }
    }

    /// Whether one was let pass.
    fn take(&mut self, process: usize) -> bool {
        let Process { part, waiting, told } = &mut self.processes[process];
        let taken = part.take(self.limit, self.now);
        if let Some(current) = taken.filter(|current| *current <= self.limit) {
            assert!(current >= *told, "what is left becomes more");
            *told = current;
            self.passed += 1;
            return true;
        }
        *waiting = u32::from(taken.is_none());
        false
    }

    fn claim(&mut self, process: usize) {
        let Process { part, waiting, .. } = &mut self.processes[process];
        if *waiting > 0 || part.is_due(self.now) {
            let owed = part.owed();
            let (given, claimed) = self.row.claim(self.limit, owed, *waiting);
            part.answered(owed, given, claimed, (self.limit, self.now));
            *waiting = 0;
        }
    }

    fn tidy(&mut self) {
        for Process { part, .. } in &mut self.processes {
            self.row.claimed -= i64::from(part.give_back_idle(self.now));
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Take(usize),
    Claim(usize),
    TakeBack(usize),
    Pass(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3usize).prop_map(Step::Take),
        4 => (0..3usize).prop_map(Step::Claim),
        1 => (0..3usize).prop_map(Step::TakeBack),
        1 => (0..5u8).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn exactly_the_limit_is_let_pass_whatever_the_order(limit in 1..300u32, steps in prop::collection::vec(step(), 0..400)) {
        let mut world = World::new(3, limit);
        for step in steps {
            match step {
                Step::Take(process) => drop(world.take(process)),
                Step::Claim(process) => world.claim(process),
                Step::TakeBack(process) => {
                    // Of one that was let pass: there must be one.
                    if world.take(process) {
                        world.processes[process].part.take_back(false);
                        world.passed -= 1;
                    }
                }
                Step::Pass(seconds) => {
                    world.now += Duration::from_secs(seconds.into());
                    world.tidy();
                }
            }
            prop_assert!(world.passed <= limit);
        }
        // One process alone asks for the rest: what the others hold comes back.
        for _ in 0..3 {
            world.now += Duration::from_secs(5);
            world.tidy();
            while world.take(0) || world.processes[0].waiting > 0 {
                world.claim(0);
            }
        }
        prop_assert_eq!(world.passed, limit);
    }
}

#[test]
fn a_large_limit_takes_few_claims() {
    let (mut world, mut claims) = (World::new(1, 100_000), 0);
    for _ in 0..100_000 {
        if !world.take(0) {
            world.claim(0);
            claims += 1;
            assert!(world.take(0));
        }
        if world.processes[0].part.is_due(world.now) {
            world.claim(0);
            claims += 1;
        }
    }
    assert!(!world.take(0) && claims < 250, "{claims}");
}

#[test]
fn what_is_spent_already_is_told_even_beyond_the_limit() {
    let mut world = World::new(2, 100);
    assert_eq!(world.processes[0].part.spend(150, world.now), 150);
    world.claim(0);
    assert_eq!((world.row.claimed, world.processes[0].part.owed()), (150, 0));
    assert_eq!(world.processes[1].part.room(100, world.now), None);
    world.processes[1].waiting = 1;
    world.claim(1);
    assert_eq!(world.processes[1].part.room(100, world.now), Some(150));
}

#[test]
fn without_an_answer_a_share_is_let_pass_once_and_told_later() {
    let mut world = World::new(1, 80);
    world.processes[0].part.failed(80, world.now);
    let passed = (0..50).filter(|_| world.take(0)).count();
    assert_eq!(passed, 10);
    world.now += Duration::from_secs(2);
    assert!(!world.take(0));
    world.processes[0].part.failed(80, world.now);
    assert!(!world.take(0), "once in a window");
    world.now += Duration::from_secs(2);
    assert!(!world.take(0));
    world.claim(0);
    assert_eq!(world.row.claimed, 10 + 8);
    assert!(world.take(0));
}
