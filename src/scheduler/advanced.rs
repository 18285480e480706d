//! The mode `advanced` at revision 0.1.179: previous response (hard), session (sticky, with escape), load balance (spec
//! scheduler-modes.md, section 4).

use super::call::{Call, decision};
use super::config::Config;
use super::decision::{Decision, Escape, EscapeReason, Layer, Outcome};
use super::desk::Bonus;
use super::gate::{Bound, Policy, Rebind};
use super::spread::{Found, Spread};
use crate::ids::AccountIx;

/// The result of the sticky layer.
enum Sticky {
    Hit(Outcome),
    /// To load balance, which may write the session's binding.
    Miss,
    /// To load balance, which must leave the session's binding alone.
    Escaped(Escape),
}

/// Chooses an account for a request.
pub(super) fn select<P: Policy>(mut call: Call<'_>, policy: &mut P) -> Decision {
    let bound = call.bound();
    let mut decision = decide(&mut call, policy, bound);
    decision.bound = bound;
    call.replica.metrics.count(&decision);
    decision
}

#[inline]
fn decide<P: Policy>(call: &mut Call<'_>, policy: &mut P, bound: Option<AccountIx>) -> Decision {
    if let Some(outcome) = call.previous_response() {
        return Decision { sticky_previous_hit: true, ..decision(outcome, Layer::PreviousResponse) };
    }
    match sticky_session(call, policy, bound) {
        Sticky::Hit(outcome) => Decision { sticky_session_hit: true, ..decision(outcome, Layer::Session) },
        Sticky::Miss => load_balance(call, policy, None),
        Sticky::Escaped(escape) => load_balance(call, policy, Some(escape)),
    }
}

/// Layer 2: the account that the session is bound to, unless its health or its load says to escape.
fn sticky_session<P: Policy>(call: &mut Call<'_>, policy: &mut P, bound: Option<AccountIx>) -> Sticky {
    let (Some(session), Some(id)) = (call.query.session, bound) else { return Sticky::Miss };
    if call.query.excludes(id) {
        return Sticky::Miss;
    }
    let Some(account) = call.pool.account(id).filter(|account| !call.barred(id, account)) else {
        call.drop_session();
        return Sticky::Miss;
    };
    let (supports, fits) = (account.supports(call.query.model), call.speaks(account) && account.in_group);
    if call.blocked(id) || !supports {
        return Sticky::Miss;
    }
    if !fits {
        call.drop_session();
        return Sticky::Miss;
    }
    let config: &Config = call.config;
    let health = call.replica.stats.snapshot(id);
    let escape = |reason| {
        let (error_rate, ttft_ms) = (health.error_rate, health.ttft_ms);
        Sticky::Escaped(Escape { account: id, reason, error_rate, ttft_ms })
    };
    let asked = Bound { account: id, health, stats: &call.replica.stats };
    if let Some(reason) = policy.shut(config, &asked, call.now)
        && !policy.probes(id, call.now)
    {
        return escape(reason);
    }
    match call.pool.acquire(id, call.now, config.slot_ttl) {
        Some(slot) => {
            call.pool.sessions.refresh(session.key, call.now, config.session_ttl);
            Sticky::Hit(Outcome::Acquired(id, slot))
        }
        None if config.sticky_escape_enabled => escape(EscapeReason::ConcurrencyFull),
        None => Sticky::Hit(call.sticky_wait(id)),
    }
}

/// Layer 3.
fn load_balance<P: Policy>(call: &mut Call<'_>, policy: &mut P, escape: Option<Escape>) -> Decision {
    call.replica.desk.bonus = Bonus::default();
    let mut somebody = call.gather();
    if P::AVOIDS && somebody {
        for account in (0..call.pool.accounts().len() as u32).map(AccountIx) {
            if policy.avoids(escape.as_ref(), account, call.now) {
                call.replica.desk.candidates.set(account, false);
            }
        }
        somebody = !call.replica.desk.candidates.is_empty();
    }
    if !somebody {
        return Decision { escape, ..decision(Outcome::NoAvailableAccounts, Layer::LoadBalance) };
    }
    let mut spread = Spread::default();
    let outcome = match spread.find(call) {
        Found::Slot(account, slot) => {
            bind(call, policy, escape.as_ref(), account);
            Outcome::Acquired(account, slot)
        }
        Found::Nobody => spread.wait(call),
    };
    spread.record(outcome, escape)
}

/// Binds the session to the account that load balance found, unless it escaped and the policy keeps the binding.
fn bind<P: Policy>(call: &mut Call<'_>, policy: &mut P, escape: Option<&Escape>, account: AccountIx) {
    let Some(session) = call.query.session else { return };
    let ttl = match escape.map(|escape| policy.after_escape(escape, account, call.now)) {
        Some(Rebind::Keep) => return,
        None | Some(Rebind::Move) => call.config.session_ttl,
        Some(Rebind::MoveFor(ttl)) => ttl,
    };
    call.pool.sessions.bind(session.key, account, call.now, ttl);
}
