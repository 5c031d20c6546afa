//! `POST /secret_scanning`: a scanner reports credentials that lie in public (GitHub's secret scanning partner programme).

use std::collections::HashMap;

use axum::{
    extract::{Request, State},
    response::Response,
};
use contracts::token::v1::{ReportLeakRequest, ReportLeakResponse};
use http::StatusCode;
use kit::error::Violation;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tonic::metadata::MetadataMap;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::{
    arrival::Arrival,
    body,
    description::About,
    error::Error,
    gateway::Gateway,
    realm::Realm,
    reply,
    scanner::{Signature, Unavailable},
};

/// The most findings of one report.
const MOST: usize = 1_000;

/// A finding.
#[derive(Deserialize)]
struct Finding {
    token: Zeroizing<String>,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    source: Option<String>,
}

/// What is said of a finding.
#[derive(Serialize, ToSchema)]
#[schema(as = Label)]
struct LabelJson {
    /// SHA-256 of the token, in hexadecimal digits: an answer holds no credential.
    token_hash: String,
    token_type: String,
    #[schema(value_type = String, example = "true_positive")]
    label: &'static str,
}

/// [`report`], described.
pub(crate) fn about_report() -> About {
    let finding = json!({
        "type": "object", "required": ["token"],
        "properties": {
            "token": { "type": "string" }, "type": { "type": "string" },
            "url": { "type": ["string", "null"] }, "source": { "type": ["string", "null"] },
        },
        "example": { "token": "bkua_…", "type": "portals_api_access_token", "url": "https://example.com/leak", "source": "content" },
    });
    let findings = json!({ "type": "array", "maxItems": MOST, "items": finding });
    About::of(
        "report_leaks",
        "Report credentials that lie in public",
        "As GitHub's secret scanning does, signed with its key. Only where the installation knows whose reports it believes.",
    )
    .asks_header("GITHUB-PUBLIC-KEY-IDENTIFIER", "Which key the report is signed with.")
    .asks_header("GITHUB-PUBLIC-KEY-SIGNATURE", "ECDSA P-256 with SHA-256 over the body, in base64.")
    .takes_raw(json!({ "required": true, "content": { "application/json": { "schema": findings } } }))
    .answers_all::<LabelJson>("What each finding is.")
    .refuses(403, &["unsigned_report"])
    .refuses(404, &["not_found"])
    .refuses(422, &["validation_failed"])
    .refuses(503, &["scanner_keys_unavailable"])
}

/// Ends each credential of a signed report that is one of ours.
pub(crate) async fn report(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    request: Request,
) -> Result<Response, Error> {
    let scanner = gateway.scanner().ok_or(Error::NotFound)?;
    let signature = Signature::of(request.headers()).ok_or(Error::UnsignedReport)?;
    let body = body::read(request, gateway.rest_bounds()).await?;
    match scanner.admits(&signature, &body, gateway.ambient()).await {
        Ok(true) => {}
        Ok(false) => return Err(Error::UnsignedReport),
        Err(Unavailable) => return Err(Error::NoScannerKeys),
    }
    let mut known = HashMap::new();
    let mut labels = Vec::new();
    for Finding { token, kind, url, source } in findings(&body)? {
        let hash = hex::encode(digest(&SHA256, token.as_bytes()));
        // One that was found twice is still true the second time.
        let is_known = match known.get(&hash) {
            Some(is_known) => *is_known,
            None => end(&gateway, &arrival, token, [source, url]).await?,
        };
        known.insert(hash.clone(), is_known);
        let label = if is_known { "true_positive" } else { "false_positive" };
        labels.push(LabelJson { token_hash: hash, token_type: kind, label });
    }
    Ok(reply::unstored(reply::json(StatusCode::OK, &MetadataMap::new(), &labels)))
}

fn findings(body: &[u8]) -> Result<Vec<Finding>, Error> {
    // What serde says of it may repeat a part of it.
    let findings: Vec<Finding> = serde_json::from_slice(body).map_err(|_said| Error::NotAReport)?;
    if findings.len() > MOST {
        let message = format!("stands in more than {MOST} findings");
        return Err(Error::Invalid(vec![Violation::new("token", message)], 0));
    }
    Ok(findings)
}

/// Whether it is, or was, a credential of ours, which is over now.
async fn end(
    gateway: &Gateway,
    arrival: &Arrival,
    mut token: Zeroizing<String>,
    [source, url]: [Option<String>; 2],
) -> Result<bool, Error> {
    let [source, url] = [source, url].map(Option::unwrap_or_default);
    let message = ReportLeakRequest { credential: std::mem::take(&mut *token), source, url };
    let request = gateway.plain_request(arrival, message);
    let mut tokens = gateway.tokens();
    let reply = gateway.call(Realm::Api, arrival, tokens.report_leak(request)).await?;
    let ReportLeakResponse { known, revoked: _ } = reply.into_inner();
    Ok(known)
}
