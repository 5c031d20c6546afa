use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "portal_versions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub portal_uuid: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub query: String,
    pub created_at: DateTimeUtc,
    pub created_by_uuid: Uuid,
    pub created_by_name: String,
    /// Null in rows of before this was kept.
    pub created_by_email: Option<String>,
    pub created_by_created_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
