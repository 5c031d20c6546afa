//! `GetApiSettings` and `UpdateApiSettings`.

use contracts::{
    directory::v1::{ApiSettings, GetApiSettingsRequest, UpdateApiSettingsRequest},
    token::v1::Role,
};
use kit::error::Code;
use serde_json::{Value, json};
use tonic::Status;

use super::{
    people::{audit_of, audited, directory, member_with_token},
    world::{ORGANIZATION, World, everywhere, from_outside, refusal},
};

async fn get(world: &World, token: &str) -> Option<u32> {
    let request = GetApiSettingsRequest { organization_uuid: ORGANIZATION.to_string() };
    let reply = directory(world).get_api_settings(from_outside(request, Some(token))).await.unwrap().into_inner();
    reply.settings.unwrap().revoke_inactive_tokens_after_days
}

pub(super) async fn set(world: &World, days: Option<u32>) -> Result<Option<u32>, Status> {
    let settings = Some(ApiSettings { revoke_inactive_tokens_after_days: days, ..ApiSettings::default() });
    let request =
        UpdateApiSettingsRequest { organization_uuid: ORGANIZATION.to_string(), settings, ..Default::default() };
    let request = from_outside(request, Some(world.api_token.expose()));
    let reply = directory(world).update_api_settings(request).await?.into_inner();
    Ok(reply.settings.unwrap().revoke_inactive_tokens_after_days)
}

#[tokio::test]
async fn settings_are_none_until_they_are_set_and_members_may_see_them() {
    everywhere(async |world| {
        let (_, member) = member_with_token(world, "bob@example.com", Role::Member).await;
        assert_eq!(get(world, &member).await, None);
        for days in [Some(30), Some(365), None] {
            assert_eq!(set(world, days).await.unwrap(), days);
            assert_eq!(get(world, &member).await, days);
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_has_its_audit_row_and_no_change_has_none() {
    everywhere(async |world| {
        set(world, None).await.unwrap();
        assert_eq!(audited(world).await, Vec::<String>::new());
        set(world, Some(90)).await.unwrap();
        set(world, Some(90)).await.unwrap();
        let row = audit_of(world, "ORGANIZATION_API_SETTINGS_UPDATED", &ORGANIZATION.to_string()).await;
        assert_eq!((row.organization, row.actor.as_deref()), (ORGANIZATION, Some("Ada")));
        assert_eq!(row.data, json!({ "revoke_inactive_tokens_after_days": [Value::Null, 90] }));
    })
    .await;
}

#[tokio::test]
async fn other_limits_than_the_documented_are_refused() {
    everywhere(async |world| {
        for days in [0, 1, 29, 31, 366, u32::MAX] {
            let refused = refusal(set(world, Some(days)).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "validation_failed"));
            assert_eq!(refused.violations[0].field, "revoke_inactive_tokens_after_days");
        }
        assert_eq!(get(world, world.api_token.expose()).await, None);
    })
    .await;
}

#[tokio::test]
async fn nothing_changes_without_the_audit_row() {
    everywhere(async |world| {
        world.tamper("ALTER TABLE audit_events RENAME TO gone", vec![]).await;
        let refused = refusal(set(world, Some(30)).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "database_unavailable"));
        assert_eq!(get(world, world.api_token.expose()).await, None);
    })
    .await;
}
