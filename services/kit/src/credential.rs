//! The written form of every credential (spec §4): `<letters><class>_` + 43 base62 characters of 32 random bytes + 6
//! base62 characters of CRC-32/ISO-HDLC over everything before. A secret has a 9-character selector before the 43.
//!
//! The checksum is for scanners and typos; it authenticates nothing.

use std::fmt;

use zeroize::Zeroizing;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BODY: usize = 43;
const SELECTOR: usize = 9;
const CHECKSUM: usize = 6;

/// The letters that new credentials start with unless the operator chose others.
pub const DEFAULT_LETTERS: &str = "bk";

/// What a credential is for, as its prefix says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `…pat_`: calls one portal.
    Portal,
    /// `…ps_`: exchanged for portal tokens; carries a selector.
    Secret,
    /// `…ua_`: a user's access to REST and GraphQL.
    Api,
    /// `…cs_`: what the requester of a user's code holds.
    CodeSecret,
    /// `…se_`: a signed-in user's session.
    Session,
}

impl Kind {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Portal => "pat",
            Self::Secret => "ps",
            Self::Api => "ua",
            Self::CodeSecret => "cs",
            Self::Session => "se",
        }
    }

    fn of_prefix(prefix: &str) -> Option<Self> {
        let kinds = [Self::Portal, Self::Secret, Self::Api, Self::CodeSecret, Self::Session];
        let kind = kinds.into_iter().find(|kind| prefix.ends_with(kind.suffix()))?;
        let letters = prefix.strip_suffix(kind.suffix())?;
        is_letters(letters).then_some(kind)
    }
}

/// Whether `letters` may start a credential: 2 to 10 of `a-z0-9`.
#[must_use]
pub fn is_letters(letters: &str) -> bool {
    (2..=10).contains(&letters.len()) && letters.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// A credential in plain text. Its `Debug` shows nothing; the memory is cleared when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain {
    text: Zeroizing<String>,
    kind: Kind,
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plain({:?}, …)", self.kind)
    }
}

/// Why a text is no credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Unknown prefix, wrong length, or a character outside base62.
    #[error("not of a credential's form")]
    Form,
    /// The last six characters don't match the rest.
    #[error("checksum does not match")]
    Checksum,
}

impl Plain {
    /// Writes a token of `kind` from 32 random bytes.
    #[must_use]
    pub fn token(letters: &str, kind: Kind, random: &[u8; 32]) -> Self {
        Self::seal(kind, format!("{letters}{}_{}", kind.suffix(), encode(random, BODY)))
    }

    /// Writes a secret from 6 bytes of selector and 32 random bytes.
    #[must_use]
    pub fn secret(letters: &str, selector: [u8; 6], random: &[u8; 32]) -> Self {
        let kind = Kind::Secret;
        Self::seal(kind, format!("{letters}{}_{}{}", kind.suffix(), encode(&selector, SELECTOR), encode(random, BODY)))
    }

    /// Reads a credential: form first, then the checksum. Constant work after the form is known to be right.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (prefix, rest) = text.split_once('_').ok_or(Malformed::Form)?;
        let kind = Kind::of_prefix(prefix).ok_or(Malformed::Form)?;
        let selector = if kind == Kind::Secret { SELECTOR } else { 0 };
        if rest.len() != selector + BODY + CHECKSUM || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Malformed::Form);
        }
        let (body, checksum) = text.split_at(text.len() - CHECKSUM);
        if checksum_of(body) != checksum {
            return Err(Malformed::Checksum);
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), kind })
    }

    /// The whole text. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What the prefix says.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The nine characters that find a secret's row; `None` for tokens.
    #[must_use]
    pub fn selector(&self) -> Option<&str> {
        let (_, rest) = self.text.split_once('_')?;
        (self.kind == Kind::Secret).then(|| rest.get(..SELECTOR)).flatten()
    }

    /// The last four characters, which lists show.
    #[must_use]
    pub fn last_four(&self) -> &str {
        self.text.get(self.text.len() - 4..).unwrap_or_default()
    }

    fn seal(kind: Kind, mut text: String) -> Self {
        let checksum = checksum_of(&text);
        text.push_str(&checksum);
        Self { text: Zeroizing::new(text), kind }
    }
}

fn checksum_of(body: &str) -> String {
    encode(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECKSUM)
}

/// Big-endian bytes as base62, left-padded with `0` to `width`. Repeated division of the whole number by 62.
#[must_use]
pub fn encode(bytes: &[u8], width: usize) -> String {
    let mut number = Zeroizing::new(bytes.to_vec());
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0u32;
        for byte in number.iter_mut() {
            let value = (remainder << 8) | u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or_default();
            remainder = value % 62;
        }
        *digit = ALPHABET.get(remainder as usize).copied().unwrap_or(b'0');
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counting() -> [u8; 32] {
        std::array::from_fn(|i| u8::try_from(i).unwrap())
    }

    #[test]
    fn tokens_match_the_vectors_of_the_specification() {
        let token = |kind, bytes: &[u8; 32]| Plain::token("bk", kind, bytes).expose().to_owned();
        assert_eq!(token(Kind::Portal, &counting()), "bkpat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf076RZx");
        assert_eq!(token(Kind::Api, &counting()), "bkua_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0hvATv");
        assert_eq!(token(Kind::Portal, &[0xff; 32]), "bkpat_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp12MChNJ");
    }

    #[test]
    fn a_secret_matches_the_vector_and_gives_its_selector_back() {
        let secret = Plain::secret("bk", *b"defghi", &counting());
        assert_eq!(secret.expose(), "bkps_0VLPzgQBt003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0FJwQK");
        assert_eq!(Plain::parse(secret.expose()).unwrap().selector(), Some("0VLPzgQBt"));
    }

    #[test]
    fn every_wrong_form_is_refused() {
        let good = "bkpat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf076RZx";
        for bad in [
            "",
            "_",
            "bkpat_",
            &good[1..],
            &good[..good.len() - 1],
            &format!("{good}0"),
            &good.replace("bkpat", "bkxyz"),
        ] {
            assert_eq!(Plain::parse(bad), Err(Malformed::Form), "{bad}");
        }
        assert_eq!(Plain::parse(&good.replace("076RZx", "076RZy")), Err(Malformed::Checksum));
        assert_eq!(Plain::parse(&good.replace("bkpat", "xkpat")), Err(Malformed::Checksum));
    }

    #[test]
    fn debug_shows_no_credential() {
        let token = Plain::token("bk", Kind::Portal, &counting());
        assert_eq!(format!("{token:?}"), "Plain(Portal, …)");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(random: [u8; 32], selector: [u8; 6], letters in "[a-z0-9]{2,10}") {
            for plain in [
                Plain::token(&letters, Kind::Portal, &random),
                Plain::token(&letters, Kind::Api, &random),
                Plain::secret(&letters, selector, &random),
            ] {
                let read = Plain::parse(plain.expose()).unwrap();
                prop_assert_eq!(read.kind(), plain.kind());
                prop_assert_eq!(read.selector(), plain.selector());
            }
        }

        #[test]
        fn one_changed_character_is_noticed(random: [u8; 32], at in 6usize..55, put in "[0-9A-Za-z]") {
            let token = Plain::token("bk", Kind::Portal, &random).expose().to_owned();
            let mut changed = token.clone();
            changed.replace_range(at..=at, &put);
            prop_assert_eq!(Plain::parse(&changed).is_ok(), changed == token);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
            prop_assert!(Plain::parse(&text).is_err());
        }

        #[test]
        fn what_looks_like_a_credential_is_one_with_its_checksum_only(
            prefix in "[a-z0-9é_]{0,12}(pat|ps|ua|cs|se|xx)_?",
            rest in "[0-9A-Za-z]{41,54}|[0-9A-Zé]{43}|[0-9A-Za-z]{52}",
        ) {
            let body = format!("{prefix}{rest}");
            let sealed = format!("{body}{}", checksum_of(&body));
            match Plain::parse(&sealed) {
                Ok(plain) => {
                    prop_assert_eq!(plain.expose(), &sealed);
                    prop_assert_eq!(plain.last_four(), &sealed[sealed.len() - 4..]);
                    prop_assert_eq!(plain.selector().map(str::len), (plain.kind() == Kind::Secret).then_some(SELECTOR));
                    let other = format!("{body}{}", checksum_of(&sealed));
                    prop_assert!(other == sealed || Plain::parse(&other) == Err(Malformed::Checksum));
                }
                Err(fault) => prop_assert_eq!(fault, Malformed::Form),
            }
        }
    }
}
