//! `rand_distr` as the independent judge of our draws: its samplers share no method with ours (ziggurat instead of
//! quantile functions), so a wrong transform, a swapped parameter or a wrong unit shows as two samples that differ.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::weighted::WeightedIndex;
use rand_distr::{Distribution as _, Exp, Gamma, Geometric, LogNormal, Uniform, Weibull};

use super::*;
use crate::engine::Luck;

type Judge = Box<dyn FnMut(&mut Xoshiro256PlusPlus) -> f64>;

const N: usize = 100_000;
/// Beyond this, sqrt(n m / (n + m)) D of two samples of one distribution lies in fewer than 1 of 10,000 tests.
const LIMIT: f64 = 2.23;

fn judge<S: rand_distr::Distribution<f64> + 'static>(sampler: S) -> Judge {
    Box::new(move |rng| sampler.sample(rng))
}

/// Every distribution beside the sampler that the judge makes from the parameters of the textbook.
fn pairs() -> Vec<(&'static str, Distribution, Judge)> {
    let ours = |d: Result<Distribution, BadParameter>| d.unwrap();
    let p50_p90 = |p50: f64, p90: f64| {
        // the 90 % quantile of the standard normal distribution
        LogNormal::new(libm::log(p50), libm::log(p90 / p50) / 1.281_551_565_544_600_4).unwrap()
    };
    let gamma = |mean: f64, cv: f64| Gamma::new(1.0 / (cv * cv), mean * cv * cv).unwrap();
    let values = [3.0, 1.0, 2.0, 10.0];
    vec![
        ("uniform", ours(Distribution::uniform(-1.0, 3.0)), judge(Uniform::new(-1.0, 3.0).unwrap())),
        ("exponential", ours(Distribution::exponential(7.0)), judge(Exp::new(1.0 / 7.0).unwrap())),
        ("lognormal", ours(Distribution::lognormal(0.5, 0.8)), judge(LogNormal::new(0.5, 0.8).unwrap())),
        (
            "lognormal by median",
            ours(Distribution::lognormal_median_sigma(2.0, 1.5)),
            judge(LogNormal::new(libm::log(2.0), 1.5).unwrap()),
        ),
        ("lognormal p50 p90", ours(Distribution::lognormal_p50_p90(45.0, 155.0)), judge(p50_p90(45.0, 155.0))),
        ("gamma", ours(Distribution::gamma_mean_cv(3.0, 0.5)), judge(gamma(3.0, 0.5))),
        ("bursty gamma", ours(Distribution::gamma_mean_cv(3.0, 2.0)), judge(gamma(3.0, 2.0))),
        ("weibull", ours(Distribution::weibull(1.5, 2.0)), judge(Weibull::new(2.0, 1.5).unwrap())),
        ("heavy weibull", ours(Distribution::weibull(0.6, 0.3)), judge(Weibull::new(0.3, 0.6).unwrap())),
        ("geometric", ours(Distribution::geometric(1.8)), {
            let failures = Geometric::new(1.0 / 1.8).unwrap();
            Box::new(move |rng| 1.0 + failures.sample(rng) as f64)
        }),
        ("empirical steps", ours(Distribution::empirical_steps(values.to_vec())), {
            let index = WeightedIndex::new([1.0; 4]).unwrap();
            Box::new(move |rng| values[index.sample(rng)])
        }),
        ("empirical", ours(Distribution::empirical(values.to_vec())), {
            let (gap, along) = (WeightedIndex::new([1.0; 3]).unwrap(), Uniform::new(0.0, 1.0).unwrap());
            let sorted = [1.0, 2.0, 3.0, 10.0];
            Box::new(move |rng| {
                let below = gap.sample(rng);
                sorted[below] + (sorted[below + 1] - sorted[below]) * along.sample(rng)
            })
        }),
        (
            "mixture",
            ours(Distribution::mixture(vec![
                (9.0, ours(Distribution::lognormal_p50_p90(1.3, 3.0))),
                (1.0, ours(Distribution::gamma_mean_cv(40.0, 0.5))),
            ])),
            {
                let which = WeightedIndex::new([9.0, 1.0]).unwrap();
                let (quick, slow) = (p50_p90(1.3, 3.0), gamma(40.0, 0.5));
                Box::new(move |rng| if which.sample(rng) == 0 { quick.sample(rng) } else { slow.sample(rng) })
            },
        ),
        ("clamped", ours(ours(Distribution::exponential(2.0)).clamped(1.0, 5.0)), {
            let inner = Exp::new(0.5).unwrap();
            Box::new(move |rng| f64::clamp(inner.sample(rng), 1.0, 5.0))
        }),
        ("shifted", ours(ours(Distribution::exponential(0.5)).shifted(0.25)), {
            let inner = Exp::new(2.0).unwrap();
            Box::new(move |rng| inner.sample(rng) + 0.25)
        }),
    ]
}

/// The two-sample Kolmogorov-Smirnov statistic, scaled by sqrt(n m / (n + m)); equal values are passed together.
fn scaled_distance(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (mut i, mut j, mut worst) = (0, 0, 0f64);
    while i < a.len() && j < b.len() {
        let value = a[i].min(b[j]);
        i += a[i..].partition_point(|&x| x <= value);
        j += b[j..].partition_point(|&x| x <= value);
        worst = worst.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    worst * ((a.len() * b.len()) as f64 / (a.len() + b.len()) as f64).sqrt()
}

fn ours(distribution: &Distribution) -> Vec<f64> {
    let mut stream = Luck::new(23).stream(1, 0, 0);
    (0..N).map(|_| distribution.sample(&mut stream)).collect()
}

#[test]
fn samples_of_an_independent_library_cannot_be_told_from_ours() {
    for (name, distribution, mut judge) in pairs() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(29);
        let theirs = (0..N).map(|_| judge(&mut rng)).collect();
        let distance = scaled_distance(ours(&distribution), theirs);
        assert!(distance < LIMIT, "{name}: {distance}");
    }
}

#[test]
fn the_judge_sees_a_parameter_that_is_three_hundredths_off() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(31);
    let theirs = Exp::new(1.0 / 7.0).unwrap();
    let theirs = (0..N).map(|_| theirs.sample(&mut rng)).collect();
    let distance = scaled_distance(ours(&Distribution::exponential(7.2).unwrap()), theirs);
    assert!(distance > LIMIT, "{distance}");
}
