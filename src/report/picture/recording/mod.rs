//! What pictures of a run need, kept while it goes on in memory that does not grow with its length.

mod account;
pub(super) mod grid;
pub(super) mod journeys;
pub(super) mod watch;

use self::account::Account;
use self::grid::Grid;
use self::journeys::Journeys;
use self::watch::Watch;
use crate::experiment::again::{first_replication, without_escape};
use crate::ids::{AccountIx, SessionRef};
use crate::measure::cost::Prefixes;
use crate::measure::sessions::{Ledger, Summary};
use crate::measure::{
    AccountInfo, Finished, Forwarded, Observer, Percentiles, Reported, Selected, Settings, StateChange,
};
use crate::report::chart::{self, Ccdf, Journey, Provenance, Share, Side, Timeline, Turn};
use crate::report::format;
use crate::simulation::{Lowered, RunError};
use crate::units::{Span, Time, count};
use crate::upstream::HealthChange;

/// How many points a distribution is drawn with.
const POINTS: u32 = 320;

/// Records one run.
#[derive(Clone, Debug)]
pub struct Recording {
    settings: Settings,
    names: Vec<String>,
    accounts: Vec<Account>,
    /// Selects by how they were decided: sticky, load-balanced, escaped.
    shares: Grid<[u64; 3]>,
    felt: Percentiles,
    worst: Percentiles,
    /// Requests without a first token, and sessions with such a turn: slower than all in `felt` and `worst`.
    without_token: [u64; 2],
    ledger: Ledger,
    prefixes: Prefixes,
    journeys: Journeys,
    watch: Watch,
    stuck: u64,
    /// The same run with escape off, where it has a gate.
    without: Option<Box<Self>>,
    end: Time,
}

impl Recording {
    /// Of a run with these accounts, which people know by these names.
    pub fn new(settings: &Settings, accounts: &[AccountInfo], names: &[String]) -> Self {
        let name = |(i, info): (usize, &AccountInfo)| match names.get(i) {
            Some(name) if *name != info.id.to_string() => format!("{} {name}", info.id),
            _ => format!("account {}", info.id),
        };
        Self {
            settings: settings.clone(),
            names: accounts.iter().enumerate().map(name).collect(),
            accounts: accounts.iter().map(|_| Account::default()).collect(),
            shares: Grid::default(),
            felt: Percentiles::new(),
            worst: Percentiles::new(),
            without_token: [0; 2],
            ledger: Ledger::new(settings),
            prefixes: Prefixes::new(accounts),
            journeys: Journeys::new(settings.slow_ttft),
            watch: Watch::new(settings, accounts),
            stuck: 0,
            without: None,
            end: settings.start,
        }
    }

    /// The accounts over time.
    pub fn timeline(&self, provenance: Provenance) -> Timeline {
        let (start, end) = (self.settings.start, self.end);
        let track = |(account, name): (&Account, &String)| account.track(name.clone(), start, end);
        let end_s = end.since(start).secs();
        let share = |(from, to, counts): (f64, f64, &[u64; 3])| {
            let all: u64 = counts.iter().sum();
            let part = |of: usize| counts[of] as f64 / all as f64;
            (all > 0).then(|| Share {
                span: chart::Span { from, to: to.min(end_s) },
                sticky: part(0),
                balanced: part(1),
                escaped: part(2),
            })
        };
        let gate = self.settings.gate;
        Timeline {
            provenance,
            accounts: self.accounts.iter().zip(&self.names).map(track).collect(),
            shares: self.shares.iter().filter_map(share).collect(),
            threshold_ms: gate.enabled.then_some(gate.ttft_ms as f64),
            end_s,
            warmup_s: self.settings.warmup_end.since(start).secs(),
        }
    }

    /// Runs a scenario on this seed with escape off, for pictures to hold the run against. `None` where it has no gate
    /// that is on.
    ///
    /// # Errors
    /// When its trace cannot be read.
    pub fn without_escape(lowered: &Lowered, seed: u64) -> Result<Option<Self>, RunError> {
        let Some(off) = without_escape(lowered) else { return Ok(None) };
        let recording = Self::new(&off.measure, &off.accounts, &off.account_names);
        Ok(Some(first_replication(&off, seed, recording)?.observer))
    }

    /// With the same run without escape beside it.
    #[must_use]
    pub fn against(self, without: Option<Self>) -> Self {
        Self { without: without.map(Box::new), ..self }
    }

    /// The same run without escape, where there is one.
    pub(super) fn without(&self) -> Option<&Self> {
        self.without.as_deref()
    }

    /// What the pictures of an incident are made of.
    pub(super) const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The names of the accounts, in order.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The end of the run, in seconds after its start.
    pub(super) fn end_s(&self) -> f64 {
        self.end.since(self.settings.start).secs()
    }

    /// How it was measured.
    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Blocked or off the list of candidates: stretches of each account.
    pub(super) fn blocked(&self, account: usize) -> Vec<chart::Span> {
        let (start, end) = (self.settings.start, self.end);
        let track = self.accounts.get(account).map(|account| account.track(String::new(), start, end));
        track.map_or_else(Vec::new, |track| track.blocked.into_iter().chain(track.away).collect())
    }

    /// The sessions that suffered, the most harmed first.
    pub(super) fn harmed(&self) -> &[journeys::Session] {
        self.journeys.harmed()
    }

    /// A session that suffered here or may have elsewhere.
    pub(super) fn session(&self, number: u64) -> Option<&journeys::Session> {
        self.journeys.find(number)
    }

    /// The distributions of felt TTFT, under this name.
    pub fn side(&self, name: &str) -> Side {
        let [requests, sessions] = self.without_token;
        let (requests, sessions) = (ccdf(&self.felt, requests), ccdf(&self.worst, sessions));
        Side { name: name.to_owned(), requests, sessions }
    }

    /// The sessions that an incident touched, the most harmed first, or where there was none those with the slowest
    /// turns: each with a label to pick it by.
    pub fn journeys(&self, provenance: &Provenance) -> Vec<(String, Journey)> {
        self.journeys.to_tell().iter().map(|session| (label(session), self.journey(session, provenance))).collect()
    }

    fn journey(&self, session: &journeys::Session, provenance: &Provenance) -> Journey {
        let mut met: Vec<u32> = Vec::new();
        for account in session.turns.iter().filter_map(|turn| turn.account) {
            if !met.contains(&account) {
                met.push(account);
            }
        }
        let name = |ix: &u32| self.names.get(*ix as usize).map_or_else(|| ix.to_string(), String::clone);
        let turn = |turn: &journeys::Turn| Turn {
            at_s: turn.at.since(self.settings.start).secs(),
            ttft_ms: turn.felt.map_or(f64::NAN, Span::millis),
            account: turn.account.and_then(|account| met.iter().position(|other| *other == account)),
            escape: turn.escape.map(|reason| reason.name().to_owned()),
            cold: turn.cold,
            failure: (turn.status != crate::measure::Status::Ok).then(|| turn.status.name().to_owned()),
        };
        let gate = self.settings.gate;
        Journey {
            provenance: provenance.clone(),
            session: session.hash.clone(),
            accounts: met.iter().map(name).collect(),
            turns: session.turns.iter().map(turn).collect(),
            degraded: met.iter().enumerate().flat_map(|(place, ix)| self.ill(place, *ix as usize)).collect(),
            threshold_ms: gate.enabled.then_some(gate.ttft_ms as f64),
        }
    }

    /// When an account was degraded, each stretch with this place.
    fn ill(&self, place: usize, account: usize) -> Vec<(usize, chart::Span)> {
        let episodes = self.watch.accounts.get(account).map_or(&[][..], |patient| &patient.episodes);
        let span =
            |episode: &watch::Episode| chart::Span { from: episode.onset, to: episode.end.unwrap_or(self.end_s()) };
        episodes.iter().map(|episode| (place, span(episode))).collect()
    }

    fn after(&self, now: Time) -> Span {
        now.since(self.settings.start)
    }

    /// How many sessions got stuck.
    pub(super) const fn stuck(&self) -> u64 {
        self.stuck
    }

    fn ended(&mut self, summary: &Summary) {
        self.stuck += u64::from(summary.stuck);
        match summary.turns_without_token {
            0 if summary.turns > 0 => self.worst.record_span(summary.worst_ttft),
            0 => {}
            _ => self.without_token[1] += 1,
        }
    }
}

fn label(session: &journeys::Session) -> String {
    let escapes = session.turns.iter().filter(|turn| turn.escape.is_some()).count();
    let turns = session.turns.len();
    let more = if session.cut { " and more" } else { "" };
    format!(
        "{}: worst turn {}, {}{more}, {}",
        session.hash,
        format::time(session.worst.secs(), None),
        count(turns as u64, "turn"),
        count(escapes as u64, "escape")
    )
}

/// The quantiles at shares that are even on a logarithmic scale, from all to the slowest one. `without`: how many
/// never had a first token: they count among the slower ones of every value.
fn ccdf(of: &Percentiles, without: u64) -> Ccdf {
    let mut of = of.clone();
    let (answered, samples) = (of.count(), of.count() + without);
    let Some(max) = of.max() else { return Ccdf { points: Vec::new(), samples } };
    let mut points: Vec<(f64, f64)> = Vec::new();
    let slower = |share: f64| (share * answered as f64 + without as f64) / samples as f64;
    for i in 0..POINTS {
        let share = libm::pow(answered as f64, -f64::from(i) / f64::from(POINTS));
        let Some(nanos) = of.quantile(1.0 - share) else { continue };
        let value = nanos / 1e6;
        match points.last_mut() {
            Some(last) if last.0 >= value => last.1 = slower(share),
            _ => points.push((value, slower(share))),
        }
    }
    points.push((max / 1e6, slower(0.0)));
    Ccdf { points, samples }
}

impl Observer for Recording {
    fn selected(&mut self, step: &Selected<'_>) {
        let after = self.after(step.now);
        let decision = step.decision;
        if let Some(escape) = decision.escape {
            let counts = self.settings.counts(step.request.at);
            self.accounts[escape.account.at()].escape(after, escape.reason, counts);
        }
        let kind = match (decision.escape, decision.sticky_previous_hit || decision.sticky_session_hit) {
            (Some(_), _) => 2,
            (None, true) => 0,
            (None, false) => 1,
        };
        self.shares.at(after)[kind] += 1;
        self.watch.selected(after, step);
    }

    fn forwarded(&mut self, step: &Forwarded<'_>) {
        let cold = self.prefixes.is_cold(step);
        if cold {
            self.journeys.cold(step.number);
        }
        self.watch.forwarded(step, cold);
    }

    fn attempt_ended(&mut self, now: Time, step: &Forwarded<'_>, _client_there: bool) {
        self.prefixes.leave(now, step);
        if let Some(ttft) = step.attempt.fate.first_token() {
            let first = step.connected + ttft;
            let after = self.after(first);
            let ttft_ms = first.since(step.began).millis();
            let counts = self.settings.counts(step.request.at);
            self.accounts[step.account.at()].attempt(after, ttft_ms, counts);
            self.watch.answered(after, step.account, ttft_ms);
        }
    }

    fn slots(&mut self, now: Time, account: AccountIx, held: u32) {
        let after = self.after(now);
        self.watch.slots(after, account, held);
    }

    fn reported(&mut self, report: &Reported) {
        self.watch.reported(self.after(report.now), report);
        if let Some(ms) = report.health.ttft_ms {
            let after = self.after(report.now);
            self.accounts[report.account.at()].average(after, ms);
        }
    }

    fn state_changed(&mut self, change: &StateChange) {
        let until = change.unschedulable_until.max(change.blocked_until);
        self.accounts[change.account.at()].block(change.now, until);
    }

    fn list_built(&mut self, now: Time, listed: &[bool]) {
        self.accounts.iter_mut().zip(listed).for_each(|(account, listed)| account.listed(now, *listed));
    }

    fn health_changed(&mut self, change: &HealthChange) {
        let AccountIx(account) = change.account;
        if let Some(account) = self.accounts.get_mut(account as usize) {
            account.health(change.at, change.degraded);
        }
        let after = self.after(change.at);
        self.journeys.health(change.degraded);
        self.watch.health(after, change);
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        if self.settings.counts(finished.request.at) {
            match finished.felt_ttft() {
                Some(felt) => self.felt.record_span(felt),
                None => self.without_token[0] += 1,
            }
        }
        if let Some(stale) = self.ledger.turn(finished) {
            self.ended(&stale);
        }
        self.watch.finished(self.after(finished.request.at), finished);
        self.journeys.turn(finished);
    }

    fn session_over(&mut self, _now: Time, session: SessionRef) {
        if let Some(summary) = self.ledger.over(session) {
            self.ended(&summary);
        }
        self.journeys.over(session);
    }

    fn run_over(&mut self, now: Time) {
        // a run without requests is over at once, and its pictures show the time in which none came
        let whole = self.watch.felt.is_empty() && self.settings.horizon != Time::NEVER;
        self.end = if whole { self.settings.horizon.max(now) } else { now };
        self.watch.run_over(self.after(now));
        let left: Vec<Summary> = self.ledger.drain().collect();
        left.iter().for_each(|summary| self.ended(summary));
        self.journeys.run_over();
    }
}
