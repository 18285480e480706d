//! The exponential function of `libm`, bit for bit, without the branches that a random argument makes unpredictable.
//!
//! A run needs about five exponentials of random numbers per request. FDLIBM's `exp`, which `libm` carries, branches on
//! the size of its argument and again on the scale of its result: a third of those branches are mispredicted. Here both
//! are arithmetic; the sums and products that make the value are FDLIBM's (Sun Microsystems, `e_exp.c`), in its order.
//! Tiny and huge arguments and NaN are left to `libm`.
#![expect(clippy::excessive_precision, reason = "the constants as FDLIBM prints them")]

const LN2_HI: f64 = 6.931_471_803_691_238_164_90e-01;
const LN2_LO: f64 = 1.908_214_929_270_587_700_02e-10;
const P: [f64; 5] = [
    1.666_666_666_666_660_190_37e-01,
    -2.777_777_777_701_559_338_42e-03,
    6.613_756_321_437_934_361_17e-05,
    -1.653_390_220_546_525_153_90e-06,
    4.138_136_797_057_238_460_39e-08,
];

/// e to the power of `x`: what `libm::exp(x)` gives.
#[inline]
pub fn exp(x: f64) -> f64 {
    let magnitude = (x.to_bits() >> 32) as u32 & 0x7fff_ffff;
    // from 2^-28 to 708.39, where the result is neither infinite nor subnormal
    if !(0x3e30_0001..0x4086_232b).contains(&magnitude) {
        return libm::exp(x);
    }
    // x = k ln 2 + r, with k = 0 up to half of ln 2
    let beyond_half = i32::from(magnitude > 0x3fd6_2e42);
    let k = (std::f64::consts::LOG2_E * x + 0.5_f64.copysign(x)) as i32 * beyond_half;
    let (high, low) = (x - f64::from(k) * LN2_HI, f64::from(k) * LN2_LO);
    let r = high - low;
    let rr = r * r;
    let c = r - rr * (P[0] + rr * (P[1] + rr * (P[2] + rr * (P[3] + rr * P[4]))));
    let y = 1.0 + (r * c / (2.0 - c) - low + high);
    y * f64::from_bits(((1_023 + k) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;

    fn agrees(x: f64) {
        assert_eq!(exp(x).to_bits(), libm::exp(x).to_bits(), "exp({x:e})");
    }

    #[test]
    fn every_bit_is_that_of_libm_on_random_arguments() {
        let mut stream = Luck::new(1).stream(1, 2, 3);
        for scale in [1e-9, 1e-3, 0.4, 1.1, 3.0, 40.0, 720.0] {
            (0..100_000).for_each(|_| agrees(stream.between(-scale, scale)));
        }
        (0..100_000).map(|_| f64::from_bits(stream.bits())).filter(|x| !x.is_nan()).for_each(agrees);
    }

    #[test]
    fn every_bit_is_that_of_libm_where_its_cases_meet() {
        let ends = [0x3e30_0000, 0x3fd6_2e42, 0x3ff0_a2b2, 0x4086_232b, 0x4086_2e42, 0x7ff0_0000_u64];
        for (end, sign) in ends.into_iter().flat_map(|end| [(end, 0), (end, 1_u64 << 63)]) {
            for at in (end << 32) - 2_000..(end << 32) + 2_000 {
                agrees(f64::from_bits(at | sign));
            }
            (0..2_000).for_each(|i| agrees(f64::from_bits(((end << 32) + (1 << 32) - 1_000 + i) | sign)));
        }
        // halves of multiples of ln 2, where k changes, and the ends of the normal range
        for i in -2_200..=2_200 {
            let x = f64::from(i) * 0.5 * std::f64::consts::LN_2;
            (-50..=50).for_each(|ulps: i64| agrees(f64::from_bits((x.to_bits() as i64 + ulps) as u64)));
        }
        [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 1.0, -1.0].into_iter().for_each(agrees);
        assert!(exp(f64::NAN).is_nan());
    }
}
