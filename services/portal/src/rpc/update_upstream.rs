use chrono::TimeDelta;
use contracts::registry::v1::{UpdateUpstreamRequest, UpdateUpstreamResponse};
use http::HeaderMap;
use kit::error::Violation;
use serde_json::{Value, json};
use tonic::{Request, metadata::MetadataMap};

use super::{
    asked_upstream::{Faults, headers, names, origin, schema},
    authority::{Authority, CHANGE_UPSTREAM},
    wire,
};
use crate::{
    domain::upstream::{Source, Upstream, check_slug, check_timeout},
    drift::Asked,
    error::Error,
    service::Parts,
    store::{Beside, SchemaText},
    upstream::seal::Sealed,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<UpdateUpstreamRequest>,
    notes: &mut MetadataMap,
) -> Result<UpdateUpstreamResponse, Error> {
    let (began, caller) = (service.ambient.since_boot(), service.caller(&request));
    let request = request.into_inner();
    let authority = service.authorize(caller, &request.organization, CHANGE_UPSTREAM, notes).await?;
    let missing = || Error::NoUpstream;
    let found = service.store.find_upstream(authority.organization.id, &request.upstream).await?.ok_or_else(missing)?;
    let (before, sealed) = service.store.find_upstream_by_id(found.id).await?.ok_or_else(missing)?;
    let change = Change::read(service, request, &before).await?;
    let counts = service.counts(before.id).await?;
    let after = change.write(service, &authority, &before, &sealed).await?;
    service.check_soon(after.id, began).await;
    // After the commit nothing may fail.
    let counts = service.counts(after.id).await.unwrap_or(counts);
    Ok(UpdateUpstreamResponse { upstream: Some(wire::upstream(after, counts)) })
}

/// What a request names, checked.
struct Change {
    /// With new `slug`, `url` and `timeout`.
    after: Upstream,
    headers: Option<HeaderMap>,
    schema: Option<(Source, Option<SchemaText>)>,
}

impl Change {
    async fn read(service: &Parts, request: UpdateUpstreamRequest, before: &Upstream) -> Result<Self, Error> {
        let source = request.schema_source();
        let mut change = Self { after: before.clone(), headers: None, schema: None };
        let (after, mut faults, mut sdl) = (&mut change.after, Faults::default(), request.sdl);
        for path in request.update_mask.iter().flat_map(|mask| &mask.paths) {
            match path.as_str() {
                "slug" => faults.put(&mut after.slug, check_slug(&request.slug)),
                "url" => {
                    let checked = service.outbound.check(&request.url);
                    faults.put(&mut after.url, checked.map_err(|fault| Violation::new("url", fault)));
                }
                "headers" => change.headers = faults.take_all(headers(&request.headers)),
                "schema" => change.schema = faults.take_all(schema(source, std::mem::take(&mut sdl)).await),
                "timeout_ms" => {
                    let most = service.config.upstream.timeout;
                    faults.put(&mut after.timeout, check_timeout(request.timeout_ms, most));
                }
                other => return Err(Error::invalid("update_mask", format!("names {other:?}, which can't be changed"))),
            }
        }
        let names_headers = request.update_mask.iter().flat_map(|mask| &mask.paths).any(|path| path == "headers");
        if after.url.origin() != before.url.origin() && !names_headers {
            // Whoever may change the URL must not be able to have the headers sent to an address of theirs.
            if !before.header_names.is_empty() {
                let message =
                    "must be given again for another origin: their values never leave the one they were given for";
                faults.take::<()>(Err(Violation::new("headers", message)));
            }
            // That there are none is bound to the origin, too.
            change.headers = Some(HeaderMap::new());
        }
        faults.end()?;
        Ok(change)
    }

    async fn write(
        self,
        service: &Parts,
        authority: &Authority,
        before: &Upstream,
        sealed: &Sealed,
    ) -> Result<Upstream, Error> {
        let Self { mut after, headers, schema } = self;
        after.updated_at = service.ambient.now().max(before.updated_at + TimeDelta::microseconds(1));
        let resealed = match &headers {
            Some(headers) => {
                after.header_names = names(headers);
                let sealed = service.targets.seals().seal(headers, after.id, &after.url, &service.ambient);
                Some(sealed.ok_or(Error::Garbled("keys"))?)
            }
            None => None,
        };
        let mut asks = headers.is_some() || after.url != before.url;
        let mut given = None;
        if let Some((source, text)) = schema {
            (after.source, given, asks) = (source, text, true);
        }
        let asked: Option<Asked> = match given {
            Some(text) => Some(Ok(text)),
            None if !asks || after.source == Source::Sdl => None,
            None => Some(match service.destination(&after, resealed.as_ref().unwrap_or(sealed)) {
                Ok(destination) => service.ask_for_schema(&destination).await,
                Err(fault) => Err(fault),
            }),
        };
        let learned = asked.map(|asked| service.learn(after.source, &before.schema, asked));
        let schema = learned.map(|(state, outcome)| {
            after.schema = state;
            outcome
        });
        let event = authority.upstream_event("UPSTREAM_UPDATED", &after, changes(before, &after, headers.is_some()));
        service.store.update_upstream(before, &after, Beside { headers: resealed, schema }, event).await?;
        service.catalog.changed();
        Ok(after)
    }
}

/// What the audit trail has of a change.
fn changes(before: &Upstream, after: &Upstream, has_headers: bool) -> Value {
    json!({
        "changed": changed_fields(before, after, has_headers && before.header_names.len() + after.header_names.len() > 0),
        "url": origin(after),
        "headers": after.header_names,
        "schema": { "before": before.schema.digest, "after": after.schema.digest },
    })
}

/// The names of what differs, as bodies name them. Values of headers can't be compared, so headers that are given count.
fn changed_fields(before: &Upstream, after: &Upstream, headers: bool) -> Vec<&'static str> {
    [
        ("slug", before.slug != after.slug),
        ("url", before.url != after.url),
        ("headers", headers),
        ("schema", before.source != after.source || before.schema.digest != after.schema.digest),
        ("timeout_ms", before.timeout != after.timeout),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}
