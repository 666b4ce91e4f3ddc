//! Numbers as people read them: no more digits than they are worth, with the unit's own form.

use crate::analysis::interval::Estimate;
use crate::analysis::measure::Measure;
use crate::math;

/// A number with `digits` significant ones, without an exponent where that can be avoided.
pub(crate) fn rounded(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = math::log10(value.abs()).floor() as i32;
    let decimals = (digits as i32 - 1 - magnitude).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A value in the measure's unit as people read it.
pub(super) fn shown(value: f64, measure: Measure) -> String {
    if measure.is_proportion {
        return format!("{:.2}", 100.0 * value);
    }
    match measure.unit {
        "points" | "tasks" => format!("{value:.1}"),
        "ms" | "tokens" => format!("{value:.0}"),
        "calls" => format!("{value:.3}"),
        _ => rounded(value, 3),
    }
}

/// A difference as people read it.
pub(super) fn signed(value: f64, measure: Measure) -> String {
    with_sign(&shown(value, measure))
}

/// A number's text with a plus ahead of what is more than nothing; what rounds to nothing has no sign.
pub(super) fn with_sign(text: &str) -> String {
    match text.contains(|c: char| ('1'..='9').contains(&c)) {
        true if text.starts_with('-') => text.to_owned(),
        true => format!("+{text}"),
        false => text.trim_start_matches('-').to_owned(),
    }
}

/// A share as a percentage with `decimals`.
pub(crate) fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", 100.0 * share)
}

/// US dollars with three significant digits.
pub(super) fn usd(value: f64) -> String {
    format!("{} USD", rounded(value, 3))
}

/// A count with its thousands apart.
pub(crate) fn count(n: f64) -> String {
    let digits = format!("{n:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |d| ("-", d));
    let mut text = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many of what; `what` takes an s where there is not one.
pub(crate) fn counted(n: f64, what: &str) -> String {
    format!("{} {what}{}", count(n), if n == 1.0 { "" } else { "s" })
}

/// A mean over seeds with its interval; alone where there is one seed, with their number where all seeds agree.
pub(super) fn estimated(estimate: &Estimate, show: impl Fn(f64) -> String) -> String {
    let mean = show(estimate.mean);
    match estimate.n {
        1 => mean,
        n if estimate.sd == 0.0 => format!("{mean} (all {n} seeds)"),
        _ => format!("{mean} [{}, {}]", show(estimate.low), show(estimate.high)),
    }
}

/// What was found, or a dash.
pub(super) fn or_dash(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::measure;

    #[test]
    fn numbers_are_rounded_to_what_they_are_worth() {
        let texts = [0.0, 0.000_123_456, 0.12, 1.0, 1234.5, -0.05].map(|v| rounded(v, 3));
        assert_eq!(texts, ["0", "0.000123", "0.12", "1", "1234", "-0.05"]);
        assert_eq!(
            [1.0, 999.0, 1000.0, -1_234_567.0].map(count),
            ["1", "999", "1,000", "-1,234,567"]
        );
        assert_eq!((percent(0.995, 1), usd(0.012_34)), ("99.5 %".into(), "0.0123 USD".into()));
        assert_eq!(shown(0.991_23, measure::AVAILABILITY), "99.12");
        let differences = [1.26, -1.26, 0.04, -0.04].map(|v| signed(v, measure::EFFICIENCY));
        assert_eq!(differences, ["+1.3", "-1.3", "0.0", "0.0"]);
    }
}
