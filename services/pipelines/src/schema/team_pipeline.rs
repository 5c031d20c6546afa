//! `TeamPipeline`.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Enum, ID, Object};
use uuid::Uuid;

use super::{
    authority,
    connection::{TeamPipelineConnection, section, wants_count, wants_rows},
    organization,
    pipeline::Pipeline,
    scalar::DateTime,
    server,
    team::Team,
    user::User,
};
use crate::{
    domain::{
        cursor::Ordered,
        filter::{Assignments, ListOrder},
        paging::{Arguments, Page, Window},
        relay::{self, Kind},
        team::{Access, Assignment},
    },
    error::Error,
};

/// An pipeline that's been assigned to a team
#[derive(Clone, Debug)]
pub(crate) struct TeamPipeline {
    row: Arc<Assignment>,
    team: Team,
    pipeline: Pipeline,
}

/// The access levels that can be assigned to a pipeline
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Access")]
pub(crate) enum PipelineAccessLevels {
    /// Allows builds and read only
    BuildAndRead,
    /// Allows edits, builds and reads
    ManageBuildAndRead,
    /// Read only - no builds or edits
    ReadOnly,
}

/// The different orders you can sort pipelines by
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum TeamPipelineOrder {
    /// Order by name alphabetically
    Name,
    /// Order by the most recently added pipelines first
    RecentlyCreated,
}

impl From<TeamPipelineOrder> for ListOrder {
    fn from(order: TeamPipelineOrder) -> Self {
        match order {
            TeamPipelineOrder::Name => Self::Name,
            TeamPipelineOrder::RecentlyCreated => Self::RecentlyCreated,
        }
    }
}

impl TeamPipeline {
    pub(crate) fn new(row: Assignment, team: Team, pipeline: Pipeline) -> Self {
        Self { row: Arc::new(row), team, pipeline }
    }

    /// Where the pipeline stands in a team's list of that order.
    pub(crate) fn place(&self, order: ListOrder) -> Ordered {
        Ordered::of(order, &self.pipeline.row.content.name, self.row.uuid)
    }
}

#[Object(serial)]
impl TeamPipeline {
    /// The access level users have to this pipeline
    async fn access_level(&self) -> PipelineAccessLevels {
        self.row.access.into()
    }

    /// The time when the pipeline was added
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// The user that added this pipeline to the team
    async fn created_by(&self) -> Option<User> {
        User::of(self.row.created_by.as_ref())
    }

    /// ID of the object.
    pub(crate) async fn id(&self) -> ID {
        relay::encode(Kind::TeamPipeline, self.row.uuid).into()
    }

    /// The pipeline associated with this team member
    async fn pipeline(&self) -> Option<Pipeline> {
        Some(self.pipeline.clone())
    }

    /// The team associated with this team member
    async fn team(&self) -> Option<Team> {
        Some(self.team.clone())
    }

    /// The public UUID for this team member
    async fn uuid(&self) -> ID {
        self.row.uuid.to_string().into()
    }
}

/// A part of a team's pipelines.
pub(crate) async fn of_team(
    ctx: &Context<'_>,
    team: &Team,
    filter: &Assignments,
    arguments: Arguments,
) -> Result<TeamPipelineConnection, Error> {
    let (rows, count) = (wants_rows(ctx), wants_count(ctx));
    let question = format!("pipelines {rows} {count} {arguments:?} {filter:?}");
    let page = Page::<Ordered>::parse(arguments)?;
    organization::check_search(filter.search.as_deref())?;
    if filter.search.as_ref().is_some_and(|text| text.contains('\0')) {
        return Ok(TeamPipelineConnection::new(0, page.window(Vec::<(Ordered, _)>::new())));
    }
    let found = team.siblings.ask(question, of_siblings(ctx, team, filter, (&page, rows, count))).await?;
    let window = || page.window(Vec::<(Ordered, _)>::new());
    Ok(found.get(&team.row.uuid).cloned().unwrap_or_else(|| TeamPipelineConnection::new(0, window())))
}

/// The same for a team and the teams of its list, by team.
async fn of_siblings(
    ctx: &Context<'_>,
    team: &Team,
    filter: &Assignments,
    (page, rows, count): (&Page<Ordered>, bool, bool),
) -> Result<HashMap<Uuid, TeamPipelineConnection>, Error> {
    let (store, teams) = (&server(ctx).store, team.siblings.all());
    let uuids: Vec<_> = teams.iter().map(|team| team.uuid).collect();
    let mut windows = if rows { store.pipelines_of_teams(&uuids, filter, page).await? } else { HashMap::new() };
    let counts = if count { store.count_pipelines_of_teams(&uuids, filter).await? } else { HashMap::new() };
    // The pipelines of all teams are one list.
    let pipelines = windows.values().flat_map(|window| &window.items).map(|(_, pipeline)| pipeline.clone());
    let pipelines = Pipeline::by_id(pipelines);
    let connection = |row: &Arc<crate::domain::team::Team>| {
        let team = Team { row: Arc::clone(row), siblings: team.siblings.clone() };
        let Window { items, has_next, has_previous } =
            windows.remove(&row.uuid).unwrap_or_else(|| page.window(Vec::new()));
        let placed = items.into_iter().filter_map(|(row, pipeline)| {
            let one = TeamPipeline::new(row, team.clone(), pipelines.get(&pipeline.uuid)?.clone());
            Some((one.place(filter.order), one))
        });
        let window = Window { items: placed.collect(), has_next, has_previous };
        (row.uuid, TeamPipelineConnection::new(counts.get(&row.uuid).copied().unwrap_or_default(), window))
    };
    Ok(teams.iter().map(connection).collect())
}

/// A part of the teams that a pipeline is in.
pub(crate) async fn of_pipeline(
    ctx: &Context<'_>,
    pipeline: &Pipeline,
    filter: &Assignments,
    arguments: Arguments,
) -> Result<TeamPipelineConnection, Error> {
    let page = Page::<Ordered>::parse(arguments)?;
    organization::check_search(filter.search.as_deref())?;
    let found = pipeline.siblings.ask(format!("teams {}", pipeline.row.organization), teams(ctx, pipeline)).await?;
    let search = filter.search.as_ref().map(|search| search.to_lowercase());
    let wanted = |place: &&TeamPipeline| {
        let name = &place.team.row.content.name;
        search.as_ref().is_none_or(|search| name.to_lowercase().contains(search))
    };
    let of_this = found.get(&pipeline.row.uuid).into_iter().flatten().filter(wanted).cloned();
    let at = |one: TeamPipeline| (Ordered::of(filter.order, &one.team.row.content.name, one.row.uuid), one);
    let places: Vec<_> = of_this.map(at).collect();
    Ok(TeamPipelineConnection::new(places.len() as u64, section(places, &page)?))
}

/// The teams of a pipeline and of those of its list that are in the same organization, by pipeline.
async fn teams(ctx: &Context<'_>, pipeline: &Pipeline) -> Result<HashMap<Uuid, Vec<TeamPipeline>>, Error> {
    let organization = pipeline.row.organization;
    let sight = authority::sight(ctx, organization).await?;
    let here = pipeline.siblings.all().iter().filter(|row| row.organization == organization);
    let here: HashMap<_, _> = here.map(|row| (row.uuid, Arc::clone(row))).collect();
    let uuids: Vec<_> = here.keys().copied().collect();
    let rows = server(ctx).store.teams_of_pipelines(&uuids, sight).await?;
    // The teams of all pipelines are one list.
    let known: HashMap<_, _> = rows.values().flatten().map(|(_, team)| (team.uuid, team.clone())).collect();
    let known = Team::list(known.into_values().collect()).into_iter().map(|team| (team.row.uuid, team));
    let known: HashMap<_, _> = known.collect();
    let of_pipeline = |(uuid, rows): (Uuid, Vec<(Assignment, crate::domain::team::Team)>)| {
        let pipeline = Pipeline { row: Arc::clone(here.get(&uuid)?), siblings: pipeline.siblings.clone() };
        let place = |(row, team): (Assignment, crate::domain::team::Team)| {
            Some(TeamPipeline::new(row, known.get(&team.uuid)?.clone(), pipeline.clone()))
        };
        Some((uuid, rows.into_iter().filter_map(place).collect()))
    };
    Ok(rows.into_iter().filter_map(of_pipeline).collect())
}
