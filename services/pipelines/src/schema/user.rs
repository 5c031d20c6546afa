//! `User`, `UnregisteredUser` and the union of the two.

use async_graphql::{Context, ID, Object, SimpleObject, Union};
use uuid::Uuid;

use super::{
    Nullable,
    build::{self, BuildStates},
    connection::BuildConnection,
};
use crate::domain::{
    self,
    relay::{self, Kind},
    viewer::Person,
};

/// A user
#[derive(Clone, Debug)]
pub(crate) struct User {
    uuid: Uuid,
    name: String,
    email: String,
}

impl From<domain::viewer::User> for User {
    fn from(user: domain::viewer::User) -> Self {
        Self { uuid: user.uuid, name: user.name, email: user.email }
    }
}

impl User {
    /// The user in a snapshot; `None` when there was nobody, or nobody with an account.
    pub(crate) fn of(person: Option<&Person>) -> Option<Self> {
        let Person { uuid, name, email } = person?;
        Some(Self { uuid: (*uuid)?, name: name.clone(), email: email.clone() })
    }
}

#[Object(serial)]
impl User {
    /// If this user account is an official bot managed by Buildkite
    async fn bot(&self) -> bool {
        false
    }

    /// Returns the builds that this user has created.
    #[expect(clippy::too_many_arguments, reason = "the public schema has them")]
    async fn builds(
        &self,
        ctx: &Context<'_>,
        branch: Option<Vec<String>>,
        first: Option<i32>,
        last: Option<i32>,
        meta_data: Option<Vec<String>>,
        state: Option<Vec<BuildStates>>,
    ) -> Nullable<BuildConnection> {
        Some(build::made_by(ctx, self.uuid, build::Filter { branch, meta_data, state }, (first, last)).await)
    }

    /// The primary email for the user
    async fn email(&self) -> &str {
        &self.email
    }

    /// ID of the object.
    pub(crate) async fn id(&self) -> ID {
        relay::encode(Kind::User, self.uuid).into()
    }

    /// The name of the user
    async fn name(&self) -> &str {
        &self.name
    }

    /// The public UUID of the user
    async fn uuid(&self) -> String {
        self.uuid.to_string()
    }
}

/// A person who hasn’t signed up to Buildkite
#[derive(Clone, Debug, SimpleObject)]
#[graphql(serial)]
pub(crate) struct UnregisteredUser {
    /// The email for the user
    email: Option<String>,
    /// The name of the user
    name: Option<String>,
}

/// Either a `User` or an `UnregisteredUser` type
#[derive(Clone, Debug, Union)]
pub(crate) enum BuildCreator {
    Unregistered(UnregisteredUser),
    User(User),
}

impl BuildCreator {
    /// Whoever a snapshot shows.
    pub(crate) fn of(person: &Person) -> Self {
        match User::of(Some(person)) {
            Some(user) => Self::User(user),
            None => Self::Unregistered(UnregisteredUser {
                email: Some(person.email.clone()),
                name: Some(person.name.clone()),
            }),
        }
    }
}
