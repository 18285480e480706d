//! Every format on a small sample with its quirks, bad lines, packed files, and the real traces end to end.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;
use crate::engine::Luck;
use crate::ids::ModelId;
use crate::units::Span;
use crate::workload::config::{Placing, ReadConfig};
use crate::workload::{Error, Recorded, RecordedAttempt, Says};

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut writer = crate::workload::packed::ZstdWriter::new(Vec::new());
    writer.write_all(text).and_then(|()| writer.finish()).expect("packed")
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(text).and_then(|()| writer.finish()).expect("packed")
}

/// A file of this test run that is removed when dropped.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let unique = std::thread::current().name().unwrap_or("test").replace("::", "-");
        let folder = std::env::temp_dir().join(format!("stickysim-{}-{unique}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        Self(folder.join(name))
    }

    pub(crate) fn with(name: &str, text: impl AsRef<[u8]>) -> Self {
        let scratch = Self::new(name);
        std::fs::write(&scratch.0, text).expect("a temporary file");
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        let _ = self.0.parent().map(std::fs::remove_dir);
    }
}

fn config(path: &Path) -> ReadConfig {
    ReadConfig { path: path.to_path_buf(), ..ReadConfig::default() }
}

fn read_all(config: &ReadConfig) -> Result<(Vec<TraceRow>, TraceReader), Error> {
    let mut reader = TraceReader::open(config, Luck::new(1))?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        rows.push(row);
    }
    assert!(rows.is_sorted_by_key(|row| row.at), "rows come in order of time");
    Ok((rows, reader))
}

fn sample(name: &str, text: impl AsRef<[u8]>, format: Format) -> (Vec<TraceRow>, TraceReader) {
    let file = Scratch::with(name, text);
    let (rows, reader) = read_all(&config(&file.0)).expect("a good sample");
    assert_eq!(reader.format(), format, "the format is detected");
    (rows, reader)
}

fn complaint(name: &str, text: &str) -> Error {
    let file = Scratch::with(name, text);
    read_all(&config(&file.0)).expect_err("a bad sample")
}

fn times(rows: &[TraceRow]) -> Vec<f64> {
    rows.iter().map(|row| row.at.secs()).collect()
}

fn tokens(rows: &[TraceRow]) -> Vec<(u32, u32)> {
    rows.iter().map(|row| (row.input_tokens, row.output_tokens)).collect()
}

fn sessions(rows: &[TraceRow]) -> Vec<&str> {
    rows.iter().map(|row| row.session.as_deref().unwrap_or("-")).collect()
}

#[test]
fn azure_2023_has_seven_digits_crlf_and_no_last_line_end() {
    let text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n\
                2023-11-16 18:15:50.9951690,396,109\r\n2023-11-16 18:16:00.9951690,7,1";
    let (rows, reader) = sample("a.csv", text, Format::AzureLlm2023);
    assert_eq!(times(&rows), [0.0, 4.314579, 14.314579]);
    assert_eq!(tokens(&rows), [(374, 44), (396, 109), (7, 1)]);
    assert!(reader.notes().iter().any(|note| note.contains("no sessions")));
}

#[test]
fn azure_2024_mixes_times_with_and_without_fraction() {
    let text = "ContextTokens,TIMESTAMP,GeneratedTokens\n2162,2024-05-10 00:00:00.009930+00:00,5\n\
                2399,2024-05-10 00:00:01+00:00,6\n";
    let (rows, _) = sample("a.csv", text, Format::AzureLlm2024);
    assert_eq!(times(&rows), [0.0, 0.99007]);
    assert_eq!(tokens(&rows), [(2162, 5), (2399, 6)]);
}

#[test]
fn azure_lmm_2024_counts_its_images_in_a_note() {
    let text = "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2024-10-15T12:00:00.269Z,2,900,120\n\
                2024-10-15T12:00:01Z,0,100,20\n";
    let (rows, reader) = sample("a.csv", text, Format::AzureLmm2024);
    assert_eq!(times(&rows), [0.0, 0.731]);
    assert_eq!(tokens(&rows), [(900, 120), (100, 20)]);
    assert!(reader.notes().iter().any(|note| note.contains("1 request with images")));
}

#[test]
fn burstgpt_1_has_whole_seconds_that_do_not_start_at_zero() {
    let text = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
                5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,1087,0,1087,API log\n";
    let (rows, reader) = sample("b.csv", text, Format::BurstGpt);
    assert_eq!(times(&rows), [0.0, 40.0]);
    assert_eq!(rows.iter().map(|row| row.failed).collect::<Vec<_>>(), [false, true]);
    assert_eq!(reader.names().model_name(rows[1].model), "GPT-4");
    assert_eq!(sessions(&rows), ["-", "-"]);
}

#[test]
fn burstgpt_3_has_sessions_where_blank_means_none_and_elapsed_times() {
    let text = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
                19440110.0,1722ac82-0a46,43,GPT-4,906,446,1352,Conversation log\n\
                19440161.0,,2,ChatGPT,36,29,65,API log\n19440161.5,,0,ChatGPT,0,0,0,API log\n\
                19440162.0,,3,ChatGPT,12,0,12,API log\n";
    let (rows, reader) = sample("b.csv", text, Format::BurstGpt3);
    assert_eq!(times(&rows), [0.0, 51.0, 51.5, 52.0]);
    assert_eq!(sessions(&rows), ["1722ac82-0a46", "-", "-", "-"]);
    assert_eq!(rows[0].ended, Some(Span::from_secs(43)));
    assert_eq!(rows[0].recorded.as_ref().and_then(|r| r.duration), Some(Span::from_secs(43)));
    assert_eq!(rows.iter().map(|row| row.failed).collect::<Vec<_>>(), [false, false, true, true]);
    assert_eq!(rows[3].ended, None, "a failure's elapsed time is no service time");
    assert!(reader.notes().iter().any(|note| note == "3 of 4 requests carry no session"));
}

#[test]
fn mooncake_ties_keep_the_order_of_the_file() {
    let text: String = [(0, 3), (0, 1), (0, 2), (3000, 9), (3000, 4)]
        .iter()
        .map(|(t, n)| {
            format!("{{\"timestamp\": {t}, \"input_length\": {n}, \"output_length\": 5, \"hash_ids\": [1, 2]}}\n")
        })
        .collect();
    let (rows, _) = sample("m.jsonl", text, Format::Mooncake);
    assert_eq!(times(&rows), [0.0, 0.0, 0.0, 3.0, 3.0]);
    assert_eq!(rows.iter().map(|row| row.input_tokens).collect::<Vec<_>>(), [3, 1, 2, 9, 4]);
}

#[test]
fn ragpulse_adds_a_week_where_its_clock_starts_again() {
    let line = |t: &str, s: &str| {
        format!(
            "{{\"timestamp\": {t}, \"input_length\": 9, \"output_length\": 1, \"hash_ids\": {{\"a\": []}}, \"session_id\": \"{s}\"}}\n"
        )
    };
    let text = line("\"604450\"", "x") + &line("\"604453\"", "y") + &line("\"0\"", "x") + &line("27", "z") + "\n";
    let (rows, reader) = sample("r.jsonl", text, Format::RagPulse);
    assert_eq!(times(&rows), [604_450.0, 604_453.0, 604_800.0, 604_827.0]);
    assert_eq!(sessions(&rows), ["x", "y", "x", "z"]);
    assert!(reader.notes().iter().any(|note| note.contains("a week was added")));
}

#[test]
fn ragpulse_complains_about_small_steps_back() {
    let line =
        |t: u32| format!("{{\"timestamp\":\"{t}\",\"input_length\":9,\"output_length\":1,\"session_id\":\"s\"}}\n");
    let error = complaint("r.jsonl", &(line(1_000) + &line(999)));
    assert_eq!(error.line, 2);
    assert!(error.message.contains("order of time"), "{error}");
}

#[test]
fn qwen_sessions_are_chains_of_parents_some_of_which_are_missing() {
    let line = |chat: i64, parent: i64, t: f64| {
        format!(
            "{{\"chat_id\": {chat}, \"parent_chat_id\": {parent}, \"timestamp\": {t}, \"input_length\": 10, \
             \"output_length\": 2, \"type\": \"text\", \"turn\": 1, \"hash_ids\": [1]}}\n"
        )
    };
    let text = line(10, -1, 0.5)
        + &line(11, 10, 1.5)
        + &line(12, -1, 2.0)
        + &line(13, 99, 2.5) // 99 is not in the trace
        + &line(14, 11, 3.0)
        + &line(15, 99, 3.5)
        + &line(16, 13, 4.0)
        + &line(17, 10, 5.0 * 3_600.0); // 10 was too long ago
    let (rows, reader) = sample("q.jsonl", text, Format::Qwen);
    assert_eq!(rows[0].at, Span::from_millis(500));
    let expected = ["chat-10", "chat-10", "chat-12", "chat-99", "chat-10", "chat-99", "chat-99", "chat-10"];
    assert_eq!(sessions(&rows), expected);
    // 13, and 17 whose parent is forgotten; 15 finds the place that 13 made
    assert!(reader.notes()[0].starts_with("2 chats continue one that the trace does not have"), "{:?}", reader.notes());
}

const GATEWAY: &str = r#"{"ws": false, "model": "gpt-5", "outcome": "ok", "ttft_ms": 95, "user_id": 1, "account_id": 1, "arrival_ms": 1795434645932, "arrival_src": "access", "duration_ms": 305, "completed_ms": 1795434646243, "input_tokens": 100, "output_tokens": 20, "pre_forward_ms": 6, "cache_read_tokens": 128, "cache_creation_tokens": 2, "session": "sid:0123"}
{"model": "gpt-5", "outcome": "ok", "ttft_ms": 290, "user_id": 2, "account_id": 5, "arrival_ms": 1795434645866, "duration_ms": 439, "completed_ms": 1795434646311, "input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 0, "attempts": [{"kind": "failover", "at_ms": 1795434645872, "status": 529, "account_id": 2}]}
{"model": "gpt-5", "status": 502, "outcome": "error", "user_id": 1, "attempts": [{"kind": "request_error", "at_ms": 1795434646428, "account_id": 4}], "account_id": 4, "arrival_ms": 1795434646170, "completed_ms": 1795434646430, "input_tokens": 0, "output_tokens": 0}
"#;

#[test]
fn the_gateway_log_is_put_in_order_of_arrival() {
    let (rows, reader) = sample("g.jsonl", GATEWAY, Format::GatewayLog);
    assert_eq!(times(&rows), [0.0, 0.066, 0.304]);
    assert_eq!(tokens(&rows), [(100, 20), (230, 20), (0, 0)], "cached tokens belong to the input");
    assert_eq!(sessions(&rows), ["-", "sid:0123", "-"]);
    assert_eq!(
        rows.iter().map(|row| row.ended.map(Span::whole_millis)).collect::<Vec<_>>(),
        [Some(445), Some(377), Some(564)]
    );
    assert_eq!(rows.iter().map(|row| row.user).collect::<Vec<_>>(), [Some(1), Some(0), Some(0)]);
    let ms = Span::from_millis;
    let attempts =
        |row: usize| rows[row].recorded.as_ref().map(|recorded| recorded.attempts.clone()).unwrap_or_default();
    assert_eq!(
        attempts(0),
        [RecordedAttempt::status(529, ms(6)), RecordedAttempt::Ok { ttft: ms(290), end: ms(439) },]
    );
    assert_eq!(attempts(2), [RecordedAttempt::transport(ms(258))]);
    let recorded = rows[1].recorded.as_deref().expect("recorded");
    assert_eq!((recorded.status, recorded.account, recorded.cached_tokens), (Some(200), Some(1), Some(128)));
    assert_eq!((rows[2].failed, rows[1].failed), (true, false));
    assert!(reader.notes().iter().any(|note| note.contains("1 request failed in reality without counts of tokens")));
}

#[test]
fn a_request_longer_than_the_reorder_window_is_an_error_or_counted() {
    let line = |arrival: u64, completed: u64| {
        format!("{{\"outcome\":\"ok\",\"arrival_ms\":{arrival},\"completed_ms\":{completed},\"input_tokens\":1}}\n")
    };
    let text = line(1_000, 2_000) + &line(19_000, 20_000) + &line(500, 21_000) + &line(20_500, 22_000);
    let file = Scratch::with("g.jsonl", text);
    let mut config = config(&file.0);
    config.reorder_window = Span::from_secs(10);
    let error = read_all(&config).expect_err("20.5 s are more than 10 s");
    assert_eq!(error.line, 3);
    assert!(error.to_string().contains("took 20.5 s") && error.to_string().contains("reorder_window"), "{error}");
    config.skip_bad_lines = 1;
    let (rows, reader) = read_all(&config).expect("one may be left out");
    assert_eq!((times(&rows), reader.skipped()), (vec![0.0, 18.0, 19.5], 1));
    config.reorder_window = Span::from_secs(30);
    assert_eq!(times(&read_all(&config).expect("wide enough").0), [0.0, 0.5, 18.5, 20.0]);
}

#[test]
fn native_csv_finds_columns_by_name_in_any_order() {
    let text = "# stickysim-trace 1\nmodel,session,at_s,input_tokens,output_tokens,user,patience_ms,previous_response_id,response_id,\
                account,wait_ms,ttft_ms,duration_ms,status,cached_tokens\n\
                gpt-5,s1,0.5,100,20,u1,,,r1,3,10.5,200,1500.25,200,64\n\"a,b\",,1.25,7,1,,2500,last,,,,,,502,\n\
                gpt-5,s1,2,1,1,u1,,r1,,,,,,,\n";
    let (rows, reader) = sample("n.csv", text, Format::NativeCsv);
    assert_eq!(times(&rows), [0.5, 1.25, 2.0]);
    assert_eq!(sessions(&rows), ["s1", "-", "s1"]);
    let names: Vec<&str> = rows.iter().map(|row| reader.names().model_name(row.model)).collect();
    assert_eq!(names, ["gpt-5", "a,b", "gpt-5"]);
    assert_eq!(rows[0].ended, Some(Span::from_nanos(500_000_000 + 10_500_000 + 1_500_250_000)));
    let expected = Recorded {
        account: Some(3),
        first_token: Some(Span::from_millis(200)),
        duration: Some(Span::from_micros(1_500_250)),
        status: Some(200),
        cached_tokens: Some(64),
        attempts: Vec::new(),
    };
    assert_eq!(rows[0].recorded.as_deref(), Some(&expected));
    assert_eq!((rows[1].patience, rows[1].failed), (Some(Span::from_millis(2_500)), true));
    assert_eq!(rows[1].previous, PreviousResponse::Last);
    assert_eq!(rows[2].previous, PreviousResponse::Named("r1".into()));
    assert_eq!(rows[0].response_id.as_deref(), Some("r1"));
    assert_eq!(rows[2].recorded, None);
}

#[test]
fn native_dates_count_from_the_first_row() {
    let text = "at,session\n2026-01-01T00:00:10Z,a\n2026-01-01T01:00:11.5+01:00,b\n";
    assert_eq!(times(&sample("n.csv", text, Format::NativeCsv).0), [0.0, 1.5]);
    let text = "{\"at\":\"2026-01-01T00:00:10Z\"}\n{\"at\":\"2026-01-01T00:00:12Z\"}\n";
    assert_eq!(times(&sample("n.jsonl", text, Format::NativeJsonl).0), [0.0, 2.0]);
}

#[test]
fn native_jsonl_carries_scripted_attempts() {
    let text = r#"{"stickysim_trace":1}
{"at_s":0.009018,"session":"s4","model":"gpt-5","input_tokens":9,"output_tokens":2,"patience_ms":300,"attempts":[{"kind":"broken","ttft_us":5,"end_us":9,"would_fail_over":true},{"kind":"status","status":429,"end_us":7,"reset_after_s":30},{"kind":"status","status":400,"end_us":7,"passing":true},{"kind":"transport","end_us":6},{"kind":"ok","ttft_us":198806,"end_us":694662}]}
{"request":1,"at_s":0.1,"session":"","recorded":{"http":502,"account":null,"felt_ttft_ms":null,"end_ms":714.064,"visits":[{"account":6,"start_s":0.02,"kind":"ok","ttft_us":1,"end_us":2}]}}
"#;
    let (rows, _) = sample("n.jsonl", text, Format::NativeJsonl);
    let us = Span::from_micros;
    let expected = [
        RecordedAttempt::Broken { ttft: Some(us(5)), end: us(9), would_fail_over: true },
        RecordedAttempt::Status {
            status: 429,
            end: us(7),
            reset_after: Some(Span::from_secs(30)),
            retry_after: None,
            says: Says::Nothing,
        },
        RecordedAttempt::Status { status: 400, end: us(7), reset_after: None, retry_after: None, says: Says::Passing },
        RecordedAttempt::transport(us(6)),
        RecordedAttempt::Ok { ttft: us(198_806), end: us(694_662) },
    ];
    assert_eq!(rows[0].recorded.as_ref().map(|r| r.attempts.as_slice()), Some(expected.as_slice()));
    assert_eq!((rows[0].at, rows[0].patience), (us(9_018), Some(Span::from_millis(300))));
    let second = rows[1].recorded.as_deref().expect("recorded");
    assert_eq!(second.attempts, [RecordedAttempt::Ok { ttft: us(1), end: us(2) }], "visits stand in for a script");
    assert_eq!((second.status, rows[1].failed, rows[1].session.as_deref()), (Some(502), true, None));
    assert_eq!(rows[1].ended, Some(us(100_000 + 714_064)));
}

#[test]
fn a_newer_version_or_an_unknown_column_is_refused() {
    let error = complaint("n.csv", "# stickysim-trace 2\nat_s\n1\n");
    assert!(error.message.contains("version 2"), "{error}");
    let error = complaint("n.jsonl", "{\"stickysim_trace\":7}\n{\"at_s\":1}\n");
    assert!(error.message.contains("version 7"), "{error}");
    let error = complaint("n.csv", "at_s,ouput_tokens\n1,2\n");
    assert!(error.message.contains("`ouput_tokens`") && error.remedy.contains("output_tokens"), "{error}");
    let error = complaint("n.jsonl", "{\"at_s\":1,\"ouput_tokens\":5}\n");
    assert!(error.message.contains("ouput_tokens") && error.column > 0, "{error}");
}

const WEKA: &str = r#"{"id":"trace_0001","models":["opus"],"requests":[
{"t":0.0,"type":"n","model":"opus","in":17869,"out":426,"api_time":10.02,"think_time":0.0},
{"t":40.013,"type":"subagent","agent_id":"agent_001","requests":[
  {"t":0.0,"type":"n","model":"haiku","in":11353,"out":196,"api_time":1.48},
  {"t":25.0,"type":"n","model":"haiku","in":62040,"out":0,"api_time":2.88}]},
{"t":50.5,"type":"s","model":"opus","in":18763,"out":300,"ttft":2.5}]}"#;

#[test]
fn weka_sessions_are_placed_and_subagents_are_sessions_of_their_own() {
    let folder = Scratch::new("weka");
    std::fs::create_dir_all(&folder.0).expect("a folder");
    for name in ["trace_0002.json", "trace_0001.json"] {
        std::fs::write(folder.0.join(name), WEKA.replace("trace_0001", name.trim_end_matches(".json")))
            .expect("a file");
    }
    let (rows, reader) = read_all(&config(&folder.0)).expect("good files");
    assert_eq!(reader.format(), Format::Weka);
    assert_eq!(times(&rows), [0.0, 40.013, 50.5, 60.0, 65.013, 100.013, 110.5, 125.013]);
    assert_eq!(
        sessions(&rows)[..5],
        ["trace_0001", "trace_0001/agent_001", "trace_0001", "trace_0002", "trace_0001/agent_001"]
    );
    assert_eq!(rows[3].ended, Some(Span::from_millis(70_020)));
    assert_eq!(rows[2].recorded.as_ref().and_then(|r| r.first_token), Some(Span::from_millis(2_500)));
    assert_eq!((rows[2].ended, rows[4].failed, rows[1].failed), (None, true, false));
    assert!(reader.notes().iter().any(|note| note.contains("60 s after each other")), "{:?}", reader.notes());
    let mut within = config(&folder.0);
    within.placing = Placing::Within(Span::from_secs(1_000));
    let (rows, reader) = read_all(&within).expect("good files");
    assert!(rows[0].at > Span::ZERO && rows[0].at < Span::from_secs(1_000));
    assert_eq!(rows.len(), 8);
    assert!(reader.notes().iter().any(|note| note.contains("at random within 1000 s")));
    std::fs::remove_dir_all(&folder.0).expect("removed");
}

const CODEX: &str = r#"{"timestamp":"2026-09-12T09:00:00.250Z","type":"session_meta","payload":{"id":"019a-1","cwd":"/x"}}
{"timestamp":"2026-09-12T09:00:01.000Z","type":"turn_context","payload":{"model":"gpt-5.5","effort":"medium"}}
{"timestamp":"2026-09-12T09:00:02.000Z","type":"event_msg","payload":{"type":"task_started","turn_id":"t1"}}
{"timestamp":"2026-09-12T09:00:03.000Z","type":"event_msg","payload":{"type":"token_count","info":null}}
{"timestamp":"2026-09-12T09:00:03.000Z","type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":1000,"cached_input_tokens":640,"output_tokens":50},"total_token_usage":{"total_tokens":1050}}}}
{"timestamp":"2026-09-12T09:00:03.000Z","type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":1000,"cached_input_tokens":640,"output_tokens":50},"total_token_usage":{"total_tokens":1050}}}}
{"timestamp":"2026-09-12T09:00:05.000Z","type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":1200,"cached_input_tokens":1024,"output_tokens":30},"total_token_usage":{"total_tokens":2280}}}}
{"timestamp":"2026-09-12T09:00:06.000Z","type":"response_item","payload":{"type":"message","id":7,"error":"no matter"}}
{"timestamp":"2026-09-12T09:00:07.500Z","type":"event_msg","payload":{"type":"task_complete","turn_id":"t1","started_at":1789203602,"completed_at":1789203607,"duration_ms":5500,"time_to_first_token_ms":840}}
{"timestamp":"2026-09-12T09:00:08.000Z","type":"event_msg","payload":{"type":"turn_aborted","turn_id":"t2"}}
{"timestamp":"2026-09-12T09:01:00.000Z","type":"event_msg","payload":{"type":"task_complete","turn_id":"t3","started_at":"2026-09-12T09:00:50.000Z","completed_at":"2026-09-12T09:01:00.000Z","error":{"codex_error_info":"usage_limit_exceeded"}}}
{"timestamp":"2026-09-12T09:02:00.000Z","type":"event_msg","payload":{"type":"task_complete","turn_id":"t4","duration_ms":2000,"error":{"codex_error_info":{"http_connection_failed":{"http_status_code":503}}}}}
"#;

#[test]
fn codex_turns_have_ttft_status_and_the_tokens_of_their_requests() {
    let (rows, reader) = sample("rollout.jsonl", CODEX, Format::Codex);
    assert_eq!(times(&rows), [2.0, 50.0, 118.0]);
    assert_eq!(sessions(&rows), ["019a-1"; 3]);
    assert_eq!(tokens(&rows), [(1000, 80), (0, 0), (0, 0)]);
    assert_eq!(reader.names().model_name(rows[0].model), "gpt-5.5");
    let recorded: Vec<&Recorded> = rows.iter().filter_map(|row| row.recorded.as_deref()).collect();
    assert_eq!(recorded[0].first_token, Some(Span::from_millis(840)));
    assert_eq!(recorded[0].duration, Some(Span::from_millis(5_500)));
    assert_eq!(recorded[0].cached_tokens, Some(640));
    assert_eq!(recorded.iter().map(|r| r.status).collect::<Vec<_>>(), [Some(200), Some(429), Some(503)]);
    assert_eq!(rows[1].ended, Some(Span::from_secs(60)));
    assert!(reader.notes().iter().any(|note| note.contains("1 aborted turn left out")));
}

#[test]
fn codex_folders_share_one_clock() {
    let folder = Scratch::new("codex");
    let day = folder.0.join("2026/09/12");
    std::fs::create_dir_all(&day).expect("a folder");
    std::fs::write(day.join("rollout-b.jsonl"), CODEX).expect("a file");
    let earlier = CODEX.replace("2026-09-12T09:", "2026-09-12T08:").replace("1789203602", "1789200002");
    std::fs::write(day.join("rollout-c.jsonl"), earlier.replace("1789203607", "1789200007").replace("019a-1", "other"))
        .expect("a file");
    let (rows, _) = read_all(&config(&folder.0)).expect("good files");
    assert_eq!(times(&rows), [2.0, 50.0, 118.0, 3602.0, 3650.0, 3718.0]);
    assert_eq!(sessions(&rows)[2..4], ["other", "019a-1"]);
    std::fs::remove_dir_all(&folder.0).expect("removed");
}

#[test]
fn bad_lines_have_file_line_column_and_remedy() {
    let azure =
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:47,x,44\n";
    let error = complaint("a.csv", azure);
    assert_eq!((error.line, error.column), (3, 21));
    assert!(error.file.as_ref().is_some_and(|file| file.ends_with("a.csv")));
    assert!(error.message.contains("whole number") && error.remedy.contains("--skip-bad-lines"), "{error}");
    let mooncake = "{\"timestamp\":0,\"input_length\":1,\"output_length\":1}\n{\"timestamp\":0,\"input_length\":\"y\",\"output_length\":1}\n";
    let error = complaint("m.jsonl", mooncake);
    assert_eq!((error.line, error.column), (2, 33));
    assert!(error.message.contains("from 0 to 4294967295"), "{error}");
    let error = complaint("m.jsonl", "{\"timestamp\":0,\"input_length\":1,\"output_length\":1}\n{\"timestamp\":0,\n");
    assert_eq!(error.line, 2);
    let error = complaint("n.csv", "at_s,session\n2,a\n1,b\n");
    assert!(error.message.contains("order of time") && error.line == 3, "{error}");
    let error = complaint("w.json", "{\"requests\":[\n{\"t\":-1}]}");
    assert!(error.message.contains("`t` must be seconds"), "{error}");
    let error = complaint("w.json", "{\"requests\":[\n{\"t\":[]}]}");
    assert_eq!((error.line, error.column > 0), (2, true));
    for (name, text, part) in [
        ("x.csv", "a,b,c\n1,2,3\n", "no trace of a known format"),
        ("x.jsonl", "{\"a\":1}\n", "no trace of a known format"),
        ("x.csv", "\n  \n", "empty file"),
    ] {
        assert!(complaint(name, text).message.contains(part));
    }
    let missing = read_all(&config(Path::new("/nonexistent/trace.csv"))).expect_err("no such file");
    assert!(missing.to_string().starts_with("/nonexistent/trace.csv: cannot open it"), "{missing}");
}

#[test]
fn up_to_n_bad_lines_are_left_out_and_counted_but_never_a_header() {
    let text = "at_s,input_tokens\n1,1\nx,2\n3,3\n2,4\n5,5\n";
    let file = Scratch::with("n.csv", text);
    let mut config = config(&file.0);
    config.skip_bad_lines = 1;
    let error = read_all(&config).expect_err("two are bad");
    assert_eq!(error.line, 5);
    config.skip_bad_lines = 2;
    let (rows, reader) = read_all(&config).expect("two may be left out");
    assert_eq!((times(&rows), reader.skipped()), (vec![1.0, 3.0, 5.0], 2));
    assert!(reader.notes()[0].starts_with("2 bad lines were left out; the first:"), "{:?}", reader.notes());
    let file = Scratch::with("h.csv", "at_s,oops\n1,1\n");
    config.path.clone_from(&file.0);
    config.skip_bad_lines = 100;
    assert_eq!(read_all(&config).expect_err("a bad header").line, 1);
}

#[test]
fn a_named_format_is_taken_at_its_word() {
    let file = Scratch::with("n.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,1,1\n");
    let mut config = config(&file.0);
    config.format = Some(Format::BurstGpt);
    let error = read_all(&config).expect_err("another format");
    assert!(error.message.contains("lacks the column `Model`"), "{error}");
    for format in Format::ALL {
        assert_eq!(Format::of_name(format.name()), Some(format));
    }
}

#[test]
fn packed_files_are_known_by_their_first_bytes() {
    let text = "at_s,session\n0,a\n1,b";
    // two members, one after the other, are one file
    let packed = [gzip(text.as_bytes()), gzip(b"\n2,c\n")].concat();
    assert_eq!(times(&sample("no-ending", packed, Format::NativeCsv).0), [0.0, 1.0, 2.0]);
    let packed = zstd(text.as_bytes());
    assert_eq!(times(&sample("wrong.gz", packed, Format::NativeCsv).0), [0.0, 1.0]);
    let text = format!("\u{feff}{text}");
    assert_eq!(times(&sample("bom.csv", text, Format::NativeCsv).0), [0.0, 1.0]);
    // the longer one is unpacked by a thread of its own from somewhere on
    for length in [5_000, 200_000] {
        let rows: String = (0..length).map(|at| format!("{at},s{}\n", at * 7_919 % 4_001)).collect();
        let text = format!("at_s,session\n{rows}");
        let plain = sample("plain.csv", &text, Format::NativeCsv).0;
        assert_eq!(plain.len(), length);
        for (name, packed) in [("cut.gz", gzip(text.as_bytes())), ("cut.zst", zstd(text.as_bytes()))] {
            assert!(sample(name, &packed, Format::NativeCsv).0 == plain, "{name} of {length} rows");
            let cut = Scratch::with(name, &packed[..packed.len() * 2 / 3]);
            let error = read_all(&config(&cut.0)).expect_err("a cut file is an error");
            assert!(error.message.starts_with("cannot read"), "{error}");
        }
    }
}

#[test]
fn a_long_packed_trace_that_was_cut_off_is_read_up_to_there() {
    let rows: String = (0..200_000).map(|at| format!("{at},s{}\n", at * 7_919 % 4_001)).collect();
    let text = format!("at_s,session\n{rows}");
    for (name, packed) in [("cut.gz", gzip(text.as_bytes())), ("cut.zst", zstd(text.as_bytes()))] {
        let cut = Scratch::with(name, &packed[..packed.len() * 2 / 3]);
        let mut reader = TraceReader::open(&config(&cut.0), Luck::new(1)).expect("its beginning is there");
        let error = std::iter::repeat_with(|| reader.next_row()).find_map(Result::err).expect("a cut file");
        assert!(error.message.starts_with("cannot read on"), "{error}");
        // the header, the rows that were read, and the one in which it breaks off
        assert_eq!(error.line, reader.rows() + 2, "{error}");
        assert!(reader.rows() > 60_000, "{name} was read up to row {}", reader.rows());
    }
}

#[test]
fn lines_are_the_same_wherever_the_blocks_of_the_reader_end() {
    // lines of all lengths up to three blocks, some blank, some that end with a carriage return
    let mut length = 1_usize;
    let lines: Vec<String> = std::iter::repeat_with(|| {
        length = length * 7_919 % 200_003;
        let longest = if length.is_multiple_of(3) { 190_000 } else { 40 };
        format!("{{\"at_s\":0,\"session\":\"{}\"}}\r", "s".repeat(length % longest))
    })
    .take(300)
    .collect();
    for end in ["", "\n", "\n\n \n"] {
        let (rows, _) = sample("blocks.jsonl", lines.join("\n\n") + end, Format::NativeJsonl);
        let others = "at_s, session".matches('s').count();
        let names: Vec<usize> = lines.iter().map(|line| line.matches('s').count() - others).collect();
        let read: Vec<usize> = rows.iter().map(|row| row.session.as_ref().map_or(0, |name| name.len())).collect();
        assert_eq!(read, names);
    }
}

#[test]
fn spoilt_files_are_errors_or_rows_but_never_panics() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("the samples").flatten().map(|e| e.path()).collect();
    files.push(folder.join("weka/trace_0001.json"));
    // the log's accounts, escapes and settings are no traces
    let others = ["README.md", "accounts.jsonl", "gateway.log", "config.yaml"];
    files.retain(|path| path.is_file() && !others.iter().any(|other| path.ends_with(other)));
    assert!(files.len() >= 13);
    let (mut good, mut bad) = (0, 0);
    for path in files {
        let original = std::fs::read(&path).expect("a sample");
        let format = read_all(&config(&path)).expect("a sample").1.format();
        let mut stream = Luck::new(4).stream(0, original.len() as u64, 0);
        for _ in 0..300 {
            let mut text = original.clone();
            for _ in 0..=stream.bits() % 6 {
                let at = (stream.bits() as usize) % text.len();
                match stream.bits() % 6 {
                    0 => text[at] = stream.bits() as u8,
                    1 => text[at] = b"0123456789.-,:\"{}[]\n"[(stream.bits() % 20) as usize],
                    2 => drop(text.drain(at..(at + 9).min(text.len() - 1))),
                    3 => text.splice(at..at, *b"99999999999").for_each(drop),
                    4 => text.splice(at..at, *b"-1e308").for_each(drop),
                    _ => text.truncate(at.max(1)),
                }
            }
            let spoilt = Scratch::with("spoilt", &text);
            for (format, skip_bad_lines) in [(None, 0), (Some(format), 1_000)] {
                let config = ReadConfig { format, skip_bad_lines, ..config(&spoilt.0) };
                match read_all(&config) {
                    Ok(_) => good += 1,
                    Err(error) => {
                        bad += 1;
                        assert!(!error.message.is_empty() && error.file.is_some(), "{error:?}");
                    }
                }
            }
        }
    }
    assert!(good > 1_000 && bad > 1_000, "{good} read, {bad} refused");
}

/// Run by hand: `cargo test --release --lib speed_of_a_row -- --ignored --nocapture`.
#[test]
#[ignore = "prints a speed, shows nothing"]
#[expect(clippy::disallowed_types, reason = "a speed is wall time")]
fn speed_of_a_row() {
    let Some(shared) = shared() else { return };
    let rows: String = (0..300_000).map(|at| format!("{at}.25,s{},gpt-5,1000,200\n", at / 20)).collect();
    let own = Scratch::with("own.csv", format!("at_s,session,model,input_tokens,output_tokens\n{rows}"));
    for path in [
        own.0.clone(),
        shared.join("traces/azure_llm_2023_conv.csv"),
        shared.join("traces/mooncake_fast25_conversation.jsonl"),
        shared.join("traces/ragpulse_0_trace.jsonl"),
        shared.join("real-runs/overload/export.jsonl"),
        shared.join("real-runs/overload/requests.jsonl"),
    ] {
        let begun = std::time::Instant::now();
        let rows = read_all(&config(&path)).expect("a good trace").0.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        println!("{name}: {:.0} ns a row", begun.elapsed().as_nanos() as f64 / rows as f64);
    }
}

/// The folder of real traces and recordings, if it is there.
pub(crate) fn shared() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["../shared", "../../shared"].iter().map(|up| root.join(up)).find(|path| path.join("traces").is_dir());
    if found.is_none() {
        println!("skipped: no ../shared");
    }
    found
}

#[test]
fn the_real_traces_read_from_end_to_end() {
    let Some(shared) = shared() else { return };
    let read = |path: &str| read_all(&config(&shared.join(path))).expect("a real trace");
    let distinct = |rows: &[TraceRow]| {
        rows.iter().filter_map(|row| row.session.clone()).collect::<std::collections::BTreeSet<_>>().len()
    };
    let (rows, reader) = read("traces/azure_llm_2023_conv.csv");
    assert_eq!((rows.len(), reader.format()), (19_366, Format::AzureLlm2023));
    assert_eq!(tokens(&rows)[0], (374, 44));
    assert_eq!(rows[19_365].output_tokens, 183, "the last line has no line end");
    let (rows, reader) = read("traces/mooncake_fast25_conversation.jsonl");
    assert_eq!((rows.len(), reader.format()), (12_031, Format::Mooncake));
    let (rows, reader) = read("traces/ragpulse_0_trace.jsonl");
    assert_eq!((rows.len(), distinct(&rows), reader.format()), (7_106, 3_990, Format::RagPulse));
    assert_eq!(
        rows[3_800].at.saturating_sub(rows[3_799].at),
        Span::from_secs(347),
        "the row after the clock's restart"
    );
    let (rows, reader) = read("traces/weka_claude_code");
    // 9 files: 108 requests, and 12 of two subagents
    assert_eq!((rows.len(), distinct(&rows), reader.format()), (108 + 12, 11, Format::Weka));
    assert_eq!(rows.iter().filter(|row| row.failed).count(), 1);
}

#[test]
fn the_gateway_s_real_exports_and_recordings_read_from_end_to_end() {
    let Some(shared) = shared() else { return };
    let mut cases = 0;
    for case in std::fs::read_dir(shared.join("real-runs")).expect("a folder").flatten() {
        if !case.path().is_dir() {
            continue;
        }
        cases += 1;
        let lines = |file: &str| {
            let text = std::fs::read_to_string(case.path().join(file)).expect("a recording");
            text.lines().count()
        };
        let (exported, reader) = read_all(&config(&case.path().join("export.jsonl"))).expect("an export");
        assert_eq!((exported.len(), reader.format()), (lines("export.jsonl"), Format::GatewayLog));
        let (played, reader) = read_all(&config(&case.path().join("requests.jsonl"))).expect("a recording");
        assert_eq!((played.len(), reader.format()), (lines("requests.jsonl"), Format::NativeJsonl));
        let with_session = exported.iter().filter(|row| row.session.is_some()).count();
        let about = std::fs::read_to_string(case.path().join("case.json")).expect("a case");
        let newer = case.file_name() == "slow-on-newer" || about.contains(r#""revision": "newer""#);
        assert_eq!(with_session > 0, newer, "{:?}: only the newer gateway logs sessions", case.file_name());
        assert!(exported.iter().all(|row| row.model == ModelId(1) && row.ended > Some(row.at)));
    }
    assert!(cases >= 15, "{cases} cases");
}
