//! `/console/authorize`: a user decides whether a portal may run as them (spec §6). Looking decides nothing.

use axum::{
    extract::{RawQuery, Request, State},
    response::Response,
};
use contracts::{
    directory::v1::{DecideCodeRequest, GetCodeRequest, GetCodeResponse},
    registry::v1::{DescribePortalRequest, DescribePortalResponse, Operation, OperationKind, Organization, Portal},
};
use http::StatusCode;
use kit::grpc::to_instant;
use maud::{Markup, html};

use super::{
    answer,
    fields::Fields,
    visitor::{self, Session, Visitor},
};
use crate::{arrival::Arrival, console::named, error::Error, gateway::Gateway, query, routes::form::missing};

/// The parameter of the page that says that it is another one than before.
const CHANGED: &str = "changed";

/// The page's own address, to come back to after the sign-in.
fn address(code: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("code", code).finish();
    format!("/console/authorize?{query}")
}

/// What a code asks for.
struct Wish {
    asked: GetCodeResponse,
    organization: Organization,
    portal: Portal,
}

impl Wish {
    /// What `code` asks for. `None`: nobody is signed in.
    async fn of(gateway: &Gateway, visitor: &Visitor, code: String) -> Result<Option<Self>, Error> {
        let mut sessions = gateway.sessions();
        let request = visitor.request(gateway, GetCodeRequest { code });
        let Some(asked) = visitor.ask(gateway, sessions.get_code(request)).await? else { return Ok(None) };
        let mut registry = gateway.registry();
        let message = DescribePortalRequest { portal_uuid: asked.portal_uuid.clone() };
        let request = visitor.plain_request(gateway, message);
        let Some(described) = visitor.ask(gateway, registry.describe_portal(request)).await? else {
            return Err(missing("the portal of a code"));
        };
        let DescribePortalResponse { organization, portal } = described;
        let organization = organization.ok_or_else(|| missing("the organization"))?;
        let portal = portal.ok_or_else(|| missing("the portal"))?;
        Ok(Some(Self { asked, organization, portal }))
    }

    /// Tells what is asked for from everything that the portal was before and will be.
    fn state(&self) -> String {
        self.portal.updated_at.map(|at| format!("{}.{:09}", at.seconds, at.nanos)).unwrap_or_default()
    }
}

/// Answers what a code asks for, and by whom.
pub(crate) async fn ask(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Error> {
    let code = query::parameter(query.as_deref(), "code").unwrap_or_default();
    let visitor = Visitor::of(&gateway, arrival, request.headers());
    let Some(session) = visitor.session(&gateway).await? else { return Ok(visitor::to_sign_in(&address(&code))) };
    let Some(wish) = Wish::of(&gateway, &visitor, code.clone()).await? else {
        return Ok(visitor::to_sign_in(&address(&code)));
    };
    let content = html! {
        @if query::parameter(query.as_deref(), CHANGED).is_some() {
            p.error role="alert" { "The portal was changed while you looked at it. Nothing is decided: look again." }
        }
        (summary(&wish.portal, &wish.organization, &session))
        (requester(&gateway, &wish.asked))
        (operations(&wish.portal.operations))
        form method="post" action="/console/authorize" {
            input type="hidden" name="code" value=(code);
            input type="hidden" name="state" value=(wish.state());
            input type="hidden" name="csrf" value=(session.csrf);
            // First, so that it is what the Enter key and a hasty click do.
            button type="submit" name="decision" value="deny" { "Deny" }
            button type="submit" name="decision" value="approve" { "Approve" }
        }
    };
    Ok(answer(StatusCode::OK, "Run this portal as you?", &content))
}

fn summary(portal: &Portal, organization: &Organization, session: &Session) -> Markup {
    html! {
        p {
            "Somebody asks to run the portal " (named(&portal.name)) " of " (named(&organization.name))
            " as " (named(&session.name)) " (" (session.email) ")."
        }
        @if let Some(description) = &portal.description { p dir="auto" { (description) } }
        p {
            "If you approve, whoever asked gets a token that runs this portal, and nothing else, with your permissions in "
            (named(&organization.name)) ", as often as they like, for at most 12 hours. What it can run is below, and the \
             portal's administrators may change it. Approve only what you have just asked for yourself."
        }
    }
}

fn requester(gateway: &Gateway, asked: &GetCodeResponse) -> Markup {
    let now = gateway.ambient().now();
    let age = asked.created_at.as_ref().and_then(to_instant).map(|at| (now - at).num_seconds().max(0));
    let left = asked.expires_at.as_ref().and_then(to_instant).map(|at| (at - now).num_seconds().max(0));
    html! {
        h2 { "Who asks" }
        dl {
            dt { "Address" }
            dd { (asked.requester_ip.as_deref().unwrap_or("unknown")) }
            dt { "Program" }
            dd {
                // Its own claim: anybody can send any name.
                @match &asked.requester_agent {
                    Some(agent) => { "says it is " q dir="auto" { (agent) } }
                    None => "says nothing of itself",
                }
            }
            dt { "Asked" }
            dd { @if let Some(age) = age { (span(age)) " ago" } @else { "at an unknown time" } }
            dt { "Ends" }
            dd { @if let Some(left) = left { "in " (span(left)) } @else { "at an unknown time" } }
        }
    }
}

/// A span in seconds, for people.
fn span(seconds: i64) -> String {
    let (count, unit) = if seconds < 60 { (seconds, "second") } else { (seconds / 60, "minute") };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn operations(operations: &[Operation]) -> Markup {
    html! {
        h2 { "What it can run" }
        ul {
            @for operation in operations {
                li {
                    strong { (operation.name.as_deref().unwrap_or("(unnamed)")) } " – "
                    @if operation.kind() == OperationKind::Mutation { "a mutation: changes data" }
                    @else { "a query: reads data" }
                    @if !operation.variables.is_empty() {
                        ul {
                            @for variable in &operation.variables {
                                li {
                                    code { "$" (variable.name) ": " (variable.r#type) }
                                    @if variable.required { " (required)" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Approves or denies. What has become another portal since the page was made isn't approved.
pub(crate) async fn decide(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    request: Request,
) -> Result<Response, Error> {
    let visitor = Visitor::of(&gateway, arrival, request.headers());
    let fields = Fields::of(&gateway, request).await?;
    let (code, csrf_token) = (fields.text("code"), fields.text("csrf"));
    let approve = match fields.text("decision").as_str() {
        "approve" => true,
        "deny" => false,
        _ => return Err(Error::InvalidRequest("Please choose: approve or deny".to_owned())),
    };
    let back = visitor::to_sign_in(&address(&code));
    if approve {
        let Some(wish) = Wish::of(&gateway, &visitor, code.clone()).await? else { return Ok(back) };
        if wish.state() != fields.text("state") {
            return Ok(visitor::to(&format!("{}&{CHANGED}=", address(&code))));
        }
    }
    let mut sessions = gateway.sessions();
    let request = visitor.request(&gateway, DecideCodeRequest { code, approve, csrf_token });
    if visitor.ask(&gateway, sessions.decide_code(request)).await?.is_none() {
        return Ok(back);
    }
    let (title, text) = if approve {
        ("Approved", "The portal may now run as you. You can close this page.")
    } else {
        ("Denied", "The portal can't run as you. You can close this page.")
    };
    Ok(answer(StatusCode::OK, title, &html! { p { (text) } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_said_as_people_say_it() {
        let said = [0, 1, 59, 60, 119, 240].map(span);
        let expected = ["0 seconds", "1 second", "59 seconds", "1 minute", "1 minute", "4 minutes"];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_code_cannot_leave_its_place_in_the_address() {
        assert_eq!(address("a&next=//x#"), "/console/authorize?code=a%26next%3D%2F%2Fx%23");
    }
}
