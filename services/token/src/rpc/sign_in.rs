//! `SignIn`.

use contracts::directory::v1::{SignInRequest, SignInResponse};
use tonic::{Request, metadata::MetadataMap};
use zeroize::Zeroizing;

use super::reply;
use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<SignInRequest>,
    _: &mut MetadataMap,
) -> Result<SignInResponse, Error> {
    let caller = service.service(&request)?;
    let SignInRequest { email, password } = request.into_inner();
    let (session, user) = service.sign_in(&caller, &email, Zeroizing::new(password)).await?;
    Ok(SignInResponse { session: session.expose().to_owned(), user: Some(reply::user(user)) })
}
