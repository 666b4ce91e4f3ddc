//! The grid of blocks, variants and seeds: every cell is run once, in parallel, and lands in grid order.
//!
//! A cell is a pure function of scenario, variant and seed. Consecutive cells form a part; parts follow from the number
//! of cells alone and each is written by one worker, so bytes never depend on the number of threads.

mod choices;
mod control;
mod describe;
mod replay;
mod select;
mod tuning;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::analysis::run::{RunStatistics, Value};
use crate::analysis::summary::summarise;
use crate::calendar::LocalClock;
use crate::engine::{self, Digest};
use crate::results::ResultsError;
use crate::results::manifest::Manifest;
use crate::results::parquet::PartWriter;
use crate::results::part_files::{Muted, PartFiles};
use crate::results::recorder::{Names, Recorder, Recording, RowSink};
use crate::results::schema::{FaultRow, Faults, Summary, SummaryRow};
use crate::routing::StackRule;
use crate::scenario::resolved::{Block, Record, Resolved, Variant};
use crate::sim::stream::Streams;
use crate::units::{Level, SimTime};

pub use replay::{Entry, NotReplayed, Story, replay};

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
    let n_candidates = scenario.criteria.as_ref().map_or(0, |criteria| {
        let n = scenario.variants.iter().skip(1).filter(|v| v.is_router()).count();
        n * criteria.selection_seeds.len() * scenario.blocks.len()
    });
    let n_winner = scenario.compare.selection_seeds.as_ref().map_or(0, |seeds| {
        let n = scenario.variants.iter().filter(|v| v.is_router()).count();
        n * seeds.len() * scenario.blocks.len()
    });
    let n_controls = control::count(scenario);
    let n_tuning = tuning::count(scenario);
    progress.runs((n_grid + n_selection + n_candidates + n_winner + n_controls + n_tuning) as u64);
    let mut selections = Vec::new();
    let mut stacks = Vec::new();
    for block in &scenario.blocks {
        for variant in &scenario.variants {
            let stack = match &variant.best_fixed {
                Some(seeds) => {
                    let (stack, selection) =
                        select::best_fixed(scenario, block, variant, seeds, progress);
                    selections.push(selection);
                    stack
                }
                None => Arc::clone(&variant.stack),
            };
            stacks.push((block, variant, stack));
        }
    }
    let alternatives = match &scenario.criteria {
        Some(criteria) if scenario.variants.len() > 1 => stacks
            .chunks(scenario.variants.len())
            // The first variant is no alternative to itself.
            .map(|own| select::best(scenario, &own[1..], &criteria.selection_seeds, progress))
            .collect(),
        _ => Vec::new(),
    };
    let winners = match &scenario.compare.selection_seeds {
        Some(seeds) => stacks
            .chunks(scenario.variants.len())
            .map(|own| select::best(scenario, own, seeds, progress))
            .collect(),
        None => Vec::new(),
    };
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
    control::write(scenario, &stacks, folder, progress)?;
    tuning::write(scenario, folder, progress)?;
    let means = choices::means(scenario, &ended);
    write_summary(scenario, folder, &ended, &means)?;
    choices::write(scenario, folder, n_parts, &ended, &means)?;
    write_faults(scenario, folder)?;
    let manifest = describe::manifest(
        scenario,
        &grid,
        &ended,
        describe::Chosen { selections, alternatives, winners },
    );
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
    let mut files = PartFiles::new(folder, part);
    let mut ended = Vec::with_capacity(cells.len());
    let unrecorded = Resolved { record: unkept(scenario), ..scenario.clone() };
    for place in cells {
        if files.has_failed() || failed.load(Ordering::Relaxed) {
            break;
        }
        let (digest, statistics) = match place.block.choice {
            Some(_) => run_cell(&unrecorded, *place, &mut Muted(&mut files)),
            None => run_cell(scenario, *place, &mut files),
        };
        progress.run_ended(digest.n_tasks);
        ended.push(Ended { digest, values: statistics.values() });
    }
    files.finish()?;
    Ok(ended)
}

/// What is recorded of a choice of models: its measures, among them regret if it is asked for.
fn unkept(scenario: &Resolved) -> Record {
    Record { regret: scenario.record.regret, ..scenario.unrecorded().record }
}

fn run_cell<S: RowSink>(
    scenario: &Resolved,
    place: Place<'_>,
    sink: &mut S,
) -> (Digest, RunStatistics) {
    let models: Vec<String> =
        place.block.registry.models.iter().map(|model| model.name.clone()).collect();
    let task_types: Vec<String> =
        place.block.world.task_types.iter().map(|t| t.name.clone()).collect();
    let names = Names {
        block: &place.block.name,
        variant: &place.variant.name,
        models: &models,
        task_types: &task_types,
        prompts: place.block.world.recorded.as_ref().map_or(&[], |own| &own.table.prompts),
    };
    let recording = Recording {
        names,
        bins: scenario.bins(place.block),
        is_bandit: place.block.bandit.is_some(),
        tasks: scenario.record.tasks,
        attempts: scenario.record.attempts,
        work_log: scenario.record.work_log,
        scores: scenario.record.scores,
        regret: scenario.record.regret,
        spans: scenario.spans(place.block, place.seed),
        clock: LocalClock::new(scenario.start, scenario.zone.clone()),
        plan_usd_per_mtok: place
            .block
            .registry
            .models
            .iter()
            .map(|m| m.plan_usd_per_mtok)
            .collect(),
    };
    let mut recorder = Recorder::new(recording, place.seed, sink);
    let cell = scenario.cell(place.block, place.stack);
    let digest = engine::run(&cell, place.seed, &mut recorder);
    (digest, recorder.finish())
}

fn write_summary(
    scenario: &Resolved,
    folder: &Path,
    ended: &[Ended],
    means: &[choices::Means<'_>],
) -> Result<(), ResultsError> {
    let n_seeds = scenario.seeds.len();
    let mut rows = Summary::default();
    let own = scenario.blocks.iter().enumerate().filter(|(_, block)| block.choice.is_none());
    let own = own.map(|(b, block)| {
        let n = scenario.variants.len() * n_seeds;
        let runs = ended[b * n..][..n].iter().map(|run| &run.values[..]).collect();
        (block.name.as_str(), runs)
    });
    let of_choices = means
        .iter()
        .map(|means| (means.block, means.runs.iter().map(Vec::as_slice).collect::<Vec<_>>()));
    for (block, runs) in own.chain(of_choices) {
        let runs_of = |v: usize| &runs[v * n_seeds..][..n_seeds];
        for (v, variant) in scenario.variants.iter().enumerate() {
            let first = (v > 0).then(|| runs_of(0));
            for line in summarise(runs_of(v), first) {
                rows.push(SummaryRow {
                    block,
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
