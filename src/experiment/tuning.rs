//! Parameter studies: every value of a learner's parameter on selection seeds, the best of them on the reported seeds.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Place, Progress, run_cell};
use crate::analysis::measure::{CUMULATIVE_REGRET, REWARD};
use crate::analysis::run::Value;
use crate::results::ResultsError;
use crate::results::parquet::PartWriter;
use crate::results::recorder::Discarded;
use crate::results::schema::{Tuning, TuningRow};
use crate::routing::StackRule;
use crate::scenario::resolved::{Block, ParameterStudy, Resolved};

/// What one run came to.
#[derive(Clone, Copy)]
struct Outcome {
    reward: f64,
    cumulative_regret: Option<f64>,
}

/// The number of runs that the parameter studies take.
pub(super) fn count(scenario: &Resolved) -> usize {
    let of_study = |study: &ParameterStudy| {
        study.candidates.len() * study.selection_seeds.len() + scenario.seeds.len()
    };
    scenario.blocks.len() * scenario.parameter_studies.iter().map(of_study).sum::<usize>()
}

/// Makes the runs and writes their table, empty where nothing is studied.
pub(super) fn write(
    scenario: &Resolved,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), ResultsError> {
    let mut writer = PartWriter::create::<Tuning<'_>>(folder, 0)?;
    let mut rows = Tuning::default();
    let mut unrecorded = scenario.unrecorded();
    unrecorded.record.regret = scenario.record.regret;
    for study in &scenario.parameter_studies {
        for block in &scenario.blocks {
            let training = Resolved::training_block(block);
            let run = |block: &Block, stack: &Arc<StackRule>, seed: u64| {
                let variant = &scenario.variants[study.variant];
                let place = Place { block, variant, stack, seed };
                outcome(&unrecorded, place, progress)
            };
            let pairs: Vec<(usize, u64)> = (0..study.candidates.len())
                .flat_map(|c| study.selection_seeds.iter().map(move |&seed| (c, seed)))
                .collect();
            let tried: Vec<Outcome> = pairs
                .par_iter()
                .map(|&(candidate, seed)| run(&training, &study.candidates[candidate].1, seed))
                .collect();
            let chosen = best(study, block, &tried);
            let reported: Vec<Outcome> = scenario
                .seeds
                .par_iter()
                .map(|&seed| run(block, &study.candidates[chosen].1, seed))
                .collect();
            let mut push = |stage, candidate: usize, seed, outcome: &Outcome| {
                let value = study.candidates[candidate].0;
                rows.push(TuningRow {
                    block: &block.name,
                    variant: &scenario.variants[study.variant].name,
                    parameter: &study.parameter,
                    value,
                    stage,
                    seed,
                    is_default: study.default == Some(value),
                    chosen: candidate == chosen,
                    reward: outcome.reward,
                    cumulative_regret: outcome.cumulative_regret,
                });
            };
            for (&(candidate, seed), outcome) in pairs.iter().zip(&tried) {
                push("selection", candidate, seed, outcome);
            }
            for (&seed, outcome) in scenario.seeds.iter().zip(&reported) {
                push("reported", chosen, seed, outcome);
            }
        }
    }
    writer.write(&rows)?;
    writer.finish()
}

fn outcome(scenario: &Resolved, place: Place<'_>, progress: &dyn Progress) -> Outcome {
    let (digest, statistics) = run_cell(scenario, place, &mut Discarded);
    progress.run_ended(digest.n_tasks);
    let values = statistics.values();
    let value = |measure| {
        let is_whole = |v: &&Value| v.measure == measure && v.level.is_none();
        values.iter().find(is_whole).and_then(|v| v.value)
    };
    Outcome {
        reward: value(REWARD).unwrap_or(0.0),
        cumulative_regret: value(CUMULATIVE_REGRET).filter(|_| scenario.record.regret),
    }
}

/// The candidate with the least mean regret in bandit mode, where regret has less noise than reward; on a stack, where it
/// does not say all, the one with the most mean reward. A tie goes to the first.
fn best(study: &ParameterStudy, block: &Block, tried: &[Outcome]) -> usize {
    let value = |outcome: &Outcome| match outcome.cumulative_regret {
        Some(regret) if block.bandit.is_some() => -regret,
        _ => outcome.reward,
    };
    let mut best = (0, f64::NEG_INFINITY);
    for (at, own) in tried.chunks(study.selection_seeds.len()).enumerate() {
        let sum: f64 = own.iter().map(value).sum();
        if sum > best.1 {
            best = (at, sum);
        }
    }
    best.0
}
