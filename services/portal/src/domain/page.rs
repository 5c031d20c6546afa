//! A page of a list.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_0_is_page_1_and_sizes_are_bounded() {
        assert_eq!(Page::new(0, 0), Page { offset: 0, limit: 30 });
        assert_eq!(Page::new(3, 1000), Page { offset: 200, limit: 100 });
    }
}
