use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_schemas")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub upstream_uuid: Uuid,
    /// SHA-256 of `sdl`, hexadecimal; that of the upstream's row.
    pub digest: String,
    pub sdl: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
