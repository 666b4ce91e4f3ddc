//! The preset `litellm` against means of what the real LiteLLM Router did, driven in virtual time.
//!
//! `vectors/litellm_means.json` has means over 40 seeds; each figure must lie within 3.9 combined standard errors (two-sided
//! alpha 1e-4 per figure, 36 of them). A figure that never varies in the recording must not vary over as many seeds of ours.

#[path = "support/record.rs"]
mod record;
#[path = "support/scenario.rs"]
mod scenario;

use std::collections::BTreeMap;

use record::record;
use reflexarc::analysis::moments::Moments;
use scenario::cell_of;
use serde_json::Value;

/// Seeds of ours for each case.
const SEEDS: u64 = 400;

struct Case {
    name: &'static str,
    requests: u64,
    /// Groups of the stack.
    groups: &'static str,
    /// What differs from the preset.
    stack: &'static str,
    /// The deployment that fails, how, and when.
    fault: (&'static str, &'static str, u32, u32),
}

const CASES: [Case; 6] = [
    Case {
        name: "two_deployments_500_outage",
        requests: 90,
        groups: ONE_GROUP,
        stack: "",
        fault: ("a", "effect.outage = {}", 10, 60),
    },
    Case {
        name: "two_deployments_429_outage",
        requests: 90,
        groups: ONE_GROUP,
        stack: "",
        fault: ("a", "effect.reject = { outcome = \"rate_limited\" }", 10, 60),
    },
    Case {
        name: "single_500_with_fallback",
        requests: 60,
        groups: "[[stack.groups]]\nname = \"g\"\nmodels = [\"a\"]\nfallbacks = [\"h\"]\n\
                 [[stack.groups]]\nname = \"h\"\nmodels = [\"b\"]\nlevels = []\n",
        stack: "",
        fault: ("a", "effect.outage = {}", 10, 40),
    },
    Case {
        name: "allowed_fails_1",
        requests: 120,
        groups: ONE_GROUP,
        stack: "retry.max_retries = 0\n\
                outliers.litellm = { allowed_fails = 1, cooldown_time = \"30s\" }\n",
        fault: ("a", "effect.outage = {}", 10, 60),
    },
    Case {
        name: "no_retries_no_cooldown",
        requests: 60,
        groups: ONE_GROUP,
        stack: "retry.max_retries = 0\noutliers.litellm.disable_cooldowns = true\n",
        fault: ("a", "effect.outage = {}", 10, 40),
    },
    Case {
        name: "weighted_9_1",
        requests: 120,
        groups: ONE_GROUP,
        stack: "order.weighted.weights = { a = 9, b = 1 }\n",
        fault: ("b", "effect.outage = {}", 20, 80),
    },
];

const ONE_GROUP: &str = "[[stack.groups]]\nname = \"g\"\nmodels = [\"a\", \"b\"]\n";

fn text(case: &Case) -> String {
    let (model, effect, from, to) = case.fault;
    let declared = "provider = \"x\"\nscore = 50\nquality = 100\nsuccess = 1.0\nresponse_ms = 200\n\
                    usd_per_mtok_input = 1\nusd_per_mtok_output = 1\n";
    format!(
        "format = 1\nquestion = \"q\"\nseeds = \"1\"\n\
         [time]\nstart = \"2026-03-02T09:00:07\"\nzone = \"UTC\"\nend.tasks = {}\n\
         [registry.models.a]\n{declared}[registry.models.b]\n{declared}\
         [world]\nservice = \"constant\"\nerror_ms = 50\nrefusal_ms = 50\n\
         [workload.closed_loop]\nin_flight = 1\ninterval = \"1s\"\n\
         [[task_types]]\nname = \"t\"\nshare = 1\nlevel = \"L1\"\ninput_tokens = 10\noutput_tokens = 10\n\
         [[faults]]\nname = \"f\"\n{effect}\nmodels = [\"{model}\"]\nstart = \"+{from}s\"\nend = \"+{to}s\"\n\
         [stack]\npreset = \"litellm\"\n{}{}\
         [[variants]]\nname = \"litellm\"\n",
        case.requests, case.stack, case.groups,
    )
}

/// The figures of one run, named as in the recording.
fn figures(case: &Case, seed: u64, cell: &reflexarc::engine::Cell) -> BTreeMap<String, f64> {
    let (record, _) = record(cell, seed);
    let mut figures: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |key: String, n: f64| *figures.entry(key).or_default() += n;
    for task in &record.tasks {
        add("requests".to_owned(), 1.0);
        add("ok".to_owned(), f64::from(u8::from(task.served)));
    }
    for call in &record.attempts {
        add("calls".to_owned(), 1.0);
        let name = ["a", "b"][call.model.index()];
        let outcome = match call.response.outcome.name() {
            "success" => "ok",
            "api_error" => "500",
            "rate_limited" => "429",
            other => panic!("{}: a call ended in {other}, seed {seed}", case.name),
        };
        add(format!("{name}:{outcome}"), 1.0);
    }
    figures
}

#[test]
fn the_preset_does_what_the_router_did() {
    let means: Value =
        serde_json::from_str(include_str!("vectors/litellm_means.json")).expect("JSON");
    let mut missed = Vec::new();
    let mut n_figures = 0;
    for case in &CASES {
        let cell = cell_of(&text(case));
        let mut ours: BTreeMap<String, Moments> = BTreeMap::new();
        let all: Vec<_> = (1..=SEEDS).map(|seed| figures(case, seed, &cell)).collect();
        let recorded = means["cases"][case.name].as_object().expect("a case");
        for figure in recorded.keys() {
            let own = ours.entry(figure.clone()).or_default();
            all.iter().for_each(|run| own.push(run.get(figure).copied().unwrap_or(0.0)));
        }
        for run in &all {
            let unknown = run.keys().find(|key| !recorded.contains_key(*key));
            assert!(unknown.is_none(), "{}: {unknown:?} was never recorded", case.name);
        }
        for (figure, recorded) in recorded {
            n_figures += 1;
            let number = |key: &str| recorded[key].as_f64().expect("a number");
            let (mean, sd, n) = (number("mean"), number("sd"), number("n"));
            let own = &ours[figure];
            let se = (sd * sd / n + own.variance() / SEEDS as f64).sqrt();
            let off = own.mean() - mean;
            let what = format!(
                "{} {figure}: {:.3}, recorded {mean}, {:.2} standard errors off",
                case.name,
                own.mean(),
                if se > 0.0 { off / se } else { 0.0 }
            );
            let as_many = all.iter().take(n as usize);
            let varies = as_many.into_iter().any(|run| run.get(figure) != Some(&mean));
            if (sd == 0.0 && varies) || off.abs() > 3.9 * se {
                missed.push(what);
            }
        }
    }
    assert_eq!(n_figures, 36);
    assert!(missed.is_empty(), "seeds 1 to {SEEDS}:\n{}", missed.join("\n"));
}
