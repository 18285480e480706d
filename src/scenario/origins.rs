//! Where the gateway's settings came from, what lies over what, and which of them do nothing in the mode that runs.
//!
//! From below: the gateway's config file, its environment, the scenario with its overrides, the settings of the admin
//! pages (spec scheduler-modes.md, section 1).

use super::environment::variable_of;
use super::error::{ErrorKind, ScenarioError};
use super::gateway_keys::{COOLDOWN, known};
use super::model::Scenario;
use super::settings::{GatewayVersion, Mode, Transport};
use super::tree::{Node, Origin, Value};

/// One of the gateway's settings that somebody gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key.
    pub key: String,
    /// The value that holds, as it was written.
    pub value: String,
    /// Who gave it.
    pub from: String,
    /// What it lies over: value and giver, topmost first.
    pub over: Vec<(String, String)>,
    /// Why it changes nothing in the mode that runs; `None`: it counts.
    pub idle: Option<&'static str>,
}

/// One layer of settings in the gateway's own spelling: a map with `gateway` and `rate_limit`.
pub(super) struct Layer {
    pub kind: LayerKind,
    pub tree: Node,
}

/// What a layer was read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LayerKind {
    Config,
    Environment,
    Scenario,
}

/// The admin page's cool-down after a 529.
const OVERLOAD: &str = "overload_cooldown_settings";

/// What was given of version and mode before the defaults were filled in.
pub(super) struct Given {
    pub version: Option<GatewayVersion>,
    pub mode: Option<Mode>,
}

/// Lays the admin settings over the rest, and lists every setting that somebody gave.
///
/// # Errors
/// When an override sets what an admin setting lies over, so that it would change nothing.
pub(super) fn settle(
    scenario: &mut Scenario,
    given: &Given,
    layers: &[Layer],
    notes: &mut Vec<String>,
) -> Result<Vec<Setting>, ScenarioError> {
    let (version, mode) = (scenario.version(), scenario.scheduler_mode());
    let looked_at = version >= GatewayVersion::V0_1_179 && mode != Mode::Legacy;
    let held = lay_over(scenario, looked_at);
    let mut settings = version_and_mode(scenario, given);
    let raw = raw_settings(scenario);
    let raw_of = |name: &str| raw.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    for path in known() {
        let key = if path == COOLDOWN { path.to_owned() } else { format!("gateway.{path}") };
        let mut found: Vec<(&Layer, &Node)> =
            layers.iter().rev().filter_map(|layer| Some((layer, value_at(&layer.tree, &key)?))).collect();
        let admin = held.iter().find(|(_, over)| *over == path).map(|(name, _)| *name);
        if let (Some(name), Some((_, node))) = (admin, found.first())
            && node.place.is_set()
        {
            let message = format!("`{key}` would change nothing: the admin setting `{name}` lies over it");
            return Err(ScenarioError::new(ErrorKind::Conflict, message)
                .help(Some(format!("set `admin_settings.{name}` instead")))
                .path(key)
                .place(Some(node.place.clone())));
        }
        let (value, from) = match admin {
            Some(name) => (raw_of(name).to_owned(), format!("admin setting {name}")),
            None if found.is_empty() => continue,
            None => giver(found.remove(0), path),
        };
        let over = found.into_iter().map(|found| giver(found, path)).collect();
        let is_websocket = scenario.transport == Transport::Websocket;
        let idle = match path {
            "openai_first_output_timeout_seconds" if is_websocket => Some("over WebSocket there is no such timeout"),
            _ => idle(path, version, mode),
        };
        settings.push(Setting { key, value, from, over, idle });
    }
    for (name, value) in raw {
        let is_held = held.iter().any(|(held, _)| *held == name);
        if !is_held && !name.ends_with("scheduler_enabled") && !name.ends_with("sticky_weighted_enabled") {
            let by_itself = name.ends_with("subscription_priority_enabled") || name.ends_with("rate_multiplier");
            let idle = match (looked_at, by_itself) {
                _ if name == OVERLOAD => Some("it is no object with `enabled` and `cooldown_minutes`"),
                (false, _) => Some("this mode does not look at it"),
                (true, false) => Some("the gateway does not take this value"),
                (true, true) => None,
            };
            let key = format!("admin_settings.{name}");
            settings.push(Setting { key, value, from: "scenario".to_owned(), over: Vec::new(), idle });
        }
    }
    notes.extend(idle_notes(&settings, version, mode));
    Ok(settings)
}

/// Lays the admin settings over the rest: the names of those that took hold, with the keys that they lie over.
fn lay_over(scenario: &mut Scenario, looked_at: bool) -> Vec<(&'static str, &'static str)> {
    let Scenario { admin_settings, gateway, rate_limit, .. } = scenario;
    let mut held = if looked_at { admin_settings.lie_over(&mut gateway.openai_ws) } else { Vec::new() };
    if let Some(minutes) = admin_settings.overload_minutes() {
        rate_limit.overload_cooldown_minutes = minutes;
        held.push((OVERLOAD, COOLDOWN));
    }
    held
}

fn version_and_mode(scenario: &Scenario, given: &Given) -> Vec<Setting> {
    let setting = |key: &str, value: &str, from: &str| Setting {
        key: key.to_owned(),
        value: value.to_owned(),
        from: from.to_owned(),
        over: Vec::new(),
        idle: None,
    };
    let version = match given.version {
        Some(_) => "scenario",
        None if scenario.version() == GatewayVersion::V0_1_179 => "default where a mode or admin settings are given",
        None => "default",
    };
    let mode = match (given.mode, scenario.admin_settings.mode(), scenario.version()) {
        (Some(_), ..) => "scenario",
        (None, Some(_), _) => "admin settings",
        (None, None, GatewayVersion::V0_1_133) => "the only one that is simulated at 0.1.133",
        (None, None, GatewayVersion::V0_1_179) => "the gateway's default",
    };
    vec![
        setting("gateway_version", scenario.version().name(), version),
        setting("mode", scenario.scheduler_mode().name(), mode),
    ]
}

/// The admin settings that are given, by name.
fn raw_settings(scenario: &Scenario) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(all)) = serde_json::to_value(&scenario.admin_settings) else { return Vec::new() };
    all.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()
}

fn value_at<'a>(tree: &'a Node, key: &str) -> Option<&'a Node> {
    key.split('.').try_fold(tree, |node, step| node.get(step))
}

/// A value as it was written, and who gave it.
fn giver((layer, node): (&Layer, &Node), path: &str) -> (String, String) {
    let from = match (&node.place.source.origin, layer.kind) {
        (Origin::Set(option), _) => (*option).to_owned(),
        (Origin::File(file), LayerKind::Environment) => format!("{} in {file}", variable_of(path)),
        (Origin::File(file), LayerKind::Config) => file.clone(),
        (Origin::File(_) | Origin::BuiltIn, _) => "scenario".to_owned(),
    };
    (plain(&node.value), from)
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        Value::Null | Value::List(_) | Value::Map(_) => "null".to_owned(),
    }
}

/// Why a key changes nothing in this mode of this revision.
fn idle(path: &str, version: GatewayVersion, mode: Mode) -> Option<&'static str> {
    let weight = path.strip_prefix("openai_ws.scheduler_score_weights.");
    let is_bonus = matches!(weight, Some("previous_response" | "session_sticky"));
    let is_newer = matches!(weight, Some("reset" | "quota_headroom" | "upstream_cost"));
    if version == GatewayVersion::V0_1_133 {
        let unknown = is_bonus || is_newer || path == "scheduling.load_batch_enabled";
        return unknown.then_some("0.1.133 does not know it in its mode advanced");
    }
    let of_gate = path.starts_with("openai_scheduler.");
    match mode {
        Mode::Legacy if of_gate => Some("the mode legacy has no escape gate"),
        Mode::Legacy if weight.is_some() || path == "openai_ws.lb_top_k" => Some("the mode legacy has no score"),
        Mode::Legacy if path == "openai_ws.sticky_session_ttl_seconds" => {
            Some("the mode legacy binds for 3600 s; the key holds only for who got a slot by waiting")
        }
        Mode::Legacy => None,
        Mode::Weighted if of_gate => Some("the mode weighted has no escape gate"),
        Mode::Advanced if is_bonus => Some("only the mode weighted has bonuses"),
        Mode::Advanced | Mode::Weighted => {
            (path == "scheduling.load_batch_enabled").then_some("only the mode legacy looks at it")
        }
    }
}

/// One note for each reason why settings that somebody gave change nothing.
fn idle_notes(settings: &[Setting], version: GatewayVersion, mode: Mode) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for setting in settings {
        let Some(reason) = setting.idle else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, keys)) => keys.push(&setting.key),
            None => reasons.push((reason, vec![&setting.key])),
        }
    }
    let (version, mode) = (version.name(), mode.name());
    let note = |(reason, keys): (&str, Vec<&str>)| {
        let keys = keys.join(", ");
        format!("without effect at {version} in the mode {mode}: {keys} ({reason})")
    };
    reasons.into_iter().map(note).collect()
}
