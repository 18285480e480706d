//! How long a request takes on average while all is well: what a closed loop needs to start in its stationary state.
//!
//! It is the mean over the accounts of the time to first token, the reading of uncached input, and the decoding.
//! Waiting, slowness under load, failures and conditions are left out, because they depend on the run. The bias is
//! small because thinking takes most of a session's time. If requests of the agentic preset took twice the 11 s that
//! are estimated for them, the pool would begin with 8 % too few sessions.

use crate::engine::Distribution;
use crate::upstream::config::{AccountModel, Decode};
use crate::workload::SynthConfig;

/// The number of cells of the numerical means.
const CELLS: u32 = 200;

/// Mean seconds from a request's arrival to its end on these accounts.
pub(super) fn mean_service_s(config: &SynthConfig, accounts: &[AccountModel]) -> f64 {
    let expected = config.expected(0.0);
    let mut known: Option<(&AccountModel, f64)> = None;
    let mut sum = 0.0;
    for account in accounts {
        // accounts of one `count` are equal
        let seconds = match known {
            Some((same, seconds)) if alike(same, account) => seconds,
            _ => of_account(config, account, expected.input_tokens),
        };
        known = Some((account, seconds));
        sum += seconds;
    }
    if accounts.is_empty() { 0.0 } else { sum / accounts.len() as f64 }
}

fn alike(a: &AccountModel, b: &AccountModel) -> bool {
    let decode = match (&a.decode, &b.decode) {
        (Decode::TokensPerSecond(a), Decode::TokensPerSecond(b)) | (Decode::Seconds(a), Decode::Seconds(b)) => a == b,
        (Decode::TokensPerSecond(_), Decode::Seconds(_)) | (Decode::Seconds(_), Decode::TokensPerSecond(_)) => false,
    };
    decode
        && a.ttft_s == b.ttft_s
        && a.size_effect == b.size_effect
        && a.prefill_tokens_per_s == b.prefill_tokens_per_s
        && a.prompt_cache == b.prompt_cache
}

fn of_account(config: &SynthConfig, account: &AccountModel, input_tokens: f64) -> f64 {
    let size =
        account.size_effect.map_or(1.0, |size| libm::pow(input_tokens.max(1.0) / size.median_tokens, size.exponent));
    let prefill = account.prefill_tokens_per_s.map_or(0.0, |speed| {
        // a turn after a pause longer than the cache's ttl reads its whole input again; other turns read only what was
        // added
        let lost = account.prompt_cache.map_or(1.0, |cache| 1.0 - config.think_s.cdf(cache.ttl.secs()));
        (lost * input_tokens + (1.0 - lost) * config.input.growth_tokens.mean()) / speed
    });
    let decode = match &account.decode {
        Decode::Seconds(seconds) => seconds.mean(),
        Decode::TokensPerSecond(speed) => config.output_tokens.mean() * mean_of_inverse(speed),
    };
    let seconds = account.ttft_s.mean() * size + prefill + decode;
    if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }
}

/// The mean of 1 / X, by quantiles at the middles of cells.
fn mean_of_inverse(speed: &Distribution) -> f64 {
    let cell = |i: u32| 1.0 / speed.quantile((f64::from(i) + 0.5) / f64::from(CELLS));
    (0..CELLS).map(cell).sum::<f64>() / f64::from(CELLS)
}
