//! A value, or a mean over replications with its interval.

use serde_json::{Number, Value, json};

use crate::experiment::stats::Interval;
use crate::measure::figures::{Unit, no_token};

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
            Self::Several(interval) => {
                let end = |end: Option<f64>| end.map_or(Value::Null, |end| number(end, Unit::Plain));
                let mut object = json!({
                    "mean": number(interval.mean, Unit::Plain),
                    "lo": end(interval.lo),
                    "hi": end(interval.hi),
                });
                for (name, count) in [("missing", interval.missing), ("no_token", interval.no_token)] {
                    if count > 0 {
                        object[name] = count.into();
                    }
                }
                object
            }
        }
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
