//! Draws a display list with plotters as PNG.

use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::ShapeStyle;

use super::ChartError;
use super::geometry;
use super::output::{draw_text, drawing, fill, units, whole};
use super::scene::{Scene, Shape, Spot};
use super::theme::Colour;
use super::typeface;

/// PNG files have two dots per pixel.
const PNG_SCALE: usize = 2;
/// Each dot of a PNG is the mean of this many squared, which smooths all edges.
const SAMPLES: usize = 2;
/// Two dots per pixel at 96 pixels per inch, in dots per metre.
const DOTS_PER_METRE: u32 = 7559;

/// Returns the chart as a PNG file with two dots per pixel.
pub(crate) fn png(scene: &Scene) -> Result<Vec<u8>, ChartError> {
    let fine = (PNG_SCALE * SAMPLES) as f64;
    let size = (units(scene.width, fine), units(scene.height, fine));
    let mut dots = vec![255; size.0 as usize * size.1 as usize * 3];
    let mut backend = BitMapBackend::with_buffer(&mut dots, size);
    for shape in &scene.shapes {
        png_shape(&mut backend, shape, fine)?;
    }
    backend.present().map_err(drawing)?;
    drop(backend);
    let (wide, high) = (size.0 as usize / SAMPLES * SAMPLES, size.1 as usize / SAMPLES * SAMPLES);
    let mean = average(&dots, size.0 as usize, wide, high);
    encode(&mean, size.0 / SAMPLES as u32, size.1 / SAMPLES as u32)
}

fn png_shape(backend: &mut BitMapBackend<'_>, shape: &Shape, fine: f64) -> Result<(), ChartError> {
    match shape {
        Shape::Rect { frame, colour, alpha } => {
            let from = whole((frame.left, frame.top), fine);
            let to = whole((frame.right, frame.bottom), fine);
            let style = fill(*colour, *alpha);
            backend.draw_rect(from, to, &style, true).map_err(drawing)
        }
        Shape::Stroke { spots, width, colour, dash } => {
            let scaled: Vec<Spot> = spots.iter().map(|(x, y)| (x * fine, y * fine)).collect();
            let pattern: Vec<f64> = dash.iter().map(|part| part * fine).collect();
            for part in geometry::dashes(&scaled, &pattern) {
                png_line(backend, &part, width * fine / 2.0, *colour)?;
            }
            Ok(())
        }
        Shape::Band { edges, colour, alpha } => {
            png_band(backend, edges, &fill(*colour, *alpha), fine)
        }
        Shape::Disc { centre: (x, y), radius, colour } => {
            png_disc(backend, (x * fine, y * fine), radius * fine, *colour)
        }
        // The bitmap backend puts the base line half a line box below its place.
        Shape::Text { size, .. } => {
            let font_size = size * typeface::LINE_BOX;
            let drop = font_size / 2.0;
            draw_text(backend, shape, fine, font_size * fine, drop)
        }
    }
}

/// Draws a line piece by piece, since plotters leaves holes where a wide path crosses itself.
fn png_line(
    backend: &mut BitMapBackend<'_>,
    spots: &[Spot],
    radius: f64,
    colour: Colour,
) -> Result<(), ChartError> {
    for (index, pair) in spots.windows(2).enumerate() {
        let (from, to) = (pair[0], pair[1]);
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let length = (across * across + down * down).sqrt();
        if length < 1e-9 {
            continue;
        }
        let (nx, ny) = (-down / length * radius, across / length * radius);
        let corners = [
            (from.0 + nx, from.1 + ny),
            (to.0 + nx, to.1 + ny),
            (to.0 - nx, to.1 - ny),
            (from.0 - nx, from.1 - ny),
        ];
        backend
            .fill_polygon(corners.map(|spot| whole(spot, 1.0)), &fill(colour, 1.0))
            .map_err(drawing)?;
        if index > 0 {
            png_disc(backend, from, radius, colour)?;
        }
    }
    Ok(())
}

/// Fills a circle row by row; place and radius are in dots.
fn png_disc(
    backend: &mut BitMapBackend<'_>,
    (x, y): Spot,
    radius: f64,
    colour: Colour,
) -> Result<(), ChartError> {
    let style = fill(colour, 1.0);
    let mut row = (y - radius).floor();
    while row < y + radius {
        let off = row + 0.5 - y;
        let half = (radius * radius - off * off).max(0.0).sqrt();
        let (from, to) = (whole((x - half, row), 1.0), whole((x + half, row + 1.0), 1.0));
        if to.0 > from.0 {
            backend.draw_rect(from, to, &style, true).map_err(drawing)?;
        }
        row += 1.0;
    }
    Ok(())
}

/// Fills a band column by column, so that no dot is tinted twice.
fn png_band(
    backend: &mut BitMapBackend<'_>,
    edges: &[(f64, f64, f64)],
    style: &ShapeStyle,
    fine: f64,
) -> Result<(), ChartError> {
    for pair in edges.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let mut column = (from.0 * fine - 0.5).ceil();
        while column + 0.5 < to.0 * fine {
            let part = ((column + 0.5) / fine - from.0) / (to.0 - from.0);
            let upper = from.1 + (to.1 - from.1) * part;
            let lower = from.2 + (to.2 - from.2) * part;
            let (top, bottom) = ((upper * fine).round() as i32, (lower * fine).round() as i32);
            if bottom > top {
                let x = column as i32;
                backend.draw_line((x, top), (x, bottom - 1), style).map_err(drawing)?;
            }
            column += 1.0;
        }
    }
    Ok(())
}

/// Shrinks the picture: each dot is the mean of `SAMPLES` by `SAMPLES` dots.
fn average(dots: &[u8], stride: usize, wide: usize, high: usize) -> Vec<u8> {
    let share = (SAMPLES * SAMPLES) as u32;
    let mut mean = Vec::with_capacity(wide * high * 3 / (SAMPLES * SAMPLES));
    for row in (0..high).step_by(SAMPLES) {
        for column in (0..wide).step_by(SAMPLES) {
            for part in 0..3 {
                let mut sum = share / 2;
                for y in row..row + SAMPLES {
                    for x in column..column + SAMPLES {
                        sum += u32::from(dots[(y * stride + x) * 3 + part]);
                    }
                }
                mean.push((sum / share) as u8);
            }
        }
    }
    mean
}

fn encode(dots: &[u8], wide: u32, high: u32) -> Result<Vec<u8>, ChartError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, wide, high);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Default);
    encoder.set_filter(png::FilterType::Sub);
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: DOTS_PER_METRE,
        yppu: DOTS_PER_METRE,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header().map_err(drawing)?;
    writer.write_image_data(dots).map_err(drawing)?;
    writer.finish().map_err(drawing)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Anchor, Frame};
    use super::*;

    const RED: Colour = (255, 0, 0);

    fn decoded(scene: &Scene) -> (u32, Vec<u8>) {
        let file = png(scene).unwrap();
        let mut reader = png::Decoder::new(file.as_slice()).read_info().unwrap();
        let mut dots = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut dots).unwrap();
        (info.width, dots)
    }

    fn dot(picture: &(u32, Vec<u8>), x: usize, y: usize) -> (u8, u8, u8) {
        let at = (y * picture.0 as usize + x) * 3;
        (picture.1[at], picture.1[at + 1], picture.1[at + 2])
    }

    #[test]
    fn shapes_are_where_they_belong() {
        let mut scene = Scene::new("");
        scene.height = 60.0;
        let frame = Frame { left: 10.0, top: 10.0, right: 20.0, bottom: 20.0 };
        scene.rect(frame, RED, 1.0);
        scene.stroke(&[(30.0, 15.0), (50.0, 15.0)], 4.0, RED, &[5.0, 5.0]);
        scene.disc((70.0, 15.0), 5.0, RED);
        scene.shapes.push(Shape::Band {
            edges: vec![(80.0, 10.0, 20.0), (85.0, 10.0, 20.0), (90.0, 10.0, 20.0)],
            colour: RED,
            alpha: 0.5,
        });
        let picture = decoded(&scene);
        assert_eq!(picture.0, 1800);
        let white = (255, 255, 255);
        assert_eq!([19, 20, 39, 40].map(|x| dot(&picture, x, 30)), [white, RED, RED, white]);
        assert_eq!([64, 75, 84, 95].map(|x| dot(&picture, x, 30)), [RED, white, RED, white]);
        assert_eq!([129, 140, 151].map(|x| dot(&picture, x, 30)), [white, RED, white]);
        // The band has one tint throughout, also where its parts meet.
        let tint = dot(&picture, 161, 30);
        assert!((126..=128).contains(&tint.1), "{tint:?}");
        assert!((160..180).all(|x| dot(&picture, x, 30) == tint));
    }

    #[test]
    fn letters_stand_on_their_base_line() {
        let mut scene = Scene::new("");
        scene.height = 60.0;
        scene.text((100.0, 40.0), "H", 20.0, (0, 0, 0), Anchor::Start);
        let picture = decoded(&scene);
        let dark = |y: usize| (200..240).any(|x| dot(&picture, x, y).0 < 128);
        let rows: Vec<usize> = (0..120).filter(|y| dark(*y)).collect();
        assert_eq!(rows.last(), Some(&79));
        let height = rows.len() as f64 / 2.0;
        assert!((height - 20.0 * 0.727).abs() <= 1.0, "{height}");
    }
}
