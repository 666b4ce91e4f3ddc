//! The tables: one list of columns, with units in their names. A change here is a new [`super::SCHEMA_VERSION`].

use crate::analysis::work::WorkPhase;
use crate::domain::{
    AnomalyKind, BreakerState, ChosenBy, FallbackReason, Outcome, PerformanceClass, PolicyDecision,
    PolicyReason, Priority, Role, Slot,
};
use crate::results::column::{Table, TableDoc, table};
use crate::units::Level;

table! {
    /// One row per task: both ends of its work and all that came of it.
    Tasks of TaskRow, "tasks" of every run {
        /// Number of the task within its run, from 0 in order of arrival.
        task: u64,
        /// Task type.
        task_type: &'n str,
        /// Level of its first step, L1 to L4.
        level: Level,
        /// Priority: low, normal, high or critical.
        priority: Priority,
        /// Arrival, and start of the work, in seconds since the scenario's start.
        arrived_s: f64,
        /// End of the work in seconds since the scenario's start.
        ended_s: f64,
        /// From arrival to end.
        duration_ms: f64,
        /// Last phase of the work: completed or failed.
        phase: WorkPhase,
        /// How its last step ended.
        outcome: Outcome,
        /// Every step was answered.
        served: bool,
        /// Answered within its deadline from arrival; as `served` where it has none.
        in_time: bool,
        /// Arrived in the warm-up: left out of curves and measures.
        in_warm_up: bool,
        /// Mean quality of its steps, 0-100; nominal where there is no answer.
        quality: f64,
        /// Billed prompt tokens of all its calls.
        input_tokens: u64,
        /// Billed answer tokens of all its calls.
        output_tokens: u64,
        /// Billed cost of all its calls.
        cost_usd: f64,
        /// Tokens of both directions that a task of its type takes on average.
        estimated_tokens: f64,
        /// Headline efficiency, 0-100; 0 if not served.
        efficiency: f64,
        /// Mean efficiency of its steps as the plan's work tracker keeps it, each to one decimal; paid for unserved work too.
        stage4_efficiency: f64,
        /// The scenario's reward.
        reward: f64,
        /// Sum of its calls' decision regret in reward units; null where it is not recorded.
        decision_regret: Option<f64>,
        /// Steps begun.
        n_steps: u32,
        /// Calls made.
        n_attempts: u32,
        /// Model of its first call; null if none was made.
        first_model: Option<&'n str>,
        /// Model that answered its last step; null if it was not served.
        served_by: Option<&'n str>,
        /// Model that was skipped by the router's belief or whose call was not served, the first such; null if none.
        triggered_by: Option<&'n str>,
        /// Why: token_exhausted, model_failure, timeout or rate_limit.
        trigger_reason: Option<FallbackReason>,
        /// The step in which that happened was answered by another model.
        rescued: bool,
    }
}

table! {
    /// One row per call, in order of its end.
    Attempts of AttemptRow, "attempts" of every run {
        /// The task.
        task: u64,
        /// The task's step, from 0.
        step: u32,
        /// Level of the step.
        level: Level,
        /// Number of the call within its task, from 0.
        attempt: u32,
        /// Model called.
        model: &'n str,
        /// Why the call was made: first, retry or fallback.
        role: Role,
        /// Who picked the model: learner, order, retry, fallback, last_resort or allocation.
        chosen_by: ChosenBy,
        /// Probability with which the learner chose it; null where unknown or not chosen by a learner.
        propensity: Option<f64>,
        /// exact, or none.
        propensity_kind: &'n str,
        /// Why a fallback was needed; null for other roles.
        fallback_reason: Option<FallbackReason>,
        /// When it was sent, in seconds since the scenario's start.
        dispatched_s: f64,
        /// Time in the provider's queue.
        wait_ms: f64,
        /// From dispatch to end, waiting included.
        duration_ms: f64,
        /// How it ended.
        outcome: Outcome,
        /// Quality of the answer, 0-100; nominal where there is none.
        quality: f64,
        /// Billed prompt tokens.
        input_tokens: u32,
        /// Billed answer tokens.
        output_tokens: u32,
        /// Billed cost.
        cost_usd: f64,
        /// Retry-After that the provider sent; null if none.
        retry_after_s: Option<f64>,
        /// What the learner was fed; null where it was fed nothing.
        reward: Option<f64>,
        /// Expected reward lost against the best admitted model; null where it is not recorded.
        decision_regret: Option<f64>,
    }
}

table! {
    /// One row per fallback that was asked for, successful or not.
    Fallbacks of FallbackRow, "fallbacks" of every run {
        /// When, in seconds since the scenario's start.
        at_s: f64,
        /// The task.
        task: u64,
        /// The task's step, from 0.
        step: u32,
        /// Level of the step.
        level: Level,
        /// token_exhausted, model_failure, timeout or rate_limit.
        reason: FallbackReason,
        /// Model that failed or was refused.
        from_model: &'n str,
        /// Model that the plan found; null if none.
        to_model: Option<&'n str>,
        /// Whether the plan found one.
        found: bool,
    }
}

table! {
    /// One row per change of a circuit breaker.
    Breaker of BreakerRow, "breaker" of every run {
        /// When, in seconds since the scenario's start.
        at_s: f64,
        /// The model behind the breaker.
        model: &'n str,
        /// State before: closed, open or half_open.
        from_state: BreakerState,
        /// State after.
        to_state: BreakerState,
    }
}

table! {
    /// One row per point of a run's curves, for all levels together and for each.
    Curves of CurveRow, "curves" of every run {
        /// all, or L1 to L4.
        level: &'n str,
        /// The point's number, from 0.
        bin: u32,
        /// Its span of arrivals in seconds since the scenario's start; null where bins are spans of tasks.
        from_s: Option<f64>,
        /// End of the span, exclusive.
        to_s: Option<f64>,
        /// Its span of tasks; null where bins are spans of time.
        from_task: Option<u64>,
        /// End of the span, exclusive.
        to_task: Option<u64>,
        /// Tasks that arrived in it and were not interrupted.
        tasks: u64,
        /// Of them, answered in time.
        in_time: u64,
        /// Mean efficiency, 0-100; null without tasks.
        efficiency: Option<f64>,
        /// Sum of reward from the first point to this one.
        cumulative_reward: f64,
        /// Sum of decision regret from the first point to this one; null where it is not recorded.
        cumulative_decision_regret: Option<f64>,
        /// Share of decisions that took a best model; null without decisions or where it is not recorded.
        best_model_share: Option<f64>,
    }
}

table! {
    /// One row per point and model: how much it was used, and its daily token quota.
    ModelCurves of ModelCurveRow, "model_curves" of every run {
        /// The model.
        model: &'n str,
        /// The point's number, from 0; spans as in `curves`.
        bin: u32,
        /// Calls of tasks that arrived in the span.
        calls: u64,
        /// Steps at L1 that it answered.
        served_l1: u64,
        /// Steps at L2 that it answered.
        served_l2: u64,
        /// Steps at L3 that it answered.
        served_l3: u64,
        /// Steps at L4 that it answered.
        served_l4: u64,
        /// Billed tokens of those calls.
        tokens: u64,
        /// Billed cost of those calls.
        cost_usd: f64,
        /// Tokens of its account used since the reset, as the provider counts them, in the last instant of the span.
        quota_used_tokens: u64,
        /// The account's daily limit then; null if unlimited.
        quota_limit_tokens: Option<u64>,
        /// Tokens used as the router believes, in that instant.
        quota_believed_tokens: u64,
    }
}

table! {
    /// One row per record of the work tracker: start, every step, end. Written only where the scenario asks for it.
    WorkLog of WorkLogRow, "work_log" of every run {
        /// When, in seconds since the scenario's start.
        at_s: f64,
        /// The task.
        task: u64,
        /// start, step or end.
        record: &'n str,
        /// Phase of the work from then on: started, in_progress, completed or failed.
        phase: WorkPhase,
        /// Level of the step; of the first step at start and end.
        level: Level,
        /// How the step, or the work, ended; null at its start.
        outcome: Option<Outcome>,
        /// Quality of the step, or mean of all; null at the start.
        quality: Option<f64>,
        /// Billed tokens of the step, or of all; null at the start.
        tokens: Option<u64>,
        /// The plan's efficiency of the step, to one decimal, or the mean of all; null at the start.
        efficiency: Option<f64>,
    }
}

table! {
    /// One row per local day of the run and level: the work of the tasks that arrived on it, warm-up included.
    Days of DayRow, "days" of every run {
        /// Local day, from 0: the day of the scenario's start.
        day: u32,
        /// Its local date, year-month-day.
        date: String,
        /// all, or L1 to L4 (level of a task's first step).
        level: &'n str,
        /// Tasks that arrived.
        tasks: u64,
        /// Of them, answered.
        completed: u64,
        /// Of them, ended without an answer.
        failed: u64,
        /// Of them, cut off by the end of the run.
        interrupted: u64,
        /// Of them, answered in time.
        in_time: u64,
        /// Calls for them.
        calls: u64,
        /// Hours from arrival to end, summed over ended tasks.
        hours: f64,
        /// Billed tokens.
        tokens: u64,
        /// Mean quality, 0-100; null without ended tasks.
        quality: Option<f64>,
        /// Mean headline efficiency, 0-100; null without ended tasks.
        efficiency: Option<f64>,
        /// Billed cost.
        cost_usd: f64,
    }
}

table! {
    /// One row per local day, model, level and task type with at least one call, by the day on which the task arrived.
    Costs of CostRow, "costs" of every run {
        /// Local day, from 0.
        day: u32,
        /// The model.
        model: &'n str,
        /// Level of the call.
        level: Level,
        /// Task type.
        task_type: &'n str,
        /// Calls, failed and cancelled ones included.
        calls: u64,
        /// Of them, answered.
        served: u64,
        /// Billed tokens.
        tokens: u64,
        /// Billed cost, at the price of each call's start.
        cost_usd: f64,
        /// Of it, for calls that were not answered.
        wasted_usd: f64,
        /// From dispatch to end, waiting included, summed over its calls.
        response_ms_sum: f64,
        /// The same tokens at the prices of the Stage 4 plan's own cost table (stage4 section 9); labelled so wherever shown.
        plan_cost_usd: f64,
    }
}

table! {
    /// One row per local day and level: the monitor's view, that is the router's (calls by the day on which they ended; what
    /// drains behind the end of the run counts for its last day).
    Monitor of MonitorRow, "monitor" of every run {
        /// Local day that ended, from 0.
        day: u32,
        /// The level.
        level: &'n str,
        /// Calls of the day.
        calls: u64,
        /// Of them, answered.
        successes: u64,
        /// Mean response time; null without calls.
        response_ms: Option<f64>,
        /// Billed tokens per call; null without calls.
        tokens_per_call: Option<f64>,
        /// Class of the day's success rate: excellent, good, normal, poor or critical; null without calls.
        class: Option<PerformanceClass>,
        /// Calls since the start of the run.
        total_calls: u64,
        /// Of them, answered.
        total_successes: u64,
        /// Class of their success rate.
        total_class: Option<PerformanceClass>,
    }
}

table! {
    /// One row per anomaly that the monitor saw.
    Anomalies of AnomalyRow, "anomalies" of every run {
        /// When, in seconds since the scenario's start.
        at_s: f64,
        /// Local day, from 0.
        day: u32,
        /// slow_response, high_token_usage or low_success_rate.
        kind: AnomalyKind,
        /// The level.
        level: Level,
        /// Model of the call; null where it is about the level.
        model: Option<&'n str>,
        /// Milliseconds, tokens or percent.
        value: f64,
        /// The bound, in the same unit.
        threshold: f64,
    }
}

table! {
    /// One row per allocation, level and model of that level.
    Allocations of AllocationRow, "allocations" of every run {
        /// Number of the allocation within its run, from 0.
        allocation: u32,
        /// When it came into force, in seconds since the scenario's start.
        at_s: f64,
        /// Local date, year-month-day.
        date: String,
        /// Local time of day.
        time: String,
        /// Part of the day: morning, afternoon, evening or night.
        slot: Slot,
        /// The level.
        level: Level,
        /// The slot's focus lies on the level.
        in_focus: bool,
        /// The model.
        model: &'n str,
        /// The number by which models were compared; null where the rule has none.
        number: Option<f64>,
        /// The level got this model.
        allocated: bool,
    }
}

table! {
    /// One row per allocation and level: the token budget and its use until the next allocation.
    Budgets of BudgetRow, "budgets" of every run {
        /// Number of the allocation within its run, from 0.
        allocation: u32,
        /// When it came into force, in seconds since the scenario's start.
        at_s: f64,
        /// When it ceased.
        ended_s: f64,
        /// Part of the day.
        slot: Slot,
        /// The level.
        level: Level,
        /// The allocated model; null where the rule had no opinion.
        model: Option<&'n str>,
        /// Tokens that the level may use.
        budget_tokens: u64,
        /// Billed tokens of the level's calls that ended in that time.
        used_tokens: u64,
        /// When the use went beyond the budget; null if it did not.
        over_budget_at_s: Option<f64>,
        /// Calls of the level that ended in that time.
        calls: u64,
        /// Of them, calls to the allocated model.
        calls_allocated: u64,
    }
}

table! {
    /// One row per point of time, context and model: what the learner believed.
    Scores of ScoreRow, "scores" of every run {
        /// Number of the point: that of the curves' span which it ends; the first, before any task, is null.
        bin: Option<u64>,
        /// When, in seconds since the scenario's start.
        at_s: f64,
        /// L1 to L4, or all where the learner does not tell levels apart.
        level: &'n str,
        /// Task type; null where the learner does not tell them apart.
        task_type: Option<&'n str>,
        /// night, morning, afternoon, evening (quarters of the day), or any.
        time_of_day: &'n str,
        /// The model.
        model: &'n str,
        /// The belief, on the learner's scale: score, mean_reward or action_value.
        belief: f64,
    }
}

table! {
    /// One row per reporting period of 14 local days: what the learner did.
    Learning of LearningRow, "learning" of every run {
        /// Number of the period, from 0.
        period: u32,
        /// Its start, in seconds since the scenario's start.
        from_s: f64,
        /// Its end.
        to_s: f64,
        /// What beliefs are: score, mean_reward or action_value.
        scale: &'n str,
        /// Calls whose model the learner chose and that ended.
        choices: u64,
        /// Of them, chosen in order to learn, where the algorithm knows the difference.
        explored: u64,
        /// Results taken in.
        updates: u64,
        /// Mean reward fed; null without updates.
        reward_mean: Option<f64>,
        /// Standard deviation of the rewards fed.
        reward_sd: Option<f64>,
        /// The smallest reward fed.
        reward_min: Option<f64>,
        /// The largest reward fed.
        reward_max: Option<f64>,
        /// Mean absolute change of a belief over the last 50 updates, scores as shares of 100; null before as many.
        recent_change: Option<f64>,
        /// Update, counted from the start, at which that was first below 0.01; null if it never was.
        converged_update: Option<u64>,
        /// When that was, in seconds since the scenario's start.
        converged_at_s: Option<f64>,
        /// Mean of all beliefs at the end of the period.
        belief_mean: Option<f64>,
        /// Their standard deviation.
        belief_sd: Option<f64>,
    }
}

table! {
    /// One row per change of a level's reward weights, as the learner is fed.
    Weights of WeightRow, "weights" of every run {
        /// When, in seconds since the scenario's start.
        at_s: f64,
        /// The level.
        level: &'n str,
        /// Weight of speed.
        speed: f64,
        /// Weight of efficiency.
        efficiency: f64,
        /// Weight of cost.
        cost: f64,
    }
}

table! {
    /// One row per decision about an order on trial. In the columns `a_` and `b_`: baseline and candidate of an adaptive order, or sides a and b of a test.
    Policies of PolicyRow, "policies" of every run {
        /// When, in seconds since the scenario's start.
        at_s: f64,
        /// deployed, rolled_back, verdict or adopted.
        decision: PolicyDecision,
        /// Who serves from now on, or whom the verdict names: baseline, candidate, a or b; null is undecided.
        policy: Option<&'n str>,
        /// Deployed: due. Rolled back: success_rate, efficiency or latency, the first that was worse by more than the tolerance. Verdict: significant, not_significant, run_ended or too_few_samples. Adopted: verdict.
        reason: PolicyReason,
        /// Measurements of baseline, or samples of a, in its figures; null where there are none.
        a_n: Option<u64>,
        /// Share of its steps that were answered.
        a_success_rate: Option<f64>,
        /// Mean headline efficiency of a step, 0-100.
        a_efficiency: Option<f64>,
        /// Mean time of a step.
        a_latency_ms: Option<f64>,
        /// The plan's overall score, 0-1: 0.5 success + 0.25 max(0, 1 - latency / 5 s) + 0.25 min(1, 1000 / tokens).
        a_overall: Option<f64>,
        /// The same of candidate, or of b.
        b_n: Option<u64>,
        /// Share of its steps that were answered.
        b_success_rate: Option<f64>,
        /// Mean headline efficiency of a step.
        b_efficiency: Option<f64>,
        /// Mean time of a step.
        b_latency_ms: Option<f64>,
        /// The plan's overall score.
        b_overall: Option<f64>,
        /// Verdict: mean efficiency of b less that of a, in points; null without a test.
        difference: Option<f64>,
        /// Lower end of its interval: 95 % of a Welch test, 1 - alpha of a confidence sequence.
        low: Option<f64>,
        /// Upper end of it.
        high: Option<f64>,
        /// Two-sided p value of the Welch test; null for a confidence sequence.
        p_value: Option<f64>,
        /// Probability that one Welch test of the planned samples (of those taken, where the run ended before) finds the scenario's `effect`.
        power: Option<f64>,
        /// The smallest difference that it finds with probability 0.8, as a share of the mean of a.
        smallest_effect: Option<f64>,
    }
}

table! {
    /// One row per local day of a control run: the same stack with learning frozen, or told the expected rewards.
    Controls of ControlRow, "controls" {
        /// Block of the scenario.
        block: &'n str,
        /// Variant that is controlled.
        variant: &'n str,
        /// Seed of the world.
        seed: u64,
        /// frozen, or informed.
        control: &'n str,
        /// Local day, from 0.
        day: u32,
        /// Tasks that arrived and ended.
        tasks: u64,
        /// Mean headline efficiency, 0-100; null without ended tasks.
        efficiency: Option<f64>,
    }
}

table! {
    /// One row per run, measure, level and window.
    Measures of MeasureRow, "measures" of every run {
        /// all, or L1 to L4.
        level: &'n str,
        /// run: all tasks behind the warm-up; faults: those that arrive while a fault lasts; exhaustion: while a fault leaves
        /// five models or more without tokens.
        window: &'n str,
        /// Name of the measure.
        measure: &'n str,
        /// Its unit.
        unit: &'n str,
        /// The value; null where nothing of the kind happened.
        value: Option<f64>,
    }
}

table! {
    /// One row per variant, measure, level and window: the measure over all seeds.
    Summary of SummaryRow, "summary" {
        /// Block of the scenario.
        block: &'n str,
        /// Variant of the stack.
        variant: &'n str,
        /// all, or L1 to L4.
        level: &'n str,
        /// run, faults or exhaustion.
        window: &'n str,
        /// Name of the measure.
        measure: &'n str,
        /// Its unit.
        unit: &'n str,
        /// Seeds that have a value.
        n_seeds: u32,
        /// Mean over seeds; null without any.
        mean: Option<f64>,
        /// Standard deviation over seeds.
        sd: Option<f64>,
        /// Lower end of the 95 % interval (t; where all seeds agree on a proportion, from the Clopper-Pearson bound on the
        /// share of seeds that would); null for one seed.
        low: Option<f64>,
        /// Upper end of it.
        high: Option<f64>,
        /// Mean over seeds of the difference to the first variant on the same seed; null for the first variant.
        difference: Option<f64>,
        /// Lower end of its 95 % paired t interval; null where all seeds differ alike.
        difference_low: Option<f64>,
        /// Upper end of it.
        difference_high: Option<f64>,
    }
}

table! {
    /// One row per fault, seed and model hit: the faults of the timeline, and what each seed drew. The same for all
    /// variants.
    Faults of FaultRow, "faults" {
        /// Block of the scenario.
        block: &'n str,
        /// Seed.
        seed: u64,
        /// The fault's name.
        fault: &'n str,
        /// Kind of its effect.
        effect: &'n str,
        /// It came at random.
        random: bool,
        /// Model that it hits.
        model: &'n str,
        /// Start in seconds since the scenario's start.
        from_s: f64,
        /// End, exclusive; null if it lasts to the end of the run.
        to_s: Option<f64>,
    }
}

/// Documentation of every table.
pub const TABLES: [TableDoc; 21] = [
    Tasks::DOC,
    Attempts::DOC,
    Fallbacks::DOC,
    Breaker::DOC,
    Curves::DOC,
    ModelCurves::DOC,
    WorkLog::DOC,
    Days::DOC,
    Costs::DOC,
    Monitor::DOC,
    Anomalies::DOC,
    Allocations::DOC,
    Budgets::DOC,
    Scores::DOC,
    Learning::DOC,
    Weights::DOC,
    Policies::DOC,
    Controls::DOC,
    Measures::DOC,
    Summary::DOC,
    Faults::DOC,
];
