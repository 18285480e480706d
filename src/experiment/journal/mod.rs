//! The journal of a long experiment: what was finished stays finished.
//!
//! An append-only file of JSON lines. The first line says what experiment it is of, every further one holds the result
//! of one cell:
//!
//! ```text
//! {"journal":{"schema_version":1,"fingerprint":"…","cells":500,"shard":null,"about":[…]},"xxh64":"…"}
//! {"cell":17,"result":{…},"xxh64":"…"}
//! ```
//!
//! - **A line is whole or it is not there.** Each carries a checksum over what stands before it, seeded with the
//!   experiment's fingerprint. A line that a crash tore, or a disk damaged, is left out on resuming and its cell runs
//!   again; so does whatever a power cut left behind.
//! - **Nothing finished is lost.** A line is written in one piece and handed to the disk ([`Durability`]) before
//!   [`Journal::append`] returns.
//! - **The same bytes in the end.** Cells finish in any order, so [`Journal::finish`] puts the lines in the order of
//!   the cells, beside the file, and renames. A finished journal is the same file whatever the threads and
//!   interruptions.
//! - **No journal is mistaken for another.** The fingerprint covers everything that the results depend on, and a file
//!   of another experiment, or one that is no journal at all, is refused and not touched.
//! - **One writer.** The file is locked while it is open. Where a file system has no locks, lines are only ever
//!   appended, and whoever finishes keeps the lines of both.
//!
//! Results must be a function of the cell alone: no wall times in them. Floats survive exactly (`float_roundtrip`);
//! those that are not finite do not exist in JSON, so they belong in an `Option`.

mod difference;
mod error;
mod file;
mod header;
mod line;
#[cfg(test)]
mod tests;

pub use error::JournalError;
pub use file::{Durability, Journal, Opened};
pub(super) use file::{ReadFile, may_replace, numbered, read, result_of, results, write_finished};
pub use header::{Fingerprint, Header, SCHEMA_VERSION};
