//! Portal tokens as lists show them, and their end by who reads these.

use kit::ambient::Instant;
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Store, commit,
    endings::{self, Batch},
    entity::portal_token::{Column, Entity, Model},
    portals, revocations,
};
use crate::{
    domain::{
        page::Page,
        token::{PortalKind, PortalToken, TokenEntry, TokenList},
        trail::Trail,
        user::User,
    },
    error::Error,
};

/// A token of a list that is to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) list: TokenList,
    pub(crate) token: Uuid,
    pub(crate) at: Instant,
}

/// A portal whose live tokens are to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndingAll {
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) at: Instant,
}

impl Store {
    /// How many portal tokens count now, of each kind.
    pub(crate) async fn count_live_tokens(&self) -> Result<Vec<(PortalKind, u64)>, DbErr> {
        let now = self.ambient.now();
        let unexpired = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now));
        let live = Entity::find().filter(Column::RevokedAt.is_null()).filter(unexpired);
        let counts =
            live.select_only().column(Column::Kind).column_as(Column::Uuid.count(), "live").group_by(Column::Kind);
        let counts: Vec<(String, i64)> = counts.into_tuple().all(self.database.read()).await?;
        let of = |kind: PortalKind| counts.iter().find(|(word, _)| word == kind.word()).map_or(0, |(_, live)| *live);
        // A kind of which there are none is told, too: its figure falls.
        let kinds = [PortalKind::Service, PortalKind::Ephemeral, PortalKind::User];
        Ok(kinds.map(|kind| (kind, u64::try_from(of(kind)).unwrap_or_default())).into())
    }

    /// A page of a portal's list, and how many there are on all pages.
    pub(crate) async fn list_portal_tokens(
        &self,
        portal: Uuid,
        list: TokenList,
        page: Page,
        now: Instant,
    ) -> Result<(Vec<TokenEntry>, u64), DbErr> {
        let listed = listed(portal, list, now);
        let total = listed.clone().count(self.database.read()).await?;
        let sorted = match list {
            TokenList::Service => listed.order_by_asc(Column::CreatedAt).order_by_asc(Column::Uuid),
            TokenList::Live => listed.order_by_desc(Column::CreatedAt).order_by_desc(Column::Uuid),
        };
        let rows = sorted.offset(page.offset()).limit(page.limit()).all(self.database.read()).await?;
        Ok((rows.into_iter().map(entry).collect::<Result<_, _>>()?, total))
    }

    /// Ends a token that stands in the list and answers the event's place in the sequence; `None` if it doesn't stand there.
    pub(crate) async fn end_portal_token(
        &self,
        Ending { organization, portal, list, token, at }: Ending,
        trail: &Trail,
    ) -> Result<Option<u64>, Error> {
        let transaction = self.database.begin().await?;
        let listed = listed(portal, list, at).filter(Column::OrganizationUuid.eq(organization));
        let row = listed.filter(Column::Uuid.eq(token)).lock_exclusive().one(&transaction).await?;
        let Some(entry) = row.map(entry).transpose()? else { return Ok(None) };
        let token = entry.token.uuid;
        end(&transaction, Condition::all().add(Column::Uuid.eq(token)), at).await?;
        self.record_ends(&transaction, &[entry], trail).await?;
        let sequence = revocations::announce(&transaction, token, &[], at).await?;
        commit(transaction).await?;
        Ok(Some(sequence))
    }

    /// Ends all live tokens of a portal, in as many transactions as they need. Answers how many, and the place of the last
    /// event in the sequence.
    pub(crate) async fn end_live_tokens(
        &self,
        EndingAll { organization, portal, at }: EndingAll,
        trail: &Trail,
    ) -> Result<(u64, u64), Error> {
        let mut ended = 0;
        loop {
            let transaction = self.database.begin().await?;
            // Who makes a token has this lock, so none is made between the list and its end.
            portals::lock_known(&transaction, organization, portal).await?;
            let live = which(portal, TokenList::Live, at);
            let Batch { tokens, is_last } = endings::end_batch(&transaction, live, at).await?;
            self.record_ends(&transaction, &tokens, trail).await?;
            let sequence = revocations::announce(&transaction, portal, TokenList::Live.kinds(), at).await?;
            commit(transaction).await?;
            ended += tokens.len() as u64;
            if is_last {
                return Ok((ended, sequence));
            }
        }
    }
}

fn listed(portal: Uuid, list: TokenList, now: Instant) -> Select<Entity> {
    Entity::find().filter(which(portal, list, now))
}

fn which(portal: Uuid, list: TokenList, now: Instant) -> Condition {
    Condition::all()
        .add(Column::PortalUuid.eq(portal))
        .add(Column::Kind.is_in(list.kinds().iter().map(|kind| kind.word())))
        .add(Column::RevokedAt.is_null())
        .add_option((list == TokenList::Live).then(|| endings::unexpired(now)))
}

/// Ends those of which `which` is true, and answers how many weren't ended yet.
pub(super) async fn end(transaction: &DatabaseTransaction, which: Condition, at: Instant) -> Result<u64, DbErr> {
    let update = Entity::update_many().col_expr(Column::RevokedAt, Expr::value(at));
    let unrevoked = Column::RevokedAt.is_null();
    Ok(update.filter(which).filter(unrevoked).exec(transaction).await?.rows_affected)
}

pub(super) fn entry(row: Model) -> Result<TokenEntry, DbErr> {
    let created_by = User {
        uuid: row.created_by_uuid,
        name: row.created_by_name.clone(),
        email: row.created_by_email.clone(),
        created_at: row.created_by_created_at,
    };
    Ok(TokenEntry {
        last_four: row.last_four.clone(),
        created_at: row.created_at,
        created_by,
        last_used_at: row.last_used_at,
        last_used_ip: row.last_used_ip.clone(),
        token: PortalToken::try_from(row)?,
    })
}
