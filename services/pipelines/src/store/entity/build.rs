//! `builds`.

use sea_orm::{ActiveValue::Set, FromJsonQueryResult, entity::prelude::*};
use serde::{Deserialize, Serialize};

use super::{columns, person};
use crate::domain::build::{Build, Content, MetaDatum, State};

/// Environment variables as JSON, in the order given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Env(Vec<String>);

/// Meta-data as JSON, in the order given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct MetaData(Vec<MetaDatum>);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "builds")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub organization_uuid: Uuid,
    pub pipeline_uuid: Uuid,
    pub number: i32,
    pub state: String,
    pub branch: String,
    pub commit: String,
    pub message: Option<String>,
    pub env: Env,
    pub meta_data: MetaData,
    pub created_at: DateTimeUtc,
    pub created_by_uuid: Option<Uuid>,
    pub created_by_name: Option<String>,
    pub created_by_email: Option<String>,
    pub scheduled_at: Option<DateTimeUtc>,
    pub started_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
    pub canceled_at: Option<DateTimeUtc>,
    pub canceled_by_uuid: Option<Uuid>,
    pub canceled_by_name: Option<String>,
    pub canceled_by_email: Option<String>,
    pub cancel_reason: Option<String>,
    pub rebuilt_from_uuid: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::pipeline::Entity",
        from = "Column::PipelineUuid",
        to = "super::pipeline::Column::Uuid"
    )]
    Pipeline,
}

impl Related<super::pipeline::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Pipeline.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Build {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Self, DbErr> {
        let state = State::of_word(&row.state);
        Ok(Self {
            uuid: row.uuid,
            organization: row.organization_uuid,
            pipeline: row.pipeline_uuid,
            number: row.number,
            state: state.ok_or_else(|| DbErr::Custom(format!("build {} has an unknown state", row.uuid)))?,
            content: Content {
                branch: row.branch,
                commit: row.commit,
                message: row.message,
                env: row.env.0,
                meta_data: row.meta_data.0,
            },
            created_at: row.created_at,
            created_by: person(row.created_by_uuid, row.created_by_name, row.created_by_email),
            scheduled_at: row.scheduled_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            canceled_at: row.canceled_at,
            canceled_by: person(row.canceled_by_uuid, row.canceled_by_name, row.canceled_by_email),
            cancel_reason: row.cancel_reason,
            rebuilt_from: row.rebuilt_from_uuid,
        })
    }
}

impl From<Build> for ActiveModel {
    fn from(build: Build) -> Self {
        let (created_by_uuid, created_by_name, created_by_email) = columns(build.created_by);
        let (canceled_by_uuid, canceled_by_name, canceled_by_email) = columns(build.canceled_by);
        Self {
            uuid: Set(build.uuid),
            organization_uuid: Set(build.organization),
            pipeline_uuid: Set(build.pipeline),
            number: Set(build.number),
            state: Set(build.state.word().to_owned()),
            branch: Set(build.content.branch),
            commit: Set(build.content.commit),
            message: Set(build.content.message),
            env: Set(Env(build.content.env)),
            meta_data: Set(MetaData(build.content.meta_data)),
            created_at: Set(build.created_at),
            created_by_uuid: Set(created_by_uuid),
            created_by_name: Set(created_by_name),
            created_by_email: Set(created_by_email),
            scheduled_at: Set(build.scheduled_at),
            started_at: Set(build.started_at),
            finished_at: Set(build.finished_at),
            canceled_at: Set(build.canceled_at),
            canceled_by_uuid: Set(canceled_by_uuid),
            canceled_by_name: Set(canceled_by_name),
            canceled_by_email: Set(canceled_by_email),
            cancel_reason: Set(build.cancel_reason),
            rebuilt_from_uuid: Set(build.rebuilt_from),
        }
    }
}
