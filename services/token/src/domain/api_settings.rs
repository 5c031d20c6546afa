//! What an organization asks of API access tokens and sessions.

use std::net::IpAddr;

use kit::{address::Networks, error::Violation};
use serde_json::{Map, Value, json};

use super::api_token::{INACTIVITY_DAYS, admits};

const LIST: &str = "allowed_ip_addresses";
const DAYS: &str = "revoke_inactive_tokens_after_days";
const RESTRICT: &str = "restrict_user_api_token_creation";

/// The settings of an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ApiSettings {
    /// After how many days without use tokens are revoked; `None`: never.
    pub(crate) inactivity_days: Option<u32>,
    /// Space-separated CIDRs that requests may come from, as given; `None`: anywhere.
    pub(crate) allowed_ip_addresses: Option<String>,
    /// Whether only administrators may have tokens made.
    pub(crate) restricts_creation: bool,
}

/// Which of the settings a change names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    inactivity_days: bool,
    allowed_ip_addresses: bool,
    restricts_creation: bool,
}

/// Whether a list of addresses counts that shuts out whoever sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lockout {
    /// It is meant.
    Meant,
    /// It isn't; this is where they are, if that is known.
    Refused(Option<IpAddr>),
}

impl Named {
    /// The list of addresses alone.
    pub(crate) fn allowed_ip_addresses() -> Self {
        Self { inactivity_days: false, allowed_ip_addresses: true, restricts_creation: false }
    }

    /// Reads the names of settings as bodies have them; without any list all are meant.
    pub(crate) fn read(paths: Option<&[String]>) -> Result<Self, Violation> {
        if let Some(strange) =
            paths.unwrap_or_default().iter().find(|path| ![DAYS, LIST, RESTRICT].contains(&path.as_str()))
        {
            return Err(Violation::new("update_mask", format!("names {strange:?}, which can't be changed")));
        }
        let named = |name: &str| paths.is_none_or(|paths| paths.iter().any(|path| path == name));
        Ok(Self {
            inactivity_days: named(DAYS),
            allowed_ip_addresses: named(LIST),
            restricts_creation: named(RESTRICT),
        })
    }
}

impl ApiSettings {
    /// What of these settings can't be.
    pub(crate) fn check(&self, named: Named, lockout: Lockout) -> Vec<Violation> {
        let mut faults = Vec::new();
        if named.inactivity_days && self.inactivity_days.is_some_and(|days| !INACTIVITY_DAYS.contains(&days)) {
            faults.push(Violation::new(DAYS, "must be one of 30, 60, 90, 180 and 365, or left out"));
        }
        if named.allowed_ip_addresses {
            faults.extend(self.fault_of_list(lockout));
        }
        faults
    }

    fn fault_of_list(&self, lockout: Lockout) -> Option<Violation> {
        let list = self.allowed_ip_addresses.as_deref();
        if let Err(fault) = Networks::parse(list.unwrap_or_default()) {
            return Some(Violation::new(LIST, format!("can't be used: {fault}")));
        }
        let Lockout::Refused(address) = lockout else { return None };
        if admits(list, address) {
            return None;
        }
        let address = address.map_or_else(|| "an address that isn't known".to_owned(), |address| address.to_string());
        let why = format!(
            "would lock you out: you are asking from {address}. If that is meant, send allow_lockout: true with it"
        );
        Some(Violation::new(LIST, why))
    }

    /// These settings with those of `new` that are named.
    pub(crate) fn changed(&self, new: &Self, named: Named) -> Self {
        let mut after = self.clone();
        if named.inactivity_days {
            after.inactivity_days = new.inactivity_days;
        }
        if named.allowed_ip_addresses {
            after.allowed_ip_addresses.clone_from(&new.allowed_ip_addresses);
        }
        if named.restricts_creation {
            after.restricts_creation = new.restricts_creation;
        }
        after
    }

    /// What the audit says of a change: of each setting that differs, what it was and what it is.
    pub(crate) fn differences(&self, after: &Self) -> Value {
        let settings =
            |of: &Self| [json!(of.inactivity_days), json!(of.allowed_ip_addresses), json!(of.restricts_creation)];
        let both = settings(self).into_iter().zip(settings(after));
        let differing = [DAYS, LIST, RESTRICT].into_iter().zip(both).filter(|(_, (before, after))| before != after);
        differing.map(|(name, (before, after))| (name.to_owned(), json!([before, after]))).collect::<Map<_, _>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(list: &str) -> ApiSettings {
        ApiSettings { allowed_ip_addresses: Some(list.to_owned()), ..ApiSettings::default() }
    }

    fn all() -> Named {
        Named::read(None).unwrap()
    }

    fn only(name: &str) -> Named {
        Named::read(Some(&[name.to_owned()])).unwrap()
    }

    #[test]
    fn a_list_that_shuts_the_caller_out_is_refused_unless_that_is_meant() {
        let here = Lockout::Refused("192.0.2.1".parse().ok());
        for (list, lockout, is_fine) in [
            ("192.0.2.0/24", here, true),
            ("  ", here, true),
            ("198.51.100.0/24", here, false),
            ("198.51.100.0/24", Lockout::Refused(None), false),
            ("198.51.100.0/24", Lockout::Meant, true),
            ("192.0.2.1/24", Lockout::Meant, false),
            (&"192.0.2.1 ".repeat(25), here, false),
        ] {
            let faults = listing(list).check(all(), lockout);
            assert_eq!(faults.is_empty(), is_fine, "{list} {lockout:?} {faults:?}");
            assert!(faults.iter().all(|fault| fault.field == LIST));
            assert!(listing(list).check(only(DAYS), lockout).is_empty(), "what isn't named isn't looked at");
        }
    }

    #[test]
    fn only_what_is_named_changes_and_only_what_differs_is_told() {
        let before = ApiSettings { inactivity_days: Some(30), ..listing("192.0.2.1") };
        let new = ApiSettings { restricts_creation: true, ..ApiSettings::default() };
        let after = before.changed(&new, only(RESTRICT));
        assert_eq!(after, ApiSettings { restricts_creation: true, ..before.clone() });
        assert_eq!(before.differences(&after), json!({ RESTRICT: [false, true] }));
        let all = before.differences(&before.changed(&new, all()));
        assert_eq!(all, json!({ DAYS: [30, null], LIST: ["192.0.2.1", null], RESTRICT: [false, true] }));
        assert!(Named::read(Some(&["url".to_owned()])).is_err());
    }
}
