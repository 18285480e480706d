//! Modelled accounts: latency, decode, prompt cache, limits, failures and conditions, put together.
//!
//! Everything about an attempt is decided when it starts, from its own luck (request, visit). A policy that sends other
//! requests elsewhere changes it only through what really couples requests: load, limits, throttling and caches. The
//! state is a few numbers for each account, condition and live session.

use super::cache::Prefixes;
use super::conditions::{Conditions, Influence, Start};
use super::config::{AccountModel, Config};
use super::contract::{Attempt, Forward, HealthChange, Upstream};
use super::failure::Chance;
use super::latency::Work;
use super::limits::{Limits, Refusal};
use super::persistence::Scores;
use super::purpose;
use crate::engine::{Luck, Stream};
use crate::ids::{AccountIx, SessionRef};
use crate::units::{Span, Time};
use crate::workload::{RecordedAttempt, Says};

/// Accounts that serve according to a `Config`.
#[derive(Clone, Debug)]
pub struct ModelledUpstream {
    accounts: Vec<Account>,
    conditions: Conditions,
    prefixes: Prefixes,
    scores: Scores,
    messages: Vec<String>,
    luck: Luck,
}

#[derive(Clone, Debug)]
struct Account {
    model: AccountModel,
    limits: Limits,
    /// Whether any limit has refused a forward.
    refused: bool,
}

impl ModelledUpstream {
    /// The accounts of `config` in a run that starts at `start`.
    pub fn new(config: Config, luck: Luck, start: Time) -> Self {
        let conditions = Conditions::new(&config.conditions, config.accounts.len(), luck, start);
        let account = |model: AccountModel| Account { limits: Limits::new(&model.limits), model, refused: false };
        Self {
            accounts: config.accounts.into_iter().map(account).collect(),
            conditions,
            prefixes: Prefixes::default(),
            scores: Scores::new(luck),
            messages: config.messages,
            luck,
        }
    }

    /// The accounts with limits of which none was ever reached.
    pub fn limits_never_reached(&self) -> impl Iterator<Item = AccountIx> {
        let idle = |(place, account): (usize, &Account)| {
            (!account.model.limits.is_empty() && !account.refused).then_some(AccountIx(place as u32))
        };
        self.accounts.iter().enumerate().filter_map(idle)
    }

    /// Ground truth: whether a condition that makes it worse is in force on the account now, for whatever model.
    pub fn is_degraded(&self, account: AccountIx) -> bool {
        self.conditions.is_degraded(account)
    }
}

/// The luck of one forward. It belongs to the request, whichever account the request is sent to. A request makes each
/// of its visits once in a run, so the distribution of a run's results is the same as if the luck belonged to the
/// account. But if two policies send the request to different accounts, both accounts serve it with the same quantiles
/// of their distributions. The difference between the policies is then the difference between the accounts, without the
/// scatter of two separate draws.
#[inline]
fn luck_of(luck: Luck, forward: &Forward<'_>) -> Stream {
    luck.stream(purpose::ATTEMPT, forward.request.luck, u64::from(forward.visit))
}

/// The answer to a forward beyond a limit.
fn refused(model: &AccountModel, refusal: Refusal, start: Time, stream: &mut Stream) -> RecordedAttempt {
    let end = Span::from_secs_f64(model.limit_after_s.sample(stream));
    let reset_after = refusal.names_reset.then(|| refusal.reset_at.since(start + end));
    RecordedAttempt::Status { status: 429, end, reset_after, retry_after: None, says: Says::Nothing }
}

impl Upstream for ModelledUpstream {
    fn begin(&mut self, forward: &Forward<'_>, changes: &mut Vec<HealthChange>) -> Attempt {
        let &Forward { request, account: ix, start, busy, .. } = forward;
        if self.conditions.next() <= start {
            self.conditions.advance(start, changes);
        }
        let tokens = u64::from(request.input_tokens) + u64::from(request.output_tokens);
        self.conditions.carried(ix, tokens, start, changes);

        // the words of the stream, in this order whatever is switched on: fault, TTFT, decode, the fault's own
        let mut stream = luck_of(self.luck, forward);
        let mut chance = Chance::draw(&mut stream);
        let Account { model, limits, refused: was_refused } = &mut self.accounts[ix.at()];
        let own_fault = chance.picks(&model.failures);
        let Influence { slowness, fault, degraded } =
            self.conditions.meet(Start { at: start, account: ix, model: request.model, busy }, &mut chance);
        let cached_tokens = match (model.prompt_cache, request.session) {
            (Some(cache), Some(session)) => self.prefixes.find(&cache, session, ix, request.input_tokens, start),
            _ => 0,
        };
        let session_score = model.persistence.and(request.session).map(|session| self.scores.of(session));
        let work = Work {
            input_tokens: request.input_tokens,
            output_tokens: request.output_tokens,
            cached_tokens,
            busy,
            session_score,
        };

        let (fate, message) = match (limits.admit(tokens, start), own_fault.or(fault)) {
            (Err(refusal), _) => {
                *was_refused = true;
                (refused(model, refusal, start, &mut stream), 0)
            }
            (Ok(()), Some(fault)) => fault.strike(&mut stream, |stream| model.serve(work, &slowness, stream)),
            (Ok(()), None) => {
                let service = model.serve(work, &slowness, &mut stream);
                (RecordedAttempt::Ok { ttft: service.ttft, end: service.end }, 0)
            }
        };
        let cached_tokens = if fate.first_token().is_some() { cached_tokens } else { 0 };
        Attempt { fate, cached_tokens, degraded, message }
    }

    fn end(&mut self, forward: &Forward<'_>, attempt: &Attempt, now: Time) {
        if let Some(session) = forward.request.session
            && let Some(cache) = self.accounts[forward.account.at()].model.prompt_cache
            && attempt.fate.first_token().is_some()
        {
            self.prefixes.leave(&cache, session, forward.account, forward.request.input_tokens, now);
        }
    }

    fn next_change(&self) -> Option<Time> {
        Some(self.conditions.next()).filter(|&at| at < Time::NEVER)
    }

    fn advance(&mut self, now: Time, changes: &mut Vec<HealthChange>) {
        self.conditions.advance(now, changes);
    }

    fn forget(&mut self, session: SessionRef) {
        self.prefixes.forget(session);
    }

    fn message(&self, message: u16) -> &str {
        usize::from(message).checked_sub(1).and_then(|i| self.messages.get(i)).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests;
