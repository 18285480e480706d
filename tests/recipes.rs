//! The lines of docs/guide/other-logs.md, run on small files of the shapes that they are for.

#[path = "common/missing.rs"]
mod missing;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The shell blocks of the guide by their section.
fn recipes() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("docs/guide/other-logs.md")).unwrap();
    let mut found = Vec::new();
    let (mut section, mut block) = (String::new(), None::<String>);
    for line in text.lines() {
        match (&mut block, line) {
            (None, "```sh") => block = Some(String::new()),
            (Some(_), "```") => found.extend(block.take().map(|block| (section.clone(), block))),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, line) => {
                if let Some(name) = line.strip_prefix("## ") {
                    section = name.to_owned();
                }
            }
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Sections with a file of their shape, its content, and what the trace must have of it.
const SHAPES: [(&str, &str, &str, &[&str]); 14] = [
    (
        "aiperf",
        "profile_export.jsonl",
        r#"{"metadata":{"session_num":1,"x_correlation_id":"u2","conversation_id":"c","turn_index":1,"request_start_ns":1759813209532900363,"request_end_ns":1759813209838764604,"was_cancelled":false},"metrics":{"input_sequence_length":{"value":550,"unit":"tokens"},"time_to_first_token":{"value":255.9,"unit":"ms"},"request_latency":{"value":297.5,"unit":"ms"},"output_sequence_length":{"value":9,"unit":"tokens"}},"error":null}
{"metadata":{"session_num":0,"x_correlation_id":"u1","request_start_ns":1759813207532900363,"request_end_ns":1759813207538764604,"was_cancelled":true},"metrics":{"error_isl":{"value":500,"unit":"tokens"}},"error":{"code":499,"type":"RequestCancellationError","message":"x"}}
"#,
        &[
            "requests              2",
            "sessions              2 (100 %",
            "statuses              200: 1, 499: 1",
            "p50 525",
            "span                  2",
        ],
    ),
    (
        "guidellm",
        "benchmarks.json",
        r#"{"metadata":{},"args":{},"benchmarks":[{"requests":{"successful":[{"prompt_tokens":256,"output_tokens":64,"time_to_first_token_ms":120.5,"info":{"status":"completed","timings":{"request_start":1759813212.5,"request_end":1759813214.0,"first_token_iteration":1759813212.62}}}],"errored":[{"prompt_tokens":200,"output_tokens":0,"time_to_first_token_ms":null,"info":{"status":"errored","error":"boom","timings":{"request_start":1759813210.0,"request_end":1759813211.0}}}],"incomplete":[]}}]}"#,
        &[
            "requests              2",
            "statuses              200: 1, 502: 1",
            "TTFT                  p50 120.5 ms",
            "span                  2.50 s",
        ],
    ),
    (
        "litellm",
        "spend.json",
        r#"[{"request_id":"b","call_type":"acompletion","spend":0.1,"startTime":"2025-10-07T05:00:09.250000Z","endTime":"2025-10-07T05:00:11.250000Z","completionStartTime":"2025-10-07T05:00:10.000000Z","prompt_tokens":40,"completion_tokens":7,"model":"gpt-5","user":"alice","session_id":"s1","status":"success"},
{"request_id":"a","call_type":"acompletion","spend":0,"startTime":"2025-10-07 05:00:05","endTime":"2025-10-07 05:00:06","completionStartTime":"2025-10-07 05:00:06","prompt_tokens":10,"completion_tokens":0,"model":"gpt-5","user":"","session_id":"s1","status":"failure"}]"#,
        &[
            "requests              2",
            "sessions              1 (100 %",
            "statuses              200: 1, 502: 1",
            "TTFT                  p50 750 ms",
            "span                  4.25 s",
        ],
    ),
    (
        "openrouter",
        "activity.csv",
        "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,tokens_cached,model_permaslug,cancelled,user,generation_time_ms,time_to_first_token_ms\r\n\
         gen-2,2025-10-07 05:00:09.250,0.1,300,20,100,openai/gpt-5,false,bob,2100,640\r\n\
         gen-1,2025-10-07 05:00:05.000,0.1,200,,,openai/gpt-5,true,bob,900,\r\n",
        &[
            "requests              2",
            "sessions              1 (100 %",
            "statuses              0: 1, 200: 1",
            "TTFT                  p50 640 ms",
        ],
    ),
    (
        "vllm-bench",
        "result.json",
        r#"{"date":"x","request_throughput":1.0,"mean_ttft_ms":1.0,"input_lens":[100,200],"output_lens":[3,0],"ttfts":[0.25,0.0],"itls":[[0.01,0.02],[]],"start_times":[5012.5,5010.5],"errors":["","timeout"]}"#,
        &["requests              2", "statuses              200: 1, 502: 1", "max 250 ms", "span                  2 s"],
    ),
    (
        "otlp",
        "spans.json",
        r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{"traceId":"a","spanId":"b","name":"chat gpt-5","startTimeUnixNano":"1759813209532900363","endTimeUnixNano":"1759813211532900363","attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"gpt-5"}},{"key":"gen_ai.conversation.id","value":{"stringValue":"c1"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"120"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"12"}}],"status":{}},{"traceId":"a","spanId":"c","name":"GET /","startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{"key":"http.method","value":{"stringValue":"GET"}}]}]}]}]}
{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"d","spanId":"e","startTimeUnixNano":"1759813207532900363","endTimeUnixNano":"1759813208532900363","attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"gpt-5"}}],"status":{"code":2}}]}]}]}
"#,
        &["requests              2", "statuses              200: 1, 502: 1", "gpt-5: 2", "max 2000 ms"],
    ),
    (
        "blis",
        "trace.csv",
        "request_id,client_id,tenant_id,slo_class,session_id,round_index,input_tokens,output_tokens,model,arrival_time_us,send_time_us,first_chunk_time_us,last_chunk_time_us,num_chunks,status,error_message\n\
         1,c1,t1,standard,s1,0,10,5,m,2500000,2500100,2900100,3500100,5,ok,\n0,c1,t1,standard,s1,0,12,0,m,500000,500000,0,0,0,timeout,late\n",
        &[
            "requests              2",
            "sessions              1 (100 %",
            "statuses              200: 1, 502: 1",
            "TTFT                  p50 400 ms",
            "span                  2 s",
        ],
    ),
    (
        "dynamo",
        "request-trace.jsonl",
        r#"{"schema":"dynamo.request.trace.v1","event_type":"request_end","event_time_unix_ms":1700000012000,"agent_context":{"session_id":"s1","trajectory_id":"t"},"request":{"request_id":"r2","model":"m","input_tokens":128,"output_tokens":8,"cached_tokens":64,"request_received_ms":1700000011000,"ttft_ms":210.5,"total_time_ms":1000.0}}
{"schema":"dynamo.request.trace.v1","event_type":"tool_end","event_time_unix_ms":1700000010500}
{"timestamp":9,"event":{"event_type":"request_end","agent_context":{"session_id":"s1"},"request":{"request_id":"r1","output_tokens":8,"request_received_ms":1700000010000,"total_time_ms":500.0,"replay":{"input_length":64}}}}
"#,
        &[
            "requests              2",
            "sessions              1 (100 %",
            "TTFT                  p50 210.5 ms",
            "span                  1 s",
        ],
    ),
    (
        "nginx",
        "access.json",
        r#"{"msec":"1759813212.500","request_time":"2.000","upstream_header_time":"0.750","status":"200","session":"s1"}
{"msec":"1759813212.000","request_time":"3.500","upstream_header_time":"-","status":"502","session":"s1"}
"#,
        &[
            "requests              2",
            "sessions              1 (100 %",
            "statuses              200: 1, 502: 1",
            "TTFT                  p50 750 ms",
            "span                  2 s",
        ],
    ),
    (
        "nginx",
        "access.log",
        "10.0.0.1 - - [07/Oct/2025:05:00:09 +0000] \"POST /v1/responses HTTP/1.1\" 200 512 \"-\" \"codex/1.0\"\n\
         10.0.0.2 - bob [07/Oct/2025:05:00:05 +0000] \"POST /v1/responses HTTP/2.0\" 429 12 \"-\" \"curl/8\"\n",
        &[
            "requests              2",
            "sessions              2 (100 %",
            "statuses              200: 1, 429: 1",
            "span                  4 s",
        ],
    ),
    (
        "caddy",
        "caddy.log",
        r#"{"ts":1646861403.5,"request":{"headers":{"X-Session-Id":["s1"]}},"duration":2.5,"status":200}
{"ts":1646861402.0,"request":{"remote_ip":"127.0.0.1"},"duration":2.0,"size":1,"status":502}
"#,
        &[
            "requests              2",
            "statuses              200: 1, 502: 1",
            "span                  1 s",
            "max 2500 ms",
        ],
    ),
    (
        "langfuse",
        "langfuse.json",
        r#"{
  "id": "2b19", "timestamp": "2025-06-26T06:16:19.504000Z", "sessionId": "s1", "userId": "bob",
  "observations": [
    {"type": "GENERATION", "startTime": "2025-06-26T06:16:19.504000Z", "endTime": "2025-06-26T06:16:32.275000Z",
     "completionStartTime": "2025-06-26T06:16:20.716000Z", "model": "qwen3", "usage": {"input": 13, "output": 353}},
    {"type": "SPAN", "startTime": "2025-06-26T06:16:19.504000Z", "endTime": null}
  ]
}"#,
        &["requests              1", "sessions              1 (100 %", "TTFT                  p50 1212 ms", "qwen3: 1"],
    ),
    (
        "columns",
        "requests.csv",
        "arrived_at,num_prefill_tokens,num_decode_tokens,session_id,session_turn_index\n\
         0,32,8,7,0\n1.5,16,4,7,1\n2,8,2,,\n",
        &[
            "requests              3",
            "sessions              1 (66.67 %",
            "span                  2 s",
            "input tokens          p50 16",
        ],
    ),
    (
        "mooncake",
        "mooncake.jsonl",
        "{\"session_id\":\"a\",\"timestamp\":1000,\"input_length\":10,\"output_length\":5}\n\
         {\"session_id\":\"a\",\"delay\":2000,\"input_length\":20,\"output_length\":5}\n",
        &["requests              2", "sessions              1 (100 %", "span                  10 s"],
    ),
];

/// A folder of its own, removed when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn has_jq() -> bool {
    if Command::new("jq").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    missing::skip("jq", "tests/packages.sh jq");
    false
}

#[test]
fn every_line_of_the_guide_makes_a_trace_of_a_file_of_its_shape() {
    if !has_jq() {
        return;
    }
    let recipes = recipes();
    assert_eq!(recipes.len(), SHAPES.len(), "a file for each line, and a line for each file");
    for (section, file, content, expected) in SHAPES {
        let folder = Folder(std::env::temp_dir().join(format!("stickysim-recipes-{}-{file}", std::process::id())));
        std::fs::create_dir_all(&folder.0).unwrap();
        std::fs::write(folder.0.join(file), content).unwrap();
        let (_, line) = recipes
            .iter()
            .find(|(name, line)| name == section && line.contains(&format!(" {file} ")))
            .unwrap_or_else(|| panic!("{section} has no line that reads {file}"));
        let output = Command::new("sh").arg("-ec").arg(line).current_dir(&folder.0).output().unwrap();
        assert!(output.status.success(), "{section}: {}", String::from_utf8_lossy(&output.stderr));
        let stats = Command::new(env!("CARGO_BIN_EXE_stickysim"))
            .args(["trace", "stats", "trace.jsonl"])
            .current_dir(&folder.0)
            .output()
            .unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&stats.stdout), String::from_utf8_lossy(&stats.stderr));
        for part in expected {
            let made = std::fs::read_to_string(folder.0.join("trace.jsonl")).unwrap_or_default();
            assert!(said.contains(part), "{section}, {file}: {part} is missing in\n{said}of\n{made}");
        }
    }
}

#[test]
fn files_of_these_shapes_are_named_and_lead_to_their_line() {
    let guide = std::fs::read_to_string(root().join("docs/guide/other-logs.md")).unwrap();
    for (section, file, content, _) in SHAPES {
        assert!(guide.contains(&format!("\n## {section}\n")), "{section}");
        if section == "mooncake" {
            continue; // its first line is one of the format
        }
        let folder = Folder(std::env::temp_dir().join(format!("stickysim-named-{}-{file}", std::process::id())));
        std::fs::create_dir_all(&folder.0).unwrap();
        std::fs::write(folder.0.join(file), content).unwrap();
        let stats = Command::new(env!("CARGO_BIN_EXE_stickysim"))
            .args(["trace", "stats", file])
            .current_dir(&folder.0)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&stats.stderr).into_owned();
        assert_eq!(stats.status.code(), Some(2), "{file}: {error}");
        let place = format!("docs/guide/other-logs.md#{section}");
        assert!(error.contains("it looks like") && error.contains(&place), "{file}: {error}");
    }
}
