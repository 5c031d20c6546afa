//! The trail of changes, and word of them for others: each row is written in the transaction of its change.

use kit::{
    audit::{self, Actor, Event, Question, Read, Recorded, Subject},
    outbox,
};
use sea_orm::{DatabaseTransaction, DbErr};
use serde_json::Value;
use uuid::Uuid;

use super::{Store, commit};
use crate::{
    domain::{
        build::Build,
        notice,
        pipeline::Pipeline,
        team::{Assignment, Membership, Team},
        viewer::Person,
    },
    error::Error,
};

/// Something that is about to be committed.
pub(super) struct Entry<'a> {
    /// The public type, such as `TEAM_CREATED`.
    pub(super) kind: &'static str,
    pub(super) subject: Thing<'a>,
    /// Who does it; `None`: the organization's own authority.
    pub(super) by: Option<&'a Person>,
    /// What changes.
    pub(super) data: Value,
}

/// To what something happens.
pub(super) enum Thing<'a> {
    Pipeline(&'a Pipeline),
    Team(&'a Team),
    TeamMember(&'a Membership),
    TeamPipeline(&'a Assignment),
}

impl Store {
    /// Writes the trail's row.
    pub(super) async fn record(&self, transaction: &DatabaseTransaction, entry: Entry<'_>) -> Result<(), DbErr> {
        let Entry { kind, subject, by, data } = entry;
        let (organization, subject) = subject.shown();
        let actor = by.and_then(|person| Some(Actor { uuid: person.uuid?, name: person.name.clone() }));
        let context = self.origin.as_ref().map_or(Value::Null, |origin| origin.context());
        audit::record(transaction, &self.ambient, Event { kind, organization, actor, subject, context, data }).await
    }

    /// Writes the trail's row and commits the change with it.
    pub(super) async fn conclude(&self, transaction: DatabaseTransaction, entry: Entry<'_>) -> Result<(), Error> {
        self.record(&transaction, entry).await?;
        commit(transaction).await
    }

    /// The events of a page, newest first, and whether there are more.
    pub(crate) async fn audit_events(&self, question: &Question) -> Read<(Vec<Recorded>, bool)> {
        audit::list(self.database.read(), question).await
    }

    /// The event of that UUID in the organization's trail.
    pub(crate) async fn audit_event(&self, organization: Uuid, event: Uuid) -> Read<Option<Recorded>> {
        audit::find(self.database.read(), organization, event).await
    }
}

impl Store {
    /// Leaves word of a build that has come to its present state, in the transaction that brings it there. `by`: who does.
    pub(super) async fn tell(
        &self,
        transaction: &DatabaseTransaction,
        (build, pipeline): (&Build, &Pipeline),
        by: Option<&Person>,
    ) -> Result<(), DbErr> {
        outbox::record(transaction, &self.ambient, notice::of(build, pipeline, by)).await
    }
}

impl Thing<'_> {
    fn shown(&self) -> (Uuid, Subject) {
        let subject = |kind, uuid, name: &str| Subject { kind, uuid, name: name.to_owned() };
        match self {
            Self::Pipeline(row) => (row.organization, subject("pipeline", row.uuid, &row.content.name)),
            Self::Team(row) => (row.organization, subject("team", row.uuid, &row.content.name)),
            Self::TeamMember(row) => (row.organization, subject("team_member", row.uuid, "")),
            Self::TeamPipeline(row) => (row.organization, subject("team_pipeline", row.uuid, "")),
        }
    }
}
