//! `sessions.csv`: one row per session with a turn after the warm-up, in order of their ends (those under way when the
//! run ends come last).

use std::io::Write;

use super::requests::session_text;
use super::rows::{Maybe, Rows};
use crate::ids::SessionRef;
use crate::measure::sessions::{Ledger, Summary};
use crate::measure::{Finished, Observer, Settings};
use crate::units::Time;
use crate::workload::Request;

const COLUMNS: &[&str] = &[
    "session",
    "first_arrival_s",
    "last_end_s",
    "turns",
    "turns_without_token",
    "worst_ttft_ms",
    "mean_ttft_ms",
    "turns_over_slo",
    "slow_turns",
    "longest_slow_row",
    "stuck",
    "longest_stuck_s",
    "escaped_turns",
];

/// Writes sessions.
#[derive(Debug)]
pub struct Sessions<W: Write> {
    pub rows: Rows<W>,
    start: Time,
    ledger: Ledger,
}

impl<W: Write> Sessions<W> {
    pub fn new(writer: W, settings: &Settings) -> Self {
        Self { rows: Rows::new(writer, COLUMNS), start: settings.start, ledger: Ledger::new(settings) }
    }

    fn put(&mut self, summary: &Summary) {
        self.rows.put(&[
            &session_text(&summary.hash),
            &summary.first_arrival.since(self.start).secs(),
            &summary.last_end.since(self.start).secs(),
            &summary.turns,
            &summary.turns_without_token,
            &Maybe(summary.mean_ttft().map(|_| summary.worst_ttft.millis())),
            &Maybe(summary.mean_ttft().map(|ttft| ttft.millis())),
            &summary.turns_over_slo,
            &summary.slow_turns,
            &summary.longest_slow_row,
            &summary.stuck,
            &summary.longest_stuck.secs(),
            &summary.escaped_turns,
        ]);
    }
}

impl<W: Write> Observer for Sessions<W> {
    fn arrived(&mut self, _now: Time, _number: u64, request: &Request) {
        if let Some(stale) = self.ledger.arrived(request) {
            self.put(&stale);
        }
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        if let Some(stale) = self.ledger.turn(finished) {
            self.put(&stale);
        }
    }

    fn session_over(&mut self, _now: Time, session: SessionRef) {
        if let Some(summary) = self.ledger.over(session) {
            self.put(&summary);
        }
    }

    fn run_over(&mut self, _now: Time) {
        let left: Vec<_> = self.ledger.drain().collect();
        left.iter().for_each(|summary| self.put(summary));
    }
}
