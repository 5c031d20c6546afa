//! The change counter: one row that every change of the registry moves by one, locked until its commit. A node that sees
//! another number than before reads anew.

use kit::{
    boot::Tasks,
    db::{hint, listen},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use super::{Store, entity::change};

const ONLY: i32 = 1;
/// Where other nodes are told that there is a change.
const CHANNEL: &str = "portal_changes";

impl Store {
    /// The number of changes so far.
    pub(crate) async fn changes(&self) -> Result<i64, DbErr> {
        let row = change::Entity::find_by_id(ONLY).one(self.database.read()).await?;
        row.map(|row| row.number).ok_or_else(|| DbErr::RecordNotFound("the change counter".to_owned()))
    }

    /// Calls `heard` when another node may have changed something.
    pub(crate) fn listen<F: Future<Output = ()> + Send>(
        &self,
        tasks: &Tasks,
        heard: impl Fn() -> F + Send + Sync + 'static,
    ) {
        listen(&self.database, tasks, CHANNEL, heard);
    }
}

/// Counts one change, in its transaction. Other nodes are told to look when it commits.
pub(super) async fn count(transaction: &impl ConnectionTrait) -> Result<(), DbErr> {
    hint(transaction, CHANNEL).await?;
    let next = Expr::col(change::Column::Number).add(1);
    let update = change::Entity::update_many().col_expr(change::Column::Number, next);
    update.filter(change::Column::Id.eq(ONLY)).exec(transaction).await?;
    Ok(())
}
