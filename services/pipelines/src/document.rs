//! Documents before they run: parsed, one operation chosen, measured, and without mutations that would run twice.

mod measure;
mod nesting;

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Pos, Positioned, ServerError, Value, Variables,
    parser::{
        parse_query,
        types::{
            DocumentOperations, ExecutableDocument, Field, FragmentDefinition, OperationDefinition, OperationType,
            Selection, SelectionSet,
        },
    },
};

pub(crate) use measure::Limits;

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// A document of which one operation is to run.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) parsed: ExecutableDocument,
    /// The operation's name, when it has one.
    pub(crate) operation: Option<String>,
    /// The response keys of its root, in order.
    pub(crate) keys: Vec<Name>,
    /// Those of them under which the schema is described, which costs nothing.
    pub(crate) free: HashSet<Name>,
    /// What it costs at most.
    pub(crate) requested: u64,
}

/// Parses a text. Hostile nesting is refused before the parser, which recurses, sees it.
pub(crate) fn parse(text: &str) -> Result<ExecutableDocument, ServerError> {
    nesting::check(text)?;
    parse_query(text).map_err(|error| {
        let error = ServerError::from(error);
        // The parser draws a picture of the place; what it expected there comes last.
        let expected =
            error.message.rsplit_once("= ").map(|(_, expected)| format!("Syntax error: {}", expected.trim()));
        ServerError { message: expected.unwrap_or_else(|| error.message.clone()), ..error }
    })
}

impl Document {
    fn new(parsed: ExecutableDocument, operation: Option<String>) -> Self {
        Self { parsed, operation, keys: Vec::new(), free: HashSet::new(), requested: 0 }
    }

    /// The document's only operation; `None` when it has several.
    pub(crate) fn only(parsed: ExecutableDocument) -> Option<Self> {
        let mut operations = parsed.operations.iter();
        let operation = operations.next()?.0.map(ToString::to_string);
        operations.next().is_none().then(|| Self::new(parsed, operation))
    }

    /// The operation of that name, or the only one.
    pub(crate) fn select(parsed: ExecutableDocument, name: Option<&str>) -> Result<Self, ServerError> {
        let Some(name) = name else {
            return Self::only(parsed).ok_or_else(|| ServerError::new("Operation name required in request.", None));
        };
        if parsed.operations.iter().all(|(known, _)| known.is_none_or(|known| known != name)) {
            return Err(ServerError::new(format!("Unknown operation named {name:?}."), None));
        }
        Ok(Self::new(parsed, Some(name.to_owned())))
    }

    /// Refuses variables that are required and absent.
    pub(crate) fn require(&self, variables: &Variables) -> Result<(), ServerError> {
        let missing =
            self.chosen().iter().flat_map(|operation| &operation.node.variable_definitions).find(|definition| {
                let value = variables.get(&definition.node.name.node);
                definition.node.default_value().is_none() && value.is_none_or(|value| *value == Value::Null)
            });
        let Some(missing) = missing else { return Ok(()) };
        let (name, ty) = (&missing.node.name.node, &missing.node.var_type.node);
        let message = format!("Variable \"${name}\" of required type \"{ty}\" was not provided.");
        Err(ServerError::new(message, Some(missing.pos)))
    }

    /// Refuses what goes beyond the limits, and learns the root's keys.
    pub(crate) fn check(mut self, limits: &Limits, variables: &Variables) -> Result<Self, ServerError> {
        self.requested = measure::check(&self.parsed, self.chosen(), limits, variables)?;
        let mut roots = Vec::new();
        if let Some(operation) = self.chosen() {
            root_fields(&operation.node.selection_set.node, &self.parsed.fragments, &mut roots);
        }
        let key = |field: &&Field| field.response_key().node.clone();
        let free = roots.iter().copied().filter(|field| field.name.node.starts_with("__")).map(|field| key(&field));
        (self.free, self.keys) = (free.collect(), roots.iter().map(key).collect());
        Ok(self)
    }

    /// Makes one field of mutations that share a response key: the executor would run each of them.
    pub(crate) fn merged(mut self) -> Result<Self, ServerError> {
        let mutation = self.chosen().is_some_and(|operation| operation.node.ty == OperationType::Mutation);
        let twice = |(at, key): (usize, &Name)| self.keys.iter().take(at).any(|earlier| earlier == key);
        if !mutation || !self.keys.iter().enumerate().any(twice) {
            return Ok(self);
        }
        let ExecutableDocument { operations, fragments } = &mut self.parsed;
        let operation = match (operations, &self.operation) {
            (DocumentOperations::Single(operation), _) => Some(operation),
            (DocumentOperations::Multiple(operations), Some(name)) => operations.get_mut(name.as_str()),
            (DocumentOperations::Multiple(_), None) => None,
        };
        if let Some(operation) = operation {
            let mut fields = Vec::new();
            let set = &mut operation.node.selection_set.node;
            merge(std::mem::take(&mut set.items), fragments, &mut fields)?;
            let selection = |field: Positioned<Field>| Positioned::new(Selection::Field(field.clone()), field.pos);
            set.items = fields.into_iter().map(selection).collect();
        }
        // What stood in fragments stands in the operation now; a fragment that nobody uses would be refused.
        let used = measure::used_fragments(&self.parsed);
        self.parsed.fragments.retain(|name, _| used.contains(name));
        Ok(self)
    }

    fn chosen(&self) -> Option<&Positioned<OperationDefinition>> {
        let name = self.operation.as_deref();
        let mut operations = self.parsed.operations.iter();
        operations.find(|(known, _)| known.map(Name::as_str) == name).map(|(_, operation)| operation)
    }
}

fn root_fields<'a>(set: &'a SelectionSet, fragments: &'a Fragments, fields: &mut Vec<&'a Field>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => fields.push(&field.node),
            Selection::InlineFragment(inline) => root_fields(&inline.node.selection_set.node, fragments, fields),
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = fragments.get(&spread.node.fragment_name.node) {
                    root_fields(&fragment.node.selection_set.node, fragments, fields);
                }
            }
        }
    }
}

fn merge(
    items: Vec<Positioned<Selection>>,
    fragments: &Fragments,
    fields: &mut Vec<Positioned<Field>>,
) -> Result<(), ServerError> {
    for selection in items {
        match selection.node {
            Selection::Field(field) => {
                let same =
                    |known: &&mut Positioned<Field>| known.node.response_key().node == field.node.response_key().node;
                match fields.iter_mut().find(same) {
                    None => fields.push(field),
                    Some(known) if known.node.directives.is_empty() && field.node.directives.is_empty() => {
                        known.node.selection_set.node.items.extend(field.node.selection_set.node.items);
                    }
                    Some(_) => return Err(twice(field.pos)),
                }
            }
            Selection::InlineFragment(inline) if inline.node.directives.is_empty() => {
                merge(inline.node.selection_set.node.items, fragments, fields)?;
            }
            Selection::FragmentSpread(spread) if spread.node.directives.is_empty() => {
                let fragment = fragments.get(&spread.node.fragment_name.node);
                merge(
                    fragment.map(|found| found.node.selection_set.node.items.clone()).unwrap_or_default(),
                    fragments,
                    fields,
                )?;
            }
            Selection::InlineFragment(_) | Selection::FragmentSpread(_) => return Err(twice(selection.pos)),
        }
    }
    Ok(())
}

fn twice(at: Pos) -> ServerError {
    ServerError::new("A mutation that is selected twice under one name can't have directives.", Some(at))
}
