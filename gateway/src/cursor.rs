//! Lists that go by cursors: `after`, `before` and `per_page`, and where else there is to go, in the body and in the `Link`
//! header (RFC 8288). A cursor is the UUID of an entry.

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use tonic::metadata::MetadataMap;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{description::About, error::Error, query::parameter, reply};

const USUAL: u32 = 30;
/// The most entries of a part.
const MOST: u32 = 100;

/// A part of a list, as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
    /// Entries of the part, 1 to 100.
    pub(crate) size: u32,
}

/// Where a part lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around<'a> {
    /// The UUIDs of its first and last entry, if it has any.
    pub(crate) ends: Option<(&'a str, &'a str)>,
    pub(crate) has_previous: bool,
    pub(crate) has_next: bool,
}

#[derive(Serialize)]
struct PartJson<'a, T> {
    items: &'a [T],
    links: Links,
}

/// Where a part is, and where to go from it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CursorLinks)]
pub(crate) struct Links {
    #[serde(rename = "self")]
    pub(crate) own: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) prev: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next: Option<String>,
}

/// Says that parts of a list of `T`s are answered.
pub(crate) fn describe<T: ToSchema>(about: About, sentence: &str) -> About {
    about.lists_parts::<T, Links>(&json!({ "type": "string", "format": "uuid" }), sentence)
}

impl Cursor {
    /// Reads `after` or `before`, not both, and `per_page`.
    pub(crate) fn read(query: Option<&str>) -> Result<Self, Error> {
        let cursor = |name: &'static str| match parameter(query, name) {
            None => Ok(None),
            Some(text)
                if text.len() == Uuid::nil().hyphenated().to_string().len() && Uuid::parse_str(&text).is_ok() =>
            {
                Ok(Some(text))
            }
            Some(_) => Err(Error::InvalidParameter(name, "a cursor that a list gave")),
        };
        let (after, before) = (cursor("after")?, cursor("before")?);
        if after.is_some() && before.is_some() {
            return Err(Error::InvalidParameter("before", "left out where after is given"));
        }
        Ok(Self { after, before, size: size(query)? })
    }

    /// The part of a list at `url` (which ends with `?`, or with parameters and `&`) as an answer.
    pub(crate) fn reply(
        &self,
        metadata: &MetadataMap,
        url: &str,
        around: Around<'_>,
        items: &[impl Serialize],
    ) -> Response {
        let links = self.links(url, around);
        let header = links.header();
        let mut response = reply::json(StatusCode::OK, metadata, &PartJson { items, links });
        if let Some(header) = header {
            response.headers_mut().insert(header::LINK, header);
        }
        response
    }

    fn links(&self, url: &str, Around { ends, has_previous, has_next }: Around<'_>) -> Links {
        let size = self.size;
        let link = |place: &str| format!("{url}{place}per_page={size}");
        let own = match (&self.after, &self.before) {
            (Some(after), _) => link(&format!("after={after}&")),
            (_, Some(before)) => link(&format!("before={before}&")),
            _ => link(""),
        };
        let (prev, next) = match ends {
            Some((first, last)) => (
                has_previous.then(|| link(&format!("before={first}&"))),
                has_next.then(|| link(&format!("after={last}&"))),
            ),
            None => (None, None),
        };
        Links { own, first: has_previous.then(|| link("")), prev, next }
    }
}

/// Reads `per_page`.
pub(crate) fn size(query: Option<&str>) -> Result<u32, Error> {
    let Some(text) = parameter(query, "per_page") else { return Ok(USUAL) };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let size = text.parse().ok().filter(|size| digits && (1..=MOST).contains(size));
    size.ok_or(Error::InvalidParameter("per_page", "a whole number from 1 to 100"))
}

impl Links {
    /// The same as a header (RFC 8288).
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let Self { own, first, prev, next } = self;
        let links = [("self", Some(own)), ("first", first.as_ref()), ("prev", prev.as_ref()), ("next", next.as_ref())];
        let links = links.into_iter().filter_map(|(relation, url)| Some(format!("<{}>; rel=\"{relation}\"", url?)));
        links.collect::<Vec<_>>().join(", ").parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0199f0de-0000-7000-8000-00000000000a";
    const B: &str = "0199f0de-0000-7000-8000-00000000000b";

    #[test]
    fn cursors_are_uuids_and_sizes_are_bounded() {
        let read = |query: String| Cursor::read(Some(&query)).ok();
        let usual = Cursor { after: None, before: None, size: 30 };
        assert_eq!(read(String::new()), Some(usual.clone()));
        assert_eq!(read(format!("after={A}&per_page=7")), Some(Cursor { after: Some(A.into()), size: 7, ..usual }));
        for bad in ["after=x", "before=", "per_page=0", "per_page=101", "per_page=%2B1", "per_page="] {
            assert_eq!(read(bad.to_owned()), None, "{bad}");
        }
        assert_eq!(read(format!("after={A}&before={B}")), None);
    }

    #[test]
    fn links_lead_to_where_there_is_something() {
        let first = Cursor { after: None, before: None, size: 2 };
        let around = Around { ends: Some((A, B)), has_previous: false, has_next: true };
        let links = first.links("http://p/l?", around);
        assert_eq!(
            serde_json::to_value(&links).unwrap(),
            serde_json::json!({
            "self": "http://p/l?per_page=2", "next": format!("http://p/l?after={B}&per_page=2")})
        );
        let later = Cursor { after: Some(B.into()), ..first.clone() };
        let links = later.links("http://p/l?state=dead&", Around { has_previous: true, has_next: false, ..around });
        let link = |place: &str, relation| format!("<http://p/l?state=dead&{place}per_page=2>; rel=\"{relation}\"");
        let expected = [link(&format!("after={B}&"), "self"), link("", "first"), link(&format!("before={A}&"), "prev")];
        assert_eq!(links.header().unwrap(), expected.join(", ").as_str());
        let nothing = first.links("http://p/l?", Around { ends: None, has_previous: false, has_next: false });
        assert_eq!(nothing.header().unwrap(), "<http://p/l?per_page=2>; rel=\"self\"");
    }
}
