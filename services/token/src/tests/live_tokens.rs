//! `ListLiveTokens`, `DeleteLiveToken`, `RevokeLiveTokens`.

use contracts::{
    credential::v1::{
        DeleteLiveTokenRequest, ListLiveTokensRequest, ListLiveTokensResponse, PortalToken, RevokeLiveTokensRequest,
    },
    token::v1::{IssueServiceTokenResponse, PortalTokenKind},
};
use kit::{error::Code, grpc::to_timestamp};
use tonic::Status;
use uuid::Uuid;

use super::{
    console::reference,
    world::{PORTAL, World, at, everywhere, from_service, refusal},
};

const OTHER: Uuid = Uuid::from_u128(0x0c);
const SECRET: Uuid = Uuid::from_u128(0x5e);

/// A token as the exchange of a secret makes it.
async fn ephemeral(world: &World, portal: Uuid, ends: i64) -> IssueServiceTokenResponse {
    let issued = world.issued(portal).await;
    let sql = "UPDATE portal_tokens SET kind = 'ephemeral', expires_at = $1, secret_uuid = $2 WHERE uuid = $3";
    let uuid = Uuid::parse_str(&issued.token_uuid).unwrap();
    world.tamper(sql, vec![at(ends).into(), SECRET.into(), uuid.into()]).await;
    issued
}

async fn list(world: &World, page: u32, per_page: u32) -> ListLiveTokensResponse {
    let request = ListLiveTokensRequest { portal: reference(PORTAL), page, per_page };
    let request = from_service(request, Some(world.api_token.expose()));
    world.credentials().list_live_tokens(request).await.unwrap().into_inner()
}

async fn delete(world: &World, token: &str) -> Result<(), Status> {
    let request = DeleteLiveTokenRequest { portal: reference(PORTAL), token_uuid: token.into(), wait: false };
    let request = from_service(request, Some(world.api_token.expose()));
    world.credentials().delete_live_token(request).await.map(|_done| ())
}

async fn revoke_all(world: &World) -> u32 {
    let request = RevokeLiveTokensRequest { portal: reference(PORTAL), wait: false };
    let request = from_service(request, Some(world.api_token.expose()));
    world.credentials().revoke_live_tokens(request).await.unwrap().into_inner().revoked_tokens
}

async fn events(world: &World) -> Vec<(Uuid, String)> {
    let rows = world.rows("SELECT subject_uuid, kinds FROM revocations ORDER BY sequence").await;
    let read =
        |row: &sea_orm::QueryResult| (row.try_get("", "subject_uuid").unwrap(), row.try_get("", "kinds").unwrap());
    rows.iter().map(read).collect()
}

fn uuids(tokens: &[PortalToken]) -> Vec<&str> {
    tokens.iter().map(|token| token.uuid.as_str()).collect()
}

#[tokio::test]
async fn live_tokens_are_listed_newest_first_and_no_others() {
    everywhere(async |world| {
        let user = world.exchange(&world.approved_code().await).await.unwrap();
        let user = world.verify(&user.token).await.unwrap().token_uuid;
        world.clock.pass(1);
        let long = ephemeral(world, PORTAL, 3600).await.token_uuid;
        world.clock.pass(1);
        let short = ephemeral(world, PORTAL, 4).await.token_uuid;
        ephemeral(world, OTHER, 3600).await;
        let page = list(world, 0, 0).await;
        assert_eq!((uuids(&page.live_tokens), page.total), (vec![short.as_str(), &long, &user], 3));
        assert_eq!(page.live_tokens[1].secret_uuid, Some(SECRET.to_string()));
        let kinds: Vec<_> = page.live_tokens.iter().map(PortalToken::kind).collect();
        assert_eq!(kinds, [PortalTokenKind::Ephemeral, PortalTokenKind::Ephemeral, PortalTokenKind::User]);
        assert_eq!(page.live_tokens[0].expires_at, Some(to_timestamp(at(4))));
        assert_eq!(uuids(&list(world, 2, 2).await.live_tokens), [user.as_str()]);
        world.clock.pass(2);
        assert_eq!(uuids(&list(world, 0, 0).await.live_tokens), [long.as_str(), &user]);
        delete(world, &long).await.unwrap();
        assert_eq!(uuids(&list(world, 0, 0).await.live_tokens), [user.as_str()]);
    })
    .await;
}

#[tokio::test]
async fn an_ended_token_is_refused_and_its_end_announced() {
    everywhere(async |world| {
        let (one, other) = (ephemeral(world, PORTAL, 3600).await, ephemeral(world, PORTAL, 3600).await);
        assert_eq!(world.verify(&one.token).await.unwrap().depends_on, [SECRET.to_string()]);
        delete(world, &one.token_uuid).await.unwrap();
        assert_eq!(refusal(world.verify(&one.token).await).reason, "authentication_required");
        world.verify(&other.token).await.unwrap();
        assert_eq!(events(world).await, [(Uuid::parse_str(&one.token_uuid).unwrap(), String::new())]);
        let audit = world.audit().await;
        let row = audit.iter().find(|row| row.kind == "PORTAL_TOKEN_DELETED").unwrap();
        assert_eq!((row.actor.as_deref(), row.subject.to_string()), (Some("Ada"), one.token_uuid.clone()));
        let again = refusal(delete(world, &one.token_uuid).await);
        assert_eq!((again.class, again.message.as_str()), (Code::NotFound, "No live token found"));
    })
    .await;
}

#[tokio::test]
async fn only_live_tokens_of_that_portal_are_ended() {
    everywhere(async |world| {
        let (service, theirs) = (world.issued(PORTAL).await, ephemeral(world, OTHER, 3600).await);
        let expired = ephemeral(world, PORTAL, 0).await;
        for uuid in ["", "x", &service.token_uuid, &theirs.token_uuid, &expired.token_uuid] {
            assert_eq!(refusal(delete(world, uuid).await).message, "No live token found", "{uuid}");
        }
        world.verify(&service.token).await.unwrap();
        world.verify(&theirs.token).await.unwrap();
        assert_eq!(events(world).await, []);
    })
    .await;
}

#[tokio::test]
async fn all_live_tokens_end_at_once_and_service_tokens_stay() {
    everywhere(async |world| {
        let (service, theirs) = (world.issued(PORTAL).await, ephemeral(world, OTHER, 3600).await);
        let user = world.exchange(&world.approved_code().await).await.unwrap().token;
        let live = ephemeral(world, PORTAL, 3600).await;
        ephemeral(world, PORTAL, 0).await;
        assert_eq!(revoke_all(world).await, 2);
        for dead in [&user, &live.token] {
            assert_eq!(refusal(world.verify(dead).await).reason, "authentication_required");
        }
        for alive in [&service.token, &theirs.token] {
            world.verify(alive).await.unwrap();
        }
        assert_eq!(events(world).await, [(PORTAL, "ephemeral user".to_owned())]);
        let audit = world.audit().await;
        assert_eq!(audit.iter().filter(|row| row.kind == "PORTAL_TOKEN_DELETED").count(), 2);
        assert_eq!(revoke_all(world).await, 0);
    })
    .await;
}
