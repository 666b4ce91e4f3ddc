//! Colours, dash patterns and measures that every chart shares.

use crate::math;

/// A colour as red, green and blue, 0 to 255 each.
pub(crate) type Colour = (u8, u8, u8);

/// The width of every chart in pixels.
pub(crate) const WIDTH: f64 = 900.0;
/// The empty border around every chart in pixels.
pub(crate) const MARGIN: f64 = 20.0;
/// The size of a chart title in pixels per em.
pub(crate) const TITLE_SIZE: f64 = 18.0;
/// The size of axis labels, legend entries and panel titles in pixels per em.
pub(crate) const TEXT_SIZE: f64 = 12.5;
/// The size of tick labels, subtitles and fault labels in pixels per em.
pub(crate) const SMALL_SIZE: f64 = 11.5;
/// The width of a data line in pixels.
pub(crate) const LINE_WIDTH: f64 = 2.0;

/// The colour of titles and names.
pub(crate) const INK: Colour = (26, 26, 26);
/// The colour of tick labels, subtitles and axis labels.
pub(crate) const SOFT_INK: Colour = (84, 84, 84);
/// The colour of axis lines.
pub(crate) const AXIS: Colour = (120, 120, 120);
/// The colour of grid lines.
pub(crate) const GRID: Colour = (228, 228, 228);
/// The colour of the outline of an empty plot and of the empty part of a bar.
pub(crate) const TRACK: Colour = (243, 243, 243);
/// The colour of reference lines.
pub(crate) const REFERENCE: Colour = (70, 70, 70);
/// The colour that shades fault windows, always drawn translucent.
pub(crate) const FAULT: Colour = (60, 60, 80);
/// The colour of the bars that carry the labels of fault windows.
pub(crate) const FAULT_BAR: Colour = (205, 206, 214);
/// The background of every chart.
pub(crate) const PAPER: Colour = (255, 255, 255);

/// The colour of lines straight down.
pub(crate) const MARK: Colour = (110, 110, 110);
/// The colour of lines that are not told apart.
pub(crate) const OTHER: Colour = (186, 186, 186);
/// The width of lines that are not told apart, in pixels.
pub(crate) const OTHER_WIDTH: f64 = 1.0;
/// The width of reference lines and curves in pixels.
pub(crate) const GUIDE_WIDTH: f64 = 1.2;

/// The dash pattern of reference lines: pixels drawn, pixels left out.
pub(crate) const REFERENCE_DASH: &[f64] = &[5.0, 4.0];

/// The Okabe-Ito colours, black last, each with the darker edge it needs on white paper.
const VARIANTS: [(Colour, Option<Colour>); 8] = [
    ((0, 114, 178), None),
    ((213, 94, 0), None),
    ((0, 158, 115), None),
    ((204, 121, 167), None),
    ((230, 159, 0), None),
    ((86, 180, 233), None),
    // Yellow alone has a contrast of 1.3 on white, so it is drawn with a dark edge.
    ((240, 228, 66), Some((122, 112, 0))),
    ((0, 0, 0), None),
];

/// The holes in dots, one for each round through the colours.
const HOLES: [f64; 4] = [0.0, 3.2, 1.6, 2.4];

/// The dash patterns, one for each round through the colours.
const DASHES: [&[f64]; 4] = [&[], &[7.0, 3.5], &[2.0, 2.5], &[10.0, 3.0, 2.0, 3.0]];

/// Dark and light shades in turn, so that neighbours differ in lightness as well as in hue.
///
/// The first ten stay apart under simulated red, green and blue blindness (CIE76 distance of
/// at least 11).
const MODELS: [Colour; 16] = [
    (0, 58, 134),
    (164, 190, 238),
    (188, 70, 8),
    (240, 184, 104),
    (38, 122, 86),
    (150, 230, 188),
    (126, 84, 144),
    (248, 214, 238),
    (66, 34, 12),
    (228, 226, 84),
    (86, 86, 94),
    (192, 158, 186),
    (76, 30, 168),
    (172, 146, 240),
    (96, 14, 44),
    (236, 132, 134),
];

/// How the lines of one variant are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LineStyle {
    /// The colour of the line and of its band.
    pub(crate) colour: Colour,
    /// The colour of the edge drawn beneath a line too pale for white paper.
    pub(crate) edge: Option<Colour>,
    /// Pixels drawn and left out in turn; empty for a solid line.
    pub(crate) dash: &'static [f64],
    /// The radius of the hole in a dot in pixels; 0 for none.
    pub(crate) hole: f64,
}

/// Returns the style of a variant: 8 colours, and a new dash pattern after every 8 variants.
///
/// The styles repeat after 32 variants.
pub(crate) fn variant(index: usize) -> LineStyle {
    let (colour, edge) = VARIANTS[index % VARIANTS.len()];
    let round = (index / VARIANTS.len()) % DASHES.len();
    LineStyle { colour, edge, dash: DASHES[round], hole: HOLES[round] }
}

/// Returns the dash pattern of the lines straight down of a kind.
pub(crate) fn mark(kind: usize) -> &'static [f64] {
    [&[1.5, 3.0][..], &[], &[7.0, 3.0]][kind % 3]
}

/// Returns the colour of a model, and whether it is hatched (from the 17th model on).
pub(crate) fn model(index: usize) -> (Colour, bool) {
    (MODELS[index % MODELS.len()], (index / MODELS.len()) % 2 == 1)
}

/// Returns black or white, whichever is easier to read on the colour.
pub(crate) fn ink_on(colour: Colour) -> Colour {
    let light = luminance(colour);
    let on_black = (light + 0.05) / 0.05;
    let on_white = 1.05 / (light + 0.05);
    if on_white >= on_black { PAPER } else { INK }
}

/// Returns the relative luminance of a colour, 0 to 1, as the WCAG defines it.
fn luminance((red, green, blue): Colour) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { math::powf((part + 0.055) / 1.055, 2.4) }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_variants_look_different() {
        for left in 0..32 {
            for right in 0..left {
                assert_ne!(variant(left), variant(right), "{left} and {right}");
            }
        }
        assert_eq!(variant(32), variant(0));
    }

    #[test]
    fn black_is_the_last_colour() {
        assert_eq!(variant(7).colour, (0, 0, 0));
        assert!(variant(7).dash.is_empty());
        assert!(!variant(8).dash.is_empty());
    }

    #[test]
    fn every_line_stands_out_from_the_paper() {
        for index in 0..8 {
            let style = variant(index);
            let darkest = luminance(style.edge.unwrap_or(style.colour));
            assert!(1.05 / (darkest + 0.05) >= 2.2, "variant {index}");
        }
    }

    #[test]
    fn neighbouring_models_differ_in_lightness() {
        for index in 1..MODELS.len() {
            let (left, right) = (luminance(MODELS[index - 1]), luminance(MODELS[index]));
            let ratio = (left.max(right) + 0.05) / (left.min(right) + 0.05);
            assert!(ratio >= 2.5, "models {} and {index}: {ratio}", index - 1);
        }
        assert!(!model(15).1);
        assert!(model(16).1);
    }

    #[test]
    fn ink_follows_the_ground() {
        assert_eq!(ink_on((0, 92, 148)), PAPER);
        assert_eq!(ink_on((240, 228, 90)), INK);
        for colour in MODELS {
            let (ground, ink) = (luminance(colour), luminance(ink_on(colour)));
            let ratio = (ground.max(ink) + 0.05) / (ground.min(ink) + 0.05);
            assert!(ratio >= 4.5, "{colour:?}: {ratio}");
        }
    }
}
