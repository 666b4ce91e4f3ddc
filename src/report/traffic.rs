//! What a log of requests looks like, for the console.

use super::number::{count, counted, or_dash, percent, rounded, usd};
use super::table::TextTable;
use crate::analysis::traffic::{Lengths, Traffic};

/// Models in the table: the rest is summed up.
const MOST_MODELS: usize = 30;

/// The text of a description, several lines.
#[must_use]
pub fn describe_traffic(traffic: &Traffic) -> String {
    let mut text = format!(
        "requests  {} in {} ({} s), {}\n",
        count(traffic.requests as f64),
        duration(traffic.duration_s),
        rounded(traffic.duration_s, 9),
        match traffic.rate_per_s {
            Some(rate) => format!("{} per second", rounded(rate, 5)),
            None => "all at once".to_owned(),
        },
    );
    text.push_str(&format!(
        "spacing   coefficient of variation of the times between arrivals {} (1 for a Poisson process)\n",
        or_dash(traffic.interarrival_cv, |cv| rounded(cv, 5)),
    ));
    text.push_str("\ndispersion of counts: variance over mean in whole windows\n");
    text.push_str(&dispersion(traffic).console());
    text.push_str("\ntokens: exact percentiles, interpolated between two lengths\n");
    text.push_str(&lengths(traffic).console());
    text.push_str("\nby model\n");
    text.push_str(&models(traffic).console());
    text.push_str(&beyond(traffic));
    text.push_str(&format!("\nunknown   {}\n", unknown(traffic)));
    text.push_str(&format!("replay    {}\n", replay(traffic)));
    text
}

fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{} s", rounded(seconds, 3));
    }
    let whole = seconds.round() as u64;
    match (whole / 86_400, whole % 86_400 / 3600, whole % 3600 / 60) {
        (0, 0, minutes) => format!("{minutes} min {} s", whole % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{} {hours} h", counted(days as f64, "day")),
    }
}

fn dispersion(traffic: &Traffic) -> TextTable {
    let mut table =
        TextTable::new(["window", "windows", "mean count", "index", "Poisson, 99 in 100"]);
    for own in &traffic.dispersion {
        table.push(vec![
            format!("{} s", own.window_s),
            count(own.windows as f64),
            rounded(own.mean_count, 4),
            or_dash(own.index, |index| rounded(index, 4)),
            own.poisson_99.map_or_else(
                || "-".to_owned(),
                |[low, high]| format!("{} to {}", rounded(low, 3), rounded(high, 3)),
            ),
        ]);
    }
    table
}

fn lengths(traffic: &Traffic) -> TextTable {
    let mut table =
        TextTable::new(["tokens", "known", "total", "mean", "p50", "p90", "p95", "p99", "max"]);
    let mut push = |name: &str, own: &Lengths| {
        let shown = |value: Option<f64>| or_dash(value, |value| rounded(value, 10));
        table.push(vec![
            name.to_owned(),
            count(own.known as f64),
            count(own.total as f64),
            or_dash(own.mean, |mean| format!("{mean:.1}")),
            shown(own.p50),
            shown(own.p90),
            shown(own.p95),
            shown(own.p99),
            shown(own.max.map(f64::from)),
        ]);
    };
    push("input", &traffic.input_tokens);
    push("output", &traffic.output_tokens);
    table
}

fn models(traffic: &Traffic) -> TextTable {
    let mut outcomes: Vec<&str> =
        traffic.models.iter().flat_map(|own| own.outcomes.keys().copied()).collect();
    outcomes.sort_unstable();
    outcomes.dedup();
    let mut header = vec!["model", "provider", "requests", "share"];
    header.extend(&outcomes);
    header.extend(["unknown", "input tokens", "output tokens", "cost"]);
    let mut table = TextTable::with_texts(header, 2);
    for own in traffic.models.iter().take(MOST_MODELS) {
        let told: u64 = own.outcomes.values().sum();
        let mut row = vec![
            own.model.clone().unwrap_or_else(|| "-".to_owned()),
            own.provider.clone().unwrap_or_else(|| "-".to_owned()),
            count(own.requests as f64),
            percent(own.requests as f64 / traffic.requests as f64, 2),
        ];
        row.extend(outcomes.iter().map(|outcome| {
            let n = own.outcomes.get(outcome).copied().unwrap_or(0);
            count(n as f64)
        }));
        row.push(count((own.requests - told) as f64));
        row.push(count(own.input_tokens as f64));
        row.push(count(own.output_tokens as f64));
        row.push(or_dash(own.cost_usd, usd));
        table.push(row);
    }
    table
}

fn beyond(traffic: &Traffic) -> String {
    let rest = traffic.models.get(MOST_MODELS..).unwrap_or_default();
    if rest.is_empty() {
        return String::new();
    }
    let requests: u64 = rest.iter().map(|own| own.requests).sum();
    format!(
        "and {} with {}\n",
        counted(rest.len() as f64, "more model"),
        counted(requests as f64, "request")
    )
}

fn unknown(traffic: &Traffic) -> String {
    let all = traffic.requests as f64;
    let parts = traffic.unknown.by_column().into_iter().filter(|(_, n)| *n > 0);
    let parts: Vec<String> = parts
        .map(|(column, n)| match n == traffic.requests {
            true => format!("{column} in all"),
            false => format!("{column} in {} ({})", count(n as f64), percent(n as f64 / all, 2)),
        })
        .collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

fn replay(traffic: &Traffic) -> String {
    let replay = traffic.replay;
    let mut text = format!("a workload replays {} of them", count(replay.requests as f64));
    if replay.without_input > 0 {
        let n = count(replay.without_input as f64);
        text.push_str(&format!("; {n} without input tokens are left out"));
    }
    if replay.without_output > 0 {
        let n = count(replay.without_output as f64);
        text.push_str(&format!("; {n} without output tokens have answers of 0 tokens"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_people_say_them() {
        for (seconds, said) in [
            (0.25, "0.25 s"),
            (3_501.721_937, "58 min 22 s"),
            (7260.0, "2 h 1 min"),
            (86_400.0, "1 day 0 h"),
            (200_000.0, "2 days 7 h"),
        ] {
            assert_eq!(duration(seconds), said);
        }
    }
}
