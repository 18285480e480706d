//! Every attempt on every account: when it began, how it went. A request that failed over was an attempt on each
//! account that it visited.

use super::records::{FailedTry, Log, Record, RecordedEnd};

/// What went wrong with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// This HTTP status.
    Status(u16),
    /// No status: refused, reset or timed out.
    Transport,
    /// The stream broke after bytes had reached the client.
    Broken,
}

/// One attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Try {
    /// When it began, in s from the start of the log (a failed one: when it failed, less what its kind usually takes).
    pub at_s: f64,
    /// Model and effort: a place in `Log::kinds`.
    pub kind: u32,
    /// Tokens of input.
    pub input_tokens: Option<u32>,
    /// Tokens of output.
    pub output_tokens: Option<u32>,
    /// Tokens of input that were not in the prompt cache; `None`: not known.
    pub uncached_tokens: Option<u32>,
    /// To the first token, in s.
    pub ttft_s: Option<f64>,
    /// What of that was reading input, in s; 0: not that it shows.
    pub prefill_s: f64,
    /// From the first token to the last, in s, of complete answers.
    pub decode_s: Option<f64>,
    /// What went wrong.
    pub fault: Option<Fault>,
    /// How long a failed attempt took to show, in s; of the first of a request its waiting included.
    pub took_s: f64,
}

/// All attempts, account by account.
#[derive(Clone, Debug, Default)]
pub struct Tries {
    /// Ids of accounts, ascending.
    pub ids: Vec<i64>,
    /// Their attempts, in order of their beginnings.
    pub of: Vec<Vec<Try>>,
    /// How fast they read input that is not in their prompt caches; `None`: not that it shows.
    pub prefill_tokens_per_s: Option<f64>,
}

impl Try {
    /// One of the attempts that failed before the last one: when it failed, and how long it took.
    fn failed(record: &Record, failed: &FailedTry, at_s: f64, took_s: f64) -> Self {
        Self {
            at_s,
            kind: record.kind,
            input_tokens: record.input_tokens,
            output_tokens: None,
            uncached_tokens: None,
            ttft_s: None,
            prefill_s: 0.0,
            decode_s: None,
            fault: Some(failed.status.map_or(Fault::Transport, Fault::Status)),
            took_s,
        }
    }

    /// The last attempt, which began to answer.
    fn answered(record: &Record) -> Self {
        let broken = record.outcome == RecordedEnd::Broken;
        // a log of a trace may know no duration; then the answer began when the request arrived
        let began = record.duration_s.map_or(record.at_s, |duration| record.end_s - duration).max(0.0);
        let decode = record.duration_s.zip(record.ttft_s).map(|(duration, ttft)| (duration - ttft).max(0.0));
        let input = record.input_tokens.zip(record.cached_tokens);
        Self {
            at_s: began,
            kind: record.kind,
            input_tokens: record.input_tokens,
            output_tokens: record.output_tokens,
            uncached_tokens: input.map(|(input, cached)| input.saturating_sub(cached)),
            ttft_s: record.ttft_s.filter(|&ttft| ttft > 0.0),
            prefill_s: 0.0,
            decode_s: decode.filter(|_| !broken),
            fault: broken.then_some(Fault::Broken),
            took_s: 0.0,
        }
    }
}

impl Tries {
    /// The attempts in a log.
    pub fn of(log: &Log) -> Self {
        let mut ids: Vec<i64> = log
            .records
            .iter()
            .flat_map(|record| {
                record.account.into_iter().chain(record.failed.iter().filter_map(|failed| failed.account))
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let mut of = vec![Vec::new(); ids.len()];
        let overhead = log.overhead_s();
        for record in &log.records {
            let mut from = record.at_s + overhead;
            for failed in &record.failed {
                let at = failed.at_s.unwrap_or(from);
                let took = (at - from).max(0.0);
                from = from.max(at);
                let Some(place) = failed.account.or(record.account).and_then(|id| ids.binary_search(&id).ok()) else {
                    continue;
                };
                of[place].push(Try::failed(record, failed, at, took));
            }
            let answered = matches!(record.outcome, RecordedEnd::Ok | RecordedEnd::Broken);
            let Some(place) = record.account.and_then(|id| ids.binary_search(&id).ok()).filter(|_| answered) else {
                continue;
            };
            of[place].push(Try::answered(record));
        }
        for tries in &mut of {
            tries.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        }
        Self { ids, of, prefill_tokens_per_s: None }
    }

    /// The most attempts of an account that ran at the same time, as far as the log shows: a lower bound of its slots.
    pub fn most_at_once(&self, place: usize) -> i64 {
        let mut edges: Vec<(f64, i64)> = Vec::new();
        for each in &self.of[place] {
            if let (Some(ttft), Some(decode)) = (each.ttft_s, each.decode_s) {
                edges.push((each.at_s, 1));
                edges.push((each.at_s + ttft + decode, -1));
            }
        }
        edges.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut running = 0;
        edges.iter().fold(0, |most, (_, step)| {
            running += step;
            most.max(running)
        })
    }
}
