//! Learners against reference regrets of independent implementations (`tests/vectors/regret_reference.csv`).
//!
//! A row passes if the mean regret lies within 3.9 combined standard errors of the reference: over about 60 rows that is a
//! family-wise error of less than 1 %. By default the rows that take least time, at 400 repetitions or, where regret has a
//! heavy tail, 2,000; all rows with `--include-ignored`.

use reflexarc::domain::TaskRecord;
use reflexarc::engine::{self, Cell, Observer};
use reflexarc::learners::CARDS;
use reflexarc::routing::order::OrderRule;
use reflexarc::world::bandit::{Delay, Problem, Rewards, Stage};
use serde_json::{Value, json};

#[path = "support/bandits.rs"]
mod bandits;
mod support;

use bandits::{bernoulli, cell, order, stationary};

/// Standard errors that a row may be off.
const Z: f64 = 3.9;
/// First seed of the repetitions.
const SEED: u64 = 770_001;

/// One row of the reference.
#[derive(Clone, Debug)]
struct Row {
    problem: String,
    policy: String,
    params: String,
    reps: f64,
    mean: f64,
    sd: f64,
}

fn rows() -> Vec<Row> {
    let mut reader =
        csv::Reader::from_path("tests/vectors/regret_reference.csv").expect("the reference");
    let records = reader.records().map(|row| row.expect("a row"));
    let oracles = records.filter(|row| &row[11] == "oracle");
    let number = |text: &str| if text.is_empty() { 0.0 } else { text.parse().expect("a number") };
    oracles
        .map(|row| Row {
            problem: row[0].to_owned(),
            policy: row[1].to_owned(),
            params: row[2].to_owned(),
            reps: number(&row[4]),
            mean: number(&row[5]),
            sd: number(&row[6]),
        })
        .collect()
}

fn problem(row: &Row) -> Problem {
    let none = Delay::Constant(0);
    match row.problem.as_str() {
        "bern10_garivier" => {
            stationary(&[0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01], none)
        }
        "pw5_3bp" => {
            let means = [
                [0.9, 0.5, 0.4, 0.3, 0.2],
                [0.3, 0.5, 0.9, 0.2, 0.1],
                [0.3, 0.8, 0.2, 0.4, 0.1],
                [0.3, 0.2, 0.1, 0.4, 0.8],
            ];
            let stage =
                |(at, means): (u64, [f64; 5])| Stage { from: 2_500 * at, means: means.into() };
            bernoulli((0..).zip(means).map(stage).collect(), none)
        }
        "bern10_lin_delay" => {
            let means: Vec<f64> = (0..10).map(|i| 0.1 + 0.8 * f64::from(i) / 9.0).collect();
            let geometric = row.params.contains("geometric");
            stationary(
                &means,
                if geometric { Delay::Geometric(100.0) } else { Delay::Constant(100) },
            )
        }
        "lin_d5_K10_noise0.1" => {
            let text = std::fs::read_to_string("tests/vectors/linear_theta.csv").expect("theta");
            let line = |line: &str| line.split(',').map(|x| x.parse().expect("a number")).collect();
            let theta: Vec<Vec<f64>> = text.lines().map(line).collect();
            Problem {
                horizon: 5_000,
                n_arms: theta.len(),
                rewards: Rewards::Linear { theta, sd: 0.1, per_arm: false },
                ..stationary(&[0.5; 10], none)
            }
        }
        other => panic!("no problem {other}"),
    }
}

/// A number behind `key=` in the parameters of a row.
fn number(params: &str, key: &str) -> f64 {
    let from = params.find(&format!("{key}=")).unwrap_or_else(|| panic!("{key} in {params}"));
    let text = &params[from + key.len() + 1..];
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].trim_end_matches('.').parse().expect("a number")
}

/// The learner of a row, as in a scenario; `None` is the order `random`.
fn learner(row: &Row) -> Option<Value> {
    let p = |key: &str| number(&row.params, key);
    Some(match row.policy.as_str() {
        "Uniform" => return None,
        "EpsGreedy" => json!({ "epsilon_greedy": { "epsilon": p("eps") } }),
        "UCB1" => json!({ "ucb1": {} }),
        "UCB(alpha=1)" => json!({ "ucb1": { "c": 0.5 } }),
        "UCB1-Tuned" => json!({ "ucb1_tuned": {} }),
        "UCB-V" => json!({ "ucb_v": {} }),
        "KL-UCB" => json!({ "kl_ucb": {} }),
        "MOSS" => json!({ "moss": {} }),
        "MOSS-anytime" => json!({ "moss": { "anytime": true } }),
        "EpsDecreasing" => json!({ "epsilon_decreasing": { "c": 100 } }),
        "Softmax" => json!({ "boltzmann": { "tau": p("tau") } }),
        "Boltzmann-Gumbel" => json!({ "boltzmann_gumbel": { "c": p("C") } }),
        "Thompson" => json!({ "thompson_beta": {} }),
        "LinUCB-disjoint" => json!({ "lin_ucb": { "alpha": p("alpha"), "lambda": p("lambda") } }),
        "LinTS-disjoint" => json!({ "lin_ts": { "v": p("v"), "lambda": p("lambda") } }),
        "Exp3" => json!({ "exp3": { "gamma": p("gamma") } }),
        // gamma and alpha of the row follow from the three changes.
        "Exp3.S" => json!({ "exp3_s": { "changes": 3 } }),
        "Tsallis-INF" => json!({ "tsallis_inf": {} }),
        "SW-UCB" => json!({ "sw_ucb": { "window": p("tau") as u64, "xi": p("xi") } }),
        "D-UCB" => json!({ "d_ucb": { "gamma": p("gamma"), "xi": p("xi") } }),
        "dTS" => json!({ "discounted_thompson": { "gamma": p("gamma") } }),
        "SW-TS" => json!({ "sliding_window_thompson": { "window": p("tau") as u64 } }),
        // alpha, delta, b and gamma of the rows follow from the three changes.
        "GLR-klUCB-global" => json!({ "glr_klucb": { "restarts": "global", "changes": 3 } }),
        "GLR-klUCB-local" => json!({ "glr_klucb": { "restarts": "local", "changes": 3 } }),
        "M-UCB" => json!({ "m_ucb": { "window": p("w") as u64, "changes": 3 } }),
        other => panic!("no learner {other}"),
    })
}

/// Learners without a row of the reference, and what pins them instead.
const NO_ROW: &[(&str, &str)] = &[
    ("stage4_router_rule", "the plan's recorded scores (tests/vectors.rs)"),
    ("stage4_executor_rule", "the plan's recorded scores (tests/vectors.rs)"),
    ("stage4_q", "the plan's recorded table (tests/vectors.rs)"),
    ("bayes_ucb", "the recorded quantile (tests/learner_vectors.rs)"),
    ("imed", "not in the reference"),
    ("thompson_gaussian", "not in the reference"),
    ("exp3_ix", "its probabilities, replayed (tests/beliefs.rs)"),
    ("lin_ucb_shared", "the regression of lin_ucb (tests/learner_vectors.rs)"),
    ("d_lin_ucb", "its bound from all sums at once (its own test)"),
    ("square_cb", "its probabilities (its own test)"),
    ("budgeted_thompson", "not in the reference"),
    ("fractional_kube", "its index (its own test)"),
    ("primal_dual_bwk", "the paper's bound (its own test)"),
    ("track_and_stop", "published solutions of its program (tests/learner_vectors.rs)"),
    ("pilot", "its regression and threshold by hand (its own tests)"),
    ("pareto_bandit", "the original's recorded scores (tests/learner_vectors.rs)"),
];

/// Sums the regret of a run.
#[derive(Default)]
struct Regret(f64);

impl Observer for Regret {
    fn task_ended(&mut self, record: &TaskRecord) {
        self.0 += record.decision_regret.unwrap_or(0.0);
    }
}

/// Regret of each repetition.
fn regrets(cell: &Cell, reps: u64) -> Vec<f64> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let play = |seed: u64| {
        let mut regret = Regret::default();
        engine::run(cell, seed, &mut regret);
        regret.0
    };
    std::thread::scope(|scope| {
        let share = |k: u64| (SEED + reps * k / threads)..(SEED + reps * (k + 1) / threads);
        let workers: Vec<_> = (0..threads)
            .map(|k| scope.spawn(move || share(k).map(play).collect::<Vec<f64>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it ends")).collect()
    })
}

#[expect(clippy::print_stdout, reason = "the figures are the acceptance's record")]
fn check(row: &Row) -> Result<(), String> {
    let order = learner(row).map_or(OrderRule::Random, |written| order(&written));
    let cell = cell(problem(row), order);
    let has_heavy_tail = row.sd > 0.5 * row.mean;
    let reps = if has_heavy_tail { 2_000 } else { 400 };
    let regrets = regrets(&cell, reps);
    let n = regrets.len() as f64;
    let mean = regrets.iter().sum::<f64>() / n;
    let variance = regrets.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / (n - 1.0);
    let own = row.sd * row.sd / row.reps;
    let se = (variance / n + if row.reps.is_finite() { own } else { 0.0 }).sqrt();
    let z = (mean - row.mean) / se;
    let line = format!(
        "{} {} ({}): {mean:.2} against {:.2}, {z:+.2} standard errors, {reps} seeds from {SEED}",
        row.problem, row.policy, row.params, row.mean
    );
    println!("{line}");
    if z.abs() <= Z { Ok(()) } else { Err(line) }
}

fn check_all(rows: &[Row]) {
    let failed: Vec<String> = rows.iter().filter_map(|row| check(row).err()).collect();
    assert!(failed.is_empty(), "{} rows are off:\n{}", failed.len(), failed.join("\n"));
}

/// Rows that are always checked: the problem, the policy and what its parameters hold.
const QUICK: [(&str, &str, &str); 12] = [
    ("bern10_garivier", "Uniform", "EXACT"),
    ("bern10_garivier", "UCB1", ""),
    ("bern10_garivier", "Thompson", ""),
    ("bern10_garivier", "MOSS", ""),
    ("bern10_garivier", "Exp3", "gamma=0.1 "),
    ("bern10_garivier", "Boltzmann-Gumbel", ""),
    ("bern10_lin_delay", "UCB1", "constant"),
    ("bern10_lin_delay", "Thompson", "geometric"),
    ("lin_d5_K10_noise0.1", "LinUCB-disjoint", "alpha=1 "),
    ("pw5_3bp", "SW-UCB", "tau=1000"),
    ("pw5_3bp", "dTS", "gamma=0.99 "),
    ("pw5_3bp", "Tsallis-INF", ""),
];

fn is_quick(row: &Row) -> bool {
    let is_row = |(problem, policy, params): &(&str, &str, &str)| {
        row.problem == *problem && row.policy == *policy && row.params.contains(params)
    };
    QUICK.iter().any(is_row)
}

#[test]
fn reference_regrets_of_some_learners() {
    let rows: Vec<Row> = rows().into_iter().filter(is_quick).collect();
    assert_eq!(rows.len(), QUICK.len());
    check_all(&rows);
}

#[test]
#[ignore = "minutes; `.ci/acceptance` runs it"]
fn reference_regrets_of_all_learners() {
    let rows: Vec<Row> = rows().into_iter().filter(|row| !is_quick(row)).collect();
    check_all(&rows);
}

#[test]
fn every_learner_has_a_row_or_a_reason() {
    let of_rows: Vec<String> = rows()
        .iter()
        .filter_map(learner)
        .flat_map(|written| written.as_object().unwrap().keys().cloned().collect::<Vec<_>>())
        .collect();
    for (name, _) in CARDS {
        let has_row = of_rows.iter().any(|own| own == name);
        let reason = NO_ROW.iter().find(|(own, _)| own == name);
        assert!(has_row || reason.is_some(), "nothing pins `{name}`");
        assert!(!(has_row && reason.is_some()), "`{name}` has a row and a reason for none");
    }
    for (name, reason) in NO_ROW {
        assert!(CARDS.iter().any(|(own, _)| own == name), "`{name}` is no learner");
        assert!(reason.len() > 10, "{name}");
    }
}
