//! A journal torn, damaged or interrupted anywhere ends as the same file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Durability, Header, Journal, JournalError, Opened};
use crate::engine::Luck;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Cell {
    p99: f64,
    missing: Option<f64>,
    name: String,
}

const CELLS: usize = 6;

fn result(cell: usize) -> Cell {
    let p99 = Luck::new(9).stream(8, cell as u64, 0).open01() * 1e4;
    Cell { p99, missing: cell.is_multiple_of(2).then_some(-0.1), name: format!("цell \"{cell}\"\n,\"xxh64\":\"") }
}

fn header() -> Header {
    let about = vec![("command".into(), "sweep".into()), ("scenario".into(), "slow-account.yaml".into())];
    Header::new(&["the effective scenario", "--vary a=1,2"], CELLS, about)
}

/// A folder of its own that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stickysim-journal-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> Result<Opened<Cell>, JournalError> {
    Journal::open(path, &header(), Durability::Never)
}

/// Opens, runs what is missing in this order, finishes; returns how many cells were there already and how many lines
/// were dropped.
fn run(path: &Path, order: impl Iterator<Item = usize>) -> (usize, usize) {
    let Opened { mut journal, finished, dropped } = open(path).unwrap();
    for (cell, got) in &finished {
        assert_eq!(*got, result(*cell));
    }
    for cell in order {
        if !journal.has(cell) {
            journal.append(cell, &result(cell)).unwrap();
        }
    }
    journal.finish().unwrap();
    (finished.len(), dropped)
}

/// The bytes of an uninterrupted run, and of one as it is on the disk before it is finished, in this order of cells.
fn reference(folder: &Folder, order: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let path = folder.file("reference");
    let mut journal = open(&path).unwrap().journal;
    for &cell in order {
        journal.append(cell, &result(cell)).unwrap();
    }
    let unfinished = fs::read(&path).unwrap();
    journal.finish().unwrap();
    (fs::read(&path).unwrap(), unfinished)
}

#[test]
fn lines_are_json_with_header_and_checksum() {
    let folder = Folder::new("lines");
    let (bytes, _) = reference(&folder, &[0, 1, 2, 3, 4, 5]);
    let lines: Vec<serde_json::Value> =
        bytes.split(|&b| b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    assert_eq!(lines.len(), 1 + CELLS);
    assert_eq!((&lines[0]["journal"]["schema_version"], &lines[0]["journal"]["cells"]), (&1.into(), &CELLS.into()));
    assert_eq!(lines[3]["cell"], 2);
    assert_eq!(lines[3]["result"]["p99"].as_f64(), Some(result(2).p99));
}

#[test]
fn however_often_it_is_forced_to_the_disk_the_bytes_are_the_same() {
    let folder = Folder::new("sync");
    let (bytes, _) = reference(&folder, &[0, 1, 2, 3, 4, 5]);
    for (name, sync) in [("each", Durability::EveryLine), ("some", Durability::Every(4))] {
        let mut journal = Journal::open(&folder.file(name), &header(), sync).unwrap().journal;
        (0..CELLS).for_each(|cell| journal.append(cell, &result(cell)).unwrap());
        journal.finish().unwrap();
        assert_eq!(fs::read(folder.file(name)).unwrap(), bytes);
    }
}

#[test]
fn the_order_in_which_cells_finish_does_not_show() {
    let folder = Folder::new("order");
    let (bytes, unfinished) = reference(&folder, &[0, 1, 2, 3, 4, 5]);
    assert_eq!(bytes, unfinished);
    run(&folder.file("other"), [5, 2, 0, 4, 1, 3].into_iter());
    assert_eq!(fs::read(folder.file("other")).unwrap(), bytes);
}

#[test]
fn torn_at_every_byte_it_resumes_with_every_whole_line_and_ends_with_the_same_bytes() {
    let folder = Folder::new("torn");
    let order = [3, 0, 5, 1, 4, 2];
    let (bytes, unfinished) = reference(&folder, &order);
    let path = folder.file("torn");
    for length in 0..=unfinished.len() {
        fs::write(&path, &unfinished[..length]).unwrap();
        let whole = unfinished[..length].iter().filter(|&&b| b == b'\n').count().saturating_sub(1);
        let torn = length > 0 && unfinished[length - 1] != b'\n' && unfinished[..length].contains(&b'\n');
        assert_eq!(run(&path, 0..CELLS), (whole, usize::from(torn)), "{length}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{length}");
    }
}

#[test]
fn killed_twice_it_still_ends_with_the_same_bytes() {
    let folder = Folder::new("twice");
    let (bytes, unfinished) = reference(&folder, &[1, 0, 3, 2, 5, 4]);
    let path = folder.file("twice");
    for length in (0..unfinished.len()).step_by(7) {
        fs::write(&path, &unfinished[..length]).unwrap();
        let mut journal = open(&path).unwrap().journal;
        journal.append(4, &result(4)).unwrap();
        drop(journal);
        let now = fs::read(&path).unwrap();
        fs::write(&path, &now[..now.len() - 3]).unwrap();
        run(&path, (0..CELLS).rev());
        assert_eq!(fs::read(&path).unwrap(), bytes, "{length}");
    }
}

#[test]
fn a_damaged_byte_costs_its_line_at_most_and_never_a_wrong_result() {
    let folder = Folder::new("damaged");
    let (bytes, unfinished) = reference(&folder, &[0, 1, 2, 3, 4, 5]);
    let path = folder.file("damaged");
    let first = 1 + unfinished.iter().position(|&b| b == b'\n').unwrap();
    for at in 0..unfinished.len() {
        let mut damaged = unfinished.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, &damaged).unwrap();
        if at < first {
            assert!(matches!(open(&path), Err(JournalError::NotAJournal { .. })), "{at}");
            assert_eq!(fs::read(&path).unwrap(), damaged, "a refused file is not changed");
            continue;
        }
        // `run` checks every result that was found; a lost line feed joins two lines
        let (found, dropped) = run(&path, 0..CELLS);
        assert!(found >= CELLS - 2 && dropped >= 1, "{at}: {found}, {dropped}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{at}");
    }
}

#[test]
fn blocks_of_zeros_that_a_power_cut_leaves_are_dropped() {
    let folder = Folder::new("zeros");
    let (bytes, unfinished) = reference(&folder, &[0, 1, 2, 3, 4, 5]);
    let path = folder.file("zeros");
    let mut padded = unfinished[..unfinished.len() - 10].to_vec();
    padded.extend([0; 4096]);
    fs::write(&path, &padded).unwrap();
    assert_eq!(run(&path, 0..CELLS), (CELLS - 1, 1));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_journal_of_another_experiment_is_refused_with_what_differs_and_not_touched() {
    let folder = Folder::new("foreign");
    let (bytes, _) = reference(&folder, &[0, 1, 2, 3, 4, 5]);
    let path = folder.file("reference");
    let refused = |header: &Header| {
        let error = Journal::<Cell>::open(&path, header, Durability::EveryLine).unwrap_err();
        assert!(matches!(error, JournalError::Foreign { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        error.to_string()
    };
    let mut other = Header::new(&["another"], CELLS, header().about);
    other.about[1].1 = "healthy.yaml".into();
    assert!(refused(&other).contains("(scenario: `slow-account.yaml` there, `healthy.yaml` here)"));
    let changed = Header::new(&["the scenario after an edit", "--vary a=1,2"], CELLS, header().about);
    assert!(refused(&changed).contains("(a file that the scenario reads, or stickysim itself, has changed)"));
    let shard = Header { shard: Some("1/2".into()), ..header() };
    assert!(refused(&shard).contains("(shard: all there, 1/2 here)"));
    let fewer = Header { cells: 3, ..header() };
    assert!(refused(&fewer).contains("(cells: 6 there, 3 here)"));
}

#[test]
fn what_is_no_journal_is_refused_and_not_touched() {
    let folder = Folder::new("none");
    let path = folder.file("table.csv");
    for text in ["threshold,p99\n1,2\n", "no line feed", "{\"journal\":", "{\"journal\":{}}\n", "\n", "\0\0\0"] {
        fs::write(&path, text).unwrap();
        let is_own_beginning = text == "{\"journal\":";
        match open(&path) {
            Err(JournalError::NotAJournal { .. }) if !is_own_beginning => {
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
            }
            Ok(_) if is_own_beginning => {}
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(matches!(open(&folder.file("table.csv/folder")), Err(JournalError::Io { .. })));
    assert!(open(&folder.file("missing/folder/is-made")).is_ok());
}

#[test]
fn a_journal_of_another_version_says_so() {
    let folder = Folder::new("version");
    let path = folder.file("old");
    let later = Header { schema_version: 99, ..header() };
    fs::write(&path, super::line::encode_header(&later).unwrap()).unwrap();
    assert!(matches!(open(&path), Err(JournalError::OtherVersion { found: 99, .. })));
}

#[test]
fn a_journal_has_one_writer() {
    let folder = Folder::new("busy");
    let path = folder.file("busy");
    let first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(JournalError::Busy { .. })));
    drop(first);
    open(&path).unwrap();
}

#[test]
fn two_different_results_of_one_cell_are_an_error_and_two_equal_ones_are_not() {
    let folder = Folder::new("conflict");
    let path = folder.file("conflict");
    let mut journal = open(&path).unwrap().journal;
    journal.append(1, &result(1)).unwrap();
    journal.append(1, &result(1)).unwrap();
    drop(journal);
    let mut journal = open(&path).unwrap().journal;
    journal.append(1, &result(2)).unwrap();
    drop(journal);
    assert!(matches!(open(&path), Err(JournalError::Conflict { cell: 1, .. })));
}

#[test]
fn a_result_of_another_form_is_named() {
    let folder = Folder::new("form");
    let path = folder.file("form");
    Journal::<u32>::open(&path, &header(), Durability::Every(8)).unwrap().journal.append(2, &7).unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(error.contains("the result of cell 2 in") && error.contains("not in the expected form"), "{error}");
}

#[test]
fn fingerprints_differ_where_text_moves_between_parts_and_come_back_from_text() {
    let of = super::Fingerprint::of;
    assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    assert_ne!(of(&["a"]), of(&["a", ""]));
    assert_eq!(super::Fingerprint::try_from(String::from(of(&["a"]))), Ok(of(&["a"])));
    assert!(super::Fingerprint::try_from("12".to_owned()).is_err());
}

#[test]
fn two_writers_without_locks_keep_the_lines_of_both() {
    let folder = Folder::new("no-locks");
    let (bytes, _) = reference(&folder, &[0, 1, 2, 3, 4, 5]);
    let path = folder.file("shared");
    let mut one = open(&path).unwrap().journal.without_lock();
    let mut other = open(&path).unwrap().journal.without_lock();
    for cell in [0, 2, 4] {
        one.append(cell, &result(cell)).unwrap();
        other.append(cell + 1, &result(cell + 1)).unwrap();
    }
    assert_eq!(super::read(&path).unwrap().lines.len(), CELLS);
    one.finish().unwrap();
    // what the second writes now goes to a file that has lost its name
    other.append(0, &result(0)).unwrap();
    other.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_file_that_took_the_name_of_a_journal_is_left_and_the_journal_is_written_beside_it() {
    let folder = Folder::new("replaced");
    let (bytes, _) = reference(&folder, &[0, 1, 2, 3, 4, 5]);
    let path = folder.file("sweep");
    let mut journal = open(&path).unwrap().journal;
    (0..CELLS).for_each(|cell| journal.append(cell, &result(cell)).unwrap());
    fs::write(folder.file("text"), "somebody's text").unwrap();
    fs::rename(folder.file("text"), &path).unwrap();
    let error = journal.finish().unwrap_err();
    assert!(matches!(error, JournalError::Replaced { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's text");
    assert_eq!(fs::read(folder.file("sweep.saved-1")).unwrap(), bytes);
}

#[test]
fn a_journal_that_lost_its_name_gets_it_back() {
    let folder = Folder::new("removed");
    let (bytes, _) = reference(&folder, &[0, 1, 2, 3, 4, 5]);
    let path = folder.file("sweep");
    let mut journal = open(&path).unwrap().journal;
    (0..CELLS).for_each(|cell| journal.append(cell, &result(cell)).unwrap());
    fs::remove_file(&path).unwrap();
    journal.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_journal_that_was_cut_while_it_was_written_is_not_called_finished() {
    let folder = Folder::new("cut");
    let path = folder.file("sweep");
    let mut journal = open(&path).unwrap().journal;
    let header = fs::read(&path).unwrap();
    (0..CELLS).for_each(|cell| journal.append(cell, &result(cell)).unwrap());
    fs::write(&path, &header).unwrap();
    assert!(matches!(journal.finish(), Err(JournalError::Changed { lost: CELLS, .. })));
    assert_eq!(fs::read(&path).unwrap(), header);
}

#[test]
fn a_folder_and_a_device_are_no_place_for_a_journal() {
    let folder = Folder::new("kinds");
    assert!(matches!(open(&folder.file("")), Err(JournalError::NotAFile { .. })));
    assert!(matches!(open(Path::new("/dev/null")), Err(JournalError::NotAFile { .. })));
}

#[test]
fn the_keys_of_scenarios_that_differ_are_named() {
    let scenario = |threshold: u32| {
        let scenarios = vec![serde_json::json!({"name": "s", "gateway": {"threshold": threshold}, "accounts": [1, 2]})];
        Header { scenarios, ..Header::new(&[&threshold.to_string()], CELLS, header().about) }
    };
    let differences = scenario(8).differences(&scenario(15));
    assert_eq!(differences, "gateway.threshold: 15 there, 8 here");
}
