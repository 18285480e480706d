//! The short form of a run, below its answer: the accounts over time, and the notes.

use super::Style;
use super::blocks::{Block, Cells, Section, Table, remarks};
use super::sections::{label, what_was_run};
use crate::measure::Settings;
use crate::measure::series::{Sample, Series};
use crate::report::document::{Estimate, NamedFigures, ResultDocument};
use crate::report::format;
use crate::units::{agree, count};

/// The most accounts that are shown.
const MOST: usize = 12;
/// Cells of a sparkline, at least and at most.
const SPARK: (usize, usize) = (12, 64);
/// How wide a table is without its sparkline.
const BESIDE: usize = 58;

/// The sections that are shown without `-v`.
pub fn sections(document: &ResultDocument, style: Style) -> Vec<Section> {
    let mut first = what_was_run(document);
    if !document.accounts.is_empty() {
        first.blocks.extend(accounts(document, style));
    }
    first.blocks.retain(|block| !matches!(block, Block::Remark(_)));
    let mut all = vec![first];
    let notes = remarks(document, |_| true);
    if !notes.is_empty() {
        all.push(Section { title: "Notes".into(), blocks: notes });
    }
    all
}

fn accounts(document: &ResultDocument, style: Style) -> Vec<Block> {
    let columns = usize::from(style.width).saturating_sub(BESIDE).clamp(SPARK.0, SPARK.1);
    let spark = document.series.as_ref().filter(|series| !series.is_empty());
    let mut header = vec!["account"];
    let over_time = spark.map(|series| format!("0:00 to {}", crate::report::answer::clock(length(series))));
    header.extend(over_time.as_deref());
    header.extend(["requests", "p50", "p99", "errors", "escapes"]);
    let mut table = Table::new(&header);
    let shown = by_harm(document, MOST);
    for &place in &shown {
        let named = &document.accounts[place];
        // intervals would not fit beside each other
        let get = |path: &str| named.get(path).map(|estimate| Estimate::Single(estimate.mean()));
        let cells = Cells(&get);
        let spark = spark.map(|series| sparkline(series, place, &document.about.settings, columns));
        let figures = [
            cells.count("requests"),
            cells.ms("ttft_ms.p50"),
            cells.ms("ttft_ms.p99"),
            cells.ratio("error_ratio"),
            cells.count("escapes_from"),
        ];
        table.row(std::iter::once(label(named)).chain(spark).chain(figures));
    }
    let mut blocks = vec![Block::Table(table)];
    if let Some(more) = document.accounts.len().checked_sub(MOST).filter(|&more| more > 0) {
        let (others, were) = (count(more as u64, "other account"), agree(more as u64, "was", "were"));
        blocks.push(Block::Line(format!("the {MOST} most affected accounts; {others} {were} better off")));
    }
    if spark.is_some() {
        let gate = &document.about.settings.gate;
        let limit = format::setting(crate::units::Span::from_millis(gate.ttft_ms));
        let errors = format::trimmed(&format::rounded(gate.error_rate * 100.0)).to_owned();
        let mode = document.about.settings.mode;
        blocks.push(Block::Line(if mode.learns() {
            format!(
                "over time: averages of TTFT and errors, \u{2588} at or over {limit} or {errors} %; x blocked or away"
            )
        } else {
            format!("over time: x blocked or away; the mode {} keeps no averages", mode.name())
        }));
    }
    blocks
}

/// How long a series is, in seconds.
fn length(series: &Series) -> f64 {
    series.step().secs() * series.len() as f64
}

/// How far an account is from the limits of the escape gate: 1 is at one of them.
fn severity(sample: &Sample, settings: &Settings) -> f64 {
    let share = |value: f64, limit: f64| if limit > 0.0 { value / limit } else { 0.0 };
    let slow = share(sample.ewma_ttft_ms.unwrap_or(0.0), settings.gate.ttft_ms as f64);
    slow.max(share(sample.ewma_error_rate, settings.gate.error_rate))
}

/// The indices of the accounts to show: all in their order if they are few, otherwise the most affected ones first.
pub(super) fn by_harm(document: &ResultDocument, most: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..document.accounts.len()).collect();
    if places.len() <= most {
        return places;
    }
    let settings = &document.about.settings;
    let over = |place: usize| {
        let series = document.series.as_ref()?;
        let sick =
            |all: &[Sample]| all.get(place).is_some_and(|s| s.blocked || !s.listed || severity(s, settings) >= 1.0);
        Some(series.points().filter(|(_, all)| sick(all)).count())
    };
    let value = |named: &NamedFigures, path: &str| named.get(path).map_or(0.0, Estimate::mean);
    let harm = |place: usize| {
        let named = &document.accounts[place];
        (over(place).unwrap_or(0) as f64, value(named, "escapes_from"), value(named, "ttft_ms.p99"))
    };
    let harms: Vec<(f64, f64, f64)> = places.iter().map(|&place| harm(place)).collect();
    places.sort_by(|&a, &b| {
        let (a, b) = (harms[a], harms[b]);
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then(b.2.total_cmp(&a.2))
    });
    places.truncate(most);
    places
}

/// An account over time in so many cells: the worst sample of each.
fn sparkline(series: &Series, account: usize, settings: &Settings, cells: usize) -> String {
    let points = series.len();
    let cells = cells.min(points).max(1);
    let cell = |at: usize| {
        let range = at * points / cells..((at + 1) * points / cells).max(at * points / cells + 1);
        let samples = range.filter_map(|point| series.point(point).get(account));
        let (mut worst, mut away, mut all) = (0.0_f64, 0, 0);
        for sample in samples {
            worst = worst.max(severity(sample, settings));
            away += usize::from(sample.blocked || !sample.listed);
            all += 1;
        }
        if 2 * away > all { 'x' } else { level(worst) }
    };
    (0..cells).map(cell).collect()
}

/// A block as high as this share of the limit, two steps a factor of two: full at the limit, a line at nothing.
fn level(share: f64) -> char {
    const LEVELS: [char; 8] =
        ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
    let step = 7.0 + 2.0 * libm::log2(share.max(1e-9));
    if share >= 1.0 { LEVELS[7] } else { LEVELS[(step.max(0.0) as usize).min(6)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reaches_the_limit_is_a_full_block() {
        let levels: String = [0.0, 0.13, 0.25, 0.5, 0.99, 1.0, 40.0].into_iter().map(level).collect();
        assert_eq!(levels, "\u{2581}\u{2582}\u{2584}\u{2586}\u{2587}\u{2588}\u{2588}");
    }
}
