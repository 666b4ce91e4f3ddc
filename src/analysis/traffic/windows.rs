//! Counts of arrivals in consecutive windows.

use super::Dispersion;
use crate::math;

/// Counts in windows of one length: sums in whole numbers, so that no digit is lost.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    window_s: u64,
    /// The window that is open, and its count.
    open: u64,
    count: u64,
    /// Windows that are closed, their counts and the squares of these.
    closed: u64,
    sum: u128,
    squares: u128,
}

impl Windows {
    pub(super) fn new(window_s: u64) -> Self {
        Self { window_s, open: 0, count: 0, closed: 0, sum: 0, squares: 0 }
    }

    /// Counts an arrival, not before the last one.
    pub(super) fn push(&mut self, arrived_ns: u64) {
        let window = arrived_ns / (self.window_s * 1_000_000_000);
        if window > self.open {
            let count = u128::from(self.count);
            self.sum += count;
            self.squares += count * count;
            // Windows without an arrival add nothing to the sums.
            self.closed += window - self.open;
            self.open = window;
            self.count = 0;
        }
        self.count += 1;
    }

    /// The window of the last arrival is left out: it may be cut off.
    pub(super) fn dispersion(&self) -> Dispersion {
        let n = self.closed as f64;
        let mean = if self.closed == 0 { 0.0 } else { self.sum as f64 / n };
        let index = (self.closed >= 2 && self.sum > 0).then(|| {
            let n_whole = u128::from(self.closed);
            let spread = n_whole * self.squares - self.sum * self.sum;
            spread as f64 / (n * (n - 1.0)) / mean
        });
        let limits = [0.005, 0.995].map(|p| chi_square_quantile(p, n - 1.0) / (n - 1.0));
        Dispersion {
            window_s: self.window_s,
            windows: self.closed,
            mean_count: mean,
            index,
            poisson_99: index.map(|_| limits),
        }
    }
}

/// Quantile of the chi-square distribution: (n - 1) times the index of dispersion of n Poisson counts follows it nearly
/// (Fisher, "The significance of deviations from expectation in a Poisson series", 1950). Approximation of Wilson and
/// Hilferty, "The distribution of chi-square", 1931.
fn chi_square_quantile(p: f64, df: f64) -> f64 {
    let width = 2.0 / (9.0 * df);
    let root = (1.0 - width + math::normal_quantile(p) * width.sqrt()).max(0.0);
    df * root * root * root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_windows_count_and_the_last_does_not() {
        let mut windows = Windows::new(1);
        for ms in [0, 100, 999, 1000, 4500, 5000] {
            windows.push(ms * 1_000_000);
        }
        // Counts 3, 1, 0, 0, 1: mean 1, squared deviations 4 + 0 + 1 + 1 + 0 over 4.
        let found = windows.dispersion();
        assert_eq!((found.windows, found.mean_count, found.index), (5, 1.0, Some(1.5)));
        assert_eq!(Windows::new(60).dispersion().index, None);
    }

    #[test]
    fn quantiles_are_near_the_tabled_ones() {
        // scipy.stats.chi2.ppf; the approximation is good to 3 % from 10 degrees of freedom on, to 0.01 % at 1000.
        for (p, df, wanted) in [
            (0.005, 10.0, 2.155_856),
            (0.995, 10.0, 25.188_180),
            (0.005, 1000.0, 888.563_5),
            (0.995, 1000.0, 1_118.948_1),
        ] {
            let found = chi_square_quantile(p, df);
            let off = if df < 100.0 { 0.03 } else { 1e-4 };
            assert!((found / wanted - 1.0).abs() < off, "{p} {df}: {found} for {wanted}");
        }
    }
}
