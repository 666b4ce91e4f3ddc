//! What models did and cost, over the calls for tasks that arrived on the day.

use super::Day;
use super::work::rate;
use crate::report::document::Document;
use crate::report::frame::Row;
use crate::report::number::{count, percent, rounded, usd};
use crate::report::table::TextTable;

/// Sums over rows of `costs`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) calls: f64,
    pub(super) served: f64,
    tokens: f64,
    cost_usd: f64,
    wasted_usd: f64,
    plan_cost_usd: f64,
    response_ms: f64,
}

impl Spent {
    fn add(&mut self, row: &Row<'_>) {
        self.calls += row.value("calls");
        self.served += row.value("served");
        self.tokens += row.value("tokens");
        self.cost_usd += row.value("cost_usd");
        self.wasted_usd += row.value("wasted_usd");
        self.plan_cost_usd += row.value("plan_cost_usd");
        self.response_ms += row.value("response_ms_sum");
    }

    fn mean_response_ms(&self) -> f64 {
        self.response_ms / self.calls
    }

    /// The plan's number for ranking models (stage4.md section 9).
    fn ranking(&self) -> f64 {
        let success_percent = 100.0 * self.served / self.calls;
        0.5 * success_percent + 0.5 * 1000.0 / self.mean_response_ms().max(1.0)
    }

    fn cells(&self) -> [String; 5] {
        [
            count(self.calls),
            count(self.tokens),
            rounded(self.cost_usd, 3),
            rounded(self.wasted_usd, 3),
            rounded(self.plan_cost_usd, 3),
        ]
    }
}

/// Sums by the text in a column, in the order in which texts first occur.
pub(super) fn by<'a>(
    rows: impl Iterator<Item = &'a Row<'a>>,
    column: &str,
) -> Vec<(&'a str, Spent)> {
    let mut groups: Vec<(&str, Spent)> = Vec::new();
    for row in rows {
        let text = row.text(column);
        let at = groups.iter().position(|(known, _)| *known == text).unwrap_or_else(|| {
            groups.push((text, Spent::default()));
            groups.len() - 1
        });
        groups[at].1.add(row);
    }
    groups
}

pub(super) fn ranking(day: &Day<'_>, document: &mut Document) {
    document.section("Model ranking");
    let mut models = by(day.costs.iter(), "model");
    models.sort_by(|(_, a), (_, b)| b.ranking().total_cmp(&a.ranking()));
    let mut table = TextTable::new([
        "model",
        "ranking number",
        "calls",
        "success rate, %",
        "mean response, ms",
    ]);
    for (model, spent) in &models {
        table.push(vec![
            (*model).to_owned(),
            format!("{:.1}", spent.ranking()),
            count(spent.calls),
            rate(spent.served, spent.calls),
            count(spent.mean_response_ms()),
        ]);
    }
    if table.is_empty() {
        return;
    }
    document.paragraph(
        "Calls for tasks that arrived on this day. The plan's ranking number is 0.5 x success rate in percent + \
         0.5 x 1000 / ms, so above a few hundred milliseconds success alone decides, and a refusal within 20 ms still earns 25 points.",
    );
    document.table(&table);
}

pub(super) fn costs(day: &Day<'_>, document: &mut Document) {
    if day.costs.is_empty() {
        return;
    }
    document.section("Cost");
    let mut total = Spent::default();
    day.costs.iter().for_each(|row| total.add(row));
    let wasted = match total.wasted_usd {
        0.0 => "none of it for calls that were not answered".to_owned(),
        wasted => format!(
            "{} of it ({}) wasted on calls that were not answered",
            usd(wasted),
            percent(wasted / total.cost_usd, 1)
        ),
    };
    document.paragraph(&format!(
        "Billed {} for tasks that arrived on this day, {wasted}; {} since the start of the run. At the prices of \
         the plan's own cost table the day would be {}: for comparison only, nobody is billed at these.",
        usd(total.cost_usd),
        usd(day.cost_to_date),
        usd(total.plan_cost_usd),
    ));
    for (column, title) in [("model", "model"), ("level", "level"), ("task_type", "task type")] {
        let mut groups = by(day.costs.iter(), column);
        match column {
            "level" => groups.sort_by_key(|(level, _)| *level),
            _ => groups.sort_by(|(_, a), (_, b)| b.cost_usd.total_cmp(&a.cost_usd)),
        }
        let mut table = TextTable::new([
            title,
            "calls",
            "tokens",
            "billed, USD",
            "wasted, USD",
            "plan's cost table, USD",
        ]);
        // What is all of one kind stands in the row for all already.
        if column != "model" && groups.len() == 1 {
            continue;
        }
        for (name, spent) in groups.iter().chain((column == "model").then_some(&("all", total))) {
            table.push(std::iter::once((*name).to_owned()).chain(spent.cells()).collect());
        }
        document.table(&table);
    }
}
