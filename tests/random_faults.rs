//! Faults that come at random: their law, their independence, and that a run lives through exactly what was drawn.

mod program;
#[path = "support/means.rs"]
mod means;
#[path = "support/record.rs"]
mod record;
mod support;

use std::collections::BTreeMap;

use means::mean_and_error;
use program::{Desk, OUTAGE, assert_same, files};
use reflexarc::analysis::fit::Law;
use reflexarc::domain::Outcome;
use reflexarc::engine::End;
use reflexarc::math;
use reflexarc::results::column::Table;
use reflexarc::results::manifest::Manifest;
use reflexarc::results::parquet::Rows;
use reflexarc::results::schema::{Faults, Measures, Tasks};
use reflexarc::routing::fallback::{FallbackPlan, Ranking};
use reflexarc::routing::order::OrderRule;
use reflexarc::sim::stream::Streams;
use reflexarc::units::{ModelId, SimDuration, SimTime};
use reflexarc::world::ServiceShape;
use reflexarc::world::conditions::Down;
use reflexarc::world::fault::{Effect, FaultSpec, Target};
use reflexarc::world::random_fault::{CountsFrom, RandomFaultSpec};
use reflexarc::world::workload::WorkloadSpec;

use record::record;
use support::Draft;

const HOUR: f64 = 3600.0;

fn hours(h: f64) -> SimDuration {
    SimDuration::from_secs_f64(h * HOUR)
}

fn at(h: f64) -> SimTime {
    SimTime::ZERO + hours(h)
}

/// An outage of each of `n` models on its own, in a day.
fn outages(n: u16, between_h: f64, duration_h: f64) -> RandomFaultSpec {
    RandomFaultSpec {
        name: "outages".to_owned(),
        effect: Effect::Outage { form: Down::Error },
        sets: (0..n).map(|m| vec![ModelId(m)]).collect(),
        time_between: Law::Exponential { mean: hours(between_h).as_secs_f64() },
        counts_from: CountsFrom::End,
        duration: Law::Exponential { mean: hours(duration_h).as_secs_f64() },
        start: SimTime::ZERO,
        end: SimTime::NEVER,
        last_start: at(24.0),
        kills_in_flight: false,
    }
}

/// What one seed drew, model by model: start and end in hours.
fn by_model(spec: &RandomFaultSpec, seed: u64) -> Vec<Vec<(f64, f64)>> {
    let mut found = vec![Vec::new(); spec.sets.len()];
    for fault in spec.draw(&Streams::new(seed)) {
        let Target::Models(hit) = &fault.target else { panic!("it names its models") };
        for model in hit {
            let hours = |at: SimTime| at.as_secs_f64() / HOUR;
            found[model.index()].push((hours(fault.start), hours(fault.end)));
        }
    }
    found
}

/// Hours below `upto` in which faults last.
fn down(faults: &[(f64, f64)], upto: f64) -> f64 {
    faults.iter().map(|(from, to)| (to.min(upto) - from).max(0.0)).sum()
}

/// The mean lies within 3.9 standard errors: alpha = 1e-4.
fn assert_mean(what: &str, values: &[f64], expected: f64) {
    let (mean, error) = mean_and_error(values);
    assert!(
        (mean - expected).abs() < 3.9 * error,
        "{what}: {mean} +- {error}, theory {expected}, seeds 1..2000"
    );
}

/// Kolmogorov's test at alpha = 1e-4: the critical value of sqrt(n) D is 2.225.
fn assert_law(what: &str, mut values: Vec<f64>, cdf: impl Fn(f64) -> f64) {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let distance = values
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let p = cdf(*x);
            (p - i as f64 / n).abs().max((i as f64 + 1.0) / n - p)
        })
        .fold(0.0, f64::max);
    assert!(distance * n.sqrt() < 2.225, "{what}: D = {distance}, n = {n}, seeds 1..2000");
}

#[test]
fn number_and_time_of_faults_are_those_of_renewal_theory() {
    for (between, duration) in [(5.0, 1.0), (60.0, 1.0 / 3.0), (0.5, 2.0)] {
        let spec = outages(10, between, duration);
        let runs: Vec<_> = (1..=2000).flat_map(|seed| by_model(&spec, seed)).collect();
        let numbers: Vec<f64> = runs.iter().map(|faults| faults.len() as f64).collect();
        let times: Vec<f64> = runs.iter().map(|faults| down(faults, 24.0)).collect();
        // Two states with rates a (calm to fault) and b (back), calm at 0: P(fault at t) = a/(a+b) (1 - e^-(a+b)t), and
        // faults begin at rate a P(calm). The long-run share is a/(a+b) = duration / (between + duration).
        let (a, b, t) = (1.0 / between, 1.0 / duration, 24.0);
        let share = a / (a + b);
        let settled = (1.0 - math::exp(-(a + b) * t)) / (a + b);
        assert!((share - duration / (between + duration)).abs() < 1e-12);
        assert_mean("time in faults", &times, share * (t - settled));
        assert_mean("number", &numbers, a * (t - share * (t - settled)));
        // After 20 hours at most e^-24 of the transient is left, and the plain share stands.
        let late: Vec<f64> =
            runs.iter().map(|faults| down(faults, 24.0) - down(faults, 20.0)).collect();
        assert_mean("long-run share", &late, 4.0 * share);
    }
}

#[test]
fn times_between_faults_and_durations_are_exponential() {
    let (between, duration) = (2.0, 0.5);
    let spec = outages(10, between, duration);
    let runs: Vec<_> = (1..=2000).flat_map(|seed| by_model(&spec, seed)).collect();
    // The first of each kind, so that no run counts more for having had more of them.
    let calm = runs.iter().filter_map(|faults| Some(faults.first()?.0)).collect();
    let known = 1.0 - math::exp(-24.0 / between);
    assert_law("until the first", calm, |x| (1.0 - math::exp(-x / between)) / known);
    let lasts = runs.iter().filter_map(|faults| faults.first().map(|(from, to)| to - from));
    assert_law("duration", lasts.collect(), |x| 1.0 - math::exp(-x / duration));
    // From the end of the first to the start of the second, where at least 16 h are left for it: at most e^-8 are missed.
    let early = runs.iter().filter(|faults| faults.first().is_some_and(|(_, to)| *to < 8.0));
    let gaps =
        early.filter_map(|faults| Some(faults.get(1)?.0 - faults[0].1)).filter(|gap| *gap < 16.0);
    let known = 1.0 - math::exp(-16.0 / between);
    assert_law("between", gaps.collect(), |x| (1.0 - math::exp(-x / between)) / known);
}

#[test]
fn sequences_of_different_models_and_faults_are_independent() {
    let spec = outages(6, 4.0, 2.0);
    let mut other = spec.clone();
    other.name = "brown-outs".to_owned();
    let times: Vec<Vec<f64>> = (1..=2000)
        .map(|seed| {
            let of = |spec| by_model(spec, seed).into_iter().map(|faults| down(&faults, 24.0));
            of(&spec).chain(of(&other)).collect()
        })
        .collect();
    let column = |c: usize| -> Vec<f64> { times.iter().map(|row| row[c]).collect() };
    let n = times.len() as f64;
    for c in 0..12 {
        for d in 0..c {
            let (a, b) = (column(c), column(d));
            let ((mean_a, error_a), (mean_b, error_b)) = (mean_and_error(&a), mean_and_error(&b));
            let products: f64 = a.iter().zip(&b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum();
            let r = products / (n * n * error_a * error_b);
            // sqrt(n) r is nearly standard normal without correlation; 66 pairs at 4.8 sigma: alpha = 1e-4.
            assert!(r.abs() * n.sqrt() < 4.8, "sequences {c} and {d}: r = {r}, seeds 1..2000");
        }
    }
}

#[test]
fn a_set_is_hit_as_one_and_bounds_hold() {
    let mut spec = outages(1, 1.0, 1.0);
    spec.sets = vec![vec![ModelId(0), ModelId(2)], vec![ModelId(1)]];
    (spec.start, spec.end) = (at(3.0), at(9.0));
    let mut n_cut = 0;
    for seed in 1..=200 {
        let drawn = spec.draw(&Streams::new(seed));
        for pair in drawn.windows(2).filter(|pair| pair[0].target == pair[1].target) {
            assert!(pair[0].end < pair[1].start, "one set, one fault at a time");
        }
        for fault in &drawn {
            assert!(at(3.0) < fault.start && fault.start < fault.end && fault.end <= at(9.0));
            n_cut += u32::from(fault.end == at(9.0));
        }
        let sets = [Target::Models(spec.sets[0].clone()), Target::Models(spec.sets[1].clone())];
        assert!(drawn.iter().all(|fault| sets.contains(&fault.target)));
    }
    // Both sets are in a fault at 9 h with probability (1 - e^-12) / 2, so 200 of 400 are cut on average, sd 10.
    assert!((n_cut as f64 - 200.0).abs() < 39.0, "{n_cut} of 400 are cut");
}

/// All that a seed draws of one name.
fn named(
    faults: &[(FaultSpec, Vec<ModelId>)],
    name: &str,
) -> Vec<(SimTime, SimTime, Vec<ModelId>)> {
    let of_it = faults.iter().filter(|(fault, _)| fault.name == name);
    of_it.map(|(fault, hit)| (fault.start, fault.end, hit.clone())).collect()
}

#[test]
fn another_random_fault_moves_no_draw_wherever_it_stands() {
    let mut draft = Draft::new(4);
    draft.world.faults.push(FaultSpec {
        name: "drawn".to_owned(),
        effect: Effect::KeyRevoked,
        target: Target::Draw(2),
        start: at(1.0),
        end: at(2.0),
        ramp: SimDuration::ZERO,
        kills_in_flight: false,
        first_calls: None,
    });
    draft.world.random_faults.push(outages(4, 1.0, 0.2));
    let mut more = draft.world.clone();
    more.random_faults
        .insert(0, RandomFaultSpec { name: "others".to_owned(), ..outages(3, 2.0, 0.1) });
    for seed in 1..=20 {
        let streams = Streams::new(seed);
        let (before, after) = (draft.world.timeline(&streams), more.timeline(&streams));
        for name in ["drawn", "outages"] {
            let drawn = named(before.faults(), name);
            assert!(!drawn.is_empty());
            assert_eq!(drawn, named(after.faults(), name), "{name}, seed {seed}");
        }
        assert_ne!(named(after.faults(), "outages"), named(after.faults(), "others"));
    }
}

#[test]
fn a_call_fails_exactly_while_its_model_has_an_outage() {
    let seed = 42;
    let mut draft = Draft::new(3);
    draft.world.service = ServiceShape::Constant;
    draft.world.random_faults.push(outages(3, 1.0, 0.3));
    draft.workload = WorkloadSpec::FixedInterval { interval: SimDuration::from_secs_f64(7.0) };
    draft.end = End::At(at(24.0));
    let drawn = by_model(&draft.world.random_faults[0], seed);
    let mut found = [0, 0];
    for order in [vec![0, 1, 2], vec![2, 1, 0]] {
        let mut draft = draft.clone();
        draft.stack.order = OrderRule::Static(order.into_iter().map(ModelId).collect());
        draft.stack.fallback = FallbackPlan::Ranked { by: Ranking::Order, max_fallbacks: 2 };
        let (record, _) = record(&draft.build(), seed);
        for call in &record.attempts {
            let began = call.dispatched.as_secs_f64() / HOUR;
            let faults = &drawn[call.model.index()];
            let is_down = faults.iter().any(|(from, to)| *from <= began && began < *to);
            let expected = if is_down { Outcome::ApiError } else { Outcome::Success };
            assert_eq!(
                call.response.outcome, expected,
                "{:?} at {began} h, seed {seed}",
                call.model
            );
            found[usize::from(is_down)] += 1;
        }
    }
    assert!(found.iter().all(|n| *n > 1000), "{found:?}");
}

const RANDOM: &str = "[[random_faults]]\nname = \"short outages\"\neffect = \"outage\"\neach_provider = true\n\
     mean_time_between = \"90min\"\nmean_duration = \"1min\"\nkills_in_flight = true\n\n[stack]\npreset";

/// The test scenario with random faults instead of its own.
fn scenario(rest: &str) -> String {
    let (head, tail) = OUTAGE.split_once("[[faults]]").expect("it has a fault");
    let (_, tail) = tail.split_once("[stack]\npreset").expect("it has a stack");
    format!("{head}{rest}{RANDOM}{tail}")
}

fn results(text: &str, flags: &[&str]) -> Desk {
    let desk = Desk::new();
    desk.write("random.toml", text);
    let said = desk.run(&[&["run", "random.toml", "--quiet", "--out", "o"], flags].concat());
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    desk
}

/// Spans of the table `faults` by seed, of those faults that `matters` names.
fn spans(desk: &Desk, matters: impl Fn(&str) -> bool) -> BTreeMap<u64, Vec<(String, f64, f64)>> {
    let rows = Rows::read(&desk.path("o"), &Faults::DOC).expect("read");
    let (names, models) = (rows.texts("fault").expect("text"), rows.texts("model").expect("text"));
    let numbers = |name| rows.numbers(name).expect("numbers");
    let (seeds, from, to) = (numbers("seed"), numbers("from_s"), numbers("to_s"));
    let mut found: BTreeMap<u64, Vec<(String, f64, f64)>> = BTreeMap::new();
    for at in (0..names.len()).filter(|at| matters(&names[*at])) {
        let span = (models[at].clone(), from[at].expect("a start"), to[at].expect("an end"));
        found.entry(seeds[at].expect("a seed") as u64).or_default().push(span);
    }
    found
}

#[test]
fn measures_over_faults_are_over_what_each_seed_drew() {
    let desk = results(&scenario(""), &["--seeds", "1..12"]);
    let spans = spans(&desk, |_| true);
    let folder = desk.path("o");
    // Tasks that arrive in a span, from tables of their own, by variant and seed.
    let rows = Rows::read(&folder, &Tasks::DOC).expect("read");
    let mut wanted: BTreeMap<(String, u64), f64> = BTreeMap::new();
    let seeds = rows.numbers("seed").expect("numbers");
    let arrived = rows.numbers("arrived_s").expect("numbers");
    for ((variant, seed), at) in
        rows.texts("variant").expect("text").into_iter().zip(seeds).zip(arrived)
    {
        let (seed, at) = (seed.expect("a seed") as u64, at.expect("an arrival"));
        let mut own = spans.get(&seed).into_iter().flatten();
        let inside = own.any(|(_, from, to)| *from <= at && at < *to);
        *wanted.entry((variant, seed)).or_default() += f64::from(u8::from(inside));
    }
    let rows = Rows::read(&folder, &Measures::DOC).expect("read");
    let texts = |name| rows.texts(name).expect("text");
    let (variants, levels) = (texts("variant"), texts("level"));
    let (windows, measures) = (texts("window"), texts("measure"));
    let (seeds, values) = (rows.numbers("seed").expect("n"), rows.numbers("value").expect("n"));
    let mut n_quiet = 0;
    for at in 0..variants.len() {
        if (windows[at].as_str(), levels[at].as_str()) != ("faults", "all") {
            continue;
        }
        let n = wanted[&(variants[at].clone(), seeds[at].expect("a seed") as u64)];
        match measures[at].as_str() {
            "tasks" => assert_eq!(values[at], Some(n)),
            "availability" => assert_eq!(values[at].is_none(), n == 0.0),
            _ => {}
        }
        n_quiet += u32::from(n == 0.0);
    }
    // Nine sequences of 20 min at 90 min between: e^-2 of the seeds meet no fault, and a mean leaves them out.
    assert!(n_quiet > 0, "every seed had a fault, so nothing is shown of one without");
    let manifest = Manifest::read(&folder).expect("read");
    let random = &manifest.blocks[0].random_faults;
    assert_eq!((random.len(), random[0].sets.len(), random[0].mean_duration_s), (1, 9, 60.0));
    let summary = std::fs::read_to_string(folder.join("summary.md")).expect("read");
    let wanted = "- short outages (outage): each provider on its own (Groq with Groq-Extended); on average 1 min long \
                  and 1.5 h apart, 1.1 % of the time\n";
    assert!(summary.contains(wanted), "{summary}");
}

#[test]
fn bytes_follow_from_scenario_and_seed_alone() {
    let text = scenario("");
    let one = files(&results(&text, &["--threads", "1"]).path("o"));
    assert_same(&one, &files(&results(&text, &["--threads", "3"]).path("o")));
}

#[test]
fn a_fault_that_does_nothing_changes_nothing() {
    let idle = "[[random_faults]]\nname = \"idle\"\neffect.slow_down = { factor = 1 }\neach_model = true\n\
         mean_time_between = \"5min\"\nmean_duration = \"5min\"\n\n";
    let (before, after) = (results(&scenario(""), &[]), results(&scenario(idle), &[]));
    let outages = |name: &str| name != "idle";
    assert_eq!(spans(&before, outages), spans(&after, outages));
    assert!(spans(&after, |name| name == "idle").len() == 2, "each seed has drawn some");
    for table in ["tasks", "attempts", "fallbacks", "breaker"] {
        let of = |desk: &Desk| files(&desk.path("o").join(table));
        assert_same(&of(&before), &of(&after));
    }
}

#[test]
fn charts_of_one_seed_show_what_it_drew_and_those_of_more_do_not() {
    let text = scenario("");
    for (seeds, shown) in [("2", true), ("1..2", false)] {
        let desk = results(&text, &["--seeds", seeds]);
        assert!(spans(&desk, |_| true).contains_key(&2), "seed 2 has drawn none");
        for round in ["as run", "drawn again"] {
            for chart in ["learning-curve", "availability", "token-use"] {
                let path = desk.path("o").join(format!("charts/{chart}.svg"));
                let svg = std::fs::read_to_string(path).expect("read");
                assert_eq!(svg.contains("short outages"), shown, "{chart} of {seeds}, {round}");
            }
            desk.done(&["report", "o"]);
        }
    }
}
