//! A page of a list.

const DEFAULT: u32 = 30;
const MOST: u32 = 100;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    number: u32,
    size: u32,
}

impl Page {
    /// Page `number` (from 1; 0 counts as 1) of `size` rows (1 to 100; 0: 30).
    pub(crate) fn of(number: u32, size: u32) -> Self {
        Self { number: number.max(1), size: if size == 0 { DEFAULT } else { size.min(MOST) } }
    }

    /// How many rows come before.
    pub(crate) fn offset(self) -> u64 {
        u64::from(self.number - 1) * self.limit()
    }

    /// How many rows at most.
    pub(crate) fn limit(self) -> u64 {
        self.size.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(number: u32, size: u32) -> (u64, u64) {
        let page = Page::of(number, size);
        (page.offset(), page.limit())
    }

    #[test]
    fn page_0_is_page_1_and_sizes_are_bounded() {
        assert_eq!(rows(0, 0), (0, 30));
        assert_eq!(rows(1, 1), (0, 1));
        assert_eq!(rows(3, 1000), (200, 100));
        assert_eq!(rows(u32::MAX, 100), (429_496_729_400, 100));
    }
}
