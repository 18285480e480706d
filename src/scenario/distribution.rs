//! Distributions as a scenario writes them, of lengths of time or of plain numbers: `{lognormal: {p50: 1.3s, p90:
//! 3s}}`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Checker};
use super::duration::Duration;
use super::error::ErrorKind;

/// The largest number that makes sense anywhere.
const LARGEST: f64 = 1e12;

/// What a distribution can be of.
pub trait Quantity: Copy + std::fmt::Debug + PartialEq {
    /// As a plain number: seconds, or the number itself.
    fn number(self) -> f64;
    /// Whether geometric draws (1, 2, 3...) make sense.
    const COUNTS: bool;
}

/// The limits of what a distribution can be of.
pub(super) trait Limited: Quantity {
    /// Notes a value that is negative or absurdly large.
    fn check(self, c: &mut Checker, key: &str);
    /// Notes a value that is not above 0, or absurdly large.
    fn check_above_zero(self, c: &mut Checker, key: &str);
}

impl Quantity for Duration {
    fn number(self) -> f64 {
        self.0.secs()
    }
    const COUNTS: bool = false;
}

impl Limited for Duration {
    fn check(self, c: &mut Checker, key: &str) {
        c.time(key, self);
    }
    fn check_above_zero(self, c: &mut Checker, key: &str) {
        c.some_time(key, self);
    }
}

impl Quantity for f64 {
    fn number(self) -> f64 {
        self
    }
    const COUNTS: bool = true;
}

impl Limited for f64 {
    fn check(self, c: &mut Checker, key: &str) {
        c.number(key, self, 0.0, LARGEST);
    }
    fn check_above_zero(self, c: &mut Checker, key: &str) {
        c.above_zero(key, self, LARGEST);
    }
}

/// A distribution: a map with exactly one of these keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(rename = "DistributionOf_{T}")]
pub enum Distribution<T> {
    /// Always this value.
    Constant(T),
    /// Uniform from `low` to `high`.
    Uniform {
        /// The least value.
        low: T,
        /// The largest value.
        high: T,
    },
    /// Exponential.
    Exponential {
        /// The mean, above 0.
        mean: T,
    },
    /// Lognormal, by `p50` and `p90`, by `p50` and `sigma`, or by `mu` and `sigma`.
    Lognormal(Lognormal<T>),
    /// Gamma; cv 1 is exponential, less is more regular.
    Gamma {
        /// The mean, above 0.
        mean: T,
        /// Standard deviation over mean, 0 to 100.
        cv: f64,
    },
    /// Weibull.
    Weibull {
        /// Shape, 0.01 to 1000; 1 is exponential, less has a heavier tail.
        shape: f64,
        /// Scale, above 0.
        scale: T,
    },
    /// Number of trials to the first success: 1, 2, 3... (of numbers only).
    Geometric {
        /// The mean, at least 1.
        mean: f64,
    },
    /// A sample.
    Empirical(Empirical<T>),
    /// One of several distributions, by weight.
    Mixture(Vec<Part<T>>),
    /// Another distribution, with what lies outside moved to the nearer end.
    Clamped(Clamped<T>),
    /// Times to first token as they were measured (of times only).
    Preset(TtftPreset),
}

/// Times to first token of healthy accounts, as measured. docs/reference/baselines.md says where they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TtftPreset {
    /// 4,153 answers to Claude Code sessions (WEKA corpus): p50 2.5 s, p99 19.6 s, 1.7 % over 15 s. Brings
    /// `persistence: {correlation: 0.22, lone_share: 0.017}` along.
    ClaudeCode,
    /// Lognormal through what Codex users measured: p50 2.7 s, p90 19 s, so 13 % over 15 s.
    Codex,
    /// Lognormal, p50 1.3 s, p90 3 s: far below any threshold, so it flatters escape. For arithmetic by hand.
    Light,
}

/// A lognormal distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LognormalOf_{T}")]
pub struct Lognormal<T> {
    /// Median, above 0.
    #[serde(default = "none::<T>", skip_serializing_if = "Option::is_none")]
    pub p50: Option<T>,
    /// 90th percentile, at least `p50`.
    #[serde(default = "none::<T>", skip_serializing_if = "Option::is_none")]
    pub p90: Option<T>,
    /// Mean of the natural logarithm (of seconds, for lengths of time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mu: Option<f64>,
    /// Standard deviation of the natural logarithm, 0 to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
}

/// A sample: exactly one of `values` and `file`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EmpiricalOf_{T}")]
pub struct Empirical<T> {
    /// The values themselves.
    #[serde(default = "no_items::<T>", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<T>,
    /// A CSV file with one column of numbers (seconds, for lengths of time), a heading if any is passed over. Relative
    /// to the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Whether to interpolate between neighbours.
    #[serde(default = "yes")]
    pub interpolate: bool,
}

/// A part of a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PartOf_{T}")]
pub struct Part<T> {
    /// Its weight; weights need not sum to 1.
    pub weight: f64,
    /// Its distribution.
    pub of: Distribution<T>,
}

/// A distribution with limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClampedOf_{T}")]
pub struct Clamped<T> {
    /// The least value.
    #[serde(default = "none::<T>", skip_serializing_if = "Option::is_none")]
    pub low: Option<T>,
    /// The largest value.
    #[serde(default = "none::<T>", skip_serializing_if = "Option::is_none")]
    pub high: Option<T>,
    /// The distribution.
    pub of: Box<Distribution<T>>,
}

// serde's bare `default` would ask for `T: Default`.
fn none<T>() -> Option<T> {
    None
}

fn no_items<T>() -> Vec<T> {
    Vec::new()
}

const fn yes() -> bool {
    true
}

impl<T> Distribution<T> {
    /// Lognormal by median and 90th percentile.
    pub fn lognormal(p50: T, p90: T) -> Self {
        Self::Lognormal(Lognormal { p50: Some(p50), p90: Some(p90), mu: None, sigma: None })
    }

    /// Lognormal by mean and standard deviation of the logarithm.
    pub fn lognormal_mu(mu: f64, sigma: f64) -> Self {
        Self::Lognormal(Lognormal { p50: None, p90: None, mu: Some(mu), sigma: Some(sigma) })
    }
}

impl<T: Limited> Check for Distribution<T> {
    fn check(&self, c: &mut Checker) {
        match self {
            Self::Constant(constant) => constant.check(c, "constant"),
            Self::Uniform { low, high } => c.within("uniform", |c| {
                low.check(c, "low");
                high.check(c, "high");
                if high.number() < low.number() {
                    c.fault("high", ErrorKind::OutOfRange, "`high` must be at least `low`", None);
                }
            }),
            Self::Exponential { mean } => c.within("exponential", |c| mean.check_above_zero(c, "mean")),
            Self::Lognormal(lognormal) => c.key("lognormal", lognormal),
            Self::Gamma { mean, cv } => c.within("gamma", |c| {
                mean.check_above_zero(c, "mean");
                c.number("cv", *cv, 0.0, 100.0);
            }),
            Self::Weibull { shape, scale } => c.within("weibull", |c| {
                c.number("shape", *shape, 0.01, 1_000.0);
                scale.check_above_zero(c, "scale");
            }),
            Self::Geometric { .. } if !T::COUNTS => c.fault(
                "geometric",
                ErrorKind::WrongType,
                "`geometric` counts things; it is no distribution of time",
                Some("use exponential or gamma"),
            ),
            Self::Preset(_) if T::COUNTS => c.fault(
                "preset",
                ErrorKind::WrongType,
                "`preset` names times to first token; it is no distribution of numbers",
                None,
            ),
            Self::Preset(_) => {}
            Self::Geometric { mean } => c.within("geometric", |c| c.number("mean", *mean, 1.0, LARGEST)),
            Self::Empirical(empirical) => c.within("empirical", |c| {
                if empirical.values.is_empty() == empirical.file.is_none() {
                    c.fault("", ErrorKind::Conflict, "`empirical` needs exactly one of `values` and `file`", None);
                }
                c.at_most("values", empirical.values.len(), 1_000_000);
                c.each("values", &empirical.values, |c, item| item.check(c, ""));
            }),
            Self::Mixture(parts) => {
                let total: f64 = parts.iter().map(|part| part.weight).sum();
                if parts.is_empty() || total <= 0.0 {
                    c.fault("mixture", ErrorKind::OutOfRange, "`mixture` needs a part with a weight above 0", None);
                }
                c.each("mixture", parts, |c, part| {
                    c.number("weight", part.weight, 0.0, 1e12);
                    c.key("of", &part.of);
                });
            }
            Self::Clamped(clamped) => c.key("clamped", clamped),
        }
    }
}

impl<T: Limited> Check for Clamped<T> {
    fn check(&self, c: &mut Checker) {
        for (key, value) in [("low", self.low), ("high", self.high)] {
            if let Some(value) = value {
                value.check(c, key);
            }
        }
        if let (Some(low), Some(high)) = (self.low, self.high)
            && high.number() < low.number()
        {
            c.fault("high", ErrorKind::OutOfRange, "`high` must be at least `low`", None);
        }
        c.key("of", &*self.of);
    }
}

impl<T: Limited> Check for Lognormal<T> {
    fn check(&self, c: &mut Checker) {
        match (self.p50, self.p90, self.mu, self.sigma) {
            (Some(p50), Some(p90), None, None) => {
                p50.check_above_zero(c, "p50");
                p90.check_above_zero(c, "p90");
                if p90.number() < p50.number() {
                    c.fault("p90", ErrorKind::OutOfRange, "`p90` must be at least `p50`", None);
                }
            }
            (Some(p50), None, None, Some(sigma)) => {
                p50.check_above_zero(c, "p50");
                c.number("sigma", sigma, 0.0, 20.0);
            }
            (None, None, Some(mu), Some(sigma)) => {
                c.number("mu", mu, -30.0, 30.0);
                c.number("sigma", sigma, 0.0, 20.0);
            }
            _ => c.fault(
                "",
                ErrorKind::Conflict,
                "`lognormal` needs `p50` and `p90`, or `p50` and `sigma`, or `mu` and `sigma`",
                None,
            ),
        }
    }
}
