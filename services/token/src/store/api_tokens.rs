//! Rows of API access tokens.

use std::collections::BTreeSet;

use kit::{ambient::Instant, error::Violation};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, JoinType,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, RelationTrait, Select, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Store, api_settings, commit,
    entity::{
        api_token::{ActiveModel, Column, Entity, Model, Relation},
        api_token_organization::{self as reached, Column as Reached},
        membership, user,
    },
    keys, memberships, users,
};
use crate::{
    Error,
    domain::{
        api_token::{ListedApiToken, NewApiToken, Terms},
        email::Email,
        page::Page,
        scope::Scope,
        tag::Tag,
        token::{ApiToken, Life},
        trail::{Trail, Why, trails},
        user::{Membership, Role, User},
    },
};

/// What is answered about a token that doesn't reach the organization, whether there is one or not.
pub(crate) const NO_API_TOKEN: &str = "No API access token found";

/// How many tokens an export has in a part.
const PART: u64 = if cfg!(test) { 2 } else { 500 };

impl Store {
    /// The token that carries one of `tags`, its user, and the organizations that both reach. Two reads of indexes.
    pub(crate) async fn find_api_token(&self, tags: &[Tag]) -> Result<Option<ApiToken>, DbErr> {
        let tags = tags.iter().map(|tag| tag.bytes.clone());
        let found = Entity::find()
            .filter(Column::Tag.is_in(tags))
            .find_both_related(user::Entity)
            .one(self.database.read())
            .await?;
        let Some((token, user)) = found else { return Ok(None) };
        let memberships = self.memberships(token.uuid, user.uuid).await?;
        Ok(Some(api_token(token, user.into(), memberships)))
    }

    async fn memberships(&self, token: Uuid, user: Uuid) -> Result<Vec<Membership>, DbErr> {
        let reached = reached::Entity::find()
            .select_only()
            .column(Reached::OrganizationUuid)
            .filter(Reached::TokenUuid.eq(token));
        let rows = membership::Entity::find()
            .filter(membership::Column::UserUuid.eq(user))
            .filter(membership::Column::OrganizationUuid.in_subquery(reached.into_query()))
            .order_by_asc(membership::Column::OrganizationUuid)
            .all(self.database.read())
            .await?;
        rows.into_iter().map(Membership::try_from).collect()
    }

    /// The token of that UUID as lists show it.
    pub(crate) async fn get_api_token(&self, token: Uuid) -> Result<Option<ListedApiToken>, DbErr> {
        Ok(with_user(Entity::find_by_id(token), self.database.read()).await?.into_iter().next())
    }

    /// A page of the tokens that reach the organization and count now, newest first, and how many there are.
    pub(crate) async fn list_api_tokens(
        &self,
        organization: Uuid,
        page: Page,
        now: Instant,
    ) -> Result<(Vec<ListedApiToken>, u64), DbErr> {
        let reaching = reaching(organization, now);
        let total = reaching.clone().count(self.database.read()).await?;
        let rows = reaching
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Uuid)
            .offset(page.offset())
            .limit(page.limit());
        Ok((with_user(rows, self.database.read()).await?, total))
    }

    /// Of the same tokens, those `after` that one, as many as an export has in a part.
    pub(crate) async fn next_api_tokens(
        &self,
        organization: Uuid,
        after: Option<(Instant, Uuid)>,
        now: Instant,
    ) -> Result<Vec<ListedApiToken>, DbErr> {
        let mut rows = reaching(organization, now);
        if let Some((created_at, uuid)) = after {
            let together = Condition::all().add(Column::CreatedAt.eq(created_at)).add(Column::Uuid.lt(uuid));
            rows = rows.filter(Condition::any().add(Column::CreatedAt.lt(created_at)).add(together));
        }
        let rows = rows.order_by_desc(Column::CreatedAt).order_by_desc(Column::Uuid).limit(PART);
        with_user(rows, self.database.read()).await
    }

    /// Stores a token of the user of that address.
    pub(crate) async fn create_api_token(
        &self,
        email: &Email,
        new: NewApiToken,
        trail: &Trail,
    ) -> Result<ListedApiToken, Error> {
        let transaction = self.database.begin().await?;
        let user = users::locked(&transaction, email).await?;
        let places = memberships::kept_of_user(&transaction, user.uuid).await?;
        let allowed = allowed(&transaction, &places).await?;
        let organizations = chosen(new.organizations.as_ref(), &places, &allowed)?;
        let reach = new.reach();
        let token = insert(&transaction, new, &user, &organizations).await?;
        let created = |of: &Uuid| trail.api_token_created(*of, &token, reach);
        self.record(&transaction, trails(&organizations).iter().map(created)).await?;
        commit(transaction).await?;
        Ok(token)
    }

    /// Ends a token. Says whether it was still alive.
    pub(crate) async fn revoke_api_token(&self, token: Uuid, at: Instant, trail: &Trail) -> Result<bool, Error> {
        let transaction = self.database.begin().await?;
        let Some(token) = locked(&transaction, token).await? else { return Ok(false) };
        revoke(&transaction, token.uuid, at).await?;
        let organizations = organizations(&transaction, token.uuid).await?;
        let deleted = |of: &Uuid| trail.api_token_deleted(*of, &token, Why::Asked);
        self.record(&transaction, trails(&organizations).iter().map(deleted)).await?;
        commit(transaction).await?;
        Ok(true)
    }

    /// Takes the organization out of a token's reach. The token stays, if it reaches nothing more too.
    pub(crate) async fn remove_api_token_organization(
        &self,
        token: Uuid,
        organization: Uuid,
        trail: &Trail,
    ) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let token = locked(&transaction, token).await?.ok_or(Error::NotFound(NO_API_TOKEN))?;
        if !detach(&transaction, token.uuid, organization).await? {
            return Err(Error::NotFound(NO_API_TOKEN));
        }
        self.record(&transaction, [trail.access_revoked(organization, &token, Why::Asked)]).await?;
        commit(transaction).await
    }
}

/// Those of the user's organizations that let them have tokens made.
async fn allowed(transaction: &DatabaseTransaction, places: &[Membership]) -> Result<BTreeSet<Uuid>, DbErr> {
    let restricting = api_settings::restricting(transaction, places.iter().map(|place| place.organization)).await?;
    let open = |place: &&Membership| place.role == Role::Admin || !restricting.contains(&place.organization);
    Ok(places.iter().filter(open).map(|place| place.organization).collect())
}

/// Those of the user's organizations that were asked for; all that are `allowed` where none was.
fn chosen(
    wanted: Option<&BTreeSet<Uuid>>,
    places: &[Membership],
    allowed: &BTreeSet<Uuid>,
) -> Result<Vec<Uuid>, Error> {
    const NO_MORE: &str = "whose administrators alone may have API access tokens made";
    let refuse = |why: String| Violation::new("organization_uuids", why);
    let Some(wanted) = wanted else {
        return if allowed.is_empty() && !places.is_empty() {
            Err(Error::Validation(vec![refuse(format!("can be none of the user's organizations, {NO_MORE}"))]))
        } else {
            Ok(allowed.iter().copied().collect())
        };
    };
    let is_theirs = |organization: &Uuid| places.iter().any(|place| place.organization == *organization);
    let strange = wanted.difference(allowed).map(|organization| {
        let why = if is_theirs(organization) { NO_MORE } else { "to which the user doesn't belong" };
        refuse(format!("has {organization}, {why}"))
    });
    let strange: Vec<_> = strange.collect();
    if strange.is_empty() { Ok(wanted.iter().copied().collect()) } else { Err(Error::Validation(strange)) }
}

/// The token of that UUID that isn't revoked, which nobody else can change before `transaction` ends.
pub(super) async fn locked(transaction: &DatabaseTransaction, token: Uuid) -> Result<Option<ListedApiToken>, DbErr> {
    let unrevoked = Entity::find_by_id(token).filter(Column::RevokedAt.is_null());
    let Some(row) = unrevoked.lock_exclusive().one(transaction).await? else { return Ok(None) };
    let user = user::Entity::find_by_id(row.user_uuid).one(transaction).await?;
    Ok(user.map(|user| listed(row, user.into())))
}

/// Ends a token, whatever it was.
pub(super) async fn revoke(transaction: &DatabaseTransaction, token: Uuid, at: Instant) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(at))
        .filter(Column::Uuid.eq(token))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Takes the organization out of the token's reach; says whether it was in it.
pub(super) async fn detach(transaction: &DatabaseTransaction, token: Uuid, organization: Uuid) -> Result<bool, DbErr> {
    Ok(reached::Entity::delete_by_id((token, organization)).exec(transaction).await?.rows_affected > 0)
}

/// What the token reaches, sorted.
pub(super) async fn organizations(connection: &impl ConnectionTrait, token: Uuid) -> Result<Vec<Uuid>, DbErr> {
    let rows = reached::Entity::find().filter(Reached::TokenUuid.eq(token)).order_by_asc(Reached::OrganizationUuid);
    Ok(rows.all(connection).await?.into_iter().map(|row| row.organization_uuid).collect())
}

/// Takes the organization out of the reach of every token of the user, and answers those that aren't revoked.
pub(super) async fn leave(
    transaction: &DatabaseTransaction,
    user: &User,
    organization: Uuid,
) -> Result<Vec<ListedApiToken>, DbErr> {
    let mut left = Vec::new();
    for token in unrevoked(transaction, user).await? {
        if detach(transaction, token.uuid, organization).await? {
            left.push(token);
        }
    }
    Ok(left)
}

/// The user's tokens that aren't revoked, and what each reaches.
pub(super) async fn of_user(
    transaction: &DatabaseTransaction,
    user: &User,
) -> Result<Vec<(ListedApiToken, Vec<Uuid>)>, DbErr> {
    let mut tokens = Vec::new();
    for token in unrevoked(transaction, user).await? {
        let organizations = organizations(transaction, token.uuid).await?;
        tokens.push((token, organizations));
    }
    Ok(tokens)
}

async fn unrevoked(transaction: &DatabaseTransaction, user: &User) -> Result<Vec<ListedApiToken>, DbErr> {
    let rows = Entity::find()
        .filter(Column::UserUuid.eq(user.uuid))
        .filter(Column::RevokedAt.is_null())
        .order_by_asc(Column::Uuid)
        .lock_exclusive()
        .all(transaction)
        .await?;
    Ok(rows.into_iter().map(|row| listed(row, user.clone())).collect())
}

/// The tokens that live and reach an organization.
fn reaching(organization: Uuid, now: Instant) -> Select<Entity> {
    let unexpired = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now));
    Entity::find()
        .join(JoinType::InnerJoin, Relation::Organizations.def())
        .filter(Reached::OrganizationUuid.eq(organization))
        .filter(Column::RevokedAt.is_null())
        .filter(unexpired)
}

async fn with_user(select: Select<Entity>, connection: &impl ConnectionTrait) -> Result<Vec<ListedApiToken>, DbErr> {
    let rows = select.find_both_related(user::Entity).all(connection).await?;
    Ok(rows.into_iter().map(|(row, user)| listed(row, user.into())).collect())
}

/// Stores a token of the user that reaches `organizations`.
pub(super) async fn insert(
    transaction: &DatabaseTransaction,
    new: NewApiToken,
    user: &User,
    organizations: &[Uuid],
) -> Result<ListedApiToken, Error> {
    let listed = listing(&new, user);
    keys::hold(transaction, [new.imprint.tag.key_id.as_str()]).await?;
    Entity::insert(row(new, user)).exec_without_returning(transaction).await?;
    for organization in organizations {
        let row = reached::ActiveModel { token_uuid: Set(listed.uuid), organization_uuid: Set(*organization) };
        reached::Entity::insert(row).exec_without_returning(transaction).await?;
    }
    Ok(listed)
}

fn row(NewApiToken { imprint, terms, organizations: _ }: NewApiToken, user: &User) -> ActiveModel {
    let scopes: Vec<_> = terms.scopes.iter().map(|scope| scope.name()).collect();
    ActiveModel {
        uuid: Set(imprint.uuid),
        tag: Set(imprint.tag.bytes),
        key_id: Set(imprint.tag.key_id),
        last_four: Set(imprint.last_four),
        description: Set(terms.description),
        created_at: Set(imprint.created_at),
        expires_at: Set(terms.expires_at),
        last_used_at: Set(None),
        last_used_ip: Set(None),
        revoked_at: Set(None),
        user_uuid: Set(user.uuid),
        scopes: Set(scopes.join(" ")),
        allowed_ip_addresses: Set(terms.allowed_ip_addresses),
    }
}

fn listing(new: &NewApiToken, user: &User) -> ListedApiToken {
    ListedApiToken {
        uuid: new.imprint.uuid,
        terms: new.terms.clone(),
        last_four: new.imprint.last_four.clone(),
        user: user.clone(),
        created_at: new.imprint.created_at,
        last_used_at: None,
        last_used_ip: None,
    }
}

fn listed(row: Model, user: User) -> ListedApiToken {
    let terms = Terms {
        scopes: scopes(&row.scopes),
        description: row.description,
        expires_at: row.expires_at,
        allowed_ip_addresses: row.allowed_ip_addresses,
    };
    ListedApiToken {
        uuid: row.uuid,
        terms,
        last_four: row.last_four,
        user,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        last_used_ip: row.last_used_ip,
    }
}

fn api_token(row: Model, user: User, memberships: Vec<Membership>) -> ApiToken {
    ApiToken {
        uuid: row.uuid,
        user,
        scopes: scopes(&row.scopes),
        memberships,
        closed: Vec::new(),
        allowed_ip_addresses: row.allowed_ip_addresses,
        tag: Tag { key_id: row.key_id, bytes: row.tag },
        life: Life { expires_at: row.expires_at, revoked_at: row.revoked_at },
    }
}

/// Sorted by name. A scope that this version doesn't know permits nothing here.
fn scopes(names: &str) -> Vec<Scope> {
    let mut scopes: Vec<_> = names.split(' ').filter_map(Scope::of_name).collect();
    scopes.sort_unstable_by_key(|scope| scope.name());
    scopes
}
