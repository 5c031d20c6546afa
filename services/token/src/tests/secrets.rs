//! What tests of secrets and their exchange share.

use std::net::IpAddr;

use contracts::{
    credential::v1 as wire,
    token::v1::{ExchangeSecretRequest, ExchangeSecretResponse},
};
use kit::credential::Plain;
use tonic::Status;
use uuid::Uuid;

use super::world::{ORGANIZATION, World, client, from_outside, from_service};
use crate::Service;

pub(super) fn portal(portal: Uuid) -> wire::PortalReference {
    wire::PortalReference { organization_uuid: ORGANIZATION.to_string(), portal_uuid: portal.to_string() }
}

pub(super) fn create(of: Uuid) -> wire::CreateSecretRequest {
    wire::CreateSecretRequest { portal: Some(portal(of)), description: "CI".into(), expires_at: None }
}

pub(super) fn exchange(portal: Uuid, secret: &str) -> ExchangeSecretRequest {
    ExchangeSecretRequest {
        organization_uuid: ORGANIZATION.to_string(),
        portal_uuid: portal.to_string(),
        client_id: portal.to_string(),
        secret: secret.to_owned(),
        expires_in_minutes: Some(15),
    }
}

impl World {
    /// What the administrator is answered who asks for a secret.
    pub(super) async fn ask_for_secret(
        &self,
        request: wire::CreateSecretRequest,
    ) -> Result<wire::CreateSecretResponse, Status> {
        let request = from_outside(request, Some(self.api_token.expose()));
        Ok(self.credentials().create_secret(request).await?.into_inner())
    }

    /// A new secret of a portal, which is made known first.
    pub(super) async fn secret(&self, of: Uuid) -> Secret {
        self.issued(of).await;
        let made = self.ask_for_secret(create(of)).await.unwrap();
        let shown = made.secret.unwrap();
        Secret { uuid: shown.uuid.parse().unwrap(), plain: Plain::parse(&made.value).unwrap(), shown }
    }

    pub(super) async fn list_secrets(&self, of: Uuid) -> Vec<wire::Secret> {
        let request = wire::ListSecretsRequest { portal: Some(portal(of)), page: 0, per_page: 0 };
        let request = from_outside(request, Some(self.api_token.expose()));
        self.credentials().list_secrets(request).await.unwrap().into_inner().secrets
    }

    pub(super) async fn delete_secret(&self, of: Uuid, secret: Uuid, keep_tokens: bool) -> Result<u32, Status> {
        let (portal, secret_uuid) = (Some(portal(of)), secret.to_string());
        let request = wire::DeleteSecretRequest { portal, secret_uuid, keep_tokens, wait: false };
        let request = from_outside(request, Some(self.api_token.expose()));
        Ok(self.credentials().delete_secret(request).await?.into_inner().revoked_tokens)
    }

    /// Exchanges a secret of a portal from 192.0.2.1.
    pub(super) async fn exchange_secret(&self, portal: Uuid, secret: &Plain) -> Result<ExchangeSecretResponse, Status> {
        self.send(exchange(portal, secret.expose())).await
    }

    pub(super) async fn send(&self, request: ExchangeSecretRequest) -> Result<ExchangeSecretResponse, Status> {
        Ok(self.client().exchange_secret(from_service(request, None)).await?.into_inner())
    }

    /// The same from another address.
    pub(super) async fn send_from(
        &self,
        ip: &str,
        request: ExchangeSecretRequest,
    ) -> Result<ExchangeSecretResponse, Status> {
        send_to(&self.service, ip, request).await
    }

    pub(super) fn slow_hashes(&self) -> u64 {
        self.service.0.slow_hash.begun()
    }
}

pub(super) async fn send_to(
    service: &Service,
    ip: &str,
    request: ExchangeSecretRequest,
) -> Result<ExchangeSecretResponse, Status> {
    let mut request = from_service(request, None);
    ip.parse::<IpAddr>().unwrap();
    request.metadata_mut().insert("portals-client-ip", ip.parse().unwrap());
    Ok(client(service).exchange_secret(request).await?.into_inner())
}

/// A secret and what was answered about it.
#[derive(Debug)]
pub(super) struct Secret {
    pub(super) uuid: Uuid,
    pub(super) plain: Plain,
    pub(super) shown: wire::Secret,
}
