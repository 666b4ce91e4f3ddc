//! How a learner is described, to people and to the stack that runs it.

/// How a learner is described.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// One sentence.
    pub summary: &'static str,
    /// The rule in formulas.
    pub formula: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What it assumes, and when it fails.
    pub fails: &'static str,
    /// It keeps a table per level itself, so `learner_scope` does not split it.
    pub keeps_levels: bool,
    /// It keeps a table per quarter of the day.
    pub keeps_hours: bool,
    /// What a belief is.
    pub belief: BeliefScale,
    /// How it comes to call a model that it does not think best.
    pub exploration: Exploration,
    /// What it reads of a request besides its level.
    pub reads: Reads,
    /// It plays the largest index (`Learner::index`), so a price may be taken off it.
    pub has_index: bool,
    /// Its statistics are sums over results, so they can fade and results can be taken back.
    pub forgets: bool,
}

impl Card {
    /// A card with nothing said: a learner of mean rewards that explores by a bound or a draw.
    pub const BLANK: Self = Self {
        summary: "",
        formula: "",
        source: "",
        fails: "",
        keeps_levels: false,
        keeps_hours: false,
        belief: BeliefScale::Reward,
        exploration: Exploration::Inherent,
        reads: Reads::Nothing,
        has_index: false,
        forgets: false,
    };
}

/// What a learner reads of a request besides its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Nothing.
    Nothing,
    /// Features of the request, the same for every model.
    Request,
    /// Features of the request together with each model.
    Pair,
}

/// How a learner comes to call a model that it does not think best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exploration {
    /// Not of its own accord: what it thinks worse is called when others are not to be had.
    Never,
    /// By choices of their own, which are marked.
    Marked,
    /// By a bound or a draw in place of the estimate: a choice explores if it takes another model than the one believed best.
    Inherent,
}

/// What a learner's belief of a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeliefScale {
    /// A score of 0-100 or thereabouts.
    Score,
    /// The mean reward of a call.
    Reward,
    /// The value of an action: rewards to come, discounted.
    Value,
    /// The probability of being chosen if all models were eligible.
    Probability,
}

impl BeliefScale {
    /// The name in tables and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Reward => "mean_reward",
            Self::Value => "action_value",
            Self::Probability => "probability",
        }
    }
}
