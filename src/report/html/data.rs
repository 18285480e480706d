//! The values of a chart as a table: for those who cannot see it, and for those who want the numbers.

use super::super::chart::{Axis, Figure, Mark, Panel, Scale, Series};
use super::table::{Cell, Column, Table};

/// A table has at most about so many rows: of charts with more values, every n-th.
const MOST: usize = 600;

/// The table of a chart's values, and whether it has them all; `None` where there are none.
pub(super) fn table_of(figure: &Figure) -> Option<(Table, bool)> {
    let mut rows = Vec::new();
    for panel in figure.rows.iter().flat_map(|row| &row.panels) {
        panel.series.iter().for_each(|series| add(panel, series, &mut rows));
    }
    let every = rows.len().div_ceil(MOST).max(1);
    let rows: Vec<Vec<Cell>> = rows.into_iter().step_by(every).collect();
    let column = |name: &str, number| Column { name: name.to_owned(), number };
    let table = (!rows.is_empty()).then(|| Table {
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
    });
    table.map(|table| (table, every == 1))
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
            for &(x, y) in points {
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
        // strips: the account is the value, the stretch of time has two ends
        Mark::Bars { bars } if matches!(panel.y.scale, Scale::Category(_)) => {
            for &(x0, x1, low, high) in bars {
                let account = number(&panel.y, (low + high) / 2.0);
                row(number(&panel.x, x0), account, number(&panel.x, x0), number(&panel.x, x1));
            }
        }
        Mark::Spans(spans, _) => {
            for span in spans {
                row(number(&panel.x, span.from), none(), number(&panel.x, span.from), number(&panel.x, span.to));
            }
        }
        Mark::Flags { at, counts, .. } => {
            for (place, at) in at.iter().enumerate() {
                let count = counts.get(place).map_or_else(none, |&n| Cell::number(n.to_string(), n as f64));
                row(number(&panel.x, *at), count, none(), none());
            }
        }
        Mark::Bars { bars } if !series.name.is_empty() => {
            for &(x0, _, low, high) in bars {
                row(number(&panel.x, x0), Cell::number(panel.y.format.value(high - low), high - low), none(), none());
            }
        }
        Mark::Cells { cells, .. } => {
            for (x0, x1, y0, y1, value, text) in cells {
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
