//! What the picture of an incident needs: how well each account answered, what users felt, what became of escapes, and
//! when the escape gate saw an account and let it back in.

use super::grid::{Grid, Joins};
use crate::engine::IdMap;
use crate::ids::AccountIx;
use crate::measure::{AccountInfo, Finished, Forwarded, Reported, Selected, Settings};
use crate::scheduler::{EscapeReason, Outcome};
use crate::units::Span;
use crate::upstream::HealthChange;

/// Steps that a strip has.
pub(in crate::report::picture) const STEPS: usize = 7;
/// Stretches of time: fine enough for an incident of some minutes in a run of some hours.
const CELLS: usize = 2_048;

/// What became of an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report::picture) enum Became {
    /// Another account, which had the session's prefix cached or needs none.
    Warm,
    /// Another account, which had not.
    Cold,
    /// The same account.
    Back,
    /// None.
    Nowhere,
}

/// How an account answered within a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::report::picture) struct Answers {
    /// Answers by step of time to first token.
    pub by_step: [u32; STEPS],
    /// Forwards that failed.
    pub failed: u32,
    /// How long all slots were held, in ms.
    pub full_ms: u32,
}

impl Answers {
    /// How many had a first token.
    pub fn answered(&self) -> u32 {
        self.by_step.iter().sum()
    }
}

impl Joins for Answers {
    fn join(&mut self, later: &Self) {
        self.by_step.iter_mut().zip(later.by_step).for_each(|(count, more)| *count = count.saturating_add(more));
        self.failed = self.failed.saturating_add(later.failed);
        self.full_ms = self.full_ms.saturating_add(later.full_ms);
    }
}

/// A stretch in which an account was degraded, in seconds after the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report::picture) struct Episode {
    pub onset: f64,
    /// `None`: it lasted to the end of the run.
    pub end: Option<f64>,
    /// The first escape for its health.
    pub seen: Option<f64>,
    /// When the gate let sessions stay on it again.
    pub back: Option<f64>,
}

/// An account.
#[derive(Clone, Debug, Default)]
pub(in crate::report::picture) struct Patient {
    pub answers: Grid<Answers, CELLS>,
    pub episodes: Vec<Episode>,
    pub slots: i64,
    /// Escapes from it, by reason.
    pub escapes: [u64; 3],
    active: u32,
    /// Since when all slots are held.
    full: Option<Span>,
}

impl Patient {
    /// All slots were held from one time to the other.
    fn was_full(&mut self, from: Span, to: Span) {
        // from here on the stretches keep their length
        self.answers.at(to);
        let mut at = from;
        while at < to {
            let end = self.answers.end_of(at).min(to);
            let cell = self.answers.at(at);
            let ms = end.nanos().saturating_sub(at.nanos()).div_ceil(1_000_000);
            cell.full_ms = cell.full_ms.saturating_add(u32::try_from(ms).unwrap_or(u32::MAX));
            at = end;
        }
    }
}

/// Watches all accounts, and the requests.
#[derive(Clone, Debug)]
pub(in crate::report::picture) struct Watch {
    /// Where each step but the last ends, in ms.
    pub limits_ms: [f64; STEPS - 1],
    pub accounts: Vec<Patient>,
    /// Requests by arrival: all, and those over the SLO or without a first token.
    pub felt: Grid<[u64; 2], CELLS>,
    /// Escapes by what became of them.
    pub escapes: Grid<[u64; 4], CELLS>,
    slo: Span,
    /// Requests that escaped to another account and were not forwarded yet, with the time of it.
    moved: IdMap<u64, Span>,
}

/// Where steps of time to first token end, in ms: four up to the SLO, then the gate and its double where it lies above
/// the SLO, otherwise multiples of the SLO.
fn limits(settings: &Settings) -> [f64; STEPS - 1] {
    let (slo, gate) = (settings.slo_ttft.millis(), settings.gate.ttft_ms as f64);
    let (fifth, sixth) = if settings.gate.enabled && gate > slo { (gate, 2.0 * gate) } else { (1.5 * slo, 3.0 * slo) };
    [0.2 * slo, 0.4 * slo, 0.7 * slo, slo, fifth, sixth]
}

impl Watch {
    pub fn new(settings: &Settings, accounts: &[AccountInfo]) -> Self {
        Self {
            limits_ms: limits(settings),
            accounts: accounts.iter().map(|info| Patient { slots: info.concurrency, ..Patient::default() }).collect(),
            felt: Grid::default(),
            escapes: Grid::default(),
            slo: settings.slo_ttft,
            moved: IdMap::default(),
        }
    }

    pub fn selected(&mut self, after: Span, step: &Selected<'_>) {
        let decision = step.decision;
        let Some(escape) = decision.escape else {
            let stayed = decision.account().filter(|_| decision.sticky_session_hit);
            if let Some(account) = stayed {
                self.let_back(after, account);
            }
            let left = decision.left.and_then(|left| self.accounts.get_mut(left.account.at()));
            if let Some(last) = left.and_then(|patient| patient.episodes.last_mut()).filter(|last| last.end.is_none()) {
                last.seen.get_or_insert(after.secs());
            }
            return;
        };
        let reason = EscapeReason::ALL.iter().position(|other| *other == escape.reason).unwrap_or(0);
        let Some(patient) = self.accounts.get_mut(escape.account.at()) else { return };
        patient.escapes[reason] += 1;
        if let Some(last) = patient.episodes.last_mut()
            && !matches!(escape.reason, EscapeReason::ConcurrencyFull)
            && last.end.is_none()
        {
            last.seen.get_or_insert(after.secs());
        }
        match decision.outcome {
            Outcome::NoAvailableAccounts => self.became(after, Became::Nowhere),
            Outcome::Acquired(account, ..) | Outcome::Wait(account, ..) if account == escape.account => {
                self.became(after, Became::Back);
            }
            Outcome::Acquired(..) | Outcome::Wait(..) => {
                self.moved.insert(step.number, after);
            }
        }
    }

    fn became(&mut self, after: Span, what: Became) {
        self.escapes.at(after)[what as usize] += 1;
    }

    pub fn forwarded(&mut self, step: &Forwarded<'_>, cold: bool) {
        if let Some(after) = self.moved.remove(&step.number) {
            self.became(after, if cold { Became::Cold } else { Became::Warm });
        }
    }

    pub fn answered(&mut self, after: Span, account: AccountIx, ttft_ms: f64) {
        let step = self.limits_ms.iter().position(|limit| ttft_ms <= *limit).unwrap_or(STEPS - 1);
        if let Some(patient) = self.accounts.get_mut(account.at()) {
            let cell = patient.answers.at(after);
            cell.by_step[step] = cell.by_step[step].saturating_add(1);
        }
    }

    pub fn slots(&mut self, after: Span, account: AccountIx, held: u32) {
        if let Some(patient) = self.accounts.get_mut(account.at()) {
            let full = patient.slots > 0 && i64::from(held) >= patient.slots;
            match patient.full {
                None if full => patient.full = Some(after),
                Some(since) if !full => {
                    patient.full = None;
                    patient.was_full(since, after);
                }
                _ => {}
            }
        }
    }

    pub fn run_over(&mut self, after: Span) {
        for patient in &mut self.accounts {
            if let Some(since) = patient.full.take() {
                patient.was_full(since, after);
            }
        }
    }

    pub fn reported(&mut self, after: Span, report: &Reported) {
        if !report.success
            && let Some(patient) = self.accounts.get_mut(report.account.at())
        {
            let cell = patient.answers.at(after);
            cell.failed = cell.failed.saturating_add(1);
        }
        if report.health.open() {
            self.let_back(after, report.account);
        }
    }

    /// Sessions may stay on an account again, if its last episode is over and was seen.
    fn let_back(&mut self, after: Span, account: AccountIx) {
        let last = self.accounts.get_mut(account.at()).and_then(|patient| patient.episodes.last_mut());
        if let Some(last) = last.filter(|last| last.end.is_some() && last.seen.is_some()) {
            last.back.get_or_insert(after.secs());
        }
    }

    pub fn health(&mut self, after: Span, change: &HealthChange) {
        let Some(patient) = self.accounts.get_mut(change.account.at()) else { return };
        let before = patient.active;
        patient.active = if change.degraded { before + 1 } else { before.saturating_sub(1) };
        match (before, patient.active) {
            (0, 1) => patient.episodes.push(Episode { onset: after.secs(), end: None, seen: None, back: None }),
            (1, 0) => {
                if let Some(last) = patient.episodes.last_mut() {
                    last.end = Some(after.secs());
                }
            }
            _ => {}
        }
    }

    pub fn finished(&mut self, arrived: Span, finished: &Finished<'_>) {
        let over = finished.felt_ttft().is_none_or(|felt| felt > self.slo);
        let cell = self.felt.at(arrived);
        cell[0] += 1;
        cell[1] += u64::from(over);
        if let Some(after) = self.moved.remove(&finished.number) {
            // it ended before it was forwarded
            self.became(after, Became::Nowhere);
        }
    }
}
