//! Console passwords at rest: PBKDF2-HMAC-SHA-256 as a PHC string, whose parameters are raised on next use (spec §4).

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use pbkdf2::{Algorithm, Params, pbkdf2_hmac_with_params};
use zeroize::Zeroizing;

/// What is hashed now: 600 000 rounds, 32 bytes.
const PARAMS: Params = Params::RECOMMENDED;

/// Hashes a password, about 100 ms of one core: never on a thread that serves requests.
///
/// The string is `$pbkdf2-sha256$i=600000,l=32$<salt>$<hash>`, both in base64 without padding (the PHC string format).
pub(crate) fn hash(password: &str, salt: [u8; 16]) -> String {
    let mut output = Zeroizing::new(vec![0; PARAMS.output_len()]);
    // Not the generic function: that would be compiled here, without optimization in a debug build.
    pbkdf2_hmac_with_params(password.as_bytes(), &salt, Algorithm::Pbkdf2Sha256, PARAMS, &mut output);
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output.as_slice()));
    format!("$pbkdf2-sha256$i={},l={}${salt}${output}", PARAMS.rounds(), PARAMS.output_len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_the_vector_of_the_specification() {
        let secret = "bkps_0VLPzgQBt003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0FJwQK";
        let salt = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let written = hash(secret, salt);
        let (parameters, output) = written.rsplit_once('$').unwrap();
        assert_eq!(parameters, "$pbkdf2-sha256$i=600000,l=32$AAECAwQFBgcICQoLDA0ODw");
        let digits =
            STANDARD_NO_PAD.decode(output).unwrap().iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(digits, "36fa3107f8c672e04507ced200c17f386c6272a69fad4f53b0d74cd0d4e177ab");
    }
}
