//! `stickysim plot`, and the pictures of experiments: drawn later they are the same bytes as drawn at once, and what
//! cannot be drawn is said.

#[path = "common/conforms.rs"]
mod conforms;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use stickysim::report::chart::{Figure, layout};
use stickysim::report::picture::{comparison_charts, sweep_charts, tune_charts};
use stickysim::report::{ComparisonReport, Report, SweepReport, TuneReport};

const SMALL: &str = "tests/experiments/small.yaml";
const HOSTILE: &str = "</script><img src=x onerror=alert(1)>";
const THRESHOLD: [&str; 4] = ["--vary", "sticky_escape_ttft_ms=2000:20000:log:3", "--replications", "2"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of its own, empty.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stickysim-plot-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// The files of a folder below, by name.
    fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = std::fs::read_dir(self.0.join(name)).unwrap().map(Result::unwrap);
        entries
            .filter(|entry| entry.path().is_file())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickysim"));
    command.current_dir(root()).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Standard error of a command that ends with this status.
fn ends(arguments: &[&str], status: i32) -> String {
    let output = run(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {error}");
    error
}

/// Runs a verb with `--plot` and keeps its document; draws the document again; both are the same files.
fn drawn_twice(folder: &Folder, verb: &[&str], status: i32) -> Vec<String> {
    let (at_once, document, later) = (folder.path("at-once"), folder.path("result.json"), folder.path("later"));
    let more = ["--plot", &at_once, "--output", "json", "--to", &document];
    ends(&[verb, &more].concat(), status);
    keeps_to_its_schema(&folder.json("result.json"), verb[0]);
    let error = ends(&["plot", &document, "--to", &later], 0);
    assert!(!error.contains("left out"), "{error}");
    same(folder, "at-once", "later")
}

/// Holds the document of a verb against the committed schema.
fn keeps_to_its_schema(document: &Value, verb: &str) {
    let name = if verb == "run" { "result" } else { verb };
    let schema = std::fs::read_to_string(root().join(format!("schema/{name}.schema.json"))).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(conforms::complaint(&schema, &schema, document, ""), None, "{verb}");
}

fn same(folder: &Folder, one: &str, other: &str) -> Vec<String> {
    let (one, other) = (folder.files(one), folder.files(other));
    let names: Vec<String> = one.keys().cloned().collect();
    assert_eq!(names, other.keys().cloned().collect::<Vec<_>>());
    for (name, bytes) in &one {
        assert_eq!(bytes.len(), other[name].len(), "{name}");
        assert!(bytes == &other[name], "{name} differs");
    }
    names.into_iter().filter_map(|name| name.strip_suffix(".svg").map(str::to_owned)).collect()
}

#[test]
fn a_run_is_drawn_later_as_at_once() {
    let folder = Folder::new("run");
    let names = drawn_twice(&folder, &["run", SMALL], 0);
    assert_eq!(names, ["detection", "distribution", "incident", "journey", "timeline", "who-suffered"]);
}

#[test]
fn of_several_replications_the_first_is_found_again() {
    let folder = Folder::new("replications");
    drawn_twice(&folder, &["run", SMALL, "--replications", "3"], 0);
    // another seed's run would not pass for it
    let mut document = folder.json("result.json");
    document["seed"] = 99.into();
    document["scenario"]["seed"] = 99.into();
    std::fs::write(folder.0.join("other.json"), document.to_string()).unwrap();
    let error = ends(&["plot", &folder.path("other.json"), "--to", &folder.path("other")], 0);
    assert!(error.contains("left out: run again, account"), "{error}");
}

#[test]
fn a_comparison_is_drawn_later_as_at_once() {
    let folder = Folder::new("compare");
    let names = drawn_twice(&folder, &["compare", SMALL, "--replications", "3", "--figure", "cost.turns"], 0);
    assert_eq!(names, ["comparison", "detection", "distribution", "incident", "who-suffered"]);
}

#[test]
fn a_sweep_is_drawn_later_as_at_once_from_its_document_and_from_its_journal() {
    let folder = Folder::new("sweep");
    let journal = folder.path("sweep.jsonl");
    let names = drawn_twice(&folder, &[&["sweep", SMALL, "--out", &journal][..], &THRESHOLD].concat(), 0);
    assert_eq!(names, ["detection", "sweep"]);
    ends(&["plot", &journal, "--to", &folder.path("of-journal")], 0);
    same(&folder, "at-once", "of-journal");
    ends(&["merge", &journal, "--out", &folder.path("merged.jsonl"), "--plot", &folder.path("merged")], 0);
    same(&folder, "at-once", "merged");
}

#[test]
fn other_keys_two_and_three_have_their_charts() {
    let grids: [(&str, &[&str], &[&str]); 4] = [
        ("numbers", &["--vary", "lb_top_k=1,2,3", "--figure", "cost.price"], &["sweep"]),
        ("words", &["--vary", "workload.synth.preset=chat,agentic"], &["sweep"]),
        ("two", &["--vary", "lb_top_k=1,3", "--vary", "sticky_escape_ttft_ms=3000,9000"], &["heat-map"]),
        (
            "three",
            &["--vary", "lb_top_k=1,3", "--vary", "ewma_alpha=0.1,0.3", "--vary", "sticky_escape_ttft_ms=3000,9000"],
            &["heat-map"],
        ),
    ];
    for (name, vary, charts) in grids {
        let folder = Folder::new(name);
        let verb = [&["sweep", SMALL, "--replications", "2"][..], vary].concat();
        let status = run(&verb).status.code().unwrap();
        assert_eq!(drawn_twice(&folder, &verb, status), charts, "{name}");
    }
}

#[test]
fn a_search_is_drawn_later_as_at_once_from_its_document_and_from_its_journal() {
    let folder = Folder::new("tune");
    let journal = folder.path("tune.jsonl");
    let verb = [
        "tune",
        SMALL,
        "--vary",
        "sticky_escape_ttft_ms=2000:20000:log:4",
        "--replications",
        "3",
        "--subject-to",
        "cost.cold_turn_ratio <= +50%",
        "--out",
        &journal,
    ];
    let status = run(&verb).status.code().unwrap();
    let names = drawn_twice(&folder, &verb, status);
    assert!(names.contains(&"search".to_owned()), "{names:?}");
    ends(&["plot", &journal, "--to", &folder.path("of-journal")], 0);
    same(&folder, "at-once", "of-journal");
}

#[test]
fn documents_are_read_back_whole() {
    let folder = Folder::new("back");
    let to = |name: &str| folder.path(name);
    let gates = [
        "--fail-if",
        "felt_ttft_ms.p99 > +500%",
        "--precision",
        "felt_ttft_ms.p99=50%",
        "--split-reasons",
        "--noise-floor",
    ];
    run(&[&["compare", SMALL, "--replications", "2", "-o", "json", "--to", &to("a.json")][..], &gates].concat());
    run(&[&["sweep", SMALL, "-o", "json", "--to", &to("b.json")][..], &THRESHOLD].concat());
    let vary = "sticky_escape_ttft_ms=2000,9000";
    let two = ["tune", SMALL, "scenarios/brownout.yaml", "--set", "duration=50m", "--set", "warmup=10m"];
    run(&[&two[..], &["--vary", vary, "--replications", "2", "-o", "json", "--to", &to("c.json")]].concat());
    let (a, b, c) = (folder.json("a.json"), folder.json("b.json"), folder.json("c.json"));
    assert_eq!(ComparisonReport::from_json(&a).unwrap().json(), a);
    assert_eq!(SweepReport::from_json(&b).unwrap().json(), b);
    assert_eq!(TuneReport::from_json(&c).unwrap().json(), c);
    // and anything that is missing is an error, not a panic
    for document in [&a, &b, &c] {
        for key in document.as_object().unwrap().keys() {
            let mut less = document.clone();
            less.as_object_mut().unwrap().remove(key);
            let _ = (ComparisonReport::from_json(&less), SweepReport::from_json(&less), TuneReport::from_json(&less));
        }
    }
}

#[test]
fn pictures_of_a_run_without_requests_show_the_time_in_which_none_came() {
    let folder = Folder::new("none");
    let text =
        "duration: 8h\naccounts: [{count: 2}]\nworkload:\n  synth: {preset: agentic, sessions_per_hour: 0.0001}\n";
    std::fs::write(folder.path("none.yaml"), text).unwrap();
    let output = run(&["run", &folder.path("none.yaml"), "--plot", &folder.path("none")]);
    for chart in ["incident", "timeline"] {
        let svg = folder.text(&format!("none/{chart}.svg"));
        assert!(svg.contains("8:00") && svg.contains("nothing to show"), "{chart}");
    }
    // nor does the table of accounts show a second of it
    assert!(!String::from_utf8_lossy(&output.stdout).contains("0:00:01"));
}

#[test]
fn several_runs_share_a_chart_and_other_results_have_folders_of_their_own() {
    let folder = Folder::new("several");
    let (a, b, c) = (folder.path("a.json"), folder.path("b.json"), folder.path("c.json"));
    ends(&["run", SMALL, "-o", "json", "--to", &a], 0);
    ends(&["run", SMALL, "--set", "sticky_escape_enabled=false", "-o", "json", "--to", &b], 0);
    ends(&["plot", &a, &b, "--to", &folder.path("both"), "--html", &folder.path("both.html")], 0);
    assert_eq!(folder.files("both").into_keys().collect::<Vec<_>>(), ["distribution.png", "distribution.svg"]);
    let page = folder.text("both.html");
    assert!(page.contains("The slowest 1\u{a0}% of sessions had a turn of"));
    run(&[&["sweep", SMALL, "-o", "json", "--to", &c][..], &THRESHOLD].concat());
    ends(&["plot", &a, &c, "--to", &folder.path("each")], 0);
    assert!(folder.files("each/a").contains_key("timeline.svg") && folder.files("each/c").contains_key("sweep.svg"));
    let error = ends(&["plot", &a, &c, "--html", &folder.path("x.html")], 2);
    assert!(error.contains("one page"), "{error}");
}

#[test]
fn a_document_of_another_version_is_drawn_as_far_as_it_goes() {
    let folder = Folder::new("version");
    ends(&["run", SMALL, "-o", "json", "--to", &folder.path("run.json")], 0);
    let mut document = folder.json("run.json");
    document["stickysim_version"] = "0.0.7".into();
    std::fs::write(folder.0.join("old.json"), document.to_string()).unwrap();
    let html = folder.path("old.html");
    let error = ends(&["plot", &folder.path("old.json"), "--to", &folder.path("old"), "--html", &html], 0);
    assert!(error.contains("left out: it was made by stickysim 0.0.7"), "{error}");
    let files = folder.files("old");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["detection.png", "detection.svg"]);
    assert!(String::from_utf8_lossy(&files["detection.svg"]).contains("stickysim 0.0.7"));
    assert!(folder.text("old.html").contains("left out"));
}

#[test]
fn a_trace_is_looked_for_beside_the_result_and_must_be_the_same() {
    let folder = Folder::new("trace");
    let trace = "at,session,input_tokens,output_tokens\n";
    let row = |i: u32| format!("2026-01-01T00:{:02}:{:02}Z,s{},1000,50\n", i / 12, i % 12 * 5, i % 4);
    let rows: String = (0..40).map(row).collect();
    let scenario = "accounts: [{count: 2}]\nworkload: {replay: {file: trace.csv}}\n";
    std::fs::write(folder.0.join("trace.csv"), format!("{trace}{rows}")).unwrap();
    std::fs::write(folder.0.join("scenario.yaml"), scenario).unwrap();
    let result = folder.path("result.json");
    ends(&["run", &folder.path("scenario.yaml"), "-o", "json", "--to", &result], 0);
    let plot = |to: &str| ends(&["plot", &result, "--to", &folder.path(to)], 0);
    assert!(!plot("found").contains("left out"));
    std::fs::write(folder.0.join("trace.csv"), format!("{trace}{rows}2026-01-01T00:05:00Z,s9,1000,50\n")).unwrap();
    let error = plot("changed");
    assert!(error.contains("left out: run again,") && error.contains("has changed"), "{error}");
    std::fs::create_dir(folder.0.join("moved")).unwrap();
    std::fs::write(folder.0.join("moved/trace.csv"), format!("{trace}{rows}")).unwrap();
    std::fs::remove_file(folder.0.join("trace.csv")).unwrap();
    let error = plot("gone");
    assert!(error.contains("are left out: ") && error.contains("cannot open it"), "{error}");
    let again = ["plot", &result, "--files-in", &folder.path("moved"), "--to", &folder.path("again")];
    assert!(!ends(&again, 0).contains("left out"));
    same(&folder, "found", "again");
}

#[test]
fn an_unfinished_journal_says_how_many_runs_are_missing_and_how_to_finish() {
    let folder = Folder::new("unfinished");
    let (journal, part) = (folder.path("whole.jsonl"), folder.path("part.jsonl"));
    run(&[&["sweep", SMALL, "--out", &journal][..], &THRESHOLD].concat());
    let text = folder.text("whole.jsonl");
    let lines: Vec<&str> = text.split_inclusive('\n').take(4).collect();
    std::fs::write(&part, lines.concat()).unwrap();
    let error = ends(&["plot", &part, "--to", &folder.path("charts")], 2);
    assert!(error.contains("is not finished: 3 of 8 runs") && error.contains("start the sweep again"), "{error}");
    let tune = folder.path("tune.jsonl");
    run(&["tune", SMALL, "--vary", "sticky_escape_ttft_ms=2000,9000", "--replications", "2", "--out", &tune]);
    let text = folder.text("tune.jsonl");
    let lines: Vec<&str> = text.split_inclusive('\n').take(6).collect();
    std::fs::write(&part, lines.concat()).unwrap();
    let error = ends(&["plot", &part, "--to", &folder.path("charts")], 2);
    assert!(error.contains("5 runs are in it") && error.contains("start `stickysim tune` again"), "{error}");
    let error =
        ends(&[&["sweep", SMALL, "--out", &part, "--shard", "1/2", "--html", "x.html"][..], &THRESHOLD].concat(), 2);
    assert!(error.contains("stickysim merge"), "{error}");
}

#[test]
fn pictures_change_no_exit_status_and_a_bad_place_is_known_before_the_work() {
    let folder = Folder::new("status");
    let plot = folder.path("charts");
    let inert = ["compare", SMALL, "--replications", "2", "--a", "lb_top_k=3", "--b", "lb_top_k=3", "--plot", &plot];
    ends(&inert, 4);
    let gate = ["compare", SMALL, "--replications", "3", "--fail-if", "escapes.total > 0", "--plot", &plot];
    ends(&gate, run(&gate[..6]).status.code().unwrap());
    let result = folder.path("result.txt");
    for verb in [&["compare", SMALL][..], &[&["sweep", SMALL][..], &THRESHOLD].concat()] {
        for bad in [["--html", "Cargo.toml/page.html"], ["--plot", "Cargo.toml/charts"]] {
            let error = ends(&[verb, &["--to", &result], &bad].concat(), 2);
            assert!(error.contains("Cargo.toml"), "{error}");
            assert!(!Path::new(&result).exists());
        }
    }
}

#[test]
fn names_that_look_like_markup_are_text_in_every_page() {
    let folder = Folder::new("hostile");
    let text = std::fs::read_to_string(root().join(SMALL)).unwrap();
    let named = format!("name: {}\n{text}", Value::from(HOSTILE));
    std::fs::write(folder.0.join("s.yaml"), named).unwrap();
    let (scenario, html) = (folder.path("s.yaml"), folder.path("page.html"));
    let vary = ["--vary", "sticky_escape_ttft_ms=3000,9000", "--replications", "2"];
    for verb in [
        &["compare", &scenario, "--replications", "2"][..],
        &[&["sweep", &scenario][..], &vary].concat(),
        &[&["tune", &scenario][..], &vary].concat(),
    ] {
        run(&[verb, &["--html", &html]].concat());
        let page = std::fs::read_to_string(&html).unwrap();
        std::fs::remove_file(&html).unwrap();
        assert_eq!((page.matches("<script").count(), page.matches("<img").count()), (1, 0), "{verb:?}");
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{verb:?}");
    }
}

/// Texts that lie on each other or beyond the paper.
fn wrong(figure: &Figure) -> Vec<String> {
    let mut wrong = Vec::new();
    for width in [960.0, 420.0, 320.0] {
        let scene = layout(figure, width).unwrap();
        let texts = scene.texts().unwrap();
        for (i, a) in texts.iter().enumerate() {
            if a.left < 0.0 || a.right > scene.width || a.top < 0.0 || a.bottom > scene.height {
                wrong.push(format!("at {width}: cut off: {a:?}"));
            }
            for b in &texts[i + 1..] {
                if a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom {
                    wrong.push(format!("at {width}: {a:?} on {b:?}"));
                }
            }
        }
        for (empty, things) in scene.drawn() {
            if !empty && things == 0 {
                wrong.push(format!("at {width}: an empty plot"));
            }
        }
    }
    wrong
}

#[test]
fn nothing_overlaps_and_nothing_is_empty_in_odd_experiments() {
    let folder = Folder::new("odd");
    let long = "a-key-that-goes-on-and-on-".repeat(8);
    let text = std::fs::read_to_string(root().join(SMALL)).unwrap();
    let named = format!("name: 慢账号 {long} медленный\n{text}");
    std::fs::write(folder.0.join("long.yaml"), named).unwrap();
    let long = folder.path("long.yaml");
    let two: &[&str] = &["--vary", "lb_top_k=1,3", "--vary", "ewma_alpha=0.1,0.3"];
    let sweeps: [(&str, &[&str]); 7] = [
        ("one point", &["--vary", "sticky_escape_ttft_ms=9000"]),
        ("nothing differs", &["--vary", "sticky_session_ttl_seconds=3600,7200"]),
        ("40 values", &["--vary", "sticky_escape_ttft_ms=1000:60000:log:40"]),
        ("far from the default", &["--vary", "sticky_escape_ttft_ms=100:120:lin:3"]),
        ("words", &["--vary", "clients.user_concurrency=null,1,4"]),
        ("no such figure", &["--vary", "lb_top_k=1,3", "--figure", "detection.delay_s.max"]),
        ("two keys", two),
    ];
    for (name, vary) in sweeps {
        for scenario in [SMALL, &long] {
            let to = folder.path("s.json");
            let verb = [&["sweep", scenario, "--replications", "1", "-o", "json", "--to", &to][..], vary];
            let output = run(&verb.concat());
            assert!(output.status.code() != Some(2), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            let report = SweepReport::from_json(&folder.json("s.json")).unwrap();
            for chart in sweep_charts(&report) {
                assert_eq!(wrong(&chart.figure), Vec::<String>::new(), "{name}: {}", chart.name);
            }
        }
    }
    let vary = ["--vary", "sticky_escape_ttft_ms=2000,9000", "--replications", "2"];
    run(&[&["tune", SMALL, &long, "-o", "json", "--to", &folder.path("t.json")][..], &vary].concat());
    let report = TuneReport::from_json(&folder.json("t.json")).unwrap();
    tune_charts(&report)
        .iter()
        .for_each(|chart| assert_eq!(wrong(&chart.figure), Vec::<String>::new(), "{}", chart.name));
    run(&["compare", &long, "--replications", "1", "--all", "-o", "json", "--to", &folder.path("c.json")]);
    let report = ComparisonReport::from_json(&folder.json("c.json")).unwrap();
    for chart in comparison_charts(&report, None) {
        assert_eq!(wrong(&chart.figure), Vec::<String>::new(), "{}", chart.name);
    }
}
