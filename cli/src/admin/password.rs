//! Passwords that the operator gives. Never as arguments: every user of the machine can read those.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use clap::Args;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// More than any password has.
const MOST_BYTES: u64 = 4 << 10;

/// Where a password comes from.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(super) struct Source {
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
    /// Read the password from a file.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Source {
    /// The password, without the line's end behind it; `None` if none is given.
    pub(super) fn read(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let Self { password_stdin, password_file } = self;
        match password_file {
            Some(path) => {
                let failed = |error| Failure::because(format!("{} can't be read", path.display()), error);
                one_line(File::open(path).map_err(failed)?).map(Some)
            }
            None if *password_stdin => one_line(io::stdin().lock()).map(Some),
            None => Ok(None),
        }
    }
}

fn one_line(input: impl Read) -> Result<Zeroizing<String>, Failure> {
    // With all the room from the start: a buffer that grows leaves what it held behind.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MOST_BYTES).unwrap_or_default() + 1));
    let read = input.take(MOST_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| Failure::because("the password can't be read", error))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains('\n') || u64::try_from(text.len()).is_ok_and(|bytes| bytes > MOST_BYTES) {
        return Err(Failure::Plain("the password must be one line that isn't empty".to_owned()));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_end_of_a_line_is_no_part_of_the_password() {
        for (text, expected) in [("a b", "a b"), ("a b\n", "a b"), ("a b\r\n", "a b"), (" a \n", " a ")] {
            assert_eq!(one_line(text.as_bytes()).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let long = "x".repeat(5000);
        for text in ["", "\n", "a\nb", "a\n\n", &long] {
            assert!(one_line(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
