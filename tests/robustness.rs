//! Nothing is lost by a slip on the command line: outputs that meet, devices and links, journals that are in use.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SMALL: &str = "tests/experiments/small.yaml";

/// A folder of its own, empty.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("stickysim-robustness-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickysim"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    command.current_dir(root).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Standard error of a call that is refused.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    error
}

fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

mod places {
    use super::*;

    #[test]
    fn outputs_that_meet_are_refused_before_anything_is_written() {
        let folder = folder("meet");
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (same, also) = (path("x.json"), path("./x.json"));
        let sweep = ["sweep", SMALL, "--vary", "lb_top_k=1,2", "-r", "1"];
        let compare = ["compare", SMALL, "-r", "2"];
        for (verb, one, other) in [
            (sweep.as_slice(), "--out", "--to"),
            (&sweep, "--to", "--html"),
            (&compare, "--to", "--junit"),
            (&compare, "--html", "--junit"),
            (&["run", SMALL], "--to", "--perfetto"),
            (&["run", SMALL], "--to", "--html"),
            (&["tune", SMALL, "--vary", "lb_top_k=1,2"], "--out", "--to"),
        ] {
            let error = refused(&[verb, &[one, &same, other, &also]].concat());
            assert!(error.contains(one) && error.contains(other) && error.contains("give each its own"), "{error}");
        }
        let error = refused(&["run", SMALL, "--out", &path("csv"), "--to", &path("csv/requests.csv")]);
        assert!(error.contains("--out (requests.csv)"), "{error}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_output_does_not_replace_what_is_read() {
        let folder = folder("input");
        let scenario = folder.join("scenario.yaml");
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SMALL)).unwrap();
        std::fs::write(&scenario, &text).unwrap();
        let scenario = scenario.to_str().unwrap();
        let trace = folder.join("trace.jsonl");
        let trace = trace.to_str().unwrap();
        done(&["trace", "synth", scenario, "--to", trace]);
        for arguments in [
            ["run", scenario, "--to", scenario].as_slice(),
            &["sweep", scenario, "--vary", "lb_top_k=1,2", "--out", scenario],
            &["compare", scenario, "--junit", scenario],
            &["tune", scenario, "--vary", "lb_top_k=1,2", "--html", scenario],
            &["trace", "synth", scenario, "--write", "jsonl", "--to", scenario],
        ] {
            let error = refused(arguments);
            assert!(error.contains("would replace the scenario"), "{error}");
        }
        for arguments in
            [["run", scenario, "--trace", trace, "--to", trace].as_slice(), &["trace", "convert", trace, "--to", trace]]
        {
            assert!(refused(arguments).contains("would replace the trace"));
        }
        assert_eq!(std::fs::read_to_string(scenario).unwrap(), text);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_and_pipes_stay_what_they_are() {
        use std::os::unix::fs::FileTypeExt;
        let folder = folder("kinds");
        let (pipe, link, target) = (folder.join("pipe"), folder.join("link"), folder.join("target.json"));
        std::fs::write(&target, "older").unwrap();
        std::os::unix::fs::symlink("target.json", &link).unwrap();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        let base = ["run", SMALL, "--output", "json", "--to"];
        let (through, to_link) = (pipe.to_str().unwrap(), link.to_str().unwrap());
        done(&[base.as_slice(), &[through]].concat());
        done(&[base.as_slice(), &[to_link]].concat());
        assert!(reader.join().unwrap().contains("\"schema_version\""));
        assert!(pipe.symlink_metadata().unwrap().file_type().is_fifo() && link.is_symlink());
        assert!(std::fs::read_to_string(&target).unwrap().contains("\"schema_version\""));
        assert!(done(&[base.as_slice(), &["/dev/stdout"]].concat()).contains("\"schema_version\""));

        let error = refused(&["sweep", SMALL, "--vary", "lb_top_k=1,2", "--out", through]);
        assert!(error.contains("is not a regular file, and a journal must be one"), "{error}");
        let error = refused(&[base.as_slice(), &[folder.to_str().unwrap()]].concat());
        assert!(error.contains("is a directory") && error.trim_end().lines().count() == 1, "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn missing_folders_are_made_by_every_output() {
        let folder = folder("made");
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (to, junit, html, plot) = (at("a/x.txt"), at("b/x.xml"), at("c/x.html"), at("d/e"));
        let with = ["compare", SMALL, "-r", "2", "--fail-if", "requests.total < 1"];
        done(&[with.as_slice(), &["--to", &to, "--junit", &junit, "--html", &html, "--plot", &plot]].concat());
        let (out, trace) = (at("f/g/x.jsonl"), at("h/x.csv"));
        run(&["sweep", SMALL, "--vary", "lb_top_k=1,2", "-r", "1", "--out", &out]);
        done(&["trace", "synth", SMALL, "--to", &trace]);
        for path in [&to, &junit, &html, &plot, &out, &trace] {
            assert!(Path::new(path).exists(), "{path}");
        }
        let error = refused(&["run", SMALL, "--to", &format!("{to}/below")]);
        assert!(error.starts_with("error: cannot make ") && error.contains("a/x.txt"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

mod merging {
    use super::*;

    #[test]
    fn nothing_is_written_when_a_figure_is_misspelt_or_something_else_is_there() {
        let folder = folder("merge");
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (part, merged, text) = (at("part.jsonl"), at("merged.jsonl"), at("notes.txt"));
        let sweep = ["sweep", SMALL, "--vary", "sticky_escape_ttft_ms=5000,20000", "-r", "2"];
        done(&[sweep.as_slice(), &["--out", &part]].concat());
        refused(&["merge", &part, "--out", &merged, "--figure", "nope"]);
        refused(&["merge", &part, "--out", &merged, "--figure", "accounts.99.requests"]);
        assert!(!Path::new(&merged).exists());
        std::fs::write(&text, "notes").unwrap();
        let error = refused(&["merge", &part, "--out", &text]);
        assert!(error.contains("exists and is not a journal of stickysim"), "{error}");
        assert_eq!(std::fs::read_to_string(&text).unwrap(), "notes");
        assert!(refused(&["merge", &part, "--out", &merged, "--to", &part]).contains("would replace a part"));
        done(&["merge", &part, "--out", &merged]);
        assert_eq!(std::fs::read(&merged).unwrap(), std::fs::read(&part).unwrap());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_argument_or_key_that_is_another_one_is_named() {
        let folder = folder("named");
        let out = folder.join("sweep.jsonl");
        let out = out.to_str().unwrap();
        let sweep = ["sweep", SMALL, "--vary", "sticky_escape_ttft_ms=5000,20000", "-r", "1", "--out", out];
        done(&sweep);
        let error = refused(&[sweep.as_slice(), &["--set", "lb_top_k=2"]].concat());
        assert!(error.contains("gateway.openai_ws.lb_top_k: ") && error.contains(" there, 2 here"), "{error}");
        assert!(refused(&[sweep.as_slice(), &["--seed", "99"]].concat()).contains("`99` here"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}

mod arguments {
    use super::*;

    #[test]
    fn errors_name_the_option_that_the_value_came_by() {
        for (verb, option) in [("compare", "--a"), ("compare", "--b"), ("sweep", "--vary"), ("tune", "--vary")] {
            let error = refused(&[verb, SMALL, option, "sticky_escape_error_rate=1.5"]);
            assert!(error.contains(&format!("--> {option}:1:26")), "{error}");
        }
        assert!(refused(&["sweep", SMALL, "--vary", "a key=1,2"]).contains("unknown key `a key`"));
    }

    #[test]
    fn a_name_with_blanks_can_be_varied_as_it_can_be_set() {
        let folder = folder("blanks");
        let scenario = folder.join("named.yaml");
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SMALL)).unwrap();
        std::fs::write(&scenario, text.replace("name: slow", "name: NAME WITH SPACES ñ")).unwrap();
        let scenario = scenario.to_str().unwrap();
        let vary = "conditions.NAME WITH SPACES ñ.effect.ttft_factor=2,30";
        let csv = done(&["sweep", scenario, "--vary", vary, "-r", "2", "--output", "csv"]);
        assert_eq!(csv.lines().count(), 3);
        assert!(csv.starts_with("conditions.NAME WITH SPACES ñ.effect.ttft_factor,escape,replications,"), "{csv}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn sizes_beyond_all_measure_are_told_at_once() {
        let error = refused(&["sweep", SMALL, "--vary", "ewma_alpha=0.1:0.9:lin:10000", "-r", "100000"]);
        assert!(error.contains("that would be 1000000000 runs"), "{error}");
        assert!(refused(&["sweep", SMALL, "--vary", "sticky_escape_ttft_ms=0,9000"]).contains("0 for not set"));
        let twice = ["sweep", SMALL, "--vary", "lb_top_k=1,2", "--vary", "gateway.openai_ws.lb_top_k=3,4"];
        assert!(refused(&twice).contains("are one key, varied twice"));
    }

    #[test]
    fn a_precision_that_cannot_be_had_is_told_after_ten_replications() {
        let precision = "cost.price=1%";
        let output = run(&["compare", SMALL, "-r", "2", "--precision", precision]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("precision NOT reached: no interval of cost.price after 10"), "{text}");
        assert_eq!(output.status.code(), Some(3), "{text}");
    }

    #[test]
    fn a_trace_with_bad_lines_gives_the_same_journal_from_any_folder() {
        let folder = folder("bad-lines");
        let mut journals = Vec::new();
        for name in ["a/trace.jsonl", "b/c/renamed.jsonl"] {
            let trace = folder.join(name);
            std::fs::create_dir_all(trace.parent().unwrap()).unwrap();
            done(&["trace", "synth", SMALL, "--to", trace.to_str().unwrap()]);
            let mut text = std::fs::read_to_string(&trace).unwrap();
            text.push_str("no request\n");
            std::fs::write(&trace, text).unwrap();
            let out = trace.with_extension("journal");
            let set = "workload.replay.skip_bad_lines=1";
            let verb = ["sweep", SMALL, "--trace", trace.to_str().unwrap(), "--set", set, "-r", "2"];
            let vary = ["--vary", "sticky_escape_ttft_ms=5000,20000", "--out", out.to_str().unwrap()];
            let output = run(&[verb.as_slice(), &vary].concat());
            assert!(out.exists(), "{}", String::from_utf8_lossy(&output.stderr));
            journals.push(std::fs::read_to_string(out).unwrap());
        }
        assert!(journals[0].contains("1 bad lines were left out; the first: line "), "{}", journals[0]);
        assert!(journals[0] == journals[1]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
