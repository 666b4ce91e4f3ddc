//! Stacked areas: how the share of each model changed, one panel for each level.

use super::legend::{self, Entry, Sample};
use super::plot::{self, Plot};
use super::scene::{Anchor, Frame, Scene, Shape};
use super::series::{self, Mark};
use super::share::Model;
use super::theme::{self, Colour};
use super::typeface;
use super::{Axis, ChartError, Rendered};

/// The height of the plot of one panel in pixels.
const PLOT_HEIGHT: f64 = 130.0;
/// The height of a plot in pixels when it is the only one.
const LONE_PLOT_HEIGHT: f64 = 280.0;
/// The height of the name above a panel in pixels.
const NAME_ROOM: f64 = 20.0;
/// The space between panels below each other in pixels.
const ROW_GAP: f64 = 14.0;
/// Rounding may take a sum of shares this far above 100 %.
const ROUNDING: f64 = 0.01;

/// The shares of all models at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The place on the horizontal axis.
    pub x: f64,
    /// The share of each model in percent, in the order of the models of the chart; what is missing to 100 % stays empty.
    pub shares: Vec<f64>,
}

/// One panel.
#[derive(Clone, Debug, PartialEq)]
pub struct AreaPanel {
    /// What stands above it; empty for nothing.
    pub name: String,
    /// The shares from left to right.
    pub slices: Vec<Slice>,
}

/// Stacked areas in panels below each other, with one axis across and one legend.
#[derive(Clone, Debug, PartialEq)]
pub struct AreaChart {
    /// The title, in two lines at most.
    pub title: String,
    /// A small line below the title.
    pub subtitle: String,
    /// The horizontal axis of every panel.
    pub x_axis: Axis,
    /// What the vertical axes show; the unit is percent.
    pub label: String,
    /// The models from bottom to top, as in the legend. [`Model::REST`] is what is left together.
    pub models: Vec<Model>,
    /// The panels from top to bottom.
    pub panels: Vec<AreaPanel>,
    /// The thin lines straight down every panel.
    pub marks: Vec<Mark>,
}

impl AreaChart {
    /// Draws the chart; a panel with fewer than two slices says "No data".
    ///
    /// # Errors
    ///
    /// Returns an error when slices are not in order, or as [`super::BarChart::render`] of their shares.
    pub fn render(&self) -> Result<Rendered, ChartError> {
        self.scene()?.render()
    }

    fn check(&self) -> Result<(), ChartError> {
        series::check_marks(&self.marks, &[])?;
        for panel in &self.panels {
            let mut ahead = f64::NEG_INFINITY;
            for (index, slice) in panel.slices.iter().enumerate() {
                for number in slice.shares.iter().chain([&slice.x]) {
                    series::check_number(*number, || format!("slice {index} of '{}'", panel.name))?;
                }
                if slice.x < ahead {
                    return Err(ChartError::Order { line: panel.name.clone(), point: index });
                }
                ahead = slice.x;
                let total: f64 = slice.shares.iter().sum();
                let negative = slice.shares.iter().any(|share| *share < 0.0);
                if negative || total > 100.0 + ROUNDING || slice.shares.len() != self.models.len() {
                    return Err(ChartError::Shares(panel.name.clone()));
                }
            }
        }
        Ok(())
    }

    fn scene(&self) -> Result<Scene, ChartError> {
        self.check()?;
        let mut scene = Scene::new(&self.title);
        let top = scene.heading(&self.title, &self.subtitle);
        let up = Axis::new(&self.label, "%").within(0.0, 100.0).scale(Some((0.0, 100.0)), 5, true);
        let left = theme::MARGIN + plot::LABEL_ROOM + plot::widest_tick(&up) + 8.0;
        let right = scene.width - theme::MARGIN - 6.0;
        let height = if self.panels.len() > 1 { PLOT_HEIGHT } else { LONE_PLOT_HEIGHT };
        let slices = self.panels.iter().flat_map(|panel| &panel.slices);
        let across = series::span(slices.map(|slice| slice.x));
        let across = plot::scale_across(&self.x_axis, across, right - left);
        let mut below = top;
        for (index, panel) in self.panels.iter().enumerate() {
            if !panel.name.is_empty() {
                let spot = (left, below + 12.0);
                scene.text(
                    spot,
                    &typeface::one_line(&panel.name),
                    theme::TEXT_SIZE,
                    theme::INK,
                    Anchor::Start,
                );
                below += NAME_ROOM;
            }
            let frame = Frame { left, top: below, right, bottom: below + height };
            let plot = Plot { frame, across: &across, up: &up };
            self.draw_panel(&mut scene, panel, &plot, index + 1 == self.panels.len());
            below += height + ROW_GAP;
        }
        if self.panels.is_empty() {
            plot::draw_empty(&mut scene, Frame { left, top, right, bottom: top + height });
            below += height + ROW_GAP;
        }
        let around = Frame { left, top, right, bottom: below - ROW_GAP };
        plot::label_up(&mut scene, &up.title, around);
        plot::label_across(&mut scene, &across.title, around);
        let mut entries: Vec<Entry> = self
            .models
            .iter()
            .map(|model| Entry { sample: sample(model), name: model.name.clone() })
            .collect();
        entries.extend(legend::marks(&self.marks));
        let below = around.bottom + plot::TICK_ROOM + plot::LABEL_ROOM + 12.0;
        let height = legend::below(&mut scene, &entries, left, below, right - left);
        scene.height = below + height + 14.0;
        Ok(scene)
    }

    fn draw_panel(&self, scene: &mut Scene, panel: &AreaPanel, plot: &Plot<'_>, is_last: bool) {
        if panel.slices.len() < 2 {
            plot::draw_empty(scene, plot.frame);
            return;
        }
        scene.rect(plot.frame, theme::TRACK, 1.0);
        let mut below = vec![0.0; panel.slices.len()];
        for (at, model) in self.models.iter().enumerate() {
            let mut edges = Vec::with_capacity(below.len());
            for (slice, base) in panel.slices.iter().zip(&mut below) {
                let lower = plot.spot(slice.x, *base);
                *base = (*base + slice.shares[at]).min(100.0);
                edges.push((lower.0, plot.spot(slice.x, *base).1, lower.1));
            }
            if edges.iter().any(|(_, upper, lower)| upper < lower) {
                scene.shapes.push(Shape::Band { edges, colour: colour(model), alpha: 1.0 });
            }
        }
        plot.draw_marks(scene, &self.marks);
        plot.draw_scale_up(scene);
        plot.draw_base(scene, is_last);
    }
}

fn colour(model: &Model) -> Colour {
    match model.colour {
        Model::REST => theme::OTHER,
        colour => theme::model(colour).0,
    }
}

fn sample(model: &Model) -> Sample {
    Sample::Area(colour(model), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(n_models: usize, n_panels: usize) -> AreaChart {
        let share = 100.0 / n_models.max(1) as f64;
        let panel = |k: usize| AreaPanel {
            name: format!("L{k}"),
            slices: (0..40)
                .map(|at| Slice { x: f64::from(at), shares: vec![share; n_models] })
                .collect(),
        };
        AreaChart {
            title: "Model share".to_owned(),
            subtitle: "20 seeds".to_owned(),
            x_axis: Axis::hours(),
            label: "Share of answers".to_owned(),
            models: (0..n_models)
                .map(|colour| Model { name: format!("groq/llama-3.{colour}-70b"), colour })
                .collect(),
            panels: (0..n_panels).map(panel).collect(),
            marks: vec![Mark { x: 7.0, label: "change".to_owned() }],
        }
    }

    #[test]
    fn every_text_is_legible() {
        for n_models in [0, 1, 10, 16] {
            for n_panels in 0..=4 {
                chart(n_models, n_panels).scene().unwrap().assert_legible();
            }
        }
    }

    #[test]
    fn areas_lie_upon_each_other_without_a_gap() {
        let scene = chart(4, 1).scene().unwrap();
        let bands: Vec<(f64, f64, f64)> = scene
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Band { edges, .. } => Some(edges[0]),
                _ => None,
            })
            .collect();
        assert_eq!(bands.len(), 4);
        assert!(bands.windows(2).all(|pair| pair[0].1 == pair[1].2), "{bands:?}");
        assert!((bands[0].2 - bands[3].1 - LONE_PLOT_HEIGHT).abs() < 1e-6, "{bands:?}");
    }

    #[test]
    fn wrong_shares_are_refused_and_empty_panels_say_so() {
        let mut bad = chart(2, 1);
        bad.panels[0].slices[3].shares[0] = 60.0;
        assert_eq!(bad.render(), Err(ChartError::Shares("L0".to_owned())));
        bad.panels[0].slices[3] = Slice { x: 0.0, shares: vec![0.0; 2] };
        assert!(matches!(bad.render(), Err(ChartError::Order { point: 3, .. })));
        let mut empty = chart(2, 2);
        empty.panels[1].slices.truncate(1);
        let boxes = empty.scene().unwrap().text_boxes();
        assert_eq!(boxes.iter().filter(|(text, _)| text == "No data").count(), 1);
    }
}
