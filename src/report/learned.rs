//! What learners did, period by period and over all seeds: the table `learning`.

use std::path::Path;

use crate::analysis::interval::{Estimate, mean_over_seeds};
use crate::learners::{CARDS, Card, Exploration};
use crate::report::frame::{Frame, RunKey};
use crate::report::number::percent;
use crate::results::ResultsError;
use crate::results::manifest::Manifest;
use crate::results::schema::Learning;

/// The table `learning`.
pub(super) struct Learned(Frame);

/// One reporting period of one run, or all of a run's together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record<'a> {
    pub(super) period: u32,
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) scale: &'a str,
    pub(super) choices: f64,
    pub(super) explored: f64,
    pub(super) updates: f64,
    /// Mean, standard deviation, smallest and largest reward fed.
    pub(super) reward: [Option<f64>; 4],
    pub(super) recent_change: Option<f64>,
    /// Update and time in seconds.
    pub(super) converged: Option<(f64, f64)>,
    pub(super) belief_mean: Option<f64>,
    pub(super) belief_sd: Option<f64>,
}

impl Learned {
    pub(super) fn read(folder: &Path) -> Result<Self, ResultsError> {
        Frame::whole::<Learning<'_>>(folder).map(Self)
    }

    /// The periods of a run, in order; none where no learner decides.
    pub(super) fn periods(&self, run: &RunKey) -> Vec<Record<'_>> {
        self.0
            .rows(run)
            .map(|row| Record {
                period: row.value("period") as u32,
                from_s: row.value("from_s"),
                to_s: row.value("to_s"),
                scale: row.text("scale"),
                choices: row.value("choices"),
                explored: row.value("explored"),
                updates: row.value("updates"),
                reward: ["reward_mean", "reward_sd", "reward_min", "reward_max"]
                    .map(|column| row.number(column)),
                recent_change: row.number("recent_change"),
                converged: row.number("converged_update").zip(row.number("converged_at_s")),
                belief_mean: row.number("belief_mean"),
                belief_sd: row.number("belief_sd"),
            })
            .collect()
    }

    /// A whole run: counts are summed over its periods, the rest is the last period's; rewards are left to the periods.
    pub(super) fn run(&self, run: &RunKey) -> Option<Record<'_>> {
        let periods = self.periods(run);
        let sum = |of: fn(&Record<'_>) -> f64| periods.iter().map(of).sum::<f64>();
        let (choices, explored) = (sum(|p| p.choices), sum(|p| p.explored));
        let (updates, from_s) = (sum(|p| p.updates), periods.first()?.from_s);
        let last = periods.last()?.clone();
        Some(Record { from_s, choices, explored, updates, reward: [None; 4], ..last })
    }
}

/// Name and card of the variant's learner; `None` where none decides.
pub(super) fn learner(manifest: &Manifest, variant: &str) -> Option<&'static (&'static str, Card)> {
    let at = manifest.variants.iter().position(|name| name == variant)?;
    let order = manifest.orders.get(at)?;
    CARDS.iter().find(|(name, _)| name == order)
}

/// The share of choices made in order to learn, as its algorithm lets it be known.
pub(super) fn exploration(card: &Card, choices: f64, explored: f64) -> String {
    match card.exploration {
        Exploration::Never => "never".to_owned(),
        _ if choices > 0.0 => percent(explored / choices, 1),
        _ => "-".to_owned(),
    }
}

/// What that share means, where that is not plain.
pub(super) fn exploration_note(card: &Card) -> &'static str {
    match card.exploration {
        Exploration::Never => {
            "It never explores: a model is tried again only when all that it rates higher are not to be had."
        }
        Exploration::Inherent => {
            "A bound or a draw stands in for the estimate: a choice explores if it takes another model than the one believed best."
        }
        Exploration::Marked => "",
    }
}

/// A share of runs of which `hits` of `n` had something.
pub(super) fn of_seeds(hits: usize, n: usize) -> String {
    format!("{hits} of {n} seeds")
}

/// The median of some numbers, the mean of both middle ones where they are even in number.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => None,
        _ => Some(0.5 * (values[(n - 1) / 2] + values[n / 2])),
    }
}

/// Mean over the seeds that have a value.
pub(super) fn over_seeds(values: impl Iterator<Item = Option<f64>>) -> Option<Estimate> {
    mean_over_seeds(&values.flatten().collect::<Vec<_>>(), false)
}
