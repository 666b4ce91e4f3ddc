//! Golden values of learners: figures without any randomness, recorded from independent implementations.

use reflexarc::domain::{Outcome, Propensity};
use reflexarc::learners::kl::{kl, klucb};
use reflexarc::learners::{AnyLearner, Context, Feedback, Learner, LearnerConfig, Prior};
use reflexarc::math;
use reflexarc::sim::stream::{Purpose, Streams};
use reflexarc::units::{Level, ModelId, TaskId};
use serde_json::{Value, json};

/// The values are printed in double precision and computed in other orders of the same operations.
const EXACT: f64 = 1e-9;

/// The golden values of one entry: rows of inputs with the result last, or an object.
fn golden(entry: &str) -> Value {
    let file: Value = serde_json::from_str(include_str!("vectors/learner_golden_vectors.json"))
        .expect("the vectors are JSON");
    file.get(entry).unwrap_or_else(|| panic!("no entry `{entry}`")).clone()
}

/// Numbers of a JSON list.
fn numbers(list: &Value) -> Vec<f64> {
    let number = |v: &Value| v.as_f64().unwrap_or_else(|| panic!("{v} is no number"));
    list.as_array().unwrap_or_else(|| panic!("{list} is no list")).iter().map(number).collect()
}

/// Whether a computed value is the recorded one.
fn agree(what: &str, computed: f64, recorded: f64) {
    let allowed = EXACT * recorded.abs().max(1.0);
    assert!((computed - recorded).abs() <= allowed, "{what}: {computed}, recorded {recorded}");
}

#[test]
fn divergence_and_its_upper_bound() {
    for (entry, function) in [("kl_bern", kl as fn(f64, f64) -> f64), ("klucb_bern(p,d)", klucb)] {
        let rows = golden(entry);
        for row in rows.as_array().expect("rows").iter().map(numbers) {
            agree(&format!("{entry} {row:?}"), function(row[0], row[1]), row[2]);
        }
    }
}

/// A learner of `name` with some keys, after `n` rewards of which the first `plays` are model 0's: their mean is `mean`,
/// and their variance that of Bernoulli rewards with this mean.
fn taught(written: Value, k: usize, [mean, plays, n]: [f64; 3]) -> AnyLearner {
    let config: LearnerConfig = serde_json::from_value(written).expect("a learner");
    let mut learner = config.build(&Prior::of_scores(vec![[50.0; 4]; k]));
    let sd = (mean * (1.0 - mean)).sqrt();
    let others = plays - 1.0;
    for i in 0..n as u64 {
        let (model, reward) = match i as f64 {
            0.0 => (0, mean + sd * others.sqrt()),
            i if i < plays => (0, mean - sd / others.sqrt()),
            _ => (1, 0.5),
        };
        learner.learn(&feedback(model, reward, Propensity::Unknown));
    }
    learner
}

fn feedback(model: u16, reward: f64, propensity: Propensity) -> Feedback<'static> {
    Feedback {
        context: Context::plain(Level::L1, 0),
        model: ModelId(model),
        outcome: Outcome::Success,
        served: true,
        quality: 100.0,
        reward,
        cost: 0.0,
        own: true,
        propensity,
    }
}

/// The index of model 0.
fn index(learner: &AnyLearner) -> f64 {
    let mut none = Streams::new(0).task(Purpose::Choice, TaskId(0));
    learner.index(&Context::plain(Level::L1, 0), ModelId(0), &mut none)
}

#[test]
fn indices_of_stationary_learners() {
    for (entry, name) in [
        ("ucb1(mean,N,n)", "ucb1"),
        ("ucb1_tuned(mean,N,n)", "ucb1_tuned"),
        ("ucbv(mean,N,n)", "ucb_v"),
    ] {
        for row in golden(entry).as_array().expect("rows").iter().map(numbers) {
            let learner = taught(json!({ name: {} }), 2, [row[0], row[1], row[2]]);
            agree(&format!("{entry} {row:?}"), index(&learner), row[3]);
        }
    }
    for row in golden("moss(mean,N,T,K)").as_array().expect("rows").iter().map(numbers) {
        let [mean, plays, horizon, k] = row[..4] else { panic!("{row:?}") };
        for (keys, n) in
            [(json!({ "horizon": horizon as u64 }), plays), (json!({ "anytime": true }), horizon)]
        {
            let learner = taught(json!({ "moss": keys }), k as usize, [mean, plays, n]);
            agree(&format!("moss {row:?} {keys}"), index(&learner), row[4]);
        }
    }
    // A KL-UCB index is the recorded bound at (ln t) / plays.
    let learner = taught(json!({ "kl_ucb": {} }), 2, [0.3, 12.0, 99.0]);
    agree("kl_ucb", index(&learner), klucb(0.3, math::ln(100.0) / 12.0));
    let row = numbers(&golden("bayes_ucb quantile 1-1/t Beta(1+S,1+F)")[0]);
    let [successes, failures, t] = row[..3] else { panic!("{row:?}") };
    let plays = successes + failures;
    let learner = taught(json!({ "bayes_ucb": {} }), 2, [successes / plays, plays, t - 1.0]);
    agree(&format!("bayes_ucb {row:?}"), index(&learner), row[3]);
}
