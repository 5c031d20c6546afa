//! `build_meta_data`: finds builds by their meta-data. What a build shows of it is in its own row.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "build_meta_data")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub build_uuid: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    pub value: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
