//! `off-policy`: what another policy would have earned, from logged decisions.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Stop, print};
use crate::offline::off_policy::{
    Columns, ContextOf, OfResults, OfTable, Settings, TargetRule, evaluate_results, evaluate_table,
};

#[derive(Args)]
pub(super) struct OffPolicy {
    /// A table of logged decisions (CSV or Parquet), or a folder that `run` has written
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// The policy to evaluate, may be given several times: uniform, always:ACTION, frequencies:FILE (another log),
    /// probabilities:FILE (action, probability, context), column:NAME (probability of the action taken), or of results
    /// variant:NAME [default of results: every other variant]
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<TargetRule>,
    /// Columns of the context in a table, separated by commas; of results none, level or task_type [default: level]
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    context: Vec<String>,
    /// Column of the action
    #[arg(long, default_value = "action", value_name = "COLUMN")]
    action: String,
    /// Column of the reward
    #[arg(long, default_value = "reward", value_name = "COLUMN")]
    reward: String,
    /// Column of the probability with which the action was chosen
    #[arg(long, default_value = "propensity", value_name = "COLUMN")]
    propensity: String,
    /// Column of what may make decisions depend on each other, such as the user
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
    /// Whose log in a folder of results
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Which block of a folder of results
    #[arg(long, value_name = "NAME")]
    block: Option<String>,
    /// Leave out so many rows of a table, or tasks of every run, at the beginning
    #[arg(long, default_value_t = 0, value_name = "N")]
    skip: u64,
    /// Where the log lacks support, evaluate the target within the actions that the log took
    #[arg(long)]
    within_support: bool,
    /// What predicts a decision's reward for DR: other folds of the log, or the decisions before it [default: folds of a
    /// table, the past of results]
    #[arg(long, value_enum)]
    fit: Option<FitOf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum FitOf {
    Folds,
    Past,
}

impl OffPolicy {
    pub(super) fn run(self) -> Result<(), Stop> {
        let settings = Settings {
            skip: self.skip,
            within_support: self.within_support,
            past: self.fit.map(|fit| matches!(fit, FitOf::Past)),
        };
        let text = if self.log.is_dir() {
            let context = match self.context.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                [] | ["level"] => ContextOf::Level,
                ["none"] => ContextOf::Nothing,
                ["task_type"] => ContextOf::TaskType,
                _ => {
                    return Err(Stop::bad_input(
                        "error: the context of results is none, level or task_type (--context)",
                    ));
                }
            };
            let (variant, block, targets) = (self.variant, self.block, self.targets);
            let question = OfResults { variant, block, targets, context, settings };
            evaluate_results(&self.log, &question)
        } else {
            if self.targets.is_empty() {
                return Err(Stop::bad_input(
                    "error: name the policy to evaluate with --target, such as uniform or always:ACTION",
                ));
            }
            let columns = Columns {
                context: self.context,
                action: self.action,
                reward: self.reward,
                propensity: self.propensity,
                group: self.group,
            };
            evaluate_table(&self.log, &OfTable { columns, targets: self.targets, settings })
        };
        print(&text.map_err(|e| Stop::bad_input(format!("error: {e}")))?)
    }
}
