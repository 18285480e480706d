//! One session's way: each turn with its TTFT and its account, escapes and cold turns.

use super::figure::{Axis, Dash, Figure, Mark, Panel, Provenance, Row, Series, Shape};
use super::format::Format;
use super::theme::Ink;
use crate::units;

/// One turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Its arrival, in seconds since the start of the run.
    pub at_s: f64,
    /// Its felt TTFT in ms; NaN where no first token came.
    pub ttft_ms: f64,
    /// Its account, as an index into the journey's accounts; `None` where it got none.
    pub account: Option<usize>,
    /// Why it escaped, by the gateway's name, if it did.
    pub escape: Option<String>,
    /// Whether it found no cached prefix though its session had one elsewhere.
    pub cold: bool,
    /// How it ended, where not well.
    pub failure: Option<String>,
}

/// One session.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// Where it comes from.
    pub provenance: Provenance,
    /// The session's name.
    pub session: String,
    /// Names of the accounts that it met, in order of appearance.
    pub accounts: Vec<String>,
    /// Its turns in order of arrival.
    pub turns: Vec<Turn>,
    /// The threshold in ms.
    pub threshold_ms: Option<f64>,
}

/// The colour and marker of the i-th account.
pub(super) fn account_style(i: usize) -> (Ink, Shape) {
    // Colours and markers go round with different periods, so that 24 accounts differ in one or the other.
    (Ink::Category(i), Shape::CATEGORIES[i % Shape::CATEGORIES.len()])
}

/// The gateway's names of escape reasons, in the order of lanes.
pub(super) const REASONS: [&str; 3] = ["ttft", "error_rate", "concurrency_full"];

/// The colour and marker of an escape reason.
pub(super) fn reason_style(reason: &str) -> (Ink, Shape) {
    match reason {
        "ttft" => (Ink::Ttft, Shape::Down),
        "error_rate" => (Ink::ErrorRate, Shape::Cross),
        _ => (Ink::Full, Shape::Square),
    }
}

/// The chart of a session's journey.
pub fn journey(journey: &Journey) -> Figure {
    let turns = &journey.turns;
    let start = turns.iter().map(|turn| turn.at_s).fold(f64::INFINITY, f64::min);
    let end = turns.iter().map(|turn| turn.at_s).fold(f64::NEG_INFINITY, f64::max);
    let pad = if end > start { 0.03 * (end - start) } else { 30.0 };
    let x = || {
        let axis = Axis::linear("virtual time since the start of the run (h:mm)", Format::Clock);
        if start.is_finite() { axis.over(start - pad, end + pad) } else { axis }
    };
    let mut latency = Panel::new("Turns", x().hidden(), Axis::log("felt TTFT (s, log scale)", Format::Seconds));
    latency.nothing = "nothing to show: no turn had a first token".to_owned();
    let known = |turn: &&Turn| turn.ttft_ms.is_finite() && turn.ttft_ms > 0.0;
    let floor = turns.iter().filter(known).map(|turn| turn.ttft_ms / 1e3).fold(f64::INFINITY, f64::min) / 1.6;
    let cold: Vec<&Turn> = turns.iter().filter(|turn| turn.cold).filter(known).collect();
    if !cold.is_empty() {
        let points = cold.iter().map(|turn| (turn.at_s, turn.ttft_ms / 1e3)).collect();
        // A ring around the turn's own marker, which comes later.
        let ring = Mark::Dots { points, shape: Shape::Ring, size: 15.0, opacity: 1.0 };
        latency.series.push(Series::new("cold turn", Ink::Text, ring));
    }
    let several = journey.accounts.len();
    for (i, account) in journey.accounts.iter().enumerate() {
        let (ink, shape) = account_style(i);
        let of: Vec<&Turn> = turns.iter().filter(|turn| turn.account == Some(i)).filter(known).collect();
        if of.is_empty() {
            continue;
        }
        let stems = of.iter().map(|turn| ((turn.at_s, floor), (turn.at_s, turn.ttft_ms / 1e3))).collect();
        latency.series.push(Series::new(if several > 1 { account.as_str() } else { "" }, ink, Mark::Links(stems)));
        let tips = of.iter().map(|turn| tip(journey, turn)).collect();
        let points = of.iter().map(|turn| (turn.at_s, turn.ttft_ms / 1e3)).collect();
        let dots = Mark::Dots { points, shape, size: 8.0, opacity: 1.0 };
        latency.series.push(Series::new(account.clone(), ink, dots).tips(tips));
    }
    let mut used = 0;
    for reason in REASONS {
        let (ink, shape) = reason_style(reason);
        let of: Vec<&Turn> = turns.iter().filter(|turn| turn.escape.as_deref() == Some(reason)).collect();
        if !of.is_empty() {
            let tips = of.iter().map(|turn| tip(journey, turn)).collect();
            let flags = Mark::Flags { at: of.iter().map(|turn| turn.at_s).collect(), shape, lane: used };
            used += 1;
            latency.series.push(Series::new(format!("escape: {reason}"), ink, flags).tips(tips));
        }
    }
    let failed: Vec<&Turn> = turns.iter().filter(|turn| turn.failure.is_some()).collect();
    if !failed.is_empty() {
        let tips = failed.iter().map(|turn| tip(journey, turn)).collect();
        let at = failed.iter().map(|turn| turn.at_s).collect();
        latency
            .series
            .push(Series::new("failed turn", Ink::Bad, Mark::Flags { at, shape: Shape::Plus, lane: used }).tips(tips));
    }
    if let Some(ms) = journey.threshold_ms.filter(|_| turns.iter().any(|turn| known(&turn))) {
        let name = format!("threshold {}", Format::Seconds.value(ms / 1e3));
        latency.y.include.push(ms / 1e3);
        let rule = Mark::RuleY { at: ms / 1e3, label: String::new(), dash: Dash::Dashed };
        latency.series.push(Series::new(name, Ink::Muted, rule));
    }
    latency.zoom = true;
    latency.lanes = if failed.is_empty() { used } else { used + 1 };

    let mut lanes = Panel::new("Accounts", x(), Axis::names("", journey.accounts.clone()));
    lanes.nothing = "nothing to show: no turn got an account".to_owned();
    lanes.zoom = true;
    let path: Vec<(f64, f64)> = turns.iter().filter_map(|turn| Some((turn.at_s, turn.account? as f64))).collect();
    lanes.series.push(Series::new("", Ink::Muted, Mark::Step { points: path, dash: Dash::Solid }));
    for (i, _) in journey.accounts.iter().enumerate() {
        let (ink, shape) = account_style(i);
        let of = turns.iter().filter(|turn| turn.account == Some(i));
        let points: Vec<(f64, f64)> = of.map(|turn| (turn.at_s, i as f64)).collect();
        // What a turn was is said above, once.
        lanes.series.push(Series::new("", ink, Mark::Dots { points, shape, size: 7.0, opacity: 1.0 }));
    }
    let moves = turns.windows(2).filter(|pair| pair[0].account != pair[1].account).count();
    let count = |n: usize, what: &str| units::count(n as u64, what);
    let escapes = turns.iter().filter(|turn| turn.escape.is_some()).count();
    let colds = turns.iter().filter(|turn| turn.cold).count();
    Figure {
        title: format!("Session {}", journey.session),
        subtitle: format!(
            "{}: {}, {}, {}.",
            count(turns.len(), "turn"),
            count(escapes, "escape"),
            count(moves, "change") + " of account",
            count(colds, "cold turn")
        ),
        rows: vec![
            Row { height: 230.0, panels: vec![latency] },
            Row { height: (26.0 * journey.accounts.len() as f64).clamp(40.0, 420.0), panels: vec![lanes] },
        ],
        legend: Vec::new(),
        notes: Vec::new(),
        provenance: journey.provenance.clone(),
    }
}

fn tip(journey: &Journey, turn: &Turn) -> String {
    let mut lines = vec![format!("at {}", Format::Clock.value(turn.at_s))];
    match turn.account.and_then(|i| journey.accounts.get(i)) {
        Some(account) => lines.push(format!("account {account}")),
        None => lines.push("no account".to_owned()),
    }
    if turn.ttft_ms.is_finite() {
        lines.push(format!("felt TTFT {}", Format::Seconds.value(turn.ttft_ms / 1e3)));
    }
    lines.extend(turn.escape.iter().map(|reason| format!("escape: {reason}")));
    if turn.cold {
        lines.push("cold turn".to_owned());
    }
    lines.extend(turn.failure.clone());
    lines.join("\n")
}
