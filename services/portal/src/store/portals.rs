//! Portals' rows, and their versions'.

use std::collections::HashSet;

use kit::{
    audit::{self, Event},
    db::{Uncommitted, commit},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set, SqlErr, sea_query::Expr,
};

use super::{Store, Trace, changes, entity::portal, intentions, organizations, upstreams, versions};
use crate::domain::{
    content::Content,
    id::{OrganizationId, PortalId, UpstreamId},
    organization::Organization,
    page::Page,
    portal::{Author, Check, Portal},
    slug::Slug,
};

/// Why a portal wasn't written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// The slug is another's.
    SlugTaken,
    /// The organization has as many portals as it may.
    TooMany(u32),
    /// The portal was changed or removed since it was read.
    Outdated,
    /// The key that headers would be kept under is retired.
    KeyRetired,
    /// The upstream's slug is another's.
    UpstreamSlugTaken,
    /// The organization has as many upstreams as it may.
    TooManyUpstreams(u32),
    /// The organization has as many notification services as it may.
    TooManyNotificationServices(u32),
    /// So many portals are on the upstream.
    InUse(u64),
    /// The upstream that the portal shall be on was removed since it was read.
    UpstreamGone,
    /// The database failed, and nothing was written.
    Database(DbErr),
    /// The database failed while it committed: it may have been written.
    Unknown(DbErr),
}

impl From<DbErr> for Unwritten {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<Uncommitted> for Unwritten {
    fn from(failed: Uncommitted) -> Self {
        match failed {
            Uncommitted::Refused(error) => Self::Database(error),
            Uncommitted::Unknown(error) => Self::Unknown(error),
        }
    }
}

/// Why the row of a portal or an organization itself wasn't written: its slug is the only thing that others may have.
pub(super) fn refused(error: DbErr) -> Unwritten {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Unwritten::SlugTaken,
        _ => Unwritten::Database(error),
    }
}

impl Store {
    /// The open portal of that id.
    pub(crate) async fn find_portal_by_id(&self, id: PortalId) -> Result<Option<Portal>, DbErr> {
        let row = portal::Entity::find_by_id(id.0).filter(portal::Column::DeletedAt.is_null());
        Ok(row.one(self.database.read()).await?.map(Portal::from))
    }

    /// The open portal of that id, and its organization.
    pub(crate) async fn find_portal_with_organization(
        &self,
        id: PortalId,
    ) -> Result<Option<(Portal, Organization)>, DbErr> {
        let Some(portal) = self.find_portal_by_id(id).await? else { return Ok(None) };
        let organization = self.find_organization_by_id(portal.organization).await?;
        Ok(organization.map(|organization| (portal, organization)))
    }

    /// The open portal of that slug, and whether users may be asked to run it. The same work whether it is there or not.
    pub(crate) async fn locate_portal(
        &self,
        organization: OrganizationId,
        slug: &Slug,
    ) -> Result<Option<(PortalId, bool)>, DbErr> {
        let found = open(organization).filter(portal::Column::Slug.eq(slug.as_str())).select_only();
        let found = found.column(portal::Column::Uuid).column(portal::Column::UserInvokable);
        let row: Option<(uuid::Uuid, bool)> = found.into_tuple().one(self.database.read()).await?;
        Ok(row.map(|(uuid, user_invokable)| (PortalId(uuid), user_invokable)))
    }

    /// The open portal of that slug. What is no slug names none.
    pub(crate) async fn find_portal(&self, organization: OrganizationId, slug: &str) -> Result<Option<Portal>, DbErr> {
        let Some(slug) = Slug::parse(slug) else { return Ok(None) };
        let row = open(organization).filter(portal::Column::Slug.eq(slug.as_str())).one(self.database.read()).await?;
        Ok(row.map(Portal::from))
    }

    /// The slugs of an organization's open portals.
    pub(crate) async fn list_slugs(&self, organization: OrganizationId) -> Result<HashSet<String>, DbErr> {
        let slugs = open(organization).select_only().column(portal::Column::Slug);
        let slugs: Vec<String> = slugs.into_tuple().all(self.database.read()).await?;
        Ok(slugs.into_iter().collect())
    }

    /// An organization's open portals, newest first, and how many there are.
    pub(crate) async fn list_portals(
        &self,
        organization: OrganizationId,
        page: Page,
    ) -> Result<(Vec<Portal>, u64), DbErr> {
        let total = open(organization).count(self.database.read()).await?;
        let newest = open(organization).order_by_desc(portal::Column::CreatedAt).order_by_desc(portal::Column::Uuid);
        let rows = newest.offset(page.offset).limit(page.limit).all(self.database.read()).await?;
        Ok((rows.into_iter().map(Portal::from).collect(), total))
    }

    /// Writes a new portal that was intended, and its first version, unless its organization has `most` already.
    pub(crate) async fn create_portal(
        &self,
        portal: &Portal,
        most: u32,
        trace: impl Into<Trace>,
    ) -> Result<(), Unwritten> {
        let transaction = self.database.begin().await?;
        organizations::hold(&transaction, portal.organization).await?;
        intentions::carry_out(&transaction, portal.id).await?;
        if open(portal.organization).count(&transaction).await? >= u64::from(most) {
            return Err(Unwritten::TooMany(most));
        }
        upstreams::hold(&transaction, portal.upstream).await?;
        row(portal).insert(&transaction).await.map_err(refused)?;
        versions::row(portal, &portal.created_by).insert(&transaction).await?;
        self.finish(transaction, trace).await
    }

    /// Writes `after` over `before`, unless `before` isn't what is there any more; a new document also as a new version.
    pub(crate) async fn update_portal(
        &self,
        before: &Portal,
        after: &Portal,
        by: &Author,
        trace: impl Into<Trace>,
    ) -> Result<(), Unwritten> {
        let transaction = self.database.begin().await?;
        let unchanged = portal::Column::UpdatedAt.eq(before.updated_at);
        let mut update = portal::Entity::update_many().filter(portal::Column::Uuid.eq(after.id.0)).filter(unchanged);
        let switched_off = before.content.user_invokable && !after.content.user_invokable;
        let mut columns = row(after);
        // Noted with the change itself, so that no crash can lose the revocation; nothing but a revocation takes it away.
        columns.users_unrevoked_since = if switched_off { Set(Some(after.updated_at)) } else { ActiveValue::NotSet };
        columns.was_user_invokable = if after.content.user_invokable { Set(true) } else { ActiveValue::NotSet };
        if after.check == before.check {
            // Whoever checks portals again may have written another outcome since.
            (columns.checked_schema, columns.broken_since) = (ActiveValue::NotSet, ActiveValue::NotSet);
        }
        if after.upstream != before.upstream {
            upstreams::hold(&transaction, after.upstream).await?;
        }
        update = update.filter(portal::Column::DeletedAt.is_null()).set(columns);
        if update.exec(&transaction).await.map_err(refused)?.rows_affected == 0 {
            return Err(Unwritten::Outdated);
        }
        if after.version != before.version {
            versions::row(after, by).insert(&transaction).await?;
        }
        self.finish(transaction, trace).await
    }

    /// Closes a portal: nothing finds it any more. `false` if it was closed before.
    pub(crate) async fn close_portal(&self, id: PortalId, trace: impl Into<Trace>) -> Result<bool, Unwritten> {
        let transaction = self.database.begin().await?;
        let now = Expr::value(self.ambient.now());
        let close = portal::Entity::update_many().col_expr(portal::Column::DeletedAt, now);
        let close = close.filter(portal::Column::Uuid.eq(id.0)).filter(portal::Column::DeletedAt.is_null());
        if close.exec(&transaction).await?.rows_affected == 0 {
            return Ok(false);
        }
        self.finish(transaction, trace).await?;
        Ok(true)
    }

    /// Writes an event that changes nothing else.
    pub(crate) async fn record(&self, event: Event) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        audit::record(&transaction, &self.ambient, event).await?;
        transaction.commit().await
    }

    /// Commits a change with what is written beside it.
    pub(super) async fn finish(
        &self,
        transaction: DatabaseTransaction,
        trace: impl Into<Trace>,
    ) -> Result<(), Unwritten> {
        trace.into().write(&transaction, &self.ambient).await?;
        changes::count(&transaction).await?;
        Ok(commit(transaction).await?)
    }
}

fn open(organization: OrganizationId) -> Select<portal::Entity> {
    let own = portal::Entity::find().filter(portal::Column::OrganizationUuid.eq(organization.0));
    own.filter(portal::Column::DeletedAt.is_null())
}

fn row(of: &Portal) -> portal::ActiveModel {
    let Portal { id, organization, slug, upstream, content, version, check, created_at, updated_at, created_by } =
        of.clone();
    let Content { name, description, query, allowed_ip_addresses, user_invokable, strict_variables } = content;
    portal::Model {
        uuid: id.0,
        organization_uuid: organization.0,
        slug: slug.to_string(),
        name,
        description,
        query,
        allowed_ip_addresses,
        user_invokable,
        strict_variables,
        version: i32::try_from(version).unwrap_or(i32::MAX),
        created_by_uuid: created_by.uuid,
        created_by_name: created_by.name,
        created_by_email: created_by.email,
        created_by_created_at: created_by.created_at,
        created_at,
        updated_at,
        deleted_at: None,
        revoked_at: None,
        users_unrevoked_since: None,
        was_user_invokable: user_invokable,
        upstream_uuid: upstream.map(|id| id.0),
        checked_schema: check.schema,
        broken_since: check.broken_since,
    }
    .into_active_model()
    .reset_all()
}

impl From<portal::Model> for Portal {
    fn from(row: portal::Model) -> Self {
        Self {
            id: PortalId(row.uuid),
            organization: OrganizationId(row.organization_uuid),
            slug: Slug::stored(row.slug),
            upstream: row.upstream_uuid.map(UpstreamId),
            content: Content {
                name: row.name,
                description: row.description,
                query: row.query,
                allowed_ip_addresses: row.allowed_ip_addresses,
                user_invokable: row.user_invokable,
                strict_variables: row.strict_variables,
            },
            version: u32::try_from(row.version).unwrap_or(1),
            check: Check { schema: row.checked_schema, broken_since: row.broken_since },
            created_at: row.created_at,
            updated_at: row.updated_at,
            created_by: Author {
                uuid: row.created_by_uuid,
                name: row.created_by_name,
                email: row.created_by_email,
                created_at: row.created_by_created_at,
            },
        }
    }
}
