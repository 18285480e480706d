//! How upstreams' prompt caches behaved, from turns of sessions that came back to an account that they had been on.

use std::collections::BTreeMap;

use super::records::{Log, RecordedEnd};

/// What the log says of prompt caches.
#[derive(Clone, Debug, PartialEq)]
pub enum Cache {
    /// No request found anything in a cache: whether there is one is unknown.
    NeverHit,
    /// There are hits, but no sessions that show when an entry is lost: the defaults are assumed.
    Hits {
        /// Share of requests with cached tokens.
        share: f64,
    },
    /// Fitted.
    Fitted {
        /// How long an idle prefix lives, in s.
        ttl_s: u64,
        /// The lives that explain as much, in s: from the first to the second (`None`: however long).
        between_s: (f64, Option<f64>),
        /// Blocks of so many tokens.
        block_tokens: u32,
        /// The shortest prefix found.
        min_tokens: u32,
        /// Turns that show it.
        turns: usize,
        /// Share of these that this rule gets right.
        right: f64,
        /// Median share of what could have been found that was found, of turns that found something.
        depth: f64,
    },
}

/// Lives that caches are known to have, in s; the first is the most usual.
const TTLS: [u64; 8] = [300, 60, 180, 600, 1_800, 3_600, 10_800, 86_400];
/// Shortest prefixes that caches are known to keep.
const LEAST: [u32; 3] = [1_024, 2_048, 4_096];
/// Fewer turns than this say nothing.
const LEAST_TURNS: usize = 20;
/// Fewer hits than this do not show the size of blocks.
const LEAST_HITS: usize = 10;
/// A rule that gets so much fewer turns right is as good.
const AS_GOOD: f64 = 0.005;

/// A turn that came back to an account.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Since the session's last turn there ended, in s.
    gap_s: f64,
    /// Tokens that it has in common with what that turn left.
    shared: u32,
    /// Tokens that it found.
    cached: u32,
}

/// Fits the cache; `sessions` names the session of each record. Requests with failed attempts say nothing: their
/// cached tokens are not to be trusted.
pub fn fit(log: &Log, sessions: &[Option<Box<str>>]) -> Cache {
    let cached: Vec<u32> = log.records.iter().filter_map(|record| record.cached_tokens).filter(|&t| t > 0).collect();
    if cached.is_empty() {
        return Cache::NeverHit;
    }
    let turns = turns(log, sessions);
    let shortest = cached.iter().copied().min().unwrap_or(LEAST[0]);
    let telling = |least: u32| turns.iter().filter(move |turn| turn.shared >= least);
    if telling(LEAST[0].max(shortest)).count() < LEAST_TURNS {
        return Cache::Hits { share: cached.len() as f64 / log.records.len().max(1) as f64 };
    }
    let (ttl_s, between_s) = life(&telling(LEAST[0].max(shortest)).copied().collect::<Vec<_>>());
    // the usual one, unless turns in time that had as much found nothing
    let missed = |least: u32| {
        let of = telling(least).filter(|turn| turn.shared < shortest && turn.gap_s < 0.9 * ttl_s as f64);
        of.filter(|turn| turn.cached == 0).count()
    };
    let min_tokens = LEAST.into_iter().find(|&least| least <= shortest && missed(least) <= 2).unwrap_or(shortest);
    let all: Vec<&Turn> = telling(min_tokens).collect();
    let right = all.iter().filter(|turn| (turn.cached > 0) == (turn.gap_s < ttl_s as f64)).count();
    let depths: Vec<f64> = all
        .iter()
        .filter(|turn| turn.cached > 0)
        .map(|turn| f64::from(turn.cached) / f64::from(turn.shared.max(1)))
        .collect();
    Cache::Fitted {
        ttl_s,
        between_s,
        block_tokens: block(&cached),
        min_tokens,
        turns: all.len(),
        right: right as f64 / all.len().max(1) as f64,
        depth: super::robust::median(&depths),
    }
}

fn turns(log: &Log, sessions: &[Option<Box<str>>]) -> Vec<Turn> {
    let mut left: BTreeMap<(&str, Option<i64>), (f64, u32)> = BTreeMap::new();
    let mut turns = Vec::new();
    for (record, session) in log.records.iter().zip(sessions) {
        let (Some(session), Some(input)) = (session, record.input_tokens) else { continue };
        let key = (session.as_ref(), record.account);
        if let (Some(&(end_s, before)), Some(cached)) = (left.get(&key), record.cached_tokens)
            && record.at_s >= end_s
        {
            // what the request waited is not known of all, and is short against a life
            turns.push(Turn { gap_s: record.at_s - end_s, shared: before.min(input), cached });
        }
        if matches!(record.outcome, RecordedEnd::Ok | RecordedEnd::Broken) {
            left.insert(key, (record.end_s, input));
        }
    }
    turns
}

/// The life that gets most turns right (a turn finds its prefix if and only if it comes in time), and between which
/// lives nothing distinguishes it from others. Of lives that explain as much, the usual one.
fn life(turns: &[Turn]) -> (u64, (f64, Option<f64>)) {
    let mut turns: Vec<(f64, bool)> = turns.iter().map(|turn| (turn.gap_s, turn.cached > 0)).collect();
    turns.sort_by(|a, b| a.0.total_cmp(&b.0));
    // a life between gap i - 1 and gap i is right for hits before i and misses from i on
    let misses = turns.iter().filter(|turn| !turn.1).count();
    let mut right = vec![misses];
    for &(_, hit) in &turns {
        let before = right[right.len() - 1];
        right.push(if hit { before + 1 } else { before - 1 });
    }
    let best = right.iter().copied().max().unwrap_or(0);
    let enough = best.saturating_sub((AS_GOOD * turns.len() as f64) as usize);
    let first = right.iter().position(|&count| count == best).unwrap_or(0);
    let last = right.iter().rposition(|&count| count == best).unwrap_or(turns.len());
    let edge = |place: usize| place.checked_sub(1).map_or(0.0, |place| turns[place].0);
    let between = (edge(first), turns.get(last).map(|turn| turn.0));
    let usual = TTLS.into_iter().find(|&ttl| right[turns.partition_point(|turn| turn.0 < ttl as f64)] >= enough);
    let middle = between.1.map_or(between.0, |to| 0.5 * (between.0 + to));
    (usual.unwrap_or_else(|| (middle.round() as u64).max(1)), between)
}

/// The largest number of tokens of which nearly all that was found is a multiple.
fn block(cached: &[u32]) -> u32 {
    if cached.len() < LEAST_HITS {
        return 128;
    }
    let exact = cached.iter().copied().fold(0, gcd);
    let nearly =
        |block: u32| cached.iter().filter(|&&tokens| tokens.is_multiple_of(block)).count() * 50 >= cached.len() * 49;
    [1_024, 512, 256, 128, 64, 32, 16].into_iter().find(|&block| block > exact && nearly(block)).unwrap_or(exact)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(gap_s: f64, cached: u32) -> Turn {
        Turn { gap_s, shared: 5_000, cached }
    }

    #[test]
    fn a_life_that_nobody_has_is_found_between_the_last_hit_and_the_first_miss() {
        let mut turns: Vec<Turn> = (1..100).map(|i| turn(f64::from(i) * 4.0, 4_992)).collect();
        turns.extend((1..50).map(|i| turn(440.0 + f64::from(i) * 20.0, 0)));
        let (ttl_s, between) = life(&turns);
        assert_eq!(between, (396.0, Some(460.0)));
        assert_eq!(ttl_s, 428);
    }

    #[test]
    fn the_usual_life_is_taken_where_it_explains_as_much() {
        let turns: Vec<Turn> = (1..100).map(|i| turn(f64::from(i), 4_992)).collect();
        assert_eq!(life(&turns), (300, (99.0, None)));
        let turns: Vec<Turn> = (1..100).map(|i| turn(f64::from(i) * 9.0, if i < 67 { 4_992 } else { 0 })).collect();
        assert_eq!(life(&turns).0, 600);
    }

    #[test]
    fn blocks_are_found_in_spite_of_a_few_odd_counts() {
        let mut cached: Vec<u32> = (8..200).map(|i| i * 128).collect();
        assert_eq!(block(&cached), 128);
        cached.extend([1_333, 2_001]);
        assert_eq!(block(&cached), 128);
        let no_blocks: Vec<u32> = (0..200).map(|i| 1_024 + 37 * i).collect();
        assert_eq!(block(&no_blocks), 1);
    }
}
