//! What a file given as `gateway_config` is, when it has nothing of the gateway's settings: operators keep these in a
//! compose file's environment or in a ConfigMap, and give that.

use super::error::{ErrorKind, ScenarioError};
use super::tree::{Node, Place, Value};

/// The top-level keys of the gateway's config.yaml beside `gateway` and `rate_limit`.
const ITS_OWN: [&str; 24] = [
    "server",
    "run_mode",
    "cors",
    "security",
    "log",
    "database",
    "redis",
    "jwt",
    "default",
    "totp",
    "pricing",
    "billing",
    "turnstile",
    "gemini",
    "ops",
    "update",
    "timezone",
    "token_refresh",
    "api_key_auth_cache",
    "dashboard_cache",
    "dashboard_aggregation",
    "usage_cleanup",
    "concurrency",
    "linuxdo_connect",
];

/// Refuses a config that says nothing of what is simulated, or says it where the gateway does not look.
/// `known` are the known keys, counted from `gateway`.
///
/// # Errors
/// When there is neither `gateway` nor `rate_limit`, and the file is no config of the gateway's otherwise.
pub(super) fn check(config: &Node, file: &str, known: &[&'static str]) -> Result<(), ScenarioError> {
    let keys: Vec<String> = config.entries().iter().map(|entry| entry.key.to_lowercase()).collect();
    let has = |key: &str| keys.iter().any(|written| written == key);
    let too_high = config.entries().iter().find(|entry| is_within(&entry.key.to_lowercase(), known));
    if let Some(entry) = too_high {
        let message = format!("`{}` stands at the top of the gateway's config, where it is not read", entry.key);
        let help = format!("it belongs one level deeper, under `gateway`: gateway.{}", entry.key);
        return Err(error(message, help, Some(entry.place.clone())));
    }
    if has("gateway") || has("rate_limit") {
        return Ok(());
    }
    let (looks, help) = if has("services") {
        (" It looks like a compose file.", compose_help(config))
    } else if has("apiversion") && has("kind") {
        (" It looks like a manifest of Kubernetes.", manifest_help(config))
    } else if let Some(around) = config.entries().iter().find(|entry| entry.node.entry("gateway").is_some()) {
        let help = format!("take what is under `{}` out into a file of its own", around.key);
        ("", help)
    } else if keys.iter().any(|key| ITS_OWN.contains(&key.as_str())) {
        // a config that leaves all of this to its defaults
        return Ok(());
    } else {
        ("", "give the gateway's config.yaml, which has a tree called `gateway`".to_owned())
    };
    let message =
        format!("the gateway's config `{file}` has no `gateway` tree: its settings would all be defaults.{looks}");
    Err(error(message, help, config.entries().first().map(|entry| entry.place.clone())))
}

fn error(message: String, help: String, place: Option<Place>) -> ScenarioError {
    ScenarioError::new(ErrorKind::UnknownKey, message).help(Some(help)).place(place).path("gateway_config")
}

/// Whether known keys begin with this one.
fn is_within(key: &str, known: &[&'static str]) -> bool {
    let inner = format!("{key}.");
    key != "rate_limit" && known.iter().any(|path| *path == key || path.starts_with(&inner))
}

/// The settings that a compose file hands to the gateway as environment variables.
fn compose_help(config: &Node) -> String {
    let mut set = Vec::new();
    variables(config, &mut set);
    let take = "give it as `gateway_env`, and the gateway's config.yaml as `gateway_config`";
    match set.first() {
        Some(first) => format!("{take}; its environment sets {first}{}", more(set.len())),
        None => take.to_owned(),
    }
}

fn manifest_help(config: &Node) -> String {
    let texts = config.entry("data").map(|entry| &entry.node).map_or(&[][..], |node| node.entries());
    let inner = texts.iter().find(|entry| matches!(&entry.node.value, Value::Text(text) if text.contains("gateway:")));
    match inner {
        Some(entry) => {
            format!("take the text of data[\"{}\"] out into a file and give that: it has the `gateway` tree", entry.key)
        }
        None => compose_help(config),
    }
}

fn more(count: usize) -> String {
    if count > 1 { format!(" and {} more", count - 1) } else { String::new() }
}

/// `GATEWAY_...=value` and `GATEWAY_...: value`, wherever they stand.
fn variables(node: &Node, found: &mut Vec<String>) {
    match &node.value {
        Value::Text(text) if text.starts_with("GATEWAY_") && text.contains('=') => found.push(text.clone()),
        Value::List(items) => items.iter().for_each(|item| variables(item, found)),
        Value::Map(entries) => {
            for entry in entries {
                if entry.key.starts_with("GATEWAY_") {
                    found.push(entry.key.clone());
                } else {
                    variables(&entry.node, found);
                }
            }
            let name = node.entry("name").map(|entry| &entry.node.value);
            if let Some(Value::Text(name)) = name
                && name.starts_with("GATEWAY_")
            {
                found.push(name.clone());
            }
        }
        _ => {}
    }
}
