//! `…/api-settings` and `…/rate_limit`.

use contracts::{
    directory::v1::{GetApiSettingsRequest, UpdateApiSettingsRequest},
    registry::v1::{GetOrganizationSettingsRequest, GetRateLimitRequest, UpdateOrganizationSettingsRequest},
};
use serde_json::{Value, json};

use super::{World, script::Plan};

const ACME: &str = "/v2/organizations/acme";
const ORGANIZATION: &str = "00000000-0000-0000-0000-000000000001";

/// What the scripted services have, with some of it changed.
fn settings(changes: &Value) -> Value {
    let mut all = json!({"url": format!("https://portals.example{ACME}/api-settings"), "allowed_ip_addresses": "10.0.0.0/8",
        "revoke_inactive_tokens_after_days": 90, "restrict_user_api_token_creation": false,
        "portal_requests_per_minute": 60,
        "features": {"api_ip_allow_list": true, "inactive_api_token_revocation": true}});
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    all
}

#[tokio::test]
async fn the_settings_of_both_services_are_shown_as_one() {
    let world = World::new().await;
    let path = format!("{ACME}/api-settings");
    assert_eq!(super::json(world.send("GET", &path, "").await).await, settings(&json!({})));
    assert_eq!(world.script.first::<GetApiSettingsRequest>().1.organization_uuid, ORGANIZATION);
    let (caller, asked) = world.script.last::<GetOrganizationSettingsRequest>();
    assert_eq!((caller.is_counted, asked.organization.as_str()), (true, "acme"));
    assert!(!world.script.first::<GetApiSettingsRequest>().0.is_counted);
}

#[tokio::test]
async fn what_is_named_is_changed_where_it_is_kept() {
    let world = World::new().await;
    let path = format!("{ACME}/api-settings");
    for (body, of_api, of_portals) in [
        (
            json!({"revoke_inactive_tokens_after_days": null, "unknown": 1}),
            vec!["revoke_inactive_tokens_after_days"],
            vec![],
        ),
        (json!({"allowed_ip_addresses": "  ::1 ", "allow_lockout": true}), vec!["allowed_ip_addresses"], vec![]),
        (json!({"portal_requests_per_minute": null}), vec![], vec!["portal_requests_per_minute"]),
        (
            json!({"restrict_user_api_token_creation": true, "portal_requests_per_minute": 5}),
            vec!["restrict_user_api_token_creation"],
            vec!["portal_requests_per_minute"],
        ),
    ] {
        let before = world.script.count::<UpdateOrganizationSettingsRequest>();
        let response = world.send("PATCH", &path, &body.to_string()).await;
        let mut changes = body.clone();
        changes.as_object_mut().unwrap().retain(|name, _| settings(&json!({})).get(name).is_some());
        assert_eq!((response.status().as_u16(), super::json(response).await), (200, settings(&changes)), "{body}");
        let (caller, asked) = world.script.last_of::<UpdateApiSettingsRequest>();
        assert_eq!((caller.is_counted, asked.organization_uuid.as_str()), (true, ORGANIZATION));
        assert_eq!(asked.update_mask.unwrap().paths, of_api);
        assert_eq!(asked.allow_lockout, body.get("allow_lockout").is_some());
        let (_, asked) = world.script.last_of::<UpdateOrganizationSettingsRequest>();
        assert_eq!(asked.update_mask.unwrap().paths, of_portals);
        // First it is asked whether it could be, and once everything could be, it is done.
        let times = world.script.count::<UpdateOrganizationSettingsRequest>() - before;
        assert_eq!((times, asked.validate_only), if of_portals.is_empty() { (1, true) } else { (2, false) });
    }
}

#[tokio::test]
async fn a_service_that_goes_after_the_other_has_changed_is_no_503() {
    let world = World::new().await;
    let path = format!("{ACME}/api-settings");
    world.script.plan(Plan { breaks_when_written: true, ..Plan::default() });
    let both = json!({"restrict_user_api_token_creation": true, "portal_requests_per_minute": 5}).to_string();
    let response = world.send("PATCH", &path, &both).await;
    assert_eq!(response.status(), 502);
    let reply = super::json(response).await;
    assert_eq!(reply["code"], "partly_changed");
    let message = reply["message"].as_str().unwrap();
    assert!(message.starts_with("restrict_user_api_token_creation was changed"), "{message}");
    assert!(message.contains("portal_requests_per_minute may not"), "{message}");
    // Alone it changes nothing elsewhere.
    let response = world.send("PATCH", &path, &json!({"portal_requests_per_minute": 5}).to_string()).await;
    assert_eq!(super::code(response).await, (503, "database_unavailable".to_owned()));
    world.script.plan(Plan::default());
    assert_eq!(world.send("PATCH", &path, &both).await.status(), 200);
}

#[tokio::test]
async fn what_is_not_named_is_not_written_not_even_as_it_was() {
    let world = World::new().await;
    for body in [json!({}), json!({"features": settings(&json!({}))["features"], "url": "x", "allow_lockout": true})] {
        let response = world.send("PATCH", &format!("{ACME}/api-settings"), &body.to_string()).await;
        assert_eq!((response.status().as_u16(), super::json(response).await), (200, settings(&json!({}))));
    }
    assert_eq!(world.script.count::<UpdateApiSettingsRequest>(), 0);
    assert_eq!(world.script.count::<UpdateOrganizationSettingsRequest>(), 0);
}

#[tokio::test]
async fn settings_of_another_form_are_refused() {
    let world = World::new().await;
    for (body, message) in [
        (json!({"allowed_ip_addresses": ["10.0.0.0/8"]}), "allowed_ip_addresses must be a string or null"),
        (json!({"restrict_user_api_token_creation": null}), "must be true or false"),
        (json!({"portal_requests_per_minute": "5"}), "must be a whole number or null"),
        (json!({"features": {}}), "features can't be set"),
        (json!({"revoke_inactive_tokens_after_days": "30"}), "must be a whole number or null"),
        (json!({"revoke_inactive_tokens_after_days": -1}), "must be a whole number or null"),
        (json!({"revoke_inactive_tokens_after_days": 30.5}), "must be a whole number or null"),
        (json!({"allow_lockout": "yes"}), "must be true or false"),
    ] {
        let response = world.send("PATCH", &format!("{ACME}/api-settings"), &body.to_string()).await;
        assert_eq!(response.status(), 422);
        let reply = super::json(response).await;
        assert!(reply["message"].as_str().unwrap().ends_with(message), "{reply}");
    }
    assert_eq!(world.script.count::<UpdateApiSettingsRequest>(), 0);
}

#[tokio::test]
async fn every_limit_is_shown_with_its_end() {
    let world = World::new().await;
    let reply = super::json(world.send("GET", &format!("{ACME}/rate_limit/"), "").await).await;
    let mut scopes = reply["scopes"].clone();
    for scope in ["rest", "graphql", "portal"] {
        let ends = scopes[scope].as_object_mut().unwrap().remove("reset_at").unwrap();
        let ends = chrono::DateTime::parse_from_rfc3339(ends.as_str().unwrap()).unwrap();
        assert!(ends > kit::ambient::Ambient::system().now() && ends.timestamp_subsec_millis() == 0, "{ends}");
    }
    let expected = json!({
        "rest": {"limit": 200, "current": 3, "reset": 42, "enforced": true},
        "graphql": {"limit": 20_000, "current": 17, "reset": 242, "enforced": true},
        "portal": {"limit": 0, "current": 0, "reset": 42, "enforced": false},
    });
    assert_eq!(scopes, expected);
    assert_eq!(world.script.last::<GetRateLimitRequest>().1.organization, "acme");
}
