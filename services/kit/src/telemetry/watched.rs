//! Figures that are read when somebody asks for them: how long queues are, how old something is.

use std::sync::{Arc, Mutex, PoisonError};

/// Looks once; says whether there is still something to look at.
type Look = Box<dyn Fn() -> bool + Send>;

static WATCHED: Mutex<Vec<Look>> = Mutex::new(Vec::new());

/// Has `look` set the gauges of `subject` each time that `/metrics` is asked, as long as `subject` is there. It mustn't wait.
pub fn watch<T: Send + Sync + 'static>(subject: &Arc<T>, look: impl Fn(&T) + Send + 'static) {
    let subject = Arc::downgrade(subject);
    let look = move || {
        subject.upgrade().is_some_and(|subject| {
            look(&subject);
            true
        })
    };
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(look));
}

/// Sets all of them.
pub(super) fn look() {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|look| look());
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_subject_is_looked_at_as_long_as_it_is_there() {
        let (subject, looks) = (Arc::new(7), Arc::new(AtomicU32::new(0)));
        let counted = Arc::clone(&looks);
        watch(&subject, move |number| _ = counted.fetch_add(*number, Ordering::SeqCst));
        look();
        look();
        drop(subject);
        look();
        assert_eq!(looks.load(Ordering::SeqCst), 14);
    }
}
