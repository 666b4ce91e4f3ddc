//! The quota ledger: what the router believes to have used of every account's daily tokens, and of its own limits per
//! minute.

use jiff::Timestamp;

use super::minute::{MinuteCounts, MinuteLimit};
use crate::calendar::DailyTimes;
use crate::domain::ModelSet;
use crate::registry::Registry;
use crate::units::{ModelId, SimTime};

/// When the router counts the tokens of a call.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Charged {
    /// When the response has come, so that calls in flight at once may overshoot.
    #[default]
    AfterResponse,
    /// When the call is sent, as many as are expected; the response corrects nothing.
    AtAdmission,
    /// When the call is sent, as many as are expected; the response puts it right.
    Reserved,
}

/// How the ledger counts and judges.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRule {
    /// Daily tokens are watched at all.
    pub watched: bool,
    /// A model at or above this used share counts as short.
    pub short_at_share: f64,
    /// A quota refusal marks the account as used up until its reset.
    pub learn_from_refusals: bool,
    /// When tokens are counted.
    pub charged: Charged,
    /// Output tokens that a call is expected to take, where they are counted before it is made.
    pub expected_output_tokens: u32,
    /// The router's own limits per minute, by model; empty without any.
    pub per_minute: Vec<MinuteLimit>,
}

impl LedgerRule {
    /// The plan's ledger: nothing is counted before it is used, and no limit but the daily quota.
    #[must_use]
    pub fn plain(short_at_share: f64, learn_from_refusals: bool) -> Self {
        Self {
            watched: true,
            short_at_share,
            learn_from_refusals,
            charged: Charged::AfterResponse,
            expected_output_tokens: 0,
            per_minute: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    used: u64,
    /// Of them, those that all instances knew of when they last spoke.
    shared: u64,
    limit: Option<u64>,
    reset: DailyTimes,
    models: ModelSet,
}

/// Believed use of every account.
#[derive(Clone, Debug)]
pub struct Ledger {
    rule: LedgerRule,
    accounts: Vec<Entry>,
    account_of: Vec<usize>,
    short: ModelSet,
    next_reset: SimTime,
    minutes: Vec<MinuteCounts>,
    /// Those of them that all instances knew of when they last spoke.
    shared_minutes: Vec<MinuteCounts>,
}

impl Ledger {
    /// Nothing used yet.
    #[must_use]
    pub fn new(rule: &LedgerRule, registry: &Registry, start: Timestamp) -> Self {
        let accounts: Vec<Entry> = registry
            .accounts
            .iter()
            .enumerate()
            .map(|(i, account)| Entry {
                used: 0,
                shared: 0,
                limit: account.daily_tokens.filter(|_| rule.watched),
                reset: DailyTimes::midnights(start, account.reset_zone.clone()),
                models: registry
                    .ids()
                    .filter(|m| registry.models[m.index()].account == i)
                    .collect(),
            })
            .collect();
        let account_of = registry.models.iter().map(|m| m.account).collect();
        let minutes = vec![MinuteCounts::new(start); rule.per_minute.len()];
        let mut ledger = Self {
            rule: rule.clone(),
            accounts,
            account_of,
            short: ModelSet::EMPTY,
            next_reset: SimTime::ZERO,
            shared_minutes: minutes.clone(),
            minutes,
        };
        ledger.renew_reset();
        for i in 0..ledger.accounts.len() {
            ledger.judge(i);
        }
        ledger
    }

    fn renew_reset(&mut self) {
        let next = self.accounts.iter().map(|a| a.reset.next()).min();
        self.next_reset = next.unwrap_or(SimTime::NEVER);
    }

    fn judge(&mut self, account: usize) {
        let entry = &self.accounts[account];
        let short = entry
            .limit
            .is_some_and(|limit| entry.used as f64 >= self.rule.short_at_share * limit as f64);
        for model in entry.models.iter() {
            if short {
                self.short.insert(model);
            } else {
                self.short.remove(model);
            }
        }
    }

    fn refresh(&mut self, now: SimTime) {
        if now < self.next_reset {
            return;
        }
        for i in 0..self.accounts.len() {
            if self.accounts[i].reset.passed(now) {
                self.accounts[i].used = 0;
                self.accounts[i].shared = 0;
                self.judge(i);
            }
        }
        self.renew_reset();
    }

    /// The models believed to be short of tokens at `now`.
    #[inline]
    pub fn short(&mut self, now: SimTime) -> ModelSet {
        self.refresh(now);
        self.short
    }

    /// Tokens believed to be left, `None` where there is no limit.
    pub fn tokens_left(&mut self, now: SimTime, model: ModelId) -> Option<u64> {
        self.refresh(now);
        let entry = &self.accounts[self.account_of[model.index()]];
        entry.limit.map(|limit| limit.saturating_sub(entry.used))
    }

    /// The daily limit of the model's account, `None` where there is none.
    #[must_use]
    pub fn limit(&self, model: ModelId) -> Option<u64> {
        self.accounts[self.account_of[model.index()]].limit
    }

    /// Tokens believed to be used of the model's account.
    pub fn used(&mut self, now: SimTime, model: ModelId) -> u64 {
        self.refresh(now);
        self.accounts[self.account_of[model.index()]].used
    }

    /// The models whose limit per minute is believed to be used up at `now`.
    #[inline]
    #[must_use]
    pub fn over_limit(&self, now: SimTime) -> ModelSet {
        let counts = self.rule.per_minute.iter().zip(&self.minutes).enumerate();
        counts
            .filter(|(_, (limit, counts))| limit.is_used_up(counts.at(now)))
            .map(|(i, _)| ModelId(i as u16))
            .collect()
    }

    /// A call with a prompt of `input_tokens` is sent; returns the tokens that are counted already.
    #[inline]
    pub fn sent(&mut self, now: SimTime, model: ModelId, input_tokens: u32) -> u64 {
        if let Some(counts) = self.minutes.get_mut(model.index()) {
            counts.book(now, 1, 0);
        }
        if self.rule.charged == Charged::AfterResponse {
            return 0;
        }
        let expected = u64::from(input_tokens) + u64::from(self.rule.expected_output_tokens);
        self.charge(now, model, expected);
        expected
    }

    /// A call ended that was billed `tokens`, of which `counted` were counted when it was sent.
    #[inline]
    pub fn ended(&mut self, now: SimTime, model: ModelId, tokens: u64, counted: u64) {
        match self.rule.charged {
            Charged::AfterResponse => self.charge(now, model, tokens),
            Charged::AtAdmission => {}
            Charged::Reserved if tokens >= counted => self.charge(now, model, tokens - counted),
            Charged::Reserved => self.give_back(now, model, counted - tokens),
        }
    }

    fn charge(&mut self, now: SimTime, model: ModelId, tokens: u64) {
        self.refresh(now);
        let account = self.account_of[model.index()];
        self.accounts[account].used += tokens;
        if self.accounts[account].limit.is_some() {
            self.judge(account);
        }
        if let Some(counts) = self.minutes.get_mut(model.index()) {
            counts.book(now, 0, tokens);
        }
    }

    fn give_back(&mut self, now: SimTime, model: ModelId, tokens: u64) {
        self.refresh(now);
        let account = self.account_of[model.index()];
        self.accounts[account].used = self.accounts[account].used.saturating_sub(tokens);
        self.judge(account);
        if let Some(counts) = self.minutes.get_mut(model.index()) {
            counts.give_back(now, tokens);
        }
    }

    /// Lets all instances' ledgers know what each of them has counted.
    pub fn share<'a>(ledgers: impl Iterator<Item = &'a mut Self>, now: SimTime) {
        let mut ledgers: Vec<&mut Self> = ledgers.collect();
        ledgers.iter_mut().for_each(|ledger| ledger.refresh(now));
        let Some(first) = ledgers.first() else { return };
        let (n_accounts, n_minutes) = (first.accounts.len(), first.minutes.len());
        for account in 0..n_accounts {
            let own = ledgers.iter().map(|ledger| &ledger.accounts[account]);
            let shared = own.clone().map(|own| own.shared).max().unwrap_or(0);
            // What an instance gave back of what all knew of counts as well.
            let known: u64 = own.clone().map(|own| own.shared).sum();
            let used = (shared + own.map(|own| own.used).sum::<u64>()).saturating_sub(known);
            // Each that was refused has put its own use to the limit: together they know of one limit that is used up.
            let most = ledgers.iter().map(|ledger| ledger.accounts[account].used).max();
            let limit = ledgers[0].accounts[account].limit;
            let used = limit.map_or(used, |limit| used.min(limit.max(most.unwrap_or(0))));
            for ledger in &mut ledgers {
                ledger.accounts[account].used = used;
                ledger.accounts[account].shared = used;
                ledger.judge(account);
            }
        }
        for model in 0..n_minutes {
            let counts = MinuteCounts::merged(
                now,
                ledgers.iter().map(|l| (l.minutes[model], l.shared_minutes[model])),
            );
            for ledger in &mut ledgers {
                ledger.minutes[model] = counts;
                ledger.shared_minutes[model] = counts;
            }
        }
    }

    /// Takes in that the provider refused for want of quota.
    pub fn refused(&mut self, now: SimTime, model: ModelId) {
        self.refresh(now);
        let account = self.account_of[model.index()];
        let entry = &mut self.accounts[account];
        if let (true, Some(limit)) = (self.rule.learn_from_refusals, entry.limit) {
            entry.used = entry.used.max(limit);
            self.judge(account);
        }
    }
}
