use contracts::webhook::v1::{CreateNotificationServiceRequest, CreateNotificationServiceResponse};
use kit::error::Violation;
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};
use zeroize::Zeroizing;

use super::{
    asked_upstream::Faults,
    authority::CREATE_SERVICE,
    notification_service::{audited, new_token, seal, token_mode, wire},
};
use crate::{
    domain::{
        id::NotificationServiceId,
        notification_service::{
            Filter, NotificationService, check_branches, check_description, check_events, check_pipelines,
            check_states, check_token,
        },
    },
    error::Error,
    service::Parts,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<CreateNotificationServiceRequest>,
    notes: &mut MetadataMap,
) -> Result<CreateNotificationServiceResponse, Error> {
    let caller = service.caller(&request);
    let request = request.into_inner();
    let authority = service.authorize(caller, &request.organization, CREATE_SERVICE, notes).await?;
    let Wish { description, url, token, filter } = Wish::read(service, &request)?;
    let now = service.ambient.now();
    let new = NotificationService {
        id: NotificationServiceId(service.ambient.uuid()),
        organization: authority.organization.id,
        description,
        enabled: !request.disabled,
        url,
        token_mode: token_mode(request.token_mode()),
        filter,
        created_at: now,
        updated_at: now,
        created_by: authority.identity.user.clone(),
    };
    let sealed = seal(service, &token, &new)?;
    let event = authority.service_event("NOTIFICATION_SERVICE_CREATED", &new, json!({ "after": audited(&new) }));
    service.store.create_notification_service(&new, sealed, service.config.webhooks.services, event).await?;
    Ok(CreateNotificationServiceResponse { notification_service: Some(wire(new, &token)) })
}

/// What is asked for, checked.
struct Wish {
    description: String,
    url: url::Url,
    token: Zeroizing<String>,
    filter: Filter,
}

impl Wish {
    fn read(service: &Parts, request: &CreateNotificationServiceRequest) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let description = faults.take(check_description(request.description.clone()));
        let url = service.outbound.check(&request.url);
        let url = faults.take(url.map_err(|fault| Violation::new("settings.url", fault)));
        let token = match &request.token {
            Some(token) => faults.take(check_token(token.clone())),
            None => Some(new_token(service)),
        };
        let events = faults.take(check_events(&request.events));
        let pipelines = faults.take(check_pipelines(&request.pipeline_uuids));
        let branches = faults.take(check_branches(request.branch_configuration.clone()));
        let states = faults.take(check_states(&request.build_states));
        faults.end()?;
        // Each is there, since none has a fault.
        let wish = || {
            let filter = Filter { events: events?, pipelines: pipelines?, branches: branches?, states: states? };
            Some(Self { description: description?, url: url?, token: token?, filter })
        };
        wish().ok_or(Error::Garbled("a notification service without faults"))
    }
}
