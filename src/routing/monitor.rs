//! The performance monitor: classes per level and anomalies, out of what the router saw (stage4.md section 8).

use std::collections::VecDeque;

use crate::domain::{Anomaly, AnomalyKind, Health, HealthCounts};
use crate::units::{Level, ModelId, PerLevel, SimDuration, SimTime};

/// The monitor's bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonitorRule {
    /// A call that takes longer is a slow response.
    pub slow_response: SimDuration,
    /// A call that takes more tokens is a high token usage.
    pub high_token_usage: u64,
    /// A level whose success rate among the kept metrics is lower has a low success rate.
    pub low_success_rate: f64,
    /// A level's success rate is judged from this many kept metrics on.
    pub min_calls: usize,
    /// How many of the last metrics are kept, all levels together.
    pub keep: usize,
}

impl MonitorRule {
    /// The plan's bounds; it judges a level from the first call on.
    pub const STAGE4: Self = Self {
        slow_response: SimDuration(5_000_000_000),
        high_token_usage: 1000,
        low_success_rate: 0.8,
        min_calls: 1,
        keep: 1000,
    };
}

/// One ended call as the monitor sees it.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Level of the call.
    pub level: Level,
    /// The model called.
    pub model: ModelId,
    /// It was answered.
    pub served: bool,
    /// From dispatch to end.
    pub response: SimDuration,
    /// Billed tokens.
    pub tokens: u64,
}

/// The monitor in flight.
#[derive(Clone, Debug)]
pub struct Monitor {
    rule: MonitorRule,
    kept: VecDeque<(Level, bool)>,
    /// Of the kept metrics: calls and successes.
    recent: PerLevel<(usize, usize)>,
    is_low: PerLevel<bool>,
    today: PerLevel<HealthCounts>,
    since_start: PerLevel<HealthCounts>,
}

impl Monitor {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(rule: MonitorRule) -> Self {
        Self {
            rule,
            kept: VecDeque::new(),
            recent: Default::default(),
            is_low: [false; 4],
            today: Default::default(),
            since_start: Default::default(),
        }
    }

    /// Takes in a call and tells what is out of bounds. A level's low success rate is told when it sets in.
    pub fn record(&mut self, now: SimTime, metric: Metric, mut tell: impl FnMut(Anomaly)) {
        let Metric { level, model, served, response, tokens } = metric;
        let at = level.index();
        let ms = response.as_millis_f64();
        self.today[at].book(served, ms, tokens);
        self.since_start[at].book(served, ms, tokens);
        let mut anomaly = |kind, model, value, threshold| {
            tell(Anomaly { at: now, kind, level, model, value, threshold });
        };
        if response > self.rule.slow_response {
            let bound = self.rule.slow_response.as_millis_f64();
            anomaly(AnomalyKind::SlowResponse, Some(model), ms, bound);
        }
        if tokens > self.rule.high_token_usage {
            let bound = self.rule.high_token_usage as f64;
            anomaly(AnomalyKind::HighTokenUsage, Some(model), tokens as f64, bound);
        }
        self.keep(level, served);
        let (calls, successes) = self.recent[at];
        let rate = successes as f64 / calls as f64;
        let is_low = calls >= self.rule.min_calls && rate < self.rule.low_success_rate;
        if is_low && !self.is_low[at] {
            let bound = 100.0 * self.rule.low_success_rate;
            anomaly(AnomalyKind::LowSuccessRate, None, 100.0 * rate, bound);
        }
        self.is_low[at] = is_low;
    }

    fn keep(&mut self, level: Level, served: bool) {
        self.kept.push_back((level, served));
        let recent = &mut self.recent[level.index()];
        *recent = (recent.0 + 1, recent.1 + usize::from(served));
        if self.kept.len() > self.rule.keep
            && let Some((old, served)) = self.kept.pop_front()
        {
            let recent = &mut self.recent[old.index()];
            *recent = (recent.0 - 1, recent.1 - usize::from(served));
        }
    }

    /// A local day ends: every level's health, today's counts beginning anew.
    pub fn end_day(&mut self, now: SimTime, day: u32) -> PerLevel<Health> {
        let today = std::mem::take(&mut self.today);
        Level::ALL.map(|level| Health {
            at: now,
            day,
            level,
            today: today[level.index()],
            since_start: self.since_start[level.index()],
        })
    }
}
