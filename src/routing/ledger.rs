//! The quota ledger: what the router believes to have used of every account's daily tokens.

use jiff::Timestamp;

use crate::calendar::DailyTimes;
use crate::domain::ModelSet;
use crate::registry::Registry;
use crate::units::{ModelId, SimTime};

/// How the ledger judges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LedgerRule {
    /// A model at or above this used share counts as short.
    pub short_at_share: f64,
    /// A quota refusal marks the account as used up until its reset.
    pub learn_from_refusals: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    used: u64,
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
}

impl Ledger {
    /// Nothing used yet.
    #[must_use]
    pub fn new(rule: LedgerRule, registry: &Registry, start: Timestamp) -> Self {
        let accounts: Vec<Entry> = registry
            .accounts
            .iter()
            .enumerate()
            .map(|(i, account)| Entry {
                used: 0,
                limit: account.daily_tokens,
                reset: DailyTimes::midnights(start, account.reset_zone.clone()),
                models: registry
                    .ids()
                    .filter(|m| registry.models[m.index()].account == i)
                    .collect(),
            })
            .collect();
        let account_of = registry.models.iter().map(|m| m.account).collect();
        let mut ledger =
            Self { rule, accounts, account_of, short: ModelSet::EMPTY, next_reset: SimTime::ZERO };
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

    /// Books billed tokens.
    #[inline]
    pub fn charge(&mut self, now: SimTime, model: ModelId, tokens: u64) {
        self.refresh(now);
        let account = self.account_of[model.index()];
        self.accounts[account].used += tokens;
        if self.accounts[account].limit.is_some() {
            self.judge(account);
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
