//! What a comparison says to people.

use super::ComparisonReport;
use crate::experiment::compare::precision::Reached;
use crate::experiment::compare::{Comparison, Conclusion, JudgedCriterion, Row};
use crate::experiment::criterion::{Evidence, Limit};
use crate::experiment::stats::{Interval, Paired, Verdict};
use crate::measure::figures::{Meta, Unit, no_token};
use crate::report::answer::{Tone, plain};
use crate::report::document::Estimate;
use crate::report::format::{self, NONE};
use crate::report::summary::{Block, Section, Table};
use crate::scheduler::EscapeReason;
use crate::units::count;

/// The figures that are always shown: what users feel, what escape does, what it costs.
pub const HEADLINE: [&str; 17] = [
    "sessions.worst_ttft_ms.p50",
    "sessions.worst_ttft_ms.p99",
    "sessions.over_slo_ratio",
    "sessions.stuck",
    "felt_ttft_ms.p50",
    "felt_ttft_ms.p99",
    "felt_ttft_ms.without_token",
    "outcomes.goodput_ratio",
    "requests.failed",
    "waiting.waited_ratio",
    "escapes.total",
    "escapes.wasted_ratio",
    "detection.delay_s.mean",
    "detection.missed_turns",
    "cost.cold_turn_ratio",
    "cost.cached_token_ratio",
    "cost.price",
];

/// A figure with half its interval, as tables show it.
pub fn amount(interval: Option<Interval>, unit: Unit) -> String {
    format::figure(interval.map(Estimate::Several), unit)
}

/// A difference: with its sign, shares in percentage points.
pub fn signed(interval: Option<Interval>, unit: Unit) -> String {
    // between what has a time and what has none lies no length
    let Some(found) = interval.filter(|found| !no_token::is_score(found.mean)) else { return NONE.to_owned() };
    let text = amount(interval, unit);
    let text = if unit == Unit::Ratio { text.replace('%', "pp") } else { text };
    if found.mean > 0.0 { format!("+{text}") } else { text }
}

/// A verdict in a word or two; `?` where it would not stand among all figures (`stands`, where that was asked).
pub fn verdict(verdict: Verdict, paired: Option<&Paired>, stands: Option<bool>) -> String {
    let word = match verdict {
        Verdict::NoDifferenceShown => "none shown",
        Verdict::Identical => "identical",
        Verdict::NotDecidable => match paired {
            Some(paired) if paired.differs_too_rarely() => {
                return format!("{} of {} differ", paired.changed, paired.difference.n);
            }
            _ => "undecidable",
        },
        Verdict::Better | Verdict::Worse | Verdict::Higher | Verdict::Lower => verdict.words(),
    };
    if verdict.claims() && stands == Some(false) { format!("{word}?") } else { word.to_owned() }
}

/// The mean alone: the interval that counts is that of the difference.
fn mean(interval: Option<Interval>, unit: Unit) -> String {
    format::figure(interval.map(|interval| Estimate::Single(interval.mean)), unit)
}

fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{} %", format::rounded(value))
}

pub(super) fn of(report: &ComparisonReport) -> Vec<Section> {
    let comparison = &report.comparison;
    let mut all = vec![figures(report)];
    if !comparison.gates.is_empty() {
        all.push(gates(comparison));
    }
    if !comparison.steps.is_empty() {
        all.push(split(report));
    }
    if comparison.rows.iter().any(|row| row.noise.is_some()) {
        all.push(noise(report));
    }
    if !comparison.notes.is_empty() {
        let remarks = comparison.notes.iter().cloned().map(Block::Remark).collect();
        all.push(Section { title: "Notes".to_owned(), blocks: remarks });
    }
    all
}

/// What stands below the answer where not everything is wanted: the main figures in plain words, what was asked for,
/// and what must be known.
pub(super) fn brief(report: &ComparisonReport) -> Vec<Section> {
    let mut all = of(report);
    if !report.all
        && let Some(first) = all.first_mut()
    {
        *first = main_figures(report);
    }
    all
}

/// The figures of the table in short.
const MAIN: [&str; 10] = [
    "sessions.worst_ttft_ms.p50",
    "sessions.worst_ttft_ms.p99",
    "sessions.over_slo_ratio",
    "sessions.stuck",
    "felt_ttft_ms.p50",
    "felt_ttft_ms.p99",
    "requests.failed",
    "escapes.total",
    "cost.cold_turn_ratio",
    "cost.price",
];

fn main_figures(report: &ComparisonReport) -> Section {
    let mut section = figures(report);
    let mut table = Table::new(&["", "A", "B", "B - A", "verdict"]);
    for row in report.rows() {
        let path = row.figure.path.as_str();
        if HEADLINE.contains(&path) && !MAIN.contains(&path) {
            continue;
        }
        let (unit, paired) = (row.figure.meta.unit, row.paired.as_ref());
        let cells = [
            if HEADLINE.contains(&path) { plain(path).unwrap_or(path) } else { path }.to_owned(),
            mean(paired.map(|p| p.a).or(row.alone[0]), unit),
            mean(paired.map(|p| p.b).or(row.alone[1]), unit),
            signed(paired.map(|p| p.difference), unit),
            verdict(row.verdict, paired, row.stands),
        ];
        table.toned_row(cells, tone(row));
    }
    let tables = |block: &Block| matches!(block, Block::Table(_));
    if let Some(place) = section.blocks.iter().position(tables) {
        section.blocks[place] = Block::Table(table);
    }
    section
}

/// Whether a row is good news, surely.
fn tone(row: &Row) -> Tone {
    match row.verdict {
        Verdict::Better if row.stands == Some(true) => Tone::Good,
        Verdict::Worse if row.stands == Some(true) => Tone::Bad,
        Verdict::NotDecidable => Tone::Undecided,
        _ => Tone::Neutral,
    }
}

impl ComparisonReport {
    /// The rows to show.
    pub fn rows(&self) -> Vec<&Row> {
        let wanted = |row: &&Row| {
            let path = row.figure.path.as_str();
            let named = HEADLINE.contains(&path)
                || self.also.iter().any(|also| also == path)
                || self.comparison.gates.iter().any(|gate| gate.criterion.figure == path);
            (self.all && row.paired.is_some())
                || (named && (row.paired.is_some() || self.also.iter().any(|a| a == path)))
        };
        self.comparison.rows.iter().filter(wanted).collect()
    }
}

fn figures(report: &ComparisonReport) -> Section {
    let comparison = &report.comparison;
    let n = comparison.replications;
    let mut blocks = vec![Block::Line(format!(
        "A: {}; B: {}; {} of each on the same luck, from seed {}",
        comparison.a,
        comparison.b,
        count(n, "replication"),
        comparison.seed
    ))];
    if comparison.is_inert() {
        blocks.push(Block::Remark(
            "INERT: no decision of the scheduler differed in any replication, so this says nothing about what was \
             changed"
                .to_owned(),
        ));
    } else if comparison.differing < n {
        blocks.push(Block::Remark(format!(
            "in only {} of {n} replications did any decision of the scheduler differ",
            comparison.differing
        )));
    }
    let mut table = Table::new(&["figure", "A", "B", "B - A", "change", "verdict"]);
    let rows = report.rows();
    for row in &rows {
        let unit = row.figure.meta.unit;
        let paired = row.paired.as_ref();
        let cells = [
            row.figure.path.clone(),
            mean(paired.map(|p| p.a).or(row.alone[0]), unit),
            mean(paired.map(|p| p.b).or(row.alone[1]), unit),
            signed(paired.map(|p| p.difference), unit),
            paired.and_then(|p| p.change).map_or_else(|| NONE.to_owned(), |change| percent(change.mean)),
            verdict(row.verdict, paired, row.stands),
        ];
        table.toned_row(cells, tone(row));
    }
    blocks.push(Block::Table(table));
    legend(comparison, &rows, &mut blocks);
    if let Some(reached) = &comparison.reached {
        blocks.push(Block::Line(precision(reached, n)));
    }
    Section { title: report.name.clone(), blocks }
}

/// Explains what occurs in the table, and what is missing from it.
fn legend(comparison: &Comparison, rows: &[&Row], blocks: &mut Vec<Block>) {
    let (n, level) = (comparison.replications, comparison.level.fraction() * 100.0);
    blocks.push(Block::Line(format!("± is half the {level:.0} % interval of the paired difference")));
    let shows = |wanted: Verdict| rows.iter().any(|row| row.verdict == wanted);
    if shows(Verdict::NoDifferenceShown) {
        blocks.push(Block::Line(
            "none shown: the interval contains 0; it says how large a difference there may still be".to_owned(),
        ));
    }
    if rows.iter().any(|row| row.verdict.claims() && row.stands == Some(false)) {
        blocks.push(Block::Line(
            "?: shown when the figure is judged alone, but not when all figures are judged together (Holm)".to_owned(),
        ));
    }
    if rows.iter().filter_map(|row| row.paired.as_ref()).any(Paired::differs_too_rarely) {
        blocks.push(Block::Line(format!(
            "k of {n} differ: the figure differs in only k of {n} replications, too few to know by how much on \
             average; more --replications would help"
        )));
    }
    if rows.iter().any(|row| row.paired.is_some_and(|paired| paired.difference.no_token > 0)) {
        blocks.push(Block::Line(
            "no token: in some replication this percentile falls among requests that never got a first token, so it \
             has no mean; its verdict compares ranks, and among such requests their number"
                .to_owned(),
        ));
    }
    for (row, paired) in rows.iter().filter_map(|row| row.paired.as_ref().map(|paired| (row, paired))) {
        if paired.only_a + paired.only_b > 0 {
            blocks.push(Block::Remark(format!(
                "{} exists in {} pairs only ({} replications have it under A alone, {} under B alone)",
                row.figure.path, paired.difference.n, paired.only_a, paired.only_b
            )));
        }
    }
}

/// How narrow the interval has become that `--precision` is about.
fn precision(reached: &Reached, n: u64) -> String {
    let unit = reached.precision.figure.meta.unit;
    let half = reached.half_width.map_or_else(|| NONE.to_owned(), |half| signless(half, unit));
    let path = &reached.precision.figure.path;
    if reached.half_width.is_none() {
        format!(
            "precision NOT reached: no interval of {path} after {n} replications: A and B must both have the figure"
        )
    } else if reached.enough {
        format!("precision: {path} is known to ±{half} after {n} replications")
    } else {
        format!("precision NOT reached: {path} is known to ±{half} only, after all {n} replications allowed")
    }
}

fn signless(value: f64, unit: Unit) -> String {
    format::figure(Some(Estimate::Single(value)), unit)
}

/// What a gate's limit limits, with its interval.
pub(super) fn measured(gate: &JudgedCriterion) -> String {
    let Some(found) = gate.judgement.measured else {
        let why = if gate.judgement.a_is_zero { "A is 0: no percentage" } else { "no replication has it" };
        return why.to_owned();
    };
    let show = |value: f64| match gate.criterion.limit {
        _ if no_token::is_score(value) => no_token::WORDS.to_owned(),
        Limit::Value(_) => format!("{value:.6}").parse::<f64>().map_or_else(|_| NONE.to_owned(), bare),
        Limit::Difference(_) => format!("{}{}", if value > 0.0 { "+" } else { "" }, bare(value)),
        Limit::Change(_) => percent(value).replace(" %", "%"),
    };
    match (found.lo, found.hi) {
        (Some(lo), Some(hi)) => format!("{} ({} to {})", show(found.mean), show(lo), show(hi)),
        _ => show(found.mean),
    }
}

/// A number as expressions write it: in the figure's own unit, without groups of digits.
fn bare(value: f64) -> String {
    format::rounded(value).replace(',', "")
}

/// How a gate ended, in a word.
pub(super) const fn ended(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Holds => "FAILED",
        Evidence::Refuted => "passed",
        Evidence::Open => "undecided",
    }
}

fn gates(comparison: &Comparison) -> Section {
    let mut table = Table::new(&["fails if", "is (95 % interval; of B itself 98 %)", "gate"]);
    for gate in &comparison.gates {
        table.row([gate.criterion.text.clone(), measured(gate), ended(gate.judgement.evidence).to_owned()]);
    }
    let mut blocks = vec![Block::Table(table)];
    for gate in &comparison.gates {
        if let Some(doubt) = gate.judgement.doubt() {
            blocks.push(Block::Remark(format!("{}: {doubt}", gate.criterion.figure)));
        }
    }
    blocks.push(Block::Line(
        match comparison.conclusion() {
            Conclusion::Passed => "all gates passed",
            Conclusion::Failed => "a gate failed: exit status 1",
            Conclusion::NotDecidable if comparison.has_open_gate() => "a gate is undecided: exit status 3",
            Conclusion::NotDecidable => "all gates passed, but the precision was not reached: exit status 3",
            Conclusion::Inert => "nothing was tested: no decision differed (exit status 4)",
        }
        .to_owned(),
    ));
    Section { title: "Gates".to_owned(), blocks }
}

fn split(report: &ComparisonReport) -> Section {
    let steps = &report.comparison.steps;
    let name = |reason: EscapeReason| match reason {
        EscapeReason::ConcurrencyFull => "slots full",
        EscapeReason::Ttft => "+ TTFT",
        EscapeReason::ErrorRate => "+ errors",
    };
    let mut header = vec!["what each reason adds"];
    header.extend(steps.iter().map(|step| name(step.reason)));
    let mut table = Table::new(&header);
    for row in report.rows() {
        let found: Vec<_> = steps
            .iter()
            .filter_map(|step| step.rows.iter().find(|(figure, ..)| figure.path == row.figure.path))
            .collect();
        let zero = found.iter().all(|(_, paired, _)| paired.as_ref().is_none_or(|paired| paired.identical));
        if found.len() == steps.len() && !zero {
            let cells = found.iter().map(|(figure, paired, verdict)| match verdict {
                Verdict::Identical => "0".to_owned(),
                _ => signed(paired.as_ref().map(|paired| paired.difference), figure.meta.unit),
            });
            table.row(std::iter::once(row.figure.path.clone()).chain(cells));
        }
    }
    let blocks = vec![
        Block::Table(table),
        Block::Line(
            "each column adds one reason, starting from escape off: leaving full accounts (with escape off such \
             requests wait), then slow ones, then failing ones; the steps add up to the difference between escape off \
             and B"
                .to_owned(),
        ),
    ];
    Section { title: "Escape reasons apart".to_owned(), blocks }
}

fn noise(report: &ComparisonReport) -> Section {
    let mut table = Table::new(&["figure", "B - A, same luck", "A - A, other luck"]);
    for row in report.rows().into_iter().filter(|row| row.noise.is_some()) {
        let unit = row.figure.meta.unit;
        table.row([
            row.figure.path.clone(),
            signed(row.paired.as_ref().map(|paired| paired.difference), unit),
            signed(row.noise, unit),
        ]);
    }
    let blocks = vec![
        Block::Table(table),
        Block::Line(format!(
            "A against itself on other seeds, means of {} replications each: without shared luck, two equal settings \
             differ by this much; on the same luck A - A is exactly 0",
            report.comparison.replications
        )),
    ];
    Section { title: "Noise floor".to_owned(), blocks }
}

/// The unit of a figure as JSON names it.
pub(super) const fn unit_name(meta: &Meta) -> &'static str {
    match meta.unit {
        Unit::Count => "count",
        Unit::Ms => "ms",
        Unit::Seconds => "s",
        Unit::Ratio => "ratio",
        Unit::PerSecond => "1/s",
        Unit::Tokens => "tokens",
        Unit::Money => "money",
        Unit::Plain => "",
    }
}
