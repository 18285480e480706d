//! How upstreams' prompt caches behaved, from turns of a session that stayed on its account.

use std::collections::BTreeMap;

use super::records::{Log, Record};

/// What the log says of prompt caches.
#[derive(Clone, Debug, PartialEq)]
pub enum Cache {
    /// No request found anything in one: whether there is one cannot be told.
    NeverHit,
    /// Hits, but no sessions to tell when an entry is lost: the defaults are assumed.
    Hits {
        /// Share of requests with cached tokens.
        share: f64,
    },
    /// Fitted.
    Fitted {
        /// How long an idle prefix lives, in s.
        ttl_s: u64,
        /// Blocks of so many tokens.
        block_tokens: u32,
        /// The shortest prefix found.
        min_tokens: u32,
        /// Turns that tell.
        turns: usize,
        /// Share of these that this rule gets right.
        right: f64,
    },
}

/// Lives that caches are known to have, in s.
const TTLS: [u64; 8] = [60, 180, 300, 600, 1_800, 3_600, 10_800, 86_400];

/// Fits the cache; `sessions` names the session of each record.
pub fn fit(log: &Log, sessions: &[Option<Box<str>>]) -> Cache {
    let cached: Vec<u32> = log.records.iter().filter_map(|record| record.cached_tokens).filter(|&t| t > 0).collect();
    if cached.is_empty() {
        return Cache::NeverHit;
    }
    let mut last: BTreeMap<&str, &Record> = BTreeMap::new();
    let mut turns: Vec<(f64, bool)> = Vec::new();
    for (record, session) in log.records.iter().zip(sessions) {
        let Some(session) = session else { continue };
        if let Some(before) = last.insert(session, record)
            && before.account == record.account
            && before.input_tokens.is_some_and(|tokens| tokens >= 1_024)
            && record.at_s >= before.end_s
            && let Some(cached) = record.cached_tokens
        {
            turns.push((record.at_s - before.end_s, cached > 0));
        }
    }
    let block_tokens = cached.iter().copied().fold(0, gcd);
    let block_tokens = if cached.len() >= 10 && block_tokens >= 16 { block_tokens } else { 128 };
    if turns.len() < 20 {
        return Cache::Hits { share: cached.len() as f64 / log.records.len().max(1) as f64 };
    }
    let right = |ttl: u64| turns.iter().filter(|&&(gap, hit)| hit == (gap <= ttl as f64)).count();
    // of lives that explain as much, the usual one
    let best = TTLS.iter().map(|&ttl| right(ttl)).max().unwrap_or(0);
    let ttl_s = if right(300) == best { 300 } else { TTLS.into_iter().find(|&ttl| right(ttl) == best).unwrap_or(300) };
    Cache::Fitted {
        ttl_s,
        block_tokens,
        min_tokens: cached.iter().copied().min().unwrap_or(1_024),
        turns: turns.len(),
        right: best as f64 / turns.len() as f64,
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
