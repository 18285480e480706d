//! What a failed forward does to its account, and whether the request is tried again, from 0.1.179 on (spec
//! scheduler-modes.md, section 7). `states` does the same for 0.1.133.

use super::config::Credential;
use super::failure::{Again, Failure, LONGEST_RETRY_PAUSE, RETRY_PAUSE, Verdict, in_pool};
use super::states::{self, FORBIDDEN_COOLDOWN, Forbidden, LOGIN_COOLDOWN, SWITCHED_OFF_BLOCK};
use crate::ids::{AccountIx, ModelId};
use crate::scheduler::{AnyScheduler, Pool};
use crate::units::{Span, Time};
use crate::workload::{RecordedAttempt, Says};

const MODEL_LIMIT: Span = Span::from_secs(1_800);
const TRANSPORT_COOLDOWN: Span = Span::from_secs(600);
/// How long 429s of an OAuth account are taken for a passing shortage.
const WINDOW: Span = Span::from_secs(120);
/// A request ends after so many switches, if the last was made for a 429 of an OAuth account.
pub(super) const LIMITED_SWITCHES: u32 = 3;

/// The 429 windows of the OAuth accounts in one gateway process: for each account, the end of its window.
#[derive(Clone, Debug)]
pub(super) struct Windows(Vec<Option<Time>>);

impl Windows {
    pub fn new(accounts: usize) -> Self {
        Self(vec![None; accounts])
    }

    pub fn success(&mut self, account: AccountIx) {
        self.0[account.at()] = None;
    }

    /// One more 429: how long the window, which the first one opens, stays open, or `None` when it is over.
    fn limited(&mut self, account: AccountIx, now: Time) -> Option<Span> {
        let end = *self.0[account.at()].get_or_insert(now + WINDOW);
        (now < end).then(|| end.since(now))
    }

    /// A 429 after the window's end had its effects: the next one opens another window.
    fn forget(&mut self, account: AccountIx) {
        self.0[account.at()] = None;
    }
}

/// The ends of temporary limits that all gateway processes know, by account. Such an end only moves later.
#[derive(Clone, Debug)]
pub(super) struct Temporary(Vec<Time>);

impl Temporary {
    pub fn new(accounts: usize) -> Self {
        Self(vec![Time::ZERO; accounts])
    }
}

/// The state that a failure may change.
pub(super) struct World<'a> {
    pub pool: &'a mut Pool,
    pub scheduler: &'a mut AnyScheduler,
    pub forbidden: &'a mut Forbidden,
    pub windows: &'a mut Windows,
    pub temporary: &'a mut Temporary,
}

/// Applies the failure to its account, and returns what follows.
pub(super) fn apply(failure: &Failure<'_>, world: &mut World<'_>, now: Time) -> Verdict {
    match failure.fate {
        RecordedAttempt::Status { status, says, .. } => of_status(failure, status, says, world, now),
        RecordedAttempt::Transport { durable, .. } => {
            let out = if durable { world.temporarily(failure.account, TRANSPORT_COOLDOWN, now) } else { None };
            Verdict { fails_over: true, changed: out.is_some(), out, code: 502, ..Verdict::default() }
        }
        // before any byte reached the client: like the status that the event means, here none, so a 502
        RecordedAttempt::Ok { .. } | RecordedAttempt::Broken { .. } => Verdict {
            fails_over: true,
            again: if in_pool(failure.traits, 502, Says::Nothing) { Again::PoolMode } else { Again::No },
            code: 502,
            ..Verdict::default()
        },
    }
}

fn of_status(failure: &Failure<'_>, status: u16, says: Says, world: &mut World<'_>, now: Time) -> Verdict {
    let oauth = failure.traits.credential == Credential::OAuth;
    let limited_login = status == 429 && oauth;
    if says == Says::ContextTooLong {
        // a failure that the request itself caused, whatever the status
        return Verdict { code: if status == 429 { 429 } else { refused(status) }, ..Verdict::default() };
    }
    let code = exhausted(status, says);
    if says == Says::Overloaded {
        let again = if status == 413 { Again::No } else { Again::Overloaded };
        // it has no effects, so it does not forget a window that is over (loop-modes.jsonl)
        let again = if limited_login { world.in_window(failure, now).unwrap_or(again) } else { again };
        return Verdict { fails_over: true, again, code, limited_login, ..Verdict::default() };
    }
    if let Some(lined) = world.of_own_lines(failure, status, says, now) {
        return Verdict { fails_over: true, code, limited_login, ..lined };
    }
    if states::fails_over(status, says) || matches!(status, 405 | 413) {
        let window = if limited_login { world.in_window(failure, now) } else { None };
        if limited_login && window.is_none() {
            world.windows.forget(failure.account);
        }
        let again = match window {
            Some(window) => window,
            None if status != 413 && in_pool(failure.traits, status, says) => Again::PoolMode,
            None => Again::No,
        };
        world.count_pair(failure, status, says, now);
        let quiet = matches!(window, Some(Again::InWindow(_))) || failure.traits.pool_mode;
        let out = if quiet { None } else { world.of_table(failure, status, says, now) };
        return Verdict { fails_over: true, again, changed: out.is_some(), out, code, limited_login, storm: false };
    }
    Verdict { code: refused(status), ..Verdict::default() }
}

impl World<'_> {
    /// A 429 of an OAuth account: tried again while its window is open; on an account that is blocked already it only
    /// opens or keeps the window. `None`: the window is over.
    fn in_window(&mut self, failure: &Failure<'_>, now: Time) -> Option<Again> {
        let left = self.windows.limited(failure.account, now)?;
        if now < self.scheduler.blocked_until(failure.account) {
            return Some(Again::No);
        }
        let RecordedAttempt::Status { retry_after, .. } = failure.fate else { return None };
        let pause = retry_after.filter(|pause| !pause.is_zero()).unwrap_or(RETRY_PAUSE);
        Some(Again::InWindow(pause.min(LONGEST_RETRY_PAUSE).min(left)))
    }

    /// Lines 2 and 3: an account that lacks the model, and the account's own rules.
    fn of_own_lines(&mut self, failure: &Failure<'_>, status: u16, says: Says, now: Time) -> Option<Verdict> {
        let account = failure.account;
        let blank = failure.model == ModelId::BLANK;
        let lacks = match says {
            Says::NoSuchModel => status == 404,
            Says::PlanLacksModel => status == 400 && failure.traits.credential == Credential::OAuth,
            _ => false,
        };
        let limited = |world: &mut Self, span: Span| {
            world.pool.limit_model(account, failure.model, states::whole_second(now + span));
            Verdict { changed: true, ..Verdict::default() }
        };
        if lacks && !blank {
            return Some(limited(self, MODEL_LIMIT));
        }
        if status == 401 {
            return None;
        }
        let span = states::rule_span(failure.traits, status, failure.message)?;
        if !blank {
            return Some(limited(self, span));
        }
        let out = self.temporarily(account, span, now);
        Some(Verdict { changed: out.is_some(), out, ..Verdict::default() })
    }

    /// Line 5: the table of gateway.md.
    fn of_table(&mut self, failure: &Failure<'_>, status: u16, says: Says, now: Time) -> Option<(Time, Time)> {
        let account = failure.account;
        let oauth = failure.traits.credential == Credential::OAuth;
        match status {
            429 => {
                let RecordedAttempt::Status { reset_after, .. } = failure.fate else { return None };
                let until = states::reset_end(reset_after, now);
                self.pool.account_mut(account).rate_limited_until = until;
                self.scheduler.block(account, until);
                Some((until, self.scheduler.blocked_until(account)))
            }
            529 | 503 => {
                let until = now + failure.overload_cooldown?;
                let state = self.pool.account_mut(account);
                state.unschedulable_until = state.unschedulable_until.max(until);
                self.scheduler.block(account, until);
                Some((until, self.scheduler.blocked_until(account)))
            }
            401 if oauth && failure.traits.refresh_token && says != Says::TokenRevoked => {
                self.temporarily(account, LOGIN_COOLDOWN, now)
            }
            401 | 402 => Some(self.off(account, now)),
            403 if says == Says::HtmlPage => None,
            403 if self.forbidden.count(account, now) => Some(self.off(account, now)),
            403 => self.temporarily(account, FORBIDDEN_COOLDOWN, now),
            _ => None,
        }
    }

    fn off(&mut self, account: AccountIx, now: Time) -> (Time, Time) {
        self.pool.account_mut(account).switched_off = true;
        self.scheduler.block(account, now + SWITCHED_OFF_BLOCK);
        (Time::NEVER, self.scheduler.blocked_until(account))
    }

    /// A temporary end only moves later; if it would not, nothing changes.
    fn temporarily(&mut self, account: AccountIx, span: Span, now: Time) -> Option<(Time, Time)> {
        let (end, until) = (&mut self.temporary.0[account.at()], now + span);
        if until <= *end {
            return None;
        }
        *end = until;
        let state = self.pool.account_mut(account);
        state.unschedulable_until = state.unschedulable_until.max(until);
        let until = state.unschedulable_until;
        self.scheduler.block(account, now + span);
        Some((until, self.scheduler.blocked_until(account)))
    }

    /// The pair (account, upstream model) counts what an API key's servers did wrong.
    fn count_pair(&mut self, failure: &Failure<'_>, status: u16, says: Says, now: Time) {
        let traits = failure.traits;
        let counts = matches!(status, 500 | 502..=504 | 520..=524) || (status == 400 && says == Says::Passing);
        let retried = traits.pool_mode && traits.pool_mode_retry_status_codes.contains(&status);
        if counts && !retried && traits.credential == Credential::ApiKey {
            self.scheduler.model_failure(failure.account, failure.pair_model, now);
        }
    }
}

/// What the client of an exhausted request gets when this was the last failure that excluded an account.
fn exhausted(status: u16, says: Says) -> u16 {
    match (status, says) {
        (413, _) => 413,
        (529, _) | (_, Says::Overloaded) => 503,
        (429, _) => 429,
        _ => 502,
    }
}

/// What the client gets of a status that is its own fault, or nobody's.
const fn refused(status: u16) -> u16 {
    if status == 400 { 400 } else { 502 }
}
