//! Service tokens of one portal, which are removed while callers show them again and again: what the tests of R13 share.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use contracts::credential::v1::{
    DeleteServiceTokenRequest, PortalReference, credential_service_client::CredentialServiceClient,
};
use serde_json::json;
use tonic::{Request, transport::Channel};

use crate::{
    Answer, Caller, Issued, Load, Portal,
    history::Event,
    path,
    wire::{self, Wire},
};

/// A portal and tokens of it. Times count from their making.
#[derive(Debug)]
pub struct Removals {
    portal: Portal,
    tokens: Vec<Issued>,
    origin: Instant,
}

/// A request that a caller sent.
#[derive(Debug)]
pub struct Seen {
    /// To which of the gateways.
    pub gateway: usize,
    /// What came of it.
    pub event: Event,
}

impl Removals {
    /// Makes a portal and `count` tokens.
    pub async fn of(caller: &Caller, count: usize) -> Self {
        let portal = caller.portal_of("{ viewer { id } }").await;
        let mut tokens = Vec::new();
        for _ in 0..count {
            tokens.push(caller.issue(&portal, "service_tokens", json!({})).await);
        }
        Self { portal, tokens, origin: Instant::now() }
    }

    /// The time of the history.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Starts `threads` callers that show every token in turn, each at one of the `gateways`, again and again.
    pub fn callers(&self, threads: usize, gateways: &[SocketAddr]) -> Load<Seen> {
        let (origin, gateways) = (self.origin, gateways.to_vec());
        let call = |token: &Issued| {
            let authorization = format!("Authorization: Bearer {}", token.value);
            wire::post(&path(&self.portal.slug), &[&authorization], "{}")
        };
        let calls: Vec<Vec<u8>> = self.tokens.iter().map(call).collect();
        Load::start(threads, move |number| {
            let gateway = number % gateways.len();
            let (mut wire, calls, mut turn) = (Wire::to(gateways[gateway]), calls.clone(), number);
            move || {
                let credential = turn % calls.len();
                turn += 1;
                // Paced: the parts share the processors with their callers.
                thread::sleep(Duration::from_millis(3));
                let began = origin.elapsed();
                let status = wire.send(&calls[credential]).ok().map(|reply| reply.status);
                Seen { gateway, event: Event::Request { credential, began, ended: origin.elapsed(), status } }
            }
        })
    }

    /// Removes a token by the public API.
    pub async fn remove(&self, caller: &Caller, credential: usize) -> Event {
        caller.remove(&self.portal, "service_tokens", &self.tokens[credential].uuid, "").await.expect(204);
        Event::Acknowledged { credential, at: self.now() }
    }

    /// Removes a token at the token service at `address` itself: a gateway would ask a portal service first, perhaps one that
    /// can't be reached.
    pub async fn remove_at(&self, address: SocketAddr, caller: &Caller, credential: usize, wait: bool) -> Event {
        let channel: Channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let uuid = |name: &str| self.portal.body[name].as_str().unwrap().to_owned();
        let portal = PortalReference { organization_uuid: uuid("organization_uuid"), portal_uuid: uuid("uuid") };
        let token_uuid = self.tokens[credential].uuid.clone();
        let mut request = Request::new(DeleteServiceTokenRequest { portal: Some(portal), token_uuid, wait });
        let authorization = format!("Bearer {}", caller.api_token()).parse().unwrap();
        request.metadata_mut().insert("authorization", authorization);
        CredentialServiceClient::new(channel).delete_service_token(request).await.unwrap();
        Event::Acknowledged { credential, at: self.now() }
    }

    /// Calls with a token.
    pub async fn call(&self, caller: &Caller, credential: usize) -> Answer {
        caller.call_with(&self.portal, &self.tokens[credential].value).await
    }

    /// Whether each of `callers` sees that exactly the tokens that `is_removed` names are refused, and that all others pass.
    pub async fn are_as_said(&self, callers: &[Caller], is_removed: impl Fn(usize) -> bool) -> bool {
        for (caller, credential) in callers.iter().flat_map(|caller| (0..self.tokens.len()).map(move |at| (caller, at)))
        {
            let expected = if is_removed(credential) { 401 } else { 200 };
            if self.call(caller, credential).await.status != expected {
                return false;
            }
        }
        true
    }
}
