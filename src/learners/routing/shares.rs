//! Shares of calls that tell the best model from the others with the fewest calls.
//!
//! The program, as TensorZero states it (after Garivier, Kaufmann, "Optimal best arm identification with fixed confidence",
//! 2016, with Gaussian rewards): over shares w of K models, with leader L, variances `s_a^2` and gaps g_i to the leader,
//!
//! minimise t + ridge sum (w_a - 1/K)^2   such that   s_i^2 / w_i + s_L^2 / w_L <= t g_i^2 / 2   and   w_a >= floor.
//!
//! With the leader's share w_L and t given, challenger i needs `l_i` = max(floor, s_i^2 / (t g_i^2 / 2 - s_L^2 / w_L)), and
//! the ridge levels out what is left: w_i = max(l_i, level), the level such that the shares sum to 1. What remains is convex
//! in (t, w_L), so both are found by the sign of the slope: t for a given w_L, and w_L around it. In the usual case no
//! share is left over, every challenger has `l_i`, and t is the root of their sum, which falls and is convex: Newton's
//! method from its left. The multipliers m_i of w_i >= l_i and mu of the sum follow from
//! 2 ridge (w_i - 1/K) = mu + m_i and 1 = sum of m_i |dl_i/dt|.

/// Halvings of an interval: more leave a double as it is.
const HALVINGS: usize = 60;

/// The program's data.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Variance of each model's rewards, above 0.
    pub variances: &'a [f64],
    /// Squared gap to the leader, above 0; the leader's own is not read.
    pub squared_gaps: &'a [f64],
    /// The leader's place.
    pub leader: usize,
    /// The least share of a model, at most 1/K.
    pub floor: f64,
    /// Weight of the squared distance to equal shares.
    pub ridge: f64,
}

/// What is best for a given share of the leader.
struct Inner {
    /// Shares by model; the leader's as given.
    shares: Vec<f64>,
    /// Slope of the program's value in the leader's share.
    slope: f64,
}

impl Program<'_> {
    /// The best shares; they sum to 1.
    #[must_use]
    pub fn solve(&self) -> Vec<f64> {
        let k = self.variances.len() as f64;
        let (mut low, mut high) = (self.floor, 1.0 - (k - 1.0) * self.floor);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if self.inner(middle).slope > 0.0 {
                high = middle;
            } else {
                low = middle;
            }
        }
        let mut shares = self.inner(0.5 * (low + high)).shares;
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        shares
    }

    fn challengers(&self) -> impl Iterator<Item = usize> {
        let leader = self.leader;
        (0..self.variances.len()).filter(move |i| *i != leader)
    }

    /// What challenger `i` needs, and by how much that falls with t; the fall is 0 at the floor.
    fn need(&self, i: usize, t: f64, of_leader: f64) -> (f64, f64) {
        let half = 0.5 * self.squared_gaps[i];
        let need = self.variances[i] / (t * half - of_leader);
        if need > self.floor {
            (need, need * need * half / self.variances[i])
        } else {
            (self.floor, 0.0)
        }
    }

    /// The t at which the challengers need all that the leader leaves.
    fn least_t(&self, rest: f64, of_leader: f64) -> f64 {
        let alone = |i: usize| 2.0 * (of_leader + self.variances[i] / rest) / self.squared_gaps[i];
        let mut t = self.challengers().map(alone).fold(0.0, f64::max);
        for _ in 0..HALVINGS {
            let (mut needed, mut fall) = (-rest, 0.0);
            for i in self.challengers() {
                let (need, own) = self.need(i, t, of_leader);
                needed += need;
                fall += own;
            }
            let next = t + needed / fall;
            if fall == 0.0 || next <= t {
                break;
            }
            t = next;
        }
        t
    }

    /// The level at which the challengers' shares, none below its need, sum to `rest`.
    fn level(&self, needs: &[f64], rest: f64) -> f64 {
        let mut level = f64::INFINITY;
        loop {
            let (mut left, mut n) = (rest, 0.0);
            for i in self.challengers() {
                if needs[i] >= level {
                    left -= needs[i];
                } else {
                    n += 1.0;
                }
            }
            let next = left / n;
            if n == 0.0 || next >= level {
                return level;
            }
            level = next;
        }
    }

    fn inner(&self, share: f64) -> Inner {
        let k = self.variances.len();
        let even = 1.0 / k as f64;
        let (rest, of_leader) = (1.0 - share, self.variances[self.leader] / share);
        let (mut shares, mut falls) = (vec![share; k], vec![0.0; k]);
        let set_needs = |t: f64, shares: &mut [f64], falls: &mut [f64]| {
            for i in self.challengers() {
                (shares[i], falls[i]) = self.need(i, t, of_leader);
            }
        };
        let least = self.least_t(rest, of_leader);
        set_needs(least, &mut shares, &mut falls);
        let total: f64 = self.challengers().map(|i| falls[i]).sum();
        let pull: f64 = self.challengers().map(|i| (shares[i] - even) * falls[i]).sum();
        let mut mu = (2.0 * self.ridge * pull - 1.0) / total;
        let multiplier = |share: f64, mu: f64| 2.0 * self.ridge * (share - even) - mu;
        if self.challengers().any(|i| multiplier(shares[i], mu) < 0.0) {
            // Some share is left over: a larger t lets it be levelled out.
            let slope_in_t = |t: f64, shares: &mut [f64], falls: &mut [f64]| {
                set_needs(t, shares, falls);
                let level = self.level(shares, rest);
                let weighed = self.challengers().map(|i| (shares[i] - level).max(0.0) * falls[i]);
                (1.0 - 2.0 * self.ridge * weighed.sum::<f64>(), level)
            };
            let (mut low, mut high) = (least, 2.0 * least);
            while slope_in_t(high, &mut shares, &mut falls).0 < 0.0 {
                (low, high) = (high, 2.0 * high);
            }
            for _ in 0..HALVINGS {
                let middle = 0.5 * (low + high);
                match slope_in_t(middle, &mut shares, &mut falls).0 < 0.0 {
                    true => low = middle,
                    false => high = middle,
                }
            }
            let (_, level) = slope_in_t(high, &mut shares, &mut falls);
            mu = 2.0 * self.ridge * (level - even);
            for i in self.challengers() {
                shares[i] = shares[i].max(level);
            }
        }
        let slope_of_need = |i: usize| {
            shares[i] * shares[i] / self.variances[i] * self.variances[self.leader]
                / (share * share)
        };
        let needs = self.challengers().filter(|i| falls[*i] > 0.0);
        let loosened: f64 =
            needs.map(|i| multiplier(shares[i], mu).max(0.0) * slope_of_need(i)).sum();
        Inner { slope: 2.0 * self.ridge * (share - even) - mu - loosened, shares }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use crate::sim::stream::{Purpose, Streams};

    impl Program<'_> {
        /// The program's value at some shares.
        fn value(&self, shares: &[f64]) -> f64 {
            let even = 1.0 / shares.len() as f64;
            let of_leader = self.variances[self.leader] / shares[self.leader];
            let error = |i: usize| self.variances[i] / shares[i] + of_leader;
            let t = self.challengers().map(|i| 2.0 * error(i) / self.squared_gaps[i]);
            let uneven: f64 = shares.iter().map(|share| (share - even) * (share - even)).sum();
            t.fold(0.0, f64::max) + self.ridge * uneven
        }
    }

    #[test]
    fn no_other_shares_are_better() {
        for seed in 0..300 {
            let mut draws = Streams::new(seed).nth(Purpose::Expectation, 0);
            let k = 2 + draws.index(9);
            let mut spread = |low: f64, high: f64| low * math::powf(high / low, draws.uniform());
            let variances: Vec<f64> = (0..k).map(|_| spread(1e-4, 1.0)).collect();
            let squared_gaps: Vec<f64> = (0..k).map(|_| spread(1e-6, 1.0)).collect();
            let floor = spread(1e-6, 0.9 / k as f64);
            // From a ridge that does not count to one that does nearly all.
            let ridge = spread(1e-4, 1e8);
            let leader = draws.index(k);
            let program = Program {
                variances: &variances,
                squared_gaps: &squared_gaps,
                leader,
                floor,
                ridge,
            };
            let best = program.solve();
            assert!((best.iter().sum::<f64>() - 1.0).abs() < 1e-12, "seed {seed}");
            assert!(
                best.iter().all(|share| *share > floor * (1.0 - 1e-9)),
                "seed {seed}: {best:?}"
            );
            let value = program.value(&best);
            for n in 0..2_000 {
                let size = math::powf(10.0, -1.0 - 5.0 * draws.uniform());
                let moves: Vec<f64> = match n % 2 {
                    0 => (0..k).map(|_| size * (draws.uniform() - 0.5)).collect(),
                    // From one model to another.
                    _ => {
                        let (from, to) = (draws.index(k), draws.index(k));
                        let one = |i| f64::from(u8::from(i == to)) - f64::from(u8::from(i == from));
                        (0..k).map(|i| size * one(i)).collect()
                    }
                };
                let moved = |(share, by): (&f64, &f64)| (share + by).max(floor);
                let mut other: Vec<f64> = best.iter().zip(&moves).map(moved).collect();
                // What is above the floor is scaled until the sum is 1 again.
                let above: f64 = other.iter().map(|share| share - floor).sum();
                let scale = (1.0 - k as f64 * floor) / above;
                other.iter_mut().for_each(|share| *share = floor + (*share - floor) * scale);
                let found = program.value(&other);
                assert!(found >= value * (1.0 - 1e-9), "seed {seed}: {other:?} beats {best:?}");
            }
        }
    }
}
