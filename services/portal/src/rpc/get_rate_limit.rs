use contracts::{
    registry::v1::{GetRateLimitRequest, GetRateLimitResponse},
    token::v1::RateFigures,
};
use kit::window::{Counter, Figures};
use tonic::{Request, metadata::MetadataMap};

use super::authority::SEE_RATE_LIMIT;
use crate::{
    error::Error,
    service::{Parts, Spender},
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetRateLimitRequest>,
    notes: &mut MetadataMap,
) -> Result<GetRateLimitResponse, Error> {
    let caller = service.caller(&request);
    let GetRateLimitRequest { organization } = request.into_inner();
    let authority = service.authorize(caller, &organization, SEE_RATE_LIMIT, notes).await?;
    let (organization, now) = (authority.organization, service.ambient.now());
    let (spender, limit) = (Spender::Organization(organization.id), service.config.limits.graphql_complexity);
    let spent = service.complexity.look(&spender, limit, now).await;
    let calls = service.calls.look(&organization.id, service.calls_per_minute(&organization), now).await;
    // The token service counts management requests in minutes too, and they begin together everywhere.
    let rest = authority.identity.organization_rate;
    Ok(GetRateLimitResponse {
        rest: Some(rest.unwrap_or_else(|| none(service.calls.reset(now)))),
        graphql: Some(figures(spent, &service.complexity, now)),
        portal: Some(figures(calls, &service.calls, now)),
    })
}

fn figures<K>(figures: Option<Figures>, counter: &Counter<K>, now: kit::ambient::Instant) -> RateFigures {
    let shown = |Figures { limit, current, reset }| RateFigures { limit, current, reset_seconds: reset };
    figures.map_or_else(|| none(counter.reset(now)), shown)
}

/// Where there is no limit, nothing is counted.
fn none(reset_seconds: u32) -> RateFigures {
    RateFigures { limit: 0, current: 0, reset_seconds }
}
