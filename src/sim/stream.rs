//! Random streams keyed by purpose: every draw is a pure function of (seed, purpose, task, model, nth).
//!
//! Nothing is ever "drawn next" from a shared generator, so two policies that send the same task to the same model
//! meet the same service noise, verdict and token counts, and a new draw for one purpose moves no other.
//! Generator: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011),
//! which passes `TestU01` `BigCrush` on keys and counters as used here: the seed is the key, the rest is the counter.

use std::convert::Infallible;

use rand::TryRng;
use rand_philox::philox4x32_10;

use crate::units::{ModelId, TaskId};

/// What a stream is for. The number is part of every result: never renumber, only append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Times between arrivals.
    Arrival = 1,
    /// A task's type, difficulty and token counts.
    Task = 2,
    /// What happens to one call: verdict, service time, quality.
    Call = 3,
    /// A learner's or random order's own choice.
    Choice = 4,
    /// Jitter of a retry's delay.
    Backoff = 5,
    /// A seed's truth around the declared figures.
    Truth = 6,
    /// Which models a fault hits.
    Fault = 7,
    /// The draws behind expected rewards (measurement only, never dynamics).
    Expectation = 8,
    /// When faults come that come at random.
    RandomFault = 9,
    /// The side of an A/B test that a task belongs to.
    Assignment = 10,
    /// Which seeds a bootstrap resample takes (measurement only).
    Resample = 11,
    /// Which arms of a bandit problem are awake in a round.
    Awake = 12,
    /// How late a result comes in a bandit problem.
    Delay = 13,
    /// How the means of a bandit problem wander.
    Walk = 14,
    /// In which order recorded prompts are asked.
    Prompts = 15,
    /// When the rate of arrivals jumps, and from where it begins.
    Modulation = 16,
    /// A session's number of turns and times of thought.
    Session = 17,
    /// How long a breaker stays open where its library draws that.
    Breaker = 18,
    /// Whether an outlier is ejected, and for how much longer than others.
    Ejection = 19,
    /// The instance of the stack that a task comes to.
    Replica = 20,
    /// Whether the stack drops a step itself.
    Throttle = 21,
    /// Whether a model that has come back may be chosen already.
    Ramp = 22,
}

/// All random streams of one cell.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    key: [u32; 2],
}

impl Streams {
    /// The streams of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32] }
    }

    /// The stream for one purpose of one task.
    #[inline]
    #[must_use]
    pub fn task(&self, purpose: Purpose, task: TaskId) -> Stream {
        self.open(purpose, task.0, 0, 0)
    }

    /// The stream of the `nth` call (or choice) of step `step` of `task`, to `model`.
    #[inline]
    #[must_use]
    pub fn call(
        &self,
        purpose: Purpose,
        task: TaskId,
        model: ModelId,
        step: usize,
        nth: u32,
    ) -> Stream {
        assert!(step < 256 && nth < 65_536, "step {step}, nth {nth} leave the stream's key");
        self.open(purpose, task.0, model.0, (step as u32) << 16 | nth)
    }

    /// A stream for the `nth` thing of `purpose` that belongs to no task.
    #[inline]
    #[must_use]
    pub fn nth(&self, purpose: Purpose, nth: u64) -> Stream {
        self.open(purpose, nth, u16::MAX, 0)
    }

    /// The stream of a thing that is known by its name, for `model`: its place among others does not count.
    #[must_use]
    pub fn named(&self, purpose: Purpose, name: &str, model: ModelId) -> Stream {
        // FNV-1a (Fowler, Noll, Vo 1991), folded to the 48 bits of the key.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        self.open(purpose, (hash ^ hash >> 48) & 0xffff_ffff_ffff, model.0, 0)
    }

    #[inline]
    fn open(&self, purpose: Purpose, task: u64, model: u16, nth: u32) -> Stream {
        debug_assert!(task >> 48 == 0 && nth >> 24 == 0);
        Stream {
            key: self.key,
            counter: [
                0,
                task as u32,
                ((task >> 32) as u32) << 16 | u32::from(model),
                u32::from(purpose as u8) << 24 | nth,
            ],
            words: [0; 4],
            unread: 0,
        }
    }
}

/// One random stream; a [`rand::Rng`] like any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4],
    unread: u8,
}

impl Stream {
    #[inline]
    fn word_pair(&mut self) -> u64 {
        if self.unread < 2 {
            self.words = philox4x32_10(self.counter, self.key);
            self.counter[0] += 1;
            self.unread = 4;
        }
        let at = usize::from(4 - self.unread);
        self.unread -= 2;
        u64::from(self.words[at]) | u64::from(self.words[at + 1]) << 32
    }

    /// A uniform number in the open interval (0, 1), 53 bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        ((self.word_pair() >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Passes over `n` pairs of numbers without computing them; only before or behind a whole pair.
    #[inline]
    pub fn skip_pairs(&mut self, n: u32) {
        assert!(self.unread == 0, "half a pair has been read");
        self.counter[0] += n;
    }

    /// A uniform index below `n`, by widening multiplication (Lemire 2019); its bias of at most n/2^64 cannot be seen.
    #[inline]
    pub fn index(&mut self, n: usize) -> usize {
        assert!(n > 0, "an index below 0 was asked for");
        ((u128::from(self.word_pair()) * n as u128) >> 64) as usize
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word_pair() as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.word_pair())
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(8) {
            chunk.copy_from_slice(&self.word_pair().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_function_gives_the_published_known_answers() {
        // Random123 1.14, kat_vectors, philox4x32 with 10 rounds.
        let ones = [u32::MAX; 4];
        let check = |counter, key, expected| assert_eq!(philox4x32_10(counter, key), expected);
        check([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        check(ones, [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        check(
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        );
    }

    #[test]
    fn streams_of_different_keys_do_not_meet() {
        let streams = Streams::new(7);
        let first = |mut s: Stream| (s.word_pair(), s.word_pair());
        let all = [
            first(streams.task(Purpose::Task, TaskId(1))),
            first(streams.task(Purpose::Arrival, TaskId(1))),
            first(streams.task(Purpose::Task, TaskId(2))),
            first(streams.call(Purpose::Call, TaskId(1), ModelId(1), 0, 0)),
            first(streams.call(Purpose::Call, TaskId(1), ModelId(2), 0, 0)),
            first(streams.call(Purpose::Call, TaskId(1), ModelId(1), 1, 0)),
            first(streams.call(Purpose::Call, TaskId(1), ModelId(1), 0, 1)),
            first(Streams::new(8).task(Purpose::Task, TaskId(1))),
            first(streams.named(Purpose::RandomFault, "a", ModelId(1))),
            first(streams.named(Purpose::RandomFault, "b", ModelId(1))),
            first(streams.named(Purpose::RandomFault, "a", ModelId(2))),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b), "stream {i} repeats another");
        }
    }

    #[test]
    fn a_stream_is_a_function_of_its_key() {
        let streams = Streams::new(3);
        let mut a = streams.task(Purpose::Call, TaskId(9));
        let mut b = streams.task(Purpose::Call, TaskId(9));
        let _elsewhere = streams.task(Purpose::Choice, TaskId(9)).uniform();
        for _ in 0..9 {
            assert_eq!(a.uniform().to_bits(), b.uniform().to_bits());
        }
    }
}
