//! How an event came about: the request behind it.

use std::net::IpAddr;

use serde_json::{Value, json};
use tonic::metadata::AsciiMetadataValue;
use uuid::Uuid;

use crate::{
    credential::{Kind, Plain},
    grpc::Caller,
};

/// A request, as far as the trail keeps it. Cheap to make: no text is written before an event is.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    kind: &'static str,
    request_id: Option<AsciiMetadataValue>,
    ip: Option<IpAddr>,
    agent: Option<AsciiMetadataValue>,
    credential: Option<Uuid>,
}

impl Origin {
    /// A request of `caller`, who presented the credential of that UUID.
    #[must_use]
    pub fn of(caller: &Caller, credential: Option<Uuid>) -> Self {
        Self {
            kind: kind(caller),
            request_id: caller.request_id.clone(),
            ip: caller.client_ip,
            agent: caller.client_agent.clone(),
            credential,
        }
    }

    /// The same, known to be of that kind (`WEB`, `OPERATOR`).
    #[must_use]
    pub fn known_as(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// The context of an event.
    #[must_use]
    pub fn context(&self) -> Value {
        let text = |value: &Option<AsciiMetadataValue>| {
            value.as_ref().and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        json!({
            "type": self.kind,
            "request_id": text(&self.request_id).unwrap_or_default(),
            "request_ip": self.ip.map(|ip| ip.to_string()),
            "request_user_agent": text(&self.agent),
            "credential_uuid": self.credential,
        })
    }
}

/// What the caller presents tells where the request comes from: a session is a browser's, a portal token a portal's caller's.
fn kind(caller: &Caller) -> &'static str {
    match caller.bearer().and_then(|text| Plain::parse(text).ok()).map(|plain| plain.kind()) {
        Some(Kind::Session) => "WEB",
        Some(Kind::Portal) => "PORTAL",
        _ => "API",
    }
}

/// The context of an event that a request of `caller` caused.
#[must_use]
pub fn context(caller: &Caller, credential: Option<Uuid>) -> Value {
    Origin::of(caller, credential).context()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(credential: Kind) -> Caller {
        let plain = Plain::token("bk", credential, &[1; 32]);
        Caller {
            authorization: format!("Bearer {}", plain.expose()).parse().ok(),
            request_id: "r-1".parse().ok(),
            client_ip: "192.0.2.1".parse().ok(),
            client_agent: "curl".parse().ok(),
            ..Caller::default()
        }
    }

    #[test]
    fn the_credential_tells_what_kind_of_request_it_was() {
        for (credential, kind) in [(Kind::Api, "API"), (Kind::Session, "WEB"), (Kind::Portal, "PORTAL")] {
            let context = context(&caller(credential), Some(Uuid::nil()));
            assert_eq!(context["type"], kind);
            assert_eq!(context["credential_uuid"], Uuid::nil().to_string());
        }
        let nobody = context(&Caller::default(), None);
        assert_eq!((&nobody["type"], &nobody["request_ip"]), (&json!("API"), &Value::Null));
    }
}
