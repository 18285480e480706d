//! Every key of a scenario reaches the settings of a run, and no key passes for another: a key that is dropped on its
//! way leaves the settings as they are, and two keys that are swapped leave the same settings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::lower;
use crate::scenario::{Document, Set};

/// Keys with a value that is not the default. A line that begins with `+` adds sets which the next lines need.
///
/// They are read when the test runs, so that the table can grow without a build.
fn keys() -> &'static str {
    Box::leak(read("key_tests.txt").into_boxed_str())
}

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/simulation/lower").join(name)).unwrap()
}

fn lowered(sets: &[&str]) -> Result<String, String> {
    let sets: Vec<Set> = sets.iter().map(|set| Set::parse(set).unwrap()).collect();
    let document = Document::parse(&read("key_tests.yaml"), Path::new("a.yaml"), Path::new("/nowhere")).unwrap();
    let scenario = document.resolve(&sets).map_err(|error| error.to_string())?.scenario;
    lower(&scenario).map(|lowered| format!("{lowered:?}")).map_err(|error| error.to_string())
}

/// The keys of the table: those that stand before, and the one that is set on top of them.
fn rows() -> Vec<(Vec<&'static str>, &'static str)> {
    let mut before = Vec::new();
    let mut rows = Vec::new();
    for line in keys().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('+') {
            Some(sets) => before = sets.split_whitespace().collect(),
            None => rows.push((before.clone(), line)),
        }
    }
    rows
}

#[test]
fn every_key_moves_the_settings_of_a_run_and_none_moves_those_of_another() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (before, set) in rows() {
        let both = format!("{} {set}", before.join(" "));
        let without = lowered(&before).unwrap_or_else(|error| panic!("{}: {error}", before.join(" ")));
        match lowered(&[&before[..], &[set]].concat()) {
            Err(error) => wrong.push(format!("{both}: {error}")),
            Ok(settings) if settings == without => wrong.push(format!("{both}: changes nothing")),
            Ok(settings) => {
                if let Some(other) = seen.insert(settings, both.clone()) {
                    wrong.push(format!("{both}: the same settings as with {other}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_of_keys_has_every_key_of_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../schema/scenario.schema.json")).unwrap();
    let mut keys = BTreeSet::new();
    walk(&schema, &schema["$defs"], &mut Vec::new(), &mut Vec::new(), &mut keys);
    let table: BTreeSet<String> = rows().iter().map(|(_, set)| plain(set.split('=').next().unwrap())).collect();
    let exceptions: BTreeSet<&str> = EXCEPTIONS.iter().flat_map(|(keys, _)| keys.split_whitespace()).collect();
    let covered = |key: &&String| {
        let is_in = |other: &str| key.as_str() == other || key.starts_with(&format!("{other}."));
        let leads_to = |other: &str| other.starts_with(&format!("{key}."));
        !table.iter().any(|other| is_in(other) || leads_to(other)) && !exceptions.iter().any(|other| is_in(other))
    };
    let missing: Vec<&String> = keys.iter().filter(covered).collect();
    assert!(missing.is_empty(), "keys of the schema that are not in the table:\n{missing:#?}");
}

/// Keys that the table does not have, and why.
const EXCEPTIONS: [(&str, &str); 6] = [
    ("name description", "for people"),
    ("admin_settings.openai_advanced_scheduler_enabled", "what `mode: advanced` sets"),
    (
        "gateway_config gateway_env service account_defaults.count workload.replay workload.repeat \
         workload.time_scale",
        "files.rs and service.rs have tests",
    ),
    ("conditions.when.replayed conditions.name", "these name files and things"),
    ("conditions.when.markov", "it has no effect beside its states; tests.rs has it"),
    ("account_defaults.id account_defaults.name", "an account's own"),
];

/// A key without the names and numbers of list members.
fn plain(key: &str) -> String {
    let member = |part: &&str| *part != "c" && part.parse::<usize>().is_err();
    key.split('.').map(|part| part.split('[').next().unwrap_or(part)).filter(member).collect::<Vec<_>>().join(".")
}

/// Collects the keys that hold plain values or distributions. Accounts hold what `account_defaults` holds.
fn walk(node: &Value, defs: &Value, path: &mut Vec<String>, inside: &mut Vec<String>, keys: &mut BTreeSet<String>) {
    if let Some(name) = node["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        let known =
            defs.get(name).filter(|_| !name.starts_with("DistributionOf") && !inside.contains(&name.to_owned()));
        let Some(definition) = known else {
            {
                keys.insert(path.join("."));
                return;
            }
        };
        inside.push(name.to_owned());
        walk(definition, defs, path, inside, keys);
        inside.pop();
        return;
    }
    let mut is_leaf = true;
    for alternative in ["anyOf", "oneOf", "allOf"].iter().filter_map(|of| node[of].as_array()).flatten() {
        is_leaf = false;
        walk(alternative, defs, path, inside, keys);
    }
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        is_leaf = false;
        if path.is_empty() && name == "accounts" {
            continue;
        }
        path.push(name.clone());
        walk(property, defs, path, inside, keys);
        path.pop();
    }
    if node["items"].is_object() {
        is_leaf = false;
        walk(&node["items"], defs, path, inside, keys);
    }
    if is_leaf && node["type"] != "null" {
        keys.insert(path.join("."));
    }
}
