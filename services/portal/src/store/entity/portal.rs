use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "portals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub organization_uuid: Uuid,
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    pub query: String,
    pub allowed_ip_addresses: Option<String>,
    pub user_invokable: bool,
    pub strict_variables: bool,
    pub version: i32,
    pub created_by_uuid: Uuid,
    pub created_by_name: String,
    pub created_by_email: String,
    pub created_by_created_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
    pub users_unrevoked_since: Option<DateTimeUtc>,
    pub was_user_invokable: bool,
    pub upstream_uuid: Option<Uuid>,
    pub checked_schema: Option<String>,
    pub broken_since: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
