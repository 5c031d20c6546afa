//! Organizations' rows.

use kit::audit::Event;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Set,
    sea_query::{Expr, LockType},
};

use super::{Store, Unwritten, entity::organization, portals::refused};
use crate::domain::{id::OrganizationId, organization::Organization, page::Page, slug::Slug};

impl Store {
    /// The organization of that slug. What is no slug names none.
    pub(crate) async fn find_organization(&self, slug: &str) -> Result<Option<Organization>, DbErr> {
        let Some(slug) = Slug::parse(slug) else { return Ok(None) };
        let row = organization::Entity::find()
            .filter(organization::Column::Slug.eq(slug.as_str()))
            .one(self.database.read())
            .await?;
        Ok(row.map(Organization::from))
    }

    /// Those of `within`, by slug.
    pub(crate) async fn list_organizations(
        &self,
        within: &[OrganizationId],
        page: Page,
    ) -> Result<(Vec<Organization>, u64), DbErr> {
        let within = within.iter().map(|id| id.0);
        let all = organization::Entity::find().filter(organization::Column::Uuid.is_in(within));
        let total = all.clone().count(self.database.read()).await?;
        let rows = all
            .order_by_asc(organization::Column::Slug)
            .offset(page.offset)
            .limit(page.limit)
            .all(self.database.read())
            .await?;
        Ok((rows.into_iter().map(Organization::from).collect(), total))
    }

    /// The organization of that id.
    pub(crate) async fn find_organization_by_id(&self, id: OrganizationId) -> Result<Option<Organization>, DbErr> {
        let row = organization::Entity::find_by_id(id.0).one(self.database.read()).await?;
        Ok(row.map(Organization::from))
    }

    /// Sets how many calls of its portals an organization may have in a minute.
    pub(crate) async fn set_requests_per_minute(
        &self,
        id: OrganizationId,
        limit: Option<u32>,
        event: Event,
    ) -> Result<(), Unwritten> {
        let transaction = self.database.begin().await?;
        let value = limit.and_then(|limit| i32::try_from(limit).ok());
        organization::Entity::update_many()
            .col_expr(organization::Column::PortalRequestsPerMinute, Expr::value(value))
            .filter(organization::Column::Uuid.eq(id.0))
            .exec(&transaction)
            .await?;
        self.finish(transaction, event).await
    }

    /// Writes a new organization.
    pub(crate) async fn create_organization(&self, new: &Organization, event: Event) -> Result<(), Unwritten> {
        let Organization { id, slug, name, portal_requests_per_minute, created_at } = new.clone();
        let row = organization::ActiveModel {
            uuid: Set(id.0),
            slug: Set(slug),
            name: Set(name),
            portal_requests_per_minute: Set(portal_requests_per_minute.and_then(|limit| i32::try_from(limit).ok())),
            created_at: Set(created_at),
        };
        let transaction = self.database.begin().await?;
        row.insert(&transaction).await.map_err(refused)?;
        self.finish(transaction, event).await
    }
}

/// Has those who make something that an organization has a limited number of wait for each other until they have committed: to be
/// called before the counting, and before anything else is locked.
pub(super) async fn hold(transaction: &impl ConnectionTrait, id: OrganizationId) -> Result<(), DbErr> {
    // `SQLite` has one writer.
    if transaction.get_database_backend() == DatabaseBackend::Postgres {
        let row = organization::Entity::find_by_id(id.0).lock(LockType::NoKeyUpdate);
        row.one(transaction).await?;
    }
    Ok(())
}

impl From<organization::Model> for Organization {
    fn from(row: organization::Model) -> Self {
        let organization::Model { uuid, slug, name, portal_requests_per_minute, created_at } = row;
        let limit = portal_requests_per_minute.and_then(|limit| u32::try_from(limit).ok());
        Self { id: OrganizationId(uuid), slug, name, portal_requests_per_minute: limit, created_at }
    }
}
