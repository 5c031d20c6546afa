use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstreams")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub organization_uuid: Uuid,
    pub slug: String,
    pub url: String,
    /// The names of the headers, a line each.
    pub header_names: String,
    /// The headers, encrypted under the key of `key_id`; see `upstream::seal`.
    pub headers: Vec<u8>,
    pub key_id: String,
    /// `sdl` or `introspection`.
    pub schema_source: String,
    pub schema_digest: Option<String>,
    pub schema_changed_at: Option<DateTimeUtc>,
    pub schema_checked_at: Option<DateTimeUtc>,
    pub schema_fault: Option<String>,
    /// When an introspected schema is to be fetched next.
    pub schema_due_at: Option<DateTimeUtc>,
    pub timeout_ms: Option<i32>,
    pub created_by_uuid: Uuid,
    pub created_by_name: String,
    pub created_by_email: String,
    pub created_by_created_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
