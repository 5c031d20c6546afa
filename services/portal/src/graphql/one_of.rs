//! `@oneOf` input objects that stand in a document (GraphQL specification, September 2025, §3.10.1, "Values of Correct Type" and
//! "All Variable Usages Are Allowed"). The compiler doesn't know them.

use std::collections::{HashMap, HashSet};

use apollo_compiler::{
    ExecutableDocument, Name, Node,
    ast::{self, DirectiveList, InputValueDefinition, Type, Value as Literal, VariableDefinition},
    executable::{Operation, Selection},
    parser::SourceSpan,
    schema::{ExtendedType, InputObjectType},
};

use super::{Schema, finding::Finding};

/// How many are looked for: each costs a search for its line and column, and no more are shown.
const MOST_FOUND: usize = 50;

/// Adds a finding for each object of a `@oneOf` type that hasn't exactly one field, or one that may be null.
pub(super) fn check(document: &ExecutableDocument, schema: &Schema, findings: &mut Vec<Finding>) {
    let mut found = Vec::new();
    for operation in document.operations.iter() {
        let variables = operation.variables.iter().map(|declared| (declared.name.as_str(), declared)).collect();
        let mut walk = Walk { document, schema, variables, fragments: HashSet::new(), found };
        walk.operation(operation);
        found = walk.found;
    }
    // What operations share is found in each of them.
    let mut seen = HashSet::new();
    findings.extend(found.into_iter().filter(|finding| seen.insert(finding.clone())));
}

/// Through one operation and the fragments that it reaches, whose variables are the operation's.
struct Walk<'a> {
    document: &'a ExecutableDocument,
    schema: &'a Schema,
    variables: HashMap<&'a str, &'a Node<VariableDefinition>>,
    fragments: HashSet<&'a str>,
    found: Vec<Finding>,
}

impl<'a> Walk<'a> {
    fn operation(&mut self, operation: &'a Node<Operation>) {
        self.directives(&operation.directives);
        for declared in &operation.variables {
            self.directives(&declared.directives);
            if let Some(default) = &declared.default_value {
                self.value(&declared.ty, default);
            }
        }
        self.selections(&operation.selection_set.selections);
    }

    fn selections(&mut self, selections: &'a [Selection]) {
        for selection in selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.definition.arguments, &field.arguments);
                    self.selections(&field.selection_set.selections);
                }
                Selection::InlineFragment(inline) => self.selections(&inline.selection_set.selections),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                        && self.fragments.insert(fragment.name.as_str())
                    {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set.selections);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &DirectiveList) {
        for directive in directives {
            let schema: &'a Schema = self.schema;
            if let Some(definition) = schema.directive_definitions.get(&directive.name) {
                self.arguments(&definition.arguments, &directive.arguments);
            }
        }
    }

    fn arguments(&mut self, defined: &[Node<InputValueDefinition>], given: &[Node<ast::Argument>]) {
        for argument in given {
            if let Some(definition) = defined.iter().find(|definition| definition.name == argument.name) {
                self.value(&definition.ty, &argument.value);
            }
        }
    }

    /// Lists hold what their type does in the end, and a single value counts as a list: their levels don't matter.
    fn value(&mut self, ty: &Type, value: &Node<Literal>) {
        match &**value {
            Literal::List(items) => items.iter().for_each(|item| self.value(ty, item)),
            Literal::Object(members) => {
                let schema: &'a Schema = self.schema;
                if let Some(ExtendedType::InputObject(object)) = schema.types.get(ty.inner_named_type()) {
                    self.object(object, members, value.location());
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, object: &'a InputObjectType, members: &[(Name, Node<Literal>)], at: Option<SourceSpan>) {
        if object.directives.has("oneOf") {
            self.one_of(object, members, at);
        }
        for (name, member) in members {
            if let Some(field) = object.fields.get(name) {
                self.value(&field.ty, member);
            }
        }
    }

    fn one_of(&mut self, object: &InputObjectType, members: &[(Name, Node<Literal>)], at: Option<SourceSpan>) {
        let [(name, member)] = members else {
            return self.find(at, format!("`{}` must have exactly one field, not {}", object.name, members.len()));
        };
        let only = format!("being the only field of `{}`", object.name);
        match &**member {
            Literal::Null => self.find(member.location(), format!("`{name}` must not be null, {only}")),
            Literal::Variable(variable) if self.variables.get(variable.as_str()).is_some_and(|it| may_be_null(it)) => {
                self.find(member.location(), format!("`${variable}` must be of a type with `!`, {only}"));
            }
            _ => {}
        }
    }

    fn find(&mut self, at: Option<SourceSpan>, message: String) {
        if self.found.len() < MOST_FOUND {
            self.found.push(Finding::at(at, &self.document.sources, message));
        }
    }
}

/// Whether a variable that isn't given is null. One that has a default counts as one that is never null (`IsVariableUsageAllowed`).
fn may_be_null(declared: &VariableDefinition) -> bool {
    !declared.ty.is_non_null() && declared.default_value.as_ref().is_none_or(|default| default.is_null())
}

#[cfg(test)]
mod tests {
    use apollo_compiler::parser::Parser;

    use super::*;

    const SDL: &str = "
        directive @by(one: One) on FIELD
        type Query { a(one: One, many: [One!], in: In): Int  b: Query }
        input One @oneOf { id: ID  at: Int  one: One  in: In }
        input In { x: Int  one: One }
    ";

    /// What is found, and in which column.
    fn found(text: &str) -> Vec<(String, u32)> {
        let schema = Schema::parse(SDL).unwrap();
        let document = Parser::new().parse_executable(&schema, text, "document.graphql").unwrap();
        let mut findings = Vec::new();
        check(&document, &schema, &mut findings);
        findings.into_iter().map(|finding| (finding.message, finding.position.unwrap().1)).collect()
    }

    #[test]
    fn exactly_one_field_that_is_not_null_is_fine() {
        for fine in [
            "{ a }",
            "{ a(one: null) }",
            "{ a(one: {id: 1}) }",
            "{ a(one: {one: {in: {}}}) }",
            "{ a(many: [{id: 1}, {at: 2}]) }",
            "{ a(many: {id: 1}) }",
            "{ a(in: {x: 1, one: {at: 1}}) }",
            "query ($one: One) { a(one: $one) }",
            "query ($id: ID!) { a(one: {id: $id}) }",
            "query ($id: ID = 1) { a(one: {id: $id}) }",
            "query ($one: One = {id: 1}) { a(one: $one) @by(one: {id: 1}) }",
        ] {
            assert_eq!(found(fine), [], "{fine}");
        }
    }

    #[test]
    fn none_several_and_null_are_found_wherever_they_stand() {
        let count = |n: usize| format!("`One` must have exactly one field, not {n}");
        let null = "`id` must not be null, being the only field of `One`".to_owned();
        for (wrong, expected) in [
            ("{ a(one: {}) }", vec![(count(0), 10)]),
            ("{ a(one: {id: 1, at: 2}) }", vec![(count(2), 10)]),
            ("{ a(one: {id: 1, at: null}) }", vec![(count(2), 10)]),
            ("{ a(one: {id: null}) }", vec![(null.clone(), 15)]),
            ("{ a(one: {one: {id: null}}) }", vec![(null.clone(), 21)]),
            ("{ a(in: {one: {}}) }", vec![(count(0), 15)]),
            ("{ a(many: [{id: 1}, {}, {id: null}]) }", vec![(count(0), 21), (null.clone(), 30)]),
            ("{ a(many: {}) }", vec![(count(0), 11)]),
            ("query ($one: One = {}) { a(one: $one) }", vec![(count(0), 20)]),
            ("{ a @by(one: {}) }", vec![(count(0), 14)]),
            ("{ b { ... { a(one: {}) } } }", vec![(count(0), 20)]),
            ("{ ...F b { ...F } } fragment F on Query { a(one: {}) }", vec![(count(0), 50)]),
        ] {
            assert_eq!(found(wrong), expected, "{wrong}");
        }
    }

    #[test]
    fn as_many_are_found_as_are_shown() {
        assert_eq!(found(&format!("{{ a(many: [{}]) }}", "{} ".repeat(9_000))).len(), MOST_FOUND);
    }

    #[test]
    fn a_variable_that_may_be_null_is_found_in_the_operations_that_declare_it_so() {
        let found = |text: &str| found(text).into_iter().map(|(message, _)| message).collect::<Vec<_>>();
        let wrong = "`$id` must be of a type with `!`, being the only field of `One`";
        assert_eq!(found("query ($id: ID) { a(one: {id: $id}) }"), [wrong]);
        assert_eq!(found("query ($id: ID = null) { a(one: {id: $id}) }"), [wrong]);
        let shared = "fragment F on Query { a(one: {id: $id}) }";
        assert_eq!(found(&format!("query A($id: ID!) {{ ...F }} query B($id: ID) {{ ...F }} {shared}")), [wrong]);
        assert_eq!(found(&format!("query A($id: ID!) {{ ...F }} query B($id: ID!) {{ ...F }} {shared}")).len(), 0);
    }
}
