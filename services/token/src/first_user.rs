//! The first user of a new installation.

use kit::credential::Plain;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    Error, Service,
    domain::{
        api_token::{NewApiToken, Terms},
        email::Email,
        scope::Scope,
        tag::Class,
        token::Imprint,
        trail::Trail,
        user::User,
    },
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
        let password_hash = self.0.slow_hash.hash(first.password.clone(), self.0.ambient.bytes()).await?;
        self.store_first_user(first, password_hash).await
    }

    /// The same where the password's hash is known.
    pub(crate) async fn store_first_user(&self, first: FirstUser, password_hash: String) -> Result<(), Error> {
        let FirstUser { organization_uuid: organization, name, email, password: _, api_token } = first;
        let ambient = &self.0.ambient;
        // People are found by the normal form.
        let email = Email::parse(&email).map_or(email, String::from);
        let user = User { uuid: ambient.uuid(), name, email, created_at: ambient.now() };
        let token = NewApiToken {
            imprint: self.api_token_imprint(&api_token),
            terms: everything("Made at the first start of this installation"),
            organizations: None,
        };
        let administrator = Administrator { user, password_hash, organization, token };
        self.0.store.create_first_user(administrator, &Trail::system()).await
    }

    /// What is kept of a new API access token.
    pub(crate) fn api_token_imprint(&self, plain: &Plain) -> Imprint {
        let tag = self.0.tagger.tag(Class::Api, plain);
        Imprint::new(self.0.ambient.uuid(), plain, tag, self.0.ambient.now())
    }
}

/// Every scope, from anywhere, for ever.
fn everything(description: &str) -> Terms {
    let mut scopes = Scope::all();
    scopes.sort_unstable_by_key(|scope| scope.name());
    Terms { scopes, description: description.to_owned(), expires_at: None, allowed_ip_addresses: None }
}
