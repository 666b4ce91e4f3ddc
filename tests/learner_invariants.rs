//! What holds of every learner on every problem, over random problems.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use reflexarc::domain::{AttemptRecord, ModelSet, Propensity, TaskRecord};
use reflexarc::engine::{self, Observer};
use reflexarc::learners::wrappers::{Wrapped, Wrappers};
use reflexarc::learners::{
    CARDS, Context, Features, Feedback, Learner, LearnerConfig, Prior, Reads,
};
use reflexarc::routing::order::OrderRule;
use reflexarc::sim::stream::{Purpose, Streams};
use reflexarc::units::{Level, ModelId, TaskId};
use reflexarc::world::bandit::{Delay, Presence, Problem, Stage};
use serde_json::json;

#[path = "support/bandits.rs"]
mod bandits;
mod support;

use bandits::{bernoulli, cell, order, stationary};

fn config(name: &str) -> LearnerConfig {
    serde_json::from_value(json!({ name: {} })).expect("every learner has defaults")
}

/// Features of five models: one vector for all, or one for each.
struct Told {
    values: Vec<f64>,
    reads: Reads,
}

const K: usize = 5;
const D: usize = 3;

impl Told {
    fn of(round: u64, reads: Reads) -> Self {
        let n = if reads == Reads::Pair { K * D } else { D };
        let mut stream = Streams::new(9).task(Purpose::Task, TaskId(round));
        Self { values: (0..n).map(|_| stream.uniform()).collect(), reads }
    }

    fn context(&self) -> Context<'_> {
        let features = match self.reads {
            Reads::Nothing => Features::NONE,
            Reads::Request => Features::of_request(&self.values),
            Reads::Pair => Features::of_pairs(&self.values, D),
        };
        Context { features, ..Context::plain(Level::L1, 9) }
    }
}

/// A learner that has played some rounds against arms of different means, each with a set of arms of its own.
fn played(name: &str, wrappers: &Wrappers, rounds: u64, seed: u64) -> (Wrapped, Reads) {
    let config = config(name);
    let reads = config.card().reads;
    let prior = Prior { n_features: D, ..Prior::of_scores(vec![[50.0; 4]; K]) };
    let mut learner = Wrapped::new(&config, wrappers, &prior);
    let streams = Streams::new(seed);
    for round in 0..rounds {
        let told = Told::of(round, reads);
        let context = told.context();
        let mut world = streams.task(Purpose::Call, TaskId(round));
        let mut open: ModelSet =
            (0..K as u16).map(ModelId).filter(|_| world.uniform() < 0.7).collect();
        if open.is_empty() {
            open.insert(ModelId((round % K as u64) as u16));
        }
        let mut stream = streams.task(Purpose::Choice, TaskId(round));
        let choice = learner.choose(&context, open, &mut stream);
        assert!(open.contains(choice.model), "{name} chose a closed model, seed {seed}");
        if let Propensity::Exact(p) | Propensity::Estimated(p) = choice.propensity {
            assert!(p > 0.0 && p <= 1.0 + 1e-12, "{name}: probability {p}, seed {seed}");
        }
        learner.chosen(&context, choice.model);
        let mean = 0.2 + 0.15 * f64::from(choice.model.0);
        let reward = f64::from(u8::from(world.uniform() < mean));
        learner.learn(&Feedback {
            cost: 0.3,
            propensity: choice.propensity,
            ..Feedback::answered(context, choice.model, reward)
        });
    }
    (learner, reads)
}

/// The logged probability of every model that is drawn, and how often it is.
fn distribution(
    learner: &Wrapped,
    context: &Context<'_>,
    open: ModelSet,
    draws: u64,
) -> Option<BTreeMap<u16, (f64, u64)>> {
    let streams = Streams::new(77);
    let mut seen: BTreeMap<u16, (f64, u64)> = BTreeMap::new();
    for draw in 0..draws {
        let choice =
            learner.choose(context, open, &mut streams.task(Purpose::Choice, TaskId(draw)));
        let Propensity::Exact(p) = choice.propensity else { return None };
        let entry = seen.entry(choice.model.0).or_insert((p, 0));
        assert!((entry.0 - p).abs() < 1e-12, "one state, two probabilities: {p}, {}", entry.0);
        entry.1 += 1;
    }
    Some(seen)
}

#[test]
fn probabilities_sum_to_one_and_are_those_logged() {
    const DRAWS: u64 = 4_000;
    let mut exact = 0;
    for (name, _) in CARDS {
        for (seed, rounds) in [(31, 0), (32, 3), (33, 60), (34, 700)] {
            let (learner, reads) = played(name, &Wrappers::default(), rounds, seed);
            let told = Told::of(rounds, reads);
            for open in [ModelSet::first(K), [1, 3, 4].into_iter().map(ModelId).collect()] {
                let Some(seen) = distribution(&learner, &told.context(), open, DRAWS) else {
                    continue;
                };
                exact += 1;
                let what = format!("{name} after {rounds} rounds, seed {seed}: {seen:?}");
                let sum: f64 = seen.values().map(|(p, _)| p).sum();
                // What is never drawn in 4,000 draws has, but once in 10^9, less than .0052.
                let missing = (open.len() - seen.len()) as f64;
                assert!(sum <= 1.0 + 1e-9 && sum >= 1.0 - 1e-9 - 0.0052 * missing, "{what}");
                for (p, times) in seen.values() {
                    let share = *times as f64 / DRAWS as f64;
                    // Five standard errors, over fewer than 2,000 comparisons.
                    let se = (p * (1.0 - p) / DRAWS as f64).sqrt();
                    assert!((share - p).abs() <= 5.0 * se + 1e-9, "{what}");
                }
            }
        }
    }
    assert!(exact > 100, "{exact} distributions were looked at");
}

#[test]
fn estimated_probabilities_are_near_the_frequencies() {
    let wrappers: Wrappers =
        serde_json::from_value(json!({ "estimate_propensity": 400 })).expect("wrappers");
    let (learner, reads) = played("thompson_beta", &wrappers, 60, 35);
    let told = Told::of(60, reads);
    let mut sums = BTreeMap::<u16, (f64, f64)>::new();
    let draws = 2_000_u32;
    for draw in 0..draws {
        let mut stream = Streams::new(78).task(Purpose::Choice, TaskId(draw.into()));
        let choice = learner.choose(&told.context(), ModelSet::first(K), &mut stream);
        let Propensity::Estimated(p) = choice.propensity else { panic!("{choice:?}") };
        let sum = sums.entry(choice.model.0).or_default();
        *sum = (sum.0 + p, sum.1 + 1.0);
    }
    for (model, (sum, times)) in sums {
        let (mean, share) = (sum / times, times / f64::from(draws));
        // Each estimate has a bias of at most 1 / 401; the share a standard error of .011.
        assert!((mean - share).abs() < 0.0025 + 5.0 * 0.011, "{model}: {mean} and {share}");
    }
}

/// What a run drew and lost.
#[derive(Default)]
struct Seen {
    /// Reward by round and arm.
    rewards: BTreeMap<(u64, u16), u64>,
    regrets: Vec<f64>,
    arms: Vec<Option<u16>>,
}

impl Observer for Seen {
    fn attempt_ended(&mut self, call: &AttemptRecord) {
        let reward = call.reward.expect("bandit mode tells every reward").to_bits();
        self.rewards.insert((call.task.0, call.model.0), reward);
    }

    fn task_ended(&mut self, record: &TaskRecord) {
        self.regrets.push(record.decision_regret.expect("it is always known"));
        self.arms.push(record.first_model.map(|m| m.0));
    }
}

fn play(problem: &Problem, order: OrderRule, seed: u64) -> Seen {
    let mut seen = Seen::default();
    engine::run(&cell(problem.clone(), order), seed, &mut seen);
    seen
}

/// A problem of up to six arms, with two stages, sleep, late results and an arm that comes and goes.
fn problems() -> impl Strategy<Value = Problem> {
    let means = prop::collection::vec(0.0..=1.0_f64, 6);
    let delay = prop_oneof![
        Just(Delay::Constant(0)),
        (1..30_u64).prop_map(Delay::Constant),
        (1.0..30.0_f64).prop_map(Delay::Geometric),
    ];
    (2..=6_usize, means.clone(), means, delay, 0.4..=1.0_f64, any::<bool>()).prop_map(
        |(n, first, second, delay, awake, leaves)| {
            let stage = |from, means: &[f64]| Stage { from, means: means[..n].to_vec() };
            let present = Presence { arm: ModelId(0), from: 40, until: 150 };
            Problem {
                horizon: 200,
                awake,
                present: if leaves { vec![present] } else { Vec::new() },
                ..bernoulli(vec![stage(0, &first), stage(100, &second)], delay)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        rng_seed: RngSeed::Fixed(41),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn worlds_are_the_same_for_all_learners_and_regret_is_never_negative(problem in problems(), seed in 1..1_000_u64) {
        let mut rewards = BTreeMap::new();
        for (name, _) in CARDS {
            let seen = play(&problem, order(&json!({ *name: {} })), seed);
            prop_assert_eq!(seen.regrets.len(), 200);
            prop_assert!(seen.regrets.iter().all(|regret| *regret >= 0.0), "{}", name);
            for (round, arm) in seen.arms.iter().enumerate() {
                let gone = *arm == Some(0) && !problem.present.is_empty() && !(40..150).contains(&round);
                prop_assert!(!gone, "{} chose an arm that is not there in round {}", name, round);
            }
            for (place, reward) in seen.rewards {
                let before = rewards.insert(place, reward);
                prop_assert!(before.is_none_or(|old| old == reward), "{} moved {:?}", name, place);
            }
        }
    }
}

#[test]
fn uniform_play_loses_the_mean_gap_in_every_round() {
    let means = [0.7, 0.5, 0.4, 0.1];
    let gap: f64 = means.iter().map(|mean| 0.7 - mean).sum::<f64>() / 4.0;
    let spread =
        means.iter().map(|mean| (0.7 - mean - gap) * (0.7 - mean - gap)).sum::<f64>() / 4.0;
    let n = 100_u32;
    let problem = stationary(&means, Delay::Constant(0));
    let total: f64 = (0..n)
        .map(|i| {
            play(&problem, OrderRule::Random, 5_000 + u64::from(i)).regrets.iter().sum::<f64>()
        })
        .sum();
    let rounds = f64::from(n) * 10_000.0;
    let off = (total - rounds * gap) / (rounds * spread).sqrt();
    assert!(off.abs() < 3.9, "{off} standard errors, seeds from 5000");
}

/// Late results of many rounds that come at once reach the learner in the order of their rounds: a run does not depend on what
/// else runs, in which order or on how many threads.
#[test]
fn late_results_come_in_the_order_of_their_rounds() {
    let problem =
        Problem { horizon: 2_000, ..stationary(&[0.3, 0.5, 0.6], Delay::Geometric(40.0)) };
    for (name, _) in CARDS {
        let rule = order(&json!({ *name: {} }));
        let alone: Vec<_> = [3, 1, 2].map(|seed| play(&problem, rule.clone(), seed).arms).into();
        let together = std::thread::scope(|scope| {
            let runs = [1, 2, 3].map(|seed| {
                let (problem, rule) = (&problem, rule.clone());
                scope.spawn(move || play(problem, rule, seed).arms)
            });
            runs.map(|run| run.join().expect("it ends"))
        });
        assert_eq!(
            alone,
            [together[2].clone(), together[0].clone(), together[1].clone()],
            "{name}"
        );
    }
}
