//! The values that may be written in a scenario, each of which refuses what is impossible.

mod duration;
mod per_level;
mod seeds;
mod time;

pub use crate::bounded::{
    Count, Finite, Fraction, NonNegative, Points, Positive, Probability, Share, Whole,
};
pub use crate::domain::Priority;
pub use crate::units::Level;
pub use duration::Duration;
pub use per_level::{Named, PerLevel};
pub use seeds::Seeds;
pub use time::{FaultTime, LocalDateTime, TimeOfDay, Zone};

/// Reads a value from text and describes it in the JSON Schema, for a type that has `FromStr` and `Display`.
macro_rules! text_value {
    ($name:ident, $words:literal, [$($example:literal),+], $on_number:expr) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(
                        &self,
                        formatter: &mut std::fmt::Formatter<'_>,
                    ) -> std::fmt::Result {
                        formatter.write_str($words)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(Refusal::into_error)
                    }

                    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<$name, E> {
                        let cure: fn(String) -> String = $on_number;
                        Err(Refusal::new("", cure(number.to_string())).into_error())
                    }

                    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<$name, E> {
                        let cure: fn(String) -> String = $on_number;
                        Err(Refusal::new("", cure(number.to_string())).into_error())
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut schema = schemars::json_schema!({
                    "type": "string",
                    "examples": [$($example),+],
                });
                schema.insert(crate::scenario::shape::FORM.to_owned(), $words.into());
                schema
            }
        }
    };
}

use text_value;
