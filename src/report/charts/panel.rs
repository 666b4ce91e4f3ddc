//! Small multiples: one panel per model, all with the same axes.

use super::axis::Scale;
use super::fault;
use super::legend::{self, Entry, Sample};
use super::number::short_number;
use super::plot::{self, Plot};
use super::scene::{Anchor, Frame, Scene};
use super::series::{self, Line, Reference, Window};
use super::theme;
use super::typeface;
use super::{Axis, ChartError, Rendered};

/// The height of the plot of one panel in pixels.
const PLOT_HEIGHT: f64 = 92.0;
/// The height of a plot in pixels when all panels stand in one row.
const LONE_PLOT_HEIGHT: f64 = 210.0;
/// The height of the name above a panel in pixels.
const NAME_ROOM: f64 = 18.0;
/// The height of the numbers of fault windows above a panel in pixels.
const NUMBER_ROOM: f64 = 13.0;
/// The space between panels beside each other in pixels.
const GUTTER: f64 = 28.0;
/// The space between panels below each other in pixels.
const ROW_GAP: f64 = 16.0;
/// The width of a data line in a panel in pixels.
const LINE_WIDTH: f64 = 1.6;
/// With more panels than this there are three columns instead of two.
const MOST_IN_TWO_COLUMNS: usize = 10;

/// The plot of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The name of the model.
    pub model: String,
    /// The lines, one per variant.
    pub lines: Vec<Line>,
    /// The fault windows that hit the model; they are numbered and named in the legend.
    pub windows: Vec<Window>,
}

/// Panels with shared axes and one legend.
#[derive(Clone, Debug, PartialEq)]
pub struct SmallMultiples {
    /// The title, in two lines at most.
    pub title: String,
    /// A small line below the title.
    pub subtitle: String,
    /// The horizontal axis of every panel.
    pub x_axis: Axis,
    /// The vertical axis of every panel.
    pub y_axis: Axis,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
    /// The reference lines in every panel.
    pub references: Vec<Reference>,
}

impl SmallMultiples {
    /// Makes an empty chart; its fields take the data.
    #[must_use]
    pub fn new(title: &str, subtitle: &str, x_axis: Axis, y_axis: Axis) -> Self {
        Self {
            title: title.to_owned(),
            subtitle: subtitle.to_owned(),
            x_axis,
            y_axis,
            panels: Vec::new(),
            references: Vec::new(),
        }
    }

    /// Makes a chart of tokens used as a share of the quota in percent, over simulated hours.
    ///
    /// A dashed line marks the quota, which is 100 %; lines may go beyond it.
    #[must_use]
    pub fn quota_use(subtitle: &str, panels: Vec<Panel>) -> Self {
        let mut share = Axis::new("Tokens used, share of quota", "%").from_zero();
        share.least = Some(0.0);
        let mut chart = Self::new("Token use against quota", subtitle, Axis::hours(), share);
        chart.panels = panels;
        chart.references.push(Reference { y: 100.0, label: "quota (100 %)".to_owned() });
        chart
    }

    /// Draws the chart; a panel without any point says "No data".
    ///
    /// # Errors
    ///
    /// Returns an error when a number cannot be drawn, when points are not in order, or when
    /// an interval or a fault window is upside down.
    pub fn render(&self) -> Result<Rendered, ChartError> {
        self.scene()?.render()
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.panels.iter().flat_map(|panel| &panel.lines)
    }

    fn scene(&self) -> Result<Scene, ChartError> {
        series::check(&[], &[], &self.references)?;
        for panel in &self.panels {
            series::check(&panel.lines, &panel.windows, &[])?;
        }
        let mut scene = Scene::new(&self.title);
        let top = scene.heading(&self.title, &self.subtitle);
        let right = scene.width - theme::MARGIN;
        let marks = self.references.iter().map(|reference| reference.y);
        let data = series::span_down(self.lines());
        let all = series::span(marks.chain(data.into_iter().flat_map(|(low, high)| [low, high])));
        // A line at the top edge would look like the border of the panel.
        let up = self.y_axis.scale(all.map(|(low, high)| (low, high * 1.02)), 3, true);
        let left = theme::MARGIN + plot::LABEL_ROOM + plot::widest_tick(&up) + 8.0;
        let grid = Grid::new(self, left, right, top);
        let across = series::span_across(self.lines());
        let across = plot::scale_across(&self.x_axis, across, grid.width);

        let names = self.fault_names();
        for (index, panel) in self.panels.iter().enumerate() {
            let frame = grid.frame(index);
            let sides = Sides {
                left: index % grid.columns == 0,
                below: index + grid.columns >= self.panels.len(),
            };
            let plot = Plot { frame, across: &across, up: &up };
            self.draw_panel(&mut scene, panel, &plot, sides, &names);
        }
        let around = grid.around();
        if self.panels.is_empty() {
            plot::draw_empty(&mut scene, around);
        }
        plot::label_up(&mut scene, &up.title, around);
        plot::label_across(&mut scene, &across.title, around);

        let mut entries = plot::entries(self.lines(), &self.references);
        entries.extend(names.iter().enumerate().map(|(index, name)| Entry {
            sample: Sample::Number(index + 1),
            name: format!("{name}{}", self.fault_times(name)),
        }));
        let below = around.bottom + plot::TICK_ROOM + plot::LABEL_ROOM + 12.0;
        let height = legend::below(&mut scene, &entries, left, below, right - left);
        scene.height = below + height + 14.0;
        Ok(scene)
    }

    /// Returns the labels of all fault windows, each once, in the order of the panels.
    fn fault_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for window in self.panels.iter().flat_map(|panel| &panel.windows) {
            let name = typeface::one_line(&window.label);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Returns when a fault is active, such as ", 18–24 h", if it is the same in all panels.
    fn fault_times(&self, name: &str) -> String {
        let mut times = self
            .panels
            .iter()
            .flat_map(|panel| &panel.windows)
            .filter(|window| typeface::one_line(&window.label) == name)
            .map(|window| (window.from, window.to));
        match times.next() {
            Some((from, to)) if times.all(|other| other == (from, to)) => {
                let (from, to) = (short_number(from), short_number(to));
                format!(", {from}–{to} {}", self.x_axis.unit)
            }
            _ => String::new(),
        }
    }

    fn draw_panel(
        &self,
        scene: &mut Scene,
        panel: &Panel,
        plot: &Plot<'_>,
        sides: Sides,
        names: &[String],
    ) {
        let frame = plot.frame;
        let name = typeface::shorten(&panel.model, theme::TEXT_SIZE, frame.width());
        let numbered = if names.is_empty() { 0.0 } else { NUMBER_ROOM };
        let spot = (frame.left, frame.top - numbered - 6.0);
        scene.text(spot, &name, theme::TEXT_SIZE, theme::INK, Anchor::Start);
        if panel.lines.iter().all(|line| line.points.is_empty()) {
            plot::draw_empty(scene, frame);
            return;
        }
        let scale: &Scale = plot.across;
        let faults =
            fault::stretches(&panel.windows, |value| scale.part(value), frame.left, frame.right);
        fault::shade(scene, &faults, frame.top, frame.bottom);
        fault::draw_numbers(scene, &faults, names, frame);
        plot.draw_grid(scene, sides.left);
        plot.draw_base(scene, sides.below);
        plot.draw_references(scene, &self.references);
        plot.draw_lines(scene, &panel.lines, LINE_WIDTH);
    }
}

/// On which sides a panel has tick labels.
#[derive(Clone, Copy)]
struct Sides {
    left: bool,
    below: bool,
}

/// Where the panels stand.
struct Grid {
    left: f64,
    right: f64,
    top: f64,
    columns: usize,
    rows: usize,
    /// The width of one panel in pixels.
    width: f64,
    /// The height of the plot of one panel in pixels.
    height: f64,
    /// The height of what stands above the plot of a panel, in pixels.
    head: f64,
}

impl Grid {
    fn new(chart: &SmallMultiples, left: f64, right: f64, top: f64) -> Self {
        let columns = match chart.panels.len() {
            0 | 1 => 1,
            2..=MOST_IN_TWO_COLUMNS => 2,
            _ => 3,
        };
        let numbered = chart.panels.iter().any(|panel| !panel.windows.is_empty());
        let rows = chart.panels.len().div_ceil(columns).max(1);
        let gaps = (columns - 1) as f64 * GUTTER;
        Self {
            left,
            right,
            top,
            columns,
            rows,
            height: if rows == 1 { LONE_PLOT_HEIGHT } else { PLOT_HEIGHT },
            width: (right - left - gaps) / columns as f64,
            head: NAME_ROOM + if numbered { NUMBER_ROOM } else { 0.0 },
        }
    }

    fn frame(&self, index: usize) -> Frame {
        let (row, column) = (index / self.columns, index % self.columns);
        let left = self.left + column as f64 * (self.width + GUTTER);
        let pitch = self.head + self.height + ROW_GAP;
        let top = self.top + self.head + row as f64 * pitch;
        Frame {
            left: left.round(),
            top: top.round(),
            right: (left + self.width).round(),
            bottom: (top + self.height).round(),
        }
    }

    /// Returns the frame around the plots of all panels.
    fn around(&self) -> Frame {
        let first = self.frame(0);
        let last = self.frame((self.rows - 1) * self.columns);
        Frame { left: first.left, top: first.top, right: self.right, bottom: last.bottom }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Point;
    use super::*;

    fn panels(count: usize, variants: usize) -> Vec<Panel> {
        (0..count)
            .map(|model| Panel {
                model: format!("a-provider/a-model-with-a-long-name-{model}b-versatile"),
                lines: (0..variants)
                    .map(|variant| Line {
                        name: format!("a-variant-with-a-long-name-{variant:03}"),
                        colour: variant,
                        points: vec![
                            Point::exact(0.0, 0.0),
                            Point::exact(72.0, 130.0 - model as f64),
                        ],
                    })
                    .collect(),
                windows: (0..5)
                    .map(|fault| Window {
                        label: format!("fault {fault}"),
                        from: 20.0 + f64::from(fault),
                        to: 24.0,
                    })
                    .collect(),
            })
            .collect()
    }

    #[test]
    fn every_text_is_legible_for_any_number_of_panels() {
        for count in 0..=16 {
            let chart = SmallMultiples::quota_use("mean over 20 seeds", panels(count, 12));
            chart.scene().unwrap().assert_legible();
        }
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        let chart = SmallMultiples::quota_use("", panels(3, 9));
        assert_eq!(chart.render(), chart.clone().render());
    }

    #[test]
    fn faults_are_named_once_with_their_time() {
        let mut panels = panels(2, 1);
        panels[1].windows[4].to = 30.0;
        let texts: Vec<String> = SmallMultiples::quota_use("", panels)
            .scene()
            .unwrap()
            .text_boxes()
            .into_iter()
            .map(|(text, _)| text)
            .filter(|text| text.starts_with("fault"))
            .collect();
        assert_eq!(
            texts,
            [
                "fault 0, 20–24 h",
                "fault 1, 21–24 h",
                "fault 2, 22–24 h",
                "fault 3, 23–24 h",
                "fault 4",
            ]
        );
    }

    #[test]
    fn panels_without_points_say_so() {
        let mut panels = panels(4, 1);
        panels[2].lines.clear();
        panels[3].lines[0].points.clear();
        let scene = SmallMultiples::quota_use("", panels).scene().unwrap();
        let empty = |(text, _): &(String, Frame)| text == "No data";
        assert_eq!(scene.text_boxes().iter().filter(|text| empty(text)).count(), 2);
    }

    #[test]
    fn zero_use_is_drawn() {
        let mut panels = panels(2, 2);
        for line in panels.iter_mut().flat_map(|panel| &mut panel.lines) {
            for point in &mut line.points {
                *point = Point::exact(point.x, 0.0);
            }
        }
        let scene = SmallMultiples::quota_use("", panels).scene().unwrap();
        scene.assert_legible();
    }
}
