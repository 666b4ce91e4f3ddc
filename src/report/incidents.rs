//! A history of incidents in words: what was fitted, how well, and the faults to write in a scenario.

use super::number::rounded;
use super::table::TextTable;
use crate::analysis::fit::{Fit, Law};
use crate::analysis::incidents::{History, SHORTEST_S, Times};
use crate::calendar::date_of;
use crate::math;

const HOUR_S: f64 = 3600.0;

/// The report on one provider's incidents that start within `window`, in seconds of the Unix epoch.
#[must_use]
pub fn incidents(provider: &str, window: (f64, f64), history: &History) -> String {
    let days = history.span_s / (24.0 * HOUR_S);
    let n_second = history.n - history.n_first_half;
    let laplace_p = 2.0 * math::normal_cdf(-history.laplace_z.abs());
    let mut text = format!(
        "{provider}: {} incidents in {} days, {} to {}\n\n\
         trend     {} start in the first half, {n_second} in the second (Laplace z {:.2}, p {} if nothing clusters)\n\
         clusters  times between starts vary {:.2} times as much as their mean (1 without clusters); \
         correlation with the next {:.2}\n\
         time      {} % of it in at least one incident\n",
        history.n,
        rounded(days, 4),
        date_of(window.0),
        date_of(window.1),
        history.n_first_half,
        history.laplace_z,
        rounded(laplace_p, 2),
        history.variation,
        history.serial_correlation,
        rounded(100.0 * history.share_in_incidents, 3),
    );
    text.push_str(&laws("times from start to start", &history.between));
    if history.between.left_out > 0 {
        let n = history.between.left_out;
        text.push_str(&format!("{n} of them left out: two incidents start at one instant\n"));
    }
    text.push_str(&laws("durations", &history.durations));
    if history.durations.left_out > 0 {
        text.push_str(&format!(
            "{} of them left out as unknown: not closed, or entered afterwards with one time for both ends\n",
            history.durations.left_out
        ));
    }
    if let (Some(with), Some(best)) =
        (&history.durations_with_zeros, history.durations.fits.first())
        && with.n > best.n
    {
        text.push_str(&format!(
            "with {SHORTEST_S} s for those with one time: {}\n",
            in_words(with)
        ));
    }
    text.push_str("\nAs faults of a scenario, of which the effect is yours to say:\n\n");
    text.push_str(&fault(provider, history));
    text
}

fn laws(what: &str, times: &Times) -> String {
    let n = times.seconds.len();
    let mean_s = times.seconds.iter().sum::<f64>() / n as f64;
    let longest_s = times.seconds.iter().copied().fold(0.0, f64::max);
    let mut text = format!(
        "\n{what}: n = {n}, mean {} h, longest {} h\n",
        rounded(mean_s / HOUR_S, 4),
        rounded(longest_s / HOUR_S, 4)
    );
    let Some(best) = times.fits.first() else {
        text.push_str("no law can be fitted\n");
        return text;
    };
    let mut table =
        TextTable::with_texts(["law", "parameters (standard error)", "mean, h", "AIC", "KS"], 2);
    for fit in &times.fits {
        table.push(vec![
            fit.law.family().name().to_owned(),
            parameters(fit),
            mean(fit),
            format!("{:+.1}", fit.aic - best.aic),
            format!("{:.3}", fit.ks_distance),
        ]);
    }
    text.push_str(&table.console());
    if let Some(goodness) = &times.goodness {
        text.push_str(&format!(
            "{} fits with p {} (Kolmogorov-Smirnov) and {} (Anderson-Darling), by parametric bootstrap\n",
            best.law.family().name(),
            rounded(goodness.ks_p, 2),
            rounded(goodness.ad_p, 2),
        ));
    }
    if let Some(tail) = &times.tail {
        let nearer = if tail.z > 0.0 { "lognormal" } else { "lomax" };
        text.push_str(&format!(
            "lognormal against a power law: {nearer} is nearer (Vuong z {:.2}, p {})\n",
            tail.z,
            rounded(tail.p, 2)
        ));
    }
    text
}

/// A fit's parameters, scales in hours, with their standard errors.
fn parameters(fit: &Fit) -> String {
    let names = fit.law.family().parameter_names();
    let shown = names.iter().zip(fit.law.parameters()).zip(&fit.standard_errors);
    let shown = shown.map(|((name, value), error)| {
        let (value, error) = match *name {
            "scale" | "mean" => (value / HOUR_S, error / HOUR_S),
            // The mean of the logarithm of hours.
            "mu" => (value - math::ln(HOUR_S), *error),
            _ => (value, *error),
        };
        format!("{name} {} ({})", rounded(value, 4), rounded(error, 2))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn mean(fit: &Fit) -> String {
    match (fit.law.mean(), fit.mean_standard_error) {
        (Some(mean_s), Some(error_s)) => {
            format!("{} ({})", rounded(mean_s / HOUR_S, 4), rounded(error_s / HOUR_S, 2))
        }
        _ => "infinite".to_owned(),
    }
}

fn in_words(fit: &Fit) -> String {
    format!("{} with {}, mean {} h", fit.law.family().name(), parameters(fit), mean(fit))
}

/// The random fault to write in a scenario: the best laws that have a mean.
fn fault(provider: &str, history: &History) -> String {
    let quoted = provider.replace('\\', "\\\\").replace('"', "\\\"");
    let mut text = format!(
        "[[random_faults]]\nname = \"{quoted} incident\"\nprovider = \"{quoted}\"\n\
         effect.brown_out = {{ error_rate = 0.3 }}\n"
    );
    for (key, times) in
        [("time_between_starts", &history.between), ("duration", &history.durations)]
    {
        let Some(fit) = times.fits.iter().find(|fit| fit.law.mean().is_some()) else { continue };
        if times.fits.first() != Some(fit) {
            text.push_str("# the law that fits best has no mean: the next one\n");
        }
        text.push_str(&format!("{key}.{}\n", written(&fit.law)));
    }
    text
}

/// A law as a scenario has it.
fn written(law: &Law) -> String {
    let mean_h = rounded(law.mean().unwrap_or_default() / HOUR_S, 5);
    let name = law.family().name();
    match law {
        Law::Exponential { .. } => format!("{name} = {{ mean = \"{mean_h}h\" }}"),
        Law::Lognormal { sigma, .. } => {
            format!("{name} = {{ mean = \"{mean_h}h\", sigma = {} }}", rounded(*sigma, 4))
        }
        Law::Gamma { shape, .. } | Law::Weibull { shape, .. } | Law::Lomax { shape, .. } => {
            format!("{name} = {{ mean = \"{mean_h}h\", shape = {} }}", rounded(*shape, 4))
        }
    }
}
