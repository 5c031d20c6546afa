//! Rows of portal secrets.

use kit::{
    ambient::Instant,
    audit::{self, Event},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult, IdenStatic,
    Iterable, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, RelationTrait,
    sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType},
};
use uuid::Uuid;

use super::{
    Store, commit, endings,
    entity::{
        known_portal,
        portal_secret::{ActiveModel, Column, Entity, Model, Relation},
        portal_token,
    },
    keys, portals, revocations,
};
use crate::{
    domain::{
        leak::Leak,
        notices,
        page::Page,
        secret::{Found, MOST_SECRETS, Secret, stand_in},
        trail::Trail,
    },
    error::Error,
};

/// Which secret is to be removed, and when that is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecretRemoval {
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) secret: Uuid,
    /// Whether its tokens run out by themselves.
    pub(crate) keep_tokens: bool,
    pub(crate) at: Instant,
}

/// What a removal ended.
#[derive(Debug)]
pub(crate) struct SecretRemoved {
    pub(crate) tokens: usize,
    /// The place of the revocation in the sequence; `None` if there was none.
    pub(crate) sequence: Option<u64>,
}

/// Beside the columns of a secret.
const PORTAL_REVOKED_AT: &str = "portal_revoked_at";

impl Store {
    /// The secret of that selector and what is known of its portal. One statement, which answers one row for every selector,
    /// so that it takes the same for all: reading a row would tell that there is one (spec §5).
    pub(crate) async fn find_secret(&self, selector: &str) -> Result<Option<Found>, DbErr> {
        let row = self.database.read().query_one(&found_or_stand_in(selector)?).await?;
        let Some(row) = row else { return Ok(None) };
        let portal_revoked = row.try_get::<Option<Instant>>("", PORTAL_REVOKED_AT)?.is_some();
        let secret = Secret::try_from(Model::from_query_result(&row, "")?)?;
        Ok(Some(Found { secret, portal_revoked }).filter(|found| !found.secret.uuid.is_nil()))
    }

    /// A page of the portal's secrets, oldest first, and how many there are on all pages.
    pub(crate) async fn list_secrets(&self, portal: Uuid, page: Page) -> Result<(Vec<Secret>, u64), DbErr> {
        let all = Entity::find().filter(Column::PortalUuid.eq(portal));
        let total = all.clone().count(self.database.read()).await?;
        let all = all.order_by_asc(Column::CreatedAt).order_by_asc(Column::Uuid);
        let rows = all.limit(page.limit()).offset(page.offset()).all(self.database.read()).await?;
        let secrets = rows.into_iter().map(Secret::try_from).collect::<Result<_, _>>()?;
        Ok((secrets, total))
    }

    /// Whether the portal has room for a secret. It may be gone when the secret comes.
    pub(crate) async fn has_room_for_secret(&self, portal: Uuid) -> Result<bool, DbErr> {
        let taken = Entity::find().filter(Column::PortalUuid.eq(portal)).count(self.database.read()).await?;
        Ok(taken < u64::from(MOST_SECRETS))
    }

    /// Stores a secret unless the portal has two or is revoked.
    pub(crate) async fn create_secret(&self, secret: Secret, event: Event) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        if portals::lock(&transaction, secret.organization, secret.portal).await? {
            return Err(Error::PortalRevoked);
        }
        let slot = free_slot(&transaction, secret.portal).await?.ok_or(Error::TooManySecrets)?;
        keys::hold(&transaction, [secret.gate.key_id.as_str()]).await?;
        self.tell(&transaction, [notices::secret_created(&secret, event.actor.as_ref())]).await?;
        Entity::insert(row(secret, slot)?).exec_without_returning(&transaction).await?;
        audit::record(&transaction, &self.ambient, event).await?;
        commit(transaction).await
    }

    /// Removes a secret, and revokes the live tokens that were made of it unless they are kept. Many tokens take many
    /// transactions; the last one removes the secret. `leak` says that it goes because it was found in public.
    pub(crate) async fn delete_secret(
        &self,
        removal: SecretRemoval,
        leak: Option<&Leak>,
        trail: &Trail,
    ) -> Result<SecretRemoved, Error> {
        let (own, mut done) = (tokens_of(removal.secret), SecretRemoved { tokens: 0, sequence: None });
        loop {
            let transaction = self.database.begin().await?;
            portals::lock(&transaction, removal.organization, removal.portal).await?;
            let secret = find(&transaction, &removal).await?;
            let mut is_last = true;
            if !removal.keep_tokens {
                let batch = endings::end_batch(&transaction, own.clone(), removal.at).await?;
                self.record_ends(&transaction, &batch.tokens, trail).await?;
                done.tokens += batch.tokens.len();
                is_last = batch.is_last;
            }
            // With the last tokens: who removes it again after a break finds it, and ends what is left.
            if is_last {
                Entity::delete_by_id(secret.uuid).exec(&transaction).await?;
                let leaked = leak.map(|leak| trail.secret_leaked(&secret, leak));
                let events = leaked.into_iter().chain([trail.secret_deleted(&secret, removal.keep_tokens)]);
                self.record(&transaction, events).await?;
                self.tell(&transaction, [trail.tell_secret_deleted(&secret)]).await?;
            }
            if !removal.keep_tokens {
                done.sequence = Some(revocations::announce(&transaction, secret.uuid, &[], removal.at).await?);
            }
            commit(transaction).await?;
            if is_last {
                return Ok(done);
            }
        }
    }
}

/// The row of the secret with the end of its portal, or a row of nil and as long texts where there is none.
fn found_or_stand_in(selector: &str) -> Result<SelectStatement, DbErr> {
    let of_selector = || Entity::find().filter(Column::Selector.eq(selector));
    let mut found = of_selector()
        .join(JoinType::InnerJoin, Relation::Portal.def())
        .expr_as(Expr::col((known_portal::Entity, known_portal::Column::RevokedAt)), PORTAL_REVOKED_AT)
        .into_query();
    let is_there = of_selector().select_only().expr(Expr::val(1)).into_query();
    let stand_in = row(stand_in(), 0)?;
    let mut values = Query::select();
    for column in Column::iter() {
        let value = stand_in.get(column).into_value().ok_or_else(|| DbErr::AttrNotSet(column.as_str().to_owned()))?;
        values.expr(Expr::val(value));
    }
    values.expr(Expr::val(None::<Instant>)).and_where(Expr::exists(is_there).not());
    Ok(found.union(UnionType::All, values).to_owned())
}

/// Removes the secrets of the locked portal, and answers them.
pub(super) async fn remove_all(transaction: &DatabaseTransaction, portal: Uuid) -> Result<Vec<Secret>, DbErr> {
    let rows = Entity::find().filter(Column::PortalUuid.eq(portal)).all(transaction).await?;
    Entity::delete_many().filter(Column::PortalUuid.eq(portal)).exec(transaction).await?;
    rows.into_iter().map(Secret::try_from).collect()
}

async fn find(transaction: &DatabaseTransaction, removal: &SecretRemoval) -> Result<Secret, Error> {
    let own = Column::PortalUuid.eq(removal.portal).and(Column::OrganizationUuid.eq(removal.organization));
    let row = Entity::find_by_id(removal.secret).filter(own).one(transaction).await?;
    Ok(Secret::try_from(row.ok_or(Error::NotFound("No secret found"))?)?)
}

async fn free_slot(transaction: &DatabaseTransaction, portal: Uuid) -> Result<Option<i32>, DbErr> {
    let slots = Entity::find().select_only().column(Column::Slot).filter(Column::PortalUuid.eq(portal));
    let taken: Vec<i32> = slots.into_tuple().all(transaction).await?;
    Ok((0..i32::try_from(MOST_SECRETS).unwrap_or(0)).find(|slot| !taken.contains(slot)))
}

fn tokens_of(secret: Uuid) -> Condition {
    Condition::all().add(portal_token::Column::SecretUuid.eq(secret))
}

fn row(secret: Secret, slot: i32) -> Result<ActiveModel, DbErr> {
    Ok(ActiveModel {
        uuid: Set(secret.uuid),
        organization_uuid: Set(secret.organization),
        portal_uuid: Set(secret.portal),
        slot: Set(slot),
        selector: Set(secret.selector),
        hash: Set(secret.hash),
        gate: Set(column(secret.gate.bits)?),
        key_id: Set(secret.gate.key_id),
        last_four: Set(secret.last_four),
        description: Set(secret.description),
        created_at: Set(secret.created_at),
        expires_at: Set(secret.expires_at),
        last_used_at: Set(secret.last_used_at),
        last_used_ip: Set(secret.last_used_ip),
        created_by_uuid: Set(secret.created_by.uuid),
        created_by_name: Set(secret.created_by.name),
        created_by_email: Set(secret.created_by.email),
        created_by_created_at: Set(secret.created_by.created_at),
    })
}

/// A gate's bits as the column has them.
pub(super) fn column(bits: u32) -> Result<i32, DbErr> {
    i32::try_from(bits).map_err(|_wide| DbErr::Custom("a gate has more than 20 bits".to_owned()))
}
