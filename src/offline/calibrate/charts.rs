//! Charts of fit against data: distribution functions, and quantiles against quantiles.

use crate::analysis::distribution::beta_quantile;
use crate::offline::calibrate::{Calibration, Measured, Quantity, WriteError};
use crate::report::charts::{Axis, ChartError, Line, LineChart, Point, Rendered};
use crate::report::number::rounded;

/// Points at which a law is drawn.
const POINTS: u32 = 200;
/// Points of the quantile chart at most.
const MOST_QUANTILES: usize = 400;

/// Two charts for every model, by name.
pub(super) fn draw(calibration: &Calibration) -> Result<Vec<(String, Rendered)>, WriteError> {
    let mut charts = Vec::new();
    for model in &calibration.models {
        let stem = stem(&model.name);
        for (kind, chart) in [("cdf", distribution(model)), ("qq", quantiles(model))] {
            let name = format!("{stem}-{kind}");
            match chart.render() {
                Ok(rendered) => charts.push((name, rendered)),
                Err(cause) => return Err(failed(name, cause)),
            }
        }
    }
    Ok(charts)
}

fn failed(chart: String, cause: ChartError) -> WriteError {
    WriteError::Chart { chart, cause }
}

/// A model's name as that of a file.
fn stem(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    name.chars().map(plain).collect()
}

fn sorted(quantity: &Quantity) -> Vec<f64> {
    let mut values = quantity.values.clone();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// What is wrong with the fit and the order of times, in a few words.
fn verdict(model: &Measured) -> String {
    let is_misfit =
        model.end_to_end.goodness.is_some() && model.findings.iter().any(|f| {
            matches!(f, super::Finding::Misfit { quantity, .. } if *quantity == model.end_to_end.name)
        });
    let drifts = model.findings.iter().any(super::Finding::is_drift);
    let fit = if is_misfit { "no law fits" } else { "no misfit found" };
    let drift = if drifts { "drifts" } else { "no drift found" };
    format!("{} answers; {fit}; {drift}", model.answers)
}

fn distribution(model: &Measured) -> LineChart {
    let values = sorted(&model.end_to_end);
    let n = values.len() as f64;
    let mut chart = LineChart::new(
        &format!("End-to-end times of {} and the laws fitted to them", model.name),
        &verdict(model),
        Axis::new("End-to-end time", "s").logarithmic(),
        Axis::new("Answers no slower", "%").all_of(0.0, 100.0),
    );
    let steps = values.iter().enumerate().flat_map(|(i, x)| {
        let i = i as f64;
        [Point::exact(*x, 100.0 * i / n), Point::exact(*x, 100.0 * (i + 1.0) / n)]
    });
    let (Some(from), Some(to)) = (values.first(), values.last()) else { return chart };
    let law_lines = model.end_to_end.fits.iter().enumerate().map(|(at, fit)| {
        let place = |k: u32| {
            let part = f64::from(k) / f64::from(POINTS);
            from * crate::math::powf(to / from, part)
        };
        let points = (0..=POINTS).map(|k| Point::exact(place(k), 100.0 * fit.law.cdf(place(k))));
        let first = &model.end_to_end.fits[0];
        let behind = match at {
            0 => "best by AIC".to_owned(),
            _ => format!("AIC + {}", rounded(fit.aic - first.aic, 2)),
        };
        let name = format!("{} ({behind})", fit.law.family().name());
        Line { name, colour: at + 1, points: points.collect() }
    });
    chart.lines = law_lines.collect();
    chart.lines.reverse();
    chart.lines.push(Line { name: "log".to_owned(), colour: 0, points: steps.collect() });
    chart
}

fn quantiles(model: &Measured) -> LineChart {
    let values = sorted(&model.end_to_end);
    let n = values.len();
    let best = model.end_to_end.best();
    let law_name = best.map_or("no law", |fit| fit.law.family().name());
    let mut chart = LineChart::new(
        &format!("Quantiles of {} against the {law_name} law", model.name),
        &format!("{}; band: where 95 of 100 samples of the law have each quantile", verdict(model)),
        Axis::new("Quantile of the law", "s").logarithmic(),
        Axis::new("Quantile of the log", "s").logarithmic(),
    );
    let Some(best) = best else { return chart };
    let shown = n.min(MOST_QUANTILES);
    let (mut law, mut log) = (Vec::new(), Vec::new());
    for k in 0..shown {
        let i = (2 * k + 1) * n / (2 * shown);
        let x = best.law.quantile((i as f64 + 0.5) / n as f64);
        let end = |p| best.law.quantile(beta_quantile((i + 1) as f64, (n - i) as f64, p));
        law.push(Point { x, y: x, low: end(0.025).min(x), high: end(0.975).max(x) });
        log.push(Point::exact(x, values[i]));
    }
    chart.lines = vec![
        Line { name: format!("{law_name} law"), colour: 1, points: law },
        Line { name: "log".to_owned(), colour: 0, points: log },
    ];
    chart
}
