//! Axes: what they show and where their ticks stand.

use super::number::{decimal, superscript, write_number, write_ticks};
use crate::math;

/// What one axis of a chart shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What is shown, such as "Mean efficiency".
    pub label: String,
    /// The unit, such as "points"; written in brackets after the label unless empty.
    pub unit: String,
    /// The value that the axis never goes below, in its unit; data beyond it is cut off.
    pub least: Option<f64>,
    /// The value that the axis never goes above, in its unit; data beyond it is cut off.
    pub most: Option<f64>,
    /// Whether the axis always includes zero.
    pub zero: bool,
    /// Whether the axis always reaches to its bounds.
    pub full: bool,
    /// Whether ticks stand at 1, 2, 3, 6, 12, 24 … rather than at 1, 2, 5, 10 …
    pub hours: bool,
    /// Whether equal factors, rather than equal differences, are equally far apart; all data must be above zero.
    pub log: bool,
}

impl Axis {
    /// Makes an axis that spans the data.
    #[must_use]
    pub fn new(label: &str, unit: &str) -> Self {
        Self {
            label: label.to_owned(),
            unit: unit.to_owned(),
            least: None,
            most: None,
            zero: false,
            full: false,
            hours: false,
            log: false,
        }
    }

    /// Makes the axis of tasks arrived since the start.
    #[must_use]
    pub fn tasks() -> Self {
        Self::new("Tasks arrived", "").from_zero()
    }

    /// Makes the axis of simulated hours since the start.
    #[must_use]
    pub fn hours() -> Self {
        let mut axis = Self::new("Simulated time", "h").from_zero();
        axis.hours = true;
        axis
    }

    /// Returns the axis with zero included.
    #[must_use]
    pub fn from_zero(mut self) -> Self {
        self.zero = true;
        self
    }

    /// Returns the axis with equal factors equally far apart.
    #[must_use]
    pub fn logarithmic(mut self) -> Self {
        (self.log, self.zero) = (true, false);
        self
    }

    /// Returns the axis with bounds that it never passes, in its unit.
    #[must_use]
    pub fn within(mut self, least: f64, most: f64) -> Self {
        self.least = Some(least);
        self.most = Some(most);
        self
    }

    /// Returns the axis with bounds that it always reaches and never passes, in its unit.
    #[must_use]
    pub fn all_of(self, least: f64, most: f64) -> Self {
        Self { full: true, ..self.within(least, most) }
    }

    /// Returns the ends of the axis for data that spans `data`, before rounding.
    fn range(&self, data: Option<(f64, f64)>) -> (f64, f64) {
        let (mut low, mut high) = data.unwrap_or((0.0, 1.0));
        if self.zero {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        let bound = |value: f64| {
            let value = self.least.map_or(value, |least| value.max(least));
            self.most.map_or(value, |most| value.min(most))
        };
        (low, high) = (bound(low), bound(high));
        if self.full {
            (low, high) = (self.least.unwrap_or(low), self.most.unwrap_or(high));
        }
        let largest = low.abs().max(high.abs());
        if high - low <= largest * 1e-9 {
            let pad = if largest == 0.0 { 1.0 } else { largest * 0.1 };
            // Counts and shares that stay at zero need no negative half.
            let below = if largest == 0.0 { 0.0 } else { pad };
            let wide = (bound(low - below), bound(high + pad));
            (low, high) = if wide.0 < wide.1 { wide } else { (low - pad, high + pad) };
        }
        (low, high)
    }

    /// Returns a scale with the only value there is in its middle.
    pub(crate) fn scale_around(&self, value: f64) -> Scale {
        let pad = if value == 0.0 { 1.0 } else { value.abs() };
        let exponent = math::log10(pad).floor() as i32;
        // The roundest number of which the value is a multiple, to three digits.
        let step = (exponent - 3..=exponent)
            .rev()
            .map(|exponent| decimal(1, exponent))
            .find(|step| (value / step - (value / step).round()).abs() < 1e-6)
            .unwrap_or_else(|| decimal(1, exponent - 2));
        let (labels, power) = write_ticks(&[value], step);
        Scale {
            from: value - pad,
            to: value + pad,
            log: false,
            ticks: labels.into_iter().map(|label| (value, label)).collect(),
            title: self.title(power),
        }
    }

    /// Returns the scale with about `count` steps; `outward` moves its ends to ticks.
    pub(crate) fn scale(&self, data: Option<(f64, f64)>, count: usize, outward: bool) -> Scale {
        if self.log {
            return self.log_scale(data, count);
        }
        let (mut from, mut to) = self.range(data);
        let step = Step::nice((to - from) / count.max(1) as f64, self.hours);
        if outward {
            let low = outer(step.at(step.below(from)), from, to, step.size);
            let high = outer(step.at(step.above(to)), to, from, step.size);
            // A bound that is no multiple of the step stays the end of the axis.
            from = self.least.map_or(low, |least| low.max(least.min(from)));
            to = self.most.map_or(high, |most| high.min(most.max(to)));
        }
        let (first, last) = (step.above(from), step.below(to));
        let numbers: Vec<f64> = (first..=last).map(|index| step.at(index)).collect();
        let (labels, power) = write_ticks(&numbers, step.size);
        Scale {
            from,
            to,
            log: false,
            ticks: numbers.into_iter().zip(labels).collect(),
            title: self.title(power),
        }
    }

    /// Returns the scale of an axis of factors, with about `count` ticks at 1, 2, 5, 10 …, at powers of ten, or at every
    /// second, third … of them.
    fn log_scale(&self, data: Option<(f64, f64)>, count: usize) -> Scale {
        let (mut from, mut to) = data.unwrap_or((1.0, 10.0));
        if from >= to {
            (from, to) = (from / 2.0, to * 2.0);
        }
        let first = math::log10(from).floor() as i32;
        let last = math::log10(to).ceil() as i32;
        let ticks = |digits: &[u32], every: usize| -> Vec<(f64, String)> {
            let decades = (first..=last).step_by(every);
            let all = decades.flat_map(|power| digits.iter().map(move |digit| (*digit, power)));
            let all = all.map(|(digit, power)| (decimal(digit, power), power));
            let inside =
                all.filter(|(value, _)| (from * (1.0 - 1e-9)..=to * (1.0 + 1e-9)).contains(value));
            inside.map(|(value, power)| (value, write_factor(value, power))).collect()
        };
        let fine = [&[1, 2, 5][..], &[1, 3], &[1]].map(|digits| ticks(digits, 1));
        let coarse = (2..).map(|every| ticks(&[1], every));
        let ticks = fine.into_iter().chain(coarse).find(|ticks| ticks.len() <= count + 1);
        Scale {
            from,
            to,
            log: true,
            ticks: ticks.expect("ticks far enough apart are few"),
            title: self.title(0),
        }
    }

    /// Returns the label with its unit; ticks are to be multiplied by ten to the `power`.
    fn title(&self, power: i32) -> String {
        let factor = match power {
            0 => String::new(),
            _ => format!("10{}", superscript(power)),
        };
        match (factor.is_empty(), self.unit.is_empty()) {
            (true, true) => self.label.clone(),
            (true, false) => format!("{} ({})", self.label, self.unit),
            (false, true) => format!("{} ({factor})", self.label),
            (false, false) => format!("{} ({factor} {})", self.label, self.unit),
        }
    }
}

/// An axis with its ends and ticks decided.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scale {
    /// The value at the start of the axis.
    pub(crate) from: f64,
    /// The value at the end of the axis, which is always larger.
    pub(crate) to: f64,
    /// Whether equal factors are equally far apart.
    pub(crate) log: bool,
    /// The ticks with their labels.
    pub(crate) ticks: Vec<(f64, String)>,
    /// The label of the axis with its unit.
    pub(crate) title: String,
}

impl Scale {
    /// Returns how far along the axis a value lies: 0 at the start, 1 at the end.
    pub(crate) fn part(&self, value: f64) -> f64 {
        if self.log {
            return math::ln(value / self.from) / math::ln(self.to / self.from);
        }
        (value - self.from) / (self.to - self.from)
    }
}

/// Writes a tick of an axis of factors, of the size of ten to the `power`.
fn write_factor(value: f64, power: i32) -> String {
    match power {
        0.. => write_ticks(&[value], value).0.swap_remove(0),
        _ => write_number(value, power.unsigned_abs() as usize),
    }
}

/// Returns where an axis ends beyond `near`: at the next tick, or sooner if that is far off.
fn outer(tick: f64, near: f64, far: f64, step: f64) -> f64 {
    if (tick - near).abs() <= 0.65 * step { tick } else { near + (near - far) * 0.04 }
}

/// The distance between two ticks.
struct Step {
    size: f64,
}

impl Step {
    /// Returns the smallest step of a round number that is at least `least`.
    fn nice(least: f64, hours: bool) -> Self {
        if hours {
            for size in [1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 48.0, 72.0, 168.0, 336.0] {
                if least > 0.5 && least <= size {
                    return Self { size };
                }
            }
        }
        let exponent = math::log10(least).floor() as i32;
        for exponent in exponent - 1..=exponent + 2 {
            for digit in [1, 2, 5] {
                let size = decimal(digit, exponent);
                if size >= least * (1.0 - 1e-9) {
                    return Self { size };
                }
            }
        }
        Self { size: least }
    }

    fn at(&self, index: i64) -> f64 {
        index as f64 * self.size
    }

    fn below(&self, value: f64) -> i64 {
        (value / self.size + 1e-6).floor() as i64
    }

    fn above(&self, value: f64) -> i64 {
        (value / self.size - 1e-6).ceil() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, low: f64, high: f64) -> Vec<String> {
        let scale = axis.scale(Some((low, high)), 5, true);
        scale.ticks.into_iter().map(|tick| tick.1).collect()
    }

    fn plain() -> Axis {
        Axis::new("Value", "units")
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(&plain(), 0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&plain(), 0.1, 0.3), ["0.10", "0.15", "0.20", "0.25", "0.30"]);
        assert_eq!(labels(&plain(), -3.0, 3.0), ["−4", "−2", "0", "2", "4"]);
        assert_eq!(labels(&plain(), 0.0, 6_000.0)[1], "2,000");
        assert_eq!(labels(&plain(), 0.0, 9_000.0)[1], "2k");
    }

    #[test]
    fn large_and_small_numbers_stay_short() {
        assert_eq!(labels(&plain(), 0.0, 1e7), ["0", "2M", "4M", "6M", "8M", "10M"]);
        assert_eq!(labels(&plain(), 0.0, 45_000.0), ["0", "10k", "20k", "30k", "40k", "50k"]);
        let tiny = plain().scale(Some((0.0, 5e-6)), 5, true);
        assert_eq!(tiny.title, "Value (10⁻⁶ units)");
        assert_eq!(tiny.ticks[1].1, "1");
        let huge = plain().scale(Some((0.0, 5e21)), 5, true);
        assert_eq!(huge.title, "Value (10²¹ units)");
    }

    #[test]
    fn narrow_spans_of_large_numbers_stay_exact() {
        assert_eq!(labels(&plain(), 10_000_000.0, 10_000_001.0)[1], "10,000,000.2");
    }

    #[test]
    fn bounds_are_never_passed() {
        let share = Axis::new("Availability", "%").within(0.0, 100.0);
        let scale = share.scale(Some((96.3, 100.0)), 5, true);
        assert_eq!((scale.from, scale.to), (96.0, 100.0));
        let flat = share.scale(Some((100.0, 100.0)), 5, true);
        assert_eq!((flat.from, flat.to), (90.0, 100.0));
        let nothing = share.scale(Some((0.0, 0.0)), 5, true);
        assert_eq!((nothing.from, nothing.to), (0.0, 1.0));
        let full = share.all_of(0.0, 100.0).scale(Some((40.0, 60.0)), 5, true);
        assert_eq!((full.from, full.to), (0.0, 100.0));
        let odd = plain().within(0.0, 97.0).scale(Some((3.0, 97.0)), 5, true);
        assert_eq!(odd.to, 97.0);
        assert_eq!(odd.ticks.last().map(|tick| tick.0), Some(80.0));
    }

    #[test]
    fn constant_and_missing_data_get_a_span() {
        for data in [None, Some((7.0, 7.0)), Some((-1e7, -1e7)), Some((1e-6, 1e-6))] {
            let scale = plain().scale(data, 5, true);
            assert!(scale.to > scale.from, "{data:?}");
            assert!(scale.ticks.len() >= 3, "{data:?}");
            assert!(scale.ticks.len() <= 8, "{data:?}");
        }
        // A dip just below zero does not cost a whole step of empty space.
        let dip = plain().scale(Some((-0.1, 9.0)), 5, true);
        assert!(dip.from < -0.1 && dip.from > -1.0, "{}", dip.from);
        assert_eq!(dip.ticks[0].1, "0");
        // The sum of rounding errors is no span.
        let scale = plain().scale(Some((0.3, 0.1 + 0.2)), 5, true);
        assert!(scale.to - scale.from > 0.01);
    }

    #[test]
    fn a_single_value_stands_in_the_middle() {
        for (value, label) in [(0.0, "0"), (5.0, "5"), (12.5, "12.5"), (-1e7, "−10M")] {
            let scale = plain().scale_around(value);
            assert_eq!(scale.part(value), 0.5);
            assert_eq!(scale.ticks, [(value, label.to_owned())]);
        }
    }

    #[test]
    fn factors_are_equally_far_apart() {
        let axis = Axis::tasks().logarithmic();
        let scale = axis.scale(Some((1.0, 10_000.0)), 9, false);
        assert!((scale.part(100.0) - 0.5).abs() < 1e-12);
        let labels = |low, high, count| -> Vec<String> {
            let scale = axis.scale(Some((low, high)), count, false);
            scale.ticks.into_iter().map(|tick| tick.1).collect()
        };
        assert_eq!(
            labels(1.0, 10_000.0, 9),
            ["1", "3", "10", "30", "100", "300", "1,000", "3,000", "10k"]
        );
        assert_eq!(labels(1.0, 10_000.0, 5), ["1", "10", "100", "1,000", "10k"]);
        assert_eq!(labels(1.0, 10_000.0, 2), ["1", "100", "10k"]);
        assert_eq!(labels(0.01, 0.3, 6), ["0.01", "0.02", "0.05", "0.1", "0.2"]);
        assert!(labels(3.0, 4.0, 3).len() < 3);
        let scale = axis.scale(Some((7.0, 7.0)), 5, false);
        assert!(scale.from < 7.0 && scale.to > 7.0);
    }

    #[test]
    fn hours_have_ticks_at_parts_of_days() {
        let scale = Axis::hours().scale(Some((0.0, 72.0)), 6, false);
        let labels: Vec<&str> = scale.ticks.iter().map(|tick| tick.1.as_str()).collect();
        assert_eq!(labels, ["0", "12", "24", "36", "48", "60", "72"]);
        assert_eq!(scale.title, "Simulated time (h)");
        let short = Axis::hours().scale(Some((0.0, 1.0)), 5, false);
        assert_eq!(short.ticks[1].1, "0.2");
    }
}
