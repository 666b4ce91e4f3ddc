//! The orders that follow load, checked.

use super::convert::span;
use crate::routing::load::{LatencyWindowRule, LoadRule, PeakEwmaRule};
use crate::scenario::problem::Problems;
use crate::scenario::tree::{Node, Path};
use crate::scenario::values::{Count, Duration};
use crate::scenario::written::{LatencyWindowOrder, LeastBusyOrder, PeakEwmaOrder};

fn count(n: Count) -> usize {
    usize::try_from(n.get()).unwrap_or(usize::MAX)
}

pub(super) fn least_busy(written: &LeastBusyOrder) -> LoadRule {
    LoadRule::LeastBusy { ties: written.ties, choices: written.choices.map_or(usize::MAX, count) }
}

pub(super) fn latency_window(written: &LatencyWindowOrder) -> LoadRule {
    LoadRule::LatencyWindow(LatencyWindowRule {
        lowest_latency_buffer: written.lowest_latency_buffer.get(),
        max_latency_list_size: count(written.max_latency_list_size),
        ttl: span(written.ttl),
        window: written.window,
    })
}

/// The order of the stack that `tree` is.
pub(super) fn peak_ewma(written: &PeakEwmaOrder, tree: &Node, problems: &mut Problems) -> LoadRule {
    for (key, time) in [("decay", written.decay), ("default_rtt", written.default_rtt)] {
        if time == Duration::ZERO {
            problems.add(
                tree.span_at(&Path::of(&format!("order.peak_ewma.{key}"))),
                format!("`{key}` is no time at all"),
                "write a time above 0, such as \"250ms\"",
            );
        }
    }
    LoadRule::PeakEwma(PeakEwmaRule {
        decay: span(written.decay),
        default_rtt: span(written.default_rtt),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::source::Span;

    #[test]
    fn what_is_not_written_is_the_rules_default() {
        let window = latency_window(&LatencyWindowOrder::default());
        assert_eq!(window, LoadRule::LatencyWindow(LatencyWindowRule::default()));
        let mut problems = Problems::default();
        let ewma =
            peak_ewma(&PeakEwmaOrder::default(), &Node::empty(Span::new(0, 0)), &mut problems);
        assert_eq!(ewma, LoadRule::PeakEwma(PeakEwmaRule::default()));
        assert_eq!(problems.len(), 0);
    }

    #[test]
    fn an_average_over_no_time_is_refused() {
        let mut problems = Problems::default();
        let zero = PeakEwmaOrder { decay: Duration::ZERO, ..PeakEwmaOrder::default() };
        peak_ewma(&zero, &Node::empty(Span::new(0, 0)), &mut problems);
        assert_eq!(problems.len(), 1);
    }
}
