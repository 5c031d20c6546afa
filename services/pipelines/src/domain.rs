//! Pure: what pipelines, builds and teams are, how they are named, paged and told apart.

pub(crate) mod build;
pub(crate) mod cursor;
pub(crate) mod filter;
pub(crate) mod member;
pub(crate) mod notice;
pub(crate) mod page;
pub(crate) mod paging;
pub(crate) mod pipeline;
pub(crate) mod relay;
pub(crate) mod slug;
pub(crate) mod team;
pub(crate) mod text;
pub(crate) mod viewer;
