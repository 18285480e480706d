//! Which session a request belongs to: the one that the log names; otherwise a proxy; otherwise it is unknown.
//!
//! All requests of a proxy come from one (group, key, user agent, model). It is split where it was silent for half an
//! hour, and into conversations that take turns: what a turn found in the prompt cache is what an earlier turn of its
//! own conversation left there, so it follows the one whose last input it matches; where it found much less than any
//! left (the cached prefix shrank), or nothing although it should have, another conversation begins. Where many
//! requests overlap and the cache does not distinguish them, a proxy stands for a crowd, not for a session, and is
//! worth nothing.

use std::collections::BTreeMap;

use super::records::{Log, Record};
use crate::units::count;

/// Silence after which a proxy is another session, in s.
const GAP_S: f64 = 1_800.0;
/// A proxy whose requests overlap more often than this is a crowd, ...
const MOST_OVERLAP: f64 = 0.2;
/// ... unless this share of them finds its own prefix.
const LEAST_MATCHED: f64 = 0.5;
/// A turn that finds less than this share of what its predecessor left does not follow it.
const SHRUNK: f64 = 0.5;

/// How much less likely a predecessor is that left less than was found.
const ODD: f64 = 0.9;
/// Where upstreams cache, a turn that finds nothing follows one on another account, or one longer ago than this in s,
/// ...
const WARM_S: f64 = 240.0;
/// ... if its input has about the size that the conversation has grown to.
const GROWN: std::ops::RangeInclusive<f64> = 0.9..=2.0;
/// Upstreams cache if this share of requests finds anything.
const CACHING: f64 = 0.05;

/// The sessions of a log.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// Of each record.
    pub of: Vec<Option<Box<str>>>,
    /// Requests with a session id.
    pub named: usize,
    /// Requests whose session is a proxy.
    pub proxied: usize,
    /// Requests whose session is unknown.
    pub unknown: usize,
    /// Where both are known.
    pub agreement: Option<ProxyQuality>,
}

/// Proxies against the sessions that the log names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProxyQuality {
    /// Requests with an id whose proxy is no crowd, as a share of those with an id.
    pub usable: f64,
    /// Of two neighbours in such a proxy: how often they belong to one session.
    pub pure: f64,
    /// Of two neighbours in a session: how often they belong to one proxy.
    pub whole: f64,
}

/// Infers the sessions of a log.
pub fn infer(log: &Log) -> Sessions {
    let proxies = proxies(log);
    let mut sessions = Sessions::default();
    for (record, proxy) in log.records.iter().zip(&proxies) {
        sessions.of.push(match (&record.session, proxy) {
            (Some(session), _) => {
                sessions.named += 1;
                Some(session.clone())
            }
            (None, Some(number)) => {
                sessions.proxied += 1;
                Some(format!("proxy:{:016x}.{number}", record.proxy).into())
            }
            (None, None) => {
                sessions.unknown += 1;
                None
            }
        });
    }
    sessions.agreement = agreement(log, &proxies);
    sessions
}

/// A conversation under way.
struct Thread {
    number: u32,
    end_s: f64,
    /// What its last turn left in the prompt cache, in tokens; `None`: not known.
    input: Option<u32>,
    account: Option<i64>,
}

/// One (group, key, user agent, model).
#[derive(Default)]
struct Key {
    threads: Vec<Thread>,
    next: u32,
    requests: u64,
    overlapping: u64,
    matched: u64,
}

impl Key {
    /// The conversation that a request belongs to.
    fn place(&mut self, record: &Record, caching: bool) -> u32 {
        self.requests += 1;
        self.overlapping += u64::from(self.threads.iter().any(|thread| record.at_s < thread.end_s));
        self.threads.retain(|thread| record.at_s - thread.end_s <= GAP_S);
        let (found, matched) = self.predecessor(record, caching);
        self.matched += u64::from(matched);
        let input = record.input_tokens;
        if let Some(thread) = found.and_then(|place| self.threads.get_mut(place)) {
            thread.end_s = thread.end_s.max(record.end_s);
            thread.input = input.or(thread.input);
            thread.account = record.account;
            return thread.number;
        }
        let number = self.next;
        self.next += 1;
        self.threads.push(Thread { number, end_s: record.end_s, input, account: record.account });
        number
    }

    /// The conversation whose last turn this request follows, and whether the prompt cache says so.
    fn predecessor(&self, record: &Record, caching: bool) -> (Option<usize>, bool) {
        // a turn comes after the one before it has ended
        let idle = || self.threads.iter().enumerate().filter(|(_, thread)| thread.end_s <= record.at_s);
        let latest = |a: &(usize, &Thread), b: &(usize, &Thread)| a.1.end_s.total_cmp(&b.1.end_s);
        match record.cached_tokens {
            Some(cached) if cached > 0 => {
                let share = |thread: &Thread| {
                    let left = thread.input.map(|tokens| tokens.min(record.input_tokens.unwrap_or(tokens)));
                    left.map_or(0.0, |left| {
                        let (found, left) = (f64::from(cached), f64::from(left.max(1)));
                        // more than was left is odd: only where nothing else comes close
                        if found <= left { found / left } else { ODD * left / found }
                    })
                };
                let closest = idle().max_by(|a, b| share(a.1).total_cmp(&share(b.1)).then(latest(a, b)));
                let found = closest.filter(|(_, thread)| share(thread) >= SHRUNK).map(|(place, _)| place);
                (found, found.is_some())
            }
            // cold, or not known: conversations grow, so it follows the one that is closest below it
            _ => {
                let own = record.input_tokens.map(f64::from);
                let off = |thread: &Thread| match (own, thread.input.map(f64::from)) {
                    (Some(own), Some(before)) => (own - before).abs() / before.max(1.0),
                    _ => 0.0,
                };
                let cold = caching && record.cached_tokens.is_some();
                let fits = |thread: &Thread| match (own, thread.input.map(f64::from)) {
                    (Some(own), Some(before)) if cold => {
                        let lost = thread.account != record.account || record.at_s - thread.end_s > WARM_S;
                        lost && GROWN.contains(&(own / before.max(1.0)))
                    }
                    (Some(own), Some(before)) => own >= SHRUNK * before,
                    _ => true,
                };
                let closest = idle()
                    .filter(|(_, thread)| fits(thread))
                    .min_by(|a, b| off(a.1).total_cmp(&off(b.1)).then(latest(b, a)));
                (closest.map(|(place, _)| place), false)
            }
        }
    }

    fn is_crowd(&self) -> bool {
        let requests = self.requests as f64;
        self.overlapping as f64 > MOST_OVERLAP * requests && (self.matched as f64) < LEAST_MATCHED * requests
    }
}

/// The proxy session of each record by its number within (group, key, user agent, model); `None`: a crowd, or no key.
fn proxies(log: &Log) -> Vec<Option<u32>> {
    let mut keys: BTreeMap<u64, Key> = BTreeMap::new();
    let hits = log.records.iter().filter(|record| record.cached_tokens.is_some_and(|tokens| tokens > 0)).count();
    let caching = hits as f64 > CACHING * log.records.len() as f64;
    let places: Vec<u32> =
        log.records.iter().map(|record| keys.entry(record.proxy).or_default().place(record, caching)).collect();
    let usable = |record: &Record| record.proxy != 0 && keys.get(&record.proxy).is_some_and(|key| !key.is_crowd());
    log.records.iter().zip(places).map(|(record, number)| usable(record).then_some(number)).collect()
}

fn agreement(log: &Log, proxies: &[Option<u32>]) -> Option<ProxyQuality> {
    let mut by_proxy: BTreeMap<(u64, u32), &str> = BTreeMap::new();
    let mut by_session: BTreeMap<&str, (u64, u32)> = BTreeMap::new();
    let (mut same_session, mut same_proxy, mut pairs, mut turns) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut named, mut usable) = (0_u64, 0_u64);
    for (record, proxy) in log.records.iter().zip(proxies) {
        let Some(session) = record.session.as_deref().filter(|_| record.proxy != 0) else { continue };
        named += 1;
        let Some(proxy) = proxy.map(|number| (record.proxy, number)) else { continue };
        usable += 1;
        if let Some(before) = by_proxy.insert(proxy, session) {
            pairs += 1;
            same_session += u64::from(before == session);
        }
        if let Some(before) = by_session.insert(session, proxy) {
            turns += 1;
            same_proxy += u64::from(before == proxy);
        }
    }
    let share = |part: u64, of: u64| if of > 0 { part as f64 / of as f64 } else { 1.0 };
    (named > 0).then(|| ProxyQuality {
        usable: share(usable, named),
        pure: share(same_session, pairs),
        whole: share(same_proxy, turns),
    })
}

impl Sessions {
    /// What is to be said of them.
    pub fn words(&self) -> Vec<String> {
        let all = self.of.len();
        let share = |count: usize| 100.0 * count as f64 / all.max(1) as f64;
        let mut words = vec![format!(
            "{:.1} % of {} carry a session id, {:.1} % a proxy (group, key, user agent, model), {:.1} % neither",
            share(self.named),
            count(all as u64, "request"),
            share(self.proxied),
            share(self.unknown)
        )];
        if self.unknown > 0 {
            words.push(format!(
                "the sessions of {} requests are unknown: the log has no ids for them (an older gateway), and \
                 one user, key and agent sends many requests at a time",
                self.unknown
            ));
        }
        if let Some(ProxyQuality { usable, pure, whole }) = self.agreement {
            words.push(if usable > 0.0 {
                format!(
                    "where ids are known, proxies could stand for {:.0} % of the requests: {:.0} % of neighbours in \
                     such a proxy belong to one session, and {:.0} % of neighbours in a session to one proxy",
                    usable * 100.0,
                    pure * 100.0,
                    whole * 100.0
                )
            } else {
                "where ids are known, proxies could stand for none of the sessions: one key and agent sends many \
                 requests at a time"
                    .to_owned()
            });
        }
        words
    }
}
