//! How fast accounts read input that is not in their prompt cache: it adds to the time to first token, so that a turn
//! that moved, or came too late, is slower. Found as the speed that makes what is left over most likely.

use super::normalise::{Effects, Normal};
use super::robust::{quantile, sorted};
use super::spans::{Limits, slow};
use super::tries::{Tries, Try};

/// Attempts that are enough to find it by.
const SAMPLE: usize = 8_000;
/// Fewer samples say nothing.
const LEAST: usize = 200;
/// By so much (in ln of the likelihood) it must explain more than none.
const GAIN: f64 = 12.0;
/// Speeds that are looked at, in tokens a second.
const RANGE: (f64, f64) = (100.0, 1e6);
/// Of a TTFT, at most this share is reading. Not much less than all: where much is read, a quick start behind it is a
/// small share of the whole, and to call it impossible would push the speed up (by 2 % at 2,000 tokens a second with
/// 0.95).
const MOST: f64 = 0.99;

impl Tries {
    /// Finds the speed of reading, common to all accounts, and what it makes of each attempt's TTFT; leaves all as it
    /// is where none shows.
    pub fn fit_prefill(&mut self, kinds: usize, limits: Limits) {
        self.prefill_tokens_per_s = self.prefill_speed(kinds, limits);
        let Some(speed) = self.prefill_tokens_per_s else { return };
        for each in self.of.iter_mut().flatten() {
            // what was cached is not known after failed attempts: then the account was another one, and had nothing
            let tokens = each.uncached_tokens.or(each.input_tokens);
            if let (Some(ttft), Some(tokens)) = (each.ttft_s, tokens) {
                each.prefill_s = (f64::from(tokens) / speed).min(MOST * ttft);
            }
        }
    }

    fn prefill_speed(&self, kinds: usize, limits: Limits) -> Option<f64> {
        let (_, spans) = slow(self, kinds, limits);
        let slow_at = |account: usize, i: usize| {
            spans.iter().any(|span| span.account == account && span.range.0 <= i && i < span.range.1)
        };
        let mut sample = Self { ids: self.ids.clone(), ..Self::default() };
        for (account, of) in self.of.iter().enumerate() {
            let is_known =
                |i: usize, each: &Try| each.uncached_tokens.is_some() && each.ttft_s.is_some() && !slow_at(account, i);
            sample
                .of
                .push(of.iter().enumerate().filter(|&(i, each)| is_known(i, each)).map(|(_, each)| *each).collect());
        }
        let known: usize = sample.of.iter().map(Vec::len).sum();
        let step = known.div_ceil(SAMPLE).max(1);
        sample.of.iter_mut().for_each(|of| *of = of.iter().copied().step_by(step).collect());
        let tokens: Vec<f64> =
            sample.of.iter().flatten().filter_map(|each| each.uncached_tokens).map(f64::from).collect();
        let tokens = sorted(&tokens);
        // where all read as much, reading is part of every TTFT and cannot be separated from the rest
        if known < LEAST || quantile(&tokens, 0.95)? < 2.0 * quantile(&tokens, 0.05)? + 500.0 {
            return None;
        }
        let mut likelihood = |speed: f64| sample.likelihood(kinds, speed);
        let none = likelihood(f64::INFINITY);
        let (low, high) = (libm::log(RANGE.0), libm::log(RANGE.1));
        let (mut from, mut step) = (low, (high - low) / 24.0);
        let mut best = (none, f64::INFINITY);
        for _ in 0..3 {
            for place in 0..=24 {
                let speed = libm::exp(from + step * f64::from(place));
                let value = likelihood(speed);
                if value > best.0 {
                    best = (value, speed);
                }
            }
            if best.1.is_infinite() {
                return None;
            }
            from = libm::log(best.1) - step;
            step /= 12.0;
        }
        (best.0 > none + GAIN).then_some(best.1)
    }

    /// ln of the likelihood of the attempts' TTFTs if input is read at this speed, outliers bounded.
    fn likelihood(&mut self, kinds: usize, speed: f64) -> f64 {
        const BOUND: f64 = 3.0;
        let mut impossible = 0_usize;
        for each in self.of.iter_mut().flatten() {
            let (ttft, prefill) = (each.ttft_s.unwrap_or(1.0), f64::from(each.uncached_tokens.unwrap_or(0)) / speed);
            impossible += usize::from(prefill > MOST * ttft);
            each.prefill_s = prefill.min(MOST * ttft);
        }
        let normal = Normal::fit(self, kinds, Effects::KindAndSize, |_, _| true);
        let mut sum = -10.0 * impossible as f64;
        for (account, of) in self.of.iter().enumerate() {
            let centre = normal.accounts[account];
            let sd = centre.sd.max(0.01);
            for each in of {
                let (Some(ttft), Some(level)) = (each.ttft_s, normal.level(each)) else { continue };
                let off = ((level - centre.mean) / sd).abs().min(BOUND);
                sum -= libm::log(sd) + 0.5 * off * off + libm::log(ttft - each.prefill_s);
            }
        }
        sum
    }
}
