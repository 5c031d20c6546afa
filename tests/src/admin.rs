//! `portals admin` against a running installation. The only place that knows how its commands are spelled.

use std::path::Path;

use crate::{Ended, Installation, launch, unique};

/// Who runs commands on an installation's data directory.
#[derive(Clone, Copy, Debug)]
pub struct Admin<'a> {
    data_dir: &'a Path,
}

/// A user that a test made.
#[derive(Clone, Debug)]
pub struct User {
    /// Who signs in.
    pub email: String,
    /// With what.
    pub password: String,
}

impl Installation {
    /// Whoever sits at its machine.
    pub fn admin(&self) -> Admin<'_> {
        Admin { data_dir: self.data_dir() }
    }
}

impl<'a> Admin<'a> {
    /// On this data directory.
    pub fn of(data_dir: &'a Path) -> Self {
        Self { data_dir }
    }

    /// Runs `portals admin WORDS… --data-dir …`.
    pub fn run(&self, words: &[&str], input: &str) -> Ended {
        let data_dir = self.data_dir.display().to_string();
        let arguments = [&["admin"], words, &["--data-dir", &data_dir]].concat();
        launch::run_with_input(&arguments, &[], input)
    }

    /// As [`Admin::run`], for what must work. Gives standard output without the line's end.
    #[track_caller]
    pub fn ok(&self, words: &[&str], input: &str) -> String {
        let ended = self.run(words, input);
        assert!(ended.status.success(), "portals admin {words:?}: {}", ended.stderr);
        ended.stdout.trim_end().to_owned()
    }

    /// Makes a user with a password.
    #[track_caller]
    pub fn user(&self, name: &str) -> User {
        let user = User { email: format!("{name}@example.com"), password: format!("password of {name}") };
        let words = ["create-user", "--email", &user.email, "--name", name, "--password-stdin"];
        self.ok(&words, &format!("{}\n", user.password));
        user
    }

    /// Makes an organization.
    #[track_caller]
    pub fn organization(&self, slug: &str) {
        self.ok(&["create-organization", "--name", slug, "--slug", slug], "");
    }

    /// Makes a user a `member` or an `admin` of an organization.
    #[track_caller]
    pub fn member(&self, user: &User, organization: &str, role: &str) {
        self.ok(&["add-member", "--organization", organization, "--email", &user.email, "--role", role], "");
    }

    /// Makes a user with a new name like this one who is a `member` or an `admin` of the first organization.
    #[track_caller]
    pub fn user_as(&self, role: &str, like: &str) -> User {
        let user = self.user(&unique(like));
        self.member(&user, "my-organization", role);
        user
    }

    /// Makes an API access token with every scope that reaches every organization of the user. Gives its value.
    #[track_caller]
    pub fn api_token(&self, user: &User) -> String {
        self.ok(&["create-api-token", "--email", &user.email, "--all-scopes", "--description", "of a test"], "")
    }

    /// Makes an API access token with these scopes.
    #[track_caller]
    pub fn api_token_with(&self, user: &User, scopes: &[&str], more: &[&str]) -> String {
        let scopes: Vec<&str> = scopes.iter().flat_map(|scope| ["--scope", scope]).collect();
        let head = ["create-api-token", "--email", &user.email, "--description", "of a test"];
        self.ok(&[&head[..], &scopes, more].concat(), "")
    }
}
