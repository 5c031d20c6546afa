//! The end of many tokens at once, in transactions so small that nobody waits long for one.

use kit::ambient::Instant;
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{
    entity::portal_token::{Column, Entity},
    token_lists,
};
use crate::domain::token::TokenEntry;

/// The most tokens that one transaction ends.
const MOST_TOGETHER: usize = 500;

/// Live tokens that a transaction ended.
pub(super) struct Batch {
    pub(super) tokens: Vec<TokenEntry>,
    /// Whether there were no more of them.
    pub(super) is_last: bool,
}

/// Ends a batch of the live tokens of which `these` is true. What has expired or was revoked stays as it is. To be called
/// with the lock of their portal, so that none is made meanwhile.
pub(super) async fn end_batch(
    transaction: &DatabaseTransaction,
    these: Condition,
    at: Instant,
) -> Result<Batch, DbErr> {
    let live = these.add(Column::RevokedAt.is_null()).add(unexpired(at));
    let some = Entity::find().select_only().column(Column::Uuid).filter(live.clone()).order_by_asc(Column::Uuid);
    let uuids: Vec<Uuid> =
        some.limit(u64::try_from(MOST_TOGETHER).unwrap_or(u64::MAX)).into_tuple().all(transaction).await?;
    let is_last = uuids.len() < MOST_TOGETHER;
    if uuids.is_empty() {
        return Ok(Batch { tokens: Vec::new(), is_last });
    }
    // Read again under the rows' locks, taken in one order: somebody else may have ended one of them meanwhile.
    let rows = Entity::find().filter(Column::Uuid.is_in(uuids)).filter(live);
    let rows = rows.order_by_asc(Column::Uuid).lock_exclusive().all(transaction).await?;
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(at))
        .filter(Column::Uuid.is_in(rows.iter().map(|row| row.uuid)))
        .exec(transaction)
        .await?;
    let tokens = rows.into_iter().map(token_lists::entry).collect::<Result<_, _>>()?;
    Ok(Batch { tokens, is_last })
}

/// Those that haven't run out.
pub(super) fn unexpired(now: Instant) -> Condition {
    Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now))
}
