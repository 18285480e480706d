//! Calibration held against known truths: simulations exported in the log's shape, recordings of the running gateway,
//! sessions of the WEKA corpus, broken logs, and the export queries on a real PostgreSQL.

use std::path::{Path, PathBuf};

use stickysim::calibrate::backtest::Judgement;
use stickysim::calibrate::export::LogExport;
use stickysim::calibrate::spans::Limits;
use stickysim::calibrate::tries::Fault;
use stickysim::calibrate::{Calibrated, Options, Verdict, calibrate, gateway_log, report};
use stickysim::engine::Luck;
use stickysim::experiment::replicate::threads;
use stickysim::scenario::Document;
use stickysim::simulation::{lower, simulate_seen_by};
use stickysim::workload::replay::Format;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("stickysim-calibrate-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn options(log: &Path, out: &Path) -> Options {
    Options {
        log: log.to_path_buf(),
        format: None,
        accounts: None,
        escape_log: None,
        gateway_config: None,
        sets: Vec::new(),
        against: None,
        out: out.join("out"),
        force: false,
        tolerance: 0.1,
        replications: 40,
        limits: Limits::default(),
        seed: 1,
    }
}

fn run(options: &Options) -> Calibrated {
    calibrate(options, &threads(0).unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

// --- recordings of the running gateway ---

fn recording(case: &str, escape: bool, out: &Path) -> Options {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real-runs").join(case);
    let config = out.join("config.yaml");
    let text = format!(
        "gateway:\n  openai_scheduler:\n    sticky_escape_enabled: {escape}\n    sticky_escape_ttft_ms: 1500\n    \
         sticky_escape_error_rate: 0.5\n  scheduling:\n    sticky_session_max_waiting: 3\n    sticky_session_wait_timeout: 12s\n    \
         fallback_max_waiting: 100\n    fallback_wait_timeout: 3s\n"
    );
    std::fs::write(&config, text).unwrap();
    Options {
        accounts: Some(runs.join("accounts.jsonl.gz")),
        escape_log: Some(runs.join("escapes.log.gz")),
        gateway_config: Some(config),
        sets: vec![stickysim::scenario::Set::parse("account_defaults.protocol=http1").unwrap()],
        ..options(&runs.join("export.jsonl.gz"), out)
    }
}

/// The scripted truth: every account answers with a lognormal TTFT of median 150 ms and sigma 0.4 (measured 0.7 to 2.9 ms
/// longer), then an exponential body of mean 500 ms.
fn assert_healthy(case: &str, calibrated: &Calibrated) {
    for (id, account) in calibrated.input.tries.ids.iter().zip(&calibrated.fit.accounts) {
        let median = libm::exp(account.mu) * 1e3 - 1.8;
        assert!((median / 150.0 - 1.0).abs() < 0.05, "{case}, account {id}: median {median:.1} ms");
        assert!((account.sigma / 0.4 - 1.0).abs() < 0.05, "{case}, account {id}: sigma {:.3}", account.sigma);
    }
}

fn assert_slow(case: &str, calibrated: &Calibrated) {
    let slow = &calibrated.fit.slow;
    assert_eq!(slow.len(), 1, "{case}: {slow:?}");
    assert_eq!(calibrated.input.tries.ids[slow[0].account], 2, "{case}");
    assert!((slow[0].from_s - 40.0).abs() < 5.0, "{case}: {slow:?}");
    assert!((slow[0].factor / 20.0 - 1.0).abs() < 0.15, "{case}: {slow:?}");
    assert!(calibrated.fit.failing.is_empty(), "{case}: {:?}", calibrated.fit.failing);
}

fn assert_agrees(case: &str, calibrated: &Calibrated) {
    assert_eq!(calibrated.verdict, Verdict::Agrees, "{case}:\n{}", report::markdown(calibrated));
    let [agree, _, open] = calibrated.back_test.counts();
    assert!(agree > 4 * open, "{case}: {agree} figures agree, {open} cannot be told");
}

#[test]
fn a_recording_with_session_ids_is_understood_and_reproduced() {
    let out = folder("newer");
    let calibrated = run(&recording("slow-on-newer", true, &out));
    assert_eq!(calibrated.input.sessions.named, 2931);
    assert_healthy("slow-on-newer", &calibrated);
    assert_slow("slow-on-newer", &calibrated);
    assert_agrees("slow-on-newer", &calibrated);
    // what was written can be run and held against the log again
    let again = Options {
        against: Some(out.join("out/scenario.yaml")),
        out: out.join("again"),
        ..recording("slow-on-newer", true, &out)
    };
    assert_eq!(run(&Options { sets: Vec::new(), ..again }).verdict, Verdict::Agrees);
    std::fs::remove_dir_all(out).unwrap();
}

#[test]
#[ignore = "simulates a lot"]
fn recordings_without_session_ids_are_understood_and_reproduced() {
    for case in ["slow-on", "slow-off", "errors", "limits", "overload"] {
        let out = folder(case);
        let calibrated = run(&recording(case, case != "slow-off", &out));
        assert!(calibrated.input.sessions.untold > 2_000 && calibrated.input.sessions.named == 0, "{case}");
        assert!(report::summary(&calibrated).contains("cannot be told"), "{case}");
        assert_healthy(case, &calibrated);
        let failing = |fault: Fault| -> Vec<i64> {
            let of = calibrated.fit.failing.iter().filter(|span| span.fault == fault);
            of.map(|span| calibrated.input.tries.ids[span.account]).collect()
        };
        match case {
            "slow-on" | "slow-off" => assert_slow(case, &calibrated),
            "errors" => {
                assert_eq!((failing(Fault::Status(500)), calibrated.fit.failing.len()), (vec![3], 1), "{case}");
                let span = &calibrated.fit.failing[0];
                assert!((span.from_s - 40.0).abs() < 5.0 && (span.to_s.unwrap() - 100.0).abs() < 5.0, "{span:?}");
                assert!((span.rate - 0.7).abs() < 0.12, "{span:?}");
            }
            "limits" => {
                assert_eq!((failing(Fault::Status(429)), calibrated.fit.failing.len()), (vec![1, 4], 2), "{case}");
                assert!(calibrated.fit.failing.iter().all(|span| span.from_s > 35.0 && span.from_s < 100.0));
            }
            _ => assert!(calibrated.fit.failing.is_empty(), "{case}: {:?}", calibrated.fit.failing),
        }
        if !case.starts_with("slow") {
            assert!(calibrated.fit.slow.is_empty(), "{case}: {:?}", calibrated.fit.slow);
        }
        assert_agrees(case, &calibrated);
        std::fs::remove_dir_all(out).unwrap();
    }
}

#[test]
#[ignore = "simulates a lot"]
fn a_recording_with_escape_off_is_off_against_a_scenario_with_escape_on() {
    let out = folder("slow-off-on");
    let calibrated = run(&recording("slow-off", true, &out));
    assert_eq!(calibrated.verdict, Verdict::Off, "fitted with the wrong config");
    let off = |name: &str| {
        calibrated.back_test.figures.iter().any(|f| f.name == name && matches!(f.judgement, Judgement::Off(_)))
    };
    assert!(off("escapes.ttft") || off("escapes.concurrency_full"));
    let fitted = folder("slow-off-off");
    run(&recording("slow-off", false, &fitted));
    let against = Options {
        against: Some(fitted.join("out/scenario.yaml")),
        sets: vec![stickysim::scenario::Set::parse("sticky_escape_enabled=true").unwrap()],
        escape_log: None,
        out: out.join("against"),
        ..recording("slow-off", false, &out)
    };
    assert_eq!(run(&against).verdict, Verdict::Off, "even without the escape log");
    std::fs::remove_dir_all(out).unwrap();
    std::fs::remove_dir_all(fitted).unwrap();
}

// --- simulations whose truth is known ---

struct Truth {
    medians: Vec<f64>,
    bad: (i64, f64, f64, f64),
}

/// A random pool as a scenario: 2 % isolated slow requests, one account degraded for a while.
fn random_pool(seed: u64) -> (String, Truth) {
    let mut stream = Luck::new(seed).stream(99, 0, 0);
    let accounts = 3 + (stream.open01() * 5.0) as i64;
    let mut text = format!("seed: {seed}\nduration: 4h\ngroup_id: 1\naccounts:\n");
    let mut medians = Vec::new();
    for id in 1..=accounts {
        let (median, sigma) = (stream.between(0.3, 4.0), stream.between(0.25, 0.5));
        let (low, high) = (3.0 * median, 10.0 * median);
        medians.push(median);
        text.push_str(&format!(
            "  - id: {id}\n    concurrency: 60\n    prompt_cache: null\n    ttft: {{mixture: [{{weight: 0.98, of: {{lognormal: \
             {{p50: {:.3}ms, sigma: {sigma}}}}}}}, {{weight: 0.02, of: {{uniform: {{low: {:.3}ms, high: {:.3}ms}}}}}}]}}\n",
            median * 1e3,
            low * 1e3,
            high * 1e3
        ));
    }
    let bad = 1 + (stream.open01() * accounts as f64) as i64;
    let (from, lasting, factor) =
        (stream.between(3_600.0, 7_200.0), stream.between(1_800.0, 4_000.0), stream.between(3.0, 25.0));
    text.push_str(&format!(
        "conditions:\n  - name: bad\n    accounts: [{bad}]\n    when: {{scheduled: {{at: {from:.0}s, for: {lasting:.0}s}}}}\n    \
         effect: {{ttft_factor: {factor}}}\n"
    ));
    let rate = 45.0 * accounts as f64;
    text.push_str(&format!(
        "workload:\n  synth:\n    sessions_per_hour: {rate}\n    turns: {{constant: 15}}\n    think_time: {{exponential: {{mean: 20s}}}}\n"
    ));
    (text, Truth { medians, bad: (bad, from.round(), lasting.round(), factor) })
}

fn recovers(seeds: std::ops::Range<u64>) {
    let (mut healthy, mut false_spans, mut found, mut accounts, mut off) = (0, 0, 0, 0, Vec::new());
    let pools = seeds.end - seeds.start;
    for seed in seeds {
        let (text, truth) = random_pool(seed);
        let scenario =
            Document::parse(&text, Path::new("pool.yaml"), Path::new(".")).unwrap().resolve(&[]).unwrap().scenario;
        let lowered = lower(&scenario).unwrap();
        let ids: Vec<i64> = (1..=truth.medians.len() as i64).collect();
        let export = LogExport::new(ids, Some(1), |model| format!("m{model}"));
        let (_, export) = simulate_seen_by(&lowered, seed, export).unwrap();
        let out = folder(&format!("pool-{seed}"));
        let log = out.join("log.jsonl");
        std::fs::write(&log, export.lines()).unwrap();
        let log = gateway_log::read(&log).unwrap();
        let start = log.epoch_ms.unwrap() as f64 / 1e3 - lowered.start.unix_nanos() as f64 / 1e9;
        let tries = stickysim::calibrate::tries::Tries::of(&log);
        let fit = stickysim::calibrate::fit::fit(&tries, log.kinds.len(), Limits::default(), f64::INFINITY);
        for (id, account) in tries.ids.iter().zip(&fit.accounts) {
            let error = libm::exp(account.mu) / truth.medians[(*id - 1) as usize] - 1.0;
            healthy += account.answers;
            accounts += 1;
            if error.abs() > 0.05 {
                off.push((seed, *id, account.answers, error));
            }
        }
        let (bad, from, lasting, factor) = truth.bad;
        let place = tries.ids.iter().position(|&id| id == bad).unwrap();
        let mut right = false;
        for span in &fit.slow {
            let (begins, ends) = (span.from_s + start, span.to_s.map_or(14_400.0, |to| to + start));
            if span.account != place || ends < from || begins > from + lasting {
                false_spans += 1;
                continue;
            }
            let between = tries.of[place].iter().filter(|each| {
                let at = each.at_s + start;
                (at > from.min(begins)) && (at < from.max(begins))
            });
            right |= between.count() < 10 && (span.factor / factor - 1.0).abs() < 0.25;
        }
        if right {
            found += 1;
        } else {
            let inside =
                tries.of[place].iter().filter(|t| t.at_s + start > from && t.at_s + start < from + lasting).count();
            println!(
                "seed {seed}: {:?} for {:?} ({inside} attempts inside, log starts at {start})",
                fit.slow, truth.bad
            );
        }
        std::fs::remove_dir_all(out).unwrap();
    }
    println!(
        "{pools} pools, {accounts} accounts, {healthy} healthy answers: {found} spans found, {false_spans} false, medians off: {off:?}"
    );
    assert_eq!(found, pools, "every degraded span is found, its onset within 10 completions, its factor within 25 %");
    assert!(false_spans * 10_000 <= healthy, "{false_spans} false spans in {healthy} healthy answers");
    assert!(off.is_empty(), "medians within 5 %: {off:?}");
}

#[test]
fn parameters_of_simulated_pools_are_recovered() {
    recovers(0..4);
}

#[test]
#[ignore = "simulates a lot"]
fn parameters_of_fifty_simulated_pools_are_recovered() {
    recovers(100..150);
}

// --- sessions of the WEKA corpus ---

fn traces() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    [here.join("../shared/traces"), here.join("../../shared/traces")].into_iter().find(|folder| folder.is_dir())
}

#[test]
#[ignore = "reads traces that are not part of the project"]
fn times_of_the_weka_corpus_are_reproduced() {
    let Some(traces) = traces() else {
        println!("skipped: no ../shared/traces here");
        return;
    };
    for (name, least) in [("weka_claude_code_ttft.derived.csv", 4_000), ("weka_claude_code", 10)] {
        let out = folder(name);
        let options = Options { format: Some(Format::Weka), replications: 20, ..options(&traces.join(name), &out) };
        let calibrated = run(&options);
        let answers: usize = calibrated.fit.accounts.iter().map(|account| account.answers).sum();
        assert!(answers >= least, "{name}: {answers} answers");
        let mut told = 0;
        for figure in calibrated.back_test.figures.iter().filter(|figure| figure.name.starts_with("upstream_ttft_ms.p"))
        {
            let (Some(recorded), Some(simulated)) = (figure.recorded, figure.simulated) else { continue };
            println!("{name} {}: {recorded:.0} ms, simulated {simulated:.0} ms", figure.name);
            told += 1;
            assert!(
                (simulated / recorded - 1.0).abs() < 0.10,
                "{name} {}: {recorded} against {simulated}",
                figure.name
            );
        }
        assert!(told > 0 || answers < 20, "{name}");
        std::fs::remove_dir_all(out).unwrap();
    }
}

// --- broken logs ---

const GOOD: &str = r#"{"outcome":"ok","completed_ms":1795434646243,"arrival_ms":1795434645932,"arrival_src":"access","duration_ms":305,"ttft_ms":95,"pre_forward_ms":6,"account_id":1,"group_id":1,"model":"gpt-5"}"#;

fn log_of(name: &str, text: &str) -> (Result<stickysim::calibrate::records::Log, String>, PathBuf) {
    let folder = folder(name);
    let path = folder.join("log.jsonl");
    std::fs::write(&path, text).unwrap();
    let read = gateway_log::read(&path).map_err(|error| error.to_string());
    std::fs::remove_dir_all(folder).unwrap();
    (read, path)
}

#[test]
fn a_log_that_was_cut_off_loses_its_last_line_and_says_so() {
    let (log, _) = log_of("cut", &format!("{GOOD}\n{}", &GOOD[..60]));
    let log = log.unwrap();
    assert_eq!(log.records.len(), 1);
    assert!(log.notes.iter().any(|note| note.contains("line 2") && note.contains("cut off")), "{:?}", log.notes);
}

#[test]
fn doubled_rows_are_counted_once() {
    let (log, _) = log_of("double", &format!("{GOOD}\n{GOOD}\n{}\n", GOOD.replace("305", "304")));
    let log = log.unwrap();
    assert_eq!(log.records.len(), 2);
    assert!(
        log.notes.iter().any(|note| note.starts_with("1 lines left out") && note.contains("twice")),
        "{:?}",
        log.notes
    );
}

#[test]
fn an_older_schema_without_columns_is_read_and_what_is_missing_is_said() {
    let old = r#"{"completed_ms":1795434646243,"duration_ms":305,"ttft_ms":95,"account_id":1}"#;
    let (log, _) = log_of("old", &format!("{old}\n{}\n", old.replace("305", "310")));
    let log = log.unwrap();
    assert_eq!(log.records.len(), 2);
    assert!(log.records.iter().all(|record| record.before_s.is_none() && record.session.is_none()));
    assert!(
        log.notes.iter().any(|note| note.contains("2 of 2 requests have no row in the access log")),
        "{:?}",
        log.notes
    );
}

#[test]
fn what_is_no_log_is_an_error_with_its_place() {
    let (log, path) = log_of("none", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,374,44\n");
    let error = log.unwrap_err();
    assert!(error.contains(&format!("{}:1: ", path.display())) && error.contains("not JSON"), "{error}");
    let seconds = GOOD.replace("1795434646243", "1795434646").replace("1795434645932", "1795434645");
    let (log, _) = log_of("seconds", &format!("{seconds}\n{seconds}\n"));
    assert!(log.unwrap_err().contains("seconds instead?"));
}

#[test]
fn an_escape_log_of_another_time_zone_is_an_error_that_says_how_far_off() {
    let folder = folder("zone");
    let path = folder.join("escapes.log");
    let line = "2026-11-23T19:50:51.768Z INFO sticky_escape_triggered account_id=3 reason=ttft\n";
    std::fs::write(&path, line).unwrap();
    let error = stickysim::calibrate::escapes::read(&path, Some(1_795_434_645_932), 600.0).unwrap_err().to_string();
    assert!(error.contains("time zone") && error.contains("h:"), "{error}");
    std::fs::write(&path, line.replace("19:50:51.768Z", "19:50:51.768+0800")).unwrap();
    let escapes = stickysim::calibrate::escapes::read(&path, Some(1_795_434_645_932), 600.0).unwrap();
    assert_eq!(escapes.all.len(), 1);
    std::fs::remove_dir_all(folder).unwrap();
}

// --- the export queries ---

#[test]
#[ignore = "starts a PostgreSQL"]
fn the_export_queries_run_on_postgresql_and_give_rows_of_every_kind() {
    let out = folder("postgres");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export/run.sh");
    let done = std::process::Command::new("sh").arg(script).arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    println!("PostgreSQL: {}", said.trim());
    if said.starts_with("skipped") {
        return;
    }
    for (version, with_session) in [("older", 0), ("newer", 2)] {
        let path = out.join(format!("{version}.jsonl"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("my-session") && !text.contains("codex\""), "ids and agents are salted: {text}");
        let log = gateway_log::read(&path).unwrap();
        assert_eq!(log.records.len(), 8, "{version}: {:#?}", log.records);
        assert_eq!(log.records.iter().filter(|record| record.session.is_some()).count(), with_session, "{version}");
        let with = |what: &dyn Fn(&stickysim::calibrate::records::Record) -> bool| {
            log.records.iter().filter(|record| what(record)).count()
        };
        use stickysim::calibrate::records::Outcome;
        assert_eq!(with(&|record| record.outcome == Outcome::Ok), 4, "{version}");
        assert_eq!(with(&|record| record.outcome == Outcome::Broken), 1, "{version}");
        assert_eq!(with(&|record| record.outcome == Outcome::Failed(429)), 1, "{version}");
        assert_eq!(with(&|record| record.outcome == Outcome::Failed(502)), 2, "{version}");
        assert_eq!(with(&|record| record.failed.len() == 1), 1, "{version}");
        assert_eq!(with(&|record| record.failed.len() == 2), 1, "{version}");
        assert_eq!(with(&|record| record.before_s == Some(0.155)), 1, "{version}");
        assert!(log.notes.iter().any(|note| note.contains("WebSocket")), "{:?}", log.notes);
    }
    let accounts = std::fs::read_to_string(out.join("accounts.jsonl")).unwrap();
    assert!(!accounts.contains("secret") && !accounts.contains("example.com"), "{accounts}");
    let (known, _) = stickysim::calibrate::accounts::read(&out.join("accounts.jsonl"), Some(1), &[]).unwrap();
    assert_eq!(
        known.iter().map(|account| (account.id, account.oauth, account.concurrency)).collect::<Vec<_>>(),
        [(1, false, 4), (2, true, 8)]
    );
    std::fs::remove_dir_all(out).unwrap();
}

// --- anonymous traces ---

#[test]
fn an_anonymous_trace_keeps_the_numbers_and_loses_the_names() {
    use stickysim::calibrate::anonymise::{Anonymise, anonymise};
    use stickysim::workload::ReadConfig;
    use stickysim::workload::write::TraceWriter;
    let folder = folder("anonymous");
    let (from, to) = (folder.join("secret.jsonl"), folder.join("open.jsonl"));
    let rows = [
        r#"{"at_s":100.5,"session":"customer-4711","user":"alice@example.com","model":"in-house","input_tokens":50,"output_tokens":7,"recorded":{"account":90210,"ttft_ms":120,"duration_ms":300,"status":200}}"#,
        r#"{"at_s":101.5,"session":"customer-4711","user":"alice@example.com","model":"gpt-5","input_tokens":60,"output_tokens":8}"#,
    ];
    std::fs::write(&from, rows.join("\n")).unwrap();
    let how = Anonymise { salt: "pepper".to_owned(), rename_models: true, ..Anonymise::default() };
    let read = ReadConfig { path: from, ..ReadConfig::default() };
    let written = anonymise(&read, &how, TraceWriter::create(&to, None).unwrap()).unwrap();
    let text = std::fs::read_to_string(&to).unwrap();
    assert_eq!(written.rows, 2);
    for secret in ["customer", "alice", "90210", "in-house", "gpt-5", "100.5"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let log = stickysim::calibrate::records::Log::of_trace(&ReadConfig { path: to.clone(), ..ReadConfig::default() })
        .unwrap();
    assert_eq!(log.records[0].session, log.records[1].session);
    assert_eq!(log.kinds, ["model-1", "model-2"]);
    assert_eq!((log.records[0].at_s, log.records[1].at_s, log.records[1].input_tokens), (0.0, 1.0, Some(60)));
    let no_salt = anonymise(&read, &Anonymise::default(), TraceWriter::create(&to, None).unwrap());
    assert!(no_salt.unwrap_err().to_string().contains("salt"));
    std::fs::remove_dir_all(folder).unwrap();
}
