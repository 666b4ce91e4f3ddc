//! Tables of what a stack does day by day: work, cost, health, allocation, beliefs, trials.

use crate::analysis::work::WorkPhase;
use crate::domain::{AnomalyKind, Outcome, PerformanceClass, PolicyDecision, PolicyReason, Slot};
use crate::results::column::table;
use crate::units::Level;

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
        /// The belief, on the learner's scale: score, mean_reward, action_value or probability.
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
        /// What beliefs are: score, mean_reward, action_value or probability.
        scale: &'n str,
        /// Calls whose model the learner chose and that ended.
        choices: u64,
        /// Of them, chosen in order to learn: marked by the algorithm, or not of the model believed best.
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
