//! Counters, alone and shared by several processes.

mod parts;
mod sharing;

use chrono::DateTime;

use super::{local::MOST_KEYS, *};

impl Key for &'static str {
    fn name(&self) -> String {
        (*self).to_owned()
    }
}

impl Key for usize {
    fn name(&self) -> String {
        self.to_string()
    }
}

fn at(seconds: i64) -> Instant {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

#[tokio::test]
async fn the_request_after_the_last_allowed_one_is_over_until_the_window_ends() {
    let counter = Counter::default();
    let take = async |second| counter.count("a", 2, at(second)).await.unwrap();
    assert_eq!(take(61).await, Figures { limit: 2, current: 1, reset: 59 });
    assert!(!take(62).await.is_over());
    assert!(take(119).await.is_over());
    assert_eq!(take(119).await.reset, 1);
    assert_eq!(take(120).await, Figures { limit: 2, current: 1, reset: 60 });
}

#[test]
fn amounts_add_up_over_a_window_of_any_length() {
    let counter = Sharing::none().lasting("any", 300);
    let add = |amount, second| counter.add("a", amount, 10, at(second)).unwrap();
    assert_eq!(add(7, 301), Figures { limit: 10, current: 7, reset: 299 });
    assert_eq!(add(0, 500).remaining(), 3);
    assert!(!add(3, 599).is_over() && add(1, 599).is_over());
    assert_eq!(add(0, 600).current, 0);
}

#[test]
fn keys_after_the_most_share_counters_and_are_still_held_back() {
    let counter = Counter::default();
    let take = |key| counter.add(key, 1, 1, at(0)).unwrap().current;
    assert!((0..MOST_KEYS).all(|key| take(key) == 1));
    assert_eq!((take(MOST_KEYS), take(MOST_KEYS), take(0)), (1, 2, 2));
    assert_eq!(counter.keys(at(0)), MOST_KEYS);
    let of_others = |key| counter.peek(&key, 1, at(0)).unwrap().current;
    let free = (MOST_KEYS + 1..MOST_KEYS + 101).filter(|key| of_others(*key) == 0);
    assert!(free.count() > 90, "few share a counter");
}

#[tokio::test]
async fn looking_counts_nothing_and_what_is_taken_back_is_free_again() {
    let counter = Counter::default();
    assert_eq!(counter.peek(&"a", 2, at(18)), Some(Figures { limit: 2, current: 0, reset: 42 }));
    assert_eq!(counter.keys(at(18)), 0);
    let figures = counter.count("a", 2, at(18)).await.unwrap();
    counter.take_back(&"a", figures, at(18), at(59));
    assert_eq!(counter.peek(&"a", 2, at(59)).unwrap().current, 0);
    counter.count("a", 2, at(59)).await;
    counter.count("a", 2, at(60)).await;
    counter.take_back(&"a", figures, at(59), at(61));
    assert_eq!(counter.peek(&"a", 2, at(61)).unwrap().current, 1);
    assert_eq!(counter.peek(&"a", 0, at(61)), None);
}

#[tokio::test]
async fn keys_are_counted_apart_and_no_limit_means_no_figures() {
    let counter = Counter::default();
    counter.count("a", 1, at(0)).await;
    assert_eq!(counter.count("b", 1, at(0)).await.map(|figures| figures.current), Some(1));
    assert_eq!(counter.count("a", 0, at(0)).await, None);
}
