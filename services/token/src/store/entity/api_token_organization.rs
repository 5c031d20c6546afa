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
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
