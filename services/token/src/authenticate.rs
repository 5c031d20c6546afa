//! From a presented token to what is known of it. The order is fixed (house §2): form → look-up → comparison in constant
//! time → state. Refusals look alike outside; our log tells them apart.

use std::{future::Future, time::Duration};

use kit::{
    audit,
    credential::{Kind, Plain},
    error::chain,
    grpc::Caller,
};
use sea_orm::DbErr;
use serde_json::Value;

use crate::{
    Error, Service,
    domain::{
        api_token::admits,
        tag::Class,
        token::{ApiToken, PortalKind, PortalToken, Refused, judge},
        user::{Membership, User},
    },
};

/// How long a look-up may take: who waits for it gives up then (spec §7).
const PATIENCE: Duration = Duration::from_millis(500);

/// Whom a user token acts as, and where they belong.
pub(crate) type ActsAs = (User, Vec<Membership>);

impl Service {
    /// The portal token that `caller` presents, if it counts; of a user token also whom it acts as, and where they belong. The
    /// token is read first: what is read later is newer than the sequence that it names.
    pub(crate) async fn portal_token(&self, caller: &Caller) -> Result<(PortalToken, Option<ActsAs>), Error> {
        let refused = |why| refused(caller, Kind::Portal, why);
        let plain = presented(caller, Kind::Portal).map_err(refused)?;
        let tags = self.0.tagger.candidates(Class::Portal, &plain);
        let token = in_time(self.0.store.find_portal_token(&tags)).await?.ok_or_else(|| refused(Refused::Unknown))?;
        judge(&token.tag, token.life, &tags, self.0.ambient.now()).map_err(refused)?;
        self.note_key(Class::Portal, token.uuid, &token.tag, &tags);
        if token.kind != PortalKind::User {
            return Ok((token, None));
        }
        let acts_as = in_time(self.acts_as(&token)).await?.ok_or_else(|| refused(Refused::NoMember))?;
        Ok((token, Some(acts_as)))
    }

    async fn acts_as(&self, token: &PortalToken) -> Result<Option<ActsAs>, DbErr> {
        let Some(uuid) = token.user else { return Ok(None) };
        let (user, memberships) =
            tokio::try_join!(self.0.store.find_user(uuid), self.0.store.memberships_of_user(uuid))?;
        let member = memberships.iter().any(|membership| membership.organization == token.organization);
        Ok(user.filter(|_| member).map(|user| (user, memberships)))
    }

    /// The API access token that `caller` presents, if it counts and may be used from where they are; or what their session
    /// stands for.
    pub(crate) async fn api_token(&self, caller: &Caller) -> Result<ApiToken, Error> {
        let refused = |why| refused(caller, Kind::Api, why);
        let plain = match presented(caller, Kind::Api) {
            Err(Refused::OtherKind) if presented(caller, Kind::Session).is_ok() => {
                return self.session_as_token(caller).await;
            }
            presented => presented.map_err(refused)?,
        };
        let tags = self.0.tagger.candidates(Class::Api, &plain);
        let token = in_time(self.0.store.find_api_token(&tags)).await?.ok_or_else(|| refused(Refused::Unknown))?;
        let now = self.0.ambient.now();
        judge(&token.tag, token.life, &tags, now).map_err(refused)?;
        self.note_key(Class::Api, token.uuid, &token.tag, &tags);
        if !admits(token.allowed_ip_addresses.as_deref(), caller.client_ip) {
            tracing::info!(token = %token.uuid, request_id = caller.request_id(), "address refused");
            return Err(Error::IpNotAllowed);
        }
        self.0.uses.note_api_token(token.uuid, caller.client_ip, now);
        self.reaching(token, caller).await
    }

    /// What the token reaches from where the caller is. Not kept, so that a changed list counts with the next request.
    pub(crate) async fn reaching(&self, token: ApiToken, caller: &Caller) -> Result<ApiToken, Error> {
        let lists = in_time(self.0.store.address_lists(&token.memberships)).await?;
        Ok(token.seen_from(&lists, caller.client_ip))
    }

    /// The audit's context of a request that `caller`, a service, passes on. The credential is named if it is an API access
    /// token or a session that counts; that a change is allowed was that service's decision.
    pub(crate) async fn context(&self, caller: &Caller) -> Value {
        let manages = [Kind::Api, Kind::Session].into_iter().any(|kind| presented(caller, kind).is_ok());
        let token = if manages { self.api_token(caller).await.ok() } else { None };
        audit::context(caller, token.map(|token| token.uuid))
    }
}

pub(crate) fn presented(caller: &Caller, kind: Kind) -> Result<Plain, Refused> {
    let plain = Plain::parse(caller.bearer().ok_or(Refused::Missing)?)?;
    if plain.kind() == kind { Ok(plain) } else { Err(Refused::OtherKind) }
}

pub(crate) fn refused(caller: &Caller, wanted: Kind, why: Refused) -> Error {
    tracing::info!(?wanted, %why, request_id = caller.request_id(), "credential refused");
    match wanted {
        Kind::Portal => Error::NoPortalToken,
        Kind::Session => Error::NoSession,
        _ => Error::NoApiToken,
    }
}

pub(crate) async fn in_time<T>(look_up: impl Future<Output = Result<T, DbErr>>) -> Result<T, Error> {
    match tokio::time::timeout(PATIENCE, look_up).await {
        Ok(Ok(found)) => return Ok(found),
        Ok(Err(error)) => tracing::error!(error = chain(&error), "a credential can't be looked up"),
        Err(_elapsed) => tracing::error!("looking a credential up takes too long"),
    }
    Err(Error::VerificationUnavailable)
}

#[cfg(test)]
mod tests {
    use kit::error::Fault;

    use super::*;

    #[tokio::test]
    async fn a_look_up_that_hangs_or_fails_is_given_up() {
        let hung = in_time(std::future::pending::<Result<(), DbErr>>()).await.unwrap_err();
        let failed = in_time(async { Err::<(), _>(DbErr::Custom("gone".into())) }).await.unwrap_err();
        for error in [hung, failed] {
            assert_eq!((error.class(), error.reason()), (kit::error::Code::Unavailable, "verification_unavailable"));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
        }
    }
}
