//! Ready-made clients in other languages (`tests/clients`), with what `tests/run` installed for them.

use std::{
    env,
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// Runs a Python client (`PORTALS_TEST_PYTHON`) with `input` on standard input. Gives the JSON that it prints.
pub fn python(script: &str, arguments: &[&str], input: &str) -> Value {
    let python = env::var_os("PORTALS_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    run(Command::new(python).arg(file(script)).args(arguments), input)
}

/// As [`python`], with Node.js. The script's last argument is the directory of its packages (`PORTALS_TEST_NPM`).
pub fn node(script: &str, arguments: &[&str], input: &str) -> Value {
    let packages: OsString = env::var_os("PORTALS_TEST_NPM").expect("PORTALS_TEST_NPM: `tests/run` sets it");
    run(Command::new("node").arg(file(script)).args(arguments).arg(packages), input)
}

pub(crate) fn file(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script)
}

fn run(command: &mut Command, input: &str) -> Value {
    let program = command.get_program().display().to_string();
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{program} can't be run: {error}"));
    // A client that has ended already says why on standard error.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{program} printed no JSON: {error}"))
}
