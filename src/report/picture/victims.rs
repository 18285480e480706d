//! Who suffered: the sessions that met a degraded account, on both sides, turn by turn.

use super::incident::merged;
use super::recording::Recording;
use super::recording::journeys::{Session, Turn};
use super::sides::Sides;
use crate::measure::Status;
use crate::report::answer::{clock, plural};
use crate::report::chart::{self, Dot, Figure, Half, Level, Line, Provenance, Suffered};
use crate::report::format;

/// So many sessions have a line.
const LINES: usize = 100;

/// The chart. Without a session that met a degraded account or escaped, its title says so.
pub(super) fn suffered(sides: &Sides<'_>, provenance: Provenance, who: Option<&str>) -> Figure {
    let numbers = most_harmed(sides);
    let window = sides.window();
    let settings = sides.shown.0.settings();
    let mut halves: Vec<Half> = Vec::new();
    halves.extend(sides.reference.map(|(recording, name)| half(recording, name, &numbers, window)));
    halves.push(half(sides.shown.0, sides.shown.1, &numbers, window));
    let all = sides.reference.map_or(0, |(r, _)| r.harmed().len()).max(sides.shown.0.harmed().len());
    let (slo, slow) = (format::setting(settings.slo_ttft), format::setting(settings.slow_ttft));
    let mut notes = Vec::new();
    if provenance.replications.is_some_and(|n| n > 1) {
        notes.push("Of the first replication.".to_owned());
    }
    let same = if halves.len() > 1 { "The same sessions and the same luck on both sides, the" } else { "The" };
    let degraded = merged(&sides.episodes());
    let met = if degraded.is_empty() { "escaped" } else { "met a degraded account or escaped" };
    chart::suffered(&Suffered {
        title: title(&halves, numbers.len(), all > numbers.len(), (met, &slow)),
        about: format!("Each line is a session that {met}, each dot one of its turns. {same} most harmed on top."),
        provenance: Provenance { replications: None, ..provenance },
        halves,
        degraded,
        befell: who.map_or_else(String::new, |who| format!("shaded: {who}")),
        window,
        limits: [slo, slow],
        notes,
    })
}

/// The finding: how many of these sessions got stuck on each side.
fn title(halves: &[Half], lines: usize, some: bool, (met, slow): (&str, &str)) -> String {
    if lines == 0 {
        return format!("No session {met}");
    }
    let sessions = plural(lines as f64, "session");
    let of = if some { format!("Of the {sessions} harmed most") } else { format!("Of the {sessions} that {met}") };
    let number = |count: u64| if count == 0 { "none".to_owned() } else { format::count(count as f64, None) };
    let each = |count: &dyn Fn(&Half) -> u64| -> Vec<String> {
        halves.iter().map(|half| format!("{} with {}", number(count(half)), half.name)).collect()
    };
    if halves.iter().any(|half| half.stuck > 0) {
        return format!("{of}, {}", each(&|half| half.stuck).join(", ").replacen(" with", " got stuck with", 1));
    }
    let bad = |half: &Half| half.lines.iter().flat_map(|line| &line.dots).filter(|dot| dot.level >= Level::Bad).count();
    let turns = each(&|half| bad(half) as u64).join(", ");
    format!("{of}, none got stuck; turns over {slow} or failed: {turns}")
}

/// The numbers of the sessions to show: those with most harm on whichever side they suffer more.
fn most_harmed(sides: &Sides<'_>) -> Vec<u64> {
    let both: Vec<&Recording> =
        sides.reference.map(|(recording, _)| recording).into_iter().chain([sides.shown.0]).collect();
    let numbers: std::collections::BTreeSet<u64> =
        both.iter().flat_map(|recording| recording.harmed()).map(|session| session.number).collect();
    let harm = |number: u64| both.iter().filter_map(|side| side.session(number)).map(|s| s.harm).max().unwrap_or(0);
    let mut all: Vec<(u64, u32)> = numbers.into_iter().map(|number| (number, harm(number))).collect();
    // a session that a side did not keep is unknown there, not without turns: it escaped far from any incident, or
    // there were too many
    for recording in both {
        all.retain(|(number, _)| recording.session(*number).is_some());
    }
    all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    all.into_iter().take(LINES).map(|(number, _)| number).collect()
}

fn half(recording: &Recording, name: &str, numbers: &[u64], window: (f64, f64)) -> Half {
    let find = |number: &u64| recording.session(*number);
    let line = |number: &u64| find(number).map_or_else(Line::default, |session| line(recording, session, window));
    let stuck = numbers.iter().filter_map(find).filter(|session| is_stuck(recording, session)).count();
    Half { name: name.to_owned(), lines: numbers.iter().map(line).collect(), stuck: stuck as u64 }
}

/// Whether a session had enough slow turns in a row; one without a first token counts as slow, as everywhere.
fn is_stuck(recording: &Recording, session: &Session) -> bool {
    let settings = recording.settings();
    let mut row = 0;
    for turn in &session.turns {
        row = if turn.felt.is_some_and(|felt| felt <= settings.slow_ttft) { 0 } else { row + 1 };
        if row >= settings.stuck_turns.max(1) {
            return true;
        }
    }
    false
}

fn line(recording: &Recording, session: &Session, window: (f64, f64)) -> Line {
    let settings = recording.settings();
    let mut dots = Vec::new();
    for (place, turn) in session.turns.iter().enumerate() {
        let at_s = turn.at.since(settings.start).secs();
        if at_s < window.0 || at_s > window.1 {
            continue;
        }
        let level = match turn.felt {
            _ if turn.status != Status::Ok => Level::Failed,
            None => Level::Failed,
            Some(felt) if felt > settings.slow_ttft => Level::Bad,
            Some(felt) if felt > settings.slo_ttft => Level::Slow,
            Some(_) => Level::Good,
        };
        let telling = level != Level::Good || turn.escape.is_some();
        let tip = if telling { tip(recording, session, turn, place) } else { String::new() };
        dots.push(Dot { at_s, level, tip });
    }
    Line { dots }
}

fn tip(recording: &Recording, session: &Session, turn: &Turn, place: usize) -> String {
    let short: String = session.hash.chars().take(12).collect();
    let at = clock(turn.at.since(recording.settings().start).secs());
    let mut parts = vec![match turn.felt {
        Some(felt) => format!("{} to the first token", format::time(felt.secs(), None)),
        None => "no first token".to_owned(),
    }];
    if turn.status != Status::Ok {
        parts.push(turn.status.name().to_owned());
    }
    parts.extend(turn.account.and_then(|at| recording.names().get(at as usize).cloned()));
    if turn.degraded {
        parts.push("degraded".to_owned());
    }
    if turn.cold {
        parts.push("cold".to_owned());
    }
    parts.extend(turn.escape.map(|reason| format!("escaped: {}", reason.name())));
    format!("session {short}, turn {}\nat {at}\n{}", place + 1, parts.join(", "))
}
