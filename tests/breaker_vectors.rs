//! Breakers against recordings of the real libraries under a fake clock, step for step: every answer, every state, and
//! every figure that the library shows.

use std::io::Read;

use flate2::read::GzDecoder;
use reflexarc::domain::{BreakerState, Outcome};
use reflexarc::routing::breaker::{
    Accrual, BreakerRule, Classes, CockatielRule, Consecutive, DeadTime, FailsafeGoRule,
    FailsafeRsRule, HalfOpenAfter, Interval, OpossumRule, Permit, PurgatoryRule, PybreakerRule,
    RecloserRule, Resilience4jRule, SuccessRate, Synchronization, Trip, Verdict, WindowType,
};
use reflexarc::units::{SimDuration, SimTime};
use serde_json::Value;

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "support/one_breaker.rs"]
mod one_breaker;

use one_breaker::{MODEL, OneBreaker};

fn millis(n: u64) -> SimDuration {
    SimDuration(n * 1_000_000)
}

fn file(name: &str) -> Value {
    let path = format!("{}/tests/vectors/breakers/{name}.json.gz", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).expect("it is gzipped text");
    serde_json::from_str(&text).expect("it is JSON")
}

/// A breaker of one model that is fed the rows of a case.
struct Replay {
    breaker: OneBreaker,
    permits: Vec<Option<Permit>>,
    ignored: Verdict,
    /// Figures that were compared.
    compared: usize,
}

impl Replay {
    fn new(rule: &BreakerRule, config: &Value, ignored: Verdict) -> Self {
        let start = config["clockStartEpochMs"].as_i64().unwrap_or(1_700_000_000_000);
        let breaker = OneBreaker::starting(rule, start);
        Self { breaker, permits: Vec::new(), ignored, compared: 0 }
    }

    fn acquire(&mut self, now: SimTime, call: usize) -> bool {
        let permit = self.breaker.acquire(now);
        self.permits.resize(self.permits.len().max(call + 1), None);
        self.permits[call] = permit;
        permit.is_some()
    }

    fn settle(&mut self, now: SimTime, call: usize, op: &str, duration: SimDuration) {
        let verdict = match op.strip_prefix("late_").unwrap_or(op) {
            "success" | "unrecorded_error" => Verdict::Success,
            "failure" => Verdict::Failure,
            "ignore" => self.ignored,
            other => panic!("an op {other}"),
        };
        let permit = self.permits[call].expect("it was let pass");
        self.breaker.end(now, permit, verdict, duration);
    }
}

/// A state in whichever spelling.
fn state(text: &str) -> BreakerState {
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    match letters.to_lowercase().as_str() {
        "closed" => BreakerState::Closed,
        "open" | "opened" => BreakerState::Open,
        "halfopen" | "halfopened" => BreakerState::HalfOpen,
        other => panic!("a state {other}"),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_bool().map(|b| if b { 1.0 } else { 0.0 }))
}

/// What stands beside a row that differs; `None` if all of it is as recorded.
fn differs(replay: &mut Replay, now: SimTime, columns: &[String], row: &[Value]) -> Option<String> {
    let wanted = state(row[5].as_str().expect("a state"));
    let found = replay.breaker.state(now);
    if found != wanted {
        return Some(format!("state {found:?}"));
    }
    let figures = replay.breaker.breakers.figures(now, MODEL);
    for (column, value) in columns.iter().zip(row).skip(6) {
        let figure = figures.iter().find(|(name, _)| name == column);
        let (Some((_, figure)), Some(wanted)) = (figure, number(value)) else { continue };
        replay.compared += 1;
        // Java's floats are written in their shortest form.
        let equal =
            *figure == wanted || *figure as f32 == wanted as f32 && column.ends_with("rate");
        if !equal {
            return Some(format!("{column} {figure}"));
        }
    }
    None
}

/// Replays every case of a file; says how many steps and figures were compared.
fn replay(name: &str, rule: impl Fn(&Value) -> (BreakerRule, Verdict)) -> (usize, usize) {
    let file = file(name);
    let columns: Vec<String> = file["step_columns"]
        .as_array()
        .expect("columns")
        .iter()
        .map(|c| c.as_str().expect("a name").to_owned())
        .collect();
    let cases = file["cases"].as_array().expect("cases");
    let (mut steps, mut figures, mut wrong) = (0, 0, Vec::new());
    for case in cases {
        let config = &case["config"];
        let (rule, ignored) = rule(config);
        let mut replay = Replay::new(&rule, config, ignored);
        let rows: Vec<&Vec<Value>> =
            case["steps"].as_array().expect("steps").iter().filter_map(Value::as_array).collect();
        steps += rows.len();
        for (at, row) in rows.iter().enumerate() {
            if let Some(found) = step(&mut replay, &columns, &rows, at) {
                let (name, seed) = (&case["name"], &case["seed"]);
                wrong.push(format!("{name} seed {seed} step {at} {row:?}: {found}"));
                break;
            }
        }
        figures += replay.compared;
    }
    assert!(
        wrong.is_empty(),
        "{name}, {} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    (steps, figures)
}

/// One row; what is found where it differs.
fn step(
    replay: &mut Replay,
    columns: &[String],
    rows: &[&Vec<Value>],
    at: usize,
) -> Option<String> {
    let row = rows[at];
    let millisecond = row[0].as_u64().expect("a time");
    let now = SimTime(millisecond * 1_000_000);
    replay.breaker.state(now);
    let call = row[2].as_u64().map_or(0, |n| usize::try_from(n).expect("a small number"));
    match row[1].as_str().expect("an op") {
        // Timers of the library's own have fired.
        "init" | "probe" | "timeout" => {}
        "acquire" => {
            let passed = replay.acquire(now, call);
            let wanted = row[4].as_bool().unwrap_or(false);
            if passed != wanted {
                return Some(format!("permitted {passed}"));
            }
        }
        // Done with the result that let it run.
        "resume" => {}
        op => {
            replay.settle(now, call, op, millis(row[3].as_u64().expect("a duration")));
            if let Some(found) = resume(replay, now, rows, at) {
                return Some(found);
            }
        }
    }
    // Of several timers at one instant only the last shows what all of them made.
    let more = rows.get(at + 1).is_some_and(|next| next[0] == row[0] && next[1] == "timeout");
    if more { None } else { differs(replay, now, columns, row) }
}

/// Calls that waited for the end of a test call ask again before anyone sees the state.
fn resume(replay: &mut Replay, now: SimTime, rows: &[&Vec<Value>], at: usize) -> Option<String> {
    for row in rows[at + 1..].iter().take_while(|row| row[1] == "resume") {
        let call = row[2].as_u64().expect("a call") as usize;
        let passed = replay.acquire(now, call);
        if passed != row[4].as_bool().unwrap_or(false) {
            return Some(format!("{row:?} permitted {passed}"));
        }
    }
    None
}

fn whole(config: &Value, key: &str, default: u32) -> u32 {
    config[key].as_u64().map_or(default, |n| u32::try_from(n).expect("a small number"))
}

fn span(config: &Value, key: &str, default: SimDuration) -> SimDuration {
    config[key].as_u64().map_or(default, millis)
}

fn resilience4j(config: &Value) -> (BreakerRule, Verdict) {
    let known = Resilience4jRule::default();
    let wait = match config["waitIntervalFunction"].as_str().expect("a function") {
        "fixed" => Interval::Fixed(span(config, "waitDurationInOpenStateMs", SimDuration::ZERO)),
        text => {
            let parts: Vec<&str> = text.split(':').collect();
            let whole = |at: usize| millis(parts[at].parse().expect("milliseconds"));
            let multiplier = parts[2].parse().expect("a number");
            Interval::Exponential { initial: whole(1), multiplier, max: whole(3) }
        }
    };
    let percent = |key: &str| config[key].as_f64().expect("a percentage") as f32;
    let rule = Resilience4jRule {
        sliding_window_type: match config["slidingWindowType"].as_str() {
            Some("TIME_BASED") => WindowType::TimeBased,
            _ => WindowType::CountBased,
        },
        sliding_window_size: whole(config, "slidingWindowSize", 0),
        minimum_number_of_calls: whole(config, "minimumNumberOfCalls", 0),
        failure_rate_threshold: percent("failureRateThreshold"),
        slow_call_rate_threshold: percent("slowCallRateThreshold"),
        slow_call_duration_threshold: span(
            config,
            "slowCallDurationThresholdMs",
            SimDuration::ZERO,
        ),
        permitted_in_half_open: whole(config, "permittedNumberOfCallsInHalfOpenState", 0),
        wait_in_open: wait,
        automatic_transition: config["automaticTransitionFromOpenToHalfOpenEnabled"] == true,
        max_wait_in_half_open: span(config, "maxWaitDurationInHalfOpenStateMs", SimDuration::ZERO),
        after_max_wait: state(config["transitionToStateAfterWaitDuration"].as_str().expect("one")),
        synchronization: match config["slidingWindowSynchronizationStrategy"].as_str() {
            Some("LOCK_FREE") => Synchronization::LockFree,
            _ => Synchronization::Synchronized,
        },
        initial_state: state(config["initialState"].as_str().expect("a state")),
        classes: known.classes,
    };
    (BreakerRule::Resilience4j(rule), Verdict::Ignored)
}

/// The arguments of a call such as `WithFailureThresholdRatio(5,10)`.
fn arguments(call: &str) -> (&str, Vec<f64>) {
    let (name, rest) = call.split_once('(').unwrap_or((call, ""));
    let inner = rest.trim_end_matches(')');
    let parts = inner.split(',').filter(|part| !part.is_empty());
    (name, parts.map(|part| part.trim().parse().expect("a number")).collect())
}

fn failsafe_go(config: &Value) -> (BreakerRule, Verdict) {
    let mut rule = FailsafeGoRule::default();
    let calls = config["builder"].as_array().expect("calls");
    let executor = calls.iter().any(|call| call == "API_executor");
    for call in calls.iter().filter_map(Value::as_str) {
        let (name, arguments) = arguments(call);
        let n = |at: usize| arguments[at] as u32;
        let span = |at: usize| millis(arguments[at] as u64);
        match name {
            "API_executor" => {}
            "WithFailureThreshold" => {
                (rule.failure_threshold, rule.failure_capacity) = (n(0), n(0));
            }
            "WithFailureThresholdRatio" => {
                (rule.failure_threshold, rule.failure_capacity) = (n(0), n(1));
            }
            "WithFailureThresholdPeriod" => {
                (rule.failure_threshold, rule.failure_capacity) = (n(0), n(0));
                (rule.failure_executions, rule.failure_period) = (n(0), Some(span(1)));
            }
            "WithFailureRateThreshold" => {
                rule.failure_rate = Some(arguments[0]);
                (rule.failure_executions, rule.failure_period) = (n(1), Some(span(2)));
            }
            "WithSuccessThreshold" => {
                (rule.success_threshold, rule.success_capacity) = (n(0), n(0));
            }
            "WithSuccessThresholdRatio" => {
                (rule.success_threshold, rule.success_capacity) = (n(0), n(1));
            }
            "WithDelay" => rule.delay = span(0),
            // Only the executor asks the function.
            "WithDelayFunc_500ms_x_n" => rule.delay_step = executor.then_some(millis(500)),
            other => panic!("a builder call {other}"),
        }
    }
    (BreakerRule::FailsafeGo(rule), Verdict::Ignored)
}

fn opossum(config: &Value) -> (BreakerRule, Verdict) {
    let known = OpossumRule::default();
    let options = &config["options"];
    let rule = OpossumRule {
        timeout: match &options["timeout"] {
            Value::Null => known.timeout,
            Value::Bool(_) => None,
            timeout => Some(millis(timeout.as_u64().expect("milliseconds"))),
        },
        reset_timeout: span(options, "resetTimeout", known.reset_timeout),
        error_threshold_percentage: options["errorThresholdPercentage"]
            .as_f64()
            .unwrap_or(known.error_threshold_percentage),
        rolling_count_timeout: span(options, "rollingCountTimeout", known.rolling_count_timeout),
        rolling_count_buckets: whole(options, "rollingCountBuckets", known.rolling_count_buckets),
        volume_threshold: whole(options, "volumeThreshold", 0),
        capacity: options["capacity"].as_u64().map(|n| u32::try_from(n).expect("a small number")),
        allow_warm_up: options["allowWarmUp"] == true,
        classes: known.classes,
    };
    let filtered = options["errorFilter"] == "ignored";
    (BreakerRule::Opossum(rule), if filtered { Verdict::Ignored } else { Verdict::Failure })
}

fn seconds(arguments: &Value, key: &str, default: SimDuration) -> SimDuration {
    arguments[key].as_f64().map_or(default, |s| millis((s * 1e3).round() as u64))
}

fn pybreaker(config: &Value) -> (BreakerRule, Verdict) {
    let known = PybreakerRule::default();
    let arguments = &config["args"];
    let rule = PybreakerRule {
        fail_max: whole(arguments, "fail_max", known.fail_max),
        reset_timeout: seconds(arguments, "reset_timeout", known.reset_timeout),
        success_threshold: whole(arguments, "success_threshold", known.success_threshold),
        classes: known.classes,
    };
    let excluded = arguments["exclude"].is_string();
    (BreakerRule::Pybreaker(rule), if excluded { Verdict::Ignored } else { Verdict::Failure })
}

fn cockatiel(config: &Value) -> (BreakerRule, Verdict) {
    let breaker = &config["breaker"];
    let real = |key: &str| breaker[key].as_f64().expect("a number");
    let trip = match breaker["type"].as_str().expect("a type") {
        "ConsecutiveBreaker" => Trip::Consecutive { threshold: whole(breaker, "threshold", 0) },
        "CountBreaker" => {
            let size = whole(breaker, "size", 0);
            let minimum_number_of_calls = whole(breaker, "minimumNumberOfCalls", size);
            Trip::Count { threshold: real("threshold"), size, minimum_number_of_calls }
        }
        "SamplingBreaker" => Trip::Sampling {
            threshold: real("threshold"),
            duration: span(breaker, "duration", SimDuration::ZERO),
            minimum_rps: breaker["minimumRps"].as_f64(),
        },
        other => panic!("a breaker {other}"),
    };
    let after = &config["halfOpenAfter"];
    let half_open_after = match after["type"].as_str().expect("a type") {
        "constant" => HalfOpenAfter::List(vec![span(after, "ms", SimDuration::ZERO)]),
        "iterable" => {
            let spans = after["ms"].as_array().expect("a list").iter();
            HalfOpenAfter::List(spans.map(|ms| millis(ms.as_u64().expect("ms"))).collect())
        }
        "exponential_nojitter" => HalfOpenAfter::Exponential {
            initial: span(after, "initialDelay", millis(128)),
            exponent: after["exponent"].as_f64().unwrap_or(2.0),
            max: span(after, "maxDelay", millis(30_000)),
        },
        other => panic!("a backoff {other}"),
    };
    let classes = CockatielRule::default().classes;
    let rule = CockatielRule { breaker: trip, half_open_after, classes };
    (BreakerRule::Cockatiel(rule), Verdict::Ignored)
}

fn purgatory(config: &Value) -> (BreakerRule, Verdict) {
    let known = PurgatoryRule::default();
    let arguments = &config["args"];
    let rule = PurgatoryRule {
        threshold: whole(arguments, "default_threshold", known.threshold),
        ttl: seconds(arguments, "default_ttl", known.ttl),
        classes: known.classes,
    };
    let excluded = arguments["exclude"].is_string();
    (BreakerRule::Purgatory(rule), if excluded { Verdict::Ignored } else { Verdict::Failure })
}

fn dead_time(parts: &mut std::str::Split<'_, char>) -> DeadTime {
    let kind = parts.next();
    let mut whole = || {
        let seconds: u64 = parts.next().expect("a time").parse().expect("whole seconds");
        millis(1000 * seconds)
    };
    match kind {
        Some("constant") => DeadTime::Constant(whole()),
        Some("exponential") => DeadTime::Exponential { start: whole(), max: whole() },
        other => panic!("a backoff {other:?}"),
    }
}

/// `consecutive:N:<backoff>`, `rate:required:min_requests:window_s:<backoff>`, `or:` both.
fn failsafe_rs(config: &Value) -> (BreakerRule, Verdict) {
    let mut parts = config["policy"].as_str().expect("a policy").split(':');
    let mut policy = Accrual { success_rate: None, consecutive: None };
    let kind = parts.next().expect("a kind");
    if kind != "consecutive" {
        policy.success_rate = Some(SuccessRate {
            required: parts.next().expect("a share").parse().expect("a number"),
            min_requests: parts.next().expect("a number").parse().expect("a number"),
            window: millis(1000 * parts.next().expect("a time").parse::<u64>().expect("seconds")),
            dead: dead_time(&mut parts),
        });
    }
    if kind != "rate" {
        policy.consecutive = Some(Consecutive {
            failures: parts.next().expect("a number").parse().expect("a number"),
            dead: dead_time(&mut parts),
        });
    }
    let classes = FailsafeRsRule::default().classes;
    (BreakerRule::FailsafeRs(FailsafeRsRule { policy, classes }), Verdict::Failure)
}

fn recloser(config: &Value) -> (BreakerRule, Verdict) {
    let known = RecloserRule::default();
    let builder = &config["builder"];
    let rate =
        |key: &str| builder[key].as_f64().or(builder["error_rate"].as_f64()).map(|r| r as f32);
    let doubles = builder["strategy"] == "double_cap8";
    let rule = RecloserRule {
        error_rate_closed: rate("error_rate_closed").unwrap_or(known.error_rate_closed),
        error_rate_half_open: rate("error_rate_half_open").unwrap_or(known.error_rate_half_open),
        closed_len: whole(builder, "closed_len", known.closed_len),
        half_open_len: whole(builder, "half_open_len", known.half_open_len),
        open_wait: span(builder, "open_wait", known.open_wait),
        reopen_factor: if doubles { 2 } else { 1 },
        ..known
    };
    let filtered = builder["predicate"] == "ignored";
    (BreakerRule::Recloser(rule), if filtered { Verdict::Ignored } else { Verdict::Failure })
}

#[test]
fn resilience4j_does_as_recorded() {
    assert_eq!(replay("resilience4j", resilience4j), (13356, 80136));
}

#[test]
fn failsafe_go_does_as_recorded() {
    assert_eq!(replay("failsafe-go", failsafe_go), (8031, 48186));
}

#[test]
fn opossum_does_as_recorded() {
    assert_eq!(replay("opossum", opossum), (5497, 43936));
}

#[test]
fn cockatiel_does_as_recorded() {
    assert_eq!(replay("cockatiel", cockatiel), (10089, 16798));
}

#[test]
fn pybreaker_does_as_recorded() {
    assert_eq!(replay("pybreaker", pybreaker), (6384, 12768));
}

#[test]
fn purgatory_does_as_recorded() {
    assert_eq!(replay("purgatory", purgatory), (3358, 2673));
}

#[test]
fn failsafe_rs_does_as_recorded() {
    assert_eq!(replay("failsafe-rs", failsafe_rs), (5365, 0));
}

#[test]
fn recloser_does_as_recorded() {
    assert_eq!(replay("recloser", recloser), (5448, 0));
}

/// A caller's cancellation is not the model's failure where a library can tell.
#[test]
fn cancelled_calls_are_no_failures_by_default() {
    assert_eq!(Classes::UNSERVED.verdict(Outcome::Cancelled, false), Verdict::Ignored);
    assert_eq!(Classes::UNSERVED.verdict(Outcome::ApiError, false), Verdict::Failure);
    assert_eq!(Classes::UNSERVED.verdict(Outcome::Success, true), Verdict::Success);
}
