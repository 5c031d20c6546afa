//! The fields of a form.

use axum::extract::Request;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::{body, error::Error, gateway::Gateway};

/// What a form of ours says.
pub(super) struct Fields(Zeroizing<Vec<u8>>);

impl Fields {
    /// Reads a form, if a page of ours sent it. That comes first: what others send isn't even read.
    pub(super) async fn of(gateway: &Gateway, request: Request) -> Result<Self, Error> {
        gateway.site().require_own_form(request.headers())?;
        let body = body::read_form(request, gateway.auth_bounds()).await?;
        Ok(Self(Zeroizing::new(body.to_vec())))
    }

    /// The field `name`; empty when absent.
    pub(super) fn text(&self, name: &str) -> String {
        let mut pairs = form_urlencoded::parse(&self.0);
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    }
}
