//! The mode `weighted` at revision 0.1.179: being bound is a bonus on the score, and there is no gate (spec
//! scheduler-modes.md, section 5).

use super::call::{Call, decision};
use super::decision::{Decision, Layer, Outcome};
use super::desk::Bonus;
use super::spread::{Found, Spread};
use crate::ids::AccountIx;

/// Chooses an account for a request.
pub(super) fn select(mut call: Call<'_>) -> Decision {
    let bound = call.bound();
    let mut decision = decide(&mut call, bound);
    decision.bound = bound;
    call.replica.metrics.count(&decision);
    decision
}

fn decide(call: &mut Call<'_>, bound: Option<AccountIx>) -> Decision {
    let previous = if call.query.previous_can_move {
        call.previous_account()
    } else if let Some(outcome) = call.previous_response() {
        return Decision { sticky_previous_hit: true, ..decision(outcome, Layer::PreviousResponse) };
    } else {
        None
    };
    let bonus = Bonus { previous, session: bound };
    call.replica.desk.bonus = bonus;
    if !call.gather() {
        return decision(Outcome::NoAvailableAccounts, Layer::LoadBalance);
    }
    let mut spread = Spread::default();
    let outcome = match spread.find(call) {
        Found::Slot(account, slot) => Outcome::Acquired(account, slot),
        Found::Nobody => sticky_fallback(call, bonus).unwrap_or_else(|| spread.wait(call)),
    };
    if let (Outcome::Acquired(account, _), Some(session)) = (outcome, call.query.session) {
        call.pool.sessions.bind(session.key, account, call.now, call.config.session_ttl);
    }
    let mut decision = spread.record(outcome, None);
    if let Some(account) = decision.account() {
        decision.sticky_previous_hit = bonus.previous == Some(account);
        decision.sticky_session_hit = bonus.session == Some(account);
    }
    decision.left = call.left(bonus.session, &outcome, true);
    decision
}

/// When nobody in the order had a slot: the account of the previous response, then that of the session, whether or not
/// they were candidates. A slot there, or a plan to wait for one.
fn sticky_fallback(call: &mut Call<'_>, bonus: Bonus) -> Option<Outcome> {
    for id in [bonus.previous, bonus.session].into_iter().flatten() {
        if call.query.excludes(id) || call.blocked(id) {
            continue;
        }
        let Some(account) = call.pool.account(id) else { continue };
        if !account.supports(call.query.model) || !call.speaks(account) {
            continue;
        }
        if call.barred(id, account) || !account.in_group {
            if bonus.session == Some(id) {
                call.drop_session();
            }
            continue;
        }
        return Some(match call.pool.acquire(id, call.now, call.config.slot_ttl) {
            Some(slot) => Outcome::Acquired(id, slot),
            None => call.sticky_wait(id),
        });
    }
    None
}
