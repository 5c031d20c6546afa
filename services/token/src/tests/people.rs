//! People of a test, and the clients by which they are changed.

use contracts::{
    directory::v1::{
        ApiToken, CreateApiTokenRequest, CreateUserRequest, SetMembershipRequest,
        directory_service_client::DirectoryServiceClient, operator_service_client::OperatorServiceClient,
    },
    token::v1::{Role, User},
};
use kit::{
    credential::Kind,
    grpc::{Layered, Peer},
};
use uuid::Uuid;

use super::world::{Audited, ORGANIZATION, PORTAL, World, at, from_service, random_token};
use crate::{
    Limits,
    domain::{scope::Scope, tag::Class},
};

/// An organization that nobody of the first start belongs to.
pub(super) const ELSEWHERE: Uuid = Uuid::from_u128(0x0e);

/// No rate of REST requests.
pub(super) fn unlimited() -> Limits {
    Limits { rest_per_minute: 0, rest_user_per_minute: 0, ..Limits::default() }
}

pub(super) fn directory(world: &World) -> DirectoryServiceClient<Peer> {
    DirectoryServiceClient::new(Peer::local(Layered::new(world.service.routes())))
}

pub(super) fn operator(world: &World) -> OperatorServiceClient<Peer> {
    OperatorServiceClient::new(Peer::local(Layered::new(world.service.routes())))
}

/// A new user without a password.
pub(super) async fn user(world: &World, email: &str) -> User {
    let name = email.split('@').next().unwrap().to_owned();
    let request = CreateUserRequest { email: email.into(), name, password: None };
    operator(world).create_user(from_service(request, None)).await.unwrap().into_inner().user.unwrap()
}

/// A user becomes a member, or gets another role.
pub(super) async fn join(world: &World, user: &User, organization: Uuid, role: Role) {
    let request = SetMembershipRequest {
        email: user.email.clone(),
        organization_uuid: organization.to_string(),
        role: role.into(),
    };
    operator(world).set_membership(from_service(request, None)).await.unwrap();
}

/// A new user in [`ORGANIZATION`].
pub(super) async fn member(world: &World, email: &str, role: Role) -> User {
    let user = user(world, email).await;
    join(world, &user, ORGANIZATION, role).await;
    user
}

pub(super) fn wanted(email: &str) -> CreateApiTokenRequest {
    CreateApiTokenRequest {
        email: email.into(),
        organization_uuids: Vec::new(),
        scopes: Scope::all().into_iter().map(|scope| scope.name().to_owned()).collect(),
        description: "CI".into(),
        expires_at: None,
        never_expires: true,
        allowed_ip_addresses: None,
    }
}

/// A new token, and its value.
pub(super) async fn make(world: &World, wanted: CreateApiTokenRequest) -> (ApiToken, String) {
    let made = operator(world).create_api_token(from_service(wanted, None)).await.unwrap().into_inner();
    (made.api_token.unwrap(), made.value)
}

/// A token of every scope for everything that the user reaches.
pub(super) async fn token(world: &World, user: &User) -> String {
    make(world, wanted(&user.email)).await.1
}

/// A new user of that role in [`ORGANIZATION`], and their token.
pub(super) async fn member_with_token(world: &World, email: &str, role: Role) -> (User, String) {
    let user = member(world, email, role).await;
    let token = token(world, &user).await;
    (user, token)
}

/// The user of the first start.
pub(super) async fn first(world: &World) -> Uuid {
    world.rows("SELECT uuid FROM users WHERE email = 'ada@example.com'").await[0].try_get("", "uuid").unwrap()
}

/// A portal token that acts as the user on a portal of `organization`, made behind the service's back.
pub(super) async fn user_token(world: &World, user: &User, organization: Uuid) -> Uuid {
    let plain = random_token(Kind::Portal);
    let tag = world.service.0.tagger.tag(Class::Portal, &plain);
    let (uuid, portal) = (world.service.0.ambient.uuid(), portal_of(organization));
    world
        .tamper(
            "INSERT INTO known_portals (portal_uuid, organization_uuid) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            vec![portal.into(), organization.into()],
        )
        .await;
    let person = Uuid::parse_str(&user.uuid).unwrap();
    world
        .tamper(
            "INSERT INTO portal_tokens (uuid, tag, key_id, last_four, description, created_at, organization_uuid, \
             portal_uuid, kind, created_by_uuid, created_by_name, created_by_email, created_by_created_at, user_uuid) \
             VALUES ($1, $2, $3, 'abcd', '', $4, $5, $6, 'user', $7, '', '', $4, $7)",
            vec![
                uuid.into(),
                tag.bytes.into(),
                tag.key_id.into(),
                at(0).into(),
                organization.into(),
                portal.into(),
                person.into(),
            ],
        )
        .await;
    uuid
}

/// A code that the user approved, made behind the service's back.
pub(super) async fn approved_code(world: &World, user: &User, organization: Uuid) -> Uuid {
    let uuid = world.service.0.ambient.uuid();
    let person = Uuid::parse_str(&user.uuid).unwrap();
    let tags = [Uuid::max(), uuid].map(|half| half.as_bytes().repeat(2));
    world
        .tamper(
            "INSERT INTO codes (uuid, code_tag, secret_tag, key_id, organization_uuid, portal_uuid, state, \
             wrong_secrets, created_at, expires_at, user_uuid) VALUES ($1, $2, $3, 'k1', $4, $5, 'approved', 0, $6, $7, $8)",
            vec![
                uuid.into(),
                tags[1].clone().into(),
                tags[0].clone().into(),
                organization.into(),
                portal_of(organization).into(),
                at(0).into(),
                at(300).into(),
                person.into(),
            ],
        )
        .await;
    uuid
}

fn portal_of(organization: Uuid) -> Uuid {
    if organization == ORGANIZATION { PORTAL } else { Uuid::from_u128(organization.as_u128() << 64) }
}

/// Which of these portal tokens still live.
pub(super) async fn live(world: &World, tokens: &[Uuid]) -> Vec<bool> {
    let rows = world.rows("SELECT uuid FROM portal_tokens WHERE revoked_at IS NULL").await;
    let left: Vec<Uuid> = rows.iter().map(|row| row.try_get("", "uuid").unwrap()).collect();
    tokens.iter().map(|token| left.contains(token)).collect()
}

/// What verifiers are told: subjects and kinds, in order.
pub(super) async fn told(world: &World) -> Vec<(Uuid, String)> {
    let rows = world.rows("SELECT subject_uuid, kinds FROM revocations ORDER BY sequence").await;
    rows.iter().map(|row| (row.try_get("", "subject_uuid").unwrap(), row.try_get("", "kinds").unwrap())).collect()
}

/// The kinds of what the audit says, sorted, without those of the first start.
pub(super) async fn audited(world: &World) -> Vec<String> {
    let mut kinds: Vec<_> = world.audit().await.into_iter().map(|row| row.kind).collect();
    for kind in ["USER_CREATED", "ORGANIZATION_MEMBER_CREATED", "API_ACCESS_TOKEN_CREATED"] {
        kinds.remove(kinds.iter().position(|other| other == kind).unwrap());
    }
    kinds.sort_unstable();
    kinds
}

/// The only row of that kind about that subject.
pub(super) async fn audit_of(world: &World, kind: &str, subject: &str) -> Audited {
    let about = |row: &Audited| row.kind == kind && row.subject.to_string() == subject;
    let mut rows: Vec<_> = world.audit().await.into_iter().filter(about).collect();
    assert_eq!(rows.len(), 1, "{kind}: {rows:?}");
    rows.remove(0)
}

/// How many rows of a table there are.
pub(super) async fn count(world: &World, table: &str) -> usize {
    world.rows(&format!("SELECT 1 AS one FROM {table}")).await.len()
}

/// Runs requests at once, and answers their outcomes in order.
pub(super) async fn all_at_once<T>(requests: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut requests: Vec<_> = requests.into_iter().map(Box::pin).collect();
    let mut outcomes: Vec<Option<T>> = requests.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (request, outcome) in requests.iter_mut().zip(&mut outcomes).filter(|(_, outcome)| outcome.is_none()) {
            if let std::task::Poll::Ready(done) = request.as_mut().poll(context) {
                *outcome = Some(done);
            }
        }
        if outcomes.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    outcomes.into_iter().flatten().collect()
}
