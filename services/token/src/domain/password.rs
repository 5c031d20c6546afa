//! Slow hashes at rest, of console passwords and of portal secrets: PBKDF2-HMAC-SHA-256 as a PHC string, whose parameters are
//! raised on next use (spec §4).

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use pbkdf2::{Algorithm, Params, pbkdf2_hmac_with_params};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What is hashed now: 600 000 rounds, 32 bytes.
const PARAMS: Params = Params::RECOMMENDED;
/// The most rounds that a row may ask for, about 2 s of one core: a row that was tampered with must not cost more.
const MOST_ROUNDS: u32 = 10_000_000;
const SALT_LENGTHS: std::ops::RangeInclusive<usize> = 8..=64;
const OUTPUT_LENGTHS: std::ops::RangeInclusive<usize> = 32..=Params::MAX_OUTPUT_LENGTH;

/// What is said of a text and a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Whether the hash is one of the text.
    pub(crate) matches: bool,
    /// Whether the hash was made with weaker parameters than new ones are.
    pub(crate) outdated: bool,
}

/// Hashes a text, about 100 ms of one core: never on a thread that serves requests.
///
/// The string is `$pbkdf2-sha256$i=600000,l=32$<salt>$<hash>`, both in base64 without padding (the PHC string format).
pub(crate) fn hash(text: &str, salt: [u8; 16]) -> String {
    write(text, &salt, PARAMS)
}

/// A hash as a version before this one might have made it.
#[cfg(test)]
pub(crate) fn weak_hash(text: &str) -> String {
    write(text, &[7; 16], Params::new_with_output_len(1000, 32).unwrap())
}

fn write(text: &str, salt: &[u8], params: Params) -> String {
    let output = derive(text, salt, params);
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output.as_slice()));
    format!("$pbkdf2-sha256$i={},l={}${salt}${output}", params.rounds(), params.output_len())
}

/// Compares a text with what [`hash`] once made, as slow as that. A string that isn't of the form matches nothing and takes as
/// long as one of now.
pub(crate) fn verify(text: &str, phc: &str) -> Verified {
    let stored = Stored::parse(phc);
    let is_hash = stored.is_some();
    let stored = stored.unwrap_or_else(Stored::dummy);
    let output = derive(text, &stored.salt, stored.params);
    let same = bool::from(output.ct_eq(&stored.output));
    Verified { matches: is_hash && same, outdated: is_hash && stored.is_outdated() }
}

/// Whether `phc` was made with weaker parameters than new ones are. Cheap.
pub(crate) fn is_outdated(phc: &str) -> bool {
    Stored::parse(phc).is_some_and(|stored| stored.is_outdated())
}

fn derive(text: &str, salt: &[u8], params: Params) -> Zeroizing<Vec<u8>> {
    let mut output = Zeroizing::new(vec![0; params.output_len()]);
    // Not the generic function: that would be compiled here, without optimization in a debug build.
    pbkdf2_hmac_with_params(text.as_bytes(), salt, Algorithm::Pbkdf2Sha256, params, &mut output);
    output
}

/// The parts of a PHC string, within bounds.
#[derive(Clone, Debug)]
struct Stored {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Stored {
    fn parse(phc: &str) -> Option<Self> {
        let mut parts = phc.split('$');
        let (empty, algorithm, parameters) = (parts.next()?, parts.next()?, parts.next()?);
        let (salt, output) = (parts.next()?, parts.next()?);
        if parts.next().is_some() || !empty.is_empty() || algorithm != "pbkdf2-sha256" {
            return None;
        }
        let (rounds, length) = parameters.split_once(',')?;
        let (rounds, length) = (number(rounds.strip_prefix("i=")?)?, number(length.strip_prefix("l=")?)?);
        let (salt, output) = (STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(output).ok()?);
        let length = usize::try_from(length).ok()?;
        let fits = rounds <= MOST_ROUNDS
            && output.len() == length
            && OUTPUT_LENGTHS.contains(&length)
            && SALT_LENGTHS.contains(&salt.len());
        let params = Params::new_with_output_len(rounds, length).ok().filter(|_| fits)?;
        Some(Self { params, salt, output })
    }

    fn dummy() -> Self {
        Self { params: PARAMS, salt: vec![0; 16], output: vec![0; PARAMS.output_len()] }
    }

    fn is_outdated(&self) -> bool {
        self.params.rounds() < PARAMS.rounds() || self.salt.len() < 16
    }
}

/// Decimal digits as the PHC format has them: no sign, no leading zero.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "bkps_0VLPzgQBt003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0FJwQK";

    #[test]
    fn a_hash_matches_the_vector_of_the_specification() {
        let salt = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let written = hash(SECRET, salt);
        let (parameters, output) = written.rsplit_once('$').unwrap();
        assert_eq!(parameters, "$pbkdf2-sha256$i=600000,l=32$AAECAwQFBgcICQoLDA0ODw");
        let digits =
            STANDARD_NO_PAD.decode(output).unwrap().iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(digits, "36fa3107f8c672e04507ced200c17f386c6272a69fad4f53b0d74cd0d4e177ab");
        assert_eq!(verify(SECRET, &written), Verified { matches: true, outdated: false });
        assert!(!is_outdated(&written));
    }

    #[test]
    fn only_the_same_text_matches_and_weaker_hashes_are_told() {
        let stored = weak_hash("right");
        assert_eq!(verify("right", &stored), Verified { matches: true, outdated: true });
        assert_eq!(verify("wrong", &stored), Verified { matches: false, outdated: true });
        assert!(is_outdated(&stored));
    }

    #[test]
    fn what_is_no_hash_matches_nothing() {
        assert_eq!(verify("", ""), Verified { matches: false, outdated: false });
        assert!(!is_outdated("!"));
    }

    #[test]
    fn parameters_out_of_bounds_are_no_hash() {
        let good = weak_hash("right");
        assert!(Stored::parse(&good).is_some());
        for (from, to) in [
            ("i=1000", "i=10000001"),
            ("i=1000", "i=4294967296"),
            ("i=1000", "i=999"),
            ("i=1000", "i=+1000"),
            ("i=1000", "i=01000"),
            ("l=32", "l=31"),
            ("l=32", "l=64"),
            ("sha256", "sha512"),
            ("$BwcHBwcHBwcHBwcHBwcHBw$", "$BwcHBw$"),
            ("$pbkdf2", "pbkdf2"),
        ] {
            assert!(good.contains(from));
            assert!(Stored::parse(&good.replacen(from, to, 1)).is_none(), "{to}");
        }
        assert!(Stored::parse(&format!("{good}$")).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_within_bounds(text in "(\\$pbkdf2-sha256)?\\$i=[0-9]{1,9},l=[0-9]{1,3}(\\$[A-Za-z0-9+/]{0,90}){0,3}") {
            if let Some(stored) = Stored::parse(&text) {
                prop_assert!((1000..=MOST_ROUNDS).contains(&stored.params.rounds()));
                prop_assert!(OUTPUT_LENGTHS.contains(&stored.output.len()));
            }
        }

        #[test]
        fn any_text_at_all_is_read_without_harm(text in ".{0,200}") {
            prop_assert!(Stored::parse(&text).is_none());
        }

        #[test]
        fn what_is_written_is_read(rounds in 1000u32..=MOST_ROUNDS, salt in prop::collection::vec(any::<u8>(), 8..=64), output in prop::collection::vec(any::<u8>(), 32..=64)) {
            let text = format!(
                "$pbkdf2-sha256$i={rounds},l={}${}${}",
                output.len(), STANDARD_NO_PAD.encode(&salt), STANDARD_NO_PAD.encode(&output)
            );
            let stored = Stored::parse(&text).unwrap();
            prop_assert_eq!((stored.params.rounds(), stored.salt, stored.output), (rounds, salt, output));
        }
    }
}
