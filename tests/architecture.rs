//! The rooms of the house and who may know whom (README, "Inside"): reads the `use` lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every room with the rooms that it may name, as `crate::room` in its sources. Arrows run downwards only.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("ids", &[]),
    ("files", &[]),
    ("engine", &["units"]),
    ("scheduler", &["units", "ids", "engine::IdMap"]),
    ("workload", &["units", "ids", "files", "engine"]),
    ("upstream", &["units", "ids", "engine", "workload"]),
    ("measure", &["units", "ids", "engine", "scheduler", "upstream", "workload"]),
    ("gateway", &["units", "ids", "engine", "scheduler", "workload", "upstream", "measure"]),
    ("scenario", &["units", "ids", "engine"]),
    ("simulation", &["units", "ids", "engine", "scheduler", "workload", "upstream", "measure", "gateway", "scenario"]),
    (
        "experiment",
        &[
            "units",
            "ids",
            "files",
            "engine",
            "scheduler",
            "workload",
            "upstream",
            "measure",
            "gateway",
            "scenario",
            "simulation",
        ],
    ),
    (
        "calibrate",
        &[
            "units",
            "ids",
            "files",
            "engine",
            "workload",
            "upstream",
            "measure",
            "scheduler",
            "gateway",
            "scenario",
            "simulation",
            "experiment",
        ],
    ),
    (
        "report",
        &[
            "units",
            "ids",
            "files",
            "engine",
            "scheduler",
            "workload",
            "upstream",
            "measure",
            "scenario",
            "simulation",
            "experiment",
            "calibrate",
        ],
    ),
];

/// Crates that only one room may use.
const BELONGS_TO: &[(&str, &[&str])] = &[
    ("clap", &["cli", "main"]),
    ("indicatif", &["cli"]),
    ("anyhow", &["cli", "main"]),
    ("plotters", &["report"]),
    ("rayon", &["experiment"]),
    ("serde_saphyr", &["scenario"]),
];

#[test]
fn rooms_know_only_those_below_them() {
    let mut wrong = Vec::new();
    for (room, file, line, text) in code_lines() {
        let Some((_, allowed)) = MAY_KNOW.iter().find(|(name, _)| *name == room) else { continue };
        for target in text.match_indices("crate::").map(|(at, _)| &text[at + "crate::".len()..]) {
            let named = target.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            let known = |allowed: &&&str| allowed.split("::").next() == Some(named);
            let fine = named == room
                || named.starts_with('{')
                || allowed.iter().any(|a| known(&a) && (!a.contains("::") || target.starts_with(*a)));
            if !fine {
                wrong.push(format!("{}:{line}: {room} may not know {target}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_stay_in_the_rooms_that_they_belong_to() {
    let mut wrong = Vec::new();
    for (room, file, line, text) in code_lines() {
        for (library, rooms) in BELONGS_TO {
            let named = text.contains(&format!("{library}::")) || text.contains(&format!("use {library};"));
            if named && !rooms.contains(&room.as_str()) {
                wrong.push(format!("{}:{line}: {library} belongs to {rooms:?}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_unsafe() {
    let wrong: Vec<String> = code_lines()
        .filter(|(_, _, _, text)| text.contains("unsafe ") || text.contains("unsafe{"))
        .map(|(_, file, line, _)| format!("{}:{line}", file.display()))
        .collect();
    assert!(wrong.is_empty(), "unsafe code at {wrong:?}");
}

/// Lines of code (comments and tests left out: a test may look at the whole house) with their room, file and number.
fn code_lines() -> impl Iterator<Item = (String, PathBuf, usize, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    collect(&source, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let is_test = |path: &Path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        path.components().any(|part| part.as_os_str() == "tests")
            || name == "tests"
            || name == "testing"
            || name.ends_with("_tests")
    };
    files.retain(|path, _| !is_test(path.strip_prefix(&source).unwrap()));
    files.into_iter().flat_map(move |(path, text)| {
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        let inner = path.strip_prefix(&source).unwrap().to_path_buf();
        let first = inner.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let room = first.trim_end_matches(".rs").to_owned();
        let lines: Vec<_> = text
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line.split("//").next().unwrap_or_default().to_owned()))
            .collect();
        lines.into_iter().map(move |(line, text)| (room.clone(), inner.clone(), line, text))
    })
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.insert(path.clone(), std::fs::read_to_string(&path).unwrap());
        }
    }
}
