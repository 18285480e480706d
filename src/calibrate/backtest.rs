//! Does the scenario do what really happened: the same period simulated many times, figure by figure against the
//! record.
//!
//! The record is one draw of reality, so it is held against the envelope in which one more simulation would lie with
//! all of its figures (`envelope`), widened by the tolerance. Every simulation deals the names of sessions anew, as
//! the gateway's own are not known.

use std::collections::BTreeMap;

use std::ops::Range;

use super::envelope::{Envelope, Measured, Spread};
use super::observed::{CACHE, ESCAPES_AT, ESCAPES_FROM, Kind, Seen, SeenFigure, Watch};
use crate::experiment::replicate::{Threads, in_parallel, seed_of};
use crate::gateway::RunError;
use crate::measure::provenance::Shares;
use crate::simulation::{Lowered, simulate_seen_by};

/// Whether the simulations agree with the record in one figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FigureAgreement {
    /// The record lies where simulations lie, or no further beyond than tolerated.
    Agrees,
    /// The record is so many times the simulations' middle.
    Off(f64),
    /// Simulations differ too much among themselves, or the record does not say.
    Undecided,
}

/// A figure with its judgement.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The name by which reports call it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// In the record.
    pub recorded: Option<f64>,
    /// Geometric middle of the simulations.
    pub simulated: Option<f64>,
    /// Record over simulation, with the ends that the interval allows.
    pub ratio: Option<(f64, f64, f64)>,
    /// What the ratio and its interval say.
    pub judgement: FigureAgreement,
}

/// The record held against simulations of its period.
#[derive(Clone, Debug, Default)]
pub struct BackTest {
    /// Figure by figure.
    pub figures: Vec<Compared>,
    /// How many simulations.
    pub replications: u64,
    /// Whether further simulations would not change the answer.
    pub is_clear: bool,
    /// What the simulations rest on, on average.
    pub rests_on: Shares,
}

impl BackTest {
    /// Whether no figure is off.
    pub fn agrees(&self) -> bool {
        !self.figures.iter().any(|figure| matches!(figure.judgement, FigureAgreement::Off(_)))
    }

    /// How many figures agree, are off, and are undecided.
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for figure in &self.figures {
            counts[match figure.judgement {
                FigureAgreement::Agrees => 0,
                FigureAgreement::Off(_) => 1,
                FigureAgreement::Undecided => 2,
            }] += 1;
        }
        counts
    }
}

/// Simulates replications and gives what was seen of each.
///
/// # Errors
/// When the trace cannot be played.
pub fn replicate(
    lowered: &Lowered,
    watch: &Watch,
    replications: Range<u64>,
    threads: &Threads,
) -> Result<Vec<Seen>, RunError> {
    let one = |index: u64| {
        let watch = Watch { start: lowered.start, ..watch.clone() };
        simulate_seen_by(lowered, seed_of(lowered.seed, index), watch).map(|(_, watch)| watch.seen)
    };
    in_parallel(replications, threads, &one).into_iter().collect()
}

/// An interval wider than this factor to either side says nothing.
const TOO_WIDE: f64 = 6.0;
/// Simulations that differ by no more are alike.
const NO_SPREAD: f64 = 1e-6;
/// Counts that differ by less than this are the same, whatever their ratio.
const FEW_COUNTS: f64 = 5.0;
/// Shares that differ by less than this are the same.
const SMALL_SHARE: f64 = 0.005;
/// Times that differ by less than this are the same: the record is in whole ms.
const SHORT_MS: f64 = 2.0;
/// Spreads that make up a difference that is none.
const SAME_SPREADS: f64 = 3.0;

/// A record with simulations of it.
#[derive(Clone, Debug)]
pub struct Test<'a> {
    /// What was recorded.
    pub recorded: &'a Seen,
    /// What was simulated.
    pub simulated: &'a [Seen],
    /// How many requests the accounts were learnt from for each one compared, where these are others (out of sample):
    /// how healthy accounts answer is then known no better than from a sample of that size, which widens the
    /// intervals of times. `None`: they were learnt from the same requests.
    pub learnt: Option<f64>,
    /// Sessions of the simulations are assumed: what hangs on them is known to a factor only.
    pub assumed: bool,
}

/// A figure of a test in logarithms.
struct Row {
    figure: SeenFigure,
    recorded: Option<f64>,
    simulated: Vec<f64>,
    spread: Spread,
    least: f64,
    /// By how much the record is less sure than a simulation.
    unsure: f64,
    /// How many spreads count as one.
    scale: f64,
    /// How far off the record may be beyond the envelope.
    allowed: f64,
}

/// Where sessions are assumed, what hangs on them is compared to within this factor.
pub const ASSUMED: f64 = 3.0;

fn hangs_on_sessions(figure: &str) -> bool {
    ["escapes.", "session_moves.", CACHE].iter().any(|start| figure.starts_with(start))
}

/// What counts as nothing, so that zeros have logarithms; and which differences are none.
const fn nothing(kind: Kind) -> (f64, f64) {
    match kind {
        Kind::Millis => (1.0, SHORT_MS),
        Kind::Count => (1.0, FEW_COUNTS),
        Kind::Share => (0.002, SMALL_SHARE),
    }
}

fn log(kind: Kind, value: f64) -> f64 {
    libm::log(value + nothing(kind).0)
}

impl Row {
    fn all(test: &Test<'_>, ids: &[i64], tolerance: f64) -> Vec<Self> {
        let recorded = test.recorded;
        // where the record cannot know a figure there is no point in a line that says so, but for those that every
        // log of a gateway should have
        let missing = |figure: &SeenFigure| {
            // without a single hit there is no cache to compare
            (figure.name.starts_with(CACHE) && recorded.cache.hits == 0)
                || figure.value.is_none()
                    && ((!recorded.gateway && !figure.name.starts_with("upstream_ttft_ms"))
                        || figure.name.starts_with(ESCAPES_FROM)
                        || figure.name.starts_with(ESCAPES_AT))
        };
        let mut record = recorded.figures(ids);
        record.retain(|figure| !missing(figure));
        let runs: Vec<BTreeMap<String, f64>> = test
            .simulated
            .iter()
            .map(|seen| seen.figures(ids).into_iter().filter_map(|figure| Some((figure.name, figure.value?))).collect())
            .collect();
        let of = |figure: SeenFigure| {
            let kind = figure.kind;
            let known: Vec<f64> =
                runs.iter().filter_map(|run| run.get(&figure.name)).map(|&value| log(kind, value)).collect();
            let recorded = figure.value.filter(|_| known.len() >= 3 && known.len() * 2 > runs.len());
            let middle = known.iter().sum::<f64>() / known.len().max(1) as f64;
            // where one run has no such figure it says nothing about it
            let values =
                runs.iter().map(|run| run.get(&figure.name).map_or(middle, |&value| log(kind, value))).collect();
            let (floor, same) = nothing(kind);
            let least = (libm::log(libm::exp(middle) + same) - middle) / SAME_SPREADS;
            let least = if floor > 0.0 { least.max(1e-6) } else { 1e-6 };
            let unsure = if kind == Kind::Millis { test.learnt.map_or(0.0, |learnt| 1.0 / learnt) } else { 0.0 };
            Self {
                recorded: recorded.map(|value| log(kind, value)),
                spread: Spread::of(&known, least),
                simulated: values,
                least,
                unsure: (1.0 + unsure).sqrt(),
                scale: 1.0,
                allowed: libm::log1p(if test.assumed && hangs_on_sessions(&figure.name) {
                    tolerance.max(ASSUMED - 1.0)
                } else {
                    tolerance
                }),
                figure,
            }
        };
        record.into_iter().map(of).collect()
    }

    /// How odd the record is beyond the tolerance.
    fn oddness(&self) -> f64 {
        let deviation = |value| self.spread.deviation(value, self.allowed);
        self.recorded.map_or(0.0, deviation) / (self.unsure * self.scale)
    }

    /// With what is tolerated taken off the record.
    fn measured(&self) -> Option<Measured> {
        let off = self.recorded? - self.spread.middle;
        let beyond = (off.abs() - self.allowed).max(0.0).copysign(off);
        Some(Measured {
            recorded: self.spread.middle + beyond,
            simulated: self.simulated.clone(),
            least: self.least,
            unsure: self.unsure,
        })
    }

    fn compared(&self, bound: f64) -> Compared {
        let mut compared = Compared {
            name: self.figure.name.clone(),
            kind: self.figure.kind,
            recorded: self.figure.value,
            simulated: None,
            ratio: None,
            judgement: FigureAgreement::Undecided,
        };
        let (Some(value), Some(recorded)) = (self.recorded, self.figure.value) else { return compared };
        let Spread { middle, below, above } = self.spread;
        let (floor, same) = nothing(self.figure.kind);
        let width = bound * self.unsure * self.scale;
        let (down, up) = (width * below, width * above);
        // how far simulations themselves differ, were it by nothing: that all of them count zero is no ignorance
        let own = Spread::of(&self.simulated, NO_SPREAD);
        let widest = width * own.below.max(own.above);
        let off = value - middle;
        compared.simulated = Some((libm::exp(middle) - floor).max(0.0));
        let alike = off == 0.0 && own.below.max(own.above) <= NO_SPREAD;
        let (lower, upper) = if alike { (0.0, 0.0) } else { (up, down) };
        compared.ratio = Some((libm::exp(off), libm::exp(off - lower), libm::exp(off + upper)));
        let (low, high) = (libm::exp(middle - down) - floor, libm::exp(middle + up) - floor);
        let hardly = (low - recorded).max(recorded - high) <= same;
        compared.judgement = if self.oddness() > bound && !hardly {
            FigureAgreement::Off(libm::exp(off))
        } else if widest > libm::log(TOO_WIDE) && high - low > 4.0 * same {
            FigureAgreement::Undecided
        } else {
            FigureAgreement::Agrees
        };
        compared
    }
}

/// Compares records with simulations of them: one envelope holds for all figures of all tests at once, so that a
/// record that the model made is called off one time in twenty, however many figures there are.
pub fn compare_all(tests: &[Test<'_>], ids: &[i64], tolerance: f64) -> Vec<BackTest> {
    let mut rows: Vec<Vec<Row>> = tests.iter().map(|test| Row::all(test, ids, tolerance)).collect();
    let envelope = envelope(rows.iter_mut().flatten());
    tests
        .iter()
        .zip(&rows)
        .map(|(test, rows)| BackTest {
            figures: rows.iter().map(|row| row.compared(envelope.bound)).collect(),
            replications: test.simulated.len() as u64,
            is_clear: envelope.is_clear(),
            rests_on: rests_on(test.simulated),
        })
        .collect()
}

/// The envelope over all figures that the record holds; each row then knows how many spreads count as one.
fn envelope<'a>(rows: impl Iterator<Item = &'a mut Row>) -> Envelope {
    let (mut known, measured): (Vec<&mut Row>, Vec<Measured>) =
        rows.filter_map(|row| row.measured().map(|measured| (row, measured))).unzip();
    let envelope = Envelope::of(&measured);
    for (row, scale) in known.iter_mut().zip(&envelope.scales) {
        row.scale = *scale;
    }
    envelope
}

fn rests_on(simulated: &[Seen]) -> Shares {
    let mean = |of: fn(&Shares) -> f64| {
        simulated.iter().map(|seen| of(&seen.rests_on)).sum::<f64>() / simulated.len().max(1) as f64
    };
    Shares {
        same: mean(|shares| shares.same),
        observed: mean(|shares| shares.observed),
        extrapolated: mean(|shares| shares.extrapolated),
    }
}

/// The same record and simulations with one setting changed.
#[derive(Debug)]
pub struct Profile {
    rows: Vec<Row>,
    bound: f64,
    ids: Vec<i64>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?} in {:?}", self.figure.name, self.recorded, self.spread)
    }
}

impl Profile {
    /// Of a test that agrees.
    pub fn of(test: &Test<'_>, ids: &[i64], tolerance: f64) -> Self {
        let mut rows = Row::all(test, ids, tolerance);
        let Envelope { bound, .. } = envelope(rows.iter_mut());
        Self { bound, rows, ids: ids.to_vec() }
    }

    /// Whether the record could not distinguish the setting of `changed` from the present one: the
    /// first few simulations with the same luck say how far each figure moves.
    pub fn is_like(&self, changed: &[Seen]) -> bool {
        let runs: Vec<BTreeMap<String, f64>> = changed
            .iter()
            .map(|seen| seen.figures(&self.ids).into_iter().filter_map(|fig| Some((fig.name, fig.value?))).collect())
            .collect();
        self.rows.iter().filter(|row| row.recorded.is_some()).all(|row| {
            let kind = row.figure.kind;
            let moves: Vec<f64> = runs
                .iter()
                .zip(&row.simulated)
                .filter_map(|(run, before)| Some(log(kind, *run.get(&row.figure.name)?) - before))
                .collect();
            let mean = moves.iter().sum::<f64>() / moves.len().max(1) as f64;
            let moved = Row {
                figure: row.figure.clone(),
                simulated: Vec::new(),
                spread: Spread { middle: row.spread.middle + mean, ..row.spread },
                ..*row
            };
            !matches!(moved.compared(self.bound).judgement, FigureAgreement::Off(_))
        })
    }
}

/// How far simulations are from the record in what depends on sessions, for the choice among assumptions: less is
/// nearer.
pub fn distance(recorded: &Seen, simulated: &[Seen], ids: &[i64]) -> f64 {
    let compared = compare_all(&[Test { recorded, simulated, learnt: None, assumed: false }], ids, 0.0);
    // what many accounts or parts of the period have each would count many times over
    let of = |figure: &&Compared| {
        !["accounts.", ESCAPES_FROM, ESCAPES_AT].iter().any(|start| figure.name.starts_with(start))
    };
    compared
        .iter()
        .flat_map(|test| &test.figures)
        .filter(of)
        .filter_map(|figure| {
            let scale = if figure.kind == Kind::Millis { 2.0 } else { 1.0 };
            figure.ratio.map(|(ratio, _, _)| (scale * libm::log(ratio).abs()).min(2.0))
        })
        .sum()
}
