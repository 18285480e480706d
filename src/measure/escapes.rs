//! Escapes and what became of them: their reasons, where they led, whether the session came back, and for which causes
//! bindings were rewritten after one (spec gateway.md, "Known consequences").
//!
//! A session that an escape took to another account is *away* until its binding is hit again (a return) or rewritten.
//! If load balance answers an escape with the account that the session escaped from, the escape is wasted.

use super::figures::Figures;
use super::{BindingCause, Finished, Observer, Selected, Settings};
use crate::engine::IdMap;
use crate::ids::{AccountIx, SessionRef};
use crate::scheduler::EscapeReason;
use crate::units::Time;

/// Escapes that led from one account to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The account escaped from.
    pub from: AccountIx,
    /// The account that load balance chose.
    pub to: AccountIx,
    /// How many escapes led from `from` to `to`.
    pub moves: u64,
    /// How many sessions came back from `to` to `from`.
    pub returns: u64,
}

/// A session that is away from its bound account.
#[derive(Clone, Copy, Debug)]
struct Away {
    number: u64,
    from: AccountIx,
    to: AccountIx,
}

/// How often bindings were rewritten while their session was away, by cause.
#[derive(Clone, Copy, Debug, Default)]
struct Rewritten {
    waited: u64,
    failover: u64,
    ttl_lapsed: u64,
    unavailable: u64,
    websocket: u64,
    previous_response: u64,
}

/// Counts escapes of the requests that arrived after the warm-up.
#[derive(Clone, Debug)]
pub struct Escapes {
    warmup_end: Time,
    /// Without a gate there is nothing to count.
    has_gate: bool,
    by_reason: [u64; EscapeReason::COUNT],
    wasted: u64,
    without_account: u64,
    departures: u64,
    returns: u64,
    requests: u64,
    escaped_requests: u64,
    rewritten: Rewritten,
    /// Moves and returns by (from, to), packed into one number.
    moves: IdMap<u64, (u64, u64)>,
    from: Vec<u64>,
    to: Vec<u64>,
    away: Vec<Option<Away>>,
}

impl Escapes {
    /// Counts of a run over this many accounts that has not begun.
    pub fn new(settings: &Settings, accounts: usize) -> Self {
        Self {
            warmup_end: settings.warmup_end,
            has_gate: settings.mode.has_gate(),
            by_reason: [0; EscapeReason::COUNT],
            wasted: 0,
            without_account: 0,
            departures: 0,
            returns: 0,
            requests: 0,
            escaped_requests: 0,
            rewritten: Rewritten::default(),
            moves: IdMap::default(),
            from: vec![0; accounts],
            to: vec![0; accounts],
            away: Vec::new(),
        }
    }

    /// The number of all escapes.
    pub fn total(&self) -> u64 {
        self.by_reason.iter().sum()
    }

    /// How many escapes led from which account to which, in the order of accounts.
    pub fn moves(&self) -> Vec<Move> {
        let mut moves: Vec<_> = self
            .moves
            .iter()
            .map(|(&key, &(moves, returns))| Move {
                from: AccountIx((key >> 32) as u32),
                to: AccountIx(key as u32),
                moves,
                returns,
            })
            .collect();
        moves.sort_unstable_by_key(|entry| (entry.from, entry.to));
        moves
    }

    /// Puts the figures of group `escapes`, and those of the accounts if there are rows for them.
    pub fn put(&self, figures: &mut Figures) {
        if !self.has_gate {
            return; // none, which is not the same as 0
        }
        let run = &mut figures.run;
        let (total, rewritten) = (self.total(), self.rewritten);
        run.count("escapes.total", total);
        for reason in EscapeReason::ALL {
            run.count(&format!("escapes.by_reason.{}", reason.name()), self.by_reason[reason.index()]);
        }
        run.count("escapes.wasted", self.wasted);
        run.ratio("escapes.wasted_ratio", self.wasted, total);
        run.count("escapes.without_account", self.without_account);
        run.count("escapes.moves", total - self.wasted - self.without_account);
        run.count("escapes.departures", self.departures);
        run.count("escapes.returns", self.returns);
        run.count("escapes.requests", self.escaped_requests);
        run.ratio("escapes.requests_ratio", self.escaped_requests, self.requests);
        let causes = [
            ("escapes.rewritten.waited", rewritten.waited),
            ("escapes.rewritten.failover", rewritten.failover),
            ("escapes.rewritten.ttl_lapsed", rewritten.ttl_lapsed),
            ("escapes.rewritten.unavailable", rewritten.unavailable),
            ("escapes.rewritten.websocket", rewritten.websocket),
            ("escapes.rewritten.previous_response", rewritten.previous_response),
        ];
        run.count("escapes.rewritten.total", causes.iter().map(|&(_, count)| count).sum());
        causes.iter().for_each(|&(path, count)| run.count(path, count));
        for ((named, &from), &to) in figures.accounts.iter_mut().zip(&self.from).zip(&self.to) {
            named.row.count("escapes_from", from);
            named.row.count("escapes_to", to);
        }
    }

    /// What is kept of this session, if it is away.
    fn away(&mut self, session: SessionRef) -> Option<&mut Option<Away>> {
        self.away.get_mut(session.slot as usize).filter(|away| away.is_some_and(|away| away.number == session.number))
    }

    fn moved(&mut self, session: Option<SessionRef>, from: AccountIx, to: AccountIx, counts: bool) {
        if counts {
            self.moves.entry(pair(from, to)).or_default().0 += 1;
            self.to[to.at()] += 1;
        }
        let Some(session) = session else { return };
        let slot = session.slot as usize;
        if slot >= self.away.len() {
            self.away.resize(slot + 1, None);
        }
        let away = &mut self.away[slot];
        let departs = away.is_none_or(|away| away.number != session.number || away.from != from);
        self.departures += u64::from(departs && counts);
        *away = Some(Away { number: session.number, from, to });
    }
}

const fn pair(from: AccountIx, to: AccountIx) -> u64 {
    (from.0 as u64) << 32 | to.0 as u64
}

impl Observer for Escapes {
    #[inline]
    fn selected(&mut self, step: &Selected<'_>) {
        let (session, decision) = (step.request.session, step.decision);
        let counts = step.request.at >= self.warmup_end;
        if let Some(escape) = decision.escape {
            if counts {
                self.by_reason[escape.reason as usize] += 1;
                self.from[escape.account.at()] += 1;
            }
            match decision.account() {
                None => self.without_account += u64::from(counts),
                Some(account) if account == escape.account => self.wasted += u64::from(counts),
                Some(account) => self.moved(session, escape.account, account, counts),
            }
        } else if decision.sticky_session_hit
            && let (Some(session), Some(account)) = (session, decision.account())
            && let Some(entry) = self.away(session)
            && let Some(away) = entry.take_if(|away| away.from == account)
            && counts
        {
            self.returns += 1;
            self.moves.entry(pair(away.from, away.to)).or_default().1 += 1;
        }
    }

    fn bound(
        &mut self,
        now: Time,
        session: Option<SessionRef>,
        earlier: Option<AccountIx>,
        account: AccountIx,
        cause: BindingCause,
    ) {
        let counts = now >= self.warmup_end;
        let Some(session) = session.filter(|_| earlier != Some(account)) else { return };
        if self.away(session).and_then(Option::take).is_none() || !counts {
            return;
        }
        let rewritten = &mut self.rewritten;
        match (cause, earlier) {
            (BindingCause::Waited, _) => rewritten.waited += 1,
            (BindingCause::Failover, _) => rewritten.failover += 1,
            (BindingCause::WebSocket, _) => rewritten.websocket += 1,
            (BindingCause::PreviousResponse, _) => rewritten.previous_response += 1,
            (BindingCause::LoadBalance, None) => rewritten.ttl_lapsed += 1,
            (BindingCause::LoadBalance, Some(_)) => rewritten.unavailable += 1,
        }
    }

    #[inline]
    fn finished(&mut self, finished: &Finished<'_>) {
        if finished.request.at >= self.warmup_end {
            self.requests += 1;
            self.escaped_requests += u64::from(finished.escape.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::{Turn, at, by_load_balance, escape, select, sticky, waiting};
    use crate::scheduler::Mode;

    const A: AccountIx = AccountIx(0);
    const B: AccountIx = AccountIx(1);
    const C: AccountIx = AccountIx(2);

    fn escapes() -> Escapes {
        Escapes::new(&Settings { warmup_end: at(100), ..Settings::default() }, 3)
    }

    fn value(seen: &Escapes, path: &str) -> Option<f64> {
        let mut figures = Figures::new();
        seen.put(&mut figures);
        figures.run.get(&format!("escapes.{path}")).flatten()
    }

    #[test]
    fn escapes_are_told_by_reason_and_by_where_they_led() {
        let mut seen = escapes();
        let s = Some((0, 1));
        select(&mut seen, 50, s, &escape(0, EscapeReason::Ttft, Some(1))); // warm-up
        select(&mut seen, 100, s, &escape(0, EscapeReason::Ttft, Some(1)));
        select(&mut seen, 101, s, &waiting(escape(0, EscapeReason::ConcurrencyFull, Some(0))));
        select(&mut seen, 102, s, &escape(0, EscapeReason::ErrorRate, None));
        select(&mut seen, 103, Some((1, 2)), &escape(0, EscapeReason::Ttft, Some(2)));
        Turn::at(104).escaped(EscapeReason::Ttft).tell(&mut seen);
        Turn::at(105).tell(&mut seen);
        for (path, expected) in [
            ("total", 4.0),
            ("by_reason.ttft", 2.0),
            ("by_reason.error_rate", 1.0),
            ("by_reason.concurrency_full", 1.0),
            ("wasted", 1.0),
            ("wasted_ratio", 0.25),
            ("without_account", 1.0),
            ("moves", 2.0),
            ("departures", 1.0), // session 1 had left in the warm-up
            ("requests_ratio", 0.5),
            ("returns", 0.0),
        ] {
            assert_eq!(value(&seen, path), Some(expected), "{path}");
        }
        let moves = [Move { from: A, to: B, moves: 1, returns: 0 }, Move { from: A, to: C, moves: 1, returns: 0 }];
        assert_eq!(seen.moves(), moves);
    }

    #[test]
    fn without_a_gate_there_are_none_which_is_not_the_same_as_0() {
        let of = |mode| {
            let seen = Escapes::new(&Settings { mode, ..Settings::default() }, 3);
            ["total", "by_reason.ttft", "moves", "rewritten.total"].map(|path| value(&seen, path))
        };
        assert_eq!(of(Mode::Advanced), [Some(0.0); 4]);
        assert_eq!([of(Mode::Legacy), of(Mode::Weighted)], [[None; 4]; 2]);
    }

    #[test]
    fn a_session_returns_when_its_binding_is_hit_again() {
        let mut seen = escapes();
        let s = Some((0, 1));
        for ms in [100, 101] {
            select(&mut seen, ms, s, &escape(0, EscapeReason::Ttft, Some(1)));
        }
        select(&mut seen, 102, Some((0, 9)), &sticky(0)); // another session in that slot
        select(&mut seen, 103, s, &sticky(0));
        select(&mut seen, 104, s, &sticky(0));
        assert_eq!((value(&seen, "departures"), value(&seen, "returns")), (Some(1.0), Some(1.0)));
        assert_eq!(seen.moves(), [Move { from: A, to: B, moves: 2, returns: 1 }]);
    }

    #[test]
    fn rewritten_bindings_are_told_by_cause_and_only_after_an_escape() {
        let s = SessionRef { slot: 0, number: 1 };
        for (cause, earlier, path) in [
            (BindingCause::Waited, Some(A), "rewritten.waited"),
            (BindingCause::Failover, Some(A), "rewritten.failover"),
            (BindingCause::LoadBalance, None, "rewritten.ttl_lapsed"),
            (BindingCause::LoadBalance, Some(A), "rewritten.unavailable"),
            (BindingCause::WebSocket, Some(A), "rewritten.websocket"),
            (BindingCause::PreviousResponse, Some(A), "rewritten.previous_response"),
        ] {
            let mut seen = escapes();
            select(&mut seen, 100, Some((0, 1)), &by_load_balance(Some(0)));
            seen.bound(at(100), Some(s), None, A, BindingCause::LoadBalance);
            assert_eq!(value(&seen, "rewritten.total"), Some(0.0), "nothing escaped yet");
            select(&mut seen, 101, Some((0, 1)), &escape(0, EscapeReason::Ttft, Some(1)));
            seen.bound(at(102), Some(s), Some(A), A, cause); // stays as it was
            seen.bound(at(103), Some(s), earlier, B, cause);
            seen.bound(at(104), Some(s), Some(B), C, cause); // no longer away
            assert_eq!((value(&seen, path), value(&seen, "rewritten.total")), (Some(1.0), Some(1.0)), "{path}");
        }
    }
}
