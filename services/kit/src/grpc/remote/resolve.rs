//! Which processes an address stands for.

use std::{io, net::SocketAddr};

use http::uri::Authority;

use crate::grpc::address::{Address, bare};

/// How names are looked up.
#[async_trait::async_trait]
pub(in crate::grpc) trait Resolve: Send + Sync {
    /// The addresses of `host`.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// As the machine does it.
pub(in crate::grpc) struct Names;

#[async_trait::async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Where one process is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// As it is written in the setting: what a certificate must name.
    pub(super) host: Authority,
    pub(super) address: SocketAddr,
}

/// Whether nothing has to be looked up.
pub(super) fn is_fixed(address: &Address) -> bool {
    address.hosts.iter().all(|host| literal(host).is_some())
}

/// All processes of `address`. Hosts that can't be found are left out where there are others.
pub(super) async fn places(address: &Address, resolver: &dyn Resolve) -> Result<Vec<Place>, String> {
    let (mut places, mut trouble) = (Vec::new(), None);
    for host in &address.hosts {
        let port = address.port(host);
        let found = match literal(host) {
            Some(ip) => Ok(vec![SocketAddr::new(ip, port)]),
            None => resolver.resolve(host.host(), port).await,
        };
        match found {
            Ok(found) => places.extend(found.into_iter().map(|address| Place { host: host.clone(), address })),
            Err(error) => trouble = Some(format!("{host} can't be looked up: {error}")),
        }
    }
    if places.is_empty() { Err(trouble.unwrap_or_else(|| format!("{address} leads nowhere"))) } else { Ok(places) }
}

fn literal(host: &Authority) -> Option<std::net::IpAddr> {
    bare(host).parse().ok()
}
