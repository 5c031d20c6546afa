//! What the black-box tests and the house rules are made of.
//!
//! The tests in `suite/` start the real `portals` binary ([`Installation`]) with a data directory of its own and speak to
//! it over HTTP and gRPC, as a stranger would. [`rules`] reads the source tree.
//!
//! To add a test: a function in the file of `suite/` whose name says the behaviour, named as the fact that it proves. To
//! add a house rule: a checker with a planted violation in `rules/`, and its call on the real tree in
//! `suite/house_rules.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this crate is tests: what isn't as expected must stop the test, and say where"
)]
#![allow(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "everything here panics when a test fails, and a test writes json!({…}) where it stands"
)]

pub mod admin;
mod answer;
mod authority;
pub mod browser;
mod caller;
pub mod canaries;
pub mod chromium;
pub mod clients;
mod cluster;
mod collector;
pub mod described;
pub mod device;
mod disk;
mod fleet;
pub mod helm;
pub mod history;
mod installation;
mod issuing;
mod launch;
pub mod leaks;
mod load;
pub mod metrics;
mod namespace;
mod nginx;
mod paced;
mod partition;
mod portal;
pub mod postgres;
mod process;
pub mod python;
pub mod raw;
mod removals;
pub mod rpc;
pub mod rules;
mod split;
mod switch;
mod twins;
pub mod upstream;
pub mod wait;
pub mod wire;

pub use answer::Answer;
pub use authority::Authority;
pub use browser::Browser;
pub use caller::{Caller, PORTALS, path, unique};
pub use chromium::Chromium;
pub use cluster::Cluster;
pub use collector::Collector;
pub use disk::Disk;
pub use fleet::{Fleet, on_postgres};
pub use installation::{Bootstrap, Installation, STOP};
pub use issuing::{Issued, credentials, grant};
pub use launch::{Ended, Launch, run as portals, run_in as portals_in, run_with_input as portals_with_input};
pub use load::{Load, all_at_once, count, figures, full};
pub use namespace::{Cable, Namespace};
pub use nginx::Nginx;
pub use paced::{Sample, paced};
pub use partition::{Direction, Partition};
pub use portal::Portal;
pub use process::Process;
pub use removals::{Removals, Seen};
pub use split::{Part, Split};
pub use switch::Switch;
pub use twins::Twins;
pub use upstream::Upstream;
