//! Recorded outcomes as the truth of a world.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;
use crate::scenario::values::{Fraction, Named};

/// What the models really answered, from a table: then a task asks a recorded prompt, and a call brings the recorded
/// answer of its model with its quality, tokens, cost and time.
///
/// Only prompts that all models answered are used. A model whose cost is recorded needs it with every answer; a missing
/// cost is never zero: where none is recorded, tokens and prices give it. Missing times follow from the response time of
/// the model in the registry.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedOutcomes {
    /// The table, as CSV (may be gzipped) or Parquet, with a row for each prompt and model: `prompt_id`, `model`,
    /// `quality` from 0 to 1, and where they are known `domain`, `input_tokens`, `output_tokens`, `cost_usd`, `latency_s`.
    /// The path is relative to this file.
    #[schemars(example = &"outcomes/mmlu-pro.parquet")]
    pub file: Name,
    /// A table with `prompt_id` and columns of numbers, which contextual learners and predictions read.
    pub features: Option<Name>,
    /// The models that are used, where the registry is taken from the table; by default all whose cost is recorded.
    #[schemars(extend("examples" = [["gemini-1.5-pro-002", "gemini-1.5-flash-002"]]))]
    pub models: Option<Vec<Name>>,
    /// Columns with the text that a row must have there to be used.
    #[serde(default)]
    #[schemars(extend("examples" = [{ "contaminated": "false" }]))]
    pub only: Named<String>,
    /// The share of the prompts that is set apart: predictions are fitted to them and whatever is chosen is chosen on
    /// them; the others are asked in the reported runs. It follows from the prompts' names alone.
    #[serde(default = "half")]
    pub train_share: Fraction,
    /// The quality from which an answer counts as a success for the stack. By default every answer does, since a router
    /// does not see that one is wrong; with 0.5 a wrong answer is a failure that is seen at once, as by a unit test.
    #[serde(default)]
    pub success_from: Fraction,
}

fn half() -> Fraction {
    Fraction::of(0.5)
}
