//! `GetCode`, `DecideCode`.

use contracts::directory::v1::{DecideCodeRequest, GetCodeRequest, GetCodeResponse};
use kit::{error::Code, grpc::to_timestamp};
use serde_json::json;
use tonic::Status;
use uuid::Uuid;

use super::{
    console::{SignedIn, seen},
    world::{ORGANIZATION, PORTAL, World, at, everywhere, from_service, refusal},
};

const ADA: &str = "ada@example.com";
const BO: &str = "bo@example.com";

async fn get(world: &World, who: &SignedIn, code: &str) -> Result<GetCodeResponse, Status> {
    let request = GetCodeRequest { code: code.into() };
    Ok(world.sessions().get_code(from_service(request, Some(&who.session))).await?.into_inner())
}

async fn state(world: &World) -> String {
    world.rows("SELECT state FROM codes").await[0].try_get("", "state").unwrap()
}

const ENDED: &str = "There is no such request, or it has ended. A request ends after five minutes: please ask again where you came from";

#[tokio::test]
async fn a_member_sees_what_is_asked_for() {
    everywhere(async |world| {
        let code = world.code().await;
        world.make_user(Uuid::from_u128(8), BO).await;
        world.join(Uuid::from_u128(8), ORGANIZATION).await;
        let shown = get(world, &world.signed_in(BO).await, &code.code).await.unwrap();
        assert_eq!((shown.organization_uuid, shown.portal_uuid), (ORGANIZATION.to_string(), PORTAL.to_string()));
        let times = (shown.created_at, shown.expires_at);
        assert_eq!(times, (Some(to_timestamp(at(0))), Some(to_timestamp(at(300)))));
        assert_eq!(
            (shown.requester_ip.as_deref(), shown.requester_agent.as_deref()),
            (Some("192.0.2.1"), Some("curl"))
        );
        assert_eq!(state(world).await, "pending", "looking decides nothing");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_and_what_is_none_of_theirs_look_alike() {
    everywhere(async |world| {
        let code = world.code().await;
        world.make_user(Uuid::from_u128(8), BO).await;
        world.join(Uuid::from_u128(8), Uuid::from_u128(0x99)).await;
        let (ada, bo) = (world.signed_in(ADA).await, world.signed_in(BO).await);
        let unknown = seen(get(world, &ada, "0000000000000000000000").await);
        assert_eq!((unknown.0, unknown.1.as_str()), (Code::NotFound.grpc(), ENDED));
        let both = async |who: &SignedIn, code: &str| {
            assert_eq!(seen(get(world, who, code).await), unknown, "{code}");
            assert_eq!(seen(world.decide(who, code, true).await), unknown, "{code}");
        };
        for text in ["", "x", &code.secret, &format!("{}0", code.code)] {
            both(&ada, text).await;
        }
        both(&bo, &code.code).await;
        world.tamper("UPDATE codes SET state = 'burnt'", vec![]).await;
        both(&ada, &code.code).await;
        world.tamper("UPDATE codes SET state = 'pending'", vec![]).await;
        world.clock.pass(299);
        get(world, &ada, &code.code).await.unwrap();
        world.clock.pass(1);
        both(&ada, &code.code).await;
        assert_eq!(state(world).await, "pending");
    })
    .await;
}

#[tokio::test]
async fn the_first_decision_counts_and_is_audited() {
    everywhere(async |world| {
        for (approve, word, kind) in
            [(true, "approved", "PORTAL_TOKEN_CODE_AUTHORIZED"), (false, "denied", "PORTAL_TOKEN_CODE_DENIED")]
        {
            world.tamper("DELETE FROM codes", vec![]).await;
            let (code, ada) = (world.code().await, world.signed_in(ADA).await);
            world.decide(&ada, &code.code, approve).await.unwrap();
            assert_eq!(state(world).await, word);
            for again in [true, false] {
                let refused = refusal(world.decide(&ada, &code.code, again).await);
                assert_eq!((refused.class, refused.reason.as_str()), (Code::Conflict, "code_decided"));
            }
            assert_eq!(refusal(get(world, &ada, &code.code).await).reason, "code_decided");
            let audit = world.audit().await;
            let [row] = audit.iter().filter(|row| row.kind == kind).collect::<Vec<_>>()[..] else { panic!("{kind}") };
            assert_eq!((row.organization, row.actor.as_deref()), (ORGANIZATION, Some("Ada")));
            assert_eq!(row.data, json!({ "portal_uuid": PORTAL }));
            assert_eq!(row.context["request_ip"], "192.0.2.1");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_decisions_at_once_counts() {
    everywhere(async |world| {
        let (code, ada) = (world.code().await, world.signed_in(ADA).await);
        let decide = |approve| world.decide(&ada, &code.code, approve);
        let (a, b, c, d) = tokio::join!(decide(true), decide(false), decide(true), decide(false));
        let outcomes = [a, b, c, d];
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let audit = world.audit().await;
        let decisions = ["PORTAL_TOKEN_CODE_AUTHORIZED", "PORTAL_TOKEN_CODE_DENIED"];
        assert_eq!(audit.iter().filter(|row| decisions.contains(&row.kind.as_str())).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_form_of_another_session_decides_nothing() {
    everywhere(async |world| {
        let (code, ada, other) = (world.code().await, world.signed_in(ADA).await, world.signed_in(ADA).await);
        for csrf_token in ["", "x", &other.csrf_token] {
            let request = DecideCodeRequest { code: code.code.clone(), approve: true, csrf_token: csrf_token.into() };
            let refused = refusal(world.sessions().decide_code(from_service(request, Some(&ada.session))).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Forbidden, "invalid_csrf_token"));
        }
        assert_eq!(state(world).await, "pending");
    })
    .await;
}

#[tokio::test]
async fn a_row_of_another_class_is_no_code() {
    everywhere(async |world| {
        let (code, ada) = (world.code().await, world.signed_in(ADA).await);
        let tagger = &world.service.0.tagger;
        let secret = kit::credential::Plain::parse(&code.secret).unwrap();
        let tags = tagger.tag_code(&code.code, &secret);
        let swap = "UPDATE codes SET code_tag = $1, secret_tag = $2";
        world.tamper(swap, vec![tags.1.bytes.clone().into(), tags.0.bytes.clone().into()]).await;
        assert_eq!(refusal(get(world, &ada, &code.code).await).reason, "not_found");
        assert_eq!(refusal(get(world, &ada, &code.secret).await).reason, "not_found");
        world.tamper(swap, vec![tags.0.bytes.into(), tags.1.bytes.into()]).await;
        get(world, &ada, &code.code).await.unwrap();
    })
    .await;
}
