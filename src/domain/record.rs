//! Records of work: calls, steps and tasks, each written when it ends.

use super::{ChosenBy, FallbackReason, Outcome, Priority, Propensity, Response, Role};
use crate::units::{Level, ModelId, SimDuration, SimTime, TaskId};

/// One call, from dispatch to end.
#[derive(Clone, Copy, Debug)]
pub struct AttemptRecord {
    /// The task.
    pub task: TaskId,
    /// Its step.
    pub step: u8,
    /// The step's level.
    pub level: Level,
    /// The call's number within the task, from 0.
    pub attempt: u16,
    /// The model called.
    pub model: ModelId,
    /// Why the call was made.
    pub role: Role,
    /// Who picked the model.
    pub chosen_by: ChosenBy,
    /// Probability of the choice.
    pub propensity: Propensity,
    /// A learner chose it although it believed another model better, or nothing of this one.
    pub explored: bool,
    /// Why a fallback was needed, for calls with that role.
    pub fallback_reason: Option<FallbackReason>,
    /// When the call was sent.
    pub dispatched: SimTime,
    /// Time in the provider's queue.
    pub wait: SimDuration,
    /// How it ended.
    pub response: Response,
    /// That counts as an answer.
    pub served: bool,
    /// What the learner was fed, if it was.
    pub reward: Option<f64>,
    /// Decision regret in reward units, if it is recorded.
    pub decision_regret: Option<f64>,
}

/// One step of a task: what a work log keeps of it.
#[derive(Clone, Copy, Debug)]
pub struct StepRecord {
    /// The task.
    pub task: TaskId,
    /// Its step, from 0.
    pub step: u8,
    /// The step's level.
    pub level: Level,
    /// When it began.
    pub started: SimTime,
    /// When it ended.
    pub ended: SimTime,
    /// How it ended.
    pub outcome: Outcome,
    /// That counts as an answer.
    pub served: bool,
    /// Quality, 0-100 (nominal where there is no answer).
    pub quality: f64,
    /// Billed tokens of all its calls.
    pub tokens: u64,
}

/// One task, from arrival to end.
#[derive(Clone, Copy, Debug)]
pub struct TaskRecord {
    /// The task.
    pub task: TaskId,
    /// Position of its type.
    pub task_type: u16,
    /// Level of its first step.
    pub level: Level,
    /// Urgency.
    pub priority: Priority,
    /// Tokens of both directions that a task of its type takes on average.
    pub estimated_tokens: f64,
    /// Which recorded prompt it is, where the world's outcomes are recorded.
    pub prompt: Option<u32>,
    /// When it arrived; every task starts as it arrives.
    pub arrived: SimTime,
    /// When it ended.
    pub ended: SimTime,
    /// How its last step ended.
    pub outcome: Outcome,
    /// Every step was answered.
    pub served: bool,
    /// Answered within its deadline from arrival (or served, where it has none).
    pub in_time: bool,
    /// Mean quality of its steps.
    pub quality: f64,
    /// Billed prompt tokens of all its calls.
    pub input_tokens: u64,
    /// Billed answer tokens of all its calls.
    pub output_tokens: u64,
    /// Billed cost of all its calls in USD.
    pub cost_usd: f64,
    /// Headline efficiency, 0-100.
    pub efficiency: f64,
    /// The scenario's reward.
    pub reward: f64,
    /// Sum of its calls' decision regret, if it is recorded.
    pub decision_regret: Option<f64>,
    /// Decisions that took a model of the highest expected reward.
    pub n_best: u16,
    /// Decisions for which that was measured.
    pub n_decisions: u16,
    /// Steps begun.
    pub n_steps: u8,
    /// Calls made.
    pub n_attempts: u16,
    /// Model of its first call.
    pub first_model: Option<ModelId>,
    /// Model that answered its last step.
    pub served_by: Option<ModelId>,
    /// The model whose skipping or failing first made another one necessary, and why.
    pub trigger: Option<(ModelId, FallbackReason)>,
    /// The step in which that happened was answered by another model.
    pub rescued: bool,
}
