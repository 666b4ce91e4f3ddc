//! How tasks arrive: profiles in the run's zone, states of a rate, sessions, and recordings from their files.

use std::path::Path;
use std::sync::Arc;

use super::{Clock, Resolver};
use crate::data::trace;
use crate::scenario::decode::Dropped;
use crate::scenario::problem::Refusal;
use crate::scenario::source::Span;
use crate::scenario::tree::{Node, Path as TreePath};
use crate::scenario::written::{
    Diurnal, MarkovModulated, RateProfile as WrittenProfile, Replay, SessionArrivals, Sessions,
    ThinkTime, Turns as WrittenTurns, Workload,
};
use crate::sim::sample::LogNormal;
use crate::units::{SimDuration, SimTime};
use crate::world::expectation::Lengths;
use crate::world::workload::{
    GapLaw, Modulation, OpenSpec, RateProfile, Recording, SessionSpec, Think, TraceRow, Turns,
    WorkloadSpec,
};

/// Lengths that an expectation takes from a trace.
const TRACED_LENGTHS: usize = 4096;
/// Rows of a trace that are put in order of length for that; of a longer one every so many.
const ORDERED_LENGTHS: usize = 1 << 20;
/// The smallest and largest coefficient of variation: below, arrivals come at a fixed interval; beyond, next to all of them
/// come at the same instants.
const SMALLEST_CV: f64 = 0.001;
const LARGEST_CV: f64 = 100.0;

/// Where the workload of a block is written.
struct Written<'a> {
    tree: &'a Node,
    dropped: &'a Dropped,
    clock: Option<&'a Clock>,
}

impl Written<'_> {
    fn span(&self, key: &str) -> Span {
        self.tree.span_at(&TreePath::of(key))
    }

    fn was_wrong(&self, key: &str) -> bool {
        self.dropped.touches(key)
    }
}

impl Resolver<'_> {
    /// The workload of a block, and where expectations take lengths from.
    pub(super) fn workload(
        &mut self,
        written: &Workload,
        (tree, dropped): (&Node, &Dropped),
        clock: Option<&Clock>,
        is_recorded: bool,
    ) -> Option<(WorkloadSpec, Lengths)> {
        let place = Written { tree, dropped, clock };
        let spec = match written {
            Workload::Poisson(poisson) if poisson.profile.is_none() => {
                WorkloadSpec::Poisson { rate_per_s: poisson.rate_per_s.get() }
            }
            Workload::Poisson(_)
            | Workload::Gamma(_)
            | Workload::Weibull(_)
            | Workload::MarkovModulated(_) => {
                WorkloadSpec::Open(self.open(&law_of(written)?, &place, "workload")?)
            }
            Workload::FixedInterval { interval } => {
                WorkloadSpec::FixedInterval { interval: SimDuration(interval.nanos().max(1)) }
            }
            Workload::ClosedLoop { in_flight, think, interval } => WorkloadSpec::ClosedLoop {
                in_flight: u32::try_from(in_flight.get()).unwrap_or(u32::MAX).min(1_000_000),
                think: SimDuration(think.nanos()),
                interval: SimDuration(interval.nanos()),
            },
            Workload::Sessions(sessions) => {
                WorkloadSpec::Sessions(self.sessions(sessions, &place, is_recorded)?)
            }
            Workload::Trace(replay) => {
                let recording = self.replay(replay, &place)?;
                let lengths = traced(recording.rows());
                return Some((WorkloadSpec::Trace(recording), lengths));
            }
        };
        Some((spec, Lengths::Drawn))
    }

    /// Open arrivals that are written below `above`.
    fn open(
        &mut self,
        written: &SessionArrivals,
        place: &Written<'_>,
        above: &str,
    ) -> Option<OpenSpec> {
        let (kind, law, rate_per_s, profile) = match written {
            SessionArrivals::Poisson(own) => {
                ("poisson", GapLaw::Exponential, Some(own.rate_per_s), &own.profile)
            }
            SessionArrivals::Gamma(own) => {
                ("gamma", GapLaw::gamma(own.cv.get()), Some(own.rate_per_s), &own.profile)
            }
            SessionArrivals::Weibull(own) => {
                let law = GapLaw::Weibull { shape: own.shape.get() };
                ("weibull", law, Some(own.rate_per_s), &own.profile)
            }
            SessionArrivals::MarkovModulated(own) => {
                ("markov_modulated", GapLaw::Exponential, own.rate_per_s, &own.profile)
            }
        };
        let at = format!("{above}.{kind}");
        let cv = law.cv();
        if !(SMALLEST_CV..=LARGEST_CV).contains(&cv) {
            let key = if matches!(law, GapLaw::Gamma { .. }) { "cv" } else { "shape" };
            let message = format!(
                "the times between arrivals cannot have a coefficient of variation of {cv:.3e}"
            );
            let cure = "write a `cv` from 0.001 to 100, or a `shape` from 0.15 to 1000";
            self.problems().add(place.span(&format!("{at}.{key}")), message, cure);
        }
        let profile = match profile {
            Some(profile) => Some(self.profile(profile, place, &format!("{at}.profile"))?),
            None => None,
        };
        let (modulation, own_rate_per_s) = match written {
            SessionArrivals::MarkovModulated(own) => {
                let (modulation, rate_per_s) = self.modulation(own, place, &at)?;
                (Some(modulation), Some(rate_per_s))
            }
            _ => (None, None),
        };
        let rate_per_s = rate_per_s.map(|rate| rate.get()).or(own_rate_per_s)?;
        Some(OpenSpec { law, rate_per_s, profile, modulation })
    }

    /// The states of a rate, and its mean over the long run.
    fn modulation(
        &mut self,
        written: &MarkovModulated,
        place: &Written<'_>,
        at: &str,
    ) -> Option<(Modulation, f64)> {
        let at = format!("{at}.states");
        if place.was_wrong(&at) {
            return None;
        }
        let states: Vec<(f64, SimDuration)> = written
            .states
            .iter()
            .map(|state| (state.rate_per_s.get(), SimDuration(state.mean_sojourn.nanos())))
            .collect();
        if let Some(n) = states.iter().position(|(_, sojourn)| sojourn.0 == 0) {
            let span = place.span(&format!("{at}[{n}].mean_sojourn"));
            self.problems().add(
                span,
                "the state lasts no time",
                "write a longer time, such as \"1min\"",
            );
            return None;
        }
        if states.iter().all(|(rate, _)| *rate == 0.0) {
            let message = "there is no state in which anything arrives";
            let cure = "write a state with a `rate_per_s` above 0";
            self.problems().add(place.span(&at), message, cure);
            return None;
        }
        Some(Modulation::of_rates(&states))
    }

    /// A profile of the rate in the run's zone.
    fn profile(
        &mut self,
        written: &WrittenProfile,
        place: &Written<'_>,
        at: &str,
    ) -> Option<RateProfile> {
        let daily = match &written.diurnal {
            None => vec![1.0],
            Some(Diurnal::Hours(weights)) => {
                let weights: Vec<f64> = weights.iter().map(|weight| weight.get()).collect();
                self.weights(&weights, 24, place, &format!("{at}.diurnal.hours"))?;
                weights
            }
            Some(Diurnal::Sinusoid { peak, amplitude }) => {
                let midnight = jiff::civil::Time::midnight();
                let peak_s = peak.0.duration_since(midnight).as_secs();
                RateProfile::sinusoid(peak_s.unsigned_abs() as u32, amplitude.get())
            }
        };
        let mut weekly = [1.0; 7];
        if let Some(weights) = &written.weekly {
            let weights: Vec<f64> = weights.iter().map(|weight| weight.get()).collect();
            self.weights(&weights, 7, place, &format!("{at}.weekly"))?;
            weekly.copy_from_slice(&weights);
        }
        let clock = place.clock?;
        Some(RateProfile::new(clock.start, clock.zone.clone(), daily, weekly))
    }

    /// Reports weights that are too few or many, or all 0.
    fn weights(&mut self, weights: &[f64], n: usize, place: &Written<'_>, at: &str) -> Option<()> {
        if place.was_wrong(at) {
            return None;
        }
        let span = place.span(at);
        if weights.len() != n {
            let what = if n == 7 { "days of a week" } else { "hours of a day" };
            let message = format!("there are {} weights for the {n} {what}", weights.len());
            self.problems().add(span, message, format!("write {n} numbers"));
            return None;
        }
        if weights.iter().all(|weight| *weight == 0.0) {
            self.problems().add(span, "all weights are 0", "write one above 0");
            return None;
        }
        Some(())
    }

    fn sessions(
        &mut self,
        written: &Sessions,
        place: &Written<'_>,
        is_recorded: bool,
    ) -> Option<SessionSpec> {
        let arrivals = self.open(&written.arrivals, place, "workload.sessions.arrivals");
        let turns = match &written.turns {
            WrittenTurns::Constant(n) => {
                Turns::Constant(u32::try_from(n.get()).unwrap_or(u32::MAX))
            }
            WrittenTurns::Geometric { mean } => {
                if mean.get() < 1.0 {
                    let span = place.span("workload.sessions.turns.geometric.mean");
                    let message = format!("a session cannot have {} turns on average", mean.get());
                    self.problems().add(span, message, "write a mean of at least 1");
                }
                Turns::Geometric { mean: mean.get() }
            }
        };
        let think = match &written.think {
            ThinkTime::Constant(think) => Think::Constant(SimDuration(think.nanos())),
            ThinkTime::Exponential { mean } => {
                Think::Exponential { mean: SimDuration(mean.nanos()) }
            }
            ThinkTime::Lognormal { mean, sigma } if mean.nanos() > 0 => {
                Think::LogNormal(LogNormal::with_mean(mean.seconds(), sigma.get()))
            }
            ThinkTime::Lognormal { .. } => Think::Constant(SimDuration::ZERO),
        };
        let context_share = written.context_share.get();
        if is_recorded && context_share > 0.0 {
            let message = "recorded prompts have their own lengths, which no turn before adds to";
            let cure = "leave `context_share` out where outcomes are recorded";
            self.problems().add(place.span("workload.sessions.context_share"), message, cure);
        }
        Some(SessionSpec { arrivals: arrivals?, turns, think, context_share })
    }

    fn replay(&mut self, written: &Replay, place: &Written<'_>) -> Option<Recording> {
        let span = |key: &str| place.span(&format!("workload.trace.{key}"));
        if written.time_scale.is_some() && written.rate_per_s.is_some() {
            let message = "`time_scale` and `rate_per_s` both say how fast the trace runs";
            self.problems().add(span("rate_per_s"), message, "write one of them");
        }
        let from = SimTime(written.from.map_or(0, |from| from.nanos()));
        let until = written.until.map(|until| SimTime(until.nanos()));
        if until.is_some_and(|until| until <= from) {
            let message = "the part of the trace ends before it begins";
            self.problems().add(span("until"), message, "write an `until` after `from`");
            return None;
        }
        let path = self.loaded.path(&written.file);
        let rows = match path.and_then(|path| self.rows(&path)) {
            Ok(rows) => rows,
            Err(refusal) => {
                self.problems().add(written.file.span, refusal.reason, refusal.cure);
                return None;
            }
        };
        let whole = Recording::new(rows, written.repeat);
        let Some(part) = whole.part(from, until) else {
            let last = whole.rows().last().map_or(0.0, |row| row.arrived.as_secs_f64());
            let message =
                format!("no request lies in that part of the trace, whose last is at {last} s");
            let key = if from == SimTime::ZERO { "until" } else { "from" };
            self.problems().add(span(key), message, "choose a part with requests");
            return None;
        };
        Some(match (written.time_scale, written.rate_per_s) {
            (Some(stretch), _) => part.stretched(stretch.get()),
            (None, Some(rate)) => part.at_rate(rate.get()),
            (None, None) => part,
        })
    }

    /// The rows of a trace, which all blocks that name it share.
    fn rows(&mut self, path: &Path) -> Result<Arc<Vec<TraceRow>>, Refusal> {
        if let Some(rows) = self.traces.get(path) {
            return Ok(Arc::clone(rows));
        }
        let rows = trace::read(path).map_err(|error| {
            Refusal::new(format!("{}: {}", error.place(), error.reason), error.cure)
        })?;
        let rows = Arc::new(rows);
        self.traces.insert(path.to_owned(), Arc::clone(&rows));
        Ok(rows)
    }
}

/// The open arrivals of a workload that is nothing else.
fn law_of(written: &Workload) -> Option<SessionArrivals> {
    match written.clone() {
        Workload::Poisson(own) => Some(SessionArrivals::Poisson(own)),
        Workload::Gamma(own) => Some(SessionArrivals::Gamma(own)),
        Workload::Weibull(own) => Some(SessionArrivals::Weibull(own)),
        Workload::MarkovModulated(own) => Some(SessionArrivals::MarkovModulated(own)),
        _ => None,
    }
}

/// Pairs of lengths taken evenly from a trace in order of length.
fn traced(rows: &[TraceRow]) -> Lengths {
    let every = rows.len().div_ceil(ORDERED_LENGTHS);
    let mut pairs: Vec<(u32, u32)> =
        rows.iter().step_by(every).map(|row| (row.input_tokens, row.output_tokens)).collect();
    pairs.sort_unstable_by_key(|(input, output)| (u64::from(*input) + u64::from(*output), *input));
    let n = pairs.len().min(TRACED_LENGTHS);
    Lengths::Traced((0..n).map(|k| pairs[(2 * k + 1) * pairs.len() / (2 * n)]).collect())
}
