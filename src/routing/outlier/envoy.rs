//! Envoy's outlier detection (`source/common/upstream/outlier_detection_impl.cc`, 1.31) with the panic threshold of its
//! load balancers.
//!
//! What it is known for:
//!
//! - Only 5xx count: a provider that answers 429 or 401 to everything is a success to it, and resets the counters.
//! - Consecutive errors eject at once, success rates in sweeps every `interval`. A sweep judges the interval that ended
//!   with it, and hosts of the cluster among each other: below the mean by more than 1.9 standard deviations, which one bad
//!   host of n cannot be unless n > 4.61.
//! - A host is out for `base_ejection_time` times its ejections, and returns in the first sweep after that. The multiplier
//!   falls by one in each later sweep that finds it healthy.
//! - `max_ejection_percent` is 10. To Envoy 1.30 one host may be ejected whatever it says; since 1.31 (#27909, #34796) only
//!   with `always_eject_one_host`, whose default there is false, so that a cluster of fewer than ten hosts ejects nobody.
//! - Enforcement is 100 % for consecutive 5xx and success rates, 0 % for gateway errors and failure percentages.
//! - Below 50 % healthy hosts the load balancer panics and calls all of them, ejected or not.

use super::{Detector, End, Status, Surroundings};
use crate::domain::{BreakerEvent, BreakerState, ModelSet, StackEvent};
use crate::sim::stream::{Purpose, Stream, Streams};
use crate::units::{ModelId, NANOS_PER_SECOND, SimDuration, SimTime};

/// The settings, with Envoy's names; percentages are 0-100.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvoyRule {
    /// 5xx in a row that eject a host; 0: never.
    pub consecutive_5xx: u32,
    /// How often that is enforced.
    pub enforcing_consecutive_5xx: f64,
    /// 502, 503 or 504 in a row (here: broken connections and timeouts) that eject a host; 0: never.
    pub consecutive_gateway_failure: u32,
    /// How often that is enforced.
    pub enforcing_consecutive_gateway_failure: f64,
    /// Time between sweeps.
    pub interval: SimDuration,
    /// The ejection's unit.
    pub base_ejection_time: SimDuration,
    /// The longest ejection.
    pub max_ejection_time: SimDuration,
    /// A random part up to this is added, in whole milliseconds.
    pub max_ejection_time_jitter: SimDuration,
    /// At most this share of a cluster is ejected.
    pub max_ejection_percent: f64,
    /// One host may be ejected whatever the share.
    pub always_eject_one_host: bool,
    /// Hosts with enough requests that a comparison of success rates needs.
    pub success_rate_minimum_hosts: u32,
    /// Requests in an interval that a host needs for it.
    pub success_rate_request_volume: u32,
    /// A host is ejected below the mean less this many thousandths of the standard deviation.
    pub success_rate_stdev_factor: u32,
    /// How often that is enforced.
    pub enforcing_success_rate: f64,
    /// The percentage of failures that ejects a host.
    pub failure_percentage_threshold: f64,
    /// Hosts with enough requests that this needs.
    pub failure_percentage_minimum_hosts: u32,
    /// Requests in an interval that a host needs for it.
    pub failure_percentage_request_volume: u32,
    /// How often that is enforced.
    pub enforcing_failure_percentage: f64,
    /// Below this percentage of healthy hosts health is ignored; 0: never.
    pub healthy_panic_threshold: f64,
}

impl Default for EnvoyRule {
    fn default() -> Self {
        let seconds = |n: u64| SimDuration(n * NANOS_PER_SECOND);
        Self {
            consecutive_5xx: 5,
            enforcing_consecutive_5xx: 100.0,
            consecutive_gateway_failure: 5,
            enforcing_consecutive_gateway_failure: 0.0,
            interval: seconds(10),
            base_ejection_time: seconds(30),
            max_ejection_time: seconds(300),
            max_ejection_time_jitter: SimDuration::ZERO,
            max_ejection_percent: 10.0,
            always_eject_one_host: true,
            success_rate_minimum_hosts: 5,
            success_rate_request_volume: 100,
            success_rate_stdev_factor: 1900,
            enforcing_success_rate: 100.0,
            failure_percentage_threshold: 85.0,
            failure_percentage_minimum_hosts: 5,
            failure_percentage_request_volume: 50,
            enforcing_failure_percentage: 0.0,
            healthy_panic_threshold: 50.0,
        }
    }
}

/// Results of one interval.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    good: u32,
    all: u32,
}

impl Bucket {
    /// In percent; `None` without results.
    fn success_rate(self) -> Option<f64> {
        (self.all > 0).then(|| f64::from(self.good) * 100.0 / f64::from(self.all))
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Host {
    consecutive_5xx: u32,
    consecutive_gateway: u32,
    current: Bucket,
    /// What the last sweep judged.
    judged: Bucket,
    /// Times of `base_ejection_time`.
    backoff: u32,
    jitter: SimDuration,
    ejected: SimTime,
    returned: Option<SimTime>,
    /// Its cluster's position in the list.
    cluster: usize,
}

/// The clusters of a proxy: each host belongs to that of its peers.
#[derive(Clone, Debug)]
pub(super) struct Envoy {
    rule: EnvoyRule,
    hosts: Vec<Host>,
    clusters: Vec<ModelSet>,
    out: ModelSet,
    /// Of those, the ones that are called nevertheless.
    panicking: ModelSet,
    /// The next sweep; never, if it could not change anything.
    next: SimTime,
    streams: Streams,
    drawn: u64,
}

impl Envoy {
    pub(super) fn new(rule: EnvoyRule, surroundings: &Surroundings) -> Self {
        let mut clusters: Vec<ModelSet> = Vec::new();
        let hosts = surroundings.peers.iter().map(|peers| {
            let known = clusters.iter().position(|cluster| cluster == peers);
            let cluster = known.unwrap_or_else(|| {
                clusters.push(*peers);
                clusters.len() - 1
            });
            Host { cluster, ..Host::default() }
        });
        Self {
            rule,
            hosts: hosts.collect(),
            clusters,
            out: ModelSet::EMPTY,
            panicking: ModelSet::EMPTY,
            next: SimTime::NEVER,
            streams: surroundings.streams,
            drawn: 0,
        }
    }

    fn cluster(&self, model: ModelId) -> ModelSet {
        self.clusters[self.hosts[model.index()].cluster]
    }

    fn draw(&mut self) -> Stream {
        self.drawn += 1;
        self.streams.nth(Purpose::Ejection, self.drawn - 1)
    }

    /// Whether something that is enforced in `percent` of cases is enforced now.
    fn enforced(&mut self, percent: f64) -> bool {
        percent >= 100.0 || (percent > 0.0 && 100.0 * self.draw().uniform() < percent)
    }

    /// Ejects a host if its cluster can spare it and the rule is enforced.
    fn eject(&mut self, now: SimTime, model: ModelId, percent: f64, log: &mut Vec<StackEvent>) {
        let cluster = self.cluster(model);
        let active = cluster.and(self.out).len() as f64;
        let share = 100.0 * (active + 1.0) / cluster.len() as f64;
        let first = self.rule.always_eject_one_host && active == 0.0;
        if !first && share > self.rule.max_ejection_percent {
            return;
        }
        if !self.enforced(percent) {
            return;
        }
        let most = self.rule.max_ejection_time_jitter.0 / 1_000_000;
        let jitter = if most == 0 { 0 } else { self.draw().index(most as usize + 1) as u64 };
        let (base, longest) = (self.rule.base_ejection_time.0, self.rule.max_ejection_time.0);
        let host = &mut self.hosts[model.index()];
        host.ejected = now;
        host.jitter = SimDuration(jitter * 1_000_000);
        if u64::from(host.backoff).saturating_mul(base) < longest.saturating_add(base) {
            host.backoff += 1;
        }
        self.turn(now, model, BreakerState::Open, log);
    }

    fn turn(&mut self, at: SimTime, model: ModelId, to: BreakerState, log: &mut Vec<StackEvent>) {
        let from = match to {
            BreakerState::Open => {
                self.out.insert(model);
                BreakerState::Closed
            }
            _ => {
                self.out.remove(model);
                BreakerState::Open
            }
        };
        log.push(StackEvent::Breaker(BreakerEvent { at, model, from, to }));
        let (out, threshold) = (self.out, self.rule.healthy_panic_threshold);
        let panics = |model: &ModelId| {
            let cluster = self.cluster(*model);
            100.0 * cluster.minus(out).len() as f64 / (cluster.len() as f64) < threshold
        };
        self.panicking = out.iter().filter(panics).collect();
    }

    /// The earliest end of a host's ejection; a sweep has to see it.
    fn served(&self, host: &Host) -> SimTime {
        let base = self.rule.base_ejection_time.0;
        let time = base.saturating_mul(u64::from(host.backoff));
        host.ejected + SimDuration(time.min(self.rule.max_ejection_time.0)) + host.jitter
    }

    /// The first sweep after `now`.
    fn sweep_after(&self, now: SimTime) -> SimTime {
        let interval = self.rule.interval.0.max(1);
        SimTime((now.0 / interval + 1).saturating_mul(interval))
    }

    fn models(&self) -> impl Iterator<Item = ModelId> + use<> {
        (0..self.hosts.len() as u16).map(ModelId)
    }

    fn sweep(&mut self, now: SimTime, log: &mut Vec<StackEvent>) {
        for model in self.models() {
            let host = &self.hosts[model.index()];
            let returns = self.out.contains(model) && self.served(host) <= now;
            let host = &mut self.hosts[model.index()];
            host.judged = std::mem::take(&mut host.current);
            if returns {
                host.consecutive_5xx = 0;
                host.consecutive_gateway = 0;
                host.returned = Some(now);
                self.turn(now, model, BreakerState::Closed, log);
            }
        }
        for cluster in 0..self.clusters.len() {
            self.compare(now, cluster, log);
        }
        let interval = self.rule.interval;
        for (index, host) in self.hosts.iter_mut().enumerate() {
            let in_service = !self.out.contains(ModelId(index as u16));
            if in_service && host.returned.is_some_and(|at| now.since(at) >= interval) {
                host.backoff = host.backoff.saturating_sub(1);
            }
        }
    }

    /// Judges the hosts of a cluster by each other's success rates.
    fn compare(&mut self, now: SimTime, cluster: usize, log: &mut Vec<StackEvent>) {
        let rated = |envoy: &Self, volume: u32| -> Vec<(ModelId, f64)> {
            let models = envoy.clusters[cluster].minus(envoy.out);
            let rate = |model: ModelId| {
                let judged = envoy.hosts[model.index()].judged;
                let rate = judged.success_rate().filter(|_| judged.all >= volume);
                rate.map(|rate| (model, rate))
            };
            models.iter().filter_map(rate).collect()
        };
        let by_rate = rated(self, self.rule.success_rate_request_volume);
        let by_failures = rated(self, self.rule.failure_percentage_request_volume);
        let own = |envoy: &Self, model: ModelId| {
            envoy.hosts[model.index()].cluster == cluster && !envoy.out.contains(model)
        };
        let n = by_rate.len();
        if n > 0 && n >= self.rule.success_rate_minimum_hosts as usize {
            let mean = by_rate.iter().map(|(_, rate)| rate).sum::<f64>() / n as f64;
            let squares = by_rate.iter().map(|(_, rate)| (rate - mean) * (rate - mean));
            let deviation = (squares.sum::<f64>() / n as f64).sqrt();
            let factor = f64::from(self.rule.success_rate_stdev_factor) / 1000.0;
            for (model, rate) in by_rate {
                if rate < mean - factor * deviation && own(self, model) {
                    self.eject(now, model, self.rule.enforcing_success_rate, log);
                }
            }
        }
        let n = by_failures.len();
        if n > 0 && n >= self.rule.failure_percentage_minimum_hosts as usize {
            for (model, rate) in by_failures {
                let fails = 100.0 - rate >= self.rule.failure_percentage_threshold;
                if fails && own(self, model) {
                    self.eject(now, model, self.rule.enforcing_failure_percentage, log);
                }
            }
        }
    }

    /// Whether a sweep may change anything.
    fn is_awake(&self) -> bool {
        let stirs = |host: &Host| {
            host.current.all > 0
                || host.judged.all > 0
                || (host.returned.is_some() && host.backoff > 0)
        };
        !self.out.is_empty() || self.hosts.iter().any(stirs)
    }
}

impl Detector for Envoy {
    #[inline]
    fn refusing(&self, _now: SimTime) -> ModelSet {
        self.out.minus(self.panicking)
    }

    fn passes_from(&self, now: SimTime, model: ModelId) -> SimTime {
        if !self.refusing(now).contains(model) {
            return now;
        }
        let served = self.served(&self.hosts[model.index()]);
        let interval = self.rule.interval.0.max(1);
        SimTime(served.0.div_ceil(interval).saturating_mul(interval)).max(self.next).max(now)
    }

    fn settle(&mut self, now: SimTime, end: End, log: &mut Vec<StackEvent>) {
        if self.next == SimTime::NEVER {
            self.next = self.sweep_after(now);
        }
        let host = &mut self.hosts[end.model.index()];
        host.current.all += 1;
        let gateway = matches!(end.status, Status::Disconnected | Status::TimedOut);
        if !gateway && end.status != Status::ServerError {
            host.current.good += 1;
            host.consecutive_5xx = 0;
            host.consecutive_gateway = 0;
            return;
        }
        host.consecutive_gateway = if gateway { host.consecutive_gateway + 1 } else { 0 };
        host.consecutive_5xx += 1;
        let hits_gateway =
            gateway && host.consecutive_gateway == self.rule.consecutive_gateway_failure;
        let hits_5xx = host.consecutive_5xx == self.rule.consecutive_5xx;
        // The counter of a host that is out runs on, past its mark.
        if hits_gateway && !self.out.contains(end.model) {
            self.eject(now, end.model, self.rule.enforcing_consecutive_gateway_failure, log);
            self.hosts[end.model.index()].consecutive_gateway = 0;
        }
        if hits_5xx && !self.out.contains(end.model) {
            self.eject(now, end.model, self.rule.enforcing_consecutive_5xx, log);
            self.hosts[end.model.index()].consecutive_5xx = 0;
        }
    }

    #[inline]
    fn due(&self) -> SimTime {
        self.next
    }

    fn advance(&mut self, now: SimTime, log: &mut Vec<StackEvent>) {
        while self.next <= now && self.next < SimTime::NEVER {
            let at = self.next;
            self.sweep(at, log);
            self.next = if self.is_awake() { self.sweep_after(at) } else { SimTime::NEVER };
        }
    }
}
