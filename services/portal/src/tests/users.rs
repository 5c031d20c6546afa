//! Portals that users may run: as themselves, and only while they may.

use contracts::{registry::v1::UpdatePortalRequest, token::v1::PortalTokenKind};
use kit::grpc::Refusal;
use prost_types::FieldMask;
use serde_json::json;
use uuid::Uuid;

use super::{
    tokens::Mood,
    world::{World, everywhere},
};
use crate::domain::{content::Content, portal::Change};

const GOOD: &str = r#"{"name":"x"}"#;

/// Makes the portal token a user's who belongs to `organizations`.
fn act_as_user(world: &World, organizations: &[Uuid]) {
    *world.tokens.kind.lock().unwrap() = PortalTokenKind::User.into();
    *world.tokens.memberships.lock().unwrap() = organizations.to_vec();
}

fn acme(world: &World) -> Uuid {
    world.tokens.organization.lock().unwrap().parse().unwrap()
}

async fn switch(world: &World, on: bool) -> Result<(), String> {
    let message = UpdatePortalRequest {
        organization: "acme".into(),
        portal: "hello".into(),
        update_mask: Some(FieldMask { paths: vec!["user_invokable".into()] }),
        user_invokable: Some(on),
        ..UpdatePortalRequest::default()
    };
    let reply = world.registry().update_portal(world.request(message)).await;
    reply.map(drop).map_err(|status| Refusal::of(&status).reason)
}

fn users_revoked(world: &World) -> usize {
    world.tokens.users_revoked.lock().unwrap().len()
}

/// Who approves a portal of one organization hands nothing of another one to its administrators (ADR 30).
#[tokio::test]
async fn a_user_token_acts_as_that_user_in_the_portals_organization() {
    everywhere(async |world| {
        world.create(|portal| portal.user_invokable = true).await.unwrap();
        let beta = world.service.ensure_organization("beta", "Beta").await.unwrap();
        assert_eq!(world.viewer().await, json!({ "user": null, "organizations": ["acme"] }));
        for memberships in [vec![acme(&world)], vec![beta, acme(&world)]] {
            act_as_user(&world, &memberships);
            world.leased().await;
            world.tokens.sequence.revoke(super::tokens::TOKEN).await;
            for _ in 0..2 {
                assert_eq!(world.viewer().await, json!({ "user": "ada@example.com", "organizations": ["acme"] }));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_ephemeral_token_has_the_organizations_authority() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        *world.tokens.kind.lock().unwrap() = PortalTokenKind::Ephemeral.into();
        assert_eq!(world.viewer().await, json!({ "user": null, "organizations": ["acme"] }));
    })
    .await;
}

#[tokio::test]
async fn a_user_token_needs_a_portal_for_users_and_a_membership_of_its_organization() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        act_as_user(&world, &[acme(&world)]);
        assert_eq!(world.refused(GOOD).await, "authentication_required");
        switch(&world, true).await.unwrap();
        world.call(GOOD).await.unwrap();
        world.leased().await;
        let beta = world.service.ensure_organization("beta", "Beta").await.unwrap();
        for memberships in [&[][..], &[beta]] {
            act_as_user(&world, memberships);
            world.tokens.sequence.revoke(super::tokens::TOKEN).await;
            assert_eq!(world.refused(GOOD).await, "authentication_required", "{memberships:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_kind_that_is_not_known_is_refused() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        *world.tokens.kind.lock().unwrap() = 99;
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn switching_users_off_revokes_their_tokens_and_nothing_else() {
    everywhere(async |world| {
        let portal = world.create(|portal| portal.user_invokable = true).await.unwrap().portal.unwrap();
        switch(&world, true).await.unwrap();
        assert_eq!(users_revoked(&world), 0, "it was on already");
        switch(&world, false).await.unwrap();
        assert_eq!(*world.tokens.users_revoked.lock().unwrap(), [portal.uuid]);
        assert!(world.tokens.revoked.lock().unwrap().is_empty());
        assert_eq!(world.audited("PORTAL_UPDATED").await, 1);
        world.service.0.finish_revocations().await.unwrap();
        assert_eq!(users_revoked(&world), 1, "nothing was left to do");
        world.call(GOOD).await.unwrap();
        act_as_user(&world, &[acme(&world)]);
        world.leased().await;
        world.tokens.sequence.revoke(super::tokens::TOKEN).await;
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

/// Switches users off while the token service can't revoke.
async fn switch_off_half_way(world: &World) {
    let parts = &world.service.0;
    let organization = parts.store.find_organization("acme").await.unwrap().unwrap();
    let before = parts.store.find_portal(organization.id, "hello").await.unwrap().unwrap();
    let content = Content { user_invokable: false, ..before.content.clone() };
    let after = before
        .clone()
        .changed(Change { slug: before.slug.clone(), upstream: None, content, checked: None }, parts.ambient.now());
    let event = kit::audit::Event {
        kind: "PORTAL_UPDATED",
        organization: organization.id.0,
        actor: None,
        subject: kit::audit::Subject { kind: "portal", uuid: after.id.0, name: after.content.name.clone() },
        context: json!({}),
        data: json!({}),
    };
    parts.store.update_portal(&before, &after, &before.created_by, event).await.unwrap();
    parts.catalog.changed();
}

#[tokio::test]
async fn a_half_done_switching_off_is_finished_by_the_sweep() {
    everywhere(async |world| {
        world.create(|portal| portal.user_invokable = true).await.unwrap();
        switch_off_half_way(&world).await;
        world.tokens.set_mood(Mood::Breaks);
        assert!(world.service.0.finish_revocations().await.is_err());
        world.tokens.set_mood(Mood::Works);
        world.service.0.finish_revocations().await.unwrap();
        world.service.0.finish_revocations().await.unwrap();
        assert_eq!(users_revoked(&world), 1);
    })
    .await;
}

#[tokio::test]
async fn what_users_never_could_run_is_opened_to_them_without_the_token_services_writing() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        *world.tokens.revoking.lock().unwrap() = Mood::Breaks;
        switch(&world, true).await.unwrap();
        switch(&world, false).await.unwrap();
        assert_eq!(switch(&world, true).await.unwrap_err(), "verification_unavailable", "now there may be tokens");
    })
    .await;
}

#[tokio::test]
async fn a_portal_is_not_opened_to_users_again_before_their_old_tokens_are_revoked() {
    everywhere(async |world| {
        world.create(|portal| portal.user_invokable = true).await.unwrap();
        switch_off_half_way(&world).await;
        *world.tokens.revoking.lock().unwrap() = Mood::Breaks;
        assert_eq!(switch(&world, true).await.unwrap_err(), "verification_unavailable");
        act_as_user(&world, &[acme(&world)]);
        assert_eq!(world.refused(GOOD).await, "authentication_required");
        *world.tokens.revoking.lock().unwrap() = Mood::Works;
        switch(&world, true).await.unwrap();
        assert_eq!(users_revoked(&world), 1);
        world.call(GOOD).await.unwrap();
        world.service.0.finish_revocations().await.unwrap();
        assert_eq!(users_revoked(&world), 1, "new tokens aren't swept away");
    })
    .await;
}
