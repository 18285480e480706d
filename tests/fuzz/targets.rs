//! What reads input, each with a corpus of good inputs.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use stickysim::calibrate::gateway_log;
use stickysim::engine::Luck;
use stickysim::experiment::criterion::Criterion;
use stickysim::experiment::journal::Header;
use stickysim::experiment::vary::Axis;
use stickysim::measure::figures::registry;
use stickysim::report::result::Loaded;
use stickysim::scenario::{Document, Set};
use stickysim::simulation::lower;
use stickysim::workload::ReadConfig;
use stickysim::workload::replay::TraceReader;

/// Something that reads input.
pub struct Target {
    pub name: &'static str,
    /// Good inputs.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// Reads one input; errors are fine.
    pub run: fn(&[u8]),
    /// How many inputs `make test` tries.
    pub quick: u64,
}

pub const TARGETS: &[Target] = &[
    Target { name: "scenario", corpus: scenarios, run: scenario, quick: 1_500 },
    Target { name: "set", corpus: settings, run: set, quick: 1_500 },
    Target { name: "vary", corpus: axes, run: vary, quick: 3_000 },
    Target { name: "criterion", corpus: criteria, run: criterion, quick: 3_000 },
    Target { name: "trace", corpus: traces, run: trace, quick: 2_000 },
    Target { name: "gateway-log", corpus: logs, run: log, quick: 500 },
    Target { name: "result", corpus: results, run: result, quick: 500 },
];

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The first bytes, whole lines, of all files in these folders with one of these endings.
fn files(folders: &[&str], endings: &[&str], most: usize) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(home().join(folder)).expect("a folder of the project").flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().and_then(|ending| ending.to_str()).is_some_and(|e| endings.contains(&e)))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no files in {folders:?}");
    paths.iter().map(|path| head(&std::fs::read(path).expect("a file of the project"), most)).collect()
}

fn head(bytes: &[u8], most: usize) -> Vec<u8> {
    let cut = &bytes[..bytes.len().min(most)];
    let end = if cut.len() < bytes.len() {
        cut.iter().rposition(|byte| *byte == b'\n').map_or(cut.len(), |at| at + 1)
    } else {
        cut.len()
    };
    cut[..end].to_vec()
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Reads `input` from a file of this thread's own, since most readers take a path.
fn with_file(input: &[u8], read: impl FnOnce(&Path)) {
    thread_local! {
        static FILE: OnceLock<Scratch> = const { OnceLock::new() };
    }
    FILE.with(|file| {
        let file = file.get_or_init(Scratch::new);
        std::fs::write(&file.0, input).expect("a temporary file");
        read(&file.0);
    });
}

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let thread = format!("{:?}", std::thread::current().id());
        let name: String = thread.chars().filter(char::is_ascii_alphanumeric).collect();
        Self(std::env::temp_dir().join(format!("stickysim-fuzz-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn scenarios() -> Vec<Vec<u8>> {
    let mut all = files(&["scenarios"], &["yaml"], 1 << 16);
    all.extend(texts(&[
        "accounts: [{count: 3, concurrency: 4, ttft: {lognormal: {p50: 1s, p90: 3s}}}]\nworkload: {synth: {preset: chat}}\n",
        "accounts:\n  - {id: 7, models: [a, b], limits: {requests_per_minute: 4}}\nworkload: {replay: {path: t.csv}}\n",
        "duration: 1h\nconditions:\n  - {name: x, accounts: [1], when: {markov: {healthy: 1h, degraded: 5m}}, effect: {ttft_add: 3s}}\n",
    ]));
    all
}

fn scenario(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(document) = Document::parse(text, Path::new("fuzz.yaml"), Path::new("")) else { return };
    let Ok(loaded) = document.resolve(&[]) else { return };
    let _ = lower(&loaded.scenario);
}

fn settings() -> Vec<Vec<u8>> {
    texts(&[
        "sticky_escape_ttft_ms=8000",
        "gateway.openai_ws.lb_top_k=3",
        "accounts[0].ttft={lognormal: {p50: 1s, sigma: 2}}",
        "conditions.slow.effect.ttft_factor=4",
        "workload.synth.sessions_per_hour=100",
        "duration=1h",
    ])
}

fn set(input: &[u8]) {
    static BASE: OnceLock<Document> = OnceLock::new();
    let base = BASE.get_or_init(|| {
        let path = home().join("scenarios/slow-account.yaml");
        Document::read(&path).expect("a shipped scenario")
    });
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(set) = Set::parse(text) else { return };
    let Ok(loaded) = base.resolve(&[set]) else { return };
    let _ = lower(&loaded.scenario);
}

fn axes() -> Vec<Vec<u8>> {
    texts(&[
        "sticky_escape_ttft_ms=1000:60000:log:25",
        "lb_top_k=1,3,7",
        "a.b=0:1:lin:5",
        "x=5s:1h:log",
        "y=true,false",
    ])
}

fn vary(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = Axis::parse(text);
}

fn criteria() -> Vec<Vec<u8>> {
    texts(&[
        "felt_ttft_ms.p99 > +5%",
        "sessions.stuck > 3",
        "cost.price >= +0.5",
        "goodput.ratio < -1pp",
        "escapes.total != 0",
    ])
}

fn criterion(input: &[u8]) {
    static PATHS: OnceLock<Vec<&'static str>> = OnceLock::new();
    let paths = PATHS.get_or_init(|| registry::RUN.iter().map(|meta| meta.path).collect());
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = Criterion::parse(text, paths);
}

fn traces() -> Vec<Vec<u8>> {
    files(&["traces", "traces/weka"], &["csv", "jsonl", "json"], 6_000)
}

fn trace(input: &[u8]) {
    with_file(input, |path| {
        let config = ReadConfig { path: path.to_path_buf(), skip_bad_lines: 3, ..ReadConfig::default() };
        let Ok(mut reader) = TraceReader::open(&config, Luck::new(1)) else { return };
        while let Ok(Some(_)) = reader.next_row() {}
        let _ = reader.notes();
    });
}

fn logs() -> Vec<Vec<u8>> {
    vec![head(&std::fs::read(home().join("traces/gateway-log.jsonl")).expect("the sample log"), 8_000)]
}

fn log(input: &[u8]) {
    with_file(input, |path| {
        let _ = gateway_log::read(path);
    });
}

fn results() -> Vec<Vec<u8>> {
    let mut all = texts(&[
        "{\"schema_version\":1,\"stickysim\":{\"version\":\"0.1.0\"}}",
        "{\"journal\":1,\"fingerprint\":\"00\",\"cells\":3}\n{\"cell\":0,\"result\":{}}\n",
        "[]",
    ]);
    all.extend(files(&["tests/snapshots"], &["snap"], 1 << 15).into_iter().map(|snapshot| {
        let start = snapshot.iter().position(|byte| *byte == b'{').unwrap_or(0);
        snapshot[start..].to_vec()
    }));
    all
}

fn result(input: &[u8]) {
    with_file(input, |path| {
        let _ = Loaded::read(path, &[]);
        let _ = Header::read(path);
    });
}
