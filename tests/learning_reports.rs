//! Learning reports, learning results and performance metrics: every figure is taken from the tables anew by another way,
//! and stands where a reader looks for it.

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use program::{Desk, OUTAGE, assert_same, files};
use reflexarc::results::column::{Run, Table, TableDoc};
use reflexarc::results::parquet::{PartWriter, Rows};
use reflexarc::results::schema::{
    Anomalies, Curves, Days, Learning, LearningRow, Measures, ModelCurves, Monitor, ScoreRow,
    Scores, Weights,
};

/// Sixteen days that begin and end at 06:00: a period of 14 local days, and one of the last three.
const STUDY: &str = concat!(
    "seeds = \"1..3\"\n",
    include_str!("data/learning.toml"),
    r#"end.after = "16d"
[workload.poisson]
rate_per_s = 0.001
[[task_types]]
name = "routing"
share = 1
level = "L4"
input_tokens = 200
output_tokens = 100
[[faults]]
effect = "outage"
provider = "Groq"
start = "2026-03-14T12:00"
end = "2026-03-14T18:00"
[criteria]
selection_seeds = "101..102"
[reports]
variants = ["stage4", "q", "fixed"]
[[variants]]
name = "stage4"
[[variants]]
name = "q"
stack.order.learner.stage4_q = {}
[[variants]]
name = "ucb"
stack.order.learner.ucb1 = {}
[[variants]]
name = "fixed"
stack.order.static_order = { models = ["DeepSeek", "Gemini"] }
"#
);

/// A row of a table, every value as text; null is empty.
type Row = BTreeMap<&'static str, String>;

fn study(text: &str) -> Desk {
    let desk = Desk::new();
    desk.write("study.toml", text);
    let said = desk.run(&["run", "study.toml", "--quiet", "--out", "o"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    desk
}

fn text(desk: &Desk, path: &str) -> String {
    fs::read_to_string(desk.path(&format!("o/{path}"))).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn rows(desk: &Desk, doc: &TableDoc) -> Vec<Row> {
    let table = Rows::read(&desk.path("o"), doc).expect("read");
    let columns: Vec<(&'static str, Vec<String>)> = doc
        .columns
        .iter()
        .filter_map(|column| {
            let texts = table.texts(column.name).or_else(|_| {
                table.numbers(column.name).map(|numbers| {
                    numbers
                        .into_iter()
                        .map(|n| n.map_or(String::new(), |n| n.to_string()))
                        .collect()
                })
            });
            Some((column.name, texts.ok()?))
        })
        .collect();
    let n = columns.first().map_or(0, |(_, values)| values.len());
    (0..n).map(|at| columns.iter().map(|(name, v)| (*name, v[at].clone())).collect()).collect()
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("no {column} in {row:?}"))
}

/// The cells of the Markdown table whose header begins with `first`, below `heading`.
fn table(text: &str, heading: &str, first: &str) -> Vec<Vec<String>> {
    let below = text.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("{heading}")).1;
    let lines = below.lines().skip_while(|line| !line.starts_with(&format!("| {first} |")));
    let table = lines.take_while(|line| line.starts_with('|'));
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    table.map(cells).filter(|row| !row[0].starts_with("---")).collect()
}

/// The row of a table that begins with `name`, without it.
fn row(table: &[Vec<String>], name: &str) -> Vec<String> {
    let found = table.iter().find(|row| row[0] == name);
    found.unwrap_or_else(|| panic!("no {name} in {table:?}"))[1..].to_vec()
}

fn with_thousands(n: f64) -> String {
    assert!((0.0..1e6).contains(&n));
    let n = n.round() as u64;
    if n < 1000 { n.to_string() } else { format!("{},{:03}", n / 1000, n % 1000) }
}

/// Mean and 95 % interval of three values: t(.975, 2) = 4.302653.
fn of_three(values: &[f64]) -> (f64, f64, f64) {
    assert_eq!(values.len(), 3);
    let mean = values.iter().sum::<f64>() / 3.0;
    let sd = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 2.0).sqrt();
    let half = 4.302_652_73 * sd / 3.0_f64.sqrt();
    (mean, mean - half, mean + half)
}

fn points((mean, low, high): (f64, f64, f64)) -> String {
    format!("{mean:.1} [{low:.1}, {high:.1}]")
}

fn signed((mean, low, high): (f64, f64, f64)) -> String {
    // What rounds to 0.0 has no sign.
    let one = |v: f64| format!("{v:+.1}").replace("+0.0", "0.0").replace("-0.0", "0.0");
    format!("{} [{}, {}]", one(mean), one(low), one(high))
}

/// The seed that a report says it shows.
fn shown_seed(report: &str) -> String {
    let sentence = report.lines().find(|line| line.starts_with("Seed ")).expect("it says so");
    sentence.split(' ').nth(1).expect("a number").to_owned()
}

fn efficiency_of(tasks_and_means: &[(f64, f64)]) -> f64 {
    let tasks: f64 = tasks_and_means.iter().map(|(tasks, _)| tasks).sum();
    tasks_and_means.iter().map(|(tasks, mean)| tasks * mean).sum::<f64>() / tasks
}

/// Means over thirds of pieces: the first i*n/3 and so on.
fn thirds(pieces: &[(f64, f64)]) -> [f64; 3] {
    let n = pieces.len();
    [0, 1, 2].map(|third| efficiency_of(&pieces[third * n / 3..(third + 1) * n / 3]))
}

#[test]
fn learning_reports_stand_for_14_local_days_of_what_learns() {
    let desk = study(STUDY);
    let all = files(&desk.path("o/reports"));
    let names: Vec<&str> = all.keys().map(String::as_str).filter(|n| n.contains("earn")).collect();
    assert_eq!(
        names,
        [
            "260318-Learning-Results.md",
            "learning/q/260315-Learning-Report.md",
            "learning/q/260318-Learning-Report.md",
            "learning/stage4/260315-Learning-Report.md",
            "learning/stage4/260318-Learning-Report.md",
        ]
    );
    let report = text(&desk, "reports/learning/stage4/260315-Learning-Report.md");
    assert!(report.starts_with("# Learning report, 2026-03-02 to 2026-03-15: stage4\n"));
    // The lower median of three seeds is the middle one.
    let mut judged: Vec<(f64, String)> = rows(&desk, &Measures::DOC)
        .iter()
        .filter(|r| r["variant"] == "stage4" && r["measure"] == "efficiency")
        .filter(|r| r["level"] == "all" && r["window"] == "run")
        .map(|r| (number(r, "value"), r["seed"].clone()))
        .collect();
    judged.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(shown_seed(&report), judged[1].1);
    assert!(all.contains_key("260318-Neural-Performance-Metrics.md"));
    assert!(desk.path("o/charts/beliefs.svg").exists());
}

#[test]
fn figures_of_a_period_are_those_of_the_table() {
    let desk = study(STUDY);
    for (variant, scale, decimals) in [("stage4", "score", 1), ("q", "action_value", 3)] {
        let report = text(&desk, &format!("reports/learning/{variant}/260315-Learning-Report.md"));
        let seed = shown_seed(&report);
        let periods: Vec<_> = rows(&desk, &Learning::DOC)
            .into_iter()
            .filter(|r| r["variant"] == variant && r["period"] == "0")
            .collect();
        let own = periods.iter().find(|r| r["seed"] == seed).expect("a period of the seed");
        assert_eq!(own["scale"], scale);
        let metrics = table(&report, "## Learning metrics", "figure");
        let over = |column| {
            let values: Vec<f64> = periods.iter().map(|r| number(r, column)).collect();
            of_three(&values)
        };
        for (figure, column) in [("choices, calls", "choices"), ("results taken in", "updates")] {
            let (mean, low, high) = over(column);
            let [mean, low, high] = [mean, low, high].map(with_thousands);
            let expected = [with_thousands(number(own, column)), format!("{mean} [{low}, {high}]")];
            assert_eq!(row(&metrics, figure), expected, "{variant} {figure}");
        }
        let belief = |v: f64| format!("{v:.decimals$}");
        let (mean, low, high) = over("belief_mean");
        let expected = [
            belief(number(own, "belief_mean")),
            format!("{} [{}, {}]", belief(mean), belief(low), belief(high)),
        ];
        assert_eq!(row(&metrics, "beliefs, mean"), expected);
        let explored = &row(&metrics, "of them explored")[0];
        match variant {
            "stage4" => assert_eq!(explored, "never"),
            _ => {
                let share = 100.0 * number(own, "explored") / number(own, "choices");
                assert_eq!(*explored, format!("{share:.1} %"));
            }
        }
        let first = &row(&metrics, "first below 0.01")[0];
        if own["converged_update"].is_empty() {
            assert_eq!(first, "never");
            assert!(report.contains("Not converged: "));
        } else {
            // The run starts at 06:00, and clocks do not change before the 29th.
            let minute = (number(own, "converged_at_s") / 60.0) as u64 + 6 * 60;
            let (day, minute) = (2 + minute / 1440, minute % 1440);
            let when = format!("2026-03-{day:02} {:02}:{:02}", minute / 60, minute % 60);
            let update = with_thousands(number(own, "converged_update"));
            assert_eq!(*first, format!("result {update}, {when}"));
            assert!(report.contains(&format!("Converged at result {update} ({when})")));
        }
    }
}

#[test]
fn the_best_model_of_a_state_and_the_largest_move_come_from_the_scores() {
    let desk = study(STUDY);
    for (variant, decimals) in [("stage4", 1), ("q", 3)] {
        let report = text(&desk, &format!("reports/learning/{variant}/260318-Learning-Report.md"));
        let seed = shown_seed(&report);
        // The second period begins on day 14 at 00:00, 13 days and 18 hours after the start.
        let from_s = (13.0 * 24.0 + 18.0) * 3600.0;
        let mut held: BTreeMap<(String, String), BTreeMap<String, (f64, f64)>> = BTreeMap::new();
        for r in rows(&desk, &Scores::DOC) {
            if r["variant"] != variant || r["seed"] != seed {
                continue;
            }
            let state = (r["level"].clone(), r["time_of_day"].clone());
            let belief = number(&r, "belief");
            let both = held.entry(state).or_default().entry(r["model"].clone());
            let both = both.or_insert((belief, belief));
            if number(&r, "at_s") <= from_s {
                both.0 = belief;
            }
            both.1 = belief;
        }
        let policy = table(&report, "## Best model by belief", "state");
        let mut n_decided = 0;
        for ((level, quarter), models) in &held {
            let name = match quarter.as_str() {
                "any" => level.clone(),
                quarter => format!("{level}, {quarter}"),
            };
            let most = models.values().map(|(_, now)| *now).fold(f64::MIN, f64::max);
            let best: Vec<&String> =
                models.iter().filter(|(_, (_, now))| *now == most).map(|(m, _)| m).collect();
            let shown = policy.iter().find(|row| row[0] == name);
            match (level.as_str(), best.len()) {
                // No task has these levels.
                ("L1" | "L3", _) => assert!(shown.is_none(), "{name}"),
                (_, 1) => {
                    let shown = shown.unwrap_or_else(|| panic!("no {name}"));
                    assert_eq!(shown[1], *best[0], "{name}");
                    assert_eq!(shown[3], format!("{most:.decimals$}"), "{name}");
                    n_decided += 1;
                }
                (_, n) if n == models.len() => assert!(shown.is_none(), "{name}"),
                (_, _) => {
                    let shown = shown.unwrap_or_else(|| panic!("no {name}"));
                    assert!(shown[1].starts_with("undecided: "), "{shown:?}");
                    assert_eq!(shown[5], format!("{:.decimals$}", 0.0));
                }
            }
        }
        assert!(n_decided > 0);
        let change = |(before, now): &(f64, f64)| (now - before).abs();
        let largest = held.values().flat_map(|m| m.values().map(change)).fold(0.0, f64::max);
        let moves = table(&report, "## What changed", "state");
        let shown = moves[1][4].trim_start_matches(['+', '-']);
        assert_eq!(shown, format!("{largest:.decimals$}"), "{moves:?}");
    }
}

#[test]
fn thirds_of_a_period_are_by_days_and_thirds_of_a_run_by_points() {
    let desk = study(STUDY);
    let report = text(&desk, "reports/learning/stage4/260315-Learning-Report.md");
    let days = rows(&desk, &Days::DOC);
    let of_days = |seed: &str| {
        let own = days.iter().filter(|r| r["variant"] == "stage4" && r["level"] == "all");
        let own = own.filter(|r| r["seed"] == seed && number(r, "day") < 14.0);
        let pieces: Vec<(f64, f64)> = own
            .map(|r| (number(r, "tasks") - number(r, "interrupted"), number(r, "efficiency")))
            .collect();
        assert_eq!(pieces.len(), 14);
        thirds(&pieces)
    };
    let phases = table(&report, "## Early, middle, late", "runs");
    let seed = shown_seed(&report);
    let [early, middle, late] = of_days(&seed).map(|v| format!("{v:.1}"));
    assert_eq!(row(&phases, &format!("seed {seed}"))[..3], [early, middle, late]);
    let all = ["1", "2", "3"].map(of_days);
    let gain = of_three(&all.map(|[early, _, late]| late - early));
    assert_eq!(row(&phases, "mean over 3 seeds [95 %]")[3], signed(gain));
    // 14 days in thirds of 4, 5 and 5; the outage of the 14th of March falls into the last.
    assert!(report.contains("early: 2026-03-02 to 2026-03-05; middle: 2026-03-06 to 2026-03-10;"));
    assert!(report.contains("That is not learning alone: faults weigh on late."));

    let results = text(&desk, "reports/260318-Learning-Results.md");
    let curves = rows(&desk, &Curves::DOC);
    let of_points = |variant: &str, seed: &str| {
        let own = curves.iter().filter(|r| r["variant"] == variant && r["level"] == "all");
        let pieces: Vec<(f64, f64)> = own
            .filter(|r| r["seed"] == seed && !r["efficiency"].is_empty())
            .map(|r| (number(r, "tasks"), number(r, "efficiency")))
            .collect();
        assert_eq!(pieces.len(), 60, "a point without tasks: choose another rate");
        thirds(&pieces)
    };
    let shown = table(&results, "## Efficiency early, middle and late", "variant");
    let first = ["1", "2", "3"].map(|seed| of_points("stage4", seed));
    for (variant, learner) in
        [("stage4", "stage4_router_rule"), ("q", "stage4_q"), ("ucb", "ucb1"), ("fixed", "-")]
    {
        let own = ["1", "2", "3"].map(|seed| of_points(variant, seed));
        let third = |at: usize| points(of_three(&own.map(|thirds| thirds[at])));
        let gain = signed(of_three(&own.map(|[early, _, late]| late - early)));
        let leads: Vec<f64> =
            own.iter().zip(&first).map(|(own, first)| own[2] - first[2]).collect();
        let lead = if variant == "stage4" { "-".to_owned() } else { signed(of_three(&leads)) };
        let expected = [learner.to_owned(), third(0), third(1), third(2), gain, lead];
        assert_eq!(row(&shown, variant), expected, "{variant}");
    }
}

#[test]
fn learning_results_tell_of_convergence_scores_and_frozen_controls() {
    let desk = study(STUDY);
    let results = text(&desk, "reports/260318-Learning-Results.md");
    let learning = rows(&desk, &Learning::DOC);
    let shown = table(&results, "## Exploration and convergence", "variant");
    assert_eq!(shown.len(), 1 + 3, "the fixed order learns nothing: {shown:?}");
    for variant in ["stage4", "q", "ucb"] {
        let last: Vec<_> =
            learning.iter().filter(|r| r["variant"] == variant && r["period"] == "1").collect();
        let mut updates: Vec<f64> = last
            .iter()
            .filter(|r| !r["converged_update"].is_empty())
            .map(|r| number(r, "converged_update"))
            .collect();
        updates.sort_by(f64::total_cmp);
        let n = updates.len();
        let median = match n {
            0 => "-".to_owned(),
            _ => with_thousands(0.5 * (updates[(n - 1) / 2] + updates[n / 2])),
        };
        let still = last.iter().filter(|r| number(r, "recent_change") < 0.01).count();
        let own = row(&shown, variant);
        let expected = [format!("{n} of 3 seeds"), median, format!("{still} of 3 seeds")];
        assert_eq!(own[3..6], expected, "{variant}");
    }
    // Shares of scores at the ends of the scale, over levels with calls, at the point nearest to 48 hours.
    let scores = rows(&desk, &Scores::DOC);
    let off = |r: &&Row| (number(r, "at_s") - 48.0 * 3600.0).abs();
    let own: Vec<_> = scores.iter().filter(|r| r["variant"] == "stage4").collect();
    let nearest = own.iter().map(off).fold(f64::MAX, f64::min);
    let there: Vec<_> = own
        .iter()
        .filter(|r| off(r) == nearest && ["L2", "L4"].contains(&r["level"].as_str()))
        .collect();
    let share = |hit: fn(f64) -> bool| {
        let hits = there.iter().filter(|r| hit(number(r, "belief"))).count();
        format!("{:.0} %", 100.0 * hits as f64 / there.len() as f64)
    };
    let shown = row(&table(&results, "## What two days changed in beliefs", "variant"), "stage4");
    assert!(shown[4].starts_with(&share(|v| v >= 100.0)), "{shown:?}");
    assert!(shown[5].starts_with(&share(|v| v <= 0.0)), "{shown:?}");
    // The gain is the one of the execution report.
    let execution = text(&desk, "reports/260318-Stage4-Execution-Report.md");
    let gains = table(&results, "## Against the same stack with learning frozen", "variant");
    for variant in ["stage4", "q", "ucb"] {
        let gain = &row(&gains, variant)[1];
        assert!(gain.contains(" % ["), "{gain}");
        assert!(results.contains(&format!("{gain} (headroom ")), "{gain}");
    }
    assert!(execution.contains(&row(&gains, "stage4")[1]), "{execution}");
}

#[test]
fn performance_metrics_agree_with_summary_and_tables() {
    let desk = study(STUDY);
    let metrics = text(&desk, "reports/260318-Neural-Performance-Metrics.md");
    let summary = text(&desk, "summary.md");
    let main = table(&summary, "## Results", "variant");
    let at = main[0].iter().position(|h| h.starts_with("availability")).expect("a column");
    let service = table(&metrics, "## Service by level", "variant");
    assert_eq!(service[0], ["variant", "all", "L2", "L4"]);
    for variant in ["stage4", "q", "ucb", "fixed"] {
        assert_eq!(row(&service, variant)[0], row(&main, variant)[at - 1], "{variant}");
    }
    let models = table(&metrics, "## Models", "model");
    let curves = rows(&desk, &ModelCurves::DOC);
    let sum = |model: Option<&str>, columns: &[&str]| -> f64 {
        let own = curves.iter().filter(|r| r["variant"] == "stage4");
        let own = own.filter(|r| model.is_none_or(|model| r["model"] == model));
        own.map(|r| columns.iter().map(|column| number(r, column)).sum::<f64>()).sum()
    };
    let all = sum(None, &["calls"]);
    for model in ["Groq", "Gemini", "OpenRouter"] {
        let calls = sum(Some(model), &["calls"]);
        let served = sum(Some(model), &["served_l1", "served_l2", "served_l3", "served_l4"]);
        let expected = [
            with_thousands(calls / 3.0),
            format!("{:.1}", 100.0 * calls / all),
            if calls > 0.0 { format!("{:.1}", 100.0 * served / calls) } else { "-".to_owned() },
            with_thousands(sum(Some(model), &["tokens"]) / 3.0),
        ];
        assert_eq!(row(&models, model)[..4], expected, "{model}");
    }
    let health = table(&metrics, "## Health as the monitor saw it", "level");
    let monitor = rows(&desk, &Monitor::DOC);
    for level in ["L2", "L4"] {
        let days: Vec<_> = monitor
            .iter()
            .filter(|r| r["variant"] == "stage4" && r["level"] == level)
            .filter(|r| number(r, "calls") > 0.0)
            .collect();
        let good = days.iter().filter(|r| r["class"] == "good").count() as f64;
        let own = row(&health, level);
        assert_eq!(own[0], days.len().to_string());
        assert_eq!(own[2], format!("{:.1}", 100.0 * good / days.len() as f64));
    }
    assert!(health.iter().all(|row| row[0] != "L1"), "{health:?}");
    let anomalies = rows(&desk, &Anomalies::DOC);
    let slow = |r: &&Row| r["variant"] == "stage4" && r["kind"] == "slow_response";
    let mean = anomalies.iter().filter(slow).count() as f64 / 3.0 / 16.0;
    let shown = table(&metrics, "Anomalies per simulated day, means over seeds:", "variant");
    let shown = &row(&shown, "stage4")[0];
    let first: f64 = shown.split(' ').next().expect("a mean").parse().expect("a number");
    assert!((first - mean).abs() <= 0.005 * mean, "{shown} {mean}");
    for chart in ["learning-curve", "beliefs", "model-share"] {
        assert!(metrics.contains(&format!("(../charts/{chart}.svg)")), "{chart}");
        assert!(desk.path(&format!("o/charts/{chart}.svg")).exists());
    }
}

/// Puts other rows in place of a table's.
fn replace<T: Table>(desk: &Desk, table: &T) {
    let folder = desk.path("o");
    fs::remove_dir_all(folder.join(T::DOC.name)).expect("removed");
    let mut writer = PartWriter::create::<T>(&folder, 0).expect("made");
    writer.write(table).expect("written");
    writer.finish().expect("finished");
}

#[test]
fn convergence_and_best_models_of_tables_made_by_hand() {
    let desk = study(&OUTAGE.replace("seeds = \"1..2\"", "seeds = \"7\""));
    let run = Run { block: "main", variant: "stage4", seed: 7 };
    let mut scores = Scores::of(run);
    let mut put = |bin, at_s, level, beliefs: [(&'static str, f64); 3]| {
        for (model, belief) in beliefs {
            scores.push(ScoreRow {
                bin: Some(bin),
                at_s,
                level,
                task_type: None,
                time_of_day: "any",
                model,
                belief,
            });
        }
    };
    // Tasks come at L1, L3 and L4; L2 has no call.
    put(0, 200.0, "L1", [("Groq", 50.0), ("Gemini", 60.0), ("Claude", 70.0)]);
    put(0, 200.0, "L2", [("Groq", 1.0), ("Gemini", 2.0), ("Claude", 3.0)]);
    put(0, 200.0, "L3", [("Groq", 10.0), ("Gemini", 20.0), ("Claude", 30.0)]);
    put(0, 200.0, "L4", [("Groq", 40.0), ("Gemini", 40.0), ("Claude", 40.0)]);
    put(5, 1200.0, "L1", [("Groq", 100.0), ("Gemini", 100.0), ("Claude", 0.0)]);
    put(5, 1200.0, "L2", [("Groq", 1.0), ("Gemini", 2.0), ("Claude", 3.0)]);
    put(5, 1200.0, "L3", [("Groq", 90.5), ("Gemini", 20.0), ("Claude", 30.25)]);
    put(5, 1200.0, "L4", [("Groq", 40.0), ("Gemini", 40.0), ("Claude", 40.0)]);
    replace(&desk, &scores);
    let period = |recent, converged: Option<u64>| {
        let mut learning = Learning::of(run);
        learning.push(LearningRow {
            period: 0,
            from_s: 0.0,
            to_s: 1200.0,
            scale: "score",
            choices: 80,
            explored: 0,
            updates: 100,
            reward_mean: Some(0.75),
            reward_sd: Some(0.25),
            reward_min: Some(0.0),
            reward_max: Some(1.0),
            recent_change: recent,
            converged_update: converged,
            converged_at_s: converged.map(|_| 660.0),
            belief_mean: Some(40.0),
            belief_sd: Some(30.0),
        });
        learning
    };
    let report = |learning: &Learning<'_>| {
        replace(&desk, learning);
        desk.done(&["report", "o"]);
        text(&desk, "reports/learning/stage4/260302-Learning-Report.md")
    };
    let moving = report(&period(Some(0.5), None));
    assert!(
        moving.contains("- Not converged: over the last 50 results a belief still moves by 0.5")
    );
    let policy = table(&moving, "## Best model by belief", "state");
    assert_eq!(row(&policy, "L1")[..2], ["undecided: Groq, Gemini", "-"]);
    assert_eq!(row(&policy, "L3")[..5], ["Groq", "Claude", "90.5", "30.2", "60.2"]);
    assert!(moving.contains("No opinion, all models alike: L4."), "{moving}");
    assert!(moving.contains("Left out, no call in the period: L2."), "{moving}");
    assert!(
        moving.contains("- Its beliefs name one best model in 1 of 3 states; undecided: L1; L4.")
    );
    assert!(
        moving
            .contains("- Scores at 100 or above: 2 of 9; at 0 or below: 1. Models at the same end")
    );
    let moves = table(&moving, "## What changed", "state");
    assert_eq!(moves[1], ["L3", "Groq", "10.0", "90.5", "+80.5"]);
    assert_eq!(moves[2], ["L1", "Claude", "70.0", "0.0", "-70.0"]);
    // The run starts at 09:00; 660 s later it is 09:11.
    let stays = report(&period(Some(0.001), Some(61)));
    assert!(stays.contains("- Converged at result 61 (2026-03-02 09:11), and still so"), "{stays}");
    let leaves = report(&period(Some(0.02), Some(61)));
    assert!(leaves.contains("- Converged at result 61 (2026-03-02 09:11), but not for good"));
    let few = report(&period(None, None));
    assert!(few.contains("- Fewer than 50 results, too few to speak of convergence."), "{few}");
    assert!(!few.contains("seeds [95 %]"), "one seed has no interval: {few}");
}

#[test]
fn re_weighting_is_told_with_its_effect_on_the_fixed_reward() {
    let scenario = OUTAGE
        .replace("[time]", "reward = \"level_reward\"\n[time]")
        .replace(
            "[[variants]]\nname = \"fixed order\"",
            "[[variants]]\nname = \"adapted\"\nstack.reweighting.adapted = { every = \"5min\" }\nstack.order.learner.ucb1 = {}\n[[variants]]\nname = \"fixed order\"",
        );
    let desk = study(&scenario);
    let results = text(&desk, "reports/260302-Learning-Results.md");
    let shown = table(&results, "## Re-weighting of levels", "variant");
    let weights = rows(&desk, &Weights::DOC);
    let own: Vec<_> =
        weights.iter().filter(|r| r["variant"] == "adapted" && r["level"] == "L1").collect();
    let of_seed =
        |seed: &str| own.iter().filter(|r| r["seed"] == seed).copied().collect::<Vec<_>>();
    let (one, two) = (of_seed("1"), of_seed("2"));
    let mean = |column| {
        let last = |rows: &[&Row]| number(rows.last().expect("a change"), column);
        format!("{:.2}", 0.5 * (last(&one) + last(&two)))
    };
    let level = shown.iter().find(|row| row[1] == "L1").expect("a row of L1");
    assert_eq!(level[4], ["speed", "efficiency", "cost"].map(mean).join(" / "));
    let difference = "`adapted`: mean reward of a task by the scenario's own, fixed weights";
    assert!(results.contains(difference), "{results}");
    assert!(
        results.contains("## Reward early, middle and late"),
        "the reward is not the efficiency"
    );
}

/// Every text report below a folder is whole: no empty section, nothing that is no number.
fn assert_whole(folder: &Path) {
    for (name, bytes) in files(folder) {
        let Some(text) = name.ends_with(".md").then(|| String::from_utf8(bytes).expect("text"))
        else {
            continue;
        };
        for bad in ["NaN", "-0.0 ", "None", "Some("] {
            assert!(!text.contains(bad), "{name} has {bad}");
        }
        let is_part = |c: char| c.is_alphanumeric() || "+-._".contains(c);
        let mut words = text.split(|c| !is_part(c));
        assert!(!words.any(|word| ["inf", "+inf", "-inf"].contains(&word)), "{name} has inf");
        let blocks: Vec<&str> = text.split("\n\n").map(str::trim).collect();
        for pair in blocks.windows(2) {
            let level = |block: &str| block.chars().take_while(|c| *c == '#').count();
            let (above, below) = (level(pair[0]), level(pair[1]));
            let is_empty = above > 0 && below > 0 && below <= above;
            assert!(!is_empty, "{name}: nothing below {:?}", pair[0]);
        }
        assert!(blocks.last().is_some_and(|block| !block.starts_with('#')), "{name}");
        for table in blocks.iter().filter(|block| block.starts_with('|')) {
            assert!(table.lines().count() > 2, "{name}: a table without rows: {table}");
        }
    }
}

fn run_shipped(scenarios: &[&str], flags: &[&str]) {
    for scenario in scenarios {
        let desk = Desk::new();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario);
        let path = path.display().to_string();
        desk.done(&[&["run", path.as_str(), "--quiet", "--out", "o"], flags].concat());
        let before = files(&desk.path("o"));
        assert_whole(&desk.path("o/reports"));
        // The reports follow from tables and manifest alone.
        fs::remove_dir_all(desk.path("o/reports")).expect("removed");
        desk.done(&["report", "o"]);
        assert_same(&before, &files(&desk.path("o")));
    }
}

#[test]
fn reports_of_shipped_scenarios_are_whole_and_come_back_from_the_tables() {
    let few = ["--seeds", "1..3"];
    run_shipped(&["smoke-5.toml", "hundred-tasks.toml", "score-rule-saturation.toml"], &few);
    run_shipped(&["two-weeks.toml"], &["--seeds", "1"]);
}

#[test]
#[ignore = "runs every shipped scenario in full: minutes"]
fn reports_of_every_shipped_scenario_are_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(folder).expect("the folder is there");
    let names: Vec<String> = entries
        .map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    run_shipped(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
}
