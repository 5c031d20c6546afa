use contracts::registry::v1::{
    GetPortalUsageRequest, GetPortalUsageResponse, OutcomeCount, UsageFigures, UsagePeriod, UsageResolution,
};
use kit::{
    ambient::Instant,
    grpc::{to_instant, to_timestamp},
};
use prost_types::Timestamp;
use tonic::{Request, metadata::MetadataMap};

use super::authority::SEE_PORTAL;
use crate::{
    domain::usage::{Figures, Span},
    error::Error,
    service::Parts,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetPortalUsageRequest>,
    notes: &mut MetadataMap,
) -> Result<GetPortalUsageResponse, Error> {
    let caller = service.caller(&request);
    let GetPortalUsageRequest { organization, portal, from, to } = request.into_inner();
    let authority = service.authorize(caller, &organization, SEE_PORTAL, notes).await?;
    let (from, to) = (instant("from", from)?, instant("to", to)?);
    let span = Span::new(from, to, service.ambient.now()).map_err(|(field, why)| Error::invalid(field, why))?;
    let portal = service.store.find_portal(authority.organization.id, &portal).await?.ok_or(Error::NoPortal)?;
    let periods = service.store.usage(portal.id, span).await?;
    let last = service.store.last_called_at(portal.id).await?;
    let mut total = Figures::default();
    for (_, figures) in &periods {
        total.merge(figures);
    }
    let resolution = if span.daily { UsageResolution::Day } else { UsageResolution::Hour };
    Ok(GetPortalUsageResponse {
        from: Some(to_timestamp(span.from)),
        to: Some(to_timestamp(span.to)),
        resolution: resolution.into(),
        total: Some(shown(&total)),
        periods: periods.iter().map(|(at, figures)| period(*at, figures)).collect(),
        last_called_at: last.map(to_timestamp),
    })
}

fn instant(field: &str, given: Option<Timestamp>) -> Result<Option<Instant>, Error> {
    let read = |given| to_instant(&given).ok_or_else(|| Error::invalid(field, "is no time"));
    given.map(read).transpose()
}

fn period(at: Instant, figures: &Figures) -> UsagePeriod {
    UsagePeriod { at: Some(to_timestamp(at)), figures: Some(shown(figures)) }
}

fn shown(figures: &Figures) -> UsageFigures {
    let errors = figures.errors().map(|(code, calls)| OutcomeCount { code: code.to_owned(), calls });
    UsageFigures {
        calls: figures.calls(),
        errors: errors.collect(),
        p50_ms: figures.percentile(0.5),
        p99_ms: figures.percentile(0.99),
    }
}
