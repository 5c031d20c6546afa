//! Services that answer what they are told to, and remember what they were asked.

mod audit;
mod credential;
mod directory;
mod execution;
mod pipelines;
mod registry;
mod token;
mod values;
mod webhook;

use std::{
    any::Any,
    sync::{Arc, Mutex},
};

use contracts::{
    audit::v1::audit_service_server::AuditServiceServer,
    credential::v1::credential_service_server::CredentialServiceServer,
    directory::v1::{directory_service_server::DirectoryServiceServer, session_service_server::SessionServiceServer},
    execution::v1::execution_service_server::ExecutionServiceServer,
    pipelines::v1::pipelines_service_server::PipelinesServiceServer,
    registry::v1::{Operation, registry_service_server::RegistryServiceServer},
    token::v1::token_service_server::TokenServiceServer,
    webhook::v1::webhook_service_server::WebhookServiceServer,
};
use kit::{
    error::{Code, Fault, Violation},
    grpc::{Caller, to_status},
};
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Response, Status, service::Routes};

/// How the services answer from now on.
#[derive(Clone, Default)]
pub(super) struct Plan {
    pub(super) refuse: Option<Refuse>,
    pub(super) status: Option<Status>,
    pub(super) figures: Vec<(&'static str, &'static str)>,
    pub(super) result: &'static str,
    /// Ignored variables: the names, and how many more.
    pub(super) ignored: (Vec<String>, u32),
    pub(super) total: u32,
    /// What the portal runs, instead of the usual.
    pub(super) operations: Vec<Operation>,
    /// What paths name.
    pub(super) place: Place,
    /// No session counts.
    pub(super) signed_out: bool,
    pub(super) panics: bool,
    /// What portals ask of callers can be checked, and not written.
    pub(super) breaks_when_written: bool,
    /// Answers wait for a permit.
    pub(super) gate: Option<Arc<Semaphore>>,
}

/// What a path names.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// A portal.
    #[default]
    Portal,
    /// A portal that users may be asked to run.
    Invokable,
    /// Nothing.
    Nowhere,
}

/// An error of a service.
#[derive(Clone, Debug, Default, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refuse {
    pub(super) class: Option<Code>,
    pub(super) reason: &'static str,
    pub(super) message: &'static str,
    pub(super) violations: Vec<Violation>,
    pub(super) facts: Vec<(&'static str, &'static str)>,
    pub(super) retry_after: Option<std::time::Duration>,
}

impl Refuse {
    pub(super) fn new(class: Code, reason: &'static str) -> Self {
        Self { class: Some(class), reason, message: "Because", ..Self::default() }
    }
}

impl Fault for Refuse {
    fn class(&self) -> Code {
        self.class.unwrap_or(Code::Internal)
    }
    fn reason(&self) -> &'static str {
        self.reason
    }
    fn violations(&self) -> &[Violation] {
        &self.violations
    }
    fn retry_after(&self) -> Option<std::time::Duration> {
        self.retry_after
    }
    fn facts(&self) -> std::collections::BTreeMap<String, String> {
        self.facts.iter().map(|(name, fact)| ((*name).to_owned(), (*fact).to_owned())).collect()
    }
}

#[derive(Default)]
struct State {
    plan: Plan,
    asked: Vec<(Caller, Box<dyn Any + Send>)>,
    timeouts: Vec<String>,
}

#[derive(Clone)]
pub(super) struct Script {
    state: Arc<Mutex<State>>,
    count: watch::Sender<usize>,
}

impl Default for Script {
    fn default() -> Self {
        Self { state: Arc::default(), count: watch::channel(0).0 }
    }
}

impl Script {
    pub(super) fn routes(&self) -> Routes {
        Routes::new(TokenServiceServer::new(self.clone()))
            .add_service(RegistryServiceServer::new(self.clone()))
            .add_service(ExecutionServiceServer::new(self.clone()))
            .add_service(CredentialServiceServer::new(self.clone()))
            .add_service(PipelinesServiceServer::new(self.clone()))
            .add_service(DirectoryServiceServer::new(self.clone()))
            .add_service(SessionServiceServer::new(self.clone()))
            .add_service(AuditServiceServer::new(self.clone()))
            .add_service(WebhookServiceServer::new(self.clone()))
            .prepare()
    }

    pub(super) fn plan(&self, plan: Plan) {
        self.state.lock().unwrap().plan = plan;
    }

    pub(super) fn refuse(&self, refuse: Refuse) {
        self.plan(Plan { refuse: Some(refuse), ..Plan::default() });
    }

    /// How often the services were asked.
    pub(super) fn asked(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until the services were asked so often.
    pub(super) async fn was_asked(&self, times: usize) {
        self.count.subscribe().wait_for(|count| *count >= times).await.unwrap();
    }

    /// Who asked last, and what.
    pub(super) fn last<T: Clone + 'static>(&self) -> (Caller, T) {
        let state = self.state.lock().unwrap();
        let (caller, message) = state.asked.last().unwrap();
        (caller.clone(), message.downcast_ref::<T>().unwrap().clone())
    }

    /// Who asked for a `T` last, and what for.
    pub(super) fn last_of<T: Clone + 'static>(&self) -> (Caller, T) {
        let state = self.state.lock().unwrap();
        let asked = state.asked.iter().rev();
        let found = asked.filter_map(|(caller, message)| Some((caller.clone(), message.downcast_ref::<T>()?.clone())));
        found.into_iter().next().unwrap()
    }

    /// Who asked for a `T` first, and what for.
    pub(super) fn first<T: Clone + 'static>(&self) -> (Caller, T) {
        let state = self.state.lock().unwrap();
        let found = state
            .asked
            .iter()
            .find_map(|(caller, message)| Some((caller.clone(), message.downcast_ref::<T>()?.clone())));
        found.unwrap()
    }

    pub(super) fn last_timeout(&self) -> String {
        self.state.lock().unwrap().timeouts.last().unwrap().clone()
    }

    /// How often the services were asked for `T`.
    pub(super) fn count<T: 'static>(&self) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|(_, message)| message.is::<T>()).count()
    }

    /// What comes before the plan's refusal: a look-up on the way to what a test is about.
    fn prepare<T: Send + 'static, R>(&self, request: Request<T>, reply: impl FnOnce(&Plan) -> R) -> Response<R> {
        Response::new(reply(&self.note(request)))
    }

    fn note<T: Send + 'static>(&self, request: Request<T>) -> Plan {
        let mut state = self.state.lock().unwrap();
        let timeout = request.metadata().get("grpc-timeout").unwrap().to_str().unwrap().to_owned();
        state.timeouts.push(timeout);
        let caller = Caller::of(&request, &super::key());
        state.asked.push((caller, Box::new(request.into_inner())));
        let plan = state.plan.clone();
        drop(state);
        self.count.send_modify(|count| *count += 1);
        plan
    }

    async fn answer<T: Send + 'static, R>(
        &self,
        request: Request<T>,
        reply: impl FnOnce(&Plan) -> R,
    ) -> Result<Response<R>, Status> {
        let plan = self.note(request);
        if let Some(gate) = &plan.gate {
            gate.acquire().await.unwrap().forget();
        }
        assert!(!plan.panics, "as planned");
        let refused = plan.status.clone().or_else(|| plan.refuse.as_ref().map(|refuse| to_status(refuse)));
        let mut answer = refused.map_or_else(|| Ok(Response::new(reply(&plan))), Err);
        let metadata = match &mut answer {
            Ok(response) => response.metadata_mut(),
            Err(status) => status.metadata_mut(),
        };
        for (name, value) in &plan.figures {
            metadata.insert(*name, value.parse().unwrap());
        }
        answer
    }
}

fn not_ours<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not the gateway's"))
}
