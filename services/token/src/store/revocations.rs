//! The sequence of revocations, which verifiers are told in order and without a gap (spec §7).

use kit::{
    ambient::Instant,
    boot::Tasks,
    db::{hint, listen},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, SelectStatement},
};
use uuid::Uuid;

use super::{
    Store,
    entity::{revocation, revocation_head},
};
use crate::domain::{
    revocation::Revoked,
    token::{PortalKind, PortalToken},
};

const ONLY: i32 = 1;
/// Where other replicas are told that there is an event.
const CHANNEL: &str = "token_revocations";

impl Store {
    /// The last place in the sequence: nothing after it was committed when this was read.
    pub(crate) async fn revocation_head(&self) -> Result<u64, DbErr> {
        let head = head().into_tuple::<i64>().one(self.database.read()).await?;
        head.and_then(|head| u64::try_from(head).ok()).ok_or_else(no_head)
    }

    /// The events after `after` up to `head`, in order, at most `most`.
    pub(crate) async fn revocations(&self, after: u64, head: u64, most: u64) -> Result<Vec<Revoked>, DbErr> {
        if after >= head {
            return Ok(Vec::new());
        }
        let rows = revocation::Entity::find()
            .filter(revocation::Column::Sequence.gt(after))
            .filter(revocation::Column::Sequence.lte(head))
            .order_by_asc(revocation::Column::Sequence)
            .limit(most)
            .all(self.database.read())
            .await?;
        rows.into_iter().map(Revoked::try_from).collect()
    }

    /// Makes every verifier forget what it keeps, by a place in the sequence that is left out: who sees the gap can't tell
    /// what it missed. Answers the place of the event behind it, which is about nothing.
    pub(crate) async fn interrupt_revocations(&self) -> Result<u64, DbErr> {
        let transaction = self.database.begin().await?;
        advance(&transaction).await?;
        let sequence = announce(&transaction, Uuid::nil(), &[], self.ambient.now()).await?;
        transaction.commit().await?;
        Ok(sequence)
    }

    /// Whether other processes may serve the same database.
    pub(crate) fn may_have_replicas(&self) -> bool {
        self.database.may_have_replicas()
    }

    /// Calls `heard` when another replica may have revoked something.
    pub(crate) fn listen<F: Future<Output = ()> + Send>(
        &self,
        tasks: &Tasks,
        heard: impl Fn() -> F + Send + Sync + 'static,
    ) {
        listen(&self.database, tasks, CHANNEL, heard);
    }
}

fn head() -> Select<revocation_head::Entity> {
    revocation_head::Entity::find_by_id(ONLY).select_only().column(revocation_head::Column::Head)
}

/// The head of the sequence, as a part of another statement: read at the same instant as the rest of it.
pub(super) fn head_subquery() -> SelectStatement {
    head().into_query()
}

/// The token with the head that was read with it.
pub(super) fn at_head(token: PortalToken, head: Option<i64>) -> Result<PortalToken, DbErr> {
    let sequence = head.and_then(|head| u64::try_from(head).ok()).ok_or_else(no_head)?;
    Ok(PortalToken { sequence, ..token })
}

/// Adds an event to the sequence, in the transaction that revokes, and answers its place. From here to the commit nobody else
/// can add one: the last thing that a transaction does.
pub(super) async fn announce(
    transaction: &DatabaseTransaction,
    subject: Uuid,
    kinds: &[PortalKind],
    at: Instant,
) -> Result<u64, DbErr> {
    advance(transaction).await?;
    let sequence: i64 = head().into_tuple().one(transaction).await?.ok_or_else(no_head)?;
    let kinds: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
    let row = revocation::ActiveModel {
        sequence: Set(sequence),
        subject_uuid: Set(subject),
        kinds: Set(kinds.join(" ")),
        revoked_at: Set(at),
    };
    revocation::Entity::insert(row).exec_without_returning(transaction).await?;
    u64::try_from(sequence).map_err(|_negative| no_head())
}

/// Moves the head by one place, and locks it until the transaction ends.
async fn advance(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    revocation_head::Entity::update_many()
        .col_expr(revocation_head::Column::Head, Expr::col(revocation_head::Column::Head).add(1))
        .filter(revocation_head::Column::Id.eq(ONLY))
        .exec(transaction)
        .await?;
    hint(transaction, CHANNEL).await
}

fn no_head() -> DbErr {
    DbErr::Custom("the head of the sequence of revocations is missing or negative".to_owned())
}
