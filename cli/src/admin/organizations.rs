//! Organizations and who belongs to them.

use clap::{Args, ValueEnum};
use contracts::{
    directory::v1::{ClearAllowedAddressesRequest, SetMembershipRequest},
    registry::v1::CreateOrganizationRequest,
    token::v1 as wire,
};

use super::{
    answer,
    operator::{Operator, Part},
    tell,
};
use crate::failure::Failure;

/// A new organization.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// The name shown.
    #[arg(long)]
    name: String,
    /// The name in URLs. [default: made from the name]
    #[arg(long)]
    slug: Option<String>,
}

/// A place in an organization.
#[derive(Args, Debug)]
pub(super) struct AddMember {
    /// The organization's slug.
    #[arg(long, value_name = "SLUG")]
    organization: String,
    /// The user's e-mail address.
    #[arg(long)]
    email: String,
    /// As what: an admin changes things, a member reads.
    #[arg(long)]
    role: Role,
}

/// An organization whose list of addresses goes.
#[derive(Args, Debug)]
pub(super) struct ClearAllowedAddresses {
    /// The organization's slug.
    #[arg(long, value_name = "SLUG")]
    organization: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    Admin,
    Member,
}

impl Create {
    /// Makes the organization.
    pub(super) async fn run(self, operator: &mut Operator) -> Result<(), Failure> {
        let Self { name, slug } = self;
        let request = operator.request(CreateOrganizationRequest { name, slug });
        let made = operator.portal.create_organization(request).await;
        let organization = operator.answered(Part::Portal, made)?.organization.unwrap_or_default();
        answer(&organization.slug)
    }
}

impl AddMember {
    /// Makes the user a member, or changes the role.
    pub(super) async fn run(self, operator: &mut Operator) -> Result<(), Failure> {
        let Self { organization: slug, email, role } = self;
        let organization_uuid = operator.organization(&slug).await?.to_string();
        let (role, word) = match role {
            Role::Admin => (wire::Role::Admin, "an admin"),
            Role::Member => (wire::Role::Member, "a member"),
        };
        let request =
            operator.request(SetMembershipRequest { email: email.clone(), organization_uuid, role: role.into() });
        let set = operator.token.set_membership(request).await;
        operator.answered(Part::Token, set)?;
        tell(&format!("{email} is {word} of {slug}."));
        Ok(())
    }
}

impl ClearAllowedAddresses {
    /// Takes the list away.
    pub(super) async fn run(self, operator: &mut Operator) -> Result<(), Failure> {
        let Self { organization: slug } = self;
        let organization_uuid = operator.organization(&slug).await?.to_string();
        let request = operator.request(ClearAllowedAddressesRequest { organization_uuid });
        let cleared = operator.token.clear_allowed_addresses(request).await;
        operator.answered(Part::Token, cleared)?;
        tell(&format!("{slug} can be managed from anywhere."));
        Ok(())
    }
}
