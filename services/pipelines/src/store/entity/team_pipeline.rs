//! `team_pipelines`.

use sea_orm::{ActiveValue::Set, entity::prelude::*};

use super::{columns, person};
use crate::domain::team::{Access, Assignment};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "team_pipelines")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub organization_uuid: Uuid,
    pub team_uuid: Uuid,
    pub pipeline_uuid: Uuid,
    pub access_level: String,
    pub created_at: DateTimeUtc,
    pub created_by_uuid: Option<Uuid>,
    pub created_by_name: Option<String>,
    pub created_by_email: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::team::Entity", from = "Column::TeamUuid", to = "super::team::Column::Uuid")]
    Team,
    #[sea_orm(
        belongs_to = "super::pipeline::Entity",
        from = "Column::PipelineUuid",
        to = "super::pipeline::Column::Uuid"
    )]
    Pipeline,
}

impl Related<super::team::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Team.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for Assignment {
    fn from(row: Model) -> Self {
        Self {
            uuid: row.uuid,
            organization: row.organization_uuid,
            team: row.team_uuid,
            pipeline: row.pipeline_uuid,
            access: Access::of_word(&row.access_level),
            created_at: row.created_at,
            created_by: person(row.created_by_uuid, row.created_by_name, row.created_by_email),
        }
    }
}

impl From<Assignment> for ActiveModel {
    fn from(row: Assignment) -> Self {
        let (created_by_uuid, created_by_name, created_by_email) = columns(row.created_by);
        Self {
            uuid: Set(row.uuid),
            organization_uuid: Set(row.organization),
            team_uuid: Set(row.team),
            pipeline_uuid: Set(row.pipeline),
            access_level: Set(row.access.word().to_owned()),
            created_at: Set(row.created_at),
            created_by_uuid: Set(created_by_uuid),
            created_by_name: Set(created_by_name),
            created_by_email: Set(created_by_email),
        }
    }
}
