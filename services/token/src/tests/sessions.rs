//! `GetSession`, `SignOut`, and what a session opens.

use contracts::{
    credential::v1::{ListServiceTokensRequest, RevokeLiveTokensRequest},
    directory::v1::{DecideCodeRequest, GetCodeRequest, GetSessionRequest, GetSessionResponse, SignOutRequest},
    token::v1::{GetAuthenticatedUserRequest, VerifyApiTokenRequest},
};
use kit::{
    credential::{Kind, Plain},
    error::Code,
};
use sea_orm::Value;
use tonic::Status;

use super::{
    console::{reference, seen, sessions},
    sign_in::ADA,
    world::{PORTAL, World, at, everywhere, from_service, random_token, refusal, root_key, write_keys},
};
use crate::domain::tag::{Class, Tag};

pub(super) async fn get(world: &World, session: &str) -> Result<GetSessionResponse, Status> {
    Ok(world.sessions().get_session(from_service(GetSessionRequest {}, Some(session))).await?.into_inner())
}

async fn assert_no_session(world: &World, session: &str) {
    let refusal = refusal(get(world, session).await);
    assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Unauthenticated, "authentication_required"));
    assert_eq!(refusal.message, "Authentication required. Please sign in");
}

async fn last_seen(world: &World) -> kit::ambient::Instant {
    world.rows("SELECT last_seen_at FROM sessions").await[0].try_get("", "last_seen_at").unwrap()
}

#[tokio::test]
async fn a_session_ends_after_twelve_idle_hours_and_its_use_is_written_once_a_minute() {
    everywhere(async |world| {
        let session = world.sign_in(ADA, "correct horse").await.unwrap().session;
        world.clock.pass(59);
        get(world, &session).await.unwrap();
        assert_eq!(last_seen(world).await, at(0));
        world.clock.pass(1);
        get(world, &session).await.unwrap();
        assert_eq!(last_seen(world).await, at(60));
        world.clock.pass(12 * 3600 - 1);
        get(world, &session).await.unwrap();
        world.clock.pass(12 * 3600);
        assert_no_session(world, &session).await;
    })
    .await;
}

#[tokio::test]
async fn signing_out_needs_the_sessions_own_form_and_ends_it() {
    everywhere(async |world| {
        let (one, other) = (world.signed_in(ADA).await, world.signed_in(ADA).await);
        let leave = async |csrf_token: &str| {
            let request = SignOutRequest { csrf_token: csrf_token.into() };
            world.sessions().sign_out(from_service(request, Some(&one.session))).await
        };
        for csrf_token in ["", "x", &other.csrf_token, &one.csrf_token[1..]] {
            let refused = refusal(leave(csrf_token).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Forbidden, "invalid_csrf_token"));
        }
        leave(&one.csrf_token).await.unwrap();
        assert_no_session(world, &one.session).await;
        assert_eq!(refusal(leave(&one.csrf_token).await).reason, "authentication_required");
        get(world, &other.session).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn no_other_credential_opens_a_session_rpc() {
    everywhere(async |world| {
        let code = world.code().await;
        let portal = world.issued(PORTAL).await.token;
        let secret = Plain::secret("bk", [7; 6], &[7; 32]);
        let random = random_token(Kind::Session);
        let others = ["", "x", &portal, world.api_token.expose(), &code.secret, &code.code, secret.expose()];
        for other in others.into_iter().chain([random.expose()]) {
            assert_no_session(world, other).await;
            let get_code = GetCodeRequest { code: code.code.clone() };
            let decide = DecideCodeRequest { code: code.code.clone(), approve: true, csrf_token: String::new() };
            let leave = SignOutRequest { csrf_token: String::new() };
            let mut client = world.sessions();
            for refused in [
                refusal(client.get_code(from_service(get_code, Some(other))).await),
                refusal(client.decide_code(from_service(decide, Some(other))).await),
                refusal(client.sign_out(from_service(leave, Some(other))).await),
            ] {
                assert_eq!(refused.reason, "authentication_required", "{other}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_opens_what_an_api_token_opens_and_no_portal() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        let session = world.signed_in(ADA).await.session;
        let bearer = Some(session.as_str());
        let (mut client, verify) = (world.client(), VerifyApiTokenRequest { organization_uuid: None });
        let refused = refusal(world.verify(&session).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unauthenticated, "authentication_required"));
        let verified = client.verify_api_token(from_service(verify, bearer)).await.unwrap().into_inner();
        assert!(verified.scopes.is_sorted() && verified.scopes.len() == 14, "{:?}", verified.scopes);
        let user = client.get_authenticated_user(from_service(GetAuthenticatedUserRequest {}, bearer)).await.unwrap();
        assert_eq!(user.into_inner().user.unwrap().email, ADA);
        let list = ListServiceTokensRequest { portal: reference(PORTAL), page: 0, per_page: 0 };
        let listed = world.credentials().list_service_tokens(from_service(list, bearer)).await.unwrap();
        assert_eq!(listed.metadata().get("ratelimit-user-remaining").unwrap(), "47", "it is counted as its user's");
        assert_eq!(listed.into_inner().total, 1);
    })
    .await;
}

#[tokio::test]
async fn a_session_is_worth_what_its_user_may_do_and_no_more() {
    everywhere(async |world| {
        let session = world.signed_in(ADA).await.session;
        let remove = RevokeLiveTokensRequest { portal: reference(PORTAL), wait: false };
        world.issued(PORTAL).await;
        let revoke = async || {
            let request = from_service(remove.clone(), Some(&session));
            world.credentials().revoke_live_tokens(request).await.map(drop)
        };
        revoke().await.unwrap();
        world.tamper("UPDATE memberships SET role = 'member'", vec![]).await;
        assert_eq!(refusal(revoke().await).reason, "forbidden");
        world.tamper("DELETE FROM memberships", vec![]).await;
        assert_eq!(refusal(revoke().await).reason, "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_session_that_ended_is_refused_like_an_api_token() {
    everywhere(async |world| {
        let session = world.signed_in(ADA).await.session;
        let known = random_token(Kind::Session);
        world.clock.pass(12 * 3_600);
        let unknown_token = random_token(Kind::Api);
        let verify = async |bearer: &str| {
            let request = VerifyApiTokenRequest { organization_uuid: None };
            seen(world.client().verify_api_token(from_service(request, Some(bearer))).await)
        };
        let refused = verify(unknown_token.expose()).await;
        for session in [session.as_str(), known.expose()] {
            assert_eq!(verify(session).await, refused);
        }
        assert_eq!(refused.0, Code::Unauthenticated.grpc());
    })
    .await;
}

#[tokio::test]
async fn a_row_of_another_class_is_no_session() {
    everywhere(async |world| {
        let plain = random_token(Kind::Session);
        world.signed_in(ADA).await;
        let retag = async |tag: Tag| {
            let values = vec![Value::from(tag.bytes), tag.key_id.into()];
            world.tamper("UPDATE sessions SET tag = $1, key_id = $2", values).await;
        };
        let tagger = &world.service.0.tagger;
        for class in [Class::Api, Class::Portal, Class::Code, Class::CodeSecret] {
            retag(tagger.tag(class, &plain)).await;
            assert_no_session(world, plain.expose()).await;
        }
        retag(Tag { key_id: "k2".into(), ..tagger.tag(Class::Session, &plain) }).await;
        assert_no_session(world, plain.expose()).await;
        retag(tagger.tag(Class::Session, &plain)).await;
        get(world, plain.expose()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_session_and_its_forms_outlive_the_retiring_key() {
    everywhere(async |world| {
        let old = world.signed_in(ADA).await;
        write_keys(&world.config.keys_file, &[root_key("k2", 2), root_key("k1", 1)]);
        let both = world.reopened(world.config.clone()).await.unwrap();
        let request = from_service(GetSessionRequest {}, Some(&old.session));
        let session = sessions(&both).get_session(request).await.unwrap().into_inner();
        assert_ne!(session.csrf_token, old.csrf_token);
        both.flush_rekeys().await;
        let key: String = world.rows("SELECT key_id FROM sessions").await[0].try_get("", "key_id").unwrap();
        assert_eq!(key, "k2");
        write_keys(&world.config.keys_file, &[root_key("k2", 2)]);
        let new = world.reopened(world.config.clone()).await.unwrap();
        sessions(&new).get_session(from_service(GetSessionRequest {}, Some(&old.session))).await.unwrap();
        let leave = SignOutRequest { csrf_token: old.csrf_token };
        sessions(&both).sign_out(from_service(leave, Some(&old.session))).await.unwrap();
    })
    .await;
}
