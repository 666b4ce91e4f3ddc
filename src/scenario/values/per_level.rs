//! Figures by level, and tables by name.

use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{
    Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::scenario::problem::Refusal;
use crate::scenario::shape::FORM;
use crate::scenario::source::Spanned;
use crate::units::Level;

/// One figure for each level, written as one number for all of them or as an array of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerLevel<T>(pub [T; 4]);

impl<T: Copy> PerLevel<T> {
    /// The same figure for all levels.
    pub const fn all(figure: T) -> Self {
        Self([figure; 4])
    }

    /// The figure of a level.
    pub fn at(self, level: Level) -> T {
        self.0[level.index()]
    }
}

impl<'de, T: Deserialize<'de> + Copy> Deserialize<'de> for PerLevel<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Figures<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Copy> Visitor<'de> for Figures<T> {
            type Value = PerLevel<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("one number for all levels, or an array of four")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                T::deserialize(number.into_deserializer()).map(PerLevel::all)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                T::deserialize(number.into_deserializer()).map(PerLevel::all)
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                T::deserialize(number.into_deserializer()).map(PerLevel::all)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut figures = Vec::new();
                while let Some(figure) = items.next_element()? {
                    figures.push(figure);
                }
                let count = figures.len();
                figures.try_into().map(PerLevel).map_err(|_| {
                    let reason = format!("it has {count} figures");
                    let cure = "write one number for all levels, or four for L1 to L4";
                    Refusal::new(reason, cure).into_error()
                })
            }
        }

        deserializer.deserialize_any(Figures(PhantomData))
    }
}

impl<T: Serialize + PartialEq> Serialize for PerLevel<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [first, rest @ ..] = &self.0;
        if rest.iter().all(|figure| figure == first) {
            return first.serialize(serializer);
        }
        self.0.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for PerLevel<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("PerLevel{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let figure = generator.subschema_for::<T>();
        let words = figure.get(FORM).and_then(|words| words.as_str()).unwrap_or("a number");
        let words = format!("{words}, or an array of four for L1 to L4");
        let example = figure.get("examples").and_then(|examples| examples.get(0)).cloned();
        let mut schema = json_schema!({
            "anyOf": [figure, { "type": "array", "items": figure, "minItems": 4, "maxItems": 4 }],
            "examples": [example],
        });
        schema.insert(FORM.to_owned(), words.into());
        schema
    }
}

/// A table whose keys are the user's own names, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<T> {
    /// The names with what is written for them.
    pub entries: Vec<(Spanned<String>, T)>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        let entries = Vec::new();
        Self { entries }
    }
}

impl<T> Named<T> {
    /// What is written for a name.
    pub fn get(&self, name: &str) -> Option<&T> {
        let mut entries = self.entries.iter();
        entries.find(|(known, _)| known.value == name).map(|(_, value)| value)
    }

    /// The names in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.value.as_str())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a table by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = table.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named { entries })
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_map(Some(self.entries.len()))?;
        for (name, value) in &self.entries {
            table.serialize_entry(&name.value, value)?;
        }
        table.end()
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounded::Points;

    #[test]
    fn a_figure_is_for_all_levels_or_for_each() {
        let read = |text: &str| serde_json::from_str::<PerLevel<Points>>(text);
        let one = read("70").unwrap();
        let four = read("[90, 80.5, 70, 60]").unwrap();
        assert_eq!(one, PerLevel::all(Points::of(70.0)));
        assert_eq!(Level::ALL.map(|level| four.at(level).get()), [90.0, 80.5, 70.0, 60.0]);
        assert_eq!(serde_json::to_string(&one).unwrap(), "70.0");
        assert_eq!(serde_json::to_string(&four).unwrap(), "[90.0,80.5,70.0,60.0]");
        assert!(read("[1, 2, 3]").unwrap_err().to_string().contains("it has 3 figures"));
        assert!(read("[1, 2, 3, 4, 5]").is_err());
        assert!(read("101").is_err());
    }
}
