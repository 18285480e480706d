//! The pictures that show an incident: what happened to which account, and who suffered. Made of what two runs on the
//! same luck recorded (escape off and on, or A and B), or of one run where there is nothing to hold it against.

use super::recording::Recording;
use super::recording::watch::{Episode, Watch};
use super::sides::Sides;
use super::strips::{COLUMNS, Look, column, column_of, lanes};
use crate::report::answer::{self, clock, plural};
use crate::report::chart::{self, Escaped, Felt, Figure, Incident, Provenance, Span};
use crate::report::format;

/// More episodes than this are not labelled one by one.
const LABELLED: usize = 2;

/// The chart of what happened; `title` says the finding.
pub(super) fn incident(sides: &Sides<'_>, provenance: Provenance, title: &str, scenario: &serde_json::Value) -> Figure {
    let window = sides.window();
    let watch = sides.watch();
    let look = Look::of(sides, window);
    let (lanes, folded) = lanes(sides, &look, window);
    let episodes = sides.episodes();
    let end = sides.shown.0.end_s();
    let settings = sides.shown.0.settings();
    let slo = format::setting(settings.slo_ttft);
    let mut notes = Vec::new();
    if folded > 0 {
        let others = plural(folded as f64, "account");
        notes.push(format!("The accounts with most harm have a strip of their own; {others} share the last one."));
    }
    if provenance.replications.is_some_and(|n| n > 1) {
        notes.push("Of the first replication.".to_owned());
    }
    let mut felt: Vec<Felt> = Vec::new();
    let anchor = sides.anchor();
    felt.extend(sides.reference.map(|(recording, name)| side(recording, name, window, anchor)));
    felt.push(side(sides.shown.0, sides.shown.1, window, anchor));
    let felt = if felt.iter().any(|side| !side.shares.is_empty()) { felt } else { Vec::new() };
    chart::incident(&Incident {
        about: about(scenario, window, end),
        provenance: Provenance { replications: None, ..provenance },
        title: finding(sides, title),
        measure: look.title(),
        steps: look.steps(sides.shown.0),
        lanes,
        brackets: brackets(sides, &episodes, scenario),
        marks: marks(sides, &episodes),
        window,
        slo,
        felt,
        escapes: escapes(watch, window, anchor),
        notes,
    })
}

/// The answer; that of a run with how many sessions would have got stuck without escape, where that is another number.
fn finding(sides: &Sides<'_>, answer: &str) -> String {
    let Some((reference, name)) = sides.reference else { return answer.to_owned() };
    let without = match reference.stuck() {
        stuck if stuck == sides.shown.0.stuck() => return answer.to_owned(),
        0 => "none".to_owned(),
        stuck => format::count(stuck as f64, None),
    };
    let aside = format!(" ({without} with {name})");
    match answer.strip_suffix("got stuck.") {
        Some(rest) => format!("{rest}got stuck{aside}."),
        None => answer.replacen("no session got stuck", &format!("no session got stuck{aside}"), 1),
    }
}

/// The scenario's own words, and what is folded away.
fn about(scenario: &serde_json::Value, window: (f64, f64), end: f64) -> String {
    let description = scenario.get("description").and_then(serde_json::Value::as_str).unwrap_or_default().trim();
    let mut text = description.trim_end_matches('.').to_owned();
    if !text.is_empty() {
        text.push_str(". ");
    }
    if window.0 > 1.0 || window.1 < end - 1.0 {
        text.push_str(&format!(
            "Shown: {} to {} of {}.",
            clock(60.0 * (window.0 / 60.0).round()),
            clock(60.0 * (window.1 / 60.0).round()),
            clock(60.0 * (end / 60.0).round())
        ));
    }
    text
}

/// Brackets over what befell: one for each stretch in which any account was degraded, where they are few.
fn brackets(sides: &Sides<'_>, episodes: &[(usize, Span)], scenario: &serde_json::Value) -> Vec<(Span, String)> {
    let merged = merged(episodes);
    let words = answer::incident(scenario).unwrap_or_else(|| "degraded".to_owned());
    match merged.as_slice() {
        [] => Vec::new(),
        [first, .., last] if merged.len() > LABELLED => {
            let conditions = answer::incidents(scenario).len();
            let what = if conditions > LABELLED { format!("{conditions} conditions") } else { words };
            let times = format!("{what} ({} times{})", merged.len(), delays(sides, episodes));
            vec![(Span { from: first.from, to: last.to }, times)]
        }
        [one] => vec![(*one, words)],
        few => few.iter().map(|span| (*span, began_within(*span, scenario).unwrap_or_else(|| words.clone()))).collect(),
    }
}

/// What befell within a stretch: the conditions that began then; `None` where none is known to have.
fn began_within(span: Span, scenario: &serde_json::Value) -> Option<String> {
    let began = answer::incidents(scenario)
        .into_iter()
        .filter(|(at, _)| at.is_some_and(|at| at >= span.from - 1.0 && at <= span.to));
    let words: Vec<String> = began.map(|(_, words)| words).collect();
    (!words.is_empty()).then(|| words.join(", and "))
}

/// How soon the episodes of an account were seen and over, in words; of several, their strips say it.
fn delays(sides: &Sides<'_>, episodes: &[(usize, Span)]) -> String {
    let Some(first) = episodes.first().filter(|first| episodes.iter().all(|other| other.0 == first.0)) else {
        return String::new();
    };
    let of = |delay: fn(&Episode) -> Option<f64>| {
        let mut all: Vec<f64> = sides.watch().accounts[first.0].episodes.iter().filter_map(delay).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).map(|median| (all.len(), format::time(*median, None)))
    };
    let seen = match of(|episode| Some(episode.seen? - episode.onset)) {
        None => return ", never seen".to_owned(),
        Some((n, after)) if n == episodes.len() => format!(", seen after {after}"),
        Some((n, after)) => format!(", {n} of them seen, after {after}"),
    };
    let back = of(|episode| Some(episode.back? - episode.end?));
    format!("{seen}{}", back.map_or_else(String::new, |(_, after)| format!(", back after {after}")))
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
    if merged(episodes).len() > 1 {
        return Vec::new();
    }
    let all = || sides.watch().accounts.iter().flat_map(|patient| &patient.episodes);
    let seen = all().filter_map(|episode| Some((episode.seen?, episode.onset))).min_by(|a, b| a.0.total_cmp(&b.0));
    let back = all().filter_map(|episode| Some((episode.back?, episode.end?))).max_by(|a, b| a.0.total_cmp(&b.0));
    let several = episodes.len() > 1;
    let words = |what: &str, at: f64, since: f64| {
        (at, format!("{what} {}, after {}", clock(at), format::time(at - since, None)))
    };
    let seen = seen.map(|(at, since)| words(if several { "first seen" } else { "seen" }, at, since));
    let back = back.map(|(at, since)| words(if several { "all back" } else { "back" }, at, since));
    seen.into_iter().chain(back).collect()
}

/// What users felt in the window.
fn side(recording: &Recording, name: &str, window: (f64, f64), anchor: f64) -> Felt {
    let grid = &recording.watch().felt;
    let width = column(grid.step(), window, COLUMNS / 2.0);
    let (mut shares, mut over): (Vec<(f64, [u64; 2])>, u64) = (Vec::new(), 0);
    for (from, to, counts) in grid.iter().filter(|(from, to, _)| *to > window.0 && *from < window.1) {
        over += counts[1];
        let at = column_of((from + to) / 2.0, width, grid.step(), anchor) + 0.5 * width;
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

fn escapes(watch: &Watch, window: (f64, f64), anchor: f64) -> Vec<Escaped> {
    let width = column(watch.escapes.step(), window, COLUMNS);
    let mut out: Vec<Escaped> = Vec::new();
    for (from, to, counts) in watch.escapes.iter().filter(|(from, to, _)| *to > window.0 && *from < window.1) {
        let at = column_of((from + to) / 2.0, width, watch.escapes.step(), anchor);
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
