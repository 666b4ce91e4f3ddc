//! How fast the full stack is against a bare loop of the same events, each part of it, and the writing of its rows.
//!
//! Workload `gateway-100`: 44 arrivals a second, ten servers of eight slots with queues, 10 s timeout, at most three
//! attempts. One core; runs take turns, so that a change of the machine's speed hits all alike; medians are printed.

#![expect(clippy::disallowed_types, reason = "a bench measures time")]
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::black_box;
use std::time::Instant;

use reflexarc::analysis::run::Bins;
use reflexarc::calendar::LocalClock;
use reflexarc::domain::{ModelSet, TaskRecord};
use reflexarc::engine::{self, Cell, End, Observer, Unobserved};
use reflexarc::learners::{CARDS, Context, Features, Feedback, Learner, LearnerConfig, Prior};
use reflexarc::math;
use reflexarc::registry::Latency;
use reflexarc::results::column::Table;
use reflexarc::results::part_files::PartFiles;
use reflexarc::results::recorder::{Discarded, Names, Recorder, Recording, RowSink};
use reflexarc::routing::breaker::{BreakerRule, Stage4Rule};
use reflexarc::routing::order::{LearnerScope, OrderRule};
use reflexarc::routing::retry::{Backoff, OnFailure, OnFailures, RetryPlan, RetryTarget};
use reflexarc::sim::stream::{Purpose, Streams};
use reflexarc::units::{Level, ModelId, SimDuration, TaskId};
use reflexarc::world::ServiceShape;
use reflexarc::world::workload::WorkloadSpec;

use support::Draft;

const SEED: u64 = 2026;
const TASKS: u64 = 200_000;
const SERVERS: usize = 10;
const SLOTS: u32 = 8;
/// More slots than one server ever fills: for policies that herd while feedback is delayed.
const NO_LIMIT: u32 = 100_000;
const RATE_PER_S: f64 = 44.0;
const SIGMA: f64 = 0.8;
const TIMEOUT_S: f64 = 10.0;
const ATTEMPTS: u32 = 3;
const FAILS: f64 = 0.05;
const COUNTED: usize = 7;

fn learner(name: &str) -> LearnerConfig {
    serde_json::from_value(serde_json::json!({ name: {} })).expect("every learner has defaults")
}

/// gateway-100 with an order and so many slots a server.
fn gateway(order: OrderRule, slots: u32) -> Cell {
    let mut draft = Draft::new(SERVERS);
    draft.end = End::Tasks(TASKS);
    draft.workload = WorkloadSpec::Poisson { rate_per_s: RATE_PER_S };
    draft.world.service = ServiceShape::Lognormal;
    draft.world.latency_sigma = SIGMA;
    draft.world.quality_sd = 1.0;
    draft.world.api_error_share = 0.0;
    // A median of 1 s.
    let mean_ms = 1000.0 * math::exp(0.5 * SIGMA * SIGMA);
    for model in &mut draft.world.models {
        model.latency = Latency::Response([mean_ms; 4]);
        model.success = [1.0 - FAILS; 4];
        model.limits.slots = Some(slots);
    }
    for account in &mut draft.world.accounts {
        account.daily_tokens = Some(1 << 50);
    }
    draft.stack.order = order;
    draft.stack.call_timeout = SimDuration::from_secs_f64(TIMEOUT_S);
    draft.stack.retry = RetryPlan {
        max_retries: 2,
        target: RetryTarget::Another,
        backoff: Backoff::Exponential {
            first: SimDuration::from_secs_f64(0.5),
            factor: 2.0,
            max: SimDuration::MAX,
            spread: (0.5, 1.5),
            added: SimDuration::ZERO,
        },
        ..RetryPlan::none()
    };
    draft.stack.on = OnFailures::all(OnFailure::RETRY);
    draft.stack.breaker = BreakerRule::Stage4(Stage4Rule {
        failures_to_open: 5,
        open_for: SimDuration::from_secs_f64(60.0),
        successes_to_close: 3,
        ..Stage4Rule::default()
    });
    draft.build()
}

fn learns(name: &str) -> OrderRule {
    OrderRule::Learner {
        config: learner(name),
        wrappers: Default::default(),
        scope: LearnerScope::All,
        keeps_short: false,
    }
}

/// Names of the rows.
struct Labels {
    models: Vec<String>,
    task_types: Vec<String>,
}

impl Labels {
    fn new() -> Self {
        let models = (0..SERVERS).map(|i| format!("m{i}")).collect();
        Self { models, task_types: vec!["task".to_owned()] }
    }

    fn names(&self) -> Names<'_> {
        Names {
            block: "block",
            variant: "variant",
            models: &self.models,
            task_types: &self.task_types,
            prompts: &[],
        }
    }
}

/// Runs a cell with all its rows going into `sink`.
fn run_recorded<S: RowSink>(cell: &Cell, labels: &Labels, sink: &mut S) -> u64 {
    let bins = Bins::Tasks { from: 0, to: TASKS, n: 100 };
    let clock = LocalClock::new(cell.world.start, cell.zone.clone());
    let plain = Recording::plain(labels.names(), bins, clock);
    let mut recorder = Recorder::new(Recording { attempts: true, ..plain }, SEED, sink);
    let digest = engine::run(cell, SEED, &mut recorder);
    black_box(recorder.finish());
    digest.n_events
}

/// Time from arrival to end over all tasks, the calls made, and the tasks served.
#[derive(Default)]
struct MeanLatency {
    sum_s: f64,
    n: u64,
    calls: u64,
    served: u64,
}

impl Observer for MeanLatency {
    fn task_ended(&mut self, record: &TaskRecord) {
        self.sum_s += record.ended.since(record.arrived).as_secs_f64();
        self.n += 1;
        self.calls += u64::from(record.n_attempts);
        self.served += u64::from(record.served);
    }
}

/// Calls that a cell makes per task, and the share of tasks that it serves.
fn figures(cell: &Cell) -> (f64, f64) {
    let mut latency = MeanLatency::default();
    engine::run(cell, SEED, &mut latency);
    let n = latency.n as f64;
    (latency.calls as f64 / n, latency.served as f64 / n)
}

/// One task of the bare loop.
#[derive(Clone, Copy, Default)]
struct Bare {
    task: u64,
    arrived: u64,
    enqueued: u64,
    server: u32,
    attempt: u32,
    ticket: u32,
    waits: bool,
    fails: bool,
}

/// The bare loop: the same events by hand, with the same keyed draws, and nothing else. Returns the mean latency in
/// seconds and the calls per task.
fn bare_loop(n_tasks: u64, slots: u32) -> (f64, f64) {
    let mut sim = BareLoop {
        slots,
        streams: Streams::new(SEED),
        heap: BinaryHeap::new(),
        sequence: 0,
        busy: [0; SERVERS],
        queues: std::array::from_fn(|_| VecDeque::new()),
        give_ups: VecDeque::new(),
        tasks: Vec::new(),
        vacant: Vec::new(),
        latency_ns: 0,
        calls: 0,
    };
    sim.run(n_tasks)
}

struct BareLoop {
    slots: u32,
    streams: Streams,
    heap: BinaryHeap<Reverse<u128>>,
    sequence: u64,
    busy: [u32; SERVERS],
    queues: [VecDeque<(u32, u32)>; SERVERS],
    give_ups: VecDeque<(u64, u32, u32)>,
    tasks: Vec<Bare>,
    vacant: Vec<u32>,
    latency_ns: u64,
    calls: u64,
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9 + 0.5) as u64
}

impl BareLoop {
    fn gap(&self, n: u64) -> u64 {
        let mut stream = self.streams.nth(Purpose::Arrival, n);
        nanoseconds(-math::ln(stream.uniform()) / RATE_PER_S)
    }

    fn push(&mut self, at: u64, payload: u64) {
        self.heap.push(Reverse(u128::from(at) << 64 | u128::from(self.sequence << 24 | payload)));
        self.sequence += 1;
    }

    fn run(&mut self, n_tasks: u64) -> (f64, f64) {
        let mut n_arrived = 0;
        let mut arrival = self.gap(0);
        let deadline = nanoseconds(TIMEOUT_S);
        loop {
            while let Some((_, slot, ticket)) = self.give_ups.front() {
                let task = &self.tasks[*slot as usize];
                if task.waits && task.ticket == *ticket {
                    break;
                }
                self.give_ups.pop_front();
            }
            let event = self.heap.peek().map_or(u64::MAX, |Reverse(key)| (key >> 64) as u64);
            let give_up = self.give_ups.front().map_or(u64::MAX, |(at, _, _)| *at);
            let now = event.min(give_up).min(arrival);
            if now == u64::MAX {
                let per_task = 1.0 / n_tasks as f64;
                return (self.latency_ns as f64 / 1e9 * per_task, self.calls as f64 * per_task);
            }
            if now == give_up {
                let (_, slot, _) = self.give_ups.pop_front().expect("it was in front");
                self.tasks[slot as usize].waits = false;
                self.failed(now, slot);
            } else if now == event {
                let Reverse(key) = self.heap.pop().expect("it was on top");
                let payload = key as u64;
                let slot = (payload & 0x7f_ffff) as u32;
                if payload & (1 << 23) != 0 {
                    self.call(now, slot, deadline);
                } else {
                    self.ended(now, slot);
                }
            } else {
                let slot = self.vacant.pop().unwrap_or(self.tasks.len() as u32);
                let task = Bare { task: n_arrived, arrived: now, ..Bare::default() };
                if slot as usize == self.tasks.len() {
                    self.tasks.push(task);
                } else {
                    let ticket = self.tasks[slot as usize].ticket;
                    self.tasks[slot as usize] = Bare { ticket, ..task };
                }
                n_arrived += 1;
                arrival = if n_arrived < n_tasks { now + self.gap(n_arrived) } else { u64::MAX };
                self.call(now, slot, deadline);
            }
        }
    }

    /// Sends the task to a server of uniform choice, a retry to another one.
    fn call(&mut self, now: u64, slot: u32, deadline: u64) {
        let task = self.tasks[slot as usize];
        let mut stream =
            self.streams.call(Purpose::Choice, TaskId(task.task), ModelId(0), 0, task.attempt);
        let server = if task.attempt == 0 {
            stream.index(SERVERS) as u32
        } else {
            (task.server + 1 + stream.index(SERVERS - 1) as u32) % SERVERS as u32
        };
        let task = &mut self.tasks[slot as usize];
        task.server = server;
        task.enqueued = now;
        self.calls += 1;
        task.ticket += 1;
        let ticket = task.ticket;
        if self.busy[server as usize] < self.slots {
            self.busy[server as usize] += 1;
            self.begin(now, slot);
        } else {
            task.waits = true;
            self.queues[server as usize].push_back((slot, ticket));
            self.give_ups.push_back((now + deadline, slot, ticket));
        }
    }

    /// Service starts: its end, or the deadline, is settled.
    fn begin(&mut self, now: u64, slot: u32) {
        let task = &mut self.tasks[slot as usize];
        let (id, model) = (TaskId(task.task), ModelId(task.server as u16));
        let mut stream = self.streams.call(Purpose::Call, id, model, 0, task.attempt);
        let fails = stream.uniform() < FAILS;
        let service = math::exp(SIGMA * math::normal_quantile(stream.uniform()));
        let end = now + nanoseconds(service);
        let deadline = task.enqueued + nanoseconds(TIMEOUT_S);
        task.fails = fails || end > deadline;
        task.waits = false;
        self.push(end.min(deadline), u64::from(slot));
    }

    fn ended(&mut self, now: u64, slot: u32) {
        let task = self.tasks[slot as usize];
        let server = task.server as usize;
        self.busy[server] -= 1;
        if task.fails {
            self.failed(now, slot);
        } else {
            self.done(now, slot);
        }
        while self.busy[server] < self.slots {
            let Some((next, ticket)) = self.queues[server].pop_front() else { break };
            let waiting = &self.tasks[next as usize];
            if waiting.waits && waiting.ticket == ticket {
                self.busy[server] += 1;
                self.begin(now, next);
            }
        }
    }

    fn failed(&mut self, now: u64, slot: u32) {
        let task = &mut self.tasks[slot as usize];
        task.attempt += 1;
        let (id, attempt) = (TaskId(task.task), task.attempt);
        if attempt == ATTEMPTS {
            self.done(now, slot);
            return;
        }
        let mut stream = self.streams.call(Purpose::Backoff, id, ModelId(0), 0, attempt - 1);
        let wait = 0.5 * f64::from(1_u32 << (attempt - 1)) * (0.5 + stream.uniform());
        self.push(now + nanoseconds(wait), u64::from(slot) | 1 << 23);
    }

    fn done(&mut self, now: u64, slot: u32) {
        self.latency_ns += now - self.tasks[slot as usize].arrived;
        self.vacant.push(slot);
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A name and what is timed under it.
type Timing<'r> = (&'r str, Box<dyn FnMut() + 'r>);

/// Median seconds of each of `runs`, which take turns: once to warm up, then [`COUNTED`] times.
fn take_turns(runs: &mut [Timing<'_>]) -> Vec<f64> {
    let mut times = vec![Vec::new(); runs.len()];
    for round in 0..=COUNTED {
        for ((_, run), times) in runs.iter_mut().zip(&mut times) {
            let started = Instant::now();
            run();
            if round > 0 {
                times.push(started.elapsed().as_secs_f64());
            }
        }
    }
    times.into_iter().map(median).collect()
}

/// One row of the table: what runs, and whether its rows are recorded.
struct Stack<'c> {
    what: &'static str,
    cell: &'c Cell,
    recorded: bool,
}

/// Times stacks against the bare loop with as many slots a server.
fn bench_stacks(title: &str, slots: u32, orders: &[(&'static str, OrderRule, bool)]) {
    let labels = Labels::new();
    let cells: Vec<Cell> =
        orders.iter().map(|(_, order, _)| gateway(order.clone(), slots)).collect();
    let stacks: Vec<Stack<'_>> = orders
        .iter()
        .zip(&cells)
        .map(|((what, _, recorded), cell)| Stack { what, cell, recorded: *recorded })
        .collect();
    let mut runs: Vec<Timing<'_>> = vec![(
        "bare loop",
        Box::new(|| {
            black_box(bare_loop(TASKS, slots));
        }),
    )];
    for stack in &stacks {
        let labels = &labels;
        runs.push((
            stack.what,
            Box::new(move || {
                if stack.recorded {
                    black_box(run_recorded(stack.cell, labels, &mut Discarded));
                } else {
                    black_box(engine::run(stack.cell, SEED, &mut Unobserved));
                }
            }),
        ));
    }
    let times = take_turns(&mut runs);
    let (_, bare_calls) = bare_loop(TASKS, slots);
    println!("\n{title}, {TASKS} tasks.\n");
    println!("| run | tasks/s | ns/task | ratio to bare loop | calls/task | served |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (at, ((what, _), time)) in runs.iter().zip(&times).enumerate() {
        let (ns, ratio) = (time * 1e9 / TASKS as f64, time / times[0]);
        let (calls, served) = match at.checked_sub(1) {
            None => (bare_calls, String::new()),
            Some(stack) => {
                let (calls, served) = figures(stacks[stack].cell);
                (calls, format!("{:.1} %", 100.0 * served))
            }
        };
        println!("| {what} | {:.0} | {ns:.0} | {ratio:.2} | {calls:.2} | {served} |", 1e9 / ns);
    }
}

/// The two loops simulate the same: their mean latencies agree.
fn compare_latency() {
    let mut latency = MeanLatency::default();
    engine::run(&gateway(OrderRule::Random, SLOTS), SEED, &mut latency);
    let full = latency.sum_s / latency.n as f64;
    let (bare, _) = bare_loop(TASKS, SLOTS);
    println!("Mean latency, random order: full stack {full:.3} s, bare loop {bare:.3} s.");
    assert!((full / bare - 1.0).abs() < 0.02, "the two loops do not simulate the same");
}

fn bench_learners() {
    const DECISIONS: u64 = 50_000;
    let features = [0.6, -0.2, 0.5, 0.3, 0.5];
    let scores = Prior::of_scores(vec![[50.0; 4]; SERVERS]);
    let prior = Prior { n_features: features.len(), ..scores };
    let eligible = ModelSet::first(SERVERS);
    let features = Features::of_request(&features);
    let context = Context { features, ..Context::plain(Level::L1, 10) };
    let streams = Streams::new(SEED);
    let decide = |name: &str| {
        let mut learner = learner(name).build(&prior);
        for task in 0..DECISIONS {
            let mut stream = streams.task(Purpose::Choice, TaskId(task));
            let choice = learner.choose(&context, eligible, &mut stream);
            let reward = 0.5 + 0.04 * f64::from(choice.model.0) * stream.uniform();
            learner.learn(&Feedback {
                cost: 0.3,
                propensity: choice.propensity,
                ..Feedback::answered(context, choice.model, reward)
            });
        }
        black_box(&learner);
    };
    let mut runs: Vec<Timing<'_>> = CARDS
        .iter()
        .map(|(name, _)| -> Timing<'_> { (*name, Box::new(|| decide(name))) })
        .collect();
    let times = take_turns(&mut runs);
    println!("\n| learner, {SERVERS} models | ns per choose + learn |\n|---|---:|");
    for ((what, _), time) in runs.iter().zip(&times) {
        println!("| {what} | {:.0} |", time * 1e9 / DECISIONS as f64);
    }
}

/// Passes rows on and keeps the time that it takes, by table.
struct Timed {
    files: PartFiles,
    /// Rows and seconds of tasks, then of attempts.
    spent: [(usize, f64); 2],
}

impl RowSink for Timed {
    fn take<T: Table>(&mut self, table: &T) {
        let started = Instant::now();
        self.files.take(table);
        let at = match T::DOC.name {
            "tasks" => 0,
            "attempts" => 1,
            _ => return,
        };
        self.spent[at].0 += table.len();
        self.spent[at].1 += started.elapsed().as_secs_f64();
    }
}

fn bench_parquet() {
    let labels = Labels::new();
    let cell = gateway(learns("ucb1"), NO_LIMIT);
    let tables = ["tasks", "attempts"];
    let mut seconds: [Vec<f64>; 2] = Default::default();
    let mut rows = [0; 2];
    let mut bytes = [0; 2];
    for round in 0..=COUNTED {
        let folder = tempfile::tempdir().expect("a folder for a while");
        let files = PartFiles::new(folder.path(), 0);
        let mut sink = Timed { files, spent: Default::default() };
        run_recorded(&cell, &labels, &mut sink);
        sink.files.finish().expect("the files are whole");
        for (at, table) in tables.iter().enumerate() {
            let path = folder.path().join(table).join("part-0000.parquet");
            bytes[at] = std::fs::metadata(path).expect("it was written").len();
            rows[at] = sink.spent[at].0;
            if round > 0 {
                seconds[at].push(sink.spent[at].1);
            }
        }
    }
    println!("\n| Parquet | rows | rows/s | bytes per row |\n|---|---:|---:|---:|");
    for (at, table) in tables.iter().enumerate() {
        let rate = rows[at] as f64 / median(std::mem::take(&mut seconds[at]));
        let size = bytes[at] as f64 / rows[at] as f64;
        println!("| {table} | {} | {rate:.0} | {size:.1} |", rows[at]);
    }
}

fn main() {
    compare_latency();
    bench_stacks(
        "Gateway-100 (ten servers of eight slots)",
        SLOTS,
        &[
            ("random, recorded", OrderRule::Random, true),
            ("random", OrderRule::Random, false),
            ("Thompson, Gaussian, recorded", learns("thompson_gaussian"), true),
        ],
    );
    // UCB1 repeats one model while its feedback is on the way; with eight slots it would drown it, and the two loops
    // would no longer handle the same events.
    bench_stacks(
        "Gateway-100 without a limit of slots",
        NO_LIMIT,
        &[
            ("UCB1, recorded", learns("ucb1"), true),
            ("UCB1", learns("ucb1"), false),
            ("random, recorded", OrderRule::Random, true),
            ("Thompson, Gaussian, recorded", learns("thompson_gaussian"), true),
            ("Thompson, Beta, recorded", learns("thompson_beta"), true),
        ],
    );
    bench_learners();
    bench_parquet();
}
