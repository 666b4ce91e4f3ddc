//! The loop of bandit mode: a router order chooses an arm in every round of a classic problem.
//!
//! Observers see a round as a task with one call: it arrives in second `t` of virtual time and ends there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Cell, Digest, Observer, QuotaSample, Sample};
use crate::domain::{
    AttemptRecord, ModelSet, Outcome, Priority, Request, Response, Role, StepRecord, TaskRecord,
};
use crate::learners::{Choice, Context, Features, Feedback, Prior};
use crate::routing::order::{Order, View};
use crate::sim::stream::{Purpose, Streams};
use crate::units::{Level, NANOS_PER_SECOND, SimDuration, SimTime, TaskId};
use crate::world::bandit::{Draw, Problem, Rounds};

/// The level of every round: bandit problems have none.
const LEVEL: Level = Level::L1;

/// A result on its way to the learner.
#[derive(Clone, Copy, Debug)]
struct Late {
    choice: Choice,
    draw: Draw,
}

struct Loop<'a, O> {
    problem: &'a Problem,
    rounds: Rounds<'a>,
    /// The rounds again, for the features of results that come late.
    past: Rounds<'a>,
    order: Order,
    learning: bool,
    observer: &'a mut O,
    streams: Streams,
    /// Results to come, the next first: (round before which it is known, its own round, place in `late`).
    queue: BinaryHeap<Reverse<(u64, u64, u32)>>,
    late: Vec<Late>,
    vacant: Vec<u32>,
    budget_rate: Option<f64>,
    spent: f64,
    digest: Digest,
}

/// What is known before a problem starts.
fn prior(problem: &Problem, cell: &Cell) -> Prior {
    let costs = problem.budget.as_ref().map(|budget| budget.costs.clone());
    Prior {
        costs: costs.unwrap_or_else(|| vec![0.0; problem.n_arms]),
        n_features: problem.n_features(),
        horizon: Some(problem.horizon),
        budget: problem.budget.as_ref().map(|budget| budget.total),
        ..Prior::of_scores(cell.registry.models.iter().map(|m| m.score).collect())
    }
}

/// Plays a problem for one seed.
pub(super) fn run<O: Observer>(
    cell: &Cell,
    problem: &Problem,
    seed: u64,
    observer: &mut O,
) -> Digest {
    let streams = Streams::new(seed);
    let order = Order::new(&cell.stack.order, &cell.registry, &prior(problem, cell), 1);
    let mut own = Loop {
        problem,
        rounds: problem.rounds(streams),
        past: problem.rounds(streams),
        order,
        learning: cell.stack.learning,
        observer,
        streams,
        queue: BinaryHeap::new(),
        late: Vec::new(),
        vacant: Vec::new(),
        budget_rate: problem.budget_rate(),
        spent: 0.0,
        digest: Digest { event_hash: 0, n_events: 0, n_tasks: 0, ended: SimTime::ZERO },
    };
    own.observer.run_begins(&own.order.beliefs(problem.n_arms));
    for round in 0..problem.horizon {
        own.round(round);
    }
    own.sample_until(own.digest.ended);
    own.digest
}

fn request(round: u64) -> Request {
    Request {
        task: TaskId(round),
        task_type: 0,
        step: 0,
        level: LEVEL,
        priority: Priority::Normal,
        input_tokens: 0,
        prompt: None,
        arrived: SimTime::ZERO,
        deadline: SimTime::NEVER,
    }
}

impl<O: Observer> Loop<'_, O> {
    fn round(&mut self, round: u64) {
        let now = SimTime(round * NANOS_PER_SECOND);
        while let Some(Reverse((due, of, at))) = self.queue.peek().copied() {
            if due > round {
                break;
            }
            self.queue.pop();
            self.vacant.push(at);
            self.tell(of, self.late[at as usize]);
        }
        self.rounds.go_to(round);
        for new in self.problem.present.iter().filter(|p| p.from == round && round > 0) {
            self.order.model_added(new.arm);
        }
        let awake = self.rounds.awake();
        let choice = if self.is_spent() { None } else { self.choose(round, awake) };
        let drawn = choice.map(|choice| (choice, self.rounds.draw(choice.model)));
        self.book(round, now, awake, drawn);
        if let Some((choice, draw)) = drawn {
            self.spent += draw.cost;
            self.send(round, Late { choice, draw });
        }
        self.digest.n_tasks += 1;
        self.digest.n_events += 1;
        self.digest.ended = now;
        let word = round.rotate_left(20) ^ choice.map_or(u64::MAX, |c| u64::from(c.model.0));
        let mixed = (self.digest.event_hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.digest.event_hash = mixed ^ (mixed >> 29);
    }

    fn is_spent(&self) -> bool {
        self.problem.budget.as_ref().is_some_and(|budget| self.spent >= budget.total)
    }

    fn choose(&mut self, round: u64, awake: ModelSet) -> Option<Choice> {
        let mut stream = self.streams.task(Purpose::Choice, TaskId(round));
        let request = request(round);
        let context = context(self.problem, &self.rounds);
        let view = View { told: Some(self.rounds.means()), ..View::plain(&request, context) };
        let choice = self.order.pick(&view, awake, &mut stream)?;
        if self.learning {
            self.order.chosen(&view, choice.model);
        }
        Some(choice)
    }

    /// Sends a result on its way; without delay it is there at once.
    fn send(&mut self, round: u64, late: Late) {
        let due = self.rounds.known_before(late.choice.model);
        if due == round + 1 && self.queue.is_empty() {
            self.tell(round, late);
            return;
        }
        let at = match self.vacant.pop() {
            Some(at) => {
                self.late[at as usize] = late;
                at
            }
            None => {
                self.late.push(late);
                self.late.len() as u32 - 1
            }
        };
        self.queue.push(Reverse((due, round, at)));
    }

    /// Tells the learner what came of its choice in round `of`.
    fn tell(&mut self, of: u64, Late { choice, draw }: Late) {
        if !self.learning {
            return;
        }
        let request = request(of);
        let is_now = of == self.digest.n_tasks;
        let rounds = if is_now || self.problem.n_features() == 1 {
            &self.rounds
        } else {
            self.past.recall(of);
            &self.past
        };
        let context = context(self.problem, rounds);
        let feedback = Feedback {
            cost: draw.cost,
            propensity: choice.propensity,
            ..Feedback::answered(context, choice.model, draw.reward)
        };
        self.order.learn(&View::plain(&request, context), &feedback);
    }
}

impl<O: Observer> Loop<'_, O> {
    /// Shows the observer a round as a task with one call, or with none if nothing could be chosen.
    fn book(&mut self, round: u64, now: SimTime, awake: ModelSet, drawn: Option<(Choice, Draw)>) {
        let means = self.rounds.means();
        let best = awake.iter().map(|arm| means[arm.index()]).fold(f64::NEG_INFINITY, f64::max);
        let own = drawn.map_or(0.0, |(choice, _)| means[choice.model.index()]);
        let reference = match self.budget_rate {
            Some(rate) => rate,
            None if awake.is_empty() => 0.0,
            None => best,
        };
        let regret = reference - own;
        let is_best = drawn.is_some() && best - own <= 1e-12;
        let outcome = if drawn.is_some() { Outcome::Success } else { Outcome::Shed };
        let model = drawn.map(|(choice, _)| choice.model);
        let (reward, cost) = drawn.map_or((0.0, 0.0), |(_, draw)| (draw.reward, draw.cost));
        let task = TaskId(round);
        let record = TaskRecord {
            task,
            task_type: 0,
            level: LEVEL,
            priority: Priority::Normal,
            estimated_tokens: 0.0,
            prompt: None,
            arrived: now,
            ended: now,
            outcome,
            served: drawn.is_some(),
            in_time: drawn.is_some(),
            quality: 100.0 * reward,
            input_tokens: 0,
            output_tokens: 0,
            cost_usd: cost,
            efficiency: 0.0,
            reward,
            decision_regret: Some(regret),
            n_best: u16::from(is_best),
            n_decisions: u16::from(!awake.is_empty()),
            n_steps: 1,
            n_attempts: u16::from(drawn.is_some()),
            first_model: model,
            served_by: model,
            trigger: None,
            rescued: false,
        };
        self.observer.task_arrived(&record);
        self.sample_until(now);
        if let Some((choice, _)) = drawn {
            self.observer.attempt_ended(&AttemptRecord {
                task,
                step: 0,
                level: LEVEL,
                attempt: 0,
                model: choice.model,
                role: Role::First,
                chosen_by: self.order.chosen_by(),
                propensity: choice.propensity,
                explored: choice.explored,
                fallback_reason: None,
                dispatched: now,
                wait: SimDuration::ZERO,
                response: Response {
                    outcome,
                    quality: record.quality,
                    input_tokens: 0,
                    output_tokens: 0,
                    cost_usd: cost,
                    duration: SimDuration::ZERO,
                    retry_after: None,
                },
                served: true,
                reward: Some(reward),
                decision_regret: Some(regret),
            });
        }
        self.observer.step_ended(&StepRecord {
            task,
            step: 0,
            level: LEVEL,
            started: now,
            ended: now,
            outcome,
            served: record.served,
            quality: record.quality,
            tokens: 0,
        });
        self.observer.task_ended(&record);
    }

    /// Shows the observer what is believed at every instant up to `now` that it asked for; there are no quotas.
    fn sample_until(&mut self, now: SimTime) {
        while self.observer.sample_due() <= now {
            let due = self.observer.sample_due();
            let none = QuotaSample { used: 0, limit: None, believed_used: 0 };
            let quotas = vec![none; self.problem.n_arms];
            let beliefs = self.order.beliefs(self.problem.n_arms);
            self.observer.sample(due, Sample { quotas, beliefs });
        }
    }
}

fn context<'a>(problem: &Problem, rounds: &'a Rounds<'_>) -> Context<'a> {
    let features = match problem.feature_width() {
        0 => Features::of_request(rounds.features()),
        width => Features::of_pairs(rounds.features(), width),
    };
    Context { features, ..Context::plain(LEVEL, 0) }
}
