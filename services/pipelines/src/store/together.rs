//! Parts of several lists in one statement: the first builds of each of many pipelines.

use sea_orm::{
    DatabaseConnection, DbErr, FromQueryResult,
    sea_query::{Asterisk, Expr, Query, SelectStatement, SqliteQueryBuilder, UnionType},
};

/// Values of one statement; `SQLite` takes 32 766.
const MOST_VALUES: usize = 30_000;
/// Lists of one statement; `SQLite` takes 500.
const MOST_LISTS: usize = 100;

/// The rows of all `lists`, which are shaped alike; those of one stay in its order. A statement answers many lists.
pub(super) async fn all<M: FromQueryResult>(
    connection: &DatabaseConnection,
    lists: Vec<SelectStatement>,
) -> Result<Vec<M>, DbErr> {
    let values = |list: &SelectStatement| list.build_any(&SqliteQueryBuilder).1.0.len();
    let at_once = MOST_VALUES / lists.iter().map(values).max().unwrap_or_default().max(1);
    let mut found = Vec::new();
    for some in lists.chunks(at_once.clamp(1, MOST_LISTS)) {
        // `SQLite` orders and limits a part of a compound in a subquery only.
        let part = |list: &SelectStatement| {
            Query::select().expr(Expr::col(Asterisk)).from_subquery(list.clone(), "part").to_owned()
        };
        let Some((first, others)) = some.split_first() else { continue };
        let statement = others
            .iter()
            .map(part)
            .fold(part(first), |mut statement, list| statement.union(UnionType::All, list).to_owned());
        found.extend(M::find_by_statement(connection.get_database_backend().build(&statement)).all(connection).await?);
    }
    Ok(found)
}
