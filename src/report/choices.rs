//! Blocks that were run for every choice of models: what each configuration survives.

use std::collections::BTreeMap;
use std::path::Path;

use crate::report::document::{Document, Report};
use crate::report::number::percent;
use crate::report::table::TextTable;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::folder::REPORTS;
use crate::results::manifest::{ChoiceEntry, ChoicesEntry, Manifest};
use crate::results::parquet::Rows;
use crate::results::schema::Choices;

/// The share from which on a choice counts as survived.
const SURVIVES: f64 = 0.99;

/// Tasks that arrive while a fault lasts, over all seeds.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    tasks: f64,
    in_time: f64,
    triggered: f64,
    rescued: f64,
}

impl Sums {
    fn availability(&self) -> Option<f64> {
        (self.tasks > 0.0).then(|| self.in_time / self.tasks)
    }

    fn fallback(&self) -> Option<f64> {
        (self.triggered > 0.0).then(|| self.rescued / self.triggered)
    }

    /// Whether a share counts as survived; where there was nothing to survive it does.
    fn holds(share: Option<f64>) -> bool {
        // Sums of shares times counts leave digits behind that mean nothing.
        share.is_none_or(|share| share >= SURVIVES - 1e-9)
    }
}

/// What the choices of a study show.
pub(super) struct EveryChoice<'m> {
    manifest: &'m Manifest,
    /// By block, variant, level and choice.
    sums: BTreeMap<(String, String, String, u32), Sums>,
}

impl<'m> EveryChoice<'m> {
    /// `None` where no block was run for every choice.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(super) fn read(
        folder: &Path,
        manifest: &'m Manifest,
    ) -> Result<Option<Self>, ResultsError> {
        if manifest.choices.is_empty() {
            return Ok(None);
        }
        let rows = Rows::read(folder, &Choices::DOC)?;
        let texts = |name| rows.texts(name);
        let (blocks, variants, levels) = (texts("block")?, texts("variant")?, texts("level")?);
        let choices = rows.wholes("choice")?;
        let numbers = |name| rows.numbers(name);
        let (tasks, available) = (numbers("tasks")?, numbers("availability")?);
        let (triggered, rescued) = (numbers("triggered")?, numbers("fallback_served_rate")?);
        let mut sums: BTreeMap<(String, String, String, u32), Sums> = BTreeMap::new();
        for at in 0..choices.len() {
            let key =
                (blocks[at].clone(), variants[at].clone(), levels[at].clone(), choices[at] as u32);
            let own = sums.entry(key).or_default();
            let n = tasks[at].unwrap_or(0.0);
            let n_triggered = n * triggered[at].unwrap_or(0.0);
            own.tasks += n;
            own.in_time += n * available[at].unwrap_or(0.0);
            own.triggered += n_triggered;
            own.rescued += n_triggered * rescued[at].unwrap_or(0.0);
        }
        Ok(Some(Self { manifest, sums }))
    }

    fn of(&self, block: &str, variant: &str, level: &str, choice: usize) -> Sums {
        let key = (block.to_owned(), variant.to_owned(), level.to_owned(), choice as u32);
        self.sums.get(&key).copied().unwrap_or_default()
    }

    fn over(&self, family: &ChoicesEntry, variant: &str, level: &str) -> Vec<Sums> {
        let n = family.choices.len();
        (0..n).map(|choice| self.of(&family.block, variant, level, choice)).collect()
    }

    /// The levels that any task has.
    fn levels(&self, block: &str) -> Vec<&'static str> {
        let has_tasks = |level: &&str| {
            self.sums
                .iter()
                .any(|((own, _, at, _), sums)| own == block && at == *level && sums.tasks > 0.0)
        };
        ["L1", "L2", "L3", "L4"].into_iter().filter(has_tasks).collect()
    }

    /// For the console: how many choices each variant survives.
    pub(super) fn console(&self) -> String {
        let of_family = |family: &ChoicesEntry| {
            format!(
                "\nblock {}: {}\n\n{}",
                family.block,
                self.what(family),
                self.survivors(family).console()
            )
        };
        self.manifest.choices.iter().map(of_family).collect()
    }

    /// The report.
    pub(super) fn report(&self) -> Report {
        let mut text = Document::new(&format!("Every choice: {}", self.manifest.scenario));
        text.paragraph(&self.manifest.question);
        for family in &self.manifest.choices {
            text.section(&format!("Block {}", family.block));
            text.paragraph(&format!("Here {}.", self.what(family)));
            text.paragraph(&format!(
                "Shares are over the tasks of {} that arrive while a fault lasts. A choice is survived if the share is at \
                 least {} %: of the tasks that needed a fallback those that another model answered in time, or of all \
                 tasks those answered in time.",
                match self.manifest.seeds.len() {
                    1 => "one seed".to_owned(),
                    n => format!("all {n} seeds together"),
                },
                100.0 * SURVIVES,
            ));
            text.table(&self.survivors(family));
            self.by_level(&mut text, family);
            self.without_target(&mut text, family);
            text.subsection("Choice by choice");
            text.paragraph(&format!(
                "Availability and fallback success in %, then the levels of which at least {} % of the tasks were answered \
                 in time. A dash: none needed a fallback.",
                100.0 * SURVIVES
            ));
            text.table(&self.each(family));
        }
        Report {
            group: "Every choice of models".to_owned(),
            path: format!("{REPORTS}/choices.md"),
            text: text.finish(),
        }
    }

    fn what(&self, family: &ChoicesEntry) -> String {
        format!(
            "the fault `{}` hits {} of {} models, in each of the {} choices",
            family.fault,
            family.n_models,
            self.manifest.models.len(),
            family.choices.len()
        )
    }

    fn survivors(&self, family: &ChoicesEntry) -> TextTable {
        let mut table = TextTable::new([
            "variant",
            "choices survived by fallback",
            "by availability",
            "fallback, worst %",
            "availability, worst %",
            "mean %",
            "choices with a level without a target",
        ]);
        for variant in &self.manifest.variants {
            let all = self.over(family, variant, "all");
            let held = |share: fn(&Sums) -> Option<f64>| {
                all.iter().filter(|sums| Sums::holds(share(sums))).count().to_string()
            };
            let worst = |share: fn(&Sums) -> Option<f64>| {
                let shares = all.iter().filter_map(share);
                shares.reduce(f64::min).map_or("-".to_owned(), percent_of)
            };
            let shares: Vec<f64> = all.iter().filter_map(Sums::availability).collect();
            let mean = match shares.is_empty() {
                true => "-".to_owned(),
                false => percent_of(shares.iter().sum::<f64>() / shares.len() as f64),
            };
            let lacking = family.choices.iter().filter(|c| lacks(c, variant).is_some()).count();
            table.push(vec![
                variant.clone(),
                held(Sums::fallback),
                held(Sums::availability),
                worst(Sums::fallback),
                worst(Sums::availability),
                mean,
                lacking.to_string(),
            ]);
        }
        table
    }

    fn by_level(&self, text: &mut Document, family: &ChoicesEntry) {
        let levels = self.levels(&family.block);
        text.subsection("Choices survived, by level");
        let mut table = TextTable::new(
            std::iter::once("variant".to_owned())
                .chain(levels.iter().map(|level| format!("{level}, by fallback")))
                .chain(levels.iter().map(|level| format!("{level}, by availability"))),
        );
        for variant in &self.manifest.variants {
            let mut row = vec![variant.clone()];
            for share in [Sums::fallback, Sums::availability] {
                row.extend(levels.iter().map(|level| {
                    let all = self.over(family, variant, level);
                    all.iter().filter(|sums| Sums::holds(share(sums))).count().to_string()
                }));
            }
            table.push(row);
        }
        text.table(&table);
    }

    /// The choices that leave a level's fallback without any target, whatever happens.
    fn without_target(&self, text: &mut Document, family: &ChoicesEntry) {
        text.subsection("Choices that leave a level without a fallback target");
        let mut table = TextTable::with_texts(["variant", "levels", "choices", "the choices"], 2);
        for variant in &self.manifest.variants {
            let mut by_levels: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            for (at, choice) in family.choices.iter().enumerate() {
                if let Some(levels) = lacks(choice, variant) {
                    by_levels.entry(levels.join(" ")).or_default().push(at + 1);
                }
            }
            for (levels, choices) in by_levels {
                let numbers: Vec<String> = choices.iter().map(usize::to_string).collect();
                table.push(vec![
                    variant.clone(),
                    levels,
                    choices.len().to_string(),
                    numbers.join(", "),
                ]);
            }
        }
        text.table(&table);
    }

    fn each(&self, family: &ChoicesEntry) -> TextTable {
        let levels = self.levels(&family.block);
        let fixed = ["choice", "models"].map(str::to_owned);
        let header = fixed.into_iter().chain(self.manifest.variants.iter().cloned());
        let mut table = TextTable::with_texts(header, 2);
        for (at, choice) in family.choices.iter().enumerate() {
            let mut row = vec![(at + 1).to_string(), choice.models.join(", ")];
            row.extend(self.manifest.variants.iter().map(|variant| {
                let of = |level: &str| self.of(&family.block, variant, level, at);
                let all = of("all");
                let shown = |share: Option<f64>| share.map_or("-".to_owned(), percent_of);
                let held: Vec<&str> = levels
                    .iter()
                    .copied()
                    .filter(|level| Sums::holds(of(level).availability()))
                    .collect();
                let held = if held.is_empty() { "none".to_owned() } else { held.join(" ") };
                format!("{} / {}, {held}", shown(all.availability()), shown(all.fallback()))
            }));
            table.push(row);
        }
        table
    }
}

/// The levels for which a variant's fallback has no target left, if there are any.
fn lacks<'a>(choice: &'a ChoiceEntry, variant: &str) -> Option<&'a [String]> {
    let own = choice.without_target.iter().find(|(name, _)| name == variant);
    own.map(|(_, levels)| &levels[..])
}

/// A share in percent, without its sign.
fn percent_of(share: f64) -> String {
    percent(share, 1).trim_end_matches([' ', '%']).to_owned()
}
