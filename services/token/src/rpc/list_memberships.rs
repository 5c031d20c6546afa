//! `ListMemberships`.

use contracts::directory::v1::{
    ListMembershipsRequest, ListMembershipsResponse, ListedMember, MembershipOrder, MembershipPlace, UserSet,
};
use kit::grpc::{to_instant, to_timestamp};
use tonic::{Request, metadata::MetadataMap};
use uuid::Uuid;

use super::{parse, people};
use crate::{
    Error, Service,
    domain::roster::{Listed, MOST, Order, Place, Question},
};

pub(super) async fn handle(
    service: &Service,
    request: Request<ListMembershipsRequest>,
    _: &mut MetadataMap,
) -> Result<ListMembershipsResponse, Error> {
    service.service(&request)?;
    let (found, total) = service.0.store.roster(&question(request.into_inner())?).await?;
    let listed = |Listed { member, joined_at }| ListedMember {
        member: Some(people::member(member)),
        joined_at: Some(to_timestamp(joined_at)),
    };
    Ok(ListMembershipsResponse { members: found.into_iter().map(listed).collect(), total: people::total(total) })
}

fn question(request: ListMembershipsRequest) -> Result<Question, Error> {
    let order = request.order();
    let ListMembershipsRequest { organization_uuid, users, except, roles, search, email, .. } = request;
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    if limit > MOST {
        return Err(parse::invalid("limit", "must be 1000 at most"));
    }
    let roles = roles.into_iter().map(people::role).collect::<Result<_, _>>().map_err(Error::Invalid)?;
    Ok(Question {
        organization: parse::uuid("organization_uuid", &organization_uuid)?,
        users: users.map(|users| set("users", users)).transpose()?,
        except: except.map(|users| set("except", users)).transpose()?.unwrap_or_default(),
        roles,
        search: text("search", search)?,
        email: text("email", email)?,
        order: match order {
            MembershipOrder::Name => Order::Name,
            MembershipOrder::RecentlyJoined | MembershipOrder::Unspecified => Order::RecentlyJoined,
        },
        after: request.after.map(|at| place("after", at, order)).transpose()?,
        before: request.before.map(|at| place("before", at, order)).transpose()?,
        backwards: request.backwards,
        limit: u64::from(request.limit),
        count: request.count,
    })
}

fn set(field: &str, UserSet { uuids }: UserSet) -> Result<Vec<Uuid>, Error> {
    if uuids.len() > MOST {
        return Err(parse::invalid(field, "must be 1000 users at most"));
    }
    uuids.iter().map(|uuid| parse::uuid(field, uuid)).collect()
}

/// A text that can be compared with: `PostgreSQL` knows no NUL.
fn text(field: &str, text: Option<String>) -> Result<Option<String>, Error> {
    if text.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(parse::invalid(field, "must not contain a NUL"));
    }
    Ok(text)
}

fn place(field: &str, at: MembershipPlace, order: MembershipOrder) -> Result<Place, Error> {
    let MembershipPlace { user_uuid, name, joined_at } = at;
    let joined_at = joined_at.as_ref().and_then(to_instant);
    if order != MembershipOrder::Name && joined_at.is_none() {
        return Err(parse::invalid(field, "must say when"));
    }
    let name = text(field, Some(name))?.unwrap_or_default();
    Ok(Place { user: parse::uuid(field, &user_uuid)?, name, joined_at: joined_at.unwrap_or_default() })
}
