//! What was measured, as text for the console.

use std::fmt::Write as _;

use super::{Between, Frontier, Setting};
use crate::analysis::frontier::{Measured, Point, hull};
use crate::report::table::TextTable;

/// All figures; intervals are of 95 %.
#[must_use]
pub fn console(frontier: &Frontier) -> String {
    let mut text = account(frontier);
    text.push_str(&whole(frontier));
    text.push_str(&held_out(frontier));
    text.push_str(&pair(frontier));
    text.push_str(&difficulty(frontier));
    text
}

fn account(frontier: &Frontier) -> String {
    let account = &frontier.account;
    let models = frontier.whole.singles.len();
    let mut text = format!(
        "{} rows read; {} prompts answered by all of {models} models",
        account.rows, account.prompts
    );
    if account.incomplete > 0 {
        let _ = write!(text, ", {} incomplete ones left out", account.incomplete);
    }
    if account.featureless > 0 {
        let _ = write!(text, ", {} without features left out", account.featureless);
    }
    if !account.unpriced.is_empty() {
        let names = account.unpriced.join(", ");
        let _ =
            write!(text, "\n{} models left out for want of costs: {names}", account.unpriced.len());
    }
    text + "\n"
}

fn whole(frontier: &Frontier) -> String {
    let whole = &frontier.whole;
    let points: Vec<Point> = whole
        .singles
        .iter()
        .map(|s| Point { cost_usd: s.cost_usd.value, quality: s.quality.value })
        .collect();
    let corners = hull(&points);
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| points[*b].quality.total_cmp(&points[*a].quality));
    let mut table = TextTable::new(["model", "quality", "95 %", "USD per prompt", "95 %", "hull"]);
    let row = |setting: &Setting, mark: &str| {
        vec![
            setting.label.clone(),
            share(setting.quality.value),
            interval(setting.quality, share),
            usd(setting.cost_usd.value),
            interval(setting.cost_usd, usd),
            mark.to_owned(),
        ]
    };
    for model in order {
        let mark = if corners.contains(&points[model]) { "*" } else { "" };
        table.push(row(&whole.singles[model], mark));
    }
    table.push(row(&whole.domain_best, ""));
    table.push(row(&whole.oracle, ""));
    format!(
        "\nAll prompts, nothing held out (* on the convex hull of single models)\n{}\
         best single model: {}, quality {}, {} USD per prompt\n\
         realised oracle (the cheapest model that is right; none right: the cheapest is paid): quality {}, {} USD per prompt\n\
         best model of each domain, chosen on the same prompts: quality {}, {} USD per prompt\n",
        table.console(),
        whole.singles[whole.best].label,
        share(whole.singles[whole.best].quality.value),
        usd(whole.singles[whole.best].cost_usd.value),
        share(whole.oracle.quality.value),
        usd(whole.oracle.cost_usd.value),
        share(whole.domain_best.quality.value),
        usd(whole.domain_best.cost_usd.value),
    )
}

fn held_out(frontier: &Frontier) -> String {
    let account = &frontier.account;
    let mut first = TextTable::new([
        "router",
        "settings",
        "AIQ",
        "95 %",
        "over singles",
        "95 %",
        "best quality",
        "95 %",
    ]);
    let mut second = TextTable::new([
        "router",
        "gain over best single",
        "95 %",
        "gap to oracle",
        "95 %",
        "cost at its quality",
        "95 %",
        "Pareto distance",
    ]);
    for family in &frontier.families {
        first.push(vec![
            family.name.clone(),
            family.settings.len().to_string(),
            share(family.average_quality.value),
            interval(family.average_quality, share),
            signed(family.average_quality_gain.value),
            interval(family.average_quality_gain, signed),
            share(family.best_quality.value),
            interval(family.best_quality, share),
        ]);
        second.push(vec![
            family.name.clone(),
            signed(family.gain_over_best_single.value),
            interval(family.gain_over_best_single, signed),
            share(family.gap_to_oracle.value),
            interval(family.gap_to_oracle, share),
            percent(family.cost_at_equal_quality.value),
            interval(family.cost_at_equal_quality, percent),
            format!("{:.3}", family.pareto_distance.value),
        ]);
    }
    let (from, to) = frontier.cost_range_usd;
    let best = frontier.families[0].settings.iter().find(|s| s.label == frontier.best_single);
    let best = best.map_or(f64::NAN, |setting| setting.quality.value);
    let mut text = format!(
        "\nHeld out: routers fitted to {} prompts, measured on {} others\n\
         best single model of the training prompts: {}, here {}; realised oracle here {} at {} USD\n\
         AIQ: mean height of the non-decreasing convex hull from {} to {} USD per prompt, level right of its end, 0 left of \
         its begin; a hull picks its settings by looking at the held-out prompts\n{}\n{}\
         cost at its quality: least cost of being as good as the best single model, in % of that model's cost\n\
         Pareto distance: mean distance of a router's Pareto settings to those of all, in shares of the ranges\n",
        account.train,
        account.test,
        frontier.best_single,
        share(best),
        share(frontier.oracle.quality.value),
        usd(frontier.oracle.cost_usd.value),
        usd(from),
        usd(to),
        first.console(),
        second.console(),
    );
    text.push('\n');
    for family in &frontier.families {
        let _ = writeln!(text, "{}: {}", family.name, family.about);
    }
    text
}

fn pair(frontier: &Frontier) -> String {
    let pair = &frontier.pair;
    let mut table = TextTable::with_texts(
        [
            "router",
            "prompts",
            "APGR",
            "95 %",
            "CPT50",
            "95 %",
            "CPT80",
            "95 %",
            "95 % of strong",
            "95 %",
        ],
        2,
    );
    let mut push = |between: &Between, prompts: &str| {
        let mut row = vec![between.name.clone(), prompts.to_owned()];
        row.extend([share(between.apgr.value), interval(between.apgr, share)]);
        for measured in [between.cpt50, between.cpt80, between.share_for_95] {
            row.extend([percent(measured.value), interval(measured, percent)]);
        }
        table.push(row);
    };
    push(&pair.whole, "all");
    pair.held_out.iter().for_each(|between| push(between, "held out"));
    format!(
        "\nBetween two models: strong {}, weak {}\n{}\
         CPT50, CPT80: share of strong calls that recovers 50 % and 80 % of the gap in quality; last: that gives 95 % of \
         the strong model's quality\n",
        pair.strong,
        pair.weak,
        table.console()
    )
}

fn difficulty(frontier: &Frontier) -> String {
    let Some(found) = &frontier.difficulty else {
        return "\nDifficulty correlation: fewer than two models are sometimes right and sometimes wrong\n".into();
    };
    format!(
        "\nDifficulty correlation {:.3}, 95 % {} (one-factor model by maximum likelihood, infinitesimal jackknife over prompts)\n\
         some model right: recorded {}, predicted {}; were models independent: {:.5}\n\
         world.difficulty_correlation = {:.3}\n",
        found.correlation.value,
        interval(found.correlation, |v| format!("{v:.3}")),
        share(found.any_right),
        share(found.any_right_predicted),
        found.any_right_independent,
        found.correlation.value,
    )
}

fn share(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { "never".to_owned() }
}

fn signed(value: f64) -> String {
    format!("{value:+.4}")
}

fn usd(value: f64) -> String {
    format!("{value:.2e}")
}

fn percent(value: f64) -> String {
    if value.is_finite() { format!("{:.1} %", 100.0 * value) } else { "never".to_owned() }
}

fn interval(measured: Measured, number: impl Fn(f64) -> String) -> String {
    format!("{} to {}", number(measured.low), number(measured.high))
}
