//! What exchanges of secrets leave behind: tokens, many in one transaction, and rows of the audit about the failed ones.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kit::{
    ambient::Instant,
    audit::{self, Event},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};
use uuid::Uuid;

use super::{
    Store, commit,
    entity::{known_portal, portal_secret},
    keys, portal_tokens, secrets,
};
use crate::{
    domain::{
        secret::{Gate, Refused, Secret},
        token::NewPortalToken,
    },
    error::Error,
};

/// How often a secret's last use is written at most, in seconds.
const USE_SECONDS: i64 = 60;

/// The most portals that are looked up in one statement.
const MOST_LOOKED_UP: usize = 500;

/// A token to be made of a secret that was verified.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) secret: Uuid,
    /// Its organization and portal are as the secret's row said.
    pub(crate) token: NewPortalToken,
    pub(crate) client_ip: Option<String>,
    /// A gate under the key in use, where the row's isn't.
    pub(crate) gate: Option<Gate>,
    /// A hash with the parameters of now, where the row's is weaker.
    pub(crate) hash: Option<String>,
    pub(crate) event: Event,
}

/// What to do about a portal whose lock somebody else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    Skip,
    Wait,
}

impl Store {
    /// Makes the tokens in one transaction and says of each, in order, whether it was made: not if its secret was removed or
    /// expired or its portal was revoked meanwhile, which is read again under the portals' locks. `None`: somebody else has
    /// its portal's lock, and it doesn't wait.
    pub(crate) async fn create_exchanged(
        &self,
        exchanges: Vec<Exchange>,
        locked: Locked,
    ) -> Result<Vec<Option<Result<(), Refused>>>, Error> {
        let now = self.ambient.now();
        let transaction = self.database.begin().await?;
        let (portals, secrets) = live_secrets(&transaction, &exchanges, locked).await?;
        let judge = |exchange: &Exchange| {
            let is_free = locked == Locked::Wait || portals.contains(&exchange.token.portal);
            is_free.then(|| judge(exchange, &secrets, now))
        };
        let judged: Vec<_> = exchanges.iter().map(judge).collect();
        let good: Vec<_> =
            exchanges.into_iter().zip(&judged).filter(|(_, judged)| matches!(judged, Some(Ok(())))).collect();
        let good: Vec<_> = good.into_iter().map(|(exchange, _)| exchange).collect();
        if good.is_empty() {
            return Ok(judged);
        }
        keys::hold(&transaction, good.iter().filter_map(|exchange| Some(exchange.gate.as_ref()?.key_id.as_str())))
            .await?;
        for (uuid, change) in changes(&good, &secrets, now)? {
            let row = portal_secret::Entity::update_many().set(change);
            row.filter(portal_secret::Column::Uuid.eq(uuid)).exec(&transaction).await?;
        }
        let events = good.iter().map(|exchange| exchange.event.clone()).collect();
        audit::record_all(&transaction, &self.ambient, events).await?;
        portal_tokens::insert_all(&transaction, good.into_iter().map(|exchange| exchange.token).collect()).await?;
        commit(transaction).await?;
        Ok(judged)
    }

    /// Writes rows about clients that failed, for those that are known portals; `event` tells of one in an organization.
    pub(crate) async fn record_failures<T: Send + Sync>(
        &self,
        failed: &[(Uuid, T)],
        event: impl Fn(Uuid, Uuid, &T) -> Event + Send + Sync,
    ) -> Result<(), DbErr> {
        use known_portal::{Column, Entity};
        let clients: BTreeSet<_> = failed.iter().map(|(client, _)| *client).collect();
        let clients: Vec<_> = clients.into_iter().collect();
        let mut organizations = HashMap::new();
        for clients in clients.chunks(MOST_LOOKED_UP) {
            let known = Entity::find().filter(Column::PortalUuid.is_in(clients.iter().copied()));
            let known = known.all(self.database.read()).await?;
            organizations.extend(known.into_iter().map(|portal| (portal.portal_uuid, portal.organization_uuid)));
        }
        let tell = |(client, failure): &(Uuid, T)| Some(event(*organizations.get(client)?, *client, failure));
        let events: Vec<_> = failed.iter().filter_map(tell).collect();
        if events.is_empty() {
            return Ok(());
        }
        let transaction = self.database.begin().await?;
        audit::record_all(&transaction, &self.ambient, events).await?;
        transaction.commit().await
    }
}

/// The portals that were locked and the secrets of those that aren't revoked. The portals are locked against revocation and removal of secrets until the
/// transaction ends, but not against other exchanges; in one order, so that nobody waits in a circle.
async fn live_secrets(
    transaction: &DatabaseTransaction,
    exchanges: &[Exchange],
    locked: Locked,
) -> Result<(BTreeSet<Uuid>, HashMap<Uuid, Secret>), DbErr> {
    let portals: BTreeSet<_> = exchanges.iter().map(|exchange| exchange.token.portal).collect();
    let known = known_portal::Entity::find()
        .filter(known_portal::Column::PortalUuid.is_in(portals))
        .order_by_asc(known_portal::Column::PortalUuid);
    let known = match locked {
        Locked::Wait => known.lock_shared(),
        Locked::Skip => known.lock_with_behavior(LockType::Share, LockBehavior::SkipLocked),
    };
    let known = known.all(transaction).await?;
    let portals = known.iter().map(|portal| portal.portal_uuid).collect();
    let live: BTreeSet<_> =
        known.into_iter().filter(|portal| portal.revoked_at.is_none()).map(|portal| portal.portal_uuid).collect();
    let uuids: BTreeSet<_> = exchanges.iter().map(|exchange| exchange.secret).collect();
    let rows = portal_secret::Entity::find()
        .filter(portal_secret::Column::Uuid.is_in(uuids))
        .filter(portal_secret::Column::PortalUuid.is_in(live))
        .all(transaction)
        .await?;
    let secrets = rows.into_iter().map(|row| Ok((row.uuid, Secret::try_from(row)?))).collect::<Result<_, DbErr>>()?;
    Ok((portals, secrets))
}

fn judge(exchange: &Exchange, secrets: &HashMap<Uuid, Secret>, now: Instant) -> Result<(), Refused> {
    let secret = secrets.get(&exchange.secret).ok_or(Refused::Removed)?;
    if (secret.organization, secret.portal) != (exchange.token.organization, exchange.token.portal) {
        return Err(Refused::OtherPortal);
    }
    if secret.has_expired(now) { Err(Refused::Expired) } else { Ok(()) }
}

/// What is to be changed in the rows of the secrets, in the order of their UUIDs: nobody waits in a circle.
fn changes(
    exchanges: &[Exchange],
    secrets: &HashMap<Uuid, Secret>,
    now: Instant,
) -> Result<BTreeMap<Uuid, portal_secret::ActiveModel>, DbErr> {
    let mut changes: BTreeMap<_, portal_secret::ActiveModel> = BTreeMap::new();
    for exchange in exchanges {
        let written = secrets.get(&exchange.secret).and_then(|secret| secret.last_used_at);
        let is_due = written.is_none_or(|at| (now - at).num_seconds().abs() >= USE_SECONDS);
        if is_due || exchange.gate.is_some() || exchange.hash.is_some() {
            let change = changes.entry(exchange.secret).or_default();
            change.last_used_at = Set(Some(now));
            change.last_used_ip = Set(exchange.client_ip.clone());
            if let Some(gate) = &exchange.gate {
                change.gate = Set(secrets::column(gate.bits)?);
                change.key_id = Set(gate.key_id.clone());
            }
            if let Some(hash) = &exchange.hash {
                change.hash = Set(hash.clone());
            }
        }
    }
    Ok(changes)
}
