//! The execution report: the plan's criteria, answered for the plan's stack and for the best alternative to it.

use crate::analysis::criteria::Verdict;
use crate::analysis::measure;
use crate::report::criteria::{Answer, Criterion, Evidence};
use crate::report::document::{Document, Report};
use crate::report::entries::{Entries, with_interval};
use crate::report::number::{count, rounded};
use crate::report::table::TextTable;
use crate::results::folder::REPORTS;
use crate::results::manifest::{BlockEntry, Manifest};
use std::fmt::Write;

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
        for verdict in
            [Verdict::NotMet, Verdict::Undecided, Verdict::LittleHeadroom, Verdict::NotExercised]
        {
            let names = self.with(verdict);
            if !names.is_empty() {
                write!(text, "; {}: {}", verdict.name(), names.join(", "))
                    .expect("a string takes everything");
            }
        }
        text + "."
    }
}

/// The report, and a line for the console on each block.
pub(super) fn report(evidence: &Evidence<'_>) -> (Report, String) {
    let manifest = evidence.manifest;
    let mut text = Document::new(&format!("Stage 4 execution report: {}", manifest.scenario));
    let mut console = String::new();
    text.paragraph(&manifest.question);
    for block in &manifest.blocks {
        let all: Vec<Answers<'_>> = manifest
            .variants
            .iter()
            .map(|variant| Answers::of(evidence, &block.name, variant))
            .collect();
        let title = match manifest.blocks.len() {
            1 => String::new(),
            _ => format!("block {}: ", block.name),
        };
        console.push_str(&format!("criteria  {title}{}\n", all[0].sentence()));
        section(&mut text, block, evidence, &all);
    }
    what_was_run(&mut text, manifest);
    let path = format!("{REPORTS}/{}-Stage4-Execution-Report.md", evidence.last_day());
    let group = "Stage 4 documents".to_owned();
    (Report { group, path, text: text.finish() }, console)
}

fn section(text: &mut Document, block: &BlockEntry, evidence: &Evidence<'_>, all: &[Answers<'_>]) {
    let manifest = evidence.manifest;
    text.block(manifest, block);
    let alternative = manifest.alternatives.iter().find(|a| a.block == block.name);
    let best = alternative
        .and_then(|a| a.chosen.as_ref())
        .and_then(|name| all.iter().find(|answers| answers.variant == *name));
    let other =
        best.map(|best| format!(" The best alternative: {}", best.sentence())).unwrap_or_default();
    text.paragraph(&format!("**{}**{other}", all[0].sentence()));
    text.subsection("Criteria");
    text.table(&criteria_table(&all[0], best));
    if let (Some(alternative), Some(best)) = (alternative, best) {
        let means: Vec<String> = alternative
            .mean_rewards
            .iter()
            .map(|(name, mean)| format!("{name} {}", rounded(*mean, 3)))
            .collect();
        text.paragraph(&format!(
            "`{}` is the alternative with the highest mean reward on {} selection seeds, none of them reported here ({}).",
            best.variant,
            alternative.seeds.len(),
            means.join(", ")
        ));
    }
    instead(text, all);
    fallback_detail(text, &evidence.entries, manifest, block);
    matrix(text, all);
}

fn criteria_table(first: &Answers<'_>, best: Option<&Answers<'_>>) -> TextTable {
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
            let Answer { measured, verdict, note, .. } = &answers.answers[at];
            let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
            row.extend([format!("{measured}{note}"), verdict.name().to_owned()]);
        }
        row.push(criterion.place().to_owned());
        table.push(row);
    }
    table
}

/// What would meet a target that the first variant misses, among the variants of the study.
fn instead(text: &mut Document, all: &[Answers<'_>]) {
    let missed = (0..Criterion::ALL.len()).filter(|at| {
        let verdict = all[0].answers[*at].verdict;
        !matches!(verdict, Verdict::Met | Verdict::NotExercised)
    });
    let lines: Vec<String> = missed
        .map(|at| {
            let meet: Vec<String> = all[1..]
                .iter()
                .filter(|answers| answers.answers[at].verdict == Verdict::Met)
                .map(|own| format!("`{}` with {}", own.variant, own.answers[at].measured))
                .collect();
            let found = match meet.is_empty() {
                true => format!("no variant of this study is shown to meet it{}", closest(all, at)),
                false => format!("met by {}", meet.join("; ")),
            };
            format!("{}: {found}.", Criterion::ALL[at].name())
        })
        .collect();
    text.subsection("What would meet the target instead");
    let looked = lines.iter().any(|line| line.contains("met by"));
    text.list(lines);
    if looked {
        text.paragraph(
            "Found by looking at the reported seeds: run the one you choose on seeds of its own before you believe it.",
        );
    }
}

/// The variant that comes closest to a target that none meets.
fn closest(all: &[Answers<'_>], at: usize) -> String {
    let mut best: Option<(&Answers<'_>, f64)> = None;
    for answers in all {
        if let Some(value) = answers.answers[at].value
            && best.is_none_or(|(_, most)| value > most)
        {
            best = Some((answers, value));
        }
    }
    best.map_or_else(String::new, |(own, _)| {
        format!("; `{}` comes closest with {}", own.variant, own.answers[at].measured)
    })
}

/// Fallback success while five models are out of tokens, by level and by reason.
fn fallback_detail(
    text: &mut Document,
    entries: &Entries,
    manifest: &Manifest,
    block: &BlockEntry,
) {
    let measure = measure::FALLBACK_SERVED_RATE;
    let get = |variant: &str, level: &str, measure| {
        entries.get(&block.name, variant, level, "exhaustion", measure)
    };
    if manifest.variants.iter().all(|v| get(v, "all", measure).is_none()) {
        return;
    }
    text.subsection("Fallback success while five models are out of tokens");
    let levels = ["L1", "L2", "L3", "L4"];
    let reasons = measure::FALLBACK_SERVED_RATE_BY_REASON;
    let seen = |m: measure::Measure| manifest.variants.iter().any(|v| get(v, "all", m).is_some());
    let reasons: Vec<measure::Measure> = reasons.into_iter().filter(|m| seen(*m)).collect();
    let mut header = vec!["variant".to_owned(), "all, %".to_owned()];
    header.extend(levels.iter().map(|level| format!("{level}, %")));
    header.extend(
        reasons.iter().map(|reason| {
            format!("{}, %", reason.name.trim_start_matches("fallback_served_rate_"))
        }),
    );
    header.push("triggered, % of tasks".to_owned());
    let mut table = TextTable::new(header);
    for variant in &manifest.variants {
        let mut row = vec![variant.clone()];
        for level in std::iter::once("all").chain(levels) {
            row.push(with_interval(get(variant, level, measure), measure));
        }
        for reason in reasons.iter().copied().chain([measure::TRIGGERED]) {
            row.push(with_interval(get(variant, "all", reason), reason));
        }
        table.push(row);
    }
    text.table(&table);
}

fn matrix(text: &mut Document, all: &[Answers<'_>]) {
    if all.len() < 2 {
        return;
    }
    text.subsection("Verdicts of all variants");
    let names = Criterion::ALL.map(Criterion::name);
    let header: Vec<&str> = std::iter::once("variant").chain(names).collect();
    let n = header.len();
    let mut table = TextTable::with_texts(header, n);
    for answers in all {
        let verdicts = answers.answers.iter().map(|answer| answer.verdict.name().to_owned());
        table.push(std::iter::once(answers.variant.to_owned()).chain(verdicts).collect());
    }
    text.table(&table);
}

fn what_was_run(text: &mut Document, manifest: &Manifest) {
    text.section("How the verdicts are reached");
    text.list([
        "Allocation, tracking, monitoring and documents are exact counts over all runs, without an interval.",
        "Fallback success is the share of triggered tasks that arrived while a fault left five models or more without \
         tokens and that another model answered within their deadline.",
        "Learning compares the headline efficiency of the first local day that begins 48 hours after the start with the \
         same stack, seeds and world at its initial beliefs (frozen control); met if the lower end of the 95 % interval \
         (BCa bootstrap over seeds) reaches +5 %. Where even the same stack told the expected rewards gains less than \
         that, the world has little headroom.",
        "Availability is the share of arriving tasks answered within their deadline, over the whole run; met if the lower \
         end of the 95 % interval over seeds reaches the target, not met if the upper end does not, undecided in between.",
    ]);
    let tasks: u64 = manifest.cells.iter().map(|cell| cell.tasks).sum();
    text.section("What was run");
    text.paragraph(&format!(
        "{} runs of {} tasks in all: {} variants, {} seeds, {} world{}. {}",
        count(manifest.cells.len() as f64),
        count(tasks as f64),
        manifest.variants.len(),
        manifest.seeds.len(),
        manifest.blocks.len(),
        if manifest.blocks.len() == 1 { "" } else { "s" },
        manifest.registry_source
    ));
    text.paragraph(&format!(
        "reflexarc {}, scenario SHA-256 {}, time-zone database {}.",
        manifest.reflexarc_version,
        manifest.texts.first().map_or("", |text| &text.sha256),
        manifest.time_zone_database
    ));
}
