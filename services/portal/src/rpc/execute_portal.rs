use std::sync::Arc;

use bytes::Bytes;
use contracts::execution::v1::{ExecutePortalRequest, ExecutePortalResponse};
use kit::{
    address::Networks,
    audit::{Event, Origin, Subject, context},
    error::Violation,
    grpc::{Caller, put_figures},
    json,
};
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};
use uuid::Uuid;

use super::ignored;
use crate::{
    catalog::Callable,
    domain::organization::Organization,
    error::Error,
    graphql::{Runnable, coerce},
    service::Parts,
    upstream::{
        outbound::{Call, Failure},
        target::Target,
    },
    verifier::Verdict,
};

/// How deep variables may nest.
pub(super) const MOST_DEPTH: usize = 64;

pub(super) async fn handle(
    service: &Parts,
    request: Request<ExecutePortalRequest>,
    notes: &mut MetadataMap,
) -> Result<ExecutePortalResponse, Error> {
    let caller = service.caller(&request);
    let ExecutePortalRequest { organization, portal, operation_name, variables_json } = request.into_inner();
    let given = json::text(&variables_json, MOST_DEPTH)?;
    let (callable, verdict) = service.authenticate(&caller, &organization, &portal).await?;
    let viewer = service.viewer(&verdict, &callable).await?;
    service.check_address(&caller, &callable, &verdict).await?;
    service.verifier.used(&verdict, &caller);
    service.count(&callable, notes)?;
    let schema = callable.target.schema().map_err(|unknown| Error::SchemaUnavailable(unknown.to_owned()))?;
    let document = callable.document.as_ref().map_err(|findings| Error::broken(findings))?;
    let operation = document.select(operation_name.as_deref())?;
    let ready = operation.ready.as_ref().map_err(|findings| Error::broken(findings))?;
    let coerced = coerce(schema, operation, given).map_err(Error::Invalid)?;
    if callable.portal.content.strict_variables && !coerced.ignored.is_empty() {
        let undeclared = |name| Violation::new(name, "is not declared by the operation");
        return Err(Error::Invalid(coerced.ignored.into_iter().map(undeclared).collect()));
    }
    let _permit =
        callable.in_flight.try_acquire().map_err(|_none_left: tokio::sync::TryAcquireError| Error::PortalBusy)?;
    let result_json = match &ready.runnable {
        Runnable::Embedded(prepared) => {
            let variables = coerced.read().map_err(Error::Invalid)?;
            let origin = Origin::of(&caller, Some(verdict.token));
            service.within_time(prepared.run(variables, (viewer, origin))).await?
        }
        Runnable::Remote => {
            let assertion = service.assertion(&callable, &viewer, &verdict)?;
            let call = Call {
                document: &ready.text,
                operation_name: operation.name.as_deref(),
                variables: &coerced.variables,
                kind: operation.kind,
                assertion: assertion.as_ref(),
            };
            service.run_remotely(&callable.target, call).await?
        }
    };
    let (ignored_variables, more_ignored_variables) = ignored::told(coerced.ignored);
    Ok(ExecutePortalResponse { result_json, ignored_variables, more_ignored_variables })
}

impl Parts {
    /// The portal at an address and the token that calls it. Whatever is wrong, the answer is the same.
    async fn authenticate(
        &self,
        caller: &Caller,
        organization: &str,
        portal: &str,
    ) -> Result<(Arc<Callable>, Arc<Verdict>), Error> {
        let verdict = self.verifier.verify_portal_token(caller).await?;
        // Nothing but the token's own portal is looked up: the time that the answer takes mustn't tell what else there is.
        let callable = self.catalog.find(verdict.portal, &self.store, &self.targets, &self.compiler).await?;
        let callable = callable.filter(|callable| callable.is_at(organization, portal));
        Ok((callable.ok_or(Error::PortalTokenRequired)?, verdict))
    }

    /// Refuses addresses outside the portal's list or the token's, and those that can't be known where there is a list.
    /// Audited once a minute and address.
    async fn check_address(&self, caller: &Caller, callable: &Callable, verdict: &Verdict) -> Result<(), Error> {
        let outside = |list: &Networks| !caller.client_ip.is_some_and(|ip| list.contains(ip));
        let (of, token) = if callable.networks.as_ref().is_some_and(outside) {
            ("portal", None)
        } else if verdict.networks.as_ref().is_some_and(outside) {
            ("token", Some(verdict.token))
        } else {
            return Ok(());
        };
        let denial = (callable.portal.id, caller.client_ip, token);
        if self.denials.entry(denial).or_insert(()).is_fresh() {
            let recorded = self.store.record(denied(caller, callable, verdict.token, of)).await;
            if let Err(error) = recorded {
                tracing::warn!(%error, "a refusal can't be audited");
                // The next one tries again.
                self.denials.invalidate(&denial);
            }
        }
        Err(Error::IpNotAllowed)
    }

    /// How many calls of its portals the organization may have in a minute; 0: any number.
    pub(super) fn calls_per_minute(&self, organization: &Organization) -> u32 {
        organization.portal_requests_per_minute.unwrap_or(self.config.limits.requests_per_minute)
    }

    /// Counts the call against the organization's limit.
    fn count(&self, callable: &Callable, notes: &mut MetadataMap) -> Result<(), Error> {
        let limit = self.calls_per_minute(&callable.organization);
        let Some(figures) = self.calls.count(callable.organization.id, limit, self.ambient.now()) else {
            return Ok(());
        };
        put_figures(notes, "ratelimit", figures);
        notes.insert("ratelimit-scope", tonic::metadata::MetadataValue::from_static("portal"));
        if figures.is_over() { Err(Error::RateLimited(figures)) } else { Ok(()) }
    }

    /// Runs an operation at an upstream.
    async fn run_remotely(&self, target: &Target, call: Call<'_>) -> Result<Bytes, Error> {
        let Target::Remote(remote) = target else { return Err(Error::Garbled("an operation without its API")) };
        let destination = remote.destination.as_ref().map_err(|unopened| {
            tracing::error!(upstream = %remote.upstream.id.0, %unopened, "an upstream's headers can't be opened");
            Failure::AuthFailed
        })?;
        Ok(self.outbound.run(destination, call).await?)
    }

    /// Waits for an execution as long as upstreams may take.
    pub(super) async fn within_time<T>(&self, run: impl Future<Output = T>) -> Result<T, Error> {
        let patience = self.config.upstream.timeout;
        tokio::time::timeout(patience, run)
            .await
            .map_err(|_elapsed: tokio::time::error::Elapsed| Error::UpstreamTimeout)
    }
}

/// `of`: whose list it was.
fn denied(caller: &Caller, callable: &Callable, token: Uuid, of: &str) -> Event {
    Event {
        kind: "PORTAL_ACCESS_DENIED",
        organization: callable.organization.id.0,
        actor: None,
        subject: Subject { kind: "portal", uuid: callable.portal.id.0, name: callable.portal.content.name.clone() },
        context: context(caller, Some(token)),
        data: json!({ "reason": "ip_not_allowed", "list": of }),
    }
}
