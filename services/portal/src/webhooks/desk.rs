//! What this process is delivering. A receiver that hangs has few places, so that the others have theirs.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::domain::id::NotificationServiceId;

/// Deliveries of one service that are tried at once by one process.
pub(super) const MOST_OF_A_SERVICE: u64 = 2;

/// The places. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<Shared>);

#[derive(Default)]
struct Shared {
    taken: Mutex<HashMap<NotificationServiceId, u64>>,
    /// Something is to be delivered, or a place is free again.
    news: Notify,
    /// Sources of events that can't be read.
    trouble: Mutex<Vec<&'static str>>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

/// A place, until it is dropped.
pub(super) struct Place {
    desk: Desk,
    service: NotificationServiceId,
}

impl Desk {
    /// Says that there is something to be delivered.
    pub(crate) fn tell(&self) {
        self.0.news.notify_one();
    }

    /// Waits until there is.
    pub(super) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// How many places are taken in all, and the services that have no free one.
    pub(crate) fn taken(&self) -> (u64, Vec<NotificationServiceId>) {
        let taken = self.lock();
        let full = taken.iter().filter(|(_, places)| **places >= MOST_OF_A_SERVICE).map(|(service, _)| *service);
        (taken.values().sum(), full.collect())
    }

    /// How many places a service has free.
    pub(super) fn free(&self, service: NotificationServiceId) -> u64 {
        MOST_OF_A_SERVICE.saturating_sub(self.lock().get(&service).copied().unwrap_or_default())
    }

    /// Takes a place.
    pub(super) fn take(&self, service: NotificationServiceId) -> Place {
        *self.lock().entry(service).or_default() += 1;
        Place { desk: self.clone(), service }
    }

    /// Whether it is new that the source of that name can, or can't, be read.
    pub(super) fn is_news(&self, source: &'static str, can_be_read: bool) -> bool {
        let mut trouble = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let could_be_read = !trouble.contains(&source);
        trouble.retain(|other| *other != source);
        if !can_be_read {
            trouble.push(source);
        }
        could_be_read != can_be_read
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NotificationServiceId, u64>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.desk.lock();
        if let Some(places) = taken.get_mut(&self.service) {
            *places -= 1;
            if *places == 0 {
                taken.remove(&self.service);
            }
        }
        drop(taken);
        self.desk.tell();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn places_are_free_again_when_they_are_left() {
        let (desk, service) = (Desk::default(), NotificationServiceId(Uuid::from_u128(1)));
        let places = [desk.take(service), desk.take(service)];
        assert_eq!((desk.taken(), desk.free(service)), ((2, vec![service]), 0));
        drop(places);
        assert_eq!((desk.taken(), desk.free(service)), ((0, Vec::new()), 2));
    }

    #[test]
    fn each_trouble_is_told_once() {
        let desk = Desk::default();
        let told = [("a", true), ("a", false), ("b", false), ("a", false), ("a", true), ("a", true)];
        let told = told.map(|(source, can_be_read)| desk.is_news(source, can_be_read));
        assert_eq!(told, [false, true, true, false, true, false]);
    }
}
