//! The schemas of upstreams, as they come.

use kit::{ambient::Instant, audit::Event, db::commit};
use sea_orm::{
    ActiveValue, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Set,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    Store, Unwritten, changes,
    entity::{upstream, upstream_schema},
};
use crate::domain::{
    id::UpstreamId,
    upstream::{SchemaState, Upstream},
};

/// How many schemas are fetched in one go.
const BATCH: u64 = 10;

/// A schema's text as it came, and its digest.
#[derive(Clone)]
pub(crate) struct SchemaText {
    pub(crate) sdl: String,
    pub(crate) digest: String,
}

impl std::fmt::Debug for SchemaText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SchemaText({})", self.digest)
    }
}

/// What came of asking for a schema, beside the upstream's [`SchemaState`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// A text that wasn't known.
    pub(crate) text: Option<SchemaText>,
    /// When it is to be asked for next.
    pub(crate) due: Option<Instant>,
}

impl Store {
    /// The text of an upstream's schema, and its digest.
    pub(crate) async fn find_schema(&self, id: UpstreamId) -> Result<Option<(String, String)>, DbErr> {
        let row = upstream_schema::Entity::find_by_id(id.0).one(self.database.read()).await?;
        Ok(row.map(|row| (row.sdl, row.digest)))
    }

    /// Writes what came of asking `of` for its schema. `event` only where the text is a new one. `false`: the upstream or its
    /// schema was changed or removed meanwhile, and what came of it is of no use.
    pub(crate) async fn write_schema(
        &self,
        of: &Upstream,
        state: &SchemaState,
        outcome: Outcome,
        event: Option<Event>,
    ) -> Result<bool, Unwritten> {
        let transaction = self.database.begin().await?;
        let SchemaState { digest, changed_at, checked_at, fault } = state.clone();
        let columns = upstream::ActiveModel {
            schema_digest: Set(digest),
            schema_changed_at: Set(changed_at),
            schema_checked_at: Set(checked_at),
            schema_fault: Set(fault),
            schema_due_at: Set(outcome.due),
            ..Default::default()
        };
        let update = upstream::Entity::update_many().set(columns).filter(same(of, true));
        if update.exec(&transaction).await?.rows_affected == 0 {
            return Ok(false);
        }
        if let Some(text) = outcome.text {
            write_text(&transaction, of.id, text).await?;
        }
        if let Some(event) = event {
            self.finish(transaction, event).await?;
        } else {
            changes::count(&transaction).await?;
            commit(transaction).await?;
        }
        Ok(true)
    }

    /// Takes on fetching the schemas that are due, a few at a time; until `later` nobody else does.
    pub(crate) async fn claim_due_schemas(&self, later: Instant) -> Result<Vec<UpstreamId>, DbErr> {
        let due = Condition::all()
            .add(upstream::Column::SchemaDueAt.lte(self.ambient.now()))
            .add(upstream::Column::DeletedAt.is_null());
        let found = upstream::Entity::find().filter(due).order_by_asc(upstream::Column::SchemaDueAt).limit(BATCH);
        let columns = found.select_only().columns([upstream::Column::Uuid, upstream::Column::SchemaDueAt]);
        let found: Vec<(Uuid, Instant)> = columns.into_tuple().all(self.database.read()).await?;
        let mut claimed = Vec::new();
        for (uuid, due) in found {
            let claim = upstream::Entity::update_many()
                .col_expr(upstream::Column::SchemaDueAt, Expr::value(later))
                .filter(upstream::Column::Uuid.eq(uuid))
                .filter(upstream::Column::SchemaDueAt.eq(due));
            let transaction = self.database.begin().await?;
            let taken = claim.exec(&transaction).await?.rows_affected == 1;
            transaction.commit().await?;
            if taken {
                claimed.push(UpstreamId(uuid));
            }
        }
        Ok(claimed)
    }
}

/// An upstream as it was read. `and_schema`: its schema, too – whoever writes an outcome must not write over another one, whose
/// text would then belong to a digest that isn't its own.
pub(super) fn same(of: &Upstream, and_schema: bool) -> Condition {
    let upstream = Condition::all()
        .add(upstream::Column::Uuid.eq(of.id.0))
        .add(upstream::Column::UpdatedAt.eq(of.updated_at))
        .add(upstream::Column::DeletedAt.is_null());
    match &of.schema.digest {
        _ if !and_schema => upstream,
        Some(digest) => upstream.add(upstream::Column::SchemaDigest.eq(digest.as_str())),
        None => upstream.add(upstream::Column::SchemaDigest.is_null()),
    }
}

/// Leaves what is kept of a schema.
pub(super) fn leave(columns: &mut upstream::ActiveModel) {
    columns.schema_digest = ActiveValue::NotSet;
    columns.schema_changed_at = ActiveValue::NotSet;
    columns.schema_checked_at = ActiveValue::NotSet;
    columns.schema_fault = ActiveValue::NotSet;
}

/// Keeps the text of an upstream's schema.
pub(super) async fn write_text(
    transaction: &impl ConnectionTrait,
    of: UpstreamId,
    SchemaText { sdl, digest }: SchemaText,
) -> Result<(), DbErr> {
    let columns = [upstream_schema::Column::Digest, upstream_schema::Column::Sdl];
    let over = OnConflict::column(upstream_schema::Column::UpstreamUuid).update_columns(columns).to_owned();
    let row = upstream_schema::ActiveModel { upstream_uuid: Set(of.0), digest: Set(digest), sdl: Set(sdl) };
    upstream_schema::Entity::insert(row).on_conflict(over).exec_without_returning(transaction).await?;
    Ok(())
}
