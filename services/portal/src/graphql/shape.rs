//! What an operation's `data` looks like: a JSON Schema (draft 2020-12), made of the operation's text and its upstream's schema.
//!
//! Selections are collected as a server collects them (GraphQL specification, §6.3.2), once for each group of concrete types
//! that the same fragments apply to, and what the groups give is merged: a member that only some types have, or that `@skip` or
//! `@include` may leave out, isn't required.

mod render;

use std::{
    collections::{BTreeMap, BTreeSet},
    ptr,
};

use apollo_compiler::{
    ExecutableDocument, Name,
    ast::{DirectiveList, Type, Value as Literal},
    collections::HashMap,
    executable::{Field, Selection},
    schema::{ExtendedType, Implementers},
};

use super::Schema;

/// How long the text may be; beyond it the deepest levels are left out.
const MOST_BYTES: usize = 256 << 10;
/// Levels of objects: as deep as a document may be.
const MOST_DEPTH: usize = 15;
/// Selections and types that are looked at; beyond it the deepest levels are left out.
const MOST_STEPS: usize = 200_000;

/// Names of concrete types.
type Types<'a> = BTreeSet<&'a str>;

/// The schema of what the one operation of `text` answers. `None` where the text doesn't fit `schema`.
pub(crate) fn shape(text: &str, schema: &Schema) -> Option<String> {
    let document = ExecutableDocument::parse(schema, text, "operation").ok()?;
    let implementers = schema.implementers_map();
    let describe = |depth| describe(&document, schema, &implementers, depth);
    (0..=MOST_DEPTH).rev().find_map(describe)
}

/// The text with `depth` levels of objects below `data`, unless it is too long.
fn describe(
    document: &ExecutableDocument,
    schema: &Schema,
    implementers: &HashMap<Name, Implementers>,
    depth: usize,
) -> Option<String> {
    let operation = document.operations.iter().next()?;
    let mut reader = Reader { document, schema, implementers, left: MOST_STEPS, cut: false };
    let root = reader.possible(&operation.selection_set.ty).ok()?;
    let members = reader.members(root, &[(&operation.selection_set.selections, false)], depth).ok()?;
    let text = render::document(&members, schema, reader.cut);
    (text.len() <= MOST_BYTES).then_some(text)
}

/// What a value is.
enum Node<'a> {
    /// A scalar or an enum, by its name.
    Leaf(&'a str),
    /// One of these names.
    TypeName(Types<'a>),
    Object(Members<'a>),
    /// Left out.
    Anything,
}

type Members<'a> = BTreeMap<&'a str, Member<'a>>;

/// A member of an object.
struct Member<'a> {
    /// Its lists and what of them may be null.
    ty: &'a Type,
    /// Whether it is there in every answer.
    required: bool,
    node: Node<'a>,
}

/// There is more to look at than [`MOST_STEPS`].
struct TooMuch;

struct Reader<'a> {
    document: &'a ExecutableDocument,
    schema: &'a Schema,
    implementers: &'a HashMap<Name, Implementers>,
    left: usize,
    /// Whether something was left out.
    cut: bool,
}

/// Selections, and whether something may leave them out.
type Set<'a> = (&'a [Selection], bool);

/// What selection sets hold, their fragments expanded.
struct Collected<'a> {
    /// The types that fields apply to.
    scopes: Vec<Types<'a>>,
    fields: Vec<Collect<'a>>,
}

struct Collect<'a> {
    field: &'a Field,
    /// Which of the scopes.
    scope: usize,
    /// Whether a directive may leave it out.
    conditional: bool,
}

impl<'a> Reader<'a> {
    /// The members of an object that is one of `types`, of which `sets` are asked.
    fn members(&mut self, types: Types<'a>, sets: &[Set<'a>], depth: usize) -> Result<Members<'a>, TooMuch> {
        let mut collected = Collected { scopes: vec![types], fields: Vec::new() };
        for (selections, conditional) in sets {
            self.collect(selections, 0, *conditional, &mut collected)?;
        }
        let mut merged = None;
        for (scopes, types) in self.groups(&collected.scopes)? {
            let mut members = Members::new();
            for (key, fields) in by_key(&collected.fields, &scopes) {
                self.step(fields.len())?;
                members.insert(key, self.member(&fields, &types, depth)?);
            }
            merged = Some(match merged {
                None => members,
                Some(others) => merge(others, members),
            });
        }
        Ok(merged.unwrap_or_default())
    }

    /// The types that the same scopes hold, together.
    fn groups(&mut self, scopes: &[Types<'a>]) -> Result<BTreeMap<Vec<usize>, Types<'a>>, TooMuch> {
        let mut groups = BTreeMap::<_, Types<'a>>::new();
        for name in scopes.iter().take(1).flatten() {
            self.step(scopes.len())?;
            let holding = scopes.iter().enumerate().filter(|(_, types)| types.contains(name)).map(|(scope, _)| scope);
            groups.entry(holding.collect()).or_default().insert(name);
        }
        Ok(groups)
    }

    /// What became of one response key in an object of one of `types`. `fields` aren't empty, and can be merged: the document
    /// was validated.
    fn member(&mut self, fields: &[&Collect<'a>], types: &Types<'a>, depth: usize) -> Result<Member<'a>, TooMuch> {
        let mut seen = HashMap::<*const Field, (&Field, bool)>::default();
        for Collect { field, conditional, .. } in fields {
            seen.entry(ptr::from_ref(*field)).or_insert((field, true)).1 &= conditional;
        }
        let first = fields.first().ok_or(TooMuch)?.field;
        let inner = first.ty().inner_named_type();
        let node = match self.schema.types.get(inner) {
            _ if first.name == "__typename" => {
                self.step(types.len())?;
                Node::TypeName(types.clone())
            }
            Some(ExtendedType::Enum(of)) => {
                self.step(of.values.len())?;
                Node::Leaf(inner)
            }
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)) => {
                let alone = seen.len() == 1;
                // What only one of several parents asks for is missing where that one was left out.
                let below = |(field, conditional): &(&'a Field, bool)| {
                    (field.selection_set.selections.as_slice(), *conditional && !alone)
                };
                let sets: Vec<_> = fields
                    .iter()
                    .filter_map(|collect| seen.remove(&ptr::from_ref(collect.field)))
                    .map(|found| below(&found))
                    .collect();
                let possible = fields.iter().map(|collect| self.possible(collect.field.ty().inner_named_type()));
                let possible = possible.collect::<Result<Vec<_>, _>>()?;
                let types = possible.into_iter().min_by_key(BTreeSet::len).unwrap_or_default();
                self.below(types, &sets, depth)?
            }
            _ => Node::Leaf(inner),
        };
        Ok(Member { ty: first.ty(), required: fields.iter().any(|collect| !collect.conditional), node })
    }

    fn below(&mut self, types: Types<'a>, sets: &[Set<'a>], depth: usize) -> Result<Node<'a>, TooMuch> {
        let Some(depth) = depth.checked_sub(1) else {
            self.cut = true;
            return Ok(Node::Anything);
        };
        self.members(types, sets, depth).map(Node::Object)
    }

    fn collect(
        &mut self,
        selections: &'a [Selection],
        scope: usize,
        conditional: bool,
        into: &mut Collected<'a>,
    ) -> Result<(), TooMuch> {
        for selection in selections {
            self.step(1)?;
            let conditional = match presence(selection.directives()) {
                Presence::Never => continue,
                Presence::Sometimes => true,
                Presence::Always => conditional,
            };
            let (condition, inner) = match selection {
                Selection::Field(field) => {
                    into.fields.push(Collect { field, scope, conditional });
                    continue;
                }
                Selection::InlineFragment(inline) => (inline.type_condition.as_ref(), &inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else { continue };
                    (Some(fragment.type_condition()), &fragment.selection_set)
                }
            };
            if let Some(scope) = self.narrow(condition, scope, into)? {
                self.collect(&inner.selections, scope, conditional, into)?;
            }
        }
        Ok(())
    }

    /// The scope of what only `condition` has. `None`: of nothing.
    fn narrow(
        &mut self,
        condition: Option<&'a Name>,
        scope: usize,
        into: &mut Collected<'a>,
    ) -> Result<Option<usize>, TooMuch> {
        let (Some(condition), Some(outer)) = (condition, into.scopes.get(scope)) else { return Ok(Some(scope)) };
        let possible = self.possible(condition)?;
        let types: Types<'a> = outer.intersection(&possible).copied().collect();
        if types.len() == outer.len() {
            return Ok(Some(scope));
        }
        if types.is_empty() {
            return Ok(None);
        }
        into.scopes.push(types);
        Ok(Some(into.scopes.len() - 1))
    }

    /// The concrete types that a value of that type can have.
    fn possible(&mut self, name: &'a Name) -> Result<Types<'a>, TooMuch> {
        Ok(match self.schema.types.get(name) {
            Some(ExtendedType::Interface(_)) => {
                let Some(Implementers { objects, .. }) = self.implementers.get(name) else { return Ok(Types::new()) };
                self.step(objects.len())?;
                objects.iter().map(Name::as_str).collect()
            }
            Some(ExtendedType::Union(union)) => {
                self.step(union.members.len())?;
                union.members.iter().map(|member| member.name.as_str()).collect()
            }
            _ => Types::from([name.as_str()]),
        })
    }

    fn step(&mut self, steps: usize) -> Result<(), TooMuch> {
        self.left = self.left.checked_sub(steps).ok_or(TooMuch)?;
        Ok(())
    }
}

/// The fields of those scopes, by response key.
fn by_key<'f, 'a>(fields: &'f [Collect<'a>], scopes: &[usize]) -> BTreeMap<&'a str, Vec<&'f Collect<'a>>> {
    let mut keys = BTreeMap::<_, Vec<_>>::new();
    for collect in fields.iter().filter(|collect| scopes.binary_search(&collect.scope).is_ok()) {
        keys.entry(collect.field.response_key().as_str()).or_default().push(collect);
    }
    keys
}

/// What both objects may be.
fn merge<'a>(mut one: Members<'a>, other: Members<'a>) -> Members<'a> {
    for (key, member) in &mut one {
        member.required &= other.contains_key(key);
    }
    for (key, mut member) in other {
        match one.remove(key) {
            None => member.required = false,
            Some(first) => {
                member.required &= first.required;
                member.node = both(first.node, member.node);
            }
        }
        one.insert(key, member);
    }
    one
}

fn both<'a>(one: Node<'a>, other: Node<'a>) -> Node<'a> {
    match (one, other) {
        (Node::Object(one), Node::Object(other)) => Node::Object(merge(one, other)),
        (Node::TypeName(one), Node::TypeName(other)) => Node::TypeName(&one | &other),
        (Node::Anything, _) | (_, Node::Anything) => Node::Anything,
        // Leaves that share a response key are of one type; `__typename` may share it with a text.
        (Node::TypeName(_), leaf) | (leaf, _) => leaf,
    }
}

/// Whether a directive leaves something out.
enum Presence {
    Always,
    Sometimes,
    Never,
}

fn presence(directives: &DirectiveList) -> Presence {
    let mut presence = Presence::Always;
    for (directive, wanted) in [("skip", false), ("include", true)] {
        let condition = directives.get(directive).and_then(|found| found.specified_argument_by_name("if"));
        match condition.map(AsRef::as_ref) {
            None => {}
            Some(Literal::Boolean(given)) if *given == wanted => {}
            Some(Literal::Boolean(_)) => return Presence::Never,
            Some(_) => presence = Presence::Sometimes,
        }
    }
    presence
}

#[cfg(test)]
mod tests;
