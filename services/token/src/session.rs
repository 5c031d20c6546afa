//! Signing in, and who is signed in.

use kit::{
    audit::Origin,
    credential::{Kind, Plain},
    error::chain,
    grpc::Caller,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    Error, Service,
    authenticate::{in_time, presented, refused},
    domain::{
        email::Email,
        session::{NewSession, Session, StoredSession},
        tag::Class,
        token::{ApiToken, Refused},
        trail::Trail,
        user::User,
    },
    store::PasswordHash,
};

/// The longest password that is looked at, in bytes: none that is longer can have been set.
const MOST_PASSWORD: usize = 1024;
/// How much of a `User-Agent` is kept, in characters.
const MOST_AGENT: usize = 512;

impl Service {
    /// Begins a session. An unknown address and a wrong password can't be told apart, by time neither.
    pub(crate) async fn sign_in(
        &self,
        caller: &Caller,
        email: &str,
        password: Zeroizing<String>,
    ) -> Result<(Plain, User), Error> {
        let client = email.trim().to_lowercase();
        let (failures, now) = (&self.0.failures.sign_ins, || self.0.ambient.now());
        let reserved = failures.reserve(&client, caller.client_ip, now()).await?;
        let tried = self.try_sign_in(caller, email, password).await;
        if !matches!(tried, Ok(None)) {
            failures.give_back(reserved, now());
        }
        tried?.ok_or_else(|| {
            tracing::info!(request_id = caller.request_id(), "sign-in refused");
            Error::InvalidCredentials
        })
    }

    async fn try_sign_in(
        &self,
        caller: &Caller,
        email: &str,
        password: Zeroizing<String>,
    ) -> Result<Option<(Plain, User)>, Error> {
        let Some(email) = Email::parse(email).filter(|_| password.len() <= MOST_PASSWORD) else { return Ok(None) };
        let Some((user, hash)) = self.user_of_password(&email, password).await? else { return Ok(None) };
        let (plain, session) = self.new_session(caller, &user);
        let event = trail(caller, &user, None).signed_in(&user, session.uuid);
        Ok(self.0.store.create_session(session, hash, event).await?.then_some((plain, user)))
    }

    /// Ends a session that `caller` presented.
    pub(crate) async fn sign_out(&self, caller: &Caller, Session { uuid, user, .. }: Session) -> Result<(), Error> {
        self.0.store.delete_session(uuid, trail(caller, &user, Some(uuid)).signed_out(&user, uuid)).await
    }

    /// The user of that address if the password is theirs, with the hash to be stored if the present one is outdated.
    async fn user_of_password(
        &self,
        email: &Email,
        password: Zeroizing<String>,
    ) -> Result<Option<(User, PasswordHash)>, Error> {
        let found = in_time(self.0.store.find_password(email)).await?;
        // What is no hash matches nothing, as slowly.
        let checked = found.as_ref().map_or("", |(_, hash)| hash).to_owned();
        let slow_hash = &self.0.sign_in_hash;
        let verified = slow_hash.verify(password.clone(), checked.clone()).await?;
        let Some((user, _)) = found.filter(|_| verified.matches) else { return Ok(None) };
        // Raised when there is time for it: else the next sign-in raises it.
        let raised = if verified.outdated { slow_hash.hash(password, self.0.ambient.bytes()).await.ok() } else { None };
        Ok(Some((user, PasswordHash { checked, raised })))
    }

    fn new_session(&self, caller: &Caller, user: &User) -> (Plain, NewSession) {
        let ambient = &self.0.ambient;
        let plain = Plain::token(&self.0.letters, Kind::Session, &Zeroizing::new(ambient.bytes()));
        let session = NewSession {
            uuid: ambient.uuid(),
            tag: self.0.tagger.tag(Class::Session, &plain),
            user: user.uuid,
            created_at: ambient.now(),
            client_ip: caller.client_ip.map(|ip| ip.to_string()),
            client_agent: kept_agent(caller),
        };
        (plain, session)
    }

    /// The session that `caller` presents, if it counts, and where its user belongs now.
    pub(crate) async fn session(&self, caller: &Caller) -> Result<Session, Error> {
        let refused = |why| refused(caller, Kind::Session, why);
        let plain = presented(caller, Kind::Session).map_err(refused)?;
        let tags = self.0.tagger.candidates(Class::Session, &plain);
        let found = in_time(self.0.store.find_session(&tags)).await?.ok_or_else(|| refused(Refused::Unknown))?;
        found.judge(&tags, self.0.ambient.now()).map_err(refused)?;
        self.note_key(Class::Session, found.uuid, &found.tag, &tags);
        self.see(&found).await;
        let memberships = in_time(self.0.store.memberships_of_user(found.user.uuid)).await?;
        let StoredSession { uuid, tag, user, last_seen_at: _ } = found;
        Ok(Session { uuid, plain, tag, user, memberships })
    }

    /// The session that `caller` presents where an API access token is asked for: it may do what its user may, in every
    /// scope, in the organizations that admit the caller's address. One that doesn't count is refused like such a token.
    pub(crate) async fn session_as_token(&self, caller: &Caller) -> Result<ApiToken, Error> {
        let session = self.session(caller).await.map_err(|error| match error {
            Error::NoSession => Error::NoApiToken,
            other => other,
        })?;
        self.reaching(session.into_token(), caller).await
    }

    /// The same for a form that carried `csrf_token`, which must be this session's.
    pub(crate) async fn session_of_form(&self, caller: &Caller, csrf_token: &str) -> Result<Session, Error> {
        let session = self.session(caller).await?;
        if self.csrf().accepts(&session.plain, csrf_token) { Ok(session) } else { Err(Error::InvalidCsrfToken) }
    }

    async fn see(&self, session: &StoredSession) {
        let now = self.0.ambient.now();
        if !session.is_due(now) {
            return;
        }
        // A database that can be read only still serves who is signed in.
        if let Err(error) = self.0.store.touch_session(session.uuid, now).await {
            tracing::warn!(error = chain(&error), "the use of a session can't be written");
        }
    }
}

/// What the audit says of a session that its user begins or ends.
fn trail(caller: &Caller, user: &User, session: Option<Uuid>) -> Trail {
    let context = Origin::of(caller, session).known_as("WEB").context();
    Trail { actor: Some(user.clone().into()), context }
}

/// The client's `User-Agent`, as much of it as is kept.
pub(crate) fn kept_agent(caller: &Caller) -> Option<String> {
    caller.agent().map(|agent| agent.chars().take(MOST_AGENT).collect())
}
