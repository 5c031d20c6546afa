//! A call's variables, fitted to what the operation declares (GraphQL specification §6.1.2 and "Input Coercion" of §3).
//!
//! JSON is read as text and written as text: what must not be read keeps every byte, and numbers keep their digits.
//! Defaults are left to the executor: what is absent, a variable or a field, stays absent.

mod scalar;
mod tape;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
    fmt::Write,
};

use apollo_compiler::{
    ast::{InputValueDefinition, Type},
    schema::{EnumType, ExtendedType, InputObjectType},
};
use kit::error::Violation;
use serde_json::{Map, Value, value::RawValue};

use self::{
    scalar::misfit,
    tape::{Given, Kind, Tape},
};
use super::{Schema, operation::Operation};

/// How many faults are listed. The one more that says so makes as many as travel.
const MOST_FAULTS: usize = 49;

/// Variables that fit an operation, as a JSON object, and the names of those that it doesn't declare, sorted.
pub(crate) struct Coerced {
    pub(crate) variables: Box<RawValue>,
    pub(crate) ignored: Vec<String>,
}

/// Shows no value.
impl fmt::Debug for Coerced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coerced").field("ignored", &self.ignored).finish_non_exhaustive()
    }
}

impl Coerced {
    /// The variables for an API in this process, which knows numbers as doubles and 64 bits: the error names variables
    /// that hold others, which only a scalar of the schema's own can.
    pub(crate) fn read(&self) -> Result<Map<String, Value>, Vec<Violation>> {
        serde_json::from_str(self.variables.get()).map_err(|_unread: serde_json::Error| {
            let tape = Tape::of(&self.variables);
            let members = tape.root().members().into_iter();
            let unread = members.filter(|(_, value)| serde_json::from_str::<Value>(value.text()).is_err());
            unread.map(|(name, _)| Violation::new(name, "holds a number that this API can't read")).collect()
        })
    }
}

/// Fits `given`, a JSON object, to `operation`. The error lists every fault with the path of the value, up to a limit.
pub(crate) fn coerce(schema: &Schema, operation: &Operation, given: &RawValue) -> Result<Coerced, Vec<Violation>> {
    let tape = Tape::of(given);
    let mut given = tape.root().members();
    let mut coercion = Coercion::new(schema);
    for variable in &operation.variables {
        coercion.path.clone_from(&variable.name);
        let written = coercion.out.len();
        match given.remove(variable.name.as_str()) {
            _ if coercion.more => {}
            None if variable.is_required() => coercion.fault(format!("is required ({})", variable.ty)),
            None => {}
            Some(value) => {
                coercion.member(&variable.name);
                coercion.value(&variable.ty, value);
                if !variable.used {
                    coercion.out.truncate(written);
                }
            }
        }
    }
    let variables = coercion.finish()?;
    Ok(Coerced { variables, ignored: given.into_keys().map(Into::into).collect() })
}

struct Coercion<'a> {
    schema: &'a Schema,
    /// Of the value at hand.
    path: String,
    out: String,
    faults: Vec<Violation>,
    /// There are more faults than are listed: nothing else is looked at.
    more: bool,
    required: HashMap<&'a str, Vec<&'a InputValueDefinition>>,
}

impl<'a> Coercion<'a> {
    fn new(schema: &'a Schema) -> Self {
        let out = String::from("{");
        Self { schema, path: String::new(), out, faults: Vec::new(), more: false, required: HashMap::new() }
    }

    fn finish(mut self) -> Result<Box<RawValue>, Vec<Violation>> {
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        self.out.push('}');
        RawValue::from_string(self.out).map_err(|error| vec![Violation::new("variables", error.to_string())])
    }

    fn value(&mut self, ty: &Type, given: Given<'_>) {
        match ty {
            _ if self.more => {}
            _ if given.kind() == Kind::Null && ty.is_non_null() => self.fault(format!("must not be null ({ty})")),
            _ if given.kind() == Kind::Null => self.out.push_str("null"),
            Type::Named(name) | Type::NonNullNamed(name) => self.named(name, given),
            Type::List(item) | Type::NonNullList(item) if given.kind() == Kind::List => self.list(item, given),
            Type::List(_) | Type::NonNullList(_) => self.list_of_one(ty, given),
        }
    }

    fn list(&mut self, item: &Type, given: Given<'_>) {
        self.out.push('[');
        for (at, value) in given.items().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.inside(format_args!("[{at}]"), |inner| inner.value(item, value));
        }
        self.out.push(']');
    }

    /// A single value counts as a list of one. All lists around it at once: types nest deeper than the stack should.
    fn list_of_one(&mut self, mut ty: &Type, given: Given<'_>) {
        let mut lists = 0;
        while let Type::List(item) | Type::NonNullList(item) = ty {
            ty = item;
            lists += 1;
        }
        self.out.extend(std::iter::repeat_n('[', lists));
        self.value(ty, given);
        self.out.extend(std::iter::repeat_n(']', lists));
    }

    fn named(&mut self, name: &str, given: Given<'_>) {
        let schema: &'a Schema = self.schema;
        match schema.types.get(name) {
            Some(ExtendedType::InputObject(object)) => self.object(object, given),
            Some(ExtendedType::Enum(values)) => self.choice(values, given),
            // The compiler keeps built-in scalars out of `types` when the schema doesn't use them.
            _ => {
                if let Err(fault) = scalar::write(name, given, &mut self.out) {
                    self.fault(fault);
                }
            }
        }
    }

    fn choice(&mut self, values: &EnumType, given: Given<'_>) {
        let name = given.characters();
        if given.kind() == Kind::String && values.values.contains_key(name.as_ref()) {
            self.out.extend(["\"", &name, "\""]);
        } else {
            self.fault(misfit(&format!("a value of {}", values.name), given));
        }
    }

    fn object(&mut self, object: &'a InputObjectType, given: Given<'_>) {
        if given.kind() != Kind::Object {
            return self.fault(misfit(&format!("an object ({})", object.name), given));
        }
        let members = given.members();
        self.out.push('{');
        for (name, value) in &members {
            let field = object.fields.get(name.as_ref());
            if field.is_some() {
                self.member(name);
            }
            self.inside(format_args!(".{name}"), |inner| match field {
                Some(field) => inner.value(&field.ty, *value),
                None => inner.fault(format!("is no field of {}", object.name)),
            });
        }
        self.out.push('}');
        let missing = self.required(object).iter().filter(|field| !members.contains_key(field.name.as_str()));
        for field in missing.copied().collect::<Vec<_>>() {
            self.inside(format_args!(".{}", field.name), |inner| inner.fault(format!("is required ({})", field.ty)));
        }
        if object.directives.has("oneOf") {
            self.one_of(object, &members);
        }
    }

    /// What a `@oneOf` object asks for beside (GraphQL specification §3.10).
    fn one_of(&mut self, object: &InputObjectType, members: &BTreeMap<Cow<'_, str>, Given<'_>>) {
        let mut members = members.iter();
        match (members.next(), members.next()) {
            (Some((name, value)), None) if value.kind() == Kind::Null => {
                self.inside(format_args!(".{name}"), |inner| {
                    inner.fault("must not be null, being the only one".to_owned());
                });
            }
            (Some(_), None) => {}
            _ => self.fault(format!("must have exactly one field ({})", object.name)),
        }
    }

    /// The fields that an object must have. Looked up once, since there may be as many objects as a body has room for.
    fn required(&mut self, object: &'a InputObjectType) -> &[&'a InputValueDefinition] {
        self.required.entry(object.name.as_str()).or_insert_with(|| {
            object.fields.values().map(|field| &***field).filter(|field| field.is_required()).collect()
        })
    }

    /// Begins a member of the object that is being written.
    fn member(&mut self, name: &str) {
        if !self.out.ends_with('{') {
            self.out.push(',');
        }
        self.out.extend(["\"", name, "\":"]);
    }

    /// Does something one step further down.
    fn inside(&mut self, step: fmt::Arguments<'_>, act: impl FnOnce(&mut Self)) {
        if self.more {
            return;
        }
        let outside = self.path.len();
        // Writing into a string can't fail.
        let _written = self.path.write_fmt(step);
        act(self);
        self.path.truncate(outside);
    }

    fn fault(&mut self, message: String) {
        self.more |= self.faults.len() >= MOST_FAULTS;
        let message = if self.more { "doesn't fit either; what follows wasn't looked at".to_owned() } else { message };
        self.faults.push(Violation::new(self.path.as_str(), message));
    }
}

#[cfg(test)]
mod tests;
