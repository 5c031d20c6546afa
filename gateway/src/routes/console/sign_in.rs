//! `/console/sign-in`, `/console/sign-out`: a session begins and ends.

use axum::{
    extract::{RawQuery, Request, State},
    response::Response,
};
use contracts::directory::v1::{SignInRequest, SignOutRequest};
use http::{HeaderMap, StatusCode, header};
use maud::html;

use super::{
    answer,
    fields::Fields,
    visitor::{Visitor, to},
};
use crate::{
    arrival::Arrival,
    error::Error,
    gateway::{DEADLINE, Gateway},
    query,
    realm::Realm,
};

const HOME: &str = "/console/";

/// Where to go after the sign-in: only within the console.
fn destination(gateway: &Gateway, next: &str) -> String {
    gateway.site().within_console(next).unwrap_or_else(|| HOME.to_owned())
}

fn page(status: StatusCode, email: &str, next: &str, fault: Option<&str>) -> Response {
    // The first field that is to be filled in.
    let is_known = !email.is_empty();
    let content = html! {
        @if let Some(fault) = fault { p.error role="alert" { (fault) } }
        form method="post" action="/console/sign-in" {
            input type="hidden" name="next" value=(next);
            label for="email" { "E-mail address" }
            input id="email" name="email" type="email" value=(email) autocomplete="username" required
                autofocus[!is_known];
            label for="password" { "Password" }
            input id="password" name="password" type="password" autocomplete="current-password" required
                autofocus[is_known];
            button type="submit" { "Sign in" }
        }
    };
    answer(status, "Sign in", &content)
}

/// Answers the form.
pub(crate) async fn form(
    State(gateway): State<Gateway>,
    _: Arrival,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    gateway.site().require_safe_way()?;
    let next = destination(&gateway, &query::parameter(query.as_deref(), "next").unwrap_or_default());
    if let Some(address) = gateway.site().by_its_name(&headers, &next) {
        return Ok(to(&address));
    }
    Ok(page(StatusCode::OK, "", &next, None))
}

/// Begins a session. Always a new one, so that nobody signs in to one that a stranger prepared; the one before ends.
pub(crate) async fn sign_in(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    request: Request,
) -> Result<Response, Error> {
    gateway.site().require_safe_way()?;
    let before = gateway.site().session(request.headers());
    let fields = Fields::of(&gateway, request).await?;
    let (email, next) = (fields.text("email"), destination(&gateway, &fields.text("next")));
    let message = SignInRequest { email: email.clone(), password: fields.text("password") };
    let arrival = arrival.with_credential(None, false);
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut sessions = gateway.sessions();
    let reply = match gateway.call(Realm::Session, &arrival, sessions.sign_in(request)).await {
        Ok(reply) => reply.into_inner(),
        Err(Error::Unauthenticated(_)) => {
            let fault = "The e-mail address or the password is wrong.";
            return Ok(page(StatusCode::UNAUTHORIZED, &email, &next, Some(fault)));
        }
        Err(error) => return Err(error),
    };
    if before.is_some() {
        end(&gateway, &Visitor::with(arrival, before)).await;
    }
    let mut response = to(&next);
    let cookie = gateway.site().keep(&reply.session).ok_or(Error::Internal)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Ends a session that nobody will have the cookie of any more. It is no harm to the new one if that fails: the old one runs
/// out by itself.
async fn end(gateway: &Gateway, visitor: &Visitor) {
    let Ok(Some(session)) = visitor.session(gateway).await else { return };
    let mut sessions = gateway.sessions();
    let request = visitor.request(gateway, SignOutRequest { csrf_token: session.csrf });
    if let Err(error) = visitor.ask(gateway, sessions.sign_out(request)).await {
        tracing::warn!(%error, "the session before a sign-in goes on");
    }
}

/// Ends the session, or does nothing if there is none any more.
pub(crate) async fn sign_out(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    request: Request,
) -> Result<Response, Error> {
    let visitor = Visitor::of(&gateway, arrival, request.headers());
    let csrf_token = Fields::of(&gateway, request).await?.text("csrf");
    let mut sessions = gateway.sessions();
    let request = visitor.request(&gateway, SignOutRequest { csrf_token });
    visitor.ask(&gateway, sessions.sign_out(request)).await?;
    let mut response = to("/console/sign-in");
    response.headers_mut().extend(gateway.site().forget().map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}
