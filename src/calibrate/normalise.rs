//! What a time to first token owes to its account, to model and effort, and to the size of its input: only what is left
//! over can show that an account was slow. ln (TTFT - reading) = account + kind + exponent * ln(input /
//! median input) + residual.

use super::robust::{Centre, centre, median};
use super::tries::{Tries, Try};

/// The parts of a time to first token.
#[derive(Clone, Debug, PartialEq)]
pub struct Normal {
    /// Of each account: ln of the median TTFT in s at the median input, for the slowest kind, with its spread.
    pub accounts: Vec<Centre>,
    /// Of each kind (model and effort): ln of its factor on the TTFT, at most 0: the slowest kind is the reference.
    pub kinds: Vec<f64>,
    /// How the TTFT grows with the input; 0: not that it shows.
    pub exponent: f64,
    /// The median input in tokens, at least 1.
    pub median_input: f64,
}

/// Which effects are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effects {
    /// Of model, effort and size.
    KindAndSize,
    /// Of model and effort.
    Kind,
    /// None.
    None,
}

/// A size effect below this is none worth having.
const LEAST_EXPONENT: f64 = 0.02;
/// A kind whose TTFT differs by less than this share is like the others.
const LEAST_KIND: f64 = 0.05;
/// Kinds with fewer requests are taken to be like the others.
const LEAST_REQUESTS: usize = 30;

impl Normal {
    /// What is left of an attempt's TTFT without reading and the effects of kind and size: ln s.
    pub fn level(&self, each: &Try) -> Option<f64> {
        let ttft = each.ttft_s? - each.prefill_s;
        (ttft > 0.0).then(|| libm::log(ttft) - self.effect(each))
    }

    /// ln of what kind and size make of an attempt's TTFT.
    pub fn effect(&self, each: &Try) -> f64 {
        let size = if self.exponent == 0.0 { 0.0 } else { self.exponent * self.size(each) };
        self.kinds.get(each.kind as usize).copied().unwrap_or(0.0) + size
    }

    fn size(&self, each: &Try) -> f64 {
        libm::log(each.input_tokens.map_or(self.median_input, |tokens| f64::from(tokens.max(1))) / self.median_input)
    }

    /// Fits the parts on those attempts for which `counts` says so (account, place among its attempts).
    pub fn fit(tries: &Tries, kinds: usize, effects: Effects, counts: impl Fn(usize, usize) -> bool) -> Self {
        let chosen: Vec<(usize, &Try)> = tries
            .of
            .iter()
            .enumerate()
            .flat_map(|(account, of)| of.iter().enumerate().map(move |(i, each)| (account, i, each)))
            .filter(|&(account, i, each)| each.ttft_s.is_some() && counts(account, i))
            .map(|(account, _, each)| (account, each))
            .collect();
        let inputs: Vec<f64> =
            chosen.iter().filter_map(|(_, each)| each.input_tokens).map(|tokens| f64::from(tokens.max(1))).collect();
        let mut normal = Self {
            accounts: vec![Centre { mean: 0.0, sd: 0.5, n: 0 }; tries.ids.len()],
            kinds: vec![0.0; kinds],
            exponent: 0.0,
            median_input: median(&inputs).max(1.0),
        };
        for _ in 0..8 {
            normal.fit_accounts(tries.ids.len(), &chosen);
            if effects != Effects::None {
                normal.fit_kinds(&chosen);
            }
            if effects == Effects::KindAndSize {
                normal.fit_exponent(&chosen);
            }
        }
        normal.slowest_kind_is_reference(&chosen);
        normal.fit_accounts(tries.ids.len(), &chosen);
        normal
    }

    fn fit_accounts(&mut self, count: usize, chosen: &[(usize, &Try)]) {
        let mut levels = vec![Vec::new(); count];
        for (account, each) in chosen {
            levels[*account].extend(self.level(each));
        }
        for (account, levels) in levels.iter().enumerate() {
            if let Some(centre) = centre(levels) {
                self.accounts[account] = centre;
            }
        }
    }

    fn residual(&self, account: usize, each: &Try) -> Option<f64> {
        Some(self.level(each)? - self.accounts[account].mean)
    }

    fn fit_kinds(&mut self, chosen: &[(usize, &Try)]) {
        if self.kinds.len() < 2 {
            return;
        }
        let mut residuals = vec![Vec::new(); self.kinds.len()];
        for (account, each) in chosen {
            if let Some(residual) = self.residual(*account, each) {
                residuals[each.kind as usize].push(residual);
            }
        }
        for (kind, residuals) in residuals.iter().enumerate() {
            if residuals.len() >= LEAST_REQUESTS
                && let Some(centre) = centre(residuals)
            {
                self.kinds[kind] += centre.mean;
            }
        }
    }

    /// Least squares on what is no outlier.
    fn fit_exponent(&mut self, chosen: &[(usize, &Try)]) {
        let points = || {
            chosen.iter().filter(|(_, each)| each.input_tokens.is_some()).filter_map(|(account, each)| {
                let residual = self.residual(*account, each)?;
                let usual = residual.abs() <= 3.0 * self.accounts[*account].sd;
                usual.then(|| (*account, self.size(each), residual))
            })
        };
        // within accounts, so that an account with large inputs is not taken for a size effect
        let mut means = vec![(0.0, 0.0, 0.0_f64); self.accounts.len()];
        for (account, size, residual) in points() {
            let mean = &mut means[account];
            *mean = (mean.0 + size, mean.1 + residual, mean.2 + 1.0);
        }
        let (mut xx, mut xy, mut yy, mut n) = (0.0, 0.0, 0.0, 0.0);
        for (account, size, residual) in points() {
            let (sizes, residuals, count) = means[account];
            let (x, y) = (size - sizes / count, residual - residuals / count);
            xx += x * x;
            xy += x * y;
            yy += y * y;
            n += 1.0;
        }
        if n < 50.0 || xx / n < 0.01 {
            self.exponent = 0.0;
            return;
        }
        let slope = xy / xx;
        let error = ((yy - slope * xy).max(0.0) / (n - 2.0) / xx).sqrt();
        let exponent = (self.exponent + slope).clamp(0.0, 3.0);
        self.exponent = if exponent > LEAST_EXPONENT && exponent > 4.0 * error { exponent } else { 0.0 };
    }

    fn slowest_kind_is_reference(&mut self, chosen: &[(usize, &Try)]) {
        let mut counts = vec![0_usize; self.kinds.len()];
        for (_, each) in chosen {
            counts[each.kind as usize] += 1;
        }
        let spread = median(&self.accounts.iter().filter(|c| c.n > 0).map(|c| c.sd).collect::<Vec<_>>());
        let known: Vec<usize> = (0..counts.len()).filter(|&kind| counts[kind] >= LEAST_REQUESTS).collect();
        let total: f64 = known.iter().map(|&kind| counts[kind] as f64).sum();
        let mean = known.iter().map(|&kind| self.kinds[kind] * counts[kind] as f64).sum::<f64>() / total.max(1.0);
        let differs = |kind: usize| {
            let off = (self.kinds[kind] - mean).abs();
            off > LEAST_KIND && off > 3.0 * spread / (counts[kind] as f64).sqrt()
        };
        if !known.iter().any(|&kind| differs(kind)) {
            self.kinds.fill(0.0);
            return;
        }
        for (effect, _) in self.kinds.iter_mut().zip(&counts).filter(|(_, count)| **count < LEAST_REQUESTS) {
            *effect = mean;
        }
        let slowest = self.kinds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for kind in &mut self.kinds {
            *kind -= slowest;
        }
    }
}
