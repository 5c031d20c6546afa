//! `api_token_organizations`: the organizations that a token reaches.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_token_organizations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_uuid: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_uuid: Uuid,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::api_token::Entity",
        from = "Column::TokenUuid",
        to = "super::api_token::Column::Uuid"
    )]
    Token,
    #[sea_orm(
        belongs_to = "super::api_settings::Entity",
        from = "Column::OrganizationUuid",
        to = "super::api_settings::Column::OrganizationUuid"
    )]
    Settings,
}

impl Related<super::api_token::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Token.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
