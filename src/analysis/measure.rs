//! The measures: one name, unit and meaning each, the same in Parquet, reports and expectations.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which way a measure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Higher is better.
    Higher,
    /// Lower is better.
    Lower,
    /// It tells no better stack from a worse one.
    Neither,
}

impl Better {
    /// The name in lists.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Neither => "neither",
        }
    }
}

/// One measure of a run (measures.md of the documentation says when each may be believed). In files it is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Name.
    pub name: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// A share of something: lies in 0..1.
    pub is_proportion: bool,
    /// An exact count of each run, no estimate: what is expected of it is expected of every seed.
    pub is_exact: bool,
    /// Which way it is better.
    pub better: Better,
    /// What it is.
    pub doc: &'static str,
}

const fn share(name: &'static str, doc: &'static str) -> Measure {
    Measure {
        name,
        unit: "share",
        is_proportion: true,
        is_exact: false,
        better: Better::Neither,
        doc,
    }
}

const fn figure(name: &'static str, unit: &'static str, doc: &'static str) -> Measure {
    Measure { name, unit, is_proportion: false, is_exact: false, better: Better::Neither, doc }
}

impl Measure {
    const fn higher(self) -> Self {
        Self { better: Better::Higher, ..self }
    }

    const fn lower(self) -> Self {
        Self { better: Better::Lower, ..self }
    }

    const fn exact(self) -> Self {
        Self { is_exact: true, ..self }
    }

    /// Whether it is there only where decision regret is recorded.
    #[must_use]
    pub fn needs_regret(&self) -> bool {
        [BEST_MODEL_SHARE, DECISION_REGRET, CUMULATIVE_REGRET, SAMPLE_EFFICIENCY, ADAPTATION_TIME]
            .contains(self)
    }

    /// The values that it can have, where they have both ends.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        self.is_proportion.then_some((0.0, 1.0))
    }

    /// The differences that two of its values can have, where they have both ends.
    #[must_use]
    pub fn range_of_differences(&self) -> Option<(f64, f64)> {
        self.range().map(|(least, most)| (least - most, most - least))
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.name.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown = || D::Error::custom(format_args!("there is no measure `{name}`"));
        named(&name).ok_or_else(unknown)
    }
}

/// Tasks that arrived.
pub const TASKS: Measure =
    figure("tasks", "tasks", "Tasks that arrived and were not cut off by the end of the run.")
        .exact();
/// Tasks cut by the end.
pub const INTERRUPTED: Measure = figure(
    "interrupted",
    "tasks",
    "Tasks cut off by the end of the run; left out of every other measure, but for the calls and fallbacks they had.",
).exact();
/// Headline efficiency.
pub const EFFICIENCY: Measure = figure(
    "efficiency",
    "points",
    "Mean efficiency of a task, 0-100: the plan's formula for what was served, 0 for the rest.",
)
.higher();
/// The plan's efficiency.
pub const STAGE4_EFFICIENCY: Measure = figure(
    "stage4_efficiency",
    "points",
    "Mean efficiency of a task as the plan's work tracker keeps it, 0-100: its formula for unserved work as well (each step to one decimal), so that failing fast scores up to 60. Beside the headline `efficiency`, never instead of it.",
)
.higher();
/// Mean reward per task.
pub const REWARD: Measure = figure(
    "reward",
    "reward",
    "Mean reward of an arrived task, in the scenario's reward (the J of a policy gap).",
)
.higher();
/// Allocated.
pub const ALLOCATED: Measure = share(
    "allocated",
    "Tasks that got a model without help from outside (at least one call was made), of all that arrived; an exact count.",
)
.higher()
.exact();
/// Tracked.
pub const TRACKED: Measure = share(
    "tracked",
    "Tasks with a start, a step and an end record in the work tracker, of all that arrived, whatever happened to them; an exact count.",
)
.higher()
.exact();
/// Availability by request.
pub const AVAILABILITY: Measure = share(
    "availability",
    "Tasks answered within their own deadline from arrival, of all that arrived.",
)
.higher();
/// Availability by minute.
pub const AVAILABILITY_BY_MINUTE: Measure = share(
    "availability_by_minute",
    "Minutes in which at least 95 % of arrivals were so answered, of all minutes with an arrival.",
)
.higher();
/// Served.
pub const SERVED: Measure =
    share("served", "Tasks answered at all, in time or not, of all that arrived.").higher();
/// Shed.
pub const SHED: Measure =
    share("shed", "Tasks for which no model was left to call, of all that arrived.").lower();
/// Goodput.
pub const GOODPUT: Measure = figure(
    "goodput",
    "tasks/s",
    "Tasks answered within their own deadline from arrival, per second of the window in which they arrive.",
)
.higher();
/// Late.
pub const DEADLINE_MISSES: Measure = share(
    "deadline_misses",
    "Tasks that were answered, but only after their deadline from arrival, of all that arrived: with `availability` and the share of tasks not answered at all they are the whole.",
)
.lower();
/// Triggered.
pub const TRIGGERED: Measure = share(
    "triggered",
    "Tasks whose chosen model was skipped by the router's belief (quota, breaker, held back) or whose call was not served, of all that arrived. A learner's frozen estimates may keep choosing a closed model, so rates over triggered tasks compare stacks only beside this share.",
);
/// Fallback success.
pub const FALLBACK_SERVED_RATE: Measure = share(
    "fallback_served_rate",
    "Triggered tasks answered in time by a model other than the triggering one, of all triggered tasks.",
).higher();
/// Fallback success by the reason of the trigger, in the order of [`crate::domain::FallbackReason::ALL`].
pub const FALLBACK_SERVED_RATE_BY_REASON: [Measure; 4] = [
    share(
        "fallback_served_rate_token_exhausted",
        "As fallback_served_rate, over tasks triggered because a quota is, or is believed to be, used up.",
    ).higher(),
    share(
        "fallback_served_rate_model_failure",
        "As fallback_served_rate, over tasks triggered by an error, a wrong answer, a dead key or an open breaker.",
    ).higher(),
    share(
        "fallback_served_rate_timeout",
        "As fallback_served_rate, over tasks triggered by a call without an answer in time.",
    ).higher(),
    share(
        "fallback_served_rate_rate_limit",
        "As fallback_served_rate, over tasks triggered by a 429 of a limit per minute.",
    ).higher(),
];
/// The plan's own fallback success.
pub const FALLBACK_SELECTION_RATE: Measure = share(
    "fallback_selection_rate",
    "Fallbacks for which the plan found a target, of all fallbacks (the plan's own measure).",
)
.higher();
/// Median time to the next call.
pub const RECOVERY_P50: Measure = figure(
    "recovery_p50",
    "ms",
    "Median time from the end of a call that was not served to the dispatch of the task's next call, within 0.4 %.",
)
.lower();
/// Far tail of the time to the next call.
pub const RECOVERY_P99: Measure =
    figure("recovery_p99", "ms", "99th percentile of that time, within 0.4 %.").lower();
/// Best-model share.
pub const BEST_MODEL_SHARE: Measure = share(
    "best_model_share",
    "Decisions that took a model of the highest expected reward among those the providers would admit.",
).higher();
/// Regret.
pub const DECISION_REGRET: Measure = figure(
    "decision_regret",
    "reward",
    "Expected reward lost by choices against the best admitted model, summed over a task's calls, per task. It is charged by call: a stack that gives up after a failed call makes no further choice and so shows less regret, not more.",
).lower();
/// Attempts.
pub const ATTEMPTS: Measure = figure("attempts_per_task", "calls", "Calls made per task.");
/// Tokens.
pub const TOKENS: Measure =
    figure("tokens_per_task", "tokens", "Billed tokens per task, unserved calls included.").lower();
/// Cost.
pub const COST: Measure =
    figure("cost_per_task", "USD", "Billed cost per task, unserved calls included.").lower();
/// Wasted cost.
pub const WASTED_COST: Measure = figure(
    "wasted_cost_per_task",
    "USD",
    "Billed cost per task of calls whose answer was not the one used: failed, timed out, cancelled, not trusted by a cascade; part of `cost_per_task`.",
)
.lower();
/// Wasted cost as a share.
pub const WASTED_COST_SHARE: Measure =
    share("wasted_cost_share", "Billed cost of those calls, of the billed cost of all calls.")
        .lower();
/// Wasted tokens.
pub const WASTED_TOKENS: Measure = figure(
    "wasted_tokens_per_task",
    "tokens",
    "Billed tokens per task of calls whose answer was not the one used (as `wasted_cost_per_task`); part of `tokens_per_task`.",
)
.lower();
/// Wasted tokens as a share.
pub const WASTED_TOKENS_SHARE: Measure = share(
    "wasted_tokens_share",
    "Billed tokens of those calls, of the billed tokens of all calls.",
)
.lower();
/// Tokens per minute.
pub const TOKENS_PER_MINUTE: Measure = figure(
    "tokens_per_minute",
    "tokens/min",
    "Mean over tasks of billed tokens per minute from arrival to end.",
);
/// Tokens over the estimate.
pub const TOKENS_PER_ESTIMATE: Measure = figure(
    "tokens_per_estimate",
    "ratio",
    "Mean over tasks of billed tokens over the task's estimate (the mean of its type).",
);
/// Minutes without arrivals.
pub const EMPTY_MINUTES: Measure = figure(
    "empty_minutes",
    "minutes",
    "Minutes without an arrival, left out of availability_by_minute.",
);
/// Median latency.
pub const LATENCY_P50: Measure = figure(
    "latency_p50",
    "ms",
    "Median time from arrival to the task's end, served or not, within 0.4 %.",
)
.lower();
/// Tail latency.
pub const LATENCY_P95: Measure = figure(
    "latency_p95",
    "ms",
    "95th percentile of the time from arrival to the task's end, served or not, within 0.4 %.",
)
.lower();
/// Far tail latency.
pub const LATENCY_P99: Measure = figure(
    "latency_p99",
    "ms",
    "99th percentile of the time from arrival to the task's end, served or not, within 0.4 %.",
)
.lower();

/// Latency of what was answered, at three quantiles.
pub const SERVED_LATENCY: [Measure; 3] = [
    figure(
        "served_latency_p50",
        "ms",
        "Median time from arrival to the end of a task that was answered, in time or not, within 0.4 %. A stack that answers only what is easy looks fast: read it beside `availability`.",
    )
    .lower(),
    figure(
        "served_latency_p95",
        "ms",
        "95th percentile of the time from arrival to the end of a task that was answered, within 0.4 %.",
    )
    .lower(),
    figure(
        "served_latency_p99",
        "ms",
        "99th percentile of the time from arrival to the end of a task that was answered, within 0.4 %.",
    )
    .lower(),
];

/// Time to detection.
pub const TIME_TO_DETECT: Measure = figure(
    "time_to_detect",
    "s",
    "Time from the first call that is sent to a model while a fault stops it (outage, brown-out, storm of 429s, revoked key, quota used up) to the first instant within the fault at which the stack leaves the model alone: its breaker opens, or a step passes over it, its first choice, by belief (open breaker, ledger, held back); 0 where that was before the call. Mean over pairs of fault and model that had such a call: before it there is nothing to notice, so that a fallback is not charged with the time for which nobody needed it. A pair that is never left alone counts to the end of the fault, or of arrivals if that is earlier, so read `detected_share` beside it. A learner that only chooses a model less often never leaves it alone, and of a model that is only a fallback nothing but its breaker tells. In a task of several steps the passing over is taken to be at its last step.",
)
.lower();
/// Detected.
pub const DETECTED_SHARE: Measure = share(
    "detected_share",
    "Of the pairs of `time_to_detect`, those whose model is left alone before the fault ends.",
)
.higher();
/// Time to recovery.
pub const TIME_TO_RECOVER: Measure = figure(
    "time_to_recover",
    "s",
    "Time from the end of a fault that stops a model to the end of the first served call that is sent to the model after it, the call's own time included. Mean over the pairs of `time_to_detect` whose fault ends before arrivals do, no other one stopping the model then, and whose model was the first choice of a task that arrived before the fault began, warm-up included: a mere fallback is not called again before it is needed. A pair without such a call counts to the end of arrivals (a lower bound), so read `recovered_share` beside it.",
)
.lower();
/// Recovered.
pub const RECOVERED_SHARE: Measure = share(
    "recovered_share",
    "Of the pairs of `time_to_recover` (models that were a first choice before the fault), those whose model answers a call again before the run ends.",
)
.higher();
/// Open without reason.
pub const FALSE_OPEN_TIME: Measure = share(
    "false_open_time",
    "Time for which a breaker of a model is open (of any instance of the stack) that opened while no fault hit the model, of all time in which no fault hits a model, all models together. Half-open is not open; a breaker that half-opens only when asked counts as open until it is asked. What an opening within a fault lasts beyond the fault is not in it (see `time_to_recover`). Changes of price are no faults here.",
)
.lower();
/// Load on the others.
pub const SURVIVOR_LOAD: Measure = figure(
    "survivor_load",
    "ratio",
    "Calls per second to models that no fault hits while another model is hit, over what the same models get while no model is hit: above 1 the fault's load has moved to them. Rates are over the whole run, so that a fault at a busy hour shows that hour as well; none where those models get no calls otherwise.",
)
.lower();
/// Cascade.
pub const FELL_AFTER_FIRST: Measure = figure(
    "fell_after_first",
    "models",
    "Models that no fault hits whose breaker opens, or that answer 429 (limit per minute or daily quota), while another model is hit: mean over spans of time with a fault, those that touch being one.",
)
.lower();
/// Overshoot of quotas.
pub const QUOTA_OVERSHOOT: Measure = figure(
    "quota_overshoot",
    "share",
    "Largest excess of tokens used over the daily limit of an account, as a share of the limit, as the provider counts it, at the last instants of the points of the curves; while a fault cuts the limit it is not taken. There is none where nothing is limited.",
)
.lower();
/// Overshoot of the stack's own limits.
pub const LIMIT_OVERSHOOT: Measure = figure(
    "limit_overshoot",
    "share",
    "Largest excess in a minute of the clock of the requests or tokens that the stack let pass to a model over its own limit per minute (`stack.limits`), as a share of the limit: tokens of calls in flight, which count here in the minute in which they come, whatever `quota.charged` says, and calls of instances that do not know of each other. 0 where none is passed; there is none where the stack has no limits of its own.",
)
.lower();

/// Rolled back.
pub const ROLLED_BACK: Measure = share(
    "rolled_back",
    "Of a run whose candidate was deployed: 1 if it was rolled back, 0 if not; over seeds, the share of runs.",
);
/// Time to the rollback.
pub const ROLLBACK_TIME: Measure = figure(
    "rollback_time",
    "h",
    "Hours from the candidate's deployment to its rollback; runs without a rollback have none.",
);
/// Verdicts for a side of an A/B test, a and b.
pub const VERDICT: [Measure; 2] = [
    share(
        "verdict_a",
        "Of a run with an A/B test: 1 if its verdict names side a, 0 if side b or undecided; over seeds, the share of runs.",
    ),
    share("verdict_b", "As verdict_a, for side b."),
];

/// Quality.
pub const QUALITY: Measure = figure(
    "quality",
    "points",
    "Mean quality of a task's answers, 0-100; 0 for tasks that were not served.",
)
.higher();
/// Regret of a run.
pub const CUMULATIVE_REGRET: Measure = figure(
    "cumulative_regret",
    "reward",
    "Decision regret summed over the run. In bandit mode this is the pseudo-regret: expected reward of the best arm that was awake in each round less that of the arm played (with a budget, against the best mixture that the budget allows).",
)
.lower();
/// Convergence.
pub const CONVERGED_AFTER: Measure = figure(
    "converged_after",
    "tasks",
    "Tasks until the rolling mean reward (over a twentieth of the run) stays within 5 % of the mean of the last tenth of the run; none if it does not.",
)
.lower();
/// Sample efficiency.
pub const SAMPLE_EFFICIENCY: Measure = figure(
    "sample_efficiency",
    "tasks",
    "Tasks until the rolling reward (over a twentieth of the run) first reaches 95 % of what the best decisions would have brought in expectation; none if it does not.",
)
.lower();
/// Adaptation time.
pub const ADAPTATION_TIME: Measure = figure(
    "adaptation_time",
    "tasks",
    "Tasks from a change (a fault begins or ends, means jump, arms come or go) until the reward since then is 90 % of what the best decisions would have brought, on average over changes; a change that is not adapted to before the next counts in full.",
)
.lower();
/// Area under the learning curve.
pub const LEARNING_CURVE_AREA: Measure = figure(
    "learning_curve_area",
    "reward",
    "Mean over the run of the mean reward so far: reward that comes early counts more often.",
)
.higher();
/// Exploration.
pub const EXPLORATION_SHARE: Measure = share(
    "exploration_share",
    "Choices of a learner that did not take the model that it believed best among those it could choose, of all its choices.",
);
/// Mean reward of the thirds of a run.
pub const REWARD_BY_PHASE: [Measure; 3] = [
    figure("reward_early", "reward", "Mean reward of the tasks in the first third of the run.")
        .higher(),
    figure("reward_middle", "reward", "Mean reward of the tasks in the second third of the run.")
        .higher(),
    figure("reward_late", "reward", "Mean reward of the tasks in the last third of the run.")
        .higher(),
];

/// The measures of resilience: one value of each for a run, all levels together.
pub const OF_RESILIENCE: [Measure; 9] = [
    TIME_TO_DETECT,
    DETECTED_SHARE,
    TIME_TO_RECOVER,
    RECOVERED_SHARE,
    FALSE_OPEN_TIME,
    SURVIVOR_LOAD,
    FELL_AFTER_FIRST,
    QUOTA_OVERSHOOT,
    LIMIT_OVERSHOOT,
];

/// The measures of bandit mode, where there are no providers, levels or deadlines.
pub const OF_BANDITS: [Measure; 14] = [
    TASKS,
    REWARD,
    COST,
    BEST_MODEL_SHARE,
    DECISION_REGRET,
    CUMULATIVE_REGRET,
    CONVERGED_AFTER,
    SAMPLE_EFFICIENCY,
    ADAPTATION_TIME,
    LEARNING_CURVE_AREA,
    EXPLORATION_SHARE,
    REWARD_BY_PHASE[0],
    REWARD_BY_PHASE[1],
    REWARD_BY_PHASE[2],
];

/// All measures, in the order of reports.
pub const MEASURES: [Measure; 63] = [
    TASKS,
    INTERRUPTED,
    EFFICIENCY,
    STAGE4_EFFICIENCY,
    QUALITY,
    REWARD,
    ALLOCATED,
    TRACKED,
    AVAILABILITY,
    AVAILABILITY_BY_MINUTE,
    EMPTY_MINUTES,
    SERVED,
    SHED,
    DEADLINE_MISSES,
    GOODPUT,
    TRIGGERED,
    FALLBACK_SERVED_RATE,
    FALLBACK_SERVED_RATE_BY_REASON[0],
    FALLBACK_SERVED_RATE_BY_REASON[1],
    FALLBACK_SERVED_RATE_BY_REASON[2],
    FALLBACK_SERVED_RATE_BY_REASON[3],
    FALLBACK_SELECTION_RATE,
    RECOVERY_P50,
    RECOVERY_P99,
    BEST_MODEL_SHARE,
    DECISION_REGRET,
    CUMULATIVE_REGRET,
    CONVERGED_AFTER,
    SAMPLE_EFFICIENCY,
    ADAPTATION_TIME,
    LEARNING_CURVE_AREA,
    EXPLORATION_SHARE,
    REWARD_BY_PHASE[0],
    REWARD_BY_PHASE[1],
    REWARD_BY_PHASE[2],
    ATTEMPTS,
    TOKENS,
    COST,
    WASTED_COST,
    WASTED_COST_SHARE,
    WASTED_TOKENS,
    WASTED_TOKENS_SHARE,
    TOKENS_PER_MINUTE,
    TOKENS_PER_ESTIMATE,
    LATENCY_P50,
    LATENCY_P95,
    LATENCY_P99,
    SERVED_LATENCY[0],
    SERVED_LATENCY[1],
    SERVED_LATENCY[2],
    TIME_TO_DETECT,
    DETECTED_SHARE,
    TIME_TO_RECOVER,
    RECOVERED_SHARE,
    FALSE_OPEN_TIME,
    SURVIVOR_LOAD,
    FELL_AFTER_FIRST,
    QUOTA_OVERSHOOT,
    LIMIT_OVERSHOOT,
    ROLLED_BACK,
    ROLLBACK_TIME,
    VERDICT[0],
    VERDICT[1],
];

/// The measure of that name.
#[must_use]
pub fn named(name: &str) -> Option<Measure> {
    MEASURES.into_iter().find(|m| m.name == name)
}
