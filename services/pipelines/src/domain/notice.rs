//! What others are told of builds: what the REST API shows of them.
//!
//! Links hold the organization's slug, which the rows don't know: they stand in the fact `links`, for who carries notices on.

use chrono::SecondsFormat;
use kit::{ambient::Instant, audit::Actor, outbox::Notice};
use serde_json::{Map, Value, json};

use super::{
    build::{Build, State},
    pipeline::{Pipeline, Visibility},
    relay::{self, Kind},
    viewer::Person,
};

/// What is told of a build that has come to its present state. `by`: who brought it there; `None`: the organization's own
/// authority. Nothing is told of some states.
pub(crate) fn of(build: &Build, pipeline: &Pipeline, by: Option<&Person>) -> Option<Notice> {
    let event = match build.state {
        State::Scheduled => "build.scheduled",
        State::Running => "build.running",
        State::Failing => "build.failing",
        State::Blocked | State::Canceled | State::Failed | State::NotRun | State::Passed => "build.finished",
        State::Skipped => "build.skipped",
        State::Canceling | State::Creating => return None,
    };
    let sender = by.and_then(|person| Some(Actor { uuid: person.uuid?, name: person.name.clone() }));
    let objects = vec![("build", build_object(build)), ("pipeline", pipeline_object(pipeline))];
    let facts = json!({
        "pipeline": pipeline.uuid,
        "branch": build.content.branch,
        "state": build.state.word().to_lowercase(),
        "links": links(build, pipeline),
    });
    Some(Notice::new(event, build.organization, sender.as_ref(), objects).with_facts(facts))
}

/// By the place of each in what is told, what follows the public URL.
fn links(build: &Build, pipeline: &Pipeline) -> Value {
    let (slug, number) = (&pipeline.slug, build.number);
    let (api, page) =
        (format!("/v2/organizations/{{organization}}/pipelines/{slug}"), format!("/{{organization}}/{slug}"));
    json!({
        "/build/url": format!("{api}/builds/{number}"),
        "/build/web_url": format!("{page}/builds/{number}"),
        "/pipeline/url": api,
        "/pipeline/web_url": page,
        "/pipeline/builds_url": format!("{api}/builds"),
    })
}

fn build_object(build: &Build) -> Value {
    let env = build.content.env.iter().filter_map(|entry| entry.split_once('='));
    let env: Map<_, _> = env.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let meta_data = build.content.meta_data.iter();
    let meta_data: Map<_, _> = meta_data.map(|datum| (datum.key.clone(), datum.value.as_str().into())).collect();
    json!({
        "id": build.uuid,
        "graphql_id": relay::encode(Kind::Build, build.uuid),
        "url": null,
        "web_url": null,
        "number": build.number,
        "state": build.state.word().to_lowercase(),
        "cancel_reason": build.cancel_reason,
        "blocked": build.state == State::Blocked,
        "message": build.content.message,
        "commit": build.content.commit,
        "branch": build.content.branch,
        "env": env,
        "source": "api",
        "creator": build.created_by.as_ref().filter(|maker| maker.uuid.is_some()).map(person),
        "author": build.created_by.as_ref().map(|Person { name, email, .. }| json!({ "name": name, "email": email })),
        "jobs": [],
        "created_at": time(build.created_at),
        "scheduled_at": build.scheduled_at.map(time),
        "started_at": build.started_at.map(time),
        "failing_at": null,
        "finished_at": build.finished_at.map(time),
        "meta_data": meta_data,
        "pull_request": null,
        "merge_queue": null,
        "rebuilt_from": build.rebuilt_from.map(|uuid| json!({ "id": uuid })),
    })
}

fn pipeline_object(pipeline: &Pipeline) -> Value {
    let content = &pipeline.content;
    json!({
        "id": pipeline.uuid,
        "graphql_id": relay::encode(Kind::Pipeline, pipeline.uuid),
        "url": null,
        "web_url": null,
        "name": content.name,
        "description": content.description,
        "slug": pipeline.slug,
        "repository": content.repository_url,
        "cluster_id": null,
        "branch_configuration": content.branch_configuration,
        "default_branch": content.default_branch,
        "skip_queued_branch_builds": content.skip_intermediate,
        "skip_queued_branch_builds_filter": content.skip_intermediate_filter,
        "cancel_running_branch_builds": content.cancel_intermediate,
        "cancel_running_branch_builds_filter": content.cancel_intermediate_filter,
        "allow_rebuilds": content.allow_rebuilds,
        "provider": { "id": null, "webhook_url": null, "settings": null },
        "builds_url": null,
        "badge_url": null,
        "created_at": time(pipeline.created_at),
        "created_by": pipeline.created_by.as_ref().map(person),
        "archived_at": pipeline.archived_at.map(time),
        "env": null,
        // Counting them would make whoever makes builds wait for each other.
        "scheduled_builds_count": null,
        "running_builds_count": null,
        "scheduled_jobs_count": 0,
        "running_jobs_count": 0,
        "waiting_jobs_count": 0,
        "configuration": content.steps,
        "visibility": if content.visibility == Visibility::Public { "public" } else { "private" },
    })
}

/// Who isn't a user has no id.
fn person(Person { uuid, name, email }: &Person) -> Value {
    json!({
        "id": uuid,
        "graphql_id": uuid.map(|uuid| relay::encode(Kind::User, uuid)),
        "name": name,
        "email": email,
        "avatar_url": null,
        "created_at": null,
    })
}

/// RFC 3339 in UTC with milliseconds and `Z`.
fn time(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
