//! Who belongs to an organization, as the built-in API asks the token service.

use std::time::Duration;

use contracts::{
    directory::v1::{
        ListMembershipsRequest, ListedMember, MembershipOrder, MembershipPlace, UserSet,
        operator_service_client::OperatorServiceClient,
    },
    token::v1::Role,
};
use kit::grpc::{Caller, Peer, ServiceKey, to_instant, to_timestamp};
use pipelines::{Found, Member, MemberOrder, Members, Place, Unavailable, User};
use uuid::Uuid;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The token service's directory.
#[derive(Clone)]
pub(crate) struct Directory {
    client: OperatorServiceClient<Peer>,
    key: ServiceKey,
}

impl Directory {
    /// `key`: what parts of this installation know each other by.
    pub(crate) fn new(token: Peer, key: ServiceKey) -> Self {
        Self { client: OperatorServiceClient::new(token), key }
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Directory")
    }
}

#[async_trait::async_trait]
impl pipelines::Directory for Directory {
    async fn members(&self, question: Members) -> Result<Found, Unavailable> {
        let mut request = Caller::default().onward(wire(question), &self.key);
        request.set_timeout(PATIENCE);
        let answer = tokio::time::timeout(PATIENCE, self.client.clone().list_memberships(request)).await;
        let reply = match answer {
            Ok(Ok(reply)) => reply.into_inner(),
            Ok(Err(status)) => {
                tracing::warn!(code = ?status.code(), detail = status.message(), "members can't be looked up");
                return Err(Unavailable);
            }
            Err(_elapsed) => {
                tracing::warn!("members can't be looked up in time");
                return Err(Unavailable);
            }
        };
        let members: Option<Vec<_>> = reply.members.into_iter().map(member).collect();
        Ok(Found { members: members.ok_or(Unavailable)?, count: reply.total.into() })
    }
}

fn wire(question: Members) -> ListMembershipsRequest {
    let set = |users: Vec<Uuid>| UserSet { uuids: users.iter().map(Uuid::to_string).collect() };
    let role = |role: pipelines::Role| match role {
        pipelines::Role::Admin => Role::Admin.into(),
        pipelines::Role::Member => Role::Member.into(),
    };
    ListMembershipsRequest {
        organization_uuid: question.organization.to_string(),
        users: question.users.map(set),
        except: (!question.except.is_empty()).then(|| set(question.except)),
        roles: question.roles.unwrap_or_default().into_iter().map(role).collect(),
        search: question.search,
        email: question.email,
        order: match question.order {
            MemberOrder::Name => MembershipOrder::Name.into(),
            MemberOrder::RecentlyJoined => MembershipOrder::RecentlyJoined.into(),
        },
        after: question.after.map(place),
        before: question.before.map(place),
        backwards: question.backwards,
        limit: u32::try_from(question.limit).unwrap_or(u32::MAX),
        count: question.count,
    }
}

fn place(place: Place) -> MembershipPlace {
    match place {
        Place::Named(name, user) => MembershipPlace { user_uuid: user.to_string(), name, joined_at: None },
        Place::Joined(at, user) => {
            MembershipPlace { user_uuid: user.to_string(), name: String::new(), joined_at: Some(to_timestamp(at)) }
        }
    }
}

/// `None`: the answer isn't what it should be.
fn member(listed: ListedMember) -> Option<Member> {
    let ListedMember { member, joined_at } = listed;
    let member = member?;
    let role = match member.role() {
        Role::Admin => pipelines::Role::Admin,
        Role::Member | Role::Unspecified => pipelines::Role::Member,
    };
    let user = member.user?;
    let user = User { uuid: Uuid::parse_str(&user.uuid).ok()?, name: user.name, email: user.email };
    Some(Member { user, role, since: to_instant(&joined_at?)? })
}
