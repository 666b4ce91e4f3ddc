//! Faults that come at random: whom each sequence hits, and rates that a run can bear.

use super::world::item_span;
use super::{Clock, Models, Resolver};
use crate::analysis::fit::Law;
use crate::engine::End;
use crate::math;
use crate::registry::Registry;
use crate::scenario::decode::Dropped;
use crate::scenario::source::Span;
use crate::scenario::tree::{Node, Path as TreePath};
use crate::scenario::values::Duration;
use crate::scenario::written::{RandomFault, TimeLaw as WrittenLaw};
use crate::units::{ModelId, SimDuration, SimTime};
use crate::world::fault::{Effect, Target};
use crate::world::random_fault::{CountsFrom, RandomFaultSpec};

/// The most faults of a kind that a run is expected to meet.
const MOST_FAULTS: f64 = 10_000.0;

/// The least shape of a Weibull or gamma law.
const LEAST_SHAPE: f64 = 0.1;

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
        let time_between = self.time_between(written, whole, &touched, &span);
        let duration = self.one_law(
            [
                ("mean_duration", written.mean_duration.map(exponential)),
                ("duration", written.duration),
            ],
            whole,
            &touched,
            &span,
        );
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
        let ((key, time_between), (_, duration)) = (time_between?, duration?);
        let counts_from = match key {
            "time_between_starts" => CountsFrom::Start,
            _ => CountsFrom::End,
        };
        let spec = RandomFaultSpec {
            name: written.name.value.clone(),
            effect: effect?,
            sets: sets?,
            time_between,
            counts_from,
            duration,
            start,
            end,
            last_start,
            kills_in_flight: written.kills_in_flight,
        };
        let n = spec.expected_number();
        if n > MOST_FAULTS {
            let message = format!("the fault would come about {n:.1e} times in a run");
            let cure = format!("write longer times; {MOST_FAULTS} faults are the most");
            self.problems().add(span(key), message, cure);
        }
        Some(spec)
    }

    /// The law between faults, with the key that gives it.
    fn time_between(
        &mut self,
        written: &RandomFault,
        whole: Span,
        touched: &impl Fn(&str) -> bool,
        span: &impl Fn(&str) -> Span,
    ) -> Option<(&'static str, Law)> {
        let laws = [
            ("mean_time_between", written.mean_time_between.map(exponential)),
            ("time_between", written.time_between),
            ("time_between_starts", written.time_between_starts),
        ];
        self.one_law(laws, whole, touched, span)
    }

    /// The one law that is written of several that may be, with its key.
    fn one_law<const N: usize>(
        &mut self,
        laws: [(&'static str, Option<WrittenLaw>); N],
        whole: Span,
        touched: &impl Fn(&str) -> bool,
        span: &impl Fn(&str) -> Span,
    ) -> Option<(&'static str, Law)> {
        // What is left of a key that was wrong says nothing.
        if laws.iter().any(|(key, _)| touched(key)) {
            return None;
        }
        let mut given = laws.iter().filter_map(|(key, law)| Some((*key, (*law)?)));
        let (Some((key, law)), None) = (given.next(), given.next()) else {
            let keys = laws.map(|(key, _)| format!("`{key}`"));
            let message = match laws.iter().all(|(_, law)| law.is_none()) {
                true => format!("the random fault has none of {}", keys.join(", ")),
                false => format!("the random fault has more than one of {}", keys.join(", ")),
            };
            let cure = format!("write exactly one, such as `{} = \"20min\"`", laws[0].0);
            self.problems().add(whole, message, cure);
            return None;
        };
        match law_of(law) {
            Ok(law) => Some((key, law)),
            Err((reason, cure)) => {
                self.problems().add(span(key), format!("`{key}` {reason}"), cure);
                None
            }
        }
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

fn exponential(mean: Duration) -> WrittenLaw {
    WrittenLaw::Exponential { mean }
}

/// The law as it is drawn from.
///
/// # Errors
/// What is wrong with it, to go behind its key, and the cure.
fn law_of(written: WrittenLaw) -> Result<Law, (String, &'static str)> {
    let (WrittenLaw::Exponential { mean }
    | WrittenLaw::Weibull { mean, .. }
    | WrittenLaw::Gamma { mean, .. }
    | WrittenLaw::Lognormal { mean, .. }
    | WrittenLaw::Lomax { mean, .. }) = written;
    if mean == Duration::ZERO {
        return Err(("is no time at all".to_owned(), "write a time, such as \"20min\""));
    }
    let mean_s = SimDuration(mean.nanos()).as_secs_f64();
    // Scale 1 has a mean of its own, and means grow with scales.
    let scale_of = |of_scale_1: Law| mean_s / of_scale_1.mean().unwrap_or(f64::INFINITY);
    Ok(match written {
        WrittenLaw::Exponential { .. } => Law::Exponential { mean: mean_s },
        WrittenLaw::Weibull { shape, .. } | WrittenLaw::Gamma { shape, .. }
            if shape.get() < LEAST_SHAPE =>
        {
            let reason =
                format!("has the shape {shape}, of which times come out as nothing or years");
            return Err((reason, "write a shape of 0.1 or more"));
        }
        WrittenLaw::Weibull { shape, .. } => {
            let shape = shape.get();
            Law::Weibull { shape, scale: scale_of(Law::Weibull { shape, scale: 1.0 }) }
        }
        WrittenLaw::Gamma { shape, .. } => {
            Law::Gamma { shape: shape.get(), scale: mean_s / shape.get() }
        }
        WrittenLaw::Lognormal { sigma, .. } => {
            let sigma = sigma.get();
            Law::Lognormal { mu: math::ln(mean_s) - 0.5 * sigma * sigma, sigma }
        }
        WrittenLaw::Lomax { shape, .. } if shape.get() <= 1.0 => {
            let reason = format!("has the shape {shape}, of which no Lomax law has a mean");
            return Err((reason, "write a shape above 1"));
        }
        WrittenLaw::Lomax { shape, .. } => {
            let shape = shape.get();
            Law::Lomax { shape, scale: mean_s * (shape - 1.0) }
        }
    })
}
