//! Laws of positive values: density, distribution function, quantile, moments.

use rand_distr::Distribution;

use crate::analysis::distribution::{gamma_cdf, gamma_quantile, gamma_tail};
use crate::math;
use crate::sim::sample;
use crate::sim::stream::Stream;

/// A kind of law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// The logarithm is normal.
    Lognormal,
    /// A gamma law.
    Gamma,
    /// A Weibull law.
    Weibull,
    /// An exponential law, which gamma and Weibull are with shape 1.
    Exponential,
    /// A Pareto law of type II from 0 on (Lomax 1954): the generalised Pareto law with a heavy tail.
    Lomax,
}

impl Family {
    /// All families.
    pub const ALL: [Self; 5] =
        [Self::Lognormal, Self::Gamma, Self::Weibull, Self::Exponential, Self::Lomax];

    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lognormal => "lognormal",
            Self::Gamma => "gamma",
            Self::Weibull => "weibull",
            Self::Exponential => "exponential",
            Self::Lomax => "lomax",
        }
    }

    /// Names of its parameters, in the order of [`Law::parameters`].
    #[must_use]
    pub fn parameter_names(self) -> &'static [&'static str] {
        match self {
            Self::Lognormal => &["mu", "sigma"],
            Self::Gamma | Self::Weibull | Self::Lomax => &["shape", "scale"],
            Self::Exponential => &["mean"],
        }
    }
}

/// A law of positive values. Scales and means are in the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// Mean and standard deviation of the natural logarithm.
    Lognormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Density proportional to x^(shape - 1) exp(-x / scale).
    Gamma {
        /// Shape.
        shape: f64,
        /// Scale.
        scale: f64,
    },
    /// Tail exp(-(x / scale)^shape).
    Weibull {
        /// Shape.
        shape: f64,
        /// Scale.
        scale: f64,
    },
    /// Tail exp(-x / mean).
    Exponential {
        /// Mean.
        mean: f64,
    },
    /// Tail (1 + x / scale)^-shape.
    Lomax {
        /// Shape, the tail's index.
        shape: f64,
        /// Scale.
        scale: f64,
    },
}

impl Law {
    /// Its family.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Lognormal { .. } => Family::Lognormal,
            Self::Gamma { .. } => Family::Gamma,
            Self::Weibull { .. } => Family::Weibull,
            Self::Exponential { .. } => Family::Exponential,
            Self::Lomax { .. } => Family::Lomax,
        }
    }

    /// Its parameters, in the order of [`Family::parameter_names`].
    #[must_use]
    pub fn parameters(&self) -> Vec<f64> {
        match *self {
            Self::Lognormal { mu, sigma } => vec![mu, sigma],
            Self::Gamma { shape, scale }
            | Self::Weibull { shape, scale }
            | Self::Lomax { shape, scale } => vec![shape, scale],
            Self::Exponential { mean } => vec![mean],
        }
    }

    /// Natural logarithm of the density at `x` > 0.
    #[must_use]
    pub fn ln_density(&self, x: f64) -> f64 {
        match *self {
            Self::Lognormal { mu, sigma } => {
                let ln_x = math::ln(x);
                let z = (ln_x - mu) / sigma;
                -ln_x - math::ln(sigma) - LN_ROOT_TAU - 0.5 * z * z
            }
            Self::Gamma { shape, scale } => {
                (shape - 1.0) * math::ln(x)
                    - x / scale
                    - shape * math::ln(scale)
                    - math::ln_gamma(shape)
            }
            Self::Weibull { shape, scale } => {
                let ln_z = math::ln(x / scale);
                math::ln(shape / scale) + (shape - 1.0) * ln_z - math::exp(shape * ln_z)
            }
            Self::Exponential { mean } => -math::ln(mean) - x / mean,
            Self::Lomax { shape, scale } => {
                math::ln(shape / scale) - (shape + 1.0) * math::ln_1p(x / scale)
            }
        }
    }

    /// Distribution function: the probability of at most `x`.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        if x <= 0.0 {
            return 0.0;
        }
        match *self {
            Self::Lognormal { mu, sigma } => math::normal_cdf((math::ln(x) - mu) / sigma),
            Self::Gamma { shape, scale } => gamma_cdf(shape, x / scale),
            Self::Weibull { .. } | Self::Exponential { .. } | Self::Lomax { .. } => {
                -math::exp_m1(self.ln_tail(x))
            }
        }
    }

    /// Natural logarithm of the tail: of the probability of more than `x`.
    #[must_use]
    pub fn ln_tail(&self, x: f64) -> f64 {
        if x <= 0.0 {
            return 0.0;
        }
        match *self {
            Self::Lognormal { mu, sigma } => math::ln(math::normal_cdf((mu - math::ln(x)) / sigma)),
            Self::Gamma { shape, scale } => math::ln(gamma_tail(shape, x / scale)),
            Self::Weibull { shape, scale } => -math::powf(x / scale, shape),
            Self::Exponential { mean } => -x / mean,
            Self::Lomax { shape, scale } => -shape * math::ln_1p(x / scale),
        }
    }

    /// Quantile at `p`: 0 at 0, infinite at 1.
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        match *self {
            Self::Lognormal { mu, sigma } => math::exp(mu + sigma * math::normal_quantile(p)),
            Self::Gamma { shape, scale } => scale * gamma_quantile(shape, p),
            Self::Weibull { shape, scale } => {
                scale * math::powf(-math::ln_1p(-p.min(1.0)), 1.0 / shape)
            }
            Self::Exponential { mean } => -mean * math::ln_1p(-p.min(1.0)),
            Self::Lomax { shape, scale } => scale * math::exp_m1(-math::ln_1p(-p.min(1.0)) / shape),
        }
    }

    /// Mean; `None` where the tail is too heavy to have one.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        Some(match *self {
            Self::Lognormal { mu, sigma } => math::exp(mu + 0.5 * sigma * sigma),
            Self::Gamma { shape, scale } => shape * scale,
            Self::Weibull { shape, scale } => scale * gamma(1.0 + 1.0 / shape),
            Self::Exponential { mean } => mean,
            Self::Lomax { shape, scale } if shape > 1.0 => scale / (shape - 1.0),
            Self::Lomax { .. } => return None,
        })
    }

    /// Coefficient of variation: standard deviation over mean; `None` where the tail is too heavy for a variance.
    #[must_use]
    pub fn variation(&self) -> Option<f64> {
        Some(match *self {
            Self::Lognormal { sigma, .. } => math::exp_m1(sigma * sigma).sqrt(),
            Self::Gamma { shape, .. } => 1.0 / shape.sqrt(),
            Self::Weibull { shape, .. } => {
                let ln_ratio =
                    math::ln_gamma(1.0 + 2.0 / shape) - 2.0 * math::ln_gamma(1.0 + 1.0 / shape);
                math::exp_m1(ln_ratio).max(0.0).sqrt()
            }
            Self::Exponential { .. } => 1.0,
            Self::Lomax { shape, .. } if shape > 2.0 => (shape / (shape - 2.0)).sqrt(),
            Self::Lomax { .. } => return None,
        })
    }

    /// How the mean changes with each parameter; `None` where there is no mean.
    pub(super) fn gradient_of_mean(&self) -> Option<Vec<f64>> {
        let mean = self.mean()?;
        Some(match *self {
            Self::Lognormal { sigma, .. } => vec![mean, mean * sigma],
            Self::Gamma { shape, scale } => vec![scale, shape],
            Self::Weibull { shape, scale } => {
                let slope = -mean * math::digamma(1.0 + 1.0 / shape) / (shape * shape);
                vec![slope, mean / scale]
            }
            Self::Exponential { .. } => vec![1.0],
            Self::Lomax { shape, .. } => vec![-mean / (shape - 1.0), 1.0 / (shape - 1.0)],
        })
    }

    /// One value.
    #[must_use]
    pub fn draw(&self, stream: &mut Stream) -> f64 {
        match *self {
            // Faster than its quantile, which is a search.
            Self::Gamma { shape, scale } => scale * sample::Gamma::with_shape(shape).sample(stream),
            _ => self.quantile(stream.uniform()),
        }
    }
}

/// Logarithm of the square root of 2 pi.
const LN_ROOT_TAU: f64 = 0.918_938_533_204_672_7;

fn gamma(x: f64) -> f64 {
    math::exp(math::ln_gamma(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAWS: [Law; 5] = [
        Law::Lognormal { mu: -0.3, sigma: 0.7 },
        Law::Gamma { shape: 2.3, scale: 0.4 },
        Law::Weibull { shape: 1.7, scale: 3.0 },
        Law::Exponential { mean: 0.8 },
        Law::Lomax { shape: 3.5, scale: 2.0 },
    ];

    /// scipy 1.17.1: `lognorm(s=.7, scale=exp(-.3))`, `gamma(2.3, scale=.4)`, `weibull_min(1.7, scale=3)`,
    /// `expon(scale=.8)`, `lomax(3.5, scale=2)`: logpdf(.9), cdf(.9), logsf(9), ppf(.95), mean, std / mean.
    const GOLDEN: [[f64; 6]; 5] = [
        [
            -0.4955607561234073,
            0.6095154703054706,
            -8.621295279842352,
            2.3429188851986233,
            0.9464851479534838,
            0.7951831361110339,
        ],
        [
            -0.4336894420042482,
            0.5748605623012149,
            -18.54974236346471,
            2.0892006732515638,
            0.9199999999999999,
            0.6593804733957871,
        ],
        [
            -1.539918486709075,
            0.12116093436550446,
            -6.473007839923779,
            5.7202780052657785,
            2.676733507497972,
            0.6054796618121663,
        ],
        [-0.9018564486857903, 0.6753475326416503, -11.25, 2.396585818843192, 0.8, 1.0],
        [
            -1.1124202160107508,
            0.7275969335233425,
            -5.9666183228344885,
            2.7070937873005034,
            0.7999999999999998,
            1.527525231651947,
        ],
    ];

    #[test]
    fn laws_match_other_software() {
        for (law, golden) in LAWS.iter().zip(GOLDEN) {
            let found = [
                law.ln_density(0.9),
                law.cdf(0.9),
                law.ln_tail(9.0),
                law.quantile(0.95),
                law.mean().expect("has one"),
                law.variation().expect("has one"),
            ];
            for (found, golden) in found.into_iter().zip(golden) {
                assert!((found / golden - 1.0).abs() < 1e-12, "{law:?}: {found} for {golden}");
            }
        }
    }

    #[test]
    fn quantiles_are_where_the_distribution_function_says_and_ends_are_ends() {
        for law in LAWS {
            for p in [1e-9, 0.01, 0.3, 0.5, 0.9, 0.999, 1.0 - 1e-9] {
                assert!((law.cdf(law.quantile(p)) - p).abs() < 1e-12, "{law:?} at {p}");
            }
            assert_eq!((law.quantile(0.0), law.cdf(0.0)), (0.0, 0.0));
            assert_eq!((law.quantile(1.0), law.cdf(f64::INFINITY)), (f64::INFINITY, 1.0));
        }
    }

    #[test]
    fn heavy_tails_have_no_moments() {
        let heavy = Law::Lomax { shape: 0.9, scale: 1.0 };
        assert_eq!((heavy.mean(), heavy.variation()), (None, None));
        assert_eq!(Law::Lomax { shape: 1.5, scale: 1.0 }.variation(), None);
    }
}
