//! The clock of a trace: where its times start, and that none of them is absurd.
//!
//! Formats whose times count from the start are often written by converters with Unix time. The start is then 55 years
//! away; no trace lasts that long, so the times are taken from the first row, and that is said.

use super::line::BadLine;
use super::row::TraceRow;
use crate::units::Span;
use crate::workload::RecordedAttempt;

/// From here on seconds are Unix time: September 2001.
const UNIX: Span = Span::from_secs(1_000_000_000);

/// The longest time that a trace may name: ten years, as in a scenario.
pub(super) const LONGEST: Span = Span::from_secs(3_653 * 86_400);

/// Reads the times of rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    begun: bool,
    /// The first row's time, where that is Unix time.
    unix: Option<Span>,
}

impl Clock {
    /// Makes the row's times count from the start of the trace.
    ///
    /// # Errors
    /// When a time is longer than ten years.
    pub(super) fn read(&mut self, row: &mut TraceRow) -> Result<(), BadLine> {
        if !std::mem::replace(&mut self.begun, true) && row.at >= UNIX {
            self.unix = Some(row.at);
        }
        if let Some(first) = self.unix {
            if row.at < first {
                let message = format!(
                    "expected rows in order of time, found {} s after the trace's first {} s",
                    row.at.secs(),
                    first.secs()
                );
                return Err(BadLine::new(0, message).remedy("sort the rows by time"));
            }
            row.at = row.at.saturating_sub(first);
            row.ended = row.ended.map(|ended| ended.saturating_sub(first));
        }
        if row.at > LONGEST {
            let message = format!("{} s after the start of the trace is more than ten years", row.at.secs());
            let remedy = "write seconds from the first row, or dates";
            return Err(BadLine::new(0, message).remedy(remedy));
        }
        if longest(row) > LONGEST { Err(too_long(row)) } else { Ok(()) }
    }

    /// That the times were taken for Unix time.
    pub(super) fn note(&self) -> Option<String> {
        let first = self.unix?;
        Some(format!("its times are Unix time (the first is {} s): they count from the first row", first.secs()))
    }
}

/// The longest time that a row holds, its arrival aside.
pub(super) fn longest(row: &TraceRow) -> Span {
    let took = row.ended.map(|ended| ended.saturating_sub(row.at));
    let times = [took, row.patience];
    let longest = times.into_iter().flatten().max().unwrap_or(Span::ZERO);
    let Some(recorded) = &row.recorded else { return longest };
    let recorded_times = [recorded.first_token, recorded.duration];
    let attempts = recorded.attempts.iter().flat_map(|attempt| match *attempt {
        RecordedAttempt::Ok { ttft, end } => [Some(ttft), Some(end)],
        RecordedAttempt::Broken { ttft, end, .. } => [ttft, Some(end)],
        RecordedAttempt::Status { end, reset_after, .. } => [Some(end), reset_after],
        RecordedAttempt::Transport { end, .. } => [Some(end), None],
    });
    recorded_times.into_iter().chain(attempts).flatten().fold(longest, Span::max)
}

/// The complaint about it.
pub(super) fn too_long(row: &TraceRow) -> BadLine {
    let message = format!("a time of {} s is more than ten years", longest(row).secs());
    BadLine::new(0, message).remedy("see which unit its times have")
}

/// Whether the first token came after the end: no clock says that. A millisecond of rounding is nothing.
pub(super) fn is_upside_down(row: &TraceRow) -> bool {
    let Some(recorded) = &row.recorded else { return false };
    let end = recorded.duration.or_else(|| row.ended.map(|ended| ended.saturating_sub(row.at)));
    let rounding = Span::from_millis(1);
    matches!((recorded.first_token, end), (Some(first), Some(end)) if first > end + rounding)
}
