//! Does the scenario do what really happened: the same period simulated many times, figure by figure against the record.
//!
//! The record is one draw of reality, so it is held against the interval in which one more simulation would lie
//! (prediction interval of the logarithm over replications, all figures together at 95 %), widened by the tolerance.

use std::collections::BTreeMap;

use super::observed::{CACHE, ESCAPES_AT, ESCAPES_FROM, Figure, Kind, Seen, Watch};
use crate::experiment::replicate::{Threads, in_parallel, seed_of};
use crate::experiment::stats::Level;
use crate::gateway::RunError;
use crate::measure::provenance::Shares;
use crate::simulation::{Lowered, simulate_seen_by};

/// What is to be said of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judgement {
    /// The record lies where simulations lie, or no further beyond than tolerated.
    Agrees,
    /// The record is so many times the simulations' middle.
    Off(f64),
    /// Simulations differ too much among themselves, or the record does not say.
    CannotTell,
}

/// A figure with its judgement.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// In the record.
    pub recorded: Option<f64>,
    /// Geometric middle of the simulations.
    pub simulated: Option<f64>,
    /// Record over simulation, with the ends that the interval allows.
    pub ratio: Option<(f64, f64, f64)>,
    /// The judgement.
    pub judgement: Judgement,
}

/// A comparison.
#[derive(Clone, Debug, Default)]
pub struct BackTest {
    /// Figure by figure.
    pub figures: Vec<Compared>,
    /// How many simulations.
    pub replications: u64,
    /// What the simulations rest on, on average.
    pub rests_on: Shares,
}

impl BackTest {
    /// Whether no figure is off.
    pub fn agrees(&self) -> bool {
        !self.figures.iter().any(|figure| matches!(figure.judgement, Judgement::Off(_)))
    }

    /// How many figures agree, are off, cannot be told.
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for figure in &self.figures {
            counts[match figure.judgement {
                Judgement::Agrees => 0,
                Judgement::Off(_) => 1,
                Judgement::CannotTell => 2,
            }] += 1;
        }
        counts
    }
}

/// Simulates `replications` times and gives what was seen of each.
///
/// # Errors
/// When the trace cannot be played.
pub fn replicate(
    lowered: &Lowered,
    watch: &Watch,
    replications: u64,
    threads: &Threads,
) -> Result<Vec<Seen>, RunError> {
    let one = |index: u64| {
        let watch = Watch { start: lowered.start, ..watch.clone() };
        simulate_seen_by(lowered, seed_of(lowered.seed, index), watch).map(|(_, watch)| watch.seen)
    };
    in_parallel(0..replications, threads, &one).into_iter().collect()
}

/// An interval wider than this factor to either side says nothing.
const TOO_WIDE: f64 = 6.0;
/// Counts that differ by less than this are the same, whatever their ratio.
const FEW_COUNTS: f64 = 5.0;
/// Shares that differ by less than this are the same.
const SMALL_SHARE: f64 = 0.005;
/// Times that differ by less than this are the same: the record is in whole ms.
const SHORT_MS: f64 = 2.0;

/// Compares the record with simulations of it. `learnt` says how many requests the accounts were learnt from for each one
/// compared, where these are others (out of sample): how healthy accounts answer is then known no better than from a
/// sample of that size, which widens the intervals of times. `None`: they were learnt from the same requests.
pub fn compare(recorded: &Seen, simulated: &[Seen], ids: &[i64], tolerance: f64, learnt: Option<f64>) -> BackTest {
    // where the record cannot know a figure there is no point in a line that says so, but for those that every log of a
    // gateway should have
    let missing = |figure: &Figure| {
        // without a single hit there is no cache to compare
        (figure.name.starts_with(CACHE) && recorded.cache.hits == 0)
            || figure.value.is_none()
                && ((!recorded.gateway && !figure.name.starts_with("upstream_ttft_ms"))
                    || figure.name.starts_with(ESCAPES_FROM)
                    || figure.name.starts_with(ESCAPES_AT))
    };
    let mut record = recorded.figures(ids);
    record.retain(|figure| !missing(figure));
    let runs: Vec<BTreeMap<String, f64>> = simulated
        .iter()
        .map(|seen| seen.figures(ids).into_iter().filter_map(|figure| Some((figure.name, figure.value?))).collect())
        .collect();
    let told = record.iter().filter(|figure| figure.value.is_some()).count();
    let level = Level::PERCENT_95.shared_by(told);
    let figures = record
        .iter()
        .map(|figure| {
            let values: Vec<f64> = runs.iter().filter_map(|run| run.get(&figure.name).copied()).collect();
            let unsure = if figure.kind == Kind::Millis { learnt.map_or(0.0, |learnt| 1.0 / learnt) } else { 0.0 };
            one(figure, &values, level, tolerance, unsure)
        })
        .collect();
    let mean = |of: fn(&Shares) -> f64| {
        simulated.iter().map(|seen| of(&seen.rests_on)).sum::<f64>() / simulated.len().max(1) as f64
    };
    let rests_on = Shares {
        same: mean(|shares| shares.same),
        observed: mean(|shares| shares.observed),
        extrapolated: mean(|shares| shares.extrapolated),
    };
    BackTest { figures, replications: simulated.len() as u64, rests_on }
}

fn one(figure: &Figure, values: &[f64], level: Level, tolerance: f64, unsure: f64) -> Compared {
    let mut compared = Compared {
        name: figure.name.clone(),
        kind: figure.kind,
        recorded: figure.value,
        simulated: None,
        ratio: None,
        judgement: Judgement::CannotTell,
    };
    let n = values.len();
    let Some(recorded) = figure.value else { return compared };
    if n < 3 {
        return compared;
    }
    // what counts as nothing, so that zeros have logarithms
    let (least, same) = match figure.kind {
        Kind::Millis => (1.0, SHORT_MS),
        Kind::Count => (1.0, FEW_COUNTS),
        Kind::Share => (0.002, SMALL_SHARE),
    };
    let log = |value: f64| libm::log(value + least);
    let logs: Vec<f64> = values.iter().map(|&value| log(value)).collect();
    let mean = logs.iter().sum::<f64>() / n as f64;
    let variance = logs.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1) as f64;
    let half = level.t(n) * (variance * (1.0 + 1.0 / n as f64 + unsure)).sqrt();
    let off = log(recorded) - mean;
    let middle = libm::exp(mean) - least;
    compared.simulated = Some(middle.max(0.0));
    compared.ratio = Some((libm::exp(off), libm::exp(off - half), libm::exp(off + half)));
    let low = libm::exp(mean - half) - least;
    let high = libm::exp(mean + half) - least;
    let beyond = (off.abs() - half).max(0.0);
    let hardly = (low - recorded).max(recorded - high) <= same;
    compared.judgement = if beyond > libm::log1p(tolerance) && !hardly {
        Judgement::Off(libm::exp(off))
    } else if half > libm::log(TOO_WIDE) && high - low > 4.0 * same {
        Judgement::CannotTell
    } else {
        Judgement::Agrees
    };
    compared
}

/// How far simulations are from the record in what depends on sessions, for the choice among assumptions: less is nearer.
pub fn distance(recorded: &Seen, simulated: &[Seen], ids: &[i64]) -> f64 {
    let compared = compare(recorded, simulated, ids, 0.0, None);
    // what many accounts or parts of the period have each would count many times over
    let of = |figure: &&Compared| {
        !["accounts.", ESCAPES_FROM, ESCAPES_AT].iter().any(|start| figure.name.starts_with(start))
    };
    compared
        .figures
        .iter()
        .filter(of)
        .filter_map(|figure| {
            let scale = if figure.kind == Kind::Millis { 2.0 } else { 1.0 };
            figure.ratio.map(|(ratio, _, _)| (scale * libm::log(ratio).abs()).min(2.0))
        })
        .sum()
}
