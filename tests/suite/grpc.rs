//! The same call over gRPC, straight to the portal service; and what is for services only.

use contracts::{
    execution::v1::{ExecutePortalRequest, ExecutePortalResponse, execution_service_client::ExecutionServiceClient},
    token::v1::{
        IssueServiceTokenRequest, RevokePortalRequest, VerifyApiTokenRequest, VerifyPortalTokenRequest,
        token_service_client::TokenServiceClient,
    },
};
use kit::grpc::Refusal;
use serde_json::{Value, json};
use suite::{Installation, Portal, python, unique};
use tonic::{Code, Request, Status, transport::Channel};

async fn channel(house: &Installation, member: &str) -> Channel {
    let url = house.bootstrap().text(member).to_owned();
    Channel::from_shared(url).unwrap().connect().await.unwrap()
}

fn asking(portal: &Portal, variables: &str) -> Request<ExecutePortalRequest> {
    let mut request = Request::new(ExecutePortalRequest {
        organization: "my-organization".to_owned(),
        portal: portal.slug.clone(),
        operation_name: None,
        variables_json: variables.to_owned().into(),
    });
    with(&mut request, "authorization", &format!("Bearer {}", portal.token));
    request
}

fn with<T>(request: &mut Request<T>, name: &'static str, value: &str) {
    request.metadata_mut().insert(name, value.parse().unwrap());
}

async fn execute(
    house: &Installation,
    request: Request<ExecutePortalRequest>,
) -> Result<ExecutePortalResponse, Status> {
    let mut client = ExecutionServiceClient::new(channel(house, "portal_grpc").await);
    client.execute_portal(request).await.map(tonic::Response::into_inner)
}

#[track_caller]
fn refused(answer: Result<ExecutePortalResponse, Status>, code: Code, reason: &str) -> Refusal {
    let status = answer.expect_err("it ran");
    assert_eq!(status.code(), code, "{status:?}");
    let refusal = Refusal::of(&status);
    assert_eq!(refusal.reason, reason, "{status:?}");
    refusal
}

#[tokio::test]
async fn a_call_answers_what_http_answers() {
    let house = Installation::shared();
    let portal = house.portal_of("query A($id: ID!) { viewer { id } node(id: $id) { id } }").await;
    let by_http = house.call(&portal, json!({"id": "nonsense", "odd": 1})).await;
    let answer = execute(&house, asking(&portal, r#"{"id":"nonsense","odd":1}"#)).await.unwrap();
    let by_grpc: Value = serde_json::from_slice(&answer.result_json).unwrap();
    assert_eq!(by_grpc, by_http.expect(200));
    assert_eq!(answer.ignored_variables, by_http.ignored());
    let plain = house.portal_of("{ viewer { id } }").await;
    let empty = execute(&house, asking(&plain, "")).await.unwrap();
    assert_eq!(empty.result_json, execute(&house, asking(&plain, "{}")).await.unwrap().result_json);
}

#[tokio::test]
async fn each_failure_carries_the_code_that_http_shows() {
    let house = Installation::shared();
    let portal = house.portal_of("query A($id: ID!) { node(id: $id) { id } } query B { viewer { id } }").await;
    let far = json!({"name": unique("far"), "query": "{ viewer { id } }", "allowed_ip_addresses": "192.0.2.1"});
    let far = house.portal(far).await;
    let named = |name: &str, variables: &str| {
        let mut request = asking(&portal, variables);
        request.get_mut().operation_name = Some(name.to_owned());
        request
    };
    let unknown = Portal { slug: "no-such-portal".to_owned(), ..portal.clone() };
    let forged = Portal { token: "nonsense".to_owned(), ..portal.clone() };
    for (request, code, reason) in [
        (asking(&portal, "[]"), Code::InvalidArgument, "invalid_variables"),
        (asking(&portal, "{"), Code::InvalidArgument, "invalid_variables"),
        (asking(&forged, "{}"), Code::Unauthenticated, "authentication_required"),
        (asking(&unknown, "{}"), Code::Unauthenticated, "authentication_required"),
        (asking(&far, "{}"), Code::PermissionDenied, "ip_not_allowed"),
        (asking(&portal, "{}"), Code::FailedPrecondition, "validation_failed"),
        (named("C", "{}"), Code::FailedPrecondition, "validation_failed"),
        (named("A", "{}"), Code::FailedPrecondition, "validation_failed"),
    ] {
        refused(execute(&house, request).await, code, reason);
    }
    let refusal = refused(execute(&house, named("A", "{}")).await, Code::FailedPrecondition, "validation_failed");
    assert_eq!(refusal.violations[0].field, "id");
    execute(&house, named("B", "{}")).await.unwrap();
}

#[tokio::test]
async fn the_rate_is_counted_for_grpc_callers_too() {
    let house = Installation::start_with(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "1")]);
    let portal = house.portal_of("{ viewer { id } }").await;
    for _ in 0..3 {
        let Err(status) = execute(&house, asking(&portal, "{}")).await else { continue };
        assert_eq!((status.code(), Refusal::of(&status).reason.as_str()), (Code::ResourceExhausted, "rate_limited"));
        assert_eq!(status.metadata().get("ratelimit-limit").unwrap(), "1");
        return;
    }
    panic!("three calls passed a limit of one");
}

#[tokio::test]
async fn the_client_address_is_believed_of_services_only() {
    let house = Installation::shared();
    let body = json!({"name": unique("far"), "query": "{ viewer { id } }", "allowed_ip_addresses": "192.0.2.1"});
    let portal = house.portal(body).await;
    for key in [None, Some("guessed-guessed-guessed-guessed-guessed")] {
        let mut request = asking(&portal, "{}");
        with(&mut request, "portals-client-ip", "192.0.2.1");
        with(&mut request, "x-forwarded-for", "192.0.2.1");
        if let Some(key) = key {
            with(&mut request, "portals-service-key", key);
        }
        refused(execute(&house, request).await, Code::PermissionDenied, "ip_not_allowed");
    }
}

#[tokio::test]
async fn what_is_for_services_only_is_refused_to_others() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let client = TokenServiceClient::new(channel(&house, "token_grpc").await);
    let organization_uuid = portal.body["organization_uuid"].as_str().unwrap().to_owned();
    let portal_uuid = portal.uuid().to_owned();
    for key in [None, Some("guessed-guessed-guessed-guessed-guessed")] {
        for token in [&portal.token, house.api_token()] {
            let verify = dress(VerifyPortalTokenRequest {}, token, key);
            let api = dress(VerifyApiTokenRequest { organization_uuid: None }, token, key);
            let issue = IssueServiceTokenRequest {
                organization_uuid: organization_uuid.clone(),
                portal_uuid: portal_uuid.clone(),
                description: "mine".to_owned(),
                created_by: None,
            };
            let revoke = RevokePortalRequest {
                organization_uuid: organization_uuid.clone(),
                portal_uuid: portal_uuid.clone(),
                revoked_by: None,
                kinds: Vec::new(),
                wait: false,
            };
            let mut client = client.clone();
            for (rpc, status) in [
                ("VerifyPortalToken", client.verify_portal_token(verify).await.expect_err("it ran")),
                ("VerifyApiToken", client.verify_api_token(api).await.expect_err("it ran")),
                ("IssueServiceToken", client.issue_service_token(dress(issue, token, key)).await.expect_err("it ran")),
                ("RevokePortal", client.revoke_portal(dress(revoke, token, key)).await.expect_err("it ran")),
            ] {
                assert!([Code::PermissionDenied, Code::Unauthenticated].contains(&status.code()), "{rpc}: {status:?}");
            }
        }
    }
    house.call(&portal, json!({})).await.data();
}

fn dress<T>(message: T, token: &str, key: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    with(&mut request, "authorization", &format!("Bearer {token}"));
    if let Some(key) = key {
        with(&mut request, "portals-service-key", key);
    }
    request
}

/// Invokes with `tests/clients/invoke_portal.py`: grpcio, and the types from reflection. Gives what it printed.
fn invoke(house: &Installation, portal: &Portal, variables: &str) -> Value {
    let address = house.bootstrap().address("portal_grpc").to_string();
    let output =
        python::client("invoke_portal.py", &[&address, "my-organization", &portal.slug, &portal.token, variables]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test]
async fn a_client_that_knows_nothing_but_the_address_invokes_a_portal_by_reflection() {
    let house = Installation::shared();
    let portal = house.portal_of("query A($slug: ID!) { pipeline(slug: $slug) { slug } }").await;
    let ran = invoke(&house, &portal, r#"{"slug":"my-organization/my-pipeline","odd":1}"#);
    assert_eq!(ran["health"], "SERVING");
    assert!(ran["services"].as_array().unwrap().contains(&json!("portals.execution.v1.ExecutionService")), "{ran:#}");
    assert_eq!(ran["result"], json!({"data": {"pipeline": {"slug": "my-pipeline"}}}));
    assert_eq!(ran["ignored_variables"], json!(["odd"]));
    let refused = invoke(&house, &portal, "{}");
    assert_eq!((&refused["status"], &refused["reason"]), (&json!("FAILED_PRECONDITION"), &json!("VALIDATION_FAILED")));
    assert_eq!(refused["domain"], "portals");
    let forged = Portal { token: "nonsense".to_owned(), ..portal };
    let refused = invoke(&house, &forged, "{}");
    assert_eq!(
        (&refused["status"], &refused["reason"]),
        (&json!("UNAUTHENTICATED"), &json!("AUTHENTICATION_REQUIRED"))
    );
}

/// A stranger's paths name no series, and what they hold is shown nowhere.
#[tokio::test]
async fn an_rpc_that_does_not_exist_leaves_nothing_of_its_name_in_the_metrics() {
    let house = Installation::shared();
    let token = house.portal_of("{ viewer { id } }").await.token;
    let channel = channel(&house, "portal_grpc").await;
    for timeout in [None, Some("1n")] {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let mut request = Request::new(ExecutePortalRequest::default());
        if let Some(timeout) = timeout {
            with(&mut request, "grpc-timeout", timeout);
        }
        let path = format!("/made.up/{token}").parse().unwrap();
        let codec = tonic_prost::ProstCodec::<ExecutePortalRequest, ExecutePortalResponse>::default();
        let status = client.unary(request, path, codec).await.unwrap_err();
        // Under a deadline that is over before it begins, either may be noticed first.
        let late = timeout.is_some() && matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded);
        assert!(late || status.code() == Code::Unimplemented, "{status:?}");
    }
    let metrics = reqwest::get(format!("{}/metrics", house.bootstrap().text("admin"))).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("rpc=\"(unknown)\""), "{metrics}");
    assert!(!metrics.contains("made.up") && !metrics.contains(&token), "{metrics}");
}
