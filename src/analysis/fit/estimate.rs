//! Maximum-likelihood fits with standard errors from the observed Fisher information.

use super::goodness::kolmogorov_smirnov;
use super::{Family, Law};
use crate::math;

/// A law fitted to values.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The law that makes the values most likely.
    pub law: Law,
    /// How many values there were.
    pub n: usize,
    /// Standard error of each parameter, in the order of [`Law::parameters`]: square roots of the inverse observed
    /// information's diagonal.
    pub standard_errors: Vec<f64>,
    /// Standard error of the mean by the delta method; `None` where there is no mean.
    pub mean_standard_error: Option<f64>,
    /// Natural logarithm of the likelihood.
    pub ln_likelihood: f64,
    /// Akaike's information criterion (1974): twice the number of parameters less twice the log-likelihood.
    pub aic: f64,
    /// Largest distance between the law's and the values' distribution functions.
    pub ks_distance: f64,
}

/// Why a law cannot be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// Fewer than two values.
    #[error("fewer than two values")]
    TooFew,
    /// A value is not a finite number above 0.
    #[error("a value is not a number above 0")]
    NotPositive,
    /// All values are equal.
    #[error("all values are equal")]
    NoSpread,
    /// No maximum: the likelihood grows towards a limit of the family.
    #[error("the likelihood has no maximum: the tail is not heavier than exponential")]
    NoMaximum,
}

/// Symmetric covariance of two parameters: variances and covariance.
#[derive(Clone, Copy)]
struct Covariance {
    first: f64,
    second: f64,
    both: f64,
}

impl Covariance {
    /// The inverse of an information matrix.
    fn of_information(first: f64, second: f64, both: f64) -> Self {
        let determinant = first * second - both * both;
        Self { first: second / determinant, second: first / determinant, both: -both / determinant }
    }

    fn standard_errors(&self) -> Vec<f64> {
        vec![self.first.sqrt(), self.second.sqrt()]
    }

    fn of_gradient(&self, gradient: &[f64]) -> f64 {
        match gradient {
            [a, b] => a * a * self.first + b * b * self.second + 2.0 * a * b * self.both,
            [a] => a * a * self.first,
            _ => f64::NAN,
        }
    }
}

/// The law of `family` that makes `values` (each above 0) most likely.
///
/// # Errors
/// If there are fewer than two values, one is not above 0, all are equal, or the likelihood has no maximum.
pub fn fit(family: Family, values: &[f64]) -> Result<Fit, FitError> {
    let (law, covariance) = maximum(family, values)?;
    let ln_likelihood: f64 = values.iter().map(|x| law.ln_density(*x)).sum();
    let n_parameters = family.parameter_names().len();
    let gradient = law.gradient_of_mean();
    let mut standard_errors = covariance.standard_errors();
    standard_errors.truncate(n_parameters);
    Ok(Fit {
        law,
        n: values.len(),
        standard_errors,
        mean_standard_error: gradient.map(|g| covariance.of_gradient(&g).sqrt()),
        ln_likelihood,
        aic: 2.0 * n_parameters as f64 - 2.0 * ln_likelihood,
        ks_distance: kolmogorov_smirnov(&law, &sorted(values)),
    })
}

/// The fits of those `families` that have one, best by AIC first; of equal ones the earlier family.
#[must_use]
pub fn fit_all(families: &[Family], values: &[f64]) -> Vec<Fit> {
    let mut fits: Vec<Fit> =
        families.iter().filter_map(|family| fit(*family, values).ok()).collect();
    fits.sort_by(|a, b| a.aic.total_cmp(&b.aic));
    fits
}

/// The fit with the least AIC among `families`.
///
/// # Errors
/// That of the first family, if none has a fit.
pub fn best(families: &[Family], values: &[f64]) -> Result<Fit, FitError> {
    let first = families.first().map_or(Err(FitError::TooFew), |family| fit(*family, values));
    fit_all(families, values).into_iter().next().map_or(first, Ok)
}

/// The values in rising order.
pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The most likely law alone, for resamples.
pub(super) fn law_of(family: Family, values: &[f64]) -> Result<Law, FitError> {
    maximum(family, values).map(|(law, _)| law)
}

fn maximum(family: Family, values: &[f64]) -> Result<(Law, Covariance), FitError> {
    let first = *values.first().ok_or(FitError::TooFew)?;
    if values.len() < 2 {
        return Err(FitError::TooFew);
    }
    if values.iter().any(|x| !(*x > 0.0 && x.is_finite())) {
        return Err(FitError::NotPositive);
    }
    if values.iter().all(|x| *x == first) && family != Family::Exponential {
        return Err(FitError::NoSpread);
    }
    match family {
        Family::Lognormal => Ok(lognormal(values)),
        Family::Gamma => gamma(values),
        Family::Weibull => weibull(values),
        Family::Exponential => Ok(exponential(values)),
        Family::Lomax => lomax(values),
    }
}

fn mean(values: impl Iterator<Item = f64> + Clone, n: f64) -> f64 {
    let rough = values.clone().sum::<f64>() / n;
    // The second pass takes away what rounding left over.
    rough + values.map(|x| x - rough).sum::<f64>() / n
}

fn lognormal(values: &[f64]) -> (Law, Covariance) {
    let n = values.len() as f64;
    let logs = values.iter().map(|x| math::ln(*x));
    let mu = mean(logs.clone(), n);
    let variance = logs.map(|l| (l - mu) * (l - mu)).sum::<f64>() / n;
    let covariance = Covariance { first: variance / n, second: variance / (2.0 * n), both: 0.0 };
    (Law::Lognormal { mu, sigma: variance.sqrt() }, covariance)
}

fn exponential(values: &[f64]) -> (Law, Covariance) {
    let n = values.len() as f64;
    let mean = mean(values.iter().copied(), n);
    (Law::Exponential { mean }, Covariance { first: mean * mean / n, second: 0.0, both: 0.0 })
}

/// Newton's steps on ln(shape) - digamma(shape) = ln(mean) - mean(ln), from Minka's closed form ("Estimating a gamma
/// distribution", 2002).
fn gamma(values: &[f64]) -> Result<(Law, Covariance), FitError> {
    let n = values.len() as f64;
    let mean_value = mean(values.iter().copied(), n);
    // The mean of ln(x / mean) keeps its digits where the spread is small.
    let gap = -mean(values.iter().map(|x| math::ln(x / mean_value)), n);
    if gap <= 0.0 {
        return Err(FitError::NoSpread);
    }
    let mut shape = (3.0 - gap + ((gap - 3.0) * (gap - 3.0) + 24.0 * gap).sqrt()) / (12.0 * gap);
    for _ in 0..100 {
        // In 1 / shape the function is nearly straight.
        let excess = math::ln(shape) - math::digamma(shape) - gap;
        let slope = 1.0 / shape - math::trigamma(shape);
        let next = 1.0 / (1.0 / shape + excess / (slope * shape * shape));
        let moved = (next - shape).abs();
        shape = if next > 0.0 { next } else { 0.5 * shape };
        if moved <= 1e-13 * shape {
            break;
        }
    }
    let scale = mean_value / shape;
    let information = (n * math::trigamma(shape), n * shape / (scale * scale), n / scale);
    let covariance = Covariance::of_information(information.0, information.1, information.2);
    Ok((Law::Gamma { shape, scale }, covariance))
}

/// Newton's steps in a bracket on the profile likelihood's equation for the shape (Lawless, Statistical Models and Methods
/// for Lifetime Data, 2003, section 5.2), which rises and has one root.
fn weibull(values: &[f64]) -> Result<(Law, Covariance), FitError> {
    let n = values.len() as f64;
    let most = values.iter().copied().fold(0.0, f64::max);
    // Of values over their largest no power overflows.
    let logs: Vec<f64> = values.iter().map(|x| math::ln(x / most)).collect();
    let mean_log = mean(logs.iter().copied(), n);
    let variance = logs.iter().map(|l| (l - mean_log) * (l - mean_log)).sum::<f64>() / n;
    if variance <= 0.0 {
        return Err(FitError::NoSpread);
    }
    let sums = |shape: f64| {
        logs.iter().fold((0.0, 0.0, 0.0), |(s0, s1, s2), l| {
            let power = math::exp(shape * l);
            (s0 + power, s1 + power * l, s2 + power * l * l)
        })
    };
    // The log of a Weibull value has the standard deviation pi / (sqrt(6) shape).
    let mut shape = std::f64::consts::PI / (6.0 * variance).sqrt();
    let (mut low, mut high) = (0.0, f64::INFINITY);
    for _ in 0..200 {
        let (s0, s1, s2) = sums(shape);
        let ratio = s1 / s0;
        let excess = ratio - 1.0 / shape - mean_log;
        if excess < 0.0 {
            low = shape;
        } else {
            high = shape;
        }
        let slope = s2 / s0 - ratio * ratio + 1.0 / (shape * shape);
        let newton = shape - excess / slope;
        let next = if newton > low && newton < high {
            newton
        } else if high.is_finite() {
            low.midpoint(high)
        } else {
            2.0 * low
        };
        let moved = (next - shape).abs();
        shape = next;
        if moved <= 1e-13 * shape {
            break;
        }
    }
    let (s0, s1, s2) = sums(shape);
    let ln_scale = math::ln(s0 / n) / shape;
    let scale = most * math::exp(ln_scale);
    // Sums of z^shape ln(z) and its square, z = x / scale, where the sum of z^shape is n.
    let first = n * (s1 / s0 - ln_scale);
    let second = n * (s2 / s0 - 2.0 * ln_scale * s1 / s0 + ln_scale * ln_scale);
    let covariance = Covariance::of_information(
        n / (shape * shape) + second,
        n * shape * shape / (scale * scale),
        -shape / scale * first,
    );
    Ok((Law::Weibull { shape, scale }, covariance))
}

/// The profile likelihood over the scale: a coarse scan, since it can have more than one hill, then bisection of its slope.
fn lomax(values: &[f64]) -> Result<(Law, Covariance), FitError> {
    /// Steps of the scan in one factor of e.
    const STEPS: i32 = 4;
    let n = values.len() as f64;
    let mean_value = mean(values.iter().copied(), n);
    let ln_sum = |scale: f64| values.iter().map(|x| math::ln_1p(x / scale)).sum::<f64>();
    let height = |scale: f64| {
        let sum = ln_sum(scale);
        -n * math::ln(sum) - n * math::ln(scale) - sum
    };
    // Slope of the height in ln(scale).
    let slope = |scale: f64| {
        let part: f64 = values.iter().map(|x| x / (scale + x)).sum();
        n * part / ln_sum(scale) - n + part
    };
    let at = |step: i32| mean_value * math::exp(f64::from(step) / f64::from(STEPS));
    let (from, to) = (-20 * STEPS, 14 * STEPS);
    let mut top = from;
    let mut highest = f64::NEG_INFINITY;
    for step in from..=to {
        let found = height(at(step));
        if found > highest {
            (top, highest) = (step, found);
        }
    }
    if top == from || top == to {
        return Err(FitError::NoMaximum);
    }
    let (mut low, mut high) = (math::ln(at(top - 1)), math::ln(at(top + 1)));
    for _ in 0..100 {
        let middle = low.midpoint(high);
        if middle <= low || middle >= high {
            break;
        }
        if slope(math::exp(middle)) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    let scale = math::exp(low.midpoint(high));
    let shape = n / ln_sum(scale);
    let (inverse, square) = values.iter().fold((0.0, 0.0), |(inverse, square), x| {
        let one = 1.0 / (scale + x);
        (inverse + one, square + one * one)
    });
    let covariance = Covariance::of_information(
        n / (shape * shape),
        n * shape / (scale * scale) - (shape + 1.0) * square,
        inverse - n / scale,
    );
    Ok((Law::Lomax { shape, scale }, covariance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::bootstrap::Bootstrap;
    use crate::analysis::fit::{
        anderson_darling, anderson_darling_two_samples, kolmogorov_smirnov_two_samples,
    };
    use crate::sim::stream::{Purpose, Streams};

    const VALUES: [f64; 12] = [0.31, 0.52, 0.48, 1.9, 0.77, 0.29, 0.95, 4.6, 0.64, 1.2, 0.41, 11.3];

    struct Golden {
        law: Law,
        standard_errors: &'static [f64],
        ln_likelihood: f64,
        ks: f64,
        ad: f64,
    }

    /// scipy 1.17.1: the densities of `lognorm`, `gamma`, `weibull_min`, `expon` and `lomax` with location 0 at their
    /// maximum (closed form, or the root of the likelihood equation by `brentq` to 1e-15, since `fit` stops at 1e-5),
    /// second derivatives of the summed `logpdf` by Richardson's extrapolation, `kstest`, and A^2 of `cdf` and `logsf`.
    const GOLDEN: [Golden; 5] = [
        Golden {
            law: Law::Lognormal { mu: -0.056_038_482_353_824_526, sigma: 1.062_679_197_504_841_8 },
            standard_errors: &[0.306_769_059_07, 0.216_918_482_85],
            ln_likelihood: -17.084_319_779_058_287,
            ks: 0.164_885_273_164_531_28,
            ad: 0.541_095_499_323_176_9,
        },
        Golden {
            law: Law::Gamma { shape: 0.818_844_406_770_282_5, scale: 2.378_351_716_025_519_6 },
            standard_errors: &[0.289_050_241_12, 1.131_597_787_9],
            ln_likelihood: -19.829_086_826_714_907,
            ks: 0.258_685_940_492_767_83,
            ad: 1.098_848_065_441_124_8,
        },
        Golden {
            law: Law::Weibull { shape: 0.816_971_709_733_042, scale: 1.688_078_599_654_924_6 },
            standard_errors: &[0.165_289_212_33, 0.635_785_967_39],
            ln_likelihood: -19.435_838_219_793_702,
            ks: 0.219_219_036_229_512_1,
            ad: 0.888_422_243_756_311_4,
        },
        Golden {
            law: Law::Exponential { mean: 1.9475 },
            standard_errors: &[0.562_194_824_63],
            ln_likelihood: -19.998_557_985_153_194,
            ks: 0.290_006_240_613_753_24,
            ad: 1.413_351_259_369_632,
        },
        Golden {
            law: Law::Lomax { shape: 2.064_935_511_365_795_7, scale: 2.166_240_185_893_058 },
            standard_errors: &[1.597_927_329_1, 2.308_516_285_2],
            ln_likelihood: -18.386_047_918_522_664,
            ks: 0.228_513_385_048_401_7,
            ad: 0.646_328_678_725_490_4,
        },
    ];

    fn assert_near(found: f64, golden: f64, what: &str) {
        assert!((found / golden - 1.0).abs() < 1e-6, "{what}: {found} for {golden}");
    }

    #[test]
    fn fits_match_other_software() {
        for golden in &GOLDEN {
            let family = golden.law.family();
            let found = fit(family, &VALUES).expect("a fit");
            let name = family.name();
            assert_eq!((found.law.family(), found.n), (family, 12));
            for (one, other) in found.law.parameters().into_iter().zip(golden.law.parameters()) {
                assert_near(one, other, name);
            }
            assert_eq!(found.standard_errors.len(), golden.standard_errors.len());
            for (one, other) in found.standard_errors.iter().zip(golden.standard_errors) {
                assert_near(*one, *other, name);
            }
            assert_near(found.ln_likelihood, golden.ln_likelihood, name);
            let n_parameters = golden.standard_errors.len() as f64;
            assert_near(found.aic, 2.0 * n_parameters - 2.0 * golden.ln_likelihood, name);
            assert_near(found.ks_distance, golden.ks, name);
            assert_near(anderson_darling(&found.law, &sorted(&VALUES)), golden.ad, name);
        }
        let order: Vec<&str> =
            fit_all(&Family::ALL, &VALUES).iter().map(|fit| fit.law.family().name()).collect();
        assert_eq!(order, ["lognormal", "lomax", "exponential", "weibull", "gamma"]);
    }

    #[test]
    fn standard_errors_of_means_follow_from_the_sample() {
        // Of an exponential and a gamma law the most likely mean is the sample's, with variance mean^2 / n and
        // shape scale^2 / n.
        let exponential = fit(Family::Exponential, &VALUES).expect("a fit");
        assert_eq!(exponential.mean_standard_error, Some(exponential.standard_errors[0]));
        let gamma = fit(Family::Gamma, &VALUES).expect("a fit");
        let Law::Gamma { shape, scale } = gamma.law else { panic!("{gamma:?}") };
        assert_near(gamma.law.mean().expect("has one"), 1.9475, "mean");
        let expected = (shape / 12.0).sqrt() * scale;
        assert_near(gamma.mean_standard_error.expect("has one"), expected, "its error");
    }

    #[test]
    fn units_only_scale_and_tight_values_are_fitted() {
        let tight: Vec<f64> = (0..200).map(|i| 5.0 + 1e-3 * f64::from(i % 17)).collect();
        let wide: Vec<f64> = VALUES.iter().map(|x| x * 1e9).collect();
        for family in [Family::Lognormal, Family::Gamma, Family::Weibull] {
            let found = fit(family, &tight).expect("a fit");
            let mean = found.law.mean().expect("has one");
            assert!((mean - 5.008).abs() < 2e-3, "{found:?}");
            let (near, far) = (fit(family, &VALUES), fit(family, &wide));
            let medians = [near, far].map(|fit| fit.expect("a fit").law.quantile(0.5));
            assert_near(medians[1] / 1e9, medians[0], family.name());
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_said() {
        for family in Family::ALL {
            assert_eq!(fit(family, &[]), Err(FitError::TooFew));
            assert_eq!(fit(family, &[1.0]), Err(FitError::TooFew));
            for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
                assert_eq!(fit(family, &[1.0, bad]), Err(FitError::NotPositive));
            }
            if family != Family::Exponential {
                assert_eq!(fit(family, &[2.0; 9]), Err(FitError::NoSpread));
            }
        }
        // Less spread than an exponential law: no heavy tail.
        assert_eq!(fit(Family::Lomax, &[1.0, 1.1, 0.9, 1.2]), Err(FitError::NoMaximum));
        assert_eq!(best(&[Family::Lomax], &[1.0, 1.1, 0.9]), Err(FitError::NoMaximum));
    }

    #[test]
    fn two_samples_match_other_software() {
        let a = [1.0, 2.0, 2.0, 3.0, 5.0, 8.0, 8.0, 9.0, 12.0, 13.5];
        let b = [2.0, 4.0, 6.0, 7.0, 8.0, 10.0, 11.0, 14.0, 15.0, 15.0, 16.0, 20.0];
        let permutations = Bootstrap { resamples: 9_999, key: 5 };
        // scipy 1.17.1: `anderson_ksamp` with variant midrank before its standardisation, p by 200,000 permutations;
        // `ks_2samp`, p by 20,000 permutations. Tolerance of p: 4 standard errors of both shares.
        let ad = anderson_darling_two_samples(&a, &b, permutations).expect("has values");
        assert!((ad.statistic - 2.152_685_095_912_391).abs() < 1e-12, "{ad:?}");
        assert!((ad.p - 0.080_41).abs() < 4.0 * (0.08_f64 * 0.92 / 9_999.0).sqrt() + 0.0025);
        let ks = kolmogorov_smirnov_two_samples(&a, &b, permutations).expect("has values");
        assert!((ks.statistic - 5.0 / 12.0).abs() < 1e-12, "{ks:?}");
        assert!((ks.p - 0.2185).abs() < 4.0 * (0.22_f64 * 0.78 / 9_999.0).sqrt() + 0.012);
        assert_eq!(anderson_darling_two_samples(&a, &[], permutations), None);
        assert_eq!(kolmogorov_smirnov_two_samples(&[1.0], &[1.0, 1.0], permutations), None);
    }

    #[test]
    fn draws_follow_their_law() {
        let mut stream = Streams::new(7_301).nth(Purpose::Resample, 0);
        for golden in &GOLDEN {
            let values: Vec<f64> = (0..20_000).map(|_| golden.law.draw(&mut stream)).collect();
            let distance = super::kolmogorov_smirnov(&golden.law, &sorted(&values));
            // Kolmogorov's bound at 1e-4 over five laws: sqrt(ln(2 / 2e-5) / (2 n)).
            let bound = (math::ln(2.0 / 2e-5) / 40_000.0).sqrt();
            assert!(distance < bound, "seed 7301, {:?}: {distance}", golden.law);
        }
    }
}
