//! The same figures of a record and of a simulation, so that they can be compared.

use super::records::{Log, Outcome};
use super::robust::{quantile, sorted};
use crate::measure::{Finished, Observer, Selected};
use crate::units::Time;

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
    /// By reason, as in `escapes::REASONS`; `None`: no log of them.
    pub escapes: Option<[u64; 3]>,
    /// Simulated requests that went to the account of the record; to another one that was observed in that state; to one
    /// that was hardly ever.
    pub moved: [u64; 3],
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

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name, as `accounts.2.share`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its value; `None`: not to be had.
    pub value: Option<f64>,
}

impl Seen {
    /// Of these accounts.
    pub fn new(accounts: usize) -> Self {
        Self {
            accounts: vec![(0, Vec::new()); accounts],
            felt_ms: Some(Vec::new()),
            waits_ms: Some(Vec::new()),
            escapes: Some([0; 3]),
            ..Self::default()
        }
    }

    /// What a log says of its requests from `from_s` on until `to_s`; `ids` are the accounts', ascending.
    pub fn of_log(log: &Log, ids: &[i64], (from_s, to_s): (f64, f64)) -> Self {
        let mut seen = Self::new(ids.len());
        let overhead = log.overhead_s();
        let (mut exact, mut felt, mut waits) = (0_u64, Vec::new(), Vec::new());
        for record in log.records.iter().filter(|record| record.at_s >= from_s && record.at_s < to_s) {
            seen.requests += 1;
            exact += u64::from(record.exact_arrival);
            if let Some(place) = record.account.and_then(|id| ids.binary_search(&id).ok()) {
                let (requests, ttfts) = &mut seen.accounts[place];
                *requests += 1;
                ttfts.extend(record.ttft_s.map(|ttft| ttft * 1e3));
            }
            match record.outcome {
                Outcome::Failed(429) => seen.refused += 1,
                Outcome::Failed(_) | Outcome::Broken => seen.failed += 1,
                Outcome::Ok => {}
            }
            seen.switches += record.failed.iter().filter(|failed| failed.failed_over).count() as u64;
            let before = record.before_s.map(|before| (before - overhead).max(0.0));
            felt.extend(before.zip(record.ttft_s).map(|(before, ttft)| (before + ttft) * 1e3));
            if record.failed.is_empty() && record.exact_arrival {
                let refused = matches!(record.outcome, Outcome::Failed(_))
                    .then_some((record.end_s - record.at_s - overhead).max(0.0));
                let wait = before.or(refused);
                waits.extend(wait.map(|wait| if wait < LEAST_WAIT_S { 0.0 } else { wait * 1e3 }));
            }
        }
        let known = exact * 2 > seen.requests;
        seen.felt_ms = Some(felt).filter(|felt| known && !felt.is_empty());
        seen.waits_ms = Some(waits).filter(|waits| known && !waits.is_empty());
        seen
    }

    /// All figures, in the same order whatever was seen.
    pub fn figures(&self, ids: &[i64]) -> Vec<Figure> {
        let mut figures = Vec::new();
        let mut put = |name: String, kind, value| figures.push(Figure { name, kind, value });
        let all: Vec<f64> = self.accounts.iter().flat_map(|(_, ttfts)| ttfts.iter().copied()).collect();
        let all = sorted(&all);
        let felt = self.felt_ms.as_ref().map(|felt| sorted(felt));
        for (name, p, least) in PERCENTILES {
            let of = |sample: &[f64]| quantile(sample, p).filter(|_| sample.len() >= least);
            put(format!("upstream_ttft_ms.{name}"), Kind::Millis, of(&all));
            put(format!("felt_ttft_ms.{name}"), Kind::Millis, felt.as_deref().and_then(of));
        }
        for (id, (requests, ttfts)) in ids.iter().zip(&self.accounts) {
            let ttfts = sorted(ttfts);
            let share = (self.requests > 0).then(|| *requests as f64 / self.requests as f64);
            put(format!("accounts.{id}.share"), Kind::Share, share);
            put(
                format!("accounts.{id}.ttft_ms.p50"),
                Kind::Millis,
                quantile(&ttfts, 0.5).filter(|_| ttfts.len() >= 20),
            );
            put(
                format!("accounts.{id}.ttft_ms.p90"),
                Kind::Millis,
                quantile(&ttfts, 0.9).filter(|_| ttfts.len() >= 50),
            );
        }
        let waits = self.waits_ms.as_ref().map(|waits| sorted(waits));
        let waited = waits
            .as_ref()
            .map(|waits| waits.iter().filter(|&&wait| wait > 0.0).count() as f64 / waits.len().max(1) as f64);
        put("waited.share".to_owned(), Kind::Share, waited);
        for (name, p) in [("p95", 0.95), ("p99", 0.99)] {
            put(format!("wait_ms.{name}"), Kind::Millis, waits.as_ref().and_then(|waits| quantile(waits, p)));
        }
        put("refused_429".to_owned(), Kind::Count, Some(self.refused as f64));
        put("other_failures".to_owned(), Kind::Count, Some(self.failed as f64));
        put("switches".to_owned(), Kind::Count, Some(self.switches as f64));
        for (reason, name) in super::escapes::REASONS.iter().enumerate() {
            put(format!("escapes.{name}"), Kind::Count, self.escapes.map(|escapes| escapes[reason] as f64));
        }
        figures
    }
}

/// Percentiles of reports, with the least sample that tells them.
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
    /// How often each account was observed healthy, and degraded.
    pub observed: Vec<[usize; 2]>,
}

/// Fewer answers than this in a state, and what happens in it is extrapolated.
pub const FEW: usize = 30;

impl Watch {
    fn counts(&self, at: Time) -> bool {
        let at = at.since(self.start).secs();
        at >= self.part.0 && at < self.part.1
    }
}

impl Observer for Watch {
    fn selected(&mut self, step: &Selected<'_>) {
        if self.counts(step.now)
            && let Some(escape) = step.decision.escape
            && let Some(reason) = super::escapes::REASONS.iter().position(|name| *name == escape.reason.name())
            && let Some(escapes) = &mut self.seen.escapes
        {
            escapes[reason] += 1;
        }
    }

    fn finished(&mut self, finished: &Finished<'_>) {
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
        if finished.failed_attempts == 0
            && let Some(waits) = &mut seen.waits_ms
        {
            waits.push(finished.waited.millis());
        }
        let Some(account) = finished.account else { return };
        let (requests, ttfts) = &mut seen.accounts[account.at()];
        *requests += 1;
        ttfts.extend(finished.upstream_ttft.filter(|_| finished.http_status == 200).map(|ttft| ttft.millis()));
        let state = self.observed.get(account.at()).map_or(0, |observed| observed[usize::from(finished.degraded)]);
        let same = recorded.and_then(|recorded| recorded.account) == Some(self.ids[account.at()]);
        seen.moved[if same { 0 } else { 1 + usize::from(state < FEW) }] += 1;
    }
}
