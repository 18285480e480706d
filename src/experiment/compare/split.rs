//! What each of the three escape reasons adds: a ladder of variants from escape off to escape as it is set.
//!
//! Switching escape as a whole mixes two things: leaving an account for its health, and leaving it because it is full
//! (with escape off such a request waits). Each rung of the ladder adds one reason: full, then TTFT, then errors; so
//! the steps sum up to the whole. A reason alone may do more or less than its step: reasons take work from each other.

use super::super::cell::{Cell, Figure};
use super::super::stats::{Level, Paired, Verdict, paired_of};
use super::super::variant::{Base, ESCAPE_OFF, Variant, VariantError};
use crate::scheduler::EscapeReason;

/// One rung against the one below.
#[derive(Clone, Debug)]
pub struct Step {
    /// The reason that it adds.
    pub reason: EscapeReason,
    /// Every figure of the whole run.
    pub rows: Vec<(Figure, Option<Paired>, Verdict)>,
}

/// A threshold that no TTFT reaches, in ms: 100 days.
const NEVER_MS: &str = "sticky_escape_ttft_ms=8640000000";
/// An error rate is never above 1.
const NO_ERRORS: &str = "sticky_escape_error_rate=1";

/// The rungs: off; full; full and TTFT; all three. `sets` are those of the variant that is split.
///
/// # Errors
/// When the scenario is not valid with them.
pub fn ladder(base: &Base, sets: &[String]) -> Result<Vec<Variant>, VariantError> {
    let on = "sticky_escape_enabled=true";
    let rungs: [(&str, &[&str]); 4] = [
        ("escape off", &[ESCAPE_OFF]),
        ("only when full", &[on, NEVER_MS, NO_ERRORS]),
        ("full and TTFT", &[on, NO_ERRORS]),
        ("all reasons", &[on]),
    ];
    let rung = |(name, own): (&str, &[&str])| {
        let all: Vec<String> = sets.iter().cloned().chain(own.iter().map(|set| (*set).to_owned())).collect();
        base.variant_of("--b", name, &all)
    };
    rungs.into_iter().map(rung).collect()
}

/// The steps of a ladder whose cells come after those of A and B.
pub(super) fn steps(ladder: &[Variant], cells: &[Vec<Cell>], figures: &[Figure], level: Level) -> Vec<Step> {
    if ladder.is_empty() {
        return Vec::new();
    }
    let rungs = &cells[cells.len() - ladder.len()..];
    let reasons = [EscapeReason::ConcurrencyFull, EscapeReason::Ttft, EscapeReason::ErrorRate];
    let step = |(pair, reason): (&[Vec<Cell>], EscapeReason)| {
        let row = |figure: &Figure| {
            let paired = paired_of(&figure.column(&pair[0]), &figure.column(&pair[1]), level);
            (figure.clone(), paired, Verdict::of(paired.as_ref(), figure.direction()))
        };
        Step { reason, rows: figures.iter().filter(|figure| figure.is_of_run()).map(row).collect() }
    };
    rungs.windows(2).zip(reasons).map(step).collect()
}
