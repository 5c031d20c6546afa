//! Turn-taking, polled by hand, and beside a flood.

use std::{
    future::{pending, ready},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Wake, Waker},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use super::*;

/// How often a task was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task that is polled by hand.
struct Task {
    place: Place,
    woken: Arc<Woken>,
}

impl Task {
    fn of(turns: &Turns) -> Self {
        Self { place: turns.place(), woken: Arc::default() }
    }

    /// Whether it gets to its work, which is done at once.
    fn gets_on(&mut self, suspect: bool) -> bool {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.place.poll(suspect, pin!(ready(())), &mut Context::from_waker(&waker)).is_ready()
    }

    fn was_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed) > 0
    }
}

#[test]
fn suspects_wait_for_a_turn_and_nobody_else_does() {
    let (turns, mut spent) = Turns::of(1);
    let [mut first, mut second, mut other] = [0; 3].map(|_| Task::of(&turns));
    assert!(first.gets_on(true));
    assert!(!second.gets_on(true) && !first.gets_on(true) && other.gets_on(false));
    assert!(!second.was_woken());
    drop(spent.try_recv().unwrap());
    assert!(second.was_woken() && !first.was_woken());
    assert!(!first.gets_on(true) && second.gets_on(true));
    drop(spent.try_recv().unwrap());
    assert!(first.was_woken() && first.gets_on(true));
}

#[test]
fn who_leaves_passes_the_turn_on() {
    let (turns, mut spent) = Turns::of(1);
    let [mut spender, mut first, mut second] = [0; 3].map(|_| Task::of(&turns));
    assert!(spender.gets_on(true) && !first.gets_on(true) && !second.gets_on(true));
    drop(spent.try_recv().unwrap());
    assert!(first.was_woken() && !second.was_woken());
    drop(first);
    assert!(second.was_woken() && second.gets_on(true));
}

#[test]
fn who_is_cleared_while_waiting_takes_the_turn_that_comes() {
    let (turns, mut spent) = Turns::of(1);
    let [mut spender, mut task] = [0; 2].map(|_| Task::of(&turns));
    assert!(spender.gets_on(true) && !task.gets_on(true) && !task.gets_on(false));
    drop(spent.try_recv().unwrap());
    assert!(task.gets_on(false));
    drop(spent.try_recv().unwrap());
    assert!(task.gets_on(false));
    assert_eq!(turns.free.available_permits(), 1);
}

#[test]
fn who_waits_for_something_else_holds_no_turn() {
    let (turns, mut spent) = Turns::of(1);
    let mut slow = Task::of(&turns);
    assert!(slow.place.poll(true, pin!(pending::<()>()), &mut Context::from_waker(Waker::noop())).is_pending());
    drop(spent.try_recv().unwrap());
    assert_eq!(turns.free.available_permits(), 1);
}

#[test]
fn polls_are_spare_until_somebody_else_comes() {
    let (turns, mut spent) = Turns::of(1);
    let [mut suspect, mut other] = [0; 2].map(|_| Task::of(&turns));
    turns.others.spare(2);
    assert!(suspect.gets_on(true) && suspect.gets_on(true) && spent.try_recv().is_err());
    assert_eq!(turns.free.available_permits(), 1);
    assert!(suspect.gets_on(true));
    drop(spent.try_recv().unwrap());
    turns.others.spare(2);
    assert!(other.gets_on(false) && suspect.gets_on(true));
    assert!(spent.try_recv().is_ok(), "polls are spare although somebody came");
}

#[test]
fn turns_do_not_end_when_nobody_gives_them_back() {
    let (turns, spent) = Turns::of(1);
    drop(spent);
    let mut task = Task::of(&turns);
    assert!(task.gets_on(true) && task.gets_on(true));
}

/// Sixty-four suspects, for ever ready, with one turn; and how often they were polled.
fn flood(tasks: &Tasks) -> (Turns, Arc<AtomicUsize>) {
    let garbage = Arc::new(AtomicUsize::new(0));
    let (turns, spent) = Turns::of(1);
    tasks.spawn(give_back(spent, turns.others.clone()));
    for _ in 0..64 {
        let (mut place, garbage, stop) = (turns.place(), Arc::clone(&garbage), tasks.stopping());
        tasks.spawn(async move {
            let mut work = pin!(async {
                while !stop.is_cancelled() {
                    garbage.fetch_add(1, Ordering::Relaxed);
                    to_the_end_of_the_queue().await;
                }
            });
            poll_fn(|cx| place.poll(true, work.as_mut(), cx)).await;
        });
    }
    (turns, garbage)
}

#[tokio::test]
async fn a_flood_gets_on_a_little_for_each_step_of_a_call() {
    const STEPS: usize = 100;
    let tasks = Tasks::default();
    let (turns, garbage) = flood(&tasks);
    let (told, heard) = oneshot::channel();
    tasks.spawn(async move {
        let before = garbage.load(Ordering::Relaxed);
        for _ in 0..STEPS {
            to_the_end_of_the_queue().await;
        }
        told.send(garbage.load(Ordering::Relaxed) - before).unwrap();
    });
    let polls = heard.await.unwrap();
    assert!(
        (STEPS / 10..=2 * SPARE * STEPS).contains(&polls),
        "{polls} polls of garbage beside {STEPS} steps of a call"
    );
    drop(turns);
    assert!(tasks.stop(Duration::from_secs(10)).await, "turns are still waited for");
}

#[tokio::test]
async fn a_flood_hardly_gets_on_while_others_are_being_served() {
    const POLLS: usize = 20;
    let tasks = Tasks::default();
    let (turns, garbage) = flood(&tasks);
    let (told, heard) = oneshot::channel();
    let mut place = turns.place();
    tasks.spawn(async move {
        let begun = Instant::now();
        let mut work = pin!(async {
            while garbage.load(Ordering::Relaxed) < POLLS {
                to_the_end_of_the_queue().await;
            }
        });
        poll_fn(|cx| place.poll(false, work.as_mut(), cx)).await;
        told.send(begun.elapsed()).unwrap();
    });
    let took = tokio::time::timeout(Duration::from_secs(10), heard).await.expect("it got on").unwrap();
    let (least, pauses) = (POLLS - 2, took.as_millis());
    assert!(pauses >= least as u128, "{POLLS} polls of garbage within {took:?}");
    drop(turns);
    assert!(tasks.stop(Duration::from_secs(10)).await, "turns are still waited for");
}
