//! What may be said of a person: names and passwords.

use kit::error::Violation;

const MOST_NAME: usize = 255;
const LEAST_PASSWORD: usize = 12;
const MOST_PASSWORD_BYTES: usize = 1024;

/// A name shown to others: 1 to 255 characters.
pub(crate) fn check_name(name: &str) -> Result<(), Violation> {
    let refuse = |why: &str| Err(Violation::new("name", why));
    if name.trim().is_empty() {
        return refuse("must not be empty");
    }
    // PostgreSQL can't keep them, and nobody means them.
    if name.contains('\0') {
        return refuse("must not contain NUL characters");
    }
    if name.chars().count() > MOST_NAME {
        return refuse(&format!("must not be longer than {MOST_NAME} characters"));
    }
    Ok(())
}

/// A password to be set: 12 characters or more, 1 KiB at most. The sentence never repeats it.
pub(crate) fn check_password(password: &str) -> Result<(), Violation> {
    let refuse = |why: String| Err(Violation::new("password", why));
    if password.chars().count() < LEAST_PASSWORD {
        return refuse(format!("must not be shorter than {LEAST_PASSWORD} characters"));
    }
    if password.len() > MOST_PASSWORD_BYTES {
        return refuse(format!("must not be longer than {MOST_PASSWORD_BYTES} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_255_characters() {
        for good in ["A", "Ada Lovelace", &"é".repeat(255)] {
            assert_eq!(check_name(good), Ok(()));
        }
        for bad in ["", " \t", "A\0da", &"é".repeat(256)] {
            assert_eq!(check_name(bad).unwrap_err().field, "name", "{bad:?}");
        }
    }

    #[test]
    fn a_password_has_12_characters_and_1_kib_at_most() {
        for good in ["é".repeat(12), "x".repeat(1024)] {
            assert_eq!(check_password(&good), Ok(()));
        }
        for bad in ["é".repeat(11), "x".repeat(1025)] {
            let fault = check_password(&bad).unwrap_err();
            assert!(fault.field == "password" && !fault.message.contains(&bad), "{fault:?}");
        }
    }
}
