//! Headers of upstreams under root keys that aren't the one in use.

use std::collections::{BTreeMap, BTreeSet};

use kit::{canary, db::Database};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};

use super::{
    Store, Unwritten,
    entity::{notification_service, upstream},
    upstreams::read,
};
use crate::{
    domain::{id::UpstreamId, upstream::Upstream},
    upstream::seal::Sealed,
};

/// How many are looked at at once.
pub(super) const BATCH: u64 = if cfg!(test) { 2 } else { 50 };

/// How many rows need the root key of that id, by what they are; nothing where there are none.
pub async fn count_rows_under(
    connection: &impl ConnectionTrait,
    key_id: &str,
) -> Result<BTreeMap<&'static str, u64>, DbErr> {
    let under = upstream::Entity::find().filter(upstream::Column::KeyId.eq(key_id));
    let count = under.filter(upstream::Column::DeletedAt.is_null()).count(connection).await?;
    let tokens = notification_service::Entity::find().filter(notification_service::Column::KeyId.eq(key_id));
    let counts =
        [("headers of upstreams", count), ("tokens of notification services", tokens.count(connection).await?)];
    Ok(counts.into_iter().filter(|(_, count)| *count > 0).collect())
}

impl Store {
    /// The database, for the canary.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Upstreams whose headers are kept under another key than that, some of them, `after` that one.
    pub(crate) async fn list_sealed_elsewhere(
        &self,
        key_id: &str,
        after: Option<UpstreamId>,
    ) -> Result<Vec<(Upstream, Sealed)>, DbErr> {
        let mut elsewhere = upstream::Entity::find()
            .filter(upstream::Column::KeyId.ne(key_id))
            .filter(upstream::Column::DeletedAt.is_null());
        if let Some(UpstreamId(last)) = after {
            elsewhere = elsewhere.filter(upstream::Column::Uuid.gt(last));
        }
        let rows = elsewhere.order_by_asc(upstream::Column::Uuid).limit(BATCH).all(self.database.read()).await?;
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Keeps the same headers under another key, unless they were changed since. No change, so that there is no audit row.
    pub(crate) async fn replace_sealed(&self, of: &Upstream, before: &Sealed, after: Sealed) -> Result<(), Unwritten> {
        let transaction = self.database.begin().await?;
        hold(&transaction, &after).await?;
        let update = upstream::Entity::update_many()
            .col_expr(upstream::Column::Headers, Expr::value(after.bytes))
            .col_expr(upstream::Column::KeyId, Expr::value(after.key_id))
            .filter(upstream::Column::Uuid.eq(of.id.0))
            .filter(upstream::Column::UpdatedAt.eq(of.updated_at))
            .filter(upstream::Column::KeyId.eq(before.key_id.as_str()));
        update.exec(&transaction).await?;
        Ok(transaction.commit().await?)
    }
}

/// Makes sure that the key which headers are kept under isn't retired before `transaction` ends, which writes them.
pub(super) async fn hold(transaction: &DatabaseTransaction, sealed: &Sealed) -> Result<(), Unwritten> {
    let held = canary::hold(transaction, &BTreeSet::from([sealed.key_id.as_str()])).await?;
    if held { Ok(()) } else { Err(Unwritten::KeyRetired) }
}
