//! A rectangular plot: grid, ticks, reference lines, bands and lines.

use super::axis::Scale;
use super::geometry;
use super::legend::{Entry, Sample};
use super::scene::{Anchor, Frame, Scene, Spot};
use super::series::{self, Guide, Line, Mark, Point, Reference};
use super::theme::{self, LineStyle};
use super::typeface;

/// The room that the tick labels below a plot take, in pixels.
pub(crate) const TICK_ROOM: f64 = 22.0;
/// The room that an axis label takes, in pixels.
pub(crate) const LABEL_ROOM: f64 = 22.0;
/// The smallest space between two tick labels in pixels.
const TICK_GAP: f64 = 16.0;

/// A plot with its place and its two scales.
pub(crate) struct Plot<'a> {
    pub(crate) frame: Frame,
    pub(crate) across: &'a Scale,
    pub(crate) up: &'a Scale,
}

impl Plot<'_> {
    pub(crate) fn spot(&self, x: f64, y: f64) -> Spot {
        (self.x(x), self.y(y))
    }

    fn x(&self, value: f64) -> f64 {
        self.frame.left + self.across.part(value) * self.frame.width()
    }

    fn y(&self, value: f64) -> f64 {
        self.frame.bottom - self.up.part(value) * self.frame.height()
    }

    /// Draws ticks and labels of the vertical axis without a grid, which areas would cover.
    pub(crate) fn draw_scale_up(&self, scene: &mut Scene) {
        for (value, label) in &self.up.ticks {
            let y = self.y(*value).round();
            scene.rule((self.frame.left - 5.0, y), (self.frame.left, y), theme::AXIS);
            let spot = (self.frame.left - 8.0, y + 4.0);
            scene.text(spot, label, theme::SMALL_SIZE, theme::SOFT_INK, Anchor::End);
        }
    }

    /// Draws the grid lines across and the labels of the vertical axis, if wanted.
    pub(crate) fn draw_grid(&self, scene: &mut Scene, labels: bool) {
        for (value, label) in &self.up.ticks {
            let y = self.y(*value).round();
            scene.rule((self.frame.left, y), (self.frame.right, y), theme::GRID);
            if labels {
                let spot = (self.frame.left - 8.0, y + 4.0);
                let size = theme::SMALL_SIZE;
                scene.text(spot, label, size, theme::SOFT_INK, Anchor::End);
            }
        }
    }

    /// Draws the horizontal axis with its ticks, and their labels if wanted.
    pub(crate) fn draw_base(&self, scene: &mut Scene, labels: bool) {
        let bottom = self.frame.bottom;
        scene.rule((self.frame.left, bottom), (self.frame.right, bottom), theme::AXIS);
        for (value, label) in &self.across.ticks {
            let x = self.x(*value).round();
            scene.rule((x, bottom), (x, bottom + 5.0), theme::AXIS);
            if labels {
                let spot = (x, bottom + 18.0);
                let size = theme::SMALL_SIZE;
                scene.text(spot, label, size, theme::SOFT_INK, Anchor::Middle);
            }
        }
    }

    /// Draws dashed lines straight across.
    pub(crate) fn draw_references(&self, scene: &mut Scene, references: &[Reference]) {
        for reference in references {
            let y = self.y(reference.y);
            let line = [(self.frame.left, y), (self.frame.right, y)];
            for part in geometry::clip_line(&line, self.frame) {
                scene.stroke(&part, theme::GUIDE_WIDTH, theme::REFERENCE, theme::REFERENCE_DASH);
            }
        }
    }

    /// Draws dashed curves.
    pub(crate) fn draw_guides(&self, scene: &mut Scene, guides: &[Guide]) {
        for guide in guides {
            let spots: Vec<Spot> = guide.points.iter().map(|(x, y)| self.spot(*x, *y)).collect();
            for part in geometry::clip_line(&geometry::thin_line(&spots), self.frame) {
                scene.stroke(&part, theme::GUIDE_WIDTH, theme::REFERENCE, theme::REFERENCE_DASH);
            }
        }
    }

    /// Draws thin lines straight down.
    pub(crate) fn draw_marks(&self, scene: &mut Scene, marks: &[Mark]) {
        let labels = series::labels(marks);
        for mark in marks {
            let nth = labels.iter().position(|label| *label == mark.label).unwrap_or_default();
            let x = self.x(mark.x);
            if (self.frame.left..=self.frame.right).contains(&x) {
                let line = [(x, self.frame.top), (x, self.frame.bottom)];
                scene.stroke(&line, 1.0, theme::MARK, theme::mark(nth));
            }
        }
    }

    /// Draws lines that only show where others lie.
    pub(crate) fn draw_others(&self, scene: &mut Scene, lines: &[Line]) {
        for line in lines {
            let spots: Vec<Spot> =
                line.points.iter().map(|point| self.spot(point.x, point.y)).collect();
            for part in geometry::clip_line(&geometry::thin_line(&spots), self.frame) {
                scene.stroke(&part, theme::OTHER_WIDTH, theme::OTHER, &[]);
            }
        }
    }

    /// Draws lines through dots with error bars.
    pub(crate) fn draw_dots(&self, scene: &mut Scene, lines: &[Line]) {
        for line in lines {
            let spots: Vec<Spot> =
                line.points.iter().map(|point| self.spot(point.x, point.y)).collect();
            for part in geometry::clip_line(&spots, self.frame) {
                scene.styled(&part, 1.2, theme::variant(line.colour));
            }
            for point in &line.points {
                self.draw_dot(scene, theme::variant(line.colour), *point);
            }
        }
    }

    /// Draws all bands and then all lines, so that no band veils a line.
    pub(crate) fn draw_lines(&self, scene: &mut Scene, lines: &[Line], width: f64) {
        // Many bands upon each other would turn grey.
        let alpha = match lines.len() {
            0..=6 => 0.16,
            7..=9 => 0.10,
            _ => 0.07,
        };
        for line in lines {
            self.draw_band(scene, line, alpha);
        }
        for line in lines {
            let style = theme::variant(line.colour);
            match line.points.as_slice() {
                [] => {}
                [point] => self.draw_dot(scene, style, *point),
                points => {
                    let spots: Vec<Spot> =
                        points.iter().map(|point| self.spot(point.x, point.y)).collect();
                    for part in geometry::clip_line(&geometry::thin_line(&spots), self.frame) {
                        scene.styled(&part, width, style);
                    }
                }
            }
        }
    }

    fn draw_band(&self, scene: &mut Scene, line: &Line, alpha: f64) {
        if line.points.len() < 2 || line.points.iter().all(|point| point.low >= point.high) {
            return;
        }
        let edges: Vec<(f64, f64, f64)> = line
            .points
            .iter()
            .map(|point| (self.x(point.x), self.y(point.high), self.y(point.low)))
            .collect();
        let edges = geometry::clip_band(&geometry::thin_band(&edges), self.frame);
        if edges.len() > 1 {
            scene.shapes.push(super::scene::Shape::Band {
                edges,
                colour: theme::variant(line.colour).colour,
                alpha,
            });
        }
    }

    /// Draws a point as a dot with an error bar.
    pub(crate) fn draw_dot(&self, scene: &mut Scene, style: LineStyle, point: Point) {
        let (x, y) = self.spot(point.x, point.y);
        if point.low < point.high {
            let (top, bottom) = (self.y(point.high), self.y(point.low));
            for bar in [
                [(x, top), (x, bottom)],
                [(x - 5.0, top), (x + 5.0, top)],
                [(x - 5.0, bottom), (x + 5.0, bottom)],
            ] {
                for part in geometry::clip_line(&bar, self.frame) {
                    scene.stroke(&part, 1.4, style.colour, &[]);
                }
            }
        }
        let inside = (self.frame.left..=self.frame.right).contains(&x)
            && (self.frame.top..=self.frame.bottom).contains(&y);
        if inside {
            scene.dot((x, y), style);
        }
    }
}

/// Returns the entries of a legend for lines and reference lines.
pub(crate) fn entries<'a>(
    lines: impl Iterator<Item = &'a Line>,
    references: &[Reference],
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in lines {
        let entry =
            Entry { sample: Sample::Line(theme::variant(line.colour)), name: line.name.clone() };
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries.extend(
        references
            .iter()
            .map(|reference| Entry { sample: Sample::Reference, name: reference.label.clone() }),
    );
    entries
}

/// Returns the horizontal scale with as many ticks as have room in `width` pixels.
pub(crate) fn scale_across(axis: &super::Axis, span: Option<(f64, f64)>, width: f64) -> Scale {
    if let Some((low, high)) = span
        && low == high
    {
        return axis.scale_around(low);
    }
    let mut count = (width / 70.0).floor().max(2.0) as usize;
    loop {
        let scale = axis.scale(span, count, false);
        let spots: Vec<(f64, f64)> = scale
            .ticks
            .iter()
            .map(|(value, label)| {
                let half = typeface::width(label, theme::SMALL_SIZE) / 2.0;
                (scale.part(*value) * width, half)
            })
            .collect();
        let fits =
            spots.windows(2).all(|pair| pair[0].0 + pair[0].1 + TICK_GAP <= pair[1].0 - pair[1].1);
        if fits || count == 1 {
            return scale;
        }
        count -= 1;
    }
}

/// Returns the width of the widest tick label in pixels.
pub(crate) fn widest_tick(scale: &Scale) -> f64 {
    scale.ticks.iter().map(|tick| typeface::width(&tick.1, theme::SMALL_SIZE)).fold(0.0, f64::max)
}

/// Writes the label of the vertical axis, centred beside the frame.
pub(crate) fn label_up(scene: &mut Scene, title: &str, frame: Frame) {
    let text = typeface::shorten(title, theme::TEXT_SIZE, frame.height());
    let middle = f64::midpoint(frame.top, frame.bottom);
    let spot = (theme::MARGIN + 10.0, middle);
    scene.upright_text(spot, &text, theme::TEXT_SIZE, theme::SOFT_INK);
}

/// Writes the label of the horizontal axis, centred below the tick labels.
pub(crate) fn label_across(scene: &mut Scene, title: &str, frame: Frame) {
    let text = typeface::shorten(title, theme::TEXT_SIZE, frame.width());
    let middle = f64::midpoint(frame.left, frame.right);
    let spot = (middle, frame.bottom + TICK_ROOM + LABEL_ROOM - 6.0);
    scene.text(spot, &text, theme::TEXT_SIZE, theme::SOFT_INK, Anchor::Middle);
}

/// Draws an empty plot that says so.
pub(crate) fn draw_empty(scene: &mut Scene, frame: Frame) {
    scene.rect(frame, theme::TRACK, 1.0);
    let spot =
        (f64::midpoint(frame.left, frame.right), f64::midpoint(frame.top, frame.bottom) + 5.0);
    scene.text(spot, "No data", 15.0, theme::SOFT_INK, Anchor::Middle);
}

#[cfg(test)]
mod tests {
    use super::super::Axis;
    use super::*;

    #[test]
    fn tick_labels_across_are_apart() {
        let spans = [(0.0, 72.0), (0.0, 1e7), (1e7, 1e7 + 1.0), (0.0, 3e-6), (5.0, 5.0)];
        for (low, high) in spans {
            for width in [150.0, 400.0, 800.0] {
                let scale = scale_across(&Axis::new("x", ""), Some((low, high)), width);
                let mut end = f64::NEG_INFINITY;
                for (value, label) in &scale.ticks {
                    let half = typeface::width(label, theme::SMALL_SIZE) / 2.0;
                    let middle = scale.part(*value) * width;
                    assert!(middle - half > end, "{low} to {high} in {width}: {label}");
                    end = middle + half;
                }
            }
        }
    }

    #[test]
    fn a_variant_in_many_panels_is_named_once() {
        let line = Line { name: "ucb1".to_owned(), colour: 3, points: Vec::new() };
        let twice = [line.clone(), line];
        assert_eq!(entries(twice.iter(), &[]).len(), 1);
    }
}
