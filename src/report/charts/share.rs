//! Stacked bars: the share of each model, one bar per variant.

use super::legend::{self, Entry, Sample};
use super::plot;
use super::scene::{Anchor, Frame, Scene};
use super::series;
use super::theme;
use super::typeface;
use super::{ChartError, Rendered};

/// The height of a bar in pixels.
const BAR: f64 = 26.0;
/// The distance from one bar to the next in pixels.
const PITCH: f64 = 36.0;
/// The widest name of a bar in pixels; longer names are shortened.
const WIDEST_NAME: f64 = 230.0;
/// Rounding may take a sum of shares this far above 100 %.
const ROUNDING: f64 = 0.01;

/// A model, named in the legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name of the model.
    pub name: String,
    /// The index of the model, which decides its colour in every chart.
    pub colour: usize,
}

impl Model {
    /// The colour index of what is left together; no model has it.
    pub const REST: usize = usize::MAX;
}

/// The bar of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The name of the variant.
    pub name: String,
    /// The share of each model in percent, in the order of the models of the chart.
    ///
    /// What is missing to 100 % stays empty.
    pub shares: Vec<f64>,
}

impl Bar {
    /// Makes a bar from counts (tasks, tokens, …), which are turned into percent.
    ///
    /// Counts that are all zero give a bar without data.
    #[must_use]
    pub fn from_counts(name: &str, counts: &[f64]) -> Self {
        let total: f64 = counts.iter().sum();
        let share = |count: &f64| {
            if total > 0.0 { count / total * 100.0 } else { *count }
        };
        Self { name: name.to_owned(), shares: counts.iter().map(share).collect() }
    }
}

/// Stacked bars across, one bar per variant and one segment per model.
#[derive(Clone, Debug, PartialEq)]
pub struct BarChart {
    /// The title, in two lines at most.
    pub title: String,
    /// A small line below the title.
    pub subtitle: String,
    /// What the horizontal axis shows, such as "Share of tasks"; the unit is percent.
    pub label: String,
    /// The models in the order of the segments and of the legend.
    pub models: Vec<Model>,
    /// The bars from top to bottom.
    pub bars: Vec<Bar>,
}

impl BarChart {
    /// Makes a chart of the share of tasks that each model served, in percent.
    #[must_use]
    pub fn model_share(subtitle: &str, models: Vec<Model>, bars: Vec<Bar>) -> Self {
        Self {
            title: "Model share".to_owned(),
            subtitle: subtitle.to_owned(),
            label: "Share of tasks".to_owned(),
            models,
            bars,
        }
    }

    /// Draws the chart; without bars, and in a bar whose shares are all zero, it says
    /// "No data".
    ///
    /// # Errors
    ///
    /// Returns an error when a share is not a number from 0 to 100, when a bar adds up to
    /// more than 100 %, or when it has a share for more or fewer models than the chart.
    pub fn render(&self) -> Result<Rendered, ChartError> {
        self.scene()?.render()
    }

    fn check(&self) -> Result<(), ChartError> {
        for bar in &self.bars {
            for share in &bar.shares {
                series::check_number(*share, || format!("a share of bar '{}'", bar.name))?;
            }
            let negative = bar.shares.iter().any(|share| *share < 0.0);
            let total: f64 = bar.shares.iter().sum();
            if negative || total > 100.0 + ROUNDING || bar.shares.len() != self.models.len() {
                return Err(ChartError::Shares(bar.name.clone()));
            }
        }
        Ok(())
    }

    fn scene(&self) -> Result<Scene, ChartError> {
        self.check()?;
        let mut scene = Scene::new(&self.title);
        let top = scene.heading(&self.title, &self.subtitle);
        let names = self
            .bars
            .iter()
            .map(|bar| {
                typeface::width(&typeface::one_line(&bar.name), theme::TEXT_SIZE) * typeface::SLACK
            })
            .fold(0.0, f64::max)
            .min(WIDEST_NAME);
        let height =
            if self.bars.is_empty() { 4.0 * PITCH } else { self.bars.len() as f64 * PITCH };
        let frame = Frame {
            left: (theme::MARGIN + names + 10.0).round(),
            top,
            right: scene.width - theme::MARGIN - 12.0,
            bottom: top + height,
        };
        if self.bars.is_empty() {
            plot::draw_empty(&mut scene, frame);
        } else {
            draw_scale(&mut scene, frame);
        }
        plot::label_across(&mut scene, &format!("{} (%)", self.label), frame);
        for (index, bar) in self.bars.iter().enumerate() {
            let middle = frame.top + (index as f64 + 0.5) * PITCH;
            let place = Frame { top: middle - BAR / 2.0, bottom: middle + BAR / 2.0, ..frame };
            self.draw_bar(&mut scene, bar, place);
        }

        let entries: Vec<Entry> = self
            .models
            .iter()
            .map(|model| {
                let (colour, hatched) = theme::model(model.colour);
                Entry { sample: Sample::Area(colour, hatched), name: model.name.clone() }
            })
            .collect();
        let below = frame.bottom + plot::TICK_ROOM + plot::LABEL_ROOM + 12.0;
        let room = scene.width - 2.0 * theme::MARGIN;
        let height = legend::below(&mut scene, &entries, theme::MARGIN, below, room);
        scene.height = below + height + 14.0;
        Ok(scene)
    }

    fn draw_bar(&self, scene: &mut Scene, bar: &Bar, place: Frame) {
        let base = f64::midpoint(place.top, place.bottom) + 4.5;
        let name = typeface::shorten(&bar.name, theme::TEXT_SIZE, WIDEST_NAME / typeface::SLACK);
        let spot = (place.left - 10.0, base);
        scene.text(spot, &name, theme::TEXT_SIZE, theme::INK, Anchor::End);
        scene.rect(place, theme::TRACK, 1.0);
        let total: f64 = bar.shares.iter().sum();
        if total <= 0.0 {
            let spot = (f64::midpoint(place.left, place.right), base);
            let size = theme::SMALL_SIZE;
            scene.text(spot, "No data", size, theme::SOFT_INK, Anchor::Middle);
            return;
        }
        let x = |percent: f64| place.left + percent.min(100.0) / 100.0 * place.width();
        let mut sum = 0.0;
        for (model, share) in self.models.iter().zip(&bar.shares) {
            let (left, right) = (x(sum), x(sum + share));
            sum += share;
            // A white line parts the segments unless it would swallow a narrow one.
            let gap = if right - left > 4.0 && sum < 99.99 { 1.0 } else { 0.0 };
            let segment = Frame { left, right: right - gap, ..place };
            draw_segment(scene, segment, model.colour, *share, base);
            scene.rect(Frame { left: right - gap, right, ..place }, theme::PAPER, 1.0);
        }
    }
}

fn draw_segment(scene: &mut Scene, segment: Frame, model: usize, share: f64, base: f64) {
    let (colour, hatched) = theme::model(model);
    scene.rect(segment, colour, 1.0);
    let text = format!("{share:.0} %");
    let width = typeface::width(&text, theme::SMALL_SIZE) * typeface::SLACK;
    let fits = share >= 0.5 && width + 6.0 <= segment.width();
    let middle = f64::midpoint(segment.left, segment.right);
    if hatched {
        legend::hatch(scene, segment, colour);
        if fits {
            let ground = Frame {
                left: middle - width / 2.0 - 3.0,
                right: middle + width / 2.0 + 3.0,
                top: segment.top + 4.0,
                bottom: segment.bottom - 4.0,
            };
            scene.rect(ground, colour, 1.0);
        }
    }
    if fits {
        let ink = theme::ink_on(colour);
        let spot = (middle, base - 0.5);
        scene.text(spot, &text, theme::SMALL_SIZE, ink, Anchor::Middle);
    }
}

/// Draws the grid lines and tick labels from 0 to 100 %.
fn draw_scale(scene: &mut Scene, frame: Frame) {
    for percent in [0, 20, 40, 60, 80, 100] {
        let x = (frame.left + f64::from(percent) / 100.0 * frame.width()).round();
        scene.rule((x, frame.top), (x, frame.bottom + 5.0), theme::GRID);
        let spot = (x, frame.bottom + 18.0);
        let size = theme::SMALL_SIZE;
        scene.text(spot, &percent.to_string(), size, theme::SOFT_INK, Anchor::Middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(count: usize) -> Vec<Model> {
        (0..count)
            .map(|colour| Model { name: format!("groq/llama-3.{colour}-70b-versatile"), colour })
            .collect()
    }

    fn chart(bars: Vec<Bar>, count: usize) -> BarChart {
        BarChart::model_share("mean over 20 seeds", models(count), bars)
    }

    #[test]
    fn counts_become_percent() {
        assert_eq!(Bar::from_counts("ucb1", &[1.0, 3.0]).shares, [25.0, 75.0]);
        assert_eq!(Bar::from_counts("ucb1", &[0.0, 0.0]).shares, [0.0, 0.0]);
    }

    #[test]
    fn only_wide_segments_have_a_number() {
        let scene = chart(vec![Bar::from_counts("ucb1", &[970.0, 5.0, 25.0])], 3).scene().unwrap();
        let shares: Vec<String> = scene
            .text_boxes()
            .into_iter()
            .map(|(text, _)| text)
            .filter(|text| text.ends_with(" %"))
            .collect();
        assert_eq!(shares, ["97 %"]);
    }

    #[test]
    fn every_text_is_legible() {
        for count in [1, 2, 10, 24, 40] {
            let counts: Vec<f64> = (0..count).map(|index| (index % 7 + 1) as f64).collect();
            let bars = (0..12)
                .map(|variant| {
                    Bar::from_counts(&format!("{variant}-{}", "name".repeat(12)), &counts)
                })
                .collect();
            chart(bars, count).scene().unwrap().assert_legible();
        }
        chart(Vec::new(), 0).scene().unwrap().assert_legible();
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        let chart = chart(vec![Bar::from_counts("ucb1", &[1.0; 20])], 20);
        assert_eq!(chart.render(), chart.clone().render());
    }

    #[test]
    fn bars_without_data_say_so() {
        let scene = chart(vec![Bar::from_counts("ucb1", &[0.0; 3])], 3).scene().unwrap();
        assert!(scene.text_boxes().iter().any(|(text, _)| text == "No data"));
    }

    #[test]
    fn wrong_shares_are_refused() {
        let bar = |shares: &[f64]| Bar { name: "ucb1".to_owned(), shares: shares.to_vec() };
        let refused = Err(ChartError::Shares("ucb1".to_owned()));
        for shares in [&[60.0, 60.0][..], &[-1.0, 5.0], &[100.0]] {
            assert_eq!(chart(vec![bar(shares)], 2).render(), refused);
        }
        let error = chart(vec![bar(&[f64::NAN, 1.0])], 2).render();
        assert!(matches!(error, Err(ChartError::Number(_))));
        let thirds = bar(&[100.0 / 3.0; 3]);
        assert!(chart(vec![thirds], 3).scene().is_ok());
    }
}
