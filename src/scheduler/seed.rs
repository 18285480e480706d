//! Where the draw's randomness comes from: a hash of what the request is about, and a small generator seeded with it.
//!
//! One session therefore asks the same order of accounts again and again while their scores stay the same, and a
//! request without a session is spread by time (spec scheduler.md, layer 3).

use crate::units::Time;

/// What stands in for a seed of 0, which xorshift could not leave.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The texts that a draw's seed is made of, trimmed; blank ones are empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeedTexts<'a> {
    /// The session hash.
    pub session: &'a [u8],
    /// The previous response id.
    pub previous: &'a [u8],
    /// The model's name.
    pub model: &'a [u8],
    /// The group's id, if there is one.
    pub group: Option<i64>,
}

/// The seed of a request's draw: FNV-1a 64 over its texts, mixed with the time when it has neither session nor
/// previous response.
pub fn selection_seed(texts: &SeedTexts<'_>, now: Time) -> u64 {
    let mut hash = Fnv1a::new();
    for text in [texts.session, texts.previous, texts.model] {
        if !text.is_empty() {
            hash.write(text);
            hash.write(&[0]);
        }
    }
    if let Some(group) = texts.group {
        hash.write_decimal(group);
    }
    let mut seed = hash.0;
    if texts.session.is_empty() && texts.previous.is_empty() {
        seed ^= now.unix_nanos();
    }
    if seed == 0 { now.unix_nanos() ^ GOLDEN_GAMMA } else { seed }
}

/// FNV-1a, 64 bits.
struct Fnv1a(u64);

impl Fnv1a {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_decimal(&mut self, number: i64) {
        let mut digits = [0; 20]; // u64::MAX has 20
        let mut start = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            self.write(b"-");
        }
        self.write(&digits[start..]);
    }
}

/// xorshift64*: the generator of one draw.
#[derive(Clone, Debug)]
pub struct Generator(u64);

impl Generator {
    /// From a seed; 0 is replaced.
    pub const fn new(seed: u64) -> Self {
        Self(if seed == 0 { GOLDEN_GAMMA } else { seed })
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(2_685_821_657_736_338_717)
    }

    /// The next number in 0..1, on a grid of 2^-53.
    pub const fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fnv(number: i64) -> u64 {
        let mut hash = Fnv1a::new();
        hash.write_decimal(number);
        hash.0
    }

    #[test]
    fn a_group_id_is_hashed_as_its_decimal_text() {
        for (number, text) in [(0, "0"), (7, "7"), (-120, "-120"), (i64::MIN, "-9223372036854775808")] {
            let mut hash = Fnv1a::new();
            hash.write(text.as_bytes());
            assert_eq!(fnv(number), hash.0, "{text}");
        }
        // The published check value of FNV-1a 64 for "a".
        let mut hash = Fnv1a::new();
        hash.write(b"a");
        assert_eq!(hash.0, 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn time_counts_only_without_session_and_previous_response() {
        let at = |texts: &SeedTexts<'_>, nanos| selection_seed(texts, Time::from_unix_nanos(nanos));
        let sticky = SeedTexts { session: b"s", ..SeedTexts::default() };
        assert_eq!(at(&sticky, 1), at(&sticky, 2));
        let previous = SeedTexts { previous: b"p", ..SeedTexts::default() };
        assert_eq!(at(&previous, 1), at(&previous, 2));
        let anonymous = SeedTexts { model: b"m", ..SeedTexts::default() };
        assert_ne!(at(&anonymous, 1), at(&anonymous, 2));
    }

    #[test]
    fn a_seed_of_zero_is_replaced() {
        // With nothing to hash, FNV's offset basis is XORed with the time: this instant gives 0.
        let now = 0xcbf2_9ce4_8422_2325;
        assert_eq!(selection_seed(&SeedTexts::default(), Time::from_unix_nanos(now)), now ^ GOLDEN_GAMMA);
        assert_eq!(Generator::new(0).next_u64(), Generator::new(GOLDEN_GAMMA).next_u64());
    }
}
