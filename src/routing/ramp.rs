//! The ramp after a recovery: a model that has just come back takes a part of the choices that grows to all of them.
//!
//! Gateways as a rule send a recovered route its whole traffic at once, which is what brought it down; a progressive ramp
//! is asked for in bifrost issue 125, and is what load balancers call slow start.

use crate::units::{ModelId, SimDuration, SimTime};

/// How a model comes back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RampRule {
    /// The share of choices that it may take at once, 0-1.
    pub from_share: f64,
    /// The time in which the share grows to 1, linearly.
    pub over: SimDuration,
}

impl Default for RampRule {
    fn default() -> Self {
        Self { from_share: 0.1, over: SimDuration(60 * crate::units::NANOS_PER_SECOND) }
    }
}

/// The ramps of all models.
#[derive(Clone, Debug)]
pub struct Ramps {
    rule: Option<RampRule>,
    /// When each came back last.
    since: Vec<Option<SimTime>>,
}

impl Ramps {
    /// No model of `n` on its way back.
    #[must_use]
    pub fn new(rule: Option<RampRule>, n: usize) -> Self {
        Self { rule, since: vec![None; n] }
    }

    /// `model` has come back: its breaker closed, its hold ended or its quota was renewed.
    pub fn recovered(&mut self, now: SimTime, model: ModelId) {
        if self.rule.is_some() {
            self.since[model.index()] = Some(now);
        }
    }

    /// The share of choices that `model` may take at `now`, 0-1.
    #[inline]
    #[must_use]
    pub fn share(&self, now: SimTime, model: ModelId) -> f64 {
        let (Some(rule), Some(since)) = (self.rule, self.since[model.index()]) else {
            return 1.0;
        };
        let gone = now.since(since);
        if gone >= rule.over {
            return 1.0;
        }
        rule.from_share + (1.0 - rule.from_share) * (gone.0 as f64 / rule.over.0 as f64)
    }

    /// Whether a choice at `now` may fall on `model`, by a number that is uniform in 0-1.
    #[inline]
    #[must_use]
    pub fn admits(&self, now: SimTime, model: ModelId, uniform: f64) -> bool {
        uniform < self.share(now, model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_grows_linearly_and_anew_after_each_recovery() {
        let rule = RampRule { from_share: 0.2, over: SimDuration(100) };
        let model = ModelId(1);
        let mut ramps = Ramps::new(Some(rule), 2);
        assert_eq!(ramps.share(SimTime(5), model).to_bits(), 1.0_f64.to_bits());
        ramps.recovered(SimTime(10), model);
        for (t, share) in [(10, 0.2), (60, 0.6), (109, 0.992), (110, 1.0)] {
            assert!((ramps.share(SimTime(t), model) - share).abs() < 1e-12, "{t}");
        }
        assert!(ramps.admits(SimTime(60), model, 0.59) && !ramps.admits(SimTime(60), model, 0.61));
        assert!(ramps.admits(SimTime(10), ModelId(0), 0.99));
        ramps.recovered(SimTime(60), model);
        assert!((ramps.share(SimTime(60), model) - 0.2).abs() < 1e-12);
        let mut none = Ramps::new(None, 2);
        none.recovered(SimTime(10), model);
        assert!(none.admits(SimTime(10), model, 0.999));
    }
}
