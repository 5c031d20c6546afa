//! `known_portals`: portals that credentials were made for, or that were revoked.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_portals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub portal_uuid: Uuid,
    pub organization_uuid: Uuid,
    pub revoked_at: Option<DateTimeUtc>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
