//! The values of a chart as a table: for those who cannot see it, and for those who want the numbers.

use super::super::chart::{Axis, Figure, Mark, Panel, Scale, Series};
use super::table::{Cell, Column, Table};

/// A chart with more values than this has no table; its values are in the files of the run.
const MOST: usize = 600;

/// The table of a chart's values; `None` where there are none or too many.
pub(super) fn table_of(figure: &Figure) -> Option<Table> {
    let mut rows = Vec::new();
    for panel in figure.rows.iter().flat_map(|row| &row.panels) {
        for series in &panel.series {
            add(panel, series, &mut rows);
            if rows.len() > MOST {
                return None;
            }
        }
    }
    let column = |name: &str, number| Column { name: name.to_owned(), number };
    (!rows.is_empty()).then(|| Table {
        caption: figure.title.clone(),
        columns: vec![
            column("series", false),
            column("panel", false),
            column("across", true),
            column("value", true),
            column("from", true),
            column("to", true),
        ],
        rows,
    })
}

fn add(panel: &Panel, series: &Series, rows: &mut Vec<Vec<Cell>>) {
    let title = if panel.title.is_empty() { &panel.y.label } else { &panel.title };
    let mut row = |x: Cell, y: Cell, low: Cell, high: Cell| {
        rows.push(vec![Cell::words(series.name.clone()), Cell::words(title.clone()), x, y, low, high]);
    };
    let none = Cell::default;
    match &series.mark {
        Mark::Line { points, .. } | Mark::Step { points, .. } | Mark::Dots { points, .. }
            if !series.name.is_empty() =>
        {
            // An interval of the same name belongs to the value.
            let band = panel.series.iter().find_map(|other| match &other.mark {
                Mark::Band { points, .. } if other.name == series.name => Some(points),
                _ => None,
            });
            for &(x, y) in points.iter().take(MOST + 1) {
                let ends = band.and_then(|band| band.iter().find(|end| end.0 == x));
                let end = |value: Option<f64>| value.map_or_else(none, |value| number(&panel.y, value));
                row(number(&panel.x, x), number(&panel.y, y), end(ends.map(|e| e.1)), end(ends.map(|e| e.2)));
            }
        }
        Mark::Intervals { rows: intervals, .. } => {
            for &(y, low, value, high) in intervals {
                let name = number(&panel.y, y);
                row(name, number(&panel.x, value), number(&panel.x, low), number(&panel.x, high));
            }
        }
        Mark::Bars { bars } if !series.name.is_empty() => {
            for &(x0, _, low, high) in bars.iter().take(MOST + 1) {
                row(number(&panel.x, x0), Cell::number(panel.y.format.value(high - low), high - low), none(), none());
            }
        }
        Mark::Cells { cells, .. } => {
            for (x0, x1, y0, y1, value, text) in cells.iter().take(MOST + 1) {
                let (x, y) = (number(&panel.x, (x0 + x1) / 2.0), number(&panel.y, (y0 + y1) / 2.0));
                let across = Cell::number(format!("{} × {}", x.text, y.text), x0 * 1e3 + y0);
                row(across, Cell::number(text.clone(), *value), none(), none());
            }
        }
        _ => {}
    }
}

/// A value as its axis says it.
fn number(axis: &Axis, value: f64) -> Cell {
    match &axis.scale {
        Scale::Category(names) => {
            let name = names.get((value + 0.5).max(0.0) as usize).cloned().unwrap_or_default();
            Cell::number(name, value)
        }
        _ if value.is_finite() => Cell::number(axis.format.value(value), value),
        _ => Cell::default(),
    }
}
