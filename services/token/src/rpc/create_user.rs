//! `CreateUser`.

use contracts::directory::v1::{CreateUserRequest, CreateUserResponse};
use kit::error::Violation;
use tonic::{Request, metadata::MetadataMap};
use zeroize::Zeroizing;

use super::{
    people::{self, NO_PASSWORD},
    reply,
};
use crate::{
    Error, Service,
    domain::{
        email::Email,
        person::{check_name, check_password},
        user::User,
    },
};

pub(super) async fn handle(
    service: &Service,
    request: Request<CreateUserRequest>,
    _: &mut MetadataMap,
) -> Result<CreateUserResponse, Error> {
    let caller = service.service(&request)?;
    let CreateUserRequest { email, name, password } = request.into_inner();
    let password = password.map(Zeroizing::new);
    let email = check(&email, &name, password.as_deref().map(String::as_str)).map_err(Error::Validation)?;
    let ambient = &service.0.ambient;
    let password_hash = match password {
        Some(password) => service.0.slow_hash.hash(password, ambient.bytes()).await?,
        None => NO_PASSWORD.to_owned(),
    };
    let user = User { uuid: ambient.uuid(), name, email: email.into(), created_at: ambient.now() };
    service.0.store.create_user(&user, password_hash, &people::operator(&caller)).await?;
    Ok(CreateUserResponse { user: Some(reply::user(user)) })
}

fn check(email: &str, name: &str, password: Option<&str>) -> Result<Email, Vec<Violation>> {
    let email = people::new_email(email);
    let password = password.map_or(Ok(()), check_password);
    match (email, check_name(name), password) {
        (Ok(email), Ok(()), Ok(())) => Ok(email),
        (email, name, password) => Err([email.err(), name.err(), password.err()].into_iter().flatten().collect()),
    }
}
