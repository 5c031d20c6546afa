//! API access tokens that weren't used for longer than an organization that they reach allows.

use kit::ambient::Instant;
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, ExprTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait,
    sea_query::{Expr, Func, SimpleExpr},
};
use uuid::Uuid;

use super::{
    Store, api_tokens,
    entity::{
        api_settings::Column as Settings,
        api_token::{self, Column as Token},
        api_token_organization::{Column, Entity, Relation},
    },
};
use crate::domain::{
    api_token::{INACTIVITY_DAYS, inactive_since},
    trail::{Trail, Why},
};

impl Store {
    /// Takes organizations out of the reach of tokens that they want no more, at most `most` at once in one transaction, and
    /// answers how many that were. A token that reaches nothing more ends.
    pub(crate) async fn revoke_inactive(&self, most: u64, now: Instant) -> Result<u64, DbErr> {
        let inactive = self.inactive(most, now).await?;
        if inactive.is_empty() {
            return Ok(0);
        }
        let (transaction, trail) = (self.database.begin().await?, Trail::system());
        let mut removed = 0;
        for (uuid, organization, days) in inactive {
            let Some(token) = api_tokens::locked(&transaction, uuid).await? else { continue };
            // It may have been used since it was looked for.
            let used = token.last_used_at.unwrap_or(token.created_at);
            let days = u32::try_from(days).unwrap_or(u32::MAX);
            if used > inactive_since(days, now) || !api_tokens::detach(&transaction, uuid, organization).await? {
                continue;
            }
            removed += 1;
            let mut events = vec![trail.access_revoked(organization, &token, Why::Inactive)];
            if api_tokens::organizations(&transaction, uuid).await?.is_empty() {
                api_tokens::revoke(&transaction, uuid, now).await?;
                events.push(trail.api_token_deleted(organization, &token, Why::Inactive));
            }
            self.record(&transaction, events).await?;
        }
        transaction.commit().await?;
        Ok(removed)
    }

    /// Tokens past the limit of an organization that they reach, and that limit in days. In an order, so that two replicas
    /// lock rows in the same one.
    async fn inactive(&self, most: u64, now: Instant) -> Result<Vec<(Uuid, Uuid, i32)>, DbErr> {
        let used = || -> SimpleExpr {
            let columns = [Token::LastUsedAt, Token::CreatedAt];
            Func::coalesce(columns.map(|column| Expr::col((api_token::Entity, column)))).into()
        };
        let limits = INACTIVITY_DAYS.into_iter().fold(Condition::any(), |any, days| {
            let past = Settings::RevokeInactiveTokensAfterDays.eq(i64::from(days));
            any.add(past.and(used().lte(inactive_since(days, now))))
        });
        let unexpired = Condition::any().add(Token::ExpiresAt.is_null()).add(Token::ExpiresAt.gt(now));
        Entity::find()
            .select_only()
            .columns([Column::TokenUuid, Column::OrganizationUuid])
            .column(Settings::RevokeInactiveTokensAfterDays)
            .join(JoinType::InnerJoin, Relation::Token.def())
            .join(JoinType::InnerJoin, Relation::Settings.def())
            .filter(Token::RevokedAt.is_null())
            .filter(unexpired)
            .filter(limits)
            .order_by_asc(Column::TokenUuid)
            .order_by_asc(Column::OrganizationUuid)
            .limit(most)
            .into_tuple()
            .all(self.database.read())
            .await
    }
}
