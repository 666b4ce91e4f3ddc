//! Cells for tests and benches: one builder with calm defaults, of which a test changes what it is about.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reflexarc::domain::{Outcome, Priority};
use reflexarc::engine::{Cell, End};
use reflexarc::registry::{Account, KeyState, Latency, Model, Registry};
use reflexarc::reward::Reward;
use reflexarc::routing::admission::AdmissionRule;
use reflexarc::routing::breaker::BreakerRule;
use reflexarc::routing::budget::BudgetRule;
use reflexarc::routing::fallback::FallbackPlan;
use reflexarc::routing::ledger::LedgerRule;
use reflexarc::routing::monitor::MonitorRule;
use reflexarc::routing::order::OrderRule;
use reflexarc::routing::outlier::OutlierRule;
use reflexarc::routing::replica::ReplicaRule;
use reflexarc::routing::retry::{OnFailure, OnFailures, Reads429, RetryPlan};
use reflexarc::routing::reweighting::Reweighting;
use reflexarc::routing::throttle::ThrottleRule;
use reflexarc::routing::{DeadlineRule, StackRule};
use reflexarc::units::{Level, ModelId, PerLevel, SimDuration};
use reflexarc::world::expectation::Lengths;
use reflexarc::world::limits::Limits;
use reflexarc::world::workload::WorkloadSpec;
use reflexarc::world::{AccountSpec, ModelSpec, ServiceShape, Spread, TaskType, Tokens, WorldSpec};

/// A cell in the making. The router's registry declares exactly what the world's specification says.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The truth.
    pub(crate) world: WorldSpec,
    /// Levels that each model is declared to serve.
    pub(crate) levels: Vec<PerLevel<bool>>,
    /// Arrivals.
    pub(crate) workload: WorkloadSpec,
    /// When arrivals stop.
    pub(crate) end: End,
    /// Work in flight at the end is interrupted.
    pub(crate) cut: bool,
    /// The stack.
    pub(crate) stack: StackRule,
    /// What results are measured in.
    pub(crate) reward: Reward,
    /// Decision regret is measured.
    pub(crate) regret: bool,
}

impl Draft {
    /// `n` equal models that always answer after a second on average, each with an unlimited account of its own; one
    /// type of task of one step; one arrival a second, 1000 in all; the first model is called, once.
    pub(crate) fn new(n: usize) -> Self {
        Self {
            world: WorldSpec {
                price_lists: Vec::new(),
                start: Timestamp::UNIX_EPOCH,
                models: (0..n).map(model).collect(),
                accounts: vec![AccountSpec { daily_tokens: None, reset_zone: TimeZone::UTC }; n],
                task_types: vec![task_type()],
                spread: Spread::default(),
                service: ServiceShape::Exponential,
                latency_sigma: 0.5,
                quality_sd: 5.0,
                partial_share: 0.0,
                api_error_share: 0.0,
                error_time: SimDuration::from_secs_f64(0.2),
                refusal_time: SimDuration::from_secs_f64(0.05),
                recorded: None,
                faults: Vec::new(),
                random_faults: Vec::new(),
            },
            levels: vec![[true; 4]; n],
            workload: WorkloadSpec::Poisson { rate_per_s: 1.0 },
            end: End::Tasks(1000),
            cut: false,
            stack: StackRule {
                order: OrderRule::Static(vec![ModelId(0)]),
                trial: None,
                learning: true,
                reweighting: Reweighting::Fixed,
                reward: Reward::Efficiency,
                refusal_reward: None,
                partial_counts: false,
                order_sees_breaker: true,
                call_timeout: SimDuration::from_secs_f64(1e9),
                present: Vec::new(),
                last_resort: None,
                first_token_timeout: SimDuration::MAX,
                deadline: DeadlineRule::NONE,
                wait_for_model: None,
                reads_429: Reads429::Exactly,
                on: OnFailures::all(OnFailure::FALL_BACK).with(
                    Outcome::Auth,
                    OnFailure { hold: SimDuration::from_secs_f64(3600.0), ..OnFailure::FALL_BACK },
                ),
                groups: Vec::new(),
                ledger: LedgerRule::plain(1.0, true),
                retry: RetryPlan::none(),
                fallback: FallbackPlan::None,
                hedge: None,
                replicas: ReplicaRule::ONE,
                breaker: BreakerRule::None,
                outliers: OutlierRule::None,
                retry_budget: BudgetRule::None,
                throttle: ThrottleRule::None,
                admission: AdmissionRule::default(),
                ramp: None,
                allocator: None,
                monitor: MonitorRule::STAGE4,
            },
            reward: Reward::Efficiency,
            regret: false,
        }
    }

    /// The cell.
    pub(crate) fn build(self) -> Cell {
        let declared = |(i, model): (usize, &ModelSpec)| Model {
            name: format!("m{i}"),
            provider: format!("p{i}"),
            account: model.account,
            levels: self.levels[i],
            score: model.quality,
            success: model.success,
            quality: model.quality,
            latency: model.latency,
            usd_per_mtok_input: model.usd_per_mtok_input,
            usd_per_mtok_output: model.usd_per_mtok_output,
            plan_usd_per_mtok: 0.1,
            key: model.key,
        };
        let account = |(i, account): (usize, &AccountSpec)| Account {
            name: format!("a{i}"),
            daily_tokens: account.daily_tokens,
            reset_zone: account.reset_zone.clone(),
        };
        let registry = Registry {
            models: self.world.models.iter().enumerate().map(declared).collect(),
            accounts: self.world.accounts.iter().enumerate().map(account).collect(),
        };
        Cell {
            world: Arc::new(self.world),
            workload: self.workload,
            lengths: Lengths::Drawn,
            zone: TimeZone::UTC,
            end: self.end,
            cut: self.cut,
            registry: Arc::new(registry),
            stack: Arc::new(self.stack),
            reward: self.reward,
            regret: self.regret,
            bandit: None,
        }
    }
}

fn model(i: usize) -> ModelSpec {
    ModelSpec {
        success: [1.0; 4],
        quality: [80.0; 4],
        latency: Latency::Response([1000.0; 4]),
        pace: None,
        usd_per_mtok_input: 1.0,
        usd_per_mtok_output: 3.0,
        output_tokens_factor: 1.0,
        key: KeyState::Present,
        account: i,
        limits: Limits::default(),
    }
}

fn task_type() -> TaskType {
    TaskType {
        name: "task".to_owned(),
        share: 1.0,
        steps: vec![Level::L1],
        priority: Priority::Normal,
        input_tokens: Tokens::Constant(100.0),
        output_tokens: Tokens::Constant(300.0),
        deadline: None,
        difficulty_correlation: 0.0,
    }
}
