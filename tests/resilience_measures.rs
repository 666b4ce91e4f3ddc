//! Measures of resilience: worked cases by hand, and any run recounted from all its records with other means.

#[path = "support/cells.rs"]
mod cells;
#[expect(dead_code, reason = "records are kept here beside the statistics of the same run")]
#[path = "support/record.rs"]
mod record;
mod support;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::test_runner::TestRunner;

use cells::{always, cell, instant, seconds};
use record::Record;
use reflexarc::analysis::measure::{self, Measure};
use reflexarc::analysis::resilience::{FaultSpan, QuotaState};
use reflexarc::analysis::run::{Bins, RunStatistics};
use reflexarc::analysis::window::{Spans, Window};
use reflexarc::calendar::LocalClock;
use reflexarc::domain::{
    AttemptRecord, BreakerState, Outcome, Role, StackEvent, StepRecord, TaskRecord,
};
use reflexarc::engine::{self, Cell, End, Observer, Sample};
use reflexarc::routing::breaker::{BreakerRule, Stage4Rule};
use reflexarc::routing::fallback::{FallbackPlan, Ranking};
use reflexarc::routing::minute::MinuteLimit;
use reflexarc::routing::order::OrderRule;
use reflexarc::routing::replica::{Assign, ReplicaRule};
use reflexarc::routing::retry::OnFailure;
use reflexarc::sim::stream::Streams;
use reflexarc::units::{ModelId, SimDuration, SimTime};
use reflexarc::world::ServiceShape;
use reflexarc::world::conditions::Down;
use reflexarc::world::fault::{Effect, FaultSpec, Target};
use reflexarc::world::limits::Limits;
use reflexarc::world::workload::WorkloadSpec;
use support::Draft;

/// Statistics and all records of the same run.
struct Both {
    statistics: RunStatistics,
    record: Record,
    quotas: Vec<(SimTime, Vec<Option<QuotaState>>)>,
    due: SimTime,
}

impl Observer for Both {
    fn task_arrived(&mut self, record: &TaskRecord) {
        self.statistics.task_arrived(record);
    }

    fn attempt_ended(&mut self, record: &AttemptRecord) {
        self.statistics.attempt_ended(record);
        self.record.attempt_ended(record);
    }

    fn step_ended(&mut self, record: &StepRecord) {
        self.statistics.step_ended(record);
        self.record.step_ended(record);
    }

    fn stack_event(&mut self, event: &StackEvent) {
        match event {
            StackEvent::Breaker(event) => self.statistics.resilience.breaker_changed(event),
            StackEvent::Overshoot(event) => self.statistics.resilience.minute_ended(event),
            _ => {}
        }
        self.record.stack_event(event);
    }

    fn task_ended(&mut self, record: &TaskRecord) {
        self.statistics.task_ended(record);
        self.record.task_ended(record);
    }

    fn sample_due(&self) -> SimTime {
        self.due
    }

    fn sample(&mut self, at: SimTime, sample: Sample) {
        let state = |used, limit: Option<u64>| limit.map(|limit| QuotaState { used, limit });
        let quotas: Vec<_> = sample.quotas.iter().map(|q| state(q.used, q.limit)).collect();
        self.statistics.resilience.quotas_seen(at, quotas.iter().copied());
        self.quotas.push((at, quotas));
        self.due += SimDuration::from_secs_f64(50.0);
    }
}

/// The faults of a seed as the measures take them. Prices are no faults; a quota stays used up here as long as the
/// fault lasts.
fn hits(cell: &Cell, seed: u64) -> Vec<FaultSpan> {
    let timeline = cell.world.timeline(&Streams::new(seed));
    let faults = timeline.faults().iter().filter(|(fault, _)| !fault.effect.is_price());
    faults
        .map(|(fault, hit)| FaultSpan {
            from: fault.start,
            to: fault.end,
            models: hit.iter().copied().collect(),
            stops: fault.effect.stops(),
            cuts_quota: matches!(fault.effect, Effect::QuotaCut { .. }),
        })
        .collect()
}

fn run(cell: &Cell, seed: u64) -> Both {
    let hits = hits(cell, seed);
    let bins = match cell.end {
        End::At(to) => Bins::Time { from: SimTime::ZERO, to, n: 10 },
        End::Tasks(to) => Bins::Tasks { from: 0, to, n: 10 },
    };
    let faults = Some(cell.world.timeline(&Streams::new(seed)).windows());
    let spans = Spans { faults, hits: Some(hits), ..Spans::default() };
    let clock = LocalClock::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
    let (models, types) = (cell.world.models.len(), cell.world.task_types.len());
    let statistics = RunStatistics::new(bins, models, types, false, spans, clock);
    let due = instant(49.0);
    let mut both = Both { statistics, record: Record::default(), quotas: Vec::new(), due };
    engine::run(cell, seed, &mut both);
    both
}

fn value(both: &Both, measure: Measure, window: Window) -> Option<f64> {
    let values = both.statistics.values();
    let found = values.iter().find(|v| (v.measure, v.window, v.level) == (measure, window, None));
    found.unwrap_or_else(|| panic!("{} is not measured", measure.name)).value
}

fn of_run(both: &Both, measure: Measure) -> Option<f64> {
    value(both, measure, Window::Run)
}

fn assert_close(what: &str, got: Option<f64>, expected: Option<f64>) {
    let same = match (got, expected) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * (1.0 + b.abs()),
        (a, b) => a == b,
    };
    assert!(same, "{what}: {got:?}, by hand {expected:?}");
}

fn fault(effect: Effect, models: &[u16], from: f64, to: f64) -> FaultSpec {
    FaultSpec {
        name: "fault".to_owned(),
        effect,
        target: Target::Models(models.iter().copied().map(ModelId).collect()),
        start: instant(from),
        end: instant(to),
        ramp: SimDuration::ZERO,
        kills_in_flight: false,
        first_calls: None,
    }
}

/// One task each second for 500 s, answered after exactly a second; the first model before the others; after a failure
/// the next one; the plan's breaker with 3 failures, 60 s, 2 successes.
fn steady(n: usize, faults: Vec<FaultSpec>) -> Draft {
    let mut draft = Draft::new(n);
    draft.workload = WorkloadSpec::FixedInterval { interval: seconds(1.0) };
    draft.end = End::At(instant(500.0));
    draft.world.service = ServiceShape::Constant;
    draft.world.faults = faults;
    draft.stack.order = OrderRule::Static((0..n as u16).map(ModelId).collect());
    draft.stack.fallback = FallbackPlan::Ranked { by: Ranking::Order, max_fallbacks: 3 };
    draft.stack.breaker = BreakerRule::Stage4(Stage4Rule {
        failures_to_open: 3,
        open_for: seconds(60.0),
        successes_to_close: 2,
        ..Stage4Rule::default()
    });
    draft
}

const OUTAGE: Effect = Effect::Outage { form: Down::Error };

#[test]
fn an_outage_of_the_first_model_worked_by_hand() {
    let both = run(&steady(2, vec![fault(OUTAGE, &[0], 99.5, 199.5)]).build(), 1);
    // Calls at 100, 101, 102 fail after 0.2 s each: the third opens the breaker at 102.2. It half-opens at 163, where the
    // calls of 163, 164, 165 fail and open it at 165.2; from 225.2 on it lets pass the call of 226, answered at 227.
    let opened: Vec<f64> = both
        .record
        .breaker
        .iter()
        .filter(|event| event.to == BreakerState::Open)
        .map(|event| event.at.as_secs_f64())
        .collect();
    assert_eq!(opened, [102.2, 165.2]);
    assert_close("detect", of_run(&both, measure::TIME_TO_DETECT), Some(2.2));
    assert_close("detected", of_run(&both, measure::DETECTED_SHARE), Some(1.0));
    assert_close("recover", of_run(&both, measure::TIME_TO_RECOVER), Some(27.5));
    assert_close("recovered", of_run(&both, measure::RECOVERED_SHARE), Some(1.0));
    assert_close("false open", of_run(&both, measure::FALSE_OPEN_TIME), Some(0.0));
    // The second model gets all 100 tasks of the 100 s with the fault, and those of 200..225 in the 400 s without.
    assert_close("load", of_run(&both, measure::SURVIVOR_LOAD), Some(1.0 / (26.0 / 400.0)));
    assert_close("fell", of_run(&both, measure::FELL_AFTER_FIRST), Some(0.0));
    // Six calls more than tasks, all in the fault.
    let calls = |window| value(&both, measure::ATTEMPTS, window);
    assert_close("calls", calls(Window::Run), Some(506.0 / 500.0));
    assert_close("calls in the fault", calls(Window::Faults), Some(106.0 / 100.0));
    assert_close("calls outside", calls(Window::Calm), Some(1.0));
    assert_close("goodput", value(&both, measure::GOODPUT, Window::Calm), Some(1.0));
    assert_close("goodput in it", value(&both, measure::GOODPUT, Window::Faults), Some(1.0));
    assert_close("quota", of_run(&both, measure::QUOTA_OVERSHOOT), None);
    let p99 = |window| value(&both, measure::SERVED_LATENCY[2], window).expect("served");
    // 0.2 s of error more for 6 of the 100 tasks; within half a bucket.
    assert!((p99(Window::Faults) / 1200.0 - 1.0).abs() < 0.004, "{}", p99(Window::Faults));
    assert!((p99(Window::Calm) / 1000.0 - 1.0).abs() < 0.004, "{}", p99(Window::Calm));
}

#[test]
fn what_is_never_noticed_or_never_comes_back_counts_in_full() {
    let mut draft = steady(2, vec![fault(OUTAGE, &[0], 99.5, 199.5)]);
    draft.stack.breaker = BreakerRule::None;
    let both = run(&draft.build(), 1);
    // From the first call within it, at 100, to its end.
    assert_close("detect", of_run(&both, measure::TIME_TO_DETECT), Some(99.5));
    assert_close("detected", of_run(&both, measure::DETECTED_SHARE), Some(0.0));
    // The call of 200 is answered at 201.
    assert_close("recover", of_run(&both, measure::TIME_TO_RECOVER), Some(1.5));

    let mut draft = steady(2, vec![fault(OUTAGE, &[0], 99.5, 199.5)]);
    let BreakerRule::Stage4(rule) = &mut draft.stack.breaker else { unreachable!() };
    rule.open_for = seconds(1e6);
    let both = run(&draft.build(), 1);
    assert_close("recover", of_run(&both, measure::TIME_TO_RECOVER), Some(300.5));
    assert_close("recovered", of_run(&both, measure::RECOVERED_SHARE), Some(0.0));

    // To the end of the run: there is nothing to come back to.
    let both = run(&steady(2, vec![fault(OUTAGE, &[0], 99.5, 1e6)]).build(), 1);
    assert_close("recover", of_run(&both, measure::TIME_TO_RECOVER), None);
    // Nobody calls the second model before the first has failed: no pair.
    let both = run(&steady(2, vec![fault(OUTAGE, &[1], 99.5, 199.5)]).build(), 1);
    assert_close("detect", of_run(&both, measure::TIME_TO_DETECT), None);
    assert_close("load", of_run(&both, measure::SURVIVOR_LOAD), Some(1.0));
}

#[test]
fn a_mere_fallback_is_noticed_from_its_first_call_and_owes_no_return() {
    // Without a breaker: tasks of 100..199 fall back to the second, from 141.2 on in vain.
    let faults = || vec![fault(OUTAGE, &[0], 99.5, 199.5), fault(OUTAGE, &[1], 140.5, 250.0)];
    let mut draft = steady(3, faults());
    draft.stack.breaker = BreakerRule::None;
    let both = run(&draft.build(), 1);
    // Nobody leaves either alone.
    let detect = (99.5 + (250.0 - 141.2)) / 2.0;
    assert_close("detect", of_run(&both, measure::TIME_TO_DETECT), Some(detect));
    assert_close("detected", of_run(&both, measure::DETECTED_SHARE), Some(0.0));
    // From 250 on nobody needs the second one.
    assert_close("recover", of_run(&both, measure::TIME_TO_RECOVER), Some(1.5));
    assert_close("recovered", of_run(&both, measure::RECOVERED_SHARE), Some(1.0));

    // With one, the second is the first to be called from 103 on, but only since the first is passed over.
    let both = run(&steady(3, faults()).build(), 1);
    let second = both.record.attempts.iter().filter(|call| call.model == ModelId(1));
    let mut own = second.filter(|call| call.dispatched < instant(140.5));
    assert!(own.any(|call| call.role == Role::First));
    // Calls of 141, 142, 143 fail after 0.2 s.
    assert_close("detect", of_run(&both, measure::TIME_TO_DETECT), Some(2.2));
    assert_close("detected", of_run(&both, measure::DETECTED_SHARE), Some(1.0));
    assert_close("recover", of_run(&both, measure::TIME_TO_RECOVER), Some(27.5));

    // Where it is the first choice of every other task, it is one.
    let mut draft = steady(3, faults());
    draft.stack.order = OrderRule::RoundRobin;
    let both = run(&draft.build(), 1);
    let recovered: Vec<f64> = [(0, 199.5), (1, 250.0)]
        .into_iter()
        .map(|(model, end)| {
            let served = both.record.attempts.iter().filter(|call| {
                call.served && call.model == ModelId(model) && call.dispatched >= instant(end)
            });
            let first = served.map(ended).min().expect("it comes back");
            first.as_secs_f64() - end
        })
        .collect();
    let mean = recovered.iter().sum::<f64>() / 2.0;
    assert_close("recover", of_run(&both, measure::TIME_TO_RECOVER), Some(mean));
}

#[test]
fn a_stack_passes_its_own_limits_by_what_its_instances_do_not_know() {
    let overshoot = |n, limit: Option<u64>| {
        let mut draft = steady(1, Vec::new());
        draft.stack.breaker = BreakerRule::None;
        if limit.is_some() {
            draft.stack.ledger.per_minute = vec![MinuteLimit { requests: limit, tokens: None }];
        }
        draft.stack.replicas = ReplicaRule { n, sync_every: None, assign: Assign::RoundRobin };
        of_run(&run(&draft.build(), 1), measure::LIMIT_OVERSHOOT)
    };
    assert_close("no limit", overshoot(4, None), None);
    assert_close("one", overshoot(1, Some(10)), Some(0.0));
    assert_close("four", overshoot(4, Some(10)), Some(3.0));
    // Sixty tasks a minute do not fill what four let pass.
    assert_close("wide", overshoot(4, Some(40)), Some(0.5));
    assert_close("wider", overshoot(4, Some(60)), Some(0.0));
}

#[test]
fn a_model_that_is_held_back_is_left_alone_without_a_breaker() {
    let mut draft = steady(2, vec![fault(Effect::KeyRevoked, &[0], 99.5, 199.5)]);
    draft.stack.breaker = BreakerRule::None;
    let hold = OnFailure { hold: seconds(30.0), ..OnFailure::FALL_BACK };
    draft.stack.on = draft.stack.on.with(Outcome::Auth, hold);
    draft.world.refusal_time = seconds(0.05);
    let both = run(&draft.build(), 1);
    // Refused at 100.05; the task of 101 passes it over.
    assert_close("detect", of_run(&both, measure::TIME_TO_DETECT), Some(1.0));
    assert_close("detected", of_run(&both, measure::DETECTED_SHARE), Some(1.0));
    // Asked again at 131, 162, 193; held back until 223.05, answered from 224 to 225.
    assert_close("recover", of_run(&both, measure::TIME_TO_RECOVER), Some(25.5));
}

#[test]
fn a_breaker_that_opens_on_a_sound_model_is_open_without_reason() {
    // Every call of the first model is a wrong answer: no fault, yet the breaker opens.
    let mut draft = steady(2, Vec::new());
    draft.world.models[0].success = [0.0; 4];
    let both = run(&draft.build(), 1);
    let mut open = 0.0;
    let mut since = None;
    for event in both.record.breaker.iter().filter(|event| event.model == ModelId(0)) {
        match (event.to, since) {
            (BreakerState::Open, _) => since = Some(event.at.as_secs_f64()),
            (_, Some(from)) => {
                open += event.at.as_secs_f64() - from;
                since = None;
            }
            _ => {}
        }
    }
    open += since.map_or(0.0, |from| 500.0 - from);
    assert!(open > 300.0, "{open}");
    assert_close("false", of_run(&both, measure::FALSE_OPEN_TIME), Some(open / 1000.0));
}

#[test]
fn the_next_model_falls_under_the_load_of_the_first() {
    let mut draft =
        steady(3, vec![fault(OUTAGE, &[0], 99.5, 199.5), fault(OUTAGE, &[0], 299.5, 399.5)]);
    draft.world.models[1].limits = Limits { requests_per_minute: Some(30.0), ..Limits::default() };
    let both = run(&draft.build(), 1);
    let refused = |from: f64, to: f64| {
        both.record.attempts.iter().any(|call| {
            let ended = (call.dispatched + call.response.duration).as_secs_f64();
            call.response.outcome == Outcome::RateLimited && from <= ended && ended < to
        })
    };
    assert!(refused(99.5, 199.5) && refused(299.5, 399.5));
    assert_close("fell", of_run(&both, measure::FELL_AFTER_FIRST), Some(1.0));
}

#[test]
fn tokens_above_a_daily_limit_are_those_of_calls_in_flight() {
    let mut draft = steady(1, Vec::new());
    draft.stack.breaker = BreakerRule::None;
    draft.world.models[0].latency = reflexarc::registry::Latency::Response([5000.0; 4]);
    draft.world.accounts[0].daily_tokens = Some(4000);
    let both = run(&draft.build(), 1);
    // 400 tokens each: charged up to the tenth call, while five more are in flight.
    let used: u64 = both.record.attempts.iter().map(|call| call.response.tokens()).sum();
    assert!(used > 4000, "{used}");
    assert_close(
        "overshoot",
        of_run(&both, measure::QUOTA_OVERSHOOT),
        Some((used - 4000) as f64 / 4000.0),
    );
}

#[test]
fn an_answer_that_is_asked_for_again_is_wasted() {
    let both = run(&steady(1, Vec::new()).build(), 1);
    let Record { attempts, steps, tasks, .. } = &both.record;
    let clock = LocalClock::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
    let bins = Bins::Tasks { from: 0, to: 1, n: 1 };
    let mut statistics = RunStatistics::new(bins, 1, 1, false, Spans::default(), clock);
    let mut task = tasks[0];
    task.input_tokens *= 2;
    task.output_tokens *= 2;
    task.cost_usd *= 2.0;
    statistics.task_arrived(&task);
    statistics.attempt_ended(&attempts[0]);
    let escalated = AttemptRecord { attempt: 1, role: Role::Escalation, ..attempts[0] };
    statistics.attempt_ended(&escalated);
    statistics.step_ended(&steps[0]);
    statistics.task_ended(&task);
    let both = Both { statistics, ..both };
    assert_close("share", of_run(&both, measure::WASTED_TOKENS_SHARE), Some(0.5));
    assert_close("tokens", of_run(&both, measure::WASTED_TOKENS), Some(400.0));
    assert_close("cost", of_run(&both, measure::WASTED_COST_SHARE), Some(0.5));
}

/// Everything that a run showed, to recount its measures from.
struct Recount<'a> {
    faults: Vec<FaultSpan>,
    both: &'a Both,
    n_models: u16,
    /// When arrivals stop, or the last instant seen where their number says so.
    end: SimTime,
    ends_by_time: bool,
}

type Measured = Vec<(Measure, Option<f64>)>;

fn over(sum: f64, n: f64) -> Option<f64> {
    (n > 0.0).then(|| sum / n)
}

fn ended(call: &AttemptRecord) -> SimTime {
    call.dispatched + call.response.duration
}

impl<'a> Recount<'a> {
    fn new(cell: &Cell, both: &'a Both, seed: u64) -> Self {
        let record = &both.record;
        let sampled = both.quotas.iter().map(|(at, _)| *at);
        let all = record.attempts.iter().map(ended).chain(record.breaker.iter().map(|b| b.at));
        let (end, ends_by_time) = match cell.end {
            End::At(at) => (at, true),
            End::Tasks(_) => (all.chain(sampled).max().unwrap_or_default(), false),
        };
        let n_models = cell.world.models.len() as u16;
        Self { faults: hits(cell, seed), both, n_models, end, ends_by_time }
    }

    fn models(&self) -> impl Iterator<Item = ModelId> + use<> {
        (0..self.n_models).map(ModelId)
    }

    fn hit(&self, at: SimTime, model: ModelId) -> bool {
        self.faults.iter().any(|f| f.models.contains(model) && f.from <= at && at < f.to)
    }

    fn any(&self, at: SimTime) -> bool {
        self.faults.iter().any(|f| f.from <= at && at < f.to)
    }

    /// Since when one of a model's breakers at least has been open, if one is.
    fn opened_at(&self, at: SimTime, model: ModelId) -> Option<SimTime> {
        let (mut n_open, mut since) = (0, None);
        let changes = self.both.record.breaker.iter();
        for change in changes.filter(|b| b.model == model && b.at <= at) {
            let is_open = |state| i32::from(state == BreakerState::Open);
            let before = n_open;
            n_open += is_open(change.to) - is_open(change.from);
            if before == 0 && n_open > 0 {
                since = Some(change.at);
            }
        }
        since.filter(|_| n_open > 0)
    }

    /// Instants at which a model was left alone: its breaker opened, or a step passed it over.
    fn left_alone(&self) -> Vec<(SimTime, ModelId)> {
        let record = &self.both.record;
        let opened = record.breaker.iter().filter(|b| b.to == BreakerState::Open);
        let mut all: Vec<(SimTime, ModelId)> = opened.map(|b| (b.at, b.model)).collect();
        for task in &record.tasks {
            let Some((model, _)) = task.trigger else { continue };
            let mut calls = record.attempts.iter().filter(|call| call.task == task.task);
            if calls.all(|call| call.model != model) {
                let steps = record.steps.iter().filter(|step| step.task == task.task);
                all.extend(steps.map(|step| step.started).max().map(|at| (at, model)));
            }
        }
        all
    }

    fn pairs(&self) -> Measured {
        let left_alone = self.left_alone();
        let (mut detect, mut detected, mut n) = (0.0, 0.0, 0.0);
        let (mut recover, mut recovered, mut m) = (0.0, 0.0, 0.0);
        let stopping = self.faults.iter().filter(|f| f.stops && f.from < f.to && f.from < self.end);
        for (fault, model) in stopping.flat_map(|f| f.models.iter().map(move |model| (f, model))) {
            let calls = || self.both.record.attempts.iter().filter(|call| call.model == model);
            let within = |at: SimTime| fault.from <= at && at < fault.to;
            let sent = calls().map(|call| call.dispatched).filter(|at| within(*at));
            let Some(called) = sent.min() else { continue };
            let already = self.opened_at(fault.from, model).is_some().then_some(fault.from);
            let alone = left_alone.iter().filter(|(at, m)| *m == model && within(*at));
            let first = alone.map(|(at, _)| *at).chain(already).min();
            n += 1.0;
            detected += f64::from(u8::from(first.is_some()));
            detect += first.unwrap_or(fault.to.min(self.end)).since(called).as_secs_f64();
            let holds = |other: &FaultSpan| {
                other.stops
                    && other.models.contains(model)
                    && other.from <= fault.to
                    && fault.to < other.to
            };
            let is_own = |task: &TaskRecord| {
                let first = task.trigger.map(|(model, _)| model).or(task.first_model);
                first == Some(model) && task.arrived < fault.from
            };
            let wanted = self.both.record.tasks.iter().any(is_own);
            if !wanted || fault.to >= self.end || self.faults.iter().any(holds) {
                continue;
            }
            let served = calls().filter(|call| call.served && call.dispatched >= fault.to);
            let first = served.map(ended).min();
            m += 1.0;
            recovered += f64::from(u8::from(first.is_some()));
            recover += first.unwrap_or(self.end).since(fault.to).as_secs_f64();
        }
        vec![
            (measure::TIME_TO_DETECT, over(detect, n)),
            (measure::DETECTED_SHARE, over(detected, n)),
            (measure::TIME_TO_RECOVER, over(recover, m)),
            (measure::RECOVERED_SHARE, over(recovered, m)),
        ]
    }

    /// From one instant to the next at which anything changes, between which all is constant.
    fn open_and_load(&self) -> Measured {
        let record = &self.both.record;
        let ends = self.faults.iter().flat_map(|f| [f.from, f.to]);
        let mut edges: Vec<SimTime> = ends
            .chain(record.breaker.iter().map(|b| b.at))
            .chain([SimTime::ZERO, self.end])
            .filter(|at| *at <= self.end)
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let (mut false_open, mut free, mut usual, mut calm) = (0.0, 0.0, 0.0, 0.0);
        let mut beside_time = vec![0.0; usize::from(self.n_models)];
        for span in edges.windows(2) {
            let (at, length) = (span[0], span[1].since(span[0]).as_secs_f64());
            calm += if self.any(at) { 0.0 } else { length };
            for model in self.models().filter(|m| !self.hit(at, *m)) {
                free += length;
                if self.any(at) {
                    beside_time[model.index()] += length;
                }
                if self.opened_at(at, model).is_some_and(|since| !self.hit(since, model)) {
                    false_open += length;
                }
            }
        }
        let counts = |call: &&AttemptRecord| !self.ends_by_time || call.dispatched < self.end;
        let sent = || record.attempts.iter().filter(counts);
        for model in self.models() {
            let calls = sent().filter(|c| c.model == model && !self.any(c.dispatched));
            usual += calls.count() as f64 * beside_time[model.index()];
        }
        let beside =
            sent().filter(|c| self.any(c.dispatched) && !self.hit(c.dispatched, c.model)).count();
        vec![
            (measure::FALSE_OPEN_TIME, over(false_open, free)),
            (measure::SURVIVOR_LOAD, (usual > 0.0).then(|| beside as f64 / (usual / calm))),
        ]
    }

    fn fell(&self) -> Measured {
        // Spans with a fault, those that touch as one.
        let mut spans: Vec<(SimTime, SimTime)> = Vec::new();
        let sorted = self.faults.iter().filter(|f| f.from < f.to).map(|f| (f.from, f.to));
        let mut sorted: Vec<_> = sorted.collect();
        sorted.sort_unstable();
        for (from, to) in sorted {
            match spans.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => spans.push((from, to)),
            }
        }
        spans.retain(|(from, _)| *from < self.end);
        let record = &self.both.record;
        let opened = record.breaker.iter().filter(|b| b.to == BreakerState::Open);
        let is_limit = |outcome| [Outcome::RateLimited, Outcome::QuotaExhausted].contains(&outcome);
        let refused = record.attempts.iter().filter(|call| is_limit(call.response.outcome));
        let fell: Vec<(SimTime, ModelId)> = opened
            .map(|b| (b.at, b.model))
            .chain(refused.map(|call| (ended(call), call.model)))
            .filter(|(at, model)| !self.hit(*at, *model))
            .collect();
        let of_span = |(from, to): &(SimTime, SimTime)| {
            let is_within = |at: SimTime, model, own| model == own && *from <= at && at < *to;
            let models = self
                .models()
                .filter(|own| fell.iter().any(|(at, model)| is_within(*at, *model, *own)));
            models.count() as f64
        };
        let sum: f64 = spans.iter().map(of_span).sum();
        vec![(measure::FELL_AFTER_FIRST, over(sum, spans.len() as f64))]
    }

    /// Requests as they are sent and tokens as they come, by minutes of the clock.
    fn beyond_limits(&self, cell: &Cell) -> Measured {
        let start = cell.world.start.as_nanosecond();
        let minute = |at: SimTime| (start + i128::from(at.0)).div_euclid(60_000_000_000);
        let mut most: Option<f64> = None;
        for (model, limit) in self.models().zip(&cell.stack.ledger.per_minute) {
            let calls = || self.both.record.attempts.iter().filter(|call| call.model == model);
            let sent = calls().map(|call| (minute(call.dispatched), 1));
            let tokens = calls().map(|call| (minute(ended(call)), call.response.tokens()));
            let all: [(Option<u64>, Vec<(i128, u64)>); 2] =
                [(limit.requests, sent.collect()), (limit.tokens, tokens.collect())];
            for (limit, counts) in all {
                let Some(limit) = limit else { continue };
                let mut by_minute = std::collections::BTreeMap::<i128, u64>::new();
                for (minute, n) in counts {
                    *by_minute.entry(minute).or_default() += n;
                }
                let largest = by_minute.into_values().max().unwrap_or(0);
                let beyond = if limit > 0 { largest as f64 / limit as f64 - 1.0 } else { 0.0 };
                most = Some(most.unwrap_or(0.0).max(beyond));
            }
        }
        vec![(measure::LIMIT_OVERSHOOT, most)]
    }

    fn overshoot(&self) -> Measured {
        let of_instant = |(at, quotas): &(SimTime, Vec<Option<QuotaState>>)| {
            let cut = |model| {
                let cuts = self.faults.iter().filter(|f| f.cuts_quota && f.models.contains(model));
                cuts.into_iter().any(|f| f.from <= *at && *at < f.to)
            };
            let all = self.models().zip(quotas).filter_map(|(model, quota)| {
                let QuotaState { used, limit } = quota.filter(|q| q.limit > 0 && !cut(model))?;
                Some((used as f64 / limit as f64 - 1.0).max(0.0))
            });
            all.max_by(f64::total_cmp)
        };
        let most = self.both.quotas.iter().filter_map(of_instant).max_by(f64::total_cmp);
        vec![(measure::QUOTA_OVERSHOOT, most)]
    }
}

/// All measures of resilience, recounted from everything that the run showed.
fn recounted(cell: &Cell, both: &Both, seed: u64) -> Measured {
    let recount = Recount::new(cell, both, seed);
    let (pairs, limits) = (recount.pairs(), recount.beyond_limits(cell));
    [pairs, recount.open_and_load(), recount.fell(), recount.overshoot(), limits].concat()
}

#[test]
fn any_run_recounts_to_the_same() {
    // How often each measure has had a value: a recount of nothing would prove nothing.
    let seen = std::cell::RefCell::new(std::collections::BTreeMap::<&str, u32>::new());
    let tested = TestRunner::new(always(300, 17)).run(&cell(), |cell| {
        let both = run(&cell, 5);
        for (measure, by_hand) in recounted(&cell, &both, 5) {
            assert_close(measure.name, of_run(&both, measure), by_hand);
            let matters = by_hand.is_some_and(|value| value != 0.0);
            *seen.borrow_mut().entry(measure.name).or_default() += u32::from(matters);
        }
        let wasted = |call: &&AttemptRecord| !call.served;
        let unserved: u64 =
            both.record.attempts.iter().filter(wasted).map(|c| c.response.tokens()).sum();
        let all: u64 = both.record.attempts.iter().map(|c| c.response.tokens()).sum();
        if both.record.tasks.iter().all(|task| task.outcome != Outcome::Interrupted) {
            let share = of_run(&both, measure::WASTED_TOKENS_SHARE).unwrap_or(0.0);
            // What a cascade did not trust comes on top.
            assert!(share * all as f64 >= unserved as f64 * (1.0 - 1e-12));
        }
        Ok(())
    });
    tested.unwrap_or_else(|failure| panic!("{failure}"));
    let seen = seen.into_inner();
    assert!(seen.values().all(|n| *n >= 5), "cases seed 17: {seen:?}");
}
