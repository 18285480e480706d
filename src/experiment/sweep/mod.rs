//! Sweeps: every point of a grid on the same seeds, with a journal that survives anything and shards for many machines.

pub mod decide;
pub mod layout;
pub mod shape;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde_json::Value;

use super::cell::{Cell, notes};
use super::identity::{self, Unreadable};
use super::jobs::{Job, Progress};
use super::journal::{self, Durability, Header, Journal, JournalError};
use super::shard::{Joined, MergeError, Shard};
use super::variant::{Base, Variant, VariantError};
use super::vary::Axis;
use crate::gateway::RunError;
pub use layout::{Layout, Place};

/// A sweep, ready to run.
#[derive(Clone, Debug)]
pub struct Sweep {
    layout: Layout,
    variants: Vec<Variant>,
    /// The scenario as it stands.
    whole: Variant,
    specs: Vec<String>,
    seed: u64,
    name: String,
}

/// All cells of a sweep.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The scenario's name.
    pub name: String,
    /// The seed; replications beyond the first are derived from it.
    pub seed: u64,
    /// Which cell is which.
    pub layout: Layout,
    /// The cells in order.
    pub cells: Vec<Cell>,
    /// The effective scenario as it stands, without where its files lie; null where it is not known.
    pub scenario: Value,
}

/// How much of a sweep is done.
#[derive(Clone, Debug)]
pub enum Done {
    /// All of it.
    All(Swept),
    /// A shard, of so many cells.
    Part {
        /// Cells of this shard.
        cells: usize,
        /// Cells of the whole.
        of: usize,
    },
}

/// Why a sweep cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A point is no valid scenario.
    #[error(transparent)]
    Variant(#[from] VariantError),
    /// A run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The parts cannot be merged.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// A file of the scenario cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A shard without a journal would be lost.
    #[error("a shard needs --out FILE: its results are merged from there")]
    ShardWithoutJournal,
    /// Cells are missing.
    #[error(
        "{} is not finished: {there} of {of} runs are in it; start the sweep again with the same arguments, or join \
         the journals of all shards with `stickysim merge`", path.display()
    )]
    Unfinished {
        /// The journal.
        path: PathBuf,
        /// Cells that are in it.
        there: usize,
        /// Cells of the whole.
        of: usize,
    },
    /// The journal is not of a sweep.
    #[error("{} is {found}, not the journal of a sweep", path.display())]
    NotASweep {
        /// The journal.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
}

impl Sweep {
    /// Prepares every point; `specs` are the axes as written.
    ///
    /// # Errors
    /// When a point is no valid scenario, or a file that it names cannot be read.
    pub fn new(base: &Base, specs: &[String], layout: Layout) -> Result<Self, SweepError> {
        let whole = base.variant("as it stands", &[])?;
        let (seed, name) = (whole.lowered.seed, whole.scenario.name.clone());
        let variants: Vec<Variant> = layout
            .places()
            .iter()
            .map(|place| {
                let sets = layout.sets(place);
                base.variant_of("--vary", sets.join(" "), &sets)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { layout, variants, whole, specs: specs.to_vec(), seed, name })
    }

    /// The header of its journal: reads all that the points depend on, the trace above all.
    fn header(&self, shard: Shard) -> Result<Header, Unreadable> {
        let (layout, whole) = (&self.layout, &self.whole);
        let mut parts = vec![identity::of_program(), layout.replications().to_string()];
        parts.extend(identity::of(std::iter::once(whole).chain(&self.variants))?);
        for place in layout.places() {
            parts.push(layout.sets(place).join(" "));
        }
        let mut about = vec![
            ("command".to_owned(), "sweep".to_owned()),
            ("scenario".to_owned(), self.name.clone()),
            ("seed".to_owned(), self.seed.to_string()),
        ];
        about.extend(layout.about(&self.specs));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let scenarios = vec![identity::scenario(whole)];
        Ok(Header { scenarios, shard: shard.name(), ..Header::new(&parts, layout.cells(), about) })
    }

    /// Which cell is which.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The points, ready to run.
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// Runs the cells of a shard that the journal does not have yet.
    ///
    /// # Errors
    /// When a trace cannot be read or the journal not be written; what is finished is in the journal then.
    pub fn run(
        &self,
        shard: Shard,
        out: Option<&Path>,
        threads: &rayon::ThreadPool,
        progress: &dyn Progress,
    ) -> Result<Done, SweepError> {
        let mut cells: Vec<Option<Cell>> = vec![None; self.layout.cells()];
        let journal = match out {
            None if shard != Shard::WHOLE => return Err(SweepError::ShardWithoutJournal),
            None => None,
            Some(path) => {
                let opened = Journal::<Cell>::open(path, &self.header(shard)?, Durability::EveryLine)?;
                for (at, cell) in opened.finished {
                    cells[at] = Some(cell);
                }
                Some(Mutex::new(opened.journal))
            }
        };
        let open: Vec<usize> = shard.cells(cells.len()).filter(|&cell| cells[cell].is_none()).collect();
        progress.begin(open.len());
        let one = |&at: &usize| -> Result<(usize, Cell), SweepError> {
            let (point, replication) = self.layout.cell(at);
            let cell = Job { lowered: &self.variants[point].lowered, seed: self.seed, replication }.run()?;
            if let Some(journal) = &journal {
                journal.lock().unwrap_or_else(PoisonError::into_inner).append(at, &cell)?;
            }
            progress.done();
            Ok((at, cell))
        };
        let ran: Result<Vec<(usize, Cell)>, SweepError> =
            threads.install(|| open.par_iter().with_max_len(1).map(one).collect());
        for (at, cell) in ran? {
            cells[at] = Some(cell);
        }
        if let Some(journal) = journal {
            journal.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?;
        }
        let of = cells.len();
        let there: Vec<Cell> = cells.into_iter().flatten().collect();
        if there.len() < of {
            return Ok(Done::Part { cells: there.len(), of });
        }
        Ok(Done::All(Swept {
            name: self.name.clone(),
            seed: self.seed,
            layout: self.layout.clone(),
            cells: there,
            scenario: identity::scenario(&self.whole),
        }))
    }
}

impl Swept {
    /// The sweep whose shards were joined; `path` is named where they are not of a sweep.
    ///
    /// # Errors
    /// When they are not.
    pub fn of_joined(joined: &Joined, path: &Path) -> Result<Self, SweepError> {
        Self::of_cells(&joined.header, path, || joined.results(path))
    }

    /// Reads the finished journal of a sweep with this header.
    ///
    /// # Errors
    /// When it is not of a sweep, cannot be read, or has not all cells.
    pub fn of_journal(header: &Header, path: &Path) -> Result<Self, SweepError> {
        Self::of_cells(header, path, || journal::results(path, header))
    }

    fn of_cells(
        header: &Header,
        path: &Path,
        cells: impl FnOnce() -> Result<Vec<Cell>, JournalError>,
    ) -> Result<Self, SweepError> {
        let not = |found| move || SweepError::NotASweep { path: path.to_owned(), found };
        match header.value_of("command") {
            Some("sweep") => {}
            Some("tune") => return Err(not("the journal of a tune")()),
            _ => return Err(not("some other journal")()),
        }
        let damaged = "a journal whose header lacks its values";
        let layout = Layout::from_about(&header.about).ok_or_else(not(damaged))?;
        let seed = header.value_of("seed").and_then(|seed| seed.parse().ok()).ok_or_else(not(damaged))?;
        if layout.cells() != header.cells {
            return Err(not(damaged)());
        }
        let cells = cells()?;
        if cells.len() < layout.cells() {
            return Err(SweepError::Unfinished { path: path.to_owned(), there: cells.len(), of: layout.cells() });
        }
        let name = header.value_of("scenario").unwrap_or_default().to_owned();
        Ok(Self { name, seed, layout, cells, scenario: header.scenarios.first().cloned().unwrap_or_default() })
    }

    /// The cells of a point, in order of replications.
    pub fn of_point(&self, point: usize) -> &[Cell] {
        let replications = self.layout.replications() as usize;
        self.cells.get(point * replications..(point + 1) * replications).unwrap_or_default()
    }

    /// What the reader must know.
    pub fn notes(&self) -> Vec<String> {
        notes(&self.cells)
    }
}

/// The axes of `--vary`.
///
/// # Errors
/// When one is no axis.
pub fn axes(specs: &[String]) -> Result<Vec<Axis>, super::vary::BadAxis> {
    specs.iter().map(|spec| Axis::parse(spec)).collect()
}
