//! What a history of incidents says: how often they begin, how long they last, and by which laws.

use super::bootstrap::Bootstrap;
use super::fit::{Family, Fit, Goodness, fit, fit_all, test_fit};
use super::moments::Moments;
use crate::math;

/// The shortest duration in seconds that stands for none at all where the effect of leaving those out is shown.
pub const SHORTEST_S: f64 = 60.0;

/// One incident.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incident {
    /// Start, in seconds of the Unix epoch.
    pub start_s: f64,
    /// Close; `None` where it is not known.
    pub close_s: Option<f64>,
}

/// Times in seconds with the laws fitted to them.
#[derive(Clone, Debug)]
pub struct Times {
    /// The times, all above 0.
    pub seconds: Vec<f64>,
    /// How many were 0 or unknown and are left out.
    pub left_out: usize,
    /// Fits of all families that have one, the best by AIC first.
    pub fits: Vec<Fit>,
    /// Whether the best one fits.
    pub goodness: Option<Goodness>,
    /// The lognormal law against Lomax's, a power law.
    pub tail: Option<Vuong>,
}

/// Vuong's test of two laws that are not nested ("Likelihood ratio tests for model selection and non-nested hypotheses",
/// Econometrica 1989; for heavy tails Clauset, Shalizi, Newman, "Power-law distributions in empirical data", 2009).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vuong {
    /// Log-likelihood of the first less that of the second.
    pub ln_ratio: f64,
    /// Ratio over its standard deviation; standard normal if the two are equally near the truth.
    pub z: f64,
    /// Two-sided p value.
    pub p: f64,
}

/// A history in numbers.
#[derive(Clone, Debug)]
pub struct History {
    /// Incidents in it.
    pub n: usize,
    /// Its length in seconds.
    pub span_s: f64,
    /// Incidents in its first half.
    pub n_first_half: usize,
    /// Laplace's statistic: the mean start's distance from the middle, standard normal for a constant rate without
    /// clusters (Cox, Lewis, *The Statistical Analysis of Series of Events*, 1966); above 0 they become more frequent.
    pub laplace_z: f64,
    /// Standard deviation over mean of the times between starts: 1 where nothing clusters.
    pub variation: f64,
    /// Correlation of the logarithms of times between starts with the next ones.
    pub serial_correlation: f64,
    /// Share of the time in which at least one incident lasts.
    pub share_in_incidents: f64,
    /// Times from start to start.
    pub between: Times,
    /// Times from start to close.
    pub durations: Times,
    /// The best law of durations, fitted anew with [`SHORTEST_S`] for those that are 0.
    pub durations_with_zeros: Option<Fit>,
}

/// Sums up the incidents (in order of their starts) that start within `from_s..until_s`. `None` if there are fewer than 3.
#[must_use]
pub fn history(
    incidents: &[Incident],
    (from_s, until_s): (f64, f64),
    bootstrap: Bootstrap,
) -> Option<History> {
    let own: Vec<Incident> = incidents
        .iter()
        .filter(|incident| from_s <= incident.start_s && incident.start_s < until_s)
        .copied()
        .collect();
    if own.len() < 3 {
        return None;
    }
    let (n, span_s) = (own.len(), until_s - from_s);
    let middle = from_s + 0.5 * span_s;
    let mean_start = own.iter().map(|i| i.start_s - from_s).sum::<f64>() / n as f64;
    let gaps: Vec<f64> = own.windows(2).map(|pair| pair[1].start_s - pair[0].start_s).collect();
    let moments: Moments = gaps.iter().copied().collect();
    let spans: Vec<f64> = own.iter().filter_map(|i| Some(i.close_s? - i.start_s)).collect();
    let between = times(gaps.iter().copied(), 0, bootstrap);
    let durations = times(spans.iter().copied(), n - spans.len(), bootstrap);
    let durations_with_zeros = durations.fits.first().and_then(|best| {
        let all: Vec<f64> = spans.iter().map(|s| s.max(SHORTEST_S)).collect();
        fit(best.law.family(), &all).ok()
    });
    Some(History {
        n,
        span_s,
        n_first_half: own.iter().filter(|i| i.start_s < middle).count(),
        laplace_z: (mean_start - 0.5 * span_s) / (span_s / (12.0 * n as f64).sqrt()),
        variation: moments.variance().sqrt() / moments.mean(),
        serial_correlation: serial_correlation(&between.seconds),
        share_in_incidents: covered_s(&own, until_s) / span_s,
        between,
        durations,
        durations_with_zeros,
    })
}

fn times(all: impl Iterator<Item = f64>, unknown: usize, bootstrap: Bootstrap) -> Times {
    let all: Vec<f64> = all.collect();
    let seconds: Vec<f64> = all.iter().copied().filter(|s| *s > 0.0).collect();
    let fits = fit_all(&Family::ALL, &seconds);
    let goodness = fits.first().and_then(|best| test_fit(best, &seconds, bootstrap).ok());
    let of = |family| fits.iter().find(|fit| fit.law.family() == family);
    let tail = of(Family::Lognormal).zip(of(Family::Lomax));
    let tail = tail.and_then(|(first, second)| vuong(first, second, &seconds));
    Times { left_out: unknown + all.len() - seconds.len(), seconds, fits, goodness, tail }
}

/// Compares two fits to the same values. `None` if they are the same everywhere.
#[must_use]
pub fn vuong(first: &Fit, second: &Fit, values: &[f64]) -> Option<Vuong> {
    let ratios: Moments =
        values.iter().map(|x| first.law.ln_density(*x) - second.law.ln_density(*x)).collect();
    let n = values.len() as f64;
    // Vuong's variance is over n, not n - 1.
    let sd = (ratios.variance() * (n - 1.0) / n).sqrt();
    if sd.is_nan() || sd <= 0.0 {
        return None;
    }
    let z = ratios.mean() * n.sqrt() / sd;
    Some(Vuong { ln_ratio: ratios.mean() * n, z, p: 2.0 * math::normal_cdf(-z.abs()) })
}

/// Pearson's correlation of each logarithm with the next.
fn serial_correlation(seconds: &[f64]) -> f64 {
    let logs: Vec<f64> = seconds.iter().map(|s| math::ln(*s)).collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let products: f64 = logs.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    products / logs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>()
}

/// Seconds before `until_s` in which at least one incident lasts.
fn covered_s(incidents: &[Incident], until_s: f64) -> f64 {
    let (mut covered, mut upto) = (0.0, f64::NEG_INFINITY);
    for incident in incidents {
        let close_s = incident.close_s.unwrap_or(incident.start_s).min(until_s);
        covered += (close_s - incident.start_s.max(upto)).max(0.0);
        upto = upto.max(close_s);
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fit::Law;
    use crate::sim::stream::{Purpose, Streams};

    const FEW: Bootstrap = Bootstrap { resamples: 99, key: 0 };

    fn incident(start_s: f64, close_s: f64) -> Incident {
        Incident { start_s, close_s: Some(close_s) }
    }

    #[test]
    fn overlaps_count_once_and_zeros_are_left_out() {
        let own = [
            incident(0.0, 100.0),
            incident(50.0, 80.0),
            incident(90.0, 150.0),
            incident(150.0, 150.0),
            Incident { start_s: 400.0, close_s: None },
            incident(400.0, 2000.0),
        ];
        let found = history(&own, (0.0, 1000.0), FEW).expect("six");
        assert!((found.share_in_incidents - 0.75).abs() < 1e-12);
        assert_eq!((found.n, found.n_first_half), (6, 6));
        // One time between is 0; one duration is 0 and one unknown.
        assert_eq!((found.between.left_out, found.between.seconds.len()), (1, 4));
        assert_eq!((found.durations.left_out, found.durations.seconds.len()), (2, 4));
        assert!(history(&own[..2], (0.0, 1000.0), FEW).is_none());
    }

    #[test]
    fn laws_of_a_drawn_history_are_found_again() {
        let (between, lasts) =
            (Law::Weibull { shape: 0.7, scale: 2e5 }, Law::Lognormal { mu: 8.6, sigma: 1.2 });
        let mut stream = Streams::new(20_260_523).nth(Purpose::RandomFault, 1);
        let mut at = 0.0;
        let own: Vec<Incident> = (0..4000)
            .map(|_| {
                at += between.draw(&mut stream);
                incident(at, at + lasts.draw(&mut stream))
            })
            .collect();
        let found = history(&own, (0.0, at + 1.0), FEW).expect("many");
        for (times, truth) in [(&found.between, between), (&found.durations, lasts)] {
            let best = &times.fits[0];
            assert_eq!(best.law.family(), truth.family(), "seed 20260523");
            let errors = best.standard_errors.iter().zip(best.law.parameters());
            for ((error, found), truth) in errors.zip(truth.parameters()) {
                // 3.5 standard errors, four parameters: alpha = 0.002.
                assert!(
                    (found - truth).abs() < 3.5 * error,
                    "{found} {truth} +- {error}, seed 20260523"
                );
            }
        }
        // A lognormal law of this size of sample is told from a power law.
        let tail = found.durations.tail.expect("both fit");
        assert!(tail.z > 3.0 && tail.p < 0.003, "{tail:?}");
        // Weibull of shape 0.7: sqrt(G(1 + 2/k) / G(1 + 1/k)^2 - 1) = 1.4624.
        assert!((found.variation - 1.4624).abs() < 0.25, "{}", found.variation);
        // Neither trend nor memory; 3.3 standard deviations, alpha = 0.001 each. Clusters widen Laplace's statistic by the
        // variation.
        assert!(found.laplace_z.abs() < 3.3 * 1.4624, "{}", found.laplace_z);
        assert!(found.serial_correlation.abs() < 3.3 / 4000_f64.sqrt());
    }
}
