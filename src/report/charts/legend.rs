//! Legends: samples with names, in a column beside a plot or in columns below it.

use super::scene::{Anchor, Frame, Scene};
use super::series::{self, Guide, Mark};
use super::theme::{self, Colour, LineStyle};
use super::typeface;

/// The height of one entry in pixels.
pub(crate) const ROW: f64 = 20.0;
/// The width of a sample in pixels.
const SAMPLE: f64 = 28.0;
/// The space between a sample and its name in pixels.
const GAP: f64 = 8.0;
/// The space between two columns in pixels.
const GUTTER: f64 = 22.0;
/// The most columns of a legend below a plot.
const MOST_COLUMNS: usize = 5;
/// The widest name beside a plot in pixels; longer names are shortened.
const WIDEST: f64 = 226.0;
/// What stands before a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sample {
    /// A line of a variant.
    Line(LineStyle),
    /// A reference line.
    Reference,
    /// A dot of a variant.
    Dot(LineStyle),
    /// Lines that are not told apart.
    Other,
    /// A line straight down of a kind.
    Mark(usize),
    /// An area in a colour, hatched or not.
    Area(Colour, bool),
    /// A thin line in a colour.
    Thin(Colour),
    /// The number of a fault window on its shade.
    Number(usize),
}

/// One line of a legend.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) sample: Sample,
    pub(crate) name: String,
}

/// Returns the entries of reference curves.
pub(crate) fn guides(guides: &[Guide]) -> impl Iterator<Item = Entry> {
    guides.iter().map(|guide| Entry { sample: Sample::Reference, name: guide.label.clone() })
}

/// Returns the entries of lines straight down, one for each kind.
pub(crate) fn marks(marks: &[Mark]) -> impl Iterator<Item = Entry> {
    let labels = series::labels(marks).into_iter().enumerate();
    labels.map(|(kind, label)| Entry { sample: Sample::Mark(kind), name: label.to_owned() })
}

/// Returns the entry that counts what is not told apart, if there is any.
pub(crate) fn others(count: usize) -> Option<Entry> {
    let name = match count {
        0 => return None,
        1 => "1 other".to_owned(),
        n => format!("{n} others"),
    };
    Some(Entry { sample: Sample::Other, name })
}

/// Returns the width of a legend of one column in pixels, 0 without entries.
pub(crate) fn width(entries: &[Entry]) -> f64 {
    let widest = entries.iter().map(name_width).fold(0.0, f64::max);
    if entries.is_empty() { 0.0 } else { SAMPLE + GAP + widest.min(WIDEST) }
}

fn name_width(entry: &Entry) -> f64 {
    typeface::width(&typeface::one_line(&entry.name), theme::TEXT_SIZE) * typeface::SLACK
}

/// Draws a legend of one column with its upper left corner at the place given.
pub(crate) fn beside(scene: &mut Scene, entries: &[Entry], left: f64, top: f64) {
    for (index, entry) in entries.iter().enumerate() {
        draw(scene, entry, left, top + index as f64 * ROW, WIDEST);
    }
}

/// Draws a legend of as many columns as fit into `room` pixels and returns its height.
pub(crate) fn below(scene: &mut Scene, entries: &[Entry], left: f64, top: f64, room: f64) -> f64 {
    let most = room - SAMPLE - GAP;
    let widths: Vec<f64> =
        entries.iter().map(|entry| name_width(entry).min(most) + SAMPLE + GAP).collect();
    let columns_of = |rows: usize| -> Vec<f64> {
        widths.chunks(rows).map(|column| column.iter().copied().fold(0.0, f64::max)).collect()
    };
    let fits = |rows: &usize| {
        let columns = columns_of(*rows);
        let gutters = (columns.len() - 1) as f64 * GUTTER;
        columns.iter().sum::<f64>() + gutters <= room + 0.01
    };
    let fewest = entries.len().div_ceil(MOST_COLUMNS);
    let Some(rows) = (fewest.max(1)..=entries.len()).find(fits) else {
        return 0.0;
    };
    let mut x = left;
    for (column, width) in entries.chunks(rows).zip(columns_of(rows)) {
        for (index, entry) in column.iter().enumerate() {
            draw(scene, entry, x, top + index as f64 * ROW, most);
        }
        x += width + GUTTER;
    }
    rows as f64 * ROW
}

fn draw(scene: &mut Scene, entry: &Entry, left: f64, top: f64, room: f64) {
    let middle = top + ROW / 2.0;
    let area = Frame { left, top: middle - 6.0, right: left + SAMPLE, bottom: middle + 6.0 };
    match &entry.sample {
        Sample::Line(style) => {
            let ends = [(left, middle), (left + SAMPLE, middle)];
            scene.styled(&ends, theme::LINE_WIDTH, *style);
        }
        Sample::Reference => {
            let ends = [(left, middle), (left + SAMPLE, middle)];
            scene.stroke(&ends, theme::GUIDE_WIDTH, theme::REFERENCE, theme::REFERENCE_DASH);
        }
        Sample::Dot(style) => scene.dot((left + SAMPLE / 2.0, middle), *style),
        Sample::Other => {
            let ends = [(left, middle), (left + SAMPLE, middle)];
            scene.stroke(&ends, theme::OTHER_WIDTH, theme::OTHER, &[]);
        }
        Sample::Mark(kind) => {
            let x = left + SAMPLE / 2.0;
            let ends = [(x, middle - 8.0), (x, middle + 8.0)];
            scene.stroke(&ends, 1.0, theme::MARK, theme::mark(*kind));
        }
        Sample::Area(colour, hatched) => {
            scene.rect(area, *colour, 1.0);
            if *hatched {
                hatch(scene, area, *colour);
            }
        }
        Sample::Thin(colour) => {
            let line = Frame { top: middle - 0.8, bottom: middle + 0.8, ..area };
            scene.rect(line, *colour, 1.0);
        }
        Sample::Number(number) => {
            scene.rect(area, theme::FAULT_BAR, 1.0);
            let spot = (left + SAMPLE / 2.0, middle + 4.0);
            let text = number.to_string();
            scene.text(spot, &text, theme::SMALL_SIZE, theme::INK, Anchor::Middle);
        }
    }
    let name = typeface::shorten(&entry.name, theme::TEXT_SIZE, room / typeface::SLACK);
    let spot = (left + SAMPLE + GAP, middle + 4.5);
    scene.text(spot, &name, theme::TEXT_SIZE, theme::INK, Anchor::Start);
}

/// Draws slanted lines over an area, for colours used a second time.
pub(crate) fn hatch(scene: &mut Scene, area: Frame, ground: Colour) {
    let height = area.height();
    let mut x = area.left - height + 4.0;
    while x < area.right {
        let line = [(x, area.bottom), (x + height, area.top)];
        for part in super::geometry::clip_line(&line, area) {
            scene.stroke(&part, 1.2, theme::ink_on(ground), &[]);
        }
        x += 6.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: usize, name: &str) -> Vec<Entry> {
        (0..count)
            .map(|index| Entry {
                sample: Sample::Line(theme::variant(index)),
                name: format!("{name}{index}"),
            })
            .collect()
    }

    #[test]
    fn names_fit_into_the_width_promised() {
        for name in ["a", "a variant with a name of thirty ", "w".repeat(90).as_str()] {
            let entries = entries(12, name);
            let mut scene = Scene::new("");
            beside(&mut scene, &entries, 0.0, 0.0);
            let width = width(&entries);
            assert!(width <= SAMPLE + GAP + WIDEST);
            for (text, frame) in scene.text_boxes() {
                assert!(frame.right <= width + 0.01, "{text}");
            }
        }
        assert_eq!(width(&[]), 0.0);
    }

    #[test]
    fn columns_fill_the_room() {
        let mut scene = Scene::new("");
        let height = below(&mut scene, &entries(12, "variant "), 0.0, 0.0, 860.0);
        assert!(height < 12.0 * ROW / 2.0, "{height}");
        for (text, frame) in scene.text_boxes() {
            assert!(frame.right <= 860.0, "{text}");
            assert!(frame.bottom <= height, "{text}");
        }
        assert_eq!(below(&mut scene, &[], 0.0, 0.0, 860.0), 0.0);
    }
}
