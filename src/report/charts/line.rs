//! Line charts: whatever variants did over tasks, over time or over a parameter.

use super::fault;
use super::legend;
use super::plot::{self, Plot};
use super::scene::{Frame, Scene};
use super::series::{self, Guide, Line, Mark, Reference, Window};
use super::theme;
use super::{Axis, ChartError, Rendered};
use crate::math;

/// The height of the plot in pixels, unless the legend is higher.
const PLOT_HEIGHT: f64 = 340.0;
/// The part of the width that is left free beside the outermost dots.
const MARGIN: f64 = 0.03;
/// The space between plot and legend in pixels.
const LEGEND_GAP: f64 = 24.0;

/// Lines with confidence bands over progress or time, one line per variant.
#[derive(Clone, Debug, PartialEq)]
pub struct LineChart {
    /// The title, in two lines at most.
    pub title: String,
    /// A small line below the title, such as "mean over 20 seeds, band = 95 % interval (t)".
    pub subtitle: String,
    /// The horizontal axis.
    pub x_axis: Axis,
    /// The vertical axis.
    pub y_axis: Axis,
    /// The lines in the order of the legend; later lines cover earlier ones.
    pub lines: Vec<Line>,
    /// Lines in thin grey beneath the others, counted in the legend; what of them lies beyond the others is cut off.
    pub others: Vec<Line>,
    /// Whether every point is a dot with an error bar, rather than all of a line a band.
    pub dots: bool,
    /// The fault windows, shaded and labelled above the plot.
    pub windows: Vec<Window>,
    /// The reference lines, named in the legend.
    pub references: Vec<Reference>,
    /// The reference curves, named in the legend; what of them lies beyond the lines is cut off.
    pub guides: Vec<Guide>,
    /// The thin lines straight down, named in the legend.
    pub marks: Vec<Mark>,
}

impl LineChart {
    /// Makes an empty chart; its fields take the data.
    #[must_use]
    pub fn new(title: &str, subtitle: &str, x_axis: Axis, y_axis: Axis) -> Self {
        Self {
            title: title.to_owned(),
            subtitle: subtitle.to_owned(),
            x_axis,
            y_axis,
            lines: Vec::new(),
            others: Vec::new(),
            dots: false,
            windows: Vec::new(),
            references: Vec::new(),
            guides: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Makes a learning curve: mean efficiency in points, 0 to 100, against progress.
    ///
    /// `progress` is [`Axis::tasks`] or [`Axis::hours`].
    #[must_use]
    pub fn learning_curve(subtitle: &str, progress: Axis, lines: Vec<Line>) -> Self {
        let points = Axis::new("Mean efficiency", "points").within(0.0, 100.0);
        let mut chart = Self::new("Learning curve", subtitle, progress, points);
        chart.lines = lines;
        chart
    }

    /// Makes a chart of availability in percent, 0 to 100, over simulated hours.
    ///
    /// The fault windows are in hours too; a dashed line marks `goal` percent.
    #[must_use]
    pub fn availability(subtitle: &str, lines: Vec<Line>, windows: Vec<Window>, goal: f64) -> Self {
        let share = Axis::new("Availability", "%").within(0.0, 100.0);
        let mut chart = Self::new("Availability", subtitle, Axis::hours(), share);
        chart.lines = lines;
        chart.windows = windows;
        chart.references.push(Reference { y: goal, label: format!("{goal} %") });
        chart
    }

    /// Draws the chart; without any point it says "No data".
    ///
    /// # Errors
    ///
    /// Returns an error when a number cannot be drawn, when points are not in order, or when
    /// an interval or a fault window is upside down.
    pub fn render(&self) -> Result<Rendered, ChartError> {
        self.scene()?.render()
    }

    fn check(&self) -> Result<(), ChartError> {
        series::check(&self.lines, &self.windows, &self.references)?;
        series::check(&self.others, &[], &[])?;
        series::check_marks(&self.marks, &self.guides)?;
        if self.x_axis.log {
            let lines = self.lines.iter().chain(&self.others);
            let across = lines.flat_map(|line| line.points.iter().map(|point| point.x));
            let guides = self.guides.iter().flat_map(|guide| guide.points.iter().map(|p| p.0));
            let all = across.chain(guides).chain(self.marks.iter().map(|mark| mark.x));
            series::check_positive(all, &self.x_axis.label)?;
        }
        Ok(())
    }

    /// The ends of the horizontal axis: error bars reach a little beyond their dots.
    fn with_margin(&self, (from, to): (f64, f64)) -> (f64, f64) {
        match (self.dots && from < to, self.x_axis.log) {
            (false, _) => (from, to),
            (true, false) => (from - MARGIN * (to - from), to + MARGIN * (to - from)),
            (true, true) => {
                let factor = math::powf(to / from, MARGIN);
                (from / factor, to * factor)
            }
        }
    }

    fn entries(&self) -> Vec<legend::Entry> {
        let mut entries = plot::entries(self.lines.iter(), &self.references);
        entries.extend(legend::guides(&self.guides));
        entries.extend(legend::marks(&self.marks));
        entries.extend(legend::others(self.others.len()));
        entries
    }

    fn scene(&self) -> Result<Scene, ChartError> {
        self.check()?;
        let mut scene = Scene::new(&self.title);
        let top = scene.heading(&self.title, &self.subtitle);
        let marks = series::span(self.references.iter().map(|reference| reference.y));
        let across = series::span_across(self.lines.iter()).map(|span| self.with_margin(span));
        let data = series::span_down(self.lines.iter());
        let empty = data.is_none();
        let up = match (data, marks) {
            (Some(data), Some(marks)) => Some((data.0.min(marks.0), data.1.max(marks.1))),
            (data, marks) => data.or(marks),
        };

        let entries = self.entries();
        let legend_height = entries.len() as f64 * legend::ROW;
        let height = PLOT_HEIGHT.max(legend_height);
        let up = self.y_axis.scale(up, (height / 45.0) as usize, true);
        let mut frame = Frame {
            left: theme::MARGIN + plot::LABEL_ROOM + plot::widest_tick(&up) + 8.0,
            top,
            right: scene.width - theme::MARGIN,
            bottom: top + height,
        };
        if !entries.is_empty() {
            frame.right -= legend::width(&entries) + LEGEND_GAP;
        }
        let across = plot::scale_across(&self.x_axis, across, frame.width());
        let faults =
            fault::stretches(&self.windows, |value| across.part(value), frame.left, frame.right);
        let lanes = fault::lanes(&faults, frame.left, frame.right);
        if !empty {
            frame.top += lanes.height();
            frame.bottom += lanes.height();
        }
        scene.height = frame.bottom + plot::TICK_ROOM + plot::LABEL_ROOM + 10.0;
        legend::beside(&mut scene, &entries, frame.right + LEGEND_GAP, frame.top);
        plot::label_up(&mut scene, &up.title, frame);
        plot::label_across(&mut scene, &across.title, frame);
        if empty {
            plot::draw_empty(&mut scene, frame);
            return Ok(scene);
        }

        let plot = Plot { frame, across: &across, up: &up };
        fault::shade(&mut scene, &faults, frame.top, frame.bottom);
        lanes.draw(&mut scene, frame.right, frame.top);
        plot.draw_grid(&mut scene, true);
        plot.draw_base(&mut scene, true);
        plot.draw_marks(&mut scene, &self.marks);
        plot.draw_references(&mut scene, &self.references);
        plot.draw_others(&mut scene, &self.others);
        if self.dots {
            plot.draw_dots(&mut scene, &self.lines);
        } else {
            plot.draw_lines(&mut scene, &self.lines, theme::LINE_WIDTH);
        }
        plot.draw_guides(&mut scene, &self.guides);
        Ok(scene)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Point;
    use super::*;

    fn line(colour: usize, values: &[(f64, f64)]) -> Line {
        Line {
            name: format!("a-variant-with-a-long-name-{colour:03}"),
            colour,
            points: values
                .iter()
                .map(|(x, y)| Point { x: *x, y: *y, low: y - 1.0, high: y + 1.0 })
                .collect(),
        }
    }

    fn window(label: &str, from: f64, to: f64) -> Window {
        Window { label: label.to_owned(), from, to }
    }

    fn busy() -> LineChart {
        let lines = (0..12)
            .map(|colour| line(colour, &[(0.0, 90.0), (30.0, 99.0 - colour as f64), (72.0, 99.5)]))
            .collect();
        let windows = vec![
            window("groq rate limits", 18.0, 24.0),
            window("together outage", 20.0, 22.0),
            window("fireworks latency ×4", 21.0, 30.0),
            window("price change", 21.5, 23.0),
            window("quota halved for every llama model", 40.0, 72.0),
        ];
        LineChart::availability("mean over 20 seeds", lines, windows, 99.0)
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        assert_eq!(busy().render(), busy().render());
    }

    #[test]
    fn every_text_of_a_busy_chart_is_legible() {
        let mut chart = busy();
        chart.title = "Availability under a storm of rate limits ".repeat(4);
        chart.subtitle = "mean over 20 seeds, band = 95 % interval (t) ".repeat(6);
        chart.scene().unwrap().assert_legible();
    }

    #[test]
    fn unusual_data_is_drawn() {
        let cases: [&[(f64, f64)]; 8] = [
            &[],
            &[(5.0, 3.0)],
            &[(0.0, 0.0), (1.0, 0.0)],
            &[(0.0, 7.0), (1.0, 7.0), (2.0, 7.0)],
            &[(0.0, 0.0), (1e7, 1e7)],
            &[(0.0, 1e-6), (1e-6, 3e-6)],
            &[(1.0, 1.0), (1.0, 2.0)],
            &[(0.0, -1e30), (1.0, 1e30)],
        ];
        for points in cases {
            let mut bare = line(0, points);
            for point in &mut bare.points {
                (point.low, point.high) = (point.y, point.y);
            }
            for lines in [vec![line(6, points), line(1, points)], vec![bare]] {
                for axis in [Axis::tasks(), Axis::hours()] {
                    let regret = Axis::new("Regret", "reward").from_zero();
                    let mut chart = LineChart::new("", "", axis, regret);
                    chart.lines.clone_from(&lines);
                    chart.windows = vec![window("fault", 0.0, 0.5)];
                    let scene = chart.scene().unwrap();
                    scene.assert_legible();
                    assert!(vector_is_finite(&scene), "{points:?}");
                }
            }
        }
    }

    fn vector_is_finite(scene: &Scene) -> bool {
        let text = format!("{:?}", scene.shapes);
        !text.contains("NaN") && !text.contains("inf,") && !text.contains("inf)")
    }

    #[test]
    fn charts_without_points_say_so() {
        let says_so = |chart: &LineChart| {
            let boxes = chart.scene().unwrap().text_boxes();
            boxes.iter().any(|(text, _)| text == "No data")
        };
        let empty = LineChart::learning_curve("", Axis::tasks(), Vec::new());
        assert!(says_so(&empty));
        let named = LineChart::learning_curve("", Axis::tasks(), vec![line(0, &[])]);
        assert!(says_so(&named));
        assert!(!says_so(&busy()));
    }

    #[test]
    fn everything_in_a_chart_is_named_in_its_legend_and_legible() {
        let mut chart = busy();
        chart.x_axis = Axis::tasks().logarithmic();
        for line in &mut chart.lines {
            line.points.retain(|point| point.x > 0.0);
        }
        chart.others = vec![line(40, &[(1.0, 1.0), (70.0, 900.0)]); 13];
        chart
            .guides
            .push(Guide { label: "bound".to_owned(), points: vec![(1.0, 90.0), (70.0, 95.0)] });
        let mark = |x, label: &str| Mark { x, label: label.to_owned() };
        chart.marks = vec![mark(30.0, "change"), mark(60.0, "change"), mark(31.0, "other")];
        for dots in [false, true] {
            chart.dots = dots;
            let scene = chart.scene().unwrap();
            scene.assert_legible();
            assert!(vector_is_finite(&scene));
            for name in ["13 others", "bound", "change", "other"] {
                let named = scene.text_boxes().iter().filter(|(text, _)| text == name).count();
                assert_eq!(named, 1, "{name}");
            }
        }
        // What is beyond the lines does not stretch the axis.
        assert!(!chart.scene().unwrap().text_boxes().iter().any(|(text, _)| text == "900"));
    }

    #[test]
    fn bad_data_is_refused() {
        let mut chart = busy();
        chart.x_axis = Axis::tasks().logarithmic();
        assert!(matches!(chart.render(), Err(ChartError::Number(_))), "0 tasks");
        let chart = LineChart::learning_curve("", Axis::tasks(), vec![line(0, &[(0.0, f64::NAN)])]);
        assert!(matches!(chart.render(), Err(ChartError::Number(_))));
        let mut chart = busy();
        chart.windows.push(window("backwards", 3.0, 2.0));
        assert!(matches!(chart.render(), Err(ChartError::Window(_))));
    }
}
