//! Usage's rows: added to, never set, so that what several processes counted adds up.

use kit::ambient::Instant;
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use super::{
    Store,
    entity::usage::{ActiveModel, Column, Entity},
};
use crate::domain::{
    id::PortalId,
    usage::{Cell, Figures, Span, day_of},
};

/// Rows of one transaction.
const MOST_ROWS: usize = 500;
/// Adds up, in words that both engines have. `excluded` is the row that isn't inserted.
const SUM: &str = "portal_usage.calls + excluded.calls";
const LATER: &str = "CASE WHEN excluded.last_called_at > portal_usage.last_called_at \
                     THEN excluded.last_called_at ELSE portal_usage.last_called_at END";

impl Store {
    /// Adds to what was counted before. All of it, or nothing.
    pub(crate) async fn add_usage(&self, cells: &[Cell]) -> Result<(), DbErr> {
        if cells.is_empty() {
            return Ok(());
        }
        let mut cells: Vec<&Cell> = cells.iter().collect();
        // All processes take rows in the same order, so that none waits for another that waits for it.
        cells.sort_by(|a, b| {
            (a.portal.0, a.hour, &a.outcome, a.bucket).cmp(&(b.portal.0, b.hour, &b.outcome, b.bucket))
        });
        let transaction = self.database.begin().await?;
        for cells in cells.chunks(MOST_ROWS) {
            let add = OnConflict::columns([Column::PortalUuid, Column::Hour, Column::Outcome, Column::Bucket])
                .value(Column::Calls, Expr::cust(SUM))
                .value(Column::LastCalledAt, Expr::cust(LATER))
                .to_owned();
            let rows = cells.iter().map(|cell| row(cell));
            Entity::insert_many(rows).on_conflict(add).exec_without_returning(&transaction).await?;
        }
        transaction.commit().await
    }

    /// A portal's usage in the parts of a span in which there was any, oldest first.
    pub(crate) async fn usage(&self, portal: PortalId, span: Span) -> Result<Vec<(Instant, Figures)>, DbErr> {
        let part = if span.daily { Column::Day } else { Column::Hour };
        let sums = Entity::find()
            .filter(Column::PortalUuid.eq(portal.0))
            .filter(Column::Hour.gte(span.from))
            .filter(Column::Hour.lt(span.to))
            .select_only()
            .column(part)
            .column(Column::Outcome)
            .column(Column::Bucket)
            // A sum is NUMERIC on PostgreSQL.
            .column_as(Expr::col(Column::Calls).sum().cast_as("bigint"), "calls")
            .group_by(part)
            .group_by(Column::Outcome)
            .group_by(Column::Bucket)
            .order_by_asc(part);
        let sums: Vec<(Instant, String, i16, i64)> = sums.into_tuple().all(self.database.read()).await?;
        let mut parts: Vec<(Instant, Figures)> = Vec::new();
        for (at, outcome, bucket, calls) in sums {
            if parts.last().is_none_or(|(last, _)| *last != at) {
                parts.push((at, Figures::default()));
            }
            if let Some((_, figures)) = parts.last_mut() {
                let bucket = usize::try_from(bucket).unwrap_or(usize::MAX);
                figures.add(&outcome, bucket, u64::try_from(calls).unwrap_or_default());
            }
        }
        Ok(parts)
    }

    /// When a portal was last called, as far as that is kept.
    pub(crate) async fn last_called_at(&self, portal: PortalId) -> Result<Option<Instant>, DbErr> {
        let last = Entity::find()
            .filter(Column::PortalUuid.eq(portal.0))
            .select_only()
            .column_as(Column::LastCalledAt.max(), "last");
        let last: Option<Option<Instant>> = last.into_tuple().one(self.database.read()).await?;
        Ok(last.flatten())
    }

    /// Removes what is from before the hour of `end`, an hour at a time.
    pub(crate) async fn sweep_usage(&self, end: Instant) -> Result<(), DbErr> {
        loop {
            let oldest = Entity::find().filter(Column::Hour.lt(end)).order_by_asc(Column::Hour);
            let Some(oldest) = oldest.one(self.database.read()).await? else { return Ok(()) };
            let transaction = self.database.begin().await?;
            Entity::delete_many().filter(Column::Hour.eq(oldest.hour)).exec(&transaction).await?;
            transaction.commit().await?;
        }
    }
}

fn row(cell: &Cell) -> ActiveModel {
    let Cell { portal, hour, outcome, bucket, calls, last_called_at } = cell;
    ActiveModel {
        portal_uuid: Set(portal.0),
        hour: Set(*hour),
        day: Set(day_of(*hour)),
        outcome: Set(outcome.clone()),
        bucket: Set(i16::try_from(*bucket).unwrap_or(i16::MAX)),
        calls: Set(i64::try_from(*calls).unwrap_or(i64::MAX)),
        last_called_at: Set(*last_called_at),
    }
}
