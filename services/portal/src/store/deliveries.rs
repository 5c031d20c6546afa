//! Deliveries' rows: what is to be delivered, by whom it is being tried, and the log of what was.
//!
//! Whoever tries a delivery moves its time on first, by one conditional update: nobody else tries it meanwhile, and where the one
//! who did is gone it is due again by itself.

use std::time::Duration;

use kit::{
    ambient::Instant,
    db::{alone, commit},
};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select, Set,
    sea_query::{Expr, ExprTrait, OnConflict, Order},
};
use uuid::Uuid;

use super::{
    Store, Unwritten,
    entity::{
        delivery::{ActiveModel, Column, Entity, Model},
        notification_service,
    },
};
use crate::domain::{
    delivery::{Attempt, Delivery, Progress, State},
    id::{DeliveryId, NotificationServiceId},
    notification_service::PING,
    page::{Part, Place},
};

/// Rows of one statement.
const MOST_ROWS: usize = 500;
/// The most rows that one transaction of a sweep removes.
const BATCH: u64 = 500;
/// What one node does at a time.
const TIDYING: &str = "deliveries";

impl Store {
    /// Writes deliveries, but for those that their event and service have already.
    pub(crate) async fn add_deliveries(&self, mut deliveries: Vec<Delivery>) -> Result<(), Unwritten> {
        while !deliveries.is_empty() {
            let later = deliveries.split_off(deliveries.len().min(MOST_ROWS));
            let rows = std::mem::replace(&mut deliveries, later).into_iter().map(row);
            let transaction = self.database.begin().await?;
            let same = OnConflict::columns([Column::EventUuid, Column::ServiceUuid]).do_nothing().to_owned();
            Entity::insert_many(rows).on_conflict(same).exec_without_returning(&transaction).await?;
            commit(transaction).await?;
        }
        Ok(())
    }

    /// A service's delivery of that id.
    pub(crate) async fn find_delivery(
        &self,
        service: NotificationServiceId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, DbErr> {
        let row = Entity::find_by_id(id.0).filter(Column::ServiceUuid.eq(service.0)).one(self.database.read()).await?;
        row.map(read).transpose()
    }

    /// A part of a service's deliveries, newest first; those in one state if it is given.
    pub(crate) async fn list_deliveries(
        &self,
        service: NotificationServiceId,
        state: Option<State>,
        part: Part,
    ) -> Result<Vec<Delivery>, DbErr> {
        let own = Entity::find().filter(Column::ServiceUuid.eq(service.0));
        let own = own.filter(Condition::all().add_option(state.map(|state| Column::State.eq(state.word()))));
        let rows = match part.place {
            None => own.order_by(Column::Uuid, Order::Desc),
            Some(Place::After(uuid)) => own.filter(Column::Uuid.lt(uuid)).order_by(Column::Uuid, Order::Desc),
            Some(Place::Before(uuid)) => own.filter(Column::Uuid.gt(uuid)).order_by(Column::Uuid, Order::Asc),
        };
        rows.limit(part.read()).all(self.database.read()).await?.into_iter().map(read).collect()
    }

    /// Services that something is due for, those that wait longest first, but for the `busy`. Of one that is disabled only tests
    /// are.
    pub(crate) async fn list_services_due(
        &self,
        now: Instant,
        busy: &[NotificationServiceId],
        most: u64,
    ) -> Result<Vec<NotificationServiceId>, DbErr> {
        let busy = busy.iter().map(|service| service.0);
        let due = due(now).filter(Column::ServiceUuid.is_not_in(busy)).select_only().column(Column::ServiceUuid);
        let due = due.group_by(Column::ServiceUuid).order_by(Column::DueAt.min(), Order::Asc).limit(most);
        let uuids: Vec<Uuid> = due.into_tuple().all(self.database.read()).await?;
        Ok(uuids.into_iter().map(NotificationServiceId).collect())
    }

    /// Takes deliveries of a service that are due, at most `most`, those first that are due longest: nobody else takes them
    /// before `until`.
    pub(crate) async fn claim_deliveries(
        &self,
        service: NotificationServiceId,
        (now, until): (Instant, Instant),
        most: u64,
    ) -> Result<Vec<Delivery>, DbErr> {
        let due = due(now).filter(Column::ServiceUuid.eq(service.0)).order_by_asc(Column::DueAt).limit(most);
        let mut claimed = Vec::new();
        for row in due.all(self.database.read()).await? {
            let transaction = self.database.begin().await?;
            let claim = Entity::update_many()
                .col_expr(Column::DueAt, Expr::value(until))
                .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
                .filter(Column::Uuid.eq(row.uuid))
                .filter(Column::DueAt.eq(row.due_at));
            let is_ours = claim.exec(&transaction).await?.rows_affected > 0;
            transaction.commit().await?;
            if is_ours {
                let mut delivery = read(row)?;
                delivery.progress.due_at = Some(until);
                delivery.progress.attempts += 1;
                claimed.push(delivery);
            }
        }
        Ok(claimed)
    }

    /// Writes what came of a try, unless somebody took the delivery over. `false`: somebody did.
    pub(crate) async fn write_attempt(&self, before: &Delivery, after: &Progress) -> Result<bool, DbErr> {
        let finished_at = match after.state {
            State::Pending => None,
            State::Delivered | State::Dead => after.last.as_ref().map(|last| last.at),
        };
        let columns = ActiveModel {
            state: Set(after.state.word().to_owned()),
            due_at: Set(after.due_at),
            finished_at: Set(finished_at),
            ..last(after.last.as_ref())
        };
        let transaction = self.database.begin().await?;
        let update = Entity::update_many().set(columns).filter(Column::Uuid.eq(before.id.0));
        let update = update.filter(Column::DueAt.eq(before.progress.due_at)).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(update.rows_affected > 0)
    }

    /// Has a delivery begin anew, whatever came of it.
    pub(crate) async fn begin_delivery_anew(&self, id: DeliveryId, progress: &Progress) -> Result<(), Unwritten> {
        let columns = ActiveModel {
            state: Set(progress.state.word().to_owned()),
            attempts: Set(0),
            due_at: Set(progress.due_at),
            deadline_at: Set(progress.deadline_at),
            finished_at: Set(None),
            ..Default::default()
        };
        let transaction = self.database.begin().await?;
        Entity::update_many().set(columns).filter(Column::Uuid.eq(id.0)).exec(&transaction).await?;
        Ok(commit(transaction).await?)
    }

    /// How many deliveries wait to be tried.
    pub(crate) async fn count_pending_deliveries(&self) -> Result<u64, DbErr> {
        Entity::find().filter(Column::DueAt.is_not_null()).count(self.database.read()).await
    }
}

impl Store {
    /// Gives up deliveries that were to be given up before `end` and weren't tried: their service is disabled. A batch; says how
    /// many it were. None where another node does.
    pub(crate) async fn expire_deliveries(&self, end: Instant, now: Instant) -> Result<u64, DbErr> {
        let old = Entity::find().filter(Column::DueAt.lt(now)).filter(Column::DeadlineAt.lt(end)).select_only();
        let old = old.column(Column::Uuid).limit(BATCH).into_query();
        let transaction = self.database.begin().await?;
        if !alone(&transaction, TIDYING).await? {
            return Ok(0);
        }
        let expire = Entity::update_many()
            .col_expr(Column::State, Expr::value(State::Dead.word()))
            .col_expr(Column::DueAt, Expr::value(None::<Instant>))
            .col_expr(Column::FinishedAt, Expr::value(now))
            .filter(Column::Uuid.in_subquery(old));
        let expired = expire.exec(&transaction).await?.rows_affected;
        transaction.commit().await?;
        Ok(expired)
    }

    /// Removes deliveries that were over before `end`, and those of services that are gone; a batch. Says how many it were.
    /// None where another node does.
    pub(crate) async fn sweep_deliveries(&self, end: Instant) -> Result<u64, DbErr> {
        let services = notification_service::Entity::find().select_only().column(notification_service::Column::Uuid);
        let swept = Condition::any()
            .add(Column::FinishedAt.lt(end))
            .add(Column::ServiceUuid.not_in_subquery(services.into_query()));
        let old = Entity::find().filter(swept).select_only().column(Column::Uuid).limit(BATCH).into_query();
        let transaction = self.database.begin().await?;
        if !alone(&transaction, TIDYING).await? {
            return Ok(0);
        }
        let delete = Entity::delete_many().filter(Column::Uuid.in_subquery(old));
        let swept = delete.exec(&transaction).await?.rows_affected;
        transaction.commit().await?;
        Ok(swept)
    }
}

fn due(now: Instant) -> Select<Entity> {
    let enabled = notification_service::Entity::find()
        .filter(notification_service::Column::Enabled.eq(true))
        .select_only()
        .column(notification_service::Column::Uuid);
    let may_be_told =
        Condition::any().add(Column::Event.eq(PING)).add(Column::ServiceUuid.in_subquery(enabled.into_query()));
    Entity::find().filter(Column::DueAt.lte(now)).filter(may_be_told)
}

fn row(of: Delivery) -> ActiveModel {
    let Delivery { id, event_uuid, service, event, payload, progress, created_at } = of;
    ActiveModel {
        uuid: Set(id.0),
        event_uuid: Set(event_uuid),
        service_uuid: Set(service.0),
        event: Set(event),
        payload: Set(payload),
        state: Set(progress.state.word().to_owned()),
        attempts: Set(i32::try_from(progress.attempts).unwrap_or(i32::MAX)),
        created_at: Set(created_at),
        due_at: Set(progress.due_at),
        deadline_at: Set(progress.deadline_at),
        finished_at: Set(None),
        ..last(progress.last.as_ref())
    }
}

fn last(attempt: Option<&Attempt>) -> ActiveModel {
    ActiveModel {
        last_attempt_at: Set(attempt.map(|last| last.at)),
        last_status: Set(attempt.and_then(|last| last.status).map(i32::from)),
        last_took_ms: Set(attempt.map(|last| i64::try_from(last.took.as_millis()).unwrap_or(i64::MAX))),
        last_excerpt: Set(attempt.map(|last| last.excerpt.clone())),
        last_fault: Set(attempt.and_then(|last| last.fault.clone())),
        ..Default::default()
    }
}

fn read(row: Model) -> Result<Delivery, DbErr> {
    let state = State::of_word(&row.state);
    let last = row.last_attempt_at.map(|at| Attempt {
        at,
        took: Duration::from_millis(row.last_took_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default()),
        status: row.last_status.and_then(|status| u16::try_from(status).ok()),
        excerpt: row.last_excerpt.unwrap_or_default(),
        fault: row.last_fault,
    });
    Ok(Delivery {
        id: DeliveryId(row.uuid),
        event_uuid: row.event_uuid,
        service: NotificationServiceId(row.service_uuid),
        event: row.event,
        payload: row.payload,
        progress: Progress {
            state: state.ok_or_else(|| DbErr::Custom(format!("deliveries holds an unknown state: {:?}", row.state)))?,
            attempts: u32::try_from(row.attempts).unwrap_or_default(),
            due_at: row.due_at,
            deadline_at: row.deadline_at,
            last,
        },
        created_at: row.created_at,
    })
}
