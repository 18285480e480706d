//! The rooms of the house and who may know whom (README, "Inside"): reads the `use` lines.

mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use modules::Modules;

/// What may know everything: the program and the roots of the library.
const ROOTS: &[&str] = &["main", "lib"];

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
            "simulation::Lowered",
            "simulation::RunError",
            "simulation::settings",
            "experiment",
            "calibrate",
        ],
    ),
    (
        "cli",
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
            "experiment",
            "calibrate",
            "report",
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
    let modules = Modules::read(&source());
    let mut wrong = BTreeSet::new();
    for (place, file, path) in modules.named_paths() {
        let room = &place[0];
        let Some(named) = path.first() else { continue };
        if named == room || ROOTS.contains(&room.as_str()) {
            continue;
        }
        let Some((_, allowed)) = MAY_KNOW.iter().find(|(name, _)| name == room) else {
            wrong.insert(format!("{}: the room {room} is not in the table of this test", file.display()));
            continue;
        };
        let path = path.join("::");
        let fits = |known: &&str| path == *known || path.starts_with(&format!("{known}::"));
        if !allowed.iter().any(fits) {
            wrong.insert(format!("{}: {room} may not know {path}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", Vec::from_iter(wrong).join("\n"));
}

/// Circles that are still there. This list may only shrink.
const KNOWN: &[&str] = &[];

#[test]
fn no_files_need_each_other_in_a_circle() {
    let circles = Modules::read(&source()).circles();
    let words = |circle: &Vec<Vec<String>>| circle.iter().map(|place| place.join("::")).collect::<Vec<_>>().join(", ");
    let found: Vec<String> = circles.iter().map(words).filter(|circle| !KNOWN.contains(&circle.as_str())).collect();
    assert!(found.is_empty(), "these files need each other:\n{}", found.join("\n"));
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

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Lines of code (comments and tests left out: a test may look at the whole house) with their room, file and number.
fn code_lines() -> impl Iterator<Item = (String, PathBuf, usize, String)> {
    let source = source();
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
