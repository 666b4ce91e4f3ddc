//! What calls cost: the price of their start, summed by day, and the plan's own table beside it.

#[path = "support/scenario.rs"]
mod scenarios;
#[path = "support/tables.rs"]
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use reflexarc::analysis::run::Bins;
use reflexarc::engine::{Cell, End};
use reflexarc::units::SimTime;
use reflexarc::world::workload::{Recording, TraceRow, WorkloadSpec};

use scenarios::cell_of;
use tables::{Row, Tables, tables_of};

const SEED: u64 = 3;

fn tables_of_run(cell: &Cell) -> Tables {
    let End::At(to) = cell.end else { panic!("it ends at an instant") };
    tables_of(cell, SEED, Bins::Time { from: SimTime::ZERO, to, n: 10 }).0
}

fn number(row: &Row, column: &str) -> f64 {
    row.number(column).unwrap_or_else(|| panic!("`{column}` is null in {row:?}"))
}

fn text(row: &Row, column: &str) -> String {
    row.text(column).unwrap_or_else(|| panic!("`{column}` is null in {row:?}")).to_owned()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs()
}

#[test]
fn a_call_that_runs_when_the_price_changes_is_billed_at_the_price_of_its_start() {
    // One slot, a minute for each answer; 100 and 300 tokens at 1 and 3 USD per million are 0.001 USD, tripled at noon.
    let mut cell = cell_of(
        "format = 1\nquestion = \"?\"\n[time]\nstart = \"2026-03-02T00:00\"\nzone = \"Asia/Seoul\"\nend.after = \"24h\"\n\
         [registry.models.only]\nprovider = \"x\"\nscore = 80\nsuccess = 1\nquality = 80\nresponse_ms = 60_000\n\
         usd_per_mtok_input = 1\nusd_per_mtok_output = 3\n[world]\nservice = \"constant\"\nlimits.slots = 1\n\
         [workload.poisson]\nrate_per_s = 1\n[[task_types]]\nname = \"t\"\nshare = 1\nlevel = \"L1\"\n\
         input_tokens = 100\noutput_tokens = 300\n[stack]\norder = \"random\"\ncall_timeout = \"10min\"\n\
         [[faults]]\neffect.price_change = { factor = 3 }\nmodels = [\"only\"]\nstart = \"12:00\"\nend = \"18:00\"\n",
    );
    let arrivals = [
        (11.0 * 3600.0 + 58.5 * 60.0, 0.001), // served at once
        (11.0 * 3600.0 + 59.0 * 60.0, 0.001), // waits half a minute, runs from 11:59:30 over noon
        (11.0 * 3600.0 + 59.5 * 60.0, 0.003), // sent before noon, runs from 12:00:30
        (17.0 * 3600.0 + 59.5 * 60.0, 0.003), // runs over 18:00
        (18.0 * 3600.0, 0.001),               // sent as the old price is back, runs from 18:00:30
    ];
    let rows = arrivals.map(|(s, _)| TraceRow {
        arrived: SimTime((s * 1e9) as u64),
        input_tokens: 100,
        output_tokens: 300,
    });
    cell.workload = WorkloadSpec::Trace(Recording::new(Arc::new(rows.to_vec()), false));
    let tables = tables_of_run(&cell);
    let calls = tables.rows("attempts");
    assert_eq!(calls.len(), arrivals.len());
    for (call, (_, usd)) in calls.iter().zip(arrivals) {
        assert!(close(number(call, "cost_usd"), usd), "{call:?}");
    }
}

#[test]
fn the_days_of_a_price_rise_add_up_and_the_plan_has_its_own_table() {
    // Prices are trebled from the first noon to the second; the third day is short.
    let cell = cell_of(
        "format = 1\nquestion = \"?\"\n[time]\nstart = \"2026-03-02T00:00\"\nzone = \"Asia/Seoul\"\nend.after = \"54h\"\n\
         [registry]\nuse = \"stage4\"\n[workload.poisson]\nrate_per_s = 0.02\n[stack]\norder = \"random\"\n\
         [[task_types]]\nname = \"short\"\nshare = 2\nlevel = \"L1\"\ninput_tokens = 100\noutput_tokens.lognormal = { mean = 200, sigma = 0.6 }\n\
         [[task_types]]\nname = \"long\"\nshare = 1\nsteps = [\"L2\", \"L3\"]\ninput_tokens = 400\noutput_tokens = 800\n\
         [[faults]]\neffect.price_change = { factor = 3 }\neverything = true\nstart = \"12:00\"\nend = \"2026-03-03T12:00\"\n",
    );
    let tables = tables_of_run(&cell);
    let (noon, next_noon) = (43_200.0, 129_600.0);
    let prices: BTreeMap<String, f64> =
        cell.registry.models.iter().map(|m| (m.name.clone(), m.usd_per_mtok_input / 1e6)).collect();
    // By day of arrival and model.
    let mut spent: BTreeMap<(u64, String), f64> = BTreeMap::new();
    let mut tokens_of: BTreeMap<(u64, String), f64> = BTreeMap::new();
    let mut dear = 0;
    let tasks = tables.rows("tasks");
    let mut arrived: BTreeMap<u64, f64> = BTreeMap::new();
    for task in tasks {
        arrived.insert(number(task, "task") as u64, number(task, "arrived_s"));
    }
    for call in tables.rows("attempts") {
        let began = number(call, "dispatched_s") + number(call, "wait_ms") / 1e3;
        let factor = if (noon..next_noon).contains(&began) { 3.0 } else { 1.0 };
        dear += usize::from(factor == 3.0);
        let tokens = number(call, "input_tokens") + number(call, "output_tokens");
        let model = text(call, "model");
        let usd = factor * prices[&model] * tokens;
        assert!(close(number(call, "cost_usd"), usd), "{call:?}");
        let day = (arrived[&(number(call, "task") as u64)] / 86_400.0) as u64;
        *spent.entry((day, model.clone())).or_default() += usd;
        *tokens_of.entry((day, model)).or_default() += tokens;
    }
    assert!(dear > 1000 && dear < tables.rows("attempts").len() - 1000, "{dear}");
    // The plan's daily report: stage4 section 9, USD per million tokens.
    let plan = |model: &str| match model {
        "Gemini" => 0.075,
        "Claude" => 0.8,
        "Groq" => 0.05,
        "DeepSeek" => 0.07,
        _ => 0.1,
    };
    let rows = tables.rows("costs");
    for ((day, model), usd) in &spent {
        let own =
            rows.iter().filter(|r| number(r, "day") as u64 == *day && text(r, "model") == *model);
        let sum = |column: &str| own.clone().map(|row| number(row, column)).sum::<f64>();
        assert!(close(sum("cost_usd"), *usd), "day {day}, {model}");
        let tokens = tokens_of[&(*day, model.clone())];
        assert_eq!(sum("tokens"), tokens, "day {day}, {model}");
        assert!(close(sum("plan_cost_usd"), plan(model) * tokens / 1e6), "day {day}, {model}");
    }
    for (day, row) in tables.rows("days").iter().filter(|r| text(r, "level") == "all").enumerate() {
        let own: f64 =
            spent.iter().filter(|((d, _), _)| *d == day as u64).map(|(_, usd)| usd).sum();
        assert!(close(number(row, "cost_usd"), own), "{row:?}");
    }
    let all: f64 = rows.iter().map(|row| number(row, "cost_usd")).sum();
    assert!(close(all, spent.values().sum()));
    assert!(close(all, tasks.iter().map(|task| number(task, "cost_usd")).sum()));
}

#[test]
fn a_paced_learner_spends_what_it_may() {
    let cell = |wrappers: &str| {
        cell_of(&format!(
            "format = 1\nquestion = \"?\"\n[time]\nstart = \"2026-03-02T00:00\"\nzone = \"Asia/Seoul\"\nend.after = \"72h\"\n\
             [registry]\nuse = \"stage4\"\n[workload.poisson]\nrate_per_s = 0.02\n[[task_types]]\nname = \"short\"\n\
             share = 1\nlevel = \"L1\"\ninput_tokens = 100\noutput_tokens.lognormal = {{ mean = 200, sigma = 0.6 }}\n\
             [stack]\norder.learner.thompson_beta = {{}}\nlearner_scope = \"all\"\n{wrappers}",
        ))
    };
    let spent = |cell: &Cell| -> (f64, f64) {
        let tables = tables_of_run(cell);
        let calls = tables.rows("attempts").iter().filter(|call| call.number("reward").is_some());
        let costs: Vec<f64> = calls.map(|call| number(call, "cost_usd")).collect();
        (costs.iter().sum(), costs.len() as f64)
    };
    let (free, n) = spent(&cell(""));
    let target = free / n / 2.0;
    let (paced, n) =
        spent(&cell(&format!("wrappers.pacing = {{ cost_per_decision = {target} }}\n")));
    // The price stays between 0 and 5 and moves by 0.05 for each target that a call is above or below it, so all calls
    // together are not 100 targets above; nor below, as the price, once it has risen, does not come back to 0.
    let off = (paced / target - n).abs();
    assert!(off <= 100.0 && n > 4_000.0, "{paced} USD in {n} calls, {off} off, seed {SEED}");
}
