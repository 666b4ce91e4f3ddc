//! A candidate is deployed, watched and rolled back (stage4.md section 13).

use std::collections::VecDeque;

use crate::domain::{Policy, PolicyDecision, PolicyEvent, PolicyFigures, PolicyReason};
use crate::units::SimTime;

/// What a change may be off by and still count as equal to the tolerance: sums of decimals are not exact.
const ROUNDING: f64 = 1e-9;

/// How a candidate is deployed and watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveRule {
    /// The candidate is deployed at this time, or once the baseline has as many measurements as its window holds.
    pub deploy_after: SimTime,
    /// How many of the candidate's last measurements are watched.
    pub watch: usize,
    /// How many of the baseline's last measurements before the deployment it is held against.
    pub baseline_window: usize,
    /// Ended steps in one measurement.
    pub calls_per_measurement: usize,
    /// The relative change for the worse that is tolerated, as a share.
    pub tolerance: f64,
    /// Until its deployment the candidate learns from the baseline's results.
    pub shadow_learning: bool,
}

/// The watch in flight: the baseline serves, then the candidate, then perhaps the baseline again, for good.
#[derive(Clone, Debug)]
pub struct Adaptive {
    rule: AdaptiveRule,
    phase: Phase,
    /// Steps of the measurement in the making.
    steps: Vec<PolicyFigures>,
    /// The last measurements of the order that serves.
    measured: VecDeque<PolicyFigures>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// The baseline serves; the time of deployment has come or not.
    Baseline { is_due: bool },
    /// The candidate serves and is held against these figures.
    Candidate(PolicyFigures),
    /// The baseline serves again.
    RolledBack,
}

impl Adaptive {
    /// The baseline serves and nothing is measured.
    #[must_use]
    pub fn new(rule: AdaptiveRule) -> Self {
        let phase = Phase::Baseline { is_due: false };
        Self { rule, phase, steps: Vec::new(), measured: VecDeque::new() }
    }

    /// Who serves: 0 is the baseline, 1 the candidate.
    #[must_use]
    pub fn serving(&self) -> u8 {
        u8::from(matches!(self.phase, Phase::Candidate(_)))
    }

    pub(super) fn learns_in_shadow(&self) -> bool {
        self.rule.shadow_learning && matches!(self.phase, Phase::Baseline { .. })
    }

    /// When [`Adaptive::advance`] is due.
    #[must_use]
    pub fn due(&self) -> SimTime {
        match self.phase {
            Phase::Baseline { is_due: false } => self.rule.deploy_after,
            _ => SimTime::NEVER,
        }
    }

    /// The time of deployment has come.
    pub fn advance(&mut self, now: SimTime) -> Option<PolicyEvent> {
        self.phase = Phase::Baseline { is_due: true };
        self.deploy(now)
    }

    /// A step of the baseline (0) or the candidate (1) has ended. Steps of the one that no longer serves do not count.
    pub fn step_ended(
        &mut self,
        now: SimTime,
        arm: u8,
        step: &PolicyFigures,
    ) -> Option<PolicyEvent> {
        if arm != self.serving() || self.phase == Phase::RolledBack {
            return None;
        }
        self.steps.push(*step);
        if self.steps.len() < self.rule.calls_per_measurement {
            return None;
        }
        self.measured.push_back(PolicyFigures::mean(&self.steps));
        self.steps.clear();
        let against = match self.phase {
            Phase::Candidate(against) => against,
            _ => {
                self.keep(self.rule.baseline_window);
                return self.deploy(now);
            }
        };
        self.keep(self.rule.watch);
        if self.measured.len() < self.rule.watch {
            return None;
        }
        let seen = PolicyFigures::mean(&self.measured);
        let reason = self.breach(&against, &seen)?;
        self.phase = Phase::RolledBack;
        Some(PolicyEvent {
            at: now,
            decision: PolicyDecision::RolledBack,
            policy: Some(Policy::Baseline),
            reason,
            figures: [Some(against), Some(seen)],
            test: None,
        })
    }

    fn keep(&mut self, n: usize) {
        while self.measured.len() > n {
            self.measured.pop_front();
        }
    }

    /// Deploys the candidate if its time has come and the baseline has been measured.
    fn deploy(&mut self, now: SimTime) -> Option<PolicyEvent> {
        let is_due = self.phase == Phase::Baseline { is_due: true };
        if !is_due || self.measured.len() < self.rule.baseline_window {
            return None;
        }
        let against = PolicyFigures::mean(&self.measured);
        self.phase = Phase::Candidate(against);
        self.measured.clear();
        self.steps.clear();
        Some(PolicyEvent {
            at: now,
            decision: PolicyDecision::Deployed,
            policy: Some(Policy::Candidate),
            reason: PolicyReason::Due,
            figures: [Some(against), None],
            test: None,
        })
    }

    /// What has become worse by more than the tolerance: the first of success rate, efficiency and latency.
    fn breach(&self, before: &PolicyFigures, after: &PolicyFigures) -> Option<PolicyReason> {
        let is_worse = |by: f64, of: f64| by > (self.rule.tolerance + ROUNDING) * of;
        if is_worse(before.success_rate - after.success_rate, before.success_rate) {
            Some(PolicyReason::SuccessRate)
        } else if is_worse(before.efficiency - after.efficiency, before.efficiency) {
            Some(PolicyReason::Efficiency)
        } else if is_worse(after.latency_ms - before.latency_ms, before.latency_ms) {
            Some(PolicyReason::Latency)
        } else {
            None
        }
    }
}
