//! Pages of lists: `page` and `per_page`, and the `Link` header (RFC 8288).

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tonic::metadata::MetadataMap;

use crate::{error::Error, query::parameter, reply};

const USUAL: u32 = 30;
/// The most entries on a page.
const MOST: u32 = 100;

/// A page of a list, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: u32,
    /// Entries on a page, 1 to 100.
    pub(crate) size: u32,
}

impl Page {
    /// Reads `page` (0 counts as 1) and `per_page` (0 counts as 30, more than 100 as 100).
    pub(crate) fn read(query: Option<&str>) -> Result<Self, Error> {
        let number = number(query, "page")?.unwrap_or(1).max(1);
        let size = number_or_usual(query)?.min(MOST);
        Ok(Self { number, size })
    }

    /// This page of a list at `url`, which may have a query already, that has `total` entries, with its `Link` header.
    pub(crate) fn reply(self, metadata: &MetadataMap, url: &str, total: u32, entries: &impl Serialize) -> Response {
        let mut response = reply::json(StatusCode::OK, metadata, entries);
        response.headers_mut().extend(self.links(url, total).map(|links| (header::LINK, links)));
        response
    }

    /// The `Link` header of a list at `url` that has `total` entries. `None` if there is nowhere else to go.
    fn links(self, url: &str, total: u32) -> Option<HeaderValue> {
        let last = total.div_ceil(self.size).max(1);
        let mut links = Vec::new();
        let mut link = |page: u32, relation: &str| {
            let more = if url.contains('?') { '&' } else { '?' };
            links.push(format!("<{url}{more}page={page}&per_page={}>; rel=\"{relation}\"", self.size));
        };
        if self.number > 1 {
            link(1, "first");
            link((self.number - 1).min(last), "prev");
        }
        if self.number < last {
            link(self.number + 1, "next");
            link(last, "last");
        }
        if links.is_empty() { None } else { links.join(", ").parse().ok() }
    }
}

fn number_or_usual(query: Option<&str>) -> Result<u32, Error> {
    Ok(number(query, "per_page")?.filter(|size| *size > 0).unwrap_or(USUAL))
}

fn number(query: Option<&str>, name: &'static str) -> Result<Option<u32>, Error> {
    let Some(text) = parameter(query, name) else { return Ok(None) };
    // `parse` alone would take a leading plus.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits => Ok(Some(number)),
        _ => Err(Error::InvalidParameter(name, "a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(number: u32, size: u32, total: u32) -> Option<String> {
        let header = Page { number, size }.links("http://p/l", total)?;
        Some(header.to_str().unwrap().replace("http://p/l?page=", "").replace("&per_page=", "/").replace('"', ""))
    }

    #[test]
    fn parameters_have_defaults_and_bounds() {
        let read = |query| Page::read(Some(query)).map(|page| (page.number, page.size)).ok();
        assert_eq!(read(""), Some((1, 30)));
        assert_eq!(read("page=0&per_page=0"), Some((1, 30)));
        assert_eq!(read("page=7&per_page=1000"), Some((7, 100)));
        for bad in ["page=", "page=x", "page=-1", "page=%2B1", "per_page=1.5", "page=99999999999"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn links_keep_the_query_of_the_list() {
        let header = Page { number: 1, size: 10 }.links("http://p/l?state%5B%5D=a", 11).unwrap();
        assert!(header.to_str().unwrap().starts_with("<http://p/l?state%5B%5D=a&page=2&per_page=10>; rel=\"next\","));
    }

    #[test]
    fn links_lead_first_back_on_and_to_the_end() {
        assert_eq!(links(1, 30, 0), None);
        assert_eq!(links(1, 30, 30), None);
        assert_eq!(links(1, 10, 25).unwrap(), "<2/10>; rel=next, <3/10>; rel=last");
        assert_eq!(
            links(2, 10, 25).unwrap(),
            "<1/10>; rel=first, <1/10>; rel=prev, <3/10>; rel=next, <3/10>; rel=last"
        );
        assert_eq!(links(3, 10, 25).unwrap(), "<1/10>; rel=first, <2/10>; rel=prev");
        assert_eq!(links(9, 10, 25).unwrap(), "<1/10>; rel=first, <3/10>; rel=prev");
    }
}
