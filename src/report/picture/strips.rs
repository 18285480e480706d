//! The strips of the incident picture: what they measure, in which steps, and which accounts have one.
//!
//! Every provider has lone slow answers. A strip that paints each of them hides the account that is ill, so the strips
//! show the farthest tail that is quiet while all is well: nine of ten answers, three of four, or half of them.

use super::recording::Recording;
use super::recording::grid::Joins as _;
use super::recording::watch::{Answers, Episode, Patient, STEPS, Watch};
use super::sides::Sides;
use crate::report::chart::{Lane, Span};
use crate::report::format;
use crate::scheduler::EscapeReason;

/// The most accounts with a strip of their own; where there are more, the rest share the last strip.
const LANES: usize = 12;
/// About so many columns a strip.
pub(super) const COLUMNS: f64 = 112.0;
/// Fewer escapes than this drive nothing.
const FEW: u64 = 20;
/// What strips may show of times to first token: (share of the answers, columns), the most telling first.
const TAILS: [(f64, f64); 7] =
    [(0.9, COLUMNS), (0.9, 56.0), (0.75, COLUMNS), (0.75, 56.0), (0.5, COLUMNS), (0.5, 56.0), (0.5, 28.0)];
/// The most that may lie over the SLO of what is shown while all is well.
const QUIET: f64 = 0.01;
/// So long after an episode its last answers come, in seconds.
const ECHO: f64 = 300.0;
/// The first step over the SLO.
const OVER: usize = 4;

/// What the strips show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    measure: Measure,
    columns: f64,
    /// A column begins here, in seconds.
    anchor: f64,
}

/// What the strips measure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Measure {
    /// The time within which this share of the answers came.
    Ttft(f64),
    Errors,
    Slots,
}

impl Look {
    /// What says most of this run.
    pub fn of(sides: &Sides<'_>, window: (f64, f64)) -> Self {
        let watch = sides.watch();
        let anchor = sides.anchor();
        match Measure::of(watch) {
            Measure::Ttft(_) => {
                let of = |(share, columns)| Self { measure: Measure::Ttft(share), columns, anchor };
                let quiet = |tail: &(f64, f64)| stray(watch, &of(*tail), window) <= QUIET;
                of(TAILS.into_iter().find(quiet).unwrap_or(TAILS[TAILS.len() - 1]))
            }
            measure => Self { measure, columns: COLUMNS, anchor },
        }
    }

    /// What the strips are called.
    pub fn title(&self) -> String {
        match self.measure {
            Measure::Ttft(share) => {
                let share = match share {
                    0.9.. => "9 of 10",
                    0.75.. => "3 of 4",
                    _ => "Half of the",
                };
                format!("{share} first tokens of each account came within")
            }
            Measure::Errors => "Share of each account's forwards that failed".to_owned(),
            Measure::Slots => "Share of time without a free slot".to_owned(),
        }
    }

    /// Names of the steps.
    pub fn steps(&self, recording: &Recording) -> Vec<String> {
        let gate = recording.settings().gate;
        match self.measure {
            Measure::Ttft(_) => {
                let limits = recording.watch().limits_ms;
                let secs = |ms: f64| format::trimmed(&format::rounded(ms / 1e3)).to_owned();
                let mut names: Vec<String> = limits.iter().map(|ms| format!("{} s", secs(*ms))).collect();
                names[3].push_str(" (SLO)");
                if gate.enabled && (limits[4] - gate.ttft_ms as f64).abs() < 0.5 {
                    names[4].push_str(" (gate)");
                }
                names.push(format!("over {} s", secs(limits[5])));
                names
            }
            Measure::Errors => {
                let percent = |share: f64| format::trimmed(&format::rounded(share * 100.0)).to_owned();
                let mut names = vec!["none failed".to_owned()];
                names.extend(
                    error_limits(gate.error_rate).iter().map(|share| format!("to {} % failed", percent(*share))),
                );
                if gate.enabled {
                    names[4].push_str(" (gate)");
                }
                names.push(format!("over {} % failed", percent(error_limits(gate.error_rate)[4])));
                names
            }
            Measure::Slots => {
                ["never", "to 2 %", "to 10 %", "to 25 %", "to 50 %", "to 75 %", "over 75 %"].map(str::to_owned).to_vec()
            }
        }
    }
}

impl Measure {
    /// What drives sessions away; without escapes, errors where there are many, otherwise TTFT.
    fn of(watch: &Watch) -> Self {
        let mut reasons = [0_u64; 3];
        for patient in &watch.accounts {
            reasons.iter_mut().zip(patient.escapes).for_each(|(sum, more)| *sum += more);
        }
        let name = |at: usize| EscapeReason::ALL.get(at).map_or("", |reason| reason.name());
        let most = (0..3).max_by_key(|&at| (reasons[at], std::cmp::Reverse(at))).unwrap_or(0);
        let (mut answered, mut failed) = (0.0, 0.0);
        for (_, _, cell) in watch.accounts.iter().flat_map(|patient| patient.answers.iter()) {
            answered += f64::from(cell.answered());
            failed += f64::from(cell.failed);
        }
        match (reasons.iter().sum::<u64>(), name(most)) {
            (FEW.., "error_rate") => Self::Errors,
            (FEW.., "concurrency_full") if failed <= 0.02 * answered => Self::Slots,
            (0..FEW, _) | (_, "concurrency_full") if failed > 0.02 * answered => Self::Errors,
            _ => Self::Ttft(0.9),
        }
    }

    /// The step of an account's answers; `None` where there is nothing to measure.
    fn step(self, cell: &Answers, all_full_ms: f64, error_gate: f64) -> Option<usize> {
        match self {
            Self::Ttft(share) => {
                let all = f64::from(cell.answered());
                let mut below = 0.0;
                let reached = |count: &u32| {
                    below += f64::from(*count);
                    below >= share * all
                };
                if all > 0.0 { cell.by_step.iter().position(reached) } else { None }
            }
            Self::Errors => {
                let all = f64::from(cell.answered()) + f64::from(cell.failed);
                if all == 0.0 {
                    return None;
                }
                let share = f64::from(cell.failed) / all;
                let limits = error_limits(error_gate);
                let step = limits.iter().position(|limit| share <= *limit).map_or(STEPS - 1, |at| at + 1);
                Some(if cell.failed == 0 { 0 } else { step })
            }
            Self::Slots => {
                let share = f64::from(cell.full_ms) / all_full_ms;
                let limits = [0.0, 0.02, 0.1, 0.25, 0.5, 0.75];
                Some(limits.iter().position(|limit| share <= *limit).unwrap_or(STEPS - 1))
            }
        }
    }
}

/// The share of the columns that lie over the SLO while no account is degraded.
fn stray(watch: &Watch, look: &Look, window: (f64, f64)) -> f64 {
    let ill = |from: f64, to: f64| {
        let mut episodes = watch.accounts.iter().flat_map(|patient| &patient.episodes);
        episodes.any(|episode| episode.onset < to && episode.end.is_none_or(|end| end + ECHO > from))
    };
    let (mut over, mut all) = (0_u32, 0_u32);
    for (from, to, cell) in watch.accounts.iter().flat_map(|patient| gathered(patient, window, look)) {
        if let Some(step) = look.measure.step(&cell, 1.0, 1.0)
            && !ill(from, to)
        {
            (over, all) = (over + u32::from(step >= OVER), all + 1);
        }
    }
    if all > 0 { f64::from(over) / f64::from(all) } else { 0.0 }
}

/// Where steps of the share of failures end, after none.
fn error_limits(gate: f64) -> [f64; 5] {
    [0.04 * gate, 0.2 * gate, 0.5 * gate, gate, (1.5 * gate).min(0.5 + 0.5 * gate)]
}

/// Stretches of the grid that make one column, in seconds.
pub(super) fn column(step: f64, window: (f64, f64), columns: f64) -> f64 {
    step * ((window.1 - window.0) / step / columns).ceil().max(1.0)
}

/// A strip for each account, or for those with most harm and all others together; and how many the others are.
pub(super) fn lanes(sides: &Sides<'_>, look: &Look, window: (f64, f64)) -> (Vec<Lane>, usize) {
    let watch = sides.watch();
    let harm = |patient: &Patient| {
        let cells = patient.answers.iter().filter(|(from, to, _)| *to > window.0 && *from < window.1);
        let bad: u64 = cells
            .map(|(_, _, cell)| u64::from(cell.by_step[5]) + u64::from(cell.by_step[6]) + u64::from(cell.failed))
            .sum();
        (patient.episodes.is_empty(), std::cmp::Reverse(bad))
    };
    let mut places: Vec<usize> = (0..watch.accounts.len()).collect();
    let mut rest = Vec::new();
    if places.len() > LANES {
        places.sort_by_key(|&place| harm(&watch.accounts[place]));
        let ill = watch.accounts.iter().filter(|patient| !patient.episodes.is_empty()).count();
        rest = places.split_off(if ill > 0 { ill.min(LANES) } else { LANES });
    }
    let names = sides.shown.0.names();
    let one = |&place: &usize| {
        let name = names.get(place).cloned().unwrap_or_default();
        let blocked = sides.shown.0.blocked(place);
        lane(name, &[&watch.accounts[place]], blocked, look, sides, window)
    };
    let mut all: Vec<Lane> = places.iter().map(one).collect();
    if !rest.is_empty() {
        let patients: Vec<&Patient> = rest.iter().map(|&place| &watch.accounts[place]).collect();
        let name = format!("{} others", rest.len());
        let joined = lane(name, &patients, Vec::new(), look, sides, window);
        all.push(Lane { seen: String::new(), back: String::new(), ..joined });
    }
    (all, rest.len())
}

fn lane(
    name: String,
    patients: &[&Patient],
    blocked: Vec<Span>,
    look: &Look,
    sides: &Sides<'_>,
    window: (f64, f64),
) -> Lane {
    let gate = sides.shown.0.settings().gate;
    let mut columns: Vec<(f64, f64, Answers)> = Vec::new();
    for patient in patients {
        for (place, (from, to, answers)) in gathered(patient, window, look).into_iter().enumerate() {
            match columns.get_mut(place) {
                Some(column) => column.2.join(&answers),
                None => columns.push((from, to, answers)),
            }
        }
    }
    let mut cells: Vec<(f64, f64, usize)> = Vec::new();
    for (from, to, answers) in columns {
        let all_full_ms = 1e3 * (to - from) * patients.len() as f64;
        let Some(step) = look.measure.step(&answers, all_full_ms, gate.error_rate) else { continue };
        match cells.last_mut() {
            Some(last) if last.2 == step && (last.1 - from).abs() < 1e-6 => last.1 = to,
            _ => cells.push((from, to, step)),
        }
    }
    let episodes = || patients.iter().flat_map(|patient| &patient.episodes);
    let end = sides.shown.0.end_s();
    let spans = episodes().map(|episode| Span { from: episode.onset, to: episode.end.unwrap_or(end) }).collect();
    let delays = |of: fn(&Episode) -> Option<f64>| -> Vec<f64> {
        let mut all: Vec<f64> = episodes().filter_map(of).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let words = |delays: &[f64], never: &str| match (delays, episodes().count()) {
        (_, 0) => String::new(),
        ([], _) => never.to_owned(),
        ([one], 1) => format!("after {}", format::time(*one, None)),
        (some, all) => format!("{} of {all}, {}", some.len(), format::time(some[some.len() / 2], None)),
    };
    let (seen, back) = (delays(|e| Some(e.seen? - e.onset)), delays(|e| Some(e.back? - e.end?)));
    let never = if gate.enabled { "never" } else { "escape is off" };
    Lane {
        name,
        cells,
        degraded: spans,
        blocked,
        seen: words(&seen, never),
        back: if seen.is_empty() { String::new() } else { words(&back, "never") },
    }
}

/// The beginning of the column that holds a time: columns are counted from a stretch of the grid in which an incident
/// begins, so that none holds what came before it and what came after.
pub(super) fn column_of(at: f64, width: f64, step: f64, anchor: f64) -> f64 {
    let origin = (anchor / step).floor() * step;
    origin + ((at - origin) / width).floor() * width
}

/// An account's answers in the columns of the window.
fn gathered(patient: &Patient, window: (f64, f64), look: &Look) -> Vec<(f64, f64, Answers)> {
    let step = patient.answers.step();
    let width = column(step, window, look.columns);
    let first = column_of(window.0, width, step, look.anchor);
    let columns = ((window.1 - first) / width).ceil().max(0.0) as usize;
    let place = |at: usize| first + at as f64 * width;
    let mut out: Vec<(f64, f64, Answers)> =
        (0..columns).map(|at| (place(at).max(0.0), place(at + 1), Answers::default())).collect();
    for (from, to, answers) in patient.answers.iter() {
        let at = ((from + to) / 2.0 - first) / width;
        if at >= 0.0
            && let Some(column) = out.get_mut(at as usize)
        {
            column.2.join(answers);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_begins_where_the_incident_does() {
        for (step, width, onset) in [(16.0, 64.0, 10_800.0), (8.0, 56.0, 1_234.5), (512.0, 512.0, 288_000.0)] {
            let begins = column_of(onset, width, step, onset);
            assert!(onset - step < begins && begins <= onset, "{begins}");
            let before = column_of(onset - step, width, step, onset);
            assert_eq!(before + width, begins, "what came before is in a column of its own");
            // columns lie one beside the other, also to the left of the incident
            assert_eq!(column_of(begins + width, width, step, onset), begins + width);
            assert_eq!(column_of(begins - 0.1 - 2.0 * width, width, step, onset), begins - 3.0 * width);
        }
    }
}
