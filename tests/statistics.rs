//! When an interval or a test of ours is believed: simulated studies of known truth, counted.
//!
//! Every check runs twice: 200 studies by default, 2,000 among the long tests. A count is held to the binomial range of
//! its number of studies that an honest method leaves once in 1,000, so 1,867 to 1,931 of 2,000 for a coverage of 95 %
//! and at most 131 of 2,000 for errors of 5 %.

#[path = "support/equal_pairs.rs"]
mod equal_pairs;
#[path = "support/studies.rs"]
#[macro_use]
mod studies;

use rand_distr::Distribution;
use reflexarc::analysis::bootstrap::{self, Bootstrap};
use reflexarc::analysis::interval::{binomial_interval, mean_over_seeds};
use reflexarc::analysis::moments::Moments;
use reflexarc::analysis::sequential::ConfidenceSequence;
use reflexarc::analysis::welch::{self, Side};
use reflexarc::sim::sample::{Beta, LogNormal, standard_normal};
use reflexarc::sim::stream::Stream;

use equal_pairs::{algorithms, equal_pair};
use studies::{
    ALPHA, FALSE_ALARM, assert_at_most, assert_rate, count, covers, print, quantile, stream,
};

#[test]
fn the_ranges_are_those_of_the_acceptance() {
    let range = [FALSE_ALARM / 2.0, 1.0 - FALSE_ALARM / 2.0].map(|p| quantile(2_000, 0.95, p));
    assert_eq!((range, quantile(2_000, 0.05, 1.0 - FALSE_ALARM)), ([1_867, 1_931], 131));
}

/// Values of seeds shaped like the product's.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Efficiency where little happens.
    Normal,
    /// Availability: Beta(9, 1), skewness -1.5.
    Proportion,
    /// Efficiency of which a tenth is 0, the rest around 60: skewness -1.6.
    Score,
    /// Latency or cost: sigma 0.5, skewness 1.75.
    Lognormal,
}

impl Shape {
    const ALL: [Self; 4] = [Self::Normal, Self::Proportion, Self::Score, Self::Lognormal];

    fn mean(self) -> f64 {
        match self {
            Self::Normal | Self::Lognormal => 60.0,
            Self::Proportion => 0.9,
            Self::Score => 54.0,
        }
    }

    fn draw(self, stream: &mut Stream) -> f64 {
        match self {
            Self::Normal => 60.0 + 8.0 * standard_normal(stream),
            Self::Proportion => Beta::new(9.0, 1.0).sample(stream),
            Self::Score if stream.uniform() < 0.1 => 0.0,
            Self::Score => 100.0 * Beta::new(12.0, 8.0).sample(stream),
            Self::Lognormal => LogNormal::with_mean(60.0, 0.5).sample(stream),
        }
    }

    /// Seeds of a study: enough for its skewness (n > 25 skewness^2, Cochran 1977).
    fn n_seeds(self) -> usize {
        if matches!(self, Self::Normal) { 50 } else { 100 }
    }

    fn sample(self, stream: &mut Stream) -> Vec<f64> {
        (0..self.n_seeds()).map(|_| self.draw(stream)).collect()
    }
}

fn t_intervals_cover(studies: u64) {
    for (seed, shape) in (91_000..).zip(Shape::ALL) {
        let covered = count(studies, |study| {
            let values = shape.sample(&mut stream(seed, *study));
            covers(mean_over_seeds(&values, matches!(shape, Shape::Proportion)), shape.mean())
        });
        assert_rate(&format!("t, {shape:?}"), seed, covered, studies, 1.0 - ALPHA);
    }
}

fn bca_intervals_cover(studies: u64) {
    for (seed, shape) in (91_010..).zip(Shape::ALL) {
        let covered = count(studies, |study| {
            let values = shape.sample(&mut stream(seed, *study));
            let bootstrap = Bootstrap { key: *study, ..Bootstrap::default() };
            covers(bootstrap.bca(&values, bootstrap::mean), shape.mean())
        });
        assert_rate(&format!("BCa, {shape:?}"), seed, covered, studies, 1.0 - ALPHA);
    }
}

/// The gain of learning over frozen beliefs: each seed gains 8 % of its own level, give or take 10 %.
fn ratio_intervals_cover(studies: u64) {
    let gain = 0.08;
    let own = LogNormal::with_mean(gain + 1.0, 0.1);
    for (seed, shape) in (91_020..).zip(Shape::ALL) {
        let covered = count(studies, |study| {
            let mut stream = stream(seed, *study);
            let frozen = shape.sample(&mut stream);
            let pairs: Vec<(f64, f64)> =
                frozen.into_iter().map(|f| (f * own.sample(&mut stream) - f, f)).collect();
            let bootstrap = Bootstrap { key: *study, ..Bootstrap::default() };
            covers(bootstrap.bca(&pairs, bootstrap::ratio_of_means), gain)
        });
        assert_rate(&format!("ratio, {shape:?}"), seed, covered, studies, 1.0 - ALPHA);
    }
}

/// Looks of a watched study, in expected sizes.
const LOOKS: u64 = 10;

fn sequential_means_hold_at_every_look(studies: u64) {
    for (seed, shape) in (91_030..).zip(Shape::ALL) {
        for n_target in [50, 300] {
            let sequence = ConfidenceSequence::new(ALPHA, n_target);
            let missed = count(studies, |study| {
                let mut stream = stream(seed, *study);
                let mut values = Moments::default();
                (0..LOOKS * n_target).any(|_| {
                    values.push(shape.draw(&mut stream));
                    let look = sequence.mean(&values);
                    look.is_some_and(|e| e.low > shape.mean() || e.high < shape.mean())
                })
            });
            let what = format!("sequential mean, {shape:?}, target {n_target}");
            assert_at_most(&what, seed, missed, studies, ALPHA);
        }
    }
}

/// Pairs of unlike laws, so that the difference is neither 0 nor symmetric.
fn sequential_paired_differences_hold_at_every_look(studies: u64) {
    for (seed, shape) in (91_040..).zip(Shape::ALL) {
        let n_target = 100;
        let sequence = ConfidenceSequence::new(ALPHA, n_target);
        let truth = 0.1 * shape.mean();
        let missed = count(studies, |study| {
            let mut stream = stream(seed, *study);
            let mut differences = Moments::default();
            (0..LOOKS * n_target).any(|_| {
                let (a, b) = (shape.draw(&mut stream), shape.draw(&mut stream));
                differences.push(1.1 * a - b);
                let look = sequence.paired_difference(&differences);
                look.is_some_and(|e| e.low > truth || e.high < truth)
            })
        });
        assert_at_most(&format!("sequential pairs, {shape:?}"), seed, missed, studies, ALPHA);
    }
}

/// Two independent streams of unlike spread, of which one gets three of four observations.
fn sequential_differences_hold_at_every_look(studies: u64) {
    for (seed, shape) in (91_050..).zip(Shape::ALL) {
        let n_target = 100;
        let sequence = ConfidenceSequence::new(ALPHA, n_target);
        let truth = -shape.mean();
        let missed = count(studies, |study| {
            let mut stream = stream(seed, *study);
            let (mut a, mut b) = (Moments::default(), Moments::default());
            (0..2 * LOOKS * n_target).any(|k| {
                let value = shape.draw(&mut stream);
                if k % 4 == 0 {
                    b.push(2.0 * value)
                } else {
                    a.push(value)
                }
                let look = sequence.difference(&a, &b);
                look.is_some_and(|d| d.low > truth || d.high < truth)
            })
        });
        assert_at_most(&format!("sequential A/B, {shape:?}"), seed, missed, studies, ALPHA);
    }
}

fn equal_pairs_differ_as_often_as_stated_at_a_fixed_size(studies: u64) {
    for (seed, algorithm) in (91_060..).zip(algorithms()) {
        let name = algorithm.name();
        let found = count(studies, |study| {
            let (a, b): (Vec<f64>, Vec<f64>) =
                equal_pair(&algorithm, seed, *study, false).take(50).unzip();
            let [a, b] = [a, b].map(|side| side.into_iter().collect::<Moments>());
            welch::t_test(&a, &b).expect("rewards vary").p < ALPHA
        });
        assert_at_most(&format!("Welch, {name}"), seed, found, studies, ALPHA);
        let found = count(studies, |study| {
            let pairs = equal_pair(&algorithm, seed, *study, true).take(50);
            let differences: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
            !covers(mean_over_seeds(&differences, false), 0.0)
        });
        assert_at_most(&format!("paired t, {name}"), seed, found, studies, ALPHA);
    }
}

/// The sequential test may be watched; Welch's may not, which is why there is a sequential one.
fn equal_pairs_stay_equal_under_watch(studies: u64) {
    let n_target = 50;
    let sequence = ConfidenceSequence::new(ALPHA, n_target);
    let looks = (LOOKS * n_target) as usize;
    for (seed, algorithm) in (91_070..).zip(algorithms()) {
        let name = algorithm.name();
        let (mut sequential, mut welch) = (0, 0);
        for study in 0..studies {
            let (mut a, mut b) = (Moments::default(), Moments::default());
            let mut found = [false; 2];
            for (x, y) in equal_pair(&algorithm, seed, study, false).take(looks) {
                a.push(x);
                b.push(y);
                let look = sequence.difference(&a, &b);
                found[0] |= look.is_some_and(|d| d.low > 0.0 || d.high < 0.0);
                // Every fifth look is enough to show the harm.
                if !found[1] && a.n() >= 50 && a.n() % 5 == 0 {
                    found[1] = welch::t_test(&a, &b).expect("rewards vary").p < ALPHA;
                }
            }
            sequential += u64::from(found[0]);
            welch += u64::from(found[1]);
        }
        assert_at_most(&format!("watched A/B, {name}"), seed, sequential, studies, ALPHA);
        let (at_least, _) = binomial_interval(welch, studies);
        let found = format!("watched Welch, {name}: {welch} of {studies}, seed {seed}");
        print(&found);
        assert!(at_least > 2.0 * ALPHA, "{found}");
    }
}

fn equal_pairs_in_the_same_worlds_stay_equal_under_watch(studies: u64) {
    let n_target = 50;
    let sequence = ConfidenceSequence::new(ALPHA, n_target);
    let looks = (LOOKS * n_target) as usize;
    for (seed, algorithm) in (91_080..).zip(algorithms()) {
        let found = count(studies, |study| {
            let mut differences = Moments::default();
            equal_pair(&algorithm, seed, *study, true).take(looks).any(|(a, b)| {
                differences.push(a - b);
                let look = sequence.paired_difference(&differences);
                look.is_some_and(|e| e.low > 0.0 || e.high < 0.0)
            })
        });
        assert_at_most(
            &format!("watched pairs, {}", algorithm.name()),
            seed,
            found,
            studies,
            ALPHA,
        );
    }
}

fn power_is_as_computed(studies: u64) {
    let sides = |n: [u64; 2], sd: [f64; 2]| [0, 1].map(|i| Side { n: n[i], sd: sd[i] });
    let designs = [
        (sides([64, 64], [1.0, 1.0]), 0.5),
        (sides([30, 30], [8.0, 8.0]), 4.0),
        (sides([40, 90], [12.0, 6.0]), 5.0),
        (sides([30, 50], [3.0, 9.0]), 0.0),
    ];
    for (seed, (sides, stated)) in (91_090..).zip(designs) {
        // Without a stated difference: the one said to be found four times of five.
        let (difference, power) = match stated {
            0.0 => (welch::detectable_difference(sides, ALPHA, 0.8), 0.8),
            stated => (stated, welch::power(sides, stated, ALPHA)),
        };
        let found = count(studies, |study| {
            let mut stream = stream(seed, *study);
            let [a, b] = [(sides[0], difference), (sides[1], 0.0)].map(|(side, mean)| {
                (0..side.n).map(|_| mean + side.sd * standard_normal(&mut stream)).collect()
            });
            welch::t_test(&a, &b).expect("values vary").p < ALPHA
        });
        assert_rate(&format!("power at {difference:.3}"), seed, found, studies, power);
    }
}

acceptance! {
    t_intervals_cover,
    bca_intervals_cover,
    ratio_intervals_cover,
    sequential_means_hold_at_every_look,
    sequential_paired_differences_hold_at_every_look,
    sequential_differences_hold_at_every_look,
    equal_pairs_differ_as_often_as_stated_at_a_fixed_size,
    equal_pairs_stay_equal_under_watch,
    equal_pairs_in_the_same_worlds_stay_equal_under_watch,
    power_is_as_computed,
}
