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

/// Where to go from a part.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CursorLinks)]
struct Links {
    #[serde(rename = "self")]
    own: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    prev: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
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
        let size = match parameter(query, "per_page") {
            None => USUAL,
            Some(text) => {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let size = text.parse().ok().filter(|size| digits && (1..=MOST).contains(size));
                size.ok_or(Error::InvalidParameter("per_page", "a whole number from 1 to 100"))?
            }
        };
        Ok(Self { after, before, size })
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

impl Links {
    fn header(&self) -> Option<HeaderValue> {
        let links = [("first", &self.first), ("prev", &self.prev), ("next", &self.next)];
        let links = links.into_iter().filter_map(|(name, link)| Some(format!("<{}>; rel=\"{name}\"", link.as_ref()?)));
        let links: Vec<_> = links.collect();
        if links.is_empty() { None } else { links.join(", ").parse().ok() }
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
        let later = Cursor { after: Some(B.into()), ..first };
        let links = later.links("http://p/l?state=dead&", Around { has_previous: true, has_next: false, ..around });
        assert_eq!(links.header().unwrap(), format!(
            "<http://p/l?state=dead&per_page=2>; rel=\"first\", <http://p/l?state=dead&before={A}&per_page=2>; rel=\"prev\"").as_str());
        let nothing = later.links("http://p/l?", Around { ends: None, has_previous: false, has_next: false });
        assert!(nothing.header().is_none());
    }
}
