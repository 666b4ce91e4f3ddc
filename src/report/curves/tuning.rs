//! Charts of parameter studies: what each candidate brought on the seeds for selection.

use std::collections::BTreeSet;

use crate::analysis::interval::mean_over_seeds;
use crate::report::charts::{Axis, Line, LineChart, Mark, Point};
use crate::report::curves::spread::is_wide;
use crate::report::curves::tables::Tried;
use crate::report::curves::view::View;

impl View<'_> {
    /// Variant, parameter and chart of every study of the block that tried two values or more.
    pub(super) fn sensitivity(&self) -> Vec<(String, String, LineChart)> {
        let of_block = || self.tables.tried.iter().filter(|t| t.block == self.block.name);
        let studies: BTreeSet<(&str, &str)> =
            of_block().map(|t| (t.variant.as_str(), t.parameter.as_str())).collect();
        let charts = studies.into_iter().filter_map(|(variant, parameter)| {
            let is_own = |t: &&Tried| t.variant == variant && t.parameter == parameter;
            let tried: Vec<&Tried> = of_block().filter(is_own).collect();
            let chart = self.study(variant, parameter, &tried)?;
            Some((variant.to_owned(), parameter.to_owned(), chart))
        });
        charts.collect()
    }

    fn study(&self, variant: &str, parameter: &str, tried: &[&Tried]) -> Option<LineChart> {
        // What values are chosen by.
        let has_regret = self.is_bandit() && tried.iter().all(|t| t.regret.is_some());
        let of = |t: &Tried| if has_regret { t.regret.unwrap_or_default() } else { t.reward };
        let mut values: Vec<f64> = tried.iter().map(|t| t.value).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        if values.len() < 2 {
            return None;
        }
        let mut n = 0;
        let points = values.iter().filter_map(|value| {
            let runs: Vec<f64> =
                tried.iter().filter(|t| t.value == *value).map(|t| of(t)).collect();
            n = n.max(runs.len());
            let own = mean_over_seeds(&runs, false)?;
            Some(Point { x: *value, y: own.mean, low: own.low, high: own.high })
        });
        let points: Vec<Point> = points.collect();
        let colour = self.manifest.variants.iter().position(|name| name == variant).unwrap_or(0);
        let y_axis = match has_regret {
            true => Axis::new("Cumulative regret", "reward"),
            false => Axis::new(&format!("Mean reward of a {}", self.task()), ""),
        };
        let mut axis = Axis::new(parameter, "");
        if is_wide(values.iter().copied()) {
            axis = axis.logarithmic();
        }
        let title = format!("Sensitivity of {variant} to {parameter}");
        let seeds = if n == 1 { "one seed".to_owned() } else { format!("{n} seeds") };
        let what = format!("mean over {seeds} for selection, error bars = 95 % intervals (t)");
        let mut chart = LineChart::new(&title, &self.about(&what), axis, y_axis);
        chart.lines = vec![Line { name: variant.to_owned(), colour, points }];
        chart.dots = true;
        let place = |is_it: fn(&Tried) -> bool| tried.iter().find(|t| is_it(t)).map(|t| t.value);
        let mark = |x: f64, label: &str| Mark { x, label: label.to_owned() };
        let (default, chosen) = (place(|t| t.is_default), place(|t| t.is_chosen));
        chart.marks = match (default, chosen) {
            (Some(a), Some(b)) if a == b => vec![mark(a, "default, chosen")],
            _ => {
                let default = default.map(|x| mark(x, "default"));
                default.into_iter().chain(chosen.map(|x| mark(x, "chosen"))).collect()
            }
        };
        Some(chart)
    }
}
