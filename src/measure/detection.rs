//! Compares the escape gate with ground truth: how soon it detects that an account is degraded, which turns it lets
//! through until then, which healthy accounts it suspects, and for how long it shuns a recovered account.
//!
//! An *episode* is the time from a condition's onset on one account to its end there. It is detected by the first
//! *health escape* (because of TTFT or error rate, not because no slot was free) from that account. A health escape
//! after the end of the episode is late. An account that was escaped from is *readmitted* when, after the end of the
//! episode, a session stays on it by a sticky hit, or a report leaves both averages where the gate is open, whichever
//! comes first. In the modes without a gate, a bound session that its account's score or a cooldown takes away counts
//! as a health escape. Being chosen by load balance proves nothing, because load balance may choose an account at any
//! time. An account that degrades again before its readmission has no time to readmission.

use super::figures::registry::CONDITION;
use super::figures::{Figures, Named, Row};
use super::histogram::Percentiles;
use super::nanos::secs;
use super::{ConditionInfo, Forwarded, Observer, Reported, Selected, Settings};
use crate::ids::{AccountIx, ModelId};
use crate::units::{Span, Time};
use crate::upstream::HealthChange;

/// A condition at work on an account.
#[derive(Clone, Copy, Debug)]
struct Episode {
    condition: u32,
    onset: Time,
    detected: bool,
    completions: u64,
}

/// An episode that is over but whose account has not been readmitted yet.
#[derive(Clone, Copy, Debug)]
struct Aftermath {
    condition: u32,
    end: Time,
    /// Whether a session has escaped from the account, during the episode or since.
    shunned: bool,
}

/// What is known of one account's health.
#[derive(Clone, Debug, Default)]
struct Patient {
    active: Vec<Episode>,
    over: Vec<Aftermath>,
    was_degraded: bool,
}

/// Counts over the episodes of one condition, or of all.
#[derive(Clone, Debug)]
struct Tally {
    onsets: u64,
    degraded: Span,
    detected: u64,
    delay: Percentiles,
    completions: Percentiles,
    missed_turns: u64,
    readmission: Percentiles,
    degraded_again: u64,
    never_readmitted: u64,
}

/// Compares escapes with ground truth. Escapes and turns are counted by the arrival of their request, episodes by their
/// onset; what arrives or begins in the warm-up is not counted.
#[derive(Clone, Debug)]
pub struct Detection {
    warmup_end: Time,
    websocket: bool,
    /// Whether a session counts as staying if it went to its bound account, because the mode counts no sticky hits.
    by_binding: bool,
    /// The request of the last select.
    last_selected: Option<u64>,
    conditions: Vec<ConditionInfo>,
    patients: Vec<Patient>,
    all: Tally,
    by_condition: Vec<Tally>,
    health_escapes: u64,
    true_escapes: u64,
    false_escapes: u64,
    late_escapes: u64,
    began_in_warmup: u64,
}

impl Tally {
    const fn new() -> Self {
        Self {
            onsets: 0,
            degraded: Span::ZERO,
            detected: 0,
            delay: Percentiles::new(),
            completions: Percentiles::new(),
            missed_turns: 0,
            readmission: Percentiles::new(),
            degraded_again: 0,
            never_readmitted: 0,
        }
    }

    /// Puts the figures that exist both for each condition and for the whole run, below `prefix`.
    fn put(&mut self, row: &mut Row, prefix: &str) {
        let seconds = |nanos: f64| secs(nanos);
        let same = |count: f64| count;
        row.count(&format!("{prefix}onsets"), self.onsets);
        row.count(&format!("{prefix}detected"), self.detected);
        put_four(row, &format!("{prefix}delay_s"), &mut self.delay, seconds);
        put_four(row, &format!("{prefix}completions"), &mut self.completions, same);
        row.count(&format!("{prefix}missed_turns"), self.missed_turns);
        put_four(row, &format!("{prefix}readmission_s"), &mut self.readmission, seconds);
        row.count(&format!("{prefix}degraded_again"), self.degraded_again);
        row.count(&format!("{prefix}never_readmitted"), self.never_readmitted);
    }
}

fn put_four(row: &mut Row, path: &str, values: &mut Percentiles, unit: impl Fn(f64) -> f64) {
    row.put(&format!("{path}.mean"), values.mean().map(&unit));
    row.put(&format!("{path}.p50"), values.quantile(0.5).map(&unit));
    row.put(&format!("{path}.min"), values.min().map(&unit));
    row.put(&format!("{path}.max"), values.max().map(&unit));
}

impl Detection {
    /// Counts of a run that has not begun.
    pub fn new(settings: &Settings, accounts: usize, conditions: &[ConditionInfo]) -> Self {
        Self {
            warmup_end: settings.warmup_end,
            websocket: settings.websocket,
            by_binding: !settings.mode.learns(),
            last_selected: None,
            conditions: conditions.to_vec(),
            patients: vec![Patient::default(); accounts],
            all: Tally::new(),
            by_condition: vec![Tally::new(); conditions.len()],
            health_escapes: 0,
            true_escapes: 0,
            false_escapes: 0,
            late_escapes: 0,
            began_in_warmup: 0,
        }
    }

    /// Episodes that are not counted because they began in the warm-up.
    pub const fn began_in_warmup(&self) -> u64 {
        self.began_in_warmup
    }

    /// Puts the figures of group `detection`, and a row per condition.
    pub fn put(&mut self, figures: &mut Figures) {
        let run = &mut figures.run;
        self.all.put(run, "detection.");
        run.ratio("detection.detected_ratio", self.all.detected, self.all.onsets);
        let tested = self.all.missed_turns + self.true_escapes;
        run.ratio("detection.missed_turns_ratio", self.all.missed_turns, tested);
        run.count("detection.false_escapes", self.false_escapes);
        run.ratio("detection.false_escapes_ratio", self.false_escapes, self.health_escapes);
        run.count("detection.late_escapes", self.late_escapes);
        for (condition, tally) in self.conditions.iter().zip(&mut self.by_condition) {
            let mut row = Row::new(CONDITION);
            tally.put(&mut row, "");
            row.put("degraded_s", secs(tally.degraded.nanos() as f64));
            figures.conditions.push(Named { name: condition.name.clone(), row });
        }
    }

    /// The two tallies in which an episode of this condition is counted: the condition's own and that of the whole run.
    fn tallies(&mut self, condition: u32) -> impl Iterator<Item = &mut Tally> {
        std::iter::once(&mut self.all).chain(self.by_condition.get_mut(condition as usize))
    }

    fn health_escape(&mut self, now: Time, account: AccountIx, counts: bool) {
        let patient = &mut self.patients[account.at()];
        for aftermath in &mut patient.over {
            aftermath.shunned = true;
        }
        if counts {
            self.health_escapes += 1;
            let healthy = patient.active.is_empty();
            self.true_escapes += u64::from(!healthy);
            self.false_escapes += u64::from(healthy);
            self.late_escapes += u64::from(healthy && patient.was_degraded);
        }
        for place in 0..self.patients[account.at()].active.len() {
            let episode = &mut self.patients[account.at()].active[place];
            if std::mem::replace(&mut episode.detected, true) {
                continue;
            }
            let Episode { condition, onset, completions, .. } = *episode;
            if onset >= self.warmup_end {
                for tally in self.tallies(condition) {
                    tally.detected += 1;
                    tally.delay.record_span(now.since(onset));
                    tally.completions.record(completions);
                }
            }
        }
    }

    fn missed(&mut self, account: AccountIx, model: ModelId) {
        let mut any = false;
        for episode in &self.patients[account.at()].active {
            let Some(info) = self.conditions.get(episode.condition as usize) else { continue };
            if info.models.is_empty() || info.models.contains(&model) {
                any = true;
                self.by_condition[episode.condition as usize].missed_turns += 1;
            }
        }
        self.all.missed_turns += u64::from(any);
    }

    /// The gate is open again for an account that has recovered.
    fn readmitted(&mut self, now: Time, account: AccountIx) {
        for aftermath in std::mem::take(&mut self.patients[account.at()].over) {
            if !aftermath.shunned {
                // no session has escaped from it so far, but a late escape may still come
                self.patients[account.at()].over.push(aftermath);
                continue;
            }
            for tally in self.tallies(aftermath.condition) {
                tally.readmission.record_span(now.since(aftermath.end));
            }
        }
    }

    fn onset(&mut self, change: &HealthChange) {
        let patient = &mut self.patients[change.account.at()];
        if patient.active.iter().any(|episode| episode.condition == change.condition) {
            return;
        }
        patient.active.push(Episode { condition: change.condition, onset: change.at, detected: false, completions: 0 });
        patient.was_degraded = true;
        for aftermath in std::mem::take(&mut patient.over) {
            if aftermath.shunned {
                self.tallies(aftermath.condition).for_each(|tally| tally.degraded_again += 1);
            }
        }
        if change.at >= self.warmup_end {
            self.tallies(change.condition).for_each(|tally| tally.onsets += 1);
        } else {
            self.began_in_warmup += 1;
        }
    }

    fn end(&mut self, change: &HealthChange) {
        let patient = &mut self.patients[change.account.at()];
        let Some(place) = patient.active.iter().position(|episode| episode.condition == change.condition) else {
            return;
        };
        let episode = patient.active.remove(place);
        if patient.active.is_empty() && episode.onset >= self.warmup_end {
            let aftermath = Aftermath { condition: episode.condition, end: change.at, shunned: episode.detected };
            patient.over.push(aftermath);
        }
        self.lasted(&episode, change.at);
    }

    fn lasted(&mut self, episode: &Episode, end: Time) {
        let degraded = end.since(episode.onset.max(self.warmup_end));
        self.tallies(episode.condition).for_each(|tally| tally.degraded += degraded);
    }
}

impl Observer for Detection {
    #[inline]
    fn selected(&mut self, step: &Selected<'_>) {
        let decision = step.decision;
        let counts = step.request.at >= self.warmup_end;
        self.last_selected = Some(step.number);
        if let Some(escape) = decision.escape {
            if escape.reason.is_health() {
                self.health_escape(step.now, escape.account, counts);
            }
            return;
        }
        if let Some(left) = decision.left {
            return self.health_escape(step.now, left.account, counts);
        }
        // the mode legacy counts no hits: a session that goes to its bound account counts as having stayed
        let stayed = decision.sticky_session_hit
            || decision.sticky_previous_hit
            || (self.by_binding && decision.bound.is_some() && decision.bound == decision.account());
        if let Some(account) = decision.account().filter(|_| stayed) {
            let patient = &self.patients[account.at()];
            if !patient.active.is_empty() {
                if counts {
                    self.missed(account, step.request.model);
                }
            } else if !patient.over.is_empty() && decision.sticky_session_hit {
                self.readmitted(step.now, account);
            }
        }
    }

    #[inline]
    fn forwarded(&mut self, step: &Forwarded<'_>) {
        // over WebSocket a forward follows its select at once; a turn without a select stays on its connection's
        // account
        let stuck = self.websocket && self.last_selected != Some(step.number);
        if stuck && step.request.at >= self.warmup_end && !self.patients[step.account.at()].active.is_empty() {
            self.missed(step.account, step.request.model);
        }
    }

    #[inline]
    fn reported(&mut self, report: &Reported) {
        let patient = &mut self.patients[report.account.at()];
        for episode in &mut patient.active {
            episode.completions += u64::from(!episode.detected);
        }
        if patient.active.is_empty() && !patient.over.is_empty() && report.health.open() {
            self.readmitted(report.now, report.account);
        }
    }

    fn health_changed(&mut self, change: &HealthChange) {
        if change.degraded {
            self.onset(change);
        } else {
            self.end(change);
        }
    }

    fn run_over(&mut self, now: Time) {
        for account in 0..self.patients.len() {
            for episode in std::mem::take(&mut self.patients[account].active) {
                self.lasted(&episode, now);
            }
            for aftermath in std::mem::take(&mut self.patients[account].over) {
                if aftermath.shunned {
                    self.tallies(aftermath.condition).for_each(|tally| tally.never_readmitted += 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
