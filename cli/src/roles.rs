//! Which parts a process runs, and with what settings.

use kit::config::{Environment, Problem, Problems, Settings};

use crate::command::Role;

/// Settings as they count.
type Shown = Vec<(String, String)>;

/// The settings of the parts that a process runs.
#[derive(Clone, Default)]
pub(crate) struct Roles {
    pub(crate) token: Option<token::Config>,
    pub(crate) portal: Option<portal::Config>,
    pub(crate) gateway: Option<gateway::Config>,
}

/// What reading the parts' settings has come to.
struct Reading<'a> {
    roles: &'a [Role],
    shown: Shown,
    problems: Vec<Problem>,
}

impl Roles {
    /// Reads the settings of `roles`; the error lists every problem of all of them. Beside them, the settings as they count.
    pub(crate) fn read(roles: &[Role], environment: &Environment) -> Result<(Self, Shown), Problems> {
        let (read, Reading { shown, mut problems, .. }) = Self::collect(roles, environment);
        problems.extend(read.missing_addresses(roles).into_iter().map(Problem::Other));
        problems.extend(differing_keys(roles, environment).into_iter().map(Problem::Other));
        if problems.is_empty() { Ok((read, shown)) } else { Err(Problems(problems)) }
    }

    /// As [`Roles::read`], for a migration: it calls no other part and need not know where one is.
    pub(crate) fn read_for_migration(roles: &[Role], environment: &Environment) -> Result<Self, Problems> {
        let (read, Reading { problems, .. }) = Self::collect(roles, environment);
        if problems.is_empty() { Ok(read) } else { Err(Problems(problems)) }
    }

    fn collect<'a>(roles: &'a [Role], environment: &Environment) -> (Self, Reading<'a>) {
        let mut reading = Reading { roles, shown: Vec::new(), problems: Vec::new() };
        let read = Self {
            token: reading.part(Role::Token, token::Config::read(environment)),
            portal: reading.part(Role::Portal, portal::Config::read(environment)),
            gateway: reading.part(Role::Gateway, gateway::Config::read(environment)),
        };
        (read, reading)
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

impl Reading<'_> {
    /// Keeps what was read of a part that is run. Of another one, whose settings may be elsewhere, only names that it doesn't
    /// know are problems: a misspelt name is one in every process that is given it.
    fn part<T>(&mut self, role: Role, read: Result<(T, Shown), Problems>) -> Option<T> {
        let runs = self.roles.contains(&role);
        match read {
            Ok((config, shown)) if runs => {
                self.shown.extend(shown);
                return Some(config);
            }
            Ok(_) => {}
            Err(Problems(problems)) if runs => self.problems.extend(problems),
            Err(problems) => self.problems.extend(problems.unknown()),
        }
        None
    }
}

/// Parts of one process that don't share a service key would refuse every call of each other.
fn differing_keys(roles: &[Role], environment: &Environment) -> Vec<String> {
    let parts = [(Role::Token, "TOKEN"), (Role::Portal, "PORTAL"), (Role::Gateway, "GATEWAY")];
    let run = parts.into_iter().filter(|(role, _)| roles.contains(role));
    let key = |part| Settings::new(part, environment).optional_secret("SERVICE__KEY");
    // One that can't be read is empty, and reported already.
    let keys = run.filter_map(|(_, part)| Some((part, key(part).filter(|key| !key.is_empty())?)));
    let keys: Vec<_> = keys.collect();
    let Some(((first, key), others)) = keys.split_first() else { return Vec::new() };
    let differing = others.iter().filter(|(_, other)| other != key);
    let sentence = |part| format!("{first}_SERVICE__KEY and {part}_SERVICE__KEY differ: they must be the same key");
    differing.map(|(part, _)| sentence(part)).collect()
}
