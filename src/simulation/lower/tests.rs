//! A scenario says in its own words what the rooms have as defaults.

use std::path::Path;

use super::lower;
use crate::scenario::{Document, Scenario, Set};
use crate::workload::config::{Limits, SynthConfig, WorkloadConfig};

fn scenario(text: &str, sets: &[&str]) -> Scenario {
    let sets: Vec<Set> = sets.iter().map(|set| Set::parse(set).unwrap()).collect();
    Document::parse(text, Path::new("a.yaml"), Path::new("/nowhere")).unwrap().resolve(&sets).unwrap().scenario
}

#[test]
fn an_empty_scenario_is_the_rooms_defaults() {
    let scenario = scenario("accounts: [{count: 3}]", &[]);
    let lowered = lower(&scenario).unwrap();
    assert_eq!(lowered.gateway.scheduler, crate::scheduler::Config::default());
    let expected = crate::gateway::Config::new(lowered.start, 3);
    assert_eq!(format!("{:?}", lowered.gateway), format!("{expected:?}"));
    let model = crate::upstream::config::AccountModel::default();
    assert_eq!(format!("{:?}", lowered.upstream.accounts), format!("{:?}", vec![model; 3]));
    assert_eq!(lowered.pool.iter().map(|account| account.id).collect::<Vec<_>>(), [1, 2, 3]);
    let cache = crate::measure::CacheRules { ttl: crate::units::Span::from_secs(300), min_tokens: 1_024 };
    assert!(lowered.accounts.iter().all(|account| account.cache == Some(cache)));
    let start = lowered.start;
    let measure = crate::measure::Settings { start, warmup_end: start, ..crate::measure::Settings::default() };
    assert_eq!(lowered.measure, measure);
}

#[test]
fn presets_are_those_of_the_workload() {
    for (name, preset) in [("agentic", SynthConfig::agentic().unwrap()), ("chat", SynthConfig::chat().unwrap())] {
        let scenario = scenario("accounts: [{}]", &[&format!("workload.synth.preset={name}")]);
        let WorkloadConfig::Synth(synth) = lower(&scenario).unwrap().workload else { panic!("a synthetic workload") };
        let expected = SynthConfig { arrivals: synth.arrivals.clone(), limits: synth.limits, ..preset };
        assert_eq!(synth, expected, "{name}");
        assert_eq!(synth.limits, Limits { duration: Some(crate::units::Span::from_secs(3_600)), ..Limits::default() });
        assert_eq!(synth.arrivals.rate_per_s, 60.0 / 3_600.0);
    }
}
