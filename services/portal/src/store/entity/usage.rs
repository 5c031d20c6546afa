use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "portal_usage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub portal_uuid: Uuid,
    /// When the hour began.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hour: DateTimeUtc,
    /// When its day began.
    pub day: DateTimeUtc,
    /// What came of the calls: `domain::usage::OUTCOMES`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub outcome: String,
    /// How long they took: `domain::usage::bucket`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket: i16,
    pub calls: i64,
    pub last_called_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
