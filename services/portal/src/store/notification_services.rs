//! Notification services' rows.

use kit::{audit::Event, db::commit};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select, Set,
    sea_query::{Expr, Order},
};
use url::Url;
use uuid::Uuid;

use super::{
    Store, Trace, Unwritten,
    entity::notification_service::{ActiveModel, Column, Entity, Model},
    organizations, seals,
};
use crate::{
    domain::{
        id::{NotificationServiceId, OrganizationId},
        notification_service::{BUILD_STATES, EVENTS, Filter, NotificationService, TokenMode},
        page::{Part, Place},
        portal::Author,
    },
    upstream::seal::Sealed,
};

const SIGNATURE: &str = "signature";
const TOKEN: &str = "token";

/// A notification service, and its token as it is kept.
pub(crate) type Kept = (NotificationService, Sealed);

impl Store {
    /// The organization's notification service of that id.
    pub(crate) async fn find_notification_service(
        &self,
        organization: OrganizationId,
        id: NotificationServiceId,
    ) -> Result<Option<Kept>, DbErr> {
        let row = of(organization).filter(Column::Uuid.eq(id.0)).one(self.database.read()).await?;
        Ok(row.and_then(read))
    }

    /// The notification service of that id, whoever's it is.
    pub(crate) async fn find_notification_service_by_id(
        &self,
        id: NotificationServiceId,
    ) -> Result<Option<Kept>, DbErr> {
        Ok(Entity::find_by_id(id.0).one(self.database.read()).await?.and_then(read))
    }

    /// A part of an organization's notification services, oldest first.
    pub(crate) async fn list_notification_services(
        &self,
        organization: OrganizationId,
        part: Part,
    ) -> Result<Vec<Kept>, DbErr> {
        let rows = match part.place {
            None => of(organization).order_by(Column::Uuid, Order::Asc),
            Some(Place::After(uuid)) => {
                of(organization).filter(Column::Uuid.gt(uuid)).order_by(Column::Uuid, Order::Asc)
            }
            Some(Place::Before(uuid)) => {
                of(organization).filter(Column::Uuid.lt(uuid)).order_by(Column::Uuid, Order::Desc)
            }
        };
        let rows = rows.limit(part.read()).all(self.database.read()).await?;
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// The enabled ones of these organizations.
    pub(crate) async fn list_enabled_notification_services(
        &self,
        organizations: impl IntoIterator<Item = Uuid>,
    ) -> Result<Vec<NotificationService>, DbErr> {
        let enabled =
            Entity::find().filter(Column::OrganizationUuid.is_in(organizations)).filter(Column::Enabled.eq(true));
        let rows = enabled.all(self.database.read()).await?;
        Ok(rows.into_iter().filter_map(read).map(|(service, _)| service).collect())
    }

    /// Writes a new one, unless its organization has `most` already.
    pub(crate) async fn create_notification_service(
        &self,
        service: &NotificationService,
        token: Sealed,
        most: u32,
        event: Event,
    ) -> Result<(), Unwritten> {
        let transaction = self.database.begin().await?;
        organizations::hold(&transaction, service.organization).await?;
        if of(service.organization).count(&transaction).await? >= u64::from(most) {
            return Err(Unwritten::TooManyNotificationServices(most));
        }
        seals::hold(&transaction, &token).await?;
        let row = ActiveModel { token: Set(token.bytes), key_id: Set(token.key_id), ..row(service) };
        row.insert(&transaction).await?;
        self.record_and_commit(transaction, event).await
    }

    /// Writes `after` over `before`, unless `before` isn't what is there any more. `token`: another one, or the same anew.
    pub(crate) async fn update_notification_service(
        &self,
        before: &NotificationService,
        after: &NotificationService,
        token: Option<Sealed>,
        event: Event,
    ) -> Result<(), Unwritten> {
        let transaction = self.database.begin().await?;
        let mut columns = row(after);
        if let Some(token) = token {
            seals::hold(&transaction, &token).await?;
            (columns.token, columns.key_id) = (Set(token.bytes), Set(token.key_id));
        }
        let same = Column::UpdatedAt.eq(before.updated_at);
        let update = Entity::update_many().set(columns).filter(Column::Uuid.eq(before.id.0)).filter(same);
        if update.exec(&transaction).await?.rows_affected == 0 {
            return Err(Unwritten::Outdated);
        }
        self.record_and_commit(transaction, event).await
    }

    /// Removes one. `false`: it isn't there. Its deliveries go with the sweep, and nothing finds them until then.
    pub(crate) async fn delete_notification_service(
        &self,
        id: NotificationServiceId,
        event: Event,
    ) -> Result<bool, Unwritten> {
        let transaction = self.database.begin().await?;
        if Entity::delete_by_id(id.0).exec(&transaction).await?.rows_affected == 0 {
            return Ok(false);
        }
        self.record_and_commit(transaction, event).await?;
        Ok(true)
    }

    /// Commits a change that calls needn't notice, with its audit row.
    async fn record_and_commit(
        &self,
        transaction: DatabaseTransaction,
        trace: impl Into<Trace>,
    ) -> Result<(), Unwritten> {
        trace.into().write(&transaction, &self.ambient).await?;
        Ok(commit(transaction).await?)
    }
}

impl Store {
    /// Those whose tokens are kept under another key than that, some of them, `after` that one.
    pub(crate) async fn list_tokens_elsewhere(
        &self,
        key_id: &str,
        after: Option<NotificationServiceId>,
    ) -> Result<Vec<Kept>, DbErr> {
        let last = after.map_or(Uuid::nil(), |NotificationServiceId(last)| last);
        let elsewhere = Entity::find().filter(Column::KeyId.ne(key_id)).filter(Column::Uuid.gt(last));
        let rows = elsewhere.order_by_asc(Column::Uuid).limit(seals::BATCH).all(self.database.read()).await?;
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Keeps the same token under another key, unless it was changed since. No change, so that there is no audit row.
    pub(crate) async fn replace_token(
        &self,
        of: &NotificationService,
        before: &Sealed,
        after: Sealed,
    ) -> Result<(), Unwritten> {
        let transaction = self.database.begin().await?;
        seals::hold(&transaction, &after).await?;
        let update = Entity::update_many()
            .col_expr(Column::Token, Expr::value(after.bytes))
            .col_expr(Column::KeyId, Expr::value(after.key_id))
            .filter(Column::Uuid.eq(of.id.0))
            .filter(Column::UpdatedAt.eq(of.updated_at))
            .filter(Column::KeyId.eq(before.key_id.as_str()));
        update.exec(&transaction).await?;
        Ok(transaction.commit().await?)
    }
}

fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationUuid.eq(organization.0))
}

/// The columns; the token and its key stay as they are.
fn row(of: &NotificationService) -> ActiveModel {
    let NotificationService {
        id,
        organization,
        description,
        enabled,
        url,
        token_mode,
        filter: Filter { events, pipelines, branches, states },
        created_at,
        updated_at,
        created_by,
    } = of.clone();
    let pipelines: Vec<_> = pipelines.iter().map(ToString::to_string).collect();
    ActiveModel {
        uuid: Set(id.0),
        organization_uuid: Set(organization.0),
        description: Set(description),
        enabled: Set(enabled),
        url: Set(url.into()),
        token: ActiveValue::NotSet,
        key_id: ActiveValue::NotSet,
        token_mode: Set(match token_mode {
            TokenMode::Token => TOKEN.to_owned(),
            TokenMode::Signature => SIGNATURE.to_owned(),
        }),
        events: Set(events.join(" ")),
        pipelines: Set(pipelines.join(" ")),
        branches: Set(branches),
        build_states: Set(states.join(" ")),
        created_by_uuid: Set(created_by.uuid),
        created_by_name: Set(created_by.name),
        created_by_email: Set(created_by.email),
        created_by_created_at: Set(created_by.created_at),
        created_at: Set(created_at),
        updated_at: Set(updated_at),
    }
}

/// `None` for a row whose URL can't be read, which nobody here wrote.
fn read(row: Model) -> Option<Kept> {
    // Words of a later version are nothing to this one.
    let known = |text: &str, known: &[&'static str]| {
        known.iter().filter(|word| text.split(' ').any(|own| own == **word)).copied().collect()
    };
    let service = NotificationService {
        id: NotificationServiceId(row.uuid),
        organization: OrganizationId(row.organization_uuid),
        description: row.description,
        enabled: row.enabled,
        url: Url::parse(&row.url).ok()?,
        token_mode: if row.token_mode == TOKEN { TokenMode::Token } else { TokenMode::Signature },
        filter: Filter {
            events: known(&row.events, &EVENTS),
            pipelines: row.pipelines.split_whitespace().filter_map(|text| text.parse().ok()).collect(),
            branches: row.branches,
            states: known(&row.build_states, &BUILD_STATES),
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
    Some((service, Sealed { key_id: row.key_id, bytes: row.token }))
}
