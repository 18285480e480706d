//! The files in traces/ are what this test makes of a fixed seed, and every one reads from end to end.
//! To make them anew: `cargo test --release --test sample_traces -- --ignored`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use stickysim::calibrate::export::LogExport;
use stickysim::calibrate::{Agreement, Options, calibrate};
use stickysim::engine::{Distribution, Luck};
use stickysim::scenario::Document;
use stickysim::simulation::{lower, simulate_seen_by};
use stickysim::units::{Span, Time};
use stickysim::workload::config::{Limits, ReadConfig, SynthConfig, SynthTiming};
use stickysim::workload::replay::{Format, TraceReader};
use stickysim::workload::{Ending, Request, SynthWorkload, Workload};

const SEED: u64 = 20_260_101;
/// 2026-01-05T09:00:00Z, a Monday.
const EPOCH_S: u64 = 1_767_603_600;

/// One request, with latencies drawn for it.
struct Sample {
    at_s: f64,
    session: u64,
    turn: u32,
    input: u32,
    output: u32,
    ttft_s: f64,
    duration_s: f64,
    user: u32,
    /// One in twenty.
    fails: bool,
}

fn samples(agents: bool, count: u64) -> Vec<Sample> {
    let mut config = if agents { SynthConfig::agentic() } else { SynthConfig::chat() }.expect("valid presets");
    config.arrivals.rate_per_s = if agents { 1.0 / 90.0 } else { 0.2 };
    config.timing = SynthTiming::Open { service_s: Distribution::lognormal_p50_p90(4.0, 12.0).expect("valid") };
    config.limits = Limits { requests: Some(count), ..Limits::default() };
    config.users = 6;
    let luck = Luck::new(SEED);
    let mut workload = SynthWorkload::new(config, luck, Time::ZERO).expect("valid settings");
    let mut samples = Vec::new();
    while let Some(request) = workload.next().expect("no file") {
        samples.push(sample(&request, luck));
        workload.ended(&request, Ending { at: request.at, ok: true });
        while workload.retired().is_some() {}
    }
    samples
}

fn sample(request: &Request, luck: Luck) -> Sample {
    let mut stream = luck.stream(1, request.luck, 0);
    let ttft = Distribution::lognormal_p50_p90(1.3, 3.0).expect("valid").sample(&mut stream);
    let speed = Distribution::lognormal_p50_p90(58.0, 80.0).expect("valid").sample(&mut stream);
    let millis = |seconds: f64| libm::floor(seconds * 1_000.0) / 1_000.0;
    Sample {
        at_s: millis(request.at.since(Time::ZERO).secs()),
        session: request.session.map_or(0, |session| session.number),
        turn: request.turn,
        input: request.input_tokens,
        output: request.output_tokens,
        ttft_s: millis(ttft),
        duration_s: millis(ttft + f64::from(request.output_tokens) / speed),
        user: request.user.unwrap_or(0),
        fails: stream.chance(0.05),
    }
}

/// Seconds since the epoch as a date, with what stands between date and time and a number of digits in the fraction.
fn date(at_s: f64, between: char, digits: usize) -> String {
    let seconds = EPOCH_S + at_s as u64;
    let day = 5 + (seconds - EPOCH_S + 9 * 3_600) / 86_400;
    let of_day = (seconds - 1_767_571_200) % 86_400;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let millis = libm::floor((at_s - libm::floor(at_s)) * 1_000.0 + 0.5) as u64 % 1_000;
    let fraction = match digits {
        0 => String::new(),
        digits => format!(".{:0<digits$}", format!("{millis:03}")),
    };
    format!("2026-01-{day:02}{between}{hour:02}:{minute:02}:{second:02}{fraction}")
}

/// All sample files: name, format, requests, what is in it, text.
fn files() -> Vec<(&'static str, Format, u64, &'static str, String)> {
    let chat = samples(false, 60);
    let agents = samples(true, 60);
    let mut files = Vec::new();
    let mut add = |name, format, requests, what, text: String| files.push((name, format, requests, what, text));

    let mut text =
        String::from("# stickysim-trace 1\nat_s,session,user,input_tokens,output_tokens,ttft_ms,duration_ms,status\n");
    for s in &agents {
        let status = if s.fails { 502 } else { 200 };
        let (ttft, duration) = (s.ttft_s * 1e3, s.duration_s * 1e3);
        writeln!(
            text,
            "{},s{},u{},{},{},{ttft:.0},{duration:.0},{status}",
            s.at_s, s.session, s.user, s.input, s.output
        )
        .ok();
    }
    add("sample.csv", Format::NativeCsv, 60, "agents, with recorded latencies and a failure now and then", text);

    let mut text = String::from("{\"stickysim_trace\":1}\n");
    for s in &chat {
        let (ttft, end) = ((s.ttft_s * 1e6) as u64, (s.duration_s * 1e6) as u64);
        let bad =
            if s.fails { "{\"kind\":\"status\",\"status\":429,\"end_us\":40000,\"reset_after_s\":30}," } else { "" };
        writeln!(
            text,
            "{{\"at_s\":{},\"session\":\"s{}\",\"input_tokens\":{},\"output_tokens\":{},\"patience_ms\":60000,\
             \"attempts\":[{bad}{{\"kind\":\"ok\",\"ttft_us\":{ttft},\"end_us\":{end}}}]}}",
            s.at_s, s.session, s.input, s.output
        )
        .ok();
    }
    add(
        "sample.jsonl",
        Format::NativeJsonl,
        60,
        "chats with scripted attempts and patience, some with a 429 first",
        text,
    );

    let mut text = String::from("TIMESTAMP,ContextTokens,GeneratedTokens");
    for s in &chat {
        write!(text, "\r\n{},{},{}", date(s.at_s, ' ', 7), s.input, s.output).ok();
    }
    add("azure-llm-2023.csv", Format::AzureLlm2023, 60, "no sessions; CRLF, no line end after the last line", text);

    let mut text = String::from("TIMESTAMP,ContextTokens,GeneratedTokens\n");
    let mut last = 0.0;
    for (place, s) in chat.iter().enumerate() {
        // the fraction is left out where it is 0
        let whole = libm::floor(s.at_s);
        let (at, digits) = if place % 4 == 3 && whole >= last { (whole, 0) } else { (s.at_s, 6) };
        writeln!(text, "{}+00:00,{},{}", date(at, ' ', digits), s.input, s.output).ok();
        last = at;
    }
    add("azure-llm-2024.csv", Format::AzureLlm2024, 60, "no sessions; times with and without a fraction", text);

    let mut text = String::from("TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n");
    for s in &chat {
        writeln!(text, "{}Z,{},{},{}", date(s.at_s, 'T', 3), s.session % 3, s.input, s.output).ok();
    }
    add("azure-lmm-2024.csv", Format::AzureLmm2024, 60, "no sessions; some with images", text);

    let mut text = String::from("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n");
    for s in &chat {
        let (model, output) = (["ChatGPT", "GPT-4"][(s.session % 2) as usize], if s.fails { 0 } else { s.output });
        writeln!(text, "{},{model},{},{output},{},Conversation log", s.at_s as u64 + 5, s.input, s.input + output).ok();
    }
    add("burstgpt.csv", Format::BurstGpt, 60, "no sessions; two models, failures without response tokens", text);

    let mut text =
        String::from("Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n");
    for s in &chat {
        let session = if s.session.is_multiple_of(3) {
            String::new()
        } else {
            format!("00000000-0000-4000-8000-{:012x}", s.session)
        };
        let output = if s.fails { 0 } else { s.output };
        let log = if session.is_empty() { "API log" } else { "Conversation log" };
        let (elapsed, total) = (s.duration_s as u64, s.input + output);
        let at = s.at_s + 19_440_110.0;
        writeln!(text, "{at:.1},{session},{elapsed},ChatGPT,{},{output},{total},{log}", s.input).ok();
    }
    add("burstgpt-3.csv", Format::BurstGpt3, 60, "sessions, some blank; elapsed times; failures", text);

    let mut text = String::new();
    for s in &chat {
        let tick = (s.at_s / 3.0) as u64 * 3_000;
        let blocks: Vec<String> =
            (0..=s.input / 512).map(|block| (s.session * 1_000 + u64::from(block)).to_string()).collect();
        let blocks = blocks.join(", ");
        let (input, output) = (s.input, s.output);
        writeln!(text, "{{\"timestamp\": {tick}, \"input_length\": {input}, \"output_length\": {output}, \"hash_ids\": [{blocks}]}}").ok();
    }
    add("mooncake.jsonl", Format::Mooncake, 60, "no sessions; ticks of 3 s with ties", text);

    let mut text = String::new();
    for s in &chat {
        let clock = (604_700 + s.at_s as u64) % 604_800;
        writeln!(
            text,
            "{{\"timestamp\": \"{clock}\", \"input_length\": {}, \"output_length\": {}, \"hash_ids\": {{\"sys_prompt\": [1], \
             \"user_input\": [{}]}}, \"session_id\": \"{}-sample\"}}",
            s.input, s.output, s.turn, s.session
        )
        .ok();
    }
    text.push('\n');
    add("ragpulse.jsonl", Format::RagPulse, 60, "sessions; the clock starts again at 0 after 100 s", text);

    for (name, sessions, what, requests) in [
        ("weka/trace_0001.json", 0..2, "a session with a subagent, which is a session of its own", 0),
        ("weka/trace_0002.json", 2..3, "a session without", 0),
    ] {
        let mine: Vec<&Sample> = agents.iter().filter(|s| sessions.contains(&s.session)).collect();
        let start = mine.first().map_or(0.0, |s| libm::floor(s.at_s));
        let entry = |s: &Sample, from: f64, model: &str| {
            let output = if s.fails { 0 } else { s.output };
            let ttft = if s.turn.is_multiple_of(3) { format!(",\"ttft\":{}", s.ttft_s) } else { String::new() };
            let t = libm::floor(s.at_s - from);
            let (input, api) = (s.input, s.duration_s);
            format!(
                "{{\"t\":{t:.1},\"type\":\"s\",\"model\":\"{model}\",\"in\":{input},\"out\":{output},\"api_time\":{api}{ttft}}}"
            )
        };
        let main = mine.iter().filter(|s| s.session == sessions.start).map(|s| entry(s, start, "claude-opus-4-5"));
        let mut entries: Vec<String> = main.collect();
        let nested: Vec<&&Sample> = mine.iter().filter(|s| s.session != sessions.start).collect();
        if let Some(first) = nested.first() {
            let from = libm::floor(first.at_s);
            let inner: Vec<String> = nested.iter().map(|s| entry(s, from, "claude-haiku-4-5")).collect();
            let (t, inner) = (from - start, inner.join(","));
            entries.push(format!(
                "{{\"t\":{t:.3},\"type\":\"subagent\",\"agent_id\":\"agent_001\",\"requests\":[{inner}]}}"
            ));
        }
        let id = name.trim_start_matches("weka/").trim_end_matches(".json");
        let text = format!("{{\"id\":\"{id}\",\"block_size\":64,\"requests\":[{}]}}", entries.join(","));
        add(name, Format::Weka, requests + mine.len() as u64, what, text);
    }

    let mut text = String::new();
    let mut last_chat = std::collections::BTreeMap::new();
    for (place, s) in chat.iter().enumerate() {
        // the first ten are as if cut off: their followers' parents are missing
        let parent = last_chat.insert(s.session, place as i64).filter(|_| s.turn > 0).unwrap_or(-1);
        if place < 10 {
            continue;
        }
        writeln!(
            text,
            "{{\"chat_id\": {place}, \"parent_chat_id\": {parent}, \"timestamp\": {}, \"input_length\": {}, \"output_length\": \
             {}, \"type\": \"text\", \"turn\": {}, \"hash_ids\": [{}]}}",
            s.at_s,
            s.input,
            s.output,
            s.turn + 1,
            s.session
        )
        .ok();
    }
    add("qwen.jsonl", Format::Qwen, 50, "chains of chats, some of whose parents are missing", text);

    let mut text = String::new();
    let line = |at: f64, kind: &str, payload: &str| {
        format!("{{\"timestamp\":\"{}Z\",\"type\":\"{kind}\",\"payload\":{{{payload}}}}}\n", date(at, 'T', 3))
    };
    let turns = |session: u64| agents.iter().filter(|s| s.session == session).count();
    let longest = agents.iter().map(|s| s.session).max_by_key(|&session| turns(session)).unwrap_or(0);
    let mine: Vec<&Sample> = agents.iter().filter(|s| s.session == longest).collect();
    let mut total = 0;
    for (place, s) in mine.iter().enumerate() {
        if place == 0 {
            text += &line(
                s.at_s - 1.0,
                "session_meta",
                "\"id\":\"01900000-0000-7000-8000-000000000001\",\"originator\":\"sample\"",
            );
            text += &line(s.at_s - 0.5, "turn_context", "\"model\":\"gpt-5\"");
        }
        let end = s.at_s + s.duration_s;
        total += s.input + s.output;
        text += &line(s.at_s, "event_msg", &format!("\"type\":\"task_started\",\"turn_id\":\"t{place}\""));
        text += &line(
            end,
            "event_msg",
            &format!(
                "\"type\":\"token_count\",\"info\":{{\"last_token_usage\":{{\"input_tokens\":{},\"cached_input_tokens\":0,\
                 \"output_tokens\":{}}},\"total_token_usage\":{{\"total_tokens\":{total}}}}}",
                s.input, s.output
            ),
        );
        let error = if s.fails { ",\"error\":{\"codex_error_info\":\"server_overloaded\"}" } else { "" };
        let (started, completed) = (EPOCH_S + s.at_s as u64, EPOCH_S + end as u64);
        let (duration, ttft) = ((s.duration_s * 1e3) as u64, (s.ttft_s * 1e3) as u64);
        text += &line(
            end,
            "event_msg",
            &format!(
                "\"type\":\"task_complete\",\"turn_id\":\"t{place}\",\"started_at\":{started},\"completed_at\":{completed},\
                 \"duration_ms\":{duration},\"time_to_first_token_ms\":{ttft}{error}"
            ),
        );
    }
    add("codex-rollout.jsonl", Format::Codex, mine.len() as u64, "one session's turns", text);
    files
}

/// A pool with an account that is ten times slower for twenty minutes, from which sessions escape.
const POOL: &str = "name: sample\nepoch: 2026-01-05T09:00:00Z\ngroup_id: 1\nduration: 80m\ngateway: {openai_scheduler: \
     {sticky_escape_ttft_ms: 6000}}\naccount_defaults:\n  concurrency: 5\n  ttft: {lognormal: {p50: 1200ms, p90: 2800ms}}\n  \
     decode: {time: {exponential: {mean: 5s}}}\n  prompt_cache: {ttl: 5m, block_tokens: 128, min_tokens: 1024}\naccounts: \
     [{count: 3}]\nconditions:\n  - {name: slow, accounts: [2], when: {scheduled: {at: 35m, for: 20m}}, effect: \
     {ttft_factor: 10}}\nworkload:\n  synth:\n    sessions_per_hour: 75\n    turns: {geometric: {mean: 9}}\n    think_time: \
     {lognormal: {p50: 20s, p90: 90s}}\n    input_tokens: {start: {lognormal: {p50: 6000, p90: 15000}}, growth: {exponential: \
     {mean: 600}}, compaction_probability: 0}\n";

/// The files that the gateway of this pool would have left: name, what it is, text. They are made by simulating it: a
/// newer program makes others, so that they are not compared with what it makes.
fn gateway_files() -> Vec<(&'static str, &'static str, String)> {
    let document = Document::parse(POOL, Path::new("pool.yaml"), Path::new(".")).expect("a scenario");
    let lowered = lower(&document.resolve(&[]).expect("valid").scenario).expect("complete");
    let ids: Vec<i64> = (1..=lowered.accounts.len() as i64).collect();
    let export = LogExport::new(ids.clone(), Some(1), |_| "gpt-5".to_owned());
    let (_, export) = simulate_seen_by(&lowered, 5, export).expect("a run");
    let snapshot = ids.iter().fold(String::new(), |text, id| {
        text + &format!(
            "{{\"account_id\": {id}, \"platform\": \"openai\", \"type\": \"apikey\", \"status\": \"active\", \"schedulable\": true, \
             \"concurrency\": 5, \"priority\": 1, \"groups\": [1]}}\n"
        )
    });
    // other lines stand between the escapes, and docker compose puts its name before each
    let start = lowered.start.unix_nanos() / 1_000_000;
    let mut lines: Vec<String> = export.escapes.lines().map(str::to_owned).collect();
    for minute in 0..80 {
        let at = jiff::Timestamp::from_millisecond((start + minute * 60_000) as i64).expect("a time");
        lines.push(format!("{{\"level\":\"INFO\",\"time\":\"{at}\",\"msg\":\"pool checked\",\"accounts\":3}}"));
    }
    let time = |line: &String| line.split("\"time\":\"").nth(1).and_then(|rest| rest.get(..19)).map(str::to_owned);
    lines.sort_by_key(time);
    let log = lines.iter().fold(String::new(), |text, line| text + "sub2api-1  | " + line + "\n");
    let config = "# The gateway's own config.yaml: what stickysim reads of it.\ngateway:\n  openai_scheduler:\n    \
                  sticky_escape_enabled: true\n    sticky_escape_ttft_ms: 6000\n";
    vec![
        ("gateway-log.jsonl", "requests, ordered by completion as the gateway exports them", export.lines()),
        ("accounts.jsonl", "the account snapshot of the same gateway", snapshot),
        ("gateway.log", "its own log with its escapes, as docker compose prints it", log),
        ("config.yaml", "its configuration", config.to_owned()),
    ]
}

fn readme() -> String {
    let mut text = String::from(
        "# Sample traces\n\nSynthetic: made by `tests/sample_traces.rs` from a fixed seed, in the shapes of the real formats \
         (docs/reference/trace-format.md). Small, for\ntrying things out and for tests. Nothing in them comes from a real trace.\n\n\
         | file | format | requests | what is in it |\n| --- | --- | --- | --- |\n",
    );
    for (name, format, requests, what, _) in files() {
        writeln!(text, "| `{name}` | {} | {requests} | {what} |", format.name()).ok();
    }
    text.push_str(
        "\n## What a gateway leaves\n\nThe log of a small gateway (three accounts, one of them slow for twenty minutes) with all that \
         belongs to it, made by\nsimulating it, long enough for a verdict:\n\n    stickysim calibrate traces/gateway-log.jsonl --accounts \
         traces/accounts.jsonl --escape-log traces/gateway.log --gateway-config traces/config.yaml --out calibrated\n    stickysim \
         tune calibrated/scenario.yaml --vary sticky_escape_ttft_ms=2000:40000:log\n\n| file | what it is |\n| --- | --- |\n",
    );
    for (name, what, _) in gateway_files() {
        writeln!(text, "| `{name}` | {what} |").ok();
    }
    text
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("traces")
}

#[test]
fn the_sample_files_are_what_their_maker_makes() {
    let made = files().into_iter().map(|(name, .., text)| (name, text)).chain([("README.md", readme())]);
    for (name, text) in made {
        let there = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(there == text, "traces/{name} differs: make it anew (see the head of this file)");
    }
}

#[test]
fn every_sample_file_reads_from_end_to_end_in_its_format() {
    let read = |path: PathBuf| {
        let config = ReadConfig { path, ..ReadConfig::default() };
        let mut reader = TraceReader::open(&config, Luck::new(1)).expect("a sample");
        let rows: Vec<_> = reader.by_ref().map(|row| row.expect("a good row")).collect();
        (reader.format(), rows, reader.notes())
    };
    for (name, format, requests, ..) in files() {
        let (found, rows, _) = read(folder().join(name));
        assert_eq!((found, rows.len() as u64), (format, requests), "{name}");
        assert!(
            rows.is_sorted_by_key(|row| row.at) && rows.last().is_some_and(|row| row.at > Span::from_secs(10)),
            "{name}"
        );
        assert!(rows.iter().any(|row| row.input_tokens > 0), "{name}");
    }
    let (_, _, notes) = read(folder().join("ragpulse.jsonl"));
    assert!(notes.iter().any(|note| note.contains("a week was added")), "{notes:?}");
    let (_, _, notes) = read(folder().join("qwen.jsonl"));
    assert!(notes.iter().any(|note| note.contains("the trace does not have")), "{notes:?}");
    let (found, rows, _) = read(folder().join("weka"));
    let sessions: std::collections::BTreeSet<_> = rows.iter().map(|row| row.session.clone()).collect();
    assert_eq!((found, sessions.len()), (Format::Weka, 3));
}

#[test]
#[ignore = "writes the sample files"]
fn write_the_sample_files() {
    std::fs::create_dir_all(folder().join("weka")).expect("a folder");
    for (name, .., text) in files() {
        std::fs::write(folder().join(name), text).expect("written");
    }
    for (name, _, text) in gateway_files() {
        std::fs::write(folder().join(name), text).expect("written");
    }
    std::fs::write(folder().join("README.md"), readme()).expect("written");
}

#[test]
fn what_a_gateway_leaves_belongs_together_and_is_enough_for_a_verdict() {
    let out = std::env::temp_dir().join(format!("stickysim-samples-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&out);
    let options = Options {
        log: folder().join("gateway-log.jsonl"),
        format: None,
        accounts: Some(folder().join("accounts.jsonl")),
        escape_log: vec![folder().join("gateway.log")],
        gateway_config: Some(folder().join("config.yaml")),
        sets: Vec::new(),
        against: None,
        out: out.clone(),
        force: false,
        tolerance: 0.1,
        replications: 40,
        limits: stickysim::calibrate::spans::Limits::default(),
        seed: 1,
    };
    let calibrated = calibrate(&options, &stickysim::experiment::replicate::threads(0).unwrap()).unwrap();
    let said = stickysim::calibrate::report::summary(&calibrated);
    assert_eq!(calibrated.verdict, Agreement::Agrees, "{said}");
    assert!(
        calibrated.input.escapes.as_ref().is_some_and(|escapes| escapes.is_complete && escapes.all.len() > 20),
        "{said}"
    );
    assert_eq!(calibrated.fit.slow.len(), 1, "{:?}", calibrated.fit.slow);
    std::fs::remove_dir_all(out).unwrap();
}
