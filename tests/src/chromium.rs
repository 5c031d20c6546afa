//! A real browser (`clients/chromium.mjs`), driven step by step.

use std::{
    env,
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::clients;

/// A Chromium with one page and a fresh profile. Closed when dropped.
#[derive(Debug)]
pub struct Chromium {
    driver: Child,
    steps: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

/// What stands on the screen.
#[derive(Debug, Deserialize)]
pub struct View {
    /// The status of the last page that was fetched.
    pub status: Option<u16>,
    /// What stands in the address bar.
    pub url: String,
    /// The title of the window.
    pub title: String,
    /// The text that is to be seen.
    pub text: String,
    /// What has the focus: its id, its text or its tag.
    pub focus: String,
}

/// A cookie as the browser keeps it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Whether scripts can't read it.
    pub http_only: bool,
    /// When it comes along with requests of other sites' pages.
    pub same_site: String,
    /// The host that it goes to.
    pub domain: String,
    /// When it ends, in seconds; -1: with the browser.
    pub expires: f64,
}

impl Chromium {
    /// Starts one.
    pub fn start() -> Self {
        let packages = env::var_os("PORTALS_TEST_NPM").expect("PORTALS_TEST_NPM: `tests/run` sets it");
        let mut command = Command::new("node");
        command.arg(clients::file("chromium.mjs")).arg(packages).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut driver = command.spawn().unwrap_or_else(|error| panic!("node can't be run: {error}"));
        let answers = BufReader::new(driver.stdout.take().unwrap()).lines();
        Self { steps: driver.stdin.take(), driver, answers }
    }

    /// Takes a step and waits until it is done. Gives its answer.
    #[track_caller]
    pub fn step<A: for<'de> Deserialize<'de>>(&mut self, step: Value) -> A {
        let steps = self.steps.as_mut().unwrap();
        writeln!(steps, "{step}").unwrap_or_else(|error| panic!("the browser's driver has ended: {error}"));
        let line = self.answers.next().unwrap_or_else(|| panic!("the browser's driver ended at {step}")).unwrap();
        let mut told: Value = serde_json::from_str(&line).unwrap();
        assert!(told["fault"].is_null(), "{}", told["fault"]);
        serde_json::from_value(told["answer"].take()).unwrap_or_else(|error| panic!("{step}: {error} in {line}"))
    }

    /// Opens an address.
    #[track_caller]
    pub fn open(&mut self, url: &str) -> View {
        self.step(json!(["open", url]))
    }

    /// Presses a button with the mouse, and looks at the page that comes.
    #[track_caller]
    pub fn click(&mut self, button: &str) -> View {
        self.step(json!(["click", button]))
    }

    /// Presses a key that leads to no other page. Gives what then has the focus.
    #[track_caller]
    pub fn press(&mut self, key: &str) -> String {
        self.step(json!(["press", key]))
    }

    /// Presses Enter, and looks at the page that comes.
    #[track_caller]
    pub fn enter(&mut self) -> View {
        self.step(json!(["enter"]))
    }

    /// Fills in the sign-in form that is open.
    #[track_caller]
    pub fn sign_in(&mut self, email: &str, password: &str) -> View {
        self.step::<()>(json!(["fill", "E-mail address", email]));
        self.step::<()>(json!(["fill", "Password", password]));
        self.click("Sign in")
    }

    /// Runs a script in the page, as its developer could. Gives its value.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        self.step(json!(["evaluate", expression]))
    }

    /// The cookies.
    #[track_caller]
    pub fn cookies(&mut self) -> Vec<Kept> {
        self.step(json!(["cookies"]))
    }

    /// Serves a page from another port. Gives it.
    #[track_caller]
    pub fn serve(&mut self, html: &str) -> u16 {
        self.step(json!(["serve", html]))
    }

    /// What the browser's console and axe-core find fault with.
    #[track_caller]
    pub fn faults(&mut self) -> Vec<String> {
        let barriers: Vec<String> = self.step(json!(["barriers"]));
        barriers.into_iter().chain(self.step::<Vec<String>>(json!(["complaints"]))).collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // With its input the driver ends, and closes the browser; it hurries itself.
        drop(self.steps.take());
        let _ = self.driver.wait();
    }
}
