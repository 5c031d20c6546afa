//! Portal tokens that an administrator ends.

use uuid::Uuid;

use super::authority::PortalAuthority;
use crate::{Error, Service, domain::token::TokenList, store::Ending};

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
        let ended = self.0.store.end_portal_token(ending, &authority.trail()).await?;
        let Some(sequence) = ended else { return Ok(false) };
        self.announced(sequence, wait).await;
        Ok(true)
    }
}
