//! A variant that learned something in a block: its runs, and what two days did to its beliefs.

use std::collections::BTreeSet;

use crate::analysis::interval::{Estimate, mean_over_seeds};
use crate::domain::CONVERGED_BELOW;
use crate::learners::{BeliefScale, Card};
use crate::report::beliefs::Point;
use crate::report::frame::RunKey;
use crate::report::learned::Record;
use crate::report::number::{count, estimated};
use crate::report::phases::since_start;
use crate::report::table::TextTable;

use super::Tables;

/// When the plan looks at what was learned.
const TWO_DAYS_S: f64 = 48.0 * 3600.0;

/// A variant that learned something in a block.
pub(super) struct Student<'a> {
    pub(super) variant: &'a str,
    /// Name of its learner.
    pub(super) name: &'static str,
    pub(super) card: &'static Card,
    /// Its whole runs, seed by seed.
    pub(super) records: Vec<Record<'a>>,
    /// What two days did to its beliefs, seed by seed; empty where they were not recorded.
    pub(super) changes: Vec<Change<'a>>,
}

/// The beliefs of one run at its first point and at the one nearest to two days, in the states in which something
/// happened.
pub(super) struct Change<'a> {
    first: Point<'a>,
    later: Point<'a>,
    /// The later point is the run's last.
    is_end: bool,
}

/// Shares of all scores.
#[derive(Clone, Copy)]
pub(super) struct Scores {
    /// At 100 or above.
    pub(super) high: Estimate,
    /// At 0 or below.
    pub(super) low: Estimate,
}

impl<'a> Change<'a> {
    pub(super) fn of(tables: &'a Tables<'_>, run: &RunKey) -> Option<Self> {
        let points = tables.beliefs.points(run);
        let off = |point: &Point<'_>| (point.at_s - TWO_DAYS_S).abs();
        let later = points.iter().min_by(|a, b| off(a).total_cmp(&off(b)))?;
        let first = points.first()?;
        let rows = tables.evidence.monitor.rows(run).filter(|row| row.value("calls") > 0.0);
        let called: BTreeSet<&str> = rows.map(|row| row.text("level")).collect();
        Some(Self {
            first: first.clone(),
            later: later.met_since(first, &called),
            is_end: later.at_s == points.last()?.at_s,
        })
    }
}

impl Student<'_> {
    pub(super) fn scale(&self) -> &str {
        self.records.first().map_or("", |record| record.scale)
    }

    pub(super) fn has_scores(&self) -> bool {
        self.scale() == BeliefScale::Score.name()
    }

    /// Runs whose beliefs have come to rest at their end.
    pub(super) fn at_rest(&self) -> usize {
        let is_still = |r: &&Record<'_>| r.recent_change.is_some_and(|c| c < CONVERGED_BELOW);
        self.records.iter().filter(is_still).count()
    }

    fn over_seeds(
        &self,
        is_share: bool,
        of: impl Fn(&Change<'_>) -> Option<f64>,
    ) -> Option<Estimate> {
        let values: Vec<f64> = self.changes.iter().filter_map(of).collect();
        mean_over_seeds(&values, is_share)
    }

    /// When its beliefs are looked at, by the first seed.
    pub(super) fn when(&self) -> String {
        match self.changes.first() {
            None => String::new(),
            Some(change) if change.is_end => "at the end of the run".to_owned(),
            Some(change) => format!("after {}", since_start(change.later.at_s)),
        }
    }

    /// When its first beliefs were recorded, by the first seed.
    pub(super) fn first_point(&self) -> String {
        match self.changes.first().map(|change| change.first.at_s) {
            None => String::new(),
            Some(at_s) if at_s <= 0.0 => "the start of the run".to_owned(),
            Some(at_s) => format!("the first recorded point ({} into the run)", since_start(at_s)),
        }
    }

    /// Mean absolute change of a belief.
    pub(super) fn moved(&self) -> Option<Estimate> {
        self.over_seeds(false, |change| {
            let moves = change.later.moves_from(&change.first);
            let changes: Vec<f64> = moves.iter().filter_map(|m| m.change()).map(f64::abs).collect();
            (!changes.is_empty()).then(|| changes.iter().sum::<f64>() / changes.len() as f64)
        })
    }

    /// Share of beliefs that are where they were, of those that existed at first.
    pub(super) fn untouched(&self) -> Option<Estimate> {
        self.over_seeds(true, |change| {
            let moves = change.later.moves_from(&change.first);
            let changes: Vec<f64> = moves.iter().filter_map(|m| m.change()).collect();
            let still = changes.iter().filter(|change| **change == 0.0).count();
            (!changes.is_empty()).then(|| still as f64 / changes.len() as f64)
        })
    }

    /// Share of states whose best model is another.
    pub(super) fn switched(&self) -> Option<Estimate> {
        self.over_seeds(true, |change| change.later.switched_since(&change.first))
    }

    /// Scores at the ends of their scale; `None` where beliefs are no scores.
    pub(super) fn ends_of_scale(&self) -> Option<Scores> {
        let share = |is_there: fn(f64) -> bool| {
            self.over_seeds(true, |change| {
                let values: Vec<f64> = change.later.values().collect();
                let hits = values.iter().filter(|v| is_there(**v)).count();
                (!values.is_empty()).then(|| hits as f64 / values.len() as f64)
            })
        };
        let (high, low) = (share(|v| v >= 100.0)?, share(|v| v <= 0.0)?);
        self.has_scores().then_some(Scores { high, low })
    }

    /// Mean score of every model at every level, from the first point to the later one.
    pub(super) fn scores(&self, models: &[String]) -> TextTable {
        let levels: BTreeSet<&str> = self
            .changes
            .iter()
            .flat_map(|change| change.later.states.iter().map(|state| state.level))
            .collect();
        let header = std::iter::once("model").chain(levels.iter().copied());
        let mut table = TextTable::new(header);
        for model in models {
            let mut row = vec![model.clone()];
            for level in &levels {
                let held = |point: &Point<'_>| {
                    let state = point.states.iter().find(|state| state.level == *level)?;
                    state.beliefs.iter().find(|(name, _)| name == model).map(|(_, belief)| *belief)
                };
                let first = self.over_seeds(false, |change| held(&change.first));
                let later = self.over_seeds(false, |change| held(&change.later));
                row.push(match (first, later) {
                    (Some(first), Some(later)) => format!("{:.1} to {:.1}", first.mean, later.mean),
                    _ => "-".to_owned(),
                });
            }
            table.push(row);
        }
        table
    }

    /// Results taken in per run.
    pub(super) fn updates(&self) -> String {
        let values: Vec<f64> = self.records.iter().map(|record| record.updates).collect();
        mean_over_seeds(&values, false).map_or_else(|| "-".to_owned(), |e| estimated(&e, count))
    }
}
