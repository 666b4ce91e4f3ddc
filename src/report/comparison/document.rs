//! The document `comparison.md`.

use crate::analysis::measure::{self, Measure};
use crate::report::comparison::across::{ALPHA, Across, Ranks, Scale, least_p, n_pairs};
use crate::report::comparison::block::{BlockComparison, GAP, Gap, Learning};
use crate::report::comparison::ranking::Ranking;
use crate::report::comparison::sentences::{VERDICTS, difference, in_words, names, relative, unit};
use crate::report::comparison::tuned::Tuned;
use crate::report::comparison::{Comparison, is_bandit};
use crate::report::document::Document;
use crate::report::entries::with_interval;
use crate::report::number::{estimated, percent, rounded, shown, with_sign};
use crate::report::recorded;
use crate::report::table::TextTable;

/// Seeds from which the interval of an interquartile mean covers as often as it says.
const IQM_IS_HONEST_FROM: usize = 50;

impl Comparison<'_> {
    pub(super) fn text(&self) -> String {
        let manifest = self.manifest;
        let compared = &manifest.compare;
        let baseline = compared.baseline.as_str();
        let mut text = Document::new(&format!("Comparison: {}", manifest.scenario));
        text.paragraph(&manifest.question);
        let equal = percent(compared.practical_share, 1);
        text.paragraph(&match manifest.seeds.len() {
            1 => format!(
                "{} variants on one seed, so no intervals and no verdicts; differences are to `{baseline}`.",
                manifest.variants.len()
            ),
            n => format!(
                "{} variants over {n} seeds: means with 95 % intervals; differences are to `{baseline}`, paired by seed. Up to {equal} of its mean a difference counts as equal.",
                manifest.variants.len()
            ),
        });
        if manifest.recorded.is_some() {
            text.paragraph(&format!(
                "Seeds are orderings of the same recorded prompts: intervals, tests and verdicts here say what the order of prompts does, not what other prompts would. Intervals over prompts stand in [{}](recorded-outcomes.md).",
                recorded::PATH
            ));
        }
        if self.blocks.iter().any(|block| block.leader.as_ref().is_some_and(|l| l.of > 1)) {
            text.paragraph(
                "The best of several was found by looking at these very seeds, so its figure is likely a little too good (winner's curse), the more so the closer the next ones are: run the one you choose on other seeds (`--seeds`) before you believe its lead.",
            );
        }
        if let Some(across) = &self.across {
            text.section("Over all blocks");
            over_blocks(&mut text, across, baseline);
        }
        for block in &self.blocks {
            text.block(manifest, block.block);
            self.block(&mut text, block);
        }
        text.section("Tuned against default");
        tuned(&mut text, self);
        self.meanings(&mut text);
        text.finish()
    }

    fn block(&self, text: &mut Document, block: &BlockComparison<'_>) {
        let manifest = self.manifest;
        let (baseline, n_seeds) = (manifest.compare.baseline.as_str(), manifest.seeds.len());
        let is_bandit = block.block.bandit.is_some();
        text.paragraph(&format!("**{}**", block.sentence(baseline, n_seeds)));
        if let Some(leader) = block.leader.as_ref().filter(|leader| !leader.told.is_empty()) {
            let verb = if leader.told.len() == 1 { "is" } else { "are" };
            text.paragraph(&format!(
                "{} {verb} told the truth: a reference, not ranked.",
                names(&leader.told)
            ));
        }
        for (at, ranking) in block.rankings.iter().enumerate() {
            let first = if at == 0 { "Ranking by " } else { "" };
            text.section_of_block(manifest, &format!("{first}`{}`", ranking.measure.name));
            text.table(&ranking_table(ranking, baseline, n_seeds, is_bandit));
            text.paragraph(&below(ranking, n_seeds, is_bandit));
        }
        let agreed: Vec<String> = block
            .agreed
            .iter()
            .map(|(measure, value)| {
                let unit = unit(*measure, is_bandit);
                format!("`{}` ({} {unit})", measure.name, shown(*value, *measure))
            })
            .collect();
        if !agreed.is_empty() {
            text.paragraph(&format!(
                "On every seed all variants have the same {}.",
                agreed.join(", ")
            ));
        }
        if let Some(learning) = &block.learning {
            text.section_of_block(manifest, "How they learned");
            text.table(&learning_table(learning, n_seeds, is_bandit));
            text.paragraph("Means over seeds; where not all seeds have a value, how many do.");
        }
        if let Some(gap) = &block.gap {
            text.section_of_block(manifest, &format!("Policy gap to {}", gap.reference));
            text.paragraph(&gap_sentence(gap));
            text.table(&gap_table(gap));
        }
    }

    fn meanings(&self, text: &mut Document) {
        text.section("How to read this");
        let mut lines = Vec::new();
        if self.manifest.seeds.len() > 1 && !self.blocks.is_empty() {
            lines.push("Intervals are each variant's own, not simultaneous: of twenty, one misses on average. That of a mean or of a difference is Student's t over seeds; the verdict follows from the difference's.".to_owned());
            let verdicts: Vec<String> =
                VERDICTS.iter().map(|(v, means)| format!("{}: {means}", v.name())).collect();
            lines.push(format!("Verdicts: {}.", verdicts.join("; ")));
            lines.push("p: Wilcoxon's signed-rank test of the differences by seed, adjusted for all variants of the table (Holm).".to_owned());
            lines.push("P(better): the share of seeds on which the variant is better than the baseline, ties counting half.".to_owned());
            lines.push("d: the mean difference over the standard deviation of the differences (Cohen's d(z)). Variance reduction: how many times as many seeds the comparison would take if the variants did not share them.".to_owned());
            lines.push(format!("IQM, the interquartile mean: the mean without the lowest and the highest quarter of seeds, with its bootstrap interval (BCa){}.", match self.manifest.seeds.len() {
                n if n < IQM_IS_HONEST_FROM => format!(", which covers as often as it says from {IQM_IS_HONEST_FROM} seeds on"),
                _ => String::new(),
            }));
        }
        let mut told: Vec<Measure> = Vec::new();
        for block in &self.blocks {
            let learned = block.learning.iter().flat_map(|learning| learning.measures.iter());
            let gaps = block.gap.iter().flat_map(|_| GAP.iter());
            for measure in block.rankings.iter().map(|r| &r.measure).chain(learned).chain(gaps) {
                if !told.contains(measure) {
                    told.push(*measure);
                }
            }
        }
        let mode = is_bandit(self.manifest);
        lines.extend(told.iter().map(|m| format!("`{}` ({}): {}", m.name, unit(*m, mode), m.doc)));
        if told.contains(&measure::REWARD) && !mode {
            lines.push(format!("The scenario's reward is `{}`.", self.manifest.reward));
        }
        text.list(lines);
    }
}

fn ranking_table(
    ranking: &Ranking<'_>,
    baseline: &str,
    n_seeds: usize,
    is_bandit: bool,
) -> TextTable {
    let measure = ranking.measure;
    let has_iqm = ranking.standings.iter().any(|s| s.iqm.is_some());
    let holds = ranking.standings.iter().any(|s| s.against.is_some());
    let mut header = vec!["variant".to_owned(), in_words(measure, is_bandit)];
    header.extend(has_iqm.then(|| "IQM".to_owned()));
    if holds {
        header.extend([format!("less {baseline}"), "relative, %".to_owned()]);
    }
    let tests = holds && n_seeds > 1;
    if tests {
        let columns = ["p", "P(better), %", "d", "variance reduction", "verdict"];
        header.extend(columns.map(str::to_owned));
    }
    let mut table = TextTable::new(header);
    for standing in &ranking.standings {
        let show = |value: f64| shown(value, measure);
        let mut row =
            vec![standing.variant.to_owned(), with_interval(Some(standing.mean), measure)];
        if has_iqm {
            row.push(standing.iqm.as_ref().map_or_else(|| "-".to_owned(), |iqm| iqm.text(show)));
        }
        let Some(against) = &standing.against else {
            let n_empty = if holds { 2 } else { 0 } + if tests { 5 } else { 0 };
            row.extend(std::iter::repeat_n("-".to_owned(), n_empty));
            if tests && standing.variant == baseline {
                *row.last_mut().expect("a row has a variant") = "baseline".to_owned();
            }
            table.push(row);
            continue;
        };
        row.extend([difference(&against.paired.difference, measure), relative(against)]);
        if tests {
            let percents = |share: f64| format!("{:.1}", 100.0 * share);
            let chance = &against.chance;
            row.extend([
                p_text(against.adjusted_p),
                chance.map_or_else(|| "-".to_owned(), |chance| estimated(&chance, percents)),
                or_dash(against.paired.effect, |d| with_sign(&rounded(d, 2))),
                or_dash(against.paired.variance_reduction, |factor| rounded(factor, 2)),
                against.verdict.name().to_owned(),
            ]);
        }
        table.push(row);
    }
    table
}

/// What counts as equal, and where another interval says otherwise.
fn below(ranking: &Ranking<'_>, n_seeds: usize, is_bandit: bool) -> String {
    if n_seeds == 1 || ranking.standings.iter().all(|s| s.against.is_none()) {
        return String::new();
    }
    let measure = ranking.measure;
    let unit = match measure.is_proportion {
        true => "percentage points",
        false => unit(measure, is_bandit),
    };
    let equal = match ranking.rope {
        0.0 => "The baseline's mean is 0, so nothing but 0 counts as equal.".to_owned(),
        rope => {
            let rope = if measure.is_proportion { 100.0 * rope } else { rope };
            format!("Differences up to {} {unit} count as equal.", rounded(rope, 3))
        }
    };
    let otherwise: Vec<String> = ranking
        .standings
        .iter()
        .filter_map(|s| {
            let verdict = s.against.as_ref()?.otherwise?;
            Some(format!("`{}` ({})", s.variant, verdict.name()))
        })
        .collect();
    match otherwise.is_empty() {
        true => equal,
        false => format!(
            "{equal} The bootstrap interval (BCa), which minds skewed differences, says otherwise of {}.",
            otherwise.join(", ")
        ),
    }
}

fn p_text(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { rounded(p, 2) }
}

fn learning_table(learning: &Learning<'_>, n_seeds: usize, is_bandit: bool) -> TextTable {
    let headings = learning.measures.iter().map(|m| in_words(*m, is_bandit));
    let mut table = TextTable::new(std::iter::once("variant".to_owned()).chain(headings));
    for (variant, entries) in &learning.rows {
        let cells = learning.measures.iter().zip(entries).map(|(measure, entry)| match entry {
            None => "-".to_owned(),
            Some(entry) if entry.n < n_seeds as f64 => {
                format!("{} ({} of {n_seeds})", shown(entry.mean, *measure), entry.n)
            }
            Some(entry) => shown(entry.mean, *measure),
        });
        table.push(std::iter::once((*variant).to_owned()).chain(cells).collect());
    }
    table
}

fn gap_sentence(gap: &Gap<'_>) -> String {
    let why = match gap.is_told {
        true => "which is told the expected rewards: a reference, not a ceiling",
        false => "the variant with the highest mean reward, found by looking",
    };
    format!("`{}`, {why}, less each variant on the same seeds.", gap.reference)
}

fn gap_table(gap: &Gap<'_>) -> TextTable {
    let headings = GAP.iter().map(|measure| in_words(*measure, false));
    let mut table = TextTable::new(std::iter::once("variant".to_owned()).chain(headings));
    for (variant, gaps) in &gap.rows {
        let cells = GAP.iter().zip(gaps).map(|(measure, gap)| {
            gap.as_ref().map_or_else(|| "-".to_owned(), |gap| difference(gap, *measure))
        });
        table.push(std::iter::once((*variant).to_owned()).chain(cells).collect());
    }
    table
}

/// A normalised score; nothing is not told with a sign.
fn score(value: f64) -> String {
    let text = format!("{value:.3}");
    if text == "-0.000" { "0.000".to_owned() } else { text }
}

fn over_blocks(text: &mut Document, across: &Across<'_>, baseline: &str) {
    let n = across.blocks.len();
    if let Some(best) = across.rows.iter().find(|row| !row.is_told) {
        text.paragraph(&format!(
            "**Over {n} blocks `{}` has the highest score: an interquartile mean of {}.**",
            best.variant,
            best.aggregates[0].text(score)
        ));
    }
    let scale = match &across.scale {
        Scale::Regret(of) => format!(
            "The score of a run is 1 - regret / mean regret of `{of}` in the block: 1 loses nothing, 0 as much as `{of}`."
        ),
        Scale::RegretOfWorst => "The score of a run is 1 - regret / mean regret of the block's worst variant: 1 loses nothing, 0 as much as the worst.".to_owned(),
        Scale::Reward => "The score of a run is (reward - worst) / (best - worst), by the highest and the lowest mean reward of a variant in the block: 1 earns as much as the best, 0 as the worst.".to_owned(),
    };
    text.paragraph(&scale);
    let has_improvement = across.rows.iter().any(|row| row.improvement.is_some());
    let mut header: Vec<String> =
        ["variant", "IQM", "mean", "optimality gap"].map(str::to_owned).into();
    if has_improvement {
        header.push(format!("P(better than {baseline}), %"));
    }
    header.extend(across.ranks.as_ref().map(|_| "mean rank".to_owned()));
    let mut table = TextTable::new(header);
    for row in &across.rows {
        let mut cells = vec![row.variant.to_owned()];
        cells.extend(row.aggregates.iter().map(|aggregated| aggregated.text(score)));
        if has_improvement {
            let percents = |share: f64| format!("{:.1}", 100.0 * share);
            let improvement = row.improvement.as_ref();
            cells.push(match improvement {
                None if row.variant == baseline => "baseline".to_owned(),
                _ => improvement.map_or_else(|| "-".to_owned(), |own| estimated(own, percents)),
            });
        }
        if let Some(ranks) = &across.ranks {
            cells.push(or_dash(ranks.mean_rank(row.variant), |rank| format!("{rank:.2}")));
        }
        table.push(cells);
    }
    text.table(&table);
    let seeds = match across.n_seeds {
        1 => "One seed, so no intervals.".to_owned(),
        n => format!(
            "Intervals resample {n} seeds, the runs of one seed in all blocks together. The optimality gap is the mean of max(0, 1 - score). P(better) compares runs of one block and of any seeds."
        ),
    };
    text.paragraph(&seeds);
    if !across.left_out.is_empty() {
        text.paragraph(&format!(
            "Without a score, as its variants do not differ: {}.",
            names(&across.left_out)
        ));
    }
    if let Some(ranks) = &across.ranks {
        text.list(rank_tests(ranks));
    }
}

/// What ranks over blocks prove.
fn rank_tests(ranks: &Ranks<'_>) -> Vec<String> {
    let (n, k) = (ranks.friedman.n, ranks.variants.len());
    let groups = |groups: &[Vec<&str>]| -> String {
        let each: Vec<String> = groups.iter().map(|group| format!("[{}]", names(group))).collect();
        match each.is_empty() {
            true => "every two are told apart".to_owned(),
            false => format!("not told apart: {}", each.join(", ")),
        }
    };
    let mut lines = vec![format!(
        "Mean ranks are by the means of `{}` in {n} blocks, 1 for the best. Blocks stand for scenarios, which should be unlike each other; seeds are not scenarios.",
        ranks.measure.name
    )];
    let friedman = &ranks.friedman;
    if ranks.is_tested() {
        let f = match friedman.f.is_finite() {
            true => format!("{} (p {})", rounded(friedman.f, 3), p_equals(friedman.f_p)),
            false => "without bound, as all blocks rank alike".to_owned(),
        };
        lines.push(format!(
            "Friedman's test of equal variants: chi-square {} (p {}); Iman and Davenport's F {f}.",
            rounded(friedman.chi_square, 3),
            p_equals(friedman.chi_square_p)
        ));
    }
    if let Some((least, by_rank)) = &ranks.by_rank {
        lines.push(format!(
            "Nemenyi's critical difference of mean ranks at {}: {}; {}.",
            percent(ALPHA, 0),
            rounded(*least, 3),
            groups(by_rank)
        ));
    }
    lines.push(match &ranks.by_pairs {
        Some(by_pairs) => format!(
            "Pairs by Wilcoxon's signed-rank test over blocks with Holm's correction at {}: {}.",
            percent(ALPHA, 0),
            groups(by_pairs)
        ),
        None => format!(
            "Too few blocks to test pairs: with {n} the smallest p value is {}, and there are {} pairs to correct for.",
            rounded(least_p(n), 2),
            n_pairs(k)
        ),
    });
    lines
}

fn p_equals(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("= {}", rounded(p, 2)) }
}

fn or_dash(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    crate::report::number::or_dash(value, show)
}

fn tuned(text: &mut Document, comparison: &Comparison<'_>) {
    let manifest = comparison.manifest;
    let studies = &comparison.tuned;
    if studies.is_empty() {
        return;
    }
    let has_blocks = manifest.blocks.len() > 1;
    text.paragraph(
        "Each value was tried on selection seeds, none of them reported here; the chosen one is held against the variant as written on the reported seeds.",
    );
    let mut header: Vec<String> = if has_blocks { vec!["block".to_owned()] } else { Vec::new() };
    let columns =
        ["variant", "parameter", "tried", "as written", "chosen", "measure", "as written"];
    header.extend(columns.map(str::to_owned));
    header.extend(["tuned", "tuned less written", "verdict"].map(str::to_owned));
    let mut table = TextTable::with_texts(header, if has_blocks { 3 } else { 2 });
    for study in studies {
        table.push(tuned_row(study, comparison, has_blocks));
    }
    text.table(&table);
}

fn tuned_row(study: &Tuned, comparison: &Comparison<'_>, has_blocks: bool) -> Vec<String> {
    let measure = study.measure;
    let mode = is_bandit(comparison.manifest);
    let value = |value: f64| rounded(value, 3);
    let mut row = if has_blocks { vec![study.block.clone()] } else { Vec::new() };
    let (least, most) = (
        study.values.iter().copied().fold(f64::INFINITY, f64::min),
        study.values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    );
    let tried = match study.values.len() {
        1..=4 => study.values.iter().map(|v| value(*v)).collect::<Vec<_>>().join(", "),
        n => format!("{n} from {} to {}", value(least), value(most)),
    };
    let tried = format!("{tried} ({} seeds)", study.n_selection);
    let (held, verdict) = match &study.difference {
        None => ("-".to_owned(), "-"),
        Some((difference_, verdict)) => (difference(difference_, measure), verdict.name()),
    };
    row.extend([
        study.variant.clone(),
        study.parameter.clone(),
        tried,
        or_dash(study.default, value),
        value(study.chosen),
        in_words(measure, mode),
        with_interval(study.written, measure),
        study.tuned.as_ref().map_or_else(
            || "-".to_owned(),
            |tuned| estimated(tuned, |value| shown(value, measure)),
        ),
        held,
        verdict.to_owned(),
    ]);
    row
}
