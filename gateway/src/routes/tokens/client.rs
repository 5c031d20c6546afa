//! How a client says who it is: in the body, or by HTTP Basic (RFC 6749 §2.3.1). Not both.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::parameters::Parameters;
use crate::{arrival::Arrival, error::Error, realm::Realm};

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the `Authorization` header says of a client.
pub(super) enum Presented {
    /// There is none.
    Nothing,
    /// There are several.
    Several,
    /// Another scheme than `Basic`: no authentication of a client.
    Foreign,
    /// `Basic` that can't be read.
    Broken,
    /// `Basic`.
    Basic { id: String, secret: Zeroizing<String> },
}

impl Presented {
    /// Reads the header.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Self::Nothing };
        if values.next().is_some() {
            return Self::Several;
        }
        let value = value.to_str().unwrap_or_default();
        let (scheme, credentials) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("basic") {
            return Self::Foreign;
        }
        basic(credentials.trim()).unwrap_or(Self::Broken)
    }

    /// Whether there is a header, so that a refusal says which one would be right.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

fn basic(credentials: &str) -> Option<Presented> {
    let text = Zeroizing::new(String::from_utf8(BASE64.decode(credentials).ok()?).ok()?);
    let (id, secret) = text.split_once(':')?;
    let (id, secret) = (decoded(id)?, Zeroizing::new(decoded(secret)?));
    (!id.is_empty() && !secret.is_empty()).then_some(Presented::Basic { id, secret })
}

/// Undoes the form encoding of RFC 6749 Appendix B. Our ids and secrets look the same with it and without.
fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned())
}

/// A client, as far as it said who it is.
pub(super) struct Client {
    /// Absent: not said. Exchanging a code needs none.
    pub(super) id: Option<String>,
    /// The secret of the portal, or of the code.
    pub(super) secret: Zeroizing<String>,
}

/// Reads who the client is.
pub(super) fn read(given: &mut Parameters, presented: &Presented, arrival: &Arrival) -> Result<Client, Error> {
    let refuse = |why: &str| Err(Error::InvalidRequest(why.to_owned()));
    let id = given.text("client_id")?;
    let secret = given.one_of("secret", "client_secret")?.map(Zeroizing::new);
    match (presented, secret) {
        (Presented::Several, _) => refuse("There are several Authorization headers"),
        (Presented::Basic { .. } | Presented::Broken, Some(_)) => {
            refuse("The client authenticates twice: in the body and by HTTP Basic")
        }
        (Presented::Basic { id: basic, .. }, None) if id.as_ref().is_some_and(|id| !are_same(id, basic)) => {
            refuse("client_id isn't the one of HTTP Basic")
        }
        (Presented::Basic { id, secret }, None) => Ok(Client { id: Some(id.clone()), secret: secret.clone() }),
        (Presented::Broken | Presented::Foreign, None) => Err(arrival.challenge(Realm::Client)),
        (Presented::Nothing, None) => refuse("secret is required"),
        (Presented::Nothing | Presented::Foreign, Some(secret)) => Ok(Client { id, secret }),
    }
}

/// Whether two client ids are one, in whatever way either is written.
fn are_same(one: &str, other: &str) -> bool {
    one == other || one.parse::<Uuid>().is_ok_and(|one| other.parse().is_ok_and(|other: Uuid| one == other))
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn read(values: &[&str]) -> Presented {
        let headers = values.iter().map(|value| (header::AUTHORIZATION, value.parse().unwrap())).collect();
        Presented::of(&headers)
    }

    fn pair(header: &str) -> Option<(String, String)> {
        match read(&[header]) {
            Presented::Basic { id, secret } => Some((id, secret.to_string())),
            _ => None,
        }
    }

    #[test]
    fn the_examples_of_the_rfcs_are_read() {
        // RFC 6749 §2.3.1.
        let found = pair("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3");
        assert_eq!(found.unwrap(), ("s6BhdRkqt3".to_owned(), "7Fjfp0ZBr1KtDRbnfVdmIw".to_owned()));
        // RFC 7617 §2.
        let found = pair("basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(found.unwrap(), ("Aladdin".to_owned(), "open sesame".to_owned()));
    }

    #[test]
    fn id_and_secret_are_form_decoded() {
        for (text, expected) in [
            ("a%3Ab:c+d%2B%C3%A9", Some(("a:b", "c d+é"))),
            ("a:b:c", Some(("a", "b:c"))),
            ("a", None),
            (":b", None),
            ("a:", None),
            ("a:%ff", None),
        ] {
            let found = pair(&format!("Basic {}", BASE64_STANDARD.encode(text)));
            assert_eq!(found, expected.map(|(id, secret)| (id.to_owned(), secret.to_owned())), "{text}");
        }
        assert!(pair(&format!("Basic {}", BASE64_STANDARD.encode("a:bc").trim_end_matches('='))).is_some());
    }

    #[test]
    fn a_client_id_may_be_written_in_several_ways() {
        let id = "018f2b5e-0000-7000-8000-00000000000a";
        assert!(are_same(id, &id.to_uppercase()) && are_same(id, &id.replace('-', "")) && are_same("x", "x"));
        assert!(!are_same(id, &id.replace('a', "b")) && !are_same("x", "X"));
    }

    #[test]
    fn what_is_no_basic_is_told_apart() {
        assert!(matches!(read(&[]), Presented::Nothing));
        assert!(matches!(read(&["Bearer x"]), Presented::Foreign));
        assert!(matches!(read(&[""]), Presented::Foreign));
        assert!(matches!(read(&["Basic"]), Presented::Broken));
        assert!(matches!(read(&["Basic !"]), Presented::Broken));
        assert!(matches!(read(&["Basic YTpi", "Basic YTpi"]), Presented::Several));
    }
}
