//! What a document would cost, in time linear in its text: a fragment is measured once, however often it is spread.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Pos, Positioned, ServerError, Value, Variables,
    parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet},
};

use super::Fragments;
use crate::domain::paging;

/// How much a caller's own document may ask for.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) depth: u64,
    pub(crate) complexity: u64,
}

impl Limits {
    /// For documents that were checked elsewhere.
    pub(crate) const NONE: Self = Self { depth: u64::MAX, complexity: u64::MAX };
}

/// The most selections that a document may have once its fragments are put in place. The validator's work grows with it.
const MOST_SELECTIONS: u64 = 10_000;
/// The most levels of fields and fragments; the executor recurses over them.
const MOST_LEVELS: u64 = 128;
/// What a connection is multiplied by when it says nothing itself.
const CONNECTIONS: [&str; 6] = ["builds", "members", "metaData", "organizations", "pipelines", "teams"];
/// Introspection's lists that lead back to types; nesting them grows without bound.
const INTROSPECTION: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

#[derive(Clone, Copy, Default)]
struct Measure {
    selections: u64,
    complexity: u64,
    /// Levels of fields.
    depth: u64,
    /// Levels of fields and fragments.
    levels: u64,
}

struct Walk<'a> {
    fragments: &'a Fragments,
    operation: Option<&'a OperationDefinition>,
    variables: &'a Variables,
    /// `None` while a fragment is being measured.
    known: HashMap<&'a Name, Option<Measure>>,
}

/// Refuses a document that goes beyond the limits. Answers what the chosen operation costs at most.
pub(super) fn check(
    document: &ExecutableDocument,
    chosen: Option<&Positioned<OperationDefinition>>,
    limits: &Limits,
    variables: &Variables,
) -> Result<u64, ServerError> {
    let mut requested = 0;
    let operation = chosen.map(|chosen| &chosen.node);
    let mut walk = Walk { fragments: &document.fragments, operation, variables, known: HashMap::new() };
    // The validator walks over every operation and fragment, used or not.
    for (name, fragment) in &document.fragments {
        walk.fragment(name, fragment.pos, 0)?;
    }
    for (_, operation) in document.operations.iter() {
        let measure = walk.set(&operation.node.selection_set.node, 0)?;
        if measure.selections > MOST_SELECTIONS {
            return Err(ServerError::new(format!("The query has too many fields (at most {MOST_SELECTIONS})."), None));
        }
        if measure.depth > limits.depth {
            return Err(ServerError::new(format!("Query is nested too deep (at most {}).", limits.depth), None));
        }
        if measure.complexity > limits.complexity {
            let message = format!("Query is too complex: {} (at most {}).", measure.complexity, limits.complexity);
            return Err(ServerError::new(message, None));
        }
        if chosen.is_some_and(|chosen| std::ptr::eq(chosen, operation)) {
            requested = measure.complexity;
        }
    }
    Ok(requested)
}

/// The fragments that the document's operations lead to.
pub(super) fn used_fragments(document: &ExecutableDocument) -> HashSet<Name> {
    let mut used = HashSet::new();
    let mut todo: Vec<&SelectionSet> =
        document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node).collect();
    while let Some(set) = todo.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => todo.push(&field.node.selection_set.node),
                Selection::InlineFragment(inline) => todo.push(&inline.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if used.insert(name.clone()) {
                        todo.extend(document.fragments.get(name).map(|fragment| &fragment.node.selection_set.node));
                    }
                }
            }
        }
    }
    used
}

impl<'a> Walk<'a> {
    fn set(&mut self, set: &'a SelectionSet, level: u64) -> Result<Measure, ServerError> {
        let mut sum = Measure::default();
        let too_deep = |at: Pos| ServerError::new("The document is nested too deep.", Some(at));
        for selection in &set.items {
            if level > MOST_LEVELS {
                return Err(too_deep(selection.pos));
            }
            let one = match &selection.node {
                Selection::Field(field) => self.field(&field.node, level)?,
                Selection::InlineFragment(inline) => self.set(&inline.node.selection_set.node, level + 1)?.below(),
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, selection.pos, level + 1)?.below()
                }
            };
            sum.selections = sum.selections.saturating_add(one.selections).saturating_add(1);
            sum.complexity = sum.complexity.saturating_add(one.complexity);
            sum.depth = sum.depth.max(one.depth);
            sum.levels = sum.levels.max(one.levels);
            if level + one.levels > MOST_LEVELS {
                return Err(too_deep(selection.pos));
            }
        }
        Ok(sum)
    }

    fn field(&mut self, field: &'a Field, level: u64) -> Result<Measure, ServerError> {
        let inner = self.set(&field.selection_set.node, level + 1)?.below();
        if field.selection_set.node.items.is_empty() {
            return Ok(Measure { depth: 1, ..inner });
        }
        let complexity = inner.complexity.saturating_mul(self.multiplier(field)).saturating_add(1);
        Ok(Measure { depth: inner.depth + 1, complexity, ..inner })
    }

    fn fragment(&mut self, name: &'a Name, at: Pos, level: u64) -> Result<Measure, ServerError> {
        // The validator names a fragment that doesn't exist.
        let Some(fragment) = self.fragments.get(name) else { return Ok(Measure::default()) };
        match self.known.get(name) {
            Some(Some(measure)) => Ok(*measure),
            Some(None) => Err(ServerError::new(format!("Fragment \"{name}\" leads back to itself."), Some(at))),
            None => {
                self.known.insert(name, None);
                let measure = self.set(&fragment.node.selection_set.node, level)?;
                self.known.insert(name, Some(measure));
                Ok(measure)
            }
        }
    }

    /// How many objects a field gives at most.
    fn multiplier(&self, field: &Field) -> u64 {
        let name = field.name.node.as_str();
        let count = |argument: &str| self.count(field, argument);
        match count("first").or_else(|| count("last")) {
            Some(count) => count.min(u64::from(paging::MOST)),
            None if CONNECTIONS.contains(&name) => u64::from(paging::DEFAULT),
            None if INTROSPECTION.contains(&name) => 20,
            None => 1,
        }
    }

    fn count(&self, field: &Field, argument: &str) -> Option<u64> {
        let value = field.get_argument(argument)?.node.clone();
        let variable = |name: Name| -> Result<Value, ()> {
            let definitions = self.operation.iter().flat_map(|operation| &operation.variable_definitions);
            let default = definitions.map(|found| &found.node).find(|found| found.name.node == name);
            let given = self.variables.get(&name).or_else(|| default?.default_value());
            Ok(given.cloned().unwrap_or_default())
        };
        match value.into_const_with(variable) {
            Ok(Value::Number(number)) => number.as_u64(),
            _ => None,
        }
    }
}

impl Measure {
    /// The measure of what is one level higher.
    fn below(self) -> Self {
        Self { levels: self.levels + 1, ..self }
    }
}
