//! What a calibration says: the report, the console's text and the table of fits.

use std::fmt::Write as _;

use crate::analysis::interval::binomial_interval;
use crate::offline::calibrate::finding::p_value;
use crate::offline::calibrate::holdout::LEVEL;
use crate::offline::calibrate::{
    Calibration, Finding, Holdout, Measured, Prediction, Predictor, Split,
};
use crate::report::number::{counted, percent, rounded};
use crate::report::table::TextTable;

/// The report as Markdown.
pub(super) fn report(calibration: &Calibration, holdouts: &[Holdout]) -> String {
    let Calibration { source, plan, models, .. } = calibration;
    let mut text = format!("# Calibration from {source}\n\n");
    text.push_str(&named(calibration));
    text.push_str("\n## Requests and answers\n\n");
    text.push_str(&outcomes(models).markdown());
    text.push_str(
        "\nSuccess is the share of answers among the requests that were not refused for a rate limit, with its 95 % \
         interval (Clopper and Pearson). Times are fitted to answers alone.\n\n## Laws of times\n\n",
    );
    text.push_str(&laws(models).markdown());
    let _ = write!(
        text,
        "\nThe law with the least AIC of lognormal, gamma and Weibull; all three with all parameters are in `fits.csv` and \
         `registry.toml`. p is Anderson and Darling's by parametric bootstrap ({} resamples, fitted anew), corrected for all \
         quantities of all models (Holm): below {} the law is rejected. Time per token is what the time to the first token \
         leaves of the whole, over the answer's tokens.\n\n## Tokens of answers\n\n",
        plan.resamples, plan.alpha
    );
    text.push_str(&tokens(models).markdown());
    text.push_str("\n## Order of times\n\n");
    text.push_str(&order(models).markdown());
    let _ = write!(
        text,
        "\nEnd-to-end times in order of the log. Halves: Anderson and Darling's test of the first against the second half. \
         Change: Pettitt's test of a change of level anywhere. Spells: Bartels' test of neighbours that are alike. p values by \
         {} permutations, corrected for all three tests of all models (Holm). The ratio of medians is second half over \
         first, with its 95 % bootstrap interval, uncorrected.\n",
        plan.permutations
    );
    for holdout in holdouts {
        let _ = write!(
            text,
            "\n## Prediction, {} held out\n\n{}",
            holdout.split.name(),
            predictions(holdout).markdown()
        );
        let _ = write!(text, "\n{}", verdict(calibration, holdout));
    }
    text
}

/// The console's text.
pub(super) fn console(calibration: &Calibration, holdouts: &[Holdout]) -> String {
    let models = &calibration.models;
    let mut text = format!("{}\n{}\n", outcomes(models).console(), laws(models).console());
    for holdout in holdouts {
        let title = format!("Prediction, {} held out", holdout.split.name());
        let table = predictions(holdout).console();
        let _ = write!(text, "{title}\n{table}\n{}\n", verdict(calibration, holdout));
    }
    text.push_str(&named(calibration));
    text
}

/// What is wrong, model by model.
fn named(calibration: &Calibration) -> String {
    let (models, alpha) = (&calibration.models, calibration.plan.alpha);
    let n = |is: fn(&Finding) -> bool| {
        models.iter().filter(|model| model.findings.iter().any(is)).count()
    };
    let mut text = format!(
        "{} fitted; {} with a law that does not fit, {} with times that drift (family-wise alpha {alpha} each).\n\n",
        counted(models.len() as f64, "model"),
        n(Finding::is_misfit),
        n(Finding::is_drift),
    );
    for model in models {
        for finding in &model.findings {
            let _ = writeln!(text, "- {} {}", model.name, finding.words());
        }
    }
    for (name, requests, answers) in &calibration.left_out {
        let _ = writeln!(
            text,
            "- {name} is left out: {answers} answers to {requests} requests are too few for a law"
        );
    }
    let contained: Vec<&str> = models
        .iter()
        .filter(|model| contains_first_token(model))
        .map(|model| model.name.as_str())
        .collect();
    if !contained.is_empty() {
        let _ = writeln!(
            text,
            "- The recorded time between tokens, times the tokens, is the whole time of {} of {} models: it contains the time \
             to the first token, and is not used. Time per token is computed from the whole time instead.",
            contained.len(),
            models.len()
        );
    }
    text
}

/// Whether the recorded time between tokens holds the time to the first one: with it the tokens make up more of the whole
/// than is left for them.
fn contains_first_token(model: &Measured) -> bool {
    let (Some(share), Some((ttft, _))) = (model.inter_token_share, model.parts()) else {
        return false;
    };
    let first = ttft.mean().0 / model.end_to_end.mean().0;
    // Nearer to the whole than to the whole without the first token.
    share > 1.0 - 0.5 * first
}

fn outcomes(models: &[Measured]) -> TextTable {
    let mut table = TextTable::new([
        "model",
        "requests",
        "answered",
        "rate-limited",
        "other errors",
        "success",
    ]);
    for model in models {
        let (k, n) = (model.answers, model.answers + model.failed());
        let (low, high) = binomial_interval(k, n);
        let errors: Vec<String> =
            model.errors.iter().map(|(class, n)| format!("{n} x {class}")).collect();
        table.push(vec![
            model.name.clone(),
            model.requests.to_string(),
            k.to_string(),
            match model.rate_limited {
                0 => "0".to_owned(),
                some => {
                    format!("{some} ({})", percent(some as f64 / model.requests as f64, 1))
                }
            },
            if errors.is_empty() { "0".to_owned() } else { errors.join(", ") },
            format!(
                "{} [{}, {}]",
                percent(k as f64 / n as f64, 1),
                percent(low, 1),
                percent(high, 1)
            ),
        ]);
    }
    table
}

fn laws(models: &[Measured]) -> TextTable {
    let mut table = TextTable::with_texts(
        ["model", "quantity", "law", "parameters", "n", "mean (se)", "KS", "A²", "p"],
        4,
    );
    for model in models {
        for quantity in model.quantities() {
            let Some(best) = quantity.best() else { continue };
            let (mean, error) = quantity.mean();
            let family = best.law.family();
            let parameters: Vec<String> = family
                .parameter_names()
                .iter()
                .zip(best.law.parameters())
                .zip(&best.standard_errors)
                .map(|((name, value), error)| {
                    format!("{name} {} ± {}", rounded(value, 4), rounded(*error, 2))
                })
                .collect();
            let goodness = quantity.goodness;
            table.push(vec![
                model.name.clone(),
                quantity.name.to_owned(),
                family.name().to_owned(),
                parameters.join(", "),
                best.n.to_string(),
                format!("{} s ({})", rounded(mean, 4), rounded(error, 2)),
                rounded(best.ks_distance, 3),
                goodness.map_or_else(|| "-".to_owned(), |g| rounded(g.ad, 3)),
                goodness.map_or_else(|| "-".to_owned(), |_| p_value(quantity.corrected_p)),
            ]);
        }
    }
    table
}

fn tokens(models: &[Measured]) -> TextTable {
    let mut table = TextTable::new([
        "model",
        "n",
        "mean (se)",
        "least",
        "median",
        "most",
        "lognormal mu",
        "lognormal sigma",
    ]);
    for model in models {
        let Some(counts) = &model.output_tokens else { continue };
        let parameter = |at: usize| {
            counts.lognormal.as_ref().map_or_else(
                || "-".to_owned(),
                |fit| {
                    let value = rounded(fit.law.parameters()[at], 4);
                    format!("{value} ± {}", rounded(fit.standard_errors[at], 2))
                },
            )
        };
        let [least, median, most] = counts.range.map(|count| count.to_string());
        table.push(vec![
            model.name.clone(),
            counts.n.to_string(),
            format!("{} ({})", rounded(counts.mean, 5), rounded(counts.standard_error, 2)),
            least,
            median,
            most,
            parameter(0),
            parameter(1),
        ]);
    }
    table
}

fn order(models: &[Measured]) -> TextTable {
    let mut table = TextTable::new([
        "model",
        "answers",
        "halves A²",
        "p",
        "ratio of medians",
        "change after",
        "p",
        "spells",
        "p",
    ]);
    let dash = || "-".to_owned();
    for model in models {
        let order = &model.order;
        table.push(vec![
            model.name.clone(),
            model.answers.to_string(),
            order.halves.map_or_else(dash, |test| rounded(test.statistic, 3)),
            order.halves.map_or_else(dash, |test| p_value(test.p)),
            order.median_ratio.map_or_else(dash, |(ratio, low, high)| {
                format!("{} [{}, {}]", rounded(ratio, 3), rounded(low, 3), rounded(high, 3))
            }),
            order.change.map_or_else(dash, |change| change.at.to_string()),
            order.change.map_or_else(dash, |change| p_value(change.test.p)),
            order.serial.map_or_else(dash, |test| rounded(test.statistic, 2)),
            order.serial.map_or_else(dash, |test| p_value(test.p)),
        ]);
    }
    table
}

fn predictions(holdout: &Holdout) -> TextTable {
    let mut table = TextTable::new([
        "model",
        "fitted",
        "held out",
        "quantile",
        "predicted",
        "held-out",
        "99 % interval",
        "verdict",
        "by chance",
        "as simulated",
        "independent parts",
    ]);
    for prediction in &holdout.predictions {
        let beside = |predictor: Predictor| {
            prediction.predicted[predictor as usize].map_or_else(
                || "-".to_owned(),
                |value| {
                    let mark =
                        if prediction.holds(predictor) == Some(true) { "" } else { " (outside)" };
                    format!("{}{mark}", rounded(value, 4))
                },
            )
        };
        let verdict = match prediction.holds(Predictor::Whole) {
            Some(true) => "inside",
            _ => "OUTSIDE",
        };
        let weak = if prediction.is_weak() { ", few" } else { "" };
        table.push(vec![
            prediction.model.clone(),
            prediction.n.0.to_string(),
            prediction.n.1.to_string(),
            quantile_name(prediction).to_owned(),
            prediction.predicted[0].map_or_else(|| "-".to_owned(), |s| rounded(s, 4)),
            rounded(prediction.held_out, 4),
            format!(
                "[{}, {}]",
                rounded(prediction.interval.0, 4),
                rounded(prediction.interval.1, 4)
            ),
            format!("{verdict}{weak}"),
            percent(prediction.chance, 1),
            beside(Predictor::Simulated),
            beside(Predictor::Parts),
        ]);
    }
    table
}

fn quantile_name(prediction: &Prediction) -> &'static str {
    if prediction.p == 0.5 { "median" } else { "p95" }
}

/// How many predictions failed, which, and how many chance alone would let fail.
fn verdict(calibration: &Calibration, holdout: &Holdout) -> String {
    let (expected, most) = holdout.by_chance();
    let (failed, of) = holdout.failures(Predictor::Whole);
    let what = match holdout.split {
        Split::SecondHalf => "the fit, and that nothing changed between the halves",
        Split::Alternate => "the fit alone",
    };
    let mut text = format!(
        "{failed} of {of} predictions lie outside the {} bootstrap interval of the held-out quantile (this split tests {what}).\n\
         Of known laws {} would, since the interval is that of the held-out quantile alone; of laws of the right family \
         fitted to a half {} (simulated), and more than {most} with a probability of 1 % at most: {}.\n",
        percent(LEVEL, 0),
        rounded(of as f64 * (1.0 - LEVEL), 2),
        rounded(expected, 2),
        if failed <= most { "no more than chance brings" } else { "more than chance brings" },
    );
    for predictor in [Predictor::Simulated, Predictor::Parts] {
        let (failed, of) = holdout.failures(predictor);
        if of > 0 {
            let _ = writeln!(
                text,
                "Predicted {}: {failed} of {of} outside.",
                match predictor {
                    Predictor::Simulated =>
                        "as the written scenario simulates it (one noise on the means of the parts)",
                    _ => "from independent draws of first token, tokens and time per token",
                }
            );
        }
    }
    text.push('\n');
    let outside = holdout.predictions.iter().filter(|p| p.holds(Predictor::Whole) == Some(false));
    for prediction in outside {
        let value = prediction.predicted[0].unwrap_or(f64::NAN);
        let side = if value > prediction.interval.1 { "above" } else { "below" };
        let model = calibration.models.iter().find(|model| model.name == prediction.model);
        let reasons: Vec<String> = model
            .into_iter()
            .flat_map(|model| &model.findings)
            .filter(|finding| {
                finding.is_drift()
                    || finding.is_misfit() && is_of_whole(finding)
                    || matches!(finding, Finding::Few { .. })
            })
            .map(Finding::words)
            .collect();
        let why = match reasons.is_empty() {
            true => "no test names a cause".to_owned(),
            false => reasons.join("; "),
        };
        let _ = writeln!(
            text,
            "- {} {}: predicted {} s, {side} [{}, {}] s; {why}",
            prediction.model,
            quantile_name(prediction),
            rounded(value, 4),
            rounded(prediction.interval.0, 4),
            rounded(prediction.interval.1, 4),
        );
    }
    text
}

fn is_of_whole(finding: &Finding) -> bool {
    matches!(finding, Finding::Misfit { quantity: "end-to-end time", .. })
}

/// All fits as a table of comma-separated values.
pub(super) fn fits(calibration: &Calibration) -> String {
    let mut text = String::from(
        "model,quantity,n,family,parameter_1,value_1,se_1,parameter_2,value_2,se_2,mean_s,mean_se_s,ln_likelihood,aic,\
         ks_distance,ad,ks_p,ad_p,ad_p_corrected\n",
    );
    for model in &calibration.models {
        for quantity in model.quantities() {
            for (at, fit) in quantity.fits.iter().enumerate() {
                let names = fit.law.family().parameter_names();
                let values = fit.law.parameters();
                let of = |at: usize| {
                    let name = names.get(at).copied().unwrap_or_default();
                    let value = values.get(at).map_or_else(String::new, f64::to_string);
                    let error =
                        fit.standard_errors.get(at).map_or_else(String::new, f64::to_string);
                    format!("{name},{value},{error}")
                };
                let mean = fit.law.mean().map_or_else(String::new, |mean| mean.to_string());
                let error = fit.mean_standard_error.map_or_else(String::new, |se| se.to_string());
                // The test is of the best law.
                let tests = quantity.goodness.filter(|_| at == 0).map_or_else(
                    || ",,,".to_owned(),
                    |g| format!("{},{},{},{}", g.ad, g.ks_p, g.ad_p, quantity.corrected_p),
                );
                let name = model.name.replace('"', "\"\"");
                let _ = writeln!(
                    text,
                    "\"{name}\",{},{},{},{},{},{mean},{error},{},{},{},{tests}",
                    quantity.name,
                    fit.n,
                    fit.law.family().name(),
                    of(0),
                    of(1),
                    fit.ln_likelihood,
                    fit.aic,
                    fit.ks_distance,
                );
            }
        }
    }
    text
}
