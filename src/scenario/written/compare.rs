//! How variants are compared, and how parameters of learners are studied.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BestFixed, Name};
use crate::scenario::source::{Span, Spanned};
use crate::scenario::values::{Count, Finite, NonNegative, Seeds};

/// How the variants are compared.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Compare {
    /// The variant that the others are compared with, by default the first.
    #[schemars(example = &"ucb1")]
    pub baseline: Option<Name>,
    /// The share of the baseline's mean within which a difference does not matter in practice.
    pub practical_share: NonNegative,
    /// The measures that are compared, the one that ranks the variants first. By default regret, reward and the share of
    /// best choices in bandit mode, else reward, availability, quality, cost and regret.
    #[schemars(extend("examples" = [["reward", "cost_per_task"]]))]
    pub measures: Option<Vec<Name>>,
    /// The seeds on which a winner is chosen, by its mean reward, which must not be those of the study; where answers are
    /// recorded, it is chosen on the prompts set apart. By default none is.
    #[schemars(example = &"100001..100010")]
    pub selection_seeds: Option<Spanned<Seeds>>,
}

impl Default for Compare {
    fn default() -> Self {
        let practical_share = NonNegative::of(0.01);
        Self { baseline: None, practical_share, measures: None, selection_seeds: None }
    }
}

/// A study of one parameter of a variant's learner: every value is tried on seeds of its own, and the best is reported on
/// the seeds of the study beside the variant as written.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterStudy {
    /// The variant.
    #[schemars(example = &"ucb1")]
    pub variant: Name,
    /// The parameter: a key of the variant's learner, or the path of a number in its stack, such as
    /// `wrappers.pacing.eta`.
    #[schemars(example = &"c")]
    pub parameter: Name,
    /// The values to try. Write either this or `range`.
    #[schemars(extend("examples" = [[0.5, 1, 2]]))]
    pub values: Option<Vec<Spanned<Finite>>>,
    /// A range of values to try.
    pub range: Option<ParameterRange>,
    /// The seeds on which the best value is chosen, which must not be those of the study.
    #[serde(default = "selection_seeds")]
    pub selection_seeds: Spanned<Seeds>,
}

fn selection_seeds() -> Spanned<Seeds> {
    Spanned { value: BestFixed::default().selection_seeds, span: Span::default() }
}

/// Values from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterRange {
    /// The first value.
    #[schemars(example = 0.1)]
    pub from: Finite,
    /// The last value.
    #[schemars(example = 10)]
    pub to: Finite,
    /// How many values, both ends included.
    #[schemars(example = 7)]
    pub steps: Count,
    /// Whether neighbours have the same distance or the same ratio.
    #[serde(default)]
    pub scale: Scale,
}

/// How values are spread over a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// At equal distances.
    #[default]
    Linear,
    /// At equal ratios.
    Log,
}
