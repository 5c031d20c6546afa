//! Settings that nobody is shown.

use std::{fmt::Display, fs, str::FromStr};

use zeroize::Zeroizing;

use super::Settings;

impl Settings {
    /// A secret without which the part can't run: the setting itself or the file that its `_FILE` twin names.
    pub fn secret(&mut self, key: &str) -> Zeroizing<String> {
        let given = self.optional_secret(key);
        if given.is_none() {
            self.problem(format!("{0} or {0}_FILE is missing", self.name(key)));
        }
        given.unwrap_or_default()
    }

    /// A secret that may be absent. Present, but empty, where its file can't be read.
    pub fn optional_secret(&mut self, key: &str) -> Option<Zeroizing<String>> {
        let (name, twin) = (self.name(key), format!("{}_FILE", self.name(key)));
        self.show(key, "(not shown)".to_owned());
        match (self.given.remove(&name), self.given.remove(&twin)) {
            (None, None) => None,
            (Some(value), None) => Some(Zeroizing::new(value)),
            (Some(_), Some(_)) => {
                self.problem(format!("{name} and {twin} are both given"));
                Some(Zeroizing::default())
            }
            (None, Some(path)) => {
                let read = fs::read_to_string(&path).map(|value| Zeroizing::new(value.trim_end().to_owned()));
                let read = read.map_err(|error| self.problem(format!("{twin}: {path} can't be read: {error}")));
                Some(read.unwrap_or_default())
            }
        }
    }

    /// A secret without which the part can't run, read as a `T`, whose error must not repeat it. `None` where one problem of
    /// it was reported.
    pub fn parsed_secret<T: FromStr>(&mut self, key: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let before = self.problems.len();
        let text = self.secret(key);
        // What stands in for a secret that isn't there would be reported once more.
        if self.problems.len() > before {
            return None;
        }
        text.parse().map_err(|error| self.refuse(key, error)).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Problems, settings};

    #[test]
    fn a_secret_comes_from_its_file_and_is_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "hush\n").unwrap();
        let mut given = settings(&[("TOKEN_SERVICE__KEY_FILE", file.path().to_str().unwrap())]);
        assert_eq!(given.secret("SERVICE__KEY").as_str(), "hush");
        assert_eq!(given.finish().unwrap(), [("TOKEN_SERVICE__KEY".to_owned(), "(not shown)".to_owned())]);
    }

    #[test]
    fn a_parsed_secret_is_reported_once_whatever_is_wrong_with_it() {
        for (given, expected) in [
            (vec![], "TOKEN_SERVICE__KEY or TOKEN_SERVICE__KEY_FILE is missing"),
            (vec![("TOKEN_SERVICE__KEY", "weak")], "TOKEN_SERVICE__KEY: invalid digit found in string"),
            (vec![("TOKEN_SERVICE__KEY_FILE", "/nowhere")], "TOKEN_SERVICE__KEY_FILE: /nowhere can't be read"),
            (vec![("TOKEN_SERVICE__KEY", "7"), ("TOKEN_SERVICE__KEY_FILE", "/nowhere")], "are both given"),
        ] {
            let mut given = settings(&given);
            assert_eq!(given.parsed_secret::<u32>("SERVICE__KEY"), None);
            let Problems(problems) = given.finish().unwrap_err();
            assert!(problems.len() == 1 && problems[0].to_string().contains(expected), "{problems:?}");
        }
        let mut given = settings(&[("TOKEN_SERVICE__KEY", "7")]);
        assert_eq!(given.parsed_secret::<u32>("SERVICE__KEY"), Some(7));
        assert_eq!(given.finish().unwrap(), [("TOKEN_SERVICE__KEY".to_owned(), "(not shown)".to_owned())]);
    }
}
