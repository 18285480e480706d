//! How often `tune` finds what a brute-force grid finds, and how often it recommends a change where there is none to make.
//!
//! The program itself is asked, as its users ask it; the truth comes from many replications of every value of a grid.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use stickysim::experiment::replicate::Threads;

use crate::model::{FIGURES, Model};

/// The key, its range as the search gets it, and the values whose truth is measured.
const KEY: &str = "sticky_escape_ttft_ms";
const RANGE: &str = "2000:40000:log:12";
const GRID: [u64; 12] = [2_000, 2_626, 3_448, 4_528, 5_945, 7_807, 10_251, 13_461, 17_676, 23_210, 30_478, 40_000];
/// What is made small.
const OBJECTIVE: &str = "sessions.worst_ttft_ms.p95";
/// Replications by which the truth is known, on seeds that no search sees.
const TRUTH: u64 = 200;

/// A case: how the pool is changed, and what is to be found out.
struct Case {
    name: &'static str,
    sets: &'static [&'static str],
}

const CASES: [Case; 3] = [
    Case { name: "as it stands (6 s), one account slow for 20 minutes", sets: &[] },
    Case { name: "threshold 40 s, one account slow for 20 minutes", sets: &["sticky_escape_ttft_ms=40000"] },
    Case { name: "as it stands, and nothing is ever slow", sets: &["conditions=[]"] },
];

/// What came of one case.
pub struct Search {
    pub name: String,
    /// The best value of the grid, and by what share what there is is worse.
    pub best_ms: u64,
    pub own_worse_by: f64,
    /// Searches, and how many of them recommend a change.
    pub searches: usize,
    pub changes: usize,
    /// Of those that recommend a change, how many recommend a value within 3 % of the best of the grid.
    pub near: usize,
    /// The mean by which what one is left with (the recommended value, or what there is) is worse than the best.
    pub left_with: f64,
}

/// Runs the searches; none where there is no program to ask.
pub fn measure(program: Option<&Path>, searches: u64, threads: &Threads) -> Result<Vec<Search>> {
    let Some(program) = program else { return Ok(Vec::new()) };
    CASES.iter().map(|case| of_case(program, case, searches, threads)).collect()
}

fn of_case(program: &Path, case: &Case, searches: u64, threads: &Threads) -> Result<Search> {
    let model = Model::open("tests/validity/pool.yaml", case.sets, threads)?;
    let place = FIGURES.iter().position(|path| *path == OBJECTIVE).context("the objective is not looked at")?;
    let mean = |model: &Model<'_>| -> Result<f64> {
        let runs = model.runs_from(100_000, 1, TRUTH)?;
        let values: Vec<f64> = runs.iter().flatten().filter_map(|row| row[place]).collect();
        ensure!(!values.is_empty(), "no run has the figure {OBJECTIVE}");
        Ok(values.iter().sum::<f64>() / values.len() as f64)
    };
    let own = mean(&model)?;
    let grid: Vec<f64> = GRID.iter().map(|ms| mean(&model.with(&format!("{KEY}={ms}"))?)).collect::<Result<_>>()?;
    let best = (0..GRID.len()).min_by(|&a, &b| grid[a].total_cmp(&grid[b])).unwrap_or(0);
    let worse = |value: f64| value / grid[best] - 1.0;
    let mut found = Search {
        name: case.name.to_owned(),
        best_ms: GRID[best],
        own_worse_by: worse(own),
        searches: searches as usize,
        changes: 0,
        near: 0,
        left_with: 0.0,
    };
    for seed in 1..=searches {
        let left_with = match recommended(program, case, seed)? {
            None => worse(own),
            Some(ms) => {
                let value = worse(mean(&model.with(&format!("{KEY}={ms}"))?)?);
                found.changes += 1;
                found.near += usize::from(value <= 0.03);
                value
            }
        };
        found.left_with += left_with / searches as f64;
    }
    Ok(found)
}

/// The value that a search recommends; `None` where it keeps what there is.
fn recommended(program: &Path, case: &Case, seed: u64) -> Result<Option<u64>> {
    let mut command = Command::new(program);
    command.args(["tune", "tests/validity/pool.yaml", "--vary", &format!("{KEY}={RANGE}")]);
    command.args(["--minimise", OBJECTIVE, "--seed", &seed.to_string(), "--output", "json"]);
    case.sets.iter().for_each(|set| {
        command.args(["--set", set]);
    });
    let output = command.output().with_context(|| format!("cannot start {}", program.display()))?;
    let document: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("tune gave no result: {}", String::from_utf8_lossy(&output.stderr)))?;
    if document["advice"] != "change" {
        return Ok(None);
    }
    let text = document["yaml"].as_str().context("a change without what to change")?;
    let line = text.lines().find_map(|line| line.trim().strip_prefix(KEY)?.strip_prefix(':'));
    let number = line.context("a change of another key")?.trim().trim_matches(['"', '\'']);
    Ok(Some(number.parse().with_context(|| format!("{number} is no value"))?))
}
