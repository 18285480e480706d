//! The verbs of experiments as a user meets them: exit codes, journals, shards, and what the statistics promise.
//!
//! Tests with `#[ignore]` take long; `make test-slow` runs them.

#[path = "common/shared.rs"]
mod beside;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of its own, empty.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("stickysim-experiments-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickysim"));
    command.current_dir(root()).args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// Standard output and exit status.
fn answer(arguments: &[&str]) -> (String, i32) {
    let output = run(arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let status = output.status.code().unwrap();
    assert!(status <= 4, "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    (text, status)
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let (text, _) = answer(&[arguments, &["--output", "json"]].concat());
    serde_json::from_str(&text).unwrap()
}

const SMALL: &str = "tests/experiments/small.yaml";
const OBJECTIVE: &str = "sessions.worst_ttft_ms.p99";

mod compare {
    use super::*;

    #[test]
    fn a_against_a_is_exactly_zero_in_every_figure_and_inert() {
        let set = "sticky_escape_ttft_ms=9000";
        let arguments = ["compare", SMALL, "--replications", "3", "--a", set, "--b", set];
        assert_eq!(answer(&arguments).1, 4);
        let document = json(&arguments);
        let figures = document["figures"].as_object().unwrap();
        assert!(figures.len() > 150);
        for (path, figure) in figures {
            let difference = &figure["difference"];
            if !difference.is_null() {
                let zero = ["mean", "lo", "hi"].map(|part| difference[part].as_f64());
                assert!(zero.iter().all(|part| part.is_none_or(|part| part == 0.0)), "{path}: {difference}");
                assert_eq!(figure["verdict"], "identical", "{path}");
            }
        }
    }

    #[test]
    fn gates_decide_the_exit_status() {
        let with = |gates: &[&str]| {
            let mut arguments = vec!["compare", SMALL, "--replications", "8"];
            gates.iter().for_each(|gate| arguments.extend(["--fail-if", gate]));
            answer(&arguments).1
        };
        assert_eq!(with(&["requests.total < 1", "escapes.total < 0"]), 0);
        assert_eq!(with(&["requests.total < 1", "escapes.total > 0"]), 1);
        assert_eq!(with(&["felt_ttft_ms.p50 > +0", "requests.total < 1"]), 3);
        assert_eq!(with(&["felt_ttft.p50 > +0"]), 2);
        let error = run(&["compare", SMALL, "--fail-if", "felt_ttft_ms.p9 > 1"]);
        let error = String::from_utf8(error.stderr).unwrap();
        assert!(error.contains("did you mean `felt_ttft_ms.p90`"), "{error}");
    }

    #[test]
    fn the_answer_is_the_same_on_one_thread_and_on_two() {
        let with = |threads| answer(&["compare", SMALL, "--replications", "4", "--all", "--threads", threads]);
        assert_eq!(with("1"), with("2"));
    }

    #[test]
    fn every_output_says_the_same_and_junit_is_written() {
        let junit = folder("junit").join("gates.xml");
        let junit_text = junit.display().to_string();
        let arguments =
            ["compare", SMALL, "--replications", "4", "--fail-if", "escapes.total > 0", "--junit", &junit_text];
        let markdown = answer(&[&arguments[..], &["--output", "markdown"]].concat());
        let csv = answer(&[&arguments[..], &["--output", "csv"]].concat());
        assert_eq!((markdown.1, csv.1), (1, 1));
        assert!(markdown.0.starts_with("# small") && markdown.0.contains("| escapes.total &gt; 0 |"), "{}", markdown.0);
        assert!(csv.0.lines().any(|line| line.starts_with("escapes.total,0,")), "{}", csv.0);
        let xml = std::fs::read_to_string(&junit).unwrap();
        assert!(
            xml.contains("tests=\"2\" failures=\"1\" errors=\"0\"") && xml.contains("escapes.total &gt; 0"),
            "{xml}"
        );
    }

    #[test]
    fn text_fits_80_columns() {
        let (text, _) = answer(&[
            "compare",
            SMALL,
            "--replications",
            "4",
            "--split-reasons",
            "--noise-floor",
            "--fail-if",
            "escapes.total > 0",
        ]);
        let widest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 80, "{widest}");
    }

    #[test]
    fn the_steps_of_the_escape_reasons_sum_up_to_the_whole() {
        let document = json(&["compare", SMALL, "--replications", "3", "--split-reasons"]);
        for path in ["escapes.total", OBJECTIVE, "felt_ttft_ms.mean"] {
            let steps = document["escape_reasons"].as_array().unwrap();
            let sum: f64 = steps.iter().map(|step| step["figures"][path]["difference"]["mean"].as_f64().unwrap()).sum();
            let whole = document["figures"][path]["difference"]["mean"].as_f64().unwrap();
            assert!((sum - whole).abs() <= 1e-9 * whole.abs().max(1.0), "{path}: {sum} {whole}");
        }
    }

    #[test]
    fn precision_goes_on_until_it_is_reached_or_says_that_it_was_not() {
        let with = |width: &str| {
            let precision = format!("felt_ttft_ms.mean={width}");
            json(&["compare", SMALL, "--replications", "2", "--max-replications", "12", "--precision", &precision])
        };
        let wide = with("100000");
        assert_eq!(
            (wide["precision"]["reached"].as_bool(), wide["comparison"]["replications"].as_u64()),
            (Some(true), Some(10))
        );
        let narrow = with("0.0001");
        assert_eq!(
            (narrow["precision"]["reached"].as_bool(), narrow["comparison"]["replications"].as_u64()),
            (Some(false), Some(12))
        );
    }

    #[test]
    fn a_gate_on_a_figure_that_some_replications_lack_is_open_and_says_so() {
        let gate = "detection.delay_s.mean > 900";
        let threshold = "sticky_escape_ttft_ms=30000";
        let (text, status) = answer(&["compare", SMALL, "--b", threshold, "--fail-if", gate]);
        assert_eq!(status, 3, "{text}");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains("of 20 replications have this figure"), "{text}");
    }

    #[test]
    fn a_change_from_nothing_says_that_a_is_zero() {
        let (text, status) = answer(&["compare", SMALL, "--fail-if", "escapes.total > +2%"]);
        assert!(status == 1 && text.contains("A is 0: no percentage"), "{status} {text}");
    }

    /// How many times less variance the paired difference has than an unpaired one.
    fn gain(document: &serde_json::Value, path: &str) -> f64 {
        document["figures"][path]["variance_reduction"].as_f64().unwrap()
    }

    #[test]
    #[ignore = "takes a minute"]
    fn slow_account_is_better_with_escape() {
        let document = json(&["compare", "scenarios/slow-account.yaml"]);
        let figure = &document["figures"][OBJECTIVE];
        assert_eq!((figure["verdict"].as_str(), figure["stands_among_all"].as_bool()), (Some("better"), Some(true)));
        // without escape the p99 falls, in most replications, among sessions with a turn that never got a token: so
        // there is no difference in ms
        let no_token = |side: &str| figure[side]["no_token"].as_u64().unwrap_or(0);
        assert!(no_token("a") > 10 && no_token("b") == 0, "{figure}");
        let answered = &document["figures"]["sessions.answered_worst_ttft_ms.p99"];
        assert_eq!(answered["verdict"].as_str(), Some("better"));
        assert!(answered["difference"]["hi"].as_f64().unwrap() < 0.0, "{answered}");
    }

    /// Pairing pays where most requests are served under both settings. It cannot pay for the far tail of off against
    /// on: there A's slowest turns are those of the slow account, B's those of the half minute before the gate fired,
    /// and two sets of requests have no luck to share (docs/guide/experiments.md has the figures).
    #[test]
    #[ignore = "takes a minute"]
    fn common_luck_saves_five_times_the_replications_on_slow_account() {
        let compared = |a: &str, b: &str| {
            json(&["compare", "scenarios/slow-account.yaml", "--a", a, "--b", b, "--replications", "60"])
        };
        let thresholds = compared("sticky_escape_ttft_ms=15000", "sticky_escape_ttft_ms=12000");
        let switch = compared("sticky_escape_enabled=false", "sticky_escape_enabled=true");
        let of_most = ["felt_ttft_ms.p50", "sessions.worst_ttft_ms.p50", "sessions.mean_ttft_ms.p50", "cost.price"];
        let of_tails = ["felt_ttft_ms.p90", "felt_ttft_ms.p95", "felt_ttft_ms.p99", "sessions.worst_ttft_ms.p90"];
        let of_all = ["felt_ttft_ms.mean", "outcomes.goodput_ratio"];
        let of_work = ["outcomes.goodput", "cost.uncached_input_tokens"];
        for (document, paths) in [
            (&thresholds, [&of_most[..], &of_tails, &of_all, &of_work].concat()),
            (&switch, [&of_most[..], &of_work].concat()),
        ] {
            for path in paths {
                let name = &document["comparison"]["a"];
                println!("{name} {path}: {:.1} times", gain(document, path));
                assert!(gain(document, path) >= 5.0, "{name} {path}: {}", gain(document, path));
            }
        }
        // Counts of escapes gain less (1.6 times): a lone slow answer of a healthy account carries the average over one
        // threshold and not over the other, and everything that follows for its sessions differs.
        for path in ["escapes.total", "cost.cold_turn_ratio", OBJECTIVE] {
            println!("thresholds {path}: {:.1} times", gain(&thresholds, path));
        }
        assert!(gain(&thresholds, OBJECTIVE) > 1.5, "{}", gain(&thresholds, OBJECTIVE));
    }

    #[test]
    #[ignore = "takes a minute"]
    fn healthy_shows_no_difference_but_for_a_few_cold_turns() {
        let document = json(&["compare", "scenarios/healthy.yaml"]);
        // lone slow answers, two close to each other, make sessions leave a healthy account now and then
        let cold = document["figures"]["cost.cold_turn_ratio"]["difference"]["mean"].as_f64().unwrap();
        assert!((0.0..1e-3).contains(&cold), "{cold}");
        for path in [OBJECTIVE, "sessions.worst_ttft_ms.p50", "felt_ttft_ms.p50", "felt_ttft_ms.p99"] {
            let figure = &document["figures"][path];
            match figure["verdict"].as_str().unwrap() {
                "no_difference_shown" | "identical" => {}
                // a session that found its account full, in a few replications
                "not_decidable" => {
                    let (changed, mean) = (&figure["changed_in"], |of: &str| figure[of]["mean"].as_f64().unwrap());
                    assert!(changed.as_u64().unwrap() < 10, "{path}: {figure}");
                    assert!(mean("difference").abs() < 1e-3 * mean("a"), "{path}: {figure}");
                }
                other => panic!("{path}: {other}"),
            }
        }
    }

    #[test]
    #[ignore = "takes a minute"]
    fn all_slow_claims_no_faster_answers() {
        let document = json(&["compare", "scenarios/all-slow.yaml"]);
        let figure = |path: &str| &document["figures"][path];
        let answered = ["answered_ttft_ms.p50", "answered_ttft_ms.p99", "sessions.answered_worst_ttft_ms.p50"];
        for path in [&answered[..], &["felt_ttft_ms.p50", "cost.cold_turn_ratio"]].concat() {
            assert_eq!(figure(path)["verdict"].as_str(), Some("worse"), "{path}: {}", figure(path));
        }
        // What escape does save are requests that would wait in vain for a full account. The tails have them in.
        assert_eq!(figure("felt_ttft_ms.without_token_ratio")["verdict"].as_str(), Some("better"));
        for path in ["felt_ttft_ms.p99", OBJECTIVE] {
            assert_eq!(figure(path)["verdict"].as_str(), Some("better"), "{path}: {}", figure(path));
        }
    }
}

mod sweep {
    use super::*;

    const VARY: &str = "sticky_escape_ttft_ms=2000:20000:log:4";

    fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["sweep", SMALL, "--vary", VARY, "--replications", "5"], more].concat()
    }

    #[test]
    fn a_threshold_sweep_has_a_row_a_point_and_escape_off_as_the_last() {
        let (csv, status) = answer(&arguments(&["--output", "csv"]));
        let rows: Vec<&str> = csv.lines().collect();
        assert_eq!((status, rows.len()), (0, 1 + 4 + 1));
        assert!(rows[0].starts_with("sticky_escape_ttft_ms,escape,replications,"));
        assert!(rows[1].starts_with("2000,as set,5,") && rows[5].starts_with("off,off,5,"));
        let (text, _) = answer(&arguments(&[]));
        assert!(text.contains("best") && text.contains("against escape off"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn a_key_that_changes_nothing_exits_4() {
        let (text, status) =
            answer(&["sweep", SMALL, "--vary", "sticky_session_max_waiting=3,4,5", "--replications", "2"]);
        assert_eq!(status, 4, "{text}");
        assert!(text.contains("INERT"), "{text}");
    }

    #[test]
    fn shards_merged_are_the_same_bytes_as_an_unsharded_run() {
        let folder = folder("shards");
        let path = |name: &str| folder.join(name).display().to_string();
        let whole = path("whole");
        let report = answer(&arguments(&["--out", &whole, "--output", "json"]));
        for of in [1, 2, 7] {
            let parts: Vec<String> = (1..=of).map(|index| path(&format!("{of}-{index}"))).collect();
            for (index, part) in parts.iter().enumerate() {
                let shard = format!("{}/{of}", index + 1);
                assert_eq!(answer(&arguments(&["--out", part, "--shard", &shard])).1, 0);
            }
            let merged = path(&format!("merged-{of}"));
            let mut arguments = vec!["merge", "--out", &merged, "--output", "json"];
            arguments.extend(parts.iter().map(String::as_str));
            assert_eq!(answer(&arguments), report, "{of} shards");
            assert!(std::fs::read(&merged).unwrap() == std::fs::read(&whole).unwrap(), "{of} shards");
        }
        let lacking = run(&["merge", &path("7-1"), &path("7-3"), "--out", &path("none")]);
        let error = String::from_utf8(lacking.stderr).unwrap();
        assert!(lacking.status.code() == Some(2) && error.contains("no part for shard 2/7"), "{error}");
        assert!(!folder.join("none").exists());
        let _ = std::fs::remove_dir_all(folder);
    }

    #[test]
    fn a_journal_of_another_scenario_is_refused_and_left_alone() {
        let folder = folder("foreign");
        let journal = folder.join("journal").display().to_string();
        assert_eq!(answer(&arguments(&["--out", &journal])).1, 0);
        let before = std::fs::read(&journal).unwrap();
        for other in [&["--set", "duration=50m"][..], &["--seed", "9"], &["--set", "lb_top_k=2"]] {
            let refused = run(&arguments(&[&["--out", &journal], other].concat()));
            let error = String::from_utf8(refused.stderr).unwrap();
            assert!(refused.status.code() == Some(2) && error.contains("another experiment"), "{error}");
        }
        assert!(std::fs::read(&journal).unwrap() == before);
        let _ = std::fs::remove_dir_all(folder);
    }

    /// Starts a command and kills it with SIGKILL after `moment`; whether it was still running.
    fn kill_after(arguments: &[&str], moment: std::time::Duration) -> bool {
        let mut child = command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment);
        let running = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        running
    }

    #[test]
    #[ignore = "kills and resumes sweeps for a minute"]
    fn killed_at_20_random_moments_and_resumed_gives_the_bytes_of_an_uninterrupted_run() {
        let folder = folder("killed");
        let whole = folder.join("whole").display().to_string();
        let heavy = ["--set", "workload.synth.sessions_per_hour=900", "--threads", "2"];
        #[expect(clippy::disallowed_types, reason = "wall time tells when to kill")]
        let start = std::time::Instant::now();
        let expected = answer(&arguments(&[&["--out", &whole, "--output", "csv"], &heavy[..]].concat()));
        let took = start.elapsed();
        let mut random = stickysim::engine::Luck::new(20).stream(1, 2, 3);
        let mut interrupted = 0;
        for round in 0..20 {
            let journal = folder.join(format!("journal-{round}")).display().to_string();
            let arguments = arguments(&[&["--out", &journal, "--output", "csv"], &heavy[..]].concat());
            interrupted += u32::from(kill_after(&arguments, took.mul_f64(random.open01())));
            assert_eq!(answer(&arguments), expected, "round {round}");
            assert!(std::fs::read(&journal).unwrap() == std::fs::read(&whole).unwrap(), "round {round}");
        }
        assert!(interrupted >= 10, "only {interrupted} of 20 were still running: the test killed too late");
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// What takes wall time as its measure: `make test-slow` runs these by themselves, when nothing else runs.
mod timing {
    use super::*;

    #[test]
    #[ignore = "measures time: run it on a machine that does nothing else"]
    fn two_cores_are_at_least_1_85_times_as_fast_as_one() {
        if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
            println!("skipped: this machine has one core");
            return;
        }
        let best = |threads: &str| {
            let once = || {
                #[expect(clippy::disallowed_types, reason = "wall time is what is measured")]
                let start = std::time::Instant::now();
                let vary = "sticky_escape_ttft_ms=5000,10000,20000";
                let set = [
                    "sweep",
                    "scenarios/slow-account.yaml",
                    "--vary",
                    vary,
                    "--replications",
                    "8",
                    "--threads",
                    threads,
                ];
                assert_eq!(answer(&set).1, 0);
                start.elapsed().as_secs_f64()
            };
            (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
        };
        let (one, two) = (best("1"), best("2"));
        println!("one core {one:.2} s, two cores {two:.2} s: {:.2} times", one / two);
        assert!(one / two >= 1.85, "{one} {two}");
    }
}

mod tune {
    use super::*;

    #[test]
    fn tuning_names_a_value_its_plateau_and_what_it_buys_and_resumes_to_the_same_bytes() {
        let folder = folder("tune");
        let journal = folder.join("journal").display().to_string();
        let arguments = [
            "tune",
            SMALL,
            "--vary",
            "sticky_escape_ttft_ms=2000:40000:log:6",
            "--replications",
            "6",
            "--out",
            &journal,
        ];
        let (text, status) = answer(&arguments);
        assert_eq!(status, 0);
        for word in ["SET sticky_escape_ttft_ms 15000 -> ", "KEEP sticky_escape_ttft_ms=15000"] {
            if text.contains(word) {
                assert!(text.contains("What it buys and costs in small"), "{text}");
                assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
                let finished = std::fs::read(&journal).unwrap();
                let half = finished.len() / 2;
                std::fs::write(&journal, &finished[..half]).unwrap();
                assert_eq!(answer(&arguments), (text, status));
                assert!(std::fs::read(&journal).unwrap() == finished);
                let _ = std::fs::remove_dir_all(folder);
                return;
            }
        }
        panic!("{text}");
    }

    #[test]
    fn a_value_is_recommended_where_what_there_is_breaks_a_constraint_that_it_keeps() {
        let (text, status) = answer(&[
            "tune",
            SMALL,
            "--minimise",
            "cost.cold_turn_ratio",
            "--subject-to",
            "detection.missed_turns <= 2",
            "--vary",
            "sticky_escape_ttft_ms=3000,5000,8000,20000",
            "--replications",
            "40",
            "--budget",
            "400",
        ]);
        assert_eq!(status, 0);
        assert!(text.contains("SET sticky_escape_ttft_ms 15000 -> 8000"), "{text}");
        assert!(text.replace("\n ", "").contains("as it stands a constraint is broken"), "{text}");
    }

    #[test]
    fn scenarios_without_the_figure_say_nothing_and_the_order_of_the_values_does_not_matter() {
        let best = |values: &str| {
            let vary = format!("sticky_escape_ttft_ms={values}");
            let scenarios = [SMALL, "scenarios/healthy.yaml", "--set", "duration=50m", "--set", "warmup=0s"];
            let figure = ["--minimise", "detection.delay_s.mean", "--vary", &vary, "--replications", "6"];
            let document = json(&[&["tune"], &scenarios[..], &figure].concat());
            document["challenger"]["name"].as_str().unwrap().to_owned()
        };
        assert_eq!(best("2000,4000,8000,16000"), best("16000,8000,4000,2000"));
        let nowhere = ["scenarios/healthy.yaml", "--set", "duration=20m", "--set", "warmup=0s"];
        let figure = ["--minimise", "detection.delay_s.mean", "--vary", "lb_top_k=1,3", "--replications", "2"];
        let output = run(&[&["tune"], &nowhere[..], &figure].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("has the figure"));
    }

    #[test]
    fn a_key_that_changes_a_decision_in_a_late_replication_only_is_not_inert() {
        // with this seed the first 12 replications, which the search runs, make the same decisions with both
        let vary = "sticky_escape_ttft_ms=15050,15150";
        let (text, status) = answer(&["tune", SMALL, "--seed", "3", "--vary", vary, "--replications", "20"]);
        assert!(status == 0 && text.starts_with("KEEP "), "{status} {text}");
    }

    #[test]
    fn a_key_that_changes_nothing_is_inert() {
        assert_eq!(answer(&["tune", SMALL, "--vary", "sticky_session_max_waiting=3,4,5", "--replications", "2"]).1, 4);
    }
}

mod explain {
    use super::*;

    #[test]
    fn the_worst_session_is_told_turn_by_turn_and_one_request_with_its_reasons() {
        let (text, status) = answer(&["explain", SMALL]);
        assert!(status == 0 && text.starts_with("Session "), "{text}");
        let mut rows = text.lines().filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit()));
        let request = rows.next_back().and_then(|row| row.split_whitespace().nth(1)).unwrap().to_owned();
        let (text, _) = answer(&["explain", SMALL, "--request", &request]);
        assert!(text.contains("Select 1 at") && text.contains("What became of it"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(run(&["explain", SMALL, "--request", "99999999"]).status.code(), Some(2));
    }

    #[test]
    fn scores_of_an_escaped_request_add_up_to_what_was_ranked() {
        let (text, _) = answer(&["explain", SMALL, "--request", "0"]);
        assert!(text.contains("chance") && text.contains("bound to no account"), "{text}");
    }

    #[test]
    fn the_threshold_table() {
        let (text, status) = answer(&["explain", "threshold", "--baseline", "1300", "--to", "20000,30000"]);
        assert!(status == 0 && text.lines().any(|line| line.split_whitespace().nth(2) == Some("6")), "{text}");
    }
}

mod coverage {
    use stickysim::experiment::cell::{Cell, Figure};
    use stickysim::experiment::stats::{Level, mean_interval_of, paired_of};
    use stickysim::simulation::lower;

    /// The differences that decide: two thresholds that matter in a few replications only, and escape off against on.
    /// An answer is wrong where it has an interval and that does not hold the truth; where few differ it has none.
    #[test]
    #[ignore = "runs a small scenario 12,000 times"]
    fn answers_on_paired_differences_are_wrong_5_times_in_100_or_less() {
        let scenario = stickysim::scenario::Document::read(&super::root().join(super::SMALL)).unwrap();
        let cells = |set: &str| -> Vec<Cell> {
            let set = stickysim::scenario::Set::parse(set).unwrap();
            let lowered = lower(&scenario.resolve(&[set]).unwrap().scenario).unwrap();
            (0..4_000).map(|i| Cell::run(&lowered, 77, i).unwrap()).collect()
        };
        let [off, usual, late] =
            ["sticky_escape_enabled=false", "sticky_escape_ttft_ms=15600", "sticky_escape_ttft_ms=40000"].map(cells);
        for (name, a, b) in [("15.6 s against 40 s", &late, &usual), ("off against on", &off, &usual)] {
            for path in [
                "felt_ttft_ms.mean",
                "felt_ttft_ms.p99",
                "sessions.worst_ttft_ms.p99",
                "sessions.stuck",
                "escapes.total",
            ] {
                let figure = Figure::of_run(path).unwrap();
                let (of_a, of_b) = (figure.column(a), figure.column(b));
                let truth = paired_of(&of_a, &of_b, Level::PERCENT_95).unwrap().difference.mean;
                let (mut wrong, mut told) = (0, 0);
                for (a, b) in of_a.chunks(20).zip(of_b.chunks(20)) {
                    let paired = paired_of(a, b, Level::PERCENT_95).unwrap();
                    let held = paired.difference.contains(truth).filter(|_| !paired.identical);
                    told += u32::from(held.is_some());
                    wrong += u32::from(held == Some(false));
                }
                println!("{name}, {path}: wrong {wrong} of 200, an interval in {told}");
                // 5 % are 10 of 200, with a standard error of 3.1: three of them on top
                assert!(wrong <= 19, "{name}, {path}: {wrong} of 200 answers are wrong");
            }
        }
    }

    /// The truth is not known of a simulation; the mean over all 20,000 replications is as good: its own error is 1/30
    /// of that of the 20 in a trial.
    #[test]
    #[ignore = "runs a small scenario 20,000 times"]
    fn intervals_over_20_replications_hold_the_truth_93_to_97_times_in_100_of_1000_trials() {
        let scenario = stickysim::scenario::load(&super::root().join(super::SMALL), &[]).unwrap().scenario;
        let lowered = lower(&scenario).unwrap();
        let cells: Vec<Cell> = (0..20_000).map(|i| Cell::run(&lowered, 77, i).unwrap()).collect();
        for path in ["felt_ttft_ms.mean", "felt_ttft_ms.p50", "sessions.worst_ttft_ms.p90", "requests.total"] {
            let values = Figure::of_run(path).unwrap().column(&cells);
            let truth = mean_interval_of(&values, Level::PERCENT_95).unwrap().mean;
            let held = values
                .chunks(20)
                .filter(|trial| mean_interval_of(trial, Level::PERCENT_95).unwrap().contains(truth) == Some(true))
                .count();
            println!("{path}: {held} of 1000");
            assert!((930..=970).contains(&held), "{path}: {held} of 1000 intervals hold {truth}");
        }
    }
}

mod decide {
    use super::*;

    /// The path of a scenario beside the project, if it is there.
    fn shared(path: &str) -> Option<String> {
        Some(beside::shared(path)?.display().to_string())
    }

    /// Two environments, in each of which another threshold is best: a line through the best point of the grid would
    /// not show that.
    #[test]
    fn a_sweep_over_an_environment_gives_regrets_and_never_says_that_the_key_shows_no_effect() {
        let arguments = [
            "sweep",
            SMALL,
            "--over",
            "conditions.slow.effect.ttft_factor=4,20",
            "--vary",
            "sticky_escape_ttft_ms=3000,8000,30000",
            "--replications",
            "4",
        ];
        let (text, status) = answer(&arguments);
        assert_eq!(status, 0, "{text}");
        assert!(text.contains("What to decide") && text.contains("for the worst case"), "{text}");
        assert!(!text.contains("no effect"), "{text}");
        let document = json(&[&arguments[..], &["--weights", "3,1"]].concat());
        let decision = &document["decision"];
        let regrets = decision["regrets"].as_array().unwrap();
        assert_eq!((regrets.len(), regrets[0].as_array().unwrap().len()), (4, 2), "three thresholds and escape off");
        for environment in 0..2 {
            let least = regrets.iter().filter_map(|row| row[environment].as_f64()).fold(f64::INFINITY, f64::min);
            assert_eq!(least, 0.0, "{decision}");
        }
        assert_eq!(decision["weights"], serde_json::json!([3.0, 1.0]));
        let wrong = run(&[&arguments[..], &["--weights", "1,2,3"]].concat());
        assert_eq!(wrong.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&wrong.stderr).contains("there are 2 environments"));
    }

    #[test]
    fn a_scenario_given_twice_to_tune_is_refused() {
        let output = run(&["tune", SMALL, SMALL, "--vary", "lb_top_k=1,3"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("is given twice"));
    }

    #[test]
    #[ignore = "tunes a scenario of slow relays without naming a key"]
    fn without_a_key_tune_finds_the_one_that_matters_on_slow_relays() {
        let Some(scenario) = shared("audit/operators/s5262.yaml") else { return };
        let document = json(&["tune", &scenario]);
        let screening = document["screening"].as_array().unwrap();
        let of = |key: &str| screening.iter().find(|row| row["key"] == key).unwrap()["matters"].as_bool().unwrap();
        assert!(of("lb_top_k") && !of("sticky_escape_error_rate"), "{screening:?}");
        assert!(document["headline"].as_str().unwrap().contains("lb_top_k 7 -> "), "{document}");
    }

    /// All of 2 s are as good, and 24 % dearer; 1 and 3 cannot be distinguished, and 3 is nearer to what there is.
    #[test]
    #[ignore = "tunes two keys of a pool of twelve accounts"]
    fn of_what_is_as_good_the_cheapest_and_then_the_nearest_is_set() {
        let Some(scenario) = shared("cases/tune-mind-the-bill/pool.yaml") else { return };
        let keys = ["--vary", "sticky_escape_ttft_ms=2000,4000,8000,30000", "--vary", "lb_top_k=1,3,7"];
        let document = json(&[&["tune", &scenario], &keys[..], &["--replications", "10", "--budget", "160"]].concat());
        assert_eq!(document["headline"], "SET sticky_escape_ttft_ms 15000 -> 4000, lb_top_k 7 -> 3");
    }

    /// Of four seeds. By brute force (6,000 replications), 5, 6 and 8 s are within 1.2 % of the best on T2, and 4 s is
    /// 3.4 % worse. On T1 what there is is within 3 % of the best.
    #[test]
    #[ignore = "tunes two scenarios of the audit on four seeds each"]
    fn tune_changes_a_threshold_that_is_too_high_and_keeps_one_that_is_right() {
        let Some(folder) = shared("audit/") else { return };
        let headline = |file: &str, seed: &str| {
            let vary = "sticky_escape_ttft_ms=2000:40000:log";
            let document = json(&["tune", &format!("{folder}{file}"), "--vary", vary, "--seed", seed]);
            document["headline"].as_str().unwrap().to_owned()
        };
        let seeds = ["1001", "1002", "1003", "1004"];
        let near = ["-> 5000", "-> 6000", "-> 8000"];
        let found: Vec<String> = seeds.iter().map(|seed| headline("T2.yaml", seed)).collect();
        let changed = found.iter().filter(|headline| near.iter().any(|end| headline.ends_with(end))).count();
        assert!(changed >= 3, "{found:?}");
        assert!(seeds.iter().all(|seed| headline("T1.yaml", seed).starts_with("KEEP")));
    }
}
