//! The commands of the README, run as they stand in the file.

use std::{fs, net::TcpListener, process::Command};

use suite::{Installation, Launch, rules::tree};

/// What the README says that it listens on when nobody says otherwise.
const DEFAULT: &str = "127.0.0.1:8080";

/// The `sh` blocks of a Markdown text that hold a curl, in order.
fn blocks(markdown: &str) -> Vec<String> {
    let parts = markdown.split("\n```sh\n").skip(1).map(|part| part.split("\n```").next().unwrap_or(part));
    parts.filter(|block| block.contains("curl")).map(str::to_owned).collect()
}

#[test]
fn only_shell_blocks_with_a_curl_are_taken() {
    let text = "a\n```sh\ncargo run\n```\n```json\ncurl\n```\n```sh\nX=1 \\\n  curl a\n```\n";
    assert_eq!(blocks(text), ["X=1 \\\n  curl a"]);
}

#[test]
fn the_commands_of_the_readme_work_in_order_as_they_stand() {
    let readme = fs::read_to_string(tree::root().join("README.md")).unwrap();
    let blocks = blocks(&readme);
    assert!(!blocks.is_empty(), "the README shows no curl");
    let free = TcpListener::bind(DEFAULT);
    assert!(
        free.is_ok(),
        "the README's address {DEFAULT} is taken by another program; stop it and run this test again"
    );
    drop(free);
    let directory = tempfile::tempdir().unwrap();
    let launch = Launch::new(&directory.path().join("portals-data")).listen(DEFAULT);
    let house = Installation::launch(launch);
    let script = format!("set -e\n{}\n", blocks.join("\n"));
    let output = Command::new("bash").args(["-c", &script]).current_dir(directory.path()).output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}\n{wrong}", output.status);
    for fault in ["\"code\":", "\"errors\":", "curl: ("] {
        assert!(!said.contains(fault) && !wrong.contains(fault), "a command of the README fails:\n{said}\n{wrong}");
    }
    assert!(said.contains("/builds/1"), "the README's example makes no build:\n{said}");
    drop(house);
}
