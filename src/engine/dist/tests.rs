use super::*;
use crate::engine::Luck;

fn all() -> Vec<(&'static str, Distribution)> {
    let d = |d: Result<Distribution, BadParameter>| d.unwrap();
    vec![
        ("constant", d(Distribution::constant(2.5))),
        ("uniform", d(Distribution::uniform(-1.0, 3.0))),
        ("exponential", d(Distribution::exponential(7.0))),
        ("lognormal", d(Distribution::lognormal(0.5, 0.8))),
        ("lognormal p50 p90", d(Distribution::lognormal_p50_p90(45.0, 155.0))),
        ("gamma", d(Distribution::gamma_mean_cv(3.0, 0.5))),
        ("bursty gamma", d(Distribution::gamma_mean_cv(3.0, 2.0))),
        ("weibull", d(Distribution::weibull(1.5, 2.0))),
        ("geometric", d(Distribution::geometric(1.8))),
        ("empirical", d(Distribution::empirical(vec![3.0, 1.0, 2.0, 10.0]))),
        ("empirical steps", d(Distribution::empirical_steps(vec![3.0, 1.0, 1.0, 10.0]))),
        (
            "mixture",
            d(Distribution::mixture(vec![
                (98.0, d(Distribution::lognormal_p50_p90(1.3, 3.0))),
                (2.0, d(Distribution::uniform(3.0, 10.0))),
            ])),
        ),
        ("mixture with gamma", {
            let gamma = d(Distribution::gamma_mean_cv(1.0, 1.0));
            d(Distribution::mixture(vec![(1.0, gamma), (1.0, d(Distribution::exponential(3.0)))]))
        }),
        ("shifted", d(d(Distribution::exponential(0.5)).shifted(0.001))),
        ("clamped", d(d(Distribution::lognormal_p50_p90(45.0, 155.0)).clamped(1.0, 500.0))),
    ]
}

const N: usize = 100_000;

fn draws(distribution: &Distribution) -> Vec<f64> {
    let mut stream = Luck::new(11).stream(1, 0, 0);
    (0..N).map(|_| distribution.sample(&mut stream)).collect()
}

#[test]
fn draws_follow_the_distribution_function() {
    for (name, distribution) in all() {
        let mut sample = draws(&distribution);
        sample.sort_by(f64::total_cmp);
        // Kolmogorov-Smirnov, valid (conservative) with steps too when both sides of each distinct value are compared:
        // sqrt(n) D exceeds 1.95 in fewer than 0.1 % of samples
        let mut worst: f64 = 0.0;
        let mut i = 0;
        while i < N {
            let next = i + sample[i..].iter().take_while(|&&x| x == sample[i]).count();
            worst = worst.max((distribution.cdf(sample[i]) - next as f64 / N as f64).abs());
            let before = distribution.cdf(sample[i] - sample[i].abs() * 1e-12);
            worst = worst.max((before - i as f64 / N as f64).abs());
            i = next;
        }
        assert!(worst * (N as f64).sqrt() < 1.95, "{name}: sqrt(n) D = {}", worst * (N as f64).sqrt());
    }
}

#[test]
fn means_and_medians_of_draws_are_those_stated() {
    for (name, distribution) in all() {
        let mut sample = draws(&distribution);
        let mean = sample.iter().sum::<f64>() / N as f64;
        let variance = sample.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / N as f64;
        let error = 4.5 * (variance / N as f64).sqrt() + 1e-4 * mean.abs();
        assert!((mean - distribution.mean()).abs() <= error, "{name}: {mean} against {}", distribution.mean());
        // the stated median splits the draws in halves, to 4.5 standard errors (0.5 / sqrt n)
        let median = distribution.median();
        sample.sort_by(f64::total_cmp);
        let below = sample.partition_point(|&x| x < median * (1.0 - 1e-9)) as f64 / N as f64;
        let not_above = sample.partition_point(|&x| x <= median * (1.0 + 1e-9)) as f64 / N as f64;
        assert!(
            below < 0.5072 && not_above > 0.4928,
            "{name}: median {median} has {below} below, {not_above} not above"
        );
    }
}

#[test]
fn quantiles_undo_the_distribution_function() {
    for (name, distribution) in all() {
        for p in [0.001, 0.1, 0.5, 0.77, 0.9, 0.999] {
            let x = distribution.quantile(p);
            let slack = x.abs() * 1e-9 + 1e-12;
            let (before, after) = (distribution.cdf(x - slack), distribution.cdf(x + slack));
            assert!(before <= p + 1e-9 && p <= after + 1e-9, "{name}: {p} lies not in {before}..{after}");
        }
    }
}

#[test]
fn stated_parameters_are_met() {
    let p50_p90 = Distribution::lognormal_p50_p90(216.0, 900.0).unwrap();
    assert_eq!(p50_p90.median(), 216.0);
    assert!((p50_p90.quantile(0.9) - 900.0).abs() < 1e-9);
    assert!((Distribution::lognormal(libm::log(9.0), 0.75).unwrap().median() - 9.0).abs() < 1e-14);
    let gamma = Distribution::gamma_mean_cv(4.0, 0.25).unwrap();
    let sample = draws(&gamma);
    let variance = sample.iter().map(|x| (x - 4.0) * (x - 4.0)).sum::<f64>() / N as f64;
    // kurtosis 3 + 6 cv^2: standard error of the variance sqrt((2 + 6/16) / n) of it; 4.5 of them are 2.2 %
    assert!((variance - 1.0).abs() < 0.022, "variance {variance}");
    assert_eq!(Distribution::geometric(1.0).unwrap().quantile(0.999), 1.0);
    assert_eq!(Distribution::empirical(vec![5.0]).unwrap().quantile(0.3), 5.0);
    assert_eq!(Distribution::empirical(vec![1.0, 3.0]).unwrap().quantile(0.25), 1.5);
    assert_eq!(Distribution::empirical_steps(vec![1.0, 3.0]).unwrap().quantile(0.25), 1.0);
    let clamped = Distribution::exponential(1.0).unwrap().clamped(0.5, f64::INFINITY).unwrap();
    // E max(X, 1/2) = 1/2 + exp(-1/2)
    assert!((clamped.mean() - (0.5 + libm::exp(-0.5))).abs() < 2e-4, "{}", clamped.mean());
    assert_eq!(clamped.lowest(), 0.5);
}

#[test]
fn every_draw_takes_one_word() {
    for (name, distribution) in all() {
        let mut stream = Luck::new(5).stream(1, 2, 3);
        let mut reference = stream.clone();
        let _ = (distribution.sample(&mut stream), reference.bits());
        assert_eq!(stream.bits(), reference.bits(), "{name}");
    }
}

#[test]
fn bad_parameters_are_refused_by_name() {
    let bad = [
        Distribution::constant(f64::NAN),
        Distribution::uniform(2.0, 1.0),
        Distribution::exponential(0.0),
        Distribution::lognormal(f64::INFINITY, 1.0),
        Distribution::lognormal(0.0, -1.0),
        Distribution::lognormal_p50_p90(2.0, 1.0),
        Distribution::lognormal_p50_p90(0.0, 1.0),
        Distribution::gamma_mean_cv(-1.0, 1.0),
        Distribution::weibull(0.0, 1.0),
        Distribution::geometric(0.5),
        Distribution::empirical(vec![]),
        Distribution::empirical(vec![1.0, f64::INFINITY]),
        Distribution::mixture(vec![]),
        Distribution::mixture(vec![(-1.0, Distribution::constant(1.0).unwrap())]),
        Distribution::constant(1.0).unwrap().clamped(2.0, 1.0),
        Distribution::constant(1.0).unwrap().clamped(f64::NAN, 1.0),
    ];
    for (i, distribution) in bad.iter().enumerate() {
        assert!(distribution.is_err(), "case {i}: {distribution:?}");
    }
    let error = Distribution::lognormal_p50_p90(2.0, 1.0).unwrap_err();
    assert_eq!(error.to_string(), "lognormal: p90 must be finite and at least p50, not 1");
}

#[test]
fn the_bits_of_draws_are_pinned() {
    let got = all().into_iter().map(|(_, distribution)| {
        let mut stream = Luck::new(42).stream(1, 2, 3);
        [(); 3].map(|()| distribution.sample(&mut stream).to_bits())
    });
    let got: Vec<[u64; 3]> = got.collect();
    assert_eq!(got, PINNED, "{got:#018x?}");
}
const PINNED: [[u64; 3]; 15] = [
    [0x4004_0000_0000_0000, 0x4004_0000_0000_0000, 0x4004_0000_0000_0000],
    [0x4004_c4e1_b824_2a9f, 0x4001_ab91_3e92_c84b, 0x3ff2_26a7_1859_bf22],
    [0x4030_0cfe_9223_3351, 0x4026_afbf_0591_fe2e, 0x4015_5b42_10a3_2aed],
    [0x4012_4df1_4fdb_81a1, 0x400a_0631_b3ed_8f16, 0x3ffc_3891_49a9_fc36],
    [0x4063_45cc_715b_cefc, 0x4059_89af_8c92_7052, 0x4048_6876_2b5f_3273],
    [0x4000_bfb5_b66f_7362, 0x3ff7_905f_db06_fbff, 0x3ffb_fd7a_935f_076e],
    [0x3f89_962d_eb59_7eb9, 0x3f87_2e60_e776_ad0c, 0x3eb5_06f4_ac35_0f81],
    [0x400b_d260_9941_42dc, 0x4006_12ed_51ad_32f9, 0x3ffa_b6a8_e41d_3752],
    [0x4008_0000_0000_0000, 0x4000_0000_0000_0000, 0x3ff0_0000_0000_0000],
    [0x401f_84d0_835e_efe0, 0x4017_625d_4441_4dc4, 0x4004_ce7e_a921_a7ad],
    [0x4024_0000_0000_0000, 0x4024_0000_0000_0000, 0x4008_0000_0000_0000],
    [0x4009_b883_6446_cf7b, 0x4002_d4f0_0def_2cd0, 0x3ff6_5faf_877e_66fe],
    [0x4013_32a4_6d30_cb63, 0x4006_4170_a5be_9a92, 0x3fca_b866_1503_0330],
    [0x3ff2_5c16_f153_d27d, 0x3fe9_f59d_bf90_522e, 0x3fd8_78ad_ce8d_6bdd],
    [0x4063_45cc_715b_cefc, 0x4059_89af_8c92_7052, 0x4048_6876_2b5f_3273],
];
