//! A table of logged decisions as CSV or Parquet, and targets from a second one.

use std::collections::BTreeMap;
use std::path::Path;

use super::rule::TargetRule;
use super::text::{self, Compared};
use super::{OffPolicyError, Settings, cure_of};
use crate::analysis::off_policy::{
    Decision, Fit, Frequencies, Log, Target, evaluate, on_policy, within_support,
};
use crate::data::DataError;
use crate::data::table::{Kind, Table, Wanted, column_names};
use crate::domain::Propensity;
use crate::report::number::count;

/// Column that tells how a propensity is known, where a log has it: exact (also where it is empty), estimated or none.
const PROPENSITY_KIND: &str = "propensity_kind";

/// Which columns of a log hold what.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Contexts within which the target's probabilities are the same: none, one or several.
    pub context: Vec<String>,
    /// The action taken.
    pub action: String,
    /// What came of it.
    pub reward: String,
    /// The probability with which it was chosen.
    pub propensity: String,
    /// Decisions with the same value may depend on each other.
    pub group: Option<String>,
}

/// A question to a table.
#[derive(Clone, Debug)]
pub struct OfTable {
    /// Its columns.
    pub columns: Columns,
    /// The policies to evaluate.
    pub targets: Vec<TargetRule>,
    /// How.
    pub settings: Settings,
}

/// Names in the order in which they came up.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    all: Vec<String>,
    place_of: BTreeMap<String, u32>,
}

impl Names {
    pub(super) fn place(&mut self, name: &str) -> u32 {
        if let Some(&place) = self.place_of.get(name) {
            return place;
        }
        let place = self.all.len() as u32;
        self.all.push(name.to_owned());
        self.place_of.insert(name.to_owned(), place);
        place
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.place_of.get(name).map(|place| *place as usize)
    }

    pub(super) fn all(&self) -> &[String] {
        &self.all
    }
}

/// Contexts and actions of all tables together.
#[derive(Default)]
struct Vocabulary {
    contexts: Names,
    actions: Names,
}

/// What a log is read for.
#[derive(Clone, Copy, PartialEq)]
enum Role<'a> {
    /// It is evaluated on; with it the target's probability may stand in a column.
    Evaluated(Option<&'a str>),
    /// It is the target's own: rewards are welcome, propensities are not needed.
    OfTarget,
}

fn context_of(cells: &[&str]) -> String {
    cells.join(" | ")
}

/// Reads a log; of rows with a column of the target's probabilities, these as well.
fn read(
    path: &Path,
    columns: &Columns,
    role: Role<'_>,
    skip: u64,
    known: &mut Vocabulary,
) -> Result<(Log, Vec<f64>, bool), DataError> {
    let own = role == Role::OfTarget;
    let optional = |wanted: Wanted| if own { wanted.optional() } else { wanted };
    let mut wanted = vec![
        Wanted::new(&columns.action, Kind::Text),
        optional(Wanted::new(&columns.reward, Kind::Number)),
        optional(Wanted::new(&columns.propensity, Kind::Number)).nullable(),
        Wanted::new(PROPENSITY_KIND, Kind::Text).optional(),
    ];
    let probability = wanted.len();
    if let Role::Evaluated(Some(name)) = role {
        wanted.push(Wanted::new(name, Kind::Share));
    }
    let group = wanted.len();
    if let Some(name) = &columns.group {
        wanted.push(Wanted::new(name, Kind::Text));
    }
    let context = wanted.len();
    wanted.extend(columns.context.iter().map(|name| Wanted::new(name, Kind::Text)));
    let n_columns = wanted.len();
    let mut table = Table::open(path, wanted)?;
    let (mut log, mut probabilities, mut groups) = (Log::default(), Vec::new(), Names::default());
    let mut has_rewards = true;
    while let Some(batch) = table.next() {
        let batch = batch?;
        for at in 0..batch.rows {
            let row = batch.first + at as u64;
            if row <= skip {
                continue;
            }
            let text = |column: usize| batch.columns[column].text(at);
            let number = |column: usize| batch.columns[column].number(at);
            let cells: Vec<&str> = (context..n_columns).map(text).collect();
            let propensity = match (number(2), text(3)) {
                (Some(p), "" | "exact") => Propensity::Exact(p),
                (Some(p), "estimated") => Propensity::Estimated(p),
                (None, _) | (_, "none") => Propensity::Unknown,
                (_, other) => {
                    let reason = format!("is \"{other}\", not exact, estimated or none");
                    return Err(table.error(row, PROPENSITY_KIND, reason));
                }
            };
            if let Role::Evaluated(Some(_)) = role {
                probabilities.push(number(probability).unwrap_or(f64::NAN));
            }
            has_rewards &= number(1).is_some();
            log.decisions.push(Decision {
                row,
                context: known.contexts.place(&context_of(&cells)),
                action: known.actions.place(text(0)),
                reward: number(1).unwrap_or(0.0),
                propensity,
                group: match columns.group {
                    Some(_) => groups.place(text(group)),
                    None => log.decisions.len() as u32,
                },
            });
        }
    }
    Ok((log, probabilities, has_rewards))
}

/// Context, action, probability and predicted reward.
type Given = (u32, u32, f64, f64);

/// Reads the target's probabilities by context and action, and a reward model's predictions where the table has them.
fn read_probabilities(
    path: &Path,
    columns: &Columns,
    known: &mut Vocabulary,
) -> Result<(Vec<Given>, bool), DataError> {
    let mut wanted = vec![
        Wanted::new(&columns.action, Kind::Text),
        Wanted::new("probability", Kind::Share),
        Wanted::new("predicted_reward", Kind::Number).optional(),
    ];
    wanted.extend(columns.context.iter().map(|name| Wanted::new(name, Kind::Text)));
    let n_columns = wanted.len();
    let has_predictions = column_names(path)?.iter().any(|name| name == "predicted_reward");
    let mut table = Table::open(path, wanted)?;
    let mut cells = Vec::new();
    let mut seen = BTreeMap::new();
    while let Some(batch) = table.next() {
        let batch = batch?;
        for at in 0..batch.rows {
            let row = batch.first + at as u64;
            let text = |column: usize| batch.columns[column].text(at);
            let context = context_of(&(3..n_columns).map(text).collect::<Vec<_>>());
            let place = (known.contexts.place(&context), known.actions.place(text(0)));
            if let Some(first) = seen.insert(place, row) {
                let reason = format!("stands for the same context and action as row {first}");
                return Err(table.error(row, &columns.action, reason));
            }
            let number = |column: usize| batch.columns[column].number(at);
            let predicted = match (has_predictions, number(2)) {
                (true, None) => return Err(table.error(row, "predicted_reward", "has no value")),
                (_, predicted) => predicted.unwrap_or(0.0),
            };
            cells.push((place.0, place.1, number(1).unwrap_or(0.0), predicted));
        }
    }
    Ok((cells, has_predictions))
}

/// Every context of the log has to be one in which the target's probabilities are known and add up to 1.
fn check_sums(path: &Path, log: &Log, cells: &[f64]) -> Result<(), DataError> {
    let n_actions = log.actions.len();
    for d in &log.decisions {
        let context = d.context as usize;
        let sum: f64 = cells[context * n_actions..][..n_actions].iter().sum();
        if (sum - 1.0).abs() > 1e-6 {
            let of = match log.contexts[context].as_str() {
                "" => String::new(),
                name => format!(" in the context `{name}`"),
            };
            let reason = format!("the target's probabilities{of} add up to {sum}, not to 1");
            return Err(DataError::of_file(path, reason, "give every action its probability"));
        }
    }
    Ok(())
}

/// Evaluates targets on a table of logged decisions; returns the text for the console.
///
/// # Errors
/// If a table cannot be read, or the log cannot tell what a target is worth.
pub fn evaluate_table(path: &Path, question: &OfTable) -> Result<String, OffPolicyError> {
    let mut text = String::new();
    for (nth, rule) in question.targets.iter().enumerate() {
        if nth > 0 {
            text.push('\n');
        }
        text += &evaluate_one(path, question, rule)?;
    }
    Ok(text)
}

fn evaluate_one(
    path: &Path,
    question: &OfTable,
    rule: &TargetRule,
) -> Result<String, OffPolicyError> {
    let OfTable { columns, settings, .. } = question;
    let mut known = Vocabulary::default();
    let column = if let TargetRule::Column(name) = rule { Some(name.as_str()) } else { None };
    let (mut log, rows, _) =
        read(path, columns, Role::Evaluated(column), settings.skip, &mut known)?;
    let n_logged_actions = known.actions.all().len();
    let mut own = None;
    let mut listed = None;
    match rule {
        TargetRule::Frequencies(file) => {
            own = Some(read(file, columns, Role::OfTarget, 0, &mut known)?);
        }
        TargetRule::Probabilities(file) => {
            listed = Some((file, read_probabilities(file, columns, &mut known)?));
        }
        TargetRule::Always(action) if known.actions.find(action).is_none() => {
            return Err(OffPolicyError::Question(format!(
                "no action of {} is `{action}`; it has `{}`",
                path.display(),
                known.actions.all().join("`, `")
            )));
        }
        TargetRule::Variant(name) => {
            return Err(OffPolicyError::Question(format!(
                "`variant:{name}` is a target for a folder of results, but {} is a table; write frequencies:FILE for the \
                 log of another policy",
                path.display()
            )));
        }
        _ => {}
    }
    (log.contexts, log.actions) = (known.contexts.all().to_vec(), known.actions.all().to_vec());
    let mut fit = settings.fit(false);
    let target = match (rule, &listed) {
        (TargetRule::Always(action), _) => {
            Target::always(&log, known.actions.find(action).unwrap_or_default())
        }
        (TargetRule::Column(_), _) => Target::Rows(rows),
        (_, Some((file, (cells, has_predictions)))) => {
            let n_actions = log.actions.len();
            let mut probabilities = vec![0.0; n_actions * log.contexts.len()];
            let mut predictions = probabilities.clone();
            for &(context, action, probability, predicted) in cells {
                let at = context as usize * n_actions + action as usize;
                (probabilities[at], predictions[at]) = (probability, predicted);
            }
            check_sums(file, &log, &probabilities)?;
            if *has_predictions {
                fit = Fit::Given(predictions);
            }
            Target::Table(probabilities)
        }
        _ => Target::uniform(&log),
    };
    let frequencies = own.map(|(mut own, _, has_rewards)| {
        (own.contexts, own.actions) = (log.contexts.clone(), log.actions.clone());
        (Frequencies::of(&own), own, has_rewards)
    });
    let target = match (&frequencies, rule) {
        (Some((frequencies, ..)), TargetRule::Frequencies(file)) => {
            if let Target::Table(cells) = &frequencies.target {
                check_sums(file, &log, cells)?;
            }
            frequencies.target.clone()
        }
        _ => target,
    };
    let supported = settings.within_support.then(|| within_support(&log, &target));
    let (log, target) = match &supported {
        Some(supported) => (&supported.log, &supported.target),
        None => (&log, &target),
    };
    let evaluation = evaluate(log, target, &fit, 0).map_err(|refusal| OffPolicyError::Refused {
        log: path.display().to_string(),
        target: rule.to_string(),
        cure: cure_of(&refusal).to_owned(),
        refusal,
    })?;
    let compared = frequencies.map(|(frequencies, own, has_rewards)| {
        let (of_target, of_difference) = frequencies.standard_errors(log, &own);
        let truth = has_rewards.then(|| on_policy(&own));
        Compared { of_target, of_difference, n: own.decisions.len(), truth }
    });
    let heading = format!(
        "log     {}: {} decisions, {} contexts, {n_logged_actions} actions\ntarget  {rule}\n",
        path.display(),
        count(log.decisions.len() as f64),
        log.contexts.len(),
    );
    Ok(heading + &text::of_table(log, &evaluation, compared.as_ref(), supported.as_ref()))
}
