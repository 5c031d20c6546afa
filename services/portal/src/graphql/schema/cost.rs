//! What a schema costs those who check it, and documents against it (S16). It comes from an administrator of one organization, or
//! from an upstream that was asked for it, and either may mean harm to the others: the compiler's walks double with each level of
//! some schemas of a few lines.

use std::collections::{HashMap, HashSet};

use apollo_compiler::{
    Name, Schema,
    ast::{Directive, InputValueDefinition, Type},
    collections::IndexSet,
    schema::{ComponentName, DirectiveList, ExtendedType},
};
use apollo_parser::{Lexer, TokenKind};

use super::super::{bounds::is_ignored, finding::Finding};

/// The longest name, in bytes. Findings repeat the names of what they are about.
const MOST_NAME: usize = 250;
/// Tokens: twice as many as schemas of 8 MiB have.
const MOST_TOKENS: usize = 2_000_000;
/// Tokens times [`breadth`].
const MOST_LOOKUPS: usize = 2_000_000_000;
/// Steps of walks from type to type.
const MOST_STEPS: usize = 2_000_000;
/// Levels of such walks: more than those after which the compiler refuses the schema.
const MOST_LEVELS: usize = 64;

/// How many tokens a schema has. Refuses it before it is parsed: each token that is out of place is remembered.
pub(super) fn tokens(sdl: &str) -> Result<usize, Finding> {
    let mut tokens = 0;
    for token in Lexer::new(sdl) {
        match token {
            Ok(token) if is_ignored(token.kind()) => continue,
            Ok(token) if token.kind() == TokenKind::Name && token.data().len() > MOST_NAME => {
                return Err(Finding::whole(format!("The schema has a name of more than {MOST_NAME} bytes")));
            }
            Ok(_) | Err(_) => tokens += 1,
        }
        if tokens > MOST_TOKENS {
            return Err(Finding::whole(format!("The schema has more than {MOST_TOKENS} tokens")));
        }
    }
    Ok(tokens)
}

/// Refuses a schema of so many tokens whose validation would take longer than its length explains.
pub(super) fn check(schema: &Schema, tokens: usize) -> Result<(), Finding> {
    let widest = breadth(schema);
    if tokens.saturating_mul(widest) > MOST_LOOKUPS {
        let message = format!("The schema is too large to be checked: something in it has {widest} alternatives");
        return Err(Finding::whole(message));
    }
    let mut walk = Walk { schema, steps: 0, inputs: HashSet::new(), types: HashSet::new(), directives: HashSet::new() };
    let tangled = |_too_much: TooMuch| {
        Finding::whole("The schema is too tangled to be checked: its types lead to each other in too many ways")
    };
    walk.all().map_err(tangled)
}

/// The most that one name stands for: possible types of an abstract one, arguments of a field or directive, fields of an input,
/// values of an enum.
/// Each mention of it in a document may cost a look at all of them.
pub(super) fn breadth(schema: &Schema) -> usize {
    let mut implementers = HashMap::<&Name, usize>::new();
    let mut widest = 0;
    for ty in schema.types.values() {
        for interface in implemented(ty).into_iter().flatten() {
            *implementers.entry(&interface.name).or_default() += 1;
        }
        widest = widest.max(
            match ty {
                ExtendedType::Object(object) => object.fields.values().map(|field| field.arguments.len()).max(),
                ExtendedType::Interface(interface) => {
                    interface.fields.values().map(|field| field.arguments.len()).max()
                }
                ExtendedType::Union(union) => Some(union.members.len()),
                ExtendedType::InputObject(input) => Some(input.fields.len()),
                ExtendedType::Enum(choice) => Some(choice.values.len()),
                ExtendedType::Scalar(_) => None,
            }
            .unwrap_or_default(),
        );
    }
    let arguments = schema.directive_definitions.values().map(|directive| directive.arguments.len());
    arguments.chain(implementers.into_values()).fold(widest, usize::max)
}

fn implemented(ty: &ExtendedType) -> Option<&IndexSet<ComponentName>> {
    match ty {
        ExtendedType::Object(object) => Some(&object.implements_interfaces),
        ExtendedType::Interface(interface) => Some(&interface.implements_interfaces),
        _ => None,
    }
}

/// There are more steps than [`MOST_STEPS`].
struct TooMuch;

/// The compiler's walks, step by step but for what they look at: from each input to those that it can't be without, from each
/// directive to those that its arguments have, and from each type to what its interfaces ask for. What is on the way already is
/// passed over, what was there on another way isn't.
struct Walk<'a> {
    schema: &'a Schema,
    steps: usize,
    inputs: HashSet<&'a Name>,
    types: HashSet<&'a Name>,
    directives: HashSet<&'a Name>,
}

impl<'a> Walk<'a> {
    fn all(&mut self) -> Result<(), TooMuch> {
        let schema = self.schema;
        for (name, ty) in &schema.types {
            match ty {
                ExtendedType::InputObject(_) => self.input(name)?,
                _ => self.implementer(ty)?,
            }
        }
        schema.directive_definitions.keys().try_for_each(|name| self.directive(name))
    }

    fn step(&mut self, count: usize) -> Result<(), TooMuch> {
        self.steps = self.steps.saturating_add(count);
        if self.steps > MOST_STEPS { Err(TooMuch) } else { Ok(()) }
    }

    fn implementer(&mut self, ty: &'a ExtendedType) -> Result<(), TooMuch> {
        let schema = self.schema;
        for interface in implemented(ty).into_iter().flatten().filter_map(|name| schema.get_interface(&name.name)) {
            let arguments = interface.fields.values().map(|field| field.arguments.len()).sum::<usize>();
            self.step(1 + interface.implements_interfaces.len() + interface.fields.len() + arguments)?;
        }
        Ok(())
    }

    fn input(&mut self, name: &'a Name) -> Result<(), TooMuch> {
        let schema = self.schema;
        let Some(object) = schema.get_input_object(name) else { return Ok(()) };
        if self.inputs.len() >= MOST_LEVELS || !self.inputs.insert(name) {
            return Ok(());
        }
        for field in object.fields.values() {
            self.step(1)?;
            if let Type::NonNullNamed(inner) = &*field.ty {
                self.input(inner)?;
            }
        }
        self.inputs.remove(name);
        Ok(())
    }

    fn directive(&mut self, name: &'a Name) -> Result<(), TooMuch> {
        let schema = self.schema;
        let Some(definition) = schema.directive_definitions.get(name) else { return Ok(()) };
        if self.directives.len() >= MOST_LEVELS || !self.directives.insert(name) {
            return Ok(());
        }
        definition.arguments.iter().try_for_each(|argument| self.value(argument))?;
        self.directives.remove(name);
        Ok(())
    }

    fn value(&mut self, value: &'a InputValueDefinition) -> Result<(), TooMuch> {
        self.step(1)?;
        value.directives.iter().try_for_each(|directive| self.used(directive))?;
        let (schema, name) = (self.schema, value.ty.inner_named_type());
        let Some(ty) = schema.types.get(name) else { return Ok(()) };
        if self.types.len() >= MOST_LEVELS || !self.types.insert(name) {
            return Ok(());
        }
        self.components(ty.directives())?;
        match ty {
            ExtendedType::Enum(choice) => {
                let mut directives = choice.values.values().flat_map(|value| value.directives.iter());
                self.step(choice.values.len())?;
                directives.try_for_each(|directive| self.used(directive))?;
            }
            ExtendedType::InputObject(object) => object.fields.values().try_for_each(|field| self.value(field))?,
            _ => {}
        }
        self.types.remove(name);
        Ok(())
    }

    fn components(&mut self, directives: &'a DirectiveList) -> Result<(), TooMuch> {
        directives.iter().try_for_each(|directive| self.used(directive))
    }

    fn used(&mut self, directive: &'a Directive) -> Result<(), TooMuch> {
        self.step(1)?;
        self.directive(&directive.name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Schema;

    fn refusal(sdl: &str) -> String {
        Schema::parse(sdl).err().map(|bad| bad.to_string()).unwrap_or_default()
    }

    fn each(count: usize, piece: impl Fn(usize) -> String) -> String {
        (0..count).map(piece).collect()
    }

    /// As deep as the compiler allows, and so that each level has two ways to the next.
    #[test]
    fn types_that_lead_to_each_other_in_very_many_ways_are_refused() {
        let next = |n: usize| format!("{{ a: A{0}! b: B{0}! }}", n + 1);
        let inputs = each(24, |n| format!("input A{n} {} input B{n} {} ", next(n), next(n)));
        let directive =
            |name: &str, n: usize| format!("directive @{name}{n}(x: Int @a{0} @b{0}) on ARGUMENT_DEFINITION ", n + 1);
        let directives = each(24, |n| directive("a", n) + &directive("b", n));
        let nullable = inputs.replace('!', "");
        for sdl in [
            inputs + "input A24 { a: Int } input B24 { a: Int }",
            directives + "directive @a24 on ARGUMENT_DEFINITION directive @b24 on ARGUMENT_DEFINITION",
            nullable + "input A24 { a: Int } input B24 { a: Int } directive @d(a: A0) on FIELD",
        ] {
            let refusal = refusal(&format!("type Query {{ a: Int }} {sdl}"));
            assert!(refusal.contains("too tangled"), "{refusal:?}");
        }
    }

    #[test]
    fn interfaces_of_interfaces_are_counted() {
        let above = |n: usize| each(n, |m| format!("{} I{m}", if m == 0 { "implements" } else { " &" }));
        let sdl = |count: usize| {
            "type Query { a: Int } ".to_owned() + &each(count, |n| format!("interface I{n} {} {{ a: Int }} ", above(n)))
        };
        assert_eq!(refusal(&sdl(60)), "");
        assert!(refusal(&sdl(300)).contains("too tangled"));
    }

    #[test]
    fn what_is_wide_is_refused_in_long_schemas_only() {
        let sdl = |union: usize, fields: usize| {
            let members = each(union, |n| format!("| T{n} "));
            let types = each(union, |n| format!("type T{n} {{ a: Int }} "));
            format!("type Query {{ u: U {} }} union U = {members} {types}", each(fields, |n| format!("f{n}: Int ")))
        };
        assert_eq!(refusal(&sdl(10_000, 10)), "");
        assert_eq!(refusal(&sdl(10, 20_000)), "");
        assert!(refusal(&sdl(20_000, 10)).contains("20000 alternatives"));
    }

    #[test]
    fn names_and_tokens_are_bounded() {
        let name = |length: usize| format!("type Query {{ {}: Int }}", "a".repeat(length));
        assert_eq!(refusal(&name(250)), "");
        assert!(refusal(&name(251)).contains("more than 250 bytes"));
        assert_eq!(
            refusal(&format!("\"{}\" type Query {{ a: Int }}", "a".repeat(1_000))),
            "",
            "descriptions are no names"
        );
        assert!(refusal(&"}".repeat(2_000_001)).contains("more than 2000000 tokens"));
    }
}
