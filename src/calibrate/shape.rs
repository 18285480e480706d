//! Which family a sample belongs to: the simplest that cannot be distinguished from it, otherwise the sample itself.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};

use super::robust::{CUT, quantile, sorted};
use crate::experiment::stats::known::{ks_distance, ks_p_value};

/// How standardised residuals of logarithms are distributed.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Normal: the times are lognormal.
    Normal,
    /// Normal, but for a share of isolated slow ones.
    Spiked {
        /// Their share.
        share: f64,
        /// Their residuals.
        residuals: Vec<f64>,
    },
    /// As observed: quantiles at even steps from the least to the largest.
    Observed(Vec<f64>),
}

/// Below this probability a sample is not taken for one of a family.
const UNLIKELY: f64 = 0.01;
/// No time to first token is shorter than a scenario can write.
const LEAST_TIME_S: f64 = 1e-6;
/// Quantiles by which an observed distribution is written down.
const STEPS: usize = 400;

/// From so many answers on an account has a distribution of its own, if it is another one than the others have.
const OWN: usize = 200;
/// Spreads that differ by less than this factor are those of one family: standardised residuals of others are not put
/// together.
const ALIKE: f64 = 1.25;

/// The shapes of accounts, and the residuals that each stands for: its own where these are enough and unlike those of
/// the accounts with the same spread, otherwise what these have in common.
pub fn of_accounts(residuals: &[Vec<f64>], sigmas: &[f64]) -> Vec<(Shape, Rc<[f64]>)> {
    let alike = |a: usize, b: usize| (sigmas[a] / sigmas[b]).max(sigmas[b] / sigmas[a]) <= ALIKE;
    let pool = |account: usize, counts: &dyn Fn(usize) -> bool| -> Vec<f64> {
        let others = (0..residuals.len()).filter(|&other| counts(other) && alike(account, other));
        sorted(&others.flat_map(|other| residuals[other].iter().copied()).collect::<Vec<_>>())
    };
    let is_own: Vec<bool> = (0..residuals.len())
        .map(|account| {
            let own = &residuals[account];
            let others = pool(account, &|other| other != account);
            own.len() >= OWN && (others.len() < OWN || differ(own, &others))
        })
        .collect();
    // accounts that share an estimate of the spread share the shape, too
    let mut common: BTreeMap<u64, (Shape, Rc<[f64]>)> = BTreeMap::new();
    let written = |of: Vec<f64>| (Shape::of(&of), Rc::from(steps(&of, STEPS + 1)));
    (0..residuals.len())
        .map(|account| {
            if is_own[account] {
                return written(sorted(&residuals[account]));
            }
            let shared = || written(pool(account, &|other| !is_own[other]));
            common.entry(sigmas[account].to_bits()).or_insert_with(shared).clone()
        })
        .collect()
}

/// Whether two samples come from different distributions (Kolmogorov and Smirnov); the second is sorted.
fn differ(one: &[f64], other: &[f64]) -> bool {
    let distance = ks_distance(one, |z| other.partition_point(|&each| each <= z) as f64 / other.len().max(1) as f64);
    let n = one.len() * other.len() / (one.len() + other.len()).max(1);
    ks_p_value(distance, n) < UNLIKELY && distance > 0.03
}

impl Shape {
    /// Of standardised residuals.
    pub fn of(residuals: &[f64]) -> Self {
        let all = sorted(residuals);
        let n = all.len();
        if n < 20 {
            return Self::Normal;
        }
        if n < 50 {
            // too few to choose a family by
            return Self::Observed(all);
        }
        let body: Vec<f64> = all.iter().copied().filter(|z| z.abs() <= CUT).collect();
        let inside = 2.0 * normal_cdf(CUT) - 1.0;
        let distance = ks_distance(&body, |z| ((normal_cdf(z) - normal_cdf(-CUT)) / inside).clamp(0.0, 1.0));
        // with very many values every real sample differs from every family; what matters is by how much
        let normal = ks_p_value(distance, body.len()) > UNLIKELY || distance < 0.01;
        let slow: Vec<f64> = all.iter().copied().filter(|&z| z > CUT).collect();
        let expected = n as f64 * (1.0 - normal_cdf(CUT));
        let excess = slow.len() as f64 - expected;
        match (normal, excess > 3.0 * expected.sqrt() + 3.0) {
            (true, false) => Self::Normal,
            (true, true) => Self::Spiked { share: excess / n as f64, residuals: steps(&slow, 100) },
            (false, _) => Self::Observed(steps(&all, STEPS)),
        }
    }

    /// The distribution of exp(mu + sigma z) in seconds, as a scenario writes it.
    pub fn time(&self, mu: f64, sigma: f64) -> Value {
        self.scaled(mu, sigma, |seconds| time(seconds.max(LEAST_TIME_S)))
    }

    /// The distribution of exp(mu + sigma z), as a scenario writes numbers.
    pub fn number(&self, mu: f64, sigma: f64) -> Value {
        self.scaled(mu, sigma, |value| json!(round(value)))
    }

    fn scaled(&self, mu: f64, sigma: f64, write: impl Fn(f64) -> Value) -> Value {
        let values =
            |residuals: &[f64]| -> Vec<Value> { residuals.iter().map(|z| write(libm::exp(mu + sigma * z))).collect() };
        let lognormal = json!({"lognormal": {"p50": write(libm::exp(mu)), "sigma": round(sigma)}});
        match self {
            Self::Normal => lognormal,
            Self::Spiked { share, residuals } => json!({"mixture": [
                {"weight": round(1.0 - share), "of": lognormal},
                {"weight": round(*share), "of": {"empirical": {"values": values(residuals)}}},
            ]}),
            Self::Observed(residuals) => json!({"empirical": {"values": values(residuals)}}),
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Normal => "lognormal".to_owned(),
            Self::Spiked { share, .. } => format!("lognormal, {:.1} % isolated slow ones", share * 100.0),
            Self::Observed(_) => "as observed (no lognormal)".to_owned(),
        }
    }
}

/// Quantiles of a sorted sample at even steps, ends included.
pub fn steps(sorted: &[f64], most: usize) -> Vec<f64> {
    if sorted.len() <= most {
        return sorted.to_vec();
    }
    (0..most).filter_map(|i| quantile(sorted, i as f64 / (most - 1) as f64)).collect()
}

/// The standard normal distribution function.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// A length of time in s as a scenario writes it, to the microsecond.
pub fn time(seconds: f64) -> Value {
    let micros = (seconds.max(0.0) * 1e6).round() as u64;
    Value::from(if micros.is_multiple_of(1_000_000) {
        format!("{}s", micros / 1_000_000)
    } else if micros >= 10_000_000 {
        format!("{:.3}s", micros as f64 / 1e6)
    } else {
        format!("{:.3}ms", micros as f64 / 1e3)
    })
}

/// Six digits are more than any log can show.
pub fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Distribution, Luck};

    fn sample(n: u64, of: impl Fn(&mut crate::engine::Stream) -> f64) -> Vec<f64> {
        (0..n).map(|i| of(&mut Luck::new(3).stream(1, i, 0))).collect()
    }

    #[test]
    fn an_account_that_is_unlike_the_others_has_a_shape_of_its_own_if_it_has_answers_enough() {
        let unit = Distribution::lognormal(0.0, 1.0).unwrap();
        let normal = |stream: &mut crate::engine::Stream| libm::log(unit.sample(stream));
        let bimodal = |stream: &mut crate::engine::Stream| {
            let mode = if stream.chance(0.3) { 1.6 } else { -0.7 };
            mode + 0.3 * libm::log(unit.sample(stream))
        };
        let healthy = sample(1_500, normal);
        let parts: Vec<Vec<f64>> = healthy.chunks(500).map(<[f64]>::to_vec).collect();
        for (n, is_own) in [(100, false), (400, true)] {
            let mut residuals = parts.clone();
            residuals.push(sample(n, bimodal));
            let shapes = of_accounts(&residuals, &[1.0; 4]);
            assert_eq!(matches!(shapes[3].0, Shape::Observed(_)), is_own, "{n} answers");
            if is_own {
                assert!(shapes[..3].iter().all(|shape| shape.0 == Shape::Normal), "{:?}", shapes[0].0);
                let median = quantile(&shapes[3].1, 0.5).unwrap();
                assert!((median + 0.5).abs() < 0.15, "{median}");
            }
        }
        // another spread is another family
        let shapes = of_accounts(&[parts[0].clone(), sample(400, bimodal)], &[1.0, 2.0]);
        assert!(shapes[0].0 == Shape::Normal && matches!(shapes[1].0, Shape::Observed(_)));
    }

    #[test]
    fn families_are_told_apart() {
        let unit = Distribution::lognormal(0.0, 1.0).unwrap();
        let normal = |stream: &mut crate::engine::Stream| libm::log(unit.sample(stream));
        assert_eq!(Shape::of(&sample(3_000, normal)), Shape::Normal);
        let spiked = |stream: &mut crate::engine::Stream| if stream.chance(0.02) { 4.5 } else { normal(stream) };
        match Shape::of(&sample(3_000, spiked)) {
            Shape::Spiked { share, .. } => assert!((share - 0.02).abs() < 0.008, "{share}"),
            other => panic!("{other:?}"),
        }
        let exponential = Distribution::exponential(1.0).unwrap();
        let log = |stream: &mut crate::engine::Stream| libm::log(exponential.sample(stream)) / 1.28 + 0.45;
        assert!(matches!(Shape::of(&sample(3_000, log)), Shape::Observed(_)));
    }
}
