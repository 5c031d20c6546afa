//! The routes of a gateway, as its description tells them.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use crate::{Answer, Caller};

/// A method of a route.
#[derive(Clone, Debug)]
pub struct Route {
    /// In which way.
    pub method: Method,
    /// With parameters in braces.
    pub path: String,
    /// What the description says.
    pub said: Value,
}

/// Every method of every route.
pub async fn routes(caller: &Caller) -> Vec<Route> {
    let document = Answer::of(caller.request(Method::GET, "/v2/openapi.json")).await.expect(200);
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, said) in methods.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            routes.push(Route { method, path: path.clone(), said: said.clone() });
        }
    }
    assert!(routes.len() > 45, "the description wasn't read");
    routes
}

impl Route {
    /// The scope that the token must have.
    pub fn scope(&self) -> Option<&str> {
        self.said["x-required-scopes"][0].as_str()
    }

    /// Whether only administrators may.
    pub fn is_for_administrators(&self) -> bool {
        self.said["x-administrators-only"] == true
    }

    /// Whether it takes an API access token.
    pub fn takes_api_token(&self) -> bool {
        self.said["security"][0].get("apiAccessToken").is_some()
    }

    /// An example of its body.
    pub fn body(&self) -> Option<Value> {
        self.said.pointer("/requestBody/content/application~1json/example").cloned()
    }

    /// Its path with these in the places of its parameters.
    pub fn at(&self, names: &BTreeMap<&str, &str>) -> String {
        let fill = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, rest)) => {
                format!("{}{rest}", names.get(name).unwrap_or_else(|| panic!("no {name} for {}", self.path)))
            }
            None => segment.to_owned(),
        };
        self.path.split('/').map(fill).collect::<Vec<_>>().join("/")
    }

    /// Asks with an API access token and the example of a body.
    pub async fn ask(&self, caller: &Caller, names: &BTreeMap<&str, &str>) -> Answer {
        caller.rest(self.method.clone(), &self.at(names), self.body()).await
    }
}
