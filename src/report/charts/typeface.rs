//! The bundled font: registering it, measuring text, shortening and wrapping it.

use std::sync::Once;

use plotters::style::{FontDesc, FontStyle, FontTransform, IntoFont, register_font};

/// The font names written to SVG files, best first.
pub(crate) const FAMILY: &str = "Inter, Helvetica, Arial, sans-serif";

/// The height of the font's line box in ems, which `ab_glyph` takes for the font size.
pub(crate) const LINE_BOX: f64 = 1.21;

/// Viewers without the bundled font may show SVG text this much wider than measured.
pub(crate) const SLACK: f64 = 1.06;

const BYTES: &[u8] = include_bytes!("font/inter-regular-subset.ttf");
const ELLIPSIS: char = '…';

/// Makes the bundled font known to plotters; doing so again has no effect.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let registered = register_font(FAMILY, FontStyle::Normal, BYTES).is_ok();
        assert!(registered, "the bundled font is a valid TrueType file");
    });
}

/// Returns the font for plotters; `size` is in the units of the backend.
pub(crate) fn font(size: f64, upright: bool) -> FontDesc<'static> {
    register();
    let font = (FAMILY, size).into_font();
    if upright { font.transform(FontTransform::Rotate270) } else { font }
}

/// Returns the advance width of a text in pixels, at a size in pixels per em.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    // Plotters rounds widths to whole units, so the text is measured large.
    const EM: f64 = 1000.0;
    let layout =
        font(EM * LINE_BOX, false).layout_box(text).expect("the bundled font is registered");
    f64::from(layout.1.0) / EM * size
}

/// Returns the text with characters that would break a line of a chart replaced by blanks.
pub(crate) fn one_line(text: &str) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(blank).collect::<String>().trim().to_owned()
}

/// Returns the text, its middle replaced by `…` when it is wider than `room` pixels.
///
/// Both ends stay, since names of variants and models often differ in their last part.
pub(crate) fn shorten(text: &str, size: f64, room: f64) -> String {
    let text = one_line(text);
    if width(&text, size) <= room {
        return text;
    }
    let letters: Vec<char> = text.chars().collect();
    for kept in (1..letters.len()).rev() {
        let head = kept.div_ceil(2);
        let mut short: String = letters[..head].iter().collect();
        short.push(ELLIPSIS);
        short.extend(&letters[letters.len() - (kept - head)..]);
        if width(&short, size) <= room {
            return short;
        }
    }
    ELLIPSIS.to_string()
}

/// Returns the text broken at blanks into at most `lines` lines no wider than `room` pixels.
///
/// What is left over goes to the last line, which is shortened.
pub(crate) fn wrap(text: &str, size: f64, room: f64, lines: usize) -> Vec<String> {
    let text = one_line(text);
    let mut wrapped: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let full = wrapped.len() >= lines;
        match wrapped.last_mut() {
            Some(line) if full || width(&format!("{line} {word}"), size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => wrapped.push(word.to_owned()),
        }
    }
    for line in &mut wrapped {
        *line = shorten(line, size, room);
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_grow_with_text_and_size() {
        assert_eq!(width("", 12.0), 0.0);
        assert!(width("mm", 12.0) > width("m", 12.0));
        let twice = width("variant", 24.0) / width("variant", 12.0);
        assert!((twice - 2.0).abs() < 0.01, "{twice}");
    }

    #[test]
    fn short_text_stays_whole() {
        assert_eq!(shorten("ucb1", 12.0, 100.0), "ucb1");
    }

    #[test]
    fn long_text_keeps_both_ends() {
        let name = "thompson-sampling-with-a-sliding-window-of-500-tasks";
        let short = shorten(name, 12.0, 150.0);
        assert!(short.starts_with("thompson"), "{short}");
        assert!(short.ends_with("tasks"), "{short}");
        assert_eq!(short.matches(ELLIPSIS).count(), 1);
        assert!(width(&short, 12.0) <= 150.0);
        assert_eq!(shorten(name, 12.0, 1.0), "…");
    }

    #[test]
    fn line_breaks_do_not_reach_the_chart() {
        assert_eq!(one_line(" a\nb\tc "), "a b c");
    }

    #[test]
    fn long_titles_wrap_into_the_lines_given() {
        let title = "Efficiency of routing stacks under a long storm of rate limits";
        let lines = wrap(title, 18.0, 300.0, 3);
        assert_eq!(lines.join(" "), title);
        assert!(lines.iter().all(|line| width(line, 18.0) <= 300.0));
        assert_eq!(wrap(title, 18.0, 200.0, 2).len(), 2);
        assert!(wrap("", 18.0, 200.0, 2).is_empty());
    }

    #[test]
    fn the_font_has_every_sign_the_charts_use() {
        let missing = width("\u{10FFFF}", 1000.0);
        for sign in "0123456789.,−×⁰¹²³⁴⁵⁶⁷⁸⁹⁻%kMGT…+–".chars() {
            assert!(width(&sign.to_string(), 1000.0) > 0.0, "{sign}");
            assert_ne!(width(&sign.to_string(), 1000.0), missing, "{sign}");
        }
    }
}
