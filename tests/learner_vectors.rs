//! Golden values of learners: figures without any randomness, recorded from independent implementations.

use reflexarc::domain::{Outcome, Propensity};
use reflexarc::learners::drifting::{d_ucb, discounted_thompson, sw_ucb};
use reflexarc::learners::kl::{kl, klucb};
use reflexarc::learners::{AnyLearner, Context, Feedback, Learner, LearnerConfig, Prior};
use reflexarc::math;
use reflexarc::sim::stream::{Purpose, Streams};
use reflexarc::units::{Level, ModelId};
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

/// Keys of a learner as written.
fn keys<C: serde::de::DeserializeOwned>(written: Value) -> C {
    serde_json::from_value(written).expect("the keys are right")
}

/// Nothing known of so many models.
fn prior(n_models: usize) -> Prior {
    Prior::of_scores(vec![[50.0; 4]; n_models])
}

/// Feeds one reward of a model.
fn feed(learner: &mut impl Learner, model: u16, reward: f64) {
    learner.learn(&feedback(model, reward, Propensity::Unknown));
}

/// The index of a model; golden indices draw nothing.
fn index(learner: &impl Learner, model: u16) -> f64 {
    let mut stream = Streams::new(0).nth(Purpose::Choice, 0);
    learner.index(&Context::plain(Level::L1, 0), ModelId(model), &mut stream)
}

/// What a learner believes of a model.
fn belief(learner: &impl Learner, model: u16) -> f64 {
    let context = Context::plain(Level::L1, 0);
    learner.belief(&context, ModelId(model)).expect("it believes something")
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
    let mut learner = config.build(&prior(k));
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

#[test]
fn indices_of_stationary_learners() {
    for (entry, name) in [
        ("ucb1(mean,N,n)", "ucb1"),
        ("ucb1_tuned(mean,N,n)", "ucb1_tuned"),
        ("ucbv(mean,N,n)", "ucb_v"),
    ] {
        for row in golden(entry).as_array().expect("rows").iter().map(numbers) {
            let learner = taught(json!({ name: {} }), 2, [row[0], row[1], row[2]]);
            agree(&format!("{entry} {row:?}"), index(&learner, 0), row[3]);
        }
    }
    for row in golden("moss(mean,N,T,K)").as_array().expect("rows").iter().map(numbers) {
        let [mean, plays, horizon, k] = row[..4] else { panic!("{row:?}") };
        for (keys, n) in
            [(json!({ "horizon": horizon as u64 }), plays), (json!({ "anytime": true }), horizon)]
        {
            let learner = taught(json!({ "moss": keys }), k as usize, [mean, plays, n]);
            agree(&format!("moss {row:?} {keys}"), index(&learner, 0), row[4]);
        }
    }
    // A KL-UCB index is the recorded bound at (ln t) / plays.
    let learner = taught(json!({ "kl_ucb": {} }), 2, [0.3, 12.0, 99.0]);
    agree("kl_ucb", index(&learner, 0), klucb(0.3, math::ln(100.0) / 12.0));
    let row = numbers(&golden("bayes_ucb quantile 1-1/t Beta(1+S,1+F)")[0]);
    let [successes, failures, t] = row[..3] else { panic!("{row:?}") };
    let plays = successes + failures;
    let learner = taught(json!({ "bayes_ucb": {} }), 2, [successes / plays, plays, t - 1.0]);
    agree(&format!("bayes_ucb {row:?}"), index(&learner, 0), row[3]);
}

/// The probabilities of all models.
fn probabilities(learner: &AnyLearner, k: usize) -> Vec<f64> {
    let context = Context::plain(Level::L1, 0);
    (0..k as u16).map(|m| learner.belief(&context, ModelId(m)).expect("a probability")).collect()
}

#[test]
fn probabilities_of_adversarial_learners() {
    for (entry, written) in [
        (
            "exp3 gamma=.1 K=3 plays 0,1,2,0 rewards 1,0,1,1: p before each play and after",
            json!({ "exp3": { "gamma": 0.1 } }),
        ),
        ("exp3.s gamma=.1 alpha=.01 same", json!({ "exp3_s": { "gamma": 0.1, "alpha": 0.01 } })),
    ] {
        let mut learner = taught(written, 3, [0.0; 3]);
        let recorded = golden(entry);
        let recorded = recorded.as_array().expect("rows").iter().map(numbers);
        let plays = [(0, 1.0), (1, 0.0), (2, 1.0), (0, 1.0)].map(Some).into_iter().chain([None]);
        for (row, play) in recorded.zip(plays) {
            let found = probabilities(&learner, 3);
            found.iter().zip(&row).for_each(|(p, recorded)| agree(entry, *p, *recorded));
            if let Some((model, reward)) = play {
                let p = Propensity::Exact(found[usize::from(model)]);
                learner.learn(&feedback(model, reward, p));
            }
        }
    }
    for row in golden("tsallis_inf(L,t) eta=2/sqrt(t)").as_array().expect("rows") {
        let losses = numbers(&row[0]);
        let mut learner = taught(json!({ "tsallis_inf": {} }), losses.len(), [0.0; 3]);
        // A loss comes in with one choice that was certain; all other choices lost nothing.
        let t = row[1].as_u64().expect("a round");
        for i in 0..t - 1 {
            let loss = losses.get(i as usize).copied().unwrap_or(0.0);
            let model = i.min(losses.len() as u64 - 1) as u16;
            learner.learn(&feedback(model, 1.0 - loss, Propensity::Exact(1.0)));
        }
        let found = probabilities(&learner, losses.len());
        let recorded = numbers(&row[2]);
        found.iter().zip(recorded).for_each(|(p, recorded)| agree(&row.to_string(), *p, recorded));
    }
}

#[test]
fn learners_that_forget() {
    for row in golden("swucb(mean,N,t,tau,xi)").as_array().expect("rows").iter().map(numbers) {
        let [mean, n, t, tau, xi, bound] = row[..] else { panic!("{row:?}") };
        let keys: sw_ucb::Config = keys(json!({ "window": tau as u64, "xi": xi }));
        let mut learner = sw_ucb::State::new(&keys, &prior(2));
        // Round t follows t - 1 rewards, the last n of them this model's.
        for round in 1..t as u64 {
            let is_last = round + n as u64 >= t as u64;
            feed(&mut learner, u16::from(!is_last), mean);
        }
        agree(&format!("SW-UCB {row:?}"), index(&learner, 0), bound);
    }

    let plays = [(0, 1.0), (1, 0.0), (2, 1.0), (0, 0.0), (0, 1.0)];
    let state = golden("ducb gamma=.9 xi=.6 plays 0,1,2,0,0 rewards 1,0,1,0,1");
    let mut learner = d_ucb::State::new(&keys(json!({ "gamma": 0.9, "xi": 0.6 })), &prior(3));
    plays.iter().for_each(|&(model, reward)| feed(&mut learner, model, reward));
    let (n, x) = (numbers(&state["N"]), numbers(&state["X"]));
    for (model, bound) in numbers(&state["index"]).into_iter().enumerate() {
        agree("D-UCB's index", index(&learner, model as u16), bound);
        agree("D-UCB's mean", belief(&learner, model as u16), x[model] / n[model]);
    }

    let state = golden("dTS gamma=.9 same sequence: Beta params (1+S,1+F)");
    let keys: discounted_thompson::Config = keys(json!({ "gamma": 0.9 }));
    let mut learner = discounted_thompson::State::new(&keys, &prior(3));
    plays.iter().for_each(|&(model, reward)| feed(&mut learner, model, reward));
    for (model, (a, b)) in numbers(&state["a"]).into_iter().zip(numbers(&state["b"])).enumerate() {
        let found = learner.inner().parameters(model);
        agree("successes of dTS", found.0, a);
        agree("failures of dTS", found.1, b);
    }
}
