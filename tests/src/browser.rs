//! A browser without scripts: cookies, pages, forms.

use std::{cell::RefCell, collections::BTreeMap};

use reqwest::{
    Method, RequestBuilder,
    header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE},
};

use crate::{Answer, Bootstrap, Caller};

/// How many redirects are followed.
const REDIRECTS: usize = 5;

/// Fields of a form.
pub type Fields = Vec<(String, String)>;

/// Cookies, and the installation that gave them.
#[derive(Debug)]
pub struct Browser<'a> {
    house: &'a Caller,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    /// One that has no cookie yet.
    pub fn new(house: &'a Caller) -> Self {
        Self { house, cookies: RefCell::default() }
    }

    /// One whose user has signed in.
    pub async fn signed_in(house: &'a Caller, email: &str, password: &str) -> Self {
        let browser = Self::new(house);
        let answer = browser.sign_in(email, password, "/console/").await;
        assert!([302, 303].contains(&answer.status), "signing in was refused: {answer:#?}");
        browser
    }

    /// One in which the administrator of the first start has signed in.
    pub async fn administrator(house: &'a Caller, bootstrap: &Bootstrap) -> Self {
        Self::signed_in(house, bootstrap.text("email"), bootstrap.text("password")).await
    }

    /// The same browser with the same cookies, where the installation has another address now.
    #[must_use]
    pub fn moved<'b>(&self, house: &'b Caller) -> Browser<'b> {
        Browser { house, cookies: self.cookies.clone() }
    }

    /// Fills in the sign-in form.
    pub async fn sign_in(&self, email: &str, password: &str, next: &str) -> Answer {
        let page = self.get(&format!("/console/sign-in?{}", form(&[("next", next)]))).await;
        assert_eq!(page.status, 200, "{page:#?}");
        let given = [("email", email), ("password", password), ("next", next)];
        self.submit("/console/sign-in", &filled(&page.text, &given)).await
    }

    /// The cookies, name and value.
    pub fn cookies(&self) -> Vec<(String, String)> {
        self.cookies.borrow().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Opens a page; redirects are not followed.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.house.request(Method::GET, path)).await
    }

    /// Opens a page, following redirects, which must lead to pages of this installation.
    pub async fn open(&self, path: &str) -> Answer {
        let mut answer = self.get(path).await;
        for _ in 0..REDIRECTS {
            if !(300..400).contains(&answer.status) {
                return answer;
            }
            let target = answer.headers[LOCATION].to_str().unwrap().to_owned();
            answer = self.get(self.local(&target)).await;
        }
        panic!("{path} redirects without end");
    }

    /// Sends a form as a browser does from a page of this installation.
    pub async fn submit(&self, path: &str, fields: &Fields) -> Answer {
        let from = [("Origin", self.house.gateway()), ("Sec-Fetch-Site", "same-origin")];
        self.submit_with(path, fields, &from).await
    }

    /// Sends a form with these headers and no others of a browser's.
    pub async fn submit_with(&self, path: &str, fields: &Fields, headers: &[(&str, &str)]) -> Answer {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = self.house.request(Method::POST, path).body(form(&fields));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    /// The path of a URL of this installation.
    pub fn local<'u>(&self, url: &'u str) -> &'u str {
        let path = url.strip_prefix(self.house.gateway()).unwrap_or(url);
        assert!(path.starts_with('/') && !path.starts_with("//"), "{url} leads elsewhere");
        path
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        let jar: Vec<String> = self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if jar.is_empty() { request } else { request.header(COOKIE, jar.join("; ")) };
        let answer = Answer::of(request).await;
        for set in answer.headers.get_all(SET_COOKIE) {
            self.keep(set.to_str().unwrap());
        }
        answer
    }

    fn keep(&self, set: &str) {
        let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
        let ends = set.split(';').any(|attribute| attribute.trim().eq_ignore_ascii_case("max-age=0"));
        let mut cookies = self.cookies.borrow_mut();
        if ends || value.is_empty() {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Fields as `application/x-www-form-urlencoded`.
pub fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(encoded).collect::<String>();
    let fields = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    fields.collect::<Vec<_>>().join("&")
}

fn encoded(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => char::from(byte).to_string(),
        b' ' => "+".to_owned(),
        _ => format!("%{byte:02X}"),
    }
}

/// The hidden fields of a page's forms, and `given`, which count where both have a name.
pub fn filled(page: &str, given: &[(&str, &str)]) -> Fields {
    let mut fields: BTreeMap<String, String> = hidden(page).into_iter().collect();
    fields.extend(given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    fields.into_iter().collect()
}

fn hidden(page: &str) -> Fields {
    let tags = page.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap());
    let tags = tags.filter(|tag| attribute(tag, "type").as_deref() == Some("hidden"));
    tags.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))).collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let begin = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = tag[begin..].split('"').next()?;
    let plain = [("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">")];
    let value = plain.iter().fold(value.to_owned(), |value, (entity, plain)| value.replace(entity, plain));
    Some(value.replace("&#38;", "&").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_fields_are_filled_in_and_given_ones_count() {
        let page = r#"<form><input type="hidden" name="csrf" value="a&amp;b"><input name="email" type="email">
            <input type="hidden" name="next" value="/x"></form>"#;
        let fields = filled(page, &[("next", "/y"), ("email", "a b@c")]);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("csrf", "a&b"), ("email", "a b@c"), ("next", "/y")]);
        assert_eq!(form(&fields), "csrf=a%26b&email=a+b%40c&next=%2Fy");
    }
}
