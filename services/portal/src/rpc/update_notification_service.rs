use chrono::TimeDelta;
use contracts::webhook::v1::{UpdateNotificationServiceRequest, UpdateNotificationServiceResponse};
use kit::error::Violation;
use serde_json::{Value, json};
use tonic::{Request, metadata::MetadataMap};
use zeroize::Zeroizing;

use super::{
    asked_upstream::Faults,
    authority::CHANGE_SERVICE,
    notification_service::{audited, find, new_token, open, seal, token_mode, wire},
};
use crate::{
    domain::notification_service::{
        NotificationService, check_branches, check_description, check_events, check_pipelines, check_states,
        check_token,
    },
    error::Error,
    service::Parts,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<UpdateNotificationServiceRequest>,
    notes: &mut MetadataMap,
) -> Result<UpdateNotificationServiceResponse, Error> {
    let caller = service.caller(&request);
    let request = request.into_inner();
    let authority = service.authorize(caller, &request.organization, CHANGE_SERVICE, notes).await?;
    let (before, sealed) = find(service, &authority, &request.uuid).await?;
    let Change { mut after, token: given } = Change::read(service, &request, &before)?;
    let changed = changed_fields(&before, &after, given.is_some());
    if changed.is_empty() {
        let token = open(service, &before, &sealed)?;
        return Ok(UpdateNotificationServiceResponse { notification_service: Some(wire(before, &token)) });
    }
    after.updated_at = service.ambient.now().max(before.updated_at + TimeDelta::microseconds(1));
    let is_new = given.is_some();
    let token = match given {
        Some(token) => token,
        None => open(service, &before, &sealed)?,
    };
    // It is kept for one origin.
    let sealed = if is_new || after.url != before.url { Some(seal(service, &token, &after)?) } else { None };
    let event = authority.service_event(kind(&changed, after.enabled), &after, data(&before, &after, &changed));
    service.store.update_notification_service(&before, &after, sealed, event).await?;
    // It may have something to deliver at once.
    service.desk.tell();
    Ok(UpdateNotificationServiceResponse { notification_service: Some(wire(after, &token)) })
}

/// What a request names, checked.
struct Change {
    after: NotificationService,
    token: Option<Zeroizing<String>>,
}

impl Change {
    fn read(
        service: &Parts,
        request: &UpdateNotificationServiceRequest,
        before: &NotificationService,
    ) -> Result<Self, Error> {
        let mode = token_mode(request.token_mode());
        let mut change = Self { after: before.clone(), token: None };
        let (after, mut faults) = (&mut change.after, Faults::default());
        for path in request.update_mask.iter().flat_map(|mask| &mask.paths) {
            match path.as_str() {
                "description" => {
                    faults.put(&mut after.description, check_description(request.description.clone()));
                }
                "enabled" => after.enabled = request.enabled,
                "pipeline_uuids" => faults.put(&mut after.filter.pipelines, check_pipelines(&request.pipeline_uuids)),
                "branch_configuration" => {
                    faults.put(&mut after.filter.branches, check_branches(request.branch_configuration.clone()));
                }
                "build_states" => faults.put(&mut after.filter.states, check_states(&request.build_states)),
                "url" => {
                    let checked = service.outbound.check(&request.url);
                    faults.put(&mut after.url, checked.map_err(|fault| Violation::new("settings.url", fault)));
                }
                "token" => {
                    change.token = match &request.token {
                        Some(token) => faults.take(check_token(token.clone())),
                        None => Some(new_token(service)),
                    }
                }
                "token_mode" => after.token_mode = mode,
                "events" => faults.put(&mut after.filter.events, check_events(&request.events)),
                other => return Err(Error::invalid("update_mask", format!("names {other:?}, which can't be changed"))),
            }
        }
        faults.end()?;
        Ok(change)
    }
}

/// The names of what differs, as bodies name them. A token that is given counts.
fn changed_fields(before: &NotificationService, after: &NotificationService, token: bool) -> Vec<&'static str> {
    let (filter, old) = (&after.filter, &before.filter);
    [
        ("description", after.description != before.description),
        ("enabled", after.enabled != before.enabled),
        ("scope_uuids", filter.pipelines != old.pipelines),
        ("branch_configuration", filter.branches != old.branches),
        ("build_states", filter.states != old.states),
        ("settings.url", after.url != before.url),
        ("settings.token", token),
        ("settings.token_mode", after.token_mode != before.token_mode),
        ("settings.events", filter.events != old.events),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

/// The type of the change's audit event.
fn kind(changed: &[&str], enabled: bool) -> &'static str {
    match (changed, enabled) {
        (["enabled"], true) => "NOTIFICATION_SERVICE_ENABLED",
        (["enabled"], false) => "NOTIFICATION_SERVICE_DISABLED",
        _ => "NOTIFICATION_SERVICE_UPDATED",
    }
}

fn data(before: &NotificationService, after: &NotificationService, changed: &[&str]) -> Value {
    json!({ "changed": changed, "before": audited(before), "after": audited(after) })
}
