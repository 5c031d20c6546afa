//! The settings of the portal service, `PORTAL_…`.

use std::{path::PathBuf, str::FromStr, time::Duration};

use chrono::TimeDelta;
use kit::{
    address::Networks,
    config::{Environment, Problems, Settings},
    grpc::ServiceKey,
    tls::Tls,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

/// How the portal service runs.
#[derive(Clone)]
pub struct Config {
    /// Where the registry is kept, `sqlite:<file>` or `postgres://…`. May hold a password: never shown.
    pub database_url: String,
    /// Connections to each database that read, and as many that write, where it is a PostgreSQL's.
    pub database_connections: u32,
    /// Where the built-in API keeps its rows; the registry's database unless set.
    pub pipelines_database_url: String,
    /// The root keys.
    pub keys_file: PathBuf,
    /// What parts of this installation know each other by.
    pub service_key: ServiceKey,
    /// Where gRPC is served.
    pub grpc_listen: String,
    /// Where health and metrics are served, if anywhere.
    pub admin_listen: Option<String>,
    /// Where the token service is; `None`: in this process.
    pub token_url: Option<String>,
    /// What is shown to the token service, and what clients of gRPC must have a certificate like, if they must.
    pub tls: Option<Tls>,
    /// How long it goes on serving when it has been asked to stop.
    pub stop_grace: Duration,
    /// The gateway's address as callers know it, without a slash at the end.
    pub public_url: String,
    /// How much is allowed.
    pub limits: Limits,
    /// How upstreams are called.
    pub upstream: Upstream,
    /// How webhooks are delivered.
    pub webhooks: Webhooks,
}

/// How much is allowed (spec §8).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Calls a minute and organization; 0: any number.
    pub requests_per_minute: u32,
    /// The most that an organization's administrators may set for it; 0: any number.
    pub most_requests_per_minute: u32,
    /// Portals of an organization.
    pub portals: u32,
    /// Upstreams of an organization.
    pub upstreams: u32,
    /// Calls of one portal under way at once.
    pub in_flight_per_portal: u32,
    /// What callers' own documents may cost an organization in 5 minutes; 0: any amount.
    pub graphql_complexity: u32,
    /// The same of a user.
    pub graphql_user_complexity: u32,
}

/// How upstreams are called (spec §8, §10). `timeout` holds for the built-in API, too.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Networks that may be dialed although they are private or special.
    pub allowed_networks: Networks,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an operation may take in all.
    pub timeout: Duration,
    /// The longest reply.
    pub reply_bytes: u64,
    /// How often an introspected schema is fetched again; `None`: only on request.
    pub refresh: Option<Duration>,
    /// Whose certificates are trusted beside those that browsers trust.
    pub ca_certificates: CaCertificates,
}

/// How webhooks are delivered. Whom they may go to and how connections are made is as for upstreams.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Notification services of an organization.
    pub services: u32,
    /// How long a receiver may take to answer.
    pub timeout: Duration,
    /// Deliveries that this process tries at once.
    pub in_flight: u32,
    /// For how long the log of deliveries is kept that are over.
    pub keep: TimeDelta,
}

/// Certificates of authorities.
#[derive(Clone, Debug, Default)]
pub struct CaCertificates(pub(crate) Vec<CertificateDer<'static>>);

/// Reads the file of that name, in PEM.
impl FromStr for CaCertificates {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, String> {
        let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match certificates {
            Ok(certificates) if certificates.is_empty() => Err(format!("{path} holds no certificate")),
            Ok(certificates) => Ok(Self(certificates)),
            Err(error) => Err(format!("{path} can't be read: {error}")),
        }
    }
}

impl Config {
    /// Reads `PORTAL_…`. Beside the settings it returns them as they count, for `check-config`.
    pub fn read(environment: &Environment) -> Result<(Self, Vec<(String, String)>), Problems> {
        let mut settings = Settings::new("PORTAL", environment);
        let database_url = settings.secret("DATABASE__URL").to_string();
        let pipelines_database_url = settings.optional_secret("PIPELINES__DATABASE_URL").map(|url| url.to_string());
        let database_connections = settings.or("DATABASE__CONNECTIONS", kit::db::CONNECTIONS);
        if database_connections == 0 {
            settings.refuse("DATABASE__CONNECTIONS", "must be at least 1");
        }
        let service_key = settings.parsed_secret("SERVICE__KEY");
        let (keys_file, grpc_listen) = (settings.required("KEYS__FILE"), settings.required("GRPC__LISTEN"));
        let tls = settings.tls(["TLS__CERT_FILE", "TLS__KEY_FILE", "TLS__CA_FILE"]);
        let stop_grace = settings.stop_grace("STOP__GRACE_MS");
        let admin_listen = settings.optional("ADMIN__LISTEN");
        let token_url = settings.part_url("TOKEN__URL", tls.as_ref());
        let public_url = settings.public_url("PUBLIC__URL");
        let (limits, upstream) = (Limits::read(&mut settings), Upstream::read(&mut settings));
        let webhooks = Webhooks::read(&mut settings);
        let shown = settings.finish()?;
        let config = Self {
            pipelines_database_url: pipelines_database_url.unwrap_or_else(|| database_url.clone()),
            database_url,
            database_connections,
            keys_file,
            // Without a key there was a problem, so that `finish` failed.
            service_key: service_key.ok_or_else(|| Problems(Vec::new()))?,
            grpc_listen,
            admin_listen,
            token_url,
            tls,
            stop_grace,
            public_url,
            limits,
            upstream,
            webhooks,
        };
        Ok((config, shown))
    }
}

impl Limits {
    fn read(settings: &mut Settings) -> Self {
        Self {
            requests_per_minute: settings.or("LIMITS__REQUESTS_PER_MINUTE", 200),
            most_requests_per_minute: settings.or("LIMITS__MOST_REQUESTS_PER_MINUTE", 0),
            portals: settings.or("LIMITS__PORTALS", 1_000),
            upstreams: settings.or("LIMITS__UPSTREAMS", 100),
            in_flight_per_portal: settings.or("LIMITS__IN_FLIGHT_PER_PORTAL", 64),
            graphql_complexity: settings.or("LIMITS__GRAPHQL_COMPLEXITY", 20_000),
            graphql_user_complexity: settings.or("LIMITS__GRAPHQL_USER_COMPLEXITY", 5_000),
        }
    }
}

impl Upstream {
    fn read(settings: &mut Settings) -> Self {
        Self {
            allowed_networks: settings.optional("UPSTREAM__ALLOWED_NETWORKS").unwrap_or_default(),
            connect_timeout: Duration::from_millis(settings.or("UPSTREAM__CONNECT_TIMEOUT_MS", 2_000)),
            timeout: Duration::from_millis(settings.or("UPSTREAM__TIMEOUT_MS", 30_000)),
            reply_bytes: settings.or("UPSTREAM__REPLY_BYTES", 8 << 20),
            refresh: match settings.or("UPSTREAM__REFRESH_MINUTES", 60_u32) {
                0 => None,
                minutes => Some(Duration::from_mins(minutes.into())),
            },
            ca_certificates: settings.optional("UPSTREAM__CA_FILE").unwrap_or_default(),
        }
    }
}

impl Webhooks {
    fn read(settings: &mut Settings) -> Self {
        Self {
            services: settings.or("WEBHOOKS__SERVICES", 100),
            timeout: Duration::from_millis(settings.or("WEBHOOKS__TIMEOUT_MS", 10_000)),
            in_flight: settings.or("WEBHOOKS__IN_FLIGHT", 32),
            keep: TimeDelta::days(settings.or("WEBHOOKS__KEEP_DAYS", 30_u32).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<(Config, Vec<(String, String)>), Problems> {
        let least = [
            ("PORTAL_DATABASE__URL", "postgres://portals:hush@db/portal"),
            ("PORTAL_KEYS__FILE", "/keys"),
            ("PORTAL_SERVICE__KEY", "0123456789abcdef0123456789abcdef"),
            ("PORTAL_GRPC__LISTEN", "127.0.0.1:0"),
            ("PORTAL_PUBLIC__URL", "https://portals.example/"),
        ];
        Config::read(&least.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn urls_lose_the_slash_at_their_end() {
        let (config, _) = read(&[("PORTAL_TOKEN__URL", "http://token:50051/")]).unwrap();
        assert_eq!(config.public_url, "https://portals.example");
        assert_eq!(config.token_url.as_deref(), Some("http://token:50051"));
    }

    #[test]
    fn a_url_that_cannot_be_called_is_refused() {
        let wrong = [("PORTAL_TOKEN__URL", "token:50051"), ("PORTAL_PUBLIC__URL", "portals.example")];
        let unfit = [("PORTAL_TOKEN__URL", "https://token:1"), ("PORTAL_PUBLIC__URL", "https://portals.example/a")];
        for wrong in [wrong, unfit] {
            let problems = read(&wrong).err().unwrap();
            assert!(
                problems.0.len() == 2 && wrong.iter().all(|(name, _)| problems.to_string().contains(name)),
                "{problems}"
            );
        }
    }
}
