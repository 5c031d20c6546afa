//! Whether bytes are a GraphQL response, without making anything of them: they are passed on as they are, so that numbers keep
//! their digits and members their order.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// How deep a response may nest: readers that recurse, which most do, must be able to read it.
const MOST_DEPTH: usize = 128;

/// Whether `bytes` are a response: a JSON object with `data` or with errors (GraphQL specification, "Response"). The error says
/// why not, without any of the text.
pub(super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
    std::str::from_utf8(bytes).map_err(|_not_utf8: std::str::Utf8Error| "it isn't UTF-8")?;
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err("it isn't a JSON object");
    }
    if kit::json::nesting(bytes) > MOST_DEPTH {
        return Err("it is nested too deeply");
    }
    let Envelope { data, errors } =
        serde_json::from_slice(bytes).map_err(|_says_too_much: serde_json::Error| "it isn't valid, or isn't JSON")?;
    match (data, errors) {
        (Some(_), _) | (None, Some(Errors::Some)) => Ok(()),
        (None, Some(Errors::None)) => Err("it has neither data nor an error"),
        (None, None) => Err("it has neither `data` nor `errors`"),
    }
}

/// Whether a response has errors. Most have no such word at all, which costs next to nothing to see.
pub(crate) fn has_errors(response: &[u8]) -> bool {
    let says = std::str::from_utf8(response).is_ok_and(|text| text.contains("\"errors\""));
    says && serde_json::from_slice::<Envelope>(response)
        .is_ok_and(|envelope| matches!(envelope.errors, Some(Errors::Some)))
}

struct Envelope {
    data: Option<Data>,
    errors: Option<Errors>,
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Envelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a GraphQL response")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Envelope, A::Error> {
        let mut envelope = Envelope { data: None, errors: None };
        while let Some(member) = members.next_key::<Member>()? {
            // Readers differ in which of two they take.
            match member {
                Member::Data if envelope.data.is_some() => return Err(A::Error::custom("data twice")),
                Member::Errors if envelope.errors.is_some() => return Err(A::Error::custom("errors twice")),
                Member::Data => envelope.data = Some(members.next_value()?),
                Member::Errors => envelope.errors = Some(members.next_value_seed(ErrorList)?),
                Member::Other => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        Ok(envelope)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Member {
    Data,
    Errors,
    #[serde(other)]
    Other,
}

/// An object, or null.
struct Data;

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Data, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Data)
    }
}

#[derive(Clone, Copy)]
enum Errors {
    /// An empty list or null, which some servers send beside data.
    None,
    Some,
}

struct ErrorList;

impl<'de> DeserializeSeed<'de> for ErrorList {
    type Value = Errors;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Errors, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ErrorList {
    type Value = Errors;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of errors")
    }

    fn visit_unit<E>(self) -> Result<Errors, E> {
        Ok(Errors::None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Errors, A::Error> {
        let mut errors = Errors::None;
        while list.next_element::<OneError>()?.is_some() {
            errors = Errors::Some;
        }
        Ok(errors)
    }
}

/// An object with a `message` that is a string.
struct OneError;

impl<'de> Deserialize<'de> for OneError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ErrorVisitor)
    }
}

struct ErrorVisitor;

impl<'de> Visitor<'de> for ErrorVisitor {
    type Value = OneError;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<OneError, A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Member {
            Message,
            #[serde(other)]
            Other,
        }
        let mut says = false;
        while let Some(member) = members.next_key::<Member>()? {
            match member {
                Member::Message => {
                    members.next_value::<String>()?;
                    says = true;
                }
                Member::Other => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        if says { Ok(OneError) } else { Err(A::Error::missing_field("message")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_or_errors_make_a_response() {
        let responses = [
            r#"{"data":{"a":1}}"#,
            " \n{\"data\":null}\t",
            r#"{"data":null,"errors":[{"message":"no"}],"extensions":{"x":[1.10]}}"#,
            r#"{"errors":[{"message":"a\u00e9","path":["a",0],"message2":1},{"extensions":{},"message":""}]}"#,
            r#"{"data":{},"errors":[]}"#,
            r#"{"data":{},"errors":null}"#,
            r#"{"d\u0061ta":{}}"#,
        ];
        for response in responses {
            assert_eq!(check(response.as_bytes()), Ok(()), "{response}");
        }
    }

    #[test]
    fn errors_are_told_from_the_word() {
        assert!(has_errors(br#"{"data":null,"errors":[{"message":"no"}]}"#));
        for none in
            [r#"{"data":{"errors":[{"message":"no"}]}}"#, r#"{"data":{},"errors":[]}"#, r#"{"data":"\"errors\""}"#, ""]
        {
            assert!(!has_errors(none.as_bytes()), "{none}");
        }
    }

    #[test]
    fn all_else_makes_none() {
        let others = [
            "",
            "null",
            "[{\"data\":{}}]",
            "<html>",
            "{}",
            r#"{"data":{}"#,
            r#"{"data":{}} x"#,
            r#"{"data":{}}{"data":{}}"#,
            r#"{"data":[]}"#,
            r#"{"data":"x"}"#,
            r#"{"data":1}"#,
            r#"{"data":{},"data":{}}"#,
            r#"{"data":{},"d\u0061ta":{}}"#,
            r#"{"errors":[{"message":"x"}],"errors":[]}"#,
            r#"{"errors":[]}"#,
            r#"{"errors":null}"#,
            r#"{"errors":{}}"#,
            r#"{"errors":["x"]}"#,
            r#"{"errors":[["x"]]}"#,
            r#"{"errors":[{"message":1}]}"#,
            r#"{"errors":[{}]}"#,
            r#"{"message":"not found"}"#,
            "\u{feff}{\"data\":{}}",
            "{\"data\":{\"a\":\"\u{1}\"}}",
            r#"{"data":{"a":01}}"#,
            r#"{"data":{"a":NaN}}"#,
        ];
        for other in others {
            assert!(check(other.as_bytes()).is_err(), "{other}");
        }
        assert_eq!(check(b"{\"data\":{\"a\":\"\xff\"}}"), Err("it isn't UTF-8"));
    }

    #[test]
    fn depth_is_bounded_and_costs_nothing() {
        let nested = |depth: usize| format!(r#"{{"data":{{"a":{}{}}}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(nested(MOST_DEPTH - 2).as_bytes()), Ok(()));
        assert_eq!(check(nested(MOST_DEPTH - 1).as_bytes()), Err("it is nested too deeply"));
        assert!(check(nested(1 << 20).as_bytes()).is_err());
        assert!(check("{\"data\":".repeat(1 << 20).as_bytes()).is_err());
    }
}
