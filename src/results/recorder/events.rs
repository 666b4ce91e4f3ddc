//! What the stack did or noticed, as rows.

use super::{Recorder, RowSink, pass_on};
use crate::domain::{
    Allocation, AllocationUse, Anomaly, Health, LearningPeriod, Policy, PolicyEvent, StackEvent,
};
use crate::results::schema::{
    AllocationRow, AnomalyRow, BreakerRow, BudgetRow, FallbackRow, LearningRow, MonitorRow,
    PolicyRow, ScoreRow, WeightRow,
};
use crate::routing::order::Belief;
use crate::units::{Level, ModelId, SimTime};

/// Quarters of the day as learners tell them apart, by their first hour.
const QUARTERS: [&str; 4] = ["night", "morning", "afternoon", "evening"];

impl<S: RowSink> Recorder<'_, S> {
    pub(super) fn book_event(&mut self, event: &StackEvent) {
        match event {
            StackEvent::Fallback(event) => {
                self.statistics.fallback_asked(event);
                let row = FallbackRow {
                    at_s: event.at.as_secs_f64(),
                    task: event.task.0,
                    step: event.step.into(),
                    level: event.level,
                    reason: event.reason,
                    from_model: self.model(event.from),
                    to_model: event.to.map(|m| self.model(m)),
                    found: event.to.is_some(),
                    found_none_because: event.why_none,
                };
                self.waiting.fallbacks.push(row);
                pass_on(&mut self.waiting.fallbacks, self.sink);
            }
            StackEvent::Breaker(event) => {
                self.statistics.resilience.breaker_changed(event);
                let row = BreakerRow {
                    at_s: event.at.as_secs_f64(),
                    model: self.model(event.model),
                    from_state: event.from,
                    to_state: event.to,
                };
                self.waiting.breaker.push(row);
                pass_on(&mut self.waiting.breaker, self.sink);
            }
            StackEvent::Allocated(allocation) => self.book_allocation(allocation),
            StackEvent::AllocationEnded(used) => self.book_use(used),
            StackEvent::Anomaly(anomaly) => self.book_anomaly(anomaly),
            StackEvent::Health(health) => self.book_health(health),
            StackEvent::Weights(change) => {
                let [speed, efficiency, cost] = change.weights;
                let (at_s, level) = (change.at.as_secs_f64(), change.level.name());
                self.waiting.weights.push(WeightRow { at_s, level, speed, efficiency, cost });
            }
            StackEvent::Learning(period) => self.book_period(period),
            StackEvent::Overshoot(event) => self.statistics.resilience.minute_ended(event),
            StackEvent::Policy(event) => {
                self.statistics.policy_decided(event);
                self.book_policy(event);
            }
            // It is there for whoever asked to have a task explained.
            StackEvent::Decision(_) => {}
        }
    }

    fn book_allocation(&mut self, allocation: &Allocation) {
        for (level, given) in Level::ALL.into_iter().zip(&allocation.levels) {
            for (id, number) in (0..).map(ModelId).zip(&given.numbers) {
                let allocated = given.model == Some(id);
                if number.is_none() && !allocated {
                    continue;
                }
                let row = AllocationRow {
                    allocation: allocation.nth,
                    at_s: allocation.at.as_secs_f64(),
                    date: allocation.date.clone(),
                    time: allocation.time.clone(),
                    slot: allocation.slot,
                    level,
                    in_focus: given.in_focus,
                    model: self.model(id),
                    number: *number,
                    allocated,
                };
                self.waiting.allocations.push(row);
            }
        }
        self.allocation = Some(allocation.clone());
    }

    fn book_use(&mut self, used: &AllocationUse) {
        let Some(allocation) = self.allocation.take() else { return };
        for (at, (level, given)) in Level::ALL.into_iter().zip(&allocation.levels).enumerate() {
            let row = BudgetRow {
                allocation: used.nth,
                at_s: allocation.at.as_secs_f64(),
                ended_s: used.ended.as_secs_f64(),
                slot: allocation.slot,
                level,
                model: given.model.map(|m| self.model(m)),
                budget_tokens: given.budget_tokens,
                used_tokens: used.used_tokens[at],
                over_budget_at_s: used.over_budget[at].map(SimTime::as_secs_f64),
                calls: used.calls[at],
                calls_allocated: used.calls_allocated[at],
            };
            self.waiting.budgets.push(row);
        }
    }

    fn book_anomaly(&mut self, anomaly: &Anomaly) {
        let row = AnomalyRow {
            at_s: anomaly.at.as_secs_f64(),
            day: self.today,
            kind: anomaly.kind,
            level: anomaly.level,
            model: anomaly.model.map(|m| self.model(m)),
            value: anomaly.value,
            threshold: anomaly.threshold,
        };
        self.waiting.anomalies.push(row);
        pass_on(&mut self.waiting.anomalies, self.sink);
    }

    fn book_health(&mut self, health: &Health) {
        let Health { day, level, today, since_start, .. } = *health;
        let per_call = |sum: f64| (today.calls > 0).then(|| sum / today.calls as f64);
        self.today = day + 1;
        // A day without arrivals has its row as well.
        self.statistics.days.reach(day);
        self.waiting.monitor.push(MonitorRow {
            day,
            level: level.name(),
            calls: today.calls,
            successes: today.successes,
            response_ms: per_call(today.response_ms),
            tokens_per_call: per_call(today.tokens as f64),
            class: today.class(),
            total_calls: since_start.calls,
            total_successes: since_start.successes,
            total_class: since_start.class(),
        });
    }

    fn book_period(&mut self, period: &LearningPeriod) {
        let fed = |value: f64| (period.updates > 0).then_some(value);
        self.waiting.learning.push(LearningRow {
            period: period.nth,
            from_s: period.from.as_secs_f64(),
            to_s: period.to.as_secs_f64(),
            scale: period.scale,
            choices: period.choices,
            explored: period.explored,
            updates: period.updates,
            reward_mean: fed(period.reward_mean),
            reward_sd: fed(period.reward_sd),
            reward_min: fed(period.reward_range[0]),
            reward_max: fed(period.reward_range[1]),
            recent_change: period.recent_change,
            converged_update: period.converged.map(|(update, _)| update),
            converged_at_s: period.converged.map(|(_, at)| at.as_secs_f64()),
            belief_mean: period.belief_mean,
            belief_sd: period.belief_sd,
        });
    }

    fn book_policy(&mut self, event: &PolicyEvent) {
        let ([a, b], test) = (event.figures, event.test);
        self.waiting.policies.push(PolicyRow {
            at_s: event.at.as_secs_f64(),
            decision: event.decision,
            policy: event.policy.map(Policy::name),
            reason: event.reason,
            a_n: a.map(|a| a.n),
            a_success_rate: a.map(|a| a.success_rate),
            a_efficiency: a.map(|a| a.efficiency),
            a_latency_ms: a.map(|a| a.latency_ms),
            a_overall: a.map(|a| a.overall()),
            b_n: b.map(|b| b.n),
            b_success_rate: b.map(|b| b.success_rate),
            b_efficiency: b.map(|b| b.efficiency),
            b_latency_ms: b.map(|b| b.latency_ms),
            b_overall: b.map(|b| b.overall()),
            difference: test.map(|test| test.difference),
            low: test.map(|test| test.low),
            high: test.map(|test| test.high),
            p_value: test.and_then(|test| test.p_value),
            power: test.and_then(|test| test.power),
            smallest_effect: test.and_then(|test| test.smallest_effect),
        });
    }

    pub(super) fn book_beliefs(&mut self, at: SimTime, bin: Option<u64>, beliefs: &[Belief]) {
        if !self.recording.scores {
            return;
        }
        for belief in beliefs {
            let row = ScoreRow {
                bin,
                at_s: at.as_secs_f64(),
                level: belief.level.map_or("all", Level::name),
                task_type: belief
                    .task_type
                    .map(|t| self.recording.names.task_types[usize::from(t)].as_str()),
                time_of_day: belief.hour.map_or("any", |hour| QUARTERS[usize::from(hour) / 6]),
                model: self.model(belief.model),
                belief: belief.value,
            };
            self.waiting.scores.push(row);
        }
        pass_on(&mut self.waiting.scores, self.sink);
    }
}
