//! Times to first token of other formats: Claude Code sessions of the WEKA corpus, and Codex rollouts.

use super::*;

#[test]
#[ignore = "reads traces that are not part of the project"]
fn times_of_the_weka_corpus_are_reproduced() {
    let Some(traces) = beside::shared("traces") else { return };
    for (name, least) in [("weka_claude_code_ttft.derived.csv", 4_000), ("weka_claude_code", 10)] {
        let out = folder(name);
        let options = Options { format: Some(Format::Weka), replications: 20, ..options(&traces.join(name), &out) };
        let calibrated = run(&options);
        let answers: usize = calibrated.fit.accounts.iter().map(|account| account.answers).sum();
        assert!(answers >= least, "{name}: {answers} answers");
        // the table has enough for all three; ten sessions of the corpus have too few for any
        reproduces(name, &calibrated, answers > 1_000);
        std::fs::remove_dir_all(out).unwrap();
    }
}

// --- Codex rollouts ---

/// A folder of rollouts as Codex writes them: some turns fail, some have no time to first token, some are aborted,
/// one file was cut off. Times to first token are lognormal, with isolated slow ones.
fn rollouts(out: &Path, seed: u64, median_s: f64, sigma: f64) -> Vec<f64> {
    let mut times = Vec::new();
    let ttft = stickysim::engine::Distribution::lognormal(libm::log(median_s), sigma).unwrap();
    for session in 0..40_u64 {
        let mut stream = Luck::new(seed).stream(7, session, 0);
        let mut at_ms = 1_789_200_000_000.0 + 90_000.0 * session as f64;
        let stamp = |ms: f64| jiff::Timestamp::from_millisecond(ms as i64).unwrap().to_string();
        let mut text = format!(
            "{{\"timestamp\":\"{}\",\"type\":\"session_meta\",\"payload\":{{\"id\":\"s-{session}\",\"cwd\":\"/x\"}}}}\n\
             {{\"timestamp\":\"{0}\",\"type\":\"turn_context\",\"payload\":{{\"model\":\"gpt-5\"}}}}\n",
            stamp(at_ms)
        );
        let mut total = 0;
        for turn in 0..30 {
            at_ms += stream.between(20_000.0, 90_000.0);
            let slow = if stream.chance(0.02) { stream.between(3.0, 8.0) } else { 1.0 };
            let first = ttft.sample(&mut stream) * slow * 1e3;
            let took = first + stream.between(2_000.0, 20_000.0);
            total += 1_000;
            let start = at_ms;
            at_ms += took;
            let mut line = |kind: &str, more: String| {
                text.push_str(&format!(
                    "{{\"timestamp\":\"{}\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"{kind}\",\"turn_id\":\"t{turn}\"{more}}}}}\n",
                    stamp(at_ms)
                ));
            };
            line("task_started", String::new());
            line(
                "token_count",
                format!(
                    ",\"info\":{{\"total_token_usage\":{{\"total_tokens\":{total}}},\"last_token_usage\":{{\"input_tokens\":{},\
                     \"cached_input_tokens\":0,\"output_tokens\":200}}}}",
                    4_000 + 300 * turn
                ),
            );
            let ends = format!(
                ",\"started_at\":{:.3},\"completed_at\":{:.3},\"duration_ms\":{took:.0}",
                start / 1e3,
                at_ms / 1e3
            );
            let luck = stream.open01();
            if luck < 0.05 {
                line("task_complete", format!("{ends},\"error\":{{\"codex_error_info\":\"usage_limit_exceeded\"}}"));
            } else if luck < 0.15 {
                line("task_complete", ends);
            } else if luck < 0.2 {
                line("turn_aborted", String::new());
            } else {
                line("task_complete", format!("{ends},\"time_to_first_token_ms\":{first:.0}"));
                times.push(first.round());
            }
        }
        if session == 17 {
            text.truncate(text.len() - 40);
        }
        std::fs::write(out.join(format!("rollout-{session:02}.jsonl")), text).unwrap();
    }
    times
}

#[test]
fn times_of_codex_rollouts_are_reproduced_and_what_is_broken_is_counted() {
    for (seed, median, sigma) in [(1, 1.2, 0.4), (2, 4.0, 0.6), (3, 0.5, 0.25)] {
        let out = folder(&format!("codex-{seed}"));
        let logs = out.join("sessions");
        std::fs::create_dir_all(&logs).unwrap();
        let times = rollouts(&logs, seed, median, sigma);
        let options = Options { format: Some(Format::Codex), replications: 20, ..options(&logs, &out) };
        let calibrated = run(&options);
        assert!(calibrated.input.notes.iter().any(|note| note.contains("cut off")), "{:?}", calibrated.input.notes);
        assert!(calibrated.input.notes.iter().any(|note| note.contains("aborted")), "{:?}", calibrated.input.notes);
        let account = &calibrated.fit.accounts[0];
        assert!(account.answers.abs_diff(times.len()) <= times.len() / 20, "{} of {}", account.answers, times.len());
        assert!((libm::exp(account.mu) / median - 1.0).abs() < 0.05, "seed {seed}: {}", libm::exp(account.mu));
        assert!((account.sigma / sigma - 1.0).abs() < 0.1, "seed {seed}: {}", account.sigma);
        assert!(calibrated.fit.slow.is_empty(), "{:?}", calibrated.fit.slow);
        reproduces(&format!("codex, seed {seed}"), &calibrated, true);
        assert!(calibrated.back_test.agrees(), "{}", report::markdown(&calibrated));
        std::fs::remove_dir_all(out).unwrap();
    }
}

/// Recorded percentiles of the time to first token are those of simulations within 10 %: `all` of them, or those that
/// the sample can tell.
fn reproduces(name: &str, calibrated: &Calibrated, all: bool) {
    for percentile in ["p50", "p90", "p99"] {
        let path = format!("upstream_ttft_ms.{percentile}");
        let figure = calibrated.back_test.figures.iter().find(|figure| figure.name == path).unwrap();
        let (Some(recorded), Some(simulated)) = (figure.recorded, figure.simulated) else {
            assert!(!all, "{name}: nothing is known of {path}");
            continue;
        };
        println!("{name}, {percentile}: {recorded:.0} ms, simulated {simulated:.0} ms");
        assert!((simulated / recorded - 1.0).abs() < 0.10, "{name}, {percentile}: {recorded} against {simulated}");
    }
}
