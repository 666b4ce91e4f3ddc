//! The providers of one cell: they admit, queue, serve and bill calls.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::Outcome;
use crate::math;
use crate::registry::{KeyState, Latency};
use crate::sim::stream::{Purpose, Stream, Streams};
use crate::units::{Level, ModelId, PerLevel, SimDuration, SimTime, TaskId};
use crate::world::WorldSpec;
use crate::world::conditions::{Conditions, Down, Rejection};
use crate::world::fault::Timeline;
use crate::world::limits::{Quota, QuotaCharge, Rate};
use crate::world::outcomes::Answer;
use crate::world::truth::{self, Truth};

/// What a provider is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The task.
    pub task: TaskId,
    /// Its step.
    pub step: u8,
    /// The step's level.
    pub level: Level,
    /// The model called.
    pub model: ModelId,
    /// How many calls of this step went to this model before.
    pub nth: u16,
    /// Difficulty of the task, standard normal; positive is hard.
    pub difficulty: f64,
    /// Weight of the difficulty against the model's own luck.
    pub correlation: f64,
    /// Which recorded prompt it is, where answers are recorded.
    pub prompt: Option<u32>,
    /// Prompt length, where the model's own is not recorded.
    pub input_tokens: u32,
    /// Answer length before the model's own factor, where the model's own is not recorded.
    pub output_tokens: u32,
    /// The caller gives up at this instant.
    pub gives_up: SimTime,
    /// The caller gives up at this instant if no byte of an answer has come by then; [`SimTime::NEVER`] where only the
    /// whole answer is waited for.
    pub gives_up_on_first_token: SimTime,
}

impl Job {
    /// The instant at which a caller gives up who gets no byte, as while the call waits for a slot.
    #[must_use]
    pub fn gives_up_unanswered(&self) -> SimTime {
        self.gives_up.min(self.gives_up_on_first_token)
    }
}

/// How a call will end, settled when its service starts.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// When.
    pub at: SimTime,
    /// How.
    pub outcome: Outcome,
    /// Quality, nominal where there is no answer.
    pub quality: f64,
    /// Billed prompt tokens.
    pub input_tokens: u32,
    /// Billed answer tokens.
    pub output_tokens: u32,
    /// Billed cost.
    pub cost_usd: f64,
    /// The part of it that is the prompt's.
    pub input_usd: f64,
    /// Time from the start of service in which nothing of the answer was written for a fault.
    pub stall: SimDuration,
    /// Advice when to come back.
    pub retry_after: Option<SimDuration>,
    /// A slot is freed at the end.
    pub holds_slot: bool,
}

impl Ending {
    /// An end without an answer, which nobody pays for and which held no slot.
    #[must_use]
    pub fn unbilled(at: SimTime, outcome: Outcome) -> Self {
        Self {
            at,
            outcome,
            quality: outcome.nominal_quality(),
            input_tokens: 0,
            output_tokens: 0,
            cost_usd: 0.0,
            input_usd: 0.0,
            stall: SimDuration::ZERO,
            retry_after: None,
            holds_slot: false,
        }
    }
}

/// What became of a call at the provider's door.
#[derive(Clone, Copy, Debug)]
pub enum Admission {
    /// It ends like this.
    Settled(Ending),
    /// It waits for a slot.
    Queued,
}

/// Why a call would not be admitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refusal {
    /// The class.
    pub outcome: Outcome,
    /// Advice when to come back.
    pub retry_after: Option<SimDuration>,
}

/// The figures of one model in the present epoch: truth under the faults.
#[derive(Clone, Debug)]
pub struct Live {
    /// Probability of an `api_error` per level.
    pub error: PerLevel<f64>,
    /// Probability of success per level, given no error.
    pub success: PerLevel<f64>,
    /// Probability of success or partial per level, given no error.
    pub answer: PerLevel<f64>,
    success_quantile: PerLevel<f64>,
    answer_quantile: PerLevel<f64>,
    /// Mean quality before clamping.
    pub quality: PerLevel<f64>,
    /// Response time.
    pub latency: Latency,
    /// Factor on it.
    pub latency_factor: f64,
    /// USD per input token.
    pub usd_per_input: f64,
    /// USD per output token.
    pub usd_per_output: f64,
    /// All that faults do.
    pub conditions: Conditions,
}

impl Live {
    /// Whether a recorded answer is billed at its recorded cost; by its tokens otherwise.
    #[inline]
    pub(super) fn bills_as_recorded(&self, answer: &Answer) -> bool {
        !answer.cost_usd.is_nan() && self.conditions.price_list.is_none()
    }
}

#[derive(Clone, Debug, Default)]
struct Slots {
    busy: u32,
    waiting: VecDeque<u64>,
    n_waiting: u32,
}

/// All providers of one cell.
#[derive(Clone, Debug)]
pub struct Providers {
    spec: Arc<WorldSpec>,
    streams: Streams,
    truth: Vec<Truth>,
    timeline: Timeline,
    live: Vec<Live>,
    slots: Vec<Slots>,
    request_rates: Vec<Option<Rate>>,
    token_rates: Vec<Option<Rate>>,
    quotas: Vec<Quota>,
    /// Factor on each account's limit in the present epoch.
    quota_factors: Vec<f64>,
}

impl Providers {
    /// The providers of one seed.
    #[must_use]
    pub fn new(spec: Arc<WorldSpec>, streams: Streams) -> Self {
        let rate = |per_minute: Option<f64>, window| {
            per_minute.map(|limit| Rate::new(limit, window, spec.start))
        };
        let mut providers = Self {
            truth: truth::draw(&spec, &streams),
            timeline: spec.timeline(&streams),
            live: Vec::new(),
            slots: vec![Slots::default(); spec.models.len()],
            request_rates: spec
                .models
                .iter()
                .map(|m| rate(m.limits.requests_per_minute, m.limits.window))
                .collect(),
            token_rates: spec
                .models
                .iter()
                .map(|m| rate(m.limits.tokens_per_minute, m.limits.window))
                .collect(),
            quotas: spec.accounts.iter().map(|a| Quota::new(a, spec.start)).collect(),
            quota_factors: vec![1.0; spec.accounts.len()],
            streams,
            spec,
        };
        providers.timeline.advance(SimTime::ZERO);
        providers.pass(0);
        providers
    }

    /// Boundaries from number `from` on were passed: quotas are set, figures computed anew.
    fn pass(&mut self, from: usize) {
        for &(at, model, share) in self.timeline.quota_sets(from, self.timeline.epoch()) {
            self.quotas[self.spec.models[model.index()].account].use_up(at, share);
        }
        self.renew();
    }

    fn renew(&mut self) {
        self.live = (0..self.truth.len())
            .map(|i| self.figures(i, self.timeline.conditions(ModelId(i as u16))))
            .collect();
        // A cut of one model's quota cuts the account that it shares.
        self.quota_factors.fill(1.0);
        for (spec, live) in self.spec.models.iter().zip(&self.live) {
            if live.conditions.quota_factor != 1.0 {
                self.quota_factors[spec.account] = live.conditions.quota_factor;
            }
        }
    }

    fn figures(&self, i: usize, conditions: Conditions) -> Live {
        let spec = &self.spec;
        let (model, truth) = (&spec.models[i], &self.truth[i]);
        let p = truth.success.map(|p| (p * conditions.success_factor).clamp(0.0, 1.0));
        let partial = p.map(|p| (1.0 - p) * spec.partial_share);
        // Where answers are recorded, calls fail by faults alone.
        let error_share = if spec.recorded.is_some() { 0.0 } else { spec.api_error_share };
        let own_error: PerLevel<f64> =
            std::array::from_fn(|l| (1.0 - p[l] - partial[l]) * error_share);
        let success: PerLevel<f64> =
            std::array::from_fn(|l| (p[l] / (1.0 - own_error[l]).max(1e-300)).min(1.0));
        let answer: PerLevel<f64> = std::array::from_fn(|l| {
            ((p[l] + partial[l]) / (1.0 - own_error[l]).max(1e-300)).min(1.0)
        });
        let [usd_input, usd_output] = match conditions.price_list {
            Some(list) => spec.price_lists[list][i],
            None => [model.usd_per_mtok_input, model.usd_per_mtok_output],
        };
        Live {
            error: own_error.map(|own| 1.0 - (1.0 - own) * (1.0 - conditions.error_rate)),
            success,
            answer,
            success_quantile: success.map(math::normal_quantile),
            answer_quantile: answer.map(math::normal_quantile),
            quality: truth.quality.map(|q| q + conditions.quality_points),
            latency: truth.latency,
            latency_factor: conditions.latency_factor,
            usd_per_input: usd_input * conditions.price_factor / 1e6,
            usd_per_output: usd_output * conditions.price_factor / 1e6,
            conditions,
        }
    }

    /// Moves the timeline to `now`; says whether the world changed.
    #[inline]
    pub fn advance(&mut self, now: SimTime) -> bool {
        let from = self.timeline.epoch();
        let changed = self.timeline.advance(now);
        if changed {
            self.pass(from);
        }
        changed
    }

    /// The specification.
    #[must_use]
    pub fn spec(&self) -> &Arc<WorldSpec> {
        &self.spec
    }

    /// Figures of the present epoch, by model.
    #[must_use]
    pub fn live(&self) -> &[Live] {
        &self.live
    }

    /// The faults of this seed.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Tokens used of a model's account, and its limit, as the provider counts them.
    pub fn quota(&mut self, now: SimTime, model: ModelId) -> (u64, Option<u64>) {
        let account = self.spec.models[model.index()].account;
        self.quotas[account].state(now, self.quota_factors[account])
    }

    /// Whether a call of `tokens` would be refused at `now`, the luck of rejections and faults of first calls aside.
    pub fn refusal(&mut self, now: SimTime, model: ModelId, tokens: u64) -> Option<Refusal> {
        let i = model.index();
        let model_spec = &self.spec.models[i];
        let (limits, account) = (model_spec.limits, model_spec.account);
        if self.live[i].conditions.key_revoked || model_spec.key != KeyState::Present {
            return Some(Refusal { outcome: Outcome::Auth, retry_after: None });
        }
        let advice = |wait| limits.retry_after.then_some(wait);
        for (rates, units) in [(&self.request_rates, 1.0), (&self.token_rates, tokens as f64)] {
            if let Some(rate) = &rates[i]
                && !rate.fits(now, units)
            {
                let retry_after = advice(rate.wait(now, units));
                return Some(Refusal { outcome: Outcome::RateLimited, retry_after });
            }
        }
        let (used, limit) = self.quota(now, model);
        let need = if limits.quota_charged == QuotaCharge::Reserved { tokens.max(1) } else { 1 };
        if limit.is_some_and(|limit| used + need > limit) {
            let retry_after = advice(self.quotas[account].wait(now));
            return Some(Refusal { outcome: Outcome::QuotaExhausted, retry_after });
        }
        None
    }

    /// Slots that `model` has free, `None` if it has no limit; and calls waiting.
    #[must_use]
    pub fn load(&self, model: ModelId) -> (Option<u32>, u32) {
        let slots = &self.slots[model.index()];
        let limit = self.spec.models[model.index()].limits.slots;
        (limit.map(|limit| limit.saturating_sub(slots.busy)), slots.n_waiting)
    }

    /// What is recorded of the model's answer.
    #[inline]
    fn recorded(&self, job: &Job) -> Option<&Answer> {
        let recorded = self.spec.recorded.as_ref()?;
        Some(recorded.table.answer(job.prompt?, job.model))
    }

    fn input_tokens(&self, job: &Job) -> u32 {
        let recorded = self.recorded(job).map(|answer| answer.input_tokens);
        recorded.filter(|n| *n != Answer::NO_TOKENS).unwrap_or(job.input_tokens)
    }

    fn output_tokens(&self, job: &Job) -> u32 {
        let recorded = self.recorded(job).map(|answer| answer.output_tokens);
        if let Some(recorded) = recorded.filter(|n| *n != Answer::NO_TOKENS) {
            return recorded;
        }
        let factor = self.spec.models[job.model.index()].output_tokens_factor;
        if factor == 1.0 {
            job.output_tokens
        } else {
            (f64::from(job.output_tokens) * factor + 0.5) as u32
        }
    }

    fn stream(&self, job: &Job) -> Stream {
        self.streams.call(
            Purpose::Call,
            job.task,
            job.model,
            usize::from(job.step),
            u32::from(job.nth),
        )
    }

    /// A call arrives. `ticket` names it in the queue.
    #[inline]
    pub fn admit(&mut self, now: SimTime, job: &Job, ticket: u64) -> Admission {
        let i = job.model.index();
        let conditions = self.timeline.at_door(job.model, self.live[i].conditions);
        if let Some(down) = conditions.outage {
            return Admission::Settled(self.outage(now, job, down));
        }
        let tokens = u64::from(self.input_tokens(job)) + u64::from(self.output_tokens(job));
        let refusal = match self.rejection(job, &conditions) {
            Some((Rejection::ApiError, retry_after)) => {
                let ending = self.outage(now, job, Down::Error);
                return Admission::Settled(Ending { retry_after, ..ending });
            }
            Some((Rejection::ConnectionError, _)) => {
                return Admission::Settled(self.outage(now, job, Down::Reset));
            }
            Some((rejection, retry_after)) => {
                Some(Refusal { outcome: rejection.outcome(), retry_after })
            }
            None if conditions.key_revoked => {
                Some(Refusal { outcome: Outcome::Auth, retry_after: None })
            }
            None => self.refusal(now, job.model, tokens),
        };
        if let Some(refusal) = refusal {
            let at = (now + self.spec.refusal_time).min(job.gives_up);
            let ending = Ending::unbilled(at, refusal.outcome);
            return Admission::Settled(Ending { retry_after: refusal.retry_after, ..ending });
        }
        for (rates, units) in
            [(&mut self.request_rates, 1.0), (&mut self.token_rates, tokens as f64)]
        {
            if let Some(rate) = &mut rates[i] {
                rate.book(now, units);
            }
        }
        let model = &self.spec.models[i];
        if model.limits.quota_charged != QuotaCharge::AfterResponse {
            self.quotas[model.account].charge(now, tokens);
        }
        let slots = &mut self.slots[i];
        if model.limits.slots.is_some_and(|limit| slots.busy >= limit) {
            slots.waiting.push_back(ticket);
            slots.n_waiting += 1;
            return Admission::Queued;
        }
        slots.busy += 1;
        Admission::Settled(self.serve(now, job))
    }

    /// With what a fault turns the call away. Its luck is drawn behind the call's other draws, so that it moves none of
    /// them.
    #[inline]
    fn rejection(
        &self,
        job: &Job,
        conditions: &Conditions,
    ) -> Option<(Rejection, Option<SimDuration>)> {
        if !conditions.rejects() {
            return None;
        }
        let mut stream = self.stream(job);
        stream.skip_pairs(CALL_DRAWS / 2);
        conditions.rejection(stream.uniform())
    }

    fn outage(&self, now: SimTime, job: &Job, down: Down) -> Ending {
        let error_at = now + self.spec.error_time;
        let (at, outcome) = match down {
            Down::Error => (error_at, Outcome::ApiError),
            Down::Reset => (error_at, Outcome::ConnectionError),
            Down::Hang { closes_after: Some(after) } => (now + after, Outcome::ConnectionError),
            Down::Hang { closes_after: None } => (SimTime::NEVER, Outcome::Timeout),
        };
        let gives_up = job.gives_up_unanswered().max(now);
        if at < gives_up {
            Ending::unbilled(at, outcome)
        } else {
            Ending::unbilled(gives_up, Outcome::Timeout)
        }
    }

    /// Settles how a call ends whose service starts at `now`; its slot is already taken.
    fn serve(&mut self, now: SimTime, job: &Job) -> Ending {
        let i = job.model.index();
        match self.timeline.in_service(job.model, self.live[i].conditions) {
            Some(conditions) => self.served(now, job, &self.figures(i, conditions)),
            None => self.served(now, job, &self.live[i]),
        }
    }

    fn served(&self, now: SimTime, job: &Job, live: &Live) -> Ending {
        let level = job.level.index();
        if let Some(down) = live.conditions.outage {
            return Ending { holds_slot: true, ..self.outage(now, job, down) };
        }
        let mut stream = self.stream(job);
        let luck = stream.uniform();
        let own = stream.uniform();
        let pace = stream.uniform();
        let shine = stream.uniform();
        if luck < live.error[level] {
            return Ending { holds_slot: true, ..self.outage(now, job, Down::Error) };
        }
        let (input_tokens, output_tokens) = (self.input_tokens(job), self.output_tokens(job));
        let recorded = self.recorded(job);
        let ms = match recorded.map(|answer| f64::from(answer.latency_s)).filter(|s| !s.is_nan()) {
            Some(seconds) => seconds * 1e3,
            None => {
                let mean_ms = live.latency.mean_ms(job.level, f64::from(output_tokens));
                mean_ms * self.spec.pace(job.model).at(pace)
            }
        };
        let stall = live.conditions.stall;
        let service = SimDuration::from_millis_f64(ms * live.latency_factor) + stall;
        let at = now + service;
        // The recorded bill is that of the whole answer; one that is cut off pays for its share of the answer's tokens.
        let by_tokens = |output_tokens: u32| {
            f64::from(input_tokens) * live.usd_per_input
                + f64::from(output_tokens) * live.usd_per_output
        };
        let bill_usd = |written: u32| match recorded {
            Some(answer) if live.bills_as_recorded(answer) => {
                let whole = by_tokens(output_tokens);
                let share = if whole > 0.0 { by_tokens(written) / whole } else { 1.0 };
                answer.cost_usd * live.conditions.price_factor * share
            }
            _ => by_tokens(written),
        };
        let bill = |outcome, quality, at, output_tokens: u32| Ending {
            at,
            outcome,
            quality,
            input_tokens,
            output_tokens,
            cost_usd: bill_usd(output_tokens),
            input_usd: bill_usd(0),
            stall,
            retry_after: None,
            holds_slot: true,
        };
        let timed_out =
            |at, written| bill(Outcome::Timeout, Outcome::Timeout.nominal_quality(), at, written);
        if job.gives_up_on_first_token < job.gives_up {
            let share = live.latency.first_token_share(f64::from(output_tokens));
            let first_token =
                now + stall + SimDuration::from_millis_f64(ms * live.latency_factor * share);
            if first_token > job.gives_up_on_first_token {
                return timed_out(job.gives_up_on_first_token.max(now), 0);
            }
        }
        if at > job.gives_up {
            // Given up on in mid-answer: billed in proportion to the time it had.
            return timed_out(
                job.gives_up,
                written_by(job.gives_up, now, at, stall, output_tokens),
            );
        }
        if let (Some(answer), Some(world)) = (recorded, &self.spec.recorded) {
            let drift = live.conditions;
            let spoilt = drift.success_factor < 1.0 && own >= drift.success_factor;
            let quality = if spoilt { 0.0 } else { 100.0 * f64::from(answer.quality) };
            let outcome = match !spoilt && answer.quality >= world.success_from {
                true => Outcome::Success,
                false => Outcome::Failure,
            };
            let quality = (quality + drift.quality_points).clamp(0.0, 100.0);
            return bill(outcome, quality, at, output_tokens);
        }
        let rho = job.correlation;
        let score = rho.sqrt() * job.difficulty + (1.0 - rho).sqrt() * math::normal_quantile(own);
        if score < live.success_quantile[level] {
            let z = math::normal_quantile(shine);
            let quality = (live.quality[level] + self.spec.quality_sd * z).clamp(0.0, 100.0);
            bill(Outcome::Success, quality, at, output_tokens)
        } else if score < live.answer_quantile[level] {
            bill(Outcome::Partial, Outcome::Partial.nominal_quality(), at, output_tokens)
        } else {
            bill(Outcome::Failure, Outcome::Failure.nominal_quality(), at, output_tokens)
        }
    }

    /// A settled call is over: charges its tokens and frees its slot.
    #[inline]
    pub fn end(&mut self, now: SimTime, model: ModelId, ending: &Ending) {
        let spec = &self.spec.models[model.index()];
        let tokens = u64::from(ending.input_tokens) + u64::from(ending.output_tokens);
        if spec.limits.quota_charged == QuotaCharge::AfterResponse && tokens > 0 {
            self.quotas[spec.account].charge(now, tokens);
        }
        if ending.holds_slot {
            self.slots[model.index()].busy -= 1;
        }
    }

    /// The caller cancels at `now` a call whose service began at `began` and that was to end with `ending`: it pays for its
    /// prompt and for what was written of the answer by then, at the prices of its start, and its slot is free.
    pub fn cancel(
        &mut self,
        now: SimTime,
        model: ModelId,
        ending: &Ending,
        began: SimTime,
    ) -> Ending {
        let output_tokens = written_by(now, began, ending.at, ending.stall, ending.output_tokens);
        let share = match ending.output_tokens {
            0 => 0.0,
            whole => f64::from(output_tokens) / f64::from(whole),
        };
        let cancelled = Ending {
            at: now,
            outcome: Outcome::Cancelled,
            quality: Outcome::Cancelled.nominal_quality(),
            output_tokens,
            cost_usd: ending.input_usd + (ending.cost_usd - ending.input_usd) * share,
            retry_after: None,
            ..*ending
        };
        self.end(now, model, &cancelled);
        cancelled
    }

    /// The next waiting call, if a slot is free; the caller starts it with [`Providers::begin`] or drops it.
    #[inline]
    pub fn next_waiting(&mut self, model: ModelId) -> Option<u64> {
        let slots = &mut self.slots[model.index()];
        let limit = self.spec.models[model.index()].limits.slots?;
        if slots.busy < limit { slots.waiting.pop_front() } else { None }
    }

    /// A waiting call gets a slot.
    pub fn begin(&mut self, now: SimTime, job: &Job) -> Ending {
        let slots = &mut self.slots[job.model.index()];
        slots.busy += 1;
        slots.n_waiting -= 1;
        self.serve(now, job)
    }

    /// A waiting call was given up; its ticket stays in the queue and must be dropped when it comes up.
    pub fn give_up(&mut self, model: ModelId) {
        self.slots[model.index()].n_waiting -= 1;
    }
}

/// How many of `output_tokens` are written by `now` of an answer whose service takes from `began` to `at`: in proportion to
/// the time, a stall at its start aside.
fn written_by(
    now: SimTime,
    began: SimTime,
    at: SimTime,
    stall: SimDuration,
    output_tokens: u32,
) -> u32 {
    let writes_from = began + stall;
    if now >= at {
        return output_tokens;
    }
    let done = now.max(writes_from).since(writes_from).as_secs_f64();
    // The cast cuts off a token that is not whole.
    (f64::from(output_tokens) * (done / at.since(writes_from).as_secs_f64())) as u32
}

/// Draws that [`Providers::serve`] takes from a call's stream.
const CALL_DRAWS: u32 = 4;
