//! A calibration in pictures: the record against the simulations of it, and the page around them.

use crate::calibrate::advice::advice;
use crate::calibrate::backtest::{BackTest, Compared, FigureAgreement};
use crate::calibrate::observed::ESCAPES_AT;
use crate::calibrate::report::value;
use crate::calibrate::{Agreement, Calibrated};

use super::answer::{Answer, Tone, sentence};
use super::chart::{Axis, Dash, Figure, Format, Ink, Mark, Panel, Provenance, Row, Series, Shape};
use super::html::{Cell, Column, Page, Piece, Section, Table};
use super::picture::Chart;
use crate::units::{agree, count};

/// The charts of a calibration: those for which there is something to draw.
pub fn charts(calibrated: &Calibrated) -> Vec<Chart> {
    let of = [("calibration-tail", tail(calibrated)), ("calibration-accounts", accounts(calibrated))];
    let of = of.into_iter().chain([("calibration-escapes", escapes(calibrated))]);
    of.filter_map(|(name, figure)| Some(Chart { name: name.to_owned(), figure: figure? })).collect()
}

/// The page of a calibration; `command` makes it again.
pub fn page(calibrated: &Calibrated, command: &str) -> Page {
    let section = |heading: &str, figure: Option<Figure>, line: &str| {
        let pieces = vec![Piece::Line(line.to_owned()), Piece::Chart(Box::new(figure?))];
        Some(Section { heading: heading.to_owned(), pieces })
    };
    let drawn = [
        section(
            "How slow the slowest were",
            tail(calibrated),
            "Every answer of the period, whichever account gave it.",
        ),
        section("Account by account", accounts(calibrated), "The median time to first token of each account."),
        section(
            "Escapes over time",
            escapes(calibrated),
            "How many requests left their account for its health or load.",
        ),
    ];
    let mut sections: Vec<Section> = drawn.into_iter().flatten().collect();
    let mut tables = vec![Piece::Table(table("The whole period, fitted to all of it", &calibrated.back_test))];
    if let Some((split, test)) = &calibrated.validation {
        tables.push(Piece::Table(table(&format!("Fitted to the first {split:.0} s, the rest compared"), test)));
    }
    sections.push(Section { heading: "Every figure".to_owned(), pieces: tables });
    Page {
        title: "Calibration: record against simulation".to_owned(),
        provenance: provenance(calibrated),
        answer: answer(calibrated),
        notes: calibrated.input.notes.clone(),
        tiles: Vec::new(),
        sections,
        scenario: calibrated.scenario.clone(),
        command: command.to_owned(),
        reproduce: Vec::new(),
    }
}

/// The verdict with what follows from it.
fn answer(calibrated: &Calibrated) -> Answer {
    let [agrees, off, open] = calibrated.back_test.counts();
    let (sentence, tone) = match calibrated.verdict {
        Agreement::Agrees => ("The simulations do what really happened", Tone::Good),
        Agreement::Off => ("The simulations do not do what really happened", Tone::Bad),
        Agreement::TooLittle => {
            ("There is too little data to say whether the simulations do what really happened", Tone::Undecided)
        }
    };
    let are = |n: usize| agree(n as u64, "is", "are");
    let verb = agree(agrees as u64, "agrees", "agree");
    let sentence = format!(
        "{sentence}: {} {verb}, {off} {} off, {open} {} undecided.",
        count(agrees as u64, "figure"),
        are(off),
        are(open)
    );
    let mut answer = Answer::plain(sentence, tone, advice(calibrated).into_iter().map(said));
    for resolution in &calibrated.resolution {
        answer.point(format!("By this log, {}.", resolution.words()), Tone::Neutral);
    }
    if !calibrated.gateway.is_empty() {
        answer.point(said(calibrated.gateway.clone()), Tone::Neutral);
    }
    answer
}

/// What is a clause elsewhere, as a sentence.
fn said(clause: String) -> String {
    sentence(&[clause])
}

fn provenance(calibrated: &Calibrated) -> Provenance {
    Provenance {
        scenario: "calibrated".to_owned(),
        seed: String::new(),
        replications: u32::try_from(calibrated.back_test.replications).ok(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

const RECORDED: &str = "recorded";
const SIMULATED: &str = "simulated, middle";
const RANGE: &str = "range of the simulations";
const WOULD_LIE: &str = "where one more simulation would lie";

fn figure(calibrated: &Calibrated, title: String, subtitle: &str, panel: Panel, height: f64) -> Figure {
    Figure {
        title,
        subtitle: subtitle.to_owned(),
        rows: vec![Row { height, panels: vec![panel] }],
        legend: vec![RECORDED.to_owned(), SIMULATED.to_owned(), RANGE.to_owned()],
        notes: Vec::new(),
        provenance: provenance(calibrated),
    }
}

/// The share of answers that were slower than each time.
fn tail(calibrated: &Calibrated) -> Option<Figure> {
    let tails = &calibrated.tails;
    let slowest = |of: &dyn Fn(usize) -> f64| {
        let at = (0..tails.len()).find(|&at| of(at) <= 0.01)?;
        Some(Format::Seconds.value(tails[at].ttft_ms / 1e3))
    };
    let (recorded, simulated) = (slowest(&|at| tails[at].recorded)?, slowest(&|at| tails[at].simulated.1)?);
    let x = Axis::log("upstream TTFT (s)", Format::Seconds);
    let y = Axis::log("share of answers slower", Format::Percent);
    let line = |of: &dyn Fn(usize) -> f64| (0..tails.len()).map(|at| (tails[at].ttft_ms / 1e3, of(at))).collect();
    // zero has no place on a logarithmic axis: the band ends at the least share that there is
    let shares = tails.iter().flat_map(|each| [each.recorded, each.simulated.0, each.simulated.2]);
    let least = shares.filter(|&share| share > 0.0).fold(1.0, f64::min);
    let range = tails.iter().filter(|each| each.simulated.2 > 0.0);
    let range = range.map(|each| (each.ttft_ms / 1e3, each.simulated.0.max(least), each.simulated.2)).collect();
    let middle = Mark::Line { points: line(&|at| tails[at].simulated.1), dash: Dash::Dashed, marker: None };
    let record = Mark::Line { points: line(&|at| tails[at].recorded), dash: Dash::Solid, marker: None };
    let panel = Panel::new("", x, y)
        .with(Series::new(RANGE, Ink::B, Mark::Band { points: range, opacity: 0.25 }))
        .with(Series::new(SIMULATED, Ink::B, middle))
        .with(Series::new(RECORDED, Ink::A, record));
    let title = format!("1 % of the answers took {recorded} or more in the record, {simulated} in simulations");
    Some(figure(calibrated, title, "Both axes are logarithmic.", panel, 300.0))
}

/// Where simulations lie: least, middle, greatest.
fn simulated(figure: &Compared) -> Option<(f64, f64, f64)> {
    let (_, low, high) = figure.ratio?;
    let (recorded, middle) = (figure.recorded?, figure.simulated?);
    // ratios are of the record to the simulations
    Some(if recorded > 0.0 { (recorded / high, middle, recorded / low) } else { (middle, middle, middle) })
}

/// An account's id, its median, and where one more simulation would lie (from, middle, to).
type Median<'a> = (&'a str, &'a Compared, (f64, f64, f64));
/// A part of the period (from, to in seconds), its escapes, and where one more simulation would lie.
type Part<'a> = (f64, f64, &'a Compared, (f64, f64, f64));

/// The median of each account.
fn accounts(calibrated: &Calibrated) -> Option<Figure> {
    let medians: Vec<Median<'_>> = calibrated
        .back_test
        .figures
        .iter()
        .filter_map(|figure| {
            let id = figure.name.strip_prefix("accounts.")?.strip_suffix(".ttft_ms.p50")?;
            Some((id, figure, simulated(figure)?))
        })
        .collect();
    let off = |figure: &Compared| matches!(figure.judgement, FigureAgreement::Off(_));
    let wrong: Vec<&str> = medians.iter().filter(|(_, figure, _)| off(figure)).map(|(id, ..)| *id).collect();
    let title = match &wrong[..] {
        _ if medians.is_empty() => return None,
        [] => "The median of every account agrees".to_owned(),
        [one] => format!("The median of account {one} is off"),
        many => format!("The medians of accounts {} are off", many.join(", ")),
    };
    let y = Axis::names("", medians.iter().map(|(id, ..)| format!("account {id}")).collect());
    let rows = |of: &dyn Fn(&Median<'_>) -> (f64, f64, f64)| {
        let row = |(at, each): (usize, &Median<'_>)| {
            let (low, middle, high) = of(each);
            (at as f64, low / 1e3, middle / 1e3, high / 1e3)
        };
        medians.iter().enumerate().map(row).collect::<Vec<_>>()
    };
    let recorded = |each: &Median<'_>| (f64::NAN, each.1.recorded.unwrap_or(f64::NAN), f64::NAN);
    let panel = Panel::new("", Axis::log("median upstream TTFT (s)", Format::Seconds), y)
        .with(Series::new(SIMULATED, Ink::B, Mark::Intervals { rows: rows(&|each| each.2), shape: Shape::Ring }))
        .with(Series::new(RECORDED, Ink::A, Mark::Intervals { rows: rows(&recorded), shape: Shape::Disc }));
    let height = 26.0 * medians.len() as f64 + 20.0;
    Some(figure(calibrated, title, "The bars are where one more simulation would lie.", panel, height))
}

/// Escapes in each part of the period.
fn escapes(calibrated: &Calibrated) -> Option<Figure> {
    let parts: Vec<Part<'_>> = calibrated
        .back_test
        .figures
        .iter()
        .filter_map(|figure| {
            let (from, to) = figure.name.strip_prefix(ESCAPES_AT)?.strip_suffix('s')?.split_once('-')?;
            Some((from.parse().ok()?, to.parse().ok()?, figure, simulated(figure)?))
        })
        .collect();
    let total = |of: &dyn Fn(&Part<'_>) -> f64| parts.iter().map(of).sum::<f64>();
    let recorded = total(&|part| part.2.recorded.unwrap_or(0.0));
    let middle = total(&|part| part.3.1);
    if recorded + middle < 0.5 {
        return None;
    }
    // where hardly anything was counted a range has no end: it must not flatten what was seen
    let most = parts.iter().map(|part| part.2.recorded.unwrap_or(0.0).max(part.3.1)).fold(1.0, f64::max);
    let (top, cut) = (4.0 * most, parts.iter().any(|part| part.3.2 > 4.0 * most));
    let band = |&(from, to, _, (low, _, high)): &Part<'_>| {
        let (low, high) = (low.min(top), high.min(top));
        [(from, low, high), (to, low, high)]
    };
    let range = parts.iter().flat_map(band).collect();
    let steps = |of: &dyn Fn(&Part<'_>) -> f64| {
        let points = parts.iter().flat_map(|part| [(part.0, of(part)), (part.1, of(part))]);
        points.collect::<Vec<_>>()
    };
    let record = steps(&|part| part.2.recorded.unwrap_or(0.0));
    let line = |points, dash| Mark::Line { points, dash, marker: None };
    let x = Axis::linear("since the first request", Format::Clock);
    let y = Axis::linear("escapes", Format::Number).with(0.0);
    let panel = Panel::new("", x, y)
        .with(Series::new(WOULD_LIE, Ink::B, Mark::Band { points: range, opacity: 0.25 }))
        .with(Series::new(SIMULATED, Ink::B, line(steps(&|part| part.3.1), Dash::Dashed)))
        .with(Series::new(RECORDED, Ink::A, line(record, Dash::Solid)));
    let title = format!("{recorded:.0} escapes in the record, about {middle:.0} in simulations");
    let mut drawn = figure(calibrated, title, "Counted in six parts of the period.", panel, 220.0);
    if cut {
        drawn.notes.push("The range goes on beyond the upper edge.".to_owned());
    }
    Some(drawn)
}

/// Every figure of a test.
fn table(caption: &str, test: &BackTest) -> Table {
    let column = |name: &str, number: bool| Column { name: name.to_owned(), number };
    let number = |figure: &Compared, of: Option<f64>| {
        let text = value(figure, of);
        of.map_or_else(|| Cell::words(text.clone()), |of| Cell::number(text.clone(), of))
    };
    let row = |figure: &Compared| {
        let (verdict, tone) = match figure.judgement {
            FigureAgreement::Agrees => ("agrees".to_owned(), Tone::Good),
            FigureAgreement::Off(by) => (format!("off by {by:.2}"), Tone::Bad),
            FigureAgreement::Undecided => ("undecided".to_owned(), Tone::Undecided),
        };
        let ratio = figure.ratio.map_or_else(
            || Cell::words("-"),
            |(ratio, low, high)| Cell::number(format!("{ratio:.2} ({low:.2} to {high:.2})"), ratio),
        );
        let recorded = number(figure, figure.recorded);
        let simulated = number(figure, figure.simulated);
        vec![Cell::words(figure.name.clone()), Cell::words(verdict).toned(tone), recorded, simulated, ratio]
    };
    let heads =
        [("figure", false), ("verdict", false), ("recorded", true), ("simulated", true), ("ratio (interval)", true)];
    Table {
        caption: caption.to_owned(),
        columns: heads.iter().map(|&(name, is)| column(name, is)).collect(),
        rows: test.figures.iter().map(row).collect(),
    }
}
