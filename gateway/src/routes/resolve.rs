//! From the names in a path to the UUIDs by which the token service knows things.

use contracts::{
    credential::v1::PortalReference,
    registry::v1::{ResolvePortalRequest, ResolvePortalResponse},
};

use super::rest::Rest;
use crate::{arrival::Arrival, error::Error, gateway::Gateway, realm::Realm};

/// What the names stand for; nil UUIDs where that is nothing. What that means to the caller is for the service to say that
/// knows the caller.
pub(crate) async fn names(
    gateway: &Gateway,
    realm: Realm,
    arrival: &Arrival,
    (organization, portal): (String, String),
) -> Result<ResolvePortalResponse, Error> {
    let request = gateway.plain_request(arrival, ResolvePortalRequest { organization, portal });
    let mut registry = gateway.registry();
    Ok(gateway.call(realm, arrival, registry.resolve_portal(request)).await?.into_inner())
}

impl Rest {
    /// The portal of a management route.
    pub(crate) async fn portal(&self, path: (String, String)) -> Result<Option<PortalReference>, Error> {
        let ResolvePortalResponse { organization_uuid, portal_uuid, user_invokable: _ } =
            names(&self.gateway, Realm::Api, &self.arrival, path).await?;
        Ok(Some(PortalReference { organization_uuid, portal_uuid }))
    }

    /// The organization of a management route.
    pub(crate) async fn organization(&self, slug: String) -> Result<String, Error> {
        Ok(names(&self.gateway, Realm::Api, &self.arrival, (slug, String::new())).await?.organization_uuid)
    }
}
