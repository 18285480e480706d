//! `requests.csv`: one row per request, in order of their ends.

use std::io::Write;

use super::rows::{Maybe, Rows};
use crate::engine::IdMap;
use crate::measure::cost::{Prefixes, Tokens};
use crate::measure::{AccountInfo, Finished, Forwarded, Observer, Price, Settings};
use crate::scheduler::{EscapeReason, Layer};
use crate::units::Time;

const COLUMNS: &[&str] = &[
    "request",
    "arrival_s",
    "warmup",
    "session",
    "turn",
    "user",
    "input_tokens",
    "output_tokens",
    "status",
    "http_status",
    "account",
    "layer",
    "escape",
    "felt_ttft_ms",
    "waited_ms",
    "failed_ms",
    "upstream_ttft_ms",
    "end_s",
    "selects",
    "attempts",
    "failed_attempts",
    "switches",
    "client_retries",
    "cached_tokens",
    "cold",
    "price",
    "degraded",
];

/// What a request under way has cost so far.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    cold: bool,
    price: Option<f64>,
}

/// Writes requests.
#[derive(Debug)]
pub struct Requests<W: Write> {
    pub rows: Rows<W>,
    start: Time,
    warmup_end: Time,
    ids: Vec<i64>,
    prices: Vec<Option<Price>>,
    prefixes: Prefixes,
    spent: IdMap<u64, Spent>,
}

impl<W: Write> Requests<W> {
    pub fn new(writer: W, settings: &Settings, accounts: &[AccountInfo]) -> Self {
        Self {
            rows: Rows::new(writer, COLUMNS),
            start: settings.start,
            warmup_end: settings.warmup_end,
            ids: accounts.iter().map(|account| account.id).collect(),
            prices: accounts.iter().map(|account| account.price).collect(),
            prefixes: Prefixes::new(accounts),
            spent: IdMap::default(),
        }
    }
}

/// The text of a session's hash.
pub fn session_text(hash: &crate::workload::SessionHash) -> String {
    String::from_utf8_lossy(hash.as_bytes()).into_owned()
}

impl<W: Write> Observer for Requests<W> {
    fn forwarded(&mut self, step: &Forwarded<'_>) {
        let cold = self.prefixes.is_cold(step);
        let price = self.prices[step.account.at()].map(|price| Tokens::of(step).price(price));
        let spent = self.spent.entry(step.number).or_default();
        spent.cold |= cold;
        spent.price = match (spent.price, price) {
            (Some(before), Some(now)) => Some(before + now),
            (before, now) => before.or(now),
        };
    }

    fn attempt_ended(&mut self, now: Time, step: &Forwarded<'_>, _client_there: bool) {
        self.prefixes.leave(now, step);
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        let request = finished.request;
        let spent = self.spent.remove(&finished.number).unwrap_or_default();
        let session = request.session.map(|_| session_text(&request.session_hash));
        self.rows.put(&[
            &finished.number,
            &request.at.since(self.start).secs(),
            &(request.at < self.warmup_end),
            &Maybe(session),
            &Maybe(request.session.map(|_| request.turn)),
            &Maybe(request.user),
            &request.input_tokens,
            &request.output_tokens,
            &finished.status.name(),
            &finished.http_status,
            &Maybe(finished.account.map(|account| self.ids[account.at()])),
            &Maybe(finished.layer.map(Layer::name)),
            &Maybe(finished.escape.map(EscapeReason::name)),
            &Maybe(finished.felt_ttft().map(|ttft| ttft.millis())),
            &finished.waited.millis(),
            &finished.failed.millis(),
            &Maybe(finished.upstream_ttft.map(|ttft| ttft.millis())),
            &finished.end.since(self.start).secs(),
            &finished.selects,
            &finished.attempts,
            &finished.failed_attempts,
            &finished.switches,
            &finished.client_retries,
            &finished.cached_tokens,
            &spent.cold,
            &Maybe(spent.price),
            &finished.degraded,
        ]);
    }
}
