//! A stored document, validated and ready to run.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use apollo_compiler::{
    ExecutableDocument, Node,
    ast::{self, Value as Literal},
    executable::{self, FragmentMap, Selection},
};
use serde_json::{Map, Number, Value};

use super::{
    Schema, bounds,
    finding::Finding,
    one_of,
    operation::{self, Kind, Operation, Ready, Runnable, Unselected, Variable},
    warn,
};

/// The compiler's name for a variable that is declared and not used: worth a warning to us, an error to it.
const UNUSED: &str = "UnusedVariable";

/// A document that passed every check.
#[derive(Debug)]
pub(crate) struct Document {
    operations: Vec<Operation>,
    warnings: Vec<Finding>,
}

/// Makes the text of one operation ready to run. The error is a sentence.
pub(crate) type Prepare<'a> = &'a dyn Fn(&str) -> Result<Runnable, String>;

impl Document {
    /// Checks `text` against `schema` (spec §3) and makes each operation ready. The error lists every finding.
    pub(crate) fn compile(text: &str, schema: &Schema, prepare: Prepare<'_>) -> Result<Self, Vec<Finding>> {
        Self::of(&bounds::parse(text, schema.breadth())?, schema, prepare)
    }

    /// A document that was saved: operations that don't fit `schema` any more are kept with what is wrong with them, and the
    /// others run. The error lists what is wrong with the whole.
    pub(crate) fn load(text: &str, schema: &Schema, prepare: Prepare<'_>) -> Result<Self, Vec<Finding>> {
        let syntax = bounds::parse(text, schema.breadth())?;
        let findings = match Self::of(&syntax, schema, prepare) {
            Ok(document) => return Ok(document),
            Err(findings) => findings,
        };
        let alone = parts(&syntax);
        // Each is checked with a look at all types.
        if alone.is_empty() || !bounds::is_checked(alone.len(), schema.types.len()) {
            return Err(findings);
        }
        let (mut operations, mut warnings) = (Vec::new(), Vec::new());
        for (definition, part) in alone {
            match Self::of(&part, schema, prepare) {
                Ok(document) => {
                    operations.extend(document.operations);
                    warnings.extend(document.warnings);
                }
                Err(findings) => operations.push(outline(definition, &syntax, findings)),
            }
        }
        Ok(Self { operations, warnings })
    }

    /// A document whose schema isn't known: what its text says of its operations, none of which can run, because of `reason`.
    pub(crate) fn unchecked(text: &str, reason: &str) -> Result<Self, Vec<Finding>> {
        let syntax = bounds::parse(text, 0)?;
        let findings = refuse(&syntax);
        if !findings.is_empty() {
            return Err(findings);
        }
        let outline = |operation| outline(operation, &syntax, vec![Finding::whole(reason)]);
        let operations = definitions(&syntax).map(outline).collect();
        Ok(Self { operations, warnings: vec![Finding::whole(reason)] })
    }

    fn of(syntax: &ast::Document, schema: &Schema, prepare: Prepare<'_>) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut warnings = Vec::new();
        let document = match syntax.to_executable_validate(schema) {
            Ok(valid) => valid.into_inner(),
            Err(faults) => {
                for (name, finding) in Finding::of(&faults.errors) {
                    if name == Some(UNUSED) { warnings.push(finding) } else { findings.push(finding) }
                }
                faults.partial
            }
        };
        one_of::check(&document, schema, &mut findings);
        findings.extend(refuse(syntax));
        if !findings.is_empty() {
            return Err(findings);
        }
        warn::collect(&document, schema, &mut warnings);
        let ready = |operation| ready(operation, &document, prepare);
        let operations =
            document.operations.iter().map(ready).collect::<Result<_, _>>().map_err(|fault| vec![fault])?;
        Ok(Self { operations, warnings })
    }

    /// Every operation, in order.
    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// What is worth knowing about it.
    pub(crate) fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// The operation called `name`, or the only one.
    pub(crate) fn select(&self, name: Option<&str>) -> Result<&Operation, Unselected> {
        operation::select(&self.operations, name)
    }
}

fn definitions(syntax: &ast::Document) -> impl Iterator<Item = &Node<ast::OperationDefinition>> {
    syntax.definitions.iter().filter_map(ast::Definition::as_operation_definition)
}

/// What portals can't run, whatever the schema says.
fn refuse(syntax: &ast::Document) -> Vec<Finding> {
    let operations: Vec<_> = definitions(syntax).collect();
    let several = operations.len() > 1;
    let mut findings = Vec::new();
    for operation in &operations {
        let find = |message| Finding::at(operation.location(), &syntax.sources, message);
        if operation.operation_type == ast::OperationType::Subscription {
            findings.push(find("A portal can't run a subscription"));
        }
        if several && operation.name.is_none() {
            findings.push(find("Each of several operations must have a name"));
        }
    }
    if operations.is_empty() {
        findings.push(Finding::whole("The document has no operation"));
    }
    for field in fields(syntax).filter(|field| matches!(field.name.as_str(), "__schema" | "__type")) {
        let message = format!("A portal can't ask for `{}`", field.name);
        findings.push(Finding::at(field.location(), &syntax.sources, message));
    }
    findings
}

/// Every field as written, fragments not expanded.
fn fields(syntax: &ast::Document) -> impl Iterator<Item = &Node<ast::Field>> {
    let sets = syntax.definitions.iter().filter_map(|definition| match definition {
        ast::Definition::OperationDefinition(operation) => Some(operation.selection_set.iter()),
        ast::Definition::FragmentDefinition(fragment) => Some(fragment.selection_set.iter()),
        _ => None,
    });
    let mut open: Vec<_> = sets.collect();
    open.reverse();
    std::iter::from_fn(move || {
        loop {
            match open.last_mut()?.next() {
                None => drop(open.pop()),
                Some(ast::Selection::Field(field)) => {
                    open.push(field.selection_set.iter());
                    return Some(field);
                }
                Some(ast::Selection::InlineFragment(inline)) => open.push(inline.selection_set.iter()),
                Some(ast::Selection::FragmentSpread(_)) => {}
            }
        }
    })
}

/// Each operation with the fragments that it reaches, as a document of its own.
fn parts(syntax: &ast::Document) -> Vec<(&Node<ast::OperationDefinition>, ast::Document)> {
    let fragments = syntax.definitions.iter().filter_map(ast::Definition::as_fragment_definition);
    let fragments: HashMap<_, _> = fragments.map(|fragment| (fragment.name.as_str(), fragment)).collect();
    let part = |operation| {
        let mut part = ast::Document { sources: Arc::clone(&syntax.sources), definitions: Vec::new() };
        part.definitions.push(ast::Definition::OperationDefinition(Node::clone(operation)));
        let (mut seen, mut open) = (HashSet::new(), spreads(&operation.selection_set));
        while let Some(name) = open.pop() {
            if let Some(fragment) = fragments.get(name)
                && seen.insert(name)
            {
                part.definitions.push(ast::Definition::FragmentDefinition(Node::clone(fragment)));
                open.extend(spreads(&fragment.selection_set));
            }
        }
        (operation, part)
    };
    definitions(syntax).map(part).collect()
}

/// The fragments that a selection set names itself.
fn spreads(selections: &[ast::Selection]) -> Vec<&str> {
    let (mut names, mut open) = (Vec::new(), vec![selections]);
    while let Some(selections) = open.pop() {
        for selection in selections {
            match selection {
                ast::Selection::Field(field) => open.push(&field.selection_set),
                ast::Selection::InlineFragment(inline) => open.push(&inline.selection_set),
                ast::Selection::FragmentSpread(spread) => names.push(spread.fragment_name.as_str()),
            }
        }
    }
    names
}

/// An operation that can't run.
fn outline(operation: &Node<ast::OperationDefinition>, syntax: &ast::Document, findings: Vec<Finding>) -> Operation {
    Operation {
        name: operation.name.as_ref().map(ToString::to_string),
        kind: if operation.operation_type == ast::OperationType::Mutation { Kind::Mutation } else { Kind::Query },
        position: Finding::at(operation.location(), &syntax.sources, "").position,
        variables: operation.variables.iter().map(|declared| variable(declared, true)).collect(),
        ready: Err(findings),
    }
}

fn variable(declared: &ast::VariableDefinition, used: bool) -> Variable {
    Variable {
        name: declared.name.to_string(),
        ty: declared.ty.as_ref().clone(),
        default: declared.default_value.as_deref().map(to_json),
        used,
    }
}

fn ready(
    operation: &Node<executable::Operation>,
    stored: &ExecutableDocument,
    prepare: Prepare<'_>,
) -> Result<Operation, Finding> {
    let fragments = &stored.fragments;
    let mut reached = Reached::default();
    reached.selections(&operation.selection_set.selections, fragments);
    reached.directives(&operation.directives);
    let mut slim = operation.as_ref().clone();
    slim.variables.retain(|variable| reached.variables.contains(variable.name.as_str()));
    let mut document = ExecutableDocument::new();
    document.fragments.extend(
        fragments
            .iter()
            .filter(|(name, _)| reached.fragments.contains(name.as_str()))
            .map(|(k, v)| (k.clone(), v.clone())),
    );
    document.operations.insert(slim);
    let text: Arc<str> = document.to_string().into();
    let runnable = prepare(&text).map_err(Finding::whole)?;
    let used = |declared: &Node<ast::VariableDefinition>| reached.variables.contains(declared.name.as_str());
    Ok(Operation {
        name: operation.name.as_ref().map(ToString::to_string),
        kind: if operation.is_mutation() { Kind::Mutation } else { Kind::Query },
        position: Finding::at(operation.location(), &stored.sources, "").position,
        variables: operation.variables.iter().map(|declared| variable(declared, used(declared))).collect(),
        ready: Ok(Ready { text, runnable }),
    })
}

/// What an operation reaches through its fragments.
#[derive(Default)]
struct Reached<'a> {
    fragments: HashSet<&'a str>,
    variables: HashSet<&'a str>,
}

impl<'a> Reached<'a> {
    fn selections(&mut self, selections: &'a [Selection], fragments: &'a FragmentMap) {
        for selection in selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    field.arguments.iter().for_each(|argument| self.value(&argument.value));
                    self.selections(&field.selection_set.selections, fragments);
                }
                Selection::InlineFragment(inline) => self.selections(&inline.selection_set.selections, fragments),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = fragments.get(&spread.fragment_name)
                        && self.fragments.insert(fragment.name.as_str())
                    {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set.selections, fragments);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &'a ast::DirectiveList) {
        for argument in directives.iter().flat_map(|directive| &directive.arguments) {
            self.value(&argument.value);
        }
    }

    fn value(&mut self, value: &'a Literal) {
        match value {
            Literal::Variable(name) => {
                self.variables.insert(name.as_str());
            }
            Literal::List(items) => items.iter().for_each(|item| self.value(item)),
            Literal::Object(members) => members.iter().for_each(|(_, member)| self.value(member)),
            _ => {}
        }
    }
}

/// A constant as JSON.
pub(super) fn to_json(literal: &Literal) -> Value {
    match literal {
        Literal::Null | Literal::Variable(_) => Value::Null,
        Literal::Enum(name) => Value::String(name.to_string()),
        Literal::String(text) => Value::String(text.clone()),
        Literal::Boolean(value) => Value::Bool(*value),
        Literal::Int(digits) => number(digits.as_str()),
        Literal::Float(digits) => number(digits.as_str()),
        Literal::List(items) => Value::Array(items.iter().map(|item| to_json(item)).collect()),
        Literal::Object(members) => {
            let member = |(name, value): &(_, Node<Literal>)| {
                (ToString::to_string(name as &apollo_compiler::Name), to_json(value))
            };
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
    }
}

fn number(digits: &str) -> Value {
    digits.parse::<Number>().map_or_else(|_beyond_json| Value::String(digits.to_owned()), Value::Number)
}

#[cfg(test)]
mod tests;
