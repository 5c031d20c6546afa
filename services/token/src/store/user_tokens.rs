//! What acts for a user: portal tokens of kind `user`, and the codes for them.

use kit::ambient::Instant;
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::{
    codes,
    entity::portal_token::{Column, Entity},
    token_lists,
};
use crate::domain::token::{PortalKind, TokenEntry};

/// Ends it, in all organizations or in one, and answers the tokens. To be called after the user or the membership is gone:
/// who makes such a token has locked the membership.
pub(super) async fn end_of_user(
    transaction: &DatabaseTransaction,
    user: Uuid,
    organization: Option<Uuid>,
    at: Instant,
) -> Result<Vec<TokenEntry>, DbErr> {
    let theirs = Condition::all().add(Column::UserUuid.eq(user));
    let rows = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(at))
        .filter(theirs.add_option(organization.map(|uuid| Column::OrganizationUuid.eq(uuid))))
        .filter(Column::Kind.eq(PortalKind::User.word()))
        .filter(Column::RevokedAt.is_null())
        .exec_with_returning(transaction)
        .await?;
    // After the tokens, as who revokes a portal does it: else the two could wait for each other.
    codes::kill_of_user(transaction, user, organization).await?;
    rows.into_iter().map(token_lists::entry).collect()
}
