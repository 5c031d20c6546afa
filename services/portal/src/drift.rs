//! Schemas of upstreams as they change, and the portals that no longer fit (spec §3).
//!
//! A new schema commits first; then every portal on its upstream is held against it, in small steps that any node may
//! take up: what is left to do is in the rows. Calls don't wait for that: each node compiles against the new schema itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use kit::{
    ambient::Instant,
    audit::{Actor, Event, Subject},
    boot::Tasks,
};
use serde_json::{Value, json};

use crate::{
    domain::{
        id::UpstreamId,
        portal::{Check, Portal},
        upstream::{SchemaState, Source, Upstream},
    },
    error::Error,
    graphql::{Document, Finding, Schema},
    service::{Parts, Service},
    store::{Counts, Outcome, SchemaText, Trace},
    upstream::{
        outbound::{Destination, Failure},
        seal::Sealed,
        target::Target,
    },
    webhooks::Told,
};

/// How often it is looked for schemas that are due and portals that are to be checked.
const LOOK: Duration = Duration::from_secs(if cfg!(test) { 3_600 } else { 15 });
/// How long a change may take in all, from its beginning to the acknowledgement: the gateway gives up after 10 s.
const IN_ALL: Duration = Duration::from_secs(7);
/// How long an upstream may take to answer for its schema.
const ANSWER: Duration = Duration::from_secs(5);
/// How soon a schema is fetched again that couldn't be had; the pause doubles up to the regular one.
const RETRY: TimeDelta = TimeDelta::minutes(1);
/// How often a schema would be fetched where none is.
const REGULAR: TimeDelta = TimeDelta::hours(1);
/// For how long nobody else fetches a schema that somebody is fetching.
const CLAIM: TimeDelta = TimeDelta::minutes(2);
/// The longest schema, in bytes (spec §8).
const MOST_SDL: usize = 8 << 20;
/// The longest sentence about one that is no schema, in characters.
const MOST_FAULT: usize = 300;
/// How many findings an audit event has of a broken portal.
const MOST_FINDINGS: usize = 5;

/// Who had a schema asked for, and how; nobody where it was due.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cause {
    pub(crate) actor: Option<Actor>,
    pub(crate) context: Value,
}

/// What came of asking for a schema: its text, or a sentence.
pub(crate) type Asked = Result<SchemaText, String>;

/// Reads a schema's text. The error lists every finding. A large one takes tens of milliseconds, beside the runtime's threads.
pub(crate) async fn read(sdl: String) -> Result<SchemaText, Vec<Finding>> {
    if sdl.len() > MOST_SDL {
        return Err(vec![Finding::whole(format!("It is longer than {MOST_SDL} bytes"))]);
    }
    if sdl.contains('\0') {
        return Err(vec![Finding::whole("It has NUL characters in it")]);
    }
    let parsed = tokio::task::spawn_blocking(move || {
        Schema::read(&sdl).map(|schema| SchemaText { digest: schema.digest().to_owned(), sdl })
    });
    parsed.await.unwrap_or_else(|broke| Err(vec![Finding::whole(format!("It can't be read: {broke}"))]))
}

/// What is known of a schema after it was asked for at `now`.
fn known(before: &SchemaState, asked: &Asked, now: Instant) -> SchemaState {
    let before = before.clone();
    match asked {
        Ok(text) if before.digest.as_ref() == Some(&text.digest) => {
            SchemaState { checked_at: Some(now), fault: None, ..before }
        }
        Ok(text) => {
            SchemaState { digest: Some(text.digest.clone()), changed_at: Some(now), checked_at: Some(now), fault: None }
        }
        Err(fault) => SchemaState { checked_at: Some(now), fault: Some(fault.clone()), ..before },
    }
}

/// How long after asking for a schema it is asked for again, where that is done `regular`ly. After a fault sooner: 1 min, and
/// twice as long as the last time after each further one.
fn pause(before: &SchemaState, now: &SchemaState, regular: TimeDelta) -> TimeDelta {
    match (&now.fault, &before.fault, before.checked_at.zip(now.checked_at)) {
        (None, ..) => regular,
        (Some(_), Some(_), Some((last, this))) => ((this - last) * 2).clamp(RETRY, regular.max(RETRY)),
        (Some(_), ..) => RETRY.min(regular),
    }
}

impl Service {
    /// Fetches schemas that are due, and checks portals again, until the stop.
    pub(crate) fn follow_schemas(&self, tasks: &Tasks) {
        let service = self.clone();
        // The built-in API's schema changes with the program. Once: while nodes of two versions run, each has its own.
        let is_built_in_checked = Arc::new(AtomicBool::new(false));
        tasks.every(LOOK, move || {
            let (Self(parts), is_checked) = (service.clone(), Arc::clone(&is_built_in_checked));
            async move {
                if !is_checked.load(Ordering::Relaxed) {
                    let checked = parts.check_portals(None).await;
                    is_checked.store(checked.is_ok(), Ordering::Relaxed);
                    if let Err(error) = checked {
                        tracing::warn!(%error, "portals can't be checked against the built-in API's schema");
                    }
                }
                if let Err(error) = parts.catch_up().await {
                    tracing::warn!(%error, "portals can't be checked against changed schemas");
                }
            }
        });
    }
}

impl Parts {
    /// Does what is due about upstreams. What an upstream answers, or doesn't, hinders no other.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        self.check_upstreams().await?;
        if self.config.upstream.refresh.is_some() {
            // One after the other: some that hang mustn't take more than one request's resources. All of them together take less
            // time than the claim holds.
            for id in self.store.claim_due_schemas(self.ambient.now() + CLAIM).await? {
                if let Err(error) = self.refresh(id, Cause::default()).await {
                    tracing::warn!(upstream = %id.0, %error, "an upstream's schema can't be refreshed");
                }
            }
            self.check_upstreams().await?;
        }
        let broken = self.store.count_broken().await?;
        metrics::gauge!("portals_broken").set(f64::from(u32::try_from(broken).unwrap_or(u32::MAX)));
        Ok(())
    }

    /// Checks the portals of all upstreams whose schema isn't the one that they were held against.
    async fn check_upstreams(&self) -> Result<(), Error> {
        let mut last = None;
        loop {
            let upstreams = self.store.list_upstreams_to_check(last).await?;
            if upstreams.is_empty() {
                return Ok(());
            }
            for id in upstreams {
                last = Some(id);
                self.check_portals(Some(id)).await?;
            }
        }
    }

    /// Whom to ask, or why that can't be known: a sentence.
    pub(crate) fn destination(&self, of: &Upstream, sealed: &Sealed) -> Result<Destination, String> {
        let headers = self.targets.seals().open(sealed, of.id, &of.url);
        let headers = headers.map_err(|unopened| format!("Its headers can't be read: {unopened}"))?;
        Ok(Destination { id: of.id, url: of.url.clone(), headers, timeout: of.timeout })
    }

    /// Asks an upstream for its schema.
    pub(crate) async fn ask_for_schema(&self, destination: &Destination) -> Asked {
        let answer = tokio::time::timeout(ANSWER, self.outbound.introspect(destination)).await;
        let sdl = answer.unwrap_or(Err(Failure::Timeout)).map_err(|failure| match failure {
            Failure::Timeout => "The GraphQL API didn't tell its schema in time".to_owned(),
            other => other.to_string(),
        })?;
        read(sdl).await.map_err(|findings| {
            let first = findings.first().map(|finding| finding.message.chars().take(MOST_FAULT).collect::<String>());
            format!("What it answered is no valid schema: {}", first.unwrap_or_default())
        })
    }

    /// What is known of a schema after `asked`, and what is to be written beside it. `before`: what was known.
    pub(crate) fn learn(&self, source: Source, before: &SchemaState, asked: Asked) -> (SchemaState, Outcome) {
        let now = self.ambient.now();
        let state = known(before, &asked, now);
        // Set even where no schema is fetched regularly: it counts when that is switched on.
        let regular = self.config.upstream.refresh.and_then(|regular| TimeDelta::from_std(regular).ok());
        let regular = regular.unwrap_or(REGULAR);
        let due = (source == Source::Introspection).then(|| now + pause(before, &state, regular));
        let text = asked.ok().filter(|text| before.digest.as_ref() != Some(&text.digest));
        (state, Outcome { text, due })
    }

    /// Asks an upstream for its schema and keeps what comes of it. `None`: it is gone, or was changed meanwhile. A schema that
    /// was given stays as it is.
    pub(crate) async fn refresh(&self, id: UpstreamId, cause: Cause) -> Result<Option<Upstream>, Error> {
        let Some((before, sealed)) = self.store.find_upstream_by_id(id).await? else { return Ok(None) };
        if before.source == Source::Sdl {
            return Ok(Some(before));
        }
        let asked = match self.destination(&before, &sealed) {
            Ok(destination) => self.ask_for_schema(&destination).await,
            Err(fault) => Err(fault),
        };
        let (state, outcome) = self.learn(before.source, &before.schema, asked);
        let event = outcome.text.as_ref().map(|text| schema_changed(&before, &text.digest, cause));
        let written = self.store.write_schema(&before, &state, outcome, event).await?;
        self.catalog.changed();
        Ok(written.then_some(Upstream { schema: state, ..before }))
    }

    /// Holds every portal on `upstream` against its present schema, unless it was before.
    pub(crate) async fn check_portals(&self, upstream: Option<UpstreamId>) -> Result<(), Error> {
        let Some(target) = self.target(upstream).await? else { return Ok(()) };
        let Ok(schema) = target.schema() else { return Ok(()) };
        let mut last = None;
        loop {
            let portals = self.store.list_unchecked(upstream, schema.digest(), last).await?;
            if portals.is_empty() {
                return Ok(());
            }
            for portal in portals {
                last = Some(portal.id);
                self.check_portal(&portal, &target).await?;
            }
        }
    }

    /// The same for as long as an acknowledgement may still take of a change that began at `began` (since boot). What isn't done
    /// then is done by [`Service::follow_schemas`].
    pub(crate) async fn check_soon(&self, upstream: UpstreamId, began: Duration) {
        let left = IN_ALL.saturating_sub(self.ambient.since_boot().saturating_sub(began));
        match tokio::time::timeout(left, self.check_portals(Some(upstream))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(upstream = %upstream.0, %error, "portals wait to be checked"),
            Err(elapsed) => tracing::info!(upstream = %upstream.0, %elapsed, "portals wait to be checked"),
        }
    }

    async fn check_portal(&self, portal: &Portal, target: &Target) -> Result<(), Error> {
        let document = self.compiler.document(portal, target);
        let faults = match &document {
            Ok(document) => broken_operations(document),
            Err(unfit) => vec![(None, unfit.to_vec())],
        };
        let since = portal.check.broken_since.unwrap_or_else(|| self.ambient.now());
        let check = Check { broken_since: (!faults.is_empty()).then_some(since), ..target.checked() };
        let newly = !faults.is_empty() && portal.check.broken_since.is_none();
        let document = document.as_deref().map_err(|findings| &**findings);
        let trace = if newly { Some(self.broken(portal, (&check, target), document, &faults).await?) } else { None };
        if self.store.mark_checked(portal, &check, trace).await? && newly {
            metrics::counter!("portals_broken_total").increment(1);
            tracing::warn!(portal = %portal.id.0, "a portal doesn't fit its upstream's schema any more");
        }
        Ok(())
    }

    /// What is written of a portal that is broken by a check.
    async fn broken(
        &self,
        portal: &Portal,
        (check, target): (&Check, &Target),
        document: Result<&Document, &[Finding]>,
        faults: &[Fault],
    ) -> Result<Trace, Error> {
        let event = broken(portal, target, faults);
        let Some(organization) = self.store.find_organization_by_id(portal.organization).await? else {
            return Ok(event.into());
        };
        let portal = &Portal { check: check.clone(), ..portal.clone() };
        let told = Told { organization: &organization, portal, target, document };
        Ok(Trace::telling(event, told.notice("portal.broken", None, &self.config.public_url)))
    }

    /// The slugs of the portals on an upstream that are broken.
    pub(crate) async fn broken_portals(&self, upstream: UpstreamId) -> Result<Vec<String>, Error> {
        const MOST: u64 = 100;
        Ok(self.store.list_broken(upstream, MOST).await?)
    }

    /// The portals on an upstream.
    pub(crate) async fn counts(&self, upstream: UpstreamId) -> Result<Counts, Error> {
        Ok(self.store.count_portals_on(&[upstream]).await?.remove(&upstream).unwrap_or_default())
    }
}

/// An operation's name, and why it can't run.
type Fault = (Option<String>, Vec<Finding>);

fn broken_operations(document: &Document) -> Vec<Fault> {
    let fault = |operation: &crate::graphql::Operation| {
        operation.ready.as_ref().err().map(|findings| (operation.name.clone(), findings.clone()))
    };
    document.operations().iter().filter_map(fault).collect()
}

fn broken(portal: &Portal, target: &Target, faults: &[Fault]) -> Event {
    let findings = faults.iter().flat_map(|(_, findings)| findings).take(MOST_FINDINGS);
    let findings: Vec<_> = findings
        .map(|Finding { message, position }| {
            json!({ "message": message, "line": position.map(|at| at.0), "column": position.map(|at| at.1) })
        })
        .collect();
    let operations: Vec<_> = faults.iter().map(|(name, _)| name).collect();
    Event {
        kind: "PORTAL_BROKEN",
        organization: portal.organization.0,
        actor: None,
        subject: Subject { kind: "portal", uuid: portal.id.0, name: portal.content.name.clone() },
        context: Value::Null,
        data: json!({
            "upstream": target.slug(),
            "schema": target.schema().ok().map(Schema::digest),
            "version": portal.version,
            "operations": operations,
            "errors": findings,
        }),
    }
}

/// The audit event of a schema that changed at the upstream's side.
fn schema_changed(upstream: &Upstream, digest: &str, Cause { actor, context }: Cause) -> Event {
    Event {
        kind: "UPSTREAM_UPDATED",
        organization: upstream.organization.0,
        actor,
        subject: Subject { kind: "upstream", uuid: upstream.id.0, name: upstream.slug.to_string() },
        context,
        data: json!({ "changed": ["schema"], "schema": { "before": upstream.schema.digest, "after": digest } }),
    }
}
