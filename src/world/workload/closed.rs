//! Closed loops: users who each wait for the end of one task before they send the next.

use crate::sim::queue::EventQueue;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

use super::Arrival;

/// The users of a closed loop.
#[derive(Debug)]
pub(super) struct ClosedLoop {
    think: SimDuration,
    interval: SimDuration,
    /// How many tasks each has sent.
    sent: Vec<u64>,
    waiting: EventQueue,
}

impl ClosedLoop {
    pub(super) fn new(in_flight: u32, think: SimDuration, interval: SimDuration) -> Self {
        let sent = vec![0; in_flight as usize];
        Self { think, interval, sent, waiting: EventQueue::default() }
    }

    /// The first task of the `n`th user.
    pub(super) fn begin(&mut self, n: u64) -> Option<Arrival> {
        *self.sent.get_mut(usize::try_from(n).ok()?)? += 1;
        Some(Arrival { user: n as u32, ..Arrival::plain(SimTime::ZERO) })
    }

    /// A task has ended at `now`: when its user sends the next.
    pub(super) fn end(&mut self, arrival: Arrival, now: SimTime) -> SimTime {
        let sent = self.sent[arrival.user as usize];
        let at = if self.interval > SimDuration::ZERO {
            let due = SimTime::ZERO + SimDuration(self.interval.0.saturating_mul(sent));
            (now + self.think).max(due)
        } else if now == arrival.at {
            now + self.think.max(SimDuration(NANOS_PER_SECOND))
        } else {
            now + self.think
        };
        self.waiting.push(at, arrival.user);
        at
    }

    /// The task that is due at `now`.
    pub(super) fn next(&mut self, now: SimTime) -> Arrival {
        let (at, user) = self.waiting.pop().expect("a task is due");
        assert!(at == now, "a task is due at {at:?} instead of {now:?}");
        self.sent[user as usize] += 1;
        Arrival { user, ..Arrival::plain(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a user sends tasks that take these times in seconds.
    fn sent(think_s: u64, interval_s: u64, takes_s: &[u64]) -> Vec<u64> {
        let s = |s: u64| SimDuration(s * NANOS_PER_SECOND);
        let mut users = ClosedLoop::new(1, s(think_s), s(interval_s));
        let mut arrival = users.begin(0).expect("there is one");
        assert!(users.begin(1).is_none());
        let mut at = vec![0];
        for takes in takes_s {
            let due = users.end(arrival, arrival.at + s(*takes));
            arrival = users.next(due);
            at.push(due.0 / NANOS_PER_SECOND);
        }
        at
    }

    #[test]
    fn tasks_come_at_their_interval_or_when_the_last_one_is_done() {
        // Task i at max(4 i, end of i - 1), which catches up behind a slow task.
        assert_eq!(sent(0, 4, &[1, 4, 9, 1, 1, 0]), [0, 4, 8, 17, 18, 20, 24]);
        assert_eq!(sent(2, 4, &[1, 3, 1]), [0, 4, 9, 12]);
        assert_eq!(sent(2, 0, &[1, 3, 0]), [0, 3, 8, 10]);
        assert_eq!(sent(0, 0, &[0, 1]), [0, 1, 2]);
    }
}
