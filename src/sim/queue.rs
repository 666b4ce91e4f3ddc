//! The event queue: the one place that orders events, by (time, sequence number).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::units::SimTime;

/// Bits of an event's payload.
const PAYLOAD_BITS: u32 = 24;
/// Bits of an event's sequence number: a run may schedule 10^12 events.
const SEQUENCE_BITS: u32 = 40;

/// Pending events, each a time and a payload of 24 bits; equal times leave in the order they came.
#[derive(Debug, Default)]
pub struct EventQueue {
    heap: BinaryHeap<Reverse<u128>>,
    sequence: u64,
}

impl EventQueue {
    /// Adds an event.
    #[inline]
    pub fn push(&mut self, at: SimTime, payload: u32) {
        assert!(
            payload >> PAYLOAD_BITS == 0 && self.sequence >> SEQUENCE_BITS == 0,
            "event payload {payload} or sequence {} leaves its key",
            self.sequence
        );
        let order = self.sequence << PAYLOAD_BITS | u64::from(payload);
        self.sequence += 1;
        self.heap.push(Reverse(u128::from(at.0) << 64 | u128::from(order)));
    }

    /// The time of the next event, or [`SimTime::NEVER`].
    #[inline]
    #[must_use]
    pub fn next_time(&self) -> SimTime {
        self.heap.peek().map_or(SimTime::NEVER, |Reverse(key)| SimTime((key >> 64) as u64))
    }

    /// Removes and returns the next event.
    #[inline]
    pub fn pop(&mut self) -> Option<(SimTime, u32)> {
        self.heap.pop().map(|Reverse(key)| {
            (SimTime((key >> 64) as u64), key as u32 & ((1 << PAYLOAD_BITS) - 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_leave_by_time_then_by_arrival() {
        let mut queue = EventQueue::default();
        for (at, payload) in [(5, 1), (3, 2), (5, 3), (3, 4), (0, 5)] {
            queue.push(SimTime(at), payload);
        }
        assert_eq!(queue.next_time(), SimTime(0));
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop()).map(|(_, p)| p).collect();
        assert_eq!(order, [5, 2, 4, 1, 3]);
        assert_eq!(queue.next_time(), SimTime::NEVER);
    }
}
