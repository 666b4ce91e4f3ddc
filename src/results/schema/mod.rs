//! The tables: one list of columns, with units in their names. A change here is a new [`super::SCHEMA_VERSION`].

mod daily;

use crate::analysis::work::WorkPhase;
use crate::domain::{BreakerState, ChosenBy, FallbackReason, NoTarget, Outcome, Priority, Role};
use crate::results::column::{Table, TableDoc, table};
use crate::units::Level;

pub use daily::{
    AllocationRow, Allocations, Anomalies, AnomalyRow, BudgetRow, Budgets, ControlRow, Controls,
    CostRow, Costs, DayRow, Days, Learning, LearningRow, Monitor, MonitorRow, Policies, PolicyRow,
    ScoreRow, Scores, WeightRow, Weights, WorkLog, WorkLogRow,
};

table! {
    /// One row per task: both ends of its work and all that came of it.
    Tasks of TaskRow, "tasks" of every run {
        /// Number of the task within its run, from 0 in order of arrival.
        task: u64,
        /// Task type.
        task_type: &'n str,
        /// Recorded prompt that it asks; null where answers are not recorded.
        prompt: Option<&'n str>,
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
        /// Why the call was made: first, retry, fallback or escalation.
        role: Role,
        /// Who picked the model: learner, order, retry, fallback, last_resort or allocation.
        chosen_by: ChosenBy,
        /// Probability with which the learner chose it; null where unknown or not chosen by a learner.
        propensity: Option<f64>,
        /// exact, estimated, or none.
        propensity_kind: &'n str,
        /// A learner chose it although it believed another model better, or nothing of this one.
        explored: bool,
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
        /// Why it found none: all_tried, short_of_tokens, breaker_open, held_back, list_empty or not_there; null where it
        /// found one, or the reason was not noted.
        found_none_because: Option<NoTarget>,
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
    /// One row per point of a run's curves, for all levels together and (but in bandit mode) for each.
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
        /// Of them, answered after their deadline.
        late: u64,
        /// Of them, not answered as the last answer was wrong or incomplete.
        wrong: u64,
        /// Of them, not answered as the last call ended in an error of the provider or the connection.
        error: u64,
        /// Of them, not answered as the last call did not come back in time.
        timeout: u64,
        /// Of them, not answered as the last call was refused: a limit, the key, the prompt.
        refused: u64,
        /// Of them, not answered as no call was made for the last step.
        shed: u64,
        /// Mean efficiency, 0-100; null without tasks.
        efficiency: Option<f64>,
        /// Sum of reward from the first point to this one.
        cumulative_reward: f64,
        /// Sum of decision regret from the first point to this one; null where it is not recorded.
        cumulative_decision_regret: Option<f64>,
        /// Share of decisions that took a best model; null without decisions or where it is not recorded.
        best_model_share: Option<f64>,
        /// Share of a learner's choices that did not take the model it believed best; null without choices.
        exploration_share: Option<f64>,
        /// Sum of billed cost from the first point to this one.
        cumulative_cost_usd: f64,
    }
}

table! {
    /// One row per checkpoint of a run: sums when a number of tasks had ended. The numbers grow by a constant factor, 16 to
    /// a factor of ten, and the last is the whole run; the warm-up and what was interrupted are left out.
    Checkpoints of CheckpointRow, "checkpoints" of every run {
        /// all: levels are not told apart.
        level: &'n str,
        /// Tasks that had ended.
        tasks: u64,
        /// Sum of their reward.
        cumulative_reward: f64,
        /// Sum of their decision regret; null where it is not recorded.
        cumulative_decision_regret: Option<f64>,
        /// Sum of their billed cost.
        cumulative_cost_usd: f64,
        /// Share of their decisions that took a best model; null without decisions or where it is not recorded.
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
    /// One row per run, measure, level and window.
    Measures of MeasureRow, "measures" of every run {
        /// all, or L1 to L4.
        level: &'n str,
        /// run: all tasks behind the warm-up; faults: those that arrive while a fault lasts; exhaustion: while a fault leaves
        /// five models or more without tokens; calm: while no fault lasts, in a world with faults.
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
        /// run, faults, exhaustion or calm.
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

table! {
    /// One row per run of a parameter study: every value on the selection seeds, the chosen one on the reported seeds.
    Tuning of TuningRow, "tuning" {
        /// Block of the scenario.
        block: &'n str,
        /// Variant of the stack.
        variant: &'n str,
        /// Parameter of its learner.
        parameter: &'n str,
        /// The value tried.
        value: f64,
        /// selection or reported.
        stage: &'n str,
        /// Seed.
        seed: u64,
        /// It is the value that the variant has as written.
        is_default: bool,
        /// It is the value that was chosen on the selection seeds of the block.
        chosen: bool,
        /// Mean reward of a task.
        reward: f64,
        /// Decision regret summed over the run; null where it is not recorded.
        cumulative_regret: Option<f64>,
    }
}

table! {
    /// One row per choice of models that a fault hits, variant, seed and level, where a block is run for every choice: what
    /// became of the tasks that arrive while a fault lasts.
    Choices of ChoiceRow, "choices" {
        /// Block of the scenario.
        block: &'n str,
        /// Number of the choice within the block, from 0.
        choice: u64,
        /// Names of the models that the fault hits, separated by commas.
        models: &'n str,
        /// Variant of the stack.
        variant: &'n str,
        /// Seed.
        seed: u64,
        /// all, or L1 to L4.
        level: &'n str,
        /// Tasks.
        tasks: f64,
        /// Share of them that was answered within their deadline; null where none arrived.
        availability: Option<f64>,
        /// Share that needed a fallback; null where none arrived.
        triggered: Option<f64>,
        /// Of these, the share that another model answered within the deadline; null where none needed one.
        fallback_served_rate: Option<f64>,
    }
}

/// Documentation of every table.
pub const TABLES: [TableDoc; 24] = [
    Tasks::DOC,
    Attempts::DOC,
    Fallbacks::DOC,
    Breaker::DOC,
    Curves::DOC,
    Checkpoints::DOC,
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
    Tuning::DOC,
    Choices::DOC,
];
