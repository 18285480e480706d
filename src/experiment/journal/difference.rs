//! What differs between two headers, so that a refusal can name the argument or the key that is another one.

use serde_json::Value;

use super::header::Header;

/// More than these are counted, not listed.
pub(super) const MOST_TOLD: usize = 5;

/// Something that stands otherwise in another header.
pub(super) struct Difference {
    name: String,
    there: Option<String>,
    here: Option<String>,
}

impl Difference {
    /// `seed: `1` there, `2` here`, with these words for the places.
    pub fn words(&self, ours: &str, theirs: &str) -> String {
        let nothing = || "nothing".to_owned();
        let (there, here) = (self.there.clone().unwrap_or_else(nothing), self.here.clone().unwrap_or_else(nothing));
        format!("{}: {there} {theirs}, {here} {ours}", self.name)
    }
}

/// All that differs. Keys of the scenarios only where nothing else shows it: another seed is both an argument and a
/// key.
pub(super) fn between(here: &Header, there: &Header) -> Vec<Difference> {
    let value = |header: &Header, name: &str| header.value_of(name).map(|text| format!("`{text}`"));
    let mut names: Vec<&str> = here.about.iter().chain(&there.about).map(|(name, _)| name.as_str()).collect();
    let mut known = std::collections::BTreeSet::new();
    names.retain(|name| known.insert(*name));
    let mut found: Vec<Difference> = names
        .into_iter()
        .map(|name| Difference { name: name.to_owned(), there: value(there, name), here: value(here, name) })
        .collect();
    let shard = |header: &Header| Some(header.shard.clone().unwrap_or_else(|| "all".to_owned()));
    let cells = |header: &Header| Some(header.cells.to_string());
    found.push(Difference { name: "cells".to_owned(), there: cells(there), here: cells(here) });
    found.push(Difference { name: "shard".to_owned(), there: shard(there), here: shard(here) });
    found.retain(|one| one.there != one.here);
    if found.is_empty() {
        let several = here.scenarios.len() > 1;
        for (ours, theirs) in here.scenarios.iter().zip(&there.scenarios) {
            let name = ours.get("name").and_then(Value::as_str).filter(|_| several).unwrap_or_default();
            keys(name, Some(ours), Some(theirs), &mut found);
        }
    }
    found
}

/// The keys at and below `path` that differ.
fn keys(path: &str, here: Option<&Value>, there: Option<&Value>, found: &mut Vec<Difference>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (here, there) {
        _ if here == there => {}
        (Some(Value::Object(ours)), Some(Value::Object(theirs))) => {
            for (key, value) in ours {
                keys(&below(key), Some(value), theirs.get(key), found);
            }
            for (key, value) in theirs.iter().filter(|(key, _)| !ours.contains_key(*key)) {
                keys(&below(key), None, Some(value), found);
            }
        }
        (Some(Value::Array(ours)), Some(Value::Array(theirs))) => {
            for at in 0..ours.len().max(theirs.len()) {
                keys(&format!("{path}[{at}]"), ours.get(at), theirs.get(at), found);
            }
        }
        _ => {
            let text = |value: Option<&Value>| match value {
                Some(Value::Object(_) | Value::Array(_)) => Some("another value".to_owned()),
                value => value.map(Value::to_string),
            };
            found.push(Difference { name: path.to_owned(), there: text(there), here: text(here) });
        }
    }
}

impl Header {
    /// What differs between this header (here) and one that was found (there), in words; empty when nothing does.
    pub fn differences(&self, found: &Self) -> String {
        self.differences_in(found, "here", "there")
    }

    /// The same; `ours` and `theirs` say where each stands.
    pub fn differences_in(&self, other: &Self, ours: &str, theirs: &str) -> String {
        let mut found = between(self, other);
        if found.is_empty() && self.fingerprint != other.fingerprint {
            return "a file that the scenario reads, or stickysim itself, has changed".to_owned();
        }
        let more = found.len().saturating_sub(MOST_TOLD);
        found.truncate(MOST_TOLD);
        let mut words: Vec<String> = found.iter().map(|one| one.words(ours, theirs)).collect();
        if more > 0 {
            words.push(format!("and {more} more"));
        }
        words.join("; ")
    }
}
