//! Two orders side by side, each with its share of the tasks, until a test tells them apart (stage4.md section 13).

use crate::analysis::moments::Moments;
use crate::analysis::sequential::ConfidenceSequence;
use crate::analysis::welch::{self, Side};
use crate::domain::{Policy, PolicyDecision, PolicyEvent, PolicyFigures, PolicyReason, PolicyTest};
use crate::math;
use crate::units::SimTime;

/// The plan allows no verdict before each side has as many samples.
pub const LEAST_SAMPLES: u64 = 30;
/// The power at which the smallest effect is told.
const POWER: f64 = 0.8;

/// How a test is judged.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// By one Welch test, when both sides have all their samples.
    #[default]
    Fixed,
    /// By a Welch test after every sample, until one of them is significant.
    ContinuousWelch,
    /// By a confidence sequence, which may be looked at after every sample once it has enough
    /// ([`crate::analysis::sequential::SAFE_FROM`]).
    Sequential,
}

/// What follows from a verdict.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Nothing: both sides keep their shares.
    #[default]
    KeepSplit,
    /// The better side takes over all steps that begin from then on.
    AdoptWinner,
}

/// How two orders are tested against each other. The sample is the headline efficiency of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AbTestRule {
    /// Probability that a task belongs to side b.
    pub share_b: f64,
    /// No verdict before both sides have as many samples.
    pub min_samples: u64,
    /// No further sample is taken when both sides have as many.
    pub samples: u64,
    /// Probability of a verdict for either side where both are equal.
    pub alpha: f64,
    /// How it is judged.
    pub watch: Watch,
    /// The difference whose power is told, as a share of the mean of side a.
    pub effect: f64,
    /// What follows from a verdict.
    pub then: Then,
}

/// A test in flight.
#[derive(Clone, Debug)]
pub struct AbTest {
    rule: AbTestRule,
    sequence: ConfidenceSequence,
    /// Standard errors below which not even a normal test is significant.
    least_z: f64,
    sides: [Samples; 2],
    is_over: bool,
    adopted: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Samples {
    efficiency: Moments,
    success_rate: Moments,
    latency_ms: Moments,
    token_efficiency: Moments,
}

impl Samples {
    fn push(&mut self, step: &PolicyFigures) {
        self.efficiency.push(step.efficiency);
        self.success_rate.push(step.success_rate);
        self.latency_ms.push(step.latency_ms);
        self.token_efficiency.push(step.token_efficiency);
    }

    fn figures(&self) -> Option<PolicyFigures> {
        let n = self.efficiency.n();
        (n > 0).then(|| PolicyFigures {
            n,
            success_rate: self.success_rate.mean(),
            efficiency: self.efficiency.mean(),
            latency_ms: self.latency_ms.mean(),
            token_efficiency: self.token_efficiency.mean(),
        })
    }
}

impl AbTest {
    /// No sample taken yet.
    #[must_use]
    pub fn new(rule: AbTestRule) -> Self {
        Self {
            sequence: ConfidenceSequence::new(rule.alpha, rule.samples),
            least_z: math::normal_quantile(1.0 - 0.5 * rule.alpha),
            rule,
            sides: [Samples::default(); 2],
            is_over: false,
            adopted: None,
        }
    }

    /// The side of a task whose uniform number is `u`: 0 is a, 1 is b.
    #[must_use]
    pub fn side(&self, u: f64) -> u8 {
        u8::from(u < self.rule.share_b)
    }

    /// The side that was adopted.
    #[must_use]
    pub fn adopted(&self) -> Option<u8> {
        self.adopted
    }

    /// A step of side a (0) or b (1) has ended. Nothing is sampled behind the verdict.
    pub fn step_ended(
        &mut self,
        now: SimTime,
        side: u8,
        step: &PolicyFigures,
        mut tell: impl FnMut(PolicyEvent),
    ) {
        if self.is_over {
            return;
        }
        self.sides[usize::from(side)].push(step);
        let n = self.fewest();
        let first = match self.rule.watch {
            Watch::Fixed => self.rule.samples,
            Watch::ContinuousWelch | Watch::Sequential => self.rule.min_samples,
        };
        if n < first || (n < self.rule.samples && !self.may_differ()) {
            return;
        }
        let looked = self.look();
        let (winner, reason) = match looked.and_then(|look| look.winner) {
            Some(winner) => (Some(winner), PolicyReason::Significant),
            None if n >= self.rule.samples => (None, PolicyReason::NotSignificant),
            None => return,
        };
        let verdict = self.verdict(now, looked, winner, reason);
        tell(verdict);
        if let (Some(winner), Then::AdoptWinner) = (winner, self.rule.then) {
            self.adopted = Some(winner);
            tell(PolicyEvent {
                decision: PolicyDecision::Adopted,
                reason: PolicyReason::Verdict,
                ..verdict
            });
        }
    }

    /// The run ends: a test that is not over stays undecided.
    pub fn close(&mut self, now: SimTime) -> Option<PolicyEvent> {
        if self.is_over {
            return None;
        }
        if self.fewest() < self.rule.min_samples {
            return Some(self.verdict(now, None, None, PolicyReason::TooFewSamples));
        }
        let looked = self.look();
        Some(self.verdict(now, looked, None, PolicyReason::RunEnded))
    }

    /// Samples of the side that has fewer.
    fn fewest(&self) -> u64 {
        self.sides[0].efficiency.n().min(self.sides[1].efficiency.n())
    }

    fn verdict(
        &mut self,
        at: SimTime,
        looked: Option<Look>,
        winner: Option<u8>,
        reason: PolicyReason,
    ) -> PolicyEvent {
        self.is_over = true;
        let planned = if reason == PolicyReason::RunEnded { 0 } else { self.rule.samples };
        PolicyEvent {
            at,
            decision: PolicyDecision::Verdict,
            policy: winner.map(|side| if side == 0 { Policy::A } else { Policy::B }),
            reason,
            figures: self.sides.map(|side| side.figures()),
            test: looked.map(|look| self.told(look, planned)),
        }
    }

    /// Whether a look may find a difference: Student's t asks for more standard errors than the normal distribution, and
    /// a confidence sequence for more than that.
    fn may_differ(&self) -> bool {
        let [a, b] = &self.sides.map(|side| side.efficiency);
        let squared = a.variance() / a.n() as f64 + b.variance() / b.n() as f64;
        (a.mean() - b.mean()).abs() >= self.least_z * squared.sqrt()
    }

    /// What the samples say now; `None` where they have no spread, or too few for a confidence sequence.
    fn look(&self) -> Option<Look> {
        let [a, b] = &self.sides.map(|side| side.efficiency);
        let (difference, p_value) = match self.rule.watch {
            Watch::Sequential => (self.sequence.difference(b, a)?, None),
            Watch::Fixed | Watch::ContinuousWelch => {
                let test = welch::t_test(b, a)?;
                (test.difference, Some(test.p))
            }
        };
        let is_significant = match p_value {
            Some(p) => p < self.rule.alpha,
            None => difference.low > 0.0 || difference.high < 0.0,
        };
        let winner = is_significant.then(|| u8::from(difference.mean > 0.0));
        let (low, high) = (difference.low, difference.high);
        Some(Look { difference: difference.mean, low, high, p_value, winner })
    }

    /// A look with the power of a test of the samples taken, or of those `planned` where these are more.
    fn told(&self, look: Look, planned: u64) -> PolicyTest {
        let [a, b] = self.sides.map(|side| side.efficiency);
        let of = |side: Moments| Side { n: side.n().max(planned), sd: side.variance().sqrt() };
        let (sides, alpha) = ([of(a), of(b)], self.rule.alpha);
        let has_scale = a.mean() > 0.0;
        PolicyTest {
            difference: look.difference,
            low: look.low,
            high: look.high,
            p_value: look.p_value,
            power: has_scale.then(|| welch::power(sides, self.rule.effect * a.mean(), alpha)),
            smallest_effect: has_scale
                .then(|| welch::detectable_difference(sides, alpha, POWER) / a.mean()),
        }
    }
}

/// One look at the samples.
#[derive(Clone, Copy, Debug)]
struct Look {
    difference: f64,
    low: f64,
    high: f64,
    p_value: Option<f64>,
    winner: Option<u8>,
}
