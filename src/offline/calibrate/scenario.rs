//! The scenario that a calibration writes: the log's models as a world that can be run, or built upon with `base`.

use std::fmt::Write as _;

use crate::analysis::fit::Law;
use crate::offline::calibrate::registry::{number, quoted};
use crate::offline::calibrate::{Calibration, Measured};
use crate::report::number::rounded;

/// Tasks of the scenario for each model.
const TASKS_PER_MODEL: usize = 200;

/// The scenario file; it lies beside `registry.toml`.
pub(super) fn text(calibration: &Calibration) -> String {
    let of = |counts: fn(&Measured) -> Option<(f64, f64)>| pooled(calibration, counts);
    let input = of(|model| counts(model.input_tokens.as_ref()));
    let output = of(|model| counts(model.output_tokens.as_ref()));
    let mut text = format!(
        "# The models of a log as a world: each answers as fast, as evenly and at such length as the log says.\n\
         # Run it as it is, or write `base = \"...\"` with its path in a scenario of your own.\n\
         # Assumed, since a log of requests does not tell: arrivals, quality, prices, limits.\n\
         format = 1\nquestion = \"How do the models of the log {} answer?\"\nseeds = \"1..5\"\n\n\
         [time]\nstart = \"2026-03-02T08:00\"\nzone = \"UTC\"\nend.tasks = {}\n\n\
         [registry]\nuse = \"registry.toml\"\n\n\
         [world]\npartial_share = 0.0\napi_error_share = 1.0          # what is not answered in the log is an error\n",
        calibration.source.replace(['"', '\\'], "'"),
        TASKS_PER_MODEL * calibration.models.len().max(1),
    );
    for model in &calibration.models {
        let _ = write!(text, "\n{}", world(model, output));
    }
    let _ = write!(
        text,
        "\n[workload.closed_loop]              # assumed\nin_flight = 5\n\n\
         [[task_types]]\nname = \"as logged\"\nshare = 1\nlevel = \"L1\"\n{}{}\n\
         [stack]\norder = \"random\"\n\n[[variants]]\nname = \"random\"\n",
        tokens("input_tokens", input),
        tokens("output_tokens", output),
    );
    text
}

/// Mean of counts, and the sigma of their logarithm.
fn counts(counts: Option<&super::measured::TokenCounts>) -> Option<(f64, f64)> {
    let counts = counts?;
    let sigma = match counts.lognormal.as_ref().map(|fit| fit.law) {
        Some(Law::Lognormal { sigma, .. }) => sigma,
        _ => 0.0,
    };
    Some((counts.mean, sigma))
}

/// Means of both over the models.
fn pooled(
    calibration: &Calibration,
    counts: fn(&Measured) -> Option<(f64, f64)>,
) -> Option<(f64, f64)> {
    let found: Vec<(f64, f64)> = calibration.models.iter().filter_map(counts).collect();
    let n = found.len() as f64;
    let sum = found.iter().fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
    (n > 0.0 && sum.0 > 0.0).then(|| (sum.0 / n, sum.1 / n))
}

fn tokens(key: &str, pooled: Option<(f64, f64)>) -> String {
    match pooled {
        None => format!("{key} = 1   # not in the log\n"),
        Some((mean, 0.0)) => format!("{key} = {}\n", mean.round().max(1.0)),
        Some((mean, sigma)) => format!(
            "{key}.lognormal = {{ mean = {}, sigma = {} }}\n",
            number(mean),
            rounded(sigma, 4)
        ),
    }
}

fn world(model: &Measured, pooled_output: Option<(f64, f64)>) -> String {
    let mut text = format!("[world.models.{}]\n", quoted(&model.name));
    let noise = model.pace.as_ref().and_then(|pace| pace.best());
    let (service, key, value) = match noise.map(|fit| fit.law) {
        Some(Law::Lognormal { sigma, .. }) => ("lognormal", "latency_sigma", sigma),
        Some(Law::Gamma { shape, .. }) => ("gamma", "latency_shape", shape),
        Some(Law::Weibull { shape, .. }) => ("weibull", "latency_shape", shape),
        _ => ("constant", "", 0.0),
    };
    let _ = writeln!(text, "service = {}", quoted(service));
    if let Some(fit) = noise {
        let error = match fit.law {
            Law::Lognormal { .. } => fit.standard_errors[1],
            _ => fit.standard_errors[0],
        };
        let _ =
            writeln!(text, "{key} = {}   # se {}, n = {}", number(value), rounded(error, 3), fit.n);
    }
    // The noise of a simulated response has mean 1: what it has in the log belongs to the means.
    let factor = noise.and_then(|fit| fit.law.mean()).unwrap_or(1.0);
    let mean = |quantity: &super::Quantity| number(1e3 * quantity.mean().0 * factor);
    let _ = match model.parts() {
        Some((ttft, per_token)) => writeln!(
            text,
            "ttft_ms = {}\nms_per_output_token = {}   # the registry's times {}: the mean of the noise",
            mean(ttft),
            mean(per_token),
            rounded(factor, 5)
        ),
        None => writeln!(text, "response_ms = {}", mean(&model.end_to_end)),
    };
    let own = counts(model.output_tokens.as_ref());
    if let (Some((own, _)), Some((pooled, _))) = (own, pooled_output)
        && own > 0.0
    {
        let _ = writeln!(text, "output_tokens_factor = {}", number(own / pooled));
    }
    if model.rate_limited > 0 {
        let _ = writeln!(
            text,
            "# {} of {} requests were refused for a rate limit; the log does not say which limit:\n\
             # requests_per_minute = ...",
            model.rate_limited, model.requests
        );
    }
    text
}
