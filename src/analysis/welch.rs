//! Welch's test of two independent samples: the test itself, its power, and the difference it can find.

use crate::analysis::distribution::{t_p_value, t_quantile};
use crate::analysis::interval::{Difference, TAIL};
use crate::analysis::moments::Moments;
use crate::math;

/// What Welch's t test says of two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Welch {
    /// Mean of the first less mean of the second, with its 95 % interval.
    pub difference: Difference,
    /// The difference in standard errors.
    pub t: f64,
    /// Degrees of freedom (Welch-Satterthwaite).
    pub df: f64,
    /// Two-sided p value.
    pub p: f64,
}

/// Welch's t test of the difference of two means (Welch, "The generalization of Student's problem when several
/// different population variances are involved", 1947).
///
/// For one look at sample sizes fixed beforehand: looked at again and again until it rejects, it nearly always will
/// (see [`crate::analysis::sequential`]). `None` with fewer than two values on a side or no spread on either.
#[must_use]
pub fn t_test(a: &Moments, b: &Moments) -> Option<Welch> {
    if a.n() < 2 || b.n() < 2 {
        return None;
    }
    let sides = [a, b].map(|side| Side { n: side.n(), sd: side.variance().sqrt() });
    let standard_error = standard_error(sides);
    if standard_error == 0.0 {
        return None;
    }
    let df = degrees_of_freedom(sides);
    let mean = a.mean() - b.mean();
    let t = mean / standard_error;
    let half = t_quantile(1.0 - TAIL, df) * standard_error;
    let difference = Difference { mean, standard_error, low: mean - half, high: mean + half };
    Some(Welch { difference, t, df, p: t_p_value(t, df) })
}

/// Size and spread of one side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Side {
    /// Number of values, at least 2.
    pub n: u64,
    /// Their standard deviation.
    pub sd: f64,
}

fn standard_error(sides: [Side; 2]) -> f64 {
    let [a, b] = sides.map(|side| side.sd * side.sd / side.n as f64);
    (a + b).sqrt()
}

/// Satterthwaite (1946).
fn degrees_of_freedom(sides: [Side; 2]) -> f64 {
    let [a, b] = sides.map(|side| side.sd * side.sd / side.n as f64);
    let [below_a, below_b] = [(a, sides[0]), (b, sides[1])].map(|(v, s)| v * v / (s.n - 1) as f64);
    (a + b) * (a + b) / (below_a + below_b)
}

/// Probability that the two-sided test at `alpha` rejects when the means truly differ by `difference`.
///
/// Noncentral t at the degrees of freedom of the true standard deviations. For normal values the test's own estimate of
/// the degrees of freedom takes less than 0.003 from it for 10 or more on either side, 0.024 for 5 (simulated).
#[must_use]
pub fn power(sides: [Side; 2], difference: f64, alpha: f64) -> f64 {
    let df = degrees_of_freedom(sides);
    rejects(difference.abs() / standard_error(sides), df, t_quantile(1.0 - 0.5 * alpha, df))
}

/// The smallest true difference that the two-sided test at `alpha` finds with probability `power` (usually 0.8).
#[must_use]
pub fn detectable_difference(sides: [Side; 2], alpha: f64, power: f64) -> f64 {
    assert!(alpha < power && power < 1.0, "power {power} at alpha {alpha}");
    let df = degrees_of_freedom(sides);
    let critical = t_quantile(1.0 - 0.5 * alpha, df);
    let (mut low, mut high) = (0.0, 1.0);
    while rejects(high, df, critical) < power {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if rejects(middle, df, critical) < power {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high) * standard_error(sides)
}

/// P(|T| > critical) for noncentral t: the normal tails given the estimated spread u, averaged over ln u, where
/// df u^2 is chi-square, by the trapezoid rule (errors below 1e-10 against an independent series).
fn rejects(noncentrality: f64, df: f64, critical: f64) -> f64 {
    const STEPS: u32 = 1000;
    // Beyond these ends the density is below e^-40 of its top.
    let root = (40.0 / df).sqrt();
    let (from, to) = (-root - 40.0 / df, root);
    let step = (to - from) / f64::from(STEPS);
    let (mut whole, mut rejected) = (0.0, 0.0);
    for i in 0..=STEPS {
        let ln_u = from + f64::from(i) * step;
        let u = math::exp(ln_u);
        let density = math::exp(df * (ln_u - 0.5 * (u * u - 1.0)));
        let above = math::normal_cdf(noncentrality - critical * u);
        let below = math::normal_cdf(-noncentrality - critical * u);
        whole += density;
        rejected += density * (above + below);
    }
    rejected / whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Moments {
        values.iter().copied().collect()
    }

    #[test]
    fn the_test_gives_the_published_worked_example() {
        // Student's sleep data (1908) as in R's documentation of t.test: t = -1.8608, df = 17.776, p = 0.07939,
        // 95 % interval (-3.3654832, 0.2054832).
        let first = of(&[0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]);
        let second = of(&[1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]);
        let found = t_test(&first, &second).expect("values");
        assert!((found.t + 1.8608).abs() < 5e-5, "{found:?}");
        assert!((found.df - 17.776).abs() < 5e-4, "{found:?}");
        assert!((found.p - 0.07939).abs() < 5e-6, "{found:?}");
        assert!((found.difference.low + 3.365_483_2).abs() < 5e-8, "{found:?}");
        assert!((found.difference.high - 0.205_483_2).abs() < 5e-8, "{found:?}");
        assert!((found.difference.mean + 1.58).abs() < 1e-12);
        let turned = t_test(&second, &first).expect("values");
        assert_eq!((turned.t, turned.df, turned.p), (-found.t, found.df, found.p));
    }

    #[test]
    fn samples_without_spread_have_no_test() {
        assert_eq!(t_test(&of(&[1.0]), &of(&[1.0, 2.0])), None);
        assert_eq!(t_test(&of(&[1.0, 1.0]), &of(&[2.0, 2.0])), None);
        // One side without spread: the one-sample test of the other, t = 1 / (sqrt(2) / sqrt(2)), df = 1.
        let found = t_test(&of(&[1.0, 3.0]), &of(&[1.0, 1.0, 1.0])).expect("spread");
        assert!((found.t - 1.0).abs() < 1e-12 && (found.df - 1.0).abs() < 1e-12);
        assert!((found.p - 0.5).abs() < 1e-12, "P(|Cauchy| > 1) = 1/2");
    }

    fn sides(n: u64) -> [Side; 2] {
        [Side { n, sd: 1.0 }; 2]
    }

    #[test]
    fn power_is_that_of_published_tables() {
        // Cohen, Statistical Power Analysis, 1988, table 2.3.5 (two-sided, alpha .05), rounded to two digits there.
        for (n, d, published) in
            [(64, 0.5, 0.80), (26, 0.8, 0.80), (393, 0.2, 0.80), (50, 0.2, 0.17)]
        {
            let found = power(sides(n), d, 0.05);
            assert!((found - published).abs() < 0.0101, "{n} {d}: {found}");
        }
        // G*Power 3.1 and SciPy 1.x (noncentral t): n = 64, d = .5; n = 26, d = .8. R, power.t.test(n = 20, delta = 1,
        // strict = TRUE): 0.8689530. SciPy for unequal sides.
        for (sides, d, expected) in [
            (sides(64), 0.5, 0.801_459_557_922),
            (sides(26), 0.8, 0.807_486_615_147),
            (sides(20), 1.0, 0.868_953_027_724),
            (sides(2), 3.0, 0.387_400_128_526),
            ([Side { n: 30, sd: 2.0 }, Side { n: 50, sd: 1.0 }], 1.1, 0.781_502_704_058),
        ] {
            let found = power(sides, d, 0.05);
            assert!((found - expected).abs() < 1e-11, "{sides:?} {d}: {found}");
            assert_eq!(found, power(sides, -d, 0.05));
        }
        assert!((power(sides(9), 0.0, 0.05) - 0.05).abs() < 1e-12, "without a difference: alpha");
    }

    #[test]
    fn the_detectable_difference_has_the_power() {
        // R, power.t.test(power = .90, delta = 1): n = 22.02110, so that 22 find a hair more than 1.
        let found = detectable_difference(sides(22), 0.05, 0.9);
        assert!(found > 1.0 && found < 1.001, "{found}");
        for sides in [sides(64), [Side { n: 5, sd: 0.1 }, Side { n: 300, sd: 12.0 }]] {
            let difference = detectable_difference(sides, 0.05, 0.8);
            assert!((power(sides, difference, 0.05) - 0.8).abs() < 1e-12);
        }
    }
}
