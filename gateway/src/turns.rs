//! Turns: connections whose last request was refused are served a few at a time, so that nobody has to stand behind all of
//! them.
//!
//! The runtime polls ready tasks in the order in which they became ready. Sixty connections of garbage are sixty tasks before
//! each step of a portal call, which takes several. Garbage is answered without waiting for anything, that is within a poll
//! or two, so polls are what is rationed: a task of a *suspect* connection needs a turn for each. Whatever waits holds none.
//!
//! A spent turn can be taken again only when everything that is ready by then has been polled once: given back at once, it
//! would be there for the next suspect in the runtime's queue, and all of them would pass before whoever stands behind. While
//! anybody else is being served it comes back later still: they have the processors to themselves, but for a little. And
//! while nobody is, a few polls are spare for each turn that comes back, because that way costs as much as what garbage is told.

#[cfg(test)]
mod tests;

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread::available_parallelism,
    time::Duration,
};

use kit::boot::Tasks;
use tokio::{
    sync::{
        OwnedSemaphorePermit, Semaphore,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    time::{Instant, sleep},
};
use tokio_util::sync::PollSemaphore;

/// How long a spent turn stays away while others are being served. Suspects get on all the same: a thousand polls a second, or
/// nearly, for each turn.
const PAUSE: Duration = Duration::from_millis(1);

/// How long nobody else must have been served before that counts: longer than a call waits for the services behind.
const ALONE: Duration = Duration::from_millis(5);

/// How many polls suspects may have without a turn, for each turn that comes back while nobody else is being served. Whoever
/// comes next has to stand behind that many, once.
const SPARE: usize = 8;

/// The turns of a gateway. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    spent: UnboundedSender<OwnedSemaphorePermit>,
    others: Others,
}

/// Those who need no turn, and what suspects may take because nobody of them was there.
#[derive(Clone, Debug, Default)]
struct Others(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Whether anybody was polled without a turn since it was last asked.
    came: AtomicBool,
    /// How many polls suspects may have before a turn that is spent has to go its way.
    spare: AtomicUsize,
}

impl Others {
    fn come(&self) {
        // Everybody writes it, so nobody does twice: processors needn't pass it round.
        if !self.0.came.load(Ordering::Relaxed) {
            self.0.came.store(true, Ordering::Relaxed);
        }
    }

    fn came(&self) -> bool {
        self.0.came.swap(false, Ordering::Relaxed)
    }

    fn spare(&self, polls: usize) {
        self.0.spare.store(polls, Ordering::Relaxed);
    }

    /// Takes one of the polls that are spare, if there is any and nobody else has come since.
    fn take(&self) -> bool {
        let Seen { came, spare } = &*self.0;
        let less = |polls: usize| polls.checked_sub(1);
        !came.load(Ordering::Relaxed) && spare.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Turns {
    /// As many as there are processors: fewer would leave one idle while suspects alone want something.
    pub(crate) fn start(tasks: &Tasks) -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        let (turns, spent) = Self::of(processors);
        tasks.spawn(give_back(spent, turns.others.clone()));
        turns
    }

    /// `count` turns, and where those come that are spent.
    fn of(count: usize) -> (Self, UnboundedReceiver<OwnedSemaphorePermit>) {
        let (spent, given_back) = unbounded_channel();
        (Self { free: Arc::new(Semaphore::new(count)), spent, others: Others::default() }, given_back)
    }

    /// Where one task waits for its turns.
    pub(crate) fn place(&self) -> Place {
        Place {
            turns: PollSemaphore::new(Arc::clone(&self.free)),
            spent: self.spent.clone(),
            others: self.others.clone(),
            stands: false,
        }
    }
}

/// Gives spent turns back, until nobody is left who could spend any.
async fn give_back(mut spent: UnboundedReceiver<OwnedSemaphorePermit>, others: Others) {
    let (mut turns, mut seen) = (Vec::new(), None);
    while spent.recv_many(&mut turns, usize::MAX).await > 0 {
        to_the_end_of_the_queue().await;
        if others.came() {
            seen = Some(Instant::now());
        }
        if seen.is_some_and(|seen| seen.elapsed() < ALONE) {
            others.spare(0);
            sleep(PAUSE).await;
        } else {
            others.spare(turns.len() * SPARE);
        }
        turns.clear();
    }
}

/// Lets everything run once that is ready. Tokio's own `yield_now` also waits for the next look at the sockets, which comes
/// late on a busy machine.
async fn to_the_end_of_the_queue() {
    let mut queued = false;
    poll_fn(|cx| {
        if mem::replace(&mut queued, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Where one task waits for its turns.
#[derive(Debug)]
pub(crate) struct Place {
    turns: PollSemaphore,
    spent: UnboundedSender<OwnedSemaphorePermit>,
    others: Others,
    /// Whether it has asked for a turn that hasn't come yet.
    stands: bool,
}

impl Place {
    /// Polls `work`: at once, or, if its connection is `suspect`, when the turn has come. What wakes the work until then isn't
    /// lost, because it is polled then.
    pub(crate) fn poll<F: Future>(
        &mut self,
        suspect: bool,
        work: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        // A turn that was asked for comes even if the connection isn't suspect any more; left alone, it would be nobody's.
        if !self.stands {
            if !suspect {
                self.others.come();
                return work.poll(cx);
            }
            if self.others.take() {
                return work.poll(cx);
            }
        }
        self.stands = true;
        let Poll::Ready(turn) = self.turns.poll_acquire(cx) else { return Poll::Pending };
        self.stands = false;
        let polled = work.poll(cx);
        if let Some(turn) = turn
            && !self.others.take()
        {
            // When nobody gives turns back any more, the turn is free at once.
            let _given_back = self.spent.send(turn);
        }
        polled
    }
}
