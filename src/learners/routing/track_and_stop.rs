//! Track-and-stop: calls are shared out so that the best model is known soon, and then all go to it.

use serde::{Deserialize, Serialize};

use super::shares::Program;
use crate::bounded::{Count, NonNegative, Probability};
use crate::domain::{ModelSet, Propensity};
use crate::learners::arms::{Arms, first_largest, in_proportion};
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `track_and_stop`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Results of a model before it takes part; until then its turn comes as often as any other's.
    pub min_samples: Count,
    /// Results of a model that are looked at; what comes after them is not.
    pub max_samples: Count,
    /// Probability of a wrong winner that is accepted.
    pub delta: Probability,
    /// A winner may be worse than the best by this much.
    pub epsilon: NonNegative,
    /// The least share of a model while there is no winner.
    pub min_share: Probability,
    /// Pull towards equal shares, over the square root of the results.
    pub ridge: NonNegative,
    /// Results after which shares and winner are computed anew. TensorZero does so every 300 s.
    pub refresh_every: Count,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            min_samples: Count::of(10),
            max_samples: Count::of(10_000),
            delta: Probability::of(0.05),
            epsilon: NonNegative::of(0.0),
            min_share: Probability::of(1e-6),
            ridge: NonNegative::of(0.01),
            refresh_every: Count::of(100),
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Calls every model in turn at first, then in the shares that identify the best one soonest, then only the winner.",
    formula: "turns until 10 results each; shares w minimise t + ridge / sqrt(n) |w - 1/K|^2 with s_i^2 / w_i + s_L^2 / w_L <= t (gap_i + epsilon)^2 / 2, w >= min_share; winner L once min_i (gap_i + epsilon)^2 / (2 (s_L^2 / n_L + s_i^2 / n_i)) > ln((1 + ln n) / delta)",
    source: "TensorZero, experimentation type track_and_stop, 2025; Garivier, Kaufmann, \"Optimal best arm identification with fixed confidence\", 2016",
    fails: "Finds the best model rather than earning on the way, and stops looking: a winner that gets worse is noticed only by its own results. Where models are equal it explores for ever. If the winner may not be called, the best mean is.",
    ..Card::BLANK
};

/// Smallest variance and squared gap that are computed with, as TensorZero has them.
const LEAST_VARIANCE: f64 = 1e-12;
const LEAST_SQUARED_GAP: f64 = 1e-6;
/// Means and variances closer than this are the same.
const SAME: f64 = 1e-10;

/// Track-and-stop in flight.
#[derive(Clone, Debug)]
pub struct State {
    config: Config,
    arms: Arms,
    /// Own calls by model.
    sent: Vec<f64>,
    results: u64,
    /// Models without enough results: they are called in turn.
    nursery: ModelSet,
    /// The others' shares.
    shares: Vec<f64>,
    winner: Option<ModelId>,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let n = prior.n_models();
        Self {
            config: config.clone(),
            arms: Arms::new(n),
            sent: vec![0.0; n],
            results: 0,
            nursery: ModelSet::first(n),
            shares: vec![0.0; n],
            winner: None,
        }
    }

    /// The model that has been called least, the first of several.
    fn next_in_turn(&self, nursery: ModelSet) -> ModelId {
        first_largest(nursery, |m| -self.sent[m.index()].max(self.arms.plays[m.index()]))
    }

    /// The model with the largest mean; of equal ones the one that is known best.
    fn leader(&self, among: ModelSet) -> ModelId {
        let mean = |m: ModelId| self.arms.means[m.index()];
        let most = among.iter().map(mean).fold(f64::NEG_INFINITY, f64::max);
        let best = among.iter().filter(|m| most - mean(*m) < SAME).collect();
        first_largest(best, |m| -self.variance(m) / self.arms.plays[m.index()])
    }

    /// Variance of a model's rewards, divided by their number less 1.
    fn variance(&self, model: ModelId) -> f64 {
        let n = self.arms.plays[model.index()];
        (self.arms.variance(model) * n / (n - 1.0).max(1.0)).max(LEAST_VARIANCE)
    }

    fn refresh(&mut self) {
        let enough = self.config.min_samples.get() as f64;
        let all = ModelSet::first(self.sent.len());
        let grown: ModelSet = all.iter().filter(|m| self.arms.plays[m.index()] >= enough).collect();
        self.winner = None;
        self.nursery = all.minus(grown);
        if grown.len() < 2 && all.len() > 1 {
            self.nursery = all;
            return;
        }
        let leader = self.leader(grown);
        if self.is_won(leader, grown) {
            self.winner = Some(leader);
            return;
        }
        for (model, share) in grown.iter().zip(self.best_shares(leader, grown)) {
            self.shares[model.index()] = share;
        }
    }

    fn gap(&self, leader: ModelId, model: ModelId) -> f64 {
        self.arms.means[leader.index()] - self.arms.means[model.index()] + self.config.epsilon.get()
    }

    /// Whether the leader is told from every other model.
    fn is_won(&self, leader: ModelId, grown: ModelSet) -> bool {
        let n: f64 = grown.iter().map(|m| self.arms.plays[m.index()]).sum();
        let threshold = math::ln((1.0 + math::ln(n)) / self.config.delta.get());
        let error = |m: ModelId| self.variance(m) / self.arms.plays[m.index()];
        grown.iter().filter(|m| *m != leader).all(|m| {
            let gap = self.gap(leader, m).max(0.0);
            gap * gap / (2.0 * (error(leader) + error(m))) > threshold
        })
    }

    fn best_shares(&self, leader: ModelId, grown: ModelSet) -> Vec<f64> {
        let k = grown.len();
        let variances: Vec<f64> = grown.iter().map(|m| self.variance(m)).collect();
        let gaps: Vec<f64> = grown.iter().map(|m| self.gap(leader, m)).collect();
        let most = variances.iter().copied().fold(0.0, f64::max);
        let least = variances.iter().copied().fold(f64::INFINITY, f64::min);
        if most - least < SAME && gaps.iter().all(|gap| gap.abs() < SAME) {
            return vec![1.0 / k as f64; k];
        }
        let n: f64 = grown.iter().map(|m| self.arms.plays[m.index()]).sum();
        let squared_gaps: Vec<f64> =
            gaps.iter().map(|gap| (gap * gap).max(LEAST_SQUARED_GAP)).collect();
        Program {
            variances: &variances,
            squared_gaps: &squared_gaps,
            leader: grown.iter().position(|m| m == leader).expect("the leader is one of them"),
            floor: self.config.min_share.get().min(1.0 / k as f64),
            ridge: self.config.ridge.get() / n.sqrt(),
        }
        .solve()
    }

    /// A choice among models that have enough results.
    fn tracked(&self, grown: ModelSet, stream: &mut Stream) -> Choice {
        let certain = |model| Choice { model, propensity: Propensity::Exact(1.0), explored: false };
        match self.winner {
            Some(winner) if grown.contains(winner) => certain(winner),
            Some(_) => certain(self.leader(grown)),
            None => in_proportion(grown, stream, |m| self.shares[m.index()]),
        }
    }
}

impl Learner for State {
    fn choose(&self, _: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let (nursery, grown) = (eligible.and(self.nursery), eligible.minus(self.nursery));
        // Each model in the nursery gets as much as one of the others on average.
        let n_others = match self.winner {
            Some(winner) => usize::from(grown.contains(winner)),
            None => grown.len(),
        };
        if nursery.is_empty() {
            return self.tracked(grown, stream);
        }
        let of_nursery = nursery.len() as f64 / (nursery.len() + n_others) as f64;
        if stream.uniform() < of_nursery {
            let model = self.next_in_turn(nursery);
            return Choice { model, propensity: Propensity::Exact(of_nursery), explored: false };
        }
        let choice = self.tracked(grown, stream);
        let p = choice.propensity.value().expect("it is exact") * (1.0 - of_nursery);
        Choice { propensity: Propensity::Exact(p), ..choice }
    }

    fn chosen(&mut self, _: &Context<'_>, model: ModelId) {
        self.sent[model.index()] += 1.0;
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        if self.arms.plays[feedback.model.index()] < self.config.max_samples.get() as f64 {
            self.arms.book(feedback.model, feedback.reward);
        }
        self.results += 1;
        if self.results.is_multiple_of(self.config.refresh_every.get()) {
            self.refresh();
        }
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        self.arms.mean(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::{Level, TaskId};

    const MEANS: [f64; 4] = [0.3, 0.55, 0.8, 0.5];

    fn learner() -> State {
        State::new(&Config::default(), &Prior::of_scores(vec![[50.0; 4]; MEANS.len()]))
    }

    /// One decision and its result.
    fn step(learner: &mut State, streams: &Streams, t: u64, eligible: ModelSet) -> Choice {
        let context = Context::plain(Level::L1, 0);
        let choice =
            learner.choose(&context, eligible, &mut streams.task(Purpose::Choice, TaskId(t)));
        learner.chosen(&context, choice.model);
        let mut call = streams.call(Purpose::Call, TaskId(t), choice.model, 0, 0);
        let reward = f64::from(u8::from(call.uniform() < MEANS[choice.model.index()]));
        learner.learn(&Feedback {
            propensity: choice.propensity,
            ..Feedback::answered(context, choice.model, reward)
        });
        choice
    }

    #[test]
    fn it_stops_at_the_best_model_and_is_seldom_wrong() {
        let (all, n) = (ModelSet::first(4), 400);
        let (mut wrong, mut shares_of_best) = (0, 0.0);
        for seed in 0..n {
            let (mut learner, streams) = (learner(), Streams::new(seed));
            let mut t = 0;
            while learner.winner.is_none() {
                let choice = step(&mut learner, &streams, t, all);
                if t < 100 {
                    // The first refresh comes after 100 results; until then each has its turn.
                    let expected = (ModelId((t % 4) as u16), Propensity::Exact(1.0));
                    assert_eq!((choice.model, choice.propensity), expected);
                }
                t += 1;
                assert!(t < 20_000, "no winner, seed {seed}");
            }
            wrong += u32::from(learner.winner != Some(ModelId(2)));
            shares_of_best += learner.arms.plays[2] / t as f64;
            // All goes to the winner; the best of the others stands in for it.
            let winner = learner.winner.expect("there is one");
            assert_eq!(step(&mut learner, &streams, t, all).model, winner);
            let mut others = all;
            others.remove(winner);
            let leader = learner.leader(others);
            assert_eq!(step(&mut learner, &streams, t + 1, others).model, leader);
        }
        // delta = 0.05; 34 is the 99.9 % quantile of a binomial count of 400 at that rate.
        assert!(wrong <= 34, "{wrong} wrong winners of {n}");
        // The best model and its rivals are called most, not the worst.
        assert!(shares_of_best / n as f64 > 0.3, "{}", shares_of_best / n as f64);
    }

    #[test]
    fn a_model_that_opens_late_gets_its_turns_beside_the_others() {
        let (mut learner, streams) = (learner(), Streams::new(1));
        let three = ModelSet::first(3);
        for t in 0..200 {
            step(&mut learner, &streams, t, three);
        }
        assert!(learner.nursery.contains(ModelId(3)) && learner.nursery.len() == 1);
        let of_late = if learner.winner.is_some() { 0.5 } else { 0.25 };
        let mut late = 0;
        for t in 200..300 {
            let choice = step(&mut learner, &streams, t, ModelSet::first(4));
            let p = choice.propensity.value().expect("it is exact");
            if choice.model == ModelId(3) {
                assert_eq!(p, of_late);
                late += 1;
            } else {
                assert!(p > 0.0 && p <= 1.0 - of_late);
            }
        }
        assert!(late >= 10, "{late}");
        assert!(learner.nursery.is_empty());
    }

    #[test]
    fn results_beyond_the_cap_are_not_looked_at() {
        let config = Config { max_samples: Count::of(20), ..Config::default() };
        let mut learner = State::new(&config, &Prior::of_scores(vec![[50.0; 4]; 2]));
        let streams = Streams::new(2);
        for t in 0..400 {
            step(&mut learner, &streams, t, ModelSet::first(2));
        }
        assert_eq!(learner.arms.plays, [20.0, 20.0]);
    }
}
