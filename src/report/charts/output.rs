//! What drawing as SVG and drawing as PNG have in common.

use std::fmt::Display;

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBAColor, RGBColor, ShapeStyle, TextStyle};

use super::ChartError;
use super::scene::{Anchor, Shape, Spot};
use super::theme::Colour;
use super::typeface;

/// Draws a text; `drop` is how far in pixels the backend puts the base line below its place.
///
/// The font size is in units of the backend, of which a pixel has `scale`.
pub(crate) fn draw_text<B: DrawingBackend>(
    backend: &mut B,
    shape: &Shape,
    scale: f64,
    font_size: f64,
    drop: f64,
) -> Result<(), ChartError> {
    let Shape::Text { spot: (x, y), text, colour, anchor, upright, .. } = shape else {
        return Ok(());
    };
    let side = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let ink = rgb(*colour);
    let style = TextStyle::from(typeface::font(font_size, *upright))
        .color(&ink)
        .pos(Pos::new(side, VPos::Top));
    let place = if *upright { (x - drop, *y) } else { (*x, y - drop) };
    backend.draw_text(text, &style, whole(place, scale)).map_err(drawing)
}

fn rgb((red, green, blue): Colour) -> RGBColor {
    RGBColor(red, green, blue)
}

/// Returns the style of a filled shape; `alpha` is 1 for an opaque one.
pub(crate) fn fill(colour: Colour, alpha: f64) -> ShapeStyle {
    let colour: RGBAColor = rgb(colour).mix(alpha);
    colour.filled()
}

/// Returns a place in whole units of a backend, of which a pixel has `scale`.
pub(crate) fn whole((x, y): Spot, scale: f64) -> (i32, i32) {
    ((x * scale).round() as i32, (y * scale).round() as i32)
}

/// Returns a length in whole units of a backend, of which a pixel has `scale`.
pub(crate) fn units(length: f64, scale: f64) -> u32 {
    (length * scale).round() as u32
}

/// Turns an error of a drawing library into one of a chart.
pub(crate) fn drawing(error: impl Display) -> ChartError {
    ChartError::Drawing(error.to_string())
}
