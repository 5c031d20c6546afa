//! The token service's audit trail, as the caller may see it.

use contracts::audit::v1::{AuditEvent, GetAuditEventRequest, ListAuditEventsRequest, ListAuditEventsResponse};
use kit::{error::Code, grpc::Caller};

use super::{Refusal, Verifier, send};
use crate::error::Error;

impl Verifier {
    /// A page of the events. The caller's request was counted before.
    pub(crate) async fn audit_events(
        &self,
        caller: &Caller,
        message: ListAuditEventsRequest,
    ) -> Result<ListAuditEventsResponse, Error> {
        let (mut client, caller) = (self.trail.clone(), counted(caller));
        let request = caller.onward(message, &self.key);
        let rpc = |request| async move { client.list_audit_events(request).await };
        Ok(send(super::WRITE_PATIENCE, request, rpc).await?.into_inner())
    }

    /// One of them, if it is there.
    pub(crate) async fn audit_event(
        &self,
        caller: &Caller,
        message: GetAuditEventRequest,
    ) -> Result<Option<AuditEvent>, Error> {
        let (mut client, caller) = (self.trail.clone(), counted(caller));
        let request = caller.onward(message, &self.key);
        let rpc = |request| async move { client.get_audit_event(request).await };
        match send(super::WRITE_PATIENCE, request, rpc).await {
            Ok(reply) => Ok(reply.into_inner().event),
            Err(Error::Relayed(status)) if Refusal::of(&status).class == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn counted(caller: &Caller) -> Caller {
    Caller { is_counted: true, ..caller.clone() }
}
