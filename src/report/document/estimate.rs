//! A value, or a mean over replications with its interval.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

use crate::experiment::stats::Interval;
use crate::measure::figures::{Unit, no_token};
use crate::report::bad_document::BadDocument;
use crate::report::form::is_zero;

/// What is known of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Estimate {
    /// One replication: its value.
    Single(f64),
    /// Several: mean and 95 % interval over those that have the figure.
    Several(Interval),
}

impl Estimate {
    /// The value, or the mean.
    pub const fn mean(self) -> f64 {
        match self {
            Self::Single(value) => value,
            Self::Several(interval) => interval.mean,
        }
    }

    /// Half the width of the interval, if there is one.
    pub fn half_width(self) -> Option<f64> {
        match self {
            Self::Single(_) => None,
            Self::Several(interval) => interval.half_width(),
        }
    }

    /// As it stands in the JSON document: a number, or an object with `mean`, `lo` and `hi` (and `missing`, where some
    /// replications do not have the figure; and `no_token`, where in some it falls among requests without a first
    /// token).
    pub fn to_json(self, unit: Unit) -> Value {
        match self {
            Self::Single(value) => number(value, unit),
            Self::Several(Interval { mean, lo, hi, missing, no_token, .. }) => {
                let shown = |value: Option<f64>| value.and_then(no_token::shown);
                json!(Mean { mean: shown(Some(mean)), lo: shown(lo), hi: shown(hi), missing, no_token })
            }
        }
    }

    /// Reads back what [`Self::to_json`] made; `None` for null.
    pub(super) fn from_json(value: &Value, replications: usize) -> Result<Option<Self>, BadDocument> {
        match value {
            Value::Null => Ok(None),
            Value::Number(number) => Ok(number.as_f64().map(Self::Single)),
            value => Ok(Some(Self::Several(Mean::deserialize(value)?.interval(replications)?))),
        }
    }
}

/// A mean over replications as the document has it.
#[derive(Serialize, Deserialize)]
struct Mean {
    mean: Option<f64>,
    lo: Option<f64>,
    hi: Option<f64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    missing: usize,
    #[serde(default, skip_serializing_if = "is_zero")]
    no_token: usize,
}

impl Mean {
    fn interval(self, replications: usize) -> Result<Interval, BadDocument> {
        let Self { mean, lo, hi, missing, no_token } = self;
        if mean.is_none() && no_token == 0 {
            return Err(BadDocument("one of its means is null".to_owned()));
        }
        let n = replications.saturating_sub(missing);
        let hi = hi.or_else(|| lo.filter(|_| no_token > 0).map(|_| no_token::score(0.0)));
        let mean = mean.unwrap_or_else(|| no_token::score(0.0));
        Ok(Interval { mean, lo, hi, n, missing, no_token })
    }
}

/// A JSON number: whole where the unit counts things; null where a percentile falls among requests without a token.
pub(super) fn number(value: f64, unit: Unit) -> Value {
    /// Up to here every whole number has its own float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match unit {
        _ if no_token::is_score(value) => Value::Null,
        Unit::Count | Unit::Tokens if value.fract() == 0.0 && (0.0..=EXACT).contains(&value) => {
            Value::from(value as u64)
        }
        Unit::Count
        | Unit::Tokens
        | Unit::Ms
        | Unit::Seconds
        | Unit::Ratio
        | Unit::PerSecond
        | Unit::Money
        | Unit::Plain => Number::from_f64(value).map_or(Value::Null, Value::Number),
    }
}
