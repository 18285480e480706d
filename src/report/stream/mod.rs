//! The rows of a run as CSV files, written while it goes on: `requests.csv`, `sessions.csv`, `escapes.csv`, and
//! `accounts.csv` (the accounts' state over time) when it is over. Their columns are described in
//! `docs/reference/results.md`.
//!
//! An observer cannot fail, so the first error is kept and comes out of `finish`; rows after it are not written.
//! Warm-up requests are written too, marked in the column `warmup`.

mod escapes;
mod requests;
mod rows;
mod sessions;

use std::path::Path;

use self::escapes::Escapes;
use self::requests::Requests;
use self::rows::{Maybe, Rows};
use self::sessions::Sessions;
use crate::files::{FileError, PendingFile};
use crate::ids::SessionRef;
use crate::measure::series::Series;
use crate::measure::{AccountInfo, Finished, Forwarded, Observer, Reported, Selected, Settings, StateChange};
use crate::units::Time;
use crate::upstream::HealthChange;
use crate::workload::Request;

/// Writes the files of one run. They have their names only after `finish`.
#[derive(Debug)]
pub struct CsvFiles {
    requests: Requests<PendingFile>,
    sessions: Sessions<PendingFile>,
    escapes: Escapes<PendingFile>,
    accounts: Rows<PendingFile>,
    ids: Vec<i64>,
    series: Series,
}

/// The columns of `accounts.csv`.
const ACCOUNT_COLUMNS: &[&str] = &[
    "time_s",
    "account",
    "ewma_ttft_ms",
    "ewma_error_rate_ratio",
    "slots_held",
    "waiting",
    "degraded",
    "blocked",
    "listed",
];

impl CsvFiles {
    /// What the files are called.
    pub const NAMES: [&str; 4] = ["requests.csv", "sessions.csv", "escapes.csv", "accounts.csv"];

    /// Opens the four files in `directory`, which is made if it is missing.
    ///
    /// # Errors
    /// When one cannot be written there.
    pub fn create(directory: &Path, settings: &Settings, accounts: &[AccountInfo]) -> Result<Self, FileError> {
        let open = |name: &str| PendingFile::create(directory.join(name));
        Ok(Self {
            requests: Requests::new(open("requests.csv")?, settings, accounts),
            sessions: Sessions::new(open("sessions.csv")?, settings),
            escapes: Escapes::new(open("escapes.csv")?, settings, accounts),
            accounts: Rows::new(open("accounts.csv")?, ACCOUNT_COLUMNS),
            ids: accounts.iter().map(|account| account.id).collect(),
            series: Series::new(settings, accounts.len()),
        })
    }

    /// Writes what is left and gives the files their names.
    ///
    /// # Errors
    /// The first one of the run.
    pub fn finish(mut self) -> Result<(), FileError> {
        for (after, samples) in self.series.points() {
            for (id, sample) in self.ids.iter().zip(samples) {
                self.accounts.put(&[
                    &after.secs(),
                    id,
                    &Maybe(sample.ewma_ttft_ms),
                    &sample.ewma_error_rate,
                    &sample.held,
                    &sample.waiting,
                    &(sample.conditions > 0),
                    &sample.blocked,
                    &sample.listed,
                ]);
            }
        }
        let rows = [self.requests.rows, self.sessions.rows, self.escapes.rows, self.accounts];
        // all are written before the first one has its name
        let mut files = Vec::with_capacity(rows.len());
        for rows in rows {
            files.push(rows.into_file()?);
        }
        files.into_iter().try_for_each(PendingFile::commit)
    }
}

impl Observer for CsvFiles {
    fn selected(&mut self, step: &Selected<'_>) {
        self.escapes.selected(step);
    }

    fn slots(&mut self, now: Time, account: crate::ids::AccountIx, held: u32) {
        self.series.slots(now, account, held);
    }

    fn waiting(&mut self, now: Time, account: crate::ids::AccountIx, waiting: u32) {
        self.series.waiting(now, account, waiting);
    }

    fn arrived(&mut self, now: Time, number: u64, request: &Request) {
        self.sessions.arrived(now, number, request);
    }

    fn forwarded(&mut self, step: &Forwarded<'_>) {
        self.requests.forwarded(step);
    }

    fn attempt_ended(&mut self, now: Time, step: &Forwarded<'_>, client_there: bool) {
        self.requests.attempt_ended(now, step, client_there);
    }

    fn reported(&mut self, report: &Reported) {
        self.series.reported(report);
    }

    fn state_changed(&mut self, change: &StateChange) {
        self.series.state_changed(change);
    }

    fn list_built(&mut self, now: Time, listed: &[bool]) {
        self.series.list_built(now, listed);
    }

    fn health_changed(&mut self, change: &HealthChange) {
        self.escapes.health_changed(change);
        self.series.health_changed(change);
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        self.requests.finished(finished);
        self.sessions.finished(finished);
    }

    fn session_over(&mut self, now: Time, session: SessionRef) {
        self.sessions.session_over(now, session);
    }

    fn run_over(&mut self, now: Time) {
        self.sessions.run_over(now);
        self.series.run_over(now);
    }
}

#[cfg(test)]
mod tests;
