//! The plan's tabular Q-learning over level x time of day.

use serde::{Deserialize, Serialize};

use crate::bounded::Probability;
use crate::domain::{ModelSet, Propensity};
use crate::learners::arms::first_largest;
use crate::learners::{BeliefScale, Card, Choice, Context, Exploration, Feedback, Learner, Prior};
use crate::sim::stream::Stream;
use crate::units::ModelId;

/// Keys of `stage4_q`; the defaults are the plan's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Step size of an update.
    pub learning_rate: Probability,
    /// Weight of the next state's value.
    pub discount: Probability,
    /// First probability of a random model.
    pub epsilon: Probability,
    /// Factor on epsilon after every result.
    pub epsilon_decay: Probability,
    /// Lowest epsilon.
    pub epsilon_floor: Probability,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            learning_rate: Probability::of(0.1),
            discount: Probability::of(0.95),
            epsilon: Probability::of(0.1),
            epsilon_decay: Probability::of(0.995),
            epsilon_floor: Probability::of(0.01),
        }
    }
}

/// How it is described.
pub const CARD: Card = Card {
    summary: "Q-learning with 16 states (level x night, morning, afternoon, evening), epsilon-greedy.",
    formula: "Q <- Q + rate (r + discount max Q - Q), next state = same state; r = 1, .5, 0, -.5 for performance > .95, > .85, > .5, else; ties to the first model",
    source: "Stage 4 plan (stage4 section 12); Watkins, Dayan, \"Q-learning\", 1992",
    fails: "The next state is the state itself, so values drift towards r / (1 - discount), slowly and for all models through one maximum; four coarse rewards hide differences.",
    keeps_levels: true,
    keeps_hours: true,
    belief: BeliefScale::Value,
    exploration: Exploration::Marked,
    ..Card::BLANK
};

/// The table in flight.
#[derive(Clone, Debug)]
pub struct State {
    config: Config,
    n_models: usize,
    q: Vec<f64>,
    epsilon: f64,
}

impl State {
    /// All values zero.
    #[must_use]
    pub fn new(config: &Config, prior: &Prior) -> Self {
        let n_models = prior.n_models();
        Self {
            config: config.clone(),
            n_models,
            q: vec![0.0; 16 * n_models],
            epsilon: config.epsilon.get(),
        }
    }

    /// The values of the context's state, by model.
    #[must_use]
    pub fn values(&self, context: &Context<'_>) -> &[f64] {
        let state = context.level.index() * 4 + usize::from(context.hour) / 6;
        &self.q[state * self.n_models..][..self.n_models]
    }

    /// Probability of a random model at the next choice.
    #[must_use]
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }
}

/// The plan's reward of a performance in 0..1.
#[must_use]
pub fn reward(performance: f64) -> f64 {
    if performance > 0.95 {
        1.0
    } else if performance > 0.85 {
        0.5
    } else if performance > 0.5 {
        0.0
    } else {
        -0.5
    }
}

impl Learner for State {
    fn choose(&self, context: &Context<'_>, eligible: ModelSet, stream: &mut Stream) -> Choice {
        let values = self.values(context);
        let best = first_largest(eligible, |m| values[m.index()]);
        let explored = stream.uniform() < self.epsilon;
        let any = stream.index(eligible.len());
        let model = if explored { eligible.nth(any).expect("drawn below the count") } else { best };
        let greedy = if model == best { 1.0 - self.epsilon } else { 0.0 };
        let propensity = Propensity::Exact(greedy + self.epsilon / eligible.len() as f64);
        Choice { model, propensity, explored }
    }

    fn learn(&mut self, feedback: &Feedback<'_>) {
        let performance = if feedback.served { feedback.quality / 100.0 } else { 0.0 };
        let most = self.values(&feedback.context).iter().copied().fold(f64::MIN, f64::max);
        let state = feedback.context.level.index() * 4 + usize::from(feedback.context.hour) / 6;
        let q = &mut self.q[state * self.n_models + feedback.model.index()];
        let target = reward(performance) + self.config.discount.get() * most;
        *q += self.config.learning_rate.get() * (target - *q);
        self.epsilon =
            (self.epsilon * self.config.epsilon_decay.get()).max(self.config.epsilon_floor.get());
    }

    fn belief(&self, context: &Context<'_>, model: ModelId) -> Option<f64> {
        Some(self.values(context)[model.index()])
    }
}
