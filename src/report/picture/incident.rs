//! The pictures that tell an incident: what happened to which account, and who suffered. Made of what two runs on the same
//! luck recorded (escape off and on, or A and B), or of one run where there is nothing to hold it against.

use super::recording::Recording;
use super::recording::watch::{Answers, Patient, STEPS, Watch};
use crate::report::answer::{clock, incident as clause, plural};
use crate::report::chart::{self, Escaped, Felt, Figure, Incident, Lane, Provenance, Span};
use crate::report::format;

/// The most accounts with a strip of their own; where there are more, the rest share the last strip.
const LANES: usize = 12;
/// About so many columns a strip.
const COLUMNS: f64 = 112.0;
/// At least so much is shown before and after an incident, in seconds.
const AROUND: f64 = 1_500.0;
/// Fewer escapes than this drive nothing.
const FEW: u64 = 20;
/// More episodes than this are not labelled one by one.
const LABELLED: usize = 2;

/// What is shown of a run, or of two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'a> {
    /// What the other is held against, and what it is called.
    pub reference: Option<(&'a Recording, &'a str)>,
    /// The run that is shown, and what it is called.
    pub shown: (&'a Recording, &'a str),
}

impl Sides<'_> {
    fn watch(&self) -> &Watch {
        self.shown.0.watch()
    }

    /// Every degraded stretch of any account, in order of their beginnings.
    pub fn episodes(&self) -> Vec<(usize, Span)> {
        let end = self.shown.0.end_s();
        let of = |(account, patient): (usize, &Patient)| {
            let span = move |episode: &super::recording::watch::Episode| {
                (account, Span { from: episode.onset, to: episode.end.unwrap_or(end) })
            };
            patient.episodes.iter().map(span).collect::<Vec<_>>()
        };
        let mut all: Vec<(usize, Span)> = self.watch().accounts.iter().enumerate().flat_map(of).collect();
        all.sort_by(|a, b| a.1.from.total_cmp(&b.1.from).then(a.0.cmp(&b.0)));
        all
    }

    /// What is shown: the incidents and what lies around them, after the warm-up; all of that where there are none.
    pub fn window(&self) -> (f64, f64) {
        let settings = self.shown.0.settings();
        let end = self.shown.0.end_s();
        let warm = settings.warmup_end.since(settings.start).secs();
        let episodes = self.episodes();
        let first = episodes.iter().map(|(_, span)| span.from).fold(f64::INFINITY, f64::min);
        let last = episodes.iter().map(|(_, span)| span.to).fold(f64::NEG_INFINITY, f64::max);
        if !first.is_finite() {
            return (if warm < end { warm } else { 0.0 }, end);
        }
        let around = AROUND.max(0.3 * (last - first));
        ((first - around).max(warm.min(first)), (last + around).min(end))
    }
}

/// What the strips measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Ttft,
    Errors,
    Slots,
}

impl Measure {
    /// What drives sessions away; without escapes, errors where there are many, else TTFT.
    fn of(watch: &Watch) -> Self {
        let mut reasons = [0_u64; 3];
        for patient in &watch.accounts {
            reasons.iter_mut().zip(patient.escapes).for_each(|(sum, more)| *sum += more);
        }
        let name = |at: usize| crate::scheduler::EscapeReason::ALL.get(at).map_or("", |reason| reason.name());
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
            _ => Self::Ttft,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Ttft => "Time to first token of each account, slowest tenth",
            Self::Errors => "Share of each account's forwards that failed",
            Self::Slots => "Slots of each account that were taken, at most",
        }
    }

    /// Names of the steps.
    fn steps(self, recording: &Recording) -> Vec<String> {
        let gate = recording.settings().gate;
        match self {
            Self::Ttft => {
                let limits = recording.watch().limits_ms;
                let secs = |ms: f64| format::trimmed(&format::rounded(ms / 1e3)).to_owned();
                let mut names: Vec<String> = limits.iter().map(|ms| format!("to {} s", secs(*ms))).collect();
                names[3].push_str(" (SLO)");
                if gate.enabled && (limits[4] - gate.ttft_ms as f64).abs() < 0.5 {
                    names[4].push_str(" (gate)");
                }
                names.push(format!("over {} s", secs(limits[5])));
                names
            }
            Self::Errors => {
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
            Self::Slots => {
                let names = ["to 25 %", "to 50 %", "to 75 %", "to 90 %", "nearly full", "full", "full"];
                names.map(str::to_owned).to_vec()
            }
        }
    }

    /// The step of an account's answers; `None` where there is nothing to measure.
    fn step(self, cell: &Answers, slots: i64, error_gate: f64) -> Option<usize> {
        match self {
            Self::Ttft => {
                let all = f64::from(cell.answered());
                let mut below = 0.0;
                let tenth = |count: &u32| {
                    below += f64::from(*count);
                    below >= 0.9 * all
                };
                if all > 0.0 { cell.by_step.iter().position(tenth) } else { None }
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
                let share = if slots > 0 { f64::from(cell.held) / slots as f64 } else { 0.0 };
                let limits = [0.25, 0.5, 0.75, 0.9, 0.999];
                Some(limits.iter().position(|limit| share <= *limit).unwrap_or(STEPS - 1))
            }
        }
    }
}

/// Where steps of the share of failures end, after none.
fn error_limits(gate: f64) -> [f64; 5] {
    [0.04 * gate, 0.2 * gate, 0.5 * gate, gate, (1.5 * gate).min(0.5 + 0.5 * gate)]
}

/// The chart of what happened; `title` says the finding.
pub(super) fn incident(sides: &Sides<'_>, provenance: Provenance, title: &str, scenario: &serde_json::Value) -> Figure {
    let window = sides.window();
    let watch = sides.watch();
    let measure = Measure::of(watch);
    let (lanes, folded) = lanes(sides, measure, window);
    let episodes = sides.episodes();
    let end = sides.shown.0.end_s();
    let settings = sides.shown.0.settings();
    let slo = format::setting(settings.slo_ttft);
    let mut notes = Vec::new();
    if folded > 0 {
        let others = plural(folded as f64, "account");
        notes.push(format!(
            "The {LANES} accounts with most harm have a strip of their own; {others} share the last one."
        ));
    }
    if provenance.replications.is_some_and(|n| n > 1) {
        notes.push("Of the first replication.".to_owned());
    }
    let mut felt: Vec<Felt> = Vec::new();
    felt.extend(sides.reference.map(|(recording, name)| side(recording, name, window)));
    felt.push(side(sides.shown.0, sides.shown.1, window));
    let felt = if felt.iter().any(|side| !side.shares.is_empty()) { felt } else { Vec::new() };
    chart::incident(&Incident {
        about: about(sides, scenario, window, end),
        provenance: Provenance { replications: None, ..provenance },
        title: title.to_owned(),
        measure: measure.title().to_owned(),
        steps: measure.steps(sides.shown.0),
        lanes,
        brackets: brackets(&episodes, scenario),
        marks: marks(sides, &episodes),
        window,
        slo,
        felt,
        escapes: escapes(watch, window),
        notes,
    })
}

/// The scenario's own words, how many sessions got stuck on both sides, and what is folded away.
fn about(sides: &Sides<'_>, scenario: &serde_json::Value, window: (f64, f64), end: f64) -> String {
    let description = scenario.get("description").and_then(serde_json::Value::as_str).unwrap_or_default().trim();
    let mut text = description.trim_end_matches('.').to_owned();
    if !text.is_empty() {
        text.push_str(". ");
    }
    if let Some((reference, name)) = sides.reference {
        let stuck = [reference.stuck(), sides.shown.0.stuck()].map(|n| plural(n as f64, "session"));
        if reference.stuck() + sides.shown.0.stuck() > 0 {
            text.push_str(&format!("Got stuck: {} with {name}, {} with {}. ", stuck[0], stuck[1], sides.shown.1));
        }
    }
    if window.0 > 1.0 || window.1 < end - 1.0 {
        text.push_str(&format!(
            "Shown: {} to {} of {}; the rest is folded away.",
            clock(60.0 * (window.0 / 60.0).round()),
            clock(60.0 * (window.1 / 60.0).round()),
            clock(60.0 * (end / 60.0).round())
        ));
    }
    text
}

/// Brackets over what befell: one for each stretch in which any account was degraded, where they are few.
fn brackets(episodes: &[(usize, Span)], scenario: &serde_json::Value) -> Vec<(Span, String)> {
    let merged = merged(episodes);
    let words = clause(scenario).unwrap_or_else(|| "degraded".to_owned());
    match merged.as_slice() {
        [] => Vec::new(),
        [first, .., last] if merged.len() > LABELLED => {
            vec![(Span { from: first.from, to: last.to }, format!("{words} ({} times)", merged.len()))]
        }
        few => few.iter().map(|span| (*span, words.clone())).collect(),
    }
}

/// Stretches that overlap are one.
pub(super) fn merged(episodes: &[(usize, Span)]) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::new();
    for (_, span) in episodes {
        match out.last_mut() {
            Some(last) if last.to >= span.from => last.to = last.to.max(span.to),
            _ => out.push(*span),
        }
    }
    out
}

/// When the gate first saw an account, and let the last one back in; only where there is one incident.
fn marks(sides: &Sides<'_>, episodes: &[(usize, Span)]) -> Vec<(f64, String)> {
    if merged(episodes).len() > LABELLED || merged(episodes).len() > 1 {
        return Vec::new();
    }
    let all = || sides.watch().accounts.iter().flat_map(|patient| &patient.episodes);
    let seen = all().filter_map(|episode| episode.seen).fold(f64::INFINITY, f64::min);
    let back = all().filter_map(|episode| episode.back).fold(f64::NEG_INFINITY, f64::max);
    let several = episodes.len() > 1;
    let mut marks = Vec::new();
    if seen.is_finite() {
        marks.push((seen, format!("{} {}", if several { "first seen" } else { "seen" }, clock(seen))));
    }
    if back.is_finite() {
        marks.push((back, format!("{} {}", if several { "all back" } else { "back" }, clock(back))));
    }
    marks
}

/// Stretches of the grid that make one column, in seconds.
fn column(step: f64, window: (f64, f64)) -> f64 {
    step * ((window.1 - window.0) / step / COLUMNS).ceil().max(1.0)
}

/// A strip for each account, or for those with most harm and all others together; and how many the others are.
fn lanes(sides: &Sides<'_>, measure: Measure, window: (f64, f64)) -> (Vec<Lane>, usize) {
    let watch = sides.watch();
    let harm = |patient: &Patient| {
        let cells = patient.answers.iter().filter(|(from, to, _)| *to > window.0 && *from < window.1);
        let bad: u64 = cells
            .map(|(_, _, cell)| u64::from(cell.by_step[5]) + u64::from(cell.by_step[6]) + u64::from(cell.failed))
            .sum();
        (patient.episodes.is_empty(), std::cmp::Reverse(bad + patient.escapes.iter().sum::<u64>()))
    };
    let mut places: Vec<usize> = (0..watch.accounts.len()).collect();
    let mut rest = Vec::new();
    if places.len() > LANES {
        places.sort_by_key(|&place| harm(&watch.accounts[place]));
        rest = places.split_off(LANES);
    }
    let names = sides.shown.0.names();
    let one = |&place: &usize| {
        let name = names.get(place).cloned().unwrap_or_default();
        let blocked = sides.shown.0.blocked(place);
        lane(name, &[&watch.accounts[place]], blocked, measure, sides, window)
    };
    let mut all: Vec<Lane> = places.iter().map(one).collect();
    if !rest.is_empty() {
        let patients: Vec<&Patient> = rest.iter().map(|&place| &watch.accounts[place]).collect();
        let name = format!("{} others", rest.len());
        let joined = lane(name, &patients, Vec::new(), measure, sides, window);
        all.push(Lane { seen: String::new(), back: String::new(), ..joined });
    }
    (all, rest.len())
}

fn lane(
    name: String,
    patients: &[&Patient],
    blocked: Vec<Span>,
    measure: Measure,
    sides: &Sides<'_>,
    window: (f64, f64),
) -> Lane {
    let gate = sides.shown.0.settings().gate;
    let mut columns: Vec<(f64, f64, Answers)> = Vec::new();
    for patient in patients {
        for (place, (from, to, answers)) in gathered(patient, window).into_iter().enumerate() {
            match columns.get_mut(place) {
                Some(column) => super::recording::grid::Joins::join(&mut column.2, &answers),
                None => columns.push((from, to, answers)),
            }
        }
    }
    let slots = patients.iter().map(|patient| patient.slots).max().unwrap_or(0);
    let mut cells: Vec<(f64, f64, usize)> = Vec::new();
    for (from, to, answers) in columns {
        let Some(step) = measure.step(&answers, slots, gate.error_rate) else { continue };
        match cells.last_mut() {
            Some(last) if last.2 == step && (last.1 - from).abs() < 1e-6 => last.1 = to,
            _ => cells.push((from, to, step)),
        }
    }
    let episodes = || patients.iter().flat_map(|patient| &patient.episodes);
    let end = sides.shown.0.end_s();
    let spans = episodes().map(|episode| Span { from: episode.onset, to: episode.end.unwrap_or(end) }).collect();
    let delays = |of: fn(&super::recording::watch::Episode) -> Option<f64>| -> Vec<f64> {
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

/// An account's answers in the columns of the window.
fn gathered(patient: &Patient, window: (f64, f64)) -> Vec<(f64, f64, Answers)> {
    let width = column(patient.answers.step(), window);
    let first = (window.0 / width).floor();
    let columns = ((window.1 - first * width) / width).ceil().max(0.0) as usize;
    let place = |at: usize| (first + at as f64) * width;
    let mut out: Vec<(f64, f64, Answers)> =
        (0..columns).map(|at| (place(at), place(at + 1), Answers::default())).collect();
    for (from, to, answers) in patient.answers.iter() {
        let at = ((from + to) / 2.0 - first * width) / width;
        if at >= 0.0
            && let Some(column) = out.get_mut(at as usize)
        {
            super::recording::grid::Joins::join(&mut column.2, answers);
        }
    }
    out
}

/// What users felt in the window.
fn side(recording: &Recording, name: &str, window: (f64, f64)) -> Felt {
    let grid = &recording.watch().felt;
    let width = 2.0 * column(grid.step(), window);
    let (mut shares, mut over): (Vec<(f64, [u64; 2])>, u64) = (Vec::new(), 0);
    for (from, to, counts) in grid.iter().filter(|(from, to, _)| *to > window.0 && *from < window.1) {
        over += counts[1];
        let at = (((from + to) / 2.0 / width).floor() + 0.5) * width;
        match shares.last_mut() {
            Some(last) if (last.0 - at).abs() < 1e-6 => {
                last.1.iter_mut().zip(counts).for_each(|(sum, more)| *sum += more);
            }
            _ => shares.push((at, *counts)),
        }
    }
    let share = |(at, counts): (f64, [u64; 2])| (counts[0] > 0).then(|| (at, counts[1] as f64 / counts[0] as f64));
    Felt { name: name.to_owned(), shares: shares.into_iter().filter_map(share).collect(), over }
}

fn escapes(watch: &Watch, window: (f64, f64)) -> Vec<Escaped> {
    let width = column(watch.escapes.step(), window);
    let mut out: Vec<Escaped> = Vec::new();
    for (from, to, counts) in watch.escapes.iter().filter(|(from, to, _)| *to > window.0 && *from < window.1) {
        let at = ((from + to) / 2.0 / width).floor() * width;
        match out.last_mut() {
            Some(last) if (last.span.from - at).abs() < 1e-6 => {
                last.became.iter_mut().zip(counts).for_each(|(sum, more)| *sum += more);
            }
            _ => out.push(Escaped { span: Span { from: at, to: at + width }, became: *counts }),
        }
    }
    out.retain(|escaped| escaped.became.iter().any(|count| *count > 0));
    out
}
