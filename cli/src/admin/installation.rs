//! Which installation is meant, where its services are, and the key that lets the operator in.

use std::path::{Path, PathBuf};

use kit::{
    config::{Environment, Settings},
    grpc::ServiceKey,
    tls::Tls,
};

use crate::{
    failure::Failure,
    healthcheck,
    running::{self, Running},
};

/// Where `standalone` keeps its data when it isn't told.
pub(crate) const DATA_DIRECTORY: &str = "portals-data";

const TOKEN_URL: &str = "GATEWAY_TOKEN__URL";
const PORTAL_URL: &str = "GATEWAY_PORTAL__URL";
const SERVICE_KEY: &str = "GATEWAY_SERVICE__KEY";
const TLS_KEYS: [&str; 3] = ["TLS__CERT_FILE", "TLS__KEY_FILE", "TLS__CA_FILE"];
const TLS: [&str; 3] = ["GATEWAY_TLS__CERT_FILE", "GATEWAY_TLS__KEY_FILE", "GATEWAY_TLS__CA_FILE"];

/// An installation's services.
#[derive(Debug)]
pub(super) struct Installation {
    pub(super) token_url: String,
    pub(super) portal_url: String,
    pub(super) service_key: ServiceKey,
    /// What is shown to them where they ask for it.
    pub(super) tls: Option<Tls>,
    /// Where this was found, for messages.
    pub(super) source: String,
}

/// The installation of the data directory, or else of `portals-data` if it is running, or else the one that the environment
/// names to a gateway.
pub(super) fn find(data_dir: Option<&Path>, environment: &Environment) -> Result<Installation, Failure> {
    let Some(path) = directory(data_dir, environment)? else { return of_environment(environment) };
    match Running::find(&path)? {
        Some(running) => of_process(running, &running::file(&path), environment),
        None => Err(Failure::Plain(format!("no installation is running in {}", path.display()))),
    }
}

/// The data directory that is meant, unless it is the environment that says where things are. Refuses to choose between the
/// two: a wrong guess would change another installation than the one that was meant, and say that it was done.
pub(super) fn directory(data_dir: Option<&Path>, environment: &Environment) -> Result<Option<PathBuf>, Failure> {
    if let Some(path) = data_dir {
        return Ok(Some(path.to_owned()));
    }
    let default = Path::new(DATA_DIRECTORY);
    if Running::find(default)?.is_none() {
        return Ok(None);
    }
    match [TOKEN_URL, PORTAL_URL].into_iter().find(|name| environment.contains_key(*name)) {
        None => Ok(Some(default.to_owned())),
        Some(name) => Err(Failure::Plain(format!(
            "an installation is running in {DATA_DIRECTORY} and {name} names one too: give --data-dir {DATA_DIRECTORY} if the \
             former is meant; for the latter, run this in another directory"
        ))),
    }
}

fn of_process(running: Running, file: &Path, environment: &Environment) -> Result<Installation, Failure> {
    let source = file.display().to_string();
    let Running { token_grpc, portal_grpc, service_key, .. } = running;
    let service_key =
        service_key.parse().map_err(|error| Failure::because(format!("service_key in {source}"), error))?;
    let mut settings = Settings::new("GATEWAY", &only(environment, &TLS));
    let tls = settings.tls(TLS_KEYS);
    settings.finish()?;
    Ok(Installation { token_url: token_grpc, portal_url: portal_grpc, service_key, tls, source })
}

fn of_environment(environment: &Environment) -> Result<Installation, Failure> {
    let environment = &with_own_parts(environment);
    let is_set = |name: &str| environment.contains_key(name) || environment.contains_key(&format!("{name}_FILE"));
    let missing: Vec<_> = [TOKEN_URL, PORTAL_URL, SERVICE_KEY].into_iter().filter(|name| !is_set(name)).collect();
    if !missing.is_empty() {
        return Err(Failure::Plain(format!(
            "no installation is running in {DATA_DIRECTORY} and the environment names none either ({} missing): give \
             --data-dir, or set {TOKEN_URL}, {PORTAL_URL} and {SERVICE_KEY} (or {SERVICE_KEY}_FILE) as the gateway has them",
            if let [one] = missing.as_slice() { format!("{one} is") } else { format!("{} are", missing.join(", ")) }
        )));
    }
    let key_file = format!("{SERVICE_KEY}_FILE");
    let ours = [&[TOKEN_URL, PORTAL_URL, SERVICE_KEY, &key_file], TLS.as_slice()].concat();
    let mut settings = Settings::new("GATEWAY", &only(environment, &ours));
    let tls = settings.tls(TLS_KEYS);
    let [token_url, portal_url] =
        ["TOKEN__URL", "PORTAL__URL"].map(|key| settings.part_url(key, tls.as_ref()).unwrap_or_default());
    let service_key = settings.parsed_secret("SERVICE__KEY");
    settings.finish()?;
    // Without a key there was a problem, so that `finish` failed.
    let service_key = service_key.ok_or_else(|| Failure::Plain(format!("{SERVICE_KEY} is missing")))?;
    Ok(Installation { token_url, portal_url, service_key, tls, source: "the environment".to_owned() })
}

/// Where a gateway shares its process with a service, no URL says where that one is: it listens on this machine.
fn with_own_parts(environment: &Environment) -> Environment {
    let mut environment = environment.clone();
    let scheme = if TLS.iter().any(|name| environment.contains_key(*name)) { "https" } else { "http" };
    for (url, listen) in [(TOKEN_URL, "TOKEN_GRPC__LISTEN"), (PORTAL_URL, "PORTAL_GRPC__LISTEN")] {
        if let (None, Some(listen)) = (environment.get(url), environment.get(listen)) {
            let own = format!("{scheme}://{}", healthcheck::dialable(listen));
            environment.insert(url.to_owned(), own);
        }
    }
    environment
}

fn only(environment: &Environment, names: &[&str]) -> Environment {
    let kept = environment.iter().filter(|(name, _)| names.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data_directory::DataDirectory, first_start::Urls};

    fn environment(given: &[(&str, &str)]) -> Environment {
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_missing_is_named() {
        let named = |given: &[(&str, &str)]| of_environment(&environment(given)).unwrap_err().to_string();
        let nothing = named(&[]);
        assert!(
            nothing.contains("GATEWAY_TOKEN__URL, GATEWAY_PORTAL__URL, GATEWAY_SERVICE__KEY are missing"),
            "{nothing}"
        );
        let urls = [(TOKEN_URL, "http://token:1"), (PORTAL_URL, "http://portal:1")];
        assert!(named(&urls).contains("(GATEWAY_SERVICE__KEY is missing)"));
        let weak = [urls[0], urls[1], (SERVICE_KEY, "short")];
        assert!(named(&weak).contains("GATEWAY_SERVICE__KEY: must be 32"));
        let tls = [urls[0], (PORTAL_URL, "https://portal:1"), (SERVICE_KEY, &"k".repeat(32))];
        assert!(named(&tls).contains("https needs GATEWAY_TLS__CERT_FILE"));
        assert!(named(&[urls[0], (PORTAL_URL, "portal"), (SERVICE_KEY, &"k".repeat(32))]).contains(PORTAL_URL));
    }

    #[test]
    fn the_environment_of_a_gateway_is_enough_with_the_key_in_a_file_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "k".repeat(32)).unwrap();
        let found = of_environment(&environment(&[
            (TOKEN_URL, "http://token:1/"),
            (PORTAL_URL, "http://portal:2"),
            ("GATEWAY_SERVICE__KEY_FILE", file.path().to_str().unwrap()),
            ("GATEWAY_LIMITS__IN_FLIGHT", "7"),
        ]));
        let found = found.unwrap();
        assert_eq!((found.token_url.as_str(), found.portal_url.as_str()), ("http://token:1", "http://portal:2"));
        assert!(!format!("{found:?}").contains("kkk"));
    }

    #[test]
    fn a_service_in_the_gateways_process_is_found_where_it_listens() {
        let edge =
            [(TOKEN_URL, "http://token:1"), ("PORTAL_GRPC__LISTEN", "0.0.0.0:50052"), (SERVICE_KEY, &*"k".repeat(32))];
        let found = of_environment(&environment(&edge)).unwrap();
        assert_eq!((found.token_url.as_str(), found.portal_url.as_str()), ("http://token:1", "http://127.0.0.1:50052"));
        let told = [&edge[..], &[(PORTAL_URL, "http://portal:2")]].concat();
        assert_eq!(of_environment(&environment(&told)).unwrap().portal_url, "http://portal:2");
    }

    #[test]
    fn a_directory_that_is_named_is_the_only_one_looked_at() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("data");
        let urls = [(TOKEN_URL, "http://token:1"), (PORTAL_URL, "http://portal:1"), (SERVICE_KEY, &*"k".repeat(32))];
        let refused = find(Some(&path), &environment(&urls)).unwrap_err().to_string();
        assert_eq!(refused, format!("no installation is running in {}", path.display()));
        let directory = DataDirectory::open(&path).unwrap();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let running = Urls { gateway: url(1), admin: url(2), token_grpc: url(3), portal_grpc: url(4) };
        let key = environment(&[("TOKEN_SERVICE__KEY", &"s".repeat(32))]);
        Running::new(&running, &key).write(&directory).unwrap();
        let found = find(Some(&path), &environment(&urls)).unwrap();
        assert_eq!((found.token_url, found.portal_url), (url(3), url(4)));
    }
}
