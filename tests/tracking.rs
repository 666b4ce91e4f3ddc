//! Every task's work is tracked from start to end whatever happens to it, and the books of days, costs, budgets and the
//! monitor add up to the calls.

#[path = "support/cells.rs"]
mod cells;
mod support;
#[path = "support/tables.rs"]
mod tables;

use std::collections::BTreeMap;

use proptest::prelude::any;
use proptest::proptest;
use reflexarc::analysis::run::{Bins, RunStatistics};
use reflexarc::engine::{Cell, End};
use reflexarc::units::{Level, SimTime};

use cells::{always, cell, instant, start};
use tables::{Row, Tables, tables_of};

/// Cells tried, always the same ones, each drained and cut off at a random instant.
const CASES: u32 = 192;
/// Seed of the cells (and of each cell's own seed).
const SEED: u64 = 20_260_302;

fn number(row: &Row, column: &str) -> f64 {
    row.number(column).unwrap_or_else(|| panic!("`{column}` is null in {row:?}"))
}

fn text<'r>(row: &'r Row, column: &str) -> &'r str {
    row.text(column).unwrap_or_else(|| panic!("`{column}` is null in {row:?}"))
}

fn sum<'r>(rows: impl IntoIterator<Item = &'r Row>, column: &str) -> f64 {
    rows.into_iter().map(|row| number(row, column)).sum()
}

/// Two sums of the same dollars in another order.
fn assert_usd(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{what}: {found}, not {expected}");
}

/// One run's tables, and what its calls say.
struct Books<'c> {
    cell: &'c Cell,
    tables: Tables,
    statistics: RunStatistics,
}

impl<'c> Books<'c> {
    fn of(cell: &'c Cell, seed: u64) -> Self {
        let bins = match cell.end {
            End::At(to) => Bins::Time { from: SimTime::ZERO, to, n: 5 },
            End::Tasks(to) => Bins::Tasks { from: 0, to, n: 1 },
        };
        let (tables, statistics) = tables_of(cell, seed, bins);
        Self { cell, tables, statistics }
    }

    fn is_served(&self, call: &Row) -> bool {
        let outcome = text(call, "outcome");
        outcome == "success" || (self.cell.stack.partial_counts && outcome == "partial")
    }

    /// Days in UTC from the start's, by the time of arrival.
    fn day_of(&self, task: &Row) -> u64 {
        let start_s = self.cell.world.start.as_second() as f64;
        let day = |at_s: f64| (at_s / 86_400.0).floor();
        (day(start_s + number(task, "arrived_s")) - day(start_s)) as u64
    }

    fn check(&self) {
        self.check_work();
        self.check_days();
        self.check_costs();
        self.check_monitor();
        self.check_budgets();
        self.check_learning();
    }

    /// One start, steps and one end for each task that arrived, in this order.
    fn check_work(&self) {
        let tasks = self.tables.rows("tasks");
        let n = tasks.len() as u64;
        let work = &self.statistics.work;
        assert_eq!((work.n_started, work.n_ended, work.n_open(), work.n_stray), (n, n, 0, 0));
        let tracked = self
            .tables
            .rows("measures")
            .iter()
            .filter(|row| (text(row, "measure"), text(row, "window")) == ("tracked", "run"));
        for row in tracked {
            let everything = (n > 0).then_some(1.0);
            assert_eq!(row.number("value"), everything, "{row:?}");
        }
        let mut logs: BTreeMap<u64, Vec<&Row>> = BTreeMap::new();
        let mut before = 0.0;
        for row in self.tables.rows("work_log") {
            assert!(number(row, "at_s") >= before, "the log goes back in time: {row:?}");
            before = number(row, "at_s");
            logs.entry(number(row, "task") as u64).or_default().push(row);
        }
        assert_eq!(logs.len(), tasks.len());
        for task in tasks {
            let log =
                logs.remove(&(number(task, "task") as u64)).expect("every task is in the log");
            let [first, steps @ .., last] = &log[..] else { panic!("{log:?}") };
            let head = |row: &Row| (text(row, "record").to_owned(), text(row, "phase").to_owned());
            let of = |record: &str, phase: &str| (record.to_owned(), phase.to_owned());
            assert_eq!(head(first), of("start", "started"));
            let phase = if number(task, "served") == 1.0 { "completed" } else { "failed" };
            assert_eq!(head(last), of("end", phase));
            assert_eq!(text(task, "phase"), phase);
            assert!(!steps.is_empty(), "{log:?}");
            assert!(steps.iter().all(|row| head(row) == of("step", "in_progress")), "{log:?}");
            assert_eq!(steps.len() as f64, number(task, "n_steps"), "{log:?}");
            assert_eq!(number(first, "at_s"), number(task, "arrived_s"));
            assert_eq!(number(last, "at_s"), number(task, "ended_s"));
            assert_eq!(text(last, "outcome"), text(task, "outcome"));
            assert_eq!(text(steps[steps.len() - 1], "outcome"), text(task, "outcome"));
            let tokens = number(task, "input_tokens") + number(task, "output_tokens");
            assert_eq!(number(last, "tokens"), tokens);
            assert_eq!(sum(steps.iter().copied(), "tokens"), tokens);
            let mean = sum(steps.iter().copied(), "efficiency") / steps.len() as f64;
            assert!((number(last, "efficiency") - mean).abs() < 1e-9, "{log:?}");
            assert!((number(task, "stage4_efficiency") - mean).abs() < 1e-9, "{task:?}");
        }
    }

    /// Each day and level is the sum of its tasks and their calls; the days are the run.
    fn check_days(&self) {
        let tasks = self.tables.rows("tasks");
        let rows = self.tables.rows("days");
        for row in rows {
            let level = text(row, "level");
            let own: Vec<&Row> = tasks
                .iter()
                .filter(|task| self.day_of(task) as f64 == number(row, "day"))
                .filter(|task| level == "all" || text(task, "level") == level)
                .collect();
            let whole = own.iter().filter(|task| text(task, "outcome") != "interrupted");
            let whole: Vec<&Row> = whole.copied().collect();
            let [n, interrupted] = [own.len(), own.len() - whole.len()].map(|n| n as f64);
            assert_eq!((number(row, "tasks"), number(row, "interrupted")), (n, interrupted));
            assert_eq!(number(row, "completed"), sum(whole.iter().copied(), "served"));
            assert_eq!(number(row, "in_time"), sum(whole.iter().copied(), "in_time"));
            let parts = ["completed", "failed", "interrupted"].map(|part| number(row, part));
            assert_eq!(parts.iter().sum::<f64>(), n, "{row:?}");
            assert_eq!(number(row, "calls"), sum(own.iter().copied(), "n_attempts"));
            let tokens = ["input_tokens", "output_tokens"].map(|of| sum(own.iter().copied(), of));
            assert_eq!(number(row, "tokens"), tokens.iter().sum::<f64>());
            assert_usd(number(row, "cost_usd"), sum(own.iter().copied(), "cost_usd"), "a day");
            let hours = sum(whole.iter().copied(), "duration_ms") / 3.6e6;
            assert!((number(row, "hours") - hours).abs() <= 1e-9 * hours, "{row:?}");
            for column in ["quality", "efficiency"] {
                let mean = sum(whole.iter().copied(), column) / whole.len() as f64;
                let close = |found: f64| (found - mean).abs() < 1e-9;
                assert_eq!(row.number(column).map(close), (!whole.is_empty()).then_some(true));
            }
        }
        let of_all = |row: &&Row| text(row, "level") == "all";
        assert_eq!(sum(rows.iter().filter(of_all), "tasks"), tasks.len() as f64);
        let all = sum(rows.iter().filter(of_all), "cost_usd");
        assert_usd(all, sum(self.tables.rows("attempts"), "cost_usd"), "all days");
    }

    /// Each row of the costs is the sum of its calls; they are all calls.
    fn check_costs(&self) {
        type Key = (u64, String, String, String);
        let mut books: BTreeMap<Key, Vec<&Row>> = BTreeMap::new();
        let tasks: BTreeMap<u64, &Row> =
            self.tables.rows("tasks").iter().map(|row| (number(row, "task") as u64, row)).collect();
        let calls = self.tables.rows("attempts");
        for call in calls {
            let task = tasks[&(number(call, "task") as u64)];
            let named = |row: &Row, column: &str| text(row, column).to_owned();
            let key = (
                self.day_of(task),
                named(call, "model"),
                named(call, "level"),
                named(task, "task_type"),
            );
            books.entry(key).or_default().push(call);
        }
        let rows = self.tables.rows("costs");
        // Types may share their name here, but not their calls.
        let mut of_key: BTreeMap<Key, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            let named = |column: &str| text(row, column).to_owned();
            let key =
                (number(row, "day") as u64, named("model"), named("level"), named("task_type"));
            of_key.entry(key).or_default().push(row);
        }
        assert_eq!(of_key.keys().collect::<Vec<_>>(), books.keys().collect::<Vec<_>>());
        for (key, own) in &books {
            let rows = of_key[key].iter().copied();
            let of = |column: &str| sum(rows.clone(), column);
            let served = own.iter().filter(|call| self.is_served(call)).copied();
            assert_eq!(of("calls"), own.len() as f64, "{key:?}");
            assert_eq!(of("served"), served.clone().count() as f64, "{key:?}");
            let tokens = ["input_tokens", "output_tokens"].map(|c| sum(own.iter().copied(), c));
            assert_eq!(of("tokens"), tokens.iter().sum::<f64>(), "{key:?}");
            assert_usd(of("cost_usd"), sum(own.iter().copied(), "cost_usd"), "calls");
            assert_usd(
                of("wasted_usd") + sum(served, "cost_usd"),
                of("cost_usd"),
                "wasted and useful",
            );
            // The plan's price of a model that it does not name.
            assert_usd(of("plan_cost_usd"), 0.1 * of("tokens") / 1e6, "the plan's table");
        }
        for column in ["calls", "tokens"] {
            let of_days = self.tables.rows("days").iter().filter(|row| text(row, "level") == "all");
            assert_eq!(sum(rows, column), sum(of_days, column), "{column}");
        }
    }

    /// The monitor has seen every call that ended by itself; a cancelled one says nothing of its model.
    fn check_monitor(&self) {
        let seen: Vec<&Row> = self
            .tables
            .rows("attempts")
            .iter()
            .filter(|call| !["interrupted", "cancelled"].contains(&text(call, "outcome")))
            .collect();
        let tokens = |call: &Row| number(call, "input_tokens") + number(call, "output_tokens");
        let rows = self.tables.rows("monitor");
        let n_days = rows.len() / 4;
        assert_eq!(self.tables.rows("days").len(), 5 * n_days, "a day has a row in both");
        for level in Level::ALL.map(Level::name) {
            let own = seen.iter().filter(|call| text(call, "level") == level);
            let served = own.clone().filter(|call| self.is_served(call)).count() as f64;
            let rows: Vec<&Row> = rows.iter().filter(|row| text(row, "level") == level).collect();
            assert_eq!(rows.len(), n_days);
            let n = own.clone().count() as f64;
            assert_eq!(sum(rows.iter().copied(), "calls"), n, "{level}");
            assert_eq!(sum(rows.iter().copied(), "successes"), served, "{level}");
            let last = rows[n_days - 1];
            assert_eq!((number(last, "total_calls"), number(last, "total_successes")), (n, served));
            let per_call = |column: &str| -> f64 {
                rows.iter().filter_map(|r| Some(r.number(column)? * number(r, "calls"))).sum()
            };
            let all_tokens: f64 = own.clone().map(|call| tokens(call)).sum();
            assert!((per_call("tokens_per_call") - all_tokens).abs() <= 1e-9 * all_tokens);
            let ms = sum(own.copied(), "duration_ms");
            assert!((per_call("response_ms") - ms).abs() <= 1e-9 * ms, "{level}");
        }
        let anomalies = |kind: &str| {
            self.tables.rows("anomalies").iter().filter(|row| text(row, "kind") == kind).count()
        };
        let slow = seen.iter().filter(|call| number(call, "duration_ms") > 5000.0);
        assert_eq!(anomalies("slow_response"), slow.count());
        let long = seen.iter().filter(|call| tokens(call) > 1000.0);
        assert_eq!(anomalies("high_token_usage"), long.count());
    }

    /// Budgets hold the calls that ended while their allocation was in force.
    fn check_budgets(&self) {
        let rows = self.tables.rows("budgets");
        let calls = self.tables.rows("attempts");
        for (at, row) in rows.iter().enumerate() {
            let is_last = at + 4 >= rows.len();
            assert!(is_last || rows[at + 4].number("at_s") == row.number("ended_s"), "{row:?}");
            let end = |call: &Row| number(call, "dispatched_s") + number(call, "duration_ms") / 1e3;
            let within = |call: &&Row| {
                // Seconds are sums of rounded figures here.
                let [from, to] = ["at_s", "ended_s"].map(|c| number(row, c) - 1e-6);
                text(call, "level") == text(row, "level")
                    && text(call, "outcome") != "interrupted"
                    && end(call) >= from
                    && (is_last || end(call) < to)
            };
            let own: Vec<&Row> = calls.iter().filter(within).collect();
            let tokens = ["input_tokens", "output_tokens"].map(|c| sum(own.iter().copied(), c));
            assert_eq!(number(row, "used_tokens"), tokens.iter().sum::<f64>(), "{row:?}");
            assert_eq!(number(row, "calls"), own.len() as f64, "{row:?}");
            assert!(own.iter().all(|call| end(call) < number(row, "ended_s") + 1e-6), "{row:?}");
            let exceeded = number(row, "used_tokens") > number(row, "budget_tokens");
            assert_eq!(row.number("over_budget_at_s").is_some(), exceeded, "{row:?}");
        }
    }

    /// What the learner was fed and chose is what the calls say.
    fn check_learning(&self) {
        let rows = self.tables.rows("learning");
        let calls = self.tables.rows("attempts");
        let fed: Vec<f64> = calls.iter().filter_map(|call| call.number("reward")).collect();
        if rows.is_empty() {
            assert!(calls.iter().all(|call| text(call, "chosen_by") != "learner"));
            return;
        }
        assert_eq!(sum(rows, "updates"), fed.len() as f64);
        let chosen = calls.iter().filter(|call| {
            text(call, "chosen_by") == "learner" && text(call, "outcome") != "interrupted"
        });
        assert_eq!(sum(rows, "choices"), chosen.count() as f64);
        if let ([row], false) = (rows, fed.is_empty()) {
            let mean = fed.iter().sum::<f64>() / fed.len() as f64;
            assert!((number(row, "reward_mean") - mean).abs() < 1e-9, "{row:?}");
            let most = fed.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(row.number("reward_max"), Some(most));
        }
    }
}

proptest! {
    #![proptest_config(always(CASES, SEED))]

    #[test]
    fn whatever_the_cell_every_work_is_tracked_and_every_book_adds_up(
        cell in cell(),
        seed in any::<u64>(),
        cut_s in 0.5..600.0,
    ) {
        let drained = Cell { cut: false, ..cell.clone() };
        Books::of(&drained, seed).check();
        let cut = Cell { cut: true, end: End::At(instant(cut_s)), ..cell };
        Books::of(&cut, seed).check();
    }
}

#[test]
fn the_start_of_the_random_cells_lies_before_a_midnight() {
    // Two local days in each long run: else the books of days would be those of the run.
    let start = start().to_string();
    assert!(start.contains("T23:55:07"), "{start}");
}
