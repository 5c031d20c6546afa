//! The API on a real database of each engine at hand.

mod builds;
mod documents;
mod lists;
mod pipelines;
mod reach;
mod world;
