//! A value with what is known of it.

/// A mean with its confidence interval; without one the ends are NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// Nothing is known.
    pub const MISSING: Self = Self { value: f64::NAN, low: f64::NAN, high: f64::NAN };

    /// A value without an interval.
    pub const fn bare(value: f64) -> Self {
        Self { value, low: f64::NAN, high: f64::NAN }
    }

    /// In another unit.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { value: self.value * factor, low: self.low * factor, high: self.high * factor }
    }
}
