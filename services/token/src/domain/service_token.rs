//! What an administrator asks a service token to be, before it is known to be valid.

use kit::{address::Networks, ambient::Instant, error::Violation};

use super::expiry;

const MOST_DESCRIPTION: usize = 255;

/// Everything about a service token that can be asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) description: String,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) allowed_ip_addresses: Option<String>,
}

impl Wish {
    /// The same with the expiry as it is kept; or everything that is wrong.
    pub(crate) fn check(self, now: Instant) -> Result<Self, Vec<Violation>> {
        let mut faults = Vec::new();
        if self.description.chars().count() > MOST_DESCRIPTION {
            faults
                .push(Violation::new("description", format!("must not be longer than {MOST_DESCRIPTION} characters")));
        }
        // PostgreSQL can't keep them, and nobody means them.
        if self.description.contains('\0') {
            faults.push(Violation::new("description", "must not contain NUL characters"));
        }
        let expires_at = expiry::check(self.expires_at, now).map_err(|fault| faults.push(fault)).unwrap_or_default();
        if let Err(fault) = Networks::parse(self.allowed_ip_addresses.as_deref().unwrap_or_default()) {
            faults.push(Violation::new("allowed_ip_addresses", format!("can't be used: {fault}")));
        }
        if faults.is_empty() { Ok(Self { expires_at, ..self }) } else { Err(faults) }
    }
}
