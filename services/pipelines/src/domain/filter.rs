//! What a list of pipelines, builds or teams is narrowed to.

use kit::ambient::Instant;

use uuid::Uuid;

use super::{
    build::{MetaDatum, State},
    pipeline::Pipeline,
    team::{Privacy, Sight},
};

/// The most values that one filter may list: a statement takes only so many.
pub(crate) const MOST_VALUES: usize = 500;
/// The most meta-data that one filter may demand; each is a look-up of its own.
pub(crate) const MOST_META_DATA: usize = 20;

/// From when to when something was made; both ends count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Period {
    pub(crate) from: Option<Instant>,
    pub(crate) to: Option<Instant>,
}

/// Which builds. An absent or empty list narrows nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Builds {
    pub(crate) branches: Option<Vec<String>>,
    /// Branches like one of these count too; `*` stands for anything.
    pub(crate) branch_patterns: Vec<String>,
    pub(crate) commits: Option<Vec<String>>,
    pub(crate) states: Option<Vec<State>>,
    /// All of them must be there.
    pub(crate) meta_data: Vec<MetaDatum>,
    pub(crate) created: Period,
    /// Ended then or later.
    pub(crate) finished_from: Option<Instant>,
    /// Made by this user.
    pub(crate) creator: Option<Uuid>,
}

/// How pipelines and teams are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListOrder {
    #[default]
    RecentlyCreated,
    Name,
}

/// Which pipelines, in which order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipelines {
    pub(crate) archived: Option<bool>,
    pub(crate) search: Option<String>,
    pub(crate) repository_url: Option<String>,
    /// A part of the repository's URL, whatever the case.
    pub(crate) repository_like: Option<String>,
    pub(crate) created: Period,
    pub(crate) team: Option<Selector<Uuid>>,
    pub(crate) order: ListOrder,
}

/// One thing, or everything but it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector<T> {
    pub(crate) value: T,
    pub(crate) negated: bool,
}

/// Which teams, in which order.
#[derive(Clone, Debug)]
pub(crate) struct Teams {
    pub(crate) search: Option<String>,
    pub(crate) privacy: Option<Vec<Privacy>>,
    /// Those that a user is in.
    pub(crate) user: Option<Selector<Uuid>>,
    /// Those that a pipeline is in.
    pub(crate) pipeline: Option<Selector<Uuid>>,
    pub(crate) sight: Sight,
    pub(crate) order: ListOrder,
}

/// Which pipelines of a team, in which order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assignments {
    pub(crate) search: Option<String>,
    pub(crate) order: ListOrder,
}

impl Selector<String> {
    /// Reads a selector: a leading `!` negates it.
    pub(crate) fn parse(text: String) -> Self {
        match text.strip_prefix('!') {
            Some(value) => Self { value: value.to_owned(), negated: true },
            None => Self { value: text, negated: false },
        }
    }
}

impl<T> Selector<T> {
    /// A selector of something else.
    pub(crate) fn with<U>(&self, value: U) -> Selector<U> {
        Selector { value, negated: self.negated }
    }
}

/// The texts to compare with, or `None` when there is nothing to narrow. A text with a NUL is in no row, and `PostgreSQL`
/// refuses to compare with it.
pub(crate) fn texts(list: Option<Vec<String>>) -> Option<Vec<String>> {
    let list = list.filter(|list| !list.is_empty())?;
    Some(list.into_iter().filter(|text| !text.contains('\0')).collect())
}

/// The branches to compare with: `%default` stands for the pipeline's own.
pub(crate) fn branches(list: Vec<String>, pipeline: &Pipeline) -> Vec<String> {
    let own =
        |branch: String| if branch == "%default" { pipeline.content.default_branch.clone() } else { Some(branch) };
    list.into_iter().filter_map(own).collect()
}

/// Reads `key:value` entries. One without a colon, or with a NUL, is `None`: it matches no build.
pub(crate) fn meta_data(list: Vec<String>) -> Option<Vec<MetaDatum>> {
    list.into_iter()
        .map(|entry| {
            let (key, value) = entry.split_once(':').filter(|_| !entry.contains('\0'))?;
            Some(MetaDatum { key: key.to_owned(), value: value.to_owned() })
        })
        .collect()
}
