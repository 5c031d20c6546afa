use std::sync::Arc;

use bytes::Bytes;
use contracts::execution::v1::{ExecutePortalRequest, ExecutePortalResponse};
use kit::{
    address::Networks,
    audit::{Event, Origin, Subject, context},
    error::{Fault as _, Violation},
    grpc::{Caller, put_figures},
    json,
    trace::Span,
};
use serde_json::{json, value::RawValue};
use tokio::time::Instant;
use tonic::{Request, metadata::MetadataMap};
use uuid::Uuid;

use super::ignored;
use crate::{
    catalog::Callable,
    domain::organization::Organization,
    error::Error,
    graphql::{Coerced, Operation, Ready, Runnable, Viewer, coerce},
    service::Parts,
    upstream::{
        outbound::{Call, Failure, envelope},
        target::Target,
    },
    usage::Counted,
    verifier::Verdict,
};

/// How deep variables may nest.
pub(super) const MOST_DEPTH: usize = 64;

pub(super) async fn handle(
    service: &Parts,
    request: Request<ExecutePortalRequest>,
    notes: &mut MetadataMap,
) -> Result<ExecutePortalResponse, Error> {
    let (begun, caller) = (Instant::now(), service.caller(&request));
    let ExecutePortalRequest { organization, portal, operation_name, variables_json } = request.into_inner();
    let given = json::text(&variables_json, MOST_DEPTH)?;
    let (callable, verdict) = service.authenticate(&caller, &organization, &portal).await?;
    let viewer = Parts::viewer(&verdict, &callable)?;
    // From here on it is the portal's: whose token doesn't count called nobody.
    let counted = Counted::begin(&callable.tally, &service.ambient, begun);
    let asked = Asked { caller: &caller, callable: &callable, verdict: &verdict };
    let reply = service.execute(asked, viewer, (operation_name.as_deref(), given), notes).await;
    counted.end(outcome(&reply));
    reply
}

/// A call whose token counts.
#[derive(Clone, Copy)]
struct Asked<'a> {
    caller: &'a Caller,
    callable: &'a Callable,
    verdict: &'a Verdict,
}

/// How usage counts what came of a call.
fn outcome(reply: &Result<ExecutePortalResponse, Error>) -> &'static str {
    match reply {
        Ok(reply) if envelope::has_errors(&reply.result_json) => "graphql_errors",
        Ok(_) => "ok",
        Err(error) => error.reason(),
    }
}

impl Parts {
    /// Runs what a call is for, if it may.
    async fn execute(
        &self,
        asked: Asked<'_>,
        viewer: Viewer,
        (operation_name, given): (Option<&str>, &RawValue),
        notes: &mut MetadataMap,
    ) -> Result<ExecutePortalResponse, Error> {
        let Asked { caller, callable, verdict } = asked;
        self.check_address(caller, callable, verdict).await?;
        self.verifier.used(verdict, caller);
        self.count(callable, notes).await?;
        let schema = callable.target.schema().map_err(|unknown| Error::SchemaUnavailable(unknown.to_owned()))?;
        let document = callable.document.as_ref().map_err(|findings| Error::broken(findings))?;
        let operation = document.select(operation_name)?;
        let ready = operation.ready.as_ref().map_err(|findings| Error::broken(findings))?;
        let coerced = coerce(schema, operation, given).map_err(Error::Invalid)?;
        if callable.portal.content.strict_variables && !coerced.ignored.is_empty() {
            let undeclared = |name| Violation::new(name, "is not declared by the operation");
            return Err(Error::Invalid(coerced.ignored.into_iter().map(undeclared).collect()));
        }
        let _permit =
            callable.in_flight.try_acquire().map_err(|_none_left: tokio::sync::TryAcquireError| Error::PortalBusy)?;
        let span = span(callable, operation);
        let run = self.run(asked, viewer, (operation, ready), &coerced);
        let result_json = span.within(run).await.inspect_err(|error| span.fail(error.reason()))?;
        let (ignored_variables, more_ignored_variables) = ignored::told(coerced.ignored);
        Ok(ExecutePortalResponse { result_json, ignored_variables, more_ignored_variables })
    }

    /// Runs an operation where it runs.
    async fn run(
        &self,
        Asked { caller, callable, verdict }: Asked<'_>,
        viewer: Viewer,
        (operation, ready): (&Operation, &Ready),
        coerced: &Coerced,
    ) -> Result<Bytes, Error> {
        match &ready.runnable {
            Runnable::Embedded(prepared) => {
                let variables = coerced.read().map_err(Error::Invalid)?;
                let origin = Origin::of(caller, Some(verdict.token));
                let begun = Instant::now();
                let result = self.within_time(prepared.run(variables, (viewer, origin))).await;
                let outcome = if result.is_ok() { "ok" } else { "timeout" };
                metrics::histogram!("portals_upstream_duration_seconds", "upstream" => "(built-in)", "outcome" => outcome)
                    .record(begun.elapsed());
                result
            }
            Runnable::Remote => {
                let assertion = self.assertion(callable, &viewer, verdict)?;
                let call = Call {
                    document: &ready.text,
                    operation_name: operation.name.as_deref(),
                    variables: &coerced.variables,
                    kind: operation.kind,
                    assertion: assertion.as_ref(),
                };
                self.run_remotely(&callable.target, call).await
            }
        }
    }

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
    async fn count(&self, callable: &Callable, notes: &mut MetadataMap) -> Result<(), Error> {
        let limit = self.calls_per_minute(&callable.organization);
        let Some(figures) = self.calls.count(callable.organization.id, limit, self.ambient.now()).await else {
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

/// What a trace shows of an execution: which portal, and what kind of operation.
fn span(callable: &Callable, operation: &Operation) -> Span {
    let span = Span::internal("execute portal");
    if span.is_recording() {
        span.set("portals.organization", callable.organization.slug.clone());
        span.set("portals.portal", callable.portal.slug.to_string());
        span.set("portals.portal.uuid", callable.portal.id.0.to_string());
        span.set("graphql.operation.type", operation.kind.word());
    }
    span
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
