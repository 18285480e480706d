//! `escapes.csv`: one row per `sticky_escape_triggered`, in order of time.

use std::io::Write;

use super::requests::session_text;
use super::rows::{Maybe, Rows};
use crate::measure::{AccountInfo, Observer, Selected, Settings};
use crate::scheduler::Outcome;
use crate::units::Time;
use crate::upstream::HealthChange;

const COLUMNS: &[&str] = &[
    "time_s",
    "warmup",
    "request",
    "session",
    "turn",
    "replica",
    "from_account",
    "reason",
    "error_rate",
    "ttft_ms",
    "to_account",
    "outcome",
    "wasted",
    "degraded",
];

/// Writes escapes.
#[derive(Debug)]
pub struct Escapes<W: Write> {
    pub rows: Rows<W>,
    start: Time,
    warmup_end: Time,
    ids: Vec<i64>,
    /// How many conditions degrade each account.
    conditions: Vec<u32>,
}

impl<W: Write> Escapes<W> {
    pub fn new(writer: W, settings: &Settings, accounts: &[AccountInfo]) -> Self {
        Self {
            rows: Rows::new(writer, COLUMNS),
            start: settings.start,
            warmup_end: settings.warmup_end,
            ids: accounts.iter().map(|account| account.id).collect(),
            conditions: vec![0; accounts.len()],
        }
    }
}

impl<W: Write> Observer for Escapes<W> {
    fn selected(&mut self, step: &Selected<'_>) {
        let Some(escape) = step.decision.escape else { return };
        let to = step.decision.account();
        let outcome = match step.decision.outcome {
            Outcome::Acquired(..) => "acquired",
            Outcome::Wait(..) => "wait",
            Outcome::NoAvailableAccounts => "no_available_accounts",
        };
        self.rows.put(&[
            &step.now.since(self.start).secs(),
            &(step.request.at < self.warmup_end),
            &step.number,
            &Maybe(step.request.session.map(|_| session_text(&step.request.session_hash))),
            &Maybe(step.request.session.map(|_| step.request.turn)),
            &step.replica,
            &self.ids[escape.account.at()],
            &escape.reason.name(),
            &escape.error_rate,
            &escape.ttft_ms,
            &Maybe(to.map(|account| self.ids[account.at()])),
            &outcome,
            &(to == Some(escape.account)),
            &(self.conditions[escape.account.at()] > 0),
        ]);
    }

    fn health_changed(&mut self, change: &HealthChange) {
        let conditions = &mut self.conditions[change.account.at()];
        *conditions = if change.degraded { *conditions + 1 } else { conditions.saturating_sub(1) };
    }
}
