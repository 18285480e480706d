//! One row per account: its traffic, its TTFT, its utilisation, and how long it could not be used.
//!
//! *Blocked* is the time during which an upstream status kept the account unschedulable or runtime-blocked on any
//! replica. *Away* is the time after the end of such a block during which load balance still did not find the account
//! on the list of candidates (spec gateway.md, "The list of candidates is a snapshot").

use super::figures::registry::ACCOUNT;
use super::figures::{Figures, Named, Row};
use super::histogram::Percentiles;
use super::nanos::{millis, secs};
use super::{AccountInfo, Finished, Forwarded, Observer, Reported, Settings, StateChange};
use crate::ids::AccountIx;
use crate::units::{Span, Time};
use crate::workload::RecordedAttempt;

/// What is counted of one account.
#[derive(Clone, Debug)]
struct Account {
    requests: u64,
    attempts: u64,
    failed_attempts: u64,
    ttft: Percentiles,
    slots: Slots,
    absence: Absence,
    ewma_ttft_ms: Option<f64>,
    ewma_error_rate: Option<f64>,
}

/// Slots in use, summed over time.
#[derive(Clone, Copy, Debug)]
struct Slots {
    held: u32,
    since: Time,
    /// Nanoseconds times slots.
    used: u128,
}

/// An account's blocks and its place on the list of candidates.
#[derive(Clone, Copy, Debug)]
struct Absence {
    /// The current block, from `from` to `until`; empty if there is none.
    from: Time,
    until: Time,
    listed: bool,
    blocked: Span,
    away: Span,
}

/// Counts per account. A request counts if it arrived after the warm-up; times count within the measured part of the
/// run.
#[derive(Clone, Debug)]
pub struct Accounts {
    warmup_end: Time,
    infos: Vec<AccountInfo>,
    accounts: Vec<Account>,
    requests: u64,
    /// The end of the measured time.
    end: Time,
    settings: Settings,
}

impl Absence {
    /// Adds the time up to `now` to the totals and begins a new stretch there.
    fn settle(&mut self, now: Time, warmup_end: Time) {
        let blocked_until = self.until.min(now);
        self.blocked += blocked_until.since(self.from.max(warmup_end));
        if !self.listed {
            self.away += now.since(blocked_until.max(self.from).max(warmup_end));
        }
        self.from = now;
        self.until = self.until.max(now);
    }
}

impl Accounts {
    /// Counts of a run that has not begun.
    pub fn new(settings: &Settings, accounts: &[AccountInfo]) -> Self {
        let account = Account {
            requests: 0,
            attempts: 0,
            failed_attempts: 0,
            ttft: Percentiles::new(),
            slots: Slots { held: 0, since: settings.start, used: 0 },
            absence: Absence {
                from: settings.start,
                until: settings.start,
                listed: true,
                blocked: Span::ZERO,
                away: Span::ZERO,
            },
            ewma_ttft_ms: None,
            ewma_error_rate: None,
        };
        Self {
            warmup_end: settings.warmup_end,
            infos: accounts.to_vec(),
            accounts: vec![account; accounts.len()],
            requests: 0,
            end: settings.start,
            settings: settings.clone(),
        }
    }

    /// Adds a row per account.
    pub fn put(&mut self, figures: &mut Figures) {
        let measured = self.end.since(self.warmup_end).nanos();
        for (info, account) in self.infos.iter().zip(&mut self.accounts) {
            let mut row = Row::new(ACCOUNT);
            row.put("concurrency", (info.concurrency > 0).then_some(info.concurrency as f64));
            row.count("requests", account.requests);
            row.ratio("requests_ratio", account.requests, self.requests);
            row.count("attempts", account.attempts);
            row.count("failed_attempts", account.failed_attempts);
            row.ratio("error_ratio", account.failed_attempts, account.attempts);
            let capacity = measured as f64 * info.concurrency as f64;
            row.put("utilisation_ratio", (capacity > 0.0).then(|| account.slots.used as f64 / capacity));
            row.put("ttft_ms.mean", account.ttft.mean().map(millis));
            for (path, p) in [("ttft_ms.p50", 0.5), ("ttft_ms.p95", 0.95), ("ttft_ms.p99", 0.99)] {
                row.put(path, account.ttft.quantile(p).map(millis));
            }
            row.put("blocked_s", secs(account.absence.blocked.nanos() as f64));
            row.put("away_s", secs(account.absence.away.nanos() as f64));
            row.put("ewma_ttft_ms", account.ewma_ttft_ms);
            row.put("ewma_error_rate_ratio", account.ewma_error_rate);
            figures.accounts.push(Named { name: info.id.to_string(), row });
        }
    }

    #[inline]
    fn set_slots(&mut self, now: Time, account: AccountIx, held: u32) {
        let now = now.min(self.settings.horizon);
        let warmup_end = self.warmup_end;
        let slots = &mut self.accounts[account.at()].slots;
        slots.used += u128::from(now.since(slots.since.max(warmup_end)).nanos()) * u128::from(slots.held);
        slots.since = now;
        slots.held = held;
    }
}

impl Observer for Accounts {
    #[inline]
    fn slots(&mut self, now: Time, account: AccountIx, held: u32) {
        self.set_slots(now, account, held);
    }

    #[inline]
    fn attempt_ended(&mut self, _now: Time, step: &Forwarded<'_>, _client_there: bool) {
        if step.request.at < self.warmup_end {
            return;
        }
        let account = &mut self.accounts[step.account.at()];
        let fate = step.attempt.fate;
        account.attempts += 1;
        account.failed_attempts += u64::from(!matches!(fate, RecordedAttempt::Ok { .. }));
        if let Some(ttft) = fate.first_token() {
            account.ttft.record_span((step.connected + ttft).since(step.began));
        }
    }

    #[inline]
    fn reported(&mut self, report: &Reported) {
        let account = &mut self.accounts[report.account.at()];
        account.ewma_ttft_ms = report.health.ttft_ms.or(account.ewma_ttft_ms);
        account.ewma_error_rate = Some(report.health.error_rate);
    }

    fn state_changed(&mut self, change: &StateChange) {
        let absence = &mut self.accounts[change.account.at()].absence;
        absence.settle(change.now.min(self.settings.horizon), self.warmup_end);
        absence.until = change.unschedulable_until.max(change.blocked_until).max(change.now);
    }

    fn list_built(&mut self, now: Time, listed: &[bool]) {
        let now = now.min(self.settings.horizon);
        for (account, &listed) in self.accounts.iter_mut().zip(listed) {
            if account.absence.listed != listed {
                account.absence.settle(now, self.warmup_end);
                account.absence.listed = listed;
            }
        }
    }

    #[inline]
    fn finished(&mut self, finished: &Finished<'_>) {
        if finished.request.at < self.warmup_end {
            return;
        }
        self.requests += 1;
        if let Some(account) = finished.account {
            self.accounts[account.at()].requests += 1;
        }
    }

    fn run_over(&mut self, now: Time) {
        let now = self.settings.measured_until(now);
        self.end = now;
        for place in 0..self.accounts.len() {
            let held = self.accounts[place].slots.held;
            self.set_slots(now, AccountIx(place as u32), held);
            self.accounts[place].absence.settle(now, self.warmup_end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::{Turn, at, forward};

    fn accounts() -> Accounts {
        let settings = Settings { start: at(0), warmup_end: at(10_000), ..Settings::default() };
        Accounts::new(&settings, &[(11, 4), (12, 0)].map(|(id, concurrency)| AccountInfo::new(id, concurrency)))
    }

    fn value(seen: &mut Accounts, path: &str) -> Option<f64> {
        let mut figures = Figures::new();
        seen.put(&mut figures);
        figures.get(&format!("accounts.{path}")).and_then(|(_, value)| value)
    }

    fn state(seen: &mut Accounts, ms: u64, account: u32, unschedulable_until: Time) {
        let blocked_until = unschedulable_until.min(at(ms + 120_000));
        let account = AccountIx(account);
        seen.state_changed(&StateChange {
            now: at(ms),
            replica: 0,
            account,
            status: 429,
            unschedulable_until,
            blocked_until,
        });
    }

    #[test]
    fn traffic_ttft_and_utilisation_are_per_account() {
        let mut seen = accounts();
        // 2 slots from 5 s to 20 s, 4 from there to 25 s, of which 5 s lie in the warm-up
        for (ms, held) in [(5_000, 2), (20_000, 4), (25_000, 0)] {
            seen.slots(at(ms), AccountIx(0), held);
        }
        forward(&mut seen, 9_000, None, 0, 1, 0, false); // warm-up
        for (ms, account, ok) in [(10_000, 0, true), (11_000, 0, false), (12_000, 1, true), (13_000, 0, true)] {
            forward(&mut seen, ms, None, account, 1, 0, ok);
            Turn::at(ms).on(account).tell(&mut seen);
        }
        seen.run_over(at(30_000));
        for (path, expected) in [
            ("11.requests", Some(3.0)),
            ("11.requests_ratio", Some(0.75)),
            ("11.attempts", Some(3.0)),
            ("11.error_ratio", Some(1.0 / 3.0)),
            ("11.ttft_ms.p50", Some(300.0)),
            ("11.utilisation_ratio", Some((2.0 * 10.0 + 4.0 * 5.0) / (20.0 * 4.0))),
            ("12.requests_ratio", Some(0.25)),
            ("12.error_ratio", Some(0.0)),
            ("12.utilisation_ratio", None), // no limit, no capacity
            ("12.concurrency", None),
        ] {
            assert_eq!(value(&mut seen, path), expected, "{path}");
        }
    }

    #[test]
    fn an_account_is_away_from_the_end_of_its_block_to_the_next_list() {
        let mut seen = accounts();
        seen.list_built(at(0), &[true, true]);
        state(&mut seen, 20_000, 0, at(25_000));
        seen.list_built(at(21_000), &[false, true]);
        seen.list_built(at(24_000), &[false, true]);
        seen.list_built(at(300_000), &[true, true]);
        seen.run_over(at(400_000));
        assert_eq!((value(&mut seen, "11.blocked_s"), value(&mut seen, "11.away_s")), (Some(5.0), Some(275.0)));
        assert_eq!((value(&mut seen, "12.blocked_s"), value(&mut seen, "12.away_s")), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn blocks_may_be_moved_repeated_or_last_for_ever() {
        let mut seen = accounts();
        state(&mut seen, 5_000, 0, at(15_000)); // 5 s of it in the warm-up
        state(&mut seen, 20_000, 0, at(100_000));
        state(&mut seen, 22_000, 0, at(24_000)); // the last 429 counts
        seen.list_built(at(24_500), &[true, true]);
        state(&mut seen, 30_000, 1, Time::NEVER);
        seen.list_built(at(31_000), &[true, false]);
        seen.run_over(at(40_000));
        assert_eq!((value(&mut seen, "11.blocked_s"), value(&mut seen, "11.away_s")), (Some(9.0), Some(0.0)));
        assert_eq!((value(&mut seen, "12.blocked_s"), value(&mut seen, "12.away_s")), (Some(10.0), Some(0.0)));
    }

    #[test]
    fn a_sticky_429_while_away_is_a_block_and_then_away_again() {
        let mut seen = accounts();
        state(&mut seen, 20_000, 0, at(25_000));
        seen.list_built(at(21_000), &[false, true]);
        state(&mut seen, 30_000, 0, at(35_000));
        seen.run_over(at(50_000));
        assert_eq!((value(&mut seen, "11.blocked_s"), value(&mut seen, "11.away_s")), (Some(10.0), Some(20.0)));
    }
}
