//! Members of an organization in parts: by place rather than by page, so that nobody is skipped when somebody joins.

use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, ExprTrait, Order as Direction, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, SelectTwoRequired,
    sea_query::{BinOper, Expr, Func},
};

use super::{
    Store,
    entity::{
        membership::{Column, Entity},
        user,
    },
    memberships::member,
};
use crate::domain::{
    roster::{Listed, Order, Place, Question},
    user::Role,
};

impl Store {
    /// The members that a question is about, and how many there are if it asks that.
    pub(crate) async fn roster(&self, question: &Question) -> Result<(Vec<Listed>, u64), DbErr> {
        let total = if question.count { counted(question).count(self.database.read()).await? } else { 0 };
        if question.limit == 0 {
            return Ok((Vec::new(), total));
        }
        let rows = part(question).limit(question.limit).all(self.database.read()).await?;
        let listed = rows.into_iter().map(|(row, user)| {
            let joined_at = row.created_at;
            Ok(Listed { member: member((row, user))?, joined_at })
        });
        Ok((listed.collect::<Result<_, DbErr>>()?, total))
    }
}

fn counted(question: &Question) -> Select<Entity> {
    Entity::find().inner_join(user::Entity).filter(narrowed(question))
}

fn narrowed(question: &Question) -> Condition {
    let roles = (!question.roles.is_empty()).then(|| question.roles.iter().copied().map(Role::word));
    let except = (!question.except.is_empty()).then(|| question.except.iter().copied());
    Condition::all()
        .add(Column::OrganizationUuid.eq(question.organization))
        .add_option(question.users.as_ref().map(|users| Column::UserUuid.is_in(users.iter().copied())))
        .add_option(except.map(|except| Column::UserUuid.is_not_in(except)))
        .add_option(roles.map(|roles| Column::Role.is_in(roles)))
        .add_option(question.search.as_deref().map(named_like))
        .add_option(question.email.as_deref().map(|email| lower(user::Column::Email).eq(lowered(email))))
}

fn part(question: &Question) -> SelectTwoRequired<Entity, user::Entity> {
    let after = question.after.as_ref().map(|place| side(place, question.order, true));
    let before = question.before.as_ref().map(|place| side(place, question.order, false));
    let between = Condition::all().add_option(after).add_option(before);
    let select = Entity::find().find_both_related(user::Entity).filter(narrowed(question)).filter(between);
    let direction = |ascending: bool| if ascending { Direction::Asc } else { Direction::Desc };
    match question.order {
        Order::Name => select
            .order_by(lower(user::Column::Name), direction(!question.backwards))
            .order_by(Column::UserUuid, direction(!question.backwards)),
        Order::RecentlyJoined => select
            .order_by(Column::CreatedAt, direction(question.backwards))
            .order_by(Column::UserUuid, direction(question.backwards)),
    }
}

/// The rows on one side of a place.
fn side(place: &Place, order: Order, beyond: bool) -> Condition {
    let user = |greater: bool| if greater { Column::UserUuid.gt(place.user) } else { Column::UserUuid.lt(place.user) };
    let (sooner, same) = match order {
        Order::Name => {
            let (name, mark) = (lower(user::Column::Name), lowered(&place.name));
            let sooner = if beyond { name.clone().gt(mark.clone()) } else { name.clone().lt(mark.clone()) };
            (sooner, Condition::all().add(name.eq(mark)).add(user(beyond)))
        }
        Order::RecentlyJoined => {
            let (at, mark) = (Column::CreatedAt, place.joined_at);
            let sooner = if beyond { at.lt(mark) } else { at.gt(mark) };
            (sooner, Condition::all().add(at.eq(mark)).add(user(!beyond)))
        }
    };
    Condition::any().add(sooner).add(same)
}

/// Both sides are lowered by the database, so that they are lowered alike.
fn named_like(text: &str) -> Expr {
    let pattern: String =
        text.chars().flat_map(|c| ['%', '_', '\\'].contains(&c).then_some('\\').into_iter().chain([c])).collect();
    let escape = Expr::Constant('\\'.into());
    let pattern = lowered(&format!("%{pattern}%")).binary(BinOper::Escape, escape);
    lower(user::Column::Name).binary(BinOper::Like, pattern)
}

fn lower(column: user::Column) -> Expr {
    Func::lower(Expr::col((user::Entity, column))).into()
}

fn lowered(text: &str) -> Expr {
    Func::lower(Expr::val(text)).into()
}
