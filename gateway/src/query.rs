//! The query of a URL.

use std::borrow::Cow;

use kit::credential::Plain;
use url::form_urlencoded;

use crate::error::Error;

/// Names under which people put credentials in URLs.
const NAMES: [&str; 10] = [
    "access_token",
    "api_key",
    "authorization",
    "client_secret",
    "code_secret",
    "password",
    "refresh_token",
    "secret",
    "session",
    "token",
];

/// The first value of the parameter `name`.
pub(crate) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query?.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The values of the parameter `name`, which may be given as `name[]` too. Blank ones say nothing.
pub(crate) fn parameters(query: Option<&str>, name: &str) -> Vec<String> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let named = pairs.filter(|(key, _)| key.strip_suffix("[]").unwrap_or(key) == name);
    named.map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty()).collect()
}

/// The entries of the parameter `name`, each given as `name[key]`.
pub(crate) fn entries(query: Option<&str>, name: &str) -> Vec<(String, String)> {
    let key = |text: &str| Some(text.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.to_owned());
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let named = pairs.filter_map(|(text, value)| Some((key(&text)?, value.into_owned())));
    named.filter(|(key, _)| !key.is_empty()).collect()
}

/// `url` with all parameters of `query` that don't say which page is meant.
pub(crate) fn narrowed(url: String, query: Option<&str>) -> String {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut rest = form_urlencoded::Serializer::new(String::new());
    rest.extend_pairs(pairs.filter(|(key, _)| !["page", "per_page"].contains(&key.as_ref())));
    let rest = rest.finish();
    if rest.is_empty() { url } else { format!("{url}?{rest}") }
}

/// Whether the parameter `name` says `yes`. Absent is no; anything else than `yes` and `no` is refused.
pub(crate) fn choice(
    query: Option<&str>,
    name: &'static str,
    [yes, no]: [&str; 2],
    expected: &'static str,
) -> Result<bool, Error> {
    match parameter(query, name) {
        Some(value) if value == yes => Ok(true),
        Some(value) if value == no => Ok(false),
        None => Ok(false),
        Some(_) => Err(Error::InvalidParameter(name, expected)),
    }
}

/// Whether the answer shall wait until nobody accepts any more what is removed: `?wait=true`.
pub(crate) fn wait(query: Option<&str>) -> Result<bool, Error> {
    choice(query, "wait", ["true", "false"], "true or false")
}

/// Whether a parameter is named like a credential, or is one.
pub(crate) fn holds_credential(query: Option<&str>) -> bool {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).any(|(name, value)| {
        NAMES.iter().any(|bad| name.eq_ignore_ascii_case(bad))
            || [name, value].iter().any(|text| text.split_whitespace().any(|word| Plain::parse(word).is_ok()))
    })
}

/// Whether a segment of a path is a credential.
pub(crate) fn path_holds_credential(path: &str) -> bool {
    path.split('/').any(is_credential)
}

/// A path for the log: segments that are credentials are left out.
pub(crate) fn redacted(path: &str) -> Cow<'_, str> {
    if !path_holds_credential(path) {
        return Cow::Borrowed(path);
    }
    let shown = path.split('/').map(|segment| if is_credential(segment) { "(redacted)" } else { segment });
    Cow::Owned(shown.collect::<Vec<_>>().join("/"))
}

fn is_credential(segment: &str) -> bool {
    // Shorter than any credential: most segments need no closer look.
    const LEAST: usize = 50;
    segment.len() >= LEAST && Plain::parse(&percent_encoding::percent_decode_str(segment).decode_utf8_lossy()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "bkpat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf076RZx";

    #[test]
    fn credentials_are_found_by_name_and_by_form() {
        for query in [
            "access_token=x",
            "a=1&Token=",
            "api%5Fkey=1",
            "email=a&password=b",
            "refresh_token=x",
            "code=a&code_secret=b",
            "session=x",
            &format!("q={TOKEN}"),
            &format!("q=Bearer+{TOKEN}"),
            TOKEN,
            &format!("{TOKEN}=1"),
            &format!("q=%62{}", &TOKEN[1..]),
        ] {
            assert!(holds_credential(Some(query)), "{query}");
        }
        for query in
            ["operation_name=token", "code=a", "sessions=1", "tokens=keep", "page=1", "", &format!("q={}", &TOKEN[1..])]
        {
            assert!(!holds_credential(Some(query)), "{query}");
        }
        assert!(!holds_credential(None));
    }

    #[test]
    fn a_path_is_logged_without_credentials() {
        assert_eq!(redacted(&format!("/a/{TOKEN}/b")), "/a/(redacted)/b");
        assert_eq!(redacted(&format!("/%62{}", &TOKEN[1..])), "/(redacted)");
        assert_eq!(redacted("/a//b/"), "/a//b/");
    }

    #[test]
    fn lists_and_entries_are_read_from_brackets() {
        let query = Some("state=a&state[]=b&state%5B%5D=c&state[]=&states=d&m[k]=1&m[]=2&m[a[b]]=&m=3");
        assert_eq!(parameters(query, "state"), ["a", "b", "c"]);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(entries(query, "m"), [pair("k", "1"), pair("a[b]", "")]);
        assert!(parameters(None, "state").is_empty() && entries(None, "m").is_empty());
    }

    #[test]
    fn the_next_page_is_one_of_the_same_list() {
        let url = || "http://p/l".to_owned();
        assert_eq!(narrowed(url(), Some("page=2&per_page=3")), "http://p/l");
        assert_eq!(narrowed(url(), Some("page=2&a[]=1>, <x&b=+")), "http://p/l?a%5B%5D=1%3E%2C+%3Cx&b=+");
        assert_eq!(narrowed(url(), None), "http://p/l");
    }

    #[test]
    fn the_first_of_a_doubled_parameter_counts() {
        assert_eq!(parameter(Some("a=1&b=2%20&b=3"), "b").as_deref(), Some("2 "));
        assert_eq!(parameter(Some("a=1"), "b"), None);
    }
}
