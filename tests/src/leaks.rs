//! Credentials where they must not be.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose};
use kit::credential::Plain;

/// Files that exist to show credentials to their owner.
const EXEMPT: [&str; 2] = ["bootstrap.json", "auth.header"];

/// How many characters write a credential's 32 random bytes, and how many follow as its checksum.
const BODY: usize = 43;
const CHECKSUM: usize = 6;

/// How a secret could have been written: its text or, of a credential, the random bytes in it; as they are, in hexadecimal
/// digits, in base64 at each of the three alignments.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let random = Plain::parse(secret).ok().map(|_| random(secret).to_vec());
    [Some(secret.as_bytes().to_vec()), random].into_iter().flatten().flat_map(written).collect()
}

fn written(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = (0..3).map(|shift| {
        let text = general_purpose::STANDARD_NO_PAD.encode([&vec![b'x'; shift][..], &bytes].concat());
        // The first and the last group hold bits of what is before and after.
        text[4..text.len() - 4].to_owned()
    });
    let texts: Vec<String> = [hex.clone(), hex.to_uppercase()].into_iter().chain(base64).collect();
    [bytes].into_iter().chain(texts.into_iter().map(String::into_bytes)).collect()
}

/// The bytes that a credential was made of, most significant first.
fn random(credential: &str) -> [u8; 32] {
    let digits = &credential[credential.len() - CHECKSUM - BODY..credential.len() - CHECKSUM];
    let mut number = [0; 32];
    for digit in digits.bytes() {
        let mut carry = match digit {
            b'0'..=b'9' => u32::from(digit - b'0'),
            b'A'..=b'Z' => u32::from(digit - b'A') + 10,
            _ => u32::from(digit - b'a') + 36,
        };
        for byte in number.iter_mut().rev() {
            carry += u32::from(*byte) * 62;
            *byte = u8::try_from(carry & 0xff).unwrap();
            carry >>= 8;
        }
    }
    number
}

/// Where `secrets` (what each is, and its value) stand in `bytes`, which are called `place`.
pub fn find(bytes: &[u8], secrets: &[(&str, &str)], place: &str) -> Vec<String> {
    let (mut found, text) = (Vec::new(), String::from_utf8_lossy(bytes));
    for (what, secret) in secrets {
        for (number, spelling) in spellings(secret).into_iter().enumerate() {
            if holds(bytes, &text, &spelling) {
                found.push(format!("{what} (spelling {number}) is in {place}"));
            }
        }
    }
    found
}

/// Text is searched as text, which is quick: logs are long. What is none in `text` is replaced, and takes no text with it.
fn holds(bytes: &[u8], text: &str, spelling: &[u8]) -> bool {
    match str::from_utf8(spelling) {
        Ok(spelling) if spelling.is_ascii() => text.contains(spelling),
        _ => bytes.windows(spelling.len()).any(|window| window == spelling),
    }
}

/// As [`find`], in every file below `directory` but those that show credentials to their owner. Also answers how many files.
pub fn search(directory: &Path, secrets: &[(&str, &str)]) -> (usize, Vec<String>) {
    let (mut files, mut found) = (0, Vec::new());
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let (more, leaks) = search(&path, secrets);
            (files, found) = (files + more, [found, leaks].concat());
        } else if !EXEMPT.iter().any(|name| path.ends_with(name)) {
            files += 1;
            found.extend(find(&fs::read(&path).unwrap(), secrets, &path.display().to_string()));
        }
    }
    (files, found)
}

#[cfg(test)]
mod tests {
    use kit::credential::Kind;

    use super::*;

    #[test]
    fn the_random_bytes_of_a_credential_are_found() {
        let bytes = std::array::from_fn(|at| u8::try_from(7 * at + 3).unwrap());
        let token = Plain::token("bk", Kind::Portal, &bytes);
        assert_eq!(random(token.expose()), bytes);
        assert_eq!(find(&bytes, &[("it", token.expose())], "there").len(), 1);
    }

    #[test]
    fn each_spelling_of_a_secret_is_found() {
        let secret = "bkpat_abcdefghijklmnopqrstuvwxyz";
        for (number, spelling) in spellings(secret).into_iter().enumerate() {
            let text = [b"before ".as_slice(), &spelling, b" after"].concat();
            assert_eq!(find(&text, &[("it", secret)], "there").len(), 1, "spelling {number}");
        }
        for shift in 0..3 {
            let text = general_purpose::STANDARD.encode(format!("{}{secret} and more", "p".repeat(shift)));
            assert_eq!(find(text.as_bytes(), &[("it", secret)], "there").len(), 1, "shift {shift}");
        }
        assert_eq!(find(b"nothing", &[("it", secret)], "there"), Vec::<String>::new());
    }
}
