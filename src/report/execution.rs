//! The execution report: the plan's criteria, answered for the plan's stack and for the best alternative to it.

use std::fmt::Write;
use std::path::Path;

use crate::analysis::criteria::Verdict;
use crate::analysis::measure;
use crate::report::criteria::{Answer, Criterion, Evidence};
use crate::report::entries::{Entries, with_interval};
use crate::report::number::{count, rounded};
use crate::report::table::TextTable;
use crate::results::ResultsError;
use crate::results::manifest::{Alternative, BlockEntry, Manifest};

/// The answers of one variant, in the order of [`Criterion::ALL`].
struct Answers<'a> {
    variant: &'a str,
    answers: Vec<Answer>,
}

impl<'a> Answers<'a> {
    fn of(evidence: &Evidence<'_>, block: &str, variant: &'a str) -> Self {
        let answer = |criterion| evidence.answer(criterion, block, variant);
        Self { variant, answers: Criterion::ALL.map(answer).into() }
    }

    fn with(&self, verdict: Verdict) -> Vec<&'static str> {
        let pairs = Criterion::ALL.iter().zip(&self.answers);
        pairs.filter(|(_, a)| a.verdict == verdict).map(|(c, _)| c.name()).collect()
    }

    /// One sentence: how many are met, and what became of the others.
    fn sentence(&self) -> String {
        let met = self.with(Verdict::Met).len();
        let mut text = format!("`{}` meets {met} of {} criteria", self.variant, self.answers.len());
        for verdict in [
            Verdict::NotMet,
            Verdict::Undecided,
            Verdict::LittleHeadroom,
            Verdict::NotExercised,
        ] {
            let names = self.with(verdict);
            if !names.is_empty() {
                write!(text, "; {}: {}", verdict.name(), names.join(", "))
                    .expect("a string takes everything");
            }
        }
        text + "."
    }
}

/// The report, and one line for the console.
pub(super) fn report(folder: &Path, manifest: &Manifest) -> Result<(String, String), ResultsError> {
    let evidence = Evidence::read(folder, manifest)?;
    let mut text = format!("# Stage 4 execution report: {}\n\n", manifest.scenario);
    let mut console = String::new();
    text.push_str(&format!("{}\n\n", manifest.question));
    for block in &manifest.blocks {
        let all: Vec<Answers<'_>> = manifest
            .variants
            .iter()
            .map(|variant| Answers::of(&evidence, &block.name, variant))
            .collect();
        let alternative = manifest.alternatives.iter().find(|a| a.block == block.name);
        let best = alternative
            .and_then(|a| a.chosen.as_ref())
            .and_then(|name| all.iter().find(|answers| answers.variant == *name));
        let title = match manifest.blocks.len() {
            1 => String::new(),
            _ => format!("block {}: ", block.name),
        };
        console.push_str(&format!("criteria  {title}{}\n", all[0].sentence()));
        section(&mut text, manifest, block, &evidence, &all, best, alternative);
    }
    what_was_run(&mut text, manifest);
    Ok((text, console))
}

fn section(
    text: &mut String,
    manifest: &Manifest,
    block: &BlockEntry,
    evidence: &Evidence<'_>,
    all: &[Answers<'_>],
    best: Option<&Answers<'_>>,
    alternative: Option<&Alternative>,
) {
    if manifest.blocks.len() > 1 {
        text.push_str(&format!("## Block {}\n\n", block.name));
        if let Some(question) = &block.question {
            text.push_str(&format!("{question}\n\n"));
        }
    }
    text.push_str(&format!("**{}**", all[0].sentence()));
    if let Some(best) = best {
        text.push_str(&format!(" The best alternative: {}", best.sentence()));
    }
    text.push_str("\n\n### Criteria\n\n");
    text.push_str(&criteria_table(&all[0], best));
    if let (Some(alternative), Some(best)) = (alternative, best) {
        let means: Vec<String> = alternative
            .mean_rewards
            .iter()
            .map(|(name, mean)| format!("{name} {}", rounded(*mean, 3)))
            .collect();
        text.push_str(&format!(
            "\n`{}` is the alternative with the highest mean reward on {} selection seeds, none of them reported here ({}).\n",
            best.variant,
            alternative.seeds.len(),
            means.join(", ")
        ));
    }
    instead(text, all);
    fallback_detail(text, evidence.entries(), manifest, block);
    matrix(text, all);
}

fn criteria_table(first: &Answers<'_>, best: Option<&Answers<'_>>) -> String {
    let mut header = vec!["criterion".to_owned(), "target".to_owned()];
    for answers in std::iter::once(first).chain(best) {
        header.extend([answers.variant.to_owned(), "verdict".to_owned()]);
    }
    header.push("where to look".to_owned());
    let n = header.len();
    let mut table = TextTable::with_texts(header, n);
    for (at, criterion) in Criterion::ALL.into_iter().enumerate() {
        let mut row = vec![criterion.name().to_owned(), criterion.target().to_owned()];
        for answers in std::iter::once(first).chain(best) {
            let Answer { measured, verdict, note } = &answers.answers[at];
            let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
            row.extend([format!("{measured}{note}"), verdict.name().to_owned()]);
        }
        row.push(criterion.place().to_owned());
        table.push(row);
    }
    table.markdown()
}

/// What would meet a target that the first variant misses, among the variants of the study.
fn instead(text: &mut String, all: &[Answers<'_>]) {
    let missed: Vec<usize> = (0..Criterion::ALL.len())
        .filter(|at| {
            let verdict = all[0].answers[*at].verdict;
            !matches!(verdict, Verdict::Met | Verdict::NotExercised)
        })
        .collect();
    if missed.is_empty() {
        return;
    }
    text.push_str("\n### What would meet the target instead\n\n");
    for at in missed {
        let meet: Vec<String> = all[1..]
            .iter()
            .filter(|answers| answers.answers[at].verdict == Verdict::Met)
            .map(|answers| format!("`{}` with {}", answers.variant, answers.answers[at].measured))
            .collect();
        let found = match meet.is_empty() {
            true => "no variant of this study is shown to meet it".to_owned(),
            false => format!("met by {}", meet.join("; ")),
        };
        text.push_str(&format!("- {}: {found}.\n", Criterion::ALL[at].name()));
    }
    if all.len() > 2 {
        text.push_str(
            "\nThese are found by looking at the reported seeds: run the chosen one on seeds of its own before believing it.\n",
        );
    }
}

/// Fallback success while five models are out of tokens, by level and by reason.
fn fallback_detail(text: &mut String, entries: &Entries, manifest: &Manifest, block: &BlockEntry) {
    let measure = measure::FALLBACK_SERVED_RATE;
    let get = |variant: &str, level: &str, measure| {
        entries.get(&block.name, variant, level, "exhaustion", measure)
    };
    if manifest.variants.iter().all(|v| get(v, "all", measure).is_none()) {
        return;
    }
    text.push_str("\n### Fallback success while five models are out of tokens\n\n");
    let levels = ["L1", "L2", "L3", "L4"];
    let reasons = measure::FALLBACK_SERVED_RATE_BY_REASON;
    let seen = |m: measure::Measure| manifest.variants.iter().any(|v| get(v, "all", m).is_some());
    let reasons: Vec<measure::Measure> = reasons.into_iter().filter(|m| seen(*m)).collect();
    let mut header = vec!["variant".to_owned(), "all, %".to_owned()];
    header.extend(levels.iter().map(|level| format!("{level}, %")));
    header.extend(reasons.iter().map(|reason| {
        format!("{}, %", reason.name.trim_start_matches("fallback_served_rate_"))
    }));
    header.extend(["triggered, % of tasks".to_owned(), "recovery_p99, ms".to_owned()]);
    let mut table = TextTable::new(header);
    for variant in &manifest.variants {
        let mut row = vec![variant.clone()];
        for level in std::iter::once("all").chain(levels) {
            row.push(with_interval(get(variant, level, measure), measure));
        }
        for reason in reasons.iter().copied().chain([measure::TRIGGERED, measure::RECOVERY_P99]) {
            row.push(with_interval(get(variant, "all", reason), reason));
        }
        table.push(row);
    }
    text.push_str(&table.markdown());
}

fn matrix(text: &mut String, all: &[Answers<'_>]) {
    if all.len() < 2 {
        return;
    }
    text.push_str("\n### Verdicts of all variants\n\n");
    let names = Criterion::ALL.map(Criterion::name);
    let header: Vec<&str> = std::iter::once("variant").chain(names).collect();
    let n = header.len();
    let mut table = TextTable::with_texts(header, n);
    for answers in all {
        let verdicts = answers.answers.iter().map(|answer| answer.verdict.name().to_owned());
        table.push(std::iter::once(answers.variant.to_owned()).chain(verdicts).collect());
    }
    text.push_str(&table.markdown());
}

fn what_was_run(text: &mut String, manifest: &Manifest) {
    text.push_str("\n## How the verdicts are reached\n\n");
    text.push_str(
        "- Allocation, tracking, monitoring and documents are exact counts over all runs, without an interval.\n\
         - Fallback success is the share of triggered tasks that arrived while a fault left five models or more without \
         tokens and that another model answered within their deadline.\n\
         - Learning compares the headline efficiency of the first local day that begins 48 hours after the start with the \
         same stack, seeds and world at its initial beliefs (frozen control); met if the lower end of the 95 % interval \
         (BCa bootstrap over seeds) reaches +5 %. Where even the same stack told the expected rewards gains less than that, \
         the world has little headroom.\n\
         - Availability is the share of arriving tasks answered within their deadline, over the whole run; met if the lower \
         end of the 95 % interval over seeds reaches the target, not met if the upper end does not, undecided in between.\n",
    );
    let tasks: u64 = manifest.cells.iter().map(|cell| cell.tasks).sum();
    text.push_str(&format!(
        "\n{} runs of {} tasks in all: {} variants, {} seeds, {} worlds. The world's figures are {}\n",
        count(manifest.cells.len() as f64),
        count(tasks as f64),
        manifest.variants.len(),
        manifest.seeds.len(),
        manifest.blocks.len(),
        manifest.registry_source
    ));
    text.push_str(&format!(
        "\nreflexarc {}, scenario SHA-256 {}, time-zone database {}.\n",
        manifest.reflexarc_version,
        manifest.texts.first().map_or("", |text| &text.sha256),
        manifest.time_zone_database
    ));
}
