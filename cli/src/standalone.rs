//! Everything in one process, with its data in one directory and no setting required.

use std::{net::SocketAddr, path::Path};

use kit::{
    ambient::Ambient,
    boot::{Tasks, serve_admin},
    config::{Environment, Problem, Problems},
    db::Database,
    telemetry::{Metrics, Telemetry},
};
use rustix::{fs::Mode, process::umask};
use tokio::net::TcpListener;

use crate::{
    announce,
    assembly::{self, Parts, Stop},
    command::{Role, Standalone},
    data_directory::DataDirectory,
    failure::Failure,
    first_start::{self, Urls},
    roles::Roles,
    running::{self, Running},
};

const LISTEN: &str = "127.0.0.1:8080";
/// The databases in the data directory, in the order in which they are made.
const DATABASES: [&str; 3] = ["token.db", "portal.db", "pipelines.db"];
const ANY_PORT: &str = "127.0.0.1:0";
const SERVICE_KEYS: [&str; 3] = ["TOKEN_SERVICE__KEY", "PORTAL_SERVICE__KEY", "GATEWAY_SERVICE__KEY"];

/// Runs everything until the process is asked to stop.
pub(crate) async fn run(
    options: Standalone,
    environment: Environment,
    telemetry: &mut Telemetry,
) -> Result<(), Failure> {
    // SQLite makes its files with the mode that the umask leaves.
    umask(Mode::RWXG | Mode::RWXO);
    let tasks = Tasks::default();
    telemetry.export(&tasks);
    // Outlives the parts: it holds the lock.
    let directory = DataDirectory::open(&options.data_dir)?;
    running::remove(&directory)?;
    let start = start(&options, environment, &directory, &tasks, telemetry.metrics.clone());
    let ended = assembly::until_stopped(&tasks, Stop::AT_ONCE, Box::pin(start)).await;
    ended.and(running::remove(&directory))
}

async fn start(
    options: &Standalone,
    environment: Environment,
    directory: &DataDirectory,
    tasks: &Tasks,
    metrics: Metrics,
) -> Result<(), Failure> {
    let ambient = Ambient::system();
    let listen = options.listen.clone().or_else(|| environment.get("GATEWAY_HTTP__LISTEN").cloned());
    let public = assembly::listen(listen.as_deref().unwrap_or(LISTEN)).await?;
    let [own_token_keys, own_portal_keys] =
        ["TOKEN_KEYS__FILE", "PORTAL_KEYS__FILE"].map(|name| environment.contains_key(name));
    require_public_url(&environment, options, address(&public)?)?;
    let environment = complete(environment, options, address(&public)?, &ambient);
    let (roles, _shown) = Roles::read(&[Role::Token, Role::Portal, Role::Gateway], &environment)?;
    if !own_token_keys {
        directory.ensure_key("token.key", "token.db", &ambient)?;
    }
    if !own_portal_keys {
        directory.ensure_key("portal.key", "portal.db", &ambient)?;
    }
    refuse_lost(directory, &roles)?;
    assembly::migrate(&roles).await?;
    if options.restored {
        assembly::restored(&roles, &ambient).await?;
    }
    let parts = Parts::open(&roles, &ambient, tasks).await?;
    let urls = serve(&parts, &roles, tasks, &public, &metrics).await?;
    let running = Running::new(&urls, &environment);
    let gateway_url = urls.gateway.clone();
    let letters = roles.token.map(|config| config.letters).unwrap_or_default();
    first_start::ensure(directory, &parts, &ambient, &letters, urls).await?;
    // Before the gateway answers: whoever sees it answer may run `portals admin` at once.
    running.write(directory)?;
    if let Some(gateway) = &parts.gateway {
        gateway.serve(tasks, public);
    }
    announce::started(directory, &gateway_url)
}

/// Refuses to make a database anew that was lost: they are made in this order, so that one without those before it has lost them.
fn refuse_lost(directory: &DataDirectory, roles: &Roles) -> Result<(), Failure> {
    let (Some(token), Some(portal)) = (&roles.token, &roles.portal) else { return Ok(()) };
    let urls = [&token.database_url, &portal.database_url, &portal.pipelines_database_url];
    let files = DATABASES.map(|name| directory.file(name));
    // Others are elsewhere, and nobody knows in what order they were made.
    let own: Vec<_> = files
        .iter()
        .zip(urls)
        .filter(|(file, url)| **url == Database::sqlite_url(file))
        .map(|(file, _)| file)
        .collect();
    let lost = own.iter().position(|file| !file.exists());
    let Some((lost, later)) = lost.and_then(|lost| own.get(lost..)?.split_first()) else { return Ok(()) };
    match later.iter().find(|file| file.exists()) {
        None => Ok(()),
        Some(there) => Err(Failure::Plain(format!(
            "{} is missing, although {} is there: bring the file back, or a backup of all of them",
            lost.display(),
            there.display()
        ))),
    }
}

/// Serves everything but the public API, which must not answer before the first start is done.
async fn serve(
    parts: &Parts,
    roles: &Roles,
    tasks: &Tasks,
    public: &TcpListener,
    metrics: &Metrics,
) -> Result<Urls, Failure> {
    let mut admin_addresses = assembly::admin_addresses(roles);
    if admin_addresses.is_empty() {
        admin_addresses.push(ANY_PORT.to_owned());
    }
    let mut admins = Vec::new();
    for address in &admin_addresses {
        admins.push(assembly::listen(address).await?);
    }
    let first_admin = admins.first().map(address).transpose()?;
    let addresses = parts.serve_grpc(roles, tasks).await?;
    for listener in admins {
        serve_admin(tasks, listener, parts.readiness(), metrics.clone());
    }
    let url = |scheme, address: Option<SocketAddr>| address.map(|address| format!("{scheme}://{address}"));
    let scheme = |is_tls| if is_tls { "https" } else { "http" };
    let token_scheme = scheme(roles.token.as_ref().is_some_and(|config| config.tls.is_some()));
    let portal_scheme = scheme(roles.portal.as_ref().is_some_and(|config| config.tls.is_some()));
    Ok(Urls {
        gateway: url("http", Some(address(public)?)).unwrap_or_default(),
        admin: url("http", first_admin).unwrap_or_default(),
        token_grpc: url(token_scheme, addresses.token_grpc).unwrap_or_default(),
        portal_grpc: url(portal_scheme, addresses.portal_grpc).unwrap_or_default(),
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::because("a listener has no address", error))
}

/// The settings of an installation in `data_dir`, as far as they don't depend on where it listens.
pub(crate) fn settings(environment: Environment, data_dir: &Path, ambient: &Ambient) -> Environment {
    let options = Standalone { data_dir: data_dir.to_owned(), listen: None, public_url: None, restored: false };
    complete(environment, &options, SocketAddr::from(([127, 0, 0, 1], 0)), ambient)
}

/// Refuses to guess what callers call this: an address that stands for every one of the machine's is none of them.
fn require_public_url(environment: &Environment, options: &Standalone, public: SocketAddr) -> Result<(), Problems> {
    let is_said = options.public_url.is_some() || is_set(environment, "GATEWAY_PUBLIC__URL");
    if is_said || !public.ip().to_canonical().is_unspecified() {
        return Ok(());
    }
    Err(Problems(vec![Problem::Other(format!(
        "{public} is no address that anybody can call: say with --public-url (or GATEWAY_PUBLIC__URL) what callers call this, \
         such as https://portals.example.com"
    ))]))
}

/// The environment with everything that it leaves open.
fn complete(mut environment: Environment, options: &Standalone, public: SocketAddr, ambient: &Ambient) -> Environment {
    let file = |name| options.data_dir.join(name).display().to_string();
    let database = |name| Database::sqlite_url(&options.data_dir.join(name));
    if let Some(url) = &options.public_url {
        environment.insert("GATEWAY_PUBLIC__URL".to_owned(), url.clone());
        environment.insert("PORTAL_PUBLIC__URL".to_owned(), url.clone());
    }
    environment.insert("GATEWAY_HTTP__LISTEN".to_owned(), public.to_string());
    let public_url = environment.get("GATEWAY_PUBLIC__URL").cloned().unwrap_or_else(|| format!("http://{public}"));
    let own_portal_database = is_set(&environment, "PORTAL_DATABASE__URL");
    let mut default = |name: &str, value: String| {
        if !is_set(&environment, name) {
            environment.insert(name.to_owned(), value);
        }
    };
    default("GATEWAY_PUBLIC__URL", public_url.clone());
    default("PORTAL_PUBLIC__URL", public_url);
    default("TOKEN_DATABASE__URL", database("token.db"));
    default("PORTAL_DATABASE__URL", database("portal.db"));
    if !own_portal_database {
        default("PORTAL_PIPELINES__DATABASE_URL", database("pipelines.db"));
    }
    default("TOKEN_KEYS__FILE", file("token.key"));
    default("PORTAL_KEYS__FILE", file("portal.key"));
    default("TOKEN_GRPC__LISTEN", ANY_PORT.to_owned());
    default("PORTAL_GRPC__LISTEN", ANY_PORT.to_owned());
    share_service_key(&mut environment, ambient);
    environment
}

/// All parts know the same service key: one that is set, itself or as a file, or one that lives as long as the process.
fn share_service_key(environment: &mut Environment, ambient: &Ambient) {
    let forms = SERVICE_KEYS.iter().flat_map(|name| ["", "_FILE"].map(|form| (form, format!("{name}{form}"))));
    let set = forms.into_iter().find_map(|(form, name)| Some((form, environment.get(&name)?.clone())));
    let (form, value) = set.unwrap_or_else(|| ("", hex::encode(ambient.bytes::<32>())));
    for name in SERVICE_KEYS {
        if !is_set(environment, name) {
            environment.insert(format!("{name}{form}"), value.clone());
        }
    }
}

fn is_set(environment: &Environment, name: &str) -> bool {
    environment.contains_key(name) || environment.contains_key(&format!("{name}_FILE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(listen: &str, public_url: Option<&str>, set: &[(&str, &str)]) -> Result<Environment, String> {
        let environment = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let public_url = public_url.map(ToOwned::to_owned);
        let options = Standalone { data_dir: "data".into(), listen: None, public_url, restored: false };
        let listen = listen.parse().unwrap();
        require_public_url(&environment, &options, listen).map_err(|problems| problems.to_string())?;
        Ok(complete(environment, &options, listen, &Ambient::system()))
    }

    #[test]
    fn every_address_of_a_machine_is_no_public_one() {
        let url = "https://p.example";
        for listen in ["0.0.0.0:8080", "[::]:8080", "[::ffff:0.0.0.0]:8080"] {
            let refused = asked(listen, None, &[("PORTAL_PUBLIC__URL", url)]).unwrap_err();
            assert!(refused.contains("--public-url"), "{refused}");
            assert!(asked(listen, Some(url), &[]).is_ok());
            assert!(asked(listen, None, &[("GATEWAY_PUBLIC__URL", url)]).is_ok());
        }
    }

    #[test]
    fn both_parts_have_the_same_public_url_unless_they_are_told() {
        let urls = |environment: Environment| {
            ["GATEWAY_PUBLIC__URL", "PORTAL_PUBLIC__URL"].map(|name| environment.get(name).cloned().unwrap())
        };
        let (url, own) = ("https://p.example", "http://127.0.0.1:8080");
        assert_eq!(urls(asked("127.0.0.1:8080", None, &[]).unwrap()), [own; 2]);
        assert_eq!(urls(asked("127.0.0.1:8080", Some(url), &[]).unwrap()), [url; 2]);
        assert_eq!(urls(asked("127.0.0.1:8080", None, &[("GATEWAY_PUBLIC__URL", url)]).unwrap()), [url; 2]);
        let portal = ("PORTAL_PUBLIC__URL", "https://q.example");
        assert_eq!(urls(asked("127.0.0.1:8080", None, &[portal]).unwrap()), [own, portal.1]);
    }
}
