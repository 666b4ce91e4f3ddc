//! The comparison of a study's variants: a struct computed from measures by seed, a document and lines for the console.

mod across;
mod block;
mod document;
mod ranking;
pub(super) mod sentences;
mod tuned;

use std::path::Path;

use crate::report::criteria::Evidence;
use crate::report::document::Report;
use crate::report::table::TextTable;
use crate::results::ResultsError;
use crate::results::folder::REPORTS;
use crate::results::manifest::{BlockEntry, Manifest};

use across::Across;
use block::BlockComparison;
use tuned::Tuned;

/// The comparison of all variants.
pub(super) struct Comparison<'a> {
    manifest: &'a Manifest,
    blocks: Vec<BlockComparison<'a>>,
    across: Option<Across<'a>>,
    tuned: Vec<Tuned>,
}

impl<'a> Comparison<'a> {
    /// `None` where there is nothing to compare: one variant, and no study of a parameter.
    ///
    /// # Errors
    /// If the table of tuning cannot be read.
    pub(super) fn read(
        folder: &Path,
        evidence: &'a Evidence<'_>,
    ) -> Result<Option<Self>, ResultsError> {
        let manifest = evidence.manifest;
        let blocks: Vec<BlockComparison<'a>> = manifest
            .blocks
            .iter()
            .filter_map(|block| BlockComparison::of(evidence, block))
            .collect();
        let across = Across::of(evidence, &blocks);
        let tuned = Tuned::read(folder, evidence)?;
        let is_empty = blocks.is_empty() && tuned.is_empty();
        Ok((!is_empty).then_some(Self { manifest, blocks, across, tuned }))
    }

    /// The document.
    pub(super) fn report(&self) -> Report {
        let path = format!("{REPORTS}/comparison.md");
        Report { group: "Comparison of variants".to_owned(), path, text: self.text() }
    }

    fn of(&self, block: &BlockEntry) -> Option<&BlockComparison<'a>> {
        self.blocks.iter().find(|own| own.block.name == block.name)
    }

    /// What is said of a block in one sentence, and its ranking.
    pub(super) fn told(&self, block: &BlockEntry) -> Option<(String, TextTable)> {
        self.of(block).map(|own| (self.sentence(own), own.short_table(self.baseline(), false)))
    }

    /// The same with no more rows than a console has room for.
    pub(super) fn told_shortly(&self, block: &BlockEntry) -> Option<(String, TextTable)> {
        self.of(block).map(|own| (self.sentence(own), own.short_table(self.baseline(), true)))
    }

    fn sentence(&self, block: &BlockComparison<'a>) -> String {
        block.sentence(self.baseline(), self.manifest.seeds.len())
    }

    fn baseline(&self) -> &str {
        &self.manifest.compare.baseline
    }
}

/// Whether the scenario is in bandit mode.
pub(super) fn is_bandit(manifest: &Manifest) -> bool {
    manifest.blocks.iter().all(|block| block.bandit.is_some())
}

/// Whether a variant is told the truth: a reference that could not be deployed.
fn is_told(manifest: &Manifest, variant: &str) -> bool {
    let at = manifest.variants.iter().position(|name| name == variant);
    at.and_then(|at| manifest.orders.get(at)).is_some_and(|order| order == "informed_greedy")
}
