//! Prompt caches of simulated pools: how long prefixes live, in which blocks, from which length on, and what reading
//! the rest costs.

use super::*;
use stickysim::calibrate::cache::{Cache, fit};
use stickysim::calibrate::{sessions, tries::Tries};

/// Two accounts with this prompt cache; sessions whose think times span three decades, and an account that is slow
/// for a while so that sessions move.
fn pool(seed: u64, cache: &str, more: &str) -> String {
    format!(
        "seed: {seed}\nduration: 5h\ngroup_id: 1\naccounts:\n  - id: 1\n    count: 3\n    concurrency: 60\n    \
         prompt_cache: {cache}\n    ttft: {{lognormal: {{p50: 1s, sigma: 0.35}}}}\n    size_effect: \
         null\n{more}conditions:\n  - name: bad\n    accounts: [2]\n    when: {{scheduled: {{at: 2h, for: \
         40m}}}}\n    effect: {{ttft_factor: 25}}\nworkload:\n  synth:\n    sessions_per_hour: 70\n    turns: \
         {{constant: 14}}\n    think_time: {{lognormal: {{p50: 90s, sigma: 1.3}}}}\n    input_tokens: {{start: \
         {{lognormal: {{p50: 2500, sigma: 0.6}}}}, growth: {{lognormal: {{p50: 1500, sigma: 0.8}}}}}}\n"
    )
}

/// The log that the gateway would have written.
fn log(text: &str) -> stickysim::calibrate::records::Log {
    let (export, _) = exported(text);
    let out = folder("cache");
    let path = out.join("log.jsonl");
    std::fs::write(&path, export).unwrap();
    let log = gateway_log::read(&path).unwrap();
    std::fs::remove_dir_all(out).unwrap();
    log
}

#[test]
fn lives_blocks_and_shortest_prefixes_of_caches_are_recovered() {
    for (seed, ttl, block, least) in [
        (1, 300, 128, 1_024),
        (2, 300, 128, 1_024),
        (3, 60, 64, 2_048),
        (4, 420, 128, 1_024),
        (5, 600, 256, 1_024),
        (6, 1_800, 1, 1_024),
        (7, 3_600, 128, 4_096),
        (8, 900, 16, 1_024),
    ] {
        let cache = format!("{{ttl: {ttl}s, block_tokens: {block}, min_tokens: {least}}}");
        let log = log(&pool(seed, &cache, ""));
        let Cache::Fitted { ttl_s, between_s, block_tokens, min_tokens, turns, right, depth } =
            fit(&log, &sessions::infer(&log).of)
        else {
            panic!("seed {seed}: no cache");
        };
        println!(
            "seed {seed}: ttl {ttl_s} s ({between_s:?}) for {ttl}, blocks {block_tokens} for {block}, least \
             {min_tokens} for {least}; {turns} turns, {right:.4} right, depth {depth:.3}"
        );
        assert!((ttl_s as f64 / f64::from(ttl) - 1.0).abs() < 0.05, "seed {seed}: {ttl_s} s");
        assert!(
            between_s.0 <= f64::from(ttl) && between_s.1.is_none_or(|to| to >= f64::from(ttl) - 1.0),
            "{between_s:?}"
        );
        assert_eq!(block_tokens, block, "seed {seed}");
        assert!((f64::from(min_tokens) / f64::from(least) - 1.0).abs() < 0.1, "seed {seed}: {min_tokens} tokens");
        assert!(right > 0.99 && depth > 0.95, "seed {seed}: {right} {depth}");
    }
}

#[test]
fn what_reading_uncached_input_costs_is_recovered() {
    for (seed, speed) in [
        (1, 2_000.0),
        (5, 2_000.0),
        (6, 2_000.0),
        (7, 2_000.0),
        (2, 5_000.0),
        (8, 5_000.0),
        (3, 10_000.0),
        (4, 20_000.0),
    ] {
        let log = log(&pool(seed, "{ttl: 300s}", &format!("    prefill_tokens_per_second: {speed}\n")));
        let mut tries = Tries::of(&log);
        tries.fit_prefill(log.kinds.len(), Limits::default());
        let found = tries.prefill_tokens_per_s.unwrap_or(f64::INFINITY);
        let fit = stickysim::calibrate::fit::fit(&tries, log.kinds.len(), Limits::default(), f64::INFINITY);
        let medians: Vec<f64> = fit.accounts.iter().map(|account| libm::exp(account.mu)).collect();
        println!("seed {seed}: {found:.0} tokens/s for {speed}, medians {medians:.3?}, spans {:?}", fit.slow);
        assert!((found / speed - 1.0).abs() < 0.15, "seed {seed}: {found} for {speed}");
        assert!(medians.iter().all(|median| (median - 1.0).abs() < 0.02), "seed {seed}: {medians:?}");
        assert!(fit.slow.len() == 1 && (fit.slow[0].factor / 25.0 - 1.0).abs() < 0.25, "seed {seed}: {:?}", fit.slow);
    }
}

#[test]
fn no_cost_of_reading_is_found_where_there_is_none() {
    for seed in 1..5 {
        let log = log(&pool(seed, "{ttl: 300s}", ""));
        let mut tries = Tries::of(&log);
        tries.fit_prefill(log.kinds.len(), Limits::default());
        // a speed at which nothing can be noticed is as good as none
        let found = tries.prefill_tokens_per_s.unwrap_or(f64::INFINITY);
        assert!(found > 200_000.0, "seed {seed}: {found}");
    }
}

#[test]
fn requests_with_failed_attempts_tell_nothing_of_caches() {
    let mut log = log(&pool(9, "{ttl: 300s}", ""));
    let sessions = sessions::infer(&log).of;
    let honest = fit(&log, &sessions);
    // what such a request is said to have found is falsified; the reader of the log leaves it out
    let text = r#"{"outcome":"ok","completed_ms":1795434646243,"duration_ms":305,"ttft_ms":95,"account_id":1,"input_tokens":10,"cache_read_tokens":4000,"attempts":[{"at_ms":1795434646000,"account_id":2,"status":500,"kind":"failover"}]}"#;
    let out = folder("falsified");
    std::fs::write(out.join("log.jsonl"), text).unwrap();
    let falsified = gateway_log::read(&out.join("log.jsonl")).unwrap();
    std::fs::remove_dir_all(out).unwrap();
    assert_eq!(falsified.records[0].cached_tokens, None);
    assert!(
        falsified.notes.iter().any(|note| note.contains("cached tokens are not looked at")),
        "{:?}",
        falsified.notes
    );
    for record in log.records.iter_mut().step_by(10) {
        record.cached_tokens = None;
    }
    let Cache::Fitted { ttl_s, .. } = honest else { panic!("{honest:?}") };
    assert!(matches!(fit(&log, &sessions), Cache::Fitted { ttl_s: again, .. } if again == ttl_s));
}
