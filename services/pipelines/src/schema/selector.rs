//! Scalars that name one thing, or with a leading `!` everything but it.

use async_graphql::{Context, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use uuid::Uuid;

use super::{authority, server};
use crate::{domain::filter::Selector, error::Error};

macro_rules! selector {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug)]
        pub(crate) struct $name(pub(crate) String);

        #[doc = $doc]
        #[Scalar]
        impl ScalarType for $name {
            fn parse(value: Value) -> InputValueResult<Self> {
                match value {
                    Value::String(text) => Ok(Self(text)),
                    other => Err(InputValueError::expected_type(other)),
                }
            }

            fn to_value(&self) -> Value {
                Value::String(self.0.clone())
            }
        }
    };
}

selector!(PipelineSelector, "A Pipeline identifier using a slug, and optionally negated with a leading `!`");
selector!(TeamSelector, "A Team identifier using a slug, and optionally negated with a leading `!`");
selector!(UserSelector, "A User identifier using a UUID, and optionally negated with a leading `!`");

impl PipelineSelector {
    /// The pipeline meant. One that doesn't exist is in no team.
    pub(crate) async fn find(self, ctx: &Context<'_>, organization: Uuid) -> Result<Selector<Uuid>, Error> {
        let selector = Selector::parse(self.0);
        let store = &server(ctx).store;
        let nowhere = selector.value.contains('\0');
        let found = if nowhere { None } else { store.pipeline_of_slug(organization, &selector.value).await? };
        Ok(selector.with(found.map_or(Uuid::nil(), |found| found.uuid)))
    }
}

impl TeamSelector {
    /// The team meant. One that isn't in sight has no members and pipelines.
    pub(crate) async fn find(self, ctx: &Context<'_>, organization: Uuid) -> Result<Selector<Uuid>, Error> {
        let selector = Selector::parse(self.0);
        let (store, sight) = (&server(ctx).store, authority::sight(ctx, organization).await?);
        let nowhere = selector.value.contains('\0');
        let found = if nowhere { None } else { store.team_of_slug(organization, &selector.value, sight).await? };
        Ok(selector.with(found.map_or(Uuid::nil(), |found| found.uuid)))
    }
}

impl UserSelector {
    /// The user meant. What is no UUID means nobody.
    pub(crate) fn find(self) -> Selector<Uuid> {
        let selector = Selector::parse(self.0);
        let uuid = Uuid::try_parse(&selector.value).unwrap_or_default();
        selector.with(uuid)
    }
}
