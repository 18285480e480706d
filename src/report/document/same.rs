//! Whether a run that was simulated again is the one that a document holds.

use serde_json::Value;

/// What is not the same, in words; `None` for the same run.
///
/// With one replication every figure is compared. With several only their means are in the document: then the state of
/// the accounts over time is compared, which the document holds of the first replication (of up to 64 accounts).
pub(in crate::report) fn difference(document: &Value, again: &Value, replications: usize) -> Option<String> {
    if replications == 1 { any_figure(document, again) } else { any_account(document, again) }
}

fn any_figure(document: &Value, again: &Value) -> Option<String> {
    let short = |value: &Value| value.to_string().chars().take(40).collect::<String>();
    document.as_object().into_iter().flatten().find_map(|(key, there)| {
        if matches!(key.as_str(), "answer" | "engine" | "notes" | "scenario") {
            return None;
        }
        let here = again.get(key).unwrap_or(&Value::Null);
        (there != here).then(|| format!("{key} is {} and not {}", short(here), short(there)))
    })
}

fn any_account(document: &Value, again: &Value) -> Option<String> {
    let accounts = |of: &Value| of.get("accounts").and_then(Value::as_array).cloned().unwrap_or_default();
    let over_time = |of: &Value| of.get("over_time").cloned().unwrap_or_default();
    let both = accounts(document).into_iter().zip(accounts(again));
    both.into_iter()
        .find(|(there, here)| over_time(there) != over_time(here))
        .map(|(there, _)| format!("account {} went another way", there["id"]))
}
