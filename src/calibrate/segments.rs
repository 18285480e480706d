//! Which level a series was at when: penalised segmentation over a grid of levels.
//!
//! The best piecewise constant path minimises the sum of the values' costs at their levels plus a penalty for each
//! change: what optimal partitioning and PELT minimise (Killick, Fearnhead and Eckley 2012), with the level taken
//! from a grid, so that the exact answer costs `n` times the number of levels whatever the series looks like. PELT's
//! pruning needs many changes to be fast, and a healthy account has none. The cost of a value may be bounded
//! (biweight, Fearnhead and Rigaill 2019): then an outlier costs the same at every level and no single one can buy
//! two changes.

/// A stretch at one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First value.
    pub from: usize,
    /// One past the last value.
    pub to: usize,
    /// Its level: a place in the grid.
    pub level: usize,
}

/// Most levels of a grid.
pub const MOST_LEVELS: usize = 32;

/// The best path of `n` values over `levels` levels; `cost` of a value at a level, `penalty` of a change.
pub fn segment(n: usize, levels: usize, penalty: f64, cost: impl Fn(usize, usize) -> f64) -> Vec<Segment> {
    let levels = levels.clamp(1, MOST_LEVELS);
    let mut best = [0.0_f64; MOST_LEVELS];
    // of each value: whether a level is best reached by a change, and from which level one changes
    let mut changed: Vec<u32> = Vec::with_capacity(n);
    let mut from: Vec<u8> = Vec::with_capacity(n);
    for i in 0..n {
        let least = (0..levels).min_by(|&a, &b| best[a].total_cmp(&best[b])).unwrap_or(0);
        let by_change = best[least] + penalty;
        let mut mask = 0_u32;
        for (level, sum) in best.iter_mut().enumerate().take(levels) {
            if i > 0 && by_change < *sum {
                *sum = by_change;
                mask |= 1 << level;
            }
            *sum += cost(i, level);
        }
        changed.push(mask);
        from.push(least as u8);
    }
    let mut level = (0..levels).min_by(|&a, &b| best[a].total_cmp(&best[b])).unwrap_or(0);
    let mut segments = Vec::new();
    let mut to = n;
    for i in (0..n).rev() {
        if changed[i] & (1 << level) != 0 {
            segments.push(Segment { from: i, to, level });
            to = i;
            level = usize::from(from[i]);
        }
    }
    if to > 0 {
        segments.push(Segment { from: 0, to, level });
    }
    segments.reverse();
    segments
}

/// Squared distance, but never more than `bound` squared.
pub fn biweight(distance: f64, bound: f64) -> f64 {
    (distance * distance).min(bound * bound)
}

/// The penalty of a change in a series of `n` values: Schwarz's, and the choice among the levels.
pub fn penalty(n: usize, levels: usize) -> f64 {
    2.0 * libm::log(n.max(20) as f64) + 2.0 * libm::log(levels.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;

    fn levels_of(values: &[f64]) -> Vec<Segment> {
        let grid = [0.0, 3.0, 6.0];
        segment(values.len(), grid.len(), penalty(values.len(), grid.len()), |i, level| {
            biweight(values[i] - grid[level], 3.0)
        })
    }

    #[test]
    fn the_answer_is_that_of_trying_every_path() {
        for seed in 0..200 {
            let mut stream = Luck::new(seed).stream(1, 0, 0);
            let values: Vec<f64> = (0..7).map(|_| stream.between(-2.0, 8.0)).collect();
            let cost = |i: usize, level: usize| biweight(values[i] - 3.0 * level as f64, 3.0);
            let total = |path: &dyn Fn(usize) -> usize| -> f64 {
                (0..7).map(|i| cost(i, path(i)) + if i > 0 && path(i) != path(i - 1) { 4.0 } else { 0.0 }).sum()
            };
            let best = (0..3_usize.pow(7))
                .map(|code| total(&|i| code / 3_usize.pow(i as u32) % 3))
                .fold(f64::INFINITY, f64::min);
            let segments = segment(7, 3, 4.0, cost);
            let ours = total(&|i| segments.iter().find(|s| s.from <= i && i < s.to).unwrap().level);
            assert!((ours - best).abs() < 1e-9, "seed {seed}: {ours} instead of {best}");
        }
    }

    #[test]
    fn a_shift_is_found_where_it_is_and_spikes_are_none() {
        let mut values = vec![0.0; 300];
        values[100..140].fill(6.0);
        for spike in [20, 21, 60, 200, 201, 202, 250] {
            values[spike] = 9.0;
        }
        let segments = levels_of(&values);
        let bad: Vec<_> = segments.iter().filter(|s| s.level > 0).map(|s| (s.from, s.to)).collect();
        assert_eq!(bad, [(100, 140)]);
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert!(segment(0, 3, 1.0, |_, _| 0.0).is_empty());
    }
}
