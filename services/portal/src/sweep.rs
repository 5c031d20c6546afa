//! What a change leaves to be done at the token service: tried at once, while the caller waits for the acknowledgement, and
//! finished here when that fails.

use std::{fmt::Debug, time::Duration};

use chrono::TimeDelta;
use kit::{boot::Tasks, grpc::Caller};
use sea_orm::DbErr;

use crate::{
    catalog,
    domain::{id::PortalId, portal::Author},
    error::Error,
    service::{Parts, Service},
    store::{Intention, Unrevoked},
};

/// How often it is looked for what is left to be done.
const SWEEP: Duration = Duration::from_secs(30);
/// How soon it is tried again after a failure. The pause doubles with each, up to that between two looks.
const RETRY: Duration = Duration::from_secs(1);
/// After how long a portal that was about to be written won't come any more: far longer than writing may take.
const OVERDUE: TimeDelta = TimeDelta::minutes(5);
/// How long an acknowledgement may take after its commit.
const AFTERWARDS: Duration = Duration::from_secs(3);
/// The same where it waits until nobody accepts what was revoked, which may take a lease.
const AFTERWARDS_WAITING: Duration = Duration::from_secs(8);
/// How long a change may take in all, from its beginning to the acknowledgement: the gateway gives up after 10 s, and after a
/// commit it must not (spec §2).
const IN_ALL: Duration = Duration::from_millis(8_500);

impl Service {
    /// Finishes what is half done, until the stop.
    pub(crate) fn sweep(&self, tasks: &Tasks) {
        let (Self(parts), stop) = (self.clone(), tasks.stopping());
        tasks.spawn(async move {
            stop.run_until_cancelled(parts.sweep_again_and_again()).await;
        });
    }
}

impl Parts {
    async fn sweep_again_and_again(&self) {
        let mut pause = SWEEP;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.unfinished.notified() => tokio::time::sleep(RETRY).await,
            }
            pause = match self.finish_revocations().await {
                Ok(()) => SWEEP,
                Err(error) => {
                    tracing::warn!(%error, "half-done revocations can't be finished");
                    if pause < SWEEP { (pause * 2).min(SWEEP) } else { RETRY }
                }
            };
        }
    }

    /// Does what a commit leaves to be done about `portal`, for as long as the acknowledgement may take of a change that began
    /// at `began` (since boot). After a commit nothing may fail, so whatever isn't done then is left to the sweep.
    ///
    /// `wait`: nobody accepts anything of what was closed when this returns.
    pub(crate) async fn afterwards(
        &self,
        portal: PortalId,
        began: Duration,
        wait: bool,
        work: impl Future<Output = Result<(), Error>>,
    ) {
        let spent = self.ambient.since_boot().saturating_sub(began);
        let patience = if wait { AFTERWARDS_WAITING } else { AFTERWARDS }.min(IN_ALL.saturating_sub(spent));
        // Tokens that live open nothing once every node has seen that the portal is closed.
        let seen = tokio::time::sleep(catalog::LIFE);
        let reason = match tokio::time::timeout(patience, work).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::warn!(portal = %portal.0, reason, "the credentials of a portal wait for revocation");
        self.unfinished.notify_one();
        if wait {
            seen.await;
        }
    }

    /// Revokes the user tokens of a portal that users may no longer run.
    pub(crate) async fn revoke_users(
        &self,
        caller: &Caller,
        unrevoked: Unrevoked,
        by: Option<&Author>,
    ) -> Result<(), Error> {
        self.verifier.revoke_user_tokens(caller, unrevoked.organization, unrevoked.portal, by).await?;
        Ok(self.store.mark_users_revoked(unrevoked).await?)
    }

    /// Revokes the token of a portal that won't be written, unless it has been.
    pub(crate) async fn give_up(
        &self,
        caller: &Caller,
        intention: Intention,
        by: Option<&Author>,
    ) -> Result<(), Error> {
        let Intention { organization, portal } = intention;
        // First of all it must not be written any more: whoever writes it may only have been slow.
        if self.store.abandon(portal).await? {
            self.verifier.revoke_portal(caller, organization, portal, by).await?;
            self.store.forget_intention(portal).await?;
        }
        Ok(())
    }

    /// Revokes the credentials of portals that were closed, or closed to users, when the token service couldn't be asked, and
    /// of those that were never written. The first failure, after everything has been tried.
    pub(crate) async fn finish_revocations(&self) -> Result<(), Error> {
        let (closed, users) = (self.finish::<Closed>().await, self.finish::<ClosedToUsers>().await);
        closed.and(users).and(self.finish::<Intention>().await)
    }

    /// Finishes everything of a kind. A failure hinders nothing else: it is logged, and the first is the answer in the end.
    async fn finish<T: HalfDone>(&self) -> Result<(), Error> {
        let (mut last, mut outcome) = (None, Ok(()));
        loop {
            let page = T::list(self, last).await?;
            if page.is_empty() {
                return outcome;
            }
            for half_done in page {
                last = Some(half_done);
                if let Err(error) = half_done.finish(self).await {
                    tracing::warn!(?half_done, %error, "a half-done revocation can't be finished");
                    outcome = outcome.and(Err(error));
                }
            }
        }
    }
}

/// A revocation that isn't known to be done.
#[async_trait::async_trait]
trait HalfDone: Copy + Debug + Send + Sync {
    /// Some of them, the oldest `after` that one; nothing where there are no more.
    async fn list(parts: &Parts, after: Option<Self>) -> Result<Vec<Self>, DbErr>;

    /// Does it and remembers that it is done.
    async fn finish(self, parts: &Parts) -> Result<(), Error>;
}

/// A closed portal's.
#[derive(Clone, Copy, Debug)]
struct Closed(Unrevoked);

#[async_trait::async_trait]
impl HalfDone for Closed {
    async fn list(parts: &Parts, after: Option<Self>) -> Result<Vec<Self>, DbErr> {
        Ok(parts.store.list_unrevoked(after.map(|Self(last)| last)).await?.into_iter().map(Self).collect())
    }

    async fn finish(self, parts: &Parts) -> Result<(), Error> {
        let Self(Unrevoked { organization, portal, .. }) = self;
        parts.verifier.revoke_portal(&Caller::default(), organization, portal, None).await?;
        Ok(parts.store.mark_revoked(portal).await?)
    }
}

/// That of the user tokens of a portal that was closed to users.
#[derive(Clone, Copy, Debug)]
struct ClosedToUsers(Unrevoked);

#[async_trait::async_trait]
impl HalfDone for ClosedToUsers {
    async fn list(parts: &Parts, after: Option<Self>) -> Result<Vec<Self>, DbErr> {
        Ok(parts.store.list_users_unrevoked(after.map(|Self(last)| last)).await?.into_iter().map(Self).collect())
    }

    async fn finish(self, parts: &Parts) -> Result<(), Error> {
        parts.revoke_users(&Caller::default(), self.0, None).await
    }
}

/// That of a portal that was never written.
#[async_trait::async_trait]
impl HalfDone for Intention {
    async fn list(parts: &Parts, after: Option<Self>) -> Result<Vec<Self>, DbErr> {
        parts.store.list_intentions(parts.ambient.now() - OVERDUE, after).await
    }

    async fn finish(self, parts: &Parts) -> Result<(), Error> {
        parts.give_up(&Caller::default(), self, None).await
    }
}
