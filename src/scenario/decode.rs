//! Reads a tree into a written struct and collects all that is wrong with it, not only the first mistake.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::problem::{Problems, closest, name_cure, one_of, ticked};
use super::reader::{Mistake, NodeReader, What};
use super::shape::{Form, Shape};
use super::source::Span;
use super::tree::{Node, Path, Step, Value};

/// A struct read from a tree, with what had to be left out because it is wrong.
#[derive(Clone, Debug)]
pub struct Decoded<T> {
    /// What was read; none if a mistake took all of it.
    pub value: Option<T>,
    /// The parts that were wrong, which have been reported.
    pub dropped: Dropped,
}

/// The parts of a tree that were wrong and reported, so that they are not reported again as missing.
#[derive(Clone, Debug, Default)]
pub struct Dropped {
    paths: Vec<Path>,
}

impl Dropped {
    /// Whether nothing was dropped.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Whether this path, a part of it or something that holds it was dropped.
    pub fn touches(&self, path: &str) -> bool {
        let asked = Path::of(path).0;
        let near = |dropped: &Path| dropped.0.iter().zip(&asked).all(|(a, b)| a == b);
        self.paths.iter().any(near)
    }

    /// The places of a list's items that were not dropped whole; `n` is how many were read.
    pub fn kept(&self, list: &str, n: usize) -> Vec<usize> {
        let whole = |at: &usize| !self.paths.contains(&Path::of(&format!("{list}[{at}]")));
        (0..).filter(whole).take(n).collect()
    }

    /// The paths that were dropped.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }
}

/// Reads a tree, which stands at the path `at` of the scenario, and reports all that is wrong with it.
pub fn decode<T>(tree: &Node, at: &str, problems: &mut Problems) -> Decoded<T>
where
    T: DeserializeOwned + JsonSchema,
{
    read(tree, at, Missing::Reported, problems)
}

/// Reports what is wrong with a part that is yet to be merged with others: as [`decode`], but keys may be missing.
pub fn check<T>(tree: &Node, at: &str, problems: &mut Problems)
where
    T: DeserializeOwned + JsonSchema,
{
    read::<T>(tree, at, Missing::Allowed, problems);
}

/// Nobody reads more mistakes of one part at once, and each costs one more reading of it.
const MOST: usize = 500;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Reported,
    Allowed,
}

fn read<T>(tree: &Node, at: &str, missing: Missing, problems: &mut Problems) -> Decoded<T>
where
    T: DeserializeOwned + JsonSchema,
{
    let mut tree = tree.clone();
    let mut shape = None;
    let mut rounds = 0..MOST;
    // Each round drops one more node.
    let value = loop {
        let mistake = match T::deserialize(NodeReader(&tree)) {
            Ok(value) => break Some(value),
            Err(mistake) => mistake,
        };
        let path = Path(mistake.path());
        let teller = Teller {
            tree: &tree,
            at,
            shape: shape.get_or_insert_with(Shape::of::<T>),
            path: &path,
        };
        teller.tell(&mistake, missing, problems);
        if rounds.next().is_none() || path.0.is_empty() || !tree.drop_at(&path) {
            tree.drop_at(&Path::default());
            break None;
        }
    };
    let mut dropped = Dropped::default();
    collect(&tree, &mut Vec::new(), &mut dropped.paths);
    Decoded { value, dropped }
}

fn collect(node: &Node, steps: &mut Vec<Step>, paths: &mut Vec<Path>) {
    match &node.value {
        Value::Dropped => paths.push(Path(steps.clone())),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                steps.push(Step::Index(index));
                collect(item, steps, paths);
                steps.pop();
            }
        }
        Value::Table(table) => {
            for entry in &table.entries {
                steps.push(Step::Key(entry.key.clone()));
                collect(&entry.node, steps, paths);
                steps.pop();
            }
        }
        _ => {}
    }
}

/// Keys of earlier versions, and where what they said is written now.
const MOVED: [(&str, &str); 4] = [
    (".hold_after_429", "stack.on.rate_limited.hold"),
    (".auth_recheck", "stack.on.auth.hold"),
    (".honour_retry_after", "stack.retry.retry_after"),
    (".retry.on", "stack.on.CLASS.retry"),
];

/// Puts one mistake into words.
struct Teller<'a> {
    tree: &'a Node,
    at: &'a str,
    shape: &'a Shape,
    path: &'a Path,
}

impl Teller<'_> {
    fn tell(&self, mistake: &Mistake, missing: Missing, problems: &mut Problems) {
        let key = self.last_key();
        match &mistake.what {
            What::UnknownKey { known } => {
                let message = format!("unknown key {}{}", ticked(key), self.inside());
                let whole = self.written(&self.path.0);
                let moved = MOVED.iter().find(|(old, _)| whole.ends_with(old));
                let cure = match (moved, known.as_slice()) {
                    (Some((_, now)), _) => format!("it has moved: write {}", ticked(now)),
                    (None, []) => "remove it: there are no keys here".to_owned(),
                    (None, known) => name_cure(key, known),
                };
                problems.add(self.key_span(), message, cure);
            }
            What::UnknownKind { known } => {
                let parent = self.written(&self.path.0[..self.path.0.len() - 1]);
                let message = format!("unknown kind {} of {}", ticked(key), ticked(&parent));
                let cure = self
                    .home_of(key)
                    .or_else(|| self.sibling_kind(key))
                    .or_else(|| self.outer_kind(key, known));
                let cure = cure.unwrap_or_else(|| name_cure(key, known));
                problems.add(self.key_span(), message, cure);
            }
            What::SecondKind { first } => {
                let parent = self.written(&self.path.0[..self.path.0.len() - 1]);
                let (first, second) = (ticked(first), ticked(key));
                let message = format!("{} has two kinds, {first} and {second}", ticked(&parent));
                problems.add(self.key_span(), message, "keep one of the two");
            }
            What::Missing { key } => self.tell_missing(key, missing, problems),
            // An array or table from which something was dropped may be unfit for that reason alone.
            _ if self.node().is_some_and(Node::has_dropped) => {}
            What::NoKind if missing == Missing::Allowed => {}
            What::NoKind => {
                let message = format!("{} names no kind", ticked(&self.name()));
                problems.add(self.key_span(), message, self.cure("a kind"));
            }
            What::UnknownText { known } => {
                let text = match self.node().map(|node| &node.value) {
                    Some(Value::Text(text)) => text.as_str(),
                    _ => "",
                };
                let near = closest(text, known).filter(|_| !text.is_empty());
                let cure = match near {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("expected {}", one_of(known).replace('`', "\"")),
                };
                problems.add(self.span(), self.refused(""), cure);
            }
            What::Unfit { expected } => {
                problems.add(self.span(), self.refused(""), self.cure(expected));
            }
            What::Refused { reason, cure } => {
                let cure = match cure.as_str() {
                    "" => self.cure("another value"),
                    cure => cure.to_owned(),
                };
                problems.add(self.span(), self.refused(reason), cure);
            }
        }
    }

    fn tell_missing(&self, first: &str, missing: Missing, problems: &mut Problems) {
        if missing == Missing::Allowed {
            return;
        }
        let shape = self.shape.at(&self.path.0);
        let fields = shape.map_or(&[][..], Shape::fields);
        let known: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
        let table = self.node().and_then(Node::table);
        let entries = table.map_or(&[][..], |table| &table.entries);
        let written = |key: &str| {
            // A mistyped key has been reported; the one it was meant to be is not missing as well.
            let meant = |entry: &str| entry == key || closest(entry, &known) == Some(key);
            entries
                .iter()
                .any(|entry| entry.key == key || dropped(&entry.node) && meant(&entry.key))
        };
        let mut keys: Vec<&str> =
            fields.iter().filter(|f| f.required).map(|f| f.key.as_str()).collect();
        if !keys.contains(&first) {
            keys.push(first);
        }
        for key in keys.into_iter().filter(|key| !written(key)) {
            let message = format!("missing key {}{}", ticked(key), self.in_table());
            let field = fields.iter().find(|field| field.key == key);
            let cure = match field.map(|field| (field.shape.sample(), &field.shape.words)) {
                Some((Some(sample), _)) => {
                    format!("add it, such as {}", ticked(&format!("{key} = {sample}")))
                }
                Some((None, words)) => format!("add it: {words}"),
                None => "add it".to_owned(),
            };
            problems.add(self.key_span(), message, cure);
        }
    }

    fn node(&self) -> Option<&Node> {
        self.tree.at(self.path)
    }

    fn span(&self) -> Span {
        self.tree.span_at(self.path)
    }

    fn key_span(&self) -> Span {
        self.tree.key_span_at(self.path)
    }

    fn last_key(&self) -> &str {
        match self.path.0.last() {
            Some(Step::Key(key)) => key,
            _ => "",
        }
    }

    /// A path as the user wrote it: without the kinds that a short form stands for.
    fn written(&self, steps: &[Step]) -> String {
        let implied = |position: usize| {
            let Step::Key(key) = &steps[position] else {
                return true;
            };
            let parent = self.tree.at(&Path(steps[..position].to_vec()));
            let entry = parent.and_then(Node::table).and_then(|table| table.entry(key));
            // A text stands for a kind that is worth naming; a number does not.
            entry.is_some_and(|entry| entry.implied && entry.node.table().is_none())
        };
        let shown = (0..steps.len()).filter(|position| !implied(*position));
        let path = Path(shown.map(|position| steps[position].clone()).collect()).to_string();
        match (self.at, path.as_str()) {
            ("", _) => path,
            (at, "") => at.to_owned(),
            (at, _) => format!("{at}.{path}"),
        }
    }

    fn name(&self) -> String {
        self.written(&self.path.0)
    }

    /// " in `workload.poisson`" for the table that holds the last key, and nothing at the root.
    fn inside(&self) -> String {
        let parent = self.written(&self.path.0[..self.path.0.len().saturating_sub(1)]);
        if parent.is_empty() { parent } else { format!(" in {}", ticked(&parent)) }
    }

    fn in_table(&self) -> String {
        let name = self.name();
        if name.is_empty() { name } else { format!(" in {}", ticked(&name)) }
    }

    fn refused(&self, reason: &str) -> String {
        let found = self.node().map_or_else(String::new, Node::literal);
        let colon = if reason.is_empty() { "" } else { ": " };
        let name = match self.name() {
            name if name.is_empty() => "the scenario".to_owned(),
            name => ticked(&name),
        };
        format!("{name} cannot be {found}{colon}{reason}")
    }

    /// What to write instead of the node at fault, as its shape says.
    fn cure(&self, expected: &str) -> String {
        let shape = self.shape.at(&self.path.0);
        let words = shape.map_or(expected, |shape| &shape.words);
        match shape.and_then(Shape::sample) {
            Some(sample) if sample != words && sample != "{}" => {
                format!("write {words}, such as {sample}")
            }
            _ => format!("write {words}"),
        }
    }

    /// For a kind that only a choice further out may be.
    fn outer_kind(&self, key: &str, known: &[&str]) -> Option<String> {
        let parent = self.path.0.len() - 1;
        let allows = |shape: &Shape| shape.kinds().iter().any(|kind| kind.name == key);
        let outer = (0..parent).find(|n| self.shape.at(&self.path.0[..*n]).is_some_and(allows))?;
        let outer = ticked(&self.written(&self.path.0[..outer]));
        Some(format!("only {outer} itself can be {}: write {}", ticked(key), one_of(known)))
    }

    /// For the name of a kind that belongs to a key beside the one under which it was written.
    fn sibling_kind(&self, key: &str) -> Option<String> {
        let around = &self.path.0[..self.path.0.len().checked_sub(2)?];
        let mut fields = self.shape.at(around)?.fields().iter();
        let has = |shape: &Shape| shape.kinds().iter().any(|kind| kind.name == key);
        let field = fields.find(|field| has(&field.shape))?;
        let whole = match self.written(around).as_str() {
            "" => format!("{}.{key}", field.key),
            around => format!("{around}.{}.{key}", field.key),
        };
        Some(format!("it is a kind of {}: write {}", ticked(&field.key), ticked(&whole)))
    }

    /// For a key that belongs into a kind but was written where the kind's name is expected.
    fn home_of(&self, key: &str) -> Option<String> {
        let parent = &self.path.0[..self.path.0.len() - 1];
        let Form::Choice(kinds) = &self.shape.at(parent)?.form else {
            return None;
        };
        let has = |shape: &Shape| shape.fields().iter().any(|field| field.key == key);
        let kind = kinds.iter().find(|kind| has(&kind.shape))?;
        let whole = format!("{}.{}.{key}", self.written(parent), kind.name);
        Some(format!("it is a key of the kind {}: write {}", ticked(&kind.name), ticked(&whole)))
    }
}

fn dropped(node: &Node) -> bool {
    matches!(node.value, Value::Dropped)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::scenario::layer::normalise;
    use crate::scenario::source::{SourceMap, Spanned};
    use crate::scenario::tree::parse;
    use crate::scenario::values::{Count, PerLevel, Probability};

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Plan {
        name: Option<Spanned<String>>,
        figures: Option<PerLevel<Probability>>,
        #[serde(default)]
        steps: Vec<Step>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Step {
        size: Count,
        weight: Count,
    }

    fn decoded(text: &str) -> (Decoded<Plan>, String) {
        let mut sources = SourceMap::default();
        let mut problems = Problems::default();
        let start = sources.add("x", None, text);
        let mut tree = parse(&sources, start, &mut problems).unwrap();
        normalise(&mut tree, &Shape::of::<Plan>());
        let decoded = decode(&tree, "plan", &mut problems);
        let heads = problems.report(&sources).to_string();
        let heads = heads.lines().filter(|line| line.starts_with("error")).map(str::to_owned);
        (decoded, heads.collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_value_keeps_its_place() {
        let (plan, report) = decoded("name = \"a\"\nfigures = 1\n");
        let plan = plan.value.unwrap();
        assert_eq!((plan.name.unwrap().span, report.as_str()), (Span::new(7, 10), ""));
        assert_eq!(plan.figures, Some(PerLevel::all(Probability::of(1.0))));
    }

    #[test]
    fn what_is_wrong_is_left_out_and_the_rest_is_read() {
        let text =
            "figures = [0.1, 2, -1, 0.2]\nname = 1\n[[steps]]\n[[steps]]\nsize = 1\nweight = 2\n";
        let (plan, report) = decoded(text);
        let wanted = "error: x:1:17: `plan.figures` cannot be 2\n\
            error: x:1:20: `plan.figures` cannot be -1\n\
            error: x:2:8: `plan.name` cannot be 1\n\
            error: x:3:1: missing key `size` in `plan.steps`\n\
            error: x:3:1: missing key `weight` in `plan.steps`";
        assert_eq!(report, wanted);
        assert!(plan.dropped.touches("figures") && plan.dropped.touches("steps[0].size"));
        assert!(!plan.dropped.touches("steps[1]"));
        let plan = plan.value.unwrap();
        assert!(plan.figures.is_none() && plan.name.is_none());
        assert_eq!(
            (plan.steps.len(), plan.steps[0].size, plan.steps[0].weight),
            (1, Count::of(1), Count::of(2))
        );
    }

    #[test]
    fn very_many_mistakes_end_the_reading() {
        let text = "steps = [".to_owned() + &"1, ".repeat(2 * MOST) + "]\n";
        let (plan, report) = decoded(&text);
        assert_eq!(report.lines().count(), MOST + 1);
        assert!(plan.value.is_none() && plan.dropped.touches("name"));
    }
}
