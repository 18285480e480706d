//! The same figures of a record and of a simulation, so that they can be compared.

use std::collections::{BTreeMap, BTreeSet};

use super::records::{Log, RecordedEnd};
use super::robust::{quantile, sorted};
use crate::ids::AccountIx;
use crate::measure::provenance::{Provenance, Shares};
use crate::measure::{Finished, Observer, Selected};
use crate::units::Time;
use crate::upstream::HealthChange;
use crate::workload::Request;

/// Waiting for a slot takes at least a poll's first pause (100 ms, less its jitter): what is shorter is no waiting.
const LEAST_WAIT_S: f64 = 0.075;

/// What was seen of a period, in a record or a simulation.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Requests.
    pub requests: u64,
    /// Of each account: requests, and the upstream TTFT of its answers in ms.
    pub accounts: Vec<(u64, Vec<f64>)>,
    /// Felt TTFT in ms, without the gateway's own work; `None`: the record does not say.
    pub felt_ms: Option<Vec<f64>>,
    /// Time waited for a slot in ms, of requests without failed attempts; `None`: the record does not say.
    pub waits_ms: Option<Vec<f64>>,
    /// Answers with status 429, and other failures.
    pub refused: u64,
    /// Other failures.
    pub failed: u64,
    /// Attempts that failed and went on to another account.
    pub switches: u64,
    /// Escapes; `None`: no log of them.
    pub escapes: Option<Escaped>,
    /// Turns of sessions after their first, and those of them that another account served than the turn before;
    /// `None`: most sessions are unknown.
    pub turns: Option<(u64, u64)>,
    /// What was found in prompt caches.
    pub cache: CacheSeen,
    /// What happened while accounts were slow.
    pub windows: Vec<Window>,
    /// Whether what was seen went through a gateway. Otherwise there are times to first token and nothing more.
    pub gateway: bool,
    /// What a simulation rests on, over all of its requests.
    pub rests_on: Shares,
}

/// What was found in prompt caches, by requests without failed attempts whose session had been on their account before;
/// what those found that came for the first time, sessions have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheSeen {
    /// Requests.
    pub requests: u64,
    /// Those that found anything.
    pub hits: u64,
    /// Tokens of their input.
    pub input: u64,
    /// Tokens found.
    pub cached: u64,
    /// Requests that came for the first time.
    pub first: u64,
    /// Those of them that found anything.
    pub first_hits: u64,
}

impl CacheSeen {
    fn add(&mut self, before: bool, input: u32, cached: u32) {
        if !before {
            self.first += 1;
            self.first_hits += u64::from(cached > 0);
            return;
        }
        self.requests += 1;
        self.hits += u64::from(cached > 0);
        self.input += u64::from(input);
        self.cached += u64::from(cached);
    }
}

/// A stretch of time in which an account was slow, as the record shows it: how slow it was, and how many requests it
/// still got.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// The account's place.
    pub account: usize,
    /// From when to when requests arrived, in s.
    pub period: (f64, f64),
    /// Requests to all accounts.
    pub requests: u64,
    /// Requests to this one.
    pub own: u64,
    /// The upstream TTFT of its answers in ms.
    pub ttfts: Vec<f64>,
}

impl Window {
    fn add(&mut self, at_s: f64, account: Option<usize>, ttft_ms: Option<f64>) {
        if at_s < self.period.0 || at_s >= self.period.1 {
            return;
        }
        self.requests += 1;
        if account == Some(self.account) {
            self.own += 1;
            self.ttfts.extend(ttft_ms);
        }
    }
}

/// Parts of the period in which escapes are counted.
pub const PARTS: usize = 6;

/// Escapes, counted: they carry no request id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Escaped {
    /// By reason, as in `escapes::REASONS`.
    pub reasons: [u64; 3],
    /// By the account that was left.
    pub accounts: Vec<u64>,
    /// By time, in equal parts of `period`.
    pub times: [u64; PARTS],
    /// From when to when, in s.
    pub period: (f64, f64),
}

impl Escaped {
    /// None so far from these accounts.
    pub fn new(accounts: usize, period: (f64, f64)) -> Self {
        Self { accounts: vec![0; accounts], period, ..Self::default() }
    }

    /// One more, `at_s` seconds from the start of the log.
    pub fn add(&mut self, at_s: f64, account: Option<usize>, reason: usize) {
        self.reasons[reason] += 1;
        if let Some(count) = account.and_then(|place| self.accounts.get_mut(place)) {
            *count += 1;
        }
        let (from, to) = self.period;
        let part = (at_s - from) / (to - from).max(1e-9) * PARTS as f64;
        self.times[(part.max(0.0) as usize).min(PARTS - 1)] += 1;
    }
}

/// What a figure is, which says how it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A length of time in ms.
    Millis,
    /// A count.
    Count,
    /// A share of the requests.
    Share,
}

/// A figure of a record or of a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenFigure {
    /// Its name, as `accounts.2.share`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its value; `None`: not to be had.
    pub value: Option<f64>,
}

impl Seen {
    /// Nothing yet, of so many accounts, from when to when in s.
    pub fn new(accounts: usize, period: (f64, f64)) -> Self {
        Self {
            accounts: vec![(0, Vec::new()); accounts],
            felt_ms: Some(Vec::new()),
            waits_ms: Some(Vec::new()),
            escapes: Some(Escaped::new(accounts, period)),
            turns: Some((0, 0)),
            gateway: true,
            ..Self::default()
        }
    }

    /// What a log says of its requests from `from_s` on until `to_s`; `sessions` names the session of each record,
    /// `ids` are the accounts', ascending. Escapes are not in it. `windows` are empty ones.
    pub fn of_log(
        log: &Log,
        sessions: &[Option<Box<str>>],
        ids: &[i64],
        part: (f64, f64),
        windows: Vec<Window>,
    ) -> Self {
        let new = Self::new(ids.len(), log.period(part));
        let mut seen = Self { escapes: None, gateway: log.has_accounts, windows, ..new };
        let overhead = log.overhead_s();
        let (mut exact, mut felt, mut waits) = (0_u64, Vec::new(), Vec::new());
        let (mut with_session, mut turns, mut last, mut visited) = (0_u64, (0, 0), BTreeMap::new(), BTreeSet::new());
        let inside = log.records.iter().zip(sessions);
        for (record, session) in inside.filter(|(record, _)| record.at_s >= part.0 && record.at_s < part.1) {
            seen.requests += 1;
            with_session += u64::from(session.is_some());
            if let (Some(session), Some(account)) = (session, record.account)
                && let Some(before) = last.insert(session, account)
            {
                turns.0 += 1;
                turns.1 += u64::from(before != account);
            }
            exact += u64::from(record.exact_arrival);
            let place = record.account.and_then(|id| ids.binary_search(&id).ok());
            for window in &mut seen.windows {
                window.add(record.at_s, place, record.ttft_s.map(|ttft| ttft * 1e3));
            }
            if let Some(place) = place {
                let (requests, ttfts) = &mut seen.accounts[place];
                *requests += 1;
                ttfts.extend(record.ttft_s.map(|ttft| ttft * 1e3));
            }
            seen.count_end(record.outcome);
            seen.switches += record.failed.iter().filter(|failed| failed.failed_over).count() as u64;
            if let Some(session) = session {
                let before = !visited.insert((session, record.account));
                if let (RecordedEnd::Ok, Some(input), Some(cached)) =
                    (record.outcome, record.input_tokens, record.cached_tokens)
                {
                    seen.cache.add(before, input, cached);
                }
            }
            let before = record.before_s.map(|before| (before - overhead).max(0.0));
            felt.extend(before.zip(record.ttft_s).map(|(before, ttft)| (before + ttft) * 1e3));
            if record.failed.is_empty() && record.exact_arrival {
                let refused = matches!(record.outcome, RecordedEnd::Failed(_))
                    .then_some((record.end_s - record.at_s - overhead).max(0.0));
                let wait = before.or(refused);
                waits.extend(wait.map(|wait| if wait < LEAST_WAIT_S { 0.0 } else { wait * 1e3 }));
            }
        }
        let known = exact * 2 > seen.requests;
        seen.felt_ms = Some(felt).filter(|felt| known && !felt.is_empty());
        // refusals alone do not say how long the others waited
        let is_said = log.records.iter().any(|record| record.before_s.is_some());
        seen.waits_ms = Some(waits).filter(|waits| known && is_said && !waits.is_empty());
        seen.turns = Some(turns).filter(|_| with_session * 2 > seen.requests);
        seen
    }

    fn count_end(&mut self, end: RecordedEnd) {
        match end {
            RecordedEnd::Failed(429) => self.refused += 1,
            RecordedEnd::Failed(_) | RecordedEnd::Broken => self.failed += 1,
            RecordedEnd::Ok => {}
        }
    }

    /// All figures, in the same order whatever was seen.
    pub fn figures(&self, ids: &[i64]) -> Vec<SeenFigure> {
        let mut figures = Vec::new();
        let mut put = |name: String, kind, value| figures.push(SeenFigure { name, kind, value });
        let of_gateway = |value: Option<f64>| value.filter(|_| self.gateway);
        let all: Vec<f64> = self.accounts.iter().flat_map(|(_, ttfts)| ttfts.iter().copied()).collect();
        let all = sorted(&all);
        let felt = self.felt_ms.as_ref().map(|felt| sorted(felt));
        for (name, p, least) in PERCENTILES {
            let of = |sample: &[f64]| quantile(sample, p).filter(|_| sample.len() >= least);
            put(format!("upstream_ttft_ms.{name}"), Kind::Millis, of(&all));
            put(format!("felt_ttft_ms.{name}"), Kind::Millis, of_gateway(felt.as_deref().and_then(of)));
        }
        for (id, (requests, ttfts)) in ids.iter().zip(&self.accounts) {
            let ttfts = sorted(ttfts);
            let share = (self.requests > 0).then(|| *requests as f64 / self.requests as f64);
            put(format!("accounts.{id}.share"), Kind::Share, of_gateway(share));
            for (name, p, least) in &PERCENTILES[..2] {
                let value = quantile(&ttfts, *p).filter(|_| ttfts.len() >= *least);
                put(format!("accounts.{id}.ttft_ms.{name}"), Kind::Millis, of_gateway(value));
            }
        }
        self.window_figures(&mut put);
        let waits = self.waits_ms.as_ref().map(|waits| sorted(waits));
        let waited = waits
            .as_ref()
            .map(|waits| waits.iter().filter(|&&wait| wait > 0.0).count() as f64 / waits.len().max(1) as f64);
        put("waited.share".to_owned(), Kind::Share, of_gateway(waited));
        for (name, p) in [("p95", 0.95), ("p99", 0.99)] {
            let value = waits.as_ref().and_then(|waits| quantile(waits, p));
            put(format!("wait_ms.{name}"), Kind::Millis, of_gateway(value));
        }
        let counts =
            [("refused_429", self.refused), ("other_failures", self.failed), ("account_switches", self.switches)];
        for (name, count) in counts {
            put(name.to_owned(), Kind::Count, of_gateway(Some(count as f64)));
        }
        let moved = self.turns.filter(|turns| turns.0 >= 50).map(|(turns, moved)| moved as f64 / turns as f64);
        put("session_moves.share".to_owned(), Kind::Share, of_gateway(moved));
        let CacheSeen { requests, hits, input, cached, .. } = self.cache;
        let share = |part: u64, of: u64| of_gateway((of > 0).then(|| part as f64 / of as f64));
        put(format!("{CACHE}hits.share"), Kind::Share, share(hits, requests));
        put(format!("{CACHE}tokens.share"), Kind::Share, share(cached, input));
        self.escape_figures(ids, &mut put);
        figures
    }

    /// How slow, and how much used, slow accounts were: known whatever sessions they had.
    fn window_figures(&self, put: &mut impl FnMut(String, Kind, Option<f64>)) {
        const LEAST: usize = 5;
        for (number, window) in (1..).zip(&self.windows) {
            let ttfts = sorted(&window.ttfts);
            let median = quantile(&ttfts, 0.5).filter(|_| ttfts.len() >= LEAST);
            put(format!("slow.{number}.ttft_ms.p50"), Kind::Millis, median);
            let share = (window.requests >= LEAST as u64).then(|| window.own as f64 / window.requests as f64);
            put(format!("slow.{number}.share"), Kind::Share, share);
        }
    }

    fn escape_figures(&self, ids: &[i64], put: &mut impl FnMut(String, Kind, Option<f64>)) {
        let escapes = self.escapes.as_ref();
        for (reason, name) in super::escapes::REASONS.iter().enumerate() {
            put(format!("escapes.{name}"), Kind::Count, escapes.map(|escaped| escaped.reasons[reason] as f64));
        }
        for (place, id) in ids.iter().enumerate() {
            put(format!("{ESCAPES_FROM}{id}"), Kind::Count, escapes.map(|escaped| escaped.accounts[place] as f64));
        }
        let Some(escaped) = escapes else { return };
        let (from, to) = escaped.period;
        let edge = |part: usize| from + (to - from) * part as f64 / PARTS as f64;
        for (part, count) in escaped.times.iter().enumerate() {
            let name = format!("{ESCAPES_AT}{:.0}-{:.0}s", edge(part), edge(part + 1));
            put(name, Kind::Count, Some(*count as f64));
        }
    }
}

/// Figures of prompt caches.
pub const CACHE: &str = "cache.";
/// Figures of escapes from one account.
pub const ESCAPES_FROM: &str = "escapes.from.";
/// Figures of escapes in a part of the period.
pub const ESCAPES_AT: &str = "escapes.at.";

/// Percentiles of reports, with the least sample that shows them.
const PERCENTILES: [(&str, f64, usize); 4] =
    [("p50", 0.5, 20), ("p90", 0.9, 50), ("p95", 0.95, 100), ("p99", 0.99, 300)];

/// Looks at a simulation as the log looks at reality.
#[derive(Clone, Debug)]
pub struct Watch {
    /// What was seen.
    pub seen: Seen,
    /// When the run starts.
    pub start: Time,
    /// Only requests that arrive in this part of it count, in s.
    pub part: (f64, f64),
    /// Only requests count whose TTFT was recorded: the record knows it of some only.
    pub only_recorded: bool,
    /// Ids of the accounts, ascending.
    pub ids: Vec<i64>,
    /// What it rests on.
    pub provenance: Provenance,
    /// The account that served the latest turn of each session.
    pub last: BTreeMap<u64, AccountIx>,
    /// Accounts that each session has been on.
    pub visited: BTreeSet<(u64, AccountIx)>,
}

impl Watch {
    fn counts(&self, at: Time) -> bool {
        let at = at.since(self.start).secs();
        at >= self.part.0 && at < self.part.1
    }
}

impl Observer for Watch {
    fn arrived(&mut self, now: Time, number: u64, request: &Request) {
        self.provenance.arrived(now, number, request);
    }

    fn health_changed(&mut self, change: &HealthChange) {
        self.provenance.health_changed(change);
    }

    fn selected(&mut self, step: &Selected<'_>) {
        if self.counts(step.now)
            && let Some(escape) = step.decision.escape
            && let Some(reason) = super::escapes::REASONS.iter().position(|name| *name == escape.reason.name())
            && let Some(escapes) = &mut self.seen.escapes
        {
            escapes.add(step.now.since(self.start).secs(), Some(escape.account.at()), reason);
        }
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        self.provenance.finished(finished);
        let recorded = finished.request.recorded.as_deref();
        let measured = recorded.is_some_and(|recorded| recorded.first_token.is_some());
        if !self.counts(finished.request.at) || (self.only_recorded && !measured) {
            return;
        }
        let seen = &mut self.seen;
        seen.requests += 1;
        match finished.http_status {
            200 => {}
            429 => seen.refused += 1,
            _ => seen.failed += 1,
        }
        seen.switches += u64::from(finished.switches);
        if let Some(felt) = &mut seen.felt_ms {
            felt.extend(finished.felt_ttft().map(|felt| felt.millis()));
        }
        let at_s = finished.request.at.since(self.start).secs();
        let ttft_ms = finished.upstream_ttft.filter(|_| finished.http_status == 200).map(|ttft| ttft.millis());
        for window in &mut seen.windows {
            window.add(at_s, finished.account.map(|account| account.at()), ttft_ms);
        }
        if finished.failed_attempts == 0
            && let Some(waits) = &mut seen.waits_ms
        {
            waits.push(finished.waited.millis());
        }
        let Some(account) = finished.account else { return };
        if let Some(session) = finished.request.session {
            let before = !self.visited.insert((session.number, account));
            if finished.http_status == 200 && finished.failed_attempts == 0 {
                seen.cache.add(before, finished.request.input_tokens, finished.cached_tokens);
            }
        }
        if let Some(session) = finished.request.session
            && let Some(before) = self.last.insert(session.number, account)
            && let Some((turns, moved)) = &mut seen.turns
        {
            *turns += 1;
            *moved += u64::from(before != account);
        }
        let (requests, ttfts) = &mut seen.accounts[account.at()];
        *requests += 1;
        ttfts.extend(ttft_ms);
    }

    fn run_over(&mut self, _now: Time) {
        self.seen.rests_on = self.provenance.shares().unwrap_or_default();
    }
}
