//! Measures over seeds: a mean with its interval, and the paired difference to the first variant.

use crate::analysis::interval::{Estimate, mean_over_seeds};
use crate::analysis::measure::Measure;
use crate::analysis::run::Value;
use crate::analysis::window::Window;
use crate::units::Level;

/// One measure of one variant over all seeds.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Which measure.
    pub measure: Measure,
    /// Over which level; all if `None`.
    pub level: Option<Level>,
    /// Over which tasks.
    pub window: Window,
    /// Mean and interval; `None` where no seed has a value.
    pub estimate: Option<Estimate>,
    /// Difference to the first variant on the same seeds; `None` for the first itself.
    pub difference: Option<Estimate>,
}

/// Summarises one variant: `runs` and `first` hold the values of the same seeds in the same order.
#[must_use]
pub fn summarise<R: AsRef<[Value]>>(runs: &[R], first: Option<&[R]>) -> Vec<Line> {
    let mut lines: Vec<(Measure, Option<Level>, Window)> = Vec::new();
    for value in runs.iter().flat_map(AsRef::as_ref) {
        let key = (value.measure, value.level, value.window);
        if !lines.contains(&key) {
            lines.push(key);
        }
    }
    lines.sort_by_key(|(measure, level, window)| {
        let place = super::measure::MEASURES.iter().position(|m| m == measure);
        (*window as u8, level.map_or(0, |l| 1 + l.index()), place)
    });
    lines
        .into_iter()
        .map(|key| {
            let own: Vec<Option<f64>> =
                runs.iter().map(|run| value_of(run.as_ref(), key)).collect();
            let values: Vec<f64> = own.iter().copied().flatten().collect();
            let difference = first.and_then(|first| {
                let pairs: Vec<f64> = first
                    .iter()
                    .zip(&own)
                    .filter_map(|(run, own)| Some((*own)? - value_of(run.as_ref(), key)?))
                    .collect();
                mean_over_seeds(&pairs, false)
            });
            let (measure, level, window) = key;
            Line { measure, level, window, estimate: over_seeds(measure, &values), difference }
        })
        .collect()
}

/// A measure over seeds; `None` without values.
#[must_use]
pub fn over_seeds(measure: Measure, values: &[f64]) -> Option<Estimate> {
    mean_over_seeds(values, measure.is_proportion).map(|estimate| {
        // Everything but a reward is 0 or more by its nature.
        let floor = if measure == super::measure::REWARD { f64::MIN } else { 0.0 };
        Estimate { low: estimate.low.max(floor), ..estimate }
    })
}

fn value_of(run: &[Value], key: (Measure, Option<Level>, Window)) -> Option<f64> {
    run.iter().find(|v| (v.measure, v.level, v.window) == key).and_then(|v| v.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::measure::{AVAILABILITY, EFFICIENCY};

    fn run(efficiency: f64, availability: Option<f64>) -> Vec<Value> {
        let value = |measure, value| Value { measure, level: None, window: Window::Run, value };
        vec![value(EFFICIENCY, Some(efficiency)), value(AVAILABILITY, availability)]
    }

    #[test]
    fn differences_are_paired_by_seed() {
        let first = [run(50.0, Some(1.0)), run(70.0, None), run(90.0, Some(0.5))];
        let own = [run(51.0, Some(1.0)), run(71.0, Some(1.0)), run(91.0, Some(1.0))];
        let lines = summarise(&own, Some(&first));
        let efficiency = lines[0].difference.expect("paired");
        assert_eq!((efficiency.mean, efficiency.sd, efficiency.n), (1.0, 0.0, 3));
        let availability = lines[1].difference.expect("paired");
        assert_eq!((availability.mean, availability.n), (0.25, 2));
        assert_eq!(lines[1].estimate.map(|e| (e.n, e.mean, e.high)), Some((3, 1.0, 1.0)));
        assert!(summarise(&own, None)[0].difference.is_none());
    }
}
