//! What lies over what: config file, environment, scenario, admin settings; and what version and mode follow.

use super::super::{Document, ErrorKind, GatewayVersion, Loaded, Mode, ScenarioError, Set};

/// A scenario beside a config file and an environment.
fn load(name: &str, text: &str, sets: &[&str]) -> Result<Loaded, ScenarioError> {
    let folder = std::env::temp_dir().join(format!("stickysim-layers-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let config = "gateway: {openai_ws: {lb_top_k: 4, sticky_session_ttl_seconds: 60}, \
                  scheduling: {load_batch_cache_ttl_ms: 0}}\n";
    std::fs::write(folder.join("config.yaml"), config).unwrap();
    std::fs::write(folder.join(".env"), "GATEWAY_OPENAI_WS_LB_TOP_K=5\nRATE_LIMIT_OVERLOAD_COOLDOWN_MINUTES=0\n")
        .unwrap();
    let sets: Vec<Set> = sets.iter().map(|set| Set::parse(set).unwrap()).collect();
    let text = format!("accounts: [{{count: 2}}]\ngateway_config: config.yaml\ngateway_env: .env\n{text}");
    let loaded = Document::parse(&text, "a.yaml".as_ref(), &folder).unwrap().resolve(&sets);
    std::fs::remove_dir_all(folder).unwrap();
    loaded
}

fn top_k(loaded: &Loaded) -> (u64, String, usize) {
    let of = loaded.settings.iter().find(|setting| setting.key == "gateway.openai_ws.lb_top_k").unwrap();
    (loaded.scenario.gateway.openai_ws.lb_top_k, of.from.clone(), of.over.len())
}

#[test]
fn each_layer_lies_over_the_one_below() {
    let loaded = load("each", "", &[]).unwrap();
    let (value, from, over) = top_k(&loaded);
    assert!(value == 5 && from.starts_with("GATEWAY_OPENAI_WS_LB_TOP_K in") && over == 1, "{from}");
    let gateway = &loaded.scenario.gateway;
    assert_eq!((gateway.openai_ws.sticky_session_ttl_seconds, gateway.scheduling.load_batch_cache_ttl_ms), (60, 0));
    assert_eq!(loaded.scenario.rate_limit.overload_cooldown_minutes, 10, "0 counts as not set");
    let own = load("own", "gateway: {openai_ws: {lb_top_k: 6}}", &[]).unwrap();
    assert_eq!(top_k(&own), (6, "scenario".to_owned(), 2));
    let set = load("set", "gateway: {openai_ws: {lb_top_k: 6}}", &["lb_top_k=7"]).unwrap();
    assert_eq!(top_k(&set), (7, "--set".to_owned(), 2));
    let text = "admin_settings: {openai_advanced_scheduler_enabled: true, openai_advanced_scheduler_lb_top_k: '8'}";
    let admin = load("admin", text, &[]).unwrap();
    let from = "admin setting openai_advanced_scheduler_lb_top_k";
    assert_eq!(top_k(&admin), (8, from.to_owned(), 2));
    let shadowed = load("shadowed", text, &["lb_top_k=7"]).unwrap_err();
    assert_eq!(shadowed.kind(), ErrorKind::Conflict);
}

#[test]
fn version_and_mode_follow_from_each_other() {
    let of = |text: &str, sets: &[&str]| {
        let scenario = load("mode", text, sets).unwrap().scenario;
        (scenario.gateway_version.unwrap(), scenario.mode.unwrap())
    };
    let (older, newer) = (GatewayVersion::V0_1_133, GatewayVersion::V0_1_179);
    assert_eq!(of("", &[]), (older, Mode::Advanced));
    assert_eq!(of("gateway_version: 0.1.179", &[]), (newer, Mode::Legacy), "the gateway's default");
    assert_eq!(of("", &["mode=weighted"]), (newer, Mode::Weighted));
    let switched = "admin_settings: {openai_advanced_scheduler_enabled: 'TRUE '}";
    assert_eq!(of(switched, &[]), (newer, Mode::Advanced));
    assert_eq!(of(switched, &["mode=legacy"]), (newer, Mode::Legacy));
    let error = load("old", "gateway_version: 0.1.133\nmode: legacy", &[]).unwrap_err();
    assert!(error.message().contains("from gateway_version 0.1.179 on"), "{}", error.message());
}

#[test]
fn what_changes_nothing_in_the_mode_is_said() {
    let text = "mode: legacy\ngateway: {openai_scheduler: {sticky_escape_ttft_ms: 9000}}";
    let loaded = load("idle", text, &[]).unwrap();
    let said = |word: &str| loaded.notes.iter().any(|note| note.contains(word));
    assert!(said("sticky_escape_ttft_ms") && said("lb_top_k"), "{:?}", loaded.notes);
    let idle: Vec<&str> =
        loaded.settings.iter().filter(|setting| setting.idle.is_some()).map(|setting| &*setting.key).collect();
    assert!(idle.contains(&"gateway.openai_ws.sticky_session_ttl_seconds"), "{idle:?}");
}

#[test]
fn the_cache_of_loads_still_answers_to_its_older_name() {
    let cache = |text: &str, sets: &[&str]| {
        load("cache", text, sets).unwrap().scenario.gateway.scheduling.load_batch_cache_ttl_ms
    };
    assert_eq!(cache("", &[]), 0, "from the config file");
    assert_eq!(cache("what_if: {load_batch_cache_ms: 70}", &[]), 70);
    assert_eq!(cache("", &["load_batch_cache_ms=80"]), 80);
    assert_eq!(cache("", &["load_batch_cache_ttl_ms=90"]), 90);
}

#[test]
fn values_that_count_as_not_set_are_what_the_gateway_makes_of_them() {
    let text = "gateway: {max_account_switches: 0, openai_ws: {sticky_response_id_ttl_seconds: 0, \
                sticky_previous_response_ttl_seconds: 77}}";
    let gateway = load("unset", text, &[]).unwrap().scenario.gateway;
    assert_eq!((gateway.max_account_switches, gateway.openai_ws.sticky_response_id_ttl_seconds), (3, 77));
    let text = "gateway: {openai_ws: {sticky_response_id_ttl_seconds: 0}}";
    assert_eq!(load("none", text, &[]).unwrap_err().kind(), ErrorKind::OutOfRange);
}
