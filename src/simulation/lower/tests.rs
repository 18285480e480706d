//! A scenario says in its own words what the rooms have as defaults.

use std::path::Path;

use super::lower;
use crate::scenario::{Document, Scenario, Set};
use crate::workload::config::{Limits, Start, SynthConfig, WorkloadConfig};

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
    let horizon = start + crate::units::Span::from_secs(3_600);
    let measure = crate::measure::Settings { start, warmup_end: start, horizon, ..crate::measure::Settings::default() };
    assert_eq!(lowered.measure, measure);
}

#[test]
fn presets_are_those_of_the_workload() {
    for (name, preset) in [("agentic", SynthConfig::agentic().unwrap()), ("chat", SynthConfig::chat().unwrap())] {
        let scenario = scenario("accounts: [{}]", &[&format!("workload.synth.preset={name}")]);
        let WorkloadConfig::Synth(synth) = lower(&scenario).unwrap().workload else { panic!("a synthetic workload") };
        let expected =
            SynthConfig { arrivals: synth.arrivals.clone(), limits: synth.limits, start: synth.start, ..preset };
        assert!(matches!(synth.start, Start::Equilibrium { service_s } if (3.0..20.0).contains(&service_s)));
        assert_eq!(synth, expected, "{name}");
        assert_eq!(synth.limits, Limits { duration: Some(crate::units::Span::from_secs(3_600)), ..Limits::default() });
        assert_eq!(synth.arrivals.rate_per_s, 60.0 / 3_600.0);
    }
}

/// A folder of its own for files, gone when the test is over.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("stickysim-lower-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        for (file, text) in files {
            std::fs::write(path.join(file), text).unwrap();
        }
        Self(path)
    }

    fn lower(&self, text: &str) -> Result<super::Lowered, String> {
        let document = Document::parse(text, Path::new("a.yaml"), &self.0).unwrap();
        lower(&document.resolve(&[]).unwrap().scenario).map_err(|error| error.to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn files_that_a_scenario_names_are_read_beside_it() {
    let folder = Folder::new(
        "good",
        &[("ttft.csv", "ttft_s\n1.5\n# odd\n2.5\n\n0.5\n"), ("factors.csv", "factor,time_s\n1,0\n20,60.5\n1,120\n")],
    );
    let lowered = folder
        .lower(
            "accounts: [{ttft: {empirical: {file: ttft.csv}}}]\nconditions: [{name: f, when: {replayed: {file: \
                factors.csv}}}]",
        )
        .unwrap();
    assert_eq!(lowered.upstream.accounts[0].ttft_s.median(), 1.5);
    let crate::upstream::config::Course::Replayed { steps, .. } = &lowered.upstream.conditions[0].course else {
        panic!("a replayed course")
    };
    let seconds: Vec<(f64, f64)> = steps.iter().map(|(at, factor)| (at.secs(), *factor)).collect();
    assert_eq!(seconds, [(0.0, 1.0), (60.5, 20.0), (120.0, 1.0)]);
}

#[test]
fn files_that_cannot_be_used_say_where_and_by_which_key() {
    let folder = Folder::new(
        "bad",
        &[
            ("text.csv", "ttft_s\n1.5\nfast\n"),
            ("wide.csv", "1,2\n"),
            ("empty.csv", ""),
            ("back.csv", "time_s,factor\n5,1\n4,1\n"),
            ("heading.csv", "time,factor\n5,1\n"),
        ],
    );
    let ttft = |file: &str| format!("accounts: [{{count: 2, ttft: {{empirical: {{file: {file}}}}}}}]");
    let factors =
        |file: &str| format!("accounts: [{{}}]\nconditions: [{{name: f, when: {{replayed: {{file: {file}}}}}}}]");
    for (text, expected) in [
        (ttft("text.csv"), "text.csv:3: `fast` is not a number of at least 0 (named by `accounts[0].ttft`)"),
        (ttft("wide.csv"), "wide.csv:1: has 2 columns; expected one column of numbers (named by `accounts[0].ttft`)"),
        (ttft("empty.csv"), "empty.csv: has no numbers; expected one per line (named by `accounts[0].ttft`)"),
        (
            factors("back.csv"),
            "back.csv:3: time_s 4 is earlier than that of the row before (named by `conditions[0].when.replayed.file`)",
        ),
        (
            factors("heading.csv"),
            "heading.csv:1: expected a heading with the columns time_s and factor (named by \
             `conditions[0].when.replayed.file`)",
        ),
    ] {
        let error = folder.lower(&text).unwrap_err();
        assert_eq!(error, folder.0.join(expected).display().to_string());
    }
    assert!(folder.lower(&ttft("none.csv")).unwrap_err().contains("none.csv: cannot be read: "));
}

#[test]
fn a_condition_that_is_not_shared_befalls_each_account_for_itself() {
    let text = "accounts: [{count: 3}]\nconditions: [{name: c, accounts: [1, 3], shared: SHARED, when: {markov: \
                {states: [{name: up, sojourn: {constant: 1h}}, {name: down, sojourn: {constant: 1m}, effect: \
                {error_rate: 1}}]}}}]";
    let names = |shared: &str| {
        let lowered = lower(&scenario(&text.replace("SHARED", shared), &[])).unwrap();
        let conditions = lowered.conditions.iter();
        conditions.map(|c| (c.name.clone(), c.accounts.iter().map(|ix| ix.0).collect::<Vec<_>>())).collect::<Vec<_>>()
    };
    assert_eq!(names("true"), [("c".to_owned(), vec![0, 2])]);
    assert_eq!(names("false"), [("c@1".to_owned(), vec![0]), ("c@3".to_owned(), vec![2])]);
}

#[test]
fn models_of_conditions_have_the_numbers_of_the_workload() {
    use crate::ids::ModelId;
    let conditions =
        "conditions: [{name: c, when: {scheduled: {at: 0}}, effect: {ttft_factor: 2, only_models: [b, z]}}]";
    let synth = format!(
        "accounts: [{{}}]\n{conditions}\nworkload: {{synth: {{models: [{{name: a, weight: 1}}, {{name: b, weight: \
         1}}]}}}}"
    );
    assert_eq!(lower(&scenario(&synth, &[])).unwrap().conditions[0].models, [ModelId(2)]);
    let replay = format!("accounts: [{{}}]\n{conditions}\nworkload: {{replay: {{file: a.csv}}}}");
    let lowered = lower(&scenario(&replay, &[])).unwrap();
    assert_eq!(lowered.conditions[0].models, [ModelId(1), ModelId(2)]);
    let WorkloadConfig::Replay(config) = lowered.workload else { panic!("a replay") };
    assert_eq!(config.models, ["b", "z"]);
    let never = lower(&scenario(&synth.replace("[b, z]", "[z]"), &[])).unwrap();
    assert_eq!(never.conditions[0].models, [ModelId(u16::MAX)], "a model that never occurs is not \"all models\"");
}

#[test]
fn everything_reaches_its_room() {
    let text = include_str!("../../scenario/tests/everything.yaml");
    let lowered = lower(&scenario(text, &[])).unwrap();
    assert_eq!(lowered.pool.len(), 5);
    assert_eq!(lowered.gateway.replicas, 3);
    assert_eq!(lowered.gateway.restarts[1].at, lowered.start + crate::units::Span::from_secs(2_400));
    assert_eq!(lowered.gateway.accounts[3].pool_mode_retry_status_codes, [429]);
    assert_eq!(lowered.upstream.accounts[3].limits.len(), 3);
    assert_eq!(lowered.upstream.accounts[3].failures.len(), 5);
    assert_eq!(lowered.upstream.messages, ["slow down"]);
    assert!(lowered.upstream.accounts[4].prompt_cache.is_none());
    let names: Vec<_> = lowered.conditions.iter().map(|condition| condition.name.as_str()).collect();
    assert_eq!(names, ["slow", "incidents@1", "incidents@3", "flap", "throttle", "crowd"]);
    // Only what the account says itself: its id is in the names of those that gave none.
    assert_eq!(lowered.account_names, ["1", "2", "3", "odd one", "11"]);
}

#[test]
fn more_sessions_under_way_than_memory_holds_are_refused_and_fewer_are_not() {
    let text = "accounts: [{count: 9}]\nwarmup: 0s\nduration: 2h\nworkload: {synth: {turns: {constant: 10}, \
                think_time: {constant: 400s}}}";
    let lowered = |rate: f64| lower(&scenario(text, &[&format!("workload.synth.sessions_per_hour={rate}")]));
    // a session of ten turns with nine pauses of 400 s lasts an hour and some minutes
    assert!(lowered(4.0e6).is_ok());
    assert!(matches!(lowered(6.0e6), Err(super::LowerError::TooManySessions { sessions }) if sessions > 5e6));
    assert!(lower(&scenario(text, &["workload.synth.sessions_per_hour=6e6", "workload.max_sessions=10"])).is_ok());
}
