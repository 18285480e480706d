//! One session's way: each turn with its TTFT and its account, escapes and cold turns.

use super::figure::{Axis, Dash, Figure, Mark, Panel, Provenance, Row, Series, Shape, Span, SpanKind};
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
    /// Ground truth: when which of these accounts was degraded, as (index into the accounts, stretch).
    pub degraded: Vec<(usize, Span)>,
    /// The threshold in ms.
    pub threshold_ms: Option<f64>,
}

/// What shows that an account was degraded.
const DEGRADED: &str = "its account was degraded (truth)";

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
    let shaded = ill_there(journey);
    if !shaded.is_empty() {
        let spans = Mark::Spans(shaded, SpanKind::Shaded);
        latency.series.push(Series::new(DEGRADED, Ink::Degraded, spans));
    }
    let known = |turn: &&Turn| turn.ttft_ms.is_finite() && turn.ttft_ms > 0.0;
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
        let tips = of.iter().map(|turn| tip(journey, turn)).collect();
        let points = of.iter().map(|turn| (turn.at_s, turn.ttft_ms / 1e3)).collect();
        let dots = Mark::Dots { points, shape, size: 8.0, opacity: 1.0 };
        // the lanes below say which account it is
        let name = if several > 1 { "" } else { account.as_str() };
        latency.series.push(Series::new(name, ink, dots).tips(tips));
    }
    let mut used = 0;
    for reason in REASONS {
        let (ink, shape) = reason_style(reason);
        let of: Vec<&Turn> = turns.iter().filter(|turn| turn.escape.as_deref() == Some(reason)).collect();
        if !of.is_empty() {
            let tips = of.iter().map(|turn| tip(journey, turn)).collect();
            let flags =
                Mark::Flags { at: of.iter().map(|turn| turn.at_s).collect(), shape, lane: used, counts: Vec::new() };
            used += 1;
            latency.series.push(Series::new(format!("escape: {reason}"), ink, flags).tips(tips));
        }
    }
    let failed: Vec<&Turn> = turns.iter().filter(|turn| turn.failure.is_some()).collect();
    if !failed.is_empty() {
        let tips = failed.iter().map(|turn| tip(journey, turn)).collect();
        let at = failed.iter().map(|turn| turn.at_s).collect();
        latency.series.push(
            Series::new(
                "failed turn",
                Ink::Bad,
                Mark::Flags { at, shape: Shape::Plus, lane: used, counts: Vec::new() },
            )
            .tips(tips),
        );
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
    let ill = journey.degraded.iter().map(|&(row, span)| (span.from, span.to, row as f64 - 0.4, row as f64 + 0.4));
    let bars: Vec<(f64, f64, f64, f64)> = ill.collect();
    if !bars.is_empty() {
        lanes.series.push(Series::new(DEGRADED, Ink::Degraded, Mark::Bars { bars }));
    }
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
        title: finding(journey),
        subtitle: format!(
            "Session {}: {}, {}, {}.",
            journey.session,
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

/// How it fared: its turns over the threshold and the worst one.
fn finding(journey: &Journey) -> String {
    let turns = &journey.turns;
    let all = format!("{} turn{}", turns.len(), if turns.len() == 1 { "" } else { "s" });
    let slow = journey.threshold_ms.map(|limit| (limit, turns.iter().filter(|turn| turn.ttft_ms > limit).count()));
    let known = turns.iter().filter(|turn| turn.ttft_ms.is_finite());
    let worst = known.max_by(|a, b| a.ttft_ms.total_cmp(&b.ttft_ms)).map(|turn| {
        let on = turn.account.and_then(|i| journey.accounts.get(i));
        let on = on.map_or_else(String::new, |account| format!(" on {account}"));
        format!("the slowest took {}{on}", Format::Seconds.value(turn.ttft_ms / 1e3))
    });
    match (slow, worst) {
        (_, None) => format!("A session with {all}, none of which had a first token"),
        (None | Some((_, 0)), Some(worst)) => format!("A session with {all}: {worst}"),
        (Some((limit, slow)), Some(worst)) => {
            format!("A session with {all}: {slow} waited over {}, {worst}", Format::Seconds.value(limit / 1e3))
        }
    }
}

/// When the account that the session was on was degraded: stretches between its turns, not beyond the degraded ones.
fn ill_there(journey: &Journey) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::new();
    for (place, turn) in journey.turns.iter().enumerate() {
        let until = journey.turns.get(place + 1).map_or(turn.at_s + 60.0, |next| next.at_s);
        for (_, span) in journey.degraded.iter().filter(|(account, _)| turn.account == Some(*account)) {
            let (from, to) = (span.from.max(turn.at_s), span.to.min(until));
            match out.last_mut() {
                _ if to <= from => {}
                Some(last) if from - last.to < 1.0 => last.to = to,
                _ => out.push(Span { from, to }),
            }
        }
    }
    out
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
