//! What is written reads back as it was; figures of a trace are what they are by hand.

use std::path::Path;

use crate::engine::{Distribution, Luck};
use crate::units::Span;
use crate::workload::config::{Limits, ReadConfig, SynthConfig};
use crate::workload::convert::{convert, synth};
use crate::workload::replay::tests::Scratch;
use crate::workload::replay::{Names, TraceReader, TraceRow};
use crate::workload::stats::stats;
use crate::workload::write::{NativeFormat, TraceWriter};

fn read(path: &Path) -> ReadConfig {
    ReadConfig { path: path.to_path_buf(), ..ReadConfig::default() }
}

fn open(path: &Path) -> TraceReader {
    TraceReader::open(&read(path), Luck::new(1)).expect("a known format")
}

fn rows(path: &Path) -> (Vec<TraceRow>, Names) {
    let mut reader = TraceReader::open(&read(path), Luck::new(1)).expect("a good trace");
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row().expect("a good trace") {
        rows.push(row);
    }
    (rows, reader.names().clone())
}

/// Everything that our format knows.
const FULL: &str = r#"{"stickysim_trace":1}
{"at_s":0.000000001,"session":"a \"quoted\", name","user":"ü","model":"gpt-5","input_tokens":9,"output_tokens":2,"patience_ms":300.25,"response_id":"r,1","attempts":[{"kind":"broken","ttft_us":5,"end_us":9,"would_fail_over":true},{"kind":"broken","end_us":9},{"kind":"status","status":429,"end_us":7,"reset_after_s":0.5},{"kind":"status","status":400,"end_us":7,"passing":true},{"kind":"transport","end_us":6},{"kind":"ok","ttft_us":198806,"end_us":694662}]}
{"at_s":86400.123456789,"session":"b","previous_response_id":"last","recorded":{"account":-3,"wait_ms":1.5,"ttft_ms":0.000001,"duration_ms":2000,"status":200,"cached_tokens":128}}
{"at_s":86401,"previous_response_id":"r,1","recorded":{"failed":true,"end_ms":12.5}}
"#;

#[test]
fn jsonl_keeps_everything_packed_or_not() {
    let original = Scratch::with("full.jsonl", FULL);
    let expected = rows(&original.0);
    for name in ["copy.jsonl", "copy.jsonl.gz", "copy.ndjson.zst"] {
        let copy = Scratch::new(name);
        let writer = TraceWriter::create(&copy.0, None).expect("a file");
        let written = convert(open(&original.0), writer).expect("converted");
        assert_eq!((written.rows, written.skipped_lines), (3, 0));
        let got = rows(&copy.0);
        assert_eq!(got.0, expected.0, "{name}");
        assert_eq!((got.1.models(), got.1.users()), (expected.1.models(), expected.1.users()));
    }
}

#[test]
fn csv_keeps_all_but_scripted_attempts_and_says_so() {
    let original = Scratch::with("full.jsonl", FULL);
    let mut expected = rows(&original.0).0;
    expected[0].recorded = None;
    let copy = Scratch::new("copy.csv");
    let writer = TraceWriter::create(&copy.0, None).expect("a file");
    let written = convert(open(&original.0), writer).expect("converted");
    assert!(written.notes.iter().any(|note| note.contains("those of 1 row were left out")), "{:?}", written.notes);
    assert_eq!(rows(&copy.0).0, expected);
}

#[test]
fn the_same_trace_gives_the_same_bytes() {
    let original = Scratch::with("full.jsonl", FULL);
    for name in ["copy.csv", "copy.jsonl.gz", "copy.csv.zst"] {
        let bytes = || {
            let copy = Scratch::new(name);
            let writer = TraceWriter::create(&copy.0, None).expect("a file");
            convert(open(&original.0), writer).expect("converted");
            std::fs::read(&copy.0).expect("written")
        };
        assert_eq!(bytes(), bytes(), "{name}");
    }
}

#[test]
fn a_failed_conversion_leaves_no_file() {
    let original = Scratch::with("bad.csv", "at_s\n1\nx\n");
    let copy = Scratch::new("copy.jsonl");
    let writer = TraceWriter::create(&copy.0, None).expect("a file");
    let error = convert(open(&original.0), writer).expect_err("a bad line");
    assert_eq!(error.line, 3);
    let left: Vec<_> = std::fs::read_dir(copy.0.parent().expect("a folder")).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "only the original: {left:?}");
    let error = TraceWriter::create(Path::new("/tmp/trace.parquet"), None).expect_err("what format?");
    assert!(error.remedy.contains(".csv or .jsonl"), "{error}");
    assert!(TraceWriter::create(&original.0.join("trace.csv"), None).is_err(), "a file is no folder");
    assert_eq!(NativeFormat::of_path(Path::new("a.jsonl.zst")), Some(NativeFormat::Jsonl));
}

#[test]
fn synthesis_written_down_is_the_synthesis() {
    let mut config = SynthConfig::agentic().expect("valid");
    config.models = vec![("m".into(), 1.0)];
    config.users = 3;
    config.patience_s = Some(Distribution::constant(30.0).expect("valid"));
    let service = || Distribution::constant(3.0).expect("valid");
    let file = Scratch::new("synth.jsonl.zst");
    let writer = || TraceWriter::create(&file.0, None).expect("a file");
    let error = synth(config.clone(), service(), Luck::new(3), writer()).expect_err("endless");
    assert!(error.message.contains("needs an end"), "{error}");
    config.limits = Limits { duration: Some(Span::from_secs(3_600)), ..Limits::default() };
    let written = synth(config, service(), Luck::new(3), writer()).expect("written");
    assert!(written.notes.iter().any(|note| note.contains("assumed to take 3 s")));
    let (rows, names) = rows(&file.0);
    assert_eq!(rows.len() as u64, written.rows);
    assert!(rows.len() > 1_000 && rows.iter().all(|row| row.at < Span::from_secs(3_600)));
    assert!(rows.iter().all(|row| row.patience == Some(Span::from_secs(30)) && row.session.is_some()));
    assert_eq!(names.users().len(), 3);
    assert!(rows.iter().all(|row| row.session.as_ref().is_some_and(|name| name.starts_with("3-"))), "of this seed");
}

#[test]
fn stats_are_what_they_are_by_hand() {
    let text = "at_s,session,user,model,input_tokens,output_tokens,ttft_ms,duration_ms,status,cached_tokens\n\
                10,a,u,m,100,10,200,1000,200,50\n20,a,u,m,300,20,400,2000,200,150\n70,b,v,n,200,30,,,502,\n\
                100,,,m,400,40,,,,\n8000,a,u,m,500,0,,,0,\n";
    let file = Scratch::with("t.csv", text);
    let stats = stats(&read(&file.0), Span::from_secs(7_200), Luck::new(1)).expect("a good trace");
    assert_eq!((stats.format, stats.requests, stats.sessions, stats.users), ("csv", 5, 3, 2));
    assert_eq!((stats.span_s, stats.requests_per_s), (7_990.0, Some(4.0 / 7_990.0)));
    assert_eq!((stats.peak_requests_per_minute, stats.with_session_ratio), (2, 0.8));
    let turns = stats.turns.expect("sessions");
    assert_eq!((turns.count, turns.p50, turns.max), (3, 1.0, 2.0));
    let think = stats.think_s.expect("two turns");
    assert_eq!((think.count, think.p50, stats.think_from_arrival), (1, 9.0, 0));
    let input = stats.input_tokens.expect("input");
    assert_eq!((input.p50, input.p90, input.p99, input.mean), (300.0, 460.0, 496.0, 300.0));
    assert_eq!(stats.models.iter().map(|m| (m.model.as_str(), m.requests)).collect::<Vec<_>>(), [("m", 4), ("n", 1)]);
    assert_eq!(stats.failed, 2);
    assert_eq!(stats.statuses.into_iter().collect::<Vec<_>>(), [(0, 1), (200, 2), (502, 1)]);
    assert_eq!(stats.ttft_ms.map(|q| (q.count, q.min, q.max)), Some((2, 200.0, 400.0)));
    assert_eq!(stats.cached_tokens_ratio, Some(0.5));
    assert!(stats.notes.iter().any(|note| note == "1 of 5 requests carries no session"));
}

#[test]
fn stats_print_for_people_and_for_machines() {
    let file = Scratch::with("full.jsonl", FULL);
    let stats = stats(&read(&file.0), Span::from_secs(7_200), Luck::new(1)).expect("a good trace");
    let page = stats.to_string();
    for part in [
        "requests              3\n",
        "sessions              2 (66.67 % of",
        "with attempts         1 (33.33 %)",
        "note ",
    ] {
        assert!(page.contains(part), "{part:?} in:\n{page}");
    }
    let json = serde_json::to_value(&stats).expect("JSON");
    assert_eq!(json["requests"], 3);
    assert_eq!(json["input_tokens"]["p50"], 0.0);
    assert_eq!(json["statuses"]["200"], 1);
}

#[test]
fn the_real_traces_convert_and_count() {
    let Some(shared) = crate::workload::replay::tests::shared() else { return };
    for (path, requests, sessions) in [
        ("traces/azure_llm_2023_conv.csv", 19_366, 0),
        ("traces/mooncake_fast25_conversation.jsonl", 12_031, 0),
        ("traces/weka_claude_code", 120, 11),
        ("real-runs/slow-on-newer/export.jsonl", 2_931, 40),
    ] {
        let idle = Span::from_secs(7_200);
        let direct = stats(&read(&shared.join(path)), idle, Luck::new(1)).expect("a real trace");
        assert_eq!(direct.requests, requests, "{path}");
        assert_eq!(direct.sessions, sessions, "{path}");
        let copy = Scratch::new("copy.jsonl.gz");
        let writer = TraceWriter::create(&copy.0, None).expect("a file");
        convert(open(&shared.join(path)), writer).expect("converted");
        let mut copied = stats(&read(&copy.0), idle, Luck::new(1)).expect("our own");
        (copied.format, copied.notes) = (direct.format, direct.notes.clone());
        copied.recognised_by.clone_from(&direct.recognised_by);
        assert_eq!(copied, direct, "{path}: the copy has the same figures");
    }
}
