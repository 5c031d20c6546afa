//! One GET.

use std::time::Duration;

use axum::body::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::crypto::ring;

type Fault = Box<dyn std::error::Error + Send + Sync>;

const PATIENCE: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 64 << 10;

/// What is at `url`. Neither redirects nor proxies that the environment names are followed.
pub(super) async fn get(url: &Uri) -> Result<Bytes, Fault> {
    tokio::time::timeout(PATIENCE, load(url)).await?
}

async fn load(url: &Uri) -> Result<Bytes, Fault> {
    let builder = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(ring::default_provider())?;
    // One connection for one request, so that nothing of it outlives the answer.
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build::<_, Empty<Bytes>>(builder.https_or_http().enable_http1().build());
    // GitHub answers nobody who doesn't say who they are.
    let request =
        Request::get(url.clone()).header(header::USER_AGENT, "portals").header(header::ACCEPT, "application/json");
    let answer = client.request(request.body(Empty::new())?).await?;
    if answer.status() != StatusCode::OK {
        return Err(format!("answered {}", answer.status()).into());
    }
    Ok(Limited::new(answer.into_body(), MOST_BYTES).collect().await?.to_bytes())
}
