//! Numbered pages, for those who don't follow cursors.

const USUAL: u32 = 30;
const MOST: u32 = 100;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// How many rows come before.
    pub(crate) offset: u64,
    /// How many rows at most.
    pub(crate) limit: u64,
}

impl Numbered {
    /// Page `number` (from 1; 0 counts as 1) of `size` rows (1 to 100; 0: 30).
    pub(crate) fn new(number: u32, size: u32) -> Self {
        let limit = u64::from(if size == 0 { USUAL } else { size.min(MOST) });
        Self { offset: u64::from(number.saturating_sub(1)) * limit, limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_begin_where_the_last_one_ended() {
        assert_eq!(Numbered::new(0, 0), Numbered { offset: 0, limit: 30 });
        assert_eq!(Numbered::new(3, 10), Numbered { offset: 20, limit: 10 });
        assert_eq!(Numbered::new(u32::MAX, 101).offset, u64::from(u32::MAX - 1) * 100);
    }
}
