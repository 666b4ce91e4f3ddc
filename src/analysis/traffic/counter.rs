//! Takes in requests one by one, in order of arrival.

use std::collections::BTreeMap;

use super::lengths::LengthCounts;
use super::windows::Windows;
use super::{ModelTraffic, Replay, Request, Traffic, Unknown, replayed};
use crate::analysis::moments::Moments;

/// Lengths of the windows in which arrivals are counted, in seconds.
const WINDOWS_S: [u64; 3] = [1, 10, 60];

/// Requests as they are counted.
#[derive(Clone, Debug)]
pub struct TrafficCounter {
    last_ns: Option<u64>,
    gaps: Moments,
    windows: [Windows; 3],
    input: LengthCounts,
    output: LengthCounts,
    unknown: Unknown,
    /// By model, then by provider.
    models: BTreeMap<Option<String>, BTreeMap<Option<String>, ModelTraffic>>,
    replay: Replay,
}

impl Default for TrafficCounter {
    fn default() -> Self {
        Self {
            last_ns: None,
            gaps: Moments::default(),
            windows: WINDOWS_S.map(Windows::new),
            input: LengthCounts::default(),
            output: LengthCounts::default(),
            unknown: Unknown::default(),
            models: BTreeMap::new(),
            replay: Replay::default(),
        }
    }
}

impl TrafficCounter {
    /// Counts a request that arrives at the last one's instant or later.
    pub fn push(&mut self, request: &Request<'_>) {
        let at = request.arrived_ns;
        if let Some(last) = self.last_ns {
            assert!(last <= at, "a request at {at} ns comes after one at {last} ns");
            self.gaps.push((at - last) as f64 / 1e9);
        }
        self.last_ns = Some(at);
        self.windows.iter_mut().for_each(|windows| windows.push(at));
        if let Some(tokens) = request.input_tokens {
            self.input.push(tokens);
        }
        if let Some(tokens) = request.output_tokens {
            self.output.push(tokens);
        }
        let unknown = &mut self.unknown;
        for (count, is_known) in [
            (&mut unknown.model, request.model.is_some()),
            (&mut unknown.provider, request.provider.is_some()),
            (&mut unknown.input_tokens, request.input_tokens.is_some()),
            (&mut unknown.output_tokens, request.output_tokens.is_some()),
            (&mut unknown.ttft_s, request.has_ttft),
            (&mut unknown.latency_s, request.has_latency),
            (&mut unknown.outcome, request.outcome.is_some()),
            (&mut unknown.cost_usd, request.cost_usd.is_some()),
        ] {
            *count += u64::from(!is_known);
        }
        match replayed(request.input_tokens, request.output_tokens) {
            None => self.replay.without_input += 1,
            Some(_) => {
                self.replay.requests += 1;
                self.replay.without_output += u64::from(request.output_tokens.is_none());
            }
        }
        let own = self.model(request);
        own.requests += 1;
        if let Some(outcome) = request.outcome {
            *own.outcomes.entry(outcome.name()).or_default() += 1;
        }
        own.input_tokens += u64::from(request.input_tokens.unwrap_or(0));
        own.output_tokens += u64::from(request.output_tokens.unwrap_or(0));
        if let Some(usd) = request.cost_usd {
            *own.cost_usd.get_or_insert(0.0) += usd;
        }
    }

    fn model(&mut self, request: &Request<'_>) -> &mut ModelTraffic {
        let owned = |name: Option<&str>| name.map(str::to_owned);
        let (model, provider) = (owned(request.model), owned(request.provider));
        let by_provider = self.models.entry(model.clone()).or_default();
        by_provider.entry(provider.clone()).or_insert_with(|| ModelTraffic {
            model,
            provider,
            ..ModelTraffic::default()
        })
    }

    /// What was counted; none without a request.
    #[must_use]
    pub fn traffic(self) -> Option<Traffic> {
        let duration_s = self.last_ns? as f64 / 1e9;
        let mut models: Vec<ModelTraffic> =
            self.models.into_values().flat_map(BTreeMap::into_values).collect();
        // The sort keeps the order by name among equals.
        models.sort_by_key(|own| std::cmp::Reverse(own.requests));
        let mean_gap = self.gaps.mean();
        let varies = self.gaps.n() >= 2 && mean_gap > 0.0;
        Some(Traffic {
            requests: self.gaps.n() + 1,
            duration_s,
            rate_per_s: (mean_gap > 0.0).then(|| self.gaps.n() as f64 / duration_s),
            interarrival_cv: varies.then(|| self.gaps.variance().sqrt() / mean_gap),
            dispersion: self.windows.iter().map(Windows::dispersion).collect(),
            input_tokens: self.input.lengths(),
            output_tokens: self.output.lengths(),
            unknown: self.unknown,
            models,
            replay: self.replay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::traffic::Dispersion;
    use crate::domain::Outcome;
    use crate::sim::sample::standard_exponential;
    use crate::sim::stream::{Purpose, Streams};

    fn of(arrivals_ns: impl IntoIterator<Item = u64>) -> Traffic {
        let mut counter = TrafficCounter::default();
        for arrived_ns in arrivals_ns {
            counter.push(&Request { arrived_ns, ..Request::default() });
        }
        counter.traffic().expect("requests")
    }

    #[test]
    fn a_poisson_process_has_a_cv_and_indices_of_1() {
        for seed in 1..=5 {
            let streams = Streams::new(seed);
            let mut at = 0.0;
            let n = 200_000_u64;
            let traffic = of((0..n).map(|i| {
                at += standard_exponential(&mut streams.nth(Purpose::Arrival, i)) / 4.0;
                (at * 1e9) as u64
            }));
            // The sample CV of n exponentials has standard error 1 / sqrt(n) (delta method: mu4 = 9, mu3 = 2); the index
            // of m Poisson counts has sqrt(2 / (m - 1)). z(1 - 0.001 / 2) = 3.2905.
            let cv = traffic.interarrival_cv.expect("varies");
            assert!((cv - 1.0).abs() < 3.2905 / (n as f64).sqrt(), "seed {seed}: cv {cv}");
            let rate = traffic.rate_per_s.expect("a rate");
            assert!((rate / 4.0 - 1.0).abs() < 3.2905 / (n as f64).sqrt(), "seed {seed}: {rate}");
            for Dispersion { window_s, windows, index, .. } in traffic.dispersion {
                let index = index.expect("many windows");
                let wide = 3.2905 * (2.0 / (windows - 1) as f64).sqrt();
                assert!((index - 1.0).abs() < wide, "seed {seed}: {window_s} s: {index}");
            }
        }
    }

    #[test]
    fn a_clock_has_no_spread_and_bursts_have_much() {
        let clock = of((0..1000).map(|i| i * 500_000_000));
        assert_eq!((clock.interarrival_cv, clock.rate_per_s), (Some(0.0), Some(2.0)));
        assert!(clock.dispersion.iter().all(|own| own.index == Some(0.0)));
        let bursts = of((0..10_000).map(|i| (i / 100) * 50_000_000_000 + i % 100));
        assert!(bursts.interarrival_cv.is_some_and(|cv| cv > 9.0));
        assert!(bursts.dispersion[0].index.is_some_and(|index| index > 90.0));
        let one = of([0]);
        assert_eq!((one.requests, one.rate_per_s, one.interarrival_cv), (1, None, None));
        assert_eq!(TrafficCounter::default().traffic(), None);
    }

    #[test]
    fn models_outcomes_and_unknowns_are_counted() {
        let mut counter = TrafficCounter::default();
        let known = Request {
            model: Some("a"),
            input_tokens: Some(10),
            output_tokens: Some(4),
            outcome: Some(Outcome::Success),
            cost_usd: Some(0.5),
            ..Request::default()
        };
        counter.push(&known);
        counter.push(&Request { output_tokens: None, outcome: Some(Outcome::Timeout), ..known });
        counter.push(&Request { model: None, input_tokens: None, cost_usd: None, ..known });
        let traffic = counter.traffic().expect("requests");
        let models: Vec<_> =
            traffic.models.iter().map(|m| (m.model.as_deref(), m.requests)).collect();
        assert_eq!(models, [(Some("a"), 2), (None, 1)]);
        let first = &traffic.models[0];
        assert_eq!((first.outcomes["success"], first.outcomes["timeout"]), (1, 1));
        assert_eq!((first.cost_usd, traffic.models[1].cost_usd), (Some(1.0), None));
        assert_eq!((traffic.unknown.model, traffic.unknown.provider), (1, 3));
        let replay = Replay { requests: 2, without_input: 1, without_output: 1 };
        assert_eq!(traffic.replay, replay);
    }
}
