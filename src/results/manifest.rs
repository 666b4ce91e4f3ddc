//! The manifest: all that a result follows from, and a hash of every run's events. It knows no clock, path or thread.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::analysis::expect::Expectation;
use crate::analysis::measure::Measure;
use crate::results::{ResultsError, SCHEMA_VERSION};

/// Its file name in a folder of results.
pub const MANIFEST: &str = "manifest.json";

/// All that a result follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the tables' schema.
    pub schema_version: u32,
    /// Version of the program.
    pub reflexarc_version: String,
    /// Version of the bundled time-zone database.
    pub time_zone_database: String,
    /// Name of the scenario.
    pub scenario: String,
    /// What the study is to answer.
    pub question: String,
    /// Every text that the scenario was read from, the scenario first.
    pub texts: Vec<Text>,
    /// Start in local time.
    pub start: String,
    /// IANA name of the zone.
    pub zone: String,
    /// When arrivals stop, in seconds; null for a run that ends by its number of tasks.
    pub end_s: Option<f64>,
    /// After how many tasks arrivals stop; null for a run that ends by time.
    pub end_tasks: Option<u64>,
    /// First second that counts.
    pub warm_up_s: f64,
    /// Name of the scenario's reward.
    pub reward: String,
    /// Where the registry's figures come from.
    pub registry_source: String,
    /// Model by model, the keys whose figures are assumed.
    pub assumed: Vec<(String, Vec<String>)>,
    /// Models in order of id.
    pub models: Vec<String>,
    /// Worlds; of a block that is run for every choice of models, the block as it is written.
    pub blocks: Vec<BlockEntry>,
    /// The choices of such blocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<ChoicesEntry>,
    /// Names of the stacks, in order; differences are to the first.
    pub variants: Vec<String>,
    /// Name of each variant's order, or of its learner, in the order of the variants.
    pub orders: Vec<String>,
    /// The list of names that the variants were made from, where they are not those of the scenario.
    pub put_variants: Option<Vec<String>>,
    /// The family of each variant: those of one are settings of one router.
    pub families: Vec<String>,
    /// The table of outcomes, where answers are recorded.
    pub recorded: Option<RecordedEntry>,
    /// How the variants are compared.
    pub compare: CompareEntry,
    /// Of them, those that have daily and learning reports.
    pub reported: Vec<String>,
    /// Seeds, in order.
    pub seeds: Vec<u64>,
    /// How best fixed models were chosen.
    pub selections: Vec<Selection>,
    /// How the best alternatives to the first variant were chosen, where the study answers the plan's criteria.
    pub alternatives: Vec<Alternative>,
    /// How the winner was chosen, where the study asks for it.
    pub winners: Vec<Alternative>,
    /// Whether decision regret was measured.
    pub regret: bool,
    /// What the study is expected to show.
    pub expectations: Vec<Expectation>,
    /// One entry per run, in the order of the tables.
    pub cells: Vec<CellEntry>,
}

/// A table of outcomes as a study uses it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedEntry {
    /// The file, without folders.
    pub file: String,
    /// Rows read.
    pub rows: u64,
    /// Prompts that some model did not answer or whose cost is missing: they are left out.
    pub incomplete: usize,
    /// Prompts without features, left out as well.
    pub featureless: usize,
    /// Models left out because no cost of theirs is recorded.
    pub unpriced: Vec<String>,
    /// Prompts set apart.
    pub train: usize,
    /// Prompts asked in the reported runs.
    pub asked: usize,
    /// Names of the features.
    pub features: Vec<String>,
}

/// How variants are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareEntry {
    /// The variant that the others are compared with.
    pub baseline: String,
    /// The share of its mean within which a difference does not matter in practice.
    pub practical_share: f64,
    /// The measures, the one that ranks the variants first.
    pub measures: Vec<Measure>,
}

/// A text that was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// Its name, without folders.
    pub name: String,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// The text.
    pub text: String,
}

/// A world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockEntry {
    /// Name.
    pub name: String,
    /// Its own question, if it has one.
    pub question: Option<String>,
    /// Its faults.
    pub faults: Vec<FaultEntry>,
    /// Its faults that each seed draws; the table `faults` holds what was drawn.
    pub random_faults: Vec<RandomFaultEntry>,
    /// Its bandit problem, in bandit mode.
    pub bandit: Option<BanditEntry>,
}

/// All choices of models for a fault of a block to hit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChoicesEntry {
    /// The block.
    pub block: String,
    /// The fault.
    pub fault: String,
    /// How many models each choice has.
    pub n_models: usize,
    /// The choices, in order.
    pub choices: Vec<ChoiceEntry>,
}

/// One choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChoiceEntry {
    /// The models that the fault hits.
    pub models: Vec<String>,
    /// By variant with a fallback: the levels of tasks for which it has no target that is not hit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_target: Vec<(String, Vec<String>)>,
}

/// A bandit problem, as far as reports need it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BanditEntry {
    /// Rounds.
    pub rounds: u64,
    /// Arms, in order.
    pub arms: Vec<String>,
    /// Rounds from which on something is different.
    pub changes: Vec<u64>,
    /// The constant of the Lai-Robbins bound: regret grows at least like this times ln t; null where it says nothing.
    pub lai_robbins: Option<f64>,
    /// What may be spent in all; null without a budget.
    pub budget: Option<f64>,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultEntry {
    /// Name.
    pub name: String,
    /// Kind of its effect.
    pub effect: String,
    /// Models that it hits; empty where each seed draws them.
    pub models: Vec<String>,
    /// How many models each seed draws.
    pub draw: Option<usize>,
    /// The fault hits every choice of so many models, each in runs of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_choice_of: Option<usize>,
    /// Start in seconds.
    pub from_s: f64,
    /// End in seconds; null if it lasts to the end of the run.
    pub to_s: Option<f64>,
}

/// A fault that comes at random.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomFaultEntry {
    /// Name.
    pub name: String,
    /// Kind of its effect.
    pub effect: String,
    /// Sets of models: each is hit as one, independently of the others.
    pub sets: Vec<Vec<String>>,
    /// Mean time from the end of one fault to the start of the next.
    pub mean_time_between_s: f64,
    /// Mean time that one lasts.
    pub mean_duration_s: f64,
    /// The time between faults counts from start to start, so that they may overlap.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_starts: bool,
    /// Laws of the two times, where one is not exponential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub laws: Option<[String; 2]>,
    /// From when on it may come.
    pub from_s: f64,
    /// Until when it may come and last; null if to the end of the run.
    pub to_s: Option<f64>,
}

/// How the best fixed model of a variant was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// The block.
    pub block: String,
    /// The variant.
    pub variant: String,
    /// The model chosen.
    pub model: String,
    /// The seeds it was chosen on.
    pub seeds: Vec<u64>,
    /// Mean reward per task of every model on those seeds, in order of id.
    pub mean_rewards: Vec<f64>,
}

/// How a variant was chosen among several: the best alternative to the first, or the winner of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// The block.
    pub block: String,
    /// The variant chosen; null where there was no candidate.
    pub chosen: Option<String>,
    /// The seeds it was chosen on.
    pub seeds: Vec<u64>,
    /// Mean reward per task of every candidate on those seeds.
    pub mean_rewards: Vec<(String, f64)>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellEntry {
    /// The block.
    pub block: String,
    /// The variant.
    pub variant: String,
    /// The seed.
    pub seed: u64,
    /// Rolling hash of every event, in hexadecimal.
    pub event_hash: String,
    /// Events handled.
    pub events: u64,
    /// Tasks that arrived.
    pub tasks: u64,
}

impl Manifest {
    /// The same without blocks that were run for every choice of models: of those no run has rows.
    #[must_use]
    pub fn with_rows(&self) -> Self {
        let is_choice = |block: &BlockEntry| self.choices.iter().any(|c| c.block == block.name);
        let blocks = self.blocks.iter().filter(|block| !is_choice(block)).cloned().collect();
        Self { blocks, ..self.clone() }
    }

    /// Writes it into a folder.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, folder: &Path) -> Result<(), ResultsError> {
        let path = folder.join(MANIFEST);
        let mut text =
            serde_json::to_string_pretty(self).expect("a manifest has only text keys and numbers");
        text.push('\n');
        std::fs::write(&path, text).map_err(|e| ResultsError::write(&path, &e))
    }

    /// Reads it from a folder.
    ///
    /// # Errors
    /// If there is none, or it is of another version.
    pub fn read(folder: &Path) -> Result<Self, ResultsError> {
        let path = folder.join(MANIFEST);
        let unreadable = |cause: String, cure| ResultsError::Read {
            path: path.display().to_string(),
            cause,
            cure,
        };
        let text = std::fs::read_to_string(&path).map_err(|e| {
            unreadable(e.to_string(), "name a folder that `reflexarc run` has written")
        })?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|e| unreadable(e.to_string(), "run the scenario again"))?;
        if manifest.schema_version != SCHEMA_VERSION {
            let cause = format!(
                "it has schema version {}, this program reads {SCHEMA_VERSION}",
                manifest.schema_version
            );
            return Err(unreadable(cause, "run the scenario again with this program"));
        }
        Ok(manifest)
    }
}
