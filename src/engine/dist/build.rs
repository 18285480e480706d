//! The constructors of distributions, and the error for parameters that they refuse.

use super::{Component, Distribution, Shape};

/// The standard normal's 90th percentile.
const Z90: f64 = 1.281_551_565_544_600_4;

/// What a parameter of a distribution should have been.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{distribution}: {parameter} must be {expected}, not {got}")]
pub struct BadParameter {
    /// The distribution.
    pub distribution: &'static str,
    /// The parameter.
    pub parameter: &'static str,
    /// What it may be.
    pub expected: &'static str,
    /// What it was.
    pub got: f64,
}

fn require(
    ok: bool,
    distribution: &'static str,
    parameter: &'static str,
    expected: &'static str,
    got: f64,
) -> Result<(), BadParameter> {
    if ok { Ok(()) } else { Err(BadParameter { distribution, parameter, expected, got }) }
}

fn positive(distribution: &'static str, parameter: &'static str, got: f64) -> Result<(), BadParameter> {
    require(got > 0.0 && got.is_finite(), distribution, parameter, "finite and above 0", got)
}

fn not_negative(distribution: &'static str, parameter: &'static str, got: f64) -> Result<(), BadParameter> {
    require(got >= 0.0 && got.is_finite(), distribution, parameter, "finite and at least 0", got)
}

/// The constructors. Their parameters are in the unit of the draws, unless they are shapes, shares or logarithms.
impl Distribution {
    /// Always `value`.
    ///
    /// # Errors
    /// When `value` is not finite.
    pub fn constant(value: f64) -> Result<Self, BadParameter> {
        require(value.is_finite(), "constant", "value", "finite", value)?;
        Ok(Self(Shape::Constant(value)))
    }

    /// Uniform on `low..high`; `low == high` is a constant.
    ///
    /// # Errors
    /// When an end is not finite, or `high` is below `low`.
    pub fn uniform(low: f64, high: f64) -> Result<Self, BadParameter> {
        require(low.is_finite(), "uniform", "low", "finite", low)?;
        require(high >= low && high.is_finite(), "uniform", "high", "finite and at least low", high)?;
        Ok(Self(Shape::Uniform { low, high }))
    }

    /// Exponential with this mean.
    ///
    /// # Errors
    /// When `mean` is not finite or not above 0.
    pub fn exponential(mean: f64) -> Result<Self, BadParameter> {
        positive("exponential", "mean", mean)?;
        Ok(Self(Shape::Exponential { mean }))
    }

    /// exp(N(mu, sigma^2)).
    ///
    /// # Errors
    /// When `mu` is outside -700..=700, or `sigma` outside 0..=20.
    pub fn lognormal(mu: f64, sigma: f64) -> Result<Self, BadParameter> {
        require(mu.abs() <= 700.0, "lognormal", "mu", "between -700 and 700", mu)?;
        Self::lognormal_median_sigma(libm::exp(mu), sigma)
    }

    /// Lognormal with this median; `sigma` is the standard deviation of the logarithm.
    ///
    /// # Errors
    /// When `median` is not finite or not above 0, or `sigma` is outside 0..=20.
    pub fn lognormal_median_sigma(median: f64, sigma: f64) -> Result<Self, BadParameter> {
        positive("lognormal", "median", median)?;
        require((0.0..=20.0).contains(&sigma), "lognormal", "sigma", "between 0 and 20", sigma)?;
        Ok(Self(Shape::Lognormal { median, sigma }))
    }

    /// Lognormal with these 50th and 90th percentiles.
    ///
    /// # Errors
    /// When `p50` is not finite or not above 0, `p90` is below it, or the two give a sigma above 20.
    pub fn lognormal_p50_p90(p50: f64, p90: f64) -> Result<Self, BadParameter> {
        positive("lognormal", "p50", p50)?;
        require(p90 >= p50 && p90.is_finite(), "lognormal", "p90", "finite and at least p50", p90)?;
        Self::lognormal_median_sigma(p50, libm::log(p90 / p50) / Z90)
    }

    /// Gamma with this mean and coefficient of variation (standard deviation over mean); cv 0 is a constant.
    ///
    /// # Errors
    /// When `mean` is not finite or not above 0, or `cv` is outside 0..=100.
    pub fn gamma_mean_cv(mean: f64, cv: f64) -> Result<Self, BadParameter> {
        positive("gamma", "mean", mean)?;
        require((0.0..=100.0).contains(&cv), "gamma", "cv", "between 0 and 100", cv)?;
        if cv < 1e-6 {
            return Self::constant(mean);
        }
        Ok(Self(Shape::Gamma { shape: 1.0 / (cv * cv), scale: mean * cv * cv }))
    }

    /// Weibull: scale * (-ln U)^(1 / shape).
    ///
    /// # Errors
    /// When `shape` is outside 0.01..=1,000,000, or `scale` is not finite or not above 0.
    pub fn weibull(shape: f64, scale: f64) -> Result<Self, BadParameter> {
        require((0.01..=1e6).contains(&shape), "weibull", "shape", "between 0.01 and 1000000", shape)?;
        positive("weibull", "scale", scale)?;
        Ok(Self(Shape::Weibull { shape, scale }))
    }

    /// Geometric on 1, 2, 3...: the number of trials to the first success, with this mean (at least 1).
    ///
    /// # Errors
    /// When `mean` is not finite or below 1.
    pub fn geometric(mean: f64) -> Result<Self, BadParameter> {
        require(mean >= 1.0 && mean.is_finite(), "geometric", "mean", "finite and at least 1", mean)?;
        Ok(Self(Shape::Geometric { mean, log_failure: libm::log1p(-1.0 / mean) }))
    }

    /// The quantile function of a sample with linear interpolation between neighbours (the smallest value is the
    /// quantile of 0, the largest that of 1; Hyndman and Fan's type 7). In any order; one value is a constant.
    ///
    /// # Errors
    /// When the sample is empty or has a value that is not finite.
    pub fn empirical(sample: Vec<f64>) -> Result<Self, BadParameter> {
        Self::of_sample(sample, true)
    }

    /// One of the sample's values, all equally likely; for quantities that must stay whole numbers or that have steps.
    ///
    /// # Errors
    /// When the sample is empty or has a value that is not finite.
    pub fn empirical_steps(sample: Vec<f64>) -> Result<Self, BadParameter> {
        Self::of_sample(sample, false)
    }

    fn of_sample(mut sample: Vec<f64>, interpolate: bool) -> Result<Self, BadParameter> {
        require(!sample.is_empty(), "empirical", "number of values", "at least 1", 0.0)?;
        if let Some(&bad) = sample.iter().find(|value| !value.is_finite()) {
            require(false, "empirical", "every value", "finite", bad)?;
        }
        sample.sort_by(f64::total_cmp);
        Ok(Self(Shape::Empirical { sorted: sample.into(), interpolate }))
    }

    /// One of several distributions, by weight; weights need not sum to 1.
    ///
    /// # Errors
    /// When a weight is negative or not finite, or all weights are 0.
    pub fn mixture(parts: Vec<(f64, Self)>) -> Result<Self, BadParameter> {
        for &(weight, _) in &parts {
            not_negative("mixture", "weight", weight)?;
        }
        let total: f64 = parts.iter().map(|&(weight, _)| weight).sum();
        positive("mixture", "sum of weights", total)?;
        let mut from = 0.0;
        let mut components = Vec::with_capacity(parts.len());
        for (weight, distribution) in parts.into_iter().filter(|&(weight, _)| weight > 0.0) {
            let share = weight / total;
            components.push(Component { from, share, distribution });
            from += share;
        }
        Ok(Self(Shape::Mixture(components.into())))
    }

    /// This distribution with values outside `low..=high` moved to the nearer end (they are not drawn again). The ends
    /// may be infinite.
    ///
    /// # Errors
    /// When `high` is below `low`, or an end is not a number.
    pub fn clamped(self, low: f64, high: f64) -> Result<Self, BadParameter> {
        require(low < f64::INFINITY, "clamped", "low", "a number", low)?;
        require(high >= low && high > f64::NEG_INFINITY, "clamped", "high", "at least low", high)?;
        Ok(Self(Shape::Clamped { inner: Box::new(self), low, high }))
    }

    /// This distribution plus a constant.
    ///
    /// # Errors
    /// When `by` is not finite.
    pub fn shifted(self, by: f64) -> Result<Self, BadParameter> {
        require(by.is_finite(), "shifted", "by", "finite", by)?;
        Ok(Self(Shape::Shifted { inner: Box::new(self), by }))
    }
}
