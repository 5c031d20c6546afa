//! `portal_secrets`.

use sea_orm::entity::prelude::*;

use crate::domain::{
    secret::{Gate, Secret},
    user::User,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "portal_secrets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: Uuid,
    pub organization_uuid: Uuid,
    pub portal_uuid: Uuid,
    /// 0 or 1: unique with the portal, so that there are two at most.
    pub slot: i32,
    pub selector: String,
    /// A PHC string.
    pub hash: String,
    /// 20 bits, made under the key of `key_id`.
    pub gate: i32,
    pub key_id: String,
    pub last_four: String,
    pub description: String,
    pub created_at: DateTimeUtc,
    pub expires_at: Option<DateTimeUtc>,
    pub last_used_at: Option<DateTimeUtc>,
    pub last_used_ip: Option<String>,
    pub created_by_uuid: Uuid,
    pub created_by_name: String,
    pub created_by_email: String,
    pub created_by_created_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::known_portal::Entity",
        from = "Column::PortalUuid",
        to = "super::known_portal::Column::PortalUuid"
    )]
    Portal,
}

impl Related<super::known_portal::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Portal.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Secret {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Self, DbErr> {
        let bits = u32::try_from(row.gate).map_err(|_negative| DbErr::Custom("a gate is negative".to_owned()))?;
        Ok(Self {
            uuid: row.uuid,
            organization: row.organization_uuid,
            portal: row.portal_uuid,
            selector: row.selector,
            hash: row.hash,
            gate: Gate { key_id: row.key_id, bits },
            last_four: row.last_four,
            description: row.description,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            last_used_ip: row.last_used_ip,
            created_by: User {
                uuid: row.created_by_uuid,
                name: row.created_by_name,
                email: row.created_by_email,
                created_at: row.created_by_created_at,
            },
        })
    }
}
