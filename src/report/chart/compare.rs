//! A against B, a row for each figure: the change in percent with its interval, and the numbers beside it.

use super::estimate::Estimate;
use super::figure::{Axis, Column, Dash, Figure, Mark, Panel, Provenance, Row, Series, Shape};
use super::format::Format;
use super::theme::Ink;
use crate::units;

/// What the evidence says of B against A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The interval is clear of zero on the good side.
    Better,
    /// The interval is clear of zero on the bad side.
    Worse,
    /// The interval is clear of zero, for a figure that is neither good nor bad.
    Differs,
    /// The interval holds zero, or there is none.
    NotShown,
}

/// One figure under A and under B.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The figure's name with its unit.
    pub name: String,
    /// Its value under A, as text with its unit.
    pub a: String,
    /// Its value under B, as text with its unit.
    pub b: String,
    /// B - A with half its interval, as text with its unit.
    pub difference: String,
    /// B - A in percent of A with its interval; NaN where A is 0 or missing.
    pub change_percent: Estimate,
    /// What it comes to.
    pub verdict: Finding,
    /// The verdict in words.
    pub words: String,
}

/// A comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Where it comes from.
    pub provenance: Provenance,
    /// What A is.
    pub a: String,
    /// What B is.
    pub b: String,
    /// A row each, from the top.
    pub rows: Vec<Difference>,
    /// The confidence level in percent.
    pub level_percent: f64,
}

const KINDS: [(Finding, &str, Ink, Shape); 4] = [
    (Finding::Better, "better", Ink::Good, Shape::Disc),
    (Finding::Worse, "worse", Ink::Bad, Shape::Square),
    (Finding::Differs, "differs, neither good nor bad", Ink::B, Shape::Diamond),
    (Finding::NotShown, "no difference shown", Ink::Muted, Shape::Ring),
];

/// The change of what was nothing before.
const FROM_0: &str = "from 0";

/// The forest plot of a comparison.
pub fn compare(comparison: &Comparison) -> Figure {
    let rows = &comparison.rows;
    let (left, right) = reach(rows);
    let mut x = Axis::linear("change from A to B (%)", Format::Change);
    if rows.is_empty() {
        x.shown = false;
    } else {
        x = x.over(-left, right);
    }
    let y = Axis::names("", rows.iter().map(|row| row.name.clone()).collect());
    let mut panel = Panel::new("", x, y);
    panel.nothing = "nothing to show: no figure to compare".to_owned();
    let zero = Mark::RuleX { at: 0.0, label: String::new(), dash: Dash::Solid };
    panel.series.push(Series::new("", Ink::Muted, zero));
    // Rows without a change still have their line in the table: a point that is not drawn keeps the axis.
    for (verdict, name, ink, shape) in KINDS {
        let of_kind = || rows.iter().enumerate().filter(|(_, row)| row.verdict == verdict);
        let known = || of_kind().filter(|(_, row)| row.change_percent.value.is_finite() || change(row) == FROM_0);
        let intervals: Vec<(f64, f64, f64, f64)> = known()
            .map(|(i, row)| match row.change_percent {
                found if found.value.is_finite() => (i as f64, found.low, found.value, found.high),
                // what was nothing before has risen beyond any share of it
                _ => (i as f64, f64::NAN, 10.0 * right, f64::NAN),
            })
            .collect();
        let tips = known().map(|(_, row)| tip(row)).collect();
        if !intervals.is_empty() {
            panel.series.push(Series::new(name, ink, Mark::Intervals { rows: intervals, shape }).tips(tips));
        }
    }
    let column = |head: &str, cell: &dyn Fn(&Difference) -> (String, Ink)| Column {
        head: head.to_owned(),
        cells: rows.iter().map(cell).collect(),
    };
    let ink = |verdict| KINDS.iter().find(|kind| kind.0 == verdict).map_or(Ink::Muted, |kind| kind.2);
    panel.columns = vec![
        column("A", &|row| (row.a.clone(), Ink::Text)),
        column("B", &|row| (row.b.clone(), Ink::Text)),
        column("B \u{2212} A", &|row| (with_minus(&row.difference), Ink::Text)),
        column("change", &|row| (change(row), Ink::Text)),
        column("verdict", &|row| (row.words.clone(), ink(row.verdict))),
    ];
    let outside = |end: f64| end > right || end < -left;
    let beyond =
        rows.iter().map(|row| row.change_percent).filter(|c| [c.low, c.value, c.high].iter().any(|end| outside(*end)));
    let beyond = beyond.count();
    let notes = match beyond {
        0 => Vec::new(),
        1 => vec!["1 change or its interval reaches beyond the axis (arrow).".to_owned()],
        n => vec![format!("{n} changes or their intervals reach beyond the axis (arrows).")],
    };
    Figure {
        title: title(comparison),
        subtitle: format!(
            "A: {}. B: {}. Paired differences on the same luck, with {} % intervals.",
            comparison.a,
            comparison.b,
            super::format::number(comparison.level_percent)
        ),
        rows: vec![Row { height: (rows.len() as f64 * 24.0).clamp(48.0, 2_400.0), panels: vec![panel] }],
        legend: Vec::new(),
        notes,
        provenance: comparison.provenance.clone(),
    }
}

/// A difference with the minus sign, or the dash, that changes have beside it in place of a hyphen.
fn with_minus(text: &str) -> String {
    match text.strip_prefix('-') {
        Some("") => "\u{2013}".to_owned(),
        Some(rest) => format!("\u{2212}{rest}"),
        None => text.to_owned(),
    }
}

/// The finding: how many figures got better and how many worse, those that do not stand among all apart.
fn title(comparison: &Comparison) -> String {
    let is_open = |row: &Difference| row.words.ends_with('?');
    let of = |verdict| comparison.rows.iter().filter(move |row| row.verdict == verdict);
    let sure = |verdict| of(verdict).filter(|row| !is_open(row)).count();
    let open = of(Finding::Better).chain(of(Finding::Worse)).filter(|row| is_open(row)).count();
    let scenario = &comparison.provenance.scenario;
    let figures = |n: usize| units::count(n as u64, "figure");
    let found = match (sure(Finding::Better), sure(Finding::Worse)) {
        (0, 0) => format!("{scenario}: no figure is shown to be better or worse under B"),
        (better, 0) => format!("{scenario}: {} better under B, none worse", figures(better)),
        (0, worse) => format!("{scenario}: {} worse under B, none better", figures(worse)),
        (better, worse) => format!("{scenario}: {} better under B, {worse} worse", figures(better)),
    };
    let is_none = of(Finding::Better).chain(of(Finding::Worse)).all(is_open);
    match open {
        0 => found,
        n if is_none => format!("{found}; {n} perhaps"),
        n => format!("{found}; {n} more perhaps"),
    }
}

fn change(row: &Difference) -> String {
    let value = row.change_percent.value;
    match row.verdict {
        _ if value.is_finite() => Format::Change.value(value),
        Finding::NotShown => "\u{2013}".to_owned(),
        // requests without a first token have a rank and no value
        _ if row.a == "no token" || row.b == "no token" => "\u{2013}".to_owned(),
        _ => FROM_0.to_owned(),
    }
}

fn tip(row: &Difference) -> String {
    let Estimate { low, high, .. } = row.change_percent;
    let change = Format::Change;
    let interval = match low.is_finite() && high.is_finite() {
        true => format!(" ({} to {})", change.value(low), change.value(high)),
        false => String::new(),
    };
    format!("{}\n{}{interval}\nA {}, B {}\n{}", row.name, self::change(row), row.a, row.b, row.words)
}

/// How far the axis goes left and right of zero: what holds most intervals, so that one wild ratio does not flatten the
/// rest; a side on which nothing lies is short.
fn reach(rows: &[Difference]) -> (f64, f64) {
    let side = |sign: f64| {
        let far =
            |change: Estimate| [change.low, change.value, change.high].iter().map(|end| sign * end).fold(0.0, f64::max);
        let mut ends: Vec<f64> = rows
            .iter()
            .map(|row| row.change_percent)
            .filter(|change| change.value.is_finite())
            .map(far)
            .filter(|end| end.is_finite() && *end > 0.0)
            .collect();
        ends.sort_by(f64::total_cmp);
        let widest = ends.last().copied().unwrap_or(0.0);
        let typical = if ends.is_empty() { 0.0 } else { ends[(ends.len() - 1) * 3 / 4] };
        1.08 * if widest > 4.0 * typical && typical > 0.0 { 2.0 * typical } else { widest }
    };
    let (left, right) = (side(-1.0), side(1.0));
    match left.max(right) {
        most if most > 0.0 => (left.max(0.12 * most), right.max(0.12 * most)),
        _ => (1.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_keeps_what_does_not_stand_among_all_figures_apart() {
        let row = |verdict, words: &str| Difference {
            name: "price".to_owned(),
            a: "1".to_owned(),
            b: "2".to_owned(),
            difference: "+1".to_owned(),
            change_percent: Estimate::bare(100.0),
            verdict,
            words: words.to_owned(),
        };
        let titled = |rows: Vec<Difference>| {
            let provenance = Provenance { scenario: "pool".to_owned(), ..Provenance::default() };
            let (a, b) = ("off".to_owned(), "on".to_owned());
            compare(&Comparison { provenance, a, b, rows, level_percent: 95.0 }).title
        };
        let better = row(Finding::Better, "better");
        let rows = vec![better.clone(), row(Finding::Better, "better?"), row(Finding::Worse, "worse?")];
        assert_eq!(titled(rows), "pool: 1 figure better under B, none worse; 2 more perhaps");
        assert_eq!(titled(vec![better]), "pool: 1 figure better under B, none worse");
        let open = vec![row(Finding::Worse, "worse?")];
        assert_eq!(titled(open), "pool: no figure is shown to be better or worse under B; 1 perhaps");
    }
}
