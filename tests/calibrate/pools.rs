//! Simulated pools, exported as the gateway would have logged them: what went in must come out.

use super::*;

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
            "  - id: {id}\n    concurrency: 60\n    prompt_cache: null\n    ttft: {{mixture: [{{weight: 0.98, of: \
             {{lognormal: \
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
        "conditions:\n  - name: bad\n    accounts: [{bad}]\n    when: {{scheduled: {{at: {from:.0}s, for: \
         {lasting:.0}s}}}}\n    effect: {{ttft_factor: {factor}}}\n"
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
        let (export, run_start) = exported(&text);
        let out = folder(&format!("pool-{seed}"));
        let log = out.join("log.jsonl");
        std::fs::write(&log, export).unwrap();
        let log = gateway_log::read(&log).unwrap();
        let start = log.epoch_ms.unwrap() as f64 / 1e3 - run_start;
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
