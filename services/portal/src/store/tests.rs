//! The registry's rows on every engine.

use bed::{Bed, each_engine};
use kit::audit::{self, Subject};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, Statement};
use serde_json::json;
use uuid::Uuid;

use super::{entity::portal_version, *};
use crate::domain::{
    content::Content,
    id::{OrganizationId, PortalId},
    page::Page,
    portal::{Author, Change, Check, Portal},
    slug::Slug,
};

const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(1));
const MANY: u32 = 1_000;

async fn store(bed: &Bed) -> Store {
    let database = Database::open(&bed.url).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    database.require_schema::<Migrator>().await.unwrap();
    Store::new(database, Ambient::system())
}

fn portal(slug: &str) -> Portal {
    let now = Ambient::system().now();
    Portal {
        id: PortalId(Ambient::system().uuid()),
        organization: ORGANIZATION,
        slug: Slug::parse(slug).unwrap(),
        upstream: None,
        content: Content {
            name: "A portal".to_owned(),
            description: None,
            query: "{ __typename }\r\n\t# byte for byte ü".to_owned(),
            allowed_ip_addresses: Some("10.0.0.0/8  192.0.2.1".to_owned()),
            user_invokable: true,
            strict_variables: false,
        },
        check: Check::default(),
        version: 1,
        created_at: now,
        updated_at: now,
        created_by: Author {
            uuid: Uuid::from_u128(2),
            name: "Ada".into(),
            email: "ada@example.com".into(),
            created_at: now,
        },
    }
}

fn changed(before: &Portal, change: impl FnOnce(&mut Content)) -> Portal {
    let mut content = before.content.clone();
    change(&mut content);
    before
        .clone()
        .changed(Change { slug: before.slug.clone(), upstream: None, content, checked: None }, Ambient::system().now())
}

fn event(portal: &Portal) -> audit::Event {
    audit::Event {
        kind: "PORTAL_TESTED",
        organization: portal.organization.0,
        actor: None,
        subject: Subject { kind: "portal", uuid: portal.id.0, name: portal.content.name.clone() },
        context: json!({}),
        data: json!({}),
    }
}

async fn create(store: &Store, portal: &Portal) -> Result<(), Unwritten> {
    store.intend(portal).await.unwrap();
    store.create_portal(portal, MANY, event(portal)).await
}

async fn audited(store: &Store) -> i64 {
    let backend = store.database.read().get_database_backend();
    let count = Statement::from_string(backend, "SELECT COUNT(*) FROM audit_events");
    store.database.read().query_one_raw(count).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn a_portal_is_read_as_it_was_written() {
    each_engine(async |bed| {
        let (store, written) = (store(&bed).await, portal("a"));
        create(&store, &written).await.unwrap();
        let read = store.find_portal(ORGANIZATION, "a").await.unwrap().unwrap();
        assert_eq!(format!("{read:?}"), format!("{written:?}"));
        assert!(store.find_portal(OrganizationId(Uuid::from_u128(9)), "a").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_slug_is_taken_once_in_an_organization_and_free_again_after_removal() {
    each_engine(async |bed| {
        let (store, first) = (store(&bed).await, portal("a"));
        create(&store, &first).await.unwrap();
        assert!(matches!(create(&store, &portal("a")).await, Err(Unwritten::SlugTaken)));
        let elsewhere = Portal { organization: OrganizationId(Uuid::from_u128(9)), ..portal("a") };
        create(&store, &elsewhere).await.unwrap();
        assert!(store.close_portal(first.id, event(&first)).await.unwrap());
        assert!(!store.close_portal(first.id, event(&first)).await.unwrap());
        create(&store, &portal("a")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn parallel_creates_of_one_slug_make_one_portal() {
    each_engine(async |bed| {
        let store = store(&bed).await;
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let store = store.clone();
            tries.spawn(async move { create(&store, &portal("a")).await.is_ok() });
        }
        let made = tries.join_all().await.into_iter().filter(|made| *made).count();
        assert_eq!((made, audited(&store).await), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn an_organization_has_no_more_portals_than_it_may() {
    each_engine(async |bed| {
        let store = store(&bed).await;
        for (slug, made) in [("a", true), ("b", true), ("c", false)] {
            let portal = portal(slug);
            store.intend(&portal).await.unwrap();
            assert_eq!(store.create_portal(&portal, 2, event(&portal)).await.is_ok(), made, "{slug}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_over_an_outdated_portal_is_refused_and_a_new_document_is_a_new_version() {
    each_engine(async |bed| {
        let (store, first) = (store(&bed).await, portal("a"));
        create(&store, &first).await.unwrap();
        let second = changed(&first, |content| content.query = "{ b }".into());
        assert_eq!((second.version, second.changed_fields(&first)), (2, vec!["query"]));
        store.update_portal(&first, &second, &first.created_by, event(&second)).await.unwrap();
        let again = store.update_portal(&first, &second, &first.created_by, event(&second)).await;
        assert!(matches!(again, Err(Unwritten::Outdated)));
        let versions = portal_version::Entity::find().all(store.database.read()).await.unwrap();
        let queries: Vec<_> = versions.into_iter().map(|row| row.query).collect();
        assert_eq!(queries, [first.content.query, "{ b }".to_owned()]);
    })
    .await;
}

#[tokio::test]
async fn every_change_moves_the_counter_by_one_and_leaves_one_audit_row() {
    each_engine(async |bed| {
        let (store, first) = (store(&bed).await, portal("a"));
        create(&store, &first).await.unwrap();
        assert!(create(&store, &portal("a")).await.is_err());
        store.close_portal(first.id, event(&first)).await.unwrap();
        assert_eq!((store.changes().await.unwrap(), audited(&store).await), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn nothing_changes_when_the_audit_trail_can_not_be_written() {
    each_engine(async |bed| {
        let store = store(&bed).await;
        let kept = portal("kept");
        create(&store, &kept).await.unwrap();
        let drop = "ALTER TABLE audit_events RENAME TO elsewhere";
        let writer = store.database.begin().await.unwrap();
        writer.execute_unprepared(drop).await.unwrap();
        writer.commit().await.unwrap();
        assert!(matches!(create(&store, &portal("a")).await, Err(Unwritten::Database(_))));
        assert!(store.close_portal(kept.id, event(&kept)).await.is_err());
        let (left, total) = store.list_portals(ORGANIZATION, Page::ALL).await.unwrap();
        assert_eq!((left.len(), total), (1, 1));
        assert_eq!(portal_version::Entity::find().count(store.database.read()).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn removed_portals_wait_for_revocation_until_it_is_done() {
    each_engine(async |bed| {
        let (store, first) = (store(&bed).await, portal("a"));
        create(&store, &first).await.unwrap();
        assert!(store.list_unrevoked(None).await.unwrap().is_empty());
        store.close_portal(first.id, event(&first)).await.unwrap();
        assert_eq!(store.list_unrevoked(None).await.unwrap()[0].portal, first.id);
        store.mark_revoked(first.id).await.unwrap();
        assert!(store.list_unrevoked(None).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_revocation_comes_in_pages_the_oldest_first() {
    each_engine(async |bed| {
        let (store, mut closed) = (store(&bed).await, Vec::new());
        for slug in ["a", "b", "c", "d", "e"] {
            let portal = portal(slug);
            create(&store, &portal).await.unwrap();
            store.close_portal(portal.id, event(&portal)).await.unwrap();
            closed.push(portal.id);
        }
        let (mut found, mut last, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = store.list_unrevoked(last).await.unwrap();
            let Some(end) = page.last() else { break };
            (last, pages) = (Some(*end), pages + 1);
            found.extend(page.iter().map(|unrevoked| unrevoked.portal));
        }
        assert_eq!((found, pages), (closed, 3));
    })
    .await;
}

#[tokio::test]
async fn a_read_that_hangs_is_given_up() {
    let read = in_time(std::future::pending::<Result<(), DbErr>>()).await;
    assert!(matches!(read, Err(DbErr::ConnectionAcquire(_))), "{read:?}");
}

#[tokio::test]
async fn a_portal_remembers_that_users_could_run_it() {
    each_engine(async |bed| {
        let (store, never) = (store(&bed).await, changed(&portal("a"), |content| content.user_invokable = false));
        create(&store, &never).await.unwrap();
        assert!(!store.was_user_invokable(never.id).await.unwrap());
        let mut now = never;
        for user_invokable in [true, false] {
            let next = changed(&now, |content| content.user_invokable = user_invokable);
            store.update_portal(&now, &next, &now.created_by, event(&next)).await.unwrap();
            assert!(store.was_user_invokable(next.id).await.unwrap());
            now = next;
        }
        let born = portal("b");
        create(&store, &born).await.unwrap();
        assert!(store.was_user_invokable(born.id).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_switching_off_waits_for_revocation_and_no_later_change_forgets_it() {
    each_engine(async |bed| {
        let (store, mut now) = (store(&bed).await, portal("a"));
        create(&store, &now).await.unwrap();
        let mut marks = Vec::new();
        for user_invokable in [false, true, false] {
            let next = changed(&now, |content| content.user_invokable = user_invokable);
            store.update_portal(&now, &next, &now.created_by, event(&next)).await.unwrap();
            now = next;
            let found = store.list_users_unrevoked(None).await.unwrap();
            assert_eq!((found.len(), found[0].portal, found[0].organization), (1, now.id, ORGANIZATION));
            marks.push(found[0]);
        }
        assert_eq!(marks[0].since, marks[1].since);
        store.mark_users_revoked(marks[0]).await.unwrap();
        assert_eq!(store.find_users_unrevoked(now.id).await.unwrap().unwrap().since, now.updated_at, "the later one");
        store.mark_users_revoked(marks[2]).await.unwrap();
        assert!(store.find_users_unrevoked(now.id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_portal_is_either_written_or_abandoned() {
    each_engine(async |bed| {
        let (store, written, late) = (store(&bed).await, portal("a"), portal("b"));
        let end = Ambient::system().now();
        create(&store, &written).await.unwrap();
        assert!(!store.abandon(written.id).await.unwrap());
        store.intend(&late).await.unwrap();
        let found = store.list_intentions(late.created_at, None).await.unwrap();
        assert_eq!((found.len(), found[0].portal, found[0].organization), (1, late.id, ORGANIZATION));
        assert!(store.list_intentions(end - chrono::TimeDelta::days(1), None).await.unwrap().is_empty());
        assert!(store.abandon(late.id).await.unwrap() && store.abandon(late.id).await.unwrap());
        let refused = store.create_portal(&late, MANY, event(&late)).await;
        assert!(matches!(refused, Err(Unwritten::Database(_))), "{refused:?}");
        assert!(store.find_portal(ORGANIZATION, "b").await.unwrap().is_none());
        assert_eq!(store.list_intentions(late.created_at, None).await.unwrap().len(), 1);
        store.forget_intention(late.id).await.unwrap();
        assert!(store.list_intentions(late.created_at, None).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn lists_come_in_pages_newest_first() {
    each_engine(async |bed| {
        let store = store(&bed).await;
        for slug in ["a", "b", "c"] {
            create(&store, &portal(slug)).await.unwrap();
        }
        let (page, total) = store.list_portals(ORGANIZATION, Page::new(2, 2)).await.unwrap();
        let slugs: Vec<_> = page.iter().map(|portal| portal.slug.as_str()).collect();
        assert_eq!((slugs, total), (vec!["a"], 3));
    })
    .await;
}
