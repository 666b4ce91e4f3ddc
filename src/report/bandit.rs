//! Summary and console of bandit mode, where there are arms and rounds instead of models and tasks.

use crate::analysis::measure::{Measure, OF_BANDITS};
use crate::report::CHARTS;
use crate::report::comparison::Comparison;
use crate::report::comparison::sentences::in_words;
use crate::report::criteria::Evidence;
use crate::report::document::{Document, Report, links};
use crate::report::entries::with_interval;
use crate::report::expectations::Verdicts;
use crate::report::number::rounded;
use crate::report::summary::seeds_text;
use crate::report::table::TextTable;
use crate::results::manifest::{BanditEntry, BlockEntry};

/// Whose measures are told where there is no comparison.
fn measures(evidence: &Evidence<'_>, block: &BlockEntry) -> TextTable {
    let of = |variant: &String, measure: &Measure| {
        evidence.entries.get(&block.name, variant, "all", "run", *measure)
    };
    let variants = &evidence.manifest.variants;
    let mut table =
        TextTable::new(std::iter::once("measure".to_owned()).chain(variants.iter().cloned()));
    for measure in OF_BANDITS.iter().filter(|m| variants.iter().any(|v| of(v, m).is_some())) {
        let cells = variants.iter().map(|v| with_interval(of(v, measure), *measure));
        table.push(std::iter::once(in_words(*measure, true)).chain(cells).collect());
    }
    table
}

/// What is played, in words.
fn problem(bandit: &BanditEntry) -> String {
    let mut text = format!("{} rounds, {} arms", bandit.rounds, bandit.arms.len());
    if !bandit.changes.is_empty() {
        let rounds: Vec<String> = bandit.changes.iter().map(u64::to_string).collect();
        text += &format!("; something changes in round {}", rounds.join(", "));
    }
    if let Some(budget) = bandit.budget {
        text += &format!("; a budget of {}", rounded(budget, 6));
    }
    text + "."
}

/// The summary as Markdown.
pub(super) fn markdown(
    evidence: &Evidence<'_>,
    comparison: Option<&Comparison<'_>>,
    charts: &[&str],
    reports: &[Report],
    verdicts: &Verdicts<'_>,
) -> String {
    let manifest = evidence.manifest;
    let mut text = Document::new(&manifest.scenario);
    text.paragraph(&format!("**{}**", manifest.question));
    let seeds = seeds_text(manifest);
    text.paragraph(&format!("Bandit mode, {seeds}. Regret is pseudo-regret: expected reward of the best arm that could be played in each round less that of the arm played, or of the best mixture that the budget allows."));
    text.paragraph(verdicts.markdown().trim());
    for block in &manifest.blocks {
        text.block(manifest, block);
        if manifest.blocks.len() == 1 {
            text.section("Results");
        }
        text.paragraph(&block.bandit.as_ref().map(problem).unwrap_or_default());
        let compared = comparison.and_then(|own| own.told(block));
        match compared {
            Some((sentence, table)) => {
                text.paragraph(&format!("**{sentence}**"));
                text.table(&table);
            }
            None => text.table(&measures(evidence, block)),
        }
    }
    text.section("Reports");
    text.paragraph(links(reports).trim_end());
    text.section("Charts");
    let charts: Vec<String> =
        charts.iter().map(|chart| format!("![{chart}]({CHARTS}/{chart}.svg)")).collect();
    text.paragraph(&charts.join("\n\n"));
    text.section("What the numbers mean");
    text.list(OF_BANDITS.map(|m| format!("{}: {}", in_words(m, true), m.doc)));
    let hash = manifest.texts.first().map_or("", |text| text.sha256.as_str());
    text.paragraph(&format!("reflexarc {}, scenario SHA-256 {hash}.", manifest.reflexarc_version));
    text.finish()
}

/// The summary for the console.
pub(super) fn console(evidence: &Evidence<'_>, comparison: Option<&Comparison<'_>>) -> String {
    let manifest = evidence.manifest;
    let mut text = format!("{}\n{}\n", manifest.scenario, manifest.question);
    for block in &manifest.blocks {
        let title = match manifest.blocks.len() {
            1 => String::new(),
            _ => format!("block {}: ", block.name),
        };
        text += &format!("\n{title}{}\n", seeds_text(manifest));
        text += &match comparison.and_then(|own| own.told_shortly(block)) {
            Some((sentence, table)) => format!("{sentence}\n\n{}", table.console()),
            None => format!("\n{}", measures(evidence, block).console()),
        };
    }
    text
}
