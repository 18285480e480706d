//! Logs that are broken: a clear error, or a counted and explained skip; and nothing half-written.

use super::*;

pub(crate) const GOOD: &str = r#"{"outcome":"ok","completed_ms":1795434646243,"arrival_ms":1795434645932,"arrival_src":"access","duration_ms":305,"ttft_ms":95,"pre_forward_ms":6,"account_id":1,"group_id":1,"model":"gpt-5"}"#;

fn log_of(name: &str, text: &str) -> (Result<stickysim::calibrate::records::Log, String>, PathBuf) {
    let folder = folder(name);
    let path = folder.join("log.jsonl");
    std::fs::write(&path, text).unwrap();
    let read = gateway_log::read(&path).map_err(|error| error.to_string());
    std::fs::remove_dir_all(folder).unwrap();
    (read, path)
}

#[test]
fn a_log_that_was_cut_off_loses_its_last_line_and_says_so() {
    let (log, _) = log_of("cut", &format!("{GOOD}\n{}", &GOOD[..60]));
    let log = log.unwrap();
    assert_eq!(log.records.len(), 1);
    assert!(log.notes.iter().any(|note| note.contains("line 2") && note.contains("cut off")), "{:?}", log.notes);
}

#[test]
fn doubled_rows_are_counted_once() {
    let (log, _) = log_of("double", &format!("{GOOD}\n{GOOD}\n{}\n", GOOD.replace("305", "304")));
    let log = log.unwrap();
    assert_eq!(log.records.len(), 2);
    assert!(
        log.notes.iter().any(|note| note.starts_with("line 2 is left out") && note.contains("twice")),
        "{:?}",
        log.notes
    );
}

#[test]
fn an_older_schema_without_columns_is_read_and_what_is_missing_is_said() {
    let old = r#"{"completed_ms":1795434646243,"duration_ms":305,"ttft_ms":95,"account_id":1}"#;
    let (log, _) = log_of("old", &format!("{old}\n{}\n", old.replace("305", "310")));
    let log = log.unwrap();
    assert_eq!(log.records.len(), 2);
    assert!(log.records.iter().all(|record| record.before_s.is_none() && record.session.is_none()));
    assert!(
        log.notes.iter().any(|note| note.contains("2 of 2 requests have no row in the access log")),
        "{:?}",
        log.notes
    );
}

#[test]
fn what_is_no_log_is_an_error_with_its_place() {
    let (log, path) = log_of("none", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,374,44\n");
    let error = log.unwrap_err();
    assert!(error.contains(&format!("{}:1: ", path.display())) && error.contains("not JSON"), "{error}");
    let seconds = GOOD.replace("1795434646243", "1795434646").replace("1795434645932", "1795434645");
    let (log, _) = log_of("seconds", &format!("{seconds}\n{seconds}\n"));
    assert!(log.unwrap_err().contains("seconds instead?"));
}

#[test]
fn an_escape_log_of_another_time_zone_is_an_error_that_says_how_far_off() {
    let folder = folder("zone");
    let path = folder.join("escapes.log");
    let line = "2026-11-23T19:50:51.768Z INFO sticky_escape_triggered account_id=3 reason=ttft\n";
    std::fs::write(&path, line).unwrap();
    let error = stickysim::calibrate::escapes::read(std::slice::from_ref(&path), Some(1_795_434_645_932), 600.0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("time zone") && error.contains("h:"), "{error}");
    std::fs::write(&path, line.replace("19:50:51.768Z", "19:50:51.768+0800")).unwrap();
    let escapes =
        stickysim::calibrate::escapes::read(std::slice::from_ref(&path), Some(1_795_434_645_932), 600.0).unwrap();
    assert_eq!(escapes.all.len(), 1);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_packed_log_that_was_cut_off_gives_what_comes_before() {
    use std::io::Write as _;
    let folder = folder("packed");
    let path = folder.join("log.jsonl.gz");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for i in 0..2_000_i64 {
        let at = 1_795_434_646_243 + 137 * i * (i % 7);
        writeln!(packer, "{}", GOOD.replace("1795434646243", &at.to_string())).unwrap();
    }
    let whole = packer.finish().unwrap();
    std::fs::write(&path, &whole[..whole.len() * 2 / 3]).unwrap();
    let log = gateway_log::read(&path).unwrap();
    assert!(log.records.len() > 100 && log.records.len() < 2_000, "{}", log.records.len());
    assert!(log.notes.iter().any(|note| note.contains("packed and was cut off")), "{:?}", log.notes);
    std::fs::write(&path, &whole[..12]).unwrap();
    let error = gateway_log::read(&path).unwrap_err().to_string();
    assert!(error.contains("cut off before its first line"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_log_of_two_time_zones_is_noticed_by_its_hole() {
    let hours = |h: i64, i: i64| {
        let shift = |ms: i64| (ms + 3_600_000 * h + 500 * i).to_string();
        GOOD.replace("1795434646243", &shift(1_795_434_646_243)).replace("1795434645932", &shift(1_795_434_645_932))
    };
    let text: String = (0..200).map(|i| hours(if i % 2 == 0 { 0 } else { 8 }, i) + "\n").collect();
    let (log, _) = log_of("zones", &text);
    let notes = log.unwrap().notes;
    assert!(
        notes.iter().any(|note| note.contains("no request for 8.0 h") && note.contains("two time zones")),
        "{notes:?}"
    );
}

#[test]
fn failed_attempts_of_another_time_zone_are_counted_and_their_times_left_out() {
    let attempts = |at: i64| {
        let attempts =
            format!(r#""attempts":[{{"at_ms":{at},"account_id":2,"status":500,"kind":"failover"}}],"group_id""#);
        GOOD.replace("\"group_id\"", &attempts) + "\n"
    };
    let (log, _) = log_of("attempts", &(attempts(1_795_434_646_000) + &attempts(1_795_434_646_000 - 8 * 3_600_000)));
    let log = log.unwrap();
    let times: Vec<bool> = log.records.iter().map(|record| record.failed[0].at_s.is_some()).collect();
    assert_eq!(times, [true, false]);
    assert!(log.notes.iter().any(|note| note.starts_with("1 of 2 requests had failed attempts at times outside")));
}

#[test]
fn an_escape_log_with_times_of_several_zones_counts_what_it_cannot_place() {
    let folder = folder("escape-zones");
    let path = folder.join("escapes.log");
    let lines = "2026-11-23T11:50:51.768Z INFO sticky_escape_triggered account_id=3 reason=ttft\n\
                 2026-11-23T19:50:51.768+0800 INFO sticky_escape_triggered account_id=3 reason=ttft\n\
                 2026-11-23 11:50:52.768 INFO sticky_escape_triggered account_id=3 reason=ttft\n\
                 2026-11-23T19:50:53.768Z INFO sticky_escape_triggered account_id=3 reason=ttft\n\
                 2026-11-23T11:50:54.768Z INFO sticky_escape_triggered account_";
    std::fs::write(&path, lines).unwrap();
    let escapes =
        stickysim::calibrate::escapes::read(std::slice::from_ref(&path), Some(1_795_434_645_932), 600.0).unwrap();
    assert_eq!(escapes.all.len(), 3);
    for said in
        ["1 escapes outside", "7.84 h off", "1 escapes have times without a zone", "1 escape lines cannot be read"]
    {
        assert!(escapes.notes.iter().any(|note| note.contains(said)), "{said}: {:?}", escapes.notes);
    }
    std::fs::write(&path, b"\x00\x01\xff garbage").unwrap();
    let error = stickysim::calibrate::escapes::read(std::slice::from_ref(&path), None, 600.0).unwrap_err().to_string();
    assert!(error.contains("it is no text"), "{error}");
    std::fs::write(&path, "2026-11-23T12:00:00.000Z\tINFO\tnothing of interest\n").unwrap();
    let escapes = stickysim::calibrate::escapes::read(std::slice::from_ref(&path), None, 600.0).unwrap();
    assert!(escapes.notes[0].contains("none of the 1 lines"), "{:?}", escapes.notes);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_account_that_the_snapshot_does_not_have_is_said_and_an_empty_snapshot_is_an_error() {
    let folder = folder("snapshot");
    let path = folder.join("accounts.jsonl");
    std::fs::write(&path, r#"{"account_id":1,"type":"apikey","status":"active","concurrency":4,"groups":[1]}"#)
        .unwrap();
    let (known, notes) = stickysim::calibrate::accounts::read(&path, Some(1), &[1, 6]).unwrap();
    assert_eq!(known.len(), 1);
    assert!(notes[0].contains("deleted since?): 6;"), "{notes:?}");
    std::fs::write(&path, "\n").unwrap();
    let error = stickysim::calibrate::accounts::read(&path, Some(1), &[1]).unwrap_err().to_string();
    assert!(error.contains("no account in it"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_account_snapshot_in_the_same_file_is_taken_out_of_it() {
    let folder = folder("both");
    let log = folder.join("log.jsonl");
    let account = |id: i64| {
        format!(
            r#"{{"account_id":{id},"platform":"openai","type":"apikey","status":"active","concurrency":7,"groups":[1]}}"#
        )
    };
    std::fs::write(&log, format!("{GOOD}\n{}\n{}\n", account(1), account(2))).unwrap();
    let calibrated = run(&options(&log, &folder));
    assert_eq!((calibrated.input.log.records.len(), &calibrated.input.ids[..]), (1, &[1, 2][..]));
    assert!(calibrated.input.known.iter().all(|known| known.concurrency == 7));
    assert!(
        !calibrated.input.notes.iter().any(|note| note.contains("no account snapshot")),
        "{:?}",
        calibrated.input.notes
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn one_request_is_no_log_to_judge_by() {
    let folder = folder("one");
    let log = folder.join("log.jsonl");
    std::fs::write(&log, format!("{GOOD}\n")).unwrap();
    let calibrated = run(&options(&log, &folder));
    assert_eq!(calibrated.verdict, Agreement::TooLittle);
    assert!(report::summary(&calibrated).contains("**too little data** (1 request: "));
    std::fs::remove_dir_all(folder).unwrap();
}

// --- what is written ---

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_calibration_that_fails_leaves_nothing_behind_and_touches_nothing() {
    let folder = folder("fails");
    let log = folder.join("log.jsonl");
    std::fs::write(&log, format!("{GOOD}\n")).unwrap();
    let pool = threads(1).unwrap();
    let fails = |options: &Options| calibrate(options, &pool).unwrap_err().to_string();
    // before anything is read, after the log was read, and after the trace was written
    let missing = Options { log: folder.join("none.jsonl"), ..options(&log, &folder) };
    let accounts = Options { accounts: Some(folder.join("none.jsonl")), ..options(&log, &folder) };
    let against = folder.join("other.yaml");
    std::fs::write(&against, "accounts: [{id: 77}]\n").unwrap();
    let other = Options { against: Some(against), ..options(&log, &folder) };
    for options in [&missing, &accounts, &other] {
        fails(options);
        assert!(!folder.join("out").exists());
    }
    std::fs::create_dir(folder.join("out")).unwrap();
    std::fs::write(folder.join("out/notes.txt"), "mine").unwrap();
    fails(&accounts);
    fails(&other);
    assert_eq!(names(&folder.join("out")), ["notes.txt"]);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn results_that_are_there_are_replaced_on_demand_only_and_whole_or_not_at_all() {
    let folder = folder("there");
    let log = folder.join("log.jsonl");
    std::fs::write(&log, format!("{GOOD}\n")).unwrap();
    let first = options(&log, &folder);
    run(&first);
    let files = ["report.md", "scenario.yaml", "trace.jsonl.gz"];
    assert_eq!(names(&first.out), files);
    std::fs::write(first.out.join("scenario.yaml"), "mine").unwrap();
    let error = calibrate(&first, &threads(1).unwrap()).unwrap_err().to_string();
    assert!(error.contains("scenario.yaml is there already") && error.contains("--force"), "{error}");
    // a failure of a forced one leaves the old results as they were
    let broken = Options { accounts: Some(folder.join("none.jsonl")), force: true, ..first.clone() };
    calibrate(&broken, &threads(1).unwrap()).unwrap_err();
    assert_eq!(std::fs::read_to_string(first.out.join("scenario.yaml")).unwrap(), "mine");
    // and one that was killed has left what it was at
    std::fs::create_dir(first.out.join(".calibrate.4711.part")).unwrap();
    run(&Options { force: true, ..first.clone() });
    assert_eq!(names(&first.out), files);
    assert!(std::fs::read_to_string(first.out.join("scenario.yaml")).unwrap().starts_with("# Written by"));
    // held against a scenario: there is none of its own, and an old one must not stand beside the new trace
    let other = folder.join("other.yaml");
    std::fs::copy(first.out.join("scenario.yaml"), &other).unwrap();
    run(&Options { force: true, against: Some(other), ..first.clone() });
    assert_eq!(names(&first.out), ["report.md", "trace.jsonl.gz"]);
    std::fs::remove_dir_all(folder).unwrap();
}
