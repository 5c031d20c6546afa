//! Where the console is: the origin of its forms, its cookie, and its own addresses.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use tonic::metadata::AsciiMetadataValue;
use url::{Host, Url};

use crate::error::Error;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// A longer session is none; it would only burst the metadata of an RPC.
const MOST_SESSION_BYTES: usize = 1 << 10;

/// The public URL, as far as browsers care.
#[derive(Debug)]
pub(crate) struct Site {
    public_url: String,
    origin: String,
    is_https: bool,
    is_loopback: bool,
}

impl Site {
    /// The site at `public_url`, which has no slash at the end.
    pub(crate) fn of(public_url: &str) -> Self {
        // The settings were checked when they were read: what can't be parsed is nobody's origin.
        let url = Url::parse(public_url).ok();
        let origin = url.as_ref().map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        let is_https = origin.starts_with("https://");
        let is_loopback = url.as_ref().and_then(Url::host).is_some_and(|host| is_loopback(&host));
        Self { public_url: public_url.to_owned(), origin, is_https, is_loopback }
    }

    /// Refuses where a session would travel in the clear: over plain HTTP, further than this machine (spec §4).
    pub(crate) fn require_safe_way(&self) -> Result<(), Error> {
        if self.is_safe() { Ok(()) } else { Err(Error::InsecureSite(self.public_url.clone())) }
    }

    fn is_safe(&self) -> bool {
        self.is_https || self.is_loopback
    }

    /// Where a user decides on `code`, which is made of letters and digits.
    pub(crate) fn authorization_url(&self, code: &str) -> String {
        format!("{}/console/authorize?code={code}", self.public_url)
    }

    /// Browsers keep a name that begins with `__Host-` to one host, and over TLS (RFC 6265bis §4.1.3.2); on loopback there
    /// is none.
    fn cookie_name(&self) -> &'static str {
        if self.is_https { "__Host-portals" } else { "portals" }
    }

    /// `Lax` and not `Strict`: the link to a code comes from elsewhere, and must find the user signed in. What changes
    /// anything is a POST, which `Lax` keeps the cookie from when it comes from elsewhere.
    fn cookie(&self, value: &str, more: &str) -> Option<HeaderValue> {
        if !self.is_safe() {
            return None;
        }
        let secure = if self.is_https { "; Secure" } else { "" };
        let name = self.cookie_name();
        let mut cookie: HeaderValue =
            format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}").parse().ok()?;
        cookie.set_sensitive(true);
        Some(cookie)
    }

    /// `Set-Cookie` of a session.
    pub(crate) fn keep(&self, session: &str) -> Option<HeaderValue> {
        self.cookie(session, "")
    }

    /// `Set-Cookie` of none.
    pub(crate) fn forget(&self) -> Option<HeaderValue> {
        self.cookie("", "; Max-Age=0")
    }

    /// The session in the cookie, as a service takes it.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<AsciiMetadataValue> {
        if !self.is_safe() {
            return None;
        }
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, session) = pairs.find(|(name, _)| *name == self.cookie_name())?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = (1..=MOST_SESSION_BYTES).contains(&session.len()) && session.bytes().all(is_plain);
        fits.then(|| format!("Bearer {session}").parse().ok())?
    }

    /// Refuses a form that another site's page sent, the sign-in form included. Where there is no `Origin`, or `null` for
    /// one that the browser keeps to itself, `Sec-Fetch-Site` decides, which no page can forge either.
    pub(crate) fn require_own_form(&self, headers: &HeaderMap) -> Result<(), Error> {
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let is_ours = match text(&header::ORIGIN) {
            Some("null") | None => text(&FETCH_SITE) == Some("same-origin"),
            Some(origin) => !self.origin.is_empty() && origin.eq_ignore_ascii_case(&self.origin),
        };
        if is_ours { Ok(()) } else { Err(Error::ForeignForm(self.public_url.clone())) }
    }

    /// Where `address` is to be opened instead when a browser asked this machine by another of its names (`localhost` for
    /// `127.0.0.1`), from which no form would be taken.
    pub(crate) fn by_its_name(&self, headers: &HeaderMap, address: &str) -> Option<String> {
        let ours = Url::parse(&self.origin).ok().filter(|_| self.is_loopback)?;
        let asked = headers.get(header::HOST)?.to_str().ok()?;
        let asked = Url::parse(&format!("{}://{asked}", ours.scheme())).ok()?;
        let is_this_machine = asked.host().is_some_and(|host| is_loopback(&host));
        let is_other_name =
            asked.host() != ours.host() && asked.port_or_known_default() == ours.port_or_known_default();
        (is_this_machine && is_other_name).then(|| format!("{}{address}", self.public_url))
    }

    /// Whether a page of this site sent `headers`, as `Origin` says, which every browser adds to a POST of a script.
    pub(crate) fn is_origin_of(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        !self.origin.is_empty() && sent.is_some_and(|origin| origin.eq_ignore_ascii_case(&self.origin))
    }

    /// An address below `/console/` as path and query; `None` if `address` leads anywhere else. Parsed as browsers do, so
    /// that slashes, backslashes, dots and line ends mean here what they mean there.
    pub(crate) fn within_console(&self, address: &str) -> Option<String> {
        if !address.starts_with("/console/") {
            return None;
        }
        let base = Url::parse(&self.origin).ok()?;
        let url = base.join(address).ok().filter(|url| url.origin() == base.origin())?;
        let path = url.path();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        path.starts_with("/console/").then(|| format!("{path}{query}"))
    }
}

/// Whether a host is this machine for every browser.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_addresses_of_the_console_are_followed() {
        let site = Site::of("https://portals.example");
        for (address, expected) in [
            ("/console/authorize?code=Ab1", Some("/console/authorize?code=Ab1")),
            ("/console/", Some("/console/")),
            ("/console/../v2/user", None),
            ("/console/%2e%2E/v2/user", None),
            ("/console/..\\v2", None),
            ("//evil.example/console/", None),
            ("https://portals.example/console/", None),
            ("https://evil.example/console/", None),
            ("/\\evil.example/console/", None),
            ("/console", None),
            ("", None),
        ] {
            assert_eq!(site.within_console(address).as_deref(), expected, "{address}");
        }
        assert_eq!(site.within_console("/console/\r\nx").as_deref(), Some("/console/x"));
    }

    #[test]
    fn a_form_must_come_from_our_own_origin() {
        let site = Site::of("https://portals.example:8443/");
        let ours = "https://portals.example:8443";
        for (pairs, expected) in [
            (vec![("origin", ours)], true),
            (vec![("origin", ours), ("sec-fetch-site", "cross-site")], true),
            (vec![("origin", "https://portals.example")], false),
            (vec![("origin", "http://portals.example:8443")], false),
            (vec![("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], false),
            (vec![("origin", ""), ("sec-fetch-site", "same-origin")], false),
            (vec![("origin", "null"), ("sec-fetch-site", "same-origin")], true),
            (vec![("origin", "null"), ("sec-fetch-site", "cross-site")], false),
            (vec![("origin", "null")], false),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "none")], false),
            (vec![], false),
        ] {
            assert_eq!(site.require_own_form(&headers(&pairs)).is_ok(), expected, "{pairs:?}");
        }
        assert!(Site::of("nonsense").require_own_form(&headers(&[("origin", "")])).is_err());
    }

    #[test]
    fn another_name_of_this_machine_leads_to_the_one_that_forms_are_taken_from() {
        let site = Site::of("http://127.0.0.1:8080");
        for (host, is_led) in [
            ("localhost:8080", true),
            ("127.0.0.2:8080", true),
            ("[::1]:8080", true),
            ("127.0.0.1:8080", false),
            ("localhost:9090", false),
            ("localhost", false),
            ("portals.example:8080", false),
            ("a b", false),
        ] {
            let led = site.by_its_name(&headers(&[("host", host)]), "/console/");
            assert_eq!(led.as_deref(), is_led.then_some("http://127.0.0.1:8080/console/"), "{host}");
        }
        assert_eq!(site.by_its_name(&headers(&[]), "/console/"), None);
        let public = Site::of("https://portals.example");
        assert_eq!(public.by_its_name(&headers(&[("host", "localhost")]), "/console/"), None);
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let https = Site::of("https://p.example");
        let found = |site: &Site, cookies: &[(&str, &str)]| {
            site.session(&headers(cookies)).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(found(&https, &[("cookie", "a=b; __Host-portals=x_1; portals=y")]).unwrap(), "Bearer x_1");
        assert_eq!(found(&Site::of("http://127.0.0.1:1"), &[("cookie", "portals=y")]).unwrap(), "Bearer y");
        let long = format!("__Host-portals={}", "x".repeat(1_025));
        for cookie in ["portals=y", "__Host-portals=", "__Host-portals=a b", "x__Host-portals=a", &long] {
            assert_eq!(found(&https, &[("cookie", cookie)]), None, "{cookie}");
        }
    }

    #[test]
    fn no_session_travels_in_the_clear() {
        for (url, safe) in [
            ("https://p.example", true),
            ("http://127.0.0.1:8080", true),
            ("http://127.8.8.8", true),
            ("http://[::1]:1", true),
            ("http://LOCALHOST:1", true),
            ("http://p.example", false),
            ("http://localhost.example", false),
            ("http://0.0.0.0:8080", false),
            ("http://10.0.0.1", false),
            ("http://[fe80::1]", false),
            ("nonsense", false),
        ] {
            let site = Site::of(url);
            let cookie = headers(&[("cookie", "portals=y; __Host-portals=y")]);
            assert_eq!((site.require_safe_way().is_ok(), site.session(&cookie).is_some()), (safe, safe), "{url}");
            assert_eq!((site.keep("v").is_some(), site.forget().is_some()), (safe, safe), "{url}");
        }
    }

    #[test]
    fn the_cookie_is_for_this_host_and_out_of_reach_of_scripts() {
        let https = Site::of("https://p.example");
        assert_eq!(https.keep("v").unwrap(), "__Host-portals=v; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(https.keep("v").unwrap().is_sensitive());
        let loopback = Site::of("http://127.0.0.1:1");
        assert_eq!(loopback.forget().unwrap(), "portals=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
