//! Lists that are ordered by name or by time of creation, and searched by name.

use sea_orm::{
    ColumnTrait, Condition, ExprTrait, IntoSimpleExpr, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{BinOper, Expr, Func},
};

use crate::{
    domain::{cursor, filter::ListOrder, paging::Page},
    error::Error,
};

/// A part of a list whose rows have a name and an id, which sorts by time: narrowed to the page's marks, in order, limited.
pub(super) fn part<S: QueryFilter + QueryOrder + QuerySelect>(
    mut select: S,
    columns: (impl ColumnTrait, impl ColumnTrait),
    order: ListOrder,
    page: &Page<cursor::Ordered>,
) -> Result<S, Error> {
    let forwards = !page.backwards();
    for (mark, beyond) in [(&page.after, true), (&page.before, false)] {
        if let Some(mark) = mark {
            select = select.filter(side(mark, columns, order, beyond)?);
        }
    }
    let (name, uuid) = columns;
    // Names ascend and ids descend, unless the page is asked for from the end.
    let select = match order {
        ListOrder::Name => select.order_by(name, direction(forwards)).order_by(uuid, direction(forwards)),
        ListOrder::RecentlyCreated => select.order_by(uuid, direction(!forwards)),
    };
    Ok(select.limit(page.limit()))
}

/// The rows whose name contains a text.
pub(super) fn named_like(name: impl ColumnTrait, text: &str) -> Expr {
    lowered_like(name, &format!("%{}%", escaped(text)))
}

/// The rows whose text is like a pattern, in which `*` stands for anything.
pub(super) fn like(column: impl ColumnTrait, pattern: &str) -> Expr {
    lowered_like(column, &escaped(pattern).replace('*', "%"))
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| ['%', '_', '\\'].contains(&c).then_some('\\').into_iter().chain([c])).collect()
}

/// Both sides are lowered by the database, so that they are lowered alike.
fn lowered_like(column: impl ColumnTrait, pattern: &str) -> Expr {
    let escape = Expr::Constant('\\'.into());
    let pattern = Expr::from(Func::lower(Expr::val(pattern))).binary(BinOper::Escape, escape);
    Expr::from(Func::lower(column.into_simple_expr())).binary(BinOper::Like, pattern)
}

fn direction(ascending: bool) -> Order {
    if ascending { Order::Asc } else { Order::Desc }
}

/// The rows on one side of a mark.
fn side(
    mark: &cursor::Ordered,
    (name_of, uuid_of): (impl ColumnTrait, impl ColumnTrait),
    order: ListOrder,
    beyond: bool,
) -> Result<Condition, Error> {
    match (order, mark) {
        (ListOrder::RecentlyCreated, cursor::Ordered::Created(uuid)) => {
            let side = if beyond { uuid_of.lt(*uuid) } else { uuid_of.gt(*uuid) };
            Ok(Condition::all().add(side))
        }
        (ListOrder::Name, cursor::Ordered::Named(name, uuid)) => {
            let name_side = if beyond { name_of.gt(name) } else { name_of.lt(name) };
            let uuid_side = if beyond { uuid_of.gt(*uuid) } else { uuid_of.lt(*uuid) };
            Ok(Condition::any().add(name_side).add(Condition::all().add(name_of.eq(name)).add(uuid_side)))
        }
        _ => Err(Error::Paging("the cursor belongs to another order of this list".to_owned())),
    }
}
