//! Which parts a process runs, and with what settings.

use kit::config::{Environment, Problems};

use crate::command::Role;

/// The settings of the parts that a process runs.
#[derive(Clone, Default)]
pub(crate) struct Roles {
    pub(crate) token: Option<token::Config>,
    pub(crate) portal: Option<portal::Config>,
    pub(crate) gateway: Option<gateway::Config>,
}

impl Roles {
    /// Reads the settings of `roles`; the error lists every problem of all of them. Beside them, the settings as they count.
    pub(crate) fn read(roles: &[Role], environment: &Environment) -> Result<(Self, Vec<(String, String)>), Problems> {
        let (mut read, mut shown, mut problems) = (Self::default(), Vec::new(), Vec::new());
        let mut note = |result: Result<Vec<(String, String)>, Problems>| match result {
            Ok(settings) => shown.extend(settings),
            Err(Problems(more)) => problems.extend(more),
        };
        if roles.contains(&Role::Token) {
            note(token::Config::read(environment).map(|(config, shown)| (read.token = Some(config), shown).1));
        }
        if roles.contains(&Role::Portal) {
            note(portal::Config::read(environment).map(|(config, shown)| (read.portal = Some(config), shown).1));
        }
        if roles.contains(&Role::Gateway) {
            note(gateway::Config::read(environment).map(|(config, shown)| (read.gateway = Some(config), shown).1));
        }
        problems.extend(read.missing_addresses(roles));
        if problems.is_empty() { Ok((read, shown)) } else { Err(Problems(problems)) }
    }

    /// A part that isn't in this process must be somewhere.
    fn missing_addresses(&self, roles: &[Role]) -> Vec<String> {
        let elsewhere = |role, url: &Option<String>| url.is_none() && !roles.contains(&role);
        let mut missing = Vec::new();
        if self.portal.as_ref().is_some_and(|portal| elsewhere(Role::Token, &portal.token_url)) {
            missing.push("PORTAL_TOKEN__URL is missing: the token service isn't in this process".to_owned());
        }
        if self.gateway.as_ref().is_some_and(|gateway| elsewhere(Role::Token, &gateway.token_url)) {
            missing.push("GATEWAY_TOKEN__URL is missing: the token service isn't in this process".to_owned());
        }
        if self.gateway.as_ref().is_some_and(|gateway| elsewhere(Role::Portal, &gateway.portal_url)) {
            missing.push("GATEWAY_PORTAL__URL is missing: the portal service isn't in this process".to_owned());
        }
        missing
    }
}
