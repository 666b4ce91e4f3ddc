//! The Kullback-Leibler divergence of two Bernoulli distributions, and the upper confidence bound made of it.

use crate::math;

/// `kl(p, q)` of the Bernoulli distributions with means `p` and `q` in 0..1, in nats.
#[inline]
#[must_use]
pub fn kl(p: f64, q: f64) -> f64 {
    // 0 ln 0 is 0.
    let part = |p: f64, q: f64| if p > 0.0 { p * math::ln(p / q) } else { 0.0 };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

/// Entropy of the Bernoulli distribution with mean `p` in 0..1, in nats.
#[inline]
#[must_use]
pub fn entropy(p: f64) -> f64 {
    let part = |p: f64| if p > 0.0 { -p * math::ln(p) } else { 0.0 };
    part(p) + part(1.0 - p)
}

/// The largest `q` with `kl(mean, q) <= d`: the KL-UCB index for `d` = (ln t) / plays (Garivier, Cappe, "The KL-UCB
/// algorithm for bounded stochastic bandits and beyond", 2011). A mean outside 0..1 is clamped.
#[inline]
#[must_use]
pub fn klucb(mean: f64, d: f64) -> f64 {
    klucb_above(mean, d, f64::NEG_INFINITY)
}

/// [`klucb`], or, where that is below `floor`, some number between it and `floor`: whoever looks for the largest of
/// many indices need not solve for those that cannot be it.
#[must_use]
pub fn klucb_above(mean: f64, d: f64, floor: f64) -> f64 {
    let p = mean.clamp(0.0, 1.0);
    if p == 1.0 || d <= 0.0 {
        return p;
    }
    if p == 0.0 {
        return 1.0 - math::exp(-d);
    }
    // Bounds of q, from 1/(x (1-x)) under the integral of kl: 4 (Pinsker), 1/q, or its value at p above one half.
    let mut q = if p < 0.5 {
        p + (0.5 * d).sqrt().min(d + (d * (d + 2.0 * p)).sqrt())
    } else {
        p + (2.0 * d * p * (1.0 - p)).sqrt()
    };
    if q < floor {
        return q;
    }
    let base = -entropy(p) - d;
    if q > 0.9 {
        // Near 1 the term -p ln q counts for nothing: without it the equation is solved at once, from above.
        q = q.min(1.0 - math::exp(base / (1.0 - p)));
    }
    // kl - d is convex in q and q lies right of the root: Newton's steps lead left and never past it.
    for _ in 0..MOST_STEPS {
        if q >= 1.0 || q < floor {
            break;
        }
        let excess = base - p * math::ln(q) - (1.0 - p) * math::ln(1.0 - q);
        let step = excess * q * (1.0 - q) / (q - p);
        // At the root rounding may turn a step round, or leave none to take.
        q -= step.max(0.0);
        if step.is_nan() || step < 1e-9 {
            break;
        }
    }
    q.clamp(p, 1.0)
}

/// No pair of numbers is known that needs more than 5.
const MOST_STEPS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// The root by bisection alone.
    fn bisected(p: f64, d: f64) -> f64 {
        let (mut low, mut high) = (p, 1.0);
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            *if kl(p, middle) > d { &mut high } else { &mut low } = middle;
        }
        low
    }

    #[test]
    fn the_index_is_the_root_that_bisection_finds() {
        for i in 0..=200 {
            let p = f64::from(i) / 200.0;
            for j in 0..120 {
                let d = 1e-7 * crate::math::powf(1.2, f64::from(j));
                let (fast, slow) = (klucb(p, d), bisected(p, d));
                assert!((fast - slow).abs() < 1e-9, "klucb({p}, {d}) is {fast}, not {slow}");
                assert!((p..=1.0).contains(&fast));
            }
        }
    }

    #[test]
    fn an_index_below_the_floor_is_only_bounded() {
        let exact = klucb(0.3, 0.2);
        for floor in [0.1, exact - 1e-6, exact, exact + 1e-6, 0.7, 0.9] {
            let some = klucb_above(0.3, 0.2, floor);
            if floor <= exact {
                assert_eq!(some, exact);
            } else {
                assert!(exact <= some && some < floor, "{some} for a floor of {floor}");
            }
        }
    }
}
