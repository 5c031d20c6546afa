use std::collections::HashMap;

use contracts::pipelines::v1::{BuildFilter, BuildState, Entry, ListBuildsRequest, ListBuildsResponse};
use kit::grpc::to_instant;
use tonic::{Request, metadata::MetadataMap};
use uuid::Uuid;

use super::{Parts, authority::READ_BUILDS, wire};
use crate::{
    domain::{
        build::{Build, MetaDatum},
        filter::{Builds, MOST_META_DATA, MOST_VALUES, Period, texts},
        page::Numbered,
        pipeline::Pipeline,
        text,
        viewer::Viewer,
    },
    error::Error,
    store::Place,
};

/// Patterns of one filter, each of which is compared with every branch, and their length in bytes.
const MOST_PATTERNS: usize = 20;
const LONGEST_PATTERN: usize = 255;

pub(super) async fn handle(
    service: &Parts,
    request: Request<ListBuildsRequest>,
    notes: &mut MetadataMap,
) -> Result<ListBuildsResponse, Error> {
    let caller = service.caller(&request);
    let ListBuildsRequest { organization, pipeline, filter, page, per_page } = request.into_inner();
    let viewer = service.admit(&caller, READ_BUILDS, organization.as_deref(), notes).await?;
    let pipeline = service.listed(&viewer, organization.as_deref(), pipeline.as_deref()).await?;
    let scope = viewer.scope();
    let Some(filter) = read(filter.unwrap_or_default())? else { return Ok(ListBuildsResponse::default()) };
    let place = Place { scope: &scope, pipeline: pipeline.as_ref().map(|pipeline| pipeline.uuid) };
    let (builds, total) = service.server.store.page_of_builds(place, &filter, Numbered::new(page, per_page)).await?;
    let total = u32::try_from(total).unwrap_or(u32::MAX);
    let page = service.page_wire(&viewer, builds, pipeline).await?;
    Ok(ListBuildsResponse { total, ..page })
}

impl Parts {
    /// The pipeline whose builds are listed; `None`: those of all pipelines are.
    async fn listed(
        &self,
        viewer: &Viewer,
        organization: Option<&str>,
        pipeline: Option<&str>,
    ) -> Result<Option<Pipeline>, Error> {
        let organization = organization.map(|slug| viewer.organization_of_slug(slug));
        match (organization, pipeline) {
            (None | Some(Some(_)), None) => Ok(None),
            (Some(Some(organization)), Some(pipeline)) => self.pipeline(organization, pipeline).await.map(Some),
            (Some(None), None) => Err(Error::NoOrganization),
            (Some(None), Some(_)) => Err(Error::NoPipeline),
            (None, Some(_)) => Err(Error::invalid("Pipeline is named without its organization")),
        }
    }

    /// A page's builds with their pipelines and origins. `pipeline`: the one that they are of, if it is known.
    async fn page_wire(
        &self,
        viewer: &Viewer,
        builds: Vec<Build>,
        pipeline: Option<Pipeline>,
    ) -> Result<ListBuildsResponse, Error> {
        let (store, scope) = (&self.server.store, viewer.scope());
        let mut needed: Vec<_> = builds.iter().map(|build| build.pipeline).collect();
        needed.sort_unstable();
        needed.dedup();
        let pipelines = match pipeline {
            Some(pipeline) => vec![pipeline],
            None => store.pipelines_of(&scope, needed.clone()).await?,
        };
        let counts = store.builds_under_way(needed).await?;
        let origins = store.builds_of(&scope, builds.iter().filter_map(|build| build.rebuilt_from).collect()).await?;
        let shown = pipelines.into_iter().filter_map(|pipeline| {
            let organization = viewer.organization(pipeline.organization)?;
            let counts = counts.get(&pipeline.uuid).copied().unwrap_or_default();
            Some((pipeline.uuid, self.pipeline_wire(organization, pipeline, Some(counts))))
        });
        let shown: HashMap<_, _> = shown.collect();
        // One that was deleted in the meantime has no pipeline any more.
        let builds = builds.into_iter().filter_map(|build| {
            let origin = build.rebuilt_from.and_then(|uuid| origins.get(&uuid)).map(|(origin, _)| origin);
            Some(Self::build_wire(&shown.get(&build.pipeline)?.web_url, build, origin))
        });
        let builds = builds.collect();
        Ok(ListBuildsResponse { builds, pipelines: shown.into_values().collect(), total: 0 })
    }
}

/// What to look for; `None`: no build can be meant.
fn read(filter: BuildFilter) -> Result<Option<Builds>, Error> {
    let BuildFilter { branches, commits, states, meta_data, creator_uuid, .. } = filter;
    let state = |state: i32| wire::state(BuildState::try_from(state).unwrap_or_default());
    let states = states.into_iter().map(state).collect::<Result<Vec<_>, _>>()?;
    let meta_data = text::at_most("Meta-data", meta_data, MOST_META_DATA)?;
    if meta_data.iter().any(|entry| entry.name.contains('\0') || entry.value.contains('\0')) {
        return Ok(None);
    }
    let creator = match creator_uuid.as_str() {
        "" => None,
        text => Some(Uuid::try_parse(text).map_err(|_unreadable| Error::invalid("Creator must be a user's UUID"))?),
    };
    // What holds a NUL is like no branch either.
    let is_pattern = |branch: &String| branch.contains('*') && !branch.contains('\0');
    let (patterns, exact): (Vec<_>, Vec<_>) =
        text::at_most("Branch", branches, MOST_VALUES)?.into_iter().partition(is_pattern);
    let patterns = text::at_most("Branch", patterns, MOST_PATTERNS)?.into_iter();
    let instant = |at: Option<_>| {
        at.map(|at| to_instant(&at).ok_or_else(|| Error::invalid("A time is out of range"))).transpose()
    };
    Ok(Some(Builds {
        branches: texts(Some(exact)),
        branch_patterns: patterns
            .map(|text| text::bounded("Branch", text, LONGEST_PATTERN))
            .collect::<Result<_, _>>()?,
        commits: texts(Some(text::at_most("Commit", commits, MOST_VALUES)?)),
        states: Some(states).filter(|states| !states.is_empty()),
        meta_data: meta_data.into_iter().map(|Entry { name, value }| MetaDatum { key: name, value }).collect(),
        created: Period { from: instant(filter.created_from)?, to: instant(filter.created_to)? },
        finished_from: instant(filter.finished_from)?,
        creator,
    }))
}
