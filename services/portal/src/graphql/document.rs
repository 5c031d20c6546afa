//! A stored document, validated and ready to run.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Node,
    ast::{self, Value as Literal},
    executable::{self, FragmentMap, Selection},
};
use serde_json::{Map, Number, Value};

use super::{
    Embedded, Schema, bounds,
    finding::Finding,
    operation::{self, Kind, Operation, Unselected, Variable},
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

impl Document {
    /// Checks `text` against `schema` (spec §3) and makes each operation ready. The error lists every finding.
    pub(crate) fn compile(text: &str, schema: &Schema, upstream: &dyn Embedded) -> Result<Self, Vec<Finding>> {
        let syntax = bounds::parse(text)?;
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
        findings.extend(refuse_operations(&syntax, &document));
        if !findings.is_empty() {
            return Err(findings);
        }
        warn::collect(&document, schema, &mut warnings);
        let prepare = |operation| prepare(operation, &document, upstream);
        let operations =
            document.operations.iter().map(prepare).collect::<Result<_, _>>().map_err(|fault| vec![fault])?;
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

fn refuse_operations(syntax: &ast::Document, document: &ExecutableDocument) -> Vec<Finding> {
    let operations: Vec<_> = syntax.definitions.iter().filter_map(ast::Definition::as_operation_definition).collect();
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
    if operations.is_empty() && document.operations.is_empty() {
        findings.push(Finding::whole("The document has no operation"));
    }
    findings
}

fn prepare(
    operation: &Node<executable::Operation>,
    stored: &ExecutableDocument,
    upstream: &dyn Embedded,
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
    let variable = |declared: &Node<ast::VariableDefinition>| Variable {
        name: declared.name.to_string(),
        ty: declared.ty.as_ref().clone(),
        default: declared.default_value.as_deref().map(to_json),
        used: reached.variables.contains(declared.name.as_str()),
    };
    Ok(Operation {
        name: operation.name.as_ref().map(ToString::to_string),
        kind: if operation.is_mutation() { Kind::Mutation } else { Kind::Query },
        position: Finding::at(operation.location(), &stored.sources, "").position,
        variables: operation.variables.iter().map(variable).collect(),
        prepared: upstream.prepare(&document.to_string()).map_err(Finding::whole)?,
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

/// A constant of the document as JSON.
fn to_json(literal: &Literal) -> Value {
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
