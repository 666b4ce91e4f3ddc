//! What has reports of its own: a variant in a block, shown by one of its seeds.

use crate::analysis::diff::BySeed;
use crate::analysis::measure;
use crate::report::frame::RunKey;
use crate::report::measured::Values;
use crate::results::folder::REPORTS;
use crate::results::manifest::{BlockEntry, Manifest};

/// A variant in a block, and the run that stands for it.
pub(super) struct Subject<'a> {
    pub(super) block: &'a BlockEntry,
    pub(super) variant: &'a str,
    /// The run with the lower median of the measure `efficiency` over all seeds; of equal ones the lowest seed.
    pub(super) run: RunKey,
    folder: String,
}

impl Subject<'_> {
    /// Where its reports of a kind stand, within the folder of results.
    pub(super) fn folder(&self, kind: &str) -> String {
        format!("{REPORTS}/{kind}/{}", self.folder)
    }

    /// Its name among the reports: the block only where there are several.
    pub(super) fn name(&self, manifest: &Manifest) -> String {
        match manifest.blocks.len() {
            1 => self.variant.to_owned(),
            _ => format!("{}, block {}", self.variant, self.block.name),
        }
    }

    /// Which run is shown, and why.
    pub(super) fn why_this_seed(&self, manifest: &Manifest) -> String {
        let seed = self.run.seed;
        match manifest.seeds.len() {
            1 => format!("Seed {seed}, the only one."),
            n => format!("Seed {seed} alone, the one with the median `efficiency` of {n} seeds."),
        }
    }
}

/// The variants of every block that the scenario wants reports of, in the order of the manifest.
pub(super) fn subjects<'a>(manifest: &'a Manifest, values: &Values) -> Vec<Subject<'a>> {
    let blocks = slugs(manifest.blocks.iter().map(|block| block.name.as_str()));
    let variants = slugs(manifest.variants.iter().map(String::as_str));
    let mut all = Vec::new();
    for (block, block_slug) in manifest.blocks.iter().zip(&blocks) {
        for (variant, variant_slug) in manifest.variants.iter().zip(&variants) {
            if !manifest.reported.contains(variant) {
                continue;
            }
            let efficiency = values.get(&block.name, variant, "all", "run", measure::EFFICIENCY);
            let runs = RunKey::of_seeds(manifest, &block.name, variant);
            let Some(run) = representative(efficiency, runs) else { continue };
            let is_only = manifest.blocks.len() == 1 && block.name == "main";
            let above = if is_only { String::new() } else { format!("{block_slug}/") };
            all.push(Subject { block, variant, run, folder: above + variant_slug });
        }
    }
    all
}

fn representative(
    efficiency: Option<&BySeed>,
    runs: impl Iterator<Item = RunKey>,
) -> Option<RunKey> {
    let value = |run: &RunKey| efficiency?.get(&run.seed).copied();
    let mut judged: Vec<(Option<f64>, RunKey)> = runs.map(|run| (value(&run), run)).collect();
    // A run in which no task ended has no efficiency and stands for none that has.
    if judged.iter().any(|(value, _)| value.is_some()) {
        judged.retain(|(value, _)| value.is_some());
    }
    judged.sort_by(|(a, one), (b, other)| {
        let order = a.unwrap_or(0.0).total_cmp(&b.unwrap_or(0.0));
        order.then(one.seed.cmp(&other.seed))
    });
    let median = judged.get(judged.len().saturating_sub(1) / 2)?.0;
    judged.into_iter().find(|(value, _)| *value == median).map(|(_, run)| run)
}

/// Names as folders that any file system takes: small letters and digits, `-` for a run of anything else, numbered
/// where two come out alike.
fn slugs<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let lower = name.to_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let plain = if words.is_empty() { "unnamed".to_owned() } else { words.join("-") };
        let mut slug = plain.clone();
        let mut nth = 2;
        while all.contains(&slug) {
            slug = format!("{plain}-{nth}");
            nth += 1;
        }
        all.push(slug);
    }
    all
}

/// A date as it begins the name of a report: `2026-03-02` is `260302`.
pub(super) fn date_stamp(date: &str) -> String {
    let digits: String = date.chars().filter(char::is_ascii_digit).collect();
    digits.get(2..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_folders_that_differ() {
        let names = ["stage4, next in order", "A/B", "a b", "..", "é"];
        assert_eq!(
            slugs(names.into_iter()),
            ["stage4-next-in-order", "a-b", "a-b-2", "unnamed", "é"]
        );
        assert_eq!(date_stamp("2026-03-02"), "260302");
    }
}
