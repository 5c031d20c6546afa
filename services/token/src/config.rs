//! The settings of this part: the only file that knows their names.

use std::{path::PathBuf, time::Duration};

use kit::{
    config::{Environment, Problems, Settings},
    credential::{DEFAULT_LETTERS, is_letters},
    grpc::ServiceKey,
    tls::Tls,
};

/// What the token service is run with.
#[derive(Clone)]
pub struct Config {
    /// `sqlite:<file>` or `postgres://…`. May hold a password: never shown.
    pub database_url: String,
    /// Connections to it that read, and as many that write, where it is a PostgreSQL's.
    pub database_connections: u32,
    /// The file of the root keys.
    pub keys_file: PathBuf,
    /// By which the parts of an installation know each other.
    pub service_key: ServiceKey,
    /// Where gRPC is served, `host:port`.
    pub grpc_listen: String,
    /// Where `/healthz`, `/readyz` and `/metrics` are served, `host:port`; nowhere when absent.
    pub admin_listen: Option<String>,
    /// What clients of gRPC must have a certificate like, if they must.
    pub tls: Option<Tls>,
    /// How long it goes on serving when it has been asked to stop.
    pub stop_grace: Duration,
    /// What new credentials begin with.
    pub letters: String,
    /// Rates.
    pub limits: Limits,
}

/// How often things may be done in a minute; 0 is no limit.
///
/// The last three belong to the exchange of secrets, to signing in and to codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// REST requests of one organization.
    pub rest_per_minute: u32,
    /// REST requests of one user.
    pub rest_user_per_minute: u32,
    /// Exchanges of one client that passed the secret check.
    pub exchanges_per_minute: u32,
    /// Failed exchanges from one address, and of one client from one address.
    pub failures_per_minute: u32,
    /// Codes asked for from one address.
    pub codes_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rest_per_minute: 200,
            rest_user_per_minute: 50,
            exchanges_per_minute: 60,
            failures_per_minute: 20,
            codes_per_minute: 10,
        }
    }
}

impl Config {
    /// Reads the settings that begin with `TOKEN_`. Also answers them as they count, secrets not shown.
    pub fn read(environment: &Environment) -> Result<(Self, Vec<(String, String)>), Problems> {
        let mut settings = Settings::new("TOKEN", environment);
        let database_url = settings.secret("DATABASE__URL").to_string();
        let database_connections = settings.or("DATABASE__CONNECTIONS", kit::db::CONNECTIONS);
        if database_connections == 0 {
            settings.refuse("DATABASE__CONNECTIONS", "must be at least 1");
        }
        let keys_file = settings.required("KEYS__FILE");
        let service_key = settings.parsed_secret("SERVICE__KEY");
        let grpc_listen = settings.required("GRPC__LISTEN");
        let admin_listen = settings.optional("ADMIN__LISTEN");
        let tls = settings.tls(["TLS__CERT_FILE", "TLS__KEY_FILE", "TLS__CA_FILE"]);
        let stop_grace = settings.stop_grace("STOP__GRACE_MS");
        let letters = settings.or("CREDENTIALS__LETTERS", DEFAULT_LETTERS.to_owned());
        if !is_letters(&letters) {
            settings.refuse("CREDENTIALS__LETTERS", "must be 2 to 10 of a-z and 0-9");
        }
        let limits = limits(&mut settings);
        let shown = settings.finish()?;
        // Without a key there was a problem, so that `finish` failed.
        let service_key = service_key.ok_or_else(|| Problems(Vec::new()))?;
        let config = Self {
            database_url,
            database_connections,
            keys_file,
            service_key,
            grpc_listen,
            admin_listen,
            tls,
            stop_grace,
            letters,
            limits,
        };
        Ok((config, shown))
    }
}

fn limits(settings: &mut Settings) -> Limits {
    let default = Limits::default();
    Limits {
        rest_per_minute: settings.or("LIMITS__REST_PER_MINUTE", default.rest_per_minute),
        rest_user_per_minute: settings.or("LIMITS__REST_USER_PER_MINUTE", default.rest_user_per_minute),
        exchanges_per_minute: settings.or("LIMITS__EXCHANGES_PER_MINUTE", default.exchanges_per_minute),
        failures_per_minute: settings.or("LIMITS__FAILURES_PER_MINUTE", default.failures_per_minute),
        codes_per_minute: settings.or("LIMITS__CODES_PER_MINUTE", default.codes_per_minute),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(changes: &[(&str, &str)]) -> Environment {
        let needed = [
            ("TOKEN_DATABASE__URL", "postgres://portals:hush@db/token"),
            ("TOKEN_KEYS__FILE", "/keys"),
            ("TOKEN_SERVICE__KEY", "0123456789abcdef0123456789abcdef"),
            ("TOKEN_GRPC__LISTEN", "127.0.0.1:0"),
        ];
        needed.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_least_is_enough_and_limits_can_be_set() {
        let (config, _) = Config::read(&environment(&[("TOKEN_LIMITS__REST_PER_MINUTE", "0")])).unwrap();
        assert_eq!(config.limits, Limits { rest_per_minute: 0, ..Limits::default() });
        assert_eq!((config.letters.as_str(), config.admin_listen), ("bk", None));
    }

    #[test]
    fn no_secret_is_shown() {
        let (_, shown) = Config::read(&environment(&[])).unwrap();
        assert!(!format!("{shown:?}").contains("hush") && !format!("{shown:?}").contains("cdef"), "{shown:?}");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let wrong = [("TOKEN_SERVICE__KEY", "short"), ("TOKEN_CREDENTIALS__LETTERS", "B"), ("TOKEN_LIMITS__X", "1")];
        let Problems(problems) = Config::read(&environment(&wrong)).err().unwrap();
        assert_eq!(problems.len(), 3, "{problems:?}");
        let Problems(problems) = Config::read(&Environment::new()).err().unwrap();
        assert_eq!(problems.len(), 4, "{problems:?}");
    }
}
