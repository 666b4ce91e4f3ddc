//! A classic bandit problem, which is played in rounds instead of simulating providers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;
use crate::scenario::values::{
    Count, Finite, NonNegative, Points, Positive, Probability, Share, Whole,
};

/// A bandit problem: in every round the router chooses an arm, which is a model without provider.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bandit {
    /// The number of rounds.
    #[schemars(example = 10_000)]
    pub rounds: Count,
    /// What the arms give.
    pub rewards: Rewards,
    /// The names of the arms, by default `arm-1`, `arm-2` and so on.
    #[schemars(extend("examples" = [["small", "large"]]))]
    pub arms: Option<Vec<Name>>,
    /// The probability that an arm is awake in a round; a sleeping arm cannot be chosen. Regret is against the best arm
    /// that is awake.
    #[serde(default = "always")]
    pub awake: Share,
    /// Arms that are there only for some rounds: an arm that is not named is there all the time.
    #[serde(default)]
    pub present: Vec<Present>,
    /// How late results come, by default not at all: without delay the result of a round is known before the next.
    pub delay: Option<Delay>,
    /// What choices cost and what may be spent, by default nothing.
    pub budget: Option<BanditBudget>,
    /// What is declared of each arm on a scale of 0 to 100, for learners that start from it; by default 50.
    #[schemars(extend("examples" = [[60, 40]]))]
    pub declared: Option<Vec<Points>>,
}

fn always() -> Share {
    Share::of(1.0)
}

/// What the arms of a bandit problem give.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rewards {
    /// 1 with the arm's mean as probability, else 0.
    Bernoulli(Means),
    /// Normal around the arm's mean.
    Gaussian {
        /// The standard deviation of a reward.
        sd: NonNegative,
        /// The means.
        means: Means,
    },
    /// The mean is the inner product of the round's features, uniform on the unit sphere, with a vector.
    Linear {
        /// The vectors, one for each arm; or a single one where each arm has features of its own.
        #[schemars(extend("examples" = [[[0.5, 0.5], [0.9, 0.1]]]))]
        theta: Vec<Vec<Finite>>,
        /// The standard deviation of a reward.
        sd: NonNegative,
        /// The number of arms, each with features of its own in every round, for which `theta` is a single vector. By
        /// default all arms share the features and each has its vector.
        arms_with_features: Option<Count>,
    },
}

/// The means of the arms. Exactly one of `means` and `stages` is written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Means {
    /// The mean of each arm, the same in all rounds.
    #[schemars(extend("examples" = [[0.9, 0.8]]))]
    pub means: Option<Vec<Finite>>,
    /// Means that change.
    pub stages: Option<Vec<Stage>>,
    /// Whether means jump to those of the next stage or move there in a straight line.
    pub change: Change,
    /// The standard deviation of a step that each mean takes in every round, reflected at 0 and 1; 0: none.
    pub walk_sd: NonNegative,
}

/// How means change from one stage to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// They jump.
    #[default]
    Jump,
    /// They move in a straight line.
    Line,
}

/// The means of the arms from a round on.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The first round, 0 for the first stage.
    pub from: Whole,
    /// The mean of each arm.
    #[schemars(extend("examples" = [[0.9, 0.8]]))]
    pub means: Vec<Finite>,
}

/// An arm that is there only for some rounds.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Present {
    /// The arm.
    #[schemars(example = &"arm-3")]
    pub arm: Name,
    /// Its first round.
    #[serde(default)]
    pub from: Whole,
    /// One past its last round, by default to the end.
    pub until: Option<Count>,
}

/// How late results come: that of round t is known before round t + 1 + delay.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Delay {
    /// By so many rounds.
    Constant(#[schemars(example = 100)] Count),
    /// By a geometric number of rounds from 0 on, with this mean.
    Geometric(#[schemars(example = 100)] Positive),
}

/// What choices cost, and what may be spent. Regret is against the best mixture of arms that the budget allows.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BanditBudget {
    /// What may be spent in all; the round that reaches it is the last.
    #[schemars(example = 1000)]
    pub total: Positive,
    /// The mean cost of each arm.
    #[schemars(extend("examples" = [[0.9, 0.2]]))]
    pub costs: Vec<Probability>,
    /// Whether a cost is 1 with its mean as probability and else 0, or always the mean.
    #[serde(default = "drawn")]
    pub drawn: bool,
}

fn drawn() -> bool {
    true
}
