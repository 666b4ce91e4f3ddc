//! Whether a fitted law fits: distances, and their p values by parametric bootstrap.

use super::estimate::{law_of, sorted};
use super::{Family, Fit, FitError, Law};
use crate::analysis::bootstrap::Bootstrap;
use crate::math;
use crate::sim::stream::{Purpose, Streams};

/// How far a fitted law lies from its values, and how often it would lie as far if it were true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goodness {
    /// Kolmogorov and Smirnov's distance.
    pub ks: f64,
    /// Its p value.
    pub ks_p: f64,
    /// Anderson and Darling's statistic, which weighs the tails.
    pub ad: f64,
    /// Its p value.
    pub ad_p: f64,
}

/// Kolmogorov and Smirnov's distance: the largest between the distribution functions of a law and of values in rising order.
#[must_use]
pub fn kolmogorov_smirnov(law: &Law, sorted: &[f64]) -> f64 {
    let n = sorted.len() as f64;
    let mut most: f64 = 0.0;
    for (i, x) in sorted.iter().enumerate() {
        let f = law.cdf(*x);
        most = most.max(f - i as f64 / n).max((i + 1) as f64 / n - f);
    }
    most
}

/// Anderson and Darling's statistic A^2 of values in rising order (1954).
#[must_use]
pub fn anderson_darling(law: &Law, sorted: &[f64]) -> f64 {
    let n = sorted.len() as f64;
    let sum: f64 = sorted
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let (ln_below, ln_above) = law.ln_sides(*x);
            let i = i as f64;
            (2.0 * i + 1.0) * ln_below.max(LEAST) + (2.0 * (n - i) - 1.0) * ln_above.max(LEAST)
        })
        .sum();
    -n - sum / n
}

/// Stands for the logarithm of a probability too small for a number.
const LEAST: f64 = -745.0;

/// Tests whether `values` come from the family of `fit`, its parameters unknown.
///
/// The tables of either statistic hold for a law that is known beforehand; with fitted parameters they call almost
/// everything a good fit. So both are compared with what they are on samples of the fitted law that are fitted anew
/// (Stute, Gonzales Manteiga, Presedo Quindimil, "Bootstrap based goodness-of-fit tests", 1993); p is (1 + number of
/// resamples at least as far) / (1 + resamples). Sample `b` is a pure function of (key, `b`).
///
/// # Errors
/// If the values cannot be fitted.
pub fn test_fit(fit: &Fit, values: &[f64], bootstrap: Bootstrap) -> Result<Goodness, FitError> {
    let family = fit.law.family();
    law_of(family, values)?;
    let own = sorted(values);
    let (ks, ad) = (kolmogorov_smirnov(&fit.law, &own), anderson_darling(&fit.law, &own));
    let streams = Streams::new(bootstrap.key);
    let (mut further_ks, mut further_ad) = (1.0, 1.0);
    let mut drawn = own;
    for b in 0..u64::from(bootstrap.resamples) {
        let mut stream = streams.nth(Purpose::Resample, b);
        drawn.fill_with(|| fit.law.draw(&mut stream));
        drawn.sort_unstable_by(f64::total_cmp);
        let law = match law_of(family, &drawn) {
            Ok(law) => law,
            // Without a maximum the family's limit is the exponential law.
            Err(FitError::NoMaximum) => law_of(Family::Exponential, &drawn)?,
            // A value that fell to 0 or all of them onto one: further from the law than any fit.
            Err(_) => {
                further_ks += 1.0;
                further_ad += 1.0;
                continue;
            }
        };
        if kolmogorov_smirnov(&law, &drawn) >= ks {
            further_ks += 1.0;
        }
        if anderson_darling(&law, &drawn) >= ad {
            further_ad += 1.0;
        }
    }
    let of = f64::from(bootstrap.resamples) + 1.0;
    Ok(Goodness { ks, ks_p: further_ks / of, ad, ad_p: further_ad / of })
}

impl Law {
    /// Natural logarithms of the distribution function and of the tail at `x` > 0.
    fn ln_sides(&self, x: f64) -> (f64, f64) {
        match *self {
            Self::Gamma { shape, scale } => {
                let (below, above) = crate::analysis::distribution::gamma_sides(shape, x / scale);
                (math::ln(below), math::ln(above))
            }
            _ => (math::ln(self.cdf(x)), self.ln_tail(x)),
        }
    }
}
