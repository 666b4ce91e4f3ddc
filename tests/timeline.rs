//! The chart `timeline` and the report `resilience`: drawn and told from tables and manifest alone.

#[expect(dead_code, reason = "a test of the program needs but some of this")]
mod program;

use std::collections::BTreeSet;
use std::fs;

use program::{Desk, OUTAGE};
use reflexarc::results::column::Table;
use reflexarc::results::parquet::Rows;
use reflexarc::results::schema::{Curves, Measures, Summary, Tasks};

fn run(desk: &Desk, text: &str) {
    desk.write("x.toml", text);
    desk.done(&["run", "x.toml", "--out", "o", "--quiet", "--seeds", "1..8"]);
}

fn charts(desk: &Desk) -> BTreeSet<String> {
    let names = fs::read_dir(desk.path("o/charts")).expect("read");
    names.map(|name| name.expect("read").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_chart_says_what_happened_and_comes_out_the_same_again() {
    let desk = Desk::new();
    run(&desk, OUTAGE);
    assert!(charts(&desk).contains("timeline-stage4.png"), "{:?}", charts(&desk));
    let path = desk.path("o/charts/timeline-stage4.svg");
    let svg = fs::read_to_string(&path).expect("read");
    for text in [
        "seed 1 alone",
        "outage of Groq",
        "Groq",
        "Gemini",
        "task answered in time",
        "calls answered",
    ] {
        assert!(svg.contains(text), "{text} is not in the chart");
    }
    fs::remove_dir_all(desk.path("o/charts")).expect("removed");
    desk.done(&["report", "o"]);
    assert_eq!(fs::read_to_string(&path).expect("read"), svg);
}

#[test]
fn without_fault_and_breaker_there_is_no_timeline_and_no_report() {
    let desk = Desk::new();
    let (before, behind) = OUTAGE.split_once("[[faults]]").expect("it has faults");
    let (_, stack) = behind.split_once("[stack]").expect("it has a stack");
    run(&desk, &format!("{before}[stack]\nbreaker = \"none\"{stack}"));
    assert!(charts(&desk).iter().all(|name| !name.starts_with("timeline")), "{:?}", charts(&desk));
    assert!(!desk.path("o/reports/resilience.md").exists());
}

#[test]
fn endings_of_curves_are_those_of_tasks() {
    let desk = Desk::new();
    let all = r#"["Groq", "Gemini", "Claude", "DeepSeek", "OpenAI", "Mistral", "SambaNova", "Cerebras", "OpenRouter", "Groq-Extended"]"#;
    let outage = "effect = \"outage\"\nprovider = \"Groq\"";
    assert!(OUTAGE.contains(outage) && OUTAGE.contains("deadline = \"10s\""));
    let hard = OUTAGE
        .replace(outage, &format!("effect.brown_out = {{ error_rate = 0.9 }}\nmodels = {all}"))
        .replace("deadline = \"10s\"", "deadline = \"1s\"");
    run(&desk, &hard);
    let rows = Rows::read(&desk.path("o"), &Curves::DOC).expect("read");
    let levels = rows.texts("level").expect("level");
    let sum = |name: &str| -> f64 {
        let values = rows.numbers(name).expect("numbers");
        let all = (0..values.len()).filter(|at| levels[*at] == "all");
        all.filter_map(|at| values[at]).sum()
    };
    let tasks = Rows::read(&desk.path("o"), &Tasks::DOC).expect("read");
    let (outcomes, served) = (tasks.texts("outcome"), tasks.numbers("served"));
    let (outcomes, served) = (outcomes.expect("outcome"), served.expect("served"));
    let in_time = tasks.numbers("in_time").expect("in_time");
    let count = |wanted: &dyn Fn(&str, bool, bool) -> bool| {
        let all = (0..served.len()).filter(|at| {
            wanted(&outcomes[*at], served[*at] == Some(1.0), in_time[*at] == Some(1.0))
        });
        all.count() as f64
    };
    let failed = |names: &'static [&'static str]| {
        count(&move |outcome, served, _| !served && names.contains(&outcome))
    };
    assert_eq!(sum("late"), count(&|_, served, in_time| served && !in_time));
    assert_eq!(sum("wrong"), failed(&["success", "partial", "failure"]));
    assert_eq!(sum("error"), failed(&["api_error", "connection_error", "cancelled"]));
    assert_eq!(sum("timeout"), failed(&["timeout"]));
    assert_eq!(sum("shed"), failed(&["shed"]));
    let parts = ["in_time", "late", "wrong", "error", "timeout", "refused", "shed"].map(sum);
    assert_eq!(parts.iter().sum::<f64>(), sum("tasks"));
    assert!(parts[1] > 10.0 && parts[3] > 10.0, "nearly all is answered: {parts:?}");
}

#[test]
fn the_report_has_the_measures_of_the_summary() {
    let desk = Desk::new();
    run(&desk, OUTAGE);
    let text = fs::read_to_string(desk.path("o/reports/resilience.md")).expect("read");
    for name in [
        "stage4",
        "fixed order",
        "time_to_detect",
        "survivor_load",
        "wasted_tokens_share",
        "timeline-stage4.svg",
    ] {
        assert!(text.contains(name), "{name} is not in\n{text}");
    }
    let rows = Rows::read(&desk.path("o"), &Summary::DOC).expect("read");
    let of = |name| rows.texts(name).expect("text");
    let (variants, measures, windows, levels) =
        (of("variant"), of("measure"), of("window"), of("level"));
    let means = rows.numbers("mean").expect("mean");
    let availability = |window: &str| {
        let at = (0..means.len()).find(|at| {
            (variants[*at].as_str(), measures[*at].as_str()) == ("stage4", "availability")
                && windows[*at] == window
                && levels[*at] == "all"
        });
        means[at.expect("a row")].expect("a mean")
    };
    for window in ["faults", "calm"] {
        let shown = format!("{:.2}", 100.0 * availability(window));
        assert!(text.contains(&shown), "{window}: {shown} is not in\n{text}");
    }
    // Tasks are either in a fault or outside.
    let rows = Rows::read(&desk.path("o"), &Measures::DOC).expect("read");
    let (names, windows, levels) =
        (rows.texts("measure"), rows.texts("window"), rows.texts("level"));
    let (names, windows, levels) =
        (names.expect("measure"), windows.expect("window"), levels.expect("level"));
    let values = rows.numbers("value").expect("values");
    let tasks = |window: &str| -> f64 {
        let own = (0..values.len())
            .filter(|at| names[*at] == "tasks" && windows[*at] == window && levels[*at] == "all");
        own.filter_map(|at| values[at]).sum()
    };
    assert_eq!(tasks("faults") + tasks("calm"), tasks("run"));
    assert!(tasks("faults") > 0.0 && tasks("calm") > 0.0);
}
