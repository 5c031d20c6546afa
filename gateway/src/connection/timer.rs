//! The timer of one connection's headers. hyper makes one for each request and drops it when the headers are there, mostly at
//! once: making one by tokio takes a lock that all connections share, twice. So there is one for all requests of a connection.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt;
use tokio::time;

/// Makes timers, of which one is in use at a time: the last one that was dropped serves again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timer(Arc<Mutex<Option<Pin<Box<time::Sleep>>>>>);

impl Timer {
    fn exchange(&self, sleep: Option<Pin<Box<time::Sleep>>>) -> Option<Pin<Box<time::Sleep>>> {
        mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), sleep)
    }
}

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        let deadline = deadline.into();
        let sleep = match self.exchange(None) {
            Some(mut sleep) => {
                sleep.as_mut().reset(deadline);
                sleep
            }
            None => Box::pin(time::sleep_until(deadline)),
        };
        Box::pin(Lent { sleep: Some(sleep), home: self.clone() })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into()
    }
}

/// A timer that goes back to where it came from.
struct Lent {
    sleep: Option<Pin<Box<time::Sleep>>>,
    home: Timer,
}

impl Future for Lent {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().map_or(Poll::Ready(()), |sleep| sleep.as_mut().poll(cx))
    }
}

impl rt::Sleep for Lent {}

impl Drop for Lent {
    fn drop(&mut self) {
        drop(self.home.exchange(self.sleep.take()));
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use rt::Timer as _;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(10);
    const LONG: Duration = Duration::from_mins(10);

    #[tokio::test]
    async fn a_timer_serves_again_with_the_time_it_is_asked_for() {
        let timer = Timer::default();
        for _ in 0..3 {
            let asked = Instant::now();
            timer.sleep(MOMENT).await;
            assert!(asked.elapsed() >= MOMENT);
            // One that has run out, and one that is given up while it runs.
            for _ in 0..2 {
                assert!(is_pending(timer.sleep(LONG).as_mut()).await);
            }
        }
    }

    #[tokio::test]
    async fn two_at_once_do_not_share() {
        let timer = Timer::default();
        let (short, mut long) = (timer.sleep(MOMENT), timer.sleep(LONG));
        short.await;
        assert!(is_pending(long.as_mut()).await);
    }

    async fn is_pending(mut sleep: Pin<&mut dyn rt::Sleep>) -> bool {
        poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await
    }
}
