//! `codes`.

use sea_orm::entity::prelude::*;

use crate::{
    domain::{
        code::{Code, State},
        tag::Tag,
    },
    store::unknown_word,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub code_tag: Vec<u8>,
    pub secret_tag: Vec<u8>,
    pub key_id: String,
    pub organization_uuid: Uuid,
    pub portal_uuid: Uuid,
    pub state: String,
    pub wrong_secrets: i32,
    pub requester_ip: Option<String>,
    /// What the requester's codes are counted by: an IPv4 address, or the first 64 bits of an IPv6 one.
    pub requester_network: Option<String>,
    pub requester_agent: Option<String>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub polled_at: Option<DateTimeUtc>,
    pub decided_at: Option<DateTimeUtc>,
    pub user_uuid: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Code {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Self, DbErr> {
        Ok(Self {
            uuid: row.uuid,
            tag: Tag { key_id: row.key_id.clone(), bytes: row.code_tag },
            secret_tag: Tag { key_id: row.key_id, bytes: row.secret_tag },
            organization: row.organization_uuid,
            portal: row.portal_uuid,
            state: State::of_word(&row.state).ok_or_else(|| unknown_word("codes", &row.state))?,
            requester_ip: row.requester_ip,
            requester_agent: row.requester_agent,
            created_at: row.created_at,
            polled_at: row.polled_at,
            expires_at: row.expires_at,
            user: row.user_uuid,
        })
    }
}
