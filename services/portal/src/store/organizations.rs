//! Organizations' rows.

use kit::ambient::Instant;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set,
};

use super::{Store, entity::organization};
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

    /// Makes an organization unless one of that slug is there; answers the one that is there.
    pub(crate) async fn ensure_organization(&self, slug: &str, name: &str) -> Result<Organization, DbErr> {
        if let Some(there) = self.find_organization(slug).await? {
            return Ok(there);
        }
        let now: Instant = self.ambient.now();
        let row = organization::ActiveModel {
            uuid: Set(self.ambient.uuid()),
            slug: Set(slug.to_owned()),
            name: Set(name.to_owned()),
            portal_requests_per_minute: Set(None),
            created_at: Set(now),
        };
        let transaction = self.database.begin().await?;
        let made = row.insert(&transaction).await?;
        super::changes::count(&transaction).await?;
        transaction.commit().await?;
        Ok(made.into())
    }
}

impl From<organization::Model> for Organization {
    fn from(row: organization::Model) -> Self {
        let organization::Model { uuid, slug, name, portal_requests_per_minute, created_at } = row;
        let limit = portal_requests_per_minute.and_then(|limit| u32::try_from(limit).ok());
        Self { id: OrganizationId(uuid), slug, name, portal_requests_per_minute: limit, created_at }
    }
}
