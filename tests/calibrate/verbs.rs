//! The verb as a user meets it: exit statuses, and what comes next.

use super::*;
use std::process::{Command, Output};

fn stickysim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickysim")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_threshold_is_tuned_in_one_step_and_what_is_extrapolated_is_repeated() {
    let out = folder("tune");
    let options = recording("slow-on-newer", true, &out);
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let calibrated = stickysim(&[
        "calibrate",
        &path(&options.log),
        "--accounts",
        &path(options.accounts.as_deref().unwrap()),
        "--escape-log",
        &path(&options.escape_log[0]),
        "--gateway-config",
        &path(options.gateway_config.as_deref().unwrap()),
        "--set",
        "account_defaults.protocol=http1",
        "--out",
        &path(&options.out),
    ]);
    let said = text(&calibrated.stdout);
    assert_eq!(calibrated.status.code(), Some(0), "{said}{}", text(&calibrated.stderr));
    let (text_lines, last) = said.trim_end().rsplit_once('\n').unwrap();
    assert!(
        said.starts_with("verdict: agrees\n") && text_lines.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
    // one line, so that it can be copied
    let next = format!(
        "next: stickysim tune {}/scenario.yaml --vary sticky_escape_ttft_ms=2000:40000:log",
        path(&options.out)
    );
    assert_eq!(last, next, "{said}");
    let words = text_lines.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("by this log, `sticky_escape_ttft_ms` of") && words.contains("(it is 1500)"), "{said}");
    let scenario = path(&options.out.join("scenario.yaml"));
    let tuned = stickysim(&["tune", &scenario, "--vary", "sticky_escape_ttft_ms=1500,6000", "--replications", "5"]);
    let said = text(&tuned.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(tuned.status.code(), Some(0), "{said}{}", text(&tuned.stderr));
    assert!(said.contains("went to the account that the trace recorded for them"), "{said}");
    assert!(said.contains("to one that it hardly shows in that state: these are extrapolated"), "{said}");
    std::fs::remove_dir_all(out).unwrap();
}

#[test]
fn exit_statuses_tell_off_from_broken_from_too_little() {
    let out = folder("statuses");
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real-runs");
    let none = out.join("escapes.log");
    std::fs::write(&none, "2026-11-23T12:00:00.000Z\tINFO\tslog\tserver started\n").unwrap();
    let status = |log: &Path, name: &str| {
        let place = out.join(name);
        let done = stickysim(&[
            "calibrate",
            log.to_str().unwrap(),
            "--escape-log",
            none.to_str().unwrap(),
            "--out",
            place.to_str().unwrap(),
        ]);
        (done.status.code(), text(&done.stderr))
    };
    let (code, said) = status(&out.join("none.jsonl"), "none");
    assert!(code == Some(2) && said.starts_with("error: ") && said.contains("none.jsonl"), "{said}");
    assert!(!out.join("none").exists());
    // hundreds of sessions escaped from that account
    let (code, said) = status(&recordings.join("slow-on-newer/export.jsonl.gz"), "off");
    assert_eq!(code, Some(1), "{said}");
    let few = out.join("few.jsonl");
    std::fs::write(&few, broken::GOOD).unwrap();
    let (code, said) = status(&few, "few");
    assert_eq!(code, Some(3), "{said}");
    let (code, said) = status(&few, "few");
    assert!(code == Some(2) && said.contains("is there already") && said.contains("--force"), "{said}");
    std::fs::remove_dir_all(out).unwrap();
}
