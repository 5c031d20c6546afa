//! Asks an upstream for its schema (GraphQL specification, "Introspection").
//!
//! Servers know different editions of the introspection schema and refuse what they don't know, so they are asked first what
//! that schema has. Descriptions aren't asked for: nothing here reads them, and they are half of a schema's size.

mod model;
mod sdl;

#[cfg(test)]
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Failure, reply::invalid};

/// What the introspection types have.
pub(super) const PROBE: &str = "query Abilities {
  type: __type(name: \"__Type\") { fields { name args { name } } }
  field: __type(name: \"__Field\") { fields { name args { name } } }
  input: __type(name: \"__InputValue\") { fields { name args { name } } }
  directive: __type(name: \"__Directive\") { fields { name args { name } } }
}";

/// How deep lists and non-nulls nest in types at most, as everybody asks for it.
const WRAPPERS: usize = 9;

/// The query for the schema of an API that answered [`PROBE`] so.
pub(super) fn query_of(probed: &[u8]) -> Result<String, Failure> {
    let Abilities { r#type, field, input, directive } = data(probed)?;
    let [ty, field, input, directive] = [r#type, field, input, directive].map(Option::unwrap_or_default);
    Ok(query(&ty, &field, &input, &directive))
}

/// The schema that an API answered, in the schema definition language. The same schema gives the same text, in whatever order
/// the API lists it.
pub(super) fn read(answer: &[u8]) -> Result<String, Failure> {
    let Introspected { schema } = data(answer)?;
    schema.normal().map(|schema| schema.to_string()).ok_or_else(|| invalid("its schema makes no sense"))
}

/// The schema of the API that `ask` asks.
#[cfg(test)]
pub(super) async fn schema(ask: impl AsyncFn(&str) -> Result<Bytes, Failure>) -> Result<String, Failure> {
    let query = query_of(&ask(PROBE).await?)?;
    read(&ask(&query).await?)
}

/// The data of a response without errors.
fn data<T: DeserializeOwned>(response: &[u8]) -> Result<T, Failure> {
    #[derive(Deserialize)]
    struct Response<T> {
        data: Option<T>,
        errors: Option<Vec<serde::de::IgnoredAny>>,
    }
    let read = serde_json::from_slice::<Response<T>>(response);
    let Response { data, errors } = read.map_err(|_says_too_much: serde_json::Error| invalid("it isn't a schema"))?;
    if errors.is_some_and(|errors| !errors.is_empty()) {
        let why = "The GraphQL API doesn't tell its schema: it answered introspection with errors";
        return Err(Failure::InvalidResponse(why.to_owned()));
    }
    data.ok_or_else(|| invalid("it isn't a schema"))
}

/// Nothing of a type that isn't there, or that may not be seen, is asked for.
#[derive(Deserialize)]
struct Abilities {
    r#type: Option<Meta>,
    field: Option<Meta>,
    input: Option<Meta>,
    directive: Option<Meta>,
}

/// A type of the introspection schema.
#[derive(Default, Deserialize)]
struct Meta {
    fields: Option<Vec<MetaField>>,
}

#[derive(Deserialize)]
struct MetaField {
    name: String,
    #[serde(default)]
    args: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Meta {
    fn find(&self, field: &str) -> Option<&MetaField> {
        self.fields.iter().flatten().find(|there| there.name == field)
    }

    /// The field, if it is there.
    fn optional<'a>(&self, field: &'a str) -> &'a str {
        self.find(field).map_or("", |_there| field)
    }

    /// The field with what is deprecated, if it can tell.
    fn all(&self, field: &str) -> String {
        let tells = self.find(field).is_some_and(|there| there.args.iter().any(|arg| arg.name == "includeDeprecated"));
        format!("{field}{}", if tells { "(includeDeprecated: true)" } else { "" })
    }
}

#[derive(Deserialize)]
struct Introspected {
    #[serde(rename = "__schema")]
    schema: model::Schema,
}

fn query(ty: &Meta, field: &Meta, input: &Meta, directive: &Meta) -> String {
    let (specified_by, one_of) = (ty.optional("specifiedByURL"), ty.optional("isOneOf"));
    let (fields, inputs, values) = (ty.all("fields"), ty.all("inputFields"), ty.all("enumValues"));
    let (field_args, directive_args) = (field.all("args"), directive.all("args"));
    let (input_deprecated, input_reason) = (input.optional("isDeprecated"), input.optional("deprecationReason"));
    let repeatable = directive.optional("isRepeatable");
    let wrapped = (0..WRAPPERS).fold("kind name".to_owned(), |inner, _| format!("kind name ofType {{ {inner} }}"));
    format!(
        "query Introspection {{ __schema {{
  queryType {{ name }} mutationType {{ name }} subscriptionType {{ name }}
  directives {{ name locations {repeatable} {directive_args} {{ ...Input }} }}
  types {{ kind name {specified_by} {one_of}
    {fields} {{ name isDeprecated deprecationReason type {{ ...Ref }} {field_args} {{ ...Input }} }}
    {inputs} {{ ...Input }}
    interfaces {{ name }} possibleTypes {{ name }}
    {values} {{ name isDeprecated deprecationReason }} }} }} }}
fragment Input on __InputValue {{ name defaultValue type {{ ...Ref }} {input_deprecated} {input_reason} }}
fragment Ref on __Type {{ {wrapped} }}"
    )
}
