//! How requests ended: counts, statuses, waiting, failed attempts, goodput.

use super::figures::Figures;
use super::histogram::Percentiles;
use super::nanos::{millis, secs};
use super::{Finished, Observer, Settings, Status};
use crate::units::{Span, Time};
use crate::workload::Request;

/// Counts the requests that arrived after the warm-up. Waiting times are those of all requests that ended, including
/// those that never waited, so that their percentiles say what a client may expect.
#[derive(Clone, Debug)]
pub struct Outcomes {
    warmup_end: Time,
    slo: Span,
    warmup: u64,
    arrived: u64,
    statuses: [u64; Status::ALL.len()],
    waits: Percentiles,
    waited: u64,
    attempts: u64,
    failed_attempts: u64,
    client_retries: u64,
    good: u64,
    /// The end of the measured time.
    end: Time,
    settings: Settings,
}

impl Outcomes {
    /// Counts of a run that has not begun.
    pub fn new(settings: &Settings) -> Self {
        Self {
            warmup_end: settings.warmup_end,
            slo: settings.slo_ttft,
            warmup: 0,
            arrived: 0,
            statuses: [0; Status::ALL.len()],
            waits: Percentiles::new(),
            waited: 0,
            attempts: 0,
            failed_attempts: 0,
            client_retries: 0,
            good: 0,
            end: Time::ZERO,
            settings: settings.clone(),
        }
    }

    /// Requests that count and have ended.
    pub fn ended(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// Requests that count and were under way at the end.
    pub fn unfinished(&self) -> u64 {
        self.arrived.saturating_sub(self.ended())
    }

    /// Puts the figures of requests, waiting and outcomes.
    pub fn put(&mut self, figures: &mut Figures) {
        let run = &mut figures.run;
        let (ended, ok) = (self.ended(), self.statuses[0]);
        let measured = self.end.since(self.warmup_end);
        run.count("requests.total", self.arrived);
        run.count("requests.ok", ok);
        run.count("requests.failed", ended - ok);
        run.count("requests.unfinished", self.unfinished());
        run.count("requests.warmup", self.warmup);
        run.put("requests.measured_s", secs(measured.nanos() as f64));
        run.put("waiting.wait_ms.mean", self.waits.mean().map(millis));
        for (path, p) in [
            ("waiting.wait_ms.p50", 0.5),
            ("waiting.wait_ms.p95", 0.95),
            ("waiting.wait_ms.p99", 0.99),
            ("waiting.wait_ms.max", 1.0),
        ] {
            run.put(path, self.waits.quantile(p).map(millis));
        }
        run.count("waiting.waited", self.waited);
        run.ratio("waiting.waited_ratio", self.waited, ended);
        run.ratio("waiting.queue_full_ratio", self.of(Status::WaitQueueFull), ended);
        run.ratio("waiting.timeout_ratio", self.of(Status::WaitTimeout), ended);
        for status in Status::ALL {
            run.count(status_path(status), self.of(status));
        }
        run.count("outcomes.goodput", self.good);
        run.ratio("outcomes.goodput_ratio", self.good, ended);
        run.put("outcomes.goodput_per_s", (!measured.is_zero()).then(|| self.good as f64 / measured.secs()));
        run.count("outcomes.attempts", self.attempts);
        run.count("outcomes.failed_attempts", self.failed_attempts);
        run.ratio("outcomes.failed_attempts_ratio", self.failed_attempts, self.attempts);
        run.count("outcomes.client_retries", self.client_retries);
    }

    const fn of(&self, status: Status) -> u64 {
        self.statuses[status as usize]
    }
}

/// The path of the figure in which a status is counted.
const fn status_path(status: Status) -> &'static str {
    match status {
        Status::Ok => "statuses.ok",
        Status::WaitQueueFull => "statuses.wait_queue_full",
        Status::WaitTimeout => "statuses.wait_timeout",
        Status::NoAvailableAccounts => "statuses.no_available_accounts",
        Status::FailoverExhausted => "statuses.failover_exhausted",
        Status::StreamBroken => "statuses.stream_broken",
        Status::UpstreamError => "statuses.upstream_error",
        Status::AccountBusy => "statuses.account_busy",
        Status::ClientGone => "statuses.client_gone",
        Status::ModelNotFound => "statuses.model_not_found",
        Status::InvalidRequest => "statuses.invalid_request",
    }
}

impl Observer for Outcomes {
    #[inline]
    fn arrived(&mut self, _now: Time, _number: u64, request: &Request) {
        if request.at < self.warmup_end {
            self.warmup += 1;
        } else {
            self.arrived += 1;
        }
    }

    #[inline]
    fn finished(&mut self, finished: &Finished<'_>) {
        if finished.request.at < self.warmup_end {
            return;
        }
        self.statuses[finished.status as usize] += 1;
        self.waits.record_span(finished.waited);
        self.waited += u64::from(!finished.waited.is_zero());
        self.attempts += u64::from(finished.attempts);
        self.failed_attempts += u64::from(finished.failed_attempts);
        self.client_retries += u64::from(finished.client_retries);
        let good = finished.status == Status::Ok && finished.felt_ttft().is_some_and(|ttft| ttft <= self.slo);
        self.good += u64::from(good);
    }

    fn run_over(&mut self, now: Time) {
        self.end = self.settings.measured_until(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::Turn;

    #[test]
    fn every_status_has_its_path_and_its_place() {
        for (place, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status_path(status).strip_prefix("statuses."), Some(status.name()));
            assert_eq!(status as usize, place);
        }
    }

    #[test]
    fn ends_waits_and_goodput_are_counted() {
        let mut outcomes = Outcomes::new(&Settings {
            warmup_end: Time::ZERO + Span::from_secs(10),
            slo_ttft: Span::from_secs(2),
            ..Settings::default()
        });
        Turn::at(5_000).ttft(100).tell(&mut outcomes);
        Turn::at(10_000).ttft(2_000).waited(500).tell(&mut outcomes);
        Turn::at(11_000).ttft(2_001).failed(1, 800).tell(&mut outcomes);
        Turn::at(12_000).without_token(300).status(Status::WaitTimeout).waited(300).tell(&mut outcomes);
        Turn::at(13_000).ttft(100).status(Status::StreamBroken).tell(&mut outcomes);
        Turn::at(14_000).arrives(&mut outcomes);
        outcomes.run_over(Time::ZERO + Span::from_secs(20));
        let mut figures = Figures::new();
        outcomes.put(&mut figures);
        for (path, expected) in [
            ("requests.total", 5.0),
            ("requests.ok", 2.0),
            ("requests.failed", 2.0),
            ("requests.unfinished", 1.0),
            ("requests.warmup", 1.0),
            ("requests.measured_s", 10.0),
            ("waiting.wait_ms.max", 500.0),
            ("waiting.wait_ms.p50", 150.0),
            ("waiting.waited", 2.0),
            ("waiting.timeout_ratio", 0.25),
            ("statuses.stream_broken", 1.0),
            ("outcomes.goodput", 1.0),
            ("outcomes.goodput_ratio", 0.25),
            ("outcomes.goodput_per_s", 0.1),
            ("outcomes.failed_attempts", 1.0),
        ] {
            assert_eq!(figures.run.get(path).flatten(), Some(expected), "{path}");
        }
    }
}
