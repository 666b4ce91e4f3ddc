//! The one door to transcendental functions: portable `libm`, never the platform's.
//!
//! The standard library's `exp`, `ln` and their kin call the platform's C library, whose last bits differ
//! between systems; a simulated result must not. clippy bans them everywhere else (`clippy.toml`).
//! `f64::sqrt` is exact by IEEE 754 and needs no door.

/// Natural exponential.
#[inline]
#[must_use]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// Natural logarithm.
#[inline]
#[must_use]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// `ln(1 + x)`, exact for small `x`.
#[inline]
#[must_use]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// `exp(x) - 1`, exact for small `x`.
#[inline]
#[must_use]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// Logarithm to base 10.
#[must_use]
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// Logarithm of the gamma function's absolute value.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Derivative of [`ln_gamma`] at `x` > 0: by recurrence to 10 and above, then its asymptotic series (Abramowitz, Stegun,
/// Handbook of Mathematical Functions, 1964, 6.3.18).
#[must_use]
pub fn digamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let s = 1.0 / (x * x);
    let series = s
        * (1.0 / 12.0
            - s * (1.0 / 120.0
                - s * (1.0 / 252.0
                    - s * (1.0 / 240.0
                        - s * (1.0 / 132.0 - s * (691.0 / 32_760.0 - s * (1.0 / 12.0)))))));
    sum + ln(x) - 0.5 / x - series
}

/// Second derivative of [`ln_gamma`] at `x` > 0, as [`digamma`] (6.4.12 there).
#[must_use]
pub fn trigamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let s = 1.0 / (x * x);
    let series = s
        * (1.0 / 6.0
            - s * (1.0 / 30.0
                - s * (1.0 / 42.0
                    - s * (1.0 / 30.0
                        - s * (5.0 / 66.0 - s * (691.0 / 2730.0 - s * (7.0 / 6.0)))))));
    sum + 1.0 / x + 0.5 * s + series / x
}

/// `x` to the power `y`.
#[inline]
#[must_use]
pub fn powf(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// `ln(p / (1 - p))`, the inverse of [`logistic`].
#[must_use]
pub fn logit(p: f64) -> f64 {
    ln(p / (1.0 - p))
}

/// `1 / (1 + exp(-x))`.
#[must_use]
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// Density of the standard normal distribution.
#[must_use]
pub fn normal_pdf(x: f64) -> f64 {
    0.398_942_280_401_432_7 * exp(-0.5 * x * x)
}

/// Distribution function of the standard normal distribution.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Quantile of the standard normal distribution, relative error about 1e-16.
///
/// Source: M. J. Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution",
/// Applied Statistics 37 (1988), routine PPND16. `p` outside (0, 1) gives an infinity of the fitting sign.
#[inline]
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(r, &CENTRE_ABOVE) / polynomial(r, &CENTRE_BELOW);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let r = (-ln(tail)).sqrt();
    let magnitude = if r <= 5.0 {
        polynomial(r - 1.6, &NEAR_ABOVE) / polynomial(r - 1.6, &NEAR_BELOW)
    } else {
        polynomial(r - 5.0, &FAR_ABOVE) / polynomial(r - 5.0, &FAR_BELOW)
    };
    if q < 0.0 { -magnitude } else { magnitude }
}

#[inline]
fn polynomial(x: f64, coefficients: &[f64; 8]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

const CENTRE_ABOVE: [f64; 8] = [
    3.387_132_872_796_366_6,
    133.141_667_891_784_38,
    1_971.590_950_306_551_3,
    13_731.693_765_509_46,
    45_921.953_931_549_87,
    67_265.770_927_008_7,
    33_430.575_583_588_13,
    2_509.080_928_730_122_7,
];
const CENTRE_BELOW: [f64; 8] = [
    1.0,
    42.313_330_701_600_91,
    687.187_007_492_057_9,
    5_394.196_021_424_751,
    21_213.794_301_586_597,
    39_307.895_800_092_71,
    28_729.085_735_721_943,
    5_226.495_278_852_545,
];
const NEAR_ABOVE: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    0.241_780_725_177_450_6,
    0.022_723_844_989_269_184,
    0.000_774_545_014_278_341_4,
];
const NEAR_BELOW: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    0.689_767_334_985_1,
    0.148_103_976_427_480_08,
    0.015_198_666_563_616_457,
    0.000_547_593_808_499_534_5,
    1.050_750_071_644_416_9e-9,
];
const FAR_ABOVE: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    0.296_560_571_828_504_87,
    0.026_532_189_526_576_124,
    0.001_242_660_947_388_078_4,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const FAR_BELOW: [f64; 8] = [
    1.0,
    0.599_832_206_555_888,
    0.136_929_880_922_735_8,
    0.014_875_361_290_850_615,
    0.000_786_869_131_145_613_3,
    1.846_318_317_510_054_7e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

/// Kullback-Leibler divergence of the Bernoulli law with mean `q` from the one with mean `p`, in nats; both in 0..1,
/// infinite where `q` rules out what `p` allows.
#[must_use]
pub fn bernoulli_divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| match (p > 0.0, q > 0.0) {
        (false, _) => 0.0,
        (true, false) => f64::INFINITY,
        (true, true) => p * ln(p / q),
    };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_inverts_the_distribution_function() {
        for i in 1..2000 {
            let p = f64::from(i) / 2000.0;
            let back = normal_cdf(normal_quantile(p));
            assert!((back - p).abs() < 1e-15 + 4e-16 * 8.0, "p {p} back {back}");
        }
        for p in [1e-300, 1e-100, 1e-20, 1e-9] {
            let back = normal_cdf(normal_quantile(p));
            assert!((back / p - 1.0).abs() < 1e-11, "p {p} back {back}");
        }
    }

    #[test]
    fn quantile_matches_published_values() {
        // Wichura (1988), section "Accuracy": three values given there to check an implementation.
        for (p, z) in [
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
        ] {
            assert!((normal_quantile(p) / z - 1.0).abs() < 1e-15, "{p}");
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
    }

    #[test]
    fn derivatives_of_the_log_gamma_function_match_other_software() {
        // mpmath, 30 digits: psi(0, x) and psi(1, x).
        for (x, first, second) in [
            (0.01, -100.56088545786868, 10001.621213528313),
            (0.3, -3.502524222200133, 12.245364546107732),
            (1.0, -0.5772156649015329, 1.6449340668482264),
            (2.5, 0.7031566406452432, 0.49035775610023485),
            (9.99, 2.250700372831201, 0.10527695014824179),
            (10.0, 2.251752589066721, 0.10516633568168575),
            (37.5, 3.6109483445963386, 0.027025382266785015),
            (10000.0, 9.210290371142849, 0.00010000500016666666),
        ] {
            assert!((digamma(x) / first - 1.0).abs() < 1e-14, "{x}: {}", digamma(x));
            assert!((trigamma(x) / second - 1.0).abs() < 1e-14, "{x}: {}", trigamma(x));
        }
    }

    #[test]
    fn logit_and_logistic_are_inverse() {
        for p in [0.01, 0.3, 0.98] {
            assert!((logistic(logit(p)) - p).abs() < 1e-15);
        }
    }
}
