//! A schema as introspection tells it.

use serde::Deserialize;

/// What every schema has.
const BUILT_IN_SCALARS: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];
const BUILT_IN_DIRECTIVES: [&str; 4] = ["deprecated", "include", "skip", "specifiedBy"];
/// Where directives may stand. A server of a later edition may know more; nothing here asks for them.
const LOCATIONS: [&str; 19] = [
    "QUERY",
    "MUTATION",
    "SUBSCRIPTION",
    "FIELD",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "VARIABLE_DEFINITION",
    "SCHEMA",
    "SCALAR",
    "OBJECT",
    "FIELD_DEFINITION",
    "ARGUMENT_DEFINITION",
    "INTERFACE",
    "UNION",
    "ENUM",
    "ENUM_VALUE",
    "INPUT_OBJECT",
    "INPUT_FIELD_DEFINITION",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schema {
    pub(super) query_type: Named,
    pub(super) mutation_type: Option<Named>,
    pub(super) subscription_type: Option<Named>,
    pub(super) types: Vec<Type>,
    pub(super) directives: Vec<Directive>,
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Kind {
    Scalar,
    Object,
    Interface,
    Union,
    Enum,
    InputObject,
    List,
    NonNull,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Type {
    pub(super) kind: Kind,
    pub(super) name: String,
    #[serde(rename = "specifiedByURL")]
    pub(super) specified_by_url: Option<String>,
    pub(super) is_one_of: Option<bool>,
    pub(super) fields: Option<Vec<Field>>,
    pub(super) input_fields: Option<Vec<Input>>,
    pub(super) interfaces: Option<Vec<Named>>,
    pub(super) possible_types: Option<Vec<Named>>,
    pub(super) enum_values: Option<Vec<Value>>,
}

#[derive(Deserialize)]
pub(super) struct Field {
    pub(super) name: String,
    #[serde(default)]
    pub(super) args: Vec<Input>,
    pub(super) r#type: Ref,
    #[serde(flatten)]
    pub(super) deprecation: Deprecation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) r#type: Ref,
    pub(super) default_value: Option<String>,
    #[serde(flatten)]
    pub(super) deprecation: Deprecation,
}

#[derive(Deserialize)]
pub(super) struct Value {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) deprecation: Deprecation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deprecation {
    pub(super) is_deprecated: Option<bool>,
    pub(super) deprecation_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Directive {
    pub(super) name: String,
    pub(super) locations: Vec<String>,
    pub(super) is_repeatable: Option<bool>,
    #[serde(default)]
    pub(super) args: Vec<Input>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ref {
    pub(super) kind: Kind,
    pub(super) name: Option<String>,
    pub(super) of_type: Option<Box<Ref>>,
}

impl Schema {
    /// What is the API's own, everything by name. `None`: it is no schema.
    pub(super) fn normal(mut self) -> Option<Self> {
        self.types.retain(|ty| !ty.name.starts_with("__") && !BUILT_IN_SCALARS.contains(&ty.name.as_str()));
        self.directives.retain_mut(|directive| {
            directive.locations.retain(|location| LOCATIONS.contains(&location.as_str()));
            !directive.locations.is_empty() && !BUILT_IN_DIRECTIVES.contains(&directive.name.as_str())
        });
        let uses_one_of = self.types.iter().any(|ty| ty.is_one_of == Some(true));
        if uses_one_of && !self.directives.iter().any(|directive| directive.name == "oneOf") {
            self.directives.push(one_of());
        }
        sort(&mut self);
        is_sound(&self).then_some(self)
    }
}

/// The directive of input objects that take one field. Compilers that don't know it must be told.
fn one_of() -> Directive {
    let locations = vec!["INPUT_OBJECT".to_owned()];
    Directive { name: "oneOf".to_owned(), locations, is_repeatable: None, args: Vec::new() }
}

fn sort(schema: &mut Schema) {
    let by_name = |named: &mut Option<Vec<Named>>| named.iter_mut().for_each(|named| named.sort_by_key(Named::key));
    schema.types.sort_by(|a, b| a.name.cmp(&b.name));
    schema.directives.sort_by(|a, b| a.name.cmp(&b.name));
    for directive in &mut schema.directives {
        directive.locations.sort();
        directive.args.sort_by(|a, b| a.name.cmp(&b.name));
    }
    for ty in &mut schema.types {
        by_name(&mut ty.interfaces);
        by_name(&mut ty.possible_types);
        ty.input_fields.iter_mut().for_each(|fields| fields.sort_by(|a, b| a.name.cmp(&b.name)));
        ty.enum_values.iter_mut().for_each(|values| values.sort_by(|a, b| a.name.cmp(&b.name)));
        if let Some(fields) = &mut ty.fields {
            fields.sort_by(|a, b| a.name.cmp(&b.name));
            for field in fields {
                field.args.sort_by(|a, b| a.name.cmp(&b.name));
            }
        }
    }
}

impl Named {
    fn key(&self) -> String {
        self.name.clone()
    }
}

/// Whether names are names and types are types: the rest is for a compiler to say.
fn is_sound(schema: &Schema) -> bool {
    let named = |named: &Option<Vec<Named>>| named.iter().flatten().all(|named| is_name(&named.name));
    let input = |input: &Input| is_name(&input.name) && input.r#type.is_sound();
    let field = |field: &Field| is_name(&field.name) && field.r#type.is_sound() && field.args.iter().all(input);
    let ty = |ty: &Type| {
        is_name(&ty.name)
            && !matches!(ty.kind, Kind::List | Kind::NonNull)
            && named(&ty.interfaces)
            && named(&ty.possible_types)
            && ty.fields.iter().flatten().all(field)
            && ty.input_fields.iter().flatten().all(input)
            && ty.enum_values.iter().flatten().all(|value| is_name(&value.name))
    };
    let directive = |directive: &Directive| is_name(&directive.name) && directive.args.iter().all(input);
    let roots = [Some(&schema.query_type), schema.mutation_type.as_ref(), schema.subscription_type.as_ref()];
    roots.into_iter().flatten().all(|root| is_name(&root.name))
        && schema.types.iter().all(ty)
        && schema.directives.iter().all(directive)
}

fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let mut bytes = text.bytes();
    bytes.next().is_some_and(is_letter) && bytes.all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

impl Ref {
    fn is_sound(&self) -> bool {
        match (self.kind, &self.of_type) {
            // A non-null of a non-null is none.
            (Kind::NonNull, Some(inner)) => inner.kind != Kind::NonNull && inner.is_sound(),
            (Kind::List, Some(inner)) => inner.is_sound(),
            (Kind::List | Kind::NonNull, None) => false,
            _ => self.name.as_deref().is_some_and(is_name),
        }
    }
}
