//! Truths to test simulations against: goodness of fit, Erlang's loss formula, Poisson probabilities.
//!
//! For tests of the rooms below as much as for this one: a simulated sample is held against the distribution that was
//! asked for, a simulated queue against the formula that mathematics has for it.

use super::distribution::{chi_square_upper, chi_square_upper_quantile};
use super::special::{gamma_front, gamma_regularised};

/// The Kolmogorov-Smirnov distance between a sample and a continuous distribution function: the largest gap between
/// `cdf` and the sample's own step function, on either side of every step. 0 for an empty sample.
pub fn ks_distance(sample: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    sorted.iter().enumerate().fold(0.0, |largest: f64, (i, &x)| {
        let expected = cdf(x);
        largest.max(expected - i as f64 / n).max((i + 1) as f64 / n - expected)
    })
}

/// The probability that a sample of `n` from the right distribution lies as far off as `distance`, or farther
/// (Kolmogorov's limit with Stephens' correction for finite n (1970): good to about 0.002 from n = 8 on).
pub fn ks_p_value(distance: f64, n: usize) -> f64 {
    let root = (n as f64).sqrt();
    let x = distance * (root + 0.12 + 0.11 / root);
    if x < 0.2 {
        return 1.0;
    }
    let mut sum = 0.0;
    for k in 1..=100 {
        let k = f64::from(k);
        let term = libm::exp(-2.0 * k * k * x * x);
        sum += if k % 2.0 == 1.0 { term } else { -term };
        if term < 1e-17 {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

/// The distance that a sample of `n` from the right distribution exceeds with probability `significance` (below 0.5),
/// by the same approximation: ln(2 / significance) leads the series.
pub fn ks_critical(significance: f64, n: usize) -> f64 {
    let root = (n as f64).sqrt();
    (0.5 * libm::log(2.0 / significance)).sqrt() / (root + 0.12 + 0.11 / root)
}

/// Pearson's chi-square statistic of observed counts against expected ones. Expected counts should be 5 or more each.
pub fn chi_square_statistic(observed: &[u64], expected: &[f64]) -> f64 {
    observed.iter().zip(expected).map(|(&o, &e)| (o as f64 - e) * (o as f64 - e) / e).sum()
}

/// The probability that chi-square with `df` degrees of freedom is as large as `statistic`, or larger.
pub fn chi_square_p_value(statistic: f64, df: u32) -> f64 {
    chi_square_upper(statistic, f64::from(df))
}

/// The statistic that chi-square with `df` degrees of freedom exceeds with probability `significance`.
pub fn chi_square_critical(significance: f64, df: u32) -> f64 {
    chi_square_upper_quantile(significance, f64::from(df))
}

/// Erlang B: the share of arrivals lost where `offered` = arrival rate * mean service time meets `servers` and nobody
/// waits. Holds for any service distribution with that mean (Poisson arrivals). By the stable recursion
/// B(0) = 1, B(c) = a B(c-1) / (c + a B(c-1)).
pub fn erlang_b(offered: f64, servers: u32) -> f64 {
    (1..=servers).fold(1.0, |lost, c| offered * lost / (f64::from(c) + offered * lost))
}

/// The probability of exactly `count` events where `mean` > 0 are expected.
pub fn poisson_pmf(count: u64, mean: f64) -> f64 {
    if count == 0 { libm::exp(-mean) } else { gamma_front(count as f64, mean) / count as f64 }
}

/// The probability of at most `count` events where `mean` > 0 are expected.
pub fn poisson_cdf(count: u64, mean: f64) -> f64 {
    gamma_regularised(count as f64 + 1.0, mean).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;

    #[test]
    fn a_sample_from_its_own_distribution_is_rejected_as_often_as_said() {
        let (trials, n) = (4_000, 50);
        let mut rejected = [0u32; 2];
        for trial in 0..trials {
            let mut stream = Luck::new(5).stream(2, trial, 0);
            let sample: Vec<f64> = (0..n).map(|_| stream.open01()).collect();
            let distance = ks_distance(&sample, |x| x);
            rejected[0] += u32::from(ks_p_value(distance, n) < 0.05);
            rejected[1] += u32::from(distance > ks_critical(0.05, n));
        }
        for count in rejected {
            let share = f64::from(count) / trials as f64;
            // standard error 0.0034
            assert!((share - 0.05).abs() < 0.014, "{share}");
        }
    }

    #[test]
    fn a_shifted_sample_is_rejected() {
        let mut stream = Luck::new(6).stream(2, 0, 0);
        let sample: Vec<f64> = (0..2_000).map(|_| 0.95 * stream.open01()).collect();
        let distance = ks_distance(&sample, |x| x);
        assert!(distance > 0.04 && distance > ks_critical(1e-3, 2_000) && ks_p_value(distance, 2_000) < 1e-3);
    }

    #[test]
    fn kolmogorov_distances_of_small_samples_by_hand() {
        // Steps at 0.2 and 0.9: gaps 0.2 and 0.3 around the first, 0.4 and 0.1 around the second.
        assert!((ks_distance(&[0.9, 0.2], |x| x) - 0.4).abs() < 1e-15);
        assert_eq!(ks_distance(&[], |x| x), 0.0);
        // the published limit: 1.3581 / sqrt(n) at 5 %, 1.6276 at 1 %
        assert!((ks_critical(0.05, 1_000_000) * 1e3 - 1.3581).abs() < 1e-3);
        assert!((ks_critical(0.01, 1_000_000) * 1e3 - 1.6276).abs() < 1e-3);
    }

    #[test]
    fn chi_square_rejects_a_loaded_die_and_not_a_fair_one() {
        let fair = chi_square_statistic(&[95, 108, 101, 98, 104, 94], &[100.0; 6]);
        assert!((fair - 1.46).abs() < 1e-12 && fair < chi_square_critical(0.05, 5));
        let loaded = chi_square_statistic(&[80, 100, 100, 100, 100, 120], &[100.0; 6]);
        assert!((chi_square_p_value(loaded, 5) - 0.156_235_627_577_722_34).abs() < 1e-12);
        assert!((chi_square_critical(0.05, 5) - 11.0705).abs() < 1e-4);
    }

    #[test]
    fn erlang_b_is_its_definition() {
        for (offered, servers, want) in [
            (3.0, 5, 0.110_054_347_826_086_96),
            (7.5, 8, 0.207_455_308_100_471_1),
            (100.0, 117, 0.009_790_071_125_371_36),
        ] {
            assert!((erlang_b(offered, servers) - want).abs() < 1e-14 * want.max(1e-2), "{offered} {servers}");
        }
        assert_eq!(erlang_b(0.0, 3), 0.0);
        assert_eq!(erlang_b(4.0, 0), 1.0);
    }

    #[test]
    fn poisson_probabilities_are_exact_small_and_large_and_add_up() {
        assert!((poisson_pmf(2, 3.5) - 0.184_958_973_461_700_82).abs() < 1e-15);
        assert!((poisson_pmf(1_000, 1_000.0) - 0.012_614_611_348_721_5).abs() < 1e-15);
        let sum: f64 = (0..=20).map(|k| poisson_pmf(k, 12.0)).sum();
        assert!((sum - poisson_cdf(20, 12.0)).abs() < 1e-14);
    }
}
