//! `GET /v2/organizations/{org}/rate_limit`: how the limits of an organization stand.

use axum::response::Response;
use chrono::{SecondsFormat, SubsecRound, TimeDelta};
use contracts::{registry::v1::GetRateLimitRequest, token::v1::RateFigures};
use http::StatusCode;
use kit::ambient::Instant;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    form::{Names, missing, names},
    rest::Rest,
};
use crate::{description::About, error::Error, reply};

/// The limits.
#[derive(Serialize, ToSchema)]
#[schema(as = RateLimit)]
struct RateLimitJson {
    scopes: Scopes,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RateLimitScopes)]
struct Scopes {
    /// Management requests, in a minute.
    rest: ScopeJson,
    /// Complexity of documents that were sent to `/graphql`, in five minutes.
    graphql: ScopeJson,
    /// Calls of portals, in a minute.
    portal: ScopeJson,
}

/// How one of them stands.
#[derive(Serialize, ToSchema)]
#[schema(as = RateLimitScope)]
struct ScopeJson {
    /// 0 where there is no limit.
    #[schema(example = 200)]
    limit: u32,
    current: u32,
    /// Seconds until the window ends.
    #[schema(example = 42)]
    reset: u32,
    reset_at: String,
    /// Whether there is a limit.
    #[schema(example = true)]
    enforced: bool,
}

impl ScopeJson {
    fn of(figures: Option<RateFigures>, now: Instant) -> Result<Self, Error> {
        let RateFigures { limit, current, reset_seconds: reset } = figures.ok_or_else(|| missing("a rate"))?;
        // Windows end with whole seconds.
        let reset_at = now.trunc_subsecs(0) + TimeDelta::seconds(reset.into());
        let reset_at = reset_at.to_rfc3339_opts(SecondsFormat::Millis, true);
        Ok(Self { limit, current, reset, reset_at, enforced: limit > 0 })
    }
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_rate_limit", "How the limits of an organization stand", "This request is counted too.")
        .answers::<RateLimitJson>("The limits.")
}

/// Answers how they stand, this request included.
pub(crate) async fn show(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let request = rest.request(GetRateLimitRequest { organization: names(path)? });
    let reply = rest.call(rest.gateway.registry().get_rate_limit(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let now = rest.gateway.ambient().now();
    let scopes = Scopes {
        rest: ScopeJson::of(reply.rest, now)?,
        graphql: ScopeJson::of(reply.graphql, now)?,
        portal: ScopeJson::of(reply.portal, now)?,
    };
    Ok(reply::json(StatusCode::OK, &metadata, &RateLimitJson { scopes }))
}
