//! Rows of teams.

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait,
    Select, sea_query::SelectStatement,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Birth, Store,
    entity::{
        team::{ActiveModel, Column, Entity},
        team_member, team_pipeline,
    },
    order, taken,
    trail::{Entry, Thing},
};
use crate::{
    domain::{
        cursor,
        filter::{Selector, Teams},
        paging::{Page, Window},
        team::{Content, Privacy, Sight, Team},
        viewer::Person,
    },
    error::Error,
};

impl Store {
    /// The team of that id.
    pub(crate) async fn team(&self, scope: &[Uuid], uuid: Uuid) -> Result<Option<Team>, Error> {
        Ok(one(scope, uuid).one(self.database.read()).await?.map(Team::from))
    }

    /// The team of that slug.
    pub(crate) async fn team_of_slug(
        &self,
        organization: Uuid,
        slug: &str,
        sight: Sight,
    ) -> Result<Option<Team>, Error> {
        let select = Entity::find()
            .filter(Column::OrganizationUuid.eq(organization))
            .filter(Column::Slug.eq(slug))
            .filter(seen(sight));
        Ok(select.one(self.database.read()).await?.map(Team::from))
    }

    /// A part of an organization's teams.
    pub(crate) async fn teams(
        &self,
        organization: Uuid,
        filter: &Teams,
        page: &Page<cursor::Ordered>,
    ) -> Result<Window<Team>, Error> {
        let select = order::part(narrowed(organization, filter), (Column::Name, Column::Uuid), filter.order, page)?;
        let rows = select.all(self.database.read()).await?;
        Ok(page.window(rows.into_iter().map(Team::from).collect()))
    }

    /// How many of an organization's teams there are.
    pub(crate) async fn count_teams(&self, organization: Uuid, filter: &Teams) -> Result<u64, Error> {
        Ok(narrowed(organization, filter).count(self.database.read()).await?)
    }

    /// Makes a team.
    pub(crate) async fn create_team(
        &self,
        organization: Uuid,
        birth: Birth,
        slug: String,
        content: Content,
    ) -> Result<Team, Error> {
        let Birth { uuid, at, by } = birth;
        let team = Team { uuid, organization, slug, content, created_at: at, created_by: by };
        let transaction = self.database.begin().await?;
        let row = Entity::insert(ActiveModel::from(team.clone())).exec_without_returning(&transaction).await;
        row.map_err(|error| taken(error, Error::NameTaken))?;
        let (by, data) = (team.created_by.as_ref(), json!({ "slug": team.slug }));
        self.conclude(transaction, Entry { kind: "TEAM_CREATED", subject: Thing::Team(&team), by, data }).await?;
        Ok(team)
    }

    /// Changes what is chosen about a team. Its slug stays, so that links to it do. What is as it was leaves no trail.
    pub(crate) async fn update_team(
        &self,
        scope: &[Uuid],
        uuid: Uuid,
        by: Option<&Person>,
        change: impl FnOnce(Content) -> Result<Content, Error>,
    ) -> Result<Team, Error> {
        let transaction = self.database.begin().await?;
        let mut team = locked(&transaction, scope, uuid).await?;
        let before = team.content.clone();
        team.content = change(team.content)?;
        if team.content == before {
            return Ok(team);
        }
        let row = Entity::update_many().set(ActiveModel::from(team.content.clone())).filter(Column::Uuid.eq(uuid));
        row.filter(Column::OrganizationUuid.eq(team.organization)).exec(&transaction).await?;
        let data = json!({ "slug": team.slug });
        self.conclude(transaction, Entry { kind: "TEAM_UPDATED", subject: Thing::Team(&team), by, data }).await?;
        Ok(team)
    }

    /// Deletes a team; its users and pipelines stay.
    pub(crate) async fn delete_team(&self, scope: &[Uuid], uuid: Uuid, by: Option<&Person>) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let team = locked(&transaction, scope, uuid).await?;
        let row = Entity::delete_many().filter(Column::Uuid.eq(uuid));
        row.filter(Column::OrganizationUuid.eq(team.organization)).exec(&transaction).await?;
        let data = json!({ "slug": team.slug });
        self.conclude(transaction, Entry { kind: "TEAM_DELETED", subject: Thing::Team(&team), by, data }).await
    }
}

/// The team, which nobody changes or deletes before the transaction ends.
pub(super) async fn locked(transaction: &DatabaseTransaction, scope: &[Uuid], uuid: Uuid) -> Result<Team, Error> {
    let row = one(scope, uuid).lock_exclusive().one(transaction).await?;
    row.map(Team::from).ok_or(Error::NoTeam)
}

/// Which teams are in sight.
pub(super) fn seen(sight: Sight) -> Condition {
    match sight {
        Sight::All => Condition::all(),
        Sight::Of(user) => Condition::any()
            .add(Column::Privacy.eq(Privacy::Visible.word()))
            .add(Column::Uuid.in_subquery(with_user(user))),
    }
}

fn one(scope: &[Uuid], uuid: Uuid) -> Select<Entity> {
    Entity::find().filter(Column::Uuid.eq(uuid)).filter(Column::OrganizationUuid.is_in(scope.iter().copied()))
}

fn narrowed(organization: Uuid, filter: &Teams) -> Select<Entity> {
    let privacy = filter.privacy.as_ref().map(|privacy| privacy.iter().map(|privacy| privacy.word()));
    let condition = Condition::all()
        .add(Column::OrganizationUuid.eq(organization))
        .add(seen(filter.sight))
        .add_option(privacy.map(|privacy| Column::Privacy.is_in(privacy)))
        .add_option(filter.user.as_ref().map(|user| selected(user, with_user)))
        .add_option(filter.pipeline.as_ref().map(|pipeline| selected(pipeline, with_pipeline)))
        .add_option(filter.search.as_deref().map(|text| order::named_like(Column::Name, text)));
    Entity::find().filter(condition)
}

fn selected(selector: &Selector<Uuid>, teams: impl Fn(Uuid) -> SelectStatement) -> Condition {
    let teams = teams(selector.value);
    let within = if selector.negated { Column::Uuid.not_in_subquery(teams) } else { Column::Uuid.in_subquery(teams) };
    Condition::all().add(within)
}

fn with_user(user: Uuid) -> SelectStatement {
    let rows = team_member::Entity::find().filter(team_member::Column::UserUuid.eq(user));
    rows.select_only().column(team_member::Column::TeamUuid).into_query()
}

fn with_pipeline(pipeline: Uuid) -> SelectStatement {
    let rows = team_pipeline::Entity::find().filter(team_pipeline::Column::PipelineUuid.eq(pipeline));
    rows.select_only().column(team_pipeline::Column::TeamUuid).into_query()
}
