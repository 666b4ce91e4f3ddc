//! Mistakes in scenario files: each is reported once, at its place and with its cure.

use std::fs;
use std::path::{Path, PathBuf};

use reflexarc::scenario::values::Named;
use reflexarc::scenario::written::{Model, RegistryFile, Stack, Study};
use reflexarc::scenario::{self, Dropped, Loaded, Spanned, decode, layer, load, tree};

const GOOD: &str = include_str!("data/good.toml");

/// A folder of scenario files that is removed at the end of its test.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn new(test: &str, files: &[(&str, &str)]) -> Self {
        let name = format!("reflexarc-{}-{test}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a temporary folder");
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("a written file");
        }
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("x.toml")
    }

    /// The report on `x.toml`, without the folder in front of the file names.
    fn report(&self) -> String {
        let text = match load(&self.path(), false, None) {
            Ok(loaded) => merged(loaded).0,
            Err(report) => report.to_string(),
        };
        text.replace(&format!("{}/", self.folder.display()), "")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Reads all merged trees, as the next step of the program does.
fn merged(loaded: Loaded) -> (String, Vec<Stack>, Vec<Study>, Dropped) {
    let mut problems = loaded.problems.clone();
    let blocks = layer::blocks(&loaded.tree);
    let studies = blocks.iter().filter_map(|block| decode(&block.tree, "", &mut problems).value);
    let studies = studies.collect();
    let base = loaded.tree.child("stack");
    let variants = loaded.tree.child("variants").map_or(&[][..], |list| list.items());
    let stacks = variants.iter().filter_map(|variant| {
        let tree = layer::stack(None, base, variant.child("stack"));
        decode(&tree, "stack", &mut problems).value
    });
    let stacks = stacks.collect();
    let report = problems.report(&loaded.sources).to_string();
    (report, stacks, studies, loaded.dropped)
}

fn report(test: &str, text: &str) -> String {
    Files::new(test, &[("x.toml", text)]).report()
}

/// The first lines of all problems.
fn heads(report: &str) -> Vec<&str> {
    let heads = report.lines().filter_map(|line| line.strip_prefix("error: "));
    heads.collect()
}

#[test]
fn a_good_scenario_has_no_problems() {
    let files = Files::new("good", &[("x.toml", GOOD)]);
    let (report, stacks, studies, dropped) = merged(load(&files.path(), false, None).unwrap());
    assert_eq!(report, "");
    assert!(dropped.is_empty());
    assert_eq!((stacks.len(), studies.len()), (3, 2));
    assert_eq!(studies[0].faults.len(), 2);
    // A block's faults come after those of the scenario.
    assert_eq!(studies[1].faults.len(), 3);
    assert_eq!(studies.iter().map(|s| s.random_faults.len()).collect::<Vec<_>>(), [1, 2]);
    let text = format!("{:?}", stacks[2].breaker);
    // The base stack's key stays beside the variant's, as both name the same kind.
    assert!(text.contains("failures_to_open: Count(4)"), "{text}");
    assert!(text.contains("open_for: Duration(120000000000)"), "{text}");
}

#[test]
fn ten_mistakes_are_ten_problems() {
    let text = r#"fromat = 1
seeds = 7

[time]
start = "2026-03-02T00:00"
zone = "Asia/Soul"
warm_up = 30
end.after = "-5s"

[world]
api_error_share = 1.2
limits = { slots = 2, windw = "token_bucket" }

[workload]
poisson = { rate_per_s = 1 }
trace.file = "a"

[[task_types]]
share = 1
level = "L1"
input_tokens = 10
output_tokens = 10

[stack]
order = "randm"
"#;
    let report = report("ten", text);
    let wanted = [
        "x.toml:1:1: unknown key `fromat`",
        "x.toml:2:9: `seeds` cannot be 7",
        "x.toml:6:8: `time.zone` cannot be \"Asia/Soul\": there is no such time zone",
        "x.toml:7:11: `time.warm_up` cannot be 30",
        "x.toml:8:13: `time.end.after` cannot be \"-5s\": a duration is not negative",
        "x.toml:11:19: `world.api_error_share` cannot be 1.2",
        "x.toml:12:23: unknown key `windw` in `world.limits`",
        "x.toml:16:1: `workload` has two kinds, `poisson` and `trace`",
        "x.toml:18:1: missing key `name` in `task_types`",
        "x.toml:25:9: unknown kind `randm` of `stack.order`",
    ];
    assert_eq!(wanted.len(), 10);
    assert_eq!(heads(&report), wanted, "{report}");
    for cure in [
        "^^^^^^ did you mean `format`?",
        "^ write it in quotes: \"7\" for this one seed, \"1..7\" for as many seeds",
        "^^^^^^^^^^^ did you mean \"Asia/Seoul\"?",
        "^^ write it with its unit, such as \"30s\"",
        "^^^ write a number from 0 to 1, such as 0.5",
        "                      ^^^^^ did you mean `window`?",
        "add it, such as `name = \"health-check\"`",
        "^^^^^^^ did you mean `random`?",
    ] {
        assert!(report.contains(cure), "{cure}\n{report}");
    }
}

#[test]
fn a_problem_is_printed_with_its_line_and_its_cure() {
    let text = "\n\n[workload.poisson]\nrate_per_ss = 0.5\n";
    let wanted = "\
error: x.toml:4:1: unknown key `rate_per_ss` in `workload.poisson`
    4 | rate_per_ss = 0.5
      | ^^^^^^^^^^^ did you mean `rate_per_s`?
";
    assert_eq!(report("printed", text), wanted);
}

#[test]
fn mistakes_in_arrays_of_tables_and_inline_tables_are_placed() {
    let text = r#"
[[task_types]]
name = "a"
share = 1
input_tokens = 1
output_tokens = 1
[[task_types]]
name = "b"
share = 0
input_tokens = 2.5
output_tokens.lognormal = { mean = "200", sigma = inf }
[[faults]]
effect.brown_out = { error_rate = 2 }
start = 10:00:00
[[faults]]
effect = { quota = { used_share = -1 }, outage = {} }
start = "2h"
models = ["a", 3]
"#;
    let report = report("arrays", text);
    let wanted = [
        "x.toml:9:9: `task_types.share` cannot be 0",
        "x.toml:10:16: `task_types.input_tokens` cannot be 2.5",
        "x.toml:11:36: `task_types.output_tokens.lognormal.mean` cannot be \"200\"",
        "x.toml:11:51: `task_types.output_tokens.lognormal.sigma` cannot be inf",
        "x.toml:13:35: `faults.effect.brown_out.error_rate` cannot be 2",
        "x.toml:14:9: `faults.start` cannot be 10:00:00: dates and times stand in quotes",
        "x.toml:16:35: `faults.effect.quota.used_share` cannot be -1",
        "x.toml:16:41: `faults.effect` has two kinds, `quota` and `outage`",
        "x.toml:17:9: `faults.start` cannot be \"2h\"",
        "x.toml:18:16: `faults.models` cannot be 3",
    ];
    assert_eq!(heads(&report), wanted, "{report}");
}

#[test]
fn all_missing_keys_are_reported_and_only_those() {
    let text = r#"
[time]
zone = "UTC"
strat = "2026-03-02T00:00"
[workload]
poisson = {}
[[task_types]]
name = 3
level = "L1"
input_tokens.uniform = { low = 5 }
[[variants]]
"#;
    let report = report("missing", text);
    let wanted = [
        "x.toml:2:2: missing key `end` in `time`",
        // `start` is not missing as well: it is the mistyped key.
        "x.toml:4:1: unknown key `strat` in `time`",
        "x.toml:6:1: missing key `rate_per_s` in `workload.poisson`",
        "x.toml:7:1: missing key `output_tokens` in `task_types`",
        "x.toml:7:1: missing key `share` in `task_types`",
        "x.toml:8:8: `task_types.name` cannot be 3",
        "x.toml:10:14: missing key `high` in `task_types.input_tokens.uniform`",
        "x.toml:11:1: missing key `name` in `variants`",
    ];
    let mut found = heads(&report);
    found.sort_by_key(|head| wanted.iter().position(|wanted| wanted == head));
    assert_eq!(found, wanted, "{report}");
}

#[test]
fn a_mistake_in_the_base_stack_is_reported_once() {
    let text = r#"
[stack]
call_timeout = 30
breaker.stage4.open_for = "soon"
order.weighted = { wieghts = { Groq = 3 } }
[[variants]]
name = "a"
[[variants]]
name = "b"
stack.retry.max_retries = 1
[[variants]]
name = "c"
stack.order.learner.ucb1 = { explore = 1 }
[[variants]]
name = "d"
[variants.stack]
order.learner = "ucb2"
retry.backoff = "exponentail"
"#;
    let report = report("stack", text);
    let wanted = [
        "x.toml:3:16: `stack.call_timeout` cannot be 30",
        "x.toml:4:27: `stack.breaker.stage4.open_for` cannot be \"soon\": it is not a duration",
        "x.toml:5:20: unknown key `wieghts` in `stack.order.weighted`",
        "x.toml:13:30: unknown key `explore` in `stack.order.learner.ucb1`",
        "x.toml:17:17: unknown kind `ucb2` of `stack.order.learner`",
        "x.toml:18:17: unknown kind `exponentail` of `stack.retry.backoff`",
    ];
    assert_eq!(heads(&report), wanted, "{report}");
}

#[test]
fn keys_that_moved_and_kinds_beside_are_told_where_they_stand() {
    let text = r#"
[stack]
hold_after_429 = "1s"
breaker = "litellm"
retry = { on = ["timeout"], honour_retry_after = true }
[[variants]]
name = "a"
stack.outliers.resilience4j = {}
"#;
    let report = report("moved", text).to_string();
    for cure in [
        "it has moved: write `stack.on.rate_limited.hold`",
        "it is a kind of `outliers`: write `stack.outliers.litellm`",
        "it has moved: write `stack.on.CLASS.retry`",
        "it has moved: write `stack.retry.retry_after`",
        "it is a kind of `breaker`: write",
    ] {
        assert!(report.contains(cure), "{cure} is missing in:\n{report}");
    }
}

#[test]
fn mistakes_in_a_base_file_are_placed_there() {
    let base = "format = 1\n[world]\nerror_ms = -1\nlatency_sigma = 0.1\n[workload]\npoisson.rate_per_s = 0\n";
    let text = "base = \"base.toml\"\n[world]\nlatency_sigma = \"low\"\n[workload]\nfixed_interval.interval = \"1x\"\n";
    let files = Files::new("base", &[("x.toml", text), ("base.toml", base)]);
    let report = files.report();
    let wanted = [
        "x.toml:3:17: `world.latency_sigma` cannot be \"low\"",
        "x.toml:5:27: `workload.fixed_interval.interval` cannot be \"1x\": `x` is not a unit",
        "base.toml:3:12: `world.error_ms` cannot be -1",
    ];
    assert_eq!(heads(&report), wanted, "{report}");
}

#[test]
fn bases_that_cannot_be_read_are_explained() {
    let bad = [
        (
            "self",
            "base = \"x.toml\"\n",
            "x.toml:1:8: `base` cannot be read: \"x.toml\" builds on itself",
        ),
        ("out", "base = \"../no.toml\"\n", "is outside of the scenario's folder"),
        ("gone", "base = \"no.toml\"\n", "`base` cannot be read: there is no file no.toml"),
        ("number", "base = 3\n", "x.toml:1:8: `base` cannot be 3"),
    ];
    for (test, text, wanted) in bad {
        let report = report(test, text);
        assert!(report.contains(wanted), "{report}");
    }
    let circle = Files::new(
        "circle",
        &[("x.toml", "base = \"y.toml\"\n"), ("y.toml", "\nbase = \"x.toml\"\n")],
    );
    assert!(circle.report().contains("y.toml:2:8: `base` cannot be read"), "{}", circle.report());
    let broken =
        Files::new("broken", &[("x.toml", "base = \"y.toml\"\nformt = 1\n"), ("y.toml", "a = \n")]);
    let report = broken.report();
    let wanted = ["x.toml:2:1: unknown key `formt`", "y.toml:1:5: a value is missing"];
    assert_eq!(heads(&report), wanted, "{report}");
}

#[test]
fn files_that_cannot_be_read_are_explained_in_one_line() {
    let files = Files::new("unreadable", &[]);
    assert_eq!(files.report(), "error: there is no file x.toml; check the path\n");
    fs::write(files.path(), b"a = \"\xff\"").unwrap();
    assert_eq!(files.report(), "error: x.toml is not text in UTF-8 (byte 5); save it as UTF-8\n");
    let report = load(Path::new("/no/such/folder/x.toml"), false, None).unwrap_err();
    assert_eq!(report.to_string().lines().count(), 1);
}

#[test]
fn a_text_that_is_not_toml_is_reported_alone() {
    let syntax = report("syntax", "fromat = 1\na = 30s\nb = [1\n");
    assert_eq!(heads(&syntax).len(), 1, "{syntax}");
    let twice =
        report("twice", "seeds = \"1\"\n[time]\n[time]\nx = random\nseeds = 3\nseeds = 3\n");
    let wanted = [
        "x.toml:3:2: the key `time` is written twice",
        "x.toml:4:5: `random` is neither a number nor in quotes",
        "x.toml:6:1: the key `seeds` is written twice",
    ];
    assert_eq!(heads(&twice), wanted, "{twice}");
}

#[test]
fn any_encoding_of_lines_is_read() {
    assert_eq!(report("empty", ""), "");
    assert_eq!(report("mark", "\u{feff}seeds = \"1\"\n"), "");
    let marked = report("marked", "\u{feff}seed = \"1\"\r\n\r\n[tme]\r\n");
    assert_eq!(
        marked,
        "error: x.toml:1:1: unknown key `seed`\n    1 | seed = \"1\"\n      | ^^^^ did you mean `seeds`?\n\
         error: x.toml:3:2: unknown key `tme`\n    3 | [tme]\n      |  ^^^ did you mean `time`?\n"
    );
    let wide = report("wide", "world = { spread = { \"난이도\" = 1, success = -1 } }\n");
    let caret = format!("      | {}^^ write", " ".repeat(45));
    assert!(wide.contains("x.toml:1:43: `world.spread.success` cannot be -1"), "{wide}");
    assert!(wide.contains(&caret), "{wide}");
}

#[test]
fn strange_texts_are_reported_and_shown_without_harm() {
    let deep = report("deep", &format!("a = {}", "[".repeat(20_000)));
    assert_eq!(heads(&deep).len(), 1);
    let hidden = report("hidden", "\"a\\u001bb\" = 1\nb = \"\u{1b}[2J\"\n");
    assert!(!hidden.contains('\u{1b}') && hidden.contains('\u{fffd}'), "{hidden}");
    let long = report("long", &format!("seeds = \"{}\"\n", "9".repeat(500)));
    assert!(heads(&long).iter().all(|head| head.len() < 250), "{long}");
    let version = report("version", "format = 2\n");
    assert!(version.contains("`format` cannot be 2: this program reads format 1"), "{version}");
}

#[test]
fn a_registry_file_lies_under_the_scenario() {
    let registry =
        "format = 1\nsuorce = \"a\"\n[models.a]\nprovider = \"x\"\nscore = 101\nquality = 1\n";
    let text = "[registry]\nuse = \"r.toml\"\n[registry.models]\na.success = 1\na.quality = 2\nb.score = -1\n";
    let files = Files::new("registry", &[("x.toml", text), ("r.toml", registry)]);
    let mut loaded = load(&files.path(), false, None).unwrap();
    let used =
        loaded.scenario.registry.as_ref().and_then(|registry| registry.used.clone()).unwrap();
    let tree = loaded.read_file::<RegistryFile>(&used).unwrap();
    let mut problems = std::mem::take(&mut loaded.problems);
    let head = decode::<RegistryFile>(&tree, "", &mut problems);
    assert!(head.value.unwrap().models.is_some());
    let under = tree.child("models").unwrap();
    let over = loaded.tree.at(&tree::Path::of("registry.models")).unwrap();
    let models =
        decode::<Named<Model>>(&layer::merge(under, over), "registry.models", &mut problems);
    assert_eq!(models.value.unwrap().names().count(), 0);
    let report = problems.report(&loaded.sources).to_string();
    let report = report.replace(&format!("{}/", files.folder.display()), "");
    let of_a =
        heads(&report).into_iter().filter(|head| head.contains("missing") && head.ends_with(".a`"));
    assert_eq!(of_a.count(), 2, "{report}");
    assert!(report.contains("r.toml:2:1: unknown key `suorce`"), "{report}");
    assert!(report.contains("r.toml:5:9: `registry.models.a.score` cannot be 101"), "{report}");
    assert!(report.contains("x.toml:6:11: `registry.models.b.score` cannot be -1"), "{report}");
    let nowhere = Spanned { value: "none.toml".to_owned(), span: used.span };
    assert!(loaded.read_file::<RegistryFile>(&nowhere).is_none());
    assert_eq!(loaded.problems.len(), 1);
    assert!(loaded.path(&used).unwrap().ends_with("r.toml"));
}

#[test]
fn what_was_reported_is_known() {
    let text = "seeds = 3\n[time]\nzone = \"UTC\"\n[registry]\nuse = 3\n";
    let files = Files::new("dropped", &[("x.toml", text)]);
    let loaded = load(&files.path(), false, None).unwrap();
    assert!(loaded.scenario.seeds.is_none() && loaded.dropped.touches("seeds"));
    assert!(loaded.scenario.time.is_none() && loaded.dropped.touches("time.start"));
    assert!(loaded.dropped.touches("registry.use") && loaded.dropped.touches("registry"));
    assert!(!loaded.dropped.touches("registry.models") && !loaded.dropped.touches("reward"));
}

/// What is wrong with a sound scenario under this stack.
fn report_on_stack(test: &str, stack: &str) -> String {
    let text = format!(
        "format = 1\nquestion = \"?\"\n[time]\nstart = \"2026-03-02T00:00\"\nzone = \"UTC\"\nend.tasks = 5\n\
         [registry]\nuse = \"stage4\"\n[workload.poisson]\nrate_per_s = 1\n[[task_types]]\nname = \"t\"\nshare = 1\n\
         level = \"L1\"\ninput_tokens = 1\noutput_tokens = 1\n{stack}"
    );
    let files = Files::new(test, &[("x.toml", &text)]);
    let report =
        scenario::read(&files.path(), false).map_or_else(|e| e.to_string(), |_| String::new());
    report.replace(&format!("{}/", files.folder.display()), "")
}

#[test]
fn mistakes_in_what_a_stack_does_by_the_day_have_their_carets() {
    let stack = r#"[stack]
order = "random"
[stack.allocation]
rule = "beliefs"
times = []
[stack.reweighting.adapted]
every = "0s"
floor = 0
"#;
    let wanted = r#"error: x.toml:20:8: the order believes nothing by which models could be allocated
   20 | rule = "beliefs"
      |        ^^^^^^^^^ write an order that learns, or another rule, such as `rule = "stage4"`
error: x.toml:21:9: an allocation has no `times`
   21 | times = []
      |         ^^ write at least one, such as `times = ["08:00"]`, or `rule = "none"`
error: x.toml:22:8: `reweighting` has no weights to change in the reward `efficiency`
   22 | [stack.reweighting.adapted]
      |        ^^^^^^^^^^^ write `reward = "level_reward"`, or leave `reweighting` out
error: x.toml:23:9: `reweighting.adapted.every` is zero
   23 | every = "0s"
      |         ^^^^ write the time from one change to the next, such as "24h"
error: x.toml:24:9: `reweighting.adapted.floor` is zero
   24 | floor = 0
      |         ^ write a share above 0, such as 0.05
"#;
    assert_eq!(report_on_stack("daily", stack), wanted);
    let stack = r#"[stack]
order.learner.ucb1 = {}
learner_scope = "task_type"
reward = "level_reward"
allocation.rule = "beliefs"
[[stack.reweighting.scheduled.changes]]
after = "1d"
level = "L2"
speed = 0
efficiency = 0
cost = 0
[[variants]]
name = "a"
[[variants]]
name = "b"
stack.learner_scope = "level"
stack.allocation.rule.static = { L1 = "Groq", L3 = "Gemnii" }
"#;
    let wanted = r#"error: x.toml:21:19: a learner for each task type believes nothing of a level
   21 | allocation.rule = "beliefs"
      |                   ^^^^^^^^^ write `learner_scope = "level"`, or another rule, such as `rule = "stage4"`
error: x.toml:22:1: the weights of L2 are all 0
   22 | [[stack.reweighting.scheduled.changes]]
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ give one of them a weight above 0
error: x.toml:33:52: unknown model `Gemnii`
   33 | stack.allocation.rule.static = { L1 = "Groq", L3 = "Gemnii" }
      |                                                    ^^^^^^^^ did you mean `Gemini`?
"#;
    assert_eq!(report_on_stack("allocated", stack), wanted);
}

#[test]
fn a_wrapper_that_does_not_fit_the_learner_is_a_mistake() {
    let stack = r#"[stack]
order.learner.epsilon_greedy = {}
[[variants]]
name = "a"
stack.wrappers.pacing = { cost_per_decision = 0.001 }
[[variants]]
name = "b"
stack.order.learner.stage4_q = {}
stack.wrappers.memory.discount = 0.99
[[variants]]
name = "c"
stack.order.learner.lin_ucb = {}
stack.wrappers.warm_start.results = 3
"#;
    let wanted = r#"error: x.toml:21:25: `wrappers.pacing` needs a learner that plays the largest index, which `epsilon_greedy` is not
   21 | stack.wrappers.pacing = { cost_per_decision = 0.001 }
      |                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ leave `wrappers.pacing` out, or take another learner (`reflexarc list learners`)
error: x.toml:25:16: `wrappers.memory` needs a learner whose statistics are sums over results, which `stage4_q` is not
   25 | stack.wrappers.memory.discount = 0.99
      |                ^^^^^^ leave `wrappers.memory` out, or take another learner (`reflexarc list learners`)
error: x.toml:29:16: `wrappers.warm_start` needs a learner that reads no features, which `lin_ucb` is not
   29 | stack.wrappers.warm_start.results = 3
      |                ^^^^^^^^^^ leave `wrappers.warm_start` out, or take another learner (`reflexarc list learners`)
"#;
    assert_eq!(report_on_stack("wrappers", stack), wanted);
}

#[test]
fn values_that_a_day_cannot_have_are_refused() {
    let stack = r#"[stack]
order = "stage4"
allocation.times = ["8", "25:00", "08:00:30", 8, "07:30"]
allocation.budgets.morning = [1, 2, 3]
allocation.binding = "firm"
monitor = { low_success_rate = 1.2, keep = 0, slow_respons = "5s" }
reweighting = "weekly"
[[variants]]
name = "a"
stack.allocation.rule = "belief"
[[variants]]
name = "b"
stack.allocation.rule.static = { L5 = "Groq" }
[[variants]]
name = "c"
stack.reweighting.scheduled.changes = [{ after = "1d", level = "L1", speed = -1 }]
"#;
    let report = report_on_stack("values", stack);
    let wanted = [
        "x.toml:19:21: `stack.allocation.times` cannot be \"8\": it is no hour and minute of a day",
        "x.toml:19:26: `stack.allocation.times` cannot be \"25:00\": it is no hour and minute of a day",
        "x.toml:19:35: `stack.allocation.times` cannot be \"08:00:30\": it is no hour and minute of a day",
        "x.toml:19:47: `stack.allocation.times` cannot be 8",
        "x.toml:20:30: `stack.allocation.budgets.morning` cannot be an array: it has 3 figures",
        "x.toml:21:22: `stack.allocation.binding` cannot be \"firm\"",
        "x.toml:22:32: `stack.monitor.low_success_rate` cannot be 1.2",
        "x.toml:22:44: `stack.monitor.keep` cannot be 0",
        "x.toml:22:47: unknown key `slow_respons` in `stack.monitor`",
        "x.toml:23:15: unknown kind `weekly` of `stack.reweighting`",
        "x.toml:26:25: unknown kind `belief` of `stack.allocation.rule`",
        "x.toml:29:34: unknown key `L5` in `stack.allocation.rule.static`",
        "x.toml:32:7: `reweighting` has no weights to change in the reward `efficiency`",
        "x.toml:32:40: missing key `efficiency` in `stack.reweighting.scheduled.changes`",
        "x.toml:32:40: missing key `cost` in `stack.reweighting.scheduled.changes`",
        "x.toml:32:78: `stack.reweighting.scheduled.changes.speed` cannot be -1",
    ];
    assert_eq!(heads(&report), wanted, "{report}");
    // A list of which nothing is left is one problem.
    let report =
        report_on_stack("times", "[stack]\norder = \"stage4\"\nallocation.times = [\"25:00\"]\n");
    assert_eq!(heads(&report).len(), 1, "{report}");
}

/// A small generator, so that a failing text can be made again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("it is there")
    }
}

#[test]
fn no_change_to_a_scenario_makes_the_reader_panic_or_hang() {
    let values = [
        "-1",
        "nan",
        "\"x\"",
        "[]",
        "{}",
        "true",
        "10:00",
        "[[1], {a=1}]",
        "{ poisson = {}, a = 1 }",
        "\"30\"",
    ];
    let lines: Vec<&str> = GOOD.lines().collect();
    let files = Files::new("fuzz", &[]);
    let mut random = Random(7);
    let mut reported = 0;
    for _ in 0..200 {
        let mut text: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        for _ in 0..=random.below(4) {
            let at = random.below(text.len());
            match random.below(5) {
                0 => drop(text.remove(at)),
                1 => text[at] = text[random.below(lines.len())].clone(),
                2 => text[at] = text[at].replacen('e', "", 1),
                3 => text[at] = text[at].chars().rev().collect(),
                _ => {
                    let value = values[random.below(values.len())];
                    let key = text[at].split('=').next().unwrap_or_default().to_owned();
                    text[at] = format!("{key}= {value}");
                }
            }
        }
        fs::write(files.path(), text.join("\n")).unwrap();
        reported += heads(&files.report()).len();
    }
    assert!(reported > 200, "{reported}");
}
