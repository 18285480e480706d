//! What all gateway processes share: the accounts, the bindings, the slots, and the list of candidates.

use super::account::Account;
use super::bindings::Bindings;
use super::bits::Bits;
use super::closed::ClosedUntil;
use super::decision::SlotToken;
use super::slots::Slots;
use crate::ids::{AccountIx, ModelId};
use crate::units::{Span, Time};

/// The shared state of one pool of accounts.
///
/// Accounts are named by their place in the order of ids. Beside them the pool keeps what every load-balanced select
/// asks of all of them, as sets: open ones, supporters of a model, listed ones.
#[derive(Clone, Debug)]
pub struct Pool {
    accounts: Vec<Account>,
    /// Session hash -> account.
    pub sessions: Bindings,
    /// Response id -> account.
    pub responses: Bindings,
    /// Slots and wait counters.
    pub slots: Slots,
    /// The list of candidates, twice: for callers, and for select.
    listed: Vec<bool>,
    list: Bits,
    closed: ClosedUntil,
    /// By model number, as far as some account names models; then the accounts that serve every model.
    supporters: Vec<Bits>,
    generalists: Bits,
    everyone: Bits,
    /// The accounts of the group that asks.
    members: Bits,
    /// Those that speak WebSocket v2.
    websocket: Bits,
    /// By model, in the order in which models were first limited.
    limits: Vec<(ModelId, ClosedUntil)>,
    /// When each account was used last, in nanoseconds + 1; 0: never.
    last_used: Vec<u64>,
    load_factors: Vec<i64>,
    /// Goes up when a load factor changes: loads cached before are those of another list.
    load_factors_version: u64,
    priorities: Vec<i64>,
    /// Goes up when a priority changes.
    priorities_version: u64,
    /// The account that was handed out for changes and not looked at since.
    touched: Option<AccountIx>,
}

impl Pool {
    /// A pool of these accounts, every one listed as a candidate, nothing bound and nothing held. They are put in the
    /// order of their ids, which are taken to be > 0 and all different.
    pub fn new(mut accounts: Vec<Account>) -> Self {
        accounts.sort_by_key(|account| account.id);
        let n = accounts.len();
        let mut pool = Self {
            sessions: Bindings::default(),
            responses: Bindings::default(),
            slots: Slots::new(n),
            listed: vec![true; n],
            list: Bits::none(n),
            closed: ClosedUntil::new(n),
            supporters: Vec::new(),
            generalists: Bits::none(n),
            everyone: Bits::none(n),
            members: Bits::none(n),
            websocket: Bits::none(n),
            limits: Vec::new(),
            last_used: vec![0; n],
            load_factors: vec![0; n],
            load_factors_version: 0,
            priorities: vec![0; n],
            priorities_version: 0,
            touched: None,
            accounts,
        };
        for ix in (0..n as u32).map(AccountIx) {
            pool.everyone.set(ix, true);
            pool.look_at(ix);
        }
        pool.list_every_account();
        pool
    }

    /// All accounts in the order of ids; an `AccountIx` is an index into it.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The account at `account`; `None` when it is gone (the pool has no such place).
    #[inline]
    pub fn account(&self, account: AccountIx) -> Option<&Account> {
        self.accounts.get(account.at())
    }

    /// An account, to change its state. The list of candidates does not follow by itself.
    pub fn account_mut(&mut self, account: AccountIx) -> &mut Account {
        self.catch_up();
        self.touched = Some(account);
        &mut self.accounts[account.at()]
    }

    /// Limits an account for one model before `until`, whatever was set before. A blank model is never limited.
    pub fn limit_model(&mut self, account: AccountIx, model: ModelId, until: Time) {
        if model == ModelId::BLANK {
            return;
        }
        let place = self.limits.iter().position(|(limited, _)| *limited == model).unwrap_or_else(|| {
            self.limits.push((model, ClosedUntil::new(self.accounts.len())));
            self.limits.len() - 1
        });
        self.limits[place].1.set(account, until);
    }

    /// The end of an account's limit for a model; zero where there is none.
    pub fn limited_until(&self, account: AccountIx, model: ModelId) -> Time {
        let limits = self.limits.iter().find(|(limited, _)| *limited == model);
        limits.map_or(Time::ZERO, |(_, limits)| limits.until(account))
    }

    /// Records what the snapshot knows of an account's last use. This rebuilds no list.
    pub fn set_last_used(&mut self, account: AccountIx, used: Option<Time>) {
        if let Some(state) = self.accounts.get_mut(account.at()) {
            state.last_used = used;
            self.last_used[account.at()] = packed(used);
        }
    }

    /// Builds the list of candidates anew: the accounts of the group that are schedulable at `now`, runtime-blocked or
    /// not (spec gateway.md, "The list of candidates is a snapshot").
    pub fn set_candidates(&mut self, now: Time) {
        for (account, ix) in self.accounts.iter().zip(0..) {
            let listed = account.in_group && account.schedulable(now);
            self.listed[ix as usize] = listed;
            self.list.set(AccountIx(ix), listed);
        }
    }

    /// Makes every account of the group a candidate, schedulable or not: for callers that keep no list.
    pub fn list_every_account(&mut self) {
        self.catch_up();
        for (listed, account) in self.listed.iter_mut().zip(&self.accounts) {
            *listed = account.in_group;
        }
        self.list.copy_from(&self.members);
    }

    /// For each account whether it is on the list of candidates.
    pub fn listed(&self) -> &[bool] {
        &self.listed
    }

    /// Whether the list of candidates has no entry at all.
    pub fn list_is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes a slot on an account, if there is a free one.
    #[inline]
    pub fn acquire(&mut self, account: AccountIx, now: Time, slot_ttl: Span) -> Option<SlotToken> {
        self.slots.acquire(account, self.accounts[account.at()].concurrency, now, slot_ttl)
    }

    /// Gives a slot back; nothing happens if it has been held for longer than its TTL and is forgotten.
    #[inline]
    pub fn release(&mut self, account: AccountIx, token: SlotToken) {
        self.slots.release(account, token);
    }

    /// Joins those who wait for an account; refused when `max_waiting` or more do.
    pub fn enter(&mut self, account: AccountIx, max_waiting: u32) -> bool {
        self.slots.enter(account, max_waiting)
    }

    /// Stops waiting for an account.
    pub fn leave(&mut self, account: AccountIx) {
        self.slots.leave(account);
    }

    /// Slots held on an account.
    #[inline]
    pub fn held(&self, account: AccountIx) -> u32 {
        self.slots.held(account)
    }

    /// How many wait for an account.
    pub fn waiting(&self, account: AccountIx) -> u32 {
        self.slots.waiting(account)
    }

    /// Effective load factors of all accounts.
    pub(super) fn load_factors(&self) -> &[i64] {
        &self.load_factors
    }

    /// Priorities of all accounts.
    pub(super) fn priorities(&self) -> &[i64] {
        &self.priorities
    }

    pub(super) const fn load_factors_version(&self) -> u64 {
        self.load_factors_version
    }

    pub(super) const fn priorities_version(&self) -> u64 {
        self.priorities_version
    }

    /// Puts into `candidates` who is listed, schedulable at `now`, serves the model, and is in `unblocked`.
    pub(super) fn candidates_into(&mut self, candidates: &mut Bits, model: ModelId, unblocked: &Bits, now: Time) {
        self.catch_up();
        let supporters = match model {
            ModelId::BLANK => &self.everyone,
            _ => self.supporters.get(model.at()).unwrap_or(&self.generalists),
        };
        candidates.become_intersection([&self.list, self.closed.open_at(now), supporters, unblocked]);
    }

    /// The accounts that are not limited for a model; `None` where nobody ever was.
    pub(super) fn unlimited(&mut self, model: ModelId, now: Time) -> Option<&Bits> {
        let (_, limits) = self.limits.iter_mut().find(|(limited, _)| *limited == model)?;
        Some(limits.open_at(now))
    }

    /// The accounts that speak WebSocket v2.
    pub(super) const fn websocket(&self) -> &Bits {
        &self.websocket
    }

    /// When each account was used last, in nanoseconds + 1; 0: never.
    pub(super) fn last_used(&self) -> &[u64] {
        &self.last_used
    }

    /// Brings the sets up to date with the account that was handed out last.
    fn catch_up(&mut self) {
        if let Some(account) = self.touched.take() {
            self.look_at(account);
        }
    }

    fn look_at(&mut self, ix: AccountIx) {
        let account = &self.accounts[ix.at()];
        let limits = account.rate_limited_until.max(account.unschedulable_until);
        self.closed.set(ix, if account.switched_off { Time::NEVER } else { limits });
        self.members.set(ix, account.in_group);
        self.websocket.set(ix, account.websocket_v2);
        self.last_used[ix.at()] = packed(account.last_used);
        self.generalists.set(ix, account.models.is_empty());
        let models = account.models.iter().map(|model| model.at() + 1).max().unwrap_or(0);
        if self.supporters.len() < models {
            self.supporters.resize(models, self.generalists.clone());
        }
        for (supporters, model) in self.supporters.iter_mut().zip(0..) {
            supporters.set(ix, account.supports(ModelId(model)));
        }
        if self.priorities[ix.at()] != account.priority {
            self.priorities[ix.at()] = account.priority;
            self.priorities_version += 1;
        }
        let load_factor = account.effective_load_factor();
        if self.load_factors[ix.at()] != load_factor {
            self.load_factors[ix.at()] = load_factor;
            self.load_factors_version += 1;
        }
    }
}

/// An instant, or none, as a number in the same order, none first.
fn packed(used: Option<Time>) -> u64 {
    used.map_or(0, |used| used.unix_nanos().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODELS: [ModelId; 4] = [ModelId::BLANK, ModelId(1), ModelId(2), ModelId(9)];

    fn candidates(pool: &mut Pool, model: ModelId, now: u64) -> Vec<u32> {
        let (mut found, unblocked) = (Bits::none(pool.accounts().len()), pool.everyone.clone());
        pool.candidates_into(&mut found, model, &unblocked, Time::from_unix_nanos(now));
        found.iter().map(|account| account.0).collect()
    }

    fn three() -> Pool {
        let only = |id, models: &[u16]| Account {
            models: models.iter().map(|&model| ModelId(model)).collect(),
            ..Account::new(id, 1)
        };
        Pool::new(vec![only(30, &[]), only(20, &[1, 2]), only(10, &[1])])
    }

    #[test]
    fn accounts_stand_in_the_order_of_their_ids() {
        assert_eq!(three().accounts().iter().map(|account| account.id).collect::<Vec<_>>(), [10, 20, 30]);
    }

    #[test]
    fn the_sets_agree_with_the_accounts_whatever_is_changed() {
        let mut pool = three();
        let changes: [fn(&mut Account); 6] = [
            |account| account.rate_limited_until = Time::from_unix_nanos(50),
            |account| account.unschedulable_until = Time::from_unix_nanos(70),
            |account| account.rate_limited_until = Time::from_unix_nanos(20),
            |account| account.models = vec![ModelId(2), ModelId(9)],
            |account| account.switched_off = true,
            |account| account.models.clear(),
        ];
        for (step, change) in changes.into_iter().enumerate() {
            change(pool.account_mut(AccountIx(step as u32 % 2)));
            for (now, model) in [0, 19, 20, 50, 69, 70].into_iter().flat_map(|now| MODELS.map(|model| (now, model))) {
                let at = Time::from_unix_nanos(now);
                let fits = |account: &Account| account.schedulable(at) && account.supports(model);
                let expected: Vec<u32> = (0..3).filter(|&ix| fits(&pool.accounts()[ix as usize])).collect();
                assert_eq!(candidates(&mut pool, model, now), expected, "step {step}, {model:?} at {now}");
            }
        }
    }

    #[test]
    fn the_list_is_a_snapshot() {
        let mut pool = three();
        pool.account_mut(AccountIx(1)).rate_limited_until = Time::from_unix_nanos(50);
        pool.set_candidates(Time::from_unix_nanos(10));
        assert_eq!(pool.listed(), [true, false, true]);
        assert_eq!(candidates(&mut pool, ModelId::BLANK, 60), [0, 2], "that a limit ran out does not bring it back");
        pool.account_mut(AccountIx(0)).switched_off = true;
        assert_eq!(pool.listed(), [true, false, true]);
        assert_eq!(candidates(&mut pool, ModelId::BLANK, 60), [2], "leaving is immediate");
        pool.set_candidates(Time::from_unix_nanos(60));
        assert_eq!(pool.listed(), [false, true, true]);
        pool.list_every_account();
        assert_eq!(pool.listed(), [true; 3]);
        assert_eq!(candidates(&mut pool, ModelId::BLANK, 60), [1, 2]);
    }

    #[test]
    fn an_account_of_another_group_is_never_listed() {
        let mut pool = three();
        pool.account_mut(AccountIx(1)).in_group = false;
        pool.list_every_account();
        assert_eq!(pool.listed(), [true, false, true]);
        pool.set_candidates(Time::ZERO);
        assert_eq!(pool.listed(), [true, false, true]);
        assert_eq!(candidates(&mut pool, ModelId::BLANK, 0), [0, 2]);
    }

    #[test]
    fn a_limit_is_for_one_model_and_over_at_its_end() {
        let mut pool = three();
        let at = Time::from_unix_nanos;
        pool.limit_model(AccountIx(1), ModelId(2), at(50));
        pool.limit_model(AccountIx(1), ModelId::BLANK, at(50));
        let unlimited =
            |pool: &mut Pool, model, now| pool.unlimited(model, at(now)).map(|open| open.iter().map(|a| a.0).collect());
        assert_eq!(unlimited(&mut pool, ModelId(2), 49), Some(vec![0, 2]));
        assert_eq!(unlimited(&mut pool, ModelId(2), 50), Some(vec![0, 1, 2]));
        assert_eq!(unlimited(&mut pool, ModelId(1), 0), None);
        assert_eq!(unlimited(&mut pool, ModelId::BLANK, 0), None, "a blank model is never limited");
        assert_eq!(pool.limited_until(AccountIx(1), ModelId(2)), at(50));
        assert_eq!(pool.limited_until(AccountIx(0), ModelId(2)), Time::ZERO);
    }

    #[test]
    fn a_list_may_be_empty() {
        let mut pool = three();
        assert!(!pool.list_is_empty());
        for ix in 0..3 {
            pool.account_mut(AccountIx(ix)).switched_off = true;
        }
        pool.set_candidates(Time::ZERO);
        assert!(pool.list_is_empty());
    }
}
