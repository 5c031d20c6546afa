//! The clients of `docs/grpc.md`, run as they stand there.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use serde_json::json;
use suite::{Installation, clients, rules::tree};

/// The README's portal, as far as it is called here.
const QUERY: &str = "query GetBuilds($pipelineSlug: ID!) { pipeline(slug: $pipelineSlug) { id builds(last: 10, branch: \
                     \"main\") { edges { node { url } } } } }";

/// The blocks of a Markdown text in that language, in order.
fn blocks(markdown: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    let parts = markdown.split(&fence).skip(1).map(|part| part.split("\n```").next().unwrap());
    parts.map(|block| format!("{block}\n")).collect()
}

/// A program of that name, which is this script.
fn program(directory: &Path, name: &str, script: &str) {
    let file = directory.join(name);
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn the_documented_clients_print_what_the_documentation_says() {
    let text = fs::read_to_string(tree::root().join("docs/grpc.md")).unwrap();
    let only = |language: &str| {
        let blocks = blocks(&text, language);
        assert_eq!(blocks.len(), 1, "{language}");
        blocks[0].clone()
    };
    let house = Installation::start();
    let portal = house.portal(json!({"name": "Main builds", "query": QUERY})).await;
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("call_portal.py"), only("python")).unwrap();
    fs::write(at("call_portal.mjs"), only("js")).unwrap();
    symlink(tree::root().join("proto"), at("proto")).unwrap();
    symlink(house.data_dir(), at("portals-data")).unwrap();
    symlink(clients::packages().join("node_modules"), at("node_modules")).unwrap();
    // What the reader is told to install `tests/run` has installed.
    fs::create_dir(at("bin")).unwrap();
    let python = format!("exec {} \"$@\"", clients::interpreter().display());
    for (name, script) in [("pip", ":"), ("npm", ":"), ("python", &python)] {
        program(&at("bin"), name, script);
    }
    let commands = blocks(&text, "sh");
    assert_eq!(commands.len(), 3);
    let script = format!("set -e\nPATH=$PWD/bin:$PATH\nTOKEN={}\n{}", portal.token, commands.concat());
    let output = Command::new("bash").args(["-c", &script]).current_dir(directory.path()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(printed, blocks(&text, "text").concat());
}
