//! `/console/`: the pages by which people sign in and decide what is asked of them. Plain HTML without scripts.

mod authorize;
mod fields;
mod sign_in;
mod visitor;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};

use self::visitor::Visitor;
pub(crate) use self::{
    authorize::{ask, decide},
    sign_in::{form as sign_in_form, sign_in, sign_out},
};
use crate::{
    arrival::Arrival,
    console::{self, HTML},
    error::Error,
    gateway::Gateway,
};

const STYLE: &str = include_str!("console/style.css");

/// Answers who is signed in.
pub(crate) async fn home(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    request: Request,
) -> Result<Response, Error> {
    let visitor = Visitor::of(&gateway, arrival, request.headers());
    let Some(session) = visitor.session(&gateway).await? else { return Ok(visitor::to_sign_in("/console/")) };
    let content = html! {
        p { "Signed in as " (console::named(&session.name)) " (" (session.email) ")." }
        form method="post" action="/console/sign-out" {
            input type="hidden" name="csrf" value=(session.csrf);
            button type="submit" { "Sign out" }
        }
    };
    Ok(answer(StatusCode::OK, "Console", &content))
}

/// Answers the stylesheet of all pages.
pub(crate) async fn style(_: Arrival) -> Response {
    let mut response = Response::new(Body::from(STYLE));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// A page as an answer. Its headers are put on by [`console::dress`].
fn answer(status: StatusCode, title: &str, content: &Markup) -> Response {
    let mut response = Response::new(Body::from(console::page(title, content).into_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HTML);
    response
}
