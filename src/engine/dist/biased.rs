//! Length-biased distributions: if spans follow each other, the span that is under way at a random moment tends to be a
//! long one.

use super::{Distribution, Shape};

/// Points of the table where there is no closed form.
const POINTS: u32 = 4_000;

impl Distribution {
    /// This distribution of spans (not negative, with a finite mean above 0), weighted by their length: the density is
    /// x f(x) / mean. The span that is under way at an independent moment has this distribution, and the moment lies
    /// uniformly in the span (Cox, Renewal theory, 1962, 5.4). The result is a closed form if there is one, and
    /// otherwise a table of 4,000 points of equal mass.
    pub fn length_biased(&self) -> Self {
        match &self.0 {
            Shape::Constant(_) => self.clone(),
            Shape::Exponential { mean } => Self(Shape::Gamma { shape: 2.0, scale: *mean }),
            Shape::Gamma { shape, scale } => Self(Shape::Gamma { shape: shape + 1.0, scale: *scale }),
            Shape::Lognormal { median, sigma } => {
                Self(Shape::Lognormal { median: median * libm::exp(sigma * sigma), sigma: *sigma })
            }
            Shape::Mixture(components) => {
                let parts = components.iter().filter(|part| part.distribution.mean() > 0.0);
                let parts =
                    parts.map(|part| (part.share * part.distribution.mean(), part.distribution.length_biased()));
                Self::mixture(parts.collect()).unwrap_or(Self::ZERO)
            }
            _ => self.tabled(),
        }
    }

    /// By the integral of the quantile function on a grid that is finer in both tails.
    fn tabled(&self) -> Self {
        let smooth = |i: u32| {
            let s = f64::from(i) / f64::from(POINTS);
            s * s * (3.0 - 2.0 * s)
        };
        let mut total = 0.0;
        let mut steps = Vec::with_capacity(POINTS as usize);
        for i in 0..POINTS {
            let (from, to) = (smooth(i), smooth(i + 1));
            let value = self.quantile(0.5 * (from + to)).max(0.0);
            total += value * (to - from);
            steps.push((total, value));
        }
        let at = |i: u32| {
            let mass = total * (f64::from(i) + 0.5) / f64::from(POINTS);
            let step = steps.partition_point(|step| step.0 < mass).min(steps.len() - 1);
            steps[step].1
        };
        Self::empirical_steps((0..POINTS).map(at).collect()).unwrap_or(Self::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;

    /// The mean of the weighted distribution is E[X^2] / E[X], which is estimated here from draws of X.
    #[test]
    fn the_mean_is_that_of_squares_over_that_of_values() {
        let lognormal = |median, sigma| Distribution::lognormal_median_sigma(median, sigma).unwrap();
        let mixture = Distribution::mixture(vec![(4.0, lognormal(9.0, 0.75)), (1.0, lognormal(50.0, 0.6))]).unwrap();
        for distribution in [
            Distribution::constant(3.0).unwrap(),
            Distribution::exponential(4.0).unwrap(),
            Distribution::gamma_mean_cv(4.0, 0.5).unwrap(),
            lognormal(9.0, 0.75),
            Distribution::uniform(1.0, 9.0).unwrap(),
            Distribution::weibull(1.5, 3.0).unwrap(),
            Distribution::empirical(vec![1.0, 2.0, 9.0]).unwrap(),
            Distribution::empirical_steps(vec![1.0, 2.0, 9.0]).unwrap(),
            lognormal(9.0, 1.0).clamped(2.0, 60.0).unwrap(),
            mixture.clone().shifted(5.0).unwrap(),
            mixture,
        ] {
            let mut stream = Luck::new(3).stream(1, 2, 3);
            let draws: Vec<f64> = (0..400_000).map(|_| distribution.sample(&mut stream)).collect();
            let squares: f64 = draws.iter().map(|x| x * x).sum();
            let expected = squares / draws.iter().sum::<f64>();
            let biased = distribution.length_biased();
            let got = (0..400_000).map(|_| biased.sample(&mut stream)).sum::<f64>() / 400_000.0;
            assert!((got - expected).abs() < 0.015 * expected, "{distribution:?}: {got}, expected {expected}");
        }
    }
}
