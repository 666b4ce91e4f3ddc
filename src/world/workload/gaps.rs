//! Laws of the time between two arrivals, each with mean 1.

use rand_distr::Distribution;

use crate::math;
use crate::sim::sample::{Gamma, standard_exponential};
use crate::sim::stream::Stream;

/// A law of inter-arrival times with mean 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GapLaw {
    /// Exponential: the arrivals are a Poisson process.
    Exponential,
    /// Gamma with this shape.
    Gamma {
        /// Shape, which is 1 / cv^2.
        shape: f64,
    },
    /// Weibull with this shape.
    Weibull {
        /// Shape: below 1 in bursts, 1 exponential, above 1 more even.
        shape: f64,
    },
}

impl GapLaw {
    /// Gamma with a coefficient of variation.
    #[must_use]
    pub fn gamma(cv: f64) -> Self {
        Self::Gamma { shape: 1.0 / (cv * cv) }
    }

    /// Standard deviation over mean.
    #[must_use]
    pub fn cv(&self) -> f64 {
        match *self {
            Self::Exponential => 1.0,
            Self::Gamma { shape } => 1.0 / shape.sqrt(),
            Self::Weibull { shape } => {
                let moments =
                    math::ln_gamma(1.0 + 2.0 / shape) - 2.0 * math::ln_gamma(1.0 + 1.0 / shape);
                (math::exp(moments) - 1.0).max(0.0).sqrt()
            }
        }
    }

    /// The time from one arrival to the next.
    #[inline]
    pub fn gap(&self, stream: &mut Stream) -> f64 {
        match *self {
            Self::Exponential => standard_exponential(stream),
            Self::Gamma { shape } => Gamma::with_shape(shape).sample(stream) / shape,
            Self::Weibull { shape } => {
                weibull_scale(shape) * math::powf(standard_exponential(stream), 1.0 / shape)
            }
        }
    }

    /// The time from any instant to the next arrival, so that no rush or lull begins with the run: a uniform part of a gap
    /// drawn in proportion to its length (Cox, *Renewal Theory*, 1962, section 5.2), which is again a gamma variate, and a
    /// power of one for Weibull.
    pub fn first(&self, stream: &mut Stream) -> f64 {
        match *self {
            Self::Exponential => standard_exponential(stream),
            Self::Gamma { shape } => {
                let whole = Gamma::with_shape(shape + 1.0).sample(stream) / shape;
                stream.uniform() * whole
            }
            Self::Weibull { shape } => {
                let whole = Gamma::with_shape(1.0 + 1.0 / shape).sample(stream);
                stream.uniform() * weibull_scale(shape) * math::powf(whole, 1.0 / shape)
            }
        }
    }
}

/// Scale of a Weibull law with mean 1.
fn weibull_scale(shape: f64) -> f64 {
    math::exp(-math::ln_gamma(1.0 + 1.0 / shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_of_variation_are_those_of_tables() {
        assert!((GapLaw::gamma(3.0).cv() - 3.0).abs() < 1e-12);
        // Weibull: sqrt(Gamma(1 + 2/k) / Gamma(1 + 1/k)^2 - 1), computed with scipy.stats.weibull_min.
        for (shape, cv) in [(0.5, 2.236_067_977_499_79), (1.0, 1.0), (2.0, 0.522_723_200_877_063_3)]
        {
            let found = GapLaw::Weibull { shape }.cv();
            assert!((found - cv).abs() < 1e-12, "{shape}: {found}");
        }
    }
}
