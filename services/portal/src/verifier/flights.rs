//! One question at a time for each token, however many wait for its answer.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OnceCell;

use super::verdicts::Slot;

/// Questions that are under way.
pub(super) struct Flights<T>(Mutex<HashMap<Slot, Arc<OnceCell<T>>>>);

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> fmt::Debug for Flights<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flights")
    }
}

impl<T: Clone> Flights<T> {
    /// The answer of the question about `slot` that is under way, or of `ask`; and whether it was `ask`. If whoever asked goes
    /// away, the next of those who wait asks anew.
    ///
    /// Who joins once more gets the answer of a question that was asked after they joined first.
    pub(super) async fn join<F: Future<Output = T>>(&self, slot: Slot, ask: impl FnOnce() -> F) -> (T, bool) {
        let cell = Arc::clone(self.lock().entry(slot).or_default());
        let seat = Seat { flights: self, slot, cell };
        let mut own = false;
        let question = || {
            own = true;
            ask()
        };
        let answer = seat.cell.get_or_init(question).await.clone();
        (answer, own)
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().values().map(|cell| Arc::strong_count(cell) - 1).sum()
    }
}

impl<T> Flights<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<Slot, Arc<OnceCell<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Someone who waits.
struct Seat<'a, T> {
    flights: &'a Flights<T>,
    slot: Slot,
    cell: Arc<OnceCell<T>>,
}

impl<T> Drop for Seat<'_, T> {
    fn drop(&mut self) {
        // The map's and this one: nobody else waits.
        const LAST: usize = 2;
        let mut flights = self.flights.lock();
        let over = self.cell.initialized() || Arc::strong_count(&self.cell) <= LAST;
        if over && flights.get(&self.slot).is_some_and(|cell| Arc::ptr_eq(cell, &self.cell)) {
            flights.remove(&self.slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::{pending, ready},
    };

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn who_goes_away_leaves_the_question_to_the_next_and_nothing_behind() {
        let flights = Flights::<u32>::default();
        {
            let first = flights.join([1; 32], pending);
            tokio::pin!(first);
            tokio::select! { biased; _ = &mut first => unreachable!(), () = ready(()) => {} }
            assert_eq!(flights.lock().len(), 1);
        }
        assert_eq!(flights.lock().len(), 0);
        assert_eq!(flights.join([1; 32], || ready(7)).await, (7, true));
        assert_eq!(flights.join([1; 32], || ready(8)).await, (8, true), "an answered question is over");
        assert_eq!(flights.lock().len(), 0);
    }

    #[tokio::test]
    async fn who_joins_again_is_answered_by_a_later_question() {
        let flights = Flights::<u32>::default();
        let (asked, gate) = (Cell::new(0), Semaphore::new(0));
        let ask = || async {
            asked.set(asked.get() + 1);
            let number = asked.get();
            gate.acquire().await.unwrap().forget();
            number
        };
        let twice = || async { [flights.join([1; 32], ask).await, flights.join([1; 32], ask).await] };
        let release = async { gate.add_permits(9) };
        let (first, second, third, ()) = tokio::join!(twice(), twice(), twice(), release);
        assert_eq!([first[0], second[0], third[0]], [(1, true), (1, false), (1, false)]);
        assert!([first[1].0, second[1].0, third[1].0].iter().all(|number| *number > 1));
    }
}
