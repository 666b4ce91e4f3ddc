//! The learning results: does learning pay, and what did learners come to believe?

mod gains;
mod reweighting;
mod student;

use std::path::Path;

use crate::analysis::interval::{Estimate, mean_over_seeds};
use crate::analysis::measure::{self, Measure};
use crate::report::beliefs::{Beliefs, belief_text, scale_name};
use crate::report::criteria::{Evidence, signed_percent};
use crate::report::document::{Document, Report};
use crate::report::frame::{Frame, RunKey};
use crate::report::learned::{self, Learned, Record, exploration, learner, of_seeds};
use crate::report::number::{count, estimated, or_dash, percent, rounded, shown, signed};
use crate::report::phases::{self, Division, Phases, Thirds};
use crate::report::table::TextTable;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::folder::REPORTS;
use crate::results::manifest::{BlockEntry, Manifest};
use crate::results::schema::Weights;

use student::{Change, Student};

/// What the document is made from.
struct Tables<'a> {
    manifest: &'a Manifest,
    evidence: &'a Evidence<'a>,
    learned: &'a Learned,
    beliefs: &'a Beliefs,
    phases: &'a Phases<'a>,
    weights: Frame,
}

/// The document.
pub(super) fn report(
    folder: &Path,
    evidence: &Evidence<'_>,
    learned: &Learned,
    beliefs: &Beliefs,
    phases: &Phases<'_>,
) -> Result<Report, ResultsError> {
    let manifest = evidence.manifest;
    let weights = ["at_s", "level", "speed", "efficiency", "cost"];
    let tables = Tables {
        manifest,
        evidence,
        learned,
        beliefs,
        phases,
        weights: Frame::read(folder, &Weights::DOC, &weights)?,
    };
    let mut document = Document::new(&format!("Learning results: {}", manifest.scenario));
    document.paragraph(&match manifest.seeds.len() {
        1 => format!("Does learning pay? Seed {} alone, so no intervals.", manifest.seeds[0]),
        n => format!(
            "Does learning pay? Means over {n} seeds with 95 % intervals over seeds; differences are paired by seed."
        ),
    });
    let mut any_learns = false;
    for block in &manifest.blocks {
        let view = View { tables: &tables, block, students: tables.students(block) };
        any_learns |= !view.students.is_empty();
        view.write(&mut document);
    }
    if any_learns {
        words(&mut document);
    }
    Ok(Report {
        group: "Learning results".to_owned(),
        path: format!("{REPORTS}/{}-Learning-Results.md", evidence.last_day()),
        text: document.finish(),
    })
}

impl<'a> Tables<'a> {
    fn students(&'a self, block: &BlockEntry) -> Vec<Student<'a>> {
        let mut students = Vec::new();
        for variant in &self.manifest.variants {
            let Some((name, card)) = learner(self.manifest, variant) else { continue };
            let runs: Vec<RunKey> = RunKey::of_seeds(self.manifest, &block.name, variant).collect();
            let records: Vec<Record<'_>> =
                runs.iter().filter_map(|run| self.learned.run(run)).collect();
            if records.iter().all(|record| record.updates == 0.0) {
                continue;
            }
            let changes = runs.iter().filter_map(|run| Change::of(self, run)).collect();
            students.push(Student { variant, name, card, records, changes });
        }
        students
    }

    fn thirds(&self, block: &BlockEntry, variant: &str) -> Vec<Option<Thirds>> {
        let runs = RunKey::of_seeds(self.manifest, &block.name, variant);
        runs.map(|run| self.phases.of_run(&run)).collect()
    }
}

/// One block.
struct View<'a> {
    tables: &'a Tables<'a>,
    block: &'a BlockEntry,
    students: Vec<Student<'a>>,
}

/// What a row of thirds shows.
#[derive(Clone, Copy)]
struct Kind {
    measure: Measure,
    of: fn(&Thirds) -> [f64; 3],
}

const EFFICIENCY: Kind = Kind { measure: measure::EFFICIENCY, of: |thirds| thirds.efficiency };
const REWARD: Kind = Kind { measure: measure::REWARD, of: |thirds| thirds.reward };

impl View<'_> {
    fn write(&self, document: &mut Document) {
        let manifest = self.tables.manifest;
        document.block(manifest, self.block);
        if self.students.is_empty() {
            document.paragraph("No variant of this study learns, so there is nothing to tell.");
            return;
        }
        document.section_of_block(manifest, "In short");
        document.paragraph(&self.answer());
        document.list(self.students.iter().map(|student| self.conclusion(student)));
        document.section_of_block(manifest, "Against the same stack with learning frozen");
        self.gains(document);
        document.section_of_block(manifest, "Efficiency early, middle and late");
        self.phases(document, EFFICIENCY);
        if manifest.reward == "efficiency" {
            document.paragraph("The scenario's reward is this efficiency / 100.");
        } else {
            document.section_of_block(manifest, "Reward early, middle and late");
            self.phases(document, REWARD);
        }
        document.section_of_block(manifest, "Exploration and convergence");
        document.table(&self.convergence());
        document.section_of_block(manifest, "What two days changed in beliefs");
        self.changes(document);
        document.section_of_block(manifest, "Re-weighting of levels");
        self.reweighting(document);
    }

    fn first(&self) -> &str {
        &self.tables.manifest.variants[0]
    }

    /// The last third of a variant less that of the first, paired by seed.
    fn lead(&self, variant: &str, kind: Kind) -> Option<Estimate> {
        let own = self.tables.thirds(self.block, variant);
        let first = self.tables.thirds(self.block, self.first());
        let late = |thirds: &Option<Thirds>| thirds.as_ref().map(|t| (kind.of)(t)[2]);
        let pairs =
            own.iter().zip(&first).filter_map(|(own, first)| Some(late(own)? - late(first)?));
        mean_over_seeds(&pairs.collect::<Vec<_>>(), false)
    }

    fn over_seeds(&self, variant: &str, kind: Kind) -> Option<([Estimate; 3], Estimate)> {
        let thirds = self.tables.thirds(self.block, variant);
        let all: Vec<[f64; 3]> = thirds.iter().flatten().map(kind.of).collect();
        phases::over_seeds(&all)
    }

    /// What a reader should conclude of one learning variant.
    fn conclusion(&self, student: &Student<'_>) -> String {
        let difference =
            |e: &Estimate| format!("{} points", estimated(e, |v| signed(v, measure::EFFICIENCY)));
        let mut parts = Vec::new();
        if let Ok(gain) = self.gain(student) {
            let what = match side(&gain.gain) {
                Side::Above => "learning pays",
                Side::Below => "learning costs",
                Side::Level => "learning neither pays nor costs for certain",
                Side::Unknown => "learning against frozen",
            };
            parts.push(format!(
                "{what}, {} (headroom {})",
                signed_percent(&gain.gain),
                signed_percent(&gain.headroom)
            ));
        }
        if let Some((_, gain)) = self.over_seeds(student.variant, EFFICIENCY) {
            let disturbance = phases::disturbance(&self.disturbed());
            let what = match side(&gain) {
                _ if !disturbance.is_empty() => format!(", {disturbance}"),
                Side::Above => ", a rise".to_owned(),
                Side::Below => ", a fall".to_owned(),
                Side::Level => ", no clear change".to_owned(),
                Side::Unknown => String::new(),
            };
            parts.push(format!("late less early {}{what}", difference(&gain)));
        }
        if student.variant != self.first()
            && let Some(lead) = self.lead(student.variant, EFFICIENCY)
        {
            let what = match side(&lead) {
                Side::Above => "ends above",
                Side::Below => "ends below",
                Side::Level => "cannot be told apart at the end from",
                Side::Unknown => "at the end, less",
            };
            parts.push(format!("{what} `{}` ({})", self.first(), difference(&lead)));
        }
        let rest = of_seeds(student.at_rest(), student.records.len());
        parts.push(format!("beliefs at rest at the end in {rest}"));
        let mut text = format!("`{}` ({}): {}.", student.variant, student.name, parts.join("; "));
        if let Some(scores) = student.ends_of_scale()
            && scores.high.mean + scores.low.mean > 0.0
        {
            text.push_str(&format!(
                " Of its scores {} stand at 100 or above and {} at 0 or below {}: models at the same end look alike to it.",
                percent(scores.high.mean, 0),
                percent(scores.low.mean, 0),
                student.when()
            ));
        }
        text
    }

    /// How the runs are divided: the points of any one are those of all.
    fn division(&self) -> Option<Division> {
        let run = RunKey::of_seeds(self.tables.manifest, &self.block.name, self.first()).next()?;
        self.tables.phases.division_of_run(&run)
    }

    fn disturbed(&self) -> Vec<&'static str> {
        self.division().map_or_else(Vec::new, |division| {
            phases::disturbed(self.tables.manifest, self.block, &division)
        })
    }

    fn phases(&self, document: &mut Document, kind: Kind) {
        let manifest = self.tables.manifest;
        let Some(division) = self.division() else {
            document.paragraph("Too few points of the curves to divide the run by.");
            return;
        };
        let show = |value| shown(value, kind.measure);
        let unit = match kind.measure.unit {
            unit if unit == kind.measure.name => String::new(),
            unit => format!(", {unit},"),
        };
        document.paragraph(&format!(
            "Mean `{}` of a task{unit} by the task's arrival, from the table `{}` ({}).",
            kind.measure.name,
            division.table,
            phases::covers(&division)
        ));
        let lead = format!("late, less that of {}", self.first());
        let header = ["variant", "learner", "early", "middle", "late", "late less early", &lead];
        let mut table = TextTable::with_texts(header, 2);
        for variant in &manifest.variants {
            let Some((thirds, gain)) = self.over_seeds(variant, kind) else { continue };
            let name = learner(manifest, variant).map_or("-", |(name, _)| name);
            let mut row = vec![variant.clone(), name.to_owned()];
            row.extend(thirds.map(|e| estimated(&e, show)));
            row.push(estimated(&gain, |v| signed(v, kind.measure)));
            let lead = self.lead(variant, kind).filter(|_| variant != self.first());
            row.push(
                lead.map_or_else(|| "-".to_owned(), |e| estimated(&e, |v| signed(v, kind.measure))),
            );
            table.push(row);
        }
        document.table(&table);
        let disturbance = phases::disturbance(&self.disturbed());
        if !disturbance.is_empty() {
            document
                .paragraph(&format!("Late against early is not learning alone: {disturbance}."));
        }
        if manifest.variants.iter().any(|variant| learner(manifest, variant).is_none()) {
            document.paragraph(
                "How those without a learner move from early to late is the doing of the world, or of a candidate on trial, not of learning: read the others against it.",
            );
        }
    }

    fn convergence(&self) -> TextTable {
        let header = [
            "variant",
            "learner",
            "results taken in per run",
            "explored, % of choices",
            "once below 0.01",
            "median result of it",
            "below 0.01 at the end",
            "mean change at the end",
        ];
        let mut table = TextTable::with_texts(header, 2);
        for student in &self.students {
            let records = &student.records;
            let n = records.len();
            let converged: Vec<f64> =
                records.iter().filter_map(|r| r.converged).map(|(update, _)| update).collect();
            let sum = |of: fn(&Record<'_>) -> f64| records.iter().map(of).sum::<f64>();
            let change = learned::over_seeds(records.iter().map(|r| r.recent_change));
            table.push(vec![
                student.variant.to_owned(),
                student.name.to_owned(),
                student.updates(),
                exploration(student.card, sum(|r| r.choices), sum(|r| r.explored)),
                of_seeds(converged.len(), n),
                or_dash(learned::median(converged), count),
                of_seeds(student.at_rest(), n),
                change.map_or_else(|| "-".to_owned(), |e| estimated(&e, |v| rounded(v, 3))),
            ]);
        }
        table
    }

    fn changes(&self, document: &mut Document) {
        let recorded = || self.students.iter().filter(|student| !student.changes.is_empty());
        let Some(first) = recorded().next() else {
            document
                .paragraph("Beliefs were not recorded: the scenario has `record.scores = false`.");
            return;
        };
        let header =
            ["variant", "belief", "mean change of a belief", "not moved", "best model switched"];
        let has_scores = recorded().any(Student::has_scores);
        let ends = ["at 100 or above", "at 0 or below"].into_iter().filter(|_| has_scores);
        let mut table = TextTable::with_texts(header.into_iter().chain(ends), 2);
        for student in recorded() {
            let scale = student.scale();
            let shown = |e: Option<Estimate>, show: &dyn Fn(f64) -> String| {
                e.map_or_else(|| "-".to_owned(), |e| estimated(&e, show))
            };
            let share = |e| shown(e, &|v| percent(v, 0));
            let mut row = vec![
                student.variant.to_owned(),
                scale_name(scale).to_owned(),
                shown(student.moved(), &|v| belief_text(scale, v)),
                share(student.untouched()),
                share(student.switched()),
            ];
            if has_scores {
                let ends = student.ends_of_scale();
                row.extend([ends.map(|ends| ends.high), ends.map(|ends| ends.low)].map(share));
            }
            table.push(row);
        }
        document.paragraph(&format!(
            "Beliefs {} (the recorded point nearest to 48 hours) against {}, over the levels that had calls: mean absolute change, share of beliefs that have not moved, share of states whose best model is another. A belief that did not exist at first has no change.",
            first.when(),
            first.first_point()
        ));
        document.table(&table);
        let mut scored = recorded().filter(|student| student.has_scores());
        if let Some(student) = scored.next() {
            document.paragraph(&format!(
                "Scores of `{}`, mean over seeds, from {} to what they are {}:",
                student.variant,
                student.first_point(),
                student.when()
            ));
            document.table(&student.scores(&self.tables.manifest.models));
        }
    }
}

/// Where an interval lies.
enum Side {
    Above,
    Below,
    Level,
    /// One seed has no interval.
    Unknown,
}

fn side(estimate: &Estimate) -> Side {
    match estimate {
        e if e.n < 2 => Side::Unknown,
        e if e.low > 0.0 => Side::Above,
        e if e.high < 0.0 => Side::Below,
        _ => Side::Level,
    }
}

fn words(document: &mut Document) {
    document.section("How to read this");
    document.list([
        "Variants may differ in more than their learner (fallback, what the router sees of breakers): a difference between two variants is that of whole stacks. What learning itself brings is shown by the same stack with learning frozen.",
        "Each interval is for its own row alone: of many rows, one in twenty may differ by chance.",
        "Thirds are by the task's arrival; tasks of the warm-up are left out.",
        "Results taken in are all calls that a learner learned from, fallbacks and retries too; \"never\" explored means that worse-rated models are called only when the better ones are not to be had, and where a bound or a draw stands in for the estimate a choice explores if it takes another model than the one believed best.",
        "Once below 0.01: runs in which the mean absolute change of a belief over the last 50 results was ever below 0.01 on a scale of 1 (the plan's convergence); result 50 is the first at which it can be. A learner with a constant step falls below it by chance and leaves it again, a running mean always gets there, right or wrong: rest is no proof of having learned the truth.",
        "A state is what the learner tells apart: a level, a task type, for Q-learning a level in a quarter of the day.",
    ]);
}
