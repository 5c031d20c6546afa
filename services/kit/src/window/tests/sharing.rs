//! Counters of several processes on one database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bed::{Bed, each_engine};
use chrono::DateTime;
use sea_orm::ConnectionTrait;
use tokio::task::JoinSet;

use super::parts::Row;
use crate::{
    ambient::{Ambient, Clock, Entropy, Instant},
    boot::Tasks,
    db::{Claim, Database, Windows, create_windows},
    window::{Counter, Sharing, part::SHARE},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// The wall clock stands still; the time since boot is set.
#[derive(Debug, Default)]
struct Held(AtomicU64);

impl Clock for Held {
    fn now(&self) -> Instant {
        DateTime::from_timestamp(18, 0).unwrap()
    }

    fn since_boot(&self) -> Duration {
        Duration::from_secs(100 + self.0.load(Ordering::SeqCst))
    }
}

impl Entropy for Held {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Process {
    counter: Arc<Counter<&'static str>>,
    database: Database,
    clock: Arc<Held>,
    _tasks: Tasks,
}

impl Process {
    async fn new(bed: &Bed, clock: &Arc<Held>) -> Self {
        let (database, tasks) = (Database::open(&bed.url).await.unwrap(), Tasks::default());
        let (now, source): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::clone(clock) as _, Arc::clone(clock) as _);
        let sharing = Sharing::among(&database, &tasks, &Ambient::new(now, source));
        Self { counter: Arc::new(sharing.counter("test")), database, clock: Arc::clone(clock), _tasks: tasks }
    }

    /// Whether one is let pass.
    async fn passes(&self, limit: u32) -> bool {
        !self.counter.count("a", limit, self.clock.now()).await.unwrap().is_over()
    }

    async fn passed(&self, limit: u32, tries: usize) -> usize {
        let mut passed = 0;
        for _ in 0..tries {
            passed += usize::from(self.passes(limit).await);
        }
        passed
    }

    async fn run(&self, statement: &str) {
        self.database.read().execute_unprepared(statement).await.unwrap();
    }
}

/// Runs `test` with processes that share a database.
async fn with_processes(most: usize, test: impl AsyncFn(Vec<Process>)) {
    each_engine(async |bed: Bed| {
        let database = Database::open(&bed.url).await.unwrap();
        let transaction = database.begin().await.unwrap();
        create_windows(&transaction).await.unwrap();
        transaction.commit().await.unwrap();
        if !database.may_have_replicas() {
            return;
        }
        let (clock, mut processes) = (Arc::new(Held::default()), Vec::new());
        for _ in 0..most {
            processes.push(Process::new(&bed, &clock).await);
        }
        test(processes).await;
    })
    .await;
}

#[tokio::test]
async fn several_processes_let_pass_the_limit_and_no_more() {
    with_processes(3, async |processes| {
        let (limit, mut all) = (100, JoinSet::new());
        // Each asks for more than all may, so that none is left with something that nobody asks it for.
        for _ in 0..2 * limit {
            for process in &processes {
                let (counter, now) = (Arc::clone(&process.counter), process.clock.now());
                all.spawn(async move { counter.count("a", limit, now).await.unwrap() });
            }
        }
        let answers = all.join_all().await;
        let passed = answers.iter().filter(|figures| !figures.is_over()).count();
        assert_eq!(passed, 100, "each asks for more than there is");
        assert!(answers.iter().all(|figures| (figures.limit, figures.reset) == (100, 42)));
        for process in &processes {
            let figures = process.counter.look(&"a", limit, process.clock.now()).await.unwrap();
            assert_eq!(figures.remaining(), 0);
            let others = process.counter.look(&"b", limit, process.clock.now()).await.unwrap();
            assert_eq!(others.remaining(), 100);
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_process_holds_and_does_not_spend_comes_back() {
    with_processes(2, async |processes| {
        let (idle, busy) = (&processes[0], &processes[1]);
        assert!(idle.passes(80).await);
        let first = busy.passed(80, 100).await;
        assert!(first < 79, "{first}");
        idle.clock.0.fetch_add(10, Ordering::SeqCst);
        let begun = tokio::time::Instant::now();
        let mut passed = first;
        while passed < 79 && begun.elapsed() < PATIENCE {
            // What is given back each second of the true time; what was empty rests for a second of the held one.
            idle.clock.0.fetch_add(10, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            passed += busy.passed(80, 1).await;
        }
        busy.clock.0.fetch_add(10, Ordering::SeqCst);
        assert_eq!(passed + busy.passed(80, 10).await, 79);
    })
    .await;
}

#[tokio::test]
async fn a_warm_part_asks_no_database() {
    with_processes(1, async |processes| {
        assert!(processes[0].passes(8_000).await);
        processes[0].run("ALTER TABLE limit_windows RENAME TO away").await;
        assert_eq!(processes[0].passed(8_000, 450).await, 450);
        processes[0].run("ALTER TABLE away RENAME TO limit_windows").await;
    })
    .await;
}

#[tokio::test]
async fn without_the_database_each_process_lets_pass_a_share_and_tells_it_later() {
    with_processes(2, async |processes| {
        processes[0].run("ALTER TABLE limit_windows RENAME TO away").await;
        for process in &processes {
            assert_eq!(process.passed(80, 100).await, 10);
        }
        processes[0].run("ALTER TABLE away RENAME TO limit_windows").await;
        processes[0].clock.0.fetch_add(10, Ordering::SeqCst);
        let mut rest = 0;
        for _ in 0..3 {
            for process in &processes {
                rest += process.passed(80, 100).await;
                process.clock.0.fetch_add(2, Ordering::SeqCst);
            }
        }
        // What the other one let pass may not be told yet.
        assert!((60..=70).contains(&rest), "{rest}");
    })
    .await;
}

#[tokio::test]
async fn costs_that_were_spent_on_one_count_on_the_other() {
    with_processes(2, async |processes| {
        let (one, two) = (&processes[0], &processes[1]);
        let room = async |process: &Process| process.counter.room(&"b", 10, process.clock.now()).await.unwrap();
        assert_eq!(room(one).await.remaining(), 10);
        let figures = one.counter.add("b", 25, 10, one.clock.now()).unwrap();
        assert_eq!(figures.current, 25);
        let begun = tokio::time::Instant::now();
        while room(two).await.remaining() > 0 && begun.elapsed() < PATIENCE {
            two.clock.0.fetch_add(10, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!((room(two).await.remaining(), room(one).await.remaining()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn the_statement_does_what_the_model_does() {
    with_processes(1, async |processes| {
        let windows = Windows::of(&processes[0].database).unwrap();
        let ends_at = processes[0].clock.now();
        for (number, limit) in [(1, 1), (2, 7), (3, 200)] {
            let (key, mut row) = (uuid::Uuid::from_u128(number), Row::default());
            for (owed, wanted) in [(0, 0), (0, 1), (3, 0), (0, 5), (1, 1), (0, 64), (0, 150), (40, 1), (0, 1)] {
                let claimed = windows.claim(Claim { key, ends_at, limit, owed, wanted, share: SHARE }).await.unwrap();
                assert_eq!((claimed.part, claimed.claimed), row.claim(limit, owed, wanted), "{limit} {owed} {wanted}");
            }
            windows.give_back(key, 1).await.unwrap();
            row.claimed -= 1;
            let claimed = windows.claim(Claim { key, ends_at, limit, owed: 0, wanted: 2, share: SHARE }).await.unwrap();
            assert_eq!((claimed.part, claimed.claimed), row.claim(limit, 0, 2));
        }
        assert_eq!(windows.sweep(ends_at).await.unwrap(), 0);
        assert_eq!(windows.sweep(ends_at + Duration::from_secs(1)).await.unwrap(), 3);
    })
    .await;
}
