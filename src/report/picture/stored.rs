//! Pictures of results that were stored: the same bytes as those drawn at once, as far as they can be had.

use std::path::PathBuf;

use serde_json::Value;

use super::parts::{charts, provenance, reproduce, reproduce_run, shown, tables};
use super::run::{detected, from, notes, tiles};
use super::{
    Chart, Recording, Sides, comparison_charts, comparison_page, run_charts, run_page, sweep_charts, sweep_page,
    tune_charts, tune_page,
};
use crate::experiment::again::{NotAgain, Stored, first_replication};
use crate::measure::figures::Unit;
use crate::report::ComparisonReport;
use crate::report::answer::{Answer, of_run};
use crate::report::chart::{Distribution, Figure, distribution};
use crate::report::comparison::HEADLINE;
use crate::report::document::{About, Estimate, ResultDocument, difference};
use crate::report::format;
use crate::report::html::{Cell, Column, Page, Piece, Section, Table, Tone};
use crate::report::result::{Loaded, ResultFile};
use crate::report::summary::sections;

/// What was drawn of a result, or of several.
#[derive(Debug)]
pub struct Drawn {
    /// The charts.
    pub charts: Vec<Chart>,
    /// The page.
    pub page: Page,
    /// What was left out, and why, for people.
    pub left_out: Vec<String>,
}

/// Draws one result. Files that its scenario names are looked for in `folders`; `command` makes the page again.
pub fn draw(loaded: Loaded, folders: &[PathBuf], command: &str) -> Drawn {
    let Loaded { path, result, version } = loaded;
    let without = |what: &str, why: NotAgain| format!("{}: {what} left out: {why}", path.display());
    let mut left_out = Vec::new();
    let (mut charts, mut page) = match result {
        ResultFile::Sweep(report) => (sweep_charts(&report), sweep_page(&report, command)),
        ResultFile::Tune(report) => (tune_charts(&report), tune_page(&report, command)),
        ResultFile::Comparison(report) => {
            let sides = comparison_again(&report, &version, folders);
            let sides = sides.map_err(|why| left_out.push(without("the distributions are", why))).ok();
            (comparison_charts(&report, sides.as_ref()), comparison_page(&report, sides.as_ref(), command))
        }
        ResultFile::Run(mut document, json) => match run_again(&mut document, &json, &version, folders) {
            Ok(recording) => (run_charts(&document, &recording), run_page(&document, &recording, command)),
            Err(why) => {
                left_out.push(without("accounts over time, distributions and journeys of sessions are", why));
                (document_charts(&document), document_page(&document, command))
            }
        },
    };
    for chart in &mut charts {
        chart.figure.provenance.version.clone_from(&version);
    }
    page.notes.extend(left_out.iter().cloned());
    stamp(&mut page, &version);
    Drawn { charts, page, left_out }
}

/// Runs the first replication of a run's document again and records it. Completes in the document what only the files
/// of its scenario say. `json` is the document as it was read.
fn run_again(
    document: &mut ResultDocument,
    json: &Value,
    made_by: &str,
    folders: &[PathBuf],
) -> Result<Recording, NotAgain> {
    let about = &document.about;
    let stored = Stored { name: &about.name, made_by, folders };
    let (recording, baseline) = stored.again([&about.scenario], |[lowered]| {
        let recording = Recording::new(&lowered.measure, &lowered.accounts, &lowered.account_names);
        let seen = first_replication(lowered, about.seed, recording)?;
        let about = About { account_names: lowered.account_names.clone(), ..about.clone() };
        let again = ResultDocument::new(about, std::slice::from_ref(&seen.run.results));
        let again: Value = serde_json::from_str(&again.to_json()).unwrap_or_default();
        if let Some(difference) = difference(json, &again, document.replications) {
            return Err(NotAgain::Differs(difference));
        }
        let without = Recording::without_escape(lowered, document.about.seed)?;
        Ok((seen.observer.against(without), lowered.healthy_ttft_ms()))
    })?;
    document.about.baseline_ms = baseline;
    Ok(recording)
}

/// Runs the first replication of both sides of a comparison again.
fn comparison_again(report: &ComparisonReport, made_by: &str, folders: &[PathBuf]) -> Result<Sides, NotAgain> {
    let stored = Stored { name: &report.name, made_by, folders };
    let [a, b] = &report.scenarios;
    stored.again([a, b], |[a, b]| {
        let (sides, first) = Sides::record(a, b)?;
        if first != report.comparison.first {
            return Err(NotAgain::Differs("its decisions are other ones".to_owned()));
        }
        Ok(sides)
    })
}

/// The version that made the figures belongs to them, not the one that draws.
fn stamp(page: &mut Page, version: &str) {
    page.provenance.version = version.to_owned();
    for (_, value) in page.reproduce.iter_mut().filter(|(name, _)| name == "stickysim") {
        *value = version.to_owned();
    }
}

/// The charts of a run of which only its document is there.
fn document_charts(document: &ResultDocument) -> Vec<Chart> {
    if document.conditions.is_empty() { Vec::new() } else { vec![Chart::new("detection", detected(document))] }
}

fn document_page(document: &ResultDocument, command: &str) -> Page {
    let about = &document.about;
    let from = from(document);
    let mut parts: Vec<Section> =
        document_charts(document).into_iter().map(|chart| charts("Conditions", [chart.figure])).collect();
    parts.extend(tables(&sections(document), "Figures"));
    Page {
        title: about.name.clone(),
        reproduce: reproduce_run(&from, &document.about.settings),
        provenance: from,
        answer: of_run(document),
        notes: notes(document),
        tiles: tiles(document),
        sections: parts,
        scenario: shown(&about.scenario),
        command: command.to_owned(),
    }
}

/// Draws the distributions of several runs into one chart, under these names. Results that are none of a run, or cannot
/// be simulated again, are left out.
pub fn draw_runs(all: Vec<(String, Loaded)>, folders: &dyn Fn(&Loaded) -> Vec<PathBuf>, command: &str) -> Drawn {
    let (mut runs, mut left_out): (Vec<(String, ResultDocument, Recording)>, _) = (Vec::new(), Vec::new());
    let mut version = String::new();
    for (name, loaded) in all {
        let folders = folders(&loaded);
        let Loaded { path, result: ResultFile::Run(mut document, json), version: made_by } = loaded else { continue };
        match run_again(&mut document, &json, &made_by, &folders) {
            Ok(recording) => runs.push((name, *document, recording)),
            Err(why) => left_out.push(format!("{} is left out: {why}", path.display())),
        }
        version = made_by;
    }
    let once = |of: &dyn Fn(&ResultDocument) -> String| {
        let mut all: Vec<String> = runs.iter().map(|(_, document, _)| of(document)).collect();
        all.sort();
        all.dedup();
        all.join(", ")
    };
    let from = provenance(&once(&|d| d.about.name.clone()), &once(&|d| d.about.seed.to_string()), None);
    let slos: Vec<f64> = runs.iter().map(|(_, document, _)| document.about.settings.slo_ttft.millis()).collect();
    let mut figure: Figure = distribution(&Distribution {
        provenance: from.clone(),
        sides: runs.iter().map(|(name, _, recording)| recording.side(name)).collect(),
        slo_ms: slos.first().copied().filter(|slo| slos.iter().all(|other| other == slo)),
    });
    figure.title = format!("Felt TTFT: {}", from.scenario);
    if runs.iter().any(|(_, document, _)| document.replications > 1) {
        figure.notes.push("Of the first replication of each.".to_owned());
    }
    let several = runs.len();
    let scenarios = runs.iter().map(|(name, document, _)| format!("{name}:\n{}", shown(&document.about.scenario)));
    let mut page = Page {
        title: format!("{several} runs: {}", from.scenario),
        reproduce: reproduce(&from),
        provenance: from,
        answer: Answer::new(comparison_of(&runs), Tone::Neutral),
        notes: left_out.clone(),
        sections: vec![charts("Distribution", [figure.clone()]), figures(&runs)],
        scenario: scenarios.collect(),
        command: command.to_owned(),
        ..Page::default()
    };
    stamp(&mut page, &version);
    let charts = if runs.is_empty() { Vec::new() } else { vec![Chart::new("distribution", figure)] };
    Drawn { charts, page, left_out }
}

fn comparison_of(runs: &[(String, ResultDocument, Recording)]) -> String {
    let p99 = |(name, document, _): &(String, ResultDocument, Recording)| {
        let path =
            ["sessions.worst_ttft_ms.p99", "felt_ttft_ms.p99"].into_iter().find(|path| document.get(path).is_some())?;
        Some(format!("{} in {name}", format::figure(document.get(path), Unit::Ms)))
    };
    let all: Vec<String> = runs.iter().filter_map(p99).collect();
    match all.as_slice() {
        [] => "No run could be drawn.".to_owned(),
        all => format!("The slowest 1 % of sessions had a turn of {} or more.", all.join(", ")),
    }
}

fn figures(runs: &[(String, ResultDocument, Recording)]) -> Section {
    let column = |name: &str, number| Column { name: name.to_owned(), number };
    let mut columns = vec![column("figure", false)];
    columns.extend(runs.iter().map(|(name, ..)| column(name, true)));
    let row = |path: &&str| {
        let found: Vec<Option<Estimate>> = runs.iter().map(|(_, document, _)| document.get(path)).collect();
        let unit =
            runs.iter().find_map(|(_, document, _)| document.figures.iter().find(|figure| figure.meta.path == *path));
        let unit = unit.map_or(Unit::Plain, |figure| figure.meta.unit);
        let cell = |value: &Option<Estimate>| {
            Cell::number(format::figure(*value, unit), value.map_or(f64::NAN, Estimate::mean))
        };
        found
            .iter()
            .any(Option::is_some)
            .then(|| std::iter::once(Cell::words((*path).to_owned())).chain(found.iter().map(cell)).collect::<Vec<_>>())
    };
    let table = Table { caption: String::new(), columns, rows: HEADLINE.iter().filter_map(row).collect() };
    Section { heading: "Figures".to_owned(), pieces: vec![Piece::Table(table)] }
}
