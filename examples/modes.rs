//! Measures the three modes on every shipped scenario, and writes the tables of docs/guide/modes.md: `make modes`.
//!
//! Exit status 0 when every run went through; 2 when one could not be run or the page could not be written.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use clap::Parser;
use serde_json::Value;

/// Measures the three modes on every shipped scenario.
#[derive(Parser)]
struct Options {
    /// The program to measure with.
    #[arg(long, default_value = "target/release/stickysim")]
    program: PathBuf,
    /// Folder of scenarios.
    #[arg(long, default_value = "scenarios")]
    scenarios: PathBuf,
    /// Replications of each run.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..))]
    replications: u32,
    /// Put the tables into this page; without it they are printed.
    #[arg(long)]
    write: Option<PathBuf>,
}

const MODES: [&str; 3] = ["legacy", "advanced", "weighted"];
/// The tables stand between these two lines of the page.
const BEGIN: &str = "<!-- begin of what `make modes` writes -->";
const END: &str = "<!-- end of what `make modes` writes -->";

/// A column: title, path of the figure, factor, decimals.
type Column = (&'static str, &'static str, f64, usize);

const TAILS: [Column; 4] = [
    ("felt TTFT p99, s", "/felt_ttft_ms/p99", 1e-3, 1),
    ("worst turn of a session p99, s", "/sessions/worst_ttft_ms/p99", 1e-3, 0),
    ("stuck sessions, %", "/sessions/stuck_ratio", 100.0, 2),
    ("failed requests, %", "/requests/failed", 100.0, 2),
];
const COSTS: [Column; 3] = [
    ("answered within the SLO, %", "/outcomes/goodput_ratio", 100.0, 2),
    ("cold turns, %", "/cost/cold_turn_ratio", 100.0, 2),
    ("price", "/cost/price", 1.0, 0),
];

/// What an operator of slow relays may try, and its name.
const REMEDIES: [(&str, &str); 13] = [
    ("legacy", "mode=legacy"),
    ("legacy, relays second by priority", "mode=legacy SECOND"),
    ("legacy, first output within 30 s", "mode=legacy FIRST"),
    ("advanced", "mode=advanced"),
    ("advanced, relays second by priority", "mode=advanced SECOND"),
    ("advanced, weight of TTFT 5", "mode=advanced TTFT"),
    ("advanced, `lb_top_k` 4", "mode=advanced lb_top_k=4"),
    ("advanced, relays second, `lb_top_k` 4", "mode=advanced SECOND lb_top_k=4"),
    ("advanced, first output within 30 s", "mode=advanced FIRST"),
    ("weighted", "mode=weighted"),
    ("weighted, weight of TTFT 5", "mode=weighted TTFT"),
    ("weighted, `lb_top_k` 4", "mode=weighted lb_top_k=4"),
    ("weighted, relays second, `lb_top_k` 4", "mode=weighted SECOND lb_top_k=4"),
];
const SECOND: &str = "accounts.5.priority=2 accounts.6.priority=2 accounts.7.priority=2";
const FIRST: &str = "openai_first_output_timeout_seconds=30";
const TTFT: &str = "scheduler_score_weights.ttft=5";

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let folder = &options.scenarios;
    let mut scenarios: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder of scenarios {}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    scenarios.sort();
    anyhow::ensure!(!scenarios.is_empty(), "{} holds no scenario", folder.display());
    let mut measured = Vec::new();
    for path in &scenarios {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for (place, mode) in MODES.into_iter().enumerate() {
            let setting = format!("mode={mode}");
            let head = vec![if place == 0 { name.clone() } else { String::new() }, mode.to_owned()];
            measured.push((head, measure(options, path, &[&setting])?));
            eprintln!("{name} {mode}");
        }
    }
    let mut text = format!(
        "Each shipped scenario in each mode, {} replications, with 95 % intervals. \
         The same seed gives every mode the same\ntraffic.\n\n    \
         stickysim run scenarios/NAME.yaml --set mode=MODE --replications {} --output json\n\n",
        options.replications, options.replications
    );
    text.push_str(&table(&["scenario", "mode"], &measured, &TAILS));
    text.push('\n');
    text.push_str(&table(&["scenario", "mode"], &measured, &COSTS));
    let relays = folder.join("slow-relays.yaml");
    if relays.exists() {
        let mut tried = Vec::new();
        for (name, settings) in REMEDIES {
            let settings = settings.replace("SECOND", SECOND).replace("TTFT", TTFT).replace("FIRST", FIRST);
            let settings: Vec<&str> = settings.split(' ').collect();
            tried.push((vec![name.to_owned()], measure(options, &relays, &settings)?));
            eprintln!("slow-relays, {name}");
        }
        let columns = [TAILS[0], TAILS[2], COSTS[0], COSTS[1], COSTS[2]];
        let _ = write!(
            text,
            "\nThe pool of `slow-relays` with remedies (accounts 5 to 7 are the relays):\n\n{}",
            table(&["how it is run"], &tried, &columns)
        );
    }
    match &options.write {
        None => println!("{text}"),
        Some(page) => put(page, &text)?,
    }
    Ok(())
}

/// Replaces what stands between the two lines of the page.
fn put(page: &Path, text: &str) -> Result<()> {
    let known = std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let marked = known.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = marked.with_context(|| format!("{} lacks the lines that say where", page.display()))?;
    let beside = page.with_extension("md.new");
    std::fs::write(&beside, format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))?;
    Ok(std::fs::rename(&beside, page)?)
}

/// The result of one scenario under settings.
fn measure(options: &Options, scenario: &Path, settings: &[&str]) -> Result<Value> {
    let mut command = Command::new(&options.program);
    command.arg("run").arg(scenario).args(["--output", "json", "--replications", &options.replications.to_string()]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.output().with_context(|| format!("cannot run {}", options.program.display()))?;
    let failure = || format!("{}: {}", scenario.display(), String::from_utf8_lossy(&output.stderr).trim());
    anyhow::ensure!(output.status.success(), failure());
    serde_json::from_slice(&output.stdout).with_context(failure)
}

fn table(head: &[&str], rows: &[(Vec<String>, Value)], columns: &[Column]) -> String {
    let titles: Vec<&str> = head.iter().copied().chain(columns.iter().map(|column| column.0)).collect();
    let mut text = format!("| {} |\n|{}\n", titles.join(" | "), " --- |".repeat(titles.len()));
    for (head, result) in rows {
        let cells: Vec<String> = columns.iter().map(|column| cell(result, column)).collect();
        let _ = writeln!(text, "| {} | {} |", head.join(" | "), cells.join(" | "));
    }
    text
}

/// A mean with its interval. Failed requests are counted: their share is that of the requests in the mean.
fn cell(result: &Value, &(_, path, factor, decimals): &Column) -> String {
    let Some(figure) = result.pointer(path).filter(|figure| figure.is_object()) else { return "-".to_owned() };
    let total = result.pointer("/requests/total/mean").and_then(Value::as_f64).filter(|total| *total > 0.0);
    let scale = if path == "/requests/failed" { factor / total.unwrap_or(1.0) } else { factor };
    let number = |key: &str| figure[key].as_f64().map(|value| format!("{:.decimals$}", value * scale));
    match (number("mean"), number("lo"), number("hi")) {
        (Some(mean), Some(lo), Some(hi)) => format!("{mean} ({lo} to {hi})"),
        (Some(mean), ..) => mean,
        (None, ..) => "no token".to_owned(),
    }
}
