//! Ends credentials that were found in public, each in one transaction with what the audit says of it.

use kit::ambient::Instant;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::{
    Store, api_tokens, commit, endings,
    entity::portal_token::{Column, Entity},
    revocations, token_lists,
};
use crate::{
    domain::{
        leak::Leak,
        trail::{Trail, Why, trails},
    },
    error::Error,
};

impl Store {
    /// Ends a portal token and answers the event's place in the sequence; `None` if it doesn't count any more.
    pub(crate) async fn end_leaked_portal_token(
        &self,
        token: Uuid,
        leak: &Leak,
        at: Instant,
        trail: &Trail,
    ) -> Result<Option<u64>, Error> {
        let transaction = self.database.begin().await?;
        let live = Entity::find_by_id(token).filter(Column::RevokedAt.is_null()).filter(endings::unexpired(at));
        let row = live.lock_exclusive().one(&transaction).await?;
        let Some(entry) = row.map(token_lists::entry).transpose()? else { return Ok(None) };
        let uuid = entry.token.uuid;
        token_lists::end(&transaction, Condition::all().add(Column::Uuid.eq(uuid)), at).await?;
        self.record(&transaction, [trail.portal_token_leaked(&entry.token, leak)]).await?;
        self.record_ends(&transaction, &[entry], trail).await?;
        let sequence = revocations::announce(&transaction, uuid, &[], at).await?;
        commit(transaction).await?;
        Ok(Some(sequence))
    }

    /// Ends an API access token. Says whether it was still alive.
    pub(crate) async fn end_leaked_api_token(
        &self,
        token: Uuid,
        leak: &Leak,
        at: Instant,
        trail: &Trail,
    ) -> Result<bool, Error> {
        let transaction = self.database.begin().await?;
        let Some(token) = api_tokens::locked(&transaction, token).await? else { return Ok(false) };
        api_tokens::revoke(&transaction, token.uuid, at).await?;
        let organizations = api_tokens::organizations(&transaction, token.uuid).await?;
        let events = trails(&organizations).iter().flat_map(|of| {
            [trail.api_token_leaked(*of, &token, leak), trail.api_token_deleted(*of, &token, Why::Leaked)]
        });
        self.record(&transaction, events).await?;
        commit(transaction).await?;
        Ok(true)
    }
}
