//! The invariants of a run, checked at every step (`--check`; spec simulator.md, "Invariants" 1 to 6).
//!
//! The check trusts nothing that it can compute itself: it keeps requests under way, slots, waiting counters and
//! runtime stats a second time, from the steps alone. All violations are counted, and the first few are kept as
//! sentences.

use super::{
    AccountInfo, BindingCause, EscapeGate, Finished, Forwarded, Observer, Reported, Selected, Settings, StateChange,
};
use crate::engine::IdMap;
use crate::ids::{AccountIx, SessionRef};
use crate::scheduler::{Decision, Escape, EscapeReason, Health, Layer, Mode};
use crate::units::{Span, Time};
use crate::upstream::HealthChange;
use crate::workload::Request;

/// How many violations are kept as text.
const KEPT: usize = 20;

/// An account's averages, computed from the reports in their order.
#[derive(Clone, Copy, Debug, Default)]
struct Stats {
    error_rate: f64,
    ttft_ms: Option<f64>,
}

/// Checks the invariants of one run.
#[derive(Clone, Debug)]
pub struct Check {
    gate: EscapeGate,
    mode: Mode,
    now: Time,
    concurrency: Vec<i64>,
    held: Vec<u32>,
    waiting: Vec<u32>,
    /// Indexed by replica, then by account.
    stats: Vec<Stats>,
    /// The arrival times of the requests under way, by their numbers.
    open: IdMap<u64, Time>,
    arrived: u64,
    ended: u64,
    forwards: u64,
    violations: Vec<String>,
    count: u64,
}

impl Check {
    /// The check of a run that has not begun.
    pub fn new(settings: &Settings, accounts: &[AccountInfo]) -> Self {
        Self {
            gate: settings.gate,
            mode: settings.mode,
            now: settings.start,
            concurrency: accounts.iter().map(|account| account.concurrency).collect(),
            held: vec![0; accounts.len()],
            waiting: vec![0; accounts.len()],
            stats: vec![Stats::default(); accounts.len() * settings.replicas.max(1) as usize],
            open: IdMap::default(),
            arrived: 0,
            ended: 0,
            forwards: 0,
            violations: Vec::new(),
            count: 0,
        }
    }

    /// The number of violations so far.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The first violations, as sentences with the invariant's number and the time.
    pub fn into_violations(self) -> Vec<String> {
        self.violations
    }

    #[cold]
    fn violated(&mut self, invariant: u8, what: &str) {
        self.count += 1;
        if self.violations.len() < KEPT {
            self.violations.push(format!("invariant {invariant} at {} ns: {what}", self.now.unix_nanos()));
        }
    }

    /// Invariant 3: time never goes back.
    fn tick(&mut self, now: Time) {
        if now < self.now {
            self.violated(3, &format!("an event of {} ns came after it", now.unix_nanos()));
        }
        self.now = self.now.max(now);
    }

    /// Invariant 3: nothing happens to a request before it arrived.
    fn after_arrival(&mut self, number: u64, at: Time) {
        match self.open.get(&number) {
            Some(&arrival) if at < arrival => self.violated(3, &format!("request {number} went on before it arrived")),
            Some(_) => {}
            None => self.violated(1, &format!("request {number} went on though it is not under way")),
        }
    }

    /// Whether the gate is shut, and for which reason. This repeats the rule of `scheduler/gate.rs` on purpose, because
    /// this observer checks the scheduler. It holds for the gateway's own gate only.
    fn gate_of(&self, stats: Stats) -> Option<EscapeReason> {
        if !self.gate.enabled {
            None
        } else if stats.ttft_ms.is_some_and(|ttft| ttft > self.gate.ttft_ms as f64) {
            Some(EscapeReason::Ttft)
        } else if stats.error_rate.clamp(0.0, 1.0) > self.gate.error_rate {
            Some(EscapeReason::ErrorRate)
        } else {
            None
        }
    }

    fn stats_of(&self, replica: u32, account: AccountIx) -> Stats {
        self.stats.get(replica as usize * self.held.len() + account.at()).copied().unwrap_or_default()
    }

    /// Invariant 5: every escape has its condition true at that instant.
    fn escaped(&mut self, replica: u32, escape: Escape) {
        let stats = self.stats_of(replica, escape.account);
        let told = (escape.error_rate.to_bits(), escape.ttft_ms.to_bits());
        let kept = (stats.error_rate.clamp(0.0, 1.0).to_bits(), stats.ttft_ms.unwrap_or(0.0).to_bits());
        let full = self.concurrency[escape.account.at()] > 0
            && i64::from(self.held[escape.account.at()]) >= self.concurrency[escape.account.at()];
        let due = match self.gate_of(stats) {
            None if full => Some(EscapeReason::ConcurrencyFull),
            due => due,
        };
        if !self.gate.enabled {
            self.violated(5, "an escape though escape is off, or the mode has no gate");
        } else if due != Some(escape.reason) || told != kept {
            self.violated(5, &format!("{escape:?}, but the stats are {stats:?} and what is due is {due:?}"));
        }
    }
}

impl Check {
    /// Invariant 5, for each mode: what a decision of it may say.
    fn as_the_mode_does(&mut self, decision: &Decision) {
        let sticky = decision.sticky_previous_hit || decision.sticky_session_hit;
        let balanced = decision.layer == Layer::LoadBalance;
        let hit_of_the_bound = decision.sticky_session_hit && decision.bound != decision.account();
        let broken = match self.mode {
            Mode::Legacy if sticky || !balanced => Some("a sticky hit though the mode legacy counts none"),
            Mode::Legacy if decision.candidate_count > 0 => Some("candidates, though the mode legacy counts none"),
            Mode::Advanced if balanced && sticky => Some("a sticky hit by load balance in the mode advanced"),
            Mode::Advanced if decision.left.is_some() => Some("a session left without an escape in the mode advanced"),
            Mode::Weighted if decision.layer == Layer::Session => Some("the layer session_hash in the mode weighted"),
            _ if hit_of_the_bound => Some("a sticky hit on another account than the bound one"),
            _ => None,
        };
        if let Some(what) = broken {
            self.violated(5, what);
        }
        if let Some(left) = decision.left
            && decision.account() == Some(left.account)
        {
            self.violated(5, &format!("a session left {:?} and stayed there", left.account));
        }
    }
}

impl Observer for Check {
    fn arrived(&mut self, now: Time, number: u64, request: &Request) {
        self.tick(now);
        self.arrived += 1;
        if request.at != now {
            self.violated(3, &format!("request {number} is told at another time than it arrives"));
        }
        if self.open.insert(number, request.at).is_some() {
            self.violated(1, &format!("request {number} arrived twice"));
        }
    }

    fn selected(&mut self, step: &Selected<'_>) {
        self.tick(step.now);
        self.after_arrival(step.number, step.now);
        let decision = step.decision;
        self.as_the_mode_does(decision);
        if let Some(escape) = step.decision.escape {
            self.escaped(step.replica, escape);
        } else if step.decision.sticky_session_hit
            && let Some(account) = step.decision.account()
            && let Some(reason) = self.gate_of(self.stats_of(step.replica, account))
        {
            self.violated(5, &format!("a sticky hit on {account:?} though the gate is shut: {reason:?}"));
        }
    }

    fn bound(
        &mut self,
        now: Time,
        _session: Option<SessionRef>,
        _earlier: Option<AccountIx>,
        _account: AccountIx,
        _cause: BindingCause,
    ) {
        self.tick(now);
    }

    fn slots(&mut self, now: Time, account: AccountIx, held: u32) {
        self.tick(now);
        self.held[account.at()] = held;
        if i64::from(held) > self.concurrency[account.at()] {
            self.violated(2, &format!("{account:?} has {held} of {} slots taken", self.concurrency[account.at()]));
        }
    }

    fn waiting(&mut self, now: Time, account: AccountIx, waiting: u32) {
        self.tick(now);
        self.waiting[account.at()] = waiting;
        if u64::from(waiting) > self.open.len() as u64 {
            self.violated(2, &format!("{waiting} wait for {account:?}, more than there are"));
        }
    }

    fn forwarded(&mut self, step: &Forwarded<'_>) {
        self.tick(step.connected);
        self.forwards += 1;
        if step.connected < step.began || step.began < step.request.at {
            self.violated(3, &format!("request {} was forwarded before it could be", step.number));
        }
    }

    fn attempt_ended(&mut self, now: Time, step: &Forwarded<'_>, client_there: bool) {
        self.tick(now);
        if now < step.connected {
            self.violated(3, &format!("a forward of request {} ended before it had begun", step.number));
        }
        if client_there {
            self.after_arrival(step.number, now);
        }
        match self.forwards.checked_sub(1) {
            Some(forwards) => self.forwards = forwards,
            None => self.violated(1, &format!("a forward of request {} ended that had not begun", step.number)),
        }
    }

    fn reported(&mut self, report: &Reported) {
        self.tick(report.now);
        if !self.mode.learns() {
            if report.health != Health::default() {
                self.violated(6, &format!("{report:?}, but the mode {} learns nothing", self.mode.name()));
            }
            return;
        }
        let (alpha, error_alpha) = (self.gate.ewma_alpha, self.gate.ewma_error_rate_alpha);
        let place = report.replica as usize * self.held.len() + report.account.at();
        let Some(stats) = self.stats.get_mut(place) else { return };
        let average = |alpha: f64, sample: f64, before: f64| alpha * sample + (1.0 - alpha) * before;
        stats.error_rate = average(error_alpha, if report.success { 0.0 } else { 1.0 }, stats.error_rate);
        if let Some(sample) = report.first_token_ms.filter(|&ms| ms > 0).map(|ms| ms as f64) {
            stats.ttft_ms = Some(stats.ttft_ms.map_or(sample, |before| average(alpha, sample, before)));
        }
        let same = stats.error_rate.to_bits() == report.health.error_rate.to_bits()
            && stats.ttft_ms.map(f64::to_bits) == report.health.ttft_ms.map(f64::to_bits);
        if !same {
            let replayed = *stats;
            self.violated(6, &format!("{report:?}, but a replay of the reports gives {replayed:?}"));
        }
    }

    fn state_changed(&mut self, change: &StateChange) {
        self.tick(change.now);
    }

    fn list_built(&mut self, now: Time, _listed: &[bool]) {
        self.tick(now);
    }

    fn health_changed(&mut self, change: &HealthChange) {
        self.tick(change.at);
    }

    fn restarted(&mut self, now: Time, replica: u32) {
        self.tick(now);
        let accounts = self.held.len();
        self.stats.iter_mut().skip(replica as usize * accounts).take(accounts).for_each(|s| *s = Stats::default());
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        self.tick(finished.end);
        let number = finished.number;
        if self.open.remove(&number).is_none() {
            self.violated(1, &format!("request {number} ended though it is not under way"));
        }
        self.ended += 1;
        if let Some(felt) = finished.felt_ttft() {
            let parts = finished.waited + finished.failed + finished.upstream_ttft.unwrap_or(Span::MAX);
            if felt != parts || finished.first_token > Some(finished.end) {
                let Finished { waited, failed, upstream_ttft, .. } = finished;
                let what =
                    format!("request {number}: felt {felt}, waited {waited}, failed {failed}, {upstream_ttft:?}");
                self.violated(4, &what);
            }
        }
    }

    fn run_over(&mut self, now: Time) {
        self.tick(now);
        if self.arrived != self.ended + self.open.len() as u64 {
            let (arrived, ended, open) = (self.arrived, self.ended, self.open.len());
            self.violated(1, &format!("{arrived} requests arrived, {ended} ended, {open} are under way"));
        }
        let drained = self.open.is_empty() && self.forwards == 0;
        if drained && (self.held.iter().any(|&held| held > 0) || self.waiting.iter().any(|&waiting| waiting > 0)) {
            let what = format!("all is drained, but slots held are {:?} and waiting {:?}", self.held, self.waiting);
            self.violated(2, &what);
        }
    }
}

#[cfg(test)]
mod tests;
