//! Cost-quality curves: a line for each kind of router, and named dots of what has one setting, and of references.

use super::geometry;
use super::legend::{self, Entry, Sample};
use super::plot::{self, Plot};
use super::scene::{Anchor, Frame, Scene, Spot};
use super::series::{self, Line, Point};
use super::theme::{self, LineStyle};
use super::typeface;
use super::{Axis, ChartError, Rendered};
use crate::analysis::frontier::Point as Corner;
use crate::math;

/// The height of the plot in pixels, unless the legend is higher.
const PLOT_HEIGHT: f64 = 430.0;
/// The space between plot and legend in pixels.
const LEGEND_GAP: f64 = 24.0;
/// The space around a dot that no name may enter, in pixels.
const DOT: f64 = 6.0;
/// The part of the width that is left free beside the outermost dots.
const MARGIN: f64 = 0.04;

/// A dot with a name beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedDot {
    /// The name, written where it has room.
    pub name: String,
    /// The place, with its interval upward.
    pub point: Point,
    /// Whether it is a reference that nothing reaches, drawn as a ring.
    pub is_reference: bool,
}

/// Lines of routers, and dots, over cost.
#[derive(Clone, Debug, PartialEq)]
pub struct FrontierChart {
    /// The title, in two lines at most.
    pub title: String,
    /// A small line below the title.
    pub subtitle: String,
    /// The horizontal axis.
    pub x_axis: Axis,
    /// The vertical axis.
    pub y_axis: Axis,
    /// The curves in the order of the legend.
    pub lines: Vec<Line>,
    /// The dots, the most important first: it is named first.
    pub dots: Vec<NamedDot>,
    /// What the legend calls a dot that is no reference.
    pub dots_name: String,
}

/// Points of a curve between its ends: what is straight in dollars is bent where factors are equally far apart.
const FINE: u32 = 160;

impl FrontierChart {
    /// The points of a hull's curve on an axis of factors: its corners, and points between them.
    #[must_use]
    pub fn curve(hull: &[Corner]) -> Vec<Point> {
        let hull: Vec<Corner> = hull.iter().copied().filter(|c| c.cost_usd > 0.0).collect();
        let (Some(first), Some(last)) = (hull.first(), hull.last()) else { return Vec::new() };
        let factor = last.cost_usd / first.cost_usd;
        let mut points: Vec<Point> =
            hull.iter().map(|corner| Point::exact(corner.cost_usd, corner.quality)).collect();
        for n in 1..FINE {
            let cost = first.cost_usd * math::powf(factor, f64::from(n) / f64::from(FINE));
            if let Some(pair) = hull.windows(2).find(|pair| cost < pair[1].cost_usd)
                && cost > pair[0].cost_usd
            {
                let part = (cost - pair[0].cost_usd) / (pair[1].cost_usd - pair[0].cost_usd);
                let quality = pair[0].quality + part * (pair[1].quality - pair[0].quality);
                points.push(Point::exact(cost, quality));
            }
        }
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        points
    }

    /// Draws the chart; without any dot or point it says "No data".
    ///
    /// # Errors
    ///
    /// Returns an error when a number cannot be drawn or points are not in order.
    pub fn render(&self) -> Result<Rendered, ChartError> {
        self.scene()?.render()
    }

    fn check(&self) -> Result<(), ChartError> {
        series::check(&self.lines, &[], &[])?;
        for dot in &self.dots {
            let point = dot.point;
            for number in [point.x, point.y, point.low, point.high] {
                series::check_number(number, || format!("the dot '{}'", dot.name))?;
            }
        }
        if self.x_axis.log {
            series::check_positive(self.places().map(|point| point.x), &self.x_axis.label)?;
        }
        Ok(())
    }

    fn places(&self) -> impl Iterator<Item = &Point> {
        let of_lines = self.lines.iter().flat_map(|line| &line.points);
        of_lines.chain(self.dots.iter().map(|dot| &dot.point))
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = plot::entries(self.lines.iter(), &[]);
        for (is_reference, name) in [(false, &*self.dots_name), (true, "reference")] {
            if self.dots.iter().any(|dot| dot.is_reference == is_reference) {
                entries.push(Entry { sample: Sample::Dot(style(is_reference)), name: name.into() });
            }
        }
        entries
    }

    fn across(&self) -> Option<(f64, f64)> {
        let (low, high) = series::span(self.places().map(|point| point.x))?;
        if low == high {
            return Some((low, high));
        }
        if self.x_axis.log {
            let factor = math::powf(high / low, MARGIN);
            return Some((low / factor, high * factor));
        }
        let pad = MARGIN * (high - low);
        Some((low - pad, high + pad))
    }

    fn scene(&self) -> Result<Scene, ChartError> {
        self.check()?;
        let mut scene = Scene::new(&self.title);
        let top = scene.heading(&self.title, &self.subtitle);
        let entries = self.entries();
        let height = PLOT_HEIGHT.max(entries.len() as f64 * legend::ROW);
        let up = series::span(self.places().flat_map(|point| [point.y, point.low, point.high]));
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
        let across = plot::scale_across(&self.x_axis, self.across(), frame.width());
        scene.height = frame.bottom + plot::TICK_ROOM + plot::LABEL_ROOM + 10.0;
        legend::beside(&mut scene, &entries, frame.right + LEGEND_GAP, frame.top);
        plot::label_up(&mut scene, &up.title, frame);
        plot::label_across(&mut scene, &across.title, frame);
        if entries.is_empty() {
            plot::draw_empty(&mut scene, frame);
            return Ok(scene);
        }
        let plot = Plot { frame, across: &across, up: &up };
        plot.draw_grid(&mut scene, true);
        plot.draw_base(&mut scene, true);
        for line in &self.lines {
            for part in geometry::clip_line(&spots(&plot, line), frame) {
                scene.styled(&part, theme::LINE_WIDTH, theme::variant(line.colour));
            }
        }
        for dot in self.dots.iter().rev() {
            plot.draw_dot(&mut scene, style(dot.is_reference), dot.point);
        }
        for (name, spot, anchor) in self.names(&plot) {
            scene.text(spot, &name, theme::SMALL_SIZE, theme::SOFT_INK, anchor);
        }
        Ok(scene)
    }

    /// The names that have room beside their dots, with their places: they cover no dot, no interval and no other name,
    /// and no line where it can be helped.
    fn names(&self, plot: &Plot<'_>) -> Vec<(String, Spot, Anchor)> {
        let around = |(x, y): Spot, across: f64, up: f64| Frame {
            left: x - across,
            top: y - up,
            right: x + across,
            bottom: y + up,
        };
        let mut taken: Vec<Frame> = Vec::new();
        for dot in &self.dots {
            let point = dot.point;
            taken.push(around(plot.spot(point.x, point.y), DOT, DOT));
            let (low, high) = (plot.spot(point.x, point.low), plot.spot(point.x, point.high));
            taken.push(Frame { left: low.0 - 2.0, top: high.1, right: low.0 + 2.0, bottom: low.1 });
        }
        let lines: Vec<Frame> = self
            .lines
            .iter()
            .flat_map(|line| spots(plot, line))
            .map(|spot| around(spot, 1.5, 1.5))
            .collect();
        let mut names = Vec::new();
        for dot in &self.dots {
            let name = typeface::one_line(&dot.name);
            let width = typeface::width(&name, theme::SMALL_SIZE) * typeface::SLACK;
            let (x, y) = plot.spot(dot.point.x, dot.point.y);
            let downs = [4.0, -7.0, 15.0, -20.0, 28.0, -32.0, 40.0];
            let beside = downs.iter().flat_map(|down| [(1.0, *down), (-1.0, *down)]);
            let tries = beside.map(|(side, down): (f64, f64)| {
                let spot = (x + side * (DOT + 3.0), y + down);
                let (anchor, left) = if side > 0.0 {
                    (Anchor::Start, spot.0)
                } else {
                    (Anchor::End, spot.0 - width)
                };
                let own =
                    Frame { left, top: spot.1 - 10.0, right: left + width, bottom: spot.1 + 3.0 };
                (spot, anchor, own)
            });
            let tries: Vec<(Spot, Anchor, Frame)> = tries.collect();
            let frame = plot.frame;
            let is_free = |own: &Frame, others: &[&[Frame]]| {
                own.left >= frame.left
                    && own.right <= frame.right
                    && own.top >= frame.top
                    && own.bottom <= frame.bottom
                    && others.iter().all(|some| some.iter().all(|other| are_apart(own, other)))
            };
            let place = tries
                .iter()
                .find(|(_, _, own)| is_free(own, &[&taken, &lines]))
                .or_else(|| tries.iter().find(|(_, _, own)| is_free(own, &[&taken])));
            if let Some((spot, anchor, own)) = place {
                taken.push(*own);
                names.push((name, *spot, *anchor));
            }
        }
        names
    }
}

fn spots(plot: &Plot<'_>, line: &Line) -> Vec<Spot> {
    line.points.iter().map(|point| plot.spot(point.x, point.y)).collect()
}

/// Dots in grey, filled or as rings.
fn style(is_reference: bool) -> LineStyle {
    let hole = if is_reference { 3.2 } else { 0.0 };
    LineStyle { colour: theme::SOFT_INK, edge: None, dash: &[], hole }
}

fn are_apart(one: &Frame, other: &Frame) -> bool {
    one.right <= other.left
        || other.right <= one.left
        || one.bottom <= other.top
        || other.bottom <= one.top
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(places: &[(f64, f64)]) -> FrontierChart {
        let dots = places.iter().enumerate().map(|(n, (x, y))| NamedDot {
            name: format!("model {n}"),
            point: Point { x: *x, y: *y, low: y - 0.01, high: y + 0.01 },
            is_reference: n == 2,
        });
        let points = places.iter().map(|(x, y)| Point::exact(*x, *y)).collect();
        FrontierChart {
            title: "Quality against cost".to_owned(),
            subtitle: "5,000 prompts".to_owned(),
            x_axis: Axis::new("Cost of a prompt", "USD").logarithmic(),
            y_axis: Axis::new("Quality", ""),
            lines: vec![Line { name: "router".to_owned(), colour: 0, points }],
            dots: dots.collect(),
            dots_name: "single model".to_owned(),
        }
    }

    #[test]
    fn dots_that_are_apart_are_named_and_of_a_crowd_those_that_have_room() {
        let named = |chart: &FrontierChart| {
            let scene = chart.scene().unwrap();
            scene.assert_legible();
            scene.text_boxes().iter().filter(|(text, _)| text.starts_with("model")).count()
        };
        assert_eq!(named(&chart(&[(1e-5, 0.2), (1e-4, 0.6), (1e-3, 0.9)])), 3);
        // Two far away leave the crowd little room across, and its intervals are short.
        let crowd = (0..40).map(|n| (1e-4 + 1e-7 * f64::from(n), 0.5));
        let crowd = std::iter::once((1e-5, 0.1)).chain(crowd).chain([(1e-3, 0.9)]);
        let crowd: Vec<(f64, f64)> = crowd.collect();
        assert!((3..42).contains(&named(&chart(&crowd))));
    }

    #[test]
    fn unusual_data_is_drawn_and_bad_data_refused() {
        for places in [&[][..], &[(1e-4, 0.5)]] {
            let mut chart = chart(places);
            if places.is_empty() {
                chart.lines.clear();
            }
            chart.scene().unwrap().assert_legible();
            assert_eq!(chart.render(), chart.clone().render());
        }
        for bad in [(f64::NAN, 0.5), (0.0, 0.5)] {
            assert!(matches!(chart(&[bad]).render(), Err(ChartError::Number(_))));
        }
    }
}
