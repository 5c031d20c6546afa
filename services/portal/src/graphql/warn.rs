//! What is worth knowing about a document that may run all the same (spec §3).

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument,
    executable::{Field, Selection},
    schema::ExtendedType,
};

use super::{Schema, finding::Finding};

/// How much is told of why a field is deprecated, in characters: a document may ask for it thousands of times.
const MOST_REASON: usize = 200;

/// Adds a warning for each deprecated field, and each connection that says neither `first` nor `last`.
pub(super) fn collect(document: &ExecutableDocument, schema: &Schema, warnings: &mut Vec<Finding>) {
    let mut seen = HashSet::new();
    let fragments = document.fragments.values().map(|fragment| &fragment.selection_set);
    for set in document.operations.iter().map(|operation| &operation.selection_set).chain(fragments) {
        selections(&set.selections, document, schema, &mut |finding| {
            if seen.insert((finding.message.clone(), finding.position)) {
                warnings.push(finding);
            }
        });
    }
}

fn selections(
    selections_of: &[Selection],
    document: &ExecutableDocument,
    schema: &Schema,
    warn: &mut dyn FnMut(Finding),
) {
    for selection in selections_of {
        match selection {
            Selection::Field(field) => {
                let at = field.location();
                for message in [deprecation(field), unbounded(field, schema)].into_iter().flatten() {
                    warn(Finding::at(at, &document.sources, message));
                }
                selections(&field.selection_set.selections, document, schema, warn);
            }
            Selection::InlineFragment(inline) => selections(&inline.selection_set.selections, document, schema, warn),
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn deprecation(field: &Field) -> Option<String> {
    let directive = field.definition.directives.get("deprecated")?;
    let reason = directive.specified_argument_by_name("reason").and_then(|reason| reason.as_str());
    let reason: String = reason.unwrap_or("no longer supported").chars().take(MOST_REASON).collect();
    Some(format!("Field `{}` is deprecated: {reason}", field.name))
}

/// A connection takes `first` and its type has `pageInfo` (Relay's connection specification).
fn unbounded(field: &Field, schema: &Schema) -> Option<String> {
    let takes = |name: &str| field.definition.arguments.iter().any(|argument| argument.name == name);
    let is_connection = match field.inner_type_def(schema)? {
        ExtendedType::Object(object) => object.fields.contains_key("pageInfo"),
        ExtendedType::Interface(interface) => interface.fields.contains_key("pageInfo"),
        _ => false,
    };
    let says = |name: &str| field.arguments.iter().any(|argument| argument.name == name);
    let unbounded = is_connection && takes("first") && !says("first") && !says("last");
    unbounded.then(|| format!("Connection `{}` has neither `first` nor `last`", field.name))
}
