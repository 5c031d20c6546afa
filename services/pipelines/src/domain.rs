//! Pure: what a pipeline and a build are, how they are named, paged and told apart.

pub(crate) mod build;
pub(crate) mod cursor;
pub(crate) mod filter;
pub(crate) mod paging;
pub(crate) mod pipeline;
pub(crate) mod relay;
pub(crate) mod slug;
pub(crate) mod text;
pub(crate) mod viewer;
