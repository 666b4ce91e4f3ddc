//! Golden values of learners: figures without any randomness, recorded from independent implementations.

use reflexarc::domain::Propensity;
use reflexarc::learners::contextual::lin_ucb;
use reflexarc::learners::contextual::ridge::Ridge;
use reflexarc::learners::drifting::{d_ucb, discounted_thompson, sw_ucb};
use reflexarc::learners::kl::{kl, klucb};
use reflexarc::learners::routing::pareto_bandit;
use reflexarc::learners::routing::shares::Program;
use reflexarc::learners::{AnyLearner, Context, Features, Feedback, Learner, LearnerConfig, Prior};
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
        propensity,
        ..Feedback::answered(Context::plain(Level::L1, 0), ModelId(model), reward)
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

#[test]
fn linear_bounds_after_two_updates() {
    let entry =
        golden("linucb lam=1 alpha=1 after (x=[1,0],r=1),(x=[.6,.8],r=.5); query x=[.8,-.6]");
    let mut ridge = Ridge::new(2, 1.0);
    let prior = Prior { n_features: 2, ..prior(2) };
    let mut learner = lin_ucb::State::new(&lin_ucb::Config::default(), &prior);
    for (x, reward) in [([1.0, 0.0], 1.0), ([0.6, 0.8], 0.5)] {
        ridge.add(&x, reward);
        learner.learn(&result(&x, ModelId(0), reward));
    }
    let rows = |key: &str| -> Vec<f64> {
        entry[key].as_array().expect("rows").iter().flat_map(numbers).collect()
    };
    for (what, computed) in [("A", &ridge.matrix), ("Ainv", &ridge.inverse)] {
        computed.iter().zip(rows(what)).for_each(|(c, r)| agree(what, *c, r));
    }
    let theta = numbers(&entry["theta"]);
    ridge.theta.iter().zip(theta).for_each(|(c, r)| agree("theta", *c, r));
    let query = result(&[0.8, -0.6], ModelId(0), 0.0).context;
    let mut draws = Streams::new(1).nth(Purpose::Choice, 0);
    let mean = learner.belief(&query, ModelId(0)).expect("it was called");
    agree("mean", mean, entry["mean"].as_f64().expect("a mean"));
    let bound = learner.index(&query, ModelId(0), &mut draws);
    agree("ucb", bound, entry["ucb"].as_f64().expect("a bound"));
}

/// What comes of a call in a request with the features `x`.
fn result(x: &[f64], model: ModelId, reward: f64) -> Feedback<'_> {
    let feedback = feedback(model.0, reward, Propensity::Unknown);
    let context = Context { features: Features::of_request(x), ..feedback.context };
    Feedback { context, ..feedback }
}

#[test]
fn pareto_bandit_scores_chooses_and_paces_as_recorded() {
    let file: Value = serde_json::from_str(include_str!("vectors/pareto_bandit.json"))
        .expect("the vectors are JSON");
    let prior = Prior { n_features: 3, costs: numbers(&file["declared"]), ..prior(3) };
    let config: pareto_bandit::Config = keys(file["keys"].clone());
    let mut learner = pareto_bandit::State::new(&config, &prior);
    let delay = file["delay"].as_u64().expect("a delay") as usize;
    let rows = file["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 300);
    let inputs: Vec<Vec<f64>> = rows.iter().map(|row| numbers(&row["x"])).collect();
    let number = |row: &Value, key: &str| row[key].as_f64().expect("a number");
    let model_of = |value: &Value| ModelId(value.as_u64().expect("a model") as u16);
    for (t, row) in rows.iter().enumerate() {
        let context = result(&inputs[t], ModelId(0), 0.0).context;
        let mut draws = Streams::new(1).nth(Purpose::Choice, t as u64);
        for (model, score) in (0..).map(ModelId).zip(numbers(&row["scores"])) {
            let index = learner.index(&context, model, &mut draws);
            agree(&format!("score of {model:?} at {t}"), index, score);
        }
        let eligible = row["eligible"].as_array().expect("models").iter().map(model_of).collect();
        let choice = learner.choose(&context, eligible, &mut draws);
        assert_eq!(choice.model, model_of(&row["model"]), "at {t}");
        learner.chosen(&context, choice.model);
        if let Some(late) = t.checked_sub(delay) {
            let (x, row) = (&inputs[late], &rows[late]);
            let feedback = result(x, model_of(&row["model"]), number(row, "reward"));
            learner.learn(&Feedback { cost: number(row, "cost"), ..feedback });
        }
    }
}

/// Variances, means and number of results by model, epsilon, least share and ridge, and the best shares.
type Shared<'a> = (&'a [f64], &'a [f64], f64, f64, f64, f64, &'a [f64]);

#[test]
fn shares_that_identify_the_best_model() {
    // Solutions of the convex program by general solvers, as published with TensorZero (the tests of its
    // `estimate_optimal_probabilities`): the first six by cvxpy with Clarabel, the last by scipy.
    let tenths: Vec<f64> = (1..=10).map(|i| f64::from(i) / 10.0).collect();
    let cases: [Shared<'_>; 8] = [
        (
            &[0.1, 0.2, 0.15],
            &[0.2, 0.6, 0.4],
            30.0,
            0.02,
            0.05,
            0.5,
            &[0.050000000981238, 0.509054656289642, 0.440945342729120],
        ),
        (
            &[0.05, 0.15, 0.1, 0.2],
            &[0.25, 0.55, 0.4, 0.6],
            100.0,
            0.05,
            0.05,
            2.0,
            &[0.050000000010182, 0.417754702981922, 0.050000000506407, 0.482245296501354],
        ),
        (
            &[0.1, 0.1, 0.1],
            &[0.5, 0.51, 0.3],
            30.0,
            0.01,
            0.01,
            0.0,
            &[0.494996029290799, 0.495003970556052, 0.010000000211085],
        ),
        (
            &[0.1; 10],
            &tenths,
            100.0,
            0.02,
            0.01,
            0.1,
            &[
                0.009999998037405,
                0.009999998021350,
                0.009999998050981,
                0.009999998100266,
                0.011316045868696,
                0.017600153556836,
                0.031270947718469,
                0.072188003456080,
                0.409811419219896,
                0.417813437971073,
            ],
        ),
        (
            &[3.0, 4.0, 2.5, 5.0, 3.5],
            &[20.0, 25.0, 22.0, 28.0, 24.0],
            50.0,
            1.0,
            0.05,
            0.5,
            &[
                0.049999999144349,
                0.342706084262522,
                0.049999999158130,
                0.417175997176582,
                0.140117920263625,
            ],
        ),
        (
            &[1.0, 20.0],
            &[100.0, 105.0],
            100.0,
            2.0,
            0.01,
            0.0,
            &[0.182752086850448, 0.817247913149552],
        ),
        (
            &[10.0, 15.0],
            &[50.0, 55.0],
            60.0,
            1.0,
            0.01,
            0.5,
            &[0.450083389074646, 0.549916610924264],
        ),
        (
            &[0.5, 1.0, 0.75, 1.5],
            &[2.0, 3.0, 2.5, 3.5],
            80.0,
            0.3,
            0.05,
            0.3,
            &[0.050000000000000, 0.394460771374844, 0.064092683568538, 0.491446545056619],
        ),
    ];
    for (variances, means, n, epsilon, floor, ridge, expected) in cases {
        let most = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let squared_gaps: Vec<f64> =
            means.iter().map(|mean| (most - mean + epsilon) * (most - mean + epsilon)).collect();
        let program = Program {
            variances,
            squared_gaps: &squared_gaps,
            leader: means.iter().position(|mean| *mean == most).expect("there is one"),
            floor,
            ridge: ridge / n.sqrt(),
        };
        let found = program.solve();
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (found, expected) in found.iter().zip(expected) {
            // The solvers' own tolerance, as where they are published.
            assert!((found - expected).abs() < 1e-4, "{means:?}: {found}, {expected}");
        }
    }
}
