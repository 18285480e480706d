//! Pictures and the page of a search: its arms over the key, and the confirmation of the best on fresh luck.

use super::Chart;
use super::compare::difference;
use super::keys::Key;
use super::parts::{axis_label, charts, estimate, format_of, provenance, reproduce, shown, tables, titled};
use crate::experiment::grid::indices;
use crate::experiment::stats::{Interval, Paired, Verdict};
use crate::experiment::tune::{Advice, Arm, ConfirmedRow, DEFAULT, OFF};
use crate::experiment::vary::Axis;
use crate::measure::figures::Unit;
use crate::report::TuneReport;
use crate::report::answer::{of_tune, plain};
use crate::report::chart::{
    Comparison, Figure, Format, HeatMap, KeyMarks, KeySearch, Provenance, Searched, compare, heat_map, key_search,
};
use crate::report::comparison::amount;
use crate::report::html::{Page, Section, Tile, Tone};
use crate::report::printed::Report as _;

/// All charts of a search.
pub fn tune_charts(report: &TuneReport) -> Vec<Chart> {
    let (name, mut figure) = match report.axes.len() {
        1 => ("search", one_key(report)),
        _ => ("heat-map", heat(report)),
    };
    figure.title = titled(&report.scenarios.join(", "), &report.sentence());
    let mut all = vec![Chart::new(name, figure)];
    all.extend(confirmed(report, DEFAULT).map(|figure| Chart::new("confirmation", figure)));
    all.extend(confirmed(report, OFF).map(|figure| Chart::new("confirmation-off", figure)));
    all
}

/// The page of a search; `command` made it.
pub fn tune_page(report: &TuneReport, command: &str) -> Page {
    let from = from(report, None);
    let mut sections: Vec<Section> = Vec::new();
    for chart in tune_charts(report) {
        let heading = match chart.name.as_str() {
            "confirmation" => "Against the scenario as it stands",
            "confirmation-off" => "Against escape off",
            _ => "The values that were searched",
        };
        sections.push(charts(heading, [chart.figure]));
    }
    sections.extend(tables(&report.sections(), "The search"));
    if let Some(yaml) = report.config() {
        let pieces = vec![crate::report::html::Piece::Code(yaml)];
        sections.insert(0, Section { heading: "For the gateway's config".to_owned(), pieces });
    }
    let scenario = |(name, effective): (&String, &serde_json::Value)| match report.scenarios.len() {
        1 => shown(effective),
        _ => format!("{name}:\n{}", shown(effective)),
    };
    Page {
        title: format!("Tuning {}", report.keys().join(", ")),
        reproduce: reproduce(&from),
        provenance: from,
        answer: of_tune(report),
        notes: Vec::new(),
        tiles: tiles(report),
        sections,
        scenario: report.scenarios.iter().zip(&report.effective).map(scenario).collect(),
        command: command.to_owned(),
    }
}

fn from(report: &TuneReport, replications: Option<u64>) -> Provenance {
    let mut seeds: Vec<String> = report.seeds.iter().map(u64::to_string).collect();
    seeds.dedup();
    provenance(&report.scenarios.join(", "), &seeds.join(", "), replications)
}

/// The arm so many from the end: 2 is the scenario as it stands, 1 is escape off.
fn reference(report: &TuneReport, from_end: usize) -> Option<&Arm> {
    report.tuned.arms.len().checked_sub(from_end).and_then(|at| report.tuned.arms.get(at))
}

/// Values of arms of the grid.
fn grid(report: &TuneReport) -> &[Arm] {
    report.tuned.arms.get(..report.tuned.arms.len().saturating_sub(2)).unwrap_or_default()
}

fn best_word(report: &TuneReport) -> &'static str {
    if report.tuned.advice == Advice::Change { "chosen" } else { "best other" }
}

/// What has no place on an axis of values.
fn notes(report: &TuneReport) -> Vec<String> {
    let mut notes = Vec::new();
    match report.tuned.advice {
        Advice::Inert => notes.push("Inert: no value changed any decision of the scheduler.".to_owned()),
        Advice::NothingFeasible => notes.push("Every value is shown to break a constraint.".to_owned()),
        Advice::Change | Advice::Keep if report.challenger_is_off() => {
            notes.push(format!("{}: escape off.", capitalised(best_word(report))));
        }
        Advice::Change | Advice::Keep => {}
    }
    if let Some(regret) = reference(report, 2).and_then(|arm| arm.regret) {
        notes.push(format!("Worst regret as it stands: {}.", Format::Percent.value(regret)));
    }
    notes
}

fn capitalised(word: &str) -> String {
    let mut rest = word.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn one_key(report: &TuneReport) -> Figure {
    let key = Key::new(&report.axes[0]);
    let tuned = &report.tuned;
    let arms = grid(report);
    let (format, factor) = format_of(report.objective.meta.unit);
    let off = reference(report, 1);
    let (own, mut notes) = own_value(report, &key);
    // what there is was measured as well, and belongs to the curve where it is none of the values
    let is_value = |own: f64| key.at.iter().any(|&at| (at - own).abs() <= 1e-9 * own.abs());
    let between = own.filter(|&own| !is_value(own) && key.is_number());
    let as_it_stands = between.and_then(|at| Some((at, reference(report, 2)?)));
    let drawn = || arms.iter().chain(as_it_stands.map(|(_, arm)| arm));
    let scenario = |(i, name): (usize, &String)| {
        let mean = |arm: &Arm| estimate(arm.means.get(i).copied().flatten()).scaled(factor);
        Searched {
            scenario: name.clone(),
            values: drawn().map(mean).collect(),
            off: off.map_or(f64::NAN, |off| mean(off).value),
        }
    };
    let inert = tuned.advice == Advice::Inert;
    let best = tuned.challenger.filter(|&best| best < arms.len() && !inert);
    let default = key.default();
    // the mark is what the report advises
    let keeps = tuned.advice == Advice::Keep;
    let taken = if keeps { own } else { best.map(|best| key.at[best]) };
    let place = taken.and_then(|taken| key.at.iter().position(|&at| (at - taken).abs() <= 1e-9 * taken.abs()));
    if let Some(best) = best.filter(|_| keeps) {
        notes.push(format!("The best of the other values is {}.", key.name(best)));
    }
    key_search(&KeySearch {
        provenance: from(report, None),
        at: key.at.iter().copied().chain(as_it_stands.map(|(at, _)| at)).collect(),
        figure: axis_label(report.objective.meta),
        format,
        scenarios: report.scenarios.iter().enumerate().map(scenario).collect(),
        regret: drawn().map(|arm| arm.regret.unwrap_or(f64::NAN)).collect(),
        regret_off: off.and_then(|off| off.regret).unwrap_or(f64::NAN),
        marks: KeyMarks {
            default,
            own: own.filter(|own| Some(*own) != taken),
            best: taken,
            best_word: if keeps { "keep" } else { "take" }.to_owned(),
            plateau: place.and_then(|place| stretch(&tuned.plateau, place, &key.at)),
            plateau_word: "as good:".to_owned(),
            undecided: Vec::new(),
        },
        notes,
        key: key.chart,
    })
}

/// The key's value as it stands, and what must be said; `None` where scenarios differ in it.
fn own_value(report: &TuneReport, key: &Key<'_>) -> (Option<f64>, Vec<String>) {
    let mut own: Vec<Option<f64>> = report.effective.iter().map(|scenario| key.own(scenario)).collect();
    own.dedup();
    let mut notes = notes(report);
    match own.as_slice() {
        [own] => (*own, notes),
        _ => {
            notes.push("The scenarios' own values differ.".to_owned());
            (None, notes)
        }
    }
}

/// The unbroken stretch of the plateau around the best value.
fn stretch(plateau: &[usize], best: usize, at: &[f64]) -> Option<(f64, f64)> {
    let (mut first, mut last) = (best, best);
    while first > 0 && plateau.contains(&(first - 1)) {
        first -= 1;
    }
    while plateau.contains(&(last + 1)) {
        last += 1;
    }
    let (first, last) = (*at.get(first)?, *at.get(last)?);
    Some((first.min(last), first.max(last)))
}

/// Worst regret over the first two keys; further keys are at their best values.
fn heat(report: &TuneReport) -> Figure {
    let shape: Vec<usize> = report.axes.iter().map(|axis| axis.points.len().max(1)).collect();
    let places = |arm: usize| indices(&shape, arm);
    let arms = grid(report);
    let best = report.tuned.challenger.filter(|&best| best < arms.len());
    // without a best one of the grid: the one that came nearest
    let least = |&(_, a): &(usize, f64), &(_, b): &(usize, f64)| a.total_cmp(&b);
    let nearest = arms.iter().enumerate().filter_map(|(i, arm)| Some((i, arm.regret?))).min_by(least).map(|(i, _)| i);
    let through = places(best.or(nearest).unwrap_or(0));
    let cell = |arm: usize| {
        let at = places(arm);
        (arm < arms.len() && at[2..] == through[2..]).then_some((at[0], at[1]))
    };
    let (x, y) = (&report.axes[0], &report.axes[1]);
    let mut values = vec![vec![f64::NAN; x.points.len()]; y.points.len()];
    for (i, arm) in arms.iter().enumerate() {
        if let Some((column, row)) = cell(i) {
            values[row][column] = arm.regret.unwrap_or(f64::NAN);
        }
    }
    let texts = |axis: &Axis| axis.points.iter().map(|point| point.text.clone()).collect();
    let own: Option<Vec<usize>> = match report.effective.as_slice() {
        [one] => report.axes.iter().map(|axis| Key::new(axis).own_point(one)).collect(),
        _ => None,
    };
    let inert = report.tuned.advice == Advice::Inert;
    let as_it_stands = own.filter(|own| own[2..] == through[2..]).map(|own| (own[0], own[1]));
    let keeps = report.tuned.advice == Advice::Keep;
    let mut figure = heat_map(&HeatMap {
        provenance: from(report, None),
        x_key: x.key.clone(),
        x_values: texts(x),
        y_key: y.key.clone(),
        y_values: texts(y),
        figure: "worst regret".to_owned(),
        format: Format::Percent,
        values,
        best: if keeps { as_it_stands } else { best.filter(|_| !inert).and_then(cell) },
        best_word: if keeps { "keep" } else { "take" }.to_owned(),
        plateau_word: "as good".to_owned(),
        undecided: Vec::new(),
        plateau: if inert { Vec::new() } else { report.tuned.plateau.iter().filter_map(|&arm| cell(arm)).collect() },
        current: as_it_stands,
    });
    figure.subtitle =
        "Each cell: the distance to the best of the scenario where it is largest, as a share of the figure as it \
         stands."
            .to_owned();
    figure.notes.extend(others(report, &through));
    figure.notes.extend(notes(report));
    figure
}

/// Where the keys beyond the first two are held; `None` where there are none.
fn others(report: &TuneReport, through: &[usize]) -> Option<String> {
    let at = |axis: &Axis, place: usize| axis.points.get(place).map_or_else(String::new, |point| point.text.clone());
    let rest = report.axes.iter().zip(through).skip(2);
    let rest: Vec<String> = rest.map(|(axis, &place)| format!("{} = {}", axis.key, at(axis, place))).collect();
    (!rest.is_empty()).then(|| format!("The other keys are at their best: {}.", rest.join(", ")))
}

/// The best against a reference on fresh luck; `None` where nothing was confirmed.
fn confirmed(report: &TuneReport, reference: &str) -> Option<Figure> {
    if report.tuned.confirmed.is_empty() {
        return None;
    }
    let against_default = reference == DEFAULT;
    // against itself there is nothing to see
    if !against_default && report.challenger_is_off() {
        return None;
    }
    let several = report.scenarios.len() > 1;
    let mut rows = Vec::new();
    for found in &report.tuned.confirmed {
        for row in &found.rows {
            let title = plain(&row.figure.path).unwrap_or(row.figure.meta.title);
            let name = if several { format!("{}: {title}", found.scenario) } else { title.to_owned() };
            let (paired, verdict) = against(row, against_default);
            rows.push(difference(&name, row.figure.meta.unit, paired, (verdict, None)));
        }
    }
    let mut figure = compare(&Comparison {
        provenance: from(report, report.tuned.confirmed.first().map(|found| found.replications as u64)),
        a: reference.to_owned(),
        b: report.challenger().map_or_else(String::new, |arm| arm.name.clone()),
        rows,
        level_percent: report.level.fraction() * 100.0,
    });
    figure.notes.push("On seeds that the search had not seen.".to_owned());
    Some(figure)
}

fn against(row: &ConfirmedRow, default: bool) -> (Option<&Paired>, Verdict) {
    if default {
        return (row.default.as_ref(), row.verdict);
    }
    (row.off.as_ref(), Verdict::of(row.off.as_ref(), row.figure.direction()))
}

fn tiles(report: &TuneReport) -> Vec<Tile> {
    let mut all = Vec::new();
    for found in report.tuned.confirmed.iter().take(4) {
        for row in found.rows.iter().take(if report.scenarios.len() > 1 { 1 } else { 6 }) {
            let Some(paired) = row.default.as_ref() else { continue };
            let unit: Unit = row.figure.meta.unit;
            let mean = |of: Interval| amount(Some(Interval { lo: None, hi: None, ..of }), unit);
            let off = row.off.as_ref().map(|off| format!(", off {}", mean(off.a)));
            let title = row.figure.meta.title;
            all.push(Tile {
                name: if report.scenarios.len() > 1 {
                    format!("{title}, {}", found.scenario)
                } else {
                    title.to_owned()
                },
                value: mean(paired.b),
                remark: format!("as it stands {}{}", mean(paired.a), off.unwrap_or_default()),
                tone: match row.verdict {
                    Verdict::Better => Tone::Good,
                    Verdict::Worse => Tone::Bad,
                    _ => Tone::Neutral,
                },
            });
        }
    }
    all
}
