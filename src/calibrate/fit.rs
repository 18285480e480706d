//! What a healthy account is like: time to first token, decode speed, how it fails.

use serde_json::{Value, json};

use super::normalise::{Effects, Normal};
use super::robust::{centre, common_sd, median, quantile, shrink, sorted};
use super::shape::{Shape, of_accounts, round, time};
use super::spans::{Failing, Limits, Slow, failing, slow};
use super::tries::{Fault, Tries};
use crate::experiment::stats::known::{ks_distance, ks_p_value};

/// What a log says of its accounts.
#[derive(Clone, Debug)]
pub struct Fit {
    /// By place in `Tries::ids`.
    pub accounts: Vec<AccountFit>,
    /// An account that the log never saw: the common mean.
    pub unseen: AccountFit,
    /// Effects of kinds and sizes.
    pub normal: Normal,
    /// When accounts were slow.
    pub slow: Vec<Slow>,
    /// When accounts failed.
    pub failing: Vec<Failing>,
}

/// A healthy account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountFit {
    /// ln of the median TTFT in s.
    pub mu: f64,
    /// Standard deviation of ln TTFT.
    pub sigma: f64,
    /// How its times are distributed.
    pub shape: Shape,
    /// Healthy answers with a TTFT.
    pub answers: usize,
    /// All attempts.
    pub attempts: usize,
    /// How long answers take, as a scenario writes it, and in words.
    pub decode: (Value, String),
    /// Failures outside of spans.
    pub failures: Vec<FailureFit>,
}

/// A way to fail.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureFit {
    /// How attempts fail.
    pub fault: Fault,
    /// Share of attempts.
    pub probability: f64,
    /// How many.
    pub count: usize,
    /// How long it takes to show, in s.
    pub after_s: f64,
}

impl Fit {
    /// Whether everything that was fitted is a number that an account can have; `ids` are the accounts'.
    ///
    /// # Errors
    /// Which account's is not.
    pub fn check(&self, ids: &[i64]) -> Result<(), NoNumber> {
        const LONGEST_S: f64 = 1e6;
        let is_time = |ln: f64| ln.is_finite() && (1e-6..=LONGEST_S).contains(&libm::exp(ln));
        let accounts = self.accounts.iter().zip(ids.iter().copied().map(Some));
        for (account, id) in accounts.chain([(&self.unseen, None)]) {
            let right = is_time(account.mu) && account.sigma.is_finite() && account.sigma > 0.0;
            if !right && !self.accounts.is_empty() {
                return Err(NoNumber { account: id, median_s: libm::exp(account.mu), sigma: account.sigma });
            }
        }
        let factors = self.slow.iter().flat_map(|span| [span.factor, span.decode_factor]);
        let rates = self.failing.iter().map(|span| span.rate);
        match factors.chain(rates).find(|value| !(value.is_finite() && *value > 0.0)) {
            Some(value) => Err(NoNumber { account: None, median_s: value, sigma: value }),
            None => Ok(()),
        }
    }
}

/// A fit that came out as no number: nothing is written then.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "the fit of {} came out as no number (median {median_s} s, sigma {sigma}), so nothing is written; leave out the \
     rows of that account, and please report it",
    account.map_or_else(|| "the log".to_owned(), |id| format!("account {id}"))
)]
pub struct NoNumber {
    /// Which account's; `None`: that of all.
    pub account: Option<i64>,
    /// Its median TTFT in s.
    pub median_s: f64,
    /// The standard deviation of the logarithm of its time to first token.
    pub sigma: f64,
}

/// Finds spans in all of the log and fits healthy accounts to what began before `until_s`.
pub fn fit(tries: &Tries, kinds: usize, limits: Limits, until_s: f64) -> Fit {
    let (_, slow) = slow(tries, kinds, limits);
    let failing = failing(tries);
    let healthy = |account: usize, i: usize| {
        !slow.iter().any(|span| span.account == account && span.range.0 <= i && i < span.range.1)
    };
    let counts = |account: usize, i: usize| tries.of[account][i].at_s < until_s && healthy(account, i);
    let Healthy { normal, mus, sigmas, shapes, .. } = Healthy::best(tries, kinds, &counts);
    let decodes = decode(tries, &|account, i| {
        let slow_there = |span: &Slow| span.account == account && span.range.0 <= i && i < span.range.1;
        tries.of[account][i].at_s < until_s && !slow.iter().any(|span| slow_there(span) && span.decode_factor != 1.0)
    });
    let accounts: Vec<AccountFit> = (0..tries.ids.len())
        .map(|account| AccountFit {
            mu: mus[account],
            sigma: sigmas[account],
            shape: shapes[account].clone(),
            answers: normal.accounts[account].n,
            attempts: tries.of[account].len(),
            decode: decodes[account].clone(),
            failures: failures(tries, account, &failing),
        })
        .collect();
    let mean = |of: &dyn Fn(&AccountFit) -> f64| accounts.iter().map(of).sum::<f64>() / accounts.len().max(1) as f64;
    let unseen = AccountFit {
        mu: mean(&|account| account.mu),
        sigma: mean(&|account| account.sigma),
        // like most
        shape: (0..shapes.len())
            .max_by_key(|&account| shapes.iter().filter(|shape| **shape == shapes[account]).count())
            .map_or(Shape::Normal, |account| shapes[account].clone()),
        answers: 0,
        attempts: 0,
        decode: decodes.last().cloned().unwrap_or_default(),
        failures: Vec::new(),
    };
    Fit { accounts, unseen, normal, slow, failing }
}

/// What healthy accounts are like.
struct Healthy {
    normal: Normal,
    mus: Vec<f64>,
    sigmas: Vec<f64>,
    shapes: Vec<Shape>,
    /// How far percentiles put together from the parts are from those of the log, as a logarithm.
    off: f64,
}

/// Parts whose percentiles are no further off than this (6 %) do.
const CLOSE: f64 = 0.058;
/// Attempts from which percentiles are put together.
const SAMPLE: usize = 1_000;
/// The spread of times to first token (of their logarithms) where the log shows none.
const UNKNOWN_SD: f64 = 0.5;
/// As so many answers weighs that.
const BEFOREHAND: f64 = 10.0;

impl Healthy {
    /// With the effects of kind and size, unless percentiles come out wrong with them: residuals that are wider for
    /// some models or sizes cannot be put together again as if they were alike. Then with fewer effects.
    fn best(tries: &Tries, kinds: usize, counts: &dyn Fn(usize, usize) -> bool) -> Self {
        let mut best = Self::with(tries, kinds, Effects::KindAndSize, counts);
        for effects in [Effects::Kind, Effects::None] {
            if best.off < CLOSE {
                break;
            }
            let fewer = Self::with(tries, kinds, effects, counts);
            if fewer.off < best.off {
                best = fewer;
            }
        }
        best
    }

    fn with(tries: &Tries, kinds: usize, effects: Effects, counts: &dyn Fn(usize, usize) -> bool) -> Self {
        let normal = Normal::fit(tries, kinds, effects, counts);
        let known = normal.accounts.iter().filter(|centre| centre.n > 0).copied();
        let common = common_sd(known, UNKNOWN_SD);
        // few answers do not know how far answers spread either
        let answers: usize = normal.accounts.iter().map(|centre| centre.n).sum();
        let weight = answers as f64 / (answers as f64 + BEFOREHAND);
        let spread = (weight * common * common + (1.0 - weight) * UNKNOWN_SD * UNKNOWN_SD).sqrt();
        let mus = shrink(&normal.accounts.iter().map(|centre| (centre.mean, centre.error(spread))).collect::<Vec<_>>());
        let sigmas: Vec<(f64, f64)> = normal.accounts.iter().map(|centre| centre.ln_sd(common)).collect();
        let sigmas: Vec<f64> = shrink(&sigmas).into_iter().map(libm::exp).collect();
        let mut residuals = vec![Vec::new(); tries.of.len()];
        let mut rows = Vec::new();
        for (account, of) in tries.of.iter().enumerate() {
            for (_, each) in of.iter().enumerate().filter(|&(i, _)| counts(account, i)) {
                let Some(level) = normal.level(each) else { continue };
                residuals[account].push((level - mus[account]) / sigmas[account]);
                rows.push((account, normal.effect(each), level + normal.effect(each)));
            }
        }
        let shapes = of_accounts(&residuals, &sigmas);
        let put_together: Vec<f64> = rows
            .iter()
            .step_by(rows.len().div_ceil(SAMPLE).max(1))
            .flat_map(|&(account, effect, _)| {
                let (mu, sigma) = (mus[account], sigmas[account]);
                shapes[account].1.iter().map(move |z| mu + sigma * z + effect)
            })
            .collect();
        let put_together = sorted(&put_together);
        let logs = sorted(&rows.iter().map(|row| row.2).collect::<Vec<_>>());
        let off = [0.5, 0.9, 0.99]
            .into_iter()
            .filter_map(|p| Some((quantile(&put_together, p)? - quantile(&logs, p)?).abs()))
            .fold(0.0, f64::max);
        Self { normal, mus, sigmas, shapes: shapes.into_iter().map(|(shape, _)| shape).collect(), off }
    }
}

/// How long each account's answers take; one entry more than accounts: the common one.
fn decode(tries: &Tries, counts: &dyn Fn(usize, usize) -> bool) -> Vec<(Value, String)> {
    // whole milliseconds: 0 is up to half of one
    const LEAST_S: f64 = 0.0005;
    let mut times = vec![Vec::new(); tries.ids.len()];
    let mut speeds = vec![Vec::new(); tries.ids.len()];
    for (account, of) in tries.of.iter().enumerate() {
        for (_, each) in of.iter().enumerate().filter(|&(i, _)| counts(account, i)) {
            let Some(time) = each.decode_s.map(|time| time.max(LEAST_S)) else { continue };
            times[account].push(time);
            if let Some(tokens) = each.output_tokens.filter(|&tokens| tokens > 1 && time > 0.002) {
                speeds[account].push(libm::log(f64::from(tokens) / time));
            }
        }
    }
    let all: usize = times.iter().map(Vec::len).sum();
    if all == 0 {
        let default = json!({"tokens_per_second": {"lognormal": {"p50": 58.0, "p90": 90.0}}});
        return vec![(default, "not in the log: 58 tokens/s assumed".to_owned()); tries.ids.len() + 1];
    }
    let logs: Vec<Vec<f64>> = times.iter().map(|times| times.iter().map(|&time| libm::log(time)).collect()).collect();
    let spread = |samples: &[Vec<f64>]| {
        median(
            &samples
                .iter()
                .filter(|sample| sample.len() > 1)
                .filter_map(|sample| centre(sample))
                .map(|c| c.sd)
                .collect::<Vec<_>>(),
        )
    };
    let speeds_known: usize = speeds.iter().map(Vec::len).sum();
    if speeds_known * 2 > all && spread(&speeds) < 0.9 * spread(&logs) {
        return scaled(&speeds, |shape, mu, sigma| {
            let words = format!("{:.1} tokens/s, {}", libm::exp(mu), shape.words());
            (json!({"tokens_per_second": shape.number(mu, sigma)}), words)
        });
    }
    exponential(&times).unwrap_or_else(|| {
        scaled(&logs, |shape, mu, sigma| {
            let words = format!("median {:.0} ms, {}", libm::exp(mu) * 1e3, shape.words());
            (json!({"time": shape.time(mu, sigma)}), words)
        })
    })
}

/// If the times are exponential, that.
fn exponential(times: &[Vec<f64>]) -> Option<Vec<(Value, String)>> {
    let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
    let relative: Vec<f64> =
        times.iter().filter(|of| !of.is_empty()).flat_map(|of| of.iter().map(|time| time / mean(of))).collect();
    let distance = ks_distance(&relative, |x| -libm::expm1(-x));
    if relative.len() < 50 || (ks_p_value(distance, relative.len()) < 0.01 && distance > 0.02) {
        return None;
    }
    let estimates: Vec<(f64, f64)> =
        times
            .iter()
            .map(|of| {
                if of.is_empty() { (0.0, f64::INFINITY) } else { (libm::log(mean(of)), 1.0 / (of.len() as f64).sqrt()) }
            })
            .collect();
    let mut means: Vec<f64> = shrink(&estimates).into_iter().map(libm::exp).collect();
    means.push(means.iter().sum::<f64>() / means.len() as f64);
    let write = |mean: f64| {
        (json!({"time": {"exponential": {"mean": time(mean)}}}), format!("mean {:.0} ms, exponential", mean * 1e3))
    };
    Some(means.into_iter().map(write).collect())
}

fn scaled(samples: &[Vec<f64>], write: impl Fn(&Shape, f64, f64) -> (Value, String)) -> Vec<(Value, String)> {
    let centres: Vec<_> = samples.iter().map(|sample| centre(sample)).collect();
    let sd = common_sd(centres.iter().flatten().copied(), UNKNOWN_SD);
    let estimates: Vec<(f64, f64)> =
        centres.iter().map(|centre| centre.map_or((0.0, f64::INFINITY), |c| (c.mean, c.error(sd)))).collect();
    let mut mus = shrink(&estimates);
    let residuals: Vec<f64> =
        samples.iter().zip(&mus).flat_map(|(sample, mu)| sample.iter().map(move |value| (value - mu) / sd)).collect();
    let shape = Shape::of(&residuals);
    mus.push(mus.iter().sum::<f64>() / mus.len().max(1) as f64);
    mus.into_iter().map(|mu| write(&shape, mu, sd)).collect()
}

/// How an account fails outside of spans.
fn failures(tries: &Tries, account: usize, failing: &[Failing]) -> Vec<FailureFit> {
    let of = &tries.of[account];
    let in_span = |i: usize, fault: Fault| {
        failing
            .iter()
            .any(|span| span.account == account && span.fault == fault && span.range.0 <= i && i < span.range.1)
    };
    let mut faults: Vec<Fault> = of.iter().filter_map(|each| each.fault).collect();
    faults.sort_unstable();
    faults.dedup();
    faults
        .into_iter()
        .filter_map(|fault| {
            let count =
                of.iter().enumerate().filter(|&(i, each)| each.fault == Some(fault) && !in_span(i, fault)).count();
            let outside = (0..of.len()).filter(|&i| !in_span(i, fault)).count();
            let probability = round(count as f64 / outside.max(1) as f64);
            (count > 0).then(|| FailureFit { fault, probability, count, after_s: after(tries, fault) })
        })
        .collect()
}

/// How long a fault takes to show, in s: the median over all accounts.
pub fn after(tries: &Tries, fault: Fault) -> f64 {
    let took: Vec<f64> =
        tries.of.iter().flatten().filter(|each| each.fault == Some(fault)).map(|each| each.took_s).collect();
    median(&took)
}
