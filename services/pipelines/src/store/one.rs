//! Changes of the one row of an id, where it is within reach.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

/// Which row: the columns of its id and of its organization, the organizations within reach, and the id.
#[derive(Clone, Copy, Debug)]
pub(super) struct One<'a, C> {
    pub(super) columns: (C, C),
    pub(super) scope: &'a [Uuid],
    pub(super) uuid: Uuid,
}

impl<C: ColumnTrait> One<'_, C> {
    fn of<Q: QueryFilter>(self, statement: Q) -> Q {
        let (id, organization) = self.columns;
        statement.filter(id.eq(self.uuid)).filter(organization.is_in(self.scope.iter().copied()))
    }

    /// Writes a word into it, and gives it; `None`: it isn't there.
    pub(super) async fn update<E: EntityTrait<Column = C>>(
        self,
        transaction: &impl ConnectionTrait,
        (column, word): (C, &'static str),
    ) -> Result<Option<E::Model>, DbErr> {
        let rows =
            self.of(E::update_many()).col_expr(column, Expr::value(word)).exec_with_returning(transaction).await?;
        Ok(rows.into_iter().next())
    }

    /// Deletes it, and gives what it was.
    pub(super) async fn delete<E: EntityTrait<Column = C>>(
        self,
        transaction: &impl ConnectionTrait,
    ) -> Result<Option<E::Model>, DbErr> {
        Ok(self.of(E::delete_many()).exec_with_returning(transaction).await?.into_iter().next())
    }
}
