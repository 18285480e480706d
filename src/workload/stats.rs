//! What a trace is like, in one pass: memory holds the live sessions and histograms, not the rows.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::engine::{IdMap, Luck};
use crate::units::{Span, count};
use crate::workload::Error;
use crate::workload::config::ReadConfig;
use crate::workload::replay::{TraceReader, TraceRow};

/// Figures of a trace. Field names carry their unit; `null` where the trace says nothing of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceStats {
    /// The trace's format.
    pub format: &'static str,
    /// By what it was recognised; `null` when it was given.
    pub recognised_by: Option<String>,
    /// Requests.
    pub requests: u64,
    /// Bad lines that were left out.
    pub skipped_lines: u64,
    /// From the first arrival to the last.
    pub span_s: f64,
    /// Requests per second over that span.
    pub requests_per_s: Option<f64>,
    /// The most requests that arrived in one minute of the clock (counted from the trace's start).
    pub peak_requests_per_minute: u64,
    /// Sessions; one is over after `session_idle_s` of silence.
    pub sessions: u64,
    /// That silence.
    pub session_idle_s: f64,
    /// Share of requests that have a session.
    pub with_session_ratio: f64,
    /// Requests of a session.
    pub turns: Option<Quantiles>,
    /// From the recorded end of a session's earlier turns to the next arrival; 0 where they overlap.
    pub think_s: Option<Quantiles>,
    /// How many of these run from arrival to arrival, because no end is recorded.
    pub think_from_arrival: u64,
    /// Input tokens of a request.
    pub input_tokens: Option<Quantiles>,
    /// Output tokens of a request.
    pub output_tokens: Option<Quantiles>,
    /// Users.
    pub users: u64,
    /// Models by number of requests, the most used first.
    pub models: Vec<ModelCount>,
    /// Requests that failed in reality.
    pub failed: u64,
    /// Requests by recorded HTTP status (0: the client left).
    pub statuses: BTreeMap<u16, u64>,
    /// Recorded time to the first token.
    pub ttft_ms: Option<Quantiles>,
    /// Recorded duration of the answer.
    pub duration_ms: Option<Quantiles>,
    /// Share of input tokens that were recorded as cached, among the requests where that is recorded.
    pub cached_tokens_ratio: Option<f64>,
    /// Requests with scripted (or recorded) attempts.
    pub with_attempts: u64,
    /// Assumptions and oddities.
    pub notes: Vec<String>,
}

/// A model and how many requests asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelCount {
    /// Its name; blank where none is given.
    pub model: String,
    /// How many requests.
    pub requests: u64,
}

/// Quantiles as docs/reference/results.md defines them: exact of up to 4,096 values, of more to within 0.1 %. The mean
/// and the ends are exact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many values.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Smallest.
    pub min: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// Reads a trace through and counts. `session_idle`: the silence after which a session is over, as in a replay.
///
/// # Errors
/// When the trace cannot be read or has no rows.
pub fn stats(read: &ReadConfig, session_idle: Span, luck: Luck) -> Result<TraceStats, Error> {
    let mut reader = TraceReader::open(read, luck)?;
    let mut counted = Count::new(session_idle);
    while let Some(row) = reader.next_row()? {
        counted.add(&row);
    }
    if counted.requests == 0 {
        return Err(reader.without_rows());
    }
    Ok(counted.finish(&reader))
}

#[derive(Default)]
struct Count {
    idle: Span,
    requests: u64,
    first: Span,
    last: Span,
    minute: u64,
    in_minute: u64,
    peak: u64,
    live: IdMap<u64, Live>,
    next_sweep: Span,
    sessions: u64,
    with_session: u64,
    think_from_arrival: u64,
    turns: Sketch,
    think: Sketch,
    input: Sketch,
    output: Sketch,
    ttft: Sketch,
    duration: Sketch,
    models: Vec<u64>,
    failed: u64,
    statuses: BTreeMap<u16, u64>,
    cached: (u64, u64),
    with_attempts: u64,
}

struct Live {
    turns: u64,
    end: Span,
    end_is_arrival: bool,
}

impl Count {
    fn new(idle: Span) -> Self {
        Self { idle, ..Self::default() }
    }

    fn add(&mut self, row: &TraceRow) {
        if self.requests == 0 {
            self.first = row.at;
        }
        self.requests += 1;
        self.last = row.at;
        let minute = row.at.nanos() / 60_000_000_000;
        if minute != self.minute {
            (self.minute, self.in_minute) = (minute, 0);
        }
        self.in_minute += 1;
        self.peak = self.peak.max(self.in_minute);
        if let Some(session) = &row.session {
            self.turn(xxhash_rust::xxh64::xxh64(session.as_bytes(), 0), row);
        }
        self.input.add(row.input_tokens.into());
        self.output.add(row.output_tokens.into());
        if self.models.len() <= row.model.at() {
            self.models.resize(row.model.at() + 1, 0);
        }
        self.models[row.model.at()] += 1;
        self.failed += u64::from(row.failed);
        let Some(recorded) = &row.recorded else { return };
        if let Some(status) = recorded.status {
            *self.statuses.entry(status).or_default() += 1;
        }
        recorded.first_token.into_iter().for_each(|ttft| self.ttft.add(ttft.millis()));
        recorded.duration.into_iter().for_each(|duration| self.duration.add(duration.millis()));
        if let Some(cached) = recorded.cached_tokens {
            self.cached.0 += u64::from(cached);
            self.cached.1 += u64::from(row.input_tokens);
        }
        self.with_attempts += u64::from(!recorded.attempts.is_empty());
    }

    fn turn(&mut self, name: u64, row: &TraceRow) {
        if row.at >= self.next_sweep {
            // sessions that are over; in order of nothing, which cannot show in a histogram
            let (idle, turns) = (self.idle, &mut self.turns);
            self.live.retain(|_, live| {
                let over = live.end + idle <= row.at;
                if over {
                    turns.add(live.turns as f64);
                }
                !over
            });
            self.next_sweep = row.at + self.idle.scale(0.25);
        }
        self.with_session += 1;
        let end = row.ended.unwrap_or(row.at);
        if let Some(live) = self.live.get_mut(&name) {
            if live.end + self.idle > row.at {
                self.think.add(row.at.saturating_sub(live.end).secs());
                self.think_from_arrival += u64::from(live.end_is_arrival);
                live.turns += 1;
                live.end = live.end.max(end);
                live.end_is_arrival = row.ended.is_none();
                return;
            }
            self.turns.add(live.turns as f64);
        }
        self.sessions += 1;
        self.live.insert(name, Live { turns: 1, end, end_is_arrival: row.ended.is_none() });
    }

    fn finish(mut self, reader: &TraceReader) -> TraceStats {
        for live in self.live.values() {
            self.turns.add(live.turns as f64);
        }
        let span_s = self.last.saturating_sub(self.first).secs();
        let names = reader.names();
        let mut models: Vec<ModelCount> = names
            .models()
            .iter()
            .zip(&self.models)
            .filter(|&(_, &requests)| requests > 0)
            .map(|(model, &requests)| ModelCount { model: model.to_string(), requests })
            .collect();
        models.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.model.cmp(&b.model)));
        TraceStats {
            format: reader.format().name(),
            recognised_by: reader.recognised_by().map(str::to_owned),
            requests: self.requests,
            skipped_lines: reader.skipped(),
            span_s,
            requests_per_s: (span_s > 0.0).then(|| (self.requests - 1) as f64 / span_s),
            peak_requests_per_minute: self.peak,
            sessions: self.sessions,
            session_idle_s: self.idle.secs(),
            with_session_ratio: self.with_session as f64 / self.requests as f64,
            turns: self.turns.quantiles(),
            think_s: self.think.quantiles(),
            think_from_arrival: self.think_from_arrival,
            input_tokens: self.input.quantiles(),
            output_tokens: self.output.quantiles(),
            users: names.users().len() as u64,
            models,
            failed: self.failed,
            statuses: self.statuses,
            ttft_ms: self.ttft.quantiles(),
            duration_ms: self.duration.quantiles(),
            cached_tokens_ratio: (self.cached.1 > 0).then(|| self.cached.0 as f64 / self.cached.1 as f64),
            with_attempts: self.with_attempts,
            notes: reader.notes(),
        }
    }
}

/// Up to so many values percentiles are exact, as those of a run are (docs/reference/results.md).
const EXACT: usize = 4_096;

/// Non-negative numbers: themselves while they are few, then a histogram of 1,024 buckets an octave.
#[derive(Clone, Debug, Default)]
struct Sketch {
    exact: Vec<f64>,
    /// By octave; those below the smallest number have no buckets.
    octaves: Vec<Vec<u64>>,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

/// Bits of a float below its sign, exponent and ten bits of its fraction.
const CUT: u32 = 42;

/// Buckets of an octave.
const BUCKETS: usize = 1 << 10;

impl Sketch {
    fn add(&mut self, value: f64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += 1;
        self.sum += value;
        if self.count <= EXACT as u64 {
            self.exact.push(value);
            return;
        }
        if !self.exact.is_empty() {
            std::mem::take(&mut self.exact).into_iter().for_each(|value| self.bucket(value));
        }
        self.bucket(value);
    }

    #[inline]
    fn bucket(&mut self, value: f64) {
        let bucket = (value.to_bits() >> CUT) as usize;
        let octave = bucket / BUCKETS;
        if self.octaves.len() <= octave {
            self.octaves.resize(octave + 1, Vec::new());
        }
        let buckets = &mut self.octaves[octave];
        if buckets.is_empty() {
            buckets.resize(BUCKETS, 0);
        }
        buckets[bucket % BUCKETS] += 1;
    }

    /// The buckets that hold numbers, from the smallest on, and how many each holds.
    fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let numbered = (0..).zip(&self.octaves).flat_map(|(octave, buckets)| {
            (0..).zip(buckets).map(move |(place, &count)| (octave * BUCKETS as u64 + place, count))
        });
        numbered.filter(|&(_, count)| count > 0)
    }

    fn quantiles(&mut self) -> Option<Quantiles> {
        let (count, mean) = (self.count, self.sum / self.count as f64);
        self.exact.sort_by(f64::total_cmp);
        let at = |p| self.quantile(p);
        let (p50, p90, p99) = (at(0.5), at(0.9), at(0.99));
        (count > 0).then_some(Quantiles { count, mean, min: self.min, p50, p90, p99, max: self.max })
    }

    /// Linear between the two values around the place (Hyndman and Fan's type 7), to within a bucket where they are
    /// many; the exact ones must be in order.
    fn quantile(&self, p: f64) -> f64 {
        let Some(last) = self.count.checked_sub(1) else { return 0.0 };
        let place = p * last as f64;
        let below = place as u64;
        let (low, high) = (self.of_rank(below), self.of_rank((below + 1).min(last)));
        low + (high - low) * (place - below as f64)
    }

    /// The value with so many below it.
    fn of_rank(&self, rank: u64) -> f64 {
        if let Some(&value) = self.exact.get(rank as usize) {
            return value;
        }
        if rank == 0 {
            return self.min;
        }
        let mut below = 0;
        for (bucket, count) in self.buckets() {
            below += count;
            if below > rank && rank + 1 < self.count {
                let (low, high) = (f64::from_bits(bucket << CUT), f64::from_bits((bucket + 1) << CUT));
                // whole numbers up to 2,048 have a bucket of their own: give them back as they are
                let middle = if low < 2_048.0 && libm::floor(low) == low { low } else { 0.5 * (low + high) };
                return middle.clamp(self.min, self.max);
            }
        }
        self.max
    }
}

impl fmt::Display for TraceStats {
    /// A page for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, text: String| writeln!(f, "{name:<22}{text}");
        let by = self.recognised_by.as_ref().map_or(String::new(), |by| format!(", by {by}"));
        line("format", format!("{}{by}", self.format))?;
        line("requests", self.requests.to_string())?;
        if self.skipped_lines > 0 {
            line("bad lines left out", self.skipped_lines.to_string())?;
        }
        let rate = self.requests_per_s.map_or(String::new(), |rate| format!(", {} requests/s", short(rate)));
        line("span", format!("{} s{rate}", short(self.span_s)))?;
        line("busiest minute", count(self.peak_requests_per_minute, "request"))?;
        let share = short(self.with_session_ratio * 100.0);
        line("sessions", format!("{} ({share} % of requests have one)", self.sessions))?;
        let mut row = |name: &str, unit: &str, figures: &Option<Quantiles>| match figures {
            Some(q) => {
                let [p50, p90, p99, max] = [q.p50, q.p90, q.p99, q.max].map(short);
                line(name, format!("p50 {p50}{unit}, p90 {p90}{unit}, p99 {p99}{unit}, max {max}{unit}"))
            }
            None => line(name, "not recorded".to_string()),
        };
        row("turns a session", "", &self.turns)?;
        row("think time", " s", &self.think_s)?;
        row("input tokens", "", &self.input_tokens)?;
        row("output tokens", "", &self.output_tokens)?;
        row("TTFT", " ms", &self.ttft_ms)?;
        row("duration", " ms", &self.duration_ms)?;
        let share = |part: u64| short(part as f64 / self.requests as f64 * 100.0);
        if let Some(ratio) = self.cached_tokens_ratio {
            line("cached input", format!("{} % of tokens", short(ratio * 100.0)))?;
        }
        line("failed", format!("{} ({} %)", self.failed, share(self.failed)))?;
        if !self.statuses.is_empty() {
            let statuses: Vec<String> =
                self.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
            line("statuses", statuses.join(", "))?;
        }
        if self.with_attempts > 0 {
            line("with attempts", format!("{} ({} %)", self.with_attempts, share(self.with_attempts)))?;
        }
        if self.users > 0 {
            line("users", self.users.to_string())?;
        }
        for (place, model) in self.models.iter().take(10).enumerate() {
            let name = if model.model.is_empty() { "(none named)" } else { &model.model };
            let title = if place == 0 { "models" } else { "" };
            line(title, format!("{name}: {} ({} %)", model.requests, share(model.requests)))?;
        }
        if self.models.len() > 10 {
            line("", format!("and {} more", self.models.len() - 10))?;
        }
        self.notes.iter().try_for_each(|note| line("note", note.clone()))
    }
}

/// A number with about four digits that count.
fn short(value: f64) -> String {
    match value {
        v if libm::floor(v) == v || v >= 1_000.0 => format!("{v:.0}"),
        v if v >= 100.0 => format!("{v:.1}"),
        v if v >= 1.0 => format!("{v:.2}"),
        v => format!("{v:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_thousandth() {
        let mut sketch = Sketch::default();
        for n in 0..100_000 {
            sketch.add(f64::from(n) * 0.37);
        }
        for p in [0.01, 0.5, 0.9, 0.99] {
            let exact = p * 99_999.0 * 0.37;
            assert!((sketch.quantile(p) / exact - 1.0).abs() <= 0.001, "{p}: {} for {exact}", sketch.quantile(p));
        }
        let mut small = Sketch::default();
        (1..=2_000).rev().for_each(|n| small.add(f64::from(n)));
        assert_eq!(small.quantiles().map(|q| (q.p50, q.min, q.max)), Some((1_000.5, 1.0, 2_000.0)));
        assert_eq!(Sketch::default().quantiles(), None);
    }

    #[test]
    fn of_few_values_percentiles_lie_between_their_neighbours_as_those_of_a_run_do() {
        let mut ten = Sketch::default();
        (1..=10).for_each(|n| ten.add(f64::from(n) * 1_000.0));
        let ten = ten.quantiles().expect("ten values");
        assert_eq!((ten.p50, ten.p90, ten.p99), (5_500.0, 9_100.0, 9_910.0));
        let mut one = Sketch::default();
        one.add(7.5);
        assert_eq!(one.quantiles().map(|q| (q.p50, q.p99)), Some((7.5, 7.5)));
        let mut many = Sketch::default();
        (0..5_000).for_each(|n| many.add(f64::from(n)));
        let many = many.quantiles().expect("values");
        assert!((many.p50 - 2_499.5).abs() < 3.0 && many.max == 4_999.0, "{many:?}");
    }
}
