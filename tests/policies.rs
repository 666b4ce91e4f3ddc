//! What a stack does when its first choice is closed: scenarios in, task records out.

#[path = "support/scenario.rs"]
mod scenarios;

use reflexarc::domain::{FallbackReason, Outcome, TaskRecord};
use reflexarc::engine::{self, Observer};
use reflexarc::scenario;
use reflexarc::units::ModelId;

use scenarios::cell_of;

#[derive(Default)]
struct Tasks(Vec<TaskRecord>);

impl Observer for Tasks {
    fn task_ended(&mut self, record: &TaskRecord) {
        self.0.push(*record);
    }
}

/// Tasks of seed 1 of a scenario: a calm world with all ten models and one task type, and what `rest` adds.
fn tasks_of(hours: u32, steps: &str, rest: &str) -> Vec<TaskRecord> {
    let text = format!(
        "format = 1\nquestion = \"?\"\n[time]\nstart = \"2026-03-02T00:00\"\nzone = \"UTC\"\n\
         end.after = \"{hours}h\"\n[registry]\nuse = \"stage4\"\n[workload.fixed_interval]\ninterval = \"60s\"\n\
         [[task_types]]\nname = \"t\"\nshare = 1\nsteps = {steps}\ninput_tokens = 100\noutput_tokens = 100\n{rest}"
    );
    let cell = cell_of(&text);
    let mut tasks = Tasks::default();
    engine::run(&cell, 1, &mut tasks);
    tasks.0
}

fn served(tasks: &[TaskRecord]) -> f64 {
    tasks.iter().filter(|t| t.served).count() as f64 / tasks.len() as f64
}

const GROQ: ModelId = ModelId(0);

#[test]
fn one_model_always_falls_back_by_score_when_its_key_is_revoked() {
    let tasks = tasks_of(
        2,
        "[\"L1\"]",
        "[[faults]]\neffect = \"key_revoked\"\nmodels = [\"Groq\"]\nstart = \"+10min\"\nend = \"+60min\"\n\
         [stack]\norder.always = { model = \"Groq\" }\nfallback.ranked = { max_fallbacks = 3 }\n",
    );
    let revoked: Vec<_> = tasks[11..60].to_vec();
    for task in &revoked {
        assert_ne!(task.outcome, Outcome::Shed);
        assert_eq!(task.trigger, Some((GROQ, FallbackReason::ModelFailure)));
    }
    // Four models of at least .88 in a row: 2e-4 to fail; 49 tasks lose two with probability below 1e-4.
    assert!(revoked.iter().filter(|t| t.rescued).count() >= 48);
    // Groq-Extended has the largest declared score of the others.
    assert!(revoked.iter().filter(|t| t.served_by == Some(ModelId(9))).count() > 40);
}

#[test]
fn one_model_always_goes_to_the_last_resort_where_there_is_no_fallback() {
    let tasks = tasks_of(
        1,
        "[\"L1\"]",
        "[[faults]]\neffect = \"key_revoked\"\nmodels = [\"Groq\"]\nstart = \"+0s\"\n\
         [stack]\norder.always = { model = \"Groq\" }\nlast_resort = \"Mistral\"\n",
    );
    let later = &tasks[1..];
    assert!(later.iter().all(|t| t.first_model == Some(ModelId(5))), "Mistral is the last resort");
}

#[test]
fn a_learner_does_not_stick_to_a_model_that_only_refuses() {
    for learner in ["ucb1", "thompson_gaussian", "epsilon_greedy"] {
        let tasks = tasks_of(
            4,
            "[\"L1\"]",
            &format!(
                "[[faults]]\neffect.rate_limit_storm = {{ refused_share = 1.0, retry_after = \"10min\" }}\n\
                 models = [\"Groq\"]\nstart = \"+0s\"\n[stack]\norder.learner.{learner} = {{}}\n"
            ),
        );
        // At most one refusal in ten minutes, and the others fail less than one time in eight.
        assert!(served(&tasks) > 0.7, "{learner} served {}", served(&tasks));
    }
}

#[test]
fn a_quota_that_is_used_up_comes_back_with_its_reset() {
    let tasks = tasks_of(
        48,
        "[\"L1\"]",
        "[[faults]]\neffect.quota = { used_share = 1.0 }\nmodels = [\"Groq\"]\nstart = \"10:00\"\n\
         [stack]\norder.always = { model = \"Groq\" }\nquota.learn_from_refusals = false\n",
    );
    let by_groq =
        |from: usize, to: usize| tasks[from * 60..to * 60].iter().filter(|t| t.served).count();
    assert!(by_groq(0, 10) > 550, "before");
    assert_eq!(by_groq(10, 24), 0, "until midnight");
    assert!(by_groq(24, 34) > 550, "after the reset");
}

#[test]
fn a_retry_of_the_same_model_rescues_no_task_and_another_model_does() {
    let rest = |stack: &str| {
        format!(
            "[[faults]]\neffect.brown_out = {{ error_rate = 0.3 }}\neverything = true\nstart = \"+0s\"\n[stack]\n{stack}"
        )
    };
    let steps = "[\"L1\", \"L3\", \"L2\"]";
    let same =
        rest("order.static_order = { models = [\"Groq\", \"Gemini\"] }\nretry.max_retries = 3\n");
    let tasks = tasks_of(10, steps, &same);
    assert!(tasks.iter().filter(|t| t.trigger.is_some() && t.served).count() > 100);
    assert!(tasks.iter().all(|t| !t.rescued), "a retry of the same model is no other model");
    let other = rest("order = \"random\"\nfallback.ranked = { max_fallbacks = 5 }\n");
    for task in tasks_of(10, steps, &other).iter().filter(|t| t.served) {
        assert_eq!(task.rescued, task.trigger.is_some(), "task {}", task.task.0);
    }
}

#[test]
fn a_fault_that_starts_after_the_end_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.toml");
    let text = include_str!("../scenarios/token-exhaustion.toml").replace("\"24h\"", "\"9h\"");
    std::fs::write(&path, text).expect("written");
    let report = scenario::read(&path, false).expect_err("both faults start at 10:00").to_string();
    assert_eq!(report.matches("starts after the end of the run").count(), 2, "{report}");
}
