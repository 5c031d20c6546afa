//! Who belongs to an organization. Another service owns that: [`Directory`] is how it is asked.

use std::fmt::Debug;

use kit::ambient::Instant;
use uuid::Uuid;

use super::viewer::User;

/// What somebody is in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May change everything in it.
    Admin,
    /// A regular member.
    Member,
}

/// A user in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: User,
    /// As what.
    pub role: Role,
    /// Since when.
    pub since: Instant,
}

/// How members are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberOrder {
    /// By name, whatever its case, then by id.
    Name,
    /// Those who came last first, then by id, descending.
    #[default]
    RecentlyJoined,
}

/// A place in a list of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a list by name: the name and the user's id.
    Named(String, Uuid),
    /// In a list by time: since when, to the microsecond, and the user's id.
    Joined(Instant, Uuid),
}

/// A question about an organization's members. What is absent narrows nothing.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// The organization.
    pub organization: Uuid,
    /// Only these users, at most 1 000.
    pub users: Option<Vec<Uuid>>,
    /// Not these users, at most 1 000.
    pub except: Vec<Uuid>,
    /// Only those who are one of these.
    pub roles: Option<Vec<Role>>,
    /// Only those whose name contains this, whatever the case.
    pub search: Option<String>,
    /// Only the one with this address.
    pub email: Option<String>,
    /// The order.
    pub order: MemberOrder,
    /// Only those behind this place, which is of the same order.
    pub after: Option<Place>,
    /// Only those before this place.
    pub before: Option<Place>,
    /// Whether to begin at the list's end; the answer then comes in the opposite order.
    pub backwards: bool,
    /// The most members to give; 0: none are asked for.
    pub limit: u64,
    /// Whether to count all that there are between no places.
    pub count: bool,
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The members, in the order asked for.
    pub members: Vec<Member>,
    /// How many there are; 0 unless asked for.
    pub count: u64,
}

/// The directory can't be asked now. Whoever asks it logs why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// Knows who belongs to an organization.
#[async_trait::async_trait]
pub trait Directory: Debug + Send + Sync + 'static {
    /// The members that a question is about.
    async fn members(&self, question: Members) -> Result<Found, Unavailable>;
}

/// The directory of those who need none: nobody belongs anywhere.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

#[async_trait::async_trait]
impl Directory for Nobody {
    async fn members(&self, _: Members) -> Result<Found, Unavailable> {
        Ok(Found::default())
    }
}

/// The id of a membership, made of its organization's and its user's (a `UUIDv8`): the directory has none of its own.
pub(crate) fn id(organization: Uuid, user: Uuid) -> Uuid {
    dress(organization.as_u128() ^ user.as_u128(), 8)
}

/// The user whose membership of `organization` has that id, if it is one of that organization.
pub(crate) fn user_of(organization: Uuid, id: Uuid) -> Uuid {
    // Ids of users are `UUIDv7`, so that what `id` writes over is known.
    dress(organization.as_u128() ^ id.as_u128(), 7)
}

fn dress(bits: u128, version: u128) -> Uuid {
    let (version_at, variant_at) = (76, 62);
    let bits = bits & !(0xf << version_at) | (version << version_at);
    Uuid::from_u128(bits & !(0b11 << variant_at) | (0b10 << variant_at))
}

#[cfg(test)]
mod tests {
    use kit::ambient::Ambient;

    use super::*;

    #[test]
    fn the_id_of_a_membership_leads_back_to_its_user() {
        let [organization, user, other] = [0; 3].map(|_| Ambient::system().uuid());
        let id = id(organization, user);
        assert_eq!((id.get_version_num(), user_of(organization, id)), (8, user));
        assert_ne!(user_of(other, id), user);
        assert_eq!(Uuid::try_parse(&id.to_string()), Ok(id));
    }
}
