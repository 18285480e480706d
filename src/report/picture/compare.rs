//! Pictures and the page of a comparison: the forest plot, the two distributions, detection on both sides.

use serde_json::Value;

use super::parts::{
    self, IN_ANY_MODE, alarms, charts, conditions, differences, estimate, provenance, reproduce, shown, tables,
};
use super::{Chart, Recording};
use crate::experiment::again::first_replication;
use crate::experiment::compare::Row;
use crate::experiment::stats::{Interval, Paired, Verdict};
use crate::measure::figures::Unit;
use crate::report::ComparisonReport;
use crate::report::answer::{of_comparison, plain};
use crate::report::chart::{
    Alarms, Comparison, ConditionDetection, Detection, Difference, Distribution, Estimate, Figure, Finding, Format,
    Provenance, compare, detection, distribution,
};
use crate::report::comparison::{amount, signed, verdict};
use crate::report::html::{Page, STORY_ENDS, Section, Tile, Tone};
use crate::report::printed::Report as _;
use crate::simulation::{Lowered, RunError};
use crate::units::Span;

/// What A and B did in their first replication.
#[derive(Clone, Debug)]
pub struct Sides {
    /// A.
    pub a: Recording,
    /// B.
    pub b: Recording,
    /// A felt TTFT above this breaks the service level objective of B.
    pub slo: Span,
}

impl Sides {
    /// Runs the first replication of A and of B once more, and looks at it. Also gives what all decisions of each
    /// amount to ([`crate::experiment::compare::Comparison::first`]), by which one knows that it is the same run.
    ///
    /// # Errors
    /// When a trace cannot be read.
    pub fn record(a: &Lowered, b: &Lowered) -> Result<(Self, [String; 2]), RunError> {
        let one = |lowered: &Lowered| -> Result<(Recording, String), RunError> {
            let recording = Recording::new(&lowered.measure, &lowered.accounts, &lowered.account_names);
            let seen = first_replication(lowered, a.seed, recording)?;
            Ok((seen.observer, seen.decisions))
        };
        let ((of_a, first_a), (of_b, first_b)) = (one(a)?, one(b)?);
        Ok((Self { a: of_a, b: of_b, slo: b.measure.slo_ttft }, [first_a, first_b]))
    }
}

/// All charts of a comparison; distributions only where the first replication was looked at.
pub fn comparison_charts(report: &ComparisonReport, sides: Option<&Sides>) -> Vec<Chart> {
    let mut all = sides.map_or_else(Vec::new, |sides| incident_charts(report, sides).into());
    all.push(Chart::new("comparison", forest(report)));
    all.extend(sides.map(|sides| Chart::new("distribution", distributions(report, sides))));
    all.extend(detected(report).map(|figure| Chart::new("detection", figure)));
    all
}

/// What happened under B, held against A, and who suffered.
fn incident_charts(report: &ComparisonReport, sides: &Sides) -> [Chart; 2] {
    let names = match (report.comparison.a.as_str(), report.comparison.b.as_str()) {
        ("escape off", "as it stands") => ["escape off", "escape on"].map(str::to_owned),
        (a, b) => [format!("A: {a}"), format!("B: {b}")],
    };
    let both = super::sides::Sides { reference: Some((&sides.a, &names[0])), shown: (&sides.b, &names[1]) };
    parts::incident_charts(&both, &from(report), &of_comparison(report).sentence, &report.scenarios[1])
}

/// The page of a comparison; `command` made it.
pub fn comparison_page(report: &ComparisonReport, sides: Option<&Sides>, command: &str) -> Page {
    let from = from(report);
    let comparison = &report.comparison;
    let mut sections: Vec<Section> = Vec::new();
    let mut drawn = comparison_charts(report, sides);
    let mut remaining = tables(&report.sections(), "Figures");
    for (heading, names) in [
        ("What happened", &["incident"][..]),
        ("When it was seen", &["detection"]),
        ("Who suffered", &["who-suffered", "distribution"]),
        ("What got better and what worse", &["comparison"]),
    ] {
        let mut figures = Vec::new();
        for name in names {
            if let Some(place) = drawn.iter().position(|chart| chart.name == *name) {
                figures.push(drawn.remove(place).figure);
            }
        }
        let mut section = charts(heading, figures);
        if heading.starts_with("What got") && !remaining.is_empty() {
            section.pieces.extend(remaining.remove(0).pieces);
        }
        if !section.pieces.is_empty() {
            sections.push(section);
        }
    }
    if let Some(point) = of_comparison(report).points.pop() {
        let pieces = vec![crate::report::html::Piece::Line(point.text)];
        sections.push(Section { heading: STORY_ENDS.to_owned(), pieces });
    }
    sections.extend(remaining);
    let [a, b] = &report.scenarios;
    sections.extend(differences(a, b));
    let mut reproduce = reproduce(&from);
    reproduce.push(("A".to_owned(), comparison.a.clone()));
    reproduce.push(("B".to_owned(), comparison.b.clone()));
    Page {
        title: format!("{}: {} against {}", report.name, comparison.b, comparison.a),
        reproduce,
        provenance: from,
        answer: of_comparison(report),
        notes: comparison.notes.clone(),
        tiles: tiles(report),
        sections,
        scenario: if a == b { shown(b) } else { format!("B, {}:\n{}", comparison.b, shown(b)) },
        command: command.to_owned(),
    }
}

fn from(report: &ComparisonReport) -> Provenance {
    let comparison = &report.comparison;
    provenance(&report.name, &comparison.seed.to_string(), Some(comparison.replications))
}

fn forest(report: &ComparisonReport) -> Figure {
    let comparison = &report.comparison;
    let mut rows = report.rows();
    rows.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    let mut figure = compare(&Comparison {
        provenance: from(report),
        a: comparison.a.clone(),
        b: comparison.b.clone(),
        rows: rows
            .into_iter()
            .map(|row| {
                let name = plain(&row.figure.path).unwrap_or(&row.figure.path);
                difference(name, row.figure.meta.unit, row.paired.as_ref(), (row.verdict, row.stands))
            })
            .collect(),
        level_percent: comparison.level.fraction() * 100.0,
    });
    if comparison.is_inert() {
        figure.notes.push("Inert: no decision of the scheduler differed in any replication.".to_owned());
    }
    if report.rows().iter().any(|row| row.verdict.claims() && row.stands == Some(false)) {
        figure.notes.push(
            "?: shown when the figure is judged alone, but not when all figures are judged together (Holm).".to_owned(),
        );
    }
    if report.rows().iter().filter_map(|row| row.paired.as_ref()).any(Paired::differs_too_rarely) {
        figure
            .notes
            .push("\u{201c}3 of 20 differ\u{201d}: in that many replications, too few to say by how much.".to_owned());
    }
    figure
}

/// The order of rows: what got worse, what got better, what differs, what does not; the largest change first.
fn rank(row: &Row) -> f64 {
    let group = match row.verdict {
        Verdict::Worse => 0.0,
        Verdict::Better => 1.0,
        Verdict::Higher | Verdict::Lower => 2.0,
        Verdict::NoDifferenceShown => 3.0,
        Verdict::NotDecidable | Verdict::Identical => 4.0,
    };
    let change = row.paired.as_ref().and_then(|paired| paired.change).map_or(f64::MAX, |change| change.mean.abs());
    group + 1.0 / (1.0 + change) / 2.0
}

/// A row of a forest plot.
pub(super) fn difference(
    name: &str,
    unit: Unit,
    paired: Option<&Paired>,
    (found, stands): (Verdict, Option<bool>),
) -> Difference {
    let mean = |of: Option<Interval>| amount(of.map(|of| Interval { lo: None, hi: None, ..of }), unit);
    Difference {
        name: name.to_owned(),
        a: mean(paired.map(|paired| paired.a)),
        b: mean(paired.map(|paired| paired.b)),
        difference: signed(paired.map(|paired| paired.difference), unit),
        change_percent: match paired {
            // the same in both: 0, also where A is 0
            Some(paired) if paired.identical => Estimate { value: 0.0, low: 0.0, high: 0.0 },
            paired => estimate(paired.and_then(|paired| paired.change)).scaled(100.0),
        },
        verdict: match found {
            Verdict::Better => Finding::Better,
            Verdict::Worse => Finding::Worse,
            Verdict::Higher | Verdict::Lower => Finding::Differs,
            Verdict::Identical | Verdict::NoDifferenceShown | Verdict::NotDecidable => Finding::NotShown,
        },
        words: verdict(found, paired, stands),
    }
}

fn distributions(report: &ComparisonReport, sides: &Sides) -> Figure {
    let side = |letter: &str, name: &str, recording: &Recording| recording.side(&format!("{letter}: {name}"));
    let mut figure = distribution(&Distribution {
        provenance: Provenance { replications: None, ..from(report) },
        sides: vec![side("A", &report.comparison.a, &sides.a), side("B", &report.comparison.b, &sides.b)],
        slo_ms: Some(sides.slo.millis()),
    });
    if report.comparison.replications > 1 {
        figure.notes.push("Of the first replication.".to_owned());
    }
    if report.comparison.is_inert() {
        figure.notes.push("Inert: no decision of the scheduler differed, so both curves are one.".to_owned());
    }
    figure
}

/// Detection on the sides where the gate is on, or where the mode has none.
fn detected(report: &ComparisonReport) -> Option<Figure> {
    let on = |scenario: &Value| {
        scenario.pointer("/gateway/openai_scheduler/sticky_escape_enabled").and_then(Value::as_bool).unwrap_or(true)
    };
    let comparison = &report.comparison;
    let mean = |row: &Row, side: usize| match &row.paired {
        Some(paired) => Some([paired.a, paired.b][side].mean),
        None => row.alone[side].map(|alone| alone.mean),
    };
    let mut rows: Vec<ConditionDetection> = Vec::new();
    let mut worth: Vec<Alarms> = Vec::new();
    for (side, letter) in ["A", "B"].into_iter().enumerate().filter(|&(side, _)| on(&report.scenarios[side])) {
        let get = |path: &str| mean(comparison.row(path)?, side);
        let all = conditions(comparison.rows.iter().map(|row| row.figure.path.as_str()), &get);
        rows.extend(all.into_iter().map(|c| ConditionDetection { name: format!("{} ({letter})", c.name), ..c }));
        worth.extend(alarms(letter, &get));
    }
    (!rows.is_empty()).then(|| {
        let (provenance, seen_by) = (from(report), IN_ANY_MODE.to_owned());
        detection(&Detection { provenance, seen_by, conditions: rows, alarms: worth, roc: Vec::new(), current: None })
    })
}

const TILES: [(&str, &str); 8] = [
    ("Worst turn of a session, p99", "sessions.worst_ttft_ms.p99"),
    ("Sessions over the SLO", "sessions.over_slo_ratio"),
    ("Stuck sessions", "sessions.stuck"),
    ("Felt TTFT, p99", "felt_ttft_ms.p99"),
    ("Escapes", "escapes.total"),
    ("Missed turns", "detection.missed_turns"),
    ("Cold turns", "cost.cold_turn_ratio"),
    ("Answered within the SLO", "outcomes.goodput_ratio"),
];

fn tiles(report: &ComparisonReport) -> Vec<Tile> {
    let tile = |(name, path): &(&str, &str)| {
        let row = report.comparison.row(path)?;
        let paired = row.paired.as_ref()?;
        let mean = |of: Interval| amount(Some(Interval { lo: None, hi: None, ..of }), row.figure.meta.unit);
        let change = paired.change.map(|change| format!(", {}", Format::Change.value(change.mean * 100.0)));
        let change = change.map(|change| change.replace(" %", "\u{a0}%"));
        Some(Tile {
            name: (*name).to_owned(),
            value: mean(paired.b),
            remark: format!("A {}{}", mean(paired.a), change.unwrap_or_default()),
            tone: match row.verdict {
                Verdict::Better if row.stands == Some(true) => Tone::Good,
                Verdict::Worse if row.stands == Some(true) => Tone::Bad,
                _ => Tone::Neutral,
            },
        })
    };
    TILES.iter().filter_map(tile).collect()
}
