//! Holds the repetitions of a case against its recording: a figure agrees when the recorded value lies inside the range
//! of the repetitions.

use stickysim::engine::Luck;

use crate::case::Case;
use crate::play::{Manner, Played, play};

/// One figure of a case.
pub struct Figure {
    pub name: String,
    pub recorded: f64,
    pub median: f64,
    pub range: (f64, f64),
    /// Whether it is a percentile of felt TTFT.
    pub percentile: bool,
}

impl Figure {
    /// Whether the recorded value lies inside the range of the repetitions.
    pub fn inside(&self) -> bool {
        self.range.0 <= self.recorded && self.recorded <= self.range.1
    }

    /// How far outside, relative to the nearer end of the range; 0 inside.
    pub fn off(&self) -> f64 {
        let (low, high) = self.range;
        if self.recorded < low {
            (low - self.recorded) / low
        } else if self.recorded > high {
            (self.recorded - high) / high
        } else {
            0.0
        }
    }
}

/// All figures of a case over this many repetitions.
pub fn judge(case: &Case, repetitions: u64) -> Vec<Figure> {
    use rayon::prelude::*;
    let once = |i| play(case, Luck::new(1).replication(i + 1), &Manner::Drawn);
    let played: Vec<Played> = (0..repetitions).into_par_iter().map(once).collect();
    let mut figures = Vec::new();
    let mut add = |name: String, recorded: f64, of: &dyn Fn(&Played) -> f64| {
        let mut values: Vec<f64> = played.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let range = (values[0], values[values.len() - 1]);
        if recorded != 0.0 || range.1 != 0.0 {
            let percentile = name.starts_with("felt");
            figures.push(Figure { name, recorded, median: percentile_of(&values, 0.5), range, percentile });
        }
    };
    let recorded: Vec<f64> = sorted(case.requests.iter().filter_map(|client| client.felt_ms));
    for p in [50.0, 90.0, 95.0, 99.0] {
        let of = |played: &Played| percentile_of(&sorted(played.felt_ms.iter().copied()), p / 100.0);
        add(format!("felt TTFT p{p}, ms"), percentile_of(&recorded, p / 100.0), &of);
    }
    let mut statuses: Vec<u16> = case.requests.iter().map(|client| client.http).collect();
    statuses.extend(played.iter().flat_map(|p| p.http.keys().copied()));
    statuses.sort_unstable();
    statuses.dedup();
    for http in statuses {
        let count = case.requests.iter().filter(|client| client.http == http).count();
        let name = if http == 0 { "clients gone".to_owned() } else { format!("HTTP {http}") };
        add(name, count as f64, &|played| played.http.get(&http).copied().unwrap_or(0) as f64);
    }
    let visits: usize = case.requests.iter().map(|client| client.visits.len()).sum();
    add("attempts".to_owned(), visits as f64, &|played| played.visits as f64);
    for reason in ["ttft", "error_rate", "concurrency_full"] {
        let recorded = case.escapes.get(reason).copied().unwrap_or(0) as f64;
        add(format!("escapes {reason}"), recorded, &|played| played.escapes.get(reason).copied().unwrap_or(0) as f64);
    }
    for &(id, _) in &case.accounts {
        let own = case.requests.iter().flat_map(|client| &client.visits).filter(|visit| visit.account == id).count();
        let of =
            |played: &Played| played.by_account.get(&id).copied().unwrap_or(0) as f64 / played.visits.max(1) as f64;
        add(format!("share of account {id}"), own as f64 / visits.max(1) as f64, &of);
    }
    figures
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// By linear interpolation between order statistics; NaN of nothing.
fn percentile_of(sorted: &[f64], p: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let place = p * (sorted.len() - 1) as f64;
    let (low, share) = (place as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * share
}
