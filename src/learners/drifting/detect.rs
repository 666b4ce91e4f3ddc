//! Tests for a change of the mean of one model's rewards, fed result after result.

use std::collections::VecDeque;

use crate::learners::kl::entropy;
use crate::math;

/// The generalised likelihood ratio test for rewards in 0..1 (Besson, Kaufmann, Maillard, Seznec, "Efficient change-point
/// detection for tackling piecewise-stationary bandits", 2022): is there an `s` with
/// `s kl(mean of the first s, mean) + (n - s) kl(mean of the rest, mean) >= ln(n^1.5 / delta)`?
///
/// As in the paper's experiments it is asked after every few rewards alone, for an `s` every few rewards.
#[derive(Clone, Debug)]
pub struct Glr {
    delta: f64,
    test_every: u64,
    split_every: u64,
    n: u64,
    sum: f64,
    /// The sum of the first `split_every`, twice as many, three times as many, ... rewards.
    heads: Vec<f64>,
}

impl Glr {
    /// A test that raises a false alarm with a probability of about `delta`.
    #[must_use]
    pub fn new(delta: f64, test_every: u64, split_every: u64) -> Self {
        Self { delta, test_every, split_every, n: 0, sum: 0.0, heads: Vec::new() }
    }

    /// Takes in one reward, clamped to 0..1; whether the mean has changed.
    #[inline]
    #[must_use]
    pub fn push(&mut self, reward: f64) -> bool {
        self.n += 1;
        self.sum += reward.clamp(0.0, 1.0);
        if self.n.is_multiple_of(self.split_every) {
            self.heads.push(self.sum);
        }
        self.n.is_multiple_of(self.test_every) && self.has_changed()
    }

    fn has_changed(&self) -> bool {
        let n = self.n as f64;
        let mean = self.sum / n;
        let variance = mean * (1.0 - mean);
        if variance <= 0.0 {
            return false;
        }
        let threshold = 1.5 * math::ln(n) - math::ln(self.delta);
        let whole = n * entropy(mean);
        self.heads.iter().zip(1..).any(|(&head, i)| {
            let before = (i * self.split_every) as f64;
            let after = n - before;
            if after <= 0.0 {
                return false;
            }
            let (first, last) = (head / before, ((self.sum - head) / after).clamp(0.0, 1.0));
            // kl(p, q) <= (p - q)^2 / (q (1 - q)) spares most splits their logarithms.
            let most = before * after / n * (first - last) * (first - last) / variance;
            most >= threshold
                && whole - before * entropy(first.min(1.0)) - after * entropy(last) >= threshold
        })
    }

    /// Forgets all rewards.
    pub fn clear(&mut self) {
        (self.n, self.sum) = (0, 0.0);
        self.heads.clear();
    }
}

/// M-UCB's test (Cao, Wen, Kveton, Xie, "Nearly optimal adaptive procedure with change detection for piecewise-stationary
/// bandit", 2019): do the sums of the last and of the previous half of a window differ by more than a threshold?
#[derive(Clone, Debug)]
pub struct Halves {
    half: usize,
    threshold: f64,
    /// The last rewards, oldest first; at most two halves.
    rewards: VecDeque<f64>,
    earlier: f64,
    recent: f64,
}

impl Halves {
    /// A test over the last `window` rewards, one less where that is odd.
    #[must_use]
    pub fn new(window: u64, threshold: f64) -> Self {
        let half = (window / 2).max(1) as usize;
        Self { half, threshold, rewards: VecDeque::new(), earlier: 0.0, recent: 0.0 }
    }

    /// The paper's threshold `sqrt(w/2 ln(2 K T^2))` for a window w, K models and a horizon T.
    #[must_use]
    pub fn threshold(window: u64, n_models: usize, horizon: u64) -> f64 {
        let t = horizon as f64;
        (window as f64 / 2.0 * math::ln(2.0 * n_models as f64 * t * t)).sqrt()
    }

    /// Takes in one reward; whether the mean has changed.
    #[inline]
    #[must_use]
    pub fn push(&mut self, reward: f64) -> bool {
        if self.rewards.len() == 2 * self.half {
            self.earlier -= self.rewards.pop_front().expect("the window is full");
        }
        self.rewards.push_back(reward);
        self.recent += reward;
        if let Some(at) = self.rewards.len().checked_sub(self.half + 1) {
            let passed = self.rewards[at];
            self.recent -= passed;
            self.earlier += passed;
        }
        let is_full = self.rewards.len() == 2 * self.half;
        is_full && (self.recent - self.earlier).abs() > self.threshold
    }

    /// Forgets all rewards.
    pub fn clear(&mut self) {
        self.rewards.clear();
        (self.earlier, self.recent) = (0.0, 0.0);
    }
}

/// The Page-Hinkley test in both directions (Page, "Continuous inspection schemes", 1954; Hinkley 1971): has the sum of
/// `reward - mean so far - tolerance` risen above its lowest point, or its mirror image, by more than a threshold?
#[derive(Clone, Debug)]
pub struct PageHinkley {
    tolerance: f64,
    threshold: f64,
    n: f64,
    mean: f64,
    /// By how much the sum lies above its lowest point.
    risen: f64,
    fallen: f64,
}

impl PageHinkley {
    /// A test that overlooks changes smaller than about `tolerance`.
    #[must_use]
    pub fn new(tolerance: f64, threshold: f64) -> Self {
        Self { tolerance, threshold, n: 0.0, mean: 0.0, risen: 0.0, fallen: 0.0 }
    }

    /// Takes in one reward; whether the mean has changed.
    #[inline]
    #[must_use]
    pub fn push(&mut self, reward: f64) -> bool {
        self.n += 1.0;
        self.mean += (reward - self.mean) / self.n;
        let off = reward - self.mean;
        self.risen = (self.risen + off - self.tolerance).max(0.0);
        self.fallen = (self.fallen - off - self.tolerance).max(0.0);
        self.risen.max(self.fallen) > self.threshold
    }

    /// Forgets all rewards.
    pub fn clear(&mut self) {
        *self = Self::new(self.tolerance, self.threshold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learners::kl::kl;
    use crate::sim::stream::{Purpose, Streams};

    fn mean(rewards: &[f64]) -> f64 {
        rewards.iter().sum::<f64>() / rewards.len() as f64
    }

    /// The likelihood ratio test as it is written, over all rewards.
    fn ratio_says(rewards: &[f64], delta: f64, split_every: usize) -> bool {
        let n = rewards.len();
        let all = mean(rewards);
        let statistic = |s: usize| {
            let (first, last) = rewards.split_at(s);
            s as f64 * kl(mean(first), all) + (n - s) as f64 * kl(mean(last), all)
        };
        let threshold = math::ln(math::powf(n as f64, 1.5) / delta);
        (split_every..n).step_by(split_every).any(|s| statistic(s) >= threshold)
    }

    #[test]
    fn the_ratio_test_does_what_its_formula_says() {
        let streams = Streams::new(5);
        let mut alarms = 0;
        for run in 0..200 {
            let mut stream = streams.nth(Purpose::Choice, run);
            let (mut glr, mut rewards) = (Glr::new(0.05, 10, 5), Vec::new());
            for t in 0..300 {
                let mean =
                    if t < 100 { 0.3 } else { 0.3 + 0.5 * f64::from(u8::from(run % 2 == 0)) };
                let draw = stream.uniform();
                // Fractions in half of the runs, 0 or 1 in the others.
                let reward =
                    if run % 4 < 2 { f64::from(u8::from(draw < mean)) } else { mean * draw };
                rewards.push(reward);
                let expected = rewards.len() % 10 == 0 && ratio_says(&rewards, 0.05, 5);
                assert_eq!(glr.push(reward), expected, "run {run}, reward {t}, seed 5");
                if expected {
                    alarms += 1;
                    rewards.clear();
                    glr.clear();
                }
            }
        }
        assert!(alarms > 40, "{alarms} alarms in 100 runs with a change, seed 5");
    }

    #[test]
    fn false_alarms_of_the_ratio_test_stay_below_delta() {
        // 400 sequences of one mean, delta = 0.1: at most 40 + 3.1 sqrt(400 0.1 0.9) = 58 false alarms (alpha 0.001).
        let streams = Streams::new(6);
        let alarms = (0..400).filter(|run| {
            let mut stream = streams.nth(Purpose::Choice, *run);
            let mut glr = Glr::new(0.1, 10, 5);
            (0..1000).any(|_| glr.push(f64::from(u8::from(stream.uniform() < 0.5))))
        });
        let n = alarms.count();
        assert!(n <= 58, "{n} false alarms in 400 runs, seed 6");
    }

    #[test]
    fn the_halves_of_a_window_are_compared_once_it_is_full() {
        let mut stream = Streams::new(7).nth(Purpose::Choice, 0);
        let (mut test, mut rewards) = (Halves::new(7, 2.0), Vec::new());
        let mut alarms = 0;
        for t in 0..5000 {
            let reward = (stream.uniform() * 8.0).floor() / 4.0;
            rewards.push(reward);
            let expected = rewards.len() >= 6 && {
                let (earlier, recent) = rewards[rewards.len() - 6..].split_at(3);
                (recent.iter().sum::<f64>() - earlier.iter().sum::<f64>()).abs() > 2.0
            };
            assert_eq!(test.push(reward), expected, "reward {t}, seed 7");
            if expected {
                alarms += 1;
                test.clear();
                rewards.clear();
            }
        }
        assert!(alarms > 100, "{alarms} alarms, seed 7");
        // w = 200, K = 5, T = 10,000 of the reference.
        assert!((Halves::threshold(200, 5, 10_000) - 45.52).abs() < 0.01);
    }

    #[test]
    fn page_hinkley_measures_from_the_lowest_point_of_the_sum() {
        for flip in [false, true] {
            let mut test = PageHinkley::new(0.125, 3.0);
            let (mut sum, mut lowest, mut total) = (0.0_f64, 0.0_f64, 0.0);
            let mut found = None;
            for t in 0..60_u32 {
                let reward = f64::from(u8::from(t >= 40 || t % 2 == 0));
                total += reward;
                sum += reward - total / f64::from(t + 1) - 0.125;
                lowest = lowest.min(sum);
                let changed = test.push(if flip { 1.0 - reward } else { reward });
                assert_eq!(changed, sum - lowest > 3.0, "reward {t}, mirrored {flip}");
                if changed {
                    found = Some(t);
                    break;
                }
            }
            // The mean rises by a half, of which 3/8 counts at first: 3 / 0.375 = 8 rewards, and more as the mean follows.
            assert!(found.is_some_and(|t| (47..=53).contains(&t)), "found at {found:?}");
        }
    }

    #[test]
    fn page_hinkley_raises_false_alarms_as_rarely_as_theory_says() {
        // Siegmund, "Sequential analysis", 1985: (exp(x) - 1 - x) v / (2 tolerance^2) rewards on average in one direction, with
        // x = 2 tolerance (threshold + 1.166 sqrt(v)) / v; half of it in two. Times are exponential, so the mean of 200 has a
        // standard error of 7.1 %; 3.29 of them (alpha 0.001).
        let (tolerance, threshold, v) = (0.05, 20.0, 0.25_f64);
        let x = 2.0 * tolerance * (threshold + 1.166 * v.sqrt()) / v;
        let expected = 0.5 * (math::exp(x) - 1.0 - x) * v / (2.0 * tolerance * tolerance);
        let streams = Streams::new(8);
        let mut rewards = 0_u64;
        for run in 0..200 {
            let mut stream = streams.nth(Purpose::Choice, run);
            let mut test = PageHinkley::new(tolerance, threshold);
            rewards += 1;
            while !test.push(f64::from(u8::from(stream.uniform() < 0.5))) {
                rewards += 1;
            }
        }
        let ratio = rewards as f64 / 200.0 / expected;
        assert!((ratio - 1.0).abs() < 3.29 / 200.0_f64.sqrt(), "{ratio} of {expected}, seed 8");
    }
}
