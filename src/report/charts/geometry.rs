//! Cuts lines and bands to a frame, thins them out and breaks them into dashes.

use super::scene::{Frame, Spot};

/// Points nearer than this many pixels across are merged.
const COLUMN: f64 = 0.5;

/// Returns the parts of a line inside a frame.
pub(crate) fn clip_line(spots: &[Spot], frame: Frame) -> Vec<Vec<Spot>> {
    let mut parts: Vec<Vec<Spot>> = Vec::new();
    let mut end = None;
    for pair in spots.windows(2) {
        let Some((from, to)) = clip_piece(pair[0], pair[1], frame) else {
            end = None;
            continue;
        };
        match parts.last_mut() {
            Some(part) if end == Some(from) => part.push(to),
            _ => parts.push(vec![from, to]),
        }
        end = Some(to);
    }
    parts
}

/// Cuts one straight piece to the frame, after Liang and Barsky.
fn clip_piece(from: Spot, to: Spot, frame: Frame) -> Option<(Spot, Spot)> {
    let (across, down) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (step, room) in [
        (-across, from.0 - frame.left),
        (across, frame.right - from.0),
        (-down, from.1 - frame.top),
        (down, frame.bottom - from.1),
    ] {
        if step == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if step < 0.0 {
            enter = enter.max(room / step);
        } else {
            leave = leave.min(room / step);
        }
    }
    if enter > leave {
        return None;
    }
    let at = |part: f64| (from.0 + across * part, from.1 + down * part);
    let first = if enter == 0.0 { from } else { at(enter) };
    let last = if leave == 1.0 { to } else { at(leave) };
    Some((first, last))
}

/// Returns the part of a band inside a frame; its edges are across, upper, lower.
pub(crate) fn clip_band(edges: &[(f64, f64, f64)], frame: Frame) -> Vec<(f64, f64, f64)> {
    let mut inside: Vec<(f64, f64, f64)> = Vec::new();
    for pair in edges.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if to.0 < frame.left || from.0 > frame.right || to.0 <= from.0 {
            continue;
        }
        for x in [from.0.max(frame.left), to.0.min(frame.right)] {
            let part = (x - from.0) / (to.0 - from.0);
            let upper = from.1 + (to.1 - from.1) * part;
            let lower = from.2 + (to.2 - from.2) * part;
            let edge =
                (x, upper.clamp(frame.top, frame.bottom), lower.clamp(frame.top, frame.bottom));
            if inside.last() != Some(&edge) {
                inside.push(edge);
            }
        }
    }
    inside
}

/// Returns the line with at most four points in each half pixel: first, extremes and last.
///
/// The picture stays the same, but a line of a million points stays small as SVG.
pub(crate) fn thin_line(spots: &[Spot]) -> Vec<Spot> {
    let mut thin = Vec::new();
    for column in columns(spots, |spot| spot.0) {
        let (first, last) = (0, column.len() - 1);
        let mut kept = [first, first, last, last];
        for (index, spot) in column.iter().enumerate() {
            if spot.1 < column[kept[1]].1 {
                kept[1] = index;
            }
            if spot.1 > column[kept[2]].1 {
                kept[2] = index;
            }
        }
        kept.sort_unstable();
        for (place, index) in kept.iter().enumerate() {
            if place == 0 || kept[place - 1] != *index {
                thin.push(column[*index]);
            }
        }
    }
    thin
}

/// Returns the band with one edge in each half pixel, as wide as the widest there.
pub(crate) fn thin_band(edges: &[(f64, f64, f64)]) -> Vec<(f64, f64, f64)> {
    columns(edges, |edge| edge.0)
        .map(|column| {
            column
                .iter()
                .skip(1)
                .fold(column[0], |all, edge| (all.0, all.1.min(edge.1), all.2.max(edge.2)))
        })
        .collect()
}

/// Groups points that lie within the same half pixel; there is no empty group.
fn columns<T>(points: &[T], across: impl Fn(&T) -> f64) -> impl Iterator<Item = &[T]> {
    points.chunk_by(move |left, right| {
        (across(left) / COLUMN).floor() == (across(right) / COLUMN).floor()
    })
}

/// Breaks a line into the drawn parts of a dash pattern; without a pattern it stays whole.
pub(crate) fn dashes(spots: &[Spot], pattern: &[f64]) -> Vec<Vec<Spot>> {
    if pattern.is_empty() || pattern.iter().any(|part| *part <= 0.0) {
        return vec![spots.to_vec()];
    }
    let mut parts: Vec<Vec<Spot>> = Vec::new();
    let (mut phase, mut left) = (0, pattern[0]);
    let mut part: Vec<Spot> = spots.first().copied().into_iter().collect();
    for pair in spots.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length =
            ((to.0 - from.0) * (to.0 - from.0) + (to.1 - from.1) * (to.1 - from.1)).sqrt();
        while length > left {
            let share = left / length;
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            length -= left;
            if phase % 2 == 0 {
                part.push(from);
                parts.push(std::mem::take(&mut part));
            } else {
                part = vec![from];
            }
            phase = (phase + 1) % pattern.len();
            left = pattern[phase];
        }
        left -= length;
        if phase % 2 == 0 {
            part.push(to);
        }
    }
    if part.len() > 1 {
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };

    #[test]
    fn lines_are_cut_at_the_frame() {
        let spots = [(-5.0, 5.0), (5.0, 5.0), (5.0, 20.0), (8.0, 20.0), (8.0, 5.0)];
        let parts = clip_line(&spots, FRAME);
        assert_eq!(
            parts,
            vec![vec![(0.0, 5.0), (5.0, 5.0), (5.0, 10.0)], vec![(8.0, 10.0), (8.0, 5.0)],]
        );
        assert!(clip_line(&[(0.0, 11.0), (10.0, 12.0)], FRAME).is_empty());
    }

    #[test]
    fn bands_are_cut_at_the_frame() {
        let edges = [(-10.0, -5.0, 5.0), (10.0, 5.0, 15.0)];
        let cut = clip_band(&edges, FRAME);
        assert_eq!(cut, vec![(0.0, 0.0, 10.0), (10.0, 5.0, 10.0)]);
    }

    #[test]
    fn thinning_keeps_peaks() {
        let mut spots: Vec<Spot> = (0..10_000).map(|i| (f64::from(i) / 1000.0, 1.0)).collect();
        spots[5_000].1 = 9.0;
        let thin = thin_line(&spots);
        assert!(thin.len() <= 80, "{}", thin.len());
        assert!(thin.contains(&(5.0, 9.0)));
        assert_eq!(thin.first(), spots.first());
        assert_eq!(thin.last(), spots.last());
        let sparse = [(0.0, 1.0), (1.0, 2.0), (2.0, 0.0)];
        assert_eq!(thin_line(&sparse), sparse);
        assert_eq!(
            thin_band(&[(0.0, 4.0, 5.0), (0.1, 3.0, 6.0), (2.0, 1.0, 2.0)]),
            vec![(0.0, 3.0, 6.0), (2.0, 1.0, 2.0)]
        );
    }

    #[test]
    fn dashes_run_on_around_corners() {
        let spots = [(0.0, 0.0), (3.0, 0.0), (3.0, 7.0)];
        let parts = dashes(&spots, &[4.0, 2.0]);
        assert_eq!(
            parts,
            vec![vec![(0.0, 0.0), (3.0, 0.0), (3.0, 1.0)], vec![(3.0, 3.0), (3.0, 7.0)],]
        );
        assert_eq!(dashes(&spots, &[]), vec![spots.to_vec()]);
    }
}
