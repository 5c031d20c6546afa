//! An upstream's schema.

use std::{fmt, ops::Deref, sync::Arc};

use apollo_compiler::validation::Valid;

/// A valid schema. Clones share it.
#[derive(Clone)]
pub struct Schema(Arc<Valid<apollo_compiler::Schema>>);

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

/// Why a text is no schema: the compiler's report.
#[derive(Debug, thiserror::Error)]
#[error("not a valid GraphQL schema: {0}")]
pub struct BadSchema(String);

impl Schema {
    /// Reads a schema in the schema definition language.
    pub fn parse(sdl: &str) -> Result<Self, BadSchema> {
        match apollo_compiler::Schema::parse_and_validate(sdl, "schema.graphql") {
            Ok(schema) => Ok(Self(Arc::new(schema))),
            Err(faults) => Err(BadSchema(faults.errors.to_string())),
        }
    }
}

impl Deref for Schema {
    type Target = Valid<apollo_compiler::Schema>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
