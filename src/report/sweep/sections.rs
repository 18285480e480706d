//! What a sweep says to people.

use super::{AxisShape, Shape, SweepReport};
use crate::experiment::cell::Figure;
use crate::experiment::choice::SMALLEST;
use crate::experiment::stats::Interval;
use crate::experiment::stats::best::Place;
use crate::experiment::sweep::shape::Inert;
use crate::measure::figures::no_token;
use crate::report::comparison::{amount, signed};
use crate::report::format::share;
use crate::report::summary::{Block, Section, Table};
use crate::units::count;

/// Figures that are shown beside the objectives, as far as there is room: columns with short headings.
const BESIDE: [(&str, &str); 4] = [
    ("felt_ttft_ms.p99", "felt p99"),
    ("sessions.stuck", "stuck"),
    ("escapes.total", "escapes"),
    ("cost.cold_turn_ratio", "cold turns"),
];

/// A point that is not on a plateau is not marked.
const MARK_BEST: &str = "best";
const MARK_PLATEAU: &str = "=";
const MARK_FEW: &str = "?";

pub(super) fn of(report: &SweepReport) -> Vec<Section> {
    all(report, true)
}

/// Below the answer: the points, the regrets of environments, and what must be known.
pub(super) fn brief(report: &SweepReport) -> Vec<Section> {
    all(report, false)
}

fn all(report: &SweepReport, verbose: bool) -> Vec<Section> {
    let mut all = vec![points(report, report.shapes.first())];
    if report.has_environments() {
        all.extend(matrix(report));
    } else if verbose || report.shapes.len() > 1 {
        all.extend(report.shapes.iter().map(|shape| verdicts(report, shape)));
    }
    if let Some(section) = inert_section(report, &report.inert) {
        all.push(section);
    }
    if !report.notes.is_empty() {
        let blocks = report.notes.iter().cloned().map(Block::Remark).collect();
        all.push(Section { title: "Notes on some points".to_owned(), blocks });
    }
    all
}

/// The mark of a point in the table.
fn mark(shape: Option<&Shape>, point: usize) -> &'static str {
    match shape {
        Some(shape) if shape.best == point => MARK_BEST,
        Some(shape) if shape.plateau.contains(&point) => MARK_PLATEAU,
        Some(shape) if shape.too_few.contains(&point) => MARK_FEW,
        _ => "",
    }
}

fn points(report: &SweepReport, shape: Option<&Shape>) -> Section {
    let layout = &report.layout;
    let n = layout.replications();
    let mut blocks = vec![Block::Line(format!(
        "{} with {} each on the same luck, from seed {}",
        count(layout.places().len() as u64, "point"),
        count(n, "replication"),
        report.seed
    ))];
    if n == 1 {
        blocks.push(Block::Remark("one replication has no intervals, so values cannot be distinguished".to_owned()));
    }
    let objectives: Vec<&Figure> = report.shapes.iter().map(|shape| &shape.figure).collect();
    let beside = BESIDE.iter().filter(|(path, _)| objectives.iter().all(|figure| figure.path != *path));
    // more keys leave less room
    let beside = beside.skip(layout.grid().axes().len().saturating_sub(2));
    let columns: Vec<(Figure, String)> = objectives
        .iter()
        .map(|&figure| (figure.clone(), shorter(&figure.path).to_owned()))
        .chain(beside.filter_map(|(path, title)| Some((Figure::of_run(path)?, (*title).to_owned()))))
        .collect();
    let keys: Vec<&str> = layout.grid().axes().iter().map(|axis| short_key(&axis.key)).collect();
    let header: Vec<&str> =
        keys.into_iter().chain(columns.iter().map(|(_, title)| title.as_str())).chain([""]).collect();
    let mut table = Table::new(&header);
    let none = Vec::new();
    let (on_plateau, few) = shape.map_or((&none, &none), |shape| (&shape.plateau, &shape.too_few));
    for (point, place) in layout.places().iter().enumerate() {
        let mut row: Vec<String> =
            (0..layout.grid().axes().len()).map(|axis| layout.label(place, axis).to_owned()).collect();
        row.extend(columns.iter().enumerate().map(|(at, (figure, _))| {
            let mean = report.mean(point, &figure.path);
            // intervals of single points matter for the objectives only: the others are there for orientation
            if at < objectives.len() {
                amount(mean, figure.meta.unit)
            } else {
                amount(mean.map(|m| Interval { lo: None, hi: None, ..m }), figure.meta.unit)
            }
        }));
        row.push(mark(shape, point).to_owned());
        table.row(row);
    }
    blocks.push(Block::Table(table));
    if on_plateau.len() > 1 {
        blocks.push(Block::Line(format!(
            "{MARK_PLATEAU}: as good as the best, less than {} of it away (paired differences, {:.0} % together)",
            share(Some(0.5 * SMALLEST), 1),
            report.level.fraction() * 100.0
        )));
    }
    if !few.is_empty() {
        blocks.push(Block::Line(format!("{MARK_FEW}: too few replications to say")));
    }
    Section { title: report.name.clone(), blocks }
}

/// A key as a heading: its last part, without the word that all of its kind begin with.
pub fn short_key(key: &str) -> &str {
    let last = key.rsplit('.').next().unwrap_or(key);
    last.strip_prefix("sticky_escape_").or_else(|| last.strip_prefix("sticky_session_")).unwrap_or(last)
}

/// A figure's path as a heading: without its group; the section below names it in full.
fn shorter(path: &str) -> &str {
    path.split_once('.').map_or(path, |(_, rest)| if rest.contains('.') { rest } else { path })
}

/// Which values of a key are as good as the best.
fn plateau(axis: &AxisShape, label: &dyn Fn(usize) -> String) -> String {
    let (first, last) = axis.stretch;
    let few = match axis.too_few.as_slice() {
        [] => String::new(),
        few => {
            format!("; too few replications to say: {}", few.iter().map(|&at| label(at)).collect::<Vec<_>>().join(", "))
        }
    };
    if axis.everywhere && axis.members.len() > 1 {
        format!("{}: every value is as good as the best: the key has no effect on this figure that matters", axis.key)
    } else if first == last {
        format!("{}: no value next to it is shown to be as good{few}", axis.key)
    } else {
        format!("{}: plateau from {} to {}{few}", axis.key, label(first), label(last))
    }
}

fn verdicts(report: &SweepReport, shape: &Shape) -> Section {
    let axes = report.layout.grid().axes();
    let label = |key: &str, at: usize| {
        let axis = axes.iter().find(|axis| axis.key == key);
        axis.and_then(|axis| axis.points.get(at)).map_or_else(String::new, |point| point.text.clone())
    };
    let unit = shape.figure.meta.unit;
    let mut blocks = Vec::new();
    let best: Vec<String> =
        shape.axes.iter().map(|axis| format!("{} = {}", axis.key, label(&axis.key, axis.best))).collect();
    blocks.push(Block::Line(format!("best of the values at {}: {}", best.join(", "), amount(Some(shape.mean), unit))));
    for axis in &shape.axes {
        blocks.push(Block::Line(plateau(axis, &|at| label(&axis.key, at))));
        for cliff in &axis.cliffs {
            let by = cliff.worse_by.map_or_else(String::new, |by| format!(" by {:.0} %", by * 100.0));
            blocks.push(Block::Remark(format!(
                "CLIFF between {} and {}: the figure gets worse{by}",
                label(&axis.key, cliff.edge),
                label(&axis.key, cliff.below)
            )));
        }
    }
    if report.shapes.first().is_some_and(|first| first.figure.path == shape.figure.path) {
        blocks.extend(decided(report).into_iter().map(Block::Line));
    }
    if let Some((difference, verdict)) = shape.against_off {
        let size = report.layout.grid().size();
        blocks.push(Block::Line(if no_token::is_score(difference.mean) {
            "escape off has no such figure: it falls among requests without a first token".to_owned()
        } else {
            let (by, words) = (signed(Some(difference), unit), verdict.words());
            format!("against escape off: {by} ({words}; wide enough for the best of {size} values)")
        }));
    }
    Section { title: format!("{} ({})", shape.figure.path, shape.figure.meta.title), blocks }
}

/// What to decide: of one environment which value to take, of several the best of each, and those for the worst case
/// and the mean.
pub(super) fn decided(report: &SweepReport) -> Vec<String> {
    let Some(decision) = &report.decision else { return Vec::new() };
    let name = |at: Option<usize>| at.and_then(|at| decision.decisions.get(at)).map_or("-", String::as_str);
    if !report.has_environments() {
        let of = |place: Place| -> Vec<&str> {
            let all = decision.decisions.iter().zip(&decision.places).enumerate();
            let others = all.filter(|(at, _)| Some(*at) != decision.worst_case);
            others.filter(|(_, (_, found))| **found == place).map(|(_, (name, _))| name.as_str()).collect()
        };
        let (good, best) = (of(Place::AsGood), of(Place::Best));
        let good: Vec<&str> = best.into_iter().chain(good).collect();
        let also = if good.is_empty() { String::new() } else { format!("; as good: {}", good.join(", ")) };
        return vec![format!(
            "{} {}: the cheapest of the values that are as good as the best{also}",
            report.verb(),
            name(decision.worst_case)
        )];
    }
    let mut lines: Vec<String> = decision
        .environments
        .iter()
        .zip(&decision.best)
        .map(|(environment, &best)| format!("best at {environment}: {}", name(best)))
        .collect();
    let percent = |of: Option<f64>| share(of, 0);
    let worst = decision.worst_case.and_then(|at| decision.worst(at));
    lines.push(format!("for the worst case: {} (at most {} from the best)", name(decision.worst_case), percent(worst)));
    let mean = decision.mean.and_then(|at| decision.mean_of(at));
    let equal = decision.weights.windows(2).all(|pair| pair[0] == pair[1]);
    let weights: Vec<String> = decision.weights.iter().map(f64::to_string).collect();
    let weights = if equal { "equal weights".to_owned() } else { format!("weights {}", weights.join(", ")) };
    lines.push(format!("for the mean ({weights}): {} ({} from the best)", name(decision.mean), percent(mean)));
    lines
}

/// The regret of every decision in every environment.
fn matrix(report: &SweepReport) -> Option<Section> {
    let (decision, shape) = (report.decision.as_ref()?, report.shapes.first()?);
    let short = |name: &str| {
        let parts = name.split(' ').map(|set| set.split_once('=').map_or((set, ""), |(key, value)| (key, value)));
        parts.map(|(key, value)| format!("{} {value}", short_key(key)).trim().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let titles: Vec<String> = decision.environments.iter().map(|name| short(name)).collect();
    let header: Vec<&str> =
        std::iter::once("regret").chain(titles.iter().map(String::as_str)).chain(["worst", "mean"]).collect();
    let mut table = Table::new(&header);
    let percent = |of: Option<f64>| share(of, 1);
    for (at, name) in decision.decisions.iter().enumerate() {
        let mut row = vec![if name.contains('=') { short(name) } else { name.clone() }];
        row.extend((0..decision.environments.len()).map(|e| percent(decision.regret(at, e))));
        row.extend([percent(decision.worst(at)), percent(decision.mean_of(at))]);
        table.row(row);
    }
    let mut blocks: Vec<Block> = decided(report).into_iter().map(Block::Line).collect();
    blocks.push(Block::Table(table));
    blocks.push(Block::Line(format!(
        "regret: distance to the best decision of the same environment, as a share of its {}",
        shape.figure.path
    )));
    Some(Section { title: "What to decide".to_owned(), blocks })
}

fn inert_section(report: &SweepReport, inert: &[Inert]) -> Option<Section> {
    let axes = report.layout.grid().axes();
    let mut blocks = Vec::new();
    for (axis, found) in axes.iter().zip(inert) {
        if found.wholly && axis.points.len() > 1 {
            blocks.push(Block::Remark(format!(
                "INERT: no value of {} changed any decision of the scheduler in any replication (exit status 4)",
                found.key
            )));
        } else {
            blocks.extend(found.stretches.iter().map(|range| {
                let (first, last) = (&axis.points[range.start].text, &axis.points[range.end - 1].text);
                Block::Line(format!("{}: from {first} to {last} no decision differs", found.key))
            }));
        }
    }
    (!blocks.is_empty()).then(|| Section { title: "Inert stretches".to_owned(), blocks })
}
