//! `revocations`.

use sea_orm::entity::prelude::*;

use crate::{
    domain::{revocation::Revoked, token::PortalKind},
    store::unknown_word,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revocations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub subject_uuid: Uuid,
    pub kinds: String,
    pub revoked_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Revoked {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Self, DbErr> {
        // A kind of a later version stands for any kind: verifiers drop more than they must.
        let kinds: Option<Vec<_>> = row.kinds.split_ascii_whitespace().map(PortalKind::of_word).collect();
        Ok(Self {
            sequence: u64::try_from(row.sequence)
                .map_err(|_negative| unknown_word("revocations", "a negative number"))?,
            subject: row.subject_uuid,
            kinds: kinds.unwrap_or_default(),
        })
    }
}
