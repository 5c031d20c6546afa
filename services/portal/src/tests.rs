//! The service on a real database, before a scripted token service and a scripted built-in API.

mod calling;
mod keeping;
mod verdicts;
mod world;
