//! What a collector is told: one connected trace of a call, through all parts and on to the upstream, and no secret.

use std::{path::Path, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use suite::{
    Answer, Authority, Collector, Fleet, Installation, PORTALS, Part, Upstream, canaries, leaks::find, metrics, path,
    raw, upstream, wait,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const SERVER: i64 = 2;
const CLIENT: i64 = 3;

fn parent(trace: &str, flags: &str) -> String {
    format!("00-{trace}-{CALLER}-{flags}")
}

/// Parts of their own that tell `collector`.
fn fleet(collector: &Collector) -> Fleet {
    let settings = collector.settings();
    Fleet::start(|split| {
        split.set(upstream::ALLOWED.0, upstream::ALLOWED.1);
        for (name, value) in &settings {
            split.set(name, value);
        }
    })
}

/// An installation in one process that tells `collector`.
fn house(collector: &Collector, more: &[(&str, &str)]) -> Installation {
    let settings = collector.settings();
    let settings = settings.iter().map(|(name, value)| (*name, value.as_str()));
    Installation::start_with(&settings.chain(more.iter().copied()).collect::<Vec<_>>())
}

/// The only span of that name and kind.
fn only<'a>(spans: &'a [Value], name: &str, kind: i64) -> &'a Value {
    let mut found = spans.iter().filter(|span| span["name"] == name && span["kind"] == kind);
    let span = found.next().unwrap_or_else(|| panic!("no span {name} ({kind}): {spans:#?}"));
    assert!(found.next().is_none(), "two spans {name} ({kind}): {spans:#?}");
    span
}

fn has(spans: &[Value], name: &str, kind: i64) -> bool {
    spans.iter().any(|span| span["name"] == name && span["kind"] == kind)
}

const CALL: &str = "POST /organizations/{org}/portals/{portal}";
const EXECUTE: &str = "portals.execution.v1.ExecutionService/ExecutePortal";
const VERIFY: &str = "portals.token.v1.TokenService/VerifyPortalToken";

#[tokio::test]
async fn a_call_through_three_processes_and_an_upstream_is_one_connected_trace() {
    let collector = Collector::start();
    let fleet = fleet(&collector);
    let upstream = Upstream::good();
    let portal = upstream.portal(&fleet, json!({})).await;
    let called = fleet.calling_named(&portal, "Ask").header("traceparent", parent(TRACE, "01"));
    let called = called.header("tracestate", "a=1").header("baggage", "user=ada").send().await.unwrap();
    assert_eq!(called.status(), 200);
    let spans = collector.trace(TRACE, |spans| {
        has(spans, CALL, SERVER)
            && has(spans, EXECUTE, SERVER)
            && has(spans, VERIFY, SERVER)
            && has(spans, "POST", CLIENT)
    });
    let chain = [
        (only(&spans, CALL, SERVER), "portals-gateway"),
        (only(&spans, EXECUTE, CLIENT), "portals-gateway"),
        (only(&spans, EXECUTE, SERVER), "portals-portal"),
        (only(&spans, "execute portal", 1), "portals-portal"),
        (only(&spans, "POST", CLIENT), "portals-portal"),
    ];
    let mut above = json!(CALLER);
    for (span, service) in chain {
        assert_eq!((&span["parent"], &span["resource"]["service.name"]), (&above, &json!(service)), "{span:#}");
        above = span["span"].clone();
    }
    let (asked, verified) = (only(&spans, VERIFY, CLIENT), only(&spans, VERIFY, SERVER));
    for (span, part) in [(chain[1].0, Part::Portal), (asked, Part::Token)] {
        let (attributes, address) = (&span["attributes"], fleet.split.address(part));
        for kind in ["server", "network.peer"] {
            let place = (&attributes[format!("{kind}.address")], &attributes[format!("{kind}.port")]);
            assert_eq!(place, (&json!("127.0.0.1"), &json!(address.port())), "{span:#}");
        }
    }
    assert_eq!((&asked["parent"], &verified["parent"]), (&chain[2].0["span"], &asked["span"]));
    assert_eq!(verified["resource"]["service.name"], "portals-token");
    // The upstream is told by traceparent alone.
    let request = upstream.requests().pop().unwrap().to_lowercase();
    let told = format!("traceparent: 00-{TRACE}-{}-01\r\n", above.as_str().unwrap());
    assert!(request.contains(&told), "{told} isn't in {request}");
    assert!(!request.contains("tracestate") && !request.contains("baggage"), "{request}");
    described(&chain.map(|(span, _)| span.clone()));
    // And so does the log.
    let line = wait::need("the line of the log", Duration::from_secs(30), || {
        let log = fleet.split.process(Part::Gateway).stderr();
        log.lines().find(|line| line.contains(TRACE) && line.contains("\"message\":\"request\"")).map(str::to_owned)
    });
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["trace_id"], &line["route"]), (&json!(TRACE), &json!("/organizations/{org}/portals/{portal}")));
}

/// The attributes are those of the conventions.
fn described(chain: &[Value; 5]) {
    let [call, _, served, executed, sent] = chain.each_ref().map(|span| &span["attributes"]);
    assert_eq!(call["http.request.method"], "POST");
    assert_eq!(call["http.route"], "/organizations/{org}/portals/{portal}");
    assert_eq!((&call["http.response.status_code"], &call["url.scheme"]), (&json!(200), &json!("http")));
    assert_eq!((&served["rpc.system"], &served["rpc.grpc.status_code"]), (&json!("grpc"), &json!(0)));
    assert_eq!(served["rpc.service"], "portals.execution.v1.ExecutionService");
    assert_eq!(
        (&executed["portals.organization"], &executed["graphql.operation.type"]),
        (&json!("my-organization"), &json!("query"))
    );
    assert_eq!((&sent["server.address"], &sent["http.response.status_code"]), (&json!("127.0.0.1"), &json!(200)));
}

#[tokio::test]
async fn a_delivery_is_a_trace_of_its_own_that_shows_no_path_and_that_its_receiver_is_not_told() {
    let collector = Collector::start();
    let house = house(&collector, &[upstream::ALLOWED]);
    let (taker, refuser) = (Upstream::answering(upstream::reply("204 No Content", &[], "")), raw::free_address());
    for address in [taker.address(), refuser] {
        let settings =
            json!({"url": format!("http://{address}/a-path-of-keys?key=canary"), "token": "a-token-of-the-test-01"});
        let body = json!({"description": "Test", "settings": settings});
        let path = "/v2/organizations/my-organization/services";
        let service = house.rest(Method::POST, path, Some(body)).await.expect(201);
        let test = format!("{path}/{}/test", service["id"].as_str().unwrap());
        house.rest(Method::POST, &test, None).await.expect(202);
    }
    let delivery = |port: u16| {
        wait::need("a span of a delivery", Duration::from_mins(1), || {
            let of_port = |span: &Value| span["attributes"]["server.port"] == port && span["kind"] == CLIENT;
            collector.spans().into_iter().find(of_port)
        })
    };
    let arrived = delivery(taker.address().port());
    let attributes = &arrived["attributes"];
    assert_eq!((&arrived["name"], &arrived["parent"]), (&json!("POST"), &json!("")));
    assert_eq!((&attributes["http.response.status_code"], &attributes["error.type"]), (&json!(204), &Value::Null));
    assert!(attributes["portals.delivery.uuid"].is_string() && attributes["portals.service.uuid"].is_string());
    let failed = delivery(refuser.port());
    assert_eq!((&failed["status"], &failed["attributes"]["error.type"]), (&json!(2), &json!("unavailable")));
    let shown = format!("{arrived}{failed}");
    assert!(!shown.contains("a-path-of-keys") && !shown.contains("canary") && !shown.contains("a-token-of"), "{shown}");
    let request = taker.requests().pop().unwrap().to_lowercase();
    assert!(request.contains("a-path-of-keys") && !request.contains("traceparent"), "{request}");
}

#[tokio::test]
async fn what_is_malformed_or_not_sampled_is_answered_all_the_same() {
    let collector = Collector::start();
    let house = house(&collector, &[]);
    let portal = house.portal_of("{ viewer { id } }").await;
    let unsampled = "0af7651916cd43dd8448eb211c80319c";
    for parent in [parent(unsampled, "00"), "00-zz".to_owned(), "00-zz-yy".to_owned(), parent(TRACE, "01")] {
        let request = house.calling(&portal).json(&json!({})).header("traceparent", parent.as_str());
        Answer::of(request).await.data();
    }
    let unknown = house.request(Method::GET, "/a-path-of-a-stranger").header("traceparent", parent(TRACE, "01"));
    Answer::of(unknown).await.error(404);
    let spans = collector.trace(TRACE, |spans| has(spans, "GET (unknown)", SERVER) && has(spans, CALL, SERVER));
    // In one process the parts are told apart all the same.
    assert_eq!(only(&spans, EXECUTE, SERVER)["parent"], only(&spans, EXECUTE, CLIENT)["span"]);
    let all = collector.spans();
    assert!(!all.iter().any(|span| span["trace"] == unsampled), "who asks not to be traced isn't");
    let calls = all.iter().filter(|span| span["name"] == CALL);
    let own = calls.filter(|span| span["parent"] == "").count();
    assert_eq!(own, 2, "a header that can't be read begins a trace of its own: {all:#?}");
    assert!(!format!("{all:?}").contains("a-path-of-a-stranger"));
    let said = format!("trace_id={TRACE}");
    wait::need("the trace in the log", Duration::from_secs(30), || {
        house.process().stderr().contains(&said).then_some(())
    });
    let by_themselves = all.iter().filter(|span| span["parent"] == "" && span["kind"] == SERVER);
    let by_themselves: Vec<_> =
        by_themselves.filter(|span| span["name"].as_str().unwrap().starts_with("portals.")).collect();
    assert!(by_themselves.is_empty(), "what parts do by themselves is no trace: {by_themselves:#?}");
}

#[tokio::test]
async fn a_collector_that_is_away_changes_nothing_and_what_is_lost_is_counted() {
    // A port that nobody listens on.
    let endpoint = format!("http://{}", raw::free_address());
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4"),
        // Until then it is tried again.
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "200"),
    ];
    let mut house = Installation::start_with(&settings);
    let portal = house.portal_of("{ viewer { id } }").await;
    for _ in 0..20 {
        house.call(&portal, json!({})).await.data();
    }
    let said = |house: &Installation| house.process().stderr().matches("traces can't be exported").count();
    wait::need("a line of the log", Duration::from_mins(1), || (said(&house) > 0).then_some(()));
    let admin = house.bootstrap().address("admin");
    assert!(metrics::total(admin, "portals_trace_spans_dropped_total") >= 1.0);
    assert!(metrics::total(admin, "portals_trace_spans_exported_total") < 1.0);
    assert!(house.stop().success());
    assert_eq!(said(&house), 1, "once, however long it is away: {}", house.process().stderr());
}

#[tokio::test]
async fn a_collector_is_shown_a_certificate_and_must_show_one_of_the_authority() {
    let (authority, another, directory) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    authority.issue(directory.path());
    let collector = Collector::encrypted(directory.path(), &authority.certificate());
    let (endpoint, file) = (format!("https://{}", collector.address()), |path: &Path| path.display().to_string());
    let (ca, others) = (file(&authority.certificate()), file(&another.certificate()));
    let own = ["cert.pem", "key.pem"].map(|name| file(&directory.path().join(name)));
    let shown = [("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &*own[0]), ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &*own[1])];
    // The last one alone has everything.
    for (trusted, shown, is_taken) in [(&others, &shown[..], false), (&ca, &[], false), (&ca, &shown[..], true)] {
        let mut settings = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
        settings.extend([("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"), ("OTEL_EXPORTER_OTLP_CERTIFICATE", trusted)]);
        settings.extend(shown);
        let house = Installation::start_with(&settings);
        house.get("/v2/user").await.expect(200);
        let admin = house.bootstrap().address("admin");
        let name = if is_taken { "portals_trace_spans_exported_total" } else { "portals_trace_spans_dropped_total" };
        let counted = || (metrics::total(admin, name) >= 1.0).then_some(());
        wait::need("spans that are counted", Duration::from_mins(1), counted);
        assert!(is_taken || collector.spans().is_empty());
    }
    wait::need("a span", Duration::from_secs(30), || (!collector.spans().is_empty()).then_some(()));
}

#[tokio::test]
async fn what_waits_at_the_stop_is_delivered() {
    let collector = Collector::start();
    let mut house = house(&collector, &[("OTEL_BSP_SCHEDULE_DELAY", "600000")]);
    let portal = house.portal_of("{ viewer { id } }").await;
    let request = house.calling(&portal).json(&json!({})).header("traceparent", parent(TRACE, "01"));
    Answer::of(request).await.data();
    assert!(collector.spans().is_empty(), "nothing was due yet");
    assert!(house.stop().success());
    collector.trace(TRACE, |spans| has(spans, CALL, SERVER) && has(spans, EXECUTE, SERVER));
}

#[tokio::test]
async fn settings_of_traces_that_make_no_sense_stop_the_start() {
    let wrong = [("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"), ("OTEL_TRACES_SAMPLER", "sometimes")];
    let wrong = wrong.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let refused = suite::portals(&["standalone", "--data-dir", "never-made"], &wrong);
    assert_eq!(refused.status.code(), Some(78), "{}", refused.stderr);
    assert!(wrong.iter().all(|(name, _)| refused.stderr.contains(name)), "{}", refused.stderr);
}

#[tokio::test]
async fn no_credential_variable_or_document_is_in_a_span() {
    let collector = Collector::start();
    let house = house(&collector, &canaries::SETTINGS);
    let mut canaries = house.canaries().await;
    let portal = house.portal_of("query A($canaryinadocument: ID!) { node(id: $canaryinadocument) { id } }").await;
    house.call(&portal, json!({"canaryinadocument": "canary-in-a-variable"})).await;
    for (name, value) in [("documents", "canaryinadocument"), ("variables", "canary-in-a-variable")] {
        canaries.push((name, value.to_owned()));
    }
    for (_, value) in canaries.clone() {
        Answer::of(house.request(Method::POST, &path("x")).bearer_auth(&value).json(&json!({}))).await;
        Answer::of(house.request(Method::GET, &format!("{PORTALS}/{value}?access_token={value}")).bearer_auth(&value))
            .await;
        let operation = format!("{}?operation_name={value}", path(&portal.slug));
        Answer::of(house.request(Method::POST, &operation).bearer_auth(&portal.token).json(&json!({}))).await;
    }
    let last = house.request(Method::GET, "/v2/user").header("traceparent", parent(TRACE, "01"));
    Answer::of(last).await;
    collector.trace(TRACE, |spans| has(spans, "GET /v2/user", SERVER));
    let canaries: Vec<(&str, &str)> = canaries.iter().map(|(what, value)| (*what, value.as_str())).collect();
    let spans = collector.spans();
    assert!(spans.len() > 50, "only {} spans", spans.len());
    assert_eq!(find(format!("{spans:?}").as_bytes(), &canaries, "the spans"), Vec::<String>::new());
}
