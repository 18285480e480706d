//! The special functions behind the distributions, over `libm` only: the same bits on every machine.
//!
//! The normal quantile is algorithm AS 241 (PPND16) of M. J. Wichura, "The percentage points of the normal
//! distribution", Applied Statistics 37 (1988), relative error about 1e-16. The incomplete gamma function is its power
//! series below the mean and Lentz's continued fraction above (Abramowitz and Stegun 6.5.29 and 6.5.31); it serves
//! reports and tests, never a draw.
#![expect(clippy::excessive_precision, reason = "the coefficients as the paper prints them")]

/// The coefficients of one of AS 241's rational functions, constant term first.
struct Rational {
    above: [f64; 8],
    below: [f64; 8],
}

impl Rational {
    #[inline]
    fn at(&self, r: f64) -> f64 {
        // Estrin's scheme: a shorter chain of dependent operations than Horner's
        let (r2, r4) = (r * r, (r * r) * (r * r));
        let poly = |c: &[f64; 8]| {
            let low = (c[0] + c[1] * r) + (c[2] + c[3] * r) * r2;
            let high = (c[4] + c[5] * r) + (c[6] + c[7] * r) * r2;
            low + high * r4
        };
        poly(&self.above) / poly(&self.below)
    }
}

/// For |p - 1/2| <= 0.425.
static CENTRE: Rational = Rational {
    above: [
        3.387_132_872_796_366_608,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    below: [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561e3,
    ],
};

/// For tails down to exp(-25).
static TAIL: Rational = Rational {
    above: [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_9,
        5.769_497_221_460_691_405_5,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_7e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_4e-4,
    ],
    below: [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_4,
        6.897_673_349_851_000_045_5e-1,
        1.481_039_764_274_800_745_9e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
};

/// For what lies further out.
static FAR_TAIL: Rational = Rational {
    above: [
        6.657_904_643_501_103_777_2,
        5.463_784_911_164_114_369_9,
        1.784_826_539_917_291_335_8,
        2.965_605_718_285_048_912_3e-1,
        2.653_218_952_657_612_309_3e-2,
        1.242_660_947_388_078_438_6e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    below: [
        1.0,
        5.998_322_065_558_879_376_9e-1,
        1.369_298_809_227_358_053_1e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591e-4,
        1.846_318_317_510_054_681_8e-5,
        1.421_511_758_316_445_888_7e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
};

/// The standard normal quantile of `p` in (0, 1); infinite at 0 and 1.
#[inline]
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * CENTRE.at(0.180_625 - q * q);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let r = (-libm::log(tail)).sqrt();
    let magnitude = if r <= 5.0 { TAIL.at(r - 1.6) } else { FAR_TAIL.at(r - 5.0) };
    if q < 0.0 { -magnitude } else { magnitude }
}

/// The standard normal distribution function.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// P(shape, x): the distribution function of a gamma variable of this shape and scale 1.
pub fn gamma_cdf(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x.is_infinite() {
        return 1.0;
    }
    let front = libm::exp(shape * libm::log(x) - x - libm::lgamma(shape));
    let tiny = f64::MIN_POSITIVE / f64::EPSILON;
    if x < shape + 1.0 {
        let mut term = 1.0 / shape;
        let mut sum = term;
        let mut n = shape;
        for _ in 0..10_000 {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * f64::EPSILON {
                break;
            }
        }
        (front * sum).min(1.0)
    } else {
        let mut b = x + 1.0 - shape;
        let mut c = 1.0 / tiny;
        let mut d = 1.0 / b;
        let mut fraction = d;
        for i in 1..10_000 {
            let i = f64::from(i);
            let a = -i * (i - shape);
            b += 2.0;
            d = a * d + b;
            d = if d.abs() < tiny { tiny } else { d };
            c = b + a / c;
            c = if c.abs() < tiny { tiny } else { c };
            d = 1.0 / d;
            let step = d * c;
            fraction *= step;
            if (step - 1.0).abs() < f64::EPSILON {
                break;
            }
        }
        (1.0 - front * fraction).clamp(0.0, 1.0)
    }
}

/// The least `x` in `low..=high` at which `cdf` reaches `p`, by bisection down to neighbouring floats.
pub fn bisect(p: f64, low: f64, high: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..200 {
        let middle = low + (high - low) * 0.5;
        if middle <= low || middle >= high {
            break;
        }
        if cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        // (p, z) to 16 digits, from the inverse of erfc in high precision
        for (p, z) in [
            (0.5, 0.0),
            (0.75, 0.674_489_750_196_081_7),
            (0.9, 1.281_551_565_544_600_4),
            (0.975, 1.959_963_984_540_054),
            (0.99, 2.326_347_874_040_841),
            (1e-4, -3.719_016_485_455_680_6),
            (1e-10, -6.361_340_902_404_056),
            (1e-20, -9.262_340_089_798_408),
        ] {
            assert!((normal_quantile(p) - z).abs() <= 4e-16 * (1.0 + z.abs()) * 4.0, "{p}: {}", normal_quantile(p));
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
    }

    #[test]
    fn normal_cdf_undoes_the_quantile_on_all_three_branches() {
        for p in [1e-15, 1e-12, 1e-6, 0.01, 0.07, 0.3, 0.5, 0.8, 0.93, 0.999, 1.0 - 1e-9] {
            assert!((normal_cdf(normal_quantile(p)) / p - 1.0).abs() < 1e-12, "{p}");
        }
    }

    #[test]
    fn gamma_cdf_is_that_of_sums_of_exponentials_and_of_squared_normals() {
        for x in [0.01, 0.5, 1.0, 3.0, 9.0, 40.0] {
            let e = libm::exp(-x);
            assert!((gamma_cdf(1.0, x) - (1.0 - e)).abs() < 1e-14, "exponential at {x}");
            assert!((gamma_cdf(3.0, x) - (1.0 - e * (1.0 + x + x * x / 2.0))).abs() < 1e-14, "Erlang 3 at {x}");
            let chi = 2.0 * normal_cdf((2.0 * x).sqrt()) - 1.0;
            assert!((gamma_cdf(0.5, x) - chi).abs() < 1e-14, "chi-square 1 at {x}");
        }
    }
}
