//! How a request waits for a slot: by polling, each pause longer than the one before. There is no queue order, whoever
//! polls first after a release gets the slot (spec gateway.md, step 4).

use crate::engine::Luck;
use crate::units::Span;

/// The pause before the first poll, and the shortest one.
pub(super) const FIRST_PAUSE: Span = Span::from_millis(100);
const LONGEST_PAUSE: Span = Span::from_secs(2);
const GROWTH: f64 = 1.5;

/// Purpose of the stream of waiting jitter.
const PURPOSE: u64 = 0x7761_6974;

/// The pause after `pause`: half as long again, at most 2 s, times a uniform factor in `1 - jitter` to `1 + jitter`,
/// clamped to 100 ms to 2 s, whole nanoseconds rounded down. The factor of poll number `poll` of wait number `wait` of
/// a request is its own luck.
pub(super) fn next_pause(pause: Span, jitter: f64, luck: Luck, request: u64, wait: u32, poll: u32) -> Span {
    let longer = ((pause.nanos() as f64 * GROWTH) as u64).min(LONGEST_PAUSE.nanos());
    if jitter <= 0.0 {
        return Span::from_nanos(longer);
    }
    let factor =
        luck.stream(PURPOSE, request, u64::from(wait) << 32 | u64::from(poll)).between(1.0 - jitter, 1.0 + jitter);
    let pause = (longer as f64 * factor) as u64;
    Span::from_nanos(pause.clamp(FIRST_PAUSE.nanos(), LONGEST_PAUSE.nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_jitter_pauses_grow_by_half_up_to_two_seconds() {
        let mut pause = FIRST_PAUSE;
        let mut seen = Vec::new();
        for poll in 0..9 {
            pause = next_pause(pause, 0.0, Luck::new(1), 1, 0, poll);
            seen.push(pause.nanos() / 1_000);
        }
        assert_eq!(seen, [150_000, 225_000, 337_500, 506_250, 759_375, 1_139_062, 1_708_593, 2_000_000, 2_000_000]);
    }

    #[test]
    fn with_jitter_pauses_stay_within_a_fifth_and_within_the_clamp() {
        let mut spread = (f64::MAX, f64::MIN);
        for request in 0..2_000 {
            let ratio = next_pause(Span::from_millis(400), 0.2, Luck::new(1), request, 0, 0).millis() / 600.0;
            spread = (spread.0.min(ratio), spread.1.max(ratio));
            let long = next_pause(Span::from_secs(2), 0.2, Luck::new(1), request, 0, 0);
            assert!(long <= LONGEST_PAUSE);
            assert!(next_pause(Span::from_millis(50), 0.2, Luck::new(1), request, 0, 0) >= FIRST_PAUSE);
        }
        assert!(spread.0 >= 0.8 && spread.0 < 0.81 && spread.1 <= 1.2 && spread.1 > 1.19, "{spread:?}");
    }
}
