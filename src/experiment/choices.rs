//! Blocks that are run for every choice of models: their means over all choices, and the table of choices.

use std::path::Path;

use super::Ended;
use crate::analysis::measure;
use crate::analysis::measure::Measure;
use crate::analysis::run::Value;
use crate::analysis::window::Window;
use crate::domain::ModelSet;
use crate::registry::Registry;
use crate::results::ResultsError;
use crate::results::column::Run;
use crate::results::manifest::{ChoiceEntry, ChoicesEntry};
use crate::results::parquet::PartWriter;
use crate::results::schema::{ChoiceRow, Choices, MeasureRow, Measures};
use crate::routing::StackRule;
use crate::routing::fallback::FallbackPlan;
use crate::scenario::resolved::{Block, Resolved};
use crate::units::Level;

/// A block over all its choices.
pub(super) struct Means<'a> {
    /// The block as it is written.
    pub(super) block: &'a str,
    /// By variant and seed: every measure as its mean over the choices in which it has a value.
    pub(super) runs: Vec<Vec<Value>>,
}

/// The blocks that are run for every choice, by the name that is written: their positions, in order.
fn families(scenario: &Resolved) -> Vec<(&str, Vec<usize>)> {
    let mut families: Vec<(&str, Vec<usize>)> = Vec::new();
    for (at, block) in scenario.blocks.iter().enumerate().filter(|(_, b)| b.choice.is_some()) {
        match families.last_mut().filter(|(name, _)| *name == block.written()) {
            Some((_, members)) => members.push(at),
            None => families.push((block.written(), vec![at])),
        }
    }
    families
}

/// The means of all such blocks.
pub(super) fn means<'a>(scenario: &'a Resolved, ended: &[Ended]) -> Vec<Means<'a>> {
    let n = scenario.variants.len() * scenario.seeds.len();
    let of_family = |(block, members): (&'a str, Vec<usize>)| {
        let runs = (0..n).map(|run| {
            let values: Vec<&[Value]> =
                members.iter().map(|at| &ended[at * n + run].values[..]).collect();
            mean(&values)
        });
        Means { block, runs: runs.collect() }
    };
    families(scenario).into_iter().map(of_family).collect()
}

/// Value by value the mean over some runs, which measure the same in the same order unless a window is missing in one.
fn mean(runs: &[&[Value]]) -> Vec<Value> {
    let mut sums: Vec<(Value, f64, u32)> = Vec::new();
    for (i, value) in runs.iter().flat_map(|run| run.iter().enumerate()) {
        let is_same = |(other, _, _): &(Value, f64, u32)| {
            (other.measure, other.level, other.window) == (value.measure, value.level, value.window)
        };
        let usual = Some(i).filter(|i| sums.get(*i).is_some_and(is_same));
        let at = usual.or_else(|| sums.iter().position(is_same)).unwrap_or_else(|| {
            sums.push((Value { value: None, ..*value }, 0.0, 0));
            sums.len() - 1
        });
        if let Some(x) = value.value {
            sums[at].1 += x;
            sums[at].2 += 1;
        }
    }
    let mean = |(value, sum, n): (Value, f64, u32)| Value {
        value: (n > 0).then(|| sum / f64::from(n)),
        ..value
    };
    sums.into_iter().map(mean).collect()
}

/// Writes the table of choices, and the means as measures of the blocks as they are written, in part `part`.
pub(super) fn write(
    scenario: &Resolved,
    folder: &Path,
    part: usize,
    ended: &[Ended],
    means: &[Means<'_>],
) -> Result<(), ResultsError> {
    let mut writer = PartWriter::create::<Choices<'_>>(folder, 0)?;
    let n_seeds = scenario.seeds.len();
    let n = scenario.variants.len() * n_seeds;
    let families = families(scenario);
    for (block, members) in &families {
        for (choice, at) in (0_u64..).zip(members) {
            let models = names(scenario, &scenario.blocks[*at]).join(", ");
            let mut rows = Choices::default();
            for (v, variant) in scenario.variants.iter().enumerate() {
                for (s, seed) in scenario.seeds.iter().enumerate() {
                    let values = &ended[at * n + v * n_seeds + s].values;
                    for level in std::iter::once(None).chain(Level::ALL.map(Some)) {
                        let of = |measure: Measure| during_faults(values, measure, level);
                        let Some(tasks) = of(measure::TASKS) else { continue };
                        rows.push(ChoiceRow {
                            block,
                            choice,
                            models: &models,
                            variant: &variant.name,
                            seed: *seed,
                            level: level.map_or("all", Level::name),
                            tasks,
                            availability: of(measure::AVAILABILITY),
                            triggered: of(measure::TRIGGERED),
                            fallback_served_rate: of(measure::FALLBACK_SERVED_RATE),
                        });
                    }
                }
            }
            writer.write(&rows)?;
        }
    }
    writer.finish()?;
    if families.is_empty() {
        return Ok(());
    }
    let mut writer = PartWriter::create::<Measures<'_>>(folder, part)?;
    for means in means {
        let runs = scenario.variants.iter().flat_map(|variant| {
            scenario.seeds.iter().map(move |seed| (variant.name.as_str(), *seed))
        });
        for ((variant, seed), values) in runs.zip(&means.runs) {
            let mut rows = Measures::of(Run { block: means.block, variant, seed });
            for value in values {
                rows.push(MeasureRow {
                    level: value.level.map_or("all", Level::name),
                    window: value.window.name(),
                    measure: value.measure.name,
                    unit: value.measure.unit,
                    value: value.value,
                });
            }
            writer.write(&rows)?;
        }
    }
    writer.finish()
}

fn during_faults(values: &[Value], measure: Measure, level: Option<Level>) -> Option<f64> {
    let wanted =
        |v: &&Value| v.measure == measure && v.level == level && v.window == Window::Faults;
    values.iter().find(wanted)?.value
}

fn names<'a>(scenario: &'a Resolved, block: &Block) -> Vec<&'a str> {
    let hit = block.choice.iter().flat_map(|choice| &choice.models);
    hit.map(|m| scenario.registry.models[m.index()].name.as_str()).collect()
}

/// The choices for the manifest.
pub(super) fn entries(scenario: &Resolved) -> Vec<ChoicesEntry> {
    let of_family = |(name, members): (&str, Vec<usize>)| {
        let first = &scenario.blocks[members[0]];
        let choice = first.choice.as_ref()?;
        Some(ChoicesEntry {
            block: name.to_owned(),
            fault: first.world.faults[choice.fault].name.clone(),
            n_models: choice.models.len(),
            choices: members.iter().map(|at| entry(scenario, &scenario.blocks[*at])).collect(),
        })
    };
    families(scenario).into_iter().filter_map(of_family).collect()
}

fn entry(scenario: &Resolved, block: &Block) -> ChoiceEntry {
    let hit: ModelSet = block.choice.iter().flat_map(|c| c.models.iter().copied()).collect();
    let mut levels: Vec<Level> =
        block.world.task_types.iter().flat_map(|kind| kind.steps.iter().copied()).collect();
    levels.sort_unstable();
    levels.dedup();
    let mut without_target = Vec::new();
    for variant in &scenario.variants {
        let lacks = |level: &&Level| !has_target(&variant.stack, &block.registry, hit, **level);
        let lacking: Vec<String> =
            levels.iter().filter(lacks).map(|level| level.name().to_owned()).collect();
        if !lacking.is_empty() {
            without_target.push((variant.name.clone(), lacking));
        }
    }
    let models = names(scenario, block).into_iter().map(str::to_owned).collect();
    ChoiceEntry { models, without_target }
}

/// Whether a stack's fallback has a target at `level` that is not hit; a stack without a fallback lacks none.
fn has_target(stack: &StackRule, registry: &Registry, hit: ModelSet, level: Level) -> bool {
    let left = registry.serving(level).minus(hit);
    match &stack.fallback {
        FallbackPlan::None => true,
        FallbackPlan::Stage4 { order, .. } => {
            order[level.index()].iter().any(|model| left.contains(*model))
        }
        FallbackPlan::Chain(chain) => {
            let typed = chain.typed.iter().flat_map(|(_, models)| models);
            chain.any[level.index()].iter().chain(typed).any(|model| left.contains(*model))
        }
        FallbackPlan::Ranked { .. } | FallbackPlan::Groups { .. } => !left.is_empty(),
    }
}
