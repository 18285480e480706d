//! Distributions of one number, drawn by our own transforms over `libm`: the same bits on every machine and for ever.
//!
//! **One draw takes exactly one word from its stream**, whatever the distribution. So replacing a constant by a
//! lognormal (or widening it) does not reshuffle what is drawn from that stream afterwards, and with inverse transforms
//! the same luck stays good luck: two settings of one knob are compared on the same quantiles (common random numbers).
//! A mixture chooses its component by the word and gives the rest of it to the component. Only gamma is no inverse
//! transform (that costs microseconds): it runs Marsaglia and Tsang's exact rejection (ACM TOMS 26, 2000) on a private
//! generator seeded by the word.
//!
//! The crate `rand_distr` does not draw here, for two reasons. Its ziggurats take an unknown number of words and are no
//! inverse transforms, so common random numbers would be lost. It computes logarithms with the platform's library
//! wherever any crate of the build switches on `num-traits/std`, so a draw would not be the same bits on any machine;
//! its gamma sampler, the one that could serve, is ruled out by this alone. It is the independent judge of every
//! distribution in the tests (`judge_tests.rs`).

use std::cmp::Ordering;

use super::exp::exp;
use super::luck::Stream;
use super::quantile::{bisect, gamma_cdf, normal_cdf, normal_quantile};

mod biased;
mod build;
#[cfg(test)]
mod judge_tests;
#[cfg(test)]
mod tests;

pub use build::BadParameter;

/// A distribution of a finite real number, valid by construction.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution(Shape);

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Constant(f64),
    Uniform { low: f64, high: f64 },
    Exponential { mean: f64 },
    Lognormal { median: f64, sigma: f64 },
    Gamma { shape: f64, scale: f64 },
    Weibull { shape: f64, scale: f64 },
    Geometric { mean: f64, log_failure: f64 },
    Empirical { sorted: Box<[f64]>, interpolate: bool },
    Mixture(Box<[Component]>),
    Clamped { inner: Box<Distribution>, low: f64, high: f64 },
    Shifted { inner: Box<Distribution>, by: f64 },
}

#[derive(Clone, Debug, PartialEq)]
struct Component {
    /// The share of the words that are used for the components before this one.
    from: f64,
    share: f64,
    distribution: Distribution,
}

impl Distribution {
    /// Always 0.
    pub const ZERO: Self = Self(Shape::Constant(0.0));
}

impl Distribution {
    /// One draw; takes exactly one word from `stream`.
    #[inline]
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        self.draw(stream.open01())
    }

    /// The draw for the uniform number `u` in (0, 1). It is `quantile(u)`, except for gamma (see the head of this file)
    /// and for mixtures, which use the front of `u` to choose a component.
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
                let after = components.partition_point(|c| c.from < u);
                let chosen = components.get(after.saturating_sub(1));
                // never 0 or 1: the ends of the unbounded distributions
                const STEP: f64 = 1.0 / (1u64 << 53) as f64;
                chosen.map_or(0.0, |c| c.distribution.draw(((u - c.from) / c.share).clamp(STEP, 1.0 - STEP)))
            }
            Shape::Clamped { inner, low, high } => inner.draw(u).max(*low).min(*high),
            Shape::Shifted { inner, by } => inner.draw(u) + by,
            _ => self.quantile(u),
        }
    }

    /// The quantile of `p` in 0..=1, in closed form if there is one and otherwise by bisection (gamma, mixtures).
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
            Shape::Shifted { inner, by } => inner.quantile(p) + by,
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
            Shape::Shifted { inner, by } => inner.cdf(x - by),
        }
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The mean. It is exact except for `clamped`, where it is an integral of the distribution function, correct to
    /// about four digits.
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
            Shape::Shifted { inner, by } => inner.mean() + by,
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

    /// The smallest value that can be drawn, for callers that need positive or non-negative values.
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
            Shape::Shifted { inner, by } => inner.lowest() + by,
        }
    }
}

#[inline]
fn draw_lognormal(median: f64, sigma: f64, p: f64) -> f64 {
    if sigma == 0.0 { median } else { median * exp(sigma * normal_quantile(p)) }
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
