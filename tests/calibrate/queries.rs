//! The export queries on a real PostgreSQL.

use super::*;

#[test]
fn the_export_queries_run_on_postgresql_and_give_rows_of_every_kind() {
    let out = folder("postgres");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export/run.sh");
    let done = std::process::Command::new("sh").arg(script).arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    println!("PostgreSQL: {}", said.trim());
    if said.starts_with("skipped") {
        super::missing::skip("PostgreSQL", "tests/packages.sh postgresql");
        return;
    }
    for (version, with_session) in [("older", 0), ("newer", 2)] {
        let path = out.join(format!("{version}.jsonl"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("my-session") && !text.contains("codex\""), "ids and agents are salted: {text}");
        let log = gateway_log::read(&path).unwrap();
        assert_eq!(log.records.len(), 9, "{version}: {:#?}", log.records);
        assert_eq!(log.records.iter().filter(|record| record.session.is_some()).count(), with_session, "{version}");
        let with = |what: &dyn Fn(&stickysim::calibrate::records::Record) -> bool| {
            log.records.iter().filter(|record| what(record)).count()
        };
        use stickysim::calibrate::records::RecordedEnd;
        assert_eq!(with(&|record| record.outcome == RecordedEnd::Ok), 5, "{version}");
        assert_eq!(with(&|record| record.outcome == RecordedEnd::Broken), 1, "{version}");
        assert_eq!(with(&|record| record.outcome == RecordedEnd::Failed(429)), 1, "{version}");
        assert_eq!(with(&|record| record.outcome == RecordedEnd::Failed(502)), 2, "{version}");
        assert_eq!(with(&|record| record.failed.len() == 1), 2, "{version}");
        assert_eq!(with(&|record| record.failed.len() == 2), 1, "{version}");
        assert_eq!(with(&|record| record.before_s == Some(0.155)), 1, "{version}");
        // seven have an access row, of which one is that of a WebSocket connection; two answers and an error have none
        assert_eq!(with(&|record| record.exact_arrival), 6, "{version}");
        assert!(log.kinds.contains(&"gpt-5/high".to_owned()), "{version}: {:?}", log.kinds);
        let told: Vec<Option<u32>> = log
            .records
            .iter()
            .filter(|record| log.kinds[record.kind as usize] == "gpt-5/high")
            .map(|record| record.cached_tokens)
            .collect();
        assert_eq!(told, [None], "{version}: cached tokens after a failed attempt are not looked at");
        assert!(text.contains("\"cache_read_tokens\": 4096"), "{version}: but they are exported");
        for (source, count) in [("access", 6), ("usage", 2), ("error_time", 1)] {
            assert_eq!(text.matches(&format!("\"arrival_src\": \"{source}\"")).count(), count, "{version} {source}");
        }
        assert!(log.notes.iter().any(|note| note.contains("WebSocket")), "{:?}", log.notes);
    }
    let accounts = std::fs::read_to_string(out.join("accounts.jsonl")).unwrap();
    assert!(!accounts.contains("secret") && !accounts.contains("example.com"), "{accounts}");
    let (known, _) = stickysim::calibrate::accounts::read(&out.join("accounts.jsonl"), Some(1), &[]).unwrap();
    assert_eq!(
        known.iter().map(|account| (account.id, account.oauth, account.concurrency)).collect::<Vec<_>>(),
        [(1, false, 4), (2, true, 8)]
    );
    std::fs::remove_dir_all(out).unwrap();
}
