//! Orders on trial: what was decided about them, and by which figures.

use crate::units::SimTime;

/// An order's part in a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Serves before the candidate and after its rollback.
    Baseline,
    /// Deployed on trial.
    Candidate,
    /// One side of a test.
    A,
    /// The other side.
    B,
}

impl Policy {
    /// The name in scenarios, tables and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Candidate => "candidate",
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyDecision {
    /// The candidate serves from now on.
    Deployed,
    /// The baseline serves again.
    RolledBack,
    /// A test has named the better side, or none.
    Verdict,
    /// The better side serves all steps from now on.
    Adopted,
}

impl PolicyDecision {
    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::RolledBack => "rolled_back",
            Self::Verdict => "verdict",
            Self::Adopted => "adopted",
        }
    }
}

/// Why it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyReason {
    /// The time of deployment had come, and the baseline had been measured.
    Due,
    /// The success rate fell by more than the tolerance.
    SuccessRate,
    /// The efficiency fell by more than the tolerance.
    Efficiency,
    /// The latency rose by more than the tolerance.
    Latency,
    /// The test found a difference.
    Significant,
    /// The test found none in all its samples.
    NotSignificant,
    /// The run ended before all samples were taken.
    RunEnded,
    /// The run ended before a verdict was allowed.
    TooFewSamples,
    /// The verdict said so.
    Verdict,
}

impl PolicyReason {
    /// The name in tables and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::SuccessRate => "success_rate",
            Self::Efficiency => "efficiency",
            Self::Latency => "latency",
            Self::Significant => "significant",
            Self::NotSignificant => "not_significant",
            Self::RunEnded => "run_ended",
            Self::TooFewSamples => "too_few_samples",
            Self::Verdict => "verdict",
        }
    }
}

/// Figures of an order: of one step, or means over several measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PolicyFigures {
    /// Measurements in the means.
    pub n: u64,
    /// Share of steps that were answered.
    pub success_rate: f64,
    /// Headline efficiency of a step, 0-100: 0 where it was not answered.
    pub efficiency: f64,
    /// Milliseconds from the begin of a step to its end, answered or not, retries and fallbacks included.
    pub latency_ms: f64,
    /// `min(1, 1000 / tokens)` of a step, as in the plan's efficiency (stage4.md section 7).
    pub token_efficiency: f64,
}

impl PolicyFigures {
    /// The plan's overall score, 0-1 (stage4.md section 13). It is reported and decides nothing: like the plan's
    /// efficiency it pays half for failing at once.
    #[must_use]
    pub fn overall(&self) -> f64 {
        let speed = (1.0 - self.latency_ms / 5000.0).max(0.0);
        0.5 * self.success_rate + 0.25 * speed + 0.25 * self.token_efficiency
    }

    /// The mean of single figures, each counted once.
    #[must_use]
    pub fn mean<'a>(single: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for one in single {
            sum.n += 1;
            sum.success_rate += one.success_rate;
            sum.efficiency += one.efficiency;
            sum.latency_ms += one.latency_ms;
            sum.token_efficiency += one.token_efficiency;
        }
        let n = sum.n.max(1) as f64;
        Self {
            n: sum.n,
            success_rate: sum.success_rate / n,
            efficiency: sum.efficiency / n,
            latency_ms: sum.latency_ms / n,
            token_efficiency: sum.token_efficiency / n,
        }
    }
}

/// What a test of two orders says of the efficiency of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicyTest {
    /// Mean of side b less mean of side a, in points.
    pub difference: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Two-sided p value, where the test has one.
    pub p_value: Option<f64>,
    /// Probability that one Welch test of the planned samples finds the effect asked for.
    pub power: Option<f64>,
    /// The smallest difference that it finds with probability 0.8, as a share of the mean of side a.
    pub smallest_effect: Option<f64>,
}

/// A decision about an order on trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicyEvent {
    /// When.
    pub at: SimTime,
    /// What.
    pub decision: PolicyDecision,
    /// Who serves from now on, or whom the verdict names; `None` is undecided.
    pub policy: Option<Policy>,
    /// Why.
    pub reason: PolicyReason,
    /// Figures of baseline and candidate, or of a and b, as far as they were measured.
    pub figures: [Option<PolicyFigures>; 2],
    /// The test behind a verdict.
    pub test: Option<PolicyTest>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overall_score_is_the_plans() {
        let figures = |success_rate, latency_ms, token_efficiency| PolicyFigures {
            n: 1,
            success_rate,
            efficiency: 0.0,
            latency_ms,
            token_efficiency,
        };
        // 0.5 x 0.9 + 0.25 x (1 - 2000/5000) + 0.25 x 0.8
        assert!((figures(0.9, 2000.0, 0.8).overall() - 0.8).abs() < 1e-12);
        // A latency beyond 5 s earns nothing and costs no more.
        assert!((figures(1.0, 9000.0, 1.0).overall() - 0.75).abs() < 1e-12);
        // An instant refusal without tokens.
        assert!((figures(0.0, 0.0, 1.0).overall() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_mean_counts_each_figure_once() {
        let one = |success_rate, latency_ms| PolicyFigures {
            n: 7,
            success_rate,
            efficiency: 100.0 * success_rate,
            latency_ms,
            token_efficiency: 0.5,
        };
        let mean = PolicyFigures::mean(&[one(1.0, 100.0), one(0.0, 300.0)]);
        let wanted = PolicyFigures { n: 2, success_rate: 0.5, efficiency: 50.0, ..one(0.0, 200.0) };
        assert_eq!(mean, wanted);
        assert_eq!(PolicyFigures::mean(&[]).n, 0);
    }
}
