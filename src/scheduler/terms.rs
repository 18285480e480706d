//! The terms of a candidate's score, and their sum: what `balance` ranks by and `weigh` shows.
//!
//! Each term is a factor times its weight. The order of float operations is part of the contract: terms are added from
//! first to last, without fused multiply-add. A term whose weight is 0 adds 0, which changes no sum.

use super::account::{Account, Credential, Usage};
use super::config::{Config, Weights};
use super::stats::RuntimeStats;
use crate::ids::AccountIx;
use crate::units::{Span, Time};

/// How many terms a score has: priority, load, queue, error rate, TTFT, reset, quota headroom, upstream cost, and the
/// two bonuses of the mode `weighted` (previous response, session), in this order.
pub const TERMS: usize = 10;

/// Their names, as the weights are called.
pub const NAMES: [&str; TERMS] = [
    "priority",
    "load",
    "queue",
    "error_rate",
    "ttft",
    "reset",
    "quota_headroom",
    "upstream_cost",
    "previous_response",
    "session_sticky",
];

/// Usage figures older than this say nothing.
const USAGE_LIFE: Span = Span::from_secs(8 * 3_600);
/// Below this headroom of the 5 h quota, the weekly headroom counts half.
const TIGHT: f64 = 0.10;

/// Into 0..=1; NaN stays.
pub(super) fn clamp01(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
}

/// The sum of all terms, from first to last.
pub fn sum(terms: &[f64; TERMS]) -> f64 {
    terms[1..].iter().fold(terms[0], |sum, term| sum + term)
}

/// What priorities and loads are compared with: those of the other candidates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    least_priority: i64,
    most_priority: i64,
    most_waiting: f64,
}

impl Crowd {
    pub(super) fn of(priorities: &[i64], waiting: &[u32]) -> Self {
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for &priority in priorities {
            (least, most) = (least.min(priority), most.max(priority));
        }
        let most_waiting = f64::from(waiting.iter().copied().fold(1, u32::max));
        Self { least_priority: least, most_priority: most, most_waiting }
    }

    /// The terms of priority, load and queue.
    #[inline]
    pub(super) fn terms(&self, weights: &Weights, priority: i64, load_rate: i64, waiting: u32) -> [f64; 3] {
        let (least, most) = (self.least_priority, self.most_priority);
        let priority_factor = if most > least {
            1.0 - priority.wrapping_sub(least) as f64 / most.wrapping_sub(least) as f64
        } else {
            1.0
        };
        let load_factor = 1.0 - clamp01(load_rate as f64 / 100.0);
        let queue_factor = 1.0 - clamp01(f64::from(waiting) / self.most_waiting);
        [weights.priority * priority_factor, weights.load * load_factor, weights.queue * queue_factor]
    }
}

/// What TTFTs are compared with: the least and the most of the candidates'.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ttfts {
    least: f64,
    most: f64,
}

impl Ttfts {
    #[inline]
    pub(super) fn of(members: &[AccountIx], stats: &RuntimeStats) -> Self {
        let ttfts = stats.ttfts_ms();
        // An unset TTFT is NaN, which is neither less nor more than anything.
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for account in members {
            let ttft = ttfts[account.at()];
            least = if ttft < least { ttft } else { least };
            most = if ttft > most { ttft } else { most };
        }
        Self { least, most }
    }

    /// The terms of error rate and TTFT; an unset TTFT is NaN.
    #[inline]
    pub(super) fn terms(&self, weights: &Weights, error_rate: f64, ttft: f64) -> [f64; 2] {
        let error_factor = 1.0 - clamp01(error_rate);
        let (least, most) = (self.least, self.most);
        let ttft_factor =
            if most > least && !ttft.is_nan() { 1.0 - clamp01((ttft - least) / (most - least)) } else { 0.5 };
        [weights.error_rate * error_factor, weights.ttft * ttft_factor]
    }
}

/// The terms of reset, quota headroom and upstream cost for every candidate of one plan (spec scheduler-modes.md,
/// section 6). Kept, so that it allocates nothing once warm.
#[derive(Clone, Debug, Default)]
pub(super) struct Extras {
    rows: Vec<[f64; 3]>,
    /// Whether some account's upstream cost sets it apart from others.
    pub(super) cost_tells: bool,
    logs: Vec<f64>,
}

impl Extras {
    /// Whether any of the three counts.
    #[inline]
    pub(super) fn wanted(weights: &Weights) -> bool {
        weights.reset > 0.0 || weights.quota_headroom > 0.0 || weights.upstream_cost > 0.0
    }

    /// Nothing is asked of them.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.cost_tells = false;
    }

    /// Works the terms out for these candidates.
    pub(super) fn fill(&mut self, members: &[AccountIx], accounts: &[Account], config: &Config, now: Time) {
        let weights = &config.weights;
        self.rows.clear();
        self.rows.resize(members.len(), [0.0; 3]);
        self.cost_tells = false;
        let all = || members.iter().map(|account| &accounts[account.at()]);
        if weights.reset > 0.0 {
            let (least, most) = all()
                .filter_map(|account| remaining(account, now))
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), left| (least.min(left), most.max(left)));
            for (row, account) in self.rows.iter_mut().zip(all()) {
                row[0] = weights.reset * remaining(account, now).map_or(0.0, |left| soonness(left, least, most));
            }
        }
        if weights.quota_headroom > 0.0 {
            for (row, account) in self.rows.iter_mut().zip(all()) {
                row[1] = weights.quota_headroom * account.usage.map_or(0.5, |usage| headroom(&usage, now));
            }
        }
        if weights.upstream_cost > 0.0 {
            self.cost(members, accounts, config, now);
        }
    }

    /// The three terms of the candidate in this place.
    #[inline]
    pub(super) fn terms(&self, place: usize) -> [f64; 3] {
        self.rows.get(place).copied().unwrap_or_default()
    }

    fn cost(&mut self, members: &[AccountIx], accounts: &[Account], config: &Config, now: Time) {
        let rate = |account: &AccountIx| rate(&accounts[account.at()], config, now);
        let known = || members.iter().filter_map(rate);
        self.logs.clear();
        self.logs.extend(known().filter(|&rate| rate > 0.0).map(libm::log));
        let count = known().count();
        let first = known().next().unwrap_or(0.0);
        if count < 2 || self.logs.is_empty() || known().all(|rate| rate == first) {
            return;
        }
        self.logs.sort_unstable_by(f64::total_cmp);
        let middle = self.logs.len() / 2;
        let median = match self.logs.len() % 2 {
            0 => f64::midpoint(self.logs[middle - 1], self.logs[middle]),
            _ => self.logs[middle],
        };
        let center = libm::exp(median);
        let coverage = count as f64 / members.len() as f64;
        for (row, account) in self.rows.iter_mut().zip(members) {
            let Some(rate) = rate(account) else { continue };
            let raw = if rate <= 0.0 { 1.0 } else { 1.0 / (1.0 + rate / center) };
            let factor = clamp01(0.5 + coverage * (raw - 0.5));
            self.cost_tells |= factor != 0.5;
            row[2] = config.weights.upstream_cost * (factor - 0.5);
        }
    }
}

/// Seconds until the account's session window ends, if that is in the future.
fn remaining(account: &Account, now: Time) -> Option<f64> {
    let left = account.session_window_end.filter(|&end| end > now)?.since(now).nanos();
    let second = Span::SECOND.nanos();
    Some((left / second) as f64 + (left % second) as f64 / 1e9)
}

/// 1 for the window that ends first, 0 for the one that ends last.
fn soonness(left: f64, least: f64, most: f64) -> f64 {
    if most > least { 1.0 - clamp01((left - least) / (most - least)) } else { 1.0 }
}

/// How much of an account's quota is left, 0.5 where that is not known.
fn headroom(usage: &Usage, now: Time) -> f64 {
    let current = |used: Option<f64>, reset: Option<Time>| used.filter(|_| reset.is_none_or(|reset| reset > now));
    let fresh = now < usage.updated_at + USAGE_LIFE;
    let Some(used) = current(usage.primary_used_percent, usage.primary_reset_at).filter(|_| fresh) else { return 0.5 };
    let left = 1.0 - clamp01(used / 100.0);
    match current(usage.secondary_used_percent, usage.secondary_reset_at) {
        Some(used) if 1.0 - clamp01(used / 100.0) < TIGHT => left * 0.5,
        _ => left,
    }
}

/// What an account costs, if that is known.
fn rate(account: &Account, config: &Config, now: Time) -> Option<f64> {
    match account.credential {
        Credential::OAuth => Some(config.oauth_rate),
        Credential::ApiKey => {
            let probe = account.upstream_rate?;
            (probe.received_at <= now && now <= probe.fresh_until).then_some(probe.rate)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_unix_nanos(1_780_000_000_000_000_000);

    fn usage(primary: f64, secondary: Option<f64>) -> Usage {
        Usage {
            updated_at: NOW,
            primary_used_percent: Some(primary),
            primary_reset_at: None,
            secondary_used_percent: secondary,
            secondary_reset_at: None,
        }
    }

    #[test]
    fn headroom_is_what_is_left_of_the_week_and_half_of_it_when_the_five_hours_are_tight() {
        assert_eq!(headroom(&usage(25.0, None), NOW), 0.75);
        assert_eq!(headroom(&usage(25.0, Some(89.0)), NOW), 0.75);
        assert_eq!(headroom(&usage(25.0, Some(90.0)), NOW), 0.375, "90 % used is below a tenth already, in floats");
        assert_eq!(headroom(&usage(250.0, None), NOW), 0.0);
        let old = Usage { updated_at: NOW, ..usage(25.0, None) };
        assert_eq!(headroom(&old, NOW + USAGE_LIFE), 0.5);
        let reset = Usage { primary_reset_at: Some(NOW), ..usage(25.0, None) };
        assert_eq!(headroom(&reset, NOW), 0.5, "reset meanwhile");
    }

    #[test]
    fn costs_tell_only_where_two_are_known_and_differ() {
        let costs = |rates: &[Option<f64>]| {
            let accounts: Vec<Account> = rates
                .iter()
                .zip(1..)
                .map(|(rate, id)| Account {
                    upstream_rate: rate.map(|rate| super::super::UpstreamRate {
                        rate,
                        received_at: NOW,
                        fresh_until: NOW,
                    }),
                    ..Account::new(id, 1)
                })
                .collect();
            let members: Vec<AccountIx> = (0..rates.len() as u32).map(AccountIx).collect();
            let weights = Weights { upstream_cost: 1.0, ..Weights::default() };
            let mut extras = Extras::default();
            extras.fill(&members, &accounts, &Config { weights, ..Config::default() }, NOW);
            (extras.cost_tells, (0..rates.len()).map(|place| extras.terms(place)[2]).collect::<Vec<_>>())
        };
        assert_eq!(costs(&[Some(1.0), None, None]), (false, vec![0.0; 3]));
        assert_eq!(costs(&[Some(2.0), Some(2.0)]), (false, vec![0.0; 2]));
        assert_eq!(costs(&[Some(0.0), Some(-1.0)]), (false, vec![0.0; 2]), "none is positive");
        let (tells, found) = costs(&[Some(1.0), Some(4.0), Some(0.0), None]);
        // center 2, coverage 3/4: raw 2/3, 1/3, 1
        assert!(tells);
        for (found, expected) in found.iter().zip([0.125, -0.125, 0.375, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }
}
