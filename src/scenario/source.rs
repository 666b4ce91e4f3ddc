//! The texts a scenario was read from, and the places in them.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

/// The name by which [`Spanned`] asks the reader of a tree for a value's place.
pub(super) const SPANNED: &str = "$reflexarc::Spanned";

/// A stretch of text, as byte offsets in the whole [`SourceMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// The stretch from `start` up to `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A value with the place where it is written, so that a later check can point at it.
#[derive(Clone, Debug, Default)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub span: Span,
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    /// Compares the values; where they are written does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
            type Value = Spanned<T>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a value with its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
                let lost = || A::Error::custom("the reader gave no place");
                let start = parts.next_element()?.ok_or_else(lost)?;
                let end = parts.next_element()?.ok_or_else(lost)?;
                let value = parts.next_element()?.ok_or_else(lost)?;
                let span = Span { start, end };
                Ok(Spanned { value, span })
            }
        }

        deserializer.deserialize_tuple_struct(SPANNED, 3, Parts(std::marker::PhantomData))
    }
}

impl<T: Serialize> Serialize for Spanned<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    path: Option<PathBuf>,
    text: String,
    start: usize,
}

impl Source {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Every text that was read for one scenario, in reading order.
///
/// The texts share one range of offsets, so that a tree merged from several files still knows where each part is from.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

/// A place in a text, as people count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The name of the text, usually the path as the user wrote it.
    pub name: &'a str,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line itself, without its end.
    pub text: &'a str,
    /// The marked bytes of the line; it may be empty.
    pub marked: std::ops::Range<usize>,
}

impl SourceMap {
    /// Adds a text and returns the offset of its first byte. A byte order mark is left out.
    ///
    /// `name` is printed in messages; `path` is the file's own place, against which the paths written in it are read.
    pub fn add(&mut self, name: &str, path: Option<&Path>, text: &str) -> usize {
        // One byte between two texts keeps the end of one apart from the start of the next.
        let start = self.sources.last().map_or(0, |last| last.end() + 1);
        self.sources.push(Source {
            name: name.to_owned(),
            path: path.map(Path::to_owned),
            text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
            start,
        });
        start
    }

    /// The text that starts at `start`, as given by [`SourceMap::add`].
    pub fn text(&self, start: usize) -> &str {
        self.source(start).map_or("", |source| &source.text)
    }

    /// The name and text of every source, in reading order.
    pub fn texts(&self) -> Vec<(String, String)> {
        self.sources.iter().map(|s| (s.name.clone(), s.text.clone())).collect()
    }

    /// The file in which a span stands; none for a text that is not a file.
    pub fn path(&self, span: Span) -> Option<&Path> {
        self.source(span.start)?.path.as_deref()
    }

    /// The line and column of a span; none if no text has it.
    pub fn place(&self, span: Span) -> Option<Place<'_>> {
        let source = self.source(span.start)?;
        let text = source.text.as_str();
        let mut start = floor(text, span.start - source.start);
        if start == text.len() && text.ends_with('\n') {
            // The end of a text is shown behind its last line instead of on an empty one.
            start -= if text.ends_with("\r\n") { 2 } else { 1 };
        }
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let end = floor(text, span.end.saturating_sub(source.start).max(start));
        Some(Place {
            name: &source.name,
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: line,
            marked: (start - line_start).min(line.len())..(end - line_start).min(line.len()),
        })
    }

    fn source(&self, offset: usize) -> Option<&Source> {
        let after = self.sources.partition_point(|s| s.start <= offset);
        self.sources[..after].last().filter(|s| offset <= s.end())
    }
}

/// The nearest character boundary at or before `offset`.
fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset.min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_each_text() {
        let mut sources = SourceMap::default();
        assert_eq!(sources.add("a", None, "\u{feff}x = 1\r\ny = 2\r\n"), 0);
        let second = sources.add("b", None, "한 = 1\n");
        let place = sources.place(Span::new(7, 8)).unwrap();
        assert_eq!((place.name, place.line, place.column), ("a", 2, 1));
        assert_eq!((place.text, place.marked), ("y = 2", 0..1));
        let place = sources.place(Span::new(second + 6, second + 7)).unwrap();
        assert_eq!((place.name, place.line, place.column), ("b", 1, 5));
        assert!(sources.place(Span::new(500, 501)).is_none());
    }

    #[test]
    fn the_end_of_a_text_is_behind_its_last_line() {
        let mut sources = SourceMap::default();
        sources.add("a", None, "x = [\r\n");
        let place = sources.place(Span::new(7, 7)).unwrap();
        assert_eq!((place.line, place.column, place.text), (1, 6, "x = ["));
        let mut empty = SourceMap::default();
        empty.add("a", None, "");
        assert_eq!(empty.place(Span::new(0, 0)).unwrap().line, 1);
    }
}
