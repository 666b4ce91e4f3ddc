//! Variants on an axis of mean ranks, with bars over those that are not told apart (Demšar 2006).

use super::scene::{Anchor, Frame, Scene};
use super::series;
use super::theme;
use super::typeface;
use super::{ChartError, Rendered};

/// The distance from one name to the next below it in pixels.
const PITCH: f64 = 21.0;
/// The distance from one group's bar to the next in pixels.
const BAR_PITCH: f64 = 9.0;
/// The widest name in pixels; longer names are shortened.
const WIDEST: f64 = 190.0;
/// The least distance between two numbers of the axis in pixels.
const TICK_ROOM: f64 = 22.0;
/// The room of a mean rank beside a name in pixels.
const NUMBER_ROOM: f64 = 44.0;

/// Mean ranks over scenarios.
#[derive(Clone, Debug, PartialEq)]
pub struct RankChart {
    /// The title, in two lines at most.
    pub title: String,
    /// A small line below the title.
    pub subtitle: String,
    /// Name and mean rank of each variant; rank 1 is the best.
    pub ranks: Vec<(String, f64)>,
    /// Groups of variants, by index, that are not told apart.
    pub groups: Vec<Vec<usize>>,
    /// The difference of mean ranks from which two are told apart, if there is one for all pairs.
    pub critical_difference: Option<f64>,
}

impl RankChart {
    /// Draws the chart.
    ///
    /// # Errors
    ///
    /// Returns an error when a number cannot be drawn or a rank is not one of so many variants.
    pub fn render(&self) -> Result<Rendered, ChartError> {
        self.scene()?.render()
    }

    fn scene(&self) -> Result<Scene, ChartError> {
        let worst = self.ranks.len().max(2) as f64;
        for (name, rank) in &self.ranks {
            series::check_number(*rank, || format!("the rank of '{name}'"))?;
            if !(1.0..=worst).contains(rank) {
                return Err(ChartError::Number(format!("the rank {rank} of '{name}'")));
            }
        }
        let mut scene = Scene::new(&self.title);
        let top = scene.heading(&self.title, &self.subtitle);
        let widest = self
            .ranks
            .iter()
            .map(|(name, _)| {
                typeface::width(&typeface::one_line(name), theme::TEXT_SIZE) * typeface::SLACK
            })
            .fold(0.0, f64::max)
            .min(WIDEST);
        let room = theme::MARGIN + widest + NUMBER_ROOM + 14.0;
        let (left, right) = (room, scene.width - room);
        let x = |rank: f64| left + (rank - 1.0) / (worst - 1.0) * (right - left);
        let mut axis = top + 28.0;
        if let Some(difference) = self.critical_difference {
            let end = x((1.0 + difference).min(worst));
            for bar in [
                [(left, axis - 6.0), (end, axis - 6.0)],
                [(left, axis - 10.0), (left, axis - 2.0)],
                [(end, axis - 10.0), (end, axis - 2.0)],
            ] {
                scene.stroke(&bar, 1.4, theme::INK, &[]);
            }
            let text = format!("critical difference {difference:.2}");
            let spot = (left, axis - 14.0);
            scene.text(spot, &text, theme::SMALL_SIZE, theme::INK, Anchor::Start);
            axis += 30.0;
        }
        draw_axis(&mut scene, self.ranks.len().max(2), axis, &x);
        let bars = axis + 14.0;
        for (at, group) in self.groups.iter().enumerate() {
            let y = bars + at as f64 * BAR_PITCH;
            let ranks = || group.iter().filter_map(|index| self.ranks.get(*index)).map(|r| r.1);
            let Some((from, to)) = series::span(ranks()) else { continue };
            scene.stroke(&[(x(from) - 3.0, y), (x(to) + 3.0, y)], 3.0, theme::INK, &[]);
            for rank in ranks() {
                scene.disc((x(rank), y), 3.4, theme::INK);
            }
        }
        let names = bars + self.groups.len() as f64 * BAR_PITCH + 14.0;
        self.draw_names(&mut scene, Frame { left, top: axis, right, bottom: names }, x);
        let rows = self.ranks.len().div_ceil(2).max(1);
        scene.height = names + rows as f64 * PITCH + 10.0;
        Ok(scene)
    }

    /// Writes the better half of the names on the left, the others on the right, each joined to its rank.
    fn draw_names(&self, scene: &mut Scene, frame: Frame, x: impl Fn(f64) -> f64) {
        let mut order: Vec<usize> = (0..self.ranks.len()).collect();
        order.sort_by(|a, b| self.ranks[*a].1.total_cmp(&self.ranks[*b].1));
        let n_left = order.len().div_ceil(2);
        for (place, index) in order.iter().enumerate() {
            let (name, rank) = &self.ranks[*index];
            let is_left = place < n_left;
            let row = if is_left { place } else { order.len() - 1 - place };
            let y = frame.bottom + row as f64 * PITCH;
            let (end, side) = if is_left { (frame.left, -1.0) } else { (frame.right, 1.0) };
            let edge = end + side * 6.0;
            scene.stroke(&[(x(*rank), frame.top), (x(*rank), y), (edge, y)], 1.0, theme::AXIS, &[]);
            let anchor = if is_left { Anchor::End } else { Anchor::Start };
            let number = format!("{rank:.2}");
            let spot = (edge + side * 4.0, y + 4.0);
            scene.text(spot, &number, theme::SMALL_SIZE, theme::SOFT_INK, anchor);
            let name = typeface::shorten(name, theme::TEXT_SIZE, WIDEST / typeface::SLACK);
            let spot = (edge + side * NUMBER_ROOM, y + 4.0);
            scene.text(spot, &name, theme::TEXT_SIZE, theme::INK, anchor);
        }
    }
}

fn draw_axis(scene: &mut Scene, n: usize, y: f64, x: &impl Fn(f64) -> f64) {
    scene.rule((x(1.0), y), (x(n as f64), y + 1.0), theme::AXIS);
    let every = (TICK_ROOM / (x(2.0) - x(1.0))).ceil() as usize;
    for rank in 1..=n {
        let at = x(rank as f64);
        scene.rule((at, y - 5.0), (at + 1.0, y), theme::AXIS);
        if !(rank - 1).is_multiple_of(every) {
            continue;
        }
        let spot = (at, y - 9.0);
        scene.text(spot, &rank.to_string(), theme::SMALL_SIZE, theme::SOFT_INK, Anchor::Middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(n: usize, groups: Vec<Vec<usize>>) -> RankChart {
        RankChart {
            title: "Mean ranks".to_owned(),
            subtitle: "12 scenarios".to_owned(),
            ranks: (0..n)
                .map(|k| (format!("a variant of a long name {k}"), 1.0 + k as f64 * 0.9))
                .collect(),
            groups,
            critical_difference: Some(1.25),
        }
    }

    #[test]
    fn every_text_is_legible_for_any_number_of_variants() {
        for n in [0, 1, 2, 3, 8, 25, 32] {
            for critical_difference in [None, Some(0.4), Some(90.0)] {
                let mut chart = chart(n, vec![(0..n).collect(), vec![], vec![0, n]]);
                chart.critical_difference = critical_difference;
                chart.scene().unwrap().assert_legible();
            }
        }
    }

    #[test]
    fn a_bar_spans_its_group_and_marks_its_members() {
        let chart = chart(4, vec![vec![0, 2]]);
        let shapes = chart.scene().unwrap().shapes;
        let discs: Vec<f64> = shapes
            .iter()
            .filter_map(|shape| match shape {
                super::super::scene::Shape::Disc { centre, .. } => Some(centre.0),
                _ => None,
            })
            .collect();
        assert_eq!(discs.len(), 2);
        // Two of four ranks 1.8 apart on an axis of 3.
        let all = theme::WIDTH - 2.0 * (discs[0]);
        assert!(((discs[1] - discs[0]) / all - 0.6).abs() < 1e-9, "{discs:?}");
    }

    #[test]
    fn ranks_that_cannot_be_are_refused() {
        let mut chart = chart(3, Vec::new());
        for rank in [0.5, 3.5, f64::NAN] {
            chart.ranks[1].1 = rank;
            assert!(matches!(chart.render(), Err(ChartError::Number(_))), "{rank}");
        }
    }
}
