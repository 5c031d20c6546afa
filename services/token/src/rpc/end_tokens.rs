//! Portal tokens that an administrator ends.

use kit::audit::{self, Event};
use uuid::Uuid;

use super::authority::{Authority, PortalAuthority};
use crate::{
    Error, Service,
    domain::{
        token::{PortalToken, TokenList},
        token_trail,
    },
    store::Ending,
};

impl Authority {
    /// That this caller ended a portal token.
    pub(super) fn token_deleted(&self, token: &PortalToken) -> Event {
        let context = audit::context(&self.caller, Some(self.token.uuid));
        token_trail::token_deleted(token, Some(self.user().clone().into()), context)
    }
}

impl Service {
    /// Ends the token that `uuid` names if it stands in the portal's list, and answers whether it did.
    pub(super) async fn end_portal_token(
        &self,
        PortalAuthority { authority, portal }: &PortalAuthority,
        list: TokenList,
        uuid: &str,
        wait: bool,
    ) -> Result<bool, Error> {
        // What is no UUID names no token.
        let Ok(token) = Uuid::parse_str(uuid) else { return Ok(false) };
        let (organization, at) = (authority.organization, self.0.ambient.now());
        let ending = Ending { organization, portal: *portal, list, token, at };
        let event = |token: &PortalToken| authority.token_deleted(token);
        let Some(sequence) = self.0.store.end_portal_token(ending, event).await? else { return Ok(false) };
        self.announced(sequence, wait).await;
        Ok(true)
    }
}
