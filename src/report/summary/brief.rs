//! The short form of a run, below its answer: the accounts over time, and the notes.

use super::blocks::{Block, Cells, Section, Table, remarks};
use super::harm::{by_harm, severity};
use super::sections::{label, what_was_run};
use crate::measure::Settings;
use crate::measure::series::Series;
use crate::report::document::{Estimate, ResultDocument};
use crate::report::format;
use crate::report::style::Style;
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
    let spark = document.series.as_ref().filter(|series| series.len() > 1);
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
