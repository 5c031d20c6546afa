//! Rows of portal tokens.

use kit::{
    ambient::Instant,
    audit::{self, Event},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult, JoinType,
    PaginatorTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::{
    Store, codes, commit,
    endings::{self, Batch},
    entity::{
        known_portal,
        portal_token::{ActiveModel, Column, Entity, Model},
    },
    keys, portals, revocations, secrets,
};
use crate::{
    domain::{
        notices,
        tag::Tag,
        token::{NewPortalToken, PortalKind, PortalToken, may_issue},
        trail::Trail,
    },
    error::Error,
};

/// What is to be revoked, and when that is.
#[derive(Clone, Debug)]
pub(crate) struct Revocation {
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    /// Which tokens there are now. Empty: every credential, for good.
    pub(crate) kinds: Vec<PortalKind>,
    pub(crate) at: Instant,
}

/// A row and the head of the sequence at the instant of its reading.
#[derive(FromQueryResult)]
struct Found {
    #[sea_orm(nested)]
    token: Model,
    head: Option<i64>,
}

impl Store {
    /// The token that carries one of `tags`, unless its portal is closed, and the head of the sequence of revocations at that
    /// instant: one statement, so that the row shows every event up to it. Reads two unique indexes and one row more.
    pub(crate) async fn find_portal_token(&self, tags: &[Tag]) -> Result<Option<PortalToken>, DbErr> {
        let tags = tags.iter().map(|tag| tag.bytes.clone());
        let portal = Entity::belongs_to(known_portal::Entity);
        let portal = portal.from(Column::PortalUuid).to(known_portal::Column::PortalUuid).into();
        let found = Entity::find()
            .expr_as(revocations::head_subquery(), "head")
            .join(JoinType::InnerJoin, portal)
            .filter(known_portal::Column::RevokedAt.is_null())
            .filter(Column::Tag.is_in(tags))
            .into_model::<Found>()
            .one(self.database.read())
            .await?;
        found.map(|found| revocations::at_head(found.token.try_into()?, found.head)).transpose()
    }

    /// Stores a service token unless the portal has too many or is revoked.
    pub(crate) async fn create_service_token(&self, token: NewPortalToken, event: Event) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let revoked = portals::lock(&transaction, token.organization, token.portal).await?;
        let live = live_service_tokens(&transaction, token.portal, token.imprint.created_at).await?;
        may_issue(revoked, live)?;
        self.tell(&transaction, notices::token_created(&token, event.actor.as_ref())).await?;
        insert(&transaction, token).await?;
        audit::record(&transaction, &self.ambient, event).await?;
        commit(transaction).await
    }

    /// Revokes credentials of the portal. Answers how many live tokens that were and the place of the event in the sequence.
    ///
    /// Many tokens take many transactions. For good: the first one closes the portal, and nothing of it counts from then on.
    /// What is broken off goes on with the next call.
    pub(crate) async fn revoke_portal(&self, revocation: Revocation, trail: &Trail) -> Result<(u64, u64), Error> {
        let for_good = revocation.kinds.is_empty();
        let closed = if for_good { Some(self.close_portal(&revocation, trail).await?) } else { None };
        let Revocation { organization, portal, kinds, at } = revocation;
        let mut ended = 0;
        loop {
            let transaction = self.database.begin().await?;
            portals::lock(&transaction, organization, portal).await?;
            let Batch { tokens, is_last } = endings::end_batch(&transaction, of_kinds(portal, &kinds), at).await?;
            if kinds.contains(&PortalKind::User) {
                // After the tokens, as `user_tokens` does it: else the two could wait for each other.
                codes::kill_of_portal(&transaction, portal).await?;
            }
            self.record_ends(&transaction, &tokens, trail).await?;
            let sequence = match closed {
                Some(sequence) => sequence,
                None => revocations::announce(&transaction, portal, &kinds, at).await?,
            };
            commit(transaction).await?;
            ended += tokens.len() as u64;
            if is_last {
                return Ok((ended, sequence));
            }
        }
    }

    /// Closes the portal for good and removes its secrets: from the commit on none of its tokens is found.
    async fn close_portal(
        &self,
        Revocation { organization, portal, kinds, at }: &Revocation,
        trail: &Trail,
    ) -> Result<u64, Error> {
        let transaction = self.database.begin().await?;
        if !portals::lock(&transaction, *organization, *portal).await? {
            portals::close(&transaction, *portal, *at).await?;
        }
        let secrets = secrets::remove_all(&transaction, *portal).await?;
        codes::kill_of_portal(&transaction, *portal).await?;
        self.record(&transaction, secrets.iter().map(|secret| trail.secret_deleted(secret, false))).await?;
        self.tell(&transaction, secrets.iter().map(|secret| trail.tell_secret_deleted(secret))).await?;
        let sequence = revocations::announce(&transaction, *portal, kinds, *at).await?;
        commit(transaction).await?;
        Ok(sequence)
    }
}

async fn live_service_tokens(transaction: &DatabaseTransaction, portal: Uuid, now: Instant) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::PortalUuid.eq(portal))
        .filter(Column::Kind.eq(PortalKind::Service.word()))
        .filter(Column::RevokedAt.is_null())
        .filter(endings::unexpired(now))
        .count(transaction)
        .await
}

/// The portal's tokens of `kinds`, or of any if there are none.
fn of_kinds(portal: Uuid, kinds: &[PortalKind]) -> Condition {
    let words = (!kinds.is_empty()).then(|| Column::Kind.is_in(kinds.iter().map(|kind| kind.word())));
    Condition::all().add(Column::PortalUuid.eq(portal)).add_option(words)
}

/// Stores a token.
pub(super) async fn insert(transaction: &DatabaseTransaction, token: NewPortalToken) -> Result<(), Error> {
    insert_all(transaction, vec![token]).await
}

/// Stores tokens, at least one and at most some hundreds, in one statement.
pub(super) async fn insert_all(transaction: &DatabaseTransaction, tokens: Vec<NewPortalToken>) -> Result<(), Error> {
    keys::hold(transaction, tokens.iter().map(|token| token.imprint.tag.key_id.as_str())).await?;
    Entity::insert_many(tokens.into_iter().map(row)).exec_without_returning(transaction).await?;
    Ok(())
}

fn row(token: NewPortalToken) -> ActiveModel {
    ActiveModel {
        uuid: Set(token.imprint.uuid),
        tag: Set(token.imprint.tag.bytes),
        key_id: Set(token.imprint.tag.key_id),
        last_four: Set(token.imprint.last_four),
        description: Set(token.imprint.description),
        created_at: Set(token.imprint.created_at),
        expires_at: Set(token.expires_at),
        last_used_at: Set(None),
        last_used_ip: Set(None),
        revoked_at: Set(None),
        organization_uuid: Set(token.organization),
        portal_uuid: Set(token.portal),
        kind: Set(token.kind.word().to_owned()),
        created_by_uuid: Set(token.created_by.uuid),
        created_by_name: Set(token.created_by.name),
        created_by_email: Set(token.created_by.email),
        created_by_created_at: Set(token.created_by.created_at),
        secret_uuid: Set(token.secret),
        user_uuid: Set(token.user),
        allowed_ip_addresses: Set(token.allowed_ip_addresses),
    }
}
