//! Rows of API access tokens.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use uuid::Uuid;

use super::{
    Store,
    entity::{
        api_token::{ActiveModel, Column, Entity, Model},
        api_token_organization, membership, user,
    },
};
use crate::domain::{
    scope::Scope,
    tag::Tag,
    token::{ApiToken, Imprint, Life},
    user::{Membership, User},
};

/// What an API access token reaches.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    pub(super) user: Uuid,
    pub(super) organization: Uuid,
    pub(super) scopes: Vec<Scope>,
}

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
        use api_token_organization::Column as Reached;
        let reached = api_token_organization::Entity::find()
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
}

/// Stores a token that doesn't expire.
pub(super) async fn insert(transaction: &DatabaseTransaction, imprint: Imprint, reach: Reach) -> Result<(), DbErr> {
    let token = imprint.uuid;
    let organization =
        api_token_organization::ActiveModel { token_uuid: Set(token), organization_uuid: Set(reach.organization) };
    Entity::insert(row(imprint, &reach)).exec_without_returning(transaction).await?;
    api_token_organization::Entity::insert(organization).exec_without_returning(transaction).await?;
    Ok(())
}

fn row(imprint: Imprint, reach: &Reach) -> ActiveModel {
    let scopes: Vec<_> = reach.scopes.iter().map(|scope| scope.name()).collect();
    ActiveModel {
        uuid: Set(imprint.uuid),
        tag: Set(imprint.tag.bytes),
        key_id: Set(imprint.tag.key_id),
        last_four: Set(imprint.last_four),
        description: Set(imprint.description),
        created_at: Set(imprint.created_at),
        expires_at: Set(None),
        last_used_at: Set(None),
        last_used_ip: Set(None),
        revoked_at: Set(None),
        user_uuid: Set(reach.user),
        scopes: Set(scopes.join(" ")),
    }
}

/// A scope that this version doesn't know permits nothing here.
fn api_token(row: Model, user: User, memberships: Vec<Membership>) -> ApiToken {
    let mut scopes: Vec<_> = row.scopes.split(' ').filter_map(Scope::of_name).collect();
    scopes.sort_unstable_by_key(|scope| scope.name());
    ApiToken {
        uuid: row.uuid,
        user,
        scopes,
        memberships,
        tag: Tag { key_id: row.key_id, bytes: row.tag },
        life: Life { expires_at: row.expires_at, revoked_at: row.revoked_at },
    }
}
