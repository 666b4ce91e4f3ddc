//! Expectations: names looked up, and what could never be decided refused.

use super::Resolver;
use crate::analysis::expect::{Expectation, Target};
use crate::analysis::measure::{self, Better, MEASURES, Measure};
use crate::analysis::window::Window;
use crate::scenario::source::Span;
use crate::scenario::tree::{Node, Path as TreePath};
use crate::scenario::values::Level;
use crate::scenario::written::{Expect, Name};

/// A block as expectations see it.
pub(super) struct World {
    pub(super) name: String,
    /// Whether it has faults; none if it could not be read.
    pub(super) has_faults: Option<bool>,
}

/// Names that may be written, and whether these are all: no name is unknown among what could not be read.
struct Known {
    names: Vec<String>,
    are_all: bool,
}

impl Resolver<'_> {
    /// All expectations, one for each block.
    pub(super) fn expectations(&mut self, worlds: &[World]) -> Vec<Expectation> {
        let scenario = &self.loaded.scenario;
        let written = scenario.expect.clone();
        let are_read = |key: &str| !self.loaded.dropped.touches(key);
        let mut variants = Known {
            names: scenario.variants.iter().map(|v| v.name.value.clone()).collect(),
            are_all: are_read("variants"),
        };
        if variants.names.is_empty() && variants.are_all {
            variants.names.push(super::ONLY_VARIANT.to_owned());
        }
        let blocks = Known {
            names: worlds.iter().map(|world| world.name.clone()).collect(),
            are_all: are_read("blocks"),
        };
        let places = self.loaded.dropped.kept("expect", written.len());
        let mut expectations = Vec::new();
        for (written, at) in written.iter().zip(places) {
            let metric = self.metric(written);
            let variant = self.variant(at, written, &variants);
            let block = written.block.as_ref().map(|name| self.known(name, "block", &blocks));
            if let (Some(metric), Some(level)) = (metric, written.level) {
                self.has_levels(at, metric, level);
            }
            self.has_faults(at, written, worlds);
            let target = self.target_of(at, written, variant.as_deref(), metric, &variants);
            let (Some(metric), Some(variant), Some(target)) = (metric, variant, target) else {
                continue;
            };
            let asked = |name: &&String| match &block {
                None => true,
                Some(block) => block.as_ref() == Some(*name),
            };
            expectations.extend(blocks.names.iter().filter(asked).map(|block| Expectation {
                metric,
                block: block.clone(),
                variant: variant.clone(),
                level: written.level,
                window: written.window,
                target: target.clone(),
            }));
        }
        expectations
    }

    /// Where a key of an expectation stands, or the whole of it where the key is empty.
    fn place(&self, at: usize, key: &str) -> Span {
        let tree = &self.loaded.tree;
        match key {
            "" => {
                let items = tree.child("expect").map_or(&[][..], Node::items);
                items.get(at).map_or(Span::default(), |item| item.span)
            }
            key => tree.span_at(&TreePath::of(&format!("expect[{at}].{key}"))),
        }
    }

    fn known(&mut self, name: &Name, what: &str, known: &Known) -> Option<String> {
        if known.names.contains(&name.value) {
            return Some(name.value.clone());
        }
        if known.are_all {
            let names = known.names.iter().map(String::as_str);
            self.problems().add_unknown(name.span, what, &name.value, names);
        }
        None
    }

    fn metric(&mut self, written: &Expect) -> Option<Measure> {
        let name = &written.metric;
        let Some(metric) = measure::named(&name.value) else {
            let names = MEASURES.iter().map(|m| m.name);
            self.problems().add_unknown(name.span, "measure", &name.value, names);
            return None;
        };
        if metric.needs_regret() && !self.loaded.scenario.record.regret {
            let message = format!("`{}` is not measured, as `record.regret` is false", metric.name);
            self.problems().add(name.span, message, "leave `record.regret` out");
        }
        Some(metric)
    }

    fn variant(&mut self, at: usize, written: &Expect, variants: &Known) -> Option<String> {
        if let Some(name) = &written.variant {
            return self.known(name, "variant", variants);
        }
        let was_wrong = self.loaded.dropped.touches(&format!("expect[{at}].variant"));
        match variants.names.as_slice() {
            [only] => Some(only.clone()),
            [first, ..] if !was_wrong => {
                let cure = format!("write one of them, such as `variant = \"{first}\"`");
                let message = "the expectation names no `variant`, and there are several";
                let span = self.place(at, "");
                self.problems().add(span, message, cure);
                None
            }
            _ => None,
        }
    }

    fn has_levels(&mut self, at: usize, metric: Measure, level: Level) {
        let cure = match metric {
            measure::AVAILABILITY_BY_MINUTE => "leave `level` out, or write `availability`",
            own if measure::OF_RESILIENCE.contains(&own) => "leave `level` out",
            _ => return,
        };
        let span = self.place(at, "level");
        let message = format!("`{}` is not measured at {level} alone", metric.name);
        self.problems().add(span, message, cure);
    }

    fn has_faults(&mut self, at: usize, written: &Expect, worlds: &[World]) {
        let mut asked = worlds
            .iter()
            .filter(|world| written.block.as_ref().is_none_or(|name| name.value == world.name))
            .peekable();
        let has_none = asked.peek().is_some() && asked.all(|world| world.has_faults == Some(false));
        let message = match written.window {
            Window::Faults => "no task arrives during a fault, as there is none",
            Window::Calm => "there is no fault for tasks to arrive outside of",
            Window::Run | Window::Exhaustion => return,
        };
        if has_none {
            let span = self.place(at, "window");
            let cure = "leave `window` out, or write a `[[faults]]` table";
            self.problems().add(span, message, cure);
        }
    }

    fn target_of(
        &mut self,
        at: usize,
        written: &Expect,
        own: Option<&str>,
        metric: Option<Measure>,
        variants: &Known,
    ) -> Option<Target> {
        let keys = ["at_least", "at_most", "better_than", "by"];
        if keys.iter().any(|key| self.loaded.dropped.touches(&format!("expect[{at}].{key}"))) {
            return None;
        }
        if written.by.is_some() && written.better_than.is_none() {
            let span = self.place(at, "by");
            let cure = "leave it out, or write `better_than`";
            self.problems().add(span, "`by` belongs to `better_than`", cure);
        }
        let (key, number, target) = match (written.at_least, written.at_most, &written.better_than)
        {
            (Some(mark), None, None) => ("at_least", mark.get(), Target::AtLeast(mark.get())),
            (None, Some(mark), None) => ("at_most", mark.get(), Target::AtMost(mark.get())),
            (None, None, Some(other)) => {
                let by = written.by.map_or(0.0, |by| by.get());
                let variant = self.other(other, own, metric, variants)?;
                ("by", by, Target::BetterThan { variant, by })
            }
            _ => {
                let span = self.place(at, "");
                let message = "the expectation has no target, or more than one";
                let cure = "write exactly one of `at_least`, `at_most` and `better_than`";
                self.problems().add(span, message, cure);
                return None;
            }
        };
        if metric.is_some_and(|m| m.is_proportion) && !(0.0..=1.0).contains(&number) {
            let span = self.place(at, key);
            let message = format!("`{key}` cannot be {number}: a share lies from 0 to 1");
            self.problems().add(span, message, "write 99 % as 0.99");
        }
        Some(target)
    }

    /// The variant than which another is to be better.
    fn other(
        &mut self,
        other: &Name,
        own: Option<&str>,
        metric: Option<Measure>,
        variants: &Known,
    ) -> Option<String> {
        if let Some(metric) = metric
            && metric.better == Better::Neither
        {
            let message = format!("`{}` is neither better higher nor lower", metric.name);
            let cure = "write `at_least` or `at_most`, or take a measure with a better direction: `reflexarc list measures`";
            self.problems().add(other.span, message, cure);
        }
        if own == Some(other.value.as_str()) {
            let message = "a variant is not better than itself";
            self.problems().add(other.span, message, "name another variant");
        }
        self.known(other, "variant", variants)
    }
}
