//! Distribution functions behind intervals and tests: Student's t, beta, chi-square, F, the studentized range.

use crate::math;

/// Stands for 0 where it would divide.
const TINY: f64 = 1e-300;

/// Quantile of Student's t distribution with `df` degrees of freedom, by bisection of its distribution function.
#[must_use]
pub fn t_quantile(p: f64, df: f64) -> f64 {
    assert!(p > 0.0 && p < 1.0 && df > 0.0, "t quantile at {p} with {df} degrees of freedom");
    if p < 0.5 {
        return -t_quantile(1.0 - p, df);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while t_cdf(high, df) < p {
        high *= 2.0;
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if t_cdf(middle, df) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// Distribution function of Student's t at `t` >= 0.
fn t_cdf(t: f64, df: f64) -> f64 {
    1.0 - 0.5 * t_p_value(t, df)
}

/// Two-sided p value of Student's t: the probability of at least this distance from 0.
#[must_use]
pub fn t_p_value(t: f64, df: f64) -> f64 {
    beta_cdf(0.5 * df, 0.5, df / (df + t * t))
}

/// Regularised incomplete beta function by Lentz's continued fraction (Press et al., Numerical Recipes, 2007, 6.4).
#[must_use]
pub fn beta_cdf(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    beta_cdf_from_front(a, b, x, beta_front(a, b, x, ln_beta(a, b)))
}

#[inline]
fn beta_cdf_from_front(a: f64, b: f64, x: f64, front: f64) -> f64 {
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

fn ln_beta(a: f64, b: f64) -> f64 {
    math::ln_gamma(a) + math::ln_gamma(b) - math::ln_gamma(a + b)
}

/// x^a (1 - x)^b / B(a, b): the density of the Beta distribution times x (1 - x).
#[inline]
fn beta_front(a: f64, b: f64, x: f64, ln_beta: f64) -> f64 {
    math::exp(a * math::ln(x) + b * math::ln(1.0 - x) - ln_beta)
}

/// Quantile of the Beta distribution, by Halley's steps within a bracket.
#[must_use]
pub fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return p.clamp(0.0, 1.0);
    }
    let ln_beta = ln_beta(a, b);
    let (mut low, mut high) = (0.0, 1.0);
    let mut x = near_beta_quantile(a, b, p);
    for _ in 0..200 {
        let front = beta_front(a, b, x, ln_beta);
        let excess = beta_cdf_from_front(a, b, x, front) - p;
        if excess < 0.0 {
            low = x;
        } else {
            high = x;
        }
        let newton = excess * x * (1.0 - x) / front;
        let bend = (a - 1.0) / x - (b - 1.0) / (1.0 - x);
        let next = x - newton / (1.0 - 0.5 * (newton * bend).min(1.0));
        // The steps' error falls with its third power: after one of 1e-6 there is nothing left to gain.
        if (next - x).abs() <= 1e-6 * x.min(1.0 - x) {
            return next;
        }
        x = if next > low && next < high { next } else { low.midpoint(high) };
    }
    x
}

/// A number in (0, 1) that is near the quantile where both shapes are 1 or more (Abramowitz, Stegun, Handbook of
/// Mathematical Functions, 1964, 26.5.22).
fn near_beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    let mean = a / (a + b);
    if a < 1.0 || b < 1.0 {
        return mean;
    }
    let y = -math::normal_quantile(p);
    let lambda = (y * y - 3.0) / 6.0;
    let (u, v) = (1.0 / (2.0 * a - 1.0), 1.0 / (2.0 * b - 1.0));
    let h = 2.0 / (u + v);
    let w = y * (h + lambda).sqrt() / h - (v - u) * (lambda + 5.0 / 6.0 - 2.0 / (3.0 * h));
    let x = a / (a + b * math::exp(2.0 * w));
    if x > 0.0 && x < 1.0 { x } else { mean }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        h *= d * c;
        // Less than two units in the last place: rounding need not let it come to rest at 1.
        if (d * c - 1.0).abs() < 4e-16 {
            break;
        }
    }
    h
}

/// Keeps the divisors of Lentz's continued fraction away from 0.
fn away_from_zero(v: f64) -> f64 {
    if v.abs() < TINY { TINY } else { v }
}

/// Upper tail of the chi-square distribution with `df` degrees of freedom: the probability of at least `x`.
#[must_use]
pub fn chi_square_p_value(x: f64, df: f64) -> f64 {
    gamma_tail(0.5 * df, 0.5 * x)
}

/// Upper tail of the F distribution with `above` and `below` degrees of freedom: the probability of at least `f`.
#[must_use]
pub fn f_p_value(f: f64, above: f64, below: f64) -> f64 {
    beta_cdf(0.5 * below, 0.5 * above, below / (below + above * f))
}

/// Regularised upper incomplete gamma function: by its series below the mean, by Lentz's continued fraction above (Press
/// et al., Numerical Recipes, 2007, 6.2).
fn gamma_tail(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let front = math::exp(a * math::ln(x) - x - math::ln_gamma(a));
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return 1.0 - front * sum;
    }
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..1000 {
        let i = f64::from(i);
        let step = -i * (i - a);
        b += 2.0;
        d = 1.0 / away_from_zero(step * d + b);
        c = away_from_zero(b + step / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * h
}

/// Distribution function of the range of `k` independent standard normal values: the studentized range with infinitely many
/// degrees of freedom (Tukey 1953).
///
/// k times the integral of phi(z) (Phi(z) - Phi(z - q))^(k - 1) over the largest value z, by the trapezoid rule, which
/// converges faster than any power of the step for such integrands (1e-15 here for up to 100 values).
#[must_use]
pub fn range_cdf(q: f64, k: usize) -> f64 {
    const STEPS_PER_UNIT: i32 = 20;
    const END: i32 = 9;
    assert!((2..=100).contains(&k), "the range of {k} values");
    let density = |i: i32| {
        let z = f64::from(i) / f64::from(STEPS_PER_UNIT);
        let within = math::normal_cdf(z) - math::normal_cdf(z - q);
        math::normal_pdf(z) * math::powf(within, (k - 1) as f64)
    };
    let whole: f64 = (-END * STEPS_PER_UNIT..=END * STEPS_PER_UNIT).map(density).sum();
    k as f64 * whole / f64::from(STEPS_PER_UNIT)
}

/// Quantile of the range of `k` independent standard normal values, by bisection of [`range_cdf`].
#[must_use]
pub fn range_quantile(p: f64, k: usize) -> f64 {
    assert!(p > 0.0 && p < 1.0, "range quantile at {p}");
    let (mut low, mut high) = (0.0, 20.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if range_cdf(middle, k) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_quantiles_are_where_the_distribution_function_says() {
        for a in [0.3, 1.0, 1.5, 4.0, 60.0, 3000.0] {
            for b in [0.4, 1.0, 2.0, 8.0, 500.0, 9000.0] {
                for p in [1e-6, 0.025, 0.5, 0.98, 0.999_999] {
                    let x = beta_quantile(a, b, p);
                    // Near 1 numbers lie further apart than that.
                    let next = x + (1e-9 * (1.0 - x)).max(f64::EPSILON);
                    let (below, above) = (beta_cdf(a, b, x * (1.0 - 1e-9)), beta_cdf(a, b, next));
                    assert!(below <= p && p <= above, "Beta({a}, {b}) at {p} gives {x}");
                }
            }
        }
        // Beta(1, b) and Beta(a, 1) have closed forms.
        let tail = 1.0 - math::powf(0.001, 1.0 / 7.0);
        assert!((beta_quantile(1.0, 7.0, 0.999) - tail).abs() < 1e-12);
        assert!((beta_quantile(5.0, 1.0, 0.3) - math::powf(0.3, 0.2)).abs() < 1e-12);
    }

    #[test]
    fn t_quantiles_match_the_tables() {
        // NIST/SEMATECH e-Handbook, table 1.3.6.7.2, upper critical values at 0.025.
        for (df, expected) in
            [(1.0, 12.706), (2.0, 4.303), (4.0, 2.776), (9.0, 2.262), (30.0, 2.042), (100.0, 1.984)]
        {
            assert!((t_quantile(0.975, df) - expected).abs() < 5e-4, "{df} degrees of freedom");
        }
        assert!((t_quantile(0.025, 9.0) + 2.262).abs() < 5e-4);
    }

    /// Against SciPy 1.17.
    fn assert_close(found: f64, expected: f64, relative: f64) {
        assert!((found / expected - 1.0).abs() < relative, "{found} instead of {expected}");
    }

    #[test]
    fn chi_square_tails_match_an_independent_library() {
        for (x, df, expected) in [
            (3.841_458_820_694_124, 1.0, 0.05),
            (0.5, 3.0, 0.918_891_411_654_675_8),
            (9.28, 3.0, 0.025_790_724_198_756_772),
            (25.0, 10.0, 0.005_345_505_487_134_069),
            (100.0, 40.0, 4.791_357_300_338_064e-7),
            (140.0, 100.0, 0.005_140_502_458_505_908_5),
            (700.0, 500.0, 7.728_992_111_216_604e-9),
        ] {
            assert_close(chi_square_p_value(x, df), expected, 1e-11);
        }
        assert_eq!(chi_square_p_value(0.0, 3.0), 1.0);
    }

    #[test]
    fn f_tails_match_an_independent_library() {
        for (f, above, below, expected) in [
            (3.69, 3.0, 39.0, 0.019_744_099_689_488_89),
            (0.4, 5.0, 20.0, 0.843_003_060_789_166_1),
            (30.0, 4.0, 12.0, 3.643_422_639_438_018_7e-6),
            (1.2, 19.0, 361.0, 0.254_290_859_260_237_1),
        ] {
            assert_close(f_p_value(f, above, below), expected, 1e-11);
        }
        assert_eq!(f_p_value(f64::INFINITY, 3.0, 39.0), 0.0);
        assert_eq!(f_p_value(0.0, 3.0, 39.0), 1.0);
    }

    #[test]
    fn the_range_of_two_values_is_a_normal_difference() {
        for q in [0.1, 1.0, 2.771_807_648_699_355, 6.0] {
            let exact = 2.0 * math::normal_cdf(q / 2.0_f64.sqrt()) - 1.0;
            assert!((range_cdf(q, 2) - exact).abs() < 1e-14, "{q}");
        }
    }

    #[test]
    fn range_quantiles_match_an_independent_library() {
        // SciPy's studentized_range with infinitely many degrees of freedom; Nemenyi's factors are held elsewhere.
        for (k, at_95, at_90) in [
            (4, 3.633_159_574_902_627_8, 3.240_446_220_927_359),
            (50, 5.646_026_026_380_527, 5.356_686_875_267_444),
            (100, 6.084_637_537_173_171, 5.812_496_242_333_562),
        ] {
            assert_close(range_quantile(0.95, k), at_95, 1e-11);
            assert_close(range_quantile(0.90, k), at_90, 1e-11);
        }
    }
}
