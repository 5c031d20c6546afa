//! Lists of builds: one read for the builds, one for their origins when asked for, one for the count when asked for.

use std::sync::Arc;

use async_graphql::Context;
use uuid::Uuid;

use super::{Build, BuildStates};
use crate::{
    domain::{
        self,
        build::State,
        cursor::{Created, Number},
        filter::Builds,
        paging::{Arguments, Mark, Page, Window},
        text,
    },
    error::Error,
    schema::{
        connection::{BuildConnection, wants_count, wants_rows},
        pipeline::Pipeline,
        scope, server,
    },
};

/// The most values that one filter may list.
pub(crate) const MOST_VALUES: usize = 500;
/// The most meta-data that one filter may demand; each is a look-up of its own.
const MOST_META_DATA: usize = 20;

/// What every list of builds can be narrowed to, as sent.
pub(crate) struct Filter {
    pub(crate) branch: Option<Vec<String>>,
    pub(crate) meta_data: Option<Vec<String>>,
    pub(crate) state: Option<Vec<BuildStates>>,
}

impl Filter {
    /// What to look for; `None` when no build can be meant.
    pub(crate) fn builds(self) -> Result<Option<Builds>, Error> {
        // A statement takes only so many values.
        let branches = self.branch.map(|branches| text::at_most("Branch", branches, MOST_VALUES)).transpose()?;
        let states = self.state.map(|states| text::at_most("State", states, MOST_VALUES)).transpose()?;
        let meta_data = text::at_most("Meta-data", self.meta_data.unwrap_or_default(), MOST_META_DATA)?;
        Ok(domain::filter::meta_data(meta_data).map(|meta_data| Builds {
            branches: domain::filter::texts(branches),
            states: states.filter(|list| !list.is_empty()).map(|list| list.into_iter().map(State::from).collect()),
            meta_data,
            ..Builds::default()
        }))
    }
}

/// The builds of a pipeline, the newest first.
pub(crate) async fn of_pipeline(
    ctx: &Context<'_>,
    pipeline: &Pipeline,
    filter: Option<Builds>,
    arguments: Arguments,
) -> Result<BuildConnection, Error> {
    let page = Page::<Number>::parse(arguments)?;
    let Some(filter) = filter else { return Ok(BuildConnection::new(0, page.window(Vec::<(Number, _)>::new()))) };
    let store = &server(ctx).store;
    let window =
        if wants_rows(ctx) { store.builds(&pipeline.0, &filter, &page).await? } else { page.window(Vec::new()) };
    let count = if wants_count(ctx) { store.count_builds(&pipeline.0, &filter).await? } else { 0 };
    let Window { items, has_next, has_previous } = window;
    let items = items.into_iter().map(|row| (Number(row.number), Build::on(row, pipeline.clone()))).collect();
    connection(ctx, count, Window { items, has_next, has_previous }).await
}

/// The builds that a user made, the newest first.
pub(crate) async fn made_by(
    ctx: &Context<'_>,
    user: Uuid,
    filter: Filter,
    (first, last): (Option<i32>, Option<i32>),
) -> Result<BuildConnection, Error> {
    let page = Page::<Created>::parse(Arguments { first, last, ..Arguments::default() })?;
    let Some(filter) = filter.builds()? else {
        return Ok(BuildConnection::new(0, page.window(Vec::<(Created, _)>::new())));
    };
    let (store, scope) = (&server(ctx).store, scope(ctx));
    let window =
        if wants_rows(ctx) { store.builds_by((&scope, user), &filter, &page).await? } else { page.window(Vec::new()) };
    let count = if wants_count(ctx) { store.count_builds_by(&scope, user, &filter).await? } else { 0 };
    let Window { items, has_next, has_previous } = window;
    let items = items.into_iter().map(|pair| (Created(pair.0.uuid), Build::new(pair))).collect();
    connection(ctx, count, Window { items, has_next, has_previous }).await
}

async fn connection<C: Mark>(
    ctx: &Context<'_>,
    count: u64,
    mut window: Window<(C, Build)>,
) -> Result<BuildConnection, Error> {
    if ctx.look_ahead().field("edges").field("node").field("rebuiltFrom").exists() {
        let origins = window.items.iter().filter_map(|(_, build)| build.row.rebuilt_from).collect();
        let origins = server(ctx).store.builds_of(&scope(ctx), origins).await?;
        for (_, build) in &mut window.items {
            let origin = build.row.rebuilt_from.and_then(|uuid| origins.get(&uuid));
            build.origin = origin.cloned().map(Build::new).map(Arc::new);
        }
    }
    Ok(BuildConnection::new(count, window))
}
