//! What is said of scenarios that cannot be used, as whole transcripts.

use super::load;

fn transcript(cases: &[(&str, &[&str])]) -> String {
    let mut out = String::new();
    for (text, sets) in cases {
        let error = load(text, sets).expect_err(text);
        out.push_str(&format!("{error}\n\n"));
    }
    out
}

macro_rules! shown {
    ($transcript:expr) => {
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!($transcript) })
    };
}

#[test]
fn unknown_keys_name_the_nearest() {
    shown!(transcript(&[
        ("accounts: [{count: 8, tfft: 3}]", &[]),
        ("# a comment\n\nacounts: []", &[]),
        ("accounts: [{}]\nworkload:\n  synth:\n    sessions_per_hou: 3\n", &[]),
        ("accounts:\n  - ttft:\n      lognormal: {median: 3s}\n", &[]),
        ("accounts: [{}]\nwarm: 3m", &[]),
    ]));
}

#[test]
fn wrong_types_say_what_was_expected() {
    shown!(transcript(&[
        ("accounts: [{}]\nclients: 3\n", &[]),
        ("accounts: {count: 3}\n", &[]),
        ("accounts: [{ttft: constant}]", &[]),
        ("accounts: [{ttft: {constant: 1s, lognormal: {}}}]", &[]),
        ("accounts: [{ttft: {weibul: {}}}]", &[]),
        ("accounts: [{models: [4.1]}]", &[]),
        ("accounts: [{pool_mode: maybe}]", &[]),
        ("accounts: [{type: api-key}]", &[]),
        ("accounts: [{}]\nconditions:\n  - name: slow\n    when: {scheduled: {at: 30}}\n", &[]),
        ("accounts: [{}]\nconditions: [{name: x, when: {scheduled: {}}}]", &[]),
        ("accounts: [{}]\nepoch: yesterday", &[]),
        ("seed: 1e300", &[]),
        ("seed: -1", &[]),
        ("seed: .nan", &[]),
        ("just text", &[]),
        ("- a\n- b", &[]),
    ]));
}

#[test]
fn limits_are_stated() {
    shown!(transcript(&[
        ("accounts: []", &[]),
        ("name: nobody", &[]),
        ("accounts: [{count: 4000000000}]", &[]),
        ("accounts: [{count: 6000}, {count: 6000}]", &[]),
        ("accounts: [{count: -1}]", &[]),
        ("accounts: [{id: 3}, {id: 2, count: 2}]", &[]),
        ("accounts: [{ttft: {lognormal: {p50: 3s, p90: 1s}}}]", &[]),
        ("accounts: [{ttft: {lognormal: {p50: 3s, mu: 1}}}]", &[]),
        ("accounts: [{ttft: {constant: 99999d}}]", &[]),
        ("accounts: [{ttft: {geometric: {mean: 3}}}]", &[]),
        ("accounts: [{decode: {tokens_per_second: {constant: 1e308}}}]", &[]),
        (
            "accounts: [{failures: [{probability: 0.7, error: {timeout: }}, {probability: 0.7, error: {connect: }}]}]",
            &[]
        ),
        ("accounts: [{}]\ngateway: {openai_ws: {lb_top_k: 0}}", &[]),
        ("accounts: [{}]\ngateway: {openai_scheduler: {sticky_escape_error_rate: 1.5}}", &[]),
        ("accounts: [{}]\ngateway: {openai_scheduler: {sticky_escape_ttft_ms: -5}}", &[]),
        (
            concat!(
                "accounts: [{}]\ngateway:\n  openai_ws:\n    ",
                "scheduler_score_weights: {priority: 0, load: 0, queue: 0, error_rate: 0, ttft: 0}"
            ),
            &[],
        ),
        ("accounts: [{}]\ngateway: {scheduling: {fallback_wait_timeout: 0s}}", &[]),
        ("accounts: [{}]\nduration: 1h\nwarmup: 90m", &[]),
        ("accounts: [{}]\nconditions: [{name: a, accounts: [2], when: {flapping: {on: 1m, off: 1m}}}]", &[]),
        ("accounts: [{}]\nworkload: {synth: {}, replay: {file: a.csv}}", &[]),
        ("accounts: [{}]\nworkload: {time_scale: 2}", &[]),
        ("accounts: [{}]\nservice: recorded", &[]),
    ]));
}

#[test]
fn what_is_no_yaml_is_pointed_at() {
    shown!(transcript(&[
        ("accounts: [{count: 3}\nseed: 1", &[]),
        ("seed: 1\nseed: 2", &[]),
        ("name: \"open", &[]),
        ("accounts:\n\t- count: 1", &[]),
        ("seed: 1\n---\nseed: 2", &[]),
    ]));
}

#[test]
fn overrides_point_at_the_argument() {
    let pool = "accounts: [{count: 3}, {id: 7, name: big}]\nconditions: [{name: slow, when: {scheduled: {at: 1m}}}]";
    shown!(transcript(&[
        (pool, &["seed"]),
        (pool, &["sed=3"]),
        (pool, &["lb_topk=3"]),
        (pool, &["lb_top_k=0"]),
        (pool, &["gateway.openai_ws.lb_topk=3"]),
        (pool, &["gateway.openai_scheduler.lb_top_k=3"]),
        (pool, &["gateway.advanced_scheduler.lb_top_q=3"]),
        (pool, &["accounts[2].concurrency=3"]),
        (pool, &["accounts.5.concurrency=3"]),
        (pool, &["accounts.bigg.concurrency=3"]),
        (pool, &["accounts.2.concurency=3"]),
        (pool, &["conditions.fast.effect.ttft_factor=3"]),
        (pool, &["conditions.slow.effect.ttft_factor=-3"]),
        (pool, &["accounts[0].ttft.constant.x=3"]),
        (pool, &["accounts[x].count=3"]),
        (pool, &["seed.x=3"]),
        (pool, &["workload..x=3"]),
        (pool, &["account_defaults.ttft={lognormal: {p50: 2s, p90: 1s}}"]),
        (pool, &["account_defaults={ttft: {constant: 1s}}", "account_defaults.ttft.lognormal.p50=1s"]),
        (pool, &["workload.synth.turns={constant: [1}"]),
    ]));
}
