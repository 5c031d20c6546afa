use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub event_uuid: Uuid,
    pub service_uuid: Uuid,
    pub event: String,
    pub payload: String,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    pub attempts: i32,
    pub created_at: DateTimeUtc,
    /// When it is tried next, or, while it is tried, when whoever tries it is taken for dead.
    pub due_at: Option<DateTimeUtc>,
    pub deadline_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
    pub last_attempt_at: Option<DateTimeUtc>,
    pub last_status: Option<i32>,
    pub last_took_ms: Option<i64>,
    pub last_excerpt: Option<String>,
    pub last_fault: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
