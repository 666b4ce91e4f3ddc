//! What is chosen by looking, on seeds of its own: the best fixed model of a variant, the best alternative of a study.
//! Where answers are recorded, it is chosen on the prompts that are set apart as well.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Place, Progress, run_cell};
use crate::analysis::measure::REWARD;
use crate::analysis::run::Value;
use crate::results::manifest::{Alternative, Selection};
use crate::results::recorder::Discarded;
use crate::routing::StackRule;
use crate::routing::order::OrderRule;
use crate::scenario::resolved::{Block, Resolved, Variant};
use crate::units::ModelId;

/// Mean reward per task of one run whose rows nobody keeps.
fn mean_reward(scenario: &Resolved, place: Place<'_>, progress: &dyn Progress) -> f64 {
    let (digest, statistics) = run_cell(scenario, place, &mut Discarded);
    progress.run_ended(digest.n_tasks);
    let is_reward = |v: &&Value| v.measure == REWARD;
    statistics.values().iter().find(is_reward).and_then(|v| v.value).unwrap_or(0.0)
}

/// The position of the largest value, the first of equals.
fn largest(values: &[f64]) -> Option<usize> {
    let mut best = None;
    for (at, value) in values.iter().enumerate() {
        if best.is_none_or(|best: usize| *value > values[best]) {
            best = Some(at);
        }
    }
    best
}

/// The stack of a variant that always calls `model` first.
pub(super) fn fixed(variant: &Variant, model: ModelId) -> Arc<StackRule> {
    let order = OrderRule::Static(vec![model]);
    Arc::new(StackRule { order, ..(*variant.stack).clone() })
}

/// Chooses the best fixed model of a variant: for each model a full run of "always this one first" on every selection
/// seed, the same model for all seeds; the highest mean reward wins, a tie goes to the lowest id.
pub(super) fn best_fixed(
    scenario: &Resolved,
    block: &Block,
    variant: &Variant,
    seeds: &[u64],
    progress: &dyn Progress,
) -> (Arc<StackRule>, Selection) {
    let always = |model: usize| fixed(variant, ModelId(model as u16));
    let unrecorded = scenario.unrecorded();
    let block = &Resolved::training_block(block);
    let n_models = block.registry.models.len();
    let runs: Vec<(usize, u64)> =
        (0..n_models).flat_map(|model| seeds.iter().map(move |&seed| (model, seed))).collect();
    let rewards: Vec<f64> = runs
        .par_iter()
        .map(|&(model, seed)| {
            let stack = always(model);
            mean_reward(&unrecorded, Place { block, variant, stack: &stack, seed }, progress)
        })
        .collect();
    let mean_rewards: Vec<f64> = rewards
        .chunks(seeds.len())
        .map(|of_model| of_model.iter().sum::<f64>() / seeds.len() as f64)
        .collect();
    let best = largest(&mean_rewards).expect("a registry has models");
    let selection = Selection {
        block: block.name.clone(),
        variant: variant.name.clone(),
        model: scenario.registry.models[best].name.clone(),
        seeds: seeds.to_vec(),
        mean_rewards,
    };
    (always(best), selection)
}

/// Chooses the best of some variants of a block: the highest mean reward on the selection seeds among the routers (a
/// reference that is told the truth is none); a tie goes to the first.
pub(super) fn best(
    scenario: &Resolved,
    stacks: &[(&Block, &Variant, Arc<StackRule>)],
    seeds: &[u64],
    progress: &dyn Progress,
) -> Alternative {
    let unrecorded = scenario.unrecorded();
    let block = &Resolved::training_block(stacks[0].0);
    let candidates: Vec<&(&Block, &Variant, Arc<StackRule>)> =
        stacks.iter().filter(|(_, variant, _)| variant.is_router()).collect();
    let runs: Vec<(usize, u64)> =
        (0..candidates.len()).flat_map(|c| seeds.iter().map(move |&seed| (c, seed))).collect();
    let rewards: Vec<f64> = runs
        .par_iter()
        .map(|&(candidate, seed)| {
            let (_, variant, stack) = candidates[candidate];
            mean_reward(&unrecorded, Place { block, variant, stack, seed }, progress)
        })
        .collect();
    let means: Vec<f64> = rewards
        .chunks(seeds.len())
        .map(|own| own.iter().sum::<f64>() / seeds.len() as f64)
        .collect();
    let name = |at: usize| candidates[at].1.name.clone();
    Alternative {
        block: stacks[0].0.name.clone(),
        chosen: largest(&means).map(name),
        seeds: seeds.to_vec(),
        mean_rewards: means.iter().enumerate().map(|(at, mean)| (name(at), *mean)).collect(),
    }
}
