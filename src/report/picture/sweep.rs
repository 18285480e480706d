//! Pictures and the page of a sweep: a key's curves, two keys' heat map, and what a threshold misses or cries wolf
//! about.

use super::Chart;
use super::keys::Key;
use super::parts::{
    IN_ANY_MODE, axis_label, charts, conditions, estimate, format_of, provenance, reproduce, shown, tables,
};
use crate::experiment::cell;
use crate::experiment::sweep::layout::is_threshold;
use crate::measure::figures::no_token;
use crate::report::answer::of_sweep;
use crate::report::chart::{
    ConditionDetection, Detection, Estimate, Figure, Format, HeatMap, KeyMarks, KeySweep, Other, Provenance, RocPoint,
    SweepPoint, detection, heat_map, key_sweep,
};
use crate::report::comparison::amount;
use crate::report::html::{Page, Section, Tile, Tone};
use crate::report::printed::Report as _;
use crate::report::sweep::{Shape, SweepReport, Worth};

/// Figures that the chart of one key shows anyhow.
const SHOWN: [&str; 4] =
    ["sessions.worst_ttft_ms.p50", "sessions.worst_ttft_ms.p95", "sessions.worst_ttft_ms.p99", "cost.cold_turn_ratio"];

/// All charts of a sweep.
pub fn sweep_charts(report: &SweepReport) -> Vec<Chart> {
    let mut all = match report.layout.grid().axes().len() {
        0 => Vec::new(),
        1 => vec![Chart::new("sweep", one_key(report))],
        _ => heat_maps(report),
    };
    all.extend(detected(report).map(|figure| Chart::new("detection", figure)));
    all
}

/// The page of a sweep; `command` made it.
pub fn sweep_page(report: &SweepReport, command: &str) -> Page {
    let from = from(report);
    let keys: Vec<&str> = report.layout.grid().axes().iter().map(|axis| axis.key.as_str()).collect();
    let mut sections: Vec<Section> = Vec::new();
    for chart in sweep_charts(report) {
        let heading = match chart.name.as_str() {
            "detection" => "Detection".to_owned(),
            "sweep" | "heat-map" => format!("Over {}", keys.join(", ")),
            _ => chart.figure.title.split(':').next().unwrap_or_default().to_owned(),
        };
        sections.push(charts(&heading, [chart.figure]));
    }
    sections.extend(tables(&report.sections(), "Points"));
    Page {
        title: format!("{}: {}", report.name, keys.join(", ")),
        reproduce: reproduce(&from),
        provenance: from,
        answer: of_sweep(report),
        notes: report.notes.clone(),
        tiles: tiles(report),
        sections,
        scenario: shown(&report.scenario),
        command: command.to_owned(),
    }
}

fn from(report: &SweepReport) -> Provenance {
    provenance(&report.name, &report.seed.to_string(), Some(report.layout.replications()))
}

/// Without values that changed anything all curves are flat: said under the chart.
fn one_key(report: &SweepReport) -> Figure {
    let axis = &report.layout.grid().axes()[0];
    let key = Key::new(axis);
    let judged = report.shapes.iter().filter(|shape| !SHOWN.contains(&shape.figure.path.as_str()));
    let judged: Vec<&cell::Figure> = judged.map(|shape| &shape.figure).collect();
    let point = |at: f64, point: usize| {
        let mean = |path: &str| estimate(report.mean(point, path));
        // shares of the mean number of requests: how many there are hardly varies
        let requests = report.mean(point, "requests.total").map_or(f64::NAN, |requests| requests.mean);
        let escapes = |reason: &str| mean(&format!("escapes.by_reason.{reason}")).scaled(1_000.0 / requests);
        SweepPoint {
            at,
            worst_turn_ms: ["p50", "p95", "p99"].map(|p| mean(&format!("sessions.worst_ttft_ms.{p}"))),
            escapes_per_1000: ["ttft", "error_rate", "concurrency_full"].map(escapes),
            cold_turn_ratio: mean("cost.cold_turn_ratio"),
            others: judged.iter().map(|figure| mean(&figure.path).scaled(format_of(figure.meta.unit).1)).collect(),
        }
    };
    let off = report.layout.places().iter().position(|place| place.off);
    let mut figure = key_sweep(&KeySweep {
        provenance: from(report),
        name: if is_threshold(&axis.key) { "Escape threshold".to_owned() } else { axis.key.clone() },
        points: key.at.iter().enumerate().map(|(i, &at)| point(at, i)).collect(),
        off: off.map(|off| point(f64::INFINITY, off)),
        marks: KeyMarks {
            default: key.default(),
            own: key.own(&report.scenario),
            best: report.taken().and_then(|taken| key.at.get(taken)).copied(),
            best_word: report.verb().to_owned(),
            plateau: stretch(report, &key),
            plateau_word: "as good and as cheap:".to_owned(),
            undecided: worth(report, &[Worth::TooFew]).filter_map(|point| key.at.get(point)).copied().collect(),
        },
        others: judged
            .iter()
            .map(|figure| Other {
                title: figure.path.clone(),
                label: axis_label(figure.meta),
                format: format_of(figure.meta.unit).0,
            })
            .collect(),
        level_percent: report.level.fraction() * 100.0,
        notes: report.inert_remarks(),
        key: key.chart,
    });
    titled(report, &mut figure);
    figure
}

/// The finding as the title, with the scenario's name.
fn titled(report: &SweepReport, figure: &mut Figure) {
    if let Some(answer) = report.answer() {
        figure.title = super::parts::titled(&report.name, &answer.sentence);
    }
}

/// The unbroken stretch around the one to take of values that are as good and as cheap.
fn stretch(report: &SweepReport, key: &Key<'_>) -> Option<(f64, f64)> {
    let taken = report.taken().filter(|&taken| taken < key.at.len())?;
    let good = |point: usize| matches!(report.worth(point), Some(Worth::Take | Worth::AsGood));
    let first = (0..=taken).rev().take_while(|&point| good(point)).last()?;
    let last = (taken..key.at.len()).take_while(|&point| good(point)).last()?;
    let (first, last) = (key.at[first], key.at[last]);
    (first != last).then_some((first.min(last), first.max(last)))
}

/// The points that are worth this.
fn worth<'a>(report: &'a SweepReport, wanted: &'a [Worth]) -> impl Iterator<Item = usize> + 'a {
    let points = 0..report.layout.grid().size();
    points.filter(|&point| report.worth(point).is_some_and(|found| wanted.contains(&found)))
}

/// One map a figure that values are judged by, over the first two keys; further keys are at their best values.
fn heat_maps(report: &SweepReport) -> Vec<Chart> {
    if report.shapes.is_empty() {
        return vec![Chart::new("heat-map", heat(report, None))];
    }
    let name = |i: usize| if i == 0 { "heat-map".to_owned() } else { format!("heat-map-{}", i + 1) };
    report.shapes.iter().enumerate().map(|(i, shape)| Chart::new(name(i), heat(report, Some(shape)))).collect()
}

fn heat(report: &SweepReport, shape: Option<&Shape>) -> Figure {
    let (places, axes) = (report.layout.places(), report.layout.grid().axes());
    let (x, y) = (&axes[0], &axes[1]);
    // by the first figure it is decided what to take; other figures only show their own best
    let first = report.shapes.first().map(|shape| &shape.figure.path);
    let judged = report.taken().is_some() && shape.map(|shape| &shape.figure.path) == first;
    let plane = shape.map(|shape| if judged { report.taken().unwrap_or(shape.best) } else { shape.best });
    let best = plane.and_then(|point| places.get(point)).filter(|place| !place.off);
    // the cells of the plane through the best point
    let cell = |point: usize| -> Option<(usize, usize)> {
        let place = places.get(point).filter(|place| !place.off)?;
        let same = |i: usize| best.is_none_or(|best| best.values[i] == place.values[i]);
        (2..axes.len()).all(same).then_some((place.values[0]?, place.values[1]?))
    };
    let meta = shape.map(|shape| shape.figure.meta);
    let (format, factor) = meta.map_or((Format::Number, 1.0), |meta| format_of(meta.unit));
    let mut values = vec![vec![f64::NAN; x.points.len()]; y.points.len()];
    if let Some(shape) = shape {
        for point in 0..places.len() {
            if let Some((column, row)) = cell(point) {
                let mean = report.mean(point, &shape.figure.path);
                values[row][column] = mean.map_or(f64::NAN, |mean| no_token::or_nan(mean.mean) * factor);
            }
        }
    }
    let own = |axis| Key::new(axis).own_point(&report.scenario);
    let rest_is_own = (2..axes.len()).all(|i| best.is_some_and(|best| own(&axes[i]) == best.values[i]));
    let mut figure = heat_map(&HeatMap {
        provenance: from(report),
        x_key: x.key.clone(),
        x_values: x.points.iter().map(|point| point.text.clone()).collect(),
        y_key: y.key.clone(),
        y_values: y.points.iter().map(|point| point.text.clone()).collect(),
        figure: meta.map_or_else(|| "no figure".to_owned(), |meta| meta.title.to_owned()),
        format,
        values,
        best: if judged { report.taken().and_then(cell) } else { shape.and_then(|shape| cell(shape.best)) },
        best_word: if judged { report.verb() } else { "best" }.to_owned(),
        plateau: if judged {
            worth(report, &[Worth::Take, Worth::AsGood]).filter_map(cell).collect()
        } else {
            Vec::new()
        },
        plateau_word: "as good and as cheap".to_owned(),
        undecided: if judged { worth(report, &[Worth::TooFew]).filter_map(cell).collect() } else { Vec::new() },
        current: own(x).zip(own(y)).filter(|_| rest_is_own),
    });
    if let Some(best) = best.filter(|_| axes.len() > 2) {
        let rest: Vec<String> =
            (2..axes.len()).map(|i| format!("{} = {}", axes[i].key, report.layout.label(best, i))).collect();
        figure.notes.push(format!("The other keys are at their best: {}.", rest.join(", ")));
    }
    if judged {
        titled(report, &mut figure);
    }
    figure.notes.extend(beyond(report));
    figure.notes.extend(references(report, shape));
    figure.notes.extend(report.inert_remarks());
    figure
}

/// What the scenario has as it stands, where it has no cell.
fn beyond(report: &SweepReport) -> Option<String> {
    let axes = report.layout.grid().axes();
    let missing = axes.iter().any(|axis| Key::new(axis).own_point(&report.scenario).is_none());
    let own = |axis: &crate::experiment::vary::Axis| {
        Some(format!("{}={}", axis.key, crate::experiment::current::text(&report.scenario, &axis.key)?))
    };
    let own: Vec<String> = axes.iter().filter_map(own).collect();
    (missing && own.len() == axes.len()).then(|| format!("Yours, {}, is not among these cells.", own.join(" ")))
}

/// The references with escape off, in words: they have no cell. Many would fill the paper; the tables have them all.
fn references(report: &SweepReport, shape: Option<&Shape>) -> Option<String> {
    const MOST: usize = 5;
    let shape = shape?;
    let off = report.layout.places().iter().enumerate().filter(|(_, place)| place.off);
    let texts: Vec<String> = off
        .map(|(point, place)| {
            let set = report.layout.sets(place).into_iter().filter(|set| set != crate::experiment::variant::ESCAPE_OFF);
            let set: Vec<String> = set.collect();
            let value = report.mean(point, &shape.figure.path);
            let value = amount(
                value.map(|v| crate::experiment::stats::Interval { lo: None, hi: None, ..v }),
                shape.figure.meta.unit,
            );
            if set.is_empty() { value } else { format!("{value} with {}", set.join(", ")) }
        })
        .collect();
    (!texts.is_empty() && texts.len() <= MOST).then(|| format!("Escape off: {}.", texts.join("; ")))
}

/// What each threshold misses and cries wolf about, and how soon conditions are seen at the best and the own value.
fn detected(report: &SweepReport) -> Option<Figure> {
    let [axis] = report.layout.grid().axes() else { return None };
    if !is_threshold(&axis.key) {
        return None;
    }
    let key = Key::new(axis);
    let own = key.own_point(&report.scenario);
    let best = report.shapes.first().map(|shape| shape.best);
    let best = report.taken().filter(|&taken| taken < axis.points.len()).or(best);
    let mut points: Vec<usize> = best.into_iter().chain(own).collect();
    points.dedup();
    let conditions: Vec<ConditionDetection> = points
        .iter()
        .flat_map(|&point| {
            let value = key.name(point);
            conditions(report.figures.iter().map(|figure| figure.path.as_str()), &|path| {
                Some(report.mean(point, path)?.mean)
            })
            .into_iter()
            .map(move |condition| ConditionDetection { name: format!("{} at {value}", condition.name), ..condition })
        })
        .collect();
    let mut order: Vec<usize> = (0..axis.points.len()).collect();
    order.sort_by(|&a, &b| key.at[a].total_cmp(&key.at[b]));
    let share = |point: usize, path: &str| report.mean(point, path).map_or(f64::NAN, |share| share.mean);
    let roc = |&point: &usize| RocPoint {
        threshold: key.name(point),
        false_escapes_ratio: share(point, "detection.false_escapes_ratio"),
        missed_turns_ratio: share(point, "detection.missed_turns_ratio"),
    };
    let roc: Vec<RocPoint> = order.iter().map(roc).collect();
    if conditions.is_empty() && roc.iter().all(|point| point.missed_turns_ratio.is_nan()) {
        return None;
    }
    let current = own.map(|point| key.name(point));
    let (provenance, seen_by) = (from(report), IN_ANY_MODE.to_owned());
    Some(detection(&Detection { provenance, seen_by, conditions, alarms: Vec::new(), roc, current }))
}

fn tiles(report: &SweepReport) -> Vec<Tile> {
    let Some(shape) = report.shapes.first() else { return Vec::new() };
    let axes = report.layout.grid().axes();
    let own: Option<Vec<Option<usize>>> =
        axes.iter().map(|axis| Key::new(axis).own_point(&report.scenario).map(Some)).collect();
    let own = own.and_then(|own| report.layout.places().iter().position(|place| !place.off && place.values == own));
    let off = report.layout.places().iter().position(|place| place.off);
    let mut paths = vec![shape.figure.path.as_str()];
    let more =
        ["sessions.worst_ttft_ms.p99", "felt_ttft_ms.p99", "sessions.stuck", "escapes.total", "cost.cold_turn_ratio"];
    paths.extend(more.into_iter().filter(|path| *path != shape.figure.path));
    let tile = |path: &str| {
        let meta = cell::Figure::at(path)?.meta;
        let bare = |point: usize| {
            let value = estimate(report.mean(point, path)).value;
            let (format, factor) = format_of(meta.unit);
            value.is_finite().then(|| format.value(Estimate::bare(value).scaled(factor).value))
        };
        let beside: Vec<String> = [("as it stands", own), ("off", off)]
            .into_iter()
            .filter_map(|(name, point)| Some(format!("{name} {}", bare(point?)?)))
            .collect();
        Some(Tile {
            name: format!("{} at the best", meta.title),
            value: bare(shape.best)?,
            remark: beside.join(", "),
            tone: Tone::Neutral,
        })
    };
    paths.into_iter().filter_map(tile).collect()
}
