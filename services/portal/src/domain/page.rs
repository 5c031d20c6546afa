//! A page of a list.

use uuid::Uuid;

const DEFAULT: u32 = 30;
const MOST: u32 = 100;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many rows come before.
    pub(crate) offset: u64,
    /// How many rows at most.
    pub(crate) limit: u64,
}

impl Page {
    /// Everything, as far as a database counts.
    pub(crate) const ALL: Self = Self { offset: 0, limit: i64::MAX as u64 };

    /// Page `number` (from 1; 0 counts as 1) of `size` rows (1 to 100; 0: 30).
    pub(crate) fn new(number: u32, size: u32) -> Self {
        let limit = u64::from(if size == 0 { DEFAULT } else { size.min(MOST) });
        Self { offset: u64::from(number.saturating_sub(1)) * limit, limit }
    }
}

/// A part of a list that goes by the UUIDs of its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// `None`: from the beginning.
    pub(crate) place: Option<Place>,
    /// How many entries at most.
    size: u64,
}

/// Where a part of a list lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Right after that entry.
    After(Uuid),
    /// Right before it.
    Before(Uuid),
}

impl Part {
    /// `size` entries (1 to 100; 0: 30).
    pub(crate) fn new(place: Option<Place>, size: u32) -> Self {
        Self { place, size: Page::new(1, size).limit }
    }

    /// How many rows are to be read, in the direction of the place: one more tells whether there are others behind them.
    pub(crate) fn read(self) -> u64 {
        self.size + 1
    }

    /// The entries of the part, of the rows that were read, in the list's order, and whether there are some before and after
    /// them. Whoever comes from an entry knows that there is something on that side of it.
    pub(crate) fn of<T>(self, mut rows: Vec<T>) -> (Vec<T>, [bool; 2]) {
        let more = rows.len() as u64 > self.size;
        rows.truncate(usize::try_from(self.size).unwrap_or(usize::MAX));
        let around = match self.place {
            None => [false, more],
            Some(Place::After(_)) => [true, more],
            Some(Place::Before(_)) => {
                rows.reverse();
                [more, true]
            }
        };
        (rows, around)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_0_is_page_1_and_sizes_are_bounded() {
        assert_eq!(Page::new(0, 0), Page { offset: 0, limit: 30 });
        assert_eq!(Page::new(3, 1000), Page { offset: 200, limit: 100 });
    }

    #[test]
    fn a_part_says_whether_there_is_more_on_either_side() {
        let part = |place| Part::new(place, 2);
        assert_eq!(part(None).of(vec![1, 2]), (vec![1, 2], [false, false]));
        assert_eq!(part(None).of(vec![1, 2, 3]), (vec![1, 2], [false, true]));
        assert_eq!(part(Some(Place::After(Uuid::nil()))).of(vec![3]), (vec![3], [true, false]));
        assert_eq!(part(Some(Place::Before(Uuid::nil()))).of(vec![4, 3, 2]), (vec![3, 4], [true, true]));
        assert_eq!(part(Some(Place::Before(Uuid::nil()))).of(vec![2, 1]), (vec![1, 2], [false, true]));
    }
}
