//! The mode `legacy` at revision 0.1.179: sticky, then priority, load, least recently used; no runtime stats, no score,
//! no escape (spec scheduler-modes.md, section 3).

use super::call::{Call, decision, fallback_wait};
use super::decision::{Decision, Layer, Outcome};
use super::loads::Source;
use super::query::Transport;
use super::seed::Generator;
use crate::ids::AccountIx;
use crate::units::Span;

/// How long every binding lives that this mode writes or refreshes, whatever the settings say.
const TTL: Span = Span::from_secs(3_600);

/// Chooses an account for a request.
///
/// Over WebSocket an account that does not speak it is given back and excluded, and the select begins again.
pub(super) fn select(mut call: Call<'_>) -> Decision {
    let bound = call.bound();
    let mut shuffles = Generator::new(call.query.shuffle_seed);
    call.replica.desk.excluded.clear();
    for &account in call.query.excluded {
        call.replica.desk.excluded.set(account, true);
    }
    let outcome = loop {
        let outcome = round(&mut call, &mut shuffles);
        let (Outcome::Acquired(id, _) | Outcome::Wait(id, _)) = outcome else { break outcome };
        if call.query.transport == Transport::Http || call.pool.account(id).is_none_or(|account| account.websocket_v2) {
            break outcome;
        }
        if let Outcome::Acquired(_, slot) = outcome {
            call.pool.release(id, slot);
        }
        call.replica.desk.excluded.set(id, true);
        // the next round draws after all shuffles of this one
        while next_in_line(&mut call, &mut shuffles).is_some() {}
    };
    let left = call.left(bound, &outcome, false);
    Decision { bound, left, ..decision(outcome, Layer::LoadBalance) }
}

fn round(call: &mut Call<'_>, shuffles: &mut Generator) -> Outcome {
    call.replica.desk.line.leave();
    if !call.config.load_batch_enabled {
        return without_loads(call);
    }
    if call.pool.list_is_empty() {
        call.pool.set_candidates(call.now);
        if call.pool.list_is_empty() {
            return Outcome::NoAvailableAccounts;
        }
    }
    if let Some(id) = sticky(call)
        && let Some(outcome) = stay(call, id)
    {
        return outcome;
    }
    if !gather(call) {
        return Outcome::NoAvailableAccounts;
    }
    for fresh in [false, true] {
        line_up(call, Some(fresh), shuffles);
        if call.replica.desk.line.is_empty() {
            break; // to the fallback without a fresh look
        }
        while let Some(id) = next_in_line(call, shuffles) {
            if let Some(slot) = call.pool.acquire(id, call.now, call.config.slot_ttl) {
                bind(call, id);
                return Outcome::Acquired(id, slot);
            }
        }
    }
    line_up(call, None, shuffles);
    let first = next_in_line(call, shuffles);
    first.map_or(Outcome::NoAvailableAccounts, |id| fallback_wait(call.config, call.pool, id))
}

/// The bound account, if it passes the tests that come before the slot.
fn sticky(call: &mut Call<'_>) -> Option<AccountIx> {
    let id = call.bound()?;
    if call.replica.desk.excluded.contains(id) {
        return None;
    }
    let account = call.pool.account(id)?;
    if call.barred(id, account) {
        call.drop_session();
        return None;
    }
    if !account.supports(call.query.model) {
        return None;
    }
    let in_group = account.in_group;
    if !in_group || call.blocked(id) {
        call.drop_session();
        return None;
    }
    Some(id)
}

/// A slot on the bound account or a plan to wait for one, unless too many wait there already.
fn stay(call: &mut Call<'_>, id: AccountIx) -> Option<Outcome> {
    if let Some(slot) = call.pool.acquire(id, call.now, call.config.slot_ttl) {
        if let Some(session) = call.query.session {
            call.pool.sessions.refresh(session.key, call.now, TTL);
        }
        return Some(Outcome::Acquired(id, slot));
    }
    (call.pool.waiting(id) < call.config.sticky_max_waiting).then(|| call.sticky_wait(id))
}

/// Puts the candidates on the desk. False when there is nobody.
fn gather(call: &mut Call<'_>) -> bool {
    if call.pool.list_is_empty() {
        call.pool.set_candidates(call.now);
    }
    let desk = &mut call.replica.desk;
    let unblocked = call.replica.blocks.open_at(call.now);
    call.pool.candidates_into(&mut desk.candidates, call.query.model, unblocked, call.now);
    if let Some(open) = call.replica.pairs.open_at(call.query.pair_model, call.now) {
        desk.candidates.keep_only(open);
    }
    if let Some(unlimited) = call.pool.unlimited(call.query.model, call.now) {
        desk.candidates.keep_only(unlimited);
    }
    desk.candidates.leave_out(&desk.excluded);
    !desk.candidates.is_empty()
}

/// Lines the candidates up: by cached or fresh loads those that are not full by them, or without regard to load all.
fn line_up(call: &mut Call<'_>, fresh: Option<bool>, shuffles: &mut Generator) {
    let (desk, loads) = (&mut call.replica.desk, &mut call.replica.loads);
    let list = &desk.candidates;
    let batch = if fresh == Some(true) {
        loads.read_fresh(list, call.pool, call.config, call.now)
    } else {
        loads.read(list, call.pool, call.config, call.now)
    };
    desk.source =
        if fresh == Some(true) || call.config.load_cache_ttl.is_zero() { Source::Fresh } else { Source::Cached };
    desk.line.begin(batch, call.pool.last_used(), fresh.is_some(), shuffles);
}

/// The next account to ask. Those behind the first run of equals are lined up when somebody gets that far, which few
/// selects do.
fn next_in_line(call: &mut Call<'_>, shuffles: &mut Generator) -> Option<AccountIx> {
    let desk = &mut call.replica.desk;
    if desk.line.needs_the_others() {
        let batch = call.replica.loads.last_of(desk.source, &desk.candidates)?;
        desk.line.add_the_others(batch, call.pool.last_used());
    }
    desk.line.next(shuffles)
}

fn bind(call: &mut Call<'_>, id: AccountIx) {
    if let Some(session) = call.query.session {
        call.pool.sessions.bind(session.key, id, call.now, TTL);
    }
}

/// `load_batch_enabled: false`: the bound account or the first by priority and last use, bound at once; then its slot.
fn without_loads(call: &mut Call<'_>) -> Outcome {
    let bound = call.bound();
    let id = if let Some(id) = sticky(call) {
        if let Some(session) = call.query.session {
            call.pool.sessions.refresh(session.key, call.now, TTL);
        }
        id
    } else {
        if !gather(call) {
            return Outcome::NoAvailableAccounts;
        }
        let (priorities, last_used) = (call.pool.priorities(), call.pool.last_used());
        let place = |id: &AccountIx| (priorities[id.at()], last_used[id.at()], *id);
        let Some(id) = call.replica.desk.candidates.iter().min_by_key(place) else {
            return Outcome::NoAvailableAccounts;
        };
        bind(call, id);
        id
    };
    if let Some(slot) = call.pool.acquire(id, call.now, call.config.slot_ttl) {
        return Outcome::Acquired(id, slot);
    }
    if bound == Some(id) && call.pool.waiting(id) < call.config.sticky_max_waiting {
        return call.sticky_wait(id);
    }
    fallback_wait(call.config, call.pool, id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::replica::Replica;
    use crate::scheduler::{Account, Config, Pool, Query};
    use crate::units::Time;

    /// Members by priority and last use in nanoseconds (+ 1; 0: never), all idle.
    fn pool(members: &[(i64, u64)]) -> Pool {
        let account = |(&(priority, used), id): (&(i64, u64), i64)| Account {
            priority,
            last_used: used.checked_sub(1).map(Time::from_unix_nanos),
            ..Account::new(id, 1)
        };
        Pool::new(members.iter().zip(1..).map(account).collect())
    }

    /// The whole order, and what the generator gives next.
    fn order(pool: &mut Pool, seed: u64) -> (Vec<usize>, u64) {
        let mut replica = Replica::new(pool.accounts().len());
        let (config, query) = (Config::default(), Query::default());
        let mut call = Call { config: &config, pool, replica: &mut replica, query: &query, now: Time::ZERO };
        let mut generator = Generator::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        assert!(gather(&mut call));
        line_up(&mut call, Some(false), &mut generator);
        let order = std::iter::from_fn(|| next_in_line(&mut call, &mut generator)).map(|account| account.at());
        (order.collect(), generator.next_u64())
    }

    #[test]
    fn runs_come_in_order_and_only_equals_change_places() {
        let s = 1_000_000_000;
        // never used; used in second 5 (thrice) and 6; another priority
        let mut pool = pool(&[(1, 6 * s + 1), (1, 5 * s + 1), (1, 0), (1, 5 * s + 900), (2, 0), (1, 6 * s)]);
        let mut seen = [[0; 6]; 6];
        for seed in 1..200 {
            let (order, _) = order(&mut pool, seed);
            order.iter().enumerate().for_each(|(place, account)| seen[place][*account] += 1);
        }
        let possible = |place: usize| (0..6).filter(|&account| seen[place][account] > 0).collect::<Vec<_>>();
        let thrice = vec![1, 3, 5];
        let expected = [vec![2], thrice.clone(), thrice.clone(), thrice, vec![0], vec![4]];
        assert_eq!([0, 1, 2, 3, 4, 5].map(possible), expected);
    }

    #[test]
    fn each_run_draws_one_number_less_than_it_has_members() {
        let mut pool = pool(&[(1, 0), (1, 0), (2, 0), (2, 0), (2, 0), (3, 0)]);
        let mut three_draws = Generator::new(7_u64.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (0..3).for_each(|_| _ = three_draws.next_u64());
        assert_eq!(order(&mut pool, 7).1, three_draws.next_u64());
    }
}
