//! What is asked of the variants besides running them: how they are compared, which parameters are studied.

use std::sync::Arc;

use super::{Models, Resolver};
use crate::analysis::measure::{self, MEASURES, Measure};
use crate::learners::LearnerConfig;
use crate::math;
use crate::scenario::layer;
use crate::scenario::problem::name_cure;
use crate::scenario::resolved::{Block, Compare, ParameterStudy, Variant};
use crate::scenario::shape::Shape;
use crate::scenario::source::{Span, Spanned};
use crate::scenario::tree::{Entry, Node, Path, Step, Table, Value};
use crate::scenario::written::{ParameterRange, ParameterStudy as Written, Scale};

/// The most values that one parameter is tried at.
const MOST_VALUES: u64 = 200;

/// What ranks variants where the scenario does not say: of bandit problems, and of stacks.
const OF_BANDITS: [Measure; 3] =
    [measure::CUMULATIVE_REGRET, measure::REWARD, measure::BEST_MODEL_SHARE];
const OF_STACKS: [Measure; 5] = [
    measure::REWARD,
    measure::AVAILABILITY,
    measure::QUALITY,
    measure::COST,
    measure::CUMULATIVE_REGRET,
];

impl Resolver<'_> {
    /// How the variants are compared; `None` if something is wrong with it.
    pub(super) fn compare(
        &mut self,
        variants: &[Variant],
        blocks: &[Block],
        seeds: &[u64],
    ) -> Option<Compare> {
        let written = self.loaded.scenario.compare.clone().unwrap_or_default();
        let regret = self.loaded.scenario.record.regret;
        let baseline = match &written.baseline {
            None => variants.first()?.name.clone(),
            Some(name) if variants.iter().any(|v| v.name == name.value) => name.value.clone(),
            Some(name) => {
                let known = variants.iter().map(|v| v.name.as_str());
                self.problems().add_unknown(name.span, "variant", &name.value, known);
                return None;
            }
        };
        let measures = match &written.measures {
            Some(names) => names.iter().filter_map(|name| self.compared(name)).collect(),
            None => {
                let is_bandit = blocks.iter().any(|block| block.bandit.is_some());
                let has_budget = blocks
                    .iter()
                    .any(|block| block.bandit.as_ref().is_some_and(|b| b.budget.is_some()));
                let of_mode: &[Measure] = if is_bandit { &OF_BANDITS } else { &OF_STACKS };
                let mut measures = of_mode.to_vec();
                measures.extend(has_budget.then_some(measure::COST));
                measures.retain(|measure| regret || !measure.needs_regret());
                measures
            }
        };
        let selection = written.selection_seeds.as_ref();
        let selection_seeds = selection.map(|own| self.selection(&own.value, own.span, seeds));
        Some(Compare {
            baseline,
            practical_share: written.practical_share.get(),
            measures,
            selection_seeds,
        })
    }

    fn compared(&mut self, name: &Spanned<String>) -> Option<Measure> {
        let Some(found) = measure::named(&name.value) else {
            let names = MEASURES.iter().map(|m| m.name);
            self.problems().add_unknown(name.span, "measure", &name.value, names);
            return None;
        };
        if found.better == measure::Better::Neither {
            let message = format!("`{}` tells no better variant from a worse one", found.name);
            let cure =
                "compare another measure (`reflexarc list measures` says which way is better)";
            self.problems().add(name.span, message, cure);
            return None;
        }
        if found.needs_regret() && !self.loaded.scenario.record.regret {
            let message = format!("`{}` is not measured, as `record.regret` is false", found.name);
            self.problems().add(name.span, message, "leave `record.regret` out");
            return None;
        }
        Some(found)
    }

    /// The parameter studies; what is wrong with them is reported.
    pub(super) fn parameter_studies(
        &mut self,
        models: &Models,
        variants: &[Variant],
        seeds: &[u64],
    ) -> Vec<ParameterStudy> {
        let written = self.loaded.scenario.parameter_studies.clone();
        let studies = written.iter().map(|own| self.parameter_study(own, models, variants, seeds));
        studies.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn parameter_study(
        &mut self,
        written: &Written,
        models: &Models,
        variants: &[Variant],
        seeds: &[u64],
    ) -> Option<ParameterStudy> {
        let name = &written.variant;
        let Some(at) = variants.iter().position(|v| v.name == name.value) else {
            let known = variants.iter().map(|v| v.name.as_str());
            self.problems().add_unknown(name.span, "variant", &name.value, known);
            return None;
        };
        let selection = &written.selection_seeds;
        let selection_seeds = self.selection(&selection.value, selection.span, seeds);
        let values = self.values(written)?;
        let tree = self.loaded.tree.clone();
        let base = tree.child("stack");
        let over = tree.child("variants").and_then(|list| list.items().get(at)?.child("stack"));
        let preset = self.preset(base, over);
        let merged = layer::stack(preset.as_ref(), base, over);
        let path = self.path_of(&written.parameter, &merged)?;
        let is_number = |node: &Node| match node.value {
            Value::Whole(n) => Some(n as f64),
            Value::Real(x) => Some(x),
            _ => None,
        };
        let default = match merged.at(&path) {
            Some(node) => is_number(node),
            None => {
                let shape = Shape::of::<crate::scenario::written::Stack>();
                let (last, above) = path.0.split_last()?;
                let fields = shape.at(above).map_or(&[][..], Shape::fields);
                let field = fields.iter().find(|field| Step::Key(field.key.clone()) == *last);
                field.and_then(|field| field.default.as_deref()?.parse().ok())
            }
        };
        let candidates: Vec<Option<_>> = values
            .iter()
            .map(|value| {
                let mut tree = merged.clone();
                let number = match value.value {
                    x if x.fract() == 0.0 && x.abs() < 1e15 => Value::Whole(x as i64),
                    x => Value::Real(x),
                };
                put(&mut tree, &path.0, Node { span: value.span, value: number });
                let variant = self.stack_of(&tree, preset.is_some(), models, seeds)?;
                Some((value.value, variant.stack))
            })
            .collect();
        Some(ParameterStudy {
            variant: at,
            parameter: written.parameter.value.clone(),
            default,
            candidates: candidates.into_iter().collect::<Option<Vec<(f64, Arc<_>)>>>()?,
            selection_seeds,
        })
    }

    /// The path of a parameter in a stack: a key of its learner unless it has dots.
    fn path_of(&mut self, parameter: &Spanned<String>, stack: &Node) -> Option<Path> {
        if parameter.value.contains('.') {
            return Some(Path::of(&parameter.value));
        }
        let learner = stack.at(&Path::of("order.learner")).and_then(Node::table);
        let Some(kind) = learner.and_then(|table| table.entries.first()) else {
            let message = "the variant has no learner whose parameter could be studied";
            let cure = "name a variant with `order.learner`, or a path such as `call_timeout`";
            self.problems().add(parameter.span, message, cure);
            return None;
        };
        let shape = Shape::of::<LearnerConfig>();
        let fields = shape.at(&[Step::Key(kind.key.clone())]).map_or(&[][..], Shape::fields);
        if !fields.iter().any(|field| field.key == parameter.value) {
            let known: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
            let message = format!("`{}` has no parameter `{}`", kind.key, parameter.value);
            self.problems().add(parameter.span, message, name_cure(&parameter.value, &known));
            return None;
        }
        Some(Path::of(&format!("order.learner.{}.{}", kind.key, parameter.value)))
    }

    fn values(&mut self, written: &Written) -> Option<Vec<Spanned<f64>>> {
        let at = written.parameter.span;
        let plain = |own: &Spanned<_>| Spanned {
            value: crate::bounded::Finite::get(own.value),
            span: own.span,
        };
        let values: Vec<Spanned<f64>> = match (&written.values, &written.range) {
            (Some(values), None) => values.iter().map(plain).collect(),
            (None, Some(range)) => self.spread(range, at)?,
            _ => {
                let message = "exactly one of `values` and `range` is to be written";
                self.problems().add(at, message, "write `values = [0.5, 1, 2]`, or `range`");
                return None;
            }
        };
        if values.len() < 2 {
            let message = "a parameter study needs at least two values";
            self.problems().add(at, message, "write more values");
            return None;
        }
        Some(values)
    }

    fn spread(&mut self, range: &ParameterRange, span: Span) -> Option<Vec<Spanned<f64>>> {
        let (from, to, steps) = (range.from.get(), range.to.get(), range.steps.get());
        if steps > MOST_VALUES {
            let message = format!("{steps} values are more than {MOST_VALUES}");
            self.problems().add(span, message, "take fewer steps");
            return None;
        }
        if range.scale == Scale::Log && (from <= 0.0 || to <= 0.0) {
            let message = "a range at equal ratios needs both ends above 0";
            self.problems().add(span, message, "write positive ends, or leave `scale` out");
            return None;
        }
        let share = |i: u64| i as f64 / (steps - 1).max(1) as f64;
        let value = |i: u64| match range.scale {
            Scale::Linear => from + share(i) * (to - from),
            Scale::Log => math::exp(math::ln(from) + share(i) * (math::ln(to) - math::ln(from))),
        };
        // Ratios leave digits behind that nobody wrote.
        let rounded = |x: f64| format!("{x:.6e}").parse().unwrap_or(x);
        Some((0..steps).map(|i| Spanned { value: rounded(value(i)), span }).collect())
    }
}

/// Puts a node at the end of a path of keys, with the tables that lead there.
fn put(tree: &mut Node, path: &[Step], node: Node) {
    let [Step::Key(key), rest @ ..] = path else {
        *tree = node;
        return;
    };
    if !matches!(tree.value, Value::Table(_)) {
        tree.value = Value::Table(Table::default());
    }
    let Value::Table(table) = &mut tree.value else { return };
    if !table.entries.iter().any(|entry| entry.key == *key) {
        let (span, key) = (node.span, key.clone());
        table.entries.push(Entry { key, key_span: span, implied: false, node: Node::empty(span) });
    }
    if let Some(entry) = table.entries.iter_mut().find(|entry| entry.key == *key) {
        put(&mut entry.node, rest, node);
    }
}
