//! Measures and curves of one run, gathered task by task in memory that does not grow with the number of tasks.

use crate::analysis::day::Days;
use crate::analysis::histogram::Histogram;
use crate::analysis::learning::LearningCurve;
use crate::analysis::measure::{self, Measure};
use crate::analysis::resilience::{Ending, Resilience};
use crate::analysis::window::{Spans, Window};
use crate::analysis::work::{WorkMetrics, WorkTracker};
use crate::calendar::LocalClock;
use crate::domain::{
    AttemptRecord, ChosenBy, FallbackEvent, FallbackReason, ModelSet, Outcome, Policy,
    PolicyDecision, PolicyEvent, Role, StepRecord, TaskRecord,
};
use crate::units::{Level, NANOS_PER_SECOND, PerLevel, SimTime, TaskId};

/// Which points a curve has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bins {
    /// `n` equal spans of time.
    Time {
        /// First instant: the end of the warm-up.
        from: SimTime,
        /// Last instant.
        to: SimTime,
        /// Number of spans.
        n: u32,
    },
    /// `n` equal spans of tasks.
    Tasks {
        /// First task: behind the warm-up.
        from: u64,
        /// One past the last task.
        to: u64,
        /// Number of spans.
        n: u32,
    },
}

impl Bins {
    /// Number of bins.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Time { n, .. } | Self::Tasks { n, .. } => *n as usize,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bin of a task, `None` in the warm-up.
    #[must_use]
    pub fn of(&self, task: TaskId, arrived: SimTime) -> Option<usize> {
        let (at, from, to, n) = match *self {
            Self::Time { from, to, n } => (arrived.0, from.0, to.0, n),
            Self::Tasks { from, to, n } => (task.0, from, to, n),
        };
        let span = to.saturating_sub(from).max(1);
        let since = at.checked_sub(from)?;
        // Nearly always 64 bits are enough, and divided much faster.
        let bin = match since.checked_mul(u64::from(n)) {
            Some(product) => product / span,
            None => (u128::from(since) * u128::from(n) / u128::from(span)) as u64,
        };
        Some((bin as usize).min(n as usize - 1))
    }

    /// Both edges of a bin: seconds, or tasks.
    #[must_use]
    pub fn edges(&self, bin: usize) -> (f64, f64) {
        let (from, to, n, unit) = match *self {
            Self::Time { from, to, n } => (from.0, to.0, n, NANOS_PER_SECOND as f64),
            Self::Tasks { from, to, n } => (from, to, n, 1.0),
        };
        let edge = |k: usize| {
            let span = u128::from(to - from) * k as u128 / u128::from(n);
            (u128::from(from) + span) as f64 / unit
        };
        (edge(bin), edge(bin + 1))
    }
}

/// Sums of one bin, for one level or all.
#[derive(Clone, Copy, Debug, Default)]
pub struct BinSums {
    /// Tasks that arrived and were not interrupted.
    pub tasks: u64,
    /// Of them, answered in time.
    pub in_time: u64,
    /// What became of them, in the order of [`Ending`].
    pub endings: [u64; Ending::COUNT],
    /// Sum of efficiency.
    pub efficiency: f64,
    /// Sum of reward.
    pub reward: f64,
    /// Sum of decision regret.
    pub decision_regret: f64,
    /// Decisions that took a best model.
    pub n_best: u64,
    /// Decisions.
    pub n_decisions: u64,
    /// Billed cost.
    pub cost_usd: f64,
    /// Calls whose model a learner chose.
    pub n_choices: u64,
    /// Of them, those that did not take the model it believed best.
    pub n_explored: u64,
}

/// Sums of one model in one bin.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModelSums {
    /// Calls dispatched for tasks that arrived in the bin.
    pub calls: u64,
    /// Steps answered, by level.
    pub served: PerLevel<u64>,
    /// Billed tokens.
    pub tokens: u64,
    /// Billed cost.
    pub cost_usd: f64,
}

#[derive(Clone, Debug, Default)]
struct Scope {
    arrived: u64,
    tasks: u64,
    interrupted: u64,
    allocated: u64,
    tracked: u64,
    in_time: u64,
    served: u64,
    shed: u64,
    /// By reason.
    triggered: [u64; 4],
    /// By reason.
    rescued: [u64; 4],
    fallbacks: u64,
    fallbacks_found: u64,
    attempts: u64,
    tokens: u64,
    cost_usd: f64,
    wasted: Billed,
    efficiency: f64,
    stage4_efficiency: f64,
    tokens_per_minute: f64,
    tokens_per_estimate: f64,
    reward: f64,
    decision_regret: f64,
    n_best: u64,
    n_decisions: u64,
    quality: f64,
    n_choices: u64,
    n_explored: u64,
    latency: Histogram,
    served_latency: Histogram,
    recovery: Histogram,
}

/// Billed tokens and cost of some calls.
#[derive(Clone, Copy, Debug, Default)]
struct Billed {
    tokens: u64,
    usd: f64,
}

impl std::ops::AddAssign for Billed {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.usd += other.usd;
    }
}

/// One measured value.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// Which measure.
    pub measure: Measure,
    /// Over which level; all if `None`.
    pub level: Option<Level>,
    /// Over which tasks.
    pub window: Window,
    /// The value; `None` where nothing of the kind happened.
    pub value: Option<f64>,
}

/// Gathers one run.
#[derive(Clone, Debug)]
pub struct RunStatistics {
    bins: Bins,
    measures_regret: bool,
    /// Measures of providers, levels and days say nothing of it.
    is_bandit: bool,
    spans: Spans,
    /// Per bin: all levels, then L1..L4.
    pub curve: Vec<[BinSums; 5]>,
    /// Per bin and model.
    pub models: Vec<Vec<ModelSums>>,
    /// Per local day.
    pub days: Days,
    /// How the run learned.
    pub learning: LearningCurve,
    /// Both ends of every task's work.
    pub work: WorkTracker,
    clock: LocalClock,
    scopes: [[Scope; 5]; Window::COUNT],
    minutes: [Vec<(u32, u32)>; Window::COUNT],
    /// How the stack bears faults.
    pub resilience: Resilience,
    /// The latest instant of a task.
    last: SimTime,
    /// When the candidate on trial was deployed.
    deployed: Option<SimTime>,
    /// When it was rolled back.
    rolled_back: Option<SimTime>,
    /// What a test of two orders came to.
    verdict: Option<Option<Policy>>,
    /// Arrivals of tasks in flight whose attempts and fallbacks are to be booked.
    places: Places,
}

/// Where the tasks in flight arrived, by task id, in a ring that drops the oldest once ended.
#[derive(Clone, Debug, Default)]
struct Places {
    first: u64,
    ring: std::collections::VecDeque<Option<Place>>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    bin: Option<usize>,
    /// By window.
    within: [bool; Window::COUNT],
    day: u32,
    task_type: u16,
    /// When the task's last call ended without an answer.
    failed: Option<SimTime>,
    /// Models that it has called.
    called: ModelSet,
    /// When its last step began.
    step_began: SimTime,
    /// The call that its step's answer is from, so far.
    answer: Option<Billed>,
    /// Its calls whose answer is not used.
    wasted: Billed,
}

impl Places {
    fn push(&mut self, place: Place) {
        self.ring.push_back(Some(place));
    }

    fn get(&self, task: TaskId) -> Option<Place> {
        self.ring.get((task.0 - self.first) as usize).copied().flatten()
    }

    fn get_mut(&mut self, task: TaskId) -> Option<&mut Place> {
        self.ring.get_mut((task.0 - self.first) as usize)?.as_mut()
    }

    fn close(&mut self, task: TaskId) {
        self.ring[(task.0 - self.first) as usize] = None;
        while self.ring.front().is_some_and(Option::is_none) {
            self.ring.pop_front();
            self.first += 1;
        }
    }
}

impl RunStatistics {
    /// Nothing gathered yet.
    #[must_use]
    pub fn new(
        bins: Bins,
        n_models: usize,
        n_task_types: usize,
        measures_regret: bool,
        spans: Spans,
        clock: LocalClock,
    ) -> Self {
        let (from, to) = match bins {
            Bins::Time { from, to, .. } => (from, Some(to)),
            Bins::Tasks { .. } => (SimTime::ZERO, None),
        };
        Self {
            resilience: Resilience::new(spans.hits.as_deref(), n_models, from, to),
            last: SimTime::ZERO,
            curve: vec![[BinSums::default(); 5]; bins.len()],
            models: vec![vec![ModelSums::default(); n_models]; bins.len()],
            days: Days::new(n_models, n_task_types),
            learning: LearningCurve::new(bins, &spans.changes, measures_regret),
            work: WorkTracker::default(),
            clock,
            bins,
            measures_regret,
            is_bandit: false,
            spans,
            scopes: Default::default(),
            minutes: Default::default(),
            deployed: None,
            rolled_back: None,
            verdict: None,
            places: Places::default(),
        }
    }

    /// The same of a run in bandit mode.
    #[must_use]
    pub fn of_bandit(self) -> Self {
        Self { is_bandit: true, ..self }
    }

    /// Which points its curves have.
    #[must_use]
    pub fn bins(&self) -> Bins {
        self.bins
    }

    /// Books an arrival.
    pub fn task_arrived(&mut self, record: &TaskRecord) {
        let (task, now) = (record.task, record.arrived);
        let within = self.spans.holding(now);
        let day = self.clock.at(now).day;
        self.days.reach(day);
        self.work.start_work(task, now);
        let place = Place {
            bin: self.bins.of(task, now),
            within,
            day,
            task_type: record.task_type,
            failed: None,
            called: ModelSet::EMPTY,
            step_began: now,
            answer: None,
            wasted: Billed::default(),
        };
        for_scopes(&mut self.scopes, place, record.level, |scope| scope.arrived += 1);
        self.places.push(place);
    }

    /// Books an ended step.
    pub fn step_ended(&mut self, step: &StepRecord) {
        self.work.log_step(step);
        if let Some(place) = self.places.get_mut(step.task) {
            let unused = place.answer.take().filter(|_| !step.served);
            place.wasted += unused.unwrap_or_default();
            place.step_began = step.started;
        }
    }

    /// Books a call.
    pub fn attempt_ended(&mut self, call: &AttemptRecord) {
        let Some(place) = self.places.get_mut(call.task) else { return };
        let failed = place.failed.take();
        let billed = Billed { tokens: call.response.tokens(), usd: call.response.cost_usd };
        if call.served {
            // An answer that is asked for again was not trusted.
            place.wasted += place.answer.replace(billed).unwrap_or_default();
        } else {
            place.failed = Some(call.dispatched + call.response.duration);
            place.wasted += billed;
        }
        place.called.insert(call.model);
        let place = *place;
        self.resilience.attempt_ended(call);
        self.days.attempt_ended(place.day, place.task_type, call);
        if let Some(failed) = failed.filter(|_| call.role != Role::First) {
            let wait = call.dispatched.since(failed);
            for_scopes(&mut self.scopes, place, call.level, |scope| scope.recovery.add(wait));
        }
        if call.chosen_by == ChosenBy::Learner {
            let explored = u64::from(call.explored);
            for_scopes(&mut self.scopes, place, call.level, |scope| {
                scope.n_choices += 1;
                scope.n_explored += explored;
            });
            for at in [0, 1 + call.level.index()] {
                if let Some(bin) = place.bin {
                    self.curve[bin][at].n_choices += 1;
                    self.curve[bin][at].n_explored += explored;
                }
            }
        }
        if let Some(bin) = place.bin {
            let sums = &mut self.models[bin][call.model.index()];
            sums.calls += 1;
            sums.served[call.level.index()] += u64::from(call.served);
            sums.tokens += call.response.tokens();
            sums.cost_usd += call.response.cost_usd;
        }
    }

    /// Books a fallback.
    pub fn fallback_asked(&mut self, event: &FallbackEvent) {
        let Some(place) = self.places.get(event.task) else { return };
        for_scopes(&mut self.scopes, place, event.level, |scope| {
            scope.fallbacks += 1;
            scope.fallbacks_found += u64::from(event.to.is_some());
        });
    }

    /// Books a decision about an order on trial.
    pub fn policy_decided(&mut self, event: &PolicyEvent) {
        match event.decision {
            PolicyDecision::Deployed => self.deployed = Some(event.at),
            PolicyDecision::RolledBack => self.rolled_back = Some(event.at),
            PolicyDecision::Verdict => self.verdict = Some(event.policy),
            PolicyDecision::Adopted => {}
        }
    }

    /// Books an ended task.
    ///
    /// Returns what its work came to; `None` if that had not been started.
    pub fn task_ended(&mut self, task: &TaskRecord) -> Option<WorkMetrics> {
        let place = self.places.get(task.task);
        self.places.close(task.task);
        let work = self.work.end_work(task);
        self.last = self.last.max(task.ended);
        if let Some(place) = place {
            if let Some((model, _)) = task.trigger.filter(|(m, _)| !place.called.contains(*m)) {
                self.resilience.skipped(place.step_began, model);
            }
            if let Some(model) = task.trigger.map(|(model, _)| model).or(task.first_model) {
                self.resilience.wanted(task.arrived, model);
            }
            self.days.task_ended(place.day, task);
            self.book(place, task, work);
        }
        work
    }

    fn book(&mut self, place: Place, task: &TaskRecord, work: Option<WorkMetrics>) {
        let Some(bin) = place.bin else { return };
        for_scopes(&mut self.scopes, place, task.level, |scope| {
            scope.allocated += u64::from(task.first_model.is_some());
            scope.tracked += u64::from(work.is_some_and(|work| work.n_steps > 0));
        });
        if task.outcome == Outcome::Interrupted {
            for_scopes(&mut self.scopes, place, task.level, |scope| scope.interrupted += 1);
            return;
        }
        for at in [0, 1 + task.level.index()] {
            let sums = &mut self.curve[bin][at];
            sums.tasks += 1;
            sums.in_time += u64::from(task.in_time);
            if let Some(ending) = Ending::of(task) {
                sums.endings[ending as usize] += 1;
            }
            sums.efficiency += task.efficiency;
            sums.reward += task.reward;
            sums.decision_regret += task.decision_regret.unwrap_or(0.0);
            sums.n_best += u64::from(task.n_best);
            sums.n_decisions += u64::from(task.n_decisions);
            sums.cost_usd += task.cost_usd;
        }
        self.learning.task_ended(task);
        let rescued = task.in_time && task.rescued;
        for_scopes(&mut self.scopes, place, task.level, |scope| {
            scope.tasks += 1;
            scope.in_time += u64::from(task.in_time);
            scope.served += u64::from(task.served);
            scope.shed += u64::from(task.outcome == Outcome::Shed);
            if let Some((_, reason)) = task.trigger {
                scope.triggered[reason as usize] += 1;
                scope.rescued[reason as usize] += u64::from(rescued);
            }
            scope.attempts += u64::from(task.n_attempts);
            scope.tokens += task.input_tokens + task.output_tokens;
            scope.cost_usd += task.cost_usd;
            scope.wasted += place.wasted;
            scope.efficiency += task.efficiency;
            if let Some(work) = work {
                scope.stage4_efficiency += work.efficiency;
                scope.tokens_per_minute += work.tokens_per_minute.unwrap_or(0.0);
                scope.tokens_per_estimate += work.tokens_per_estimate;
            }
            scope.reward += task.reward;
            scope.decision_regret += task.decision_regret.unwrap_or(0.0);
            scope.n_best += u64::from(task.n_best);
            scope.n_decisions += u64::from(task.n_decisions);
            scope.quality += if task.served { task.quality } else { 0.0 };
            let took = task.ended.since(task.arrived);
            scope.latency.add(took);
            if task.served {
                scope.served_latency.add(took);
            }
        });
        let minute = (task.arrived.0 / (60 * NANOS_PER_SECOND)) as usize;
        for (window, minutes) in self.minutes.iter_mut().enumerate() {
            if place.within[window] {
                if minute >= minutes.len() {
                    minutes.resize(minute + 1, (0, 0));
                }
                minutes[minute].0 += 1;
                minutes[minute].1 += u32::from(task.in_time);
            }
        }
    }

    /// All measures of the run; those over faults only if the world has faults.
    #[must_use]
    pub fn values(&self) -> Vec<Value> {
        let (from, to) = match self.bins {
            Bins::Time { from, to, .. } => (from, to),
            Bins::Tasks { .. } => (SimTime::ZERO, self.last),
        };
        let mut values = Vec::new();
        for (window, scopes) in Window::ALL.into_iter().zip(&self.scopes) {
            if !self.spans.may_hold(window) {
                continue;
            }
            let seconds = self.spans.seconds(window, from, to);
            let levels = std::iter::once(None).chain(Level::ALL.map(Some));
            for (level, scope) in levels.zip(scopes) {
                if level.is_some() && scope.arrived == 0 {
                    continue;
                }
                let minutes = level.is_none().then(|| &self.minutes[window as usize]);
                let rate = (seconds > 0.0).then(|| scope.in_time as f64 / seconds);
                values.push(Value { measure: measure::GOODPUT, level, window, value: rate });
                for (measure, value) in self.measured(scope, minutes) {
                    if measure == measure::EMPTY_MINUTES && window != Window::Run {
                        continue;
                    }
                    values.push(Value { measure, level, window, value });
                }
            }
        }
        let whole = |(measure, value)| Value { measure, level: None, window: Window::Run, value };
        values.extend(self.learning.measured().into_iter().map(whole));
        values.extend(self.resilience.measured().into_iter().map(whole));
        values.extend(self.of_trial().into_iter().map(|(m, value)| whole((m, Some(value)))));
        if self.is_bandit {
            values.retain(|v| v.level.is_none() && measure::OF_BANDITS.contains(&v.measure));
        }
        values
    }

    /// What came of a trial, if there was one.
    fn of_trial(&self) -> Vec<(Measure, f64)> {
        let mut measured = Vec::new();
        let one = |is_so: bool| if is_so { 1.0 } else { 0.0 };
        if let Some(deployed) = self.deployed {
            measured.push((measure::ROLLED_BACK, one(self.rolled_back.is_some())));
            let lasted = self.rolled_back.map(|at| at.since(deployed).as_secs_f64() / 3600.0);
            measured.extend(lasted.map(|hours| (measure::ROLLBACK_TIME, hours)));
        }
        if let Some(named) = self.verdict {
            for (measure, side) in measure::VERDICT.into_iter().zip([Policy::A, Policy::B]) {
                measured.push((measure, one(named == Some(side))));
            }
        }
        measured
    }

    fn measured(
        &self,
        scope: &Scope,
        minutes: Option<&Vec<(u32, u32)>>,
    ) -> Vec<(Measure, Option<f64>)> {
        let over = |part: f64, whole: u64| (whole > 0).then(|| part / whole as f64);
        let of = |part: u64, whole: u64| over(part as f64, whole);
        let ratio = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let n = scope.tasks;
        let busy = minutes.map_or(0, |m| m.iter().filter(|(arrived, _)| *arrived > 0).count());
        let by_minute = minutes.and_then(|minutes| {
            let good = minutes
                .iter()
                .filter(|(arrived, answered)| *arrived > 0 && *answered * 100 >= *arrived * 95)
                .count();
            of(good as u64, busy as u64)
        });
        let triggered = scope.triggered.iter().sum();
        let regret = |value: Option<f64>| value.filter(|_| self.measures_regret);
        let mut measured = vec![
            (measure::TASKS, Some(n as f64)),
            (measure::INTERRUPTED, Some(scope.interrupted as f64)),
            (measure::EFFICIENCY, over(scope.efficiency, n)),
            (measure::STAGE4_EFFICIENCY, over(scope.stage4_efficiency, n)),
            (measure::QUALITY, over(scope.quality, n)),
            (measure::ALLOCATED, of(scope.allocated, scope.arrived)),
            (measure::TRACKED, of(scope.tracked, scope.arrived)),
            (measure::REWARD, over(scope.reward, n)),
            (measure::AVAILABILITY, of(scope.in_time, n)),
            (measure::AVAILABILITY_BY_MINUTE, by_minute),
            (measure::SERVED, of(scope.served, n)),
            (measure::SHED, of(scope.shed, n)),
            (measure::DEADLINE_MISSES, of(scope.served - scope.in_time, n)),
            (measure::TRIGGERED, of(triggered, n)),
            (measure::FALLBACK_SERVED_RATE, of(scope.rescued.iter().sum(), triggered)),
            (measure::FALLBACK_SELECTION_RATE, of(scope.fallbacks_found, scope.fallbacks)),
            (measure::BEST_MODEL_SHARE, regret(of(scope.n_best, scope.n_decisions))),
            (measure::DECISION_REGRET, regret(over(scope.decision_regret, n))),
            (measure::EXPLORATION_SHARE, of(scope.n_explored, scope.n_choices)),
            (measure::ATTEMPTS, of(scope.attempts, n)),
            (measure::TOKENS, of(scope.tokens, n)),
            (measure::COST, over(scope.cost_usd, n)),
            (measure::WASTED_COST, over(scope.wasted.usd, n)),
            (measure::WASTED_COST_SHARE, ratio(scope.wasted.usd, scope.cost_usd)),
            (measure::WASTED_TOKENS, of(scope.wasted.tokens, n)),
            (measure::WASTED_TOKENS_SHARE, of(scope.wasted.tokens, scope.tokens)),
            (measure::TOKENS_PER_MINUTE, over(scope.tokens_per_minute, n)),
            (measure::TOKENS_PER_ESTIMATE, over(scope.tokens_per_estimate, n)),
            (measure::RECOVERY_P50, scope.recovery.quantile_ms(0.5)),
            (measure::RECOVERY_P99, scope.recovery.quantile_ms(0.99)),
        ];
        for (which, reason) in
            measure::FALLBACK_SERVED_RATE_BY_REASON.into_iter().zip(FallbackReason::ALL)
        {
            let at = reason as usize;
            measured.push((which, of(scope.rescued[at], scope.triggered[at])));
        }
        for (which, p) in [
            (measure::LATENCY_P50, 0.5),
            (measure::LATENCY_P95, 0.95),
            (measure::LATENCY_P99, 0.99),
        ] {
            measured.push((which, scope.latency.quantile_ms(p)));
        }
        for (which, p) in measure::SERVED_LATENCY.into_iter().zip([0.5, 0.95, 0.99]) {
            measured.push((which, scope.served_latency.quantile_ms(p)));
        }
        if minutes.is_none() {
            measured.retain(|(which, _)| *which != measure::AVAILABILITY_BY_MINUTE);
        }
        if let (Some(_), Bins::Time { from, to, .. }) = (minutes, self.bins) {
            let minute = |at: u64| at / (60 * NANOS_PER_SECOND);
            let all = minute(to.0.saturating_sub(1)) + 1 - minute(from.0);
            measured.push((measure::EMPTY_MINUTES, Some(all.saturating_sub(busy as u64) as f64)));
        }
        measured
    }
}

fn for_scopes(
    scopes: &mut [[Scope; 5]; Window::COUNT],
    place: Place,
    level: Level,
    mut act: impl FnMut(&mut Scope),
) {
    if place.bin.is_none() {
        return;
    }
    for (window, scopes) in scopes.iter_mut().enumerate() {
        if place.within[window] {
            act(&mut scopes[0]);
            act(&mut scopes[1 + level.index()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_cover_the_run_behind_the_warm_up() {
        let bins = Bins::Time { from: SimTime(100), to: SimTime(200), n: 4 };
        let bin = |at| bins.of(TaskId(0), SimTime(at));
        assert_eq!(
            [bin(99), bin(100), bin(124), bin(125), bin(199)],
            [None, Some(0), Some(0), Some(1), Some(3)]
        );
        let bins = Bins::Tasks { from: 10, to: 110, n: 10 };
        assert_eq!(bins.of(TaskId(9), SimTime(0)), None);
        assert_eq!(bins.of(TaskId(109), SimTime(0)), Some(9));
        assert_eq!(bins.edges(1), (20.0, 30.0));
    }

    #[test]
    fn measures_have_one_name_each() {
        for (i, measure) in measure::MEASURES.iter().enumerate() {
            assert!(measure::MEASURES[..i].iter().all(|other| other.name != measure.name));
            assert_eq!(measure::named(measure.name), Some(*measure));
        }
    }
}
