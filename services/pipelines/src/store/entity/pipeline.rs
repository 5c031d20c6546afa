//! `pipelines`.

use sea_orm::{ActiveValue::Set, entity::prelude::*};

use super::{columns, person};
use crate::domain::pipeline::{Content, Pipeline, Visibility};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pipelines")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub organization_uuid: Uuid,
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    pub repository_url: String,
    pub default_branch: Option<String>,
    pub branch_configuration: Option<String>,
    pub steps: Option<String>,
    pub visibility: String,
    pub color: Option<String>,
    pub emoji: Option<String>,
    pub allow_rebuilds: bool,
    pub cancel_intermediate: bool,
    pub cancel_intermediate_filter: Option<String>,
    pub skip_intermediate: bool,
    pub skip_intermediate_filter: Option<String>,
    pub default_timeout_minutes: Option<i32>,
    pub maximum_timeout_minutes: Option<i32>,
    pub next_build_number: i32,
    pub created_at: DateTimeUtc,
    pub created_by_uuid: Option<Uuid>,
    pub created_by_name: Option<String>,
    pub created_by_email: Option<String>,
    pub archived_at: Option<DateTimeUtc>,
    pub archived_by_uuid: Option<Uuid>,
    pub archived_by_name: Option<String>,
    pub archived_by_email: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(has_many = "super::build::Entity")]
    Builds,
}

impl Related<super::build::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Builds.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for Pipeline {
    fn from(row: Model) -> Self {
        Self {
            uuid: row.uuid,
            organization: row.organization_uuid,
            slug: row.slug,
            content: Content {
                name: row.name,
                description: row.description,
                repository_url: row.repository_url,
                default_branch: row.default_branch,
                branch_configuration: row.branch_configuration,
                steps: row.steps,
                visibility: Visibility::of_word(&row.visibility),
                color: row.color,
                emoji: row.emoji,
                allow_rebuilds: row.allow_rebuilds,
                cancel_intermediate: row.cancel_intermediate,
                cancel_intermediate_filter: row.cancel_intermediate_filter,
                skip_intermediate: row.skip_intermediate,
                skip_intermediate_filter: row.skip_intermediate_filter,
                default_timeout_minutes: row.default_timeout_minutes,
                maximum_timeout_minutes: row.maximum_timeout_minutes,
                next_build_number: row.next_build_number,
            },
            created_at: row.created_at,
            created_by: person(row.created_by_uuid, row.created_by_name, row.created_by_email),
            archived_at: row.archived_at,
            archived_by: person(row.archived_by_uuid, row.archived_by_name, row.archived_by_email),
        }
    }
}

impl From<Content> for ActiveModel {
    fn from(content: Content) -> Self {
        Self {
            name: Set(content.name),
            description: Set(content.description),
            repository_url: Set(content.repository_url),
            default_branch: Set(content.default_branch),
            branch_configuration: Set(content.branch_configuration),
            steps: Set(content.steps),
            visibility: Set(content.visibility.word().to_owned()),
            color: Set(content.color),
            emoji: Set(content.emoji),
            allow_rebuilds: Set(content.allow_rebuilds),
            cancel_intermediate: Set(content.cancel_intermediate),
            cancel_intermediate_filter: Set(content.cancel_intermediate_filter),
            skip_intermediate: Set(content.skip_intermediate),
            skip_intermediate_filter: Set(content.skip_intermediate_filter),
            default_timeout_minutes: Set(content.default_timeout_minutes),
            maximum_timeout_minutes: Set(content.maximum_timeout_minutes),
            next_build_number: Set(content.next_build_number),
            ..Default::default()
        }
    }
}

impl From<Pipeline> for ActiveModel {
    fn from(pipeline: Pipeline) -> Self {
        let (created_by_uuid, created_by_name, created_by_email) = columns(pipeline.created_by);
        let (archived_by_uuid, archived_by_name, archived_by_email) = columns(pipeline.archived_by);
        Self {
            uuid: Set(pipeline.uuid),
            organization_uuid: Set(pipeline.organization),
            slug: Set(pipeline.slug),
            created_at: Set(pipeline.created_at),
            created_by_uuid: Set(created_by_uuid),
            created_by_name: Set(created_by_name),
            created_by_email: Set(created_by_email),
            archived_at: Set(pipeline.archived_at),
            archived_by_uuid: Set(archived_by_uuid),
            archived_by_name: Set(archived_by_name),
            archived_by_email: Set(archived_by_email),
            ..pipeline.content.into()
        }
    }
}
