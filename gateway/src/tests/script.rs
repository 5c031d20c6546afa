//! Services that answer what they are told to, and remember what they were asked.

use std::{
    any::Any,
    sync::{Arc, Mutex},
};

use axum::body::Bytes;
use contracts::{
    execution::v1::{
        ExecutePortalRequest, ExecutePortalResponse, ExecuteQueryRequest, ExecuteQueryResponse,
        execution_service_server::{ExecutionService, ExecutionServiceServer},
    },
    registry::v1::{
        CreatePortalRequest, CreatePortalResponse, DeletePortalRequest, DeletePortalResponse, GetOrganizationRequest,
        GetOrganizationResponse, GetPortalRequest, GetPortalResponse, ListOrganizationsRequest,
        ListOrganizationsResponse, ListPortalsRequest, ListPortalsResponse, Operation, OperationKind, Organization,
        Portal, UpdatePortalRequest, UpdatePortalResponse, Variable, Warning,
        registry_service_server::{RegistryService, RegistryServiceServer},
    },
    token::v1::{
        GetAuthenticatedUserRequest, GetAuthenticatedUserResponse, IssueServiceTokenRequest, IssueServiceTokenResponse,
        RevokePortalRequest, RevokePortalResponse, User, VerifyApiTokenRequest, VerifyApiTokenResponse,
        VerifyPortalTokenRequest, VerifyPortalTokenResponse,
        token_service_server::{TokenService, TokenServiceServer},
    },
};
use kit::{
    error::{Code, Fault, Violation},
    grpc::{Caller, to_status},
};
use prost_types::Timestamp;
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Response, Status, service::Routes};

/// How the services answer from now on.
#[derive(Clone, Default)]
pub(super) struct Plan {
    pub(super) refuse: Option<Refuse>,
    pub(super) status: Option<Status>,
    pub(super) figures: Vec<(&'static str, &'static str)>,
    pub(super) result: &'static str,
    pub(super) ignored: Vec<String>,
    pub(super) total: u32,
    pub(super) panics: bool,
    /// Answers wait for a permit.
    pub(super) gate: Option<Arc<Semaphore>>,
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

    pub(super) fn last_timeout(&self) -> String {
        self.state.lock().unwrap().timeouts.last().unwrap().clone()
    }

    async fn answer<T: Send + 'static, R>(
        &self,
        request: Request<T>,
        reply: impl FnOnce(&Plan) -> R,
    ) -> Result<Response<R>, Status> {
        let plan = {
            let mut state = self.state.lock().unwrap();
            let timeout = request.metadata().get("grpc-timeout").unwrap().to_str().unwrap().to_owned();
            state.timeouts.push(timeout);
            let caller = Caller::of(&request, &super::key());
            state.asked.push((caller, Box::new(request.into_inner())));
            state.plan.clone()
        };
        self.count.send_modify(|count| *count += 1);
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

fn at(millis: i32) -> Timestamp {
    Timestamp { seconds: 1_767_225_600, nanos: millis * 1_000_000 }
}

fn user() -> User {
    User { uuid: "u-1".into(), name: "Ada".into(), email: "ada@example.com".into(), created_at: Some(at(7)) }
}

fn organization() -> Organization {
    Organization { uuid: "o-1".into(), slug: "acme".into(), name: "Acme".into(), created_at: Some(at(0)) }
}

fn portal() -> Portal {
    let variable = |name: &str, default: Option<&str>| Variable {
        name: name.to_owned(),
        r#type: "Int".to_owned(),
        required: default.is_none(),
        default_json: default.map(ToOwned::to_owned),
    };
    let variables = vec![variable("a", Some(r#"{"n":12345678901234567890123}"#)), variable("b", None)];
    Portal {
        uuid: "p-1".into(),
        slug: "build".into(),
        organization_uuid: "o-1".into(),
        name: "Build".into(),
        query: "query A { a }".into(),
        created_at: Some(at(1)),
        updated_at: Some(at(999)),
        created_by: Some(user()),
        version: 3,
        url: "https://portals.example/organizations/acme/portals/build".into(),
        operations: vec![Operation { name: None, kind: OperationKind::Mutation.into(), variables }],
        warnings: vec![Warning { message: "unused".into(), line: 2, column: 5 }],
        ..Portal::default()
    }
}

#[async_trait::async_trait]
impl ExecutionService for Script {
    async fn execute_portal(
        &self,
        request: Request<ExecutePortalRequest>,
    ) -> Result<Response<ExecutePortalResponse>, Status> {
        let reply = |plan: &Plan| ExecutePortalResponse {
            result_json: Bytes::from_static(plan.result.as_bytes()),
            ignored_variables: plan.ignored.clone(),
        };
        self.answer(request, reply).await
    }

    async fn execute_query(
        &self,
        request: Request<ExecuteQueryRequest>,
    ) -> Result<Response<ExecuteQueryResponse>, Status> {
        let reply = |plan: &Plan| ExecuteQueryResponse { result_json: Bytes::from_static(plan.result.as_bytes()) };
        self.answer(request, reply).await
    }
}

#[async_trait::async_trait]
impl RegistryService for Script {
    async fn list_organizations(
        &self,
        request: Request<ListOrganizationsRequest>,
    ) -> Result<Response<ListOrganizationsResponse>, Status> {
        let reply = |plan: &Plan| ListOrganizationsResponse { organizations: vec![organization()], total: plan.total };
        self.answer(request, reply).await
    }

    async fn get_organization(
        &self,
        request: Request<GetOrganizationRequest>,
    ) -> Result<Response<GetOrganizationResponse>, Status> {
        self.answer(request, |_| GetOrganizationResponse { organization: Some(organization()) }).await
    }

    async fn create_portal(
        &self,
        request: Request<CreatePortalRequest>,
    ) -> Result<Response<CreatePortalResponse>, Status> {
        self.answer(request, |_| CreatePortalResponse { portal: Some(portal()), token: "fresh".into() }).await
    }

    async fn get_portal(&self, request: Request<GetPortalRequest>) -> Result<Response<GetPortalResponse>, Status> {
        self.answer(request, |_| GetPortalResponse { portal: Some(portal()) }).await
    }

    async fn list_portals(
        &self,
        request: Request<ListPortalsRequest>,
    ) -> Result<Response<ListPortalsResponse>, Status> {
        self.answer(request, |plan| ListPortalsResponse { portals: vec![portal()], total: plan.total }).await
    }

    async fn update_portal(
        &self,
        request: Request<UpdatePortalRequest>,
    ) -> Result<Response<UpdatePortalResponse>, Status> {
        // What no service of ours answers: a reply that lacks the portal.
        let reply = |plan: &Plan| UpdatePortalResponse { portal: (plan.result != "lacking").then(portal) };
        self.answer(request, reply).await
    }

    async fn delete_portal(
        &self,
        request: Request<DeletePortalRequest>,
    ) -> Result<Response<DeletePortalResponse>, Status> {
        self.answer(request, |_| DeletePortalResponse {}).await
    }
}

#[async_trait::async_trait]
impl TokenService for Script {
    async fn get_authenticated_user(
        &self,
        request: Request<GetAuthenticatedUserRequest>,
    ) -> Result<Response<GetAuthenticatedUserResponse>, Status> {
        self.answer(request, |_| GetAuthenticatedUserResponse { user: Some(user()) }).await
    }

    async fn verify_portal_token(
        &self,
        _: Request<VerifyPortalTokenRequest>,
    ) -> Result<Response<VerifyPortalTokenResponse>, Status> {
        Err(Status::unimplemented("not the gateway's"))
    }

    async fn verify_api_token(
        &self,
        _: Request<VerifyApiTokenRequest>,
    ) -> Result<Response<VerifyApiTokenResponse>, Status> {
        Err(Status::unimplemented("not the gateway's"))
    }

    async fn issue_service_token(
        &self,
        _: Request<IssueServiceTokenRequest>,
    ) -> Result<Response<IssueServiceTokenResponse>, Status> {
        Err(Status::unimplemented("not the gateway's"))
    }

    async fn revoke_portal(&self, _: Request<RevokePortalRequest>) -> Result<Response<RevokePortalResponse>, Status> {
        Err(Status::unimplemented("not the gateway's"))
    }
}
