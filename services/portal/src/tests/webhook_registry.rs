//! Notification services: kept, shown, changed and removed.

use contracts::{
    token::v1::Role,
    webhook::v1::{
        CreateNotificationServiceRequest, ListNotificationServicesRequest, ListNotificationServicesResponse,
        TestNotificationServiceRequest, TokenMode,
    },
};
use kit::{
    audit::{Event, Subject},
    grpc::Refusal,
};

use super::webhook_calls::{TOKEN, client, create, delete, get, hooked, list, read, update};
use crate::{
    domain::{
        id::NotificationServiceId,
        notification_service::{BUILD_STATES, EVENTS},
    },
    store::Unwritten,
};

#[tokio::test]
async fn a_service_is_shown_as_it_was_asked_for_or_as_is_usual() {
    hooked(async |world| {
        let usual = create(&world, "https://hooks.example/a?b=c", |asked| asked.token = None).await.unwrap();
        assert_eq!((usual.url.as_str(), usual.description.as_str()), ("https://hooks.example/a?b=c", "Chat"));
        assert!(usual.enabled && usual.pipeline_uuids.is_empty() && usual.branch_configuration.is_none());
        assert_eq!(
            (usual.events.as_slice(), usual.build_states.as_slice()),
            (&EVENTS.map(String::from)[..], &BUILD_STATES.map(String::from)[..])
        );
        assert_eq!((usual.token.len(), usual.token_mode()), (40, TokenMode::Token));
        assert_eq!(get(&world, &usual.uuid).await.unwrap(), usual);
        let uuid = "0199f0de-0000-7000-8000-000000000001";
        let narrow = create(&world, "https://hooks.example", |asked| {
            asked.disabled = true;
            asked.pipeline_uuids = vec![uuid.into()];
            asked.branch_configuration = Some("  main release/* ".into());
            asked.build_states = vec!["passed".into()];
            asked.events = vec!["build.finished".into(), "ping".into()];
            asked.token_mode = TokenMode::Signature.into();
        });
        let narrow = narrow.await.unwrap();
        assert_eq!((narrow.enabled, narrow.token.as_str(), narrow.token_mode()), (false, TOKEN, TokenMode::Signature));
        assert_eq!(narrow.branch_configuration.as_deref(), Some("  main release/* "));
        assert_eq!(
            (narrow.pipeline_uuids.clone(), narrow.events.clone()),
            (vec![uuid.to_owned()], vec!["ping".to_owned(), "build.finished".into()])
        );
        assert_eq!(get(&world, &narrow.uuid).await.unwrap(), narrow);
        let audited = world.events("NOTIFICATION_SERVICE_CREATED").await;
        assert_eq!(audited.len(), 2);
        assert!(audited.iter().all(|data| !data.to_string().contains("b=c") && !data.to_string().contains(TOKEN)));
    })
    .await;
}

#[tokio::test]
async fn a_change_changes_what_its_mask_names_and_nothing_else() {
    hooked(async |world| {
        let before = create(&world, "https://hooks.example", |_| {}).await.unwrap();
        let uuid = before.uuid.as_str();
        assert_eq!(
            update(&world, uuid, &["description"], |change| change.description = "Chat".into()).await.unwrap(),
            before
        );
        let moved = update(&world, uuid, &["url", "description"], |change| {
            (change.url, change.description) = ("https://other.example/x".into(), "Other".into());
        });
        let moved = moved.await.unwrap();
        // The token is kept for another origin now.
        assert_eq!((moved.token.as_str(), moved.url.as_str()), (TOKEN, "https://other.example/x"));
        assert_eq!(get(&world, uuid).await.unwrap(), moved);
        let all = ["pipeline_uuids", "branch_configuration", "build_states", "token_mode", "events", "token"];
        let changed = update(&world, uuid, &all, |change| {
            change.events = vec!["portal.created".into()];
            change.token_mode = TokenMode::Signature.into();
            change.branch_configuration = Some("main".into());
        });
        let changed = changed.await.unwrap();
        assert!(changed.token != TOKEN && changed.token.len() == 40, "a new one is made where none is given");
        assert_eq!((changed.events.len(), changed.token_mode()), (1, TokenMode::Signature));
        for (enabled, times) in [(false, 1), (false, 1), (true, 1)] {
            assert_eq!(
                update(&world, uuid, &["enabled"], |change| change.enabled = enabled).await.unwrap().enabled,
                enabled
            );
            let kind = if enabled { "NOTIFICATION_SERVICE_ENABLED" } else { "NOTIFICATION_SERVICE_DISABLED" };
            assert_eq!(world.audited(kind).await, times);
        }
        let updated = world.events("NOTIFICATION_SERVICE_UPDATED").await;
        let fields: Vec<_> = updated.iter().map(|data| data["changed"].clone()).collect();
        assert!(fields.contains(&serde_json::json!(["description", "settings.url"])), "{fields:?}");
        delete(&world, uuid).await.unwrap();
        for gone in [get(&world, uuid).await.map(|_| ()), delete(&world, uuid).await] {
            let refusal = gone.unwrap_err();
            assert_eq!(
                (refusal.reason.as_str(), refusal.message.as_str()),
                ("not_found", "No notification service found")
            );
        }
        assert_eq!(world.audited("NOTIFICATION_SERVICE_DELETED").await, 1);
    })
    .await;
}

#[tokio::test]
async fn every_fault_is_named_when_made_and_when_changed() {
    hooked(async |world| {
        let refusal = create(&world, "http://169.254.169.254/latest", |asked| {
            asked.description = "x".repeat(256);
            asked.token = Some("short".into());
            asked.events = vec!["portal.exploded".into()];
            asked.pipeline_uuids = vec!["my-pipeline".into()];
            asked.branch_configuration = Some("\0".into());
            asked.build_states = vec!["great".into()];
        });
        let refusal = refusal.await.unwrap_err();
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        let all = [
            "description",
            "settings.url",
            "settings.token",
            "settings.events",
            "scope_uuids",
            "branch_configuration",
            "build_states",
        ];
        assert_eq!((refusal.reason.as_str(), fields), ("validation_failed", all.to_vec()));
        let good = create(&world, "https://hooks.example", |_| {}).await.unwrap();
        for url in ["ftp://hooks.example", "http://10.0.0.1", "http://[::1]/", "https://me:secret@hooks.example", ""] {
            let refusal = update(&world, &good.uuid, &["url"], |change| change.url = url.into()).await.unwrap_err();
            assert_eq!(refusal.violations[0].field, "settings.url", "{url}");
            assert!(!refusal.message.contains("secret"));
        }
        let refusal = update(&world, &good.uuid, &["uuid"], |_| {}).await.unwrap_err();
        assert_eq!(refusal.violations[0].field, "update_mask");
        assert_eq!(get(&world, &good.uuid).await.unwrap(), good);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_shown_to_who_could_replace_it() {
    hooked(async |world| {
        let made = create(&world, "https://hooks.example", |_| {}).await.unwrap();
        let token = async || {
            let listed = list(&world, |_| {}).await.unwrap().notification_services.remove(0);
            assert_eq!(get(&world, &made.uuid).await.unwrap(), listed);
            listed.token
        };
        assert_eq!(token().await, TOKEN);
        world.tokens.scopes.lock().unwrap().retain(|scope| *scope != "write_notification_services");
        assert_eq!(token().await, "");
        world.tokens.scopes.lock().unwrap().push("write_notification_services");
        *world.tokens.role.lock().unwrap() = Some(Role::Member);
        assert_eq!(token().await, "");
    })
    .await;
}

#[tokio::test]
async fn a_token_is_unreadable_at_rest_and_bound_to_its_place() {
    hooked(async |world| {
        let made = create(&world, "https://hooks.example", |_| {}).await.unwrap();
        let kept = world.bytes("SELECT token FROM notification_services").await;
        assert!(!kept.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()));
        world.sql("UPDATE notification_services SET url = 'https://thief.example/'").await;
        assert_eq!(get(&world, &made.uuid).await.unwrap().token, "");
    })
    .await;
}

#[tokio::test]
async fn an_organization_has_as_many_as_it_may() {
    hooked(async |world| {
        for _ in 0..3 {
            create(&world, "https://hooks.example", |_| {}).await.unwrap();
        }
        let refusal = create(&world, "https://hooks.example", |_| {}).await.unwrap_err();
        assert_eq!(
            (refusal.reason.as_str(), refusal.violations[0].field.as_str()),
            ("validation_failed", "organization")
        );
    })
    .await;
}

#[tokio::test]
async fn members_read_and_administrators_change() {
    hooked(async |world| {
        let made = create(&world, "https://hooks.example", |_| {}).await.unwrap();
        let reasons = async || {
            let test = TestNotificationServiceRequest { organization: "acme".into(), uuid: made.uuid.clone() };
            let test = client(&world).test_notification_service(world.request(test)).await;
            let reason = |refusal: Refusal| refusal.reason;
            [
                create(&world, "https://hooks.example", |_| {}).await.err().map(reason),
                update(&world, &made.uuid, &["enabled"], |_| {}).await.err().map(reason),
                delete(&world, &made.uuid).await.err().map(reason),
                read(test).err().map(reason),
                get(&world, &made.uuid).await.err().map(reason),
                list(&world, |_| {}).await.err().map(reason),
            ]
            .map(Option::unwrap_or_default)
        };
        *world.tokens.role.lock().unwrap() = Some(Role::Member);
        assert_eq!(reasons().await, ["forbidden", "forbidden", "forbidden", "forbidden", "", ""]);
        *world.tokens.role.lock().unwrap() = None;
        assert_eq!(reasons().await, ["not_found"; 6]);
        world.tokens.scopes.lock().unwrap().retain(|scope| !scope.ends_with("_notification_services"));
        assert_eq!(reasons().await, ["missing_scope"; 6]);
    })
    .await;
}

#[tokio::test]
async fn a_list_is_gone_through_in_both_directions() {
    hooked(async |world| {
        let mut made = Vec::new();
        for number in 0..3 {
            // Of services that are made in one millisecond nobody knows which is older.
            world.clock.advance(std::time::Duration::from_millis(2));
            let change = |asked: &mut CreateNotificationServiceRequest| asked.description = number.to_string();
            made.push(create(&world, "https://hooks.example", change).await.unwrap().uuid);
        }
        let part = async |change: &dyn Fn(&mut ListNotificationServicesRequest)| {
            let ListNotificationServicesResponse { notification_services, has_previous, has_next } =
                list(&world, |asked| change(asked)).await.unwrap();
            let uuids: Vec<_> = notification_services.into_iter().map(|service| service.uuid).collect();
            (uuids, has_previous, has_next)
        };
        assert_eq!(part(&|_| {}).await, (made.clone(), false, false));
        assert_eq!(part(&|asked| asked.limit = 2).await, (made[..2].to_vec(), false, true));
        let after =
            |asked: &mut ListNotificationServicesRequest| (asked.limit, asked.after) = (2, Some(made[1].clone()));
        assert_eq!(part(&after).await, (made[2..].to_vec(), true, false));
        let before =
            |asked: &mut ListNotificationServicesRequest| (asked.limit, asked.before) = (1, Some(made[2].clone()));
        assert_eq!(part(&before).await, (made[1..2].to_vec(), true, true));
        for bad in ["x", ""] {
            let refusal = list(&world, |asked| asked.after = Some(bad.into())).await.unwrap_err();
            assert_eq!(refusal.violations[0].field, "after");
        }
        let both = list(&world, |asked| (asked.after, asked.before) = (Some(made[0].clone()), Some(made[1].clone())));
        assert_eq!(both.await.unwrap_err().violations[0].field, "before");
    })
    .await;
}

#[tokio::test]
async fn nothing_changes_without_its_audit_row() {
    hooked(async |world| {
        let made = create(&world, "https://hooks.example", |_| {}).await.unwrap();
        world.lose_audit_trail().await;
        let refused = [
            create(&world, "https://hooks.example", |_| {}).await.map(|_| ()),
            update(&world, &made.uuid, &["description"], |_| {}).await.map(|_| ()),
            delete(&world, &made.uuid).await,
        ];
        assert!(refused.into_iter().all(|refused| refused.unwrap_err().reason == "database_unavailable"));
        assert_eq!(list(&world, |_| {}).await.unwrap().notification_services, [made]);
    })
    .await;
}

#[tokio::test]
async fn a_change_of_what_was_changed_meanwhile_is_refused() {
    hooked(async |world| {
        let made = create(&world, "https://hooks.example", |_| {}).await.unwrap();
        let store = &world.service.0.store;
        let id = NotificationServiceId(made.uuid.parse().unwrap());
        let (read, _) = store.find_notification_service_by_id(id).await.unwrap().unwrap();
        update(&world, &made.uuid, &["description"], |change| change.description = "Faster".into()).await.unwrap();
        let late =
            crate::domain::notification_service::NotificationService { description: "Late".into(), ..read.clone() };
        let event = Event {
            kind: "NOTIFICATION_SERVICE_UPDATED",
            organization: world.organization(),
            actor: None,
            subject: Subject { kind: "notification_service", uuid: id.0, name: String::new() },
            context: serde_json::Value::Null,
            data: serde_json::Value::Null,
        };
        let refused = store.update_notification_service(&read, &late, None, event).await.unwrap_err();
        assert!(matches!(refused, Unwritten::Outdated), "{refused:?}");
        assert_eq!(get(&world, &made.uuid).await.unwrap().description, "Faster");
        assert_eq!(world.audited("NOTIFICATION_SERVICE_UPDATED").await, 1);
    })
    .await;
}
