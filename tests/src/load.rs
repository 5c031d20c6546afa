//! Many at once: requests side by side, and load that goes on while something happens to the system.

use std::{
    env,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use reqwest::RequestBuilder;
use tokio::task::JoinSet;

use crate::Answer;

/// Whether the counts of the specification were asked for (`tests/run --full`).
pub fn full() -> bool {
    env::var_os("PORTALS_TEST_FULL").is_some_and(|value| value == "1")
}

/// `small`, or `all` in a full run.
pub fn count<T>(small: T, all: T) -> T {
    if full() { all } else { small }
}

/// Says what a test measured, in a line that is seen when the test passes, too: to be quoted.
pub fn figures(test: &str, said: &str) {
    // Not `eprintln`, which the harness keeps to itself. Nothing depends on whether somebody reads it.
    let _ = writeln!(io::stderr(), "figures: {test}: {said}");
}

/// Sends all requests at once, each on a connection of its own. The answers come in no order.
pub async fn all_at_once(requests: impl IntoIterator<Item = RequestBuilder>) -> Vec<Answer> {
    let mut set: JoinSet<Answer> = requests.into_iter().map(Answer::of).collect();
    let mut answers = Vec::new();
    while let Some(answer) = set.join_next().await {
        answers.push(answer.unwrap());
    }
    answers
}

/// Threads that do the same thing again and again until they are stopped.
#[derive(Debug)]
pub struct Load<T> {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<T>>>,
}

impl<T: Send + 'static> Load<T> {
    /// Starts `threads` threads. Each makes its `work` once, with its number, and then calls it again and again.
    pub fn start<W: FnMut() -> T>(threads: usize, work: impl Fn(usize) -> W + Send + Sync + 'static) -> Self {
        let (stop, work) = (Arc::new(AtomicBool::new(false)), Arc::new(work));
        let threads = (0..threads).map(|number| {
            let (stop, work) = (Arc::clone(&stop), Arc::clone(&work));
            thread::spawn(move || {
                let (mut work, mut done) = (work(number), Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    done.push(work());
                }
                done
            })
        });
        let threads = threads.collect();
        Self { stop, threads }
    }

    /// Stops them after what is under way, and gives what they did.
    pub fn stop(mut self) -> Vec<T> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).flat_map(|thread| thread.join().expect("a thread of the load")).collect()
    }
}

impl<T> Drop for Load<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
