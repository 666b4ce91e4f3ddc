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

/// Distribution function of the gamma law with shape `a` and scale 1: the regularised lower incomplete gamma function.
#[must_use]
pub fn gamma_cdf(a: f64, x: f64) -> f64 {
    gamma_sides(a, x).0
}

/// Upper tail of the gamma law with shape `a` and scale 1: the regularised upper incomplete gamma function.
#[must_use]
pub fn gamma_tail(a: f64, x: f64) -> f64 {
    gamma_sides(a, x).1
}

/// Both sides of the gamma law at `x`: by its series below the mean, by Lentz's continued fraction above (Press et al.,
/// Numerical Recipes, 2007, 6.2), so that the smaller one keeps its digits.
pub(super) fn gamma_sides(a: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    let front = gamma_front(a, x);
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        let below = (front * sum).min(1.0);
        return (below, 1.0 - below);
    }
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..100_000 {
        let i = f64::from(i);
        let step = -i * (i - a);
        b += 2.0;
        d = 1.0 / away_from_zero(step * d + b);
        c = away_from_zero(b + step / c);
        h *= d * c;
        // Less than two units in the last place: rounding need not let it come to rest at 1.
        if (d * c - 1.0).abs() < 4e-16 {
            break;
        }
    }
    let above = (front * h).min(1.0);
    (1.0 - above, above)
}

/// x^a exp(-x) / Gamma(a): the density of the gamma law times x.
///
/// For large shapes by Stirling's series around x = a (Loader, "Fast and accurate computation of binomial probabilities",
/// 2000), since the three large terms would cancel.
fn gamma_front(a: f64, x: f64) -> f64 {
    if a < 20.0 {
        return math::exp(a * math::ln(x) - x - math::ln_gamma(a));
    }
    let off = (x - a) / a;
    let square = 1.0 / (a * a);
    let correction =
        (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))) / a;
    let peak = (a / std::f64::consts::TAU).sqrt();
    peak * math::exp(a * (math::ln_1p(off) - off) - correction)
}

/// Quantile of the gamma law with shape `a` and scale 1, by Halley's steps within a bracket from Wilson and Hilferty's
/// normal approximation (1931).
#[must_use]
pub fn gamma_quantile(a: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut x = near_gamma_quantile(a, p);
    for _ in 0..200 {
        let (below, above) = gamma_sides(a, x);
        // The smaller side has the digits.
        let excess = if p < 0.5 { below - p } else { (1.0 - p) - above };
        if excess < 0.0 {
            low = x;
        } else {
            high = x;
        }
        let newton = excess * x / gamma_front(a, x);
        let bend = (a - 1.0) / x - 1.0;
        let next = x - newton / (1.0 - 0.5 * (newton * bend).clamp(-1.0, 1.0));
        // The steps' error falls with its third power: after one of 1e-6 there is nothing left to gain.
        if (next - x).abs() <= 1e-6 * x {
            return next;
        }
        let is_inside = next > low && next < high;
        x = if is_inside {
            next
        } else if high.is_finite() {
            low.midpoint(high)
        } else {
            2.0 * low
        };
        if x < f64::MIN_POSITIVE {
            return x;
        }
    }
    x
}

fn near_gamma_quantile(a: f64, p: f64) -> f64 {
    let ninth = 1.0 / (9.0 * a);
    let root = 1.0 - ninth + math::normal_quantile(p) * ninth.sqrt();
    let centre = a * root * root * root;
    // Near 0 the law is x^a / Gamma(a + 1).
    let near_zero = math::exp((math::ln(p) + math::ln_gamma(a + 1.0)) / a);
    let guess = if root <= 0.0 || near_zero < 0.1 * (a + 1.0) { near_zero } else { centre };
    guess.max(1e-300)
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
    fn gamma_laws_match_other_software() {
        // scipy 1.17.1: special.gammainc, gammaincc, gammaincinv.
        for (a, x, below, above) in [
            (0.1, 0.001, 0.526_768_568_392_445, 0.473_231_431_607_555),
            (0.5, 0.2, 0.472_910_743_134_461_96, 0.527_089_256_865_538_1),
            (1.0, 1.0, 0.632_120_558_828_557_7, 0.367_879_441_171_442_45),
            (2.5, 7.0, 0.984_390_583_899_733_1, 0.015_609_416_100_266_91),
            (19.9, 12.0, 0.022_558_911_471_554_616, 0.977_441_088_528_445_4),
            (20.0, 12.0, 0.021_279_769_383_026_62, 0.978_720_230_616_973_3),
            (20.0, 35.0, 0.997_675_493_392_157_9, 0.002_324_506_607_842_079),
            (150.0, 150.0, 0.510_858_229_749_359_7, 0.489_141_770_250_640_3),
            (150.0, 100.0, 1.884_210_466_038_684_4e-6, 0.999_998_115_789_534),
            (5e3, 5100.0, 0.920_671_118_922_381_1, 0.079_328_881_077_618_96),
            (1e5, 99_500.0, 0.056_741_823_212_792_26, 0.943_258_176_787_207_7),
            (0.3, 20.0, 0.999_999_999_918_115_5, 8.188_445_289_210_279e-11),
        ] {
            let found = (gamma_cdf(a, x), gamma_tail(a, x));
            let off = (found.0 / below - 1.0).abs().max((found.1 / above - 1.0).abs());
            assert!(off < 1e-12, "shape {a} at {x}: {found:?}");
        }
        for (a, p, x) in [
            (0.05, 0.3, 2.037_897_188_732_673_3e-11),
            (0.1, 0.001, 6.073_048_362_407_869e-31),
            (0.5, 0.2, 0.032_092_377_333_650_8),
            (1.0, 0.999, 6.907_755_278_982_137),
            (2.5, 1e-9, 4.061_447_828_328_270_4e-4),
            (2.5, 0.5, 2.175_730_095_547_763),
            (20.0, 0.05, 13.254_651_598_346_555),
            (150.0, 0.95, 170.697_556_054_384_36),
            (5000.0, 0.01, 4_836.974_419_788_818),
            (1e5, 0.3, 99_833.928_639_285_12),
        ] {
            let found = gamma_quantile(a, p);
            assert!((found / x - 1.0).abs() < 1e-12, "shape {a} at {p}: {found} for {x}");
        }
        for a in [0.02, 0.4, 1.0, 3.0, 40.0, 900.0] {
            for p in [1e-5, 0.01, 0.4, 0.7, 0.99, 1.0 - 1e-10] {
                let back = gamma_cdf(a, gamma_quantile(a, p));
                assert!((back - p).abs() < 1e-12, "shape {a} at {p}: {back}");
            }
        }
        assert_eq!((gamma_quantile(2.0, 0.0), gamma_quantile(2.0, 1.0)), (0.0, f64::INFINITY));
        assert_eq!((gamma_cdf(2.0, -1.0), gamma_tail(2.0, f64::INFINITY)), (0.0, 0.0));
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
