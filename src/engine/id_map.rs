//! A hash map keyed by whole numbers with a fixed hasher: for look-ups only, its order must never show.

use std::hash::{BuildHasherDefault, Hasher};

/// A map keyed by `u32` or `u64` identifiers. Iterate over it only where the order cannot show (counting, retaining).
#[expect(clippy::disallowed_types, reason = "fixed hasher, and callers never let the order show")]
pub type IdMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Fibonacci hashing with a final fold: two instructions an identifier, good spread in the high and the low bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value ^ 0x243f_6a88_85a3_08d3) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}
