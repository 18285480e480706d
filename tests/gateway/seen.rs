//! All that was seen of a run, in milliseconds from the start of the gateway process and in account ids.

use crate::world::START;
use stickysim::ids::{AccountIx, SessionRef};
use stickysim::measure::{BindingCause, Finished, Forwarded, Observer, Reported, Selected, StateChange};
use stickysim::scheduler::{Health, Metrics, Outcome};
use stickysim::units::{Span, Time};

fn millis(time: Time) -> f64 {
    time.since(START).millis()
}

pub fn id(account: AccountIx) -> u32 {
    account.0 + 1
}

/// What became of a request.
#[derive(Clone, Debug, Default)]
pub struct End {
    pub times: u32,
    pub status: &'static str,
    pub http: u16,
    pub at: f64,
    pub waited: f64,
    pub failed: f64,
    pub ttft: Option<f64>,
    pub felt: Option<f64>,
    pub account: Option<u32>,
    pub attempts: u32,
    pub failed_attempts: u32,
    pub selects: u32,
    pub switches: u32,
    pub retries: u32,
    /// The account that its session was bound to at its end.
    pub binding: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    pub at: f64,
    pub request: usize,
    pub replica: u32,
    pub layer: &'static str,
    pub account: Option<u32>,
    pub acquired: bool,
    pub escape: Option<&'static str>,
}

/// Everything that happened, in order.
#[derive(Default)]
pub struct Seen {
    pub ends: Vec<End>,
    pub selects: Vec<Select>,
    /// (when its connection stood, request, account, how long it had waited for the connection)
    pub forwards: Vec<(f64, usize, u32, f64)>,
    /// (when, request, account, whether its client was still there)
    pub attempts: Vec<(f64, usize, u32, bool)>,
    /// (when, replica, account, success, TTFT in whole ms)
    pub reports: Vec<(f64, u32, u32, bool, Option<u64>)>,
    /// (when, account, status, unschedulable for so long or for ever, blocked for so long)
    pub states: Vec<(f64, u32, u16, Option<f64>, f64)>,
    /// (when, ids on the list)
    pub lists: Vec<(f64, Vec<u32>)>,
    /// (when, session, account, cause)
    pub bound: Vec<(f64, Option<u64>, u32, BindingCause)>,
    /// (when, account, slots held afterwards)
    pub slots: Vec<(f64, u32, u32)>,
    /// (when, account, waiting afterwards)
    pub waits: Vec<(f64, u32, u32)>,
    /// By replica.
    pub metrics: Vec<Metrics>,
    /// By replica and account.
    pub stats: Vec<Vec<Health>>,
    waiting: Vec<u32>,
    /// Requests that ended in this step, with their sessions.
    pub just_ended: Vec<(usize, Option<SessionRef>)>,
}

impl Seen {
    pub fn new(requests: usize, accounts: usize) -> Self {
        Self { ends: vec![End::default(); requests], waiting: vec![0; accounts], ..Self::default() }
    }

    /// Statuses of all requests, by number.
    pub fn statuses(&self) -> Vec<&'static str> {
        self.ends.iter().map(|end| end.status).collect()
    }

    /// The accounts that a request was forwarded to.
    pub fn path(&self, request: usize) -> Vec<u32> {
        self.forwards.iter().filter(|forward| forward.1 == request).map(|forward| forward.2).collect()
    }

    /// When a request's forwards had their connections.
    pub fn starts(&self, request: usize) -> Vec<f64> {
        self.forwards.iter().filter(|forward| forward.1 == request).map(|forward| forward.0).collect()
    }

    /// The layers and accounts of a request's selects.
    pub fn chosen(&self, request: usize) -> Vec<(&'static str, Option<u32>)> {
        self.selects.iter().filter(|s| s.request == request).map(|s| (s.layer, s.account)).collect()
    }

    /// Reports as (when, account, success, TTFT in whole ms).
    pub fn reported(&self) -> Vec<(f64, u32, bool, Option<u64>)> {
        self.reports.iter().map(|&(at, _, account, success, ttft)| (at, account, success, ttft)).collect()
    }

    /// When the list was built.
    pub fn built(&self) -> Vec<f64> {
        self.lists.iter().map(|list| list.0).collect()
    }
}

impl Observer for Seen {
    fn selected(&mut self, step: &Selected<'_>) {
        self.selects.push(Select {
            at: millis(step.now),
            request: step.number as usize,
            replica: step.replica,
            layer: step.decision.layer.name(),
            account: step.decision.account().map(id),
            acquired: matches!(step.decision.outcome, Outcome::Acquired(..)),
            escape: step.decision.escape.map(|escape| escape.reason.name()),
        });
    }

    fn bound(
        &mut self,
        now: Time,
        session: Option<SessionRef>,
        _: Option<AccountIx>,
        account: AccountIx,
        why: BindingCause,
    ) {
        self.bound.push((millis(now), session.map(|session| session.number), id(account), why));
    }

    fn slots(&mut self, now: Time, account: AccountIx, held: u32) {
        self.slots.push((millis(now), id(account), held));
    }

    fn waiting(&mut self, now: Time, account: AccountIx, waiting: u32) {
        let before = std::mem::replace(&mut self.waiting[account.at()], waiting);
        assert_eq!(before.abs_diff(waiting), 1, "the counter moves by one");
        self.waits.push((millis(now), id(account), waiting));
    }

    fn forwarded(&mut self, step: &Forwarded<'_>) {
        let waited = step.connected.since(step.began).millis();
        self.forwards.push((millis(step.connected), step.number as usize, id(step.account), waited));
    }

    fn attempt_ended(&mut self, now: Time, step: &Forwarded<'_>, client_there: bool) {
        self.attempts.push((millis(now), step.number as usize, id(step.account), client_there));
    }

    fn reported(&mut self, report: &Reported) {
        let Reported { now, replica, account, success, first_token_ms, .. } = *report;
        self.reports.push((millis(now), replica, id(account), success, first_token_ms));
    }

    fn state_changed(&mut self, change: &StateChange) {
        let ever =
            (change.unschedulable_until != Time::NEVER).then(|| change.unschedulable_until.since(change.now).millis());
        let blocked = change.blocked_until.since(change.now).millis();
        self.states.push((millis(change.now), id(change.account), change.status, ever, blocked));
    }

    fn list_built(&mut self, now: Time, listed: &[bool]) {
        let ids = listed.iter().zip(1..).filter(|(listed, _)| **listed).map(|(_, id)| id).collect();
        self.lists.push((millis(now), ids));
    }

    fn finished(&mut self, f: &Finished<'_>) {
        let number = f.number as usize;
        // what every test of this folder holds as well: felt = waited + failed + upstream TTFT, to the nanosecond
        assert_eq!(f.felt_ttft(), f.upstream_ttft.map(|ttft| f.waited + f.failed + ttft), "request {number}");
        if f.first_token.is_none() {
            assert!(f.waited + f.failed <= f.end.since(f.request.at), "request {number}");
        }
        self.ends[number] = End {
            times: self.ends[number].times + 1,
            status: f.status.name(),
            http: f.http_status,
            at: millis(f.end),
            waited: f.waited.millis(),
            failed: f.failed.millis(),
            ttft: f.upstream_ttft.map(Span::millis),
            felt: f.felt_ttft().map(Span::millis),
            account: f.account.map(id),
            attempts: f.attempts,
            failed_attempts: f.failed_attempts,
            selects: f.selects,
            switches: f.switches,
            retries: f.client_retries,
            binding: None,
        };
        assert_eq!(self.ends[number].times, 1, "request {number} ends once");
        self.just_ended.push((number, f.request.session));
    }
}
