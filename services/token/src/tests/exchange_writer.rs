//! Tokens made together.

use futures_of_tests::all;
use kit::{boot::Tasks, credential::Plain};
use sea_orm::ConnectionTrait;
use std::time::Duration;
use uuid::Uuid;

use super::{
    secrets::{Secret, exchange, send_to},
    world::{PORTAL, World, caller, everywhere, everywhere_with, refusal},
};
use crate::{Error, Limits, domain::secret::Refused, store::Exchange};

const OTHER: Uuid = Uuid::from_u128(0x0c);
const UNLIMITED: Limits = Limits {
    rest_per_minute: 0,
    rest_user_per_minute: 0,
    exchanges_per_minute: 0,
    failures_per_minute: 0,
    codes_per_minute: 0,
};

/// Futures run together.
mod futures_of_tests {
    use tokio::task::JoinSet;

    pub(super) async fn all<T: Send + 'static>(
        futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
    ) -> Vec<T> {
        futures.into_iter().collect::<JoinSet<_>>().join_all().await
    }
}

impl World {
    /// What the writer would be given for an exchange of this secret.
    pub(super) async fn to_write(&self, secret: &Secret) -> Exchange {
        let found = self.service.0.store.find_secret(secret.plain.selector().unwrap()).await.unwrap().unwrap();
        self.service.new_exchange(&found.secret, &secret.plain, 15, &caller(None)).1
    }

    async fn ephemeral_tokens(&self) -> usize {
        self.rows("SELECT uuid FROM portal_tokens WHERE kind = 'ephemeral'").await.len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_share_commits() {
    everywhere_with(UNLIMITED, async |world| {
        let secret = world.secret(PORTAL).await;
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        let before = world.service.0.exchanges.commits();
        let requests = (0..128).map(|_| {
            let (service, plain) = (world.service.clone(), secret.plain.clone());
            async move { send_to(&service, "192.0.2.1", exchange(PORTAL, plain.expose())).await.unwrap().token }
        });
        let mut tokens = all(requests).await;
        tokens.sort();
        tokens.dedup();
        assert_eq!((tokens.len(), world.ephemeral_tokens().await), (128, 129));
        let commits = world.service.0.exchanges.commits() - before;
        assert!(commits < 64, "{commits} commits");
        for token in [&tokens[0], &tokens[127]] {
            world.verify(token).await.unwrap();
        }
        assert_eq!(world.audit().await.iter().filter(|row| row.kind == "PORTAL_TOKEN_CREATED").count(), 130);
    })
    .await;
}

#[tokio::test]
async fn one_that_cannot_be_written_does_not_fail_the_others() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let (first, last) = (world.to_write(&secret).await, world.to_write(&secret).await);
        let outcomes = world.service.0.exchanges.write(vec![first.clone(), first, last]).await;
        assert!(matches!(outcomes[..], [Ok(Ok(())), Err(Error::Database(_)), Ok(Ok(()))]), "{outcomes:?}");
        assert_eq!(world.ephemeral_tokens().await, 2);
        assert_eq!(world.audit().await.iter().filter(|row| row.kind == "PORTAL_TOKEN_CREATED").count(), 3);
    })
    .await;
}

#[tokio::test]
async fn what_ended_meanwhile_makes_no_token_and_does_not_fail_the_others() {
    everywhere(async |world| {
        let (removed, good) = (world.secret(PORTAL).await, world.secret(PORTAL).await);
        let together = vec![world.to_write(&removed).await, world.to_write(&good).await];
        world.delete_secret(PORTAL, removed.uuid, false).await.unwrap();
        let outcomes = world.service.0.exchanges.write(together).await;
        assert!(matches!(outcomes[..], [Ok(Err(Refused::Removed)), Ok(Ok(()))]), "{outcomes:?}");
        let late = world.to_write(&good).await;
        world.tamper("UPDATE portal_secrets SET expires_at = $1", vec![super::world::at(1).into()]).await;
        world.clock.pass(1);
        let outcomes = world.service.0.exchanges.write(vec![late.clone()]).await;
        assert!(matches!(outcomes[..], [Ok(Err(Refused::Expired))]), "{outcomes:?}");
        world.tamper("UPDATE portal_secrets SET expires_at = NULL", vec![]).await;
        world.tamper("UPDATE known_portals SET revoked_at = $1", vec![super::world::at(1).into()]).await;
        let outcomes = world.service.0.exchanges.write(vec![late]).await;
        assert!(matches!(outcomes[..], [Ok(Err(Refused::Removed))]), "{outcomes:?}");
        assert_eq!(world.ephemeral_tokens().await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_removal_leaves_no_live_token_whatever_comes_first() {
    everywhere_with(UNLIMITED, async |world| {
        let secret = world.secret(PORTAL).await;
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        let requests = (0..32).map(|_| {
            let (service, plain) = (world.service.clone(), secret.plain.clone());
            async move { send_to(&service, "192.0.2.1", exchange(PORTAL, plain.expose())).await.ok() }
        });
        let (_, removed) = tokio::join!(all(requests), world.delete_secret(PORTAL, secret.uuid, false));
        removed.unwrap();
        let live = "SELECT uuid FROM portal_tokens WHERE kind = 'ephemeral' AND revoked_at IS NULL";
        assert!(world.rows(live).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stop_answers_who_waits_and_later_ones_are_served_until_the_end() {
    everywhere_with(UNLIMITED, async |world| {
        let secret = world.secret(PORTAL).await;
        let tasks = Tasks::default();
        let service = world.opened_among(&tasks).await;
        let send = |plain: &Plain| {
            let (service, plain) = (service.clone(), plain.clone());
            async move { send_to(&service, "192.0.2.1", exchange(PORTAL, plain.expose())).await }
        };
        send(&secret.plain).await.unwrap();
        let requests: Vec<_> = (0..32).map(|_| send(&secret.plain)).collect();
        let (answers, stopped) = tokio::join!(all(requests), tasks.stop(Duration::from_secs(20)));
        assert!(stopped && answers.iter().all(Result::is_ok), "{answers:?}");
        send(&secret.plain).await.unwrap();
        assert_eq!(world.ephemeral_tokens().await, 34);
        assert_eq!(refusal(send(&Plain::secret("bk", [1; 6], &[1; 32])).await).reason, "invalid_client");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_portal_stalls_no_other() {
    everywhere_with(UNLIMITED, async |world| {
        if world.config.database_url.starts_with("sqlite:") {
            return; // One writer: there is no lock of a portal.
        }
        let (busy, other) = (world.secret(PORTAL).await, world.secret(OTHER).await);
        let database = kit::db::Database::open(&world.config.database_url).await.unwrap();
        let holder = database.begin().await.unwrap();
        let sql = format!("SELECT 1 FROM known_portals WHERE portal_uuid = '{PORTAL}' FOR UPDATE");
        holder.execute_unprepared(&sql).await.unwrap();
        let (service, plain) = (world.service.clone(), busy.plain.clone());
        let waiting = all([async move { send_to(&service, "192.0.2.1", exchange(PORTAL, plain.expose())).await }]);
        let others = async {
            for _ in 0..8 {
                world.exchange_secret(OTHER, &other.plain).await.unwrap();
            }
            holder.commit().await.unwrap();
        };
        let (waited, ()) = tokio::join!(waiting, others);
        assert!(waited[0].is_ok(), "{waited:?}");
        assert_eq!(world.ephemeral_tokens().await, 9);
    })
    .await;
}
