//! Learners with a parameter chosen on selection seeds against the same learners as written, on the reported seeds.

use std::path::Path;

use crate::analysis::diff::{BySeed, paired_difference, pairs};
use crate::analysis::interval::Estimate;
use crate::analysis::measure::{self, Measure};
use crate::analysis::paired::Verdict;
use crate::analysis::summary::over_seeds;
use crate::report::criteria::Evidence;
use crate::report::entries::Entry;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::Manifest;
use crate::results::parquet::Rows;
use crate::results::schema::Tuning;

/// One study of a parameter in one block.
pub(super) struct Tuned {
    pub(super) block: String,
    pub(super) variant: String,
    pub(super) parameter: String,
    /// The values tried, in order.
    pub(super) values: Vec<f64>,
    /// The value that the variant has as written, where it was one of them.
    pub(super) default: Option<f64>,
    pub(super) chosen: f64,
    /// Seeds that it was chosen on.
    pub(super) n_selection: usize,
    /// Regret in bandit mode, else reward.
    pub(super) measure: Measure,
    /// The variant as written.
    pub(super) written: Option<Entry>,
    pub(super) tuned: Option<Estimate>,
    /// Tuned less written, on the same seeds.
    pub(super) difference: Option<(Estimate, Verdict)>,
}

impl Tuned {
    /// All of them, in the order of the table.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(super) fn read(folder: &Path, evidence: &Evidence<'_>) -> Result<Vec<Self>, ResultsError> {
        let mut studies: Vec<Study> = Vec::new();
        let rows = Rows::read(folder, &Tuning::DOC)?;
        let [blocks, variants, parameters, stages] =
            ["block", "variant", "parameter", "stage"].map(|name| rows.texts(name));
        let (blocks, variants, parameters, stages) = (blocks?, variants?, parameters?, stages?);
        let (seeds, values) = (rows.wholes("seed")?, rows.numbers("value")?);
        let (is_default, chosen) = (rows.numbers("is_default")?, rows.numbers("chosen")?);
        let (rewards, regrets) = (rows.numbers("reward")?, rows.numbers("cumulative_regret")?);
        for at in 0..seeds.len() {
            let key = [&blocks[at], &variants[at], &parameters[at]].map(Clone::clone);
            let place = studies.iter().position(|study| study.key == key).unwrap_or_else(|| {
                let measure = measure_of(evidence.manifest, &blocks[at]);
                studies.push(Study::new(key, measure));
                studies.len() - 1
            });
            let study = &mut studies[place];
            let Some(value) = values[at] else { continue };
            if is_default[at] == Some(1.0) {
                study.default = Some(value);
            }
            if chosen[at] == Some(1.0) {
                study.chosen = Some(value);
            }
            let outcome = if study.measure == measure::REWARD { rewards[at] } else { regrets[at] };
            if stages[at] == "reported" {
                study.reported.extend(outcome.map(|outcome| (seeds[at], outcome)));
            } else {
                if !study.values.contains(&value) {
                    study.values.push(value);
                }
                if !study.selection.contains(&seeds[at]) {
                    study.selection.push(seeds[at]);
                }
            }
        }
        Ok(studies.into_iter().filter_map(|study| study.held(evidence)).collect())
    }
}

/// Regret in bandit mode, where it was recorded; else reward.
fn measure_of(manifest: &Manifest, block: &str) -> Measure {
    let is_bandit = manifest.blocks.iter().any(|b| b.name == block && b.bandit.is_some());
    if is_bandit && manifest.regret { measure::CUMULATIVE_REGRET } else { measure::REWARD }
}

/// The rows of one study.
struct Study {
    key: [String; 3],
    measure: Measure,
    values: Vec<f64>,
    default: Option<f64>,
    chosen: Option<f64>,
    selection: Vec<u64>,
    reported: BySeed,
}

impl Study {
    fn new(key: [String; 3], measure: Measure) -> Self {
        let (values, selection, reported) = (Vec::new(), Vec::new(), BySeed::new());
        Self { key, measure, values, default: None, chosen: None, selection, reported }
    }

    fn held(self, evidence: &Evidence<'_>) -> Option<Tuned> {
        let Evidence { manifest, entries, values, .. } = evidence;
        let Self { key: [block, variant, parameter], measure, .. } = self;
        let reported: Vec<f64> = self.reported.values().copied().collect();
        let by_seed = values.get(&block, &variant, "all", "run", measure);
        let written = entries.get(&block, &variant, "all", "run", measure);
        let difference = by_seed.and_then(|by_seed| {
            let difference = paired_difference(measure, &pairs(by_seed, &self.reported))?;
            let rope = manifest.compare.practical_share * written?.mean.abs();
            Some((difference, Verdict::of(&difference, measure.better, rope)))
        });
        Some(Tuned {
            tuned: over_seeds(measure, &reported),
            values: self.values,
            default: self.default,
            chosen: self.chosen?,
            n_selection: self.selection.len(),
            block,
            variant,
            parameter,
            measure,
            written,
            difference,
        })
    }
}
