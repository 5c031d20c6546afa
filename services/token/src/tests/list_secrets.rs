//! `ListSecrets`.

use contracts::credential::v1::ListSecretsRequest;
use kit::grpc::to_timestamp;
use uuid::Uuid;

use super::{
    secrets::portal,
    world::{PORTAL, at, everywhere, from_outside, refusal},
};

const OTHER: Uuid = Uuid::from_u128(0x0c);

#[tokio::test]
async fn a_portals_secrets_are_listed_oldest_first() {
    everywhere(async |world| {
        let first = world.secret(PORTAL).await;
        world.clock.pass(1);
        let second = world.secret(PORTAL).await;
        world.secret(OTHER).await;
        assert_eq!(world.list_secrets(PORTAL).await, [first.shown, second.shown.clone()]);
        let request = ListSecretsRequest { portal: Some(portal(PORTAL)), page: 2, per_page: 1 };
        let request = from_outside(request, Some(world.api_token.expose()));
        let page = world.credentials().list_secrets(request).await.unwrap().into_inner();
        assert_eq!((page.secrets, page.total), (vec![second.shown], 2));
    })
    .await;
}

#[tokio::test]
async fn the_last_use_is_written_at_most_once_a_minute() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let used = async |ip: &str| {
            world.send_from(ip, super::secrets::exchange(PORTAL, secret.plain.expose())).await.unwrap();
            let shown = world.list_secrets(PORTAL).await.remove(0);
            (shown.last_used_at, shown.last_used_ip)
        };
        world.clock.pass(5);
        let first = (Some(to_timestamp(at(5))), Some("192.0.2.8".to_owned()));
        assert_eq!(used("192.0.2.8").await, first);
        world.clock.pass(59);
        assert_eq!(used("192.0.2.9").await, first);
        world.clock.pass(1);
        assert_eq!(used("192.0.2.9").await, (Some(to_timestamp(at(65))), Some("192.0.2.9".to_owned())));
    })
    .await;
}

#[tokio::test]
async fn only_who_may_see_portals_sees_secrets() {
    everywhere(async |world| {
        world.secret(PORTAL).await;
        let ask = async |of| {
            let request = ListSecretsRequest { portal: Some(portal(of)), page: 0, per_page: 0 };
            let request = from_outside(request, Some(world.api_token.expose()));
            refusal(world.credentials().list_secrets(request).await)
        };
        assert_eq!(ask(Uuid::nil()).await.message, "No portal found");
        world.tamper("UPDATE api_tokens SET scopes = 'write_portals'", vec![]).await;
        assert_eq!(ask(PORTAL).await.reason, "missing_scope");
    })
    .await;
}
