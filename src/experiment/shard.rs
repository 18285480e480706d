//! One experiment on several machines: shard I of N runs every Nth cell, and `merge` joins the journals.
//!
//! A cell's result does not depend on where it ran, so the parts need to agree on nothing but the experiment's
//! fingerprint, and the merged journal is, byte for byte, the one that a single machine would have written.
//! Neighbouring cells take about the same time, so taking every Nth cell divides the work evenly.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::journal::{self, Durability, Header, JournalError, ReadFile};

/// Part `index` of `of`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    of: usize,
}

/// The error for a text that is not a shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a shard; write I/N with I from 1 to N, e.g. 2/7")]
pub struct BadShard(String);

impl Shard {
    /// All cells.
    pub const WHOLE: Self = Self { index: 1, of: 1 };

    /// Whether a cell belongs to this shard. Every cell belongs to exactly one of N.
    pub const fn has(self, cell: usize) -> bool {
        cell % self.of == self.index - 1
    }

    /// The cells of this shard, of `cells` in all.
    pub fn cells(self, cells: usize) -> impl Iterator<Item = usize> {
        (self.index - 1..cells).step_by(self.of)
    }

    /// The name in a journal's header: `None` for the whole.
    pub fn name(self) -> Option<String> {
        (self.of > 1).then(|| self.to_string())
    }
}

impl FromStr for Shard {
    type Err = BadShard;

    fn from_str(text: &str) -> Result<Self, BadShard> {
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten();
        let parsed = text.split_once('/').and_then(|(index, of)| Some(Self { index: digits(index)?, of: digits(of)? }));
        parsed.filter(|shard| 1 <= shard.index && shard.index <= shard.of).ok_or_else(|| BadShard(text.to_owned()))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// Why parts cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A part cannot be read, or two parts contradict each other.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No parts.
    #[error("there is nothing to merge; name the journals of the shards")]
    NoParts,
    /// A part is not a journal.
    #[error(
        "{} is not a journal of stickysim (its first line is not a complete header): name the journals of the shards; \
         if it is a damaged one, remove it and run that shard again", .0.display()
    )]
    NotAPart(PathBuf),
    /// A part is the journal of a search.
    #[error(
        "{} is the journal of a tune, which has no shards: started again with the same arguments, a tune goes on by \
         itself", .0.display()
    )]
    Tune(PathBuf),
    /// A part is of another experiment than the first.
    #[error("{} and {} are of different experiments ({differences})", first.display(), other.display())]
    Different {
        /// The first part.
        first: PathBuf,
        /// The one that differs.
        other: PathBuf,
        /// What differs.
        differences: String,
    },
    /// Cells are missing; nothing was written.
    #[error("{0}")]
    Missing(Missing),
}

/// The cells that no part has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The cells, ascending.
    pub cells: Vec<usize>,
    /// How many there are in all.
    pub of: usize,
    /// The parts that are not finished: the file, its shard, and how many cells of it are missing.
    pub unfinished: Vec<(PathBuf, String, usize)>,
    /// Shards of which there is no part.
    pub absent: Vec<String>,
    /// Torn or damaged lines in all parts.
    pub dropped: usize,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cells are missing: {}", self.cells.len(), self.of, ranges(&self.cells))?;
        if self.dropped > 0 {
            write!(f, "; {} torn or damaged lines were left out", self.dropped)?;
        }
        if !self.absent.is_empty() {
            write!(f, "; there is no part for shard {}", self.absent.join(", "))?;
        }
        for (path, shard, cells) in &self.unfinished {
            write!(
                f,
                "; {} (shard {shard}) lacks {cells}: run that shard again with the same arguments",
                path.display()
            )?;
        }
        Ok(())
    }
}

/// Numbers as ranges, `0-4, 7, 9-12`; the first dozen ranges.
fn ranges(numbers: &[usize]) -> String {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match found.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => found.push((number, number)),
        }
    }
    let mut words: Vec<String> = found
        .iter()
        .take(12)
        .map(|&(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    if found.len() > 12 {
        words.push("...".to_owned());
    }
    words.join(", ")
}

/// The journals of all shards, joined in memory.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Of the whole experiment.
    pub header: Header,
    /// The line of each cell, in order, as it was written.
    lines: Vec<Vec<u8>>,
}

impl Joined {
    /// Joins the journals of an experiment's shards. Parts may overlap and come in any order. A part that was
    /// interrupted contributes the cells that it has.
    ///
    /// # Errors
    /// When parts are of different experiments or contradict each other, or cells are missing.
    pub fn of(parts: &[PathBuf]) -> Result<Self, MergeError> {
        let one = |path: &PathBuf| match journal::read(path) {
            Err(JournalError::NotAJournal { path }) => Err(MergeError::NotAPart(path)),
            read => Ok(read?),
        };
        let read: Vec<ReadFile> = parts.iter().map(one).collect::<Result<_, _>>()?;
        let (Some(first), Some(first_path)) = (read.first(), parts.first()) else { return Err(MergeError::NoParts) };
        let header = Header { shard: None, ..first.header.clone() };
        for (part, path) in read.iter().zip(parts) {
            let other = Header { shard: None, ..part.header.clone() };
            if other != header {
                let differences = header.differences_in(&other, "in the first", "in the second");
                return Err(MergeError::Different { first: first_path.clone(), other: path.clone(), differences });
            }
        }
        let mut lines: Vec<Option<(&[u8], &Path)>> = vec![None; header.cells];
        for (part, path) in read.iter().zip(parts) {
            for (&cell, line) in &part.lines {
                let line = &part.bytes[line.clone()];
                match lines[cell] {
                    Some((other, other_path)) if other != line => {
                        let (first, second) = (other_path.to_owned(), path.clone());
                        return Err(JournalError::Conflict { cell, first, second }.into());
                    }
                    _ => lines[cell] = Some((line, path)),
                }
            }
        }
        if header.value_of("command") == Some("tune") {
            return Err(MergeError::Tune(first_path.clone()));
        }
        let missing: Vec<usize> = (0..header.cells).filter(|&cell| lines[cell].is_none()).collect();
        if !missing.is_empty() {
            return Err(MergeError::Missing(report(missing, &read, parts)));
        }
        let lines = lines.iter().flatten().map(|&(line, _)| line.to_vec()).collect();
        Ok(Self { header, lines })
    }

    /// The results of all cells, in order. `path` is the file that an error names.
    ///
    /// # Errors
    /// When a result is not in the expected form.
    pub fn results<R: serde::de::DeserializeOwned>(&self, path: &Path) -> Result<Vec<R>, JournalError> {
        self.lines.iter().enumerate().map(|(cell, line)| journal::result_of(path, &self.header, cell, line)).collect()
    }

    /// Writes the journal of the whole: the same bytes as an unsharded run's.
    ///
    /// # Errors
    /// When there is a file other than this experiment's own journal, when a run is writing the journal, or when it
    /// cannot be written. Then the existing file is not changed.
    pub fn write(&self, out: &Path) -> Result<(), JournalError> {
        let lines: Vec<&[u8]> = self.lines.iter().map(Vec::as_slice).collect();
        // the lock of the existing file is kept until the file is replaced
        let _older = journal::may_replace(out, &self.header, &lines)?;
        journal::write_finished(out, &self.header, lines.into_iter(), Durability::EveryLine)
    }
}

/// Joins the journals of an experiment's shards into one at `out`. Returns its header.
///
/// # Errors
/// Those of [`Joined::of`] and [`Joined::write`]; nothing is written then.
pub fn merge(parts: &[PathBuf], out: &Path) -> Result<Header, MergeError> {
    let joined = Joined::of(parts)?;
    joined.write(out)?;
    Ok(joined.header)
}

fn report(cells: Vec<usize>, read: &[ReadFile], parts: &[PathBuf]) -> Missing {
    let shard_of = |part: &ReadFile| part.header.shard.as_deref().and_then(|name| name.parse::<Shard>().ok());
    let shards: Vec<Shard> = read.iter().map(|part| shard_of(part).unwrap_or(Shard::WHOLE)).collect();
    let unfinished = shards
        .iter()
        .zip(parts)
        .map(|(shard, path)| (path.clone(), shard.to_string(), cells.iter().filter(|&&cell| shard.has(cell)).count()))
        .filter(|&(_, _, lacks)| lacks > 0)
        .collect();
    // Absent shards can be named if all parts have the same number of shards.
    let of = shards.first().map_or(1, |shard| shard.of);
    let absent = (1..=of)
        .map(|index| Shard { index, of })
        .filter(|shard| shards.iter().all(|other| other.of == of) && !shards.contains(shard))
        .filter(|shard| cells.iter().any(|&cell| shard.has(cell)))
        .map(|shard| shard.to_string())
        .collect();
    let dropped = read.iter().map(|part| part.dropped).sum();
    Missing { cells, of: read.first().map_or(0, |part| part.header.cells), unfinished, absent, dropped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::journal::Journal;
    use std::fs;

    const CELLS: usize = 23;

    fn header(shard: Shard) -> Header {
        Header { shard: shard.name(), ..Header::new(&["scenario"], CELLS, vec![("command".into(), "sweep".into())]) }
    }

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("stickysim-shard-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Runs a shard into a file, all its cells but the last `without`, and finishes it if that is none.
    fn run(path: &Path, shard: Shard, without: usize) {
        let mut journal = Journal::<f64>::open(path, &header(shard), Durability::Never).unwrap().journal;
        let cells: Vec<usize> = shard.cells(CELLS).collect();
        for &cell in &cells[..cells.len() - without] {
            journal.append(cell, &libm::sqrt(cell as f64)).unwrap();
        }
        if without == 0 {
            journal.finish().unwrap();
        }
    }

    fn parts(folder: &Path, of: usize) -> Vec<PathBuf> {
        (1..=of)
            .map(|index| {
                let path = folder.join(format!("part-{index}-of-{of}"));
                run(&path, Shard { index, of }, 0);
                path
            })
            .collect()
    }

    #[test]
    fn every_cell_belongs_to_exactly_one_shard() {
        for of in [1, 2, 7, 40] {
            let mut owner = vec![0; CELLS];
            for index in 1..=of {
                let shard = Shard { index, of };
                for cell in shard.cells(CELLS) {
                    assert!(shard.has(cell));
                    owner[cell] += 1;
                }
                assert_eq!(shard.cells(CELLS).count(), (0..CELLS).filter(|&cell| shard.has(cell)).count());
            }
            assert_eq!(owner, [1; CELLS]);
        }
    }

    #[test]
    fn shards_are_written_as_i_of_n_counted_from_one() {
        assert_eq!("2/7".parse::<Shard>().unwrap().to_string(), "2/7");
        for text in ["0/7", "8/7", "1", "1/0", "-1/2", "+1/2", "1/2/3", "a/b", "", "/", "99999999999999999999999/2"] {
            let error = text.parse::<Shard>().unwrap_err().to_string();
            assert!(error.contains("write I/N with I from 1 to N"), "{text}");
        }
        assert_eq!((Shard::WHOLE.name(), "1/2".parse::<Shard>().unwrap().name()), (None, Some("1/2".into())));
    }

    #[test]
    fn merged_shards_are_the_bytes_of_the_whole() {
        let folder = folder("whole");
        run(&folder.join("whole"), Shard::WHOLE, 0);
        let whole = fs::read(folder.join("whole")).unwrap();
        for of in [1, 2, 7, 40] {
            let mut parts = parts(&folder, of);
            parts.reverse();
            parts.push(parts[0].clone());
            merge(&parts, &folder.join("merged")).unwrap();
            assert_eq!(fs::read(folder.join("merged")).unwrap(), whole, "{of}");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn missing_cells_are_named_with_the_part_to_start_again() {
        let folder = folder("missing");
        let mut parts = parts(&folder, 3);
        parts.remove(1);
        let broken = folder.join("broken");
        run(&broken, Shard { index: 3, of: 3 }, 2);
        let torn = fs::read(&broken).unwrap();
        fs::write(&broken, &torn[..torn.len() - 5]).unwrap();
        parts[1] = broken;
        let error = merge(&parts, &folder.join("merged")).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "11 of 23 cells are missing: 1, 4, 7, 10, 13-14, 16-17, 19-20, 22; 1 torn or damaged lines were left \
                 out; there is no part for shard 2/3; {} (shard 3/3) lacks 3: run that shard again with the same \
                 arguments",
                folder.join("broken").display()
            )
        );
        assert!(!folder.join("merged").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn parts_of_different_experiments_or_with_different_results_are_refused() {
        let folder = folder("different");
        let parts = parts(&folder, 2);
        let write = |name: &str, header: &Header, cell: usize| {
            let path = folder.join(name);
            let mut journal = Journal::<f64>::open(&path, header, Durability::EveryLine).unwrap().journal;
            journal.append(cell, &-1.0).unwrap();
            path
        };
        let other = write("other", &Header::new(&["another"], CELLS, vec![("command".into(), "tune".into())]), 0);
        let error = merge(&[parts[0].clone(), other], &folder.join("merged")).unwrap_err();
        assert!(
            error.to_string().contains("different experiments (command: `tune` in the second, `sweep` in the first)"),
            "{error}"
        );
        let wrong = write("wrong", &header(Shard { index: 2, of: 2 }), 3);
        let error = merge(&[parts[0].clone(), parts[1].clone(), wrong], &folder.join("merged")).unwrap_err();
        assert!(matches!(error, MergeError::Journal(JournalError::Conflict { cell: 3, .. })), "{error}");
        assert!(matches!(merge(&[], &folder.join("merged")), Err(MergeError::NoParts)));
        assert!(matches!(merge(&[folder.join("nowhere")], &folder.join("merged")), Err(MergeError::Journal(_))));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_not_the_merged_journal_itself_is_not_replaced() {
        let folder = folder("replaced");
        let parts = parts(&folder, 2);
        let out = folder.join("merged");
        let refused = |path: &Path| {
            let before = fs::read(path).unwrap();
            let error = merge(&parts, path).unwrap_err().to_string();
            assert_eq!(fs::read(path).unwrap(), before, "{error}");
            error
        };
        fs::write(&out, "name: a scenario\n").unwrap();
        assert!(refused(&out).contains("exists and is not a journal of stickysim"));
        assert!(refused(&parts[0]).contains("shard: 1/2 there, all here"));
        let other = folder.join("other");
        Journal::<f64>::open(&other, &Header::new(&["another"], CELLS, vec![]), Durability::Never).unwrap();
        assert!(refused(&other).contains("is of another experiment"));

        fs::write(&out, "").unwrap();
        merge(&parts, &out).unwrap();
        let merged = fs::read(&out).unwrap();
        merge(&parts, &out).unwrap();
        merge(std::slice::from_ref(&out), &out).unwrap();
        assert_eq!(fs::read(&out).unwrap(), merged);

        let running = Journal::<f64>::open(&out, &header(Shard::WHOLE), Durability::Never).unwrap();
        assert!(refused(&out).contains("is being written by another run"));
        drop(running);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_part_that_is_no_journal_or_of_a_tune_is_named_with_the_remedy() {
        let folder = folder("parts");
        let text = folder.join("text");
        fs::write(&text, "no journal\n").unwrap();
        let error = merge(std::slice::from_ref(&text), &folder.join("merged")).unwrap_err().to_string();
        assert!(error.contains("remove it and run that shard again") && error.contains("text"), "{error}");
        let tune = folder.join("tune");
        let header = Header::new(&["tune"], CELLS, vec![("command".into(), "tune".into())]);
        Journal::<f64>::open(&tune, &header, Durability::Never).unwrap().journal.append(3, &1.0).unwrap();
        let error = merge(std::slice::from_ref(&tune), &folder.join("merged")).unwrap_err().to_string();
        assert!(error.contains("is the journal of a tune, which has no shards"), "{error}");
        assert!(!folder.join("merged").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
