use std::path::PathBuf;

use super::*;
use crate::ids::AccountIx;
use crate::measure::testing::{Turn, at, escape, forward, health, select};
use crate::measure::{CacheRules, Price};
use crate::scheduler::EscapeReason;
use crate::units::Span;

/// One session with an escape and a cold turn, and a request without a session.
fn eventful(observer: &mut impl Observer) {
    let s = Some((0, 1));
    health(observer, 1_000, 0, 0, true);
    forward(observer, 2_000, s, 0, 4_000, 0, true);
    Turn::at(2_000).of(0, 1).ttft(300).tell(observer);
    select(observer, 4_000, s, &escape(0, EscapeReason::Ttft, Some(1)));
    observer.slots(at(4_000), AccountIx(1), 1);
    forward(observer, 4_000, s, 1, 4_000, 0, true);
    Turn::at(4_000).of(0, 1).on(1).ttft(700).waited(400).escaped(EscapeReason::Ttft).tell(observer);
    observer.session_over(at(6_000), SessionRef { slot: 0, number: 1 });
    Turn::at(7_000).without_token(250).tell(observer);
    observer.run_over(at(8_000));
}

fn files(directory: &std::path::Path) -> Result<CsvFiles, FileError> {
    let settings = Settings { start: at(1_000), warmup_end: at(3_000), ..Settings::default() };
    let cache = Some(CacheRules { ttl: Span::from_secs(300), min_tokens: 1_024 });
    let price = Some(Price { input: 1.0, cached_input: 0.1, output: 5.0 });
    let accounts = [11, 12].map(|id| AccountInfo { cache, price, ..AccountInfo::new(id, 4) });
    CsvFiles::create(directory, &settings, &accounts)
}

fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("stickysim-csv-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    directory
}

fn rows(directory: &std::path::Path, name: &str) -> Vec<Vec<String>> {
    let Ok(mut reader) = csv::Reader::from_path(directory.join(name)) else { return Vec::new() };
    let header = reader.headers().map(|header| header.iter().map(str::to_owned).collect()).unwrap_or_default();
    let records = reader.records().flatten().map(|record| record.iter().map(str::to_owned).collect());
    std::iter::once(header).chain(records).collect()
}

/// The cells of these columns, row by row.
fn columns(rows: &[Vec<String>], names: &[&str]) -> Vec<Vec<String>> {
    let places: Vec<_> = names.iter().map(|name| rows[0].iter().position(|column| column == name)).collect();
    let cell = |row: &Vec<String>, place: &Option<usize>| place.map_or("no such column".into(), |p| row[p].clone());
    rows[1..].iter().map(|row| places.iter().map(|place| cell(row, place)).collect()).collect()
}

#[test]
fn the_files_tell_the_run() -> Result<(), FileError> {
    let directory = directory("tell");
    let mut files = files(&directory)?;
    eventful(&mut files);
    assert!(rows(&directory, "requests.csv").is_empty(), "no file has its name before the end");
    files.finish()?;

    let requests = rows(&directory, "requests.csv");
    let hash = "e0cee8e5ab9eee8f".len();
    assert!(requests[1..3].iter().all(|row| row[3].len() == hash) && requests[3][3].is_empty());
    assert_eq!(
        columns(
            &requests,
            &["arrival_s", "warmup", "status", "account", "escape", "felt_ttft_ms", "upstream_ttft_ms", "cold"]
        ),
        [
            ["1", "true", "ok", "11", "", "300", "300", "false"],
            ["3", "false", "ok", "12", "ttft", "700", "300", "true"],
            ["6", "false", "client_gone", "11", "", "", "", "false"],
        ]
    );
    assert_eq!(columns(&requests, &["price"]), [["0.0045"], ["0.0045"], [""]]);
    let sessions = rows(&directory, "sessions.csv");
    assert_eq!(
        columns(&sessions, &["first_arrival_s", "turns", "worst_ttft_ms", "escaped_turns", "stuck"]),
        [["3", "1", "700", "1", "false"]]
    );
    let escapes = rows(&directory, "escapes.csv");
    assert_eq!(
        columns(
            &escapes,
            &["time_s", "request", "from_account", "reason", "to_account", "outcome", "wasted", "degraded"]
        ),
        [["3", "4000", "11", "ttft", "12", "acquired", "false", "true"]]
    );
    let accounts = rows(&directory, "accounts.csv");
    assert_eq!(accounts.len(), 1 + 8 * 2, "a point a second, 0 to 7 s, two accounts");
    assert_eq!(
        columns(&accounts, &["time_s", "account", "slots_held", "degraded"])[7..10],
        [["3", "12", "0", "false"], ["4", "11", "0", "true"], ["4", "12", "1", "false"]]
            .map(|row| row.map(str::to_owned))
            .to_vec()[..]
    );
    let _ = std::fs::remove_dir_all(&directory);
    Ok(())
}

#[test]
fn an_interrupted_run_leaves_no_files() -> Result<(), FileError> {
    let directory = directory("interrupted");
    let mut files = files(&directory)?;
    eventful(&mut files);
    drop(files);
    assert_eq!(std::fs::read_dir(&directory).map(Iterator::count).ok(), Some(0));
    let _ = std::fs::remove_dir_all(&directory);
    Ok(())
}
