//! The invariants of a run (spec simulator.md, "Invariants") on random scenarios.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use stickysim::measure::{Finished, Forwarded, Observer, Selected};
use stickysim::scenario::{Document, Set};
use stickysim::simulation::{Lowered, lower, simulate, simulate_seen_by};
use stickysim::workload::RecordedAttempt;

/// A random scenario as YAML text: a small pool, some conditions, a few hundred to a few thousand requests.
fn scenarios() -> impl Strategy<Value = String> {
    let account = (0i64..6, 0u8..3, prop::bool::ANY, prop::bool::ANY, 0u8..5).prop_map(|(slots, priority, http1, oauth, extra)| {
        let more = match extra {
            0 => "pool_mode: true, pool_mode_retry_count: 2",
            1 => "failures: [{probability: 0.1, error: {status: {code: 500}}}]",
            2 => "failures: [{probability: 0.05, error: {status: {code: 429, reset_after: {constant: 20s}}}}, {probability: 0.05, error: {broken: {}}}]",
            3 => "limits: [{per: 1m, requests: 30}]",
            _ => "load_slowdown: {free: 1, ttft_share: 0.2, decode_share: 0.1}",
        };
        let (protocol, kind) = (if http1 { "http1" } else { "http2" }, if oauth { "oauth" } else { "api_key" });
        format!("concurrency: {slots}, priority: {priority}, protocol: {protocol}, type: {kind}, {more}")
    });
    let condition = (0u8..5, 1u32..20, 0.0f64..1.0).prop_map(|(kind, factor, rate)| {
        let when = match kind {
            0 => "scheduled: {at: 2m, for: 5m, ramp_in: 30s}",
            1 => "flapping: {on: 40s, off: 50s}",
            2 => "markov: {states: [{name: well, sojourn: {exponential: {mean: 2m}}, next: [{state: ill, weight: 1}]}, \
                  {name: ill, sojourn: {exponential: {mean: 1m}}, effect: {ttft_factor: 30}, next: [{state: well, weight: 1}]}]}",
            3 => "triggered: {requests: 10, per: 1m, for: 1m}",
            _ => "scheduled: {at: 0s}",
        };
        let effect = match kind {
            2 => String::new(),
            _ => format!(", effect: {{ttft_factor: {factor}, error_rate: {:.2}}}", rate * rate),
        };
        format!("when: {{{when}}}{effect}")
    });
    let pool = prop::collection::vec(account, 1..7);
    let conditions = prop::collection::vec(condition, 0..3);
    let rest = (1u64..1_000_000, 100u32..4_000, 0u8..4, 1u32..4, prop::bool::ANY, 0u8..3, prop::bool::ANY, 0u8..4);
    (pool, conditions, rest).prop_map(
        |(pool, conditions, (seed, per_hour, clients, replicas, websocket, limits, on, mode))| {
            let mode = ["", "mode: legacy\n", "mode: advanced\n", "mode: weighted\n"][usize::from(mode)];
            let mut text = format!("name: random\nseed: {seed}\n{mode}duration: 15m\nwarmup: 1m\naccounts:\n");
            for (i, account) in pool.iter().enumerate() {
                text += &format!("  - {{id: {}, {account}}}\n", i * 3 + 1);
            }
            if !conditions.is_empty() {
                text += "conditions:\n";
            }
            for (i, condition) in conditions.iter().enumerate() {
                let account = (i % pool.len()) * 3 + 1;
                text += &format!("  - {{name: c{i}, accounts: [{account}], {condition}}}\n");
            }
            text += &format!(
                "transport: {}\nreplicas: {{count: {replicas}, restarts: [{{at: 4m, replica: 0}}]}}\n\
             workload: {{synth: {{preset: chat, sessions_per_hour: {per_hour}, sessionless_share: 0.1, users: 5, \
             previous_response: {websocket}}}}}\n\
             gateway: {{openai_scheduler: {{sticky_escape_enabled: {on}, sticky_escape_ttft_ms: 3000}}, \
             max_account_switches: {limits}, scheduling: {{fallback_max_waiting: 5, fallback_wait_timeout: 10s, \
             sticky_session_wait_timeout: 20s}}}}\n",
                if websocket { "websocket" } else { "http" }
            );
            text += match clients {
                1 => "clients: {patience: {lognormal: {p50: 10s, p90: 40s}}}\n",
                2 => "clients: {retry: {on: [429, 502, 503], max: 2, backoff: 1s}}\n",
                3 if !websocket => "clients: {user_concurrency: 2, patience: {constant: 30s}}\n",
                _ => "",
            };
            text
        },
    )
}

fn prepare(text: &str, sets: &[(&str, &str)]) -> Lowered {
    let document =
        Document::parse(text, Path::new("random.yaml"), Path::new("")).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let sets: Vec<Set> = sets.iter().map(|(key, value)| Set::new(key, value).unwrap()).collect();
    let loaded = document.resolve(&sets).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mut lowered = lower(&loaded.scenario).unwrap();
    lowered.measure.check = true;
    lowered
}

/// What each forward met, by request, visit and account; and whether anybody escaped.
#[derive(Default)]
struct Fates {
    fates: BTreeMap<(u64, u32, u32), RecordedAttempt>,
    escapes: u64,
    ended: u64,
}

impl Observer for Fates {
    fn selected(&mut self, step: &Selected<'_>) {
        self.escapes += u64::from(step.decision.escape.is_some());
    }

    fn forwarded(&mut self, step: &Forwarded<'_>) {
        self.fates.insert((step.request.luck, step.visit, step.account.0), step.attempt.fate);
    }

    fn finished(&mut self, _finished: &Finished<'_>) {
        self.ended += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_invariant_holds_on_random_scenarios(text in scenarios()) {
        let lowered = prepare(&text, &[]);
        let (run, fates) = simulate_seen_by(&lowered, lowered.seed, Fates::default()).unwrap();
        prop_assert!(run.results.violation_count == 0, "{:#?}\n{text}", run.results.violations);
        prop_assert_eq!(run.totals.requests, fates.ended, "every request ends exactly once");
        if !lowered.measure.gate.enabled {
            prop_assert_eq!(fates.escapes, 0, "with escape off, no escape is counted");
        }
    }

    #[test]
    fn the_same_scenario_and_seed_give_the_same_figures(text in scenarios()) {
        let lowered = prepare(&text, &[]);
        let [a, b] = [0, 1].map(|_| simulate(&lowered, lowered.seed).unwrap());
        prop_assert_eq!(a.totals, b.totals);
        prop_assert_eq!(format!("{:?}", a.results.figures), format!("{:?}", b.results.figures));
    }
}

/// Every shipped scenario in each mode, whole: no invariant is violated.
#[test]
fn the_three_modes_run_every_shipped_scenario_under_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 9);
    for (path, mode) in paths.iter().flat_map(|path| ["legacy", "advanced", "weighted"].map(|mode| (path, mode))) {
        let text = std::fs::read_to_string(path).unwrap();
        let lowered = prepare(&text, &[("mode", mode)]);
        let run = simulate(&lowered, lowered.seed).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy();
        assert!(run.totals.requests > 10_000, "{name}, {mode}");
        assert_eq!(run.results.violations, Vec::<String>::new(), "{name}, {mode}");
    }
}

/// Two policies on one seed: wherever they make the same choice for a request, it meets the same luck. (Accounts
/// without limits, slowdown or cache: there a forward's fate hangs on nothing but its luck and the time.)
#[test]
fn a_policy_change_does_not_alter_the_luck_of_requests_that_it_did_not_touch() {
    let text = "
        name: luck
        seed: 11
        duration: 2h
        account_defaults: {concurrency: 20, prompt_cache: null}
        accounts: [{count: 6}]
        conditions:
          - {name: slow, accounts: [2], when: {scheduled: {at: 0s}}, effect: {ttft_factor: 15}}
        workload: {synth: {preset: chat, sessions_per_hour: 1500}}
    ";
    let played = |enabled: &str| {
        let lowered = prepare(text, &[("gateway.openai_scheduler.sticky_escape_enabled", enabled)]);
        simulate_seen_by(&lowered, lowered.seed, Fates::default()).unwrap().1.fates
    };
    let (on, off) = (played("true"), played("false"));
    let shared: Vec<_> = on.iter().filter(|(key, _)| off.contains_key(key)).collect();
    assert!(shared.len() > 1_000 && shared.len() < on.len(), "{} of {} choices are the same", shared.len(), on.len());
    for (key, fate) in shared {
        assert_eq!(off[key], *fate, "request, visit, account {key:?}");
    }
}
