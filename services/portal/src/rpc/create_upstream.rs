use contracts::registry::v1::{CreateUpstreamRequest, CreateUpstreamResponse};
use kit::error::Violation;
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};

use super::{
    asked_upstream::{Faults, headers, names, origin, schema},
    authority::CREATE_UPSTREAM,
    wire,
};
use crate::{
    domain::{
        id::UpstreamId,
        upstream::{SchemaState, Upstream, check_slug, check_timeout},
    },
    error::Error,
    service::Parts,
    store::{Beside, Counts, Unwritten},
    upstream::outbound::Destination,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<CreateUpstreamRequest>,
    notes: &mut MetadataMap,
) -> Result<CreateUpstreamResponse, Error> {
    let caller = service.caller(&request);
    let request = request.into_inner();
    let source = request.schema_source();
    let CreateUpstreamRequest { organization, slug, url, headers: given, schema_source: _, sdl, timeout_ms } = request;
    let authority = service.authorize(caller, &organization, CREATE_UPSTREAM, notes).await?;
    let mut faults = Faults::default();
    let slug = faults.take(check_slug(&slug));
    let url = faults.take(service.outbound.check(&url).map_err(|fault| Violation::new("url", fault)));
    let headers = faults.take_all(headers(&given));
    let schema = faults.take_all(schema(source, sdl).await);
    let timeout = faults.take(check_timeout(timeout_ms, service.config.upstream.timeout));
    faults.end()?;
    // Each is there, since none has a fault.
    let Some(((slug, url), (headers, ((source, text), timeout)))) = slug.zip(url).zip(headers.zip(schema.zip(timeout)))
    else {
        return Err(Error::Garbled("an upstream without faults"));
    };
    if service.store.find_upstream(authority.organization.id, slug.as_str()).await?.is_some() {
        return Err(Unwritten::UpstreamSlugTaken.into());
    }
    let id = UpstreamId(service.ambient.uuid());
    let sealed = service.targets.seals().seal(&headers, id, &url, &service.ambient);
    let header_names = names(&headers);
    let asked = match text {
        Some(text) => Ok(text),
        None => service.ask_for_schema(&Destination { id, url: url.clone(), headers, timeout }).await,
    };
    let (schema, outcome) = service.learn(source, &SchemaState::default(), asked);
    let now = service.ambient.now();
    let upstream = Upstream {
        id,
        organization: authority.organization.id,
        slug,
        url,
        header_names,
        source,
        timeout,
        schema,
        created_at: now,
        updated_at: now,
        created_by: authority.identity.user.clone(),
    };
    let data = json!({
        "slug": upstream.slug.as_str(), "url": origin(&upstream), "headers": upstream.header_names,
        "schema": { "after": upstream.schema.digest },
    });
    let event = authority.upstream_event("UPSTREAM_CREATED", &upstream, data);
    let beside = Beside { headers: sealed, schema: Some(outcome) };
    service.store.create_upstream(&upstream, beside, service.config.limits.upstreams, event).await?;
    service.catalog.changed();
    Ok(CreateUpstreamResponse { upstream: Some(wire::upstream(upstream, Counts::default())) })
}
