//! Settings that say where something is, and what is shown to it.

use std::{path::PathBuf, str::FromStr};

use http::Uri;

use super::Settings;
use crate::{
    error::chain,
    grpc::Address,
    tls::{Files, Tls},
};

/// An `http` or `https` URL that paths can be put behind. Read as the client reads it that calls such URLs.
#[derive(Default)]
struct BaseUrl(String);

impl FromStr for BaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let serves = |uri: &Uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
        };
        // `Uri` forgets a fragment.
        let is_base = !text.contains(['?', '#']) && text.parse().is_ok_and(|uri| serves(&uri));
        is_base
            .then(|| Self(text.trim_end_matches('/').to_owned()))
            .ok_or("is no http or https URL that paths can follow")
    }
}

impl Settings {
    /// An `http` or `https` URL that may be absent: no query, no fragment, and no slash at the end of what is returned.
    pub fn base_url(&mut self, key: &str) -> Option<String> {
        self.optional(key).map(|BaseUrl(url)| url)
    }

    /// As [`Settings::base_url`], but the part can't run without it. Empty when it is missing.
    pub fn required_base_url(&mut self, key: &str) -> String {
        let BaseUrl(url) = self.required(key);
        url
    }

    /// The installation's address as callers know it: as [`Settings::required_base_url`], and without a path, because the
    /// public API and the console are where their addresses say, at the root of a host.
    pub fn public_url(&mut self, key: &str) -> String {
        let url = self.required_base_url(key);
        if url.parse::<Uri>().is_ok_and(|uri| uri.path().len() > 1) {
            self.refuse(
                key,
                format!("{url:?}: must have no path: portals are served at the root of a host of their own"),
            );
        }
        url
    }

    /// Where another part is, or several of the kind: see [`Address`]. `https` needs what [`Settings::tls`] has read.
    pub fn part_url(&mut self, key: &str, tls: Option<&Tls>) -> Option<String> {
        let address: Address = self.optional(key)?;
        if address.is_tls && tls.is_none() {
            self.refuse(key, format!("{address}: https needs {} and its like", self.name("TLS__CERT_FILE")));
        }
        Some(address.to_string())
    }

    /// What this part shows to the others and knows them by: the files of certificate, key and authority, all of them or none.
    pub fn tls(&mut self, names: [&str; 3]) -> Option<Tls> {
        let [cert, key, ca] = match names.map(|name| self.optional::<PathBuf>(name)) {
            [Some(cert), Some(key), Some(ca)] => [cert, key, ca],
            given => {
                let missing = names.iter().zip(&given).filter(|(_, given)| given.is_none());
                let missing: Vec<_> = missing.map(|(name, _)| self.name(name)).collect();
                if missing.len() < names.len() {
                    self.problem(format!("{} missing: TLS between parts needs all three files", missing.join(", ")));
                }
                return None;
            }
        };
        let opened = Tls::open(Files { cert, key, ca });
        let [name, ..] = names;
        opened.map_err(|error| self.refuse(name, chain(&error))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Problem, Problems, settings};

    #[test]
    fn a_base_url_is_one_that_paths_can_follow() {
        for (text, expected) in [
            ("http://portal:9000", "http://portal:9000"),
            ("https://portals.example/a/", "https://portals.example/a"),
            ("http://[::1]:80/", "http://[::1]:80"),
        ] {
            let mut given = settings(&[("TOKEN_A__URL", text), ("TOKEN_B__URL", text)]);
            assert_eq!(
                (given.base_url("A__URL").as_deref(), given.required_base_url("B__URL").as_str()),
                (Some(expected), expected)
            );
            assert!(given.finish().is_ok());
        }
        for text in [
            "",
            "portal:9000",
            "/a",
            "ftp://a",
            "http://",
            "http:///a",
            "http://:80",
            "http://a?b",
            "http://a/#b",
            "http://a b",
        ] {
            let mut given = settings(&[("TOKEN_A__URL", text)]);
            assert_eq!(given.base_url("A__URL"), None, "{text}");
            assert_eq!(given.finish().unwrap_err().0.len(), 1, "{text}");
        }
        let mut given = settings(&[]);
        assert_eq!((given.base_url("A__URL"), given.required_base_url("B__URL")), (None, String::new()));
        assert_eq!(given.finish().unwrap_err().to_string(), "TOKEN_B__URL is missing");
    }

    #[test]
    fn a_public_url_has_no_path() {
        for (text, expected) in [("https://p.example/", "https://p.example"), ("http://[::1]:80", "http://[::1]:80")] {
            let mut given = settings(&[("TOKEN_A__URL", text)]);
            assert_eq!((given.public_url("A__URL").as_str(), given.finish().is_ok()), (expected, true));
        }
        for text in ["https://p.example/portals", "https://p.example//"] {
            let mut given = settings(&[("TOKEN_A__URL", text)]);
            given.public_url("A__URL");
            let refused = given.finish().err().map(|problems| problems.to_string()).unwrap_or_default();
            assert_eq!(refused.contains("must have no path"), text.ends_with("portals"), "{text}: {refused}");
        }
        let mut given = settings(&[]);
        given.public_url("A__URL");
        assert_eq!(given.finish().unwrap_err().to_string(), "TOKEN_A__URL is missing");
    }

    #[test]
    fn a_part_is_called_with_tls_only_where_there_is_a_certificate() {
        let urls =
            [("TOKEN_A__URL", "http://a:1,b:2/"), ("TOKEN_B__URL", "HTTPS://b:1"), ("TOKEN_C__URL", "http://c/d")];
        let mut given = settings(&urls);
        assert_eq!(given.part_url("A__URL", None).as_deref(), Some("http://a:1,b:2"));
        given.part_url("B__URL", None);
        given.part_url("C__URL", None);
        let Problems(problems) = given.finish().unwrap_err();
        let said: Vec<_> = problems.iter().map(Problem::to_string).collect();
        assert!(said[0].starts_with("TOKEN_B__URL") && said[0].contains("TOKEN_TLS__CERT_FILE"), "{said:?}");
        assert!(said[1].starts_with("TOKEN_C__URL") && said.len() == 2, "{said:?}");
        assert_eq!(settings(&[]).part_url("A__URL", None), None);
    }

    #[test]
    fn a_certificate_needs_its_key_and_its_authority() {
        let names = ["TLS__CERT_FILE", "TLS__KEY_FILE", "TLS__CA_FILE"];
        assert!(settings(&[]).tls(names).is_none());
        let mut given = settings(&[("TOKEN_TLS__KEY_FILE", "/k")]);
        assert!(given.tls(names).is_none());
        let said = given.finish().unwrap_err().to_string();
        assert!(said.starts_with("TOKEN_TLS__CERT_FILE, TOKEN_TLS__CA_FILE missing"), "{said}");
        let files = [("TOKEN_TLS__CERT_FILE", "/c"), ("TOKEN_TLS__KEY_FILE", "/k"), ("TOKEN_TLS__CA_FILE", "/no/ca")];
        let mut given = settings(&files);
        assert!(given.tls(names).is_none());
        let said = given.finish().unwrap_err().to_string();
        assert!(said.contains("/no/ca can't be read"), "{said}");
    }
}
