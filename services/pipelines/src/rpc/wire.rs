//! The domain's things as the wire has them.

use std::collections::HashMap;

use contracts::pipelines::v1::{self as wire, BuildState, Visibility as WireVisibility};
use kit::grpc::to_timestamp;
use uuid::Uuid;

use super::{Parts, authority::Found};
use crate::{
    domain::{
        build::{self, Build, Counts, MetaDatum, State},
        pipeline::{self, Pipeline, Visibility},
        viewer::{Organization, Person},
    },
    error::Error,
};

const STATES: [(State, BuildState); 11] = [
    (State::Blocked, BuildState::Blocked),
    (State::Canceled, BuildState::Canceled),
    (State::Canceling, BuildState::Canceling),
    (State::Creating, BuildState::Creating),
    (State::Failed, BuildState::Failed),
    (State::Failing, BuildState::Failing),
    (State::NotRun, BuildState::NotRun),
    (State::Passed, BuildState::Passed),
    (State::Running, BuildState::Running),
    (State::Scheduled, BuildState::Scheduled),
    (State::Skipped, BuildState::Skipped),
];

/// A state that a request names.
pub(super) fn state(state: BuildState) -> Result<State, Error> {
    let known = STATES.iter().find(|(_, wire)| *wire == state).map(|(state, _)| *state);
    known.ok_or_else(|| Error::invalid("State is none of a build's"))
}

/// Names and values. Of names that are given twice, as a list of variables may, the last counts.
pub(super) fn entries(pairs: impl Iterator<Item = (String, String)>) -> Vec<wire::Entry> {
    let mut entries: Vec<wire::Entry> = Vec::new();
    let mut places = HashMap::new();
    for (name, value) in pairs {
        let place = *places.entry(name.clone()).or_insert(entries.len());
        match entries.get_mut(place) {
            Some(entry) => entry.value = value,
            None => entries.push(wire::Entry { name, value }),
        }
    }
    entries
}

fn person(Person { uuid, name, email }: Person) -> wire::Person {
    wire::Person { uuid: uuid.as_ref().map(Uuid::to_string).unwrap_or_default(), name, email }
}

impl Parts {
    /// A pipeline. `counts`: its builds under way, if they are known.
    pub(super) fn pipeline_wire(
        &self,
        organization: &Organization,
        pipeline: Pipeline,
        counts: Option<Counts>,
    ) -> wire::Pipeline {
        let few = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let web_url = self.page(organization, &pipeline);
        let Pipeline { uuid, organization: _, slug, content, created_at, created_by, archived_at, archived_by: _ } =
            pipeline;
        let pipeline::Content { name, description, repository_url, default_branch, branch_configuration, .. } = content;
        wire::Pipeline {
            uuid: uuid.to_string(),
            organization: organization.slug.clone(),
            slug,
            name,
            description,
            repository_url,
            default_branch,
            branch_configuration,
            skip_intermediate: content.skip_intermediate,
            skip_intermediate_filter: content.skip_intermediate_filter,
            cancel_intermediate: content.cancel_intermediate,
            cancel_intermediate_filter: content.cancel_intermediate_filter,
            allow_rebuilds: content.allow_rebuilds,
            configuration: content.steps,
            visibility: match content.visibility {
                Visibility::Private => WireVisibility::Private.into(),
                Visibility::Public => WireVisibility::Public.into(),
            },
            created_at: Some(to_timestamp(created_at)),
            created_by: created_by.map(person),
            archived_at: archived_at.map(to_timestamp),
            builds: counts
                .map(|counts| wire::BuildCounts { scheduled: few(counts.scheduled), running: few(counts.running) }),
            web_url,
        }
    }

    /// A build of a pipeline whose page is at `page`. `origin`: the build that it is a copy of.
    pub(super) fn build_wire(page: &str, build: Build, origin: Option<&Build>) -> wire::Build {
        let unsigned = |number: i32| u32::try_from(number).unwrap_or_default();
        let build::Content { branch, commit, message, env, meta_data } = build.content;
        let variable = |entry: String| {
            let (name, value) = entry.split_once('=').unwrap_or((&entry, ""));
            (name.to_owned(), value.to_owned())
        };
        let state = STATES.iter().find(|(state, _)| *state == build.state).map(|(_, wire)| *wire);
        wire::Build {
            uuid: build.uuid.to_string(),
            pipeline_uuid: build.pipeline.to_string(),
            number: unsigned(build.number),
            state: state.unwrap_or_default().into(),
            branch,
            commit,
            message,
            env: entries(env.into_iter().map(variable)),
            meta_data: entries(meta_data.into_iter().map(|MetaDatum { key, value }| (key, value))),
            created_by: build.created_by.map(person),
            created_at: Some(to_timestamp(build.created_at)),
            scheduled_at: build.scheduled_at.map(to_timestamp),
            started_at: build.started_at.map(to_timestamp),
            finished_at: build.finished_at.map(to_timestamp),
            cancel_reason: build.cancel_reason,
            rebuilt_from: origin
                .map(|origin| wire::RebuiltFrom { uuid: origin.uuid.to_string(), number: unsigned(origin.number) }),
            web_url: format!("{page}/builds/{}", build.number),
        }
    }

    /// A build and its pipeline.
    pub(super) fn both(
        &self,
        organization: &Organization,
        Found { build, pipeline, origin }: Found,
        counts: Option<Counts>,
    ) -> (Option<wire::Build>, Option<wire::Pipeline>) {
        let pipeline = self.pipeline_wire(organization, pipeline, counts);
        (Some(Self::build_wire(&pipeline.web_url, build, origin.as_ref())), Some(pipeline))
    }

    /// The same after a change was made. It isn't taken back by builds that can't be counted.
    pub(super) async fn changed(
        &self,
        organization: &Organization,
        found: Found,
    ) -> (Option<wire::Build>, Option<wire::Pipeline>) {
        let counts = self.count(found.pipeline.uuid).await;
        let counts = counts.inspect_err(|error| tracing::warn!(%error, "builds can't be counted")).ok();
        self.both(organization, found, counts)
    }

    /// How many builds of a pipeline are under way.
    pub(super) async fn count(&self, pipeline: Uuid) -> Result<Counts, Error> {
        let mut counts = self.server.store.builds_under_way(vec![pipeline]).await?;
        Ok(counts.remove(&pipeline).unwrap_or_default())
    }

    fn page(&self, organization: &Organization, pipeline: &Pipeline) -> String {
        format!("{}/{}/{}", self.server.public_url, organization.slug, pipeline.slug)
    }
}
