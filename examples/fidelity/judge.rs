//! Holds the repetitions of a case against its recording: a figure agrees when the recorded value lies inside the range
//! of the repetitions.

use stickysim::engine::Luck;

use crate::case::Case;
use crate::play::{Manner, Played, play};

/// One figure of a case.
pub struct Figure {
    pub name: String,
    pub recorded: f64,
    /// The same over all plays of the case, where it was recorded several times.
    pub plays: (f64, f64),
    pub median: f64,
    pub range: (f64, f64),
    /// Whether it is a percentile of felt TTFT.
    pub percentile: bool,
}

impl Figure {
    /// Whether the recorded value lies inside the range of the repetitions; of a case that was played several times,
    /// whether the two ranges overlap.
    pub fn inside(&self) -> bool {
        self.range.0 <= self.plays.1 && self.plays.0 <= self.range.1
    }

    /// How far outside, relative to the nearer end of the range; 0 inside.
    pub fn off(&self) -> f64 {
        let (low, high) = self.range;
        if self.plays.1 < low {
            (low - self.plays.1) / low
        } else if self.plays.0 > high {
            (self.plays.0 - high) / high
        } else {
            0.0
        }
    }
}

/// What is asked of a recording, and of a repetition.
enum Asked {
    Percentile(f64),
    Http(u16),
    Attempts,
    Escapes(&'static str),
    Share(i64),
}

impl Asked {
    fn name(&self) -> String {
        match self {
            Self::Percentile(p) => format!("felt TTFT p{p}, ms"),
            Self::Http(0) => "clients gone".to_owned(),
            Self::Http(http) => format!("HTTP {http}"),
            Self::Attempts => "attempts".to_owned(),
            Self::Escapes(reason) => format!("escapes {reason}"),
            Self::Share(id) => format!("share of account {id}"),
        }
    }

    fn of_recording(&self, case: &Case) -> f64 {
        let visits = || case.requests.iter().flat_map(|client| &client.visits);
        match *self {
            Self::Percentile(p) => {
                percentile_of(&sorted(case.requests.iter().filter_map(|client| client.felt_ms)), p / 100.0)
            }
            Self::Http(http) => case.requests.iter().filter(|client| client.http == http).count() as f64,
            Self::Attempts => visits().count() as f64,
            Self::Escapes(reason) => case.escapes.get(reason).copied().unwrap_or(0) as f64,
            Self::Share(id) => {
                visits().filter(|visit| visit.account == id).count() as f64 / visits().count().max(1) as f64
            }
        }
    }

    fn of_play(&self, played: &Played) -> f64 {
        match *self {
            Self::Percentile(p) => percentile_of(&sorted(played.felt_ms.iter().copied()), p / 100.0),
            Self::Http(http) => played.http.get(&http).copied().unwrap_or(0) as f64,
            Self::Attempts => played.visits as f64,
            Self::Escapes(reason) => played.escapes.get(reason).copied().unwrap_or(0) as f64,
            Self::Share(id) => played.by_account.get(&id).copied().unwrap_or(0) as f64 / played.visits.max(1) as f64,
        }
    }
}

/// All figures of a case over this many repetitions. `plays` are all recordings of this case, itself among them.
pub fn judge(case: &Case, plays: &[&Case], repetitions: u64) -> Vec<Figure> {
    use rayon::prelude::*;
    let once = |i| play(case, Luck::new(1).replication(i + 1), &Manner::Drawn);
    let played: Vec<Played> = (0..repetitions).into_par_iter().map(once).collect();
    let mut statuses: Vec<u16> = plays.iter().flat_map(|case| &case.requests).map(|client| client.http).collect();
    statuses.extend(played.iter().flat_map(|p| p.http.keys().copied()));
    statuses.sort_unstable();
    statuses.dedup();
    let asked = [50.0, 90.0, 95.0, 99.0].map(Asked::Percentile).into_iter();
    let asked = asked.chain(statuses.into_iter().map(Asked::Http)).chain([Asked::Attempts]);
    let asked = asked.chain(["ttft", "error_rate", "concurrency_full"].map(Asked::Escapes));
    let asked = asked.chain(case.accounts.iter().map(|&(id, _)| Asked::Share(id)));
    let mut figures = Vec::new();
    for asked in asked {
        let mut values: Vec<f64> = played.iter().map(|played| asked.of_play(played)).collect();
        values.sort_by(f64::total_cmp);
        let range = (values[0], values[values.len() - 1]);
        let of_plays = sorted(plays.iter().map(|case| asked.of_recording(case)));
        let plays = (of_plays[0], of_plays[of_plays.len() - 1]);
        if plays.1 != 0.0 || range.1 != 0.0 {
            let (recorded, percentile) = (asked.of_recording(case), matches!(asked, Asked::Percentile(_)));
            let median = percentile_of(&values, 0.5);
            figures.push(Figure { name: asked.name(), recorded, plays, median, range, percentile });
        }
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
