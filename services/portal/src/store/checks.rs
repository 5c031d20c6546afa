//! Which portals were held against which schema, and which are broken.

use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

use super::{
    Store, Trace,
    entity::{portal, upstream},
};
use crate::domain::{
    id::{PortalId, UpstreamId},
    portal::{Check, Portal},
};

/// How many are looked at at once.
const BATCH: u64 = if cfg!(test) { 2 } else { 50 };

impl Store {
    /// Open portals on `upstream` that weren't held against the schema of `digest`, some of them, `after` that one.
    pub(crate) async fn list_unchecked(
        &self,
        upstream: Option<UpstreamId>,
        digest: &str,
        after: Option<PortalId>,
    ) -> Result<Vec<Portal>, DbErr> {
        let other =
            Condition::any().add(portal::Column::CheckedSchema.is_null()).add(portal::Column::CheckedSchema.ne(digest));
        let mut found = on(upstream).filter(other);
        if let Some(PortalId(last)) = after {
            found = found.filter(portal::Column::Uuid.gt(last));
        }
        let rows = found.order_by_asc(portal::Column::Uuid).limit(BATCH).all(self.database.read()).await?;
        Ok(rows.into_iter().map(Portal::from).collect())
    }

    /// Upstreams with portals that weren't held against their present schema, some of them, `after` that one.
    pub(crate) async fn list_upstreams_to_check(&self, after: Option<UpstreamId>) -> Result<Vec<UpstreamId>, DbErr> {
        let unchecked = Condition::any().add(Expr::col((portal::Entity, portal::Column::CheckedSchema)).is_null()).add(
            Expr::col((portal::Entity, portal::Column::CheckedSchema))
                .ne(Expr::col((upstream::Entity, upstream::Column::SchemaDigest))),
        );
        let portals = Query::select()
            .expr(Expr::value(1))
            .from(portal::Entity)
            .and_where(
                Expr::col((portal::Entity, portal::Column::UpstreamUuid))
                    .equals((upstream::Entity, upstream::Column::Uuid)),
            )
            .and_where(Expr::col((portal::Entity, portal::Column::DeletedAt)).is_null())
            .cond_where(unchecked)
            .to_owned();
        let mut found = upstream::Entity::find();
        if let Some(UpstreamId(last)) = after {
            found = found.filter(upstream::Column::Uuid.gt(last));
        }
        let found = found
            .filter(upstream::Column::DeletedAt.is_null())
            .filter(upstream::Column::SchemaDigest.is_not_null())
            .filter(Expr::exists(portals))
            .order_by_asc(upstream::Column::Uuid)
            .select_only()
            .column(upstream::Column::Uuid)
            .limit(BATCH);
        let found: Vec<uuid::Uuid> = found.into_tuple().all(self.database.read()).await?;
        Ok(found.into_iter().map(UpstreamId).collect())
    }

    /// Writes what came of a check, unless the document, its upstream or the outcome changed since it was read, or the schema
    /// isn't the upstream's any more. `trace`: the portal is broken that wasn't.
    pub(crate) async fn mark_checked(
        &self,
        portal: &Portal,
        check: &Check,
        trace: Option<Trace>,
    ) -> Result<bool, DbErr> {
        let columns = portal::ActiveModel {
            checked_schema: Set(check.schema.clone()),
            broken_since: Set(check.broken_since),
            ..Default::default()
        };
        let same = Condition::all()
            .add(portal::Column::Uuid.eq(portal.id.0))
            .add(portal::Column::DeletedAt.is_null())
            .add(portal::Column::UpdatedAt.eq(portal.updated_at))
            .add(match &portal.check.schema {
                Some(digest) => portal::Column::CheckedSchema.eq(digest.as_str()),
                None => portal::Column::CheckedSchema.is_null(),
            });
        let same = match portal.upstream {
            Some(upstream) => same.add(Expr::exists(present(upstream, check))),
            None => same,
        };
        let transaction = self.database.begin().await?;
        let update = portal::Entity::update_many().set(columns).filter(same).exec(&transaction).await?;
        if update.rows_affected == 0 {
            return Ok(false);
        }
        if let Some(trace) = trace {
            trace.write(&transaction, &self.ambient).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The slugs of broken portals on an upstream, `most` of them.
    pub(crate) async fn list_broken(&self, upstream: UpstreamId, most: u64) -> Result<Vec<String>, DbErr> {
        let broken = on(Some(upstream)).filter(portal::Column::BrokenSince.is_not_null());
        let slugs = broken.order_by_asc(portal::Column::Slug).limit(most).select_only().column(portal::Column::Slug);
        slugs.into_tuple().all(self.database.read()).await
    }

    /// How many open portals are broken.
    pub(crate) async fn count_broken(&self) -> Result<u64, DbErr> {
        let open = portal::Entity::find().filter(portal::Column::DeletedAt.is_null());
        open.filter(portal::Column::BrokenSince.is_not_null()).count(self.database.read()).await
    }
}

/// Selects the upstream if its schema is the one that `check` was against.
fn present(upstream: UpstreamId, check: &Check) -> SelectStatement {
    Query::select()
        .expr(Expr::value(1))
        .from(upstream::Entity)
        .and_where(Expr::col((upstream::Entity, upstream::Column::Uuid)).eq(upstream.0))
        .and_where(Expr::col((upstream::Entity, upstream::Column::SchemaDigest)).eq(check.schema.clone()))
        .to_owned()
}

fn on(upstream: Option<UpstreamId>) -> Select<portal::Entity> {
    let open = portal::Entity::find().filter(portal::Column::DeletedAt.is_null());
    open.filter(match upstream {
        Some(UpstreamId(uuid)) => portal::Column::UpstreamUuid.eq(uuid),
        None => portal::Column::UpstreamUuid.is_null(),
    })
}
