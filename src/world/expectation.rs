//! Expected reward of a call, by task type, step and model, in the present epoch and with the present queue.
//!
//! The expectation over prompt length, answer length and service time is a mean over [`POINTS`] fixed points of a
//! low-discrepancy sequence (Roberts 2018, the additive recurrence of the plastic number in three dimensions), the same
//! for every model; verdict and quality enter in closed form. The wait is the queue's length over the model's rate of
//! service. Measurement only: no draw of it reaches the dynamics.
//!
//! Where answers are recorded, quality, lengths and cost of the prompt at hand are known for every model: the expectation
//! is over the time of a response alone, and the best model is that of the realised oracle.
//!
//! A fault that hits only first calls is left out: which call is one of them depends on what the stack does. What such a fault
//! takes counts as luck, so regret is that against the best model for a call that it does not hit.

use crate::domain::Outcome;
use crate::reward::{Account, Reward};
use crate::sim::sample::clamped_normal_mean;
use crate::units::{Level, ModelId, SimDuration, SimTime};
use crate::world::conditions::{Down, Rejection};
use crate::world::outcomes::Answer;
use crate::world::provider::{Live, Providers};
use crate::world::{Tokens, WorldSpec};

/// Points of the fixed set.
pub const POINTS: usize = 128;

/// Of the points, one in so many is taken for a recorded answer, where each prompt has expectations of its own.
const RECORDED_STEP: usize = 8;

/// Multipliers of the additive recurrence: powers of 1 / 1.220744..., the root of x^4 = x + 1.
const STEPS: [f64; 3] = [0.819_172_513_396_164_4, 0.671_043_606_703_789_2, 0.549_700_477_901_970_3];

/// Where prompt and answer lengths come from.
#[derive(Clone, Debug)]
pub enum Lengths {
    /// The task type's distributions.
    Drawn,
    /// These pairs, taken evenly from a trace in order of length.
    Traced(Vec<(u32, u32)>),
}

#[derive(Clone, Copy, Debug)]
struct Point {
    input: f64,
    output: f64,
}

/// One row of the table: a task type's step.
#[derive(Clone, Debug)]
struct Row {
    level: Level,
    points: Vec<Point>,
    /// Expected reward per model without a wait, in the present epoch.
    free: Vec<f64>,
}

/// Expected rewards of a cell.
#[derive(Clone, Debug)]
pub struct Expectations {
    reward: Reward,
    partial_counts: bool,
    call_timeout: SimDuration,
    /// The caller gives up after this time if no byte has come.
    first_token_timeout: Option<SimDuration>,
    first_row: Vec<usize>,
    rows: Vec<Row>,
    /// Factor on the time of a response by model and point.
    paces: Vec<[f64; POINTS]>,
    refusal: f64,
    fresh: bool,
}

impl Expectations {
    /// An empty table for the types of `spec`.
    #[must_use]
    pub fn new(
        spec: &WorldSpec,
        lengths: &Lengths,
        reward: Reward,
        partial_counts: bool,
        call_timeout: SimDuration,
    ) -> Self {
        let mut first_row = Vec::new();
        let mut rows = Vec::new();
        for task_type in &spec.task_types {
            first_row.push(rows.len());
            let points = points(&task_type.input_tokens, &task_type.output_tokens, lengths);
            rows.extend(task_type.steps.iter().map(|&level| Row {
                level,
                points: points.clone(),
                free: Vec::new(),
            }));
        }
        let mut table = Self {
            reward,
            partial_counts,
            call_timeout,
            first_token_timeout: None,
            first_row,
            rows,
            paces: paces(spec),
            refusal: 0.0,
            fresh: false,
        };
        let refusal_ms = spec.refusal_time.as_millis_f64();
        table.refusal = table.worth(Outcome::RateLimited, Level::L1, 0.0, refusal_ms, 0.0, 0.0);
        table
    }

    /// The same for a caller who gives up after `timeout` if no byte has come.
    #[must_use]
    pub fn with_first_token_timeout(self, timeout: Option<SimDuration>) -> Self {
        Self { first_token_timeout: timeout, ..self }
    }

    /// The world has changed: every entry is to be computed anew.
    pub fn expire(&mut self) {
        self.fresh = false;
    }

    /// Reward of a refused call.
    #[must_use]
    pub fn refusal(&self) -> f64 {
        self.refusal
    }

    /// Expected reward of a call to each model at `now`, and whether the provider would admit it.
    pub fn of_models(
        &mut self,
        now: SimTime,
        providers: &mut Providers,
        task_type: u16,
        (step, prompt): (u8, Option<u32>),
        tokens: u64,
        out: &mut Vec<(f64, bool)>,
    ) {
        if !self.fresh {
            self.renew(providers);
        }
        let row = &self.rows[self.first_row[usize::from(task_type)] + usize::from(step)];
        out.clear();
        for i in 0..providers.live().len() {
            let model = ModelId(i as u16);
            let admitted = providers.refusal(now, model, tokens).is_none();
            if !admitted {
                out.push((self.refusal, false));
                continue;
            }
            let recorded = prompt.zip(providers.spec().recorded.as_ref());
            let value = match (recorded, wait_ms(providers, row, model)) {
                (Some((prompt, world)), wait) => {
                    let answer = world.table.answer(prompt, model);
                    let live = &providers.live()[i];
                    self.of_recorded(
                        providers.spec(),
                        row,
                        (live, model),
                        (answer, world.success_from),
                        wait,
                    )
                }
                (None, 0.0) => row.free[i],
                (None, wait) => {
                    self.expected(providers.spec(), row, &providers.live()[i], model, wait)
                }
            };
            out.push((value, true));
        }
    }

    fn renew(&mut self, providers: &Providers) {
        for at in 0..self.rows.len() {
            let row = &self.rows[at];
            let free = providers
                .live()
                .iter()
                .enumerate()
                .map(|(i, live)| self.expected(providers.spec(), row, live, ModelId(i as u16), 0.0))
                .collect();
            self.rows[at].free = free;
        }
        self.fresh = true;
    }

    fn worth(
        &self,
        outcome: Outcome,
        level: Level,
        quality: f64,
        duration_ms: f64,
        tokens: f64,
        cost_usd: f64,
    ) -> f64 {
        let served =
            outcome == Outcome::Success || (self.partial_counts && outcome == Outcome::Partial);
        self.reward.of(&Account { outcome, served, level, quality, tokens, duration_ms, cost_usd })
    }

    /// Expected reward of a recorded answer.
    fn of_recorded(
        &self,
        spec: &WorldSpec,
        row: &Row,
        (live, model): (&Live, ModelId),
        (answer, success_from): (&Answer, f32),
        wait_ms: f64,
    ) -> f64 {
        let l = row.level.index();
        let timeout_ms = self.call_timeout.as_millis_f64();
        let error_ms = spec.error_time.as_millis_f64() + wait_ms;
        if let Some(down) = live.conditions.outage {
            return self.down(spec, row.level, down, wait_ms);
        }
        let tokens = |recorded: u32, drawn: f64| match recorded {
            Answer::NO_TOKENS => drawn,
            recorded => f64::from(recorded),
        };
        let kept = live.conditions.success_factor.min(1.0);
        let quality = 100.0 * f64::from(answer.quality);
        let outcome =
            if answer.quality >= success_from { Outcome::Success } else { Outcome::Failure };
        let shifted = |quality: f64| (quality + live.conditions.quality_points).clamp(0.0, 100.0);
        let has_time = !answer.latency_s.is_nan();
        // With everything recorded all points are the same.
        let is_one = has_time && answer.output_tokens != Answer::NO_TOKENS;
        let step = if is_one { POINTS } else { RECORDED_STEP };
        let mut sum = 0.0;
        for (point, pace) in row.points.iter().zip(&self.paces[model.index()]).step_by(step) {
            let (input, output) = (
                tokens(answer.input_tokens, point.input),
                tokens(answer.output_tokens, point.output),
            );
            let mean_ms = match has_time {
                true => 1e3 * f64::from(answer.latency_s),
                false => live.latency.mean_ms(row.level, output) * pace,
            };
            let ms =
                mean_ms * live.latency_factor + live.conditions.stall.as_millis_f64() + wait_ms;
            if let Some(after) = self.token_timeout_ms(live, ms - wait_ms, output, wait_ms) {
                sum += self.unanswered(row.level, Outcome::Timeout, after);
                continue;
            }
            if ms > timeout_ms {
                sum += self.unanswered(row.level, Outcome::Timeout, timeout_ms);
                continue;
            }
            let usd = match live.bills_as_recorded(answer) {
                true => answer.cost_usd * live.conditions.price_factor,
                false => input * live.usd_per_input + output * live.usd_per_output,
            };
            let worth =
                |outcome, quality| self.worth(outcome, row.level, quality, ms, input + output, usd);
            sum += kept * worth(outcome, shifted(quality))
                + (1.0 - kept) * worth(Outcome::Failure, shifted(0.0));
        }
        let value = live.error[l] * self.failed(row.level, Outcome::ApiError, error_ms)
            + (1.0 - live.error[l]) * sum / POINTS.div_ceil(step) as f64;
        self.past_door(spec, row.level, live, value)
    }

    /// Reward of a call that brings nothing, as nobody pays for it.
    fn unanswered(&self, level: Level, outcome: Outcome, ms: f64) -> f64 {
        self.worth(outcome, level, outcome.nominal_quality(), ms, 0.0, 0.0)
    }

    /// Reward of a call that ends after `ms` with `outcome`, unless the caller gives up before.
    fn failed(&self, level: Level, outcome: Outcome, ms: f64) -> f64 {
        let whole = self.call_timeout;
        let gives_up = self.first_token_timeout.map_or(whole, |own| own.min(whole)).as_millis_f64();
        if ms < gives_up {
            self.unanswered(level, outcome, ms)
        } else {
            self.unanswered(level, Outcome::Timeout, gives_up)
        }
    }

    /// Reward of a call in an outage.
    fn down(&self, spec: &WorldSpec, level: Level, down: Down, wait_ms: f64) -> f64 {
        let error_ms = spec.error_time.as_millis_f64() + wait_ms;
        match down {
            Down::Error => self.failed(level, Outcome::ApiError, error_ms),
            Down::Reset => self.failed(level, Outcome::ConnectionError, error_ms),
            Down::Hang { closes_after } => {
                let ms =
                    closes_after.map_or(f64::INFINITY, |after| after.as_millis_f64() + wait_ms);
                self.failed(level, Outcome::ConnectionError, ms)
            }
        }
    }

    /// When a caller gives up on the first token of an answer whose service takes `service_ms`, if he does.
    fn token_timeout_ms(
        &self,
        live: &Live,
        service_ms: f64,
        output: f64,
        wait_ms: f64,
    ) -> Option<f64> {
        let timeout_ms =
            self.first_token_timeout.filter(|own| *own < self.call_timeout)?.as_millis_f64();
        let stall_ms = live.conditions.stall.as_millis_f64();
        let share = live.latency.first_token_share(output);
        let first_ms = wait_ms + stall_ms + (service_ms - stall_ms) * share;
        (first_ms > timeout_ms).then_some(timeout_ms)
    }

    /// `value` is the reward of a call that is not turned away.
    fn past_door(&self, spec: &WorldSpec, level: Level, live: &Live, value: f64) -> f64 {
        if !live.conditions.rejects() {
            return value;
        }
        let error_ms = spec.error_time.as_millis_f64();
        let refusal_ms = spec.refusal_time.as_millis_f64();
        let mut refused = 0.0;
        let mut lost = 0.0;
        for (rejection, share) in live.conditions.rejections() {
            let outcome = rejection.outcome();
            refused += share;
            lost += share
                * match rejection {
                    Rejection::RateLimited => self.refusal,
                    Rejection::ApiError | Rejection::ConnectionError => {
                        self.failed(level, outcome, error_ms)
                    }
                    _ => self.unanswered(level, outcome, refusal_ms),
                };
        }
        lost + (1.0 - refused) * value
    }

    fn expected(
        &self,
        spec: &WorldSpec,
        row: &Row,
        live: &Live,
        model: ModelId,
        wait_ms: f64,
    ) -> f64 {
        let level = row.level;
        let l = level.index();
        let nominal = |outcome: Outcome, ms, tokens, usd| {
            self.worth(outcome, level, outcome.nominal_quality(), ms, tokens, usd)
        };
        let timeout_ms = self.call_timeout.as_millis_f64();
        let error_ms = spec.error_time.as_millis_f64() + wait_ms;
        if let Some(down) = live.conditions.outage {
            return self.down(spec, level, down, wait_ms);
        }
        let quality = clamped_normal_mean(live.quality[l], spec.quality_sd, 0.0, 100.0);
        let (success, answer) = (live.success[l], live.answer[l]);
        let stall_ms = live.conditions.stall.as_millis_f64();
        let mut sum = 0.0;
        for (point, pace) in row.points.iter().zip(&self.paces[model.index()]) {
            let output = (point.output * spec.models[model.index()].output_tokens_factor).round();
            let service = live.latency.mean_ms(level, output) * live.latency_factor * pace;
            let ms = service + stall_ms + wait_ms;
            let usd = |output: f64| point.input * live.usd_per_input + output * live.usd_per_output;
            if let Some(after) = self.token_timeout_ms(live, service + stall_ms, output, wait_ms) {
                sum += nominal(Outcome::Timeout, after, point.input, usd(0.0));
                continue;
            }
            if ms > timeout_ms {
                let written = output * ((timeout_ms - stall_ms - wait_ms) / service).max(0.0);
                sum += nominal(Outcome::Timeout, timeout_ms, point.input + written, usd(written));
                continue;
            }
            let tokens = point.input + output;
            sum += success * self.worth(Outcome::Success, level, quality, ms, tokens, usd(output))
                + (answer - success) * nominal(Outcome::Partial, ms, tokens, usd(output))
                + (1.0 - answer) * nominal(Outcome::Failure, ms, tokens, usd(output));
        }
        let served = sum / row.points.len() as f64;
        let value = live.error[l] * self.failed(level, Outcome::ApiError, error_ms)
            + (1.0 - live.error[l]) * served;
        self.past_door(spec, level, live, value)
    }
}

/// Expected wait for a slot: calls ahead over the rate at which slots come free.
fn wait_ms(providers: &Providers, row: &Row, model: ModelId) -> f64 {
    let (free, waiting) = providers.load(model);
    if free.is_none_or(|free| free > 0) {
        return 0.0;
    }
    let slots = providers.spec().models[model.index()].limits.slots.unwrap_or(1);
    let live = &providers.live()[model.index()];
    let output = row.points.iter().map(|p| p.output).sum::<f64>() / row.points.len() as f64;
    let service = live.latency.mean_ms(row.level, output) * live.latency_factor
        + live.conditions.stall.as_millis_f64();
    f64::from(waiting + 1) * service / f64::from(slots)
}

/// The `k`th point of the fixed set.
fn place(k: usize) -> [f64; 3] {
    STEPS.map(|step| (0.5 + step * (k + 1) as f64).fract().max(1e-9))
}

fn points(input: &Tokens, output: &Tokens, lengths: &Lengths) -> Vec<Point> {
    (0..POINTS)
        .map(|k| {
            let u = place(k);
            let (input, output) = match lengths {
                Lengths::Drawn => (input.at(u[0]), output.at(u[1])),
                Lengths::Traced(pairs) => pairs[(u[0] * pairs.len() as f64) as usize],
            };
            Point { input: input.into(), output: output.into() }
        })
        .collect()
}

fn paces(spec: &WorldSpec) -> Vec<[f64; POINTS]> {
    (0..spec.models.len())
        .map(|i| {
            let pace = spec.pace(ModelId(i as u16));
            std::array::from_fn(|k| pace.at(place(k)[2]))
        })
        .collect()
}
