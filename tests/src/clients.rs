//! Programs in other languages, with what `tests/run` installed for them: ready-made clients (`tests/clients`), and the samples
//! of `docs/`.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::rules;

/// Runs a Python client (`PORTALS_TEST_PYTHON`) with `input` on standard input. Gives the JSON that it prints.
pub fn python(script: &str, arguments: &[&str], input: &str) -> Value {
    run(Command::new(interpreter()).arg(file(script)).args(arguments), input)
}

/// As [`python`], for a script that was written elsewhere.
pub fn python_at(script: &Path, arguments: &[String], input: &str) -> Value {
    run(Command::new(interpreter()).arg(script).args(arguments), input)
}

/// As [`python`], with Node.js. The script's last argument is the directory of its packages (`PORTALS_TEST_NPM`).
pub fn node(script: &str, arguments: &[&str], input: &str) -> Value {
    run(Command::new("node").arg(file(script)).args(arguments).arg(packages()), input)
}

/// As [`node`], for a script that stands beside `gen`, the code that `buf generate` makes of the contracts.
pub fn connect_web(script: &str, arguments: &[&str], input: &str) -> Value {
    let home = tempfile::tempdir().unwrap();
    fs::copy(file(script), home.path().join(script)).unwrap();
    symlink(packages().join("node_modules"), home.path().join("node_modules")).unwrap();
    let template = json!({"version": "v2", "plugins": [{"local": "protoc-gen-es", "opt": ["target=js", "import_extension=js"], "out": "gen"}]});
    let errors = "google/rpc/error_details.proto";
    fs::create_dir_all(home.path().join("errors/google/rpc")).unwrap();
    fs::copy(file(errors), home.path().join("errors").join(errors)).unwrap();
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    for input in [contracts, home.path().join("errors")] {
        let path = env::join_paths(
            [packages().join("node_modules/.bin")].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())),
        );
        let mut buf = Command::new("buf");
        buf.current_dir(home.path()).env("PATH", path.unwrap()).args(["generate", "--template", &template.to_string()]);
        let output = buf.arg(input).output().unwrap_or_else(|error| panic!("buf can't be run: {error}"));
        assert!(output.status.success(), "buf: {}", String::from_utf8_lossy(&output.stderr));
    }
    run(Command::new("node").arg(home.path().join(script)).args(arguments), input)
}

/// The interpreter of Python that has the packages.
pub fn interpreter() -> PathBuf {
    env::var_os("PORTALS_TEST_PYTHON").unwrap_or_else(|| "python3".into()).into()
}

/// Where the packages of npm are.
pub fn packages() -> PathBuf {
    env::var_os("PORTALS_TEST_NPM").expect("PORTALS_TEST_NPM: `tests/run` sets it").into()
}

/// Runs the program in `language` that stands on a page of `docs/`, with these environment variables and `lines` on standard
/// input. Gives the lines that it prints.
pub fn documented(page: &str, language: &str, variables: &[(&str, &str)], lines: &[String]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let mut command = sample(page, language, directory.path());
    let output = output(command.envs(variables.iter().copied()), &lines.join("\n"));
    String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
}

/// What runs the program in `language` that stands on a page of `docs/`, from a directory that it is written to.
pub fn sample(page: &str, language: &str, directory: &Path) -> Command {
    let program = match language {
        "python" => "sample.py",
        _ => "sample.mjs",
    };
    let program = directory.join(program);
    fs::write(&program, block(page, language)).unwrap();
    let mut command = if language == "python" {
        Command::new(interpreter())
    } else {
        symlink(packages().join("node_modules"), directory.join("node_modules")).unwrap();
        Command::new("node")
    };
    command.arg(&program);
    command
}

/// The one block of code in that language on a page of `docs/`.
pub fn block(page: &str, language: &str) -> String {
    let page = fs::read_to_string(rules::tree::root().join("docs").join(page)).unwrap();
    let opening = format!("\n```{language}\n");
    let (_, rest) = page.split_once(&opening).unwrap_or_else(|| panic!("no {language} on the page"));
    assert!(!rest.contains(&opening), "there are several blocks of {language}");
    rest.split_once("\n```").unwrap().0.to_owned()
}

/// Where a program of `tests/clients` is.
pub fn file(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script)
}

fn run(command: &mut Command, input: &str) -> Value {
    let printed = output(command, input);
    serde_json::from_slice(&printed).unwrap_or_else(|error| panic!("{command:?} printed no JSON: {error}"))
}

/// What a program prints that must end well.
fn output(command: &mut Command, input: &str) -> Vec<u8> {
    let program = command.get_program().display().to_string();
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{program} can't be run: {error}"));
    // A client that has ended already says why on standard error.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
