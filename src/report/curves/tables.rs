//! What charts are drawn from: points of curves, checkpoints, models and faults, block by block.

use std::collections::BTreeMap;
use std::path::Path;

use crate::domain::BreakerState;
use crate::report::frame::{Frame, Row, RunKey};
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::Manifest;
use crate::results::parquet::{Coded, Rows};
use crate::results::schema::{Breaker, Checkpoints, Curves, Faults, ModelCurves, Tuning};
use crate::units::Level;

/// One point of a run's curves, all levels together.
#[derive(Clone, Copy, Debug)]
pub(super) struct CurvePoint {
    pub(super) tasks: f64,
    pub(super) in_time: f64,
    /// What became of the tasks that were not answered in time: late, wrong, error, timeout, refused, shed.
    pub(super) others: [f64; 6],
    pub(super) efficiency: Option<f64>,
    /// From the first point to this one, as is all that follows but the last.
    pub(super) reward: f64,
    pub(super) regret: Option<f64>,
    pub(super) cost_usd: f64,
    pub(super) best_model_share: Option<f64>,
}

/// A checkpoint of a run: tasks that had ended, and their decision regret.
pub(super) type RegretAt = (u64, Option<f64>);

/// Points of models by block, variant, model and number of the point.
type ModelPoints = BTreeMap<(String, String, String, u64), ModelPoint>;

/// What models did at one point of the curves, over all seeds.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelPoint {
    /// Share of its quota used, by seed.
    pub(super) used_share: Vec<Option<f64>>,
    pub(super) calls: f64,
    /// Steps answered, by level.
    pub(super) served: [f64; 4],
    /// Calls, and of them those answered, on the first seed.
    pub(super) of_first_seed: [f64; 2],
}

/// A change of a breaker.
pub(super) struct Change {
    pub(super) model: String,
    pub(super) at_s: f64,
    pub(super) from: BreakerState,
    pub(super) to: BreakerState,
}

/// What happened in the runs of the first seed: one that a reader can follow.
#[derive(Default)]
pub(super) struct FirstSeed {
    /// Changes of breakers by block and variant.
    pub(super) breakers: BTreeMap<(String, String), Vec<Change>>,
    /// Faults that it met.
    pub(super) met: Vec<Met>,
}

/// A fault that a seed met.
#[derive(Clone, Debug)]
pub(super) struct Met {
    pub(super) block: String,
    pub(super) model: String,
    pub(super) name: String,
    pub(super) from_s: f64,
    pub(super) to_s: Option<f64>,
}

/// One run of a parameter study on a seed for selection.
pub(super) struct Tried {
    pub(super) block: String,
    pub(super) variant: String,
    pub(super) parameter: String,
    pub(super) value: f64,
    pub(super) is_default: bool,
    pub(super) is_chosen: bool,
    pub(super) reward: f64,
    pub(super) regret: Option<f64>,
}

/// Columns of what became of tasks that were not answered in time.
const OTHER_ENDINGS: [&str; 6] = ["late", "wrong", "error", "timeout", "refused", "shed"];
/// Columns of curves that are drawn.
const OF_CURVES: [&str; 18] = [
    "level",
    "from_s",
    "to_s",
    "from_task",
    "to_task",
    "tasks",
    "in_time",
    "late",
    "wrong",
    "error",
    "timeout",
    "refused",
    "shed",
    "efficiency",
    "cumulative_reward",
    "cumulative_decision_regret",
    "cumulative_cost_usd",
    "best_model_share",
];
/// Columns of faults that are drawn.
const FAULTS: [&str; 6] = ["block", "seed", "fault", "model", "from_s", "to_s"];
/// Columns of changes of breakers that are drawn.
const BREAKERS: [&str; 7] = ["block", "variant", "seed", "at_s", "model", "from_state", "to_state"];
/// Columns of checkpoints that are drawn.
const OF_CHECKPOINTS: [&str; 2] = ["tasks", "cumulative_decision_regret"];

/// All tables that charts need.
pub(super) struct Tables {
    curves: Frame,
    checkpoints: Frame,
    pub(super) models: ModelPoints,
    pub(super) met: Vec<Met>,
    pub(super) first_seed: FirstSeed,
    pub(super) tried: Vec<Tried>,
}

impl Tables {
    pub(super) fn read(folder: &Path, manifest: &Manifest) -> Result<Self, ResultsError> {
        let first_seed = first_seed(folder, manifest)?;
        Ok(Self {
            curves: Frame::read(folder, &Curves::DOC, &OF_CURVES)?,
            checkpoints: Frame::read(folder, &Checkpoints::DOC, &OF_CHECKPOINTS)?,
            models: models(folder)?,
            // A study of one seed has met all faults at known times.
            met: match manifest.seeds.len() {
                1 => first_seed.met.clone(),
                _ => Vec::new(),
            },
            first_seed,
            tried: tried(folder)?,
        })
    }

    /// Both ends of each point of a block, in seconds or tasks, and whether it is seconds.
    pub(super) fn edges(&self, manifest: &Manifest, block: &str) -> (Vec<(f64, f64)>, bool) {
        let runs = manifest.variants.iter().flat_map(|v| RunKey::of_seeds(manifest, block, v));
        let rows = runs.map(|run| self.all_levels(&run).collect::<Vec<_>>());
        let rows = rows.max_by_key(Vec::len).unwrap_or_default();
        let end = |row: &Row<'_>, of_time: &str, of_tasks: &str| {
            row.number(of_time).or(row.number(of_tasks)).unwrap_or_default()
        };
        let edges = rows
            .iter()
            .map(|row| (end(row, "from_s", "from_task"), end(row, "to_s", "to_task")))
            .collect();
        (edges, rows.iter().any(|row| row.number("from_s").is_some()))
    }

    fn all_levels(&self, run: &RunKey) -> impl Iterator<Item = Row<'_>> {
        self.curves.rows(run).filter(|row| row.text("level") == "all")
    }

    /// The points of a run, in order.
    pub(super) fn curve(&self, run: &RunKey) -> Vec<CurvePoint> {
        let point = |row: Row<'_>| CurvePoint {
            tasks: row.value("tasks"),
            in_time: row.value("in_time"),
            others: OTHER_ENDINGS.map(|name| row.value(name)),
            efficiency: row.number("efficiency"),
            reward: row.value("cumulative_reward"),
            regret: row.number("cumulative_decision_regret"),
            cost_usd: row.value("cumulative_cost_usd"),
            best_model_share: row.number("best_model_share"),
        };
        self.all_levels(run).map(point).collect()
    }

    /// The checkpoints of a run, in order.
    pub(super) fn checkpoints(&self, run: &RunKey) -> Vec<RegretAt> {
        let point =
            |row: Row<'_>| (row.value("tasks") as u64, row.number("cumulative_decision_regret"));
        self.checkpoints.rows(run).map(point).collect()
    }
}

/// Part by part: there is a row for every model and point of every run.
fn models(folder: &Path) -> Result<ModelPoints, ResultsError> {
    let served = Level::ALL.map(|level| format!("served_{}", level.name().to_lowercase()));
    let quota = ["quota_used_tokens", "quota_limit_tokens"];
    let columns = ["block", "variant", "model", "bin", "calls"].into_iter().chain(quota);
    let columns: Vec<&str> = columns.chain(served.iter().map(String::as_str)).collect();
    let mut points = ModelPoints::new();
    for rows in Rows::by_part(folder, &ModelCurves::DOC, &columns)? {
        let rows = rows?;
        let [block, variant, model] =
            [rows.coded("block")?, rows.coded("variant")?, rows.coded("model")?];
        let [used, limit] = quota.map(|name| rows.numbers(name));
        let (bin, used, limit) = (rows.numbers("bin")?, used?, limit?);
        let calls = rows.numbers("calls")?;
        let mut by_level = Vec::new();
        for name in &served {
            by_level.push(rows.numbers(name)?);
        }
        for at in 0..calls.len() {
            let text = |own: &Coded| own.text(at).to_owned();
            let bin = bin[at].unwrap_or(0.0) as u64;
            let entry =
                points.entry((text(&block), text(&variant), text(&model), bin)).or_default();
            entry.used_share.push(match (used[at], limit[at]) {
                (Some(used), Some(limit)) if limit > 0.0 => Some(used / limit),
                _ => None,
            });
            let is_first = entry.used_share.len() == 1;
            entry.calls += calls[at].unwrap_or(0.0);
            for (sum, served) in entry.served.iter_mut().zip(&by_level) {
                *sum += served[at].unwrap_or(0.0);
            }
            if is_first {
                // Seeds stand in their order, so that nothing else has been added yet.
                entry.of_first_seed = [entry.calls, entry.served.iter().sum()];
            }
        }
    }
    Ok(points)
}

/// What the first seed met, and the changes of the breakers in its runs of variants that are reported.
fn first_seed(folder: &Path, manifest: &Manifest) -> Result<FirstSeed, ResultsError> {
    let mut own = FirstSeed::default();
    let Some(first) = manifest.seeds.first().map(|seed| *seed as f64) else { return Ok(own) };
    for rows in Rows::by_part(folder, &Faults::DOC, &FAULTS)? {
        let rows = rows?;
        let [block, model, name] =
            [rows.coded("block")?, rows.coded("model")?, rows.coded("fault")?];
        let (seed, from, to) =
            (rows.numbers("seed")?, rows.numbers("from_s")?, rows.numbers("to_s")?);
        own.met.extend((0..seed.len()).filter(|at| seed[*at] == Some(first)).map(|at| Met {
            block: block.text(at).to_owned(),
            model: model.text(at).to_owned(),
            name: name.text(at).to_owned(),
            from_s: from[at].unwrap_or(0.0),
            to_s: to[at],
        }));
    }
    for rows in Rows::by_part(folder, &Breaker::DOC, &BREAKERS)? {
        let rows = rows?;
        let texts = ["block", "variant", "model"].map(|name| rows.coded(name));
        let [block, variant, model] = texts;
        let (block, variant, model) = (block?, variant?, model?);
        let (before, after) = (rows.coded("from_state")?, rows.coded("to_state")?);
        let (seed, at_s) = (rows.numbers("seed")?, rows.numbers("at_s")?);
        for at in (0..seed.len()).filter(|at| seed[*at] == Some(first)) {
            if !manifest.reported.iter().any(|name| name == variant.text(at)) {
                continue;
            }
            let run = (block.text(at).to_owned(), variant.text(at).to_owned());
            let change = Change {
                model: model.text(at).to_owned(),
                at_s: at_s[at].unwrap_or(0.0),
                from: state(before.text(at)),
                to: state(after.text(at)),
            };
            own.breakers.entry(run).or_default().push(change);
        }
    }
    Ok(own)
}

fn state(name: &str) -> BreakerState {
    let named = BreakerState::ALL.into_iter().find(|state| state.name() == name);
    named.unwrap_or(BreakerState::Closed)
}

/// The runs of parameter studies on which values were chosen.
fn tried(folder: &Path) -> Result<Vec<Tried>, ResultsError> {
    let rows = Rows::read(folder, &Tuning::DOC)?;
    let [block, variant, parameter, stage] = [
        rows.texts("block")?,
        rows.texts("variant")?,
        rows.texts("parameter")?,
        rows.texts("stage")?,
    ];
    let (is_default, is_chosen) = (rows.numbers("is_default")?, rows.numbers("chosen")?);
    let (value, reward) = (rows.numbers("value")?, rows.numbers("reward")?);
    let regret = rows.numbers("cumulative_regret")?;
    let of_selection = (0..block.len()).filter(|at| stage[*at] == "selection");
    Ok(of_selection
        .map(|at| Tried {
            block: block[at].clone(),
            variant: variant[at].clone(),
            parameter: parameter[at].clone(),
            value: value[at].unwrap_or_default(),
            is_default: is_default[at] == Some(1.0),
            is_chosen: is_chosen[at] == Some(1.0),
            reward: reward[at].unwrap_or_default(),
            regret: regret[at],
        })
        .collect())
}
