//! A part of a scenario that is read only after it was merged with others.

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde::{Serialize, Serializer};

use crate::scenario::schema::relax;
use crate::scenario::source::{Span, Spanned};

/// A part that is passed over here: it is read as a `T` when all its layers lie on one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<T> {
    /// Where it is written.
    pub span: Span,
    content: PhantomData<T>,
}

impl<'de, T> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let passed = Spanned::<IgnoredAny>::deserialize(deserializer)?;
        Ok(Self { span: passed.span, content: PhantomData })
    }
}

impl<T> Serialize for Part<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<T: JsonSchema> JsonSchema for Part<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Part_{}", T::schema_name()).into()
    }

    /// The schema of the whole, but without required keys: they may come from another layer.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut settings = generator.settings().clone();
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        let mut schema = settings.into_generator().into_root_schema_for::<T>();
        schema.remove("title");
        relax(schema.ensure_object());
        schema
    }
}
