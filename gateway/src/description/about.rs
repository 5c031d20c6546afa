//! What a route says of itself, beside its path, method and access.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    body::{self, Member},
    graphql,
    schemas::Schemas,
};

pub(super) const JSON: &str = "application/json";

/// What is said of an operation.
pub(crate) struct About {
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) details: &'static str,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    pub(super) answers: Vec<(u16, Value)>,
    /// Statuses and codes beside those that follow from what else is said.
    pub(super) refusals: Vec<(u16, &'static [&'static str])>,
    /// Status, media type and `OpenAPI`'s media type of errors that aren't ours.
    pub(super) other_errors: Vec<(u16, &'static str, Value)>,
    pub(super) schemas: Schemas,
}

impl About {
    /// Of an operation called `id` in generated clients; what it does, and more about that.
    pub(crate) fn of(id: &'static str, summary: &'static str, details: &'static str) -> Self {
        Self {
            id,
            summary,
            details,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals: Vec::new(),
            other_errors: Vec::new(),
            schemas: Schemas::default(),
        }
    }

    /// A parameter of the query.
    pub(crate) fn parameter(mut self, name: &str, schema: &Value, sentence: &str) -> Self {
        self.parameters.push(json!({ "name": name, "in": "query", "schema": schema, "description": sentence }));
        self
    }

    /// Parameters of the query that are written `name[key]=value`.
    pub(crate) fn entries(mut self, name: &str, sentence: &str) -> Self {
        let schema = json!({ "type": "object", "additionalProperties": { "type": "string" } });
        self.parameters.push(json!({
            "name": name, "in": "query", "style": "deepObject", "explode": true, "schema": schema, "description": sentence
        }));
        self
    }

    /// A header that must be there.
    pub(crate) fn asks_header(mut self, name: &str, sentence: &str) -> Self {
        let schema = json!({ "type": "string" });
        self.parameters.push(json!({
            "name": name, "in": "header", "required": true, "schema": schema, "description": sentence
        }));
        self
    }

    /// `?wait=true`.
    pub(crate) fn waits(self) -> Self {
        let sentence = "Answer when nobody accepts any more what is removed.";
        self.parameter("wait", &json!({ "type": "boolean", "default": false }), sentence)
    }

    /// A JSON body of these members, known as `name`.
    pub(crate) fn takes(self, name: &'static str, members: impl Into<Vec<Member>>) -> Self {
        self.body_of(name, members.into(), true)
    }

    /// The same where there needn't be a body.
    pub(crate) fn may_take(self, name: &'static str, members: impl Into<Vec<Member>>) -> Self {
        self.body_of(name, members.into(), false)
    }

    fn body_of(mut self, name: &'static str, members: Vec<Member>, required: bool) -> Self {
        self.schemas.put(name, body::schema(members));
        let content = json!({ JSON: { "schema": reference(name) } });
        self.body = Some(json!({ "required": required, "content": content }));
        self
    }

    /// A body of another kind: an `OpenAPI` request body.
    pub(crate) fn takes_raw(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// 200 with a `T`.
    pub(crate) fn answers<T: ToSchema>(self, sentence: &str) -> Self {
        self.with::<T>(200, sentence)
    }

    /// 200 with `T`s, all there are.
    pub(crate) fn answers_all<T: ToSchema>(mut self, sentence: &str) -> Self {
        self.schemas.add::<T>();
        let list = json!({ "type": "array", "items": reference(&T::name()) });
        self.answers_raw(200, sentence, json!({ JSON: { "schema": list } }))
    }

    /// 201 with a `T`.
    pub(crate) fn creates<T: ToSchema>(self, sentence: &str) -> Self {
        self.with::<T>(201, sentence)
    }

    /// 202 with a `T`.
    pub(crate) fn accepts<T: ToSchema>(self, sentence: &str) -> Self {
        self.with::<T>(202, sentence)
    }

    fn with<T: ToSchema>(mut self, status: u16, sentence: &str) -> Self {
        self.schemas.add::<T>();
        self.answers_raw(status, sentence, json!({ JSON: { "schema": reference(&T::name()) } }))
    }

    /// 200 with a page of `T`s.
    pub(crate) fn lists<T: ToSchema>(mut self, sentence: &str) -> Self {
        self.schemas.add::<T>();
        let list = json!({ "type": "array", "maxItems": 100, "items": reference(&T::name()) });
        let mut described = self
            .parameter("page", &whole(1), "The page, from 1.")
            .parameter("per_page", &whole(30), "At most 100.")
            .answers_raw(200, sentence, json!({ JSON: { "schema": list } }));
        described.header("Link", &json!({ "$ref": "#/components/headers/Link" }));
        described
    }

    /// 200 with a part of a list of `T`s that goes by cursors; `L` says where else to go, `cursor` what a cursor looks like.
    pub(crate) fn lists_parts<T: ToSchema, L: ToSchema>(mut self, cursor: &Value, sentence: &str) -> Self {
        self.schemas.add::<T>();
        self.schemas.add::<L>();
        let items = json!({ "type": "array", "maxItems": 100, "items": reference(&T::name()) });
        let members = json!({ "items": items, "links": reference(&L::name()) });
        let part = json!({ "type": "object", "properties": members, "required": ["items", "links"] });
        let size = json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 30 });
        let mut described = self
            .parameter("after", cursor, "What comes after this entry; not together with `before`.")
            .parameter("before", cursor, "What comes before this entry.")
            .parameter("per_page", &size, "How many entries at most.")
            .answers_raw(200, sentence, json!({ JSON: { "schema": part } }));
        described.header("Link", &json!({ "$ref": "#/components/headers/Link" }));
        described
    }

    /// 200 with a file of that media type, which has a name.
    pub(crate) fn answers_file(self, media: &str, sentence: &str) -> Self {
        self.answers_raw(200, sentence, json!({ media: { "schema": { "type": "string" } } }))
            .with_header("Content-Disposition", "Under which name a browser keeps it.")
    }

    /// 204.
    pub(crate) fn answers_nothing(mut self, sentence: &str) -> Self {
        self.answers.push((204, json!({ "description": sentence })));
        self
    }

    /// Content of other types: `OpenAPI`'s `content`.
    pub(crate) fn answers_raw(mut self, status: u16, sentence: &str, content: Value) -> Self {
        self.answers.push((status, Value::from_iter([("description", Value::from(sentence)), ("content", content)])));
        self
    }

    /// Adds a header to the answer that was named last.
    pub(crate) fn header(&mut self, name: &str, header: &Value) {
        if let Some((_, Value::Object(answer))) = self.answers.last_mut()
            && let Value::Object(headers) = answer.entry("headers").or_insert_with(|| Map::new().into())
        {
            headers.insert(name.to_owned(), header.clone());
        }
    }

    /// A text that the answer that was named last has in a header.
    pub(crate) fn with_header(mut self, name: &str, sentence: &str) -> Self {
        self.header(name, &json!({ "schema": { "type": "string" }, "description": sentence }));
        self
    }

    /// Codes of errors that don't follow from access, path, parameters and body.
    pub(crate) fn refuses(mut self, status: u16, codes: &'static [&'static str]) -> Self {
        self.refusals.push((status, codes));
        self
    }

    /// Another type of body for errors of that status: an `OpenAPI` media type.
    pub(crate) fn refuses_as(mut self, status: u16, media: &'static str, content: Value) -> Self {
        self.other_errors.push((status, media, content));
        self
    }

    /// A schema that what is said refers to: an object of these members.
    pub(crate) fn knows(mut self, name: &'static str, members: impl Into<Vec<Member>>) -> Self {
        self.schemas.put(name, body::schema(members.into()));
        self
    }

    /// The schema of what GraphQL answers, which what is said refers to.
    pub(crate) fn knows_graphql(mut self) -> Self {
        let data = json!({ "type": ["object", "null"], "example": { "viewer": { "user": { "name": "Ada" } } } });
        let mut response = graphql::response(&data);
        if let Value::Object(response) = &mut response {
            response.insert("example".to_owned(), json!({ "data": data.get("example") }));
        }
        self.schemas.put("GraphqlResponse", response);
        self.schemas.put("GraphqlError", graphql::error());
        self
    }
}

/// A number of 32 bits.
fn whole(usual: u32) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX, "default": usual })
}

/// A reference to a schema.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
