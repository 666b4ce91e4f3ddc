//! Reads a tree into written structs by serde, and says exactly where it failed.

use std::fmt::Display;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
    value::{BorrowedStrDeserializer, StrDeserializer},
};

use super::source::{SPANNED, Span};
use super::tree::{Entry, Node, Step, Table, Value};

/// Why a tree could not be read, with the way to the node at fault.
#[derive(Debug)]
pub(super) struct Mistake {
    pub what: What,
    /// The steps to the node, the last one first.
    steps: Vec<Step>,
}

/// The sorts of mistakes that serde and this reader know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The key at the end of the path does not exist in its table.
    UnknownKey { known: Vec<&'static str> },
    /// The key at the end of the path is not a kind of its choice.
    UnknownKind { known: Vec<&'static str> },
    /// The key at the end of the path is a second kind of its choice.
    SecondKind { first: String },
    /// The choice at the end of the path is empty.
    NoKind,
    /// The text at the end of the path is not one of the known ones.
    UnknownText { known: Vec<&'static str> },
    /// The table at the end of the path lacks a key.
    Missing { key: String },
    /// The value at the end of the path does not fit.
    Unfit { expected: String },
    /// The value at the end of the path is refused by its own parser.
    Refused { reason: String, cure: String },
}

impl Mistake {
    fn new(what: What) -> Self {
        let steps = Vec::new();
        Self { what, steps }
    }

    fn unfit(expected: &str) -> Self {
        let expected = expected.to_owned();
        Self::new(What::Unfit { expected })
    }

    fn under(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn under_key(self, entry: &Entry) -> Self {
        self.under(Step::Key(entry.key.clone()))
    }

    /// The steps from the root to the node at fault.
    pub(super) fn path(&self) -> Vec<Step> {
        self.steps.iter().rev().cloned().collect()
    }
}

impl Display for Mistake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?} at {:?}", self.what, self.path())
    }
}

impl std::error::Error for Mistake {}

impl Error for Mistake {
    fn custom<T: Display>(message: T) -> Self {
        let text = message.to_string();
        let (reason, cure) = text.split_once('\n').unwrap_or((&text, ""));
        Self::new(What::Refused { reason: reason.to_owned(), cure: cure.to_owned() })
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unfit(&expected.to_string())
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unfit(&expected.to_string())
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::unfit(&expected.to_string())
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        let known = known.to_vec();
        Self::new(What::UnknownText { known })
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        let known = known.to_vec();
        Self::new(What::UnknownKey { known })
    }

    fn missing_field(key: &'static str) -> Self {
        let key = key.to_owned();
        Self::new(What::Missing { key })
    }
}

/// Reads one node.
#[derive(Clone, Copy)]
pub(super) struct NodeReader<'de>(pub(super) &'de Node);

impl<'de> Deserializer<'de> for NodeReader<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.0.value {
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Whole(number) => visitor.visit_i64(*number),
            Value::Real(number) => visitor.visit_f64(*number),
            Value::Truth(truth) => visitor.visit_bool(*truth),
            Value::Moment(text) => Err(Mistake::custom(format_args!(
                "dates and times stand in quotes\nwrite \"{text}\""
            ))),
            Value::List(items) => visitor.visit_seq(ListReader::new(items)),
            Value::Table(table) => visitor.visit_map(TableReader::new(table)),
            Value::Dropped => Err(Mistake::unfit("a value")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        if name == SPANNED {
            return visitor.visit_seq(PlaceReader::new(self, self.0.span));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        // serde would also read a struct from an array, which the format has no use for.
        match &self.0.value {
            Value::Table(table) => visitor.visit_map(TableReader::new(table)),
            _ => Err(Mistake::unfit("a table")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.0.value {
            Value::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Table(table) if table.choice => {
                visitor.visit_enum(KindReader(the_kind(table, known)?))
            }
            _ => Err(Mistake::new(What::UnknownText { known: known.to_vec() })),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct seq tuple map identifier
    }
}

/// The one kind of a choice that is written.
fn the_kind<'de>(table: &'de Table, known: &'static [&'static str]) -> Result<&'de Entry, Mistake> {
    let mut entries = table.live();
    let first = entries.next().ok_or_else(|| Mistake::new(What::NoKind))?;
    if let Some(other) = table.live().find(|entry| !known.contains(&entry.key.as_str())) {
        let known = known.to_vec();
        return Err(Mistake::new(What::UnknownKind { known }).under_key(other));
    }
    if let Some(second) = entries.next() {
        let first = first.key.clone();
        return Err(Mistake::new(What::SecondKind { first }).under_key(second));
    }
    Ok(first)
}

struct ListReader<'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> ListReader<'de> {
    fn new(items: &'de [Node]) -> Self {
        let items = items.iter().enumerate();
        Self { items }
    }
}

impl<'de> SeqAccess<'de> for ListReader<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let dropped = |item: &Node| matches!(item.value, Value::Dropped);
        let Some((index, item)) = self.items.find(|(_, item)| !dropped(item)) else {
            return Ok(None);
        };
        let value = seed.deserialize(NodeReader(item));
        value.map(Some).map_err(|mistake| mistake.under(Step::Index(index)))
    }
}

struct TableReader<'de> {
    entries: std::slice::Iter<'de, Entry>,
    current: Option<&'de Entry>,
}

impl<'de> TableReader<'de> {
    fn new(table: &'de Table) -> Self {
        let entries = table.entries.iter();
        let current = None;
        Self { entries, current }
    }
}

impl<'de> MapAccess<'de> for TableReader<'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let dropped = |entry: &Entry| matches!(entry.node.value, Value::Dropped);
        self.current = self.entries.find(|entry| !dropped(entry));
        let Some(entry) = self.current else {
            return Ok(None);
        };
        let key = seed.deserialize(KeyReader(entry));
        key.map(Some).map_err(|mistake| mistake.under_key(entry))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let lost = || Mistake::unfit("a key before its value");
        let entry = self.current.take().ok_or_else(lost)?;
        let value = seed.deserialize(NodeReader(&entry.node));
        value.map_err(|mistake| mistake.under_key(entry))
    }
}

struct KeyReader<'de>(&'de Entry);

impl<'de> Deserializer<'de> for KeyReader<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_borrowed_str(&self.0.key)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        if name == SPANNED {
            let span = self.0.key_span;
            return visitor.visit_seq(PlaceReader::new(self, span));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let name: StrDeserializer<'de, Mistake> = self.0.key.as_str().into_deserializer();
        visitor.visit_enum(name)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string option
        bytes byte_buf unit unit_struct seq tuple map struct identifier ignored_any
    }
}

/// Gives start, end and value, which is how `Spanned` asks for a place.
struct PlaceReader<D> {
    offsets: std::array::IntoIter<usize, 2>,
    value: Option<D>,
}

impl<D> PlaceReader<D> {
    fn new(value: D, span: Span) -> Self {
        Self { offsets: [span.start, span.end].into_iter(), value: Some(value) }
    }
}

impl<'de, D: Deserializer<'de, Error = Mistake>> SeqAccess<'de> for PlaceReader<D> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        if let Some(offset) = self.offsets.next() {
            return seed.deserialize(offset.into_deserializer()).map(Some);
        }
        let value = self.value.take().map(|value| seed.deserialize(value));
        value.transpose()
    }
}

/// Reads the kind of a choice: its name, then its keys.
struct KindReader<'de>(&'de Entry);

impl<'de> EnumAccess<'de> for KindReader<'de> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Mistake> {
        let name = BorrowedStrDeserializer::<Mistake>::new(&self.0.key);
        let kind = seed.deserialize(name).map_err(|mistake| mistake.under_key(self.0))?;
        Ok((kind, self))
    }
}

impl<'de> VariantAccess<'de> for KindReader<'de> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        let unfit = || Mistake::unfit("an empty table").under_key(self.0);
        let table = self.0.node.table().ok_or_else(unfit)?;
        match table.live().next() {
            None => Ok(()),
            Some(entry) => {
                let mistake = Mistake::new(What::UnknownKey { known: Vec::new() });
                Err(mistake.under_key(entry).under_key(self.0))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        let value = seed.deserialize(NodeReader(&self.0.node));
        value.map_err(|mistake| mistake.under_key(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        let value = NodeReader(&self.0.node).deserialize_any(visitor);
        value.map_err(|mistake| mistake.under_key(self.0))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let value = NodeReader(&self.0.node).deserialize_struct("", fields, visitor);
        value.map_err(|mistake| mistake.under_key(self.0))
    }
}
