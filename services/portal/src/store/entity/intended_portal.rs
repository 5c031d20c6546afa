use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "intended_portals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub portal_uuid: Uuid,
    pub organization_uuid: Uuid,
    pub created_at: DateTimeUtc,
    pub abandoned: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
