//! Pictures and the page of a run: what its accounts and sessions went through, beside its figures.

use super::parts::{self, alarms, conditions, provenance, reproduce_run, shown, tables};
use super::sides::Sides;
use super::{Chart, Recording};
use crate::measure::figures::Unit;
use crate::report::answer::of_run;
use crate::report::chart::{Detection, Distribution, Figure, Provenance, detection, distribution, journey, timeline};
use crate::report::document::{Estimate, NamedFigures, ResultDocument};
use crate::report::format;
use crate::report::html::{Page, Piece, STORY_ENDS, Section, Tile, Tone};
use crate::report::summary::sections;
use crate::units::count;

/// Where figures of a run come from.
pub(super) fn from(document: &ResultDocument) -> Provenance {
    let about = &document.about;
    provenance(&about.name, &about.seed.to_string(), Some(document.replications as u64))
}

/// Where pictures of its first replication come from.
fn from_first(document: &ResultDocument) -> Provenance {
    Provenance { replications: None, ..from(document) }
}

/// What must be known beside the figures, each once.
pub(super) fn notes(document: &ResultDocument) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for remark in &document.remarks {
        let text = remark.text(document.replications, "replications");
        if !notes.contains(&text) {
            notes.push(text);
        }
    }
    notes
}

/// All charts of a run.
pub fn run_charts(document: &ResultDocument, recording: &Recording) -> Vec<Chart> {
    let from = from_first(document);
    let mut charts = Vec::from(incident_charts(document, recording));
    charts.extend([
        Chart::new("timeline", timeline(&recording.timeline(from.clone()))),
        Chart::new("distribution", distributions(document, recording)),
    ]);
    if !document.conditions.is_empty() {
        charts.push(Chart::new("detection", detected(document)));
    }
    charts.extend(recording.journeys(&from).first().map(|(_, session)| Chart::new("journey", journey(session))));
    charts
}

/// What happened, and who suffered.
fn incident_charts(document: &ResultDocument, recording: &Recording) -> [Chart; 2] {
    let sides = Sides::of(recording);
    parts::incident_charts(&sides, &from(document), &of_run(document).sentence, &document.about.scenario)
}

/// The page of a run as a story: what happened, when it was seen, who suffered, what it cost, what to change; then the
/// details. `command` made it.
pub fn run_page(document: &ResultDocument, recording: &Recording, command: &str) -> Page {
    let first = from_first(document);
    let chart = |figure: Figure| Piece::Chart(Box::new(figure));
    let mut remaining = tables(&sections(document), "The run");
    let mut take = |heading: &str| -> Vec<Piece> {
        let place = remaining.iter().position(|section| section.heading.starts_with(heading));
        place.map_or_else(Vec::new, |place| remaining.remove(place).pieces)
    };
    let [incident, suffered] = incident_charts(document, recording).map(|found| chart(found.figure));
    let mut story = vec![("What happened", vec![incident])];
    let mut seen = take("Detection");
    if !document.conditions.is_empty() {
        seen.insert(0, chart(detected(document)));
    }
    story.push(("When it was seen", seen));
    let mut who = vec![suffered];
    who.extend(first_only(document));
    who.push(chart(distributions(document, recording)));
    let journeys = recording.journeys(&first);
    if !journeys.is_empty() {
        who.push(Piece::Line(format!("Turn by turn, {}:", sessions_shown(journeys.len()))));
        who.push(Piece::Sessions(journeys));
    }
    who.extend(take("Tail latency"));
    story.push(("Who suffered", who));
    story.push(("What it cost", take("Escapes").into_iter().chain(take("Cost")).collect()));
    let mut change: Vec<Piece> = bought(document, recording).map(Piece::Line).into_iter().collect();
    change.extend(advice(document));
    story.push((STORY_ENDS, change));
    let timeline = first_only(document).chain([chart(timeline(&recording.timeline(first.clone())))]);
    story.push(("Accounts over time", timeline.collect()));
    let story = story.into_iter().filter(|(_, pieces)| !pieces.is_empty());
    let mut parts: Vec<Section> =
        story.map(|(heading, pieces)| Section { heading: heading.to_owned(), pieces }).collect();
    parts.extend(remaining);
    let from = from(document);
    Page {
        title: document.about.name.clone(),
        reproduce: reproduce_run(&from, &document.about.settings),
        provenance: from,
        answer: of_run(document),
        notes: notes(document),
        tiles: tiles(document),
        sections: parts,
        scenario: shown(&document.about.scenario),
        command: command.to_owned(),
    }
}

fn sessions_shown(count: usize) -> String {
    if count == 1 {
        "the session that suffered most".to_owned()
    } else {
        format!("the {count} sessions that suffered most")
    }
}

/// What escape spares users here, by the one run on the same luck without it; `None` where there is none.
fn bought(document: &ResultDocument, recording: &Recording) -> Option<String> {
    let [off, on] = [recording.without()?.stuck(), recording.stuck()];
    let sessions = count(off, "session");
    let instead = if off == on { "as with escape on".to_owned() } else { format!("instead of {on}") };
    let first = if document.replications > 1 { " (the first replication)" } else { "" };
    Some(format!("With escape off, {sessions} got stuck on the same luck, {instead}{first}."))
}

/// What the answer advises, which is its last point.
fn advice(document: &ResultDocument) -> Vec<Piece> {
    of_run(document).points.pop().map(|point| Piece::Line(point.text)).into_iter().collect()
}

/// What must be said of charts of one replication among several.
fn first_only(document: &ResultDocument) -> impl Iterator<Item = Piece> {
    let several = document.replications > 1;
    several.then(|| Piece::Line("Of the first replication.".to_owned())).into_iter()
}

fn distributions(document: &ResultDocument, recording: &Recording) -> Figure {
    distribution(&Distribution {
        provenance: from_first(document),
        sides: vec![recording.side(&document.about.name)],
        slo_ms: Some(document.about.settings.slo_ttft.millis()),
    })
}

pub(super) fn detected(document: &ResultDocument) -> Figure {
    let paths: Vec<String> = document.conditions.iter().map(|of| format!("conditions.{}.onsets", of.name)).collect();
    let get = |path: &str| {
        let of =
            |of: &NamedFigures| of.get(path.strip_prefix("conditions.")?.strip_prefix(&of.name)?.strip_prefix('.')?);
        document.conditions.iter().find_map(of).map(Estimate::mean)
    };
    let mode = document.about.settings.mode;
    // where there is no gate, scores and cooldowns take sessions away
    let seen_by = if mode.has_gate() { "the gate".to_owned() } else { format!("the mode {}", mode.name()) };
    detection(&Detection {
        provenance: from(document),
        seen_by,
        conditions: conditions(paths.iter().map(String::as_str), &get),
        alarms: alarms("", &|path| document.mean(path)).into_iter().collect(),
        roc: Vec::new(),
        current: None,
    })
}

/// The figures that come first: title, path, unit, and the path of what stands under it.
const TILES: [(&str, &str, Unit, &str, &str); 8] = [
    ("Worst turn of a session, p99", "sessions.worst_ttft_ms.p99", Unit::Ms, "p50", "sessions.worst_ttft_ms.p50"),
    ("Stuck sessions", "sessions.stuck", Unit::Count, "of", "sessions.total"),
    ("Felt TTFT, p99", "felt_ttft_ms.p99", Unit::Ms, "p50", "felt_ttft_ms.p50"),
    ("Escapes", "escapes.total", Unit::Count, "wasted", "escapes.wasted"),
    ("Detection delay, p50", "detection.delay_s.p50", Unit::Seconds, "longest", "detection.delay_s.max"),
    ("Cold turns", "cost.cold_turn_ratio", Unit::Ratio, "turns", "cost.turns"),
    ("Requests", "requests.total", Unit::Count, "failed", "requests.failed"),
    ("Answered within the SLO", "outcomes.goodput_ratio", Unit::Ratio, "requests", "outcomes.goodput"),
];

pub(super) fn tiles(document: &ResultDocument) -> Vec<Tile> {
    let unit_of = |path: &str| {
        document.figures.iter().find(|figure| figure.meta.path == path).map_or(Unit::Plain, |figure| figure.meta.unit)
    };
    TILES
        .iter()
        .filter_map(|&(name, path, unit, word, under)| {
            let value = document.get(path)?;
            let remark = document.get(under).map(|under_it| format::figure(Some(under_it), unit_of(under)));
            Some(Tile {
                name: name.to_owned(),
                value: format::figure(Some(value), unit),
                remark: remark.map_or_else(String::new, |value| format!("{word} {value}")),
                tone: Tone::Neutral,
            })
        })
        .collect()
}
