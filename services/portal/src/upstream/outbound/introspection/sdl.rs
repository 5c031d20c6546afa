//! Writes a schema in the schema definition language.

use std::fmt::{self, Display, Formatter};

use super::model::{Deprecation, Directive, Field, Input, Kind, Named, Ref, Schema, Type, Value};

impl Display for Schema {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "schema {{\n  query: {}", self.query_type.name)?;
        for (operation, root) in [("mutation", &self.mutation_type), ("subscription", &self.subscription_type)] {
            if let Some(Named { name }) = root {
                writeln!(f, "  {operation}: {name}")?;
            }
        }
        writeln!(f, "}}")?;
        self.directives.iter().try_for_each(|directive| write!(f, "\n{directive}"))?;
        self.types.iter().try_for_each(|ty| write!(f, "\n{ty}"))
    }
}

impl Display for Directive {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "directive @{}{}", self.name, Arguments(&self.args))?;
        let repeatable = if self.is_repeatable == Some(true) { " repeatable" } else { "" };
        writeln!(f, "{repeatable} on {}", self.locations.join(" | "))
    }
}

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Scalar => {
                write!(f, "scalar {}", self.name)?;
                if let Some(url) = &self.specified_by_url {
                    write!(f, " @specifiedBy(url: {})", Quoted(url))?;
                }
                writeln!(f)
            }
            Kind::Object => write!(
                f,
                "type {}{}{}",
                self.name,
                Joined(" implements ", " & ", &self.interfaces),
                Block(&self.fields)
            ),
            Kind::Interface => {
                let interfaces = Joined(" implements ", " & ", &self.interfaces);
                write!(f, "interface {}{interfaces}{}", self.name, Block(&self.fields))
            }
            Kind::Union => writeln!(f, "union {}{}", self.name, Joined(" = ", " | ", &self.possible_types)),
            Kind::Enum => write!(f, "enum {}{}", self.name, Block(&self.enum_values)),
            Kind::InputObject => {
                let one_of = if self.is_one_of == Some(true) { " @oneOf" } else { "" };
                write!(f, "input {}{one_of}{}", self.name, Block(&self.input_fields))
            }
            Kind::List | Kind::NonNull => Ok(()),
        }
    }
}

/// Names after a word, if there are any.
struct Joined<'a>(&'static str, &'static str, &'a Option<Vec<Named>>);

impl Display for Joined<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(before, between, names) = self;
        for (at, Named { name }) in names.iter().flatten().enumerate() {
            write!(f, "{}{name}", if at == 0 { before } else { between })?;
        }
        Ok(())
    }
}

/// Members in braces, one a line.
struct Block<'a, T>(&'a Option<Vec<T>>);

impl<T: Display> Display for Block<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(members) = self.0.as_ref().filter(|members| !members.is_empty()) else { return writeln!(f) };
        writeln!(f, " {{")?;
        members.iter().try_for_each(|member| writeln!(f, "  {member}"))?;
        writeln!(f, "}}")
    }
}

/// Arguments in parentheses, if there are any.
struct Arguments<'a>(&'a [Input]);

impl Display for Arguments<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, argument) in self.0.iter().enumerate() {
            write!(f, "{}{argument}", if at == 0 { "(" } else { ", " })?;
        }
        if self.0.is_empty() { Ok(()) } else { write!(f, ")") }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}: {}{}", self.name, Arguments(&self.args), self.r#type, self.deprecation)
    }
}

impl Display for Input {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.r#type)?;
        if let Some(default) = &self.default_value {
            write!(f, " = {default}")?;
        }
        self.deprecation.fmt(f)
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.deprecation)
    }
}

impl Display for Deprecation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.is_deprecated, &self.deprecation_reason) {
            (Some(true), Some(reason)) => write!(f, " @deprecated(reason: {})", Quoted(reason)),
            (Some(true), None) => write!(f, " @deprecated"),
            _ => Ok(()),
        }
    }
}

impl Display for Ref {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.kind, &self.of_type) {
            (Kind::List, Some(inner)) => write!(f, "[{inner}]"),
            (Kind::NonNull, Some(inner)) => write!(f, "{inner}!"),
            _ => f.write_str(self.name.as_deref().unwrap_or_default()),
        }
    }
}

/// A string value of GraphQL.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                control if control.is_control() => write!(f, "\\u{:04x}", u32::from(control))?,
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("\"")
    }
}
