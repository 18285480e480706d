//! One run: a pure function of (scenario, seed).

use super::followed::Followed;
use super::lower::Lowered;
use super::service::Service;
use super::unused;
use crate::engine::Luck;
use crate::gateway::{Gateway, RunError, Totals};
use crate::measure::{Groups, Observer, Panel, Results, Settings};
use crate::workload::Source;

/// The results of a run.
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
    simulate_inlined(lowered, seed, lowered.measure.groups, ()).map(|(run, ())| run)
}

/// Like `simulate`, with an observer beside the panel of figures. The observer sees every step and is returned when the
/// run is over.
///
/// The observer is called through a table of functions, so that the request loop is compiled once for all of them.
///
/// # Errors
/// As `simulate`.
pub fn simulate_seen_by<O: Observer>(lowered: &Lowered, seed: u64, mut observer: O) -> Result<(Run, O), RunError> {
    let run = seen_by_any(lowered, seed, &mut observer)?;
    Ok((run, observer))
}

/// Like `simulate_seen_by`, with the observer compiled into the request loop, and with these groups of figures in place
/// of the scenario's. This makes one more copy of the loop and is a few per cent faster. It is meant for the runs of
/// experiments: all have the same observer, and none keeps everything.
///
/// # Errors
/// As `simulate`.
pub fn simulate_inlined<O: Observer>(
    lowered: &Lowered,
    seed: u64,
    groups: Groups,
    observer: O,
) -> Result<(Run, O), RunError> {
    let luck = Luck::new(seed);
    let source = Source::open(lowered.workload.clone(), luck, lowered.start)?;
    let mut workload = Followed::new(source, lowered.measure.followed());
    let measure = Settings { groups, ..lowered.measure.clone() };
    let panel = Panel::new(&measure, &lowered.accounts, &lowered.conditions);
    let (config, pool, service) = (lowered.gateway.clone(), lowered.pool.clone(), Service::new(lowered, luck));
    let mut gateway = Gateway::new(config, pool, luck, &mut workload, service, (panel, observer));
    let totals = gateway.run()?;
    let ((panel, observer), service) = gateway.into_parts();
    let mut results = panel.into_results();
    results.figures.put_events(totals.events);
    results.notes.extend(unused::notes(lowered, service.models(), &results));
    let assumptions = service.note().into_iter().chain(workload.notes()).collect();
    Ok((Run { results, totals, assumptions }, observer))
}

fn seen_by_any(lowered: &Lowered, seed: u64, observer: &mut dyn Observer) -> Result<Run, RunError> {
    simulate_inlined(lowered, seed, lowered.measure.groups, observer).map(|(run, _)| run)
}
