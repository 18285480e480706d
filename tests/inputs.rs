//! What operators have in their hands: an input works, or the program says what it is and how to make it work. What
//! cannot be read is never counted as nothing, and what looks like another thing is named.

#[path = "common/calls.rs"]
mod calls;

use calls::{Folder, command, done, has, refused, said};
use std::process::{Command, Output, Stdio};

fn stats(folder: &Folder, name: &str, content: impl AsRef<[u8]>) -> String {
    done(&["trace", "stats", &folder.write(name, content)])
}

fn no_trace(folder: &Folder, name: &str, content: impl AsRef<[u8]>) -> String {
    refused(&["trace", "stats", &folder.write(name, content)])
}

mod formats {
    use super::*;

    #[test]
    fn a_mooncake_trace_with_sessions_is_one_and_its_times_are_milliseconds() {
        let folder = Folder::new("mooncake");
        let row = |n: usize, more: &str| {
            format!(
                "{{\"session_id\":\"s{}\",\"timestamp\":{},\"input_length\":9,\"output_length\":3{more}}}\n",
                n % 7,
                n * 1_500
            )
        };
        for (name, more) in [("blocks", ",\"hash_ids\":[0,1]"), ("plain", ""), ("null", ",\"hash_ids\":null")] {
            let trace: String = (0..60).map(|n| row(n, more)).collect();
            let text = stats(&folder, &format!("{name}.jsonl"), trace);
            has(
                &text,
                &[
                    "mooncake, by `timestamp (a number)`",
                    "span                  88.50 s",
                    "sessions              7 (100 %",
                ],
            );
        }
        let ragpulse =
            "{\"timestamp\":\"0\",\"input_length\":9,\"output_length\":3,\"hash_ids\":{},\"session_id\":\"a\"}\n";
        has(&stats(&folder, "r.jsonl", ragpulse), &["format                ragpulse"]);
        let by_map =
            "{\"timestamp\":0,\"input_length\":9,\"output_length\":3,\"hash_ids\":{\"a\":1},\"session_id\":\"a\"}\n";
        has(&stats(&folder, "m.jsonl", by_map), &["format                ragpulse"]);
        let delay = "{\"session_id\":\"a\",\"delay\":50,\"input_length\":9,\"output_length\":3}\n";
        has(&no_trace(&folder, "d.jsonl", delay), &["`delay` and no `timestamp`", "docs/guide/other-logs.md"]);
    }

    #[test]
    fn only_requests_with_times_and_tokens_make_a_weka_session() {
        let folder = Folder::new("weka");
        let guidellm =
            "{\n \"benchmarks\": [\n  {\n   \"requests\": {\"successful\": 3}\n  }\n ],\n \"metadata\": {}\n}\n";
        has(&no_trace(&folder, "guidellm.json", guidellm), &["looks like a report of guidellm", "#guidellm"]);
        let k6 = "{\n \"metrics\": {\"http_reqs\": {}},\n \"root_group\": {\"requests\": []}\n}\n";
        has(&no_trace(&folder, "k6.json", k6), &["a summary of k6"]);
        let har = "{\n \"log\": {\"entries\": [], \"requests\": [{\"url\": \"/\"}]}\n}\n";
        has(&no_trace(&folder, "har.json", har), &["a HAR file"]);
        let other = "{\"requests\": [{\"url\": \"/\"}], \"name\": \"x\"}";
        has(&no_trace(&folder, "other.json", other), &["one JSON object with the keys `requests`, `name`"]);
        let session = "{\n \"id\": \"s\",\n \"requests\": [\n  {\"t\": 0.5, \"type\": \"x\", \"in\": 5, \"out\": 2.0, \"ttft\": null}\n ]\n}\n";
        has(&stats(&folder, "session.json", session), &["format                weka"]);
    }

    #[test]
    fn what_is_no_trace_is_named_and_cannot_steer_the_terminal() {
        let folder = Folder::new("named");
        let title = no_trace(&folder, "title.csv", "\u{1b}]0;pwned\u{7}\u{1b}[31mTime,User\n1,2\n");
        assert!(!title.contains(['\u{1b}', '\u{7}']), "{title:?}");
        has(&title, &["\\u{1b}", "`user`"]);
        for (name, bytes, is) in [
            ("a.xlsx", &b"PK\x03\x04\x14\0\x08\0"[..], "cannot be read as an Excel file"),
            ("a.parquet", b"PAR1\x15\0", "a Parquet file"),
            ("a.xz", b"\xfd7zXZ\0\0\0", "xz"),
            ("a.csv", b"\xff\xfea\0t\0", "UTF-16"),
            ("a.bin", b"at\0\x01\x02", "no text"),
        ] {
            has(&no_trace(&folder, name, bytes), &[is]);
        }
        let error = no_trace(&folder, "q.jsonl", "{\"at_s\":\"\u{1b}[31mred\"}\n");
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }

    /// As the usage page of a user writes it: newest first, with a byte order mark.
    const USAGE: &str = "\u{feff}时间,API 密钥,模型,推理强度,输入 Token,输出 Token,缓存读取 Token,首 Token,耗时,请求ID\n\
         2026-08-29T10:41:00Z,k1,gpt-5,high,100,50,900,1200,8000,c\n\
         2026-08-29 10:40:30,k2,gpt-5,-,10,5,0,900,3000,b\n\
         2026-08-29T10:40:02Z,k1,gpt-5,high,1000,40,0,2000,6000,a\n\
         2026-08-29T10:40:02Z,k1,gpt-5,high,1000,40,0,2000,6000,a\n";

    #[test]
    fn the_csv_of_a_usage_page_is_a_trace_and_what_it_lacks_is_said() {
        let folder = Folder::new("usage");
        let path = folder.write("usage.csv", USAGE);
        let text = done(&["trace", "stats", &path]);
        has(
            &text,
            &[
                "format                usage, by the headings of the gateway's usage page",
                "requests              3",
                "TTFT                  p50 1200 ms",
                "gpt-5/high: 2",
                "holds answered requests only",
                "its times are those of the end",
                "it does not say which account",
                "1 row with the request id of an earlier one: left out",
                "1 row with times without a zone",
                "the trace has no sessions",
            ],
        );
        let rows = done(&["trace", "convert", &path, "--write", "csv"]);
        has(&rows, &["0,,k1,gpt-5/high,1000,40,", ",2000,6000,6000,200,0,", "31,,k2,gpt-5,10,5,"]);
        has(&done(&["run", "tests/experiments/small.yaml", "--trace", &path]), &["3 requests, 3 ok"]);
        has(&done(&["trace", "stats", "--format", "usage", &path]), &["requests              3"]);
        let twice = USAGE.replace("推理强度", "模型");
        has(&refused(&["trace", "stats", &folder.write("twice.csv", twice)]), &["the column `模型` stands twice"]);
        // a foreign table by that name says what was looked for
        let other = folder.write("other.csv", "day,calls\n1,2\n");
        has(&refused(&["trace", "stats", "--format", "usage", &other]), &["first token", "found: day, calls"]);
    }
}

mod values {
    use super::*;

    #[test]
    fn null_is_none_and_whole_floats_are_whole_in_every_format_of_json() {
        let folder = Folder::new("values");
        let native = "{\"at_s\":0,\"session\":null,\"input_tokens\":1000.0,\"output_tokens\":null,\"recorded\":{\"account\":3.0,\"status\":200.0,\"ttft_ms\":null,\"failed\":null}}\n\
                      {\"at_s\":1,\"session\":17,\"input_tokens\":1e3,\"attempts\":null,\"model\":null,\"recorded\":null}\n";
        has(&stats(&folder, "n.jsonl", native), &["requests              2", "input tokens          p50 1000"]);
        let mooncake = "{\"timestamp\":0.0,\"input_length\":5.0,\"output_length\":null,\"hash_ids\":null}\n";
        has(&stats(&folder, "m.jsonl", mooncake), &["requests              1"]);
        let log = "{\"outcome\":\"ok\",\"completed_ms\":2000,\"arrival_ms\":1000,\"account_id\":1.0,\"ttft_ms\":500.0,\"duration_ms\":900,\"input_tokens\":null,\"output_tokens\":7.0,\"attempts\":null}\n";
        has(&stats(&folder, "g.jsonl", log), &["format                gateway-log", "output tokens         p50 7"]);
        for (value, said) in [
            ("4294967296", "expected a whole number from 0 to 4294967295, found 4294967296"),
            ("1.5", "expected a whole number from 0 to 4294967295, found 1.5"),
            ("-1", "expected a whole number from 0 to 4294967295, found -1"),
            ("\"many\"", "expected a whole number from 0 to 4294967295, found the text \"many\""),
        ] {
            let error = no_trace(&folder, "b.jsonl", format!("{{\"at_s\":0,\"input_tokens\":{value}}}\n"));
            has(&error, &["b.jsonl:1:", said]);
        }
        has(&no_trace(&folder, "c.csv", "at_s,input_tokens\n0,4294967296\n"), &["a whole number from 0 to 4294967295"]);
    }

    #[test]
    fn whole_floats_are_ids_in_a_snapshot_and_in_a_chain_of_chats() {
        let folder = Folder::new("float-ids");
        let chat = |id: &str, parent: &str, more: &str| {
            format!("{{\"chat_id\":{id},\"parent_chat_id\":{parent},\"timestamp\":1,\"input_length\":1.0,{more}}}\n")
        };
        let chats = chat("1.0", "-1.0", "\"output_length\":null") + &chat("2.0", "1.0", "\"output_length\":3");
        has(&stats(&folder, "q.jsonl", chats), &["format                qwen", "sessions              1 (100 %"]);
        let accounts = std::fs::read_to_string("traces/accounts.jsonl").unwrap();
        let accounts = accounts.replace(": 5,", ": 5.0,").replace("\"priority\": 1,", "\"priority\": null,");
        let accounts = folder.write("accounts.jsonl", accounts);
        has(&done(&["doctor", "traces/gateway-log.jsonl", &accounts]), &["3 accounts with 15 slots"]);
    }

    #[test]
    fn columns_and_keys_that_stand_twice_are_refused() {
        let folder = Folder::new("twice");
        let error = no_trace(&folder, "t.csv", "at_s,session,user,session\n0,a,u,b\n");
        has(&error, &["`session` stands twice", "field 2 and field 4"]);
        has(&no_trace(&folder, "u.csv", "at_s, AT_S\n0,0\n"), &["`at_s` stands twice"]);
        let burst = "Timestamp,Model,Request tokens,Response tokens,Model\n1,a,2,3,b\n";
        has(&no_trace(&folder, "b.csv", burst), &["`model` stands twice"]);
        has(
            &no_trace(&folder, "t.jsonl", "{\"at_s\":0,\"session\":\"a\",\"session\":\"b\"}\n"),
            &["`session` stands there twice"],
        );
    }

    #[test]
    fn unix_seconds_count_from_the_first_row_and_absurd_times_are_refused() {
        let folder = Folder::new("unix");
        let csv: String = (0..5).map(|n| format!("{},s\n", 1_789_500_000 + n * 60)).collect();
        let path = folder.write("epoch.csv", format!("at_s,session\n{csv}"));
        let text = done(&["run", "tests/experiments/small.yaml", "--trace", &path]);
        assert!(!text.contains("497,"), "{text}");
        has(&done(&["trace", "stats", &path]), &["its times are Unix time", "span                  240 s"]);
        let ms: String = (0..5)
            .map(|n| format!("{{\"timestamp\":{}000,\"input_length\":1,\"output_length\":1}}\n", 1_789_500_000 + n))
            .collect();
        has(&stats(&folder, "m.jsonl", ms), &["its times are Unix time", "span                  4 s"]);
        let qwen = "{\"chat_id\":1,\"parent_chat_id\":-1,\"timestamp\":1789500000.5,\"input_length\":1,\"output_length\":1}\n\
                    {\"chat_id\":2,\"parent_chat_id\":1,\"timestamp\":1789500002.5,\"input_length\":1,\"output_length\":1}\n";
        has(&stats(&folder, "q.jsonl", qwen), &["its times are Unix time", "span                  2 s"]);
        let ms = "at_s\n1789500000000\n1789500001000\n";
        has(&no_trace(&folder, "ms.csv", ms), &["ms.csv:2", "looks like Unix time in milliseconds"]);
        let seconds: String = (0..3)
            .map(|n| format!("{{\"timestamp\":{},\"input_length\":1,\"output_length\":1}}\n", 1_789_500_000 + n * 60))
            .collect();
        has(
            &stats(&folder, "s.jsonl", seconds),
            &["Unix seconds, not the milliseconds", "span                  120 s"],
        );
        has(&no_trace(&folder, "far.csv", "at_s\n0\n1789500000\n"), &["far.csv:3", "more than ten years"]);
        has(&no_trace(&folder, "back.csv", "at_s\n1789500000\n5\n"), &["back.csv:3", "in order of time"]);
        let longest = "{\"at_s\":0,\"attempts\":[{\"kind\":\"ok\",\"ttft_us\":9223372036854775807,\"end_us\":9223372036854775807}]}\n";
        has(&no_trace(&folder, "long.jsonl", longest), &["long.jsonl:1", "more than ten years"]);
        has(
            &no_trace(&folder, "long.csv", "at_s,duration_ms\n0,999999999999\n"),
            &["long.csv:2", "more than ten years"],
        );
    }

    #[test]
    fn first_tokens_after_the_end_are_counted_and_said() {
        let folder = Folder::new("upside-down");
        let both = "at_s,session,ttft_ms,duration_ms\n0,a,5000,300\n1,a,500,3000\n";
        has(&stats(&folder, "t.csv", both), &["1 request has its first token after its end"]);
        has(
            &stats(&folder, "e.csv", "at_s,ttft_ms,end_ms\n0,5000,300\n1,6000,5\n"),
            &["2 requests have their first token"],
        );
        let good = stats(&folder, "g.csv", "at_s,ttft_ms,duration_ms\n0,300.4,300\n");
        assert!(!good.contains("after their end"), "rounding is nothing: {good}");
    }

    #[test]
    fn percentiles_of_a_trace_are_those_of_a_run() {
        let folder = Folder::new("percentiles");
        let rows: String = (1..=10).map(|n| format!("{n},{}\n", n * 1_000)).collect();
        let text = stats(&folder, "t.csv", format!("at_s,ttft_ms\n{rows}"));
        has(&text, &["TTFT                  p50 5500 ms, p90 9100 ms, p99 9910 ms, max 10000 ms"]);
    }
}

#[cfg(unix)]
mod pipes {
    use super::*;
    use std::io::Write as _;

    const ROWS: &str = "at_s,session,ttft_ms\n0,a,100\n1,a,110\n2,b,120\n";

    fn through(arguments: &[&str], text: &str) -> Output {
        let mut child =
            command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // a reader that refuses closes early
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        child.wait_with_output().unwrap()
    }

    #[test]
    fn what_comes_through_a_pipe_is_read_whole_and_once() {
        let folder = Folder::new("pipe");
        let to = folder.0.join("out.csv");
        for from in ["-", "/dev/stdin"] {
            let output = through(&["trace", "convert", from, "--format", "csv", "--to", to.to_str().unwrap()], ROWS);
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
            assert_eq!(std::fs::read_to_string(&to).unwrap().lines().count(), 5, "a version, a header, three rows");
            has(&said(&through(&["trace", "stats", from], ROWS)), &["requests              3"]);
        }
        let run = through(&["run", "tests/experiments/small.yaml", "--trace", "-"], ROWS);
        has(&said(&run), &["3 requests"]);
        let scenario = std::fs::read_to_string("tests/experiments/small.yaml").unwrap();
        has(&said(&through(&["check", "-"], &scenario)), &["valid"]);
    }

    #[test]
    fn what_would_have_to_be_read_again_is_refused_and_nothing_is_never_a_trace() {
        for arguments in [
            ["run", "tests/experiments/small.yaml", "--trace", "-", "-r", "2"].as_slice(),
            &["compare", "tests/experiments/small.yaml", "--trace", "/dev/stdin", "-r", "2"],
            &["run", "tests/experiments/small.yaml", "--trace", "-", "--set", "workload.repeat=2"],
        ] {
            let output = through(arguments, ROWS);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
            has(&said(&output), &["a pipe can be read only once"]);
        }
        let folder = Folder::new("nothing");
        let to = folder.0.join("out.csv");
        for (text, more) in [("", ["--write", "csv"]), ("at_s\n", ["--format", "csv"])] {
            let output = through(&["trace", "convert", "-", "--to", to.to_str().unwrap(), more[0], more[1]], text);
            assert_eq!(output.status.code(), Some(2), "{}", said(&output));
            assert!(!to.exists());
        }
    }

    #[test]
    fn a_calibration_takes_any_one_of_its_files_through_a_pipe() {
        let folder = Folder::new("pipe-calibrate");
        let log = std::fs::read_to_string("traces/gateway-log.jsonl").unwrap();
        let accounts = std::fs::read_to_string("traces/accounts.jsonl").unwrap();
        let sample = "traces/gateway-log.jsonl";
        for (number, (arguments, text)) in
            [(vec!["-"], &log), (vec![sample, "--accounts", "-"], &accounts)].into_iter().enumerate()
        {
            let out = folder.0.join(number.to_string());
            let more = ["--replications", "5", "--out", out.to_str().unwrap()];
            let output = through(&[&["calibrate"], &arguments[..], &more[..]].concat(), text);
            assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{arguments:?}: {}", said(&output));
            assert!(out.join("scenario.yaml").exists(), "{}", said(&output));
        }
        has(&said(&through(&["doctor", "-"], &log)), &["981 requests"]);
        let both = through(&["calibrate", "-", "--accounts", "-", "--out", folder.0.join("b").to_str().unwrap()], &log);
        has(&said(&both), &["can be only one of"]);
    }

    #[test]
    fn names_of_files_do_not_steer_the_terminal() {
        let error = refused(&["trace", "stats", "no\u{1b}[31m.csv"]);
        has(&error, &["no\\u{1b}[31m.csv"]);
    }

    #[test]
    fn a_named_pipe_is_read_once_too() {
        let folder = Folder::new("fifo");
        let pipe = folder.0.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::write(pipe, ROWS)
        });
        has(&done(&["trace", "stats", pipe.to_str().unwrap()]), &["requests              3"]);
        writer.join().unwrap().unwrap();
    }
}

#[cfg(target_os = "linux")]
mod names {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    #[test]
    fn files_whose_names_are_no_text_can_be_run_drawn_and_replayed() {
        let folder = Folder::new("bytes");
        let odd = |name: &[u8]| folder.0.join(OsStr::from_bytes(name));
        let (scenario, trace, html) = (odd(b"\xff.yaml"), odd(b"\xfe.csv"), odd(b"\xfd.html"));
        std::fs::copy("tests/experiments/small.yaml", &scenario).unwrap();
        std::fs::write(&trace, "at_s,session\n0,a\n5,a\n").unwrap();
        let run = command(&["run"]).arg(&scenario).arg("--html").arg(&html).output().unwrap();
        assert_eq!(run.status.code(), Some(0), "{}", said(&run));
        assert!(std::fs::read_to_string(&html).unwrap().contains("\\xff.yaml"), "the command can be typed again");
        let mut replay = command(&["run", "--output", "json"]);
        let replay = replay.arg(&scenario).arg("--trace").arg(&trace).output().unwrap();
        assert_eq!(replay.status.code(), Some(0), "{}", said(&replay));
        let stats = command(&["trace", "stats"]).arg(&trace).output().unwrap();
        has(&said(&stats), &["requests              2"]);
    }
}

mod transcripts {
    use super::*;

    fn codex(turns: usize, day: &str) -> String {
        let mut text = format!(
            "{{\"timestamp\":\"{day}T10:00:00.000Z\",\"type\":\"session_meta\",\"payload\":{{\"id\":\"c-{day}\"}}}}\n"
        );
        for turn in 0..turns {
            text.push_str(&format!(
                "{{\"timestamp\":\"{day}T10:0{turn}:20.000Z\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"task_complete\",\
                 \"started_at\":\"{day}T10:0{turn}:00Z\",\"completed_at\":\"{day}T10:0{turn}:20Z\",\"duration_ms\":20000,\
                 \"time_to_first_token_ms\":3000}}}}\n"
            ));
        }
        text
    }

    const FLAT: &str = "{\"id\":\"old\",\"timestamp\":\"2025-06-10T10:00:00.000Z\",\"instructions\":null}\n\
                        {\"record_type\":\"state\"}\n{\"type\":\"message\",\"role\":\"user\",\"content\":[]}\n";
    const WITHOUT_TURNS: &str = "{\"timestamp\":\"2025-10-01T10:00:00.000Z\",\"type\":\"session_meta\",\"payload\":{\"id\":\"b\"}}\n\
                                 {\"timestamp\":\"2025-10-01T10:00:09.000Z\",\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":null}}\n";

    /// A prompt, an answer in two parts, a tool's result, an answer; a subagent's answer between; an error at the end.
    fn claude(session: &str) -> String {
        let line = |kind: &str, second: &str, more: &str| {
            format!(
                "{{\"type\":\"{kind}\",\"sessionId\":\"{session}\",\"uuid\":\"{kind}-{second}\",\
                 \"timestamp\":\"2026-03-01T10:{second}Z\"{more}}}\n"
            )
        };
        let answer = |id: &str, output: u32, read: u32| {
            format!(
                ",\"message\":{{\"id\":\"{id}-{session}\",\"model\":\"opus\",\"usage\":{{\"input_tokens\":10,\
                 \"cache_creation_input_tokens\":90,\"cache_read_input_tokens\":{read},\"output_tokens\":{output}}}}}"
            )
        };
        let aside = |more: &str| format!(",\"isSidechain\":true,\"agentId\":\"a1\"{more}");
        [
            "{\"type\":\"summary\",\"summary\":\"x\",\"leafUuid\":\"y\"}\n".to_owned(),
            line("user", "00:00.000", ",\"message\":{\"role\":\"user\",\"content\":\"hello\"}"),
            line("assistant", "00:05.000", &answer("m1", 3, 0)),
            line("assistant", "00:08.000", &answer("m1", 40, 0)),
            line("user", "00:10.000", ",\"message\":{\"content\":[{\"type\":\"tool_result\"}]},\"toolUseResult\":null"),
            line("user", "00:11.000", &aside(",\"message\":{\"content\":\"do it\"}")),
            line("assistant", "00:13.000", &aside(&answer("m2", 7, 0))),
            line("assistant", "00:14.500", &answer("m3", 20, 100)),
            line("user", "01:00.000", ",\"message\":{\"content\":\"and now\"}"),
            line(
                "assistant",
                "01:02.000",
                ",\"isApiErrorMessage\":true,\"message\":{\"id\":\"x\",\"model\":\"<synthetic>\",\"content\":[{\"type\":\"text\",\"text\":\"API Error: 529 overloaded\"}]}",
            ),
        ]
        .concat()
    }

    #[test]
    fn claude_code_sessions_have_a_row_for_each_request_to_the_model() {
        let folder = Folder::new("claude");
        let path = folder.write("projects/p/one.jsonl", claude("one"));
        let text = done(&["trace", "stats", &path]);
        has(
            &text,
            &[
                "format                claude",
                "requests              4",
                "sessions              2 (100 %",
                "statuses              200: 3, 529: 1",
                "TTFT                  not recorded",
                "opus: 3",
            ],
        );
        let rows = done(&["trace", "convert", &path, "--write", "csv"]);
        has(&rows, &["0,one,,opus,100,40,,,,,,8000,8000,200,0,", "10,one,,opus,200,20,,,,,,4500,4500,200,100,"]);
        has(&rows, &["11,one/a1,,opus,100,7", "60,one,,,0,0,,,,,,2000,2000,529,,true"]);
        // the session that goes on in another file copies what was before
        folder.write("projects/p/two.jsonl", claude("one"));
        let both = done(&["trace", "stats", folder.0.join("projects").to_str().unwrap()]);
        has(&both, &["3 answers in a second file, too: read once"]);
    }

    #[test]
    fn older_codex_files_are_left_out_and_counted_and_alone_they_say_so() {
        let folder = Folder::new("codex");
        let old = folder.write("s/2025/a.jsonl", FLAT);
        let without = folder.write("s/2025/b.jsonl", WITHOUT_TURNS);
        folder.write("s/2026/c.jsonl", codex(8, "2026-08-31"));
        let text = done(&["trace", "stats", folder.0.join("s").to_str().unwrap()]);
        has(
            &text,
            &[
                "format                codex",
                "requests              8",
                "2 older Codex files without `task_complete` events: left out",
            ],
        );
        for alone in [old, without] {
            has(&refused(&["trace", "stats", &alone]), &["this Codex version wrote no `task_complete` events"]);
        }
    }

    #[test]
    fn a_folder_with_both_is_read_and_other_files_in_it_are_counted() {
        let folder = Folder::new("both");
        folder.write("all/codex/c.jsonl", codex(2, "2026-03-01"));
        folder.write("all/claude/d.jsonl", claude("d"));
        folder.write("all/claude/history.jsonl", "{\"display\":\"hello\",\"timestamp\":1}\n");
        folder.write("all/settings.json", "{\"model\":\"x\"}\n");
        let path = folder.0.join("all");
        let text = done(&["trace", "stats", path.to_str().unwrap()]);
        has(
            &text,
            &[
                "format                transcripts",
                "requests              6",
                "1 file of another kind left out; the first: history.jsonl",
            ],
        );
        let only = done(&["trace", "stats", "--format", "claude", path.to_str().unwrap()]);
        has(&only, &["requests              4", "2 files of another kind left out"]);
    }
}

mod experiments {
    use super::*;

    const SMALL: &str = "tests/experiments/small.yaml";

    #[test]
    fn what_looks_like_a_mistake_in_a_config_is_said_once_whichever_verb_reads_it() {
        let folder = Folder::new("mistake");
        let config = folder.write("config.yaml", "gateway:\n  openai_ws:\n    lb_top_kk: 3\n");
        let (set, other) = (format!("gateway_config={config}"), folder.write("other.yaml", "gateway: {}\n"));
        let vary = format!("gateway_config={config},{other}");
        let few = ["--replications", "2", "--threads", "1"];
        let calls: [&[&str]; 8] = [
            &["run", SMALL, "--set", &set],
            &["check", SMALL, "--set", &set],
            &["explain", SMALL, "--set", &set, "--request", "3"],
            &["compare", SMALL, "--set", &set, few[0], few[1]],
            &["compare", SMALL, "--a", "lb_top_k=3", "--b", &set, few[0], few[1]],
            &["sweep", SMALL, "--vary", &vary, few[0], few[1]],
            &["tune", SMALL, "--set", &set, "--vary", "lb_top_k=3,7", few[0], few[1]],
            &["tune", SMALL, "--vary", &vary, few[0], few[1]],
        ];
        for call in calls {
            let output = command(call).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 4)), "{call:?}: {errors}");
            let warnings = errors.matches("warning: `gateway.openai_ws.lb_top_kk` is not read").count();
            assert_eq!(warnings, 1, "{call:?}: {errors}");
        }
    }

    #[test]
    fn tune_replays_a_trace_in_place_of_every_workload_and_says_more_if_asked() {
        let vary = ["--vary", "sticky_escape_ttft_ms=1000:60000:log:20", "--budget", "100", "--replications", "2"];
        let of = |more: &[&str]| {
            let arguments = [&["tune", SMALL, "--trace", "traces/sample.jsonl"], &vary[..], more].concat();
            let output = command(&arguments).output().unwrap();
            assert!(matches!(output.status.code(), Some(0 | 4)), "{}", said(&output));
            String::from_utf8(output.stdout).unwrap()
        };
        let (text, all) = (of(&[]), of(&["-v"]));
        let json: serde_json::Value = serde_json::from_str(&of(&["--output", "json"])).unwrap();
        let workload = &json["effective_scenarios"][0]["workload"];
        assert!(workload["synth"].is_null() && workload["replay"].is_object(), "{workload}");
        let arms = json["arms"].as_array().unwrap().len();
        assert!(arms > 12 && text.contains(&format!("and {} more, with -v", arms - 12)), "{text}");
        assert!(!all.contains("more, with -v") && all.lines().count() >= text.lines().count() + arms - 13, "{all}");
        has(&refused(&["tune", SMALL, "--vary", "lb_top_k=3,7", "--trace", "-"]), &["every run reads the trace"]);
    }
}
