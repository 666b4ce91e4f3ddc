//! The rows of the pool-level detectors: what each does, asserted on the detector itself.

use jiff::Timestamp;
use reflexarc::domain::{BreakerState, ModelSet, Outcome, StackEvent};
use reflexarc::routing::breaker::{CallEnd, Permit, Surroundings, Verdict};
use reflexarc::routing::outlier::{
    EnvoyRule, HeliconeRule, LitellmRule, OutlierRule, Outliers, PortkeyRule,
};
use reflexarc::sim::stream::Streams;
use reflexarc::units::{ModelId, SimDuration, SimTime};

use super::{Cell, Rule};

const A: ModelId = ModelId(0);
const B: ModelId = ModelId(1);

/// A group of models behind a detector.
struct Pool {
    outliers: Outliers,
    log: Vec<StackEvent>,
}

impl Pool {
    fn new(rule: OutlierRule, n: u16) -> Self {
        let group: ModelSet = (0..n).map(ModelId).collect();
        let peers = vec![group; usize::from(n)];
        let streams = Streams::new(1);
        let around = Surroundings { peers, start: Timestamp::UNIX_EPOCH, streams };
        Self { outliers: Outliers::new(&rule, &around), log: Vec::new() }
    }

    /// Sends `n` calls to `model` at `now`, which all end so at once.
    fn calls(&mut self, now: SimTime, n: u32, model: ModelId, outcome: Outcome) {
        for _ in 0..n {
            let permit = self.outliers.acquire(now, model, &mut self.log);
            self.ends(now, model, permit.unwrap_or_default(), outcome);
        }
    }

    fn ends(&mut self, now: SimTime, model: ModelId, permit: Permit, outcome: Outcome) {
        let served = outcome == Outcome::Success;
        let verdict = if served { Verdict::Success } else { Verdict::Failure };
        let end = CallEnd { verdict, outcome, duration: SimDuration::ZERO };
        self.outliers.settle(now, model, permit, end, &mut self.log);
    }

    fn goes_to(&mut self, now: SimTime) {
        while self.outliers.due() <= now {
            let due = self.outliers.due();
            self.outliers.advance(due, &mut self.log);
        }
    }

    fn is_out(&self, now: SimTime, model: ModelId) -> bool {
        self.outliers.refusing(now).contains(model)
    }

    /// No transition of it was to half-open, and there were some.
    fn was_never_half_open(&self) -> bool {
        let states = self.log.iter().filter_map(|event| match event {
            StackEvent::Breaker(event) => Some(event.to),
            _ => None,
        });
        let states: Vec<BreakerState> = states.collect();
        !states.is_empty() && !states.contains(&BreakerState::HalfOpen)
    }
}

fn at(seconds: f64) -> SimTime {
    SimTime(SimDuration::from_secs_f64(seconds).0)
}

fn s(time: SimDuration) -> f64 {
    time.as_secs_f64()
}

fn cell(preset: &'static str, rule: Rule, says: String, source: &'static str) -> Cell {
    Cell { preset, rule, says, source }
}

/// All cells.
pub(crate) fn cells() -> Vec<Cell> {
    [litellm(), envoy(), helicone(), portkey()].into_iter().flatten().collect()
}

fn litellm() -> Vec<Cell> {
    const HANDLERS: &str = "LiteLLM 1.106.2, router_utils/cooldown_handlers.py";
    const CACHE: &str =
        "LiteLLM 1.106.2, router_utils/cooldown_cache.py and caching/in_memory_cache.py";
    let own = LitellmRule::default();
    let fresh = |n| Pool::new(OutlierRule::Litellm(own.clone()), n);
    let percent = 100.0 * own.failure_share;
    let (least, all) = (own.min_requests, own.all_failed_requests);
    let time = s(own.cooldown_time);

    let mut pool = fresh(2);
    pool.calls(at(0.0), 1, A, Outcome::RateLimited);
    assert!(pool.is_out(at(0.0), A));
    let mut pool = fresh(2);
    pool.calls(at(0.0), least, A, Outcome::Success);
    pool.calls(at(0.0), least, A, Outcome::ApiError);
    assert!(!pool.is_out(at(0.0), A), "half is not more than half");
    pool.calls(at(0.0), 1, A, Outcome::ApiError);
    assert!(pool.is_out(at(0.0), A));
    let mut alone = fresh(1);
    alone.calls(at(0.0), all - 1, A, Outcome::ApiError);
    assert!(!alone.is_out(at(0.0), A));
    let opens = format!(
        "a 429 if the group has others; failures > {percent} % of a minute if it has others; a 401; {all} calls of a minute that all failed"
    );

    let mut pool = fresh(2);
    pool.calls(at(0.0), least - 1, A, Outcome::ApiError);
    assert!(!pool.is_out(at(0.0), A));
    // The minute begins with the first failure.
    let minute = s(own.window);
    pool.calls(at(minute + 0.1), 1, A, Outcome::ApiError);
    assert!(!pool.is_out(at(minute + 0.1), A));
    let mut pool = fresh(2);
    pool.calls(at(0.0), least - 1, A, Outcome::ApiError);
    pool.calls(at(minute - 0.1), 1, A, Outcome::ApiError);
    assert!(pool.is_out(at(minute - 0.1), A));
    let volume = format!("{least} in {minute} s from the first of its kind; 1 for 429 and 401");

    let mut pool = fresh(2);
    pool.calls(at(1.0), 1, A, Outcome::RateLimited);
    assert!(pool.is_out(at(1.0 + time - 0.001), A) && !pool.is_out(at(1.0 + time), A));
    let open = format!("{time} s, or the Retry-After");
    pool.goes_to(at(1.0 + time));
    assert!(pool.was_never_half_open());

    // The counters of the minute are not touched by a cooldown.
    let mut again = fresh(2);
    again.calls(at(0.0), least, A, Outcome::ApiError);
    again.goes_to(at(time));
    assert!(!again.is_out(at(time), A));
    again.calls(at(time), 1, A, Outcome::ApiError);
    assert!(again.is_out(at(time), A));

    let mut late = fresh(2);
    late.calls(at(0.0), 1, A, Outcome::RateLimited);
    late.ends(at(1.0), A, Permit::default(), Outcome::RateLimited);
    assert!(!late.is_out(at(time), A), "the first end holds");

    let mut both = fresh(2);
    both.calls(at(0.0), 1, A, Outcome::RateLimited);
    both.calls(at(0.0), 1, B, Outcome::RateLimited);
    assert!(both.is_out(at(1.0), A) && both.is_out(at(1.0), B));

    let preset = "litellm";
    vec![
        cell(preset, Rule::OpenCondition, opens, HANDLERS),
        cell(preset, Rule::MinVolume, volume, CACHE),
        cell(preset, Rule::OpenDuration, open, CACHE),
        cell(preset, Rule::OpenToHalfOpen, "by time, at once with its whole traffic".into(), CACHE),
        cell(preset, Rule::Probes, "none".into(), CACHE),
        cell(
            preset,
            Rule::HalfOpenToOpen,
            "no half-open; the minute's counts go on, so that one failure may suffice".into(),
            HANDLERS,
        ),
        cell(
            preset,
            Rule::LateResultWhileOpen,
            "counted; a cooldown does not grow longer (issue 40130)".into(),
            CACHE,
        ),
        cell(
            preset,
            Rule::AllTargetsOpen,
            "refused: \"No deployments available\"".into(),
            "LiteLLM 1.106.2, router.py",
        ),
    ]
}

fn envoy() -> Vec<Cell> {
    const SOURCE: &str = "Envoy 1.31, source/common/upstream/outlier_detection_impl.cc";
    const PANIC: &str = "Envoy, docs, load balancing, panic threshold";
    let own = EnvoyRule::default();
    let fresh = |n| Pool::new(OutlierRule::Envoy(own.clone()), n);
    let row = own.consecutive_5xx;
    let (hosts, volume) = (own.success_rate_minimum_hosts as u16, own.success_rate_request_volume);
    let factor = f64::from(own.success_rate_stdev_factor) / 1000.0;
    let (interval, base) = (s(own.interval), s(own.base_ejection_time));

    let mut pool = fresh(10);
    pool.calls(at(1.0), row - 1, A, Outcome::ApiError);
    pool.calls(at(1.0), 1, A, Outcome::RateLimited);
    pool.calls(at(1.0), row - 1, A, Outcome::ApiError);
    assert!(!pool.is_out(at(1.0), A), "a 429 is a success to it");
    pool.calls(at(1.0), 1, A, Outcome::ApiError);
    assert!(pool.is_out(at(1.0), A));
    let opens = format!(
        "5xx {row} times in a row, at once; in sweeps a success rate below the mean by {factor} standard deviations"
    );

    // One host that fails every second call among others that do not: ejected by the sweep if all have the volume.
    for (n, each, out) in
        [(hosts, volume, true), (hosts, volume - 2, false), (hosts - 1, volume, false)]
    {
        let mut pool = fresh(n);
        for model in (0..n).map(ModelId) {
            for _ in 0..each / 2 {
                let outcome = if model == A { Outcome::ApiError } else { Outcome::Success };
                pool.calls(at(1.0), 1, model, outcome);
                pool.calls(at(1.0), 1, model, Outcome::Success);
            }
        }
        assert!(!pool.is_out(at(interval - 0.1), A));
        pool.goes_to(at(interval));
        assert_eq!(pool.is_out(at(interval), A), out, "{n} hosts with {each} calls");
    }
    let min_volume = format!(
        "for a row none; for success rates {volume} in an interval of {interval} s, on {hosts} hosts"
    );

    let mut pool = fresh(10);
    let mut lasted = Vec::new();
    let mut now = interval;
    for _ in 0..2 {
        pool.calls(at(now), row, A, Outcome::ApiError);
        let back = pool.outliers.passes_from(at(now), A).expect("time alone decides");
        lasted.push(back.as_secs_f64() - now);
        now = back.as_secs_f64();
        pool.goes_to(at(now));
        assert!(!pool.is_out(at(now), A));
    }
    assert_eq!(lasted, [base, 2.0 * base]);
    assert!(pool.was_never_half_open());
    let open = format!(
        "{base} s times its ejections, at most {} s; {} % of a group at once, but one host in any case (to 1.30; since 1.31 a key, off by default)",
        s(own.max_ejection_time),
        own.max_ejection_percent
    );
    let mut small = fresh(2);
    small.calls(at(1.0), row, A, Outcome::ApiError);
    small.calls(at(1.0), row, B, Outcome::ApiError);
    assert!(small.is_out(at(1.0), A) && !small.is_out(at(1.0), B));

    // Back in service it needs a whole row again.
    pool.calls(at(now), row - 1, A, Outcome::ApiError);
    assert!(!pool.is_out(at(now), A));

    let mut late = fresh(10);
    late.calls(at(0.0), row, A, Outcome::ApiError);
    let before = late.outliers.passes_from(at(0.0), A);
    (0..row).for_each(|_| late.ends(at(1.0), A, Permit::default(), Outcome::ApiError));
    assert_eq!(late.outliers.passes_from(at(1.0), A), before);

    let wide = EnvoyRule { max_ejection_percent: 100.0, ..own.clone() };
    let mut pool = Pool::new(OutlierRule::Envoy(wide), 2);
    pool.calls(at(1.0), row, A, Outcome::ApiError);
    assert!(pool.is_out(at(1.0), A), "half is not below half");
    pool.calls(at(1.0), row, B, Outcome::ApiError);
    assert!(!pool.is_out(at(1.0), A) && !pool.is_out(at(1.0), B));
    let panic = format!(
        "below {} % healthy hosts all are called, ejected or not",
        own.healthy_panic_threshold
    );

    let preset = "envoy";
    vec![
        cell(preset, Rule::OpenCondition, opens, SOURCE),
        cell(preset, Rule::MinVolume, min_volume, SOURCE),
        cell(preset, Rule::OpenDuration, open, SOURCE),
        cell(
            preset,
            Rule::OpenToHalfOpen,
            "in the first sweep after its time, with its whole traffic".into(),
            SOURCE,
        ),
        cell(preset, Rule::Probes, "none".into(), SOURCE),
        cell(preset, Rule::HalfOpenToOpen, format!("no half-open; {row} in a row again"), SOURCE),
        cell(
            preset,
            Rule::LateResultWhileOpen,
            "counted; the ejection does not change".into(),
            SOURCE,
        ),
        cell(preset, Rule::AllTargetsOpen, panic, PANIC),
    ]
}

fn helicone() -> Vec<Cell> {
    const MONITOR: &str = "Helicone ai-gateway, discover/monitor/health/provider.rs";
    const COUNTER: &str = "Helicone ai-gateway, metrics/rolling_counter.rs";
    let own = HeliconeRule::default();
    let fresh = || Pool::new(OutlierRule::Helicone(own.clone()), 2);
    let (least, interval, window) = (own.min_requests, s(own.interval), s(own.window));
    let tenth = (own.error_threshold * f64::from(least)) as u32;

    let judged = |good: u32, bad: u32| {
        let mut pool = fresh();
        pool.calls(at(1.0), good, A, Outcome::Success);
        pool.calls(at(1.0), bad, A, Outcome::ApiError);
        assert!(!pool.is_out(at(interval - 0.1), A));
        pool.goes_to(at(interval));
        pool.is_out(at(interval), A)
    };
    assert!(!judged(least - tenth, tenth) && judged(least - tenth - 1, tenth + 1));
    let opens = format!(
        "5xx and broken connections > {} % of the requests, judged every {interval} s",
        100.0 * own.error_threshold
    );
    assert!(!judged(0, least - 1) && judged(0, least));

    let mut pool = fresh();
    pool.calls(at(1.0), least, A, Outcome::ApiError);
    pool.goes_to(at(window - 0.1));
    assert!(pool.is_out(at(window - 0.1), A));
    pool.goes_to(at(window));
    assert!(!pool.is_out(at(window), A) && pool.was_never_half_open());

    // A late success weighs in the share only as a request, which was counted when it was sent.
    let mut late = fresh();
    late.calls(at(1.0), least, A, Outcome::ApiError);
    late.goes_to(at(interval));
    (0..1000).for_each(|_| late.ends(at(interval + 1.0), A, Permit::default(), Outcome::Success));
    late.goes_to(at(2.0 * interval));
    assert!(late.is_out(at(2.0 * interval), A));

    let mut both = fresh();
    both.calls(at(1.0), least, A, Outcome::ApiError);
    both.calls(at(1.0), least, B, Outcome::ApiError);
    both.goes_to(at(interval));
    assert!(both.is_out(at(interval), A) && both.is_out(at(interval), B));

    let preset = "helicone";
    vec![
        cell(preset, Rule::OpenCondition, opens, MONITOR),
        cell(preset, Rule::MinVolume, format!("{least} requests"), MONITOR),
        cell(
            preset,
            Rule::OpenDuration,
            format!("until the counters begin anew, every {window} s from the start"),
            COUNTER,
        ),
        cell(
            preset,
            Rule::OpenToHalfOpen,
            "in the first judgement that finds it well, with its whole traffic".into(),
            MONITOR,
        ),
        cell(preset, Rule::Probes, "none".into(), MONITOR),
        cell(preset, Rule::HalfOpenToOpen, "no half-open; judged like any other".into(), MONITOR),
        cell(
            preset,
            Rule::LateResultWhileOpen,
            "an error counts, a success does not (its request did when sent)".into(),
            MONITOR,
        ),
        cell(preset, Rule::AllTargetsOpen, "nobody is left to call".into(), MONITOR),
    ]
}

fn portkey() -> Vec<Cell> {
    const DOCS: &str = "Portkey, docs, \"Circuit Breaker\", 2026-09";
    let own = PortkeyRule::default();
    let fresh = |own: &PortkeyRule, n| Pool::new(OutlierRule::Portkey(own.clone()), n);
    let least = own.minimum_requests;
    let most = own.failure_threshold_percentage.expect("the example has one");
    let time = s(own.cooldown_interval);
    let allowed = (most / 100.0 * f64::from(least)) as u32;

    let mut pool = fresh(&own, 2);
    pool.calls(at(1.0), least - allowed, A, Outcome::Timeout);
    pool.calls(at(1.0), allowed, A, Outcome::ApiError);
    assert!(!pool.is_out(at(1.0), A), "it has to exceed the percentage");
    pool.calls(at(1.0), 1, A, Outcome::ApiError);
    assert!(pool.is_out(at(1.0), A));
    let counted = PortkeyRule { failure_threshold: Some(2), ..own.clone() };
    let mut by_count = fresh(&counted, 2);
    by_count.calls(at(1.0), 2, A, Outcome::ApiError);
    assert!(!by_count.is_out(at(1.0), A), "it has to exceed the count");
    by_count.calls(at(1.0), 1, A, Outcome::ApiError);
    assert!(by_count.is_out(at(1.0), A));

    let mut few = fresh(&own, 2);
    few.calls(at(1.0), least - 1, A, Outcome::ApiError);
    assert!(!few.is_out(at(1.0), A));

    assert!(pool.is_out(at(1.0 + time - 0.001), A) && !pool.is_out(at(1.0 + time), A));
    let before = pool.outliers.passes_from(at(1.0), A);
    pool.ends(at(2.0), A, Permit::default(), Outcome::ApiError);
    assert_eq!(pool.outliers.passes_from(at(2.0), A), before);
    pool.goes_to(at(1.0 + time));
    assert!(pool.was_never_half_open());
    pool.calls(at(1.0 + time), least - 1, A, Outcome::ApiError);
    assert!(!pool.is_out(at(1.0 + time), A), "the counts begin anew");

    let mut both = fresh(&own, 2);
    both.calls(at(1.0), least, A, Outcome::ApiError);
    both.calls(at(1.0), least, B, Outcome::ApiError);
    assert!(!both.is_out(at(1.0), A) && !both.is_out(at(1.0), B));

    let preset = "portkey";
    vec![
        cell(
            preset,
            Rule::OpenCondition,
            format!(
                "failures (status > 500) exceed a count, or {most} % of its results (the example's numbers)"
            ),
            DOCS,
        ),
        cell(preset, Rule::MinVolume, format!("{least} for the percentage"), DOCS),
        cell(preset, Rule::OpenDuration, format!("{time} s, 30 s or more"), DOCS),
        cell(preset, Rule::OpenToHalfOpen, "by time, with its whole traffic".into(), DOCS),
        cell(preset, Rule::Probes, "none".into(), DOCS),
        cell(
            preset,
            Rule::HalfOpenToOpen,
            "no half-open; the counts begin anew (not documented)".into(),
            DOCS,
        ),
        cell(preset, Rule::LateResultWhileOpen, "ignored (not documented)".into(), DOCS),
        cell(preset, Rule::AllTargetsOpen, "the breaker is bypassed".into(), DOCS),
    ]
}
