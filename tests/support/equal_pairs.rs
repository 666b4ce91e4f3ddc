//! Equal pairs: the same learning algorithm on either side, with learner streams of its own.

use reflexarc::domain::{ModelSet, Outcome};
use reflexarc::learners::{Context, Feedback, Learner, LearnerConfig, Prior};
use reflexarc::math;
use reflexarc::sim::sample::standard_normal;
use reflexarc::sim::stream::{Purpose, Streams};
use reflexarc::units::{Level, ModelId, TaskId};

pub(crate) fn algorithms() -> [LearnerConfig; 2] {
    [LearnerConfig::Ucb1(Default::default()), LearnerConfig::EpsilonGreedy(Default::default())]
}

/// Mean reward of an algorithm over 50 decisions among four models in a world of its own: a failed call is worth 0, an
/// answer 0.5 to 0.8, success varies over worlds. The learner's own draws have a key of their own.
fn mean_reward(algorithm: &LearnerConfig, world: u64, learner: u64) -> f64 {
    const DECLARED: [f64; 4] = [0.7, 0.8, 0.85, 0.9];
    const DECISIONS: u64 = 50;
    let (world, choices) = (Streams::new(world), Streams::new(learner));
    let mut truth = world.nth(Purpose::Truth, 0);
    let success =
        DECLARED.map(|p| math::logistic(math::logit(p) + 0.5 * standard_normal(&mut truth)));
    let eligible: ModelSet = (0..4).map(ModelId).collect();
    let context = Context::plain(Level::L1, 9);
    let mut learner = algorithm.build(&Prior::of_scores(vec![[50.0; 4]; 4]));
    let mut sum = 0.0;
    for task in (0..DECISIONS).map(TaskId) {
        let choice = learner.choose(&context, eligible, &mut choices.task(Purpose::Choice, task));
        let mut call = world.call(Purpose::Call, task, choice.model, 0, 0);
        let served = call.uniform() < success[choice.model.index()];
        let reward = if served { 0.5 + 0.3 * call.uniform() } else { 0.0 };
        sum += reward;
        learner.learn(&Feedback {
            context,
            model: choice.model,
            outcome: if served { Outcome::Success } else { Outcome::Failure },
            served,
            quality: 100.0 * reward,
            reward,
            cost: 0.0,
            own: true,
            propensity: choice.propensity,
        });
    }
    sum / DECISIONS as f64
}

/// Per-seed rewards of the two sides of an equal pair: the same algorithm with different learner streams, in the same
/// worlds or each in its own.
pub(crate) fn equal_pair(
    algorithm: &LearnerConfig,
    seed: u64,
    study: u64,
    same_worlds: bool,
) -> impl Iterator<Item = (f64, f64)> {
    let first = seed * 1_000_000_000 + study * 100_000;
    (first..).step_by(2).map(move |k| {
        let other = if same_worlds { k } else { k + 1 };
        (mean_reward(algorithm, k, k), mean_reward(algorithm, other, k + 1))
    })
}
