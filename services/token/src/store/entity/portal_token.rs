//! `portal_tokens`.

use sea_orm::entity::prelude::*;

use crate::{
    domain::{
        tag::Tag,
        token::{Life, PortalKind, PortalToken},
    },
    store::unknown_word,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "portal_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub tag: Vec<u8>,
    pub key_id: String,
    pub last_four: String,
    pub description: String,
    pub created_at: DateTimeUtc,
    pub expires_at: Option<DateTimeUtc>,
    pub last_used_at: Option<DateTimeUtc>,
    pub last_used_ip: Option<String>,
    pub revoked_at: Option<DateTimeUtc>,
    pub organization_uuid: Uuid,
    pub portal_uuid: Uuid,
    pub kind: String,
    pub created_by_uuid: Uuid,
    pub created_by_name: String,
    pub created_by_email: String,
    pub created_by_created_at: DateTimeUtc,
    pub secret_uuid: Option<Uuid>,
    pub user_uuid: Option<Uuid>,
    pub allowed_ip_addresses: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for PortalToken {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Self, DbErr> {
        Ok(Self {
            uuid: row.uuid,
            organization: row.organization_uuid,
            portal: row.portal_uuid,
            kind: PortalKind::of_word(&row.kind).ok_or_else(|| unknown_word("portal_tokens", &row.kind))?,
            description: row.description,
            tag: Tag { key_id: row.key_id, bytes: row.tag },
            life: Life { expires_at: row.expires_at, revoked_at: row.revoked_at },
            secret: row.secret_uuid,
            user: row.user_uuid,
            allowed_ip_addresses: row.allowed_ip_addresses,
            sequence: 0,
        })
    }
}
