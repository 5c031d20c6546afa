//! `ReportUses`.

use std::net::IpAddr;

use contracts::token::v1::{ReportUsesRequest, ReportUsesResponse, TokenUse};
use kit::{ambient::Instant, grpc::to_instant};
use tonic::{Request, metadata::MetadataMap};

use super::parse;
use crate::{Error, Service, domain::uses::Use, store::Used};

/// The most uses of one report.
const MOST: usize = 1_000;

pub(super) async fn handle(
    service: &Service,
    request: Request<ReportUsesRequest>,
    _: &mut MetadataMap,
) -> Result<ReportUsesResponse, Error> {
    let _caller = service.service(&request)?;
    let ReportUsesRequest { uses } = request.into_inner();
    if uses.len() > MOST {
        return Err(parse::invalid("uses", &format!("must be {MOST} at most")));
    }
    let now = service.0.ambient.now();
    let uses = uses.into_iter().enumerate().map(|(number, one)| parse_use(number, one, now));
    let uses = uses.collect::<Result<Vec<_>, _>>()?;
    service.0.store.note_uses(Used::PortalTokens, &uses).await?;
    Ok(ReportUsesResponse {})
}

fn parse_use(number: usize, message: TokenUse, now: Instant) -> Result<Use, Error> {
    let field = |name: &str| format!("uses[{number}].{name}");
    let TokenUse { token_uuid, used_at, client_ip } = message;
    let at = used_at.as_ref().and_then(to_instant);
    let at = at.ok_or_else(|| parse::invalid(&field("used_at"), "must be a time"))?;
    let ip = client_ip.map(|ip| ip.parse::<IpAddr>()).transpose();
    Ok(Use {
        token: parse::uuid(&field("token_uuid"), &token_uuid)?,
        // A reporter whose clock is ahead mustn't keep later uses from being written.
        at: at.min(now),
        ip: ip.map_err(|_bad| parse::invalid(&field("client_ip"), "must be an IP address"))?,
    })
}
