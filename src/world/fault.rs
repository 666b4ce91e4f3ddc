//! Faults on a timeline: what they do to a model, and when.
//!
//! The world changes in steps: a ramp is cut into [`RAMP_STEPS`] equal steps, so between two boundaries every figure is
//! constant and expected rewards can be tabled per epoch.

use crate::sim::stream::{Purpose, Streams};
use crate::units::{ModelId, SimDuration, SimTime};
use crate::world::conditions::{Conditions, Down, Rejection};

/// Steps of a ramp.
pub const RAMP_STEPS: u64 = 20;

/// What a fault does at full strength.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// No call is answered.
    Outage {
        /// How it shows.
        form: Down,
    },
    /// An additional share of calls ends in `api_error`.
    BrownOut {
        /// That share.
        error_rate: f64,
    },
    /// Response times are multiplied.
    SlowDown {
        /// By this factor.
        factor: f64,
    },
    /// Tokens of the account are used up to this share of its limit as the fault starts; its own reset clears them.
    QuotaUsed {
        /// That share.
        share: f64,
    },
    /// The account's limit is multiplied.
    QuotaCut {
        /// By this factor.
        factor: f64,
    },
    /// A share of calls is turned away at the door, with nothing to pay.
    Reject {
        /// With what.
        rejection: Rejection,
        /// That share.
        share: f64,
        /// The Retry-After that comes with it.
        retry_after: Option<SimDuration>,
    },
    /// The first token comes later, and all that follow with it.
    Stall {
        /// By this time.
        first_token: SimDuration,
    },
    /// Answers change.
    QualityDrift {
        /// Added to the mean quality.
        quality_points: f64,
        /// Multiplies the success probability.
        success_factor: f64,
    },
    /// Prices are multiplied.
    PriceChange {
        /// By this factor.
        factor: f64,
    },
    /// The prices are those of another list; of two that last at once, those of the one that stands last count.
    PriceList {
        /// Position in [`WorldSpec::price_lists`](super::WorldSpec::price_lists).
        list: usize,
    },
    /// The provider refuses the key.
    KeyRevoked,
}

impl Effect {
    /// The name in scenarios and charts.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Outage { .. } => "outage",
            Self::BrownOut { .. } => "brown_out",
            Self::SlowDown { .. } => "slow_down",
            Self::QuotaUsed { .. } | Self::QuotaCut { .. } => "quota",
            Self::Reject { rejection: Rejection::RateLimited, .. } => "rate_limit_storm",
            Self::Reject { .. } => "reject",
            Self::Stall { .. } => "stall",
            Self::QualityDrift { .. } => "quality_drift",
            Self::PriceChange { .. } | Self::PriceList { .. } => "price_change",
            Self::KeyRevoked => "key_revoked",
        }
    }

    /// Whether it acts on a call as it arrives, rather than as it is served.
    fn is_at_door(&self) -> bool {
        matches!(self, Self::Outage { .. } | Self::Reject { .. } | Self::KeyRevoked)
    }

    /// Whether it may be limited to a number of calls: quotas and prices are no matter of single calls.
    #[must_use]
    pub fn is_countable(&self) -> bool {
        !matches!(
            self,
            Self::QuotaUsed { .. }
                | Self::QuotaCut { .. }
                | Self::PriceChange { .. }
                | Self::PriceList { .. }
        )
    }

    /// Whether it leaves a model little use to anyone: calls fail, hang or are refused.
    #[must_use]
    pub fn stops(&self) -> bool {
        match *self {
            Self::Outage { .. }
            | Self::BrownOut { .. }
            | Self::Reject { .. }
            | Self::KeyRevoked => true,
            Self::QuotaUsed { share } => share >= 1.0,
            Self::QuotaCut { factor } => factor <= 0.0,
            Self::SlowDown { .. }
            | Self::Stall { .. }
            | Self::QualityDrift { .. }
            | Self::PriceChange { .. }
            | Self::PriceList { .. } => false,
        }
    }

    /// Whether it changes what a model is paid, and nothing else.
    #[must_use]
    pub fn is_price(&self) -> bool {
        matches!(self, Self::PriceChange { .. } | Self::PriceList { .. })
    }
}

/// Which models a fault hits.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// These.
    Models(Vec<ModelId>),
    /// Each seed draws this many different models.
    Draw(usize),
}

/// One fault.
#[derive(Clone, Debug)]
pub struct FaultSpec {
    /// Name, for charts and reports.
    pub name: String,
    /// What it does.
    pub effect: Effect,
    /// Whom it hits.
    pub target: Target,
    /// From this instant.
    pub start: SimTime,
    /// Until this instant, exclusive; [`SimTime::NEVER`] lasts to the end of the run.
    pub end: SimTime,
    /// Time over which the effect grows to full strength.
    pub ramp: SimDuration,
    /// Calls running at its start end at once with `api_error`.
    pub kills_in_flight: bool,
    /// It hits only so many calls to each model, the first that come from its start on. What acts at the door (outage,
    /// reject, revoked key) counts calls as they arrive, everything else as their service starts.
    pub first_calls: Option<u32>,
}

/// The faults of one cell, all that is random drawn, with the boundaries at which anything changes.
#[derive(Clone, Debug)]
pub struct Timeline {
    faults: Vec<(FaultSpec, Vec<ModelId>)>,
    boundaries: Vec<SimTime>,
    passed: usize,
    /// Positions in order of start.
    by_start: Vec<usize>,
    /// How many of them have begun.
    begun: usize,
    /// Positions of those that last, in order.
    lasting: Vec<usize>,
    /// Instant, model and used share of what is set of quotas, in order of time.
    quota_sets: Vec<(SimTime, ModelId, f64)>,
    /// By fault: what is left of its first calls to each model that it hits.
    calls_left: Vec<Vec<u32>>,
    /// Whether any fault that lasts counts calls.
    counts: bool,
}

impl Timeline {
    /// The timeline of one seed.
    #[must_use]
    pub fn new(faults: Vec<FaultSpec>, n_models: usize, streams: &Streams) -> Self {
        let faults: Vec<_> = faults
            .into_iter()
            .enumerate()
            .map(|(i, fault)| {
                let hit = hit_models(i, &fault, n_models, streams);
                (fault, hit)
            })
            .collect();
        let mut boundaries: Vec<SimTime> = faults
            .iter()
            .flat_map(|(fault, _)| steps(fault).chain([fault.end]))
            .filter(|at| *at != SimTime::NEVER)
            .collect();
        boundaries.sort_unstable();
        boundaries.dedup();
        let mut by_start: Vec<usize> = (0..faults.len()).collect();
        by_start.sort_by_key(|i| faults[*i].0.start);
        let mut quota_sets = Vec::new();
        for (fault, hit) in &faults {
            let Effect::QuotaUsed { share } = fault.effect else { continue };
            for at in steps(fault) {
                let share = share * strength(fault, at);
                quota_sets.extend(hit.iter().map(|model| (at, *model, share)));
            }
        }
        quota_sets.sort_by_key(|(at, _, _)| *at);
        let calls_left = faults
            .iter()
            .map(|(fault, hit)| fault.first_calls.map_or(Vec::new(), |n| vec![n; hit.len()]))
            .collect();
        Self {
            faults,
            boundaries,
            passed: 0,
            by_start,
            begun: 0,
            lasting: Vec::new(),
            quota_sets,
            calls_left,
            counts: false,
        }
    }

    /// All faults with the models that each hits.
    #[must_use]
    pub fn faults(&self) -> &[(FaultSpec, Vec<ModelId>)] {
        &self.faults
    }

    /// When any fault lasts: spans that do not touch, in order.
    #[must_use]
    pub fn windows(&self) -> Vec<(SimTime, SimTime)> {
        let mut windows: Vec<(SimTime, SimTime)> = Vec::new();
        for (fault, _) in self.by_start.iter().map(|i| &self.faults[*i]) {
            match windows.last_mut().filter(|(_, end)| fault.start <= *end) {
                Some((_, end)) => *end = fault.end.max(*end),
                None => windows.push((fault.start, fault.end)),
            }
        }
        windows
    }

    /// Number of boundaries passed: the epoch of the world.
    #[must_use]
    pub fn epoch(&self) -> usize {
        self.passed
    }

    /// Moves to `now`; says whether a boundary was passed.
    #[inline]
    pub fn advance(&mut self, now: SimTime) -> bool {
        let before = self.passed;
        while self.boundaries.get(self.passed).is_some_and(|at| *at <= now) {
            self.passed += 1;
        }
        let changed = self.passed != before;
        if changed {
            self.renew(self.boundaries[self.passed - 1]);
        }
        changed
    }

    /// Finds the faults that last at `since`.
    fn renew(&mut self, since: SimTime) {
        let waiting = &self.by_start[self.begun..];
        let n = waiting.iter().take_while(|i| self.faults[**i].0.start <= since).count();
        self.lasting.extend_from_slice(&waiting[..n]);
        self.begun += n;
        self.lasting.retain(|i| since < self.faults[*i].0.end);
        self.lasting.sort_unstable();
        self.counts = self.lasting.iter().any(|i| self.faults[*i].0.first_calls.is_some());
    }

    /// What faults do to `model` in the present epoch, those aside that hit only first calls.
    #[must_use]
    pub fn conditions(&self, model: ModelId) -> Conditions {
        let mut conditions = Conditions::CALM;
        let Some(since) = self.passed.checked_sub(1).map(|i| self.boundaries[i]) else {
            return conditions;
        };
        for (fault, hit) in self.lasting.iter().map(|i| &self.faults[*i]) {
            if fault.first_calls.is_none() && hit.contains(&model) {
                conditions.add(&fault.effect, strength(fault, since));
            }
        }
        conditions
    }

    /// What the call to `model` meets that comes to the door now: `calm`, and every fault of the door that has calls left,
    /// each of which counts it.
    #[inline]
    pub fn at_door(&mut self, model: ModelId, calm: Conditions) -> Conditions {
        if self.counts { self.count(model, true, calm).unwrap_or(calm) } else { calm }
    }

    /// What the call to `model` meets whose service starts now, where counted faults change what all meet.
    #[inline]
    pub fn in_service(&mut self, model: ModelId, calm: Conditions) -> Option<Conditions> {
        if self.counts { self.count(model, false, calm) } else { None }
    }

    fn count(&mut self, model: ModelId, at_door: bool, calm: Conditions) -> Option<Conditions> {
        let since = self.passed.checked_sub(1).map(|i| self.boundaries[i])?;
        let mut met = None;
        for &i in &self.lasting {
            let (fault, hit) = &self.faults[i];
            if fault.first_calls.is_none() || fault.effect.is_at_door() != at_door {
                continue;
            }
            let Some(at) = hit.iter().position(|own| *own == model) else { continue };
            let left = &mut self.calls_left[i][at];
            if *left > 0 {
                *left -= 1;
                met.get_or_insert(calm).add(&fault.effect, strength(fault, since));
            }
        }
        met
    }

    /// What faults set of quotas at the boundaries `from..upto` (numbers of boundaries passed): instant, model, used
    /// share. A ramp sets more with every step.
    #[must_use]
    pub fn quota_sets(&self, from: usize, upto: usize) -> &[(SimTime, ModelId, f64)] {
        let (Some(first), Some(last)) = (self.boundaries.get(from), upto.checked_sub(1)) else {
            return &[];
        };
        let last = self.boundaries[last];
        let from = self.quota_sets.partition_point(|(at, _, _)| at < first);
        let upto = self.quota_sets.partition_point(|(at, _, _)| *at <= last);
        &self.quota_sets[from..upto.max(from)]
    }

    /// Instants at which running calls are killed, with the models hit, in order of time.
    #[must_use]
    pub fn kills(&self) -> Vec<(SimTime, Vec<ModelId>)> {
        let mut kills: Vec<_> = self
            .faults
            .iter()
            .filter(|(fault, _)| fault.kills_in_flight)
            .map(|(fault, hit)| (fault.start, hit.clone()))
            .collect();
        kills.sort_by_key(|(at, _)| *at);
        kills
    }
}

/// The instants at which a fault's effect grows: its start, and the steps of its ramp.
fn steps(fault: &FaultSpec) -> impl Iterator<Item = SimTime> {
    let n = if fault.ramp == SimDuration::ZERO { 1 } else { RAMP_STEPS };
    let (step, start, end) = (fault.ramp.0 / n, fault.start, fault.end);
    (0..n).map(move |k| start + SimDuration(k * step)).filter(move |at| *at < end)
}

/// Strength at `since`, a boundary at or after the fault's start: step k of a ramp has (k + 1) / steps of it.
fn strength(fault: &FaultSpec, since: SimTime) -> f64 {
    let step = fault.ramp.0 / RAMP_STEPS;
    if step == 0 {
        return 1.0;
    }
    let k = since.since(fault.start).0 / step + 1;
    k.min(RAMP_STEPS) as f64 / RAMP_STEPS as f64
}

fn hit_models(
    position: usize,
    fault: &FaultSpec,
    n_models: usize,
    streams: &Streams,
) -> Vec<ModelId> {
    match &fault.target {
        Target::Models(models) => models.clone(),
        Target::Draw(n) => {
            // The first n places of a Fisher-Yates shuffle.
            let mut stream = streams.nth(Purpose::Fault, position as u64);
            let mut all: Vec<ModelId> = (0..n_models as u16).map(ModelId).collect();
            let n = (*n).min(n_models);
            for i in 0..n {
                let j = i + stream.index(n_models - i);
                all.swap(i, j);
            }
            all.truncate(n);
            all.sort_unstable();
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(effect: Effect, start: u64, end: u64, ramp: u64) -> FaultSpec {
        FaultSpec {
            name: "test".into(),
            effect,
            target: Target::Models(vec![ModelId(1)]),
            start: SimTime(start),
            end: SimTime(end),
            ramp: SimDuration(ramp),
            kills_in_flight: false,
            first_calls: None,
        }
    }

    #[test]
    fn a_ramp_grows_in_steps_and_ends() {
        let spec = fault(Effect::SlowDown { factor: 3.0 }, 1000, 9000, 2000);
        let mut timeline = Timeline::new(vec![spec], 3, &Streams::new(1));
        let mut at = |now| {
            timeline.advance(SimTime(now));
            timeline.conditions(ModelId(1)).latency_factor
        };
        assert_eq!(at(999), 1.0);
        assert!((at(1000) - 1.1).abs() < 1e-12);
        assert!((at(1099) - 1.1).abs() < 1e-12);
        assert!((at(1100) - 1.2).abs() < 1e-12);
        assert!((at(2900) - 3.0).abs() < 1e-12);
        assert!((at(8999) - 3.0).abs() < 1e-12);
        assert_eq!(at(9000), 1.0);
        assert_eq!(timeline.conditions(ModelId(0)), Conditions::CALM);
    }

    #[test]
    fn overlapping_faults_combine() {
        let faults = vec![
            fault(Effect::BrownOut { error_rate: 0.5 }, 10, 30, 0),
            fault(Effect::BrownOut { error_rate: 0.2 }, 20, 40, 0),
        ];
        let mut timeline = Timeline::new(faults, 2, &Streams::new(1));
        assert!(timeline.advance(SimTime(25)));
        assert!((timeline.conditions(ModelId(1)).error_rate - 0.6).abs() < 1e-12);
        assert!(timeline.advance(SimTime(30)));
        assert!((timeline.conditions(ModelId(1)).error_rate - 0.2).abs() < 1e-12);
    }

    #[test]
    fn a_counted_fault_hits_the_first_calls_to_each_model_and_no_table() {
        let reject = Effect::Reject {
            rejection: Rejection::RateLimited,
            share: 1.0,
            retry_after: Some(SimDuration(2)),
        };
        let counted = |effect, n| FaultSpec {
            target: Target::Models(vec![ModelId(0), ModelId(1)]),
            first_calls: Some(n),
            ..fault(effect, 10, 50, 0)
        };
        let faults = vec![counted(reject, 2), counted(Effect::SlowDown { factor: 3.0 }, 1)];
        let mut timeline = Timeline::new(faults, 3, &Streams::new(1));
        let door = |timeline: &mut Timeline, model| {
            timeline.at_door(ModelId(model), Conditions::CALM).refused_share()
        };
        assert_eq!(door(&mut timeline, 0), 0.0);
        timeline.advance(SimTime(10));
        assert_eq!(timeline.conditions(ModelId(0)), Conditions::CALM);
        assert_eq!([0, 0, 0, 1, 2].map(|m| door(&mut timeline, m)), [1.0, 1.0, 0.0, 1.0, 0.0]);
        let mut slow =
            |m| timeline.in_service(ModelId(m), Conditions::CALM).map(|c| c.latency_factor);
        assert_eq!([1, 1, 0, 2].map(&mut slow), [Some(3.0), None, Some(3.0), None]);
        timeline.advance(SimTime(50));
        assert_eq!(door(&mut timeline, 1), 0.0);
    }

    #[test]
    fn a_drawn_target_is_a_set_of_different_models_and_a_function_of_the_seed() {
        let mut spec = fault(Effect::KeyRevoked, 0, 10, 0);
        spec.target = Target::Draw(5);
        let drawn =
            |seed| Timeline::new(vec![spec.clone()], 10, &Streams::new(seed)).faults()[0].1.clone();
        let mut seen = [0; 10];
        for seed in 0..2000 {
            let models = drawn(seed);
            assert!(models.windows(2).all(|w| w[0] < w[1]) && models.len() == 5);
            models.iter().for_each(|m| seen[m.index()] += 1);
        }
        // Each model is hit in 1000 of 2000 seeds on average, sd 22.4; 4.5 sd hold at alpha = 7e-6 per model.
        assert!(seen.iter().all(|n: &i32| (n - 1000).abs() < 101), "{seen:?}");
        assert_eq!(drawn(3), drawn(3));
    }
}
