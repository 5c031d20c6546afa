//! Pages by cursor: `per_page`, `after`, `before`, and the links that lead on.
//!
//! A cursor is an event's UUID in other clothes: whoever has the event, everything older or newer is found by it, and a page
//! stays what it was when newer events come.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use contracts::audit::v1::list_audit_events_request;
use url::form_urlencoded;
use uuid::Uuid;

use super::filter;
use crate::{
    cursor::{Links, size},
    error::Error,
    query::parameter,
};

/// What a cursor begins with, so that nothing else is taken for one.
const MARK: u8 = b'e';

/// From where a page begins: an event's UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    After(String),
    Before(String),
}

impl From<Place> for list_audit_events_request::Place {
    fn from(place: Place) -> Self {
        match place {
            Place::After(uuid) => Self::AfterUuid(uuid),
            Place::Before(uuid) => Self::BeforeUuid(uuid),
        }
    }
}

/// A page that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// 1 to 100.
    pub(super) size: u32,
    pub(super) place: Option<Place>,
}

impl Page {
    /// Reads the parameters.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Error> {
        let size = size(query)?;
        let cursor = |name| parameter(query, name).map(|text| read(name, &text)).transpose();
        let place = match (cursor("after")?, cursor("before")?) {
            (Some(_), Some(_)) => return Err(Error::InvalidParameter("before", "left out where there is after")),
            (Some(uuid), None) => Some(Place::After(uuid)),
            (None, Some(uuid)) => Some(Place::Before(uuid)),
            (None, None) => None,
        };
        Ok(Self { size, place })
    }

    /// The links of this page of the list at `url`. `ends`: the UUIDs of its first and last event. The event of a cursor is
    /// there, so that there is something on that side of a page.
    pub(super) fn links(&self, url: &str, query: Option<&str>, ends: Option<(&str, &str)>, has_more: bool) -> Links {
        let kept: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .filter(|(name, _)| filter::NAMES.contains(&&**name) || name == "per_page")
            .collect();
        let link = |place: Option<(&str, String)>| {
            let mut pairs = form_urlencoded::Serializer::new(String::new());
            pairs.extend_pairs(&kept);
            pairs.extend_pairs(place);
            let pairs = pairs.finish();
            if pairs.is_empty() { url.to_owned() } else { format!("{url}?{pairs}") }
        };
        let (newer, older) = match &self.place {
            None => (false, has_more),
            Some(Place::After(_)) => (true, has_more),
            Some(Place::Before(_)) => (has_more, true),
        };
        let (first, last) = ends.unzip();
        let this = self.place.as_ref().map(|place| match place {
            Place::After(uuid) => ("after", write(uuid)),
            Place::Before(uuid) => ("before", write(uuid)),
        });
        Links {
            own: link(this),
            first: self.place.is_some().then(|| link(None)),
            prev: first.filter(|_| newer).map(|uuid| link(Some(("before", write(uuid))))),
            next: last.filter(|_| older).map(|uuid| link(Some(("after", write(uuid))))),
        }
    }
}

fn write(uuid: &str) -> String {
    let uuid = Uuid::try_parse(uuid).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode([&[MARK], uuid.as_bytes().as_slice()].concat())
}

fn read(name: &'static str, cursor: &str) -> Result<String, Error> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
    let uuid = bytes.as_deref().and_then(|bytes| Uuid::from_slice(bytes.strip_prefix(&[MARK])?).ok());
    uuid.map(|uuid| uuid.to_string()).ok_or(Error::InvalidParameter(name, "a cursor that a link of such a list has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "01890000-0000-7000-8000-000000000001";
    const NEW: &str = "01890000-0000-7000-8000-000000000002";

    #[test]
    fn cursors_lead_back_and_nothing_else_is_one() {
        let cursor = write(NEW);
        let page = Page::read(Some(&format!("per_page=100&after={cursor}"))).unwrap();
        assert_eq!(page, Page { size: 100, place: Some(Place::After(NEW.into())) });
        let page = Page::read(Some(&format!("before={cursor}"))).unwrap();
        assert_eq!(page, Page { size: 30, place: Some(Place::Before(NEW.into())) });
        for wrong in [
            "per_page=0",
            "per_page=101",
            "per_page=x",
            "per_page=%2B1",
            "per_page=",
            "after=",
            &format!("after={NEW}"),
            &format!("before={cursor}x"),
            &format!("after={}", &cursor[1..]),
            &format!("after={cursor}&before={cursor}"),
        ] {
            assert!(matches!(Page::read(Some(wrong)), Err(Error::InvalidParameter(..))), "{wrong}");
        }
    }

    #[test]
    fn links_keep_the_filter_and_lead_to_both_sides() {
        let query = Some("type=PORTAL_CREATED&per_page=2&x=y&after=z");
        let [old, new] = [OLD, NEW].map(write);
        for (place, has_more, expected) in [
            (None, false, [None, None, None]),
            (None, true, [None, None, Some(format!("&after={old}"))]),
            (Some(Place::After(NEW.into())), false, [Some(String::new()), Some(format!("&before={new}")), None]),
            (
                Some(Place::Before(OLD.into())),
                true,
                [Some(String::new()), Some(format!("&before={new}")), Some(format!("&after={old}"))],
            ),
        ] {
            let links = Page { size: 2, place }.links("http://p/l", query, Some((NEW, OLD)), has_more);
            let expected = expected.map(|end| end.map(|end| format!("http://p/l?type=PORTAL_CREATED&per_page=2{end}")));
            assert_eq!([links.first, links.prev, links.next], expected);
        }
        let page = Page { size: 30, place: None };
        assert_eq!(page.links("http://p/l", None, None, false).header().unwrap(), "<http://p/l>; rel=\"self\"");
    }
}
