//! The registry that a calibration writes: every fitted figure with its standard error and the number of answers behind it.

use std::fmt::Write as _;

use crate::analysis::fit::Fit;
use crate::analysis::interval::binomial_interval;
use crate::offline::calibrate::{Calibration, Measured, Quantity};
use crate::report::number::rounded;

/// Score and quality of a model of which a log of requests says nothing.
const ASSUMED_POINTS: &str = "50.0";

/// The registry file.
pub(super) fn text(calibration: &Calibration) -> String {
    let source = format!("Fitted to the log {} by reflexarc calibrate.", calibration.source);
    let mut text = format!(
        "# Figures of models, fitted to a log of requests. se is a standard error, n the answers behind a figure.\n\
         # `assumed` lists the keys of which the log says nothing: prices, scores and quality are to be filled in.\n\
         # A price of 0 stands for an unknown one.\n\n\
         format = 1\nsource = {}\n",
        quoted(&source)
    );
    for model in &calibration.models {
        let _ = write!(text, "\n{}", table(model));
    }
    text
}

fn table(model: &Measured) -> String {
    let mut text = format!("[models.{}]\n", quoted(&model.name));
    for finding in &model.findings {
        let _ = writeln!(text, "# {}", finding.words());
    }
    let provider = if model.provider.is_empty() { &model.name } else { &model.provider };
    let _ = writeln!(text, "provider = {}", quoted(provider));
    let (k, n) = (model.answers, model.answers + model.failed());
    let (low, high) = binomial_interval(k, n);
    let _ = writeln!(
        text,
        "# {k} of {n} requests that were not refused for a rate limit were answered, 95 % interval [{}, {}]",
        rounded(low, 4),
        rounded(high, 4)
    );
    let _ = writeln!(text, "success = {}", number(k as f64 / n as f64));
    match model.parts() {
        Some((ttft, per_token)) => {
            text.push_str(&figure("ttft_ms", ttft));
            text.push_str(&figure("ms_per_output_token", per_token));
        }
        None => text.push_str(&figure("response_ms", &model.end_to_end)),
    }
    for (key, counts) in [("input", &model.input_tokens), ("output", &model.output_tokens)] {
        if let Some(counts) = counts {
            let [least, median, most] = counts.range;
            let _ = write!(
                text,
                "# {key} tokens: mean {} (se {}), least {least}, median {median}, most {most}, n = {}",
                rounded(counts.mean, 5),
                rounded(counts.standard_error, 2),
                counts.n
            );
            let law = counts.lognormal.as_ref();
            let _ = writeln!(
                text,
                "{}",
                law.map_or_else(String::new, |fit| format!("; {}", words(fit)))
            );
        }
    }
    let _ = write!(
        text,
        "score = {ASSUMED_POINTS}\nquality = {ASSUMED_POINTS}\nusd_per_mtok_input = 0.0\nusd_per_mtok_output = 0.0\n\
         assumed = [\"score\", \"quality\", \"usd_per_mtok_input\", \"usd_per_mtok_output\"]\n"
    );
    text
}

/// A mean in milliseconds under the laws that it comes from.
fn figure(key: &str, quantity: &Quantity) -> String {
    let (mean, error) = quantity.mean();
    let mut text = match quantity.fits.is_empty() {
        true => format!("# {}: all {} values are equal\n", quantity.name, quantity.values.len()),
        false => format!("# {} in seconds, best law by AIC first:\n", quantity.name),
    };
    for fit in &quantity.fits {
        let _ = writeln!(
            text,
            "#   {}; AIC {}, KS {}",
            words(fit),
            rounded(fit.aic, 6),
            rounded(fit.ks_distance, 3)
        );
    }
    let _ = writeln!(
        text,
        "{key} = {}   # se {}, n = {}",
        number(1e3 * mean),
        rounded(1e3 * error, 3),
        quantity.values.len()
    );
    text
}

/// A law with its parameters and their standard errors.
pub(super) fn words(fit: &Fit) -> String {
    let family = fit.law.family();
    let parameters = family.parameter_names().iter().zip(fit.law.parameters());
    let words: Vec<String> = parameters
        .zip(&fit.standard_errors)
        .map(|((name, value), error)| {
            format!("{name} = {} (se {})", rounded(value, 5), rounded(*error, 3))
        })
        .collect();
    format!("{} {}, n = {}", family.name(), words.join(", "), fit.n)
}

/// A figure with the digits that it may be worth.
pub(super) fn number(value: f64) -> String {
    let text = rounded(value, 6);
    if text.contains('.') { text } else { format!("{text}.0") }
}

/// A text as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
