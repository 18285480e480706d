//! Pictures and the page of a run: what its accounts and sessions went through, beside its figures.

use super::parts::{conditions, provenance, reproduce_run, shown, tables};
use super::{Chart, Recording};
use crate::measure::figures::Unit;
use crate::report::chart::{Detection, Distribution, Figure, Provenance, detection, distribution, journey, timeline};
use crate::report::document::{Estimate, NamedFigures, ResultDocument};
use crate::report::format;
use crate::report::html::{Page, Piece, Section, Tile, Tone};
use crate::report::summary::sections;

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
        if !notes.contains(&remark.note.text) {
            notes.push(remark.note.text.clone());
        }
    }
    notes
}

/// All charts of a run.
pub fn run_charts(document: &ResultDocument, recording: &Recording) -> Vec<Chart> {
    let from = from_first(document);
    let mut charts = vec![
        Chart::new("timeline", timeline(&recording.timeline(from.clone()))),
        Chart::new("distribution", distributions(document, recording)),
    ];
    if !document.conditions.is_empty() {
        charts.push(Chart::new("detection", detected(document)));
    }
    charts.extend(recording.journeys(&from).first().map(|(_, session)| Chart::new("journey", journey(session))));
    charts
}

/// The page of a run; `command` made it.
pub fn run_page(document: &ResultDocument, recording: &Recording, command: &str) -> Page {
    let first = from_first(document);
    let (verdict, tone, reasons) = verdict(document);
    let chart = |figure: Figure| Piece::Chart(Box::new(figure));
    let mut charts = vec![Section {
        heading: "Over time".to_owned(),
        pieces: first_only(document).chain([chart(timeline(&recording.timeline(first.clone())))]).collect(),
    }];
    charts.push(Section {
        heading: "Distribution".to_owned(),
        pieces: first_only(document).chain([chart(distributions(document, recording))]).collect(),
    });
    let journeys = recording.journeys(&first);
    if !journeys.is_empty() {
        let about = Piece::Line(format!("The {} sessions with the slowest turns.", journeys.len()));
        let pieces = first_only(document).chain([about, Piece::Sessions(journeys)]).collect();
        charts.push(Section { heading: "Sessions".to_owned(), pieces });
    }
    if !document.conditions.is_empty() {
        charts.push(Section { heading: "Conditions".to_owned(), pieces: vec![chart(detected(document))] });
    }
    charts.extend(tables(&sections(document), "The run"));
    let from = from(document);
    Page {
        title: document.about.name.clone(),
        reproduce: reproduce_run(&from, &document.about.settings),
        provenance: from,
        verdict,
        tone,
        reasons,
        notes: notes(document),
        tiles: tiles(document),
        sections: charts,
        scenario: shown(&document.about.scenario),
        command: command.to_owned(),
    }
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
    detection(&Detection {
        provenance: from(document),
        conditions: conditions(paths.iter().map(String::as_str), &get),
        roc: Vec::new(),
        current: None,
    })
}

/// The verdict in a sentence, whether it is good news, and what belongs to it.
pub(super) fn verdict(document: &ResultDocument) -> (String, Tone, Vec<String>) {
    let show = |path: &str, unit| document.get(path).map(|found| format::figure(Some(found), unit));
    let mean = |path: &str| document.mean(path).unwrap_or(0.0);
    let slo = format::setting(document.about.settings.slo_ttft);
    let (over, p99) = if mean("sessions.total") > 0.0 {
        (show("sessions.over_slo_ratio", Unit::Ratio), show("sessions.worst_ttft_ms.p99", Unit::Ms))
    } else {
        (show("felt_ttft_ms.over_slo_ratio", Unit::Ratio), show("felt_ttft_ms.p99", Unit::Ms))
    };
    let stuck = mean("sessions.stuck");
    let sentence = match (over, p99) {
        (Some(over), Some(p99)) if mean("sessions.total") > 0.0 => {
            let stuck = match stuck {
                0.0 => "none was stuck".to_owned(),
                n => format!("{} {} stuck", format::count(n, None), if n == 1.0 { "was" } else { "were" }),
            };
            format!(
                "{over} of sessions had a turn over the SLO of {slo}, the slowest 1 % one of {p99} or more; {stuck}."
            )
        }
        (Some(over), Some(p99)) => {
            format!("{over} of requests were over the SLO of {slo}, the slowest 1 % waited {p99} or more.")
        }
        _ => "No request had a first token.".to_owned(),
    };
    let mut reasons = Vec::new();
    if mean("detection.onsets") > 0.0 {
        let [seen, onsets] = ["detection.detected", "detection.onsets"].map(|path| format::count(mean(path), None));
        let delay = show("detection.delay_s.p50", Unit::Seconds);
        let delay = delay.map_or_else(String::new, |delay| format!(", half of them within {delay}"));
        reasons.push(format!("The escape gate saw {seen} of {onsets} times that an account became degraded{delay}."));
    }
    if mean("escapes.total") > 0.0 {
        let wasted = show("escapes.wasted_ratio", Unit::Ratio);
        let wasted = wasted.map_or_else(String::new, |share| format!(", {share} of them back to the same account"));
        reasons.push(format!("{} escapes{wasted}.", format::count(mean("escapes.total"), None)));
    } else if document.about.settings.gate.enabled {
        reasons.push("No session escaped.".to_owned());
    } else {
        reasons.push("Sticky escape is off.".to_owned());
    }
    if mean("requests.failed") > 0.0 {
        let [failed, all] = ["requests.failed", "requests.total"].map(|path| format::count(mean(path), None));
        reasons.push(format!("{failed} of {all} requests failed."));
    }
    let tone = match (stuck > 0.0, mean("sessions.over_slo_ratio")) {
        (true, _) => Tone::Warn,
        (false, over) if over > 0.01 => Tone::Neutral,
        _ => Tone::Good,
    };
    (sentence, tone, reasons)
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
