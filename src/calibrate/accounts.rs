//! The account snapshot that docs/export/sub2api-export-accounts.sql gives: one JSON object a line.

use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::workload::Error;

/// An account as the gateway knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its id in the database of the gateway.
    pub id: i64,
    /// OAuth instead of an API key.
    pub oauth: bool,
    /// Lower is better.
    pub priority: i64,
    /// Slots.
    pub concurrency: i64,
    /// In place of the concurrency in the load rate.
    pub load_factor: Option<i64>,
}

/// A whole number, also one that was written as a float, or none.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    let of_float = || number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64);
    let found = number.as_i64().or_else(of_float);
    found.map(Some).ok_or_else(|| D::Error::custom(format!("{number} is no whole number")))
}

#[derive(Deserialize)]
struct Line {
    #[serde(default, deserialize_with = "whole")]
    account_id: Option<i64>,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<String>,
    schedulable: Option<bool>,
    #[serde(default, deserialize_with = "whole")]
    concurrency: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    load_factor: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    priority: Option<i64>,
    groups: Option<Vec<i64>>,
}

/// Reads a snapshot: accounts of `group` that serve, or that the log has seen; and what was left out.
///
/// # Errors
/// When it cannot be read or a line is no account.
pub fn read(path: &Path, group: Option<i64>, seen: &[i64]) -> Result<(Vec<Known>, Vec<String>), Error> {
    of_text(&super::escapes::text(path)?, path, group, seen)
}

/// The same of a text that stood in the file at `path`.
///
/// # Errors
/// As [`read`].
pub fn of_text(text: &str, path: &Path, group: Option<i64>, seen: &[i64]) -> Result<(Vec<Known>, Vec<String>), Error> {
    let mut known: Vec<Known> = Vec::new();
    let mut idle = Vec::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).map_err(|error| {
            let message = format!("expected an account as sub2api-export-accounts.sql gives it: {error}");
            Error::new(message, "export it again").at(path, number, 0)
        })?;
        let id = line.account_id.ok_or_else(|| {
            let message = "expected an account as sub2api-export-accounts.sql gives it: it has no `account_id`";
            Error::new(message, "export it again").at(path, number, 0)
        })?;
        if known.iter().any(|account| account.id == id) {
            continue;
        }
        let serves = line.schedulable.unwrap_or(true) && line.status.as_deref().is_none_or(|status| status == "active");
        let member = match (&line.groups, group) {
            (Some(groups), Some(group)) => groups.contains(&group),
            _ => true,
        };
        if seen.contains(&id) || (serves && member) {
            known.push(Known {
                id,
                oauth: line.kind.as_deref().is_some_and(|kind| kind != "apikey"),
                priority: line.priority.unwrap_or(1),
                concurrency: line.concurrency.unwrap_or(0),
                load_factor: line.load_factor.filter(|&factor| factor > 0),
            });
        } else if member {
            idle.push(id.to_string());
        }
    }
    if known.is_empty() && idle.is_empty() {
        return Err(Error::in_file(path, "there is no account in it", "export it with sub2api-export-accounts.sql"));
    }
    known.sort_by_key(|account| account.id);
    let mut notes = Vec::new();
    let missing: Vec<String> =
        seen.iter().filter(|id| !known.iter().any(|account| account.id == **id)).map(ToString::to_string).collect();
    if !missing.is_empty() {
        notes.push(format!(
            "accounts of the log that the snapshot does not have (deleted since?): {}; of these the slots are the \
             most that were seen at once, and priority and type are defaults",
            missing.join(", ")
        ));
    }
    if !idle.is_empty() {
        notes.push(format!("accounts that do not serve and have no traffic are left out: {}", idle.join(", ")));
    }
    Ok((known, notes))
}
