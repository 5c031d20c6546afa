//! The first user of a new installation.

use kit::{
    audit::{Event, Subject},
    credential::Plain,
};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    Error, Service,
    domain::{password, scope::Scope, tag::Class, token::Imprint, user::User},
    store::Administrator,
};

/// An administrator to be made, with the credentials that the caller chose and keeps.
pub struct FirstUser {
    /// The organization that the user administers and the token reaches.
    pub organization_uuid: Uuid,
    /// The name shown to others.
    pub name: String,
    /// The e-mail address, which signs in.
    pub email: String,
    /// The console's password.
    pub password: Zeroizing<String>,
    /// An API access token, made from fresh random bytes. It gets every scope and doesn't expire.
    pub api_token: Plain,
}

impl Service {
    /// Whether there is any user.
    pub async fn has_users(&self) -> Result<bool, Error> {
        Ok(self.0.store.has_users().await?)
    }

    /// Makes the first user; does nothing if there is one. All or nothing, in one transaction.
    pub async fn create_first_user(&self, first: FirstUser) -> Result<(), Error> {
        let FirstUser { organization_uuid: organization, name, email, password, api_token } = first;
        let (ambient, salt) = (&self.0.ambient, self.0.ambient.bytes());
        let password_hash = spawn_blocking(move || password::hash(&password, salt)).await?;
        let user = User { uuid: ambient.uuid(), name, email, created_at: ambient.now() };
        let tag = self.0.tagger.tag(Class::Api, &api_token);
        let token = Imprint::new(ambient.uuid(), &api_token, tag, user.created_at)
            .described("Made at the first start of this installation".to_owned());
        let event = created(organization, &user, &token);
        let administrator = Administrator { user, password_hash, organization, token };
        Ok(self.0.store.create_first_user(administrator, event).await?)
    }
}

fn created(organization: Uuid, user: &User, token: &Imprint) -> Event {
    let scopes: Vec<_> = Scope::all().into_iter().map(Scope::name).collect();
    Event {
        kind: "API_ACCESS_TOKEN_CREATED",
        organization,
        actor: None,
        subject: Subject { kind: "api_access_token", uuid: token.uuid, name: token.description.clone() },
        context: Value::Null,
        data: json!({ "user_uuid": user.uuid, "last_four": token.last_four, "scopes": scopes }),
    }
}
