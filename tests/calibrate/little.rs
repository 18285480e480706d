//! Logs that say little: few rows, equal rows, impossible times. Whatever is written is a number that an
//! account can have, and one account's oddities do not spoil the others.

use super::*;
use serde_json::{Value, json};
use stickysim::calibrate::fit::{Fit, fit};
use stickysim::calibrate::tries::Tries;

const POOL: &str = "seed: 5\nduration: 20m\ngroup_id: 1\naccount_defaults: {concurrency: 20, prompt_cache: null, \
                    ttft: {lognormal: {p50: 1400ms, sigma: 0.6}}}\naccounts: [{count: 5}]\nworkload:\n  synth:\n    \
                    sessions_per_hour: 300\n    turns: {constant: 12}\n    think_time: {exponential: {mean: 20s}}\n";

fn fitted(rows: &[String], folder: &Path) -> (Vec<i64>, Fit) {
    let path = folder.join("log.jsonl");
    std::fs::write(&path, rows.join("\n")).unwrap();
    let log = gateway_log::read(&path).unwrap();
    let tries = Tries::of(&log);
    let fit = fit(&tries, log.kinds.len(), Limits::default(), f64::INFINITY);
    fit.check(&tries.ids).unwrap();
    (tries.ids, fit)
}

fn rows() -> Vec<String> {
    exported(POOL).0.lines().map(str::to_owned).collect()
}

fn median_ms(ids: &[i64], fit: &Fit, id: i64) -> f64 {
    libm::exp(fit.accounts[ids.binary_search(&id).unwrap()].mu) * 1e3
}

/// The row, served by `account` with this TTFT.
fn changed(row: &str, account: i64, ttft_ms: i64, duration_ms: i64) -> String {
    let mut row: Value = serde_json::from_str(row).unwrap();
    (row["account_id"], row["ttft_ms"], row["duration_ms"]) = (json!(account), json!(ttft_ms), json!(duration_ms));
    row.to_string()
}

#[test]
fn medians_of_any_few_rows_are_near_the_truth_and_never_no_number() {
    let folder = folder("subsets");
    let rows = rows();
    for seed in 0..300 {
        let mut stream = Luck::new(seed).stream(7, 0, 0);
        let few = 2 + (stream.open01() * 40.0) as usize;
        let subset: Vec<String> =
            (0..few).map(|_| rows[(stream.open01() * rows.len() as f64) as usize].clone()).collect();
        let (_, fit) = fitted(&subset, &folder);
        for account in &fit.accounts {
            let median = libm::exp(account.mu);
            assert!((0.3..6.0).contains(&median), "seed {seed}, {few} rows: {median} s");
            assert!((0.009..3.0).contains(&account.sigma), "seed {seed}, {few} rows: sigma {}", account.sigma);
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_account_with_one_row_or_with_equal_rows_leaves_the_others_as_they_are() {
    let folder = folder("equal");
    let rows = rows();
    let (ids, alone) = fitted(&rows, &folder);
    for equal in [1, 2, 5, 30] {
        let mut with = rows.clone();
        with.extend(rows.iter().step_by(17).take(equal).map(|row| changed(row, 99, 1_000, 5_000)));
        let (with_ids, with) = fitted(&with, &folder);
        for &id in &ids {
            let (before, after) = (median_ms(&ids, &alone, id), median_ms(&with_ids, &with, id));
            assert!((after / before - 1.0).abs() < 0.02, "{equal} rows: account {id} {before} -> {after} ms");
        }
        let odd = median_ms(&with_ids, &with, 99);
        assert!((900.0..1_600.0).contains(&odd), "{equal} rows: {odd} ms");
        if equal < 10 {
            assert!(odd > 1_250.0, "{equal} equal rows are not trusted wholly: {odd} ms");
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_command_writes_numbers_only_from_thirty_rows_and_from_thirty_equal_ones() {
    let folder = folder("written");
    let rows = rows();
    let thirty: Vec<String> = rows.iter().step_by(rows.len() / 30).take(30).cloned().collect();
    let equal: Vec<String> = thirty.iter().map(|row| changed(row, 1, 1_000, 5_000)).collect();
    for (name, rows) in [("thirty", &thirty), ("equal", &equal)] {
        let log = folder.join(format!("{name}.jsonl"));
        std::fs::write(&log, rows.join("\n")).unwrap();
        let options = Options { out: folder.join(name), replications: 5, ..options(&log, &folder) };
        let calibrated = run(&options);
        for file in ["report.md", "scenario.yaml"] {
            let text = std::fs::read_to_string(options.out.join(file)).unwrap();
            assert!(
                !text.contains("NaN") && !text.contains("inf ") && !text.contains("\"0s\""),
                "{name}, {file}: {text}"
            );
        }
        assert_ne!(calibrated.verdict, Agreement::Off, "{}", report::markdown(&calibrated));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn first_tokens_after_the_end_are_counted_said_and_left_out() {
    let folder = folder("after-the-end");
    let rows = rows();
    let path = folder.join("log.jsonl");
    let some: Vec<String> = (0_usize..)
        .zip(&rows)
        .map(|(place, row)| if place % 10 == 0 { changed(row, 1, 100_960, 1_552) } else { row.clone() })
        .collect();
    std::fs::write(&path, some.join("\n")).unwrap();
    let log = gateway_log::read(&path).unwrap();
    let said = format!("{} of {} requests have their first token after their end", some.len().div_ceil(10), some.len());
    assert!(log.notes.iter().any(|note| note.starts_with(&said)), "{said}: {:?}", log.notes);
    let (_, fit) = fitted(&some, &folder);
    assert!(fit.slow.is_empty() && fit.accounts.iter().all(|account| libm::exp(account.mu) < 2.0), "{fit:?}");
    // none is left: that is said, and no time is made of it
    let all: Vec<String> = rows.iter().take(300).map(|row| changed(row, 1, 100_960, 1_552)).collect();
    std::fs::write(&path, all.join("\n")).unwrap();
    let calibrated = run(&Options { replications: 5, ..options(&path, &folder) });
    assert_eq!(calibrated.verdict, Agreement::TooLittle, "{}", report::markdown(&calibrated));
    let notes = &calibrated.input.notes;
    assert!(notes.iter().any(|note| note.starts_with("300 of 300 requests have their first token")), "{notes:?}");
    assert!(notes.iter().any(|note| note.starts_with("no answer has a time to first token")), "{notes:?}");
    assert!(!calibrated.scenario.contains("0.500ms"), "{}", calibrated.scenario);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Times of two modes, 0.8 and 4 s, and one account six times slower for 40 minutes.
fn bimodal(seed: u64) -> String {
    let mode = |weight: f64, p50: u64| format!("{{weight: {weight}, of: {{lognormal: {{p50: {p50}ms, sigma: 0.3}}}}}}");
    let ttft = |share: f64| format!("{{mixture: [{}, {}]}}", mode(1.0 - share, 800), mode(share, 4_000));
    let account = |id: u64, share: f64| format!("  - {{id: {id}, ttft: {}}}\n", ttft(share));
    let accounts: String = [(1, 0.3), (2, 0.3), (3, 0.5), (4, 0.15)].map(|(id, share)| account(id, share)).concat();
    format!(
        "seed: {seed}\nduration: 4h\ngroup_id: 1\naccount_defaults: {{concurrency: 20, prompt_cache: null}}\n\
         accounts:\n{accounts}conditions:\n  - {{name: slow, accounts: [2], when: {{scheduled: {{at: 90m, for: \
         40m}}}}, effect: \
         {{ttft_factor: 6}}}}\nworkload:\n  synth:\n    sessions_per_hour: 120\n    turns: {{constant: 15}}\n    \
         think_time: {{exponential: {{mean: 20s}}}}\n"
    )
}

#[test]
fn times_of_two_modes_are_reproduced_and_make_no_spans() {
    for seed in 1..4 {
        let out = folder("bimodal");
        let calibrated = run(&verdicts::handed_over(&bimodal(seed), &out));
        let slow = &calibrated.fit.slow;
        let found: Vec<(i64, f64, Option<f64>)> =
            slow.iter().map(|span| (calibrated.input.tries.ids[span.account], span.from_s, span.to_s)).collect();
        assert_eq!(slow.len(), 1, "seed {seed}: {found:?}");
        assert!(found[0].0 == 2 && (found[0].1 - 5_400.0).abs() < 300.0, "seed {seed}: {found:?}");
        for figure in &calibrated.back_test.figures {
            // where one of four is slow for a sixth of the time, higher percentiles hang on which sessions it has
            let is_median = figure.name == "upstream_ttft_ms.p50" || figure.name.ends_with(".ttft_ms.p50");
            if let (true, Some((ratio, ..))) = (is_median, figure.ratio) {
                assert!((0.75..1.33).contains(&ratio), "seed {seed}: {figure:?}");
            }
        }
        assert_ne!(calibrated.verdict, Agreement::TooLittle, "seed {seed}");
        std::fs::remove_dir_all(out).unwrap();
    }
}
