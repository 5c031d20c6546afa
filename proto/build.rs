//! Compiles the protobuf contracts in pure Rust: no `protoc` on the machine, no generated code in git.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const FILES: [&str; 10] = [
    "portals/token/v1/token.proto",
    "portals/audit/v1/audit.proto",
    "portals/credential/v1/credential.proto",
    "portals/directory/v1/directory.proto",
    "portals/directory/v1/operator.proto",
    "portals/directory/v1/session.proto",
    "portals/registry/v1/registry.proto",
    "portals/execution/v1/execution.proto",
    "portals/pipelines/v1/pipelines.proto",
    "portals/webhook/v1/webhook.proto",
];

#[expect(clippy::disallowed_methods, reason = "Cargo says where to write in the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=portals");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    // Bodies travel as `Bytes`, so that a result isn't copied on its way through the gateway.
    tonic_prost_build::configure().bytes(".portals.execution.v1").compile_fds(descriptors)?;
    Ok(())
}
