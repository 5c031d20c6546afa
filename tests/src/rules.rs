//! The house rules, as functions on the text of the tree. Each says what breaks it; each is proven able to, on a planted
//! violation, in its own tests.

pub mod directions;
pub mod measured;
pub mod names;
pub mod reasons;
pub mod secrecy;
pub mod settings;
pub mod sizes;
pub mod tree;
