//! Faults that come at random: whom each sequence hits, and rates that a run can bear.

use super::world::item_span;
use super::{Clock, Models, Resolver};
use crate::engine::End;
use crate::registry::Registry;
use crate::scenario::decode::Dropped;
use crate::scenario::source::Span;
use crate::scenario::tree::{Node, Path as TreePath};
use crate::scenario::values::Duration;
use crate::scenario::written::RandomFault;
use crate::units::{ModelId, SimDuration, SimTime};
use crate::world::fault::{Effect, Target};
use crate::world::random_fault::RandomFaultSpec;

/// The most faults of a kind that a run is expected to meet.
const MOST_FAULTS: f64 = 10_000.0;

impl Resolver<'_> {
    pub(super) fn random_fault(
        &mut self,
        at: usize,
        written: &RandomFault,
        (tree, dropped): (&Node, &Dropped),
        clock: Option<&Clock>,
        registry: &Registry,
        models: &Models,
    ) -> Option<RandomFaultSpec> {
        let span = |key: &str| tree.span_at(&TreePath::of(&format!("random_faults[{at}].{key}")));
        let whole = item_span(tree, "random_faults", at);
        let touched = |key: &str| dropped.touches(&format!("random_faults[{at}].{key}"));
        let whom = ["models", "provider", "each_model", "each_provider"];
        let sets = match whom.into_iter().any(touched) {
            true => None,
            false => self.sets(written, whole, registry, models),
        };
        let target = sets.as_ref().map(|sets| Target::Models(sets.concat()));
        let effect = match touched("effect") {
            true => None,
            false => self.effect(&written.effect, span("effect"), target.as_ref(), registry),
        };
        if let Some(Effect::QuotaUsed { .. }) = effect {
            let message = "used tokens stay used when a random fault is over";
            let cure = "write `limit_factor`, which cuts the limit while the fault lasts";
            self.problems().add(span("effect.quota.used_share"), message, cure);
        }
        let start = match &written.start {
            Some(start) => self.instant(clock, start, span("start")),
            None => Some(SimTime::ZERO),
        };
        let end = match &written.end {
            Some(end) => self.instant(clock, end, span("end")),
            None => Some(SimTime::NEVER),
        };
        let mean_time_between =
            self.mean_time(written.mean_time_between, "mean_time_between", span);
        let mean_duration = self.mean_time(written.mean_duration, "mean_duration", span);
        let last_start = match clock?.end {
            End::At(over) => over,
            End::Tasks(_) => SimTime::NEVER,
        };
        let (start, end) = (start?, end?);
        self.fault_times(clock, (start, span("start")), (end, span("end")));
        if last_start.min(end) == SimTime::NEVER {
            if !touched("end") {
                let message =
                    "the random fault has no end, and the run ends by its number of tasks";
                let cure = "write when it ends, such as `end = \"+24h\"`";
                self.problems().add(whole, message, cure);
            }
            return None;
        }
        let spec = RandomFaultSpec {
            name: written.name.value.clone(),
            effect: effect?,
            sets: sets?,
            mean_time_between: mean_time_between?,
            mean_duration: mean_duration?,
            start,
            end,
            last_start,
            kills_in_flight: written.kills_in_flight,
        };
        let n = spec.expected_number();
        if n > MOST_FAULTS {
            let message = format!("the fault would come about {n:.1e} times in a run");
            let cure = format!("write longer times; {MOST_FAULTS} faults are the most");
            self.problems().add(span("mean_time_between"), message, cure);
        }
        Some(spec)
    }

    fn mean_time(
        &mut self,
        written: Duration,
        key: &str,
        span: impl Fn(&str) -> Span,
    ) -> Option<SimDuration> {
        if written == Duration::ZERO {
            let cure = format!("write a time, such as `{key} = \"20min\"`");
            self.problems().add(span(key), format!("`{key}` is no time at all"), cure);
        }
        (written != Duration::ZERO).then_some(SimDuration(written.nanos()))
    }

    /// The sets of models that have a sequence of their own.
    fn sets(
        &mut self,
        written: &RandomFault,
        whole: Span,
        registry: &Registry,
        models: &Models,
    ) -> Option<Vec<Vec<ModelId>>> {
        let each_model = written.each_model == Some(true);
        let each_provider = written.each_provider == Some(true);
        match (&written.models, &written.provider, each_model, each_provider) {
            (Some(names), None, false, false) if !names.is_empty() => {
                let mut hit = models.ids(names, self.problems());
                hit.sort_unstable();
                (!hit.is_empty()).then(|| vec![hit])
            }
            (None, Some(provider), false, false) => {
                self.of_provider(provider, registry).map(|hit| vec![hit])
            }
            (None, None, true, false) => Some(registry.ids().map(|model| vec![model]).collect()),
            (None, None, false, true) => {
                let mut sets: Vec<Vec<ModelId>> = Vec::new();
                let provider = |model: ModelId| &registry.models[model.index()].provider;
                for model in registry.ids() {
                    match sets.iter_mut().find(|set| provider(set[0]) == provider(model)) {
                        Some(set) => set.push(model),
                        None => sets.push(vec![model]),
                    }
                }
                Some(sets)
            }
            _ => {
                let message = "the random fault does not say whom it hits, or says it twice";
                let cure =
                    "write exactly one of `models`, `provider`, `each_model` and `each_provider`";
                self.problems().add(whole, message, cure);
                None
            }
        }
    }
}
