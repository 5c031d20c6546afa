//! A running installation with a data directory of its own.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Answer, Launch, Portal, Process, raw, wait};

/// How long a start may take. The machine may be busy.
const START: Duration = Duration::from_mins(1);

/// How long a stop may take: the specification's five seconds.
pub const STOP: Duration = Duration::from_secs(5);

/// What a first start writes to `bootstrap.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap(Value);

impl Bootstrap {
    /// Reads `bootstrap.json` in `data_dir`, if it is there and whole.
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(data_dir.join("bootstrap.json")).ok()?).ok().map(Self)
    }

    /// A member as text.
    pub fn text(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap_or_else(|| panic!("no {member} in bootstrap.json: {:#}", self.0))
    }

    /// The members' names.
    pub fn members(&self) -> Vec<&str> {
        self.0.as_object().unwrap().keys().map(String::as_str).collect()
    }

    /// The socket address of a member that is a URL.
    pub fn address(&self, member: &str) -> SocketAddr {
        let url = self.text(member);
        let host = url.strip_prefix("http://").unwrap_or_else(|| panic!("{member} is no http URL: {url}"));
        host.trim_end_matches('/').parse().unwrap_or_else(|_| panic!("{member} has no address: {url}"))
    }
}

/// A running `portals standalone`. Killed when dropped.
#[derive(Debug)]
pub struct Installation {
    launch: Launch,
    process: Process,
    bootstrap: Bootstrap,
    client: Client,
    _directory: Option<TempDir>,
}

impl Installation {
    /// Starts one with an empty data directory, without limits.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with an empty data directory and these environment variables.
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let launch = Launch::new(&directory.path().join("data"));
        let launch = variables.iter().fold(launch, |launch, (name, value)| launch.set(name, value));
        Self { _directory: Some(directory), ..Self::launch(launch) }
    }

    /// Starts one with an empty data directory and the limits that it has when nobody sets any.
    pub fn start_with_defaults() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let launch = Launch::new(&directory.path().join("data")).with_default_limits();
        Self { _directory: Some(directory), ..Self::launch(launch) }
    }

    /// Starts it as told and waits until it is ready.
    pub fn launch(launch: Launch) -> Self {
        let written = modified(launch.data_dir());
        let mut process = launch.start();
        let bootstrap = ready(&launch, &mut process, written);
        // No connection is kept: installations are shared by tests that each have a runtime of their own.
        let client = Client::builder().pool_max_idle_per_host(0).no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { launch, process, bootstrap, client, _directory: None }
    }

    /// The installation that tests share which neither stop it nor need settings. It lives as long as a test holds it.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Installation>> = Mutex::new(Weak::new());
        let mut slot = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = slot.upgrade() {
            return running;
        }
        let started = Arc::new(Self::start());
        *slot = Arc::downgrade(&started);
        started
    }

    /// What the first start wrote, with the present addresses.
    pub fn bootstrap(&self) -> &Bootstrap {
        &self.bootstrap
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        self.launch.data_dir()
    }

    /// A file in the data directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.data_dir().join(name)
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The gateway's URL without a slash at the end.
    pub fn gateway(&self) -> &str {
        self.bootstrap.text("gateway").trim_end_matches('/')
    }

    /// The first API access token, which has every scope.
    pub fn api_token(&self) -> &str {
        self.bootstrap.text("api_access_token")
    }

    /// Asks it to stop (SIGTERM) and waits, at most the five seconds of the specification.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.process.wait(STOP)
    }

    /// Waits for an end that was asked for, at most the five seconds of the specification.
    pub fn ended(&mut self) -> ExitStatus {
        self.process.wait(STOP)
    }

    /// Starts it again after its end, with the same data.
    pub fn start_again(&mut self) {
        assert!(self.process.ended().is_some(), "it is still running");
        let written = modified(self.launch.data_dir());
        self.process = self.launch.start();
        self.bootstrap = ready(&self.launch, &mut self.process, written);
    }

    /// Stops it cleanly and starts it again.
    pub fn restart(&mut self) {
        assert!(self.stop().success(), "stderr:\n{}", self.process.stderr());
        self.start_again();
    }

    /// Cuts its power.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// A request to the gateway, with nothing added.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.gateway()))
    }

    /// As [`Installation::request`], from another local address (`127.0.0.0/8`).
    pub fn request_from(&self, from: IpAddr, method: Method, path: &str) -> RequestBuilder {
        let client = Client::builder().no_proxy().local_address(from).pool_max_idle_per_host(0).build().unwrap();
        client.request(method, format!("{}{path}", self.gateway()))
    }

    /// A management request with the first API access token.
    pub async fn rest(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.request(method, path).bearer_auth(self.api_token());
        Answer::of(body.into_iter().fold(request, |request, body| request.json(&body))).await
    }

    /// `GET` with the first API access token.
    pub async fn get(&self, path: &str) -> Answer {
        self.rest(Method::GET, path, None).await
    }

    /// Asks for a portal in the first organization.
    pub async fn create(&self, body: Value) -> Answer {
        self.rest(Method::POST, PORTALS, Some(body)).await
    }

    /// Makes a portal in the first organization.
    pub async fn portal(&self, body: Value) -> Portal {
        Portal::of(self.create(body).await.expect(201))
    }

    /// Makes a portal of that document, with a name of its own.
    pub async fn portal_of(&self, query: &str) -> Portal {
        self.portal(json!({"name": unique("portal"), "query": query})).await
    }

    /// Calls a portal with its token and these variables.
    pub async fn call(&self, portal: &Portal, variables: Value) -> Answer {
        Answer::of(self.calling(portal).json(&variables)).await
    }

    /// A call of a portal with its token, without a body yet.
    pub fn calling(&self, portal: &Portal) -> RequestBuilder {
        self.request(Method::POST, &path(&portal.slug)).bearer_auth(&portal.token)
    }

    /// A call of the operation of that name.
    pub fn calling_named(&self, portal: &Portal, operation: &str) -> RequestBuilder {
        let path = format!("{}?operation_name={operation}", path(&portal.slug));
        self.request(Method::POST, &path).bearer_auth(&portal.token)
    }

    /// A document of the caller's own against `/graphql`, with the first API access token. Gives `data`.
    #[track_caller]
    pub fn graphql(&self, query: &str, variables: Value) -> impl Future<Output = Value> {
        let body = json!({"query": query, "variables": variables});
        async move { self.rest(Method::POST, "/graphql", Some(body)).await.data() }
    }

    /// The GraphQL id of the first pipeline.
    pub async fn pipeline_id(&self) -> String {
        let data = self.graphql("{ pipeline(slug: \"my-organization/my-pipeline\") { id } }", json!({})).await;
        data["pipeline"]["id"].as_str().unwrap().to_owned()
    }
}

/// The first organization's portals.
pub const PORTALS: &str = "/v2/organizations/my-organization/portals";

/// Where the first organization's portal of that slug is called.
pub fn path(slug: &str) -> String {
    format!("/organizations/my-organization/portals/{slug}")
}

/// A name that nothing else has.
pub fn unique(word: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{word}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn modified(data_dir: &Path) -> Option<SystemTime> {
    fs::metadata(data_dir.join("bootstrap.json")).ok()?.modified().ok()
}

/// Waits until `bootstrap.json` is newer than `written`, the admin listener says ready and the gateway answers.
fn ready(launch: &Launch, process: &mut Process, written: Option<SystemTime>) -> Bootstrap {
    let data_dir = launch.data_dir();
    wait::need("the installation to be ready", START, || {
        if let Some(status) = process.ended() {
            panic!("portals ended with {status} instead of starting; stderr:\n{}", process.stderr());
        }
        let bootstrap = Bootstrap::read(data_dir).filter(|_| modified(data_dir) != written)?;
        let ready = raw::get(bootstrap.address("admin"), "/readyz")? == 200;
        (ready && raw::get(bootstrap.address("gateway"), "/").is_some()).then_some(bootstrap)
    })
}
