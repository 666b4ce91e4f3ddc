//! Count, mean, variance and third moment of a sample that grows one value at a time.

/// Running moments of a sample, mergeable (Pébay, "Formulas for robust, one-pass parallel computation of covariances and
/// arbitrary-order statistical moments", 2008).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    n: u64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    m2: f64,
    /// Sum of cubed deviations from the mean.
    m3: f64,
}

impl Moments {
    /// Takes in one value.
    #[inline]
    pub fn push(&mut self, value: f64) {
        let before = self.n as f64;
        self.n += 1;
        let off = value - self.mean;
        let step = off / self.n as f64;
        let square = off * step * before;
        self.mean += step;
        self.m3 += step * (square * (before - 1.0) - 3.0 * self.m2);
        self.m2 += square;
    }

    /// The moments of both samples together.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        if self.n == 0 || other.n == 0 {
            return if self.n == 0 { *other } else { *self };
        }
        let (a, b) = (self.n as f64, other.n as f64);
        let n = a + b;
        let off = other.mean - self.mean;
        let square = off * off * a * b / n;
        Self {
            n: self.n + other.n,
            mean: self.mean + off * b / n,
            m2: self.m2 + other.m2 + square,
            m3: self.m3
                + other.m3
                + off * (square * (a - b) + 3.0 * (a * other.m2 - b * self.m2)) / n,
        }
    }

    /// Number of values.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Their mean; 0 without values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their variance (divisor n - 1); 0 below two values.
    #[inline]
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.n < 2 { 0.0 } else { self.m2 / (self.n - 1) as f64 }
    }

    /// Their third central moment (divisor n); 0 without values.
    #[inline]
    #[must_use]
    pub fn third_moment(&self) -> f64 {
        if self.n == 0 { 0.0 } else { self.m3 / self.n as f64 }
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Self::default();
        for value in values {
            moments.push(value);
        }
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_the_certified_ones_also_far_from_zero() {
        // NIST StRD, univariate summary statistics, NumAcc4: mean 10000000.2, standard deviation 0.1. The values
        // themselves are off by up to 1e-9 as floating-point numbers.
        let values: Vec<f64> = std::iter::once(10_000_000.2)
            .chain((0..1000).map(|i| if i % 2 == 0 { 10_000_000.1 } else { 10_000_000.3 }))
            .collect();
        let whole: Moments = values.into_iter().collect();
        assert_eq!(whole.n(), 1001);
        assert!((whole.mean() - 10_000_000.2).abs() < 1e-8);
        assert!((whole.variance().sqrt() - 0.1).abs() < 1e-8, "{}", whole.variance().sqrt());
    }

    #[test]
    fn parts_merge_into_the_whole() {
        // Mean 4, squared deviations 9 + 4 + 1 + 0 + 36, cubed ones -27 - 8 - 1 + 0 + 216.
        let values = [1.0, 2.0, 3.0, 4.0, 10.0];
        for cut in 0..=values.len() {
            let (left, right) = values.split_at(cut);
            let [left, right] = [left, right].map(|part| part.iter().copied().collect::<Moments>());
            let whole = left.merge(&right);
            assert!(whole.n() == 5 && (whole.mean() - 4.0).abs() < 1e-12, "cut at {cut}");
            assert!((whole.variance() - 12.5).abs() < 1e-12, "cut at {cut}");
            assert!((whole.third_moment() - 36.0).abs() < 1e-12, "cut at {cut}");
        }
        assert_eq!(Moments::default().variance(), 0.0);
        assert_eq!(Moments::default().third_moment(), 0.0);
    }
}
