//! Faults by laws with memory and heavy tails: held against renewal theory, and the shipped year against the minutes of
//! outage that its services reported.

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;
#[path = "support/means.rs"]
mod means;

use std::path::Path;

use means::mean_and_error;
use program::{Desk, OUTAGE};
use reflexarc::analysis::fit::Law;
use reflexarc::math;
use reflexarc::scenario;
use reflexarc::sim::stream::Streams;
use reflexarc::units::{ModelId, SimDuration, SimTime};
use reflexarc::world::conditions::Down;
use reflexarc::world::fault::{Effect, Target};
use reflexarc::world::random_fault::{CountsFrom, RandomFaultSpec};

const HOUR_S: f64 = 3600.0;

fn at(hours: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(hours * HOUR_S)
}

/// Weibull, gamma, lognormal and Lomax of a mean in hours, as laws of seconds.
fn laws(mean_h: f64) -> [Law; 4] {
    let mean_s = mean_h * HOUR_S;
    // G(1 + 1/0.7) = 1.2658235 and exp(0.5) are the means at scale 1.
    [
        Law::Weibull { shape: 0.7, scale: mean_s / math::exp(math::ln_gamma(1.0 + 1.0 / 0.7)) },
        Law::Gamma { shape: 0.6, scale: mean_s / 0.6 },
        Law::Lognormal { mu: math::ln(mean_s) - 0.5, sigma: 1.0 },
        Law::Lomax { shape: 3.0, scale: mean_s * 2.0 },
    ]
}

fn spec(time_between: Law, counts_from: CountsFrom, duration: Law, upto_h: f64) -> RandomFaultSpec {
    RandomFaultSpec {
        name: "outages".to_owned(),
        effect: Effect::Outage { form: Down::Error },
        sets: vec![vec![ModelId(0)]],
        time_between,
        counts_from,
        duration,
        start: SimTime::ZERO,
        end: SimTime::NEVER,
        last_start: at(upto_h),
        kills_in_flight: false,
    }
}

/// Start and end of each fault of a seed, in hours.
fn drawn(spec: &RandomFaultSpec, seed: u64) -> Vec<(f64, f64)> {
    let hours = |at: SimTime| at.as_secs_f64() / HOUR_S;
    spec.draw(&Streams::new(seed)).iter().map(|f| (hours(f.start), hours(f.end))).collect()
}

/// Share of the time from `from` to `upto` in which at least one fault lasts.
fn share(faults: &[(f64, f64)], from: f64, upto: f64) -> f64 {
    let (mut covered, mut reached) = (0.0, from);
    for (start, end) in faults {
        let end = end.min(upto);
        covered += (end - start.max(reached)).max(0.0);
        reached = reached.max(end);
    }
    covered / (upto - from)
}

/// The mean lies within 3.3 standard errors: alpha = 0.001.
fn assert_mean(what: &str, values: &[f64], expected: f64) {
    let (mean, error) = mean_and_error(values);
    assert!(
        (mean - expected).abs() < 3.3 * error,
        "{what}: {mean} +- {error}, theory {expected}, seeds 1..400"
    );
}

#[test]
fn the_long_run_share_of_alternating_times_is_that_of_their_means() {
    // E[duration] / (E[between] + E[duration]), whatever the laws (Cox 1962, 7.2); the start is forgotten after 500 h, 80
    // cycles.
    let (from, upto) = (500.0, 1500.0);
    for between in laws(5.0) {
        for duration in laws(1.2) {
            let spec = spec(between, CountsFrom::End, duration, upto);
            let runs: Vec<_> = (1..=400).map(|seed| drawn(&spec, seed)).collect();
            let shares: Vec<f64> = runs.iter().map(|run| share(run, from, upto)).collect();
            let what = format!("{between:?}, {duration:?}");
            assert_mean(&what, &shares, 1.2 / 6.2);
            let late = |run: &Vec<(f64, f64)>| run.iter().filter(|f| f.0 >= from).count() as f64;
            let numbers: Vec<f64> = runs.iter().map(late).collect();
            assert_mean(&what, &numbers, spec.expected_number() * (upto - from) / upto);
            assert!((spec.expected_number() - upto / 6.2).abs() < 1e-9);
            assert!(runs.iter().flat_map(|run| run.windows(2)).all(|w| w[0].1 < w[1].0));
        }
    }
}

#[test]
fn starts_that_do_not_wait_come_at_their_own_rate_and_overlap() {
    let (from, upto) = (500.0, 1500.0);
    for between in laws(5.0) {
        let spec = spec(between, CountsFrom::Start, laws(3.0)[2], upto);
        let late = |seed| drawn(&spec, seed).iter().filter(|f| f.0 >= from).count() as f64;
        let numbers: Vec<f64> = (1..=400).map(late).collect();
        assert_mean(&format!("{between:?}"), &numbers, 200.0);
        assert!((spec.expected_number() - 300.0).abs() < 1e-9);
    }
    // Exponential starts: 1 - exp(-E[duration] / E[between]) of the time something lasts, whatever the law of durations
    // (the busy servers of M/G/infinity are Poisson: Takacs, *Introduction to the Theory of Queues*, 1962).
    for duration in laws(3.0) {
        let between = Law::Exponential { mean: 5.0 * HOUR_S };
        let spec = spec(between, CountsFrom::Start, duration, upto);
        let runs = (1..=400).map(|seed| share(&drawn(&spec, seed), from, upto));
        let expected = 1.0 - math::exp(-3.0 / 5.0);
        assert_mean(&format!("{duration:?}"), &runs.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn times_follow_their_laws() {
    // The first time, the first duration and the second time of 2000 seeds; Kolmogorov's test at alpha = 0.001: the critical
    // value of sqrt(n) D is 1.949. The run is long enough to hold two faults always.
    for (between, duration) in laws(5.0).into_iter().zip(laws(1.0)) {
        let between_starts = spec(between, CountsFrom::Start, duration, 1e6);
        let cut = RandomFaultSpec { last_start: at(2000.0), ..between_starts };
        let runs: Vec<_> = (1..=2000).map(|seed| drawn(&cut, seed)).collect();
        let of = |time: fn(&[(f64, f64)]) -> f64| -> Vec<f64> {
            runs.iter().map(|run| HOUR_S * time(run)).collect()
        };
        for (what, law, mut values) in [
            ("first", between, of(|run| run[0].0)),
            ("second", between, of(|run| run[1].0 - run[0].0)),
            ("duration", duration, of(|run| run[0].1 - run[0].0)),
        ] {
            values.sort_by(f64::total_cmp);
            let n = values.len() as f64;
            let distance = values.iter().enumerate().fold(0.0_f64, |found, (i, x)| {
                let p = law.cdf(*x);
                found.max(p - i as f64 / n).max((i as f64 + 1.0) / n - p)
            });
            assert!(
                distance * n.sqrt() < 1.949,
                "{what} of {law:?}: D = {distance}, seeds 1..2000"
            );
        }
    }
}

const HEAVY: &str = "[[random_faults]]
name = \"heavy\"
effect = \"outage\"
each_model = true
time_between_starts.weibull = { mean = \"5min\", shape = 0.7 }
duration.lognormal = { mean = \"1min\", sigma = 1.2 }

";

fn faults_of(text: &str) -> Vec<RandomFaultSpec> {
    let desk = Desk::new();
    desk.write("x.toml", text);
    let read =
        scenario::read(&desk.path("x.toml"), false).unwrap_or_else(|report| panic!("{report}"));
    read.blocks[0].world.random_faults.clone()
}

fn with(faults: &str) -> String {
    OUTAGE.replacen("[[faults]]", &format!("{faults}[[faults]]"), 1)
}

/// All that a seed draws of one fault.
fn all_of(faults: &[RandomFaultSpec], name: &str, seed: u64) -> Vec<(SimTime, SimTime, Target)> {
    let own = faults.iter().filter(|fault| fault.name == name);
    let drawn = own.flat_map(|fault| fault.draw(&Streams::new(seed)));
    drawn.map(|fault| (fault.start, fault.end, fault.target)).collect()
}

#[test]
fn a_mean_alone_is_an_exponential_law_and_a_fault_beside_it_moves_nothing() {
    let plain = "[[random_faults]]\nname = \"plain\"\neffect = \"outage\"\neach_model = true\n\
         mean_time_between = \"5min\"\nmean_duration = \"10s\"\n\n";
    let named = plain
        .replacen("mean_time_between = \"5min\"", "time_between.exponential.mean = \"5min\"", 1)
        .replacen("mean_duration = \"10s\"", "duration.exponential = { mean = \"10s\" }", 1);
    let (alone, named) = (faults_of(&with(plain)), faults_of(&with(&named)));
    let (both, heavy) = (faults_of(&with(&format!("{HEAVY}{plain}"))), faults_of(&with(HEAVY)));
    for seed in 1..=20 {
        let drawn = all_of(&alone, "plain", seed);
        assert!(!drawn.is_empty());
        assert_eq!(drawn, all_of(&named, "plain", seed), "seed {seed}");
        assert_eq!(drawn, all_of(&both, "plain", seed), "seed {seed}");
        assert_eq!(all_of(&heavy, "heavy", seed), all_of(&both, "heavy", seed), "seed {seed}");
    }
}

#[test]
fn the_summary_names_the_laws() {
    let desk = Desk::new();
    desk.write("x.toml", &with(HEAVY));
    desk.done(&["run", "x.toml", "--quiet", "--out", "o"]);
    let summary = std::fs::read_to_string(desk.path("o/summary.md")).expect("read");
    let wanted = "- heavy (outage): each model on its own; on average 1 min long, one starts every 5 min \
         (between: weibull, shape 0.7; duration: lognormal, sigma 1.2)\n";
    assert!(summary.contains(wanted), "{summary}");
}

#[test]
fn a_mistake_in_a_law_is_one_problem_at_its_place() {
    let good = with(HEAVY);
    let desk = Desk::new();
    desk.write("x.toml", &good);
    desk.done(&["check", "x.toml"]);
    for (right, wrong, place, message, cure) in [
        ("\"5min\"", "\"0s\"", "40:1", "`time_between_starts` is no time at all", "such as"),
        ("shape = 0.7", "shape = 0.05", "40:1", "has the shape 0.05", "0.1 or more"),
        ("shape = 0.7", "shape = 0", "40:56", "cannot be 0", ""),
        (
            "weibull = { mean = \"5min\", shape = 0.7 }",
            "lomax = { mean = \"5min\", shape = 1 }",
            "40:1",
            "no Lomax law has a mean",
            "shape above 1",
        ),
        ("weibull", "weibul", "40:21", "unknown kind `weibul`", "`weibull`?"),
        (
            "duration.",
            "mean_duration = \"1min\"\nduration.",
            "36:1",
            "more than one of `mean_duration`, `duration`",
            "exactly one",
        ),
        (
            "time_between_starts.weibull = { mean = \"5min\", shape = 0.7 }\n",
            "",
            "36:1",
            "none of `mean_time_between`",
            "exactly one",
        ),
    ] {
        desk.write("x.toml", &good.replacen(right, wrong, 1));
        let said = desk.run(&["check", "x.toml"]);
        assert!(said.err.contains("\n1 problem"), "{wrong}: {}", said.err);
        assert!(said.err.contains(&format!("x.toml:{place}: ")), "{wrong}: {}", said.err);
        assert!(said.err.contains(message) && said.err.contains(cure), "{wrong}: {}", said.err);
    }
}

fn shipped(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

/// Minutes of partial and of major outage that the services' status pages reported from 2023-09-01 to 2024-08-31, as shares
/// of the time: sums over the days of Chu, Talluri, Lu, Iosup, "An Empirical Characterization of Outages and Incidents in
/// Public Services for Large Language Models" (ICPE 2025), and the share of it in which at least one incident was open.
const REPORTED: [(&str, f64); 8] = [
    ("OpenAI partial outage", 2385.0 / 527_040.0),
    ("OpenAI major outage", 348.0 / 527_040.0),
    ("OpenAI incident", 0.037_969),
    ("Anthropic partial outage", 1643.0 / 527_040.0),
    ("Anthropic incident", 0.022_704),
    ("Character.AI partial outage", 2105.0 / 457_920.0),
    ("Character.AI major outage", 1246.0 / 457_920.0),
    ("Character.AI incident", 0.015_779 * 527_040.0 / 457_920.0),
];

#[test]
fn the_shipped_year_is_down_as_long_as_the_services_were() {
    let read = scenario::read(&shipped("availability-year.toml"), false).expect("shipped");
    let faults = &read.blocks[0].world.random_faults;
    assert_eq!(faults.len(), REPORTED.len());
    for (name, reported) in REPORTED {
        let fault = faults.iter().find(|fault| fault.name == name).expect(name);
        let hours = |at: SimTime| at.as_secs_f64() / HOUR_S;
        let year = hours(fault.last_start);
        assert_eq!(year, 8760.0);
        let shares: Vec<f64> =
            (1..=400).map(|seed| share(&drawn(fault, seed), 0.0, year)).collect();
        let (mean, error) = mean_and_error(&shares);
        // What was reported is one year: its own spread, not that of the mean of 400, says how near it has to be. Eight
        // years within 3.3 standard deviations.
        let of_a_year = error * 20.0;
        assert!(
            (reported - mean).abs() < 3.3 * of_a_year,
            "{name}: {reported} reported, {mean} +- {of_a_year} a year, seeds 1..400"
        );
        // And a fit may miss the mean of what it was fitted to, but not by half of it.
        assert!(
            (mean / reported - 1.0).abs() < 0.5,
            "{name}: {reported} reported, {mean} on average"
        );
        println!("{name}: reported {reported:.5}, simulated {mean:.5}, a year's sd {of_a_year:.5}");
    }
}

#[test]
#[ignore = "long: a year, twenty seeds, six variants"]
fn the_shipped_year_answers_its_question() {
    let desk = Desk::new();
    let path = shipped("availability-year.toml");
    let path = path.to_str().expect("a path in Unicode");
    let said = desk.run(&["run", path, "--quiet", "--out", "o", "--strict"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

#[test]
fn a_history_is_fitted_and_its_faults_can_be_written_in_a_scenario() {
    // Starts 10, 20, 40 and 80 h apart and so on; durations around 1 h.
    let mut table = "provider,start,close\n".to_owned();
    let mut hour = 0;
    for n in 0..40 {
        hour += 5 * (1 + n % 7) * (1 + n % 3);
        let (day, of_day) = (1 + hour / 24 % 28, hour % 24);
        let (month, minutes) = (1 + hour / 24 / 28, 7 * (1 + n % 8));
        let close = if n == 3 {
            String::new()
        } else {
            format!("2024-{month:02}-{day:02}T{of_day:02}:{minutes:02}Z")
        };
        table += &format!("Groq,2024-{month:02}-{day:02}T{of_day:02}:00Z,{close}\n");
    }
    let desk = Desk::new();
    desk.write("i.csv", &table);
    let said = desk.done(&["incidents", "i.csv", "--from", "2024-01-01", "--until", "2024-12-31"]);
    assert!(
        said.starts_with("Groq: 40 incidents in 365 days, 2024-01-01 to 2024-12-31\n"),
        "{said}"
    );
    assert!(said.contains("1 of them left out as unknown"), "{said}");
    let faults = said.split_once("yours to say:\n\n").expect("faults").1;
    desk.write("x.toml", &with(&format!("{faults}\n")));
    desk.done(&["check", "x.toml"]);
    let wrong = desk.run(&["incidents", "i.csv", "--from", "yesterday"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("\"yesterday\" is no date"), "{}", wrong.err);
}
