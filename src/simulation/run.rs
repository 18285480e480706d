//! One run: a pure function of (scenario, seed).

use super::lower::Lowered;
use crate::engine::Luck;
use crate::gateway::{Gateway, RunError, Totals};
use crate::measure::{Observer, Panel, Results};
use crate::upstream::{ModelledUpstream, RecordedUpstream, Upstream};
use crate::workload::{Source, Workload};

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// Every figure, with the notes that belong to figures.
    pub results: Results,
    /// Requests and events.
    pub totals: Totals,
    /// What the workload or the service assumed, one sentence each.
    pub assumptions: Vec<String>,
}

/// Runs a lowered scenario with this seed.
///
/// # Errors
/// When its trace cannot be opened or read to its end.
pub fn simulate(lowered: &Lowered, seed: u64) -> Result<Run, RunError> {
    simulate_seen_by(lowered, seed, ()).map(|(run, ())| run)
}

/// As `simulate`, with an observer beside the panel of figures: it sees every step and comes back when the run is over.
///
/// # Errors
/// As `simulate`.
pub fn simulate_seen_by<O: Observer>(lowered: &Lowered, seed: u64, observer: O) -> Result<(Run, O), RunError> {
    let luck = Luck::new(seed);
    let mut workload = Source::open(lowered.workload.clone(), luck, lowered.start)?;
    let (mut run, observer) = serve(lowered, luck, &mut workload, observer)?;
    run.assumptions.extend(workload.notes());
    Ok((run, observer))
}

fn serve<W: Workload, O: Observer>(
    lowered: &Lowered,
    luck: Luck,
    workload: &mut W,
    observer: O,
) -> Result<(Run, O), RunError> {
    let modelled = ModelledUpstream::new(lowered.upstream.clone(), luck, lowered.start);
    if !lowered.recorded_service {
        return drive(lowered, luck, workload, modelled, observer).map(|(run, observer, _)| (run, observer));
    }
    let (mut run, observer, upstream) = drive(lowered, luck, workload, RecordedUpstream::new(modelled), observer)?;
    let served = upstream.served();
    if served.modelled > 0 {
        let all = served.attempts + served.summary + served.modelled;
        run.assumptions.push(format!(
            "service: recorded, but {} of {all} requests have no usable record and were served by the accounts' models",
            served.modelled
        ));
    }
    Ok((run, observer))
}

fn drive<W: Workload, U: Upstream, O: Observer>(
    lowered: &Lowered,
    luck: Luck,
    workload: &mut W,
    upstream: U,
    observer: O,
) -> Result<(Run, O, U), RunError> {
    let panel = Panel::new(&lowered.measure, &lowered.accounts, &lowered.conditions);
    let pool = lowered.pool.clone();
    let mut gateway = Gateway::new(lowered.gateway.clone(), pool, luck, workload, upstream, (panel, observer));
    let totals = gateway.run()?;
    let ((panel, observer), upstream) = gateway.into_parts();
    let mut results = panel.into_results();
    results.figures.put_events(totals.events);
    Ok((Run { results, totals, assumptions: Vec::new() }, observer, upstream))
}
