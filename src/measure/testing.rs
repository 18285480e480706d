//! Hand-made steps for the observers' tests. Times are milliseconds.

use super::{Finished, Forwarded, Observer, Selected, Status};
use crate::ids::{AccountIx, ModelId, SessionRef};
use crate::scheduler::{Decision, Escape, EscapeReason, Layer, Leave, LeaveReason, Outcome, SlotToken, WaitPlan};
use crate::units::{Span, Time};
use crate::upstream::{Attempt, HealthChange};
use crate::workload::{Previous, RecordedAttempt, Request, SessionHash};

/// A point of time in milliseconds.
pub fn at(ms: u64) -> Time {
    Time::ZERO + Span::from_millis(ms)
}

/// A request that arrives then, of this session (slot and number).
pub fn request(ms: u64, session: Option<(u32, u64)>) -> Request {
    Request {
        luck: ms,
        at: at(ms),
        session: session.map(|(slot, number)| SessionRef { slot, number }),
        session_hash: SessionHash::of_name("s"),
        turn: 0,
        connection: 0,
        previous: Previous::None,
        user: None,
        model: ModelId::BLANK,
        input_tokens: 2_048,
        output_tokens: 100,
        patience: None,
        recorded: None,
    }
}

/// One request with its end; by default it is served by account 0, which is healthy.
#[derive(Clone, Debug)]
pub struct Turn {
    at: u64,
    number: u64,
    end: Option<u64>,
    session: Option<(u32, u64)>,
    ttft: Option<u64>,
    upstream: Option<u64>,
    status: Status,
    account: u32,
    waited: u64,
    failed: (u32, u64),
    escape: Option<EscapeReason>,
    turn: u32,
}

impl Turn {
    pub fn at(ms: u64) -> Self {
        Self {
            at: ms,
            number: ms,
            end: None,
            session: None,
            ttft: Some(100),
            upstream: None,
            status: Status::Ok,
            account: 0,
            waited: 0,
            failed: (0, 0),
            escape: None,
            turn: 0,
        }
    }
    /// Which turn of its session it is, from 0.
    pub fn turn(self, turn: u32) -> Self {
        Self { turn, ..self }
    }
    pub fn number(self, number: u64) -> Self {
        Self { number, ..self }
    }
    pub fn of(self, slot: u32, number: u64) -> Self {
        Self { session: Some((slot, number)), ..self }
    }
    pub fn ttft(self, ms: u64) -> Self {
        Self { ttft: Some(ms), ..self }
    }
    pub fn upstream(self, ms: u64) -> Self {
        Self { upstream: Some(ms), ..self }
    }
    /// Ends after `ms` without a first token.
    pub fn without_token(self, ms: u64) -> Self {
        Self { ttft: None, end: Some(self.at + ms), status: Status::ClientGone, ..self }
    }
    pub fn status(self, status: Status) -> Self {
        Self { status, ..self }
    }
    pub fn on(self, account: u32) -> Self {
        Self { account, ..self }
    }
    pub fn waited(self, ms: u64) -> Self {
        Self { waited: ms, ..self }
    }
    pub fn failed(self, attempts: u32, ms: u64) -> Self {
        Self { failed: (attempts, ms), ..self }
    }
    pub fn escaped(self, reason: EscapeReason) -> Self {
        Self { escape: Some(reason), ..self }
    }

    fn request(&self) -> Request {
        Request { turn: self.turn, ..request(self.at, self.session) }
    }

    pub fn arrives(&self, observer: &mut impl Observer) {
        observer.arrived(at(self.at), self.number, &self.request());
    }

    /// Reports its end to the observer. By default it ends 1 s after its first token.
    pub fn ends(&self, observer: &mut impl Observer) {
        let first_token = self.ttft.map(|ttft| at(self.at + ttft));
        let upstream = self.upstream.or_else(|| self.ttft.map(|ttft| ttft - self.waited - self.failed.1));
        observer.finished(&Finished {
            request: &self.request(),
            number: self.number,
            end: at(self.end.unwrap_or(self.at + self.ttft.unwrap_or(0) + 1_000)),
            http_status: 200,
            status: self.status,
            first_token,
            account: Some(AccountIx(self.account)),
            layer: Some(Layer::LoadBalance),
            escape: self.escape,
            selects: 1,
            attempts: 1 + self.failed.0,
            failed_attempts: self.failed.0,
            switches: self.failed.0,
            client_retries: 0,
            waited: Span::from_millis(self.waited),
            failed: Span::from_millis(self.failed.1),
            upstream_ttft: upstream.map(Span::from_millis),
            cached_tokens: 0,
            degraded: false,
        });
    }

    /// Reports its arrival and its end to the observer.
    pub fn tell(&self, observer: &mut impl Observer) {
        self.arrives(observer);
        self.ends(observer);
    }
}

/// The decision of load balance for this account, or for none.
pub fn by_load_balance(account: Option<u32>) -> Decision {
    Decision {
        outcome: account.map_or(Outcome::NoAvailableAccounts, |a| Outcome::Acquired(AccountIx(a), SlotToken(0))),
        layer: Layer::LoadBalance,
        sticky_previous_hit: false,
        sticky_session_hit: false,
        candidate_count: 2,
        top_k: 2,
        load_skew: 0.0,
        escape: None,
        bound: None,
        left: None,
    }
}

/// A sticky hit.
pub fn sticky(account: u32) -> Decision {
    Decision {
        layer: Layer::Session,
        sticky_session_hit: true,
        bound: Some(AccountIx(account)),
        ..by_load_balance(Some(account))
    }
}

/// An escape that load balance answered.
pub fn escape(from: u32, reason: EscapeReason, to: Option<u32>) -> Decision {
    Decision {
        escape: Some(Escape { account: AccountIx(from), reason, error_rate: 0.0, ttft_ms: 0.0 }),
        bound: Some(AccountIx(from)),
        ..by_load_balance(to)
    }
}

/// A bound session that its account's score, or a cooldown, sent elsewhere.
pub fn left(from: u32, reason: LeaveReason, to: u32) -> Decision {
    let account = AccountIx(from);
    Decision { left: Some(Leave { account, reason }), bound: Some(account), ..by_load_balance(Some(to)) }
}

/// The same decision, but with a wait plan.
pub fn waiting(decision: Decision) -> Decision {
    let plan = WaitPlan { max_concurrency: 1, timeout: Span::from_secs(30), max_waiting: 3 };
    match decision.outcome {
        Outcome::Acquired(account, _) => Decision { outcome: Outcome::Wait(account, plan), ..decision },
        Outcome::Wait(..) | Outcome::NoAvailableAccounts => decision,
    }
}

/// Reports a select of a request that arrives at the same instant.
pub fn select(observer: &mut impl Observer, ms: u64, session: Option<(u32, u64)>, decision: &Decision) {
    let request = request(ms, session);
    observer.selected(&Selected { now: at(ms), request: &request, number: ms, earlier: 0, replica: 0, decision });
}

/// Reports a change of health.
pub fn health(observer: &mut impl Observer, ms: u64, account: u32, condition: u32, degraded: bool) {
    observer.health_changed(&HealthChange { at: at(ms), account: AccountIx(account), condition, degraded });
}

/// Reports a forward that begins with the request's arrival and ends 1 s later, with a first token after 300 ms if
/// `ok`, otherwise with a 503.
pub fn forward(
    observer: &mut impl Observer,
    ms: u64,
    session: Option<(u32, u64)>,
    account: u32,
    input: u32,
    cached: u32,
    ok: bool,
) {
    let request = Request { input_tokens: input, ..request(ms, session) };
    let end = Span::SECOND;
    let fate =
        if ok { RecordedAttempt::Ok { ttft: Span::from_millis(300), end } } else { RecordedAttempt::status(503, end) };
    let attempt = Attempt { fate, cached_tokens: cached, degraded: false, message: 0 };
    let step = Forwarded {
        began: at(ms),
        connected: at(ms),
        request: &request,
        number: ms,
        visit: 0,
        account: AccountIx(account),
        attempt: &attempt,
    };
    observer.forwarded(&step);
    observer.attempt_ended(at(ms + 1_000), &step, true);
}
