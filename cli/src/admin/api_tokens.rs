//! API access tokens.

use std::time::Duration;

use clap::{Args, builder::PossibleValuesParser};
use contracts::directory::v1::CreateApiTokenRequest;
use kit::{ambient::Instant, grpc::to_timestamp};
use zeroize::Zeroizing;

use super::{
    answer,
    operator::{Operator, Part},
    tell,
};
use crate::failure::Failure;

/// Ten years: who wants more wants `--never-expires`.
const MOST_DAYS: i64 = 3_650;

/// A new API access token.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// The e-mail address of the user whose token it will be.
    #[arg(long)]
    email: String,
    /// The slug of an organization that it reaches; may be repeated. [default: all that the user belongs to]
    #[arg(long = "organization", value_name = "SLUG")]
    organizations: Vec<String>,
    /// What it may be used for; may be repeated.
    #[arg(long = "scope", required_unless_present = "all_scopes", conflicts_with = "all_scopes",
          value_parser = PossibleValuesParser::new(token::scopes()))]
    scopes: Vec<String>,
    /// It may be used for everything.
    #[arg(long)]
    all_scopes: bool,
    /// When it ends. [default: 7]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=MOST_DAYS.unsigned_abs()))]
    expires_in_days: Option<u64>,
    /// It never ends.
    #[arg(long, conflicts_with = "expires_in_days")]
    never_expires: bool,
    /// What it is for.
    #[arg(long, default_value = "Made with portals admin")]
    description: String,
    /// An address, or a network as CIDR, that it may be used from; may be repeated. [default: anywhere]
    #[arg(long = "allowed-ip", value_name = "CIDR")]
    allowed_ips: Vec<String>,
}

impl Create {
    /// Makes the token and prints it, this once.
    pub(super) async fn run(self, operator: &mut Operator) -> Result<(), Failure> {
        let mut organization_uuids = Vec::new();
        for slug in &self.organizations {
            organization_uuids.push(operator.organization(slug).await?.to_string());
        }
        let request = operator.request(self.into_message(organization_uuids, operator.ambient.now()));
        let made = operator.token.create_api_token(request).await;
        let made = operator.answered(Part::Token, made)?;
        let (value, token) = (Zeroizing::new(made.value), made.api_token.unwrap_or_default());
        tell(&format!("This is the API access token {}, shown this once:", token.uuid));
        answer(&value)
    }

    fn into_message(self, organization_uuids: Vec<String>, now: Instant) -> CreateApiTokenRequest {
        let Self { email, scopes, all_scopes, expires_in_days, never_expires, description, allowed_ips, .. } = self;
        let after = |days: u64| to_timestamp(now + Duration::from_hours(24 * days));
        CreateApiTokenRequest {
            email,
            organization_uuids,
            scopes: if all_scopes { token::scopes().map(str::to_owned).collect() } else { scopes },
            description,
            expires_at: expires_in_days.map(after),
            never_expires,
            allowed_ip_addresses: (!allowed_ips.is_empty()).then(|| allowed_ips.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    fn message(words: &str) -> Result<CreateApiTokenRequest, clap::Error> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let line = Line::try_parse_from(["it", "--email", "a@b.c"].into_iter().chain(words.split_whitespace()))?;
        Ok(line.create.into_message(Vec::new(), now))
    }

    #[test]
    fn what_is_left_open_is_left_to_the_service() {
        let sent = message("--scope read_user --scope graphql").unwrap();
        assert_eq!(sent.scopes, ["read_user", "graphql"]);
        assert_eq!((sent.expires_at, sent.never_expires, sent.allowed_ip_addresses), (None, false, None));
    }

    #[test]
    fn everything_that_is_said_is_sent() {
        let sent = message("--all-scopes --expires-in-days 2 --allowed-ip 10.0.0.0/8 --allowed-ip ::1 --description x");
        let sent = sent.unwrap();
        assert_eq!((sent.scopes.len(), sent.description.as_str()), (token::scopes().count(), "x"));
        assert_eq!(sent.expires_at.unwrap().seconds, 1_767_225_600 + 2 * 86_400);
        assert_eq!(sent.allowed_ip_addresses.as_deref(), Some("10.0.0.0/8 ::1"));
        assert!(message("--all-scopes --never-expires").unwrap().never_expires);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for words in [
            "",
            "--scope everything",
            "--all-scopes --scope graphql",
            "--all-scopes --never-expires --expires-in-days 1",
            "--all-scopes --expires-in-days 0",
            "--all-scopes --expires-in-days 4000",
        ] {
            assert!(message(words).is_err(), "{words}");
        }
    }
}
