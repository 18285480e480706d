//! Keyed random streams: luck belongs to things, not to the order of events.
//!
//! Every random number of a run comes from a stream that is keyed by (seed, purpose, what it is about). So the TTFT
//! noise of request 4711's second attempt is the same number whatever else happened before, two policies on one seed
//! face the same luck (common random numbers), and a new account or metric reshuffles nothing (spec simulator.md, "One
//! run").
//!
//! A stream is a Xoshiro256++ generator seeded through SplitMix64 from the mixed key: creating one costs some 14 ns,
//! so one for each (purpose, index) is affordable.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// The seed of a run, from which every stream is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Luck {
    seed: u64,
}

/// One keyed stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    generator: Xoshiro256PlusPlus,
}

/// SplitMix64's finaliser: a bijection of 64 bits in which every input bit reaches every output bit.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Luck {
    /// The luck of the run with this seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed that this luck was made from.
    pub const fn seed(self) -> u64 {
        self.seed
    }

    /// The 64-bit key of (seed, purpose, a, b), for callers that need a number and no stream.
    #[inline]
    pub const fn key(self, purpose: u64, a: u64, b: u64) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let key = mix(self.seed.wrapping_add(STEP));
        let key = mix(key.wrapping_add(purpose).wrapping_add(STEP));
        let key = mix(key.wrapping_add(a).wrapping_add(STEP));
        mix(key.wrapping_add(b).wrapping_add(STEP))
    }

    /// The stream for `purpose` about the thing that is named by `a` and `b` (say: request and attempt).
    #[inline]
    pub fn stream(self, purpose: u64, a: u64, b: u64) -> Stream {
        Stream { generator: Xoshiro256PlusPlus::seed_from_u64(self.key(purpose, a, b)) }
    }

    /// The luck of replication `index`: replication 0 is the seed itself.
    pub const fn replication(self, index: u64) -> Self {
        if index == 0 { self } else { Self { seed: self.key(0x5245_504c, index, 0) } }
    }
}

impl Stream {
    /// A private stream, seeded by one word of another: for methods that take an unknown number of draws.
    pub fn from_word(word: u64) -> Self {
        Self { generator: Xoshiro256PlusPlus::seed_from_u64(word) }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform on the open interval (0, 1), on a grid of 2^-53 shifted by half a step: never 0, never 1, so that
    /// quantile functions may be applied to it as it is.
    #[inline]
    pub fn open01(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
    }

    /// True with this probability; 0 or less never, 1 or more always.
    #[inline]
    pub fn chance(&mut self, probability: f64) -> bool {
        self.open01() < probability
    }

    /// Uniform on (low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.open01()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_its_key_alone() {
        let luck = Luck::new(7);
        let mut a = luck.stream(1, 2, 3);
        let _ = luck.stream(9, 9, 9).bits();
        let mut b = luck.stream(1, 2, 3);
        assert!((0..100).all(|_| a.bits() == b.bits()));
        let first = |l: Luck, p, x, y| l.stream(p, x, y).bits();
        let reference = first(luck, 1, 2, 3);
        for other in [first(Luck::new(8), 1, 2, 3), first(luck, 2, 2, 3), first(luck, 1, 3, 2), first(luck, 1, 2, 4)] {
            assert_ne!(reference, other);
        }
    }

    #[test]
    fn uniforms_of_neighbouring_keys_are_uniform_and_uncorrelated() {
        let luck = Luck::new(1);
        let n = 200_000;
        let draws: Vec<f64> = (0..n).map(|i| luck.stream(3, i, 0).open01()).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let lag: f64 = draws.windows(2).map(|w| (w[0] - 0.5) * (w[1] - 0.5)).sum::<f64>() / (n - 1) as f64 * 12.0;
        // five standard errors: 5 * sqrt(1/12/n) = 0.0032, 5 / sqrt(n) = 0.011
        assert!((mean - 0.5).abs() < 0.0033, "mean {mean}");
        assert!(lag.abs() < 0.0112, "lag-1 correlation {lag}");
    }

    #[test]
    fn the_bits_of_a_stream_are_pinned() {
        let mut stream = Luck::new(42).stream(1, 2, 3);
        let got: Vec<u64> = (0..3).map(|_| stream.bits()).collect();
        assert_eq!(got, PINNED);
    }
    const PINNED: [u64; 3] = [16584239275954207004, 14797854159218563939, 9843351877725226820];
}
