//! `portals healthcheck`: whether a process of ours can work, for container engines, which judge by an exit code. The image has
//! nothing else that could ask.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, Response, StatusCode, Uri, body::Incoming, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use kit::config::Environment;
use tokio::net::TcpStream;

use crate::{admin::installation::DATA_DIRECTORY, command::Role, failure::Failure, running::Running};

/// How long an answer may take: less than the engines' own limit, so that the reason is told.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most that is told of an answer, in bytes.
const MOST: usize = 4 << 10;

/// Whom to ask, and what.
#[derive(Args, Debug)]
pub(crate) struct Healthcheck {
    /// The parts whose admin listener is asked, at `…_ADMIN__LISTEN`. [default: those for which it is set; else the
    /// standalone installation that is running in portals-data]
    roles: Vec<Role>,
    /// Ask this URL instead, such as the one of a gateway.
    #[arg(long, conflicts_with_all = ["roles", "installation"])]
    url: Option<Uri>,
    /// Ask the standalone installation that is running in this directory.
    #[arg(id = "installation", long = "data-dir", value_name = "DATA_DIR", conflicts_with = "roles")]
    data_dir: Option<PathBuf>,
    /// Ask whether it lives (/healthz) and not whether it can work (/readyz).
    #[arg(long, conflicts_with = "url")]
    live: bool,
}

impl Healthcheck {
    /// Asks. An error unless everybody who was asked answers 2xx.
    pub(crate) async fn run(self, environment: &Environment) -> Result<(), Failure> {
        for url in self.urls(environment)? {
            let asked = tokio::time::timeout(PATIENCE, ask(&url)).await;
            asked.map_err(|_elapsed| Failure::Plain(format!("{url} doesn't answer")))??;
        }
        Ok(())
    }

    fn urls(self, environment: &Environment) -> Result<Vec<Uri>, Failure> {
        if let Some(url) = self.url {
            return Ok(vec![url]);
        }
        let path = if self.live { "/healthz" } else { "/readyz" };
        let bases = match self.data_dir {
            Some(directory) => vec![running_in(&directory)?],
            None => of_roles(&self.roles, environment)?,
        };
        bases.into_iter().map(|base| parse(&format!("{base}{path}"))).collect()
    }
}

/// Where the admin listeners of `roles` are; of all that have one if none is named.
fn of_roles(roles: &[Role], environment: &Environment) -> Result<Vec<String>, Failure> {
    let all = [(Role::Token, "TOKEN"), (Role::Portal, "PORTAL"), (Role::Gateway, "GATEWAY")];
    let mut bases = Vec::new();
    for (role, part) in all {
        let name = format!("{part}_ADMIN__LISTEN");
        match environment.get(&name) {
            Some(listen) if roles.is_empty() || roles.contains(&role) => bases.push(base(listen)),
            None if roles.contains(&role) => return Err(Failure::Plain(format!("{name} isn't set"))),
            _ => {}
        }
    }
    bases.dedup();
    if bases.is_empty() { Ok(vec![running_in(Path::new(DATA_DIRECTORY))?]) } else { Ok(bases) }
}

fn running_in(directory: &Path) -> Result<String, Failure> {
    let running = Running::find(directory)?;
    let running = running.ok_or_else(|| {
        let nobody = format!("no installation is running in {}, and no …_ADMIN__LISTEN is set", directory.display());
        Failure::Plain(nobody)
    })?;
    Ok(base(running.admin.trim_start_matches("http://")))
}

fn base(listen: &str) -> String {
    format!("http://{}", dialable(listen))
}

/// Where to reach from this machine who listens at `listen`. Who listens on every address is reached on loopback.
pub(crate) fn dialable(listen: &str) -> String {
    let Ok(mut address) = listen.parse::<SocketAddr>() else { return listen.to_owned() };
    if address.ip().is_unspecified() {
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        address.set_ip(if address.is_ipv4() { loopback[0] } else { loopback[1] });
    }
    address.to_string()
}

fn parse(url: &str) -> Result<Uri, Failure> {
    url.parse().map_err(|error| Failure::because(format!("{url} can't be asked"), error))
}

/// `GET url`: an error that tells what was answered unless it was 2xx.
async fn ask(url: &Uri) -> Result<(), Failure> {
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| Failure::because(format!("{url} doesn't answer"), error);
    let (Some("http"), Some(host)) = (url.scheme_str(), url.host()) else {
        return Err(Failure::Plain(format!("{url} can't be asked: give an http URL")));
    };
    let port = url.port_u16().unwrap_or(80);
    let stream =
        TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(|error| failed(error.into()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(error.into()))?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header(HOST, format!("{host}:{port}")).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| failed(error.into()))?;
    // The sender goes when it is answered, and the connection with it.
    let answered = async move {
        let response = sender.send_request(request).await?;
        Ok::<_, hyper::Error>(told(response).await)
    };
    let (answered, _connection) = tokio::join!(answered, connection);
    let (status, body) = answered.map_err(|error| failed(error.into()))?;
    if status.is_success() { Ok(()) } else { Err(Failure::Plain(format!("{url} answers {status}: {}", body.trim()))) }
}

async fn told(response: Response<Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = Limited::new(response.into_body(), MOST).collect().await;
    (status, body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    fn environment(given: &[(&str, &str)]) -> Environment {
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn check(roles: &[Role], live: bool) -> Healthcheck {
        Healthcheck { roles: roles.to_vec(), url: None, data_dir: None, live }
    }

    fn urls(roles: &[Role], live: bool, given: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let urls = check(roles, live).urls(&environment(given)).map_err(|error| error.to_string())?;
        Ok(urls.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn who_listens_everywhere_is_asked_on_loopback_and_once() {
        let one = [("PORTAL_ADMIN__LISTEN", "0.0.0.0:9090"), ("GATEWAY_ADMIN__LISTEN", "0.0.0.0:9090")];
        assert_eq!(urls(&[], false, &one).unwrap(), ["http://127.0.0.1:9090/readyz"]);
        let two = [("TOKEN_ADMIN__LISTEN", "[::]:1"), ("GATEWAY_ADMIN__LISTEN", "localhost:2")];
        assert_eq!(urls(&[], true, &two).unwrap(), ["http://[::1]:1/healthz", "http://localhost:2/healthz"]);
        assert_eq!(urls(&[Role::Gateway], false, &two).unwrap(), ["http://localhost:2/readyz"]);
    }

    #[test]
    fn a_part_without_an_admin_listener_is_no_healthy_one() {
        let refused = urls(&[Role::Token], false, &[("GATEWAY_ADMIN__LISTEN", "localhost:2")]).unwrap_err();
        assert_eq!(refused, "TOKEN_ADMIN__LISTEN isn't set");
        assert!(urls(&[], false, &[]).unwrap_err().contains("no installation is running in portals-data"));
    }

    async fn answer(text: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/readyz", listener.local_addr().unwrap()).parse().unwrap();
        let server = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            stream.write_all(text.as_bytes()).await.unwrap();
        };
        let (asked, ()) = tokio::join!(ask(&url), server);
        asked.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn what_is_answered_decides_and_is_told() {
        assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nready\n").await, Ok(()));
        let refused = answer("HTTP/1.1 503 X\r\ncontent-length: 9\r\n\r\ndatabase\n").await.unwrap_err();
        assert!(refused.ends_with("answers 503 Service Unavailable: database"), "{refused}");
        assert!(answer("nonsense\r\n\r\n").await.unwrap_err().contains("doesn't answer"));
        assert!(answer("").await.unwrap_err().contains("doesn't answer"));
    }

    #[tokio::test]
    async fn nobody_there_and_what_is_no_http_url_are_failures() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        assert!(ask(&url).await.unwrap_err().to_string().contains("doesn't answer"));
        assert!(ask(&"https://localhost/".parse().unwrap()).await.unwrap_err().to_string().contains("http URL"));
    }
}
