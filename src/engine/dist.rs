//! Distributions of one number, drawn by our own transforms over `libm`: the same bits on every machine and for ever.
//!
//! **One draw takes exactly one word from its stream**, whatever the distribution. So replacing a constant by a
//! lognormal (or widening it) does not reshuffle what is drawn from that stream afterwards, and with inverse transforms
//! the same luck stays good luck: two settings of one knob are compared on the same quantiles (common random numbers).
//! A mixture chooses its component by the word and gives the rest of it to the component. Only gamma is no inverse
//! transform (that costs microseconds): it runs Marsaglia and Tsang's exact rejection (ACM TOMS 26, 2000) on a private
//! generator seeded by the word.

use std::cmp::Ordering;

use super::luck::Stream;
use super::quantile::{bisect, gamma_cdf, normal_cdf, normal_quantile};

#[cfg(test)]
mod tests;

/// The standard normal's 90th percentile.
const Z90: f64 = 1.281_551_565_544_600_4;

/// A distribution of a finite real number, valid by construction.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution(Shape);

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

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Constant(f64),
    Uniform {
        low: f64,
        high: f64,
    },
    Exponential {
        mean: f64,
    },
    Lognormal {
        median: f64,
        sigma: f64,
    },
    Gamma {
        shape: f64,
        scale: f64,
    },
    Weibull {
        shape: f64,
        scale: f64,
    },
    /// Number of trials to the first success; `log_failure` = ln(1 - 1/mean), minus infinity for mean 1.
    Geometric {
        mean: f64,
        log_failure: f64,
    },
    /// A sorted sample.
    Empirical {
        sorted: Box<[f64]>,
        interpolate: bool,
    },
    Mixture(Box<[Component]>),
    Clamped {
        inner: Box<Distribution>,
        low: f64,
        high: f64,
    },
}

#[derive(Clone, Debug, PartialEq)]
struct Component {
    /// Share of the words that lie before this component.
    from: f64,
    share: f64,
    distribution: Distribution,
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

/// Constructors. All fail with [`BadParameter`] on parameters that are out of range or not finite.
impl Distribution {
    /// Always `value`.
    pub fn constant(value: f64) -> Result<Self, BadParameter> {
        require(value.is_finite(), "constant", "value", "finite", value)?;
        Ok(Self(Shape::Constant(value)))
    }

    /// Uniform on `low..high`; `low == high` is a constant.
    pub fn uniform(low: f64, high: f64) -> Result<Self, BadParameter> {
        require(low.is_finite(), "uniform", "low", "finite", low)?;
        require(high >= low && high.is_finite(), "uniform", "high", "finite and at least low", high)?;
        Ok(Self(Shape::Uniform { low, high }))
    }

    /// Exponential with this mean.
    pub fn exponential(mean: f64) -> Result<Self, BadParameter> {
        positive("exponential", "mean", mean)?;
        Ok(Self(Shape::Exponential { mean }))
    }

    /// exp(N(mu, sigma^2)).
    pub fn lognormal(mu: f64, sigma: f64) -> Result<Self, BadParameter> {
        require(mu.abs() <= 700.0, "lognormal", "mu", "between -700 and 700", mu)?;
        Self::lognormal_median_sigma(libm::exp(mu), sigma)
    }

    /// Lognormal with this median; `sigma` is the standard deviation of the logarithm.
    pub fn lognormal_median_sigma(median: f64, sigma: f64) -> Result<Self, BadParameter> {
        positive("lognormal", "median", median)?;
        require((0.0..=20.0).contains(&sigma), "lognormal", "sigma", "between 0 and 20", sigma)?;
        Ok(Self(Shape::Lognormal { median, sigma }))
    }

    /// Lognormal with these 50th and 90th percentiles.
    pub fn lognormal_p50_p90(p50: f64, p90: f64) -> Result<Self, BadParameter> {
        positive("lognormal", "p50", p50)?;
        require(p90 >= p50 && p90.is_finite(), "lognormal", "p90", "finite and at least p50", p90)?;
        Self::lognormal_median_sigma(p50, libm::log(p90 / p50) / Z90)
    }

    /// Gamma with this mean and coefficient of variation (standard deviation over mean); cv 0 is a constant.
    pub fn gamma_mean_cv(mean: f64, cv: f64) -> Result<Self, BadParameter> {
        positive("gamma", "mean", mean)?;
        require((0.0..=100.0).contains(&cv), "gamma", "cv", "between 0 and 100", cv)?;
        if cv < 1e-6 {
            return Self::constant(mean);
        }
        Ok(Self(Shape::Gamma { shape: 1.0 / (cv * cv), scale: mean * cv * cv }))
    }

    /// Weibull: scale * (-ln U)^(1 / shape).
    pub fn weibull(shape: f64, scale: f64) -> Result<Self, BadParameter> {
        require((0.01..=1e6).contains(&shape), "weibull", "shape", "between 0.01 and 1000000", shape)?;
        positive("weibull", "scale", scale)?;
        Ok(Self(Shape::Weibull { shape, scale }))
    }

    /// Geometric on 1, 2, 3...: the number of trials to the first success, with this mean (at least 1).
    pub fn geometric(mean: f64) -> Result<Self, BadParameter> {
        require(mean >= 1.0 && mean.is_finite(), "geometric", "mean", "finite and at least 1", mean)?;
        Ok(Self(Shape::Geometric { mean, log_failure: libm::log1p(-1.0 / mean) }))
    }

    /// The quantile function of a sample with linear interpolation between neighbours (the smallest value is the
    /// quantile of 0, the largest that of 1; Hyndman and Fan's type 7). In any order; one value is a constant.
    pub fn empirical(sample: Vec<f64>) -> Result<Self, BadParameter> {
        Self::of_sample(sample, true)
    }

    /// One of the sample's values, each as likely: for what must stay whole or has steps.
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

    /// This distribution with what lies outside `low..=high` moved to the nearer end (not drawn again).
    /// Ends may be infinite.
    pub fn clamped(self, low: f64, high: f64) -> Result<Self, BadParameter> {
        require(low < f64::INFINITY, "clamped", "low", "a number", low)?;
        require(high >= low && high > f64::NEG_INFINITY, "clamped", "high", "at least low", high)?;
        Ok(Self(Shape::Clamped { inner: Box::new(self), low, high }))
    }
}

impl Distribution {
    /// One draw; takes exactly one word from `stream`.
    #[inline]
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        self.draw(stream.open01())
    }

    /// What the uniform number `u` in (0, 1) draws: `quantile(u)` but for gamma (see the head of this file) and
    /// mixtures, which spend the front of `u` on the choice.
    #[inline]
    pub fn draw(&self, u: f64) -> f64 {
        // the common case of the hot loop, kept free of the others' registers
        if let Shape::Lognormal { median, sigma } = self.0 {
            return draw_lognormal(median, sigma, u);
        }
        self.draw_other(u)
    }

    #[inline(never)]
    fn draw_other(&self, u: f64) -> f64 {
        match &self.0 {
            Shape::Gamma { shape, scale } => scale * draw_gamma(*shape, Stream::from_word(u.to_bits())),
            Shape::Mixture(components) => {
                let chosen = components.iter().rev().find(|c| c.from < u).or(components.first());
                // never 0 or 1: the ends of the unbounded distributions
                const STEP: f64 = 1.0 / (1u64 << 53) as f64;
                chosen.map_or(0.0, |c| c.distribution.draw(((u - c.from) / c.share).clamp(STEP, 1.0 - STEP)))
            }
            Shape::Clamped { inner, low, high } => inner.draw(u).max(*low).min(*high),
            _ => self.quantile(u),
        }
    }

    /// The quantile of `p` in 0..=1: in closed form where there is one, else by bisection (gamma, mixtures).
    pub fn quantile(&self, p: f64) -> f64 {
        match &self.0 {
            Shape::Constant(value) => *value,
            Shape::Uniform { low, high } => low + (high - low) * p,
            Shape::Exponential { mean } => -mean * libm::log1p(-p),
            Shape::Lognormal { median, sigma } => draw_lognormal(*median, *sigma, p),
            Shape::Gamma { shape, scale } => {
                if p >= 1.0 {
                    return f64::INFINITY;
                }
                let mut high = shape.max(1.0);
                while gamma_cdf(*shape, high) < p && high.is_finite() {
                    high *= 2.0;
                }
                scale * bisect(p, 0.0, high, |x| gamma_cdf(*shape, x))
            }
            Shape::Weibull { shape, scale } => scale * libm::pow(-libm::log1p(-p), 1.0 / shape),
            Shape::Geometric { log_failure, .. } => libm::ceil(libm::log1p(-p) / log_failure).max(1.0),
            Shape::Empirical { sorted, interpolate } => empirical_quantile(sorted, *interpolate, p),
            Shape::Mixture(components) => {
                let ends = components.iter().map(|c| c.distribution.quantile(p));
                let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), q| (l.min(q), h.max(q)));
                if low < high && high.is_finite() { bisect(p, low, high, |x| self.cdf(x)) } else { high }
            }
            Shape::Clamped { inner, low, high } => inner.quantile(p).max(*low).min(*high),
        }
    }

    /// The share of draws that are at most `x`.
    pub fn cdf(&self, x: f64) -> f64 {
        let beyond = |low: f64, inside: f64| if x < low { 0.0 } else { inside };
        match &self.0 {
            Shape::Constant(value) => beyond(*value, 1.0),
            Shape::Uniform { low, high } if low == high => beyond(*low, 1.0),
            Shape::Uniform { low, high } => ((x - low) / (high - low)).clamp(0.0, 1.0),
            Shape::Exponential { mean } => beyond(0.0, -libm::expm1(-x / mean)),
            Shape::Lognormal { median, sigma } if *sigma == 0.0 => beyond(*median, 1.0),
            Shape::Lognormal { median, sigma } if x > 0.0 => normal_cdf(libm::log(x / median) / sigma),
            Shape::Lognormal { .. } => 0.0,
            Shape::Gamma { shape, scale } => gamma_cdf(*shape, x / scale),
            Shape::Weibull { shape, scale } if x > 0.0 => -libm::expm1(-libm::pow(x / scale, *shape)),
            Shape::Weibull { .. } => 0.0,
            Shape::Geometric { log_failure, .. } => beyond(1.0, -libm::expm1(libm::floor(x) * log_failure)),
            Shape::Empirical { sorted, interpolate } => empirical_cdf(sorted, *interpolate, x),
            Shape::Mixture(components) => components.iter().map(|c| c.share * c.distribution.cdf(x)).sum(),
            Shape::Clamped { low, .. } if x < *low => 0.0,
            Shape::Clamped { high, .. } if x >= *high => 1.0,
            Shape::Clamped { inner, .. } => inner.cdf(x),
        }
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The mean: exact, but for `clamped`, which integrates its distribution function (to about four digits).
    pub fn mean(&self) -> f64 {
        match &self.0 {
            Shape::Constant(value) => *value,
            Shape::Uniform { low, high } => 0.5 * (low + high),
            Shape::Exponential { mean } | Shape::Geometric { mean, .. } => *mean,
            Shape::Lognormal { median, sigma } => median * libm::exp(0.5 * sigma * sigma),
            Shape::Gamma { shape, scale } => shape * scale,
            Shape::Weibull { shape, scale } => scale * libm::tgamma(1.0 + 1.0 / shape),
            Shape::Empirical { sorted, interpolate } => match &**sorted {
                [first, .., last] if *interpolate => {
                    (sorted.iter().sum::<f64>() - 0.5 * (first + last)) / (sorted.len() - 1) as f64
                }
                _ => sorted.iter().sum::<f64>() / sorted.len() as f64,
            },
            Shape::Mixture(components) => components.iter().map(|c| c.share * c.distribution.mean()).sum(),
            Shape::Clamped { .. } => {
                // the mean is the integral of the quantile function: a fine grid, finer in both tails
                const STEPS: u32 = 20_000;
                let smooth = |s: f64| s * s * (3.0 - 2.0 * s);
                let cells = (0..STEPS).map(|i| {
                    let (a, b) = (f64::from(i) / f64::from(STEPS), f64::from(i + 1) / f64::from(STEPS));
                    (smooth(b) - smooth(a)) * self.quantile(smooth(0.5 * (a + b)))
                });
                cells.sum()
            }
        }
    }

    /// The lower end of what can be drawn: for callers that need positive or non-negative values.
    pub fn lowest(&self) -> f64 {
        match &self.0 {
            Shape::Constant(value) => *value,
            Shape::Uniform { low, .. } => *low,
            Shape::Exponential { .. } | Shape::Lognormal { .. } | Shape::Gamma { .. } | Shape::Weibull { .. } => 0.0,
            Shape::Geometric { .. } => 1.0,
            Shape::Empirical { sorted, .. } => sorted.first().copied().unwrap_or(0.0),
            Shape::Mixture(components) => {
                components.iter().map(|c| c.distribution.lowest()).fold(f64::INFINITY, f64::min)
            }
            Shape::Clamped { inner, low, high } => inner.lowest().max(*low).min(*high),
        }
    }
}

#[inline]
fn draw_lognormal(median: f64, sigma: f64, p: f64) -> f64 {
    if sigma == 0.0 { median } else { median * libm::exp(sigma * normal_quantile(p)) }
}

/// A gamma variable of this shape and scale 1: Marsaglia and Tsang, "A simple method for generating gamma variables"
/// (2000), exact; it accepts more than 95 % of tries. Shapes below 1 by the boost of their section 6.
fn draw_gamma(shape: f64, mut stream: Stream) -> f64 {
    if shape < 1.0 {
        let boost = libm::exp(libm::log(stream.open01()) / shape);
        return draw_gamma(shape + 1.0, stream) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = normal_quantile(stream.open01());
        let root = 1.0 + c * z;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        if libm::log(stream.open01()) < 0.5 * z * z + d * (1.0 - v + libm::log(v)) {
            return d * v;
        }
    }
}

fn empirical_quantile(sorted: &[f64], interpolate: bool, p: f64) -> f64 {
    let last = sorted.len() - 1;
    if interpolate {
        let place = p * last as f64;
        let below = (place as usize).min(last);
        let above = (below + 1).min(last);
        sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
    } else {
        sorted[((p * sorted.len() as f64) as usize).min(last)]
    }
}

fn empirical_cdf(sorted: &[f64], interpolate: bool, x: f64) -> f64 {
    let at_most = sorted.partition_point(|value| value.total_cmp(&x) != Ordering::Greater);
    if !interpolate || at_most == 0 || at_most == sorted.len() {
        return if at_most == sorted.len() { 1.0 } else { at_most as f64 / sorted.len() as f64 };
    }
    let (below, above) = (sorted[at_most - 1], sorted[at_most]);
    ((at_most - 1) as f64 + (x - below) / (above - below)) / (sorted.len() - 1) as f64
}
