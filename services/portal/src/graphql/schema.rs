//! An upstream's schema.

mod cost;

use std::{fmt, ops::Deref, sync::Arc};

use apollo_compiler::validation::Valid;
use sha2::{Digest, Sha256};

use super::finding::Finding;

/// How many findings are looked for: each costs a search for its line and column, and no more are shown.
const MOST_FOUND: usize = 50;

/// How many findings a report has.
const MOST_REPORTED: usize = 5;

/// What diagnostics call the file.
const NAME: &str = "schema.graphql";

/// A directive that is built in (GraphQL specification, §3.13.5) and that the compiler doesn't know, so that schemas may
/// use it without defining it.
const ONE_OF: &str = "directive @oneOf on INPUT_OBJECT";

/// A valid schema. Clones share it.
#[derive(Clone)]
pub struct Schema(Arc<Compiled>);

struct Compiled {
    schema: Valid<apollo_compiler::Schema>,
    digest: String,
    bytes: usize,
    breadth: usize,
}

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
        Self::read(sdl).map_err(|findings| {
            let sentence = |finding: &Finding| match finding.position {
                Some((line, column)) => format!("{} (line {line}, column {column})", finding.message),
                None => finding.message.clone(),
            };
            BadSchema(findings.iter().take(MOST_REPORTED).map(sentence).collect::<Vec<_>>().join("; "))
        })
    }

    /// The same. The error lists the findings, up to a limit.
    pub(crate) fn read(sdl: &str) -> Result<Self, Vec<Finding>> {
        let of = |schema: Valid<apollo_compiler::Schema>| {
            let (digest, bytes, breadth) = (digest(sdl), sdl.len(), cost::breadth(&schema));
            Self(Arc::new(Compiled { schema, digest, bytes, breadth }))
        };
        let refuse = |finding| vec![finding];
        let tokens = cost::tokens(sdl).map_err(refuse)?;
        let built = apollo_compiler::Schema::builder().parse(sdl, NAME).build();
        cost::check(built.as_ref().unwrap_or_else(|faulty| &faulty.partial), tokens).map_err(refuse)?;
        // A text with faults is parsed again to have those of its validation, too.
        let read = match built {
            Ok(schema) => schema.validate(),
            Err(_) => apollo_compiler::Schema::parse_and_validate(sdl, NAME),
        };
        let faults = match read {
            Ok(schema) => return Ok(of(schema)),
            Err(faults) => faults.errors,
        };
        let with_one_of = apollo_compiler::Schema::builder().parse(sdl, NAME).parse(ONE_OF, "built-in.graphql");
        let read = with_one_of.build().and_then(apollo_compiler::Schema::validate);
        // Whatever else is wrong is wrong without it, too.
        let found = || Finding::of(&faults).take(MOST_FOUND).map(|(_, finding)| finding).collect();
        read.ok().map(of).ok_or_else(found)
    }

    /// SHA-256 of its text, hexadecimal.
    pub(crate) fn digest(&self) -> &str {
        &self.0.digest
    }

    /// How long its text is.
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// The most that one name in it stands for: possible types, arguments, fields of an input.
    pub(crate) fn breadth(&self) -> usize {
        self.0.breadth
    }
}

fn digest(sdl: &str) -> String {
    hex::encode(Sha256::digest(sdl))
}

impl Deref for Schema {
    type Target = Valid<apollo_compiler::Schema>;

    fn deref(&self) -> &Self::Target {
        &self.0.schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_is_built_in_and_may_be_defined() {
        let sdl = "type Query { a(in: In): Int } input In @oneOf { a: Int b: Int }";
        for sdl in [sdl.to_owned(), format!("{sdl} {ONE_OF}")] {
            let schema = Schema::parse(&sdl).unwrap();
            assert!(schema.get_input_object("In").unwrap().directives.has("oneOf"));
        }
    }

    #[test]
    fn other_directives_and_faults_are_reported() {
        for (sdl, fault) in [
            ("type Query { a: Int @nope }", "nope"),
            ("type Query { a: Nope } input In @oneOf { a: Int }", "Nope"),
            ("input In @oneOf { a: Int }", "query"),
        ] {
            let message = Schema::parse(sdl).unwrap_err().to_string();
            assert!(message.contains(fault), "{message}");
        }
    }
}
