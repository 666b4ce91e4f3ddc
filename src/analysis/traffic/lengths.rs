//! Counts of tokens: any percentile exactly, from how often each length occurs.

use std::collections::BTreeMap;

use serde::Serialize;

/// Lengths that have a counter in a row of counters; longer ones are rare.
const SHORT: usize = 1 << 16;

/// Lengths in tokens, described. Percentiles are exact: between two lengths they are interpolated as numpy does (type 7 of
/// Hyndman and Fan, "Sample quantiles in statistical packages", 1996).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Lengths {
    /// How many are known; the figures are null where none is.
    pub known: u64,
    /// Sum.
    pub total: u64,
    /// Mean.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// The longest.
    pub max: Option<u32>,
}

/// How often each length occurs.
#[derive(Clone, Debug, Default)]
pub(super) struct LengthCounts {
    short: Vec<u64>,
    long: BTreeMap<u32, u64>,
    known: u64,
    total: u64,
}

impl LengthCounts {
    pub(super) fn push(&mut self, tokens: u32) {
        self.known += 1;
        self.total += u64::from(tokens);
        let at = tokens as usize;
        if at >= SHORT {
            *self.long.entry(tokens).or_default() += 1;
            return;
        }
        if at >= self.short.len() {
            self.short.resize((at + 1).next_power_of_two(), 0);
        }
        self.short[at] += 1;
    }

    /// All lengths that occur, in order, with how often.
    fn counts(&self) -> impl Iterator<Item = (u32, u64)> {
        let short = self.short.iter().enumerate().map(|(tokens, n)| (tokens as u32, *n));
        short.filter(|(_, n)| *n > 0).chain(self.long.iter().map(|(tokens, n)| (*tokens, *n)))
    }

    /// The lengths at two neighbouring ranks, from 0.
    fn at(&self, rank: u64) -> (f64, f64) {
        let mut seen = 0;
        let mut below = None;
        for (tokens, n) in self.counts() {
            let tokens = f64::from(tokens);
            seen += n;
            if let Some(below) = below {
                return (below, tokens);
            }
            if seen > rank + 1 {
                return (tokens, tokens);
            }
            if seen > rank {
                below = Some(tokens);
            }
        }
        let last = below.unwrap_or_default();
        (last, last)
    }

    fn quantile(&self, p: f64) -> Option<f64> {
        if self.known == 0 {
            return None;
        }
        let place = p * (self.known - 1) as f64;
        let (below, above) = self.at(place.floor() as u64);
        Some(below + (above - below) * place.fract())
    }

    pub(super) fn lengths(&self) -> Lengths {
        Lengths {
            known: self.known,
            total: self.total,
            mean: (self.known > 0).then(|| self.total as f64 / self.known as f64),
            p50: self.quantile(0.5),
            p90: self.quantile(0.9),
            p95: self.quantile(0.95),
            p99: self.quantile(0.99),
            max: self.counts().last().map(|(tokens, _)| tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_numpy() {
        // numpy.percentile([3, 7, 7, 20, 100000], [50, 90, 95, 99]) and of a single value.
        let mut counts = LengthCounts::default();
        [7, 3, 100_000, 20, 7].into_iter().for_each(|tokens| counts.push(tokens));
        let found = counts.lengths();
        let wanted = [7.0, 60_008.0, 80_004.0, 96_000.8];
        for (found, wanted) in [found.p50, found.p90, found.p95, found.p99].into_iter().zip(wanted)
        {
            assert!((found.expect("known") - wanted).abs() < 1e-9, "{found:?} for {wanted}");
        }
        assert_eq!((found.known, found.total, found.max), (5, 100_037, Some(100_000)));
        let mut one = LengthCounts::default();
        one.push(9);
        assert_eq!((one.lengths().p50, one.lengths().p99), (Some(9.0), Some(9.0)));
        assert_eq!(LengthCounts::default().lengths(), Lengths::default());
    }
}
