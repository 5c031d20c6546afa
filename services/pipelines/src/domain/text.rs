//! Texts that callers send: bounded, and without the NUL that `PostgreSQL` can't keep.

use crate::error::Error;

/// Accepts `value` when it is no longer than `longest` bytes.
pub(crate) fn bounded(field: &str, value: String, longest: usize) -> Result<String, Error> {
    if value.len() > longest {
        return Err(Error::invalid(format!("{field} is too long (at most {longest} bytes)")));
    }
    if value.contains('\0') {
        return Err(Error::invalid(format!("{field} contains a NUL character")));
    }
    Ok(value)
}

/// Like [`bounded`], and refuses blank texts.
pub(crate) fn required(field: &str, value: String, longest: usize) -> Result<String, Error> {
    if value.trim().is_empty() {
        return Err(Error::invalid(format!("{field} can't be blank")));
    }
    bounded(field, value, longest)
}

/// Like [`bounded`], for a text that may be absent.
pub(crate) fn optional(field: &str, value: Option<String>, longest: usize) -> Result<Option<String>, Error> {
    value.map(|value| bounded(field, value, longest)).transpose()
}

/// Refuses lists that are too long.
pub(crate) fn at_most<T>(field: &str, list: Vec<T>, most: usize) -> Result<Vec<T>, Error> {
    if list.len() > most {
        return Err(Error::invalid(format!("{field} has too many entries (at most {most})")));
    }
    Ok(list)
}
