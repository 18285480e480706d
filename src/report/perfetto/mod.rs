//! A run as a trace for ui.perfetto.dev, written while it goes on.
//!
//! Each account is a process. Its lanes: escapes from it and changes of its state as instants, the ground truth as
//! slices, those who wait for it, and as many lanes of attempts as ran at once. Counters show what the gateway knows
//! (EWMA of TTFT and of errors) and what it carries (slots, waiting); while it lets no bound session stay there, the
//! gate is a slice. Slices are named by what they were: `ok`, `slow` (over the SLO), `cold`, `escaped` (here from
//! elsewhere). The fifty sessions with the slowest turns have a track each. An arrow follows a session from its last
//! attempt on one account to its first on another.
//!
//! A request makes three to six events of some 200 bytes: a trace is for runs of thousands of requests, not of
//! millions.

mod events;
mod file;
mod sessions;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use serde_json::{Value, json};

use self::events::{Events, Track};
pub use self::file::TraceFile;
use self::sessions::Worst;
use crate::engine::IdMap;
use crate::ids::{AccountIx, SessionRef};
use crate::measure::cost::Prefixes;
use crate::measure::{
    AccountInfo, ConditionInfo, Finished, Forwarded, Observer, Reported, Selected, Settings, StateChange,
};
use crate::scheduler::Outcome;
use crate::units::{Span, Time};
use crate::upstream::HealthChange;
use crate::workload::{RecordedAttempt, Request};

/// Arrows bind to the slice that is open at their time. Attempts are written when they end, after their arrow: at the
/// very time of the beginning a reader that goes by time and then by order would find no slice open yet.
const BIND: Span = Span::from_micros(1);
/// The process of the worst sessions.
const SESSIONS: u32 = 1_000_000;
/// The gateway's own process; account i is process i + 2.
const GATEWAY: u32 = 1;
/// Lanes of an account, from the top.
const ESCAPES: u32 = 1;
const STATE: u32 = 2;
const TRUTH: u32 = 10;
/// One for each replica.
const GATE: u32 = 500;
const WAITS: u32 = 1_000;
const ATTEMPTS: u32 = 100_000;

/// Writes the trace of one run.
#[derive(Debug)]
pub struct PerfettoTrace<W: Write> {
    events: Events<W>,
    accounts: Vec<Account>,
    conditions: Vec<String>,
    replicas: u32,
    /// The lanes of attempts under way, by `key`.
    attempts: IdMap<u64, u32>,
    /// Requests that wait: since when, for which account, in which lane.
    waits: IdMap<u64, (Time, AccountIx, u32)>,
    /// The last attempt of each session by its slot.
    last: Vec<Option<LastAttempt>>,
    arrows: u64,
    slo: Span,
    ids: Vec<i64>,
    prefixes: Prefixes,
    /// Attempts under way that found no prefix, by `key`.
    cold: IdMap<u64, ()>,
    /// Requests whose last select was an escape to another account.
    escaped: IdMap<u64, ()>,
    worst: Worst,
}

#[derive(Debug, Default)]
struct Account {
    attempts: Lanes,
    waits: Lanes,
    /// Conditions that hold, and since when.
    degraded: Vec<(u32, Time)>,
    /// The gates that ever shut, which have a lane each.
    gates: Vec<Gate>,
}

/// What a replica's gate of an account is, and since when.
#[derive(Clone, Copy, Debug)]
struct Gate {
    replica: u32,
    /// Why it is shut; `None` if it is open.
    shut: Option<&'static str>,
    since: Time,
}

/// Where a session's last attempt is drawn.
#[derive(Clone, Copy, Debug)]
struct LastAttempt {
    session: u64,
    account: AccountIx,
    track: Track,
    began: Time,
}

/// Lanes of which the lowest free one is taken, so that slices never lie on each other.
#[derive(Debug, Default)]
struct Lanes {
    taken: Vec<bool>,
}

impl Lanes {
    /// The lane, and whether it is new.
    fn take(&mut self) -> (u32, bool) {
        let free = self.taken.iter().position(|taken| !taken);
        let lane = free.unwrap_or(self.taken.len());
        if free.is_none() {
            self.taken.push(false);
        }
        self.taken[lane] = true;
        (lane as u32, free.is_none())
    }

    fn free(&mut self, lane: u32) {
        if let Some(taken) = self.taken.get_mut(lane as usize) {
            *taken = false;
        }
    }
}

const fn process(account: AccountIx) -> u32 {
    account.0 + 2
}

const fn track(account: AccountIx, lane: u32) -> Track {
    Track { process: process(account), lane }
}

impl<W: Write> PerfettoTrace<W> {
    /// Begins the trace; `about` names scenario, seed and version for the viewer.
    pub fn new(
        writer: W,
        settings: &Settings,
        accounts: &[AccountInfo],
        conditions: &[ConditionInfo],
        about: &[(&str, String)],
    ) -> Self {
        let mut events = Events::new(writer, settings.start, about);
        events.process(GATEWAY, "gateway");
        for (account, info) in (0..).map(AccountIx).zip(accounts) {
            events.process(process(account), &format!("account {}", info.id));
            events.lane(track(account, ESCAPES), "escapes from it");
            events.lane(track(account, STATE), "state");
        }
        Self {
            events,
            accounts: accounts.iter().map(|_| Account::default()).collect(),
            conditions: conditions.iter().map(|condition| condition.name.clone()).collect(),
            replicas: settings.replicas,
            attempts: IdMap::default(),
            waits: IdMap::default(),
            last: Vec::new(),
            arrows: 0,
            slo: settings.slo_ttft,
            ids: accounts.iter().map(|info| info.id).collect(),
            prefixes: Prefixes::new(accounts),
            cold: IdMap::default(),
            escaped: IdMap::default(),
            worst: Worst::default(),
        }
    }

    /// Ends the trace.
    ///
    /// # Errors
    /// The first one of writing.
    pub fn finish(self) -> io::Result<W> {
        self.events.finish()
    }

    /// A request that waited does so no more.
    fn stop_waiting(&mut self, now: Time, number: u64, why: &str, request: &Request) {
        let Some((since, account, lane)) = self.waits.remove(&number) else { return };
        self.accounts[account.at()].waits.free(lane);
        let mut args = about(number, request);
        args.push(("ends", json!(why)));
        self.events.slice(track(account, WAITS + lane), "waiting", since, now.since(since), &args);
    }

    /// Draws the arrow to a session's attempt on another account than its last one.
    fn follow(&mut self, session: SessionRef, now: LastAttempt) {
        let slot = session.slot as usize;
        if self.last.len() <= slot {
            self.last.resize(slot + 1, None);
        }
        let before = self.last[slot].replace(now);
        if let Some(before) = before.filter(|before| before.session == now.session && before.account != now.account) {
            self.arrows += 1;
            let inside = |attempt: LastAttempt| (attempt.track, attempt.began + BIND);
            self.events.arrow(self.arrows, "session moves", inside(before), inside(now));
        }
    }

    fn counter_name(&self, name: &str, replica: u32) -> String {
        if self.replicas > 1 { format!("{name}, replica {replica}") } else { name.to_owned() }
    }

    /// Draws what a gate was until now.
    fn end_gate(&mut self, account: AccountIx, gate: Gate, now: Time) {
        let name = match gate.shut {
            Some(why) => format!("gate shut: {why}"),
            None if gate.since == now => return,
            None => "gate open".to_owned(),
        };
        self.events.slice(track(account, GATE + gate.replica), &name, gate.since, now.since(gate.since), &[]);
    }

    fn gate(&mut self, report: &Reported) {
        let Some(account) = self.accounts.get_mut(report.account.at()) else { return };
        let shut = report.health.shut.map(|reason| reason.name());
        let place = account.gates.iter().position(|gate| gate.replica == report.replica);
        let place = match (place, shut) {
            (None, None) => return,
            (Some(place), _) => place,
            (None, Some(_)) => {
                account.gates.push(Gate { replica: report.replica, shut: None, since: self.events.start() });
                let place = account.gates.len() - 1;
                let name = self.counter_name("gate", report.replica);
                self.events.lane(track(report.account, GATE + report.replica), &name);
                place
            }
        };
        let gate = &mut self.accounts[report.account.at()].gates[place];
        if gate.shut.is_some() != shut.is_some() {
            let over = std::mem::replace(gate, Gate { shut, since: report.now, ..*gate });
            self.end_gate(report.account, over, report.now);
        }
    }

    fn end_condition(&mut self, account: AccountIx, condition: u32, since: Time, now: Time) {
        let name = self.conditions.get(condition as usize).map_or("condition", String::as_str);
        self.events.slice(track(account, TRUTH + condition), name, since, now.since(since), &[]);
    }
}

/// An attempt as one number: no run has 2^48 requests, and no request 2^16 attempts under way.
const fn key(step: &Forwarded<'_>) -> u64 {
    step.number << 16 | (step.visit as u64 & 0xffff)
}

/// What names a request.
fn about(number: u64, request: &Request) -> Vec<(&'static str, Value)> {
    let mut args = vec![("request", json!(number))];
    if request.session.is_some() {
        args.push(("session", json!(String::from_utf8_lossy(request.session_hash.as_bytes()))));
        args.push(("turn", json!(request.turn)));
    }
    args
}

/// How an attempt ended, as the name of its slice: the viewer gives each name a colour.
fn fate(attempt: &RecordedAttempt) -> String {
    match attempt {
        RecordedAttempt::Ok { .. } => "ok".to_owned(),
        RecordedAttempt::Broken { .. } => "broken".to_owned(),
        RecordedAttempt::Status { status, .. } => format!("HTTP {status}"),
        RecordedAttempt::Transport { .. } => "no answer".to_owned(),
    }
}

impl<W: Write> Observer for PerfettoTrace<W> {
    fn selected(&mut self, step: &Selected<'_>) {
        if let Some(escape) = step.decision.escape {
            let mut args = about(step.number, step.request);
            args.push(("ewma_ttft_ms", json!(escape.ttft_ms)));
            args.push(("ewma_error_rate", json!(escape.error_rate)));
            args.push(("to", json!(step.decision.account().map(|account| account.0))));
            self.events.instant(track(escape.account, ESCAPES), escape.reason.name(), step.now, &args);
        }
        match step.decision.escape {
            Some(escape) if step.decision.account().is_some_and(|account| account != escape.account) => {
                self.escaped.insert(step.number, ());
            }
            _ => {
                self.escaped.remove(&step.number);
            }
        }
        self.stop_waiting(step.now, step.number, "selected again", step.request);
        if let Outcome::Wait(account, _) = step.decision.outcome {
            let (lane, new) = self.accounts[account.at()].waits.take();
            if new {
                self.events.lane(track(account, WAITS + lane), &format!("waiting {}", lane + 1));
            }
            self.waits.insert(step.number, (step.now, account, lane));
        }
    }

    fn slots(&mut self, now: Time, account: AccountIx, held: u32) {
        self.events.counter(process(account), "slots", now, f64::from(held));
    }

    fn waiting(&mut self, now: Time, account: AccountIx, waiting: u32) {
        self.events.counter(process(account), "waiting", now, f64::from(waiting));
    }

    fn forwarded(&mut self, step: &Forwarded<'_>) {
        self.stop_waiting(step.began, step.number, "got a slot", step.request);
        let (lane, new) = self.accounts[step.account.at()].attempts.take();
        let here = track(step.account, ATTEMPTS + lane);
        if new {
            self.events.lane(here, &format!("slot {}", lane + 1));
        }
        if self.prefixes.is_cold(step) {
            self.cold.insert(key(step), ());
        }
        self.attempts.insert(key(step), lane);
        if let Some(session) = step.request.session {
            let now = LastAttempt { session: session.number, account: step.account, track: here, began: step.began };
            self.follow(session, now);
        }
    }

    fn attempt_ended(&mut self, now: Time, step: &Forwarded<'_>, client_there: bool) {
        self.prefixes.leave(now, step);
        let cold = self.cold.remove(&key(step)).is_some();
        let Some(lane) = self.attempts.remove(&key(step)) else { return };
        self.accounts[step.account.at()].attempts.free(lane);
        let here = track(step.account, ATTEMPTS + lane);
        let mut args = about(step.number, step.request);
        args.push(("attempt", json!(step.visit)));
        args.push(("input_tokens", json!(step.request.input_tokens)));
        args.push(("cached_tokens", json!(step.attempt.cached_tokens)));
        args.push(("output_tokens", json!(step.request.output_tokens)));
        args.push(("degraded", json!(step.attempt.degraded)));
        args.push(("client_there", json!(client_there)));
        let first = step.attempt.fate.first_token().map(|ttft| step.connected + ttft).filter(|first| *first <= now);
        if let Some(first) = first {
            args.push(("upstream_ttft_ms", json!(first.since(step.began).millis())));
        }
        let slow = first.is_some_and(|first| first.since(step.began) > self.slo);
        let mut name = if slow { "slow".to_owned() } else { String::new() };
        let ended = fate(&step.attempt.fate);
        if ended != "ok" || !slow {
            name = if slow { format!("slow, {ended}") } else { ended };
        }
        for (is, word) in [(cold, "cold"), (self.escaped.contains_key(&step.number), "escaped")] {
            if is {
                name.push_str(", ");
                name.push_str(word);
            }
        }
        self.events.slice(here, &name, step.began, now.since(step.began), &args);
        if let Some(first) = first {
            self.events.slice(here, "to the first token", step.began, first.since(step.began), &[]);
        }
    }

    fn reported(&mut self, report: &Reported) {
        self.gate(report);
        let process = process(report.account);
        if let Some(ms) = report.health.ttft_ms {
            let name = self.counter_name("EWMA of TTFT (ms)", report.replica);
            self.events.counter(process, &name, report.now, ms);
        }
        let name = self.counter_name("EWMA of errors", report.replica);
        self.events.counter(process, &name, report.now, report.health.error_rate);
    }

    fn state_changed(&mut self, change: &StateChange) {
        let until = |time: Time| match time {
            Time::NEVER => json!("never"),
            time => json!(time.since(change.now).secs()),
        };
        let args = [
            ("replica", json!(change.replica)),
            ("unschedulable_for_s", until(change.unschedulable_until)),
            ("blocked_for_s", until(change.blocked_until)),
        ];
        self.events.instant(track(change.account, STATE), &format!("HTTP {}", change.status), change.now, &args);
    }

    fn list_built(&mut self, now: Time, listed: &[bool]) {
        for (account, listed) in (0..).map(AccountIx).zip(listed) {
            self.events.counter(process(account), "on the list", now, f64::from(u8::from(*listed)));
        }
    }

    fn health_changed(&mut self, change: &HealthChange) {
        let Some(account) = self.accounts.get_mut(change.account.at()) else { return };
        let held = account.degraded.iter().position(|(condition, _)| *condition == change.condition);
        match (change.degraded, held) {
            (true, None) => {
                account.degraded.push((change.condition, change.at));
                self.events.lane(track(change.account, TRUTH + change.condition), "truth");
            }
            (false, Some(place)) => {
                let (condition, since) = account.degraded.remove(place);
                self.end_condition(change.account, condition, since, change.at);
            }
            (true, Some(_)) | (false, None) => return,
        }
        let name = self.conditions.get(change.condition as usize).map_or("condition", String::as_str);
        let what = format!("{name} {}", if change.degraded { "sets in" } else { "ends" });
        self.events.instant(track(change.account, TRUTH + change.condition), &what, change.at, &[]);
    }

    fn restarted(&mut self, now: Time, replica: u32) {
        let args = [("replica", json!(replica))];
        self.events.instant(Track { process: GATEWAY, lane: 1 }, "restart: stats lost", now, &args);
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        self.stop_waiting(finished.end, finished.number, finished.status.name(), finished.request);
        self.escaped.remove(&finished.number);
        self.worst.turn(finished);
    }

    fn session_over(&mut self, _now: Time, session: SessionRef) {
        self.worst.over(session);
    }

    fn run_over(&mut self, now: Time) {
        for account in 0..self.accounts.len() {
            for (condition, since) in std::mem::take(&mut self.accounts[account].degraded) {
                self.end_condition(AccountIx(account as u32), condition, since, now);
            }
            for gate in std::mem::take(&mut self.accounts[account].gates) {
                self.end_gate(AccountIx(account as u32), gate, now);
            }
        }
        let mut worst = std::mem::take(&mut self.worst);
        worst.write(&mut self.events, SESSIONS, self.slo, &self.ids);
    }
}
