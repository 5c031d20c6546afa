//! Versions' rows. They are written with their portal's, once, and never again.

use sea_orm::{ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set};

use super::{Store, entity::portal_version};
use crate::domain::{
    id::PortalId,
    page::Page,
    portal::{Author, Portal},
    version::Version,
};

impl Store {
    /// A portal's version of that number.
    pub(crate) async fn find_version(&self, portal: PortalId, number: u32) -> Result<Option<Version>, DbErr> {
        let Ok(number) = i32::try_from(number) else { return Ok(None) };
        let row = portal_version::Entity::find_by_id((portal.0, number)).one(self.database.read()).await?;
        Ok(row.map(Version::from))
    }

    /// A portal's versions, newest first, and how many there are.
    pub(crate) async fn list_versions(&self, portal: PortalId, page: Page) -> Result<(Vec<Version>, u64), DbErr> {
        let own = portal_version::Entity::find().filter(portal_version::Column::PortalUuid.eq(portal.0));
        let total = own.clone().count(self.database.read()).await?;
        let newest = own.order_by_desc(portal_version::Column::Number).offset(page.offset).limit(page.limit);
        let rows = newest.all(self.database.read()).await?;
        Ok((rows.into_iter().map(Version::from).collect(), total))
    }
}

/// The version that `of` is at, made by `by`.
pub(super) fn row(of: &Portal, by: &Author) -> portal_version::ActiveModel {
    portal_version::ActiveModel {
        portal_uuid: Set(of.id.0),
        number: Set(i32::try_from(of.version).unwrap_or(i32::MAX)),
        query: Set(of.content.query.clone()),
        created_at: Set(of.updated_at),
        created_by_uuid: Set(by.uuid),
        created_by_name: Set(by.name.clone()),
        created_by_email: Set(Some(by.email.clone())),
        created_by_created_at: Set(Some(by.created_at)),
    }
}

impl From<portal_version::Model> for Version {
    fn from(row: portal_version::Model) -> Self {
        Self {
            number: u32::try_from(row.number).unwrap_or_default(),
            query: row.query,
            created_at: row.created_at,
            created_by: Author {
                uuid: row.created_by_uuid,
                name: row.created_by_name,
                email: row.created_by_email.unwrap_or_default(),
                // Of rows from before this was kept it is known that the user was there by then.
                created_at: row.created_by_created_at.unwrap_or(row.created_at),
            },
        }
    }
}
