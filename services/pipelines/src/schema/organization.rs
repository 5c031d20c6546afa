//! `Organization`.

use async_graphql::{Context, Enum, ID, Object};

use super::{
    Nullable,
    connection::{PipelineConnection, wants_count, wants_rows},
    inputs::PipelineRepositoryInput,
    pipeline::Pipeline,
    scalar::DateTime,
    server,
};
use crate::{
    domain::{
        self,
        filter::{Period, PipelineOrder, Pipelines},
        paging::{Arguments, Page, Window},
        relay::{self, Kind},
    },
    error::Error,
};

/// The longest text to search for, in bytes; engines bound the patterns that they match.
const LONGEST_SEARCH: usize = 255;

/// An organization
#[derive(Clone, Debug)]
pub(crate) struct Organization(pub(crate) domain::viewer::Organization);

/// The different orders you can sort pipelines by
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PipelineOrders {
    /// Order by name alphabetically
    Name,
    /// Order by most recently created pipelines first
    RecentlyCreated,
}

#[Object(serial)]
impl Organization {
    /// ID of the object.
    pub(crate) async fn id(&self) -> ID {
        relay::encode(Kind::Organization, self.0.uuid).into()
    }

    /// The name of the organization
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Return all the pipelines the current user has access to for this organization
    #[expect(clippy::too_many_arguments, reason = "the public schema has them")]
    async fn pipelines(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        #[graphql(desc = "Filter pipelines based on whether or not they've been archived.")] archived: Option<bool>,
        before: Option<String>,
        created_at_from: Option<DateTime>,
        created_at_to: Option<DateTime>,
        first: Option<i32>,
        last: Option<i32>,
        #[graphql(desc = "Order the pipelines", default_with = "Some(PipelineOrders::RecentlyCreated)")] order: Option<
            PipelineOrders,
        >,
        repository: Option<PipelineRepositoryInput>,
        #[graphql(desc = "Search pipelines named like the given query case insensitively")] search: Option<String>,
    ) -> Nullable<PipelineConnection> {
        let filter = Pipelines {
            archived,
            search,
            repository_url: repository.map(|repository| repository.url),
            created: Period { from: created_at_from.map(|at| at.0), to: created_at_to.map(|at| at.0) },
            order: match order {
                Some(PipelineOrders::Name) => PipelineOrder::Name,
                Some(PipelineOrders::RecentlyCreated) | None => PipelineOrder::RecentlyCreated,
            },
        };
        Some(self.list(ctx, &filter, Arguments { first, last, after, before }).await)
    }

    /// Whether this organization is visible to everyone, including people outside it
    async fn public(&self) -> bool {
        false
    }

    /// The slug used to represent the organization in URLs
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// The public UUID for this organization
    async fn uuid(&self) -> String {
        self.0.uuid.to_string()
    }
}

impl Organization {
    async fn list(&self, ctx: &Context<'_>, filter: &Pipelines, page: Arguments) -> Result<PipelineConnection, Error> {
        let page = Page::parse(page)?;
        if filter.search.as_ref().is_some_and(|search| search.len() > LONGEST_SEARCH) {
            return Err(Error::invalid(format!("Search is too long (at most {LONGEST_SEARCH} bytes)")));
        }
        let store = &server(ctx).store;
        let nowhere = [&filter.search, &filter.repository_url].into_iter().flatten().any(|text| text.contains('\0'));
        let window = if wants_rows(ctx) && !nowhere {
            store.pipelines(self.0.uuid, filter, &page).await?
        } else {
            page.window(Vec::new())
        };
        let count = if wants_count(ctx) && !nowhere { store.count_pipelines(self.0.uuid, filter).await? } else { 0 };
        let Window { items, has_next, has_previous } = window;
        let items = items.into_iter().map(|row| (Pipeline::cursor(&row, filter.order), Pipeline::new(row))).collect();
        Ok(PipelineConnection::new(count, Window { items, has_next, has_previous }))
    }
}
