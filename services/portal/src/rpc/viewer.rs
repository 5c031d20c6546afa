//! With whose authority an operation runs.

use http::HeaderValue;

use crate::{
    catalog::Callable,
    domain::{id::OrganizationId, page::Page, portal::Author},
    error::Error,
    graphql::{Reach, User, Viewer},
    service::Parts,
    store::in_time,
    upstream::{assertion::Statement, target::Target},
    verifier::Verdict,
};

impl From<Author> for User {
    fn from(author: Author) -> Self {
        let Author { uuid, name, email, created_at } = author;
        Self { uuid, name, email, created_at }
    }
}

impl Parts {
    /// A user, and those of `organizations` that there are.
    pub(super) async fn user(&self, user: &Author, organizations: &[OrganizationId]) -> Result<Viewer, Error> {
        let (organizations, _total) = in_time(self.store.list_organizations(organizations, Page::ALL)).await?;
        let reach =
            organizations.into_iter().map(|found| Reach { uuid: found.id.0, slug: found.slug, name: found.name });
        Ok(Viewer { user: Some(user.clone().into()), organizations: reach.collect() })
    }

    /// Whoever a portal token acts as: the portal's organization, or its user there (ADR 30). A user must belong to that
    /// organization, and the portal must be one that users may run; otherwise the token doesn't count.
    pub(super) fn viewer(verdict: &Verdict, callable: &Callable) -> Result<Viewer, Error> {
        let organization = callable.viewer.clone();
        let Some(acting) = &verdict.acts_as else { return Ok(organization) };
        if !callable.portal.content.user_invokable || !acting.memberships.contains(&callable.organization.id) {
            return Err(Error::PortalTokenRequired);
        }
        Ok(Viewer { user: Some(acting.user.clone().into()), ..organization })
    }

    /// What tells an upstream on whose behalf a portal runs there. `None`: with the organization's authority, or in this
    /// process.
    pub(super) fn assertion(
        &self,
        callable: &Callable,
        viewer: &Viewer,
        verdict: &Verdict,
    ) -> Result<Option<HeaderValue>, Error> {
        let Callable { portal, organization, target, .. } = callable;
        let (Some(user), Target::Remote(remote)) = (&viewer.user, target.as_ref()) else { return Ok(None) };
        let (issuer, to) = (self.config.public_url.as_str(), &remote.upstream.url);
        let statement = Statement { issuer, to, user, organization, portal, token: verdict.token };
        let signed = self.targets.assertions().sign(statement, &self.ambient);
        // Never without: a user token's call would look like the organization's.
        signed.map(Some).ok_or(Error::Garbled("an assertion without a key"))
    }
}
