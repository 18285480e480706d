//! Reports what a scenario has and a run never used: limits that were never reached, and accounts that were never
//! chosen. The author of the scenario believes that they matter.

use crate::measure::{Note, Results};
use crate::simulation::Lowered;
use crate::units::{agree, plural, ranges};
use crate::upstream::ModelledUpstream;

/// An account that served nothing is reported only if there were at least this many requests per account.
const ENOUGH: f64 = 10.0;

/// The remarks on what was not used.
pub(super) fn notes(lowered: &Lowered, models: &ModelledUpstream, results: &Results) -> Vec<Note> {
    let mut notes = Vec::new();
    let total = results.figures.run.get("requests.total").flatten().unwrap_or(0.0);
    if total < ENOUGH * lowered.pool.len() as f64 {
        return notes;
    }
    let attempts = results.figures.accounts.iter().map(|named| named.row.get("attempts").flatten().unwrap_or(0.0));
    let idle: Vec<bool> = attempts.map(|attempts| attempts == 0.0).collect();
    let is_idle = |place: usize| idle.get(place).copied().unwrap_or(false);
    let ids = |places: &[usize]| {
        let ids: Vec<i64> =
            places.iter().filter_map(|&place| lowered.pool.get(place)).map(|account| account.id).collect();
        format!("{} {}", plural(ids.len() as u64, "account"), ranges(&ids))
    };
    let unused: Vec<usize> = (0..lowered.pool.len()).filter(|&place| is_idle(place)).collect();
    if !unused.is_empty() {
        let verb = agree(unused.len() as u64, "was", "were");
        notes.push(Note::new("accounts", format!("{} {verb} never chosen", ids(&unused))));
    }
    let slack: Vec<usize> =
        models.limits_never_reached().map(|account| account.at()).filter(|&place| !is_idle(place)).collect();
    if !slack.is_empty() {
        notes.push(Note::new("accounts", format!("no limit of {} was ever reached", ids(&slack))));
    }
    notes
}
