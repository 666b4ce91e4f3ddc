//! Durations in a histogram of fixed relative width: any quantile of any run in constant memory.

use crate::units::SimDuration;

/// Sub-buckets per power of two; a bucket is at most 1/128 of its value wide.
const SUB_BITS: u32 = 7;

/// Counts of durations in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

fn bucket(nanos: u64) -> usize {
    let bits = 64 - nanos.leading_zeros();
    if bits <= SUB_BITS + 1 {
        return nanos as usize;
    }
    let shift = bits - SUB_BITS - 1;
    ((shift as usize) << SUB_BITS) + (nanos >> shift) as usize
}

/// The middle of a bucket.
fn middle(bucket: usize) -> f64 {
    let sub = 1_usize << SUB_BITS;
    if bucket < 2 * sub {
        return bucket as f64;
    }
    let shift = bucket / sub - 1;
    ((bucket - shift * sub) as f64 + 0.5) * (1_u64 << shift) as f64
}

impl Histogram {
    /// Counts one duration.
    #[inline]
    pub fn add(&mut self, duration: SimDuration) {
        let at = bucket(duration.0);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
        self.total += 1;
    }

    /// The quantile `p` in milliseconds, within 0.4 %; `None` if nothing was counted.
    #[must_use]
    pub fn quantile_ms(&self, p: f64) -> Option<f64> {
        let rank = ((p * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        self.counts.iter().enumerate().find_map(|(at, count)| {
            seen += count;
            (*count > 0 && seen >= rank).then(|| middle(at) / 1e6)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_half_a_bucket() {
        let mut histogram = Histogram::default();
        for i in 1..=10_000_u64 {
            histogram.add(SimDuration(i * 1_000_000));
        }
        for (p, ms) in [(0.5, 5000.0), (0.95, 9500.0), (0.99, 9900.0), (1.0, 10_000.0)] {
            let found = histogram.quantile_ms(p).expect("not empty");
            assert!((found / ms - 1.0).abs() < 0.004, "{p}: {found}");
        }
        assert_eq!(Histogram::default().quantile_ms(0.5), None);
    }

    #[test]
    fn buckets_are_in_order_and_cover_everything() {
        let mut last = 0;
        for bits in 0..64 {
            for nanos in [1_u64 << bits, (1 << bits) + (1 << bits) / 2] {
                assert!(bucket(nanos) >= last);
                last = bucket(nanos);
                assert!((middle(last) / nanos as f64 - 1.0).abs() < 0.008);
            }
        }
        assert!(bucket(u64::MAX) < 8192);
    }
}
