//! `teams`.

use sea_orm::{ActiveValue::Set, entity::prelude::*};

use super::{columns, person};
use crate::domain::team::{Content, MemberRole, Privacy, Team};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "teams")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub organization_uuid: Uuid,
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    pub privacy: String,
    pub is_default: bool,
    pub default_member_role: String,
    pub members_can_create_pipelines: bool,
    pub created_at: DateTimeUtc,
    pub created_by_uuid: Option<Uuid>,
    pub created_by_name: Option<String>,
    pub created_by_email: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for Team {
    fn from(row: Model) -> Self {
        Self {
            uuid: row.uuid,
            organization: row.organization_uuid,
            slug: row.slug,
            content: Content {
                name: row.name,
                description: row.description,
                privacy: Privacy::of_word(&row.privacy),
                is_default: row.is_default,
                default_member_role: MemberRole::of_word(&row.default_member_role),
                members_can_create_pipelines: row.members_can_create_pipelines,
            },
            created_at: row.created_at,
            created_by: person(row.created_by_uuid, row.created_by_name, row.created_by_email),
        }
    }
}

impl From<Content> for ActiveModel {
    fn from(content: Content) -> Self {
        Self {
            name: Set(content.name),
            description: Set(content.description),
            privacy: Set(content.privacy.word().to_owned()),
            is_default: Set(content.is_default),
            default_member_role: Set(content.default_member_role.word().to_owned()),
            members_can_create_pipelines: Set(content.members_can_create_pipelines),
            ..Default::default()
        }
    }
}

impl From<Team> for ActiveModel {
    fn from(team: Team) -> Self {
        let (created_by_uuid, created_by_name, created_by_email) = columns(team.created_by);
        Self {
            uuid: Set(team.uuid),
            organization_uuid: Set(team.organization),
            slug: Set(team.slug),
            created_at: Set(team.created_at),
            created_by_uuid: Set(created_by_uuid),
            created_by_name: Set(created_by_name),
            created_by_email: Set(created_by_email),
            ..team.content.into()
        }
    }
}
