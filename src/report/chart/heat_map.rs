//! Two keys varied at once: one figure as colour, the best cell and its plateau outlined.

use super::figure::{Axis, Dash, Figure, Mark, Panel, Provenance, Row, Scale, Series};
use super::format::Format;
use super::keyed::UNDECIDED;
use super::theme::Ink;

/// A sweep over two keys.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// Where it comes from.
    pub provenance: Provenance,
    /// The key that goes from left to right, with its unit.
    pub x_key: String,
    /// Its values as they are written.
    pub x_values: Vec<String>,
    /// The key that goes from bottom to top, with its unit.
    pub y_key: String,
    /// Its values as they are written.
    pub y_values: Vec<String>,
    /// What is shown, with its unit.
    pub figure: String,
    /// How its values read.
    pub format: Format,
    /// `values[y][x]`; NaN where there is none.
    pub values: Vec<Vec<f64>>,
    /// The best cell (x, y).
    pub best: Option<(usize, usize)>,
    /// What it is called: `best`, `take`.
    pub best_word: String,
    /// Cells that can as well be taken.
    pub plateau: Vec<(usize, usize)>,
    /// What those are called.
    pub plateau_word: String,
    /// Cells that were measured too little to say whether they are as good.
    pub undecided: Vec<(usize, usize)>,
    /// The cell of the scenario as it stands.
    pub current: Option<(usize, usize)>,
}

/// The chart of a two-key sweep.
pub fn heat_map(map: &HeatMap) -> Figure {
    let rows = map.y_values.len();
    // Names go down, values go up: the first value is at the bottom.
    let names: Vec<String> = map.y_values.iter().rev().cloned().collect();
    let up = |y: usize| rows.saturating_sub(1).saturating_sub(y);
    let known = || map.values.iter().flatten().copied().filter(|value| value.is_finite());
    let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    // Latencies differ by factors: their colours are spread by the logarithm where the range is wide.
    let log = low > 0.0 && high / low > 8.0;
    let spread = |value: f64| match (log, high > low) {
        _ if !value.is_finite() => f64::NAN,
        (_, false) => 0.5,
        (true, _) => libm::log(value / low) / libm::log(high / low),
        (false, _) => (value - low) / (high - low),
    };
    let mut cells = Vec::new();
    let mut tips = Vec::new();
    for (y, y_value) in map.y_values.iter().enumerate() {
        for (x, x_value) in map.x_values.iter().enumerate() {
            let value = map.values.get(y).and_then(|row| row.get(x)).copied().unwrap_or(f64::NAN);
            let at = (x as f64, up(y) as f64);
            let text = map.format.value(value);
            tips.push(format!("{}: {text}\n{} = {x_value}\n{} = {y_value}", map.figure, map.x_key, map.y_key));
            let shown = if value.is_finite() { text } else { String::new() };
            cells.push((at.0 - 0.5, at.0 + 0.5, at.1 - 0.5, at.1 + 0.5, spread(value), shown));
        }
    }
    let x = Axis::names(map.x_key.clone(), map.x_values.clone());
    let y = Axis::names(format!("{} (upwards)", map.y_key), names);
    let mut panel = Panel::new("", x, y);
    panel.nothing = "nothing to show: no cell has a value".to_owned();
    if known().next().is_some() {
        let scale = Mark::Cells { cells, low: map.format.value(low), high: map.format.value(high) };
        panel.series.push(Series::new(map.figure.clone(), Ink::Text, scale).tips(tips));
        let inside = |&(x, y): &(usize, usize)| x < map.x_values.len() && y < rows;
        let place = |(x, y): (usize, usize)| (x, up(y));
        let undecided: Vec<(usize, usize)> = map.undecided.iter().copied().filter(inside).map(place).collect();
        if !undecided.is_empty() {
            let outline = Mark::Outline { squares: undecided, dash: Dash::Dotted };
            panel.series.push(Series::new(UNDECIDED, Ink::Balanced, outline));
        }
        let plateau: Vec<(usize, usize)> = map.plateau.iter().copied().filter(inside).map(place).collect();
        if !plateau.is_empty() {
            let outline = Mark::Outline { squares: plateau, dash: Dash::Dashed };
            panel.series.push(Series::new(map.plateau_word.clone(), Ink::Bad, outline));
        }
        if let Some(best) = map.best.filter(inside).map(place) {
            let outline = Mark::Outline { squares: vec![best], dash: Dash::Solid };
            panel.series.push(Series::new(map.best_word.clone(), Ink::Bad, outline));
        }
        if let Some((x, y)) = map.current.filter(inside).map(place) {
            let mark = Mark::Corners(vec![(x, y)]);
            panel.series.push(Series::new("scenario as it stands", Ink::Bad, mark));
        }
    }
    let missing = (map.x_values.len() * rows).saturating_sub(known().count());
    let notes = match missing {
        0 => Vec::new(),
        _ if known().next().is_none() => Vec::new(),
        n => vec![format!("{n} cells have no value (hatched).")],
    };
    debug_assert!(matches!(panel.y.scale, Scale::Category(_)));
    Figure {
        title: format!("{} over two keys: {}", capitalised(&map.figure), map.provenance.scenario),
        subtitle: format!(
            "Each cell is the mean over replications{}.",
            if log { ", colours on a log scale" } else { "" }
        ),
        rows: vec![Row { height: (rows as f64 * 30.0).clamp(120.0, 560.0), panels: vec![panel] }],
        legend: Vec::new(),
        notes,
        provenance: map.provenance.clone(),
    }
}

fn capitalised(words: &str) -> String {
    let mut rest = words.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
