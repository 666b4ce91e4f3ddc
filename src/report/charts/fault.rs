//! Fault windows: their shading, and labels that never cover each other.

use super::scene::{Anchor, Frame, Scene};
use super::series::Window;
use super::theme;
use super::typeface;

/// The height of one row of labels in pixels.
const LANE: f64 = 17.0;
/// The most rows of labels; windows beyond are shaded and counted, but not named.
const MOST_LANES: usize = 8;
/// The empty space between a label and what is next to it, in pixels.
const GAP: f64 = 5.0;

/// The part of a fault window within a plot, in pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) label: String,
    pub(crate) left: f64,
    pub(crate) right: f64,
}

/// Returns the parts of the windows within the plot, from left to right.
///
/// `part` tells how far along the axis a value lies: 0 at the start, 1 at the end.
pub(crate) fn stretches(
    windows: &[Window],
    part: impl Fn(f64) -> f64,
    left: f64,
    right: f64,
) -> Vec<Stretch> {
    let mut inside: Vec<Stretch> = windows
        .iter()
        .filter(|window| part(window.to) >= 0.0 && part(window.from) <= 1.0)
        .map(|window| {
            let place = |value: f64| left + part(value).clamp(0.0, 1.0) * (right - left);
            let start = place(window.from);
            Stretch {
                label: typeface::one_line(&window.label),
                left: start,
                right: place(window.to).max(start + 1.0),
            }
        })
        .collect();
    inside.sort_by(|one, other| {
        one.left
            .total_cmp(&other.left)
            .then(one.right.total_cmp(&other.right))
            .then_with(|| one.label.cmp(&other.label))
    });
    inside
}

/// Shades the windows; where several overlap the shade is a little darker.
pub(crate) fn shade(scene: &mut Scene, stretches: &[Stretch], top: f64, bottom: f64) {
    let mut ends: Vec<f64> =
        stretches.iter().flat_map(|stretch| [stretch.left, stretch.right]).collect();
    ends.sort_by(f64::total_cmp);
    ends.dedup();
    for pair in ends.windows(2) {
        let (left, right) = (pair[0], pair[1]);
        let depth = stretches
            .iter()
            .filter(|stretch| stretch.left <= left && stretch.right >= right)
            .count();
        if depth > 0 {
            let frame = Frame { left, top, right, bottom };
            let alpha = (0.07 + 0.035 * (depth - 1) as f64).min(0.18);
            scene.rect(frame, theme::FAULT, alpha);
        }
    }
}

/// One label with the bar that shows its window.
#[derive(Clone, Debug, PartialEq)]
struct Label {
    lane: usize,
    bar: (f64, f64),
    text: String,
    at: f64,
    anchor: Anchor,
}

/// Labels of fault windows in rows, ready to stand above a plot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lanes {
    labels: Vec<Label>,
    count: usize,
    unnamed: usize,
}

/// Puts each label into the first row that has room for it.
pub(crate) fn lanes(stretches: &[Stretch], left: f64, right: f64) -> Lanes {
    let mut taken: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut labels = Vec::new();
    let mut unnamed = 0;
    for stretch in stretches {
        let (text, at, anchor) = place_text(stretch, left, right);
        let width = room_of(&text);
        let (start, end) = match anchor {
            Anchor::Start => (at, at + width),
            Anchor::Middle => (at - width / 2.0, at + width / 2.0),
            Anchor::End => (at - width, at),
        };
        let (start, end) = (start.min(stretch.left), end.max(stretch.right));
        let free = |lane: &Vec<(f64, f64)>| {
            lane.iter().all(|(from, to)| end + GAP <= *from || start >= *to + GAP)
        };
        let lane = taken.iter().position(free).unwrap_or(taken.len());
        if lane == MOST_LANES {
            unnamed += 1;
            continue;
        }
        if lane == taken.len() {
            taken.push(Vec::new());
        }
        taken[lane].push((start, end));
        labels.push(Label { lane, bar: (stretch.left, stretch.right), text, at, anchor });
    }
    Lanes { labels, count: taken.len(), unnamed }
}

/// Returns the text and its place: inside its bar, or else beside it where more room is.
fn place_text(stretch: &Stretch, left: f64, right: f64) -> (String, f64, Anchor) {
    let width = room_of(&stretch.label);
    let (before, after) = (stretch.left - left, right - stretch.right);
    if width + 2.0 * GAP <= stretch.right - stretch.left {
        let middle = f64::midpoint(stretch.left, stretch.right);
        (stretch.label.clone(), middle, Anchor::Middle)
    } else if width + GAP <= after || after >= before {
        let text =
            typeface::shorten(&stretch.label, theme::SMALL_SIZE, (after - GAP) / typeface::SLACK);
        (text, stretch.right + GAP, Anchor::Start)
    } else {
        let text =
            typeface::shorten(&stretch.label, theme::SMALL_SIZE, (before - GAP) / typeface::SLACK);
        (text, stretch.left - GAP, Anchor::End)
    }
}

fn room_of(text: &str) -> f64 {
    typeface::width(text, theme::SMALL_SIZE) * typeface::SLACK
}

impl Lanes {
    /// Returns the height of all rows in pixels.
    pub(crate) fn height(&self) -> f64 {
        let note = usize::from(self.unnamed > 0);
        (self.count + note) as f64 * LANE
    }

    /// Draws the rows so that they end at `bottom`; the first window is in the lowest row.
    pub(crate) fn draw(&self, scene: &mut Scene, right: f64, bottom: f64) {
        for label in &self.labels {
            let base = bottom - label.lane as f64 * LANE;
            let bar = Frame {
                left: label.bar.0,
                top: base - LANE + 2.0,
                right: label.bar.1,
                bottom: base,
            };
            scene.rect(bar, theme::FAULT_BAR, 1.0);
            let spot = (label.at, base - 4.0);
            scene.text(spot, &label.text, theme::SMALL_SIZE, theme::INK, label.anchor);
        }
        if self.unnamed > 0 {
            let spot = (right, bottom - self.count as f64 * LANE - 4.0);
            let note = format!("and {} more faults, shaded below", self.unnamed);
            scene.text(spot, &note, theme::SMALL_SIZE, theme::SOFT_INK, Anchor::End);
        }
    }
}

/// Writes the number of each window above a panel; `names` gives the order of the numbers.
///
/// Numbers that would touch are moved apart, so they may stand beside their windows; where they would not all fit, there
/// are none.
pub(crate) fn draw_numbers(
    scene: &mut Scene,
    stretches: &[Stretch],
    names: &[String],
    frame: Frame,
) {
    for stretch in stretches {
        let bar = Frame {
            left: stretch.left,
            top: frame.top - 2.0,
            right: stretch.right,
            bottom: frame.top,
        };
        scene.rect(bar, theme::FAULT_BAR, 1.0);
    }
    let numbers: Vec<String> = stretches
        .iter()
        .filter_map(|stretch| names.iter().position(|name| *name == stretch.label))
        .map(|index| (index + 1).to_string())
        .collect();
    let middles: Vec<f64> =
        stretches.iter().map(|stretch| f64::midpoint(stretch.left, stretch.right)).collect();
    let widths: Vec<f64> = numbers.iter().map(|number| room_of(number) + 3.0).collect();
    if widths.iter().sum::<f64>() > frame.width() {
        return;
    }
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|one, other| middles[*one].total_cmp(&middles[*other]));
    let mut places = middles;
    let mut end = frame.left;
    for index in &order {
        places[*index] = places[*index].max(end + widths[*index] / 2.0);
        end = places[*index] + widths[*index] / 2.0;
    }
    let mut start = frame.right;
    for index in order.iter().rev() {
        places[*index] = places[*index].min(start - widths[*index] / 2.0);
        start = places[*index] - widths[*index] / 2.0;
    }
    for (number, place) in numbers.iter().zip(places) {
        let spot = (place, frame.top - 4.5);
        scene.text(spot, number, 10.5, theme::SOFT_INK, Anchor::Middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(label: &str, left: f64, right: f64) -> Stretch {
        Stretch { label: label.to_owned(), left, right }
    }

    fn boxes(lanes: &Lanes) -> Vec<(String, Frame)> {
        let mut scene = Scene::new("");
        lanes.draw(&mut scene, 600.0, lanes.height());
        scene.text_boxes()
    }

    #[test]
    fn labels_of_overlapping_windows_are_apart() {
        let windows = [
            stretch("groq rate limits", 0.0, 300.0),
            stretch("together outage", 20.0, 60.0),
            stretch("latency doubled at fireworks", 30.0, 35.0),
            stretch("price change", 40.0, 500.0),
            stretch("quota cut to a half", 590.0, 600.0),
        ];
        let lanes = lanes(&windows, 0.0, 600.0);
        let boxes = boxes(&lanes);
        assert_eq!(boxes.len(), 5);
        for (index, (text, one)) in boxes.iter().enumerate() {
            assert!(one.left >= 0.0 && one.right <= 600.0, "{text}");
            for (_, other) in &boxes[..index] {
                let beside = one.right <= other.left || other.right <= one.left;
                let above = one.bottom <= other.top || other.bottom <= one.top;
                assert!(beside || above, "{text}");
            }
        }
    }

    #[test]
    fn many_windows_are_counted() {
        let windows: Vec<Stretch> =
            (0..12).map(|index| stretch("a fault with a label", f64::from(index), 500.0)).collect();
        let lanes = lanes(&windows, 0.0, 600.0);
        assert_eq!((lanes.count, lanes.unnamed), (MOST_LANES, 4));
        let boxes = boxes(&lanes);
        assert_eq!(boxes.len(), MOST_LANES + 1);
        assert!(boxes.iter().all(|(_, frame)| frame.top >= 0.0));
    }

    #[test]
    fn numbers_that_do_not_fit_are_left_out() {
        let frame = Frame { left: 0.0, top: 20.0, right: 300.0, bottom: 60.0 };
        let names = ["a".to_owned(), "b".to_owned()];
        for (n, numbers) in [(6, 6), (200, 0)] {
            let windows: Vec<Stretch> = (0..n)
                .map(|k| stretch(&names[k % 2], k as f64 * 1.4, k as f64 * 1.4 + 1.0))
                .collect();
            let mut scene = Scene::new("");
            draw_numbers(&mut scene, &windows, &names, frame);
            let boxes = scene.text_boxes();
            assert_eq!(boxes.len(), numbers);
            assert!(boxes.iter().all(|(_, one)| one.left >= 0.0 && one.right <= 300.0));
        }
    }

    #[test]
    fn windows_outside_the_plot_are_left_out() {
        let window = |from, to| Window { label: "fault".to_owned(), from, to };
        let windows = [window(2.0, 3.0), window(-1.0, 0.5), window(0.5, 0.5)];
        let inside = stretches(&windows, |value| value, 0.0, 100.0);
        assert_eq!(inside, [stretch("fault", 0.0, 50.0), stretch("fault", 50.0, 51.0)]);
    }

    #[test]
    fn overlaps_are_darker() {
        let mut scene = Scene::new("");
        let windows = [stretch("a", 0.0, 20.0), stretch("b", 10.0, 30.0)];
        shade(&mut scene, &windows, 0.0, 10.0);
        assert_eq!(scene.shapes.len(), 3);
    }
}
