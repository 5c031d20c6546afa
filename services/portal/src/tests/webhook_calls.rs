//! The RPCs of notification services, as tests make them.

use contracts::webhook::v1::{
    CreateNotificationServiceRequest, DeleteNotificationServiceRequest, GetNotificationServiceRequest,
    ListNotificationServicesRequest, ListNotificationServicesResponse, NotificationService,
    UpdateNotificationServiceRequest, webhook_service_client::WebhookServiceClient,
};
use kit::grpc::{Peer, Refusal};
use prost_types::FieldMask;
use tonic::{Response, Status};

use super::world::{World, everywhere_with};

pub(super) const TOKEN: &str = "hush-0123456789abcdef";

/// Runs `test` in worlds that may call this machine, and whose caller may change notification services.
pub(super) async fn hooked(test: impl AsyncFn(World)) {
    hooked_with(|_| {}, test).await;
}

/// The same with other settings.
pub(super) async fn hooked_with(change: impl Fn(&mut crate::Config), test: impl AsyncFn(World)) {
    let settings = |config: &mut crate::Config| {
        config.upstream.allowed_networks = "127.0.0.0/8".parse().unwrap();
        change(config);
    };
    everywhere_with(settings, async |world| {
        world.tokens.scopes.lock().unwrap().extend(["read_notification_services", "write_notification_services"]);
        test(world).await;
    })
    .await;
}

pub(super) fn client(world: &World) -> WebhookServiceClient<Peer> {
    WebhookServiceClient::new(world.peer())
}

#[expect(clippy::result_large_err, reason = "tonic chooses the size of a status")]
pub(super) fn read<T>(reply: Result<Response<T>, Status>) -> Result<T, Refusal> {
    reply.map(Response::into_inner).map_err(|status| Refusal::of(&status))
}

pub(super) async fn create(
    world: &World,
    url: &str,
    change: impl FnOnce(&mut CreateNotificationServiceRequest),
) -> Result<NotificationService, Refusal> {
    let mut message = CreateNotificationServiceRequest {
        organization: "acme".into(),
        description: "Chat".into(),
        url: url.into(),
        token: Some(TOKEN.into()),
        ..CreateNotificationServiceRequest::default()
    };
    change(&mut message);
    Ok(read(client(world).create_notification_service(world.request(message)).await)?.notification_service.unwrap())
}

pub(super) async fn update(
    world: &World,
    uuid: &str,
    mask: &[&str],
    change: impl FnOnce(&mut UpdateNotificationServiceRequest),
) -> Result<NotificationService, Refusal> {
    let mut message = UpdateNotificationServiceRequest {
        organization: "acme".into(),
        uuid: uuid.into(),
        update_mask: Some(FieldMask { paths: mask.iter().map(ToString::to_string).collect() }),
        ..UpdateNotificationServiceRequest::default()
    };
    change(&mut message);
    Ok(read(client(world).update_notification_service(world.request(message)).await)?.notification_service.unwrap())
}

pub(super) async fn get(world: &World, uuid: &str) -> Result<NotificationService, Refusal> {
    let message = GetNotificationServiceRequest { organization: "acme".into(), uuid: uuid.into() };
    Ok(read(client(world).get_notification_service(world.request(message)).await)?.notification_service.unwrap())
}

pub(super) async fn delete(world: &World, uuid: &str) -> Result<(), Refusal> {
    let message = DeleteNotificationServiceRequest { organization: "acme".into(), uuid: uuid.into() };
    read(client(world).delete_notification_service(world.request(message)).await).map(|_| ())
}

pub(super) async fn list(
    world: &World,
    change: impl FnOnce(&mut ListNotificationServicesRequest),
) -> Result<ListNotificationServicesResponse, Refusal> {
    let mut message = ListNotificationServicesRequest { organization: "acme".into(), ..Default::default() };
    change(&mut message);
    read(client(world).list_notification_services(world.request(message)).await)
}
