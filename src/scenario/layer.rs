//! Puts one tree over another: a file over its base, a block over the scenario, a variant over the base stack.

use super::shape::{Form, Kind, Shape};
use super::source::{Span, Spanned};
use super::tree::{Entry, Node, Table, Value};

/// The keys that a block may override.
const STUDY: [&str; 6] = ["workload", "world", "task_types", "faults", "random_faults", "bandit"];
/// Of them, the lists that a block makes longer.
const ADDED: [&str; 2] = ["faults", "random_faults"];

/// Writes out the short forms of choices, so that a choice is a table with one key everywhere, and marks the choices.
pub fn normalise(node: &mut Node, shape: &Shape) {
    if let Form::Choice(kinds) = &shape.form {
        write_out(node, kinds);
    }
    match (&shape.form, &mut node.value) {
        (Form::Choice(kinds), Value::Table(table)) => {
            table.choice = true;
            for entry in &mut table.entries {
                if let Some(kind) = kinds.iter().find(|kind| kind.name == entry.key) {
                    normalise(&mut entry.node, &kind.shape);
                }
            }
        }
        (Form::Table(fields), Value::Table(table)) => {
            for entry in &mut table.entries {
                if let Some(field) = fields.iter().find(|field| field.key == entry.key) {
                    normalise(&mut entry.node, &field.shape);
                }
            }
        }
        (Form::Map(inner), Value::Table(table)) => {
            for entry in &mut table.entries {
                normalise(&mut entry.node, inner);
            }
        }
        (Form::List(inner), Value::List(items)) => {
            for item in items {
                normalise(item, inner);
            }
        }
        _ => {}
    }
}

/// Turns the text or number that stands for a kind into a table with the kind's name as its key.
fn write_out(node: &mut Node, kinds: &[Kind]) {
    let (key, keys) = match &node.value {
        Value::Text(name) => (name.clone(), Node::empty(node.span)),
        Value::Whole(_) | Value::Real(_) => {
            let Some(kind) = kinds.iter().find(|kind| kind.from_number) else {
                return;
            };
            (kind.name.clone(), node.clone())
        }
        _ => return,
    };
    let entry = Entry { key, key_span: node.span, implied: true, node: keys };
    node.value = Value::Table(Table { entries: vec![entry], choice: true });
}

/// Puts `over` on `under`: tables merge key by key, arrays and scalars replace, choices merge only if of the same kind.
///
/// Both trees must be normalised.
pub fn merge(under: &Node, over: &Node) -> Node {
    let (Value::Table(below), Value::Table(above)) = (&under.value, &over.value) else {
        return over.clone();
    };
    if (below.choice || above.choice) && !same_kind(below, above) {
        return over.clone();
    }
    let mut entries = below.entries.clone();
    for entry in &above.entries {
        match entries.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => {
                let node = merge(&known.node, &entry.node);
                *known = Entry { node, ..entry.clone() };
            }
            None => entries.push(entry.clone()),
        }
    }
    let choice = above.choice;
    Node { span: over.span, value: Value::Table(Table { entries, choice }) }
}

fn same_kind(below: &Table, above: &Table) -> bool {
    match (below.entries.as_slice(), above.entries.as_slice()) {
        ([one], [other]) => one.key == other.key,
        _ => false,
    }
}

/// One world in which the study is run: the scenario's own, or a block's.
#[derive(Clone, Debug)]
pub struct Block {
    /// The block's name; none for the scenario's own world.
    pub name: Option<Spanned<String>>,
    /// Workload, world, task types and faults, to be read as a `Study`.
    pub tree: Node,
}

/// The worlds of a scenario: each block over the scenario, or the scenario's own if there are no blocks.
///
/// A block's faults come after the scenario's; everything else follows the rules of [`merge`].
pub fn blocks(scenario: &Node) -> Vec<Block> {
    let own = study_of(scenario);
    let written = scenario.child("blocks").map_or(&[][..], Node::items);
    if written.is_empty() {
        let name = None;
        return vec![Block { name, tree: own }];
    }
    let block =
        |block: &Node| Block { name: name_of(block), tree: over_study(&own, &study_of(block)) };
    written.iter().map(block).collect()
}

fn over_study(own: &Node, block: &Node) -> Node {
    let mut merged = merge(own, block);
    for key in ADDED {
        let (Some(first), Some(second)) = (own.child(key), block.child(key)) else { continue };
        if let (Value::List(first), Value::List(second)) = (&first.value, &second.value)
            && let Value::Table(table) = &mut merged.value
            && let Some(entry) = table.entries.iter_mut().find(|entry| entry.key == key)
        {
            entry.node.value = Value::List(first.iter().chain(second).cloned().collect());
        }
    }
    merged
}

/// The part of a scenario or block that says in which world the study runs.
pub fn study_of(tree: &Node) -> Node {
    let entries = tree.table().map_or(&[][..], |table| &table.entries);
    let kept = entries.iter().filter(|entry| STUDY.contains(&entry.key.as_str()));
    Node {
        span: tree.span,
        value: Value::Table(Table { entries: kept.cloned().collect(), choice: false }),
    }
}

/// The stack of a variant, from below: the preset, the scenario's `[stack]`, the variant's own `stack`.
///
/// A layer that is not there counts as empty.
pub fn stack(preset: Option<&Node>, base: Option<&Node>, variant: Option<&Node>) -> Node {
    let layers = [preset, base, variant].into_iter().flatten();
    let merged = layers.cloned().reduce(|under, over| merge(&under, &over));
    merged.unwrap_or_else(|| Node::empty(Span::default()))
}

fn name_of(table: &Node) -> Option<Spanned<String>> {
    let node = table.child("name")?;
    match &node.value {
        Value::Text(name) => Some(Spanned { value: name.clone(), span: node.span }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::problem::Problems;
    use crate::scenario::source::SourceMap;
    use crate::scenario::tree::{Path, parse};
    use crate::scenario::written::Scenario;

    fn trees<const N: usize>(texts: [&str; N]) -> [Node; N] {
        let mut sources = SourceMap::default();
        let shape = Shape::of::<Scenario>();
        texts.map(|text| {
            let start = sources.add("x", None, text);
            let mut tree = parse(&sources, start, &mut Problems::default()).unwrap();
            normalise(&mut tree, &shape);
            tree
        })
    }

    /// The tree as text, so that a test can compare it.
    fn flat(node: &Node) -> String {
        match &node.value {
            Value::Table(table) => {
                let keys = table.entries.iter().map(|e| format!("{}={}", e.key, flat(&e.node)));
                format!("{{{}}}", keys.collect::<Vec<_>>().join(","))
            }
            Value::List(items) => {
                format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(","))
            }
            _ => node.literal(),
        }
    }

    fn merged(under: &str, over: &str) -> String {
        let [under, over] = trees([under, over]);
        flat(&merge(&under, &over))
    }

    #[test]
    fn tables_merge_and_the_rest_is_replaced() {
        let under =
            "seeds = \"1\"\nrecord = { bins = 5, regret = true }\nvariants = [{ name = \"a\" }]";
        let over = "record.bins = 6\nvariants = []\nformat = 1";
        assert_eq!(
            merged(under, over),
            "{seeds=\"1\",record={bins=6,regret=true},variants=[],format=1}"
        );
    }

    #[test]
    fn choices_merge_only_if_of_the_same_kind() {
        let under = "workload.closed_loop = { in_flight = 3 }";
        assert_eq!(
            merged(under, "workload.closed_loop.think = \"1s\""),
            "{workload={closed_loop={in_flight=3,think=\"1s\"}}}"
        );
        assert_eq!(
            merged(under, "workload.poisson.rate_per_s = 1"),
            "{workload={poisson={rate_per_s=1}}}"
        );
        assert_eq!(
            merged("reward.utility.quality = 2", "reward = \"utility\""),
            "{reward={utility={quality=2}}}"
        );
        assert_eq!(
            merged("stack.order = \"random\"", "stack.order.learner = \"ucb1\""),
            "{stack={order={learner={ucb1={}}}}}"
        );
        assert_eq!(
            merged("stack.order.learner.ucb1 = {}", "stack.order.learner.stage4_q = {}"),
            "{stack={order={learner={stage4_q={}}}}}"
        );
        // A model that bears the name of a choice is still the user's own name.
        assert_eq!(
            merged(
                "registry.models.order = { label = \"a\" }",
                "registry.models.order = { key = \"missing\" }"
            ),
            "{registry={models={order={label=\"a\",key=\"missing\"}}}}"
        );
    }

    #[test]
    fn every_choice_of_the_format_is_known() {
        let text = "reward = \"a\"\nworkload = \"a\"\ntime.end = \"a\"\n\
            [[task_types]]\ninput_tokens = 1\noutput_tokens = 2\n[[faults]]\neffect = \"a\"\nend = \"10:00\"\n\
            [stack]\norder.learner = \"a\"\nreward = \"a\"\nretry.backoff = \"a\"\nfallback = \"a\"\nbreaker = \"a\"\n\
            [[blocks]]\nworkload = \"a\"\n[[variants]]\nstack.order = \"a\"\n";
        let [tree] = trees([text]);
        for path in [
            "reward",
            "workload",
            "time.end",
            "task_types[0].input_tokens",
            "task_types[0].output_tokens",
            "faults[0].effect",
            "stack.order",
            "stack.order.learner",
            "stack.reward",
            "stack.retry.backoff",
            "stack.fallback",
            "stack.breaker",
            "blocks[0].workload",
            "variants[0].stack.order",
        ] {
            let node = tree.at(&Path::of(path)).unwrap();
            assert!(node.table().is_some_and(|table| table.choice), "{path}");
        }
        assert_eq!(tree.at(&Path::of("faults[0].end")).unwrap().literal(), "\"10:00\"");
        assert_eq!(
            tree.at(&Path::of("task_types[0].input_tokens.constant")).unwrap().literal(),
            "1"
        );
    }

    #[test]
    fn a_block_lies_over_the_scenario() {
        let [tree] = trees([
            "seeds = \"1\"\n[[faults]]\nname = \"a\"\n[world.limits]\nslots = 1\n\
            [[blocks]]\nname = \"b\"\nworld.error_ms = 2\nfaults = [{ name = \"c\" }]\n[[blocks]]\nname = \"d\"\n",
        ]);
        let blocks = blocks(&tree);
        assert_eq!(
            flat(&blocks[0].tree),
            "{faults=[{name=\"a\"},{name=\"c\"}],world={limits={slots=1},error_ms=2}}"
        );
        assert_eq!(flat(&blocks[1].tree), "{faults=[{name=\"a\"}],world={limits={slots=1}}}");
        assert_eq!(blocks[1].name.as_ref().unwrap().value, "d");
        assert_eq!(flat(&stack(None, None, None)), "{}");
    }
}
