//! `memberships`.

use sea_orm::entity::prelude::*;

use crate::{
    domain::user::{Membership, Role},
    store::unknown_word,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "memberships")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_uuid: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_uuid: Uuid,
    pub role: String,
    pub created_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::UserUuid", to = "super::user::Column::Uuid")]
    User,
}

impl Related<super::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Membership {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Self, DbErr> {
        let role = Role::of_word(&row.role).ok_or_else(|| unknown_word("memberships", &row.role))?;
        Ok(Self { organization: row.organization_uuid, role })
    }
}
