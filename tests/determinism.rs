//! Same input, same bytes: whatever the number of threads, and every time.

use std::process::Command;

use serde_json::Value;

/// The JSON document of a run without what may differ between two runs of one seed.
fn document(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_stickysim"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "scenarios/slow-account.yaml", "--output", "json"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["engine"]["events"].is_number() || document["engine"]["events"].is_object());
    document.as_object_mut().unwrap().remove("engine");
    serde_json::to_string(&document).unwrap()
}

#[test]
fn one_and_two_threads_give_the_same_bytes_twice() {
    let documents: Vec<String> =
        ["1", "2", "1", "2"].iter().map(|threads| document(&["--replications", "3", "--threads", threads])).collect();
    assert!(documents[0].len() > 10_000);
    assert!(documents.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn another_seed_gives_another_result() {
    assert_ne!(document(&["--seed", "1"]), document(&["--seed", "2"]));
}

#[test]
fn csv_files_are_the_same_bytes_and_appear_whole() {
    let folder = std::env::temp_dir().join(format!("stickysim-determinism-{}", std::process::id()));
    let files = |name: &str| {
        let out = folder.join(name);
        document(&["--out", out.to_str().unwrap()]);
        let mut names: Vec<String> =
            std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["accounts.csv", "escapes.csv", "requests.csv", "sessions.csv"]);
        names.into_iter().map(|name| std::fs::read(out.join(name)).unwrap()).collect::<Vec<_>>()
    };
    let (a, b) = (files("a"), files("b"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(a == b);
}
