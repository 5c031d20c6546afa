//! `portals`: the one binary. Every part of the system, in any combination of roles.

mod admin;
mod announce;
mod assembly;
mod built_in;
mod command;
mod data_directory;
mod failure;
mod first_start;
mod healthcheck;
mod roles;
mod running;
mod standalone;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match command::run(command::Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
