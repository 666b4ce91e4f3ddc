//! Two measures against each other: one dot per variant, with an interval either way.

use super::legend::{self, Entry, Sample};
use super::plot::{self, Plot};
use super::scene::{Anchor, Frame, Scene, Spot};
use super::series::{self, Point};
use super::theme;
use super::typeface;
use super::{Axis, ChartError, Rendered};

/// The height of the plot in pixels, unless the legend is higher.
const PLOT_HEIGHT: f64 = 380.0;
/// The space between plot and legend in pixels.
const LEGEND_GAP: f64 = 24.0;
/// The space around a dot that no name may enter, in pixels.
const DOT: f64 = 6.0;

/// The dot of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// The name of the variant.
    pub name: String,
    /// The index of the variant, which decides its colour in every chart.
    pub colour: usize,
    /// The place with the interval upward.
    pub point: Point,
    /// Both ends of the interval across, in the unit of the horizontal axis.
    pub across: (f64, f64),
}

/// Dots with intervals either way; each name stands beside its dot, or all in a legend where they would cover each other.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterChart {
    /// The title, in two lines at most.
    pub title: String,
    /// A small line below the title.
    pub subtitle: String,
    /// The horizontal axis.
    pub x_axis: Axis,
    /// The vertical axis.
    pub y_axis: Axis,
    /// The dots; later dots cover earlier ones.
    pub dots: Vec<Dot>,
}

impl ScatterChart {
    /// Draws the chart; without dots it says "No data".
    ///
    /// # Errors
    ///
    /// Returns an error when a number cannot be drawn.
    pub fn render(&self) -> Result<Rendered, ChartError> {
        self.scene()?.render()
    }

    fn check(&self) -> Result<(), ChartError> {
        for dot in &self.dots {
            let point = dot.point;
            for number in [point.x, point.y, point.low, point.high, dot.across.0, dot.across.1] {
                series::check_number(number, || format!("the dot '{}'", dot.name))?;
            }
        }
        Ok(())
    }

    fn scene(&self) -> Result<Scene, ChartError> {
        self.check()?;
        let beside = self.scene_with(false);
        match beside {
            Some(scene) => Ok(scene),
            None => Ok(self.scene_with(true).expect("names in a legend have room")),
        }
    }

    /// Draws the chart with a legend, or with names beside the dots if they have room.
    fn scene_with(&self, has_legend: bool) -> Option<Scene> {
        let mut scene = Scene::new(&self.title);
        let top = scene.heading(&self.title, &self.subtitle);
        let mut entries: Vec<Entry> = Vec::new();
        if has_legend {
            entries.extend(self.dots.iter().map(|dot| Entry {
                sample: Sample::Dot(theme::variant(dot.colour)),
                name: dot.name.clone(),
            }));
        }
        let height = PLOT_HEIGHT.max(entries.len() as f64 * legend::ROW);
        let points = || self.dots.iter().map(|dot| dot.point);
        let up = series::span(points().flat_map(|point| [point.y, point.low, point.high]));
        let across = series::span(
            self.dots.iter().flat_map(|dot| [dot.point.x, dot.across.0, dot.across.1]),
        );
        let up = self.y_axis.scale(up, (height / 45.0) as usize, true);
        let mut frame = Frame {
            left: theme::MARGIN + plot::LABEL_ROOM + plot::widest_tick(&up) + 8.0,
            top,
            right: scene.width - theme::MARGIN - 12.0,
            bottom: top + height,
        };
        if has_legend {
            frame.right -= legend::width(&entries) + LEGEND_GAP;
        }
        let across = self.x_axis.scale(across, (frame.width() / 110.0) as usize, true);
        scene.height = frame.bottom + plot::TICK_ROOM + plot::LABEL_ROOM + 10.0;
        legend::beside(&mut scene, &entries, frame.right + LEGEND_GAP, frame.top);
        plot::label_up(&mut scene, &up.title, frame);
        plot::label_across(&mut scene, &across.title, frame);
        if self.dots.is_empty() {
            plot::draw_empty(&mut scene, frame);
            return Some(scene);
        }
        let plot = Plot { frame, across: &across, up: &up };
        plot.draw_grid(&mut scene, true);
        plot.draw_base(&mut scene, true);
        for dot in &self.dots {
            let style = theme::variant(dot.colour);
            let ends = [dot.across.0, dot.across.1].map(|x| plot.spot(x, dot.point.y));
            if ends[0].0 < ends[1].0 {
                scene.stroke(&ends, 1.4, style.colour, &[]);
                for (x, y) in ends {
                    scene.stroke(&[(x, y - 5.0), (x, y + 5.0)], 1.4, style.colour, &[]);
                }
            }
            plot.draw_dot(&mut scene, style, dot.point);
        }
        if !has_legend {
            for (dot, name) in self.dots.iter().zip(self.place_names(&plot)?) {
                scene.text(name.0, &dot.name, theme::TEXT_SIZE, theme::INK, name.1);
            }
        }
        Some(scene)
    }

    /// Returns the place of every name: beside its dot, where it covers no dot, no error bar and no other name.
    fn place_names(&self, plot: &Plot<'_>) -> Option<Vec<(Spot, Anchor)>> {
        let boxed = |(x, y): Spot, (right, down): Spot| Frame {
            left: x.min(right),
            top: y.min(down),
            right: x.max(right),
            bottom: y.max(down),
        };
        let mut taken: Vec<Frame> = Vec::new();
        for dot in &self.dots {
            let (x, y) = plot.spot(dot.point.x, dot.point.y);
            taken.push(boxed((x - DOT, y - DOT), (x + DOT, y + DOT)));
            let (low, high) =
                (plot.spot(dot.across.0, dot.point.y), plot.spot(dot.across.1, dot.point.y));
            taken.push(boxed((low.0, y - 2.0), (high.0, y + 2.0)));
            let (low, high) =
                (plot.spot(dot.point.x, dot.point.low), plot.spot(dot.point.x, dot.point.high));
            taken.push(boxed((x - 2.0, low.1), (x + 2.0, high.1)));
        }
        let mut places = Vec::new();
        for dot in &self.dots {
            let name = typeface::one_line(&dot.name);
            let width = typeface::width(&name, theme::TEXT_SIZE) * typeface::SLACK;
            let (x, y) = plot.spot(dot.point.x, dot.point.y);
            let tries =
                [(1.0, -6.0), (1.0, 15.0), (-1.0, -6.0), (-1.0, 15.0)].map(|(side, down)| {
                    let spot = (x + side * (DOT + 2.0), y + down);
                    let anchor = if side > 0.0 { Anchor::Start } else { Anchor::End };
                    let end = (spot.0 + side * width, spot.1 + 3.0);
                    (spot, anchor, boxed((spot.0, spot.1 - 10.0), end))
                });
            let frame = plot.frame;
            let is_free = |own: &Frame| {
                let is_inside = own.left >= frame.left
                    && own.right <= frame.right
                    && own.top >= frame.top
                    && own.bottom <= frame.bottom;
                is_inside && taken.iter().all(|other| are_apart(own, other))
            };
            let (spot, anchor, own) = tries.into_iter().find(|(_, _, own)| is_free(own))?;
            taken.push(own);
            places.push((spot, anchor));
        }
        Some(places)
    }
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

    fn chart(places: &[(f64, f64)]) -> ScatterChart {
        let dots = places.iter().enumerate().map(|(colour, (x, y))| Dot {
            name: format!("variant {colour}"),
            colour,
            point: Point { x: *x, y: *y, low: y - 1.0, high: y + 1.0 },
            across: (x - 0.1, x + 0.1),
        });
        ScatterChart {
            title: "Quality against cost".to_owned(),
            subtitle: "20 seeds".to_owned(),
            x_axis: Axis::new("Cost per task", "USD").from_zero(),
            y_axis: Axis::new("Quality", "points"),
            dots: dots.collect(),
        }
    }

    fn names(chart: &ScatterChart) -> Vec<f64> {
        let boxes = chart.scene().unwrap().text_boxes();
        let names = boxes.into_iter().filter(|(text, _)| text.starts_with("variant"));
        names.map(|(_, frame)| frame.left).collect()
    }

    #[test]
    fn names_stand_beside_dots_that_are_apart_and_in_a_legend_beside_those_that_are_not() {
        let apart = chart(&[(1.0, 50.0), (2.0, 60.0), (3.0, 90.0)]);
        apart.scene().unwrap().assert_legible();
        let lefts = names(&apart);
        assert!(lefts.windows(2).all(|pair| pair[0] != pair[1]), "{lefts:?}");
        let crowd: Vec<(f64, f64)> = (0..25).map(|k| (1.0 + f64::from(k) * 0.001, 70.0)).collect();
        let crowd = chart(&crowd);
        crowd.scene().unwrap().assert_legible();
        let lefts = names(&crowd);
        assert!(lefts.len() == 25 && lefts.iter().all(|left| *left == lefts[0]), "{lefts:?}");
        assert_eq!(crowd.render(), crowd.clone().render());
    }

    #[test]
    fn unusual_data_is_drawn_and_bad_data_refused() {
        for places in [&[][..], &[(0.0, 0.0)], &[(1.0, 5.0), (1.0, 5.0)]] {
            chart(places).scene().unwrap().assert_legible();
        }
        let bad = chart(&[(f64::NAN, 0.0)]).render();
        assert!(matches!(bad, Err(ChartError::Number(_))));
    }
}
