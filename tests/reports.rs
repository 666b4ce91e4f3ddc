//! The daily reports: one for each local day with time in the run, of figures that the rows of tasks and calls bear out.

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use program::{Desk, OUTAGE, assert_same, files};
use reflexarc::results::column::Table;
use reflexarc::results::manifest::Manifest;
use reflexarc::results::parquet::Rows;
use reflexarc::results::schema::{Attempts, Budgets, Fallbacks, Tasks};

/// From 08:00 on the day before Berlin's clocks go back to 20:00 on the day after: 16, 25 and 20 hours, with an outage.
const BERLIN: &str = r#"
format = 1
question = "Does every local day have its report?"
seeds = "1..3"

[time]
start = "2026-10-24T08:00"
zone = "Europe/Berlin"
end.after = "61h"

[registry]
use = "stage4"
small_plan = true

[world]
spread = { success = 0.8, quality = 0.3, latency = 0.5 }

[workload.poisson]
rate_per_s = 0.002

[[task_types]]
name = "diagnosis"
share = 2
level = "L1"
input_tokens = 200
output_tokens.lognormal = { mean = 100, sigma = 0.6 }
deadline = "10s"

[[task_types]]
name = "analysis"
share = 1
steps = ["L3", "L4"]
input_tokens = 900
output_tokens.lognormal = { mean = 300, sigma = 0.6 }

[[faults]]
name = "five out of tokens"
effect.quota = { used_share = 1.0 }
models = ["Groq", "Gemini", "Claude", "DeepSeek", "OpenAI"]
start = "2026-10-25T12:00"

[stack]
preset = "stage4"
allocation = { times = ["08:00", "17:00"] }

[[variants]]
name = "stage4"

[[variants]]
name = "best, of all!"
stack.order.learner.ucb1 = {}

[record]
bins = 6

[reports]
variants = ["stage4", "best, of all!"]
"#;

fn run(desk: &Desk, text: &str) {
    desk.write("x.toml", text);
    desk.done(&["run", "x.toml", "--quiet", "--out", "o"]);
}

fn reports(desk: &Desk, variant: &str) -> BTreeMap<String, String> {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let folder = desk.path("o/reports/daily").join(variant);
    files(&folder).into_iter().map(|(name, bytes)| (name, text(bytes))).collect()
}

fn names(dates: &[&str]) -> Vec<String> {
    dates.iter().map(|date| format!("{date}-Daily-Report.md")).collect()
}

/// The rows of the table that follows a heading, by the texts of its header.
fn table(report: &str, section: &str, first: &str) -> Vec<BTreeMap<String, String>> {
    let body = report.split_once(&format!("\n## {section}\n")).expect("the section is there").1;
    let body = body.split("\n## ").next().expect("a body");
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let start = format!("| {first} |");
    let mut lines = body.lines().skip_while(|line| !line.starts_with(&start));
    let header = cells(lines.next().unwrap_or_else(|| panic!("no table of {first} in {body}")));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|line| header.iter().cloned().zip(cells(line)).collect()).collect()
}

/// A cell says `value`: to its last digit, or to three significant ones.
fn says(row: &BTreeMap<String, String>, column: &str, value: f64) {
    let cell = &row[column];
    let plain = cell.replace(',', "");
    let shown: f64 = plain.parse().unwrap_or_else(|_| panic!("{column}: {cell} is no number"));
    let decimals = plain.split_once('.').map_or(0, |(_, digits)| digits.len());
    let last_digit: f64 = format!("5e-{}", decimals + 1).parse().expect("a number");
    let three_digits = 0.005 * value.abs();
    let tolerance = if decimals == 0 { last_digit } else { last_digit.max(three_digits) };
    assert!((shown - value).abs() <= tolerance * (1.0 + 1e-9), "{column}: {cell} is not {value}");
}

/// Columns of a table as they lie on the disk, for one run.
struct Raw {
    rows: Rows,
    of_run: Vec<usize>,
}

impl Raw {
    fn read<T: Table>(desk: &Desk, variant: &str, seed: f64) -> Self {
        let rows = Rows::read(&desk.path("o"), &T::DOC).expect("a table");
        let variants = rows.texts("variant").expect("a column");
        let seeds = rows.numbers("seed").expect("a column");
        let is_ours = |at: &usize| variants[*at] == variant && seeds[*at] == Some(seed);
        let of_run = (0..seeds.len()).filter(is_ours).collect();
        Self { rows, of_run }
    }

    fn texts(&self, column: &str) -> Vec<String> {
        let all = self.rows.texts(column).expect("a column");
        self.of_run.iter().map(|at| all[*at].clone()).collect()
    }

    fn numbers(&self, column: &str) -> Vec<f64> {
        let all = match self.rows.numbers(column) {
            Ok(numbers) => numbers,
            Err(error) => panic!("{error}"),
        };
        self.of_run.iter().map(|at| all[*at].unwrap_or(f64::NAN)).collect()
    }
}

/// The seed that a report says it is about.
fn seed_of(report: &str) -> f64 {
    let after = report.split_once(" Seed ").expect("it names its seed").1;
    after.split(' ').next().expect("a number").parse().expect("a number")
}

#[derive(Clone, Copy, Default, Debug)]
struct Sums {
    calls: f64,
    served: f64,
    ms: f64,
    tokens: f64,
    cost: f64,
    wasted: f64,
    slow: f64,
    long: f64,
}

#[test]
fn every_local_day_has_one_report_whose_figures_are_those_of_its_tasks_and_calls() {
    let desk = Desk::new();
    run(&desk, BERLIN);
    let dates = ["261024", "261025", "261026"];
    for (slug, variant) in [("stage4", "stage4"), ("best-of-all", "best, of all!")] {
        let reports = reports(&desk, slug);
        assert_eq!(reports.keys().cloned().collect::<Vec<_>>(), names(&dates), "{slug}");
        for (report, date) in reports.values().zip(["2026-10-24", "2026-10-25", "2026-10-26"]) {
            let date = date.parse().expect("a date");
            let sight = Sight { desk: &desk, variant, date, report };
            check_work(&sight);
            check_calls(&sight);
            check_allocation_and_fallbacks(&sight);
            check_text(report);
        }
        let [first, second, third] = [0, 1, 2].map(|n| reports.values().nth(n).expect("a day"));
        assert!(first.starts_with("# Daily report, Saturday 2026-10-24\n"), "{first}");
        assert!(first.contains(&format!("x, variant `{variant}`, day 1 of 3")), "{first}");
        assert!(first.contains("day 1 of 3 in Europe/Berlin, from 08:00. Seed "), "{first}");
        assert!(
            second.contains("in Europe/Berlin, 25 hours long (clock change). Seed "),
            "{second}"
        );
        assert!(third.contains("day 3 of 3 in Europe/Berlin until 20:00. Seed "), "{third}");
    }
}

/// A report, and the rows that it is about.
struct Sight<'a> {
    desk: &'a Desk,
    variant: &'a str,
    date: civil::Date,
    report: &'a str,
}

impl Sight<'_> {
    fn local_date(&self, seconds: f64) -> civil::Date {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let start: Timestamp = "2026-10-24T06:00:00Z".parse().expect("a time");
        let at = start + SignedDuration::from_nanos((seconds * 1e9).round() as i64);
        // What ends behind the end of the run belongs to its last day.
        zone.to_datetime(at).date().min("2026-10-26".parse().expect("a date"))
    }

    fn is_today(&self, seconds: f64) -> bool {
        self.local_date(seconds) == self.date
    }

    fn raw<T: Table>(&self) -> Raw {
        Raw::read::<T>(self.desk, self.variant, seed_of(self.report))
    }

    fn table(&self, section: &str, first: &str) -> Vec<BTreeMap<String, String>> {
        table(self.report, section, first)
    }
}

fn check_work(sight: &Sight<'_>) {
    let tasks = sight.raw::<Tasks<'_>>();
    let levels = tasks.texts("level");
    let [arrived, duration, served, in_time, quality, efficiency, cost] =
        ["arrived_s", "duration_ms", "served", "in_time", "quality", "efficiency", "cost_usd"]
            .map(|name| tasks.numbers(name));
    let today: Vec<usize> = (0..levels.len()).filter(|at| sight.is_today(arrived[*at])).collect();
    assert!(today.len() > 50, "a day of {} tasks", today.len());
    let sum = |of: &[f64], which: &[usize]| which.iter().map(|at| of[*at]).sum::<f64>();
    let work = sight.table("Daily work", "level");
    assert_eq!(work[0]["level"], "all");
    for row in &work {
        let is_it = |at: &usize| row["level"] == "all" || levels[*at] == row["level"];
        let of_row: Vec<usize> = today.iter().copied().filter(is_it).collect();
        let count = of_row.len() as f64;
        says(row, "tasks", count);
        says(row, "completed", sum(&served, &of_row));
        says(row, "failed", count - sum(&served, &of_row));
        says(row, "completion rate, %", 100.0 * sum(&served, &of_row) / count);
        says(row, "hours", sum(&duration, &of_row) / 3.6e6);
        says(row, "mean quality, points", sum(&quality, &of_row) / count);
    }
    let answered = sum(&in_time, &today);
    let verdict = format!(
        "\n**{} tasks, {answered} answered in time ({:.1} %), ",
        today.len(),
        100.0 * answered / today.len() as f64
    );
    assert!(sight.report.contains(&verdict), "{verdict} is not in {}", sight.report);
    let headline = sight.table("Daily work", "all levels");
    let here = format!("seed {}", seed_of(sight.report));
    assert_eq!(headline[0]["all levels"], "efficiency, points");
    says(&headline[0], &here, sum(&efficiency, &today) / today.len() as f64);
    says(&headline[2], &here, sum(&cost, &today));
    let is_past = |at: &usize| sight.local_date(arrived[*at]) <= sight.date;
    let so_far: Vec<usize> = (0..levels.len()).filter(is_past).collect();
    let to_date = sight.report.split(" USD since the start of the run").next().expect("a text");
    let to_date: f64 = to_date.rsplit(' ').next().expect("a word").parse().expect("a number");
    assert!((to_date / sum(&cost, &so_far) - 1.0).abs() < 0.005, "{to_date}");
}

/// Sums over calls: by the level of those that ended on the day, and by model, level and task type of those for tasks
/// that arrived on it.
fn sums(sight: &Sight<'_>) -> BTreeMap<(&'static str, String), Sums> {
    let tasks = sight.raw::<Tasks<'_>>();
    let (arrived, types) = (tasks.numbers("arrived_s"), tasks.texts("task_type"));
    let ids = tasks.numbers("task").into_iter().map(|id| id as u64);
    let of_id: BTreeMap<u64, usize> = ids.zip(0..).collect();
    let calls = sight.raw::<Attempts<'_>>();
    let [of_task, sent, ms, input, output, billed] =
        ["task", "dispatched_s", "duration_ms", "input_tokens", "output_tokens", "cost_usd"]
            .map(|name| calls.numbers(name));
    let [model, level, outcome] = ["model", "level", "outcome"].map(|name| calls.texts(name));
    let mut groups: BTreeMap<(&str, String), Sums> = BTreeMap::new();
    for at in 0..ms.len() {
        let is = |yes: bool| f64::from(u8::from(yes));
        let (answered, tokens) = (outcome[at] == "success", input[at] + output[at]);
        let mut book = |group: &'static str, name: &str| {
            let sums = groups.entry((group, name.to_owned())).or_default();
            sums.calls += 1.0;
            sums.served += is(answered);
            sums.ms += ms[at];
            sums.tokens += tokens;
            sums.cost += billed[at];
            sums.wasted += billed[at] * is(!answered);
            sums.slow += is(ms[at] > 5000.0);
            sums.long += is(tokens > 1000.0);
        };
        if sight.is_today(sent[at] + ms[at] / 1e3) {
            book("ended", &level[at]);
            book("ended", "all");
        }
        let task = of_id[&(of_task[at] as u64)];
        if sight.is_today(arrived[task]) {
            book("model", &model[at]);
            book("model", "all");
            book("level", &level[at]);
            book("task type", &types[task]);
        }
    }
    groups
}

fn check_calls(sight: &Sight<'_>) {
    let groups = sums(sight);
    let of = |group: &'static str, name: &str| groups[&(group, name.to_owned())];
    let size = |group: &str| groups.keys().filter(|key| key.0 == group).count();
    for row in sight.table("Level health", "level") {
        let sums = of("ended", &row["level"][..2]);
        let (share, tokens) = (sums.served / sums.calls, sums.tokens / sums.calls);
        says(&row, "calls", sums.calls);
        says(&row, "success rate, %", 100.0 * share);
        says(&row, "mean response, ms", sums.ms / sums.calls);
        says(&row, "tokens per call", tokens);
        let classes = [(0.95, "excellent"), (0.85, "good"), (0.7, "normal"), (0.5, "poor")];
        let class = classes.iter().find(|(above, _)| share > *above).map_or("critical", |c| c.1);
        assert_eq!(row["class"], class);
        // The plan's rules, bound by bound.
        let advised = |what: &str| sight.report.contains(&format!("- {}: {what}", row["level"]));
        assert_eq!(advised("replace its model, or wait for the reset."), share < 0.7, "{row:?}");
        assert_eq!(advised("keep watching."), (0.7..0.85).contains(&share), "{row:?}");
        assert_eq!(advised("shorten prompts, or fall back"), tokens > 500.0, "{row:?}");
    }
    let ranking = sight.table("Model ranking", "model");
    assert_eq!(ranking.len(), size("model") - 1);
    for row in &ranking {
        let sums = of("model", &row["model"]);
        let number = 50.0 * sums.served / sums.calls + 500.0 / (sums.ms / sums.calls).max(1.0);
        says(row, "ranking number", number);
        says(row, "mean response, ms", sums.ms / sums.calls);
        says(row, "success rate, %", 100.0 * sums.served / sums.calls);
    }
    for group in ["model", "level", "task type"] {
        let rows = sight.table("Cost", group);
        assert_eq!(rows.len(), size(group), "{group}");
        for row in rows {
            let sums = of(group, &row[group]);
            says(&row, "calls", sums.calls);
            says(&row, "tokens", sums.tokens);
            says(&row, "billed, USD", sums.cost);
            says(&row, "wasted, USD", sums.wasted);
        }
    }
    let all = of("ended", "all");
    if all.slow + all.long > 0.0 {
        for row in sight.table("Anomalies", "kind") {
            says(&row, "count", if row["kind"] == "slow_response" { all.slow } else { all.long });
        }
    }
}

fn check_allocation_and_fallbacks(sight: &Sight<'_>) {
    let budgets = sight.raw::<Budgets<'_>>();
    let [at, budget, used] =
        ["at_s", "budget_tokens", "used_tokens"].map(|name| budgets.numbers(name));
    let of_day: Vec<usize> = (0..at.len()).filter(|row| sight.is_today(at[*row])).collect();
    let rows = sight.table("Allocation", "from");
    // 08:00 and 17:00, four levels each.
    assert_eq!((rows.len(), of_day.len()), (8, 8), "{}", sight.date);
    for (row, at) in rows.iter().zip(of_day) {
        says(row, "used, tokens", used[at]);
        says(row, "budget, tokens", budget[at]);
        assert_eq!(row["over budget at"] == "-", used[at] <= budget[at], "{row:?}");
    }
    let fallbacks = sight.raw::<Fallbacks<'_>>();
    let n_fallbacks = fallbacks.numbers("at_s").iter().filter(|at| sight.is_today(**at)).count();
    if n_fallbacks > 0 {
        let rows = sight.table("Fallbacks", "reason");
        let said: f64 = rows.iter().map(|row| row["fallbacks"].parse::<f64>().expect("n")).sum();
        assert_eq!(said, n_fallbacks as f64);
    }
}

/// No number that is none, no table without rows, no heading with nothing below it.
fn check_text(text: &str) {
    // A name may end in -inf.
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_') {
        assert!(!["NaN", "inf", "-inf", "None", "Some"].contains(&word), "{word} in\n{text}");
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).copied().unwrap_or("#");
        let level = |line: &str| line.chars().take_while(|c| *c == '#').count();
        if level(line) > 0 {
            assert!(level(next) == 0 || level(next) > level(line), "{line} has nothing below it");
        }
        if line.starts_with("| ---") {
            assert!(next.starts_with("| "), "a table without rows in\n{text}");
        }
        assert!(line.starts_with('|') || !line.contains("  "), "two spaces in {line}");
    }
    assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
}

#[test]
fn days_without_tasks_have_reports_and_a_run_that_ends_at_midnight_has_no_day_more() {
    let desk = Desk::new();
    // Tasks on the second and the third of four days.
    desk.write("t.csv", "arrived_s,input_tokens,output_tokens\n108000,200,100\n216000,300,100\n");
    let text = BERLIN
        .replace("poisson]\nrate_per_s = 0.002", "trace]\nfile = \"t.csv\"")
        .replace("2026-10-24T08:00", "2026-03-02T00:00")
        .replace("2026-10-25T12:00", "2026-03-03T12:00")
        .replace("61h", "96h")
        .replace("Europe/Berlin", "Asia/Seoul");
    run(&desk, &text);
    let reports = reports(&desk, "stage4");
    let dates = ["260302", "260303", "260304", "260305"];
    assert_eq!(reports.keys().cloned().collect::<Vec<_>>(), names(&dates));
    let empty =
        reports.values().map(|text| text.contains("\n**No task arrived. Nothing to do.**\n"));
    assert_eq!(empty.collect::<Vec<_>>(), [true, false, false, true]);
    for report in reports.values() {
        check_text(report);
    }
}

#[test]
fn a_run_that_ends_by_its_tasks_has_the_days_that_it_took() {
    let desk = Desk::new();
    let text = BERLIN
        .replace("poisson]\nrate_per_s = 0.002", "closed_loop]\nthink = \"10h\"")
        .replace("end.after = \"61h\"", "end.tasks = 5");
    run(&desk, &text);
    // Arrivals at 0, 10, 20, 30 and 40 h and the seconds that answers took: the last on the 26th, at 00:00 and a little.
    let reports = reports(&desk, "stage4");
    let tasks = Rows::read(&desk.path("o"), &Tasks::DOC).expect("a table");
    let last =
        tasks.numbers("arrived_s").expect("a column").into_iter().flatten().fold(0.0, f64::max);
    assert!(last > 41.0 * 3600.0 - 3600.0, "{last}");
    let dates = ["261024", "261025"];
    assert_eq!(reports.keys().cloned().collect::<Vec<_>>(), names(&dates));
}

#[test]
fn a_date_that_a_zone_skipped_has_no_report() {
    let desk = Desk::new();
    // Samoa went from 29 December 2011 to the 31st.
    let text = BERLIN
        .replace("2026-10-24T08:00", "2011-12-29T08:00")
        .replace("2026-10-25T12:00", "2011-12-31T04:00")
        .replace("Europe/Berlin", "Pacific/Apia")
        .replace("61h", "24h");
    run(&desk, &text);
    let reports = reports(&desk, "stage4");
    assert_eq!(reports.keys().cloned().collect::<Vec<_>>(), names(&["111229", "111231"]));
    for report in reports.values() {
        check_text(report);
        assert!(table(report, "Level health", "level").len() > 1, "{report}");
    }
}

#[test]
fn reports_come_back_byte_for_byte_and_no_variant_means_no_daily_report() {
    let desk = Desk::new();
    run(&desk, BERLIN);
    let before = files(&desk.path("o"));
    fs::remove_dir_all(desk.path("o/reports")).expect("removed");
    desk.done(&["report", "o"]);
    assert_same(&before, &files(&desk.path("o")));
    let summary = fs::read_to_string(desk.path("o/summary.md")).expect("read");
    assert!(summary.contains("- [Daily reports of stage4](reports/daily/stage4/), 3 of them\n"));
    assert!(summary.contains("](reports/daily/best-of-all/), 3 of them\n"));
    run(&desk, &BERLIN.replace("variants = [\"stage4\", \"best, of all!\"]", "variants = []"));
    assert!(!desk.path("o/reports/daily").exists());
}

#[test]
fn the_first_variant_alone_is_reported_unless_a_scenario_says_otherwise_by_the_median_seed() {
    let desk = Desk::new();
    let (text, _) = BERLIN.split_once("[reports]").expect("the last table");
    run(&desk, text);
    let folders: Vec<String> = fs::read_dir(desk.path("o/reports/daily"))
        .expect("read")
        .map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, ["stage4"]);
    assert_eq!(Manifest::read(&desk.path("o")).expect("read").reported, ["stage4"]);
    // The median of the means of three seeds, recomputed from their tasks.
    let mut means: Vec<(f64, f64)> = [1.0, 2.0, 3.0]
        .into_iter()
        .map(|seed| {
            let efficiency = Raw::read::<Tasks<'_>>(&desk, "stage4", seed).numbers("efficiency");
            (efficiency.iter().sum::<f64>() / efficiency.len() as f64, seed)
        })
        .collect();
    means.sort_by(|a, b| a.0.total_cmp(&b.0));
    for report in reports(&desk, "stage4").values() {
        assert_eq!(seed_of(report), means[1].1);
    }
}

#[test]
fn a_report_of_a_variant_that_is_not_there_is_a_mistake_with_the_nearest_one() {
    let desk = Desk::new();
    desk.write(
        "x.toml",
        &format!("{OUTAGE}\n[reports]\nvariants = [\"stage4\", \"fixd order\"]\n"),
    );
    let said = desk.run(&["check", "x.toml"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("unknown variant `fixd order`"), "{}", said.err);
    assert!(said.err.contains("did you mean `fixed order`?"), "{}", said.err);
}

/// Runs shipped scenarios and reads all that they report.
fn check_shipped(names: impl Iterator<Item = String>, arguments: &[&str]) {
    let desk = Desk::new();
    for name in names {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(&name);
        let scenario = place.display().to_string();
        let fixed = ["run", &scenario, "--quiet", "--out", "o"];
        desk.done(&[&fixed, arguments].concat());
        let reports = files(&desk.path("o/reports"));
        assert!(!reports.is_empty(), "{name}");
        for bytes in reports.into_values() {
            check_text(&String::from_utf8(bytes).expect("text"));
        }
    }
}

#[test]
fn reports_of_small_shipped_scenarios_are_whole() {
    let names = ["smoke-5", "smoke-10", "hundred-tasks", "score-rule-saturation"];
    check_shipped(names.map(|name| format!("{name}.toml")).into_iter(), &["--seeds", "1..2"]);
}

#[test]
#[ignore = "a minute: every shipped scenario"]
fn reports_of_every_shipped_scenario_are_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let names = fs::read_dir(folder).expect("read").map(|entry| entry.expect("read").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    check_shipped(names.filter(|name| name.ends_with(".toml")), &["--seeds", "1..2"]);
}
