//! Calibration from logs: fits recover what they were made of, what is written can be read and simulated, and what is wrong is
//! named.
//!
//! Every test rejects at 0.001 with fixed seeds, unless it says otherwise.

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;
#[path = "support/record.rs"]
mod record;
mod support;

use std::fmt::Write as _;

use program::Desk;
use record::record;
use reflexarc::analysis::fit::{Family, Law, fit};
use reflexarc::data::requests::{LoggedAnswer, ModelLog};
use reflexarc::data::table::{Kind, Table, Wanted};
use reflexarc::engine::End;
use reflexarc::math;
use reflexarc::offline::calibrate::{Calibration, Finding, Holdout, Plan, Predictor, Split};
use reflexarc::registry::Latency;
use reflexarc::sim::stream::{Purpose, Stream, Streams};
use reflexarc::world::Pace;
use support::Draft;

fn stream(seed: u64, nth: u64) -> Stream {
    Streams::new(seed).nth(Purpose::Resample, nth)
}

fn draw(law: &Law, n: usize, stream: &mut Stream) -> Vec<f64> {
    (0..n).map(|_| law.draw(stream)).collect()
}

/// 95 % intervals of estimate +- 1.96 standard errors hold the truth in 95 % of samples.
#[test]
fn standard_errors_cover_the_truth() {
    const SAMPLES: u64 = 400;
    let seed = 90_001;
    // The tolerance is that of a share over 400 samples at 0.001 / 9 parameters, two-sided: 3.86 sqrt(.95 .05 / 400) = .042,
    // and .01 for what a normal law misses of a skewed estimate at these sizes.
    for (law, n) in [
        (Law::Lognormal { mu: -0.5, sigma: 0.8 }, 200),
        (Law::Gamma { shape: 3.0, scale: 0.5 }, 400),
        (Law::Weibull { shape: 1.6, scale: 2.0 }, 400),
        (Law::Exponential { mean: 0.7 }, 400),
        (Law::Lomax { shape: 2.5, scale: 1.5 }, 2_000),
    ] {
        let family = law.family();
        let mut held = vec![0_u32; law.parameters().len()];
        for k in 0..SAMPLES {
            let values = draw(&law, n, &mut stream(seed, family as u64 * SAMPLES + k));
            let found = fit(family, &values).expect("a fit");
            let (estimates, truths) = (found.law.parameters(), law.parameters());
            for (i, error) in found.standard_errors.iter().enumerate() {
                held[i] += u32::from((estimates[i] - truths[i]).abs() <= 1.96 * error);
            }
        }
        for (held, name) in held.iter().zip(family.parameter_names()) {
            let share = f64::from(*held) / SAMPLES as f64;
            assert!((share - 0.95).abs() < 0.052, "seed {seed}: {law:?}, {name}: {share}");
        }
    }
}

/// The family of the data has the least AIC, where the families are unlike.
#[test]
fn the_family_is_recognised() {
    let families = [Family::Lognormal, Family::Gamma, Family::Weibull];
    for law in [
        Law::Lognormal { mu: 0.0, sigma: 1.0 },
        Law::Gamma { shape: 4.0, scale: 1.0 },
        Law::Weibull { shape: 4.0, scale: 1.0 },
    ] {
        let values = draw(&law, 5_000, &mut stream(90_002, 0));
        let best = reflexarc::analysis::fit::best(&families, &values).expect("a fit");
        assert_eq!(best.law.family(), law.family());
    }
}

/// A log of one model: a first token, then tokens at a pace, each with its law.
fn log(model: &str, n: usize, stream: &mut Stream, slower: impl Fn(usize) -> f64) -> ModelLog {
    let ttft = Law::Lognormal { mu: -1.2, sigma: 0.3 };
    let each = Law::Gamma { shape: 60.0, scale: 0.02 / 60.0 };
    let answers: Vec<LoggedAnswer> = (0..n)
        .map(|i| {
            let first = slower(i) * ttft.draw(stream);
            let tokens = (100.0 + 100.0 * stream.uniform()).floor();
            let rest = slower(i) * tokens * each.draw(stream);
            LoggedAnswer {
                end_to_end_s: first + rest,
                ttft_s: Some(first),
                inter_token_latency_s: None,
                input_tokens: Some(550.0),
                output_tokens: Some(tokens),
            }
        })
        .collect();
    ModelLog {
        provider: "made".to_owned(),
        model: model.to_owned(),
        requests: n as u64,
        answers,
        ..ModelLog::default()
    }
}

#[test]
fn clean_logs_are_seldom_named_and_never_more_often_than_alpha() {
    const LOGS: u64 = 60;
    let (seed, alpha) = (90_003, 0.2);
    let plan = Plan { alpha, resamples: 1, permutations: 1, seed };
    let (mut misfit, mut drift) = (0_u32, 0_u32);
    for k in 0..LOGS {
        let mut stream = stream(seed, k);
        let logs = ["a", "b"].map(|model| log(model, 60, &mut stream, |_| 1.0));
        let found = Calibration::of("made", &logs, Plan { seed: seed + k, ..plan });
        let any = |is: fn(&Finding) -> bool| {
            found.models.iter().any(|model| model.findings.iter().any(is))
        };
        misfit += u32::from(any(Finding::is_misfit));
        drift += u32::from(any(Finding::is_drift));
    }
    // Upper bound of a share of .2 over 60 logs: .2 + 3.09 sqrt(.2 .8 / 60) = .36, 21 logs.
    assert!(misfit <= 21 && drift <= 21, "seed {seed}: {misfit} misfits, {drift} drifts");
}

#[test]
fn what_drifts_or_does_not_fit_is_named_and_what_does_not_is_not() {
    let mut stream = stream(90_004, 0);
    let mut two_speeds = log("two speeds", 200, &mut stream, |_| 1.0);
    for (i, answer) in two_speeds.answers.iter_mut().enumerate() {
        // Fast and slow by turns, far apart: no drift, and no law with one hill.
        if (i * 7) % 10 < 4 {
            answer.end_to_end_s *= 4.0;
            answer.ttft_s = answer.ttft_s.map(|s| 4.0 * s);
        }
    }
    let logs = [
        log("calm", 200, &mut stream, |_| 1.0),
        log("slower", 200, &mut stream, |i| if i < 100 { 1.0 } else { 1.3 }),
        log("spells", 200, &mut stream, |i| if i % 40 < 20 { 1.0 } else { 1.6 }),
        two_speeds,
    ];
    let found = Calibration::of("made", &logs, Plan::default());
    let of = |name: &str| {
        let model = found.models.iter().find(|model| model.name == format!("made/{name}"));
        model.expect("it is there").findings.clone()
    };
    assert_eq!(of("calm"), []);
    assert!(
        of("slower").iter().any(
            |f| matches!(f, Finding::HalvesDiffer { median_ratio: Some((ratio, low, high)), .. }
        if (ratio - 1.3).abs() < 0.1 && *low > 1.1 && *high < 1.5)
        ),
        "{:?}",
        of("slower")
    );
    let change = of("slower").into_iter().find_map(|f| match f {
        Finding::LevelChanges { at, .. } => Some(at),
        _ => None,
    });
    assert!(change.is_some_and(|at| (80..=120).contains(&at)), "{change:?}");
    let spells = of("spells");
    assert!(spells.iter().any(|f| matches!(f, Finding::Spells { .. })), "{spells:?}");
    let two = of("two speeds");
    assert!(two.iter().any(Finding::is_misfit) && !two.iter().any(Finding::is_drift), "{two:?}");
}

/// Predictions from one half of a clean log fail as often as the simulation says they do by chance.
#[test]
fn predictions_fail_as_often_as_chance_says() {
    let seed = 90_005;
    let mut stream = stream(seed, 0);
    let law = Law::Lognormal { mu: 0.5, sigma: 0.4 };
    let logs: Vec<ModelLog> = (0..60)
        .map(|k| {
            let mut log = log(&format!("m{k:02}"), 150, &mut stream, |_| 1.0);
            for answer in &mut log.answers {
                answer.end_to_end_s = law.draw(&mut stream);
                (answer.ttft_s, answer.output_tokens) = (None, None);
            }
            log
        })
        .collect();
    for split in [Split::SecondHalf, Split::Alternate] {
        let found = Holdout::of(split, &logs, seed);
        let (failed, of) = found.failures(Predictor::Whole);
        let (expected, most) = found.by_chance();
        assert_eq!(of, 120);
        // 2 Phi(-2.576 / sqrt(1 + 2 / pi)) = .044 of medians; the 95th percentile's order statistics are few and its
        // interval uneven, so that its share is simulated alone. Four standard errors of a count near 6.
        let medians: f64 = found.predictions.iter().filter(|p| p.p == 0.5).map(|p| p.chance).sum();
        assert!((medians / 60.0 - 0.044).abs() < 0.012, "seed {seed}: {}", medians / 60.0);
        let tolerance = 3.29 * expected.sqrt() + 1.0;
        assert!((failed as f64 - expected).abs() < tolerance, "{failed} for {expected}, {most}");
    }
}

/// The world's gamma and Weibull response times have mean 1 and their laws.
#[test]
fn response_times_of_a_model_have_its_own_law() {
    const N: u64 = 20_000;
    let seed = 90_006;
    for (pace, law) in [
        (Pace::Gamma(4.0), Law::Gamma { shape: 4.0, scale: 0.25 }),
        (Pace::weibull(1.7), {
            let scale = math::exp(-math::ln_gamma(1.0 + 1.0 / 1.7));
            Law::Weibull { shape: 1.7, scale }
        }),
        (Pace::Lognormal(0.3), Law::Lognormal { mu: -0.045, sigma: 0.3 }),
    ] {
        let mut draft = Draft::new(1);
        draft.end = End::Tasks(N);
        draft.world.models[0].latency = Latency::Response([400.0; 4]);
        draft.world.models[0].pace = Some(pace);
        let found = record(&draft.build(), seed).0.attempts;
        let mut times: Vec<f64> =
            found.iter().map(|a| a.response.duration.as_secs_f64() / 0.4).collect();
        times.sort_unstable_by(f64::total_cmp);
        let distance = reflexarc::analysis::fit::kolmogorov_smirnov(&law, &times);
        // Smirnov's asymptotic law: sqrt(-ln(.001 / 2) / 2) = 1.9495.
        let bound = 1.9495 / (times.len() as f64).sqrt();
        assert!(distance < bound, "seed {seed}, {pace:?}: {distance} above {bound}");
        assert!((law.mean().expect("has one") - 1.0).abs() < 1e-12);
    }
}

fn csv(logs: &[ModelLog]) -> String {
    let mut text =
        String::from("provider,model,input_tokens,output_tokens,ttft_s,end_to_end_s,error_code\n");
    for log in logs {
        for a in &log.answers {
            let (tokens, first) = (a.output_tokens.expect("has"), a.ttft_s.expect("has"));
            let _ = writeln!(
                text,
                "{},{},550,{tokens},{first},{},",
                log.provider, log.model, a.end_to_end_s
            );
        }
        for _ in 0..10 {
            let _ = writeln!(text, "{},{},550,0,0,0,500", log.provider, log.model);
        }
    }
    text
}

/// What is written can be checked, run and built upon, and the simulated times are those of the log.
#[test]
fn the_written_world_is_simulated_as_the_log_says() {
    let mut stream = stream(90_007, 0);
    let logs = [log("fast", 400, &mut stream, |_| 1.0), log("slow", 400, &mut stream, |_| 2.5)];
    let desk = Desk::new();
    desk.write("log.csv", &csv(&logs));
    desk.done(&["calibrate", "log.csv", "--out", "fitted", "--holdout", "alternate"]);
    desk.done(&["check", "fitted/scenario.toml"]);
    desk.write(
        "mine.toml",
        "base = \"fitted/scenario.toml\"\nseeds = \"1..2\"\n[time]\nend.tasks = 4000\n[record]\nattempts = true\n",
    );
    desk.done(&["run", "mine.toml", "--out", "results"]);
    let wanted = ["model", "duration_ms", "outcome"].map(|name| {
        Wanted::new(name, if name == "duration_ms" { Kind::NonNegative } else { Kind::Text })
    });
    let table = Table::open(&desk.path("results/attempts/part-0000.parquet"), wanted.into());
    let mut times = [Vec::new(), Vec::new()];
    let mut n_errors = 0.0;
    for batch in table.expect("opened") {
        let batch = batch.expect("read");
        for row in 0..batch.rows {
            let [model, time, outcome] = [0, 1, 2].map(|at| &batch.columns[at]);
            if outcome.text(row) == "success" {
                let at = usize::from(model.text(row) == "made/slow");
                times[at].push(time.number(row).expect("has a time") / 1e3);
            } else {
                n_errors += 1.0;
            }
        }
    }
    for (times, log) in times.iter().zip(&logs) {
        let n = log.answers.len() as f64;
        let mean = |values: &mut dyn Iterator<Item = f64>, n: f64| values.sum::<f64>() / n;
        let own = mean(&mut log.answers.iter().map(|a| a.end_to_end_s), n);
        let found = mean(&mut times.iter().copied(), times.len() as f64);
        let squares: f64 =
            log.answers.iter().map(|a| (a.end_to_end_s - own) * (a.end_to_end_s - own)).sum();
        let sd = (squares / n).sqrt();
        // Standard errors of both means, and 1 % for token counts that a lognormal law stands for.
        let tolerance = 3.29 * sd * (1.0 / n + 1.0 / times.len() as f64).sqrt() + 0.01 * own;
        assert!((found - own).abs() < tolerance, "{}: {found} for {own}", log.model);
        let spread: f64 = times.iter().map(|t| (t - found) * (t - found)).sum();
        let ratio = (spread / times.len() as f64).sqrt() / sd;
        assert!((0.8..1.25).contains(&ratio), "{}: standard deviations {ratio}", log.model);
    }
    let n = times.iter().map(Vec::len).sum::<usize>() as f64 + n_errors;
    // 10 of 410 requests fail.
    let share = 10.0 / 410.0;
    let tolerance = 3.29 * (share * (1.0 - share) / n).sqrt();
    assert!((n_errors / n - share).abs() < tolerance, "{n_errors} of {n}");
    let registry = std::fs::read_to_string(desk.path("fitted/registry.toml")).expect("written");
    assert!(registry.contains("[models.\"made/fast\"]") && registry.contains("(se "));
    for chart in ["made-fast-cdf.svg", "made-fast-qq.png", "made-slow-qq.svg"] {
        assert!(desk.path("fitted/charts").join(chart).is_file(), "{chart}");
    }
    // The same log gives the same bytes.
    desk.done(&["calibrate", "log.csv", "--out", "again", "--holdout", "alternate"]);
    assert_eq!(program::files(&desk.path("fitted")), program::files(&desk.path("again")));
}

#[test]
fn broken_logs_and_keys_are_refused_in_one_line() {
    let desk = Desk::new();
    desk.write("log.csv", "model,latency_s\nm,1.5\nm,NaN\n");
    let said = desk.run(&["calibrate", "log.csv", "--out", "x"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("row 2, column `latency_s`: is \"NaN\", not a number"), "{said:?}");
    assert!(!desk.path("x").exists());
    desk.write("log.csv", "model,latency_s\nm,1.5\nm,2\n");
    let said = desk.run(&["calibrate", "log.csv", "--out", "x"]);
    assert!(said.code == Some(2) && said.err.contains("at least 10 for each model"), "{said:?}");
    let scenario = include_str!("data/good.toml");
    for (keys, message) in [
        ("latency_shape = 2.0", "`latency_shape` is the shape of a gamma or Weibull law"),
        ("service = \"gamma\"", "has no `latency_shape`"),
        (
            "service = \"weibull\"\nlatency_sigma = 0.2\nlatency_shape = 2",
            "`latency_sigma` belongs to",
        ),
        ("service = \"constant\"\nlatency_shape = 2", "`latency_shape` belongs to"),
    ] {
        desk.write("s.toml", &format!("base = \"good.toml\"\n[world.models.Mistral]\n{keys}\n"));
        desk.write("good.toml", scenario);
        let said = desk.run(&["check", "s.toml"]);
        assert!(said.code == Some(2) && said.err.contains(message), "{keys}: {said:?}");
    }
}

/// Real requests: three runs of the LLMPerf leaderboard (tests/data/SOURCE.md).
#[test]
fn a_real_log_is_read_and_what_is_wrong_with_it_is_named() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/llmperf-excerpt.csv.gz");
    let logs = reflexarc::data::requests::read(path.as_ref()).expect("good");
    let counts: Vec<(String, u64, usize, u64)> = logs
        .iter()
        .map(|log| (log.name(), log.requests, log.answers.len(), log.rate_limited))
        .collect();
    assert_eq!(
        counts,
        [
            ("anyscale/llama-2-70b-chat".to_owned(), 150, 150, 0),
            ("lepton/llama-2-7b-chat".to_owned(), 150, 20, 130),
            ("replicate/llama-2-70b-chat".to_owned(), 145, 145, 0),
        ]
    );
    let found = Calibration::of("llmperf", &logs, Plan::default());
    let [anyscale, lepton, replicate] = &found.models[..] else { panic!("three models") };
    assert!(!anyscale.findings.iter().any(Finding::is_drift), "{:?}", anyscale.findings);
    assert!(lepton.findings.contains(&Finding::RateLimited { refused: 130, requests: 150 }));
    assert!(replicate.findings.iter().any(Finding::is_drift), "{:?}", replicate.findings);
    assert!(replicate.findings.iter().any(Finding::is_misfit), "{:?}", replicate.findings);
    // The recorded time between tokens holds the time to the first one.
    assert!(anyscale.inter_token_share.is_some_and(|share| share > 0.9));
    let holdout = Holdout::of(Split::Alternate, &logs, 1);
    let inside: Vec<bool> = holdout
        .predictions
        .iter()
        .filter(|p| p.model.starts_with("anyscale"))
        .filter_map(|p| p.holds(Predictor::Whole))
        .collect();
    assert_eq!(inside, [true, true]);
}
