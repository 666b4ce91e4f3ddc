//! A TOML text as a tree that knows where each part is written.

use std::fmt::{self, Display};

use toml::de::{DeTable, DeValue};

use super::problem::{Problems, quoted, ticked};
use super::source::{SourceMap, Span};

/// A value of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where the value is written; for a table with a header, the header.
    pub span: Span,
    /// The value.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Whole(i64),
    /// A float.
    Real(f64),
    /// A boolean.
    Truth(bool),
    /// A date or time without quotes, as written.
    Moment(String),
    /// An array, or an array of tables.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// A value that was found wrong and reported; readers pass over it.
    Dropped,
}

/// The keys of a table in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The keys with their values.
    pub entries: Vec<Entry>,
    /// Whether the format asks for one of several kinds here, so that the one key is the kind's name.
    pub choice: bool,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is written.
    pub key_span: Span,
    /// Whether the key is not written as one but stands for a short form, such as `order = "random"`.
    pub implied: bool,
    /// The value.
    pub node: Node,
}

/// One step from a node to a node within.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To an element of an array, from 0.
    Index(usize),
}

/// The steps from the root of a tree to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// Reads `task_types[1].output_tokens`; for keys with dots or brackets build the steps instead.
    pub fn of(text: &str) -> Self {
        let mut steps = Vec::new();
        for part in text.split('.').filter(|part| !part.is_empty()) {
            let mut pieces = part.split('[');
            steps.extend(pieces.next().map(|key| Step::Key(key.to_owned())));
            let indexes = pieces.filter_map(|piece| piece.trim_end_matches(']').parse().ok());
            steps.extend(indexes.map(Step::Index));
        }
        Self(steps)
    }
}

impl Display for Path {
    /// As a header is written, so without the indexes of arrays of tables.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        });
        for (position, key) in keys.enumerate() {
            let dot = if position == 0 { "" } else { "." };
            write!(formatter, "{dot}{key}")?;
        }
        Ok(())
    }
}

impl Table {
    /// The entry of a key, unless its value was dropped.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.live().find(|entry| entry.key == key)
    }

    /// The entries whose values were not dropped.
    pub fn live(&self) -> impl Iterator<Item = &Entry> {
        let live = |entry: &&Entry| !matches!(entry.node.value, Value::Dropped);
        self.entries.iter().filter(live)
    }
}

impl Node {
    /// An empty table.
    pub fn empty(span: Span) -> Self {
        Self { span, value: Value::Table(Table::default()) }
    }

    /// The table, if it is one.
    pub fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The elements of an array; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The value of a key of a table.
    pub fn child(&self, key: &str) -> Option<&Node> {
        Some(&self.table()?.entry(key)?.node)
    }

    /// The node at the end of a path.
    pub fn at(&self, path: &Path) -> Option<&Node> {
        path.0.iter().try_fold(self, |node, step| match step {
            Step::Key(key) => node.child(key),
            Step::Index(index) => node.items().get(*index),
        })
    }

    /// Where the value at the end of a path is written; the start of the nearest table if the path ends early.
    pub fn span_at(&self, path: &Path) -> Span {
        let mut node = self;
        for step in &path.0 {
            let next = match step {
                Step::Key(key) => node.child(key),
                Step::Index(index) => node.items().get(*index),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.span
    }

    /// Where the key at the end of a path is written; for an element of an array, the element.
    pub fn key_span_at(&self, path: &Path) -> Span {
        let parent = path.0.split_last().and_then(|(last, before)| {
            let Step::Key(key) = last else { return None };
            let parent = self.at(&Path(before.to_vec()))?;
            let entries = &parent.table()?.entries;
            entries.iter().find(|entry| entry.key == *key)
        });
        parent.map_or_else(|| self.span_at(path), |entry| entry.key_span)
    }

    /// The value as a message shows it.
    pub fn literal(&self) -> String {
        match &self.value {
            Value::Text(text) => quoted(text),
            Value::Whole(number) => number.to_string(),
            Value::Real(number) => format!("{number:?}").to_lowercase(),
            Value::Truth(truth) => truth.to_string(),
            Value::Moment(text) => text.clone(),
            Value::List(_) => "an array".to_owned(),
            Value::Table(_) => "a table".to_owned(),
            Value::Dropped => "nothing".to_owned(),
        }
    }

    /// Whether this or anything within was dropped.
    pub fn has_dropped(&self) -> bool {
        match &self.value {
            Value::Dropped => true,
            Value::List(items) => items.iter().any(Node::has_dropped),
            Value::Table(table) => table.entries.iter().any(|entry| entry.node.has_dropped()),
            _ => false,
        }
    }

    /// Drops the node at the end of a path; false if there is nothing left to drop.
    pub fn drop_at(&mut self, path: &Path) -> bool {
        let mut node = self;
        for step in &path.0 {
            let next = match (step, &mut node.value) {
                (Step::Key(key), Value::Table(table)) => {
                    let mut entries = table.entries.iter_mut();
                    entries.find(|entry| entry.key == *key).map(|entry| &mut entry.node)
                }
                (Step::Index(index), Value::List(items)) => items.get_mut(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return false,
            }
        }
        !matches!(std::mem::replace(&mut node.value, Value::Dropped), Value::Dropped)
    }
}

/// Reads the text that starts at `start` in the sources; none if it is not TOML, which is then reported.
pub fn parse(sources: &SourceMap, start: usize, problems: &mut Problems) -> Option<Node> {
    let text = sources.text(start);
    let (tree, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        report_syntax(text, start, &errors, problems);
        return None;
    }
    let root = convert(DeValue::Table(tree.into_inner()), 0..0, start, problems);
    Some(root)
}

fn convert(
    value: DeValue<'_>,
    span: std::ops::Range<usize>,
    start: usize,
    problems: &mut Problems,
) -> Node {
    let span = Span::new(start + span.start, start + span.end);
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Whole(number),
            Err(_) => {
                problems.add(
                    span,
                    format!("the number {number} is too large"),
                    "write a smaller number",
                );
                Value::Dropped
            }
        },
        DeValue::Float(number) => Value::Real(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Truth(truth),
        DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
        DeValue::Array(items) => {
            let items = items.into_iter().map(|item| {
                let span = item.span();
                convert(item.into_inner(), span, start, problems)
            });
            Value::List(items.collect())
        }
        DeValue::Table(table) => {
            let entries = table.into_iter().map(|(key, node)| {
                let (key_span, span) = (key.span(), node.span());
                Entry {
                    key: key.into_inner().into_owned(),
                    key_span: Span::new(start + key_span.start, start + key_span.end),
                    implied: false,
                    node: convert(node.into_inner(), span, start, problems),
                }
            });
            Value::Table(Table { entries: entries.collect(), choice: false })
        }
    };
    Node { span, value }
}

/// Errors after which the parser is still in step with the text, so that the next one is not a mere consequence.
const LOCAL: [&str; 4] =
    ["duplicate key", "string values must", "unexpected leading zero", "invalid boolean"];

fn report_syntax(text: &str, start: usize, errors: &[toml::de::Error], problems: &mut Problems) {
    let local =
        |error: &toml::de::Error| LOCAL.iter().any(|kind| error.message().starts_with(kind));
    let shown = if errors.iter().all(local) { errors.len() } else { 1 };
    for error in &errors[..shown] {
        let at = error.span().unwrap_or(0..0);
        let (message, cure, end) = syntax(text, error.message(), &at);
        problems.add(Span::new(start + at.start, start + end.max(at.end)), message, cure);
    }
}

/// The parser's message in the words of this program, its cure, and the end of what it is about.
fn syntax(text: &str, message: &str, at: &std::ops::Range<usize>) -> (String, String, usize) {
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}' | '#' | '=');
    let rest = text.get(at.start..).unwrap_or("");
    let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let end = at.start + word.len();
    if message.starts_with("duplicate key") {
        let key = text.get(at.clone()).unwrap_or(word);
        let message = format!("the key {} is written twice", ticked(key));
        return (message, "keep one of the two".to_owned(), at.end);
    }
    if message.starts_with("string values must") || message.starts_with("invalid boolean") {
        if word.is_empty() {
            let cure = "write the value behind the `=`".to_owned();
            return ("a value is missing".to_owned(), cure, at.end);
        }
        let message = format!("{} is neither a number nor in quotes", ticked(word));
        return (message, format!("write {}", quoted(word)), end);
    }
    if message.starts_with("unexpected leading zero") {
        let cure = "write the number without the leading zero".to_owned();
        return ("a number starts with a zero".to_owned(), cure, end);
    }
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let cure = match expected {
        "" | "nothing" => "correct the TOML here".to_owned(),
        _ => format!("expected {expected}"),
    };
    (format!("this is not TOML: {what}"), cure, at.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(text: &str) -> String {
        let mut sources = SourceMap::default();
        let mut problems = Problems::default();
        let start = sources.add("x", None, text);
        assert!(parse(&sources, start, &mut problems).is_none());
        problems.report(&sources).to_string()
    }

    #[test]
    fn syntax_errors_have_a_place_and_a_cure() {
        let text = problems_of("a = 1\na = 2\nb = 30s # c\n");
        assert!(text.contains("x:2:1: the key `a` is written twice"), "{text}");
        assert!(text.contains("x:3:5: `30s` is neither a number nor in quotes"), "{text}");
        assert!(text.contains("^^^ write \"30s\""), "{text}");
        assert!(problems_of("a =\n").contains("x:1:4: a value is missing"));
        let open = problems_of("a = [1, 2\nb = 3\n");
        assert_eq!(open.matches("error:").count(), 1, "{open}");
    }

    #[test]
    fn paths_lead_to_nodes() {
        let mut sources = SourceMap::default();
        let mut problems = Problems::default();
        let start = sources.add("x", None, "[[a]]\n[[a]]\nb.c = 1\n");
        let mut tree = parse(&sources, start, &mut problems).unwrap();
        let path = Path::of("a[1].b.c");
        assert_eq!(path.to_string(), "a.b.c");
        assert_eq!(tree.at(&path).unwrap().literal(), "1");
        assert_eq!(tree.span_at(&path), Span::new(18, 19));
        assert_eq!(tree.key_span_at(&path), Span::new(14, 15));
        assert!(tree.drop_at(&path) && !tree.drop_at(&path));
        assert!(tree.has_dropped() && tree.at(&path).is_none());
    }

    #[test]
    fn a_number_that_does_not_fit_is_reported() {
        let mut sources = SourceMap::default();
        let mut problems = Problems::default();
        let start = sources.add("x", None, "a = 99999999999999999999\n");
        assert!(parse(&sources, start, &mut problems).is_some());
        assert!(problems.report(&sources).to_string().contains("is too large"));
    }
}
