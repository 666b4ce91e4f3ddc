//! How a stack bears faults: when it leaves alone what has failed, when it comes back to it, whom it takes for failed that
//! has not, and what the rest has to bear meanwhile. Gathered call by call, without keeping any.

mod ending;
mod pair;
mod spans;

use crate::analysis::measure::{self, Measure};
use crate::domain::{
    AttemptRecord, BreakerEvent, BreakerState, Gates, ModelSet, Outcome, Overshoot,
};
use crate::units::{ModelId, NANOS_PER_SECOND, SimTime};

use pair::Pairs;

pub use ending::Ending;
pub use spans::FaultSpan;
pub(super) use spans::Spread;

/// Gathers one run. Only what lies behind the warm-up counts.
#[derive(Clone, Debug)]
pub struct Resilience {
    /// The world has faults, on this seed or another.
    has_faults: bool,
    measured_from: SimTime,
    /// When arrivals stop; `None` where the number of tasks says so.
    measured_to: Option<SimTime>,
    /// The last instant seen.
    last: SimTime,
    /// When any model is hit.
    any: Spread,
    /// When each model is hit.
    hits: Vec<Spread>,
    /// When the limit of each model's quota is cut.
    cuts: Vec<Spread>,
    pairs: Vec<Pairs>,
    /// By model: arrival of the first task whose first choice it was, whether it was then called or passed over.
    wanted: Vec<SimTime>,
    /// What stands before each model, and since when that is open.
    gates: Vec<(Gates, Option<SimTime>)>,
    /// Open time of breakers that opened while no fault hit their model, in nanoseconds without faults.
    false_open: u64,
    /// By model: calls sent while another one is hit, and calls sent while none is.
    beside: Vec<u64>,
    calm: Vec<u64>,
    /// By span of `any`: models that fell although no fault hit them.
    fallen: Vec<ModelSet>,
    /// Largest excess over a daily limit, as a share of it; `None` where none has been seen.
    overshoot: Option<f64>,
    /// Largest excess over one of the stack's own limits per minute, as a share of it; `None` where it has none.
    limit_overshoot: Option<f64>,
}

/// A daily quota at one instant, as the provider counts it.
#[derive(Clone, Copy, Debug)]
pub struct QuotaState {
    /// Tokens used since the reset.
    pub used: u64,
    /// The limit.
    pub limit: u64,
}

impl Resilience {
    /// Nothing gathered yet. `faults` are all that make a model worse; `None` where the world has none on any seed.
    #[must_use]
    pub fn new(
        faults: Option<&[FaultSpan]>,
        n_models: usize,
        measured_from: SimTime,
        measured_to: Option<SimTime>,
    ) -> Self {
        let all = faults.unwrap_or_default();
        let models = || (0..n_models as u16).map(ModelId);
        let spread = |matters: &dyn Fn(&FaultSpan) -> bool| {
            Spread::of(all.iter().filter(|f| matters(f)).map(|fault| (fault.from, fault.to)))
        };
        let any = spread(&|_| true);
        Self {
            has_faults: faults.is_some(),
            measured_from,
            measured_to,
            last: SimTime::ZERO,
            hits: models().map(|m| spread(&|fault| fault.models.contains(m))).collect(),
            cuts: models()
                .map(|m| spread(&|fault| fault.cuts_quota && fault.models.contains(m)))
                .collect(),
            pairs: models().map(|m| Pairs::of(m, all, measured_from)).collect(),
            wanted: vec![SimTime::NEVER; n_models],
            gates: vec![(Gates::default(), None); n_models],
            false_open: 0,
            beside: vec![0; n_models],
            calm: vec![0; n_models],
            fallen: vec![ModelSet::EMPTY; any.len()],
            overshoot: None,
            limit_overshoot: None,
            any,
        }
    }

    /// Books a call; calls come in order of their ends.
    #[inline]
    pub fn attempt_ended(&mut self, call: &AttemptRecord) {
        let (model, sent) = (call.model, call.dispatched);
        let ended = sent + call.response.duration;
        self.last = self.last.max(ended);
        if !self.has_faults {
            return;
        }
        let at = model.index();
        if sent >= self.measured_from && self.measured_to.is_none_or(|end| sent < end) {
            if self.any.at(sent).is_none() {
                self.calm[at] += 1;
            } else if self.hits[at].at(sent).is_none() {
                self.beside[at] += 1;
            }
        }
        self.pairs[at].called(sent);
        if call.served {
            self.pairs[at].call_served(sent, ended);
        }
        if matches!(call.response.outcome, Outcome::RateLimited | Outcome::QuotaExhausted) {
            self.fell(ended, model);
        }
    }

    /// Books that a task that arrived at `at` had `model` as its first choice, called or passed over.
    pub fn wanted(&mut self, at: SimTime, model: ModelId) {
        let first = &mut self.wanted[model.index()];
        *first = at.min(*first);
    }

    /// Books that a step that began at `at` did not call `model`, its first choice, by belief.
    pub fn skipped(&mut self, at: SimTime, model: ModelId) {
        self.pairs[model.index()].left_alone(at);
    }

    /// Books a change of a breaker.
    pub fn breaker_changed(&mut self, event: &BreakerEvent) {
        let BreakerEvent { at, model, from, to } = *event;
        self.last = self.last.max(at);
        if to == BreakerState::Open {
            self.pairs[model.index()].left_alone(at);
            self.fell(at, model);
        }
        let (gates, since) = &mut self.gates[model.index()];
        gates.change(from, to);
        let is_open = gates.state() == BreakerState::Open;
        match *since {
            None if is_open => *since = Some(at),
            Some(opened) if !is_open => {
                *since = None;
                self.was_open(model, opened, at);
            }
            _ => {}
        }
    }

    /// Books the quotas of an instant, by model; `None` is unlimited.
    pub fn quotas_seen(&mut self, at: SimTime, quotas: impl Iterator<Item = Option<QuotaState>>) {
        self.last = self.last.max(at);
        for (quota, cuts) in quotas.zip(&self.cuts) {
            let Some(QuotaState { used, limit }) = quota.filter(|quota| quota.limit > 0) else {
                continue;
            };
            if cuts.at(at).is_none() {
                let excess = used.saturating_sub(limit) as f64 / limit as f64;
                self.overshoot = Some(self.overshoot.map_or(excess, |most| most.max(excess)));
            }
        }
    }

    /// Books by how much a minute went beyond the stack's own limits.
    pub fn minute_ended(&mut self, event: &Overshoot) {
        if event.at >= self.measured_from {
            let most = self.limit_overshoot.unwrap_or(0.0);
            self.limit_overshoot = Some(most.max(event.share));
        }
    }

    /// A model that no fault hits has opened its breaker or refused for its limits while another one is hit.
    fn fell(&mut self, at: SimTime, model: ModelId) {
        if let Some(span) = self.any.at(at).filter(|_| self.hits[model.index()].at(at).is_none()) {
            self.fallen[span].insert(model);
        }
    }

    fn was_open(&mut self, model: ModelId, since: SimTime, until: SimTime) {
        self.pairs[model.index()].left_alone_through(since, until);
        let hits = &self.hits[model.index()];
        if hits.at(since).is_none() {
            let from = since.max(self.measured_from);
            let to = until.min(self.measured_to.unwrap_or(until));
            if from < to {
                self.false_open += to.since(from).0 - hits.shared(from, to);
            }
        }
    }

    /// All measures of the run.
    #[must_use]
    pub fn measured(&self) -> Vec<(Measure, Option<f64>)> {
        let end = self.measured_to.unwrap_or(self.last);
        let mut closed = self.clone();
        for (at, (_, since)) in self.gates.iter().enumerate() {
            if let Some(since) = since {
                closed.was_open(ModelId(at as u16), *since, end.max(*since));
            }
        }
        let mut measured = vec![
            (measure::FALSE_OPEN_TIME, closed.false_open_share(end)),
            (measure::QUOTA_OVERSHOOT, self.overshoot),
            (measure::LIMIT_OVERSHOOT, self.limit_overshoot),
        ];
        if self.has_faults {
            measured.extend(closed.of_pairs(end));
            measured.push((measure::SURVIVOR_LOAD, self.survivor_load(end)));
            let windows = self.any.starts().zip(&self.fallen);
            let counted = windows.filter(|(from, _)| self.measured_from <= *from && *from < end);
            let (n, fallen) = counted.fold((0_u64, 0), |(n, sum), (_, m)| (n + 1, sum + m.len()));
            measured.push((measure::FELL_AFTER_FIRST, mean(fallen as f64, n)));
        }
        measured
    }

    /// Open time without reason over the time without faults, all models together.
    fn false_open_share(&self, end: SimTime) -> Option<f64> {
        let whole = end.since(self.measured_from).0;
        let free = |hits: &Spread| whole - hits.shared(self.measured_from, end);
        let free: f64 = self.hits.iter().map(|hits| free(hits) as f64).sum();
        (free > 0.0).then(|| self.false_open as f64 / free)
    }

    /// Detection over the pairs whose model was called while the fault lasted, from that call on; recovery over those whose
    /// model was the first choice of a task before the fault: only such a model is called again once it can.
    fn of_pairs(&self, end: SimTime) -> [(Measure, Option<f64>); 4] {
        let (mut detect, mut recover) = (Times::default(), Times::default());
        for (pairs, wanted) in self.pairs.iter().zip(&self.wanted) {
            for pair in pairs.all.iter().filter(|pair| pair.from < end) {
                let Some(called) = pair.called else { continue };
                detect.add(called, pair.left_alone, pair.to.min(end));
                if pair.frees && pair.to < end && *wanted < pair.from {
                    recover.add(pair.to, pair.served, end);
                }
            }
        }
        [
            (measure::TIME_TO_DETECT, mean(detect.seconds, detect.n)),
            (measure::DETECTED_SHARE, mean(detect.seen as f64, detect.n)),
            (measure::TIME_TO_RECOVER, mean(recover.seconds, recover.n)),
            (measure::RECOVERED_SHARE, mean(recover.seen as f64, recover.n)),
        ]
    }

    /// Calls to models beside those that are hit, over what the same models get in the same time without faults.
    fn survivor_load(&self, end: SimTime) -> Option<f64> {
        let from = self.measured_from;
        let seconds = |nanos: u64| nanos as f64 / NANOS_PER_SECOND as f64;
        let in_faults = self.any.shared(from, end);
        let calm = seconds(end.since(from).0 - in_faults);
        let usual: f64 = self
            .hits
            .iter()
            .zip(&self.calm)
            .map(|(hits, calls)| *calls as f64 * seconds(in_faults - hits.shared(from, end)))
            .sum();
        let beside: u64 = self.beside.iter().sum();
        (usual > 0.0 && calm > 0.0).then(|| beside as f64 / (usual / calm))
    }
}

/// Times until something happened, of which some never came.
#[derive(Default)]
struct Times {
    n: u64,
    seen: u64,
    seconds: f64,
}

impl Times {
    /// From `since` to `at`, or to `censored` where it never came; what came before counts 0.
    fn add(&mut self, since: SimTime, at: Option<SimTime>, censored: SimTime) {
        self.n += 1;
        self.seen += u64::from(at.is_some());
        self.seconds += at.unwrap_or(censored).since(since).as_secs_f64();
    }
}

fn mean(sum: f64, n: u64) -> Option<f64> {
    (n > 0).then(|| sum / n as f64)
}
