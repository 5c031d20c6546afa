//! The operator, as the services know one: a caller who has the service key.

use std::time::Duration;

use contracts::{
    directory::v1::operator_service_client::OperatorServiceClient,
    registry::v1::{ResolvePortalRequest, registry_service_client::RegistryServiceClient},
};
use kit::{
    ambient::Ambient,
    boot::Tasks,
    error::Code,
    grpc::{Caller, Peer, Refusal},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::installation::Installation;
use crate::{assembly, failure::Failure};

/// How long an RPC may take. Passwords are hashed slowly, and in a queue.
const PATIENCE: Duration = Duration::from_secs(30);

/// A way to an installation's services.
pub(super) struct Operator {
    pub(super) token: OperatorServiceClient<Peer>,
    pub(super) portal: RegistryServiceClient<Peer>,
    pub(super) ambient: Ambient,
    installation: Installation,
    /// By which the services' logs and audit trails know what this process does.
    request_id: String,
}

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Token,
    Portal,
}

impl Operator {
    /// Connects when first used.
    pub(super) fn new(installation: Installation, ambient: Ambient) -> Result<Self, Failure> {
        let (tasks, tls) = (Tasks::default(), installation.tls.as_ref());
        let token = assembly::remote(Some(&installation.token_url), "token", tls, &tasks)?;
        let portal = assembly::remote(Some(&installation.portal_url), "portal", tls, &tasks)?;
        let (token, portal) = (OperatorServiceClient::new(token), RegistryServiceClient::new(portal));
        let request_id = ambient.uuid().to_string();
        Ok(Self { token, portal, ambient, installation, request_id })
    }

    /// A request with the operator's credential.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let caller = Caller { request_id: self.request_id.parse().ok(), ..Caller::default() };
        let mut request = caller.onward(message, &self.installation.service_key);
        request.set_timeout(PATIENCE);
        request
    }

    /// What a service answered, or why it didn't, in a sentence.
    pub(super) fn answered<T>(&self, part: Part, answer: Result<Response<T>, Status>) -> Result<T, Failure> {
        answer.map(Response::into_inner).map_err(|status| Failure::Plain(self.sentence(part, &status)))
    }

    /// The UUID of the organization with that slug.
    pub(super) async fn organization(&mut self, slug: &str) -> Result<Uuid, Failure> {
        let request = self.request(ResolvePortalRequest { organization: slug.to_owned(), portal: String::new() });
        let answer = self.portal.resolve_portal(request).await;
        let uuid = self.answered(Part::Portal, answer)?.organization_uuid;
        let uuid = uuid.parse::<Uuid>().map_err(|error| Failure::because("the portal service's answer", error))?;
        if uuid.is_nil() { Err(Failure::Plain(format!("no organization {slug} found"))) } else { Ok(uuid) }
    }

    fn sentence(&self, part: Part, status: &Status) -> String {
        let Installation { token_url, portal_url, source, .. } = &self.installation;
        let (name, url) = match part {
            Part::Token => ("token", token_url),
            Part::Portal => ("portal", portal_url),
        };
        let Refusal { class, reason, message, .. } = Refusal::of(status);
        if !Refusal::is_ours(status) {
            let what = if class == Code::Unavailable { "can't be reached" } else { "didn't answer as it should" };
            return format!("the {name} service {what} at {url} (from {source}): {}", status.message());
        }
        match class {
            _ if reason == "service_key_required" => {
                format!("the {name} service at {url} doesn't take the service key (from {source})")
            }
            Code::Internal => format!("{message} ({})", self.request_id),
            _ => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kit::error::Fault;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("Validation failed: name is missing")]
    struct Refused(Code, &'static str);

    impl Fault for Refused {
        fn class(&self) -> Code {
            self.0
        }

        fn reason(&self) -> &'static str {
            self.1
        }

        fn facts(&self) -> BTreeMap<String, String> {
            BTreeMap::new()
        }
    }

    fn operator() -> Operator {
        let installation = Installation {
            token_url: "http://127.0.0.1:1".to_owned(),
            portal_url: "http://127.0.0.1:2".to_owned(),
            service_key: "k".repeat(32).parse().unwrap(),
            tls: None,
            source: "running.json".to_owned(),
        };
        Operator::new(installation, Ambient::system()).unwrap()
    }

    #[tokio::test]
    async fn a_service_that_is_not_there_is_named_with_the_place_that_was_tried() {
        let mut operator = operator();
        let failure = operator.organization("acme").await.unwrap_err().to_string();
        let expected = "the portal service can't be reached at http://127.0.0.1:2 (from running.json): ";
        assert!(failure.starts_with(expected), "{failure}");
    }

    #[tokio::test]
    async fn a_refusal_is_said_in_the_service_s_words() {
        let operator = operator();
        let said = |class, reason| operator.sentence(Part::Token, &kit::grpc::to_status(&Refused(class, reason)));
        assert_eq!(said(Code::Unprocessable, "validation_failed"), "Validation failed: name is missing");
        let expected = "the token service at http://127.0.0.1:1 doesn't take the service key (from running.json)";
        assert_eq!(said(Code::Forbidden, "service_key_required"), expected);
        assert!(said(Code::Internal, "internal").contains(&operator.request_id));
        let foreign = operator.sentence(Part::Token, &Status::unknown("no gRPC"));
        assert!(foreign.contains("didn't answer as it should at http://127.0.0.1:1"), "{foreign}");
    }
}
