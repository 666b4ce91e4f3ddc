//! Numbers with limits: what may be written in a scenario, and what is refused.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::{Serialize, Serializer};

/// The key of a JSON Schema under which a value's form is put into words, for error messages.
pub const FORM: &str = "x-form";

/// A number type whose values fulfil a condition; integers are read as well.
macro_rules! number {
    (
        $(#[$about:meta])* $name:ident($inner:ty), $words:literal, $kind:literal,
        $example:literal, { $($bound:literal: $limit:literal),* }, |$value:ident| $fits:expr
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
        pub struct $name($inner);

        impl $name {
            #[doc = concat!("The value, if it is ", $words, ".")]
            pub const fn new($value: $inner) -> Option<Self> {
                if $fits { Some(Self($value)) } else { None }
            }

            /// The value, for constants of the program.
            ///
            /// # Panics
            ///
            #[doc = concat!("If it is not ", $words, ".")]
            pub const fn of(value: $inner) -> Self {
                match Self::new(value) {
                    Some(number) => number,
                    None => panic!("the constant is out of range"),
                }
            }

            /// The plain number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl From<$name> for $inner {
            fn from(number: $name) -> $inner {
                number.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let mut schema = json_schema!({
                    "type": $kind,
                    $($bound: $limit,)*
                    "examples": [$example],
                });
                schema.insert(FORM.to_owned(), $words.into());
                schema
            }
        }
    };
}

macro_rules! real {
    (
        $(#[$about:meta])* $name:ident, $words:literal, $example:literal,
        { $($bound:literal: $limit:literal),* }, |$value:ident| $fits:expr
    ) => {
        number!(
            $(#[$about])* $name(f64), $words, "number", $example,
            { $($bound: $limit),* }, |$value| $value.is_finite() && $fits
        );

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Number;

                impl Visitor<'_> for Number {
                    type Value = $name;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str($words)
                    }

                    fn visit_f64<E: Error>(self, value: f64) -> Result<$name, E> {
                        let refused = || E::invalid_value(Unexpected::Float(value), &self);
                        $name::new(value).ok_or_else(refused)
                    }

                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "a written number over 2^53 is read as the nearest float, like any other"
                    )]
                    fn visit_i64<E: Error>(self, value: i64) -> Result<$name, E> {
                        self.visit_f64(value as f64)
                    }

                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "a written number over 2^53 is read as the nearest float, like any other"
                    )]
                    fn visit_u64<E: Error>(self, value: u64) -> Result<$name, E> {
                        self.visit_f64(value as f64)
                    }
                }

                deserializer.deserialize_f64(Number)
            }
        }
    };
}

macro_rules! integer {
    (
        $(#[$about:meta])* $name:ident, $words:literal, $example:literal, $minimum:literal,
        |$value:ident| $fits:expr
    ) => {
        number!(
            $(#[$about])* #[derive(Eq, Ord)] $name(u64), $words, "integer", $example,
            { "minimum": $minimum }, |$value| $fits
        );

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Number;

                impl Visitor<'_> for Number {
                    type Value = $name;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str($words)
                    }

                    fn visit_i64<E: Error>(self, value: i64) -> Result<$name, E> {
                        let refused = || E::invalid_value(Unexpected::Signed(value), &self);
                        u64::try_from(value).ok().and_then($name::new).ok_or_else(refused)
                    }

                    fn visit_u64<E: Error>(self, value: u64) -> Result<$name, E> {
                        let refused = || E::invalid_value(Unexpected::Unsigned(value), &self);
                        $name::new(value).ok_or_else(refused)
                    }
                }

                deserializer.deserialize_u64(Number)
            }
        }
    };
}

real!(
    /// A probability between 0 and 1.
    Probability, "a probability between 0 and 1", 0.05, { "minimum": 0, "maximum": 1 },
    |value| value >= 0.0 && value <= 1.0
);
real!(
    /// A part of a whole, which may be none or all of it.
    Fraction, "a number from 0 to 1", 0.5, { "minimum": 0, "maximum": 1 },
    |value| value >= 0.0 && value <= 1.0
);
real!(
    /// A part of a whole that is more than nothing.
    Share, "a share above 0, at most 1", 0.5, { "exclusiveMinimum": 0, "maximum": 1 },
    |value| value > 0.0 && value <= 1.0
);
real!(
    /// A number above 0.
    Positive, "a number above 0", 1.5, { "exclusiveMinimum": 0 },
    |value| value > 0.0
);
real!(
    /// A number that is not negative.
    NonNegative, "a number of 0 or more", 1.5, { "minimum": 0 },
    |value| value >= 0.0
);
real!(
    /// Any finite number.
    Finite, "a number", 1.5, {},
    |value| true
);
real!(
    /// Points on a scale from 0 to 100.
    Points, "a number from 0 to 100", 80.0, { "minimum": 0, "maximum": 100 },
    |value| value >= 0.0 && value <= 100.0
);
integer!(
    /// A whole number of 1 or more.
    Count, "a whole number of 1 or more", 10, 1,
    |value| value >= 1
);
integer!(
    /// A whole number of 0 or more.
    Whole, "a whole number of 0 or more", 10, 0,
    |_value| true
);

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn limits_hold() {
        assert_eq!(Probability::new(1.0).map(Probability::get), Some(1.0));
        assert_eq!(Probability::new(1.2), None);
        assert_eq!(Share::new(0.0), None);
        assert_eq!(Positive::new(f64::INFINITY), None);
        assert_eq!(Finite::new(f64::NAN), None);
        assert_eq!(NonNegative::new(-0.1), None);
        assert_eq!(Points::new(100.5), None);
        assert_eq!(Count::new(0), None);
        assert_eq!(Whole::of(0).get(), 0);
    }

    #[test]
    fn integers_are_read_as_floats_but_not_the_reverse() {
        assert_eq!(Positive::new(0.5), read("0.5"));
        assert_eq!(read::<Finite>("-3"), Finite::new(-3.0));
        assert_eq!(read::<Count>("2"), Count::new(2));
        assert_eq!(read::<Count>("2.0"), None);
        assert_eq!(read::<Count>("-2"), None);
    }
}
