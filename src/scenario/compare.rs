//! A scenario with other variants than it was written with: one for each name of a list.

use super::problem::{Problems, name_cure};
use super::schema::kinds;
use super::source::Span;
use super::tree::{Entry, Node, Table, Value};
use super::written::Order;
use crate::learners::CARDS;

/// Orders that can be named without keys of their own.
const ORDERS: [&str; 6] =
    ["random", "round_robin", "cheapest", "fastest", "stage4", "informed_greedy"];

/// Puts one variant for each name in the place of the variants: the scenario's own of that name, or its `[stack]` with that
/// learner or order. What speaks of variants that are gone goes with them.
pub(super) fn put_variants(tree: &mut Node, names: &[String], problems: &mut Problems) {
    let own: Vec<Node> = tree.child("variants").map_or(&[][..], Node::items).to_vec();
    let name_of = |node: &Node| node.child("name").and_then(text);
    let mut variants = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            problems.add_unplaced(format!("`{name}` is named twice"), "name each learner once");
            continue;
        }
        let written = own.iter().find(|node| name_of(node).as_deref() == Some(name)).cloned();
        let learner = || CARDS.iter().any(|(card, _)| card == name);
        let order = || ORDERS.contains(&name.as_str());
        debug_assert!(ORDERS.iter().all(|o| kinds::<Order>().iter().any(|(kind, _)| kind == o)));
        match written {
            Some(variant) => variants.push(variant),
            None if learner() => {
                variants.push(variant(name, choice("learner", choice(name, empty()))))
            }
            None if order() => variants.push(variant(name, choice(name, empty()))),
            None => {
                let own = own.iter().filter_map(name_of).collect::<Vec<_>>();
                let known: Vec<&str> = own
                    .iter()
                    .map(String::as_str)
                    .chain(CARDS.iter().map(|(name, _)| *name))
                    .chain(ORDERS)
                    .collect();
                let message = format!("there is no variant, learner or order `{name}`");
                problems.add_unplaced(message, name_cure(name, &known));
            }
        }
    }
    let Value::Table(table) = &mut tree.value else { return };
    table.entries.retain(|entry| !["variants", "expect", "reports"].contains(&entry.key.as_str()));
    let is_gone = |key: &str, node: &Node| {
        node.child(key).and_then(text).is_some_and(|name| !names.contains(&name))
    };
    for entry in &mut table.entries {
        let has_other_baseline = entry.key == "compare" && is_gone("baseline", &entry.node);
        match &mut entry.node.value {
            Value::List(studies) if entry.key == "parameter_studies" => {
                studies.retain(|study| !is_gone("variant", study));
            }
            Value::Table(compare) if has_other_baseline => {
                compare.entries.retain(|entry| entry.key != "baseline");
            }
            _ => {}
        }
    }
    table.entries.push(entry("variants", node(Value::List(variants))));
}

fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn node(value: Value) -> Node {
    Node { span: Span::default(), value }
}

fn entry(key: &str, node: Node) -> Entry {
    Entry { key: key.to_owned(), key_span: Span::default(), implied: false, node }
}

fn empty() -> Node {
    Node::empty(Span::default())
}

fn choice(kind: &str, keys: Node) -> Node {
    node(Value::Table(Table { entries: vec![entry(kind, keys)], choice: true }))
}

fn variant(name: &str, order: Node) -> Node {
    let stack = Table { entries: vec![entry("order", order)], choice: false };
    let entries = vec![
        entry("name", node(Value::Text(name.to_owned()))),
        entry("stack", node(Value::Table(stack))),
    ];
    node(Value::Table(Table { entries, choice: false }))
}
