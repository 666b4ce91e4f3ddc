//! Classic bandit problems: arms with rewards of known means, in rounds; no clock, queue or provider.
//!
//! What arm `a` would give in round `t` is a pure function of (seed, t, a), so all learners meet the same rewards.

use crate::domain::ModelSet;
use crate::math;
use crate::sim::sample::standard_normal;
use crate::sim::stream::{Purpose, Streams};
use crate::units::{ModelId, TaskId};

/// A bandit problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Number of rounds.
    pub horizon: u64,
    /// Number of arms.
    pub n_arms: usize,
    /// What an arm gives.
    pub rewards: Rewards,
    /// Probability that an arm is awake in a round; a sleeping arm cannot be chosen.
    pub awake: f64,
    /// Arms that are not there all the time, and their rounds.
    pub present: Vec<Presence>,
    /// How late results come.
    pub delay: Delay,
    /// What choices cost, if they do.
    pub budget: Option<Budget>,
    /// What is declared of each arm, 0-100.
    pub declared: Vec<f64>,
}

/// Where rewards come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Rewards {
    /// Each arm has a mean.
    Means {
        /// How a reward spreads around its mean.
        law: Law,
        /// The means from a round on, the first from round 0.
        stages: Vec<Stage>,
        /// Means move in a straight line from one stage to the next, instead of jumping.
        in_lines: bool,
        /// Standard deviation of a step that each mean takes every round, reflected at 0 and 1; 0: none.
        walk: f64,
    },
    /// The mean is the inner product of the round's features, uniform on the unit sphere, with a vector.
    Linear {
        /// The vectors: one for each arm, or a single one where each arm has features of its own.
        theta: Vec<Vec<f64>>,
        /// Standard deviation of a reward.
        sd: f64,
        /// Each arm has features of its own in every round.
        per_arm: bool,
    },
}

/// How a reward spreads around its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// 1 with the mean as probability, else 0.
    Bernoulli,
    /// Normal with this standard deviation.
    Gaussian(f64),
}

/// The means of all arms from a round on.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The first round.
    pub from: u64,
    /// Mean by arm.
    pub means: Vec<f64>,
}

/// An arm that is there only for some rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The arm.
    pub arm: ModelId,
    /// Its first round.
    pub from: u64,
    /// One past its last round.
    pub until: u64,
}

/// How late results come: in round `t`, a result is known before round `t + 1 + delay`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// By so many rounds.
    Constant(u64),
    /// By a geometric number of rounds on 0, 1, 2, ... with this mean.
    Geometric(f64),
}

/// What choices cost, and what there is to spend.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// What may be spent; the round that exceeds it is the last.
    pub total: f64,
    /// Mean cost by arm, 0..1.
    pub costs: Vec<f64>,
    /// A cost is 1 with its mean as probability, else 0; if not, it is always the mean.
    pub is_drawn: bool,
}

/// What an arm gives and takes in a round.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// The reward.
    pub reward: f64,
    /// The cost.
    pub cost: f64,
}

/// A problem in one seed.
#[derive(Clone, Debug)]
pub struct Rounds<'a> {
    problem: &'a Problem,
    streams: Streams,
    /// The round that the following belong to.
    at: u64,
    stage: usize,
    means: Vec<f64>,
    /// How far each mean has walked.
    walked: Vec<f64>,
    /// Features of the round, for all arms or one after the other.
    features: Vec<f64>,
}

impl Problem {
    /// Length of a feature vector; a problem without features has one, always 1.
    #[must_use]
    pub fn n_features(&self) -> usize {
        match &self.rewards {
            Rewards::Means { .. } => 1,
            Rewards::Linear { theta, .. } => theta[0].len(),
        }
    }

    /// Features of one arm where each has its own; 0 where all share them.
    #[must_use]
    pub fn feature_width(&self) -> usize {
        match &self.rewards {
            Rewards::Linear { per_arm: true, theta, .. } => theta[0].len(),
            _ => 0,
        }
    }

    /// The rounds from which on something is different: stages, arms that come or go.
    #[must_use]
    pub fn changes(&self) -> Vec<u64> {
        let stages = match &self.rewards {
            Rewards::Means { stages, .. } => stages.iter().map(|stage| stage.from).collect(),
            Rewards::Linear { .. } => Vec::new(),
        };
        let presence = self.present.iter().flat_map(|p| [p.from, p.until]);
        let mut changes: Vec<u64> = stages.into_iter().chain(presence).collect();
        changes.retain(|round| (1..self.horizon).contains(round));
        changes.sort_unstable();
        changes.dedup();
        changes
    }

    /// The most that can be earned per round on average without spending more than the budget: the value of the linear
    /// programme max p'mu with p'c <= total / horizon, p a distribution over arms and doing nothing (fluid relaxation of
    /// bandits with knapsacks, Badanidiyuru, Kleinberg, Slivkins 2013). `None` without a budget.
    #[must_use]
    pub fn budget_rate(&self) -> Option<f64> {
        let budget = self.budget.as_ref()?;
        let Rewards::Means { stages, .. } = &self.rewards else { return None };
        let may_spend = budget.total / self.horizon as f64;
        let nothing = (0.0, 0.0);
        let arms = || budget.costs.iter().copied().zip(stages[0].means.iter().copied());
        let points = || arms().chain([nothing]);
        let mut best = 0.0_f64;
        for (c1, m1) in points().filter(|(cost, _)| *cost <= may_spend) {
            best = best.max(m1);
            for (c2, m2) in points().filter(|(cost, _)| *cost > may_spend) {
                let share = (may_spend - c1) / (c2 - c1);
                best = best.max(m1 + share * (m2 - m1));
            }
        }
        Some(best)
    }

    /// The constant of the lower bound of Lai and Robbins (1985): the regret of a learner that is good on all problems of
    /// the kind grows at least like this times ln t. `None` where the bound says nothing: means that change, arms that sleep
    /// or cost, features.
    #[must_use]
    pub fn lai_robbins(&self) -> Option<f64> {
        let Rewards::Means { law, stages, walk, .. } = &self.rewards else { return None };
        let [Stage { means, .. }] = stages.as_slice() else { return None };
        let is_plain = self.awake >= 1.0 && self.present.is_empty() && self.budget.is_none();
        if !is_plain || *walk > 0.0 {
            return None;
        }
        let best = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let divergence = |mean: f64| match law {
            Law::Bernoulli => math::bernoulli_divergence(mean, best),
            Law::Gaussian(sd) => (best - mean) * (best - mean) / (2.0 * sd * sd),
        };
        let worse = means.iter().filter(|mean| **mean < best);
        let sum = worse.map(|mean| (best - mean) / divergence(*mean)).sum::<f64>();
        sum.is_finite().then_some(sum)
    }

    /// The problem in a seed, before its first round.
    #[must_use]
    pub fn rounds(&self, streams: Streams) -> Rounds<'_> {
        let means = match &self.rewards {
            Rewards::Means { stages, .. } => stages[0].means.clone(),
            Rewards::Linear { .. } => vec![0.0; self.n_arms],
        };
        let walked = vec![0.0; self.n_arms];
        let mut rounds =
            Rounds { problem: self, streams, at: 0, stage: 0, means, walked, features: vec![1.0] };
        rounds.look();
        rounds
    }
}

/// A number folded back into 0..1 at both ends.
fn reflected(x: f64) -> f64 {
    let folded = x.rem_euclid(2.0);
    if folded > 1.0 { 2.0 - folded } else { folded }
}

/// Features of a round: a standard normal vector scaled to length 1.
fn on_sphere(streams: &Streams, round: u64, arm: ModelId, into: &mut [f64]) {
    let mut stream = streams.call(Purpose::Task, TaskId(round), arm, 0, 0);
    let mut squares = 0.0;
    for x in &mut *into {
        *x = standard_normal(&mut stream);
        squares += *x * *x;
    }
    let length = squares.sqrt();
    into.iter_mut().for_each(|x| *x /= length);
}

impl Rounds<'_> {
    /// Goes on to a later round.
    pub fn go_to(&mut self, round: u64) {
        while self.at < round {
            self.at += 1;
            self.look();
        }
    }

    /// Goes to any round, for its features: those of one round do not depend on others.
    pub fn recall(&mut self, round: u64) {
        self.at = round;
        self.look();
    }

    fn look(&mut self) {
        match &self.problem.rewards {
            Rewards::Means { stages, in_lines, walk, .. } => {
                while stages.get(self.stage + 1).is_some_and(|next| next.from <= self.at) {
                    self.stage += 1;
                    self.means.clone_from(&stages[self.stage].means);
                }
                if *in_lines && let Some(next) = stages.get(self.stage + 1) {
                    let own = &stages[self.stage];
                    let share = (self.at - own.from) as f64 / (next.from - own.from) as f64;
                    for (mean, (a, b)) in
                        self.means.iter_mut().zip(own.means.iter().zip(&next.means))
                    {
                        *mean = a + share * (b - a);
                    }
                }
                if *walk > 0.0 && self.at > 0 {
                    let base = &stages[self.stage].means;
                    let arms = self.means.iter_mut().zip(&mut self.walked).zip(base);
                    for (arm, ((mean, walked), base)) in (0..).map(ModelId).zip(arms) {
                        let at = TaskId(self.at);
                        let mut stream = self.streams.call(Purpose::Walk, at, arm, 0, 0);
                        *walked += walk * standard_normal(&mut stream);
                        *mean = reflected(base + *walked);
                    }
                }
            }
            Rewards::Linear { theta, per_arm, .. } => {
                let d = theta[0].len();
                let n_vectors = if *per_arm { self.problem.n_arms } else { 1 };
                self.features.resize(n_vectors * d, 0.0);
                for (arm, x) in self.features.chunks_mut(d).enumerate() {
                    on_sphere(&self.streams, self.at, ModelId(arm as u16), x);
                }
                for arm in 0..self.means.len() {
                    let (x, theta) = match per_arm {
                        true => (&self.features[arm * d..][..d], &theta[0]),
                        false => (&self.features[..], &theta[arm]),
                    };
                    self.means[arm] = x.iter().zip(theta).map(|(x, t)| x * t).sum();
                }
            }
        }
    }

    /// Expected reward by arm in this round.
    #[must_use]
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// Features of this round, for all arms or one arm after the other.
    #[must_use]
    pub fn features(&self) -> &[f64] {
        &self.features
    }

    /// The arms that may be chosen in this round.
    #[must_use]
    pub fn awake(&self) -> ModelSet {
        let problem = self.problem;
        let mut awake = ModelSet::first(problem.n_arms);
        for own in problem.present.iter().filter(|p| self.at < p.from || self.at >= p.until) {
            let is_there = |p: &&Presence| p.arm == own.arm && (p.from..p.until).contains(&self.at);
            if !problem.present.iter().any(|p| is_there(&p)) {
                awake.remove(own.arm);
            }
        }
        if problem.awake < 1.0 {
            for arm in (0..problem.n_arms as u16).map(ModelId) {
                let mut stream = self.streams.call(Purpose::Awake, TaskId(self.at), arm, 0, 0);
                if stream.uniform() >= problem.awake {
                    awake.remove(arm);
                }
            }
        }
        awake
    }

    /// What an arm gives and takes in this round.
    #[must_use]
    pub fn draw(&self, arm: ModelId) -> Draw {
        let mut stream = self.streams.call(Purpose::Call, TaskId(self.at), arm, 0, 0);
        let mean = self.means[arm.index()];
        let reward = match &self.problem.rewards {
            Rewards::Means { law: Law::Bernoulli, .. } => {
                f64::from(u8::from(stream.uniform() < mean))
            }
            Rewards::Means { law: Law::Gaussian(sd), .. } | Rewards::Linear { sd, .. } => {
                mean + sd * standard_normal(&mut stream)
            }
        };
        let cost = match &self.problem.budget {
            None => 0.0,
            Some(budget) if budget.is_drawn => {
                f64::from(u8::from(stream.uniform() < budget.costs[arm.index()]))
            }
            Some(budget) => budget.costs[arm.index()],
        };
        Draw { reward, cost }
    }

    /// The round before which the result of this round's choice is known.
    #[must_use]
    pub fn known_before(&self, arm: ModelId) -> u64 {
        let late = match self.problem.delay {
            Delay::Constant(rounds) => rounds,
            Delay::Geometric(mean) if mean > 0.0 => {
                let u = self.streams.call(Purpose::Delay, TaskId(self.at), arm, 0, 0).uniform();
                // Failures before the first success of probability 1 / (1 + mean), by inversion.
                (math::ln(u) / math::ln(mean / (1.0 + mean))).floor() as u64
            }
            Delay::Geometric(_) => 0,
        };
        self.at + 1 + late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bernoulli(means: &[f64]) -> Problem {
        let stages = vec![Stage { from: 0, means: means.to_vec() }];
        Problem {
            horizon: 1000,
            n_arms: means.len(),
            rewards: Rewards::Means { law: Law::Bernoulli, stages, in_lines: false, walk: 0.0 },
            awake: 1.0,
            present: Vec::new(),
            delay: Delay::Constant(0),
            budget: None,
            declared: vec![50.0; means.len()],
        }
    }

    #[test]
    fn the_best_rate_within_a_budget_mixes_two_arms() {
        let mut problem = bernoulli(&[0.9, 0.4]);
        // 0.5 a round may be spent: half of the rounds on each arm costs (0.8 + 0.2) / 2.
        problem.budget = Some(Budget { total: 500.0, costs: vec![0.8, 0.2], is_drawn: true });
        assert!((problem.budget_rate().unwrap() - 0.65).abs() < 1e-12);
        // With 0.1 a round, the arm with the best reward per cost is played half of the time.
        problem.budget = Some(Budget { total: 100.0, costs: vec![0.8, 0.2], is_drawn: true });
        assert!((problem.budget_rate().unwrap() - 0.2).abs() < 1e-12);
        problem.budget = Some(Budget { total: 2000.0, costs: vec![0.8, 0.2], is_drawn: true });
        assert_eq!(problem.budget_rate(), Some(0.9));
    }

    #[test]
    fn the_lower_bound_has_its_constant() {
        // 17.44517413118945 for the ten arms of Garivier and Cappe 2011; for two Gaussian arms 2 sd^2 / gap.
        let means = [0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01];
        let mut problem = bernoulli(&means);
        assert!((problem.lai_robbins().unwrap() - 17.445_174_131_189_45).abs() < 1e-9);
        problem.awake = 0.5;
        assert_eq!(problem.lai_robbins(), None);
        let mut problem = bernoulli(&[0.9, 0.4]);
        let Rewards::Means { law, .. } = &mut problem.rewards else { panic!() };
        *law = Law::Gaussian(0.5);
        assert!((problem.lai_robbins().unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn means_jump_or_move_in_lines() {
        let mut problem = bernoulli(&[0.2, 0.8]);
        let Rewards::Means { stages, in_lines, .. } = &mut problem.rewards else { panic!() };
        stages.push(Stage { from: 100, means: vec![0.6, 0.4] });
        *in_lines = true;
        let mut rounds = problem.rounds(Streams::new(1));
        rounds.go_to(50);
        assert!((rounds.means()[0] - 0.4).abs() < 1e-12);
        rounds.go_to(500);
        assert_eq!(rounds.means(), [0.6, 0.4]);
        assert_eq!(problem.changes(), [100]);
        let Rewards::Means { in_lines, .. } = &mut problem.rewards else { panic!() };
        *in_lines = false;
        let mut rounds = problem.rounds(Streams::new(1));
        rounds.go_to(99);
        assert_eq!(rounds.means(), [0.2, 0.8]);
    }

    #[test]
    fn delays_and_sleep_have_their_laws() {
        let mut problem = bernoulli(&[0.5; 3]);
        problem.delay = Delay::Geometric(20.0);
        problem.awake = 0.7;
        problem.present = vec![Presence { arm: ModelId(2), from: 10_000, until: 20_000 }];
        let mut rounds = problem.rounds(Streams::new(4));
        let n = 20_000_u64;
        let (mut late, mut awake, mut third) = (0.0, 0.0, 0.0);
        for round in 0..n {
            rounds.go_to(round);
            late += (rounds.known_before(ModelId(0)) - round - 1) as f64;
            let set = rounds.awake();
            awake += f64::from(u8::from(set.contains(ModelId(0))));
            third += f64::from(u8::from(set.contains(ModelId(2))));
        }
        let n = n as f64;
        // Standard errors: sqrt(20 * 21 / n) and sqrt(.21 / n); 3.9 of each, seed 4.
        assert!((late / n - 20.0).abs() < 3.9 * (420.0 / n).sqrt(), "{late}");
        assert!((awake / n - 0.7).abs() < 3.9 * (0.21 / n).sqrt(), "{awake}");
        assert!((third / n - 0.35).abs() < 3.9 * (0.105 / n).sqrt(), "{third}");
    }
}
