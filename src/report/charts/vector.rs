//! Draws a display list with plotters as SVG.

use plotters::backend::{DrawingBackend, SVGBackend};

use super::ChartError;
use super::output::{draw_text, drawing, fill, units, whole};
use super::scene::{Frame, Scene, Shape, Spot};
use super::theme::PAPER;

/// Plotters has whole coordinates only, so SVG files are drawn in tenths of a pixel.
const SVG_UNITS: f64 = 10.0;

/// Returns the chart as an SVG document.
pub(crate) fn svg(scene: &Scene) -> Result<String, ChartError> {
    let size = (units(scene.width, SVG_UNITS), units(scene.height, SVG_UNITS));
    let mut drawn = String::new();
    let mut backend = SVGBackend::with_string(&mut drawn, size);
    let paper = Shape::Rect {
        frame: Frame { left: 0.0, top: 0.0, right: scene.width, bottom: scene.height },
        colour: PAPER,
        alpha: 1.0,
    };
    svg_shape(&mut backend, &paper)?;
    for shape in &scene.shapes {
        svg_shape(&mut backend, shape)?;
    }
    backend.present().map_err(drawing)?;
    drop(backend);
    Ok(finish(scene, &drawn))
}

/// Adds what plotters cannot write: size in pixels, name, round joins and dashes.
fn finish(scene: &Scene, drawn: &str) -> String {
    let mut dashes = scene.shapes.iter().filter_map(|shape| match shape {
        Shape::Stroke { dash, .. } => Some(*dash),
        _ => None,
    });
    let mut svg = String::with_capacity(drawn.len() + 256);
    let mut in_text = false;
    for line in drawn.lines() {
        if in_text {
            // Plotters sets texts on lines of their own, which some viewers show as blanks.
            svg.push_str(line);
            in_text = line != "</text>";
            if !in_text {
                svg.push('\n');
            }
        } else if let Some(rest) = line.strip_prefix("<svg ") {
            let view_box = rest.find("viewBox").map_or(rest, |at| &rest[at..]);
            svg.push_str(&format!(
                "<svg width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"{}\" \
                 stroke-linejoin=\"round\" {view_box}\n",
                scene.width,
                scene.height,
                escape(&scene.name),
            ));
        } else if let Some(rest) = line.strip_prefix("<polyline ") {
            svg.push_str("<polyline ");
            let dash = dashes.next().unwrap_or_default();
            if !dash.is_empty() {
                let parts: Vec<String> =
                    dash.iter().map(|part| units(*part, SVG_UNITS).to_string()).collect();
                svg.push_str(&format!("stroke-dasharray=\"{}\" ", parts.join(" ")));
            }
            svg.push_str(rest);
            svg.push('\n');
        } else {
            in_text = line.starts_with("<text ");
            svg.push_str(line);
            if !in_text {
                svg.push('\n');
            }
        }
    }
    svg
}

fn svg_shape(backend: &mut SVGBackend<'_>, shape: &Shape) -> Result<(), ChartError> {
    let place = |spot: Spot| whole(spot, SVG_UNITS);
    let result = match shape {
        Shape::Rect { frame, colour, alpha } => backend.draw_rect(
            place((frame.left, frame.top)),
            place((frame.right, frame.bottom)),
            &fill(*colour, *alpha),
            true,
        ),
        Shape::Stroke { spots, width, colour, .. } => {
            let mut style = fill(*colour, 1.0);
            style.stroke_width = units(*width, SVG_UNITS);
            backend.draw_path(spots.iter().map(|spot| place(*spot)), &style)
        }
        Shape::Band { edges, colour, alpha } => {
            let upper = edges.iter().map(|(x, upper, _)| place((*x, *upper)));
            let lower = edges.iter().rev().map(|(x, _, lower)| place((*x, *lower)));
            backend.fill_polygon(upper.chain(lower), &fill(*colour, *alpha))
        }
        Shape::Disc { centre, radius, colour } => backend.draw_circle(
            place(*centre),
            units(*radius, SVG_UNITS),
            &fill(*colour, 1.0),
            true,
        ),
        // The SVG backend puts the base line of a text 0.76 em below its place and takes an
        // em to be the font size divided by 1.24.
        Shape::Text { size, .. } => {
            let font_size = size * 1.24 * SVG_UNITS;
            return draw_text(backend, shape, SVG_UNITS, font_size, size * 0.76);
        }
    };
    result.map_err(drawing)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::scene::Anchor;
    use super::super::theme::{AXIS, REFERENCE_DASH};
    use super::*;

    #[test]
    fn pixels_names_and_dashes_reach_the_file() {
        let mut scene = Scene::new("a \"b\" <c> & d");
        scene.height = 50.0;
        scene.stroke(&[(0.0, 0.0), (9.0, 9.0)], 2.0, AXIS, &[]);
        scene.stroke(&[(0.0, 0.0), (9.0, 9.0)], 2.0, AXIS, REFERENCE_DASH);
        scene.text((10.0, 20.0), "x < y\n& z", 12.0, AXIS, Anchor::Start);
        let svg = svg(&scene).unwrap();
        let start = "<svg width=\"900\" height=\"50\" role=\"img\" \
                     aria-label=\"a &quot;b&quot; &lt;c&gt; &amp; d\"";
        assert!(svg.starts_with(start), "{svg}");
        assert!(svg.contains("viewBox=\"0 0 9000 500\""));
        assert_eq!(svg.matches("<polyline ").count(), 2);
        assert_eq!(svg.matches("stroke-dasharray=\"50 40\"").count(), 1);
        assert!(svg.contains(">x &lt; y &amp; z</text>"), "{svg}");
        assert!(svg.ends_with("</svg>\n"), "{svg}");
    }
}
