//! What a started `standalone` prints: where it is, and a command that works when pasted. No credential.

use std::io::{self, Write};

use crate::{data_directory::DataDirectory, failure::Failure, first_start::HEADER_FILE};

/// Prints the address and a first command.
pub(crate) fn started(directory: &DataDirectory, gateway: &str) -> Result<(), Failure> {
    let header = directory.file(HEADER_FILE);
    let data = directory.path().display();
    let hint = if header.exists() {
        format!("\nTry:\n\n  curl -H {} {gateway}/v2/organizations\n\n", shell_word(&format!("@{}", header.display())))
    } else {
        String::new()
    };
    let text = format!("Portals is running at {gateway}\nIts data is in {data}\n{hint}Ctrl-C stops it.\n");
    io::stdout().write_all(text.as_bytes()).map_err(|error| Failure::because("can't print", error))
}

/// A text as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@/._-".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word_of_the_shell() {
        assert_eq!(shell_word("@portals-data/auth.header"), "@portals-data/auth.header");
        assert_eq!(shell_word("@it's mine/a"), r"'@it'\''s mine/a'");
    }
}
