//! GLR-klUCB: KL-UCB that starts again when a likelihood ratio test finds a change.

use serde::{Deserialize, Serialize};

use crate::bounded::{Count, Probability, Share};
use crate::domain::{ModelSet, Propensity};
use crate::learners::arms::{Arms, greedy};
use crate::learners::drifting::detect::Glr;
use crate::learners::drifting::{forced, forced_period};
use crate::learners::kl::klucb_above;
use crate::learners::{Card, Choice, Context, Feedback, Learner, Prior};
use crate::math;
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// What starts again when a model's rewards have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Restarts {
    /// All that is known of all models.
    Global,
    /// What is known of that model.
    Local,
}

/// Keys of `glr_klucb`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What starts again at a change: fits changes of all models at once, or of one at a time.
    pub restarts: Restarts,
    /// Share of rounds in which a model is played whatever its index. By default 0.1 sqrt(Y ln T / T), with K Y for Y where
    /// restarts are local; Y = changes, T = horizon, K models. The factor 0.1 is that of the paper's experiments.
    #[schemars(example = 0.005)]
    pub alpha: Option<Probability>,
    /// Probability of a false alarm. By default 1 / sqrt(Y T), with K Y for Y where restarts are local.
    #[schemars(example = 0.005)]
    pub delta: Option<Share>,
    /// A model's rewards from one test of them to the next.
    pub test_every: Count,
    /// Rewards from one point that is looked at as a change to the next.
    pub split_every: Count,
    /// Changes expected over the horizon.
    pub changes: Count,
    /// Decisions to come; by default what is known of the run, else 10,000.
    #[schemars(example = 10_000)]
    pub horizon: Option<Count>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            restarts: Restarts::Global,
            alpha: None,
            delta: None,
            test_every: Count::of(10),
            split_every: Count::of(5),
            changes: Count::of(1),
            horizon: None,
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Plays the model with the largest KL upper confidence bound and starts again when a likelihood ratio test finds a change.",
    formula: "argmax max{q: plays kl(mean, q) <= ln(t - restart)}; a share alpha of rounds plays each model in turn; restart when max_s s kl(mean_1..s, mean) + (n - s) kl(mean_s+1..n, mean) >= ln(n^1.5 / delta)",
    source: "Besson, Kaufmann, Maillard, Seznec, \"Efficient change-point detection for tackling piecewise-stationary bandits\", 2022",
    fails: "Assumes rewards in 0..1 (others are clamped) with abrupt changes: a slow drift or a cycle is found late and again and again; a change of a model that is hardly played is seen by forced plays alone.",
    has_index: true,
    ..Card::BLANK
};

/// GLR-klUCB in flight.
#[derive(Clone, Debug)]
pub struct State {
    restarts: Restarts,
    period: u64,
    /// Rewards seen since the beginning.
    seen: u64,
    /// Rewards that had been seen at the last restart of each model.
    since: Vec<u64>,
    arms: Arms,
    tests: Vec<Glr>,
}

impl State {
    /// A fresh learner.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let n = prior.n_models();
        let t = prior.horizon(config.horizon.map(Count::get)) as f64;
        let changes = config.changes.get() as f64
            * match config.restarts {
                Restarts::Global => 1.0,
                Restarts::Local => n as f64,
            };
        let by_horizon = || (0.1 * (changes * math::ln(t) / t).sqrt()).min(1.0);
        let alpha = config.alpha.map_or_else(by_horizon, Probability::get);
        let delta = config.delta.map_or_else(|| 1.0 / (changes * t).sqrt(), Share::get);
        let test = Glr::new(delta, config.test_every.get(), config.split_every.get());
        Self {
            restarts: config.restarts,
            period: forced_period(n, alpha),
            seen: 0,
            since: vec![0; n],
            arms: Arms::new(n),
            tests: vec![test; n],
        }
    }

    /// The round of a decision since the last restart of a model.
    fn round(&self, model: ModelId) -> u64 {
        self.seen + 1 - self.since[model.index()]
    }

    /// The index, exact where it is not below `floor`.
    #[inline]
    fn bound(&self, context: &Context<'_>, model: ModelId, ln_round: f64, floor: f64) -> f64 {
        self.arms.index(context, model, |mean, n| klucb_above(mean, ln_round / n, floor))
    }

    fn restart(&mut self, model: ModelId) {
        self.arms.clear(model);
        self.tests[model.index()].clear();
        self.since[model.index()] = self.seen;
    }
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        if let Some(model) = forced(self.seen, self.period, self.since.len())
            && eligible.contains(model)
        {
            return Choice { model, propensity: Propensity::Exact(1.0), explored: false };
        }
        let mut floor = f64::NEG_INFINITY;
        // The logarithm is the same for all models as long as all restart together.
        let mut last = (0, 0.0);
        greedy(eligible, stream, |model| {
            let round = self.round(model);
            if round != last.0 {
                last = (round, math::ln(round as f64));
            }
            let index = self.bound(context, model, last.1, floor);
            floor = floor.max(index);
            index
        })
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        let reward = feedback.reward.clamp(0.0, 1.0);
        self.seen += 1;
        self.arms.book(feedback.model, reward);
        if self.tests[feedback.model.index()].push(reward) {
            match self.restarts {
                Restarts::Global => {
                    (0..self.since.len()).for_each(|i| self.restart(ModelId(i as u16)));
                }
                Restarts::Local => self.restart(feedback.model),
            }
        }
    }

    fn belief(&self, _: &Context<'_>, model: ModelId) -> Option<f64> {
        self.arms.mean(model)
    }

    fn index(&self, context: &Context<'_>, model: ModelId, _: &mut Stream) -> f64 {
        let ln_round = math::ln(self.round(model) as f64);
        self.bound(context, model, ln_round, f64::NEG_INFINITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learners::kl::klucb;
    use crate::sim::stream::{Purpose, Streams};
    use crate::units::{Level, TaskId};

    fn state(restarts: Restarts, alpha: f64) -> State {
        let alpha = Some(Probability::of(alpha));
        let config = Config { restarts, alpha, ..Config::default() };
        State::new(&config, &Prior::of_scores(vec![[50.0; 4]; 2]))
    }

    fn feed(state: &mut State, model: u16, reward: f64) {
        state.learn(&Feedback::answered(Context::plain(Level::L1, 0), ModelId(model), reward));
    }

    #[test]
    fn a_change_of_one_model_restarts_it_alone_or_all() {
        let context = Context::plain(Level::L1, 0);
        for (restarts, other) in [(Restarts::Local, Some(0.5)), (Restarts::Global, None)] {
            let mut state = state(restarts, 0.0);
            for _ in 0..50 {
                feed(&mut state, 0, 1.0);
                feed(&mut state, 1, 0.0);
                feed(&mut state, 1, 1.0);
            }
            // ln(60^1.5 / delta) = 10.7 is less than 60 entropy(1/6) = 27: found at the next test.
            (0..10).for_each(|_| feed(&mut state, 0, 0.0));
            assert_eq!(state.belief(&context, ModelId(0)), None);
            assert_eq!(state.belief(&context, ModelId(1)), other);
            feed(&mut state, 0, 0.0);
            feed(&mut state, 0, 1.0);
            let mut stream = Streams::new(1).nth(Purpose::Choice, 0);
            let own = state.index(&context, ModelId(0), &mut stream);
            assert_eq!(own, klucb(0.5, math::ln(3.0) / 2.0));
            if other.is_some() {
                let others = state.index(&context, ModelId(1), &mut stream);
                assert_eq!(others, klucb(0.5, math::ln(163.0) / 100.0));
            }
        }
    }

    #[test]
    fn the_largest_index_is_played_and_every_model_has_its_forced_turns() {
        let context = Context::plain(Level::L1, 0);
        let mut state = state(Restarts::Global, 0.1);
        let mut forced = [0; 2];
        for t in 0..2000_u64 {
            let mut stream = Streams::new(2).task(Purpose::Choice, TaskId(t));
            let both = [ModelId(0), ModelId(1)].into_iter().collect();
            let choice = state.choose(&context, both, &mut stream);
            let [a, b] = [0, 1].map(|i| state.index(&context, ModelId(i), &mut stream));
            match t % 20 {
                turn @ (0 | 1) => {
                    forced[turn as usize] += 1;
                    assert_eq!(choice.model, ModelId(turn as u16), "round {t}");
                }
                _ => assert!(a == b || choice.model == ModelId(u16::from(b > a)), "round {t}"),
            }
            let reward = f64::from(u8::from(stream.uniform() < [0.4, 0.5][choice.model.index()]));
            feed(&mut state, choice.model.0, reward);
        }
        assert_eq!(forced, [100; 2]);
    }
}
