use proptest::prelude::*;

use super::*;
use crate::domain::cursor::Number;

fn page(first: Option<i32>, last: Option<i32>, after: Option<i32>, before: Option<i32>) -> Result<Page<Number>, Error> {
    let cursor = |at: Option<i32>| at.map(|at| Number(at).write());
    Page::parse(Arguments { first, last, after: cursor(after), before: cursor(before) })
}

/// What a database would answer: the rows between the cursors, from the end that was asked for, limited.
fn fetch(list: &[i32], page: &Page<Number>) -> Vec<i32> {
    let after = page.after.map_or(i32::MIN, |at| at.0);
    let before = page.before.map_or(i32::MAX, |at| at.0);
    let mut rows: Vec<i32> = list.iter().copied().filter(|n| *n > after && *n < before).collect();
    if page.backwards() {
        rows.reverse();
    }
    rows.truncate(usize::try_from(page.limit()).unwrap());
    rows
}

#[test]
fn counts_are_bounded() {
    assert_eq!(page(None, None, None, None).unwrap().limit(), 31);
    assert_eq!(page(Some(500), None, None, None).unwrap().limit(), 501);
    assert_eq!(page(Some(501), None, None, None).unwrap_err().to_string(), "`first` can't be more than 500");
    assert_eq!(page(None, Some(-1), None, None).unwrap_err().to_string(), "`last` can't be negative");
}

#[test]
fn foreign_cursors_are_refused() {
    let arguments = Arguments { after: Some("x".to_owned()), ..Arguments::default() };
    assert_eq!(Page::<Number>::parse(arguments).unwrap_err().to_string(), "`after` is no cursor of this list");
}

proptest! {
    /// The oracle is the text of Relay's specification (`EdgesToReturn`, `HasNextPage`, `HasPreviousPage`).
    #[test]
    fn windows_are_those_of_the_specification(
        len in 0i32..12, first in proptest::option::of(0i32..14), last in proptest::option::of(0i32..14),
        after in proptest::option::of(0i32..12), before in proptest::option::of(0i32..12),
    ) {
        let list: Vec<i32> = (0..len).collect();
        let page = page(first, last, after, before).unwrap();
        let window = page.window(fetch(&list, &page));

        let mut edges: Vec<i32> = list.clone();
        edges.retain(|n| after.is_none_or(|at| *n > at) && before.is_none_or(|at| *n < at));
        let all = edges.len();
        let first = if first.is_none() && last.is_none() { Some(30) } else { first };
        if let Some(first) = first { edges.truncate(usize::try_from(first).unwrap()); }
        if let Some(last) = last { edges.drain(..edges.len().saturating_sub(usize::try_from(last).unwrap())); }
        prop_assert_eq!(window.items, edges);
        let exceeds = |count: Option<i32>| count.is_some_and(|count| all > usize::try_from(count).unwrap());
        prop_assert_eq!(window.has_next, exceeds(first) || before.is_some());
        // `last` beyond `first` cuts nothing off, so that nothing precedes the page on its account.
        let cut = exceeds(last) && first.is_none_or(|first| last.is_some_and(|last| last <= first));
        prop_assert_eq!(window.has_previous, cut || after.is_some());
    }
}
