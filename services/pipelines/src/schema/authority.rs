//! What the caller may do. An organization's own authority may do everything in it; a user is asked for their role, which
//! the directory knows, where it matters: teams are changed by administrators, and filled by their maintainers too.

use std::collections::HashMap;

use async_graphql::Context;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{server, viewer};
use crate::{
    domain::{
        member::{Members, Role},
        team::{MemberRole, Sight},
    },
    error::Error,
};

/// The caller's roles, by organization, as far as they were asked for in this request.
#[derive(Debug, Default)]
pub(crate) struct Roles(Mutex<HashMap<Uuid, Option<Role>>>);

/// Which of an organization's teams the caller knows of.
pub(crate) async fn sight(ctx: &Context<'_>, organization: Uuid) -> Result<Sight, Error> {
    match &viewer(ctx).user {
        Some(user) if !administers(ctx, organization).await? => Ok(Sight::Of(user.uuid)),
        _ => Ok(Sight::All),
    }
}

/// Refuses whoever isn't an administrator.
pub(crate) async fn require_administrator(ctx: &Context<'_>, organization: Uuid) -> Result<(), Error> {
    if administers(ctx, organization).await? { Ok(()) } else { Err(Error::Forbidden) }
}

/// Refuses whoever is neither an administrator nor a maintainer of the team. A team out of sight isn't there.
pub(crate) async fn require_maintainer(ctx: &Context<'_>, team: Uuid) -> Result<(), Error> {
    let store = &server(ctx).store;
    let found = store.team(&super::scope(ctx), team).await?.ok_or(Error::NoTeam)?;
    if administers(ctx, found.organization).await? {
        return Ok(());
    }
    let Some(user) = &viewer(ctx).user else { return Err(Error::Forbidden) };
    match store.role_in_team(team, user.uuid).await? {
        Some(MemberRole::Maintainer) => Ok(()),
        None if found.content.is_secret() => Err(Error::NoTeam),
        _ => Err(Error::Forbidden),
    }
}

async fn administers(ctx: &Context<'_>, organization: Uuid) -> Result<bool, Error> {
    let Some(user) = &viewer(ctx).user else { return Ok(true) };
    let mut known = ctx.data_unchecked::<Roles>().0.lock().await;
    if let Some(role) = known.get(&organization) {
        return Ok(*role == Some(Role::Admin));
    }
    let question = Members { organization, users: Some(vec![user.uuid]), limit: 1, ..Members::default() };
    let found = server(ctx).directory.members(question).await?;
    let role = found.members.first().map(|member| member.role);
    known.insert(organization, role);
    Ok(role == Some(Role::Admin))
}
