//! The parameters of a request for a token, from JSON or from a form: the same either way. Unknown ones are ignored, as
//! RFC 6749 §3.2 asks, and empty ones count as absent.

use std::fmt;

use kit::json;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::{
    body::Media,
    error::{Error, not_an_object},
    members::MOST_DEPTH,
};

/// Parameters that haven't been read yet.
pub(crate) struct Parameters {
    left: Map<String, Value>,
    media: Media,
}

impl Parameters {
    /// The parameters of a body.
    pub(crate) fn read(media: Media, body: &[u8]) -> Result<Self, Error> {
        let left = match media {
            Media::Json => object(body)?,
            Media::Form => form(body)?,
        };
        Ok(Self { left, media })
    }

    /// A text, if it is given.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Error> {
        match self.left.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(_) => Err(Error::InvalidRequest(format!("{name} must be a string"))),
        }
    }

    /// A text that must be given.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Error> {
        self.text(name)?.ok_or_else(|| Error::InvalidRequest(format!("{name} is required")))
    }

    /// A text that goes by two names, of which one at most may be given.
    pub(super) fn one_of(&mut self, name: &str, other: &str) -> Result<Option<String>, Error> {
        match (self.text(name)?, self.text(other)?) {
            (Some(_), Some(_)) => Err(Error::InvalidRequest(format!("{name} and {other} are the same: give one"))),
            (one, two) => Ok(one.or(two)),
        }
    }

    /// The same, one being given.
    pub(super) fn required_one_of(&mut self, name: &str, other: &str) -> Result<String, Error> {
        self.one_of(name, other)?.ok_or_else(|| Error::InvalidRequest(format!("{name} is required")))
    }

    /// `expires_in`: minutes, 1 to `most`. Never clamped: 3600 is meant as seconds.
    pub(super) fn minutes(&mut self, most: u32) -> Result<Option<u32>, Error> {
        let number = match self.left.remove("expires_in") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if self.media == Media::Form && text.is_empty() => return Ok(None),
            Some(Value::String(text)) if self.media == Media::Form => digits(&text),
            Some(value) => value.as_u64(),
        };
        let minutes = number.and_then(|number| u32::try_from(number).ok()).filter(|number| (1..=most).contains(number));
        let refused =
            || Error::InvalidRequest(format!("expires_in must be a whole number of minutes from 1 to {most}"));
        minutes.map(Some).ok_or_else(refused)
    }
}

/// `parse` alone would take a leading plus.
fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn form(body: &[u8]) -> Result<Map<String, Value>, Error> {
    // What `curl -d '{…}'` sends.
    if body.trim_ascii_start().starts_with(b"{") {
        return Err(Error::InvalidRequest(
            "The body is JSON, but announced as a form: send Content-Type: application/json".into(),
        ));
    }
    let mut left = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        if left.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
            return Err(doubled());
        }
    }
    Ok(left)
}

/// RFC 6749 §3.2.
fn doubled() -> Error {
    Error::InvalidRequest("A parameter is given more than once".to_owned())
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Error> {
    let Members { left, doubled: is_doubled } =
        json::object_as(body, MOST_DEPTH).map_err(|why| Error::InvalidRequest(not_an_object(&why)))?;
    if is_doubled { Err(doubled()) } else { Ok(left) }
}

/// The members of an object, and whether a name is there twice.
#[derive(Default)]
struct Members {
    left: Map<String, Value>,
    doubled: bool,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                while let Some((name, value)) = given.next_entry()? {
                    members.doubled |= members.left.insert(name, value).is_some();
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(media: Media, name: &str, value: &str) -> Option<String> {
        let body = match media {
            Media::Json => serde_json::json!({ name: value }).to_string(),
            Media::Form => form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish(),
        };
        Parameters::read(media, body.as_bytes()).unwrap().text(name).unwrap()
    }

    #[test]
    fn json_that_is_announced_as_a_form_is_told_so() {
        let Err(why) = Parameters::read(Media::Form, b"\n{\"grant_type\":\"client_credentials\"}") else {
            panic!("taken")
        };
        assert!(why.to_string().contains("Content-Type: application/json"), "{why}");
    }

    proptest! {
        #[test]
        fn json_and_forms_say_the_same(name in ".{1,20}", value in ".{0,40}") {
            let expected = Some(value.clone()).filter(|value| !value.is_empty());
            prop_assert_eq!(of(Media::Json, &name, &value), expected.clone());
            prop_assert_eq!(of(Media::Form, &name, &value), expected);
        }

        #[test]
        fn any_bytes_are_parameters_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            for media in [Media::Json, Media::Form] {
                if let Ok(mut given) = Parameters::read(media, &body) {
                    let _either_way = (given.text("secret"), given.minutes(60));
                }
            }
        }
    }
}
