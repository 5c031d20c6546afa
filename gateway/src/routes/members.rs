//! `/v2/organizations/{org}/members`: who belongs to an organization.

use axum::{extract::Request, response::Response};
use contracts::{
    directory::v1::{
        CreateMemberRequest, DeleteMemberRequest, GetMemberRequest, ListMembersRequest, ListMembersResponse, Member,
        UpdateMemberRequest,
    },
    token::v1::{Role, User},
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    form::{Names, missing, names, uuid_or_nil},
    rest::Rest,
};
use crate::{
    description::{About, choice, text},
    error::Error,
    members::Members,
    reply,
};

/// A member as JSON.
#[derive(Serialize, ToSchema)]
#[schema(as = Member)]
struct MemberJson {
    #[schema(format = "uuid")]
    id: String,
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = "ada@example.com")]
    email: String,
    role: RoleJson,
    /// Always null: there is no single sign-on.
    sso_mode: Option<String>,
}

/// What a member may do.
#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
#[serde(rename_all = "lowercase")]
enum RoleJson {
    Admin,
    Member,
}

impl MemberJson {
    fn of(member: Member) -> Result<Self, Error> {
        let role = match member.role() {
            Role::Admin => RoleJson::Admin,
            Role::Member => RoleJson::Member,
            Role::Unspecified => return Err(missing("the member's role")),
        };
        let User { uuid: id, name, email, .. } = member.user.ok_or_else(|| missing("the member's user"))?;
        Ok(Self { id, name, email, role, sso_mode: None })
    }

    fn required(member: Option<Member>) -> Result<Self, Error> {
        Self::of(member.ok_or_else(|| missing("the member"))?)
    }
}

/// The role in a body: `usual` when absent, and required where there is none.
fn role(given: &mut Members, usual: Option<Role>) -> i32 {
    let text = if usual.is_some() { given.text("role") } else { given.required("role") };
    let role = match text.as_deref() {
        Some("admin") => Some(Role::Admin),
        Some("member") => Some(Role::Member),
        Some(_) => given.refuse("role", "must be admin or member"),
        None => usual,
    };
    role.unwrap_or_default().into()
}

/// [`list`], described.
pub(crate) fn about_list() -> About {
    About::of("list_members", "List members", "").lists::<MemberJson>("A page of them.")
}

/// Answers a page of the members.
pub(crate) async fn list(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let slug = names(path)?;
    let page = rest.page()?;
    let url = rest.url(&format!("{slug}/members"));
    let organization_uuid = rest.organization(slug).await?;
    let request = rest.request(ListMembersRequest { organization_uuid, page: page.number, per_page: page.size });
    let reply = rest.call(rest.gateway.directory().list_members(request)).await?;
    let (metadata, ListMembersResponse { members, total }, _) = reply.into_parts();
    let members = members.into_iter().map(MemberJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, total, &members))
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_member", "One member", "").answers::<MemberJson>("The member.")
}

/// Answers one member.
pub(crate) async fn show(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (slug, uuid) = names(path)?;
    let organization_uuid = rest.organization(slug).await?;
    let request = rest.request(GetMemberRequest { organization_uuid, user_uuid: uuid_or_nil(&uuid) });
    let reply = rest.call(rest.gateway.directory().get_member(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &MemberJson::required(reply.member)?))
}

/// [`create`], described.
pub(crate) fn about_create() -> About {
    let name = "Of an e-mail address that no user has: the user is made, without a password. Who has an account keeps the name they have.";
    let members = [
        text("email", "ada@example.com", "Whose.").required(),
        text("name", "Ada", name).required(),
        choice("role", &["admin", "member"], "`member` when absent."),
    ];
    About::of("create_member", "Add a member", "").takes("NewMember", members).creates::<MemberJson>("The member.")
}

/// Adds a member.
pub(crate) async fn create(rest: Rest, path: Names<String>, request: Request) -> Result<Response, Error> {
    let slug = names(path)?;
    let mut given = rest.body(request).await?;
    let email = given.required_text("email");
    let name = given.required_text("name");
    let role = role(&mut given, Some(Role::Member));
    rest.accept(given).await?;
    let organization_uuid = rest.organization(slug).await?;
    let request = rest.request(CreateMemberRequest { organization_uuid, email, name, role });
    let reply = rest.call(rest.gateway.directory().create_member(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::CREATED, &metadata, &MemberJson::required(reply.member)?))
}

/// [`update`], described.
pub(crate) fn about_update() -> About {
    About::of("update_member", "Change a member's role", "")
        .takes("MemberChange", [choice("role", &["admin", "member"], "What the member is from now on.").required()])
        .answers::<MemberJson>("The member as it is now.")
        .refuses(422, &["last_administrator"])
}

/// Changes a member's role.
pub(crate) async fn update(rest: Rest, path: Names<(String, String)>, request: Request) -> Result<Response, Error> {
    let (slug, uuid) = names(path)?;
    let mut given = rest.body(request).await?;
    let role = role(&mut given, None);
    rest.accept(given).await?;
    let organization_uuid = rest.organization(slug).await?;
    let request = rest.request(UpdateMemberRequest { organization_uuid, user_uuid: uuid_or_nil(&uuid), role });
    let reply = rest.call(rest.gateway.directory().update_member(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &MemberJson::required(reply.member)?))
}

/// [`delete`], described.
pub(crate) fn about_delete() -> About {
    About::of("delete_member", "End a membership", "")
        .waits()
        .answers_nothing("The membership is ended.")
        .refuses(422, &["last_administrator"])
}

/// Ends a membership.
pub(crate) async fn delete(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (slug, uuid) = names(path)?;
    let wait = rest.wait()?;
    let organization_uuid = rest.organization(slug).await?;
    let request = rest.request(DeleteMemberRequest { organization_uuid, user_uuid: uuid_or_nil(&uuid), wait });
    let reply = rest.call(rest.gateway.directory().delete_member(request)).await?;
    Ok(reply::empty(reply.metadata()))
}
