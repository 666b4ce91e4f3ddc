//! Two results side by side: what is the same, what differs, and how the measures changed from A to B.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::diff::{BySeed, Change, Comparison, compare};
use crate::analysis::interval::Estimate;
use crate::analysis::measure::{MEASURES, Measure};
use crate::analysis::window::Window;
use crate::report::entries::heading;
use crate::report::measured::Measured;
use crate::report::number::{shown, signed};
use crate::report::summary::{MAIN, is_shown};
use crate::report::table::TextTable;
use crate::results::manifest::Manifest;
use crate::units::Level;

/// A comparison of two results as text.
#[derive(Clone, Debug)]
pub struct Diff {
    /// What is the same and what differs, a line each.
    facts: Vec<String>,
    /// A title, empty where there is one block, and a table.
    blocks: Vec<(String, TextTable)>,
    /// What is to be read behind the tables, a line each.
    notes: Vec<String>,
}

impl Diff {
    /// Compares B with A: the main measures over all tasks, or with `all` every measure, level and window.
    #[must_use]
    pub fn of(a: &Measured, b: &Measured, all: bool) -> Self {
        let both = Both { a, b, n_common: common(&a.manifest.seeds, &b.manifest.seeds).len() };
        let mut changes: BTreeMap<Change, usize> = BTreeMap::new();
        let names = |manifest: &Manifest| -> Vec<String> {
            manifest.blocks.iter().map(|block| block.name.clone()).collect()
        };
        let (of_a, of_b) = (names(&a.manifest), names(&b.manifest));
        let blocks = common(&of_a, &of_b).into_iter().map(|block| {
            let title = match of_a.len().max(of_b.len()) {
                1 => String::new(),
                _ => format!("block {block}"),
            };
            (title, both.table(&block, all, &mut changes))
        });
        let blocks = blocks.collect();
        let notes = notes(&changes, both.n_common);
        Self { facts: both.facts(&of_a, &of_b), blocks, notes }
    }

    /// For the console.
    #[must_use]
    pub fn console(&self) -> String {
        let tables = self.blocks.iter().map(|(title, table)| match title.as_str() {
            "" => format!("\n{}", table.console()),
            title => format!("\n{title}\n\n{}", table.console()),
        });
        let lines = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect();
        let facts: String = lines(&self.facts);
        let notes: String = lines(&self.notes);
        format!("{facts}{}\n{notes}", tables.collect::<String>())
    }

    /// As Markdown, below a heading.
    #[must_use]
    pub fn markdown(&self, heading: &str) -> String {
        let tables = self.blocks.iter().map(|(title, table)| match title.as_str() {
            "" => format!("\n{}", table.markdown()),
            title => format!("\n## Comparison of {title}\n\n{}", table.markdown()),
        });
        let facts: String = self.facts.iter().map(|fact| format!("- {fact}\n")).collect();
        let notes: String = self.notes.iter().map(|note| format!("\n{note}\n")).collect();
        format!("# {heading}\n\n{facts}{}{notes}", tables.collect::<String>())
    }
}

struct Both<'m> {
    a: &'m Measured,
    b: &'m Measured,
    /// Number of common seeds.
    n_common: usize,
}

impl Both<'_> {
    fn facts(&self, blocks_of_a: &[String], blocks_of_b: &[String]) -> Vec<String> {
        let (a, b) = (&self.a.manifest, &self.b.manifest);
        let mut facts = vec![
            told("scenario", &a.scenario, &b.scenario),
            format!("scenario text: {}", texts(a, b)),
            told("reflexarc", &a.reflexarc_version, &b.reflexarc_version),
            told("time-zone database", &a.time_zone_database, &b.time_zone_database),
            told("reward", &a.reward, &b.reward),
            format!(
                "seeds: {} common, {} only in A, {} only in B",
                self.n_common,
                a.seeds.len() - self.n_common,
                b.seeds.len() - self.n_common
            ),
        ];
        if a.reward != b.reward {
            facts.push("what is measured in units of the reward is not compared".to_owned());
        }
        facts.extend(only("blocks", blocks_of_a, blocks_of_b));
        facts.extend(only("variants", &a.variants, &b.variants));
        let measures = |of: &Measured| -> Vec<String> {
            of.values.measures().into_iter().map(str::to_owned).collect()
        };
        facts.extend(only("measures", &measures(self.a), &measures(self.b)));
        let hashes: BTreeMap<_, _> = a
            .cells
            .iter()
            .map(|cell| ((&cell.block, &cell.variant, cell.seed), &cell.event_hash))
            .collect();
        let pairs: Vec<bool> = b
            .cells
            .iter()
            .filter_map(|cell| {
                let hash = hashes.get(&(&cell.block, &cell.variant, cell.seed))?;
                Some(**hash == cell.event_hash)
            })
            .collect();
        if !pairs.is_empty() {
            let n_same = pairs.iter().filter(|same| **same).count();
            facts.push(format!("events: the same in {n_same} of {} common runs", pairs.len()));
        }
        facts
    }

    fn table(&self, block: &str, all: bool, changes: &mut BTreeMap<Change, usize>) -> TextTable {
        let scope = if all { &["level", "window"][..] } else { &[] };
        let columns = ["metric", "A", "B", "B - A", "verdict"];
        let header = std::iter::once("variant").chain(scope.iter().copied()).chain(columns);
        let mut table = TextTable::with_texts(header, 2 + scope.len());
        let levels = std::iter::once("all").chain(Level::ALL.map(Level::name));
        let levels: Vec<&str> = levels.take(if all { 5 } else { 1 }).collect();
        let windows = if all { &Window::ALL[..] } else { &[Window::Run] };
        let measures = self.measures(if all { &MEASURES } else { &MAIN });
        let none = BySeed::new();
        for variant in common(&self.a.manifest.variants, &self.b.manifest.variants) {
            for (window, level) in windows.iter().flat_map(|w| levels.iter().map(move |l| (w, l))) {
                for measure in &measures {
                    let [a, b] = [self.a, self.b].map(|side| {
                        let found =
                            side.values.get(block, &variant, level, window.name(), *measure);
                        found.unwrap_or(&none)
                    });
                    if a.is_empty() && b.is_empty() {
                        continue;
                    }
                    let found = compare(*measure, a, b, self.n_common > 0);
                    *changes.entry(found.change).or_default() += 1;
                    let mut row = vec![variant.clone()];
                    if all {
                        row.extend([(*level).to_owned(), window.name().to_owned()]);
                    }
                    row.extend(self.cells(*measure, &found));
                    table.push(row);
                }
            }
        }
        table
    }

    /// Those that can be compared.
    fn measures(&self, of: &[Measure]) -> Vec<Measure> {
        let (a, b) = (&self.a.manifest, &self.b.manifest);
        let comparable = |m: &&Measure| m.unit != "reward" || a.reward == b.reward;
        let is_told = |m: &&Measure| is_shown(**m, a) || is_shown(**m, b);
        of.iter().filter(comparable).filter(is_told).copied().collect()
    }

    /// From the metric to the verdict.
    fn cells(&self, measure: Measure, found: &Comparison) -> [String; 5] {
        let mean =
            |of: Option<Estimate>| of.map_or_else(|| "-".to_owned(), |e| shown(e.mean, measure));
        let verdict = found.change.name().to_owned();
        [heading(measure), mean(found.a), mean(found.b), self.difference(measure, found), verdict]
    }

    fn difference(&self, measure: Measure, found: &Comparison) -> String {
        let Some(e) = found.difference else { return "-".to_owned() };
        let [mean, low, high] = [e.mean, e.low, e.high].map(|value| signed(value, measure));
        match found.change {
            Change::Same | Change::Unpaired => mean,
            _ if e.low == e.high => mean,
            _ if e.n < self.n_common => format!("{mean} [{low}, {high}] on {} seeds", e.n),
            _ => format!("{mean} [{low}, {high}]"),
        }
    }
}

fn told(what: &str, a: &str, b: &str) -> String {
    if a == b { format!("{what}: {a}") } else { format!("{what}: A {a}, B {b}") }
}

fn texts(a: &Manifest, b: &Manifest) -> String {
    let hashes = |of: &Manifest| -> BTreeSet<String> {
        of.texts.iter().map(|text| text.sha256.clone()).collect()
    };
    let (of_a, of_b) = (hashes(a), hashes(b));
    let differing: BTreeSet<&str> = a
        .texts
        .iter()
        .chain(&b.texts)
        .filter(|text| !of_a.contains(&text.sha256) || !of_b.contains(&text.sha256))
        .map(|text| text.name.as_str())
        .collect();
    if differing.is_empty() {
        return "the same".to_owned();
    }
    format!("differs ({})", differing.into_iter().collect::<Vec<_>>().join(", "))
}

/// What is in both, in the order of A.
fn common<T: Clone + Ord>(a: &[T], b: &[T]) -> Vec<T> {
    let of_b: BTreeSet<&T> = b.iter().collect();
    a.iter().filter(|item| of_b.contains(item)).cloned().collect()
}

/// A line for what is only in one, if there is any.
fn only(what: &str, a: &[String], b: &[String]) -> Vec<String> {
    let lacking = |own: &[String], other: &[String]| -> Vec<String> {
        own.iter().filter(|name| !other.contains(name)).cloned().collect()
    };
    let sides = [("A", lacking(a, b)), ("B", lacking(b, a))];
    let told = sides.into_iter().filter(|(_, names)| !names.is_empty());
    told.map(|(side, names)| format!("{what} only in {side}: {}", names.join(", "))).collect()
}

fn notes(changes: &BTreeMap<Change, usize>, n_common: usize) -> Vec<String> {
    let n: usize = changes.values().sum();
    if n == 0 {
        return vec!["there is nothing in both that could be compared".to_owned()];
    }
    let counts = changes.iter().map(|(change, n)| format!("{n} {}", change.name()));
    let mut notes = vec![format!("{n} compared: {}", counts.collect::<Vec<_>>().join(", "))];
    let n_same = changes.get(&Change::Same).copied().unwrap_or(0);
    if n_common == 0 {
        notes.push(
            "Without common seeds the differences are not paired: they have no interval and no verdict. Run both with the \
             same seeds (--seeds)."
                .to_owned(),
        );
    } else if n_same < n {
        notes.push(
            "A, B and B - A are over the common seeds, with the paired 95 % interval; differences of shares are in \
             percentage points. One comparison in twenty without a true difference shows one by chance."
                .to_owned(),
        );
    }
    notes
}
