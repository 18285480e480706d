//! The rules of the three layers one by one.

use super::*;
use crate::ids::ModelId;
use crate::scheduler::{Account, AnyScheduler, Learnt, ResponseKey, SessionKey, SlotToken, WaitPlan};
use crate::units::Span;

const A: AccountIx = AccountIx(0);
const B: AccountIx = AccountIx(1);
const GONE: AccountIx = AccountIx(99);
const SESSION: u64 = 7;
const RESPONSE: u64 = 8;
const MODEL: ModelId = ModelId(1);
const OTHER_MODEL: ModelId = ModelId(2);

/// Two accounts with one slot each, at second 1,000.
struct Fixture {
    pool: Pool,
    scheduler: AnyScheduler,
    now: Time,
    excluded: Vec<AccountIx>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            pool: Pool::new(vec![Account::new(1, 1), Account::new(2, 1)]),
            scheduler: AnyScheduler::new(Config::default(), 2),
            now: Time::ZERO + Span::from_secs(1_000),
            excluded: Vec::new(),
        }
    }

    fn select(&mut self, with_session: bool, with_response: bool) -> Decision {
        let query = Query {
            session: with_session.then_some(SessionKey { key: SESSION, hash: b"session" }),
            previous: with_response.then_some(ResponseKey { key: RESPONSE, text: b"resp_1" }),
            model: MODEL,
            model_name: b"gpt-5",
            excluded: &self.excluded,
            ..Query::default()
        };
        self.scheduler.select(&mut self.pool, &query, self.now)
    }

    fn configure(&mut self, change: impl Fn(&mut Config)) {
        let mut config = self.scheduler.config().clone();
        change(&mut config);
        self.scheduler.configure(config);
    }

    fn learn(&mut self, account: AccountIx, success: bool, first_token_ms: Option<u64>) {
        self.scheduler.learn(&Learnt { account, model: MODEL, success, first_token_ms }, self.now);
    }

    fn by_session(&mut self) -> Decision {
        self.select(true, false)
    }

    fn by_response(&mut self) -> Decision {
        self.select(true, true)
    }

    fn bind_session(&mut self, account: AccountIx) {
        self.scheduler.bind_session(&mut self.pool, SESSION, account, self.now);
    }

    fn bind_response(&mut self, account: AccountIx) {
        self.scheduler.bind_response(&mut self.pool, RESPONSE, account, self.now);
    }

    fn session(&self) -> Option<AccountIx> {
        self.pool.sessions.get(SESSION, self.now)
    }

    fn response(&self) -> Option<AccountIx> {
        self.pool.responses.get(RESPONSE, self.now)
    }

    fn fill(&mut self, account: AccountIx) -> SlotToken {
        self.pool.acquire(account, self.now, self.scheduler.config().slot_ttl).unwrap()
    }

    fn fail(&mut self, account: AccountIx, times: usize) {
        (0..times).for_each(|_| self.learn(account, false, None));
    }
}

fn acquired(decision: &Decision) -> Option<AccountIx> {
    match decision.outcome {
        Outcome::Acquired(account, _) => Some(account),
        Outcome::Wait(..) | Outcome::NoAvailableAccounts => None,
    }
}

// ---- layer 1

#[test]
fn a_previous_response_leads_to_its_account_whatever_its_health_and_binds_the_session() {
    let mut f = Fixture::new();
    f.bind_response(B);
    f.fail(B, 50);
    let decision = f.by_response();
    assert_eq!((decision.layer, acquired(&decision)), (Layer::PreviousResponse, Some(B)));
    assert!(decision.sticky_previous_hit && !decision.sticky_session_hit);
    assert_eq!(f.session(), Some(B));
}

#[test]
fn a_blocked_previous_account_is_a_miss_that_drops_the_binding() {
    let mut f = Fixture::new();
    f.bind_response(B);
    f.scheduler.block(B, Time::NEVER);
    let decision = f.by_response();
    assert_eq!((decision.layer, acquired(&decision)), (Layer::LoadBalance, Some(A)));
    assert_eq!(f.response(), None);
}

#[test]
fn a_busy_previous_account_is_waited_for_and_bound_all_the_same() {
    let mut f = Fixture::new();
    f.bind_response(B);
    f.now += Span::from_secs(1_000);
    f.fill(B);
    let decision = f.by_response();
    let plan = WaitPlan { max_concurrency: 1, timeout: Span::from_secs(120), max_waiting: 3 };
    assert_eq!(decision.outcome, Outcome::Wait(B, plan));
    assert!(decision.sticky_previous_hit);
    assert_eq!(f.session(), Some(B));
    f.now += Span::from_secs(2_600);
    assert_eq!(
        (f.response(), f.session()),
        (None, Some(B)),
        "the response's TTL was not refreshed, the session's began"
    );
}

#[test]
fn a_previous_hit_with_a_slot_refreshes_the_response_binding() {
    let mut f = Fixture::new();
    f.bind_response(B);
    f.now += Span::from_secs(3_599);
    f.by_response();
    f.now += Span::from_secs(3_599);
    assert_eq!(f.response(), Some(B));
    f.now += Span::SECOND;
    assert_eq!(f.response(), None);
}

#[test]
fn a_previous_miss_drops_the_binding_only_of_gone_or_unschedulable_accounts() {
    type Spoil = fn(&mut Fixture);
    let cases: [(&str, Spoil, bool); 5] = [
        ("excluded", |f| f.excluded = vec![A], true),
        ("gone", |f| f.bind_response(GONE), false),
        ("no WebSocket v2", |f| f.pool.account_mut(A).websocket_v2 = false, true),
        ("unschedulable", |f| f.pool.account_mut(A).switched_off = true, false),
        ("model", |f| f.pool.account_mut(A).models = vec![OTHER_MODEL], true),
    ];
    for (name, spoil, kept) in cases {
        let mut f = Fixture::new();
        f.bind_response(A);
        spoil(&mut f);
        let decision = f.by_response();
        assert_eq!(decision.layer, Layer::LoadBalance, "{name}");
        assert_eq!(f.response().is_some(), kept, "{name}");
    }
}

#[test]
fn websocket_support_is_asked_before_schedulability() {
    let mut f = Fixture::new();
    f.bind_response(A);
    f.pool.account_mut(A).websocket_v2 = false;
    f.pool.account_mut(A).switched_off = true;
    f.by_response();
    assert_eq!(f.response(), Some(A));
}

// ---- layer 2

#[test]
fn a_sticky_hit_takes_the_slot_and_refreshes_the_binding() {
    let mut f = Fixture::new();
    f.bind_session(B);
    f.now += Span::from_secs(3_599);
    let decision = f.by_session();
    assert_eq!((decision.layer, acquired(&decision), decision.bound), (Layer::Session, Some(B), Some(B)));
    assert!(decision.sticky_session_hit);
    assert_eq!((decision.candidate_count, decision.top_k, decision.load_skew), (0, 0, 0.0));
    f.now += Span::from_secs(3_599);
    assert_eq!(f.session(), Some(B));
}

#[test]
fn a_binding_counts_as_none_at_its_end() {
    let mut f = Fixture::new();
    f.bind_session(B);
    f.now += Span::from_secs(3_600);
    let decision = f.by_session();
    assert_eq!((decision.layer, decision.bound), (Layer::LoadBalance, None));
}

#[test]
fn a_sticky_miss_drops_the_binding_only_of_gone_or_unschedulable_accounts() {
    type Spoil = fn(&mut Fixture);
    let cases: [(&str, Spoil, bool); 6] = [
        ("excluded", |f| f.excluded = vec![A], true),
        (
            "gone",
            |f| {
                f.bind_session(GONE);
                f.fill(A);
            },
            false,
        ),
        ("switched off", |f| f.pool.account_mut(A).switched_off = true, false),
        ("rate-limited", |f| f.pool.account_mut(A).rate_limited_until = f.now + Span::from_nanos(1), false),
        ("blocked", |f| f.scheduler.block(A, f.now + Span::from_nanos(1)), true),
        ("model", |f| f.pool.account_mut(A).models = vec![OTHER_MODEL], true),
    ];
    for (name, spoil, kept) in cases {
        let mut f = Fixture::new();
        f.bind_session(A);
        spoil(&mut f);
        f.fill(B); // so that load balance has no slot, and writes nothing
        let decision = f.by_session();
        assert_eq!((decision.layer, decision.escape), (Layer::LoadBalance, None), "{name}");
        assert_eq!(f.session().is_some(), kept, "{name}");
    }
}

#[test]
fn limits_and_blocks_are_over_at_their_end() {
    let mut f = Fixture::new();
    f.bind_session(A);
    f.pool.account_mut(A).rate_limited_until = f.now;
    f.pool.account_mut(A).unschedulable_until = f.now;
    f.scheduler.block(A, f.now);
    assert_eq!(f.by_session().layer, Layer::Session);
}

#[test]
fn a_miss_lets_load_balance_bind_the_session_anew() {
    let mut f = Fixture::new();
    f.bind_session(A);
    f.scheduler.block(A, Time::NEVER);
    assert_eq!(acquired(&f.by_session()), Some(B));
    assert_eq!(f.session(), Some(B));
}

#[test]
fn an_escape_leaves_the_binding_and_its_time_alone() {
    let mut f = Fixture::new();
    f.bind_session(A);
    f.fail(A, 4); // 0.59
    f.scheduler.block(A, f.now); // over already
    f.now += Span::from_secs(3_000);
    let decision = f.by_session();
    assert_eq!(decision.layer, Layer::LoadBalance);
    let health = f.scheduler.health(A, f.now);
    assert_eq!((health.shut, health.ttft_ms), (Some(EscapeReason::ErrorRate), None));
    let escape = Escape { account: A, reason: EscapeReason::ErrorRate, error_rate: health.error_rate, ttft_ms: 0.0 };
    assert_eq!(decision.escape, Some(escape));
    assert_eq!(f.session(), Some(A), "not rewritten, wherever load balance went");
    f.now += Span::from_secs(600);
    assert_eq!(f.session(), None, "not refreshed");
}

#[test]
fn a_full_account_is_escaped_from_and_one_that_was_waited_for_without_escape() {
    let mut f = Fixture::new();
    f.bind_session(A);
    f.fill(A);
    let decision = f.by_session();
    assert_eq!(decision.escape.map(|escape| escape.reason), Some(EscapeReason::ConcurrencyFull));
    assert_eq!((acquired(&decision), f.session()), (Some(B), Some(A)));

    f.configure(|config| config.sticky_escape_enabled = false);
    let decision = f.by_session();
    let plan = WaitPlan { max_concurrency: 1, timeout: Span::from_secs(120), max_waiting: 3 };
    assert_eq!((decision.outcome, decision.layer), (Outcome::Wait(A, plan), Layer::Session));
    assert!(decision.sticky_session_hit, "a wait plan is a hit");
}

// ---- layer 3

#[test]
fn everyone_unfit_is_passed_over() {
    type Spoil = fn(&mut Fixture);
    let cases: [(&str, Spoil); 5] = [
        ("not listed", |f| {
            f.pool.account_mut(A).switched_off = true;
            f.pool.set_candidates(f.now);
            f.pool.account_mut(A).switched_off = false;
        }),
        ("unschedulable", |f| f.pool.account_mut(A).unschedulable_until = Time::NEVER),
        ("blocked", |f| f.scheduler.block(A, Time::NEVER)),
        ("excluded", |f| f.excluded = vec![GONE, A]),
        ("model", |f| f.pool.account_mut(A).models = vec![OTHER_MODEL]),
    ];
    for (name, spoil) in cases {
        let mut f = Fixture::new();
        spoil(&mut f);
        let decision = f.by_session();
        assert_eq!((acquired(&decision), decision.candidate_count, decision.top_k), (Some(B), 1, 1), "{name}");
    }
}

#[test]
fn without_candidates_the_record_is_empty_and_still_counted() {
    let mut f = Fixture::new();
    f.excluded = vec![A, B];
    let decision = f.by_session();
    assert_eq!((decision.outcome, decision.layer), (Outcome::NoAvailableAccounts, Layer::LoadBalance));
    assert_eq!((decision.candidate_count, decision.top_k, decision.load_skew), (0, 0, 0.0));
    let metrics = f.scheduler.metrics();
    assert_eq!((metrics.select_total, metrics.load_balance_select_total), (1, 1));
}

#[test]
fn with_every_slot_taken_the_first_of_the_fresh_order_is_waited_for_and_nothing_is_bound() {
    let mut f = Fixture::new();
    f.configure(|config| config.lb_top_k = 1);
    // The cache says that A is idle; in truth it is full with two waiting, so the fresh ranking begins with B.
    assert_eq!(acquired(&f.by_session()), Some(A));
    f.pool.sessions.forget(SESSION);
    assert!(f.pool.enter(A, 9) && f.pool.enter(A, 9));
    f.fill(B);
    let decision = f.by_session();
    let plan = WaitPlan { max_concurrency: 1, timeout: Span::from_secs(30), max_waiting: 100 };
    assert_eq!(decision.outcome, Outcome::Wait(B, plan));
    assert_eq!(decision.load_skew, 100.0, "of the fresh loads, 300 and 100");
    assert_eq!(f.session(), None);
}

#[test]
fn the_fresh_order_finds_a_slot_that_the_cached_one_did_not_ask_for() {
    let mut f = Fixture::new();
    f.configure(|config| config.lb_top_k = 1);
    assert_eq!(acquired(&f.by_session()), Some(A));
    f.pool.sessions.forget(SESSION);
    // By the cache A is still idle and the only one kept; fresh loads rank B first.
    let decision = f.by_session();
    assert_eq!((acquired(&decision), decision.load_skew), (Some(B), 50.0));
    assert_eq!(f.session(), Some(B));
}

#[test]
fn a_request_without_a_session_binds_nothing() {
    let mut f = Fixture::new();
    assert!(acquired(&f.select(false, false)).is_some());
    assert_eq!(f.session(), None);
}
