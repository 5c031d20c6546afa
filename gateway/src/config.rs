//! The settings of this part: the only file that knows their names.

use std::{fs, path::PathBuf, time::Duration};

use kit::{
    address::Networks,
    config::{Environment, Problems, Settings},
    grpc::ServiceKey,
    tls::Tls,
};

use crate::{
    cors::Origins,
    scanner::{Keys, Source},
};

/// The least room for headers that an HTTP/1 connection can be given.
const LEAST_HEADER_BYTES: usize = 8 << 10;

/// What the gateway is run with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the public is served, `host:port`.
    pub listen: String,
    /// What URLs in replies begin with; no slash at the end.
    pub public_url: String,
    /// By which the parts of an installation know each other.
    pub service_key: ServiceKey,
    /// Where the token service is. Absent: in this process.
    pub token_url: Option<String>,
    /// Where the portal service is. Absent: in this process.
    pub portal_url: Option<String>,
    /// What is shown to the services, and by what they are known, if their addresses are `https`.
    pub tls: Option<Tls>,
    /// How long it goes on serving when it has been asked to stop.
    pub stop_grace: Duration,
    /// Where `/healthz`, `/readyz` and `/metrics` are served, `host:port`; nowhere when absent.
    pub admin_listen: Option<String>,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Networks,
    /// The origins, beside our own, whose pages may call by gRPC-Web.
    pub allowed_origins: Origins,
    /// Where the keys are of those who may report leaked credentials. Absent: nobody may.
    pub scanner_keys: Option<Source>,
    /// How much a stranger may use.
    pub limits: Limits,
}

/// How much a stranger may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The body of a portal call, in bytes.
    pub call_body_bytes: usize,
    /// The body of a REST or GraphQL request, in bytes.
    pub rest_body_bytes: usize,
    /// The body of a request that stores an upstream with its schema, in bytes. Longer than `rest_body_bytes` only for those
    /// whose token counts.
    pub upstream_body_bytes: usize,
    /// The body of a request for a token or a code, or of a form of the console, in bytes.
    pub auth_body_bytes: usize,
    /// Request line and headers, in bytes; 8 KiB or more.
    pub header_bytes: usize,
    /// How long headers may take, and how long a connection may wait for its next request.
    pub header_timeout: Duration,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// Requests being answered at once, over all connections. One whose body is still arriving doesn't count.
    pub in_flight: usize,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_body_bytes: 256 << 10,
            rest_body_bytes: 256 << 10,
            upstream_body_bytes: 8 << 20,
            auth_body_bytes: 4 << 10,
            header_bytes: 16 << 10,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            in_flight: 1_024,
            connections: 10_000,
        }
    }
}

impl Config {
    /// Whether all clients look like one: TLS ends at a proxy, whose address is then everybody's unless it is trusted.
    pub(crate) fn hides_clients(&self) -> bool {
        self.public_url.starts_with("https:") && self.trusted_proxies.is_empty()
    }

    /// Reads the settings that begin with `GATEWAY_`. Also answers them as they count, secrets not shown.
    pub fn read(environment: &Environment) -> Result<(Self, Vec<(String, String)>), Problems> {
        let mut settings = Settings::new("GATEWAY", environment);
        let listen = settings.required("HTTP__LISTEN");
        let public_url = settings.public_url("PUBLIC__URL");
        let service_key = settings.parsed_secret("SERVICE__KEY");
        let tls = settings.tls(["TLS__CERT_FILE", "TLS__KEY_FILE", "TLS__CA_FILE"]);
        let stop_grace = settings.stop_grace("STOP__GRACE_MS");
        let [token_url, portal_url] = ["TOKEN__URL", "PORTAL__URL"].map(|key| settings.part_url(key, tls.as_ref()));
        let admin_listen = settings.optional("ADMIN__LISTEN");
        let trusted_proxies = settings.optional("HTTP__TRUSTED_PROXIES").unwrap_or_default();
        let allowed_origins = settings.optional("CORS__ALLOWED_ORIGINS").unwrap_or_default();
        let scanner_keys = scanner_keys(&mut settings);
        let limits = limits(&mut settings);
        let shown = settings.finish()?;
        // Without a key there was a problem, so that `finish` failed.
        let service_key = service_key.ok_or_else(|| Problems(Vec::new()))?;
        let config = Self {
            listen,
            public_url,
            service_key,
            token_url,
            portal_url,
            tls,
            stop_grace,
            admin_listen,
            trusted_proxies,
            allowed_origins,
            scanner_keys,
            limits,
        };
        Ok((config, shown))
    }
}

fn scanner_keys(settings: &mut Settings) -> Option<Source> {
    let [file, url] = ["SECRET_SCANNING__KEYS_FILE", "SECRET_SCANNING__KEYS_URL"];
    let (path, given) = (settings.optional::<PathBuf>(file), settings.optional::<String>(url));
    if let (Some(path), Some(_)) = (&path, &given) {
        settings.refuse(url, format!("{} is given as well", path.display()));
    }
    if let Some(path) = path {
        let keys = fs::read(&path).map_err(|error| error.to_string());
        if let Err(why) = keys.and_then(|text| Keys::read(&text).map_err(|error| error.to_string())) {
            settings.refuse(file, format!("{}: {why}", path.display()));
        }
        return Some(Source::File(path));
    }
    let source = Source::url(given.as_deref()?);
    if source.is_none() {
        settings.refuse(url, "must be an https URL: who changes the keys can end every credential");
    }
    source
}

fn limits(settings: &mut Settings) -> Limits {
    let default = Limits::default();
    let limits = Limits {
        call_body_bytes: settings.or("LIMITS__CALL_BODY_BYTES", default.call_body_bytes),
        rest_body_bytes: settings.or("LIMITS__REST_BODY_BYTES", default.rest_body_bytes),
        upstream_body_bytes: settings.or("LIMITS__UPSTREAM_BODY_BYTES", default.upstream_body_bytes),
        auth_body_bytes: settings.or("LIMITS__AUTH_BODY_BYTES", default.auth_body_bytes),
        header_bytes: settings.or("LIMITS__HEADER_BYTES", default.header_bytes),
        header_timeout: millis(settings, "LIMITS__HEADER_TIMEOUT_MS", default.header_timeout),
        body_timeout: millis(settings, "LIMITS__BODY_TIMEOUT_MS", default.body_timeout),
        in_flight: settings.or("LIMITS__IN_FLIGHT", default.in_flight),
        connections: settings.or("LIMITS__CONNECTIONS", default.connections),
    };
    if limits.header_bytes < LEAST_HEADER_BYTES {
        settings.refuse("LIMITS__HEADER_BYTES", format!("must be {LEAST_HEADER_BYTES} or more"));
    }
    let needed = [("LIMITS__IN_FLIGHT", limits.in_flight), ("LIMITS__CONNECTIONS", limits.connections)];
    for (key, _) in needed.into_iter().filter(|(_, value)| *value == 0) {
        settings.refuse(key, "must be 1 or more");
    }
    limits
}

fn millis(settings: &mut Settings, key: &str, default: Duration) -> Duration {
    let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
    let value = settings.or(key, default);
    if value == 0 {
        settings.refuse(key, "must be 1 or more");
    }
    Duration::from_millis(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<(Config, Vec<(String, String)>), Problems> {
        let key = "k".repeat(32);
        let least = [
            ("GATEWAY_HTTP__LISTEN", "127.0.0.1:0"),
            ("GATEWAY_PUBLIC__URL", "https://portals.example/"),
            ("GATEWAY_SERVICE__KEY", key.as_str()),
        ];
        Config::read(&least.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn what_is_not_set_has_the_limits_of_the_specification() {
        let (config, shown) = read(&[]).unwrap();
        assert_eq!((config.public_url.as_str(), config.limits), ("https://portals.example", Limits::default()));
        assert!(config.trusted_proxies.is_empty() && config.token_url.is_none() && config.allowed_origins.is_empty());
        assert!(config.scanner_keys.is_none());
        assert_eq!(shown.len(), 23);
        assert!(!format!("{shown:?}{config:?}").contains("kkk"));
    }

    #[test]
    fn a_proxy_that_nobody_trusts_is_noticed() {
        for (url, proxies, expected) in [
            ("https://portals.example", "", true),
            ("https://portals.example", "10.0.0.0/8", false),
            ("http://127.0.0.1:8080", "", false),
        ] {
            let (config, _) =
                read(&[("GATEWAY_PUBLIC__URL", url), ("GATEWAY_HTTP__TRUSTED_PROXIES", proxies)]).unwrap();
            assert_eq!(config.hides_clients(), expected, "{url} {proxies}");
        }
    }

    #[test]
    fn every_setting_counts() {
        let (config, _) = read(&[
            ("GATEWAY_HTTP__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("GATEWAY_PORTAL__URL", "http://portal:9000"),
            ("GATEWAY_LIMITS__HEADER_TIMEOUT_MS", "300"),
            ("GATEWAY_LIMITS__CONNECTIONS", "7"),
        ])
        .unwrap();
        assert!(config.trusted_proxies.contains("10.1.2.3".parse().unwrap()));
        assert_eq!(config.portal_url.as_deref(), Some("http://portal:9000"));
        assert_eq!((config.limits.header_timeout, config.limits.connections), (Duration::from_millis(300), 7));
    }

    #[test]
    fn every_problem_is_named() {
        let Problems(problems) = read(&[
            ("GATEWAY_TOKEN__URL", "ftp://token"),
            ("GATEWAY_PORTAL__URL", "https://portal:1"),
            ("GATEWAY_PUBLIC__URL", "https://portals.example/console"),
            ("GATEWAY_CORS__ALLOWED_ORIGINS", "https://app.example.com,*"),
            ("GATEWAY_LIMITS__HEADER_BYTES", "100"),
            ("GATEWAY_LIMITS__IN_FLIGHT", "0"),
            ("GATEWAY_LIMITS__BODY_TIMEOUT_MS", "0"),
            ("GATEWAY_SECRET_SCANNING__KEYS_FILE", "/no/such/file"),
            ("GATEWAY_SECRET_SCANNING__KEYS_URL", "http://keys.example"),
            ("GATEWAY_NO__SUCH", "1"),
        ])
        .unwrap_err();
        assert_eq!(problems.len(), 10, "{problems:?}");
        let Problems(problems) = Config::read(&Environment::new()).unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
