//! The cost of moving: cold turns, what the prompt caches saved, tokens, price.
//!
//! Costs are counted for every forward that reaches its first token, whether or not its client stays, because by then
//! the upstream has read the input. A turn is *cold* when it finds no cached prefix although the prefix that its
//! session left last is on another account, is long enough to be kept, and has not lapsed.

use super::figures::Figures;
use super::{AccountInfo, CacheRules, Forwarded, Observer, Price, Settings};
use crate::ids::AccountIx;
use crate::units::Time;
use crate::workload::RecordedAttempt;

/// The prefix that a session left last.
#[derive(Clone, Copy, Debug)]
struct Left {
    number: u64,
    account: AccountIx,
    tokens: u32,
    at: Time,
}

/// For each live session, the prefix that it left last and the account where it lies.
#[derive(Clone, Debug)]
pub struct Prefixes {
    caches: Vec<Option<CacheRules>>,
    any_cache: bool,
    left: Vec<Left>,
}

impl Prefixes {
    /// No session has left a prefix yet.
    pub fn new(accounts: &[AccountInfo]) -> Self {
        Self {
            caches: accounts.iter().map(|account| account.cache).collect(),
            any_cache: accounts.iter().any(|account| account.cache.is_some()),
            left: Vec::new(),
        }
    }

    /// Whether a forward is a cold turn. From now on the slot belongs to this session: a prefix that an earlier session
    /// of the slot leaves late is not kept.
    #[inline]
    pub fn is_cold(&mut self, step: &Forwarded<'_>) -> bool {
        let Some(session) = step.request.session.filter(|_| self.any_cache) else { return false };
        let (slot, account) = (session.slot as usize, step.account);
        if slot >= self.left.len() {
            self.left.resize(slot + 1, Left { number: u64::MAX, account, tokens: 0, at: Time::ZERO });
        }
        let left = &mut self.left[slot];
        if left.number != session.number {
            *left = Left { number: session.number, account, tokens: 0, at: step.connected };
        }
        let elsewhere = left.account != account
            && self.caches[left.account.at()].is_some_and(|rules| {
                left.tokens.min(step.request.input_tokens) >= rules.min_tokens && step.connected < left.at + rules.ttl
            });
        elsewhere && step.attempt.cached_tokens == 0 && step.attempt.fate.first_token().is_some()
    }

    /// A forward ended. If it reached its first token, it leaves its input as a prefix.
    #[inline]
    pub fn leave(&mut self, now: Time, step: &Forwarded<'_>) {
        if let Some(session) = step.request.session
            && step.attempt.fate.first_token().is_some()
            && let Some(left) = self.left.get_mut(session.slot as usize)
            && left.number == session.number
        {
            *left = Left { number: session.number, account: step.account, tokens: step.request.input_tokens, at: now };
        }
    }
}

/// Numbers of tokens that upstreams processed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input that was not in the prompt cache.
    pub uncached: u64,
    /// Input that was found in the prompt cache.
    pub cached: u64,
    /// Output.
    pub output: u64,
}

impl Tokens {
    /// The tokens that a forward is charged for: none unless it reached its first token, and output only if the answer
    /// is complete.
    #[inline]
    pub fn of(step: &Forwarded<'_>) -> Self {
        let fate = step.attempt.fate;
        if fate.first_token().is_none() {
            return Self::default();
        }
        let cached = step.attempt.cached_tokens.min(step.request.input_tokens);
        let complete = matches!(fate, RecordedAttempt::Ok { .. });
        Self {
            uncached: u64::from(step.request.input_tokens - cached),
            cached: u64::from(cached),
            output: if complete { u64::from(step.request.output_tokens) } else { 0 },
        }
    }

    /// The price of these tokens, in the currency of `price`.
    pub fn price(self, price: Price) -> f64 {
        (price.input * self.uncached as f64
            + price.cached_input * self.cached as f64
            + price.output * self.output as f64)
            / 1e6
    }
}

impl std::ops::AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.uncached += other.uncached;
        self.cached += other.cached;
        self.output += other.output;
    }
}

/// Counts tokens and cold turns of the requests that arrived after the warm-up.
#[derive(Clone, Debug)]
pub struct Cost {
    warmup_end: Time,
    prefixes: Prefixes,
    prices: Vec<Option<Price>>,
    tokens: Vec<Tokens>,
    turns: u64,
    cold: u64,
}

impl Cost {
    /// Counts of a run that has not begun.
    pub fn new(settings: &Settings, accounts: &[AccountInfo]) -> Self {
        Self {
            warmup_end: settings.warmup_end,
            prefixes: Prefixes::new(accounts),
            prices: accounts.iter().map(|account| account.price).collect(),
            tokens: vec![Tokens::default(); accounts.len()],
            turns: 0,
            cold: 0,
        }
    }

    /// Whether some accounts have a price and others that were used have none.
    pub fn some_unpriced(&self) -> bool {
        let unpriced = |(price, tokens): (&Option<Price>, &Tokens)| price.is_none() && *tokens != Tokens::default();
        self.prices.iter().any(Option::is_some) && self.prices.iter().zip(&self.tokens).any(unpriced)
    }

    /// Puts the figures of group `cost`.
    pub fn put(&self, figures: &mut Figures) {
        let run = &mut figures.run;
        run.count("cost.turns", self.turns);
        if self.prefixes.any_cache {
            run.count("cost.cold_turns", self.cold);
            run.ratio("cost.cold_turn_ratio", self.cold, self.turns);
        }
        let mut all = Tokens::default();
        self.tokens.iter().for_each(|&tokens| all += tokens);
        run.count("cost.input_tokens", all.uncached + all.cached);
        run.ratio("cost.cached_token_ratio", all.cached, all.uncached + all.cached);
        run.count("cost.uncached_input_tokens", all.uncached);
        run.count("cost.output_tokens", all.output);
        // only over the accounts that have a price; without any there is no figure
        let prices = self.prices.iter().zip(&self.tokens).filter_map(|(price, tokens)| Some(tokens.price((*price)?)));
        run.put("cost.price", prices.reduce(|sum, price| sum + price));
    }
}

impl Observer for Cost {
    #[inline]
    fn forwarded(&mut self, step: &Forwarded<'_>) {
        let cold = self.prefixes.is_cold(step);
        if step.request.at < self.warmup_end || step.attempt.fate.first_token().is_none() {
            return;
        }
        self.tokens[step.account.at()] += Tokens::of(step);
        self.turns += u64::from(step.request.session.is_some());
        self.cold += u64::from(cold);
    }

    #[inline]
    fn attempt_ended(&mut self, now: Time, step: &Forwarded<'_>, _client_there: bool) {
        self.prefixes.leave(now, step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::{at, forward};
    use crate::units::Span;

    fn cost(cache: bool) -> Cost {
        let rules = CacheRules { ttl: Span::from_secs(300), min_tokens: 1_024 };
        let settings = Settings { warmup_end: at(1_000), ..Settings::default() };
        let price = Price { input: 2.0, cached_input: 0.5, output: 10.0 };
        let account = |id| AccountInfo {
            cache: cache.then_some(rules),
            price: (id == 1).then_some(price),
            ..AccountInfo::new(id, 4)
        };
        Cost::new(&settings, &[1, 2].map(account))
    }

    fn value(seen: &Cost, path: &str) -> Option<f64> {
        let mut figures = Figures::new();
        seen.put(&mut figures);
        figures.run.get(&format!("cost.{path}")).flatten()
    }

    const S: Option<(u32, u64)> = Some((0, 1));

    #[test]
    fn a_turn_is_cold_only_if_its_session_has_a_prefix_elsewhere() {
        let mut seen = cost(true);
        // account, when, input tokens, cached tokens, whether cold
        for (account, ms, input, cached, cold) in [
            (0, 10_000, 4_000, 0, false),     // the first turn: nothing anywhere
            (0, 20_000, 4_000, 3_968, false), // warm
            (1, 30_000, 4_000, 0, true),      // moved
            (1, 40_000, 4_000, 3_968, false), // warm again
            (0, 50_000, 4_000, 3_968, false), // back, and found what it had left
            (1, 400_000, 4_000, 0, false),    // all lapsed
            (0, 410_000, 500, 0, false),      // too short to be kept
            (1, 420_000, 4_000, 0, false),    // what was left last was too short
        ] {
            let before = seen.cold;
            forward(&mut seen, ms, S, account, input, cached, true);
            assert_eq!(seen.cold > before, cold, "at {ms}");
        }
        assert_eq!((value(&seen, "turns"), value(&seen, "cold_turns")), (Some(8.0), Some(1.0)));
        assert_eq!(value(&seen, "cold_turn_ratio"), Some(0.125));
        forward(&mut seen, 430_000, Some((0, 2)), 0, 4_000, 0, true);
        assert_eq!(seen.cold, 1, "another session in that slot");
    }

    #[test]
    fn tokens_and_price_are_summed_where_a_first_token_came() {
        let mut seen = cost(true);
        forward(&mut seen, 0, S, 0, 9_000, 0, true); // warm-up
        forward(&mut seen, 2_000, S, 0, 3_000, 1_024, true);
        forward(&mut seen, 3_000, None, 1, 1_000, 0, true);
        forward(&mut seen, 4_000, S, 0, 7_000, 0, false); // failed before its first token
        assert_eq!(value(&seen, "input_tokens"), Some(4_000.0));
        assert_eq!(value(&seen, "uncached_input_tokens"), Some(2_976.0));
        assert_eq!(value(&seen, "cached_token_ratio"), Some(0.256));
        assert_eq!(value(&seen, "output_tokens"), Some(200.0));
        assert_eq!(value(&seen, "price"), Some((2.0 * 1_976.0 + 0.5 * 1_024.0 + 10.0 * 100.0) / 1e6));
        assert!(seen.some_unpriced());
        assert_eq!(value(&seen, "turns"), Some(1.0));
    }

    #[test]
    fn without_a_prompt_cache_there_is_no_figure_of_cold_turns() {
        let mut seen = cost(false);
        forward(&mut seen, 2_000, S, 0, 3_000, 0, true);
        forward(&mut seen, 3_000, S, 1, 3_000, 0, true);
        assert_eq!((value(&seen, "cold_turns"), value(&seen, "cold_turn_ratio")), (None, None));
    }
}
