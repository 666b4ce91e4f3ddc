//! What the program says, and what it leaves, when a scenario, a trace or the disk is wrong.

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use program::{Desk, OUTAGE, Said, assert_same, files, said};

const TEN_MISTAKES: &str = r#"format = 1
question = "Are ten mistakes ten problems?"
fromat = 1
seeds = 7

[time]
start = "2026-03-02T08:00"
zone = "Asia/Soul"
end.after = "1h"
warm_up = "30"

[registry]
use = "stage4"

[world]
api_error_share = 1.2

[workload.poisson]

[[task_types]]
name = "health-check"
share = 1
level = "L1"
input_tokens = 300
output_tokens = 200

[[faults]]
effect = "outage"
models = ["Grok"]
start = "+20min"

[[faults]]
effect = "outage"
models = ["Groq"]
start = "+20min"
end = "+10min"

[stack]
preset = "stage4"
last_resort = "Gemni"

[[variants]]
name = "ucb"
stack.order.learner.ucb2 = {}
"#;

/// The same file with all ten put right.
fn ten_cures() -> String {
    let cures = [
        ("fromat = 1\n", ""),
        ("seeds = 7", "seeds = \"7\""),
        ("Asia/Soul", "Asia/Seoul"),
        ("\"30\"", "\"30s\""),
        ("1.2", "0.5"),
        ("[workload.poisson]", "[workload.poisson]\nrate_per_s = 0.5"),
        ("Grok", "Groq"),
        ("+10min", "+30min"),
        ("Gemni", "Gemini"),
        ("ucb2", "ucb1"),
    ];
    cures.into_iter().fold(TEN_MISTAKES.to_owned(), |text, (wrong, right)| {
        assert_eq!(text.matches(wrong).count(), 1, "{wrong}");
        text.replace(wrong, right)
    })
}

/// Each problem has its place, the line there, and a caret under it. Returns the first lines.
fn heads(said: &Said, file: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = said.err.lines().collect();
    let n = (lines.len() - 1) / 3;
    assert_eq!(lines.len(), 3 * n + 1, "{}", said.err);
    let s = if n == 1 { "" } else { "s" };
    assert_eq!(lines[3 * n], format!("{n} problem{s}"));
    let heads = lines.chunks_exact(3).map(|three| {
        let head = three[0].strip_prefix(&format!("error: {file}:")).expect(three[0]);
        let mut parts = head.splitn(3, ':');
        let mut number = || -> usize {
            parts.next().and_then(|n| n.parse().ok()).expect("a number of a line or column")
        };
        let (line, column) = (number(), number());
        let written = text.lines().nth(line - 1).expect("a line of the file");
        assert_eq!(three[1], format!("{line:>5} | {written}"));
        let caret = three[2].find('^').expect("a caret");
        assert_eq!(caret - "      | ".len(), column - 1, "{}", three[2]);
        let cure = three[2].trim_start_matches([' ', '|', '^']);
        assert!(!cure.is_empty(), "no cure: {}", three[2]);
        head.to_owned()
    });
    heads.collect()
}

#[test]
fn ten_different_mistakes_are_ten_problems_in_one_answer() {
    let desk = Desk::new();
    desk.write("ten.toml", TEN_MISTAKES);
    let wanted = [
        "3:1: unknown key `fromat`",
        "4:9: `seeds` cannot be 7",
        "8:8: `time.zone` cannot be \"Asia/Soul\": there is no such time zone",
        "10:11: `time.warm_up` cannot be \"30\": it has no unit",
        "16:19: `world.api_error_share` cannot be 1.2",
        "18:11: missing key `rate_per_s` in `workload.poisson`",
        "29:11: unknown model `Grok`",
        "36:7: the fault ends before it starts",
        "40:15: unknown model `Gemni`",
        "44:21: unknown kind `ucb2` of `stack.order.learner`",
    ];
    for verb in ["check", "run"] {
        let said = desk.run(&[verb, "ten.toml"]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{verb}");
        assert_eq!(heads(&said, "ten.toml", TEN_MISTAKES), wanted, "{verb}: {}", said.err);
    }
    assert_eq!(files(&desk.path("")).len(), 1, "something else was written");
}

#[test]
fn the_ten_cures_make_the_scenario_run() {
    let desk = Desk::new();
    desk.write("ten.toml", &ten_cures());
    desk.done(&["check", "ten.toml"]);
    desk.done(&["run", "ten.toml", "--quiet"]);
}

#[test]
fn one_mistake_is_one_problem_at_its_place() {
    let desk = Desk::new();
    for (right, wrong, place, cure) in [
        ("rate_per_s = 0.2", "rate_per_s = -1", "18:14", "above 0"),
        ("rate_per_s = 0.2", "rate_per_s = nan", "18:14", "above 0"),
        ("spread = {", "spraed = {", "15:1", "did you mean `spread`?"),
        ("level = \"L1\"", "level = \"L5\"", "23:9", "\"L1\""),
        ("\"+12min\"", "\"07:00\"", "41:7", "later time"),
        ("provider = \"Groq\"", "provider = \"Grok\"", "39:12", "did you mean `Groq`?"),
        ("\"DeepSeek\"]", "\"DeepSeak\"]", "54:58", "did you mean `DeepSeek`?"),
        ("use = \"stage4\"", "use = \"stage5\"", "12:7", "stage4"),
        ("preset = \"stage4\"", "preset = \"stage5\"", "44:10", "stage4"),
        ("provider = \"Groq\"", "draw = \"two\"", "39:8", "a whole number"),
        ("effect = \"outage\"", "effect.quota = { used_share = 1.2 }", "38:31", "at most 1"),
        ("name = \"fixed order\"", "name = \"stage4\"", "53:8", "name"),
        ("seeds = \"1..2\"", "seeds = \"2..1\"", "4:9", "1..2"),
        ("format = 1", "format = 2", "2:10", "format = 1"),
    ] {
        let text = OUTAGE.replacen(right, wrong, 1);
        assert_ne!(text, OUTAGE, "{right}");
        desk.write("x.toml", &text);
        let said = desk.run(&["run", "x.toml"]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{wrong}: {said:?}");
        let heads = heads(&said, "x.toml", &text);
        assert_eq!(heads.len(), 1, "{}", said.err);
        assert!(heads[0].starts_with(&format!("{place}: ")), "{wrong}: {}", said.err);
        assert!(said.err.contains(cure), "{wrong}: {}", said.err);
    }
    assert!(!desk.path("results").exists());
}

#[test]
fn a_mistake_in_an_expectation_is_one_problem_at_its_place() {
    let desk = Desk::new();
    let metric = "metric = \"availability\"";
    let variant = "variant = \"stage4\"";
    // The line of `[[expect]]`; places are told from there.
    let first = OUTAGE.lines().count() + 2;
    for (keys, (line, column), head, cure) in [
        (
            ["metric = \"availabilty\"", variant, "at_least = 0.9"],
            (1, 10),
            "unknown measure `availabilty`",
            "^^^^^^^^^^^^^ did you mean `availability`?",
        ),
        (
            [metric, "variant = \"stage5\"", "at_least = 0.9"],
            (2, 11),
            "unknown variant `stage5`",
            "^^^^^^^^ did you mean `stage4`?",
        ),
        (
            [metric, "", "at_least = 0.9"],
            (0, 1),
            "the expectation names no `variant`, and there are several",
            "write one of them, such as `variant = \"stage4\"`",
        ),
        (
            ["", variant, "at_least = 0.9"],
            (0, 1),
            "missing key `metric` in `expect`",
            "add it, such as `metric = \"availability\"`",
        ),
        (
            [metric, variant, "at_least = 0.9\nblock = \"mian\""],
            (4, 9),
            "unknown block `mian`",
            "^^^^^^ did you mean `main`?",
        ),
        (
            [metric, variant, "at_least = 0.9\nwindow = \"fault\""],
            (4, 10),
            "`expect.window` cannot be \"fault\"",
            "did you mean \"faults\"?",
        ),
        (
            [metric, variant, "at_least = 0.9\nat_most = 0.99"],
            (0, 1),
            "the expectation has no target, or more than one",
            "write exactly one of `at_least`, `at_most` and `better_than`",
        ),
        (
            [metric, variant, ""],
            (0, 1),
            "the expectation has no target, or more than one",
            "write exactly one of `at_least`, `at_most` and `better_than`",
        ),
        ([metric, variant, "at_least = \"0.9\""], (3, 12), "`expect.at_least` cannot be", "^^^^^"),
        (
            [metric, variant, "at_least = 99"],
            (3, 12),
            "`at_least` cannot be 99: a share lies from 0 to 1",
            "^^ write 99 % as 0.99",
        ),
        (
            [metric, variant, "better_than = \"fixed order\"\nby = 5"],
            (4, 6),
            "`by` cannot be 5: a share lies from 0 to 1",
            "^ write 99 % as 0.99",
        ),
        (
            [metric, variant, "at_least = 0.9\nby = 0.1"],
            (4, 6),
            "`by` belongs to `better_than`",
            "^^^ leave it out, or write `better_than`",
        ),
        (
            [metric, variant, "better_than = \"fixed ordr\""],
            (3, 15),
            "unknown variant `fixed ordr`",
            "did you mean `fixed order`?",
        ),
        (
            [metric, variant, "better_than = \"stage4\""],
            (3, 15),
            "a variant is not better than itself",
            "name another variant",
        ),
        (
            ["metric = \"tasks\"", variant, "better_than = \"fixed order\""],
            (3, 15),
            "`tasks` is neither better higher nor lower",
            "`reflexarc list measures`",
        ),
        (
            ["metric = \"availability_by_minute\"", variant, "at_least = 0.9\nlevel = \"L1\""],
            (4, 9),
            "`availability_by_minute` is not measured at L1 alone",
            "^^^^ leave `level` out, or write `availability`",
        ),
    ] {
        let text = format!("{OUTAGE}\n[[expect]]\n{}\n", keys.join("\n"));
        desk.write("x.toml", &text);
        let said = desk.run(&["check", "x.toml"]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{keys:?}: {said:?}");
        let heads = heads(&said, "x.toml", &text);
        assert_eq!(heads.len(), 1, "{}", said.err);
        let wanted = format!("{}:{column}: {head}", first + line);
        assert!(heads[0].starts_with(&wanted), "{wanted}\n{}", said.err);
        assert!(said.err.contains(cure), "{cure}\n{}", said.err);
    }
}

#[test]
fn an_expectation_that_can_never_be_decided_is_refused() {
    let desk = Desk::new();
    let (before, after) = OUTAGE.split_once("[[faults]]").expect("faults");
    let after = after.split_once("[stack]").expect("a stack").1;
    let calm = format!("{before}[stack]{after}");
    let blind = OUTAGE.replace("bins = 6", "bins = 6\nregret = false");
    for (scenario, keys, head, cure) in [
        (
            &calm,
            "metric = \"served\"\nwindow = \"faults\"",
            "no task arrives during a fault, as there is none",
            "leave `window` out, or write a `[[faults]]` table",
        ),
        (
            &blind,
            "metric = \"decision_regret\"",
            "`decision_regret` is not measured, as `record.regret` is false",
            "leave `record.regret` out",
        ),
    ] {
        let text = format!("{scenario}\n[[expect]]\nvariant = \"stage4\"\nat_most = 1\n{keys}\n");
        desk.write("x.toml", &text);
        let said = desk.run(&["check", "x.toml"]);
        let heads = heads(&said, "x.toml", &text);
        assert_eq!(heads.len(), 1, "{}", said.err);
        assert!(heads[0].ends_with(head) && said.err.contains(cure), "{}", said.err);
    }
}

#[test]
fn a_mistake_beside_another_keeps_its_own_place() {
    let desk = Desk::new();
    // The first fault falls out of the list; the second is still found where it is written.
    let broken = "[[faults]]\neffect = \"outagee\"\nmodels = [\"Groq\"]\nstart = \"+1min\"\n\n";
    let text = OUTAGE.replacen("[[faults]]", &format!("{broken}[[faults]]"), 1);
    let text = text.replacen("+12min", "+1min", 1);
    desk.write("x.toml", &text);
    let said = desk.run(&["check", "x.toml"]);
    let wanted = [
        "37:10: unknown kind `outagee` of `faults.effect`",
        "46:7: the fault ends before it starts",
    ];
    assert_eq!(heads(&said, "x.toml", &text), wanted, "{}", said.err);
}

const RANDOM_FAULT: &str = "[[random_faults]]
name = \"outages\"
effect = \"outage\"
each_model = true
mean_time_between = \"5min\"
mean_duration = \"10s\"
start = \"+1min\"

";

#[test]
fn a_mistake_in_a_random_fault_is_one_problem_at_its_place() {
    let desk = Desk::new();
    let good = OUTAGE.replacen("[[faults]]", &format!("{RANDOM_FAULT}[[faults]]"), 1);
    desk.write("x.toml", &good);
    desk.done(&["check", "x.toml"]);
    let tasks = good.replacen("end.after = \"20min\"", "end.tasks = 100", 1);
    let twice = format!("{RANDOM_FAULT}{RANDOM_FAULT}");
    for (text, right, wrong, place, message, cure) in [
        (&good, "\"5min\"", "\"0s\"", "40:21", "is no time at all", "such as"),
        (
            &good,
            "mean_duration = \"10s\"",
            "mean_duration = \"0min\"",
            "41:17",
            "`mean_duration` is no time",
            "20min",
        ),
        (
            &good,
            "mean_duration = \"10s\"",
            "mean_duration = 10",
            "41:17",
            "`random_faults.mean_duration` cannot be 10",
            "unit",
        ),
        (&good, "each_model = true\n", "", "36:1", "does not say whom it hits", "exactly one of"),
        (
            &good,
            "each_model = true",
            "each_model = false",
            "36:1",
            "whom it hits",
            "`each_provider`",
        ),
        (&good, "each_model = true", "provider = \"Grok\"", "39:12", "unknown provider", "`Groq`?"),
        (&good, "each_model = true", "models = [\"Grok\"]", "39:11", "unknown model", "`Groq`?"),
        (&good, "\"outage\"", "\"outagee\"", "38:10", "unknown kind", "`outage`?"),
        (
            &good,
            " = \"outage\"",
            ".quota = { used_share = 1 }",
            "38:31",
            "used tokens stay used",
            "`limit_factor`",
        ),
        (&good, "\"+1min\"", "\"+2h\"", "42:9", "starts after the end of the run", "earlier"),
        (
            &good,
            "\"+1min\"",
            "\"+2min\"\nend = \"+1min\"",
            "43:7",
            "ends before",
            "after its start",
        ),
        (&good, "\"+1min\"", "\"+1min\"\nramp = \"1min\"", "43:1", "unknown key `ramp`", ""),
        (&good, RANDOM_FAULT, &twice, "45:8", "`outages` is written twice", "own name"),
        (&good, "name = \"outages\"\n", "", "36:1", "missing key `name`", "such as"),
        (&tasks, "", "", "36:1", "has no end, and the run ends by its number", "`end = \"+24h\"`"),
    ] {
        let text = text.replacen(right, wrong, 1);
        desk.write("x.toml", &text);
        let said = desk.run(&["check", "x.toml"]);
        let heads = heads(&said, "x.toml", &text);
        assert_eq!(heads.len(), 1, "{wrong}: {}", said.err);
        assert!(heads[0].starts_with(&format!("{place}: ")), "{wrong}: {}", said.err);
        assert!(heads[0].contains(message) && said.err.contains(cure), "{wrong}: {}", said.err);
    }
    let text =
        good.replacen("= \"10s\"\nstart", "= \"1us\"\nstart", 1).replacen("\"5min\"", "\"1ns\"", 1);
    desk.write("x.toml", &text);
    let said = desk.run(&["check", "x.toml"]);
    let wanted = ["40:21: the fault would come about 1.1e10 times in a run"];
    assert_eq!(heads(&said, "x.toml", &text), wanted, "{}", said.err);
    assert!(said.err.contains("10000 faults are the most"), "{}", said.err);
}

#[test]
fn a_scenario_that_cannot_be_read_is_one_clear_error() {
    let desk = Desk::new();
    fs::create_dir(desk.path("folder.toml")).expect("made");
    fs::write(desk.path("latin.toml"), b"question = \"caf\xe9\"").expect("written");
    for (name, wanted) in [
        ("no.toml", "there is no file no.toml"),
        ("no/such.toml", "no"),
        ("folder.toml", "folder.toml is not a file"),
        ("latin.toml", "save it as UTF-8"),
    ] {
        for verb in ["check", "run"] {
            let said = desk.run(&[verb, name]);
            assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{name}");
            assert_eq!(said.err.lines().count(), 2, "{name}: {}", said.err);
            assert!(said.err.starts_with("error: ") && said.err.contains(wanted), "{}", said.err);
            assert!(said.err.ends_with("\n1 problem\n"), "{}", said.err);
        }
    }
}

#[test]
fn a_trace_that_cannot_be_used_is_one_clear_error_with_file_and_cure() {
    let head = "arrived_s,input_tokens,output_tokens\n";
    let azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
    let bad: [(&str, Option<String>, &str, &str); 13] = [
        ("missing.csv", None, "there is no file", "check the path"),
        ("nothing.csv", Some(String::new()), "is empty", "at least one row"),
        ("empty.csv", Some(head.to_owned()), "has no rows", "at least one request"),
        (
            "backwards.csv",
            Some(format!("{head}2,100,100\n1,100,100\n")),
            "row 2, column `arrived_s`: time goes back from 2 s to 1 s",
            "sort its rows by arrived_s",
        ),
        (
            "column.csv",
            Some("arrived,input_tokens,output_tokens\n1,1,1\n".to_owned()),
            "is in no known format: it has `arrived`, `input_tokens`, `output_tokens`",
            "bring it into one of plain",
        ),
        (
            "word.csv",
            Some(format!("{head}1,many,100\n")),
            "row 1, column `input_tokens`: is \"many\"",
            "mend or remove the row",
        ),
        (
            "negative.csv",
            Some(format!("{head}-1,100,100\n")),
            "row 1, column `arrived_s`: is -1 s, before the begin",
            "mend or remove the row",
        ),
        ("nan.csv", Some(format!("{head}1,NaN,100\n")), "row 1, column `input_tokens`", "mend"),
        ("torn.csv", Some(format!("{head}1,100\n")), "row 1: has 2 fields", "write it as CSV"),
        (
            "csv.parquet",
            Some(format!("{head}1,100,100\n")),
            "cannot be read",
            "it may be cut off or no Parquet",
        ),
        (
            "azure.csv",
            Some(format!("{azure}2023-11-16 18:15:46.68,1,1\nyesterday,1,1\n")),
            "row 2, column `TIMESTAMP`: is \"yesterday\", not a date and time",
            "mend or remove the row",
        ),
        (
            "mooncake.jsonl",
            Some("{\"timestamp\": 1, \"input_length\": 2}\n".to_owned()),
            "row 1, column `output_length`: has no value",
            "mend or remove the row",
        ),
        (
            "torn.jsonl",
            Some("{\"timestamp\": 1, \"inp".to_owned()),
            "row 1: is cut off",
            "write an object a line",
        ),
    ];
    let desk = Desk::new();
    for (name, content, cause, cure) in bad {
        if let Some(content) = content {
            desk.write(name, &content);
        }
        let trace = format!("[workload.trace]\nfile = \"{name}\"");
        let text = OUTAGE.replace("[workload.poisson]\nrate_per_s = 0.2", &trace);
        desk.write("x.toml", &text);
        let said = desk.run(&["run", "x.toml"]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{name}");
        let heads = heads(&said, "x.toml", &text);
        assert_eq!(heads.len(), 1, "{}", said.err);
        assert!(heads[0].starts_with("18:8: ") && heads[0].contains(cause), "{name}: {heads:?}");
        assert!(heads[0].contains(name) && said.err.contains(cure), "{name}: {}", said.err);
    }
    assert!(!desk.path("results").exists());
}

/// One error that names a file and says what to do, with the exit code of work that could not be finished.
fn assert_one_error(said: &Said, file: &str) {
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    let parts = said.err.strip_prefix("error: cannot write ").and_then(|e| e.split_once(": "));
    let (path, rest) = parts.expect("a path");
    assert!(path.contains(file), "{}", said.err);
    let cure = rest.split_once("; ").expect("a cure").1;
    assert!(cure.contains("--out") || cure.contains("space"), "{}", said.err);
}

#[test]
fn results_that_cannot_be_written_are_one_clear_error() {
    let desk = Desk::new();
    desk.write("outage.toml", OUTAGE);
    desk.write("file", "years of work");
    let mut places = vec!["file", "file/below", "file/further/below"];
    if Path::new("/proc/self").exists() {
        places.push("/proc/results");
    }
    for place in places {
        let before = files(&desk.path(""));
        let said = desk.run(&["run", "outage.toml", "--quiet", "--out", place]);
        let last = place.rsplit_once('/').map_or(place, |(above, _)| above);
        assert_one_error(&said, last);
        assert_same(&before, &files(&desk.path("")));
    }
}

#[test]
fn a_stdout_that_takes_nothing_is_a_failure() {
    if !Path::new("/dev/full").exists() {
        println!("skipped: there is no /dev/full");
        return;
    }
    let desk = Desk::new();
    let line = format!("\"{}\" schema > /dev/full", env!("CARGO_BIN_EXE_reflexarc"));
    let said = said(Command::new("sh").args(["-c", &line]).current_dir(desk.path("")));
    assert_eq!(said.code, Some(1));
    assert!(said.err.starts_with("error: cannot write to stdout: "), "{}", said.err);
}

/// Runs `outage.toml` with files limited to so many blocks of 512 or 1024 bytes.
fn run_limited(desk: &Desk, blocks: u32) -> Said {
    let line = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec \"{}\" run outage.toml --quiet --out o",
        env!("CARGO_BIN_EXE_reflexarc")
    );
    said(Command::new("sh").args(["-c", &line]).current_dir(desk.path("")))
}

#[test]
fn a_write_that_fails_midway_leaves_no_half_result_and_keeps_the_earlier_one() {
    let desk = Desk::new();
    desk.write("outage.toml", OUTAGE);
    // Nothing was there before: nothing is there afterwards, wherever it failed.
    let mut failed_at = Vec::new();
    for blocks in [0, 8, 16, 32, 64] {
        let said = run_limited(&desk, blocks);
        assert_one_error(&said, ".o.partial");
        failed_at.push(said.err.split(": cannot write ").last().unwrap_or_default().to_owned());
        assert_eq!(files(&desk.path("")).len(), 1, "something is left: {}", said.err);
    }
    assert!(failed_at.iter().any(|e| *e != failed_at[0]), "always the same: {failed_at:?}");
    // An earlier result stays as it was.
    desk.done(&["run", "outage.toml", "--quiet", "--out", "o", "--seeds", "7"]);
    let before = files(&desk.path(""));
    for blocks in [0, 8, 64] {
        assert_one_error(&run_limited(&desk, blocks), ".o.partial");
        assert_same(&before, &files(&desk.path("")));
    }
    // Without the limit the same call works.
    desk.done(&["run", "outage.toml", "--quiet", "--out", "o"]);
}

/// A file system of 300 kB that is unmounted at the end of its test.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(place: &'a Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=300k", "none"])
            .arg(place)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(place))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_one_clear_error_and_leaves_nothing_half_written() {
    let desk = Desk::new();
    desk.write("outage.toml", OUTAGE);
    let place = desk.path("disk");
    fs::create_dir(&place).expect("made");
    let Some(_disk) = SmallDisk::mount(&place) else {
        println!("skipped: a small disk can be mounted by root only");
        return;
    };
    let said = desk.run(&["run", "outage.toml", "--quiet", "--out", "disk/o"]);
    assert_one_error(&said, "disk/.o.partial");
    assert!(said.err.contains("free some space"), "{}", said.err);
    assert_eq!(files(&place).len(), 0);
}
