//! Lists of builds: one read for the builds, one for their origins when asked for, one for the count when asked for, however
//! many pipelines the list that they are asked of has.

use std::{collections::HashMap, sync::Arc};

use async_graphql::Context;
use uuid::Uuid;

use super::{Build, BuildStates};
use crate::{
    domain::{
        self,
        build::State,
        cursor::{Created, Number},
        filter::{Builds, MOST_META_DATA, MOST_VALUES},
        paging::{Arguments, Page},
        text,
    },
    error::Error,
    schema::{
        connection::{BuildConnection, wants_count, wants_rows},
        pipeline::Pipeline,
        scope, server,
    },
};

/// What every list of builds can be narrowed to, as sent.
pub(crate) struct Filter {
    pub(crate) branch: Option<Vec<String>>,
    pub(crate) meta_data: Option<Vec<String>>,
    pub(crate) state: Option<Vec<BuildStates>>,
}

impl Filter {
    /// What to look for; `None` when no build can be meant.
    pub(crate) fn builds(self) -> Result<Option<Builds>, Error> {
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

/// The builds of a pipeline, the newest first. `None` as a filter: no build can be meant.
pub(crate) async fn of_pipeline(
    ctx: &Context<'_>,
    pipeline: &Pipeline,
    filter: Option<&Builds>,
    arguments: Arguments,
) -> Result<BuildConnection, Error> {
    let (rows, count, origins) = (wants_rows(ctx), wants_count(ctx), wants_origins(ctx));
    let question = format!("builds {rows} {count} {origins} {arguments:?} {filter:?}");
    let page = Page::<Number>::parse(arguments)?;
    let nothing = || BuildConnection::new(0, page.window(Vec::<(Number, _)>::new()));
    let Some(filter) = filter else { return Ok(nothing()) };
    let found = pipeline.siblings.ask(question, of_siblings(ctx, pipeline, filter, (&page, rows, count))).await?;
    Ok(found.get(&pipeline.row.uuid).cloned().unwrap_or_else(nothing))
}

/// The same for a pipeline and the pipelines of its list, by pipeline.
async fn of_siblings(
    ctx: &Context<'_>,
    pipeline: &Pipeline,
    filter: &Builds,
    (page, rows, count): (&Page<Number>, bool, bool),
) -> Result<HashMap<Uuid, BuildConnection>, Error> {
    let (store, pipelines) = (&server(ctx).store, pipeline.siblings.all());
    let mut windows = if rows { store.builds(pipelines, filter, page).await? } else { HashMap::new() };
    let counts = if count { store.count_builds(pipelines, filter).await? } else { HashMap::new() };
    let origins = origins(ctx, windows.values().flat_map(|window| &window.items)).await?;
    let connection = |row: &Arc<domain::pipeline::Pipeline>| {
        let pipeline = Pipeline { row: Arc::clone(row), siblings: pipeline.siblings.clone() };
        let window = windows.remove(&row.uuid).unwrap_or_else(|| page.window(Vec::new()));
        let window = window.map(|row| (Number(row.number), origins.put(Build::on(row, pipeline.clone()))));
        (row.uuid, BuildConnection::new(counts.get(&row.uuid).copied().unwrap_or_default(), window))
    };
    Ok(pipelines.iter().map(connection).collect())
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
    let origins = origins(ctx, window.items.iter().map(|(build, _)| build)).await?;
    let pipelines = Pipeline::by_id(window.items.iter().map(|(_, pipeline)| pipeline.clone()));
    let window = window.map(|(build, pipeline)| {
        let pipeline = pipelines.get(&pipeline.uuid).cloned().unwrap_or_else(|| Pipeline::new(pipeline));
        (Created(build.uuid), origins.put(Build::on(build, pipeline)))
    });
    Ok(BuildConnection::new(count, window))
}

/// The builds that others were rebuilt from, by id.
#[derive(Default)]
struct Origins(HashMap<Uuid, Arc<Build>>);

impl Origins {
    /// The build with its origin.
    fn put(&self, build: Build) -> Build {
        let origin = build.row.rebuilt_from.and_then(|uuid| self.0.get(&uuid));
        Build { origin: origin.cloned(), ..build }
    }
}

fn wants_origins(ctx: &Context<'_>) -> bool {
    ctx.look_ahead().field("edges").field("node").field("rebuiltFrom").exists()
}

/// The origins of a list's builds, when they are asked for.
async fn origins(
    ctx: &Context<'_>,
    builds: impl Iterator<Item = &domain::build::Build> + Send,
) -> Result<Origins, Error> {
    if !wants_origins(ctx) {
        return Ok(Origins::default());
    }
    let origins: Vec<_> = builds.filter_map(|build| build.rebuilt_from).collect();
    let found = server(ctx).store.builds_of(&scope(ctx), origins).await?;
    let pipelines = Pipeline::by_id(found.values().map(|(_, pipeline)| pipeline.clone()));
    let build = |(build, pipeline): (domain::build::Build, domain::pipeline::Pipeline)| {
        Some((build.uuid, Arc::new(Build::on(build, pipelines.get(&pipeline.uuid)?.clone()))))
    };
    Ok(Origins(found.into_values().filter_map(build).collect()))
}
