//! Samplers by inversion over portable functions: one uniform number, one variate.
//!
//! They implement [`rand_distr::Distribution`], so they mix with that crate's own. Its lognormal, gamma, beta and
//! ziggurat tails call the platform's `exp` and `ln` as soon as any crate in the build turns `num-traits/std` on
//! (polars does), which would tie results to the platform; tests hold ours against them instead.

use rand::Rng;
use rand_distr::Distribution;

use crate::math;
use crate::sim::stream::Stream;

/// A standard normal variate by inversion (Wichura 1988).
#[inline]
pub fn standard_normal(stream: &mut Stream) -> f64 {
    math::normal_quantile(stream.uniform())
}

/// An exponential variate with mean 1 by inversion.
#[inline]
pub fn standard_exponential(stream: &mut Stream) -> f64 {
    -math::ln(stream.uniform())
}

fn open_uniform<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
}

/// Lognormal distribution given by its mean and the standard deviation of its logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    mu: f64,
    sigma: f64,
}

impl LogNormal {
    /// Mean `mean` > 0, log-scale standard deviation `sigma` >= 0.
    #[must_use]
    pub fn with_mean(mean: f64, sigma: f64) -> Self {
        assert!(mean > 0.0 && sigma >= 0.0, "lognormal with mean {mean}, sigma {sigma}");
        Self { mu: math::ln(mean) - 0.5 * sigma * sigma, sigma }
    }

    /// The value at the standard normal `z`.
    #[inline]
    #[must_use]
    pub fn at(&self, z: f64) -> f64 {
        math::exp(self.mu + self.sigma * z)
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        math::exp(self.mu + 0.5 * self.sigma * self.sigma)
    }
}

impl Distribution<f64> for LogNormal {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        self.at(math::normal_quantile(open_uniform(rng)))
    }
}

/// Gamma distribution with scale 1 (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    d: f64,
    c: f64,
    boost: Option<f64>,
}

impl Gamma {
    /// Shape `shape` > 0.
    #[must_use]
    pub fn with_shape(shape: f64) -> Self {
        assert!(shape > 0.0, "gamma with shape {shape}");
        let (shape, boost) =
            if shape < 1.0 { (shape + 1.0, Some(1.0 / shape)) } else { (shape, None) };
        let d = shape - 1.0 / 3.0;
        Self { d, c: 1.0 / (9.0 * d).sqrt(), boost }
    }
}

impl Distribution<f64> for Gamma {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        let value = loop {
            let z = math::normal_quantile(open_uniform(rng));
            let root = 1.0 + self.c * z;
            if root <= 0.0 {
                continue;
            }
            let v = root * root * root;
            let u = open_uniform(rng);
            // The squeeze spares the logarithm in 98 of 100 cases.
            if u < 1.0 - 0.0331 * z * z * z * z
                || math::ln(u) < 0.5 * z * z + self.d * (1.0 - v + math::ln(v))
            {
                break self.d * v;
            }
        };
        match self.boost {
            Some(power) => value * math::powf(open_uniform(rng), power),
            None => value,
        }
    }
}

/// Beta distribution as a ratio of two gammas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beta {
    a: Gamma,
    b: Gamma,
}

impl Beta {
    /// Shapes `a` > 0 and `b` > 0.
    #[must_use]
    pub fn new(a: f64, b: f64) -> Self {
        Self { a: Gamma::with_shape(a), b: Gamma::with_shape(b) }
    }
}

impl Distribution<f64> for Beta {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        let x = self.a.sample(rng);
        x / (x + self.b.sample(rng))
    }
}

/// Mean of a normal variate with `mean` and `sd` that is clamped to `low..=high`.
#[must_use]
pub fn clamped_normal_mean(mean: f64, sd: f64, low: f64, high: f64) -> f64 {
    if sd == 0.0 {
        return mean.clamp(low, high);
    }
    let (a, b) = ((low - mean) / sd, (high - mean) / sd);
    let inside = math::normal_cdf(b) - math::normal_cdf(a);
    low * math::normal_cdf(a)
        + high * math::normal_cdf(-b)
        + mean * inside
        + sd * (math::normal_pdf(a) - math::normal_pdf(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::stream::{Purpose, Streams};

    /// Kolmogorov-Smirnov distance between two samples of equal size.
    fn distance(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
        a.sort_by(f64::total_cmp);
        b.sort_by(f64::total_cmp);
        let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
        while i < a.len() && j < b.len() {
            if a[i] <= b[j] {
                i += 1;
            } else {
                j += 1;
            }
            largest = largest.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
        }
        largest
    }

    /// Two-sample test at alpha = 0.001: reject above c sqrt(2/n), c = sqrt(-ln(alpha/2)/2) = 1.949.
    fn same_law(ours: &impl Distribution<f64>, theirs: &impl Distribution<f64>, what: &str) {
        let n = 20_000;
        let mut stream = Streams::new(20_260_301).nth(Purpose::Expectation, 1);
        let a = (0..n).map(|_| ours.sample(&mut stream)).collect();
        let mut stream = Streams::new(20_260_302).nth(Purpose::Expectation, 2);
        let b = (0..n).map(|_| theirs.sample(&mut stream)).collect();
        let found = distance(a, b);
        let limit = 1.949 * (2.0 / f64::from(n)).sqrt();
        assert!(
            found < limit,
            "{what}: distance {found} above {limit}, seeds 20260301 and 20260302"
        );
    }

    #[test]
    fn samplers_follow_the_law_of_rand_distr() {
        let sigma = 0.7_f64;
        let mu = 3.0_f64;
        let mean = math::exp(mu + 0.5 * sigma * sigma);
        same_law(
            &LogNormal::with_mean(mean, sigma),
            &rand_distr::LogNormal::new(mu, sigma).expect("valid"),
            "lognormal",
        );
        for shape in [0.4, 1.0, 2.5, 40.0] {
            same_law(
                &Gamma::with_shape(shape),
                &rand_distr::Gamma::new(shape, 1.0).expect("valid"),
                "gamma",
            );
        }
        for (a, b) in [(1.0, 1.0), (3.0, 0.5), (20.0, 70.0)] {
            same_law(&Beta::new(a, b), &rand_distr::Beta::new(a, b).expect("valid"), "beta");
        }
    }

    #[test]
    fn normal_and_exponential_follow_the_law_of_rand_distr() {
        struct Normal;
        impl Distribution<f64> for Normal {
            fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
                math::normal_quantile(open_uniform(rng))
            }
        }
        same_law(&Normal, &rand_distr::StandardNormal, "normal");
        struct Exponential;
        impl Distribution<f64> for Exponential {
            fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
                -math::ln(open_uniform(rng))
            }
        }
        same_law(&Exponential, &rand_distr::Exp1, "exponential");
    }

    #[test]
    fn clamped_mean_matches_a_sample() {
        let mut stream = Streams::new(5).nth(Purpose::Expectation, 3);
        let n = 200_000;
        let sum: f64 =
            (0..n).map(|_| (98.0 + 5.0 * standard_normal(&mut stream)).clamp(0.0, 100.0)).sum();
        // 4 standard errors of a variate with sd < 5: probability of a false alarm 6e-5.
        let tolerance = 4.0 * 5.0 / f64::from(n).sqrt();
        let expected = clamped_normal_mean(98.0, 5.0, 0.0, 100.0);
        assert!((sum / f64::from(n) - expected).abs() < tolerance);
        assert_eq!(clamped_normal_mean(120.0, 0.0, 0.0, 100.0), 100.0);
    }
}
