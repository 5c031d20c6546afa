//! Rows of codes.

use chrono::TimeDelta;
use kit::{
    ambient::Instant,
    audit::{self, Event},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QuerySelect, Select,
    sea_query::{CaseStatement, Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    Store, commit,
    entity::{
        code::{ActiveModel, Column, Entity},
        membership,
    },
    keys, portal_tokens, portals,
};
use crate::{
    domain::{
        code::{Code, LIFE, MOST_OF_PORTAL, MOST_OF_REQUESTER, MOST_WRONG_SECRETS, NewCode, State},
        notices,
        tag::Tag,
        token::NewPortalToken,
    },
    error::Error,
};

/// What a code that was decided on becomes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    pub(crate) code: Uuid,
    pub(crate) approve: bool,
    pub(crate) user: Uuid,
    pub(crate) at: Instant,
}

impl Store {
    /// Stores a code unless too many of the portal wait, or the portal is unknown or revoked.
    pub(crate) async fn create_code(&self, code: NewCode, event: Event) -> Result<(), Error> {
        // Read first: who is refused anyhow keeps nobody waiting for the portal.
        judge(portals::known(self.database.read(), code.organization, code.portal).await?)?;
        count(self.database.read(), &code).await?;
        let transaction = self.database.begin().await?;
        judge(portals::lock_known(&transaction, code.organization, code.portal).await?)?;
        count(&transaction, &code).await?;
        keys::hold(&transaction, [code.tags.0.key_id.as_str()]).await?;
        Entity::insert(row(code)).exec_without_returning(&transaction).await?;
        audit::record(&transaction, &self.ambient, event).await?;
        commit(transaction).await
    }

    /// The code that carries one of `tags`. One read of a unique index.
    pub(crate) async fn find_code(&self, tags: &[Tag]) -> Result<Option<Code>, DbErr> {
        let tags = tags.iter().map(|tag| tag.bytes.clone());
        let row = Entity::find().filter(Column::CodeTag.is_in(tags)).one(self.database.read()).await?;
        row.map(Code::try_from).transpose()
    }

    /// Writes a user's decision. Answers whether it was the first one, in time.
    pub(crate) async fn decide_code(&self, decision: Decision, event: Event) -> Result<bool, Error> {
        let Decision { code, approve, user, at } = decision;
        let state = if approve { State::Approved } else { State::Denied };
        let transaction = self.database.begin().await?;
        let done = Entity::update_many()
            .col_expr(Column::State, Expr::value(state.word()))
            .col_expr(Column::DecidedAt, Expr::value(at))
            .col_expr(Column::UserUuid, Expr::value(user))
            .filter(Column::Uuid.eq(code))
            .filter(Column::State.eq(State::Pending.word()))
            .filter(Column::ExpiresAt.gt(at))
            .exec(&transaction)
            .await?;
        if done.rows_affected == 0 {
            return Ok(false);
        }
        audit::record(&transaction, &self.ambient, event).await?;
        commit(transaction).await?;
        Ok(true)
    }

    /// Writes that a wrong secret came with a code; with the fifth it is burnt, and `burnt` written to the
    /// audit. Counted in one statement, so that none goes uncounted.
    pub(crate) async fn count_wrong_secret(&self, code: Uuid, burnt: Event) -> Result<(), Error> {
        let more = || Expr::col(Column::WrongSecrets).add(1);
        let state = CaseStatement::new()
            .case(more().gte(MOST_WRONG_SECRETS), State::Burnt.word())
            .finally(Expr::col(Column::State));
        let transaction = self.database.begin().await?;
        let counted = Entity::update_many()
            .col_expr(Column::State, state.into())
            .col_expr(Column::WrongSecrets, more())
            .filter(Column::Uuid.eq(code))
            .filter(Column::State.is_in([State::Pending, State::Approved, State::Denied].map(State::word)))
            .exec(&transaction)
            .await?;
        // Nobody changes it now, and nobody counts on once it is burnt.
        let row = Entity::find_by_id(code).one(&transaction).await?;
        if counted.rows_affected > 0 && row.is_some_and(|row| row.state == State::Burnt.word()) {
            audit::record(&transaction, &self.ambient, burnt).await?;
        }
        commit(transaction).await
    }

    /// Writes that the requester tried, unless that was written less than `rest` ago. Answers whether it was written.
    pub(crate) async fn poll_code(&self, code: Uuid, at: Instant, rest: TimeDelta) -> Result<bool, Error> {
        let transaction = self.database.begin().await?;
        let rested = Condition::any().add(Column::PolledAt.is_null()).add(Column::PolledAt.lte(at - rest));
        let done = Entity::update_many()
            .col_expr(Column::PolledAt, Expr::value(at))
            .filter(Column::Uuid.eq(code))
            .filter(rested)
            .exec(&transaction)
            .await?;
        commit(transaction).await?;
        Ok(done.rows_affected > 0)
    }

    /// Stores the token of an approved code. Answers whether the code still was to be had, its portal open, and its user a
    /// member of the portal's organization.
    pub(crate) async fn exchange_code(&self, code: Uuid, token: NewPortalToken, event: Event) -> Result<bool, Error> {
        let transaction = self.database.begin().await?;
        // Locks are taken in the order membership, portal, code, as everyone does who takes two of them.
        if !is_member(&transaction, &token).await?
            || portals::lock_known(&transaction, token.organization, token.portal).await? != Some(false)
            || !take(&transaction, code, token.imprint.created_at).await?
        {
            return Ok(false);
        }
        self.tell(&transaction, notices::token_created(&token, event.actor.as_ref())).await?;
        portal_tokens::insert(&transaction, token).await?;
        audit::record(&transaction, &self.ambient, event).await?;
        commit(transaction).await?;
        Ok(true)
    }
}

/// Whether a portal may have codes: one that is known, and not revoked.
fn judge(revoked: Option<bool>) -> Result<(), Error> {
    match revoked {
        None => Err(Error::NotFound("No portal found")),
        Some(true) => Err(Error::PortalRevoked),
        Some(false) => Ok(()),
    }
}

/// Refuses the code if as many as may be wait already, of its requester or of its portal.
async fn count(connection: &impl ConnectionTrait, code: &NewCode) -> Result<(), Error> {
    let ours = waiting(code.portal, code.created_at);
    let of_requester = match &code.requester_network {
        Some(network) => Column::RequesterNetwork.eq(network.clone()),
        None => Column::RequesterNetwork.is_null(),
    };
    let theirs = ours.clone().filter(of_requester).count(connection).await?;
    if theirs >= MOST_OF_REQUESTER || ours.count(connection).await? >= MOST_OF_PORTAL {
        return Err(Error::TooManyCodes);
    }
    Ok(())
}

fn waiting(portal: Uuid, now: Instant) -> Select<Entity> {
    Entity::find()
        .filter(Column::PortalUuid.eq(portal))
        .filter(Column::State.eq(State::Pending.word()))
        .filter(Column::ExpiresAt.gt(now))
}

/// Whether whom the token acts as is a member of its organization; if so, that stays so until `transaction` ends.
async fn is_member(transaction: &DatabaseTransaction, token: &NewPortalToken) -> Result<bool, DbErr> {
    let place = membership::Entity::find_by_id((token.created_by.uuid, token.organization));
    Ok(place.lock_shared().one(transaction).await?.is_some())
}

/// Takes the code for the one token that is made of it.
async fn take(transaction: &DatabaseTransaction, code: Uuid, at: Instant) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Exchanged.word()))
        .filter(Column::Uuid.eq(code))
        .filter(Column::State.eq(State::Approved.word()))
        .filter(Column::ExpiresAt.gt(at))
        .exec(transaction)
        .await?;
    Ok(done.rows_affected > 0)
}

/// Ends the portal's codes that a token could still come of, in the transaction that revokes; answers how many.
pub(super) async fn kill_of_portal(transaction: &DatabaseTransaction, portal: Uuid) -> Result<u64, DbErr> {
    kill(transaction, Condition::all().add(Column::PortalUuid.eq(portal))).await
}

/// Ends the codes that the user approved, in all organizations or in one, in the transaction that removes; answers how many.
/// To be called after the user or the membership is gone (as `Store::exchange_code` locks the membership first).
pub(super) async fn kill_of_user(
    transaction: &DatabaseTransaction,
    user: Uuid,
    organization: Option<Uuid>,
) -> Result<u64, DbErr> {
    let theirs = Condition::all().add(Column::UserUuid.eq(user));
    kill(transaction, theirs.add_option(organization.map(|uuid| Column::OrganizationUuid.eq(uuid)))).await
}

async fn kill(transaction: &DatabaseTransaction, which: Condition) -> Result<u64, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Burnt.word()))
        .filter(which)
        .filter(Column::State.is_in([State::Pending.word(), State::Approved.word()]))
        .exec(transaction)
        .await?;
    Ok(done.rows_affected)
}

fn row(code: NewCode) -> ActiveModel {
    let (code_tag, secret_tag) = code.tags;
    ActiveModel {
        uuid: Set(code.uuid),
        code_tag: Set(code_tag.bytes),
        secret_tag: Set(secret_tag.bytes),
        key_id: Set(code_tag.key_id),
        organization_uuid: Set(code.organization),
        portal_uuid: Set(code.portal),
        state: Set(State::Pending.word().to_owned()),
        wrong_secrets: Set(0),
        requester_ip: Set(code.requester_ip),
        requester_network: Set(code.requester_network),
        requester_agent: Set(code.requester_agent),
        created_at: Set(code.created_at),
        expires_at: Set(code.created_at + LIFE),
        polled_at: Set(None),
        decided_at: Set(None),
        user_uuid: Set(None),
    }
}
