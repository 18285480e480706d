//! The gateway's own log as operators have it: in whatever docker, kubectl, journald and log stores put around its
//! lines, rotated, packed, of a fork; and what is given in its place.

use super::*;
use serde_json::{Value, json};
use std::io::Write as _;
use stickysim::calibrate::escapes::{Escape, Escapes, read};

/// Second 0 of the log: 2026-08-29T10:40:00Z.
const EPOCH_MS: i64 = 1_788_000_000_000;

fn log_of(bytes: &[u8], name: &str) -> Result<Escapes, String> {
    let folder = folder("escapes");
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    let escapes = read(&[path], Some(EPOCH_MS), 600.0).map_err(|error| error.to_string());
    std::fs::remove_dir_all(folder).unwrap();
    escapes
}

fn zstd(text: &str) -> Vec<u8> {
    let mut packer = stickysim::workload::packed::ZstdWriter::new(Vec::new());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

fn record(at: usize) -> Value {
    json!({
        "level": "INFO", "time": format!("2026-08-29T10:40:{at:02}.250Z"), "logger": "slog", "caller": "logger/slog_handler.go:59",
        "msg": "sticky_escape_triggered", "service": "sub2api", "account_id": 3, "reason": "ttft", "error_rate": 0, "ttft": 900.5,
    })
}

fn console(at: usize) -> String {
    format!(
        "2026-08-29T18:40:{at:02}.250+0800\tINFO\tslog\tlogger/slog_handler.go:59\tsticky_escape_triggered\t{{\"service\": \
         \"sub2api\", \"account_id\": 3, \"reason\": \"ttft\", \"ttft\": 900.5}}"
    )
}

fn logfmt(at: usize) -> String {
    format!(
        "time=2026-08-29T10:40:{at:02}.250Z level=INFO msg=sticky_escape_triggered account_id=3 reason=ttft ttft=900.5"
    )
}

/// What puts something around a line.
type Wrapper = fn(usize, &str) -> String;

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

const WRAPPERS: [(&str, Wrapper); 24] = [
    ("plain", |_, line| line.to_owned()),
    ("docker compose", |_, line| format!("sub2api-1  | {line}")),
    ("docker compose in colours", |_, line| format!("\u{1b}[36msub2api-1  | \u{1b}[0m{line}")),
    ("docker compose -t", |at, line| format!("gw-1  | 2026-08-29T10:40:{at:02}.987654321Z {line}")),
    ("docker logs -t", |at, line| format!("2026-08-29T10:40:{at:02}.987654321Z {line}")),
    ("json-file", |at, line| {
        json!({"log": format!("{line}\n"), "stream": "stdout", "time": format!("2026-08-29T10:40:{at:02}.9Z")})
            .to_string()
    }),
    ("cri", |at, line| format!("2026-08-29T10:40:{at:02}.987654321+00:00 stdout F {line}")),
    ("kubectl --prefix", |_, line| format!("[pod/sub2api-7d9f/sub2api] {line}")),
    ("kubectl --timestamps", |at, line| format!("2026-08-29T10:40:{at:02}Z {line}")),
    ("journald", |_, line| format!("Aug 29 10:40:02 gw1 sub2api[812]: {line}")),
    ("journald short-iso", |at, line| format!("2026-08-29T10:40:{at:02}+0000 gw1 sub2api[812]: {line}")),
    ("journald json", |_, line| {
        json!({"MESSAGE": line, "__REALTIME_TIMESTAMP": "1788000002900000", "_PID": "812"}).to_string()
    }),
    ("journald json, bytes", |_, line| {
        json!({"_PID": "812", "MESSAGE": format!("\u{1b}[0m{line}").as_bytes(), "__REALTIME_TIMESTAMP": "1788000002900000"})
            .to_string()
    }),
    ("syslog 5424", |at, line| format!("<14>1 2026-08-29T10:40:{at:02}.9Z gw1 sub2api 812 - - {line}")),
    ("loki, logcli", |at, line| format!("2026-08-29T10:40:{at:02}Z {{app=\"sub2api\", pod=\"x\"}} {line}")),
    ("loki, jsonl", |_, line| {
        json!({"labels": {"app": "sub2api"}, "line": line, "timestamp": "2026-08-29T10:50:00Z"}).to_string()
    }),
    ("fluentd", |at, line| {
        format!("2026-08-29T10:40:{at:02}+00:00\tdocker.sub2api\t{}", json!({"container_name": "/gw", "log": line}))
    }),
    ("filebeat", |_, line| {
        json!({"@timestamp": "2026-08-29T10:50:00.000Z", "log": {"offset": 7, "file": {"path": "/x"}}, "message": line})
            .to_string()
    }),
    ("cloud text", |_, line| {
        json!({"insertId": "a", "textPayload": line, "timestamp": "2026-08-29T10:50:00Z", "severity": "INFO"})
            .to_string()
    }),
    ("quoted", |_, line| quoted(line)),
    ("quoted twice", |_, line| quoted(&quoted(line))),
    ("csv", |_, line| format!("2026-08-29T10:50:00Z,sub2api,\"{}\"", line.replace('"', "\"\""))),
    ("grep -n", |at, line| format!("gateway.log:{at}:{line}")),
    ("compose and cri", |at, line| format!("gw | 2026-08-29T10:40:{at:02}.9Z stdout F {line}\u{1b}[0m")),
];

#[test]
fn escapes_are_counted_whatever_their_lines_are_wrapped_in() {
    type Form = (&'static str, fn(usize) -> String);
    let forms: [Form; 3] = [("json", |at| record(at).to_string()), ("console", console), ("logfmt", logfmt)];
    for (name, wrapper) in WRAPPERS {
        for (form, line) in forms {
            let text: String = (2..12).map(|at| wrapper(at, &line(at)) + "\n").collect();
            let escapes =
                log_of(text.as_bytes(), "gateway.log").unwrap_or_else(|error| panic!("{name}, {form}: {error}"));
            let expected: Vec<Escape> =
                (2..12).map(|at| Escape { at_s: f64::from(at) + 0.25, account: Some(3), reason: 0 }).collect();
            assert_eq!(escapes.all, expected, "{name}, {form}: {text}");
            assert!(escapes.is_complete && escapes.notes.is_empty(), "{name}, {form}: {:?}", escapes.notes);
        }
    }
}

#[test]
fn documents_of_log_stores_and_other_encodings_are_read() {
    let lines: Vec<String> = (2..12).map(|at| record(at).to_string()).collect();
    let values: Vec<Value> = lines.iter().map(|line| json!(["1788000005000000000", line])).collect();
    let loki = json!({"status": "success", "data": {"resultType": "streams", "result": [{"stream": {"app": "gw"}, "values": values}]}});
    let grafana: Vec<Value> = lines
        .iter()
        .map(|line| json!({"line": line, "timestamp": "1788000005000000000", "fields": {"app": "gw"}}))
        .collect();
    let plain = lines.join("\r\n");
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(plain.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(plain.as_bytes()).unwrap();
    let files: [(&str, Vec<u8>); 7] = [
        ("loki on one line", loki.to_string().into_bytes()),
        ("loki on many lines", serde_json::to_vec_pretty(&loki).unwrap()),
        ("grafana", serde_json::to_vec_pretty(&grafana).unwrap()),
        ("utf-16", utf16),
        ("byte order mark", format!("\u{feff}{plain}").into_bytes()),
        ("gzip", gz.finish().unwrap()),
        ("zstd", zstd(&plain)),
    ];
    for (name, bytes) in files {
        let escapes = log_of(&bytes, "gateway.log").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(escapes.all.len(), 10, "{name}: {escapes:?}");
        assert_eq!(escapes.all[0].at_s, 2.25, "{name}: the line's own time counts");
    }
}

#[test]
fn reasons_and_spellings_of_forks_are_counted_apart() {
    let fork = |message: &str, key: &str, reason: &str| {
        let mut line = record(5);
        line.as_object_mut().unwrap().remove("account_id");
        (line["msg"], line[key], line["reason"]) = (json!(message), json!(3), json!(reason));
        line.to_string() + "\n"
    };
    let text = [
        fork("sticky_escape_triggered", "account_id", "ttft"),
        fork("openai.sticky_escape_triggered", "account_id", "transient_failure_cooldown"),
        fork("openai.sticky_escape_triggered", "account_id", "errorRate"),
        fork("sticky_escape_triggered", "provider_id", "concurrency-full"),
        fork("Sticky escape triggered", "accountId", "TTFT"),
        fork("sticky_escape_ttft_ms changed", "account_id", "ttft"),
        fork("sticky_escape_recovered", "account_id", "ttft"),
    ]
    .concat();
    let escapes = log_of(text.as_bytes(), "gateway.log").unwrap();
    assert_eq!(escapes.all.iter().map(|escape| escape.reason).collect::<Vec<_>>(), [0, 1, 2, 0]);
    assert!(escapes.all.iter().all(|escape| escape.account == Some(3)));
    let said = escapes.notes.join("\n");
    assert!(said.contains("counted apart and compared with nothing: `transient_failure_cooldown` 1"), "{said}");
    assert!(said.contains("`Sticky escape triggered` 1, `openai.sticky_escape_triggered` 2"), "{said}");
}

#[test]
fn what_is_no_log_of_a_gateway_is_named_and_never_taken_for_no_escapes() {
    for (given, named) in [
        (broken::GOOD, "the export of its requests, which is given as LOG"),
        (
            r#"{"account_id": 1, "type": "apikey", "concurrency": 4}"#,
            "the account snapshot, which is given with --accounts",
        ),
        ("gateway:\n  openai_scheduler: {sticky_escape_ttft_ms: 1}\n", "a config or scenario in YAML"),
        ("1.2.3.4 - - [29/Aug/2026:10:40:02 +0000] \"POST /v1/responses HTTP/1.1\" 200 5\n", "an access log"),
        ("<html><body>sign in</body></html>", "a page of HTML"),
        ("a,b\n1,2\n", "it starts with: a,b"),
        ("PK\u{3}\u{4}\0\0", "an Excel file or a zip archive"),
    ] {
        let error = log_of(given.as_bytes(), "gateway.log").unwrap_err();
        assert!(error.contains(named) && error.contains("sticky_escape_triggered"), "{given}: {error}");
    }
    // lines that were cut: one at the end is, more are no log to count in
    let cut = record(5).to_string().replace("\"account_id\":3", "\"account");
    let error = log_of(format!("{}\n{cut}\n{cut}\n", record(4)).as_bytes(), "gateway.log").unwrap_err();
    assert!(error.contains("gateway.log:2: 2 of 3 sticky_escape_triggered lines cannot be read"), "{error}");
}

#[test]
fn a_log_without_info_or_of_a_part_of_the_period_leaves_escapes_unknown() {
    let other = |level: &str, at: usize| {
        let clock = format!("2026-08-29T10:{:02}:{:02}.000Z", 40 + at / 60, at % 60);
        json!({"level": level, "time": clock, "msg": "http request completed"}).to_string() + "\n"
    };
    let quiet: String = (0..60).map(|at| other("WARN", at * 10)).collect();
    let escapes = log_of(quiet.as_bytes(), "gateway.log").unwrap();
    assert!(!escapes.is_complete && escapes.notes[0].contains("whether there were any is not known"), "{escapes:?}");
    let whole: String = (0..60).map(|at| other("INFO", at * 10)).collect();
    let escapes = log_of(whole.as_bytes(), "gateway.log").unwrap();
    assert!(escapes.is_complete && escapes.notes[0].contains("taken for none at all"), "{escapes:?}");
    let rotated: String = (30..60).map(|at| other("INFO", at * 10)).collect::<String>() + &record(55).to_string();
    let escapes = log_of(rotated.replace("10:40:55", "10:46:55").as_bytes(), "gateway.log").unwrap();
    assert!(
        !escapes.is_complete && escapes.notes[0].contains("covers 300 s to 590 s of a log of 600 s"),
        "{escapes:?}"
    );
}

#[test]
fn several_files_and_folders_of_rotated_logs_are_read_and_overlaps_counted_once() {
    let folder = folder("rotated");
    let lines = |range: std::ops::Range<usize>| range.map(|at| record(at).to_string() + "\n").collect::<String>();
    std::fs::create_dir_all(folder.join("logs/old")).unwrap();
    std::fs::write(folder.join("logs/gateway.log"), lines(20..30)).unwrap();
    // copied while it was written: five lines stand in both
    std::fs::write(folder.join("logs/gateway.log.1"), lines(10..25)).unwrap();
    std::fs::write(folder.join("logs/old/gateway.log.2.zst"), zstd(&lines(0..10))).unwrap();
    std::fs::write(folder.join("logs/README.md"), "Logs of the gateway.\n").unwrap();
    std::fs::write(folder.join("more.log"), lines(30..40) + &lines(39..40)).unwrap();
    let escapes = read(&[folder.join("logs"), folder.join("more.log")], Some(EPOCH_MS), 600.0).unwrap();
    assert_eq!(escapes.all.len(), 41, "two equal lines of one file are two escapes");
    let said = escapes.notes.join("\n");
    assert!(said.contains("5 escape lines stand in several files and are counted once"), "{said}");
    assert!(said.contains("that are no log of the gateway: README.md"), "{said}");
    std::fs::create_dir(folder.join("none")).unwrap();
    let error = read(&[folder.join("none")], Some(EPOCH_MS), 600.0).unwrap_err().to_string();
    assert!(error.contains("there is no file in this folder"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_gateways_own_log_given_as_the_log_is_named_with_what_to_do() {
    let folder = folder("own-log");
    let path = folder.join("gateway.log");
    for (name, wrapper) in WRAPPERS {
        std::fs::write(&path, (2..12).map(|at| wrapper(at, &record(at).to_string()) + "\n").collect::<String>())
            .unwrap();
        let error = gateway_log::read(&path).unwrap_err().to_string();
        assert!(error.contains("the gateway's own log") && error.contains("--escape-log"), "{name}: {error}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn lines_that_the_container_runtime_tore_are_put_together_and_packed_files_are_named() {
    let mut text = String::new();
    for at in 0..40 {
        let line = record(at).to_string();
        let (head, tail) = line.split_at(line.len() / 2);
        text.push_str(&format!(
            "2026-08-29T10:40:{at:02}.5Z stdout P {head}\n2026-08-29T10:40:{at:02}.5Z stdout F {tail}\n"
        ));
    }
    assert_eq!(log_of(text.as_bytes(), "torn.log").unwrap().all.len(), 40);
    let packed = log_of(b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4", "log.xz").unwrap_err();
    assert!(packed.contains("a file packed with xz"), "{packed}");
}
