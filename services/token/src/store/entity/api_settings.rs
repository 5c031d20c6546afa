//! `api_settings`: what an organization asks of API access tokens. Also the row by which its memberships are locked.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_settings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_uuid: Uuid,
    pub revoke_inactive_tokens_after_days: Option<i32>,
    pub allowed_ip_addresses: Option<String>,
    pub restrict_user_api_token_creation: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
