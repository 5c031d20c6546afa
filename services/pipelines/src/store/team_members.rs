//! Rows of users' places in teams.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Select, SelectTwoRequired};
use serde_json::json;
use uuid::Uuid;

use super::{
    Birth, Store,
    entity::{
        team,
        team_member::{ActiveModel, Column, Entity},
    },
    one::One,
    taken, teams,
    trail::{Entry, Thing},
};
use crate::{
    domain::{
        team::{MOST_MEMBERS, MemberRole, Membership, Team},
        viewer::Person,
    },
    error::Error,
};

impl Store {
    /// Who is in each of those teams, the newest first.
    pub(crate) async fn members_of_teams(&self, teams: &[Uuid]) -> Result<HashMap<Uuid, Vec<Membership>>, Error> {
        let select = Entity::find().filter(Column::TeamUuid.is_in(teams.iter().copied()));
        let rows = select.order_by_desc(Column::Uuid).all(self.database.read()).await?;
        let mut found = HashMap::<_, Vec<_>>::new();
        for row in rows {
            found.entry(row.team_uuid).or_default().push(Membership::from(row));
        }
        Ok(found)
    }

    /// The place of that id, with its team.
    pub(crate) async fn team_member(&self, scope: &[Uuid], uuid: Uuid) -> Result<Option<(Membership, Team)>, Error> {
        let select = paired().filter(Column::Uuid.eq(uuid));
        let select = select.filter(Column::OrganizationUuid.is_in(scope.iter().copied()));
        Ok(select.one(self.database.read()).await?.map(|(row, team)| (row.into(), team.into())))
    }

    /// What a user is in a team; `None`: they aren't in it.
    pub(crate) async fn role_in_team(&self, team: Uuid, user: Uuid) -> Result<Option<MemberRole>, Error> {
        let select = Entity::find().filter(Column::TeamUuid.eq(team)).filter(Column::UserUuid.eq(user));
        Ok(select.one(self.database.read()).await?.map(|row| MemberRole::of_word(&row.role)))
    }

    /// Puts a user into a team, as what they are by default unless a role is named.
    pub(crate) async fn create_team_member(
        &self,
        scope: &[Uuid],
        (team, user): (Uuid, Uuid),
        role: Option<MemberRole>,
        birth: Birth,
    ) -> Result<(Membership, Team), Error> {
        let transaction = self.database.begin().await?;
        let team = teams::locked(&transaction, scope, team).await?;
        let role = role.unwrap_or(team.content.default_member_role);
        let Birth { uuid, at, by } = birth;
        let (organization, team_uuid) = (team.organization, team.uuid);
        let row = Membership { uuid, organization, team: team_uuid, user, role, created_at: at, created_by: by };
        if Entity::find().filter(Column::TeamUuid.eq(team.uuid)).count(&transaction).await? >= MOST_MEMBERS {
            return Err(Error::invalid(format!("Team is full (at most {MOST_MEMBERS} members)")));
        }
        let made = Entity::insert(ActiveModel::from(row.clone())).exec_without_returning(&transaction).await;
        made.map_err(|error| taken(error, Error::MemberTaken))?;
        let entry = entry("TEAM_MEMBER_CREATED", &row, row.created_by.as_ref());
        self.conclude(transaction, entry).await?;
        Ok((row, team))
    }

    /// Makes a team's member a maintainer, or a maintainer a member.
    pub(crate) async fn update_team_member(
        &self,
        scope: &[Uuid],
        uuid: Uuid,
        role: MemberRole,
        by: Option<&Person>,
    ) -> Result<Membership, Error> {
        let transaction = self.database.begin().await?;
        let row = one(scope, uuid).update::<Entity>(&transaction, (Column::Role, role.word())).await?;
        let row = Membership::from(row.ok_or(Error::NoTeamMember)?);
        self.conclude(transaction, entry("TEAM_MEMBER_UPDATED", &row, by)).await?;
        Ok(row)
    }

    /// Takes a user out of a team.
    pub(crate) async fn delete_team_member(
        &self,
        scope: &[Uuid],
        uuid: Uuid,
        by: Option<&Person>,
    ) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let row = one(scope, uuid).delete::<Entity>(&transaction).await?;
        let row = Membership::from(row.ok_or(Error::NoTeamMember)?);
        self.conclude(transaction, entry("TEAM_MEMBER_DELETED", &row, by)).await
    }
}

fn one(scope: &[Uuid], uuid: Uuid) -> One<'_, Column> {
    One { columns: (Column::Uuid, Column::OrganizationUuid), scope, uuid }
}

fn entry<'a>(kind: &'static str, row: &'a Membership, by: Option<&'a Person>) -> Entry<'a> {
    let data = json!({ "team_uuid": row.team, "user_uuid": row.user, "role": row.role.word() });
    Entry { kind, subject: Thing::TeamMember(row), by, data }
}

fn paired() -> SelectTwoRequired<Entity, team::Entity> {
    let select: Select<Entity> = Entity::find();
    select.find_both_related(team::Entity)
}
