//! What a database must undergo that was restored from a backup.

use kit::{ambient::Instant, audit};
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::{
    Store,
    endings::{self, Batch},
    entity::{code, portal_token::Column, revocation_head, session},
    revocations,
};
use crate::domain::{
    code::State,
    token::TokenList,
    trail::{Ended, Trail},
};

impl Store {
    /// Ends what may have been ended after the backup was made, and nobody would make anew: ephemeral and user tokens, codes and
    /// sessions. Each transaction can be the last one, and all be done again.
    pub(crate) async fn end_what_is_short_lived(&self, at: Instant) -> Result<Ended, DbErr> {
        let (mut ended, trail) = (Ended::default(), Trail::system());
        loop {
            let transaction = self.database.begin().await?;
            let live = Column::Kind.is_in(TokenList::Live.kinds().iter().map(|kind| kind.word()));
            let Batch { tokens, is_last } = endings::end_batch(&transaction, Condition::all().add(live), at).await?;
            self.record_ends(&transaction, &tokens, &trail).await?;
            transaction.commit().await?;
            ended.tokens += tokens.len() as u64;
            if is_last {
                break;
            }
        }
        let transaction = self.database.begin().await?;
        ended.codes = burn_codes(&transaction).await?;
        ended.sessions = session::Entity::delete_many().exec(&transaction).await?.rows_affected;
        audit::record(&transaction, &self.ambient, trail.database_restored(ended)).await?;
        leap(&transaction, at).await?;
        revocations::announce(&transaction, Uuid::nil(), &[], at).await?;
        transaction.commit().await?;
        Ok(ended)
    }
}

async fn burn_codes(transaction: &DatabaseTransaction) -> Result<u64, DbErr> {
    let open = [State::Pending, State::Approved].map(State::word);
    let update = code::Entity::update_many().col_expr(code::Column::State, Expr::value(State::Burnt.word()));
    Ok(update.filter(code::Column::State.is_in(open)).exec(transaction).await?.rows_affected)
}

/// Moves the head of the sequence beyond every place that it had before the restore: a verifier that applied those must see a gap,
/// not what looks like their continuation. Microseconds since 1970 are more than there ever are revocations.
async fn leap(transaction: &DatabaseTransaction, at: Instant) -> Result<(), DbErr> {
    revocation_head::Entity::update_many()
        .col_expr(revocation_head::Column::Head, Expr::value(at.timestamp_micros()))
        .filter(revocation_head::Column::Head.lt(at.timestamp_micros()))
        .exec(transaction)
        .await?;
    Ok(())
}
