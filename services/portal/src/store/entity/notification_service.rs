use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification_services")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub organization_uuid: Uuid,
    pub description: String,
    pub enabled: bool,
    pub url: String,
    /// The token, encrypted under the key of `key_id`; see `webhooks::token`.
    pub token: Vec<u8>,
    pub key_id: String,
    /// `token` or `signature`.
    pub token_mode: String,
    /// Names, separated by blanks; likewise the next and `build_states`.
    pub events: String,
    pub pipelines: String,
    pub branches: Option<String>,
    pub build_states: String,
    pub created_by_uuid: Uuid,
    pub created_by_name: String,
    pub created_by_email: String,
    pub created_by_created_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
