//! `CreateMember`.

use contracts::directory::v1::{CreateMemberRequest, CreateMemberResponse};
use kit::{ambient::Ambient, error::Violation};
use tonic::{Request, metadata::MetadataMap};
use uuid::Uuid;

use super::{
    parse,
    people::{self, ADMINISTER, NO_PASSWORD},
};
use crate::{
    Error, Service,
    domain::{person::check_name, user::User},
    store::Joining,
};

pub(super) async fn handle(
    service: &Service,
    request: Request<CreateMemberRequest>,
    notes: &mut MetadataMap,
) -> Result<CreateMemberResponse, Error> {
    let caller = service.caller(&request);
    let CreateMemberRequest { organization_uuid, email, name, role } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let authority = service.authorize(caller, organization, &ADMINISTER, notes).await?;
    let joining = joining(&service.0.ambient, organization, Wishes { email, name, role }).map_err(Error::Validation)?;
    let (member, sequence) = service.0.store.create_member(joining, &authority.trail()).await?;
    service.announced(sequence, false).await;
    Ok(CreateMemberResponse { member: Some(people::member(member)) })
}

/// Who is asked for, as the request names them.
struct Wishes {
    email: String,
    name: String,
    role: i32,
}

/// The name must serve in every case: else its refusal would tell whether somebody has the address.
fn joining(ambient: &Ambient, organization: Uuid, wishes: Wishes) -> Result<Joining, Vec<Violation>> {
    let Wishes { email, name, role } = wishes;
    let (email, role) = match (people::new_email(&email), check_name(&name), people::role(role)) {
        (Ok(email), Ok(()), Ok(role)) => (email, role),
        (email, name, role) => return Err([email.err(), name.err(), role.err()].into_iter().flatten().collect()),
    };
    let at = ambient.now();
    let user = User { uuid: ambient.uuid(), name, email: email.as_str().to_owned(), created_at: at };
    let new = Ok((user, NO_PASSWORD.to_owned()));
    Ok(Joining { organization, email, role, new, at })
}
