//! Many accounts: a strip each.

use super::super::figure::{Axis, Mark, Panel, Row, Series, Span};
use super::super::journey::{REASONS, reason_style};
use super::super::theme::Ink;
use super::track::{AccountTrack, COLUMNS, STRIPS, Timeline, time_axis};

/// What is above it in a row belongs to escapes and blocks, so that they hide nothing of the strip.
const LANE: f64 = -0.18;

pub(super) fn strip_rows(timeline: &Timeline) -> Vec<Row> {
    let mut shown: Vec<usize> = (0..timeline.accounts.len()).collect();
    if timeline.accounts.iter().any(|account| !account.is_idle()) {
        shown.retain(|&i| !timeline.accounts[i].is_idle());
    }
    if shown.len() > STRIPS {
        let weight = |i: &usize| {
            let account = &timeline.accounts[*i];
            account.escaped as f64 * 1e6 + account.degraded.iter().map(|span| span.to - span.from).sum::<f64>()
        };
        shown.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.cmp(b)));
        shown.truncate(STRIPS);
    }
    let tracks: Vec<&AccountTrack> = shown.into_iter().map(|i| &timeline.accounts[i]).collect();
    let names = tracks.iter().map(|account| account.name.clone()).collect();
    let mut panel = Panel::new("TTFT EWMA by account", time_axis(timeline).hidden(), Axis::names("", names));
    panel.zoom = true;
    panel.nothing = "nothing to show: no attempt had a first token".to_owned();
    let end = if timeline.end_s > 0.0 { timeline.end_s } else { 1.0 };
    let highest = tracks.iter().flat_map(|account| &account.ewma_ms).map(|point| point.1).filter(|v| v.is_finite());
    let full = timeline.threshold_ms.unwrap_or_else(|| highest.fold(0.0, f64::max)).max(1.0);
    let mut cells = Vec::new();
    for (row, account) in tracks.iter().enumerate() {
        cells.extend(strip(account, row as f64, end, full));
    }
    panel.series.push(Series::new("TTFT EWMA, from 0 to the threshold and beyond", Ink::B, Mark::Density { cells }));
    let block = |of: fn(&AccountTrack) -> &Vec<Span>, low: f64, high: f64| -> Vec<(f64, f64, f64, f64)> {
        let rows = tracks.iter().enumerate();
        let bars = rows.flat_map(|(row, account)| of(account).iter().map(move |span| (row as f64, *span)));
        bars.map(|(row, span)| (span.from, span.to, row + low, row + high)).collect()
    };
    for (name, ink, bars) in [
        ("degraded (truth)", Ink::Text, block(|account| &account.degraded, 0.26, 0.44)),
        ("blocked", Ink::Blocked, block(|account| &account.blocked, -0.44, LANE)),
        ("off the list of candidates", Ink::Full, block(|account| &account.away, -0.44, LANE)),
    ] {
        if !bars.is_empty() {
            panel.series.push(Series::new(name, ink, Mark::Bars { bars }));
        }
    }
    for reason in REASONS {
        let (ink, shape) = reason_style(reason);
        let rows = tracks.iter().enumerate();
        let points: Vec<(f64, f64)> = rows
            .flat_map(|(row, account)| {
                let of_reason = account.escapes.iter().filter(|escapes| escapes.reason == reason);
                of_reason.map(move |escapes| (escapes.at_s, row as f64 - 0.31))
            })
            .collect();
        if !points.is_empty() {
            let size = if tracks.len() > 60 { 3.0 } else { 5.0 };
            let mark = Mark::Dots { points, shape, size, opacity: 1.0 };
            panel.series.push(Series::new(format!("escape: {reason}"), ink, mark));
        }
    }
    let height = tracks.len() as f64 * (1_900.0 / tracks.len() as f64).clamp(9.5, 20.0);
    vec![Row { height, panels: vec![panel] }]
}

/// The highest EWMA in each of some columns of time, as a share of `full`.
fn strip(account: &AccountTrack, row: f64, end: f64, full: f64) -> Vec<(f64, f64, f64, f64, f64)> {
    let mut highest = vec![f64::NAN; COLUMNS];
    let mut last = f64::NAN;
    let mut from = 0;
    let column_of = |at: f64| ((at / end * COLUMNS as f64).max(0.0) as usize).min(COLUMNS - 1);
    for &(at, ms) in &account.ewma_ms {
        let column = column_of(at);
        // What stood before holds until here.
        for cell in &mut highest[from..=column.max(from)] {
            *cell = cell.max(last);
        }
        highest[column] = highest[column].max(ms);
        last = ms;
        from = column;
    }
    for cell in &mut highest[from..] {
        *cell = cell.max(last);
    }
    let width = end / COLUMNS as f64;
    let mut cells: Vec<(f64, f64, f64, f64, f64)> = Vec::new();
    for (column, value) in highest.into_iter().enumerate() {
        if !value.is_finite() {
            continue;
        }
        let weight = ((value / full).clamp(0.0, 1.0) * 12.0).ceil() / 12.0;
        let from = column as f64 * width;
        match cells.last_mut() {
            Some(cell) if cell.4 == weight && (cell.1 - from).abs() < 1e-6 * end => cell.1 = from + width,
            _ => cells.push((from, from + width, row + LANE, row + 0.42, weight)),
        }
    }
    cells
}
