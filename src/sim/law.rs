//! Laws of positive times, from memoryless to heavy-tailed.

use rand::Rng;
use rand_distr::Distribution;

use super::sample::{Gamma, LogNormal, open_uniform};
use crate::math;

/// The law of a positive time, in seconds.
///
/// Formulas as in Johnson, Kotz, Balakrishnan, *Continuous Univariate Distributions* (1994), volume 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TimeLaw {
    /// Exponential: what is left does not depend on what has passed.
    Exponential {
        /// The mean.
        mean_s: f64,
    },
    /// Weibull, P(T > t) = exp(-(t / scale)^shape); below shape 1 short times crowd together.
    Weibull {
        /// The shape.
        shape: f64,
        /// The scale.
        scale_s: f64,
    },
    /// Gamma.
    Gamma {
        /// The shape.
        shape: f64,
        /// The scale.
        scale_s: f64,
    },
    /// Lognormal.
    LogNormal(LogNormal),
    /// Lomax, that is Pareto from 0 on: P(T > t) = (1 + t / scale)^-shape. Its mean is finite above shape 1, its variance
    /// above 2.
    Lomax {
        /// The shape.
        shape: f64,
        /// The scale.
        scale_s: f64,
    },
}

impl TimeLaw {
    /// Weibull by its mean, > 0, and shape, > 0.
    #[must_use]
    pub fn weibull(mean_s: f64, shape: f64) -> Self {
        Self::Weibull { shape, scale_s: mean_s * math::exp(-math::ln_gamma(1.0 + 1.0 / shape)) }
    }

    /// Gamma by its mean, > 0, and shape, > 0.
    #[must_use]
    pub fn gamma(mean_s: f64, shape: f64) -> Self {
        Self::Gamma { shape, scale_s: mean_s / shape }
    }

    /// Lognormal by its mean, > 0, and the standard deviation of its logarithm.
    #[must_use]
    pub fn log_normal(mean_s: f64, sigma: f64) -> Self {
        Self::LogNormal(LogNormal::with_mean(mean_s, sigma))
    }

    /// Lomax by its mean, > 0, and shape, > 1.
    #[must_use]
    pub fn lomax(mean_s: f64, shape: f64) -> Self {
        assert!(shape > 1.0, "a Lomax law of shape {shape} has no mean");
        Self::Lomax { shape, scale_s: mean_s * (shape - 1.0) }
    }

    /// The mean; infinite for a Lomax law of shape 1 or less.
    #[must_use]
    pub fn mean_s(&self) -> f64 {
        match self {
            Self::Exponential { mean_s } => *mean_s,
            Self::Weibull { shape, scale_s } => {
                scale_s * math::exp(math::ln_gamma(1.0 + 1.0 / shape))
            }
            Self::Gamma { shape, scale_s } => shape * scale_s,
            Self::LogNormal(law) => law.mean(),
            Self::Lomax { shape, .. } if *shape <= 1.0 => f64::INFINITY,
            Self::Lomax { shape, scale_s } => scale_s / (shape - 1.0),
        }
    }

    /// The name with what shapes it, for texts.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Exponential { .. } => "exponential".to_owned(),
            Self::Weibull { shape, .. } => format!("Weibull, shape {shape}"),
            Self::Gamma { shape, .. } => format!("gamma, shape {shape}"),
            Self::LogNormal(law) => format!("lognormal, sigma {}", law.sigma()),
            Self::Lomax { shape, .. } => format!("Lomax, shape {shape}"),
        }
    }
}

impl Distribution<f64> for TimeLaw {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        match self {
            Self::Exponential { mean_s } => mean_s * -math::ln(open_uniform(rng)),
            Self::Weibull { shape, scale_s } => {
                scale_s * math::powf(-math::ln(open_uniform(rng)), 1.0 / shape)
            }
            Self::Gamma { shape, scale_s } => scale_s * Gamma::with_shape(*shape).sample(rng),
            Self::LogNormal(law) => law.sample(rng),
            Self::Lomax { shape, scale_s } => {
                scale_s * (math::powf(open_uniform(rng), -1.0 / shape) - 1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::stream::{Purpose, Streams};

    const LAWS: [fn(f64) -> TimeLaw; 5] = [
        |mean_s| TimeLaw::Exponential { mean_s },
        |mean_s| TimeLaw::weibull(mean_s, 0.7),
        |mean_s| TimeLaw::gamma(mean_s, 0.6),
        |mean_s| TimeLaw::log_normal(mean_s, 1.2),
        |mean_s| TimeLaw::lomax(mean_s, 2.5),
    ];

    #[test]
    fn a_law_has_the_mean_by_which_it_is_given() {
        for law in LAWS {
            assert!((law(500.0).mean_s() / 500.0 - 1.0).abs() < 1e-12, "{:?}", law(500.0));
        }
        assert_eq!(TimeLaw::Lomax { shape: 1.0, scale_s: 5.0 }.mean_s(), f64::INFINITY);
    }

    #[test]
    fn samples_follow_the_law() {
        // Distribution functions at mean 1, written out; those of gamma and lognormal are held against rand_distr beside
        // their samplers. Kolmogorov's test, alpha = 0.001: the critical value of sqrt(n) D is 1.949.
        let weibull_scale = math::exp(-math::ln_gamma(1.0 + 1.0 / 0.7));
        let mu = -0.5 * 1.2 * 1.2;
        let checks: [(usize, Box<dyn Fn(f64) -> f64>); 4] = [
            (0, Box::new(|x| 1.0 - math::exp(-x))),
            (1, Box::new(move |x| 1.0 - math::exp(-math::powf(x / weibull_scale, 0.7)))),
            (3, Box::new(move |x| math::normal_cdf((math::ln(x) - mu) / 1.2))),
            (4, Box::new(|x| 1.0 - math::powf(1.0 + x / 1.5, -2.5))),
        ];
        for (at, cdf) in checks {
            let law = LAWS[at](1.0);
            let mut stream = Streams::new(20_260_411).nth(Purpose::RandomFault, at as u64);
            let n = 20_000;
            let mut values: Vec<f64> = (0..n).map(|_| law.sample(&mut stream)).collect();
            values.sort_by(f64::total_cmp);
            let distance = values.iter().enumerate().fold(0.0_f64, |found, (i, x)| {
                let (p, below) = (cdf(*x), i as f64 / f64::from(n));
                found.max((p - below).abs()).max((below + 1.0 / f64::from(n) - p).abs())
            });
            let scaled = distance * f64::from(n).sqrt();
            assert!(scaled < 1.949, "{law:?}: sqrt(n) D = {scaled}, seed 20260411");
        }
    }
}
