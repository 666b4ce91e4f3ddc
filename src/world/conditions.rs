//! What faults do to one model at one time, all of them together.

use crate::domain::Outcome;
use crate::units::SimDuration;
use crate::world::fault::Effect;

/// How a model shows that it is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// Calls end in `api_error` in the time of an error.
    Error,
    /// Calls end in `connection_error` in the time of an error: nobody takes them, or the connection is reset.
    Reset,
    /// No byte comes until the caller gives up.
    Hang {
        /// The provider closes the connection after this time, and the call ends in `connection_error`.
        closes_after: Option<SimDuration>,
    },
}

impl Down {
    /// Of two outages at once: who is not answered sees no error, and the earlier end of a connection ends it.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Hang { closes_after: a }, Self::Hang { closes_after: b }) => {
                let closes_after = match (a, b) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                Self::Hang { closes_after }
            }
            (hang @ Self::Hang { .. }, _) | (_, hang @ Self::Hang { .. }) => hang,
            (Self::Reset, _) | (_, Self::Reset) => Self::Reset,
            (Self::Error, Self::Error) => Self::Error,
        }
    }
}

/// With what a call is turned away at the door.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// A limit of requests or tokens per minute (429).
    RateLimited,
    /// The daily quota is used up (429 or 402).
    QuotaExhausted,
    /// The key is refused (401 or 403).
    Auth,
    /// The prompt is longer than the model's context (400).
    ContextLength,
    /// The provider's content filter (400).
    ContentPolicy,
    /// An error of the provider (5xx); it takes the time of an error.
    ApiError,
    /// The connection is reset; it takes the time of an error.
    ConnectionError,
}

impl Rejection {
    /// All of them, in the order in which a call meets them.
    pub const ALL: [Self; 7] = [
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::Auth,
        Self::ContextLength,
        Self::ContentPolicy,
        Self::ApiError,
        Self::ConnectionError,
    ];

    /// How the call ends.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::RateLimited => Outcome::RateLimited,
            Self::QuotaExhausted => Outcome::QuotaExhausted,
            Self::Auth => Outcome::Auth,
            Self::ContextLength => Outcome::ContextLength,
            Self::ContentPolicy => Outcome::ContentPolicy,
            Self::ApiError => Outcome::ApiError,
            Self::ConnectionError => Outcome::ConnectionError,
        }
    }
}

/// Calls turned away with one rejection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rejected {
    /// The share of the calls that come so far.
    pub share: f64,
    /// The Retry-After that comes with it.
    pub retry_after: Option<SimDuration>,
}

/// All that faults do to one model at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// An outage, and how it shows.
    pub outage: Option<Down>,
    /// Additional share of `api_error`.
    pub error_rate: f64,
    /// Factor on response times.
    pub latency_factor: f64,
    /// Added to the time of the first token, behind that factor.
    pub stall: SimDuration,
    /// Factor on the limit.
    pub quota_factor: f64,
    /// What is turned away, in the order of [`Rejection::ALL`].
    pub rejected: [Rejected; Rejection::ALL.len()],
    /// Added to mean quality.
    pub quality_points: f64,
    /// Factor on the success probability.
    pub success_factor: f64,
    /// Factor on prices.
    pub price_factor: f64,
    /// The list that has taken the place of the model's own prices.
    pub price_list: Option<usize>,
    /// The key is refused.
    pub key_revoked: bool,
}

impl Conditions {
    /// No fault at all.
    pub const CALM: Self = Self {
        outage: None,
        error_rate: 0.0,
        latency_factor: 1.0,
        stall: SimDuration::ZERO,
        quota_factor: 1.0,
        rejected: [Rejected { share: 0.0, retry_after: None }; Rejection::ALL.len()],
        quality_points: 0.0,
        success_factor: 1.0,
        price_factor: 1.0,
        price_list: None,
        key_revoked: false,
    };

    /// Adds `effect` at `strength` of (0, 1]; switches are on at any strength.
    pub(super) fn add(&mut self, effect: &Effect, strength: f64) {
        let factor = |full: f64| 1.0 + (full - 1.0) * strength;
        match *effect {
            Effect::Outage { form } => {
                self.outage = Some(self.outage.map_or(form, |other| other.with(form)));
            }
            Effect::BrownOut { error_rate } => {
                self.error_rate = 1.0 - (1.0 - self.error_rate) * (1.0 - error_rate * strength);
            }
            Effect::SlowDown { factor: full } => self.latency_factor *= factor(full),
            Effect::Stall { first_token } => {
                let ms = first_token.as_millis_f64() * strength;
                self.stall = self.stall + SimDuration::from_millis_f64(ms);
            }
            // An event, not a condition: see [`Timeline::quota_sets`](super::fault::Timeline::quota_sets).
            Effect::QuotaUsed { .. } => {}
            Effect::QuotaCut { factor: full } => self.quota_factor *= factor(full),
            Effect::Reject { rejection, share, retry_after } => {
                let own = &mut self.rejected[rejection as usize];
                own.share = 1.0 - (1.0 - own.share) * (1.0 - share * strength);
                own.retry_after = retry_after.or(own.retry_after);
            }
            Effect::QualityDrift { quality_points, success_factor } => {
                self.quality_points += quality_points * strength;
                self.success_factor *= factor(success_factor);
            }
            Effect::PriceChange { factor: full } => self.price_factor *= factor(full),
            Effect::PriceList { list } => self.price_list = Some(list),
            Effect::KeyRevoked => self.key_revoked = true,
        }
    }

    /// The share of calls that is turned away, whatever with.
    #[must_use]
    pub fn refused_share(&self) -> f64 {
        self.rejections().map(|(_, share)| share).sum()
    }

    /// With what calls are turned away, and the share of all calls: one that is turned away meets nothing further.
    pub fn rejections(&self) -> impl Iterator<Item = (Rejection, f64)> {
        let mut upto = 1.0;
        Rejection::ALL.into_iter().zip(self.rejected).filter(|(_, own)| own.share > 0.0).map(
            move |(rejection, own)| {
                let share = upto * own.share;
                upto *= 1.0 - own.share;
                (rejection, share)
            },
        )
    }

    /// Whether any call may be turned away.
    #[inline]
    pub(super) fn rejects(&self) -> bool {
        self.rejected.iter().any(|own| own.share > 0.0)
    }

    /// With what the call of luck `u` in (0, 1) is turned away, and the Retry-After that comes with it.
    pub(super) fn rejection(&self, u: f64) -> Option<(Rejection, Option<SimDuration>)> {
        let mut upto = 0.0;
        self.rejections().find_map(|(rejection, share)| {
            upto += share;
            (u < upto).then(|| (rejection, self.rejected[rejection as usize].retry_after))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejections_follow_one_another_and_outages_mix() {
        let reject = |rejection, share| Effect::Reject { rejection, share, retry_after: None };
        let mut conditions = Conditions::CALM;
        conditions.add(&reject(Rejection::Auth, 0.5), 1.0);
        conditions.add(&reject(Rejection::RateLimited, 0.2), 1.0);
        conditions.add(&reject(Rejection::RateLimited, 0.5), 1.0);
        let shares: Vec<_> = conditions.rejections().collect();
        assert!((shares[0].1 - 0.6).abs() < 1e-12 && shares[0].0 == Rejection::RateLimited);
        assert!((shares[1].1 - 0.2).abs() < 1e-12 && shares[1].0 == Rejection::Auth);
        let met = |u| conditions.rejection(u).map(|(rejection, _)| rejection);
        assert_eq!(
            [0.1, 0.59, 0.61, 0.79, 0.81].map(met),
            [
                Some(Rejection::RateLimited),
                Some(Rejection::RateLimited),
                Some(Rejection::Auth),
                Some(Rejection::Auth),
                None
            ]
        );
        let hang = |s: Option<u64>| Down::Hang { closes_after: s.map(SimDuration) };
        assert_eq!(Down::Error.with(Down::Reset), Down::Reset);
        assert_eq!(Down::Reset.with(hang(None)), hang(None));
        assert_eq!(hang(Some(5)).with(hang(None)).with(hang(Some(3))), hang(Some(3)));
    }
}
