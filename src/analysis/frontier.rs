//! Cost-quality curves of routers and the numbers that are read off them, with resamples of prompts.
//!
//! Costs are in USD per prompt, qualities from 0 to 1. A curve lets a router mix its settings at random, which is what
//! makes it convex.

use crate::analysis::bootstrap::Bootstrap;

/// Resamples that are summed up together, so that values are read once for all of them.
const TOGETHER: usize = 16;

/// Mean cost and quality of a router at one setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Mean cost of a prompt in USD.
    pub cost_usd: f64,
    /// Mean quality.
    pub quality: f64,
}

/// The corners of the non-decreasing convex hull of points, by rising cost and quality (Hu et al., "RouterBench", 2024):
/// the best that random mixtures of the settings reach at each cost. It begins at the cheapest setting (of equally cheap
/// ones the best) and ends at the cheapest of the best ones.
#[must_use]
pub fn hull(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| {
        a.cost_usd.total_cmp(&b.cost_usd).then_with(|| b.quality.total_cmp(&a.quality))
    });
    let mut corners: Vec<Point> = Vec::new();
    for point in sorted {
        if corners.last().is_some_and(|last| point.quality <= last.quality) {
            continue;
        }
        while let [.., before, last] = corners[..] {
            let rise = (last.quality - before.quality) * (point.cost_usd - before.cost_usd);
            if rise > (point.quality - before.quality) * (last.cost_usd - before.cost_usd) {
                break;
            }
            corners.pop();
        }
        corners.push(point);
    }
    corners
}

/// Average improvement in quality (AIQ): the mean height of a hull over a range of costs (Hu et al. 2024, section 3.2).
///
/// Right of its last corner a hull stays level. Left of its first a router has no setting that is cheap enough, and the
/// height there is 0, as in RouterBench's program, where the area begins at the first corner. The range must not be
/// empty; it is the same for all routers that are compared.
#[must_use]
pub fn average_quality(hull: &[Point], (from, to): (f64, f64)) -> f64 {
    let mut area = 0.0;
    for pair in hull.windows(2) {
        let (left, right) = (pair[0].cost_usd.max(from), pair[1].cost_usd.min(to));
        if left < right {
            let slope = (pair[1].quality - pair[0].quality) / (pair[1].cost_usd - pair[0].cost_usd);
            let height = |cost: f64| pair[0].quality + slope * (cost - pair[0].cost_usd);
            area += (right - left) * 0.5 * (height(left) + height(right));
        }
    }
    if let Some(last) = hull.last() {
        area += (to - last.cost_usd.max(from)).max(0.0) * last.quality;
    }
    area / (to - from)
}

/// The least cost at which a hull is as good as `quality`, if it ever is.
#[must_use]
pub fn cost_at(hull: &[Point], quality: f64) -> Option<f64> {
    let at = hull.iter().position(|corner| corner.quality >= quality)?;
    let right = hull[at];
    let Some(left) = at.checked_sub(1).map(|before| hull[before]) else {
        return Some(right.cost_usd);
    };
    let part = (quality - left.quality) / (right.quality - left.quality);
    Some(left.cost_usd + part * (right.cost_usd - left.cost_usd))
}

/// The settings that none beats in cost and quality at once, by rising cost.
#[must_use]
pub fn pareto(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| {
        a.cost_usd.total_cmp(&b.cost_usd).then_with(|| b.quality.total_cmp(&a.quality))
    });
    let mut kept: Vec<Point> = Vec::new();
    for point in sorted {
        if kept.last().is_none_or(|last| point.quality > last.quality) {
            kept.push(point);
        }
    }
    kept
}

/// The mean distance of a router's own Pareto settings to the Pareto settings of all routers, 0 where they are the same
/// (`ParetoDist` of Li et al., "LLMRouterBench", 2026). Costs and qualities count in shares of the ranges that all points
/// span; the nearest setting counts.
#[must_use]
pub fn pareto_distance(own: &[Point], all: &[Point]) -> f64 {
    let span = |of: fn(&Point) -> f64| {
        let (low, high) = all
            .iter()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if high > low { high - low } else { 1.0 }
    };
    let (costs, qualities) = (span(|p| p.cost_usd), span(|p| p.quality));
    let frontier = pareto(all);
    let own = pareto(own);
    let nearest = |point: &Point| {
        let squares = frontier.iter().map(|other| {
            let across = (point.cost_usd - other.cost_usd) / costs;
            let up = (point.quality - other.quality) / qualities;
            across * across + up * up
        });
        squares.fold(f64::INFINITY, f64::min).sqrt()
    };
    own.iter().map(nearest).sum::<f64>() / own.len() as f64
}

/// A router between two models at one setting: the share of prompts that it sends to the strong one, and its quality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Share of strong calls.
    pub strong: f64,
    /// Mean quality.
    pub quality: f64,
}

/// The performance gap recovered (PGR): 0 at the weak model's quality, 1 at the strong one's (Ong et al., "RouteLLM", 2024).
#[must_use]
pub fn gap_recovered(quality: f64, weak: f64, strong: f64) -> f64 {
    (quality - weak) / (strong - weak)
}

/// The average performance gap recovered (APGR): the area under the PGR over the share of strong calls, by the trapezoid
/// rule (Ong et al. 2024). A router that sends prompts at random has 1/2.
///
/// `settings` by rising share; the weak model alone and the strong model alone are added at the ends.
#[must_use]
pub fn average_gap_recovered(settings: &[Share], weak: f64, strong: f64) -> f64 {
    with_ends(settings, weak, strong)
        .windows(2)
        .map(|pair| {
            let heights = pair.iter().map(|s| gap_recovered(s.quality, weak, strong)).sum::<f64>();
            (pair[1].strong - pair[0].strong) * 0.5 * heights
        })
        .sum()
}

/// The call-performance threshold: the least share of strong calls at which a share of the gap, such as 0.8 for CPT(80 %),
/// is recovered, linear between settings (Ong et al. 2024).
///
/// `settings` as for [`average_gap_recovered`]. `None` where no share recovers it.
#[must_use]
pub fn share_needed(settings: &[Share], weak: f64, strong: f64, recovered: f64) -> Option<f64> {
    let all = with_ends(settings, weak, strong);
    let gap = |share: &Share| gap_recovered(share.quality, weak, strong);
    let at = all.iter().position(|share| gap(share) >= recovered)?;
    let Some(before) = at.checked_sub(1).map(|at| all[at]) else { return Some(all[at].strong) };
    let part = (recovered - gap(&before)) / (gap(&all[at]) - gap(&before));
    Some(before.strong + part * (all[at].strong - before.strong))
}

fn with_ends(settings: &[Share], weak: f64, strong: f64) -> Vec<Share> {
    let mut all = vec![Share { strong: 0.0, quality: weak }];
    all.extend_from_slice(settings);
    all.push(Share { strong: 1.0, quality: strong });
    all
}

/// Values of prompts in columns, of which means are taken.
#[derive(Clone, Debug)]
pub struct Columns {
    width: usize,
    /// By prompt, then column.
    values: Vec<f32>,
}

impl Columns {
    /// Columns of equal length, not empty.
    #[must_use]
    pub fn new(columns: &[Vec<f32>]) -> Self {
        let (width, n) = (columns.len(), columns[0].len());
        assert!(columns.iter().all(|column| column.len() == n), "columns of different length");
        let values = (0..n).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        Self { width, values }
    }

    /// Number of prompts.
    #[must_use]
    pub fn n(&self) -> usize {
        self.values.len() / self.width
    }

    /// The mean of each column.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for row in self.values.chunks_exact(self.width) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let n = self.n() as f64;
        sums.iter_mut().for_each(|sum| *sum /= n);
        sums
    }

    /// Shows the means of each resample of prompts: all columns are resampled together, so what is read off them is
    /// paired.
    pub fn for_each_resample(&self, bootstrap: &Bootstrap, mut see: impl FnMut(&[f64])) {
        let prompts: Vec<u32> = (0..self.n() as u32).collect();
        // By prompt, then resample.
        let mut weights = vec![0.0_f64; prompts.len() * TOGETHER];
        let mut n = 0;
        bootstrap.for_each(&[&prompts], |taken| {
            for prompt in taken {
                weights[*prompt as usize * TOGETHER + n] += 1.0;
            }
            n += 1;
            if n == TOGETHER {
                self.show(&weights, n, &mut see);
                weights.fill(0.0);
                n = 0;
            }
        });
        self.show(&weights, n, &mut see);
    }

    fn show(&self, weights: &[f64], n: usize, see: &mut impl FnMut(&[f64])) {
        let mut sums = vec![0.0_f64; self.width * n];
        for (row, weights) in
            self.values.chunks_exact(self.width).zip(weights.chunks_exact(TOGETHER))
        {
            for (sums, weight) in sums.chunks_exact_mut(self.width).zip(weights) {
                if *weight != 0.0 {
                    for (sum, value) in sums.iter_mut().zip(row) {
                        *sum += weight * f64::from(*value);
                    }
                }
            }
        }
        let total = self.n() as f64;
        sums.iter_mut().for_each(|sum| *sum /= total);
        sums.chunks_exact(self.width).for_each(see);
    }
}

/// A statistic of prompts with the middle 95 % of its resamples (percentile interval, Efron 1979).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Measured {
    /// Its value; NaN where it has none.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end; infinite where too many resamples have no value.
    pub high: f64,
}

/// Statistics of the means of columns, each with its interval. Resamples without a value (NaN) count as the largest.
pub fn measured(
    columns: &Columns,
    bootstrap: &Bootstrap,
    mut statistics: impl FnMut(&[f64]) -> Vec<f64>,
) -> Vec<Measured> {
    let values = statistics(&columns.means());
    let mut resampled: Vec<Vec<f64>> = vec![Vec::new(); values.len()];
    columns.for_each_resample(bootstrap, |means| {
        for (own, value) in resampled.iter_mut().zip(statistics(means)) {
            own.push(if value.is_nan() { f64::INFINITY } else { value });
        }
    });
    let intervals = resampled.iter_mut().zip(&values).map(|(own, &value)| {
        own.sort_unstable_by(f64::total_cmp);
        let [low, high] = [0.025, 0.975].map(|share| quantile(own, share).unwrap_or(value));
        Measured { value, low, high }
    });
    intervals.collect()
}

/// Quantile of sorted values, linear between two of them.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let [low, high] = [place.floor(), place.ceil()].map(|at| sorted[at as usize]);
    Some(if low == high { low } else { low + place.fract() * (high - low) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(pairs: &[(f64, f64)]) -> Vec<Point> {
        pairs
            .iter()
            .map(|(cost_usd, quality)| Point { cost_usd: *cost_usd, quality: *quality })
            .collect()
    }

    #[test]
    fn a_hull_rises_bends_down_and_ends_at_the_best() {
        // (2, .4) lies under the line from (1, .2) to (3, .8); (4, .7) and (9, .9) are no better than what is cheaper;
        // of the two at cost 1 the better one counts.
        let all = points(&[
            (4.0, 0.7),
            (1.0, 0.1),
            (3.0, 0.8),
            (2.0, 0.4),
            (1.0, 0.2),
            (5.0, 0.9),
            (9.0, 0.9),
        ]);
        assert_eq!(hull(&all), points(&[(1.0, 0.2), (3.0, 0.8), (5.0, 0.9)]));
        assert_eq!(pareto(&all), points(&[(1.0, 0.2), (2.0, 0.4), (3.0, 0.8), (5.0, 0.9)]));
        assert!(hull(&[]).is_empty());
    }

    #[test]
    fn the_average_quality_is_the_area_by_hand() {
        let hull = points(&[(1.0, 0.2), (3.0, 0.8), (5.0, 0.9)]);
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-15, "{found}");
        // 2 * .5 + 2 * .85 + 5 * .9 = 7.2 over 9.
        near(average_quality(&hull, (1.0, 10.0)), 0.8);
        // Nothing from 0 to 1.
        near(average_quality(&hull, (0.0, 10.0)), 0.72);
        // From 2 (.5) to 4 (.85): .65 + .825 over 2.
        near(average_quality(&hull, (2.0, 4.0)), 0.7375);
        near(average_quality(&hull, (6.0, 7.0)), 0.9);
        near(average_quality(&hull[..1], (0.5, 1.5)), 0.1);
    }

    #[test]
    fn costs_at_a_quality_lie_on_the_hull() {
        let hull = points(&[(1.0, 0.2), (3.0, 0.8), (5.0, 0.9)]);
        for (quality, cost) in [(0.1, 1.0), (0.5, 2.0), (0.8, 3.0)] {
            let found = cost_at(&hull, quality).expect("on the hull");
            assert!((found - cost).abs() < 1e-12, "{found} instead of {cost}");
        }
        assert_eq!(cost_at(&hull, 0.91), None);
    }

    #[test]
    fn distances_to_the_frontier_are_in_shares_of_the_ranges() {
        let all = points(&[(0.0, 0.0), (10.0, 0.5), (4.0, 0.2)]);
        // The frontier is all three; (10, .3) is .4 of the range of qualities (.5) below the nearest.
        assert_eq!(pareto_distance(&all, &all), 0.0);
        let own = points(&[(10.0, 0.3)]);
        let both: Vec<Point> = all.iter().chain(&own).copied().collect();
        assert!((pareto_distance(&own, &both) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn a_random_mix_recovers_what_it_pays_for() {
        let (weak, strong) = (0.6809, 0.8059);
        let share = |n: u32| {
            let strong_share = f64::from(n) / 20.0;
            Share { strong: strong_share, quality: weak + strong_share * (strong - weak) }
        };
        let mix: Vec<Share> = (0..=20).map(share).collect();
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
        near(average_gap_recovered(&mix, weak, strong), 0.5);
        near(share_needed(&mix, weak, strong, 0.5).expect("reached"), 0.5);
        near(share_needed(&mix, weak, strong, 0.8).expect("reached"), 0.8);
        let recovered = gap_recovered(0.95 * strong, weak, strong);
        near(share_needed(&mix, weak, strong, recovered).expect("reached"), recovered);
        // A router that has found all that matters at a fifth of the calls: .2 / 2 + .8.
        let good = [Share { strong: 0.2, quality: strong }];
        near(average_gap_recovered(&good, weak, strong), 0.9);
        near(share_needed(&good, weak, strong, 0.5).expect("reached"), 0.1);
        assert_eq!(share_needed(&good, weak, strong, 1.01), None);
    }

    #[test]
    fn intervals_of_means_are_those_of_resampled_prompts_and_pairs_stay_together() {
        let a: Vec<f32> = (0..400).map(|n| f32::from(u8::from(n % 4 == 0))).collect();
        let b: Vec<f32> = a.iter().map(|value| value + 0.5).collect();
        let columns = Columns::new(&[a, b]);
        let bootstrap = Bootstrap { resamples: 2_000, key: 77 };
        let found = measured(&columns, &bootstrap, |means| vec![means[0], means[1] - means[0]]);
        assert!((found[0].value - 0.25).abs() < 1e-12);
        // Standard error sqrt(.25 * .75 / 400) = .02165; an end of 2,000 resamples is off by about .06 of that (one
        // standard deviation, sqrt(.025 * .975 / 2000) / .0584), and a binomial is skew: 5 % of the half width allowed
        // beside 3.3 of them.
        for (end, expected) in [(found[0].low, 0.25 - 0.04243), (found[0].high, 0.25 + 0.04243)] {
            assert!((end - expected).abs() < 3.3 * 0.06 * 0.02165 + 0.0021, "{end}, key 77");
        }
        assert!((found[1].low - 0.5).abs() < 1e-6 && (found[1].high - 0.5).abs() < 1e-6);
    }
}
