//! E-mail addresses: the names that people sign in with.

/// The longest address (RFC 5321 §4.5.3.1.3), in bytes.
const MOST_BYTES: usize = 254;

/// An address of a plausible form, in lower case. Whether mail arrives there, nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    /// Reads an address, whatever its case and the white space around it; `None` if it has no plausible form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (local, domain) = text.rsplit_once('@')?;
        let odd = |c: char| c.is_whitespace() || c.is_control();
        let whole = !local.is_empty() && !local.contains('@') && is_domain(domain);
        (whole && text.len() <= MOST_BYTES && !text.contains(odd)).then_some(Self(text))
    }

    /// The address.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Email::parse(text).map(String::from)
    }

    #[test]
    fn case_and_white_space_around_do_not_matter() {
        assert_eq!(read(" Ada@Example.COM\n").as_deref(), Some("ada@example.com"));
        assert_eq!(read("ÄDA@exämple.com").as_deref(), Some("äda@exämple.com"));
        assert_eq!(read("admin@localhost").as_deref(), Some("admin@localhost"));
    }

    #[test]
    fn what_can_be_no_address_is_none() {
        for text in ["", "@", "ada", "ada@", "@b.c", "a@b@c.d", "a b@c.d", "a\0@b.c", "a@b..c", "a@.b", "a@b."] {
            assert_eq!(read(text), None, "{text:?}");
        }
        let long = |bytes: usize| format!("{}@b.c", "a".repeat(bytes - 4));
        assert!(read(&long(254)).is_some());
        assert_eq!(read(&long(255)), None);
    }
}
