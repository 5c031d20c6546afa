//! `POST /graphql` and `POST /v1`: runs a caller's own document, as GraphQL over HTTP has it.

use axum::{
    body::Bytes,
    extract::{Request, State},
    response::Response,
};
use contracts::execution::v1::ExecuteQueryRequest;
use kit::json;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    arrival::Arrival,
    body,
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
}

impl Envelope {
    fn read(body: &[u8]) -> Result<ExecuteQueryRequest, Error> {
        // The variables of a body are one level deeper than the body of a portal call.
        json::object(body, MOST_DEPTH + 1).map_err(Error::NotAnObject)?;
        let Self { query, operation_name, variables } = if body.trim_ascii().is_empty() {
            return Err(Error::NotAQuery("missing field `query`".to_owned()));
        } else {
            serde_json::from_slice(body).map_err(|error| Error::NotAQuery(error.to_string()))?
        };
        let variables = variables.filter(|variables| variables.get() != "null");
        if variables.as_ref().is_some_and(|variables| !variables.get().starts_with('{')) {
            return Err(Error::NotAQuery("`variables` must be an object".to_owned()));
        }
        let variables_json = variables.map(|variables| Bytes::copy_from_slice(variables.get().as_bytes()));
        let variables_json = variables_json.unwrap_or_default();
        Ok(ExecuteQueryRequest { query, operation_name, variables_json })
    }
}

/// Runs the document against the built-in API.
pub(crate) async fn execute(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    request: Request,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let message = Envelope::read(&body::read(request, gateway.rest_bounds()).await?)?;
    let request = gateway.request(&arrival, message, CALL_DEADLINE);
    let mut execution = gateway.execution();
    let reply = gateway.call(Realm::Api, &arrival, execution.execute_query(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::raw(&metadata, reply.result_json))
}
