//! `POST /graphql` and `POST /v1`: runs a caller's own document, as GraphQL over HTTP has it.

use axum::{
    body::Bytes,
    extract::{Request, State},
    response::Response,
};
use contracts::execution::v1::ExecuteQueryRequest;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kit::json;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    arrival::Arrival,
    body,
    description::{About, reference},
    error::Error,
    gateway::{CALL_DEADLINE, Gateway},
    members::MOST_DEPTH,
    realm::Realm,
    reply,
};

/// The body. `variables` stay text, so that numbers keep their precision.
#[derive(Deserialize)]
struct Envelope {
    query: String,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Box<RawValue>>,
    #[serde(default)]
    extensions: Option<Box<RawValue>>,
}

impl Envelope {
    fn read(body: &[u8]) -> Result<ExecuteQueryRequest, Error> {
        // The variables of a body are one level deeper than the body of a portal call.
        json::object(body, MOST_DEPTH + 1).map_err(Error::NotAnObject)?;
        let Self { query, operation_name, variables, extensions } = if body.trim_ascii().is_empty() {
            return Err(Error::NotAQuery("missing field `query`".to_owned()));
        } else {
            serde_json::from_slice(body).map_err(|error| Error::NotAQuery(error.to_string()))?
        };
        let variables = object("variables", variables)?;
        object("extensions", extensions)?;
        let variables_json = variables.map(|variables| Bytes::copy_from_slice(variables.get().as_bytes()));
        let variables_json = variables_json.unwrap_or_default();
        Ok(ExecuteQueryRequest { query, operation_name, variables_json })
    }
}

/// What the member of that name holds, unless it is null.
fn object(name: &str, value: Option<Box<RawValue>>) -> Result<Option<Box<RawValue>>, Error> {
    let value = value.filter(|value| value.get() != "null");
    if value.as_ref().is_some_and(|value| !value.get().starts_with('{')) {
        return Err(Error::NotAQuery(format!("`{name}` must be an object")));
    }
    Ok(value)
}

/// [`execute`], described.
pub(crate) fn about_execute() -> About {
    about("execute_query")
}

/// The same at the other address.
pub(crate) fn about_execute_v1() -> About {
    about("execute_query_v1")
}

fn about(id: &'static str) -> About {
    let request = json!({ "type": "object", "required": ["query"], "properties": {
        "query": { "type": "string", "example": "{ viewer { user { name } } }", "description": "The document." },
        "operationName": { "type": ["string", "null"], "example": null, "description": "Which of its operations runs." },
        "variables": { "type": ["object", "null"], "example": null },
        "extensions": { "type": ["object", "null"], "example": null },
    } });
    let answer = json!({ "schema": reference("GraphqlResponse") });
    let newer = "application/graphql-response+json";
    About::of(
        id,
        "Run a document of your own",
        "Against the built-in API, as GraphQL over HTTP has it. Not for upstreams: only portals reach those.",
    )
    .knows_graphql()
    .takes_raw(json!({ "required": true, "content": { "application/json": { "schema": request } } }))
    .answers_raw(200, "What the document gave.", json!({ "application/json": answer, newer: answer }))
    .refuses(400, &["invalid_body"])
    .refuses_as(400, newer, answer)
}

/// Runs the document against the built-in API.
pub(crate) async fn execute(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    request: Request,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let media = Media::wanted(request.headers());
    let message = Envelope::read(&body::read(request, gateway.rest_bounds()).await?)?;
    let request = gateway.request(&arrival, message, CALL_DEADLINE);
    let mut execution = gateway.execution();
    let reply = gateway.call(Realm::Api, &arrival, execution.execute_query(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let mut response = reply::raw(&metadata, reply.result_json);
    response.headers_mut().insert(header::CONTENT_TYPE, media.name());
    if media == Media::GraphqlResponse && !reply.executed {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

/// What the answer is announced as (GraphQL over HTTP, "Response").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    /// Always 200 once the request could be read, which is what older clients rely on.
    Json,
    /// 400 when nothing ran.
    GraphqlResponse,
}

impl Media {
    /// The newer one where the client names it and doesn't prefer the older one.
    fn wanted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<_> = accepted.flat_map(|value| value.split(',')).map(range).collect();
        let weight = |name: &str| {
            let of_name = ranges.iter().filter(|(range, _)| range.eq_ignore_ascii_case(name));
            of_name.map(|(_, weight)| *weight).fold(0.0, f32::max)
        };
        let newer = weight("application/graphql-response+json");
        if newer > 0.0 && newer >= weight("application/json") { Self::GraphqlResponse } else { Self::Json }
    }

    fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        })
    }
}

/// A range of `Accept` and its weight (RFC 9110 §12.5.1).
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (name, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_type_is_for_those_who_name_it() {
        for (accept, wanted) in [
            ("", Media::Json),
            ("*/*", Media::Json),
            ("application/json", Media::Json),
            ("application/graphql-response+json", Media::GraphqlResponse),
            ("application/graphql-response+json, application/json;q=0.9", Media::GraphqlResponse),
            ("application/json, application/graphql-response+json", Media::GraphqlResponse),
            ("application/json, Application/GraphQL-Response+JSON; q=0.5", Media::Json),
            ("application/graphql-response+json;q=0", Media::Json),
            ("application/graphql-response+json;q=x, text/html", Media::Json),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(Media::wanted(&headers), wanted, "{accept}");
        }
        assert_eq!(Media::wanted(&HeaderMap::new()), Media::Json);
    }
}
