//! Names become addresses here, and those that may not be dialed are dropped before anybody sees them.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    thread, vec,
};

use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::watch;
use tower::Service;

use super::policy::Policy;

/// Look-ups under way at once: each takes a thread, for as long as a name server takes to answer.
const MOST_LOOKUPS: usize = 256;

/// The future of a look-up.
pub(super) type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who knows the addresses of names.
pub(super) trait Names: Send + Sync {
    /// The addresses of `host`, as they are now.
    fn look_up(&self, host: &str) -> Lookup;
}

/// No address of a name, or none that is written out, may be dialed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no address that may be dialed")]
pub(super) struct Forbidden;

/// The resolver of the one who dials. Each dial asks anew, so that a name that changes is judged as it is now.
#[derive(Clone)]
pub(super) struct Resolver {
    pub(super) names: Arc<dyn Names>,
    pub(super) policy: Policy,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { names, policy } = self.clone();
        Box::pin(async move {
            let found = names.look_up(name.as_str()).await?;
            let permitted = found.into_iter().filter(|address| policy.permits(*address));
            // The port is the connector's matter.
            let permitted: Vec<_> = permitted.map(|address| SocketAddr::new(address, 0)).collect();
            if permitted.is_empty() { Err(Forbidden.into()) } else { Ok(permitted.into_iter()) }
        })
    }
}

type Ask = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;
/// The addresses, or the error's text: errors of the operating system can't be cloned.
type Answer = Result<Vec<IpAddr>, String>;
type Running = HashMap<String, watch::Receiver<Option<Answer>>>;

/// The operating system's resolver. It blocks a thread and can't be stopped, so that there is one look-up of a name at a time,
/// whose answer all take who came while it ran: a name server that hangs costs a thread for each name, not for each call. The
/// threads are none of the runtime's, which would wait for them when the process ends.
#[derive(Clone)]
pub(super) struct SystemNames {
    ask: Arc<Ask>,
    running: Arc<Mutex<Running>>,
}

impl Default for SystemNames {
    fn default() -> Self {
        Self::new(|host| Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }
}

impl SystemNames {
    fn new(ask: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self { ask: Arc::new(ask), running: Arc::default() }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to come.
    fn answer(&self, host: &str) -> io::Result<watch::Receiver<Option<Answer>>> {
        let mut running = self.running();
        if let Some(answer) = running.get(host) {
            return Ok(answer.clone());
        }
        if running.len() >= MOST_LOOKUPS {
            return Err(io::Error::other("too many names are looked up at once"));
        }
        let (tell, answer) = watch::channel(None);
        let (names, name) = (self.clone(), host.to_owned());
        thread::Builder::new().name("names".to_owned()).spawn(move || {
            let found = (names.ask)(&name);
            // Who comes from now on asks anew.
            names.running().remove(&name);
            tell.send_replace(Some(found.map_err(|error| error.to_string())));
        })?;
        running.insert(host.to_owned(), answer.clone());
        Ok(answer)
    }
}

impl Names for SystemNames {
    fn look_up(&self, host: &str) -> Lookup {
        let answer = self.answer(host);
        Box::pin(async move {
            let mut answer = answer?;
            let found = answer.wait_for(Option::is_some).await.map(|found| found.clone());
            let found =
                found.map_err(|_broke_off: watch::error::RecvError| io::Error::other("the look-up broke off"))?;
            found.unwrap_or_else(|| Ok(Vec::new())).map_err(io::Error::other)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Condvar,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    type Gate = (Mutex<bool>, Condvar);

    /// Names that hang until they are let go, and one that doesn't. How often they were asked.
    fn hanging() -> (SystemNames, Arc<Gate>, Arc<AtomicUsize>) {
        let (gate, asked) = (Arc::<Gate>::default(), Arc::<AtomicUsize>::default());
        let (waits, counts) = (Arc::clone(&gate), Arc::clone(&asked));
        let names = SystemNames::new(move |host| {
            counts.fetch_add(1, Ordering::SeqCst);
            if host != "good.test" {
                drop(waits.1.wait_while(waits.0.lock().unwrap(), |open| !*open));
            }
            Ok(vec![ADDRESS])
        });
        (names, gate, asked)
    }

    fn let_go(gate: &Gate) {
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
    }

    #[tokio::test]
    async fn a_name_that_hangs_costs_one_thread_and_delays_no_other() {
        let (names, gate, asked) = hanging();
        let waiting: Vec<_> = (0..100).map(|_| names.look_up("hung.test")).collect();
        assert_eq!(names.look_up("good.test").await.unwrap(), [ADDRESS]);
        assert_eq!(names.running().len(), 1);
        let_go(&gate);
        for waits in waiting {
            assert_eq!(waits.await.unwrap(), [ADDRESS]);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        names.look_up("hung.test").await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3, "nothing is kept");
    }

    #[tokio::test]
    async fn threads_are_bounded() {
        let (names, gate, _) = hanging();
        let waiting: Vec<_> = (0..MOST_LOOKUPS).map(|n| names.look_up(&format!("{n}.test"))).collect();
        assert!(names.look_up("good.test").await.is_err());
        let_go(&gate);
        for waits in waiting {
            waits.await.unwrap();
        }
        assert_eq!(names.look_up("good.test").await.unwrap(), [ADDRESS]);
    }
}
