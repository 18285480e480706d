//! Scenarios and the gateway's config as operators write them: what was meant is not dropped silently, and nothing that
//! is accepted runs for ever.

#[path = "common/calls.rs"]
mod calls;

use calls::{Folder, command, done, has, refused, said};
use std::process::Stdio;

/// What `check` prints of a scenario with this config of the gateway.
fn with_config(folder: &Folder, config: &str) -> Result<String, String> {
    folder.write("config.yaml", config);
    let scenario = folder.write("s.yaml", "accounts: [{count: 2}]\ngateway_config: config.yaml\n");
    let output = command(&["check", &scenario]).output().unwrap();
    if output.status.success() { Ok(said(&output)) } else { Err(said(&output)) }
}

mod gateway {
    use super::*;

    #[test]
    fn a_misspelt_key_or_one_at_the_wrong_level_is_a_warning_and_the_gateways_own_keys_are_none() {
        let folder = Folder::new("misspelt");
        let small = std::fs::read_to_string("tests/experiments/small.yaml").unwrap();
        for (tree, meant) in [
            ("{openai_scheduler: {sticky_escape_ttft: 5000}}", "openai_scheduler.sticky_escape_ttft_ms"),
            ("{sticky_escape_ttft_ms: 5000}", "openai_scheduler.sticky_escape_ttft_ms"),
            ("{openai_schedular: {sticky_escape_enabled: false}}", "openai_scheduler.sticky_escape_enabled"),
            ("{openai_ws: {lb_topk: 3}}", "openai_ws.lb_top_k"),
            ("{openai_ws: {score_weights: {ttft: 3}}}", "openai_ws.scheduler_score_weights.ttft"),
        ] {
            assert!(!small.contains("\ngateway:"), "small.yaml leaves the gateway to its defaults");
            let path = folder.write("s.yaml", format!("{small}\ngateway: {tree}\n"));
            let meant = format!("did you mean `gateway.{meant}`?");
            has(&done(&["check", &path]), &["warning: `gateway.", "is not read", &meant]);
            has(&done(&["run", &path]), &["warning: `gateway.", &meant]);
            let from_config = with_config(&folder, &format!("gateway: {tree}\n")).unwrap();
            has(&from_config, &["warning: `gateway.", &meant, "config.yaml"]);
        }
        let own = "server: {port: 8080}\ngateway:\n  max_account_switches_gemini: 3\n  response_header_timeout: 600\n  \
                   openai_first_output_timeout_seconds: 0\n  openai_ws: {enabled: true, retry_total_budget_ms: 5000}\n  \
                   scheduling: {outbox_lag_warn_seconds: 5, slot_cleanup_interval: 30s, prefer_soonest_reset: false}\n  \
                   openai_http2: {fallback_ttl_seconds: 600}\n";
        let text = with_config(&folder, own).unwrap();
        assert!(!text.contains("warning"), "{text}");
        let read = with_config(&folder, "gateway: {openai_first_output_timeout_seconds: 20}\n").unwrap();
        has(&read, &["gateway.openai_first_output_timeout_seconds: 20 (", "config.yaml"]);
        let high = "gateway: {openai_high_effort_first_output_timeout_seconds: 20}\n";
        let felt = with_config(&folder, high).unwrap();
        has(&felt, &["warning: `gateway.openai_high_effort_first_output_timeout_seconds` is not simulated"]);
    }

    #[test]
    fn a_timeout_of_the_first_output_and_short_cooldowns_change_what_users_feel() {
        let folder = Folder::new("timeouts");
        let text = "duration: 1h\naccounts: [{count: 4}]\nworkload: {synth: {sessions_per_hour: 60}}\nconditions:\n  - \
                    {name: sick, accounts: [1], when: {scheduled: {at: 10m, for: 40m}}, effect: {EFFECT}}\n";
        let figure = |effect: &str, set: &str, path: &str| {
            let scenario = folder.write("s.yaml", text.replace("EFFECT", effect));
            let arguments = ["run", scenario.as_str(), "--output", "csv", "--set", set];
            let all = done(&arguments);
            let line = all.lines().find_map(|line| line.strip_prefix(&format!("{path},"))).unwrap_or_default();
            line.parse::<f64>().unwrap_or_else(|_| panic!("{path}: {all}"))
        };
        let slow = |set: &str| figure("ttft_factor: 40", set, "outcomes.failed_attempts");
        assert_eq!(slow("openai_first_output_timeout_seconds=0"), 0.0);
        assert!(slow("openai_first_output_timeout_seconds=30") > 3.0);
        let overloaded = |code: u16, set: &str| {
            let effect = format!("error_rate: 1, error: {{status: {{code: {code}, after: {{constant: 200ms}}}}}}");
            figure(&effect, set, "outcomes.failed_attempts")
        };
        let (minutes, seconds) = (overloaded(529, "seed=1"), overloaded(529, "what_if.overload_cooldown=5s"));
        assert!(seconds > minutes, "who comes back earlier fails more often: {seconds} and {minutes}");
        let (never, as_529) = (overloaded(503, "seed=1"), overloaded(503, "what_if.overload_on_503=true"));
        assert!(as_529 < never, "an account that is taken out fails less: {as_529} and {never}");
        let off = "admin_settings.overload_cooldown_settings='{\"enabled\":false,\"cooldown_minutes\":10}'";
        assert!(overloaded(529, off) > minutes);
    }

    #[test]
    fn an_override_that_changes_nothing_is_an_error_wherever_it_stands() {
        let small = "tests/experiments/small.yaml";
        let ttft = "sticky_escape_ttft_ms=5000";
        let gate = &["sticky_escape_ttft_ms=5000 would change nothing", "the mode legacy has no escape gate"];
        has(&refused(&["run", small, "--set", "mode=legacy", "--set", ttft]), gate);
        has(&refused(&["check", small, "--set", "mode=legacy", "--set", ttft]), &["--set gateway.openai_scheduler"]);
        has(&refused(&["compare", small, "--set", "mode=legacy", "--a", ttft, "-r", "2"]), &["--a", "no escape gate"]);
        let vary = "sticky_escape_ttft_ms=2000,4000";
        has(
            &refused(&["sweep", small, "--set", "mode=legacy", "--vary", vary, "-r", "2"]),
            &["--vary", "no escape gate"],
        );
        has(
            &refused(&["tune", small, "--vary", "scheduler_score_weights.reset=0,1"]),
            &["--vary", "would change nothing"],
        );
        let socket = ["--set", "transport=websocket", "--set", "openai_first_output_timeout_seconds=9"];
        has(&refused(&[&["run", small], &socket[..]].concat()), &["over WebSocket there is no such timeout"]);
        // it does something on one of the two sides
        let both = ["compare", small, "--set", ttft, "--a", "mode=legacy", "--b", "mode=advanced", "-r", "2"];
        assert_ne!(
            command(&both).output().unwrap().status.code(),
            Some(2),
            "{}",
            said(&command(&both).output().unwrap())
        );
    }

    #[test]
    fn a_misspelt_variable_is_a_warning_and_a_page_of_settings_of_the_gateway_is_none() {
        let folder = Folder::new("variables");
        let scenario = folder.write("s.yaml", "accounts: [{count: 2}]\ngateway_env: compose.yaml\n");
        let with = |line: &str| {
            let compose = format!("services:\n  sub2api:\n    environment:\n      - {line}\n");
            folder.write("compose.yaml", compose);
            done(&["check", &scenario])
        };
        let text = with("GATEWAY_OPENAI_SCHEDULER_STICKY_ESCAPE_TTFT=8000");
        has(&text, &["warning:", "did you mean `GATEWAY_OPENAI_SCHEDULER_STICKY_ESCAPE_TTFT_MS`?", "compose.yaml"]);
        for own in ["GATEWAY_OPENAI_RESPONSE_HEADER_TIMEOUT=0", "POSTGRES_PASSWORD=${X:?needed}", "SERVER_MODE=release"]
        {
            assert!(!with(own).contains("warning"), "{own}");
        }
    }

    #[test]
    fn a_file_without_the_gateways_settings_is_refused_with_what_it_looks_like() {
        let folder = Folder::new("no-config");
        let compose = "services:\n  sub2api:\n    image: x\n    environment:\n      - GATEWAY_OPENAI_SCHEDULER_STICKY_ESCAPE_TTFT_MS=8000\n";
        has(
            &with_config(&folder, compose).unwrap_err(),
            &["has no `gateway` tree", "compose file", "GATEWAY_OPENAI_SCHEDULER_STICKY_ESCAPE_TTFT_MS=8000"],
        );
        let map =
            "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n    gateway:\n      openai_ws: {lb_top_k: 3}\n";
        has(&with_config(&folder, map).unwrap_err(), &["manifest of Kubernetes", "data[\"config.yaml\"]"]);
        let deployment = "apiVersion: apps/v1\nkind: Deployment\nspec: {containers: [{env: [{name: GATEWAY_OPENAI_WS_LB_TOP_K, value: '3'}]}]}\n";
        has(&with_config(&folder, deployment).unwrap_err(), &["GATEWAY_OPENAI_WS_LB_TOP_K"]);
        let high = "openai_scheduler:\n  sticky_escape_ttft_ms: 8000\n";
        has(&with_config(&folder, high).unwrap_err(), &["stands at the top", "gateway.openai_scheduler"]);
        let both = "gateway: {openai_ws: {lb_top_k: 3}}\nscheduling: {fallback_max_waiting: 5}\n";
        has(&with_config(&folder, both).unwrap_err(), &["stands at the top", "gateway.scheduling"]);
        let low = "sub2api:\n  gateway: {openai_ws: {lb_top_k: 3}}\n";
        has(&with_config(&folder, low).unwrap_err(), &["has no `gateway` tree", "under `sub2api`"]);
        let defaults = "server: {port: 8080}\ndatabase: {host: db}\n";
        has(&with_config(&folder, defaults).unwrap(), &["valid"]);
        has(&with_config(&folder, "rate_limit: {overload_cooldown_minutes: 5}\n").unwrap(), &["valid"]);
    }

    #[test]
    fn the_newest_names_of_weights_and_averages_are_read() {
        let folder = Folder::new("newest");
        folder.write(
            "config.yaml",
            "gateway:\n  max_provider_switches: 4\n  advanced_scheduler:\n    lb_top_k: 3\n    score_weights: {priority: 2.0, load: 0.5, queue: 0.1, \
             error_rate: 0.9, ttft: 4.0}\n    ewma_ttft_alpha: 0.4\n    ewma_error_rate_alpha: 0.1\n",
        );
        let scenario = folder.write("s.yaml", "accounts: [{count: 2}]\ngateway_config: config.yaml\n");
        let effective = |more: &[&str]| -> serde_json::Value {
            let output = command(&["check", &scenario, "--effective"]).args(more).output().unwrap();
            assert!(output.status.success(), "{}", said(&output));
            serde_json::from_slice(&output.stdout).unwrap()
        };
        let read = effective(&[]);
        let weights = &read["gateway"]["openai_ws"]["scheduler_score_weights"];
        for (name, value) in [("priority", 2.0), ("load", 0.5), ("queue", 0.1), ("error_rate", 0.9), ("ttft", 4.0)] {
            assert_eq!(weights[name].as_f64(), Some(value), "{name}");
        }
        assert_eq!(read["gateway"]["openai_ws"]["lb_top_k"], 3);
        assert_eq!(read["gateway"]["max_account_switches"], 4);
        assert_eq!(read["what_if"]["ewma_alpha"].as_f64(), Some(0.4));
        assert_eq!(read["what_if"]["ewma_error_rate_alpha"].as_f64(), Some(0.1));
        let own = effective(&["--set", "ewma_alpha=0.3"]);
        assert_eq!(own["what_if"]["ewma_alpha"].as_f64(), Some(0.3), "what the scenario says comes first");
        assert_eq!(own["what_if"]["ewma_error_rate_alpha"].as_f64(), Some(0.1));
    }

    #[test]
    fn a_set_that_changes_nothing_is_refused_wherever_it_stands() {
        for set in [
            "gateway.openai_scheduler.sticky_escape_ttft=5000",
            "gateway.openai_scheduler={sticky_escape_ttft: 5000}",
            "gateway={openai_ws: {retry_total_budget_ms: 5}}",
            "gateway.server.port=1",
            "rate_limit.other=1",
        ] {
            has(&refused(&["check", "tests/experiments/small.yaml", "--set", set]), &["error"]);
            has(
                &refused(&["sweep", "tests/experiments/small.yaml", "--vary", &set.replace('=', "=1,"), "-r", "2"]),
                &["error"],
            );
        }
    }
}

mod endless {
    use super::*;
    use std::time::Duration;
    #[expect(clippy::disallowed_types, reason = "the test is about wall time")]
    use std::time::Instant;

    /// Runs to an end within ten seconds (a busy machine is slow): a result, or an error that names one of the keys.
    fn ends(sets: &[&str], names: &[&str]) {
        let mut arguments = vec!["run", "tests/experiments/small.yaml"];
        sets.iter().for_each(|set| arguments.extend(["--set", set]));
        #[expect(clippy::disallowed_types, reason = "the test is about wall time")]
        let began = Instant::now();
        let mut child = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > Duration::from_secs(20) {
                child.kill().unwrap();
                panic!("{sets:?} does not end");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = child.wait_with_output().unwrap();
        match output.status.code() {
            Some(0) => {}
            Some(2) => assert!(names.iter().any(|name| said(&output).contains(name)), "{sets:?}: {}", said(&output)),
            other => panic!("{sets:?}: {other:?} {}", said(&output)),
        }
    }

    #[test]
    fn no_accepted_value_stops_virtual_time() {
        for set in [
            "accounts[0].ttft={lognormal: {p50: 1s, sigma: 20}}",
            "account_defaults.prefill_tokens_per_second=1e-300",
            "account_defaults.decode={tokens_per_second: {constant: 1e-8}}",
            "account_defaults.size_effect={exponent: 3, median_input_tokens: 1e-300}",
            "account_defaults.decode={time: {lognormal: {p50: 1s, sigma: 15}}}",
            "account_defaults.limit_after={constant: 30000h}",
        ] {
            ends(&[set], &["ttft", "prefill_tokens_per_second", "decode", "median_input_tokens", "limit_after"]);
        }
        ends(&["clients.patience={lognormal: {p50: 1s, sigma: 20}}"], &["patience"]);
        ends(&["workload.synth.think_time={lognormal: {p50: 1s, sigma: 20}}"], &["think_time"]);
    }

    #[test]
    fn recorded_times_beyond_all_use_end_too() {
        let folder = Folder::new("recorded");
        let row =
            |us: u64| format!("{{\"at_s\":0,\"attempts\":[{{\"kind\":\"ok\",\"ttft_us\":{us},\"end_us\":{us}}}]}}\n");
        for us in [i64::MAX as u64, 200_000_000_000_000] {
            let trace = folder.write("t.jsonl", row(us));
            let text =
                refused(&["run", "tests/experiments/small.yaml", "--trace", &trace, "--set", "service=recorded"]);
            assert!(text.contains("ten years") || text.contains("the times of the trace"), "{text}");
        }
    }

    #[test]
    fn a_list_that_no_key_takes_is_refused_before_it_fills_the_memory() {
        let folder = Folder::new("long");
        let path = folder.write("s.yaml", format!("accounts:\n{}", "- {}\n".repeat(300_000)));
        has(&refused(&["check", &path]), &["a list of more than 200000 values", "`count`"]);
    }

    #[test]
    fn workloads_that_no_memory_holds_and_cycles_that_have_no_time_are_refused() {
        let small = "tests/experiments/small.yaml";
        let many = ["check", small, "--set", "workload.synth.sessions_per_hour=1e9", "--set", "duration=87600h"];
        has(&refused(&many), &["sessions", "max_sessions"]);
        let limited = [&many[..], &["--set", "workload.max_sessions=10"]].concat();
        has(&done(&limited), &["valid"]);
        let cycle = "workload.synth.profile={cycle: {period: 1ns, factors: [0, 1]}}";
        has(&refused(&["check", small, "--set", cycle]), &["`period` must be at least 1s"]);
    }

    #[test]
    fn a_limit_of_no_requests_gives_none_whatever_they_come_from() {
        let folder = Folder::new("none");
        let trace = folder.write("t.csv", "at_s,session\n0,a\n1,a\n");
        for more in [
            ["--set", "workload.max_requests=0"].as_slice(),
            &["--set", "workload.max_sessions=0"],
            &["--set", "workload.max_requests=0", "--trace", &trace],
        ] {
            let text = done(&[&["run", "tests/experiments/small.yaml", "--check"], more].concat());
            has(&text, &["0 requests, 0 ok", "check: every invariant holds"]);
        }
        let busy = folder.write("busy.yaml", "accounts: [{count: 2}]\nduration: 10m\nworkload: {max_requests: 0}\n");
        has(&done(&["run", &busy, "--check"]), &["0 requests, 0 ok"]);
        let one = ["--set", "workload.max_requests=1", "--set", "warmup=0s"];
        let one = done(&[&["run", "tests/experiments/small.yaml"], &one[..]].concat());
        has(&one, &["1 request, 1 ok"]);
    }
}

mod names {
    use super::*;

    #[test]
    fn accounts_that_share_a_name_are_told_apart() {
        let folder = Folder::new("names");
        let text = "duration: 20m\naccounts: [{count: 2, name: plus}, {count: 1, name: pro}, {count: 1}]\n";
        let path = folder.write("s.yaml", text);
        has(&done(&["run", &path]), &[" 1 plus-1 ", " 2 plus-2 ", " 3 pro ", "\n  4 "]);
    }

    #[test]
    fn names_that_would_break_a_line_are_refused() {
        let folder = Folder::new("lines");
        for text in [
            "accounts: [{count: 1, name: \"a\\nb\"}]\n",
            "name: \"a\\u202Eb\"\naccounts: [{count: 1}]\n",
            "accounts: [{count: 1}]\nconditions: [{name: \"x\\ty\", accounts: [1], when: {scheduled: {at: 1m}}, effect: {ttft_factor: 2}}]\n",
        ] {
            let path = folder.write("s.yaml", text);
            has(&refused(&["check", &path]), &["no line breaks"]);
        }
    }
}

mod unused {
    use super::*;

    #[test]
    fn check_says_what_a_scenario_amounts_to() {
        let text = done(&["check", "scenarios/quota-429.yaml"]);
        has(
            &text,
            &[
                "lasts ",
                "limit ",
                "escape      on: TTFT EWMA over 15 s, error rate over 50 %",
                "an hour, about",
                "medians:",
            ],
        );
    }

    #[test]
    fn runs_say_what_stayed_unused() {
        let folder = Folder::new("unused");
        let text = "duration: 30m\naccounts:\n  - {count: 2, concurrency: 50, limits: [{per: 1m, requests: 100000}]}\n  \
                    - {count: 2, priority: 900, concurrency: 50}\ngateway: {openai_ws: {lb_top_k: 1, scheduler_score_weights: {priority: 100}}}\n\
                    workload: {synth: {sessions_per_hour: 200}}\n";
        let path = folder.write("s.yaml", text);
        has(&done(&["run", &path]), &["accounts 3-4 were never chosen", "no limit of account"]);
        let tight = done(&["run", &path, "--set", "accounts[0].limits=[{per: 1m, requests: 1}]"]);
        assert!(!tight.contains("no limit of"), "{tight}");
        let warm = "duration: 1h\nwarmup: 30m\naccounts: [{count: 2}]\nconditions: [{name: slow, accounts: [1], \
                    when: {scheduled: {at: 1m, for: 5m}}, effect: {ttft_factor: 9}}]\n";
        let path = folder.write("w.yaml", warm);
        has(&done(&["check", &path]), &["`slow` is over before the warm-up ends"]);
    }
}
