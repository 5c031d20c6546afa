//! The API on a real database of each engine at hand.

mod builds;
mod documents;
mod lists;
mod members;
mod notices;
mod people;
mod pipelines;
mod reach;
mod rpc;
mod rpc_lists;
mod statements;
mod teams;
mod world;
