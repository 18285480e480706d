//! How slow the slowest were, in the record and in the simulations: for the picture of a calibration.

use super::observed::Seen;
use super::robust::sorted;

/// A time to first token, and the shares of answers that were slower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slower {
    /// The upstream TTFT in ms.
    pub ttft_ms: f64,
    /// In the record.
    pub recorded: f64,
    /// In simulations: the least share, the middle one, the greatest.
    pub simulated: (f64, f64, f64),
}

/// Times between the least and the greatest, evenly in their logarithm.
const TIMES: usize = 120;

/// Of a record and its simulations; empty where either has no times.
pub fn tails(recorded: &Seen, simulated: &[Seen]) -> Vec<Slower> {
    let times = |seen: &Seen| {
        let all: Vec<f64> = seen.accounts.iter().flat_map(|(_, ttfts)| ttfts.iter().copied()).collect();
        sorted(&all)
    };
    let record = times(recorded);
    let runs: Vec<Vec<f64>> = simulated.iter().map(times).filter(|run| !run.is_empty()).collect();
    let ends = |of: fn(&Vec<f64>) -> Option<f64>, choose: fn(f64, f64) -> f64| {
        runs.iter().chain([&record]).filter_map(of).reduce(choose)
    };
    let least = ends(|run| run.iter().copied().find(|&ms| ms > 0.0), f64::min);
    let most = ends(|run| run.last().copied(), f64::max);
    let (Some(least), Some(most), false, false) = (least, most, record.is_empty(), runs.is_empty()) else {
        return Vec::new();
    };
    let share = |of: &[f64], ms: f64| (of.len() - of.partition_point(|&each| each <= ms)) as f64 / of.len() as f64;
    let step = libm::log(most / least) / (TIMES - 1) as f64;
    (0..TIMES)
        .map(|at| {
            let ttft_ms = if at + 1 == TIMES { most } else { least * libm::exp(step * at as f64) };
            let shares = sorted(&runs.iter().map(|run| share(run, ttft_ms)).collect::<Vec<_>>());
            let simulated = (shares[0], shares[shares.len() / 2], shares[shares.len() - 1]);
            Slower { ttft_ms, recorded: share(&record, ttft_ms), simulated }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fall_from_nearly_all_to_none_and_simulations_stand_in_order() {
        let seen = |times: &[f64]| Seen { accounts: vec![(times.len() as u64, times.to_vec())], ..Seen::default() };
        let tails = tails(&seen(&[100.0, 200.0, 300.0, 400.0]), &[seen(&[100.0, 800.0]), seen(&[150.0, 250.0])]);
        assert_eq!(tails.len(), TIMES);
        assert_eq!((tails[0].recorded, tails[TIMES - 1].simulated), (0.75, (0.0, 0.0, 0.0)));
        let two = tails.iter().find(|each| each.ttft_ms > 200.0).unwrap();
        assert_eq!((two.recorded, two.simulated), (0.5, (0.5, 0.5, 0.5)));
        assert!(tails.iter().all(|each| each.simulated.0 <= each.simulated.1 && each.simulated.1 <= each.simulated.2));
        assert!(super::tails(&Seen::default(), &[]).is_empty());
    }
}
