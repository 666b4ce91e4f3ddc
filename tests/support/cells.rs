//! Random cells: any mix of models, limits, faults, workloads and stacks.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, RngSeed};
use proptest::{array, collection, option};
use reflexarc::domain::{Outcome, Priority, WeightChange};
use reflexarc::engine::{Cell, End};
use reflexarc::learners::{CARDS, LearnerConfig};
use reflexarc::registry::{KeyState, Latency};
use reflexarc::reward::{Reward, STAGE4_WEIGHTS};
use reflexarc::routing::DeadlineRule;
use reflexarc::routing::allocator::{AllocateBy, AllocatorRule, Binding};
use reflexarc::routing::breaker::{BreakerRule, Stage4Rule};
use reflexarc::routing::fallback::{Chain, FallbackPlan, Group, Ranking};
use reflexarc::routing::hedge::{HedgeAfter, HedgeRule, HedgeTarget};
use reflexarc::routing::ledger::{Charged, LedgerRule};
use reflexarc::routing::load::{LatencyWindowRule, LoadRule, PeakEwmaRule, Ties};
use reflexarc::routing::minute::MinuteLimit;
use reflexarc::routing::monitor::MonitorRule;
use reflexarc::routing::order::{CheapestRule, LearnerScope, OrderRule};
use reflexarc::routing::replica::{Assign, ReplicaRule};
use reflexarc::routing::retry::{
    Backoff, OnFailure, OnFailures, Reads429, RetriesPer, RetryAfter, RetryPlan, RetryTarget,
};
use reflexarc::routing::reweighting::Reweighting;
use reflexarc::sim::sample::LogNormal;
use reflexarc::units::{Level, ModelId, SimDuration, SimTime};
use reflexarc::world::conditions::{Down, Rejection};
use reflexarc::world::fault::{Effect, FaultSpec, Target};
use reflexarc::world::limits::{Limits, QuotaCharge, RateWindow};
use reflexarc::world::workload::{
    GapLaw, Modulation, OpenSpec, RateProfile, Recording, SessionSpec, Think, TraceRow, Turns,
    WorkloadSpec,
};
use reflexarc::world::{ModelSpec, ServiceShape, Spread, TaskType, Tokens};

use crate::support::Draft;

/// Arrivals stop at the latest after this time or number.
const LAST_S: f64 = 600.0;
const LAST_TASK: u64 = 500;

pub(crate) fn seconds(s: f64) -> SimDuration {
    SimDuration::from_secs_f64(s)
}

pub(crate) fn instant(s: f64) -> SimTime {
    SimTime::ZERO + seconds(s)
}

/// So many cases, always the same ones, and no file of failures.
pub(crate) fn always(cases: u32, seed: u64) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    }
}

/// Five minutes to midnight and 7 s into a minute: daily quotas reset and minutes turn within the run.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_second(20_000 * 86_400 - 300 + 7).expect("in range")
}

fn limits() -> impl Strategy<Value = Limits> {
    (
        option::of(1..5_u32),
        option::weighted(0.3, 1..40_u32),
        option::weighted(0.3, 500..20_000_u32),
        prop_oneof![Just(RateWindow::CalendarMinute), Just(RateWindow::TokenBucket)],
        charge(),
        any::<bool>(),
    )
        .prop_map(|(slots, rpm, tpm, window, quota_charged, retry_after)| Limits {
            slots,
            requests_per_minute: rpm.map(f64::from),
            tokens_per_minute: tpm.map(f64::from),
            window,
            quota_charged,
            retry_after,
        })
}

fn charge() -> impl Strategy<Value = QuotaCharge> {
    prop_oneof![
        Just(QuotaCharge::AfterResponse),
        Just(QuotaCharge::AtAdmission),
        Just(QuotaCharge::Reserved),
    ]
}

fn latency() -> impl Strategy<Value = Latency> {
    prop_oneof![
        (50.0..8_000.0).prop_map(|ms| Latency::Response([ms, 1.5 * ms, 2.0 * ms, 0.5 * ms])),
        (50.0..1_000.0, 1.0..20.0).prop_map(|(ttft_ms, ms_per_output_token)| {
            Latency::PerToken { ttft_ms, ms_per_output_token }
        }),
    ]
}

/// A model, its levels as bits, and the daily tokens of an account that its position may give it.
fn model() -> impl Strategy<Value = (ModelSpec, u8, Option<u64>)> {
    let key = prop_oneof![
        8 => Just(KeyState::Present),
        1 => Just(KeyState::Missing),
        1 => Just(KeyState::Invalid),
    ];
    let truth = (0.0..=1.0, 0.0..=100.0, latency(), 0.5..2.0, 0.0..20.0, any::<u16>());
    (truth, key, limits(), any::<u8>(), option::of(1_000..60_000_u64)).prop_map(
        |(
            (p, quality, latency, output_tokens_factor, usd, account),
            key,
            limits,
            levels,
            daily,
        )| {
            let model = ModelSpec {
                success: [p, 0.9 * p, 0.8 * p, p],
                quality: [quality; 4],
                latency,
                pace: None,
                usd_per_mtok_input: usd,
                usd_per_mtok_output: 4.0 * usd,
                output_tokens_factor,
                key,
                account: account.into(),
                limits,
            };
            (model, levels, daily)
        },
    )
}

fn tokens() -> impl Strategy<Value = Tokens> {
    prop_oneof![
        (1.0..2_000.0_f64).prop_map(|n| Tokens::Constant(n.floor())),
        (1.0..500.0, 0.0..1.0)
            .prop_map(|(mean, sigma)| Tokens::LogNormal(LogNormal::with_mean(mean, sigma))),
        (0..300_u32, 0..900_u32)
            .prop_map(|(low, width)| Tokens::Uniform(low.into(), (low + width).into())),
    ]
}

fn task_type() -> impl Strategy<Value = TaskType> {
    (
        0.1..3.0,
        collection::vec(0..4_usize, 1..4),
        tokens(),
        tokens(),
        option::of(0.5..30.0),
        0.0..=1.0,
    )
        .prop_map(|(share, steps, input_tokens, output_tokens, deadline, correlation)| {
            TaskType {
                name: "kind".to_owned(),
                share,
                steps: steps.into_iter().map(|l| Level::ALL[l]).collect(),
                priority: Priority::High,
                input_tokens,
                output_tokens,
                deadline: deadline.map(seconds),
                difficulty_correlation: correlation,
            }
        })
}

fn down() -> impl Strategy<Value = Down> {
    prop_oneof![
        Just(Down::Error),
        Just(Down::Reset),
        option::of(0.0..40.0).prop_map(|wait| Down::Hang { closes_after: wait.map(seconds) }),
    ]
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        down().prop_map(|form| Effect::Outage { form }),
        (0.0..=1.0).prop_map(|error_rate| Effect::BrownOut { error_rate }),
        (0.2..10.0).prop_map(|factor| Effect::SlowDown { factor }),
        (0.0..=1.0).prop_map(|share| Effect::QuotaUsed { share }),
        (0.0..=1.0).prop_map(|factor| Effect::QuotaCut { factor }),
        (0..Rejection::ALL.len(), 0.0..=1.0, option::of(0.0..90.0)).prop_map(
            |(rejection, share, wait)| Effect::Reject {
                rejection: Rejection::ALL[rejection],
                share,
                retry_after: wait.map(seconds),
            }
        ),
        (0.0..40.0).prop_map(|s| Effect::Stall { first_token: seconds(s) }),
        (-80.0..20.0, 0.0..1.5).prop_map(|(quality_points, success_factor)| {
            Effect::QualityDrift { quality_points, success_factor }
        }),
        (0.0..5.0).prop_map(|factor| Effect::PriceChange { factor }),
        Just(Effect::KeyRevoked),
    ]
}

fn fault() -> impl Strategy<Value = FaultSpec> {
    let target = prop_oneof![
        collection::vec(0..12_u16, 1..4)
            .prop_map(|m| m.into_iter().map(ModelId).collect())
            .prop_map(Target::Models),
        (1..6_usize).prop_map(Target::Draw),
    ];
    let times = (0.0..LAST_S, option::of(1.0..300.0), option::of(1.0..200.0));
    let calls = option::weighted(0.3, 0..20_u32);
    (effect(), target, times, any::<bool>(), calls).prop_map(
        |(effect, target, (start, lasts, ramp), kills_in_flight, first_calls)| FaultSpec {
            first_calls: first_calls.filter(|_| effect.is_countable()),
            name: effect.name().to_owned(),
            effect,
            target,
            start: instant(start),
            end: lasts.map_or(SimTime::NEVER, |s| instant(start + s)),
            ramp: ramp.map_or(SimDuration::ZERO, seconds),
            kills_in_flight,
        },
    )
}

fn open_arrivals() -> impl Strategy<Value = OpenSpec> {
    let law = prop_oneof![
        Just(GapLaw::Exponential),
        (0.2..4.0).prop_map(GapLaw::gamma),
        (0.4..4.0).prop_map(|shape| GapLaw::Weibull { shape }),
    ];
    let profile = (collection::vec(0.1..1.0, 24), -9..9_i8).prop_map(|(hours, offset)| {
        let zone = TimeZone::fixed(jiff::tz::offset(offset));
        RateProfile::new(Timestamp::UNIX_EPOCH, zone, hours, [1.0; 7])
    });
    let states = collection::vec((0.1..4.0, 1.0..60.0), 1..4).prop_map(|states| {
        let states: Vec<_> = states.into_iter().map(|(rate, s)| (rate, seconds(s))).collect();
        Modulation::of_rates(&states).0
    });
    (law, 0.2..4.0, option::of(profile), option::of(states)).prop_map(
        |(law, rate_per_s, profile, modulation)| OpenSpec { law, rate_per_s, profile, modulation },
    )
}

fn turns() -> impl Strategy<Value = Turns> {
    prop_oneof![
        (1..6_u32).prop_map(Turns::Constant),
        (1.0..6.0).prop_map(|mean| Turns::Geometric { mean })
    ]
}

fn think() -> impl Strategy<Value = Think> {
    prop_oneof![
        Just(Think::Constant(SimDuration::ZERO)),
        (0.1..20.0).prop_map(|mean| Think::Exponential { mean: seconds(mean) }),
        (0.1..20.0).prop_map(|mean| Think::LogNormal(LogNormal::with_mean(mean, 1.0))),
    ]
}

fn workload() -> impl Strategy<Value = WorkloadSpec> {
    prop_oneof![
        (0.2..4.0).prop_map(|rate_per_s| WorkloadSpec::Poisson { rate_per_s }),
        (0.25..5.0)
            .prop_map(|interval| WorkloadSpec::FixedInterval { interval: seconds(interval) }),
        (1..16_u32, 0.0..2.0, option::of(0.0..10.0)).prop_map(|(in_flight, think, interval)| {
            WorkloadSpec::ClosedLoop {
                in_flight,
                think: seconds(think),
                interval: seconds(interval.unwrap_or(0.0)),
            }
        }),
        open_arrivals().prop_map(WorkloadSpec::Open),
        (open_arrivals(), turns(), think(), 0.0..1.0).prop_map(
            |(mut arrivals, turns, think, context_share)| {
                arrivals.rate_per_s *= 0.5;
                WorkloadSpec::Sessions(SessionSpec { arrivals, turns, think, context_share })
            }
        ),
        (collection::vec((0.0..4.0, 0..900_u32, 0..900_u32), 2..200), any::<bool>()).prop_map(
            |(gaps, repeat)| {
                let mut at = 0.5;
                let rows = gaps.into_iter().map(|(gap, input_tokens, output_tokens)| {
                    at += gap;
                    TraceRow { arrived: instant(at), input_tokens, output_tokens }
                });
                WorkloadSpec::Trace(Recording::new(Arc::new(rows.collect()), repeat))
            }
        ),
    ]
}

fn order() -> impl Strategy<Value = OrderRule> {
    let scope = prop_oneof![
        Just(LearnerScope::Level),
        Just(LearnerScope::TaskType),
        Just(LearnerScope::All)
    ];
    let learner = (0..CARDS.len(), scope, any::<bool>()).prop_map(|(i, scope, keeps_short)| {
        OrderRule::Learner { config: learner(i), wrappers: Default::default(), scope, keeps_short }
    });
    let fixed = prop_oneof![
        collection::vec(0..12_u16, 1..12)
            .prop_map(|m| OrderRule::Static(m.into_iter().map(ModelId).collect())),
        Just(OrderRule::Random),
        Just(OrderRule::RoundRobin),
        collection::vec(0.0..2.0, 12).prop_map(OrderRule::Weighted),
        Just(OrderRule::Cheapest(CheapestRule::default())),
        Just(OrderRule::Fastest),
        Just(OrderRule::Load(LoadRule::LeastBusy { ties: Ties::First, choices: 2 })),
        Just(OrderRule::Load(LoadRule::LatencyWindow(LatencyWindowRule::default()))),
        Just(OrderRule::Load(LoadRule::PeakEwma(PeakEwmaRule::default()))),
        Just(OrderRule::Load(LoadRule::LeastUsed)),
        Just(OrderRule::InformedGreedy),
    ];
    prop_oneof![learner, fixed]
}

fn learner(i: usize) -> LearnerConfig {
    let written = serde_json::json!({ CARDS[i].0: {} });
    serde_json::from_value(written).expect("every learner has defaults")
}

fn retry() -> impl Strategy<Value = (RetryPlan, OnFailures)> {
    let backoff = prop_oneof![
        (0.0..5.0).prop_map(|s| Backoff::Fixed(seconds(s))),
        (0.01..2.0, 1.0..3.0, 0.0..=1.0, 0.0..1.0).prop_map(|(first, factor, jitter, added)| {
            Backoff::Exponential {
                first: seconds(first),
                factor,
                max: seconds(20.0),
                spread: (1.0 - jitter, 1.0 + jitter),
                added: seconds(added),
            }
        }),
        (0.01..2.0)
            .prop_map(|first| Backoff::Decorrelated { first: seconds(first), max: seconds(9.0) }),
        Just(Backoff::Fixed(SimDuration::ZERO)),
    ];
    let target =
        prop_oneof![Just(RetryTarget::Same), Just(RetryTarget::Another), Just(RetryTarget::Any)];
    let per = prop_oneof![Just(RetriesPer::Step), Just(RetriesPer::Target)];
    let retry_after = prop_oneof![
        Just(RetryAfter::Ignored),
        Just(RetryAfter::AtLeast),
        Just(RetryAfter::Exactly),
        Just(RetryAfter::WithJitter)
    ];
    let quirks = (any::<bool>(), any::<bool>());
    let plan = (0..4_u16, per, target, retry_after, 0.0..60.0, quirks, backoff).prop_map(
        |(max_retries, per, target, retry_after, max_wait, quirks, backoff)| RetryPlan {
            max_retries,
            per,
            target,
            retry_after,
            longest_retry_after: seconds(60.0),
            max_wait: seconds(max_wait),
            at_once_if_others: quirks.0,
            waits_after_last: quirks.1,
            backoff,
        },
    );
    let on = collection::vec((any::<[bool; 4]>(), option::of(0.1..100.0)), Outcome::ALL.len());
    let on = on.prop_map(|rows| {
        let all = OnFailures::all(OnFailure::FALL_BACK);
        Outcome::ALL.into_iter().zip(rows).fold(all, |all, (outcome, (switches, hold))| {
            let [retry, waits, elsewhere, fall_back] = switches;
            let hold = hold.map_or(SimDuration::ZERO, seconds);
            all.with(outcome, OnFailure { retry, waits, elsewhere, fall_back, hold })
        })
    });
    (plan, on)
}

/// What a stack has beside order, retries, fallbacks and breakers.
type Resilience = (
    Option<HedgeRule>,
    DeadlineRule,
    ReplicaRule,
    Option<SimDuration>,
    Reads429,
    Option<(u64, u64)>,
);

fn resilience() -> impl Strategy<Value = Resilience> {
    let after = prop_oneof![
        (0.0..20.0).prop_map(|s| HedgeAfter::Delay(seconds(s))),
        (0.1..=1.0).prop_map(HedgeAfter::Quantile)
    ];
    let target = prop_oneof![Just(HedgeTarget::Another), Just(HedgeTarget::Same)];
    let hedge =
        (after, 1..4_u8, target).prop_map(|(after, max, target)| HedgeRule { after, max, target });
    let deadline =
        (0.1..60.0, any::<bool>(), any::<bool>()).prop_map(|(s, of_task, cuts_calls)| {
            DeadlineRule { after: seconds(s), of_task, cuts_calls }
        });
    let assign = prop_oneof![Just(Assign::RoundRobin), Just(Assign::Random)];
    let replicas = (1..5_u8, option::of(0.5..60.0), assign)
        .prop_map(|(n, every, assign)| ReplicaRule { n, sync_every: every.map(seconds), assign });
    let reads =
        prop_oneof![Just(Reads429::Exactly), Just(Reads429::AsRateLimit), Just(Reads429::AsQuota)];
    (
        option::weighted(0.3, hedge),
        prop_oneof![Just(DeadlineRule::NONE), deadline],
        prop_oneof![Just(ReplicaRule::ONE), replicas],
        option::weighted(0.2, (1.0..100.0).prop_map(seconds)),
        reads,
        option::weighted(0.2, (1..50_u64, 100..50_000_u64)),
    )
}

fn groups() -> impl Strategy<Value = Vec<(Vec<u16>, Vec<u8>, [bool; 4])>> {
    let group =
        (collection::vec(0..12_u16, 1..4), collection::vec(0..4_u8, 0..4), any::<[bool; 4]>());
    prop_oneof![2 => Just(Vec::new()), 1 => collection::vec(group, 1..5)]
}

fn fallback() -> impl Strategy<Value = FallbackPlan> {
    let order = || collection::vec((0..12_u16).prop_map(ModelId), 0..8);
    prop_oneof![
        Just(FallbackPlan::None),
        (order(), order(), order(), order(), 0..5_000_u64).prop_map(|(a, b, c, d, tokens)| {
            FallbackPlan::Stage4 { order: [a, b, c, d], min_tokens_left: tokens }
        }),
        (0..6_u16, prop_oneof![Just(Ranking::Order), Just(Ranking::Score), Just(Ranking::Price)])
            .prop_map(|(max_fallbacks, by)| FallbackPlan::Ranked { by, max_fallbacks }),
        (order(), order(), order()).prop_map(|(a, b, c)| FallbackPlan::Chain(Chain {
            any: [a.clone(), b, a, Vec::new()],
            typed: vec![(Outcome::RateLimited, c)],
        })),
        (0..6_u16).prop_map(|max_fallbacks| FallbackPlan::Groups { max_fallbacks }),
    ]
}

fn breaker() -> impl Strategy<Value = BreakerRule> {
    let stage4 = (1..6_u32, 1.0..120.0, 1..4_u32).prop_map(|(failures, open_s, successes)| {
        BreakerRule::Stage4(Stage4Rule {
            failures_to_open: failures,
            open_for: seconds(open_s),
            successes_to_close: successes,
            ..Stage4Rule::default()
        })
    });
    let others = proptest::sample::select(vec![
        BreakerRule::Resilience4j(Default::default()),
        BreakerRule::FailsafeGo(Default::default()),
        BreakerRule::Opossum(Default::default()),
        BreakerRule::Pybreaker(Default::default()),
        BreakerRule::Cockatiel(Default::default()),
        BreakerRule::Purgatory(Default::default()),
        BreakerRule::FailsafeRs(Default::default()),
        BreakerRule::Recloser(Default::default()),
    ]);
    prop_oneof![1 => Just(BreakerRule::None), 2 => stage4, 2 => others]
}

fn reward() -> impl Strategy<Value = Reward> {
    prop_oneof![
        Just(Reward::Efficiency),
        Just(Reward::Stage4Efficiency),
        Just(Reward::LevelReward(STAGE4_WEIGHTS)),
        Just(Reward::Utility { quality: 1.0, cost_per_usd: 10.0, latency_per_s: 0.01 }),
    ]
}

/// Local times about midnight, within the longest run.
fn allocator() -> impl Strategy<Value = AllocatorRule> {
    let time = |minute: u8| {
        let minute = minute as i8;
        if minute < 5 {
            civil::time(23, 55 + minute, 30, 0)
        } else {
            civil::time(0, minute - 5, 0, 0)
        }
    };
    let times = collection::btree_set((0..11_u8).prop_map(time), 1..4);
    let by = prop_oneof![
        Just(AllocateBy::Stage4),
        Just(AllocateBy::Beliefs),
        array::uniform4(option::of((0..12_u16).prop_map(ModelId))).prop_map(AllocateBy::Static),
    ];
    let binding =
        prop_oneof![Just(Binding::None), Just(Binding::FirstChoice), Just(Binding::WithinBudget)];
    let budgets = array::uniform4(array::uniform4(0..30_000_u64));
    (times, by, binding, budgets).prop_map(|(times, by, binding, budgets)| AllocatorRule {
        times: times.into_iter().collect(),
        by,
        binding,
        budgets,
    })
}

fn reweighting() -> impl Strategy<Value = Reweighting> {
    let change = (0.0..LAST_S, 0..4_usize, array::uniform3(0.1..1.0));
    let changes = collection::vec(change, 1..5).prop_map(|changes| {
        let change = |(s, level, weights): (f64, usize, [f64; 3])| WeightChange {
            at: instant(s),
            level: Level::ALL[level],
            weights: weights.map(|w| w / weights.iter().sum::<f64>()),
        };
        let mut changes: Vec<WeightChange> = changes.into_iter().map(change).collect();
        changes.sort_by_key(|change| change.at);
        Reweighting::Scheduled(changes)
    });
    let adapted = (10.0..300.0, 0.0..2.0, 0.01..0.3).prop_map(|(every, rate, floor)| {
        Reweighting::Adapted { every: seconds(every), rate, floor }
    });
    prop_oneof![Just(Reweighting::Fixed), changes, adapted]
}

fn monitor() -> impl Strategy<Value = MonitorRule> {
    (1..30_usize, 1..200_usize).prop_map(|(min_calls, keep)| MonitorRule {
        min_calls,
        keep,
        ..MonitorRule::STAGE4
    })
}

fn charged() -> impl Strategy<Value = Charged> {
    prop_oneof![Just(Charged::AfterResponse), Just(Charged::AtAdmission), Just(Charged::Reserved)]
}

/// The plan with every model that it names passed through `fold`.
fn onto(plan: FallbackPlan, fold: impl Fn(ModelId) -> ModelId) -> FallbackPlan {
    let all = |models: Vec<ModelId>| models.into_iter().map(&fold).collect::<Vec<_>>();
    match plan {
        FallbackPlan::Chain(chain) => FallbackPlan::Chain(Chain {
            any: chain.any.map(&all),
            typed: chain.typed.into_iter().map(|(class, models)| (class, all(models))).collect(),
        }),
        FallbackPlan::Stage4 { order, min_tokens_left } => {
            FallbackPlan::Stage4 { order: order.map(&all), min_tokens_left }
        }
        other => other,
    }
}

fn grouped(
    groups: Vec<(Vec<u16>, Vec<u8>, [bool; 4])>,
    fold: impl Fn(ModelId) -> ModelId,
) -> Vec<Group> {
    let n = groups.len() as u8;
    let group = |(models, fallbacks, levels): (Vec<u16>, Vec<u8>, [bool; 4])| Group {
        name: "group".to_owned(),
        models: models.into_iter().map(|m| fold(ModelId(m))).collect(),
        levels,
        fallbacks: fallbacks.into_iter().map(|g| g % n).collect(),
        typed: Vec::new(),
    };
    groups.into_iter().map(group).collect()
}

/// Any cell: ids beyond the number of models are folded back onto it.
pub(crate) fn cell() -> impl Strategy<Value = Cell> {
    let world = (
        collection::vec(model(), 1..=12),
        collection::vec(task_type(), 1..4),
        collection::vec(fault(), 0..5),
        (0.0..=1.0, 0.0..=1.0, any::<bool>(), 0.0..1.0),
        prop_oneof![
            Just(ServiceShape::Lognormal),
            Just(ServiceShape::Exponential),
            Just(ServiceShape::Constant)
        ],
    );
    let end = prop_oneof![
        (1.0..LAST_S).prop_map(|s| End::At(instant(s))),
        (1..LAST_TASK).prop_map(End::Tasks)
    ];
    let run = (workload(), end, any::<bool>(), any::<bool>());
    let judged = (any::<bool>(), any::<bool>(), option::of(0.0..0.5), option::of(0..12_u16));
    let ledger = (0.1..=1.0, any::<bool>(), charged());
    let stack = (order(), retry(), fallback(), breaker(), reward(), 0.5..40.0, judged, ledger);
    let daily = (
        option::weighted(0.8, allocator()),
        reweighting(),
        monitor(),
        proptest::bool::weighted(0.9),
    );
    let more = (resilience(), groups());
    (world, run, stack, daily, more).prop_map(|(world, run, stack, daily, more)| {
        let (models, task_types, faults, (partial, api_error, spread, refusal_s), service) = world;
        let n = models.len();
        let fold = |m: ModelId| ModelId(m.0 % n as u16);
        let mut draft = Draft::new(n);
        draft.world.start = start();
        for (i, (mut model, levels, daily)) in models.into_iter().enumerate() {
            model.account %= n;
            draft.world.models[i] = model;
            // Level 1 everywhere, so that most tasks find a model.
            draft.levels[i] = std::array::from_fn(|l| l == 0 || levels >> l & 1 == 1);
            draft.world.accounts[i].daily_tokens = daily;
            draft.world.accounts[i].reset_zone = TimeZone::UTC;
        }
        draft.world.task_types = task_types;
        draft.world.faults = faults;
        for fault in &mut draft.world.faults {
            if let Target::Models(models) = &mut fault.target {
                models.iter_mut().for_each(|m| *m = fold(*m));
            }
        }
        draft.world.partial_share = partial;
        draft.world.api_error_share = api_error;
        draft.world.refusal_time = seconds(refusal_s);
        draft.world.service = service;
        if spread {
            draft.world.spread = Spread { success: 0.3, quality: 0.3, latency: 0.2 };
        }
        (draft.workload, draft.end, draft.cut, draft.regret) = run;
        let (order, retry, fallback, breaker, reward, timeout, judged, ledger) = stack;
        draft.reward = reward;
        draft.stack.reward = reward;
        draft.stack.order = match order {
            OrderRule::Static(models) => OrderRule::Static(models.into_iter().map(fold).collect()),
            OrderRule::Weighted(mut weights) => {
                weights.truncate(n);
                OrderRule::Weighted(weights)
            }
            other => other,
        };
        (draft.stack.retry, draft.stack.on) = retry;
        let (resilience, groups) = more;
        let per_minute;
        (
            draft.stack.hedge,
            draft.stack.deadline,
            draft.stack.replicas,
            draft.stack.wait_for_model,
            draft.stack.reads_429,
            per_minute,
        ) = resilience;
        draft.stack.fallback = match fallback {
            FallbackPlan::Groups { .. } if groups.is_empty() => FallbackPlan::None,
            other => onto(other, fold),
        };
        draft.stack.groups = grouped(groups, fold);
        draft.stack.breaker = breaker;
        draft.stack.call_timeout = seconds(timeout);
        let (partial_counts, order_sees_breaker, refusal_reward, last_resort) = judged;
        draft.stack.partial_counts = partial_counts;
        draft.stack.order_sees_breaker = order_sees_breaker;
        draft.stack.refusal_reward = refusal_reward;
        draft.stack.last_resort = last_resort.map(|m| fold(ModelId(m)));
        let (short_at_share, learn_from_refusals, charged) = ledger;
        draft.stack.ledger = LedgerRule::plain(short_at_share, learn_from_refusals);
        draft.stack.ledger.charged = charged;
        draft.stack.ledger.expected_output_tokens = 200;
        draft.stack.ledger.per_minute = per_minute.map_or(Vec::new(), |(requests, tokens)| {
            vec![MinuteLimit { requests: Some(requests), tokens: Some(tokens) }; n]
        });
        let (allocator, reweighting, monitor, learning) = daily;
        draft.stack.allocator = allocator.map(|mut rule| {
            if let AllocateBy::Static(models) = &mut rule.by {
                models.iter_mut().flatten().for_each(|m| *m = fold(*m));
            }
            rule
        });
        draft.stack.reweighting = reweighting;
        draft.stack.monitor = monitor;
        draft.stack.learning = learning;
        draft.build()
    })
}
