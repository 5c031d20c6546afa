//! Codes by which a signed-in user is asked to let a portal run as them (spec §6): made, shown, decided on, exchanged.
//!
//! The order is that of every credential: cheap checks → look-up → comparison in constant time → state → only then write.

mod polls;

use chrono::{SubsecRound, TimeDelta};
use kit::{
    ambient::Instant,
    audit::{self, Event},
    credential::{Kind, Plain},
    grpc::Caller,
};
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

pub(crate) use polls::Polls;

use crate::{
    Error, Service,
    authenticate::in_time,
    domain::{
        code::{self, Code, NewCode, Standing, State},
        session::Session,
        tag::Class,
        token::{NewPortalToken, PortalKind},
        token_trail::{self, CodeEvent},
    },
    failures::{Failure, network},
    session::kept_agent,
    store::Decision,
};

/// What the figures of codes that are asked for are about.
const SCOPE: &str = "codes";
const MISSING: Error = Error::NotFound(
    "There is no such request, or it has ended. A request ends after five minutes: please ask again where you came from",
);

/// A new code, its secret, and when both end.
pub(crate) struct MadeCode {
    pub(crate) code: String,
    pub(crate) secret: Plain,
    pub(crate) expires_at: Instant,
}

/// A try to exchange a code.
pub(crate) struct Attempt {
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) code: String,
    pub(crate) secret: Zeroizing<String>,
    /// How long the token shall live.
    pub(crate) life: TimeDelta,
}

impl Service {
    /// Makes a code for a portal of the organization.
    pub(crate) async fn create_code(
        &self,
        caller: &Caller,
        organization: Uuid,
        portal: Uuid,
    ) -> Result<MadeCode, Error> {
        let (ambient, now) = (&self.0.ambient, self.0.ambient.now());
        if let Some(over) = self.0.limiter.count_code(caller.client_ip.map(network), now).await {
            return Err(Error::TooFast(over, SCOPE));
        }
        let code = code::write(&ambient.bytes());
        let secret = Plain::token(&self.0.letters, Kind::CodeSecret, &Zeroizing::new(ambient.bytes()));
        let new = NewCode {
            uuid: ambient.uuid(),
            tags: self.0.tagger.tag_code(&code, &secret),
            organization,
            portal,
            requester_ip: caller.client_ip.map(|ip| ip.to_string()),
            requester_network: caller.client_ip.map(|ip| network(ip).to_string()),
            requester_agent: kept_agent(caller),
            created_at: now,
        };
        let kind = "PORTAL_TOKEN_CODE_CREATED";
        let event = CodeEvent { kind, organization, portal, code: new.uuid, user: None };
        self.0.store.create_code(new, event.with(audit::context(caller, None))).await?;
        Ok(MadeCode { code, secret, expires_at: now + code::LIFE })
    }

    /// What a code asks the session's user for. A stranger's code isn't there; neither is one that ended.
    pub(crate) async fn code_for(&self, session: &Session, text: &str) -> Result<Code, Error> {
        let code = self.find_code(text).await?.ok_or(MISSING)?;
        if !session.belongs_to(code.organization) || code.has_expired(self.0.ambient.now()) {
            return Err(MISSING);
        }
        match code.state {
            State::Pending => Ok(code),
            State::Burnt => Err(MISSING),
            State::Approved | State::Denied | State::Exchanged => Err(Error::CodeDecided),
        }
    }

    /// Writes the session's user's decision on a code.
    pub(crate) async fn decide_code(
        &self,
        caller: &Caller,
        session: &Session,
        text: &str,
        approve: bool,
    ) -> Result<(), Error> {
        let Code { uuid, organization, portal, .. } = self.code_for(session, text).await?;
        let kind = if approve { "PORTAL_TOKEN_CODE_AUTHORIZED" } else { "PORTAL_TOKEN_CODE_DENIED" };
        let event = CodeEvent { kind, organization, portal, code: uuid, user: Some(&session.user) };
        let event = event.with(audit::context(caller, Some(session.uuid)));
        let decision = Decision { code: uuid, approve, user: session.user.uuid, at: self.0.ambient.now() };
        if self.0.store.decide_code(decision, event).await? { Ok(()) } else { Err(Error::CodeDecided) }
    }

    /// Makes a user token of an approved code, once. Answers it and when it ends.
    pub(crate) async fn exchange_code(&self, caller: &Caller, attempt: Attempt) -> Result<(Plain, Instant), Error> {
        let client = attempt.portal.to_string();
        self.0.failures.codes.check(&client, caller.client_ip, self.0.ambient.now()).await?;
        let (portal, ip) = (attempt.portal, caller.client_ip);
        let refused = match self.try_exchange(caller, attempt).await {
            Err(refused @ Error::InvalidGrant) => refused,
            result => return result,
        };
        tracing::info!(request_id = caller.request_id(), "code refused");
        let now = self.0.ambient.now();
        let told = self.0.failures.codes.count(&client, ip, now, refused).await;
        if matches!(told, Error::InvalidGrant) {
            let vouched = caller.is_service && !portal.is_nil();
            self.0.tally.note(Failure { client: portal, ip, vouched }, now);
        }
        Err(told)
    }

    async fn try_exchange(&self, caller: &Caller, attempt: Attempt) -> Result<(Plain, Instant), Error> {
        let code = self.find_code(&attempt.code).await?.ok_or(Error::InvalidGrant)?;
        if code.portal != attempt.portal || code.organization != attempt.organization {
            return Err(Error::InvalidGrant);
        }
        let now = self.0.ambient.now();
        if !self.is_secret(&code, &attempt.secret) {
            if code.can_burn(now) {
                self.0.store.count_wrong_secret(code.uuid, burnt(caller, &code)).await?;
            }
            return Err(Error::InvalidGrant);
        }
        match code.standing(now) {
            Standing::Ended => Err(Error::InvalidGrant),
            Standing::Expired => Err(Error::ExpiredToken),
            Standing::Denied => Err(Error::AccessDenied),
            Standing::Waiting => Err(self.poll(&code, now).await?),
            Standing::Approved(user) => self.redeem(caller, &code, user, attempt.life).await,
        }
    }

    async fn find_code(&self, text: &str) -> Result<Option<Code>, Error> {
        if !code::is_code(text) {
            return Ok(None);
        }
        let tags = self.0.tagger.code_candidates(text);
        Ok(in_time(self.0.store.find_code(&tags)).await?.filter(|code| code.is_of(&tags)))
    }

    fn is_secret(&self, code: &Code, text: &str) -> bool {
        let plain = Plain::parse(text).ok().filter(|plain| plain.kind() == Kind::CodeSecret);
        plain.is_some_and(|plain| code.has_secret(&self.0.tagger.candidates(Class::CodeSecret, &plain)))
    }

    /// What a requester is told while nobody has decided. Whoever asks at the same time as another is too fast.
    async fn poll(&self, code: &Code, now: Instant) -> Result<Error, Error> {
        let slow_down = Error::SlowDown(code::INTERVAL_SECONDS);
        if !code.is_poll_due(now) || !self.0.polls.begin(code.uuid, now) {
            return Ok(slow_down);
        }
        let has_rested = code.has_rested(now);
        let rest = if has_rested { code::interval() } else { code::POLLED_EVERY };
        let written = self.0.store.poll_code(code.uuid, now, rest).await?;
        Ok(if written && has_rested { Error::AuthorizationPending } else { slow_down })
    }

    async fn redeem(
        &self,
        caller: &Caller,
        code: &Code,
        user: Uuid,
        life: TimeDelta,
    ) -> Result<(Plain, Instant), Error> {
        let user = in_time(self.0.store.find_user(user)).await?.ok_or(Error::InvalidGrant)?;
        let (plain, imprint) = self.new_portal_token();
        let expires_at = (imprint.created_at + life).trunc_subsecs(0);
        let token = NewPortalToken {
            imprint,
            organization: code.organization,
            portal: code.portal,
            kind: PortalKind::User,
            user: Some(user.uuid),
            created_by: user,
            expires_at: Some(expires_at),
            secret: None,
            allowed_ip_addresses: None,
        };
        let event = token_trail::token_created(&token, audit::context(caller, Some(code.uuid)));
        let made = self.0.store.exchange_code(code.uuid, token, event).await?;
        if made { Ok((plain, expires_at)) } else { Err(Error::InvalidGrant) }
    }
}

/// That too many wrong secrets came with a code. Nobody decided, so nobody is named.
fn burnt(caller: &Caller, Code { uuid, organization, portal, .. }: &Code) -> Event {
    let kind = "PORTAL_TOKEN_CODE_DENIED";
    let event = CodeEvent { kind, organization: *organization, portal: *portal, code: *uuid, user: None };
    let data = json!({ "portal_uuid": portal, "reason": "wrong_secrets" });
    Event { data, ..event.with(audit::context(caller, None)) }
}
