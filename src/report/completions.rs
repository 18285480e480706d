//! How many slow completions it takes until the escape gate shuts, and how many good ones until it opens again: the
//! arithmetic of an exponentially weighted average (spec simulator.md, Experiments).

use crate::measure::EscapeGate;

/// After how many completions at `level` an average that stood at `baseline` is over `threshold`, with weight `alpha`
/// on the newest sample: `ceil(ln((L-T)/(L-b)) / ln(1-alpha))`; all in the same unit. `None`: never, as the level
/// itself is not over the threshold. 0: the baseline is over it already.
pub fn until_it_fires(baseline: f64, threshold: f64, level: f64, alpha: f64) -> Option<u32> {
    if baseline > threshold {
        return Some(0);
    }
    (level > threshold).then(|| samples((level - threshold) / (level - baseline), alpha))
}

/// After how many completions at `level` an average that stood at `peak` is no longer over `threshold`. `None`: never,
/// as the level itself is over the threshold, or only approaches it. 0: the peak is not over it.
pub fn until_it_lets_go(peak: f64, threshold: f64, level: f64, alpha: f64) -> Option<u32> {
    if peak <= threshold {
        return Some(0);
    }
    (level < threshold).then(|| samples((threshold - level) / (peak - level), alpha))
}

/// How many steps until `(1-alpha)^n` is down to `share`.
fn samples(share: f64, alpha: f64) -> u32 {
    if alpha >= 1.0 {
        return 1;
    }
    // the division is off by a few last bits: what is whole must not be rounded up
    let n = libm::log(share) / libm::log1p(-alpha);
    // beyond what the type holds it is that; see `in_words`
    (n - 1e-9).ceil().max(1.0) as u32
}

/// A number of completions as reports write it.
pub fn in_words(completions: u32) -> String {
    if completions == u32::MAX { "over 4 billion".to_owned() } else { completions.to_string() }
}

/// The levels that reports show for a threshold in ms: at the default of 15 s these are 16, 20, 30 and 50 s.
pub fn levels(threshold_ms: f64) -> [f64; 4] {
    [16.0, 20.0, 30.0, 50.0].map(|level| threshold_ms * level / 15.0)
}

/// The levels with their numbers of completions, from this baseline in ms.
pub fn table(gate: &EscapeGate, baseline_ms: f64) -> [(f64, Option<u32>); 4] {
    let threshold = gate.ttft_ms as f64;
    levels(threshold).map(|level| (level, until_it_fires(baseline_ms, threshold, level, gate.ewma_alpha)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specs_own_example() {
        let gate = EscapeGate::default();
        let expected = [(16_000.0, Some(13)), (20_000.0, Some(6)), (30_000.0, Some(3)), (50_000.0, Some(2))];
        assert_eq!(table(&gate, 1_300.0), expected);
        assert_eq!(until_it_fires(1_300.0, 15_000.0, 15_000.0, 0.2), None);
        assert_eq!(until_it_fires(15_001.0, 15_000.0, 20_000.0, 0.2), Some(0));
    }

    #[test]
    fn the_formula_agrees_with_averaging_step_by_step() {
        for alpha in [0.05, 0.2, 0.5, 0.9, 1.0] {
            for level in [15_100.0, 17_100.0, 40_000.0, 200_000.0] {
                let average = |mut average: f64, level: f64, going_on: fn(f64) -> bool| {
                    let mut n = 0;
                    while going_on(average) {
                        average = alpha * level + (1.0 - alpha) * average;
                        n += 1;
                    }
                    n
                };
                let fires = average(1_000.0, level, |average| average <= 15_000.0);
                assert_eq!(until_it_fires(1_000.0, 15_000.0, level, alpha), Some(fires), "{alpha} {level}");
                let lets_go = average(level, 1_000.0, |average| average > 15_000.0);
                assert_eq!(until_it_lets_go(level, 15_000.0, 1_000.0, alpha), Some(lets_go), "{alpha} {level}");
            }
        }
        assert_eq!(until_it_lets_go(20_000.0, 15_000.0, 15_000.0, 0.2), None);
    }

    #[test]
    fn the_smallest_weights_take_the_most_completions() {
        let fires = |alpha| until_it_fires(1_300.0, 15_000.0, 20_000.0, alpha).map(in_words);
        assert_eq!(fires(1e-6).as_deref(), Some("1319085"));
        for alpha in [1e-12, 1e-17, 1e-300] {
            assert_eq!(fires(alpha).as_deref(), Some("over 4 billion"), "{alpha}");
        }
    }
}
