//! The display list: what a chart consists of, before it becomes an SVG or a PNG.

use super::theme::{self, Colour, LineStyle};
use super::typeface;
use super::{ChartError, Rendered, raster, vector};

/// A place on the chart in pixels from the upper left corner: across, down.
pub(crate) type Spot = (f64, f64);

/// A rectangle on the chart in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Frame {
    /// Returns the width in pixels.
    pub(crate) fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Returns the height in pixels.
    pub(crate) fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// Which part of a text lies at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// One thing to draw; later shapes cover earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// A filled rectangle; `alpha` is 1 for an opaque one.
    Rect { frame: Frame, colour: Colour, alpha: f64 },
    /// An opaque line through all places, dashed when `dash` is not empty.
    Stroke { spots: Vec<Spot>, width: f64, colour: Colour, dash: &'static [f64] },
    /// A translucent area between an upper and a lower edge: across, upper, lower.
    Band { edges: Vec<(f64, f64, f64)>, colour: Colour, alpha: f64 },
    /// A filled opaque circle.
    Disc { centre: Spot, radius: f64, colour: Colour },
    /// One line of text; the place is on its base line.
    Text {
        spot: Spot,
        text: String,
        size: f64,
        colour: Colour,
        anchor: Anchor,
        /// Whether the text runs from the bottom to the top.
        upright: bool,
    },
}

/// A chart as a list of shapes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// What a screen reader says for the chart.
    pub(crate) name: String,
    pub(crate) shapes: Vec<Shape>,
}

impl Scene {
    /// Starts an empty chart of the usual width; its height is set once it is known.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            width: theme::WIDTH,
            height: 0.0,
            name: typeface::one_line(name),
            shapes: Vec::new(),
        }
    }

    /// Draws the chart as SVG and as PNG.
    pub(crate) fn render(&self) -> Result<Rendered, ChartError> {
        Ok(Rendered { svg: vector::svg(self)?, png: raster::png(self)? })
    }

    /// Adds a filled rectangle unless it is empty.
    pub(crate) fn rect(&mut self, frame: Frame, colour: Colour, alpha: f64) {
        if frame.width() > 0.0 && frame.height() > 0.0 {
            self.shapes.push(Shape::Rect { frame, colour, alpha });
        }
    }

    /// Adds a line one pixel thick, straight across or straight down.
    pub(crate) fn rule(&mut self, from: Spot, to: Spot, colour: Colour) {
        let (left, top) = (from.0.round(), from.1.round());
        let frame = Frame {
            left,
            top,
            right: to.0.round().max(left + 1.0),
            bottom: to.1.round().max(top + 1.0),
        };
        self.rect(frame, colour, 1.0);
    }

    /// Adds a line in the style of a variant.
    pub(crate) fn styled(&mut self, spots: &[Spot], width: f64, style: LineStyle) {
        if let Some(edge) = style.edge {
            self.stroke(spots, width + 1.2, edge, style.dash);
        }
        self.stroke(spots, width, style.colour, style.dash);
    }

    /// Adds a line through at least two places.
    pub(crate) fn stroke(
        &mut self,
        spots: &[Spot],
        width: f64,
        colour: Colour,
        dash: &'static [f64],
    ) {
        if spots.len() > 1 {
            self.shapes.push(Shape::Stroke { spots: spots.to_vec(), width, colour, dash });
        }
    }

    /// Adds a filled circle.
    pub(crate) fn disc(&mut self, centre: Spot, radius: f64, colour: Colour) {
        self.shapes.push(Shape::Disc { centre, radius, colour });
    }

    /// Adds the dot of a variant.
    pub(crate) fn dot(&mut self, centre: Spot, style: LineStyle) {
        if let Some(edge) = style.edge {
            self.disc(centre, 5.1, edge);
        }
        self.disc(centre, 4.5, style.colour);
        if style.hole > 0.0 {
            self.disc(centre, style.hole, theme::PAPER);
        }
    }

    /// Adds a line of text unless it is empty.
    pub(crate) fn text(
        &mut self,
        spot: Spot,
        text: &str,
        size: f64,
        colour: Colour,
        anchor: Anchor,
    ) {
        self.push_text(spot, text, size, colour, anchor, false);
    }

    /// Adds an axis label that runs from the bottom to the top, centred on its place.
    pub(crate) fn upright_text(&mut self, spot: Spot, text: &str, size: f64, colour: Colour) {
        self.push_text(spot, text, size, colour, Anchor::Middle, true);
    }

    fn push_text(
        &mut self,
        spot: Spot,
        text: &str,
        size: f64,
        colour: Colour,
        anchor: Anchor,
        upright: bool,
    ) {
        let text = typeface::one_line(text);
        if !text.is_empty() {
            self.shapes.push(Shape::Text { spot, text, size, colour, anchor, upright });
        }
    }

    /// Adds title and subtitle and returns where the rest of the chart may start, in pixels.
    pub(crate) fn heading(&mut self, title: &str, subtitle: &str) -> f64 {
        let room = self.width - 2.0 * theme::MARGIN;
        let mut y = theme::MARGIN - 4.0;
        for line in typeface::wrap(title, theme::TITLE_SIZE, room, 2) {
            y += 20.0;
            let spot = (theme::MARGIN, y);
            self.text(spot, &line, theme::TITLE_SIZE, theme::INK, Anchor::Start);
            y += 2.0;
        }
        for line in typeface::wrap(subtitle, theme::SMALL_SIZE, room, 2) {
            y += 16.0;
            let spot = (theme::MARGIN, y);
            self.text(spot, &line, theme::SMALL_SIZE, theme::SOFT_INK, Anchor::Start);
        }
        y + 14.0
    }

    /// Fails unless all texts lie within the chart and none covers another.
    #[cfg(test)]
    pub(crate) fn assert_legible(&self) {
        let boxes = self.text_boxes();
        for (index, (text, one)) in boxes.iter().enumerate() {
            let inside = one.left >= 2.0
                && one.top >= 2.0
                && one.right <= self.width - 2.0
                && one.bottom <= self.height - 2.0;
            assert!(inside, "'{text}' is clipped in '{}': {one:?}", self.name);
            for (other_text, other) in &boxes[..index] {
                let apart = one.right <= other.left
                    || other.right <= one.left
                    || one.bottom <= other.top
                    || other.bottom <= one.top;
                assert!(apart, "'{text}' covers '{other_text}' in '{}'", self.name);
            }
        }
    }

    /// Returns the boxes of all texts, for tests that look for overlaps and clipping.
    #[cfg(test)]
    pub(crate) fn text_boxes(&self) -> Vec<(String, Frame)> {
        let mut boxes = Vec::new();
        for shape in &self.shapes {
            if let Shape::Text { spot: (x, y), text, size, anchor, upright, .. } = shape {
                let width = typeface::width(text, *size);
                let start = match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => -width / 2.0,
                    Anchor::End => -width,
                };
                let (rise, fall) = (size * 0.75, size * 0.2);
                let frame = if *upright {
                    Frame {
                        left: x - rise,
                        right: x + fall,
                        top: y - start - width,
                        bottom: y - start,
                    }
                } else {
                    Frame {
                        left: x + start,
                        right: x + start + width,
                        top: y - rise,
                        bottom: y + fall,
                    }
                };
                boxes.push((text.clone(), frame));
            }
        }
        boxes
    }
}
