//! Settings that can never act: each rule warns where it is certain, and is silent where the setting may act.

use std::path::Path;

use reflexarc::scenario;
use reflexarc::scenario::lint::RULES;

/// What every scenario here starts with: two models for L1, of which the second serves L2 as well, and one without a key.
const BASE: &str = r#"
format = 1
question = "What can never act?"
seeds = "1..2"
time = { start = "2026-03-02T00:00", zone = "UTC", end.tasks = 20 }
workload.fixed_interval.interval = "10s"
[registry.models.a]
provider = "p"
levels = ["L1"]
score = 90
success = 0.9
quality = 90
response_ms = 500
usd_per_mtok_input = 1
usd_per_mtok_output = 1
[registry.models.b]
provider = "q"
levels = ["L1", "L2"]
score = 80
success = 0.9
quality = 80
response_ms = 500
usd_per_mtok_input = 1
usd_per_mtok_output = 1
[registry.models.c]
provider = "r"
levels = ["L1"]
score = 80
success = 0.9
quality = 80
response_ms = 500
usd_per_mtok_input = 1
usd_per_mtok_output = 1
key = "missing"
[[task_types]]
name = "task"
share = 1
level = "L1"
input_tokens = 100
output_tokens = 100
deadline = "20s"
"#;

/// The warnings of the base with these lines behind it, without the path of the file.
fn warnings(more: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.toml");
    std::fs::write(&path, format!("{BASE}{more}")).expect("written");
    let resolved = scenario::read(&path, false).unwrap_or_else(|report| panic!("{more}\n{report}"));
    resolved.warnings.to_string().replace(&format!("{}/", folder.path().display()), "")
}

/// By rule: a stack that it warns of with a part of the message, and one like it that it does not warn of.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "late_fallback",
        "order = 'random'\nfallback.ranked = {}\ncall_timeout = '8s'\nretry = { max_retries = 2, backoff.fixed.delay = '1s' }",
        "after 3 tries of 8s each and their waits, 26s in all",
        "order = 'random'\nfallback.ranked = {}\ncall_timeout = '5s'\nretry = { max_retries = 2, backoff.fixed.delay = '1s' }",
    ),
    (
        "late_fallback",
        "order = 'random'\nfallback.ranked = {}\ncall_timeout = '11s'\nretry.max_retries = 1",
        "22s in all",
        "order = 'random'\nfallback.ranked = {}\ncall_timeout = '11s'\nretry.max_retries = 1\non.timeout.retry = false",
    ),
    (
        "timeout_beyond_deadline",
        "order = 'random'\nfallback.ranked = {}\ncall_timeout = '21s'",
        "a call is given up after 21s",
        "order = 'random'\nfallback.ranked = {}\ncall_timeout = '20s'",
    ),
    (
        "max_wait_below_backoff",
        "order = 'random'\nretry = { max_retries = 2, max_wait = '1s', backoff.exponential = { first = '3s', jitter = 0.5 } }",
        "the first waits for at least 1s 500ms",
        "order = 'random'\nretry = { max_retries = 2, max_wait = '2s', backoff.exponential = { first = '3s', jitter = 0.5 } }",
    ),
    (
        "backoff_at_its_longest",
        "order = 'random'\nretry = { max_retries = 2, backoff.exponential = { first = '3s', max = '2s' } }",
        "its first value, 3s, is already its longest, 2s",
        "order = 'random'\nretry = { max_retries = 2, backoff.exponential = { first = '3s', max = '4s' } }",
    ),
    (
        "open_below_retry_after",
        "order = 'random'\non.rate_limited.hold = '0s'\nbreaker.stage4.open_for = '30s'",
        "lets calls through again after 30s, and the refusals say to wait for 45s",
        "order = 'random'\non.rate_limited.hold = '1s'\nbreaker.stage4.open_for = '30s'",
    ),
    (
        "volume_beyond_traffic",
        "order = 'random'\nbreaker.stage4.failures_to_open = 21",
        "it needs 21 calls to a model, and in the whole run no more than about 20 can come",
        "order = 'random'\nbreaker.stage4.failures_to_open = 21\nretry.max_retries = 1",
    ),
    (
        "order_sees_no_breaker",
        "order = 'random'\norder_sees_breaker = false",
        "there is no breaker",
        "order = 'random'\norder_sees_breaker = false\nbreaker = 'stage4'",
    ),
    (
        "class_cannot_occur",
        "order = 'random'\non.api_error.hold = '2s'\n[world]\napi_error_share = 0",
        "no call ever ends in `api_error`",
        "order = 'random'\non.api_error.hold = '2s'",
    ),
    (
        "class_cannot_occur",
        "order = 'random'\nfallback.chain = { models = ['a', 'b'], context_length = ['b'] }",
        "no call ever ends in `context_length`",
        "order = 'random'\nfallback.chain = { models = ['a', 'b'], rate_limited = ['b'] }",
    ),
    (
        "retry_of_none",
        "order = 'random'\nretry.backoff.fixed.delay = '2s'",
        "`retry.backoff` has no effect",
        "order = 'random'\nretry = { max_retries = 1, backoff.fixed.delay = '2s' }",
    ),
    (
        "retry_of_none",
        "order = 'random'\nretry_budget = 'finagle'",
        "`retry_budget` has no effect",
        "order = 'random'\nretry_budget = 'finagle'\nhedge = {}",
    ),
    (
        "retry_on_nothing",
        "order = 'random'\nretry.max_retries = 1\non = { rate_limited.retry = false, api_error.retry = false, timeout.retry = false }",
        "no class of failure that may occur",
        "order = 'random'\nretry.max_retries = 1\non = { rate_limited.retry = false, api_error.retry = false }",
    ),
    (
        "retry_after_ignored",
        "order = 'random'\nretry = { max_retries = 1, retry_after = 'ignored', longest_retry_after = '60s' }",
        "no Retry-After is too long",
        "order = 'random'\nretry = { max_retries = 1, retry_after = 'exactly', longest_retry_after = '60s' }",
    ),
    (
        "first_token_beyond_timeout",
        "order = 'random'\nfirst_token_timeout = '30s'",
        "the whole call is given up after 30s already",
        "order = 'random'\nfirst_token_timeout = '10s'",
    ),
    (
        "deadline_beyond_tasks",
        "order = 'random'\ndeadline.after = '25s'",
        "so 25s never comes",
        "order = 'random'\ndeadline.after = '15s'",
    ),
    (
        "hedge_beyond_timeout",
        "order = 'random'\ncall_timeout = '5s'\nhedge.after.delay = '5s'",
        "5s comes no earlier than `call_timeout`, 5s",
        "order = 'random'\ncall_timeout = '5s'\nhedge.after.delay = '4s'",
    ),
    (
        "breaker_may_stick",
        "order = 'random'\nhedge = {}\nbreaker = 'resilience4j'\nretry.max_retries = 5",
        "resilience4j #903",
        "order = 'random'\nbreaker = 'resilience4j'\nretry.max_retries = 5",
    ),
    (
        "volume_beyond_traffic",
        "order = 'random'\nbreaker = 'polly'",
        "it needs 100 calls to a model",
        "order = 'random'\nbreaker.polly = { minimum_throughput = 2, sampling_duration = '1min' }",
    ),
    (
        "failure_ignored",
        "order = 'random'\nbreaker.reflexarc.failures = ['api_error', 'rate_limited']",
        "`rate_limited` stands among the outcomes that the breaker ignores",
        "order = 'random'\nbreaker.reflexarc = { failures = ['api_error', 'rate_limited'], ignored = ['auth'] }",
    ),
    (
        "outliers_idle",
        "order = 'random'\noutliers.litellm = { disable_cooldowns = true }",
        "its cooldowns are switched off",
        "order = 'random'\noutliers.litellm = {}",
    ),
    (
        "ignored_allowed_fails",
        "order = 'random'\noutliers.litellm.allowed_fails = 3",
        "goes by its other rules",
        "order = 'random'\noutliers.litellm.allowed_fails = 4",
    ),
    (
        "volume_beyond_traffic",
        "order = 'random'\nbreaker.polly = { minimum_throughput = 5, sampling_duration = '30s' }",
        "in 30s no more than about 4 can come",
        "order = 'random'\nbreaker.polly = { minimum_throughput = 4, sampling_duration = '30s' }",
    ),
    (
        "fallback_of_none",
        "order = 'random'\nfallback.ranked.max_fallbacks = 0",
        "no step ever falls back",
        "order = 'random'\nfallback.ranked.max_fallbacks = 1",
    ),
    (
        "group_unreachable",
        "order = 'random'\nfallback = 'groups'\ngroups = [{ name = 'one', models = ['a'] }, { name = 'two', models = ['b'] }]",
        "no step comes to the group `two`",
        "order = 'random'\nfallback = 'groups'\ngroups = [{ name = 'one', models = ['a'], fallbacks = ['two'] }, { name = 'two', models = ['b'] }]",
    ),
    (
        "group_off_level",
        "order = 'random'\ngroups = [{ name = 'one', models = ['a', 'c'] }]",
        "`c` serves no level of any task",
        "order = 'random'\ngroups = [{ name = 'one', models = ['a', 'b'] }]",
    ),
    (
        "group_fallbacks_unread",
        "order = 'random'\ngroups = [{ name = 'one', models = ['a', 'b'], fallbacks = ['one'] }]",
        "no step goes from group to group",
        "order = 'random'\ngroups = [{ name = 'one', models = ['a', 'b'] }]",
    ),
    (
        "group_circle",
        "order = 'random'\nfallback = 'groups'\ngroups = [{ name = 'one', models = ['a'], fallbacks = ['two'] }, { name = 'two', models = ['b'], fallbacks = ['one'] }]",
        "`one` to `two` to `one`",
        "order = 'random'\nfallback = 'groups'\ngroups = [{ name = 'one', models = ['a'], fallbacks = ['two'] }, { name = 'two', models = ['b'] }]",
    ),
    (
        "replicas_of_one",
        "order = 'random'\nreplicas.sync_every = '10s'",
        "the stack runs in one instance",
        "order = 'random'\nreplicas = { n = 2, sync_every = '10s' }",
    ),
    (
        "repeated_target",
        "order.static_order.models = ['a', 'b', 'a']",
        "`a` stands here a second time",
        "order.static_order.models = ['a', 'b']",
    ),
    (
        "target_off_level",
        "order = 'random'\nfallback.stage4 = { L1 = ['a', 'b', 'c'], L2 = ['b'] }",
        "`c` has no key",
        "order = 'random'\nfallback.stage4 = { L1 = ['a', 'b'], L2 = ['b'] }",
    ),
    (
        "target_off_level",
        "order.level_table = { L1 = ['a', 'b'], L2 = ['a'] }",
        "`a` does not serve L2",
        "order.level_table = { L1 = ['a', 'b'], L2 = ['b'] }",
    ),
    (
        "order_off_level",
        "order.static_order.models = ['a', 'c']",
        "`c` serves no level of any task",
        "order.static_order.models = ['a', 'b']",
    ),
    (
        "last_resort_off_level",
        "order = 'random'\nlast_resort = 'c'",
        "`c` serves no level of any task",
        "order = 'random'\nlast_resort = 'b'",
    ),
    (
        "nowhere_to_fall",
        "order = 'random'\nfallback.ranked = {}\n[[task_types]]\nname = 'other'",
        "no level of any task has a second model",
        "order = 'random'\nfallback.ranked = {}",
    ),
    (
        "no_learner",
        "order = 'random'\nrefusal_reward = 0.0",
        "`refusal_reward` has no effect",
        "order.learner = 'ucb1'\nrefusal_reward = 0.0",
    ),
];

/// What a case needs of the world besides the base.
fn world(rule: &str) -> &'static str {
    match rule {
        "open_below_retry_after" | "class_cannot_occur" | "retry_on_nothing" => {
            "[[faults]]\neffect.rate_limit_storm = { refused_share = 1.0, retry_after = '45s' }\neverything = true\nstart = '+10s'\n"
        }
        _ => "",
    }
}

fn told(rule: &str, stack: &str) -> String {
    // A second level that one model alone serves takes the place of the base's task.
    if let Some(stack) = stack.strip_suffix("\n[[task_types]]\nname = 'other'") {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.toml");
        let text = BASE.replace("level = \"L1\"", "level = \"L2\"");
        std::fs::write(&path, format!("{text}[stack]\n{stack}\n")).expect("written");
        let resolved = scenario::read(&path, false).unwrap_or_else(|report| panic!("{report}"));
        return resolved.warnings.to_string();
    }
    warnings(&format!("{}[stack]\n{stack}\n", world(rule)))
}

#[test]
fn every_rule_warns_where_a_setting_cannot_act_and_is_silent_where_it_may() {
    for (rule, fails, message, silent) in CASES {
        let told_of = told(rule, fails);
        assert!(told_of.contains(message), "{rule}: {fails}\n{told_of}");
        assert!(told_of.starts_with("warning: "), "{told_of}");
        assert_eq!(told(rule, silent), "", "{rule}: {silent}");
    }
    for rule in RULES {
        assert!(CASES.iter().any(|(name, ..)| *name == rule.name), "no case for {}", rule.name);
    }
    for (name, ..) in CASES {
        assert!(RULES.iter().any(|rule| rule.name == *name), "no rule {name}");
    }
}

#[test]
fn a_warning_has_a_place_a_reason_and_a_cure() {
    let text = warnings("[stack]\norder = \"random\"\nretry.backoff.fixed.delay = \"2s\"\n");
    let place = BASE.lines().count() + 3;
    let expected = format!(
        "warning: x.toml:{place}:7: `retry.backoff` has no effect, as no call is retried\n"
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(
        text.ends_with("^ write `retry.max_retries` of at least 1, or leave it out\n"),
        "{text}"
    );
}

#[test]
fn what_variants_share_is_idle_only_if_it_is_so_in_all_of_them() {
    let base = "[stack]\norder = 'random'\nretry.backoff.fixed.delay = '2s'\n";
    let one = "[[variants]]\nname = 'one'\n";
    let two = "[[variants]]\nname = 'two'\n";
    let retries = "stack.retry.max_retries = 1\n";
    assert_eq!(warnings(&format!("{base}{one}{two}")).matches("warning").count(), 1);
    assert_eq!(warnings(&format!("{base}{one}{two}{retries}")), "");
    // What a variant writes of its own concerns no other.
    let own = "stack.retry.max_wait = '9s'\n";
    let text = warnings(&format!("{base}{one}{own}{two}{retries}"));
    assert_eq!(text.matches("warning").count(), 1, "{text}");
    assert!(text.contains("`retry.max_wait` has no effect"), "{text}");
}

#[test]
fn a_preset_is_not_warned_of() {
    // The plan's chains name models that these two are not.
    let stack = "[stack]\npreset = 'stage4'\nlast_resort = 'a'\nfallback.stage4 = { L1 = ['a'], L2 = [], L3 = [], L4 = [] }\n";
    assert_eq!(warnings(stack), "");
}

/// Warnings of shipped scenarios that are their point.
const MEANT: &[(&str, &str)] = &[
    ("fallback-too-late", "the fallback comes after 3 tries of 15s each"),
    ("gateways-bad-day", "the fallback comes after 3 tries of 30s each"),
    ("breaker-that-never-counts", "it needs 100 calls to a model"),
];

#[test]
fn shipped_scenarios_have_no_warnings_but_those_that_are_their_point() {
    let mut wrong = String::new();
    let folders = ["scenarios", "scenarios/pains"];
    let entries = folders.map(|folder| std::fs::read_dir(folder).expect("the scenarios"));
    for entry in entries.into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "toml") {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let resolved = scenario::read(&path, false).unwrap_or_else(|report| panic!("{report}"));
        let text = resolved.warnings.to_string();
        let found = text.lines().filter(|line| line.starts_with("warning"));
        for line in found {
            if !MEANT.iter().any(|(of, what)| *of == name && line.contains(what)) {
                wrong.push_str(line);
                wrong.push('\n');
            }
        }
    }
    assert_eq!(wrong, "");
    let exists =
        |of: &str| folders.iter().any(|f| Path::new(f).join(format!("{of}.toml")).exists());
    assert!(MEANT.iter().all(|(of, _)| exists(of)));
}
