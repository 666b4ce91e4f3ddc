//! The data of line charts: points, lines, fault windows and reference lines.

use super::ChartError;

/// Numbers beyond this many units either way cannot be drawn.
const LARGEST: f64 = 1e30;

/// One point of a line with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The place on the horizontal axis, in its unit.
    pub x: f64,
    /// The mean over the seeds, in the unit of the vertical axis.
    pub y: f64,
    /// The lower end of the interval, in the unit of the vertical axis.
    pub low: f64,
    /// The upper end of the interval, in the unit of the vertical axis.
    pub high: f64,
}

impl Point {
    /// Makes a point without an interval.
    #[must_use]
    pub fn exact(x: f64, y: f64) -> Self {
        Self { x, y, low: y, high: y }
    }
}

/// The line of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The name in the legend.
    pub name: String,
    /// The index of the variant, which decides colour and dash pattern in every chart.
    pub colour: usize,
    /// The points from left to right.
    pub points: Vec<Point>,
}

/// A stretch of time in which a fault was active.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// What the fault is, in a few words.
    pub label: String,
    /// The start, in the unit of the horizontal axis.
    pub from: f64,
    /// The end, in the unit of the horizontal axis.
    pub to: f64,
}

/// A dashed line straight across the plot, named in the legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The height, in the unit of the vertical axis.
    pub y: f64,
    /// What the line stands for, such as "99 %".
    pub label: String,
}

/// A dashed curve in the grey of reference lines, named in the legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Guide {
    /// What the curve stands for.
    pub label: String,
    /// Its points from left to right, in the units of both axes.
    pub points: Vec<(f64, f64)>,
}

/// A thin line straight down the plot, named once in the legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// The place, in the unit of the horizontal axis.
    pub x: f64,
    /// What happened there, or what stands there.
    pub label: String,
}

/// Returns the labels of marks, each once, in order.
pub(crate) fn labels(marks: &[Mark]) -> Vec<&str> {
    let mut labels: Vec<&str> = Vec::new();
    for mark in marks {
        if !labels.contains(&mark.label.as_str()) {
            labels.push(&mark.label);
        }
    }
    labels
}

/// Returns an error for the first number of marks and guides that cannot be drawn.
pub(crate) fn check_marks(marks: &[Mark], guides: &[Guide]) -> Result<(), ChartError> {
    for mark in marks {
        check_number(mark.x, || format!("the mark '{}'", mark.label))?;
    }
    for guide in guides {
        for number in guide.points.iter().flat_map(|point| [point.0, point.1]) {
            check_number(number, || format!("a point of the curve '{}'", guide.label))?;
        }
    }
    Ok(())
}

/// Returns an error unless all places are above zero, as an axis of factors needs them.
pub(crate) fn check_positive(
    places: impl Iterator<Item = f64>,
    label: &str,
) -> Result<(), ChartError> {
    for place in places {
        if place <= 0.0 {
            return Err(ChartError::Number(format!("{place} on the axis of factors '{label}'")));
        }
    }
    Ok(())
}

/// Returns an error for the first number that cannot be drawn.
pub(crate) fn check(
    lines: &[Line],
    windows: &[Window],
    references: &[Reference],
) -> Result<(), ChartError> {
    for line in lines {
        check_line(line)?;
    }
    for window in windows {
        let place = || format!("an end of fault window '{}'", window.label);
        check_number(window.from, place)?;
        check_number(window.to, place)?;
        if window.from > window.to {
            return Err(ChartError::Window(window.label.clone()));
        }
    }
    for reference in references {
        check_number(reference.y, || format!("the line '{}'", reference.label))?;
    }
    Ok(())
}

/// Returns an error with the place named unless the number can be drawn.
pub(crate) fn check_number(number: f64, place: impl Fn() -> String) -> Result<(), ChartError> {
    if number.abs() <= LARGEST { Ok(()) } else { Err(ChartError::Number(place())) }
}

fn check_line(line: &Line) -> Result<(), ChartError> {
    let mut ahead = f64::NEG_INFINITY;
    for (index, point) in line.points.iter().enumerate() {
        for number in [point.x, point.y, point.low, point.high] {
            check_number(number, || format!("point {index} of line '{}'", line.name))?;
        }
        if point.x < ahead {
            return Err(ChartError::Order { line: line.name.clone(), point: index });
        }
        if point.low > point.high {
            return Err(ChartError::Interval { line: line.name.clone(), point: index });
        }
        ahead = point.x;
    }
    Ok(())
}

/// Returns the smallest and the largest of the numbers, or nothing when there are none.
pub(crate) fn span(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    numbers.fold(None, |all, number| match all {
        None => Some((number, number)),
        Some((low, high)) => Some((number.min(low), number.max(high))),
    })
}

/// Returns the horizontal span of the lines.
pub(crate) fn span_across<'a>(lines: impl Iterator<Item = &'a Line>) -> Option<(f64, f64)> {
    span(lines.flat_map(|line| line.points.iter().map(|point| point.x)))
}

/// Returns the vertical span of the lines and their intervals.
pub(crate) fn span_down<'a>(lines: impl Iterator<Item = &'a Line>) -> Option<(f64, f64)> {
    span(
        lines
            .flat_map(|line| line.points.iter().flat_map(|point| [point.y, point.low, point.high])),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: Vec<Point>) -> Line {
        Line { name: "ucb1".to_owned(), colour: 0, points }
    }

    #[test]
    fn bad_numbers_are_named() {
        let lines = [line(vec![Point::exact(0.0, 1.0), Point::exact(1.0, f64::NAN)])];
        let error = check(&lines, &[], &[]).unwrap_err();
        assert_eq!(error.to_string(), "point 1 of line 'ucb1' is not a number that can be drawn");
        let lines = [line(vec![Point::exact(f64::INFINITY, 1.0)])];
        assert!(matches!(check(&lines, &[], &[]), Err(ChartError::Number(_))));
    }

    #[test]
    fn order_and_intervals_are_checked() {
        let lines = [line(vec![Point::exact(1.0, 1.0), Point::exact(0.0, 1.0)])];
        let order = ChartError::Order { line: "ucb1".to_owned(), point: 1 };
        assert_eq!(check(&lines, &[], &[]), Err(order));
        let upside_down = Point { x: 0.0, y: 1.0, low: 2.0, high: 0.0 };
        let interval = ChartError::Interval { line: "ucb1".to_owned(), point: 0 };
        assert_eq!(check(&[line(vec![upside_down])], &[], &[]), Err(interval));
    }

    #[test]
    fn windows_run_forward() {
        let window = Window { label: "outage".to_owned(), from: 2.0, to: 1.0 };
        let error = check(&[], &[window], &[]).unwrap_err();
        assert_eq!(error, ChartError::Window("outage".to_owned()));
    }

    #[test]
    fn spans_cover_intervals() {
        let point = Point { x: 3.0, y: 1.0, low: -1.0, high: 4.0 };
        let lines = [line(vec![point]), line(Vec::new())];
        assert_eq!(span_across(lines.iter()), Some((3.0, 3.0)));
        assert_eq!(span_down(lines.iter()), Some((-1.0, 4.0)));
        assert_eq!(span(std::iter::empty()), None);
    }
}
