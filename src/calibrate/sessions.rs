//! Which session a request belongs to: the one that the log names, else a proxy, else none that could be told.
//!
//! The proxy is (group, key, user agent, model), split where it was silent for half an hour and where the cached prefix
//! shrank. Where many of a proxy's requests overlap it stands for a crowd, not for a session, and is worth nothing.

use std::collections::BTreeMap;

use super::records::Log;

/// Silence after which a proxy is another session, in s.
const GAP_S: f64 = 1_800.0;
/// A proxy whose requests overlap more often than this is a crowd.
const MOST_OVERLAP: f64 = 0.2;

/// The sessions of a log.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// Of each record.
    pub of: Vec<Option<Box<str>>>,
    /// Requests with a session id.
    pub named: usize,
    /// Requests whose session is a proxy.
    pub proxied: usize,
    /// Requests whose session cannot be told.
    pub untold: usize,
    /// Where both are known: share of neighbours of a proxy that belong to one session, and share of neighbours of a
    /// session that belong to one proxy.
    pub agreement: Option<(f64, f64)>,
}

/// Tells the sessions of a log.
pub fn tell(log: &Log) -> Sessions {
    let proxies = proxies(log);
    let mut sessions = Sessions::default();
    let mut by_proxy: BTreeMap<(u64, u32), (u64, u64)> = BTreeMap::new();
    for (record, proxy) in log.records.iter().zip(&proxies) {
        if record.session.is_none() {
            let count = by_proxy.entry(proxy.session).or_default();
            *count = (count.0 + 1, count.1 + u64::from(proxy.overlaps));
        }
    }
    let usable = |session: &(u64, u32)| {
        by_proxy.get(session).is_some_and(|&(all, overlapping)| overlapping as f64 <= MOST_OVERLAP * all as f64)
    };
    for (record, proxy) in log.records.iter().zip(&proxies) {
        sessions.of.push(match &record.session {
            Some(session) => {
                sessions.named += 1;
                Some(session.clone())
            }
            None if record.proxy != 0 && usable(&proxy.session) => {
                sessions.proxied += 1;
                Some(format!("proxy:{:016x}.{}", proxy.session.0, proxy.session.1).into())
            }
            None => {
                sessions.untold += 1;
                None
            }
        });
    }
    sessions.agreement = agreement(log, &proxies);
    sessions
}

#[derive(Clone, Copy)]
struct Proxy {
    session: (u64, u32),
    overlaps: bool,
}

fn proxies(log: &Log) -> Vec<Proxy> {
    let mut last: BTreeMap<u64, (u32, f64, u32)> = BTreeMap::new();
    log.records
        .iter()
        .map(|record| {
            let cached = record.cached_tokens.unwrap_or(0);
            let (number, end, before) = last.get(&record.proxy).copied().unwrap_or((0, f64::NEG_INFINITY, 0));
            let silent = end.is_finite() && record.at_s - end > GAP_S;
            let shrank = record.cached_tokens.is_some() && before > 0 && cached * 2 < before && cached > 0;
            let number = number + u32::from(silent || shrank);
            let cached = if record.cached_tokens.is_some() { cached } else { before };
            last.insert(record.proxy, (number, end.max(record.end_s), cached));
            Proxy { session: (record.proxy, number), overlaps: record.at_s < end }
        })
        .collect()
}

fn agreement(log: &Log, proxies: &[Proxy]) -> Option<(f64, f64)> {
    let mut by_proxy: BTreeMap<(u64, u32), &str> = BTreeMap::new();
    let mut by_session: BTreeMap<&str, (u64, u32)> = BTreeMap::new();
    let (mut same_session, mut same_proxy, mut pairs, mut turns) = (0_u64, 0_u64, 0_u64, 0_u64);
    for (record, proxy) in log.records.iter().zip(proxies) {
        let Some(session) = record.session.as_deref().filter(|_| record.proxy != 0) else { continue };
        if let Some(before) = by_proxy.insert(proxy.session, session) {
            pairs += 1;
            same_session += u64::from(before == session);
        }
        if let Some(before) = by_session.insert(session, proxy.session) {
            turns += 1;
            same_proxy += u64::from(before == proxy.session);
        }
    }
    (pairs > 0 && turns > 0).then(|| (same_session as f64 / pairs as f64, same_proxy as f64 / turns as f64))
}

impl Sessions {
    /// What is to be said of them.
    pub fn words(&self) -> Vec<String> {
        let all = self.of.len();
        let share = |count: usize| 100.0 * count as f64 / all.max(1) as f64;
        let mut words = vec![format!(
            "{:.1} % of {all} requests carry a session id, {:.1} % a proxy (group, key, user agent, model), {:.1} % neither",
            share(self.named),
            share(self.proxied),
            share(self.untold)
        )];
        if self.untold > 0 {
            words.push(format!(
                "the sessions of {} requests cannot be told: the log has no ids for them (an older gateway), and one user, \
                 key and agent sends many requests at a time",
                self.untold
            ));
        }
        if let Some((pure, whole)) = self.agreement {
            words.push(format!(
                "where ids are known, {:.0} % of neighbours in a proxy belong to one session, and {:.0} % of neighbours in a \
                 session to one proxy",
                pure * 100.0,
                whole * 100.0
            ));
        }
        words
    }
}
