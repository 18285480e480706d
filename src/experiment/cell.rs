//! One cell of an experiment: one point of its settings on one seed, reduced to what experiments need of a run.
//!
//! A cell is a pure function of (scenario, replication). It does not contain where, when or how fast it ran, so a
//! journal may keep it and another machine may have made it. Besides the figures it has a digest of every decision of
//! the scheduler. If two cells have the same digest, every decision was the same, and a knob that differs between them
//! did nothing (spec simulator.md, "Inert knob").

use serde::{Deserialize, Serialize};

use super::replicate::seed_of;
use super::stats::Direction;
use crate::engine::Luck;
use crate::gateway::RunError;
use crate::measure::figures::{Better, Group, Meta, registry};
use crate::measure::{Groups, Merged, Note, Observer, Selected};
use crate::scheduler::{EscapeReason, Layer, Outcome};
use crate::simulation::{Lowered, Run, simulate_inlined};

/// What is kept of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The figures of the whole run in the order of the registry; those of the engine itself have no value.
    run: Vec<Option<f64>>,
    /// The figures of each account, in order of ids.
    accounts: Vec<Row>,
    /// The figures of each condition, in the scenario's order.
    conditions: Vec<Row>,
    /// The digest of all decisions.
    pub decisions: Digest,
    /// Caveats: assumptions, which concern no single figure, and remarks on figures.
    pub notes: Vec<Note>,
}

/// The figures of something that has a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    values: Vec<Option<f64>>,
}

impl Cell {
    /// Runs replication `replication` of a scenario whose seed is `seed`.
    ///
    /// # Errors
    /// When its trace cannot be opened or read to its end.
    pub fn run(lowered: &Lowered, seed: u64, replication: u64) -> Result<Self, RunError> {
        // a cell keeps no states over time, so none are sampled
        let groups = Groups { series: false, ..lowered.measure.groups };
        let (run, digest) = simulate_inlined(lowered, seed_of(seed, replication), groups, DecisionDigest::default())?;
        Ok(Self::of(run, digest.digest()))
    }

    fn of(run: Run, decisions: Digest) -> Self {
        let named = |rows: Vec<crate::measure::figures::Named>| {
            rows.into_iter().map(|row| Row { name: row.name, values: row.row.values().to_vec() }).collect()
        };
        let figures = run.results.figures;
        let mut notes: Vec<Note> = run.assumptions.into_iter().map(|text| Note::new("", text)).collect();
        notes.extend(run.results.notes);
        let of_engine = |(value, meta): (&Option<f64>, &Meta)| value.filter(|_| meta.group != Group::Engine);
        Self {
            run: figures.run.values().iter().zip(registry::RUN).map(of_engine).collect(),
            accounts: named(figures.accounts),
            conditions: named(figures.conditions),
            decisions,
            notes,
        }
    }
}

/// A figure of the result document, and where a cell keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its full path: `sessions.worst_ttft_ms.p99`, `accounts.3.requests`, `conditions.slow.delay_s.mean`.
    pub path: String,
    /// What it means.
    pub meta: &'static Meta,
    place: Place,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Run(usize),
    Account(String, usize),
    Condition(String, usize),
}

impl Figure {
    /// Which way it should go.
    pub const fn direction(&self) -> Direction {
        match self.meta.better {
            Better::Lower => Direction::LowerIsBetter,
            Better::Higher => Direction::HigherIsBetter,
            Better::Neutral => Direction::Neither,
        }
    }

    /// All figures of runs of this scenario, in order; not those of the engine itself, which are no result.
    pub fn all(lowered: &Lowered) -> Vec<Self> {
        let accounts = lowered.accounts.iter().map(|account| account.id.to_string());
        Self::list(accounts, lowered.conditions.iter().map(|condition| condition.name.clone()))
    }

    /// All figures of a cell, in order.
    fn of_cell(cell: &Cell) -> Vec<Self> {
        let name = |row: &Row| row.name.clone();
        Self::list(cell.accounts.iter().map(name), cell.conditions.iter().map(name))
    }

    fn list(accounts: impl Iterator<Item = String>, conditions: impl Iterator<Item = String>) -> Vec<Self> {
        let whole = registry::RUN.iter().enumerate().filter(|(_, meta)| meta.group != Group::Engine);
        let mut all: Vec<Self> =
            whole.map(|(at, meta)| Self { path: meta.path.to_owned(), meta, place: Place::Run(at) }).collect();
        for name in accounts {
            all.extend(registry::ACCOUNT.iter().enumerate().map(|(at, meta)| Self {
                path: format!("accounts.{name}.{}", meta.path),
                meta,
                place: Place::Account(name.clone(), at),
            }));
        }
        for name in conditions {
            all.extend(registry::CONDITION.iter().enumerate().map(|(at, meta)| Self {
                path: format!("conditions.{name}.{}", meta.path),
                meta,
                place: Place::Condition(name.clone(), at),
            }));
        }
        all
    }

    /// The figure of the whole run at this path.
    pub fn of_run(path: &str) -> Option<Self> {
        let (at, meta) = registry::RUN.iter().enumerate().find(|(_, meta)| meta.path == path)?;
        Some(Self { path: path.to_owned(), meta, place: Place::Run(at) })
    }

    /// The figure at this path, also of an account or a condition: `accounts.3.requests`; `None` where no run has one.
    pub fn at(path: &str) -> Option<Self> {
        let named = |kind: &str, list: &'static [Meta]| {
            let rest = path.strip_prefix(kind)?.strip_prefix('.')?;
            // a name may contain dots, so the longest path of a figure that fits is taken
            let fits =
                |meta: &&Meta| rest.strip_suffix(meta.path).is_some_and(|name| name.len() > 1 && name.ends_with('.'));
            let (at, meta) =
                list.iter().enumerate().filter(|(_, meta)| fits(meta)).max_by_key(|(_, meta)| meta.path.len())?;
            Some((rest[..rest.len() - meta.path.len() - 1].to_owned(), at, meta))
        };
        Self::of_run(path).or_else(|| {
            let (meta, place) = match named("accounts", registry::ACCOUNT) {
                Some((name, at, meta)) => (meta, Place::Account(name, at)),
                None => named("conditions", registry::CONDITION)
                    .map(|(name, at, meta)| (meta, Place::Condition(name, at)))?,
            };
            Some(Self { path: path.to_owned(), meta, place })
        })
    }

    /// All figures that scenarios may have among `several`, each once, in the order of the first that has it.
    pub fn union<'a>(several: impl IntoIterator<Item = &'a Lowered>) -> Vec<Self> {
        Self::each_once(several.into_iter().flat_map(Self::all))
    }

    /// All figures of some cells, each once, in the order of the first that has it.
    pub fn union_of_cells<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Vec<Self> {
        Self::each_once(cells.into_iter().flat_map(Self::of_cell))
    }

    fn each_once(figures: impl Iterator<Item = Self>) -> Vec<Self> {
        let mut known = std::collections::BTreeSet::new();
        figures.filter(|figure| known.insert(figure.path.clone())).collect()
    }

    /// Whether it describes the whole run, not an account or a condition.
    pub const fn is_of_run(&self) -> bool {
        matches!(self.place, Place::Run(_))
    }

    /// Its value in a cell; `None` where the run has no such figure.
    pub fn of(&self, cell: &Cell) -> Option<f64> {
        let named = |rows: &[Row], name: &str, at: usize| {
            rows.iter().find(|row| row.name == name).and_then(|row| row.values.get(at).copied().flatten())
        };
        match &self.place {
            Place::Run(at) => cell.run.get(*at).copied().flatten(),
            Place::Account(name, at) => named(&cell.accounts, name, *at),
            Place::Condition(name, at) => named(&cell.conditions, name, *at),
        }
    }

    /// Its values in some cells.
    pub fn column<'a>(&self, cells: impl IntoIterator<Item = &'a Cell>) -> Vec<Option<f64>> {
        cells.into_iter().map(|cell| self.of(cell)).collect()
    }
}

/// A digest of all decisions of a run. It is equal for two runs in which every decision was the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// How many selects there were.
    pub selects: u64,
    /// The sum of the decisions' hashes.
    hash: u64,
}

impl std::fmt::Display for Digest {
    /// The number of selects and the hash: `12034-9f86d081884c7d65`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:016x}", self.selects, self.hash)
    }
}

/// Computes the digest of a run: the sum of the hashes of (request, which of its selects, layer, account, slot or wait,
/// escape) over all decisions, in any order. Times are left out, because the same decision a moment later is the same
/// decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecisionDigest {
    selects: u64,
    hash: u64,
}

impl DecisionDigest {
    /// Of all decisions so far.
    pub const fn digest(self) -> Digest {
        Digest { selects: self.selects, hash: self.hash }
    }
}

impl Observer for DecisionDigest {
    fn selected(&mut self, step: &Selected<'_>) {
        let decision = step.decision;
        let layer = match decision.layer {
            Layer::PreviousResponse => 0,
            Layer::Session => 1,
            Layer::LoadBalance => 2,
        };
        let escape: u64 = match decision.escape.map(|escape| escape.reason) {
            None => 0,
            Some(EscapeReason::Ttft) => 1,
            Some(EscapeReason::ErrorRate) => 2,
            Some(EscapeReason::ConcurrencyFull) => 3,
        };
        let (kind, account) = match decision.outcome {
            Outcome::Acquired(account, _) => (0, account.0),
            Outcome::Wait(account, _) => (1, account.0),
            Outcome::NoAvailableAccounts => (2, 0),
        };
        // the lowest two bits of the escape stay below the layer, so that digests of earlier versions do not change;
        // the others go above it
        let way = ((escape >> 2) << 8) | (layer << 4) | ((escape & 3) << 2) | kind;
        let key = Luck::new(step.request.luck).key(u64::from(step.earlier), way, u64::from(account));
        self.selects += 1;
        self.hash = self.hash.wrapping_add(key);
    }
}

/// The remarks of several cells, each once with the means of its numbers and, if not all runs have it, with how many
/// do.
pub fn notes<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Vec<String> {
    let runs: Vec<&[Note]> = cells.into_iter().map(|cell| cell.notes.as_slice()).collect();
    let total = runs.len();
    let words = |merged: Merged| match merged.note.figure.as_str() {
        "" => merged.text(total, "runs"),
        figure => format!("{figure}: {}", merged.text(total, "runs")),
    };
    Merged::of(runs).into_iter().map(words).collect()
}

#[cfg(test)]
mod digest_tests {
    use super::*;
    use crate::measure::testing::{at, by_load_balance, escape, request, sticky, waiting};
    use crate::scheduler::Decision;
    use crate::workload::Request;

    fn digest(request: &Request, earlier: u32, decision: &Decision) -> Digest {
        let mut observer = DecisionDigest::default();
        observer.selected(&Selected { now: at(0), request, number: 0, earlier, replica: 0, decision });
        observer.digest()
    }

    #[test]
    fn every_part_of_a_decision_moves_the_digest() {
        let (one, mut other) = (request(0, Some((0, 7))), request(0, Some((0, 7))));
        other.luck = one.luck + 1;
        let reasons = [EscapeReason::Ttft, EscapeReason::ErrorRate, EscapeReason::ConcurrencyFull];
        let mut digests = vec![
            digest(&one, 0, &sticky(1)),
            digest(&one, 1, &sticky(1)),
            digest(&one, 0, &sticky(2)),
            digest(&other, 0, &sticky(1)),
            digest(&one, 0, &waiting(sticky(1))),
            digest(&one, 0, &by_load_balance(Some(1))),
            digest(&one, 0, &by_load_balance(None)),
        ];
        digests.extend(reasons.map(|reason| digest(&one, 0, &escape(0, reason, Some(1)))));
        for (place, this) in digests.iter().enumerate() {
            assert!(!digests[..place].contains(this), "{place}: {this} is the digest of an earlier one");
        }
    }

    #[test]
    fn a_moment_and_a_gateway_process_do_not_move_the_digest() {
        let request = request(0, Some((0, 7)));
        let decision = sticky(1);
        let mut later = DecisionDigest::default();
        later.selected(&Selected {
            now: at(9),
            request: &request,
            number: 4,
            earlier: 0,
            replica: 2,
            decision: &decision,
        });
        assert_eq!(later.digest(), digest(&request, 0, &decision));
    }
}
