//! `GET /v2/organizations/{org}/portals/{slug}/usage`: how a portal is used.

use std::collections::BTreeMap;

use axum::response::Response;
use contracts::registry::v1::{
    GetPortalUsageRequest, GetPortalUsageResponse, OutcomeCount, UsageFigures, UsagePeriod, UsageResolution,
};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    form::{Names, instant, missing, names, rfc3339, rfc3339_or_null},
    rest::Rest,
};
use crate::{description::About, error::Error, reply};

#[derive(Serialize, ToSchema)]
#[schema(as = PortalUsage)]
struct UsageJson {
    /// When the first period begins.
    #[schema(format = "date-time", example = "2026-03-01T00:00:00.000Z")]
    from: String,
    /// When the last one ends.
    #[schema(format = "date-time", example = "2026-03-02T00:00:00.000Z")]
    to: String,
    /// `hour`, or `day` where more than 7 days are asked for.
    #[schema(example = "hour")]
    resolution: &'static str,
    /// When it was last called in the last 90 days.
    last_called_at: Option<String>,
    /// All periods together.
    #[serde(flatten)]
    total: FiguresJson,
    /// Those in which it was called, oldest first.
    periods: Vec<PeriodJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PortalUsagePeriod)]
struct PeriodJson {
    /// When it begins.
    #[schema(format = "date-time", example = "2026-03-01T14:00:00.000Z")]
    at: String,
    #[serde(flatten)]
    figures: FiguresJson,
}

/// Calls whose token counted.
#[derive(Serialize, ToSchema)]
#[schema(as = PortalUsageFigures)]
struct FiguresJson {
    #[schema(example = 1200)]
    calls: u64,
    /// How many came to something else than an answer without errors: by the code of their error, or `graphql_errors`, or
    /// `canceled` where the caller left.
    #[schema(example = json!({ "upstream_timeout": 3 }))]
    errors: BTreeMap<String, u64>,
    /// How long half of those that ran took at most, in milliseconds. An estimate.
    #[schema(example = 12.5)]
    p50_ms: Option<f64>,
    /// The same of 99 in a hundred.
    #[schema(example = 80.0)]
    p99_ms: Option<f64>,
}

impl FiguresJson {
    fn of(figures: Option<UsageFigures>) -> Result<Self, Error> {
        let UsageFigures { calls, errors, p50_ms, p99_ms } = figures.ok_or_else(|| missing("figures of usage"))?;
        let errors = errors.into_iter().map(|OutcomeCount { code, calls }| (code, calls)).collect();
        Ok(Self { calls, errors, p50_ms: p50_ms.map(rounded), p99_ms: p99_ms.map(rounded) })
    }
}

/// To microseconds: what is behind is no knowledge.
fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 1_000.0).round() / 1_000.0
}

impl PeriodJson {
    fn of(UsagePeriod { at, figures }: UsagePeriod) -> Result<Self, Error> {
        Ok(Self { at: rfc3339(at)?, figures: FiguresJson::of(figures)? })
    }
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    let instant = json!({ "type": "string", "format": "date-time" });
    let details = "Calls are counted some seconds after they end, and for 90 days. Calls whose token didn't count are none of \
                   any portal's.";
    About::of("get_portal_usage", "How a portal is used", details)
        .parameter("from", &instant, "From the period of then on; a day before `to` unless it is given.")
        .parameter(
            "to",
            &instant,
            "Until the end of the period of then, at most 90 days later; now unless it is given.",
        )
        .answers::<UsageJson>("The calls, by hour or day.")
        .refuses(422, &["validation_failed"])
}

/// Answers how a portal is used.
pub(crate) async fn show(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, portal) = names(path)?;
    let (from, to) = (instant(rest.query(), "from")?, instant(rest.query(), "to")?);
    let request = rest.request(GetPortalUsageRequest { organization, portal, from, to });
    let reply = rest.call(rest.gateway.registry().get_portal_usage(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let resolution = match reply.resolution() {
        UsageResolution::Day => "day",
        UsageResolution::Hour | UsageResolution::Unspecified => "hour",
    };
    let GetPortalUsageResponse { from, to, resolution: _, total, periods, last_called_at } = reply;
    let usage = UsageJson {
        from: rfc3339(from)?,
        to: rfc3339(to)?,
        resolution,
        last_called_at: rfc3339_or_null(last_called_at)?,
        total: FiguresJson::of(total)?,
        periods: periods.into_iter().map(PeriodJson::of).collect::<Result<_, _>>()?,
    };
    Ok(reply::json(StatusCode::OK, &metadata, &usage))
}
