//! Ctrl-C and a kill that asks leave nothing unfinished behind, and say what is kept.

#![cfg(unix)]

#[path = "common/calls.rs"]
mod calls;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use calls::{Folder, command, has, said};

/// Names in a folder and below it.
fn names(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            all.extend(names(&entry.path()));
        }
        all.push(entry.file_name().to_string_lossy().into_owned());
    }
    all
}

/// Starts a call, interrupts it once `is_under_way`, and gives what it said.
fn interrupted(arguments: &[&str], signal: &str, is_under_way: &dyn Fn() -> bool) -> Output {
    let mut child: Child = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..6_000 {
        if is_under_way() {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "{arguments:?} ended before it was interrupted");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(is_under_way(), "{arguments:?} never began");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

#[test]
fn what_is_unfinished_is_removed_on_ctrl_c_and_on_a_kill_that_asks() {
    for signal in ["-INT", "-TERM"] {
        let folder = Folder::new(&format!("interrupted{signal}"));
        let at = |name: &str| folder.0.join(name).to_str().unwrap().to_owned();
        let (to, html, perfetto, out) = (at("r.txt"), at("r.html"), at("x.json"), at("csv"));
        let arguments = [
            "run",
            "scenarios/slow-account.yaml",
            "-r",
            "100000",
            "--threads",
            "1",
            "--to",
            &to,
            "--html",
            &html,
            "--perfetto",
            &perfetto,
            "--out",
            &out,
        ];
        let output = interrupted(&arguments, signal, &|| names(&folder.0).iter().any(|name| name.ends_with(".part")));
        assert_eq!(output.status.code(), Some(130), "{signal}: {}", said(&output));
        has(&said(&output), &["interrupted"]);
        let left = names(&folder.0);
        assert!(!left.iter().any(|name| name.ends_with(".part")), "{signal}: {left:?}");
    }
}

#[test]
fn a_journal_is_kept_and_counted_and_an_unfinished_calibration_goes() {
    let folder = Folder::new("interrupted-journal");
    let journal = folder.0.join("sweep.jsonl");
    let path = journal.to_str().unwrap();
    let has_runs = || std::fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() > 2);
    let arguments = [
        "sweep",
        "tests/experiments/small.yaml",
        "--vary",
        "sticky_escape_ttft_ms=2000,4000,8000",
        "-r",
        "100000",
        "--threads",
        "1",
        "--out",
        path,
    ];
    let output = interrupted(&arguments, "-INT", &has_runs);
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    has(&said(&output), &["finished run", "sweep.jsonl; the same command goes on from there"]);
    let out = folder.0.join("calibrated");
    let begun = || names(&out).iter().any(|name| name.starts_with(".calibrate."));
    let arguments =
        ["calibrate", "traces/gateway-log.jsonl", "--replications", "10000", "--out", out.to_str().unwrap()];
    let output = interrupted(&arguments, "-INT", &begun);
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(!out.exists(), "{:?}", names(&folder.0));
}
