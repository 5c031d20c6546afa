//! Upstreams' rows.

use std::{collections::HashMap, time::Duration};

use kit::{ambient::Instant, audit::Event};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select, Set,
    sea_query::{Expr, ExprTrait, LockType},
};
use url::Url;
use uuid::Uuid;

use super::{
    Store, Unwritten,
    entity::{portal, upstream, upstream_schema},
    organizations,
    portals::refused,
    schemas::{self, Outcome},
    seals,
};
use crate::{
    domain::{
        id::{OrganizationId, UpstreamId},
        page::Page,
        portal::Author,
        slug::Slug,
        upstream::{SchemaState, Source, Upstream},
    },
    upstream::seal::Sealed,
};

impl Store {
    /// The upstream of that slug. What is no slug names none.
    pub(crate) async fn find_upstream(
        &self,
        organization: OrganizationId,
        slug: &str,
    ) -> Result<Option<Upstream>, DbErr> {
        let Some(slug) = Slug::parse(slug) else { return Ok(None) };
        let row = open(organization).filter(upstream::Column::Slug.eq(slug.as_str()));
        Ok(row.one(self.database.read()).await?.and_then(read).map(|(upstream, _)| upstream))
    }

    /// The upstream of that id, and its headers as they are kept.
    pub(crate) async fn find_upstream_by_id(&self, id: UpstreamId) -> Result<Option<(Upstream, Sealed)>, DbErr> {
        let row = upstream::Entity::find_by_id(id.0).filter(upstream::Column::DeletedAt.is_null());
        Ok(row.one(self.database.read()).await?.and_then(read))
    }
}

/// Portals on an upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) portals: u32,
    /// Those of them whose operations can't all run.
    pub(crate) broken: u32,
}

/// What a write changes beside the upstream's own fields. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    pub(crate) headers: Option<Sealed>,
    /// The schema was asked for; without it the upstream's [`SchemaState`] isn't written.
    pub(crate) schema: Option<Outcome>,
}

impl Store {
    /// An organization's upstreams, by slug, and how many there are.
    pub(crate) async fn list_upstreams(
        &self,
        organization: OrganizationId,
        page: Page,
    ) -> Result<(Vec<Upstream>, u64), DbErr> {
        let total = open(organization).count(self.database.read()).await?;
        let rows = open(organization).order_by_asc(upstream::Column::Slug).offset(page.offset).limit(page.limit);
        let rows = rows.all(self.database.read()).await?;
        Ok((rows.into_iter().filter_map(read).map(|(upstream, _)| upstream).collect(), total))
    }

    /// Of each of these upstreams that portals are on: how many, and how many of them are broken.
    pub(crate) async fn count_portals_on(&self, ids: &[UpstreamId]) -> Result<HashMap<UpstreamId, Counts>, DbErr> {
        let column = |column: portal::Column| Expr::col((portal::Entity, column));
        let on = portal::Entity::find()
            .filter(portal::Column::UpstreamUuid.is_in(ids.iter().map(|id| id.0)))
            .filter(portal::Column::DeletedAt.is_null());
        let counted = on
            .select_only()
            .column(portal::Column::UpstreamUuid)
            .column_as(column(portal::Column::Uuid).count(), "portals")
            .column_as(column(portal::Column::BrokenSince).count(), "broken")
            .group_by(portal::Column::UpstreamUuid);
        let rows: Vec<(Uuid, i64, i64)> = counted.into_tuple().all(self.database.read()).await?;
        let count = |count: i64| u32::try_from(count).unwrap_or_default();
        let counts =
            |(uuid, portals, broken)| (UpstreamId(uuid), Counts { portals: count(portals), broken: count(broken) });
        Ok(rows.into_iter().map(counts).collect())
    }

    /// Writes a new upstream with its headers, unless its organization has `most` already.
    pub(crate) async fn create_upstream(
        &self,
        upstream: &Upstream,
        beside: Beside,
        most: u32,
        event: Event,
    ) -> Result<(), Unwritten> {
        let Beside { headers, schema } = beside;
        let sealed = headers.ok_or_else(|| DbErr::Custom("headers without a key".to_owned()))?;
        let transaction = self.database.begin().await?;
        organizations::hold(&transaction, upstream.organization).await?;
        if open(upstream.organization).count(&transaction).await? >= u64::from(most) {
            return Err(Unwritten::TooManyUpstreams(most));
        }
        seals::hold(&transaction, &sealed).await?;
        let mut row = row(upstream);
        (row.headers, row.key_id) = (Set(sealed.bytes), Set(sealed.key_id));
        let Outcome { text, due } = schema.unwrap_or_default();
        row.schema_due_at = Set(due);
        row.insert(&transaction).await.map_err(slug_taken)?;
        if let Some(text) = text {
            schemas::write_text(&transaction, upstream.id, text).await?;
        }
        self.finish(transaction, event).await
    }

    /// Writes `after` over `before`, unless `before` isn't what is there any more.
    pub(crate) async fn update_upstream(
        &self,
        before: &Upstream,
        after: &Upstream,
        beside: Beside,
        event: Event,
    ) -> Result<(), Unwritten> {
        let Beside { headers, schema } = beside;
        let transaction = self.database.begin().await?;
        let mut columns = row(after);
        if let Some(sealed) = headers {
            seals::hold(&transaction, &sealed).await?;
            let Sealed { key_id, bytes } = sealed;
            (columns.headers, columns.key_id) = (Set(bytes), Set(key_id));
        }
        let unchanged = schemas::same(before, schema.is_some());
        let mut text = None;
        match schema {
            Some(outcome) => (columns.schema_due_at, text) = (Set(outcome.due), outcome.text),
            // Whoever fetches schemas may have written another outcome since the row was read.
            None => schemas::leave(&mut columns),
        }
        let update = upstream::Entity::update_many().set(columns).filter(unchanged);
        if update.exec(&transaction).await.map_err(slug_taken)?.rows_affected == 0 {
            return Err(Unwritten::Outdated);
        }
        if let Some(text) = text {
            schemas::write_text(&transaction, after.id, text).await?;
        }
        self.finish(transaction, event).await
    }

    /// Removes an upstream that no portal is on. `false`: it isn't there; the error may be how many are on it.
    pub(crate) async fn delete_upstream(&self, id: UpstreamId, event: Event) -> Result<bool, Unwritten> {
        let transaction = self.database.begin().await?;
        // First the row, which those wait for who bring a portal to it ([`hold`]); then the counting.
        let now = Expr::value(self.ambient.now());
        let delete = upstream::Entity::update_many().col_expr(upstream::Column::DeletedAt, now);
        let delete = delete
            .col_expr(upstream::Column::Headers, Expr::value(Vec::<u8>::new()))
            .col_expr(upstream::Column::SchemaDueAt, Expr::value(None::<Instant>))
            .filter(upstream::Column::Uuid.eq(id.0))
            .filter(upstream::Column::DeletedAt.is_null());
        if delete.exec(&transaction).await?.rows_affected == 0 {
            return Ok(false);
        }
        match portals_on(id).count(&transaction).await? {
            0 => {}
            on_it => return Err(Unwritten::InUse(on_it)),
        }
        upstream_schema::Entity::delete_by_id(id.0).exec(&transaction).await?;
        self.finish(transaction, event).await?;
        Ok(true)
    }
}

fn slug_taken(error: DbErr) -> Unwritten {
    match refused(error) {
        Unwritten::SlugTaken => Unwritten::UpstreamSlugTaken,
        other => other,
    }
}

fn open(organization: OrganizationId) -> Select<upstream::Entity> {
    let own = upstream::Entity::find().filter(upstream::Column::OrganizationUuid.eq(organization.0));
    own.filter(upstream::Column::DeletedAt.is_null())
}

fn portals_on(id: UpstreamId) -> Select<portal::Entity> {
    let on = portal::Entity::find().filter(portal::Column::UpstreamUuid.eq(id.0));
    on.filter(portal::Column::DeletedAt.is_null())
}

/// The columns that an upstream's own fields make; headers and their key, and when the schema is due, stay as they are.
fn row(of: &Upstream) -> upstream::ActiveModel {
    let Upstream {
        id,
        organization,
        slug,
        url,
        header_names,
        source,
        timeout,
        schema: SchemaState { digest, changed_at, checked_at, fault },
        created_at,
        updated_at,
        created_by,
    } = of.clone();
    upstream::ActiveModel {
        uuid: Set(id.0),
        organization_uuid: Set(organization.0),
        slug: Set(slug.to_string()),
        url: Set(url.into()),
        header_names: Set(header_names.join("\n")),
        headers: ActiveValue::NotSet,
        key_id: ActiveValue::NotSet,
        schema_source: Set(name(source).to_owned()),
        schema_digest: Set(digest),
        schema_changed_at: Set(changed_at),
        schema_checked_at: Set(checked_at),
        schema_fault: Set(fault),
        schema_due_at: ActiveValue::NotSet,
        timeout_ms: Set(timeout.and_then(|timeout| i32::try_from(timeout.as_millis()).ok())),
        created_by_uuid: Set(created_by.uuid),
        created_by_name: Set(created_by.name),
        created_by_email: Set(created_by.email),
        created_by_created_at: Set(created_by.created_at),
        created_at: Set(created_at),
        updated_at: Set(updated_at),
        deleted_at: Set(None),
    }
}

const SDL: &str = "sdl";

fn name(source: Source) -> &'static str {
    match source {
        Source::Sdl => SDL,
        Source::Introspection => "introspection",
    }
}

/// Keeps an upstream from being removed until the transaction ends, in which a portal comes to it.
pub(super) async fn hold(transaction: &impl ConnectionTrait, id: Option<UpstreamId>) -> Result<(), Unwritten> {
    let Some(id) = id else { return Ok(()) };
    let mut row = upstream::Entity::find_by_id(id.0).filter(upstream::Column::DeletedAt.is_null());
    // `SQLite` has one writer.
    if transaction.get_database_backend() == DatabaseBackend::Postgres {
        row = row.lock(LockType::Share);
    }
    row.one(transaction).await?.map(|_| ()).ok_or(Unwritten::UpstreamGone)
}

/// `None` for a row whose URL can't be read, which nobody here wrote.
pub(super) fn read(row: upstream::Model) -> Option<(Upstream, Sealed)> {
    let source = if row.schema_source == SDL { Source::Sdl } else { Source::Introspection };
    let upstream = Upstream {
        id: UpstreamId(row.uuid),
        organization: OrganizationId(row.organization_uuid),
        slug: Slug::stored(row.slug),
        url: Url::parse(&row.url).ok()?,
        header_names: row.header_names.lines().map(str::to_owned).collect(),
        source,
        timeout: row.timeout_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
        schema: SchemaState {
            digest: row.schema_digest,
            changed_at: row.schema_changed_at,
            checked_at: row.schema_checked_at,
            fault: row.schema_fault,
        },
        created_at: row.created_at,
        updated_at: row.updated_at,
        created_by: Author {
            uuid: row.created_by_uuid,
            name: row.created_by_name,
            email: row.created_by_email,
            created_at: row.created_by_created_at,
        },
    };
    Some((upstream, Sealed { key_id: row.key_id, bytes: row.headers }))
}
