//! What a file looks like that is no trace: named, with where to read how to make one of it.

use serde_json::{Map, Value};

/// The first record of a text in JSON: its first line, or the beginning of an object that goes over many.
pub(super) fn first_record(text: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(text.lines().next()?) {
        Ok(Value::Object(record)) => Some(record),
        _ => None,
    }
}

/// Where it says how to make a trace of other logs.
pub(super) const GUIDE: &str = "docs/guide/other-logs.md";

/// What something looks like, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Looks {
    /// With its article: "an Excel file".
    pub(super) is: String,
    pub(super) remedy: String,
}

fn looks(is: &str, remedy: &str) -> Looks {
    Looks { is: is.to_owned(), remedy: remedy.to_owned() }
}

/// Something for which the guide has a recipe.
fn recipe(is: &str, section: &str) -> Looks {
    Looks { is: is.to_owned(), remedy: format!("{GUIDE}#{section} has the line that makes a trace of it") }
}

/// Files that are no text, by their first bytes.
const MAGIC: [(&[u8], &str, &str); 17] = [
    (b"PK\x03\x04", "an Excel file or a zip archive", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "save the sheet as CSV"),
    (b"PAR1", "a Parquet file", "write it as CSV or JSON lines first (duckdb, pandas)"),
    (b"ARROW1", "an Arrow file", "write it as CSV or JSON lines first (duckdb, pandas)"),
    (b"Obj\x01", "an Avro file", "write it as JSON lines first"),
    (b"ORC", "an ORC file", "write it as CSV or JSON lines first"),
    (b"\x89HDF", "an HDF5 file", "write it as CSV first"),
    (b"SQLite format 3\0", "an SQLite database", "write its table as CSV first (sqlite3 -csv -header)"),
    (b"\xfd7zXZ\0", "a file packed with xz", "unpack it first; gzip and zstd are read as they are"),
    (b"BZh", "a file packed with bzip2", "unpack it first; gzip and zstd are read as they are"),
    (b"\x04\x22\x4d\x18", "a file packed with lz4", "unpack it first; gzip and zstd are read as they are"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive", "unpack it first"),
    (b"\x1f\x8b", "a file packed with gzip twice", "unpack it once"),
    (b"%PDF", "a PDF", "export the table as CSV"),
    (b"\xff\xfe", "a text in UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "a text in UTF-16", "save it as UTF-8"),
    (b"\x7fELF", "a program", "give the log that it writes"),
];

/// What the first bytes of an unpacked file say, if it is no text.
pub(super) fn of_bytes(head: &[u8]) -> Option<Looks> {
    let magic = MAGIC.iter().find(|(magic, ..)| head.starts_with(magic)).map(|(_, is, remedy)| looks(is, remedy));
    let is_archive = head.get(257..262) == Some(b"ustar");
    let archive = || is_archive.then(|| looks("a tar archive", "unpack it, and give the file or folder in it"));
    let is_binary = head.iter().take(4_096).any(|&byte| byte == 0);
    let binary = || is_binary.then(|| looks("a file that is no text", "write it as CSV or JSON lines first"));
    magic.or_else(archive).or_else(binary)
}

/// A text that may hold anything, for a message: control characters written out, cut short.
pub(super) fn shown(text: &str, longest: usize) -> String {
    let cut: String = text.chars().take(longest).collect();
    let is_cut = cut.len() < text.len();
    let plain: String =
        cut.chars().flat_map(|c| if is_harmful(c) { c.escape_default().collect() } else { vec![c] }).collect();
    if is_cut { format!("{plain}...") } else { plain }
}

/// What steers a terminal, or turns the direction of writing.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// What a text of no known format looks like.
pub(super) fn of_text(text: &str) -> Option<Looks> {
    if text.starts_with('{') {
        return match first_record(text).or_else(|| whole(text)) {
            Some(record) => of_record(&record, text.trim_end().contains('\n')),
            None => of_keys(text),
        };
    }
    // a date in brackets begins a line of many logs
    if text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', '[', ']', '"'])) {
        return Some(of_list(text));
    }
    of_lines(text)
}

/// An object that goes over many lines, if the beginning holds all of it.
fn whole(text: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(record)) => Some(record),
        _ => None,
    }
}

/// Objects by keys of theirs: all of them must be there.
const RECORDS: [(&[&str], &str, &str); 24] = [
    (&["benchmarks", "metadata"], "a report of guidellm", "guidellm"),
    (&["benchmarks", "args"], "a report of guidellm", "guidellm"),
    (&["metadata", "metrics"], "a record of AIPerf's profile_export.jsonl", "aiperf"),
    (&["input_config", "request_latency"], "a summary of AIPerf", "aiperf"),
    (&["experiments", "service_kind"], "a profile export of GenAI-Perf", "aiperf"),
    (&["request_id", "call_type", "spend"], "a spend log of LiteLLM", "litellm"),
    (&["request_id", "startTime", "spend"], "a spend log of LiteLLM", "litellm"),
    (&["id", "startTime", "response_cost"], "a standard log of LiteLLM", "litellm"),
    (&["generation_id", "created_at"], "activity of OpenRouter", "openrouter"),
    (&["tokens_prompt", "created_at"], "activity of OpenRouter", "openrouter"),
    (&["input_lens", "ttfts"], "a detailed result of vLLM's benchmark", "vllm-bench"),
    (&["resourceSpans"], "OpenTelemetry spans (OTLP)", "otlp"),
    (&["traceId", "spanId"], "an OpenTelemetry span", "otlp"),
    (&["trace_id", "span_id"], "an OpenTelemetry span", "otlp"),
    (&["event", "request", "timestamp"], "a record of Dynamo's request trace", "dynamo"),
    (&["schema", "event_type", "request"], "a record of Dynamo's request trace", "dynamo"),
    (&["event", "timestamp"], "a record of Dynamo's request trace", "dynamo"),
    (&["request_time", "status"], "an access log of nginx in JSON", "nginx"),
    (&["upstream_response_time"], "an access log of nginx in JSON", "nginx"),
    (&["request", "status", "duration", "ts"], "an access log of Caddy", "caddy"),
    (&["observations", "sessionId", "timestamp"], "a trace of Langfuse", "langfuse"),
    (&["traceId", "completionStartTime", "startTime"], "an observation of Langfuse", "langfuse"),
    (&["input_length", "output_length"], "a Mooncake trace without `timestamp`", "mooncake"),
    (&["input_length", "delay"], "a Mooncake trace without `timestamp`", "mooncake"),
];

fn of_record(record: &Map<String, Value>, has_more: bool) -> Option<Looks> {
    let has = |keys: &[&str]| keys.iter().all(|key| record.contains_key(*key));
    if let Some((_, is, section)) = RECORDS.iter().find(|(keys, ..)| has(keys)) {
        return Some(recipe(is, section));
    }
    let own = [
        (has(&["stickysim", "figures"]) || has(&["scenario", "replications"]), "a result of stickysim", RUN),
        (has(&["accounts", "workload"]) || has(&["accounts", "gateway"]), "a scenario", RUN),
        (
            has(&["request_throughput", "mean_ttft_ms"]),
            "a summary of a benchmark of vLLM or SGLang without its requests",
            "run it again with --save-detailed or --output-details: see docs/guide/other-logs.md#vllm-bench",
        ),
        (has(&["daily", "totals"]), "a summary of ccusage, which has no requests", SUMMARY),
        (has(&["root_group", "metrics"]), "a summary of k6, which has no requests", SUMMARY),
        (has(&["log"]) && record["log"].get("entries").is_some(), "a HAR file", GENERAL),
        (has(&["custom_id", "body"]), "a batch of OpenAI requests, which has no times", NO_TIMES),
        (has(&["conversations"]) || has(&["messages"]), "conversations without times", NO_TIMES),
        (has(&["log", "stream"]), "a log of Docker's json-file driver: lines of text in JSON", UNWRAP),
        (has(&["__REALTIME_TIMESTAMP"]), "a journal of systemd in JSON", UNWRAP),
        (has(&["msg"]) && has(&["level"]), "a program's own log in JSON", GENERAL),
    ];
    if let Some((_, is, remedy)) = own.iter().find(|&&(fits, ..)| fits) {
        return Some(looks(is, remedy));
    }
    if let Some(page) = record.get("data").and_then(Value::as_array) {
        let first = page.first().and_then(Value::as_object);
        let is_spend =
            first.is_some_and(|row| row.contains_key("completionStartTime") && row.contains_key("startTime"));
        if is_spend {
            return Some(recipe("a page of LiteLLM's spend logs", "litellm"));
        }
    }
    let ours = ["session", "input_tokens", "output_tokens", "ttft_ms", "recorded"];
    if ours.iter().any(|key| record.contains_key(*key)) {
        return Some(looks("a trace of ours without times", "give each record `at_s` (seconds) or `at` (a date)"));
    }
    let keys: Vec<String> = record.keys().take(12).map(|key| format!("`{}`", shown(key, 40))).collect();
    let kind = if has_more { "JSON lines with the keys" } else { "one JSON object with the keys" };
    (!keys.is_empty()).then(|| looks(&format!("{kind} {}", keys.join(", ")), GENERAL))
}

const GENERAL: &str = "docs/guide/other-logs.md says how to make a trace of such a log";
const RUN: &str = "give the trace that it was made with; `stickysim run` takes scenarios";
const SUMMARY: &str = "a trace needs a line for each request: see docs/guide/other-logs.md";
const NO_TIMES: &str = "a trace needs the time of each request: see docs/guide/other-logs.md";
const UNWRAP: &str = "take the text out of it first: jq -r .log or .MESSAGE";

/// An object over many lines, of which only the beginning is at hand, by keys in it.
fn of_keys(text: &str) -> Option<Looks> {
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    let all = |keys: &[&str]| keys.iter().all(|key| has(key));
    if has("benchmarks") {
        return Some(recipe("a report of guidellm", "guidellm"));
    }
    if let Some((_, is, section)) = RECORDS.iter().find(|(keys, ..)| all(keys)) {
        return Some(recipe(is, section));
    }
    if all(&["root_group", "metrics"]) {
        return Some(looks("a summary of k6, which has no requests", SUMMARY));
    }
    Some(looks("one JSON object over many lines", GENERAL))
}

fn of_list(text: &str) -> Looks {
    if text.contains("\"Request Count\"") || text.contains("\"num_requests\"") {
        return looks("a summary of locust, which has no requests", SUMMARY);
    }
    let is_otlp = text.contains("\"traceId\"") || text.contains("\"trace_id\"");
    if is_otlp {
        return recipe("a list of OpenTelemetry spans", "otlp");
    }
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    if let Some((_, is, section)) = RECORDS.iter().find(|(keys, ..)| keys.iter().all(|key| has(key))) {
        return recipe(&format!("a list of records, each {is}"), section);
    }
    if text.contains("\"conversations\"") {
        return looks("conversations (ShareGPT) without times", NO_TIMES);
    }
    looks(
        "one JSON list",
        "write one record a line: jq -c '.[]' FILE; docs/guide/other-logs.md says which keys it needs",
    )
}

/// Headers of CSV files by columns of theirs, in lower case.
const HEADERS: [(&[&str], &str, &str); 15] = [
    (&["arrival_time_us"], "a BLIS TraceV2", "blis"),
    (&["request_id", "arrival_time", "prompt_tokens"], "a BLIS TraceV2", "blis"),
    (&["generation_id", "created_at"], "activity of OpenRouter", "openrouter"),
    (&["created_at", "tokens_prompt"], "activity of OpenRouter", "openrouter"),
    (&["request_id", "call_type", "spend"], "a spend log of LiteLLM", "litellm"),
    (&["starttime", "endtime", "spend"], "a spend log of LiteLLM", "litellm"),
    (&["type", "name", "request count"], "a summary of locust, which has no requests", ""),
    (&["timestamp", "elapsed", "label"], "a result of JMeter", "general"),
    (&["metric_name", "timestamp", "metric_value"], "the points of k6", "general"),
    (&["arrived_at", "num_prefill_tokens"], "a trace of Vidur", "columns"),
    (&["arrival_timestamp", "prompt_size", "token_size"], "a trace of Splitwise's simulator", "columns"),
    (&["launch_time", "ttft", "generation_tokens"], "a summary of LMCache's multi-round benchmark", "columns"),
    (&["request_created_at", "delay_ms"], "an export of Helicone", "columns"),
    (&["created_at", "token_name", "channel_id"], "the logs of one-api or new-api", "columns"),
    (&["num_model_requests", "start_time"], "a usage export of OpenAI, summed over requests", ""),
];

fn of_lines(text: &str) -> Option<Looks> {
    if text.starts_with("# HELP") || text.starts_with("# TYPE") {
        return Some(looks("metrics of Prometheus, which have no requests", SUMMARY));
    }
    let line = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'))?;
    let lower = line.to_ascii_lowercase();
    if is_access_log(line) {
        return Some(recipe("an access log of nginx or the like", "nginx"));
    }
    if lower.contains("sticky_escape") || lower.contains("[openai") {
        return Some(looks("the gateway's own log, which has its escapes and not its requests", GATEWAY));
    }
    for (separator, name) in [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")] {
        if line.matches(separator).count() >= 2 && !line.contains(',') {
            return Some(looks(&format!("CSV with {name} between its fields"), "write it with commas"));
        }
    }
    let columns: Vec<&str> = lower.split(',').map(|name| name.trim().trim_matches('"')).collect();
    if columns.len() < 2 {
        let is_yaml = text.lines().take(20).any(|line| line.starts_with("accounts:") || line.starts_with("gateway:"));
        return is_yaml.then(|| looks("a scenario or a config in YAML", RUN));
    }
    let has = |names: &[&str]| names.iter().all(|name| columns.contains(name));
    if let Some((_, is, section)) = HEADERS.iter().find(|(names, ..)| has(names)) {
        return Some(if section.is_empty() { looks(is, SUMMARY) } else { recipe(is, section) });
    }
    let ours = ["session", "input_tokens", "output_tokens", "ttft_ms", "duration_ms"];
    let is_time = |name: &&str| ["time", "date", "_at", "_ts"].iter().any(|part| name.contains(part)) || *name == "ts";
    if ours.iter().any(|name| columns.contains(name))
        && !columns.iter().any(|name| !ours.contains(name) && is_time(name))
    {
        return Some(looks("a trace of ours without times", "give it a column `at_s` (seconds) or `at` (a date)"));
    }
    let looks_like_header =
        columns.iter().all(|name| !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()));
    if looks_like_header {
        let names: Vec<String> = columns.iter().take(12).map(|name| format!("`{}`", shown(name, 40))).collect();
        return Some(looks(&format!("CSV with the columns {}", names.join(", ")), GENERAL));
    }
    None
}

const GATEWAY: &str = "export its requests (docs/guide/calibrate.md); give this file to calibrate as --escape-log";

/// `1.2.3.4 - - [10/Oct/2025:13:55:36 +0000] "POST /v1 HTTP/1.1" 200 ...`
fn is_access_log(line: &str) -> bool {
    // nginx, Apache and Traefik begin with the client, Envoy with the time
    let Some(rest) = line.strip_prefix('[').or_else(|| line.split_once(" [").map(|(_, rest)| rest)) else {
        return false;
    };
    let Some((date, rest)) = rest.split_once("] \"") else { return false };
    date.matches(':').count() >= 2 && rest.contains(" HTTP/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_text_are_named() {
        for (bytes, is) in [
            (&b"PK\x03\x04\x14\0"[..], "Excel"),
            (b"PAR1\x15", "Parquet"),
            (b"\xfd7zXZ\0\0", "xz"),
            (b"\xff\xfea\0", "UTF-16"),
            (b"a,b\0c", "no text"),
        ] {
            assert!(of_bytes(bytes).is_some_and(|found| found.is.contains(is)), "{is}");
        }
        let mut tar = vec![b'x'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(of_bytes(&tar).is_some_and(|found| found.is.contains("tar")));
        assert_eq!(of_bytes(b"at_s,session\n0,a\n"), None);
    }

    #[test]
    fn what_is_shown_of_a_file_does_not_steer_the_terminal() {
        assert_eq!(shown("\u{1b}]0;x\u{7}é\u{202e}", 20), "\\u{1b}]0;x\\u{7}é\\u{202e}");
        assert_eq!(shown("abcdef", 3), "abc...");
    }

    #[test]
    fn logs_of_others_are_named_with_their_recipe() {
        let named = |text: &str| of_text(text).map_or(String::new(), |found| format!("{}; {}", found.is, found.remedy));
        for (text, is, remedy) in [
            ("{\"metadata\": {}, \"benchmarks\": []}", "guidellm", "#guidellm"),
            ("{\n \"metadata\": {},\n \"benchmarks\": [\n", "guidellm", "#guidellm"),
            ("{\"metadata\":{},\"metrics\":{}}\n{}", "AIPerf", "#aiperf"),
            ("{\"request_id\":\"a\",\"call_type\":\"b\",\"spend\":0}", "LiteLLM", "#litellm"),
            ("{\"input_lens\":[],\"ttfts\":[]}", "vLLM", "#vllm-bench"),
            ("{\"resourceSpans\":[]}", "OTLP", "#otlp"),
            ("1.2.3.4 - - [10/Oct/2025:13:55:36 +0000] \"POST /v1 HTTP/1.1\" 200 5", "nginx", "#nginx"),
            ("generation_id,created_at,cost_total\n", "OpenRouter", "#openrouter"),
            ("[{\"a\": 1}]", "one JSON list", "jq -c"),
            ("time;session;tokens\n", "semicolons", "commas"),
            ("session,input_tokens\n", "without times", "at_s"),
            ("foo,bar\n1,2\n", "`foo`, `bar`", "other-logs"),
            (
                "[2026-04-15T20:17:00.310Z] \"POST /v1 HTTP/2\" 204 - 154 0 226 100 \"10.0.35.28\"",
                "access log",
                "#nginx",
            ),
            ("{\"ts\":1.5,\"request\":{},\"duration\":0.1,\"status\":200}", "Caddy", "#caddy"),
            ("{\"id\":\"a\",\"timestamp\":\"t\",\"sessionId\":null,\"observations\":[]}", "Langfuse", "#langfuse"),
            ("{\"data\":[{\"startTime\":\"a\",\"completionStartTime\":null}]}", "spend logs", "#litellm"),
            ("{\"request_throughput\":1,\"mean_ttft_ms\":2}", "without its requests", "--save-detailed"),
            ("arrived_at,num_prefill_tokens,num_decode_tokens\n", "Vidur", "#columns"),
            ("start_time,end_time,num_model_requests,input_tokens\n", "summed over requests", "other-logs"),
            ("timestamp_ms,prompt_tokens,output_tokens\n", "`timestamp_ms`", "other-logs"),
            ("# HELP a b\n", "Prometheus", "other-logs"),
            ("{\"root_group\":{},\"metrics\":{}}", "k6", "other-logs"),
        ] {
            let said = named(text);
            assert!(said.contains(is) && said.contains(remedy), "{text}: {said}");
        }
        assert_eq!(of_text("nothing at all"), None);
    }
}
