//! Simulated studies of known truth, counted: a count is held to the binomial range of its number of studies.

use reflexarc::analysis::distribution::beta_cdf;
use reflexarc::analysis::interval::Estimate;
use reflexarc::sim::stream::{Purpose, Stream, Streams};

/// Error rate of every method here.
pub(crate) const ALPHA: f64 = 0.05;
/// Probability that an honest method fails a check.
pub(crate) const FALSE_ALARM: f64 = 0.001;

/// Smallest count that a binomial variate is at most with probability `p`.
pub(crate) fn quantile(studies: u64, rate: f64, p: f64) -> u64 {
    let cdf = |k: u64| 1.0 - beta_cdf((k + 1) as f64, (studies - k) as f64, rate);
    (0..studies).find(|k| cdf(*k) >= p).unwrap_or(studies)
}

#[expect(clippy::print_stdout, reason = "the counts are the acceptance's record")]
pub(crate) fn print(line: &str) {
    println!("{line}");
}

pub(crate) fn assert_rate(what: &str, seed: u64, count: u64, studies: u64, rate: f64) {
    let allowed = [FALSE_ALARM / 2.0, 1.0 - FALSE_ALARM / 2.0].map(|p| quantile(studies, rate, p));
    let found = format!("{what}: {count} of {studies} (allowed {allowed:?}), seed {seed}");
    print(&found);
    assert!(allowed[0] <= count && count <= allowed[1], "{found}");
}

pub(crate) fn assert_at_most(what: &str, seed: u64, count: u64, studies: u64, rate: f64) {
    let most = quantile(studies, rate, 1.0 - FALSE_ALARM);
    let found = format!("{what}: {count} of {studies} (at most {most}), seed {seed}");
    print(&found);
    assert!(count <= most, "{found}");
}

pub(crate) fn count(studies: u64, holds: impl FnMut(&u64) -> bool) -> u64 {
    (0..studies).filter(holds).count() as u64
}

/// The stream of a study.
pub(crate) fn stream(seed: u64, study: u64) -> Stream {
    Streams::new(seed).nth(Purpose::Expectation, study)
}

pub(crate) fn covers(estimate: Option<Estimate>, truth: f64) -> bool {
    estimate.is_some_and(|e| e.low <= truth && truth <= e.high)
}

/// Each check as a sample in the default run, and whole among the long tests.
macro_rules! acceptance {
    ($($check:ident),+ $(,)?) => {
        mod sample {
            $(#[test]
            fn $check() {
                super::$check(200);
            })+
        }

        mod whole {
            $(#[test]
            #[ignore = "2,000 studies: a long test"]
            fn $check() {
                super::$check(2_000);
            })+
        }
    };
}
