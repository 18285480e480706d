//! What the chart of a run over time is made from.

use super::super::figure::{Axis, Provenance, Span};
use super::super::format::Format;

/// One account over time. Times are seconds since the start of the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountTrack {
    /// Its name.
    pub name: String,
    /// How many attempts had a first token, after the warm-up.
    pub attempts: u64,
    /// How many sessions' turns escaped from it, after the warm-up.
    pub escaped: u64,
    /// (time, upstream TTFT in ms) of each of them, where they are few.
    pub ttft_ms: Vec<(f64, f64)>,
    /// Their numbers, where they are many.
    pub counted: Vec<Counted>,
    /// (time, TTFT EWMA in ms) after each report; NaN where the stats were lost.
    pub ewma_ms: Vec<(f64, f64)>,
    /// (time, lowest, highest TTFT EWMA in ms about then), where there were too many reports to draw each.
    pub ewma_band: Vec<(f64, f64, f64)>,
    /// Ground truth: degraded.
    pub degraded: Vec<Span>,
    /// Runtime-blocked or unschedulable.
    pub blocked: Vec<Span>,
    /// Off the list of candidates after a block had ended.
    pub away: Vec<Span>,
    /// Escapes from this account.
    pub escapes: Vec<Escapes>,
}

impl AccountTrack {
    /// Whether nothing happened on it, and nothing to it.
    pub(super) fn is_idle(&self) -> bool {
        self.attempts == 0
            && self.escapes.is_empty()
            && [&self.degraded, &self.blocked, &self.away].iter().all(|spans| spans.is_empty())
    }
}

/// So many attempts of a stretch of time had a TTFT of a certain size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// The stretch.
    pub span: Span,
    /// Their TTFT in ms: (from, to).
    pub ttft_ms: (f64, f64),
    /// How many.
    pub count: u64,
}

/// Escapes of one reason, about this time.
#[derive(Clone, Debug, PartialEq)]
pub struct Escapes {
    /// When.
    pub at_s: f64,
    /// The reason by the gateway's name.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// How the selects of a stretch of time were decided, as shares that sum to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The stretch.
    pub span: Span,
    /// Sticky.
    pub sticky: f64,
    /// Escaped.
    pub escaped: f64,
    /// Load-balanced without an escape.
    pub balanced: f64,
}

/// A run over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Where it comes from.
    pub provenance: Provenance,
    /// The accounts in their order.
    pub accounts: Vec<AccountTrack>,
    /// Shares of selects.
    pub shares: Vec<Share>,
    /// The threshold in ms; `None` with escape off.
    pub threshold_ms: Option<f64>,
    /// The end of the run in seconds.
    pub end_s: f64,
    /// The end of the warm-up in seconds.
    pub warmup_s: f64,
}

/// At most this many strips: those with most escapes.
pub(super) const STRIPS: usize = 24;

/// Columns of density and of strips.
pub(super) const COLUMNS: usize = 240;

pub(super) fn time_axis(timeline: &Timeline) -> Axis {
    let end = if timeline.end_s.is_finite() && timeline.end_s > 0.0 { timeline.end_s } else { 1.0 };
    // the warm-up is folded away: no figure counts it
    let from = if timeline.warmup_s > 0.0 && timeline.warmup_s < end { timeline.warmup_s } else { 0.0 };
    Axis::linear("virtual time since the start of the run (h:mm)", Format::Clock).over(from, end)
}
