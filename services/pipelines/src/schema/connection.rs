//! Relay's connections.

use std::cmp::Ordering;

use async_graphql::{Context, Interface, SimpleObject};

use super::{
    build::{Build, BuildMetaData},
    member::OrganizationMember,
    organization::Organization,
    pipeline::Pipeline,
    team::Team,
    team_member::TeamMember,
    team_pipeline::TeamPipeline,
};
use crate::{
    domain::{
        cursor::Ordered,
        paging::{Arguments, Mark, Page, Window},
    },
    error::Error,
};

/// Information about pagination in a connection.
#[derive(Clone, Debug, Default, SimpleObject)]
#[graphql(serial)]
pub(crate) struct PageInfo {
    /// When paginating forwards, the cursor to continue.
    end_cursor: Option<String>,
    /// When paginating forwards, are there more items?
    has_next_page: bool,
    /// When paginating backwards, are there more items?
    has_previous_page: bool,
    /// When paginating backwards, the cursor to continue.
    start_cursor: Option<String>,
}

/// A list that is read in parts.
#[derive(Interface)]
#[graphql(field(name = "count", ty = "&i32"), field(name = "page_info", ty = "&Option<PageInfo>"))]
pub(crate) enum Connection {
    Build(BuildConnection),
    BuildMetaData(BuildMetaDataConnection),
    Organization(OrganizationConnection),
    OrganizationMember(OrganizationMemberConnection),
    Pipeline(PipelineConnection),
    Team(TeamConnection),
    TeamMember(TeamMemberConnection),
    TeamPipeline(TeamPipelineConnection),
}

macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ident) => {
        #[derive(Clone, Debug, SimpleObject)]
        #[graphql(serial)]
        pub(crate) struct $connection {
            count: i32,
            edges: Option<Vec<Option<$edge>>>,
            page_info: Option<PageInfo>,
        }

        #[derive(Clone, Debug, SimpleObject)]
        #[graphql(serial)]
        pub(crate) struct $edge {
            cursor: String,
            node: Option<$node>,
        }

        impl $edge {
            pub(crate) fn new(cursor: &impl Mark, node: $node) -> Self {
                Self { cursor: cursor.write(), node: Some(node) }
            }
        }

        impl $connection {
            /// A connection of the edges found; `count` is that of the whole list.
            pub(crate) fn new<C: Mark>(count: u64, window: Window<(C, $node)>) -> Self {
                let Window { items, has_next, has_previous } = window;
                let edges: Vec<_> = items.into_iter().map(|(cursor, node)| Some($edge::new(&cursor, node))).collect();
                let cursor = |edge: Option<&Option<$edge>>| Some(edge?.as_ref()?.cursor.clone());
                let page_info = PageInfo {
                    end_cursor: cursor(edges.last()),
                    has_next_page: has_next,
                    has_previous_page: has_previous,
                    start_cursor: cursor(edges.first()),
                };
                Self { count: i32::try_from(count).unwrap_or(i32::MAX), edges: Some(edges), page_info: Some(page_info) }
            }
        }
    };
}

connection!(BuildConnection, BuildEdge, Build);
connection!(BuildMetaDataConnection, BuildMetaDataEdge, BuildMetaData);
connection!(OrganizationConnection, OrganizationEdge, Organization);
connection!(OrganizationMemberConnection, OrganizationMemberEdge, OrganizationMember);
connection!(PipelineConnection, PipelineEdge, Pipeline);
connection!(TeamConnection, TeamEdge, Team);
connection!(TeamMemberConnection, TeamMemberEdge, TeamMember);
connection!(TeamPipelineConnection, TeamPipelineEdge, TeamPipeline);

/// Whether the rows of the connection being resolved are asked for.
pub(crate) fn wants_rows(ctx: &Context<'_>) -> bool {
    ctx.look_ahead().field("edges").exists() || ctx.look_ahead().field("pageInfo").exists()
}

/// Whether the size of the connection being resolved is asked for.
pub(crate) fn wants_count(ctx: &Context<'_>) -> bool {
    ctx.look_ahead().field("count").exists()
}

/// The part of a list that is at hand as a whole.
pub(crate) fn part<T>(all: Vec<T>, first: Option<i32>, last: Option<i32>) -> Result<Window<(Place, T)>, Error> {
    let page = Page::<Place>::parse(Arguments { first, last, ..Arguments::default() })?;
    let mut items: Vec<_> = (0..).map(Place).zip(all).collect();
    if page.backwards() {
        items.reverse();
    }
    Ok(page.window(items))
}

/// The part of a list that is at hand as a whole, in whatever order, between the page's marks.
pub(crate) fn section<T>(mut all: Vec<(Ordered, T)>, page: &Page<Ordered>) -> Result<Window<(Ordered, T)>, Error> {
    let crossed = || Error::Paging("the cursor belongs to another order of this list".to_owned());
    for (mark, wanted) in [(&page.after, Ordering::Greater), (&page.before, Ordering::Less)] {
        let Some(mark) = mark else { continue };
        if all.iter().any(|(place, _)| place.compare(mark).is_none()) {
            return Err(crossed());
        }
        all.retain(|(place, _)| place.compare(mark) == Some(wanted));
    }
    all.sort_by(|(one, _), (two, _)| one.compare(two).unwrap_or(Ordering::Equal));
    if page.backwards() {
        all.reverse();
    }
    Ok(page.window(all))
}

/// A place in a list that is at hand as a whole.
pub(crate) use crate::domain::cursor::Number as Place;
